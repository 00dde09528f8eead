
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which parts of a route are looked at: routes of all sizes and numbers of
 * streams, beside a look at each part.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"

#include "tap.h"


#define MANY   1100
#define TIMES  20000


static ngx_uint_t differs(int apart);


/* each has a record; those that are read are at it */

uint64_t
ngx_kafka_ws_ring_head(const ngx_kafka_ws_ring_t *ring)
{
    (void) ring;

    return 1;
}


int
main(void)
{
    ngx_uint_t  i, k, wrong;

    static const struct {
        const char  *name;
        int          apart;    /* one of so many numbers is left out */
    } kinds[] = {
        { "one behind the other", 0 },
        { "in runs", 40 },
        { "anywhere", 1 }
    };

    for (k = 0; k < 3; k++) {
        wrong = 0;

        for (i = 0; i < TIMES; i++) {
            wrong += differs(kinds[k].apart);
        }

        is_int(wrong, 0, "streams %s", kinds[k].name);
    }

    return tap_done(3);
}


static ngx_uint_t
differs(int apart)
{
    uint32_t                          n;
    uint64_t                          bits;
    ngx_uint_t                        i, k, at, one, first, found, differ;
    ngx_kafka_ws_route_t              r;
    ngx_kafka_ws_subscription_t       sub;
    static ngx_kafka_ws_mark_t        marks[MANY];
    static ngx_kafka_ws_route_part_t  many[MANY];

    memset(&r, 0, sizeof(ngx_kafka_ws_route_t));

    r.parts = many;
    r.nparts = 1 + (ngx_uint_t) rand() % MANY;

    for (i = 0; i < NGX_KAFKA_WS_STREAM_WORDS; i++) {
        bits = (uint64_t) rand() << 32 ^ (uint64_t) rand();
        r.unread[i] = rand() % 4 ? 0 : rand() % 4 ? bits & bits >> 7 : bits;
    }

    n = (uint32_t) rand() % 1000;

    for (k = 0; k < r.nparts; k++) {
        many[k].number = n;
        many[k].open = rand() % 9 > 0;
        many[k].place.seq = rand() % 9 == 0;

        n += apart && rand() % apart == 0 ? 1 + (uint32_t) rand() % 70 : 1;
    }

    sub.nplaces = (uint32_t) rand() % (uint32_t) (r.nparts + 1);

    first = (ngx_uint_t) rand() % r.nparts;
    differ = 0;

    for (one = 0; one < 2; one++) {
        found = ngx_kafka_ws_gather_parts(&r, one ? &sub : NULL, marks, first);
        at = 0;

        for (i = 0, k = first; i < r.nparts; i++, k = (k + 1) % r.nparts) {
            n = many[k].number;
            n = r.unread[n / 64 % NGX_KAFKA_WS_STREAM_WORDS] >> n % 64 & 1;

            if (many[k].open
                && (one ? k < sub.nplaces : n && many[k].place.seq == 0))
            {
                differ += (at >= found || marks[at].k != k);
                at++;
            }
        }

        differ += (at != found);
    }

    return differ;
}
