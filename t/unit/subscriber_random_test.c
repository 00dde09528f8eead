
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A random walk: connections meet whatever the table of the states has, and
 * clients that behave, whose frames come in pieces, and after each step holds
 * what has to hold at any time.  Records, messages and Pongs are numbered, so
 * that one lost, repeated or out of order is seen.
 *
 * "subscriber_random_test SEED STEPS" walks another way.
 */


#include "subscriber_table.h"


#define SEED      20261125
#define STEPS     200000
#define PIECES    4        /* of a message, at most */
#define WILD      24       /* one step in so many is any row of the table */


typedef struct {
    unsigned     step;
    unsigned     lives;
    unsigned     longest;      /* steps of a life */
    unsigned     pauses;       /* of clients that send much */
    unsigned     ends[NGX_KAFKA_WS_CLOSES];
    unsigned     state;        /* before the step */
    unsigned     message;      /* the last one sent */
    u_char       stream[65536];    /* what the client has to send */
    size_t       len;
    const char  *what;
} walk_t;


static walk_t    walk;
static uint64_t  walk_seed;


/* xorshift: the same on any machine */

static unsigned
walk_random(unsigned n)
{
    walk_seed ^= walk_seed << 13;
    walk_seed ^= walk_seed >> 7;
    walk_seed ^= walk_seed << 17;

    return (unsigned) (walk_seed >> 33) % n;
}


static void
walk_frame(unsigned first, const void *p, size_t n)
{
    if (walk.len + n + 16 <= sizeof(walk.stream)) {
        walk.len += client_frame(walk.stream + walk.len, first, p, n);
    }
}


static void
walk_ping(void)
{
    int   n;
    char  name[16];

    n = snprintf(name, sizeof(name), "p%u", ++client.pinged);
    walk_frame(PING, name, (size_t) n);
}


/* a message in fragments, with control frames between them */

static void
walk_message(void)
{
    size_t         n, len, piece;
    unsigned       i, pieces, first;
    static u_char  plain[WORLD_MAX_FRAME], packed[WORLD_MAX_FRAME + 64], *p;

    if (walk.len + 2 * WORLD_MAX_FRAME > sizeof(walk.stream)) {
        return;
    }

    n = owner_number(plain, ++walk.message, 16 + walk_random(2000));
    p = plain;
    first = walk_random(2) ? 0x1 : 0x2;

    if (walk_random(2)) {
        n = state_deflate(plain, n, packed, sizeof(packed));
        p = packed;
        first |= CLIENT_RSV1;
    }

    pieces = 1 + walk_random(PIECES);

    for (i = 1, len = 0; i <= pieces; i++) {
        piece = i == pieces ? n - len : walk_random((unsigned) (n - len) + 1);
        walk_frame(first | (i == pieces ? CLIENT_FIN : 0), p + len, piece);
        len += piece;
        first = 0;

        if (walk_random(4) == 0) {
            walk_ping();
        }
    }
}


/* some of what the client has to send comes */

static void
walk_deliver(void)
{
    size_t  n, most;

    n = walk_random(4) ? walk_random((unsigned) walk.len + 1) : walk.len;
    most = walk_random(2) ? 20000 : 8;
    n = ngx_min(n, most);

    if (n > sizeof(w.in) - w.in_len) {
        return;
    }

    world_receive(walk.stream, n);

    walk.len -= n;
    memmove(walk.stream, walk.stream + n, walk.len);
}


static void
walk_room(void)
{
    static const size_t  rooms[] = { 0, 1, 3, 30, 1000, 17000, 100000 };

    if (walk_random(3)) {
        world_room(WORLD_EMPTY);

    } else {
        world_room(rooms[walk_random(7)]);
    }
}


/* an event of the table, with or without what it comes with */

