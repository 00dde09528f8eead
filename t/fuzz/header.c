
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Values of a handshake's headers: lists of tokens, lists of extensions, a
 * name that is looked for.  A second reader cuts the line at its commas, then
 * at semicolons, then at the first "=", which the iterators never do; both
 * have to find the same, and to become unable to read on at the same element.
 *
 * Input: a byte that says where the name to look for is taken from, the line.
 */


#include "fuzz.h"
#include "pieces.h"

#include <strings.h>

#include "ngx_kafka_ws_header.h"


#define BAD   NGX_KAFKA_WS_HEADER_BAD
#define END   NGX_KAFKA_WS_HEADER_END
#define ITEM  NGX_KAFKA_WS_HEADER_ITEM


static int
same(const ngx_kafka_ws_span_t *s, const piece_t *t)
{
    return s->data == t->p && s->len == (size_t) (t->last - t->p);
}


static void
check_list(const uint8_t *line, const uint8_t *last)
{
    int                   rc;
    piece_t               rest, piece;
    ngx_kafka_ws_span_t   token;
    const uint8_t        *p;

    p = line;
    rest.p = line;
    rest.last = last;

    while (cut(&rest, ',', &piece)) {

        if (piece.p == piece.last) {
            continue;
        }

        rc = ngx_kafka_ws_header_list(&p, last, &token);

        if (!is_token(&piece)) {
            promise(rc == BAD);
            return;
        }

        promise(rc == ITEM && same(&token, &piece));
        promise(p >= piece.last && p <= last);
    }

    promise(ngx_kafka_ws_header_list(&p, last, &token) == END);
    promise(p == last);
    promise(ngx_kafka_ws_header_list(&p, last, &token) == END);
}


static void
check_value(const ngx_kafka_ws_param_t *param, const piece_t *want)
{
    size_t    i, n, size;
    uint8_t  *plain, *buf;

    size = (size_t) (want->last - want->p);
    plain = fuzz_alloc(size);
    n = plain_value(*want, plain);

    for (i = 0; i <= n; i += n ? n : 1) {
        buf = fuzz_alloc(i);
        promise(ngx_kafka_ws_header_value(param, buf, i) == n);
        promise(i == 0 || memcmp(buf, plain, i) == 0);
        free(buf);
    }

    if (n > 1) {
        buf = fuzz_alloc(n - 1);
        promise(ngx_kafka_ws_header_value(param, buf, n - 1) == n);
        promise(memcmp(buf, plain, n - 1) == 0);
        free(buf);
    }

    free(plain);
}


/* 0: bad; the parameters are compared if ext is given */

static int
walk_params(piece_t rest, ngx_kafka_ws_extension_t *ext)
{
    piece_t               part, name, value;
    ngx_kafka_ws_param_t  param;

    while (cut(&rest, ';', &part)) {

        if (!cut_param(part, &name, &value)) {
            return 0;
        }

        if (ext == NULL) {
            continue;
        }

        promise(ngx_kafka_ws_header_param(ext, &param) == ITEM);
        promise(same(&param.name, &name));

        if (value.p == NULL) {
            promise(param.value.data == NULL && param.value.len == 0);
            promise(ngx_kafka_ws_header_value(&param, NULL, 0) == 0);

        } else {
            check_value(&param, &value);
        }
    }

    promise(ext == NULL || ngx_kafka_ws_header_param(ext, &param) == END);

    return 1;
}


static void
check_extensions(const uint8_t *line, const uint8_t *last)
{
    int                        rc;
    piece_t                    rest, piece, name, params;
    const uint8_t             *p;
    ngx_kafka_ws_extension_t   ext;

    p = line;
    rest.p = line;
    rest.last = last;

    while (cut(&rest, ',', &piece)) {

        if (piece.p == piece.last) {
            continue;
        }

        rc = ngx_kafka_ws_header_extension(&p, last, &ext);
        params = piece;
        (void) cut(&params, ';', &name);

        if (!is_token(&name) || !walk_params(params, NULL)) {
            promise(rc == BAD);
            return;
        }

        promise(rc == ITEM && same(&ext.name, &name));
        (void) walk_params(params, &ext);
        promise(p >= piece.last && p <= last);
    }

    promise(ngx_kafka_ws_header_extension(&p, last, &ext) == END);
    promise(p == last);
}


static void
check_has(const uint8_t *line, const uint8_t *last, const char *name)
{
    int      found;
    piece_t  rest, piece;

    found = 0;
    rest.p = line;
    rest.last = last;

    while (cut(&rest, ',', &piece)) {
        found |= (size_t) (piece.last - piece.p) == strlen(name)
                 && strncasecmp((const char *) piece.p, name, strlen(name))
                    == 0;
    }

    promise(ngx_kafka_ws_header_has(line, last, name) == found);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      name[32];
    size_t    n, from;
    uint8_t  *line, *last;

    if (size == 0) {
        return -1;
    }

    from = data[0];
    n = size - 1;
    line = fuzz_copy(data + 1, n);
    last = line + n;

    check_list(line, last);
    check_extensions(line, last);
    check_has(line, last, "upgrade");
    check_has(line, last, "websocket");

    /* a name that the line has, if there is a token at that place */

    for (n = 0; line + from < last && n < sizeof(name) - 1; from++, n++) {

        if (!is_tchar(line[from])) {
            break;
        }

        name[n] = (char) (line[from] >= 'A' && line[from] <= 'Z'
                          ? line[from] + 32 : line[from]);
    }

    if (n != 0) {
        name[n] = '\0';
        check_has(line, last, name);
    }

    free(line);

    return 0;
}
