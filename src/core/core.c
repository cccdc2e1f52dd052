/* SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <string.h>

#include "birth.h"
#include "client_state.h"
#include "csum.h"
#include "handoff.h"
#include "hint.h"
#include "inner.h"
#include "jump.h"
#include "ladder.h"
#include "liveness.h"
#include "locator.h"
#include "loss.h"
#include "metered.h"
#include "path.h"
#include "pathsize.h"
#include "reattach.h"
#include "rekey.h"
#include "request.h"
#include "resend.h"
#include "session.h"
#include "shard.h"
#include "snapshot.h"
#include "state.h"
#include "tunnel.h"
#include "wake.h"

/* ---- what the other modules use ---- */

void jv_core_random(struct jv_core *core, void *out, size_t len)
{
    core->entropy.fill(core->entropy.arg, out, len);
}

uint64_t jv_core_gateway_time(const struct jv_core *core)
{
    return jv_since_ms(core->started, core->now) + 1;
}

uint64_t jv_core_time_us(const struct jv_core *core)
{
    return jv_since_us(core->started, core->now) + 1;
}

struct jv_session *jv_core_session_at(const struct jv_core *core, uint32_t idx)
{
    return jv_slab_at(&core->sessions, idx, NULL);
}

void jv_core_drop(struct jv_core *core, struct jv_slot *slot, enum jv_drop why)
{
    core->count.drops[why]++;
    jv_core_give(core, slot, 1);
}

struct jv_order *jv_core_order(struct jv_out *out, enum jv_order_kind kind,
                               const struct jv_session *s)
{
    JV_ASSERT(out->orders_len < out->orders_cap);
    struct jv_order *order = &out->orders[out->orders_len++];
    memset(order, 0, sizeof *order);
    order->kind = kind;
    if (s != NULL) {
        order->sid = s->sid;
    }
    return order;
}

uint64_t jv_core_next_seq(struct jv_core *core)
{
    return core->cfg.next_seq != NULL ? core->cfg.next_seq(core->cfg.next_seq_arg) : core->seq++;
}

/* ---- buffers: a high-water mark and a stack of returned ones, so that unused pages stay untouched ---- */

uint32_t jv_core_take(struct jv_core *core, struct jv_slot *slots, uint32_t n)
{
    const struct jv_slot empty = {0};
    uint32_t taken = 0;
    for (; taken < n; taken++) {
        uint32_t idx;
        if (core->buf_free_len > 0) {
            idx = core->buf_free[--core->buf_free_len];
        } else if (core->buf_high < core->buf_cap) {
            idx = core->buf_high++;
        } else {
            break;
        }
        slots[taken] = empty;
        slots[taken].buf = jv_core_buffer(core, idx);
        core->buf_refs[idx] = 1;
    }
    return taken;
}

void jv_core_give(struct jv_core *core, const struct jv_slot *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!slots[i].is_borrowed) {
            jv_core_release(core, jv_core_buffer_of(core, &slots[i]));
        }
    }
}

bool jv_core_buf(struct jv_core *core, struct jv_slot *slot)
{
    if (jv_core_take(core, slot, 1) == 0) {
        core->count.drops[JV_DROP_NO_BUFFER]++;
        return false;
    }
    return true;
}

bool jv_core_own(struct jv_core *core, struct jv_slot *slot)
{
    struct jv_slot own;
    JV_ASSERT(slot->len <= JV_BUF_ROOM);
    if (!jv_core_buf(core, &own)) {
        return false;
    }
    memcpy(own.buf + JV_BUF_HEADROOM, slot->buf + slot->off, slot->len);
    slot->buf = own.buf;
    slot->off = JV_BUF_HEADROOM;
    slot->is_borrowed = false;
    return true;
}

/* ---- deadlines ---- */

static struct jv_instant waiting_deadline(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_waiting *first = jv_slab_get(&core->waiting, s->waiting_first);
    if (first == NULL) {
        return JV_NEVER;
    }
    if (s->bound != NULL && !jv_jump_holds_packets(core, s) && s->kept.due == 0) {
        return jv_pace_deadline(&s->pace, core->now);
    }
    return jv_add_ms(first->at, (uint64_t)s->policy.waiting_age_ms + 1);
}

