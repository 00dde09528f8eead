
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: as much of nginx as one connection needs,
 * with a clock, a socket and an allocator that the test is the master of.
 * Functions follow nginx's own of the same names; memory is malloc()ed piece
 * by piece and freed when nginx would free it, so that the sanitizer sees
 * every touch of what is gone.  What happens is written down as a trace.
 */


#ifndef _SUBSCRIBER_NGINX_H_INCLUDED_
#define _SUBSCRIBER_NGINX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_subscriber.h"

#include "tap.h"


#define WORLD_FULL    0
#define WORLD_EMPTY   ((size_t) -1)   /* room in a socket that takes all */
#define WORLD_TLS     16384           /* bytes, ssl_buffer_size */
#define WORLD_ROUNDS  1000            /* of events until it must be quiet */
#define WORLD_START   1000000         /* ms */

#define WORLD_RESPONSE  "HTTP/1.1 101\r\n\r\n"


/* calls that the test can let fail */

typedef enum {
    FAIL_SETSOCKOPT = 1,
    FAIL_SHUTDOWN,
    FAIL_SSL_SHUTDOWN,
    FAIL_READ_EVENT,
    FAIL_WRITE_EVENT,
    FAIL_NODELAY
} world_fail_e;


typedef struct world_block_s  world_block_t;

struct world_block_s {
    world_block_t              *next;
    void                       *data;
};


typedef struct {
    ngx_connection_t           *c;        /* NULL: closed */
    ngx_http_request_t         *r;        /* NULL: freed */
    ngx_kafka_ws_subscriber_t  *kws;      /* NULL: the same */
    ngx_kafka_ws_socket_conf_t  conf;
    ngx_kafka_ws_counters_t     counters;
    ngx_log_t                   log;
    world_block_t              *pool;     /* the request's */

    unsigned                    tls;
    unsigned                    level;    /* as poll(), else as epoll */
    unsigned                    read_edge;
    unsigned                    write_edge;

    size_t                      room;
    unsigned                    send_error;
    unsigned                    recv_error;
    unsigned                    recv_eof;
    unsigned                    wants_read;  /* TLS, before it writes on */
    u_char                      in[131072];
    size_t                      in_pos;
    size_t                      in_len;

    u_char                      tls_buf[WORLD_TLS];
    size_t                      tls_pos;
    size_t                      tls_len;
    size_t                      tls_part; /* of a TLS record half sent */
    size_t                      response; /* bytes not sent yet */

    uint64_t                    taken;    /* bytes of frames */
    uint64_t                    sends;    /* calls that took any */

    unsigned                    allocs;   /* so far */
    unsigned                    alloc_fail;  /* this one, 0: none */
    world_fail_e                fail;

    unsigned                    freed;    /* the request */
    unsigned                    closed;   /* the connection */
    unsigned                    left;
    unsigned                    fin;      /* our half is closed */
    unsigned                    infos;    /* lines in the log */
    const char                 *broken;   /* what must not happen */
    ngx_kafka_ws_pace_t        *pace;     /* the pause there is */
    unsigned                    pauses;   /* so far */

    size_t                      trace_len;
    char                        trace[2048];
} world_t;


static world_t  w;

volatile ngx_msec_t  ngx_current_msec;
ngx_uint_t           ngx_exiting;
ngx_queue_t          ngx_posted_events;
ngx_queue_t          ngx_posted_next_events;
ngx_rbtree_t         ngx_event_timer_rbtree;

static ngx_rbtree_node_t  *world_timer;


static inline void
world_trace(const char *fmt, ...)
{
    int      n;
    va_list  ap;

    va_start(ap, fmt);
    n = vsnprintf(w.trace + w.trace_len, sizeof(w.trace) - w.trace_len,
                  fmt, ap);
    va_end(ap);

    w.trace_len += (size_t) n;

    if (w.trace_len >= sizeof(w.trace)) {
        w.trace_len = 0;
    }
}


static inline void
world_broken(const char *text)
{
    if (w.broken == NULL) {
        w.broken = text;
        world_trace(" !%s", text);
    }
}


/* memory */

static inline void *
world_alloc(size_t size)
{
    void  *p;

    if (++w.allocs == w.alloc_fail) {
        return NULL;
    }

    p = malloc(size);
    if (p == NULL) {
        exit(2);
    }

    return p;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return world_alloc(size);
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    void           *p;
    world_block_t  *b;

    p = world_alloc(size);
    if (p == NULL) {
        return NULL;
    }

    b = malloc(sizeof(world_block_t));
    if (b == NULL) {
        exit(2);
    }

    b->data = p;
    b->next = w.pool;
    w.pool = b;

    return p;
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);

    return p ? memset(p, 0, size) : NULL;
}


