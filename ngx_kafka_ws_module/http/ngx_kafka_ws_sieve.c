
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The numbers stand in a ring like that of the index, in blocks, each of which
 * knows which records its numbers are of: a block is begun anew when it is
 * asked for others, and grows towards its end as long as nothing is left out.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_sieve.h"


#define NGX_KAFKA_WS_SIEVE_BYTES    (32 * 1024 * 1024)   /* of a process */
#define NGX_KAFKA_WS_SIEVE_KEEP     10000                /* ms */
#define NGX_KAFKA_WS_SIEVE_BUCKETS  1024                 /* a power of two */
#define NGX_KAFKA_WS_SIEVE_BLOCK    256                  /* records */
#define NGX_KAFKA_WS_SIEVE_STRIDE   8                    /* compared at once */

/* numbers that no value has */
#define NGX_KAFKA_WS_SIEVE_LOOK     0   /* everyone has to look at it */
#define NGX_KAFKA_WS_SIEVE_NONE     1   /* it has no value: nobody's */


typedef struct {
    uint64_t                    from;
    uint64_t                    to;       /* known: those in between */
} ngx_kafka_ws_sieve_block_t;


struct ngx_kafka_ws_sieve_s {
    ngx_queue_t                 queue;    /* of the process: the last one asked
                                             for is the first */
    ngx_queue_t                 own;      /* of the set */
    ngx_kafka_ws_sieve_t       *next;     /* in its bucket */
    ngx_kafka_ws_group_set_t   *set;
    const void                 *owner;
    uint64_t                    gen;
    size_t                      len;      /* of the prefixes that the numbers
                                             are of; 0: of whole values */
    ngx_msec_t                  used;
    size_t                      bytes;

    uint64_t                    mask;     /* of the numbers */
    uint64_t                    block;    /* records of a block */
    ngx_kafka_ws_sieve_block_t *blocks;
    uint32_t                   *numbers;
};


typedef struct {
    ngx_queue_t                 queue;
    size_t                      bytes;
    ngx_kafka_ws_sieve_t       *buckets[NGX_KAFKA_WS_SIEVE_BUCKETS];
} ngx_kafka_ws_sieves_t;


static size_t ngx_kafka_ws_sieve_shortest(ngx_kafka_ws_group_set_t *set);
static ngx_kafka_ws_sieve_t **ngx_kafka_ws_sieve_bucket(
    ngx_kafka_ws_group_set_t *set, const void *owner);
static ngx_kafka_ws_sieve_t *ngx_kafka_ws_sieve_create(
    ngx_kafka_ws_group_set_t *set, const ngx_kafka_ws_ring_t *ring,
    ngx_log_t *log);
static void ngx_kafka_ws_sieve_free(ngx_kafka_ws_sieve_t *sieve);
static uint32_t ngx_kafka_ws_sieve_number(uint64_t hash);
static uint32_t ngx_kafka_ws_sieve_prefix(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_span_t value);
static uint32_t ngx_kafka_ws_sieve_want(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_group_t *group);
static ngx_uint_t ngx_kafka_ws_sieve_any(ngx_kafka_ws_group_t *group,
    uint64_t mask, uint32_t number);
static uint64_t ngx_kafka_ws_sieve_mask(ngx_kafka_ws_group_t *group);


/* of this process */
static ngx_kafka_ws_sieves_t  ngx_kafka_ws_sieves;


#define ngx_kafka_ws_sieve_block(sieve, seq)                                  \
    (&(sieve)->blocks[((seq) & (sieve)->mask) / (sieve)->block])

/* behind the last record of a block */
#define ngx_kafka_ws_sieve_block_end(sieve, seq)                              \
    (((seq) | ((sieve)->block - 1)) + 1)


