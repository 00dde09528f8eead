
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests alone: the helper's life as the writer (the ingest thread's
 * function: lock, reset, directory, rings, records, wake-ups), stopped by
 * ptrace at every instruction, and killed there.  It runs in a real nginx
 * with its real slab pool, instead of nginx's own life:
 *
 *     kafka_ws_step  SIZE  KILLS  SEED;
 *
 * makes a zone of SIZE bytes and goes through scenarios, each with another
 * zone to begin with.  A victim is stepped from its first instruction to its
 * last once; wherever the zone is another one than at the instruction before,
 * there is a state of its own.  A dead process leaves the zone and nothing
 * else: its lock is freed by the kernel, all else was its own.  So to kill it
 * at each of these instructions is to kill it at every one; with KILLS = 0 it
 * is killed at every one indeed.  Else, if there are more states than KILLS,
 * it is killed at so many of them, by SEED.
 *
 * What is left then is given to a judge: readers must see whole and right
 * frames only; the judge becomes the next writer, as the helper that nginx
 * starts, and afterwards all of the log has to be there, each record once, in
 * the rings that were there before, if they were.  Before the kill a rival
 * tries the lock: as long as the victim is only stopped, it must not get it.
 *
 * No other lock may be left behind.  The slab pool's mutex, which the master
 * would unlock as it reaps a child, is not even for the writer to take: all
 * that the pool has was made one block, see ngx_kafka_ws_shm_blocks.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <sched.h>
#include <sys/mman.h>

#include "ngx_kafka_ws_step.h"
#include "ngx_kafka_ws_wakeup.h"


#define NGX_KAFKA_WS_STEP_IDLE    1000   /* ms */
#define NGX_KAFKA_WS_STEP_PACE    50     /* ms of the clock for each look */


typedef struct {
    size_t                          size;
    ngx_uint_t                      kills;
    uint64_t                        seed;
    ngx_kafka_ws_cluster_t         *cluster;
} ngx_kafka_ws_step_conf_t;


typedef struct {
    const char                     *name;
    ngx_kafka_ws_step_log_t         before;    /* no id: nothing was */
    ngx_kafka_ws_step_log_t         now;
    size_t                          ring;      /* bytes; the layout with it */
    ngx_uint_t                      idle_before;
    ngx_uint_t                      idle;      /* rings for who wants them */
    ngx_uint_t                      wanted;    /* a bit for each topic */
} ngx_kafka_ws_step_scenario_t;


static char *ngx_kafka_ws_step_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_kafka_ws_step_create_conf(ngx_cycle_t *cycle);
static ngx_int_t ngx_kafka_ws_step_init_module(ngx_cycle_t *cycle);
static void ngx_kafka_ws_step_ok(ngx_kafka_ws_step_t *st, ngx_uint_t good,
    const char *scenario, const char *name);
static void ngx_kafka_ws_step_scenario(ngx_kafka_ws_step_t *st,
    ngx_kafka_ws_step_conf_t *scf, const ngx_kafka_ws_step_scenario_t *sc);
static ngx_int_t ngx_kafka_ws_step_prepare(ngx_kafka_ws_step_t *st,
    const ngx_kafka_ws_step_scenario_t *sc);


