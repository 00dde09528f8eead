
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Partitions that stand still.  librdkafka retries some errors of a fetch for
 * ever without a word, and says nothing of a partition without a leader.
 *
 * Most quiet partitions have nothing to give.  So, of one that gave neither a
 * record nor an end for some seconds, the topics thread asks where its log
 * ends, up to open transactions; what is invisible below, such as control
 * records, ends with PARTITION_EOF, so that everything has come if the last
 * record or that end reaches as far.  If it does not, or there is no leader,
 * for so long, although all that was fetched has been published, it is told
 * as other errors of a partition are, and assigned anew by the next plan, at
 * its next offset; again and again, less and less often, until something
 * comes.
 *
 * Transactions that were aborted take time to skip and give no sign: while
 * fetches are answered, the limit is longer, and it grows with each attempt.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"


#define NGX_KAFKA_WS_QUIET_ASK      3000     /* ms without a sign */
#define NGX_KAFKA_WS_QUIET_AGAIN    10000    /* ms between questions, if all
                                                is in order */
#define NGX_KAFKA_WS_QUIET_LIMIT    10000    /* ms; see above */
#define NGX_KAFKA_WS_QUIET_SKIPS    20000    /* ms, if fetches are answered */
#define NGX_KAFKA_WS_QUIET_ANEW     20000    /* ms until the second attempt */
#define NGX_KAFKA_WS_QUIET_DOUBLE   4        /* attempts that double it */


static ngx_uint_t ngx_kafka_ws_ingest_signs(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, uint64_t now);
static void ngx_kafka_ws_ingest_anew(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, uint64_t now);


#define ngx_kafka_ws_ingest_far(part)                                         \
    ngx_max((part)->next, (part)->stream->complete)


void
ngx_kafka_ws_ingest_look(ngx_kafka_ws_ingest_t *ing, uint64_t now)
{
    uint32_t                  quiet[NGX_KAFKA_WS_QUIET];
    ngx_uint_t                i, n, next;
    ngx_kafka_ws_part_t      *part;
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;
    next = ing->looked;
    n = 0;

    for (i = 0; i < ing->nparts; i++, next++) {
        part = ing->parts[next % ing->nparts];

        if (part == NULL || !part->assigned
            || ngx_kafka_ws_ingest_signs(ing, part, now)
            || now - part->quiet < NGX_KAFKA_WS_QUIET_ASK
            || (part->behind == 0 && part->high >= 0
                && now - part->asked < NGX_KAFKA_WS_QUIET_AGAIN))
        {
            continue;
        }

        if (n == NGX_KAFKA_WS_QUIET) {
            /* the next look begins with this one */
            break;
        }

        quiet[n++] = (uint32_t) (next % ing->nparts);
    }

    if (n == 0) {
        return;
    }

    (void) pthread_mutex_lock(&c->mutex);

    if (c->nquiet) {
        /* the topics thread is not through with those before */
        n = 0;
    }

    ngx_memcpy(c->quiet, quiet, n * sizeof(uint32_t));
    c->nquiet += n;

    (void) pthread_mutex_unlock(&c->mutex);

    for (i = 0; i < n; i++) {
        ing->parts[quiet[i]]->asked = now;
    }

    if (n) {
        ing->looked = next % ing->nparts;
    }
}


/* returns: 1: there are signs of it, or it is known why there are none */

static ngx_uint_t
ngx_kafka_ws_ingest_signs(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, uint64_t now)
{
    int64_t  far;

    far = ngx_kafka_ws_ingest_far(part);

    if (far == part->seen && part->failed == 0
        && ing->root->broker == NGX_KAFKA_WS_BROKER_UP)
    {
        return 0;
    }

    part->seen = far;
    part->quiet = now;
    part->behind = 0;

    if (part->failed && part->anew && now >= part->anew
        && ing->root->broker == NGX_KAFKA_WS_BROKER_UP)
    {
        ngx_kafka_ws_ingest_anew(ing, part, now);
    }

    return 1;
}


void
ngx_kafka_ws_ingest_heard(ngx_kafka_ws_part_t *part, uint64_t now)
{
    part->quiet = now;
    part->behind = 0;
    part->anew = 0;
    part->attempts = 0;
}


void
ngx_kafka_ws_ingest_quiet(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_quiet_t *q)
{
    int64_t               far;
    uint64_t              now, limit;
    ngx_kafka_ws_part_t  *part;

    part = (q->stream < ing->nparts) ? ing->parts[q->stream] : NULL;
    now = ngx_kafka_ws_shm_now();

    if (part == NULL || !part->assigned || part->failed
        || ing->root->broker != NGX_KAFKA_WS_BROKER_UP)
    {
        return;
    }

    far = ngx_kafka_ws_ingest_far(part);

    if (far != part->seen || (q->end >= 0 && q->end <= far)
        || (q->end == -2 && part->high >= 0))
    {
        part->behind = 0;
        return;
    }

    if (q->end > part->stream->log_end) {
        ngx_kafka_ws_store_relaxed(&part->stream->log_end, q->end);
    }

    if (part->behind == 0) {
        part->behind = now;
        return;
    }

    limit = (q->end >= 0 && part->high >= 0) ? NGX_KAFKA_WS_QUIET_SKIPS
                                             : NGX_KAFKA_WS_QUIET_LIMIT;

    /* what still waits to be published may be of this one */

    if (ing->drained < part->behind + limit) {
        return;
    }

    ngx_kafka_ws_ingest_error(ing, part, "nothing comes from its leader",
                              NGX_KAFKA_WS_KAFKA_ONCE);

    ngx_kafka_ws_ingest_anew(ing, part, now);
}


static void
ngx_kafka_ws_ingest_anew(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, uint64_t now)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;

    part->anew = now + (NGX_KAFKA_WS_QUIET_ANEW << part->attempts);

    if (part->attempts < NGX_KAFKA_WS_QUIET_DOUBLE) {
        part->attempts++;
    }

    /* it still fails, whatever the next plan does */

    ngx_kafka_ws_kafka_unassign(ing->kafka, part->assigned);
    part->assigned = NULL;

    (void) pthread_mutex_lock(&c->mutex);
    c->hurry = 1;
    (void) pthread_cond_signal(&c->cond);
    (void) pthread_mutex_unlock(&c->mutex);
}
