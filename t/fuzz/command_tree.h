
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Whether the tree of a JSON text is a command, and which one: the rules of
 * ngx_kafka_ws_command.h once more, over all members at once.  fuzz.h,
 * reference.h and tree.h come before it.
 */


#ifndef _COMMAND_TREE_H_INCLUDED_
#define _COMMAND_TREE_H_INCLUDED_


#include "ngx_kafka_ws_command.h"


#define TEXT_MAX   (1 << 14)

#define RANGES     NGX_KAFKA_WS_RANGES_MAX
#define FILTERS    NGX_KAFKA_WS_FILTER_TERMS_MAX

#define PARTITION  "2147483647"
#define OFFSET     "9223372036854775807"


/* members in the order of their bits */

static const char  *const names[] = {
    "command", "id", "topic", "partitions", "cursor", "start", "filter",
    "partition", "offset"
};

static const struct {
    const char  *name;
    const char  *members;     /* that it may have */
} commands[] = {
    { "subscribe", "111111100" },
    { "unsubscribe", "111000000" },
    { "pause", "111000000" },
    { "resume", "111000000" },
    { "seek", "111011011" }
};


static inline int
is(const node_t *node, const char *s)
{
    return node->len == strlen(s) && memcmp(node->text, s, node->len) == 0;
}


/* a string without NUL, nothing in it that is no UTF-8 */

static inline int
is_string(const node_t *node)
{
    return node->kind == '"' && node->len != REF_BAD
           && (node->len == 0 || memchr(node->text, 0, node->len) == NULL);
}


/* digits alone, no zero before others, at most max */

static inline int
is_number(const uint8_t *p, size_t n, const char *max)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }
    }

    if (n == 0 || (n > 1 && *p == '0') || n > strlen(max)) {
        return 0;
    }

    return n < strlen(max) || memcmp(p, max, n) <= 0;
}


static inline int
is_partition(const node_t *node)
{
    return node->kind >= '0' && node->kind <= '9'
           && is_number(node->text, node->len, PARTITION);
}


static inline int
is_offset(const node_t *node)
{
    return (node->kind == '"' || (node->kind >= '0' && node->kind <= '9'))
           && node->len != REF_BAD
           && is_number(node->text, node->len, OFFSET);
}


static inline int
is_id(const node_t *node)
{
    size_t  i;

    if (node->raw_len > NGX_KAFKA_WS_COMMAND_ID_MAX) {
        return 0;
    }

    if (node->kind == '"') {
        return is_string(node);
    }

    if (node->kind != '-' && (node->kind < '0' || node->kind > '9')) {
        return 0;
    }

    for (i = node->kind == '-'; i < node->len; i++) {
        if (node->text[i] < '0' || node->text[i] > '9') {
            return 0;
        }
    }

    return 1;
}


static inline int64_t
number(const node_t *node)
{
    size_t    i;
    uint64_t  v;

    for (v = 0, i = 0; i < node->len; i++) {
        v = v * 10 + (node->text[i] - '0');
    }

    return (int64_t) v;
}


static inline int
same(const ngx_kafka_ws_span_t *s, const uint8_t *p, size_t n)
{
    return s->len == n && (n == 0 || memcmp(s->data, p, n) == 0);
}


/*
 * The list of an array of partitions, "0,2", or the cursor of an object,
 * "0:42,1:3"; SIZE_MAX: the elements are not to the rules.
 */

static inline size_t
list_of(const tree_t *t, const node_t *of, uint8_t *out)
{
    size_t         i, n;
    const node_t  *node;

    n = 0;

    for (i = 0; i < t->n; i++) {
        node = &t->nodes[i];

        if (node->parent != of) {
            continue;
        }

        if (of->kind == '{'
            ? node->name_len == REF_BAD || !is_offset(node)
              || !is_number(node->name, node->name_len, PARTITION)
            : !is_partition(node))
        {
            return SIZE_MAX;
        }

        if (n != 0) {
            out[n++] = ',';
        }

        if (of->kind == '{') {
            memcpy(out + n, node->name, node->name_len);
            n += node->name_len;
            out[n++] = ':';
        }

        memcpy(out + n, node->text, node->len);
        n += node->len;
    }

    return n;
}


