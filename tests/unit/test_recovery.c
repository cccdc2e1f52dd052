/* SPDX-License-Identifier: Apache-2.0 */
#include "recovery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "demo.h"

static struct jv_recoveries all;
static uint64_t now_ms, seq;

static int start(void **state)
{
    (void)state;
    jv_recovery_begin(&all);
    now_ms = 1000;
    seq = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    jv_recovery_end(&all);
    return 0;
}

static struct jv_record record(enum jv_event_type event, enum jv_why why, const char *path)
{
    struct jv_record rec = {.at.ns = now_ms * JV_NS_PER_MS,
                            .seq = ++seq,
                            .event = (uint16_t)event,
                            .reason = (uint16_t)why,
                            .is_client = true};
    rec.sid.b[0] = 0x3f;
    memcpy(rec.path, path, strlen(path) + 1);
    return rec;
}

static struct jv_record row(enum jv_state from, enum jv_state to, enum jv_why why)
{
    struct jv_record rec = record(JV_REC_SessionStateChange, why, "");
    rec.row = JV_ROW_FIRST;
    rec.from = (uint8_t)from;
    rec.to = (uint8_t)to;
    return rec;
}

static void feed(struct jv_record rec, uint64_t after_ms)
{
    now_ms += after_ms;
    rec.at.ns = now_ms * JV_NS_PER_MS;
    assert_int_equal(jv_recovery_feed(&all, &rec), JV_E_OK);
}

static void birth(void)
{
    feed(record(JV_REC_SessionCreated, JV_WHY_HANDSHAKE_OK, ""), 0);
    feed(record(JV_REC_TransportAttached, JV_WHY_HANDSHAKE_OK, "a/udp"), 0);
    feed(row(JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK), 0);
}

static void recovery_of_a_jump_has_its_durations(void **state)
{
    (void)state;
    birth();
    feed(record(JV_REC_VolatilitySignal, JV_WHY_HEARTBEAT_TIMEOUT, "a/udp"), 500);
    feed(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_HEARTBEAT_TIMEOUT), 0);
    feed(row(JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_DEAD_TRANSPORT_RECOVERY), 40);
    feed(record(JV_REC_ReattachAttempt, JV_WHY_DEAD_TRANSPORT_RECOVERY, "b/udp"), 0);
    feed(record(JV_REC_ReattachResult, JV_WHY_FRESHNESS_INVALID, "b/udp"), 10);
    feed(record(JV_REC_ReattachAttempt, JV_WHY_DEAD_TRANSPORT_RECOVERY, "b/udp"), 0);
    struct jv_record moved =
        record(JV_REC_TransportSwitch, JV_WHY_DEAD_TRANSPORT_RECOVERY, "b/udp");
    jv_record_put(&moved, JV_FD_detect_us, 54000);
    jv_record_put(&moved, JV_FD_reattach_us, 21000);
    jv_record_put(&moved, JV_FD_outage_us, 115000);
    feed(moved, 11);
    assert_true(all.is_open);
    feed(row(JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS), 0);
    assert_false(all.is_open);
    assert_int_equal(all.len, 1);
    const struct jv_recovery *one = &all.at[0];
    assert_int_equal(one->outcome, JV_OUTCOME_RECOVERED);
    assert_int_equal(one->start_reason, JV_WHY_HEARTBEAT_TIMEOUT);
    assert_int_equal(one->end_reason, JV_WHY_REATTACH_SUCCESS);
    assert_string_equal(one->from, "a/udp");
    assert_string_equal(one->to, "b/udp");
    assert_int_equal(one->detect_us, 54000);
    assert_int_equal(one->reattach_us, 21000);
    assert_int_equal(one->outage_us, 115000);
    assert_int_equal(one->total_us, 61000);
    assert_int_equal(one->attempts, 2);
    assert_int_equal(one->rejects, 1);
    assert_int_equal(one->switches, 1);
    assert_int_equal(all.state, JV_ST_ATTACHED);
    assert_int_equal(jv_recovery_quantile(&all, JV_TIME_TOTAL, 50), 61000);
}

