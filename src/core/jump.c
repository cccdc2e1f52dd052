/* SPDX-License-Identifier: Apache-2.0 */
#include "jump.h"

#include <string.h>

#include "choice.h"
#include "client_state.h"
#include "degraded.h"
#include "failback.h"
#include "health.h"
#include "liveness.h"
#include "loss.h"
#include "path.h"
#include "penalty.h"
#include "quality.h"
#include "rank.h"
#include "request.h"
#include "session.h"
#include "steer.h"

#define DOUBLING_DECAY_MS 60000U
#define SPARES_LOW 3U
#define SPARES_PAUSE_MS 5000U

static void step(struct jv_core *core, struct jv_session *s, enum jv_event event, enum jv_why why,
                 enum jv_rule rule, struct jv_out *out)
{
    (void)jv_session_apply(core, s, &(struct jv_step){.event = event, .why = why, .rule = rule},
                           out);
}

/* ---- suspicion ---- */

static void forget_suspicion(struct jv_client *cl)
{
    cl->suspected = false;
    cl->standby_answered = false;
    cl->confirm_at = JV_NEVER;
}

static void suspect(struct jv_core *core, struct jv_session *s, enum jv_why why, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    forget_suspicion(cl);
    cl->suspected = true;
    cl->one_way = why == JV_WHY_CONSECUTIVE_DROP_EXCEEDED;
    cl->suspected_at = core->now;
    cl->healthy_since = JV_NEVER;
    jv_health_shaken(core, s->bound);
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (cl->paths[i].used) {
            cl->paths[i].probe_due = core->now;
            cl->paths[i].answered_us = cl->paths[i].newest_us;
            cl->paths[i].probe_time_us = 0; /* what is out was no question about this silence */
        }
    }
    jv_core_touch(core, s);
    if (s->state != JV_ST_ATTACHED) {
        return;
    }
    enum jv_rule rule = cl->one_way ? JV_RULE_UNANSWERED : JV_RULE_SILENCE;
    struct jv_record *rec = jv_session_record(core, s, JV_REC_VolatilitySignal, why, out);
    jv_record_path(rec, s->bound);
    rec->rule = (uint8_t)rule;
    jv_record_put(rec, JV_FD_rtt_us, jv_rtt_srtt_us(&s->bound->rtt));
    jv_record_put(rec, JV_FD_jitter_us, jv_rtt_jitter_us(&s->bound->rtt));
    jv_record_put(rec, JV_FD_silent_us, jv_liveness_silent_us(core, s));
    jv_record_put(rec, JV_FD_unanswered, s->live.beats_unanswered);
    jv_record_put(rec, JV_FD_silence_limit_us, jv_liveness_limit_us(core, s));
    jv_record_put(rec, JV_FD_unanswered_limit, s->policy.max_consecutive_drops);
    step(core, s, JV_EV_INSTABILITY_SEEN, why, rule, out);
    jv_degraded_entered(core, s, out);
}

static void learn(struct jv_core *core, struct jv_path *path)
{
    path->doublings += path->doublings < 16 ? 1 : 0;
    path->doubling_decay = jv_add_ms(core->now, DOUBLING_DECAY_MS);
}

void jv_jump_left_too_early(struct jv_core *core, const struct jv_session *s, struct jv_path *path)
{
    /* Twice the floor, and as much again for the pause between two probes. */
    uint64_t patience_ms = (uint64_t)s->policy.silence_floor_ms << (path->doublings + 2);
    uint64_t limit_ms = JV_MIN(patience_ms, (uint64_t)s->policy.silence_ceiling_ms);
    if (jv_since_ms(path->heard, core->now) < limit_ms) {
        learn(core, path);
    }
}

void jv_jump_note_gap(struct jv_core *core, struct jv_session *s)
{
    uint64_t before_us = ((uint64_t)s->policy.silence_floor_ms * 1000) << (s->bound->doublings - 1);
    if (jv_liveness_silent_us(core, s) > before_us) {
        s->bound->doubling_decay = jv_add_ms(core->now, DOUBLING_DECAY_MS);
    }
}

