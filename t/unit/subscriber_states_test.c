
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Every state of a connection meets every event, with and without TLS, and
 * with the events of epoll and of poll: see subscriber_table.h.  A row of the
 * table is one test; a row that has no letter for a state fails.
 *
 * "subscriber_states_test ROW" prints what comes of one row.
 */


#include "subscriber_table.h"


#define MODES    4      /* TLS, level */
#define OTHERS   19     /* tests that are no row */

#define FIVE(s)  s s s s s


typedef struct {
    unsigned     cells;
    unsigned     failed;
    unsigned     memory;     /* runs with an allocation that failed */
} matrix_t;


static matrix_t     matrix;
static const char  *printed;      /* a row's name */

static char  at_once[EXPECT_SIZE];
static char  then[EXPECT_SIZE];


static const outcome_t *
cell_outcome(const event_t *e, ngx_uint_t column, unsigned tls)
{
    ngx_uint_t   i, n;
    const char  *p;

    n = 0;

    for (p = tls && e->tls_cells ? e->tls_cells : e->cells; *p; p++) {

        if (*p == ' ' || n++ != column) {
            continue;
        }

        for (i = 0; i < OUTCOMES; i++) {
            if (outcomes[i].letter == *p) {
                return &outcomes[i];
            }
        }
    }

    return NULL;
}


/* one letter for each state and none more */

static ngx_uint_t
cell_row(const event_t *e, unsigned tls)
{
    ngx_uint_t   n;
    const char  *p;

    n = 0;

    for (p = tls && e->tls_cells ? e->tls_cells : e->cells; *p; p++) {
        n += *p != ' ';
    }

    return n == STATES;
}


static void
cell_trace(char *text)
{
    snprintf(text, EXPECT_SIZE, "%c%s",
             w.kws ? "HOCLD"[w.kws->state] : 'D', w.trace);
    w.trace_len = 0;
    w.trace[0] = '\0';
}


/* fails: the allocation that fails, 0: none; returns the number of them */

static unsigned
cell_run(const event_t *e, const state_t *s, unsigned mode, unsigned fails)
{
    unsigned  before;

    memset(&owner, 0, sizeof(owner_t));

    state_enter(s->letter, mode & 1, mode >> 1,
                e->with & WITH_MESSAGES ? &owner_of_messages
                                        : &owner_of_records);

    if ("HOCLD"[w.kws->state] != s->state
        || w.c->read->timer.key != ngx_current_msec + s->timer)
    {
        world_broken("not in that state");
    }

    if (e->with >> 8 && w.room) {
        world_room((e->with >> 8) - 1);
    }

    owner.closes_in = e->closes_in;
    owner.answers = (e->with & WITH_ANSWERS) == WITH_ANSWERS;

    before = w.allocs;
    w.infos = 0;
    w.alloc_fail = fails ? before + fails
                   : e->with & WITH_NO_MEMORY ? before + 1 : 0;

    cell_trace(at_once);
    e->fire(e);
    world_settle();
    world_check();
    cell_trace(at_once);

    world_room(WORLD_EMPTY);
    world_settle();
    world_check();
    cell_trace(then);

    if (w.counters.frames != owner.records) {
        world_broken("frames not counted");
    }

    return w.allocs - before;
}


/* however far it has come, a reset ends it */

static unsigned
cell_end(void)
{
    ngx_uint_t  i;

    if (w.c) {
        w.kws->hold = 0;
        w.recv_error = 1;
        w.c->read->ready = 1;
        w.c->read->handler(w.c->read);
    }

    world_settle();
    world_check();

    if (w.c) {
        world_broken("no end");
    }

    for (i = 0; i < NGX_KAFKA_WS_CLOSES; i++) {
        if (w.counters.closes[i]) {
            return ngx_kafka_ws_close_codes[i];
        }
    }

    return 0;
}


/* the code that is counted: of the first Close, or of the end without one */