static struct jv_instant session_deadline(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_instant t = jv_earlier(jv_session_deadline(s), jv_liveness_deadline(core, s));
    t = jv_earlier(t, jv_rekey_deadline(core, s));
    t = jv_earlier(t, jv_snapshot_deadline(core, s));
    t = jv_earlier(t, jv_earlier(waiting_deadline(core, s), jv_resend_deadline(core, s)));
    if (s->retired.used) {
        t = jv_earlier(t, s->retired.until);
    }
    if (jv_core_is_client(core)) {
        t = jv_earlier(t, jv_earlier(jv_path_deadline(core, s), jv_jump_deadline(core, s)));
        t = jv_earlier(t, jv_metered_deadline(core, s));
        t = jv_earlier(t, jv_ladder_deadline(core, s));
        t = jv_earlier(t, jv_pathsize_deadline(core, s));
    } else {
        t = jv_earlier(t, jv_reattach_deadline(core, s));
    }
    return t;
}

/* A limit that shrinks with time may lie in the past when it is computed: it is due then, and nobody was late for it. */
static struct jv_instant not_before_now(const struct jv_core *core, struct jv_instant t)
{
    return jv_is_before(t, core->now) ? core->now : t;
}

static void update_deadline(struct jv_core *core, struct jv_session *s)
{
    bool is_over = s->state == JV_ST_TERMINATED || s->state == JV_ST_BIRTH;
    struct jv_instant t = is_over ? JV_NEVER : session_deadline(core, s);
    jv_heap_set(&core->deadlines, s->handle.idx, not_before_now(core, t));
}

static uint32_t own_deadline_idx(const struct jv_core *core)
{
    return core->cfg.sessions_max + core->cfg.half_open_max;
}

void jv_core_settle(struct jv_core *core, struct jv_out *out)
{
    for (uint32_t i = 0; i < core->dirty_len; i++) {
        struct jv_session *s = jv_core_session_at(core, core->dirty[i]);
        if (s == NULL) {
            continue;
        }
        s->dirty = false;
        s->rows = 0;
        if (s->state == JV_ST_TERMINATED && !s->ended) {
            jv_birth_after_end(core, s, out);
            s = jv_core_session_at(core, core->dirty[i]);
        }
        if (s != NULL) {
            if (jv_core_is_client(core)) {
                jv_pathsize_settle(core, s, out);
            }
            update_deadline(core, s);
        }
    }
    core->dirty_len = 0;
    core->ends_pending = 0;
    struct jv_instant own =
        jv_core_is_client(core)
            ? jv_birth_deadline(core)
            : jv_earlier(jv_cookies_deadline(&core->cookies), jv_snapshot_sweep_deadline(core));
    jv_heap_set(&core->deadlines, own_deadline_idx(core), not_before_now(core, own));
}

static void expire_waiting(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    jv_tunnel_expire_waiting(core, s); /* also behind packets that go again */
    if (s->bound != NULL && !jv_jump_holds_packets(core, s)) {
        jv_tunnel_flush_waiting(core, s, out);
    }
}

/* A machine that is always late must still notice a silence, also one that takes longer than the pause between two stalls. */
static uint64_t stall_pause_ms(const struct jv_core *core, const struct jv_session *s)
{
    uint64_t limit_ms = s->bound != NULL ? jv_liveness_limit_us(core, s) / 1000 : 0;
    return JV_MAX(2 * limit_ms, (uint64_t)JV_STALL_PAUSE_MS);
}

