/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client does not do too early, too often or for too long: leave a path because its gateway stood still, try one that has not
 * answered since the trouble began, take the same alarm twice, ask without end. One case a defence; tests/mutants takes each out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "state.h"

#define TYPE_OF(e) ((e)->bytes[0] & 0x1fU)

static struct pair world;

static void begin(uint32_t bound_rtt_us, uint32_t standby_rtt_us, uint32_t links)
{
    const struct pair_cfg cfg = {.seed = 11,
                                 .links = links,
                                 .rtt_us = {bound_rtt_us, standby_rtt_us, standby_rtt_us},
                                 .preset = JV_PRESET_FAST};
    pair_init(&world, &cfg);
    assert_true(pair_attach(&world, 3000));
    pair_flow_start(&world, &world.up, 10000, 100);
    pair_flow_start(&world, &world.down, 10000, 100);
    pair_run(&world, 5000);
}

static int stop(void **state)
{
    assert_int_equal(pair_leaked(&world, true), 0);
    assert_int_equal(pair_leaked(&world, false), 0);
    pair_fini(&world);
    return 0;
}

static struct jv_session *client_session(void)
{
    struct jv_session *s = jv_core_session_at(world.client, 0);
    assert_non_null(s);
    return s;
}

static void stall_gateway(uint64_t ms)
{
    pair_pause(&world, false, true);
    pair_run(&world, ms);
    pair_pause(&world, false, false);
}

static uint32_t rows(enum jv_why why)
{
    return pair_count(&world.log_c, JV_REC_SessionStateChange, why);
}

/* ATK-13: the gateway stood still. Its answers come by both paths at once, by the quicker one first: the other has as long as it takes. */
static void gateway_that_stood_still_is_not_left(void **state)
{
    begin(80000, 10000, 2);
    stall_gateway(300);
    pair_run(&world, 2000);
    assert_true(rows(JV_WHY_HEARTBEAT_TIMEOUT) > 0);
    assert_int_equal(rows(JV_WHY_DEAD_TRANSPORT_RECOVERY), 0);
    assert_int_equal(client_session()->switches_total, 0);
    assert_int_equal(client_session()->state, JV_ST_ATTACHED);
}

/* ATK-39: a path that answered before the trouble is no candidate for its end. */
static void path_that_has_not_answered_since_is_not_tried(void **state)
{
    begin(
        20000, 600000,
        2); /* its answer, if there will be one, takes longer than the proof that the bound path is silent */
    client_session()->policy.probes_max = 1;
    client_session()->policy.path_valid_ms = 60000;
    stall_gateway(400);
    assert_true(client_session()->bound->unanswered >= client_session()->policy.probes_max);
    assert_int_equal(rows(JV_WHY_DEAD_TRANSPORT_RECOVERY), 0);
    assert_int_equal(pair_count(&world.log_c, JV_REC_ReattachAttempt, JV_WHY_NONE), 0);
    pair_run(&world, 2000);
    assert_int_equal(client_session()->state, JV_ST_ATTACHED);
}

/* ATK-12: whoever makes the path silent for a moment, again and again, is believed once. */
static void false_alarm_is_not_taken_twice(void **state)
{
    begin(20000, 30000, 1);
    stall_gateway(80);
    pair_run(&world, 3000);
    assert_int_equal(rows(JV_WHY_HEARTBEAT_TIMEOUT), 1);
    assert_int_equal(client_session()->bound->doublings, 1);
    for (uint32_t i = 0; i < 5; i++) {
        stall_gateway(80);
        pair_run(&world, 3000);
    }
    assert_int_equal(rows(JV_WHY_HEARTBEAT_TIMEOUT), 1);
}

static bool swallow_answers_to_requests(struct pair *p, const struct pair_event *e)
{
    (void)p;
    const uint32_t answers = 1U << JV_TYPE_ACK | 1U << JV_TYPE_CHALLENGE | 1U << JV_TYPE_REJECT;
    return e->to_gateway || (answers >> TYPE_OF(e) & 1) == 0;
}

/* ATK-32: every reattach is blocked, and every path answers probes. */
static void attempts_of_a_recovery_are_bounded(void **state)
{
    begin(20000, 30000, 3);
    client_session()->policy.max_reattach_attempts = 2;
    client_session()->policy.recovery_window_ms = 60000;
    world.filter = swallow_answers_to_requests;
    world.links[0].hole_up = world.links[0].hole_down = true;
    pair_run(&world, 20000);
    assert_true(rows(JV_WHY_RECOVERY_BOUNDS_EXCEEDED) > 0);
}

#define T(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(gateway_that_stood_still_is_not_left),
        T(path_that_has_not_answered_since_is_not_tried),
        T(false_alarm_is_not_taken_twice),
        T(attempts_of_a_recovery_are_bounded),
    };
    return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
