/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_VIEW_H
#define JV_DAEMON_VIEW_H
/*
 * view -- what the control socket shows, as JSON: the form that `jv --json` passes on (jv(1) names the members).
 *
 * Owns     nothing: each function returns a new reference, or NULL without memory.
 * Limits   JV_VIEW_PAGE sessions a call.
 * Threads  the loop's.
 */
#include <jansson.h>
#include <stdint.h>

#include "base.h"
#include "core.h"

struct jv_server;

#define JV_VIEW_PAGE 64U

/* 32 hex digits and NUL. */
void jv_view_sid(const struct jv_sid *sid, char out[33]);
json_t *jv_view_session(const struct jv_session_status *status);
/* What bounds the session, field by field (policy.def). */
json_t *jv_view_policy(const struct jv_session_status *status);
json_t *jv_view_verdict(const struct jv_switch_verdict *verdict);
json_t *jv_view_paths(const struct jv_session_status *status);
/* The daemon, and on a client its session. */
json_t *jv_view_status(const struct jv_server *server);
/* A page of sessions from `cursor`: {"sessions":[...],"next":N}; without "next" it was the last one. */
json_t *jv_view_sessions(const struct jv_server *server, uint32_t cursor);
json_t *jv_view_counters(const struct jv_server *server);
#endif /* JV_DAEMON_VIEW_H */
