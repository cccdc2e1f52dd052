/* SPDX-License-Identifier: Apache-2.0 */
#include "quality.h"

#include "choice.h"
#include "client_state.h"
#include "degraded.h"
#include "health.h"
#include "jump.h"
#include "loss.h"
#include "penalty.h"
#include "rank.h"
#include "session.h"

enum signal { LOSS = 1U << 0, LATENCY = 1U << 1, JITTER = 1U << 2 };
#define ROUND_TRIPS (LATENCY | JITTER)

struct look { /* what one window showed */
    bool has_loss, has_round_trips;
    uint32_t loss_ppm;
    uint64_t p95_us, jitter_us;
};

bool jv_quality_is_doubted(const struct jv_core *core)
{
    return core->client->doubt.signals != 0;
}

void jv_quality_forget(struct jv_core *core)
{
    core->client->doubt.signals = 0;
}

static struct jv_instant later(struct jv_instant a, struct jv_instant b)
{
    return jv_is_before(a, b) ? b : a;
}

/* While all is well the last latency window counts; in doubt only what came since: the spike that began it is not its own proof. */
static struct look look_at(struct jv_core *core, struct jv_session *s)
{
    const struct jv_client *cl = core->client;
    struct look look = {0};
    uint64_t window_ns = (uint64_t)s->policy.latency_window_ms * JV_NS_PER_MS;
    struct jv_instant since = {core->now.ns > window_ns ? core->now.ns - window_ns : 0};
    since = later(since, s->live.since);
    since = cl->doubt.signals != 0 ? later(since, cl->doubt.since) : since;
    look.has_loss = jv_loss_close(core, s, &look.loss_ppm);
    look.has_round_trips = jv_health_samples(core, s->bound, since) >= JV_LATENCY_SAMPLE_MIN;
    if (look.has_round_trips) {
        look.p95_us = jv_health_p95_us(core, s->bound, since);
        look.jitter_us = jv_health_jitter_us(core, s->bound, since);
    }
    return look;
}

/* Half of the way from `limit` to `floor`, the best that the path can do. */
static uint64_t halfway(uint64_t limit, uint64_t floor)
{
    return limit - (limit - JV_MIN(floor, limit)) / 2;
}

/* The signals above their limits; `is_leaving`: above what ends a doubt. */
static uint32_t signals_of(const struct jv_core *core, const struct jv_session *s,
                           const struct look *look, bool is_leaving)
{
    uint64_t loss = s->policy.loss_volatile_threshold;
    uint64_t latency = (uint64_t)s->policy.latency_volatile_threshold_ms * 1000;
    uint64_t jitter = (uint64_t)s->policy.jitter_volatile_threshold_ms * 1000;
    uint64_t best = jv_health_best_us(core, s->bound);
    bool is_slow = latency > 0 && look->has_round_trips &&
                   look->p95_us > (is_leaving ? halfway(latency, best) : latency);
    bool is_uneven =
        jitter > 0 && look->has_round_trips && look->jitter_us > (is_leaving ? jitter / 2 : jitter);
    bool is_lossy = look->has_loss && look->loss_ppm > (is_leaving ? loss / 2 : loss);
    return (is_lossy ? LOSS : 0U) | (is_slow ? LATENCY : 0U) | (is_uneven ? JITTER : 0U);
}

static enum jv_why why_of(uint32_t signals)
{
    return signals & LOSS      ? JV_WHY_LOSS_THRESHOLD_EXCEEDED
           : signals & LATENCY ? JV_WHY_LATENCY_THRESHOLD_EXCEEDED
                               : JV_WHY_JITTER_THRESHOLD_EXCEEDED;
}

static enum jv_rule rule_of(uint32_t signals)
{
    return signals & LOSS ? JV_RULE_LOSS : signals & LATENCY ? JV_RULE_LATENCY : JV_RULE_JITTER;
}

#define FIELDS_MAX 7U
/* What was seen, with the limit of each signal that spoke. */
static uint32_t fields_of(const struct jv_session *s, const struct look *look, uint32_t signals,
                          struct jv_record_field out[FIELDS_MAX])
{
    uint32_t n = 0;
    if (look->has_loss) {
        out[n++] = (struct jv_record_field){JV_FD_loss_ppm, look->loss_ppm};
    }
    if (signals & LOSS) {
        out[n++] =
            (struct jv_record_field){JV_FD_loss_limit_ppm, s->policy.loss_volatile_threshold};
        out[n++] = (struct jv_record_field){JV_FD_loss_window_ms, s->policy.loss_window_ms};
    }
    if (look->has_round_trips && (signals & ROUND_TRIPS)) {
        out[n++] = (struct jv_record_field){JV_FD_p95_us, look->p95_us};
        out[n++] = (struct jv_record_field){JV_FD_jitter_us, look->jitter_us};
    }
    if (signals & LATENCY) {
        out[n++] = (struct jv_record_field){
            JV_FD_latency_limit_us, (uint64_t)s->policy.latency_volatile_threshold_ms * 1000};
    }
    if (signals & JITTER) {
        out[n++] = (struct jv_record_field){
            JV_FD_jitter_limit_us, (uint64_t)s->policy.jitter_volatile_threshold_ms * 1000};
    }
    return n;
}

/* ---- moving ---- */