static void expire_session(struct jv_core *core, struct jv_session *s, struct jv_instant due,
                           struct jv_out *out)
{
    jv_core_touch(core, s);
    if (jv_since_ms(due, core->now) > JV_STALL_MS &&
        jv_since_ms(s->live.stalled_at, core->now) >= stall_pause_ms(core, s)) {
        s->live.stalled_at = core->now;
        jv_liveness_restart(core, s);
        jv_loss_restart(core, s);
    }
    if (s->retired.used && jv_is_due(s->retired.until, core->now)) {
        s->retired.used = false;
    }
    jv_session_expire(core, s, out);
    if (s->state == JV_ST_TERMINATED) {
        return;
    }
    jv_rekey_expire(core, s, out);
    if (s->state == JV_ST_TERMINATED) {
        return;
    }
    jv_liveness_expire(core, s, out);
    jv_snapshot_expire(core, s, out);
    if (jv_core_is_client(core)) {
        jv_jump_expire(core, s, out);
        jv_path_expire(core, s, out);
        jv_metered_expire(core, s, out);
        jv_ladder_expire(core, s, out);
        jv_pathsize_expire(core, s, out);
    } else {
        jv_reattach_expire(core, s, out);
    }
    jv_resend_expire(core, s);
    jv_resend_run(core, s, out);
    expire_waiting(core, s, out);
}

static void expire_own(struct jv_core *core, struct jv_out *out)
{
    if (jv_core_is_client(core)) {
        jv_birth_expire(core, out);
        return;
    }
    if (jv_is_due(jv_snapshot_sweep_deadline(core), core->now)) {
        jv_snapshot_sweep(core, out);
    }
    if (jv_is_due(jv_cookies_deadline(&core->cookies), core->now)) {
        jv_birth_rotate_cookies(core);
    }
}

enum jv_err jv_core_expire(struct jv_core *core, struct jv_instant now, struct jv_out *out)
{
    uint32_t idx;
    core->now = now;
    jv_wake_notice(core, out);
    for (uint32_t n = 0; n < core->deadlines.cap; n++) {
        struct jv_instant due = jv_heap_first(&core->deadlines, &idx);
        if (!jv_is_due(due, now)) {
            return JV_E_OK;
        }
        if (!jv_has_room(out)) {
            return JV_E_AGAIN;
        }
        if (idx == own_deadline_idx(core)) {
            expire_own(core, out);
        } else if (idx >= core->cfg.sessions_max) {
            struct jv_half_open *h =
                jv_slab_at(&core->half_open, idx - core->cfg.sessions_max, NULL);
            JV_ASSERT(h != NULL);
            jv_birth_half_open_expire(core, h);
        } else {
            struct jv_session *s = jv_core_session_at(core, idx);
            JV_ASSERT(s != NULL);
            expire_session(core, s, due, out);
        }
        jv_core_settle(core, out);
    }
    return JV_E_OK;
}

bool jv_core_denies_births(const struct jv_core *core)
{
    return core->denies_births;
}

struct jv_instant jv_core_deadline(const struct jv_core *core)
{
    return jv_heap_first(&core->deadlines, NULL);
}

/* ---- batches ---- */

/* Of several shards: false where the batch might find no room to be handed over. */
JV_COLD static bool begin_batch(struct jv_core *core, const struct jv_batch *batch,
                                const struct jv_out *out)
{
    uint32_t left = batch->len - batch->done;
    if (out->handoff_cap - out->handoff_len < left) {
        return false;
    }
    core->count.handed_in += left > 0 && batch->slots[batch->done].is_handed ? left : 0;
    return true;
}

/* Slots are left for another call. */
JV_COLD static enum jv_err leave_batch(struct jv_core *core, const struct jv_batch *batch)
{
    core->count.handed_in -= batch->slots[batch->done].is_handed ? batch->len - batch->done : 0;
    return JV_E_AGAIN;
}

/* ---- datagrams ---- */

static bool is_from(const struct jv_path *path, const struct jv_slot *slot)
{
    return path != NULL && path->link == slot->link &&
           jv_endpoint_is_equal(&path->remote, &slot->remote);
}

static bool is_from_retired(const struct jv_session *s, const struct jv_slot *slot,
                            struct jv_instant now)
{
    return s->retired.used && !jv_is_due(s->retired.until, now) && s->retired.link == slot->link &&
           jv_endpoint_is_equal(&s->retired.remote, &slot->remote);
}

