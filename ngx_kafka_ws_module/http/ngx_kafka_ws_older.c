
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Questions are the worker's, not the subscribers': thousands that come back
 * with the same cursor ask once.  A process has few questions under way at a
 * time, the others wait for their turn; what nobody has asked again for a
 * while is forgotten.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_older.h"


#define NGX_KAFKA_WS_OLDER_ASKS    64
#define NGX_KAFKA_WS_OLDER_FORGET  2000   /* ms since it was asked last */
#define NGX_KAFKA_WS_OLDER_KEEP    1000   /* ms that an answer is good for */
#define NGX_KAFKA_WS_OLDER_STEPS   4


typedef enum {
    NGX_KAFKA_WS_ASK_FREE = 0,
    NGX_KAFKA_WS_ASK_QUEUED,
    NGX_KAFKA_WS_ASK_POSTED,
    NGX_KAFKA_WS_ASK_ANSWERED
} ngx_kafka_ws_ask_e;


typedef struct {
    ngx_kafka_ws_root_t     *root;
    int64_t                  offset;
    int64_t                  since;
    ngx_uint_t               exact;
    uint32_t                 stream;
    ngx_kafka_ws_ask_e       state;

    ngx_uint_t               want;      /* place in the slot, if posted */
    uint64_t                 number;
    int64_t                  start;
    ngx_msec_t               asked;     /* last time */
    ngx_msec_t               answered;
    ngx_kafka_ws_want_e      result;
} ngx_kafka_ws_ask_t;


static ngx_kafka_ws_ask_t *ngx_kafka_ws_older_find_ask(
    ngx_kafka_ws_root_t *root, uint32_t stream, int64_t offset,
    int64_t since, ngx_uint_t exact);
static void ngx_kafka_ws_older_look(ngx_kafka_ws_ask_t *ask);
static void ngx_kafka_ws_older_post(ngx_kafka_ws_ask_t *ask);
static ngx_int_t ngx_kafka_ws_older_join(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_place_t *place);


/* of this process */
static ngx_kafka_ws_ask_t  ngx_kafka_ws_asks[NGX_KAFKA_WS_OLDER_ASKS];


ngx_kafka_ws_want_e
ngx_kafka_ws_older_ask(ngx_kafka_ws_root_t *root, uint32_t stream,
    int64_t offset, int64_t since, ngx_uint_t exact, int64_t *start)
{
    ngx_kafka_ws_ask_t  *ask;

    if (ngx_process_slot >= NGX_KAFKA_WS_SLOTS - 1) {
        /* the last slot may be shared */
        return NGX_KAFKA_WS_WANT_NO_ROOM;
    }

    ask = ngx_kafka_ws_older_find_ask(root, stream, offset, since, exact);

    if (ask == NULL) {
        return NGX_KAFKA_WS_WANT_WAITS;
    }

    ask->asked = ngx_current_msec;

    if (ask->state == NGX_KAFKA_WS_ASK_QUEUED) {
        ngx_kafka_ws_older_post(ask);
    }

    ngx_kafka_ws_older_look(ask);

    if (ask->state != NGX_KAFKA_WS_ASK_ANSWERED) {
        return NGX_KAFKA_WS_WANT_WAITS;
    }

    *start = ask->start;

    return ask->result;
}


/*
 * The question that is the same, or a place for a new one; NULL: there are
 * too many.
 */

static ngx_kafka_ws_ask_t *
ngx_kafka_ws_older_find_ask(ngx_kafka_ws_root_t *root, uint32_t stream,
    int64_t offset, int64_t since, ngx_uint_t exact)
{
    ngx_uint_t           i;
    ngx_kafka_ws_ask_t  *ask, *free;

    free = NULL;

    for (i = 0; i < NGX_KAFKA_WS_OLDER_ASKS; i++) {
        ask = &ngx_kafka_ws_asks[i];

        ngx_kafka_ws_older_look(ask);

        if (ask->state == NGX_KAFKA_WS_ASK_FREE) {
            free = ask;
            continue;
        }

        if (ask->root == root && ask->stream == stream
            && ask->offset == offset && ask->since == since
            && ask->exact == exact)
        {
            return ask;
        }
    }

    if (free) {
        ngx_memzero(free, sizeof(ngx_kafka_ws_ask_t));

        free->state = NGX_KAFKA_WS_ASK_QUEUED;
        free->root = root;
        free->stream = stream;
        free->offset = offset;
        free->since = since;
        free->exact = exact;
    }

    return free;
}


