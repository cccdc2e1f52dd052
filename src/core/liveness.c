/* SPDX-License-Identifier: Apache-2.0 */
#include "liveness.h"

#include <string.h>

#include "client_state.h"
#include "health.h"
#include "jump.h"
#include "pathsize.h"
#include "quiet.h"
#include "tunnel.h"

void jv_rtt_sample(struct jv_rtt *rtt, uint64_t sample_us)
{
    if (!rtt->any) {
        rtt->any = true;
        rtt->srtt_us = sample_us;
        rtt->jitter_us = sample_us / 2;
        return;
    }
    uint64_t delta = sample_us > rtt->srtt_us ? sample_us - rtt->srtt_us : rtt->srtt_us - sample_us;
    rtt->jitter_us = (3 * rtt->jitter_us + delta) / 4;
    rtt->srtt_us = (7 * rtt->srtt_us + sample_us) / 8;
}

uint64_t jv_rtt_srtt_us(const struct jv_rtt *rtt)
{
    return rtt->any ? rtt->srtt_us : JV_RTT_INITIAL_US;
}

uint64_t jv_rtt_jitter_us(const struct jv_rtt *rtt)
{
    return rtt->any ? JV_MAX(rtt->jitter_us, JV_JITTER_FLOOR_US) : JV_RTT_INITIAL_US / 4;
}

/* max(srtt, 25 ms) up to the policy's ack_delay: known to both sides (design §4.4). */
static uint64_t ack_delay_us(const struct jv_session *s)
{
    uint64_t srtt = s->bound != NULL ? jv_rtt_srtt_us(&s->bound->rtt) : 0;
    uint64_t delay = JV_MAX(srtt, (uint64_t)25000);
    return JV_MIN(delay, (uint64_t)s->policy.ack_delay_ms * 1000);
}

static bool is_busy(const struct jv_core *core, const struct jv_session *s)
{
    return s->live.had_data && jv_since_ms(s->live.last_data, core->now) <
                                   JV_MAX(2000U, 4 * s->policy.heartbeat_interval_ms);
}

static uint32_t heartbeat_ms(const struct jv_core *core, const struct jv_session *s)
{
    bool quick = is_busy(core, s) || s->state != JV_ST_ATTACHED || s->live.beats_unanswered > 0;
    uint32_t ms = quick ? s->policy.heartbeat_interval_ms : s->policy.heartbeat_idle_ms;
    /* The client's heartbeats serve both ends: a gateway sends its own only where they stay away. */
    return jv_core_is_client(core) ? ms : ms + ms / 2;
}

void jv_liveness_heard(struct jv_core *core, struct jv_session *s)
{
    if (jv_core_is_client(core) && s->bound->doublings > 0) {
        jv_jump_note_gap(core, s);
    }
    s->bound->was_heard = true;
    s->bound->heard = core->now;
    if (jv_core_is_client(core)) {
        if (core->client->suspected) {
            jv_jump_on_heard(core, s);
        }
    } else {
        s->live.heartbeat_due = jv_add_ms(core->now, heartbeat_ms(core, s));
    }
}

void jv_liveness_owe_first(struct jv_core *core, struct jv_session *s)
{
    /* Half of the promise, so that scheduling on the way does not make the report late. */
    s->live.report_owed = true;
    s->live.report_due = jv_add_us(core->now, ack_delay_us(s) / 2);
}

void jv_liveness_on_heartbeat(struct jv_core *core, struct jv_session *s,
                              const struct jv_frame_heartbeat *f)
{
    s->live.echo_us = f->time_us;
    s->live.echo_at = core->now;
    s->live.report_owed = true;
    s->live.report_due = core->now;
}

void jv_liveness_answer(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (s->live.echo_us != 0 && s->live.report_owed) {
        jv_liveness_send_report(core, s, out);
    }
}

