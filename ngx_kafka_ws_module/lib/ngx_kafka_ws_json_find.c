
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A pointer is a way into the text.  What is remembered of it is the step
 * that leads on from the innermost container on it that is open.  A way never
 * takes a step twice, for a name that comes again takes its value away; and
 * to step back is to look for the slash before.  So the steps of all ways
 * cost no more than the text did that they were taken in.
 */


#include <string.h>

#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_json_find.h"
#include "ngx_kafka_ws_json_read.h"


typedef struct {
    const uint8_t    *step;       /* without its slash, and "~" as it is */
    size_t            len;
    const uint8_t    *last;       /* of the pointer */
    size_t            index;      /* the step as one, if it is taken in an
                                     array; SIZE_MAX: it is none */
    unsigned          escapes;    /* the pointer has "~" */
} ngx_kafka_ws_find_way_t;


/* an open container with ways into it; a bit for each */

typedef struct {
    size_t            next;       /* index of the next element */
    uint16_t          ways;
    uint16_t          open;       /* whose step was not taken yet */
    uint8_t           object;
} ngx_kafka_ws_find_level_t;


typedef struct {
    const uint8_t              *last;       /* of the text */
    ngx_kafka_ws_json_value_t  *values;
    size_t                      depth;      /* levels */
    ngx_kafka_ws_find_way_t     ways[NGX_KAFKA_WS_JSON_FIND_MAX];
    ngx_kafka_ws_find_level_t   levels[NGX_KAFKA_WS_JSON_MAX_DEPTH];
} ngx_kafka_ws_find_t;


static unsigned ngx_kafka_ws_find_init(ngx_kafka_ws_find_t *find,
    const ngx_kafka_ws_span_t *pointers, size_t n);
static const uint8_t *ngx_kafka_ws_find_value(ngx_kafka_ws_find_t *find,
    const uint8_t *p, unsigned here);
static void ngx_kafka_ws_find_take(ngx_kafka_ws_find_t *find,
    const uint8_t *p, const uint8_t *end, unsigned here);
static const uint8_t *ngx_kafka_ws_find_next(ngx_kafka_ws_find_t *find,
    const uint8_t *p, unsigned *here);
static void ngx_kafka_ws_find_enter(ngx_kafka_ws_find_t *find,
    unsigned ways, unsigned object);
static void ngx_kafka_ws_find_leave(ngx_kafka_ws_find_t *find);
static size_t ngx_kafka_ws_find_index(const uint8_t *p, size_t n);
static unsigned ngx_kafka_ws_find_element(ngx_kafka_ws_find_t *find,
    ngx_kafka_ws_find_level_t *level);
static unsigned ngx_kafka_ws_find_member(ngx_kafka_ws_find_t *find,
    ngx_kafka_ws_find_level_t *level, const uint8_t *name,
    const uint8_t *last, unsigned escapes);
static int ngx_kafka_ws_find_same(const ngx_kafka_ws_find_way_t *way,
    const uint8_t *name, const uint8_t *last);


/*
 * The check goes first, over the whole text.  One pass for both would save a
 * third at most (of 13,300 instructions for 504 bytes and one pointer the
 * check is 7,200, and names have to be compared in any case), and be a second
 * reader of the grammar, which has to judge just as the check does.
 */

void
ngx_kafka_ws_json_find(const uint8_t *p, size_t len,
    const ngx_kafka_ws_span_t *pointers, size_t n,
    ngx_kafka_ws_json_value_t *values)
{
    unsigned              here;
    ngx_kafka_ws_json_e   rc;
    ngx_kafka_ws_find_t   find;

    memset(values, 0, n * sizeof(ngx_kafka_ws_json_value_t));

    rc = ngx_kafka_ws_json_check(p, len, NGX_KAFKA_WS_JSON_MAX_DEPTH);

    if (rc != NGX_KAFKA_WS_JSON_SCALAR && rc != NGX_KAFKA_WS_JSON_CONTAINER) {
        return;
    }

    find.last = p + len;
    find.values = values;
    find.depth = 0;

    here = ngx_kafka_ws_find_init(&find, pointers, n);
    p = ngx_kafka_ws_json_read_space(p, find.last);

    while (p != NULL) {
        p = ngx_kafka_ws_find_value(&find, p, here);
        p = ngx_kafka_ws_find_next(&find, p, &here);
    }
}


/* returns: those that are pointers; all ways lead to the whole text */

