
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The values of a command's members.
 */


#include "ngx_kafka_ws_command_parser.h"
#include "ngx_kafka_ws_json_read.h"


static int ngx_kafka_ws_command_array(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_cursor_member(
    ngx_kafka_ws_command_parser_t *cp, const ngx_kafka_ws_span_t *name,
    const uint8_t *at);
static int ngx_kafka_ws_command_cursor_twice(
    ngx_kafka_ws_command_parser_t *cp, const ngx_kafka_ws_span_t *name,
    const uint8_t *at);
static int ngx_kafka_ws_command_filter_member(
    ngx_kafka_ws_command_parser_t *cp, const ngx_kafka_ws_span_t *name,
    const uint8_t *at);
static int ngx_kafka_ws_command_partition_value(
    ngx_kafka_ws_command_parser_t *cp, const char *what, int32_t *partition);
static int ngx_kafka_ws_command_offset_value(
    ngx_kafka_ws_command_parser_t *cp, int64_t *offset);
static int ngx_kafka_ws_command_malformed(ngx_kafka_ws_command_parser_t *cp,
    const uint8_t *start, const ngx_kafka_ws_span_t *s,
    const ngx_kafka_ws_cursor_error_t *err);


int
ngx_kafka_ws_command_partitions(ngx_kafka_ws_command_parser_t *cp)
{
    int                           rc;
    const uint8_t                *start;
    ngx_kafka_ws_span_t           s;
    ngx_kafka_ws_command_t       *cmd;
    ngx_kafka_ws_cursor_error_t   err;

    cmd = cp->cmd;
    start = cp->pos;

    if (ngx_kafka_ws_command_at(cp, '[')) {
        return ngx_kafka_ws_command_array(cp);
    }

    if (!ngx_kafka_ws_command_at(cp, '"')) {
        rc = ngx_kafka_ws_command_partition_value(cp,
                              "partitions are a list, an array or an integer",
                              &cmd->ranges[0].first);

        cmd->ranges[0].last = cmd->ranges[0].first;
        cmd->nranges = 1;

        return rc;
    }

    rc = ngx_kafka_ws_command_string(cp, NULL, &s);
    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    if (ngx_kafka_ws_ranges_parse(s.data, s.len, cmd->ranges,
                                  NGX_KAFKA_WS_RANGES_MAX, &cmd->nranges,
                                  &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_command_malformed(cp, start, &s, &err);
    }

    return NGX_KAFKA_WS_COMMAND_OK;
}


static int
ngx_kafka_ws_command_array(ngx_kafka_ws_command_parser_t *cp)
{
    int                      rc;
    unsigned                 more;
    const uint8_t           *start;
    ngx_kafka_ws_range_t     r;
    ngx_kafka_ws_command_t  *cmd;

    cmd = cp->cmd;
    start = cp->pos++;

    ngx_kafka_ws_command_space(cp);

    if (ngx_kafka_ws_command_at(cp, ']')) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "empty partition list");
    }

    do {
        ngx_kafka_ws_command_space(cp);

        start = cp->pos;

        rc = ngx_kafka_ws_command_partition_value(cp,
                                                  "a partition is an integer",
                                                  &r.first);
        if (rc != NGX_KAFKA_WS_COMMAND_OK) {
            return rc;
        }

        r.last = r.first;

        if (ngx_kafka_ws_ranges_add(cmd->ranges, NGX_KAFKA_WS_RANGES_MAX,
                                    &cmd->nranges, r)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                             start, "too many ranges");
        }

        rc = ngx_kafka_ws_command_more(cp, ']', &more);
        if (rc != NGX_KAFKA_WS_COMMAND_OK) {
            return rc;
        }

    } while (more);

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_cursor(ngx_kafka_ws_command_parser_t *cp)
{
    int                           rc;
    uint8_t                      *out;
    const uint8_t                *start;
    ngx_kafka_ws_span_t           s;
    ngx_kafka_ws_command_t       *cmd;
    ngx_kafka_ws_cursor_error_t   err;

    cmd = cp->cmd;
    start = cp->pos;
    out = cp->out;

    if (!ngx_kafka_ws_command_at(cp, '{')) {
        rc = ngx_kafka_ws_command_string(cp,
                                         "a cursor is a string or an object",
                                         &s);
        if (rc != NGX_KAFKA_WS_COMMAND_OK) {
            return rc;
        }

        if (ngx_kafka_ws_cursor_parse(s.data, s.len, cmd->positions,
                                      cp->max, &cmd->npositions, &err)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return ngx_kafka_ws_command_malformed(cp, start, &s, &err);
        }

        return NGX_KAFKA_WS_COMMAND_OK;
    }

    rc = ngx_kafka_ws_command_object(cp, ngx_kafka_ws_command_cursor_member);
    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    cp->twice = ngx_kafka_ws_cursor_sort(cmd->positions, cmd->npositions);

    if (cp->twice < 0) {
        return NGX_KAFKA_WS_COMMAND_OK;
    }

    /* once more, for the place */

    cp->pos = start;
    cp->out = out;

    return ngx_kafka_ws_command_object(cp, ngx_kafka_ws_command_cursor_twice);
}