static void recovery_ends_degraded_and_begins_anew(void **state)
{
    (void)state;
    birth();
    feed(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 500);
    feed(record(JV_REC_TransportSwitchDenied, JV_WHY_SWITCH_RATE_LIMITED, "b/udp"), 0);
    feed(row(JV_ST_VOLATILE, JV_ST_DEGRADED, JV_WHY_SWITCH_RATE_LIMITED), 10);
    feed(record(JV_REC_CandidateConsidered, JV_WHY_NOT_PROVEN, "b/udp"), 10);
    feed(row(JV_ST_DEGRADED, JV_ST_RECOVERING, JV_WHY_RECOVERY_RETRY), 3000);
    feed(row(JV_ST_RECOVERING, JV_ST_DEGRADED, JV_WHY_RECOVERY_BOUNDS_EXCEEDED), 8000);
    feed(row(JV_ST_DEGRADED, JV_ST_TERMINATED, JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED), 9000);
    assert_int_equal(all.len, 2);
    assert_int_equal(all.at[0].outcome, JV_OUTCOME_DEGRADED);
    assert_int_equal(all.at[0].denied, 1);
    assert_int_equal(all.at[0].total_us, 10000);
    assert_int_equal(all.at[0].detect_us, JV_RECOVERY_UNKNOWN);
    assert_int_equal(all.at[1].outcome, JV_OUTCOME_DEGRADED);
    assert_int_equal(all.at[1].start_reason, JV_WHY_RECOVERY_RETRY);
    assert_int_equal(all.at[1].total_us, 8000000);
    assert_int_equal(all.state, JV_ST_TERMINATED);
    assert_int_equal(all.reason, JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED);
}

