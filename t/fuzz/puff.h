
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A message of permessage-deflate, decoded bit by bit as RFC 1951 and RFC
 * 7692, 7.2.2 describe it, to compare the inflater with.  fuzz.h comes before
 * it.
 */


#ifndef _PUFF_H_INCLUDED_
#define _PUFF_H_INCLUDED_


#define PUFF_BITS    15     /* of the longest code */
#define PUFF_CODES   320    /* literals and lengths, then distances */


typedef enum {
    PUFF_OK = 0,
    PUFF_BAD,               /* no DEFLATE, or cut off */
    PUFF_LONG               /* more than out has room for */
} puff_e;


typedef struct {
    const uint8_t  *in;         /* the message, then its tail */
    size_t          n;
    size_t          bit;        /* the next one of in */
    puff_e          rc;

    uint8_t        *out;
    size_t          size;
    size_t          len;
    size_t          window;     /* where the window begins in out */
    size_t          farthest;   /* longest distance seen */
} puff_t;


typedef struct {
    unsigned        count[PUFF_BITS + 1];   /* codes of each length */
    unsigned        symbol[PUFF_CODES];     /* in the order of their codes */
} puff_code_t;


static const unsigned  puff_len_base[] = {
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59,
    67, 83, 99, 115, 131, 163, 195, 227, 258
};

static const unsigned  puff_len_more[] = {
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4,
    5, 5, 5, 5, 0
};

static const unsigned  puff_dist_base[] = {
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513,
    769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577
};


static inline unsigned
puff_bits(puff_t *z, unsigned n)
{
    unsigned  i, v;

    v = 0;

    for (i = 0; i < n; i++) {

        if (z->bit / 8 >= z->n) {
            z->rc = PUFF_BAD;
            return 0;
        }

        v |= (z->in[z->bit / 8] >> (z->bit % 8) & 1u) << i;
        z->bit++;
    }

    return v;
}


static inline void
puff_byte(puff_t *z, uint8_t c)
{
    if (z->len == z->size) {
        z->rc = PUFF_LONG;
        return;
    }

    z->out[z->len++] = c;
}


/*
 * RFC 1951, 3.2.2: codes from lengths.
 * returns:  codes left over, below 0: more than there are
 */

static inline int
puff_codes(puff_code_t *code, const uint8_t *lengths, unsigned n)
{
    int       left;
    unsigned  i, len, k;

    memset(code, 0, sizeof(puff_code_t));

    for (len = 1, left = 1, k = 0; len <= PUFF_BITS; len++) {

        for (i = 0; i < n; i++) {
            if (lengths[i] == len) {
                code->symbol[k++] = i;
                code->count[len]++;
            }
        }

        left = left * 2 - (int) code->count[len];

        if (left < 0) {
            return left;
        }
    }

    return left;
}


static inline unsigned
puff_symbol(puff_t *z, const puff_code_t *code)
{
    unsigned  len, v, first, index;

    v = 0;
    first = 0;
    index = 0;

    for (len = 1; len <= PUFF_BITS; len++) {
        v |= puff_bits(z, 1);

        if (z->rc != PUFF_OK) {
            return 0;
        }

        if (v - first < code->count[len]) {
            return code->symbol[index + v - first];
        }

        index += code->count[len];
        first = (first + code->count[len]) * 2;
        v *= 2;
    }

    z->rc = PUFF_BAD;

    return 0;
}


static inline void
puff_block(puff_t *z, const puff_code_t *lens, const puff_code_t *dists)
{
    size_t    dist, len;
    unsigned  s;

    for ( ;; ) {
        s = puff_symbol(z, lens);

        if (z->rc != PUFF_OK || s == 256) {
            return;
        }

        if (s < 256) {
            puff_byte(z, (uint8_t) s);

        } else if (s > 285) {
            z->rc = PUFF_BAD;

        } else {
            len = puff_len_base[s - 257] + puff_bits(z, puff_len_more[s - 257]);

            if (z->rc != PUFF_OK) {
                return;
            }

            s = puff_symbol(z, dists);

            if (z->rc != PUFF_OK || s > 29) {
                z->rc = PUFF_BAD;
                return;
            }

            dist = puff_dist_base[s] + puff_bits(z, s < 4 ? 0 : s / 2 - 1);

            if (z->rc != PUFF_OK || dist > z->len - z->window) {
                z->rc = PUFF_BAD;
                return;
            }

            if (dist > z->farthest) {
                z->farthest = dist;
            }

            for ( /* void */ ; len > 0 && z->rc == PUFF_OK; len--) {
                puff_byte(z, z->len >= dist ? z->out[z->len - dist] : 0);
            }
        }

        if (z->rc != PUFF_OK) {
            return;
        }
    }
}


/* RFC 1951, 3.2.4 */

