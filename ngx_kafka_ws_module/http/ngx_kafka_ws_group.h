
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A group is what the subscribers of a route with the same filter values
 * share: the records of the route that they want.  A route without filters
 * has one group, which wants all.
 *
 * Which groups want a record is found by the value of one of its fields, in a
 * table: by all of it ("=", "in"), or, if the term asks for prefixes ("^="), by
 * as much of its beginning as they have, once for each length that there is.
 * Of several terms it is one that tells the groups apart: what all of them
 * want would find them all.
 */


#ifndef _NGX_KAFKA_WS_GROUP_H_INCLUDED_
#define _NGX_KAFKA_WS_GROUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_sums.h"


/* records find a longer prefix by so much of it: a bit of a word for each */
#define NGX_KAFKA_WS_GROUP_LENGTHS  64


typedef struct ngx_kafka_ws_group_s        ngx_kafka_ws_group_t;
typedef struct ngx_kafka_ws_group_entry_s  ngx_kafka_ws_group_entry_t;


/* a value by which records find a group */

struct ngx_kafka_ws_group_entry_s {
    ngx_kafka_ws_group_entry_t   *next;       /* in its bucket */
    ngx_kafka_ws_group_t         *group;
    uint64_t                      hash;
    ngx_kafka_ws_span_t           value;
};


struct ngx_kafka_ws_group_s {
    ngx_queue_t                   queue;      /* the set's */
    ngx_uint_t                    nsubscribers;   /* pending ones too */

    ngx_queue_t                   live;       /* subscribers: at the route's
                                                 places */
    ngx_queue_t                   todo;       /* those of an older round */
    uint32_t                      round;      /* spans sent so far */
    ngx_kafka_ws_sums_t           sent;       /* in them */
    ngx_kafka_ws_sums_t           before;     /* the round before */

    ngx_queue_t                   due;        /* the pass's: a span has
                                                 records for it */
    ngx_uint_t                    first;      /* of its picks there */
    ngx_uint_t                    last;

    ngx_kafka_ws_filter_want_t   *wants;      /* one for each term */
    ngx_kafka_ws_group_entry_t   *entries;
    ngx_uint_t                    nentries;
};


/* all groups of a route */

typedef struct {
    ngx_queue_t                   groups;
    ngx_uint_t                    ngroups;
    ngx_kafka_ws_filter_term_t   *terms;
    ngx_uint_t                    nterms;     /* 0: no filter, one group */
    ngx_uint_t                    key;        /* the term that the table is
                                                 for */
    ngx_uint_t                    prefix;     /* by prefixes */
    uint64_t                      some;       /* bit n: of n + 1 bytes */
    uint32_t                      lengths[NGX_KAFKA_WS_GROUP_LENGTHS];
                                              /* how many */
    uint64_t                      seed;
    ngx_kafka_ws_group_entry_t  **buckets;
    ngx_uint_t                    nbuckets;   /* a power of two */
    ngx_uint_t                    nentries;
    ngx_queue_t                   sieves;     /* of its rings */
} ngx_kafka_ws_group_set_t;


/*
 * terms:     copied
 * set:       to be freed, also after an error
 * returns:   NGX_OK or NGX_ERROR: no memory
 * where:     a worker, as all below
 */
ngx_int_t ngx_kafka_ws_group_set_init(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_filter_term_t *terms, ngx_uint_t nterms, ngx_log_t *log);

/* set:       whose groups are gone */
void ngx_kafka_ws_group_set_free(ngx_kafka_ws_group_set_t *set);

/*
 * Finds the group of these values, or makes it.
 * wants:     one for each term, copied; NULL without terms
 * returns:   it, to be given back; NULL: no memory
 */
ngx_kafka_ws_group_t *ngx_kafka_ws_group_get(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_filter_want_t *wants, ngx_log_t *log);

/* one subscriber less; the last one takes the group with it */
void ngx_kafka_ws_group_release(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group);

/*
 * Steps through the groups that want a record.
 * it:        begun is 0 at first
 * block:     the record's fields, whatever its bytes are
 * returns:   the next one, or NULL
 * cost:      a hash and mostly one compare; the same for each length that
 *            prefixes have
 */

typedef struct {
    ngx_kafka_ws_group_entry_t   *entry;
    uint64_t                      rest;       /* lengths, as set->some */
    uint64_t                      hash;
    ngx_kafka_ws_span_t           value;
    ngx_uint_t                    begun;
} ngx_kafka_ws_group_iter_t;

ngx_kafka_ws_group_t *ngx_kafka_ws_group_next(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_iter_t *it, u_char *block, size_t len);

/*
 * Looks at one group, as for a subscriber that is not where its route is.
 * returns:   1, if it wants the record
 * cost:      mostly a compare, however long the lists of the other terms are
 */
ngx_uint_t ngx_kafka_ws_group_wants(ngx_kafka_ws_group_set_t *set,
    ngx_kafka_ws_group_t *group, u_char *block, size_t len);


#endif /* _NGX_KAFKA_WS_GROUP_H_INCLUDED_ */
