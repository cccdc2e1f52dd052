/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "pair.h"
#include "penalty.h"

static struct pair pair;
static struct jv_core *core;

static int start(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 5, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST, .no_aes = true};
    pair_init(&pair, &cfg);
    core = pair.client;
    return pair_attach(&pair, 2000) ? 0 : -1;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static void pass_ms(uint64_t ms)
{
    core->now = jv_add_ms(core->now, ms);
}

static void penalty_doubles_up_to_the_limit(void **state)
{
    const struct jv_path *path = &core->client->paths[1];
    assert_int_equal(jv_penalty_ms(core, path), 0);
    jv_penalty_add(core, path, 1000, 6000);
    assert_int_equal(jv_penalty_ms(core, path), 1000);
    pass_ms(400);
    assert_int_equal(jv_penalty_ms(core, path), 600);
    pass_ms(600);
    assert_int_equal(jv_penalty_ms(core, path), 0);
    jv_penalty_add(core, path, 1000, 6000);
    assert_int_equal(jv_penalty_ms(core, path), 2000);
    jv_penalty_add(core, path, 1000, 6000);
    jv_penalty_add(core, path, 1000, 6000);
    assert_int_equal(jv_penalty_ms(core, path), 6000);
    assert_int_equal(jv_penalty_ms(core, &core->client->paths[0]), 0);
}

static void penalty_is_forgiven_by_time(void **state)
{
    const struct jv_path *path = &core->client->paths[1];
    for (uint32_t i = 0; i < 4; i++) {
        jv_penalty_add(core, path, 1000, 60000);
    }
    assert_int_equal(jv_penalty_ms(core, path), 8000);
    pass_ms(8000 + 2 * JV_PENALTY_DECAY_MS); /* four strikes less two: the next one is the third */
    jv_penalty_add(core, path, 1000, 60000);
    assert_int_equal(jv_penalty_ms(core, path), 4000);
    pass_ms(100 * JV_PENALTY_DECAY_MS);
    jv_penalty_add(core, path, 1000, 60000);
    assert_int_equal(jv_penalty_ms(core, path), 1000);
}

static void penalty_outlives_the_slot_of_the_path(void **state)
{
    const struct jv_path *path = &core->client->paths[1];
    jv_penalty_add(core, path, 30000, 60000);
    pair_link_down(&pair, 1);
    pair_link_up(&pair, 1);
    pair_run(&pair, 1000);
    assert_true(path->used);
    assert_in_range(jv_penalty_ms(core, path), 28000, 29999);
}

static void penalty_table_gives_up_what_ends_first(void **state)
{
    struct jv_path path = core->client->paths[1];
    for (uint32_t i = 0; i <= JV_PENALTY_MAX; i++) {
        path.remote.port = (uint16_t)(1000 + i);
        jv_penalty_add(core, &path, 1000 + i, 60000);
    }
    path.remote.port = 1000;
    assert_int_equal(jv_penalty_ms(core, &path), 0);
    path.remote.port = 1001;
    assert_int_equal(jv_penalty_ms(core, &path), 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(penalty_doubles_up_to_the_limit, start, stop),
        cmocka_unit_test_setup_teardown(penalty_is_forgiven_by_time, start, stop),
        cmocka_unit_test_setup_teardown(penalty_outlives_the_slot_of_the_path, start, stop),
        cmocka_unit_test_setup_teardown(penalty_table_gives_up_what_ends_first, start, stop)};
    return cmocka_run_group_tests_name("penalty", tests, NULL, NULL);
}
