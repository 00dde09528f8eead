
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters: the bound of a block, blocks that are none, what matches, and the
 * hash.
 */


#include "guard.h"
#include "tap.h"

#include "filter_block.h"


static void test_bound(void);
static void test_no_room(void);
static void test_hostile(void);
static int test_ops(void);
static void test_terms(void);
static void test_list(void);
static void test_hash(void);


int
main(void)
{
    int  n;

    n = test_ops();

    test_bound();
    test_no_room();
    test_hostile();
    test_terms();
    test_list();
    test_hash();

    return tap_done(n + 37);
}


/* of one or two fields */

static size_t
bound(const char *first, const char *second, const ngx_kafka_ws_record_t *rec)
{
    size_t                       n;
    ngx_kafka_ws_filter_field_t  fields[2];

    n = 0;

    if (first != NULL) {
        fields[n++] = field(first);
    }

    if (second != NULL) {
        fields[n++] = field(second);
    }

    return ngx_kafka_ws_filter_bound(fields, n, rec);
}


static void
test_bound(void)
{
    size_t                         i, len, none, one, two;
    uint8_t                       *block;
    ngx_kafka_ws_record_t          rec;
    ngx_kafka_ws_span_t            value;
    ngx_kafka_ws_filter_field_t    fields[FIELDS + 1];

    static ngx_kafka_ws_header_t  headers[] = {
        { SPAN("a"), SPAN("12345") },
        { SPAN("b"), NO },
        { SPAN("c"), SPAN("1234567") }
    };

    memset(&rec, 0, sizeof(rec));

    none = bound(NULL, NULL, &rec);
    one = bound("key", NULL, &rec);
    two = bound("key", "json:/a", &rec);

    ok(none < one && one < two && two < 64, "a block has a few bytes itself");

    rec.key = span("1234567890");
    rec.value = span("\"123456789012345678\"");
    rec.headers = headers;
    rec.nheaders = nelts(headers);

    is_int(bound(NULL, NULL, &rec), none, "the bound without a field");
    is_int(bound("key", NULL, &rec), one + 10, "for a key");
    is_int(bound("json:/a", NULL, &rec), one + 20, "for a value");
    is_int(bound("header:a", NULL, &rec), one + 12, "for headers");
    is_int(bound("key", "json:/a", &rec), two + 30, "for two sources");
    is_int(bound("json:/b", "json:/a", &rec), two + 20,
           "two values come out of one text");
    is_int(bound("header:c", "header:a", &rec), two + 12, "as headers do");

    /* the same field twice takes twice the room, and all of it */

    for (i = 0; i < FIELDS; i++) {
        fields[i] = field(i % 2 ? "key" : "json:");
    }

    fields[FIELDS] = field("json:/a");

    block = extracted(fields, FIELDS, &rec, &len);
    ok(ngx_kafka_ws_filter_value(block, len, FIELDS - 1, &value)
       && same(&value, &rec.key), "a field that is there eight times");
    guard_free(block, len);

    ok(ngx_kafka_ws_filter_bound(fields, FIELDS, &rec) != SIZE_MAX,
       "sixteen fields have a bound");
    ok(ngx_kafka_ws_filter_bound(fields, FIELDS + 1, &rec) == SIZE_MAX,
       "seventeen have none");

    /* lengths only; nothing is read */

    rec.key.len = (1u << 31) - one;
    ok(bound("key", NULL, &rec) == SIZE_MAX, "nor has a block of 2 GB");
    rec.key.len--;
    is_int(bound("key", NULL, &rec), 0x7fffffff, "with a byte less it has");
    ok(bound("key", "key", &rec) == SIZE_MAX, "but not twice");

    headers[0].value.len = SIZE_MAX;
    ok(bound("header:a", NULL, &rec) == SIZE_MAX, "no sum wraps");
    headers[0].value.len = 5;
    rec.value.len = SIZE_MAX;
    ok(bound("json:/a", NULL, &rec) == SIZE_MAX, "of nothing");
    rec.key.len = SIZE_MAX;
    ok(bound("json:/a", "key", &rec) == SIZE_MAX, "whatever it is");
}


static void
test_no_room(void)
{
    size_t                         size, need, bad;
    uint8_t                       *buf;
    ngx_kafka_ws_record_t          rec;
    ngx_kafka_ws_filter_field_t    fields[FIELDS + 1];

    memset(&rec, 0, sizeof(rec));
    rec.key = span("1234567890");
    rec.value = span("{\"a\":\"\\u0061\\n\"}");

    fields[0] = field("key");
    fields[1] = field("json:/a");
    need = ngx_kafka_ws_filter_bound(fields, 2, &rec);
    bad = 0;

    for (size = 0; size <= need; size++) {
        buf = guard_new(size);

        /* the text with its escapes is what has to have room */

        bad += (ngx_kafka_ws_filter_extract(fields, 2, &rec, buf, size) != 0)
               != (size >= need - rec.value.len + 8);

        guard_free(buf, size);
    }

    is_int(bad, 0, "no block without room for it");

    buf = guard_new(4096);
    memset(fields, 0, sizeof(fields));
    is_int(ngx_kafka_ws_filter_extract(fields, FIELDS + 1, &rec, buf, 4096),
           0, "none of seventeen fields");
    guard_free(buf, 4096);
}


