
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A cluster's zone is one of nginx's, with its slab pool; the root hangs at
 * the pool's data, all else are blocks (ngx_kafka_ws_shm_blocks.c).  From the
 * root on everything is reached by offsets into the zone or by numbers, never
 * by pointers, and nothing a reader needs is behind a lock:
 *
 *     root -> bucket[hash of name] -> topic -> next topic of the bucket
 *                                     topic -> stream -> stream -> ...
 *                                              stream -> ring (one block)
 *
 * Topics and streams are only ever added, each whole before the count or
 * link that makes it visible is stored with release.  A ring may be replaced
 * or freed; the stream's generation says so, and readers check it after each
 * copy as they check the ring's tail.
 *
 * There is one writer at a time: the consumer thread that holds a POSIX
 * record lock on the zone's byte of a memfd which the master made and every
 * process inherited.  The kernel frees it when the holder dies, at whatever
 * instruction; a holder that is merely stopped keeps it, so that it can not
 * wake up beside a second one.  The epoch counts writers.
 *
 * A writer may die between any two stores.  An odd generation says that it
 * died over a ring, which the next writer makes anew; an entry of the
 * directory that it did not link, or not count, is left out or counted then.
 * t/step has it killed everywhere.
 *
 * A reload with the same zone keeps all of it.  A new layout (other
 * renderings or ring size) makes the next writer free all rings before it
 * begins; old workers see their streams' generations change, and open none of
 * the new rings, whose renderings are not theirs.  A zone of another size is
 * another zone: the old root is marked retired.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <sys/mman.h>

#include "ngx_kafka_ws_shm.h"


#define NGX_KAFKA_WS_SHM_MAGIC  0x6b77732d73686d31ULL   /* "kws-shm1" */

/* bytes of the lock file: from 1 on those of zones, from here on of slots */
#define NGX_KAFKA_WS_SHM_SLOTS  0x40000000


/* in memory that the master and all its children share */

typedef struct {
    uint64_t                  generation;
    uint32_t                  locks;
} ngx_kafka_ws_lineage_t;


static ngx_int_t ngx_kafka_ws_shm_flock(int cmd, off_t byte,
    struct flock *fl);
static size_t ngx_kafka_ws_shm_pages(size_t size);


static ngx_kafka_ws_lineage_t  *ngx_kafka_ws_lineage;
static ngx_fd_t                 ngx_kafka_ws_lock_fd = NGX_INVALID_FILE;
static ngx_uint_t               ngx_kafka_ws_slot_locked;


ngx_int_t
ngx_kafka_ws_shm_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t         *shpool;
    ngx_kafka_ws_cluster_t  *kwc, *okwc;

    kwc = shm_zone->data;
    okwc = data;

    if (okwc) {
        kwc->root = okwc->root;
        kwc->held = okwc->held;
        return NGX_OK;
    }

    /* for as long as there is a process that knows the zone */

    kwc->held = calloc(1, sizeof(ngx_kafka_ws_held_t));
    if (kwc->held == NULL) {
        return NGX_ERROR;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    /* running out of room is the consumer's to report, by topic */
    shpool->log_nomem = 0;

    kwc->root = ngx_slab_calloc(shpool, sizeof(ngx_kafka_ws_root_t));
    if (kwc->root == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_shm_init_blocks(kwc->root, shpool) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    shpool->data = kwc->root;

    kwc->root->magic = NGX_KAFKA_WS_SHM_MAGIC;
    kwc->root->size = shm_zone->shm.size;

    return NGX_OK;
}


size_t
ngx_kafka_ws_shm_needed(ngx_kafka_ws_cluster_t *kwc)
{
    size_t  n, rings, pages;

    n = ngx_kafka_ws_cluster_literals(kwc);
    rings = kwc->idle ? 1 : n;

    pages = 4 + ngx_kafka_ws_shm_pages(sizeof(ngx_kafka_ws_root_t))
            + (n / NGX_KAFKA_WS_TOPICS_CHUNK + 1)
              * ngx_kafka_ws_shm_pages(NGX_KAFKA_WS_TOPICS_CHUNK
                                       * sizeof(ngx_kafka_ws_topic_t))
            + (n / NGX_KAFKA_WS_STREAMS_CHUNK + 1)
              * ngx_kafka_ws_shm_pages(NGX_KAFKA_WS_STREAMS_CHUNK
                                       * sizeof(ngx_kafka_ws_stream_t))
            + rings * ngx_kafka_ws_shm_pages(ngx_kafka_ws_shm_ring_bytes(kwc));

    return pages * (ngx_pagesize + sizeof(ngx_slab_page_t));
}


ngx_int_t
ngx_kafka_ws_shm_init_module(ngx_cycle_t *cycle)
{
    void  *p;

    if (ngx_kafka_ws_lineage == NULL) {

        ngx_kafka_ws_lock_fd = memfd_create("ngx_kafka_ws", MFD_CLOEXEC);

        if (ngx_kafka_ws_lock_fd == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "memfd_create(\"ngx_kafka_ws\") failed");
            return NGX_ERROR;
        }

        p = MAP_FAILED;

        if (ftruncate(ngx_kafka_ws_lock_fd, ngx_pagesize) == 0) {
            p = mmap(NULL, ngx_pagesize, PROT_READ|PROT_WRITE, MAP_SHARED,
                     ngx_kafka_ws_lock_fd, 0);
        }

        if (p == MAP_FAILED) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "mapping the lock file failed");
            return NGX_ERROR;
        }

        ngx_kafka_ws_lineage = p;
    }

    (void) ngx_kafka_ws_fetch_add(&ngx_kafka_ws_lineage->generation, 1);

    return NGX_OK;
}