static void recovery_that_is_under_way_stays_open(void **state)
{
    (void)state;
    birth();
    feed(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 500);
    feed(row(JV_ST_VOLATILE, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 10);
    assert_int_equal(all.len, 1);
    assert_int_equal(all.at[0].outcome, JV_OUTCOME_OPEN);
    assert_int_equal(all.at[0].total_us, JV_RECOVERY_UNKNOWN);
    feed(row(JV_ST_VOLATILE, JV_ST_TERMINATED, JV_WHY_OPERATOR_TERMINATED), 10);
    assert_int_equal(all.at[0].outcome, JV_OUTCOME_TERMINATED);
}

static void end_while_all_is_well_is_no_recovery(void **state)
{
    (void)state;
    birth();
    feed(row(JV_ST_ATTACHED, JV_ST_TERMINATED, JV_WHY_OPERATOR_TERMINATED), 10);
    assert_int_equal(all.len, 0);
    assert_int_equal(jv_recovery_quantile(&all, JV_TIME_TOTAL, 95), JV_RECOVERY_UNKNOWN);
}

static void clock_that_was_set_back_gives_no_total(void **state)
{
    (void)state;
    birth();
    feed(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 5000);
    now_ms -= 4000;
    feed(row(JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_DEAD_TRANSPORT_RECOVERY), 10);
    feed(row(JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS), 10);
    assert_int_equal(all.at[0].outcome, JV_OUTCOME_RECOVERED);
    assert_int_equal(all.at[0].total_us, JV_RECOVERY_UNKNOWN);
}

static void quantiles_are_of_the_known_values(void **state)
{
    (void)state;
    birth();
    for (uint64_t i = 1; i <= 20; i++) {
        feed(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 10);
        feed(row(JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_DEAD_TRANSPORT_RECOVERY), 0);
        feed(row(JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS), i);
    }
    assert_int_equal(jv_recovery_quantile(&all, JV_TIME_TOTAL, 50), 10000);
    assert_int_equal(jv_recovery_quantile(&all, JV_TIME_TOTAL, 95), 19000);
    assert_int_equal(jv_recovery_quantile(&all, JV_TIME_TOTAL, 100), 20000);
    assert_int_equal(jv_recovery_quantile(&all, JV_TIME_DETECT, 50), JV_RECOVERY_UNKNOWN);
}

static void path_of_a_gateway_is_told_by_its_address(void **state)
{
    char text[JV_RECOVERY_PATH_BYTES];
    struct jv_record rec = record(JV_REC_TransportSwitch, JV_WHY_NONE, "udp");
    (void)state;
    rec.remote = (struct jv_endpoint){.ip = {{198, 51, 100, 7}, JV_AF_4, {0}}, .port = 40112};
    jv_recovery_path(&rec, text);
    assert_string_equal(text, "udp 198.51.100.7:40112");
    memcpy(rec.path, "fibre/udp", sizeof "fibre/udp");
    jv_recovery_path(&rec, text);
    assert_string_equal(text, "fibre/udp");
}

/* ---- the dialect ---- */

static struct jv_demo demo;
static char *output;
static size_t output_len;

static void tell(struct jv_record rec, uint64_t after_ms, bool is_lawful)
{
    now_ms += after_ms;
    rec.at.ns = now_ms * JV_NS_PER_MS;
    jv_demo_feed(&demo, &rec, is_lawful);
}

/* "EVENT from to reason version" of each line, ts_ms held to its law. */
static void expect(const char *const *wanted, size_t len)
{
    json_int_t before = 0;
    (void)fclose(demo.file);
    char *at = output;
    for (size_t i = 0; i < len; i++) {
        char line[256];
        char *end = strchr(at, '\n');
        assert_non_null(end);
        json_t *event = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(event);
        const char *from = json_string_value(json_object_get(event, "from"));
        const char *to = json_string_value(json_object_get(event, "to"));
        const char *reason = json_string_value(json_object_get(event, "reason"));
        const char *result = json_string_value(json_object_get(event, "result"));
        json_int_t ts = json_integer_value(json_object_get(event, "ts_ms"));
        (void)snprintf(line, sizeof line, "%s %s %s %s %d",
                       json_string_value(json_object_get(event, "event")),
                       from == NULL ? "-" : from, to == NULL ? "-" : to,
                       reason != NULL   ? reason
                       : result != NULL ? result
                                        : "-",
                       (int)json_integer_value(json_object_get(event, "state_version")));
        assert_string_equal(line, wanted[i]);
        assert_true(ts >= before);
        before = ts;
        json_decref(event);
        at = end + 1;
    }
    assert_string_equal(at, "");
    free(output);
}

static void begin_demo(void)
{
    output = NULL;
    FILE *file = open_memstream(&output, &output_len);
    assert_non_null(file);
    jv_demo_begin(&demo, file);
}

static void demo_translates_a_jump(void **state)
{
    static const char *const wanted[] = {
        "SESSION_CREATED - - HANDSHAKE_OK 0",
        "TRANSPORT_ATTACHED - - HANDSHAKE_OK 0",
        "VOLATILITY_SIGNAL - - HEARTBEAT_TIMEOUT 0",
        "STATE_CHANGE ATTACHED VOLATILE HEARTBEAT_TIMEOUT 1",
        "STATE_CHANGE VOLATILE REATTACHING DEAD_TRANSPORT_RECOVERY 2",
        "TRANSPORT_SWITCH - - DEAD_TRANSPORT_RECOVERY 2",
        "AUDIT_EVENT - - PASS 2",
        "AUDIT_EVENT - - PASS 2",
        "STATE_CHANGE REATTACHING RECOVERING REATTACH_SUCCESS 3",
        "STATE_CHANGE RECOVERING ATTACHED RECOVERY_COMPLETE 4",
        "RECOVERY_COMPLETE - - - 4"};
    (void)state;
    begin_demo();
    tell(record(JV_REC_PathProven, JV_WHY_PROBE_OK, "a/udp"), 0, true); /* before the birth */
    tell(record(JV_REC_SessionCreated, JV_WHY_HANDSHAKE_OK, ""), 0, true);
    tell(record(JV_REC_TransportAttached, JV_WHY_HANDSHAKE_OK, "a/udp"), 0, true);
    tell(row(JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK), 0, true);
    tell(record(JV_REC_VolatilitySignal, JV_WHY_HEARTBEAT_TIMEOUT, "a/udp"), 500, true);
    tell(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_HEARTBEAT_TIMEOUT), 0, true);
    tell(row(JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_DEAD_TRANSPORT_RECOVERY), 40, true);
    now_ms -= 400; /* the wall clock is set back: the trace stands still */
    tell(record(JV_REC_TransportSwitch, JV_WHY_DEAD_TRANSPORT_RECOVERY, "b/udp"), 10, true);
    tell(row(JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS), 0, true);
    tell(record(JV_REC_AuditEvent, JV_WHY_RECOVERY_COMPLETE, "b/udp"), 500, true);
    expect(wanted, JV_ARRAY_LEN(wanted));
}