/* whether what is found, if anything, is in the block */

static int
inside(const uint8_t *block, size_t len)
{
    unsigned                      i;
    size_t                        at;
    ngx_kafka_ws_span_t           value, any;
    ngx_kafka_ws_filter_want_t    want;
    ngx_kafka_ws_filter_term_t    term;

    any = span("x");
    want.values = &any;
    want.nvalues = 1;
    term.op = PREFIX;

    for (i = 0; i < FIELDS + 2; i++) {
        term.field = i;
        (void) ngx_kafka_ws_filter_match(&term, 1, &want, block, len);

        if (!ngx_kafka_ws_filter_value(block, len, i, &value)) {
            continue;
        }

        at = (size_t) (value.data - block);

        if (value.data < block || at > len || value.len > len - at) {
            return 0;
        }
    }

    return 1;
}


static void
test_hostile(void)
{
    size_t                         i, j, k, len, bad;
    uint32_t                       word, words[FIELDS + 2];
    uint8_t                       *block, *copy;
    ngx_kafka_ws_span_t            value;
    ngx_kafka_ws_record_t          rec;
    ngx_kafka_ws_filter_field_t    fields[4];

    static const uint32_t  edges[] = {
        0, 1, 2, 3, 4, 5, 16, 17, 19, 20, 21, 24, 26, 30, 31, 32, 255,
        0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0x80000014,
        0x80000020, 0xfffffffe, 0xffffffff
    };

    memset(&rec, 0, sizeof(rec));
    rec.key = span("12345");
    rec.value = span("{\"a\":\"xyz\",\"b\":12}");

    fields[0] = field("key");
    fields[1] = field("json:/a");
    fields[2] = field("json:/c");
    fields[3] = field("json:/b");

    block = extracted(fields, 4, &rec, &len);
    ok(inside(block, len), "values are in their block");
    is_int(len, 30, "of thirty bytes here");

    bad = 0;

    for (i = 0; i < len; i++) {
        copy = guard_copy(block, i);
        bad += !inside(copy, i);
        bad += ngx_kafka_ws_filter_value(copy, i, 3, &value);
        guard_free(copy, i);
    }

    is_int(bad, 0, "a block that is cut has nothing behind the cut");
    ok(!ngx_kafka_ws_filter_value(NULL, 0, 0, &value), "no block, no value");

    copy = guard_copy(block, len);
    bad = 0;

    for (i = 0; i < 5; i++) {
        for (j = 0; j < 5; j++) {
            for (k = 0; k < nelts(edges) * nelts(edges); k++) {
                memcpy(copy, block, len);
                word = edges[k / nelts(edges)];
                memcpy(copy + i * 4, &word, 4);
                word = edges[k % nelts(edges)];
                memcpy(copy + j * 4, &word, 4);
                bad += !inside(copy, len);
            }
        }
    }

    is_int(bad, 0, "any two words of it may be anything");

    memcpy(copy, block, len);
    word = 16;
    memcpy(copy + 4, &word, 4);
    ok(!ngx_kafka_ws_filter_value(copy, len, 1, &value),
       "no value begins before them all");

    for (i = 0; i < 256; i++) {
        memset(copy, (int) i, len);
        bad += !inside(copy, len);
    }

    is_int(bad, 0, "and all bytes");

    guard_free(copy, len);
    guard_free(block, len);

    /* that of sixteen fields, and a word more */

    memset(words, 0, sizeof(words));

    for (i = 1; i < nelts(words); i++) {
        words[i] = sizeof(words);
    }

    words[0] = FIELDS + 1;
    ok(!ngx_kafka_ws_filter_value((uint8_t *) words, sizeof(words), 0, &value),
       "seventeen fields are no block");

    words[0] = FIELDS;
    ok(ngx_kafka_ws_filter_value((uint8_t *) words, sizeof(words), 0, &value),
       "sixteen are");
}


