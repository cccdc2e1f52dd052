/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_SURROUNDINGS_H
#define JV_DAEMON_SURROUNDINGS_H
/*
 * surroundings -- what in this host's networks is in the way of a client, told to a person; nothing is changed by it.
 *
 * Two things are looked for once a second: a network of the host that meets the session's inner network or one that AllowedIPs sends
 * into it (a hotel's 10.80.0.0/16), and links that are up while no path brings any authenticated packet for JV_SURROUNDINGS_SILENT_MS
 * (a captive portal, a firewall). No foreign host is asked: what a portal shows is for a browser. Each is logged where it begins, and
 * stands in `jv status` for as long as it lasts.
 *
 * Owns     its texts.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "core.h"
#include "errors.h"
#include "instant.h"

#define JV_SURROUNDINGS_SILENT_MS 10000U
#define JV_SURROUNDINGS_TEXT_BYTES 256U

struct jv_server;
struct jv_surroundings;

JV_MUST_USE enum jv_err jv_surroundings_open(struct jv_server *server,
                                             struct jv_surroundings **out);
/* NULL is ignored. */
void jv_surroundings_close(struct jv_surroundings *surroundings);
/* Once a second. */
void jv_surroundings_tick(struct jv_surroundings *surroundings, struct jv_instant now);
/* What is in the way, or NULL; valid until the next tick. */
const char *jv_surroundings_silence(const struct jv_surroundings *surroundings);
const char *jv_surroundings_overlap(const struct jv_surroundings *surroundings);

/* Whether one of the networks contains the other. Pure. */
bool jv_surroundings_do_meet(const struct jv_prefix *a, const struct jv_prefix *b);
/*
 * Whether this session should hear its gateway and does not: not attached, not over, and nothing authenticated on any path for
 * JV_SURROUNDINGS_SILENT_MS. Pure.
 */
bool jv_surroundings_is_silent(const struct jv_session_status *status);
#endif /* JV_DAEMON_SURROUNDINGS_H */
