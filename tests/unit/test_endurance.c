/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session must outlast without an enemy: flapping links, rebindings, a limit of switches that is spent, a slow network, sleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pair.h"
#include "state.h"

static struct pair world;

static int fini_world(void **state)
{
    assert_int_equal(pair_leaked(&world, true), 0);
    assert_int_equal(pair_leaked(&world, false), 0);
    pair_fini(&world);
    return 0;
}

static void attach(enum jv_preset preset, const struct jv_policy *policy, uint32_t links)
{
    pair_init(&world, &(struct pair_cfg){.seed = 1,
                                         .links = links,
                                         .rtt_us = {20000, 30000, 40000},
                                         .preset = preset,
                                         .policy = policy});
    assert_true(pair_attach(&world, 3000));
}

static void flow(uint32_t interval_us)
{
    pair_flow_start(&world, &world.up, interval_us, 200);
    pair_flow_start(&world, &world.down, interval_us, 200);
    pair_run(&world, 2000);
}

static void set_hole(uint32_t link, bool on)
{
    world.links[link].hole_up = world.links[link].hole_down = on;
}

static void assert_attached(void)
{
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&world, false), JV_ST_ATTACHED);
}

/* The link that the gateway has bound. */
static void assert_bound(uint32_t link)
{
    const struct jv_session *s = jv_core_session_at(world.gateway, 0);
    assert_non_null(s);
    assert_non_null(s->bound);
    assert_int_equal(s->bound->remote.ip.b[3], link + 1);
}

/* Each hole is longer than the client waits, and the bucket has no token for the way out. Time that stands still aborts in pair. */
static void outlast_holes_without_a_switch_left(uint32_t max_switches, uint32_t switches)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    policy.max_switches_per_min = max_switches;
    policy.switch_burst = 1;
    attach(JV_PRESET_FAST, &policy, 2);
    flow(5000);
    for (uint32_t i = 0; i < switches; i++) {
        set_hole(i, true);
        pair_run(&world, 4000);
        assert_attached();
        assert_bound(i + 1);
        set_hole(i, false);
        pair_run(&world, 3000);
    }
    /* A standby answers all the while, and may not be switched to. */
    set_hole(switches, true);
    pair_run(&world, 4000);
    assert_int_equal(pair_state(&world, true), JV_ST_DEGRADED);
    assert_null(jv_core_session_at(world.client, 0)->bound);
    assert_null(jv_core_session_at(world.gateway, 0)->bound);
    set_hole(switches, false);
    pair_run(&world, 25000);
    assert_attached();
}

static void empty_switch_bucket_leaves_the_dead_path_and_does_not_spin(void **state)
{
    outlast_holes_without_a_switch_left(3, 1);
}

static void no_switches_at_all_leaves_the_dead_path_and_does_not_spin(void **state)
{
    outlast_holes_without_a_switch_left(0, 0);
}

static void flapping_standby_stays_reachable(void **state)
{
    attach(JV_PRESET_MOBILE, NULL, 2);
    pair_run(&world, 2000);
    for (uint32_t i = 0; i < 10; i++) {
        pair_link_down(&world, 1);
        pair_run(&world, 2000);
        pair_link_up(&world, 1);
        pair_run(&world, 2000);
    }
    pair_link_down(&world, 0);
    pair_run(&world, 10000);
    assert_attached();
    assert_bound(1);
}

static void rebindings_leave_a_standby_reachable(void **state)
{
    attach(JV_PRESET_MOBILE, NULL, 3);
    flow(50000);
    for (uint32_t i = 0; i < 20; i++) {
        pair_rebind(&world, 0);
        pair_run(&world, 3000);
    }
    assert_int_equal(pair_count(&world.log_g, JV_REC_TransportRebound, JV_WHY_NONE), 20);
    pair_link_down(&world, 0);
    pair_run(&world, 200);
    pair_link_down(&world, 1);
    pair_run(&world, 10000);
    assert_attached();
    assert_bound(2);
}

/* An answer that takes longer than the recovery was thought to take still counts. */
static void slow_network_is_attached_again(void **state)
{
    attach(JV_PRESET_STRICT, NULL, 1);
    flow(20000);
    pair_run(&world, 3000);
    world.links[0].delay_us = 600000;
    pair_run(&world, 15000);
    assert_attached();
    uint32_t changes = pair_count(&world.log_c, JV_REC_SessionStateChange, JV_WHY_NONE);
    uint64_t received = world.up.received;
    pair_run(&world, 60000);
    assert_attached();
    assert_int_equal(pair_count(&world.log_c, JV_REC_SessionStateChange, JV_WHY_NONE), changes);
    assert_true(world.up.received >= received + 2990);
}

static void sleep_as_long_as_the_keys_may_live_ends_nothing(void **state)
{
    struct jv_session_status status;
    const struct jv_policy *mobile = &jv_policy_presets[JV_PRESET_MOBILE];
    attach(JV_PRESET_MOBILE, NULL, 1);
    pair_run(&world, 5000);
    pair_link_down(&world, 0);
    assert_true(mobile->transport_lost_ttl_ms > 2 * mobile->key_max_age_ms);
    pair_run(&world, mobile->key_max_age_ms + 60000);
    pair_link_up(&world, 0);
    pair_run(&world, 3000);
    assert_attached();
    for (int client = 0; client < 2; client++) {
        assert_true(pair_status(&world, client, &status));
        assert_int_equal(status.epoch, 2);
    }
}

#define T(name) cmocka_unit_test_teardown(name, fini_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(empty_switch_bucket_leaves_the_dead_path_and_does_not_spin),
        T(no_switches_at_all_leaves_the_dead_path_and_does_not_spin),
        T(flapping_standby_stays_reachable),
        T(rebindings_leave_a_standby_reachable),
        T(slow_network_is_attached_again),
        T(sleep_as_long_as_the_keys_may_live_ends_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
