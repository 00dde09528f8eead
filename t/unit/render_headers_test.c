
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which headers of a record are rendered, and as what: few and many, all and
 * by name.
 */


#include "guard.h"
#include "tap.h"

#include <time.h>

#include <cjson/cJSON.h>

#include "rendered.h"


#define MANY  100000


static void test_headers(void);
static void headers_are(const char *name, const char *want, size_t nnames);
static void test_random(void);
static void test_many(void);


static ngx_kafka_ws_header_t  headers[] = {
    { TEXT("a"), TEXT("1") },
    { TEXT("b"), TEXT("first") },
    { TEXT("none"), { NULL, 0 } },
    { TEXT("empty"), TEXT("") },
    { TEXT("b"), TEXT("second") },
    { TEXT("bin"), TEXT("\xff\x00") },
    { TEXT("q\"\\\n"), TEXT("\"\0\"") },
    { TEXT("bad\x80name"), TEXT("x") },
    { TEXT(""), TEXT("no name") },
    { TEXT("a"), TEXT("last") },
    { TEXT("json"), TEXT("{\"a\":1}") },
    { TEXT("\xe2\x80\xa8"), TEXT("\xc3\xa9") },
    { TEXT("twice"), TEXT("text") },
    { TEXT("twice"), { NULL, 0 } }
};

static ngx_kafka_ws_span_t  names[] = {
    TEXT("twice"), TEXT("b"), TEXT("lacking"), TEXT("none"), TEXT("b")
};


int
main(void)
{
    test_headers();
    test_random();
    test_many();

    return tap_done(21);
}


static void
test_headers(void)
{
    headers_are("repeated, null, empty, binary, odd names",
                "\"none\":null,\"empty\":\"\",\"b\":\"second\","
                "\"bin\":{\"base64\":\"/wA=\"},"
                "\"q\\\"\\\\\\n\":\"\\\"\\u0000\\\"\","
                "\"bad\xef\xbf\xbdname\":\"x\",\"\":\"no name\","
                "\"a\":\"last\",\"json\":\"{\\\"a\\\":1}\","
                "\"\xe2\x80\xa8\":\"\xc3\xa9\",\"twice\":null", 0);

    headers_are("chosen by name, in the record's order",
                "\"none\":null,\"b\":\"second\",\"twice\":null", 5);
    headers_are("one by name", "\"twice\":null", 1);
}


/* the same headers alone, and before and after so many that they are sorted */

static void
headers_are(const char *name, const char *want, size_t nnames)
{
    char                       got[4096], all[4096], *p;
    cJSON                     *doc;
    size_t                     i, n, round;
    char                       filler[60][8];
    ngx_kafka_ws_header_t      h[80];
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    r.fields = NGX_KAFKA_WS_FIELD_HEADERS;
    r.names = names;
    r.nnames = nnames;
    rec.headers = h;

    for (round = 0; round < 3; round++) {
        n = 0;
        p = all + sprintf(all, "{\"headers\":{");

        for (i = 0; round == 1 && i < 60; i++) {
            sprintf(filler[i], "%s%zu", i % 7 == 0 ? "b" : "f", i);
            h[n].name = SPAN(filler[i]);
            h[n++].value = SPAN("v");
            p += nnames ? 0 : sprintf(p, "\"%s\":\"v\",", filler[i]);
        }

        memcpy(h + n, headers, sizeof(headers));
        n += sizeof(headers) / sizeof(headers[0]);
        p += sprintf(p, "%s", want);

        for (i = 0; round == 2 && i < 60; i++) {
            sprintf(filler[i], "%zu", 100 + i * 37 % 60);
            h[n].name = SPAN(filler[i]);
            h[n++].value = SPAN("v");
            p += nnames ? 0 : sprintf(p, ",\"%s\":\"v\"", filler[i]);
        }

        strcpy(p, "}}");
        rec.nheaders = n;
        n = payload_of(&r, &rec, got);

        is_mem(got, n, all, strlen(all), "headers: %s, of %zu", name,
               rec.nheaders);

        doc = cJSON_ParseWithLength(got, n);
        ok(doc != NULL, "and a parser takes them");
        cJSON_Delete(doc);
    }
}


/* names out of a few, against the plain way to find the last of each */

static void
test_random(void)
{
    char                       got[4096], want[4096], *p, value[64][4];
    size_t                     i, j, k, round, bad;
    uint32_t                   seed;
    ngx_kafka_ws_header_t      h[64];
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    static const char         *few[] = { "a", "b", "ab", "ba", "", "abc",
                                         "abd", "c" };

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    r.fields = NGX_KAFKA_WS_FIELD_HEADERS;
    rec.headers = h;
    seed = 7;
    bad = 0;

    for (round = 0; round < 2000; round++) {
        rec.nheaders = round % 65;

        for (i = 0; i < rec.nheaders; i++) {
            seed = seed * 1664525 + 1013904223;
            h[i].name = SPAN(few[(seed >> 16) % 8]);
            sprintf(value[i], "%zu", i);
            h[i].value = SPAN(value[i]);
        }

        p = want + sprintf(want, "{\"headers\":{");
        k = 0;

        for (i = 0; i < rec.nheaders; i++) {

            for (j = i + 1; j < rec.nheaders; j++) {
                if (h[i].name.data == h[j].name.data) {
                    break;
                }
            }

            if (j == rec.nheaders) {
                p += sprintf(p, "%s\"%s\":\"%zu\"", k++ ? "," : "",
                             (const char *) h[i].name.data, i);
            }
        }

        strcpy(p, "}}");
        (void) payload_of(&r, &rec, got);
        bad += strcmp(got, want) != 0;
    }

    is_int(bad, 0, "of 2000 random lists the last of each name is taken");
}


static void
test_many(void)
{
    char                      *got, (*text)[8];
    size_t                     i, n;
    clock_t                    start;
    ngx_kafka_ws_header_t     *h;
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));

    h = calloc(MANY, sizeof(*h));
    text = calloc(MANY, sizeof(*text));
    got = malloc(MANY * 24);

    for (i = 0; i < MANY; i++) {
        sprintf(text[i], "%06zu", i * 7919 % MANY);
        h[i].name = SPAN(text[i]);
        h[i].value = SPAN("v");
    }

    r.fields = NGX_KAFKA_WS_FIELD_HEADERS;
    rec.headers = h;
    rec.nheaders = MANY;

    start = clock();
    n = payload_of(&r, &rec, got);

    is_int(n, 14 + MANY * 13 - 1, "100000 headers are all there");
    ok(clock() - start < 5 * CLOCKS_PER_SEC,
       "in less than 5 s, though 10^10 compares would take longer");

    free(h);
    free(text);
    free(got);
}
