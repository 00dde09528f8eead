
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_frame.h"


/*
 * A compressor is reset for each message, which clears its hash table, of
 * 64K if that is of zlib's default size.  Short messages have one of their
 * own: hash of 8K, window of 4K, which is more than they reach back.  With
 * a smaller hash (memLevel 4 and less) they take longer again, and above
 * 2K there is nothing to gain.
 */

#define NGX_KAFKA_WS_DEFLATE_SHORT      2048    /* bytes, longest message */
#define NGX_KAFKA_WS_DEFLATE_SHORT_MEM  5       /* zlib's memLevel */
#define NGX_KAFKA_WS_DEFLATE_SHORT_BITS 12
#define NGX_KAFKA_WS_DEFLATE_LONG_MEM   8

#define NGX_KAFKA_WS_DEFLATE_TAIL       4       /* bytes, RFC 7692, 7.2.1 */

/* bits of z_stream.data_type after inflate() */

#define NGX_KAFKA_WS_INFLATE_UNUSED     63      /* bits of the last byte */
#define NGX_KAFKA_WS_INFLATE_BOUNDARY   128     /* between two blocks */


struct ngx_kafka_ws_deflater_s {
    z_stream   short_msg;
    z_stream   long_msg;
};


struct ngx_kafka_ws_inflater_s {
    z_stream   z;
    uint8_t    out[NGX_KAFKA_WS_INFLATE_SLICE];
};


/* one message on its way through the inflater */

typedef struct {
    size_t                         rest;    /* bytes that may come out */
    ngx_kafka_ws_inflate_sink_pt   sink;
    void                          *data;
    int                            ended;   /* exactly with a final block */
} ngx_kafka_ws_inflation_t;


static int ngx_kafka_ws_inflate_feed(ngx_kafka_ws_inflater_t *i,
    ngx_kafka_ws_inflation_t *m, const uint8_t *p, size_t n);
static int ngx_kafka_ws_inflate_run(ngx_kafka_ws_inflater_t *i,
    ngx_kafka_ws_inflation_t *m);


static const uint8_t  ngx_kafka_ws_deflate_tail[NGX_KAFKA_WS_DEFLATE_TAIL] = {
    0x00, 0x00, 0xff, 0xff
};


