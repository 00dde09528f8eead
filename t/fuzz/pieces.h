
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The plain way to read a header's line: it is cut at its commas, what is
 * between them at semicolons, and that at the first "=".  fuzz.h comes before
 * it.
 */


#ifndef _PIECES_H_INCLUDED_
#define _PIECES_H_INCLUDED_


typedef struct {
    const uint8_t  *p;
    const uint8_t  *last;
} piece_t;


/* RFC 9110, 5.6.2 */

static inline int
is_tchar(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z')
           || (c > 0 && c < 128 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}


/* takes the blanks around it away */

static inline void
trim(piece_t *piece)
{
    while (piece->p < piece->last
           && (*piece->p == ' ' || *piece->p == '\t'))
    {
        piece->p++;
    }

    while (piece->p < piece->last
           && (piece->last[-1] == ' ' || piece->last[-1] == '\t'))
    {
        piece->last--;
    }
}


/* the part of rest up to the next byte c, less blanks around it; 0: none */

static inline int
cut(piece_t *rest, int c, piece_t *piece)
{
    const uint8_t  *end;

    if (rest->p == NULL) {
        return 0;
    }

    end = memchr(rest->p, c, (size_t) (rest->last - rest->p));

    piece->p = rest->p;
    piece->last = end == NULL ? rest->last : end;
    rest->p = end == NULL ? NULL : end + 1;
    trim(piece);

    return 1;
}


static inline int
is_token(const piece_t *t)
{
    const uint8_t  *p;

    for (p = t->p; p < t->last; p++) {
        if (!is_tchar(*p)) {
            return 0;
        }
    }

    return t->p < t->last;
}


/* a token, or one in quotes; out gets it, its length is the result, 0: bad */

static inline size_t
plain_value(piece_t v, uint8_t *out)
{
    size_t          n;
    piece_t         t;
    const uint8_t  *p;

    if (is_token(&v)) {
        n = (size_t) (v.last - v.p);
        memcpy(out, v.p, n);
        return n;
    }

    if (v.last - v.p < 3 || *v.p != '"' || v.last[-1] != '"') {
        return 0;
    }

    v.last--;

    for (n = 0, p = v.p + 1; p < v.last; p++) {
        p += *p == '\\';
        t.p = p;
        t.last = p + 1;

        if (p == v.last || !is_token(&t)) {
            return 0;
        }

        out[n++] = *p;
    }

    return n;
}


/* "name" or "name = value"; 0: bad */

static inline int
cut_param(piece_t part, piece_t *name, piece_t *value)
{
    int       good;
    piece_t   rest;
    uint8_t  *plain;

    rest = part;
    (void) cut(&rest, '=', name);

    if (!is_token(name)) {
        return 0;
    }

    value->p = NULL;
    value->last = NULL;

    if (rest.p == NULL) {
        return 1;
    }

    /* all the rest, a second "=" too */

    *value = rest;
    trim(value);

    plain = fuzz_alloc((size_t) (value->last - value->p));
    good = plain_value(*value, plain) != 0;
    free(plain);

    return good;
}


#endif /* _PIECES_H_INCLUDED_ */
