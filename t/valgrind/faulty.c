
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One fault of each kind that memcheck has to report of nginx, in a child,
 * as nginx's workers are: faulty none|sent|frame|read|branch|lost|open
 */


#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ngx_kafka_ws_ring.h"


#define FAULTY_SIZE  4096


static int faulty(const char *kind);
static int faulty_publish(const uint8_t *frame);
void ngx_kafka_ws_faulty_open(void);


/* no compiler knows what comes of these */

static volatile int    faulty_sink;
static void *volatile  faulty_kept;


int
main(int argc, char **argv)
{
    int    status;
    pid_t  pid;

    if (argc != 2) {
        fprintf(stderr, "usage: faulty KIND\n");
        return 2;
    }

    pid = fork();

    if (pid == -1) {
        return 2;
    }

    if (pid == 0) {
        return faulty(argv[1]);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        return 2;
    }

    return WEXITSTATUS(status);
}


static int
faulty(const char *kind)
{
    int       fd, rc;
    uint8_t  *p;

    p = malloc(16);
    fd = open("/dev/null", O_WRONLY);

    if (p == NULL || fd == -1) {
        return 2;
    }

    faulty_kept = p;
    rc = 0;

    if (strcmp(kind, "none") == 0) {
        memset(p, 0, 16);
        rc = (write(fd, p, 16) != 16) | faulty_publish(p);

    } else if (strcmp(kind, "sent") == 0) {
        memset(p, 0, 15);
        rc = (write(fd, p, 16) != 16);

    } else if (strcmp(kind, "frame") == 0) {
        memset(p, 0, 15);
        rc = faulty_publish(p);

    } else if (strcmp(kind, "read") == 0) {
        faulty_sink = ((uint8_t *) faulty_kept)[16];

    } else if (strcmp(kind, "branch") == 0) {
        if (((uint8_t *) faulty_kept)[3] == 7) {
            faulty_sink = 1;
        }

    } else if (strcmp(kind, "lost") == 0) {
        faulty_kept = malloc(32);

    } else if (strcmp(kind, "open") == 0) {
        ngx_kafka_ws_faulty_open();

    } else {
        rc = 2;
    }

    /* what is lost has no pointer in any register */

    faulty_kept = NULL;
    free(p);
    close(fd);

    return rc;
}


/* into shared memory, where valgrind would forget what was never set */

static int
faulty_publish(const uint8_t *frame)
{
    void                        *mem;
    size_t                       size;
    ngx_kafka_ws_ring_t          ring;
    ngx_kafka_ws_span_t          span;
    ngx_kafka_ws_ring_record_t   rec;

    size = ngx_kafka_ws_ring_bytes(FAULTY_SIZE,
                                   ngx_kafka_ws_ring_entries(FAULTY_SIZE), 1);

    mem = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_ANONYMOUS|MAP_SHARED, -1,
               0);
    if (mem == MAP_FAILED) {
        return 2;
    }

    ngx_kafka_ws_ring_init(mem, FAULTY_SIZE,
                           ngx_kafka_ws_ring_entries(FAULTY_SIZE), 1, 0);

    if (ngx_kafka_ws_ring_open(&ring, mem, size) != NGX_KAFKA_WS_RING_OK) {
        return 2;
    }

    memset(&rec, 0, sizeof(rec));

    span.data = frame;
    span.len = 16;

    return ngx_kafka_ws_ring_publish(&ring, &rec, &span)
           != NGX_KAFKA_WS_RING_OK;
}


/* a descriptor is the module's by the names on the stack that opened it */

void
ngx_kafka_ws_faulty_open(void)
{
    faulty_sink = open("/dev/null", O_RDONLY);
}