ngx_kafka_ws_sieve_t *
ngx_kafka_ws_sieve_get(ngx_kafka_ws_group_set_t *set,
    const ngx_kafka_ws_ring_t *ring, const void *owner, uint64_t gen,
    ngx_log_t *log)
{
    ngx_kafka_ws_sieve_t  *sieve, **bucket;

    if (ngx_kafka_ws_sieves.queue.next == NULL) {
        ngx_queue_init(&ngx_kafka_ws_sieves.queue);
    }

    bucket = ngx_kafka_ws_sieve_bucket(set, owner);

    for (sieve = *bucket; sieve; sieve = sieve->next) {
        if (sieve->set == set && sieve->owner == owner) {
            break;
        }
    }

    if (sieve && (sieve->gen != gen || sieve->mask != ring->entries - 1
                  || sieve->len > ngx_kafka_ws_sieve_shortest(set)))
    {
        ngx_kafka_ws_sieve_free(sieve);
        sieve = NULL;
    }

    if (sieve == NULL) {
        sieve = ngx_kafka_ws_sieve_create(set, ring, log);
        if (sieve == NULL) {
            return NULL;
        }

        sieve->owner = owner;
        sieve->gen = gen;
        sieve->len = ngx_kafka_ws_sieve_shortest(set);

        /* what gave way for it may have been the first of its bucket */
        sieve->next = *bucket;
        *bucket = sieve;

    } else {
        ngx_queue_remove(&sieve->queue);
    }

    ngx_queue_insert_head(&ngx_kafka_ws_sieves.queue, &sieve->queue);
    sieve->used = ngx_current_msec;

    return sieve;
}


/* of the prefixes that there are; 0: values are whole */

static size_t
ngx_kafka_ws_sieve_shortest(ngx_kafka_ws_group_set_t *set)
{
    return set->some ? (size_t) __builtin_ctzll(set->some) + 1 : 0;
}


static ngx_kafka_ws_sieve_t **
ngx_kafka_ws_sieve_bucket(ngx_kafka_ws_group_set_t *set, const void *owner)
{
    uintptr_t  n;

    n = ((uintptr_t) set >> 4) * 31 + ((uintptr_t) owner >> 6);
    n ^= n >> 10;

    return &ngx_kafka_ws_sieves.buckets[n & (NGX_KAFKA_WS_SIEVE_BUCKETS - 1)];
}


/* with its blocks and numbers it is one piece of memory */

static ngx_kafka_ws_sieve_t *
ngx_kafka_ws_sieve_create(ngx_kafka_ws_group_set_t *set,
    const ngx_kafka_ws_ring_t *ring, ngx_log_t *log)
{
    size_t                 bytes;
    uint64_t               block;
    ngx_queue_t           *q;
    ngx_kafka_ws_sieve_t  *sieve;

    if (ring->entries > NGX_KAFKA_WS_SIEVE_BYTES / 8) {
        return NULL;
    }

    block = ngx_min(ring->entries, NGX_KAFKA_WS_SIEVE_BLOCK);

    bytes = sizeof(ngx_kafka_ws_sieve_t)
            + ring->entries / block * sizeof(ngx_kafka_ws_sieve_block_t)
            + ring->entries * sizeof(uint32_t);

    while (ngx_kafka_ws_sieves.bytes + bytes > NGX_KAFKA_WS_SIEVE_BYTES) {
        q = ngx_queue_last(&ngx_kafka_ws_sieves.queue);
        ngx_kafka_ws_sieve_free(ngx_queue_data(q, ngx_kafka_ws_sieve_t,
                                               queue));
    }

    sieve = ngx_calloc(bytes, log);
    if (sieve == NULL) {
        return NULL;
    }

    ngx_kafka_ws_sieves.bytes += bytes;

    sieve->set = set;
    sieve->bytes = bytes;
    sieve->block = block;
    sieve->mask = ring->entries - 1;
    sieve->blocks = (ngx_kafka_ws_sieve_block_t *) (sieve + 1);
    sieve->numbers = (uint32_t *) (sieve->blocks + ring->entries / block);

    ngx_queue_insert_tail(&set->sieves, &sieve->own);

    return sieve;
}


