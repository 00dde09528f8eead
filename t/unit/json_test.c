
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The JSON checker: against a table, against a second checker of the plain
 * recursive kind over damaged documents, and at the end of readable memory.
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_utf8.h"


#define NONE       NGX_KAFKA_WS_JSON_NONE
#define SCALAR     NGX_KAFKA_WS_JSON_SCALAR
#define CONTAINER  NGX_KAFKA_WS_JSON_CONTAINER
#define TOO_DEEP   NGX_KAFKA_WS_JSON_TOO_DEEP

#define DEPTH      NGX_KAFKA_WS_JSON_MAX_DEPTH

#define CASE(s, want)  { s, sizeof(s) - 1, want }


typedef struct {
    const char           *text;
    size_t                len;
    ngx_kafka_ws_json_e   want;
} case_t;


static int test_table(const case_t *c, size_t n);
static int check_guarded(const void *p, size_t n, size_t max_depth);
static void test_depth(void);
static void test_prefixes(void);
static void test_positions(void);
static void test_damaged(void);
static ngx_kafka_ws_json_e reference(const uint8_t *p, size_t n);
static const uint8_t *ref_value(const uint8_t *p, const uint8_t *last);
static const uint8_t *ref_string(const uint8_t *p, const uint8_t *last);
static const uint8_t *ref_number(const uint8_t *p, const uint8_t *last);
static const uint8_t *ref_space(const uint8_t *p, const uint8_t *last);
static uint32_t next_random(void);


static const case_t  containers[] = {
    CASE("{}", CONTAINER),
    CASE("[]", CONTAINER),
    CASE(" \t\r\n{ \t\r\n} \t\r\n", CONTAINER),
    CASE("[ ]", CONTAINER),
    CASE("[1]", CONTAINER),
    CASE("[1,2]", CONTAINER),
    CASE("[ 1 , 2 ]", CONTAINER),
    CASE("[[],[[]],{}]", CONTAINER),
    CASE("{\"a\":1}", CONTAINER),
    CASE("{ \"a\" : 1 , \"b\" : [ { } ] }", CONTAINER),
    CASE("{\"\":\"\"}", CONTAINER),
    CASE("{\"a\":1,\"a\":2}", CONTAINER),
    CASE("{\"a\":{\"b\":{\"c\":[true,false,null]}},\"d\":0}", CONTAINER),
    CASE("[{\"a\":[1,{\"b\":2}]},[3,{\"c\":{}}],4]", CONTAINER),
    CASE("{\"id\":9007199254740993}", CONTAINER),
    CASE("[123456789012345678901234567890]", CONTAINER),
    CASE("[1.0,-0,-0.0,1e5,1E+5,1e-5,10.25e10,0e0,-1]", CONTAINER),
    CASE("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABcd\"]", CONTAINER),
    CASE("[\"\\ud800\"]", CONTAINER),
    CASE("[\"\\u0000\"]", CONTAINER),
    CASE("[\"\xe2\x80\xa8\"]", CONTAINER),
    CASE("{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}", CONTAINER),
    CASE("[\"\x7f\"]", CONTAINER),
    CASE("[\"12345678\",\"1234567\",\"123456789\"]", CONTAINER)
};

static const case_t  scalars[] = {
    CASE("0", SCALAR),
    CASE("-0", SCALAR),
    CASE("42", SCALAR),
    CASE(" 42\n", SCALAR),
    CASE("1.5e300", SCALAR),
    CASE("true", SCALAR),
    CASE("false", SCALAR),
    CASE("null", SCALAR),
    CASE("\"\"", SCALAR),
    CASE("\"text\"", SCALAR),
    CASE("\"12345678\"", SCALAR),
    CASE("\"\\u20ac\xe2\x82\xac\"", SCALAR)
};

