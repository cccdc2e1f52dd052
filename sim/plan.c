/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "batch.h"
#include "prng.h"

/* ---- names ---- */

static const struct {
    const char *name, *text;
} kinds[] = {
#define K(name, text) {#name, text},
#include "fault.def"
#undef K
};

const char *plan_kind_name(enum plan_kind kind)
{
    return kinds[kind].name;
}

const char *plan_kind_text(enum plan_kind kind)
{
    return kinds[kind].text;
}

/* ---- drawing ---- */

static uint32_t draw(struct jv_prng *prng, uint32_t bound)
{
    JV_ASSERT(bound > 0);
    return (uint32_t)jv_prng_below(prng, bound);
}

static uint32_t between(struct jv_prng *prng, uint32_t low, uint32_t high)
{
    return low + draw(prng, high - low + 1);
}

static bool one_in(struct jv_prng *prng, uint32_t n)
{
    return draw(prng, n) == 0;
}

static void draw_policy(struct jv_prng *prng, struct plan_client *c)
{
    static const uint32_t ttls_ms[] = {13000, 20000, 45000};
    enum jv_policy_field field;
    c->preset = (enum jv_preset)draw(prng, JV_PRESETS);
    struct jv_policy *p = &c->policy;
    *p = jv_policy_presets[c->preset];
    p->transport_lost_ttl_ms = ttls_ms[draw(prng, JV_ARRAY_LEN(ttls_ms))];
    p->recovery_window_ms = JV_MIN(p->recovery_window_ms, p->transport_lost_ttl_ms / 2);
    if (one_in(prng, 2)) {
        p->quiet_after_ms = between(prng, 500, 4000);
        p->quiet_max_ms = between(prng, 1000, 60000);
        p->heartbeat_idle_ms = JV_MIN(p->heartbeat_idle_ms, 3000U);
    }
    if (one_in(prng, 3)) {
        p->key_max_age_ms = between(prng, 10000, 30000);
    }
    if (one_in(prng, 8)) {
        p->max_lifetime_ms = between(prng, 60000, 90000);
    }
    if (one_in(prng, 6)) {
        p->resend_max_kib = draw(prng, 32);
    }
    if (jv_policy_check(p, &field) != NULL) {
        *p = jv_policy_presets[JV_PRESET_FAST];
    }
}

static void draw_link(struct jv_prng *prng, struct sim_plan *plan, struct plan_link *link,
                      uint32_t l)
{
    *link = (struct plan_link){.rtt_us = between(prng, 500, one_in(prng, 5) ? 400000 : 60000),
                               .nat = one_in(prng, 4) ? PLAN_NATS : draw(prng, plan->nats_len),
                               .prefer = one_in(prng, 3) ? between(prng, 1, 200) : 100 - l * 10,
                               .cost = draw(prng, 3),
                               .is_cold = one_in(prng, 8),
                               .is_metered = one_in(prng, 6),
                               .has_v6 = one_in(prng, 4),
                               .is_tapped = one_in(prng, 2)};
}

static void draw_client(struct jv_prng *prng, struct sim_plan *plan, struct plan_client *c)
{
    memset(c, 0, sizeof *c);
    draw_policy(prng, c);
    c->rebirth = one_in(prng, 3);
    c->no_aes = one_in(prng, 2);
    c->links_len = between(prng, 1, PLAN_LINKS);
    c->start_ms = draw(prng, 2000);
    for (uint32_t l = 0; l < c->links_len; l++) {
        draw_link(prng, plan, &c->links[l], l);
    }
    if (!one_in(prng, 6)) {
        c->up_us = between(prng, 20, 250) * 1000;
        c->up_bytes = between(prng, 40, 1300);
    }
    if (!one_in(prng, 6)) {
        c->down_us = between(prng, 20, 250) * 1000;
        c->down_bytes = between(prng, 40, 1300);
    }
    c->drift_ppm = one_in(prng, 2) ? 0 : (int32_t)between(prng, 0, 400) - 200;
}

/* Shares and times: mostly of everyday life, now and then extreme. */
static uint32_t share_ppm(struct jv_prng *prng)
{
    return one_in(prng, 5) ? draw(prng, 900000) : draw(prng, 250000);
}

