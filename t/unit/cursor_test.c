
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_cursor.h"


#define OK        NGX_KAFKA_WS_CURSOR_OK
#define ERROR     NGX_KAFKA_WS_CURSOR_ERROR

#define count(a)  (sizeof(a) / sizeof(a[0]))
#define MAX       8


/* out: the list printed back; NULL: refused with text at pos */

static const struct {
    const char  *in;
    const char  *out;
    const char  *text;
    size_t       pos;
} lists[] = {
    { "all", "0-2147483647", NULL, 0 },
    { "0", "0-0", NULL, 0 },
    { "3", "3-3", NULL, 0 },
    { "10", "10-10", NULL, 0 },
    { "0-7", "0-7", NULL, 0 },
    { "5-5", "5-5", NULL, 0 },
    { "0,2,5-7", "0-0 2-2 5-7", NULL, 0 },
    { "5-7,2,0", "0-0 2-2 5-7", NULL, 0 },
    { "0,1,2", "0-2", NULL, 0 },
    { "2,1,0", "0-2", NULL, 0 },
    { "0,2,1", "0-2", NULL, 0 },
    { "3,3,3", "3-3", NULL, 0 },
    { "0-5,3-9", "0-9", NULL, 0 },
    { "3-9,0-5", "0-9", NULL, 0 },
    { "0-9,3", "0-9", NULL, 0 },
    { "3,0-9", "0-9", NULL, 0 },
    { "0,2,4,6,1-5", "0-6", NULL, 0 },
    { "0,10,20,9-11", "0-0 9-11 20-20", NULL, 0 },
    { "7-8,5", "5-5 7-8", NULL, 0 },
    { "2147483647", "2147483647-2147483647", NULL, 0 },
    { "0-2147483647,5", "0-2147483647", NULL, 0 },
    { "2147483646,2147483647", "2147483646-2147483647", NULL, 0 },
    { "0,2,4,6,8,10,12,14", "0-0 2-2 4-4 6-6 8-8 10-10 12-12 14-14",
      NULL, 0 },
    { "0,2,4,6,8,10,12,14,13", "0-0 2-2 4-4 6-6 8-8 10-10 12-14", NULL, 0 },

    { "", NULL, "empty partition list", 0 },
    { ",", NULL, "partition missing", 0 },
    { "1,", NULL, "partition missing", 2 },
    { ",1", NULL, "partition missing", 0 },
    { "1,,2", NULL, "partition missing", 2 },
    { "1-", NULL, "partition missing", 2 },
    { "1-,2", NULL, "partition missing", 2 },
    { "-1", NULL, "unexpected character", 0 },
    { "1--2", NULL, "unexpected character", 2 },
    { "1-2-3", NULL, "unexpected character", 3 },
    { "7-0", NULL, "range from high to low", 0 },
    { "1,7-6", NULL, "range from high to low", 2 },
    { "00", NULL, "partition with leading zero", 0 },
    { "1,01", NULL, "partition with leading zero", 2 },
    { "0-07", NULL, "partition with leading zero", 2 },
    { "2147483648", NULL, "partition above 2147483647", 0 },
    { "0-2147483648", NULL, "partition above 2147483647", 2 },
    { "99999999999999999999", NULL, "partition above 2147483647", 0 },
    { "ALL", NULL, "unexpected character", 0 },
    { "all,1", NULL, "unexpected character", 0 },
    { "allx", NULL, "unexpected character", 0 },
    { "1,all", NULL, "unexpected character", 2 },
    { " 1", NULL, "unexpected character", 0 },
    { "1 ", NULL, "unexpected character", 1 },
    { "1;2", NULL, "unexpected character", 1 },
    { "1:2", NULL, "unexpected character", 1 },
    { "+1", NULL, "unexpected character", 0 },
    { "0x1", NULL, "unexpected character", 1 },
    { "\xd9\xa1", NULL, "unexpected character", 0 },
    { "0,2,4,6,8,10,12,14,16", NULL, "too many ranges", 19 },
};


