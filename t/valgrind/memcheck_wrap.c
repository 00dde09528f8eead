
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Preloaded into nginx under valgrind, which calls these functions in place
 * of nginx's and the module's own.
 *
 * valgrind knows of each byte whether it was ever set, but not across
 * processes: what the helper puts into the shared zone counts as set in the
 * workers that send it.  So a frame is checked where it goes into the ring;
 * all that a process sends by itself is checked by valgrind at the system
 * call.
 *
 * A process's title, by which tests know a worker from the helper, would be
 * written over valgrind's copy of the arguments, where nobody else sees it.
 *
 * nginx unloads its modules before it exits.  This one has to stay: what only
 * its variables point to is not lost, and its functions keep their names.
 */


#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

#include "ngx_kafka_ws_ring.h"


ngx_kafka_ws_ring_e I_WRAP_SONAME_FNNAME_ZU(NONE, ngx_kafka_ws_ring_publish)
    (ngx_kafka_ws_ring_t *ring, const ngx_kafka_ws_ring_record_t *rec,
    const ngx_kafka_ws_span_t *frames);
void I_WRAP_SONAME_FNNAME_ZU(NONE, ngx_setproctitle)(char *title);
static void wrap_start(void) __attribute__((constructor));


/* workers of nginx have no environment */

static char  wrap_dir[4000];


static void
wrap_start(void)
{
    const char  *dir;

    dir = getenv("TEST_NGINX_DIR");

    if (dir != NULL) {
        (void) snprintf(wrap_dir, sizeof(wrap_dir), "%s", dir);
    }
}


ngx_kafka_ws_ring_e
I_WRAP_SONAME_FNNAME_ZU(NONE, ngx_kafka_ws_ring_publish)
    (ngx_kafka_ws_ring_t *ring, const ngx_kafka_ws_ring_record_t *rec,
    const ngx_kafka_ws_span_t *frames)
{
    long      result;
    OrigFn    fn;
    unsigned  r;

    VALGRIND_GET_ORIG_FN(fn);

    (void) VALGRIND_CHECK_VALUE_IS_DEFINED(rec->offset);
    (void) VALGRIND_CHECK_VALUE_IS_DEFINED(rec->from);
    (void) VALGRIND_CHECK_VALUE_IS_DEFINED(rec->timestamp);
    (void) VALGRIND_CHECK_VALUE_IS_DEFINED(rec->flags);

    for (r = 0; r < ring->nrenderings; r++) {
        (void) VALGRIND_CHECK_VALUE_IS_DEFINED(frames[r]);
        (void) VALGRIND_CHECK_MEM_IS_DEFINED(frames[r].data, frames[r].len);
    }

    CALL_FN_W_WWW(result, fn, ring, rec, frames);

    return (ngx_kafka_ws_ring_e) result;
}


void
I_WRAP_SONAME_FNNAME_ZU(NONE, ngx_setproctitle)(char *title)
{
    char     name[4096], temp[4096];
    FILE    *f;
    OrigFn   fn;

    VALGRIND_GET_ORIG_FN(fn);
    CALL_FN_v_W(fn, title);

    if (wrap_dir[0] == '\0') {
        return;
    }

    /* by rename: who reads it finds all of it, or the former one */

    (void) snprintf(name, sizeof(name), "%s/title.%d", wrap_dir,
                    (int) getpid());
    (void) snprintf(temp, sizeof(temp), "%s/title-%d", wrap_dir,
                    (int) getpid());

    f = fopen(temp, "w");

    if (f == NULL) {
        return;
    }

    (void) fprintf(f, "nginx: %s", title);
    (void) fclose(f);
    (void) rename(temp, name);
}


int
dlclose(void *handle)
{
    (void) handle;

    return 0;
}