static const case_t  refused[] = {
    CASE("", NONE),
    CASE(" ", NONE),
    CASE("\t\r\n ", NONE),
    CASE("{", NONE),
    CASE("[", NONE),
    CASE("}", NONE),
    CASE("]", NONE),
    CASE(",", NONE),
    CASE(":", NONE),
    CASE("{]", NONE),
    CASE("[}", NONE),
    CASE("[1}", NONE),
    CASE("{\"a\":1]", NONE),
    CASE("[[1,2}]", NONE),
    CASE("{\"a\":[1}}", NONE),
    CASE("[{\"a\":1]]", NONE),
    CASE("[1,]", NONE),
    CASE("[,1]", NONE),
    CASE("[,]", NONE),
    CASE("[1 2]", NONE),
    CASE("[1,,2]", NONE),
    CASE("[1:2]", NONE),
    CASE("[1;2]", NONE),
    CASE("{\"a\":1;\"b\":2}", NONE),
    CASE("{\"a\"=1}", NONE),
    CASE("[\"a\":1]", NONE),
    CASE("{1:2}", NONE),
    CASE("{a:1}", NONE),
    CASE("{'a':1}", NONE),
    CASE("{\"a\"}", NONE),
    CASE("{\"a\":}", NONE),
    CASE("{\"a\",1}", NONE),
    CASE("{\"a\":1,}", NONE),
    CASE("{,\"a\":1}", NONE),
    CASE("{\"a\":1 \"b\":2}", NONE),
    CASE("{\"a\":1,2}", NONE),
    CASE("{\"a\"::1}", NONE),
    CASE("{}{}", NONE),
    CASE("[]]", NONE),
    CASE("{}}", NONE),
    CASE("[] x", NONE),
    CASE("1 2", NONE),
    CASE("[01]", NONE),
    CASE("[00]", NONE),
    CASE("[-01]", NONE),
    CASE("[-]", NONE),
    CASE("-", NONE),
    CASE("+1", NONE),
    CASE("[1.]", NONE),
    CASE("[.5]", NONE),
    CASE("[1e]", NONE),
    CASE("[1e+]", NONE),
    CASE("1e", NONE),
    CASE("1.", NONE),
    CASE("[0x10]", NONE),
    CASE("[1.5.5]", NONE),
    CASE("[1e5e5]", NONE),
    CASE("NaN", NONE),
    CASE("[Infinity]", NONE),
    CASE("[-Infinity]", NONE),
    CASE("tru", NONE),
    CASE("[tru]", NONE),
    CASE("[True]", NONE),
    CASE("[truefalse]", NONE),
    CASE("nul", NONE),
    CASE("[nullx]", NONE),
    CASE("\"", NONE),
    CASE("\"a", NONE),
    CASE("[\"a]", NONE),
    CASE("[\"a\\\"]", NONE),
    CASE("\"\\", NONE),
    CASE("[\"\\x\"]", NONE),
    CASE("[\"\\'\"]", NONE),
    CASE("[\"\\u\"]", NONE),
    CASE("[\"\\u12\"]", NONE),
    CASE("[\"\\u123\"]", NONE),
    CASE("[\"\\u12g4\"]", NONE),
    CASE("[\"\\u\x11\x12\x13\x14\"]", NONE),
    CASE("\"\\u123", NONE),
    CASE("[\"\n\"]", NONE),
    CASE("[\"\0\"]", NONE),
    CASE("[\"\x1f\"]", NONE),
    CASE("{\"a\tb\":1}", NONE),
    CASE("[]\0", NONE),
    CASE("\0[]", NONE),
    CASE("[1,\0 2]", NONE),
    CASE("[1]\f", NONE),
    CASE("\v[1]", NONE),
    CASE("\xc2\xa0[1]", NONE),
    CASE("\xef\xbb\xbf{}", NONE),
    CASE("[1] // note", NONE),
    CASE("/* note */ []", NONE),
    CASE("[\"\xff\"]", NONE),
    CASE("[\"\xc0\x80\"]", NONE),
    CASE("[\"\xed\xa0\x80\"]", NONE),
    CASE("[\"\xf4\x90\x80\x80\"]", NONE),
    CASE("[\"\xe2\x82\"]", NONE),
    CASE("{\"12345678\x80\":1}", NONE),
    CASE("\"1234567\xc3\"", NONE),
    CASE("{\"\xe9t\xe9\":1}", NONE),
    CASE("hello", NONE),
    CASE("undefined", NONE)
};


int
main(void)
{
    int  n;

    n = test_table(containers, sizeof(containers) / sizeof(case_t));
    n += test_table(scalars, sizeof(scalars) / sizeof(case_t));
    n += test_table(refused, sizeof(refused) / sizeof(case_t));

    test_depth();
    test_prefixes();
    test_positions();
    test_damaged();

    return tap_done(n + 16);
}


static int
test_table(const case_t *c, size_t n)
{
    size_t               i;
    static const char   *words[] = { "is not JSON", "is a scalar",
                                     "is an object or array", "is too deep" };

    for (i = 0; i < n; i++) {
        is_int(check_guarded(c[i].text, c[i].len, DEPTH), c[i].want,
               "case %zu of %zu bytes %s", i, c[i].len, words[c[i].want]);
    }

    return (int) n;
}


