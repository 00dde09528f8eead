
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Commands of clients that are right.
 */


#include "guard.h"
#include "tap.h"

#include "command_dump.h"


#define OK        NGX_KAFKA_WS_COMMAND_OK

#define ROOM      8     /* for positions */

#define SUB       "{\"command\":\"subscribe\",\"id\":1,"
#define SEEK      "{\"command\":\"seek\",\"id\":1,"


static int test_commands(void);
static int test_orders(void);
static int test_cuts(void);
static int test_spaces(void);
static int test_lengths(void);
static int test_many(void);
static void permute(const char **parts, size_t n, size_t k, size_t *good,
    size_t *all, const char *want);


/* what each is, and its id */

static const struct {
    const char  *in;
    const char  *out;
    const char  *id;
} commands[] = {
    { SUB "\"topic\":\"t\"}", "subscribe topic t", "1" },
    { "{\"command\":\"unsubscribe\",\"id\":1,\"topic\":\"t\"}",
      "unsubscribe topic t", "1" },
    { "{\"command\":\"pause\",\"id\":1,\"topic\":\"t\"}", "pause topic t",
      "1" },
    { "{\"command\":\"resume\",\"id\":1,\"topic\":\"t\"}", "resume topic t",
      "1" },
    { SEEK "\"topic\":\"t\",\"start\":\"earliest\"}",
      "seek topic t start earliest", "1" },

    /* without a topic */

    { "{\"command\":\"subscribe\",\"id\":1}", "subscribe", "1" },
    { "{\"command\":\"unsubscribe\",\"id\":1}", "unsubscribe", "1" },
    { "{\"command\":\"pause\",\"id\":1}", "pause", "1" },
    { "{\"command\":\"resume\",\"id\":1}", "resume", "1" },

    /* ids come back as they are written */

    { "{\"command\":\"pause\",\"id\":0}", "pause", "0" },
    { "{\"command\":\"pause\",\"id\":-0}", "pause", "-0" },
    { "{\"command\":\"pause\",\"id\":-17}", "pause", "-17" },
    { "{\"command\":\"pause\",\"id\":18446744073709551617}", "pause",
      "18446744073709551617" },
    { "{\"command\":\"pause\",\"id\":\"\"}", "pause", "\"\"" },
    { "{\"command\":\"pause\",\"id\":\"a b\"}", "pause", "\"a b\"" },
    { "{\"command\":\"pause\",\"id\":\"1\"}", "pause", "\"1\"" },
    { "{\"command\":\"pause\",\"id\":\"\\u00e9\\n\\\"\\/\"}", "pause",
      "\"\\u00e9\\n\\\"\\/\"" },
    { "{\"command\":\"pause\",\"id\":\"\xc3\xa9\"}", "pause",
      "\"\xc3\xa9\"" },
    { "{\"command\":\"pause\",\"id\":\"\\ud83d\\ude00\"}", "pause",
      "\"\\ud83d\\ude00\"" },

    /* topics */

    { SUB "\"topic\":\"\\u0074\\u00e9\\ud83d\\ude00\\\\\\\"\\/\"}",
      "subscribe topic t\xc3\xa9\xf0\x9f\x98\x80\\\"/", "1" },
    { SUB "\"topic\":\"a,:{}[]\"}", "subscribe topic a,:{}[]", "1" },

    /* names in escapes are the same names */

    { "{\"\\u0063ommand\":\"\\u0070ause\",\"i\\u0064\":1}", "pause", "1" },

    /* partitions */

    { SUB "\"partitions\":3}", "subscribe partitions 3", "1" },
    { SUB "\"partitions\":0}", "subscribe partitions 0", "1" },
    { SUB "\"partitions\":2147483647}", "subscribe partitions 2147483647",
      "1" },
    { SUB "\"partitions\":[0]}", "subscribe partitions 0", "1" },
    { SUB "\"partitions\":[0,2]}", "subscribe partitions 0,2", "1" },
    { SUB "\"partitions\":[7,1,0,2147483647,3,2]}",
      "subscribe partitions 0-3,7,2147483647", "1" },
    { SUB "\"partitions\":[1,1,1]}", "subscribe partitions 1", "1" },
    { SUB "\"partitions\":\"0,2-4\"}", "subscribe partitions 0,2-4", "1" },
    { SUB "\"partitions\":\"5-7,6-9,3\"}", "subscribe partitions 3,5-9",
      "1" },
    { SUB "\"partitions\":\"\\u0030\"}", "subscribe partitions 0", "1" },
    { SUB "\"partitions\":\"all\"}", "subscribe partitions 0-2147483647",
      "1" },

    /* cursors */

    { SUB "\"cursor\":\"0:42,1:3\"}", "subscribe cursor 0:42,1:3", "1" },
    { SUB "\"cursor\":\"3:18,0:42\"}", "subscribe cursor 0:42,3:18", "1" },
    { SUB "\"cursor\":\"0\\u003a42\"}", "subscribe cursor 0:42", "1" },
    { SUB "\"cursor\":\"\"}", "subscribe", "1" },
    { SUB "\"cursor\":{}}", "subscribe", "1" },
    { SUB "\"cursor\":{\"0\":42,\"1\":\"3\"}}", "subscribe cursor 0:42,1:3",
      "1" },
    { SUB "\"cursor\":{\"3\":0,\"2147483647\":1,\"0\":2}}",
      "subscribe cursor 0:2,3:0,2147483647:1", "1" },
    { SUB "\"cursor\":{\"\\u0030\":\"\\u0034\\u0032\"}}",
      "subscribe cursor 0:42", "1" },
    { SUB "\"cursor\":{\"0\":9223372036854775807}}",
      "subscribe cursor 0:9223372036854775807", "1" },
    { SUB "\"cursor\":{\"0\":\"9223372036854775807\"}}",
      "subscribe cursor 0:9223372036854775807", "1" },
    { SUB "\"cursor\":{\"0\":9007199254740993}}",
      "subscribe cursor 0:9007199254740993", "1" },

    /* start, also beside a cursor */

    { SUB "\"start\":\"tail=10\"}", "subscribe start tail=10", "1" },
    { SUB "\"start\":\"\\u0061\\t\"}", "subscribe start a\t", "1" },
    { SUB "\"start\":\"latest\",\"cursor\":\"0:1\"}",
      "subscribe cursor 0:1 start latest", "1" },

    /* filters */

    { SUB "\"filter\":{\"key\":\"alice\"}}", "subscribe key=alice", "1" },
    { SUB "\"filter\":{\"header:user\":\"bob\"}}",
      "subscribe header:user=bob", "1" },
    { SUB "\"filter\":{\"json:/a/b\":\"1\"}}", "subscribe json:/a/b=1", "1" },
    { SUB "\"filter\":{\"json:\":\"1\"}}", "subscribe json=1", "1" },
    { SUB "\"filter\":{\"\\u006bey\":\"\\u0061\"}}", "subscribe key=a", "1" },
    { SUB "\"filter\":{\"header:\\u00e9\":\"\\ud83d\\ude00\","
      "\"header:e\":\" \",\"json:/e\":\"~\"}}",
      "subscribe header:\xc3\xa9=\xf0\x9f\x98\x80 header:e=  json:/e=~",
      "1" },
    { SUB "\"filter\":{\"header:1\":\"1\",\"header:2\":\"2\",\"header:3\":"
      "\"3\",\"header:4\":\"4\",\"header:5\":\"5\",\"header:6\":\"6\","
      "\"header:7\":\"7\",\"key\":\"8\"}}",
      "subscribe header:1=1 header:2=2 header:3=3 header:4=4 header:5=5"
      " header:6=6 header:7=7 key=8", "1" },

    /* where to */

    { SEEK "\"cursor\":\"0:42\"}", "seek cursor 0:42", "1" },
    { SEEK "\"cursor\":{\"0\":42,\"2\":\"18\"}}", "seek cursor 0:42,2:18",
      "1" },
    { SEEK "\"partition\":0,\"offset\":42}", "seek cursor 0:42", "1" },
    { SEEK "\"offset\":\"42\",\"partition\":7}", "seek cursor 7:42", "1" },
    { SEEK "\"partition\":2147483647,\"offset\":9223372036854775807}",
      "seek cursor 2147483647:9223372036854775807", "1" },
    { SEEK "\"partition\":0,\"offset\":\"9223372036854775807\"}",
      "seek cursor 0:9223372036854775807", "1" },
    { SEEK "\"partition\":0,\"offset\":0}", "seek cursor 0:0", "1" }
};


