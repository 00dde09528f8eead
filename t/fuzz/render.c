
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Any record by any rendering: one well-formed frame within the bound, and
 * all that the record has can be had back from it, byte for byte.  The
 * envelope is read strictly: members in the documented order, no space.
 *
 * Input: bytes that say the rendering, numbers, topic, key, names, headers,
 * and last the value; see text_of() for how a text stands in it.
 */


#include "fuzz.h"
#include "reference.h"
#include "sent.h"

#include "ngx_kafka_ws_render.h"


#define NAMES_MAX    6
#define HEADERS_MAX  160
#define ROOM         SENT_MAX    /* bytes of all texts that are repeated */


typedef struct {
    ngx_kafka_ws_rendering_t  r;
    ngx_kafka_ws_record_t     rec;
    ngx_kafka_ws_span_t       names[NAMES_MAX];
    ngx_kafka_ws_header_t     headers[HEADERS_MAX];
    uint8_t                   room[ROOM];
    size_t                    used;
} made_t;


static made_t  made;


/*
 * A byte says how many bytes the text has, 0 that it is null; from 192 on the
 * bytes are a pattern that is repeated, up to a length of one byte shifted by
 * the next.
 */

static ngx_kafka_ws_span_t
text_of(made_t *m, fuzz_input_t *in)
{
    size_t               c, n, i;
    ngx_kafka_ws_span_t  s;

    s.data = NULL;
    s.len = 0;

    c = fuzz_byte(in);

    if (c == 0) {
        return s;
    }

    n = 0;

    if (c >= 192) {
        c -= 191;
        n = fuzz_byte(in);
        n <<= fuzz_byte(in) % 7;
    }

    c--;
    s.len = c < fuzz_rest(in) ? c : fuzz_rest(in);
    s.data = in->pos;
    in->pos += s.len;

    if (s.len < n && s.len != 0 && n <= ROOM - m->used) {

        for (i = 0; i < n; i++) {
            m->room[m->used + i] = s.data[i % s.len];
        }

        s.data = m->room + m->used;
        s.len = n;
        m->used += n;
    }

    return s;
}


static void
make(made_t *m, fuzz_input_t *in)
{
    size_t               i, n, known;
    unsigned             c;
    ngx_kafka_ws_span_t  s;

    m->used = 0;
    c = fuzz_byte(in);

    m->r.format = c % 8 < 6 ? NGX_KAFKA_WS_FORMAT_JSON
                  : c % 8 == 6 ? NGX_KAFKA_WS_FORMAT_TEXT
                  : NGX_KAFKA_WS_FORMAT_BINARY;
    m->r.value_json = (c >> 3) & 1;
    m->r.fields = fuzz_byte(in) & 0x7f;
    m->r.names = m->names;
    m->r.nnames = 0;

    m->rec.partition = (int32_t) fuzz_number(in);
    m->rec.offset = (int64_t) fuzz_number(in);
    m->rec.timestamp = (int64_t) fuzz_number(in);
    m->rec.topic = text_of(m, in);
    m->rec.key = text_of(m, in);

    for (n = fuzz_byte(in) % (NAMES_MAX + 1); n > 0; n--) {
        s = text_of(m, in);

        for (i = 0; i < m->r.nnames; i++) {
            if (same(&m->names[i], s.data, s.len)) {
                break;
            }
        }

        if (i == m->r.nnames) {
            m->names[m->r.nnames++] = s;
        }
    }

    /* headers beyond those that are given in full repeat what was before */

    n = fuzz_byte(in) % (HEADERS_MAX + 1);
    known = n;

    if (n > 20) {
        known = fuzz_byte(in) % 16 + 1;
    }

    for (i = 0; i < n; i++) {

        if (i >= known) {
            m->headers[i].name = m->headers[i * 7 % known].name;
            m->headers[i].value = m->headers[i * 3 % known].value;
            continue;
        }

        m->headers[i].name = text_of(m, in);
        m->headers[i].value = text_of(m, in);
    }

    m->rec.headers = m->headers;
    m->rec.nheaders = n;

    if (c & 0x40) {
        m->rec.value = text_of(m, in);
        return;
    }

    m->rec.value.data = c & 0x80 ? NULL : in->pos;
    m->rec.value.len = c & 0x80 ? 0 : fuzz_rest(in);
}


/* null, a string, or base64; 1 if it was base64 */

static int
bytes(ref_json_t *j, const ngx_kafka_ws_span_t *s)
{
    size_t  n;

    if (s->data == NULL) {
        promise(ref_word(j, "null"));
        return 0;
    }

    if (ref_is_utf8(s->data, s->len)) {
        string(j, s);
        return 0;
    }

    n = ref_base64(j, sent_text);
    promise(n != REF_BAD && same(s, sent_text, n));

    return 1;
}


static void
headers(ref_json_t *j, const made_t *m)
{
    size_t                        i, k;
    const ngx_kafka_ws_header_t  *h;

    promise(ref_eat(j, '{'));

    for (i = 0; i < m->rec.nheaders; i++) {
        h = &m->rec.headers[i];

        for (k = i + 1; k < m->rec.nheaders; k++) {
            if (same(&h->name, m->rec.headers[k].name.data,
                     m->rec.headers[k].name.len))
            {
                break;
            }
        }

        if (k < m->rec.nheaders) {
            continue;
        }

        for (k = 0; k < m->r.nnames; k++) {
            if (same(&h->name, m->names[k].data, m->names[k].len)) {
                break;
            }
        }

        if (m->r.nnames != 0 && k == m->r.nnames) {
            continue;
        }

        member(j, "");
        string(j, &h->name);
        promise(ref_eat(j, ':'));

        if (h->value.data == NULL || ref_is_utf8(h->value.data, h->value.len))
        {
            promise(!bytes(j, &h->value));

        } else {
            promise(ref_word(j, "{\"base64\":"));
            promise(bytes(j, &h->value));
            promise(ref_eat(j, '}'));
        }
    }

    promise(ref_eat(j, '}'));
}


