
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_header.h"


#define TRACE_MAX   1024
#define LONG        (1024 * 1024)

#define nelts(a)    (sizeof(a) / sizeof(a[0]))
#define text(s)     s, sizeof(s) - 1


/*
 * what is found, each followed by a semicolon: tokens as they are, an
 * extension as its name, a blank and name or name=value for each
 * parameter; "!" where the line becomes unreadable
 */

static const struct {
    const char  *line;
    size_t       len;
    const char  *found;
} lists[] = {
    { text(""), "" },
    { text(" \t "), "" },
    { text(","), "" },
    { text(" , ,\t,"), "" },
    { text("a"), "a;" },
    { text("\ta "), "a;" },
    { text("a,b"), "a;b;" },
    { text(",a, ,b ,"), "a;b;" },
    { text("a,a"), "a;a;" },
    { text("!#$%&'*+-.^_`|~09azAZ"), "!#$%&'*+-.^_`|~09azAZ;" },
    { text("a b"), "!" },
    { text("a,b c"), "a;!" },
    { text("a,b c,d"), "a;!" },
    { text("a;b"), "!" },
    { text("a,;"), "a;!" },
    { text("\"a\""), "!" },
    { text("a=b"), "!" },
    { text("a/1"), "!" },
    { text("a@b"), "!" },
    { text("(a)"), "!" },
    { text("a\0b"), "!" },
    { text("\0"), "!" },
    { text("a\x7f"), "!" },
    { text("\xc3\xa9"), "!" },
    { text("a\x80"), "!" },
    { text("a\x0b"), "!" },
    { text("a\r"), "!" },
}, extensions[] = {
    { text(""), "" },
    { text(" ,\t, "), "" },
    { text("a"), "a;" },
    { text(" a , b "), "a;b;" },
    { text(",,a,,"), "a;" },
    { text("a;p"), "a p;" },
    { text("a ; p ; q"), "a p q;" },
    { text("a;p,b;q"), "a p;b q;" },
    { text("a;p=1"), "a p=1;" },
    { text("a;p = 1 ,b"), "a p=1;b;" },
    { text("a;p\t=\t1\t;\tq"), "a p=1 q;" },
    { text("a;p=1;p=2;p"), "a p=1 p=2 p;" },
    { text("a;p=\"1\""), "a p=1;" },
    { text("a;p=\"12\" ;q=\"x\",b"), "a p=12 q=x;b;" },
    { text("a;p=\"\\1\\2\""), "a p=12;" },
    { text("a;p=\"1\\2\""), "a p=12;" },
    { text("a;p=\"x\\yz\""), "a p=xyz;" },
    { text("a;p=-"), "a p=-;" },
    { text("permessage-deflate; client_max_window_bits"),
      "permessage-deflate client_max_window_bits;" },
    { text("a;"), "!" },
    { text("a; "), "!" },
    { text("a;,b"), "!" },
    { text("a;;p"), "!" },
    { text("a;p;"), "!" },
    { text(";p"), "!" },
    { text("=p"), "!" },
    { text("a=1"), "!" },
    { text("a b"), "!" },
    { text("a;p q"), "!" },
    { text("a;p="), "!" },
    { text("a;p= "), "!" },
    { text("a;p=,b"), "!" },
    { text("a;p=;q"), "!" },
    { text("a;p==1"), "!" },
    { text("a;p=1 2"), "!" },
    { text("a;p=1\""), "!" },
    { text("a;p=1\"2\""), "!" },
    { text("a;=1"), "!" },
    { text("a;\"p\""), "!" },
    { text("\"a\""), "!" },
    { text("a;p=\""), "!" },
    { text("a;p=\"\""), "!" },
    { text("a;p=\"1"), "!" },
    { text("a;p=\"1\\"), "!" },
    { text("a;p=\"\\\""), "!" },
    { text("a;p=\"\\\"\""), "!" },
    { text("a;p=\"\\\\\""), "!" },
    { text("a;p=\"1\\\\\""), "!" },
    { text("a;p=\"\\ \""), "!" },
    { text("a;p=\"1 2\""), "!" },
    { text("a;p=\" 1\""), "!" },
    { text("a;p=\"1,2\""), "!" },
    { text("a;p=\"1;2\""), "!" },
    { text("a;p=\"1\"2"), "!" },
    { text("a;p=\"1\"\"2\""), "!" },
    { text("a;p='1'"), "a p='1';" },
    { text("a/b"), "!" },
    { text("a;p=/"), "!" },
    { text("a,b;"), "a;!" },
    { text("a;p=1,b;q=\"x,c"), "a p=1;!" },
    { text("a\0;p"), "!" },
    { text("a;p=\"\0\""), "!" },
    { text("a;p=\"\\\0\""), "!" },
    { text("a;p=\xff"), "!" },
};