int
main(void)
{
    int  n;

    n = test_commands();
    n += test_orders();
    n += test_cuts();
    n += test_spaces();
    n += test_lengths();
    n += test_many();

    return tap_done(n);
}


static int
test_commands(void)
{
    size_t  i;

    static dump_t  d;

    for (i = 0; i < nelts(commands); i++) {
        dump_parsed(&d, commands[i].in, strlen(commands[i].in), ROOM);

        if (!ok(d.rc == OK && strcmp(d.line, commands[i].out) == 0
                && strcmp(d.id, commands[i].id) == 0 && d.unchanged,
                "%s", commands[i].in))
        {
            printf("# got %d \"%s\", id %s, %s at %zu\n", d.rc, d.line, d.id,
                   d.text, d.pos);
        }
    }

    return (int) nelts(commands);
}


/* members in each order are the same command */

static int
test_orders(void)
{
    size_t  good, all;

    static const char  *sub[] = {
        "\"command\":\"subscribe\"", "\"id\":7", "\"topic\":\"t\"",
        "\"partitions\":[2,0]", "\"cursor\":{\"2\":5,\"0\":\"6\"}",
        "\"start\":\"tail=1\"", "\"filter\":{\"key\":\"a\"}"
    };

    static const char  *seek[] = {
        "\"command\":\"seek\"", "\"id\":7", "\"topic\":\"t\"",
        "\"partition\":3", "\"offset\":4"
    };

    good = 0;
    all = 0;
    permute(sub, nelts(sub), 0, &good, &all,
            "subscribe topic t partitions 0,2 cursor 0:6,2:5 start tail=1"
            " key=a");
    ok(all == 5040 && good == all, "a subscribe in each of 5040 orders");

    good = 0;
    all = 0;
    permute(seek, nelts(seek), 0, &good, &all, "seek topic t cursor 3:4");
    ok(all == 120 && good == all, "a seek in each of 120 orders");

    return 2;
}


