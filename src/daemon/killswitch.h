/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_KILLSWITCH_H
#define JV_DAEMON_KILLSWITCH_H
/*
 * killswitch -- makes the rules of the host what the profile says of KillSwitch, from `jv up` to `jv down`.
 *
 * The rules are the kernel's: the end of a session or of the daemon changes nothing in them (design §4.8). Works with
 * CAP_NET_ADMIN alone, behind the sandbox as well.
 *
 * Threads  the loop's.
 */
#include "base.h"
#include "config.h"
#include "errors.h"

/* Whether the profile asks for one: a client's with KillSwitch = yes. */
bool jv_killswitch_is_wanted(const struct jv_config *config);
/*
 * Install, replace, or, where the profile asks for none, remove what an earlier start left. What fails is logged with its remedy,
 * and the rules are as they were. JV_E_PERM, JV_E_UNSUPPORTED, JV_E_NOMEM, JV_E_SYSTEM.
 */
JV_MUST_USE enum jv_err jv_killswitch_set(const struct jv_config *config);
/* `jv down`. JV_E_NOTFOUND: there was none; another failure is logged. */
enum jv_err jv_killswitch_remove(const char *profile);
/* Whether a reload from `old` to `config` changes the rules. */
bool jv_killswitch_differs(const struct jv_config *old, const struct jv_config *config);
#endif /* JV_DAEMON_KILLSWITCH_H */
