
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <string.h>

#include "ngx_kafka_ws_command.h"
#include "ngx_kafka_ws_command_parser.h"
#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_json_find.h"


#define ngx_kafka_ws_command_bit(name)                                        \
    (1u << NGX_KAFKA_WS_COMMAND_IN_ ## name)

#define NGX_KAFKA_WS_COMMAND_ALL                                              \
    (ngx_kafka_ws_command_bit(COMMAND)|ngx_kafka_ws_command_bit(ID)           \
     |ngx_kafka_ws_command_bit(TOPIC))


typedef struct {
    const char  *name;
    int        (*value)(ngx_kafka_ws_command_parser_t *cp);
} ngx_kafka_ws_command_member_t;


typedef struct {
    const char  *name;
    unsigned     members;     /* bits */
} ngx_kafka_ws_command_name_t;


static int ngx_kafka_ws_command_whole(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_member(ngx_kafka_ws_command_parser_t *cp,
    const ngx_kafka_ws_span_t *name, const uint8_t *at);
static int ngx_kafka_ws_command_is(const ngx_kafka_ws_span_t *s,
    const char *text);
static int ngx_kafka_ws_command_name(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_id(ngx_kafka_ws_command_parser_t *cp);
static void ngx_kafka_ws_command_find_id(ngx_kafka_ws_command_parser_t *cp,
    uint8_t *buf);
static int ngx_kafka_ws_command_topic(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_start(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_fits(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_seek(ngx_kafka_ws_command_parser_t *cp);


/* in the order of ngx_kafka_ws_command_in_e */

static const ngx_kafka_ws_command_member_t  ngx_kafka_ws_command_members[] = {
    { "command", ngx_kafka_ws_command_name },
    { "id", ngx_kafka_ws_command_id },
    { "topic", ngx_kafka_ws_command_topic },
    { "partitions", ngx_kafka_ws_command_partitions },
    { "cursor", ngx_kafka_ws_command_cursor },
    { "start", ngx_kafka_ws_command_start },
    { "filter", ngx_kafka_ws_command_filter },
    { "partition", ngx_kafka_ws_command_partition },
    { "offset", ngx_kafka_ws_command_offset }
};


/* in the order of ngx_kafka_ws_command_e */

static const ngx_kafka_ws_command_name_t  ngx_kafka_ws_command_names[] = {
    { "subscribe",
      NGX_KAFKA_WS_COMMAND_ALL|ngx_kafka_ws_command_bit(PARTITIONS)
      |ngx_kafka_ws_command_bit(CURSOR)|ngx_kafka_ws_command_bit(START)
      |ngx_kafka_ws_command_bit(FILTER) },
    { "unsubscribe", NGX_KAFKA_WS_COMMAND_ALL },
    { "pause", NGX_KAFKA_WS_COMMAND_ALL },
    { "resume", NGX_KAFKA_WS_COMMAND_ALL },
    { "seek",
      NGX_KAFKA_WS_COMMAND_ALL|ngx_kafka_ws_command_bit(CURSOR)
      |ngx_kafka_ws_command_bit(START)|ngx_kafka_ws_command_bit(PARTITION)
      |ngx_kafka_ws_command_bit(OFFSET) }
};

#define NGX_KAFKA_WS_COMMAND_NAMES                                            \
    (sizeof(ngx_kafka_ws_command_names)                                       \
     / sizeof(ngx_kafka_ws_command_names[0]))


int
ngx_kafka_ws_command_parse(const uint8_t *p, size_t n, uint8_t *buf,
    ngx_kafka_ws_position_t *positions, size_t max,
    ngx_kafka_ws_command_t *cmd, ngx_kafka_ws_command_error_t *err)
{
    int                             rc;
    ngx_kafka_ws_command_parser_t   cp;

    memset(&cp, 0, sizeof(ngx_kafka_ws_command_parser_t));
    memset(cmd, 0, sizeof(ngx_kafka_ws_command_t));

    cmd->positions = positions;

    cp.start = p;
    cp.pos = p;
    cp.last = p + n;
    cp.out = buf;
    cp.cmd = cmd;
    cp.err = err;
    cp.max = max;

    rc = ngx_kafka_ws_command_whole(&cp);

    if (rc == NGX_KAFKA_WS_COMMAND_OK) {
        rc = ngx_kafka_ws_command_fits(&cp);
    }

    if (rc != NGX_KAFKA_WS_COMMAND_OK && cmd->id.data == NULL) {
        ngx_kafka_ws_command_find_id(&cp, buf);
    }

    return rc;
}


static int
ngx_kafka_ws_command_whole(ngx_kafka_ws_command_parser_t *cp)
{
    int  rc;

    ngx_kafka_ws_command_space(cp);

    if (!ngx_kafka_ws_command_at(cp, '{')) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESYNTAX,
                                         cp->pos, "not a JSON object");
    }

    rc = ngx_kafka_ws_command_object(cp, ngx_kafka_ws_command_member);
    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    ngx_kafka_ws_command_space(cp);

    if (cp->pos != cp->last) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESYNTAX,
                                         cp->pos, "text behind the object");
    }

    return NGX_KAFKA_WS_COMMAND_OK;
}


static int
ngx_kafka_ws_command_member(ngx_kafka_ws_command_parser_t *cp,
    const ngx_kafka_ws_span_t *name, const uint8_t *at)
{
    size_t  i;

    for (i = 0; i < NGX_KAFKA_WS_COMMAND_MEMBERS; i++) {
        if (ngx_kafka_ws_command_is(name,
                                    ngx_kafka_ws_command_members[i].name))
        {
            break;
        }
    }

    if (i == NGX_KAFKA_WS_COMMAND_MEMBERS) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMEMBER, at,
                                         "unknown member");
    }

    if (cp->at[i] != NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EDUPLICATE,
                                         at, "member named twice");
    }

    cp->at[i] = at;

    return ngx_kafka_ws_command_members[i].value(cp);
}


