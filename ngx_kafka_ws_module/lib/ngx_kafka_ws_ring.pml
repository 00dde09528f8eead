
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The ring of ngx_kafka_ws_ring.c with what stands around it, as a model for
 * spin: the writer's lock and epoch (ngx_kafka_ws_shm.c), the wake-up
 * (ngx_kafka_ws_wakeup.c) and a worker's pass (ngx_kafka_ws_worker_pass.c).
 * t/kafka_ws_model.t has all of its states visited.
 *
 *     Helper   becomes the writer, goes on behind the last record, publishes,
 *              wakes.  There are two, as in a reload: one has the lock, one
 *              waits for it.  A zombie, a writer that is stopped amid
 *              anything and comes back, is one that is not scheduled for as
 *              long as it pleases the model.
 *     Reaper   kills the writer at any statement, DEATHS times in all; nginx
 *              starts another
 *     Worker   takes its mark, and then copies, checks, uses until there is
 *              nothing more; arms its wake-up, looks for a mark again, sleeps
 *     Memory   takes stores out of store buffers, when nobody knows
 *
 * The memory is weaker than x86's (TSO), as ARM's is: a process's stores lie
 * in its buffer behind any later load, and leave it in any order that fences,
 * release stores and the order of one word's values leave open.  A fence
 * waits for the buffer to be empty, which others cannot tell from a mark in
 * it.  Loads are in the order of the program: everywhere an acquire load or
 * fence keeps them so.  A buffer outlives its process but not the lock, which
 * the kernel frees when the process is gone.
 *
 * What must hold, in every state:
 *
 *     a record used is the next one, whole, unless a gap was announced
 *     offsets are published once each and none is left out, whoever writes
 *     there is one writer, and its epoch is the last one
 *     a worker that sleeps with a record left to read is woken (it would be
 *     an invalid end state), unless a writer died between taking armed and
 *     writing the eventfd: that wake-up is left to the worker's tick
 *
 * The offset of record seq is seq, offsets are stored as offset + 1, so that
 * 0 is none.  Entry and frame stand for all that is written of a record.
 *
 * Each macro that is asked for here and not defined spoils one thing, as does
 * an index of two entries.  The test defines one at a time, and spin has to
 * find every one of them out.
 */

#ifndef RECORDS
#define RECORDS  4
#endif

#ifndef ENTRIES
#define ENTRIES  3
#endif

#ifndef DEATHS
#define DEATHS   2
#endif

#ifndef WORKERS
#define WORKERS  2
#endif

#define HELPERS  2

/* shared memory, and what the kernel keeps */

byte  head, tail;
byte  entry[ENTRIES], frame[ENTRIES];
bool  unread[WORKERS];        /* there may be news */
bool  armed[WORKERS], eventfd[WORKERS];
byte  lock;                   /* 0: free, else the helper's number + 1 */
byte  epoch;

#ifdef OFFSET_APART
byte  committed;
#endif

/* store buffers: what nobody else sees yet; 0: nothing */

typedef buffer_t {
    byte  tail, entry, frame, head;
}

buffer_t  buffer[HELPERS];
bool      arming[WORKERS];

#define empty(i)                                                              \
    (buffer[i].tail == 0 && buffer[i].entry == 0 && buffer[i].frame == 0      \
     && buffer[i].head == 0)

/* a release store is visible behind all that precedes it */

#ifdef HEAD_RELAXED
#define released(i)  true
#else
#define released(i)                                                           \
    (buffer[i].tail == 0 && buffer[i].entry == 0 && buffer[i].frame == 0)
#endif

/* what the test knows and the code does not */

bool  killed[HELPERS];
bool  cut[WORKERS];           /* its wake-up died with the writer */
byte  deaths, writers;


