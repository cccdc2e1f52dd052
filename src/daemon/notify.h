/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_NOTIFY_H
#define JV_DAEMON_NOTIFY_H
/*
 * notify -- tells the service manager READY, STOPPING and that the watchdog need not bite (the protocol of sd_notify(3)).
 *
 * Owns     one datagram socket, opened before the sandbox closes.
 * Limits   a message that would block is dropped: the manager's silence must not stop the loop.
 * Threads  the loop's.
 */
#include <stdint.h>

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC; without them every call does nothing. */
void jv_notify_open(void);
void jv_notify_close(void);
/* "READY=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=1", "STATUS=...". */
void jv_notify_send(const char *state);
/* Half of what the manager waits for; 0: it has no watchdog for us. */
uint64_t jv_notify_watchdog_ms(void);
#endif /* JV_DAEMON_NOTIFY_H */
