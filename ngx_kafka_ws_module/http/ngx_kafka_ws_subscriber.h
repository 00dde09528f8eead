
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One WebSocket connection after its handshake: what it reads, how it
 * writes, how it ends.  It knows nothing of Kafka, rings or other
 * connections; whoever feeds it is told through its owner.  See the essay in
 * ngx_kafka_ws_subscriber.c.
 */


#ifndef _NGX_KAFKA_WS_SUBSCRIBER_H_INCLUDED_
#define _NGX_KAFKA_WS_SUBSCRIBER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_bytes.h"
#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_pace.h"
#include "ngx_kafka_ws_receiver.h"
#include "ngx_kafka_ws_shm.h"
#include "ngx_kafka_ws_socket.h"


#define NGX_KAFKA_WS_CLOSE_ABNORMAL  1006   /* for the counters only */

#define NGX_KAFKA_WS_SUB_CREDIT  16     /* reads before a client is paced */


typedef struct ngx_kafka_ws_subscriber_s  ngx_kafka_ws_subscriber_t;


/*
 * What the subscriber tells its owner, at most one call deep; in each of
 * them the owner may send or close.
 *
 * writable:  nothing is left over from what was sent before
 * leave:     it gets no more data; called once, before it ends
 * exiting:   the worker is shutting down: the owner decides when to close
 * idle:      nothing was sent for the time of a ping; NULL: no matter.
 *            NGX_OK or NGX_ERROR, as _event() below
 * data:      bytes of a message, inflated and, if it is text, valid UTF-8 so
 *            far; first and last bound it.  NULL: it expects none, a whole
 *            message is refused with 1003.  NGX_OK or NGX_ERROR: out of
 *            memory, or the connection is broken; not ended from here
 */

typedef struct {
    void                      (*writable)(ngx_kafka_ws_subscriber_t *kws);
    void                      (*leave)(ngx_kafka_ws_subscriber_t *kws);
    void                      (*exiting)(ngx_kafka_ws_subscriber_t *kws);
    ngx_int_t                 (*idle)(ngx_kafka_ws_subscriber_t *kws);
    ngx_int_t                 (*data)(ngx_kafka_ws_subscriber_t *kws,
                                  const ngx_kafka_ws_recv_t *ev);
} ngx_kafka_ws_owner_t;


/* frames that answer what one read brought, to go out in one send */

typedef struct {
    u_char                    *buf;
    size_t                     len;
} ngx_kafka_ws_replies_t;

#define NGX_KAFKA_WS_REPLIES_SIZE  16384   /* bytes: a read's worth */


/* in order of time; see the table in ngx_kafka_ws_subscriber.c */

typedef enum {
    NGX_KAFKA_WS_SUB_HEAD = 0,
    NGX_KAFKA_WS_SUB_OPEN,
    NGX_KAFKA_WS_SUB_CLOSING,
    NGX_KAFKA_WS_SUB_LINGER,
    NGX_KAFKA_WS_SUB_DONE
} ngx_kafka_ws_subscriber_state_e;


/* in the request's pool */

struct ngx_kafka_ws_subscriber_s {
    ngx_connection_t          *connection;
    ngx_http_request_t        *request;
    ngx_kafka_ws_socket_conf_t  *conf;
    ngx_kafka_ws_counters_t   *counters;    /* of this process */
    const ngx_kafka_ws_owner_t  *owner;
    void                      *data;        /* the owner's */

    u_char                    *rest;        /* of a frame half sent: */
    size_t                     rest_len;    /* malloc()ed, in one piece */
    size_t                     rest_pos;

    u_char                    *pong;        /* a whole frame that waits */
    size_t                     pong_len;
    u_char                     bare[4];     /* place for a Close without a
                                               reason */

    ngx_kafka_ws_replies_t    *replies;     /* while it reads, else NULL */
    ngx_kafka_ws_bytes_t      *packed;      /* a compressed message that is
                                               not whole yet */