static void
permute(const char **parts, size_t n, size_t k, size_t *good, size_t *all,
    const char *want)
{
    char         in[512];
    size_t       i, len;
    const char  *part;

    static dump_t  d;

    if (k < n) {

        for (i = k; i < n; i++) {
            part = parts[i];
            parts[i] = parts[k];
            parts[k] = part;

            permute(parts, n, k + 1, good, all, want);

            parts[k] = parts[i];
            parts[i] = part;
        }

        return;
    }

    len = 0;

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(in + len, sizeof(in) - len, "%c%s",
                                 i ? ',' : '{', parts[i]);
    }

    in[len++] = '}';

    dump_parsed(&d, in, len, ROOM);

    *all += 1;
    *good += d.rc == OK && strcmp(d.line, want) == 0
             && strcmp(d.id, "7") == 0;
}


/* the beginning of a command is none */

static int
test_cuts(void)
{
    size_t  i, n, bad, all;

    static dump_t  d;

    bad = 0;
    all = 0;

    for (i = 0; i < nelts(commands); i++) {

        for (n = 0; n < strlen(commands[i].in); n++) {
            dump_parsed(&d, commands[i].in, n, ROOM);

            bad += d.rc == OK || d.pos > n || strcmp(d.text, "none") == 0;
            all++;
        }
    }

    is_int(bad, 0, "commands cut short, %zu times", all);

    return 1;
}


/* white space is where JSON has it */

static int
test_spaces(void)
{
    size_t  i, n, len, bad, all;
    char    in[1024];

    static dump_t  d;

    static const char  *parts[] = {
        "", "{", "\"command\"", ":", "\"subscribe\"", ",", "\"id\"", ":",
        "1", ",", "\"partitions\"", ":", "[", "0", ",", "2", "]", ",",
        "\"cursor\"", ":", "{", "\"0\"", ":", "1", ",", "\"2\"", ":",
        "\"3\"", "}", ",", "\"filter\"", ":", "{", "\"key\"", ":", "\"a\"",
        "}", "}", ""
    };

    bad = 0;
    all = 0;

    for (i = 0; i < nelts(parts); i++) {
        len = 0;

        for (n = 0; n < nelts(parts); n++) {
            len += (size_t) snprintf(in + len, sizeof(in) - len, "%s%s",
                                     parts[n],
                                     n == i || i == 0 ? " \t\r\n" : "");
        }

        dump_parsed(&d, in, len, ROOM);
        bad += d.rc != OK
               || strcmp(d.line, "subscribe partitions 0,2 cursor 0:1,2:3"
                                 " key=a") != 0;
        all++;
    }

    is_int(bad, 0, "white space at each of %zu places, and at all", all);

    /* and no other byte is */

    bad = 0;

    for (i = 1; i < nelts(parts); i++) {
        len = 0;

        for (n = 0; n < nelts(parts); n++) {
            len += (size_t) snprintf(in + len, sizeof(in) - len, "%s%s",
                                     parts[n], n == i ? "\f" : "");
        }

        dump_parsed(&d, in, len, ROOM);
        bad += d.rc != NGX_KAFKA_WS_COMMAND_ESYNTAX
               && d.rc != NGX_KAFKA_WS_COMMAND_EVALUE;
    }

    is_int(bad, 0, "a form feed at none");

    return 2;
}


