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
#include "penalty.h"
#include "rank.h"

static struct pair pair;
static struct jv_session *s;
static struct jv_path *paths;

static int start(void **state)
{
    const struct pair_cfg cfg = {.seed = 5,
                                 .links = 3,
                                 .rtt_us = {20000, 40000, 30000},
                                 .preset = JV_PRESET_FAST,
                                 .no_aes = true};
    pair_init(&pair, &cfg);
    if (!pair_attach(&pair, 2000)) {
        return -1;
    }
    pair_run(&pair, 2000);
    pair.client->now = (struct jv_instant){pair.now_ns};
    s = jv_core_session_at(pair.client, 0);
    paths = pair.client->client->paths;
    for (uint32_t i = 0; i < 3; i++) {
        paths[i].prefer = 50;
        paths[i].rtt = (struct jv_rtt){.any = true, .srtt_us = 25000, .jitter_us = 2000};
        paths[i].stable_since = pair.client->now;
        jv_health_reset(pair.client, &paths[i]);
    }
    return 0;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static void expect_order(const uint8_t want[3])
{
    uint8_t order[JV_PATH_MAX];
    assert_int_equal(jv_rank(pair.client, s, order), 3);
    assert_memory_equal(order, want, 3);
}

static void rank_of_equals_is_by_slot(void **state)
{
    expect_order((const uint8_t[]){0, 1, 2});
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[1], &paths[0]), JV_WHY_LATER_SLOT);
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[0], &paths[1]), JV_WHY_NONE);
}

static void rank_each_key_decides_where_those_before_are_equal(void **state)
{
    pair.client->now = jv_add_ms(pair.client->now, 5000);
    paths[0].stable_since = paths[1].stable_since = pair.client->now;
    expect_order((const uint8_t[]){2, 0, 1});
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[0], &paths[2]), JV_WHY_LESS_STABLE);
    paths[1].rtt.srtt_us = 9000;
    expect_order((const uint8_t[]){1, 2, 0});
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[2], &paths[1]), JV_WHY_SLOWER);
    jv_health_loss(pair.client, &paths[1], 60000, 0);
    expect_order((const uint8_t[]){2, 0, 1});
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[1], &paths[0]), JV_WHY_MORE_LOSS);
    paths[1].prefer = 51;
    expect_order((const uint8_t[]){1, 2, 0});
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[2], &paths[1]), JV_WHY_LOWER_PREFERENCE);
    jv_penalty_add(pair.client, &paths[1], 30000, 60000);
    expect_order((const uint8_t[]){2, 0, 1});
    assert_int_equal(jv_rank_behind(pair.client, s, &paths[1], &paths[0]), JV_WHY_PENALISED);
}

static void rank_takes_noise_for_noise(void **state)
{
    paths[0].rtt.srtt_us = 29999;
    paths[1].rtt.srtt_us = 20000;
    jv_health_loss(pair.client, &paths[0], 9999, 9999);
    expect_order((const uint8_t[]){0, 1, 2});
}

static void rank_wish_is_preference_then_address_then_bytes_then_cost_then_warmth(void **state)
{
    const struct jv_path base = {.used = true, .prefer = 5};
    struct jv_path path = base;
    assert_false(jv_rank_is_wanted_more(&path, &base));
    path.is_cold = true;
    assert_false(jv_rank_is_wanted_more(&path, &base));
    assert_true(jv_rank_is_wanted_more(&base, &path));
    assert_false(jv_rank_is_wanted_more(&path, &path));
    struct jv_path dear = base;
    dear.cost = 3;
    assert_false(jv_rank_is_wanted_more(&dear, &path)); /* a cheaper one, though cold */
    assert_true(jv_rank_is_wanted_more(&path, &dear));
    struct jv_path metered = base;
    metered.is_metered = true;
    assert_true(jv_rank_is_wanted_more(&dear, &metered));
    struct jv_path stale = base;
    stale.is_stale = true;
    assert_true(jv_rank_is_wanted_more(&metered, &stale));
    stale.prefer = 6;
    assert_true(jv_rank_is_wanted_more(&stale, &metered));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_wish_is_preference_then_address_then_bytes_then_cost_then_warmth),
        cmocka_unit_test_setup_teardown(rank_of_equals_is_by_slot, start, stop),
        cmocka_unit_test_setup_teardown(rank_each_key_decides_where_those_before_are_equal, start,
                                        stop),
        cmocka_unit_test_setup_teardown(rank_takes_noise_for_noise, start, stop)};
    return cmocka_run_group_tests_name("rank", tests, NULL, NULL);
}
