/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policyfile.h"

/* The example of the specification, word for word. */
static const char specified[] = "version: \"1.0\"\n"
                                "session:\n"
                                "  max_lifetime_ms: 28800000\n"
                                "  transport_lost_ttl_ms: 15000\n"
                                "volatility:\n"
                                "  heartbeat_interval_ms: 500\n"
                                "  heartbeat_volatile_ms: 2000\n"
                                "  loss_window_ms: 2000\n"
                                "  loss_volatile_threshold: 0.20\n"
                                "  max_consecutive_drops: 3\n"
                                "  volatile_to_degraded_ms: 4000\n"
                                "switching:\n"
                                "  max_switches_per_min: 8\n"
                                "  switch_cooldown_ms: 1500\n"
                                "  recovery_window_ms: 8000\n"
                                "  switch_improvement_factor: 1.10\n"
                                "transport:\n"
                                "  allowed_protocols: [udp, quic]\n"
                                "  max_candidate_count: 3\n"
                                "  enforce_hysteresis: true\n"
                                "security:\n"
                                "  reattach_proof_max_age_ms: 5000\n"
                                "  replay_window_size: 128\n"
                                "  strict_validation: true\n"
                                "observability:\n"
                                "  emit_switch_metrics: true\n"
                                "  emit_security_events: true\n"
                                "  include_latency_metrics: true\n";

static void policyfile_accepts_the_specified_example(void **state)
{
    struct jv_policy policy;
    struct jv_diag diag = {0};
    assert_int_equal(
        jv_policyfile_parse(specified, sizeof(specified) - 1, "x.yaml", &policy, &diag), JV_E_OK);
    struct jv_policy expected = jv_policy_presets[JV_PRESET_STRICT];
    expected.allowed_protocols = JV_PROTO_UDP | JV_PROTO_QUIC;
    assert_memory_equal(&policy, &expected, sizeof(policy));
    assert_int_equal(diag.len, 0);
}

static void policyfile_prints_what_parses_to_the_same(void **state)
{
    for (uint32_t i = 0; i < JV_PRESETS; i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *file = open_memstream(&text, &len);
        assert_non_null(file);
        assert_int_equal(jv_policyfile_print(&jv_policy_presets[i], file), JV_E_OK);
        assert_int_equal(fclose(file), 0);
        struct jv_policy policy;
        struct jv_diag diag = {0};
        assert_int_equal(jv_policyfile_parse(text, len, "x.yaml", &policy, &diag), JV_E_OK);
        assert_memory_equal(&policy, &jv_policy_presets[i], sizeof(policy));
        free(text);
    }
}

