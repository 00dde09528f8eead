
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Commands of clients that are refused: why, where, and with which id.
 */


#include "guard.h"
#include "tap.h"

#include "command_refused.h"


static int test_orders(void);
static int test_twice(void);
static int test_depth(void);


static const refused_t  syntax[] = {
    { text(""), ESYNTAX, "not a JSON object", "", "" },
    { text(" "), ESYNTAX, "not a JSON object", "", "" },
    { text("[]"), ESYNTAX, "not a JSON object", "[]", "" },
    { text(" 1"), ESYNTAX, "not a JSON object", "1", "" },
    { text("\"a\""), ESYNTAX, "not a JSON object", "\"a", "" },
    { text("null"), ESYNTAX, "not a JSON object", "null", "" },
    { text("subscribe"), ESYNTAX, "not a JSON object", "sub", "" },
    { text("\xef\xbb\xbf{}"), ESYNTAX, "not a JSON object", "\xef", "" },
    { text("{"), ESYNTAX, "unexpected end", "", "" },
    { text("}"), ESYNTAX, "not a JSON object", "}", "" },
    { text("{,"), ESYNTAX, "unexpected character", ",", "" },
    { text("{id:1}"), ESYNTAX, "unexpected character", "id", "" },
    { text("{'id':1}"), ESYNTAX, "unexpected character", "'id", "" },
    { text("{1:1}"), ESYNTAX, "unexpected character", "1:", "" },
    { text("{\"id\"}"), ESYNTAX, "unexpected character", "}", "" },
    { text("{\"id\" 1}"), ESYNTAX, "unexpected character", "1}", "" },
    { text("{\"id\"=1}"), ESYNTAX, "unexpected character", "=1", "" },
    { text("{\"id\":}"), ESYNTAX, "unexpected character", "}", "" },
    { text("{\"id\":,"), ESYNTAX, "unexpected character", ",", "" },
    { text("{\"id\":"), ESYNTAX, "unexpected end", "", "" },
    { text("{\"id\":'a'}"), ESYNTAX, "unexpected character", "'a", "" },
    { text("{\"id\":+1}"), ESYNTAX, "unexpected character", "+1", "" },
    { text("{\"id\":1"), ESYNTAX, "unexpected end", "", "1" },
    { text("{\"id\":1 "), ESYNTAX, "unexpected end", "", "1" },
    { text("{\"id\":1]"), ESYNTAX, "unexpected character", "]", "1" },
    { text("{\"id\":1,"), ESYNTAX, "unexpected end", "", "1" },
    { text("{\"id\":1,}"), ESYNTAX, "unexpected character", "}", "1" },
    { text("{\"id\":1,,"), ESYNTAX, "unexpected character", ",", "1" },
    { text("{\"id\":1;"), ESYNTAX, "unexpected character", ";", "1" },
    { text("{\"id\":1 2"), ESYNTAX, "unexpected character", "2", "1" },
    { text("{\"id\":1\"a\":"), ESYNTAX, "unexpected character", "\"a", "1" },
    { text("{\"id\":1/**/}"), ESYNTAX, "unexpected character", "/*", "1" },
    { text("{\"id"), ESYNTAX, "string without an end", "\"id", "" },
    { text("{\"id\\"), ESYNTAX, "string without an end", "\"id", "" },
    { text("{\"id\\\""), ESYNTAX, "string without an end", "\"id", "" },
    { text("{\"id\":\"a}"), ESYNTAX, "string without an end", "\"a", "" },
    { text("{\"id\":\"a\n\"}"), ESYNTAX, "not a string of JSON", "\"a", "" },
    { text("{\"id\":\"a\0\"}"), ESYNTAX, "not a string of JSON", "\"a", "" },
    { text("{\"id\":\"\\x\"}"), ESYNTAX, "not a string of JSON", "\"\\", "" },
    { text("{\"id\":\"\\u00e\"}"), ESYNTAX, "not a string of JSON", "\"\\",
      "" },
    { text("{\"id\":\"\\u+0e9\"}"), ESYNTAX, "not a string of JSON", "\"\\",
      "" },
    { text("{\"id\":\"\xff\"}"), ESYNTAX, "not a string of JSON", "\"\xff",
      "" },
    { text("{\"id\":\"\xed\xa0\x80\"}"), ESYNTAX, "not a string of JSON",
      "\"\xed", "" },
    { text("{\"id\":1,\"command\":\"pause\"} x"), ESYNTAX,
      "text behind the object", "x", "1" },
    { text("{\"id\":1,\"command\":\"pause\"}}"), ESYNTAX,
      "text behind the object", "}", "1" },
    { text("{\"id\":1,\"command\":\"pause\"}\0"), ESYNTAX,
      "text behind the object", "", "1" },
    { text("{\"id\":1,\"command\":\"pause\"}{}"), ESYNTAX,
      "text behind the object", "{}", "1" },
    { text("{\"id\":1,\"command\":\"pause\"},"), ESYNTAX,
      "text behind the object", ",", "1" },
    { text("{\"id\":1,\"command\":pause}"), ESYNTAX, "unexpected character",
      "pause", "1" },
    { text(SUB "\"partitions\":[0"), ESYNTAX, "unexpected end", "", "1" },
    { text(SUB "\"partitions\":[0,"), ESYNTAX, "unexpected end", "", "1" },
    { text(SUB "\"partitions\":[0,]}"), ESYNTAX, "unexpected character",
      "]}", "1" },
    { text(SUB "\"partitions\":[,0]}"), ESYNTAX, "unexpected character",
      ",0", "1" },
    { text(SUB "\"partitions\":[0}"), ESYNTAX, "unexpected character", "}",
      "1" },
    { text(SUB "\"partitions\":[0 1]}"), ESYNTAX, "unexpected character",
      "1]", "1" },
    { text(SUB "\"cursor\":{\"0\":1]}"), ESYNTAX, "unexpected character",
      "]}", "1" },
    { text(SUB "\"cursor\":{0:1}}"), ESYNTAX, "unexpected character", "0:",
      "1" },
    { text(SUB "\"filter\":{\"key\":}}"), ESYNTAX, "unexpected character",
      "}}", "1" }
};