static const struct {
    const char  *in;
    const char  *out;
    const char  *text;
    size_t       pos;
} cursors[] = {
    { "", "", NULL, 0 },
    { "0:0", "0:0", NULL, 0 },
    { "0:42,3:18", "0:42,3:18", NULL, 0 },
    { "3:18,0:42", "0:42,3:18", NULL, 0 },
    { "2:2,0:0,3:3,1:1", "0:0,1:1,2:2,3:3", NULL, 0 },
    { "7:1,6:1,5:1,4:1,3:1,2:1,1:1,0:1",
      "0:1,1:1,2:1,3:1,4:1,5:1,6:1,7:1", NULL, 0 },
    { "2147483647:9223372036854775807", "2147483647:9223372036854775807",
      NULL, 0 },
    { "0:9007199254740993", "0:9007199254740993", NULL, 0 },
    { "0:1000000000000000000", "0:1000000000000000000", NULL, 0 },

    { ",", NULL, "partition missing", 0 },
    { "0:1,", NULL, "partition missing", 4 },
    { ",0:1", NULL, "partition missing", 0 },
    { "0:1,,1:1", NULL, "partition missing", 4 },
    { ":1", NULL, "partition missing", 0 },
    { "0", NULL, "colon missing", 1 },
    { "0,1:2", NULL, "colon missing", 1 },
    { "0:1,1", NULL, "colon missing", 5 },
    { "0-1:2", NULL, "colon missing", 1 },
    { "0:", NULL, "offset missing", 2 },
    { "0:,1:2", NULL, "offset missing", 2 },
    { "0::1", NULL, "offset missing", 2 },
    { "00:1", NULL, "partition with leading zero", 0 },
    { "0:1,01:1", NULL, "partition with leading zero", 4 },
    { "0:01", NULL, "offset with leading zero", 2 },
    { "0:00", NULL, "offset with leading zero", 2 },
    { "2147483648:1", NULL, "partition above 2147483647", 0 },
    { "0:9223372036854775808", NULL, "offset above 9223372036854775807", 2 },
    { "1:1,0:18446744073709551616", NULL,
      "offset above 9223372036854775807", 6 },
    { "0:10000000000000000000", NULL, "offset above 9223372036854775807", 2 },
    { "0:1,0:1", NULL, "partition named twice", 4 },
    { "0:1,1:1,2:1,1:2,3:1", NULL, "partition named twice", 12 },
    { "5:1,0:1,5:1", NULL, "partition named twice", 8 },
    { "0:-1", NULL, "unexpected character", 2 },
    { "-1:0", NULL, "unexpected character", 0 },
    { "0:+1", NULL, "unexpected character", 2 },
    { "0:1 ", NULL, "unexpected character", 3 },
    { "0: 1", NULL, "unexpected character", 2 },
    { "0:1;1:1", NULL, "unexpected character", 3 },
    { "0:1:2", NULL, "unexpected character", 3 },
    { "0:1.5", NULL, "unexpected character", 3 },
    { "0:1e5", NULL, "unexpected character", 3 },
    { "a:1", NULL, "unexpected character", 0 },
    { "0:1\n", NULL, "unexpected character", 3 },
    { "all", NULL, "unexpected character", 0 },
    { "0:1,1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1", NULL, "too many partitions",
      32 },
};


/* as a list is written, printed back */

static const char  *printed[][2] = {
    { "all", "all" },
    { "0-2147483647", "all" },
    { "0-2147483646", "0-2147483646" },
    { "1-2147483647", "1-2147483647" },
    { "0", "0" },
    { "7,3", "3,7" },
    { "0-7,9,12-13", "0-7,9,12-13" },
    { "1,2,3,5", "1-3,5" }
};


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


static void
test_lists(void)
{
    int                           rc;
    char                          out[256];
    size_t                        i, j, n, len;
    uint8_t                      *p;
    ngx_kafka_ws_range_t         *ranges;
    ngx_kafka_ws_cursor_error_t   err;

    for (i = 0; i < count(lists); i++) {
        len = strlen(lists[i].in);
        p = guard_copy(lists[i].in, len);
        ranges = (ngx_kafka_ws_range_t *)
                 guard_new(MAX * sizeof(ngx_kafka_ws_range_t));

        memset(&err, 0, sizeof(ngx_kafka_ws_cursor_error_t));
        err.text = "none";
        n = 0;

        rc = ngx_kafka_ws_ranges_parse(p, len, ranges, MAX, &n, &err);

        if (lists[i].out == NULL) {
            is_refused(rc, &err, lists[i].text, lists[i].pos, "list",
                       lists[i].in);

        } else {
            out[0] = '\0';
            len = 0;

            for (j = 0; rc == OK && j < n; j++) {
                len += (size_t) snprintf(out + len, sizeof(out) - len,
                                         "%s%d-%d", j == 0 ? "" : " ",
                                         ranges[j].first, ranges[j].last);
            }

            is_mem(out, strlen(out), lists[i].out, strlen(lists[i].out),
                   "list \"%s\" is %s", lists[i].in, lists[i].out);
        }

        guard_free((uint8_t *) ranges, MAX * sizeof(ngx_kafka_ws_range_t));
        guard_free(p, strlen(lists[i].in));
    }
}