/* 1: partitions as they have to be, which cmd has, if there is one */

static inline int
partitions(const tree_t *t, const node_t *node,
    const ngx_kafka_ws_command_t *cmd)
{
    size_t                        i, n, len;
    uint8_t                      *list;
    ngx_kafka_ws_range_t          ranges[RANGES];
    ngx_kafka_ws_cursor_error_t   err;

    if (node->kind == '{' || node->kind == 't' || node->kind == 'f'
        || node->kind == 'n' || (node->kind == '"' && !is_string(node))
        || (node->kind != '"' && node->kind != '[' && !is_partition(node)))
    {
        return 0;
    }

    list = fuzz_alloc(TEXT_MAX);
    len = node->len;

    if (node->kind == '[') {
        len = list_of(t, node, list);

    } else {
        memcpy(list, node->text, len);
    }

    n = 0;

    if (len != SIZE_MAX
        && ngx_kafka_ws_ranges_parse(list, len, ranges, RANGES, &n, &err)
           != NGX_KAFKA_WS_CURSOR_OK)
    {
        n = 0;
    }

    free(list);

    if (n == 0 || cmd == NULL) {
        return n != 0;
    }

    promise(cmd->nranges == n);

    for (i = 0; i < n; i++) {
        promise(cmd->ranges[i].first == ranges[i].first);
        promise(cmd->ranges[i].last == ranges[i].last);
    }

    return 1;
}


/* likewise; none: it is empty */

static inline int
cursor(const tree_t *t, const node_t *node, size_t max,
    const ngx_kafka_ws_command_t *cmd, int *none)
{
    int                           rc;
    size_t                        i, n, len;
    uint8_t                      *list;
    ngx_kafka_ws_position_t      *pos;
    ngx_kafka_ws_cursor_error_t   err;

    if (node->kind != '{' && !is_string(node)) {
        return 0;
    }

    list = fuzz_alloc(TEXT_MAX);
    pos = fuzz_alloc(max * sizeof(ngx_kafka_ws_position_t));
    len = node->len;
    n = 0;

    if (node->kind == '{') {
        len = list_of(t, node, list);

    } else {
        memcpy(list, node->text, len);
    }

    rc = len == SIZE_MAX ? NGX_KAFKA_WS_CURSOR_ERROR
         : ngx_kafka_ws_cursor_parse(list, len, pos, max, &n, &err);

    if (rc == NGX_KAFKA_WS_CURSOR_OK && cmd != NULL) {
        promise(cmd->npositions == n);

        for (i = 0; i < n; i++) {
            promise(cmd->positions[i].partition == pos[i].partition);
            promise(cmd->positions[i].offset == pos[i].offset);
        }
    }

    free(pos);
    free(list);
    *none = (n == 0);

    return rc == NGX_KAFKA_WS_CURSOR_OK;
}


static inline int
filter(const tree_t *t, const node_t *of, const ngx_kafka_ws_command_t *cmd)
{
    size_t                        i, k, n;
    const node_t                 *node, *before[FILTERS];
    ngx_kafka_ws_filter_field_t   f;

    n = 0;

    for (i = 0; i < t->n && of->kind == '{'; i++) {
        node = &t->nodes[i];

        if (node->parent != of) {
            continue;
        }

        if (n == FILTERS || !is_string(node) || node->len == 0
            || node->name_len == REF_BAD
            || memchr(node->name, 0, node->name_len) != NULL
            || ngx_kafka_ws_filter_field_parse(node->name, node->name_len, &f)
               != NULL)
        {
            return 0;
        }

        for (k = 0; k < n; k++) {
            if (before[k]->name_len == node->name_len
                && memcmp(before[k]->name, node->name, node->name_len) == 0)
            {
                return 0;
            }
        }

        if (cmd != NULL) {
            promise(n < cmd->nfilters);
            promise(cmd->filters[n].field.source == f.source);
            promise(same(&cmd->filters[n].field.name, f.name.data,
                         f.name.len));
            promise(same(&cmd->filters[n].value, node->text, node->len));
        }

        before[n++] = node;
    }

    promise(cmd == NULL || cmd->nfilters == n);

    return n != 0;
}


