
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Kafka as the helper under the debugger knows it: all of
 * ngx_kafka_ws_kafka.h without librdkafka, over a log that is computed.  The
 * helper's three threads are one here, so that a debugger sees one order of
 * instructions: the ingest thread's function runs, a poll runs a round of the
 * topics thread's, and where that waits for the main thread, the main
 * thread's part is done.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_step.h"


#define NGX_KAFKA_WS_STEP_BATCH   2     /* records of a partition per poll */
#define NGX_KAFKA_WS_STEP_MOST    6     /* rounds; more are a fault */
#define NGX_KAFKA_WS_STEP_LETTERS 4096
#define NGX_KAFKA_WS_STEP_PARTS                                               \
    (NGX_KAFKA_WS_STEP_TOPICS * NGX_KAFKA_WS_STEP_PARTITIONS)


typedef struct ngx_kafka_ws_kafka_part_s  ngx_kafka_ws_step_part_t;

struct ngx_kafka_ws_kafka_part_s {
    void                          *opaque;     /* NULL: not assigned */
    ngx_uint_t                     topic;
    int32_t                        partition;
    int64_t                        next;
};


struct ngx_kafka_ws_kafka_s {
    ngx_kafka_ws_kafka_handler_t   handler;
    ngx_kafka_ws_step_part_t       parts[NGX_KAFKA_WS_STEP_PARTS];
};


static void ngx_kafka_ws_step_round(void);
static ngx_uint_t ngx_kafka_ws_step_deliver(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_step_part_t *part);
static ngx_uint_t ngx_kafka_ws_step_number(ngx_str_t *topic);
static ngx_uint_t ngx_kafka_ws_step_kept(void);


ngx_kafka_ws_step_log_t         ngx_kafka_ws_step_log;
const char                     *ngx_kafka_ws_step_was;
ngx_uint_t                      ngx_kafka_ws_step_wanted;
ngx_uint_t                      ngx_kafka_ws_step_pace = 1;

static ngx_kafka_ws_kafka_t     ngx_kafka_ws_step_consumer;
static ngx_kafka_ws_consumer_t *ngx_kafka_ws_step_c;
static ngx_uint_t               ngx_kafka_ws_step_rounds;
static ngx_uint_t               ngx_kafka_ws_step_least;
static ngx_uint_t               ngx_kafka_ws_step_now;     /* ms */
static ngx_uint_t               ngx_kafka_ws_step_trap;

static ngx_str_t  ngx_kafka_ws_step_names[] = {
    ngx_string("answers"),
    ngx_string("prices"),
    ngx_string("late")
};


int
ngx_kafka_ws_step_live(ngx_kafka_ws_cluster_t *kwc, ngx_log_t *log,
    ngx_uint_t rounds, ngx_uint_t trap)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ngx_kafka_ws_consumer_create(kwc, log);
    if (c == NULL) {
        return __LINE__;
    }

    ngx_kafka_ws_step_c = c;
    ngx_kafka_ws_step_rounds = 0;
    ngx_kafka_ws_step_least = rounds;
    ngx_kafka_ws_step_trap = trap;

    /* they are all this one */
    c->threads = 3;

    (void) ngx_kafka_ws_ingest_thread(c);

    /* what it has to say */
    (void) ngx_kafka_ws_consumer_tick(c);

    if (!c->writer || !c->planned) {
        return __LINE__;
    }

    return (ngx_kafka_ws_step_rounds > NGX_KAFKA_WS_STEP_MOST) ? __LINE__ : 0;
}


/* the topics thread goes round once, and ends */

static void
ngx_kafka_ws_step_round(void)
{
    if (ngx_kafka_ws_step_rounds++ > NGX_KAFKA_WS_STEP_MOST) {
        ngx_kafka_ws_step_c->stop = 1;
        return;
    }

    ngx_kafka_ws_step_c->hurry = 0;

    (void) ngx_kafka_ws_topics_thread(ngx_kafka_ws_step_c);

    ngx_kafka_ws_step_c->stop = 0;
}


/* instead of the C library's: the thread that waits does what it waits for */

int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *abstime)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ngx_kafka_ws_step_c;

    (void) pthread_mutex_unlock(mutex);

    if (c->proposal) {
        (void) ngx_kafka_ws_consumer_tick(c);

    } else {
        c->stop = 1;
    }

    (void) pthread_mutex_lock(mutex);

    return 0;
}


/* a clock that goes on by being looked at, so that each victim sees the same */

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    ngx_kafka_ws_step_now += ngx_kafka_ws_step_pace;

    ts->tv_sec = 1000000 + ngx_kafka_ws_step_now / 1000;
    ts->tv_nsec = ngx_kafka_ws_step_now % 1000 * 1000000;

    return 0;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


ngx_str_t *
ngx_kafka_ws_step_name(ngx_uint_t n)
{
    return &ngx_kafka_ws_step_names[n];
}


