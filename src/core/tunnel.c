/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel.h"

#include <string.h>

#include "birth.h"
#include "client_state.h"
#include "csum.h"
#include "fit.h"
#include "inner.h"
#include "jump.h"
#include "liveness.h"
#include "pathsize.h"
#include "quiet.h"
#include "reattach.h"
#include "rekey.h"
#include "resend.h"
#include "session.h"
#include "snapshot.h"

/* ---- sealing ---- */

/* Header in front, tag behind, in place; counts and addresses the slot. False: the key is used up or there is none. */
JV_INLINE bool seal(struct jv_session *s, const struct jv_path *path, struct jv_slot *slot,
                    struct jv_epoch **epoch_out)
{
    struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    if (epoch->n == 0 || epoch->tx_next >= JV_KEY_SEAL_MAX) {
        return false;
    }
    struct jv_header header = {JV_TYPE_TRAFFIC, (uint8_t)epoch->n, epoch->tx_next, path->locator,
                               slot->is_csum_partial};
    uint8_t *text = slot->buf + slot->off;
    jv_header_encode(&header, text - JV_HEADER_BYTES);
    struct jv_aead_op op = {text,           slot->len, text - JV_HEADER_BYTES, JV_HEADER_BYTES,
                            epoch->tx_next, false};
    jv_aead_run(&epoch->tx, &op, 1);
    if (!op.ok) {
        return false;
    }
    epoch->tx_next++;
    epoch->tx_bytes += slot->len;
    slot->off -= JV_HEADER_BYTES;
    slot->len += JV_TRAFFIC_OVERHEAD;
    slot->link = path->link;
    slot->remote = path->remote;
    slot->local = path->local;
    *epoch_out = epoch;
    return true;
}

JV_COLD static void wait_for_path(struct jv_core *core, struct jv_session *s, struct jv_slot *slot)
{
    struct jv_handle handle;
    uint32_t max = s->policy.waiting_max_kib / (JV_BUF_BYTES / 1024);
    struct jv_waiting *w = s->waiting_len < max ? jv_slab_add(&core->waiting, &handle) : NULL;
    if (w == NULL) {
        jv_core_drop(core, slot, JV_DROP_WAITING_FULL);
        return;
    }
    w->slot = *slot;
    w->at = core->now;
    w->next = JV_NO_HANDLE;
    struct jv_waiting *last = jv_slab_get(&core->waiting, s->waiting_last);
    if (last != NULL) {
        last->next = handle;
    } else {
        s->waiting_first = handle;
    }
    s->waiting_last = handle;
    s->waiting_len++;
    jv_pace_arrived(&s->pace, slot->len);
    jv_core_touch(core, s);
}

JV_COLD static void complete(struct jv_slot *slot)
{
    bool is_plain = jv_csum_complete(slot->buf + slot->off, slot->len);
    JV_ASSERT(is_plain); /* looked at when it came from the device */
    slot->is_csum_partial = false;
}

JV_INLINE void send_packet(struct jv_core *core, struct jv_session *s, struct jv_slot *slot,
                           struct jv_out *out)
{
    struct jv_epoch *epoch = NULL;
    uint32_t bytes = slot->len;
    if (slot->is_csum_partial && (s->features & JV_FEATURE_PARTIAL_CSUM) == 0) {
        complete(slot);
    }
    if (!seal(s, s->bound, slot, &epoch)) {
        jv_core_drop(core, slot, JV_DROP_NOT_ATTACHED);
        return;
    }
    s->tx_packets++;
    s->tx_bytes += bytes;
    s->live.last_data = core->now;
    jv_quiet_break(core, s, true);
    if (jv_core_is_client(core)) {
        /* Data after a pause: the quick heartbeat begins with it. */
        struct jv_instant quick = jv_add_ms(core->now, s->policy.heartbeat_interval_ms);
        s->live.heartbeat_due = jv_earlier(s->live.heartbeat_due, quick);
    }
    s->live.had_data = true;
    jv_liveness_sent(core, s, epoch, epoch->tx_next - 1);
    jv_pathsize_watch(core, s, epoch->n, epoch->tx_next - 1, slot->len);
    jv_resend_keep(core, s, epoch->n, epoch->tx_next - 1, slot);
    jv_core_touch(core, s);
    jv_core_send(core, slot, out);
}

