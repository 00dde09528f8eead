
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Values that members of commands do not take: why, and where.
 */


#include "guard.h"
#include "tap.h"

#include "command_refused.h"


static int test_lengths(void);
static int test_many(void);


static const refused_t  values[] = {
    { text("{\"id\":null}"), EVALUE, "an id is a string or an integer",
      "null", "" },
    { text("{\"id\":true}"), EVALUE, "an id is a string or an integer",
      "true", "" },
    { text("{\"id\":[1]}"), EVALUE, "an id is a string or an integer",
      "[1]", "" },
    { text("{\"id\":{}}"), EVALUE, "an id is a string or an integer", "{}}",
      "" },
    { text("{\"id\":1.0}"), EVALUE, "an id is a string or an integer",
      "1.0", "" },
    { text("{\"id\":1e3}"), EVALUE, "an id is a string or an integer",
      "1e3", "" },
    { text("{\"id\":1E3}"), EVALUE, "an id is a string or an integer",
      "1E3", "" },
    { text("{\"id\":01}"), EVALUE, "an id is a string or an integer", "01",
      "" },
    { text("{\"id\":-}"), EVALUE, "an id is a string or an integer", "-}",
      "" },
    { text("{\"id\":1-1}"), EVALUE, "an id is a string or an integer", "1-1",
      "" },

    { text("{\"id\":1,\"command\":1}"), EVALUE, "a command is a string",
      "1}", "1" },
    { text(SUB "\"topic\":1}"), EVALUE, "a topic is a string", "1}", "1" },
    { text(SUB "\"topic\":null}"), EVALUE, "a topic is a string", "null",
      "1" },
    { text(SUB "\"topic\":[\"a\"]}"), EVALUE, "a topic is a string",
      "[\"a", "1" },
    { text(SUB "\"topic\":\"\"}"), EVALUE, "empty topic", "\"\"}", "1" },
    { text(SUB "\"start\":10}"), EVALUE, "a start is a string", "10", "1" },
    { text(SUB "\"start\":\"\"}"), EVALUE, "empty start", "\"\"}", "1" },

    { text(SUB "\"partitions\":null}"), EVALUE,
      "partitions are a list, an array or an integer", "null", "1" },
    { text(SUB "\"partitions\":{\"0\":0}}"), EVALUE,
      "partitions are a list, an array or an integer", "{\"0", "1" },
    { text(SUB "\"partitions\":-1}"), EVALUE, "unexpected character", "-1",
      "1" },
    { text(SUB "\"partitions\":1.0}"), EVALUE, "unexpected character", ".0",
      "1" },
    { text(SUB "\"partitions\":1e0}"), EVALUE, "unexpected character", "e0",
      "1" },
    { text(SUB "\"partitions\":00}"), EVALUE, "partition with leading zero",
      "00", "1" },
    { text(SUB "\"partitions\":2147483648}"), EVALUE,
      "partition above 2147483647", "2147483648", "1" },
    { text(SUB "\"partitions\":[]}"), EVALUE, "empty partition list", "[]",
      "1" },
    { text(SUB "\"partitions\":[0,\"1\"]}"), EVALUE,
      "a partition is an integer", "\"1", "1" },
    { text(SUB "\"partitions\":[0,[1]]}"), EVALUE,
      "a partition is an integer", "[1", "1" },
    { text(SUB "\"partitions\":[0,null]}"), EVALUE,
      "a partition is an integer", "null", "1" },
    { text(SUB "\"partitions\":[0,1.5]}"), EVALUE, "unexpected character",
      ".5", "1" },
    { text(SUB "\"partitions\":[0,2147483648]}"), EVALUE,
      "partition above 2147483647", "2147483648", "1" },
    { text(SUB "\"partitions\":\"\"}"), EVALUE, "empty partition list",
      "\"}", "1" },
    { text(SUB "\"partitions\":\"0,7-5\"}"), EVALUE,
      "range from high to low", "7-5", "1" },
    { text(SUB "\"partitions\":\"0, 1\"}"), EVALUE, "unexpected character",
      " 1", "1" },
    { text(SUB "\"partitions\":\"0,\\u0037-5\"}"), EVALUE,
      "range from high to low", "\"0,", "1" },

    { text(SUB "\"cursor\":1}"), EVALUE, "a cursor is a string or an object",
      "1}", "1" },
    { text(SUB "\"cursor\":null}"), EVALUE,
      "a cursor is a string or an object", "null", "1" },
    { text(SUB "\"cursor\":[0]}"), EVALUE,
      "a cursor is a string or an object", "[0", "1" },
    { text(SUB "\"cursor\":\"0:1,0:2\"}"), EVALUE, "partition named twice",
      "0:2", "1" },
    { text(SUB "\"cursor\":\"0:1,\\u0030:2\"}"), EVALUE,
      "partition named twice", "\"0:1", "1" },
    { text(SUB "\"cursor\":\"0:01\"}"), EVALUE, "offset with leading zero",
      "01", "1" },
    { text(SUB "\"cursor\":\"0%3A1\"}"), EVALUE, "colon missing", "%3A",
      "1" },
    { text(SUB "\"cursor\":\"0:9223372036854775808\"}"), EVALUE,
      "offset above 9223372036854775807", "9223372036854775808", "1" },
    { text(SUB "\"cursor\":{\"\":1}}"), EVALUE, "partition missing", "\"\"",
      "1" },
    { text(SUB "\"cursor\":{\"00\":1}}"), EVALUE,
      "partition with leading zero", "\"00", "1" },
    { text(SUB "\"cursor\":{\"-1\":1}}"), EVALUE, "unexpected character",
      "\"-1", "1" },
    { text(SUB "\"cursor\":{\"0-1\":1}}"), EVALUE, "unexpected character",
      "\"0-1", "1" },
    { text(SUB "\"cursor\":{\"a\":1}}"), EVALUE, "unexpected character",
      "\"a", "1" },
    { text(SUB "\"cursor\":{\"2147483648\":1}}"), EVALUE,
      "partition above 2147483647", "\"2147483648", "1" },
    { text(SUB "\"cursor\":{\"0\":null}}"), EVALUE,
      "an offset is an integer, or a string of one", "null", "1" },
    { text(SUB "\"cursor\":{\"0\":{\"0\":{\"0\":0}}}}"), EVALUE,
      "an offset is an integer, or a string of one", "{\"0\":{\"0\":0", "1" },
    { text(SUB "\"cursor\":{\"0\":[1]}}"), EVALUE,
      "an offset is an integer, or a string of one", "[1", "1" },
    { text(SUB "\"cursor\":{\"0\":-1}}"), EVALUE, "unexpected character",
      "-1", "1" },
    { text(SUB "\"cursor\":{\"0\":1.0}}"), EVALUE, "unexpected character",
      ".0", "1" },
    { text(SUB "\"cursor\":{\"0\":1e2}}"), EVALUE, "unexpected character",
      "e2", "1" },
    { text(SUB "\"cursor\":{\"0\":1E+2}}"), EVALUE, "unexpected character",
      "E+2", "1" },
    { text(SUB "\"cursor\":{\"0\":01}}"), EVALUE, "offset with leading zero",
      "01", "1" },
    { text(SUB "\"cursor\":{\"0\":9223372036854775808}}"), EVALUE,
      "offset above 9223372036854775807", "9223372036854775808", "1" },
    { text(SUB "\"cursor\":{\"0\":\"9223372036854775808\"}}"), EVALUE,
      "offset above 9223372036854775807", "9223372036854775808", "1" },
    { text(SUB "\"cursor\":{\"0\":\"\"}}"), EVALUE, "offset missing",
      "\"}}", "1" },
    { text(SUB "\"cursor\":{\"0\":\"-1\"}}"), EVALUE, "unexpected character",
      "-1", "1" },
    { text(SUB "\"cursor\":{\"0\":\"01\"}}"), EVALUE,
      "offset with leading zero", "01", "1" },
    { text(SUB "\"cursor\":{\"0\":\"1.0\"}}"), EVALUE,
      "unexpected character", ".0", "1" },
    { text(SUB "\"cursor\":{\"0\":\"0x1\"}}"), EVALUE,
      "unexpected character", "x1", "1" },
    { text(SUB "\"cursor\":{\"0\":\" 1\"}}"), EVALUE, "unexpected character",
      " 1", "1" },
    { text(SUB "\"cursor\":{\"0\":\"\\u003001\"}}"), EVALUE,
      "offset with leading zero", "\"\\u", "1" },

    { text(SEEK "\"cursor\":\"\"}"), EVALUE, "empty cursor", "\"cursor",
      "1" },
    { text(SEEK "\"cursor\":{}}"), EVALUE, "empty cursor", "\"cursor", "1" },
    { text(SEEK "\"partition\":\"0\",\"offset\":0}"), EVALUE,
      "a partition is an integer", "\"0", "1" },
    { text(SEEK "\"partition\":2147483648,\"offset\":0}"), EVALUE,
      "partition above 2147483647", "2147483648", "1" },
    { text(SEEK "\"partition\":-1,\"offset\":0}"), EVALUE,
      "unexpected character", "-1", "1" },
    { text(SEEK "\"partition\":0,\"offset\":9223372036854775808}"), EVALUE,
      "offset above 9223372036854775807", "9223372036854775808", "1" },
    { text(SEEK "\"partition\":0,\"offset\":\"9223372036854775808\"}"),
      EVALUE, "offset above 9223372036854775807", "9223372036854775808",
      "1" },
    { text(SEEK "\"partition\":0,\"offset\":1.0}"), EVALUE,
      "unexpected character", ".0", "1" },
    { text(SEEK "\"partition\":0,\"offset\":-1}"), EVALUE,
      "unexpected character", "-1", "1" },
    { text(SEEK "\"partition\":0,\"offset\":true}"), EVALUE,
      "an offset is an integer, or a string of one", "true", "1" },

    { text(SUB "\"filter\":null}"), EVALUE, "a filter is an object", "null",
      "1" },
    { text(SUB "\"filter\":\"key\"}"), EVALUE, "a filter is an object",
      "\"key", "1" },
    { text(SUB "\"filter\":[\"key\"]}"), EVALUE, "a filter is an object",
      "[\"key", "1" },
    { text(SUB "\"filter\":{}}"), EVALUE, "empty filter", "{}}", "1" },
    { text(SUB "\"filter\":{\"keys\":\"a\"}}"), EVALUE,
      "it is neither \"key\" nor \"header:NAME\" nor \"json:POINTER\"",
      "\"keys", "1" },
    { text(SUB "\"filter\":{\"header:\":\"a\"}}"), EVALUE,
      "the header has no name", "\"header", "1" },
    { text(SUB "\"filter\":{\"json:a\":\"a\"}}"), EVALUE,
      "a JSON pointer begins with \"/\", or is empty", "\"json", "1" },
    { text(SUB "\"filter\":{\"key\":1}}"), EVALUE,
      "a value to filter by is a string", "1}", "1" },
    { text(SUB "\"filter\":{\"key\":null}}"), EVALUE,
      "a value to filter by is a string", "null", "1" },
    { text(SUB "\"filter\":{\"key\":[\"a\"]}}"), EVALUE,
      "a value to filter by is a string", "[\"a", "1" },
    { text(SUB "\"filter\":{\"key\":\"\"}}"), EVALUE,
      "empty value to filter by", "\"\"}}", "1" }
};


