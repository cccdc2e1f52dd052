/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_RESEND_H
#define JV_CORE_RESEND_H
/*
 * resend -- no loss at a jump: the last sealed packets of a session, kept until the peer reports them or they are too old (design
 * §4.6).
 *
 * At a commit the peer's receive report says what is missing; a kept packet goes again byte for byte, header included, at most once a
 * commit and before new packets, at the pace of pace.h. Where the path that was left still works, what is on its way there may arrive
 * yet: it goes again only where the reports still lack it once the peer takes nothing from that path any more. The receiver's window
 * removes what arrived twice, and no key and nonce seal different bytes.
 *
 * Owns     one entry and one reference to a packet buffer for each kept packet.
 * Limits   resend_max_kib (a packet counts as a buffer) and resend_age_ms of the policy; half of the core's buffers in all, of which
 *          JV_RESEND_SHARE packets are every session's and the rest is lent. What does not fit pushes the session's oldest out and is
 *          counted: the promise is "no loss within the pool".
 * Threads  the shard's. Hot path: jv_resend_keep() allocates and copies nothing.
 */
#include "core.h"
#include "state.h"

/* How the pool is divided: packets that are each session's, packets that are lent. */
void jv_resend_divide(struct jv_core *core);
static inline bool jv_resend_has_place(const struct jv_core *core, const struct jv_session *s)
{
    uint32_t max = s->policy.resend_max_kib / (JV_BUF_BYTES / 1024);
    return s->kept.len < max &&
           (s->kept.len < core->kept_share || core->kept_lent < core->kept_lent_max);
}
/* Older packets make place for this one. False: there is none at all; it is counted as given up. */
bool jv_resend_make_place(struct jv_core *core, struct jv_session *s, uint64_t epoch,
                          uint64_t counter);
/* A packet was sealed and is about to leave in `slot`. */
JV_INLINE void jv_resend_keep(struct jv_core *core, struct jv_session *s, uint64_t epoch,
                              uint64_t counter, const struct jv_slot *slot)
{
    if (s->policy.resend_age_ms == 0 || s->policy.resend_max_kib == 0) {
        return; /* the policy wants none of this */
    }
    if (!jv_resend_has_place(core, s) && !jv_resend_make_place(core, s, epoch, counter)) {
        return;
    }
    uint32_t buffer = jv_core_hold(core, slot);
    struct jv_kept *kept = &core->kept[buffer];
    kept->epoch = epoch;
    kept->counter = counter;
    kept->at = core->now;
    kept->next = 0;
    kept->off = (uint16_t)slot->off;
    kept->len = (uint16_t)slot->len;
    kept->ecn = slot->ecn;
    kept->dscp = slot->dscp;
    kept->is_due = false;
    *(s->kept.last != 0 ? &core->kept[s->kept.last - 1].next : &s->kept.first) = buffer + 1;
    s->kept.last = buffer + 1;
    core->kept_lent += s->kept.len >= core->kept_share ? 1 : 0;
    s->kept.len++;
}
/* What the peer has received need not be kept. */
void jv_resend_reported(struct jv_core *core, struct jv_session *s, const struct jv_report *report);
/*
 * A jump was committed: what `report` lacks is due on the path that is bound, at once, or later where `is_left_alive`. Says in
 * s->kept.jump what there was.
 */
void jv_resend_begin(struct jv_core *core, struct jv_session *s, const struct jv_report *report,
                     bool is_left_alive);
/* Into the record of a jump: kept, of it due at once, and what the peer lacks that the pool had given up by size and by age. */
void jv_resend_record(const struct jv_session *s, struct jv_record *rec);
/* Packets are due or paced: new ones wait behind them. */
static inline bool jv_resend_is_busy(const struct jv_session *s)
{
    return s->kept.due > 0 || s->pace.on;
}
/* Send what is due, as far as `out` has room and the pace allows. */
void jv_resend_run(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* Drop what is too old; what nobody reported since a move by choice is due. */
void jv_resend_expire(struct jv_core *core, struct jv_session *s);
struct jv_instant jv_resend_deadline(const struct jv_core *core, const struct jv_session *s);
/* When this packet was sealed; now, where it is not kept. */
struct jv_instant jv_resend_sent_at(const struct jv_core *core, const struct jv_session *s,
                                    uint64_t epoch, uint64_t counter);
void jv_resend_drop(struct jv_core *core, struct jv_session *s);
/* True where the report claims a packet that was never sealed: an authenticated lie. */
bool jv_resend_is_false(struct jv_session *s, const struct jv_report *report);
#endif /* JV_CORE_RESEND_H */
