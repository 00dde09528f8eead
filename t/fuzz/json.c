
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The check of JSON: the same verdict as the recursive checker of
 * reference.h, and nothing passes that cJSON refuses.  (The other way round
 * proves nothing: cJSON lets pass what is no JSON, such as 01 and raw control
 * bytes.)
 *
 * Input: two bytes that say the depth allowed, the text.
 */


#include "fuzz.h"
#include "reference.h"

#include <cjson/cJSON.h>

#include "ngx_kafka_ws_json.h"


/* where cJSON is known to differ from the RFC: escapes of characters (it
 * refuses lone surrogates), numbers of 63 characters and more */

static int
cjson_differs(const uint8_t *p, size_t n)
{
    size_t  i, digits;

    digits = 0;

    for (i = 0; i < n; i++) {

        if (p[i] == '\\' && i + 1 < n && p[i + 1] == 'u') {
            return 1;
        }

        digits = p[i] != '\0' && strchr("0123456789+-.eE", p[i]) != NULL
                 ? digits + 1 : 0;

        if (digits > 60) {
            return 1;
        }
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                n, depth, most;
    cJSON                *tree;
    uint8_t              *text;
    ngx_kafka_ws_json_e   rc;

    if (size < 2) {
        return -1;
    }

    depth = (data[0] & 3) ? data[1] : data[1] * 4u;
    most = depth < NGX_KAFKA_WS_JSON_MAX_DEPTH
           ? depth : NGX_KAFKA_WS_JSON_MAX_DEPTH;

    n = size - 2;
    text = fuzz_copy(data + 2, n);
    rc = ngx_kafka_ws_json_check(text, n, depth);

    switch (ref_json(text, n, most)) {

    case REF_NONE:
        promise(rc == NGX_KAFKA_WS_JSON_NONE);
        break;

    case REF_SCALAR:
        promise(rc == NGX_KAFKA_WS_JSON_SCALAR);
        break;

    case REF_CONTAINER:
        promise(rc == NGX_KAFKA_WS_JSON_CONTAINER);
        break;

    default:
        promise(rc == NGX_KAFKA_WS_JSON_TOO_DEEP);
        break;
    }

    if ((rc == NGX_KAFKA_WS_JSON_SCALAR || rc == NGX_KAFKA_WS_JSON_CONTAINER)
        && !cjson_differs(text, n))
    {
        tree = cJSON_ParseWithLength((const char *) text, n);
        promise(tree != NULL);
        promise((cJSON_IsObject(tree) || cJSON_IsArray(tree))
                == (rc == NGX_KAFKA_WS_JSON_CONTAINER));
        cJSON_Delete(tree);
    }

    free(text);

    return 0;
}
