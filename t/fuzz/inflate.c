
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A client's compressed message: the verdict and the bytes of a second
 * decoder, and never more for the sink than the message may have.  One
 * inflater is used throughout, so that what a message leaves behind would
 * show in the next.
 *
 * Input: a byte that says the longest message, one that says when the sink
 * gives up, the payload.
 */


#include "fuzz.h"
#include "puff.h"

#include "ngx_kafka_ws_deflate.h"


#define OUT_MAX  (1 << 20)


typedef struct {
    size_t    len;
    size_t    max;
    size_t    calls;
    size_t    give_up;      /* at this call, 0: never */
    uint8_t   out[OUT_MAX];
} sink_t;


static const size_t  maxima[] = {
    0, 1, 2, 3, 64, 125, 1000, 4096, 16383, 16384, 16385, 32768, 65536,
    100000, 262144, OUT_MAX
};

static sink_t                    sink;
static uint8_t                   want[OUT_MAX + 1];
static ngx_kafka_ws_inflater_t  *inflater;


static int
take(void *data, const uint8_t *p, size_t n)
{
    sink_t  *s;

    s = data;
    s->calls++;

    promise(n > 0 && n <= NGX_KAFKA_WS_INFLATE_SLICE);
    promise(n <= s->max - s->len);
    promise(s->give_up == 0 || s->calls <= s->give_up);

    memcpy(s->out + s->len, p, n);
    s->len += n;

    return s->calls == s->give_up;
}


static int
run(const uint8_t *p, size_t n, size_t max, size_t give_up)
{
    sink.len = 0;
    sink.calls = 0;
    sink.max = max;
    sink.give_up = give_up;

    return ngx_kafka_ws_inflater_message(inflater, p, n, max, take, &sink);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       rc;
    size_t    n, max;
    puff_t    z;
    puff_e    expected;
    uint8_t  *message;

    if (size < 2) {
        return -1;
    }

    if (inflater == NULL) {
        inflater = ngx_kafka_ws_inflater_create();
        promise(inflater != NULL);
    }

    max = maxima[data[0] % 16];
    n = size - 2;
    message = fuzz_copy(data + 2, n);

    rc = run(message, n, max, 0);
    expected = puff_message(&z, message, n, want, max);

    /* an empty message has a byte; without one there is nothing to inflate */

    if (n == 0) {
        expected = PUFF_BAD;
    }

    switch (expected) {

    case PUFF_OK:
        promise(rc == NGX_KAFKA_WS_DEFLATE_OK && sink.len == z.len);
        break;

    case PUFF_LONG:
        /* zlib looks at the code behind the byte that is too much */

        promise(rc == NGX_KAFKA_WS_DEFLATE_ETOOBIG
                || (rc == NGX_KAFKA_WS_DEFLATE_EDATA
                    && puff_message(&z, message, n, want, max + 1)
                       == PUFF_BAD));
        break;

    default:
        promise(rc == NGX_KAFKA_WS_DEFLATE_EDATA);
    }

    promise(sink.len <= z.len);
    promise(sink.len == 0 || memcmp(sink.out, want, sink.len) == 0);

    promise((rc == NGX_KAFKA_WS_DEFLATE_OK)
            == (strcmp(ngx_kafka_ws_deflate_error(rc), "no error") == 0));
    promise(rc != NGX_KAFKA_WS_DEFLATE_ETOOBIG
            || ngx_kafka_ws_deflate_close(rc) == 1009);
    promise(rc != NGX_KAFKA_WS_DEFLATE_EDATA
            || ngx_kafka_ws_deflate_close(rc) == 1007);

    /* a sink that gives up is asked no more, and the next message is good */

    if (data[1] % 4 != 0 && sink.calls >= data[1] % 4) {
        promise(run(message, n, max, data[1] % 4)
                == NGX_KAFKA_WS_DEFLATE_EABORT);
    }

    free(message);

    return 0;
}
