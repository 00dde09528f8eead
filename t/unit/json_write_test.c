
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The writers: literal bytes, a second writer of the plain kind, and memory
 * that ends right after what is promised to be enough.
 */


#include "guard.h"
#include "tap.h"

#include <inttypes.h>

#include <cjson/cJSON.h>

#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_json_write.h"


#define TEXT(s)  s, sizeof(s) - 1


typedef struct {
    const char  *name;
    const char  *text;
    size_t       len;
    const char  *want;      /* NULL: refused */
} case_t;


static void test_strings(void);
static void test_lossy(void);
static void test_every_place(void);
static size_t plain_string(uint8_t *dst, const uint8_t *p, size_t n);
static void test_worst(void);
static void test_base64(void);
static void test_integers(void);
static void test_bounds(void);


static const case_t  strings[] = {
    { "empty", TEXT(""), "\"\"" },
    { "plain", TEXT("hello"), "\"hello\"" },
    { "8 bytes", TEXT("12345678"), "\"12345678\"" },
    { "9 bytes", TEXT("123456789"), "\"123456789\"" },
    { "quotes and backslashes", TEXT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
    { "quotes in a row", TEXT("\"\"\"\"\"\"\"\"\""),
      "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"" },
    { "short escapes", TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
    { "NUL inside", TEXT("a\0b"), "\"a\\u0000b\"" },
    { "control bytes", TEXT("\x01\x1f"), "\"\\u0001\\u001f\"" },
    { "DEL and slash stay", TEXT("\x7f/"), "\"\x7f/\"" },
    { "U+2028 and U+2029 stay", TEXT("\xe2\x80\xa8\xe2\x80\xa9"),
      "\"\xe2\x80\xa8\xe2\x80\xa9\"" },
    { "two, three and four bytes", TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
    { "a number beyond 2^53", TEXT("9007199254740993"),
      "\"9007199254740993\"" },
    { "a byte order mark", TEXT("\xef\xbb\xbf{}"), "\"\xef\xbb\xbf{}\"" },
    { "a lone continuation byte", TEXT("abc\x80"), NULL },
    { "a cut sequence", TEXT("1234567\xe2\x82"), NULL },
    { "an overlong NUL", TEXT("\xc0\x80"), NULL },
    { "a surrogate", TEXT("\xed\xa0\x80"), NULL },
    { "above U+10FFFF", TEXT("\xf4\x90\x80\x80"), NULL }
};


static const case_t  lossy[] = {
    { "valid text stays", TEXT("a\"\xc3\xa9"), "\"a\\\"\xc3\xa9\"" },
    { "one bad byte", TEXT("a\x80z"), "\"a\xef\xbf\xbdz\"" },
    { "only bad bytes", TEXT("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "a cut sequence", TEXT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "good ones among bad", TEXT("\xff\xf0\x9f\x98\x80\xff\n\xc3\xa9"),
      "\"\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd\\n\xc3\xa9\"" },
    { "a lead byte before ASCII", TEXT("\xe2""ab"), "\"\xef\xbf\xbd""ab\"" }
};


int
main(void)
{
    int  n;

    n = sizeof(strings) / sizeof(case_t) + 2 * sizeof(lossy) / sizeof(case_t);

    test_strings();
    test_lossy();
    test_every_place();
    test_worst();
    test_base64();
    test_integers();
    test_bounds();

    return tap_done(n + 20);
}


static void
test_strings(void)
{
    size_t         i, bound;
    uint8_t       *p, *dst, *end;
    const case_t  *c;

    for (i = 0; i < sizeof(strings) / sizeof(case_t); i++) {
        c = &strings[i];
        bound = ngx_kafka_ws_json_string_bound(c->len);

        p = guard_copy(c->text, c->len);
        dst = guard_new(bound);
        end = ngx_kafka_ws_json_string(dst, p, c->len);

        if (c->want == NULL || end == NULL) {
            ok(c->want == NULL && end == NULL, "string: %s is refused",
               c->name);

        } else {
            is_mem(dst, (size_t) (end - dst), c->want, strlen(c->want),
                   "string: %s", c->name);
        }

        guard_free(p, c->len);
        guard_free(dst, bound);
    }
}


/* memory of the exact length, for texts of both tables */

static void
test_lossy(void)
{
    size_t         i, len, bad;
    uint8_t       *p, *dst, *end;
    const case_t  *c;

    for (i = 0; i < sizeof(lossy) / sizeof(case_t); i++) {
        c = &lossy[i];
        p = guard_copy(c->text, c->len);
        len = ngx_kafka_ws_json_string_lossy_len(p, c->len);
        dst = guard_new(len);

        is_int(len, strlen(c->want), "lossy: length with %s", c->name);
        end = ngx_kafka_ws_json_string_lossy(dst, p, c->len);
        is_mem(dst, (size_t) (end - dst), c->want, strlen(c->want),
               "lossy: %s", c->name);

        guard_free(p, c->len);
        guard_free(dst, len);
    }

    bad = 0;

    for (i = 0; i < sizeof(strings) / sizeof(case_t); i++) {
        c = &strings[i];
        p = guard_copy(c->text, c->len);
        len = ngx_kafka_ws_json_string_lossy_len(p, c->len);
        dst = guard_new(len);

        end = ngx_kafka_ws_json_string_lossy(dst, p, c->len);

        bad += (size_t) (end - dst) != len;
        bad += c->want != NULL && (len != strlen(c->want)
                                   || memcmp(dst, c->want, len) != 0);
        bad += ngx_kafka_ws_json_check(dst, len, 0)
               != NGX_KAFKA_WS_JSON_SCALAR;

        guard_free(p, c->len);
        guard_free(dst, len);
    }

    is_int(bad, 0, "lossy: always a JSON string, of the length foretold");
}


/* each ASCII byte at each place, and a character across word boundaries */

static void
test_every_place(void)
{
    size_t    i, len, n, bad;
    cJSON    *item;
    uint8_t   text[40], got[256], want[256], *end;
    unsigned  c;

    bad = 0;

    for (len = 1; len < 28; len++) {

        for (i = 0; i < len; i++) {

            for (c = 0; c < 128; c++) {
                memset(text, 'x', sizeof(text));
                text[i] = (uint8_t) c;

                end = ngx_kafka_ws_json_string(got, text, len);
                n = plain_string(want, text, len);

                bad += end == NULL || (size_t) (end - got) != n
                       || memcmp(got, want, n) != 0;
            }
        }
    }

    is_int(bad, 0, "each byte is written alike at each place");

    bad = 0;

    for (i = 0; i < 32; i++) {
        memset(text, 'x', sizeof(text));
        memcpy(text + i, "\xf0\x9f\x98\x80\"", 5);

        end = ngx_kafka_ws_json_string(got, text, 40);
        *end = '\0';

        item = cJSON_Parse((char *) got);
        bad += item == NULL || memcmp(item->valuestring, text, 40) != 0;
        cJSON_Delete(item);

        text[i + 3] = 'x';
        bad += ngx_kafka_ws_json_string(got, text, 40) != NULL;
    }

    is_int(bad, 0, "a character across words is whole, or is refused");
}


static size_t
plain_string(uint8_t *dst, const uint8_t *p, size_t n)
{
    char        *s;
    const char  *at;

    s = (char *) dst;
    *s++ = '"';

    for ( ; n > 0; n--, p++) {
        at = *p ? strchr("\"\\\b\f\n\r\t", *p) : NULL;

        if (at != NULL) {
            *s++ = '\\';
            *s++ = "\"\\bfnrt"[at - strchr("\"\\\b\f\n\r\t", '"')];

        } else if (*p < 0x20) {
            s += snprintf(s, 7, "\\u%04x", *p);

        } else {
            *s++ = (char) *p;
        }
    }

    *s++ = '"';

    return (size_t) (s - (char *) dst);
}


static void
test_worst(void)
{
    size_t    n, bad, bound;
    uint8_t  *p, *dst, *end;

    bad = 0;

    for (n = 0; n < 70; n++) {
        p = guard_new(n);
        bound = ngx_kafka_ws_json_string_bound(n);
        dst = guard_new(bound);

        end = ngx_kafka_ws_json_string(dst, p, n);
        bad += (size_t) (end - dst) != bound || bound != 6 * n + 2;

        guard_free(p, n);
        guard_free(dst, bound);
    }

    is_int(bad, 0, "zero bytes fill the bound to the last byte");
}


static void
test_base64(void)
{
    size_t    i, n, bad;
    uint8_t  *p, *dst, *end, all[256], text[400];

    /* RFC 4648, 10 */

    static const char  *vectors[] = {
        "", "", "f", "Zg==", "fo", "Zm8=", "foo", "Zm9v", "foob", "Zm9vYg==",
        "fooba", "Zm9vYmE=", "foobar", "Zm9vYmFy"
    };

    for (i = 0; i < 14; i += 2) {
        n = strlen(vectors[i + 1]);
        p = guard_copy(vectors[i], strlen(vectors[i]));
        dst = guard_new(n);

        end = ngx_kafka_ws_json_base64(dst, p, strlen(vectors[i]));
        is_mem(dst, (size_t) (end - dst), vectors[i + 1], n,
               "base64: \"%s\"", vectors[i]);

        guard_free(p, strlen(vectors[i]));
        guard_free(dst, n);
    }

    for (i = 0; i < 256; i++) {
        all[i] = (uint8_t) (255 - i);
    }

    end = ngx_kafka_ws_json_base64(text, all, 5);
    is_mem(text, (size_t) (end - text), "//79/Ps=", 8,
           "base64: the last two letters of its alphabet");

    bad = 0;

    for (n = 0; n <= 256; n++) {
        end = ngx_kafka_ws_json_base64(text, all, n);
        bad += (size_t) (end - text) != ngx_kafka_ws_json_base64_len(n);
    }

    is_int(bad, 0, "base64: the length is exact");
}


static void
test_integers(void)
{
    int       i;
    char      want[32];
    size_t    bad;
    int64_t   n;
    uint8_t   got[NGX_KAFKA_WS_JSON_INT_LEN], *end;
    uint64_t  u;

    end = ngx_kafka_ws_json_int(got, INT64_MIN);
    is_mem(got, (size_t) (end - got), "-9223372036854775808", 20,
           "the least integer");
    end = ngx_kafka_ws_json_int(got, INT64_MAX);
    is_mem(got, (size_t) (end - got), "9223372036854775807", 19,
           "the greatest integer");
    end = ngx_kafka_ws_json_uint(got, UINT64_MAX);
    is_mem(got, (size_t) (end - got), "18446744073709551615", 20,
           "the greatest without sign");
    end = ngx_kafka_ws_json_int(got, 9007199254740993);
    is_mem(got, (size_t) (end - got), "9007199254740993", 16,
           "beyond 2^53 nothing is rounded");

    bad = 0;

    for (i = 0, u = 1; i < 20; i++, u *= 10) {

        for (n = -2; n <= 2; n++) {
            end = ngx_kafka_ws_json_uint(got, u + (uint64_t) n);
            (void) snprintf(want, 32, "%" PRIu64, u + (uint64_t) n);
            bad += (size_t) (end - got) != strlen(want)
                   || memcmp(got, want, strlen(want)) != 0;

            if (i < 19) {
                end = ngx_kafka_ws_json_int(got, -((int64_t) u + n));
                (void) snprintf(want, 32, "%" PRId64, -((int64_t) u + n));
                bad += (size_t) (end - got) != strlen(want)
                       || memcmp(got, want, strlen(want)) != 0;
            }
        }
    }

    is_int(bad, 0, "integers around each power of ten");
}


static void
test_bounds(void)
{
    ok(ngx_kafka_ws_json_string_bound(SIZE_MAX / 6 + 1) == SIZE_MAX,
       "a string's bound does not wrap");
    ok(ngx_kafka_ws_json_base64_len(SIZE_MAX) == SIZE_MAX,
       "the length of base64 does not wrap");
}
