
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A record rendered for a test; guard.h comes before it.
 */


#ifndef _RENDERED_H_INCLUDED_
#define _RENDERED_H_INCLUDED_


#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_render.h"


#define TEXT(s)  { (const uint8_t *) s, sizeof(s) - 1 }
#define SPAN(s)  (ngx_kafka_ws_span_t) { (const uint8_t *) s, strlen(s) }


/* renders into memory of just the bound; dst gets the payload and a zero */

static inline size_t
payload_of(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, char *dst)
{
    size_t    n, len, size;
    uint8_t  *buf, *frame, header[NGX_KAFKA_WS_HEADER_MAX];

    size = ngx_kafka_ws_render_bound(r, rec);
    buf = guard_new(size);
    frame = ngx_kafka_ws_render(r, rec, buf, size, &len);

    n = frame[1] < 126 ? 2 : frame[1] == 126 ? 4 : 10;

    if (frame < buf || frame + len > buf + size || len < n
        || ngx_kafka_ws_frame_header(header, frame[0], len - n) != n
        || memcmp(frame, header, n) != 0)
    {
        guard_free(buf, size);
        strcpy(dst, "not a frame");
        return 0;
    }

    memcpy(dst, frame + n, len - n);
    dst[len - n] = '\0';
    guard_free(buf, size);

    return len - n;
}


#endif /* _RENDERED_H_INCLUDED_ */
