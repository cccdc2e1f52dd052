/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_HELPER_H
#define JV_DAEMON_HELPER_H
/*
 * helper -- what a process that the daemon forks does first, so that nothing of the daemon's stays open in it.
 *
 * A shell that waits for the daemon's output or end must not wait for a helper; a key pressed at the terminal and a reload are
 * meant for the daemon. A helper ends when the daemon closes its end of the socket pair.
 *
 * Threads  the only one of the new process.
 */
#include "base.h"

#define JV_HELPER_FD 3 /* the socket, in the process; what lies above is closed */

/*
 * In the child: ignore the terminal's signals, take the name (for ps), leave the folder, close everything but `*fd`, which becomes
 * JV_HELPER_FD. NULL, or the name of the step that failed (errno tells); `*fd` is the socket in either case.
 */
const char *jv_helper_enter(const char *name, int *fd);
#endif /* JV_DAEMON_HELPER_H */
