/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "pair.h"
#include "path.h"
#include "rank.h"
#include "session.h"
#include "state.h"

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

static void path_numbers_come_round_and_pass_over_those_in_use(void **state)
{
    struct jv_client *cl = pair.client->client;
    pair_link_down(&pair, 2);
    cl->next_number = (uint8_t)(cl->paths[0].number - 1);
    uint8_t taken[2] = {cl->paths[0].number, cl->paths[1].number};
    pair_link_up(&pair, 2);
    assert_int_not_equal(path_of(2)->number, taken[0]);
    assert_int_not_equal(path_of(2)->number, taken[1]);
    assert_int_not_equal(path_of(2)->number, cl->last_number);
}

static void path_beyond_the_last_place_is_refused(void **state)
{
    struct jv_client *cl = pair.client->client;
    for (uint32_t i = 0; i < JV_PATH_MAX + 2; i++) {
        struct jv_command added = {.kind = JV_CMD_LINK_ADDED, .link = 500 + i, .mtu = 1500};
        added.local = (struct jv_endpoint){.ip = {{10, 9, 8, (uint8_t)i}, JV_AF_4, {0}}, .port = 9};
        memcpy(added.name, "more", 5);
        assert_int_equal(pair_command(&pair, true, &added), JV_E_OK);
    }
    uint32_t links = 0;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        links += cl->links[i].used ? 1 : 0;
    }
    assert_int_equal(links, JV_PATH_MAX);
    pair_run(&pair, 500);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void path_endpoint_that_serves_has_a_place_in_a_full_list(void **state)
{
    struct jv_client *cl = pair.client->client;
    struct jv_command told = {.kind = JV_CMD_ENDPOINTS, .endpoints_len = JV_ENDPOINT_MAX + 5};
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    struct jv_endpoint serving = s->bound->remote;
    for (uint32_t i = 0; i < JV_ENDPOINT_MAX; i++) {
        told.endpoints[i] =
            (struct jv_endpoint){.ip = {{198, 51, 100, (uint8_t)i}, JV_AF_4, {0}}, .port = 9};
    }
    assert_int_equal(pair_command(&pair, true, &told), JV_E_OK);
    assert_int_equal(cl->endpoints_len, JV_ENDPOINT_MAX);
    assert_true(jv_endpoint_is_equal(&cl->endpoints[JV_ENDPOINT_MAX - 1], &serving));
    assert_true(s->bound->is_stale);
    pair_run(&pair, 500);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void path_doubt_before_there_is_a_session_is_nothing(void **state)
{
    const struct pair_cfg cfg = {.seed = 5, .links = 1, .rtt_us = {20000}};
    pair_fini(&pair);
    pair_init(&pair, &cfg);
    struct jv_command doubt = {
        .kind = JV_CMD_LINK_DOUBTED, .link = pair.links[0].handle, .remote = pair.endpoints[0]};
    for (int i = 0; i < 2; i++) {
        doubt.is_too_big = i == 1;
        assert_int_equal(pair_command(&pair, true, &doubt), JV_E_OK);
        doubt.link += 77; /* and of no path */
        assert_int_equal(pair_command(&pair, true, &doubt), JV_E_OK);
        doubt.link -= 77;
    }
    assert_false(pair.client->client->paths[0].is_doubted);
    assert_true(pair_attach(&pair, 2000));
}

static void path_doubts_within_a_round_trip_are_one_probe(void **state)
{
    struct jv_command doubt = {
        .kind = JV_CMD_LINK_DOUBTED, .link = pair.links[1].handle, .remote = pair.endpoints[0]};
    pair_run(&pair, 3000);
    uint64_t before = path_of(1)->probes_sent;
    assert_int_equal(pair_command(&pair, true, &doubt), JV_E_OK);
    pair_run(&pair, 0);
    assert_int_equal(path_of(1)->probes_sent, before + 1);
    pair_run(&pair, 41); /* it was answered a millisecond ago */
    path_of(1)->rtt.srtt_us = 100000;
    assert_int_equal(pair_command(&pair, true, &doubt), JV_E_OK);
    pair_run(&pair, 0);
    assert_int_equal(path_of(1)->probes_sent, before + 1);
}

static void path_without_any_delay_works(void **state)
{
    const struct pair_cfg cfg = {.seed = 5, .links = 2, .rtt_us = {0, 0}, .preset = JV_PRESET_FAST};
    pair_fini(&pair);
    pair_init(&pair, &cfg);
    assert_true(pair_attach(&pair, 500));
    pair_flow_start(&pair, &pair.up, 5000, 1300);
    pair_run(&pair, 3000);
    assert_int_equal(pair.up.received, pair.up.sent);
    assert_true(is_proven(1));
    assert_int_equal(path_of(1)->probe_rtt_us, 0);
    pair_link_down(&pair, 0);
    pair_run(&pair, 1000);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void path_locator_zero_is_nobodys(void **state)
{
    path_of(1)->locator = 0;
    assert_false(jv_path_knows_locator(pair.client, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(path_outlives_more_networks_than_spares,
                                        start_with_one_of_two, stop),
        cmocka_unit_test_setup_teardown(path_numbers_come_round_and_pass_over_those_in_use, start,
                                        stop),
        cmocka_unit_test_setup_teardown(path_beyond_the_last_place_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(path_endpoint_that_serves_has_a_place_in_a_full_list, start,
                                        stop),
        cmocka_unit_test_setup_teardown(path_doubt_before_there_is_a_session_is_nothing, start,
                                        stop),
        cmocka_unit_test_setup_teardown(path_doubts_within_a_round_trip_are_one_probe, start, stop),
        cmocka_unit_test_setup_teardown(path_without_any_delay_works, start, stop),
        cmocka_unit_test_setup_teardown(path_locator_zero_is_nobodys, start, stop),
        cmocka_unit_test_setup_teardown(path_is_found_by_link_and_endpoint, start, stop),
        cmocka_unit_test_setup_teardown(path_standbys_are_proven_by_probes, start, stop),
        cmocka_unit_test_setup_teardown(path_no_two_share_a_locator, start, stop),
        cmocka_unit_test_setup_teardown(path_that_stops_answering_is_proven_no_more, start, stop),
        cmocka_unit_test_setup_teardown(path_of_a_link_that_is_gone_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(path_standby_carries_no_inner_packet, start, stop)};
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