static void demo_tells_a_law_that_is_broken_and_a_probation_that_is_cut(void **state)
{
    static const char *const wanted[] = {
        "SESSION_CREATED - - HANDSHAKE_OK 0",
        "VOLATILITY_SIGNAL - - POLICY_TRIGGER 0",
        "STATE_CHANGE ATTACHED VOLATILE POLICY_TRIGGER 1",
        "STATE_CHANGE VOLATILE REATTACHING POLICY_FORCED_RECOVERY 2",
        "TRANSPORT_SWITCH - - POLICY_FORCED_RECOVERY 2",
        "AUDIT_EVENT - - FAIL 2",
        "AUDIT_EVENT - - FAIL 2",
        "STATE_CHANGE REATTACHING RECOVERING REATTACH_SUCCESS 3",
        "VOLATILITY_SIGNAL - - TRANSPORT_DEAD 3",
        "STATE_CHANGE RECOVERING VOLATILE TRANSPORT_DEAD 4",
        "STATE_CHANGE VOLATILE TERMINATED OPERATOR_TERMINATED 5",
        "SESSION_TERMINATED - - OPERATOR_TERMINATED 5"};
    (void)state;
    begin_demo();
    tell(record(JV_REC_SessionCreated, JV_WHY_HANDSHAKE_OK, ""), 0, true);
    tell(row(JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK), 0, true);
    tell(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_POLICY_TRIGGER), 10, true);
    tell(row(JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_POLICY_FORCED_RECOVERY), 0, true);
    tell(record(JV_REC_TransportSwitch, JV_WHY_POLICY_FORCED_RECOVERY, "b/udp"), 10, false);
    tell(row(JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS), 0, false);
    tell(row(JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 10, false);
    tell(row(JV_ST_VOLATILE, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD), 10, false);
    tell(row(JV_ST_VOLATILE, JV_ST_TERMINATED, JV_WHY_OPERATOR_TERMINATED), 10, false);
    tell(record(JV_REC_SessionTerminated, JV_WHY_OPERATOR_TERMINATED, ""), 0, false);
    expect(wanted, JV_ARRAY_LEN(wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recovery_of_a_jump_has_its_durations, start, stop),
        cmocka_unit_test_setup_teardown(recovery_ends_degraded_and_begins_anew, start, stop),
        cmocka_unit_test_setup_teardown(recovery_that_is_under_way_stays_open, start, stop),
        cmocka_unit_test_setup_teardown(end_while_all_is_well_is_no_recovery, start, stop),
        cmocka_unit_test_setup_teardown(clock_that_was_set_back_gives_no_total, start, stop),
        cmocka_unit_test_setup_teardown(quantiles_are_of_the_known_values, start, stop),
        cmocka_unit_test_setup_teardown(path_of_a_gateway_is_told_by_its_address, start, stop),
        cmocka_unit_test_setup_teardown(demo_translates_a_jump, start, stop),
        cmocka_unit_test_setup_teardown(demo_tells_a_law_that_is_broken_and_a_probation_that_is_cut,
                                        start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
