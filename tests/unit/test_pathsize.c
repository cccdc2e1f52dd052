/* SPDX-License-Identifier: Apache-2.0 */
#include "pathsize.h"

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
#include "session.h"
#include "state.h"

static struct pair pair;

static void begin(uint32_t links)
{
    const struct pair_cfg cfg = {.seed = 11,
                                 .links = links,
                                 .rtt_us = {20000, 20000, 20000},
                                 .preset = JV_PRESET_FAST,
                                 .no_aes = true};
    pair_init(&pair, &cfg);
}

static void attach(uint32_t links)
{
    begin(links);
    assert_true(pair_attach(&pair, 3000));
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static void set_mtu(uint32_t link, uint32_t up, uint32_t down)
{
    pair.links[link].mtu_up = up;
    pair.links[link].mtu_down = down;
}

static struct jv_path_status status_of(uint32_t link)
{
    struct jv_session_status status;
    char name[JV_NAME_BYTES];
    (void)snprintf(name, sizeof name, "link%u/udp", link);
    assert_true(pair_status(&pair, true, &status));
    for (uint32_t i = 0; i < status.paths_len; i++) {
        if (strcmp(status.paths[i].name, name) == 0) {
            return status.paths[i];
        }
    }
    fail();
    return status.paths[0];
}

static uint32_t gateway_mtu(void)
{
    struct jv_session_status status;
    assert_true(pair_status(&pair, false, &status));
    return status.inner_mtu;
}

static bool is_active(uint32_t link)
{
    enum jv_path_role role = status_of(link).role;
    return role == JV_PATH_ACTIVE || role == JV_PATH_SILENT;
}

static void path_that_carries_all_is_found_by_one_probe(void **state)
{
    attach(2);
    pair_run(&pair, 2000);
    for (uint32_t link = 0; link < 2; link++) {
        assert_int_equal(status_of(link).inner_mtu, JV_MTU_DEFAULT);
        assert_int_equal(status_of(link).fit, JV_FIT_FOUND);
    }
    assert_int_equal(pair.device_mtu, JV_MTU_DEFAULT);
    assert_int_equal(pair.device_mtus, 0);
    assert_int_equal(gateway_mtu(), JV_MTU_DEFAULT);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_NONE), 0);
}

/* The limit lies somewhere on the way, no ICMP tells, and only one direction has it. */
static void limit_on_the_way_is_found_in_each_direction(void **state)
{
    static const uint32_t limits[][2] = {{1400, 0}, {0, 1400}, {1400, 1500}, {1460, 1400}};
    for (size_t i = 0; i < JV_ARRAY_LEN(limits); i++) {
        begin(1);
        set_mtu(0, limits[i][0], limits[i][1]);
        assert_true(pair_attach(&pair, 3000));
        pair_run(&pair, 8000);
        assert_int_equal(status_of(0).inner_mtu, 1340);
        assert_int_equal(status_of(0).fit, JV_FIT_FOUND);
        assert_int_equal(pair.device_mtu, 1340);
        assert_int_equal(gateway_mtu(), 1340);
        assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_PATH_MTU_FELL), 1);
        assert_int_equal(pair_leaked(&pair, true), 0);
        assert_int_equal(pair_leaked(&pair, false), 0);
        if (i + 1 < JV_ARRAY_LEN(limits)) {
            pair_fini(&pair);
        }
    }
}

static void device_of_the_link_is_a_fact_and_told_to_the_gateway(void **state)
{
    begin(1);
    pair.links[0].device_mtu = 1500;
    assert_true(pair_attach(&pair, 3000));
    pair_run(&pair, 1000);
    pair_link_mtu(&pair, 0, 1400);
    assert_int_equal(status_of(0).inner_mtu, 1340);
    assert_int_equal(pair.device_mtu, 1340); /* at once */
    pair_run(&pair, 100);
    assert_int_equal(gateway_mtu(), 1340);
    pair_link_mtu(&pair, 0, 1500);
    pair_run(&pair, 500);
    assert_int_equal(status_of(0).inner_mtu, JV_MTU_DEFAULT);
    assert_int_equal(gateway_mtu(), JV_MTU_DEFAULT);
    assert_int_equal(pair.device_mtu, 1340); /* up it goes late */
    pair_run(&pair, JV_MTU_RISE_MS);
    assert_int_equal(pair.device_mtu, JV_MTU_DEFAULT);
    assert_int_equal(pair.device_mtus, 2);
}