static const struct {
    const char  *line;
    size_t       len;
    const char  *name;
    int          has;
} names[] = {
    { text("upgrade"), "upgrade", 1 },
    { text("Upgrade"), "upgrade", 1 },
    { text("UPGRADE\t"), "upgrade", 1 },
    { text("keep-alive, Upgrade"), "upgrade", 1 },
    { text("Upgrade,keep-alive"), "upgrade", 1 },
    { text(",, upgrade ,"), "upgrade", 1 },
    { text("a b, c;d=\"e\", upgrade"), "upgrade", 1 },
    { text("@,upgrade"), "upgrade", 1 },
    { text("a-z_0"), "a-z_0", 1 },
    { text(""), "upgrade", 0 },
    { text(","), "upgrade", 0 },
    { text("upgrad"), "upgrade", 0 },
    { text("upgrades"), "upgrade", 0 },
    { text("xupgrade"), "upgrade", 0 },
    { text("up grade"), "upgrade", 0 },
    { text("upgrade x"), "upgrade", 0 },
    { text("x upgrade"), "upgrade", 0 },
    { text("upgrade;x"), "upgrade", 0 },
    { text("upgrade/1"), "upgrade", 0 },
    { text("upgrade\0"), "upgrade", 0 },
    { text("\"upgrade\""), "upgrade", 0 },
    { text("up\\grade"), "upgrade", 0 },
    { text("u\x90grade"), "upgrade", 0 },
    { text("a-z\x7f" "0"), "a-z_0", 0 },
    { text("a\rz_0"), "a-z_0", 0 },
};


static void
put(char *trace, const uint8_t *p, size_t n)
{
    size_t  len;

    len = strlen(trace);

    if (n >= TRACE_MAX - len) {
        fprintf(stderr, "trace too long\n");
        exit(2);
    }

    memcpy(trace + len, p, n);
    trace[len + n] = '\0';
}


static void
put_text(char *trace, const char *s)
{
    put(trace, (const uint8_t *) s, strlen(s));
}


static void
trace_list(char *trace, const uint8_t *p, const uint8_t *last)
{
    int                  rc;
    ngx_kafka_ws_span_t  token;

    trace[0] = '\0';

    for ( ;; ) {
        rc = ngx_kafka_ws_header_list(&p, last, &token);

        if (rc != NGX_KAFKA_WS_HEADER_ITEM) {
            break;
        }

        put(trace, token.data, token.len);
        put_text(trace, ";");
    }

    put_text(trace, rc == NGX_KAFKA_WS_HEADER_BAD ? "!" : "");
}


static void
trace_extensions(char *trace, const uint8_t *p, const uint8_t *last)
{
    int                       rc, prc;
    size_t                    n;
    uint8_t                   value[64];
    ngx_kafka_ws_param_t      param;
    ngx_kafka_ws_extension_t  ext;

    trace[0] = '\0';

    for ( ;; ) {
        rc = ngx_kafka_ws_header_extension(&p, last, &ext);

        if (rc != NGX_KAFKA_WS_HEADER_ITEM) {
            break;
        }

        put(trace, ext.name.data, ext.name.len);

        for ( ;; ) {
            prc = ngx_kafka_ws_header_param(&ext, &param);

            if (prc != NGX_KAFKA_WS_HEADER_ITEM) {
                break;
            }

            put_text(trace, " ");
            put(trace, param.name.data, param.name.len);

            n = ngx_kafka_ws_header_value(&param, value, sizeof(value));

            if (n) {
                put_text(trace, "=");
                put(trace, value, n);
            }
        }

        put_text(trace, prc == NGX_KAFKA_WS_HEADER_END ? ";" : "?");
    }

    put_text(trace, rc == NGX_KAFKA_WS_HEADER_BAD ? "!" : "");
}


/* a value longer than the caller's buffer: its length, and no byte more */

