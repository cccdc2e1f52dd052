/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_COMMIT_H
#define JV_CORE_COMMIT_H
/*
 * commit -- what a client does once the gateway has acknowledged its request: binding, locators, cut mark, resend, records.
 *
 * Takes    an ACK that was opened and belongs to the request in flight.
 * Threads  the shard's.
 */
#include "core.h"
#include "msg.h"
#include "state.h"

/* `path` is the request's. Wipes the request; everything that waited for the answer goes on. */
void jv_commit(struct jv_core *core, struct jv_session *s, struct jv_path *path,
               const struct jv_ack *ack, struct jv_out *out);
/* Confirm the last commit to the gateway, again where the confirmation was lost. */
void jv_commit_confirm(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_COMMIT_H */