void jv_jump_on_heard(struct jv_core *core, struct jv_session *s)
{
    struct jv_client *cl = core->client;
    if (cl->one_way && s->live.beats_unanswered > 0) {
        return; /* what arrives was never in doubt, what is sent is */
    }
    if (!cl->one_way && !jv_quality_is_doubted(core)) {
        jv_loss_restart(core, s); /* a silence that is over is no loss of the path */
    }
    forget_suspicion(cl);
    cl->healthy_since = core->now;
    if (s->bound->doublings < 16 && s->state == JV_ST_VOLATILE) {
        /* The suspicion was false: this path may be silent for longer next time, up to the ceiling. */
        learn(core, s->bound);
    }
    jv_core_touch(core, s);
}

/* ---- candidates ---- */

static bool is_candidate(const struct jv_core *core, const struct jv_session *s,
                         const struct jv_path *path)
{
    return path != s->bound && jv_path_is_proven(core, s, path) &&
           (!core->client->suspected || !jv_is_before(path->token_at, core->client->suspected_at));
}

static uint64_t switch_wait_ms(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_rate rate = jv_session_switch_rate(s);
    return jv_bucket_wait_ms(&s->switches, &rate, core->now);
}

struct jv_path *jv_jump_next_candidate(struct jv_core *core, struct jv_session *s,
                                       const struct jv_path *tried)
{
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, order);
    for (uint32_t i = 0; i < n; i++) {
        struct jv_path *path = &core->client->paths[order[i]];
        if (path != tried && is_candidate(core, s, path)) {
            return path;
        }
    }
    return NULL;
}

static uint32_t count_paths(const struct jv_core *core, const struct jv_path *except)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        n += core->client->paths[i].used && &core->client->paths[i] != except ? 1 : 0;
    }
    return n;
}

/* ---- moving ---- */

bool jv_jump_may_try(const struct jv_core *core, const struct jv_session *s,
                     const struct jv_path *to)
{
    return to->number == core->client->last_number || switch_wait_ms(core, s) == 0;
}

/* A limit, or the pause behind a recovery that failed, says when to ask again. */
static bool must_wait(const struct jv_core *core)
{
    struct jv_instant retry_at = jv_degraded_retry_at(core);
    return !jv_is_never(retry_at) && !jv_is_due(retry_at, core->now);
}

/* The cap holds for every switch; recovery from a dead path is exempt from the cooldown only (design §5). */
static bool may_switch(struct jv_core *core, struct jv_session *s, const struct jv_path *to,
                       struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint64_t wait_ms = switch_wait_ms(core, s);
    if (jv_jump_may_try(core, s, to)) {
        return true;
    }
    bool waits = must_wait(core);
    if (!waits) {
        struct jv_record *rec = jv_session_record(core, s, JV_REC_TransportSwitchDenied,
                                                  JV_WHY_SWITCH_RATE_LIMITED, out);
        jv_record_path(rec, to);
        rec->rule = JV_RULE_TOKEN_BUCKET;
        jv_record_put(rec, JV_FD_switches_in_window, jv_session_switches_in_window(s, core->now));
        jv_record_put(rec, JV_FD_switches_limit, s->policy.max_switches_per_min);
        jv_record_put(rec, JV_FD_retry_after_ms, wait_ms);
        cl->switch_retry_at = wait_ms == JV_WAIT_FOREVER ? JV_NEVER : jv_add_ms(core->now, wait_ms);
        jv_core_touch(core, s);
    }
    if (s->state == JV_ST_VOLATILE) {
        step(core, s, JV_EV_SWITCH_REFUSED, JV_WHY_SWITCH_RATE_LIMITED, JV_RULE_TOKEN_BUCKET, out);
    }
    return false;
}

