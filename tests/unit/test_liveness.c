/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "liveness.h"
#include "session.h"
#include "solo.h"

static struct solo solo;
static struct jv_session *s;

static int start(void **state)
{
    solo_cfg(&solo, JV_ROLE_GATEWAY);
    solo_start(&solo);
    s = jv_session_open(solo.core, &solo.cfg.policy);
    struct jv_key root = solo_key(9);
    if (s == NULL || jv_keys_start(s->keys, &root, &s->sid, JV_SUITE_CHACHA20_POLY1305, false,
                                   solo.core->now) != JV_E_OK) {
        return -1;
    }
    s->bind_next = &s->own;
    return 0;
}

static int stop(void **state)
{
    jv_session_close(solo.core, s);
    solo_stop(&solo);
    return 0;
}

static void bind_it(void)
{
    struct jv_step step = {JV_EV_HANDSHAKE_PROVEN, JV_WHY_HANDSHAKE_OK, JV_RULE_NONE, NULL, 0};
    assert_true(jv_session_apply(solo.core, s, &step, &solo.out));
}

static void liveness_round_trip_follows_rfc6298(void **state)
{
    struct jv_rtt rtt = {0};
    assert_int_equal(jv_rtt_srtt_us(&rtt), 250000);
    jv_rtt_sample(&rtt, 40000);
    assert_int_equal(jv_rtt_srtt_us(&rtt), 40000);
    assert_int_equal(jv_rtt_jitter_us(&rtt), 20000);
    jv_rtt_sample(&rtt, 80000);
    assert_int_equal(jv_rtt_srtt_us(&rtt), 45000);
    assert_int_equal(jv_rtt_jitter_us(&rtt), 25000);
    for (uint32_t i = 0; i < 200; i++) {
        jv_rtt_sample(&rtt, 30000);
    }
    assert_in_range(jv_rtt_srtt_us(&rtt), 30000, 30010);
    assert_int_equal(jv_rtt_jitter_us(&rtt), JV_JITTER_FLOOR_US);
}

static void liveness_limit_stays_within_floor_and_ceiling(void **state)
{
    bind_it();
    for (uint64_t us = 1; us < 1ULL << 40; us *= 3) {
        s->own.rtt.any = false;
        jv_rtt_sample(&s->own.rtt, us);
        uint64_t limit = jv_liveness_limit_us(solo.core, s);
        assert_in_range(limit, s->policy.silence_floor_ms * 1000ULL,
                        s->policy.silence_ceiling_ms * 1000ULL);
    }
}

static void liveness_silence_is_counted_while_an_answer_is_outstanding(void **state)
{
    bind_it();
    assert_true(jv_is_never(jv_liveness_silence_at(solo.core, s)));
    jv_liveness_sent(solo.core, s, &s->keys->epochs[JV_EPOCH_CURRENT], 5);
    struct jv_instant at = jv_liveness_silence_at(solo.core, s);
    assert_false(jv_is_never(at));
    solo.core->now = jv_add_ms(solo.core->now, 100);
    assert_int_equal(jv_liveness_silent_us(solo.core, s), 100000);
    jv_liveness_heard(solo.core, s);
    assert_int_equal(jv_liveness_silent_us(solo.core, s), 0);
    struct jv_frame_report f = {.report = {.epoch = 1, .highest = 5, .received = 1}};
    jv_liveness_on_report(solo.core, s, &f);
    assert_true(jv_is_never(jv_liveness_silence_at(solo.core, s)));
}

static void liveness_stall_of_this_process_is_no_silence_of_the_peer(void **state)
{
    bind_it();
    jv_liveness_sent(solo.core, s, &s->keys->epochs[JV_EPOCH_CURRENT], 5);
    solo.core->now = jv_add_ms(solo.core->now, 60000);
    jv_liveness_restart(solo.core, s);
    assert_int_equal(jv_liveness_silent_us(solo.core, s), 0);
}