ngx_http_cleanup_t *
ngx_http_cleanup_add(ngx_http_request_t *r, size_t size)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_palloc(r->pool, sizeof(ngx_http_cleanup_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = NULL;
    cln->data = NULL;
    cln->next = r->cleanup;
    r->cleanup = cln;

    return cln;
}


/* log, timers */

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    if (level < NGX_LOG_INFO) {
        world_broken("a line above info");
    }

    w.infos++;
}


ngx_int_t
ngx_connection_error(ngx_connection_t *c, ngx_err_t err, char *text)
{
    return NGX_ERROR;
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (world_timer) {
        world_broken("two timers");
    }

    world_timer = node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (world_timer != node) {
        world_broken("a timer that was not set");
    }

    world_timer = NULL;
}


/* events */

static inline ngx_int_t
world_handle(ngx_event_t *ev, ngx_uint_t flags, world_fail_e fail)
{
    if (w.fail == fail) {
        return NGX_ERROR;
    }

    if (!ev->active && !ev->ready) {
        ev->active = 1;

    } else if (w.level && ev->active
               && (ev->ready || (flags & NGX_CLOSE_EVENT)))
    {
        ev->active = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_handle_read_event(ngx_event_t *rev, ngx_uint_t flags)
{
    return world_handle(rev, flags, FAIL_READ_EVENT);
}


ngx_int_t
ngx_handle_write_event(ngx_event_t *wev, size_t lowat)
{
    return world_handle(wev, 0, FAIL_WRITE_EVENT);
}


/* pauses end when all else is quiet */

ngx_int_t
ngx_kafka_ws_pace(ngx_kafka_ws_pace_t *pace, ngx_event_t *rev)
{
    if (ngx_kafka_ws_paused(pace)) {
        return NGX_OK;
    }

    if (w.fail == FAIL_READ_EVENT) {
        return NGX_ERROR;
    }

    if (w.pace) {
        world_broken("two pauses");
    }

    rev->active = 0;

    pace->rev = rev;
    pace->queue.next = &pace->queue;
    w.pace = pace;
    w.pauses++;

    return NGX_OK;
}


void
ngx_kafka_ws_pace_end(ngx_kafka_ws_pace_t *pace)
{
    if (ngx_kafka_ws_paused(pace)) {
        pace->queue.next = NULL;
        w.pace = NULL;
    }
}


static inline ngx_uint_t
world_run_paused(void)
{
    ngx_event_t  *rev;

    if (w.pace == NULL) {
        return 0;
    }

    rev = w.pace->rev;
    rev->ready = 1;

    ngx_kafka_ws_pace_end(w.pace);
    ngx_post_event(rev, &ngx_posted_events);

    return 1;
}


static inline ngx_uint_t
world_run_posted(ngx_queue_t *posted)
{
    ngx_event_t  *ev;
    ngx_queue_t  *q;

    if (ngx_queue_empty(posted)) {
        return 0;
    }

    q = ngx_queue_head(posted);
    ev = ngx_queue_data(q, ngx_event_t, queue);
    ngx_delete_posted_event(ev);

    ev->handler(ev);

    return 1;
}


static inline ngx_uint_t
world_run_event(ngx_event_t *ev, unsigned *edge, ngx_uint_t there)
{
    if (w.level ? !(ev->active && there) : !*edge) {
        return 0;
    }

    *edge = 0;
    ev->ready = 1;
    ev->handler(ev);

    return 1;
}


/* nginx's loop, until nothing happens any more */

static inline void
world_settle(void)
{
    ngx_uint_t  n;

    for (n = 0; n < WORLD_ROUNDS; n++) {

        if (world_run_posted(&ngx_posted_events)
            || world_run_posted(&ngx_posted_next_events))
        {
            continue;
        }

        if (w.c && w.pace == NULL
            && world_run_event(w.c->read, &w.read_edge,
                               w.in_pos < w.in_len || w.recv_eof
                               || w.recv_error))
        {
            continue;
        }

        if (w.c && world_run_event(w.c->write, &w.write_edge,
                                   w.room > 0 || w.send_error))
        {
            continue;
        }

        if (world_run_paused()) {
            continue;
        }

        return;
    }

    world_broken("it never gets quiet");
}


ngx_int_t
ngx_tcp_nodelay(ngx_connection_t *c)
{
    return w.fail == FAIL_NODELAY ? NGX_ERROR : NGX_OK;
}


void
ngx_http_block_reading(ngx_http_request_t *r)
{
    world_broken("the request's read handler");
}


void
ngx_http_request_empty_handler(ngx_http_request_t *r)
{
    world_broken("the request's write handler");
}


#endif /* _SUBSCRIBER_NGINX_H_INCLUDED_ */