static void
test_value(void)
{
    size_t                     n;
    uint8_t                   *p, *line, buf[2];
    const uint8_t             *pos;
    ngx_kafka_ws_param_t       param;
    ngx_kafka_ws_extension_t   ext;

    line = guard_copy("a;p=\"\\1\\0\\0\"", 12);
    pos = line;

    (void) ngx_kafka_ws_header_extension(&pos, line + 12, &ext);
    (void) ngx_kafka_ws_header_param(&ext, &param);

    p = guard_new(2);
    n = ngx_kafka_ws_header_value(&param, p, 2);

    is_int(n, 3, "a value is as long as it is without backslashes");
    is_mem(p, 2, "10", 2, "as much of it as fits is copied");

    n = ngx_kafka_ws_header_value(&param, buf, 0);

    is_int(n, 3, "a value's length is told without a buffer");

    guard_free(p, 2);
    guard_free(line, 12);
}


/* a megabyte of one kind each; were any quadratic, this would take hours */

static void
test_long(void)
{
    int                        rc, has;
    size_t                     i, j, n;
    uint8_t                   *line;
    const uint8_t             *p, *last;
    ngx_kafka_ws_span_t        token;
    ngx_kafka_ws_param_t       param;
    ngx_kafka_ws_extension_t   ext;

    static const struct {
        const char  *unit;
        size_t       tokens, extensions, params;
    } units[] = {
        { ",", 0, 0, 0 },
        { " ", 0, 0, 0 },
        { "a", 1, 1, 0 },
        { "a,", LONG / 2, LONG / 2, 0 },
        { "a;a,", 0, LONG / 4, LONG / 4 },
        { ";a=\"\\b\"", 0, 1, LONG / 7 },
    };

    line = guard_new(LONG);
    last = line + LONG;

    for (i = 0; i < nelts(units); i++) {
        n = strlen(units[i].unit);

        for (j = 0; j < LONG; j++) {
            line[j] = (uint8_t) units[i].unit[j % n];
        }

        /* what is cut at the end gives way to a name for the parameters */

        if (units[i].unit[0] == ';') {
            j = LONG % n;
            memmove(line + j, line, LONG - j);
            memset(line, 'a', j);
        }

        p = line;
        n = 0;

        do {
            rc = ngx_kafka_ws_header_list(&p, last, &token);
            n += (rc == NGX_KAFKA_WS_HEADER_ITEM);
        } while (rc == NGX_KAFKA_WS_HEADER_ITEM);

        is_int(n, units[i].tokens, "tokens of 1M of \"%s\"", units[i].unit);

        p = line;
        n = 0;
        j = 0;

        for ( ;; ) {
            rc = ngx_kafka_ws_header_extension(&p, last, &ext);

            if (rc != NGX_KAFKA_WS_HEADER_ITEM) {
                break;
            }

            n++;

            while (ngx_kafka_ws_header_param(&ext, &param)
                   == NGX_KAFKA_WS_HEADER_ITEM)
            {
                j++;
            }
        }

        is_int(n, units[i].extensions, "extensions of 1M of \"%s\"",
               units[i].unit);
        is_int(j, units[i].params, "parameters of 1M of \"%s\"",
               units[i].unit);

        has = ngx_kafka_ws_header_has(line, last, "upgrade");

        ok(!has, "1M of \"%s\" does not have upgrade", units[i].unit);
    }

    guard_free(line, LONG);
}


int
main(void)
{
    int       has;
    char      trace[TRACE_MAX];
    size_t    i;
    uint8_t  *p;

    for (i = 0; i < nelts(lists); i++) {
        p = guard_copy(lists[i].line, lists[i].len);
        trace_list(trace, p, p + lists[i].len);
        guard_free(p, lists[i].len);

        is_mem(trace, strlen(trace), lists[i].found, strlen(lists[i].found),
               "tokens %zu: %s", i, lists[i].line);
    }

    for (i = 0; i < nelts(extensions); i++) {
        p = guard_copy(extensions[i].line, extensions[i].len);
        trace_extensions(trace, p, p + extensions[i].len);
        guard_free(p, extensions[i].len);

        is_mem(trace, strlen(trace), extensions[i].found,
               strlen(extensions[i].found),
               "extensions %zu: %s", i, extensions[i].line);
    }

    for (i = 0; i < nelts(names); i++) {
        p = guard_copy(names[i].line, names[i].len);
        has = ngx_kafka_ws_header_has(p, p + names[i].len, names[i].name);
        guard_free(p, names[i].len);

        is_int(has, names[i].has, "has %zu: %s", i, names[i].line);
    }

    test_value();
    test_long();

    return tap_done(nelts(lists) + nelts(extensions) + nelts(names) + 3 + 24);
}
