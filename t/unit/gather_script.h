
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of what is gathered of a route with a filter, while the writer is
 * at work: each read of a ring may turn out to be overrun, of a ring that is
 * another one by now, short, or damaged, in each order.  The reads are
 * scripted: lib's ring is not linked.
 */


#ifndef _GATHER_SCRIPT_H_INCLUDED_
#define _GATHER_SCRIPT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"

#include "gather_nginx.h"
#include "tap.h"


#define PARTS     3
#define GROUPS    4
#define ENTRIES   1024    /* of an index, as far as anyone asks */
#define BLOCKS    65536   /* bytes of fields, as gather_sift.c has it */

/* of a script; all reads behind it go well */
#ifndef STEPS
#define STEPS     6
#endif

#define FIELDS    1       /* renderings: of the fields, of the frames */
#define FRAMES    0

#define check(cond)  check_that((cond) ? 1 : 0, #cond, __LINE__)


/* what becomes of a read */

typedef enum {
    GOES_WELL = 0,
    SHORT,                /* one record, and there are more */
    LAPPED,
    STALE,                /* what was read is another ring's */
    TOO_BIG,
    DAMAGED,
    OUTCOMES
} outcome_e;


/*
 * A letter for each record: that which a group wants; "b" is wanted by two,
 * "d" by one that nobody is live in, "-" by none; "!" is a gap.
 */

static const char  *const patterns[][PARTS] = {
    { "aaaaa", "aaaaa", "aaaaa" },
    { "a-b-a", "b-a-b", "-ab-a" },
    { "-a--b", "aa--b", "b--aa" },
    { "-----", "a-d-b", "dd-bb" },
    { "ab!ab", "!-ba-", "-!b-!" },
    { "ab", "", "b-a" },
    { "", "", "" }
};


/* the values of each group */

static const char  *const letters[] = { "a", "b", "bc", "d" };


/* in bytes and records; what is small is less than a part has */

static const struct {
    size_t      size;
    ngx_uint_t  max;
} rooms[] = {
    { 4096, 64 },
    { 40, 64 },
    { 4, 64 },
    { 4096, 7 }
};


static ngx_kafka_ws_cluster_t      cluster;
static ngx_kafka_ws_route_t        route;
static ngx_kafka_ws_route_part_t   parts[PARTS];
static ngx_kafka_ws_stream_t       streams[PARTS];
static uint64_t                    heads[PARTS];
static ngx_kafka_ws_filter_term_t  term;
static ngx_kafka_ws_group_t       *groups[GROUPS];
static ngx_queue_t                 live[GROUPS];
static ngx_kafka_ws_span_buf_t     buf;
static ngx_log_t                   log;

static const char *const          *pattern;
static outcome_e                   script[STEPS];
static ngx_uint_t                  step, wrong, bad_reads;
static ngx_uint_t                  offsets_too;  /* are scripted */


static void
check_that(int good, const char *text, int line)
{
    ngx_uint_t  i;

    if (good || wrong++ >= 10) {
        return;
    }

    printf("# line %d: %s: %.20s %.20s %.20s, script", line, text, pattern[0],
           pattern[1], pattern[2]);

    for (i = 0; i < STEPS; i++) {
        printf(" %d", script[i]);
    }

    printf(", room %zu, %lu records\n", buf.size, (unsigned long) buf.max);
}


/* what the files under test need of the module: nobody reads older records */

ngx_kafka_ws_older_part_t *
ngx_kafka_ws_older_part(ngx_kafka_ws_subscription_t *sub, ngx_uint_t k)
{
    (void) sub;
    (void) k;

    return NULL;
}


ngx_int_t
ngx_kafka_ws_older_next(ngx_kafka_ws_route_t *r,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k, int64_t *lost,
    ngx_uint_t *first)
{
    (void) r;
    (void) sub;
    (void) k;
    (void) lost;
    (void) first;

    return NGX_ERROR;
}


uint64_t
ngx_kafka_ws_ring_tail(const ngx_kafka_ws_ring_t *ring)
{
    (void) ring;

    return 0;
}


ngx_kafka_ws_ring_e
ngx_kafka_ws_ring_offset(const ngx_kafka_ws_ring_t *ring, uint64_t seq,
    int64_t *offset)
{
    outcome_e   outcome;
    ngx_uint_t  k;

    for (k = 0; ring != &parts[k].view.ring; k++) { /* void */ }

    *offset = (int64_t) seq;

    outcome = offsets_too && step < STEPS ? script[step++] : GOES_WELL;

    if (outcome == LAPPED) {
        bad_reads++;
        return NGX_KAFKA_WS_RING_LAPPED;
    }

    if (outcome == STALE) {
        *offset += 100;
        streams[k].gen += 2;
        bad_reads++;
    }

    return NGX_KAFKA_WS_RING_OK;
}


static uint64_t
records(ngx_uint_t k)
{
    return strlen(pattern[k]);
}


static size_t
frame_of(ngx_uint_t k, uint64_t seq, char *frame)
{
    return (size_t) sprintf(frame, "%u:%u:%c;", (unsigned) k, (unsigned) seq,
                            pattern[k][seq]);
}


/* of one field: how many there are, the end of it, and the value, which is the
   letter twice */

static size_t
block_of(ngx_uint_t k, uint64_t seq, char *block)
{
    uint32_t  word;

    if (pattern[k][seq] == '!') {
        return 0;
    }

    word = 1;
    memcpy(block, &word, 4);
    word = 10;
    memcpy(block + 4, &word, 4);
    block[8] = pattern[k][seq];
    block[9] = pattern[k][seq];

    return 10;
}


/* lib's, but for the writer: that is the script */