static void
value(ref_json_t *j, const made_t *m)
{
    int                         kind;
    const ngx_kafka_ws_span_t  *v;

    v = &m->rec.value;
    kind = v->data == NULL ? REF_NONE : ref_json(v->data, v->len, 512);

    if (kind == REF_CONTAINER || (kind == REF_SCALAR && m->r.value_json)) {
        promise((size_t) (j->last - j->pos) >= v->len);
        promise(memcmp(j->pos, v->data, v->len) == 0);
        j->pos += v->len;

    } else if (bytes(j, v)) {
        promise(ref_word(j, ",\"encoding\":\"base64\""));

    } else if (m->r.value_json) {
        promise(ref_word(j, v->data == NULL ? ",\"tombstone\":true"
                                            : ",\"encoding\":\"text\""));
    }
}


static void
envelope(const made_t *m, const uint8_t *p, size_t n)
{
    uint32_t    fields;
    ref_json_t  j;

    promise(ref_json(p, n, 513) == REF_CONTAINER);

    fields = m->r.fields;
    j.pos = p;
    j.last = p + n;

    promise(ref_eat(&j, '{'));

    if (fields & NGX_KAFKA_WS_FIELD_TOPIC) {
        member(&j, "\"topic\":");
        string(&j, &m->rec.topic);
    }

    if (fields & NGX_KAFKA_WS_FIELD_PARTITION) {
        member(&j, "\"partition\":");
        number(&j, m->rec.partition);
    }

    if (fields & NGX_KAFKA_WS_FIELD_OFFSET) {
        member(&j, "\"offset\":");
        number(&j, m->rec.offset);
    }

    if (fields & NGX_KAFKA_WS_FIELD_TIMESTAMP) {
        member(&j, "\"timestamp\":");

        if (m->rec.timestamp < 0) {
            promise(ref_word(&j, "null"));

        } else {
            number(&j, m->rec.timestamp);
        }
    }

    if (fields & NGX_KAFKA_WS_FIELD_KEY) {
        member(&j, "\"key\":");

        if (bytes(&j, &m->rec.key)) {
            promise(ref_word(&j, ",\"key_encoding\":\"base64\""));
        }
    }

    if (fields & NGX_KAFKA_WS_FIELD_HEADERS) {
        member(&j, "\"headers\":");
        headers(&j, m);
    }

    if (fields & NGX_KAFKA_WS_FIELD_VALUE) {
        member(&j, "\"value\":");
        value(&j, m);
    }

    promise(ref_eat(&j, '}') && j.pos == j.last);
}


static void
render(const made_t *m, unsigned shift)
{
    int             text;
    size_t          bound, len, n;
    uint8_t        *buf, *frame;
    const uint8_t  *p;

    bound = ngx_kafka_ws_render_bound(&m->r, &m->rec);
    promise(bound < ROOM * 32);

    /* any alignment; the memory ends where the bound says */

    buf = fuzz_alloc(shift + bound);
    promise(ngx_kafka_ws_render(&m->r, &m->rec, buf + shift, bound - 1, &len)
            == NULL);
    promise(len == bound);

    frame = ngx_kafka_ws_render(&m->r, &m->rec, buf + shift, bound, &len);
    promise(frame >= buf + shift && frame + len <= buf + shift + bound);

    if (m->r.format == NGX_KAFKA_WS_FORMAT_JSON) {
        p = payload(frame, len, 0x81, &n);
        envelope(m, p, n);

    } else if (m->rec.value.data == NULL) {
        promise(len == 0);

    } else {
        text = m->r.format == NGX_KAFKA_WS_FORMAT_TEXT
               && ref_is_utf8(m->rec.value.data, m->rec.value.len);
        p = payload(frame, len, text ? 0x81 : 0x82, &n);
        promise(same(&m->rec.value, p, n));
    }

    free(buf);
}


/* one that differs in a field: equal only if it gives the same bytes */

static void
compare(const made_t *m, unsigned how)
{
    size_t                     len, other_len;
    uint8_t                   *buf, *other_buf, *frame, *other_frame;
    ngx_kafka_ws_rendering_t   other;

    other = m->r;
    other.value_json ^= how & 1;
    other.fields ^= (how & 2) << 5 ^ (how & 4) << 2 ^ (how & 8) << 2;

    if ((how & 16) && other.nnames != 0) {
        other.nnames--;
    }

    if (!ngx_kafka_ws_rendering_equal(&m->r, &other)) {
        return;
    }

    promise(ngx_kafka_ws_rendering_hash(&m->r)
            == ngx_kafka_ws_rendering_hash(&other));
    promise(ngx_kafka_ws_rendering_hash(&other) != 0);

    len = ngx_kafka_ws_render_bound(&m->r, &m->rec);
    buf = fuzz_alloc(len);
    other_buf = fuzz_alloc(len);

    frame = ngx_kafka_ws_render(&m->r, &m->rec, buf, len, &len);
    other_frame = ngx_kafka_ws_render(&other, &m->rec, other_buf,
                      ngx_kafka_ws_render_bound(&other, &m->rec), &other_len);

    promise(len == other_len && memcmp(frame, other_frame, len) == 0);

    free(buf);
    free(other_buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned      how;
    fuzz_input_t  in;

    if (size < 3) {
        return -1;
    }

    in.pos = data;
    in.last = data + size;
    how = fuzz_byte(&in);

    make(&made, &in);
    render(&made, how & 3);
    compare(&made, how >> 2);

    return 0;
}
