
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Random documents with few names, written in more ways than one, and random
 * pointers into them: what is found is what cJSON's tree has.
 */


#include "guard.h"
#include "tap.h"

#include <cjson/cJSON.h>

#include "json_found.h"


#define DOCUMENTS  4000
#define ROOM       (1 << 16)


typedef struct {
    char         text[ROOM];
    size_t       len;
} document_t;


static void test_random(void);


int
main(void)
{
    test_random();

    return tap_done(2);
}


static uint32_t
next_random(void)
{
    static uint32_t  state = 20261126;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;

    return state;
}


static void
put(document_t *d, const char *s)
{
    size_t  n;

    n = strlen(s);
    memcpy(d->text + d->len, s, n);
    d->len += n;
}


static void
put_space(document_t *d)
{
    static const char  *spaces[] = { "", "", "", " ", "\n", "\t ", "\r\n  " };

    put(d, spaces[next_random() % nelts(spaces)]);
}


/* few names and texts, so that they repeat; written in one of two ways */

static void
put_string(document_t *d)
{
    static const char  *ways[][2] = {
        { "a", "\\u0061" }, { "b", "\\u0062" }, { "ab", "a\\u0062" },
        { "", "" }, { "0", "\\u0030" }, { "1", "1" }, { "/", "\\/" },
        { "~", "\\u007e" }, { "~1", "\\u007E1" }, { "a/b", "a\\u002fb" },
        { "\xc3\xa9", "\\u00e9" }, { "\xe2\x82\xac", "\\u20aC" },
        { "\xf0\x9f\x98\x80", "\\ud83d\\uDE00" }, { "\\n", "\\u000a" },
        { "\\\"", "\\u0022" }, { "long enough for words", "\\\\" }
    };

    put(d, "\"");
    put(d, ways[next_random() % nelts(ways)][next_random() % 4 == 0]);
    put(d, "\"");
}


static void
put_value(document_t *d, size_t depth)
{
    unsigned   object;
    uint32_t   n;

    static const char  *plain[] = { "true", "false", "null", "0", "-1.25e3",
                                    "12345678901", "17", "0.5" };

    put_space(d);

    n = next_random() % (depth == 0 ? 10 : 6);

    if (depth == 8 || n < 2) {
        put(d, plain[next_random() % nelts(plain)]);

    } else if (n == 2) {
        put_string(d);

    } else {
        object = next_random() % 3 != 0;
        put(d, object ? "{" : "[");

        for (n = next_random() % 5; n > 0; n--) {

            if (object) {
                put_space(d);
                put_string(d);
                put_space(d);
                put(d, ":");
            }

            put_value(d, depth + 1);
            put(d, n > 1 ? "," : "");
        }

        put_space(d);
        put(d, object ? "}" : "]");
    }

    put_space(d);
}


/* a pointer that goes somewhere, or nearly so */

static void
put_pointer(document_t *d, const cJSON *item)
{
    int           i;
    char          index[16];
    const char   *s;
    const cJSON  *child;

    static const char  *odd[] = { "/a", "/", "/0", "/1", "/-", "/00", "/~1" };

    d->len = 0;

    for ( ;; ) {

        if (next_random() % 12 == 0) {
            put(d, odd[next_random() % nelts(odd)]);
        }

        i = cJSON_GetArraySize(item);

        if (i == 0 || next_random() % 8 == 0) {
            return;
        }

        i = (int) (next_random() % (uint32_t) i);
        child = cJSON_GetArrayItem(item, i);
        put(d, "/");

        if (cJSON_IsArray(item)) {
            sprintf(index, "%d", i);
            put(d, index);

        } else {
            for (s = child->string; *s != '\0'; s++) {
                index[0] = *s;
                index[1] = '\0';
                put(d, *s == '~' ? "~0" : *s == '/' ? "~1" : index);
            }
        }

        item = child;
    }
}


/* the plain way: what the pointer leads to in the tree, or NULL */

static const cJSON *
look_up(const cJSON *item, const document_t *pointer)
{
    size_t        i, n;
    char          step[ROOM], index[16];
    const cJSON  *child, *found;

    for (i = 0; i < pointer->len; /* void */ ) {

        if (pointer->text[i++] != '/') {
            return NULL;
        }

        for (n = 0; i < pointer->len && pointer->text[i] != '/'; i++) {

            step[n] = pointer->text[i];

            if (step[n] == '~') {
                step[n] = pointer->text[++i] == '0' ? '~' : '/';
            }

            n++;
        }

        step[n] = '\0';
        found = NULL;
        n = 0;

        cJSON_ArrayForEach(child, item) {
            sprintf(index, "%d", (int) n++);

            if (strcmp(step, cJSON_IsArray(item) ? index : child->string)
                != 0)
            {
                continue;
            }

            if (found != NULL) {
                return NULL;
            }

            found = child;
        }

        if (found == NULL) {
            return NULL;
        }

        item = found;
    }

    return item;
}


static int
is_item(const ngx_kafka_ws_json_value_t *value, const cJSON *item)
{
    int       good;
    size_t    len;
    char      number[64];
    uint8_t  *p;

    p = decoded(value, &len);

    if (item == NULL || cJSON_IsNull(item) || cJSON_IsArray(item)
        || cJSON_IsObject(item))
    {
        return p == NULL;
    }

    if (p == NULL) {
        return 0;
    }

    if (cJSON_IsString(item)) {
        good = value->string && len == strlen(item->valuestring)
               && memcmp(p, item->valuestring, len) == 0;

    } else if (cJSON_IsNumber(item)) {
        memcpy(number, p, len);
        number[len] = '\0';
        good = !value->string && strtod(number, NULL) == item->valuedouble;

    } else {
        good = !value->string && *p == (cJSON_IsTrue(item) ? 't' : 'f');
    }

    guard_free(p, value->text.len);

    return good;
}


static void
test_random(void)
{
    size_t                      i, j, bad, values_found;
    cJSON                      *tree;
    uint8_t                    *text;
    const cJSON                *item;
    ngx_kafka_ws_span_t         s[MAX];
    ngx_kafka_ws_json_value_t   values[MAX];

    static document_t  doc, pointers[MAX];

    bad = 0;
    values_found = 0;

    for (i = 0; i < DOCUMENTS; i++) {
        doc.len = 0;
        put_value(&doc, 0);
        text = guard_copy(doc.text, doc.len);
        tree = cJSON_ParseWithLength(doc.text, doc.len);

        if (tree == NULL) {
            printf("# cJSON: %.*s\n", (int) doc.len, doc.text);
            bad++;
            continue;
        }

        for (j = 0; j < MAX; j++) {
            put_pointer(&pointers[j], tree);
            s[j].data = (const uint8_t *) pointers[j].text;
            s[j].len = pointers[j].len;
        }

        ngx_kafka_ws_json_find(text, doc.len, s, MAX, values);

        for (j = 0; j < MAX; j++) {
            item = look_up(tree, &pointers[j]);
            values_found += values[j].text.data != NULL;

            if (!is_item(&values[j], item)) {
                printf("# \"%.*s\" in %.*s\n", (int) s[j].len, s[j].data,
                       (int) doc.len, doc.text);
                bad++;
            }
        }

        cJSON_Delete(tree);
        guard_free(text, doc.len);
    }

    is_int(bad, 0, "%d random documents as cJSON has them", DOCUMENTS);
    ok(values_found > DOCUMENTS, "with %zu values", values_found);
}