/* the longest that are taken; command_refused_test has those beyond */

static int
test_lengths(void)
{
    int     n;
    char    in[8192], want[4096], id[65];
    size_t  i, len;

    static dump_t  d;

    n = 0;

    memset(want, 't', 249);
    want[249] = '\0';
    len = (size_t) sprintf(in, SUB "\"topic\":\"%s\"}", want);
    dump_parsed(&d, in, len, ROOM);
    ok(d.rc == OK && strcmp(d.line + 16, want) == 0,
       "a topic of 249 bytes");
    n++;

    len = (size_t) sprintf(in, SUB "\"topic\":\"");

    for (i = 0; i < 83; i++) {
        len += (size_t) sprintf(in + len, "\\u20AC");
        memcpy(want + i * 3, "\xe2\x82\xac", 3);
    }

    len += (size_t) sprintf(in + len, "\"}");
    dump_parsed(&d, in, len, ROOM);
    ok(d.rc == OK && strcmp(d.line + 16, want) == 0,
       "a topic of 249 bytes, written by 498");
    n++;

    memset(id, '7', 64);
    id[64] = '\0';
    len = (size_t) sprintf(in, "{\"command\":\"pause\",\"id\":%s}", id);
    dump_parsed(&d, in, len, ROOM);
    ok(d.rc == OK && strcmp(d.id, id) == 0, "an integer of 64 digits as id");
    n++;

    id[0] = '"';
    id[63] = '"';
    len = (size_t) sprintf(in, "{\"command\":\"pause\",\"id\":%s}", id);
    dump_parsed(&d, in, len, ROOM);
    ok(d.rc == OK && strcmp(d.id, id) == 0,
       "a string of 64 bytes with its quotes as id");
    n++;

    return n;
}


/* as many parts as are taken */

static int
test_many(void)
{
    int     n;
    char    in[8192], want[8192];
    size_t  i, len, out, form;

    static dump_t  d;

    n = 0;

    for (form = 0; form < 2; form++) {
        len = (size_t) sprintf(in, SUB "\"partitions\":%c", form ? '"' : '[');
        out = (size_t) sprintf(want, "subscribe partitions ");

        for (i = 0; i < NGX_KAFKA_WS_RANGES_MAX; i++) {
            len += (size_t) sprintf(in + len, "%s%zu", i ? "," : "", i * 2);
            out += (size_t) sprintf(want + out, "%s%zu", i ? "," : "", i * 2);
        }

        len += (size_t) sprintf(in + len, "%c}", form ? '"' : ']');
        dump_parsed(&d, in, len, ROOM);
        ok(d.rc == OK && strcmp(d.line, want) == 0, "%d ranges in %s",
           NGX_KAFKA_WS_RANGES_MAX, form ? "a list" : "an array");
        n++;
    }

    for (form = 0; form < 2; form++) {
        len = (size_t) sprintf(in, SUB "\"cursor\":%c", form ? '"' : '{');
        out = (size_t) sprintf(want, "subscribe cursor ");

        for (i = 0; i < 200; i++) {
            len += (size_t) sprintf(in + len, form ? "%s%zu:%zu"
                                    : "%s\"%zu\":%zu", i ? "," : "", i, i);
            out += (size_t) sprintf(want + out, "%s%zu:%zu", i ? "," : "", i,
                                    i);
        }

        len += (size_t) sprintf(in + len, "%c}", form ? '"' : '}');
        dump_parsed(&d, in, len, 200);
        ok(d.rc == OK && strcmp(d.line, want) == 0,
           "as many positions in %s as there is room for",
           form ? "a string" : "an object");
        n++;

        dump_parsed(&d, in, len, ngx_kafka_ws_command_positions(len));
        ok(d.rc == OK && strcmp(d.line, want) == 0,
           "the named room is enough");
        n++;
    }

    /* the shortest positions there can be */

    len = (size_t) sprintf(in, "{\"cursor\":\"");

    for (i = 0; i < 10; i++) {
        len += (size_t) sprintf(in + len, "%s%zu:0", i ? "," : "", i);
    }

    len += (size_t) sprintf(in + len, "\",\"id\":1,\"command\":\"seek\"}");
    dump_parsed(&d, in, len, ngx_kafka_ws_command_positions(len));
    ok(d.rc == OK, "and for the shortest");
    n++;

    return n;
}
