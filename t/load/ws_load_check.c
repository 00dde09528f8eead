
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the frames say.  Per client and partition two things are followed:
 * the Kafka offset, which makes the cursor and must rise on a connection,
 * and the producer's own sequence number within the value, which is dense,
 * so that a record lost, doubled or moved shows whatever the offsets claim.
 */


#define _GNU_SOURCE

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws_load.h"


static int wsl_check_record(wsl_conn_t *c, const uint8_t *p, size_t len);
static int wsl_check_raw(wsl_conn_t *c, const uint8_t *p, size_t len);
static wsl_ref_t *wsl_check_ref(wsl_conn_t *c, int64_t partition,
    int64_t offset, const uint8_t *p, size_t len);
static int wsl_check_value(const wsl_member_t *m, int64_t partition,
    wsl_value_t *v);
static int wsl_check_own(wsl_conn_t *c, wsl_part_t *part, int64_t owner,
    int64_t *seq);
static void wsl_check_seq(wsl_conn_t *c, wsl_part_t *part, int64_t seq);
static void wsl_check_arrival(wsl_conn_t *c, int64_t stamp_us);


static wsl_ref_t  *wsl_refs;
static size_t      wsl_nrefs;


int
wsl_check_init(void)
{
    size_t  i, n;

    wsl_nrefs = wsl_opt.topics ? WSL_REFS_TOPIC : WSL_REFS;

    n = (size_t) (wsl_opt.nuri * wsl_topics()) * (size_t) wsl_opt.partitions
        * wsl_nrefs;

    wsl_refs = calloc(n, sizeof(wsl_ref_t));
    if (wsl_refs == NULL) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        wsl_refs[i].offset = -1;
    }

    return 0;
}


int
wsl_check_message(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    if (wsl_opt.raw) {
        return wsl_check_raw(c, p, len);
    }

    if (len > 10 && memcmp(p, "{\"event\":\"", 10) == 0) {
        return wsl_check_event(c, p, len);
    }

    return wsl_check_record(c, p, len);
}


static int
wsl_check_record(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    int             own;
    int64_t         partition, offset, seq;
    wsl_ref_t      *ref;
    wsl_part_t     *part;
    wsl_member_t    m;
    const uint8_t  *q, *last;

    if (len < 2 || p[0] != '{' || p[len - 1] != '}') {
        return -1;
    }

    last = p + len;
    partition = -1;
    offset = -1;

    for (q = p + 1; offset == -1 || partition == -1; /* void */ ) {

        q = wsl_json_member(q, last, &m);
        if (q == NULL) {
            return -1;
        }

        if (wsl_member_is(&m, "partition")) {
            if (wsl_member_number(&m, &partition) == -1) {
                return -1;
            }

        } else if (wsl_member_is(&m, "offset")) {
            if (wsl_member_number(&m, &offset) == -1) {
                return -1;
            }
        }
    }

    if (partition >= wsl_opt.partitions) {
        return -1;
    }

    ref = wsl_check_ref(c, partition, offset, p, len);

    if (ref == NULL) {
        return -1;
    }

    part = &c->parts[partition];
    seq = ref->seq;

    own = wsl_check_own(c, part, ref->owner, &seq);

    if (own != 1) {
        return own;
    }

    if (offset < part->next_offset && seq >= part->next_seq) {
        wsl_total.reordered++;
    }

    if (offset >= part->next_offset) {
        part->next_offset = offset + 1;
    }

    wsl_check_seq(c, part, seq);
    wsl_check_arrival(c, ref->stamp_us);

    return 0;
}


/* bare values: no offsets, thus no cursor; the sequence is all there is */

static int
wsl_check_raw(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    int          own;
    wsl_part_t  *part;
    wsl_value_t  v;

    if (wsl_value_read(p, len, &v) == -1
        || v.partition < 0 || v.partition >= wsl_opt.partitions)
    {
        return -1;
    }

    part = &c->parts[v.partition];

    own = wsl_check_own(c, part, v.owner, &v.seq);

    if (own != 1) {
        return own;
    }

    wsl_check_seq(c, part, v.seq);
    wsl_check_arrival(c, v.stamp_us);

    return 0;
}


/* finds or makes the reference of a record; NULL: the record is wrong */

static wsl_ref_t *
wsl_check_ref(wsl_conn_t *c, int64_t partition, int64_t offset,
    const uint8_t *p, size_t len)
{
    int             found, topic;
    size_t          n;
    uint8_t        *data;
    wsl_ref_t      *ref;
    wsl_value_t     v;
    wsl_member_t    m;
    const uint8_t  *q;

    topic = wsl_topic(c);
    n = (size_t) (c->uri * wsl_topics() + topic);
    n = n * (size_t) wsl_opt.partitions + (size_t) partition;
    ref = &wsl_refs[n * wsl_nrefs + ((size_t) offset & (wsl_nrefs - 1))];

    if (ref->offset == offset) {
        return ref->len == len && memcmp(ref->data, p, len) == 0 ? ref : NULL;
    }

    for (found = 0, q = p + 1; q < p + len; /* void */ ) {

        q = wsl_json_member(q, p + len, &m);
        if (q == NULL) {
            return NULL;
        }

        if (wsl_member_is(&m, "value")) {
            if (found
                || wsl_check_value(&m, wsl_opt.topics ? topic : partition, &v)
                   == -1)
            {
                return NULL;
            }

            found = 1;

        } else if (wsl_member_is(&m, "encoding")) {
            return NULL;
        }
    }

    if (!found) {
        return NULL;
    }

    if (ref->size < len) {
        data = realloc(ref->data, len);
        if (data == NULL) {
            return NULL;
        }

        ref->data = data;
        ref->size = (uint32_t) len;
    }

    memcpy(ref->data, p, len);
    ref->len = (uint32_t) len;
    ref->offset = offset;
    ref->owner = v.owner;
    ref->seq = v.seq;
    ref->stamp_us = v.stamp_us;

    return ref;
}