JV_COLD static void split_packet(struct jv_core *core, struct jv_session *s, struct jv_slot *slot,
                                 uint32_t limit, struct jv_out *out)
{
    struct jv_slot parts[JV_FRAGMENTS_MAX];
    if (slot->is_csum_partial) {
        complete(slot); /* fragments have none, and an ICMP answer quotes what was sent */
    }
    uint32_t n = jv_fit_split(core, slot, limit, parts);
    if (n == 0) {
        jv_fit_tell(core, s, slot, limit, out);
        jv_core_drop(core, slot, JV_DROP_INNER_TOO_BIG);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        send_packet(core, s, &parts[i], out);
    }
    jv_core_give(core, slot, 1);
}

/* Whether it fits is known when it goes: the path may be another one than when it came. */
JV_INLINE void fit_packet(struct jv_core *core, struct jv_session *s, struct jv_slot *slot,
                          struct jv_out *out)
{
    uint32_t limit = jv_pathsize_limit(s);
    if (slot->len <= limit) {
        send_packet(core, s, slot, out);
    } else {
        split_packet(core, s, slot, limit, out);
    }
}

JV_INLINE bool is_in(const struct jv_prefix *prefixes, uint32_t len, const struct jv_ip *ip)
{
    for (uint32_t i = 0; i < len; i++) {
        if (jv_prefix_has(&prefixes[i], ip)) {
            return true;
        }
    }
    return false;
}

/* The session's inner address or a network behind its client, the same rule on both ends. */
JV_INLINE bool is_session_source(const struct jv_core *core, const struct jv_session *s,
                                 const struct jv_ip *ip)
{
    const struct jv_prefix *own = ip->family == JV_AF_4 ? &s->address4 : &s->address6;
    if (own->ip.family != JV_AF_NONE && jv_ip_is_equal(&own->ip, ip)) {
        return true;
    }
    if (jv_core_is_client(core)) {
        return is_in(core->client->nets, core->client->nets_len, ip);
    }
    const struct jv_user *user = &core->users[s->user].user;
    return is_in(user->nets, user->nets_len, ip);
}

bool jv_tunnel_may_leave(const struct jv_core *core, const struct jv_session *s,
                         const struct jv_inner *inner, enum jv_drop *drop_out)
{
    if (!is_session_source(core, s, &inner->source)) {
        *drop_out = JV_DROP_INNER_SOURCE;
        return false;
    }
    if (!is_in(core->cfg.allowed, core->cfg.allowed_len, &inner->destination)) {
        *drop_out = JV_DROP_INNER_DESTINATION;
        return false;
    }
    return true;
}

void jv_tunnel_packet(struct jv_core *core, struct jv_session *s, const struct jv_inner *inner,
                      struct jv_slot *slot, struct jv_out *out)
{
    if (s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        jv_core_drop(core, slot, JV_DROP_NOT_ATTACHED);
        return;
    }
    if (jv_inner_is_syn(slot->buf + slot->off, slot->len)) {
        (void)jv_inner_clamp_mss(slot->buf + slot->off, slot->len, jv_pathsize_clamp(core, s),
                                 slot->is_csum_partial);
    }
    slot->ecn = inner->ecn;
    slot->dscp = inner->dscp; /* for DSCP = copy; a number stands on every datagram alike */
    if (s->bound == NULL || jv_jump_holds_packets(core, s) || jv_resend_is_busy(s) ||
        s->waiting_len > 0) {
        wait_for_path(core, s, slot);
        return;
    }
    fit_packet(core, s, slot, out);
}

static struct jv_waiting *next_waiting(struct jv_core *core, struct jv_session *s)
{
    return jv_slab_get(&core->waiting, s->waiting_first);
}

static void remove_waiting(struct jv_core *core, struct jv_session *s, const struct jv_waiting *w)
{
    struct jv_handle handle = s->waiting_first;
    s->waiting_first = w->next;
    s->waiting_len--;
    if (s->waiting_len == 0) {
        s->waiting_first = s->waiting_last = JV_NO_HANDLE;
    }
    jv_slab_remove(&core->waiting, handle);
}

void jv_tunnel_flush_waiting(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_waiting *w;
    while (s->bound != NULL && s->kept.due == 0 && out->tx_cap - out->tx_len >= JV_ROOM_TX &&
           (w = next_waiting(core, s)) != NULL) {
        struct jv_slot slot = w->slot;
        bool is_old = jv_since_ms(w->at, core->now) > s->policy.waiting_age_ms;
        if (!is_old && !jv_pace_take(&s->pace, core->now, slot.len)) {
            break;
        }
        remove_waiting(core, s, w);
        if (is_old) {
            jv_core_drop(core, &slot, JV_DROP_WAITING_OLD);
        } else {
            fit_packet(core, s, &slot, out);
        }
    }
    if (s->kept.due == 0 && s->waiting_len == 0) {
        s->pace.on = false; /* all is sent that was behind */
    }
    jv_core_touch(core, s);
}

