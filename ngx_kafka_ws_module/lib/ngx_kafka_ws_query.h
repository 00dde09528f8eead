
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
 * Finds an argument.  Arguments stand between "&", and a name ends at the
 * first "=" or with the argument; it is compared by bytes, its %XX undone
 * once.  A name with a bad "%" is nobody's.
 * name:     not empty
 * value:    set unless 0: that of the first of them, as it stands in the
 *           text; empty also without a "="
 * returns:  0: it is not there; 1; 2: it is there more than once
 * cost:     one pass over the text
 */
unsigned ngx_kafka_ws_query_find(const uint8_t *p, size_t n,
    const ngx_kafka_ws_span_t *name, ngx_kafka_ws_span_t *value);


#endif /* _NGX_KAFKA_WS_QUERY_H_INCLUDED_ */
