/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "pair.h"
#include "state.h"

static struct pair p;

static const struct pair_cfg two_links = {
    .seed = 21, .links = 2, .rtt_us = {20000, 20000}, .preset = JV_PRESET_FAST};

static int begin(void **state)
{
    (void)state;
    pair_init(&p, &two_links);
    if (!pair_attach(&p, 300)) {
        return -1;
    }
    pair_flow_start(&p, &p.up, 5000, 200);
    pair_flow_start(&p, &p.down, 5000, 200);
    pair_run(&p, 3000);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pair_fini(&p);
    return 0;
}

static struct jv_counters counters(bool client)
{
    struct jv_counters c;
    jv_core_counters(client ? p.client : p.gateway, &c);
    return c;
}

static struct jv_session_status status(bool client)
{
    struct jv_session_status s;
    assert_true(pair_status(&p, client, &s));
    return s;
}

static void hole(uint32_t link, bool on)
{
    p.links[link].hole_up = p.links[link].hole_down = on;
}

static void black_hole_moves_the_session_to_the_other_link(void **state)
{
    struct jv_session_status before = status(true);
    (void)state;
    hole(0, true);
    pair_run(&p, 1000);
    struct jv_session_status after = status(true);
    assert_int_equal(after.state, JV_ST_ATTACHED);
    assert_memory_equal(&before.sid, &after.sid, sizeof before.sid);
    assert_memory_equal(&before.address4, &after.address4, sizeof before.address4);
    assert_int_equal(after.local, before.local + 3);
    assert_int_equal(status(false).v, 4);
    assert_int_equal(after.switches, 1);
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitch, JV_WHY_DEAD_TRANSPORT_RECOVERY),
                     1);
    assert_true(p.up.longest_gap_ns < 150 * JV_NS_PER_MS);
}

static void link_down_moves_within_one_round_trip(void **state)
{
    (void)state;
    pair_link_down(&p, 0);
    uint64_t down_ns = p.now_ns;
    p.up.mark_ns = p.down.mark_ns = down_ns;
    pair_run(&p, 500);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_true(p.down.longest_gap_ns <= 20 * JV_NS_PER_MS + 5 * JV_NS_PER_MS);
}

static void rebinding_takes_two_round_trips_and_is_no_switch(void **state)
{
    (void)state;
    pair_rebind(&p, 0);
    pair_run(&p, 1000);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(true).switches, 0);
    assert_int_equal(status(true).rebinds, 1);
    assert_int_equal(status(false).v, 4);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionStateChange, JV_WHY_NAT_REBIND_DETECTED),
                     1);
    assert_true(p.down.longest_gap_ns <= 2 * 20 * JV_NS_PER_MS + 6 * JV_NS_PER_MS);
}

static bool rebind_behind_the_first_request(struct pair *pair, const struct pair_event *e)
{
    bool *is_done = pair->filter_arg;
    if (e->to_gateway && (e->bytes[0] & 0x1f) == JV_TYPE_REQUEST && !*is_done) {
        *is_done = true;
        pair_rebind(pair, 0);
    }
    return true;
}

/* Found by jvsim (seed 2179): the gateway takes the request's copies from elsewhere for a replay, and the client sent those alone for 5 s. */
static void mapping_that_moves_between_request_and_ack_costs_one_request_more(void **state)
{
    (void)state;
    bool is_done = false;
    p.filter = rebind_behind_the_first_request;
    p.filter_arg = &is_done;
    pair_rebind(&p, 0);
    pair_run(&p, 1000);
    assert_true(is_done);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(false).state, JV_ST_ATTACHED);
    assert_int_equal(pair_count(&p.log_c, JV_REC_ReattachAttempt, JV_WHY_NONE), 2);
    assert_int_equal(status(true).rebinds, 1);
    assert_int_equal(status(false).rebinds, 2);
}

static void preferred_link_is_taken_back_after_the_dwell(void **state)
{
    (void)state;
    hole(0, true);
    pair_run(&p, 1000);
    assert_int_equal(status(true).switches, 1);
    hole(0, false);
    pair_run(&p, 1000);
    assert_int_equal(status(true).switches, 1); /* dwell_ms of the preset is 2000 */
    pair_run(&p, 4000);
    p.up.on = p.down.on = false;
    pair_run(&p, 200);
    assert_int_equal(status(true).switches, 2);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(
        pair_count(&p.log_c, JV_REC_SessionStateChange, JV_WHY_PREFERRED_PATH_AVAILABLE), 1);
    assert_int_equal(p.up.received, p.up.sent);
    assert_int_equal(p.down.received, p.down.sent);
}