/* each member's node; 0: one is unknown, or there twice */

static inline int
members(const tree_t *t, const node_t **nodes)
{
    size_t         i, k;
    const node_t  *node;

    memset(nodes, 0, 9 * sizeof(node_t *));

    for (i = 1; i < t->n; i++) {
        node = &t->nodes[i];

        if (node->parent != t->nodes) {
            continue;
        }

        for (k = 0; k < 9; k++) {
            if (node->name_len == strlen(names[k])
                && memcmp(node->name, names[k], node->name_len) == 0)
            {
                break;
            }
        }

        if (k == 9 || nodes[k] != NULL) {
            return 0;
        }

        nodes[k] = node;
    }

    return 1;
}


/* 1: the values of the members are theirs */

static inline int
values(const tree_t *t, const node_t **nodes, size_t max,
    const ngx_kafka_ws_command_t *cmd, int *none)
{
    *none = 0;

    return (nodes[2] == NULL
            || (is_string(nodes[2]) && nodes[2]->len > 0
                && nodes[2]->len <= 249))
           && (nodes[3] == NULL || partitions(t, nodes[3], cmd))
           && (nodes[4] == NULL || cursor(t, nodes[4], max, cmd, none))
           && (nodes[5] == NULL
               || (is_string(nodes[5]) && nodes[5]->len != 0))
           && (nodes[6] == NULL || filter(t, nodes[6], cmd))
           && (nodes[7] == NULL || is_partition(nodes[7]))
           && (nodes[8] == NULL || is_offset(nodes[8]));
}


/* 1, if the tree is a command; cmd: NULL, or it has to be that */

static inline int
command(const tree_t *t, size_t max, const ngx_kafka_ws_command_t *cmd)
{
    int            none;
    size_t         i, k;
    const node_t  *nodes[9];

    if (t->n == 0 || t->nodes->kind != '{' || !members(t, nodes)
        || nodes[0] == NULL || !is_string(nodes[0]) || nodes[1] == NULL
        || !is_id(nodes[1])
        || !values(t, nodes, max, cmd, &none))
    {
        return 0;
    }

    for (k = 0; k < 5; k++) {
        if (is(nodes[0], commands[k].name)) {
            break;
        }
    }

    if (k == 5) {
        return 0;
    }

    for (i = 0; i < 9; i++) {
        if (nodes[i] != NULL && commands[k].members[i] == '0') {
            return 0;
        }
    }

    if (k == 4
        && ((nodes[7] == NULL) != (nodes[8] == NULL)
            || (nodes[4] != NULL) + (nodes[5] != NULL) + (nodes[7] != NULL)
               != 1
            || none || (nodes[7] != NULL && max == 0)))
    {
        return 0;
    }

    if (cmd == NULL) {
        return 1;
    }

    promise((size_t) cmd->command == k);
    promise(same(&cmd->topic, nodes[2] ? nodes[2]->text : NULL,
                 nodes[2] ? nodes[2]->len : 0));
    promise(same(&cmd->start, nodes[5] ? nodes[5]->text : NULL,
                 nodes[5] ? nodes[5]->len : 0));
    promise(nodes[3] != NULL || cmd->nranges == 0);
    promise(nodes[6] != NULL || cmd->nfilters == 0);

    if (nodes[7] != NULL) {
        promise(cmd->npositions == 1);
        promise(cmd->positions[0].partition == number(nodes[7]));
        promise(cmd->positions[0].offset == number(nodes[8]));

    } else {
        promise(nodes[4] != NULL || cmd->npositions == 0);
    }

    return 1;
}


#endif /* _COMMAND_TREE_H_INCLUDED_ */
