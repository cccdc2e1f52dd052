/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_ERRAND_H
#define JV_DAEMON_ERRAND_H
/*
 * errand -- what jvd does for a profile without serving it: set the kill switch before the network comes up, and clean up behind
 * a daemon that was killed.
 *
 * Reads the profile but none of the keys that it names. Messages go to the log.
 *
 * Threads  one.
 */
#include "base.h"
#include "config.h"
#include "errors.h"

/* As JV_E_ of jv_killswitch_set(); JV_E_SYNTAX: the profile has errors, which went to standard error. */
JV_MUST_USE enum jv_err jv_errand_kill_switch(const char *path);
/*
 * Remove device, addresses, routes and kill switch. JV_E_STATE: a daemon serves the profile, nothing was removed; JV_E_NOTFOUND:
 * there was nothing; JV_E_SYNTAX as above; JV_E_PERM; JV_E_SYSTEM.
 */
JV_MUST_USE enum jv_err jv_errand_clean_up(const char *path);
#endif /* JV_DAEMON_ERRAND_H */
