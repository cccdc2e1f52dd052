/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include "client_state.h"
#include "health.h"
#include "liveness.h"
#include "path.h"
#include "penalty.h"
#include "rank.h"
#include "session.h"
#include "steer.h"

#define ONE_PPM 1000000U
#define DENIED_AGAIN_MS 60000U

uint64_t jv_choice_cooldown_ms(const struct jv_core *core, const struct jv_session *s)
{
    uint64_t since_ms = jv_since_ms(s->last_switch, core->now);
    bool is_cool = s->switches_total == 0 || since_ms >= s->policy.switch_cooldown_ms;
    return is_cool ? 0 : s->policy.switch_cooldown_ms - since_ms;
}

/* A move by choice never takes the last token: that one is kept for a path that dies. */
static uint64_t spare_token_wait_ms(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_rate rate = jv_session_switch_rate(s);
    struct jv_bucket bucket = s->switches;
    if (!jv_bucket_take(&bucket, &rate, core->now)) {
        return jv_bucket_wait_ms(&s->switches, &rate, core->now);
    }
    return jv_bucket_wait_ms(&bucket, &rate, core->now);
}

uint32_t jv_choice_score_needed(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_client *cl = core->client;
    uint64_t margin = s->policy.switch_improvement_factor - ONE_PPM;
    uint64_t doubt_ms = cl->doubt.signals != 0 ? jv_since_ms(cl->doubt.since, core->now) : 0;
    margin = s->policy.enforce_hysteresis != 0 ? margin : 0;
    margin >>= JV_MIN(doubt_ms / s->policy.hysteresis_halving_ms, (uint64_t)32);
    return (uint32_t)(jv_health_score(core, s->bound) * (ONE_PPM + margin) / ONE_PPM);
}

/* What would be left again at once is no aim. */
static bool is_below_floor(const struct jv_core *core, const struct jv_session *s,
                           const struct jv_path *to)
{
    uint64_t limit_us = (uint64_t)s->policy.latency_volatile_threshold_ms * 1000;
    return jv_health_worst_loss(core, to) > s->policy.loss_volatile_threshold ||
           (limit_us > 0 && jv_rtt_srtt_us(&to->rtt) > limit_us) ||
           jv_health_score(core, to) < s->policy.candidate_score_threshold;
}

static struct jv_choice denied(struct jv_choice choice, enum jv_why why, enum jv_rule rule,
                               uint64_t wait_ms)
{
    choice.why = why;
    choice.rule = rule;
    choice.wait_ms = wait_ms;
    return choice;
}

/* What the path itself has against it. */
static struct jv_choice judge_path(const struct jv_core *core, const struct jv_session *s,
                                   const struct jv_path *to, enum jv_choice_kind kind)
{
    struct jv_choice choice = {.score = jv_health_score(core, to)};
    uint64_t penalty_ms = jv_penalty_ms(core, to);
    uint64_t steady_ms = jv_since_ms(to->stable_since, core->now);
    if (kind == JV_CHOICE_QUALITY && s->bound != NULL) {
        choice.score_needed = jv_choice_score_needed(core, s);
    }
    if (to->is_off) {
        return denied(choice, JV_WHY_OPERATOR_ORDER, JV_RULE_NONE, 0);
    }
    if (!jv_path_is_proven(core, s, to)) {
        return denied(choice, JV_WHY_NOT_PROVEN, JV_RULE_RANKING, 0);
    }
    if (penalty_ms > 0) {
        return denied(choice, JV_WHY_PENALISED, JV_RULE_PENALTY, penalty_ms);
    }
    if (is_below_floor(core, s, to)) {
        return denied(choice, JV_WHY_QUALITY_FLOOR_VIOLATION, JV_RULE_FLOOR, 0);
    }
    if (kind == JV_CHOICE_QUALITY && choice.score <= choice.score_needed) {
        return denied(choice, JV_WHY_HYSTERESIS_ACTIVE, JV_RULE_HYSTERESIS, 0);
    }
    if (kind == JV_CHOICE_WISH && steady_ms < s->policy.dwell_ms) {
        return denied(choice, JV_WHY_DWELL_ACTIVE, JV_RULE_DWELL, s->policy.dwell_ms - steady_ms);
    }
    return choice;
}