static void jump_loses_no_packet_either_way(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        if (round == 0) {
            hole(0, true);
        } else if (round == 1) {
            hole(0, false);
            pair_run(&p, 2000);
            pair_link_down(&p, 1);
        } else {
            pair_rebind(&p, 0);
        }
        pair_run(&p, 2000);
        assert_int_equal(status(true).state, JV_ST_ATTACHED);
    }
    p.up.on = p.down.on = false;
    pair_run(&p, 200);
    assert_int_equal(p.up.received, p.up.sent);
    assert_int_equal(p.down.received, p.down.sent);
    pair_run(&p, jv_policy_presets[JV_PRESET_FAST].resend_age_ms + 1000);
    assert_int_equal(counters(true).buffers_free, 2048);
    assert_int_equal(counters(false).buffers_free, 2048);
}

static void replayed_request_from_another_socket_moves_nothing(void **state)
{
    (void)state;
    hole(0, true);
    pair_run(&p, 1000);
    uint64_t v = status(false).v;
    struct pair_event request = p.seen[7];
    assert_true(request.len > 0);
    struct jv_endpoint attacker = request.remote;
    attacker.ip.b[3] = 77;
    uint64_t to_client = p.datagrams_to_client;
    pair_inject(&p, true, 1, &attacker, request.bytes, request.len);
    assert_int_equal(p.datagrams_to_client, to_client); /* and nothing is answered */
    assert_int_equal(status(false).v, v);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SecurityReplayDetected, JV_WHY_REPLAY_DETECTED),
                     1);
    pair_run(&p, 1000);
    assert_int_equal(status(false).v, v);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
}

static bool swallow_acks(struct pair *world, const struct pair_event *e)
{
    uint32_t *left = world->filter_arg;
    if (e->to_gateway || (e->bytes[0] & 0x1f) != 9 || *left == 0) {
        return true;
    }
    (*left)--;
    return false;
}

static void lost_ack_is_answered_again_without_a_second_commit(void **state)
{
    uint32_t left = 3;
    (void)state;
    p.filter = swallow_acks;
    p.filter_arg = &left;
    hole(0, true);
    pair_run(&p, 2000);
    assert_int_equal(left, 0);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(false).v, 4); /* three rows, once */
    assert_int_equal(pair_count(&p.log_g, JV_REC_TransportSwitch, JV_WHY_NONE), 1);
}

static void commit_that_the_gateway_let_go_of_costs_one_request_more(void **state)
{
    uint32_t left = UINT32_MAX;
    (void)state;
    p.filter = swallow_acks;
    p.filter_arg = &left;
    hole(0, true);
    pair_run(&p, 200);
    hole(1, true);
    pair_run(&p, 2700); /* the gateway lets go, the client's window is still open */
    assert_int_equal(status(false).state, JV_ST_VOLATILE);
    assert_int_equal(pair_count(&p.log_g, JV_REC_TransportDead, JV_WHY_NONE), 1);
    assert_int_equal(status(true).state, JV_ST_RECOVERING);
    p.filter = NULL;
    hole(1, false);
    pair_run(&p, 1000);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(false).state, JV_ST_ATTACHED);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SecurityReplayDetected, JV_WHY_NONE), 0);
    assert_int_equal(status(false).switches, 1);
}

static bool swallow_link1_down(struct pair *world, const struct pair_event *e)
{
    (void)world;
    return e->to_gateway || e->link != 1 || (e->bytes[0] & 0x1f) != 9;
}

static void lossy_link_is_left_after_two_windows_and_shunned(void **state)
{
    (void)state;
    p.links[0].loss_ppm = 300000;
    pair_run(&p, 1900);
    assert_int_equal(status(true).switches, 0); /* not before a whole window */
    pair_run(&p, 5000);
    assert_int_equal(status(true).switches, 1);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionStateChange, JV_WHY_LOSS_RECOVERY), 1);
    assert_int_equal(pair_count(&p.log_c, JV_REC_VolatilitySignal, JV_WHY_LOSS_THRESHOLD_EXCEEDED),
                     1);
    p.links[0].loss_ppm = 0;
    pair_run(&p, 20000);
    assert_int_equal(status(true).switches, 1); /* preferred again, but not so soon */
    pair_run(&p, 20000);
    assert_int_equal(status(true).switches, 2);
}

