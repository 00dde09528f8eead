
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Loads, stores and fences on memory that processes share, each named after
 * its ordering (C11, 7.17.3; the compiler's builtins, so that C99 code may
 * use them).  Operands are naturally aligned 32- or 64-bit integers.
 *
 *     load_acquire     what follows is not read before it
 *     store_release    what precedes is visible before it
 *     fence_acquire    between reading shared bytes and reading the counter
 *                      that says whether they were still valid
 *     fence_release    between storing that counter and writing the bytes
 *     fence_full       between a store and a load of another variable, as
 *                      in "publish, then look whether someone sleeps"
 */


#ifndef _NGX_KAFKA_WS_ATOMIC_H_INCLUDED_
#define _NGX_KAFKA_WS_ATOMIC_H_INCLUDED_


#define ngx_kafka_ws_load_relaxed(p)                                          \
    __atomic_load_n((p), __ATOMIC_RELAXED)

#define ngx_kafka_ws_load_acquire(p)                                          \
    __atomic_load_n((p), __ATOMIC_ACQUIRE)

#define ngx_kafka_ws_store_relaxed(p, v)                                      \
    __atomic_store_n((p), (v), __ATOMIC_RELAXED)

#define ngx_kafka_ws_store_release(p, v)                                      \
    __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define ngx_kafka_ws_exchange(p, v)                                           \
    __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#define ngx_kafka_ws_fetch_add(p, v)                                          \
    __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)

#define ngx_kafka_ws_fetch_or(p, v)                                           \
    __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)

#define ngx_kafka_ws_fetch_and(p, v)                                          \
    __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)

#define ngx_kafka_ws_fence_acquire()  __atomic_thread_fence(__ATOMIC_ACQUIRE)

#define ngx_kafka_ws_fence_release()  __atomic_thread_fence(__ATOMIC_RELEASE)

#define ngx_kafka_ws_fence_full()     __atomic_thread_fence(__ATOMIC_SEQ_CST)

/*
 * A counter with one writer and any number of readers: no locked
 * instruction, and never a torn value for those who read.
 */
#define ngx_kafka_ws_count(p, n)                                              \
    ngx_kafka_ws_store_relaxed((p), ngx_kafka_ws_load_relaxed(p) + (n))


#endif /* _NGX_KAFKA_WS_ATOMIC_H_INCLUDED_ */