static void start_switch(struct jv_core *core, struct jv_session *s, struct jv_path *to,
                         enum jv_why why, enum jv_rule rule, struct jv_out *out)
{
    if (!may_switch(core, s, to, out)) {
        return;
    }
    jv_choice_record(core, s, to, out);
    const struct jv_record_field fields[] = {
        {JV_FD_candidates, count_paths(core, s->bound)},
        {JV_FD_silent_us, jv_liveness_silent_us(core, s)},
        {JV_FD_score, jv_health_score(core, to)},
        {JV_FD_recovery_window_ms, s->policy.recovery_window_ms}};
    enum jv_why start = s->state == JV_ST_DEGRADED ? JV_WHY_RECOVERY_RETRY : why;
    core->client->attempts = 0;
    if (jv_session_apply(
            core, s,
            &(struct jv_step){JV_EV_SWITCH_STARTED, start, rule, fields, JV_ARRAY_LEN(fields)},
            out)) {
        jv_request_begin(core, s, &(struct jv_request_aim){.path = to, .why = why}, out);
    }
}

static void prove_in_place(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_record_field fields[] = {
        {JV_FD_stable_ms, jv_since_ms(core->client->healthy_since, core->now)},
        {JV_FD_stability_window_ms, jv_degraded_window_ms(core, s)}};
    core->client->attempts = 0;
    if (jv_session_apply(core, s,
                         &(struct jv_step){JV_EV_HEALTH_PROVEN, JV_WHY_HEALTH_RECOVERED,
                                           JV_RULE_IN_PLACE, fields, 2},
                         out)) {
        jv_request_begin(core, s,
                         &(struct jv_request_aim){
                             .path = s->bound, .why = JV_WHY_HEALTH_RECOVERED, .in_place = true},
                         out);
    }
}

static void lose_path(struct jv_core *core, struct jv_session *s, enum jv_rule rule,
                      struct jv_out *out)
{
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_TransportDead, JV_WHY_TRANSPORT_DEAD, out);
    jv_record_path(rec, s->bound);
    rec->rule = (uint8_t)rule;
    jv_record_put(rec, JV_FD_silent_us, jv_liveness_silent_us(core, s));
    core->client->last_heard = s->bound->was_heard ? s->bound->heard : core->now;
    if (s->state == JV_ST_ATTACHED) {
        jv_degraded_note(core);
    }
    jv_penalty_add(core, s->bound, s->policy.dwell_ms, s->policy.penalty_max_ms);
    jv_quality_forget(core);
    step(core, s, JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD, rule, out);
}

void jv_jump_path_gone(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       struct jv_out *out)
{
    struct jv_client *cl = core->client;
    bool was_requested = cl->request.used && cl->request.path == path->id;
    bool was_bound = path == s->bound;
    path->is_gone = true;
    path->has_token = false; /* no candidate any more, though the slot is still there */
    if (was_bound) {
        forget_suspicion(cl);
        lose_path(core, s, JV_RULE_LOCAL_FACT, out);
    }
    struct jv_path *next = jv_jump_next_candidate(core, s, path);
    if (was_requested) {
        enum jv_why why = cl->request.why;
        jv_request_abandon(core);
        if (next != NULL && s->state == JV_ST_RECOVERING && jv_jump_may_try(core, s, next)) {
            jv_request_begin(core, s, &(struct jv_request_aim){.path = next, .why = why}, out);
            return;
        }
    }
    if (s->bound != NULL || s->state == JV_ST_RECOVERING) {
        return;
    }
    if (next != NULL && (was_bound || !must_wait(core))) {
        /* A path that comes and goes beside them ends no pause between two recoveries. */
        start_switch(core, s, next, JV_WHY_DEAD_TRANSPORT_RECOVERY, JV_RULE_LOCAL_FACT, out);
    } else if (count_paths(core, path) == 0 && s->state == JV_ST_VOLATILE) {
        step(core, s, JV_EV_CANDIDATES_EXHAUSTED, JV_WHY_NO_CANDIDATE_TRANSPORTS, JV_RULE_RANKING,
             out);
    }
}