struct jv_choice jv_choice_judge(const struct jv_core *core, const struct jv_session *s,
                                 const struct jv_path *to, enum jv_choice_kind kind)
{
    struct jv_choice choice = judge_path(core, s, to, kind);
    uint64_t cooldown_ms = jv_choice_cooldown_ms(core, s);
    uint64_t hold_ms = jv_steer_hold_left_ms(core);
    uint64_t token_ms = spare_token_wait_ms(core, s);
    if (choice.why != JV_WHY_NONE) {
        return choice;
    }
    if (kind == JV_CHOICE_QUALITY && core->client->is_capped) {
        return denied(choice, JV_WHY_POLICY_DENIED, JV_RULE_ENTRIES, 0);
    }
    if (cooldown_ms > 0) {
        return denied(choice, JV_WHY_COOLDOWN_ACTIVE, JV_RULE_COOLDOWN, cooldown_ms);
    }
    if (hold_ms > 0) {
        return denied(choice, JV_WHY_OPERATOR_HOLD, JV_RULE_HOLD, hold_ms);
    }
    if (token_ms > 0) {
        return denied(choice, JV_WHY_SWITCH_RATE_LIMITED, JV_RULE_SPARE_TOKEN,
                      token_ms == JV_WAIT_FOREVER ? 0 : token_ms);
    }
    return choice;
}

enum jv_why jv_choice_why_not(const struct jv_core *core, const struct jv_session *s,
                              const struct jv_path *path)
{
    if (path == s->bound) {
        return JV_WHY_NONE;
    }
    if (path->is_cold && s->state == JV_ST_ATTACHED && !path->is_off) {
        return JV_WHY_COLD_STANDBY;
    }
    bool is_wish = s->bound != NULL && jv_rank_is_wanted_more(path, s->bound);
    bool is_doubted = core->client->doubt.signals != 0;
    struct jv_choice choice =
        jv_choice_judge(core, s, path, is_wish || !is_doubted ? JV_CHOICE_WISH : JV_CHOICE_QUALITY);
    if (choice.why != JV_WHY_NONE && (is_wish || is_doubted || choice.why == JV_WHY_NOT_PROVEN ||
                                      choice.why == JV_WHY_PENALISED || path->is_off)) {
        return choice.why;
    }
    enum jv_why why =
        s->bound != NULL ? jv_rank_behind(core, s, path, s->bound) : JV_WHY_LOWER_PREFERENCE;
    return why != JV_WHY_NONE ? why : JV_WHY_BOUND_PATH_WELL;
}

/* ---- records ---- */

static void put_measured(const struct jv_core *core, const struct jv_path *path,
                         struct jv_record *rec)
{
    jv_record_path(rec, path);
    jv_record_put(rec, JV_FD_rtt_us, jv_rtt_srtt_us(&path->rtt));
    jv_record_put(rec, JV_FD_loss_ppm, jv_health_worst_loss(core, path));
    jv_record_put(rec, JV_FD_score, jv_health_score(core, path));
    jv_record_put(rec, JV_FD_prefer, path->prefer);
    if (path->cost > 0) {
        jv_record_put(rec, JV_FD_cost, path->cost);
    }
    if (path->unanswered > 0) {
        jv_record_put(rec, JV_FD_unanswered, path->unanswered);
    }
}

