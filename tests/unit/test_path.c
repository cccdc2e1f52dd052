/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "path.h"
#include "rank.h"

static struct pair pair;

static int start(void **state)
{
    const struct pair_cfg cfg = {.seed = 5,
                                 .links = 3,
                                 .rtt_us = {20000, 40000, 30000},
                                 .preset = JV_PRESET_FAST,
                                 .no_aes = true};
    pair_init(&pair, &cfg);
    return pair_attach(&pair, 2000) ? 0 : -1;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static struct jv_path *path_of(uint32_t link)
{
    struct jv_endpoint gateway = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
    return jv_path_find(pair.client, pair.links[link].handle, &gateway);
}

static bool is_proven(uint32_t link)
{
    pair.client->now = (struct jv_instant){pair.now_ns};
    return jv_path_is_proven(pair.client, jv_core_session_at(pair.client, 0), path_of(link));
}

static void path_is_found_by_link_and_endpoint(void **state)
{
    struct jv_endpoint other = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4434};
    assert_non_null(path_of(0));
    assert_non_null(path_of(2));
    assert_ptr_not_equal(path_of(0), path_of(1));
    assert_null(jv_path_find(pair.client, pair.links[0].handle, &other));
    assert_null(jv_path_find(pair.client, 9999, &pair.client->client->endpoints[0]));
}

static void path_standbys_are_proven_by_probes(void **state)
{
    pair_run(&pair, 2000);
    for (uint32_t link = 1; link < 3; link++) {
        assert_true(is_proven(link));
        assert_true(path_of(link)->has_token);
        uint64_t srtt = path_of(link)->rtt.srtt_us;
        assert_in_range(srtt, pair.links[link].delay_us * 2, pair.links[link].delay_us * 2 + 1000);
        assert_int_equal(path_of(link)->observed.port, pair.links[link].mapped_port);
    }
}

static void path_no_two_share_a_locator(void **state)
{
    pair_run(&pair, 2000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(path_of(i)->locator != 0);
        assert_true(jv_path_knows_locator(pair.client, path_of(i)->locator));
        for (uint32_t k = 0; k < i; k++) {
            assert_true(path_of(i)->locator != path_of(k)->locator);
        }
    }
    assert_false(jv_path_knows_locator(pair.client, 0x1234));
}

static void path_that_stops_answering_is_proven_no_more(void **state)
{
    pair_run(&pair, 2000);
    pair.links[1].hole_down = true;
    pair_run(&pair, 20000);
    assert_false(is_proven(1));
    assert_true(path_of(1)->unanswered > 0);
    assert_true(is_proven(2));
    pair.links[1].hole_down = false;
    pair_run(&pair, 11000);
    assert_true(is_proven(1));
}

static void path_of_a_link_that_is_gone_is_forgotten(void **state)
{
    pair_run(&pair, 1000);
    pair_link_down(&pair, 1);
    assert_null(path_of(1));
    uint8_t order[JV_PATH_MAX];
    assert_int_equal(jv_rank(pair.client, NULL, order), 2);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    pair_link_up(&pair, 1);
    pair_run(&pair, 2000);
    assert_true(is_proven(1));
}

static void path_standby_carries_no_inner_packet(void **state)
{
    pair_run(&pair, 1000);
    uint64_t sent = pair.client->count.tx_datagrams;
    pair_run(&pair, 10000);
    uint64_t idle = pair.client->count.tx_datagrams - sent;
    assert_true(idle < 200); /* probes at a low rate and heartbeats, nothing more */
    const struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_ptr_equal(s->bound, path_of(0));
}

static int start_with_one_of_two(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 6, .links = 2, .rtt_us = {20000, 40000}, .preset = JV_PRESET_FAST};
    pair_init(&pair, &cfg);
    pair_link_down(&pair, 1);
    return pair_attach(&pair, 2000) ? 0 : -1;
}

/* A link that comes up where nothing is heard, and goes. */
static void pass_by(uint32_t n)
{
    struct jv_command added = {
        .kind = JV_CMD_LINK_ADDED,
        .link = 500 + n,
        .local = {.ip = {{192, 0, 2, (uint8_t)(50 + n)}, JV_AF_4, {0}}, .port = 40000},
        .prefer = 50,
        .mtu = 1500};
    const struct jv_command gone = {.kind = JV_CMD_LINK_GONE, .link = added.link};
    (void)snprintf(added.name, sizeof added.name, "network%u/udp", n);
    assert_int_equal(pair_command(&pair, true, &added), JV_E_OK);
    pair_run(&pair, 1500);
    assert_int_equal(pair_command(&pair, true, &gone), JV_E_OK);
}

/* Found by the simulator (seed 1860 of its first day): after more networks than there are spares the client had no locator to probe with. */
static void path_outlives_more_networks_than_spares(void **state)
{
    pair_run(&pair, 1000);
    pair_link_down(&pair, 0);
    for (uint32_t n = 0; n < JV_SPARE_MAX + 4; n++) {
        pass_by(n);
    }
    assert_int_equal(pair.client->client->spares_len, 0);
    pair_link_up(&pair, 1);
    pair_run(&pair, 3000);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&pair, false), JV_ST_ATTACHED);
    assert_int_equal(pair_count(&pair.log_g, JV_REC_SessionCreated, JV_WHY_NONE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(path_outlives_more_networks_than_spares,
                                        start_with_one_of_two, stop),
        cmocka_unit_test_setup_teardown(path_is_found_by_link_and_endpoint, start, stop),
        cmocka_unit_test_setup_teardown(path_standbys_are_proven_by_probes, start, stop),
        cmocka_unit_test_setup_teardown(path_no_two_share_a_locator, start, stop),
        cmocka_unit_test_setup_teardown(path_that_stops_answering_is_proven_no_more, start, stop),
        cmocka_unit_test_setup_teardown(path_of_a_link_that_is_gone_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(path_standby_carries_no_inner_packet, start, stop)};
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
