
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A JSON text as a tree, built the plain way.  fuzz.h and reference.h come
 * before it.
 */


#ifndef _TREE_H_INCLUDED_
#define _TREE_H_INCLUDED_


typedef struct node_s  node_t;

struct node_s {
    int             kind;        /* its first byte */
    size_t          index;       /* among its parent's */
    node_t         *parent;
    uint8_t        *name;        /* of a member, escapes undone */
    size_t          name_len;    /* REF_BAD: a surrogate stands alone */
    uint8_t        *text;        /* likewise; of what is no string as it is
                                    written; of a container and null none */
    size_t          len;
    const uint8_t  *raw;         /* as it is written, in the whole text */
    size_t          raw_len;
};


/* in the order of the text, the whole first */

typedef struct {
    node_t         *nodes;
    size_t          n;
} tree_t;


static inline void build(tree_t *t, ref_json_t *j, node_t *parent, size_t index,
    uint8_t *name, size_t name_len);


static inline uint32_t
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

static inline size_t
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

static inline uint8_t *
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


static inline void
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


static inline void
build(tree_t *t, ref_json_t *j, node_t *parent, size_t index, uint8_t *name,
    size_t name_len)
{
    node_t  *node;

    node = &t->nodes[t->n++];
    node->kind = *j->pos;
    node->index = index;
    node->parent = parent;
    node->name = name;
    node->name_len = name_len;
    node->text = NULL;
    node->len = REF_BAD;
    node->raw = j->pos;

    if (node->kind == '{' || node->kind == '[') {
        build_members(t, j, node);

    } else if (node->kind == '"') {
        node->text = unescaped(j, &node->len);

    } else {
        promise(ref_value(j, 0));
    }

    node->raw_len = (size_t) (j->pos - node->raw);

    if (node->text == NULL && node->kind != '{' && node->kind != '['
        && node->kind != 'n')
    {
        node->len = node->raw_len;
        node->text = fuzz_copy(node->raw, node->len);
    }
}


static inline void
clear(tree_t *t)
{
    while (t->n > 0) {
        t->n--;
        free(t->nodes[t->n].name);
        free(t->nodes[t->n].text);
    }

    free(t->nodes);
}


/* the tree of a text; nothing, if it is no JSON, or nested beyond max_depth */

static inline void
tree(tree_t *t, const uint8_t *text, size_t len, size_t max_depth)
{
    int         kind;
    ref_json_t  j;

    t->n = 0;
    t->nodes = fuzz_alloc((len + 1) * sizeof(node_t));
    kind = ref_json(text, len, max_depth);

    if (kind == REF_SCALAR || kind == REF_CONTAINER) {
        j.pos = text;
        j.last = text + len;
        j.max_depth = max_depth;
        ref_space(&j);
        build(t, &j, NULL, 0, NULL, 0);
    }
}


#endif /* _TREE_H_INCLUDED_ */
