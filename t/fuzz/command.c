
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A command of a client: taken just where a reader agrees that first builds
 * the tree of the text and then looks whether it is a command; the values are
 * those of the tree.  Printed in one form and parsed again it is the same.
 * What is refused has its id, if the tree has just one.
 *
 * Input: a byte that says how many positions there is room for, the text.
 */


#include "fuzz.h"
#include "reference.h"
#include "tree.h"
#include "command_tree.h"

#include "ngx_kafka_ws_json_write.h"


#define DEPTH  512
#define OK     NGX_KAFKA_WS_COMMAND_OK

/* a command, the memory of its strings, and what became of it */

typedef struct {
    int                            rc;
    size_t                         len;
    uint8_t                       *text;
    uint8_t                       *buf;
    ngx_kafka_ws_position_t       *pos;
    ngx_kafka_ws_command_t         cmd;
    ngx_kafka_ws_command_error_t   err;
} parsed_t;


static void
parse(parsed_t *p, const uint8_t *text, size_t len, size_t max)
{
    p->len = len;
    p->text = fuzz_copy(text, len);
    p->buf = fuzz_alloc(len);
    p->pos = fuzz_alloc(max * sizeof(ngx_kafka_ws_position_t));

    memset(&p->cmd, 0xa5, sizeof(ngx_kafka_ws_command_t));
    memset(&p->err, 0, sizeof(ngx_kafka_ws_command_error_t));

    p->rc = ngx_kafka_ws_command_parse(p->text, len, p->buf, p->pos, max,
                                       &p->cmd, &p->err);

    promise(len == 0 || memcmp(text, p->text, len) == 0);
}


static void
release(parsed_t *p)
{
    free(p->text);
    free(p->buf);
    free(p->pos);
}


/*
 * What is refused has the id that JSON text has once; of others one that is
 * in the text, or none.
 */

static void
check_id(const tree_t *t, const parsed_t *p)
{
    size_t                      i, n, good;
    ref_json_t                  j;
    const node_t               *node;
    const ngx_kafka_ws_span_t  *id;

    id = &p->cmd.id;
    n = 0;
    good = 0;

    for (i = 1; i < t->n && t->nodes->kind == '{'; i++) {
        node = &t->nodes[i];

        if (node->parent == t->nodes && node->name_len == 2
            && memcmp(node->name, "id", 2) == 0)
        {
            n++;

            if (is_id(node)) {
                good += n == 1 || id->data == node->raw;
                promise(id->data != node->raw || id->len == node->raw_len);
            }
        }
    }

    /* of two that are in it either is good, and none */

    promise(t->n == 0 || n > 1 || (id->data != NULL) == (good != 0));

    if (id->data == NULL) {
        return;
    }

    promise(t->n == 0 || good != 0);
    promise(id->data > p->text && id->data + id->len <= p->text + p->len);
    promise(id->len > 0 && id->len <= NGX_KAFKA_WS_COMMAND_ID_MAX);

    j.pos = id->data;
    j.last = id->data + id->len;
    j.max_depth = 0;
    j.too_deep = 0;
    promise(ref_value(&j, 0) && j.pos == j.last);
}


/* in one form: what two commands have alike is alike */

