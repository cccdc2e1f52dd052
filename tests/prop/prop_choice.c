/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of paths, the hysteresis, the penalty and the pause between recoveries, each against a model that is written the long way
 * round: a sort by the words of the documents, and arithmetic in wide numbers.
 */
#include <string.h>

#include "choice.h"
#include "client_state.h"
#include "degraded.h"
#include "guard.h"
#include "health.h"
#include "liveness.h"
#include "penalty.h"
#include "rank.h"
#include "rounds.h"

static struct jv_core core;
static struct jv_client client;
static struct jv_session session;

static uint64_t below(struct jv_prng *prng, uint64_t n)
{
    return jv_prng_below(prng, n);
}

static void draw_path(struct jv_prng *prng, uint8_t i)
{
    struct jv_path *path = &client.paths[i];
    path->used = below(prng, 5) != 0;
    path->is_off = below(prng, 8) == 0;
    path->id = i;
    path->name[0] = (char)('a' + i);
    path->prefer = (uint32_t)below(prng, 3);
    path->is_metered = below(prng, 3) == 0;
    path->cost = (uint32_t)below(prng, 3);
    path->is_cold = below(prng, 4) == 0;
    path->was_heard = below(prng, 6) != 0;
    path->unanswered = below(prng, 4) == 0 ? 1 : 0;
    path->stable_since.ns = core.now.ns - below(prng, 4) * JV_NS_PER_S;
    path->rtt = (struct jv_rtt){
        .any = below(prng, 5) != 0, .srtt_us = below(prng, 60000), .jitter_us = below(prng, 20000)};
    if (below(prng, 2) == 0) {
        jv_health_loss(&core, path, (uint32_t)below(prng, 300000), JV_HEALTH_UNKNOWN);
    }
    for (uint64_t n = below(prng, 20); n > 0; n--) {
        jv_health_probe(&core, path, below(prng, 5) != 0);
    }
    if (below(prng, 4) == 0) {
        jv_penalty_add(&core, path, 1000 + (uint32_t)below(prng, 5000), 100000);
    }
}

static void draw_world(struct jv_prng *prng)
{
    memset(&core, 0, sizeof core);
    memset(&client, 0, sizeof client);
    memset(&session, 0, sizeof session);
    core.client = &client;
    core.cfg.role = JV_ROLE_CLIENT;
    core.now.ns = 1000 * JV_NS_PER_S + below(prng, JV_NS_PER_S);
    for (uint32_t i = 0; i < sizeof core.hash_key; i++) {
        core.hash_key[i] = (uint8_t)below(prng, 256);
    }
    for (uint32_t i = 0; i < JV_SID_BYTES; i++) {
        session.sid.b[i] = (uint8_t)below(prng, 256);
    }
    session.policy = jv_policy_presets[below(prng, JV_PRESETS)];
    session.state = below(prng, 2) == 0 ? JV_ST_ATTACHED : JV_ST_VOLATILE;
    for (uint8_t i = 0; i < JV_PATH_MAX; i++) {
        draw_path(prng, i);
    }
    uint64_t bound = below(prng, JV_PATH_MAX);
    client.paths[bound].used = true;
    session.bound = &client.paths[bound];
}

/* ---- ranking ---- */

static uint32_t loss_class(uint32_t ppm)
{
    return ppm < 10000 ? 0 : ppm < 50000 ? 1 : ppm < 100000 ? 2 : ppm < 200000 ? 3 : 4;
}

/* The words of rank.h, one after the other. */
static bool goes_before(const struct jv_path *a, const struct jv_path *b)
{
    bool fined_a = jv_penalty_ms(&core, a) > 0;
    bool fined_b = jv_penalty_ms(&core, b) > 0;
    uint32_t loss_a = loss_class(jv_health_worst_loss(&core, a));
    uint32_t loss_b = loss_class(jv_health_worst_loss(&core, b));
    uint64_t rtt_a = (a->rtt.any ? a->rtt.srtt_us : JV_RTT_INITIAL_US) / 10000;
    uint64_t rtt_b = (b->rtt.any ? b->rtt.srtt_us : JV_RTT_INITIAL_US) / 10000;
    uint64_t steady_a = jv_health_stable_ms(&core, &session, a) / 1000;
    uint64_t steady_b = jv_health_stable_ms(&core, &session, b) / 1000;
    if (fined_a != fined_b) {
        return fined_b;
    }
    if (a->prefer != b->prefer) {
        return a->prefer > b->prefer;
    }
    if (a->is_metered != b->is_metered) {
        return b->is_metered;
    }
    if (a->cost != b->cost) {
        return a->cost < b->cost;
    }
    if (a->is_cold != b->is_cold) {
        return b->is_cold;
    }
    if (loss_a != loss_b) {
        return loss_a < loss_b;
    }
    if (rtt_a != rtt_b) {
        return rtt_a < rtt_b;
    }
    return steady_a != steady_b ? steady_a > steady_b : a->id < b->id;
}

/* Every path has as many before it as its place says, those in use and in the choice are there once, and one time is like the other. */
static bool ranking_is_the_order_of_the_words(struct jv_prng *prng)
{
    uint8_t order[JV_PATH_MAX];
    uint8_t again[JV_PATH_MAX];
    draw_world(prng);
    uint32_t n = jv_rank(&core, &session, order);
    uint32_t used = 0;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        used += client.paths[i].used && !client.paths[i].is_off ? 1 : 0;
    }
    if (n != used || jv_rank(&core, &session, again) != n || memcmp(order, again, n) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t before = 0;
        for (uint32_t k = 0; k < n; k++) {
            const struct jv_path *a = &client.paths[order[k]];
            const struct jv_path *b = &client.paths[order[i]];
            before += k != i && goes_before(a, b) ? 1 : 0;
            enum jv_why why = jv_rank_behind(&core, &session, b, a);
            if (k != i && (why == JV_WHY_NONE) != goes_before(b, a)) {
                return false;
            }
        }
        if (before != i) {
            return false;
        }
    }
    return true;
}

