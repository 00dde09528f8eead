
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the server itself has to say, whatever topic, message and numbers are:
 * one text frame of valid JSON with the documented members in their order;
 * in a buffer of any size either that frame or nothing.
 *
 * Input: a byte of the kind, bytes that say how large the buffer is and how
 * long the topic is, numbers, the topic, the message.
 */


#include "fuzz.h"
#include "reference.h"
#include "sent.h"

#include "ngx_kafka_ws_event.h"


#define ADDS_MAX  12


typedef enum {
    START = 0,
    GAP,
    ERROR,
    IDLE,
    ANSWER
} kind_e;


typedef struct {
    kind_e                kind;
    int                   with_topic;
    int                   with_id;
    ngx_kafka_ws_span_t   topic;
    ngx_kafka_ws_span_t   message;
    unsigned              adds;
    int32_t               partition[ADDS_MAX];
    int64_t               number[ADDS_MAX];
    int64_t               to;
    unsigned              word[ADDS_MAX];
    unsigned              code;
} made_t;


static const char  *states[] = {
    "start", "resumed", "backfilled", "gap", "reset", "unknown"
};

static const char  *reasons[] = {
    "retention", "lapped", "too-large", "reset", "unknown", "unknown"
};


static const ngx_kafka_ws_span_t  id = { (const uint8_t *) "-7", 2 };


static size_t
write_event(const made_t *m, uint8_t *buf, size_t size)
{
    unsigned                    i;
    ngx_kafka_ws_event_t        ev;
    const ngx_kafka_ws_span_t  *topic;

    topic = m->with_topic ? &m->topic : NULL;

    switch (m->kind) {

    case START:
        ngx_kafka_ws_event_start_begin(&ev, buf, size, topic);

        for (i = 0; i < m->adds; i++) {
            ngx_kafka_ws_event_start_add(&ev, m->partition[i], m->number[i],
                                         (ngx_kafka_ws_state_e) m->word[i]);
        }

        return ngx_kafka_ws_event_start_end(&ev);

    case GAP:
        return ngx_kafka_ws_event_gap(buf, size, topic, m->partition[0],
                                      m->number[0], m->to,
                                      (ngx_kafka_ws_gap_e) m->word[0]);

    case ERROR:
        return ngx_kafka_ws_event_error(buf, size, m->with_id ? &id : NULL,
                                        topic, m->code, &m->message);

    case ANSWER:
        return ngx_kafka_ws_event_answer(buf, size, "answer", &id, topic,
                                         m->with_id ? &m->message : NULL);

    default:
        return ngx_kafka_ws_event_idle(buf, size, topic);
    }
}


static void
word(ref_json_t *j, const char *name, const char *value)
{
    promise(ref_word(j, name));
    promise(ref_eat(j, '"') && ref_word(j, value) && ref_eat(j, '"'));
}


static void
read_start(ref_json_t *j, const made_t *m)
{
    unsigned  i;

    promise(ref_word(j, ",\"partitions\":["));

    for (i = 0; i < m->adds; i++) {
        promise(i == 0 || ref_eat(j, ','));
        promise(ref_word(j, "{\"partition\":"));
        number(j, m->partition[i]);
        promise(ref_word(j, ",\"offset\":"));
        number(j, m->number[i]);
        word(j, ",\"state\":", states[m->word[i]]);
        promise(ref_eat(j, '}'));
    }

    promise(ref_eat(j, ']'));
}