/* what became of a question; also whether anybody still wants to know */

static void
ngx_kafka_ws_older_look(ngx_kafka_ws_ask_t *ask)
{
    ngx_kafka_ws_slot_t  *slot;

    if (ask->state == NGX_KAFKA_WS_ASK_POSTED) {
        slot = ngx_kafka_ws_shm_slot(ask->root);

        ask->result = ngx_kafka_ws_want_answer(&slot->want[ask->want],
                                               ask->number, &ask->start);

        if (ask->result != NGX_KAFKA_WS_WANT_WAITS) {
            ask->state = NGX_KAFKA_WS_ASK_ANSWERED;
            ask->answered = ngx_current_msec;
        }
    }

    if (ask->state == NGX_KAFKA_WS_ASK_ANSWERED
        ? ngx_current_msec - ask->answered > NGX_KAFKA_WS_OLDER_KEEP
        : ngx_current_msec - ask->asked > NGX_KAFKA_WS_OLDER_FORGET)
    {
        ask->state = NGX_KAFKA_WS_ASK_FREE;
    }
}


static void
ngx_kafka_ws_older_post(ngx_kafka_ws_ask_t *ask)
{
    ngx_uint_t            i, busy;
    ngx_kafka_ws_ask_t   *other;
    ngx_kafka_ws_slot_t  *slot;

    busy = 0;

    for (i = 0; i < NGX_KAFKA_WS_OLDER_ASKS; i++) {
        other = &ngx_kafka_ws_asks[i];

        if (other != ask) {
            ngx_kafka_ws_older_look(other);
        }

        if (other->state == NGX_KAFKA_WS_ASK_POSTED
            && other->root == ask->root)
        {
            busy |= (ngx_uint_t) 1 << other->want;
        }
    }

    for (i = 0; i < NGX_KAFKA_WS_WANTS; i++) {

        if (busy & ((ngx_uint_t) 1 << i)) {
            continue;
        }

        slot = ngx_kafka_ws_shm_slot(ask->root);

        ask->state = NGX_KAFKA_WS_ASK_POSTED;
        ask->want = i;
        ask->number = ngx_kafka_ws_want_ask(ask->root, &slot->want[i],
                                            ask->stream, ask->offset,
                                            ask->since, ask->exact);
        return;
    }
}


ngx_int_t
ngx_kafka_ws_older_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k, int64_t offset)
{
    ngx_kafka_ws_older_t  *older;

    older = sub->older;

    if (older == NULL) {
        older = ngx_calloc(sizeof(ngx_kafka_ws_older_t)
                           + route->nparts
                             * sizeof(ngx_kafka_ws_older_part_t),
                           sub->kws->connection->log);
        if (older == NULL) {
            return NGX_ERROR;
        }

        older->nparts = route->nparts;

        sub->older = older;
        route->nolder++;
    }

    older->parts[k].on = 1;
    older->non++;

    sub->places[k].seq = 0;
    sub->places[k].offset = offset;

    return NGX_OK;
}


void
ngx_kafka_ws_older_end(ngx_kafka_ws_subscription_t *sub, ngx_uint_t k)
{
    ngx_kafka_ws_older_t  *older;

    if (ngx_kafka_ws_older_part(sub, k) == NULL) {
        return;
    }

    older = sub->older;
    older->parts[k].on = 0;

    if (--older->non == 0) {
        ngx_kafka_ws_older_free(sub);
    }
}


void
ngx_kafka_ws_older_free(ngx_kafka_ws_subscription_t *sub)
{
    ngx_kafka_ws_route_t  *route;

    if (sub->older == NULL) {
        return;
    }

    route = sub->route;
    route->nolder--;

    ngx_free(sub->older);
    sub->older = NULL;
}