static void on_progress(struct jv_core *core, struct jv_session *s, const struct jv_report *r)
{
    struct jv_liveness *live = &s->live;
    bool later = r->epoch > live->reported_epoch ||
                 (r->epoch == live->reported_epoch && r->highest > live->reported_highest);
    jv_pace_reported(&s->pace, core->now, r->epoch, r->received);
    if (!later || r->received == 0) {
        return;
    }
    if (r->epoch == live->reported_epoch && r->received >= live->reported_received) {
        uint64_t sent = r->highest - live->reported_highest;
        uint64_t got = r->received - live->reported_received;
        uint64_t lost_ppm = got >= sent ? 0 : (sent - got) * 1000000 / sent;
        live->loss_ppm = (uint32_t)((7 * (uint64_t)live->loss_ppm + lost_ppm) / 8);
    }
    live->reported_epoch = r->epoch;
    live->reported_highest = r->highest;
    live->reported_received = r->received;
    bool all = r->epoch > live->eliciting_epoch ||
               (r->epoch == live->eliciting_epoch && r->highest >= live->eliciting_counter);
    live->beats_unanswered = 0; /* what this side sends arrives: a lost echo is loss, not silence */
    live->outstanding = live->outstanding && !all;
    live->outstanding_at = core->now;
}

void jv_liveness_on_report(struct jv_core *core, struct jv_session *s,
                           const struct jv_frame_report *f)
{
    struct jv_liveness *live = &s->live;
    on_progress(core, s, &f->report);
    uint64_t now_us = jv_core_time_us(core);
    if (f->echo_us > live->echoed_us && f->echo_us < now_us) {
        live->echoed_us = f->echo_us;
        uint64_t age = now_us > f->echo_us ? now_us - f->echo_us : 0;
        jv_health_round_trip(core, s->bound, age > f->hold_us ? age - f->hold_us : age);
        live->beat_time_us = 0;
        live->beats_unanswered = 0;
    }
}

void jv_liveness_fill_report(const struct jv_session *s, struct jv_report *out)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    memset(out, 0, sizeof *out);
    out->epoch = epoch->n;
    out->received = epoch->rx_count;
    if (epoch->window.any) {
        out->highest = epoch->window.top;
        uint64_t from = out->highest > JV_REPLAY_BITS ? out->highest - JV_REPLAY_BITS : 0;
        out->gaps_len = (uint32_t)jv_replay_gaps(&epoch->window, from, out->gaps, JV_GAP_MAX);
    }
}

void jv_liveness_send_report(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_liveness *live = &s->live;
    struct jv_frame frames[2] = {{.type = JV_FRAME_REPORT}};
    struct jv_frame_report *r = &frames[0].u.report;
    bool is_quiet = jv_quiet_answer(core, s, &frames[1]);
    jv_liveness_fill_report(s, &r->report);
    r->echo_us = live->echo_us;
    r->hold_us = live->echo_us != 0
                     ? (uint32_t)JV_MIN(jv_since_us(live->echo_at, core->now), (uint64_t)UINT32_MAX)
                     : 0;
    r->state = (uint8_t)s->state;
    r->version = s->v;
    if (jv_core_is_client(core)) {
        r->order_spent = core->client->order_spent;
    } else {
        r->order_spent = s->order;
        r->gateway_time_ms = jv_core_gateway_time(core);
    }
    if (jv_tunnel_frames(core, s, frames, is_quiet ? 2 : 1, 0, out)) {
        if (is_quiet) {
            jv_quiet_answered(core, s);
        }
        live->echo_us = 0;
        live->report_owed = false;
        live->report_due = JV_NEVER;
        live->unreported = 0;
    } else {
        /* Owed also where a heartbeat asked for it: a moment that nothing waits for would be due for ever. */
        live->report_owed = true;
        live->report_due = jv_add_ms(core->now, 10);
    }
}

void jv_liveness_mark(struct jv_core *core, struct jv_session *s)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    s->live.beat_at = core->now;
    s->live.beat_epoch = epoch->n;
    s->live.beat_counter = epoch->tx_next - 1;
}

void jv_liveness_beat_sent(struct jv_core *core, struct jv_session *s, uint64_t time_us)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    jv_liveness_sent(core, s, epoch, epoch->tx_next - 1);
    s->live.beat_time_us = time_us;
    jv_liveness_mark(core, s);
}