void jv_tunnel_expire_waiting(struct jv_core *core, struct jv_session *s)
{
    struct jv_waiting *w;
    while ((w = next_waiting(core, s)) != NULL &&
           jv_since_ms(w->at, core->now) > s->policy.waiting_age_ms) {
        struct jv_slot slot = w->slot;
        remove_waiting(core, s, w);
        jv_core_drop(core, &slot, JV_DROP_WAITING_OLD);
    }
}

void jv_tunnel_drop_waiting(struct jv_core *core, struct jv_session *s)
{
    struct jv_waiting *w;
    while ((w = next_waiting(core, s)) != NULL) {
        struct jv_slot slot = w->slot;
        remove_waiting(core, s, w);
        jv_core_drop(core, &slot, JV_DROP_WAITING_OLD);
    }
}

bool jv_tunnel_frames_to(struct jv_core *core, struct jv_session *s, const struct jv_path *path,
                         const struct jv_frame *frames, uint32_t n, uint32_t pad_bytes,
                         struct jv_out *out)
{
    struct jv_slot slot;
    struct jv_epoch *epoch = NULL;
    if (out->tx_len + 1 > out->tx_cap || !jv_core_buf(core, &slot)) {
        return false;
    }
    struct jv_wr wr = jv_wr_init(slot.buf + JV_BUF_HEADROOM, JV_BUF_ROOM);
    bool is_quiet = true;
    for (uint32_t i = 0; i < n; i++) {
        jv_frame_encode(&wr, &frames[i]);
        is_quiet = is_quiet && frames[i].type == JV_FRAME_QUIET;
    }
    if (!is_quiet) {
        jv_quiet_break(core, s, false);
    }
    size_t len = JV_BUF_ROOM - wr.left;
    if (len + JV_TRAFFIC_OVERHEAD < pad_bytes) {
        jv_wr_zero(&wr, pad_bytes - JV_TRAFFIC_OVERHEAD - len);
        len = pad_bytes - JV_TRAFFIC_OVERHEAD;
    }
    JV_ASSERT(!wr.err);
    slot.off = JV_BUF_HEADROOM;
    slot.len = (uint32_t)len;
    if (!seal(s, path, &slot, &epoch)) {
        jv_core_give(core, &slot, 1);
        return false;
    }
    jv_core_send(core, &slot, out);
    return true;
}

bool jv_tunnel_frames(struct jv_core *core, struct jv_session *s, const struct jv_frame *frames,
                      uint32_t n, uint32_t pad_bytes, struct jv_out *out)
{
    return s->bound != NULL && jv_tunnel_frames_to(core, s, s->bound, frames, n, pad_bytes, out);
}

void jv_tunnel_terminate(struct jv_core *core, struct jv_session *s, enum jv_why why,
                         struct jv_out *out)
{
    const struct jv_frame frame = {.type = JV_FRAME_TERMINATE, .u.terminate = {(uint8_t)why}};
    for (uint32_t i = 0; i < JV_TERMINATE_COPIES; i++) {
        if (!jv_tunnel_frames(core, s, &frame, 1, 0, out)) {
            break; /* nobody is told where there is no path; the peer's own limits end it there */
        }
    }
}

/* ---- opening ---- */

/* The epoch where the packet may be opened, or NULL with the drop that it is. */
JV_INLINE struct jv_epoch *admit(struct jv_session *s, const struct jv_header *header,
                                 enum jv_drop *drop)
{
    struct jv_epoch *epoch = jv_keys_find(s->keys, header->epoch);
    if (epoch == NULL) {
        *drop = JV_DROP_EPOCH;
        return NULL;
    }
    enum jv_replay_verdict verdict = jv_replay_check(&epoch->window, header->counter);
    if (verdict != JV_REPLAY_NEW) {
        *drop = verdict == JV_REPLAY_SEEN ? JV_DROP_REPLAY_SEEN : JV_DROP_REPLAY_OLD;
        return NULL;
    }
    return epoch;
}

JV_INLINE bool open_in_place(struct jv_epoch *epoch, const struct jv_header *header,
                             struct jv_slot *slot)
{
    uint8_t *start = slot->buf + slot->off;
    if (slot->len <= JV_TRAFFIC_OVERHEAD || epoch->open_fails >= JV_KEY_OPEN_FAIL_MAX) {
        return false;
    }
    struct jv_aead_op op = {start + JV_HEADER_BYTES,
                            slot->len - JV_TRAFFIC_OVERHEAD,
                            start,
                            JV_HEADER_BYTES,
                            header->counter,
                            false};
    jv_aead_run(&epoch->rx, &op, 1);
    if (!op.ok) {
        epoch->open_fails++;
        return false;
    }
    slot->off += JV_HEADER_BYTES;
    slot->len -= JV_TRAFFIC_OVERHEAD;
    return true;
}

