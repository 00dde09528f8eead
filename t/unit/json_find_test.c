
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Values by JSON pointers, one case a line.  Text and pointer end at an
 * unreadable page.
 */


#include "guard.h"
#include "tap.h"

#include "json_found.h"


static void check(size_t i, const case_t *c);


static const case_t  cases[] = {

    /* the whole text */

    STRING("\"a\"", "", "a"),
    STRING(" \t\r\n\"a\"\n", "", "a"),
    STRING("\"\"", "", ""),
    PLAIN("0", "", "0"),
    PLAIN(" -1.5e+10 ", "", "-1.5e+10"),
    PLAIN("true", "", "true"),
    PLAIN("\tfalse", "", "false"),
    NONE("null", ""),
    NONE("{}", ""),
    NONE("[]", ""),
    NONE("{\"\":1}", ""),
    NONE("[\"a\"]", ""),
    NONE("1", "/"),
    NONE("\"a\"", "/a"),
    NONE("\"a\"", "/0"),

    /* members */

    STRING("{\"a\":\"b\"}", "/a", "b"),
    PLAIN("{\"a\":1}", "/a", "1"),
    PLAIN(" { \"a\" : 1 , \"b\" : 2 } ", "/b", "2"),
    PLAIN("\n{\r\"a\"\t:\n1\r,\"b\"\t:2\n}\r", "/a", "1"),
    PLAIN("{\"a\":true,\"b\":false}", "/a", "true"),
    PLAIN("{\"a\":true,\"b\":false}", "/b", "false"),
    NONE("{\"a\":null}", "/a"),
    NONE("{\"a\":{}}", "/a"),
    NONE("{\"a\":[]}", "/a"),
    NONE("{\"a\":{\"b\":1}}", "/a"),
    NONE("{\"a\":[1]}", "/a"),
    NONE("{}", "/a"),
    NONE("{\"a\":1}", "/b"),
    NONE("{\"a\":1}", "/A"),
    NONE("{\"a\":1}", "/a/"),
    NONE("{\"a\":1}", "//a"),
    NONE("{\"ab\":1}", "/a"),
    NONE("{\"a\":1}", "/ab"),
    NONE("{\"x\":{\"a\":1}}", "/a"),
    NONE("{\"x\":\"\\\"a\\\":1\",\"y\":[\"a\",1]}", "/a"),
    PLAIN("{\"\":1}", "/", "1"),
    PLAIN("{\"\":{\"\":1}}", "//", "1"),
    PLAIN("{\"\":{\"\":{\"a\":1}}}", "///a", "1"),
    PLAIN("{\"a\":{\"\":1}}", "/a/", "1"),
    PLAIN("{\"a\":{\"b\":{\"c\":1}}}", "/a/b/c", "1"),
    PLAIN("{\"a\":{\"b\":{},\"c\":{\"b\":2}},\"b\":3}", "/b", "3"),
    PLAIN("{\"a\":{\"b\":{},\"c\":{\"b\":2}},\"b\":3}", "/a/c/b", "2"),
    PLAIN("{\"b\":{\"a\":1},\"a\":{\"a\":2}}", "/a/a", "2"),
    PLAIN("{\"a\":{\"x\":[1,{\"b\":2}],\"b\":3}}", "/a/b", "3"),
    PLAIN("{\"0\":1}", "/0", "1"),
    PLAIN("{\"01\":1,\"-\":2}", "/01", "1"),
    PLAIN("{\"01\":1,\"-\":2}", "/-", "2"),

    /* elements */

    PLAIN("[1,2,3]", "/0", "1"),
    PLAIN("[1,2,3]", "/2", "3"),
    PLAIN("[ 1 , 2 ]", "/1", "2"),
    NONE("[1,2,3]", "/3"),
    NONE("[1,2,3]", "/-"),
    NONE("[1,2,3]", "/-0"),
    NONE("[1,2,3]", "/-1"),
    NONE("[1,2,3]", "/+1"),
    NONE("[1,2,3]", "/00"),
    NONE("[1,2,3]", "/01"),
    NONE("[1,2,3]", "/1.0"),
    NONE("[1,2,3]", "/1e0"),
    NONE("[1,2,3]", "/ 1"),
    NONE("[1,2,3]", "/1 "),
    NONE("[1,2,3]", "/"),
    NONE("[1,2,3]", "/a"),
    NONE("[1,2,3]", "/~0"),
    NONE("[1,2,3]", "/4294967296"),
    NONE("[1,2,3]", "/4294967297"),
    NONE("[1,2,3]", "/18446744073709551615"),
    NONE("[1,2,3]", "/18446744073709551616"),
    NONE("[1,2,3]", "/18446744073709551617"),
    NONE("[1,2,3]", "/36893488147419103233"),
    NONE("[]", "/0"),
    NONE("[null]", "/0"),
    NONE("[[1],{}]", "/0"),
    NONE("[[1],{}]", "/1"),
    PLAIN("[[1,[2]],[3,[4,5]]]", "/1/1/1", "5"),
    PLAIN("[[1,2],3]", "/1", "3"),
    PLAIN("[{\"1\":1},2]", "/1", "2"),
    PLAIN("[[],[],[[],[7]]]", "/2/1/0", "7"),
    PLAIN("{\"a\":[{\"b\":1},{\"b\":2}]}", "/a/1/b", "2"),
    PLAIN("[0,1,2,3,4,5,6,7,8,9,10,11]", "/11", "11"),
    PLAIN("[0,1,2,3,4,5,6,7,8,9,10,11]", "/10", "10"),
    STRING("[\",\",\"]\",\"}\",\"\\\"\",\"\\\\\",\"x\"]", "/5", "x"),

    /* "~" in pointers */

    PLAIN("{\"a/b\":1}", "/a~1b", "1"),
    PLAIN("{\"m~n\":1}", "/m~0n", "1"),
    PLAIN("{\"~1\":1,\"/\":2}", "/~01", "1"),
    PLAIN("{\"~1\":1,\"/\":2}", "/~1", "2"),
    PLAIN("{\"~\":1}", "/~0", "1"),
    PLAIN("{\"~/\":{\"/~\":1}}", "/~0~1/~1~0", "1"),
    PLAIN("{\"a\":1,\"~\":2}", "/a", "1"),
    NONE("{\"a~1b\":1}", "/a~1b"),
    NONE("{\"~0\":1}", "/~0"),
    NONE("{\"a/b\":1}", "/a/b"),
    NONE("{\"~\":1}", "/~"),
    NONE("{\"~\":1,\"~2\":2,\"2\":3}", "/~2"),
    NONE("{\"/\":1,\"~\":2}", "/~2"),
    NONE("{\"/\":1,\"~\":2}", "/~/"),
    NONE("{\"a\":1}", "/a~"),
    NONE("{\"a/\":1}", "/a~1~"),

    /* names with escapes */

    PLAIN("{\"\\u0061\":1}", "/a", "1"),
    PLAIN("{\"\\u0061b\":1}", "/ab", "1"),
    PLAIN("{\"a\\u0062\":1}", "/ab", "1"),
    PLAIN("{\"\\/\":1}", "/~1", "1"),
    PLAIN("{\"\\u002f\":1}", "/~1", "1"),
    PLAIN("{\"\\u007E\":1}", "/~0", "1"),
    PLAIN("{\"\\b\\f\\n\\r\\t\":1}", "/\b\f\n\r\t", "1"),
    PLAIN("{\"\\\"\\\\\":1}", "/\"\\", "1"),
    PLAIN("{\"\\u00e9\":1}", "/\xc3\xa9", "1"),
    PLAIN("{\"\xc3\xa9\":1}", "/\xc3\xa9", "1"),
    PLAIN("{\"\\u20AC\":1}", "/\xe2\x82\xac", "1"),
    PLAIN("{\"\\ud83d\\ude00\":1}", "/\xf0\x9f\x98\x80", "1"),
    PLAIN("{\"x\":{\"\\u0030\":1}}", "/x/0", "1"),
    NONE("{\"\\u0061\":1}", "/\\u0061"),
    NONE("{\"\\u0061\":1}", "/ab"),
    NONE("{\"\\u0061b\":1}", "/a"),
    NONE("{\"\\u00e9\":1}", "/\xc3"),
    NONE("{\"\\u00e9\":1}", "/\xe9"),
    NONE("{\"\\ud83d\":1}", "/\xed\xa0\xbd"),
    NONE("{\"\\ud83d\\ude00\":1}", "/\xed\xa0\xbd\xed\xb8\x80"),
    NONE("{\"\\u0000\":1}", "/"),
    NONE("{\"a\\u0000\":1}", "/a"),

    /* names that come twice, on the way and off it */

    NONE("{\"a\":1,\"a\":1}", "/a"),
    NONE("{\"a\":1,\"b\":2,\"a\":3}", "/a"),
    PLAIN("{\"a\":1,\"b\":2,\"a\":3}", "/b", "2"),
    NONE("{\"a\":1,\"\\u0061\":2}", "/a"),
    NONE("{\"\\u0061\":1,\"a\":2}", "/a"),
    NONE("{\"\\u0061\":1,\"\\u0061\":2}", "/a"),
    NONE("{\"a\":null,\"a\":1}", "/a"),
    NONE("{\"a\":1,\"a\":null}", "/a"),
    NONE("{\"a\":1,\"a\":[]}", "/a"),
    NONE("{\"a\":{},\"a\":1}", "/a"),
    NONE("{\"a\":1,\"a\":2,\"a\":3}", "/a"),
    NONE("{\"a\":{\"b\":1},\"a\":2}", "/a/b"),
    NONE("{\"a\":1,\"a\":{\"b\":1}}", "/a/b"),
    NONE("{\"a\":{\"b\":1},\"a\":{\"c\":1}}", "/a/b"),
    NONE("{\"a\":{\"b\":1,\"b\":2}}", "/a/b"),
    NONE("{\"a\":{\"b\":{\"c\":1}},\"d\":0,\"a\":0}", "/a/b/c"),
    NONE("{\"a\":{\"b\":{\"c\":1},\"d\":0,\"b\":0}}", "/a/b/c"),
    NONE("{\"a\":[1,2],\"a\":0}", "/a/1"),
    NONE("[{\"a\":1,\"a\":2}]", "/0/a"),
    NONE("{\"\":1,\"\":2}", "/"),
    NONE("{\"a/b\":1,\"a\\/b\":2}", "/a~1b"),
    NONE("{\"\xc3\xa9\":1,\"\\u00e9\":2}", "/\xc3\xa9"),
    PLAIN("{\"a\":{\"b\":1,\"c\":2,\"c\":3}}", "/a/b", "1"),
    PLAIN("{\"a\":{\"b\":1},\"c\":2,\"c\":3}", "/a/b", "1"),
    PLAIN("{\"a\":{\"a\":{\"a\":1}}}", "/a/a/a", "1"),
    PLAIN("{\"x\":{\"a\":1,\"a\":2},\"a\":3}", "/a", "3"),
    PLAIN("{\"x\":{\"b\":1},\"y\":{\"b\":2}}", "/x/b", "1"),
    PLAIN("[{\"a\":1},{\"a\":2}]", "/0/a", "1"),
    PLAIN("[{\"a\":1},{\"a\":2}]", "/1/a", "2"),
    PLAIN("{\"a\":1,\"A\":2}", "/a", "1"),
    PLAIN("{\"a\":1,\"\\ud800\":2,\"\\ud800\":3}", "/a", "1"),

    /* texts */

    STRING("[\"\"]", "/0", ""),
    STRING("[\"12345678\"]", "/0", "12345678"),
    STRING("[\"1234567\",\"x\"]", "/1", "x"),
    STRING("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "/0", "\"\\/\b\f\n\r\t"),
    STRING("[\"\\\\\"]", "/0", "\\"),
    STRING("[\"\\\\u0041\"]", "/0", "\\u0041"),
    STRING("[\"\\u0041\\u005a\"]", "/0", "AZ"),
    STRING("[\"\\u0000\"]", "/0", "\0"),
    STRING("[\"a\\u0000b\"]", "/0", "a\0b"),
    STRING("[\"\\u007f\\u0080\"]", "/0", "\x7f\xc2\x80"),
    STRING("[\"\\u07ff\\u0800\"]", "/0", "\xdf\xbf\xe0\xa0\x80"),
    STRING("[\"\\ud7ff\\ue000\"]", "/0", "\xed\x9f\xbf\xee\x80\x80"),
    STRING("[\"\\uFFFF\\uffff\"]", "/0", "\xef\xbf\xbf\xef\xbf\xbf"),
    STRING("[\"\\ud800\\udc00\"]", "/0", "\xf0\x90\x80\x80"),
    STRING("[\"\\uDBFF\\uDFFF\"]", "/0", "\xf4\x8f\xbf\xbf"),
    STRING("[\"\\uD83D\\uDE00!\"]", "/0", "\xf0\x9f\x98\x80!"),
    STRING("[\"\xf0\x9f\x98\x80\xe2\x82\xac\"]", "/0",
           "\xf0\x9f\x98\x80\xe2\x82\xac"),
    STRING("[\"\xc3\xa9\\n\xc3\xa9\"]", "/0", "\xc3\xa9\n\xc3\xa9"),
    NONE("[\"\\ud800\"]", "/0"),
    NONE("[\"\\udbff\"]", "/0"),
    NONE("[\"\\udc00\"]", "/0"),
    NONE("[\"\\udfff\"]", "/0"),
    NONE("[\"a\\ud83d\"]", "/0"),
    NONE("[\"\\ud83dab\"]", "/0"),
    NONE("[\"\\ud83dabcdefgh\"]", "/0"),
    NONE("[\"\\ud83d\\n\\u0041\"]", "/0"),
    NONE("[\"\\ud83d\\\\ude00\"]", "/0"),
    NONE("[\"\\ud83d\\u0041\"]", "/0"),
    NONE("[\"\\ud83d\\ue000\"]", "/0"),
    NONE("[\"\\ud83d\\udbff\"]", "/0"),
    NONE("[\"\\ud83d\\ud83d\\ude00\"]", "/0"),
    NONE("[\"\\ude00\\ud83d\"]", "/0"),
    NONE("[\"\\udc00\\udc00\"]", "/0"),
    NONE("[\"\\udfff\\ude00\"]", "/0"),
    STRING("[\"\\ud800\",\"a\"]", "/1", "a"),

    /* numbers are text */

    PLAIN("[-0]", "/0", "-0"),
    PLAIN("[0.10]", "/0", "0.10"),
    PLAIN("[1E5]", "/0", "1E5"),
    PLAIN("[1.0e-07]", "/0", "1.0e-07"),
    PLAIN("[9007199254740993]", "/0", "9007199254740993"),
    PLAIN("[18446744073709551616]", "/0", "18446744073709551616"),
    PLAIN("[1e400]", "/0", "1e400"),
    PLAIN("[ 12 ]", "/0", "12"),
    PLAIN("{\"a\":12\n}", "/a", "12"),
    PLAIN("[1\r,2]", "/0", "1"),

    /* what is no JSON has nothing, though it began well */

    NONE("", ""),
    NONE("a", ""),
    NONE("\"a", ""),
    NONE("01", ""),
    NONE("1 2", ""),
    NONE("{\"a\":1", "/a"),
    NONE("{\"a\":1}}", "/a"),
    NONE("{\"a\":1}x", "/a"),
    NONE("{\"a\":1,}", "/a"),
    NONE("{\"a\":1 \"b\":2}", "/a"),
    NONE("{\"a\":1,\"b\":01}", "/a"),
    NONE("{\"a\":1,\"b\":tru}", "/a"),
    NONE("{\"a\":1,\"b\":\"\\x\"}", "/a"),
    NONE("{\"a\":1,\"b\":\"\n\"}", "/a"),
    NONE("{\"a\":1,\"b\":\"\xff\"}", "/a"),
    NONE("{\"a\":1,\"\xc0\x80\":2}", "/a"),
    NONE("{\"a\":\"\xed\xa0\x80\"}", "/a"),
    NONE("\xef\xbb\xbf{\"a\":1}", "/a"),
    NONE("{\"a\":1}\0", "/a"),
    NONE("[1,2", "/0")
};


int
main(void)
{
    size_t  i;

    for (i = 0; i < nelts(cases); i++) {
        check(i, &cases[i]);
    }

    return tap_done((int) nelts(cases));
}


static void
check(size_t i, const case_t *c)
{
    int                         good;
    uint8_t                    *text, *pointer;
    ngx_kafka_ws_span_t         s;
    ngx_kafka_ws_json_value_t   value;

    text = guard_copy(c->text, c->len);
    s = span(c->pointer);
    pointer = guard_copy(s.data, s.len);
    s.data = pointer;

    memset(&value, 0xff, sizeof(value));
    ngx_kafka_ws_json_find(text, c->len, &s, 1, &value);

    good = ok(is_case(&value, c), "case %zu has %s", i,
              c->want == NULL ? "no value" : c->string ? "a string"
              : "a number or a word");

    if (!good) {
        printf("# %s, \"%s\"\n", c->text, c->pointer);
    }

    guard_free(pointer, s.len);
    guard_free(text, c->len);
}