/* the text ends at an unreadable page */

static int
check_guarded(const void *p, size_t n, size_t max_depth)
{
    int       rc;
    uint8_t  *text;

    text = guard_copy(p, n);
    rc = ngx_kafka_ws_json_check(text, n, max_depth);
    guard_free(text, n);

    return rc;
}


static size_t
nest(uint8_t *dst, size_t depth, int objects, const char *inner)
{
    size_t    i;
    uint8_t  *p;

    p = dst;

    for (i = 0; i < depth; i++) {

        if (objects == 0 || (objects == 2 && i % 3)) {
            *p++ = '[';

        } else {
            memcpy(p, "{\"a\":", 5);
            p += 5;
        }
    }

    memcpy(p, inner, strlen(inner));
    p += strlen(inner);

    for (i = depth; i-- > 0; /* void */ ) {
        *p++ = (objects == 0 || (objects == 2 && i % 3)) ? ']' : '}';
    }

    return (size_t) (p - dst);
}


static void
test_depth(void)
{
    int                  i;
    size_t               n;
    static uint8_t       text[1 << 16];
    static const char   *kinds[] = { "arrays", "objects", "both in turn" };

    for (i = 0; i < 3; i++) {
        n = nest(text, 512, i, "1");
        is_int(check_guarded(text, n, DEPTH), CONTAINER,
               "512 nested %s pass", kinds[i]);

        n = nest(text, 513, i, "1");
        is_int(check_guarded(text, n, DEPTH), TOO_DEEP,
               "513 nested %s are too deep", kinds[i]);
    }

    n = nest(text, 513, 0, "");
    is_int(check_guarded(text, n, 100000), TOO_DEEP,
           "a bound above 512 counts as 512");

    n = nest(text, 3, 2, "1,[]");
    is_int(check_guarded(text, n, 3), TOO_DEEP, "a bound of 3 refuses 4");
    is_int(check_guarded(text, n, 4), CONTAINER, "a bound of 4 allows 4");
    is_int(check_guarded("[]", 2, 0), TOO_DEEP, "a bound of 0 refuses 1");
    is_int(check_guarded("1", 1, 0), SCALAR, "a bound of 0 allows a scalar");

    memset(text, '[', sizeof(text));
    is_int(check_guarded(text, sizeof(text), DEPTH), TOO_DEEP,
           "65536 opening brackets cost no stack");
}


static void
test_prefixes(void)
{
    size_t              i, bad;
    static const char   text[] = "{\"name\":[1,-2.5e-3,\"x\\u00e9\\n\","
                                 "true,false,null,{}],\"\xc3\xa9\":\"1234"
                                 "56789\"}";

    bad = 0;

    for (i = 0; i < sizeof(text) - 1; i++) {
        bad += check_guarded(text, i, DEPTH) != NONE;
    }

    is_int(bad, 0, "no beginning of a document is one");
}


/* a byte of each value at each place of a string, over word boundaries */

