
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a client with commands is told: answers, and the ends of its streams.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_commands.h"
#include "ngx_kafka_ws_event.h"


#define NGX_KAFKA_WS_COMMANDS_TEXT    256     /* bytes of an error's text */
#define NGX_KAFKA_WS_COMMANDS_ANSWER  2048    /* bytes of one, on the stack */


static const char *ngx_kafka_ws_commands_why(ngx_uint_t code);
static ngx_int_t ngx_kafka_ws_commands_put(ngx_kafka_ws_client_t *client,
    u_char *frame, size_t len);


ngx_int_t
ngx_kafka_ws_commands_answer(ngx_kafka_ws_asking_t *ask, const char *name,
    ngx_kafka_ws_wish_t *wish)
{
    size_t                size, room;
    u_char                small[NGX_KAFKA_WS_COMMANDS_ANSWER], *buf;
    ngx_int_t             rc;
    ngx_kafka_ws_span_t   topic, cursor;

    topic.data = ask->topic.data;
    topic.len = ask->topic.len;

    /* the cursor's text lies behind the room for the frame */

    room = wish ? wish->ncursor * NGX_KAFKA_WS_PAIR_MAX : 0;
    size = NGX_KAFKA_WS_EVENT_LEN + room;

    buf = small;

    if (size + room > sizeof(small)) {
        buf = ngx_alloc(size + room, ask->client->subscriber.connection->log);
        if (buf == NULL) {
            return NGX_ERROR;
        }
    }

    if (wish) {
        cursor.data = buf + size;
        cursor.len = ngx_kafka_ws_cursor_print(buf + size, room, wish->cursor,
                                               wish->ncursor);
    }

    size = ngx_kafka_ws_event_answer(buf, size, name, &ask->cmd->id, &topic,
                                     wish ? &cursor : NULL);

    rc = ngx_kafka_ws_commands_put(ask->client, buf, size);

    if (buf != small) {
        ngx_free(buf);
    }

    return rc;
}


ngx_int_t
ngx_kafka_ws_commands_error(ngx_kafka_ws_asking_t *ask, ngx_uint_t code,
    const char *fmt, ...)
{
    size_t               n;
    u_char               text[NGX_KAFKA_WS_COMMANDS_TEXT], *last;
    u_char               frame[NGX_KAFKA_WS_COMMANDS_ANSWER];
    va_list              args;
    ngx_kafka_ws_span_t  id, topic, message;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    message.data = text;
    message.len = last - text;

    id = ask->cmd->id;

    if (id.len == 0) {
        id.data = (u_char *) "null";
        id.len = sizeof("null") - 1;
    }

    topic.data = ask->topic.data;
    topic.len = ask->topic.len;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP,
                   ask->client->subscriber.connection->log, 0,
                   "kafka ws command refused with %ui: %*s", code,
                   message.len, message.data);

    n = ngx_kafka_ws_event_error(frame, sizeof(frame), &id,
                                 topic.len ? &topic : NULL, (unsigned) code,
                                 &message);

    return ngx_kafka_ws_commands_put(ask->client, frame, n);
}


ngx_int_t
ngx_kafka_ws_commands_ended(ngx_kafka_ws_client_t *client,
    ngx_kafka_ws_subscription_t *sub)
{
    size_t               n;
    u_char               frame[NGX_KAFKA_WS_EVENT_LEN];
    ngx_kafka_ws_span_t  topic, message;

    topic.data = sub->route->name.data;
    topic.len = sub->route->name.len;

    message.data = (u_char *) ngx_kafka_ws_commands_why(sub->code);
    message.len = ngx_strlen(message.data);

    n = ngx_kafka_ws_event_error(frame, sizeof(frame), NULL, &topic,
                                 sub->code, &message);

    ngx_kafka_ws_commands_remove(client, sub);

    return ngx_kafka_ws_commands_put(client, frame, n);
}


static const char *
ngx_kafka_ws_commands_why(ngx_uint_t code)
{
    switch (code) {

    case NGX_KAFKA_WS_CLOSE_GONE:
        return "the topic is gone";

    case NGX_KAFKA_WS_CLOSE_POSITION:
        return "the position is no longer held";

    case NGX_KAFKA_WS_CLOSE_OVERLOAD:
        return "not loaded yet";

    default:
        return "internal error";
    }
}


/*
 * Sends an event along with the answers to what is being read, or keeps it
 * until the socket takes it.
 */

static ngx_int_t
ngx_kafka_ws_commands_put(ngx_kafka_ws_client_t *client, u_char *frame,
    size_t len)
{
    size_t                      head;
    ngx_int_t                   rc;
    ngx_kafka_ws_commands_t    *commands;
    ngx_kafka_ws_subscriber_t  *kws;

    kws = &client->subscriber;
    commands = client->commands;

    if (len == 0) {
        /* a bound was wrong: not half of an answer */
        ngx_log_error(NGX_LOG_ALERT, kws->connection->log, 0,
                      "an answer to a command did not fit");
        return NGX_ERROR;
    }

    if (commands->answers == NULL) {
        head = (frame[1] <= NGX_KAFKA_WS_CTRL_MAX) ? 2
               : (frame[1] == NGX_KAFKA_WS_CTRL_MAX + 1) ? 4
               : NGX_KAFKA_WS_HEADER_MAX;

        rc = ngx_kafka_ws_subscriber_reply(kws, frame[0], frame + head,
                                           len - head);
        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    if (ngx_kafka_ws_bytes_append(&commands->answers, frame, len,
                                  kws->connection->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_ws_commands_flush(client);
}


/* a client that does not take its answers is not read from */

ngx_int_t
ngx_kafka_ws_commands_flush(ngx_kafka_ws_client_t *client)
{
    ngx_int_t                   rc;
    ngx_kafka_ws_commands_t    *commands;
    ngx_kafka_ws_subscriber_t  *kws;

    rc = NGX_OK;
    kws = &client->subscriber;
    commands = client->commands;

    if (commands->answers && kws->state == NGX_KAFKA_WS_SUB_OPEN
        && !ngx_kafka_ws_subscriber_blocked(kws))
    {
        rc = ngx_kafka_ws_subscriber_event(kws, commands->answers->data,
                                           commands->answers->len);
        ngx_kafka_ws_bytes_free(&commands->answers);
    }

    kws->hold = (commands->answers != NULL);

    return rc;
}
