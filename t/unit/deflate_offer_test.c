
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which offer of permessage-deflate is accepted, and with what answer.
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_deflate.h"


#define nelts(a)    (sizeof(a) / sizeof(a[0]))

#define PMD         "permessage-deflate"
#define S_NCT       "server_no_context_takeover"
#define C_NCT       "client_no_context_takeover"
#define S_BITS      "server_max_window_bits"
#define C_BITS      "client_max_window_bits"

#define ANSWER      PMD "; " S_NCT "; " C_NCT
#define ANSWER_15   ANSWER "; " S_BITS "=15"
#define ANSWER_12   ANSWER "; " S_BITS "=12"
#define ANSWER_10   ANSWER "; " S_BITS "=10"
#define ANSWER_9    ANSWER "; " S_BITS "=9"


/* the answer for a compressor of any window, and for one of 15 bits only */

static const struct {
    const char  *lines[3];
    const char  *any;
    const char  *only_15;
} offers[] = {
    { { PMD }, ANSWER, ANSWER },
    { { " " PMD "\t" }, ANSWER, ANSWER },
    { { PMD ";" S_NCT }, ANSWER, ANSWER },
    { { PMD "; " C_NCT }, ANSWER, ANSWER },
    { { PMD "; " S_NCT "; " C_NCT }, ANSWER, ANSWER },
    { { PMD "; " C_BITS }, ANSWER, ANSWER },
    { { PMD "; " C_BITS "=8" }, ANSWER, ANSWER },
    { { PMD "; " C_BITS "=9" }, ANSWER, ANSWER },
    { { PMD "; " C_BITS "=15" }, ANSWER, ANSWER },
    { { PMD "; " C_BITS "=\"10\"" }, ANSWER, ANSWER },
    { { PMD "; " S_BITS "=15" }, ANSWER_15, ANSWER_15 },
    { { PMD "; " S_BITS "=14" }, ANSWER "; " S_BITS "=14", "" },
    { { PMD "; " S_BITS "=13" }, ANSWER "; " S_BITS "=13", "" },
    { { PMD "; " S_BITS "=12" }, ANSWER_12, "" },
    { { PMD "; " S_BITS "=11" }, ANSWER "; " S_BITS "=11", "" },
    { { PMD "; " S_BITS "=10" }, ANSWER_10, "" },
    { { PMD "; " S_BITS "=9" }, ANSWER_9, "" },
    { { PMD "; " S_BITS " = \"12\"" }, ANSWER_12, "" },
    { { PMD "; " S_BITS "=\"\\1\\5\"" }, ANSWER_15, ANSWER_15 },
    { { PMD "; " S_BITS "=\"\\9\"" }, ANSWER_9, "" },
    { { PMD "; " C_BITS "; " S_BITS "=10; " C_NCT "; " S_NCT }, ANSWER_10,
      "" },
    { { PMD "; " S_BITS "=15; " C_BITS "=10" }, ANSWER_15, ANSWER_15 },

    /* windows out of range; 8 is in it, but zlib has none */

    { { PMD "; " S_BITS "=8" }, "", "" },
    { { PMD "; " S_BITS "=7" }, "", "" },
    { { PMD "; " S_BITS "=0" }, "", "" },
    { { PMD "; " S_BITS "=1" }, "", "" },
    { { PMD "; " S_BITS "=16" }, "", "" },
    { { PMD "; " S_BITS "=99" }, "", "" },
    { { PMD "; " S_BITS "=100" }, "", "" },
    { { PMD "; " S_BITS "=150" }, "", "" },
    { { PMD "; " S_BITS "=4294967311" }, "", "" },
    { { PMD "; " S_BITS "=18446744073709551631" }, "", "" },
    { { PMD "; " C_BITS "=7" }, "", "" },
    { { PMD "; " C_BITS "=0" }, "", "" },
    { { PMD "; " C_BITS "=16" }, "", "" },
    { { PMD "; " C_BITS "=100" }, "", "" },

    /* not the digits that they must be */

    { { PMD "; " S_BITS "=09" }, "", "" },
    { { PMD "; " S_BITS "=015" }, "", "" },
    { { PMD "; " S_BITS "=\"09\"" }, "", "" },
    { { PMD "; " C_BITS "=010" }, "", "" },
    { { PMD "; " C_BITS "=00" }, "", "" },
    { { PMD "; " S_BITS "=+9" }, "", "" },
    { { PMD "; " S_BITS "=-9" }, "", "" },
    { { PMD "; " S_BITS "=9a" }, "", "" },
    { { PMD "; " S_BITS "=a9" }, "", "" },
    { { PMD "; " S_BITS "=1.5" }, "", "" },
    { { PMD "; " S_BITS "=1e1" }, "", "" },
    { { PMD "; " S_BITS "=0xf" }, "", "" },
    { { PMD "; " S_BITS "=1:" }, "", "" },
    { { PMD "; " S_BITS "=1/" }, "", "" },
    { { PMD "; " S_BITS "=true" }, "", "" },
    { { PMD "; " C_BITS "=x" }, "", "" },
    { { PMD "; " C_BITS "=1'" }, "", "" },
    { { PMD "; " C_BITS "=1." }, "", "" },

    /* a value that is missing, or that must not be */

    { { PMD "; " S_BITS }, "", "" },
    { { PMD "; " S_BITS "; " C_BITS }, "", "" },
    { { PMD "; " S_NCT "=1" }, "", "" },
    { { PMD "; " S_NCT "=15" }, "", "" },
    { { PMD "; " S_NCT "=true" }, "", "" },
    { { PMD "; " C_NCT "=0" }, "", "" },
    { { PMD "; " C_NCT "=\"12\"" }, "", "" },

    /* twice, with the same value, too */

    { { PMD "; " S_NCT "; " S_NCT }, "", "" },
    { { PMD "; " C_NCT "; " S_NCT "; " C_NCT }, "", "" },
    { { PMD "; " S_BITS "=15; " S_BITS "=15" }, "", "" },
    { { PMD "; " S_BITS "=12; " S_BITS "=15" }, "", "" },
    { { PMD "; " C_BITS "; " C_BITS }, "", "" },
    { { PMD "; " C_BITS "; " C_BITS "=15" }, "", "" },

    /* unknown parameters and names, by other letters, too */

    { { PMD "; x" }, "", "" },
    { { PMD "; x=1" }, "", "" },
    { { PMD "; " S_NCT "; x" }, "", "" },
    { { PMD "; Server_no_context_takeover" }, "", "" },
    { { PMD "; SERVER_MAX_WINDOW_BITS=15" }, "", "" },
    { { PMD "; server_max_window_bit=15" }, "", "" },
    { { PMD "; " S_BITS "s=15" }, "", "" },
    { { "Permessage-Deflate" }, "", "" },
    { { "permessage-deflat" }, "", "" },
    { { PMD "s" }, "", "" },
    { { "x-webkit-deflate-frame" }, "", "" },
    { { "permessage-bzip2" }, "", "" },
    { { "x; p=" PMD }, "", "" },
    { { "x; " PMD }, "", "" },
    { { "" }, "", "" },
    { { "," }, "", "" },

    /* the first that can be accepted, over all lines */

    { { "x, " PMD }, ANSWER, ANSWER },
    { { "x; " S_BITS "=9, y, " PMD }, ANSWER, ANSWER },
    { { PMD "; x, " PMD }, ANSWER, ANSWER },
    { { PMD "; x=\"a\", " PMD "; " S_BITS "=12" }, ANSWER_12, "" },
    { { PMD "; " S_BITS "=12, " PMD }, ANSWER_12, ANSWER },
    { { PMD "; " S_BITS "=8, " PMD "; " S_BITS "=10, " PMD }, ANSWER_10,
      ANSWER },
    { { PMD ", " PMD "; " S_BITS "=10" }, ANSWER, ANSWER },
    { { PMD "; " S_BITS "=12, " PMD "; " S_BITS "=15" }, ANSWER_12,
      ANSWER_15 },
    { { PMD "; " S_BITS ", " PMD "; " S_BITS "=15" }, ANSWER_15, ANSWER_15 },
    { { PMD "; " S_BITS "=10; x, " PMD }, ANSWER, ANSWER },
    { { PMD "; " S_BITS "=9; " S_NCT "=1, " PMD "; " S_BITS "=10" },
      ANSWER_10, "" },
    { { PMD "; x", PMD }, ANSWER, ANSWER },
    { { "x", "y", PMD "; " S_BITS "=9" }, ANSWER_9, "" },
    { { PMD "; " S_BITS "=10", PMD "; " S_BITS "=15", PMD }, ANSWER_10,
      ANSWER_15 },
    { { PMD, PMD "; " S_BITS "=10" }, ANSWER, ANSWER },
    { { "", ",", PMD }, ANSWER, ANSWER },
    { { PMD "; " S_BITS "=8", PMD "; " S_BITS "=16", "x" }, "", "" },

    /* parameters do not go over to the next line */

    { { PMD "; " S_BITS "=12", "; " S_NCT }, ANSWER_12, "" },

    /* what is broken is refused elsewhere, here it is no offer */

    { { PMD "; " }, "", "" },
    { { PMD "; " S_BITS "=" }, "", "" },
    { { PMD "; " S_BITS "=\"15" }, "", "" },
    { { PMD "; x=\"a,b\", " PMD }, "", "" },
    { { PMD ", x;" }, ANSWER, ANSWER },
};


