/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <stddef.h>
#include <string.h>

#define MINUTE_MS 60000U
#define PATH_VALID_MAX_MS 600000U /* design §5: a path token lives at most ten minutes */

const struct jv_policy_row jv_policy_rows[JV_POLICY_FIELDS] = {
#define P(name, section, key, unit, min, max, strict, mobile, fast)                                \
    {#name, #section, #key, JV_UNIT_##unit, min, max},
#include "policy.def"
#undef P
};

const struct jv_policy jv_policy_presets[JV_PRESETS] = {
    [JV_PRESET_STRICT] =
        {
#define P(name, section, key, unit, min, max, strict, mobile, fast) strict,
#include "policy.def"
#undef P
        },
    [JV_PRESET_MOBILE] =
        {
#define P(name, section, key, unit, min, max, strict, mobile, fast) mobile,
#include "policy.def"
#undef P
        },
    [JV_PRESET_FAST] =
        {
#define P(name, section, key, unit, min, max, strict, mobile, fast) fast,
#include "policy.def"
#undef P
        },
};

const char *const jv_preset_names[JV_PRESETS] = {"strict", "mobile", "fast"};

/*
 * The struct is an array by another name: each field of policy.def is one uint32_t, in the order of
 * the table.
 */
_Static_assert(sizeof(struct jv_policy) == JV_POLICY_FIELDS * sizeof(uint32_t), "no padding");

uint32_t jv_policy_get(const struct jv_policy *policy, enum jv_policy_field field)
{
    JV_ASSERT(field < JV_POLICY_FIELDS);
    uint32_t value;
    memcpy(&value, (const uint8_t *)policy + (size_t)field * sizeof(value), sizeof(value));
    return value;
}

void jv_policy_set(struct jv_policy *policy, enum jv_policy_field field, uint32_t value)
{
    JV_ASSERT(field < JV_POLICY_FIELDS);
    memcpy((uint8_t *)policy + (size_t)field * sizeof(value), &value, sizeof(value));
}

static bool volatile_fits_heartbeat(const struct jv_policy *p)
{
    return p->heartbeat_volatile_ms >= 2ULL * p->heartbeat_interval_ms;
}

static bool dead_fits_volatile(const struct jv_policy *p)
{
    return p->transport_dead_ms >= p->heartbeat_volatile_ms;
}

static bool ceiling_fits_floor(const struct jv_policy *p)
{
    return p->silence_ceiling_ms >= p->silence_floor_ms;
}

static bool ttl_fits_recovery(const struct jv_policy *p)
{
    return (uint64_t)p->heartbeat_volatile_ms + p->switch_cooldown_ms + p->recovery_window_ms <=
           p->transport_lost_ttl_ms;
}

static bool ttl_fits_lifetime(const struct jv_policy *p)
{
    return p->transport_lost_ttl_ms < p->max_lifetime_ms;
}

static bool cooldown_fits_switches(const struct jv_policy *p)
{
    return (uint64_t)p->max_switches_per_min * p->switch_cooldown_ms <= MINUTE_MS;
}

/*
 * The bucket refills (max - burst) tokens a minute. Slower than one a TRANSPORT_LOST_TTL, a session
 * with an empty bucket and a dead transport would end before it may switch. A maximum of 0 means
 * "never switch" and has no bucket.
 */
static bool burst_fits_switches(const struct jv_policy *p)
{
    return p->max_switches_per_min == 0 ||
           (p->switch_burst < p->max_switches_per_min &&
            (uint64_t)(p->max_switches_per_min - p->switch_burst) * p->transport_lost_ttl_ms >
                MINUTE_MS);
}

static bool proof_fits_ttl(const struct jv_policy *p)
{
    return p->reattach_proof_max_age_ms < p->transport_lost_ttl_ms;
}

static bool replay_fits_attempts(const struct jv_policy *p)
{
    return p->replay_window_size >= p->max_reattach_attempts;
}

static bool path_valid_fits_probe(const struct jv_policy *p)
{
    uint64_t twice_ms = 2ULL * p->standby_probe_ms;
    return p->path_valid_ms >= JV_MIN(twice_ms, PATH_VALID_MAX_MS);
}

static bool metered_fits_standby(const struct jv_policy *p)
{
    return p->metered_probe_ms >= p->standby_probe_ms;
}

static bool retry_fits_max(const struct jv_policy *p)
{
    return p->degraded_retry_max_ms >= p->degraded_retry_ms;
}

/* A session that waits longer than it may be without a transport would never be tried again. */
static bool retry_fits_ttl(const struct jv_policy *p)
{
    return p->degraded_retry_max_ms < p->transport_lost_ttl_ms;
}

static bool penalty_fits_max(const struct jv_policy *p)
{
    return p->penalty_max_ms >= p->penalty_ms;
}

static bool protocols_have_udp(const struct jv_policy *p)
{
    return (p->allowed_protocols & JV_PROTO_UDP) != 0;
}

/*
 * KEY_MAX_AGE > TRANSPORT_LOST_TTL of [R §4.2] is no rule here: a session without transport comes
 * back with the keys it has, or by RESUME.
 */
#define RULE_FIELDS_MAX 4U
static const struct {
    bool (*is_kept)(const struct jv_policy *);
    const char *text;
    uint32_t len;
    enum jv_policy_field fields[RULE_FIELDS_MAX]; /* all that it ties; the first is to blame */
} rules[] = {
    {volatile_fits_heartbeat,
     "at least twice the heartbeat interval",
     2,
     {JV_POLICY_heartbeat_volatile_ms, JV_POLICY_heartbeat_interval_ms}},
    {dead_fits_volatile,
     "at least the heartbeat age that makes a transport volatile",
     2,
     {JV_POLICY_transport_dead_ms, JV_POLICY_heartbeat_volatile_ms}},
    {ceiling_fits_floor,
     "at least the silence floor",
     2,
     {JV_POLICY_silence_ceiling_ms, JV_POLICY_silence_floor_ms}},
    {ttl_fits_recovery,
     "at least heartbeat age (volatile) + cooldown + recovery window",
     4,
     {JV_POLICY_transport_lost_ttl_ms, JV_POLICY_heartbeat_volatile_ms,
      JV_POLICY_switch_cooldown_ms, JV_POLICY_recovery_window_ms}},
    {ttl_fits_lifetime,
     "less than the session's lifetime",
     2,
     {JV_POLICY_transport_lost_ttl_ms, JV_POLICY_max_lifetime_ms}},
    {cooldown_fits_switches,
     "at most one minute divided by the switches a minute",
     2,
     {JV_POLICY_switch_cooldown_ms, JV_POLICY_max_switches_per_min}},
    {burst_fits_switches,
     "so far below the switches a minute that one more is earned within the transport-lost TTL",
     3,
     {JV_POLICY_switch_burst, JV_POLICY_max_switches_per_min, JV_POLICY_transport_lost_ttl_ms}},
    {proof_fits_ttl,
     "less than the transport-lost TTL",
     2,
     {JV_POLICY_reattach_proof_max_age_ms, JV_POLICY_transport_lost_ttl_ms}},
    {replay_fits_attempts,
     "at least the number of attempts",
     2,
     {JV_POLICY_replay_window_size, JV_POLICY_max_reattach_attempts}},
    {path_valid_fits_probe,
     "at least twice the standby probe interval, or 10 minutes",
     2,
     {JV_POLICY_path_valid_ms, JV_POLICY_standby_probe_ms}},
    {metered_fits_standby,
     "at least the standby probe interval",
     2,
     {JV_POLICY_metered_probe_ms, JV_POLICY_standby_probe_ms}},
    {retry_fits_max,
     "at least DegradedRetry",
     2,
     {JV_POLICY_degraded_retry_max_ms, JV_POLICY_degraded_retry_ms}},
    {retry_fits_ttl,
     "less than the transport-lost TTL",
     2,
     {JV_POLICY_degraded_retry_max_ms, JV_POLICY_transport_lost_ttl_ms}},
    {penalty_fits_max, "at least Penalty", 2, {JV_POLICY_penalty_max_ms, JV_POLICY_penalty_ms}},
    {protocols_have_udp,
     "a list with udp: no other transport is in this version",
     1,
     {JV_POLICY_allowed_protocols}},
};
_Static_assert(JV_ARRAY_LEN(rules) == JV_POLICY_RULES, "policy.h counts the rules");

const char *jv_policy_broken(const struct jv_policy *policy, uint32_t rule,
                             enum jv_policy_field *field_out)
{
    JV_ASSERT(rule < JV_POLICY_RULES);
    if (rules[rule].is_kept(policy)) {
        return NULL;
    }
    *field_out = rules[rule].fields[0];
    return rules[rule].text;
}

const char *jv_policy_check(const struct jv_policy *policy, enum jv_policy_field *field_out)
{
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        uint32_t value = jv_policy_get(policy, (enum jv_policy_field)i);
        if (value < jv_policy_rows[i].min || value > jv_policy_rows[i].max) {
            *field_out = (enum jv_policy_field)i;
            return "within the range of its field";
        }
    }
    for (uint32_t rule = 0; rule < JV_POLICY_RULES; rule++) {
        const char *text = jv_policy_broken(policy, rule, field_out);
        if (text != NULL) {
            return text;
        }
    }
    return NULL;
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return limit == 0 ? value : JV_MIN(value, limit);
}