static int
ngx_kafka_ws_command_is(const ngx_kafka_ws_span_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


static int
ngx_kafka_ws_command_name(ngx_kafka_ws_command_parser_t *cp)
{
    int                   rc;
    size_t                i;
    const uint8_t        *start;
    ngx_kafka_ws_span_t   s;

    start = cp->pos;

    rc = ngx_kafka_ws_command_string(cp, "a command is a string", &s);
    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    for (i = 0; i < NGX_KAFKA_WS_COMMAND_NAMES; i++) {
        if (ngx_kafka_ws_command_is(&s, ngx_kafka_ws_command_names[i].name)) {
            cp->cmd->command = (ngx_kafka_ws_command_e) i;
            return NGX_KAFKA_WS_COMMAND_OK;
        }
    }

    return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EUNKNOWN, start,
                                     "unknown command");
}


static int
ngx_kafka_ws_command_id(ngx_kafka_ws_command_parser_t *cp)
{
    int                   rc;
    const uint8_t        *start;
    ngx_kafka_ws_span_t   s;

    start = cp->pos;

    if (ngx_kafka_ws_command_at(cp, '"')) {
        rc = ngx_kafka_ws_command_string(cp, NULL, &s);

    } else {
        rc = ngx_kafka_ws_command_number(cp, "an id is a string or an integer",
                                         &s);
    }

    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    if (*start != '"'
        && (memchr(s.data, '.', s.len) || memchr(s.data, 'e', s.len)
            || memchr(s.data, 'E', s.len)
            || ngx_kafka_ws_json_check(s.data, s.len, 0)
               != NGX_KAFKA_WS_JSON_SCALAR))
    {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "an id is a string or an "
                                                "integer");
    }

    if (cp->pos - start > NGX_KAFKA_WS_COMMAND_ID_MAX) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "id of more than 64 bytes");
    }

    cp->cmd->id.data = start;
    cp->cmd->id.len = (size_t) (cp->pos - start);

    return NGX_KAFKA_WS_COMMAND_OK;
}


/* one that stands behind the error; none, if the text is not JSON */

static void
ngx_kafka_ws_command_find_id(ngx_kafka_ws_command_parser_t *cp, uint8_t *buf)
{
    ngx_kafka_ws_json_value_t      value;
    ngx_kafka_ws_command_error_t   ignored;

    static const ngx_kafka_ws_span_t  pointer = {
        (const uint8_t *) "/id", 3
    };

    ngx_kafka_ws_json_find(cp->start, (size_t) (cp->last - cp->start),
                           &pointer, 1, &value);

    if (value.text.data == NULL) {
        return;
    }

    cp->pos = value.text.data - (value.string ? 1 : 0);
    cp->out = buf;
    cp->err = &ignored;

    (void) ngx_kafka_ws_command_id(cp);
}


