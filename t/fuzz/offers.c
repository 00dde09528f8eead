
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Offers of permessage-deflate: of all lines of a request the first offer
 * that RFC 7692, 7.1 lets us take is taken, and the answer says just that.
 *
 * Input: a byte, the smallest window that the compressor can be held to; the
 * lines, each up to a line feed.
 */


#include "fuzz.h"
#include "pieces.h"

#include "ngx_kafka_ws_deflate.h"


typedef struct {
    int       agreed;
    unsigned  asked;    /* server_max_window_bits, 0: not asked for */
} agreed_t;


static int
is_word(const piece_t *piece, const char *word)
{
    size_t  n;

    n = (size_t) (piece->last - piece->p);

    return n == strlen(word) && memcmp(piece->p, word, n) == 0;
}


/* 8 to 15 as the RFC writes them; 0: anything else */

static unsigned
window_of(const piece_t *value)
{
    size_t       n;
    uint8_t     *plain;
    unsigned     bits, found;
    char         word[4];

    plain = fuzz_alloc((size_t) (value->last - value->p));
    n = plain_value(*value, plain);
    found = 0;

    for (bits = 8; bits <= 15; bits++) {
        (void) snprintf(word, sizeof(word), "%u", bits);

        if (n == strlen(word) && memcmp(plain, word, n) == 0) {
            found = bits;
        }
    }

    free(plain);

    return found;
}


/* 1: taken; 0: declined; params: behind the name, well formed */

static int
take(piece_t params, unsigned least, unsigned *asked)
{
    unsigned  i, seen[4], bits;
    piece_t   part, name, value;

    static const char  *names[] = {
        "server_no_context_takeover", "client_no_context_takeover",
        "server_max_window_bits", "client_max_window_bits"
    };

    memset(seen, 0, sizeof(seen));
    *asked = 0;

    while (cut(&params, ';', &part)) {
        (void) cut_param(part, &name, &value);

        for (i = 0; i < 4; i++) {
            if (is_word(&name, names[i])) {
                break;
            }
        }

        if (i == 4 || seen[i]++ != 0) {
            return 0;
        }

        bits = value.p == NULL ? 0 : window_of(&value);

        /* flags have no value; a window has one, the client's may */

        if (i < 2 ? value.p != NULL
                  : bits == 0 && (i == 2 || value.p != NULL))
        {
            return 0;
        }

        if (i == 2) {
            *asked = bits;
        }
    }

    return *asked == 0 || *asked >= least;
}


static int
well_formed(piece_t params)
{
    piece_t  part, name, value;

    while (cut(&params, ';', &part)) {
        if (!cut_param(part, &name, &value)) {
            return 0;
        }
    }

    return 1;
}


static void
reference(agreed_t *a, unsigned least, const uint8_t *p, const uint8_t *last)
{
    piece_t  rest, element, name;

    rest.p = p;
    rest.last = last;

    while (!a->agreed && cut(&rest, ',', &element)) {

        if (element.p == element.last) {
            continue;
        }

        (void) cut(&element, ';', &name);

        if (!is_token(&name) || !well_formed(element)) {
            return;
        }

        a->agreed = is_word(&name, "permessage-deflate")
                    && take(element, least, &a->asked);
    }
}


static void
check_answer(const ngx_kafka_ws_deflate_t *d, const agreed_t *want)
{
    int       n;
    char      text[256];
    uint8_t  *buf;

    n = 0;

    if (want->agreed) {
        n = snprintf(text, sizeof(text), "permessage-deflate;"
                     " server_no_context_takeover;"
                     " client_no_context_takeover");

        if (want->asked != 0) {
            n += snprintf(text + n, sizeof(text) - n,
                          "; server_max_window_bits=%u", want->asked);
        }
    }

    buf = fuzz_alloc(NGX_KAFKA_WS_DEFLATE_ANSWER_MAX);
    promise(ngx_kafka_ws_deflate_answer(d, buf) == (size_t) n);
    promise(n == 0 || memcmp(buf, text, n) == 0);
    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   n;
    uint8_t                 *line;
    unsigned                 min, least;
    agreed_t                 want;
    const uint8_t           *end, *last;
    ngx_kafka_ws_deflate_t   d;

    if (size == 0) {
        return -1;
    }

    min = data[0] % 16;
    least = min < 9 ? 9 : min;
    last = data + size;
    data++;

    memset(&want, 0, sizeof(agreed_t));
    memset(&d, 0, sizeof(ngx_kafka_ws_deflate_t));

    for ( ;; ) {
        end = memchr(data, '\n', (size_t) (last - data));
        n = (size_t) ((end == NULL ? last : end) - data);
        line = fuzz_copy(data, n);

        ngx_kafka_ws_deflate_offer(&d, min, line, line + n);
        reference(&want, least, line, line + n);
        free(line);

        promise(d.agreed == want.agreed);

        if (d.agreed) {
            promise(d.bits_asked == (want.asked != 0));
            promise(d.bits == (want.asked ? want.asked : 15));
        }

        check_answer(&d, &want);

        if (end == NULL) {
            break;
        }

        data = end + 1;
    }

    return 0;
}
