
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_query.h"


#define count(a)  (sizeof(a) / sizeof(a[0]))


/* out: NULL: refused at pos */

static const struct {
    const char  *in;
    const char  *out;
    size_t       pos;
} escapes[] = {
    { "", "", 0 },
    { "0:42", "0:42", 0 },
    { "0%3A42%2c3%3a18", "0:42,3:18", 0 },
    { "%30%3a%31", "0:1", 0 },
    { "%ff+%7E", "\xff+~", 0 },
    { "%2530", "%30", 0 },
    { "%", NULL, 0 },
    { "0%", NULL, 1 },
    { "0%3", NULL, 1 },
    { "0%3g", NULL, 1 },
    { "0%g3", NULL, 1 },
    { "0%3a%%3a", NULL, 4 },
    { "%-1", NULL, 0 },
    { "%0x", NULL, 0 },
};


/* found: 0: value is not looked at */

static const struct {
    const char  *text;
    const char  *name;
    unsigned     found;
    const char  *value;
} arguments[] = {
    { "", "key", 0, "" },
    { "key=alice", "key", 1, "alice" },
    { "a=1&key=alice&b=2", "key", 1, "alice" },
    { "a=1&key=alice", "key", 1, "alice" },
    { "key=", "key", 1, "" },
    { "key", "key", 1, "" },
    { "key&a=1", "key", 1, "" },
    { "a=1&key", "key", 1, "" },
    { "key=a=b", "key", 1, "a=b" },
    { "key=%61%26", "key", 1, "%61%26" },
    { "key=%", "key", 1, "%" },

    /* other names */
    { "Key=a&KEY=b", "key", 0, "" },
    { "keys=a&ke=b&=c&xkey=d", "key", 0, "" },
    { "a=key&b=key=1", "key", 0, "" },
    { "a=1;key=b", "key", 0, "" },
    { "key%00=a&%00key=b", "key", 0, "" },
    { " key=a&+key=b", "key", 0, "" },
    { "&&&", "key", 0, "" },

    /* decoded once */
    { "%6b%65%79=a", "key", 1, "a" },
    { "%6Be%79=a", "key", 1, "a" },
    { "%256bey=a", "key", 0, "" },
    { "header%3Auser=bob", "header:user", 1, "bob" },
    { "header:user=bob", "header:user", 1, "bob" },
    { "json:/a/b=1", "json:/a/b", 1, "1" },
    { "json%3a%2Fa%2fb=1", "json:/a/b", 1, "1" },
    { "json:/a~1b=1&json:/a/b=2", "json:/a~1b", 1, "1" },
    { "header:a%26b=1", "header:a&b", 1, "1" },
    { "header:a%3Db=1", "header:a=b", 1, "1" },
    { "header:a=b=1", "header:a", 1, "b=1" },
    { "header:%ff=1", "header:\xff", 1, "1" },

    /* what cannot be decoded is nobody's */
    { "ke%=a&ke%7=b&%6gey=c&key%=d", "key", 0, "" },
    { "100%=a", "100%", 0, "" },
    { "100%25=a", "100%", 1, "a" },
    { "k%=1&key=a", "key", 1, "a" },

    /* the first, and how many there are */
    { "key=a&key=b", "key", 2, "a" },
    { "key=a&key=a", "key", 2, "a" },
    { "key=a&%6bey", "key", 2, "a" },
    { "key&key=a", "key", 2, "" },
    { "key=a&x=1&k%65y=b&key=c", "key", 3, "a" },
    { "&=&key=a&&key&", "key", 2, "a" },
};


/* name: what an argument's begins with; begins: and what does not */

static const struct {
    const char  *name;
    const char  *with;
    int          begins;
} beginnings[] = {
    { "header:user", "header:", 1 },
    { "header:", "header:", 1 },
    { "header", "header:", 0 },
    { "Header:user", "header:", 0 },
    { "xheader:user", "header:", 0 },
    { "", "header:", 0 },
    { "header%3auser", "header:", 1 },
    { "%68%65ader%3Auser", "header:", 1 },
    { "header%253auser", "header:", 0 },
    { "header:%", "header:", 1 },
    { "header:%zz", "header:", 1 },
    { "header%3", "header:", 0 },
    { "header%", "header:", 0 },
    { "head%00er:", "header:", 0 },
};


/* what is asked of the two functions: an argument of that name */

static unsigned
find(const uint8_t *p, size_t n, const ngx_kafka_ws_span_t *that,
    ngx_kafka_ws_span_t *value)
{
    unsigned              found;
    const uint8_t        *last;
    ngx_kafka_ws_span_t   name, other;

    found = 0;
    last = p + n;

    while (ngx_kafka_ws_query_next(&p, last, &name, &other)) {

        if (ngx_kafka_ws_query_is(&name, that) && found++ == 0) {
            *value = other;
        }
    }

    return found;
}


static void
test_escapes(void)
{
    int       good;
    size_t    i, n, len, pos;
    uint8_t  *p;

    for (i = 0; i < count(escapes); i++) {
        len = strlen(escapes[i].in);
        p = guard_copy(escapes[i].in, len);
        n = len;
        pos = 99;

        good = ngx_kafka_ws_query_unescape(p, &n, &pos);

        if (escapes[i].out == NULL) {
            ok(!good && pos == escapes[i].pos, "\"%s\" is refused at %zu",
               escapes[i].in, escapes[i].pos);

        } else {
            is_mem(p, good ? n : 99, escapes[i].out, strlen(escapes[i].out),
                   "\"%s\" is unescaped", escapes[i].in);
        }

        guard_free(p, len);
    }
}


static void
test_find(void)
{
    size_t                i, len;
    uint8_t              *p;
    unsigned              found;
    ngx_kafka_ws_span_t   name, value;

    for (i = 0; i < count(arguments); i++) {
        len = strlen(arguments[i].text);
        p = guard_copy(arguments[i].text, len);

        name.data = (const uint8_t *) arguments[i].name;
        name.len = strlen(arguments[i].name);
        value.data = p;
        value.len = 0;

        found = find(p, len, &name, &value);

        is_mem(value.data, found == arguments[i].found ? value.len : 99,
               arguments[i].value, strlen(arguments[i].value),
               "\"%s\" in \"%s\": %u", arguments[i].name, arguments[i].text,
               arguments[i].found);

        guard_free(p, len);
    }
}


static void
test_begins(void)
{
    int                   begins;
    size_t                i;
    uint8_t              *p;
    ngx_kafka_ws_span_t   name, with;

    for (i = 0; i < count(beginnings); i++) {
        name.len = strlen(beginnings[i].name);
        p = guard_copy(beginnings[i].name, name.len);
        name.data = p;

        with.data = (const uint8_t *) beginnings[i].with;
        with.len = strlen(beginnings[i].with);

        begins = ngx_kafka_ws_query_begins(&name, &with);

        ok(begins == beginnings[i].begins, "\"%s\" %s with \"%s\"",
           beginnings[i].name, beginnings[i].begins ? "begins"
           : "does not begin", beginnings[i].with);

        guard_free(p, name.len);
    }
}


int
main(void)
{
    test_escapes();
    test_find();
    test_begins();

    return tap_done((int) (count(escapes) + count(arguments)
                           + count(beginnings)));
}
