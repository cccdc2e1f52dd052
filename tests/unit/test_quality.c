/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "quality.h"
#include "state.h"

static struct pair pair;

/* Thresholds as an operator of voice might set them: 100 ms, 20 ms of jitter. */
static int start(void **state)
{
    static struct jv_policy policy;
    policy = jv_policy_presets[JV_PRESET_FAST];
    policy.latency_volatile_threshold_ms = 100;
    policy.jitter_volatile_threshold_ms = 20;
    policy.silence_floor_ms = policy.silence_ceiling_ms = policy.heartbeat_volatile_ms = 3000;
    policy.transport_dead_ms = 4000;
    policy.stability_window_ms = 200;
    const struct pair_cfg cfg = {
        .seed = 3, .links = 2, .rtt_us = {20000, 30000}, .policy = &policy, .no_aes = true};
    pair_init(&pair, &cfg);
    if (!pair_attach(&pair, 2000)) {
        return -1;
    }
    pair_flow_start(&pair, &pair.up, 20000, 200);
    pair_flow_start(&pair, &pair.down, 20000, 200);
    pair_run(&pair, 5000);
    return 0;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static uint32_t doubts(enum jv_why why)
{
    return pair_count(&pair.log_c, JV_REC_VolatilitySignal, why);
}

static uint32_t switches(void)
{
    return pair_count(&pair.log_c, JV_REC_TransportSwitch, JV_WHY_NONE);
}

static void quality_slow_path_is_left_once_it_stays_slow(void **state)
{
    pair.links[0].delay_us = 150000;
    pair_run(&pair, 8000);
    assert_int_equal(
        doubts(JV_WHY_LATENCY_THRESHOLD_EXCEEDED) + doubts(JV_WHY_JITTER_THRESHOLD_EXCEEDED), 1);
    assert_int_equal(switches(), 1);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_SessionStateChange, JV_WHY_RECOVERY_START), 1);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void quality_one_spike_moves_nothing(void **state)
{
    for (uint32_t i = 0; i < 5; i++) {
        pair.links[0].delay_us = 200000;
        pair_run(&pair, 120);
        pair.links[0].delay_us = 10000;
        pair_run(&pair, 5880);
    }
    assert_true(doubts(JV_WHY_NONE) > 0); /* it is seen */
    assert_int_equal(switches(), 0);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

/* ATK-13: one answer among few comes late. It is seen, and is no proof of itself when the doubt is looked at again. */
static void quality_one_late_answer_moves_nothing(void **state)
{
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    s->policy.heartbeat_interval_ms = s->policy.heartbeat_idle_ms = 400;
    pair.links[1].delay_us = 1000; /* whatever is held against the bound path, this one is better */
    pair_run(&pair, 30000);
    pair.links[0].delay_us = 200000;
    pair_run(&pair, 400);
    pair.links[0].delay_us = 10000;
    pair_run(&pair, 8000);
    assert_true(doubts(JV_WHY_NONE) > 0);
    assert_int_equal(switches(), 0);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void quality_slow_standby_is_never_chosen(void **state)
{
    pair.links[1].delay_us = 300000;
    pair_run(&pair, 3000);
    pair.links[0].delay_us = 75000; /* 150 ms: too slow, and four times quicker than the other */
    pair_run(&pair, 60000);
    assert_int_equal(switches(), 0);
    assert_true(doubts(JV_WHY_NONE) > 0);
    assert_int_not_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_true(
        pair_count(&pair.log_c, JV_REC_TransportSwitchDenied, JV_WHY_QUALITY_FLOOR_VIOLATION) > 0);
    pair.links[0].delay_us = 10000;
    pair_run(&pair, 20000);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_int_equal(switches(), 0);
}

static void quality_doubt_ends_halfway_down(void **state)
{
    pair_link_down(&pair, 1);
    pair.links[0].delay_us = 60000;
    pair_run(&pair, 6000);
    assert_true(jv_quality_is_doubted(pair.client));
    pair.links[0].delay_us = 40000; /* 80 ms: below the limit, above half the way to 20 */
    pair_run(&pair, 10000);
    assert_true(jv_quality_is_doubted(pair.client));
    pair.links[0].delay_us = 20000; /* 40 ms */
    pair_run(&pair, 10000);
    assert_false(jv_quality_is_doubted(pair.client));
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void quality_two_signals_need_no_confirmation(void **state)
{
    pair.links[0].delay_us = 100000;
    pair.links[0].loss_ppm = 500000;
    pair_run(&pair, 6000);
    assert_int_equal(switches(), 1);
    uint32_t sudden = 0;
    for (uint32_t i = 0; i < pair.log_c.len; i++) {
        sudden += pair.log_c.records[i].rule == JV_RULE_TWO_SIGNALS ? 1 : 0;
    }
    assert_int_equal(sudden, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quality_slow_path_is_left_once_it_stays_slow, start, stop),
        cmocka_unit_test_setup_teardown(quality_one_spike_moves_nothing, start, stop),
        cmocka_unit_test_setup_teardown(quality_one_late_answer_moves_nothing, start, stop),
        cmocka_unit_test_setup_teardown(quality_slow_standby_is_never_chosen, start, stop),
        cmocka_unit_test_setup_teardown(quality_doubt_ends_halfway_down, start, stop),
        cmocka_unit_test_setup_teardown(quality_two_signals_need_no_confirmation, start, stop)};
    return cmocka_run_group_tests_name("quality", tests, NULL, NULL);
}