static void
read_event(const made_t *m, const uint8_t *frame, size_t len)
{
    size_t      n;
    ref_json_t  j;

    static const char  *names[] = { "start", "gap", "error", "idle",
                                   "answer" };

    j.pos = payload(frame, len, 0x81, &n);
    j.last = j.pos + n;
    promise(ref_json(j.pos, n, 4) == REF_CONTAINER);

    word(&j, "{\"event\":", names[m->kind]);

    if (m->kind == ANSWER || (m->kind == ERROR && m->with_id)) {
        promise(ref_word(&j, ",\"id\":-7"));
    }

    if (m->with_topic) {
        promise(ref_word(&j, ",\"topic\":"));
        string(&j, &m->topic);
    }

    switch (m->kind) {

    case START:
        read_start(&j, m);
        break;

    case GAP:
        promise(ref_word(&j, ",\"partition\":"));
        number(&j, m->partition[0]);
        promise(ref_word(&j, ",\"from\":"));
        number(&j, m->number[0]);
        promise(ref_word(&j, ",\"to\":"));
        number(&j, m->to);
        word(&j, ",\"reason\":", reasons[m->word[0]]);
        break;

    case ERROR:
        promise(ref_word(&j, ",\"code\":"));
        number(&j, m->code);
        promise(ref_word(&j, ",\"message\":"));
        string(&j, &m->message);
        break;

    case ANSWER:
        if (m->with_id) {
            promise(ref_word(&j, ",\"cursor\":"));
            string(&j, &m->message);
        }

        break;

    default:
        break;
    }

    promise(ref_eat(&j, '}') && j.pos == j.last);
}


static void
make(made_t *m, fuzz_input_t *in, size_t topic_len)
{
    unsigned  i;

    m->adds = fuzz_byte(in) % (ADDS_MAX + 1);
    m->code = (unsigned) fuzz_number(in);
    m->to = (int64_t) fuzz_number(in);

    for (i = 0; i == 0 || i < m->adds; i++) {
        m->partition[i] = (int32_t) fuzz_number(in);
        m->number[i] = (int64_t) fuzz_number(in);
        m->word[i] = fuzz_byte(in) % 6;
    }

    m->topic.data = in->pos;
    m->topic.len = topic_len < fuzz_rest(in) ? topic_len : fuzz_rest(in);
    in->pos += m->topic.len;
    m->message.data = in->pos;
    m->message.len = fuzz_rest(in);
}


static int
plain(const ngx_kafka_ws_span_t *s, size_t most)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < ' ' || s->data[i] > '~' || s->data[i] == '"'
            || s->data[i] == '\\')
        {
            return 0;
        }
    }

    return s->len <= most;
}


/* what NGX_KAFKA_WS_EVENT_LEN is promised to be enough for */

static int
small(const made_t *m)
{
    if (m->with_topic && !plain(&m->topic, 249)) {
        return 0;
    }

    return m->kind == GAP || m->kind == IDLE
           || ((m->kind == ERROR || m->kind == ANSWER)
               && plain(&m->message, 256));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         most, len, room, got;
    uint8_t       *buf, *tight;
    unsigned       c;
    fuzz_input_t   in;
    static made_t  m;

    if (size < 4 || size > 8192) {
        return -1;
    }

    in.pos = data;
    in.last = data + size;

    c = fuzz_byte(&in);
    m.kind = (kind_e) (c & 3);
    m.with_topic = c >> 2 & 1;
    m.with_id = c >> 3 & 1;

    if (m.kind == IDLE && (c >> 4 & 1)) {
        m.kind = ANSWER;
    }

    room = fuzz_byte(&in);
    make(&m, &in, fuzz_byte(&in));

    most = ngx_kafka_ws_event_start_bound(m.with_topic ? &m.topic : NULL,
                                          m.adds);

    if (m.kind != START) {
        most += 6 * m.message.len + 256;
    }

    buf = fuzz_alloc(most);
    len = write_event(&m, buf, most);
    promise(len > 0 && len <= most);
    read_event(&m, buf, len);

    if (small(&m)) {
        tight = fuzz_alloc(NGX_KAFKA_WS_EVENT_LEN);
        promise(write_event(&m, tight, NGX_KAFKA_WS_EVENT_LEN) == len);
        free(tight);
    }

    /* about what the frame needs, which is up to 8 bytes more than it has */

    room = len + 16 > room ? len + 16 - room : 0;
    tight = fuzz_alloc(room);
    got = write_event(&m, tight, room);

    promise(got == len || (got == 0 && room < len + 8));
    promise(got <= room);
    promise(got == 0 || memcmp(tight, buf, len) == 0);

    free(tight);
    free(buf);

    return 0;
}