static void device_has_the_least_of_the_live_paths(void **state)
{
    begin(2);
    set_mtu(1, 1400, 1400);
    assert_true(pair_attach(&pair, 3000));
    pair_run(&pair, 8000);
    assert_int_equal(status_of(0).inner_mtu, JV_MTU_DEFAULT);
    assert_int_equal(status_of(1).inner_mtu, 1340);
    assert_int_equal(pair.device_mtu, 1340);
    assert_int_equal(gateway_mtu(), JV_MTU_DEFAULT); /* it sends on the bound path only */
    pair_link_down(&pair, 1);
    pair_run(&pair, JV_MTU_RISE_MS - 1000);
    assert_int_equal(pair.device_mtu, 1340);
    pair_run(&pair, 1100);
    assert_int_equal(pair.device_mtu, JV_MTU_DEFAULT);
}

static void hole_for_large_packets_is_noticed_up_and_down(void **state)
{
    for (uint32_t round = 0; round < 2; round++) {
        attach(1);
        pair_run(&pair, 1000);
        struct pair_flow *flow = round == 0 ? &pair.up : &pair.down;
        pair_flow_start(&pair, flow, 5000, 1400);
        pair_run(&pair, 500);
        set_mtu(0, round == 0 ? 1360 : 0, round == 0 ? 0 : 1360);
        pair_run(&pair, 5000);
        assert_int_equal(status_of(0).inner_mtu, 1300);
        assert_int_equal(gateway_mtu(), 1300);
        assert_int_equal(pair.device_mtu, 1300);
        /* The flow may be fragmented, so that it goes on. */
        uint64_t before = flow->received;
        pair_run(&pair, 1000);
        assert_true(flow->received - before >= 390);
        assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_PATH_MTU_FELL), 1);
        assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
        if (round == 0) {
            pair_fini(&pair);
        }
    }
}

static void loss_is_not_read_as_a_hole_for_large_packets(void **state)
{
    uint32_t fell = 0;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        const struct pair_cfg cfg = {.seed = seed,
                                     .links = 1,
                                     .rtt_us = {20000},
                                     .preset = JV_PRESET_MOBILE,
                                     .no_aes = true};
        if (seed > 1) {
            pair_fini(&pair);
        }
        pair_init(&pair, &cfg);
        assert_true(pair_attach(&pair, 5000));
        pair_run(&pair, 1000);
        pair.links[0].loss_ppm = 150000;
        pair_flow_start(&pair, &pair.up, 5000, 1400);
        pair_flow_start(&pair, &pair.down, 5000, 1400);
        pair_run(&pair, 30000);
        fell += pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_NONE);
        assert_int_equal(status_of(0).inner_mtu, JV_MTU_DEFAULT);
    }
    assert_int_equal(fell, 0);
}

static void claim_of_icmp_starts_one_probe_and_decides_nothing(void **state)
{
    attach(1);
    pair_run(&pair, 2000);
    struct jv_command claim = {.kind = JV_CMD_LINK_DOUBTED,
                               .link = pair.links[0].handle,
                               .remote = pair.client->client->endpoints[0],
                               .is_too_big = true,
                               .mtu = 600};
    uint64_t before = pair.datagrams_to_gateway;
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(pair_command(&pair, true, &claim), JV_E_OK);
        pair_run(&pair, 1);
    }
    uint64_t beats = 200 / 50 + 1;
    assert_true(pair.datagrams_to_gateway - before <= beats + 5);
    pair_run(&pair, 3000);
    assert_int_equal(status_of(0).inner_mtu, JV_MTU_DEFAULT);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_NONE), 0);
    /* A true one is found out soon, and exactly. */
    set_mtu(0, 1390, 1390);
    claim.mtu = 1390;
    pair_run(&pair, 70000);
    assert_int_equal(pair_command(&pair, true, &claim), JV_E_OK);
    pair_run(&pair, 3000);
    assert_int_equal(status_of(0).inner_mtu, 1330);
}