/* Slower heartbeats push what is measured against them. */
static void raise_heartbeat(struct jv_policy *p, uint32_t min_ms)
{
    uint32_t max_ms = jv_policy_rows[JV_POLICY_heartbeat_interval_ms].max;
    min_ms = JV_MIN(min_ms, max_ms);
    p->heartbeat_interval_ms = JV_MAX(p->heartbeat_interval_ms, min_ms);
    p->heartbeat_idle_ms = JV_MAX(p->heartbeat_idle_ms, min_ms);
    p->heartbeat_volatile_ms = JV_MAX(p->heartbeat_volatile_ms, 2 * p->heartbeat_interval_ms);
    p->transport_dead_ms = JV_MAX(p->transport_dead_ms, p->heartbeat_volatile_ms);
}

/* What has to fit into the TTL gives way: the recovery window first, the cooldown next. */
static void fit_into_ttl(struct jv_policy *p)
{
    uint32_t floor_ms = jv_policy_rows[JV_POLICY_recovery_window_ms].min;
    uint64_t used_ms = (uint64_t)p->heartbeat_volatile_ms + p->switch_cooldown_ms;
    uint64_t left_ms = p->transport_lost_ttl_ms > used_ms ? p->transport_lost_ttl_ms - used_ms : 0;
    if (p->recovery_window_ms > left_ms) {
        p->recovery_window_ms = (uint32_t)JV_MAX(left_ms, floor_ms);
    }
    used_ms = (uint64_t)p->heartbeat_volatile_ms + p->recovery_window_ms;
    left_ms = p->transport_lost_ttl_ms > used_ms ? p->transport_lost_ttl_ms - used_ms : 0;
    p->switch_cooldown_ms = (uint32_t)JV_MIN(p->switch_cooldown_ms, left_ms);
    p->reattach_proof_max_age_ms =
        JV_MIN(p->reattach_proof_max_age_ms, p->transport_lost_ttl_ms - 1);
    p->degraded_retry_max_ms = JV_MIN(p->degraded_retry_max_ms, p->transport_lost_ttl_ms / 2);
    p->degraded_retry_ms = JV_MIN(p->degraded_retry_ms, p->degraded_retry_max_ms);
}