/* Not from the bound path. */
JV_COLD static void client_traffic_elsewhere(struct jv_core *core, struct jv_session *s,
                                             const struct jv_header *header, bool knows,
                                             struct jv_slot *slot, struct jv_out *out)
{
    const struct jv_client *cl = core->client;
    const struct jv_path *path = jv_path_find(core, slot->link, &slot->remote);
    bool is_requested = path != NULL && cl->request.used && cl->request.path == path->id;
    if (s->state == JV_ST_BIRTH) {
        if (cl->attempt.confirming && path != NULL && path->locator == header->locator &&
            path->link == cl->attempt.link &&
            jv_endpoint_is_equal(&path->remote, &cl->attempt.remote)) {
            (void)jv_tunnel_datagram(core, s, JV_FROM_BIRTH, header, slot, out);
        } else {
            jv_core_drop(core, slot, JV_DROP_NOT_ATTACHED);
        }
    } else if (is_requested) {
        jv_request_hold(core, slot); /* the gateway has committed, its ACK is still on the way */
    } else if (is_from_retired(s, slot, core->now) && knows) {
        (void)jv_tunnel_datagram(core, s, JV_FROM_RETIRED, header, slot, out);
    } else {
        jv_core_drop(core, slot, knows ? JV_DROP_UNBOUND : JV_DROP_UNKNOWN_LOCATOR);
    }
}

static void client_traffic(struct jv_core *core, struct jv_session *s,
                           const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    bool knows = s->bound != NULL && s->bound->locator == header->locator;
    knows = knows || jv_path_knows_locator(core, header->locator);
    if (s->state != JV_ST_BIRTH && is_from(s->bound, slot) && knows) {
        (void)jv_tunnel_datagram(core, s, JV_FROM_BOUND, header, slot, out);
    } else {
        client_traffic_elsewhere(core, s, header, knows, slot, out);
    }
}

static void client_control(struct jv_core *core, struct jv_session *s,
                           const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    static const struct jv_rate rate = {JV_CONTROL_OPENS_PER_S, 1, JV_CONTROL_OPENS_PER_S};
    struct jv_path *path = jv_path_find(core, slot->link, &slot->remote);
    if (path == NULL || s->state == JV_ST_BIRTH) {
        jv_core_drop(core, slot, JV_DROP_UNBOUND);
        return;
    }
    if (!jv_path_knows_locator(core, header->locator)) {
        jv_core_drop(core, slot, JV_DROP_UNKNOWN_LOCATOR);
        return;
    }
    if (!jv_bucket_take(&path->opens, &rate, core->now)) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_RATE);
        return;
    }
    switch ((enum jv_type)header->type) {
    case JV_TYPE_PROBE_REPLY:
        jv_path_on_probe_reply(core, s, path, header, slot, out);
        break;
    case JV_TYPE_CHALLENGE:
        jv_request_on_challenge(core, s, path, header, slot, out);
        break;
    case JV_TYPE_ACK:
        jv_request_on_ack(core, s, path, header, slot, out);
        break;
    case JV_TYPE_REJECT:
        jv_request_on_reject(core, s, path, header, slot, out);
        break;
    case JV_TYPE_HINT:
        jv_request_on_hint(core, s, path, header, slot, out);
        break;
    case JV_TYPE_BIRTH_INIT:
    case JV_TYPE_BIRTH_REPLY:
    case JV_TYPE_COOKIE:
    case JV_TYPE_TRAFFIC:
    case JV_TYPE_PROBE:
    case JV_TYPE_REQUEST:
        jv_core_drop(core, slot, JV_DROP_UNKNOWN_TYPE);
        break;
    }
}

/* F without an agreement is an unknown flag, to whomever the datagram goes. */
static bool has_unknown_flag(const struct jv_session *s, const struct jv_header *header)
{
    return header->is_csum_partial && (s == NULL || (s->features & JV_FEATURE_PARTIAL_CSUM) == 0);
}

