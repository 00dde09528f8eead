
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Victims, rivals and judges: see the essay in ngx_kafka_ws_step_module.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <dlfcn.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "ngx_kafka_ws_step.h"


#define NGX_KAFKA_WS_STEP_DEADLINE   10        /* s, of a judge */
#define NGX_KAFKA_WS_STEP_ROUNDS     3         /* of plans, of a judge */
#define NGX_KAFKA_WS_STEP_COMPLAINTS 8         /* lines of a scenario */
#define NGX_KAFKA_WS_STEP_BREAK      0xcc      /* int3 */


static void ngx_kafka_ws_step_note(ngx_kafka_ws_step_t *st, pid_t pid);
static ngx_int_t ngx_kafka_ws_step_run_to(pid_t pid,
    ngx_kafka_ws_step_point_t *point);
static pid_t ngx_kafka_ws_step_victim(ngx_kafka_ws_step_t *st);
static ngx_int_t ngx_kafka_ws_step_one(pid_t pid);
static int ngx_kafka_ws_step_judge(ngx_kafka_ws_step_t *st);
static int ngx_kafka_ws_step_rival(ngx_kafka_ws_step_t *st);
static void ngx_kafka_ws_step_complain(ngx_kafka_ws_step_t *st, ngx_uint_t n,
    int status);


ngx_uint_t
ngx_kafka_ws_step_visit(ngx_kafka_ws_step_t *st)
{
    pid_t                      pid;
    ngx_kafka_ws_step_waste_t  waste;

    ngx_memcpy(st->last, st->before, st->size);
    ngx_memzero(st->visits, NGX_KAFKA_WS_STEP_BUCKETS
                            * sizeof(ngx_kafka_ws_step_point_t));

    st->nstates = 0;
    st->instructions = 0;

    pid = ngx_kafka_ws_step_victim(st);

    while (st->instructions < NGX_KAFKA_WS_STEP_MAX
           && ngx_kafka_ws_step_one(pid) == NGX_OK)
    {
        ngx_kafka_ws_step_note(st, pid);

        if (ngx_memcmp(st->last, st->zone, st->size) != 0) {
            ngx_memcpy(st->last, st->zone, st->size);
            st->states[st->nstates++] = (uint32_t) st->instructions;
        }

        st->instructions++;
    }

    /* if it did not end by itself */

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);

    return st->nstates > 0
           && ngx_kafka_ws_step_read(st->kwc, 1) == 0
           && ngx_kafka_ws_step_read_views() == 0
           && ngx_kafka_ws_step_blocks(st->kwc, &waste) == 0
           && waste.topics == 0 && waste.streams == 0;
}


/* the point where the victim is now */

static void
ngx_kafka_ws_step_note(ngx_kafka_ws_step_t *st, pid_t pid)
{
    uintptr_t                   ip;
    ngx_uint_t                  i;
    ngx_kafka_ws_step_point_t  *visit;

    ip = (uintptr_t) ptrace(PTRACE_PEEKUSER, pid,
                            offsetof(struct user_regs_struct, rip), NULL);

    i = (ip * 0x9e3779b97f4a7c15ULL >> 40) % NGX_KAFKA_WS_STEP_BUCKETS;

    for ( ;; ) {
        visit = &st->visits[i];

        if (visit->ip == ip || visit->ip == 0) {
            break;
        }

        i = (i + 1) % NGX_KAFKA_WS_STEP_BUCKETS;
    }

    visit->ip = ip;
    visit->time++;

    st->points[st->instructions] = *visit;
}


/*
 * Lets a victim run to a point, by a breakpoint: it takes the same way each
 * time, since nothing that it sees differs, nor does its clock.
 */