static void
ngx_kafka_ws_sieve_free(ngx_kafka_ws_sieve_t *sieve)
{
    ngx_kafka_ws_sieve_t  **link;

    link = ngx_kafka_ws_sieve_bucket(sieve->set, sieve->owner);

    while (*link != sieve) {
        link = &(*link)->next;
    }

    *link = sieve->next;

    ngx_queue_remove(&sieve->queue);
    ngx_queue_remove(&sieve->own);

    ngx_kafka_ws_sieves.bytes -= sieve->bytes;

    ngx_free(sieve);
}


void
ngx_kafka_ws_sieve_forget(ngx_kafka_ws_group_set_t *set)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&set->sieves)) {
        q = ngx_queue_head(&set->sieves);
        ngx_kafka_ws_sieve_free(ngx_queue_data(q, ngx_kafka_ws_sieve_t, own));
    }
}


void
ngx_kafka_ws_sieve_sweep(void)
{
    ngx_queue_t           *q, *prev;
    ngx_kafka_ws_sieve_t  *sieve;

    if (ngx_kafka_ws_sieves.bytes == 0) {
        return;
    }

    for (q = ngx_queue_last(&ngx_kafka_ws_sieves.queue);
         q != ngx_queue_sentinel(&ngx_kafka_ws_sieves.queue);
         q = prev)
    {
        prev = ngx_queue_prev(q);
        sieve = ngx_queue_data(q, ngx_kafka_ws_sieve_t, queue);

        if (ngx_current_msec - sieve->used < NGX_KAFKA_WS_SIEVE_KEEP) {
            break;
        }

        ngx_kafka_ws_sieve_free(sieve);
    }
}


uint64_t
ngx_kafka_ws_sieve_known(ngx_kafka_ws_sieve_t *sieve, uint64_t seq,
    uint64_t limit)
{
    ngx_kafka_ws_sieve_block_t  *block;

    block = ngx_kafka_ws_sieve_block(sieve, seq);

    if (seq < block->from || seq >= block->to) {
        return seq;
    }

    return ngx_min(block->to, limit);
}


uint64_t
ngx_kafka_ws_sieve_room(ngx_kafka_ws_sieve_t *sieve, uint64_t seq,
    uint64_t limit)
{
    return ngx_min(ngx_kafka_ws_sieve_block_end(sieve, seq), limit);
}


void
ngx_kafka_ws_sieve_put(ngx_kafka_ws_sieve_t *sieve, uint64_t seq,
    u_char *block, size_t len)
{
    uint32_t                     number;
    ngx_kafka_ws_span_t          value;
    ngx_kafka_ws_group_set_t    *set;
    ngx_kafka_ws_sieve_block_t  *b;

    set = sieve->set;
    b = ngx_kafka_ws_sieve_block(sieve, seq);

    if (b->to != seq || (seq & (sieve->block - 1)) == 0) {
        /* others, or something would be left out */
        b->from = seq;
    }

    if (block == NULL) {
        number = NGX_KAFKA_WS_SIEVE_LOOK;

    } else if (ngx_kafka_ws_filter_value(block, len,
                                         set->terms[set->key].field, &value))
    {
        number = sieve->len
                 ? ngx_kafka_ws_sieve_prefix(sieve, value)
                 : ngx_kafka_ws_sieve_number(
                                 ngx_kafka_ws_filter_hash(set->seed, &value));

    } else {
        number = NGX_KAFKA_WS_SIEVE_NONE;
    }

    sieve->numbers[seq & sieve->mask] = number;
    b->to = seq + 1;
}


static uint32_t
ngx_kafka_ws_sieve_number(uint64_t hash)
{
    uint32_t  number;

    number = (uint32_t) (hash >> 32);

    return number > NGX_KAFKA_WS_SIEVE_NONE ? number : number + 2;
}


/* of as much of a value as the shortest prefix has */