static ngx_uint_t
ngx_kafka_ws_step_number(ngx_str_t *topic)
{
    ngx_uint_t  n;

    for (n = 0; n < NGX_KAFKA_WS_STEP_TOPICS - 1; n++) {
        if (topic->len == ngx_kafka_ws_step_names[n].len
            && ngx_memcmp(topic->data, ngx_kafka_ws_step_names[n].data,
                          topic->len)
               == 0)
        {
            break;
        }
    }

    return n;
}


size_t
ngx_kafka_ws_step_value(const char *id, ngx_uint_t n, int32_t partition,
    int64_t offset, u_char **value)
{
    size_t    i;
    uint64_t  x;

    static u_char  letters[NGX_KAFKA_WS_STEP_LETTERS];

    if (letters[0] == '\0') {
        x = 1;

        for (i = 0; i < NGX_KAFKA_WS_STEP_LETTERS; i++) {
            x = x * 6364136223846793005ULL + 1442695040888963407ULL;
            letters[i] = (u_char) ('a' + (x >> 33) % 26);
        }
    }

    /* of lengths that differ, from a place of its own */

    x = ((uint64_t) offset * 64 + n * 8 + partition + id[0] * 4096)
        * 0x9e3779b97f4a7c15ULL;

    *value = letters + (x >> 20) % (NGX_KAFKA_WS_STEP_LETTERS
                                    - NGX_KAFKA_WS_STEP_VALUE);

    return 1 + (x >> 40) % NGX_KAFKA_WS_STEP_VALUE;
}


ngx_uint_t
ngx_kafka_ws_step_too_large(int64_t offset)
{
    return offset % NGX_KAFKA_WS_STEP_TOO_LARGE == 3;
}


ngx_kafka_ws_kafka_t *
ngx_kafka_ws_kafka_open(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_kafka_handler_t *handler, char *error)
{
    ngx_memzero(&ngx_kafka_ws_step_consumer, sizeof(ngx_kafka_ws_kafka_t));
    ngx_kafka_ws_step_consumer.handler = *handler;

    if (ngx_kafka_ws_step_trap) {
        /* next it takes the lock: to the debugger */
        __asm__ volatile ("int3");
    }

    return &ngx_kafka_ws_step_consumer;
}


ngx_kafka_ws_kafka_part_t *
ngx_kafka_ws_kafka_assign(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic,
    int32_t partition, int64_t offset, void *opaque)
{
    ngx_uint_t                 i, n;
    ngx_kafka_ws_step_part_t  *part;

    n = ngx_kafka_ws_step_number(topic);

    for (i = 0; i < NGX_KAFKA_WS_STEP_PARTS; i++) {
        part = &k->parts[i];

        if (part->opaque) {

            if (part->topic == n && part->partition == partition) {
                /* twice the same: librdkafka refuses the list */
                return NULL;
            }

            continue;
        }

        part->opaque = opaque;
        part->topic = n;
        part->partition = partition;
        part->next = offset;

        return part;
    }

    return NULL;
}


void
ngx_kafka_ws_kafka_unassign(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part)
{
    part->opaque = NULL;
}


ngx_uint_t
ngx_kafka_ws_kafka_poll(ngx_kafka_ws_kafka_t *k, int timeout)
{
    ngx_uint_t  i, n;

    if (ngx_kafka_ws_step_rounds == 0 || ngx_kafka_ws_step_c->hurry) {
        ngx_kafka_ws_step_round();
        return 0;
    }

    n = 0;

    for (i = 0; i < NGX_KAFKA_WS_STEP_PARTS; i++) {
        if (k->parts[i].opaque) {
            n += ngx_kafka_ws_step_deliver(k, &k->parts[i]);
        }
    }

    if (n || ngx_kafka_ws_step_c->hurry) {
        return n;
    }

    /* nothing is left; those who live on ask for topics again and again */

    if (ngx_kafka_ws_step_rounds < ngx_kafka_ws_step_least) {
        ngx_kafka_ws_step_round();

    } else if (!ngx_kafka_ws_step_kept()) {
        ngx_kafka_ws_step_c->stop = 1;
    }

    return 0;
}


/* rings that nobody wants: the helper has still to look */