static ngx_int_t
ngx_kafka_ws_step_run_to(pid_t pid, ngx_kafka_ws_step_point_t *point)
{
    int         status;
    long        code;
    ngx_uint_t  i;

    errno = 0;
    code = ptrace(PTRACE_PEEKTEXT, pid, point->ip, NULL);

    if (errno) {
        return NGX_ERROR;
    }

    for (i = 1; /* void */ ; i++) {
        (void) ptrace(PTRACE_POKETEXT, pid, point->ip,
                      (code & ~0xffL) | NGX_KAFKA_WS_STEP_BREAK);

        if (ptrace(PTRACE_CONT, pid, NULL, NULL) == -1
            || waitpid(pid, &status, 0) != pid
            || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
        {
            return NGX_ERROR;
        }

        (void) ptrace(PTRACE_POKETEXT, pid, point->ip, code);
        (void) ptrace(PTRACE_POKEUSER, pid,
                      offsetof(struct user_regs_struct, rip), point->ip);

        if (i == point->time) {
            return NGX_OK;
        }

        if (ngx_kafka_ws_step_one(pid) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


ngx_uint_t
ngx_kafka_ws_step_kill(ngx_kafka_ws_step_t *st, ngx_uint_t n)
{
    int        status;
    pid_t      pid;
    ngx_int_t  rc;

    ngx_memcpy(st->zone, st->before, st->size);
    ngx_memzero(st->verdict, sizeof(ngx_kafka_ws_step_verdict_t));

    pid = ngx_kafka_ws_step_victim(st);
    rc = ngx_kafka_ws_step_run_to(pid, &st->points[n]);

    status = ngx_kafka_ws_step_rival(st);

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);

    if (rc != NGX_OK) {
        st->verdict->where = "it did not get there";

    } else if (ngx_shmtx_force_unlock(&st->pool->mutex, pid)) {
        st->verdict->where = "it had the slab pool's mutex";

    } else if (status == 0) {
        status = ngx_kafka_ws_step_judge(st);

        if (status == 0) {
            return 1;
        }
    }

    ngx_kafka_ws_step_complain(st, n, status);

    return 0;
}


/* a helper that is stopped at its first instruction */

static pid_t
ngx_kafka_ws_step_victim(ngx_kafka_ws_step_t *st)
{
    int    status;
    pid_t  pid;

    pid = ngx_kafka_ws_step_child();

    if (pid == 0) {
        (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void) alarm(NGX_KAFKA_WS_STEP_DEADLINE * 30);
        _exit(ngx_kafka_ws_step_live(st->kwc, st->log, 2, 1) != 0);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)
        || WSTOPSIG(status) != SIGTRAP)
    {
        printf("Bail out!  nothing can be traced here\n");
        fflush(stdout);
        _exit(2);
    }

    return pid;
}


static ngx_int_t
ngx_kafka_ws_step_one(pid_t pid)
{
    int  status;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
        || waitpid(pid, &status, 0) != pid)
    {
        return NGX_ERROR;
    }

    return (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) ? NGX_OK
                                                               : NGX_DONE;
}


pid_t
ngx_kafka_ws_step_child(void)
{
    pid_t  pid;

    fflush(stdout);

    pid = fork();

    if (pid == -1) {
        printf("Bail out!  fork() failed\n");
        fflush(stdout);
        _exit(2);
    }

    if (pid == 0) {
        ngx_pid = ngx_getpid();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) alarm(NGX_KAFKA_WS_STEP_DEADLINE);
    }

    return pid;
}


int
ngx_kafka_ws_step_wait(pid_t pid)
{
    int  status;

    return (waitpid(pid, &status, 0) == pid) ? status : -1;
}


/* readers first, then the next writer, then readers again */

static int
ngx_kafka_ws_step_judge(ngx_kafka_ws_step_t *st)
{
    pid_t                         pid;
    ngx_kafka_ws_step_verdict_t  *v;

    pid = ngx_kafka_ws_step_child();

    if (pid) {
        return ngx_kafka_ws_step_wait(pid);
    }

    v = st->verdict;

    v->where = "reading what it left";
    v->line = ngx_kafka_ws_step_read(st->kwc, 0);

    if (v->line == 0) {
        v->where = "reading on";
        v->line = ngx_kafka_ws_step_read_views();
    }

    if (v->line == 0) {
        v->where = "the next writer";
        v->line = ngx_kafka_ws_step_live(st->kwc, st->log,
                                         NGX_KAFKA_WS_STEP_ROUNDS, 0);
    }

    if (v->line == 0) {
        v->where = "reading the next writer's";
        v->line = ngx_kafka_ws_step_read(st->kwc, 1);
    }

    if (v->line == 0) {
        v->where = "reading on, with the next writer";
        v->line = ngx_kafka_ws_step_read_views();
    }

    if (v->line == 0) {
        v->where = "the zone's blocks";
        v->line = ngx_kafka_ws_step_blocks(st->kwc, &v->waste);
    }

    _exit(v->line != 0);
}


/* returns:  0 if one who wants to write has to wait, once the victim does */

static int
ngx_kafka_ws_step_rival(ngx_kafka_ws_step_t *st)
{
    pid_t                 pid;
    uint64_t              epoch;
    ngx_kafka_ws_root_t  *old;

    old = (ngx_kafka_ws_root_t *)
          (st->before + ((u_char *) st->kwc->root - st->zone));

    if (st->kwc->root->epoch == old->epoch) {
        return 0;
    }

    pid = ngx_kafka_ws_step_child();

    if (pid == 0) {
        st->verdict->where = "a rival got the lock";
        _exit(ngx_kafka_ws_shm_lock(st->kwc, &epoch) != NGX_AGAIN);
    }

    return ngx_kafka_ws_step_wait(pid);
}


static void
ngx_kafka_ws_step_complain(ngx_kafka_ws_step_t *st, ngx_uint_t n,
    int status)
{
    Dl_info      info;
    uintptr_t    ip;
    const char  *name;

    if (st->complaints++ >= NGX_KAFKA_WS_STEP_COMPLAINTS) {
        return;
    }

    name = "?";
    ip = st->points[n].ip;

    if (dladdr((void *) ip, &info) && info.dli_sname) {
        name = info.dli_sname;
        ip -= (uintptr_t) info.dli_saddr;
    }

    printf("# died at instruction %lu, %s+0x%lx: %s, line %d, status %x\n",
           (unsigned long) n, name, (unsigned long) ip,
           st->verdict->where ? st->verdict->where : "",
           st->verdict->line, (unsigned) status);
}