static void
test_positions(void)
{
    size_t               i, len, bad;
    uint8_t              text[32];
    unsigned             c;
    ngx_kafka_ws_json_e  want;

    bad = 0;

    for (len = 1; len < 28; len++) {

        for (i = 0; i < len; i++) {

            for (c = 0; c < 256; c++) {
                memset(text, 'x', sizeof(text));
                text[0] = '"';
                text[1 + i] = (uint8_t) c;
                text[1 + len] = '"';

                want = (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
                       ? NONE : SCALAR;

                if (c == '\\' && i + 1 == len) {
                    want = NONE;
                }

                bad += ngx_kafka_ws_json_check(text, len + 2, DEPTH) != want;
            }
        }
    }

    is_int(bad, 0, "each byte is judged alike at each place of a string");
}


static void
test_damaged(void)
{
    size_t               i, j, n, bad, valid;
    uint8_t              text[128];
    ngx_kafka_ws_json_e  want;

    static const char    bytes[] = "{}[],:\"\\u0019-+.eEtrfalsn \n\x80\xc3\xa9";
    static const char   *seeds[] = {
        "{\"a\":[1,2,{\"b\":null}],\"c\":\"\\u00e9\\n\",\"d\":-1.5e+10}",
        "[[[]],{},[{\"k\":{}}],true,false,null,\"\",0]",
        " { \"token\" : \"caf\xc3\xa9\" , \"n\" : [ ] }\n",
        "\"a \\\"quoted\\\" text\"",
        "-120.50e-3"
    };

    bad = 0;
    valid = 0;

    for (i = 0; i < 200000; i++) {
        n = strlen(seeds[i % 5]);
        memcpy(text, seeds[i % 5], n);

        for (j = next_random() % 4; j > 0; j--) {

            if (next_random() % 2) {
                text[next_random() % n] = (uint8_t)
                                 bytes[next_random() % (sizeof(bytes) - 1)];

            } else if (n > 1) {
                size_t  at = next_random() % n;

                n--;
                memmove(text + at, text + at + 1, n - at);
            }
        }

        want = reference(text, n);
        valid += want != NONE;
        bad += ngx_kafka_ws_json_check(text, n, DEPTH) != want;
    }

    is_int(bad, 0, "a second checker agrees on 200000 damaged documents");
    ok(valid > 20000 && valid < 180000,
       "of which a fair part is valid and a fair part is not");
}


static uint32_t
next_random(void)
{
    static uint64_t  state = 42;

    state = state * 6364136223846793005ULL + 1442695040888963407ULL;

    return (uint32_t) (state >> 33);
}


static ngx_kafka_ws_json_e
reference(const uint8_t *p, size_t n)
{
    uint8_t         first;
    const uint8_t  *last;

    last = p + n;

    if (!ngx_kafka_ws_utf8_valid(p, n)) {
        return NONE;
    }

    p = ref_space(p, last);
    first = p < last ? *p : 0;
    p = ref_value(p, last);

    if (p == NULL || ref_space(p, last) != last) {
        return NONE;
    }

    return (first == '{' || first == '[') ? CONTAINER : SCALAR;
}


static const uint8_t *
ref_value(const uint8_t *p, const uint8_t *last)
{
    size_t               i;
    uint8_t              open;
    static const char   *words[] = { "true", "false", "null" };

    p = ref_space(p, last);

    if (p == last) {
        return NULL;
    }

    for (i = 0; i < 3; i++) {
        size_t  len = strlen(words[i]);

        if ((size_t) (last - p) >= len && memcmp(p, words[i], len) == 0) {
            return p + len;
        }
    }

    if (*p == '"') {
        return ref_string(p, last);
    }

    if (*p != '{' && *p != '[') {
        return ref_number(p, last);
    }

    open = *p;
    p = ref_space(p + 1, last);

    if (p < last && *p == open + 2) {
        return p + 1;
    }

    for ( ;; ) {

        if (open == '{') {
            p = ref_string(ref_space(p, last), last);
            p = p ? ref_space(p, last) : NULL;

            if (p == NULL || p == last || *p++ != ':') {
                return NULL;
            }
        }

        p = ref_value(p, last);
        p = p ? ref_space(p, last) : NULL;

        if (p == NULL || p == last) {
            return NULL;
        }

        if (*p == open + 2) {
            return p + 1;
        }

        if (*p++ != ',') {
            return NULL;
        }
    }
}


static const uint8_t *
ref_string(const uint8_t *p, const uint8_t *last)
{
    int  i;

    if (p == last || *p != '"') {
        return NULL;
    }

    for (p++; p < last; p++) {

        if (*p == '"') {
            return p + 1;
        }

        if (*p < ' ') {
            return NULL;
        }

        if (*p != '\\') {
            continue;
        }

        if (++p == last || *p == 0 || strchr("\"\\/bfnrtu", *p) == NULL) {
            return NULL;
        }

        for (i = *p == 'u' ? 4 : 0; i > 0; i--) {

            if (++p == last || *p == 0
                || strchr("0123456789abcdefABCDEF", *p) == NULL)
            {
                return NULL;
            }
        }
    }

    return NULL;
}


static const uint8_t *
ref_number(const uint8_t *p, const uint8_t *last)
{
    int             part;
    const uint8_t  *start;

    p += (*p == '-');

    for (part = 0; part < 3; part++) {

        for (start = p; p < last && *p >= '0' && *p <= '9'; p++) {
            /* void */
        }

        if (p == start || (part == 0 && *start == '0' && p > start + 1)) {
            return NULL;
        }

        if (part == 0 && p < last && *p == '.') {
            p++;

        } else if (part < 2 && p < last && (*p == 'e' || *p == 'E')) {
            p++;
            p += (p < last && (*p == '+' || *p == '-'));
            part = 1;

        } else {
            break;
        }
    }

    return p;
}


static const uint8_t *
ref_space(const uint8_t *p, const uint8_t *last)
{
    while (p < last && *p != 0 && strchr(" \t\r\n", *p) != NULL) {
        p++;
    }

    return p;
}