static ngx_command_t  ngx_kafka_ws_step_commands[] = {

    { ngx_string("kafka_ws_step"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE3,
      ngx_kafka_ws_step_set,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_kafka_ws_step_module_ctx = {
    ngx_string("kafka_ws_step"),
    ngx_kafka_ws_step_create_conf,
    NULL
};


ngx_module_t  ngx_kafka_ws_step_module = {
    NGX_MODULE_V1,
    &ngx_kafka_ws_step_module_ctx,         /* module context */
    ngx_kafka_ws_step_commands,            /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_kafka_ws_step_init_module,         /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_kafka_ws_cluster_rendering_t  ngx_kafka_ws_step_renderings[] = {
    { { NGX_KAFKA_WS_FORMAT_TEXT, 0, 0, NULL, 0, 0, 0, NULL, 0 }, 1, 0, NULL },
    { { NGX_KAFKA_WS_FORMAT_JSON, 0,
        NGX_KAFKA_WS_FIELD_OFFSET|NGX_KAFKA_WS_FIELD_VALUE, NULL, 0, 0, 0,
        NULL, 0 },
      2, 1, NULL }
};


/* small rings: 16 entries, and about as many frames, so that all are lapped */

static const ngx_kafka_ws_step_scenario_t  ngx_kafka_ws_step_scenarios[] = {

    { "a fresh zone",
      { { { 0, 0, 0, 0 } }, NULL },
      { { { 2, 0, 5, 5 }, { 1, 40, 43, 43 } }, "one" },
      4096, 0, 0, 0 },

    { "a successor, with more partitions and topics",
      { { { 2, 0, 20, 20 }, { 1, 40, 41, 41 } }, "one" },
      { { { 3, 0, 26, 26 }, { 1, 40, 43, 43 }, { 2, 7, 10, 10 } }, "one" },
      4096, 0, 0, 0 },

    { "another layout",
      { { { 2, 0, 20, 20 }, { 1, 40, 41, 41 } }, "one" },
      { { { 2, 0, 22, 22 }, { 1, 40, 43, 43 } }, "one" },
      8192, 0, 0, 0 },

    { "another Kafka",
      { { { 2, 0, 20, 20 }, { 1, 40, 41, 41 } }, "one" },
      { { { 2, 0, 3, 20 }, { 1, 40, 41, 41 } }, "two" },
      4096, 0, 0, 0 },

    { "another log",
      { { { 2, 0, 20, 20 }, { 1, 40, 41, 41 } }, "one" },
      { { { 2, 0, 3, 20 }, { 1, 40, 43, 43 } }, "one" },
      4096, 0, 0, 0 },

    { "rings are given back",
      { { { 2, 0, 20, 20 }, { 2, 40, 41, 41 } }, "one" },
      { { { 2, 0, 22, 22 }, { 2, 40, 43, 43 }, { 2, 7, 10, 10 } }, "one" },
      4096, 0, 1, 0x1 },

    { "rings are made for who comes",
      { { { 2, 0, 20, 20 }, { 2, 40, 41, 41 } }, "one" },
      { { { 2, 0, 22, 22 }, { 3, 40, 43, 43 }, { 2, 7, 10, 10 } }, "one" },
      4096, 1, 1, 0x2 }
};


static char *
ngx_kafka_ws_step_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_step_conf_t *scf = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_shm_zone_t             *zone;
    ngx_kafka_ws_cluster_t     *kwc;
    ngx_kafka_ws_topic_rule_t  *rule;

    value = cf->args->elts;

    scf->size = ngx_parse_size(&value[1]);
    scf->kills = ngx_atoi(value[2].data, value[2].len);
    scf->seed = ngx_atoi(value[3].data, value[3].len);

    kwc = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_ws_cluster_t));
    if (kwc == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&kwc->name, "c");
    ngx_str_set(&kwc->zone, "c");

    if (ngx_array_init(&kwc->topics, cf->pool, NGX_KAFKA_WS_STEP_TOPICS,
                       sizeof(ngx_kafka_ws_topic_rule_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < NGX_KAFKA_WS_STEP_TOPICS; i++) {
        rule = ngx_array_push(&kwc->topics);
        if (rule == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(rule, sizeof(ngx_kafka_ws_topic_rule_t));
        rule->name = *ngx_kafka_ws_step_name(i);
    }

    kwc->max_record = NGX_KAFKA_WS_STEP_VALUE;
    kwc->preload_records = -1;
    kwc->preload_age = -1;
    kwc->nrenderings = 2;
    kwc->renderings[0] = &ngx_kafka_ws_step_renderings[0];
    kwc->renderings[1] = &ngx_kafka_ws_step_renderings[1];
    kwc->ring = 4096;
    kwc->layout = 4096;
    kwc->allowed = 1;

    zone = ngx_shared_memory_add(cf, &kwc->zone, scf->size,
                                 &ngx_kafka_ws_step_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->init = ngx_kafka_ws_shm_init_zone;
    zone->data = kwc;
    kwc->shm_zone = zone;
    scf->cluster = kwc;

    return NGX_CONF_OK;
}


static void *
ngx_kafka_ws_step_create_conf(ngx_cycle_t *cycle)
{
    return ngx_pcalloc(cycle->pool, sizeof(ngx_kafka_ws_step_conf_t));
}


/* all of the test; this nginx does nothing else */

static ngx_int_t
ngx_kafka_ws_step_init_module(ngx_cycle_t *cycle)
{
    size_t                     i;
    u_char                    *letters;
    cpu_set_t                  cpu;
    ngx_kafka_ws_step_t        st;
    ngx_kafka_ws_step_conf_t  *scf;

    scf = (ngx_kafka_ws_step_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                                    ngx_kafka_ws_step_module);
    if (scf->cluster == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&st, sizeof(ngx_kafka_ws_step_t));

    st.kwc = scf->cluster;
    st.log = cycle->log;
    st.size = scf->size;
    st.zone = scf->cluster->shm_zone->shm.addr;
    st.pool = (ngx_slab_pool_t *) st.zone;
    st.before = ngx_palloc(cycle->pool, st.size);
    st.last = ngx_palloc(cycle->pool, st.size);
    st.pristine = ngx_palloc(cycle->pool, st.size);
    st.points = ngx_palloc(cycle->pool, NGX_KAFKA_WS_STEP_MAX
                                        * sizeof(ngx_kafka_ws_step_point_t));
    st.states = ngx_palloc(cycle->pool, NGX_KAFKA_WS_STEP_MAX
                                        * sizeof(uint32_t));
    st.visits = ngx_palloc(cycle->pool, NGX_KAFKA_WS_STEP_BUCKETS
                                        * sizeof(ngx_kafka_ws_step_point_t));
    st.verdict = mmap(NULL, ngx_pagesize, PROT_READ|PROT_WRITE,
                      MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (st.before == NULL || st.last == NULL || st.states == NULL
        || st.pristine == NULL || st.points == NULL || st.visits == NULL
        || st.verdict == MAP_FAILED
        || ngx_kafka_ws_shm_init_module(cycle) != NGX_OK
        || ngx_kafka_ws_wakeup_init_module(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_kafka_ws_shm_register(st.kwc->root);

    /* this process is who wants topics */

    ngx_process_slot = 0;
    st.kwc->root->slot[0].pid = (uint32_t) ngx_pid;

    if (ngx_kafka_ws_shm_lock_slot(cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(st.pristine, st.zone, st.size);

    /* made once, not by each victim */
    (void) ngx_kafka_ws_step_value("", 0, 0, 0, &letters);

    /* a step is two switches of processes, which are faster on one core */

    CPU_ZERO(&cpu);
    CPU_SET(ngx_max(sched_getcpu(), 0), &cpu);
    (void) sched_setaffinity(0, sizeof(cpu), &cpu);

    for (i = 0;
         i < sizeof(ngx_kafka_ws_step_scenarios)
             / sizeof(ngx_kafka_ws_step_scenarios[0]);
         i++)
    {
        ngx_kafka_ws_step_scenario(&st, scf, &ngx_kafka_ws_step_scenarios[i]);
    }

    printf("1..%lu\n", (unsigned long) st.tests);
    fflush(stdout);

    _exit(st.failed != 0);
}


static void
ngx_kafka_ws_step_ok(ngx_kafka_ws_step_t *st, ngx_uint_t good,
    const char *scenario, const char *name)
{
    st->tests++;
    st->failed += !good;

    printf("%sok %lu - %s: %s\n", good ? "" : "not ",
           (unsigned long) st->tests, scenario, name);
    fflush(stdout);
}


static void
ngx_kafka_ws_step_scenario(ngx_kafka_ws_step_t *st,
    ngx_kafka_ws_step_conf_t *scf, const ngx_kafka_ws_step_scenario_t *sc)
{
    uint64_t                     x;
    ngx_uint_t                   i, n, all, kills, wrong;
    ngx_kafka_ws_step_waste_t   *waste, most;

    st->complaints = 0;
    ngx_memzero(&most, sizeof(ngx_kafka_ws_step_waste_t));

    ngx_kafka_ws_step_ok(st, ngx_kafka_ws_step_prepare(st, sc) == NGX_OK,
                         sc->name, "what is there before is good");

    ngx_kafka_ws_step_ok(st, ngx_kafka_ws_step_visit(st), sc->name,
                         "a victim that is stepped and lives is right");

    all = scf->kills ? st->nstates : st->instructions;
    kills = 0;
    wrong = 0;
    x = scf->seed;

    for (i = 0; i < all; i++) {

        if (scf->kills && all > scf->kills) {
            x = x * 6364136223846793005ULL + 1442695040888963407ULL;

            if ((x >> 33) % all >= scf->kills) {
                continue;
            }
        }

        n = scf->kills ? st->states[i] : i;

        kills++;

        if (!ngx_kafka_ws_step_kill(st, n)) {
            wrong++;
        }

        waste = &st->verdict->waste;
        most.topics = ngx_max(most.topics, waste->topics);
        most.streams = ngx_max(most.streams, waste->streams);
    }

    printf("# %s: %lu instructions, %lu states, killed at %lu, wrong %lu; "
           "left at most %lu topics, %lu streams\n", sc->name,
           (unsigned long) st->instructions, (unsigned long) st->nstates,
           (unsigned long) kills, (unsigned long) wrong,
           (unsigned long) most.topics, (unsigned long) most.streams);

    ngx_kafka_ws_step_ok(st, kills > 0 && wrong == 0, sc->name,
                         "killed anywhere: readers and the next writer are "
                         "right");
    ngx_kafka_ws_step_ok(st, most.topics <= 1 && most.streams <= 1, sc->name,
                         "at most one entry of the directory is wasted");
}


/* the zone as the victim finds it, and the log as it is now */

static ngx_int_t
ngx_kafka_ws_step_prepare(ngx_kafka_ws_step_t *st,
    const ngx_kafka_ws_step_scenario_t *sc)
{
    pid_t                  pid;
    ngx_uint_t             n;
    ngx_kafka_ws_topic_t  *topic;

    ngx_memcpy(st->zone, st->pristine, st->size);

    st->kwc->ring = 4096;
    st->kwc->layout = 4096;
    st->kwc->idle = sc->idle_before ? NGX_KAFKA_WS_STEP_IDLE : 0;

    ngx_kafka_ws_step_wanted = 0;
    ngx_kafka_ws_step_pace = sc->idle ? NGX_KAFKA_WS_STEP_PACE : 1;

    if (sc->before.id) {
        ngx_kafka_ws_step_log = sc->before;
        pid = ngx_kafka_ws_step_child();

        if (pid == 0) {
            _exit(ngx_kafka_ws_step_live(st->kwc, st->log, 2, 0) != 0);
        }

        if (ngx_kafka_ws_step_wait(pid) != 0
            || ngx_kafka_ws_step_read(st->kwc, 1) != 0)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_kafka_ws_step_open_views(st->kwc) != 0) {
        return NGX_ERROR;
    }

    for (n = 0; n < NGX_KAFKA_WS_STEP_TOPICS; n++) {
        topic = ngx_kafka_ws_shm_find(st->kwc->root,
                                      ngx_kafka_ws_step_name(n));
        if (topic) {
            topic->wanted[0] = (sc->wanted >> n) & 1;
            topic->used = 1;
        }
    }

    ngx_memcpy(st->before, st->zone, st->size);

    ngx_kafka_ws_step_log = sc->now;
    ngx_kafka_ws_step_was = sc->before.id;
    ngx_kafka_ws_step_wanted = sc->wanted;
    st->kwc->ring = sc->ring;
    st->kwc->layout = sc->ring;
    st->kwc->idle = sc->idle ? NGX_KAFKA_WS_STEP_IDLE : 0;

    return NGX_OK;
}
