
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Cursors whose partitions do not ascend, and the numbers that they are made
 * of.
 */


#include "guard.h"
#include "tap.h"

#include <time.h>

#include "ngx_kafka_ws_cursor.h"


#define OK        NGX_KAFKA_WS_CURSOR_OK
#define ERROR     NGX_KAFKA_WS_CURSOR_ERROR

#define count(a)  (sizeof(a) / sizeof(a[0]))
#define MANY      100
#define LOTS      100000


static void test_order(void);
static void test_time(void);
static int test_numbers(void);
static void is_refused(int rc, const ngx_kafka_ws_cursor_error_t *err,
    const char *text, size_t pos, const char *what, const char *in);


int
main(void)
{
    int  n;

    test_order();
    test_time();
    n = test_numbers();

    return tap_done(2 + 2 + n);
}


/* in any order, and with a partition twice */

static void
test_order(void)
{
    int                             good, twice;
    char                            text[MANY * NGX_KAFKA_WS_PAIR_MAX];
    size_t                          i, j, n, m, len, second;
    int32_t                         order[MANY], v;
    ngx_kafka_ws_position_t         pos[MANY];
    ngx_kafka_ws_cursor_error_t     err;

    good = 1;
    twice = 1;
    srandom(1);

    for (n = 1; n <= MANY; n++) {

        for (i = 0; i < n; i++) {
            j = (size_t) random() % (i + 1);
            order[i] = (int32_t) i * 3;
            v = order[j];
            order[j] = order[i];
            order[i] = v;
        }

        len = 0;

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(text + len, "%s%d:%d", i ? "," : "",
                                    order[i], order[i] + 1);
        }

        m = 0;
        good &= ngx_kafka_ws_cursor_parse((uint8_t *) text, len, pos, MANY,
                                          &m, &err) == OK && m == n;

        for (i = 0; i < m; i++) {
            good &= pos[i].partition == (int32_t) i * 3
                    && pos[i].offset == pos[i].partition + 1;
        }

        if (n == 1) {
            continue;
        }

        /* one of them a second time, where another one was */

        i = (size_t) random() % n;
        j = (i + 1 + (size_t) random() % (n - 1)) % n;
        second = i > j ? i : j;
        v = order[i];
        len = 0;
        m = 0;

        for (i = 0; i < n; i++) {
            len += i != 0;
            m = i == second ? len : m;
            len += (size_t) sprintf(text + len, "%d:%d,",
                                    i == j ? v : order[i], 7) - 1;
        }

        err.pos = 0;
        twice &= ngx_kafka_ws_cursor_parse((uint8_t *) text, len, pos, MANY,
                                           &i, &err) == ERROR
                 && strcmp(err.text, "partition named twice") == 0
                 && err.pos == m;
    }

    ok(good, "partitions in any order are sorted");
    ok(twice, "one that is there twice is told with its second place");
}


/* when each was put in its place, these took 19 seconds under ASan */

static void
test_time(void)
{
    size_t                        i, n, len;
    clock_t                       begin;
    uint8_t                      *text;
    ngx_kafka_ws_position_t      *pos;
    ngx_kafka_ws_cursor_error_t   err;

    text = guard_new(LOTS * 16);
    pos = (ngx_kafka_ws_position_t *)
          guard_new(LOTS * sizeof(ngx_kafka_ws_position_t));
    len = 0;
    n = 0;

    for (i = LOTS; i > 0; i--) {
        len += (size_t) sprintf((char *) text + len, "%zu:1,", i);
    }

    begin = clock();
    (void) ngx_kafka_ws_cursor_parse(text, len - 1, pos, LOTS, &n, &err);

    is_int(n, LOTS, "%d partitions from high to low", LOTS);
    ok(clock() - begin < 2 * CLOCKS_PER_SEC, "in less than 2 seconds");

    guard_free((uint8_t *) pos, LOTS * sizeof(ngx_kafka_ws_position_t));
    guard_free(text, LOTS * 16);
}


/* a number and nothing else */

static int
test_numbers(void)
{
    int                           rc;
    size_t                        i, len;
    uint8_t                      *p;
    int32_t                       partition;
    int64_t                       offset;
    ngx_kafka_ws_cursor_error_t   err;

    /* want: -1: refused */

    static const struct {
        const char  *in;
        int64_t      want;
        const char  *text;
        size_t       pos;
    } offsets[] = {
        { "0", 0, NULL, 0 },
        { "42", 42, NULL, 0 },
        { "9223372036854775807", INT64_MAX, NULL, 0 },
        { "9223372036854775808", -1, "offset above 9223372036854775807", 0 },
        { "", -1, "offset missing", 0 },
        { "00", -1, "offset with leading zero", 0 },
        { "-1", -1, "unexpected character", 0 },
        { "1.0", -1, "unexpected character", 1 },
        { "1e3", -1, "unexpected character", 1 },
        { "1,", -1, "unexpected character", 1 },
        { "1 ", -1, "unexpected character", 1 },
        { "1:2", -1, "unexpected character", 1 }
    };

    for (i = 0; i < count(offsets); i++) {
        len = strlen(offsets[i].in);
        p = guard_copy(offsets[i].in, len);
        memset(&err, 0, sizeof(ngx_kafka_ws_cursor_error_t));

        offset = -2;
        rc = ngx_kafka_ws_cursor_offset_parse(p, len, &offset, &err);

        if (offsets[i].want < 0) {
            is_refused(rc, &err, offsets[i].text, offsets[i].pos, "offset",
                       offsets[i].in);

        } else {
            is_int(rc == OK ? offset : -1, offsets[i].want, "offset \"%s\"",
                   offsets[i].in);
        }

        guard_free(p, len);
    }

    rc = ngx_kafka_ws_cursor_partition_parse((uint8_t *) "2147483647", 10,
                                             &partition, &err);
    is_int(rc == OK ? partition : -1, INT32_MAX, "the greatest partition");

    is_refused(ngx_kafka_ws_cursor_partition_parse((uint8_t *) "2147483648",
                                                   10, &partition, &err),
               &err, "partition above 2147483647", 0, "partition",
               "2147483648");
    is_refused(ngx_kafka_ws_cursor_partition_parse((uint8_t *) "1-2", 3,
                                                   &partition, &err),
               &err, "unexpected character", 1, "partition", "1-2");

    return (int) count(offsets) + 3;
}


/* a failed parse says why and where */

static void
is_refused(int rc, const ngx_kafka_ws_cursor_error_t *err, const char *text,
    size_t pos, const char *what, const char *in)
{
    int  good;

    good = rc == ERROR && strcmp(err->text, text) == 0 && err->pos == pos;

    if (!ok(good, "%s \"%s\" is refused: %s at %zu", what, in, text, pos)) {
        printf("# got %d, %s at %zu\n", rc, err->text, err->pos);
    }
}
