
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Interest (ngx_kafka_ws_interest.c) as a model for spin: one topic, a writer
 * that makes its rings and gives them back, and two slots with processes that
 * want it, leave it and are killed.  t/kafka_ws_model.t has all of its states
 * visited.
 *
 *     Writer   makes rings for who asks; takes them out of sight, looks who
 *              wants them, frees them or shows them again
 *     Worker   clears its slot's bit, takes the lock of the slot; then, VISITS
 *              times, wants the topic, looks for rings, reads them, leaves
 *     Reaper   kills a worker at any statement, DEATHS times in all; another
 *              one may follow in its slot
 *     Memory   takes stores out of store buffers, when nobody knows
 *
 * The memory is that of ngx_kafka_ws_ring.pml: stores lie in a process's buffer
 * behind any later load, until a fence.
 *
 * What must hold, in every state:
 *
 *     rings that a process has seen are there until it leaves the topic
 *     who wants the topic sees rings in the end (else: an invalid end state)
 *     when nobody wants it any more, its rings can be given back
 *
 * Each macro that is asked for here and not defined spoils one thing.
 */

#ifndef DEATHS
#define DEATHS  2
#endif

#ifndef VISITS
#define VISITS  2
#endif

#ifndef TRIES
#define TRIES   2             /* to give the rings back, before the last one */
#endif

#define SLOTS   2

/* shared memory, and what the kernel keeps */

bool  shown;                  /* topic->nrings */
bool  wanted[SLOTS];
bool  asked;
bool  told[SLOTS];            /* wakes who waits */
bool  locked[SLOTS];

/* store buffers; value + 1, 0: nothing */

byte  hiding;                 /* the writer's, of shown */
byte  wanting[SLOTS];

/* what the test knows and the code does not */

bool  rings;                  /* the memory itself */
bool  reads[SLOTS];           /* a process that has seen them */
bool  killed[SLOTS];
bool  done[SLOTS];
byte  deaths;


active proctype Memory()
{
end:
    do
    :: d_step { hiding > 0 -> shown = hiding - 1; hiding = 0 }
    :: d_step { wanting[0] > 0 -> wanted[0] = wanting[0] - 1; wanting[0] = 0 }
    :: d_step { wanting[1] > 0 -> wanted[1] = wanting[1] - 1; wanting[1] = 0 }
    od
}


/* any = 1, if the process in the slot lives and wants the topic */

inline look(i)
{
    if
    :: d_step { wanted[i] -> skip }

#ifdef NO_LOCK
        any = true
#else
        if
        :: d_step { locked[i] -> any = true }
        :: d_step { !locked[i] -> skip }
#ifdef WRITER_CLEARS
            wanted[i] = false
#endif
        fi
#endif
    :: d_step { !wanted[i] -> skip }
    fi
}

inline conceal()
{
    hiding = 1;

#ifndef NO_FENCE_WRITER
    hiding == 0
#endif
}

inline reveal()
{
    hiding = 2;

    /* a release store, and an atomic operation behind it */

    hiding == 0;
#ifndef NO_NEWS
    d_step { told[0] = true; told[1] = true }
#endif
}

inline give_back()
{
#ifdef LOOK_FIRST
    look(0);
    look(1);
    conceal();
#else
    conceal();
    look(0);
    look(1);
#endif

    if
    :: any ->
        any = false;
        reveal()

    :: !any ->
        d_step {
            assert(!reads[0] && !reads[1]);
            rings = false
        }
    fi
}


active proctype Writer()
{
    byte  tries;
    bool  any;

end:
    do
    :: d_step { asked && hiding == 0 && !shown -> asked = false }
        look(0);
        look(1);

        if
        :: any ->
            any = false;
#ifdef RINGS_LATE
            reveal();
            rings = true
#else
            rings = true;
            reveal()
#endif
        :: !any
        fi

    :: d_step { asked && hiding == 0 && shown -> asked = false }

    :: d_step { (hiding == 0 && shown
                 && (tries < TRIES
                     || (tries == TRIES && done[0] && done[1]
                         && wanting[0] == 0 && wanting[1] == 0)))
                -> tries++ }
        give_back();
        assert(tries <= TRIES || !rings)
    od
}


active [SLOTS] proctype Worker()
{
    byte  i, visits;

    i = _pid - 2;

begins:
    {
#ifndef NO_CLEAR
        wanted[i] = false;
#endif
#ifndef LOCK_LATE
        locked[i] = true;
#endif

        do
        :: visits == VISITS ->
            break

        :: visits < VISITS ->
            visits++;
            wanting[i] = 2;

#ifndef NO_FENCE_WORKER
            wanting[i] == 0;
#endif

            do
            :: atomic { shown -> assert(rings); reads[i] = true }
                break

            :: !shown ->
                asked = true;
                atomic { told[i] -> told[i] = false }
            od;

#ifdef LOCK_LATE
            locked[i] = true;
#endif

            /* and as it leaves */

            atomic { assert(rings); reads[i] = false }
            wanting[i] == 0;
            wanting[i] = 1
        od;

        wanting[i] == 0;
        done[i] = true;

end_done:
        false

    } unless { killed[i] };

    killed[i] = false;

    /* there may be no other one */

    if
    :: goto begins
    :: done[i] = true
    fi;

end_gone:
    killed[i]
}


/* what it has stored is there before the kernel frees its lock */

inline bury(n)
{
    deaths++;
    killed[n] = true;
    locked[n] = false;
    reads[n] = false;
    done[n] = false;

    if
    :: wanting[n] > 0 -> wanted[n] = wanting[n] - 1; wanting[n] = 0
    :: else
    fi
}


active proctype Reaper()
{
end:
    do
    :: d_step { deaths < DEATHS && locked[0] && !killed[0] -> bury(0) }
    :: d_step { deaths < DEATHS && locked[1] && !killed[1] -> bury(1) }
    od
}
