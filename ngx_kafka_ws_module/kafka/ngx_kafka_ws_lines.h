
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * How many lines a process writes about its clusters: ten a minute, whatever
 * goes wrong.  What begins is told only if there is room for the line on its
 * end, too; an end that was promised waits for room, if need be, and nothing
 * else is told before it.
 */


#ifndef _NGX_KAFKA_WS_LINES_H_INCLUDED_
#define _NGX_KAFKA_WS_LINES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_KAFKA_WS_LINE_PLAIN = 0,
    NGX_KAFKA_WS_LINE_BEGIN,     /* of what will be told the end of */
    NGX_KAFKA_WS_LINE_END,
    NGX_KAFKA_WS_LINE_LATE,      /* an end that was refused before */
    NGX_KAFKA_WS_LINE_ALERT      /* never refused */
} ngx_kafka_ws_line_kind_e;


/*
 * Takes the place of a line.
 * returns:   1: it may be written, and is counted as of now; 0: not now; an
 *            end has to be tried again as a late one
 * where:     any thread
 */
ngx_uint_t ngx_kafka_ws_lines_take(ngx_kafka_ws_line_kind_e kind);

/*
 * Counts a line that was left out; and how many were, if there is room to say
 * so, once a minute: 0: nothing to say.
 */
void ngx_kafka_ws_lines_drop(void);
ngx_uint_t ngx_kafka_ws_lines_more(void);


#endif /* _NGX_KAFKA_WS_LINES_H_INCLUDED_ */