static void
test_cursors(void)
{
    int                           rc;
    size_t                        i, n, m, len;
    uint8_t                      *p, out[MAX * NGX_KAFKA_WS_PAIR_MAX];
    ngx_kafka_ws_position_t      *pos;
    ngx_kafka_ws_cursor_error_t   err;

    for (i = 0; i < count(cursors); i++) {
        len = strlen(cursors[i].in);
        p = guard_copy(cursors[i].in, len);
        pos = (ngx_kafka_ws_position_t *)
              guard_new(MAX * sizeof(ngx_kafka_ws_position_t));

        memset(&err, 0, sizeof(ngx_kafka_ws_cursor_error_t));
        err.text = "none";
        n = 99;

        rc = ngx_kafka_ws_cursor_parse(p, len, pos, MAX, &n, &err);

        if (cursors[i].out == NULL) {
            is_refused(rc, &err, cursors[i].text, cursors[i].pos, "cursor",
                       cursors[i].in);

        } else {
            m = 0;

            if (rc == OK && n <= MAX) {
                m = ngx_kafka_ws_cursor_print(out, sizeof(out), pos, n);
            }

            is_mem(out, m, cursors[i].out, strlen(cursors[i].out),
                   "cursor \"%s\" is %s", cursors[i].in, cursors[i].out);
        }

        guard_free((uint8_t *) pos, MAX * sizeof(ngx_kafka_ws_position_t));
        guard_free(p, len);
    }
}


static void
test_nul(void)
{
    size_t                       n;
    ngx_kafka_ws_range_t         ranges[MAX];
    ngx_kafka_ws_position_t      pos[MAX];
    ngx_kafka_ws_cursor_error_t  err;

    is_refused(ngx_kafka_ws_cursor_parse((const uint8_t *) "0:1\0", 4, pos,
                                         MAX, &n, &err),
               &err, "unexpected character", 3, "cursor with NUL", "0:1");
    is_refused(ngx_kafka_ws_ranges_parse((const uint8_t *) "1\0", 2, ranges,
                                         MAX, &n, &err),
               &err, "unexpected character", 1, "list with NUL", "1");

    is_refused(ngx_kafka_ws_ranges_parse(NULL, 0, ranges, MAX, &n, &err),
               &err, "empty partition list", 0, "list at NULL", "");

    n = 99;
    ok(ngx_kafka_ws_cursor_parse(NULL, 0, NULL, 0, &n, &err) == OK && n == 0,
       "no cursor at NULL is an empty one");
}


static void
test_contain(void)
{
    int                          wrong;
    size_t                       n;
    int32_t                      i;
    ngx_kafka_ws_range_t         ranges[MAX];
    ngx_kafka_ws_cursor_error_t  err;

    static const char  list[] = "0,2,5-7,20-22";
    static const char  held[] = "1010011100000000000011100";

    n = 0;
    (void) ngx_kafka_ws_ranges_parse((const uint8_t *) list, strlen(list),
                                     ranges, MAX, &n, &err);

    wrong = 0;

    for (i = 0; i < (int32_t) strlen(held); i++) {
        wrong += ngx_kafka_ws_ranges_contain(ranges, n, i)
                 != (held[i] == '1');
    }

    is_int(wrong, 0, "\"%s\" holds just its partitions", list);
    ok(!ngx_kafka_ws_ranges_contain(ranges, n, INT32_MAX)
       && !ngx_kafka_ws_ranges_contain(ranges, n, -1),
       "and none below or above");

    (void) ngx_kafka_ws_ranges_parse((const uint8_t *) "all", 3, ranges, MAX,
                                     &n, &err);
    ok(ngx_kafka_ws_ranges_contain(ranges, n, 0)
       && ngx_kafka_ws_ranges_contain(ranges, n, INT32_MAX)
       && !ngx_kafka_ws_ranges_contain(ranges, n, -1),
       "all holds every partition there may be");
    ok(!ngx_kafka_ws_ranges_contain(ranges, 0, 0), "no ranges hold nothing");
}


