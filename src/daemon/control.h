/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_CONTROL_H
#define JV_DAEMON_CONTROL_H
/*
 * control -- the UNIX socket RUNDIR/NAME.sock: numbered requests in, numbered replies out, a JSON object a line each.
 *
 * Who      root and the daemon's own user may do everything; members of the socket's group may look; others cannot connect, and
 *          are told so where they can.
 * Owns     the listening socket, its path, the connections.
 * Limits   JV_CONTROL_CONNECTIONS; JV_REQUEST_BYTES a request; JV_CONTROL_OUT_BYTES of unread replies, then the connection ends;
 *          JV_CONTROL_IDLE_MS without a request. Nothing blocks.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

#define JV_CONTROL_CONNECTIONS 16U
#define JV_CONTROL_OUT_BYTES (512U * 1024U) /* a page of sessions with all their paths, twice */
#define JV_CONTROL_IDLE_MS 60000U

struct jv_control;
struct jv_server;

/*
 * Makes the socket with mode 0660, of group "jv" where there is one, and hands it to `uid` (the user that the daemon becomes).
 * JV_E_EXISTS: a living daemon answers there. JV_E_RANGE: the path is too long for a socket. JV_E_SYSTEM: errno tells.
 */
JV_MUST_USE enum jv_err jv_control_open(const char *path, uint32_t uid, struct jv_control **out);
/* Begin to answer. */
JV_MUST_USE enum jv_err jv_control_start(struct jv_control *control, struct jv_server *server);
/* Removes the path. NULL is ignored. */
void jv_control_close(struct jv_control *control);
#endif /* JV_DAEMON_CONTROL_H */