static void narrow_path_is_a_last_resort(void **state)
{
    begin(2);
    set_mtu(0, 1300, 1300); /* the preferred one */
    assert_true(pair_attach(&pair, 3000));
    pair_run(&pair, 20000);
    assert_true(is_active(1));
    assert_int_equal(status_of(0).fit, JV_FIT_NARROW);
    assert_int_equal(status_of(0).inner_mtu, 1240);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_PATH_NARROW), 1);
    assert_int_equal(pair.device_mtu, JV_MTU_DEFAULT); /* it takes nothing from the others */
    uint64_t switches = pair_count(&pair.log_c, JV_REC_TransportSwitch, JV_WHY_NONE);
    pair_run(&pair, 30000);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_TransportSwitch, JV_WHY_NONE), switches);
    /* With nothing else it serves: the device keeps what IPv6 needs, the rest is told packet by packet. */
    pair_link_down(&pair, 1);
    pair_run(&pair, 3000);
    assert_true(is_active(0));
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_int_equal(pair.device_mtu, JV_MTU_MIN);
    assert_int_equal(gateway_mtu(), 1240);
    pair_flow_start(&pair, &pair.down, 10000, 1280);
    pair_run(&pair, 1000);
    assert_true(pair.down.received >= 190); /* two fragments each */
}

static void path_for_small_packets_only_serves_where_nothing_else_does(void **state)
{
    begin(2);
    set_mtu(1, 520, 520);
    assert_true(pair_attach(&pair, 3000));
    pair_run(&pair, 8000);
    assert_int_equal(status_of(1).fit, JV_FIT_REFUSED);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_PATH_TOO_NARROW), 1);
    pair.links[0].hole_up = pair.links[0].hole_down = true;
    pair_run(&pair, 1500);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_TransportSwitch, JV_WHY_NONE), 0);
    pair_run(&pair, 4000); /* the other one is dead: better small packets than none */
    assert_true(is_active(1));
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    pair.links[0].hole_up = pair.links[0].hole_down = false;
    pair_run(&pair, 8000);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_true(is_active(0));
}

static void jump_to_a_narrower_path_goes_on(void **state)
{
    begin(2);
    set_mtu(1, 1400, 1400);
    assert_true(pair_attach(&pair, 3000));
    pair_run(&pair, 5000);
    pair_flow_start(&pair, &pair.up, 5000, 1340);
    pair_flow_start(&pair, &pair.down, 5000, 1340);
    pair_run(&pair, 500);
    pair.links[0].hole_up = pair.links[0].hole_down = true;
    pair_run(&pair, 2000);
    assert_true(is_active(1));
    assert_int_equal(gateway_mtu(), 1340); /* the request told it */
    uint64_t up = pair.up.received;
    uint64_t down = pair.down.received;
    pair_run(&pair, 1000);
    assert_in_range(pair.up.received - up, 198, 202);
    assert_in_range(pair.down.received - down, 198, 202);
}

static void standby_that_grew_narrow_is_checked_when_it_becomes_active(void **state)
{
    attach(2);
    pair_run(&pair, 15000);
    assert_int_equal(status_of(1).inner_mtu, JV_MTU_DEFAULT);
    set_mtu(1, 1400, 1400); /* nobody knows: the session is idle */
    pair.links[0].hole_up = pair.links[0].hole_down = true;
    pair_run(&pair, 5000);
    assert_true(is_active(1));
    assert_int_equal(status_of(1).inner_mtu, 1340);
    assert_int_equal(gateway_mtu(), 1340);
}

static void silence_says_nothing_of_sizes(void **state)
{
    attach(1);
    pair_run(&pair, 1000);
    pair.links[0].hole_up = pair.links[0].hole_down = true;
    pair_flow_start(&pair, &pair.up, 5000, 1400);
    pair_run(&pair, 10000);
    pair.links[0].hole_up = pair.links[0].hole_down = false;
    pair_run(&pair, 10000);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_NONE), 0);
    assert_int_equal(status_of(0).inner_mtu, JV_MTU_DEFAULT);
}

static void size_is_raised_again_while_data_flows(void **state)
{
    begin(1);
    set_mtu(0, 1400, 1400);
    assert_true(pair_attach(&pair, 3000));
    pair_run(&pair, 8000);
    assert_int_equal(status_of(0).inner_mtu, 1340);
    set_mtu(0, 0, 0);
    pair_run(&pair, 2 * JV_PMTU_RAISE_MS); /* an idle session asks nothing */
    assert_int_equal(status_of(0).inner_mtu, 1340);
    set_mtu(0, 1400, 1400);
    pair_flow_start(&pair, &pair.up, 500000, 100);
    pair_run(&pair, 3000);
    set_mtu(0, 0, 0);
    pair_run(&pair, JV_PMTU_RAISE_MIN_MS - 5000);
    assert_int_equal(status_of(0).inner_mtu, 1340);
    pair_run(&pair, JV_PMTU_RAISE_MIN_MS + 20000);
    assert_int_equal(status_of(0).inner_mtu, JV_MTU_DEFAULT);
    assert_int_equal(pair.device_mtu, JV_MTU_DEFAULT);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_PATH_MTU_ROSE), 1);
}

