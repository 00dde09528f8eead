
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Interest in topics: what one process says, what the writer makes of it, also
 * of processes that were killed.  In the end they all do it at once, as fast as
 * they can: rings that were seen by who holds the topic are never freed.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_shm.h"

#include "tap.h"


#define ZONE       (4 * 1024 * 1024)
#define TOPICS     (NGX_KAFKA_WS_TOPICS_CHUNK + 3)
#define RING       65536
#define WORKERS    3
#define MS         1500          /* of all at once, at least */
#define MS_MAX     30000
#define LEAST      1000          /* of each thing that happens */
#define GOOD       0x600dULL     /* in a ring */
#define FREED      0xbadULL


typedef struct {
    uint64_t                     ring;
    uint64_t                     wrong;
    uint64_t                     seen;      /* how often rings were */
    uint64_t                     hidden;    /* or were not */
    uint64_t                     freed;
    uint64_t                     kept;      /* since somebody wanted them */
    uint64_t                     stop;
} world_t;


ngx_uint_t                       ngx_pagesize = 4096;
ngx_pid_t                        ngx_pid = 1;
ngx_int_t                        ngx_process_slot;

static uint32_t                  crc32_table[16] = { 1, 5, 9, 2, 8, 3 };
uint32_t                        *ngx_crc32_table_short = crc32_table;

static ngx_kafka_ws_held_t       held;
static ngx_kafka_ws_cluster_t    cluster;
static ngx_kafka_ws_root_t      *root;
static ngx_kafka_ws_topic_t     *topics[TOPICS];
static world_t                  *world;
static ngx_log_t                 test_log;


/* what the files of core/ need of nginx, and is not called here */

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    return NULL;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return NULL;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    return dst;
}


ngx_uint_t
ngx_kafka_ws_cluster_literals(ngx_kafka_ws_cluster_t *kwc)
{
    return 0;
}


/* no allocation fails here */

uint64_t __real_ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc,
    size_t size);
uint64_t __wrap_ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc,
    size_t size);


uint64_t
__wrap_ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc, size_t size)
{
    return __real_ngx_kafka_ws_shm_alloc(kwc, size);
}