static unsigned
ngx_kafka_ws_find_init(ngx_kafka_ws_find_t *find,
    const ngx_kafka_ws_span_t *pointers, size_t n)
{
    size_t                    i, len;
    unsigned                  here;
    ngx_kafka_ws_find_way_t  *way;

    here = 0;

    for (i = 0; i < n; i++) {
        way = &find->ways[i];
        len = pointers[i].len;

        /* that of the empty pointer may be NULL, which has no end */

        way->step = len ? pointers[i].data : (const uint8_t *) "";
        way->len = 0;
        way->last = way->step + len;
        way->escapes = memchr(way->step, '~', len) != NULL;

        if (len == 0 || *way->step == '/') {
            here |= 1u << i;
        }
    }

    return here;
}


/*
 * p:         the value that the ways in "here" lead to
 * returns:   behind it; behind its opening bracket, if any goes on in it
 */

static const uint8_t *
ngx_kafka_ws_find_value(ngx_kafka_ws_find_t *find, const uint8_t *p,
    unsigned here)
{
    unsigned                  ways, more, bit;
    const uint8_t            *end;
    ngx_kafka_ws_find_way_t  *way;

    way = find->ways;
    more = 0;

    for (ways = here, bit = 1; ways; way++, ways >>= 1, bit <<= 1) {

        if ((ways & 1) && way->step + way->len != way->last) {
            more |= bit;
        }
    }

    if (more && (*p == '{' || *p == '[')) {
        ngx_kafka_ws_find_enter(find, more, *p == '{');
        return p + 1;
    }

    end = ngx_kafka_ws_json_read_value(p, find->last);

    if (*p != '{' && *p != '[' && *p != 'n') {
        ngx_kafka_ws_find_take(find, p, end, here & ~more);
    }

    return end;
}


static void
ngx_kafka_ws_find_take(ngx_kafka_ws_find_t *find, const uint8_t *p,
    const uint8_t *end, unsigned here)
{
    unsigned                    string;
    ngx_kafka_ws_json_value_t  *value;

    string = (*p == '"');

    for (value = find->values; here; value++, here >>= 1) {

        if (here & 1) {
            value->text.data = p + string;
            value->text.len = (size_t) (end - p) - 2 * string;
            value->string = string;
        }
    }
}


/*
 * p:         behind a value, or behind an opening bracket
 * here:      the ways that lead to the result
 * returns:   the next value that one leads to; NULL: there is no more
 */

static const uint8_t *
ngx_kafka_ws_find_next(ngx_kafka_ws_find_t *find, const uint8_t *p,
    unsigned *here)
{
    unsigned                    escapes;
    const uint8_t              *name;
    ngx_kafka_ws_find_level_t  *level;

    while (find->depth != 0) {
        level = &find->levels[find->depth - 1];

        /* where a member may be the second one of its name, go on */

        if (level->open == 0 && !level->object) {
            p = ngx_kafka_ws_json_read_rest(p, find->last);
            ngx_kafka_ws_find_leave(find);
            continue;
        }

        p = ngx_kafka_ws_json_read_space(p, find->last);

        if (*p == '}' || *p == ']') {
            p++;
            ngx_kafka_ws_find_leave(find);
            continue;
        }

        if (*p == ',') {
            p = ngx_kafka_ws_json_read_space(p + 1, find->last);
        }

        if (level->object) {
            name = p + 1;
            p = ngx_kafka_ws_json_read_quote(name, find->last, &escapes);
            *here = ngx_kafka_ws_find_member(find, level, name, p, escapes);

            /* behind the quote, and behind the colon */

            p = ngx_kafka_ws_json_read_space(p + 1, find->last);
            p = ngx_kafka_ws_json_read_space(p + 1, find->last);

        } else {
            *here = ngx_kafka_ws_find_element(find, level);
        }

        if (*here) {
            return p;
        }

        p = ngx_kafka_ws_json_read_value(p, find->last);
    }

    return NULL;
}


/* to the next step of the ways */

static void
ngx_kafka_ws_find_enter(ngx_kafka_ws_find_t *find, unsigned ways,
    unsigned object)
{
    const uint8_t              *slash;
    ngx_kafka_ws_find_way_t    *way;
    ngx_kafka_ws_find_level_t  *level;

    level = &find->levels[find->depth++];
    level->next = 0;
    level->ways = (uint16_t) ways;
    level->open = (uint16_t) ways;
    level->object = (uint8_t) object;

    for (way = find->ways; ways; way++, ways >>= 1) {

        if (!(ways & 1)) {
            continue;
        }

        way->step += way->len + 1;
        way->len = (size_t) (way->last - way->step);

        slash = memchr(way->step, '/', way->len);

        if (slash != NULL) {
            way->len = (size_t) (slash - way->step);
        }

        if (!object) {
            way->index = ngx_kafka_ws_find_index(way->step, way->len);
        }
    }
}