static struct jv_path *bound(void)
{
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    assert_non_null(s->bound);
    return s->bound;
}

static void pathsize_of_a_device_without_an_mtu_is_that_of_the_session(void **state)
{
    attach(2);
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    jv_path_link_mtu(pair.client, pair.links[1].handle, 0);
    assert_int_equal(pair.client->client->paths[1].size.search.top, s->mtu + JV_TRAFFIC_OVERHEAD);
    /* One that is less than the headers carries nothing, and is no candidate. */
    pair_run(&pair, 3000);
    pair_link_mtu(&pair, 1, 20);
    pair_run(&pair, 1000);
    assert_int_equal(status_of(1).inner_mtu, 0);
    assert_false(jv_path_is_proven(pair.client, s, &pair.client->client->paths[1]));
    pair_link_mtu(&pair, 1, 1500);
    pair_run(&pair, 5000);
    assert_true(jv_path_is_proven(pair.client, s, &pair.client->client->paths[1]));
    assert_int_equal(status_of(1).inner_mtu, s->mtu);
}

static void pathsize_doubts_begin_anew_after_minutes_of_peace(void **state)
{
    attach(1);
    pair_run(&pair, 3000);
    for (uint32_t i = 0; i < 3; i++) {
        pair.client->now = (struct jv_instant){pair.now_ns};
        jv_pathsize_doubt(pair.client, jv_core_session_at(pair.client, 0), bound(), 0);
        pair_run(&pair, 10000);
    }
    assert_int_equal(bound()->size.doubts, 3);
    pair_run(&pair, 300000);
    pair.client->now = (struct jv_instant){pair.now_ns};
    jv_pathsize_doubt(pair.client, jv_core_session_at(pair.client, 0), bound(), 0);
    assert_int_equal(bound()->size.doubts, 1);
}

static void pathsize_answer_to_a_probe_never_sent_proves_nothing(void **state)
{
    struct jv_out none = {0};
    attach(1);
    struct jv_path_size *size = &bound()->size;
    pair_run(&pair, 3);
    assert_true(size->search.asked != 0 && size->search.tries > 0);
    uint32_t asked = size->search.asked;
    uint16_t carried = size->search.size;
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    jv_pathsize_on_reply(pair.client, s, bound(), size->last_us + 1, asked, &none);
    jv_pathsize_on_reply(pair.client, s, bound(), size->first_us - 1, asked, &none);
    jv_pathsize_on_reply(pair.client, s, bound(), size->last_us, asked + 4, &none);
    assert_int_equal(size->search.asked, asked);
    assert_int_equal(size->search.size, carried);
}

static void pathsize_says_nothing_while_nothing_comes_back(void **state)
{
    attach(1);
    pair_run(&pair, 3000);
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    s->policy.silence_floor_ms = s->policy.silence_ceiling_ms = 100000;
    s->policy.max_consecutive_drops = 1000000;
    uint32_t before = status_of(0).inner_mtu;
    pair.links[0].hole_up = true;
    pair.client->now = (struct jv_instant){pair.now_ns};
    jv_pathsize_doubt(pair.client, s, bound(), 0);
    jv_core_touch(pair.client, s);
    pair_run(&pair, 20000);
    assert_int_equal(status_of(0).inner_mtu, before);
    pair.links[0].hole_up = false;
    pair_run(&pair, 30000);
    assert_int_equal(status_of(0).inner_mtu, before);
    assert_int_equal(bound()->size.search.asked, 0);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PathMtu, JV_WHY_PATH_MTU_FELL), 0);
}

