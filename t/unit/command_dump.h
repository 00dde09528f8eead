
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Commands for tests: parsed where a byte too far is seen, and shown as a
 * line of text.  guard.h comes before it.
 */


#ifndef _COMMAND_DUMP_H_INCLUDED_
#define _COMMAND_DUMP_H_INCLUDED_


#include <stdarg.h>

#include "ngx_kafka_ws_command.h"


#define nelts(a)   (sizeof(a) / sizeof(a[0]))
#define text(s)    s, sizeof(s) - 1

#define DUMP_SIZE  16384


typedef struct {
    int                            rc;
    size_t                         pos;
    const char                    *text;
    char                           id[NGX_KAFKA_WS_COMMAND_ID_MAX + 1];
    char                           line[DUMP_SIZE];  /* if OK, without id */
    size_t                         len;
    int                            unchanged;        /* the message */
} dump_t;


static inline void
dump_add(dump_t *d, const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    d->len += (size_t) vsnprintf(d->line + d->len, DUMP_SIZE - d->len, fmt,
                                 ap);
    va_end(ap);

    if (d->len >= DUMP_SIZE) {
        printf("# the line is too long\n");
        exit(2);
    }
}


static inline void
dump_span(dump_t *d, const char *name, const ngx_kafka_ws_span_t *s)
{
    if (s->len != 0) {
        dump_add(d, "%s%.*s", name, (int) s->len, (const char *) s->data);
    }
}


static inline void
dump_command(dump_t *d, const ngx_kafka_ws_command_t *cmd)
{
    size_t                             i;
    const ngx_kafka_ws_range_t        *r;
    const ngx_kafka_ws_filter_pair_t  *f;

    static const char  *names[] = { "subscribe", "unsubscribe", "pause",
                                    "resume", "seek" };
    static const char  *sources[] = { "key", "header", "json" };

    dump_add(d, "%s", names[cmd->command]);
    dump_span(d, " topic ", &cmd->topic);

    for (i = 0; i < cmd->nranges; i++) {
        r = &cmd->ranges[i];
        dump_add(d, i ? "," : " partitions ");
        dump_add(d, r->first == r->last ? "%d" : "%d-%d", r->first, r->last);
    }

    for (i = 0; i < cmd->npositions; i++) {
        dump_add(d, "%s%d:%lld", i ? "," : " cursor ",
                 cmd->positions[i].partition,
                 (long long) cmd->positions[i].offset);
    }

    dump_span(d, " start ", &cmd->start);

    for (i = 0; i < cmd->nfilters; i++) {
        f = &cmd->filters[i];
        dump_add(d, " %s", sources[f->field.source]);
        dump_span(d, ":", &f->field.name);
        dump_span(d, "=", &f->value);
    }
}


/* max: room for positions */

static inline void
dump_parsed(dump_t *d, const char *in, size_t n, size_t max)
{
    uint8_t                        *p, *buf, *pos;
    ngx_kafka_ws_command_t          cmd;
    ngx_kafka_ws_command_error_t    err;

    p = guard_copy(in, n);
    buf = guard_new(n);
    pos = guard_new(max * sizeof(ngx_kafka_ws_position_t));

    memset(&cmd, 0xa5, sizeof(ngx_kafka_ws_command_t));
    err.text = "none";
    err.pos = 0;

    d->rc = ngx_kafka_ws_command_parse(p, n, buf,
                                       (ngx_kafka_ws_position_t *) pos, max,
                                       &cmd, &err);
    d->text = err.text;
    d->pos = err.pos;
    d->unchanged = memcmp(p, in, n) == 0;
    d->len = 0;
    d->line[0] = '\0';
    d->id[0] = '\0';

    if (cmd.id.data != NULL) {
        snprintf(d->id, sizeof(d->id), "%.*s", (int) cmd.id.len,
                 (const char *) cmd.id.data);
    }

    if (d->rc == NGX_KAFKA_WS_COMMAND_OK) {
        dump_command(d, &cmd);
    }

    guard_free(pos, max * sizeof(ngx_kafka_ws_position_t));
    guard_free(buf, n);
    guard_free(p, n);
}


#endif /* _COMMAND_DUMP_H_INCLUDED_ */
