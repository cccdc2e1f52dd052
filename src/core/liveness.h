/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_LIVENESS_H
#define JV_CORE_LIVENESS_H
/*
 * liveness -- reports, heartbeats and silence on the bound path, the same on both ends (design §4.4).
 *
 * A side that receives data owes a report within ack_delay; each side sends at least one packet a heartbeat that must be answered;
 * silence is counted from the last authenticated packet or the first unanswered one, whichever is later.
 * Threads  the shard's.
 */
#include "core.h"
#include "frame.h"
#include "state.h"

/* A round-trip sample (RFC 6298 §2). */
void jv_rtt_sample(struct jv_rtt *rtt, uint64_t sample_us);
uint64_t jv_rtt_srtt_us(const struct jv_rtt *rtt);   /* JV_RTT_INITIAL_US before the first sample */
uint64_t jv_rtt_jitter_us(const struct jv_rtt *rtt); /* at least JV_JITTER_FLOOR_US */

/* Something that the peer must answer has left. */
static inline void jv_liveness_sent(struct jv_core *core, struct jv_session *s,
                                    const struct jv_epoch *epoch, uint64_t counter)
{
    struct jv_liveness *live = &s->live;
    live->eliciting_epoch = epoch->n;
    live->eliciting_counter = counter;
    if (!live->outstanding) {
        live->outstanding = true;
        live->outstanding_at = core->now;
    }
}
/* An authenticated packet came on the bound path. */
void jv_liveness_heard(struct jv_core *core, struct jv_session *s);
void jv_liveness_owe_first(struct jv_core *core, struct jv_session *s);
/* Inner data came: a report is owed. */
static inline void jv_liveness_owe(struct jv_core *core, struct jv_session *s)
{
    if (!s->live.report_owed) {
        jv_liveness_owe_first(core, s);
    }
    if (++s->live.unreported == JV_REPORT_PACKETS) {
        /* What a report covers the sender need not keep: at a high rate its pool stays small, and in the processor's cache. */
        s->live.report_due = core->now;
    }
}
/* It is answered at once; the answer is sent with what else the packet of the heartbeat asks for. */
void jv_liveness_on_heartbeat(struct jv_core *core, struct jv_session *s,
                              const struct jv_frame_heartbeat *f);
/* Where a heartbeat waits for one. */
void jv_liveness_answer(struct jv_core *core, struct jv_session *s, struct jv_out *out);
void jv_liveness_on_report(struct jv_core *core, struct jv_session *s,
                           const struct jv_frame_report *f);
/* What arrived in the current epoch, for reports and requests. */
void jv_liveness_fill_report(const struct jv_session *s, struct jv_report *out);
void jv_liveness_send_report(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* The packet that was just sealed names itself in a hint, if it comes from another address. */
void jv_liveness_mark(struct jv_core *core, struct jv_session *s);
/* The packet that was just sealed carried a heartbeat. */
void jv_liveness_beat_sent(struct jv_core *core, struct jv_session *s, uint64_t time_us);
void jv_liveness_send_heartbeat(struct jv_core *core, struct jv_session *s, struct jv_out *out);

/* How long the peer may stay silent: srtt + 4 * jitter + ack_delay, within the policy's floor (doubled by false suspicions) and ceiling. */
uint64_t jv_liveness_limit_us(const struct jv_core *core, const struct jv_session *s);
/* How long it has been silent while an answer is outstanding; 0: nothing is outstanding. */
uint64_t jv_liveness_silent_us(const struct jv_core *core, const struct jv_session *s);
/* When it will have been silent for the limit; JV_NEVER: nothing is outstanding. */
struct jv_instant jv_liveness_silence_at(const struct jv_core *core, const struct jv_session *s);
/* After a stall of this process, silence is counted anew. */
void jv_liveness_restart(struct jv_core *core, struct jv_session *s);

struct jv_instant jv_liveness_deadline(const struct jv_core *core, const struct jv_session *s);
/* Send reports and heartbeats that are due. True: too many heartbeats in a row went unanswered. */
bool jv_liveness_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_LIVENESS_H */