int
main(void)
{
    int  n;

    n = refused_table(values, nelts(values));
    n += test_lengths();
    n += test_many();

    return tap_done(n);
}


/* a byte more than command_test has */

static int
test_lengths(void)
{
    char       in[2048], part[2048];
    size_t     i, len;
    refused_t  c;

    c.in = in;
    c.rc = EVALUE;
    c.id = "1";

    memset(part, 't', 250);
    part[250] = '\0';
    c.len = (size_t) snprintf(in, sizeof(in), SUB "\"topic\":\"%s\"}", part);
    c.text = "topic of more than 249 bytes";
    c.at = "\"ttt";
    is_refused(&c, "a topic of 250 bytes");

    len = (size_t) sprintf(in, SUB "\"topic\":\"t");

    for (i = 0; i < 83; i++) {
        len += (size_t) sprintf(in + len, "\\u20ac");
    }

    c.len = len + (size_t) sprintf(in + len, "\"}");
    c.at = "\"t\\u";
    is_refused(&c, "a topic of 250 bytes in 84 characters");

    memset(part, '7', 65);
    part[65] = '\0';
    c.len = (size_t) snprintf(in, sizeof(in),
                              "{\"id\":%s,\"command\":\"pause\"}", part);
    c.text = "id of more than 64 bytes";
    c.at = "777";
    c.id = "";
    is_refused(&c, "an integer of 65 digits as id");

    part[0] = '"';
    part[64] = '"';
    c.len = (size_t) snprintf(in, sizeof(in),
                              "{\"id\":%s,\"command\":\"pause\"}", part);
    c.at = "\"777";
    is_refused(&c, "a string of 65 bytes with its quotes as id");

    c.len = (size_t) snprintf(in, sizeof(in), "{\"x\":1,\"id\":%s}", part);
    c.rc = EMEMBER;
    c.text = "unknown member";
    c.at = "\"x";
    is_refused(&c, "nor is it taken behind an error");

    return 5;
}


