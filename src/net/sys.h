/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_SYS_H
#define JV_NET_SYS_H
/*
 * sys -- the clocks, the random source and memory for secrets: the only clock_gettime and getrandom of the project.
 *
 * Owns     nothing.
 * Limits   a locked allocation is bounded by RLIMIT_MEMLOCK unless the process has CAP_IPC_LOCK.
 * Threads  any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"
#include "instant.h"

/* CLOCK_BOOTTIME: it goes on while the machine is suspended, and lifetimes count that. Read once per wake-up; jv_loop_now() gives that reading. */
struct jv_instant jv_sys_now(void);
/* How long this machine was suspended since boot, in ns: what CLOCK_BOOTTIME counted and CLOCK_MONOTONIC did not. */
uint64_t jv_sys_suspended_ns(void);
/* CLOCK_REALTIME in ns since 1970, for texts and audit records, never for a decision. */
uint64_t jv_sys_wall_ns(void);
/* Fills `out` from getrandom(2). Aborts where the kernel gives nothing: there is no second source. */
void jv_sys_random(void *out, size_t len);

/*
 * Zeroed memory, excluded from core dumps and (where the limit allows) locked against swapping. `locked_out` (may be NULL)
 * tells whether the lock held. NULL: no memory, errno tells.
 */
JV_MUST_USE void *jv_sys_alloc_locked(size_t bytes, bool *locked_out);
/* Unmaps what jv_sys_alloc_locked() gave; `bytes` is the same. The caller wipes secrets before. */
void jv_sys_free_locked(void *mem, size_t bytes);

/*
 * From here on this thread runs ahead of all that are not real-time (SCHED_RR at its lowest priority, sched(7)); what it starts does not.
 * JV_E_PERM: no CAP_SYS_NICE; JV_E_SYSTEM: errno tells.
 */
JV_MUST_USE enum jv_err jv_sys_set_realtime(void);
/*
 * Whether threads of this process may call it once the privilege is gone (RLIMIT_RTPRIO). JV_E_PERM: not allowed to allow it.
 * JV_E_SYSTEM: errno tells.
 */
JV_MUST_USE enum jv_err jv_sys_permit_realtime(bool may);
/* Processors that this process may run on, 1 or more. */
uint32_t jv_sys_cpus(void);
/* Whether jv_sys_set_realtime() succeeded. */
bool jv_sys_is_realtime(void);

/* No core dumps and no ptrace by others of the same user. JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_sys_forbid_dumps(void);
#endif /* JV_NET_SYS_H */