static void client_datagram(struct jv_core *core, const struct jv_header *header,
                            struct jv_slot *slot, struct jv_out *out)
{
    struct jv_session *s = jv_slab_at(&core->sessions, 0, NULL);
    if (s != NULL) {
        s->rows = 0;
    }
    if (has_unknown_flag(s, header)) {
        jv_core_drop(core, slot, JV_DROP_UNKNOWN_TYPE);
    } else if (header->type == JV_TYPE_BIRTH_REPLY) {
        jv_birth_on_reply(core, header, slot, out);
    } else if (header->type == JV_TYPE_COOKIE) {
        jv_birth_on_cookie(core, header, slot, out);
    } else if (s == NULL || s->state == JV_ST_TERMINATED) {
        jv_core_drop(core, slot, JV_DROP_TERMINATED);
    } else if (header->type == JV_TYPE_TRAFFIC) {
        client_traffic(core, s, header, slot, out);
    } else {
        client_control(core, s, header, slot, out);
    }
}

static void gateway_traffic(struct jv_core *core, struct jv_session *s,
                            const struct jv_header *header, struct jv_slot *slot,
                            struct jv_out *out)
{
    bool is_local = s->bound != NULL && jv_ip_is_equal(&s->bound->local.ip, &slot->local.ip);
    if (is_local && is_from(s->bound, slot)) {
        (void)jv_tunnel_datagram(core, s, JV_FROM_BOUND, header, slot, out);
    } else if (is_from_retired(s, slot, core->now) &&
               jv_ip_is_equal(&s->retired.local, &slot->local.ip)) {
        (void)jv_tunnel_datagram(core, s, JV_FROM_RETIRED, header, slot, out);
    } else {
        jv_hint_on_unbound(core, s, header, slot, out);
    }
}

/* Under no locator of this core. What F means is up to who has the session. */
JV_COLD static void datagram_elsewhere(struct jv_core *core, const struct jv_header *header,
                                       struct jv_slot *slot, struct jv_out *out)
{
    uint32_t shard = jv_shard_of_locator(header->locator, core->cfg.shards);
    if (!jv_handoff(core, slot, shard, false, out)) {
        jv_core_drop(core, slot,
                     has_unknown_flag(NULL, header) ? JV_DROP_UNKNOWN_TYPE
                                                    : JV_DROP_UNKNOWN_LOCATOR);
    }
}

static void gateway_session_datagram(struct jv_core *core, const struct jv_header *header,
                                     struct jv_slot *slot, struct jv_out *out)
{
    uint64_t value = 0;
    uint64_t cursor = 0;
    bool is_known = jv_map_find(&core->locators, header->locator, &cursor, &value);
    bool is_half_open = (value & JV_LOCATOR_HALF_OPEN) != 0;
    struct jv_session *s =
        is_known && !is_half_open ? jv_slab_at(&core->sessions, (uint32_t)value, NULL) : NULL;
    if (!is_known) {
        datagram_elsewhere(core, header, slot, out);
        return;
    }
    if (has_unknown_flag(s, header)) {
        jv_core_drop(core, slot, JV_DROP_UNKNOWN_TYPE);
        return;
    }
    if (is_half_open) {
        struct jv_half_open *h = jv_slab_at(&core->half_open, (uint32_t)value, NULL);
        JV_ASSERT(h != NULL);
        if (header->type == JV_TYPE_TRAFFIC) {
            jv_birth_on_confirm(core, h, header, slot, out);
        } else {
            jv_core_drop(core, slot, JV_DROP_UNKNOWN_TYPE);
        }
        return;
    }
    JV_ASSERT(s != NULL);
    s->rows = 0;
    if (s->state == JV_ST_TERMINATED) {
        jv_core_drop(core, slot, JV_DROP_TERMINATED);
    } else if (header->type == JV_TYPE_TRAFFIC) {
        gateway_traffic(core, s, header, slot, out);
    } else if (header->type == JV_TYPE_PROBE) {
        jv_reattach_on_probe(core, s, header, slot, out);
    } else if (header->type == JV_TYPE_REQUEST) {
        jv_reattach_on_request(core, s, header, slot, out);
    } else {
        jv_core_drop(core, slot, JV_DROP_UNKNOWN_TYPE);
    }
}

