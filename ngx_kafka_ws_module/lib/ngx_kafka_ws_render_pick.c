
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A few headers are compared each with each.  Many are sorted, for names
 * come from producers: neither n^2 compares nor a hash that they can guess
 * will do.
 */


#include <string.h>

#include "ngx_kafka_ws_render_pick.h"


static void ngx_kafka_ws_pick_few(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *bits);
static void ngx_kafka_ws_pick_named(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *bits);
static void ngx_kafka_ws_pick_last(const ngx_kafka_ws_record_t *rec,
    uint8_t *bits, uint32_t *order);
static uint32_t *ngx_kafka_ws_pick_sort(const ngx_kafka_ws_header_t *h,
    uint32_t *order, uint32_t *other, size_t n);


/* alignment, two orders of the headers, then the bits */

size_t
ngx_kafka_ws_pick_room(size_t n)
{
    if (n <= NGX_KAFKA_WS_PICK_FEW) {
        return 0;
    }

    return sizeof(uint32_t) + 2 * n * sizeof(uint32_t) + n / 8 + 1;
}


uint8_t *
ngx_kafka_ws_pick(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *few, uint8_t *room)
{
    uint8_t   *bits;
    uint32_t  *order;

    if (rec->nheaders <= NGX_KAFKA_WS_PICK_FEW) {
        ngx_kafka_ws_pick_few(r, rec, few);
        return few;
    }

    room += sizeof(uint32_t) - 1;
    order = (uint32_t *) (room - (uintptr_t) room % sizeof(uint32_t));
    bits = (uint8_t *) (order + 2 * rec->nheaders);

    if (r->nnames) {
        ngx_kafka_ws_pick_named(r, rec, bits);

    } else {
        ngx_kafka_ws_pick_last(rec, bits, order);
    }

    return bits;
}


static void
ngx_kafka_ws_pick_few(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *bits)
{
    size_t                        i, j;
    const ngx_kafka_ws_header_t  *h;

    bits[0] = 0;
    bits[1] = 0;
    h = rec->headers;

    for (i = 0; i < rec->nheaders; i++) {

        for (j = 0; j < r->nnames; j++) {

            if (ngx_kafka_ws_pick_compare(&h[i].name, &r->names[j]) == 0) {
                break;
            }
        }

        if (r->nnames && j == r->nnames) {
            continue;
        }

        for (j = i + 1; j < rec->nheaders; j++) {

            if (ngx_kafka_ws_pick_compare(&h[i].name, &h[j].name) == 0) {
                break;
            }
        }

        if (j == rec->nheaders) {
            bits[i / 8] |= (uint8_t) (1 << i % 8);
        }
    }
}


static void
ngx_kafka_ws_pick_named(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *bits)
{
    size_t                        i, j;
    const ngx_kafka_ws_header_t  *h;

    h = rec->headers;
    memset(bits, 0, rec->nheaders / 8 + 1);

    for (j = 0; j < r->nnames; j++) {

        for (i = rec->nheaders; i-- > 0; /* void */ ) {

            if (ngx_kafka_ws_pick_compare(&h[i].name, &r->names[j]) == 0) {
                bits[i / 8] |= (uint8_t) (1 << i % 8);
                break;
            }
        }
    }
}


static void
ngx_kafka_ws_pick_last(const ngx_kafka_ws_record_t *rec,
    uint8_t *bits, uint32_t *order)
{
    size_t                        i, n;
    const ngx_kafka_ws_header_t  *h;

    n = rec->nheaders;
    h = rec->headers;
    memset(bits, 0, n / 8 + 1);

    order = ngx_kafka_ws_pick_sort(h, order, order + n, n);

    for (i = 0; i < n; i++) {

        if (i + 1 == n
            || ngx_kafka_ws_pick_compare(&h[order[i]].name,
                                           &h[order[i + 1]].name)
               != 0)
        {
            bits[order[i] / 8] |= (uint8_t) (1 << order[i] % 8);
        }
    }
}


/*
 * Sorts the headers' numbers by name, equal names in the record's order:
 * runs of 1, 2, 4 ... are merged from one array into the other.
 * returns:   the array that has the result
 */

static uint32_t *
ngx_kafka_ws_pick_sort(const ngx_kafka_ws_header_t *h, uint32_t *order,
    uint32_t *other, size_t n)
{
    size_t     i, a, b, a_end, b_end, run;
    uint32_t  *tmp;

    for (i = 0; i < n; i++) {
        order[i] = (uint32_t) i;
    }

    for (run = 1; run < n; run *= 2) {

        for (i = 0; i < n; /* void */ ) {
            a = i;
            a_end = n - a < run ? n : a + run;
            b = a_end;
            b_end = n - b < run ? n : b + run;

            while (a < a_end || b < b_end) {

                if (a == a_end
                    || (b < b_end
                        && ngx_kafka_ws_pick_compare(&h[order[a]].name,
                                                       &h[order[b]].name)
                           > 0))
                {
                    other[i++] = order[b++];

                } else {
                    other[i++] = order[a++];
                }
            }
        }

        tmp = order;
        order = other;
        other = tmp;
    }

    return order;
}


int
ngx_kafka_ws_pick_compare(const ngx_kafka_ws_span_t *a,
    const ngx_kafka_ws_span_t *b)
{
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    return a->len == 0 ? 0 : memcmp(a->data, b->data, a->len);
}