static int
test_ops(void)
{
    size_t                        i, len;
    uint8_t                      *block, *v;
    ngx_kafka_ws_span_t           value;
    ngx_kafka_ws_record_t         rec;
    ngx_kafka_ws_filter_want_t    want;
    ngx_kafka_ws_filter_term_t    term;
    ngx_kafka_ws_filter_field_t   f;

    static const struct {
        ngx_kafka_ws_filter_op_e   op;
        ngx_kafka_ws_span_t        key;
        ngx_kafka_ws_span_t        want;
        int                        match;
    } cases[] = {
        { EQUAL, SPAN("a"), SPAN("a"), 1 },
        { EQUAL, SPAN("\0\xff"), SPAN("\0\xff"), 1 },
        { EQUAL, SPAN("1234567890"), SPAN("1234567890"), 1 },
        { EQUAL, SPAN("a"), SPAN("A"), 0 },
        { EQUAL, SPAN("a"), SPAN("b"), 0 },
        { EQUAL, SPAN("ab"), SPAN("a"), 0 },
        { EQUAL, SPAN("a"), SPAN("ab"), 0 },
        { EQUAL, SPAN("ab"), SPAN("b"), 0 },
        { EQUAL, SPAN("abc"), SPAN("abd"), 0 },
        { EQUAL, SPAN("abc"), SPAN("xbc"), 0 },
        { EQUAL, SPAN("abc"), SPAN("axc"), 0 },
        { EQUAL, SPAN("a\0b"), SPAN("a\0c"), 0 },
        { EQUAL, SPAN("12345678"), SPAN("12345678"), 1 },
        { EQUAL, SPAN("12345678"), SPAN("x2345678"), 0 },
        { EQUAL, SPAN("12345678"), SPAN("1234567x"), 0 },
        { EQUAL, SPAN("123456789"), SPAN("x23456789"), 0 },
        { EQUAL, SPAN("1234567890123456"), SPAN("123x567890123456"), 0 },
        { EQUAL, SPAN("1.0"), SPAN("1"), 0 },
        { EQUAL, EMPTY, SPAN("a"), 0 },
        { EQUAL, NO, SPAN("a"), 0 },
        { IN, SPAN("a"), SPAN("a"), 1 },
        { IN, SPAN("ab"), SPAN("a"), 0 },
        { IN, NO, SPAN("a"), 0 },
        { PREFIX, SPAN("a"), SPAN("a"), 1 },
        { PREFIX, SPAN("abc"), SPAN("a"), 1 },
        { PREFIX, SPAN("abc"), SPAN("ab"), 1 },
        { PREFIX, SPAN("a\0c"), SPAN("a\0"), 1 },
        { PREFIX, SPAN("ab"), SPAN("abc"), 0 },
        { PREFIX, SPAN("abc"), SPAN("b"), 0 },
        { PREFIX, SPAN("abc"), SPAN("ax"), 0 },
        { PREFIX, SPAN("abc"), SPAN("xb"), 0 },
        { PREFIX, EMPTY, SPAN("a"), 0 },
        { PREFIX, NO, SPAN("a"), 0 }
    };

    memset(&rec, 0, sizeof(rec));
    f = field("key");
    term.field = 0;
    want.values = &value;
    want.nvalues = 1;

    for (i = 0; i < nelts(cases); i++) {
        rec.key = cases[i].key;
        term.op = cases[i].op;

        block = extracted(&f, 1, &rec, &len);
        v = guard_copy(cases[i].want.data, cases[i].want.len);
        value.data = v;
        value.len = cases[i].want.len;

        is_int(ngx_kafka_ws_filter_match(&term, 1, &want, block, len),
               cases[i].match, "case %zu %s", i,
               cases[i].match ? "matches" : "does not match");

        guard_free(v, value.len);
        guard_free(block, len);
    }

    return (int) nelts(cases);
}


/* all have to hold */

static void
test_terms(void)
{
    size_t                        i, len, mask, bad;
    uint8_t                      *block;
    ngx_kafka_ws_span_t           right[3], wrong[3];
    ngx_kafka_ws_record_t         rec;
    ngx_kafka_ws_filter_want_t    wants[3];
    ngx_kafka_ws_filter_field_t   fields[3];

    static const ngx_kafka_ws_filter_term_t  terms[] = {
        { 2, PREFIX, 0 }, { 0, EQUAL, 0 }, { 2, PREFIX, 0 }
    };

    memset(&rec, 0, sizeof(rec));
    rec.key = span("abc");
    rec.value = span("{\"a\":7}");

    fields[0] = field("json:/a");
    fields[1] = field("json:/b");
    fields[2] = field("key");
    block = extracted(fields, 3, &rec, &len);

    right[0] = span("abc");
    right[1] = span("7");
    right[2] = span("a");
    wrong[0] = span("b");
    wrong[1] = span("8");
    wrong[2] = span("c");

    bad = 0;

    for (mask = 0; mask < 8; mask++) {

        for (i = 0; i < 3; i++) {
            wants[i].values = mask >> i & 1 ? &right[i] : &wrong[i];
            wants[i].nvalues = 1;
        }

        bad += ngx_kafka_ws_filter_match(terms, 3, wants, block, len)
               != (mask == 7);
    }

    is_int(bad, 0, "all terms have to hold");
    is_int(ngx_kafka_ws_filter_match(terms, 0, NULL, block, len), 1,
           "no term, no condition");
    is_int(ngx_kafka_ws_filter_match(terms, 3, wants, block, len - 1), 0,
           "a block that is cut");

    wants[1].nvalues = 0;
    is_int(ngx_kafka_ws_filter_match(terms, 3, wants, block, len), 0,
           "nothing wanted is nothing got");

    guard_free(block, len);
}