active proctype Memory()
{
end:
    do
    :: d_step { buffer[0].tail > 0 ->
                tail = buffer[0].tail; buffer[0].tail = 0 }
    :: d_step { buffer[0].entry > 0 ->
                entry[(buffer[0].entry - 1) % ENTRIES] = buffer[0].entry;
                buffer[0].entry = 0 }
    :: d_step { buffer[0].frame > 0 ->
                frame[(buffer[0].frame - 1) % ENTRIES] = buffer[0].frame;
                buffer[0].frame = 0 }
    :: d_step { buffer[0].head > 0 && released(0) ->
                head = buffer[0].head; buffer[0].head = 0 }
    :: d_step { buffer[1].tail > 0 ->
                tail = buffer[1].tail; buffer[1].tail = 0 }
    :: d_step { buffer[1].entry > 0 ->
                entry[(buffer[1].entry - 1) % ENTRIES] = buffer[1].entry;
                buffer[1].entry = 0 }
    :: d_step { buffer[1].frame > 0 ->
                frame[(buffer[1].frame - 1) % ENTRIES] = buffer[1].frame;
                buffer[1].frame = 0 }
    :: d_step { buffer[1].head > 0 && released(1) ->
                head = buffer[1].head; buffer[1].head = 0 }
#ifdef NO_FULL_FENCE_WORKER
    :: d_step { arming[0] -> armed[0] = true; arming[0] = false }
    :: d_step { arming[1] -> armed[1] = true; arming[1] = false }
#endif
    od
}


/* whatever was stored is visible before anything that comes next */

inline fence()
{
    empty(i)
}

/* gives up the record whose place in the index is next */

inline store_tail()
{
    if
    :: d_step { seq - tail >= ENTRIES && buffer[i].tail == 0 ->
                buffer[i].tail = seq - ENTRIES + 1 }
    :: seq - tail < ENTRIES
    fi
}

inline store_entry()
{
    d_step { buffer[i].entry == 0 -> buffer[i].entry = next + 1 }
}

inline store_frame()
{
    d_step { buffer[i].frame == 0 -> buffer[i].frame = next + 1 }
}

inline store_head()
{
    d_step { buffer[i].head == 0 -> buffer[i].head = seq + 1 }
}

inline publish()
{
#ifndef NO_LOCK
    assert(writers == 1 && epoch == mine);
#endif
    assert(next == seq);

#ifndef TAIL_LATE
    store_tail();
#endif
#ifndef NO_RELEASE_FENCE
    fence();
#endif
#ifdef HEAD_FIRST
    store_head();
    fence();
#endif
    store_entry();
    store_frame();
#ifdef TAIL_LATE
    store_tail();
#endif
#ifndef HEAD_FIRST
    store_head();
#endif

    d_step { seq++; next++ }

#ifdef OFFSET_APART
    committed = next;
#endif
}

inline notify()
{
#ifndef NO_FULL_FENCE_WRITER
    fence();
#endif

    do
#ifdef MARK_LATE
    :: w < WORKERS ->
#else
    :: d_step { w < WORKERS -> unread[w] = true }
#endif
        if
        :: d_step { armed[w] -> armed[w] = false; cutting = w + 1 }
           d_step { eventfd[w] = true; cutting = 0; w++ }
        :: d_step { !armed[w] -> w++ }
        fi
#ifdef MARK_LATE
        unread[w - 1] = true
#endif
    :: d_step { w == WORKERS -> w = 0 }
        break
    od
}


