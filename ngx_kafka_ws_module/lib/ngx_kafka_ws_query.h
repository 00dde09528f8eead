
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The query string of a URL, and what is percent-encoded in it or elsewhere
 * (RFC 3986, 2.1).  "+" is a plus: forms write their blanks so, scripts do
 * not.
 */


#ifndef _NGX_KAFKA_WS_QUERY_H_INCLUDED_
#define _NGX_KAFKA_WS_QUERY_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_record.h"


/*
 * Undoes %XX in place.
 * n:        in and out, bytes
 * pos:      set if 0: that of the bad "%" in the text as it came, which is
 *           then partly changed
 * returns:  1, or 0
 */
int ngx_kafka_ws_query_unescape(uint8_t *p, size_t *n, size_t *pos);

/*
 * Takes the next argument.  Arguments stand between "&", and a name ends at the
 * first "=" or with the argument.
 * p:        in and out: what is left
 * name, value:
 *           set if 1, as they stand in the text; value is empty also without
 *           a "="
 * returns:  1, or 0: there is none left
 * cost:     one pass over the argument
 */
int ngx_kafka_ws_query_next(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_span_t *name, ngx_kafka_ws_span_t *value);

/*
 * Compares a name, as it stands in the text, by bytes with what it might be:
 * its %XX are undone once.  One with a bad "%" in what is compared is nobody's.
 * returns:  1: it is that; or it begins with that
 */
int ngx_kafka_ws_query_is(const ngx_kafka_ws_span_t *name,
    const ngx_kafka_ws_span_t *that);
int ngx_kafka_ws_query_begins(const ngx_kafka_ws_span_t *name,
    const ngx_kafka_ws_span_t *that);


#endif /* _NGX_KAFKA_WS_QUERY_H_INCLUDED_ */
