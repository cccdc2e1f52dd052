/* SPDX-License-Identifier: Apache-2.0 */
#include "commit.h"

#include <string.h>

#include "client_state.h"
#include "degraded.h"
#include "ladder.h"
#include "liveness.h"
#include "loss.h"
#include "metered.h"
#include "path.h"
#include "pathsize.h"
#include "penalty.h"
#include "quality.h"
#include "resend.h"
#include "session.h"
#include "token.h"
#include "tunnel.h"

static void count_switch(struct jv_core *core, struct jv_session *s, enum jv_why why,
                         uint64_t outage_us)
{
    struct jv_rate rate = jv_session_switch_rate(s);
    /* jump.c saw the token before the request was sent. A policy that came since may leave none, and what was committed is so. */
    bool charged = jv_bucket_take(&s->switches, &rate, core->now);
    (void)charged;
    s->last_switch = core->now;
    s->last_switch_why = why;
    s->switch_times[s->switch_times_len++ % JV_ARRAY_LEN(s->switch_times)] = core->now;
    s->switches_total++;
    s->outage_total_us += outage_us;
    s->outage_worst_us = JV_MAX(s->outage_worst_us, outage_us);
    core->count.jumps++;
    static const uint32_t limits_ms[] = {10, 25, 50, 100, 250, 500, 1000, 2500, 5000};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(limits_ms); i++) {
        core->count.outage_buckets[i] += outage_us <= limits_ms[i] * 1000ULL ? 1 : 0;
    }
    core->count.outage_buckets[JV_ARRAY_LEN(limits_ms)]++;
    core->count.outage_sum_us += outage_us;
}

static void record_commit(struct jv_core *core, struct jv_session *s, const struct jv_path *from,
                          const struct jv_path *to, bool is_move, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    /* A hint that was no rebinding, as a raced copy earns one, is answered in place: nothing to tell. */
    bool is_rebind = cl->request.rebind && is_move;
    struct jv_instant heard = from != NULL && from->was_heard ? from->heard : cl->last_heard;
    bool was_out = cl->suspected || s->bound == NULL;
    /* Silence began with the last sign of life, a link that the host took away when it did: an idle path was no outage before. */
    bool was_taken = !jv_is_never(s->unbound_at) && !jv_is_before(s->volatile_at, s->unbound_at);
    struct jv_instant since = was_taken ? s->unbound_at : heard;
    uint64_t outage_us = was_out ? jv_since_us(since, core->now) : 0;
    uint64_t detect_us = was_out ? jv_since_us(since, s->volatile_at) : 0;
    enum jv_why why = cl->request.why;
    uint64_t reattach_us = jv_since_us(cl->request.started, core->now);
    bool is_switch = !cl->request.rebind && to->number != cl->last_number;
    enum jv_event_type event = is_switch   ? JV_REC_TransportSwitch
                               : is_rebind ? JV_REC_TransportRebound
                                           : JV_REC_TransportAttached;
    if (is_switch) {
        count_switch(core, s, why, outage_us);
        memcpy(s->switched_from, cl->last_name, sizeof s->switched_from);
        memcpy(s->switched_to, to->name, sizeof s->switched_to);
    } else if (is_rebind) {
        s->rebinds_total++;
        core->count.rebinds++;
    }
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_ReattachResult, JV_WHY_REATTACH_SUCCESS, out);
    jv_record_path(rec, to);
    jv_record_put(rec, JV_FD_order, cl->request.order);
    jv_record_put(rec, JV_FD_reattach_us, reattach_us);
    if (event == JV_REC_TransportAttached && s->bound != NULL) {
        return; /* proven in place: the binding did not change */
    }
    struct jv_rate rate = jv_session_switch_rate(s);
    rec = jv_session_record(core, s, event, why, out);
    jv_record_path(rec, to);
    jv_resend_record(s, rec);
    memcpy(rec->text, cl->last_name, sizeof cl->last_name);
    if (is_switch && was_out) {
        jv_record_put(rec, JV_FD_rung, jv_ladder_rung(core, to));
    }
    jv_record_put(rec, JV_FD_outage_us, outage_us);
    jv_record_put(rec, JV_FD_detect_us, detect_us);
    jv_record_put(rec, JV_FD_reattach_us, reattach_us);
    jv_record_put(rec, JV_FD_rtt_us, jv_rtt_srtt_us(&to->rtt));
    jv_record_put(rec, JV_FD_switches_in_window, jv_session_switches_in_window(s, core->now));
    jv_record_put(rec, JV_FD_switches_limit, s->policy.max_switches_per_min);
    jv_record_put(rec, JV_FD_switch_tokens,
                  rate.count > 0 ? s->switches.credit / ((uint64_t)rate.per_s * JV_NS_PER_S) : 0);
}