static int
ngx_kafka_ws_command_topic(ngx_kafka_ws_command_parser_t *cp)
{
    int                   rc;
    const uint8_t        *start;
    ngx_kafka_ws_span_t  *topic;

    topic = &cp->cmd->topic;
    start = cp->pos;

    rc = ngx_kafka_ws_command_string(cp, "a topic is a string", topic);
    if (rc != NGX_KAFKA_WS_COMMAND_OK) {
        return rc;
    }

    if (topic->len == 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "empty topic");
    }

    if (topic->len > NGX_KAFKA_WS_COMMAND_TOPIC_MAX) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start,
                                         "topic of more than 249 bytes");
    }

    return NGX_KAFKA_WS_COMMAND_OK;
}


static int
ngx_kafka_ws_command_start(ngx_kafka_ws_command_parser_t *cp)
{
    int             rc;
    const uint8_t  *start;

    start = cp->pos;

    rc = ngx_kafka_ws_command_string(cp, "a start is a string",
                                     &cp->cmd->start);

    if (rc == NGX_KAFKA_WS_COMMAND_OK && cp->cmd->start.len == 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         start, "empty start");
    }

    return rc;
}


/* whether the members are those of the command */

static int
ngx_kafka_ws_command_fits(ngx_kafka_ws_command_parser_t *cp)
{
    size_t          i;
    unsigned        members;
    const uint8_t  *at;

    if (cp->at[NGX_KAFKA_WS_COMMAND_IN_COMMAND] == NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMISSING,
                                         cp->last, "command missing");
    }

    if (cp->at[NGX_KAFKA_WS_COMMAND_IN_ID] == NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMISSING,
                                         cp->last, "id missing");
    }

    members = ngx_kafka_ws_command_names[cp->cmd->command].members;
    at = NULL;

    for (i = 0; i < NGX_KAFKA_WS_COMMAND_MEMBERS; i++) {

        if (cp->at[i] == NULL || (members & (1u << i))) {
            continue;
        }

        if (at == NULL || cp->at[i] < at) {
            at = cp->at[i];
        }
    }

    if (at != NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMEMBER, at,
                                         "not a member of this command");
    }

    return cp->cmd->command == NGX_KAFKA_WS_COMMAND_SEEK
           ? ngx_kafka_ws_command_seek(cp) : NGX_KAFKA_WS_COMMAND_OK;
}


/* of cursor, start, and partition with offset it has one */

static int
ngx_kafka_ws_command_seek(ngx_kafka_ws_command_parser_t *cp)
{
    size_t                   i, ways;
    const uint8_t          **at, *second;
    ngx_kafka_ws_command_t  *cmd;

    at = cp->at;
    cmd = cp->cmd;
    ways = 0;
    second = cp->start;

    for (i = NGX_KAFKA_WS_COMMAND_IN_TOPIC + 1;
         i < NGX_KAFKA_WS_COMMAND_MEMBERS;
         i++)
    {
        if (at[i] == NULL) {
            continue;
        }

        if (at[i] > second) {
            second = at[i];
        }

        ways += (i != NGX_KAFKA_WS_COMMAND_IN_OFFSET
                 || at[NGX_KAFKA_WS_COMMAND_IN_PARTITION] == NULL);
    }

    if (ways == 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMISSING,
                                         cp->last, "cursor, partition or "
                                                   "start missing");
    }

    if (ways > 1) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMEMBER,
                                         second, "one place to seek is enough");
    }

    if (at[NGX_KAFKA_WS_COMMAND_IN_START] != NULL) {
        return NGX_KAFKA_WS_COMMAND_OK;
    }

    if (at[NGX_KAFKA_WS_COMMAND_IN_CURSOR] != NULL) {

        if (cmd->npositions == 0) {
            return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                             second, "empty cursor");
        }

        return NGX_KAFKA_WS_COMMAND_OK;
    }

    if (at[NGX_KAFKA_WS_COMMAND_IN_PARTITION] == NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMISSING,
                                         cp->last, "partition missing");
    }

    if (at[NGX_KAFKA_WS_COMMAND_IN_OFFSET] == NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EMISSING,
                                         cp->last, "offset missing");
    }

    if (cp->max == 0) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE,
                                         second, "too many partitions");
    }

    cmd->positions[0].partition = cp->partition;
    cmd->positions[0].offset = cp->offset;
    cmd->npositions = 1;

    return NGX_KAFKA_WS_COMMAND_OK;
}