/* The gateway's first heartbeat may overtake the BIRTH_ACK: the report that cannot be sent is owed and not lost, and its moment passes. */
static void liveness_heartbeat_before_the_binding_leaves_no_stale_deadline(void **state)
{
    const struct jv_frame_heartbeat beat = {77};
    jv_liveness_on_heartbeat(solo.core, s, &beat);
    jv_liveness_answer(solo.core, s, &solo.out);
    assert_int_equal(solo.out.tx_len, 0);
    solo.core->now = jv_add_ms(solo.core->now, 50);
    bind_it();
    assert_true(jv_is_due(jv_liveness_deadline(solo.core, s), solo.core->now));
    assert_false(jv_liveness_expire(solo.core, s, &solo.out));
    assert_int_equal(solo.out.tx_len, 1);
    assert_false(jv_is_due(jv_liveness_deadline(solo.core, s), solo.core->now));
    solo_drain(&solo);
}

static void liveness_report_is_owed_within_half_of_the_delay(void **state)
{
    bind_it();
    jv_liveness_owe(solo.core, s);
    struct jv_instant due = s->live.report_due;
    assert_true(due.ns <= jv_add_ms(solo.core->now, s->policy.ack_delay_ms / 2).ns);
    solo.core->now = jv_add_ms(solo.core->now, 1);
    jv_liveness_owe(solo.core, s);
    assert_int_equal(s->live.report_due.ns, due.ns);
    solo.core->now = due;
    assert_false(jv_liveness_expire(solo.core, s, &solo.out));
    assert_int_equal(solo.out.tx_len, 1);
    assert_false(s->live.report_owed);
    solo_drain(&solo);
}

static void receive(uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        jv_liveness_owe(solo.core, s);
    }
}

static void expect_report_now(bool is_due)
{
    assert_false(jv_liveness_expire(solo.core, s, &solo.out));
    assert_int_equal(solo.out.tx_len, is_due ? 1 : 0);
    assert_int_equal(s->live.report_owed, !is_due);
    solo_drain(&solo);
}

/* Twice without a pause, and once more after a report that was due by its age. */
static void liveness_report_goes_at_once_after_many_packets(void **state)
{
    bind_it();
    for (uint32_t i = 0; i < 2; i++) {
        receive(JV_REPORT_PACKETS - 1);
        expect_report_now(false);
        assert_true(s->live.report_due.ns > solo.core->now.ns);
        assert_true(s->live.report_due.ns <=
                    jv_add_ms(solo.core->now, s->policy.ack_delay_ms / 2).ns);
        receive(1);
        expect_report_now(true);
    }
    receive(1);
    solo.core->now = s->live.report_due;
    expect_report_now(true);
    receive(JV_REPORT_PACKETS - 1);
    expect_report_now(false);
    receive(1);
    expect_report_now(true);
}

static void liveness_unanswered_heartbeats_add_up(void **state)
{
    bind_it();
    uint32_t beats = 0;
    bool lost = false;
    while (!lost && beats < 100) {
        solo.core->now = s->live.heartbeat_due;
        lost = jv_liveness_expire(solo.core, s, &solo.out);
        beats += solo.out.tx_len;
        solo_drain(&solo);
    }
    assert_true(lost);
    assert_int_equal(beats, s->policy.max_consecutive_drops + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(liveness_round_trip_follows_rfc6298),
        cmocka_unit_test_setup_teardown(liveness_limit_stays_within_floor_and_ceiling, start, stop),
        cmocka_unit_test_setup_teardown(liveness_silence_is_counted_while_an_answer_is_outstanding,
                                        start, stop),
        cmocka_unit_test_setup_teardown(liveness_stall_of_this_process_is_no_silence_of_the_peer,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            liveness_heartbeat_before_the_binding_leaves_no_stale_deadline, start, stop),
        cmocka_unit_test_setup_teardown(liveness_report_is_owed_within_half_of_the_delay, start,
                                        stop),
        cmocka_unit_test_setup_teardown(liveness_report_goes_at_once_after_many_packets, start,
                                        stop),
        cmocka_unit_test_setup_teardown(liveness_unanswered_heartbeats_add_up, start, stop)};
    return cmocka_run_group_tests_name("liveness", tests, NULL, NULL);
}
