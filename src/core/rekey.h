/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_REKEY_H
#define JV_CORE_REKEY_H
/*
 * rekey -- fresh ephemerals inside a session: when, and the exchange (design §4.2).
 *
 * Only the client starts one; a gateway that nears a limit asks. The client sends under n+1 as soon as it has the reply; the gateway
 * after it opened something under n+1. A committed reattach cancels what is in flight.
 * Threads  the shard's.
 */
#include "core.h"
#include "frame.h"
#include "state.h"

struct jv_instant jv_rekey_deadline(const struct jv_core *core, const struct jv_session *s);
/* Start, repeat or ask; or end the session where keys are beyond their limits (KEY_EXPIRED). */
void jv_rekey_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
void jv_rekey_on_init(struct jv_core *core, struct jv_session *s, const struct jv_frame_rekey *f,
                      struct jv_out *out);
void jv_rekey_on_reply(struct jv_core *core, struct jv_session *s, const struct jv_frame_rekey *f,
                       struct jv_out *out);
/* Gateway: something was opened under NEXT. */
void jv_rekey_confirmed(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* A reattach is on its way: the offer in flight is void. */
void jv_rekey_cancel(struct jv_core *core, struct jv_session *s);
#endif /* JV_CORE_REKEY_H */