static const refused_t  strings[] = {
    { text(SUB "\"topic\":\"a\\u0000\"}"), ESTRING, "NUL in a string",
      "\"a", "1" },
    { text(SUB "\"start\":\"\\u0000a\"}"), ESTRING, "NUL in a string",
      "\"\\u", "1" },
    { text(SUB "\"cursor\":\"\\u0000\"}"), ESTRING, "NUL in a string",
      "\"\\u", "1" },
    { text(SUB "\"cursor\":{\"0\\u0000\":1}}"), ESTRING, "NUL in a string",
      "\"0\\", "1" },
    { text(SUB "\"cursor\":{\"0\":\"1\\u0000\"}}"), ESTRING,
      "NUL in a string", "\"1\\", "1" },
    { text(SUB "\"partitions\":\"0\\u0000\"}"), ESTRING, "NUL in a string",
      "\"0\\", "1" },
    { text(SUB "\"filter\":{\"key\\u0000\":\"a\"}}"), ESTRING,
      "NUL in a string", "\"key\\", "1" },
    { text(SUB "\"filter\":{\"key\":\"a\\u0000\"}}"), ESTRING,
      "NUL in a string", "\"a\\", "1" },
    { text(SEEK "\"partition\":0,\"offset\":\"1\\u0000\"}"), ESTRING,
      "NUL in a string", "\"1\\", "1" },
    { text("{\"id\\u0000\":1}"), ESTRING, "NUL in a string", "\"id", "" },
    { text("{\"id\":\"\\u0000\",\"command\":\"pause\"}"), ESTRING,
      "NUL in a string", "\"\\u", "" },
    { text("{\"id\":1,\"command\":\"pause\\u0000\"}"), ESTRING,
      "NUL in a string", "\"pause", "1" },
    { text(SUB "\"topic\":\"\\ud800\"}"), ESTRING,
      "half of a surrogate pair", "\"\\", "1" },
    { text(SUB "\"topic\":\"\\ud800a\"}"), ESTRING,
      "half of a surrogate pair", "\"\\", "1" },
    { text(SUB "\"topic\":\"\\ud800\\ud800\"}"), ESTRING,
      "half of a surrogate pair", "\"\\", "1" },
    { text(SUB "\"topic\":\"\\uDC00\\uD800\"}"), ESTRING,
      "half of a surrogate pair", "\"\\", "1" },
    { text(SUB "\"topic\":\"\\udfff\"}"), ESTRING,
      "half of a surrogate pair", "\"\\", "1" },
    { text("{\"id\":\"\\ud800\",\"command\":\"pause\"}"), ESTRING,
      "half of a surrogate pair", "\"\\", "" },
    { text("{\"\\ud800\":1,\"id\":2}"), ESTRING, "half of a surrogate pair",
      "\"\\", "2" },
    { text(SUB "\"filter\":{\"header:\\ud800\":\"a\"}}"), ESTRING,
      "half of a surrogate pair", "\"header", "1" }
};