/*
 * A smaller bucket where fewer switches must still refill it in time; a burst of one is the least.
 */
static void fit_burst(struct jv_policy *p)
{
    uint32_t refill = MINUTE_MS / p->transport_lost_ttl_ms + 1;
    if (p->max_switches_per_min > refill) {
        p->switch_burst = JV_MIN(p->switch_burst, p->max_switches_per_min - refill);
    }
}

/* What costs the gateway or bounds its exposure is its affair; how soon a client worries is the client's. */
static const enum jv_policy_side sides[JV_POLICY_FIELDS] = {
    [JV_POLICY_max_lifetime_ms] = JV_SIDE_MOST,
    [JV_POLICY_transport_lost_ttl_ms] = JV_SIDE_MOST,
    [JV_POLICY_heartbeat_interval_ms] = JV_SIDE_LEAST,
    [JV_POLICY_heartbeat_idle_ms] = JV_SIDE_LEAST,
    [JV_POLICY_heartbeat_volatile_ms] = JV_SIDE_LEAST,
    [JV_POLICY_ack_delay_ms] = JV_SIDE_LEAST,
    [JV_POLICY_degraded_max_ms] = JV_SIDE_MOST,
    [JV_POLICY_degraded_retry_ms] = JV_SIDE_LEAST,
    [JV_POLICY_degraded_retry_max_ms] = JV_SIDE_LEAST,
    [JV_POLICY_volatile_entries_per_min] = JV_SIDE_MOST,
    [JV_POLICY_max_switches_per_min] = JV_SIDE_MOST,
    [JV_POLICY_switch_burst] = JV_SIDE_MOST,
    [JV_POLICY_switch_cooldown_ms] = JV_SIDE_LEAST,
    [JV_POLICY_recovery_window_ms] = JV_SIDE_MOST,
    [JV_POLICY_max_reattach_attempts] = JV_SIDE_MOST,
    [JV_POLICY_rebind_max_per_min] = JV_SIDE_MOST,
    [JV_POLICY_allowed_protocols] = JV_SIDE_MASK,
    [JV_POLICY_max_candidate_count] = JV_SIDE_MOST,
    [JV_POLICY_standby_probe_ms] = JV_SIDE_LEAST,
    [JV_POLICY_metered_probe_ms] = JV_SIDE_LEAST,
    [JV_POLICY_path_valid_ms] = JV_SIDE_MOST,
    [JV_POLICY_retired_rx_grace_ms] = JV_SIDE_MOST,
    [JV_POLICY_reattach_proof_max_age_ms] = JV_SIDE_MOST,
    [JV_POLICY_reattach_per_min] = JV_SIDE_MOST,
    [JV_POLICY_key_max_age_ms] = JV_SIDE_MOST,
    [JV_POLICY_key_max_mib] = JV_SIDE_MOST,
    [JV_POLICY_key_max_packets_k] = JV_SIDE_MOST,
    [JV_POLICY_quiet_max_ms] = JV_SIDE_MOST,
    [JV_POLICY_resend_age_ms] = JV_SIDE_MOST,
    [JV_POLICY_resend_max_kib] = JV_SIDE_MOST,
    [JV_POLICY_waiting_age_ms] = JV_SIDE_MOST,
    [JV_POLICY_waiting_max_kib] = JV_SIDE_MOST,
    [JV_POLICY_strict_validation] = JV_SIDE_LEAST,
};

