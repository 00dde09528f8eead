
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Commands that are refused.  guard.h and tap.h come before it.
 */


#ifndef _COMMAND_REFUSED_H_INCLUDED_
#define _COMMAND_REFUSED_H_INCLUDED_


#include "command_dump.h"


#define OK          NGX_KAFKA_WS_COMMAND_OK
#define ESYNTAX     NGX_KAFKA_WS_COMMAND_ESYNTAX
#define ESTRING     NGX_KAFKA_WS_COMMAND_ESTRING
#define EUNKNOWN    NGX_KAFKA_WS_COMMAND_EUNKNOWN
#define EMEMBER     NGX_KAFKA_WS_COMMAND_EMEMBER
#define EDUPLICATE  NGX_KAFKA_WS_COMMAND_EDUPLICATE
#define EMISSING    NGX_KAFKA_WS_COMMAND_EMISSING
#define EVALUE      NGX_KAFKA_WS_COMMAND_EVALUE

#define ROOM        3     /* for positions */

#define SUB         "{\"id\":1,\"command\":\"subscribe\","
#define SEEK        "{\"id\":1,\"command\":\"seek\","


typedef struct {
    const char  *in;
    size_t       len;
    int          rc;
    const char  *text;
    const char  *at;        /* what begins there; "": the end */
    const char  *id;        /* "": none */
} refused_t;


static inline void
is_refused(const refused_t *c, const char *name)
{
    int     there;
    size_t  n;

    static dump_t  d;

    dump_parsed(&d, c->in, c->len, ROOM);

    n = strlen(c->at);
    there = d.pos <= c->len && n <= c->len - d.pos
            && memcmp(c->in + d.pos, c->at, n) == 0
            && (n != 0 || d.pos == c->len || c->in[d.pos] == '\0');

    if (!ok(d.rc == c->rc && there && strcmp(d.text, c->text) == 0
            && strcmp(d.id, c->id) == 0 && d.unchanged,
            "%.*s", (int) strcspn(name, "\n"), name))
    {
        printf("# got %d, %s at %zu, id %s\n", d.rc, d.text, d.pos, d.id);
    }
}


static inline int
refused_table(const refused_t *cases, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        is_refused(&cases[i], cases[i].in);
    }

    return (int) n;
}


#endif /* _COMMAND_REFUSED_H_INCLUDED_ */
