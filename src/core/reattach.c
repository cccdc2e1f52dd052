/* SPDX-License-Identifier: Apache-2.0 */
#include "reattach.h"

#include <string.h>

#include "control.h"
#include "liveness.h"
#include "locator.h"
#include "pathsize.h"
#include "rekey.h"
#include "resend.h"
#include "session.h"
#include "token.h"
#include "tunnel.h"

static const struct jv_rate security_records = {1, 1, 5};

/* Both ends of it: another address of this gateway makes another transport. */
static bool is_bound_address(const struct jv_session *s, const struct jv_slot *slot)
{
    return s->bound != NULL && s->bound->link == slot->link &&
           jv_endpoint_is_equal(&s->bound->remote, &slot->remote) &&
           jv_ip_is_equal(&s->bound->local.ip, &slot->local.ip);
}

/* P4, P7: a bounded number of opens a second, then the seal. A tag that verifies under NEXT confirms a rekey. */
static bool open_control(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                         struct jv_slot *slot, uint8_t *body, size_t len, struct jv_out *out)
{
    bool is_probe = header->type == JV_TYPE_PROBE;
    struct jv_epoch *epoch;
    enum jv_drop drop = JV_DROP_CONTROL_RATE;
    if (!jv_locator_may_open(core, s, header->locator)) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_RATE);
        return false;
    }
    if (is_probe ? !jv_control_open_probe(core, s, header, slot, body, &epoch, &drop)
                 : !jv_control_open(core, s, header, slot, len, body, &epoch, &drop)) {
        if (drop == JV_DROP_CONTROL_AUTH &&
            jv_bucket_take(&core->auth_records, &security_records, core->now)) {
            /* About the core, not the session: no stranger becomes a cause in its history. */
            struct jv_record *rec = jv_session_record(core, NULL, JV_REC_SecurityValidationFailed,
                                                      JV_WHY_AUTH_FAIL, out);
            rec->remote = slot->remote;
            jv_record_put(rec, JV_FD_count, core->count.drops[JV_DROP_CONTROL_AUTH] + 1);
        }
        jv_core_drop(core, slot, drop);
        return false;
    }
    if (epoch == &s->keys->epochs[JV_EPOCH_NEXT]) {
        jv_rekey_confirmed(core, s, out);
    }
    jv_locator_seen(core, s, header->locator);
    return true;
}

void jv_reattach_on_probe(struct jv_core *core, struct jv_session *s,
                          const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    uint8_t body[JV_PROBE_BODY_MAX];
    struct jv_probe probe;
    size_t len = slot->len - JV_CONTROL_OVERHEAD; /* the answer is as long: never longer (law 10) */
    if (!open_control(core, s, header, slot, body, sizeof body, out)) {
        return;
    }
    if (!jv_probe_decode(body, JV_PROBE_BODY, &probe)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    s->order = JV_MAX(s->order, probe.order_spent);
    struct jv_probe_reply reply = {.time_us = probe.time_us,
                                   .observed = slot->remote,
                                   .state = (uint8_t)s->state,
                                   .is_bound = is_bound_address(s, slot),
                                   .version = s->v};
    const struct jv_token_claim claim = jv_token_claim_of(&s->sid, slot);
    jv_token_make(core->token_key, &claim, jv_core_gateway_time(core), reply.token);
    jv_probe_reply_encode(&reply, body);
    const struct jv_control_to to = jv_control_back_to(header, slot);
    (void)jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_PROBE_REPLY, &to, body,
                          len, out);
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
}

/* ---- answers to a request ---- */

static void send_challenge(struct jv_core *core, struct jv_session *s,
                           const struct jv_header *header, const struct jv_slot *slot,
                           const struct jv_request *req, struct jv_out *out)
{
    struct jv_challenge msg = {
        .order = req->order, .last_order = s->order, .version = s->v, .observed = slot->remote};
    uint8_t body[JV_CHALLENGE_BODY];
    memcpy(msg.random, req->random, sizeof msg.random);
    const struct jv_token_claim claim = jv_token_claim_of(&s->sid, slot);
    jv_token_make(core->token_key, &claim, jv_core_gateway_time(core), msg.token);
    jv_challenge_encode(&msg, body);
    const struct jv_control_to to = jv_control_back_to(header, slot);
    (void)jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_CHALLENGE, &to, body,
                          sizeof body, out);
}