static void pathsize_small_packet_that_arrived_does_not_clear_large_ones(void **state)
{
    struct jv_out none = {0};
    attach(1);
    pair_run(&pair, 3000);
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    jv_pathsize_rebound(s);
    jv_pathsize_watch(pair.client, s, 1, 100, 1400);
    struct jv_report report = {.epoch = 1, .highest = 110, .received = 109, .gaps_len = 1};
    report.gaps[0] = (struct jv_gap){100, 100};
    jv_pathsize_on_report(pair.client, s, &report, &none);
    assert_int_equal(s->watch.streak, 1);
    report = (struct jv_report){.epoch = 1, .highest = 120, .received = 119};
    jv_pathsize_watch(pair.client, s, 1, 115, 600);
    jv_pathsize_on_report(pair.client, s, &report, &none);
    assert_int_equal(s->watch.streak, 1); /* it was smaller than what was lost */
    jv_pathsize_watch(pair.client, s, 1, 116, 1400);
    jv_pathsize_on_report(pair.client, s, &report, &none);
    assert_int_equal(s->watch.streak, 0);
}

static void pathsize_gateway_doubt_below_the_floor_is_none(void **state)
{
    attach(1);
    pair_run(&pair, 3000);
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    uint8_t doubts = bound()->size.doubts;
    jv_pathsize_on_frame(pair.client, s,
                         &(struct jv_frame_size){s->size_told_us + 1, JV_PMTU_FLOOR});
    assert_int_equal(bound()->size.doubts, doubts);
    pair.client->now = (struct jv_instant){pair.now_ns};
    jv_pathsize_on_frame(pair.client, s,
                         &(struct jv_frame_size){s->size_told_us + 1, JV_PMTU_FLOOR + 1});
    assert_int_equal(bound()->size.doubts, doubts + 1);
}

/* What the MSS of a SYN must fit at a gateway: the session's MTU while nothing is bound, else no more than the path carries. */
static void pathsize_clamp_of_a_gateway_goes_by_session_and_path(void **state)
{
    attach(1);
    struct jv_core *core = pair.gateway;
    struct jv_session s = {.mtu = 1300};
    struct jv_path path = {.size.search.size = 1500};
    assert_int_equal(jv_pathsize_clamp(core, &s), 1300);
    s.bound = &path;
    assert_int_equal(jv_pathsize_clamp(core, &s), 1300);
    path.size.search.size = 1000;
    assert_int_equal(jv_pathsize_clamp(core, &s), 1000 - JV_TRAFFIC_OVERHEAD);
    s.mtu = 100; /* no path and no session is that narrow */
    assert_int_equal(jv_pathsize_clamp(core, &s), JV_PMTU_FLOOR - JV_TRAFFIC_OVERHEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pathsize_of_a_device_without_an_mtu_is_that_of_the_session, stop),
        cmocka_unit_test_teardown(pathsize_doubts_begin_anew_after_minutes_of_peace, stop),
        cmocka_unit_test_teardown(pathsize_answer_to_a_probe_never_sent_proves_nothing, stop),
        cmocka_unit_test_teardown(pathsize_says_nothing_while_nothing_comes_back, stop),
        cmocka_unit_test_teardown(pathsize_small_packet_that_arrived_does_not_clear_large_ones,
                                  stop),
        cmocka_unit_test_teardown(pathsize_gateway_doubt_below_the_floor_is_none, stop),
        cmocka_unit_test_teardown(path_that_carries_all_is_found_by_one_probe, stop),
        cmocka_unit_test_teardown(limit_on_the_way_is_found_in_each_direction, stop),
        cmocka_unit_test_teardown(device_of_the_link_is_a_fact_and_told_to_the_gateway, stop),
        cmocka_unit_test_teardown(device_has_the_least_of_the_live_paths, stop),
        cmocka_unit_test_teardown(hole_for_large_packets_is_noticed_up_and_down, stop),
        cmocka_unit_test_teardown(loss_is_not_read_as_a_hole_for_large_packets, stop),
        cmocka_unit_test_teardown(claim_of_icmp_starts_one_probe_and_decides_nothing, stop),
        cmocka_unit_test_teardown(narrow_path_is_a_last_resort, stop),
        cmocka_unit_test_teardown(path_for_small_packets_only_serves_where_nothing_else_does, stop),
        cmocka_unit_test_teardown(jump_to_a_narrower_path_goes_on, stop),
        cmocka_unit_test_teardown(standby_that_grew_narrow_is_checked_when_it_becomes_active, stop),
        cmocka_unit_test_teardown(silence_says_nothing_of_sizes, stop),
        cmocka_unit_test_teardown(size_is_raised_again_while_data_flows, stop),
        cmocka_unit_test_teardown(pathsize_clamp_of_a_gateway_goes_by_session_and_path, stop),
    };
    return cmocka_run_group_tests_name("pathsize", tests, NULL, NULL);
}