    ngx_kafka_ws_pace_t        pace;

    ngx_msec_t                 received;    /* last time of anything */
    ngx_msec_t                 pinged;
    ngx_msec_t                 quiet;       /* since when nothing was sent */

    unsigned                   state:3;     /* ngx_kafka_ws_subscriber_...e */
    unsigned                   attached:1;  /* to its owner */
    unsigned                   ping_wait:1; /* a ping is not answered yet */
    unsigned                   ping_due:1;  /* could not be sent yet */
    unsigned                   sent:1;      /* something, since the last look */
    unsigned                   drop:1;      /* to end with RST */
    unsigned                   torn:1;      /* the rest of a frame is lost */
    unsigned                   eof:1;       /* the client sends no more */
    unsigned                   hold:1;      /* the owner's: read no more */
    unsigned                   deflate:1;   /* agreed on */
    unsigned                   credit:5;    /* reads until it is paced */

    uint16_t                   code;        /* of the close, 0: none yet */

    ngx_kafka_ws_receiver_t    receiver;
};


/*
 * Makes a subscriber before the 101 response, which promises one.
 * size:      of the owner's struct that begins with it
 * returns:   it, zero-filled, in r->pool, freed with the request; NULL: no
 *            memory
 */
ngx_kafka_ws_subscriber_t *ngx_kafka_ws_subscriber_create(
    ngx_http_request_t *r, size_t size);

/*
 * Begins, once the 101 response was sent: takes the connection's events over.
 * Reading begins with a posted event.
 * conf:      as long as the request
 * deflate:   1: permessage-deflate was agreed on
 * counters:  connections counts it already, and is counted down at its end
 * returns:   NGX_OK, or NGX_ERROR: the connection is broken
 * where:     content handler, which returns NGX_DONE afterwards
 */
ngx_int_t ngx_kafka_ws_subscriber_begin(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_socket_conf_t *conf, ngx_uint_t deflate,
    ngx_kafka_ws_counters_t *counters, const ngx_kafka_ws_owner_t *owner,
    void *data);

/*
 * Sends whole frames as one piece.
 * ends:      n places, the end of each record's frames in buf
 * done:      set to the number of records that need not be sent again
 * returns:   NGX_OK: all is sent; NGX_AGAIN: the client takes no more now,
 *            writable is called later; NGX_ERROR: the connection is broken,
 *            or memory is short: the caller ends it with
 *            ngx_kafka_ws_subscriber_fail()
 * cost:      one system call; memory only for the rest of a frame half sent
 */
ngx_int_t ngx_kafka_ws_subscriber_send(ngx_kafka_ws_subscriber_t *kws,
    u_char *buf, size_t len, const uint32_t *ends, ngx_uint_t n,
    ngx_uint_t *done);

/*
 * Sends one frame of our own (an event, a control frame).  Only while
 * nothing is left over: see ngx_kafka_ws_subscriber_blocked().
 * returns:   NGX_OK: sent or the rest is kept; NGX_ERROR: as above
 */
ngx_int_t ngx_kafka_ws_subscriber_event(ngx_kafka_ws_subscriber_t *kws,
    u_char *frame, size_t len);

/*
 * Sends one frame in answer to what was read: from the owner's data(), along
 * with the other answers to the same read, and in their order.
 * first:     opcode with FIN and RSV1, as for ngx_kafka_ws_frame_header()
 * returns:   NGX_OK: taken; NGX_AGAIN: the socket is full, or the frame is
 *            too large for this way: nothing is taken, all before it is on
 *            its way; NGX_ERROR: as above
 */
ngx_int_t ngx_kafka_ws_subscriber_reply(ngx_kafka_ws_subscriber_t *kws,
    unsigned first, const u_char *data, size_t len);

#define ngx_kafka_ws_subscriber_blocked(kws)                                  \
    ((kws)->rest != NULL || !(kws)->connection->write->ready)