JV_INLINE void deliver(struct jv_core *core, struct jv_session *s, struct jv_slot *slot,
                       struct jv_out *out)
{
    struct jv_inner inner;
    uint8_t *packet = slot->buf + slot->off;
    struct jv_l4 l4;
    if (!jv_inner_parse(packet, slot->len, &inner) ||
        (slot->is_csum_partial && !jv_csum_l4(packet, slot->len, &l4))) {
        jv_core_drop(core, slot, JV_DROP_INNER_MALFORMED);
        return;
    }
    bool is_client = jv_core_is_client(core);
    if (is_client ? !is_in(core->cfg.allowed, core->cfg.allowed_len, &inner.source)
                  : !is_session_source(core, s, &inner.source)) {
        jv_core_drop(core, slot, JV_DROP_INNER_SOURCE);
        return;
    }
    if (!jv_inner_set_ecn(packet, &inner, slot->ecn)) {
        jv_core_drop(core, slot, JV_DROP_INNER_ECN);
        return;
    }
    if (jv_inner_is_syn(packet, slot->len)) {
        (void)jv_inner_clamp_mss(packet, slot->len, jv_pathsize_clamp(core, s),
                                 slot->is_csum_partial);
    }
    s->rx_packets++;
    s->rx_bytes += slot->len;
    jv_core_deliver(core, s, slot, out);
}

static void on_terminate(struct jv_core *core, struct jv_session *s,
                         const struct jv_frame_terminate *f, struct jv_out *out)
{
    enum jv_why why = f->why == JV_WHY_SUPERSEDED ? JV_WHY_SUPERSEDED : JV_WHY_PEER_TERMINATED;
    if (s->state == JV_ST_BIRTH) {
        /* A later gateway may have reasons that this version does not know. */
        enum jv_why refusal = f->why < JV_WHY_END ? (enum jv_why)f->why : JV_WHY_POLICY_DENIED;
        jv_birth_refused(core, s, refusal, out);
        return;
    }
    jv_session_end(core, s, JV_EV_PEER_ENDED, why, JV_RULE_NONE, out);
}

static void on_frame(struct jv_core *core, struct jv_session *s, const struct jv_frame *frame,
                     struct jv_out *out)
{
    bool is_client = jv_core_is_client(core);
    if (frame->type != JV_FRAME_QUIET) {
        jv_quiet_broken(core, s, false);
    }
    switch ((enum jv_frame_type)frame->type) {
    case JV_FRAME_PADDING:
        break;
    case JV_FRAME_QUIET:
        jv_quiet_on_frame(core, s, &frame->u.quiet);
        break;
    case JV_FRAME_HEARTBEAT:
        jv_liveness_on_heartbeat(core, s, &frame->u.heartbeat);
        break;
    case JV_FRAME_REPORT:
        if (s->bound == NULL) {
            break; /* not born yet: there is no path that it could be about */
        }
        if (jv_resend_is_false(s, &frame->u.report.report)) {
            jv_session_end(core, s, JV_EV_FATAL_FOUND, JV_WHY_FATAL_PROTOCOL_ERROR, JV_RULE_NONE,
                           out);
            break;
        }
        jv_liveness_on_report(core, s, &frame->u.report);
        jv_pathsize_on_report(core, s, &frame->u.report.report, out);
        jv_resend_reported(core, s, &frame->u.report.report);
        if (is_client) {
            jv_jump_on_report(core, s, &frame->u.report, out);
        } else {
            jv_reattach_on_report(s, &frame->u.report);
        }
        break;
    case JV_FRAME_CONFIRM:
        if (!is_client) {
            jv_birth_acknowledge(core, s, out); /* its BIRTH_ACK was lost */
        }
        break;
    case JV_FRAME_BIRTH_ACK:
        if (is_client) {
            jv_birth_on_ack(core, s, &frame->u.birth_ack, out);
        }
        break;
    case JV_FRAME_REKEY_INIT:
        if (!is_client) {
            jv_rekey_on_init(core, s, &frame->u.rekey, out);
        }
        break;
    case JV_FRAME_REKEY_REPLY:
        if (is_client) {
            jv_rekey_on_reply(core, s, &frame->u.rekey, out);
        }
        break;
    case JV_FRAME_REKEY_ASK:
        if (is_client) {
            core->client->rekey_asked = true;
        }
        break;
    case JV_FRAME_TERMINATE:
        on_terminate(core, s, &frame->u.terminate, out);
        break;
    case JV_FRAME_BOUND:
        if (!is_client) {
            jv_reattach_on_bound(core, s, &frame->u.bound);
        }
        break;
    case JV_FRAME_POLICY_WANTED:
        if (!is_client) {
            jv_snapshot_on_wanted(core, s, &frame->u.policy, out);
        }
        break;
    case JV_FRAME_POLICY_GRANTED:
        if (is_client) {
            jv_snapshot_on_granted(core, s, &frame->u.policy, out);
        }
        break;
    case JV_FRAME_POLICY_ASK:
        if (is_client && !s->snapshot.is_due) {
            jv_snapshot_want(core, s, false);
        }
        break;
    case JV_FRAME_SIZE:
        jv_pathsize_on_frame(core, s, &frame->u.size);
        break;
    }
}