static void
test_list(void)
{
    size_t                        i, len, bad;
    char                          key[16];
    char                          text[NGX_KAFKA_WS_FILTER_LIST_MAX][16];
    uint8_t                      *block;
    ngx_kafka_ws_span_t           values[NGX_KAFKA_WS_FILTER_LIST_MAX];
    ngx_kafka_ws_record_t         rec;
    ngx_kafka_ws_filter_want_t    want;
    ngx_kafka_ws_filter_field_t   f;

    static const ngx_kafka_ws_filter_term_t  term = { 0, IN, 0 };

    memset(&rec, 0, sizeof(rec));
    f = field("key");
    want.values = values;
    want.nvalues = nelts(values);

    for (i = 0; i < nelts(values); i++) {
        sprintf(text[i], "user-%04zu", i * 3);
        values[i] = span(text[i]);
    }

    bad = 0;

    for (i = 0; i < 3 * nelts(values); i++) {
        sprintf(key, "user-%04zu", i);
        rec.key = span(key);
        block = extracted(&f, 1, &rec, &len);

        bad += ngx_kafka_ws_filter_match(&term, 1, &want, block, len)
               != (i % 3 == 0);
        guard_free(block, len);
    }

    is_int(bad, 0, "each member of a list of a hundred, and no other");
}


static void
ref_round(uint64_t *v)
{
    size_t     i;
    uint64_t  *a, *b;

    static const unsigned  turns[] = { 13, 16, 21, 17 };

    /* v0 and v1, v2 and v3; then v0 and v3, v2 and v1 */

    for (i = 0; i < 4; i++) {
        a = &v[i % 2 ? 2 : 0];
        b = &v[i == 0 || i == 3 ? 1 : 3];

        *a += *b;
        *b = *b << turns[i] | *b >> (64 - turns[i]);
        *b ^= *a;

        if (i == 0 || i == 3) {
            *a = *a << 32 | *a >> 32;
        }
    }
}


/* SipHash as its authors describe it, byte by byte */

static uint64_t
ref_hash(uint64_t k0, uint64_t k1, const uint8_t *p, size_t n, int c, int d)
{
    int       j;
    size_t    i;
    uint64_t  m;
    uint64_t  v[4] = { k0, k1, k0, k1 };

    for (i = 0; i < 32; i++) {
        v[i / 8] ^= (uint64_t) (uint8_t) "somepseudorandomlygeneratedbytes"[i]
                    << (56 - i % 8 * 8);
    }

    m = 0;

    for (i = 0; i <= (n | 7); i++) {
        m = m >> 8 | (uint64_t) (i < n ? p[i] : i == (n | 7) ? n & 255 : 0)
                     << 56;

        if (i % 8 == 7) {
            v[3] ^= m;

            for (j = 0; j < c; j++) {
                ref_round(v);
            }

            v[0] ^= m;
        }
    }

    v[2] ^= 0xff;

    for (j = 0; j < d; j++) {
        ref_round(v);
    }

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


static void
test_hash(void)
{
    size_t                i, bad;
    uint8_t              *p;
    uint64_t              seed;
    ngx_kafka_ws_span_t   value;

    static uint8_t  bytes[300];

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 7);
    }

    /* Aumasson and Bernstein, "SipHash", appendix A */

    value = span("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16");
    ok(ref_hash(0x0706050403020100, 0x0f0e0d0c0b0a0908, value.data, 15, 2, 4)
       == 0xa129ca6149be45e5, "the test knows SipHash");

    bad = 0;

    for (i = 0; i < sizeof(bytes); i++) {
        p = guard_copy(bytes, i);
        value.data = p;
        value.len = i;

        for (seed = 1; seed < 1u << 30; seed = seed * 9 + i) {
            bad += ngx_kafka_ws_filter_hash(seed, &value)
                   != ref_hash(seed, seed, p, i, 1, 3);
        }

        guard_free(p, i);
    }

    is_int(bad, 0, "the hash is SipHash-1-3, of any length");

    value.data = NULL;
    value.len = 0;
    ok(ngx_kafka_ws_filter_hash(5, &value) == ref_hash(5, 5, bytes, 0, 1, 3),
       "of nothing, too");

    value = span("value");
    ok(ngx_kafka_ws_filter_hash(1, &value)
       != ngx_kafka_ws_filter_hash(2, &value), "each seed has its own");
}