static void send_reject(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                        const struct jv_slot *slot, const struct jv_request *req, enum jv_why why,
                        uint64_t retry_ms, struct jv_out *out)
{
    struct jv_reject msg = {.order = req->order,
                            .why = (uint8_t)why,
                            .path_id = s->commit.path_id,
                            .retry_after_ms = (uint32_t)JV_MIN(retry_ms, (uint64_t)UINT32_MAX),
                            .version = s->v,
                            .last_order = s->commit.order};
    uint8_t body[JV_REJECT_BODY];
    memcpy(msg.random, req->random, sizeof msg.random);
    jv_reject_encode(&msg, body);
    const struct jv_control_to to = jv_control_back_to(header, slot);
    (void)jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_REJECT, &to, body,
                          sizeof body, out);
    core->count.reattach_denied++;
}

static void send_ack(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    struct jv_ack msg = {.order = s->commit.order,
                         .version = s->v,
                         .state = (uint8_t)s->state,
                         .path_id = s->commit.path_id,
                         .is_move = s->commit.is_move,
                         .observed = s->bound->remote,
                         .locator = s->commit.next_locator,
                         .next_epoch = epoch->n,
                         .next_counter = s->commit.next_counter};
    uint8_t body[JV_ACK_BODY];
    memcpy(msg.random, s->commit.random, sizeof msg.random);
    const struct jv_token_claim claim = {.sid = s->sid,
                                         .remote = s->bound->remote,
                                         .local = s->bound->local,
                                         .protocol = JV_PROTO_UDP};
    jv_token_make(core->token_key, &claim, jv_core_gateway_time(core), msg.token);
    msg.spares_len = jv_locator_spares(s, msg.spares);
    jv_liveness_fill_report(s, &msg.report);
    jv_ack_encode(&msg, body);
    const struct jv_control_to to = {s->bound->link, s->bound->remote, s->bound->local,
                                     s->commit.locator};
    (void)jv_control_send(core, epoch, JV_TYPE_ACK, &to, body, sizeof body, out);
    uint32_t retry_ms = s->ack_ahead > 0 ? JV_ACK_AHEAD_MS : JV_ACK_RETRY_MS;
    s->ack_ahead -= s->ack_ahead > 0 ? 1 : 0;
    s->ack_due = s->ack_left > 0 ? jv_add_ms(core->now, retry_ms) : JV_NEVER;
    jv_core_touch(core, s);
}

/* ---- the commit ---- */

static void step(struct jv_core *core, struct jv_session *s, enum jv_event event, enum jv_why why,
                 struct jv_out *out)
{
    bool done = jv_session_apply(
        core, s, &(struct jv_step){.event = event, .why = why, .rule = JV_RULE_PIPELINE}, out);
    JV_ASSERT(done);
}

/* The rows that lead to ATTACHED from where the session stands (TR-28 from ATTACHED); all of them or none. */
static void walk_rows(struct jv_core *core, struct jv_session *s, bool is_move, bool is_rebind,
                      struct jv_out *out)
{
    if (s->state == JV_ST_ATTACHED) {
        step(core, s, JV_EV_MOVE_SEEN,
             is_rebind ? JV_WHY_NAT_REBIND_DETECTED : JV_WHY_CLIENT_REPORTED_VOLATILITY, out);
        step(core, s, JV_EV_SWITCH_STARTED, JV_WHY_POLICY_FORCED_RECOVERY, out);
    } else if (!is_move) {
        step(core, s, JV_EV_HEALTH_PROVEN, JV_WHY_HEALTH_RECOVERED, out);
    } else {
        enum jv_why why =
            s->state == JV_ST_VOLATILE ? JV_WHY_DEAD_TRANSPORT_RECOVERY : JV_WHY_RECOVERY_RETRY;
        step(core, s, JV_EV_SWITCH_STARTED, why, out);
    }
}

/* A client may be of a later version, with causes that this one does not know. */
static enum jv_why cause_of(const struct jv_request *req)
{
    return req->why < JV_WHY_END ? (enum jv_why)req->why : JV_WHY_NONE;
}

static void record_move(struct jv_core *core, struct jv_session *s, const struct jv_request *req,
                        bool is_rebind, struct jv_out *out)
{
    struct jv_record *rec = jv_session_record(
        core, s, is_rebind ? JV_REC_TransportRebound : JV_REC_TransportSwitch, cause_of(req), out);
    jv_record_path(rec, &s->own);
    jv_record_put(rec, JV_FD_order, req->order);
    jv_record_put(rec, JV_FD_peer_v, req->version);
    jv_resend_record(s, rec);
    jv_record_put(rec, JV_FD_switches_in_window, jv_session_switches_in_window(s, core->now));
    jv_record_put(rec, JV_FD_switches_limit, s->policy.max_switches_per_min);
}

