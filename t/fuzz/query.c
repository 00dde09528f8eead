
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * An argument of a query string, looked for by name.  The other way to find
 * it goes byte by byte, and knows the name as it is after decoding; with the
 * argument put in front, written in another way, there is one more.  Values
 * are decoded as names are.
 *
 * Input: a byte that says how long the name is, the name, the query string.
 */


#include "fuzz.h"

#include "ngx_kafka_ws_query.h"


#define NAME_MAX_LEN  24


static int
hex(int c)
{
    const char  *at, *digits;

    digits = "0123456789abcdef0123456789ABCDEF";
    at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int) (at - digits) % 16;
}


/* 1 and the text unescaped into out, or 0 and the place of the bad "%" */

static int
unescape(const uint8_t *p, size_t n, uint8_t *out, size_t *n_out)
{
    size_t  i;

    *n_out = 0;

    for (i = 0; i < n; i++) {

        if (p[i] == '%') {

            if (i + 2 >= n || hex(p[i + 1]) < 0 || hex(p[i + 2]) < 0) {
                *n_out = i;
                return 0;
            }

            out[(*n_out)++] = (uint8_t) (hex(p[i + 1]) * 16 + hex(p[i + 2]));
            i += 2;

        } else {
            out[(*n_out)++] = p[i];
        }
    }

    return 1;
}


static void
check_unescape(const uint8_t *p, size_t n)
{
    int       good;
    size_t    n_text, n_want, pos;
    uint8_t  *text, *want;

    text = fuzz_copy(p, n);
    want = fuzz_alloc(n);
    n_text = n;
    pos = SIZE_MAX;

    good = unescape(p, n, want, &n_want);
    promise(ngx_kafka_ws_query_unescape(text, &n_text, &pos) == good);

    if (good) {
        promise(n_text == n_want && pos == SIZE_MAX);
        promise(n_text == 0 || memcmp(text, want, n_text) == 0);

    } else {
        promise(pos == n_want && n_text == n);
    }

    free(text);
    free(want);
}


/* how many there are; the value of the first */

static size_t
reference(const uint8_t *p, size_t n, const ngx_kafka_ws_span_t *name,
    ngx_kafka_ws_span_t *value)
{
    size_t    i, start, sign, len, found;
    uint8_t  *out;

    found = 0;
    start = 0;
    sign = SIZE_MAX;
    out = fuzz_alloc(n);

    for (i = 0; i <= n; i++) {

        if (i < n && p[i] == '=' && sign == SIZE_MAX) {
            sign = i;
        }

        if (i < n && p[i] != '&') {
            continue;
        }

        sign = sign == SIZE_MAX ? i : sign;

        if (unescape(p + start, sign - start, out, &len)
            && len == name->len && memcmp(out, name->data, len) == 0)
        {
            if (found++ == 0) {
                value->data = p + sign + (sign < i);
                value->len = i - sign - (sign < i);
            }
        }

        start = i + 1;
        sign = SIZE_MAX;
    }

    free(out);

    return found;
}


/*
 * A name that is another one begins with each part of it, and with no more;
 * which argument is which does not depend on what is asked of it.
 */

static void
check_begins(const ngx_kafka_ws_span_t *name, const ngx_kafka_ws_span_t *that,
    int is)
{
    size_t                i;
    ngx_kafka_ws_span_t   part;

    part = *that;

    for (i = 0; i < that->len; i++) {
        part.len = i;

        if (is) {
            promise(ngx_kafka_ws_query_begins(name, &part));
            promise(!ngx_kafka_ws_query_is(name, &part));
        }

        if (!ngx_kafka_ws_query_begins(name, &part)) {
            promise(!ngx_kafka_ws_query_begins(name, that));
        }
    }

    promise(!is || ngx_kafka_ws_query_begins(name, that));
}


static size_t
find(const uint8_t *p, size_t n, const ngx_kafka_ws_span_t *that,
    ngx_kafka_ws_span_t *value)
{
    int                   is;
    size_t                found;
    const uint8_t        *last, *at;
    ngx_kafka_ws_span_t   name, other;

    found = 0;
    at = p;
    last = p + n;

    while (ngx_kafka_ws_query_next(&p, last, &name, &other)) {

        /* it is all of the text between two "&", but for the "=" */

        promise(name.data == at && p > at && p <= last);
        promise(other.data + other.len == (p[-1] == '&' ? p - 1 : p));
        promise(other.data == name.data + name.len
                || (other.data == name.data + name.len + 1
                    && other.data[-1] == '='));

        at = p;
        is = ngx_kafka_ws_query_is(&name, that);

        check_begins(&name, that, is);

        if (is && found++ == 0) {
            *value = other;
        }
    }

    promise(p == last);

    return found;
}


static size_t
check_find(const uint8_t *p, size_t n, const ngx_kafka_ws_span_t *name)
{
    size_t               want, found;
    ngx_kafka_ws_span_t  value, first;

    memset(&value, 0, sizeof(ngx_kafka_ws_span_t));

    want = reference(p, n, name, &first);
    found = find(p, n, name, &value);

    promise(found == want);

    if (found == 0) {
        promise(value.data == NULL);
        return 0;
    }

    promise(value.data == first.data && value.len == first.len);
    promise(memchr(value.data, '&', value.len) == NULL);
    check_unescape(value.data, value.len);

    return want;
}


/* the argument in front, each second byte of its name escaped, and the rest */

static void
check_more(const uint8_t *p, size_t n, const ngx_kafka_ws_span_t *name,
    size_t found)
{
    char                 digits[4];
    size_t               i, len;
    uint8_t             *text;
    ngx_kafka_ws_span_t  value;

    text = fuzz_alloc(name->len * 3 + 3 + n);
    len = 0;

    for (i = 0; i < name->len; i++) {

        if (i % 2 && name->data[i] != '%' && name->data[i] != '&'
            && name->data[i] != '=')
        {
            text[len++] = name->data[i];
            continue;
        }

        (void) snprintf(digits, sizeof(digits), i % 4 ? "%%%02x" : "%%%02X",
                        name->data[i]);
        memcpy(text + len, digits, 3);
        len += 3;
    }

    text[len++] = '=';
    text[len++] = '!';
    text[len++] = '&';

    if (n != 0) {
        memcpy(text + len, p, n);
    }

    promise(check_find(text, len + n, name) == found + 1);
    promise(find(text, len + n, name, &value) != 0);
    promise(value.len == 1 && *value.data == '!');

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                n;
    uint8_t              *text, *copy;
    ngx_kafka_ws_span_t   name;

    if (size < 2) {
        return -1;
    }

    n = 1 + (data[0] + NAME_MAX_LEN - 1u) % NAME_MAX_LEN;
    n = n < size ? n : size - 1;

    copy = fuzz_copy(data + 1, n);
    name.data = copy;
    name.len = n;

    data += 1 + n;
    size -= 1 + n;

    text = fuzz_copy(data, size);

    check_unescape(text, size);
    check_more(text, size, &name, check_find(text, size, &name));

    free(text);
    free(copy);

    return 0;
}