/* `from` in the specified example is replaced by `to`. */
static const struct {
    const char *from, *to, *expected;
} bads[] = {
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: 5",
     "x.yaml:3: session.max_lifetime_ms is 5; it must be 60000 to 2592000000"},
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: 8h",
     "x.yaml:3: session.max_lifetime_ms is 8h; it must be 60000 to 2592000000"},
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: \"28800000\"",
     "x.yaml:3: session.max_lifetime_ms is 28800000; it must be 60000 to 2592000000"},
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: [1, {a: b}]",
     "x.yaml:3: session.max_lifetime_ms is a list; it must be 60000 to 2592000000"},
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: {a: 1}",
     "x.yaml:3: session.max_lifetime_ms is a mapping; it must be 60000 to 2592000000"},
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: -1",
     "x.yaml:3: session.max_lifetime_ms is -1; it must be 60000 to 2592000000"},
    {"max_lifetime_ms: 28800000", "max_lifetime_ms: !!int 28800000",
     "x.yaml:3: session.max_lifetime_ms is 28800000; it must be 60000 to 2592000000"},
    {"  max_lifetime_ms: 28800000\n", "", "x.yaml: session.max_lifetime_ms is missing"},
    {"  transport_lost_ttl_ms: 15000\n", "", "x.yaml: session.transport_lost_ttl_ms is missing"},
    {"  max_switches_per_min: 8\n", "", "x.yaml: switching.max_switches_per_min is missing"},
    {"  recovery_window_ms: 8000\n", "", "x.yaml: switching.recovery_window_ms is missing"},
    {"  loss_volatile_threshold: 0.20\n", "",
     "x.yaml: volatility.loss_volatile_threshold is missing"},
    {"  reattach_proof_max_age_ms: 5000\n", "",
     "x.yaml: security.reattach_proof_max_age_ms is missing"},
    {"version: \"1.0\"\n", "", "x.yaml: version is missing; it must be \"1.0\""},
    {"version: \"1.0\"", "version: \"1.1\"", "x.yaml:1: version is 1.1; it must be \"1.0\""},
    {"loss_volatile_threshold: 0.20", "loss_volatile_threshold: 1.5",
     "x.yaml:9: volatility.loss_volatile_threshold is 1.5; it must be 0.001 to 1.00"},
    {"loss_volatile_threshold: 0.20", "loss_volatile_threshold: 2e-1",
     "x.yaml:9: volatility.loss_volatile_threshold is 2e-1; it must be 0.001 to 1.00"},
    {"switch_improvement_factor: 1.10", "switch_improvement_factor: 0.9",
     "x.yaml:16: switching.switch_improvement_factor is 0.9; it must be 1.00 to 10.00"},
    {"allowed_protocols: [udp, quic]", "allowed_protocols: udp",
     "x.yaml:18: transport.allowed_protocols is udp; it must be a list of different ones of udp, "
     "quic and tcp"},
    {"allowed_protocols: [udp, quic]", "allowed_protocols: [udp, [tcp]]",
     "x.yaml:18: transport.allowed_protocols is a list; it must be a list of different ones of "
     "udp, quic and tcp"},
    {"allowed_protocols: [udp, quic]", "allowed_protocols: [quic]",
     "x.yaml:18: transport.allowed_protocols is [quic]; it must be a list with udp: no other "
     "transport is in this "
     "version"},
    {"max_candidate_count: 3", "max_candidate_count: 0",
     "x.yaml:19: transport.max_candidate_count is 0; it must be 1 to 8"},
    {"enforce_hysteresis: true", "enforce_hysteresis: yes",
     "x.yaml:20: transport.enforce_hysteresis is yes; it must be true or false"},
    {"strict_validation: true", "strict_validation: false",
     "x.yaml:24: security.strict_validation is false; it must be true"},
    {"replay_window_size: 128", "replay_window_size: 0",
     "x.yaml:23: security.replay_window_size is 0; it must be 64 to 8192"},
    {"  loss_window_ms", "  bogus_ms", "x.yaml:8: bogus_ms is not a field of volatility"},
    {"observability:", "telemetry:", "x.yaml:25: telemetry is not a section of a policy"},
    {"  loss_window_ms: 2000", "  heartbeat_interval_ms: 500",
     "x.yaml:8: heartbeat_interval_ms is set twice; the first is in line 6"},
    {"observability:\n", "session: {}\nobservability:\n",
     "x.yaml:25: session is set twice; the first is in line 2"},
    {"heartbeat_volatile_ms: 2000", "heartbeat_volatile_ms: 900",
     "x.yaml:7: volatility.heartbeat_volatile_ms is 900; it must be at least twice the heartbeat "
     "interval"},
    {"transport_lost_ttl_ms: 15000", "transport_lost_ttl_ms: 14000\n  birth_timeout_ms: 5",
     "x.yaml:5: session.birth_timeout_ms is 5; it must be 1000 to 600000"},
    {"max_switches_per_min: 8", "max_switches_per_min: 50",
     "x.yaml:14: switching.switch_cooldown_ms is 1500; it must be at most one minute divided by "
     "the switches a minute"},
    {"security:", "security: &a",
     "x.yaml:21: security must be a mapping of its fields\n"
     "x.yaml: security.reattach_proof_max_age_ms is missing"},
    {"session:\n", "session:\n\t",
     "x.yaml:3: no YAML: found character that cannot start any token"},
    {"include_latency_metrics: true\n", "include_latency_metrics: true\n---\na: b\n",
     "x.yaml:29: must be one document"},
};

static void policyfile_refuses_bad_fields_with_line_value_and_range(void **state)
{
    uint32_t failures = 0;
    for (size_t i = 0; i < JV_ARRAY_LEN(bads); i++) {
        const char *at = strstr(specified, bads[i].from);
        assert_non_null(at);
        char text[2048];
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - specified), specified, bads[i].to,
                       at + strlen(bads[i].from));
        struct jv_policy policy = {0}, untouched = {0};
        struct jv_diag diag = {0};
        enum jv_err err = jv_policyfile_parse(text, strlen(text), "x.yaml", &policy, &diag);
        char got[2048] = "";
        for (uint32_t k = 0; k < diag.len; k++) {
            size_t used = strlen(got);
            (void)snprintf(got + used, sizeof(got) - used, "%s%s", k > 0 ? "\n" : "",
                           diag.lines[k]);
        }
        if (err != JV_E_SYNTAX || strcmp(got, bads[i].expected) != 0 ||
            memcmp(&policy, &untouched, sizeof(policy)) != 0) {
            print_message("case %zu:\n  expected %s\n  got      %s\n", i, bads[i].expected, got);
            failures++;
        }
        jv_diag_fini(&diag);
    }
    assert_int_equal(failures, 0);
}

static void policyfile_refuses_what_is_no_mapping(void **state)
{
    static const char *const texts[] = {"",   "# nothing\n", "42", "- a\n- b\n",
                                        "*x", "\xff\xfe",    "[",  "a: &x b\nc: *x\n"};
    for (size_t i = 0; i < JV_ARRAY_LEN(texts); i++) {
        struct jv_policy policy;
        struct jv_diag diag = {0};
        assert_int_equal(jv_policyfile_parse(texts[i], strlen(texts[i]), "x", &policy, &diag),
                         JV_E_SYNTAX);
        assert_true(diag.errors > 0);
        jv_diag_fini(&diag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policyfile_accepts_the_specified_example),
        cmocka_unit_test(policyfile_prints_what_parses_to_the_same),
        cmocka_unit_test(policyfile_refuses_bad_fields_with_line_value_and_range),
        cmocka_unit_test(policyfile_refuses_what_is_no_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