static ngx_uint_t
ngx_kafka_ws_step_kept(void)
{
    ngx_uint_t               n;
    ngx_kafka_ws_topic_t    *topic;
    ngx_kafka_ws_cluster_t  *kwc;

    kwc = ngx_kafka_ws_step_c->cluster;

    for (n = 0; n < NGX_KAFKA_WS_STEP_TOPICS && kwc->idle; n++) {
        topic = ngx_kafka_ws_shm_find(kwc->root, &ngx_kafka_ws_step_names[n]);

        if (topic && topic->nrings
            && !(ngx_kafka_ws_step_wanted & ((ngx_uint_t) 1 << n)))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_kafka_ws_step_deliver(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_step_part_t *part)
{
    u_char                     *value;
    ngx_uint_t                  n;
    ngx_kafka_ws_record_t       rec;
    ngx_kafka_ws_step_topic_t  *topic;

    static u_char  large[2 * NGX_KAFKA_WS_STEP_VALUE];

    topic = &ngx_kafka_ws_step_log.topics[part->topic];

    if (part->next < topic->log_start || part->next > topic->log_end) {
        k->handler.lost(k->handler.data, part->opaque);
        return 0;
    }

    for (n = 0; n < NGX_KAFKA_WS_STEP_BATCH; n++) {

        if (part->next == topic->log_end) {
            k->handler.end(k->handler.data, part->opaque, part->next);
            break;
        }

        ngx_memzero(&rec, sizeof(ngx_kafka_ws_record_t));

        rec.topic.data = ngx_kafka_ws_step_names[part->topic].data;
        rec.topic.len = ngx_kafka_ws_step_names[part->topic].len;
        rec.partition = part->partition;
        rec.offset = part->next++;
        rec.timestamp = -1;

        if (ngx_kafka_ws_step_too_large(rec.offset)) {
            rec.value.data = large;
            rec.value.len = sizeof(large);

        } else {
            rec.value.len = ngx_kafka_ws_step_value(ngx_kafka_ws_step_log.id,
                                                    part->topic,
                                                    part->partition,
                                                    rec.offset, &value);
            rec.value.data = value;
        }

        k->handler.record(k->handler.data, part->opaque, &rec);
    }

    return n;
}


ngx_kafka_ws_kafka_metadata_t *
ngx_kafka_ws_kafka_metadata(ngx_kafka_ws_kafka_query_t *k, int timeout,
    char *error)
{
    ngx_uint_t                      n;
    ngx_str_t                      *name;
    ngx_kafka_ws_kafka_topic_t     *t;
    ngx_kafka_ws_kafka_metadata_t  *md;

    md = calloc(1, sizeof(ngx_kafka_ws_kafka_metadata_t));
    if (md == NULL) {
        return NULL;
    }

    md->topics = calloc(NGX_KAFKA_WS_STEP_TOPICS,
                        sizeof(ngx_kafka_ws_kafka_topic_t));
    if (md->topics == NULL) {
        free(md);
        return NULL;
    }

    (void) ngx_cpystrn(md->id, (u_char *) ngx_kafka_ws_step_log.id,
                       sizeof(md->id));

    for (n = 0; n < NGX_KAFKA_WS_STEP_TOPICS; n++) {

        if (ngx_kafka_ws_step_log.topics[n].npartitions == 0) {
            continue;
        }

        name = &ngx_kafka_ws_step_names[n];
        t = &md->topics[md->ntopics++];

        t->name.len = name->len;
        t->name.data = (u_char *) strdup((char *) name->data);
        t->npartitions = (ngx_int_t) ngx_kafka_ws_step_log.topics[n]
                                                          .npartitions;
    }

    return md;
}


void
ngx_kafka_ws_kafka_metadata_free(ngx_kafka_ws_kafka_metadata_t *md)
{
    ngx_uint_t  i;

    for (i = 0; i < md->ntopics; i++) {
        free(md->topics[i].name.data);
    }

    free(md->topics);
    free(md);
}


ngx_int_t
ngx_kafka_ws_kafka_offsets(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int64_t since,
    int timeout, char *error)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_step_topic_t  *topic;

    for (i = 0; i < n; i++) {
        topic = &ngx_kafka_ws_step_log.topics[
                    ngx_kafka_ws_step_number(offsets[i].topic)];

        offsets[i].log_start = topic->log_start;
        offsets[i].log_end = topic->log_end;
        offsets[i].time = topic->log_start;
    }

    return NGX_OK;
}


/* nothing to do for the rest */

void
ngx_kafka_ws_kafka_ends(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        offsets[i].log_end = ngx_kafka_ws_step_log.topics[
                    ngx_kafka_ws_step_number(offsets[i].topic)].log_end;
    }
}


ngx_int_t
ngx_kafka_ws_kafka_commit(ngx_kafka_ws_kafka_t *k, char *error)
{
    return NGX_OK;
}


ngx_uint_t
ngx_kafka_ws_kafka_know(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic)
{
    return 0;
}


void
ngx_kafka_ws_kafka_nudge(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout)
{
    /* void */
}


void
ngx_kafka_ws_kafka_warm(ngx_kafka_ws_kafka_t *k, int timeout)
{
    /* void */
}


void
ngx_kafka_ws_kafka_wake(ngx_kafka_ws_kafka_t *k)
{
    /* void */
}


ngx_uint_t
ngx_kafka_ws_kafka_take(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part)
{
    return 0;
}


void
ngx_kafka_ws_kafka_watermarks(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic,
    int32_t partition, int64_t *low, int64_t *high)
{
    *low = -1;
    *high = -1;
}


ngx_kafka_ws_kafka_query_t *
ngx_kafka_ws_kafka_query_open(ngx_kafka_ws_cluster_t *kwc, char *error)
{
    return (ngx_kafka_ws_kafka_query_t *) &ngx_kafka_ws_step_consumer;
}
