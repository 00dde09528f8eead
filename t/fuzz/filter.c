
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters, in four ways: bytes that claim to be a block, of which nothing is
 * read or found outside; a record whose values come back out of its block as
 * they are in it, and match as a plain comparison says, and whose filter is
 * read back from its print; lists, and fields as they are written.
 *
 * Input: a byte that says which way, modulo 4.  A block: terms, see
 * terms_of(), then the block.  A record: see fields_of() and record_of(),
 * then terms and the value.  A list: how many members there is room for, the
 * list.  A field: its text.
 */


#include "fuzz.h"
#include "pieces.h"

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_json_find.h"
#include "ngx_kafka_ws_json_read.h"


#define FIELDS   NGX_KAFKA_WS_FILTER_FIELDS_MAX
#define TERMS    NGX_KAFKA_WS_FILTER_TERMS_MAX
#define HEADERS  16
#define LIST     8


typedef struct {
    ngx_kafka_ws_filter_field_t   fields[FIELDS];
    size_t                        nfields;
    ngx_kafka_ws_header_t         headers[HEADERS];
    ngx_kafka_ws_record_t         rec;
    ngx_kafka_ws_filter_term_t    terms[TERMS];
    ngx_kafka_ws_filter_want_t    wants[TERMS];
    ngx_kafka_ws_span_t           values[TERMS][LIST];
    size_t                        nterms;
} made_t;


/* a byte says how long it is, 0 that it is null */

static ngx_kafka_ws_span_t
text_of(fuzz_input_t *in)
{
    size_t               n;
    ngx_kafka_ws_span_t  s;

    s.data = NULL;
    s.len = 0;

    n = fuzz_byte(in);

    if (n != 0) {
        n--;
        s.len = n < fuzz_rest(in) ? n : fuzz_rest(in);
        s.data = in->pos;
        in->pos += s.len;
    }

    return s;
}


/* how many; of each a byte, the operator, and its field; then its values,
 * as many as the upper bits of the byte say */

static void
terms_of(made_t *m, fuzz_input_t *in)
{
    size_t    i, j, n;
    unsigned  c;

    m->nterms = fuzz_byte(in) % (TERMS + 1);

    for (i = 0; i < m->nterms; i++) {
        c = fuzz_byte(in);
        m->terms[i].op = c % 3 == 0 ? NGX_KAFKA_WS_FILTER_EQUAL
                         : c % 3 == 1 ? NGX_KAFKA_WS_FILTER_PREFIX
                         : NGX_KAFKA_WS_FILTER_IN;
        m->terms[i].field = fuzz_byte(in) % (FIELDS + 2);

        n = c % 3 == 2 ? c / 32 + 1 : 1;

        for (j = 0; j < n; j++) {
            m->values[i][j] = text_of(in);
        }

        m->wants[i].values = m->values[i];
        m->wants[i].nvalues = n;
    }
}


/* how many; of each a byte, the source, and the name */

static void
fields_of(made_t *m, fuzz_input_t *in)
{
    size_t                        i;
    ngx_kafka_ws_filter_field_t  *f;

    m->nfields = fuzz_byte(in) % (FIELDS + 1);

    for (i = 0; i < m->nfields; i++) {
        f = &m->fields[i];

        switch (fuzz_byte(in) % 4) {

        case 0:
            f->source = NGX_KAFKA_WS_FILTER_KEY;
            f->name.data = NULL;
            f->name.len = 0;
            break;

        case 1:
            f->source = NGX_KAFKA_WS_FILTER_HEADER;
            f->name = text_of(in);
            break;

        default:
            f->source = NGX_KAFKA_WS_FILTER_JSON;
            f->name = text_of(in);
            break;
        }
    }
}


/* the key, how many headers, their names and values */

static void
record_of(made_t *m, fuzz_input_t *in)
{
    size_t  i;

    memset(&m->rec, 0, sizeof(m->rec));

    m->rec.key = text_of(in);
    m->rec.headers = m->headers;
    m->rec.nheaders = fuzz_byte(in) % (HEADERS + 1);

    for (i = 0; i < m->rec.nheaders; i++) {
        m->headers[i].name = text_of(in);
        m->headers[i].value = text_of(in);
    }
}