static unsigned
cell_code(const event_t *e, const state_t *s, const outcome_t *o)
{
    const char  *p, *q;

    if (s->code || o->code) {
        return s->code ? s->code : o->code;
    }

    p = strstr(at_once, " C");
    q = strstr(then, " C");

    if (p || q) {
        p = p ? p : q;
        return p[2] >= '0' && p[2] <= '9' ? (unsigned) atoi(p + 2) : 1005;
    }

    return strstr(at_once, " l") ? e->code : NGX_KAFKA_WS_CLOSE_ABNORMAL;
}


/* one line in the log for what a client got wrong, none for all else */

static unsigned
cell_lines(const state_t *s, const outcome_t *o, unsigned code)
{
    if (s->code) {
        return 0;
    }

    switch (code) {

    case NGX_KAFKA_WS_CLOSE_PROTOCOL:
    case NGX_KAFKA_WS_CLOSE_UNSUPPORTED:
    case NGX_KAFKA_WS_CLOSE_BAD_DATA:
    case NGX_KAFKA_WS_CLOSE_POLICY:
    case NGX_KAFKA_WS_CLOSE_TOO_BIG:
    case NGX_KAFKA_WS_CLOSE_INTERNAL:
        return 1;

    default:
        return 0;
    }
}


static void
cell_test(const event_t *e, ngx_uint_t column, unsigned mode)
{
    unsigned           want, code, infos;
    const state_t     *s;
    const outcome_t   *o;
    static expect_t    x, y;

    s = &states[column];
    o = cell_outcome(e, column, mode & 1);

    if (o == NULL) {
        printf("# no outcome in state %c\n", s->letter);
        matrix.failed++;
        return;
    }

    matrix.cells++;
    (void) cell_run(e, s, mode, 0);

    expect_text(&x, s, e, s->state, o->at_once);
    expect_text(&y, s, e, x.text[0], o->then);

    infos = w.infos;
    code = cell_end();
    want = cell_code(e, s, o);

    if (printed) {
        printf("# %c %-24s %c  %s | %s\n", s->letter, s->name, o->letter,
               at_once, then);
    }

    if (w.broken == NULL && strcmp(at_once, x.text) == 0
        && strcmp(then, y.text) == 0 && code == want
        && infos == cell_lines(s, o, code))
    {
        return;
    }

    printf("# in state %c, %s%s%s: %s\n"
           "#   got  \"%s\", then \"%s\", %u, %u lines\n"
           "#   want \"%s\", then \"%s\", %u, %u lines\n",
           s->letter, s->name, mode & 1 ? ", TLS" : "",
           mode & 2 ? ", level" : "", w.broken ? w.broken : "not that",
           at_once, then, code, infos, x.text, y.text, want,
           cell_lines(s, o, want));

    matrix.failed++;
}


static void
row_test(const event_t *e)
{
    unsigned    mode, failed;
    ngx_uint_t  i;

    failed = matrix.failed;

    if (!cell_row(e, 0) || !cell_row(e, 1)) {
        printf("# not one letter for each state\n");
        matrix.failed++;
    }

    for (mode = 0; mode < MODES; mode++) {
        for (i = 0; i < STATES; i++) {
            cell_test(e, i, mode);
        }
    }

    ok(matrix.failed == failed, "%s", e->name);
}


/* each allocation that a cell makes fails once: it ends well all the same */

static void
memory_test(void)
{
    unsigned     mode, n, k, failed;
    ngx_uint_t   i, j;

    failed = 0;

    for (i = 0; i < EVENTS; i++) {
        for (j = 0; j < STATES; j++) {
            for (mode = 0; mode < MODES; mode++) {

                n = cell_run(&events[i], &states[j], mode, 0);
                (void) cell_end();

                for (k = 1; k <= n; k++) {
                    (void) cell_run(&events[i], &states[j], mode, k);
                    (void) cell_end();
                    matrix.memory++;

                    if (w.broken) {
                        printf("# %s in state %c, allocation %u: %s\n",
                               events[i].name, states[j].letter, k, w.broken);
                        failed++;
                    }
                }
            }
        }
    }

    ok(matrix.memory > 0 && failed == 0, "allocations that fail");
}


