
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Spans for one who is behind on a route with a filter, while the writer is
 * at work, with a sieve that knows nothing, or all, and without one.  Whatever
 * happens: what it got is what it wants of all that is before its places, each
 * once, and nothing else.
 */


#define STEPS  5   /* of a script */

#include "gather_script.h"


#define LONG   5000    /* records, in a ring of ENTRIES */
#define SPANS  20000   /* it takes less than that */
#define RINGS  10      /* with a million records each */


/* what there is of a sieve, before the scripted reads */

enum { NOTHING, ALL, NO_MEMORY, SIEVES };


static ngx_kafka_ws_subscription_t  subscription;
static ngx_kafka_ws_place_t         places[PARTS];
static uint64_t                     starts[PARTS];
static uint8_t                      got[PARTS][LONG];
static uint64_t                     gens;
static ngx_uint_t                   sieve;   /* NOTHING and so on */
static char                         owners[RINGS];

/* what happened */
static ngx_uint_t  spans, looks, ends, lapped, stale, errors;

static char         long_records[PARTS][LONG + 1];
static const char  *long_pattern[PARTS];


static ngx_uint_t
wanted(ngx_uint_t k, uint64_t seq)
{
    ngx_uint_t  g;

    for (g = 0; groups[g] != subscription.group; g++) { /* void */ }

    return pattern[k][seq] == '!' || wants(g, pattern[k][seq]);
}


/* notes the first n records of the span, by what their frames say */

static void
note(ngx_uint_t n)
{
    char                  frame[32], letter;
    size_t                from, len;
    unsigned              k, seq;
    ngx_uint_t            i, m;
    ngx_kafka_ws_mark_t  *mark;

    from = 0;
    m = 0;

    for (i = 0; i < n; i++) {
        len = buf.ends[i] - from;

        while (m < buf.nmarks
               && i >= buf.marks[m].first + buf.marks[m].n)
        {
            m++;
        }

        check(m < buf.nmarks && buf.ends[i] <= buf.len);

        if (m == buf.nmarks || len == 0) {
            continue;
        }

        mark = &buf.marks[m];

        memcpy(frame, buf.data + from, ngx_min(len, sizeof(frame) - 1));
        frame[ngx_min(len, sizeof(frame) - 1)] = '\0';

        if (sscanf(frame, "%u:%u:%c;", &k, &seq, &letter) != 3) {
            check(!"a frame");
            return;
        }

        check(k == mark->k && seq < records(k));
        check(seq < mark->next.seq && buf.offsets[i] == (int64_t) seq + 1);

        if (k < PARTS && seq < records(k)) {
            check(letter == pattern[k][seq] && wanted(k, seq));
            check(letter != '!' || (buf.n == 1 && buf.flags));
            got[k][seq]++;
        }

        from = buf.ends[i];
    }
}


/* each that it wants from its start to its places, and no others */

static void
check_got(void)
{
    uint64_t    seq;
    ngx_uint_t  k, bad;

    bad = 0;

    for (k = 0; k < PARTS; k++) {
        check(places[k].offset == (int64_t) places[k].seq);
        check(places[k].seq <= parts[k].place.seq);

        for (seq = 0; seq < records(k); seq++) {
            bad += got[k][seq] != (seq >= starts[k] && seq < places[k].seq
                                   && wanted(k, seq));
        }
    }

    check(bad == 0);
}


static void
begin(void)
{
    ngx_uint_t  k;

    memset(got, 0, sizeof(got));

    for (k = 0; k < PARTS; k++) {
        streams[k].gen = gens;
        parts[k].view.gen = gens;
        parts[k].place.seq = records(k);
        heads[k] = records(k) + 1;   /* of which the route got not all yet */
        places[k].seq = starts[k];
        places[k].offset = (int64_t) starts[k];
    }

    alerts = 0;
    bad_reads = 0;
}


/*
 * Spans until there is nothing more, or something went wrong.
 * take:     of the first span it takes so many records, of the others all
 */

