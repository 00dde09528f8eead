
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The payload is written behind room for the longest frame header and moved
 * back when its length is known: an event is rare and mostly short.
 */


#include <string.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_json_write.h"


/* {"event":"start","topic":"","partitions":[]} and the frame's header */

#define NGX_KAFKA_WS_EVENT_FIXED      64

/* {"partition":-2147483648,"offset":-9223372036854775808,...}, */

#define NGX_KAFKA_WS_EVENT_PARTITION  80


#define ngx_kafka_ws_event_text(ev, s)                                        \
    ngx_kafka_ws_event_put(ev, s, sizeof(s) - 1)


static void ngx_kafka_ws_event_begin(ngx_kafka_ws_event_t *ev, uint8_t *buf,
    size_t size, const char *name, const ngx_kafka_ws_span_t *id,
    const ngx_kafka_ws_span_t *topic);
static size_t ngx_kafka_ws_event_end(ngx_kafka_ws_event_t *ev);
static void ngx_kafka_ws_event_put(ngx_kafka_ws_event_t *ev, const char *s,
    size_t n);
static void ngx_kafka_ws_event_int(ngx_kafka_ws_event_t *ev, int64_t n);
static void ngx_kafka_ws_event_string(ngx_kafka_ws_event_t *ev,
    const ngx_kafka_ws_span_t *s);


size_t
ngx_kafka_ws_event_start_bound(const ngx_kafka_ws_span_t *topic, size_t n)
{
    size_t  total;

    total = NGX_KAFKA_WS_EVENT_FIXED;

    if (topic != NULL) {

        if (topic->len > SIZE_MAX / 16) {
            return SIZE_MAX;
        }

        total += NGX_KAFKA_WS_JSON_ESCAPE * topic->len;
    }

    if (n > (SIZE_MAX - total) / NGX_KAFKA_WS_EVENT_PARTITION) {
        return SIZE_MAX;
    }

    return total + n * NGX_KAFKA_WS_EVENT_PARTITION;
}


void
ngx_kafka_ws_event_start_begin(ngx_kafka_ws_event_t *ev, uint8_t *buf,
    size_t size, const ngx_kafka_ws_span_t *topic)
{
    ngx_kafka_ws_event_begin(ev, buf, size, "start", NULL, topic);
    ngx_kafka_ws_event_text(ev, ",\"partitions\":[");
}


void
ngx_kafka_ws_event_start_add(ngx_kafka_ws_event_t *ev, int32_t partition,
    int64_t offset, ngx_kafka_ws_state_e state)
{
    const char  *name;

    if (ev->more) {
        ngx_kafka_ws_event_text(ev, ",");
    }

    name = ngx_kafka_ws_state_name(state);

    ngx_kafka_ws_event_text(ev, "{\"partition\":");
    ngx_kafka_ws_event_int(ev, partition);
    ngx_kafka_ws_event_text(ev, ",\"offset\":");
    ngx_kafka_ws_event_int(ev, offset);
    ngx_kafka_ws_event_text(ev, ",\"state\":\"");
    ngx_kafka_ws_event_put(ev, name, strlen(name));
    ngx_kafka_ws_event_text(ev, "\"}");

    ev->more = 1;
}


size_t
ngx_kafka_ws_event_start_end(ngx_kafka_ws_event_t *ev)
{
    ngx_kafka_ws_event_text(ev, "]");

    return ngx_kafka_ws_event_end(ev);
}


size_t
ngx_kafka_ws_event_gap(uint8_t *buf, size_t size,
    const ngx_kafka_ws_span_t *topic, int32_t partition, int64_t from,
    int64_t to, ngx_kafka_ws_gap_e reason)
{
    const char            *name;
    ngx_kafka_ws_event_t   ev;

    name = ngx_kafka_ws_gap_name(reason);

    ngx_kafka_ws_event_begin(&ev, buf, size, "gap", NULL, topic);
    ngx_kafka_ws_event_text(&ev, ",\"partition\":");
    ngx_kafka_ws_event_int(&ev, partition);
    ngx_kafka_ws_event_text(&ev, ",\"from\":");
    ngx_kafka_ws_event_int(&ev, from);
    ngx_kafka_ws_event_text(&ev, ",\"to\":");
    ngx_kafka_ws_event_int(&ev, to);
    ngx_kafka_ws_event_text(&ev, ",\"reason\":\"");
    ngx_kafka_ws_event_put(&ev, name, strlen(name));
    ngx_kafka_ws_event_text(&ev, "\"");

    return ngx_kafka_ws_event_end(&ev);
}


size_t
ngx_kafka_ws_event_error(uint8_t *buf, size_t size,
    const ngx_kafka_ws_span_t *id, const ngx_kafka_ws_span_t *topic,
    unsigned code, const ngx_kafka_ws_span_t *message)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_begin(&ev, buf, size, "error", id, topic);
    ngx_kafka_ws_event_text(&ev, ",\"code\":");
    ngx_kafka_ws_event_int(&ev, code);
    ngx_kafka_ws_event_text(&ev, ",\"message\":");
    ngx_kafka_ws_event_string(&ev, message);

    return ngx_kafka_ws_event_end(&ev);
}