static int
ngx_kafka_ws_command_cursor_member(ngx_kafka_ws_command_parser_t *cp,
    const ngx_kafka_ws_span_t *name, const uint8_t *at)
{
    ngx_kafka_ws_command_t       *cmd;
    ngx_kafka_ws_position_t      *pos;
    ngx_kafka_ws_cursor_error_t   err;

    cmd = cp->cmd;

    if (cmd->npositions == cp->max) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE, at,
                                         "too many partitions");
    }

    pos = &cmd->positions[cmd->npositions++];

    if (ngx_kafka_ws_cursor_partition_parse(name->data, name->len,
                                            &pos->partition, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE, at,
                                         err.text);
    }

    return ngx_kafka_ws_command_offset_value(cp, &pos->offset);
}


/* all of it was read before */

static int
ngx_kafka_ws_command_cursor_twice(ngx_kafka_ws_command_parser_t *cp,
    const ngx_kafka_ws_span_t *name, const uint8_t *at)
{
    int32_t                      partition;
    ngx_kafka_ws_cursor_error_t  err;

    partition = -1;

    (void) ngx_kafka_ws_cursor_partition_parse(name->data, name->len,
                                               &partition, &err);

    if (partition == cp->twice && cp->found++ != 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EDUPLICATE,
                                         at, "partition named twice");
    }

    cp->pos = ngx_kafka_ws_json_read_value(cp->pos, cp->last);

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_filter(ngx_kafka_ws_command_parser_t *cp)
{
    int                      rc;
    const uint8_t           *start;
    ngx_kafka_ws_command_t  *cmd;

    cmd = cp->cmd;
    start = cp->pos;

    if (!ngx_kafka_ws_command_at(cp, '{')) {
        return ngx_kafka_ws_command_expected(cp, "a filter is an object");
    }

    rc = ngx_kafka_ws_command_object(cp, ngx_kafka_ws_command_filter_member);

    if (rc == NGX_KAFKA_WS_COMMAND_OK && cmd->nfilters == 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "empty filter");
    }

    return rc;
}


static int
ngx_kafka_ws_command_filter_member(ngx_kafka_ws_command_parser_t *cp,
    const ngx_kafka_ws_span_t *name, const uint8_t *at)
{
    int                           rc;
    size_t                        i;
    const char                   *error;
    const uint8_t                *start;
    ngx_kafka_ws_command_t       *cmd;
    ngx_kafka_ws_filter_pair_t   *filter;
    ngx_kafka_ws_filter_field_t   field;

    cmd = cp->cmd;

    error = ngx_kafka_ws_filter_field_parse(name->data, name->len, &field);

    if (error != NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE, at,
                                         error);
    }

    for (i = 0; i < cmd->nfilters; i++) {

        if (ngx_kafka_ws_filter_field_compare(&field, &cmd->filters[i].field)
            == 0)
        {
            return ngx_kafka_ws_command_fail(cp,
                                             NGX_KAFKA_WS_COMMAND_EDUPLICATE,
                                             at, "field named twice");
        }
    }

    if (i == NGX_KAFKA_WS_FILTER_TERMS_MAX) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE, at,
                                         "too many fields");
    }

    filter = &cmd->filters[cmd->nfilters++];
    filter->field = field;
    start = cp->pos;

    rc = ngx_kafka_ws_command_string(cp, "a value to filter by is a string",
                                     &filter->value);

    if (rc == NGX_KAFKA_WS_COMMAND_OK && filter->value.len == 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "empty value to filter by");
    }

    return rc;
}


int
ngx_kafka_ws_command_partition(ngx_kafka_ws_command_parser_t *cp)
{
    return ngx_kafka_ws_command_partition_value(cp,
                                                "a partition is an integer",
                                                &cp->partition);
}


static int
ngx_kafka_ws_command_partition_value(ngx_kafka_ws_command_parser_t *cp,
    const char *what, int32_t *partition)
{
    int                           rc;
    ngx_kafka_ws_span_t           s;
    ngx_kafka_ws_cursor_error_t   err;

    rc = ngx_kafka_ws_command_number(cp, what, &s);
    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    if (ngx_kafka_ws_cursor_partition_parse(s.data, s.len, partition, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         s.data + err.pos, err.text);
    }

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_offset(ngx_kafka_ws_command_parser_t *cp)
{
    return ngx_kafka_ws_command_offset_value(cp, &cp->offset);
}


static int
ngx_kafka_ws_command_offset_value(ngx_kafka_ws_command_parser_t *cp,
    int64_t *offset)
{
    int                           rc;
    const uint8_t                *start;
    ngx_kafka_ws_span_t           s;
    ngx_kafka_ws_cursor_error_t   err;

    start = cp->pos;

    if (ngx_kafka_ws_command_at(cp, '"')) {
        rc = ngx_kafka_ws_command_string(cp, NULL, &s);

    } else {
        rc = ngx_kafka_ws_command_number(cp, "an offset is an integer, or a "
                                            "string of one", &s);
    }

    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    if (ngx_kafka_ws_cursor_offset_parse(s.data, s.len, offset, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_command_malformed(cp, start, &s, &err);
    }

    return NGX_KAFKA_WS_COMMAND_OK;
}


/*
 * The value that begins at start is not what a cursor or a list has.  Where
 * escapes were undone, places in it are not those of the text.
 */

static int
ngx_kafka_ws_command_malformed(ngx_kafka_ws_command_parser_t *cp,
    const uint8_t *start, const ngx_kafka_ws_span_t *s,
    const ngx_kafka_ws_cursor_error_t *err)
{
    size_t  quotes;

    quotes = (*start == '"') ? 2 : 0;

    if (s->len + quotes == (size_t) (cp->pos - start)) {
        start += quotes / 2 + err->pos;
    }

    return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE, start,
                                     err->text);
}
