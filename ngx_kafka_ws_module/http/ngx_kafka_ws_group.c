
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_group.h"


#define NGX_KAFKA_WS_GROUP_BUCKETS  16   /* at first */

#define ngx_kafka_ws_group_match(set, group, block, len)                      \
    ngx_kafka_ws_filter_match((set)->terms, (set)->nterms, (group)->wants,    \
                              block, len)


static ngx_uint_t ngx_kafka_ws_group_key(ngx_kafka_ws_group_set_t *set);
static ngx_kafka_ws_span_t ngx_kafka_ws_group_by(
    ngx_kafka_ws_group_set_t *set, const ngx_kafka_ws_span_t *value);
static void ngx_kafka_ws_group_count(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_entry_t *entry, ngx_uint_t more);
static ngx_kafka_ws_group_entry_t *ngx_kafka_ws_group_lookup(
    ngx_kafka_ws_group_set_t *set, ngx_kafka_ws_group_iter_t *it);
static ngx_kafka_ws_group_t *ngx_kafka_ws_group_find(
    ngx_kafka_ws_group_set_t *set, ngx_kafka_ws_filter_want_t *wants);
static ngx_uint_t ngx_kafka_ws_group_same(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group, ngx_kafka_ws_filter_want_t *wants);
static ngx_uint_t ngx_kafka_ws_group_equal(const ngx_kafka_ws_span_t *a,
    const ngx_kafka_ws_span_t *b);
static ngx_kafka_ws_group_t *ngx_kafka_ws_group_create(
    ngx_kafka_ws_group_set_t *set, ngx_kafka_ws_filter_want_t *wants,
    ngx_log_t *log);
static void ngx_kafka_ws_group_enter(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group);
static void ngx_kafka_ws_group_grow(ngx_kafka_ws_group_set_t *set,
    ngx_log_t *log);


