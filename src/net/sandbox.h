/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_SANDBOX_H
#define JV_NET_SANDBOX_H
/*
 * sandbox -- gives up what the daemon does not need, once its files, sockets and devices are open.
 *
 * In this order: user and group, capabilities (CAP_NET_ADMIN for routes, TUN and marks; CAP_NET_RAW only where
 * JV_SANDBOX_RAW asks for it; none else; the bounding set is emptied), no_new_privs, system-call list.
 *
 * A call on the list works. Mounting, modules, tracing, BPF, namespaces, and (without JV_SANDBOX_EXEC) starting programs
 * end the process: only an intruder asks for them. Every other call answers ENOSYS, as an older kernel would, so that a newer
 * C library falls back instead of failing.
 *
 * Threads  call it with one thread running, or give JV_SANDBOX_SECCOMP only: the filter is set for all threads.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

#define JV_SANDBOX_CAPS 1U    /* keep CAP_NET_ADMIN only */
#define JV_SANDBOX_SECCOMP 2U /* system-call list */
#define JV_SANDBOX_EXEC                                                                            \
    4U /* hooks are configured: fork and execve stay allowed; children inherit the list, no capability */
#define JV_SANDBOX_LOG 8U /* refused calls are logged by the kernel's audit; for tests */
#define JV_SANDBOX_RAW                                                                             \
    16U /* with JV_SANDBOX_CAPS: keep CAP_NET_RAW too, see jv_sandbox_needs_raw() */
#define JV_SANDBOX_ALL (JV_SANDBOX_CAPS | JV_SANDBOX_SECCOMP)

struct jv_sandbox_cfg {
    const char *user; /* NULL: stay who we are */
    uint32_t flags;
};

/*
 * No way back. JV_E_NOTFOUND: no such user. JV_E_PERM, JV_E_SYSTEM: errno tells; `step_out` (may be NULL) names the step.
 * After a failure the process is in between and must exit.
 */
JV_MUST_USE enum jv_err jv_sandbox_enter(const struct jv_sandbox_cfg *cfg, const char **step_out);
/*
 * Whether this kernel wants CAP_NET_RAW for binding a socket to a device. Linux 5.7 and later do not, for a socket that is bound
 * to none yet. Tried, not guessed, with the capability lowered for the moment; false where we do not hold it. One thread only.
 */
bool jv_sandbox_needs_raw(void);
/*
 * For a process that reads files of root and answers on an open socket: the user stays, CAP_DAC_READ_SEARCH is all that is left,
 * files open for reading only, and there is no call that makes a socket, a process or a file. Errors as above.
 */
JV_MUST_USE enum jv_err jv_sandbox_enter_reader(const char **step_out);
#endif /* JV_NET_SANDBOX_H */