static void take_locators(struct jv_core *core, struct jv_path *path, const struct jv_ack *ack)
{
    struct jv_client *cl = core->client;
    if (ack->locator != path->locator) {
        jv_path_leave_locator(core, path);
        path->locator = ack->locator;
    }
    cl->spares_len = 0;
    for (uint32_t i = 0; i < ack->spares_len; i++) {
        if (!jv_path_knows_locator(core, ack->spares[i])) {
            cl->spares[cl->spares_len++] = ack->spares[i];
        }
    }
}

static void retire(struct jv_core *core, struct jv_session *s, const struct jv_path *old,
                   const struct jv_ack *ack)
{
    s->retired = (struct jv_retired){.used = true,
                                     .link = old->link,
                                     .remote = old->remote,
                                     .until = jv_add_ms(core->now, s->policy.retired_rx_grace_ms),
                                     .has_mark = true,
                                     .mark_epoch = ack->next_epoch,
                                     .mark_counter = ack->next_counter};
}

void jv_commit_confirm(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    struct jv_frame frames[3] = {{.type = JV_FRAME_BOUND}, {.type = JV_FRAME_HEARTBEAT}};
    frames[0].u.bound =
        (struct jv_frame_bound){core->client->committed.order, epoch->n, epoch->tx_next};
    frames[1].u.heartbeat.time_us = jv_core_time_us(core);
    frames[2] = jv_pathsize_frame(core, s);
    if (jv_tunnel_frames(core, s, frames, 3, JV_HINT_BYTES, out)) {
        jv_liveness_beat_sent(core, s, frames[1].u.heartbeat.time_us);
    }
}

/* In place: what is taken here holds nothing, and what gives up a request finds nothing held. */
static void release_held(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_slot *held = core->client->held;
    uint32_t n = core->client->held_len;
    core->client->held_len = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct jv_header header;
        (void)jv_header_decode(held[i].buf + held[i].off,
                               &header); /* it was decoded before it was held */
        if (s->state == JV_ST_TERMINATED) {
            jv_core_drop(core, &held[i], JV_DROP_TERMINATED);
        } else {
            (void)jv_tunnel_datagram(core, s, JV_FROM_BOUND, &header, &held[i], out);
        }
    }
}

void jv_commit(struct jv_core *core, struct jv_session *s, struct jv_path *path,
               const struct jv_ack *ack, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_path *old = s->bound;
    bool quiet = cl->request.quiet;
    cl->committed.any = true;
    cl->committed.order = cl->request.order;
    memcpy(cl->committed.random, cl->request.random, 16);
    take_locators(core, path, ack);
    if (!quiet) {
        bool is_left_alive = old != NULL && old != path && !cl->suspected &&
                             cl->request.why == JV_WHY_POLICY_FORCED_RECOVERY;
        s->bind_next = path;
        jv_resend_begin(core, s, &ack->report, is_left_alive);
        record_commit(core, s, old, path, ack->is_move, out);
        if (old != NULL && old != path) {
            retire(core, s, old, ack);
            jv_path_leave_locator(core, old);
            old->probe_due = core->now;
        }
        cl->last_number = path->number;
        memcpy(cl->last_name, path->name, sizeof cl->last_name);
        jv_ladder_bound(core, path);
        if (cl->suspected && old != NULL && old != path) {
            old->was_left_silent = true;
            jv_penalty_add(core, old, s->policy.dwell_ms, s->policy.penalty_max_ms);
        }
        cl->suspected = cl->standby_answered = false;
        jv_quality_forget(core);
        jv_degraded_over(core);
        memset(cl->denied, 0, sizeof cl->denied);
        cl->confirm_at = cl->healthy_since = cl->switch_retry_at = JV_NEVER;
        (void)jv_session_apply(core, s,
                               &(struct jv_step){.event = JV_EV_REATTACH_PROVEN,
                                                 .why = JV_WHY_REATTACH_SUCCESS,
                                                 .rule = JV_RULE_PIPELINE},
                               out);
        path->probe_due = JV_NEVER;
        cl->failback_at = core->now;
        jv_metered_bound(core, s);
        if (!cl->one_way) {
            jv_loss_restart(core, s); /* a silence that is over is no loss of the path */
        }
    }
    path->was_heard = true;
    path->heard = core->now;
    path->has_token = true;
    memcpy(path->token, ack->token, sizeof path->token);
    path->token_at = core->now;
    path->observed = ack->observed;
    if (!quiet && old != path) {
        jv_pathsize_moved(core, s, path);
    }
    cl->gateway_time_ms = JV_MAX(cl->gateway_time_ms, jv_token_time(ack->token));
    jv_wipe(&cl->request, sizeof cl->request);
    jv_commit_confirm(core, s, out);
    jv_resend_run(core, s, out);
    jv_tunnel_flush_waiting(core, s, out);
    release_held(core, s, out);
    jv_path_settle_endpoints(core, s, out);
}