/* a subscriber that is not made leaves the request to nginx */

static void
create_test(void)
{
    unsigned  i;

    for (i = 1; i <= 3; i++) {
        world_begin(0, 0, WORLD_EMPTY);

        w.alloc_fail = i <= 2 ? i : 0;
        w.fail = i == 3 ? FAIL_NODELAY : 0;
        world_create(&owner_of_records);

        ok(w.kws == NULL && w.counters.connections == 1
           && ngx_queue_empty(&ngx_posted_events),
           "not created: %s", i == 3 ? "TCP_NODELAY" : "no memory");

        ngx_http_free_request(w.r, 0);
        ngx_http_close_connection(w.c);
    }
}


/* a worker that stops has less patience */

static void
exiting_test(void)
{
    state_enter('b', 0, 0, &owner_of_records);
    ngx_exiting = 1;
    state_close();
    is_int(w.c->read->timer.key - ngx_current_msec, 500,
           "time for a Close of a worker that stops");
    (void) cell_end();

    state_enter('o', 0, 0, &owner_of_records);
    ngx_exiting = 1;
    state_close();
    is_int(w.c->read->timer.key - ngx_current_msec, 500,
           "time for the end of a client of a worker that stops");
    (void) cell_end();
}


/* TLS that has to read before it writes must not be asked again and again */

static void
wants_read_test(void)
{
    memset(&owner, 0, sizeof(owner_t));
    state_enter('r', 1, 0, &owner_of_records);

    w.wants_read = 1;
    w.c->buffered = 0;
    world_room(WORLD_EMPTY);
    world_settle();
    ok(w.kws->rest != NULL && client.record == 0, "TLS wants to read first");

    w.wants_read = 0;
    w.c->write->handler(w.c->write);
    is_int(client.record, 1, "and writes then");
    (void) cell_end();
}


/* a socket that has room again, before its event: not within a frame */

static void
half_test(void)
{
    uint32_t    end;
    uint64_t    taken;
    ngx_uint_t  done;
    u_char      frame[] = { CLIENT_FIN | 0x2, 1, 'x' };

    memset(&owner, 0, sizeof(owner_t));
    state_enter('r', 0, 0, &owner_of_records);

    end = sizeof(frame);
    done = 1;
    taken = w.taken;

    w.room = WORLD_EMPTY;
    w.c->write->ready = 1;

    ok(ngx_kafka_ws_subscriber_send(w.kws, frame, sizeof(frame), &end, 1,
                                    &done)
       == NGX_AGAIN && done == 0 && w.taken == taken,
       "nothing is sent within a frame");

    w.c->write->handler(w.c->write);
    is_int(client.record, 1, "the rest goes first");
    (void) cell_end();
}


/* frames that came in one packet with the request */

static void
early_test(void)
{
    size_t     n;
    u_char     buf[64];
    ngx_buf_t  b;

    memset(&owner, 0, sizeof(owner_t));
    memset(&b, 0, sizeof(ngx_buf_t));

    n = client_frame(buf, PING, "hi", 2);
    b.pos = buf;
    b.last = buf + n;

    world_begin(0, 0, WORLD_EMPTY);
    w.fail = FAIL_SETSOCKOPT;
    w.r->header_in = &b;
    world_create(&owner_of_records);
    w.fail = 0;
    world_settle();
    state_frame(CLOSE, "\x03\xe8");
    ok(strcmp(w.trace, " 101 w P(hi) l C1000 fin") == 0,
       "frames behind the request, without SO_SNDBUF");
    is_int(cell_end(), 1000, "and its end");

    b.pos = buf;
    b.last = buf + n;

    world_begin(0, 0, WORLD_EMPTY);
    w.r->header_in = &b;
    world_create(&owner_of_records);
    w.send_error = 1;
    world_settle();
    ok(w.c == NULL && w.broken == NULL,
       "frames behind the request, and a send that fails");
}