static int
wsl_check_value(const wsl_member_t *m, int64_t partition, wsl_value_t *v)
{
    size_t          len;
    wsl_member_t    in;
    const uint8_t  *p, *last;

    p = m->value;
    len = m->value_len;

    if (p[0] == '{') {                  /* kafka_bulk with json=1 */
        last = p + len;

        for (p++; p < last; /* void */ ) {

            p = wsl_json_member(p, last, &in);
            if (p == NULL) {
                return -1;
            }
        }

        if (!wsl_member_is(&in, "v") || in.value[0] != '"') {
            return -1;
        }

        p = in.value;
        len = in.value_len;
    }

    if (p[0] == '"') {
        p++;
        len -= 2;

        if (memchr(p, '\\', len)) {
            return -1;                  /* bulk values need no escapes */
        }
    }

    return wsl_value_read(p, len, v) == 0 && v->partition == partition ? 0
                                                                       : -1;
}


/*
 * Whose a record is.
 * seq:      in: as it was produced; out: among the client's own
 * returns:  1; 0: another's; -1: its owner has no such one
 */

static int
wsl_check_own(wsl_conn_t *c, wsl_part_t *part, int64_t owner, int64_t *seq)
{
    if (owner != c->owner) {
        wsl_total.foreign++;
        return 0;
    }

    *seq = wsl_owner_number(part, *seq);

    return *seq == -1 ? -1 : 1;
}


static void
wsl_check_seq(wsl_conn_t *c, wsl_part_t *part, int64_t seq)
{
    wsl_total.records++;

    if (part->next_seq == -1) {
        part->next_seq = seq;           /* wsl_opt.late */
    }

    if (seq == part->next_seq) {
        part->next_seq++;
        c->records++;

    } else if (seq > part->next_seq) {
        wsl_total.lost += (uint64_t) (seq - part->next_seq);
        part->hole_from = part->next_seq;
        part->hole_to = seq;
        part->next_seq = seq + 1;
        c->records++;

    } else if (seq >= part->hole_from && seq < part->hole_to) {
        wsl_total.lost--;
        wsl_total.reordered++;
        c->records++;

    } else {
        wsl_total.doubled++;
    }

    if (!c->done && wsl_opt.records >= 0
        && c->records == (uint64_t) c->expected)
    {
        c->done = 1;
        wsl_total.done++;
    }
}


static void
wsl_check_arrival(wsl_conn_t *c, int64_t stamp_us)
{
    uint64_t  ns, us;

    if (c->last_ns) {
        ns = wsl_now_ns - c->last_ns;

        if (ns > c->lap_ns) {
            c->lap_ns = ns;
        }

        if (ns > c->stall_ns) {
            c->stall_ns = ns;

            if (ns > wsl_total.stall_ns) {
                wsl_total.stall_ns = ns;
                wsl_total.stall_at_us = wsl_wall_us;
            }
        }
    }

    c->last_ns = wsl_now_ns;

    if (c->gone_ns) {
        wsl_hist_add(&wsl_total.resume_us,
                     (wsl_now_ns - c->gone_ns) / 1000);
        c->gone_ns = 0;
    }

    if (stamp_us) {
        us = wsl_wall_us > stamp_us ? (uint64_t) (wsl_wall_us - stamp_us) : 0;

        wsl_hist_add(&wsl_total.latency_us, us);
        wsl_hist_add(&wsl_total.lap_us, us);
    }
}


void
wsl_check_cursor(const wsl_conn_t *c, char *buf, size_t size)
{
    int  i, n;

    for (n = 0, i = 0; i < wsl_opt.partitions; i++) {

        if (c->parts[i].next_offset == -1) {
            continue;
        }

        n += snprintf(buf + n, size - (size_t) n, "%s%d:%" PRId64,
                      n ? "," : "", i, c->parts[i].next_offset);

        if (n >= (int) size) {
            buf[0] = '\0';
            return;
        }
    }
}


void
wsl_check_final(const wsl_conn_t *c)
{
    int      i;
    int64_t  next;

    if (c->kind != WSL_VERIFY || wsl_opt.records < 0) {
        return;
    }

    for (i = 0; i < wsl_opt.partitions; i++) {
        next = c->parts[i].next_seq;

        if (next == -1) {
            next = 0;
        }

        if (next < c->parts[i].expected) {
            wsl_total.lost += (uint64_t) (c->parts[i].expected - next);
        }
    }
}
