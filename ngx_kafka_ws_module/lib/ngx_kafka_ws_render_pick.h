
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which headers of a record are rendered: of a repeated name the last one,
 * and if the rendering names some, only those.
 */


#ifndef _NGX_KAFKA_WS_RENDER_PICK_H_INCLUDED_
#define _NGX_KAFKA_WS_RENDER_PICK_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_render.h"


#define NGX_KAFKA_WS_PICK_FEW  16   /* headers that need no room */


/* bytes of working room for n headers, n at most UINT32_MAX */
size_t ngx_kafka_ws_pick_room(size_t n);

/*
 * few:       NGX_KAFKA_WS_PICK_FEW bits
 * room:      as many bytes as above, of any alignment
 * returns:   few, or a place in room: a bit per header, 1 if rendered,
 *            header i in bit i % 8 of byte i / 8
 * cost:      n log n compares; n per name if the rendering has names
 */
uint8_t *ngx_kafka_ws_pick(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *few, uint8_t *room);

/* below 0, 0 or above: some order of names, the cheapest to find */
int ngx_kafka_ws_pick_compare(const ngx_kafka_ws_span_t *a,
    const ngx_kafka_ws_span_t *b);


#endif /* _NGX_KAFKA_WS_RENDER_PICK_H_INCLUDED_ */