static void count_move(struct jv_core *core, struct jv_session *s, enum jv_why why, bool is_rebind)
{
    if (is_rebind) {
        s->rebinds_total++;
        core->count.rebinds++;
        return;
    }
    s->switches_total++;
    s->last_switch = core->now;
    s->last_switch_why = why;
    s->switch_times[s->switch_times_len++ % JV_ARRAY_LEN(s->switch_times)] = core->now;
    core->count.jumps++;
}

static void commit(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                   const struct jv_slot *slot, const struct jv_request *req, struct jv_out *out)
{
    bool is_move = !is_bound_address(s, slot);
    bool is_rebind = is_move && req->path_id == s->commit.path_id;
    bool is_left_alive = is_move && !is_rebind && s->state == JV_ST_ATTACHED &&
                         req->why == JV_WHY_POLICY_FORCED_RECOVERY;
    jv_rekey_cancel(core, s);
    walk_rows(core, s, is_move, is_rebind, out);
    if (is_move) {
        if (s->bound != NULL) {
            s->retired =
                (struct jv_retired){.used = true,
                                    .link = s->own.link,
                                    .remote = s->own.remote,
                                    .local = s->own.local.ip,
                                    .until = jv_add_ms(core->now, s->policy.retired_rx_grace_ms)};
        }
        s->own.link = slot->link;
        s->own.remote = slot->remote;
        s->own.local = slot->local;
        s->own.rtt.any = false;
        /* Until the ACK has come, the client knows the locator it asked under and no other. Where that ACK is lost and the next
         * commit is elsewhere, what was sealed meanwhile goes again as it is, and must be readable there. */
        s->own.locator = header->locator;
        s->commit.next_locator = jv_locator_fresh(core, s);
        count_move(core, s, cause_of(req), is_rebind);
    }
    s->own.was_heard = true;
    s->own.heard = core->now;
    jv_pathsize_told(s, req->size);
    s->bind_next = &s->own;
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_ReattachResult, JV_WHY_REATTACH_SUCCESS, out);
    jv_record_path(rec, &s->own);
    jv_record_put(rec, JV_FD_order, req->order);
    jv_resend_begin(core, s, &req->report, is_left_alive);
    if (is_move) {
        record_move(core, s, req, is_rebind, out);
    }
    step(core, s, JV_EV_REATTACH_PROVEN, JV_WHY_REATTACH_SUCCESS, out);
    s->order = req->order;
    s->commit.order = req->order;
    s->commit.version = s->v;
    s->commit.path_id = req->path_id;
    s->commit.is_move = is_move;
    s->commit.locator = header->locator;
    s->commit.next_counter = s->keys->epochs[JV_EPOCH_CURRENT].tx_next;
    memcpy(s->commit.random, req->random, sizeof s->commit.random);
    s->ack_left = JV_ACK_TRIES;
    s->ack_ahead = s->pace.on ? JV_ACK_AHEAD : 0;
    s->hint_wait_ms = JV_HINT_MIN_MS; /* a commit ends the doubling */
    jv_locator_renew_spares(core, s);
    send_ack(core, s, out);
    jv_resend_run(core, s, out);
    jv_tunnel_flush_waiting(core, s, out);
}

/* ---- the pipeline ---- */

enum verdict { VERDICT_COMMIT, VERDICT_ACK_AGAIN, VERDICT_CHALLENGE, VERDICT_REJECT, VERDICT_DROP };

struct judgement {
    enum verdict verdict;
    enum jv_why why;
    uint64_t retry_ms;
};

static struct judgement reject(enum jv_why why, uint64_t retry_ms)
{
    return (struct judgement){VERDICT_REJECT, why, retry_ms};
}

