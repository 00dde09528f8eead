
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Values by JSON pointers, up to sixteen at once: what a tree of the same
 * text has, which is built here the plain way, and none where reference.h
 * sees no JSON.
 *
 * Input: a byte below 128: so many pointers follow, modulo 17, each ended by
 * 0xff; from 128 on: they are those of places of the tree, beginning with the
 * place of this number, a step of the next byte between them.  Then the text.
 */


#include "fuzz.h"
#include "reference.h"
#include "tree.h"

#include "ngx_kafka_ws_json_find.h"
#include "ngx_kafka_ws_json_read.h"


#define MAX       NGX_KAFKA_WS_JSON_FIND_MAX
#define TEXT_MAX  (1 << 16)


/* the step that leads to a node: its bytes are no longer than three times
 * those of its name, or a number's */

static uint8_t *
step_of(const node_t *node, size_t *len)
{
    size_t    i, n;
    uint8_t  *out;

    if (node->parent->kind == '[') {
        out = fuzz_alloc(24);
        *len = (size_t) sprintf((char *) out, "%zu", node->index);
        return out;
    }

    out = fuzz_alloc(node->name_len * 2 + 1);

    for (n = 0, i = 0; i < node->name_len; i++) {

        if (node->name[i] == '~' || node->name[i] == '/') {
            out[n++] = '~';
            out[n++] = node->name[i] == '~' ? '0' : '1';

        } else {
            out[n++] = node->name[i];
        }
    }

    *len = n;

    return out;
}


/* the pointer to a node into the end of room; NULL: it has none */

static const uint8_t *
pointer_of(const node_t *node, uint8_t *room, size_t size)
{
    size_t    n;
    uint8_t  *p, *step;

    for (p = room + size; node->parent != NULL; node = node->parent) {

        if (node->name_len == REF_BAD) {
            return NULL;
        }

        step = step_of(node, &n);

        if ((size_t) (p - room) < n + 1) {
            free(step);
            return NULL;
        }

        p -= n;
        memcpy(p, step, n);
        *--p = '/';
        free(step);
    }

    return p;
}


/* the one child that the step leads to, or NULL */

static const node_t *
child(const tree_t *t, const node_t *parent, const uint8_t *step, size_t len)
{
    int            good;
    size_t         i, n;
    uint8_t       *own;
    const node_t  *node, *found;

    found = NULL;

    for (i = 0; i < t->n; i++) {
        node = &t->nodes[i];

        if (node->parent != parent || node->name_len == REF_BAD) {
            continue;
        }

        own = step_of(node, &n);
        good = n == len && memcmp(own, step, n) == 0;
        free(own);

        if (!good) {
            continue;
        }

        if (found != NULL) {
            return NULL;
        }

        found = node;
    }

    return found;
}


static const node_t *
look_up(const tree_t *t, const ngx_kafka_ws_span_t *pointer)
{
    const node_t   *node;
    const uint8_t  *p, *last, *end;

    p = pointer->data;
    last = p + pointer->len;

    for (node = t->nodes; p < last && node != NULL; p = end) {

        if (*p++ != '/') {
            return NULL;
        }

        end = memchr(p, '/', (size_t) (last - p));
        end = end == NULL ? last : end;
        node = child(t, node, p, (size_t) (end - p));
    }

    return node;
}


static void
compare(const ngx_kafka_ws_json_value_t *value, const node_t *node)
{
    size_t    n;
    uint8_t  *out;

    if (value->text.data == NULL) {
        promise(node == NULL || node->len == REF_BAD);
        promise(node == NULL || node->kind != '"');
        return;
    }

    promise(node != NULL);

    if (!value->string) {
        promise(node->kind != '"' && node->len == value->text.len);
        promise(memcmp(node->text, value->text.data, node->len) == 0);
        return;
    }

    out = fuzz_alloc(value->text.len);
    n = ngx_kafka_ws_json_read_text(value->text.data, value->text.len, out);

    promise(node->kind == '"' && n == node->len);
    promise(n == SIZE_MAX || n == 0 || memcmp(node->text, out, n) == 0);

    free(out);
}


static size_t
given(fuzz_input_t *in, size_t n, ngx_kafka_ws_span_t *pointers)
{
    size_t          i, len;
    const uint8_t  *end;

    for (i = 0; i < n; i++) {
        end = memchr(in->pos, 0xff, fuzz_rest(in));

        if (end == NULL) {
            return i;
        }

        len = (size_t) (end - in->pos);
        pointers[i].data = fuzz_copy(in->pos, len);
        pointers[i].len = len;
        in->pos = end + 1;
    }

    return n;
}


static size_t
derived(const tree_t *t, size_t from, size_t step,
    ngx_kafka_ws_span_t *pointers)
{
    size_t          i, n, len;
    const uint8_t  *p;

    static uint8_t  room[TEXT_MAX];

    for (n = 0, i = from; n < MAX && i < t->n; i += step + 1) {
        p = pointer_of(&t->nodes[i], room, sizeof(room));

        if (p != NULL) {
            len = (size_t) (room + sizeof(room) - p);
            pointers[n].data = fuzz_copy(p, len);
            pointers[n++].len = len;
        }
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                      i, n, len, how, step;
    tree_t                      t;
    uint8_t                    *text;
    fuzz_input_t                in;
    ngx_kafka_ws_span_t         pointers[MAX];
    ngx_kafka_ws_json_value_t   values[MAX];

    if (size < 2 || size > TEXT_MAX) {
        return -1;
    }

    in.pos = data;
    in.last = data + size;

    how = fuzz_byte(&in);
    step = how < 128 ? 0 : fuzz_byte(&in);
    n = how < 128 ? given(&in, how % (MAX + 1), pointers) : 0;

    len = fuzz_rest(&in);
    text = fuzz_copy(in.pos, len);
    tree(&t, text, len, 512);

    if (how >= 128) {
        n = derived(&t, how - 128, step, pointers);
    }

    ngx_kafka_ws_json_find(text, len, pointers, n, values);

    for (i = 0; i < n; i++) {
        compare(&values[i], t.n == 0 ? NULL : look_up(&t, &pointers[i]));
        free((void *) (uintptr_t) pointers[i].data);
    }

    clear(&t);
    free(text);

    return 0;
}