static inline void
puff_stored(puff_t *z)
{
    unsigned  n, inverse;

    z->bit = (z->bit + 7) / 8 * 8;
    n = puff_bits(z, 16);
    inverse = puff_bits(z, 16);

    if (z->rc != PUFF_OK || (n ^ inverse) != 0xffff) {
        z->rc = PUFF_BAD;
        return;
    }

    for ( /* void */ ; n > 0 && z->rc == PUFF_OK; n--) {

        if (z->bit / 8 >= z->n) {
            z->rc = PUFF_BAD;
            return;
        }

        puff_byte(z, z->in[z->bit / 8]);
        z->bit += 8;
    }
}


/* RFC 1951, 3.2.6 */

static inline void
puff_fixed(puff_t *z)
{
    uint8_t             lengths[288];
    puff_code_t         lens, dists;

    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    (void) puff_codes(&lens, lengths, 288);

    memset(lengths, 5, 30);
    (void) puff_codes(&dists, lengths, 30);

    puff_block(z, &lens, &dists);
}


/* the lengths of both codes, n in all; RFC 1951, 3.2.7 */

static inline void
puff_lengths(puff_t *z, uint8_t *lengths, unsigned n, unsigned ncodes)
{
    uint8_t       c;
    unsigned      i, s, times;
    puff_code_t   code;

    static const uint8_t  order[] = {
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
    };

    memset(lengths, 0, PUFF_CODES);

    for (i = 0; i < ncodes; i++) {
        lengths[order[i]] = (uint8_t) puff_bits(z, 3);
    }

    /* this one has to be complete */

    if (z->rc != PUFF_OK || puff_codes(&code, lengths, 19) != 0) {
        z->rc = PUFF_BAD;
        return;
    }

    for (i = 0; i < n; /* void */ ) {
        s = puff_symbol(z, &code);
        c = 0;
        times = 1;

        if (s < 16) {
            c = (uint8_t) s;

        } else if (s == 16) {

            if (i == 0) {
                z->rc = PUFF_BAD;
                return;
            }

            c = lengths[i - 1];
            times = 3 + puff_bits(z, 2);

        } else {
            times = s == 17 ? 3 + puff_bits(z, 3) : 11 + puff_bits(z, 7);
        }

        if (z->rc != PUFF_OK || times > n - i) {
            z->rc = PUFF_BAD;
            return;
        }

        memset(lengths + i, c, times);
        i += times;
    }
}


static inline void
puff_dynamic(puff_t *z)
{
    int           left;
    uint8_t       lengths[PUFF_CODES];
    unsigned      nlen, ndist, ncodes;
    puff_code_t   lens, dists;

    nlen = 257 + puff_bits(z, 5);
    ndist = 1 + puff_bits(z, 5);
    ncodes = 4 + puff_bits(z, 4);

    if (z->rc != PUFF_OK || nlen > 286 || ndist > 30) {
        z->rc = PUFF_BAD;
        return;
    }

    puff_lengths(z, lengths, nlen + ndist, ncodes);

    if (z->rc != PUFF_OK || lengths[256] == 0) {
        z->rc = PUFF_BAD;
        return;
    }

    /* an incomplete code: one code of one bit, or no distance at all */

    left = puff_codes(&lens, lengths, nlen);

    if (left < 0 || (left > 0 && (lens.count[1] != 1 || left != 1 << 14))) {
        z->rc = PUFF_BAD;
        return;
    }

    left = puff_codes(&dists, lengths + nlen, ndist);

    if (left < 0 || (left > 0 && left != 1 << 15
                     && (dists.count[1] != 1 || left != 1 << 14)))
    {
        z->rc = PUFF_BAD;
        return;
    }

    puff_block(z, &lens, &dists);
}


/*
 * RFC 7692, 7.2.2: in has the tail already; all of it must be blocks, the
 * last ends with the last bit.  Behind a final block begins a new stream, in
 * a byte of its own.
 */

static inline puff_e
puff(puff_t *z)
{
    unsigned  final;

    while (z->rc == PUFF_OK && z->bit != z->n * 8) {
        final = puff_bits(z, 1);

        switch (puff_bits(z, 2)) {

        case 0:
            puff_stored(z);
            break;

        case 1:
            puff_fixed(z);
            break;

        case 2:
            puff_dynamic(z);
            break;

        default:
            z->rc = PUFF_BAD;
        }

        if (z->rc == PUFF_OK && final) {
            z->bit = (z->bit + 7) / 8 * 8;
            z->window = z->len;
        }
    }

    return z->rc;
}


/* a whole message, whose tail is added; out has room for max bytes */

static inline puff_e
puff_message(puff_t *z, const uint8_t *p, size_t n, uint8_t *out, size_t max)
{
    puff_e    rc;
    uint8_t  *in;

    in = fuzz_alloc(n + 4);
    memcpy(in, p, n);
    memcpy(in + n, "\0\0\xff\xff", 4);

    memset(z, 0, sizeof(puff_t));
    z->in = in;
    z->n = n + 4;
    z->out = out;
    z->size = max;

    rc = puff(z);
    free(in);
    z->in = NULL;

    return rc;
}


#endif /* _PUFF_H_INCLUDED_ */
