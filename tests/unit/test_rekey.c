/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "state.h"

static struct pair pair;
static struct jv_policy policy;

static int start(void **state)
{
    policy = jv_policy_presets[JV_PRESET_FAST];
    policy.key_max_age_ms = 10000;
    policy.key_max_packets_k = 1;
    const struct pair_cfg cfg = {
        .seed = 3, .links = 2, .rtt_us = {20000, 30000}, .policy = &policy, .no_aes = true};
    pair_init(&pair, &cfg);
    return pair_attach(&pair, 2000) ? 0 : -1;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static struct jv_epoch *current(struct jv_core *core)
{
    return &jv_core_session_at(core, 0)->keys->epochs[JV_EPOCH_CURRENT];
}

/* Both sides seal under the same epoch and what they seal arrives. */
static void check_agreement(uint64_t n)
{
    assert_int_equal(current(pair.client)->n, n);
    assert_int_equal(current(pair.gateway)->n, n);
    uint64_t up = pair.delivered_g;
    uint64_t down = pair.delivered_c;
    pair_packet(&pair, true, 100);
    pair_packet(&pair, false, 100);
    pair_run(&pair, 100);
    assert_int_equal(pair.delivered_g, up + 1);
    assert_int_equal(pair.delivered_c, down + 1);
}

static void rekey_happens_at_half_of_the_age(void **state)
{
    pair_run(&pair, 4500);
    assert_int_equal(current(pair.client)->n, 1);
    pair_run(&pair, 1500);
    check_agreement(2);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_KeyRotated, JV_WHY_TIME_ELAPSED), 1);
    assert_int_equal(pair_count(&pair.log_g, JV_REC_KeyRotated, JV_WHY_TIME_ELAPSED), 1);
    pair_run(&pair, 20000);
    assert_true(current(pair.client)->n >= 5);
    check_agreement(current(pair.client)->n);
}

static void rekey_happens_at_half_of_the_volume(void **state)
{
    for (uint32_t i = 0; i < 520; i++) {
        pair_packet(&pair, true, 60);
        if (i % 8 == 0) {
            pair_run(&pair, 1);
        }
    }
    pair_run(&pair, 1500);
    check_agreement(2);
    assert_true(pair_count(&pair.log_c, JV_REC_KeyRotated, JV_WHY_VOLUME_REACHED) == 1);
}

static void rekey_loses_no_packet_in_flight(void **state)
{
    pair_flow_start(&pair, &pair.up, 5000, 200);
    pair_flow_start(&pair, &pair.down, 5000, 200);
    pair_run(&pair, 12000);
    pair.up.on = pair.down.on = false;
    pair_run(&pair, 200);
    assert_true(current(pair.client)->n >= 3);
    assert_int_equal(pair.up.received, pair.up.sent);
    assert_int_equal(pair.down.received, pair.down.sent);
}

static void rekey_previous_key_is_forgotten(void **state)
{
    pair_run(&pair, 6000);
    struct jv_keys *keys = jv_core_session_at(pair.gateway, 0)->keys;
    assert_int_equal(keys->epochs[JV_EPOCH_CURRENT].n, 2);
    assert_true(jv_is_zero(&keys->epochs[JV_EPOCH_PREVIOUS].root, JV_KEY_BYTES));
    policy.key_max_age_ms = 600000; /* no other rotation hides the expiry */
    jv_core_session_at(pair.client, 0)->policy = policy;
    jv_core_session_at(pair.gateway, 0)->policy = policy;
    pair_run(&pair, JV_KEY_PREVIOUS_MS + 1000);
    assert_int_equal(keys->epochs[JV_EPOCH_PREVIOUS].n, 0);
    assert_int_equal(keys->epochs[JV_EPOCH_CURRENT].n, 2);
}

/* A third of all datagrams is lost, the offers among them: they are repeated, and both sides come to agree. */
static void rekey_is_repeated_until_it_is_answered(void **state)
{
    pair.links[0].loss_ppm = pair.links[1].loss_ppm = 300000;
    pair_run(&pair, 9000);
    pair.links[0].loss_ppm = pair.links[1].loss_ppm = 0;
    /* The loss may have led to DEGRADED, which it takes a clean window to leave. */
    assert_true(pair_attach(&pair, 20000));
    pair_run(&pair, 3000);
    assert_true(current(pair.client)->n >= 2);
    check_agreement(current(pair.client)->n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rekey_happens_at_half_of_the_age, start, stop),
        cmocka_unit_test_setup_teardown(rekey_happens_at_half_of_the_volume, start, stop),
        cmocka_unit_test_setup_teardown(rekey_loses_no_packet_in_flight, start, stop),
        cmocka_unit_test_setup_teardown(rekey_previous_key_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(rekey_is_repeated_until_it_is_answered, start, stop)};
    return cmocka_run_group_tests_name("rekey", tests, NULL, NULL);
}