static void move(struct jv_core *core, struct jv_session *s, struct jv_path *to, enum jv_rule rule,
                 struct jv_out *out)
{
    const struct jv_client *cl = core->client;
    const struct jv_path *left = s->bound;
    JV_ASSERT(cl != NULL && left != NULL); /* a client measured it, on the bound path */
    enum jv_why why = cl->doubt.signals & LOSS ? JV_WHY_LOSS_RECOVERY : JV_WHY_RECOVERY_START;
    if (jv_jump_because_of(core, s, to, why, rule, out)) {
        jv_penalty_add(core, left, s->policy.penalty_ms, s->policy.penalty_max_ms);
    }
}

/* The first of the ranking that nothing denies; otherwise the denial of the first one is told. */
static void move_to_a_better(struct jv_core *core, struct jv_session *s, enum jv_rule rule,
                             struct jv_out *out)
{
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, order);
    const struct jv_path *first = NULL;
    struct jv_choice denial = {.why = JV_WHY_NO_CANDIDATE_TRANSPORTS, .rule = JV_RULE_RANKING};
    for (uint32_t i = 0; i < n; i++) {
        struct jv_path *path = &core->client->paths[order[i]];
        if (path == s->bound) {
            continue;
        }
        struct jv_choice choice = jv_choice_judge(core, s, path, JV_CHOICE_QUALITY);
        if (choice.why == JV_WHY_NONE) {
            move(core, s, path, rule, out);
            return;
        }
        denial = first == NULL ? choice : denial;
        first = first == NULL ? path : first;
    }
    jv_choice_deny(core, s, first, &denial, out);
    if (denial.why == JV_WHY_SWITCH_RATE_LIMITED && s->state == JV_ST_VOLATILE) {
        (void)jv_session_apply(core, s,
                               &(struct jv_step){.event = JV_EV_SWITCH_REFUSED,
                                                 .why = JV_WHY_SWITCH_RATE_LIMITED,
                                                 .rule = denial.rule},
                               out);
    }
}

/* ---- judging ---- */

/* Latency and jitter come from the same answers: one spike makes both. Loss is counted apart. */
static bool is_agreed(uint32_t signals)
{
    return (signals & LOSS) && (signals & ROUND_TRIPS);
}

static void enter(struct jv_core *core, struct jv_session *s, const struct look *look,
                  uint32_t signals, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_record_field fields[FIELDS_MAX];
    uint32_t n = fields_of(s, look, signals, fields);
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_VolatilitySignal, why_of(signals), out);
    jv_record_path(rec, s->bound);
    rec->rule = (uint8_t)rule_of(signals);
    for (uint32_t i = 0; i < n; i++) {
        jv_record_put(rec, (enum jv_record_key)fields[i].key, fields[i].value);
    }
    cl->doubt.signals = signals;
    cl->doubt.since = core->now;
    cl->healthy_since = JV_NEVER;
    jv_health_shaken(core, s->bound);
    jv_loss_look_again(core, s, s->policy.volatility_confirm_ms);
    if (s->state == JV_ST_ATTACHED) {
        (void)jv_session_apply(
            core, s,
            &(struct jv_step){JV_EV_INSTABILITY_SEEN, why_of(signals), rule_of(signals), fields, n},
            out);
        jv_degraded_entered(core, s, out);
    }
    bool may_move = !cl->suspected && !cl->request.used;
    if (may_move && (is_agreed(signals) || s->policy.volatility_confirm_ms == 0)) {
        move_to_a_better(core, s, is_agreed(signals) ? JV_RULE_TWO_SIGNALS : rule_of(signals), out);
    }
}

/* What there is too little of to tell counts as over for loss; round trips come as long as anything is answered, so for them it waits. */
static uint32_t still(const struct jv_core *core, const struct jv_session *s,
                      const struct look *look)
{
    uint32_t held = signals_of(core, s, look, true) & core->client->doubt.signals;
    return look->has_round_trips ? held : held | (core->client->doubt.signals & ROUND_TRIPS);
}

static void look_again(struct jv_core *core, struct jv_session *s, const struct look *look,
                       struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint32_t held = still(core, s, look);
    if (held == 0) {
        jv_quality_forget(core);
        cl->healthy_since = core->now;
        return;
    }
    cl->doubt.signals = held | signals_of(core, s, look, false);
    bool is_seen = look->has_round_trips || (held & LOSS);
    if (is_seen && !cl->suspected && !cl->request.used) {
        bool is_lossy = (cl->doubt.signals & LOSS) != 0;
        move_to_a_better(core, s,
                         is_agreed(cl->doubt.signals) ? JV_RULE_TWO_SIGNALS
                         : is_lossy                   ? JV_RULE_LOSS_PERSISTS
                                                      : JV_RULE_SLOW_PERSISTS,
                         out);
    }
}

void jv_quality_judge(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (s->bound == NULL || !jv_is_due(jv_loss_deadline(s), core->now)) {
        return;
    }
    if (s->state == JV_ST_RECOVERING) {
        /* Nothing follows from it now, and what the window saw is not to be forgotten for a proof in place: it goes on. */
        jv_loss_look_again(core, s, JV_LOSS_DEFER_MS);
        return;
    }
    const struct look look = look_at(core, s);
    uint32_t signals = signals_of(core, s, &look, false);
    if (jv_quality_is_doubted(core) && s->state != JV_ST_ATTACHED) {
        look_again(core, s, &look, out);
    } else if (signals != 0) {
        /* Also behind a suspicion of silence: heartbeats that go unanswered in a row are what loss looks like first. */
        enter(core, s, &look, signals, out);
    }
}