ngx_kafka_ws_ring_e
ngx_kafka_ws_ring_read(const ngx_kafka_ws_ring_t *ring, unsigned r,
    uint64_t seq, uint64_t limit, uint8_t *data, size_t size, uint32_t *ends,
    int64_t *offsets, size_t nends, ngx_kafka_ws_ring_span_t *span)
{
    char        piece[16];
    size_t      len, n;
    outcome_e   outcome;
    ngx_uint_t  k;

    for (k = 0; ring != &parts[k].view.ring; k++) { /* void */ }

    memset(span, 0, sizeof(ngx_kafka_ws_ring_span_t));

    limit = ngx_min(limit, records(k));

    if (seq >= limit) {
        return NGX_KAFKA_WS_RING_OK;
    }

    outcome = step < STEPS ? script[step++] : GOES_WELL;
    nends = outcome == SHORT && nends > 1 ? 1 : nends;

    for (n = 0; seq < limit && n < nends; n++, seq++) {

        if (pattern[k][seq] == '!') {
            if (n) {
                break;
            }

            span->flags = NGX_KAFKA_WS_RING_TOO_LARGE;
        }

        len = r == FIELDS ? block_of(k, seq, piece) : frame_of(k, seq, piece);

        if (len > size - span->len || (outcome == TOO_BIG && n == 0 && len)) {
            if (n == 0) {
                span->len = ngx_max(len, size + 1);
                return NGX_KAFKA_WS_RING_ETOOBIG;
            }

            break;
        }

        memcpy(data + span->len, piece, len);
        span->len += len;
        ends[n] = (uint32_t) span->len;

        if (offsets) {
            offsets[n] = (int64_t) seq + 1;
        }

        if (span->flags) {
            n++;
            seq++;
            break;
        }
    }

    span->n = n;
    span->next = seq;
    span->offset = (int64_t) seq;

    switch (outcome) {

    case LAPPED:
        memset(data, '?', span->len);
        bad_reads++;
        return NGX_KAFKA_WS_RING_LAPPED;

    case STALE:
        if (r == FRAMES) {
            memset(data, '?', span->len);
        }

        streams[k].gen += 2;
        bad_reads++;
        return NGX_KAFKA_WS_RING_OK;

    case DAMAGED:
        bad_reads++;
        return NGX_KAFKA_WS_RING_EINVAL;

    default:
        return NGX_KAFKA_WS_RING_OK;
    }
}


static int
wants(ngx_uint_t g, char letter)
{
    return term.op == NGX_KAFKA_WS_FILTER_IN
           ? strchr(letters[g], letter) != NULL : letters[g][0] == letter;
}


/* the route; prefixes are of one value and of both lengths that it has */

static void
init(ngx_kafka_ws_filter_op_e op)
{
    static const char *const     texts[] = { "aa", "bb", "cc", "dd" };

    ngx_uint_t                   g, k, n;
    ngx_kafka_ws_span_t          values[2];
    ngx_kafka_ws_filter_want_t   want;

    log.log_level = NGX_LOG_ALERT;

    term.field = 0;
    term.op = op;
    cluster.fields_rendering = FIELDS;

    route.cluster = &cluster;
    route.rendering = FRAMES;
    route.parts = parts;
    route.nparts = PARTS;

    if (ngx_kafka_ws_group_set_init(&route.set, &term, 1, &log) != NGX_OK) {
        exit(2);
    }

    for (g = 0; g < GROUPS; g++) {

        for (n = 0; n < strlen(letters[g]); n++) {
            values[n].data = (const u_char *) texts[letters[g][n] - 'a'];
            values[n].len = 2;
        }

        want.values = values;
        want.nvalues = n;

        if (op == NGX_KAFKA_WS_FILTER_PREFIX) {
            values[0].len = g ? 2 : 1;
            want.nvalues = 1;
        }

        groups[g] = ngx_kafka_ws_group_get(&route.set, &want, &log);
        if (groups[g] == NULL) {
            exit(2);
        }

        /* nobody is live in the last one */

        if (g < GROUPS - 1) {
            ngx_queue_insert_tail(&groups[g]->live, &live[g]);
        }
    }

    for (k = 0; k < PARTS; k++) {
        parts[k].view.stream = &streams[k];
        parts[k].view.ring.next = &heads[k];
        parts[k].view.ring.entries = ENTRIES;
        parts[k].open = 1;
    }
}


static void
done(void)
{
    ngx_uint_t  g;

    for (g = 0; g < GROUPS; g++) {
        ngx_kafka_ws_group_release(&route.set, groups[g]);
    }

    ngx_kafka_ws_sieve_forget(&route.set);
    ngx_kafka_ws_group_set_free(&route.set);
}


/* the next script; returns 0 behind the last one */

static int
script_next(void)
{
    ngx_uint_t  i;

    for (i = 0; i < STEPS; i++) {

        if (++script[i] != OUTCOMES) {
            return 1;
        }

        script[i] = GOES_WELL;
    }

    return 0;
}


/*
 * Runs each script there can be.
 * times:    each of them so often
 * run:      n counts all runs, from 0
 */

static void
run_scripts(ngx_uint_t room, ngx_uint_t times, void (*run)(ngx_uint_t n))
{
    ngx_uint_t  i, n;

    if (ngx_kafka_ws_gather_init(&buf, rooms[room].size, rooms[room].max, &log)
        != NGX_OK)
    {
        exit(2);
    }

    memset(script, 0, sizeof(script));
    n = 0;

    do {
        for (i = 0; i < times; i++) {
            run(n++);

            /* as small as they were before something did not fit */

            buf.size = rooms[room].size;
            buf.blocks_size = ngx_min(buf.blocks_size, BLOCKS);
        }

    } while (script_next());

    ngx_kafka_ws_gather_free(&buf);
}


#endif /* _GATHER_SCRIPT_H_INCLUDED_ */