JV_COLD static void on_frames(struct jv_core *core, struct jv_session *s, struct jv_slot *slot,
                              struct jv_out *out)
{
    struct jv_rd rd = jv_rd_init(slot->buf + slot->off, slot->len);
    struct jv_frame frame;
    while (s->state != JV_ST_TERMINATED && jv_frame_decode(&rd, &frame)) {
        on_frame(core, s, &frame, out);
    }
    if (s->state != JV_ST_TERMINATED) {
        jv_liveness_answer(core, s, out); /* one for each packet, however many heartbeats it has */
    }
    if (s->state != JV_ST_TERMINATED && jv_quiet_answer(core, s, &frame) &&
        jv_tunnel_frames(core, s, &frame, 1, 0, out)) {
        jv_quiet_answered(core, s);
    }
    s->quiet.is_answer_owed = false; /* an answer that found no room is a lost one */
    jv_core_drop(core, slot, rd.err ? JV_DROP_MALFORMED : JV_DROP_CONSUMED);
}

static bool is_beyond_mark(const struct jv_retired *retired, const struct jv_epoch *epoch,
                           uint64_t counter)
{
    return retired->has_mark &&
           (epoch->n > retired->mark_epoch ||
            (epoch->n == retired->mark_epoch && counter >= retired->mark_counter));
}

bool jv_tunnel_datagram(struct jv_core *core, struct jv_session *s, enum jv_origin origin,
                        const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    enum jv_drop drop = JV_DROP_AUTH;
    struct jv_epoch *epoch = admit(s, header, &drop);
    if (epoch != NULL && origin == JV_FROM_RETIRED &&
        is_beyond_mark(&s->retired, epoch, header->counter)) {
        epoch = NULL;
        drop = JV_DROP_RETIRED_LATE;
    }
    if (epoch == NULL || !open_in_place(epoch, header, slot)) {
        jv_core_drop(core, slot, drop);
        return false;
    }
    /* The window moves only after the tag has verified: one forged counter near the top would push honest packets out. */
    jv_replay_mark(&epoch->window, header->counter);
    epoch->rx_count++;
    epoch->opened = true;
    s->is_newest =
        header->counter == epoch->window.top && epoch != &s->keys->epochs[JV_EPOCH_PREVIOUS];
    bool is_data = slot->buf[slot->off] >> 4 != 0;
    slot->is_csum_partial = header->is_csum_partial;
    if (header->is_csum_partial && !is_data) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return true;
    }
    if (origin == JV_FROM_RETIRED) {
        if (is_data) {
            deliver(core, s, slot, out);
        } else {
            jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        }
        return true;
    }
    if (origin == JV_FROM_BIRTH && is_data) {
        jv_core_drop(core, slot, JV_DROP_NOT_ATTACHED);
        return true;
    }
    if (epoch == &s->keys->epochs[JV_EPOCH_NEXT]) {
        jv_rekey_confirmed(core, s, out);
    }
    jv_core_touch(core, s);
    if (origin == JV_FROM_BOUND) {
        jv_liveness_heard(core, s);
    }
    if (is_data) {
        s->live.last_data = core->now;
        s->live.had_data = true;
        jv_quiet_broken(core, s, true);
        jv_liveness_owe(core, s);
        deliver(core, s, slot, out);
    } else {
        on_frames(core, s, slot, out);
    }
    return true;
}

bool jv_tunnel_peek(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                    struct jv_slot *slot)
{
    enum jv_drop drop = JV_DROP_UNBOUND;
    struct jv_epoch *epoch = admit(s, header, &drop);
    (void)core;
    return epoch != NULL && open_in_place(epoch, header, slot);
}
