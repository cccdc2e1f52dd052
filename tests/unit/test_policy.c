/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"

static void policy_presets_pass_every_rule(void **state)
{
    for (uint32_t i = 0; i < JV_PRESETS; i++) {
        enum jv_policy_field field;
        assert_null(jv_policy_check(&jv_policy_presets[i], &field));
        for (uint32_t rule = 0; rule < JV_POLICY_RULES; rule++) {
            assert_null(jv_policy_broken(&jv_policy_presets[i], rule, &field));
        }
    }
}

static void policy_fields_are_read_and_set_by_number(void **state)
{
    struct jv_policy policy = {0};
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        jv_policy_set(&policy, (enum jv_policy_field)i, i + 7);
    }
    assert_int_equal(policy.max_lifetime_ms, 7);
    assert_int_equal(policy.include_latency_metrics, JV_POLICY_include_latency_metrics + 7);
    assert_int_equal(jv_policy_get(&policy, JV_POLICY_dwell_ms), JV_POLICY_dwell_ms + 7);
}

static void policy_refuses_each_field_outside_its_range(void **state)
{
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        enum jv_policy_field at = (enum jv_policy_field)i;
        enum jv_policy_field field = JV_POLICY_FIELDS;
        struct jv_policy policy = jv_policy_presets[JV_PRESET_STRICT];
        if (jv_policy_rows[i].min > 0) {
            jv_policy_set(&policy, at, jv_policy_rows[i].min - 1);
            assert_non_null(jv_policy_check(&policy, &field));
            assert_int_equal(field, at);
        }
        if (jv_policy_rows[i].max < UINT32_MAX) {
            jv_policy_set(&policy, at, jv_policy_rows[i].max + 1);
            assert_non_null(jv_policy_check(&policy, &field));
            assert_int_equal(field, at);
        }
    }
}

static void policy_names_the_field_of_each_broken_rule(void **state)
{
    static const struct {
        enum jv_policy_field set;
        uint32_t value;
        enum jv_policy_field blamed;
    } cases[] = {
        {JV_POLICY_heartbeat_volatile_ms, 999, JV_POLICY_heartbeat_volatile_ms},
        {JV_POLICY_transport_dead_ms, 1999, JV_POLICY_transport_dead_ms},
        {JV_POLICY_silence_ceiling_ms, 199, JV_POLICY_silence_ceiling_ms},
        {JV_POLICY_recovery_window_ms, 11501, JV_POLICY_transport_lost_ttl_ms},
        {JV_POLICY_transport_lost_ttl_ms, 28800000, JV_POLICY_transport_lost_ttl_ms},
        {JV_POLICY_max_switches_per_min, 41, JV_POLICY_switch_cooldown_ms},
        {JV_POLICY_switch_burst, 4, JV_POLICY_switch_burst},
        {JV_POLICY_switch_burst, 8, JV_POLICY_switch_burst},
        {JV_POLICY_reattach_proof_max_age_ms, 15000, JV_POLICY_reattach_proof_max_age_ms},
        {JV_POLICY_max_reattach_attempts, 129, JV_POLICY_replay_window_size},
        {JV_POLICY_path_valid_ms, 9999, JV_POLICY_path_valid_ms},
        {JV_POLICY_allowed_protocols, 6, JV_POLICY_allowed_protocols},
    };
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        struct jv_policy policy = jv_policy_presets[JV_PRESET_STRICT];
        enum jv_policy_field field = JV_POLICY_FIELDS;
        jv_policy_set(&policy, cases[i].set, cases[i].value);
        assert_non_null(jv_policy_check(&policy, &field));
        assert_int_equal(field, cases[i].blamed);
    }
}

static void policy_without_switches_is_legal(void **state)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_STRICT];
    enum jv_policy_field field;
    policy.max_switches_per_min = 0;
    assert_null(jv_policy_check(&policy, &field));
}

static void policy_clamp_without_limits_changes_nothing(void **state)
{
    static const struct jv_policy_clamp none;
    for (uint32_t i = 0; i < JV_PRESETS; i++) {
        struct jv_policy policy;
        assert_int_equal(jv_policy_clamp(&jv_policy_presets[i], &none, &policy), JV_E_OK);
        assert_memory_equal(&policy, &jv_policy_presets[i], sizeof(policy));
    }
}

static void policy_clamp_takes_dependent_fields_along(void **state)
{
    const struct jv_policy_clamp clamp = {.max_lifetime_ms = 60000,
                                          .transport_lost_ttl_ms = 20000,
                                          .heartbeat_min_ms = 4000,
                                          .max_switches_per_min = 6};
    struct jv_policy policy;
    assert_int_equal(jv_policy_clamp(&jv_policy_presets[JV_PRESET_MOBILE], &clamp, &policy),
                     JV_E_OK);
    assert_int_equal(policy.max_lifetime_ms, 60000);
    assert_int_equal(policy.transport_lost_ttl_ms, 20000);
    assert_int_equal(policy.heartbeat_interval_ms, 4000);
    assert_int_equal(policy.heartbeat_volatile_ms, 8000);
    assert_int_equal(policy.recovery_window_ms, 10500);
    assert_int_equal(policy.max_switches_per_min, 6);
    assert_int_equal(policy.switch_burst, 2);
}

static void policy_clamp_refuses_what_no_rule_allows(void **state)
{
    const struct jv_policy_clamp clamp = {.transport_lost_ttl_ms = 1000};
    struct jv_policy policy = {0}, untouched = {0};
    assert_int_equal(jv_policy_clamp(&jv_policy_presets[JV_PRESET_STRICT], &clamp, &policy),
                     JV_E_RANGE);
    assert_memory_equal(&policy, &untouched, sizeof(policy));
    struct jv_policy bad = jv_policy_presets[JV_PRESET_STRICT];
    bad.replay_window_size = 0;
    const struct jv_policy_clamp none = {0};
    assert_int_equal(jv_policy_clamp(&bad, &none, &policy), JV_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_presets_pass_every_rule),
        cmocka_unit_test(policy_fields_are_read_and_set_by_number),
        cmocka_unit_test(policy_refuses_each_field_outside_its_range),
        cmocka_unit_test(policy_names_the_field_of_each_broken_rule),
        cmocka_unit_test(policy_without_switches_is_legal),
        cmocka_unit_test(policy_clamp_without_limits_changes_nothing),
        cmocka_unit_test(policy_clamp_takes_dependent_fields_along),
        cmocka_unit_test(policy_clamp_refuses_what_no_rule_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