/* P6: the order number. It is compared, never spent, by the look. */
static bool judge_order(const struct jv_session *s, const struct jv_slot *slot,
                        const struct jv_request *req, struct judgement *j)
{
    if (req->order == 0) {
        *j = (struct judgement){.verdict = VERDICT_CHALLENGE};
        return true;
    }
    if (req->order == s->commit.order && jv_equal(req->random, s->commit.random, 16)) {
        /* The ACK was lost; from any other address it is a replay. */
        *j = is_bound_address(s, slot)
                 ? (struct judgement){.verdict = VERDICT_ACK_AGAIN}
                 : (struct judgement){VERDICT_DROP, JV_WHY_REPLAY_DETECTED, 0};
        if (s->bound == NULL) {
            /* What it bound was let go of: only another request helps the client. */
            *j = reject(JV_WHY_INVALID_STATE_VERSION, 0);
        }
        return true;
    }
    if (req->order <= s->order) {
        *j = (struct judgement){VERDICT_DROP, JV_WHY_REPLAY_DETECTED, 0};
        return true;
    }
    return false;
}

/* P10: what policy lets move. A rebinding keeps the client's socket and has its own cap. */
static bool judge_policy(struct jv_core *core, struct jv_session *s, const struct jv_request *req,
                         bool is_move, struct judgement *j)
{
    if ((s->policy.allowed_protocols & req->protocol) == 0 || req->protocol != JV_PROTO_UDP) {
        *j = reject(JV_WHY_INVALID_TRANSPORT_CANDIDATE, 0);
        return true;
    }
    if (!is_move) {
        return false;
    }
    bool is_rebind = req->path_id == s->commit.path_id;
    const struct jv_rate rebinds = {s->policy.rebind_max_per_min, 60, s->policy.rebind_max_per_min};
    const struct jv_rate switches = jv_session_switch_rate(s);
    uint64_t wait_ms = is_rebind ? jv_bucket_wait_ms(&s->rebinds, &rebinds, core->now)
                                 : jv_bucket_wait_ms(&s->switches, &switches, core->now);
    if (wait_ms > 0) {
        *j = reject(is_rebind ? JV_WHY_RATE_LIMITED : JV_WHY_SWITCH_RATE_LIMITED, wait_ms);
        return true;
    }
    return false;
}

/* P12: return routability, by the token and nothing else; and how long ago the client heard from this process. */
static bool has_valid_token(const struct jv_core *core, const struct jv_session *s,
                            const struct jv_slot *slot, const struct jv_request *req)
{
    uint64_t now_ms = jv_core_gateway_time(core);
    uint64_t age_ms = 0;
    struct jv_token_claim claim = jv_token_claim_of(&s->sid, slot);
    if (req->flags & JV_REQ_HINT) {
        claim.hint_epoch = req->hint_epoch;
        claim.hint_counter = req->hint_counter;
    }
    if ((req->flags & JV_REQ_HAS_TOKEN) == 0 ||
        !jv_token_check(core->token_key, &claim, now_ms, req->token, &age_ms) ||
        age_ms >= s->policy.path_valid_ms) {
        return false;
    }
    uint64_t newest = JV_MAX(req->gateway_time_ms, jv_token_time(req->token));
    return newest <= now_ms && now_ms - newest <= s->policy.reattach_proof_max_age_ms;
}

static struct judgement judge_token(const struct jv_core *core, struct jv_session *s,
                                    const struct jv_slot *slot, const struct jv_request *req)
{
    bool leaves_path = s->bound != NULL && !is_bound_address(s, slot);
    if (leaves_path && (req->flags & (JV_REQ_HINT | JV_REQ_UNLESS)) != 0) {
        const struct jv_epoch *epoch = jv_keys_at(s->keys, req->hint_epoch);
        if (epoch == NULL || (epoch->window.any && epoch->window.top >= req->hint_counter)) {
            /* The bound address has delivered that counter or a higher one: a raced copy leads nowhere, not even to a challenge. */
            return (struct judgement){VERDICT_DROP, JV_WHY_FRESHNESS_INVALID, 0};
        }
    }
    return (struct judgement){.verdict = has_valid_token(core, s, slot, req) ? VERDICT_COMMIT
                                                                             : VERDICT_CHALLENGE};
}

static struct jv_rate request_rate(const struct jv_session *s)
{
    return (struct jv_rate){s->policy.reattach_per_min, 60, s->policy.reattach_per_min / 4 + 1};
}

void jv_reattach_begin(const struct jv_core *core, struct jv_session *s)
{
    const struct jv_rate rate = request_rate(s);
    jv_bucket_init(&s->requests, &rate, core->now);
}

