
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A cursor, its percent-encoding undone: parsed, printed, parsed again.
 * A second parser, which first cuts the text at commas and colons, has to
 * agree on what is refused.
 *
 * Input: a byte that says how many partitions there is room for, the text.
 */


#include "fuzz.h"

#include "ngx_kafka_ws_cursor.h"


#define PAIRS_MAX  300


static void check_text(const uint8_t *p, size_t n, size_t max);
static int reference(const uint8_t *p, size_t n, size_t max);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return -1;
    }

    check_text(data + 1, size - 1, data[0] == 255 ? PAIRS_MAX : data[0] % 10);

    return 0;
}


/* what was printed is the same cursor, and in no byte less */

static void
check_print(const ngx_kafka_ws_position_t *pos, size_t n_pos)
{
    size_t                        size, n, n_back;
    uint8_t                      *buf, *tight;
    ngx_kafka_ws_position_t      *back;
    ngx_kafka_ws_cursor_error_t   err;

    size = n_pos * NGX_KAFKA_WS_PAIR_MAX;
    buf = fuzz_alloc(size);
    n = ngx_kafka_ws_cursor_print(buf, size, pos, n_pos);
    promise(n <= size && (n == 0) == (n_pos == 0));

    back = fuzz_alloc(n_pos * sizeof(ngx_kafka_ws_position_t));

    promise(ngx_kafka_ws_cursor_parse(buf, n, back, n_pos, &n_back, &err)
            == NGX_KAFKA_WS_CURSOR_OK);
    promise(n_back == n_pos);

    for (n_back = 0; n_back < n_pos; n_back++) {
        promise(back[n_back].partition == pos[n_back].partition);
        promise(back[n_back].offset == pos[n_back].offset);
    }

    /* just enough room, and each size below that, or some of them */

    for (size = n; n != 0; size -= size < 40 ? 1 : size / 3) {
        tight = fuzz_alloc(size);
        promise(ngx_kafka_ws_cursor_print(tight, size, pos, n_pos)
                == (size == n ? n : 0));
        promise(size < n || memcmp(tight, buf, n) == 0);
        free(tight);

        if (size == 0) {
            break;
        }
    }

    free(buf);
    free(back);
}


static void
check_text(const uint8_t *p, size_t n, size_t max)
{
    int                             rc;
    size_t                          i, n_pos;
    int32_t                         next;
    uint8_t                        *text;
    ngx_kafka_ws_position_t        *pos;
    ngx_kafka_ws_cursor_error_t     err;
    const ngx_kafka_ws_position_t  *at;

    text = fuzz_copy(p, n);
    pos = fuzz_alloc(max * sizeof(ngx_kafka_ws_position_t));

    memset(&err, 0, sizeof(ngx_kafka_ws_cursor_error_t));
    n_pos = 0;
    rc = ngx_kafka_ws_cursor_parse(text, n, pos, max, &n_pos, &err);

    promise(reference(p, n, max) == (rc == NGX_KAFKA_WS_CURSOR_OK));

    if (rc != NGX_KAFKA_WS_CURSOR_OK) {
        promise(rc == NGX_KAFKA_WS_CURSOR_ERROR);
        promise(err.text != NULL && err.pos <= n);

    } else {
        promise(n_pos <= max && (n_pos == 0) == (n == 0));

        for (i = 0; i < n_pos; i++) {
            promise(pos[i].partition >= 0 && pos[i].offset >= 0);
            promise(i == 0 || pos[i - 1].partition < pos[i].partition);
            promise(ngx_kafka_ws_cursor_find(pos, n_pos, pos[i].partition)
                    == &pos[i]);

            if (pos[i].partition < INT32_MAX) {
                next = pos[i].partition + 1;
                at = ngx_kafka_ws_cursor_find(pos, n_pos, next);
                promise(at == (i + 1 < n_pos && pos[i + 1].partition == next
                               ? &pos[i + 1] : NULL));
            }
        }

        check_print(pos, n_pos);
    }

    free(text);
    free(pos);
}


/* 1 if [p, last) is a number up to max without leading zeros */

static int
number(const uint8_t *p, const uint8_t *last, const char *max)
{
    size_t  i, n;

    n = (size_t) (last - p);

    for (i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }
    }

    if (n == 0 || (n > 1 && p[0] == '0')) {
        return 0;
    }

    return n < strlen(max) || (n == strlen(max) && memcmp(p, max, n) <= 0);
}


static int
reference(const uint8_t *p, size_t n, size_t max)
{
    size_t          i, count, len[PAIRS_MAX];
    const uint8_t  *last, *end, *colon, *names[PAIRS_MAX];

    last = p + n;

    for (count = 0; n != 0; count++) {
        end = memchr(p, ',', (size_t) (last - p));
        end = end == NULL ? last : end;
        colon = memchr(p, ':', (size_t) (end - p));

        if (colon == NULL || count == max
            || !number(p, colon, "2147483647")
            || !number(colon + 1, end, "9223372036854775807"))
        {
            return 0;
        }

        names[count] = p;
        len[count] = (size_t) (colon - p);

        for (i = 0; i < count; i++) {
            if (len[i] == len[count] && memcmp(names[i], p, len[i]) == 0) {
                return 0;
            }
        }

        if (end == last) {
            return 1;
        }

        p = end + 1;
    }

    return 1;
}