static void draw_values(struct jv_prng *prng, const struct sim_plan *plan, struct plan_step *s)
{
    uint32_t still_ms = plan->stands_still ? 20000 : 1400;
    switch (s->kind) {
    case PLAN_HOLE:
    case PLAN_ENDPOINTS:
        s->a = between(prng, 1, 3);
        break;
    case PLAN_PARTITION:
        s->a = between(prng, 1, 2);
        break;
    case PLAN_LOSS:
    case PLAN_DUPLICATE:
    case PLAN_CORRUPT:
        s->a = share_ppm(prng);
        s->b = between(prng, 1, 3);
        break;
    case PLAN_BURST:
        s->a = draw(prng, 50000);
        s->b = between(prng, 20000, 300000);
        break;
    case PLAN_LATE:
        s->a = draw(prng, 100000);
        s->b = between(prng, 1, 300);
        break;
    case PLAN_DELAY:
        s->a = draw(prng, one_in(prng, 4) ? 2000000 : 150000);
        s->b = between(prng, 1, 3);
        break;
    case PLAN_JITTER:
        s->a = draw(prng, 80000);
        break;
    case PLAN_REORDER:
        s->a = share_ppm(prng);
        s->b = draw(prng, 200000);
        break;
    case PLAN_RATE:
        s->a = between(prng, 32, 4000);
        break;
    case PLAN_MTU:
        s->a = between(prng, 600, 1500);
        s->b = draw(prng, 2);
        break;
    case PLAN_LIFETIME:
        s->a = between(prng, 300, 20000);
        break;
    case PLAN_SLEEP:
    case PLAN_STALL:
        s->a = one_in(prng, 3) ? 1 : 0;
        s->until_ms = s->at_ms + between(prng, 5, still_ms);
        break;
    case PLAN_CLOCK:
        s->a = between(prng, 1, still_ms);
        s->b = one_in(prng, 3) ? 1 : 0;
        break;
    case PLAN_HOARD:
        s->a = between(prng, 1, 500);
        s->b = draw(prng, 2);
        break;
    case PLAN_LAZY:
        s->a = between(prng, 200, 50000);
        s->b = draw(prng, 2);
        break;
    case PLAN_VERSION:
        s->a = one_in(prng, 2) ? 2 : 3;
        break;
    case PLAN_HOLD:
        s->a = one_in(prng, 2) ? 0 : between(prng, 1000, 60000);
        break;
    case PLAN_PREFER:
        s->a = between(prng, 1, 200);
        break;
    case PLAN_POLICY:
        s->a = draw(prng, JV_PRESETS);
        s->b = draw(prng, 2);
        break;
    case PLAN_DOUBT:
        s->a = between(prng, 1, 200);
        s->b = one_in(prng, 2) ? 0 : between(prng, 68, 2000);
        break;
    case PLAN_REPLAY:
    case PLAN_FORGE:
        s->a = between(prng, 1, one_in(prng, 6) ? 120 : 16);
        break;
    case PLAN_FLOOD:
        s->a = between(prng, 1, one_in(prng, 6) ? 300 : 40);
        break;
    case PLAN_LOSE_TYPE:
        s->a = between(prng, 2, 11);
        s->b = between(prng, 1, 3);
        break;
    case PLAN_AMBUSH:
        s->a = one_in(prng, 2) ? draw(prng, 2000) : draw(prng, 300000);
        s->b = draw(prng, 8);
        s->until_ms = s->at_ms + between(prng, 1000, 20000);
        break;
    case PLAN_ROAM:
    case PLAN_REBIND:
    case PLAN_END:
    case PLAN_DIVERT:
    case PLAN_RACE:
        s->a = draw(prng, 2);
        break;
    case PLAN_DOWN:
    case PLAN_DEAD:
    case PLAN_CRASH:
    case PLAN_RESTART:
    case PLAN_SILENCE:
    case PLAN_SWITCH:
    case PLAN_PATH_OFF:
    case PLAN_PROBE:
    case PLAN_POLICY_BAD:
    case PLAN_USERS:
    case PLAN_KINDS:
        break;
    }
}

/* Kinds that end sessions are seldom: what lives long meets more. */
static uint32_t weight_of(struct jv_prng *prng, enum plan_kind kind)
{
    bool is_end = kind == PLAN_CRASH || kind == PLAN_RESTART || kind == PLAN_USERS ||
                  kind == PLAN_END || kind == PLAN_POLICY_BAD || kind == PLAN_VERSION;
    uint32_t extreme = one_in(prng, 10) ? 8 : 1;
    return extreme * (is_end ? 1 : 6);
}

static void draw_steps(struct jv_prng *prng, struct sim_plan *plan)
{
    uint32_t weights[PLAN_KINDS];
    uint32_t sum = 0;
    for (uint32_t k = 0; k < PLAN_KINDS; k++) {
        weights[k] = (plan->kinds >> k & 1) != 0 ? weight_of(prng, (enum plan_kind)k) : 0;
        sum += weights[k];
    }
    uint32_t len = between(prng, 3, one_in(prng, 3) ? PLAN_STEPS : PLAN_STEPS / 4);
    for (uint32_t i = 0; i < len && sum > 0; i++) {
        struct plan_step *s = &plan->steps[plan->steps_len++];
        uint32_t at = draw(prng, sum);
        uint32_t kind = 0;
        while (at >= weights[kind]) {
            at -= weights[kind++];
        }
        *s = (struct plan_step){.kind = (enum plan_kind)kind, .seed = jv_prng_next(prng)};
        s->at_ms = 500 + jv_prng_below(prng, plan->faults_ms - 600);
        s->until_ms = s->at_ms + between(prng, 20, one_in(prng, 6) ? 20000 : 3000);
        s->client = draw(prng, plan->clients_len);
        s->link = draw(prng, plan->clients[s->client].links_len);
        draw_values(prng, plan, s);
        s->until_ms = JV_MIN(s->until_ms, plan->faults_ms - 1);
    }
}