static void
negotiate(size_t i, unsigned min_bits, const char *want)
{
    size_t                   j, n;
    uint8_t                 *p, *buf;
    unsigned                 bits;
    const char              *asked;
    ngx_kafka_ws_deflate_t   d;

    memset(&d, 0, sizeof(d));

    for (j = 0; j < nelts(offers[i].lines) && offers[i].lines[j]; j++) {
        n = strlen(offers[i].lines[j]);
        p = guard_copy(offers[i].lines[j], n);

        ngx_kafka_ws_deflate_offer(&d, min_bits, p, p + n);

        guard_free(p, n);
    }

    n = strlen(want);
    buf = guard_new(n);

    ok(d.agreed == (n != 0), "offer %zu, from %u bits: %sagreed", i, min_bits,
       n != 0 ? "" : "not ");

    is_mem(buf, ngx_kafka_ws_deflate_answer(&d, buf), want, n,
           "its answer is \"%s\"", want);

    asked = strchr(want, '=');
    bits = (asked != NULL) ? (unsigned) atoi(asked + 1) : n ? 15 : 0;

    is_int(d.bits, bits, "its compressor has %u bits", bits);

    guard_free(buf, n);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < nelts(offers); i++) {
        negotiate(i, 0, offers[i].any);
        negotiate(i, 9, offers[i].any);
        negotiate(i, 15, offers[i].only_15);
    }

    is_int(strlen(ANSWER_15), NGX_KAFKA_WS_DEFLATE_ANSWER_MAX,
           "the longest answer is as long as it is said to be");

    return tap_done((int) nelts(offers) * 9 + 1);
}
