
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Records that are one client's: with --owners=N client i is user k(i % N),
 * and kafka_bulk with as many keys gives every N-th record to it.  That is
 * one in N / gcd(N, P) of each of the P partitions, or none of it, and it is
 * known here without a look at what the server says.
 */


#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "ws_load.h"


static int64_t  wsl_owner_step = 1;     /* in a partition, of one user */


void
wsl_owner_init(wsl_conn_t *c)
{
    int          i;
    int64_t      a, b, seq;
    wsl_part_t  *part;

    c->owner = -1;
    c->expected = 0;

    if (wsl_opt.owners) {
        c->owner = (c - wsl_conns) % wsl_opt.owners;

        for (a = wsl_opt.owners, b = wsl_opt.partitions; b; /* void */ ) {
            seq = a % b;
            a = b;
            b = seq;
        }

        wsl_owner_step = wsl_opt.owners / a;
    }

    for (i = 0; i < wsl_opt.partitions; i++) {
        part = &c->parts[i];

        for (seq = 0; c->owner != -1 && seq < wsl_owner_step; seq++) {
            if ((seq * wsl_opt.partitions + i) % wsl_opt.owners == c->owner) {
                break;
            }
        }

        part->first = seq;
        part->expected = 0;

        if (seq < wsl_owner_step && seq < wsl_opt.records) {
            part->expected = (wsl_opt.records - seq - 1) / wsl_owner_step + 1;
        }

        c->expected += part->expected;
    }
}


int64_t
wsl_owner_number(const wsl_part_t *part, int64_t seq)
{
    seq -= part->first;

    return seq < 0 || seq % wsl_owner_step ? -1 : seq / wsl_owner_step;
}


void
wsl_owner_arg(const wsl_conn_t *c, const char *uri, char *buf, size_t size)
{
    buf[0] = '\0';

    if (wsl_opt.topics) {
        (void) snprintf(buf, size, "%d", wsl_topic(c));

    } else if (c->owner != -1 && !wsl_opt.owner_filter) {
        (void) snprintf(buf, size, "%c%s=k%d", strchr(uri, '?') ? '&' : '?',
                        wsl_opt.owner_by, (int) c->owner);
    }
}


void
wsl_owner_filter(const wsl_conn_t *c, char *buf, size_t size)
{
    buf[0] = '\0';

    if (c->owner != -1 && wsl_opt.owner_filter) {
        (void) snprintf(buf, size, ",\"filter\":{\"%s\":\"k%d\"}",
                        wsl_opt.owner_by, (int) c->owner);
    }
}