active [HELPERS] proctype Helper()
{
    byte  i, mine, seq, next, w, cutting;

    i = _pid - 1;

end_waits:
    {
#ifdef NO_LOCK
        d_step { epoch++; mine = epoch; writers++; seq = head }
#else
        /* both are at their beginning: which one gets it is the same */

        d_step { lock == 0 && epoch % HELPERS == i ->
                 lock = i + 1; epoch++; mine = epoch; writers++; seq = head }
#endif

#ifdef OFFSET_APART
        next = committed;
#else
        if
        :: seq == 0
        :: seq > 0 -> next = entry[(seq - 1) % ENTRIES]
        fi;
#endif

#ifndef NO_WAKE_AT_FIRST
        /* the first plan wakes, for what the last writer did not get to */
        notify();
#endif

        do
        :: epoch != mine ->
            break

        :: epoch == mine && seq < RECORDS ->
#ifdef WAKE_FIRST
            notify();
            publish()
#else
            publish();

            if
            :: notify()
            :: seq < RECORDS            /* the batch goes on */
            fi
#endif
        :: epoch == mine && seq == RECORDS ->
            break
        od;

end_idle:
        false

    } unless { killed[i] };

    d_step {
        empty(i);

        if
        :: cutting > 0 -> cut[cutting - 1] = true
        :: cutting == 0
        fi;

        if
        :: lock == i + 1 -> lock = 0
        :: lock != i + 1
        fi;

        writers--;
        killed[i] = false;
        mine = 0; seq = 0; next = 0; w = 0; cutting = 0
    }

    goto end_waits
}


active [WORKERS] proctype Worker()
{
    byte  w, pos, e, f, t;
    bool  look;               /* it has taken its mark */
    bool  looked;             /* once more, since it armed */
    bool  early;

    w = _pid - 1 - HELPERS;

    do
    :: pos == RECORDS ->
        break

    :: d_step { pos < RECORDS && !look && unread[w] ->
                look = true;
#ifndef TAKE_LATE
                unread[w] = false
#endif
       }

    :: d_step { pos < RECORDS && look && pos >= head -> look = false }
#ifdef TAKE_LATE
        unread[w] = false
#endif

    :: d_step { pos < RECORDS && look && pos < head -> looked = false }

#ifdef NO_ACQUIRE_FENCE
        if
        :: d_step { t = tail; early = true }
        :: true
        fi;
#endif

        e = entry[pos % ENTRIES];
        f = frame[pos % ENTRIES];

        d_step {
            if
            :: early -> early = false
            :: else -> t = tail
            fi;

#ifdef NO_VALIDATION
            t = 0;
#endif

            if
            :: t <= pos ->
                assert(e == pos + 1 && f == pos + 1);
#ifdef FORGET_EARLY
                look = false;
#endif
                pos++;
                t = 0
            :: else
            fi;

            e = 0;
            f = 0
        }

        /* overrun: on at the oldest held, once that is known to be good */

        do
        :: t == 0 ->
            break

        :: t > 0 ->
            t = tail;

            if
            :: d_step { t <= head -> e = entry[t % ENTRIES] }

                d_step {
                    if
                    :: tail <= t ->
                        assert(e == t + 1 && t > pos);
                        pos = t;        /* and from pos to t is announced */
                        t = 0
                    :: else
                    fi;

                    e = 0
                }

            :: t > head
            fi
        od

    :: d_step { pos < RECORDS && !look && !unread[w] && !looked ->
                looked = true;
#ifdef NO_FULL_FENCE_WORKER
                arming[w] = true
#elif !defined(LOOK_FIRST)
                armed[w] = true
#endif
       }

#ifdef LOOK_FIRST
        armed[w] = true;
        goto sleeps
#endif

    :: d_step { pos < RECORDS && !look && !unread[w] && looked -> skip }

#ifdef LOOK_FIRST
sleeps:
#endif
        if
        :: d_step { eventfd[w] -> eventfd[w] = false; looked = false }
#ifndef NO_TICK
        :: d_step { cut[w] -> cut[w] = false; looked = false }
#endif
        fi
    od
}


active proctype Reaper()
{
end:
    do
#ifdef NO_LOCK
    :: d_step { deaths < DEATHS && !killed[0] -> killed[0] = true; deaths++ }
    :: d_step { deaths < DEATHS && !killed[1] -> killed[1] = true; deaths++ }
#else
    :: d_step { deaths < DEATHS && lock && !killed[lock - 1] ->
                killed[lock - 1] = true; deaths++ }
#endif
    od
}