/*
 * Begins to close with a code and a reason (cut to 123 bytes).  The
 * subscriber leaves its owner, sends the Close when it can, and ends when the
 * client did or after a while.
 */
void ngx_kafka_ws_subscriber_close(ngx_kafka_ws_subscriber_t *kws,
    ngx_uint_t code, u_char *reason, size_t len);

/*
 * What is wrong with the client was logged: what then becomes of its
 * connection (reset, broken pipe, an error of TLS) is the same affair, and
 * gets no line of its own.
 */
void ngx_kafka_ws_subscriber_hush(ngx_kafka_ws_subscriber_t *kws);

/*
 * Ends it for want of memory: with a Close 1011, for which none is needed; or
 * at once, if the connection is broken or stands within a frame.  The caller
 * must not touch it again.
 */
void ngx_kafka_ws_subscriber_fail(ngx_kafka_ws_subscriber_t *kws);

/* ends it now: the request is freed, the caller must not touch it again */
void ngx_kafka_ws_subscriber_done(ngx_kafka_ws_subscriber_t *kws);

/* the same at a fast stop: with a Close 1001, if it can be sent now */
void ngx_kafka_ws_subscriber_exit(ngx_kafka_ws_subscriber_t *kws);

/* reads on, once the owner has cleared "hold" */
#define ngx_kafka_ws_subscriber_read_on(kws)                                  \
    ngx_post_event((kws)->connection->read, &ngx_posted_events)

/* between ngx_kafka_ws_subscriber*.c */
ngx_kafka_ws_subscriber_t *ngx_kafka_ws_subscriber_of(ngx_connection_t *c);
void ngx_kafka_ws_subscriber_set_state(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_subscriber_state_e state);
void ngx_kafka_ws_subscriber_read_handler(ngx_event_t *rev);
void ngx_kafka_ws_subscriber_write_handler(ngx_event_t *wev);
void ngx_kafka_ws_subscriber_linger(ngx_kafka_ws_subscriber_t *kws);
ngx_int_t ngx_kafka_ws_subscriber_flush(ngx_kafka_ws_subscriber_t *kws);
void ngx_kafka_ws_subscriber_timeout(ngx_kafka_ws_subscriber_t *kws);

ngx_int_t ngx_kafka_ws_subscriber_half_close(ngx_kafka_ws_subscriber_t *kws);
ngx_int_t ngx_kafka_ws_subscriber_replies(ngx_kafka_ws_subscriber_t *kws);

#if (NGX_HTTP_SSL)

/* recv of a TLS connection: what is wrong with it is logged as info */
ssize_t ngx_kafka_ws_subscriber_tls_recv(ngx_kafka_ws_subscriber_t *kws,
    u_char *buf, size_t size);

#endif

/*
 * Takes bytes of a compressed message, and gives the inflated ones to the
 * owner once it is whole.
 * returns:   NGX_OK; NGX_DECLINED: it is refused, with code and text;
 *            NGX_ERROR: of the owner
 */
ngx_int_t ngx_kafka_ws_subscriber_inflate(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev, ngx_uint_t *code, const char **text);

/* the same; NGX_OK or NGX_ERROR */
ngx_int_t ngx_kafka_ws_subscriber_pong(ngx_kafka_ws_subscriber_t *kws,
    u_char *data, size_t len);

/* the same; NGX_OK, or NGX_DONE: the subscriber is no more */
ngx_int_t ngx_kafka_ws_subscriber_ping(ngx_kafka_ws_subscriber_t *kws);

/* place of a code in counters.closes, and back; unknown codes share one */
ngx_uint_t ngx_kafka_ws_subscriber_close_index(ngx_uint_t code);
extern const uint16_t  ngx_kafka_ws_close_codes[NGX_KAFKA_WS_CLOSES];


#endif /* _NGX_KAFKA_WS_SUBSCRIBER_H_INCLUDED_ */