/* ---- hysteresis ---- */

static bool hysteresis_never_rises_and_ends(struct jv_prng *prng)
{
    draw_world(prng);
    session.policy.switch_improvement_factor = 1000000 + (uint32_t)below(prng, 9000001);
    session.policy.hysteresis_halving_ms = 100 + (uint32_t)below(prng, 10000);
    client.doubt.signals = 1;
    client.doubt.since = core.now;
    uint64_t score = jv_health_score(&core, session.bound);
    uint64_t last = UINT64_MAX;
    for (uint32_t halvings = 0; halvings < 30; halvings++) {
        uint64_t margin = session.policy.switch_improvement_factor - 1000000;
        for (uint32_t i = 0; i < halvings; i++) {
            margin /= 2;
        }
        uint64_t want = score * (1000000 + margin) / 1000000;
        core.now = jv_add_ms(client.doubt.since,
                             (uint64_t)halvings * session.policy.hysteresis_halving_ms);
        /* What was measured of loss is forgotten with time, which is another matter. */
        uint64_t now_score = jv_health_score(&core, session.bound);
        want = now_score != score ? now_score * (1000000 + margin) / 1000000 : want;
        uint64_t got = jv_choice_score_needed(&core, &session);
        if (got != want || (now_score == score && got > last)) {
            return false;
        }
        last = now_score == score ? got : UINT64_MAX;
        score = now_score;
    }
    return last == UINT64_MAX || last == score;
}

/* ---- pauses and penalties ---- */

static bool pauses_keep_their_bounds(struct jv_prng *prng)
{
    draw_world(prng);
    uint64_t least = 50 + below(prng, 5000);
    uint64_t most = least + below(prng, 100000);
    session.policy.degraded_retry_ms = (uint32_t)least;
    session.policy.degraded_retry_max_ms = (uint32_t)most;
    uint64_t want = least;
    for (uint32_t i = 0; i < 40; i++) {
        uint64_t got = jv_degraded_failed(&core, &session);
        uint64_t again = jv_degraded_backoff_ms(&core, &session, i);
        if (got != again || got > want || got < want - want / 4 ||
            jv_since_ms(core.now, client.backoff_at) != got) {
            return false;
        }
        want = JV_MIN(want * 2, most);
    }
    client.switch_retry_at = JV_NEVER;
    jv_degraded_over(&core);
    return jv_is_never(jv_degraded_retry_at(&core)) && jv_degraded_failed(&core, &session) <= least;
}

static bool penalties_follow_the_model(struct jv_prng *prng)
{
    uint64_t strikes = 0;
    uint64_t until = 0;
    draw_world(prng);
    memset(client.penalties, 0, sizeof client.penalties);
    const struct jv_path *path = &client.paths[below(prng, JV_PATH_MAX)];
    for (uint32_t i = 0; i < 60; i++) {
        core.now =
            jv_add_ms(core.now, below(prng, 3) == 0 ? below(prng, 3000000) : below(prng, 5000));
        uint64_t now = core.now.ns / JV_NS_PER_MS;
        uint64_t left = jv_penalty_ms(&core, path);
        uint64_t model = until > now ? until - now : 0;
        if (left > model + 1 || left + 1 < model) {
            return false;
        }
        uint64_t forgiven = until != 0 && now > until ? (now - until) / 600000 : 0;
        strikes = forgiven > strikes ? 0 : strikes - forgiven;
        uint64_t fine = JV_MIN((uint64_t)2000 << JV_MIN(strikes, (uint64_t)16), (uint64_t)500000);
        until = JV_MAX(until, now + fine);
        strikes++;
        jv_penalty_add(&core, path, 2000, 500000);
    }
    return true;
}

/* ---- events of a minute ---- */

#define EVENTS 400U

static bool minute_is_between_55_and_60_seconds(struct jv_prng *prng)
{
    static uint64_t at[EVENTS];
    struct jv_minute minute = {0};
    struct jv_instant now = {below(prng, 200 * JV_NS_PER_S)};
    for (uint32_t i = 0; i < EVENTS; i++) {
        now = jv_add_ms(now, below(prng, 50) == 0 ? below(prng, 100000) : below(prng, 3000));
        jv_minute_add(&minute, now);
        at[i] = now.ns;
        struct jv_instant look = jv_add_ms(now, below(prng, 70000));
        uint32_t least = 0;
        uint32_t most = 0;
        for (uint32_t k = 0; k <= i; k++) {
            least += look.ns - at[k] <= 55 * JV_NS_PER_S ? 1 : 0;
            most += look.ns - at[k] < 60 * JV_NS_PER_S ? 1 : 0;
        }
        uint32_t got = jv_minute_count(&minute, look);
        if (got < least || got > most) {
            return false;
        }
    }
    return true;
}

static bool all(struct jv_prng *prng)
{
    return ranking_is_the_order_of_the_words(prng) && hysteresis_never_rises_and_ends(prng) &&
           pauses_keep_their_bounds(prng) && penalties_follow_the_model(prng) &&
           minute_is_between_55_and_60_seconds(prng);
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_choice_follows_its_models", 500, all);
}