static void
follow(ngx_uint_t take)
{
    ngx_uint_t              i, n;
    ngx_kafka_ws_gather_e   rc;

    for (i = 0; i < SPANS; i++) {
        rc = ngx_kafka_ws_gather(&route, &subscription, &buf, &log);

        check(buf.n <= buf.max && buf.npicks == 0);

        if (rc != NGX_KAFKA_WS_GATHER_SPAN) {
            break;
        }

        n = i == 0 ? ngx_min(take, buf.n) : buf.n;

        note(n);
        ngx_kafka_ws_gather_stop_at(&subscription, &buf, n);

        spans++;
        looks += (buf.n == 0);

        /* thousands of records are looked at in the end only */

        if (records(0) < LONG) {
            check_got();
        }
    }

    check(i < SPANS);
    check_got();

    switch (rc) {

    case NGX_KAFKA_WS_GATHER_NONE:

        for (n = 0; n < PARTS; n++) {
            check(places[n].seq == records(n));
        }

        ends++;
        break;

    case NGX_KAFKA_WS_GATHER_LAPPED:
        check(buf.n == 0 && bad_reads != 0);
        lapped++;
        break;

    case NGX_KAFKA_WS_GATHER_STALE:
        check(buf.n == 0 && bad_reads != 0);
        stale++;
        break;

    default:
        check(rc == NGX_KAFKA_WS_GATHER_ERROR && alerts != 0);
        errors++;
        break;
    }
}


/* with one part after the other as the first one */

static void
run(ngx_uint_t n)
{
    gens += 2;

    if (sieve == ALL) {
        begin();
        step = STEPS;
        follow(1000);
    }

    begin();

    step = 0;
    buf.turn = n % PARTS;
    no_memory = (sieve == NO_MEMORY);

    follow(n % 4);

    no_memory = 0;

    ngx_kafka_ws_sieve_forget(&route.set);
}


/* now and then one, many in a row, none, gaps; none at all in the first part */

static void
long_begin(void)
{
    ngx_uint_t  i, k;

    for (k = 0; k < PARTS; k++) {
        long_pattern[k] = long_records[k];

        for (i = 0; i < LONG; i++) {
            long_records[k][i] = k == 0 ? '-'
                                 : i % 1000 < 300 ? "-----------d"[rand() % 12]
                                 : i % 1000 < 600 ? "aaab"[rand() % 4]
                                 : rand() % 50 ? '-'
                                 : "abcd!"[rand() % 5];
        }
    }

    pattern = long_pattern;
}


/*
 * More records than the ring has entries, and than are looked at in one go,
 * for one after the other, from wherever it starts: what one has looked at
 * others find, as far as the sieve still has it, until the ring is another.
 */

static void
run_long(uint64_t entries)
{
    ngx_uint_t  i, k;

    srand(1);
    step = STEPS;

    for (k = 0; k < PARTS; k++) {
        parts[k].view.ring.entries = entries;
    }

    if (ngx_kafka_ws_gather_init(&buf, 4096, 512, &log) != NGX_OK) {
        exit(2);
    }

    for (i = 0; i < 300; i++) {

        if (i % 30 == 0) {
            long_begin();
            gens += 2;
        }

        subscription.group = groups[i % GROUPS];

        for (k = 0; k < PARTS; k++) {
            starts[k] = i % 10 != 5 ? (uint64_t) (rand() % LONG) : 0;
            starts[k] -= i & 1 ? starts[k] % 256 : 0;
        }

        begin();
        follow(i % 8);
    }

    ngx_kafka_ws_gather_free(&buf);
}


/* the sieve of the nth ring, and what it knew of it */

static ngx_uint_t
known(ngx_kafka_ws_ring_t *ring, ngx_uint_t n)
{
    ngx_uint_t             was;
    ngx_kafka_ws_sieve_t  *sieve;

    sieve = ngx_kafka_ws_sieve_get(&route.set, ring, &owners[n], 2, &log);
    if (sieve == NULL) {
        exit(2);
    }

    was = ngx_kafka_ws_sieve_known(sieve, 0, 1);
    ngx_kafka_ws_sieve_put(sieve, 0, NULL, 0);

    return was;
}


/* those of rings with a million records: seven of them fit */