static const refused_t  members[] = {
    { text("{\"id\":1,\"command\":\"\"}"), EUNKNOWN, "unknown command",
      "\"\"}", "1" },
    { text("{\"id\":1,\"command\":\"Pause\"}"), EUNKNOWN, "unknown command",
      "\"Pause", "1" },
    { text("{\"id\":1,\"command\":\"pause \"}"), EUNKNOWN, "unknown command",
      "\"pause ", "1" },
    { text("{\"command\":\"produce\",\"id\":\"a\"}"), EUNKNOWN,
      "unknown command", "\"produce", "\"a\"" },

    { text(SUB "\"Topic\":\"t\"}"), EMEMBER, "unknown member", "\"Topic",
      "1" },
    { text(SUB "\"\":\"t\"}"), EMEMBER, "unknown member", "\"\"", "1" },
    { text(SUB "\"topics\":\"t\"}"), EMEMBER, "unknown member", "\"topics",
      "1" },
    { text(SUB "\"topi\":\"t\"}"), EMEMBER, "unknown member", "\"topi", "1" },
    { text(SUB "\"format\":[[[[0]]]]}"), EMEMBER, "unknown member",
      "\"format", "1" },
    { text("{\"command\":\"pause\",\"id\":1,\"partitions\":0}"), EMEMBER,
      "not a member of this command", "\"partitions", "1" },
    { text("{\"command\":\"pause\",\"id\":1,\"cursor\":\"0:1\"}"), EMEMBER,
      "not a member of this command", "\"cursor", "1" },
    { text("{\"start\":\"latest\",\"command\":\"pause\",\"id\":1}"), EMEMBER,
      "not a member of this command", "\"start", "1" },
    { text("{\"command\":\"resume\",\"id\":1,\"cursor\":\"\"}"), EMEMBER,
      "not a member of this command", "\"cursor", "1" },
    { text("{\"command\":\"unsubscribe\",\"id\":1,\"filter\":{\"key\":"
      "\"a\"}}"), EMEMBER, "not a member of this command", "\"filter", "1" },
    { text("{\"command\":\"unsubscribe\",\"id\":1,\"partition\":0}"),
      EMEMBER, "not a member of this command", "\"partition", "1" },
    { text(SUB "\"partition\":0}"), EMEMBER, "not a member of this command",
      "\"partition", "1" },
    { text(SUB "\"offset\":0,\"partition\":0}"), EMEMBER,
      "not a member of this command", "\"offset", "1" },
    { text(SEEK "\"partitions\":0,\"start\":\"latest\"}"), EMEMBER,
      "not a member of this command", "\"partitions", "1" },
    { text(SEEK "\"start\":\"latest\",\"filter\":{\"key\":\"a\"}}"), EMEMBER,
      "not a member of this command", "\"filter", "1" },

    { text(SEEK "\"start\":\"latest\",\"cursor\":\"0:1\"}"), EMEMBER,
      "one place to seek is enough", "\"cursor", "1" },
    { text(SEEK "\"cursor\":\"0:1\",\"partition\":0,\"offset\":1}"), EMEMBER,
      "one place to seek is enough", "\"offset", "1" },
    { text(SEEK "\"offset\":1,\"start\":\"latest\"}"), EMEMBER,
      "one place to seek is enough", "\"start", "1" },
    { text(SEEK "\"partition\":1,\"offset\":1,\"start\":\"a\"}"), EMEMBER,
      "one place to seek is enough", "\"start", "1" },

    { text("{\"id\":1,\"id\":1}"), EDUPLICATE, "member named twice",
      "\"id\":1}", "1" },
    { text("{\"id\":1,\"\\u0069\\u0064\":2}"), EDUPLICATE,
      "member named twice", "\"\\u", "1" },
    { text("{\"\\u0069d\":1,\"id\":2}"), EDUPLICATE, "member named twice",
      "\"id", "1" },
    { text("{\"id\":1,\"command\":\"pause\",\"command\":\"pause\"}"),
      EDUPLICATE, "member named twice", "\"command\":\"pause\"}", "1" },
    { text(SUB "\"topic\":\"t\",\"topic\":\"t\"}"), EDUPLICATE,
      "member named twice", "\"topic\":\"t\"}", "1" },
    { text(SUB "\"topic\":\"t\",\"to\\u0070ic\":\"u\"}"), EDUPLICATE,
      "member named twice", "\"to\\u", "1" },
    { text(SUB "\"cursor\":\"\",\"cursor\":\"\"}"), EDUPLICATE,
      "member named twice", "\"cursor\":\"\"}", "1" },
    { text(SUB "\"partitions\":0,\"partitions\":0}"), EDUPLICATE,
      "member named twice", "\"partitions\":0}", "1" },
    { text(SUB "\"start\":\"a\",\"start\":\"a\"}"), EDUPLICATE,
      "member named twice", "\"start\":\"a\"}", "1" },
    { text(SUB "\"filter\":{\"key\":\"a\"},\"filter\":{\"key\":\"a\"}}"),
      EDUPLICATE, "member named twice", "\"filter\":{\"key\":\"a\"}}", "1" },
    { text(SEEK "\"partition\":0,\"partition\":0}"), EDUPLICATE,
      "member named twice", "\"partition\":0}", "1" },
    { text(SEEK "\"offset\":0,\"offset\":0}"), EDUPLICATE,
      "member named twice", "\"offset\":0}", "1" },
    { text(SUB "\"cursor\":{\"0\":1,\"1\":2,\"0\":3}}"), EDUPLICATE,
      "partition named twice", "\"0\":3", "1" },
    { text(SUB "\"cursor\":{\"1\":1,\"0\":2,\"\\u0031\":\"3\"}}"),
      EDUPLICATE, "partition named twice", "\"\\u0031", "1" },
    { text(SUB "\"cursor\":{\"1\":\"1\\u0030\",\"1\":2}}"), EDUPLICATE,
      "partition named twice", "\"1\":2", "1" },
    { text(SUB "\"filter\":{\"key\":\"a\",\"\\u006bey\":\"a\"}}"),
      EDUPLICATE, "field named twice", "\"\\u006b", "1" },
    { text(SUB "\"filter\":{\"header:a\":\"a\",\"json:/a\":\"a\","
      "\"header:\\u0061\":\"b\"}}"), EDUPLICATE, "field named twice",
      "\"header:\\u", "1" },

    { text("{}"), EMISSING, "command missing", "", "" },
    { text("{\"id\":1} "), EMISSING, "command missing", "", "1" },
    { text("{\"command\":\"pause\"}"), EMISSING, "id missing", "", "" },
    { text("{\"id\":1,\"command\":\"seek\"}"), EMISSING,
      "cursor, partition or start missing", "", "1" },
    { text(SEEK "\"topic\":\"t\"}"), EMISSING,
      "cursor, partition or start missing", "", "1" },
    { text(SEEK "\"partition\":0}"), EMISSING, "offset missing", "", "1" },
    { text(SEEK "\"offset\":0}"), EMISSING, "partition missing", "", "1" }
};