static void one_datagram(struct jv_core *core, struct jv_slot *slot, struct jv_out *out)
{
    struct jv_header header;
    core->count.rx_datagrams++;
    core->count.rx_bytes += slot->len;
    if (slot->len < JV_HEADER_BYTES) {
        jv_core_drop(core, slot, JV_DROP_SHORT);
    } else if (!jv_header_decode(slot->buf + slot->off, &header)) {
        jv_core_drop(core, slot, JV_DROP_UNKNOWN_TYPE);
    } else if (jv_core_is_client(core)) {
        client_datagram(core, &header, slot, out);
    } else if (header.type == JV_TYPE_BIRTH_INIT) {
        jv_birth_on_init(core, &header, slot, out);
    } else {
        gateway_session_datagram(core, &header, slot, out);
    }
}

enum jv_err jv_core_datagrams(struct jv_core *core, struct jv_instant now, struct jv_batch *batch,
                              struct jv_out *out)
{
    core->now = now;
    if (!jv_core_is_alone(core) && !begin_batch(core, batch, out)) {
        return JV_E_AGAIN;
    }
    jv_wake_notice(core, out);
    while (batch->done < batch->len && jv_has_room(out) && core->dirty_len < JV_BATCH_MAX) {
        one_datagram(core, &batch->slots[batch->done], out);
        batch->done++;
        if (core->ends_pending > 0) {
            jv_core_settle(
                core, out); /* what an end gives back is within the room of this one datagram */
        }
    }
    jv_core_settle(core, out);
    return batch->done == batch->len ? JV_E_OK : leave_batch(core, batch);
}

/* ---- packets ---- */

/* For no session of this core. */
JV_COLD static void packet_elsewhere(struct jv_core *core, struct jv_slot *slot,
                                     const struct jv_inner *inner, struct jv_out *out)
{
    uint32_t shard;
    if (jv_core_is_alone(core) || !jv_handoff_find(core, &inner->destination, &shard) ||
        !jv_handoff(core, slot, shard, true, out)) {
        jv_core_drop(core, slot, JV_DROP_INNER_NO_SESSION);
    }
}

static void one_packet(struct jv_core *core, struct jv_slot *slot, struct jv_out *out)
{
    struct jv_inner inner;
    enum jv_drop drop = JV_DROP_INNER_SOURCE;
    uint32_t idx = 0;
    core->count.rx_packets++;
    core->count.rx_packet_bytes += slot->len;
    struct jv_l4 l4;
    const uint8_t *packet = slot->buf + slot->off;
    if (!jv_inner_parse(packet, slot->len, &inner) ||
        (slot->is_csum_partial && !jv_csum_l4(packet, slot->len, &l4))) {
        jv_core_drop(core, slot, JV_DROP_INNER_MALFORMED);
        return;
    }
    bool found = jv_core_is_client(core) || jv_routes_find(&core->routes, &inner.destination, &idx);
    struct jv_session *s = found ? jv_slab_at(&core->sessions, idx, NULL) : NULL;
    if (s == NULL) {
        packet_elsewhere(core, slot, &inner, out);
    } else if (s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        jv_core_drop(core, slot, JV_DROP_NOT_ATTACHED);
    } else if (jv_core_is_client(core) && !jv_tunnel_may_leave(core, s, &inner, &drop)) {
        jv_core_drop(core, slot, drop);
    } else {
        jv_tunnel_packet(core, s, &inner, slot, out);
    }
}

enum jv_err jv_core_packets(struct jv_core *core, struct jv_instant now, struct jv_batch *batch,
                            struct jv_out *out)
{
    core->now = now;
    if (!jv_core_is_alone(core) && !begin_batch(core, batch, out)) {
        return JV_E_AGAIN;
    }
    jv_wake_notice(core, out);
    while (batch->done < batch->len && jv_has_room(out) && core->dirty_len < JV_BATCH_MAX) {
        one_packet(core, &batch->slots[batch->done], out);
        batch->done++;
    }
    jv_core_settle(core, out);
    return batch->done == batch->len ? JV_E_OK : leave_batch(core, batch);
}