/* one part too many */

static int
test_many(void)
{
    int        form;
    char       in[2048];
    size_t     i, len;
    refused_t  c;

    c.in = in;
    c.rc = EVALUE;
    c.id = "1";
    c.text = "too many ranges";
    c.at = "256";

    for (form = 0; form < 2; form++) {
        len = (size_t) sprintf(in, SUB "\"partitions\":%c", form ? '"' : '[');

        for (i = 0; i <= NGX_KAFKA_WS_RANGES_MAX; i++) {
            len += (size_t) sprintf(in + len, "%s%zu", i ? "," : "", i * 2);
        }

        c.len = len + (size_t) sprintf(in + len, "%c}", form ? '"' : ']');
        is_refused(&c, form ? "129 ranges in a list"
                            : "129 ranges in an array");
    }

    c.text = "too many partitions";

    c.len = (size_t) sprintf(in, SUB "\"cursor\":\"0:0,1:1,2:2,3:3\"}");
    c.at = "3:3";
    is_refused(&c, "more positions than there is room for in a string");

    c.len = (size_t) sprintf(in, SUB "\"cursor\":{\"0\":0,\"1\":1,\"2\":2,"
                                 "\"3\":3}}");
    c.at = "\"3\":3";
    is_refused(&c, "more positions than there is room for in an object");

    c.len = (size_t) sprintf(in, SUB "\"filter\":{\"key\":\"a\"");

    for (i = 1; i <= NGX_KAFKA_WS_FILTER_TERMS_MAX; i++) {
        c.len += (size_t) sprintf(in + c.len, ",\"header:%zu\":\"%zu\"", i,
                                  i);
    }

    c.len += (size_t) sprintf(in + c.len, "}}");
    c.text = "too many fields";
    c.at = "\"header:8";
    is_refused(&c, "nine fields");

    return 5;
}
