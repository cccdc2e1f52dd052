/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_REATTACH_H
#define JV_CORE_REATTACH_H
/*
 * reattach -- the gateway's side of the exchange that commits a jump: probe, request, challenge, answer (design §4.5).
 *
 * The pipeline goes cheap before dear and reads before it writes; until the seal verifies only counters and limiters move, and
 * nothing is stored before the commit.
 * Threads  the shard's.
 */
#include "core.h"
#include "frame.h"
#include "state.h"

/* A session was born: its limit of requests begins full. */
void jv_reattach_begin(const struct jv_core *core, struct jv_session *s);
void jv_reattach_on_probe(struct jv_core *core, struct jv_session *s,
                          const struct jv_header *header, struct jv_slot *slot, struct jv_out *out);
void jv_reattach_on_request(struct jv_core *core, struct jv_session *s,
                            const struct jv_header *header, struct jv_slot *slot,
                            struct jv_out *out);
/* The client has given up these order numbers. */
void jv_reattach_on_report(struct jv_session *s, const struct jv_frame_report *f);
/* The client confirmed the commit: its cut mark is known, the ACK need not be repeated. */
void jv_reattach_on_bound(struct jv_core *core, struct jv_session *s,
                          const struct jv_frame_bound *f);

struct jv_instant jv_reattach_deadline(const struct jv_core *core, const struct jv_session *s);
/* Repeat the ACK; judge silence. */
void jv_reattach_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_REATTACH_H */
