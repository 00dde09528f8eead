
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A worker that comes for a topic and the writer that gives the rings of the
 * topic back must not miss each other.  There is no lock: each says what it is
 * about, and then looks what the other one has said.
 *
 *     worker   its bit in topic->wanted          hold()
 *              full fence
 *              topic->nrings: are there rings?   route_extend(), and so on
 *
 *     writer   topic->nrings = 0                 close()
 *              full fence
 *              topic->wanted: does anyone want it?
 *              yes: topic->nrings as it was; no: frees them
 *
 * With both fences one of the two sees the other.  A worker that sees rings
 * was seen by the writer, if that was about to free them; one that the writer
 * did not see sees none, asks for them and waits.  Either may see the other
 * although it was not necessary: then the worker waits for rings that stay, and
 * is told so.  ngx_kafka_ws_interest.pml has all of it tried.
 *
 * A bit belongs to the process in the slot, and nobody else clears it, so that
 * no two can undo what the other did.  One that was killed leaves its bits; but
 * it had a lock on its slot, which the kernel frees, and the writer looks for
 * it.  The next one in the slot clears the bits, then takes the lock, and only
 * then wants anything: a writer that has seen no lock has not missed a bit of
 * that one, for it hid the rings before it looked.  The last slot may be
 * shared: what is wanted there is wanted for good.
 *
 * What a worker asks for goes the way of other questions: a bit for the chunk
 * of the directory that the topic is in, and the count that the writer
 * compares.  A question that gets lost, since the writer died, is found with
 * the next list of topics.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_segment.h"


#define NGX_KAFKA_WS_INTEREST_PLACES  64


static ngx_uint_t ngx_kafka_ws_interest_sure(ngx_kafka_ws_topic_t *topic);


#define ngx_kafka_ws_interest_word(topic, n)  &(topic)->wanted[(n) / 64]
#define ngx_kafka_ws_interest_bit(n)          ((uint64_t) 1 << ((n) % 64))


void
ngx_kafka_ws_interest_begin(ngx_kafka_ws_root_t *root)
{
    uint32_t               i;
    ngx_uint_t             n;
    ngx_kafka_ws_topic_t  *topic;

    n = ngx_kafka_ws_shm_slot_number();

    if (n == NGX_KAFKA_WS_SLOTS - 1) {
        return;
    }

    for (i = 0; /* void */ ; i++) {
        topic = ngx_kafka_ws_shm_topic(root, i);
        if (topic == NULL) {
            break;
        }

        (void) ngx_kafka_ws_fetch_and(ngx_kafka_ws_interest_word(topic, n),
                                      ~ngx_kafka_ws_interest_bit(n));
    }
}