static struct judgement judge(struct jv_core *core, struct jv_session *s,
                              const struct jv_slot *slot, const struct jv_request *req)
{
    struct judgement j;
    if (judge_order(s, slot, req, &j)) {
        return j;
    }
    /* The policy's tight limit counts proven requests of new orders: neither garbage nor replays starve the client. */
    const struct jv_rate rate = request_rate(s);
    uint64_t wait_ms = jv_bucket_wait_ms(&s->requests, &rate, core->now);
    if (wait_ms > 0) {
        return reject(JV_WHY_RATE_LIMITED, wait_ms);
    }
    bool is_move = !is_bound_address(s, slot);
    if (!is_move && s->state == JV_ST_ATTACHED) {
        /*
         * Anybody can write the bound address as the source of a copy. Answered without the token of that very address, a request
         * for another path would be spent there before it arrives from its own, and the jump with it.
         */
        return (struct judgement){
            .verdict = has_valid_token(core, s, slot, req) ? VERDICT_ACK_AGAIN : VERDICT_CHALLENGE};
    }
    /* P9: rows that this side ran alone make no request stale, a version before the last commit does. */
    if (req->version < s->commit.version || req->version > s->v) {
        return reject(JV_WHY_INVALID_STATE_VERSION, 0);
    }
    if (judge_policy(core, s, req, is_move, &j)) {
        return j;
    }
    return judge_token(core, s, slot, req);
}

static void record_denial(struct jv_core *core, struct jv_session *s, const struct jv_slot *slot,
                          const struct jv_request *req, const struct judgement *j,
                          struct jv_out *out)
{
    if (!jv_bucket_take(&core->replay_records, &security_records, core->now)) {
        core->replay_suppressed++;
        return;
    }
    enum jv_event_type event = j->why == JV_WHY_REPLAY_DETECTED ? JV_REC_SecurityReplayDetected
                               : j->why == JV_WHY_INVALID_STATE_VERSION
                                   ? JV_REC_VersionMismatchReject
                               : j->verdict == VERDICT_DROP ? JV_REC_SecurityValidationFailed
                                                            : JV_REC_TransportSwitchDenied;
    struct jv_record *rec = jv_session_record(core, s, event, j->why, out);
    rec->remote = slot->remote;
    jv_record_put(rec, JV_FD_order, req->order);
    jv_record_put(rec, JV_FD_peer_v, req->version);
    jv_record_put(rec, JV_FD_count, core->replay_suppressed + 1);
    if (j->retry_ms > 0) {
        jv_record_put(rec, JV_FD_retry_after_ms, j->retry_ms);
    }
    core->replay_suppressed = 0;
}

/* Limits are charged by what happens, not by what is asked. */
static void charge(struct jv_core *core, struct jv_session *s, const struct jv_slot *slot,
                   const struct jv_request *req)
{
    const struct jv_rate rebinds = {s->policy.rebind_max_per_min, 60, s->policy.rebind_max_per_min};
    const struct jv_rate switches = jv_session_switch_rate(s);
    const struct jv_rate requests = request_rate(s);
    bool is_counted = jv_bucket_take(&s->requests, &requests, core->now);
    JV_ASSERT(is_counted); /* judge() saw a token */
    if (is_bound_address(s, slot)) {
        return;
    }
    bool charged = req->path_id == s->commit.path_id
                       ? jv_bucket_take(&s->rebinds, &rebinds, core->now)
                       : jv_bucket_take(&s->switches, &switches, core->now);
    JV_ASSERT(charged); /* judge_policy() saw a token */
}

