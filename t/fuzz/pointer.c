
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

#include "ngx_kafka_ws_json_find.h"
#include "ngx_kafka_ws_json_read.h"


#define MAX       NGX_KAFKA_WS_JSON_FIND_MAX
#define TEXT_MAX  (1 << 16)


typedef struct node_s  node_t;

struct node_s {
    int             kind;        /* its first byte */
    size_t          index;       /* among its parent's */
    node_t         *parent;
    uint8_t        *name;        /* of a member, escapes undone */
    size_t          name_len;    /* REF_BAD: a surrogate stands alone */
    uint8_t        *text;        /* likewise */
    size_t          len;
};


/* in the order of the text, the whole first */

typedef struct {
    node_t         *nodes;
    size_t          n;
} tree_t;


static void build(tree_t *t, ref_json_t *j, node_t *parent, size_t index,
    uint8_t *name, size_t name_len);


static uint32_t
hex4(ref_json_t *j)
{
    int       i;
    uint32_t  v;

    for (v = 0, i = 0; i < 4; i++) {
        v = v * 16 + (uint32_t) ref_hex(*j->pos++);
    }

    return v;
}


/* RFC 3629, 3; its bytes from the last one on */

static size_t
put_char(uint8_t *out, uint32_t c)
{
    size_t  n, i;

    n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (i = n; i-- > 1; c >>= 6) {
        out[i] = (uint8_t) (0x80 + c % 64);
    }

    out[0] = (uint8_t) (n == 1 ? c : (0xf00u >> n & 0xff) + c);

    return n;
}


/* a string that is known to be one; its text has just its size */

static uint8_t *
unescaped(ref_json_t *j, size_t *len)
{
    int             c;
    size_t          n;
    uint8_t        *out, *text;
    uint32_t        v, low;
    const char     *at;

    static const char  from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    promise(ref_eat(j, '"'));

    out = fuzz_alloc((size_t) (j->last - j->pos));
    n = 0;
    *len = 0;

    while (!ref_eat(j, '"')) {
        c = *j->pos++;

        if (c != '\\') {
            out[n++] = (uint8_t) c;
            continue;
        }

        c = *j->pos++;

        if (c != 'u') {
            at = strchr(from, c);
            out[n++] = (uint8_t) to[at - from];
            continue;
        }

        v = hex4(j);

        if (v >= 0xd800 && v < 0xdc00 && j->pos[0] == '\\'
            && j->pos[1] == 'u')
        {
            j->pos += 2;
            low = hex4(j);

            if (low >= 0xdc00 && low < 0xe000) {
                v = 0x10000 + (v - 0xd800) * 0x400 + (low - 0xdc00);

            } else {
                j->pos -= 6;
            }
        }

        if (v >= 0xd800 && v < 0xe000) {
            *len = REF_BAD;
            continue;
        }

        n += put_char(out + n, v);
    }

    if (*len != REF_BAD) {
        *len = n;
    }

    text = fuzz_copy(out, n);
    free(out);

    return text;
}


static void
build_members(tree_t *t, ref_json_t *j, node_t *parent)
{
    int       end;
    size_t    i, len;
    uint8_t  *name;

    end = *j->pos++ == '{' ? '}' : ']';
    ref_space(j);

    for (i = 0; !ref_eat(j, end); i++) {
        name = NULL;
        len = 0;

        if (end == '}') {
            name = unescaped(j, &len);
            ref_space(j);
            promise(ref_eat(j, ':'));
            ref_space(j);
        }

        build(t, j, parent, i, name, len);

        ref_space(j);
        (void) ref_eat(j, ',');
        ref_space(j);
    }
}


static void
build(tree_t *t, ref_json_t *j, node_t *parent, size_t index, uint8_t *name,
    size_t name_len)
{
    node_t         *node;
    const uint8_t  *start;

    node = &t->nodes[t->n++];
    node->kind = *j->pos;
    node->index = index;
    node->parent = parent;
    node->name = name;
    node->name_len = name_len;
    node->text = NULL;
    node->len = REF_BAD;

    if (node->kind == '{' || node->kind == '[') {
        build_members(t, j, node);
        return;
    }

    if (node->kind == '"') {
        node->text = unescaped(j, &node->len);
        return;
    }

    start = j->pos;
    promise(ref_value(j, 0));

    if (node->kind != 'n') {
        node->len = (size_t) (j->pos - start);
        node->text = fuzz_copy(start, node->len);
    }
}


static void
clear(tree_t *t)
{
    while (t->n > 0) {
        t->n--;
        free(t->nodes[t->n].name);
        free(t->nodes[t->n].text);
    }

    free(t->nodes);
}


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
    int                         kind;
    size_t                      i, n, len, how, step;
    tree_t                      t;
    uint8_t                    *text;
    ref_json_t                  j;
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
    kind = ref_json(text, len, 512);

    t.n = 0;
    t.nodes = fuzz_alloc((len + 1) * sizeof(node_t));

    if (kind == REF_SCALAR || kind == REF_CONTAINER) {
        j.pos = text;
        j.last = text + len;
        j.max_depth = 512;
        ref_space(&j);
        build(&t, &j, NULL, 0, NULL, 0);
    }

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