static void
test_find(void)
{
    int                             good;
    size_t                          n;
    int32_t                         i;
    ngx_kafka_ws_position_t         pos[MAX];
    const ngx_kafka_ws_position_t  *p;
    ngx_kafka_ws_cursor_error_t     err;

    static const char  cursor[] = "9:90,1:10,5:50,3:30,7:70";

    n = 0;
    (void) ngx_kafka_ws_cursor_parse((const uint8_t *) cursor,
                                     strlen(cursor), pos, MAX, &n, &err);
    good = 1;

    for (i = 0; i < 12; i++) {
        p = ngx_kafka_ws_cursor_find(pos, n, i);

        if (i % 2 == 1 && i < 10) {
            good &= p != NULL && p->partition == i && p->offset == i * 10;

        } else {
            good &= p == NULL;
        }
    }

    ok(good, "a cursor has just the partitions it names");
    ok(ngx_kafka_ws_cursor_find(pos, 0, 1) == NULL,
       "an empty cursor has none");
}


/* each fits in just its length, in no byte less */

static void
test_print_lists(void)
{
    int                           good;
    size_t                        i, n, len, size;
    uint8_t                      *p;
    const char                   *want;
    ngx_kafka_ws_range_t          ranges[MAX];
    ngx_kafka_ws_cursor_error_t   err;

    for (i = 0; i < count(printed); i++) {
        want = printed[i][1];
        n = 0;

        (void) ngx_kafka_ws_ranges_parse((const uint8_t *) printed[i][0],
                                         strlen(printed[i][0]), ranges, MAX,
                                         &n, &err);
        good = 1;

        for (size = 0; size < strlen(want); size++) {
            p = guard_new(size);
            good &= ngx_kafka_ws_ranges_print(p, size, ranges, n) == 0;
            guard_free(p, size);
        }

        p = guard_new(size);
        len = ngx_kafka_ws_ranges_print(p, size, ranges, n);
        is_mem(p, good ? len : 99, want, strlen(want),
               "list \"%s\" is printed as %s", printed[i][0], want);
        guard_free(p, size);
    }

    p = guard_new(NGX_KAFKA_WS_RANGE_MAX);
    ranges[0].first = INT32_MAX - 1;
    ranges[0].last = INT32_MAX;

    is_int(ngx_kafka_ws_ranges_print(p, NGX_KAFKA_WS_RANGE_MAX, ranges, 1),
           NGX_KAFKA_WS_RANGE_MAX - 1,
           "the longest range and a comma are the named constant");
    is_int(ngx_kafka_ws_ranges_print(p, NGX_KAFKA_WS_RANGE_MAX, ranges, 0), 0,
           "no ranges print nothing");
    guard_free(p, NGX_KAFKA_WS_RANGE_MAX);
}


/* fits in just its length, in no byte less */

static void
test_print(void)
{
    int       good;
    size_t    size, n;
    uint8_t  *p;

    static const char  want[] = "0:0,10:42,2147483647:9223372036854775807";
    static const ngx_kafka_ws_position_t  pos[] = {
        { 0, 0 }, { 10, 42 }, { INT32_MAX, INT64_MAX }
    };
    static const ngx_kafka_ws_position_t  negative[] = { { 0, -1 } };
    static const ngx_kafka_ws_position_t  unset[] = { { -1, 0 } };

    good = 1;

    for (size = 0; size < strlen(want); size++) {
        p = guard_new(size);
        good &= ngx_kafka_ws_cursor_print(p, size, pos, 3) == 0;
        guard_free(p, size);
    }

    ok(good, "a cursor is not printed in part");

    p = guard_new(size);
    n = ngx_kafka_ws_cursor_print(p, size, pos, 3);
    is_mem(p, n, want, strlen(want), "a cursor is printed where it fits");

    is_int(ngx_kafka_ws_cursor_print(p, size, pos, 0), 0,
           "an empty cursor prints nothing");
    is_int(ngx_kafka_ws_cursor_print(p, size, negative, 1), 0,
           "a negative offset is not printed");
    is_int(ngx_kafka_ws_cursor_print(p, size, unset, 1), 0,
           "a negative partition is not printed");
    is_int(ngx_kafka_ws_cursor_print(p, NGX_KAFKA_WS_PAIR_MAX, pos + 2, 1),
           NGX_KAFKA_WS_PAIR_MAX - 1,
           "the longest pair and a comma are the named constant");
    guard_free(p, size);
}


int
main(void)
{
    test_lists();
    test_cursors();
    test_nul();
    test_contain();
    test_find();
    test_print_lists();
    test_print();

    return tap_done((int) (count(lists) + count(cursors) + 4 + 4 + 2
                           + count(printed) + 2 + 6));
}