enum jv_policy_side jv_policy_side(enum jv_policy_field field)
{
    JV_ASSERT(field < JV_POLICY_FIELDS);
    return sides[field];
}

static uint32_t on_side(enum jv_policy_side side, uint32_t wanted, uint32_t bound)
{
    switch (side) {
    case JV_SIDE_FREE:
        break;
    case JV_SIDE_MOST:
        return JV_MIN(wanted, bound);
    case JV_SIDE_LEAST:
        return JV_MAX(wanted, bound);
    case JV_SIDE_MASK:
        return wanted & bound;
    }
    return wanted;
}

static void take_sides(struct jv_policy *p, const struct jv_policy *own)
{
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        enum jv_policy_field field = (enum jv_policy_field)i;
        jv_policy_set(p, field,
                      on_side(sides[i], jv_policy_get(p, field), jv_policy_get(own, field)));
    }
}

static bool keep_limits(struct jv_policy *p, const struct jv_policy_clamp *clamp)
{
    p->max_lifetime_ms = at_most(p->max_lifetime_ms, clamp->max_lifetime_ms);
    p->transport_lost_ttl_ms = at_most(p->transport_lost_ttl_ms, clamp->transport_lost_ttl_ms);
    if (p->max_lifetime_ms > 0 && p->transport_lost_ttl_ms >= p->max_lifetime_ms) {
        p->transport_lost_ttl_ms = p->max_lifetime_ms - 1;
    }
    if (p->transport_lost_ttl_ms < jv_policy_rows[JV_POLICY_transport_lost_ttl_ms].min) {
        return false;
    }
    p->max_switches_per_min = at_most(p->max_switches_per_min, clamp->max_switches_per_min);
    raise_heartbeat(p, clamp->heartbeat_min_ms);
    fit_into_ttl(p);
    fit_burst(p);
    return true;
}

static bool is_valid(const struct jv_policy *p)
{
    enum jv_policy_field field;
    return jv_policy_check(p, &field) == NULL;
}

/*
 * Each round takes all fields of a rule from a policy that keeps every rule, and a rule that has all its fields from there is kept:
 * as many rounds as there are rules are enough.
 */
static void repair(struct jv_policy *p, const struct jv_policy *own)
{
    for (uint32_t round = 0; round < JV_POLICY_RULES; round++) {
        for (uint32_t rule = 0; rule < JV_POLICY_RULES; rule++) {
            for (uint32_t i = 0; !rules[rule].is_kept(p) && i < rules[rule].len; i++) {
                enum jv_policy_field field = rules[rule].fields[i];
                jv_policy_set(p, field, jv_policy_get(own, field));
            }
        }
    }
}

enum jv_err jv_policy_clamp(const struct jv_policy *wanted, const struct jv_policy_clamp *clamp,
                            struct jv_policy *out)
{
    struct jv_policy own = clamp->bounds;
    struct jv_policy p = *wanted;
    if (!is_valid(wanted)) {
        return JV_E_RANGE;
    }
    if (clamp->has_bounds && (!is_valid(&own) || !keep_limits(&own, clamp) || !is_valid(&own))) {
        return JV_E_RANGE;
    }
    if (clamp->has_bounds) {
        take_sides(&p, &own);
    }
    if (!keep_limits(&p, clamp)) {
        return JV_E_RANGE;
    }
    if (clamp->has_bounds) {
        take_sides(&p, &own); /* what had to fit into a limit may have left its side */
        repair(&p, &own);
    }
    if (!is_valid(&p)) {
        return JV_E_RANGE;
    }
    *out = p;
    return JV_E_OK;
}

uint32_t jv_policy_id(const struct jv_policy *policy)
{
    uint32_t hash = 2166136261U;
    for (uint32_t field = 0; field < JV_POLICY_FIELDS; field++) {
        uint32_t value = jv_policy_get(policy, (enum jv_policy_field)field);
        for (uint32_t shift = 0; shift < 32U; shift += 8U) {
            hash = (hash ^ ((value >> shift) & 0xffU)) * 16777619U;
        }
    }
    return hash == 0 ? 1U : hash;
}
