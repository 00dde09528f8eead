
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _NGX_KAFKA_WS_UTF8_H_INCLUDED_
#define _NGX_KAFKA_WS_UTF8_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * Validator of a text that comes in pieces; zero-filled before the first
 * piece and before each new text.
 */

typedef struct {
    uint8_t  need;      /* continuation bytes still to come, 0 to 3 */
    uint8_t  low;       /* least next continuation byte, 0: 0x80 */
    uint8_t  high;      /* greatest next continuation byte, 0: 0xbf */
    uint8_t  bad;       /* a bad byte was seen, the text stays invalid */
} ngx_kafka_ws_utf8_t;


/*
 * Feeds the next n bytes of a text.
 * returns:  1 valid so far; 0 from the first byte on that no valid text
 *           can continue with: overlong, surrogate, above U+10FFFF
 * cost:     one look at each byte, 8 at a step while they are ASCII
 * source:   RFC 3629, 4
 */
int ngx_kafka_ws_utf8_feed(ngx_kafka_ws_utf8_t *u, const uint8_t *p,
    size_t n);

/*
 * returns:  1 if all bytes so far are a valid text that ends between
 *           two characters, else 0; an empty text is complete
 */
int ngx_kafka_ws_utf8_complete(const ngx_kafka_ws_utf8_t *u);

/*
 * Checks a whole text; p may be NULL if n is 0.
 * returns:  1 valid, 0 not
 * cost:     as feed, no state; on the way of each Kafka record
 */
int ngx_kafka_ws_utf8_valid(const uint8_t *p, size_t n);


#endif /* _NGX_KAFKA_WS_UTF8_H_INCLUDED_ */
