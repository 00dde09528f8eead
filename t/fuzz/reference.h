
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The plain way to check UTF-8 and JSON and to decode what JSON holds,
 * written from the RFCs and not from lib/, to compare lib/ with.  fuzz.h
 * comes before it.
 */


#ifndef _REFERENCE_H_INCLUDED_
#define _REFERENCE_H_INCLUDED_


/* beyond any length: the text does not go on as wanted */

#define REF_BAD   SIZE_MAX

/* what a document is; the names of lib/ are not used on purpose */

#define REF_NONE       0
#define REF_SCALAR     1
#define REF_CONTAINER  2
#define REF_TOO_DEEP   3


typedef struct {
    const uint8_t  *pos;
    const uint8_t  *last;
    size_t          max_depth;
    int             too_deep;
} ref_json_t;


static inline int ref_value(ref_json_t *j, size_t depth);


/*
 * RFC 3629, 3, by the number of a character.
 * returns:  bytes of the character at p; 0: a valid one may still come,
 *           the text ends in it; REF_BAD
 */

static inline size_t
ref_char(const uint8_t *p, const uint8_t *last)
{
    size_t    n, i;
    uint32_t  low, high;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (*p < 0x80) {
        return 1;
    }

    n = *p >= 0xf8 ? 0 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 0;

    if (n == 0) {
        return REF_BAD;
    }

    /* from the least to the greatest number that begins like this */

    low = *p & (0x7fu >> n);
    high = low;

    for (i = 1; i < n; i++) {
        low <<= 6;
        high <<= 6;

        if ((size_t) (last - p) <= i) {
            high |= 0x3f;
            continue;
        }

        if ((p[i] & 0xc0) != 0x80) {
            return REF_BAD;
        }

        low |= p[i] & 0x3fu;
        high |= p[i] & 0x3fu;
    }

    if (high < least[n] || low > 0x10ffff || (low >= 0xd800 && high <= 0xdfff))
    {
        return REF_BAD;
    }

    return (size_t) (last - p) < n ? 0 : n;
}


/*
 * returns:  n: valid; less: the place of the first byte that no valid text
 *           has there, or with *part 1 of the character that is not whole
 */

static inline size_t
ref_utf8(const uint8_t *p, size_t n, int *part)
{
    size_t  i, k, len;

    *part = 0;

    for (i = 0; i < n; i += len) {
        len = ref_char(p + i, p + n);

        if (len == 0) {
            *part = 1;
            return i;
        }

        if (len == REF_BAD) {
            for (k = 1; ref_char(p + i, p + i + k) == 0; k++) { /* void */ }

            return i + k - 1;
        }
    }

    return n;
}


static inline int
ref_is_utf8(const uint8_t *p, size_t n)
{
    int  part;

    return ref_utf8(p, n, &part) == n;
}


static inline int
ref_peek(const ref_json_t *j)
{
    return j->pos < j->last ? *j->pos : -1;
}


static inline int
ref_eat(ref_json_t *j, int c)
{
    if (ref_peek(j) != c) {
        return 0;
    }

    j->pos++;

    return 1;
}


static inline int
ref_word(ref_json_t *j, const char *word)
{
    for ( /* void */ ; *word; word++) {
        if (!ref_eat(j, *word)) {
            return 0;
        }
    }

    return 1;
}


/* RFC 8259, 2: white space */

static inline void
ref_space(ref_json_t *j)
{
    while (ref_eat(j, ' ') || ref_eat(j, '\t') || ref_eat(j, '\n')
           || ref_eat(j, '\r'))
    {
        /* void */
    }
}


static inline int
ref_digits(ref_json_t *j)
{
    size_t  n;

    for (n = 0; ref_peek(j) >= '0' && ref_peek(j) <= '9'; n++) {
        j->pos++;
    }

    return n != 0;
}


/* RFC 8259, 6: numbers */

static inline int
ref_json_number(ref_json_t *j)
{
    (void) ref_eat(j, '-');

    if (!ref_eat(j, '0') && !ref_digits(j)) {
        return 0;
    }

    if (ref_eat(j, '.') && !ref_digits(j)) {
        return 0;
    }

    if (ref_eat(j, 'e') || ref_eat(j, 'E')) {
        if (!ref_eat(j, '+')) {
            (void) ref_eat(j, '-');
        }

        return ref_digits(j);
    }

    return 1;
}


