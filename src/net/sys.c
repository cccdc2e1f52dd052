/* SPDX-License-Identifier: Apache-2.0 */
#include "sys.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec ts;
    JV_ASSERT(clock_gettime(clock, &ts) == 0);
    return (uint64_t)ts.tv_sec * JV_NS_PER_S + (uint64_t)ts.tv_nsec;
}

struct jv_instant jv_sys_now(void)
{
    return (struct jv_instant){read_clock(CLOCK_BOOTTIME)};
}

uint64_t jv_sys_suspended_ns(void)
{
    uint64_t suspended_ns = 0;
    /* A thread that loses the processor between the two readings would find the difference too small: then once more. */
    for (int i = 0; i < 8; i++) {
        uint64_t before_ns = read_clock(CLOCK_MONOTONIC);
        uint64_t boot_ns = read_clock(CLOCK_BOOTTIME);
        uint64_t after_ns = read_clock(CLOCK_MONOTONIC);
        uint64_t found_ns = boot_ns > after_ns ? boot_ns - after_ns : 0;
        suspended_ns = JV_MAX(suspended_ns, found_ns);
        if (after_ns - before_ns < JV_NS_PER_MS) {
            break;
        }
    }
    return suspended_ns;
}

uint64_t jv_sys_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

void jv_sys_random(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        JV_ASSERT(got > 0);
        at += got;
        len -= (size_t)got;
    }
}

void *jv_sys_alloc_locked(size_t bytes, bool *locked_out)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem == MAP_FAILED) {
        return NULL;
    }
    /* Locked on first touch: a pool sized for many sessions reserves address space, not pages. */
    bool locked = mlock2(mem, bytes, MLOCK_ONFAULT) == 0;
    /* Memory that a core dump would show is not what was asked for, so here failure is failure. */
    if (madvise(mem, bytes, MADV_DONTDUMP) != 0) {
        int saved = errno;
        (void)munmap(mem, bytes); /* the mapping is ours and whole: this cannot fail */
        errno = saved;
        return NULL;
    }
    if (locked_out != NULL) {
        *locked_out = locked;
    }
    return mem;
}

void jv_sys_free_locked(void *mem, size_t bytes)
{
    if (mem != NULL) {
        JV_ASSERT(munmap(mem, bytes) == 0);
    }
}

enum jv_err jv_sys_forbid_dumps(void)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
        return JV_E_SYSTEM;
    }
    return JV_E_OK;
}

static atomic_bool is_realtime;

enum jv_err jv_sys_set_realtime(void)
{
    struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) != 0) {
        return errno == EPERM ? JV_E_PERM : JV_E_SYSTEM;
    }
    is_realtime = true;
    return JV_E_OK;
}

enum jv_err jv_sys_permit_realtime(bool may)
{
    rlim_t most = may ? (rlim_t)sched_get_priority_min(SCHED_RR) : 0;
    const struct rlimit limit = {most, most};
    if (setrlimit(RLIMIT_RTPRIO, &limit) != 0) {
        return errno == EPERM ? JV_E_PERM : JV_E_SYSTEM;
    }
    return JV_E_OK;
}

uint32_t jv_sys_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
    return n > 0 ? (uint32_t)n : 1U; /* more processors than the set holds are as good as unknown */
}

bool jv_sys_is_realtime(void)
{
    return is_realtime;
}
