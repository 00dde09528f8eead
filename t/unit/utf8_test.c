
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_utf8.h"


#define VALID       (-1)    /* no bad byte, ends between characters */
#define INCOMPLETE  (-2)    /* no bad byte, ends inside a character */

#define nvectors    (sizeof(vectors) / sizeof(vectors[0]))
#define text(s)     s, sizeof(s) - 1


static const struct {
    const char  *name;
    const char  *data;
    size_t       len;
    int          bad;       /* index of the first bad byte, or as above */
} vectors[] = {
    { "the empty text is valid", text(""), VALID },
    { "NUL is a character", text("\0a\0"), VALID },
    { "ASCII is valid", text("plain text, 37 bytes, no high bit set"), VALID },
    { "DEL is valid", text("\x7f"), VALID },
    { "U+0080 is valid", text("\xc2\x80"), VALID },
    { "U+07FF is valid", text("\xdf\xbf"), VALID },
    { "U+0800 is valid", text("\xe0\xa0\x80"), VALID },
    { "U+D7FF is valid", text("\xed\x9f\xbf"), VALID },
    { "U+E000 is valid", text("\xee\x80\x80"), VALID },
    { "U+FFFF is valid", text("\xef\xbf\xbf"), VALID },
    { "U+10000 is valid", text("\xf0\x90\x80\x80"), VALID },
    { "U+10FFFF is valid", text("\xf4\x8f\xbf\xbf"), VALID },
    { "Greek after ASCII is valid",
      text("kosme: \xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), VALID },
    { "U+2028 between long ASCII is valid",
      text("0123456789abcdef0123456789abcdef\xe2\x80\xa8"
           "0123456789abcdef0123456789abcdef"), VALID },
    { "a lone continuation is bad", text("\x80"), 0 },
    { "a continuation after ASCII is bad", text("a\xbf" "b"), 1 },
    { "a third byte of two is bad", text("\xc3\xa9\xa9"), 2 },
    { "overlong C0 is bad at once", text("\xc0\x80"), 0 },
    { "overlong C1 is bad at once", text("\xc1\xbf"), 0 },
    { "overlong E0 9F is bad at its second byte", text("\xe0\x9f\xbf"), 1 },
    { "overlong F0 8F is bad at its second byte",
      text("\xf0\x8f\xbf\xbf"), 1 },
    { "surrogate U+D800 is bad", text("\xed\xa0\x80"), 1 },
    { "surrogate U+DFFF is bad", text("\xed\xbf\xbf"), 1 },
    { "a surrogate pair is bad", text("\xed\xa0\xbd\xed\xb8\x80"), 1 },
    { "U+110000 is bad", text("\xf4\x90\x80\x80"), 1 },
    { "F5 is bad at once", text("\xf5\x80\x80\x80"), 0 },
    { "five bytes are bad at once", text("\xf8\x88\x80\x80\x80"), 0 },
    { "FE is bad", text("\xfe"), 0 },
    { "FF after ASCII is bad", text("0123456789abcdef\xff"), 16 },
    { "ASCII inside a character is bad", text("\xe2\x28\xa1"), 1 },
    { "a start inside a character is bad", text("\xf0\x9f\xc3\xa9"), 2 },
    { "low bounds end with the second byte",
      text("\xe0\xa0\x80\xf0\x90\x80\x80"), VALID },
    { "one byte of two is incomplete", text("ab\xc3"), INCOMPLETE },
    { "one byte of three is incomplete", text("\xe2"), INCOMPLETE },
    { "two bytes of three are incomplete", text("\xe2\x82"), INCOMPLETE },
    { "one byte of four is incomplete", text("\xf0"), INCOMPLETE },
    { "three bytes of four are incomplete", text("\xf0\x9f\x98"),
      INCOMPLETE },
};


/* feeds a text in two pieces, looks after each */

static int
cut_is_right(const char *data, size_t len, size_t cut, int bad)
{
    int                  good;
    uint8_t             *a, *b;
    ngx_kafka_ws_utf8_t  u;

    memset(&u, 0, sizeof(ngx_kafka_ws_utf8_t));

    a = guard_copy(data, cut);
    b = guard_copy(data + cut, len - cut);

    good = ngx_kafka_ws_utf8_feed(&u, a, cut)
           == (bad < 0 || (size_t) bad >= cut);
    good &= ngx_kafka_ws_utf8_feed(&u, b, len - cut) == (bad < 0);
    good &= ngx_kafka_ws_utf8_complete(&u) == (bad == VALID);

    guard_free(a, cut);
    guard_free(b, len - cut);

    return good;
}


static int
bytes_are_right(const char *data, size_t len, int bad)
{
    int                  i, good;
    uint8_t              ch;
    ngx_kafka_ws_utf8_t  u;

    good = 1;
    memset(&u, 0, sizeof(ngx_kafka_ws_utf8_t));

    for (i = 0; i < (int) len; i++) {
        ch = (uint8_t) data[i];
        good &= ngx_kafka_ws_utf8_feed(&u, &ch, 1) == (bad < 0 || i < bad);
    }

    return good && ngx_kafka_ws_utf8_complete(&u) == (bad == VALID);
}


static void
test_vectors(void)
{
    int       good;
    size_t    i, cut;
    uint8_t  *p;

    for (i = 0; i < nvectors; i++) {

        p = guard_copy(vectors[i].data, vectors[i].len);

        is_int(ngx_kafka_ws_utf8_valid(p, vectors[i].len),
               vectors[i].bad == VALID, "%s", vectors[i].name);

        guard_free(p, vectors[i].len);

        good = 1;

        for (cut = 0; cut <= vectors[i].len; cut++) {
            good &= cut_is_right(vectors[i].data, vectors[i].len, cut,
                                 vectors[i].bad);
        }

        ok(good, "%s, cut in two anywhere", vectors[i].name);

        ok(bytes_are_right(vectors[i].data, vectors[i].len, vectors[i].bad),
           "%s, byte by byte", vectors[i].name);
    }
}


/* a decoder of another kind: computes the character, then judges it */

static int
reference(const uint8_t *p, size_t n)
{
    size_t    i, k;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0x80, 0x800, 0x10000 };

    for (i = 0; i < n; i += k + 1) {

        if (p[i] < 0x80) {
            k = 0;
            continue;
        }

        if ((p[i] & 0xe0) == 0xc0) {
            k = 1;

        } else if ((p[i] & 0xf0) == 0xe0) {
            k = 2;

        } else if ((p[i] & 0xf8) == 0xf0) {
            k = 3;

        } else {
            return 0;
        }

        if (n - i <= k) {
            return 0;
        }

        c = p[i] & (0x3fu >> k);

        if (k == 1) {
            if ((p[i + 1] & 0xc0) != 0x80) {
                return 0;
            }

            c = c << 6 | (p[i + 1] & 0x3f);

        } else if (k == 2) {
            if ((p[i + 1] & 0xc0) != 0x80 || (p[i + 2] & 0xc0) != 0x80) {
                return 0;
            }

            c = c << 12 | (p[i + 1] & 0x3fu) << 6 | (p[i + 2] & 0x3f);

        } else {
            if ((p[i + 1] & 0xc0) != 0x80 || (p[i + 2] & 0xc0) != 0x80
                || (p[i + 3] & 0xc0) != 0x80)
            {
                return 0;
            }

            c = c << 18 | (p[i + 1] & 0x3fu) << 12 | (p[i + 2] & 0x3fu) << 6
                | (p[i + 3] & 0x3f);
        }

        if (c < least[k] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
            return 0;
        }
    }

    return 1;
}


static void
test_sequences(void)
{
    int       wrong;
    size_t    a, b, c, d;
    uint8_t   p[4];

    static const uint8_t  edge[] = {
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0,
        0xed, 0xf0, 0xf4, 0xff
    };

    wrong = 0;

    for (a = 0; a < 65536; a++) {
        p[0] = (uint8_t) (a >> 8);
        p[1] = (uint8_t) a;

        wrong += ngx_kafka_ws_utf8_valid(p, 1) != reference(p, 1);
        wrong += ngx_kafka_ws_utf8_valid(p, 2) != reference(p, 2);

        for (c = 0; c < sizeof(edge); c++) {
            p[2] = edge[c];
            wrong += ngx_kafka_ws_utf8_valid(p, 3) != reference(p, 3);
        }
    }

    is_int(wrong, 0, "one, two and three bytes are judged as a decoder does");

    wrong = 0;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            for (c = 0; c < sizeof(edge); c++) {
                for (d = 0; d < sizeof(edge); d++) {
                    p[0] = (uint8_t) a;
                    p[1] = (uint8_t) b;
                    p[2] = edge[c];
                    p[3] = edge[d];
                    wrong += ngx_kafka_ws_utf8_valid(p, 4) != reference(p, 4);
                }
            }
        }
    }

    is_int(wrong, 0, "four bytes are judged as a decoder does");
}