static inline int
ref_hex(int c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


/*
 * RFC 8259, 7: strings.
 * out:      decoded bytes, as many as the string has, or NULL; escapes of
 *           characters above 0x7f are only for a NULL
 * returns:  bytes decoded, or REF_BAD
 */

static inline size_t
ref_string(ref_json_t *j, uint8_t *out)
{
    int          c, i, digit, v;
    size_t       n;
    const char  *from, *to, *at;

    from = "\"\\/bfnrt";
    to = "\"\\/\b\f\n\r\t";

    if (!ref_eat(j, '"')) {
        return REF_BAD;
    }

    for (n = 0; !ref_eat(j, '"'); n++) {
        c = ref_peek(j);

        if (c < 0x20) {
            return REF_BAD;
        }

        j->pos++;

        if (c == '\\') {
            c = ref_peek(j);

            if (c <= 0) {
                return REF_BAD;
            }

            j->pos++;
            at = strchr(from, c);

            if (at != NULL) {
                c = to[at - from];

            } else if (c == 'u') {

                for (v = 0, i = 0; i < 4; i++) {
                    digit = ref_hex(ref_peek(j));

                    if (digit < 0) {
                        return REF_BAD;
                    }

                    j->pos++;
                    v = v * 16 + digit;
                }

                c = v;
                promise(out == NULL || c < 0x80);

            } else {
                return REF_BAD;
            }
        }

        if (out != NULL) {
            out[n] = (uint8_t) c;
        }
    }

    return n;
}


/* RFC 8259, 4 and 5, behind the opening bracket */

static inline int
ref_members(ref_json_t *j, int object, size_t depth)
{
    int  end;

    end = object ? '}' : ']';
    ref_space(j);

    if (ref_eat(j, end)) {
        return 1;
    }

    do {
        if (object) {
            ref_space(j);

            if (ref_string(j, NULL) == REF_BAD) {
                return 0;
            }

            ref_space(j);

            if (!ref_eat(j, ':')) {
                return 0;
            }
        }

        ref_space(j);

        if (!ref_value(j, depth + 1)) {
            return 0;
        }

        ref_space(j);

    } while (ref_eat(j, ','));

    return ref_eat(j, end);
}


static inline int
ref_value(ref_json_t *j, size_t depth)
{
    int  c;

    c = ref_peek(j);

    switch (c) {

    case '{':
    case '[':
        if (depth == j->max_depth) {
            j->too_deep = 1;
            return 0;
        }

        j->pos++;
        return ref_members(j, c == '{', depth);

    case '"':
        return ref_string(j, NULL) != REF_BAD;

    case 't':
        return ref_word(j, "true");

    case 'f':
        return ref_word(j, "false");

    case 'n':
        return ref_word(j, "null");

    default:
        return ref_json_number(j);
    }
}


/* RFC 8259; the depth is looked at before what follows is */

static inline int
ref_json(const uint8_t *p, size_t n, size_t max_depth)
{
    int         c;
    ref_json_t  j;

    j.pos = p;
    j.last = p + n;
    j.max_depth = max_depth;
    j.too_deep = 0;

    ref_space(&j);
    c = ref_peek(&j);

    if (!ref_value(&j, 0)) {
        return j.too_deep ? REF_TOO_DEEP : REF_NONE;
    }

    ref_space(&j);

    if (j.pos != j.last || !ref_is_utf8(p, n)) {
        return REF_NONE;
    }

    return c == '{' || c == '[' ? REF_CONTAINER : REF_SCALAR;
}


/*
 * RFC 4648, 4: base64 between quotes.
 * returns:  bytes decoded into out, or REF_BAD
 */

static inline size_t
ref_base64(ref_json_t *j, uint8_t *out)
{
    size_t       n, digits;
    uint32_t     bits;
    const char  *set, *at;

    set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bits = 0;
    n = 0;

    if (!ref_eat(j, '"')) {
        return REF_BAD;
    }

    for (digits = 0; ref_peek(j) > 0; digits++) {
        at = strchr(set, ref_peek(j));

        if (at == NULL) {
            break;
        }

        bits = bits << 6 | (uint32_t) (at - set);
        j->pos++;

        if (digits % 4 != 0) {
            out[n++] = (uint8_t) (bits >> (6 - 2 * (digits % 4)));
        }
    }

    /* what the last digit has more than the last byte is zero */

    if (digits % 4 == 1 || (digits % 4 == 2 && (bits & 0x0f) != 0)
        || (digits % 4 == 3 && (bits & 0x03) != 0))
    {
        return REF_BAD;
    }

    for ( /* void */ ; digits % 4 != 0; digits++) {
        if (!ref_eat(j, '=')) {
            return REF_BAD;
        }
    }

    return ref_eat(j, '"') ? n : REF_BAD;
}


#endif /* _REFERENCE_H_INCLUDED_ */
