/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "health.h"
#include "pair.h"
#include "state.h"

static struct pair pair;
static struct jv_path *path;
static const struct jv_instant always = {0};

static int start(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 5, .links = 2, .rtt_us = {20000, 40000}, .preset = JV_PRESET_FAST, .no_aes = true};
    pair_init(&pair, &cfg);
    if (!pair_attach(&pair, 2000)) {
        return -1;
    }
    pair.client->now = (struct jv_instant){pair.now_ns};
    path = &pair.client->client->paths[1];
    jv_health_reset(pair.client, path);
    return 0;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static void pass_ms(uint64_t ms)
{
    pair.client->now = jv_add_ms(pair.client->now, ms);
}

static void health_p95_is_the_nearest_rank_of_the_ring(void **state)
{
    assert_int_equal(jv_health_p95_us(pair.client, path, always), 0);
    for (uint32_t i = 1; i <= 20; i++) {
        pass_ms(1);
        jv_health_round_trip(pair.client, path, (uint64_t)(21 - i) * 1000);
    }
    assert_int_equal(jv_health_samples(pair.client, path, always), 20);
    assert_int_equal(jv_health_p95_us(pair.client, path, always), 19000);
    for (uint32_t i = 0; i < JV_HEALTH_SAMPLES; i++) {
        jv_health_round_trip(pair.client, path, 7000);
    }
    assert_int_equal(jv_health_samples(pair.client, path, always), JV_HEALTH_SAMPLES);
    assert_int_equal(jv_health_p95_us(pair.client, path, always), 7000);
}

static void health_only_samples_after_the_moment_count(void **state)
{
    jv_health_round_trip(pair.client, path, 900000);
    struct jv_instant since = pair.client->now;
    pass_ms(10);
    jv_health_round_trip(pair.client, path, 1000);
    jv_health_round_trip(pair.client, path, 5000);
    assert_int_equal(jv_health_samples(pair.client, path, since), 2);
    assert_int_equal(jv_health_p95_us(pair.client, path, since), 5000);
    assert_int_equal(jv_health_jitter_us(pair.client, path, since), 4000);
    assert_int_equal(jv_health_jitter_us(pair.client, path, pair.client->now), 0);
}

static void health_few_probes_are_no_ratio(void **state)
{
    for (uint32_t i = 0; i < JV_HEALTH_PROBES_MIN; i++) {
        assert_int_equal(jv_health_loss_probe(pair.client, path), JV_HEALTH_UNKNOWN);
        jv_health_probe(pair.client, path, i % 4 != 0);
    }
    assert_int_equal(jv_health_loss_probe(pair.client, path), 250000);
    assert_int_equal(jv_health_worst_loss(pair.client, path), 250000);
}

static void health_a_dead_time_is_no_loss(void **state)
{
    for (uint32_t i = 0; i < 20; i++) {
        jv_health_probe(pair.client, path, false);
    }
    assert_int_equal(jv_health_loss_probe(pair.client, path), 1000000);
    path->unanswered = 20;
    jv_health_probe(pair.client, path, true);
    assert_int_equal(jv_health_loss_probe(pair.client, path), JV_HEALTH_UNKNOWN);
}

static void health_loss_of_traffic_is_forgotten(void **state)
{
    jv_health_loss(pair.client, path, 30000, JV_HEALTH_UNKNOWN);
    assert_int_equal(jv_health_loss_up(pair.client, path), 30000);
    assert_int_equal(jv_health_loss_down(pair.client, path), JV_HEALTH_UNKNOWN);
    pass_ms(JV_HEALTH_LOSS_MS - 1);
    assert_int_equal(jv_health_worst_loss(pair.client, path), 30000);
    pass_ms(1);
    assert_int_equal(jv_health_loss_up(pair.client, path), JV_HEALTH_UNKNOWN);
    assert_int_equal(jv_health_worst_loss(pair.client, path), 0);
}

