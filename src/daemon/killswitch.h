/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_KILLSWITCH_H
#define JV_DAEMON_KILLSWITCH_H
/*
 * killswitch -- makes the rules of the host what the profile says of KillSwitch, from `jv up` to `jv down`.
 *
 * The rules are the kernel's: the end of a session or of the daemon changes nothing in them (design §4.8). While the daemon runs
 * it listens, and sets them again when somebody else removes or changes them (`nft flush ruleset`). Works with CAP_NET_ADMIN
 * alone, behind the sandbox as well.
 *
 * Limits   one repair a wake-up; what the repairs are told (log, audit) once in JV_KILLSWITCH_TELL_MS, the rest is counted.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "errors.h"

#define JV_KILLSWITCH_TELL_MS 10000U

struct jv_killswitch;
struct jv_server;

/* FAILED: asked for and not in the kernel; it is tried again each second. */
enum jv_killswitch_state { JV_KILLSWITCH_OFF, JV_KILLSWITCH_ON, JV_KILLSWITCH_FAILED };

/* Whether the profile asks for one: a client's with KillSwitch = yes. */
bool jv_killswitch_is_wanted(const struct jv_config *config);
/*
 * Install, replace, or, where the profile asks for none, remove what an earlier start left. What fails is logged with its remedy,
 * and the rules are as they were. JV_E_PERM, JV_E_UNSUPPORTED, JV_E_NOMEM, JV_E_SYSTEM.
 */
JV_MUST_USE enum jv_err jv_killswitch_set(const struct jv_config *config);
/* JV_E_NOTFOUND: there was none; another failure is logged. */
enum jv_err jv_killswitch_remove(const char *profile);

/* The same as jv_killswitch_set(), for a daemon, which then looks after it. `config` stays the caller's. */
JV_MUST_USE enum jv_err jv_killswitch_open(const struct jv_config *config,
                                           struct jv_killswitch **out);
/* Begins to listen. */
JV_MUST_USE enum jv_err jv_killswitch_start(struct jv_killswitch *ks, struct jv_server *server);
/* A reload: the rules of `config`, before anything else of it is taken. As jv_killswitch_set(). */
JV_MUST_USE enum jv_err jv_killswitch_change(struct jv_killswitch *ks,
                                             const struct jv_config *config);
/* The reload was taken: `config` is in force, and the one before is about to be freed. */
void jv_killswitch_config(struct jv_killswitch *ks, const struct jv_config *config);
enum jv_killswitch_state jv_killswitch_state(const struct jv_killswitch *ks);
/* How often the rules were set again because somebody else had touched them. */
uint64_t jv_killswitch_repairs(const struct jv_killswitch *ks);
/* `jv down`: at the close the rules go. */
void jv_killswitch_let_go(struct jv_killswitch *ks);
/*
 * After the device is gone, so that what still used it does not go out in clear. Unless let go, the rules stay, and the log says
 * so. NULL is ignored.
 */
void jv_killswitch_close(struct jv_killswitch *ks);
#endif /* JV_DAEMON_KILLSWITCH_H */