size_t
ngx_kafka_ws_event_answer(uint8_t *buf, size_t size, const char *name,
    const ngx_kafka_ws_span_t *id, const ngx_kafka_ws_span_t *topic,
    const ngx_kafka_ws_span_t *cursor)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_begin(&ev, buf, size, name, id, topic);

    if (cursor != NULL) {
        ngx_kafka_ws_event_text(&ev, ",\"cursor\":");
        ngx_kafka_ws_event_string(&ev, cursor);
    }

    return ngx_kafka_ws_event_end(&ev);
}


size_t
ngx_kafka_ws_event_idle(uint8_t *buf, size_t size,
    const ngx_kafka_ws_span_t *topic)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_begin(&ev, buf, size, "idle", NULL, topic);

    return ngx_kafka_ws_event_end(&ev);
}


static void
ngx_kafka_ws_event_begin(ngx_kafka_ws_event_t *ev, uint8_t *buf, size_t size,
    const char *name, const ngx_kafka_ws_span_t *id,
    const ngx_kafka_ws_span_t *topic)
{
    ev->buf = buf;
    ev->pos = buf;
    ev->last = buf + size;
    ev->full = 0;
    ev->more = 0;

    if (size < NGX_KAFKA_WS_HEADER_MAX) {
        ev->full = 1;
        return;
    }

    ev->pos += NGX_KAFKA_WS_HEADER_MAX;

    ngx_kafka_ws_event_text(ev, "{\"event\":\"");
    ngx_kafka_ws_event_put(ev, name, strlen(name));
    ngx_kafka_ws_event_text(ev, "\"");

    if (id != NULL) {
        ngx_kafka_ws_event_text(ev, ",\"id\":");
        ngx_kafka_ws_event_put(ev, (const char *) id->data, id->len);
    }

    if (topic != NULL) {
        ngx_kafka_ws_event_text(ev, ",\"topic\":");
        ngx_kafka_ws_event_string(ev, topic);
    }
}


static size_t
ngx_kafka_ws_event_end(ngx_kafka_ws_event_t *ev)
{
    size_t    n, header;
    uint8_t  *payload;

    ngx_kafka_ws_event_text(ev, "}");

    if (ev->full) {
        return 0;
    }

    payload = ev->buf + NGX_KAFKA_WS_HEADER_MAX;
    n = (size_t) (ev->pos - payload);
    header = ngx_kafka_ws_frame_header_len(n);

    memmove(ev->buf + header, payload, n);

    return n + ngx_kafka_ws_frame_header(ev->buf,
                                         NGX_KAFKA_WS_FRAME_FIN
                                         |NGX_KAFKA_WS_OP_TEXT, n);
}


static void
ngx_kafka_ws_event_put(ngx_kafka_ws_event_t *ev, const char *s, size_t n)
{
    if (ev->full || (size_t) (ev->last - ev->pos) < n) {
        ev->full = 1;
        return;
    }

    memcpy(ev->pos, s, n);
    ev->pos += n;
}


static void
ngx_kafka_ws_event_int(ngx_kafka_ws_event_t *ev, int64_t n)
{
    uint8_t  text[NGX_KAFKA_WS_JSON_INT_LEN], *end;

    end = ngx_kafka_ws_json_int(text, n);

    ngx_kafka_ws_event_put(ev, (char *) text, (size_t) (end - text));
}


static void
ngx_kafka_ws_event_string(ngx_kafka_ws_event_t *ev,
    const ngx_kafka_ws_span_t *s)
{
    size_t  room;

    room = (size_t) (ev->last - ev->pos);

    if (ev->full
        || (ngx_kafka_ws_json_string_bound(s->len) > room
            && (s->len > room
                || ngx_kafka_ws_json_string_lossy_len(s->data, s->len)
                   > room)))
    {
        ev->full = 1;
        return;
    }

    ev->pos = ngx_kafka_ws_json_string_lossy(ev->pos, s->data, s->len);
}


const char *
ngx_kafka_ws_state_name(ngx_kafka_ws_state_e state)
{
    switch (state) {

    case NGX_KAFKA_WS_STATE_START:
        return "start";

    case NGX_KAFKA_WS_STATE_RESUMED:
        return "resumed";

    case NGX_KAFKA_WS_STATE_BACKFILLED:
        return "backfilled";

    case NGX_KAFKA_WS_STATE_GAP:
        return "gap";

    case NGX_KAFKA_WS_STATE_RESET:
        return "reset";

    default:
        return "unknown";
    }
}


const char *
ngx_kafka_ws_gap_name(ngx_kafka_ws_gap_e reason)
{
    switch (reason) {

    case NGX_KAFKA_WS_GAP_RETENTION:
        return "retention";

    case NGX_KAFKA_WS_GAP_LAPPED:
        return "lapped";

    case NGX_KAFKA_WS_GAP_TOO_LARGE:
        return "too-large";

    case NGX_KAFKA_WS_GAP_RESET:
        return "reset";

    default:
        return "unknown";
    }
}