static void
check_bounds(void)
{
    ngx_uint_t           n, count;
    ngx_kafka_ws_ring_t  ring;

    ring = parts[0].view.ring;
    ring.entries = 1024 * 1024;
    count = 0;

    for (n = 0; n < RINGS; n++) {
        count += known(&ring, n);
    }

    is_int(count, 0, "sieves of ten rings");

    for (n = RINGS - 1; n >= 3; n--) {
        count += known(&ring, n);
    }

    is_int(count, 7, "the last seven are there");
    is_int(known(&ring, 2), 0, "the one before gave way");
    is_int(known(&ring, RINGS - 1), 0,
           "and so does what was not asked for longest");
    is_int(known(&ring, 3), 1, "nothing else does");

    ngx_current_msec += 9000;
    ngx_kafka_ws_sieve_sweep();
    is_int(known(&ring, 3), 1, "9 seconds later");

    ngx_current_msec += 9000;
    ngx_kafka_ws_sieve_sweep();
    is_int(known(&ring, 3), 1, "one that was asked for");
    is_int(known(&ring, 4), 0, "one that was not");

    ring.entries *= 8;
    ok(ngx_kafka_ws_sieve_get(&route.set, &ring, &ring, 2, &log) == NULL,
       "none of a ring with eight million");
}


/* what a shorter prefix looks for is not known of longer ones */

static void
check_shorter(void)
{
    ngx_kafka_ws_span_t         value;
    ngx_kafka_ws_group_t       *group;
    ngx_kafka_ws_ring_t         ring;
    ngx_kafka_ws_filter_want_t  want;

    ring = parts[0].view.ring;
    want.values = &value;
    want.nvalues = 1;
    value.data = (const u_char *) "x";
    value.len = 1;

    ngx_kafka_ws_group_release(&route.set, groups[0]);

    is_int(known(&ring, 0), 0, "prefixes of two letters");
    is_int(known(&ring, 0), 1, "the same");

    group = ngx_kafka_ws_group_get(&route.set, &want, &log);

    is_int(known(&ring, 0), 0, "and one of one letter");
    is_int(known(&ring, 0), 1, "the same");

    ngx_kafka_ws_group_release(&route.set, group);

    is_int(known(&ring, 0), 1, "it has gone");

    value.data = (const u_char *) "a";
    groups[0] = ngx_kafka_ws_group_get(&route.set, &want, &log);
}


/* each of the groups, or one of so many */

static void
run_patterns(const char *op, ngx_uint_t every)
{
    ngx_uint_t  g, i, room;

    for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        pattern = patterns[i];

        for (g = i % every; g < GROUPS; g += every) {
            subscription.group = groups[g];
            room = (g + i) % (sizeof(rooms) / sizeof(rooms[0]));
            wrong = 0;

            for (sieve = 0; sieve < SIEVES; sieve++) {
                run_scripts(room, 1, run);
            }

            is_int(wrong, 0, "records \"%s\", \"%s\" and \"%s\", of which it "
                   "wants %s \"%s\"", pattern[0], pattern[1], pattern[2], op,
                   letters[g]);
        }
    }

    for (i = ENTRIES; i >= ENTRIES / 16; i /= 16) {
        wrong = 0;
        run_long(i);
        is_int(wrong, 0, "%d records in a ring for %d, %s", LONG, (int) i, op);
    }

    memset(starts, 0, sizeof(starts));
}


int
main(void)
{
    offsets_too = 1;

    subscription.places = places;
    subscription.nplaces = PARTS;

    init(NGX_KAFKA_WS_FILTER_IN);
    run_patterns("in", 1);
    check_bounds();
    done();

    init(NGX_KAFKA_WS_FILTER_PREFIX);
    run_patterns("^=", 2);
    check_shorter();
    done();

    printf("# %lu spans, %lu without a record, %lu to the end, %lu lapped, "
           "%lu stale, %lu damaged\n", (unsigned long) spans,
           (unsigned long) looks, (unsigned long) ends,
           (unsigned long) lapped, (unsigned long) stale,
           (unsigned long) errors);

    ok(looks && ends && lapped && stale && errors, "each of it happened");

    return tap_done(61);
}
