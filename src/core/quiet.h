/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_QUIET_H
#define JV_CORE_QUIET_H
/*
 * quiet -- an idle session that both ends agreed to leave alone: no reports, no silence, until there is data again (design §4.4).
 *
 * The client offers with a heartbeat, once no data went for quiet_after_ms; the gateway answers with its report. While quiet the client
 * renews the offer each heartbeat_idle_ms, which keeps a NAT's mapping, and the answer to it is no condition: one that is missing when
 * the next is due ends the quiet, and that next one is a heartbeat. The quiet lasts quiet_max_ms at most, counted from its offer. Any
 * packet but QUIET, sent or received, ends it; data that is sent takes a heartbeat along.
 *
 * A frame that the network held back moves nothing: an offer counts in the newest packet of its epoch only, an answer only for the offer
 * that is out.
 *
 * Threads  the shard's.
 */
#include "core.h"
#include "frame.h"
#include "state.h"

bool jv_quiet_is_on(const struct jv_core *core, const struct jv_session *s);
/* The heartbeat of a client is due. True: an offer went in its place. */
bool jv_quiet_renew(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* The offer that goes with a heartbeat, where there is reason for one. */
bool jv_quiet_offer(struct jv_core *core, struct jv_session *s, struct jv_frame *out);
/* The packet with that offer has left. */
void jv_quiet_offered(struct jv_core *core, struct jv_session *s);
/* Gateway: the answer that is owed, for the report or for a packet of its own; the quiet begins when that has left. */
bool jv_quiet_answer(struct jv_core *core, struct jv_session *s, struct jv_frame *out);
void jv_quiet_answered(struct jv_core *core, struct jv_session *s);

void jv_quiet_on_frame(struct jv_core *core, struct jv_session *s, const struct jv_frame_quiet *f);
void jv_quiet_end_sent(struct jv_core *core, struct jv_session *s, bool is_data);
void jv_quiet_end_came(struct jv_core *core, struct jv_session *s, bool is_data);
/* Anything else is sent; `is_data`: it takes a heartbeat along. */
static inline void jv_quiet_break(struct jv_core *core, struct jv_session *s, bool is_data)
{
    if (s->quiet.on || s->quiet.is_offered) {
        jv_quiet_end_sent(core, s, is_data);
    }
}
/* Anything else came. */
static inline void jv_quiet_broken(struct jv_core *core, struct jv_session *s, bool is_data)
{
    if (s->quiet.on || s->quiet.is_offered) {
        jv_quiet_end_came(core, s, is_data);
    }
}
#endif /* JV_CORE_QUIET_H */
