
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * kafka_ws_commands: a client asks over its socket for streams, and says
 * where they go on.  What it may have was decided at its handshake.
 */


#ifndef _NGX_KAFKA_WS_COMMANDS_H_INCLUDED_
#define _NGX_KAFKA_WS_COMMANDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_bounds.h"
#include "ngx_kafka_ws_bytes.h"
#include "ngx_kafka_ws_command.h"
#include "ngx_kafka_ws_filter_wants.h"
#include "ngx_kafka_ws_worker.h"


/* codes of error events; those of the ends of streams are Close codes */

#define NGX_KAFKA_WS_COMMANDS_MALFORMED  4400
#define NGX_KAFKA_WS_COMMANDS_FORBIDDEN  NGX_KAFKA_WS_CLOSE_REFUSED
#define NGX_KAFKA_WS_COMMANDS_UNKNOWN    NGX_KAFKA_WS_CLOSE_GONE
#define NGX_KAFKA_WS_COMMANDS_CONFLICT   4409
#define NGX_KAFKA_WS_COMMANDS_TOO_MANY   4429
#define NGX_KAFKA_WS_COMMANDS_NOT_NOW    NGX_KAFKA_WS_CLOSE_OVERLOAD


typedef struct ngx_kafka_ws_commands_s  ngx_kafka_ws_commands_t;


/* of one client, in the request's pool; what grows is on the heap */

struct ngx_kafka_ws_commands_s {
    ngx_kafka_ws_commands_conf_t *conf;
    ngx_str_t                     topic;      /* the location's; may be none */
    ngx_kafka_ws_bounds_t         bounds;
    ngx_kafka_ws_filter_t         filter;     /* of every stream */
    ngx_kafka_ws_start_t          start;      /* of who names none */
    ngx_uint_t                    rendering;

    ngx_uint_t                    nstreams;
    ngx_kafka_ws_subscription_t  *turn;       /* whose it is next; NULL: of
                                                 the first */
    ngx_uint_t                    credit;     /* thousandths of commands */
    ngx_msec_t                    earned;     /* when it was credited */

    ngx_kafka_ws_bytes_t         *message;    /* what is here of one */
    ngx_kafka_ws_bytes_t         *answers;    /* that the socket did not take,
                                                 as whole frames */
};


/*
 * Keeps what the client's commands are bound by.
 * joining:   its format, deflate and wish are set
 * topic:     of its first stream; NULL: there is none
 * bounds:    copied
 * filter:    its arrays are kept
 * returns:   NULL: no memory
 * where:     content handler, before the answer
 */
ngx_kafka_ws_commands_t *ngx_kafka_ws_commands_create(ngx_http_request_t *r,
    ngx_kafka_ws_joining_t *joining, ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_bounds_t *bounds, ngx_kafka_ws_filter_t *filter);

/* of clients whose client->commands is set */
extern const ngx_kafka_ws_owner_t  ngx_kafka_ws_commands_owner;


/* between ngx_kafka_ws_commands*.c */

/* of the location, of the handshake, of a command */
#define NGX_KAFKA_WS_COMMANDS_TERMS                                           \
    (NGX_KAFKA_WS_FILTER_TERMS_MAX + 2 * NGX_KAFKA_WS_FILTER_CLIENT_MAX)


/* one command, on its way */

typedef struct {
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_command_t       *cmd;
    ngx_str_t                     topic;

    ngx_kafka_ws_filter_t         filter;     /* of the stream that it asks
                                                 for, with: */
    ngx_kafka_ws_filter_term_t    terms[NGX_KAFKA_WS_COMMANDS_TERMS];
    ngx_kafka_ws_filter_want_t    wants[NGX_KAFKA_WS_COMMANDS_TERMS];
} ngx_kafka_ws_asking_t;

/*
 * Does what a command asks for, and answers it.
 * returns:   NGX_OK: also if the answer is an error; NGX_ERROR: no memory for
 *            the answer, or the connection is broken
 */
ngx_int_t ngx_kafka_ws_commands_do(ngx_kafka_ws_asking_t *ask);

/*
 * Answers: with an event of this name, and the positions of a wish, unless it
 * is NULL; or with an error, whose text is made by ngx_vslprintf().
 * returns:   as above
 */
ngx_int_t ngx_kafka_ws_commands_answer(ngx_kafka_ws_asking_t *ask,
    const char *name, ngx_kafka_ws_wish_t *wish);
ngx_int_t ngx_kafka_ws_commands_error(ngx_kafka_ws_asking_t *ask,
    ngx_uint_t code, const char *fmt, ...);

/* sends answers that waited; returns as above */
ngx_int_t ngx_kafka_ws_commands_flush(ngx_kafka_ws_client_t *client);

/* tells the client why a stream has ended, and removes it; returns as above */
ngx_int_t ngx_kafka_ws_commands_ended(ngx_kafka_ws_client_t *client,
    ngx_kafka_ws_subscription_t *sub);

/* removes a stream */
void ngx_kafka_ws_commands_remove(ngx_kafka_ws_client_t *client,
    ngx_kafka_ws_subscription_t *sub);

#define ngx_kafka_ws_commands_log(ask)                                        \
    (ask)->client->subscriber.connection->log

/* of a check whose answer is out, or could not be sent */
#define ngx_kafka_ws_commands_declined(rc)                                    \
    ((rc) == NGX_OK ? NGX_DECLINED : NGX_ERROR)

/*
 * Functions that check.
 * returns:   NGX_OK; NGX_DECLINED: the command has its answer; NGX_ERROR
 */
ngx_int_t ngx_kafka_ws_commands_topic(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key);
ngx_int_t ngx_kafka_ws_commands_within(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_within_t *within);
ngx_int_t ngx_kafka_ws_commands_filter(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key);
ngx_int_t ngx_kafka_ws_commands_positions(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_range_t *ranges,
    ngx_uint_t nranges);
ngx_int_t ngx_kafka_ws_commands_wish(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_wish_t **wish);

/* the answer to a command that there is no memory for */
ngx_int_t ngx_kafka_ws_commands_no_memory(ngx_kafka_ws_asking_t *ask);


#endif /* _NGX_KAFKA_WS_COMMANDS_H_INCLUDED_ */