ngx_kafka_ws_older_part_t *
ngx_kafka_ws_older_part(ngx_kafka_ws_subscription_t *sub, ngx_uint_t k)
{
    ngx_kafka_ws_older_t  *older;

    older = sub->older;

    if (older == NULL || k >= older->nparts || !older->parts[k].on) {
        return NULL;
    }

    return &older->parts[k];
}


ngx_int_t
ngx_kafka_ws_older_next(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k, int64_t *lost,
    ngx_uint_t *first)
{
    int64_t                     start;
    ngx_uint_t                  step;
    ngx_kafka_ws_want_e         answer;
    ngx_kafka_ws_place_t       *place;
    ngx_kafka_ws_route_part_t  *part;
    ngx_kafka_ws_older_part_t  *op;

    part = &route->parts[k];
    place = &sub->places[k];
    op = ngx_kafka_ws_older_part(sub, k);

    for (step = 0; step < NGX_KAFKA_WS_OLDER_STEPS; step++) {

        if (op->open) {

            if (op->view.life != part->view.gen
                || ngx_kafka_ws_segment_look(&op->view) != NGX_OK)
            {
                op->open = 0;
                continue;
            }

            if (place->seq < ngx_kafka_ws_ring_head(&op->view.ring)) {
                return NGX_OK;
            }

            if (!op->view.full) {
                return NGX_AGAIN;
            }

            /* behind its last record there may be a hole */
            place->offset = ngx_max(place->offset, op->view.next);
            op->open = 0;
        }

        if (ngx_kafka_ws_older_join(part, place) == NGX_OK) {
            ngx_kafka_ws_older_end(sub, k);
            return NGX_DONE;
        }

        if (ngx_kafka_ws_segment_find(route->cluster->root, part->number,
                                      part->view.gen, place->offset,
                                      &op->view, &start)
            == NGX_OK)
        {
            if (start > place->offset) {
                *lost = start;
                *first = 1;
                return NGX_DECLINED;
            }

            op->open = 1;
            place->seq = ngx_kafka_ws_ring_seek_offset(&op->view.ring,
                                                       place->offset);

            /* it is slow only if it is slow within a segment */
            sub->behind = ngx_current_msec;
            continue;
        }

        answer = ngx_kafka_ws_older_ask(route->cluster->root, part->number,
                                        place->offset, -1, 0, &start);

        if (answer == NGX_KAFKA_WS_WANT_NO_ROOM
            && ngx_kafka_ws_ring_offset(&part->view.ring,
                                     ngx_kafka_ws_ring_tail(&part->view.ring),
                                     &start)
               != NGX_KAFKA_WS_RING_OK)
        {
            continue;
        }

        if (answer != NGX_KAFKA_WS_WANT_WAITS && start > place->offset) {
            *lost = start;
            *first = (answer == NGX_KAFKA_WS_WANT_FIRST);
            return NGX_DECLINED;
        }

        return NGX_AGAIN;
    }

    return NGX_AGAIN;
}


/* the ring has what comes next */

static ngx_int_t
ngx_kafka_ws_older_join(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_place_t *place)
{
    int64_t               offset;
    uint64_t              seq;
    ngx_kafka_ws_ring_t  *ring;

    ring = &part->view.ring;

    if (ngx_kafka_ws_ring_offset(ring, ngx_kafka_ws_ring_tail(ring), &offset)
        != NGX_KAFKA_WS_RING_OK
        || place->offset < offset)
    {
        return NGX_DECLINED;
    }

    seq = ngx_kafka_ws_ring_seek_offset(ring, place->offset);

    if (ngx_kafka_ws_ring_offset(ring, seq, &offset) != NGX_KAFKA_WS_RING_OK
        || place->offset < offset || !ngx_kafka_ws_shm_valid(&part->view))
    {
        /* the writer was faster */
        return NGX_DECLINED;
    }

    place->seq = seq;

    return NGX_OK;
}
