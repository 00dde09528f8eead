
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The server's events: start, gap, idle, error.
 */


#define _GNU_SOURCE

#include <string.h>

#include "ws_load.h"


static int wsl_check_start(wsl_conn_t *c, const uint8_t *p, size_t len);


int
wsl_check_event(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    int64_t         partition, from, to;
    wsl_member_t    m, event;
    const uint8_t  *q, *last;

    last = p + len;
    partition = -1;
    from = -1;
    to = -1;

    q = wsl_json_member(p + 1, last, &event);

    while (q != NULL && q < last) {

        q = wsl_json_member(q, last, &m);

        if (q == NULL) {
            break;
        }

        if (wsl_member_is(&m, "partitions")
            && wsl_value_is(&event, "\"start\""))
        {
            return wsl_check_start(c, m.value, m.value_len);
        }

        if (wsl_member_is(&m, "partition")) {
            (void) wsl_member_number(&m, &partition);

        } else if (wsl_member_is(&m, "from")) {
            (void) wsl_member_number(&m, &from);

        } else if (wsl_member_is(&m, "to")) {
            (void) wsl_member_number(&m, &to);
        }
    }

    if (q == NULL) {
        return -1;
    }

    if (wsl_value_is(&event, "\"gap\"")) {

        if (partition < 0 || partition >= wsl_opt.partitions
            || from < 0 || to < from)
        {
            return -1;
        }

        wsl_total.gaps++;
        wsl_total.gap_records += (uint64_t) (to - from + 1);

        if (to + 1 > c->parts[partition].next_offset) {
            c->parts[partition].next_offset = to + 1;
        }

    } else if (wsl_value_is(&event, "\"idle\"")) {
        wsl_total.idles++;

    } else if (wsl_value_is(&event, "\"error\"")) {
        wsl_total.errors++;

    } else {
        wsl_total.unknown++;
    }

    return 0;
}


/* the partitions of a start event: p is the array */

static int
wsl_check_start(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    int64_t         partition, offset;
    wsl_part_t     *part;
    wsl_member_t    m, state;
    const uint8_t  *last;

    last = p + len;

    for (p++; p < last && *p == '{'; p++) {

        partition = -1;
        offset = -1;
        memset(&state, 0, sizeof(wsl_member_t));

        for (p++; /* void */ ; /* void */ ) {

            p = wsl_json_member(p, last, &m);
            if (p == NULL) {
                return -1;
            }

            if (wsl_member_is(&m, "partition")) {
                (void) wsl_member_number(&m, &partition);

            } else if (wsl_member_is(&m, "offset")) {
                (void) wsl_member_number(&m, &offset);

            } else if (wsl_member_is(&m, "state")) {
                state = m;
            }

            if (p[-1] == '}') {
                break;
            }
        }

        if (partition < 0 || partition >= wsl_opt.partitions || offset < 0) {
            return -1;
        }

        part = &c->parts[partition];

        if (part->next_offset != -1) {

            if (wsl_value_is(&state, "\"resumed\"")) {
                wsl_total.resumed++;
            }

            if (part->next_offset != offset) {
                wsl_total.moved++;
            }
        }

        part->next_offset = offset;
    }

    wsl_total.starts++;

    if (!c->started) {
        c->started = 1;
        wsl_total.ready++;
    }

    return 0;
}
