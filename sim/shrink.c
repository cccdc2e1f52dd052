/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"

#include <string.h>

#include "base.h"

static uint32_t steps_in(const struct sim_plan *plan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->steps_len; i++) {
        n += plan->steps[i].is_out ? 0 : 1;
    }
    return n;
}

/* Take out the steps from the `first`-th that is in on, `len` of them. */
static void take_out(struct sim_plan *plan, uint32_t first, uint32_t len)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->steps_len; i++) {
        if (plan->steps[i].is_out) {
            continue;
        }
        if (n >= first && n < first + len) {
            plan->steps[i].is_out = true;
        }
        n++;
    }
}

struct search {
    struct sim_plan *plan;
    bool (*fails)(const struct sim_plan *);
    uint32_t runs, runs_max;
};

static bool try_plan(struct search *s, const struct sim_plan *candidate)
{
    if (s->runs == s->runs_max) {
        return false;
    }
    s->runs++;
    if (!s->fails(candidate)) {
        return false;
    }
    *s->plan = *candidate;
    return true;
}

static void shrink_steps(struct search *s)
{
    static struct sim_plan candidate;
    uint32_t chunk = steps_in(s->plan);
    while (chunk > 0 && s->runs < s->runs_max) {
        bool found = false;
        for (uint32_t first = 0; first < steps_in(s->plan) && s->runs < s->runs_max;) {
            candidate = *s->plan;
            take_out(&candidate, first, chunk);
            if (try_plan(s, &candidate)) {
                found = true;
            } else {
                first += chunk;
            }
        }
        if (!found || chunk > 1) {
            chunk = chunk == 1 ? 0 : (chunk + 1) / 2;
        }
    }
}

static void shrink_world(struct search *s)
{
    static struct sim_plan candidate;
    for (uint32_t c = 0; c < s->plan->clients_len; c++) {
        candidate = *s->plan;
        candidate.clients[c].up_us = candidate.clients[c].down_us = 0;
        (void)try_plan(s, &candidate);
        candidate = *s->plan;
        candidate.clients[c].drift_ppm = 0;
        candidate.gateway_drift_ppm = 0;
        (void)try_plan(s, &candidate);
    }
    uint64_t last_ms = 1000;
    for (uint32_t i = 0; i < s->plan->steps_len; i++) {
        if (!s->plan->steps[i].is_out) {
            last_ms = JV_MAX(last_ms, s->plan->steps[i].until_ms + 1);
        }
    }
    candidate = *s->plan;
    candidate.faults_ms = last_ms;
    (void)try_plan(s, &candidate);
}

uint32_t shrink(struct sim_plan *plan, bool (*fails)(const struct sim_plan *), uint32_t runs_max)
{
    struct search s = {plan, fails, 0, runs_max};
    shrink_steps(&s);
    shrink_world(&s);
    return s.runs;
}