static void health_score_falls_with_delay_jitter_and_loss(void **state)
{
    path->rtt = (struct jv_rtt){0};
    assert_int_equal(jv_health_score(pair.client, path), 0);
    path->rtt = (struct jv_rtt){.any = true, .srtt_us = 42000, .jitter_us = 2000};
    assert_int_equal(jv_health_score(pair.client, path), 500000);
    path->rtt.srtt_us = 592000;
    uint32_t slow = jv_health_score(pair.client, path);
    assert_in_range(slow, 70000, 80000);
    path->rtt.srtt_us = 42000;
    jv_health_loss(pair.client, path, JV_HEALTH_UNKNOWN, 10000); /* one in a hundred is 100 ms */
    assert_int_equal(jv_health_score(pair.client, path), 250000);
}

static void health_is_measured_in_both_directions(void **state)
{
    struct jv_session_status status;
    pair_flow_start(&pair, &pair.up, 5000, 200);
    pair_flow_start(&pair, &pair.down, 5000, 200);
    pair_run(&pair, 5000);
    assert_true(pair_status(&pair, true, &status));
    assert_int_equal(status.paths[0].loss_up_ppm, 0);
    assert_int_equal(status.paths[0].loss_down_ppm, 0);
    assert_in_range(status.paths[0].p95_us, 20000, 30000);
    assert_in_range(status.paths[0].stable_ms, 5000, 8000);
    assert_int_equal(status.paths[0].why_not, JV_WHY_NONE);
    assert_int_equal(status.paths[0].rank, 1);
    assert_int_equal(status.paths[1].rank, 2);
    assert_int_equal(status.paths[1].why_not, JV_WHY_LOWER_PREFERENCE);
    assert_int_equal(status.paths[1].loss_up_ppm, JV_HEALTH_UNKNOWN);
    assert_true(status.paths[1].score < status.paths[0].score);
    pair.links[0].loss_ppm = 100000;
    pair_run(&pair, 6000);
    assert_true(pair_status(&pair, true, &status));
    assert_in_range(status.paths[0].loss_up_ppm, 50000, 160000);
    assert_in_range(status.paths[0].loss_down_ppm, 50000, 160000);
}

static void health_of_a_round_trip_beyond_the_scale_is_its_end(void **state)
{
    jv_health_round_trip(pair.client, path, (uint64_t)UINT32_MAX * 3);
    assert_int_equal(jv_health_p95_us(pair.client, path, always), UINT32_MAX);
    jv_health_round_trip(pair.client, path, 0); /* and none is so short that it says nothing */
    assert_int_equal(jv_health_best_us(pair.client, path), 1);
}

static void health_best_is_the_lesser_of_two_periods(void **state)
{
    jv_health_round_trip(pair.client, path, 40000);
    pass_ms(JV_HEALTH_BEST_MS + 1);
    jv_health_round_trip(pair.client, path, 20000);
    assert_int_equal(jv_health_best_us(pair.client, path), 20000);
    pass_ms(JV_HEALTH_BEST_MS + 1);
    jv_health_round_trip(pair.client, path, 30000);
    assert_int_equal(jv_health_best_us(pair.client, path), 20000);
}

static void health_of_the_bound_path_is_not_steady_in_doubt(void **state)
{
    const struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    pass_ms(500);
    assert_true(jv_health_stable_ms(pair.client, s, s->bound) > 0);
    pair.client->client->suspected = true;
    assert_int_equal(jv_health_stable_ms(pair.client, s, s->bound), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(health_of_a_round_trip_beyond_the_scale_is_its_end, start,
                                        stop),
        cmocka_unit_test_setup_teardown(health_best_is_the_lesser_of_two_periods, start, stop),
        cmocka_unit_test_setup_teardown(health_of_the_bound_path_is_not_steady_in_doubt, start,
                                        stop),
        cmocka_unit_test_setup_teardown(health_p95_is_the_nearest_rank_of_the_ring, start, stop),
        cmocka_unit_test_setup_teardown(health_only_samples_after_the_moment_count, start, stop),
        cmocka_unit_test_setup_teardown(health_few_probes_are_no_ratio, start, stop),
        cmocka_unit_test_setup_teardown(health_a_dead_time_is_no_loss, start, stop),
        cmocka_unit_test_setup_teardown(health_loss_of_traffic_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(health_score_falls_with_delay_jitter_and_loss, start, stop),
        cmocka_unit_test_setup_teardown(health_is_measured_in_both_directions, start, stop)};
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