static uint32_t
ngx_kafka_ws_sieve_prefix(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_span_t value)
{
    if (value.len < sieve->len) {
        return NGX_KAFKA_WS_SIEVE_NONE;
    }

    value.len = sieve->len;

    return ngx_kafka_ws_sieve_number(ngx_kafka_ws_filter_hash(sieve->set->seed,
                                                              &value));
}


/* the number that a group of one value looks for */

static uint32_t
ngx_kafka_ws_sieve_want(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_group_t *group)
{
    ngx_kafka_ws_group_entry_t  *entry;

    entry = &group->entries[0];

    return sieve->len ? ngx_kafka_ws_sieve_prefix(sieve, entry->value)
                      : ngx_kafka_ws_sieve_number(entry->hash);
}


uint64_t
ngx_kafka_ws_sieve_next(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_group_t *group, uint64_t seq, uint64_t limit)
{
    uint32_t         want, found;
    uint64_t         mask;
    ngx_uint_t       i;
    const uint32_t  *p, *last;

    p = &sieve->numbers[seq & sieve->mask];
    last = p + (limit - seq);

    if (group->nentries != 1) {
        mask = ngx_kafka_ws_sieve_mask(group);

        while (p < last && !ngx_kafka_ws_sieve_any(group, mask, *p)) {
            p++;
        }

        return limit - (uint64_t) (last - p);
    }

    want = ngx_kafka_ws_sieve_want(sieve, group);

    /* without a branch for each: compilers make it a few instructions */

    while (last - p >= NGX_KAFKA_WS_SIEVE_STRIDE) {
        found = 0;

        for (i = 0; i < NGX_KAFKA_WS_SIEVE_STRIDE; i++) {
            found |= (uint32_t) (p[i] == want)
                     | (uint32_t) (p[i] == NGX_KAFKA_WS_SIEVE_LOOK);
        }

        if (found) {
            break;
        }

        p += NGX_KAFKA_WS_SIEVE_STRIDE;
    }

    while (p < last && *p != want && *p != NGX_KAFKA_WS_SIEVE_LOOK) {
        p++;
    }

    return limit - (uint64_t) (last - p);
}


uint64_t
ngx_kafka_ws_sieve_end(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_group_t *group, uint64_t seq, uint64_t limit)
{
    uint32_t         want;
    uint64_t         mask;
    const uint32_t  *p, *last;

    p = &sieve->numbers[seq & sieve->mask];
    last = p + (limit - seq);

    if (group->nentries != 1) {
        mask = ngx_kafka_ws_sieve_mask(group);

        while (p < last && ngx_kafka_ws_sieve_any(group, mask, *p)) {
            p++;
        }

        return limit - (uint64_t) (last - p);
    }

    want = ngx_kafka_ws_sieve_want(sieve, group);

    while (p < last && (*p == want || *p == NGX_KAFKA_WS_SIEVE_LOOK)) {
        p++;
    }

    return limit - (uint64_t) (last - p);
}


/* a bit for each of its numbers: most others are told by that */

static uint64_t
ngx_kafka_ws_sieve_mask(ngx_kafka_ws_group_t *group)
{
    uint64_t    mask;
    uint32_t    number;
    ngx_uint_t  i;

    mask = (uint64_t) 1 << NGX_KAFKA_WS_SIEVE_LOOK;

    for (i = 0; i < group->nentries; i++) {
        number = ngx_kafka_ws_sieve_number(group->entries[i].hash);
        mask |= (uint64_t) 1 << (number & 63);
    }

    return mask;
}


static ngx_uint_t
ngx_kafka_ws_sieve_any(ngx_kafka_ws_group_t *group, uint64_t mask,
    uint32_t number)
{
    ngx_uint_t  i;

    if (!((mask >> (number & 63)) & 1)) {
        return 0;
    }

    if (number == NGX_KAFKA_WS_SIEVE_LOOK) {
        return 1;
    }

    for (i = 0; i < group->nentries; i++) {
        if (ngx_kafka_ws_sieve_number(group->entries[i].hash) == number) {
            return 1;
        }
    }

    return 0;
}