void jv_jump_rebind(struct jv_core *core, struct jv_session *s, const uint8_t token[JV_TOKEN_BYTES],
                    const struct jv_hint *mark, bool is_hint, struct jv_out *out)
{
    const struct jv_rate rate = {s->policy.rebind_max_per_min, 60, s->policy.rebind_max_per_min};
    if (!jv_bucket_take(&s->rebinds, &rate, core->now)) {
        return; /* above its cap a rebinding waits: the next hint or probe asks again */
    }
    const struct jv_request_aim aim = {.path = s->bound,
                                       .why = JV_WHY_NAT_REBIND_DETECTED,
                                       .rebind = true,
                                       .token = token,
                                       .mark = mark,
                                       .is_hint = is_hint};
    core->client->attempts = 0;
    if (s->state == JV_ST_ATTACHED) {
        jv_degraded_note(core);
        step(core, s, JV_EV_MOVE_SEEN, JV_WHY_NAT_REBIND_DETECTED, JV_RULE_HINT, out);
    }
    if (s->state == JV_ST_VOLATILE || s->state == JV_ST_DEGRADED) {
        enum jv_why start =
            s->state == JV_ST_VOLATILE ? JV_WHY_POLICY_FORCED_RECOVERY : JV_WHY_RECOVERY_RETRY;
        step(core, s, JV_EV_SWITCH_STARTED, start, JV_RULE_HINT, out);
    }
    if (s->state == JV_ST_RECOVERING) {
        jv_request_begin(core, s, &aim, out);
    }
}

void jv_jump_failed(struct jv_core *core, struct jv_session *s, enum jv_why why, struct jv_out *out)
{
    bool quiet = core->client->request.quiet;
    jv_request_abandon(core);
    if (quiet) {
        return;
    }
    struct jv_record *rec = jv_session_record(core, s, JV_REC_TransportSwitchFailed, why, out);
    jv_record_path(rec, s->bound);
    if (s->state == JV_ST_RECOVERING) {
        step(core, s, JV_EV_REATTACH_REFUSED, JV_WHY_REATTACH_VALIDATION_FAILED, JV_RULE_PIPELINE,
             out);
    }
}

bool jv_jump_because_of(struct jv_core *core, struct jv_session *s, struct jv_path *to,
                        enum jv_why why, enum jv_rule rule, struct jv_out *out)
{
    if (must_wait(core)) {
        return false;
    }
    start_switch(core, s, to, why, rule, out);
    return s->state == JV_ST_RECOVERING;
}

/* ---- evidence ---- */

void jv_jump_on_report(struct jv_core *core, struct jv_session *s, const struct jv_frame_report *f,
                       struct jv_out *out)
{
    struct jv_client *cl = core->client;
    cl->gateway_time_ms = JV_MAX(cl->gateway_time_ms, f->gateway_time_ms);
    if (f->version < s->v) {
        return; /* it left before a commit that this side knows of */
    }
    s->v = f->version;
    bool peer_doubts = f->state == JV_ST_VOLATILE || f->state == JV_ST_DEGRADED;
    bool is_short = cl->spares_len < SPARES_LOW;
    if ((peer_doubts || is_short) && s->state == JV_ST_ATTACHED && !cl->suspected &&
        !cl->request.used && jv_is_due(cl->quiet_at, core->now)) {
        /*
         * One side's doubt never ends a session whose path works: prove it anew, in place. The ACK brings fresh locators as well:
         * without one left, a link that comes up could not even be probed.
         */
        cl->quiet_at = jv_add_ms(core->now, peer_doubts ? 1000 : SPARES_PAUSE_MS);
        jv_request_begin(
            core, s,
            &(struct jv_request_aim){
                .path = s->bound, .why = JV_WHY_HEALTH_RECOVERED, .in_place = true, .quiet = true},
            out);
    }
}

/* The network maps the path elsewhere since the request for it went out: its answer goes, or went, to nobody. */
static bool has_moved_under_request(const struct jv_client *cl, const struct jv_path *path)
{
    const struct jv_request_out *req = &cl->request;
    return req->used && req->path == path->id && req->tries > 0 && !req->quiet &&
           req->observed.ip.family != JV_AF_NONE &&
           !jv_endpoint_is_equal(&req->observed, &path->observed);
}

