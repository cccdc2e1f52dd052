/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_RELOAD_H
#define JV_DAEMON_RELOAD_H
/*
 * reload -- reads the configuration again and applies what can change under running sessions: users, pre-shared keys, policy (for
 * sessions born after this), transports, the audit file.
 *
 * A file with an error, or one that changes what only a start can (keys, addresses, devices, sizes), is refused as a whole: the
 * old configuration stays in force and the messages say why.
 *
 * Threads  the loop's.
 */
#include <stddef.h>

#include "base.h"
#include "config.h"
#include "errors.h"

struct jv_server;

#define JV_RELOAD_TEXT_BYTES 4096U /* what does not fit stands in the log */

/* JV_E_OK, or the refusal with its reasons in `why`, a line each; they are logged too. */
JV_MUST_USE enum jv_err jv_reload(struct jv_server *server, char why[JV_RELOAD_TEXT_BYTES]);
/* The first setting that differs and needs a restart, or NULL. Pure. */
const char *jv_reload_blocker(const struct jv_config *old, const struct jv_config *new_config);
#endif /* JV_DAEMON_RELOAD_H */
