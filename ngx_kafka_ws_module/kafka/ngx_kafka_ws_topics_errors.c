
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Topics that Kafka's answers have an error for: a line when it begins, and
 * when it is over.  Of one that was there and is unknown now it is said
 * elsewhere, once that is certain.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_consumer.h"


static void ngx_kafka_ws_topics_had(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_topic_error_t *e);
static ngx_kafka_ws_topic_error_t *ngx_kafka_ws_topics_error(
    ngx_kafka_ws_consumer_t *c, ngx_str_t *name);


void
ngx_kafka_ws_topics_errors(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_t *plan)
{
    ngx_uint_t                   i;
    ngx_kafka_ws_plan_topic_t   *topic;
    ngx_kafka_ws_topic_error_t  *e;

    for (i = 0; i < plan->ntopics; i++) {
        topic = &plan->topics[i];

        if (!topic->allowed) {
            continue;
        }

        e = ngx_kafka_ws_topics_error(c, &topic->name);

        if (topic->error == NULL) {

            if (e) {
                ngx_kafka_ws_topics_had(c, e);
            }

            continue;
        }

        if (topic->unknown
            && ngx_kafka_ws_shm_find(c->cluster->root, &topic->name))
        {
            continue;
        }

        if (e == NULL) {
            if (c->nerrors == NGX_KAFKA_WS_ERRORS) {
                continue;
            }

            e = &c->errors[c->nerrors];

            e->name = (u_char *) strdup((char *) topic->name.data);
            if (e->name == NULL) {
                continue;
            }

            e->since = ngx_kafka_ws_shm_now();
            e->told = 0;
            c->nerrors++;

        } else if (e->told && e->error != topic->error) {
            ngx_kafka_ws_consumer_log(c, NGX_LOG_WARN, "topic \"%s\": %s",
                                      e->name, topic->error);
        }

        e->error = topic->error;

        if (!e->told) {
            /* without room for it, the next answer tries again */
            e->told = ngx_kafka_ws_consumer_say(c, NGX_KAFKA_WS_LINE_BEGIN,
                                                NGX_LOG_WARN,
                                                "topic \"%s\": %s", e->name,
                                                e->error);
        }
    }
}


static void
ngx_kafka_ws_topics_had(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_topic_error_t *e)
{
    if (e->told) {
        (void) ngx_kafka_ws_consumer_say(c, NGX_KAFKA_WS_LINE_END,
                               NGX_LOG_NOTICE,
                               "topic \"%s\" can be had after %llu ms",
                               e->name, (unsigned long long)
                               (ngx_kafka_ws_shm_now() - e->since));

    } else {
        /* counted at least */
        ngx_kafka_ws_lines_drop();
    }

    free(e->name);
    *e = c->errors[--c->nerrors];
}


static ngx_kafka_ws_topic_error_t *
ngx_kafka_ws_topics_error(ngx_kafka_ws_consumer_t *c, ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < c->nerrors; i++) {
        if (ngx_strcmp(c->errors[i].name, name->data) == 0) {
            return &c->errors[i];
        }
    }

    return NULL;
}