/* With another number: the gateway may have answered the first one, and takes its copies from elsewhere for a replay. */
static void ask_from_there(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                           struct jv_out *out)
{
    struct jv_client *cl = core->client;
    if (cl->attempts + 1 < s->policy.max_reattach_attempts) {
        cl->attempts++;
        jv_request_begin(core, s, &(struct jv_request_aim){.path = path, .why = cl->request.why},
                         out);
    }
}

void jv_jump_on_probe_reply(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                            const struct jv_probe_reply *reply, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    bool has_moved = has_moved_under_request(cl, path);
    /* What left before the last commit does not know that this path is bound. */
    bool is_stale = reply->version < s->v;
    if (path == s->bound) {
        if (!reply->is_bound && !is_stale && reply->state != JV_ST_TERMINATED &&
            (!cl->request.used || has_moved)) {
            const struct jv_hint mark = {.epoch = path->mark_epoch, .counter = path->mark_counter};
            jv_jump_rebind(core, s, reply->token, &mark, false, out);
        } else if (reply->is_bound && cl->suspected) {
            if (cl->one_way) {
                s->live.beats_unanswered = 0; /* this round trip went both ways */
            }
            jv_jump_on_heard(core, s);
        }
        return;
    }
    cl->failback_at = core->now;
    if (has_moved && s->state == JV_ST_RECOVERING) {
        ask_from_there(core, s, path, out);
    } else if (s->bound == NULL && s->state == JV_ST_RECOVERING && !cl->request.used &&
               jv_jump_may_try(core, s, path)) {
        /* The path of the request went away and no other was proven: this one is. */
        jv_request_begin(
            core, s, &(struct jv_request_aim){.path = path, .why = JV_WHY_DEAD_TRANSPORT_RECOVERY},
            out);
    } else if (s->bound == NULL && !must_wait(core) &&
               (s->state == JV_ST_VOLATILE || s->state == JV_ST_DEGRADED)) {
        start_switch(core, s, path, JV_WHY_DEAD_TRANSPORT_RECOVERY, JV_RULE_RANKING, out);
    } else if (cl->suspected && !cl->standby_answered && s->bound != NULL) {
        cl->standby_answered = true;
        uint64_t wait = jv_rtt_srtt_us(&s->bound->rtt) / 2 + 4 * jv_rtt_jitter_us(&s->bound->rtt);
        cl->confirm_at = jv_add_us(core->now, wait);
        jv_core_touch(core, s);
    }
}

void jv_jump_by_choice(struct jv_core *core, struct jv_session *s, struct jv_path *to,
                       enum jv_why why, enum jv_rule rule, struct jv_out *out)
{
    step(core, s, JV_EV_MOVE_ORDERED, why, rule, out);
    start_switch(core, s, to, JV_WHY_POLICY_FORCED_RECOVERY, rule, out);
}

struct jv_path *jv_jump_judge_order(struct jv_core *core, struct jv_session *s, uint32_t link,
                                    struct jv_switch_verdict *out)
{
    struct jv_path *to = NULL;
    for (uint32_t i = 0; i < JV_PATH_MAX && to == NULL; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (path->used && path->link == link && path != s->bound &&
            jv_path_is_proven(core, s, path)) {
            to = path;
        }
    }
    out->cooldown_left_ms = jv_choice_cooldown_ms(core, s);
    out->err = JV_E_OK;
    if (to == NULL) {
        bool is_bound = s->bound != NULL && s->bound->link == link;
        out->why = is_bound ? JV_WHY_DUAL_BIND_FORBIDDEN : JV_WHY_NOT_PROVEN;
        out->err = JV_E_NOTFOUND;
    } else if (s->state != JV_ST_ATTACHED) {
        out->why = JV_WHY_INVALID_STATE_FOR_REATTACH;
        out->err = JV_E_STATE;
    } else if (out->cooldown_left_ms > 0) {
        out->why = JV_WHY_COOLDOWN_ACTIVE;
        out->rule = JV_RULE_COOLDOWN;
        out->wait_ms = out->cooldown_left_ms;
        out->err = JV_E_REFUSED;
    } else if (!jv_jump_may_try(core, s, to)) {
        uint64_t wait_ms = switch_wait_ms(core, s);
        out->why = JV_WHY_SWITCH_RATE_LIMITED;
        out->rule = JV_RULE_TOKEN_BUCKET;
        out->wait_ms = wait_ms == JV_WAIT_FOREVER ? 0 : wait_ms;
        out->err = JV_E_REFUSED;
    }
    return to;
}

