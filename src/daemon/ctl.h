/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_CTL_H
#define JV_DAEMON_CTL_H
/*
 * ctl -- the UNIX socket RUNDIR/NAME.sock: numbered requests in, numbered replies out, a JSON object a line each.
 *
 * Who      root and the daemon's own user may do everything; members of the socket's group may look; others cannot connect, and
 *          are told so where they can.
 * Owns     the listening socket, its path, the connections.
 * Limits   JV_CTL_CONNECTIONS; JV_CTLREQ_BYTES a request; JV_CTL_OUT_BYTES of unread replies, then the connection ends;
 *          JV_CTL_IDLE_MS without a request. Nothing blocks.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

#define JV_CTL_CONNECTIONS 16U
#define JV_CTL_OUT_BYTES (512U * 1024U) /* a page of sessions with all their paths, twice */
#define JV_CTL_IDLE_MS 60000U

struct jv_ctl;
struct jv_server;

/*
 * Makes the socket with mode 0660, of group "jv" where there is one, and hands it to `uid` (the user that the daemon becomes).
 * JV_E_EXISTS: a living daemon answers there. JV_E_RANGE: the path is too long for a socket. JV_E_SYSTEM: errno tells.
 */
JV_MUST_USE enum jv_err jv_ctl_open(const char *path, uint32_t uid, struct jv_ctl **out);
/* Begin to answer. */
JV_MUST_USE enum jv_err jv_ctl_start(struct jv_ctl *control, struct jv_server *server);
/* Removes the path. NULL is ignored. */
void jv_ctl_close(struct jv_ctl *control);
#endif /* JV_DAEMON_CTL_H */
