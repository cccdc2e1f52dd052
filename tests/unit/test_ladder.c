/* SPDX-License-Identifier: Apache-2.0 */
#include "client_state.h"
#include "ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"

static struct pair pair;

static void open_world(uint32_t links, bool has_second)
{
    const struct pair_cfg cfg = {.seed = 3,
                                 .links = links,
                                 .rtt_us = {20000, 40000},
                                 .preset = JV_PRESET_MOBILE,
                                 .has_second = has_second,
                                 .no_aes = true};
    pair_init(&pair, &cfg);
    assert_true(pair_attach(&pair, 2000));
    pair_flow_start(&pair, &pair.up, 20000, 100);
    pair_run(&pair, 1000);
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static struct jv_client *client(void)
{
    return pair.client->client;
}

static uint32_t links_used(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        n += client()->links[i].used ? 1 : 0;
    }
    return n;
}

static struct jv_session *session(void)
{
    return jv_core_session_at(pair.client, 0);
}

static uint32_t rungs(void)
{
    return pair_count(&pair.log_c, JV_REC_RecoveryRung, JV_WHY_NONE);
}

static void ladder_tells_each_path_from_the_one_bound_last(void **state)
{
    open_world(2, true);
    struct jv_path path = *session()->bound;
    assert_int_equal(jv_ladder_rung(pair.client, &path), JV_RUNG_SAME_SOCKET);
    path.link += 1000;
    assert_int_equal(jv_ladder_rung(pair.client, &path), JV_RUNG_NEW_PORT);
    path.remote = pair.endpoints[1];
    assert_int_equal(jv_ladder_rung(pair.client, &path), JV_RUNG_OTHER_ENDPOINT);
    path.remote.ip.family = JV_AF_6;
    assert_int_equal(jv_ladder_rung(pair.client, &path), JV_RUNG_OTHER_FAMILY);
    path.name[0] = 'x';
    assert_int_equal(jv_ladder_rung(pair.client, &path), JV_RUNG_OTHER_INTERFACE);
}

static void ladder_leaves_one_socket_after_a_move(void **state)
{
    open_world(1, false);
    uint32_t old = session()->bound->link;
    pair_kill_ports(&pair, 0);
    pair_run(&pair, 1000);
    assert_int_equal(session()->state, JV_ST_ATTACHED);
    assert_int_not_equal(session()->bound->link, old);
    assert_int_equal(links_used(), 1);
    assert_int_equal(client()->ladder.twin, 0);
    assert_int_equal(session()->switches_total, 1);
    assert_int_equal(session()->rebinds_total, 0);
    /* What it leads to is every endpoint again. */
    assert_false(client()->links[0].is_twin || client()->links[1].is_twin);
}

static void ladder_closes_a_twin_that_was_not_needed(void **state)
{
    open_world(1, false);
    uint32_t old = session()->bound->link;
    pair.links[0].hole_up = pair.links[0].hole_down = true;
    pair_run(&pair, 1000);
    assert_int_equal(links_used(), 2);
    pair.links[0].hole_up = pair.links[0].hole_down = false;
    pair.extra[0].is_dead = true;
    pair_run(&pair, 5000);
    assert_int_equal(session()->state, JV_ST_ATTACHED);
    assert_int_equal(session()->bound->link, old);
    assert_int_equal(links_used(), 1);
    assert_int_equal(session()->switches_total, 0);
}

static void ladder_closes_a_twin_that_nobody_waits_for(void **state)
{
    open_world(1, false);
    const struct jv_command late = {.kind = JV_CMD_LINK_ADDED,
                                    .link = 777,
                                    .twin_of = session()->bound->link,
                                    .local = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}}, .port = 999},
                                    .name = "link0/udp",
                                    .mtu = 1500};
    assert_int_equal(pair_command(&pair, true, &late), JV_E_OK);
    assert_int_equal(links_used(), 1);
    assert_int_equal(pair.wishes_len, 1);
    assert_int_equal(pair.wishes[0].kind, JV_ORDER_LINK_CLOSE);
    assert_int_equal(pair.wishes[0].link, 777);
}

static void ladder_makes_room_among_silent_paths(void **state)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_MOBILE];
    const struct pair_cfg cfg = {.seed = 3,
                                 .links = 1,
                                 .rtt_us = {20000},
                                 .policy = &policy,
                                 .has_second = true,
                                 .no_aes = true};
    jv_policy_set(&policy, JV_POLICY_max_candidate_count, 2);
    pair_init(&pair, &cfg);
    assert_true(pair_attach(&pair, 2000));
    pair_flow_start(&pair, &pair.up, 20000, 100);
    pair_run(&pair, 1000);
    pair_kill_ports(&pair, 0);
    pair_run(&pair, 3000);
    assert_int_equal(session()->state, JV_ST_ATTACHED);
    assert_int_equal(session()->switches_total, 1);
    uint32_t used = 0;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        used += client()->paths[i].used ? 1 : 0;
    }
    assert_int_equal(used, 2); /* both endpoints over the socket that lives */
}

static void ladder_opens_nothing_where_all_is_well_or_nothing_is_there(void **state)
{
    open_world(2, false);
    pair_run(&pair, 20000);
    assert_int_equal(rungs(), 0);
    pair_link_down(&pair, 0);
    pair_link_down(&pair, 1);
    pair_run(&pair, 60000);
    assert_int_equal(links_used(), 0);
    assert_int_equal(pair.twins_opened, 0);
}

static void ladder_puts_each_rung_on_record_once_in_a_trouble(void **state)
{
    open_world(2, true);
    for (uint32_t i = 0; i < 2; i++) {
        pair.links[i].hole_up = pair.links[i].hole_down = true;
    }
    pair_run(&pair, 100000);
    uint32_t seen[JV_RUNG_OTHER_INTERFACE + 1] = {0};
    for (uint32_t i = 0; i < pair.log_c.len; i++) {
        const struct jv_record *rec = &pair.log_c.records[i];
        if (rec->event == JV_REC_RecoveryRung) {
            seen[jv_record_get(rec, JV_FD_rung, 0)]++;
        }
    }
    assert_int_equal(seen[JV_RUNG_SAME_SOCKET], 1);
    assert_int_equal(seen[JV_RUNG_OTHER_ENDPOINT], 1);
    assert_int_equal(seen[JV_RUNG_OTHER_INTERFACE], 1);
    assert_int_equal(seen[JV_RUNG_OTHER_FAMILY], 0);
    /* 1, 2, 4, 8, 16, 32 s and then one a minute */
    assert_in_range(seen[JV_RUNG_NEW_PORT], 6, 8);
    assert_true(links_used() <= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(ladder_tells_each_path_from_the_one_bound_last, stop),
        cmocka_unit_test_teardown(ladder_leaves_one_socket_after_a_move, stop),
        cmocka_unit_test_teardown(ladder_closes_a_twin_that_was_not_needed, stop),
        cmocka_unit_test_teardown(ladder_closes_a_twin_that_nobody_waits_for, stop),
        cmocka_unit_test_teardown(ladder_makes_room_among_silent_paths, stop),
        cmocka_unit_test_teardown(ladder_opens_nothing_where_all_is_well_or_nothing_is_there, stop),
        cmocka_unit_test_teardown(ladder_puts_each_rung_on_record_once_in_a_trouble, stop),
    };
    return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