static size_t
print(const ngx_kafka_ws_command_t *cmd, uint8_t *out)
{
    size_t                             i, n;
    uint8_t                           *p, *name;
    const ngx_kafka_ws_filter_pair_t  *f;

    static const char  *const begin[] = { "key", "header:", "json:" };

    p = out;
    p += sprintf((char *) p, "{\"command\":\"%s\",\"id\":",
                 commands[cmd->command].name);
    memcpy(p, cmd->id.data, cmd->id.len);
    p += cmd->id.len;

    if (cmd->topic.len != 0) {
        p += sprintf((char *) p, ",\"topic\":");
        p = ngx_kafka_ws_json_string(p, cmd->topic.data, cmd->topic.len);
        promise(p != NULL);
    }

    for (i = 0; i < cmd->nranges; i++) {
        p += sprintf((char *) p, "%s%d-%d", i ? "," : ",\"partitions\":\"",
                     cmd->ranges[i].first, cmd->ranges[i].last);
    }

    if (cmd->nranges != 0) {
        *p++ = '"';
    }

    for (i = 0; i < cmd->npositions; i++) {
        p += sprintf((char *) p, "%s\"%d\":%s%lld%s",
                     i ? "," : ",\"cursor\":{",
                     cmd->positions[i].partition, i % 2 ? "\"" : "",
                     (long long) cmd->positions[i].offset, i % 2 ? "\"" : "");
    }

    if (cmd->npositions != 0) {
        *p++ = '}';
    }

    if (cmd->start.len != 0) {
        p += sprintf((char *) p, ",\"start\":");
        p = ngx_kafka_ws_json_string(p, cmd->start.data, cmd->start.len);
        promise(p != NULL);
    }

    for (i = 0; i < cmd->nfilters; i++) {
        f = &cmd->filters[i];
        n = strlen(begin[f->field.source]);
        name = fuzz_alloc(n + f->field.name.len);
        memcpy(name, begin[f->field.source], n);
        memcpy(name + n, f->field.name.data, f->field.name.len);

        p += sprintf((char *) p, "%s", i ? "," : ",\"filter\":{");
        p = ngx_kafka_ws_json_string(p, name, n + f->field.name.len);
        promise(p != NULL);
        *p++ = ':';
        p = ngx_kafka_ws_json_string(p, f->value.data, f->value.len);
        promise(p != NULL);
        free(name);
    }

    p += sprintf((char *) p, cmd->nfilters ? "}}" : "}");

    return (size_t) (p - out);
}


static void
check_print(const parsed_t *p)
{
    size_t    size, n, n_back;
    uint8_t  *out, *back;
    parsed_t  again;

    size = 512 + 6 * p->len + RANGES * 24
           + p->cmd.npositions * (NGX_KAFKA_WS_PAIR_MAX + 8);
    out = fuzz_alloc(size);
    back = fuzz_alloc(size);

    n = print(&p->cmd, out);
    promise(n <= size);

    parse(&again, out, n, p->cmd.npositions);
    promise(again.rc == OK);

    n_back = print(&again.cmd, back);
    promise(n_back == n && memcmp(out, back, n) == 0);

    release(&again);
    free(back);
    free(out);
}


/* strings are in the buffer, one behind the other */

static void
check_memory(const parsed_t *p)
{
    size_t                             i;
    const uint8_t                     *last;
    const ngx_kafka_ws_filter_pair_t  *f;

    last = p->buf + p->len;

    promise(p->cmd.topic.len == 0
            || (p->cmd.topic.data >= p->buf
                && p->cmd.topic.data + p->cmd.topic.len <= last));
    promise(p->cmd.start.len == 0
            || (p->cmd.start.data >= p->buf
                && p->cmd.start.data + p->cmd.start.len <= last));

    for (i = 0; i < p->cmd.nfilters; i++) {
        f = &p->cmd.filters[i];
        promise(f->field.name.data >= p->buf);
        promise(f->field.name.data + f->field.name.len <= f->value.data);
        promise(f->value.data + f->value.len <= last);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    max;
    tree_t    t;
    parsed_t  p;

    if (size == 0 || size > TEXT_MAX) {
        return -1;
    }

    max = data[0] == 255 ? ngx_kafka_ws_command_positions(size - 1)
                         : data[0] % 8;

    parse(&p, data + 1, size - 1, max);
    tree(&t, p.text, p.len, DEPTH);

    if (p.rc == OK) {
        promise(command(&t, max, &p.cmd));
        check_memory(&p);
        check_print(&p);

    } else {
        promise(!command(&t, max, NULL));
        promise(p.rc >= NGX_KAFKA_WS_COMMAND_ESYNTAX
                && p.rc <= NGX_KAFKA_WS_COMMAND_EVALUE);
        promise(p.err.text != NULL && *p.err.text != '\0');
        promise(p.err.pos <= p.len);
    }

    check_id(&t, &p);
    clear(&t);
    release(&p);

    return 0;
}