void jv_liveness_send_heartbeat(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const uint64_t time_us = jv_core_time_us(core);
    struct jv_frame frames[3];
    uint32_t n = 0;
    if (jv_core_is_client(core) && s->bound != NULL) {
        frames[n++] = jv_pathsize_frame(core, s); /* within the padding: it costs nothing */
    }
    bool has_offer = jv_quiet_offer(core, s, &frames[n]);
    n += has_offer ? 1 : 0;
    frames[n++] = (struct jv_frame){.type = JV_FRAME_HEARTBEAT, .u.heartbeat = {time_us}};
    /* As long as a hint, so that a gateway that sees it come from another address may answer with one. */
    if (jv_tunnel_frames(core, s, frames, n, JV_HINT_BYTES, out)) {
        jv_liveness_beat_sent(core, s, time_us);
        if (has_offer) {
            jv_quiet_offered(core, s);
        }
    }
    s->live.heartbeat_due = jv_add_ms(core->now, heartbeat_ms(core, s));
}

uint64_t jv_liveness_limit_us(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_path *path = s->bound;
    uint64_t limit =
        jv_rtt_srtt_us(&path->rtt) + 4 * jv_rtt_jitter_us(&path->rtt) + ack_delay_us(s);
    uint64_t ceiling = (uint64_t)s->policy.silence_ceiling_ms * 1000;
    uint64_t floor = ((uint64_t)s->policy.silence_floor_ms * 1000) << JV_MIN(path->doublings, 16U);
    limit = JV_MAX(limit, JV_MIN(floor, ceiling));
    limit = JV_MIN(limit, ceiling);
    if (!jv_core_is_client(core)) {
        /* A gateway cannot jump, so its doubt helps nobody early: it waits for the longer of the two. */
        limit = JV_MAX(limit, (uint64_t)s->policy.heartbeat_volatile_ms * 1000);
    }
    return limit;
}

static struct jv_instant silent_from(const struct jv_session *s)
{
    struct jv_instant from = s->live.outstanding_at;
    if (s->bound->was_heard && jv_is_before(from, s->bound->heard)) {
        from = s->bound->heard;
    }
    return jv_is_before(from, s->live.since) ? s->live.since : from;
}

uint64_t jv_liveness_silent_us(const struct jv_core *core, const struct jv_session *s)
{
    return s->bound != NULL && s->live.outstanding ? jv_since_us(silent_from(s), core->now) : 0;
}

struct jv_instant jv_liveness_silence_at(const struct jv_core *core, const struct jv_session *s)
{
    if (s->bound == NULL || !s->live.outstanding) {
        return JV_NEVER;
    }
    return jv_add_us(silent_from(s), jv_liveness_limit_us(core, s));
}

void jv_liveness_restart(struct jv_core *core, struct jv_session *s)
{
    s->live.since = core->now;
}

struct jv_instant jv_liveness_deadline(const struct jv_core *core, const struct jv_session *s)
{
    (void)core;
    return s->bound == NULL ? JV_NEVER : jv_earlier(s->live.report_due, s->live.heartbeat_due);
}

/* True: the quiet takes care of the heartbeat that is due. */
static bool quiet_takes(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (!jv_quiet_is_on(core, s)) {
        return false;
    }
    if (jv_core_is_client(core)) {
        return jv_quiet_renew(core, s, out);
    }
    s->live.heartbeat_due = jv_add_ms(s->quiet.until, heartbeat_ms(core, s));
    return true;
}

bool jv_liveness_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_liveness *live = &s->live;
    if (s->bound == NULL) {
        return false;
    }
    if (live->report_owed && jv_is_due(live->report_due, core->now)) {
        jv_liveness_send_report(core, s, out);
    }
    if (jv_is_due(live->heartbeat_due, core->now) && !quiet_takes(core, s, out)) {
        uint64_t wait_us = jv_rtt_srtt_us(&s->bound->rtt) + 4 * jv_rtt_jitter_us(&s->bound->rtt);
        uint64_t out_us = jv_since_us(live->beat_at, core->now);
        if (live->beat_time_us != 0 && out_us < wait_us) {
            /* The interval may be shorter than the round trip: the next heartbeat waits for the answer to this one. */
            live->heartbeat_due = jv_add_us(live->beat_at, wait_us);
        } else {
            live->beats_unanswered += live->beat_time_us != 0 ? 1 : 0;
            jv_liveness_send_heartbeat(core, s, out);
        }
    }
    return live->beats_unanswered >= s->policy.max_consecutive_drops;
}
