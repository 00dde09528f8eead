
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Spans for all who are live on a route with a filter, while the writer is at
 * work.  Whatever happens, the records of the span are those that were read
 * well, and each is noted for just the groups that want it.
 */


#include "gather_script.h"


/* what happened */
static ngx_uint_t  spans, nothing, cut, lapped, stale, errors;


/* all that stands in the span */

static void
check_span(void)
{
    char                   want[16];
    size_t                 len, from;
    uint64_t               seq;
    ngx_uint_t             g, i, m, n, wanted, pick;
    ngx_kafka_ws_mark_t   *mark;

    n = 0;
    from = 0;
    pick = 0;

    for (m = 0; m < buf.nmarks; m++) {
        mark = &buf.marks[m];

        check(mark->k < PARTS && mark->first == n && mark->n > 0);
        check(mark->next.seq <= records(mark->k)
              && mark->next.seq >= mark->n);
        check(mark->next.offset == (int64_t) mark->next.seq);
        check(streams[mark->k].gen == parts[mark->k].view.gen);

        for (i = 0; i < mark->n && n < buf.n; i++, n++) {
            seq = mark->next.seq - mark->n + i;
            wanted = 0;

            check(buf.offsets[n] == (int64_t) seq + 1);

            if (pattern[mark->k][seq] == '!') {
                check(buf.n == 1 && buf.flags && buf.npicks == 0);
                wanted = 1;
            }

            for (g = 0; g < GROUPS - 1; g++) {
                wanted |= wants(g, pattern[mark->k][seq]) ? 1 : 0;
            }

            len = wanted ? frame_of(mark->k, seq, want) : 0;

            check(buf.ends[n] == from + len && buf.ends[n] <= buf.len);

            if (buf.ends[n] == from + len && buf.ends[n] <= buf.len) {
                check(memcmp(buf.data + from, want, len) == 0);
            }

            from = buf.ends[n];

            /* in the picks: those who want it, each once */

            for (g = 0; pick < buf.npicks && buf.picks[pick].record == n;
                 pick++)
            {
                g++;
                check(wants((ngx_uint_t) (buf.picks[pick].group == groups[0]
                            ? 0 : buf.picks[pick].group == groups[1] ? 1 : 2),
                            pattern[mark->k][seq]));
            }

            check(g == (pattern[mark->k][seq] == 'a' ? 1
                        : pattern[mark->k][seq] == 'b' ? 2 : 0));
        }
    }

    check(n == buf.n && from == buf.len && buf.len <= buf.size);
    check(buf.n <= buf.max);

    /* none of a record that is not there */

    check(pick == buf.npicks);
}


/* all of them are unread, in their order from the first one on */

static void
run(ngx_uint_t n)
{
    ngx_uint_t              k, first;
    ngx_kafka_ws_gather_e   rc;

    first = n % PARTS;

    for (k = 0; k < PARTS; k++) {
        streams[k].gen = 2;
        parts[k].view.gen = 2;
        parts[k].place.seq = 0;

        heads[k] = records(k);
        parts[k].listed = 1;
        parts[k].unread = (uint32_t) ((k + 1) % PARTS);
    }

    parts[(first + PARTS - 1) % PARTS].unread = NGX_KAFKA_WS_NONE;
    route.unread = (uint32_t) first;
    buf.turn = first;

    step = 0;
    alerts = 0;
    bad_reads = 0;

    rc = ngx_kafka_ws_gather(&route, NULL, &buf, &log);

    switch (rc) {

    case NGX_KAFKA_WS_GATHER_SPAN:
        check(buf.n > 0);
        check_span();
        spans++;
        cut += bad_reads != 0;
        break;

    case NGX_KAFKA_WS_GATHER_NONE:
        check(buf.n == 0 && buf.npicks == 0 && bad_reads == 0);
        nothing++;
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
        check(buf.n == 0 && alerts == 1);
        errors++;
        break;
    }
}


int
main(void)
{
    ngx_uint_t  i, room;

    init(NGX_KAFKA_WS_FILTER_IN);

    for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        pattern = patterns[i];
        wrong = 0;

        for (room = 0; room < sizeof(rooms) / sizeof(rooms[0]); room++) {
            run_scripts(room, PARTS, run);
        }

        is_int(wrong, 0, "records \"%s\", \"%s\" and \"%s\"", pattern[0],
               pattern[1], pattern[2]);
    }

    printf("# %lu spans, %lu of them ended by a bad read, %lu without any, "
           "%lu lapped, %lu stale, %lu damaged\n", (unsigned long) spans,
           (unsigned long) cut, (unsigned long) nothing,
           (unsigned long) lapped, (unsigned long) stale,
           (unsigned long) errors);

    ok(cut && nothing && lapped && stale && errors, "each of it happened");

    done();

    return tap_done(8);
}
