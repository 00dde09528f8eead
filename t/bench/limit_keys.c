
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A record is for the connection that asked for its key: a look into a hash,
 * and one send() for each connection that has any of a batch.
 */


#define _GNU_SOURCE

#include <string.h>
#include <sys/socket.h>

#include "limit.h"


#define LIMIT_KEYS      (2 * LIMIT_FDS) /* a power of two */
#define LIMIT_KEY_LEN   31
#define LIMIT_FRAMES    1024            /* of a batch */
#define LIMIT_NONE      UINT32_MAX


/* an entry stays when its connection is gone, with fd -1 */

typedef struct {
    int         fd;
    uint8_t     len;                    /* 0: empty */
    char        text[LIMIT_KEY_LEN];
} limit_key_t;


typedef struct {
    uint32_t    pos;                    /* in limit_ring */
    uint32_t    len;
    uint32_t    next;                   /* of the same connection */
} limit_keys_frame_t;


/* what a connection has of the batch */

typedef struct {
    uint32_t    key;                    /* its entry */
    uint32_t    n;
    uint32_t    first;
    uint32_t    last;
} limit_keys_conn_t;


static uint32_t limit_keys_find(const char *p, size_t len);
static void limit_keys_send(int fd, const uint8_t *p, size_t len);


static limit_key_t         limit_table[LIMIT_KEYS];
static limit_keys_conn_t   limit_wants[LIMIT_FDS];
static limit_keys_frame_t  limit_frames[LIMIT_FRAMES];
static int                 limit_due[LIMIT_FRAMES];
static uint32_t            limit_nframes;
static uint32_t            limit_ndue;
static uint32_t            limit_used;  /* bytes of limit_ring */


int
limit_keys_open(int fd, const char *p, size_t len)
{
    size_t        n;
    const char   *key, *last;
    limit_key_t  *k;

    last = p + len;
    key = memmem(p, len, "?u=", 3);

    limit_wants[fd].n = 0;
    limit_wants[fd].key = LIMIT_NONE;

    if (key == NULL) {
        return -1;
    }

    key += 3;

    for (n = 0; key + n < last && key[n] != ' ' && key[n] != '&'; n++) {
        /* void */
    }

    if (n == 0 || n > LIMIT_KEY_LEN) {
        return -1;
    }

    limit_wants[fd].key = limit_keys_find(key, n);

    k = &limit_table[limit_wants[fd].key];

    k->fd = fd;
    k->len = (uint8_t) n;
    memcpy(k->text, key, n);

    return 0;
}


void
limit_keys_close(int fd)
{
    limit_key_t  *k;

    if (limit_wants[fd].key == LIMIT_NONE) {
        return;
    }

    k = &limit_table[limit_wants[fd].key];

    if (k->fd == fd) {
        k->fd = -1;
    }
}


/* FNV-1a; there are never more keys than half of the table */

static uint32_t
limit_keys_find(const char *p, size_t len)
{
    size_t    i;
    uint32_t  n;

    for (n = 2166136261, i = 0; i < len; i++) {
        n = (n ^ (uint8_t) p[i]) * 16777619;
    }

    for (n &= LIMIT_KEYS - 1; limit_table[n].len; n = (n + 1)
                                                      & (LIMIT_KEYS - 1))
    {
        if (limit_table[n].len == len
            && memcmp(limit_table[n].text, p, len) == 0)
        {
            break;
        }
    }

    return n;
}


void
limit_keys_record(const rd_kafka_message_t *rkm)
{
    limit_key_t         *k;
    limit_keys_conn_t   *c;
    limit_keys_frame_t  *f;

    if (rkm->key == NULL || rkm->key_len > LIMIT_KEY_LEN) {
        return;
    }

    k = &limit_table[limit_keys_find(rkm->key, rkm->key_len)];

    if (k->len == 0 || k->fd == -1) {
        return;
    }

    /* a half of the ring is for those in one piece */

    if (limit_nframes == LIMIT_FRAMES
        || limit_used > LIMIT_RING / 2 - LIMIT_FRAME)
    {
        limit_keys_pass();
    }

    f = &limit_frames[limit_nframes];

    f->pos = limit_used;
    f->len = (uint32_t) limit_frame(rkm, limit_ring + limit_used);
    f->next = LIMIT_NONE;

    limit_used += f->len;

    c = &limit_wants[k->fd];

    if (c->n++ == 0) {
        limit_due[limit_ndue++] = k->fd;
        c->first = limit_nframes;

    } else {
        limit_frames[c->last].next = limit_nframes;
    }

    c->last = limit_nframes++;
}


void
limit_keys_pass(void)
{
    int                  fd;
    size_t               len;
    uint32_t             i, n;
    uint8_t             *p;
    limit_keys_conn_t   *c;
    limit_keys_frame_t  *f;

    for (i = 0; i < limit_ndue; i++) {
        fd = limit_due[i];
        c = &limit_wants[fd];
        f = &limit_frames[c->first];

        p = limit_ring + f->pos;
        len = f->len;

        if (c->n > 1) {

            /* in one piece, behind the batch */

            p = limit_ring + limit_used;
            len = 0;

            for (n = c->first; n != LIMIT_NONE; n = limit_frames[n].next) {
                f = &limit_frames[n];
                memcpy(p + len, limit_ring + f->pos, f->len);
                len += f->len;
            }
        }

        c->n = 0;

        limit_keys_send(fd, p, len);
    }

    limit_nframes = 0;
    limit_ndue = 0;
    limit_used = 0;
}


/* who does not take all of it at once is too slow */

static void
limit_keys_send(int fd, const uint8_t *p, size_t len)
{
    limit_sends++;

    if (send(fd, p, len, 0) != (ssize_t) len) {
        limit_close(fd);
    }
}