static int
same(const ngx_kafka_ws_span_t *a, const ngx_kafka_ws_span_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


/* what a term says of a value */

static int
holds(const made_t *m, size_t i, const ngx_kafka_ws_span_t *value)
{
    size_t               j;
    ngx_kafka_ws_span_t  begin;

    for (j = 0; j < m->wants[i].nvalues; j++) {
        begin = *value;

        if (m->terms[i].op == NGX_KAFKA_WS_FILTER_PREFIX
            && begin.len > m->values[i][j].len)
        {
            begin.len = m->values[i][j].len;
        }

        if (same(&begin, &m->values[i][j])) {
            return 1;
        }
    }

    return 0;
}


/* the block's values are inside of it, and the verdict is theirs */

static void
judge(const made_t *m, const uint8_t *block, size_t len)
{
    int                   want;
    size_t                i, at;
    ngx_kafka_ws_span_t   value;

    for (i = 0; i < FIELDS + 2; i++) {

        if (ngx_kafka_ws_filter_value(block, len, (unsigned) i, &value)) {
            at = (size_t) (value.data - block);
            promise(value.data >= block && at <= len);
            promise(value.len <= len - at);
        }
    }

    want = 1;

    for (i = 0; i < m->nterms; i++) {
        want &= ngx_kafka_ws_filter_value(block, len, m->terms[i].field,
                                          &value)
                && holds(m, i, &value);
    }

    promise(ngx_kafka_ws_filter_match(m->terms, m->nterms, m->wants, block,
                                      len) == want);
}


/* a field alone, as filter.h says it; free() the value's data, if it has one */

static int
record_value(const made_t *m, const ngx_kafka_ws_filter_field_t *f,
    ngx_kafka_ws_span_t *value)
{
    size_t                      i;
    uint8_t                    *out;
    ngx_kafka_ws_span_t         s;
    ngx_kafka_ws_json_value_t   json;

    s.data = NULL;
    s.len = 0;

    if (f->source == NGX_KAFKA_WS_FILTER_KEY) {
        s = m->rec.key;

    } else if (f->source == NGX_KAFKA_WS_FILTER_HEADER) {

        for (i = 0; i < m->rec.nheaders; i++) {
            if (same(&m->headers[i].name, &f->name)) {
                s = m->headers[i].value;
            }
        }

    } else {
        ngx_kafka_ws_json_find(m->rec.value.data, m->rec.value.len, &f->name,
                               1, &json);

        if (json.text.data != NULL && json.string) {
            out = fuzz_alloc(json.text.len);
            value->data = out;
            value->len = ngx_kafka_ws_json_read_text(json.text.data,
                                                     json.text.len, out);

            if (value->len == SIZE_MAX) {
                free(out);
                return 0;
            }

            return 1;
        }

        s = json.text;
    }

    if (s.data == NULL) {
        return 0;
    }

    value->data = fuzz_copy(s.data, s.len);
    value->len = s.len;

    return 1;
}


/* steps over a word that has to stand there */

static void
expect(fuzz_input_t *in, const void *word, size_t len)
{
    promise(fuzz_rest(in) >= len);
    promise(len == 0 || memcmp(in->pos, word, len) == 0);
    in->pos += len;
}


/* a value between quotes, its escapes undone, is the value */

static void
expect_value(fuzz_input_t *in, const ngx_kafka_ws_span_t *value)
{
    char      hex[3];
    size_t    i;
    unsigned  c;

    expect(in, "\"", 1);

    for (i = 0; i < value->len; i++) {
        c = fuzz_byte(in);
        promise(c >= 0x20 && c != 0x7f && c != '"');

        if (c == '\\') {
            c = fuzz_byte(in);

            if (c == 'x') {
                hex[0] = (char) fuzz_byte(in);
                hex[1] = (char) fuzz_byte(in);
                hex[2] = '\0';
                c = (unsigned) strtoul(hex, NULL, 16);
                promise(c < 0x20 || c == 0x7f);

            } else {
                promise(c == '"' || c == '\\');
            }
        }

        promise(c == value->data[i]);
    }

    expect(in, "\"", 1);
}


/* what people read can only mean what is wanted */

static void
printed(made_t *m)
{
    size_t                        i, j, n;
    uint8_t                      *text;
    fuzz_input_t                  in;
    ngx_kafka_ws_filter_t         filter;
    ngx_kafka_ws_filter_field_t  *f;

    static const char  *sources[] = { "key", "header:", "json:" };
    static const char  *ops[] = { " = ", " ^= ", " in " };

    for (i = 0; i < m->nterms; i++) {
        if (m->terms[i].field >= m->nfields) {
            return;
        }
    }

    filter.terms = m->terms;
    filter.wants = m->wants;
    filter.nterms = m->nterms;

    n = ngx_kafka_ws_filter_print(&filter, m->fields, NULL);
    text = fuzz_alloc(n);
    promise(ngx_kafka_ws_filter_print(&filter, m->fields, text) == n);
    in.pos = text;
    in.last = text + n;

    for (i = 0; i < m->nterms; i++) {
        f = &m->fields[m->terms[i].field];

        expect(&in, " and ", i == 0 ? 0 : 5);
        expect(&in, sources[f->source], strlen(sources[f->source]));
        expect(&in, f->name.data, f->name.len);
        expect(&in, ops[m->terms[i].op], strlen(ops[m->terms[i].op]));

        for (j = 0; j < m->wants[i].nvalues; j++) {
            expect(&in, ", ", j == 0 ? 0 : 2);
            expect_value(&in, &m->wants[i].values[j]);
        }
    }

    promise(in.pos == in.last);
    free(text);
}


static void
record(made_t *m, fuzz_input_t *in)
{
    int                   found;
    size_t                i, len, bound;
    uint8_t              *room, *block;
    ngx_kafka_ws_span_t   want, got;

    fields_of(m, in);
    record_of(m, in);
    terms_of(m, in);

    if (fuzz_byte(in) & 1) {
        m->rec.value.len = fuzz_rest(in);
        m->rec.value.data = in->pos;
    }

    bound = ngx_kafka_ws_filter_bound(m->fields, m->nfields, &m->rec);
    room = fuzz_alloc(bound);
    len = ngx_kafka_ws_filter_extract(m->fields, m->nfields, &m->rec, room,
                                      bound);
    promise(len > 0 && len <= bound);

    block = fuzz_copy(room, len);
    free(room);

    for (i = 0; i < m->nfields; i++) {
        found = ngx_kafka_ws_filter_value(block, len, (unsigned) i, &got);
        promise(found == record_value(m, &m->fields[i], &want));

        if (found) {
            promise(got.data != NULL && same(&got, &want));
            free((void *) (uintptr_t) want.data);
        }
    }

    promise(!ngx_kafka_ws_filter_value(block, len, (unsigned) m->nfields,
                                       &got));

    judge(m, block, len);
    free(block);

    printed(m);
}


/* the list is cut at its commas, as headers are */

static void
list(fuzz_input_t *in)
{
    size_t                n, max, found;
    uint8_t              *text;
    piece_t               rest, part;
    ngx_kafka_ws_span_t  *values;

    max = fuzz_byte(in) % 128;
    n = fuzz_rest(in);
    text = fuzz_copy(in->pos, n);
    values = fuzz_alloc(max * sizeof(ngx_kafka_ws_span_t));

    found = ngx_kafka_ws_filter_split(text, n, values, max);

    rest.p = text;
    rest.last = text + n;
    n = 0;

    while (cut(&rest, ',', &part)) {

        if (part.p == part.last) {
            continue;
        }

        if (n < max) {
            promise(values[n].data == part.p);
            promise(values[n].len == (size_t) (part.last - part.p));
        }

        n++;
    }

    promise(n > max ? found > max : found == n);

    free(values);
    free(text);
}


/* what is taken for a field is one, and what its name says is in the text */

static void
field(fuzz_input_t *in)
{
    size_t                         i, n;
    uint8_t                       *text;
    const char                    *error;
    ngx_kafka_ws_filter_field_t    f;

    static const char  *begin[] = { "key", "header:", "json:" };

    n = fuzz_rest(in);
    text = fuzz_copy(in->pos, n);
    error = ngx_kafka_ws_filter_field_parse(text, n, &f);

    if (error != NULL) {
        promise(*error != '\0');
        promise(n != 3 || memcmp(text, "key", 3) != 0);
        free(text);
        return;
    }

    promise(f.name.len == n - strlen(begin[f.source]));
    promise(memcmp(text, begin[f.source], n - f.name.len) == 0);
    promise(f.name.data == text + n - f.name.len);
    promise(ngx_kafka_ws_filter_field_compare(&f, &f) == 0);
    promise(f.source != NGX_KAFKA_WS_FILTER_KEY || f.name.len == 0);
    promise(f.source != NGX_KAFKA_WS_FILTER_HEADER || f.name.len > 0);

    if (f.source == NGX_KAFKA_WS_FILTER_JSON && f.name.len > 0) {
        promise(f.name.data[0] == '/');

        for (i = 0; i < f.name.len; i++) {
            promise(f.name.data[i] != '~'
                    || (i + 1 < f.name.len && (f.name.data[i + 1] == '0'
                                               || f.name.data[i + 1] == '1')));
        }
    }

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t       *block;
    fuzz_input_t   in;

    static made_t  made;

    if (size < 2) {
        return -1;
    }

    in.pos = data;
    in.last = data + size;

    switch (fuzz_byte(&in) % 4) {

    case 0:
        terms_of(&made, &in);
        block = fuzz_copy(in.pos, fuzz_rest(&in));
        judge(&made, block, fuzz_rest(&in));
        free(block);
        break;

    case 1:
        record(&made, &in);
        break;

    case 2:
        list(&in);
        break;

    default:
        field(&in);
        break;
    }

    return 0;
}