static void loss_below_the_threshold_changes_nothing(void **state)
{
    (void)state;
    p.links[0].loss_ppm = 100000;
    pair_run(&p, 30000);
    assert_int_equal(
        pair_count(&p.log_c, JV_REC_SessionStateChange, JV_WHY_LOSS_THRESHOLD_EXCEEDED), 0);
    assert_int_equal(status(true).switches, 0);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
}

static void lossy_session_is_well_again_when_the_loss_ends(void **state)
{
    (void)state;
    p.links[0].loss_ppm = p.links[1].loss_ppm = 300000;
    hole(1, true);
    pair_run(&p, 6000);
    assert_int_not_equal(status(true).state, JV_ST_ATTACHED);
    p.links[0].loss_ppm = 0;
    pair_run(&p, 12000);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(true).switches, 0);
}

static void commit_whose_acks_were_lost_is_adopted(void **state)
{
    struct pair_cfg cfg = two_links;
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    (void)state;
    pair_fini(&p);
    cfg.links = 3;
    cfg.rtt_us[2] = 30000;
    policy.max_switches_per_min = 2; /* the gateway has no token left for the second candidate */
    policy.switch_burst = 1;
    policy.transport_lost_ttl_ms = 3600000;
    cfg.policy = &policy;
    pair_init(&p, &cfg);
    assert_true(pair_attach(&p, 300));
    pair_flow_start(&p, &p.up, 5000, 200);
    pair_run(&p, 2000);
    p.filter = swallow_link1_down;
    hole(0, true);
    pair_run(&p, 1500);
    p.filter = NULL;
    pair_run(&p, 3000);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(false).state, JV_ST_ATTACHED);
    assert_int_equal(status(true).switches, 1);
    assert_int_equal(status(false).switches, 1);
    assert_true(pair_count(&p.log_c, JV_REC_ReattachResult, JV_WHY_SWITCH_RATE_LIMITED) > 0);
}

static void request_without_a_valid_token_is_challenged(void **state)
{
    (void)state;
    p.client->client->paths[1].token[12] ^= 1;
    pair_link_down(&p, 0);
    pair_run(&p, 500);
    assert_int_equal(counters(false).drops[JV_DROP_REQUEST_CHALLENGED], 1);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    /* Two round trips instead of one, and one commit. */
    assert_true(p.down.longest_gap_ns >= 35 * JV_NS_PER_MS &&
                p.down.longest_gap_ns < 50 * JV_NS_PER_MS);
    assert_int_equal(status(false).v, 4);
}

static void forgotten_order_number_is_learnt_from_the_challenge(void **state)
{
    (void)state;
    pair_link_down(&p, 0);
    pair_run(&p, 500);
    p.client->client->order = UINT64_MAX; /* the next one is 0: "I have forgotten it" */
    pair_link_up(&p, 0);
    pair_run(&p, 1000);
    pair_link_down(&p, 1);
    pair_run(&p, 1000);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_true(counters(false).drops[JV_DROP_REQUEST_CHALLENGED] >= 1);
    assert_true(p.client->client->order < 100);
}

static void data_from_an_unbound_address_is_neither_delivered_nor_followed(void **state)
{
    (void)state;
    pair_run(&p, 3);
    struct pair_event data = p.seen[4];
    struct jv_endpoint elsewhere = data.remote;
    elsewhere.port = 1;
    uint64_t delivered = p.delivered_g;
    uint64_t v = status(false).v;
    pair_inject(&p, true, 1, &elsewhere, data.bytes, data.len);
    assert_int_equal(p.delivered_g, delivered);
    assert_int_equal(counters(false).drops[JV_DROP_UNBOUND], 1);
    pair_run(&p, 500);
    /* The copy was raced: the original arrived too, so its hint led nowhere. */
    assert_int_equal(status(false).v, v);
    assert_int_equal(status(true).local, 1);
}