/* answers to one read that are more than one buffer; room: in the socket */

static void
answers_test(size_t room, unsigned error, const char *want, const char *name)
{
    size_t         n;
    u_char         buf[64], frame[256];
    unsigned       i;
    static u_char  plain[4000];

    memset(&owner, 0, sizeof(owner_t));
    memset(plain, 'a', sizeof(plain));
    state_enter('o', 0, 0, &owner_of_messages);
    owner.answers = 1;

    n = state_deflate(plain, sizeof(plain), buf, sizeof(buf));
    n = client_frame(frame, CLIENT_RSV1 | TEXT, buf, n);

    for (i = 0; i < 5; i++) {
        world_receive(frame, n);
    }

    world_room(room);
    w.send_error = error;
    cell_trace(at_once);
    world_settle();
    world_room(WORLD_EMPTY);
    world_settle();
    world_check();
    cell_trace(at_once);

    ok(strcmp(at_once, want) == 0 && w.broken == NULL, "%s", name);
    (void) cell_end();
}


/* codes that nobody has a counter for share one */

static void
code_test(void)
{
    state_enter('o', 0, 0, &owner_of_records);
    ngx_kafka_ws_subscriber_close(w.kws, 4000, NULL, 0);
    world_settle();
    (void) cell_end();
    is_int(w.counters.closes[NGX_KAFKA_WS_CLOSES - 1], 1, "another code");
}


/* a compressed message that is longer than what is allocated for it first */

static void
packed_test(void)
{
    size_t         i, n, m;
    uint32_t       x;
    static u_char  plain[4000], buf[5000], frame[800];

    memset(&owner, 0, sizeof(owner_t));
    state_enter('o', 0, 0, &owner_of_messages);

    x = 1;

    for (i = 0; i < sizeof(plain); i++) {
        x = x * 1664525 + 1013904223;
        plain[i] = (u_char) (x >> 25);
    }

    n = state_deflate(plain, sizeof(plain), buf, sizeof(buf));
    ok(n > 2 * 1024, "a message that does not shrink much");

    for (i = 0; i < n; i += m) {
        m = ngx_min(n - i, 700);
        world_receive(frame,
                      client_frame(frame, (i == 0 ? CLIENT_RSV1 | 0x2 : 0)
                                          | (i + m == n ? CLIENT_FIN : 0),
                                   buf + i, m));
        world_settle();
    }

    ok(owner.len == sizeof(plain)
       && memcmp(owner.message, plain, sizeof(plain)) == 0,
       "is inflated from its pieces");
    (void) cell_end();
}


int
main(int argc, char **argv)
{
    ngx_uint_t  i;

    printed = argv[1];

    for (i = 0; i < EVENTS; i++) {
        if (printed == NULL || strcmp(printed, events[i].name) == 0) {
            row_test(&events[i]);
        }
    }

    if (printed) {
        return matrix.failed != 0;
    }

    memory_test();
    create_test();
    exiting_test();
    wants_read_test();
    half_test();
    early_test();
    answers_test(WORLD_EMPTY, 0, "O" FIVE(" m(#4000)") FIVE(" t(#4000)"),
                 "answers of more than a buffer");
    answers_test(5000, 0, "O" FIVE(" m(#4000)") " t(#4000) full"
                 " t(#4000) t(#4000) t(#4000) w",
                 "the same, while the socket gets full");
    answers_test(WORLD_EMPTY, 1, "D" FIVE(" m(#4000)") " l end",
                 "the same, and a send that fails");
    code_test();
    packed_test();

    printf("# %u events, %u states, %u cells, %u runs without memory\n",
           (unsigned) EVENTS, (unsigned) STATES, matrix.cells, matrix.memory);

    return tap_done(EVENTS + OTHERS);
}