/* The limit that the rule is about, and how far away it is. */
static void put_limit(const struct jv_session *s, const struct jv_choice *choice,
                      struct jv_instant now, struct jv_record *rec)
{
    if (choice->why == JV_WHY_HYSTERESIS_ACTIVE) {
        jv_record_put(rec, JV_FD_score_limit, choice->score_needed);
    } else if (choice->why == JV_WHY_PENALISED) {
        jv_record_put(rec, JV_FD_penalty_left_ms, choice->wait_ms);
    } else if (choice->why == JV_WHY_DWELL_ACTIVE) {
        jv_record_put(rec, JV_FD_dwell_left_ms, choice->wait_ms);
    } else if (choice->why == JV_WHY_COOLDOWN_ACTIVE) {
        jv_record_put(rec, JV_FD_cooldown_left_ms, choice->wait_ms);
    } else if (choice->why == JV_WHY_SWITCH_RATE_LIMITED) {
        jv_record_put(rec, JV_FD_switches_in_window, jv_session_switches_in_window(s, now));
        jv_record_put(rec, JV_FD_switches_limit, s->policy.max_switches_per_min);
        jv_record_put(rec, JV_FD_retry_after_ms, choice->wait_ms);
    } else if (choice->why == JV_WHY_QUALITY_FLOOR_VIOLATION) {
        jv_record_put(rec, JV_FD_loss_limit_ppm, s->policy.loss_volatile_threshold);
        jv_record_put(rec, JV_FD_score_limit, s->policy.candidate_score_threshold);
        jv_record_put(rec, JV_FD_latency_limit_us,
                      (uint64_t)s->policy.latency_volatile_threshold_ms * 1000);
    }
}

void jv_choice_deny(struct jv_core *core, struct jv_session *s, const struct jv_path *to,
                    const struct jv_choice *choice, struct jv_out *out)
{
    struct jv_denied *told = &core->client->denied[to != NULL ? to->id : JV_PATH_MAX];
    if (choice->why == JV_WHY_OPERATOR_HOLD) {
        (void)jv_steer_holds(core, s, to, out); /* it keeps its own count of what was told */
        return;
    }
    bool is_recent = told->why != JV_WHY_NONE && jv_since_ms(told->at, core->now) < DENIED_AGAIN_MS;
    /* A path that misses a probe between two other denials is no news. */
    if (is_recent && (told->why == choice->why || choice->why == JV_WHY_NOT_PROVEN)) {
        return;
    }
    told->why = choice->why;
    told->at = core->now;
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_TransportSwitchDenied, choice->why, out);
    rec->rule = (uint8_t)choice->rule;
    if (to != NULL) {
        put_measured(core, to, rec);
    }
    put_limit(s, choice, core->now, rec);
}

void jv_choice_record(struct jv_core *core, struct jv_session *s, const struct jv_path *chosen,
                      struct jv_out *out)
{
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, order);
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &core->client->paths[i];
        if (!path->used || path->is_gone || path == chosen || path == s->bound) {
            continue;
        }
        struct jv_choice choice = {0};
        bool is_quality = core->client->doubt.signals != 0 && !core->client->suspected;
        if (is_quality || path->is_off || !jv_path_is_proven(core, s, path)) {
            choice = judge_path(core, s, path, JV_CHOICE_QUALITY);
        }
        if (choice.why == JV_WHY_NONE) {
            choice.why = jv_rank_behind(core, s, path, chosen);
            choice.rule = JV_RULE_RANKING;
            choice.wait_ms = jv_penalty_ms(core, path);
        }
        if (choice.why == JV_WHY_NONE) {
            choice.why =
                JV_WHY_NOT_PROVEN; /* it goes before, but its last answer is from before the silence */
        }
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_CandidateConsidered, choice.why, out);
        rec->rule = (uint8_t)choice.rule;
        put_measured(core, path, rec);
        put_limit(s, &choice, core->now, rec);
        for (uint32_t k = 0; k < n; k++) {
            if (order[k] == i) {
                jv_record_put(rec, JV_FD_rank, k + 1);
            }
        }
    }
}