static void
test_ascii_steps(void)
{
    int       wrong;
    size_t    n, i;
    uint8_t  *p;

    wrong = 0;

    for (n = 1; n <= 100; n++) {
        p = guard_new(n);
        memset(p, 'x', n);

        wrong += !ngx_kafka_ws_utf8_valid(p, n);

        for (i = 0; i < n; i++) {
            p[i] = 0x80;
            wrong += ngx_kafka_ws_utf8_valid(p, n);
            p[i] = 'x';
        }

        guard_free(p, n);
    }

    is_int(wrong, 0, "a bad byte is seen anywhere in 1 to 100 ASCII bytes");
}


/* ASCII, whole characters and, now and then, a byte of any kind */

static void
test_mixed(void)
{
    int       wrong, valid;
    size_t    i, n;
    uint8_t  *p, text[64];
    uint32_t  seed;

    static const char  *pieces[] = {
        "a", "plain ascii", "\xc3\xa9", "\xd0\xb6\xd0\xb6", "\xe4\xb8\xad",
        "\xe0\xa4\x85", "\xed\x95\x9c", "\xef\xbb\xbf", "\xf0\x9f\x98\x80"
    };

    wrong = 0;
    valid = 0;
    seed = 1;

    for (i = 0; i < 20000; i++) {

        for (n = 0; n < 40; n += strlen((char *) text + n)) {
            seed = seed * 1664525 + 1013904223;

            if ((seed >> 16) % 32 == 0) {
                text[n] = (uint8_t) (seed >> 24 | 1);
                text[n + 1] = '\0';

            } else {
                strcpy((char *) text + n, pieces[(seed >> 16) % 9]);
            }
        }

        n -= (seed >> 28) % 4;

        p = guard_copy(text, n);
        wrong += ngx_kafka_ws_utf8_valid(p, n) != reference(p, n);
        valid += reference(p, n);
        guard_free(p, n);
    }

    is_int(wrong, 0, "mixed texts are judged as a decoder does");
    ok(valid > 2000 && valid < 18000, "some of them valid, some not");
}


static void
test_state(void)
{
    ngx_kafka_ws_utf8_t  u;

    memset(&u, 0, sizeof(ngx_kafka_ws_utf8_t));

    ok(ngx_kafka_ws_utf8_complete(&u), "nothing fed is complete");
    ok(ngx_kafka_ws_utf8_feed(&u, NULL, 0), "no bytes at NULL are valid");
    ok(ngx_kafka_ws_utf8_valid(NULL, 0), "no text at NULL is valid");

    ok(!ngx_kafka_ws_utf8_feed(&u, (const uint8_t *) "\xff", 1),
       "a bad byte is refused");
    ok(!ngx_kafka_ws_utf8_feed(&u, (const uint8_t *) "good", 4),
       "good bytes after a bad one are refused");
    ok(!ngx_kafka_ws_utf8_feed(&u, NULL, 0),
       "no bytes after a bad one are refused");
    ok(!ngx_kafka_ws_utf8_complete(&u), "after a bad byte nothing completes");
}


int
main(void)
{
    test_vectors();
    test_sequences();
    test_ascii_steps();
    test_mixed();
    test_state();

    return tap_done(nvectors * 3 + 2 + 1 + 2 + 7);
}
