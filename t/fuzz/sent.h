
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A strict reader of what we send: a frame, in it an envelope whose members
 * stand in a known order, without space.  reference.h comes before it.
 */


#ifndef _SENT_H_INCLUDED_
#define _SENT_H_INCLUDED_


#include "ngx_kafka_ws_record.h"


#define SENT_MAX  (1 << 20)     /* bytes of a text */


static uint8_t  sent_text[SENT_MAX * 5];


static inline int
same(const ngx_kafka_ws_span_t *s, const uint8_t *p, size_t n)
{
    return s->len == n && (n == 0 || memcmp(s->data, p, n) == 0);
}


/* a comma unless the member is the first, and its name */

static inline void
member(ref_json_t *j, const char *name)
{
    if (j->pos[-1] != '{') {
        promise(ref_eat(j, ','));
    }

    promise(ref_word(j, name));
}


static inline void
number(ref_json_t *j, int64_t n)
{
    char  text[32];

    (void) snprintf(text, sizeof(text), "%lld", (long long) n);
    promise(ref_word(j, text));
}


/* each byte that is not part of a character becomes U+FFFD */

static inline size_t
lossy(const ngx_kafka_ws_span_t *s, uint8_t *out)
{
    size_t          n, len;
    const uint8_t  *p, *last;

    n = 0;
    last = s->data + s->len;

    for (p = s->data; p < last; p += len) {
        len = ref_char(p, last);

        if (len == 0 || len == REF_BAD) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
            len = 1;
            continue;
        }

        memcpy(out + n, p, len);
        n += len;
    }

    return n;
}


static inline void
string(ref_json_t *j, const ngx_kafka_ws_span_t *s)
{
    size_t    n;
    uint8_t  *want;

    want = sent_text + SENT_MAX * 2;

    if (ref_is_utf8(s->data, s->len)) {
        n = ref_string(j, sent_text);
        promise(n != REF_BAD && same(s, sent_text, n));

    } else {
        n = ref_string(j, sent_text);
        promise(n != REF_BAD);
        promise(n == lossy(s, want) && memcmp(want, sent_text, n) == 0);
    }
}


/* RFC 6455, 5.2: our own frame, final, not masked, the shortest length */

static inline const uint8_t *
payload(const uint8_t *frame, size_t len, unsigned first, size_t *n)
{
    size_t  i, head;

    promise(len >= 2 && frame[0] == first && frame[1] < 128);

    head = frame[1] == 126 ? 4 : frame[1] == 127 ? 10 : 2;
    promise(len >= head);

    *n = frame[1];

    if (head > 2) {
        for (*n = 0, i = 2; i < head; i++) {
            *n = *n << 8 | frame[i];
        }

        promise(*n > (head == 4 ? 125 : 65535));
    }

    promise(*n == len - head);

    return frame + head;
}


#endif /* _SENT_H_INCLUDED_ */