/* back to the step before, whose slash is there but for the first one */

static void
ngx_kafka_ws_find_leave(ngx_kafka_ws_find_t *find)
{
    unsigned                  ways;
    const uint8_t            *end;
    ngx_kafka_ws_find_way_t  *way;

    ways = find->levels[--find->depth].ways;

    if (find->depth == 0) {
        return;
    }

    for (way = find->ways; ways; way++, ways >>= 1) {

        if (!(ways & 1)) {
            continue;
        }

        end = way->step - 1;
        way->step = end;

        while (way->step[-1] != '/') {
            way->step--;
        }

        way->len = (size_t) (end - way->step);
    }
}


/* RFC 6901, 4: no leading zero; "-" is what is behind the last element */

static size_t
ngx_kafka_ws_find_index(const uint8_t *p, size_t n)
{
    size_t  i, index, digit;

    if (n == 0 || (n > 1 && *p == '0')) {
        return SIZE_MAX;
    }

    index = 0;

    for (i = 0; i < n; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return SIZE_MAX;
        }

        digit = (size_t) p[i] - '0';

        if (index > (SIZE_MAX - digit) / 10) {
            return SIZE_MAX;
        }

        index = index * 10 + digit;
    }

    return index;
}


/* returns: the ways that lead to the next element */

static unsigned
ngx_kafka_ws_find_element(ngx_kafka_ws_find_t *find,
    ngx_kafka_ws_find_level_t *level)
{
    unsigned                  ways, here, bit;
    ngx_kafka_ws_find_way_t  *way;

    way = find->ways;
    here = 0;

    for (ways = level->open, bit = 1; ways; way++, ways >>= 1, bit <<= 1) {

        if ((ways & 1) && way->index == level->next) {
            here |= bit;
        }
    }

    level->open = (uint16_t) (level->open & ~here);
    level->next++;

    return here;
}


/* returns: the ways that lead to the member; one that did before has none */

static unsigned
ngx_kafka_ws_find_member(ngx_kafka_ws_find_t *find,
    ngx_kafka_ws_find_level_t *level, const uint8_t *name,
    const uint8_t *last, unsigned escapes)
{
    size_t                      len;
    unsigned                    ways, here, bit;
    ngx_kafka_ws_find_way_t    *way;
    ngx_kafka_ws_json_value_t  *value;

    len = (size_t) (last - name);
    way = find->ways;
    value = find->values;
    here = 0;
    bit = 1;

    for (ways = level->ways; ways; way++, value++, ways >>= 1, bit <<= 1) {

        if (!(ways & 1)) {
            continue;
        }

        if (escapes || way->escapes) {

            if (!ngx_kafka_ws_find_same(way, name, last)) {
                continue;
            }

        } else if (len != way->len || memcmp(name, way->step, len) != 0) {
            continue;
        }

        if (level->open & bit) {
            here |= bit;

        } else {
            value->text.data = NULL;
            value->text.len = 0;
        }
    }

    level->open = (uint16_t) (level->open & ~here);

    return here;
}


/* whether a name is the step, the escapes of both undone */

static int
ngx_kafka_ws_find_same(const ngx_kafka_ws_find_way_t *way,
    const uint8_t *name, const uint8_t *last)
{
    uint8_t         c, out[4];
    size_t          i, n;
    const uint8_t  *p, *end;

    p = way->step;
    end = p + way->len;

    while (name < last) {
        n = 1;
        out[0] = *name++;

        if (out[0] == '\\') {
            name = ngx_kafka_ws_json_read_escape(name, last, out, &n);

            if (n == 0) {
                return 0;
            }
        }

        for (i = 0; i < n; i++) {

            if (p == end) {
                return 0;
            }

            c = *p++;

            if (c == '~') {

                if (p == end || (*p != '0' && *p != '1')) {
                    return 0;
                }

                c = *p++ == '0' ? '~' : '/';
            }

            if (c != out[i]) {
                return 0;
            }
        }
    }

    return p == end;
}