ngx_kafka_ws_deflater_t *
ngx_kafka_ws_deflater_create(unsigned level, unsigned bits)
{
    unsigned                  short_bits;
    ngx_kafka_ws_deflater_t  *d;

    if (level < 1 || level > NGX_KAFKA_WS_DEFLATE_LEVEL_MAX
        || bits < NGX_KAFKA_WS_DEFLATE_BITS_MIN
        || bits > NGX_KAFKA_WS_DEFLATE_BITS_MAX)
    {
        return NULL;
    }

    d = calloc(1, sizeof(ngx_kafka_ws_deflater_t));
    if (d == NULL) {
        return NULL;
    }

    short_bits = (bits < NGX_KAFKA_WS_DEFLATE_SHORT_BITS)
                 ? bits : NGX_KAFKA_WS_DEFLATE_SHORT_BITS;

    if (deflateInit2(&d->short_msg, (int) level, Z_DEFLATED,
                     -(int) short_bits, NGX_KAFKA_WS_DEFLATE_SHORT_MEM,
                     Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        free(d);
        return NULL;
    }

    if (deflateInit2(&d->long_msg, (int) level, Z_DEFLATED, -(int) bits,
                     NGX_KAFKA_WS_DEFLATE_LONG_MEM, Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        (void) deflateEnd(&d->short_msg);
        free(d);
        return NULL;
    }

    return d;
}


void
ngx_kafka_ws_deflater_destroy(ngx_kafka_ws_deflater_t *d)
{
    if (d == NULL) {
        return;
    }

    /* the result tells of data not flushed, which is nobody's any more */

    (void) deflateEnd(&d->short_msg);
    (void) deflateEnd(&d->long_msg);

    free(d);
}


size_t
ngx_kafka_ws_deflater_message(ngx_kafka_ws_deflater_t *d, const uint8_t *p,
    size_t n, uint8_t *buf, size_t size)
{
    size_t     len;
    z_stream  *z;

    if (size <= NGX_KAFKA_WS_DEFLATE_SPARE || n > UINT_MAX) {
        return 0;
    }

    if (n == 0) {
        buf[0] = 0x00;
        return 1;
    }

    if (size > UINT_MAX) {
        size = UINT_MAX;
    }

    z = (n <= NGX_KAFKA_WS_DEFLATE_SHORT) ? &d->short_msg : &d->long_msg;

    if (deflateReset(z) != Z_OK) {
        return 0;
    }

    z->next_in = (Bytef *) p;
    z->avail_in = (uInt) n;
    z->next_out = buf;
    z->avail_out = (uInt) size;

    /* with a byte of room left the flush is complete, else it may not be */

    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in != 0
        || z->avail_out == 0)
    {
        return 0;
    }

    len = size - z->avail_out;

    if (len <= NGX_KAFKA_WS_DEFLATE_TAIL
        || memcmp(buf + len - NGX_KAFKA_WS_DEFLATE_TAIL,
                  ngx_kafka_ws_deflate_tail, NGX_KAFKA_WS_DEFLATE_TAIL)
           != 0)
    {
        return 0;
    }

    return len - NGX_KAFKA_WS_DEFLATE_TAIL;
}


size_t
ngx_kafka_ws_deflater_frame(ngx_kafka_ws_deflater_t *d, const uint8_t *p,
    size_t n, size_t min, uint8_t *buf, size_t size)
{
    size_t   len, head, payload;
    uint8_t  header[NGX_KAFKA_WS_HEADER_MAX];

    if (n < 2
        || (p[0] != (NGX_KAFKA_WS_FRAME_FIN|NGX_KAFKA_WS_OP_TEXT)
            && p[0] != (NGX_KAFKA_WS_FRAME_FIN|NGX_KAFKA_WS_OP_BINARY)))
    {
        return 0;
    }

    head = (p[1] < 126) ? 2 : (p[1] == 126) ? 4 : NGX_KAFKA_WS_HEADER_MAX;

    if (n < head || size < head) {
        return 0;
    }

    payload = n - head;

    if (ngx_kafka_ws_frame_header(header, p[0], payload) != head
        || memcmp(header, p, head) != 0)
    {
        return 0;
    }

    if (payload < min || payload == 0) {
        return 0;
    }

    /* less than the payload, so that the header is no longer, either */

    size -= head;

    if (size > payload + NGX_KAFKA_WS_DEFLATE_SPARE - 1) {
        size = payload + NGX_KAFKA_WS_DEFLATE_SPARE - 1;
    }

    len = ngx_kafka_ws_deflater_message(d, p + head, payload, buf + head,
                                        size);
    if (len == 0) {
        return 0;
    }

    payload = ngx_kafka_ws_frame_header(header, p[0]
                                        | NGX_KAFKA_WS_FRAME_RSV1, len);
    if (payload < head) {
        memmove(buf + payload, buf + head, len);
    }

    memcpy(buf, header, payload);

    return payload + len;
}


ngx_kafka_ws_inflater_t *
ngx_kafka_ws_inflater_create(void)
{
    ngx_kafka_ws_inflater_t  *i;

    i = calloc(1, sizeof(ngx_kafka_ws_inflater_t));
    if (i == NULL) {
        return NULL;
    }

    if (inflateInit2(&i->z, -NGX_KAFKA_WS_DEFLATE_BITS_MAX) != Z_OK) {
        free(i);
        return NULL;
    }

    return i;
}


void
ngx_kafka_ws_inflater_destroy(ngx_kafka_ws_inflater_t *i)
{
    if (i == NULL) {
        return;
    }

    /* fails for a stream that is not one, only */

    (void) inflateEnd(&i->z);

    free(i);
}


int
ngx_kafka_ws_inflater_message(ngx_kafka_ws_inflater_t *i, const uint8_t *p,
    size_t n, size_t max, ngx_kafka_ws_inflate_sink_pt sink, void *data)
{
    int                       rc;
    ngx_kafka_ws_inflation_t  m;

    m.rest = max;
    m.sink = sink;
    m.data = data;
    m.ended = 0;

    if (inflateReset(&i->z) != Z_OK) {
        return NGX_KAFKA_WS_DEFLATE_ENOMEM;
    }

    rc = ngx_kafka_ws_inflate_feed(i, &m, p, n);
    if (rc != NGX_KAFKA_WS_DEFLATE_OK) {
        return rc;
    }

    rc = ngx_kafka_ws_inflate_feed(i, &m, ngx_kafka_ws_deflate_tail,
                                   NGX_KAFKA_WS_DEFLATE_TAIL);
    if (rc != NGX_KAFKA_WS_DEFLATE_OK) {
        return rc;
    }

    if (!m.ended
        && (i->z.data_type & (NGX_KAFKA_WS_INFLATE_BOUNDARY
                              |NGX_KAFKA_WS_INFLATE_UNUSED))
           != NGX_KAFKA_WS_INFLATE_BOUNDARY)
    {
        return NGX_KAFKA_WS_DEFLATE_EDATA;
    }

    return NGX_KAFKA_WS_DEFLATE_OK;
}


static int
ngx_kafka_ws_inflate_feed(ngx_kafka_ws_inflater_t *i,
    ngx_kafka_ws_inflation_t *m, const uint8_t *p, size_t n)
{
    int     rc;
    size_t  part;

    while (n != 0) {
        part = (n < UINT_MAX) ? n : UINT_MAX;

        i->z.next_in = (Bytef *) p;
        i->z.avail_in = (uInt) part;

        rc = ngx_kafka_ws_inflate_run(i, m);
        if (rc != NGX_KAFKA_WS_DEFLATE_OK) {
            return rc;
        }

        p += part;
        n -= part;
    }

    return NGX_KAFKA_WS_DEFLATE_OK;
}


/* until all input is used and all that came of it is with the sink */

static int
ngx_kafka_ws_inflate_run(ngx_kafka_ws_inflater_t *i,
    ngx_kafka_ws_inflation_t *m)
{
    int       rc;
    uInt      room, len;
    z_stream  *z;

    z = &i->z;
    m->ended = 0;

    for ( ;; ) {
        room = (m->rest < NGX_KAFKA_WS_INFLATE_SLICE)
               ? (uInt) m->rest + 1 : NGX_KAFKA_WS_INFLATE_SLICE;

        z->next_out = i->out;
        z->avail_out = room;

        rc = inflate(z, Z_NO_FLUSH);

        switch (rc) {

        case Z_OK:
        case Z_STREAM_END:
        case Z_BUF_ERROR:    /* there was nothing to do */
            break;

        case Z_MEM_ERROR:
            return NGX_KAFKA_WS_DEFLATE_ENOMEM;

        default:
            return NGX_KAFKA_WS_DEFLATE_EDATA;
        }

        len = room - z->avail_out;

        if (len > m->rest) {
            return NGX_KAFKA_WS_DEFLATE_ETOOBIG;
        }

        m->rest -= len;

        if (len != 0 && m->sink(m->data, i->out, len) != 0) {
            return NGX_KAFKA_WS_DEFLATE_EABORT;
        }

        if (rc == Z_STREAM_END) {

            if (inflateReset(z) != Z_OK) {
                return NGX_KAFKA_WS_DEFLATE_ENOMEM;
            }

            if (z->avail_in == 0) {
                m->ended = 1;
                return NGX_KAFKA_WS_DEFLATE_OK;
            }

            continue;
        }

        if (z->avail_out != 0) {
            return NGX_KAFKA_WS_DEFLATE_OK;
        }
    }
}


const char *
ngx_kafka_ws_deflate_error(int rc)
{
    switch (rc) {

    case NGX_KAFKA_WS_DEFLATE_ETOOBIG:
        return "message too long when inflated";

    case NGX_KAFKA_WS_DEFLATE_EDATA:
        return "compressed message not valid";

    case NGX_KAFKA_WS_DEFLATE_ENOMEM:
        return "no memory to inflate";

    case NGX_KAFKA_WS_DEFLATE_EABORT:
        return "message given up";

    default:
        return "no error";
    }
}


unsigned
ngx_kafka_ws_deflate_close(int rc)
{
    switch (rc) {

    case NGX_KAFKA_WS_DEFLATE_ETOOBIG:
        return NGX_KAFKA_WS_CLOSE_TOO_BIG;

    case NGX_KAFKA_WS_DEFLATE_EDATA:
        return NGX_KAFKA_WS_CLOSE_BAD_DATA;

    default:
        return NGX_KAFKA_WS_CLOSE_INTERNAL;
    }
}