ngx_int_t
ngx_kafka_ws_group_set_init(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_filter_term_t *terms, ngx_uint_t nterms, ngx_log_t *log)
{
    size_t  size;

    ngx_memzero(set, sizeof(ngx_kafka_ws_group_set_t));

    ngx_queue_init(&set->groups);
    ngx_queue_init(&set->sieves);

    if (nterms == 0) {
        return NGX_OK;
    }

    size = nterms * sizeof(ngx_kafka_ws_filter_term_t);

    set->terms = ngx_alloc(size, log);
    if (set->terms == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(set->terms, terms, size);

    set->nterms = nterms;
    set->key = ngx_kafka_ws_group_key(set);
    set->prefix = (set->terms[set->key].op == NGX_KAFKA_WS_FILTER_PREFIX);

    /* values come from clients: which of them collide is not to be told */

    set->seed = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random()
                ^ (uint64_t) (uintptr_t) set;

    set->nbuckets = NGX_KAFKA_WS_GROUP_BUCKETS;
    size = set->nbuckets * sizeof(ngx_kafka_ws_group_entry_t *);

    set->buckets = ngx_calloc(size, log);

    return set->buckets ? NGX_OK : NGX_ERROR;
}


/*
 * The first term that varies, for that tells the groups apart; of those that
 * are the same in this the first that asks for whole values.
 */

static ngx_uint_t
ngx_kafka_ws_group_key(ngx_kafka_ws_group_set_t *set)
{
    ngx_uint_t                   i, key, rank, best;
    ngx_kafka_ws_filter_term_t  *term;

    key = 0;
    best = 4;

    for (i = 0; i < set->nterms; i++) {
        term = &set->terms[i];

        rank = (term->varies ? 0 : 2)
               + (term->op == NGX_KAFKA_WS_FILTER_PREFIX ? 1 : 0);

        if (rank < best) {
            key = i;
            best = rank;
        }
    }

    return key;
}


void
ngx_kafka_ws_group_set_free(ngx_kafka_ws_group_set_t *set)
{
    if (set->buckets) {
        ngx_free(set->buckets);
    }

    if (set->terms) {
        ngx_free(set->terms);
    }
}


ngx_kafka_ws_group_t *
ngx_kafka_ws_group_get(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_filter_want_t *wants, ngx_log_t *log)
{
    ngx_kafka_ws_group_t  *group;

    group = ngx_kafka_ws_group_find(set, wants);

    if (group == NULL) {
        group = ngx_kafka_ws_group_create(set, wants, log);

        if (group == NULL) {
            return NULL;
        }

        ngx_queue_insert_tail(&set->groups, &group->queue);
        set->ngroups++;

        if (set->buckets) {
            ngx_kafka_ws_group_grow(set, log);
            ngx_kafka_ws_group_enter(set, group);
        }
    }

    group->nsubscribers++;

    return group;
}


static ngx_kafka_ws_group_t *
ngx_kafka_ws_group_find(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_filter_want_t *wants)
{
    uint64_t                     hash;
    ngx_queue_t                 *q;
    ngx_kafka_ws_span_t          value;
    ngx_kafka_ws_group_entry_t  *entry;

    if (set->buckets) {
        value = ngx_kafka_ws_group_by(set, wants[set->key].values);
        hash = ngx_kafka_ws_filter_hash(set->seed, &value);

        for (entry = set->buckets[hash & (set->nbuckets - 1)];
             entry;
             entry = entry->next)
        {
            if (entry->hash == hash
                && ngx_kafka_ws_group_same(set, entry->group, wants))
            {
                return entry->group;
            }
        }

        return NULL;
    }

    /* without terms there is one */

    if (ngx_queue_empty(&set->groups)) {
        return NULL;
    }

    q = ngx_queue_head(&set->groups);

    return ngx_queue_data(q, ngx_kafka_ws_group_t, queue);
}


/* the part of a value by which records find it: of a long prefix the first */

static ngx_kafka_ws_span_t
ngx_kafka_ws_group_by(ngx_kafka_ws_group_set_t *set,
    const ngx_kafka_ws_span_t *value)
{
    ngx_kafka_ws_span_t  by;

    by = *value;

    if (set->prefix) {
        by.len = ngx_min(by.len, NGX_KAFKA_WS_GROUP_LENGTHS);
    }

    return by;
}


static ngx_uint_t
ngx_kafka_ws_group_same(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group, ngx_kafka_ws_filter_want_t *wants)
{
    ngx_uint_t                   i, k;
    ngx_kafka_ws_filter_want_t  *have;

    for (i = 0; i < set->nterms; i++) {
        have = &group->wants[i];

        if (have->nvalues != wants[i].nvalues) {
            return 0;
        }

        for (k = 0; k < have->nvalues; k++) {
            if (!ngx_kafka_ws_group_equal(&have->values[k],
                                          &wants[i].values[k]))
            {
                return 0;
            }
        }
    }

    return 1;
}


static ngx_uint_t
ngx_kafka_ws_group_equal(const ngx_kafka_ws_span_t *a,
    const ngx_kafka_ws_span_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


/* a group with its wants, entries and values is one piece of memory */

static ngx_kafka_ws_group_t *
ngx_kafka_ws_group_create(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_filter_want_t *wants, ngx_log_t *log)
{
    size_t                 size;
    u_char                *p;
    ngx_uint_t             i, k, nspans, nentries;
    ngx_kafka_ws_span_t   *span;
    ngx_kafka_ws_group_t  *group;

    nspans = 0;
    nentries = set->buckets ? wants[set->key].nvalues : 0;

    size = sizeof(ngx_kafka_ws_group_t)
           + set->nterms * sizeof(ngx_kafka_ws_filter_want_t)
           + nentries * sizeof(ngx_kafka_ws_group_entry_t);

    for (i = 0; i < set->nterms; i++) {
        nspans += wants[i].nvalues;

        for (k = 0; k < wants[i].nvalues; k++) {
            size += wants[i].values[k].len;
        }
    }

    p = ngx_calloc(size + nspans * sizeof(ngx_kafka_ws_span_t), log);
    if (p == NULL) {
        return NULL;
    }

    group = (ngx_kafka_ws_group_t *) p;
    group->wants = (ngx_kafka_ws_filter_want_t *) (group + 1);
    group->entries = (ngx_kafka_ws_group_entry_t *)
                     (group->wants + set->nterms);
    span = (ngx_kafka_ws_span_t *) (group->entries + nentries);
    p = (u_char *) (span + nspans);

    ngx_queue_init(&group->live);
    ngx_queue_init(&group->todo);

    for (i = 0; i < set->nterms; i++) {
        group->wants[i].values = span;
        group->wants[i].nvalues = wants[i].nvalues;

        for (k = 0; k < wants[i].nvalues; k++) {
            span->data = p;
            span->len = wants[i].values[k].len;

            p = ngx_cpymem(p, wants[i].values[k].data, span->len);
            span++;
        }
    }

    return group;
}


/* a record must not find it twice, also if a list names a value twice */

static void
ngx_kafka_ws_group_enter(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group)
{
    ngx_uint_t                    i;
    ngx_kafka_ws_group_entry_t   *entry, *other, **bucket;
    ngx_kafka_ws_filter_want_t   *want;

    want = &group->wants[set->key];

    for (i = 0; i < want->nvalues; i++) {
        entry = &group->entries[group->nentries];

        entry->group = group;
        entry->value = ngx_kafka_ws_group_by(set, &want->values[i]);
        entry->hash = ngx_kafka_ws_filter_hash(set->seed, &entry->value);

        bucket = &set->buckets[entry->hash & (set->nbuckets - 1)];

        for (other = *bucket; other; other = other->next) {
            if (other->group == group
                && ngx_kafka_ws_group_equal(&other->value, &entry->value))
            {
                break;
            }
        }

        if (other == NULL) {
            entry->next = *bucket;
            *bucket = entry;

            group->nentries++;
            ngx_kafka_ws_group_count(set, entry, 1);
        }
    }
}


/* an entry of the table more, or less */

static void
ngx_kafka_ws_group_count(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_entry_t *entry, ngx_uint_t more)
{
    uint64_t   bit;
    uint32_t  *n;

    set->nentries += more ? 1 : -1;

    if (!set->prefix) {
        return;
    }

    n = &set->lengths[entry->value.len - 1];
    bit = (uint64_t) 1 << (entry->value.len - 1);

    *n += more ? 1 : -1;
    set->some = *n ? set->some | bit : set->some & ~bit;
}


/* without memory chains are longer, nothing else */

static void
ngx_kafka_ws_group_grow(ngx_kafka_ws_group_set_t *set, ngx_log_t *log)
{
    size_t                        size;
    ngx_uint_t                    i, n;
    ngx_kafka_ws_group_entry_t   *entry, *next, **buckets, **bucket;

    if (set->nentries < set->nbuckets) {
        return;
    }

    n = set->nbuckets * 2;
    size = n * sizeof(ngx_kafka_ws_group_entry_t *);

    buckets = ngx_calloc(size, log);
    if (buckets == NULL) {
        return;
    }

    for (i = 0; i < set->nbuckets; i++) {

        for (entry = set->buckets[i]; entry; entry = next) {
            next = entry->next;

            bucket = &buckets[entry->hash & (n - 1)];
            entry->next = *bucket;
            *bucket = entry;
        }
    }

    ngx_free(set->buckets);

    set->buckets = buckets;
    set->nbuckets = n;
}


void
ngx_kafka_ws_group_release(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group)
{
    ngx_uint_t                    i;
    ngx_kafka_ws_group_entry_t   *entry, **link;

    if (--group->nsubscribers) {
        return;
    }

    for (i = 0; i < group->nentries; i++) {
        entry = &group->entries[i];
        link = &set->buckets[entry->hash & (set->nbuckets - 1)];

        while (*link != entry) {
            link = &(*link)->next;
        }

        *link = entry->next;
        ngx_kafka_ws_group_count(set, entry, 0);
    }

    ngx_queue_remove(&group->queue);
    set->ngroups--;

    ngx_free(group);
}


ngx_kafka_ws_group_t *
ngx_kafka_ws_group_next(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_iter_t *it, u_char *block, size_t len)
{
    ngx_kafka_ws_group_entry_t  *entry;

    if (it->begun) {
        entry = it->entry->next;

    } else {
        it->begun = 1;

        if (!ngx_kafka_ws_filter_value(block, len, set->terms[set->key].field,
                                       &it->value))
        {
            return NULL;
        }

        it->rest = 0;
        entry = NULL;

        if (!set->prefix) {
            entry = ngx_kafka_ws_group_lookup(set, it);

        } else if (it->value.len < NGX_KAFKA_WS_GROUP_LENGTHS) {
            it->rest = set->some & (((uint64_t) 1 << it->value.len) - 1);

        } else {
            it->rest = set->some;
        }
    }

    for ( ;; ) {

        for ( /* void */ ; entry; entry = entry->next) {

            if (entry->hash == it->hash
                && ngx_kafka_ws_group_equal(&entry->value, &it->value)
                && ngx_kafka_ws_group_match(set, entry->group, block, len))
            {
                it->entry = entry;
                return entry->group;
            }
        }

        if (it->rest == 0) {
            return NULL;
        }

        /* as long a beginning of the value as the next prefixes are */

        it->value.len = (size_t) __builtin_ctzll(it->rest) + 1;
        it->rest &= it->rest - 1;

        entry = ngx_kafka_ws_group_lookup(set, it);
    }
}


static ngx_kafka_ws_group_entry_t *
ngx_kafka_ws_group_lookup(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_iter_t *it)
{
    it->hash = ngx_kafka_ws_filter_hash(set->seed, &it->value);

    return set->buckets[it->hash & (set->nbuckets - 1)];
}


ngx_uint_t
ngx_kafka_ws_group_wants(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group, u_char *block, size_t len)
{
    ngx_uint_t  key;

    key = set->key;

    /* what most records differ in comes first: the others may be long lists */

    if (set->nterms > 1
        && !ngx_kafka_ws_filter_match(&set->terms[key], 1, &group->wants[key],
                                      block, len))
    {
        return 0;
    }

    return ngx_kafka_ws_group_match(set, group, block, len);
}
