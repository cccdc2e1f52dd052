/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting that doubles: penalties of a path that failed, over every sequence of failures with these pauses, and the pauses between
 * recoveries, for every failure in a row. The models double by adding and forget by counting down.
 */
#include "client_state.h"
#include "degraded.h"
#include "exh.h"
#include "penalty.h"
#include "session.h"
#include "solo.h"

#define BASE_MS 30000U
#define MOST_MS 100000U

static struct solo fix;

static uint64_t doubled(uint64_t ms, uint64_t times, uint64_t most)
{
    for (uint64_t i = 0; i < times && ms < most; i++) {
        ms += ms;
    }
    return ms < most ? ms : most;
}

struct failed {
    uint64_t strikes, until_ms;
};

static void failures(const struct jv_penalty *from, const struct failed *known, uint64_t now_ms,
                     uint32_t depth)
{
    static const uint64_t pauses_ms[] = {0,      1,      30000,  60000,   599999,
                                         600000, 630000, 660000, 1300000, 100000000};
    static struct jv_path path = {.name = "fibre/udp"};
    struct jv_core *core = fix.core;
    for (size_t i = 0; depth > 0 && i < 2 * JV_ARRAY_LEN(pauses_ms); i++) {
        /* A policy that became milder does not shorten what was given before. */
        uint32_t base_ms = i % 2 == 0 ? BASE_MS : 1000;
        uint64_t at = now_ms + pauses_ms[i / 2];
        struct failed f = *known;
        core->client->penalties[0] = *from;
        core->now = (struct jv_instant){at * JV_NS_PER_MS};
        uint64_t left = jv_penalty_ms(core, &path);
        EXH_CASE(left == (f.until_ms > at ? f.until_ms - at : 0), "%llu ms left",
                 (unsigned long long)left);
        for (uint64_t t = f.until_ms; f.strikes > 0 && at >= t + 600000; t += 600000) {
            f.strikes--; /* ten minutes without a failure */
        }
        uint64_t until = at + doubled(base_ms, f.strikes, MOST_MS);
        f.until_ms = until > f.until_ms ? until : f.until_ms;
        f.strikes++;
        jv_penalty_add(core, &path, base_ms, MOST_MS);
        left = jv_penalty_ms(core, &path);
        EXH_CASE(left == f.until_ms - at, "%llu ms after a failure, %llu wanted",
                 (unsigned long long)left, (unsigned long long)(f.until_ms - at));
        const struct jv_penalty next = core->client->penalties[0];
        failures(&next, &f, at, depth - 1);
    }
}

static void backoff(struct jv_session *s)
{
    static const uint32_t turns[] = {50, 51, 999, 1000, 60000, 600000};
    for (uint32_t v = 0; v < 36; v++) {
        s->policy.degraded_retry_ms = turns[v / 6];
        s->policy.degraded_retry_max_ms = JV_MAX(turns[v / 6], turns[v % 6]);
        for (uint32_t attempt = 0; attempt < 80; attempt++) {
            uint32_t n = attempt < 70 ? attempt : UINT32_MAX - (attempt - 70);
            uint64_t most = doubled(turns[v / 6], n, s->policy.degraded_retry_max_ms);
            uint64_t wait = jv_degraded_backoff_ms(fix.core, s, n);
            EXH_CASE(wait <= most && wait >= most - most / 4 &&
                         wait == jv_degraded_backoff_ms(fix.core, s, n),
                     "failure %u: %llu ms of %llu", n, (unsigned long long)wait,
                     (unsigned long long)most);
        }
    }
}

int main(int argc, char **argv)
{
    solo_cfg(&fix, JV_ROLE_CLIENT);
    solo_start(&fix);
    const struct jv_penalty none = {.strikes = 0};
    const struct failed never = {0, 0};
    failures(&none, &never, 1000, exh_is_wide(argc, argv) ? 5 : 4);
    exh_law(
        "a failure doubles what the path waits, ten minutes without one halve it, the cap holds");
    struct jv_session *s = jv_session_open(fix.core, &fix.cfg.policy);
    JV_ASSERT(s != NULL);
    backoff(s);
    exh_law("the pause behind a failed recovery doubles to its cap, less at most a quarter, the "
            "same each time it is asked");
    solo_stop(&fix);
    return exh_end();
}