static void forged_control_datagrams_move_counters_only(void **state)
{
    (void)state;
    pair_run(&p, 1500);
    struct pair_event probe = p.seen[5];
    assert_true(probe.len > 0);
    uint64_t v = status(false).v;
    for (uint8_t type = 5; type <= 11; type++) {
        struct pair_event forged = probe;
        forged.bytes[0] = (uint8_t)(0x40 | type);
        forged.bytes[forged.len - 1] ^= 1;
        pair_inject(&p, true, 1, &forged.remote, forged.bytes, forged.len);
    }
    pair_run(&p, 500);
    assert_int_equal(status(false).v, v);
    assert_true(counters(false).drops[JV_DROP_CONTROL_AUTH] >= 1);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
}

static void order_switch_is_make_before_break(void **state)
{
    (void)state;
    struct jv_command command = {.kind = JV_CMD_SWITCH, .link = p.links[1].handle};
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK);
    pair_run(&p, 500);
    p.up.on = p.down.on = false;
    pair_run(&p, 100);
    assert_int_equal(status(true).switches, 1);
    assert_int_equal(p.up.received, p.up.sent);
    assert_int_equal(p.down.received, p.down.sent);
    command.link = p.links[0].handle;
    pair_run(&p, 10);
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK);
    pair_run(&p, 100);
    command.link = p.links[1].handle;
    assert_int_equal(pair_command(&p, true, &command), JV_E_REFUSED); /* cooldown */
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitchDenied, JV_WHY_COOLDOWN_ACTIVE), 1);
}

static void both_links_dead_past_the_ttl_ends_both_ends(void **state)
{
    (void)state;
    hole(0, true);
    hole(1, true);
    pair_run(&p, 75000);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(pair_state(&p, false), JV_ST_END);
    assert_int_equal(p.last_ended.reason, JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED);
}

static void one_link_that_comes_back_is_found_within_a_second(void **state)
{
    (void)state;
    hole(0, true);
    hole(1, true);
    pair_run(&p, 10000);
    hole(1, false);
    p.up.mark_ns = p.now_ns;
    pair_run(&p, 1300);
    assert_int_equal(status(true).state, JV_ST_ATTACHED);
    assert_int_equal(status(true).switches, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(black_hole_moves_the_session_to_the_other_link, begin, end),
        cmocka_unit_test_setup_teardown(link_down_moves_within_one_round_trip, begin, end),
        cmocka_unit_test_setup_teardown(rebinding_takes_two_round_trips_and_is_no_switch, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            mapping_that_moves_between_request_and_ack_costs_one_request_more, begin, end),
        cmocka_unit_test_setup_teardown(preferred_link_is_taken_back_after_the_dwell, begin, end),
        cmocka_unit_test_setup_teardown(jump_loses_no_packet_either_way, begin, end),
        cmocka_unit_test_setup_teardown(replayed_request_from_another_socket_moves_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(lost_ack_is_answered_again_without_a_second_commit, begin,
                                        end),
        cmocka_unit_test_setup_teardown(commit_that_the_gateway_let_go_of_costs_one_request_more,
                                        begin, end),
        cmocka_unit_test_setup_teardown(lossy_link_is_left_after_two_windows_and_shunned, begin,
                                        end),
        cmocka_unit_test_setup_teardown(loss_below_the_threshold_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(lossy_session_is_well_again_when_the_loss_ends, begin, end),
        cmocka_unit_test_setup_teardown(commit_whose_acks_were_lost_is_adopted, begin, end),
        cmocka_unit_test_setup_teardown(request_without_a_valid_token_is_challenged, begin, end),
        cmocka_unit_test_setup_teardown(forgotten_order_number_is_learnt_from_the_challenge, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            data_from_an_unbound_address_is_neither_delivered_nor_followed, begin, end),
        cmocka_unit_test_setup_teardown(forged_control_datagrams_move_counters_only, begin, end),
        cmocka_unit_test_setup_teardown(order_switch_is_make_before_break, begin, end),
        cmocka_unit_test_setup_teardown(both_links_dead_past_the_ttl_ends_both_ends, begin, end),
        cmocka_unit_test_setup_teardown(one_link_that_comes_back_is_found_within_a_second, begin,
                                        end),
    };
    return cmocka_run_group_tests_name("reattach", tests, NULL, NULL);
}