static void
walk_row(void)
{
    const event_t  *e;

    e = &events[walk_random(EVENTS)];
    walk.what = e->name;

    if (walk_random(2)) {
        owner.closes_in = e->closes_in;
    }

    if (e->with & WITH_NO_MEMORY) {
        w.alloc_fail = w.allocs + 1 + walk_random(2);
    }

    if (e->with >> 8) {
        world_room((e->with >> 8) - 1);
    }

    /* its bytes may come in the middle of a frame */

    client.damaged = 1;

    e->fire(e);
}


/* time goes by, to the timer or not so far */

static void
walk_time(void)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (w.c->read->timer.key - ngx_current_msec);

    if (walk_random(4) == 0 || left <= 1) {
        world_expire();
        return;
    }

    ngx_current_msec += walk_random((unsigned) left);
}


static void
walk_step(void)
{
    walk.what = "a client that behaves";

    if (walk_random(WILD) == 0) {
        walk_row();
        return;
    }

    switch (walk_random(10)) {

    case 0:
        walk_ping();
        break;

    case 1:
        if (w.kws->owner == &owner_of_messages) {
            walk_message();
        }

        break;

    case 2:
    case 3:
        walk_room();
        owner_sends(1 + walk_random(OWNER_RECORDS),
                    walk_random(8) ? RECORD_SMALL + walk_random(200)
                                   : RECORD_BIG);
        break;

    case 4:
        walk_room();
        break;

    case 5:
        walk_time();
        break;

    case 6:
        w.kws->hold = w.kws->attached && walk_random(2);
        ngx_kafka_ws_subscriber_read_on(w.kws);
        break;

    default:
        walk_deliver();
        break;
    }
}


static void
walk_begin(void)
{
    memset(&owner, 0, sizeof(owner_t));
    owner.answers = walk_random(2);

    walk.lives++;
    walk.len = 0;
    walk.message = 0;
    walk.state = 0;
    state_half_len = 0;

    world_begin(walk_random(2), walk_random(2),
                walk_random(4) ? WORLD_EMPTY : walk_random(20));
    world_create(walk_random(2) ? &owner_of_messages : &owner_of_records);
    world_settle();
}


/* 1: something was broken */

static unsigned
walk_check(void)
{
    world_settle();

    /* a call that fails once may work again */
    w.fail = 0;

    if (w.c && w.kws->state < walk.state) {
        world_broken("a state that it has left");
    }

    world_check();

    if (w.counters.frames != owner.records) {
        world_broken("frames not counted");
    }

    if (w.broken) {
        printf("# step %u, %s, TLS %u, level %u: %s\n# %s\n", walk.step,
               walk.what, w.tls, w.level, w.broken, w.trace);
        return 1;
    }

    walk.state = w.c ? w.kws->state : 0;

    return 0;
}


int
main(int argc, char **argv)
{
    unsigned    steps, age, broken;
    ngx_uint_t  i;

    walk_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : SEED;
    steps = argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : STEPS;

    age = 0;
    broken = 0;

    for (walk.step = 0; walk.step < steps && !broken; walk.step++) {

        if (w.c == NULL) {
            walk_begin();
            age = 0;
        }

        if (w.c) {
            walk_step();
        }

        broken = walk_check();
        walk.longest = ngx_max(walk.longest, ++age);

        if (w.c == NULL) {
            for (i = 0; i < NGX_KAFKA_WS_CLOSES; i++) {
                walk.ends[i] += w.counters.closes[i] != 0;
            }

            walk.pauses += w.pauses;
        }
    }

    if (w.c) {
        ngx_kafka_ws_subscriber_done(w.kws);
        broken |= walk_check();
    }

    printf("# %u steps, %u connections, the longest %u steps, %u pauses; "
           "closed with", walk.step, walk.lives, walk.longest, walk.pauses);

    for (i = 0; i < NGX_KAFKA_WS_CLOSES; i++) {
        if (walk.ends[i]) {
            printf(" %u:%u", ngx_kafka_ws_close_codes[i], walk.ends[i]);
        }
    }

    printf("\n");

    ok(!broken, "random walk");

    return tap_done(1);
}
