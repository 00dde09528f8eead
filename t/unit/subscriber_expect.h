
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: what comes of an event, as words of the trace
 * and signs that stand for what the state or the event brings along.
 */


#ifndef _SUBSCRIBER_EXPECT_H_INCLUDED_
#define _SUBSCRIBER_EXPECT_H_INCLUDED_


#include "subscriber_events.h"


#define EXPECT_SIZE  4096   /* bytes of a trace, expected or not */


/*
 * What comes of it at once, and then with room in the socket: the first word
 * is the state, as its letter, the others are the trace.
 *
 *     =  the same state as before      &  the rest of what was begun
 *     ^  OPEN, or the same             @  all that was waiting
 *     ~  as if nothing had happened    >  a ping that was waiting
 *     $  the event's answer            %  the Pong of half a ping
 */

typedef struct {
    char         letter;
    const char  *at_once;
    const char  *then;
    unsigned     code;       /* of its end, where no Close tells it */
} outcome_t;


typedef struct {
    const state_t  *state;
    const event_t  *event;
    char            before;
    size_t          len;
    char            text[EXPECT_SIZE];
} expect_t;


static inline void
expect_word(expect_t *x, const char *word)
{
    int  n;

    if (*word) {
        n = snprintf(x->text + x->len, sizeof(x->text) - x->len, "%s%s",
                     x->len ? " " : "", word);
        x->len += (size_t) n;
    }
}


static inline void
expect_letter(expect_t *x, char letter)
{
    char  word[2];

    word[0] = letter;
    word[1] = '\0';
    expect_word(x, word);
}


static inline void
expect_sign(expect_t *x, char sign)
{
    const state_t  *s;

    s = x->state;

    switch (sign) {

    case '=':
        expect_letter(x, x->before);
        break;

    case '^':
        expect_letter(x, s->state == 'H' ? 'O' : x->before);
        break;

    case '~':
        expect_letter(x, s->then);
        expect_sign(x, '@');
        expect_word(x, s->tail);
        break;

    case '@':
        expect_sign(x, '&');
        expect_word(x, s->waits);
        break;

    case '&':
        if (w.tls && s->buffered) {
            expect_word(x, "r1");
        }

        expect_word(x, s->ahead);
        break;

    case '>':
        expect_word(x, s->letter == 'd' ? s->waits : "");
        break;

    case '%':
        expect_word(x, s->letter == 'i' && !state_half_len ? "P(half)" : "");
        break;

    case '!':
        expect_word(x, "C1002:message inside a message");
        break;

    default:
        expect_word(x, x->event->answer);
        break;
    }
}


/* the trace of an outcome; before: the state's letter */

static inline const char *
expect_text(expect_t *x, const state_t *s, const event_t *e, char before,
    const char *outcome)
{
    char         word[64];
    size_t       n;
    const char  *p;

    x->state = s;
    x->event = e;
    x->before = before;
    x->len = 0;
    x->text[0] = '\0';

    for (p = outcome; *p; p += n) {
        p += strspn(p, " ");
        n = strcspn(p, " ");

        if (n == 1 && strchr("=^~@&>%!$", *p)) {
            expect_sign(x, *p);

        } else {
            snprintf(word, sizeof(word), "%.*s", (int) n, p);
            expect_word(x, word);
        }
    }

    return x->text;
}


#endif /* _SUBSCRIBER_EXPECT_H_INCLUDED_ */