void jv_reattach_on_request(struct jv_core *core, struct jv_session *s,
                            const struct jv_header *header, struct jv_slot *slot,
                            struct jv_out *out)
{
    uint8_t body[JV_REQUEST_BODY];
    struct jv_request req;
    enum jv_drop drop = JV_DROP_CONSUMED;
    if (!open_control(core, s, header, slot, body, sizeof body, out)) {
        return;
    }
    if (!jv_request_decode(body, sizeof body, &req)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (jv_resend_is_false(s, &req.report)) {
        jv_session_end(core, s, JV_EV_FATAL_FOUND, JV_WHY_FATAL_PROTOCOL_ERROR, JV_RULE_NONE, out);
        jv_core_drop(core, slot, JV_DROP_CONSUMED);
        return;
    }
    struct judgement j = judge(core, s, slot, &req);
    switch (j.verdict) {
    case VERDICT_COMMIT:
        charge(core, s, slot, &req);
        commit(core, s, header, slot, &req, out);
        break;
    case VERDICT_ACK_AGAIN:
        if (req.order > s->order) {
            charge(core, s, slot, &req);
            /* The transport that is bound, in a session that is well: no row moves, the number is spent by the answer. */
            s->order = s->commit.order = req.order;
            s->commit.path_id = req.path_id;
            s->commit.is_move = false;
            s->commit.locator = header->locator;
            s->commit.next_counter = s->keys->epochs[JV_EPOCH_CURRENT].tx_next;
            memcpy(s->commit.random, req.random, sizeof s->commit.random);
            s->ack_left = s->ack_ahead = 0;
            jv_locator_renew_spares(core, s);
        }
        send_ack(core, s, out);
        break;
    case VERDICT_CHALLENGE:
        send_challenge(core, s, header, slot, &req, out);
        drop = JV_DROP_REQUEST_CHALLENGED;
        break;
    case VERDICT_REJECT:
        record_denial(core, s, slot, &req, &j, out);
        send_reject(core, s, header, slot, &req, j.why, j.retry_ms, out);
        drop = JV_DROP_REQUEST_REFUSED;
        break;
    case VERDICT_DROP:
        record_denial(core, s, slot, &req, &j, out);
        drop = JV_DROP_REQUEST_REFUSED;
        break;
    }
    jv_core_drop(core, slot, drop);
}

void jv_reattach_on_report(struct jv_session *s, const struct jv_frame_report *f)
{
    s->order = JV_MAX(s->order, f->order_spent);
}

void jv_reattach_on_bound(struct jv_core *core, struct jv_session *s,
                          const struct jv_frame_bound *f)
{
    if (f->order != s->commit.order) {
        return;
    }
    s->ack_due = JV_NEVER;
    s->ack_left = s->ack_ahead = 0;
    s->spares_arrived = true;
    s->own.locator = s->commit.next_locator;
    if (s->retired.used) {
        s->retired.has_mark = true;
        s->retired.mark_epoch = f->next_epoch;
        s->retired.mark_counter = f->next_counter;
    }
    jv_core_touch(core, s);
}

/* ---- deadlines ---- */

static struct jv_instant dead_at(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_instant silence = jv_liveness_silence_at(core, s);
    return jv_is_never(silence) ? JV_NEVER : jv_add_ms(silence, s->policy.transport_dead_ms);
}

struct jv_instant jv_reattach_deadline(const struct jv_core *core, const struct jv_session *s)
{
    if (s->bound == NULL || s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return JV_NEVER;
    }
    struct jv_instant judge_at =
        s->state == JV_ST_ATTACHED ? jv_liveness_silence_at(core, s) : dead_at(core, s);
    return jv_earlier(s->ack_due, judge_at);
}

static void judge_silence(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_record_field f[] = {{JV_FD_silent_us, jv_liveness_silent_us(core, s)},
                                        {JV_FD_silence_limit_us, jv_liveness_limit_us(core, s)}};
    if (s->state == JV_ST_ATTACHED) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_VolatilitySignal, JV_WHY_HEARTBEAT_TIMEOUT, out);
        jv_record_path(rec, s->bound);
        rec->rule = JV_RULE_SILENCE;
        jv_record_put(rec, JV_FD_silent_us, f[0].value);
        jv_record_put(rec, JV_FD_silence_limit_us, f[1].value);
        (void)jv_session_apply(core, s,
                               &(struct jv_step){JV_EV_INSTABILITY_SEEN, JV_WHY_HEARTBEAT_TIMEOUT,
                                                 JV_RULE_SILENCE, f, 2},
                               out);
    }
    if (jv_is_due(dead_at(core, s), core->now)) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_TransportDead, JV_WHY_TRANSPORT_DEAD, out);
        jv_record_path(rec, s->bound);
        rec->rule = JV_RULE_DEAD;
        jv_record_put(rec, JV_FD_silent_us, f[0].value);
        (void)jv_session_apply(
            core, s, &(struct jv_step){JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD, JV_RULE_DEAD, f, 2},
            out);
    }
}

void jv_reattach_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (s->bound == NULL || s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return;
    }
    if (jv_is_due(s->ack_due, core->now)) {
        s->ack_left--;
        send_ack(core, s, out);
    }
    if (jv_is_due(jv_liveness_silence_at(core, s), core->now)) {
        judge_silence(core, s, out);
    }
}