void
ngx_kafka_ws_shm_register(ngx_kafka_ws_root_t *root)
{
    if (root->lock == 0) {
        root->lock = ++ngx_kafka_ws_lineage->locks;
    }
}


uint64_t
ngx_kafka_ws_shm_generation(void)
{
    return ngx_kafka_ws_load_acquire(&ngx_kafka_ws_lineage->generation);
}


ngx_kafka_ws_slot_t *
ngx_kafka_ws_shm_slot(ngx_kafka_ws_root_t *root)
{
    return &root->slot[ngx_kafka_ws_shm_slot_number()];
}


ngx_uint_t
ngx_kafka_ws_shm_slot_number(void)
{
    ngx_uint_t  n;

    n = (ngx_process_slot < 0) ? 0 : (ngx_uint_t) ngx_process_slot;

    return ngx_min(n, NGX_KAFKA_WS_SLOTS - 1);
}


uint64_t
ngx_kafka_ws_shm_sum(ngx_kafka_ws_root_t *root, size_t offset)
{
    u_char      *p;
    uint64_t     sum;
    ngx_uint_t   i;

    sum = 0;

    for (i = 0; i < NGX_KAFKA_WS_SLOTS; i++) {
        p = (u_char *) &root->slot[i].counters + offset;
        sum += ngx_kafka_ws_load_relaxed((uint64_t *) (void *) p);
    }

    return sum;
}


ngx_kafka_ws_topic_t *
ngx_kafka_ws_shm_topic(ngx_kafka_ws_root_t *root, uint32_t n)
{
    ngx_kafka_ws_topic_t  *chunk;

    if (n >= ngx_kafka_ws_load_acquire(&root->ntopics)) {
        return NULL;
    }

    chunk = (ngx_kafka_ws_topic_t *)
            ((u_char *) root + root->topics[n / NGX_KAFKA_WS_TOPICS_CHUNK]);

    return &chunk[n % NGX_KAFKA_WS_TOPICS_CHUNK];
}


ngx_kafka_ws_stream_t *
ngx_kafka_ws_shm_stream(ngx_kafka_ws_root_t *root, uint32_t n)
{
    ngx_kafka_ws_stream_t  *chunk;

    if (n >= ngx_kafka_ws_load_acquire(&root->nstreams)) {
        return NULL;
    }

    chunk = (ngx_kafka_ws_stream_t *)
            ((u_char *) root + root->streams[n / NGX_KAFKA_WS_STREAMS_CHUNK]);

    return &chunk[n % NGX_KAFKA_WS_STREAMS_CHUNK];
}


ngx_kafka_ws_topic_t *
ngx_kafka_ws_shm_find(ngx_kafka_ws_root_t *root, ngx_str_t *name)
{
    uint32_t               n, hash;
    ngx_kafka_ws_topic_t  *topic;

    hash = ngx_crc32_short(name->data, name->len) % NGX_KAFKA_WS_BUCKETS;
    n = ngx_kafka_ws_load_acquire(&root->bucket[hash]);

    /* places are numbered from 1 here, 0 ends the list */

    while (n) {
        topic = ngx_kafka_ws_shm_topic(root, n - 1);
        if (topic == NULL) {
            return NULL;
        }

        if (topic->len == name->len
            && ngx_memcmp(topic->name, name->data, name->len) == 0)
        {
            return topic;
        }

        n = topic->next;
    }

    return NULL;
}


