/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "pair.h"
#include "state.h"

static struct pair pair;

static int start(void **state)
{
    const struct pair_cfg cfg = {.seed = 7,
                                 .links = 2,
                                 .rtt_us = {20000, 40000},
                                 .preset = JV_PRESET_MOBILE,
                                 .no_aes = true};
    pair_init(&pair, &cfg);
    return pair_attach(&pair, 2000) ? 0 : -1;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static struct jv_session *session(void)
{
    return jv_core_session_at(pair.client, 0);
}

static uint32_t woken(void)
{
    return pair_count(&pair.log_c, JV_REC_Woke, JV_WHY_NONE);
}

static void wake_probes_every_path_at_once(void **state)
{
    pair_run(&pair, 30000);
    uint64_t before[2];
    for (uint32_t i = 0; i < 2; i++) {
        before[i] = pair.client->client->paths[i].probes_sent;
    }
    pair_sleep(&pair, 4000);
    pair_run(&pair, 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(pair.client->client->paths[i].probes_sent, before[i] + 1);
    }
    assert_int_equal(woken(), 1);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void wake_carries_data_within_a_round_trip_where_the_gateway_waits(void **state)
{
    pair_run(&pair, 30000);
    pair_sleep(&pair, 4000);
    uint64_t had = pair.delivered_g;
    pair_packet(&pair, true, 100);
    pair_run(&pair, 11);
    assert_int_equal(pair.delivered_g, had + 1);
}

static void wake_takes_no_round_trip_from_before_the_sleep(void **state)
{
    pair_flow_start(&pair, &pair.up, 20000, 100);
    pair_run(&pair, 3000);
    pair_pause(&pair, true, true);
    pair_run(&pair, 8000);
    pair_pause(&pair, true, false);
    pair_run(&pair, 3000);
    struct jv_session *s = session();
    assert_int_equal(s->state, JV_ST_ATTACHED);
    assert_true(s->bound->rtt.srtt_us < 60000);
    assert_true(s->bound->rtt.jitter_us < 60000);
}

static void wake_notices_a_standstill_that_nobody_told_of(void **state)
{
    pair_flow_start(&pair, &pair.up, 20000, 100);
    pair_run(&pair, 1000);
    pair_pause(&pair, true, true);
    pair_run(&pair, 5000);
    pair_pause(&pair, true, false);
    pair_run(&pair, 2000);
    assert_int_equal(woken(), 1);
}

static void wake_is_not_seen_in_a_short_stall(void **state)
{
    pair_flow_start(&pair, &pair.up, 20000, 100);
    pair_run(&pair, 1000);
    pair_pause(&pair, true, true);
    pair_run(&pair, 700);
    pair_pause(&pair, true, false);
    pair_run(&pair, 2000);
    assert_int_equal(woken(), 0);
}

static void wake_gives_a_birth_its_time_again(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 7, .links = 1, .rtt_us = {20000}, .preset = JV_PRESET_STRICT, .no_aes = true};
    pair_fini(&pair);
    pair_init(&pair, &cfg);
    pair.links[0].hole_up = true;
    pair_run(&pair, 2000);
    assert_int_equal(pair_state(&pair, true), JV_ST_BIRTH);
    pair_sleep(&pair, 3600000);
    pair.links[0].hole_up = false;
    assert_true(pair_attach(&pair, 200));
    assert_int_equal(pair_count(&pair.log_c, JV_REC_SessionTerminated, JV_WHY_NONE), 0);
}

static void wake_without_a_session_is_nothing(void **state)
{
    const struct jv_command down = {.kind = JV_CMD_DOWN};
    assert_int_equal(pair_command(&pair, true, &down), JV_E_OK);
    pair_run(&pair, 100);
    pair_sleep(&pair, 5000);
    assert_int_equal(woken(), 0);
    assert_int_equal(pair_state(&pair, true), JV_ST_TERMINATED);
    const struct pair_cfg cfg = {.seed = 7, .links = 1, .rtt_us = {20000}};
    pair_fini(&pair);
    pair_init(&pair, &cfg);
    pair_sleep(&pair, 5000); /* before the birth has even begun */
    assert_int_equal(woken(), 0);
    assert_true(pair_attach(&pair, 3000));
}

static void wake_is_noticed_when_there_is_room_to_say_so(void **state)
{
    struct jv_out none = {0};
    struct jv_batch empty = {NULL, 0, 0};
    pair_run(&pair, 30000);
    const struct jv_instant late = jv_add_ms(jv_core_deadline(pair.client), 2 * JV_STANDSTILL_MS);
    assert_int_equal(jv_core_datagrams(pair.client, late, &empty, &none), JV_E_OK);
    assert_int_equal(pair.client->client->woke_at.ns, 0);
    pair.now_ns = late.ns;
    pair_run(&pair, 0);
    assert_int_equal(woken(), 1);
    assert_int_equal(pair.client->client->woke_at.ns, late.ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wake_without_a_session_is_nothing, start, stop),
        cmocka_unit_test_setup_teardown(wake_is_noticed_when_there_is_room_to_say_so, start, stop),
        cmocka_unit_test_setup_teardown(wake_probes_every_path_at_once, start, stop),
        cmocka_unit_test_setup_teardown(
            wake_carries_data_within_a_round_trip_where_the_gateway_waits, start, stop),
        cmocka_unit_test_setup_teardown(wake_takes_no_round_trip_from_before_the_sleep, start,
                                        stop),
        cmocka_unit_test_setup_teardown(wake_notices_a_standstill_that_nobody_told_of, start, stop),
        cmocka_unit_test_setup_teardown(wake_is_not_seen_in_a_short_stall, start, stop),
        cmocka_unit_test_setup_teardown(wake_gives_a_birth_its_time_again, start, stop),
    };
    return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