/* the id stands behind the error, and nothing else */

static const refused_t  ids[] = {
    { text("{\"command\":\"x\",\"id\":2}"), EUNKNOWN, "unknown command",
      "\"x", "2" },
    { text("{\"x\":{\"id\":3,\"y\":[[[[[]]]]]},\"id\":\"\\u0061\"}"),
      EMEMBER, "unknown member", "\"x", "\"\\u0061\"" },
    { text("{\"x\":0,\"\\u0069d\":2}"), EMEMBER, "unknown member", "\"x",
      "2" },
    { text("{\"x\":0,\"id\":2,\"id\":3}"), EMEMBER, "unknown member",
      "\"x", "" },
    { text("{\"x\":0,\"id\":2,\"i\\u0064\":2}"), EMEMBER, "unknown member",
      "\"x", "" },
    { text("{\"x\":0,\"id\":2.5}"), EMEMBER, "unknown member", "\"x", "" },
    { text("{\"x\":0,\"id\":true}"), EMEMBER, "unknown member", "\"x", "" },
    { text("{\"x\":0,\"id\":null}"), EMEMBER, "unknown member", "\"x", "" },
    { text("{\"x\":0,\"id\":\"\\u0000\"}"), EMEMBER, "unknown member",
      "\"x", "" },
    { text("{\"x\":0,\"id\":\"\\ud800\"}"), EMEMBER, "unknown member",
      "\"x", "" },
    { text("{\"x\":0,\"id\":2"), EMEMBER, "unknown member", "\"x", "" },
    { text("{\"x\":0,\"id\":2}}"), EMEMBER, "unknown member", "\"x", "" },
    { text("{\"id\":1.5,\"id\":2}"), EVALUE,
      "an id is a string or an integer", "1.5", "" },
    { text("[{\"id\":1}]"), ESYNTAX, "not a JSON object", "[", "" },
    { text("{\"id\":1,\"x\":0,\"id\":2}"), EMEMBER, "unknown member",
      "\"x", "1" }
};