ngx_int_t
ngx_kafka_ws_shm_open_ring(ngx_kafka_ws_root_t *root, uint64_t block,
    uint64_t bytes, ngx_kafka_ws_ring_t *ring)
{
    if (block == 0 || block > root->size || bytes > root->size - block
        || ngx_kafka_ws_ring_open(ring, (u_char *) root + block, bytes)
           != NGX_KAFKA_WS_RING_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_shm_view(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_stream_t *stream, ngx_kafka_ws_view_t *view)
{
    uint64_t  gen, ring, bytes;

    gen = ngx_kafka_ws_load_acquire(&stream->gen);

    ring = ngx_kafka_ws_load_relaxed(&stream->ring);
    bytes = ngx_kafka_ws_load_relaxed(&stream->ring_bytes);

    if ((gen & 1)
        || ngx_kafka_ws_shm_open_ring(root, ring, bytes, &view->ring)
           != NGX_OK)
    {
        return NGX_AGAIN;
    }

    view->stream = stream;
    view->gen = gen;

    ngx_kafka_ws_fence_acquire();

    return ngx_kafka_ws_shm_valid(view) ? NGX_OK : NGX_AGAIN;
}


/*
 * A ring's generation is stored behind the layout that the ring has: who has
 * read the one sees the other, or a later one, and then the ring is gone.
 */

ngx_int_t
ngx_kafka_ws_shm_view_own(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_stream_t *stream, ngx_kafka_ws_view_t *view)
{
    if (ngx_kafka_ws_shm_view(kwc->root, stream, view) != NGX_OK
        || ngx_kafka_ws_load_acquire(&kwc->root->layout) != kwc->layout)
    {
        return NGX_AGAIN;
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_shm_lock(ngx_kafka_ws_cluster_t *kwc, uint64_t *epoch)
{
    struct flock          fl;
    ngx_kafka_ws_root_t  *root;

    root = kwc->root;

    if (ngx_kafka_ws_shm_flock(F_SETLK, root->lock, &fl) != NGX_OK) {
        return (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EACCES)
               ? NGX_AGAIN : NGX_ERROR;
    }

    if (ngx_kafka_ws_shm_open_blocks(kwc) != NGX_OK) {
        /* the lock is held, and taken again with the next attempt */
        return NGX_AGAIN;
    }

    *epoch = ngx_kafka_ws_fetch_add(&root->epoch, 1) + 1;

    ngx_kafka_ws_store_relaxed(&root->pid, (uint32_t) ngx_pid);

    if (root->layout != kwc->layout) {
        ngx_kafka_ws_shm_reset(kwc);
        ngx_kafka_ws_store_release(&root->layout, kwc->layout);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_shm_flock(int cmd, off_t byte, struct flock *fl)
{
    ngx_memzero(fl, sizeof(struct flock));

    fl->l_type = F_WRLCK;
    fl->l_whence = SEEK_SET;
    fl->l_start = byte;
    fl->l_len = 1;

    return (fcntl(ngx_kafka_ws_lock_fd, cmd, fl) == -1) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_kafka_ws_shm_lock_slot(ngx_log_t *log)
{
    ngx_uint_t    n;
    struct flock  fl;

    n = ngx_kafka_ws_shm_slot_number();

    if (n == NGX_KAFKA_WS_SLOTS - 1
        || ngx_kafka_ws_shm_flock(F_SETLK, NGX_KAFKA_WS_SHM_SLOTS + n, &fl)
           == NGX_OK)
    {
        ngx_kafka_ws_slot_locked = 1;
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                  "locking slot %ui failed", n);

    return NGX_ERROR;
}


ngx_uint_t
ngx_kafka_ws_shm_slot_locked(ngx_uint_t n)
{
    struct flock  fl;

    if (n == NGX_KAFKA_WS_SLOTS - 1
        || (ngx_kafka_ws_slot_locked && n == ngx_kafka_ws_shm_slot_number()))
    {
        /* shared; or our own lock, which does not keep us out */
        return 1;
    }

    return ngx_kafka_ws_shm_flock(F_GETLK, NGX_KAFKA_WS_SHM_SLOTS + n, &fl)
           != NGX_OK
           || fl.l_type != F_UNLCK;
}


size_t
ngx_kafka_ws_shm_ring_bytes(ngx_kafka_ws_cluster_t *kwc)
{
    return ngx_kafka_ws_ring_bytes(kwc->ring,
                                   ngx_kafka_ws_ring_entries(kwc->ring),
                                   ngx_max(kwc->nrenderings, 1));
}


static size_t
ngx_kafka_ws_shm_pages(size_t size)
{
    return (size + ngx_pagesize - 1) / ngx_pagesize;
}


void
ngx_kafka_ws_shm_set_error(ngx_kafka_ws_root_t *root, const char *text)
{
    ngx_kafka_ws_store_relaxed(&root->error_gen, root->error_gen | 1);
    ngx_kafka_ws_fence_release();

    (void) ngx_cpystrn(root->error, (u_char *) text, NGX_KAFKA_WS_ERROR_LEN);

    ngx_kafka_ws_store_release(&root->error_gen, root->error_gen + 1);
}


void
ngx_kafka_ws_shm_get_error(ngx_kafka_ws_root_t *root,
    u_char text[NGX_KAFKA_WS_ERROR_LEN])
{
    uint64_t    gen;
    ngx_uint_t  tries;

    for (tries = 0; tries < 100; tries++) {

        gen = ngx_kafka_ws_load_acquire(&root->error_gen);

        ngx_memcpy(text, root->error, NGX_KAFKA_WS_ERROR_LEN);
        text[NGX_KAFKA_WS_ERROR_LEN - 1] = '\0';

        ngx_kafka_ws_fence_acquire();

        if (!(gen & 1)
            && ngx_kafka_ws_load_relaxed(&root->error_gen) == gen)
        {
            return;
        }
    }

    text[0] = '\0';
}


uint64_t
ngx_kafka_ws_shm_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