/* Some clients carry much: pools fill, and jumps are paced. From a stream of its own, beside what the seed means otherwise. */
static void hurry(struct sim_plan *plan)
{
    struct jv_prng prng = {plan->seed ^ 0xfa57};
    for (uint32_t c = 0; c < plan->clients_len; c++) {
        if (one_in(&prng, 12) && plan->faults_ms < 30000) {
            plan->clients[c].up_us = between(&prng, 1000, 8000);
            plan->clients[c].down_us = between(&prng, 1000, 8000);
            plan->clients[c].up_bytes = between(&prng, 300, 1400);
            plan->clients[c].down_bytes = between(&prng, 300, 1400);
        }
    }
}

void plan_draw(struct sim_plan *plan, uint64_t seed)
{
    struct jv_prng prng = {seed * 0x9e3779b97f4a7c15ULL + 0x5151};
    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    plan->gateways_len = one_in(&prng, 4) ? 2 : 1;
    plan->clients_len = one_in(&prng, 3) ? between(&prng, 2, PLAN_CLIENTS) : between(&prng, 1, 2);
    plan->nats_len = between(&prng, 1, PLAN_NATS);
    for (uint32_t n = 0; n < plan->nats_len; n++) {
        plan->nats[n].mapping = draw(&prng, 3);
        plan->nats[n].filtering = draw(&prng, 3);
        plan->nats[n].lifetime_s = between(&prng, 30, 300);
        plan->nats[n].keeps_port = one_in(&prng, 2);
    }
    plan->buffers = one_in(&prng, 6) ? 4 * JV_BATCH_MAX : 8 * JV_BATCH_MAX;
    plan->half_open_max = one_in(&prng, 4) ? 1 : 8;
    plan->gateway_drift_ppm = one_in(&prng, 2) ? 0 : (int32_t)between(&prng, 0, 400) - 200;
    plan->stands_still = one_in(&prng, 8);
    plan->kinds = one_in(&prng, 3) ? UINT64_MAX : jv_prng_next(&prng);
    plan->faults_ms = between(&prng, 5000,
                              one_in(&prng, 20)  ? 400000
                              : one_in(&prng, 4) ? 90000
                                                 : 30000);
    for (uint32_t c = 0; c < plan->clients_len; c++) {
        draw_client(&prng, plan, &plan->clients[c]);
    }
    draw_steps(&prng, plan);
    hurry(plan);
}

void plan_print(const struct sim_plan *plan, FILE *file)
{
    static const char *const dependence[] = {"endpoint-independent", "address-dependent",
                                             "address-and-port-dependent"};
    fprintf(file,
            "# seed %" PRIu64 ": %u gateways, %u clients, %" PRIu64 " ms of faults, %u steps\n",
            plan->seed, plan->gateways_len, plan->clients_len, plan->faults_ms, plan->steps_len);
    for (uint32_t n = 0; n < plan->nats_len; n++) {
        fprintf(file, "# nat %u: mapping %s, filtering %s, %u s%s\n", n,
                dependence[plan->nats[n].mapping], dependence[plan->nats[n].filtering],
                plan->nats[n].lifetime_s, plan->nats[n].keeps_port ? ", keeps ports" : "");
    }
    for (uint32_t c = 0; c < plan->clients_len; c++) {
        const struct plan_client *client = &plan->clients[c];
        fprintf(file, "# client %u: %s%s, drift %d ppm, TransportLostTTL %u ms, links", c,
                jv_preset_names[client->preset], client->rebirth ? ", rebirth" : "",
                client->drift_ppm, client->policy.transport_lost_ttl_ms);
        for (uint32_t l = 0; l < client->links_len; l++) {
            const struct plan_link *link = &client->links[l];
            fprintf(file, " [%u us", link->rtt_us);
            if (link->nat < plan->nats_len) {
                fprintf(file, ", nat %u", link->nat);
            }
            fprintf(file, "%s%s%s%s]", link->is_cold ? ", cold" : "",
                    link->is_metered ? ", metered" : "", link->has_v6 ? ", IPv6" : "",
                    link->is_tapped ? ", tapped" : "");
        }
        fprintf(file, "\n");
    }
    for (uint32_t i = 0; i < plan->steps_len; i++) {
        const struct plan_step *s = &plan->steps[i];
        if (!s->is_out) {
            fprintf(file, "# step %u: %" PRIu64 "..%" PRIu64 " ms %s client %u link %u a %u b %u\n",
                    i, s->at_ms, s->until_ms, plan_kind_name(s->kind), s->client, s->link, s->a,
                    s->b);
        }
    }
}