int
main(void)
{
    int  n;

    n = refused_table(syntax, nelts(syntax));
    n += refused_table(strings, nelts(strings));
    n += refused_table(members, nelts(members));
    n += refused_table(ids, nelts(ids));
    n += test_orders();
    n += test_twice();
    n += test_depth();

    return tap_done(n);
}


/* the id is found in whatever order the members are */

static int
test_orders(void)
{
    char    in[256];
    size_t  a, b, c, e, len, bad, all;

    static dump_t  d;

    static const char  *parts[] = {
        "\"command\":\"subscribe\"", "\"id\":7", "\"topic\":\"t\"",
        "\"cursor\":\"0:x\""
    };

    bad = 0;
    all = 0;

    for (a = 0; a < 4; a++) {
        for (b = 0; b < 4; b++) {
            for (c = 0; c < 4; c++) {
                e = 6 - a - b - c;

                if (a == b || a == c || b == c || e > 3) {
                    continue;
                }

                len = (size_t) snprintf(in, sizeof(in), "{%s,%s,%s,%s}",
                                        parts[a], parts[b], parts[c],
                                        parts[e]);
                dump_parsed(&d, in, len, ROOM);

                bad += d.rc != EVALUE || strcmp(d.id, "7") != 0
                       || strcmp(d.text, "unexpected character") != 0
                       || in[d.pos] != 'x';
                all++;
            }
        }
    }

    ok(bad == 0 && all == 24, "an error and the id in each of 24 orders");

    return 1;
}


/* a cursor is read twice then, into the same room */

static int
test_twice(void)
{
    char    in[2048];
    size_t  i, len, at;

    static dump_t  d;

    len = (size_t) sprintf(in, SUB "\"cursor\":{");
    at = 0;

    for (i = 0; i <= 40; i++) {
        at = len;
        len += (size_t) sprintf(in + len, "\"%zu\":1,",
                                1000000000 + i % 40);
    }

    memcpy(in + len - 1, "}}", 2);
    dump_parsed(&d, in, len + 1, 41);

    ok(d.rc == EDUPLICATE && d.pos == at && strcmp(d.id, "1") == 0,
       "the last partition of many is there twice");

    return 1;
}


/* brackets without end are refused at the first one, whatever is behind it */

static int
test_depth(void)
{
    int        n;
    char      *in;
    size_t     i, len;
    refused_t  c;

    static const char  *begin[] = {
        SUB "\"topic\":", SUB "\"partitions\":[", SUB "\"cursor\":{\"0\":",
        SUB "\"filter\":{\"key\":"
    };

    static const char  *errors[] = {
        "a topic is a string", "a partition is an integer",
        "an offset is an integer, or a string of one",
        "a value to filter by is a string"
    };

    in = malloc(200000);
    if (in == NULL) {
        return 0;
    }

    c.in = in;
    c.rc = EVALUE;
    c.id = "1";
    n = 0;

    for (i = 0; i < nelts(begin); i++) {
        len = strlen(begin[i]);
        memcpy(in, begin[i], len);
        memset(in + len, '[', 100000);

        c.len = len + 100000;
        c.text = errors[i];
        c.at = "[[[";
        is_refused(&c, begin[i]);
        n++;

        c.len = len + 4 + (size_t) sprintf(in + len + 4, "]]]]}");
        is_refused(&c, begin[i]);
        n++;
    }

    free(in);

    return n;
}