enum jv_err jv_jump_order(struct jv_core *core, struct jv_session *s, uint32_t link,
                          struct jv_out *out)
{
    struct jv_switch_verdict verdict = {0};
    struct jv_path *to = jv_jump_judge_order(core, s, link, &verdict);
    if (verdict.why == JV_WHY_COOLDOWN_ACTIVE) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_TransportSwitchDenied, JV_WHY_COOLDOWN_ACTIVE, out);
        jv_record_path(rec, to);
        rec->rule = JV_RULE_COOLDOWN;
        jv_record_put(rec, JV_FD_cooldown_left_ms, verdict.cooldown_left_ms);
    } else if (verdict.why == JV_WHY_SWITCH_RATE_LIMITED) {
        (void)may_switch(core, s, to, out); /* it is not allowed; this puts it on record */
    } else if (verdict.err == JV_E_OK) {
        jv_jump_by_choice(core, s, to, JV_WHY_POLICY_TRIGGER, JV_RULE_NONE, out);
    }
    return verdict.err;
}

/* ---- deadlines ---- */

static struct jv_instant healthy_at(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_client *cl = core->client;
    struct jv_instant retry_at = jv_degraded_retry_at(core);
    if (jv_is_never(cl->healthy_since)) {
        return JV_NEVER;
    }
    struct jv_instant at = jv_add_ms(cl->healthy_since, jv_degraded_window_ms(core, s));
    return !jv_is_never(retry_at) && jv_is_before(at, retry_at) ? retry_at : at;
}

static struct jv_instant dead_at(const struct jv_session *s, const struct jv_client *cl)
{
    return jv_add_ms(cl->suspected_at, s->policy.transport_dead_ms);
}

struct jv_instant jv_jump_deadline(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_client *cl = core->client;
    struct jv_instant t = jv_request_deadline(core);
    if (s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return JV_NEVER;
    }
    if (s->bound == NULL) {
        return jv_earlier(t, s->state == JV_ST_RECOVERING ? JV_NEVER : jv_degraded_retry_at(core));
    }
    if (!cl->suspected) {
        t = jv_earlier(t, jv_liveness_silence_at(core, s));
    }
    t = jv_earlier(t, jv_loss_deadline(s));
    if (s->state == JV_ST_ATTACHED) {
        t = jv_earlier(t, cl->failback_at);
    }
    if (s->state == JV_ST_RECOVERING && cl->suspected) {
        t = jv_earlier(t, dead_at(s, cl));
    }
    if (s->state == JV_ST_VOLATILE || s->state == JV_ST_DEGRADED) {
        t = jv_earlier(t, cl->suspected                 ? jv_earlier(cl->confirm_at, dead_at(s, cl))
                          : jv_quality_is_doubted(core) ? JV_NEVER
                                                        : healthy_at(core, s));
        t = jv_earlier(t, jv_degraded_retry_at(core));
    }
    return t;
}

static bool is_silent(const struct jv_core *core, const struct jv_session *s)
{
    return jv_is_due(jv_liveness_silence_at(core, s), core->now);
}