static int
zone_new(void)
{
    size_t       first;
    ngx_str_t    name;
    ngx_uint_t   i;
    ngx_cycle_t  cycle;
    u_char       text[16];

    root = mmap(NULL, ZONE + ngx_pagesize, PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (root == MAP_FAILED) {
        return 0;
    }

    world = (world_t *) ((u_char *) root + ZONE);
    world->ring = GOOD;

    first = (sizeof(ngx_kafka_ws_root_t) + ngx_pagesize - 1) / ngx_pagesize;

    root->size = ZONE;
    root->blocks = first * ngx_pagesize;
    root->npages = ZONE / ngx_pagesize - first;

    cluster.root = root;
    cluster.held = &held;
    cluster.ring = RING;
    cluster.nrenderings = 1;
    cluster.idle = 1000;

    ngx_memzero(&cycle, sizeof(ngx_cycle_t));

    if (ngx_kafka_ws_shm_init_module(&cycle) != NGX_OK
        || ngx_kafka_ws_shm_open_blocks(&cluster) != NGX_OK)
    {
        return 0;
    }

    for (i = 0; i < TOPICS; i++) {
        name.data = text;
        name.len = (size_t) snprintf((char *) text, sizeof(text), "topic%u",
                                     (unsigned) i);

        topics[i] = ngx_kafka_ws_shm_add_topic(&cluster, &name);

        if (topics[i] == NULL
            || ngx_kafka_ws_shm_add_stream(&cluster, topics[i]) == NULL)
        {
            return 0;
        }
    }

    return 1;
}


/* this process is a worker in that slot */

static void
begin(ngx_int_t slot)
{
    ngx_process_slot = slot;

    ngx_kafka_ws_interest_begin(root);
    root->slot[slot].pid = (uint32_t) getpid();

    (void) ngx_kafka_ws_shm_lock_slot(&test_log);
}


/* a process of its own that wants topic 1 and stays until it is killed */

static pid_t
other(ngx_int_t slot)
{
    int    fd[2];
    char   c;
    pid_t  pid;

    if (pipe(fd) == -1) {
        return -1;
    }

    pid = fork();

    if (pid == 0) {
        begin(slot);
        (void) ngx_kafka_ws_interest_hold(&cluster, topics[1]);
        (void) close(fd[1]);

        for ( ;; ) {
            (void) pause();
        }
    }

    /* the end of the pipe says that it is done */

    (void) close(fd[1]);
    (void) !read(fd[0], &c, 1);
    (void) close(fd[0]);

    return pid;
}


static void
test_one(void)
{
    ngx_kafka_ws_alive_t  alive;

    begin(0);

    topics[0]->nrings = 1;

    ngx_kafka_ws_interest_alive(root, &alive);

    ok(!ngx_kafka_ws_interest_any(topics[0], &alive), "nobody wants it");
    is_int(ngx_kafka_ws_interest_close(topics[0]), NGX_OK, "it may go");
    is_int(topics[0]->nrings, 0, "its rings are out of sight");

    topics[0]->nrings = 1;

    is_int(ngx_kafka_ws_interest_hold(&cluster, topics[0]), NGX_OK, "hold");
    is_int(ngx_kafka_ws_interest_hold(&cluster, topics[0]), NGX_OK, "twice");
    ok(ngx_kafka_ws_interest_any(topics[0], &alive), "somebody wants it");
    ok(!ngx_kafka_ws_interest_any(topics[2], &alive), "not another one");
    is_int(ngx_kafka_ws_interest_close(topics[0]), NGX_AGAIN, "it must stay");
    is_int(topics[0]->nrings, 1, "and is seen as before");

    ngx_kafka_ws_interest_drop(&cluster, topics[0]);

    is_int(ngx_kafka_ws_interest_close(topics[0]), NGX_AGAIN, "once less");
    is_int(topics[0]->used, 0, "not used up");

    ngx_kafka_ws_interest_drop(&cluster, topics[0]);

    is_int(ngx_kafka_ws_interest_close(topics[0]), NGX_OK, "twice less");
    ok(topics[0]->used != 0, "and since when");
}


static void
test_ask(void)
{
    (void) ngx_kafka_ws_interest_hold(&cluster, topics[TOPICS - 1]);

    topics[TOPICS - 1]->nrings = 1;
    ngx_kafka_ws_interest_ask(&cluster, topics[TOPICS - 1]);
    is_int(root->asks, 0, "rings are there");

    topics[TOPICS - 1]->nrings = 0;
    ngx_kafka_ws_interest_ask(&cluster, topics[TOPICS - 1]);
    is_int(root->asks, 1, "they are not: asked for");
    is_int(root->asked[0], 2, "in the second chunk");

    cluster.idle = 0;
    ngx_kafka_ws_interest_ask(&cluster, topics[TOPICS - 1]);
    is_int(root->asks, 1, "all have rings: nothing to ask");
    cluster.idle = 1000;

    ngx_kafka_ws_interest_drop(&cluster, topics[TOPICS - 1]);
}


static void
test_room(void)
{
    ngx_uint_t  i;

    ngx_kafka_ws_shm_count_room(&cluster);

    is_int(root->room, root->npages / ((ngx_kafka_ws_shm_ring_bytes(&cluster)
                                        + ngx_pagesize - 1) / ngx_pagesize),
           "room for rings");

    /* of 3 topics without rings 2 have room, of which one is another's */

    root->room = 1;
    topics[3]->nrings = 1;

    for (i = 0; i < 3; i++) {
        (void) ngx_kafka_ws_interest_hold(&cluster, topics[i]);
        ok(ngx_kafka_ws_interest_room(&cluster, topics[i]) == (i < 2),
           "topic %u", (unsigned) i);
    }

    ngx_kafka_ws_interest_drop(&cluster, topics[2]);
    (void) ngx_kafka_ws_interest_hold(&cluster, topics[3]);

    ok(ngx_kafka_ws_interest_room(&cluster, topics[3]), "it has its rings");
    ok(!ngx_kafka_ws_interest_room(&cluster, topics[1]),
       "which cannot give way any more");

    for (i = 0; i < 4; i++) {
        if (i != 2) {
            ngx_kafka_ws_interest_drop(&cluster, topics[i]);
        }
    }

    topics[3]->nrings = 0;
}


static void
test_dead(void)
{
    pid_t                 pid;
    ngx_kafka_ws_alive_t  alive;

    topics[1]->nrings = 1;

    pid = other(5);

    ngx_kafka_ws_interest_alive(root, &alive);

    ok(ngx_kafka_ws_interest_any(topics[1], &alive), "another process");
    is_int(ngx_kafka_ws_interest_close(topics[1]), NGX_AGAIN, "it stays");

    (void) kill(pid, SIGSTOP);
    is_int(ngx_kafka_ws_interest_close(topics[1]), NGX_AGAIN,
           "while it is stopped, too");

    /* not waited for yet */

    (void) kill(pid, SIGKILL);

    while (ngx_kafka_ws_shm_slot_locked(5)) {
        ngx_msleep(1);
    }

    ok(topics[1]->wanted[0] == (uint64_t) 1 << 5, "its bit is left");

    ngx_kafka_ws_interest_alive(root, &alive);

    ok(!ngx_kafka_ws_interest_any(topics[1], &alive), "but says nothing");
    is_int(ngx_kafka_ws_interest_close(topics[1]), NGX_OK, "it may go");

    (void) waitpid(pid, NULL, 0);

    topics[1]->nrings = 1;
    ngx_process_slot = 5;
    ngx_kafka_ws_interest_begin(root);
    ngx_process_slot = 0;

    is_int(topics[1]->wanted[0], 0, "the next one there clears it");
}


static void
busy(void)
{
    ngx_uint_t  n;

    while (!ngx_kafka_ws_load_relaxed(&world->stop)) {

        (void) ngx_kafka_ws_interest_hold(&cluster, topics[0]);

        if (ngx_kafka_ws_load_acquire(&topics[0]->nrings)) {
            (void) ngx_kafka_ws_fetch_add(&world->seen, 1);

            for (n = 0; n < 100; n++) {
                if (ngx_kafka_ws_load_relaxed(&world->ring) != GOOD) {
                    (void) ngx_kafka_ws_fetch_add(&world->wrong, 1);
                    break;
                }

                ngx_cpu_pause();
            }

        } else {
            (void) ngx_kafka_ws_fetch_add(&world->hidden, 1);
        }

        ngx_kafka_ws_interest_drop(&cluster, topics[0]);

        for (n = 0; n < 50; n++) {
            ngx_cpu_pause();
        }
    }
}


static int
test_enough(void)
{
    return ngx_kafka_ws_load_relaxed(&world->seen) >= LEAST
           && ngx_kafka_ws_load_relaxed(&world->hidden) >= LEAST
           && world->freed >= LEAST && world->kept >= LEAST;
}


static void
test_all(void)
{
    pid_t       pid[WORKERS];
    uint64_t    begun, ms;
    ngx_uint_t  i;

    topics[0]->nrings = 1;

    for (i = 0; i < WORKERS; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            begin((ngx_int_t) (10 + i));
            busy();
            _exit(0);
        }
    }

    begun = ngx_kafka_ws_shm_now();

    do {
        ms = ngx_kafka_ws_shm_now() - begun;

        /* for others to see them */

        for (i = 0; i < 100; i++) {
            ngx_cpu_pause();
        }

        if (ngx_kafka_ws_interest_close(topics[0]) != NGX_OK) {
            world->kept++;
            continue;
        }

        ngx_kafka_ws_store_relaxed(&world->ring, FREED);

        for (i = 0; i < 20; i++) {
            ngx_cpu_pause();
        }

        ngx_kafka_ws_store_relaxed(&world->ring, GOOD);
        ngx_kafka_ws_store_release(&topics[0]->nrings, 1);

        world->freed++;

    } while (ms < MS || (ms < MS_MAX && !test_enough()));

    ngx_kafka_ws_store_relaxed(&world->stop, 1);

    for (i = 0; i < WORKERS; i++) {
        (void) waitpid(pid[i], NULL, 0);
    }

    printf("# seen %lu times, hidden %lu, freed %lu, kept %lu\n",
           (unsigned long) world->seen, (unsigned long) world->hidden,
           (unsigned long) world->freed, (unsigned long) world->kept);

    ok(test_enough(), "all at once");
    is_int(world->wrong, 0, "rings that are seen are there");
    is_int(topics[0]->wanted[0], 0, "nothing is left");
}


int
main(void)
{
    if (!zone_new()) {
        return 2;
    }

    test_one();
    test_ask();
    test_room();
    test_dead();
    test_all();

    return tap_done(33);
}