ngx_int_t
ngx_kafka_ws_interest_hold(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic)
{
    uint32_t              n, *topics;
    ngx_uint_t            slot;
    ngx_kafka_ws_held_t  *held;

    held = kwc->held;

    if (topic->number >= held->ntopics) {
        n = ngx_max(NGX_KAFKA_WS_INTEREST_PLACES,
                    topic->number + topic->number / 2);

        topics = realloc(held->topics, n * sizeof(uint32_t));
        if (topics == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(topics + held->ntopics,
                    (n - held->ntopics) * sizeof(uint32_t));

        held->topics = topics;
        held->ntopics = n;
    }

    if (held->topics[topic->number]++ == 0) {
        slot = ngx_kafka_ws_shm_slot_number();

        (void) ngx_kafka_ws_fetch_or(ngx_kafka_ws_interest_word(topic, slot),
                                     ngx_kafka_ws_interest_bit(slot));

        /* and then it looks for rings: see above */
        ngx_kafka_ws_fence_full();
    }

    return NGX_OK;
}


void
ngx_kafka_ws_interest_drop(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic)
{
    ngx_uint_t  slot;

    if (--kwc->held->topics[topic->number]) {
        return;
    }

    slot = ngx_kafka_ws_shm_slot_number();

    ngx_kafka_ws_store_relaxed(&topic->used, ngx_kafka_ws_shm_now());

    if (slot == NGX_KAFKA_WS_SLOTS - 1) {
        return;
    }

    (void) ngx_kafka_ws_fetch_and(ngx_kafka_ws_interest_word(topic, slot),
                                  ~ngx_kafka_ws_interest_bit(slot));
}


void
ngx_kafka_ws_interest_ask(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic)
{
    uint32_t              chunk;
    ngx_kafka_ws_root_t  *root;

    if (kwc->idle == 0 || ngx_kafka_ws_load_acquire(&topic->nrings)) {
        return;
    }

    root = kwc->root;
    chunk = topic->number / NGX_KAFKA_WS_TOPICS_CHUNK;

    (void) ngx_kafka_ws_fetch_or(&root->asked[chunk / 64],
                                 (uint64_t) 1 << (chunk % 64));
    (void) ngx_kafka_ws_fetch_add(&root->asks, 1);
}


ngx_uint_t
ngx_kafka_ws_interest_room(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic)
{
    uint32_t               i, nrings;
    uint64_t               needed, room;
    ngx_uint_t             any;
    ngx_kafka_ws_root_t   *root;
    ngx_kafka_ws_topic_t  *t;
    ngx_kafka_ws_alive_t   alive;

    root = kwc->root;

    if (kwc->idle == 0 || ngx_kafka_ws_load_acquire(&topic->nrings)) {
        return 1;
    }

    ngx_kafka_ws_interest_alive(root, &alive);

    /* older records give way */
    room = ngx_kafka_ws_load_acquire(&root->room)
           + ngx_kafka_ws_segment_count(root);
    needed = 0;

    for (i = 0; /* void */ ; i++) {
        t = ngx_kafka_ws_shm_topic(root, i);
        if (t == NULL) {
            break;
        }

        any = ngx_kafka_ws_interest_any(t, &alive);
        nrings = ngx_kafka_ws_load_acquire(&t->nrings);

        if (!any) {
            room += nrings;

        } else if (nrings == 0) {
            needed += ngx_kafka_ws_load_relaxed(&t->npartitions);
        }
    }

    return needed <= room;
}


void
ngx_kafka_ws_interest_alive(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_alive_t *alive)
{
    ngx_uint_t  n;

    ngx_memzero(alive, sizeof(ngx_kafka_ws_alive_t));

    for (n = 0; n < NGX_KAFKA_WS_SLOTS; n++) {
        if (ngx_kafka_ws_load_relaxed(&root->slot[n].pid)
            && ngx_kafka_ws_shm_slot_locked(n))
        {
            alive->slots[n / 64] |= ngx_kafka_ws_interest_bit(n);
        }
    }
}


ngx_uint_t
ngx_kafka_ws_interest_any(ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_alive_t *alive)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_KAFKA_WS_SLOT_WORDS; i++) {
        if (ngx_kafka_ws_load_acquire(&topic->wanted[i]) & alive->slots[i]) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_kafka_ws_interest_close(ngx_kafka_ws_topic_t *topic)
{
    uint32_t  nrings;

    nrings = topic->nrings;

    ngx_kafka_ws_store_relaxed(&topic->nrings, 0);
    ngx_kafka_ws_fence_full();

    if (!ngx_kafka_ws_interest_sure(topic)) {
        return NGX_OK;
    }

    ngx_kafka_ws_store_release(&topic->nrings, nrings);

    return NGX_AGAIN;
}


/* behind the fence: the bits first, then whether their owners live */

static ngx_uint_t
ngx_kafka_ws_interest_sure(ngx_kafka_ws_topic_t *topic)
{
    uint64_t    wanted;
    ngx_uint_t  i, n;

    for (i = 0; i < NGX_KAFKA_WS_SLOT_WORDS; i++) {
        wanted = ngx_kafka_ws_load_acquire(&topic->wanted[i]);

        for (n = i * 64; wanted; n++, wanted >>= 1) {
            if ((wanted & 1) && ngx_kafka_ws_shm_slot_locked(n)) {
                return 1;
            }
        }
    }

    return 0;
}