static void judge_suspected(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_path *next = jv_jump_next_candidate(core, s, s->bound);
    bool confirmed = jv_is_due(cl->confirm_at, core->now) && !cl->one_way;
    bool probes_failed = s->bound->unanswered >= s->policy.probes_max;
    if (jv_is_due(cl->confirm_at, core->now)) {
        cl->confirm_at = JV_NEVER;
    }
    if (next != NULL && (confirmed || probes_failed) && !must_wait(core)) {
        start_switch(core, s, next, JV_WHY_DEAD_TRANSPORT_RECOVERY,
                     confirmed ? JV_RULE_CONFIRM : JV_RULE_PROBES, out);
        if (s->state == JV_ST_RECOVERING) {
            return;
        }
        /* Refused: the path that is silent may still turn out dead. */
    }
    if (jv_is_due(dead_at(s, cl), core->now)) {
        forget_suspicion(cl);
        lose_path(core, s, JV_RULE_DEAD, out);
        if (next == NULL && s->state == JV_ST_VOLATILE) {
            step(core, s, JV_EV_CANDIDATES_EXHAUSTED, JV_WHY_NO_CANDIDATE_TRANSPORTS,
                 JV_RULE_RANKING, out);
        }
    }
}

static void judge_doubtful(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    bool may_retry = jv_is_due(jv_degraded_retry_at(core), core->now);
    if (may_retry) {
        cl->switch_retry_at = cl->backoff_at = JV_NEVER;
    }
    if (s->bound == NULL) {
        struct jv_path *next = jv_jump_next_candidate(core, s, NULL);
        if (may_retry && next != NULL) {
            start_switch(core, s, next, JV_WHY_DEAD_TRANSPORT_RECOVERY, JV_RULE_RANKING, out);
        }
    } else if (cl->suspected) {
        judge_suspected(core, s, out);
    } else if (is_silent(core, s)) {
        suspect(core, s, JV_WHY_HEARTBEAT_TIMEOUT, out);
    } else if (jv_quality_is_doubted(core)) {
        /* Its windows decide, jv_quality_judge() knows how. */
    } else if (jv_is_never(cl->healthy_since)) {
        cl->healthy_since = core->now;
    } else if (jv_is_due(healthy_at(core, s), core->now)) {
        prove_in_place(core, s, out);
    }
}

void jv_jump_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    if (cl->request.used && s->state != JV_ST_RECOVERING && !cl->request.quiet) {
        jv_request_abandon(core); /* the recovery window closed over it */
        cl->healthy_since = JV_NEVER;
    }
    if (s->bound != NULL && s->bound->doublings > 0 &&
        jv_is_due(s->bound->doubling_decay, core->now)) {
        s->bound->doublings--;
        s->bound->doubling_decay = jv_add_ms(core->now, DOUBLING_DECAY_MS);
    }
    jv_quality_judge(core, s, out);
    switch (s->state) {
    case JV_ST_ATTACHED:
        if (s->bound != NULL && is_silent(core, s)) {
            suspect(core, s, JV_WHY_HEARTBEAT_TIMEOUT, out);
        } else if (s->live.beats_unanswered >= s->policy.max_consecutive_drops) {
            suspect(core, s, JV_WHY_CONSECUTIVE_DROP_EXCEEDED, out);
        } else {
            jv_failback_consider(core, s, out);
        }
        break;
    case JV_ST_VOLATILE:
    case JV_ST_DEGRADED:
        judge_doubtful(core, s, out);
        break;
    case JV_ST_RECOVERING:
        if (s->bound != NULL && !cl->suspected && is_silent(core, s)) {
            suspect(core, s, JV_WHY_HEARTBEAT_TIMEOUT, out);
        } else if (s->bound != NULL && cl->suspected && jv_is_due(dead_at(s, cl), core->now)) {
            /* The clock without transport starts here too: requests that nobody answers must not put it off. */
            forget_suspicion(cl);
            lose_path(core, s, JV_RULE_DEAD, out);
        }
        break;
    case JV_ST_BIRTH:
    case JV_ST_TERMINATED:
    case JV_ST_END:
        break;
    }
    jv_request_expire(core, s, out);
}
