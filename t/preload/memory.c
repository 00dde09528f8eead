
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Preloaded into nginx by tests: memory that is not to be had.
 *
 * The file that TEST_MEMORY_FILE names at nginx's start holds four int32.
 * process: its id, whose allocations count, negative: those of all but this
 * one.  own: 1: only what the module itself asks for; 2: all but what the
 * program does.  So many (succeed) are granted from now on, and so many after
 * those (fail) are not.  Each is counted down to 0.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    int32_t  process;
    int32_t  own;
    int32_t  succeed;
    int32_t  fail;
} memory_t;


/* glibc's own, behind the names that are taken here */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);


static void memory_init(void) __attribute__((constructor));
static int memory_fail(const void *caller);
static int memory_counts(const void *caller);
static int memory_object(struct dl_phdr_info *info, size_t size, void *data);
static int memory_take(int32_t *count);


static memory_t   *memory;
static uintptr_t   memory_from[2], memory_to[2];   /* text: module, nginx */


static void
memory_init(void)
{
    int          fd;
    void        *p;
    const char  *file;

    file = getenv("TEST_MEMORY_FILE");

    if (file == NULL) {
        return;
    }

    fd = open(file, O_RDWR|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(memory_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        memory = p;
    }

    (void) close(fd);
}


static int
memory_fail(const void *caller)
{
    int32_t  process;

    if (memory == NULL) {
        return 0;
    }

    if (__atomic_load_n(&memory->fail, __ATOMIC_SEQ_CST) == 0) {
        return 0;
    }

    process = memory->process;

    if (process > 0 ? getpid() != process : getpid() == -process) {
        return 0;
    }

    if (memory->own && !memory_counts(caller)) {
        return 0;
    }

    if (memory_take(&memory->succeed) || !memory_take(&memory->fail)) {
        return 0;
    }

    errno = ENOMEM;

    return 1;
}


static int
memory_counts(const void *caller)
{
    int        i;
    uintptr_t  p;

    if (memory_to[0] == 0) {
        (void) dl_iterate_phdr(memory_object, NULL);
    }

    i = (memory->own == 1) ? 0 : 1;
    p = (uintptr_t) caller;

    return (p >= memory_from[i] && p < memory_to[i]) == (i == 0);
}


static int
memory_object(struct dl_phdr_info *info, size_t size, void *data)
{
    int        i, n;
    uintptr_t  from;

    (void) size;
    (void) data;

    /* the program itself has no name */

    if (strstr(info->dlpi_name, "/ngx_kafka_ws_module.so")) {
        n = 0;

    } else if (info->dlpi_name[0] == '\0') {
        n = 1;

    } else {
        return 0;
    }

    for (i = 0; i < info->dlpi_phnum; i++) {

        if (info->dlpi_phdr[i].p_type == PT_LOAD
            && info->dlpi_phdr[i].p_flags & PF_X)
        {
            from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

            memory_from[n] = from;
            memory_to[n] = from + info->dlpi_phdr[i].p_memsz;
        }
    }

    return 0;
}


static int
memory_take(int32_t *count)
{
    int32_t  left;

    left = __atomic_load_n(count, __ATOMIC_SEQ_CST);

    while (left > 0) {
        if (__atomic_compare_exchange_n(count, &left, left - 1, 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        {
            return 1;
        }
    }

    return 0;
}


void *
malloc(size_t size)
{
    return memory_fail(__builtin_return_address(0)) ? NULL
                                                    : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return memory_fail(__builtin_return_address(0)) ? NULL
                                                   : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return memory_fail(__builtin_return_address(0)) ? NULL
                                                   : __libc_realloc(p, size);
}


void *
memalign(size_t alignment, size_t size)
{
    return memory_fail(__builtin_return_address(0))
           ? NULL : __libc_memalign(alignment, size);
}


void *
aligned_alloc(size_t alignment, size_t size)
{
    return memory_fail(__builtin_return_address(0))
           ? NULL : __libc_memalign(alignment, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    void  *m;

    if (memory_fail(__builtin_return_address(0))) {
        return ENOMEM;
    }

    m = __libc_memalign(alignment, size);

    if (m == NULL) {
        return ENOMEM;
    }

    *p = m;

    return 0;
}
