/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "policy.h"
#include "prng.h"

#define ROUNDS 200000U

/* A preset with some fields drawn anew: mostly near its values, sometimes anywhere in the range or beyond. */
static struct jv_policy draw_policy(struct jv_prng *prng)
{
    struct jv_policy policy = jv_policy_presets[jv_prng_below(prng, JV_PRESETS)];
    for (uint64_t n = jv_prng_below(prng, 6); n > 0; n--) {
        enum jv_policy_field field = (enum jv_policy_field)jv_prng_below(prng, JV_POLICY_FIELDS);
        uint64_t value = jv_policy_get(&policy, field);
        switch (jv_prng_below(prng, 3)) {
        case 0:
            value = value / 2 + jv_prng_below(prng, value + 1);
            break;
        case 1:
            value = jv_policy_rows[field].min +
                    jv_prng_below(prng, (uint64_t)jv_policy_rows[field].max -
                                            jv_policy_rows[field].min + 1);
            break;
        case 2:
            value = jv_prng_next(prng) >> (32 + jv_prng_below(prng, 32));
            break;
        }
        jv_policy_set(&policy, field, (uint32_t)value);
    }
    return policy;
}

static uint32_t draw_limit(struct jv_prng *prng, enum jv_policy_field field)
{
    uint64_t max = (uint64_t)jv_policy_rows[field].max + 1;
    return jv_prng_below(prng, 3) == 0
               ? 0
               : (uint32_t)(jv_prng_below(prng, max) >> jv_prng_below(prng, 20));
}

static bool is_within(uint32_t value, uint32_t limit)
{
    return limit == 0 || value <= limit;
}

/* The laws of the clamp; NULL where they hold. */
static const char *judge(const struct jv_policy *wanted, const struct jv_policy_clamp *clamp,
                         uint32_t *granted)
{
    enum jv_policy_field field;
    bool is_valid = jv_policy_check(wanted, &field) == NULL;
    struct jv_policy policy, again;
    if (jv_policy_clamp(wanted, clamp, &policy) != JV_E_OK) {
        return NULL;
    }
    (*granted)++;
    if (!is_valid) {
        return "an invalid policy was granted";
    }
    if (jv_policy_check(&policy, &field) != NULL) {
        return "the granted policy breaks a rule";
    }
    if (!is_within(policy.max_lifetime_ms, clamp->max_lifetime_ms) ||
        !is_within(policy.transport_lost_ttl_ms, clamp->transport_lost_ttl_ms) ||
        !is_within(policy.max_switches_per_min, clamp->max_switches_per_min) ||
        policy.heartbeat_interval_ms < clamp->heartbeat_min_ms) {
        return "the clamp is exceeded";
    }
    for (uint32_t i = 0; clamp->has_bounds && i < JV_POLICY_FIELDS; i++) {
        uint32_t value = jv_policy_get(&policy, (enum jv_policy_field)i);
        uint32_t bound = jv_policy_get(&clamp->bounds, (enum jv_policy_field)i);
        enum jv_policy_side side = jv_policy_side((enum jv_policy_field)i);
        if ((side == JV_SIDE_MOST && value > bound) ||
            (side == JV_SIDE_MASK && (value & ~bound) != 0)) {
            return "the gateway's own policy is exceeded";
        }
    }
    if (clamp->has_bounds) {
        return NULL; /* where both cannot be kept, the gateway's bounds win */
    }
    if (policy.max_lifetime_ms > wanted->max_lifetime_ms ||
        policy.transport_lost_ttl_ms > wanted->transport_lost_ttl_ms ||
        policy.max_switches_per_min > wanted->max_switches_per_min ||
        policy.recovery_window_ms > wanted->recovery_window_ms ||
        policy.switch_burst > wanted->switch_burst) {
        return "more was granted than wanted";
    }
    if (jv_policy_clamp(&policy, clamp, &again) != JV_E_OK ||
        memcmp(&again, &policy, sizeof(policy)) != 0) {
        return "a second clamp changes the policy";
    }
    return NULL;
}

int main(void)
{
    struct jv_prng prng = {20261121};
    uint32_t failures = 0, granted = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct jv_policy wanted = draw_policy(&prng);
        struct jv_policy_clamp clamp = {
            .has_bounds = jv_prng_below(&prng, 2) == 0,
            .max_lifetime_ms = draw_limit(&prng, JV_POLICY_max_lifetime_ms),
            .transport_lost_ttl_ms = draw_limit(&prng, JV_POLICY_transport_lost_ttl_ms),
            .heartbeat_min_ms = draw_limit(&prng, JV_POLICY_heartbeat_interval_ms),
            .max_switches_per_min = draw_limit(&prng, JV_POLICY_max_switches_per_min)};
        if (clamp.has_bounds) {
            clamp.bounds = draw_policy(&prng);
        }
        const char *broken = judge(&wanted, &clamp, &granted);
        if (broken != NULL && failures++ < 10) {
            (void)printf("# round %u: %s\n", i, broken);
        }
    }
    bool is_telling = granted > ROUNDS / 20;
    (void)printf("1..2\n%s 1 - prop_policy_clamp_never_exceeds\n", failures == 0 ? "ok" : "not ok");
    (void)printf("%s 2 - prop_policy_draws_enough_that_is_granted (%u)\n",
                 is_telling ? "ok" : "not ok", granted);
    return failures == 0 && is_telling ? 0 : 1;
}
