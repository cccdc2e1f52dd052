/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quiet as both ends agree on it, what breaks it, and what a network that delays, drops or repeats its frames can do; and what an idle
 * session costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "pair.h"
#include "quiet.h"
#include "state.h"

static struct pair p;
static struct {
    uint32_t up[PAIR_LINKS], down[PAIR_LINKS];
    uint64_t up_bytes, down_bytes; /* of link 0 */
    uint32_t largest_down;
} cost;

static bool count_datagrams(struct pair *pair, const struct pair_event *e)
{
    (void)pair;
    (e->to_gateway ? cost.up : cost.down)[e->link]++;
    if (e->link == 0) {
        *(e->to_gateway ? &cost.up_bytes : &cost.down_bytes) += e->len;
        cost.largest_down = JV_MAX(cost.largest_down, e->to_gateway ? 0 : e->len);
    }
    return true;
}

static void world_begin(enum jv_preset preset, uint32_t links)
{
    const struct pair_cfg cfg = {
        .seed = 91, .links = links, .rtt_us = {40000, 60000, 80000}, .preset = preset};
    pair_init(&p, &cfg);
    assert_true(pair_attach(&p, 3000));
}

static struct jv_session *client(void)
{
    return jv_core_session_at(p.client, 0);
}

static struct jv_session *gateway(void)
{
    return jv_core_session_at(p.gateway, 0);
}

static bool is_quiet(bool is_client)
{
    struct jv_session_status status;
    assert_true(pair_status(&p, is_client, &status));
    return status.is_quiet;
}

static int begin(void **state)
{
    (void)state;
    world_begin(JV_PRESET_MOBILE, 2);
    pair_run(&p, 60000);
    return is_quiet(true) && is_quiet(false) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    pair_fini(&p);
    return 0;
}

static void hole(bool on)
{
    p.links[0].hole_up = p.links[0].hole_down = on;
}

/* ---- what an idle session costs: 30 minutes ---- */

static void spend_half_an_hour(enum jv_preset preset, uint32_t links)
{
    world_begin(preset, links);
    pair_packet(&p, true, 100);
    pair_run(&p, 120000);
    memset(&cost, 0, sizeof cost);
    p.filter = count_datagrams;
    p.wakes_c = p.wakes_g = 0;
    pair_run(&p, 1800000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

static void idle_mobile_costs_one_packet_each_way_in_25_seconds(void **state)
{
    (void)state;
    spend_half_an_hour(JV_PRESET_MOBILE, 3);
    assert_in_range(cost.up[0], 60, 1800 / 25);
    assert_in_range(cost.down[0], 60, 1800 / 25);
    for (uint32_t i = 1; i < 3; i++) {
        assert_in_range(cost.up[i], 5, 1800 / 300);
        assert_int_equal(cost.down[i], cost.up[i]);
    }
    /* Outer payload: 112 bytes up, 43 down, and one heartbeat with its report in five minutes. */
    assert_in_range(cost.up_bytes, 0, 1800 / 25 * 112ULL);
    assert_in_range(cost.down_bytes, 0, 1800 / 25 * 43ULL + 6 * 340ULL);
    /* Wake-ups: one a packet that is sent, and what closes the windows of loss behind them. */
    assert_in_range(p.wakes_c, 60, 200);
    assert_in_range(p.wakes_g, 0, 100);
    pair_fini(&p);
}

static void idle_strict_costs_two_packets_each_way_a_second(void **state)
{
    (void)state;
    spend_half_an_hour(JV_PRESET_STRICT, 3);
    assert_in_range(cost.up[0], 3500, 3600);
    assert_in_range(cost.down[0], 3500, 3600);
    for (uint32_t i = 1; i < 3; i++) {
        assert_in_range(cost.up[i], 300, 1800 / 5);
        assert_int_equal(cost.down[i], cost.up[i]);
    }
    assert_false(is_quiet(true));
    pair_fini(&p);
}

static void idle_fast_costs_one_packet_each_way_a_second_and_path(void **state)
{
    (void)state;
    spend_half_an_hour(JV_PRESET_FAST, 3);
    assert_in_range(cost.up[0], 1750, 1800);
    assert_in_range(cost.down[0], 1750, 1800);
    for (uint32_t i = 1; i < 3; i++) {
        assert_in_range(cost.up[i], 1500, 1800);
        assert_int_equal(cost.down[i], cost.up[i]);
    }
    pair_fini(&p);
}

/* ---- agreement ---- */

static void quiet_ends_with_data_and_detection_is_there_at_once(void **state)
{
    (void)state;
    hole(true);
    pair_packet(&p, true, 100);
    assert_false(is_quiet(true));
    pair_run(&p, 1500);
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitch, JV_WHY_NONE), 1);
    assert_int_equal(p.delivered_g, 1); /* the packet went again over the other path */
}

static void data_from_the_gateway_ends_it_on_both_sides(void **state)
{
    (void)state;
    uint64_t before = p.delivered_c;
    pair_packet(&p, false, 100);
    assert_false(is_quiet(false));
    pair_run(&p, 100);
    assert_int_equal(p.delivered_c, before + 1);
    assert_false(is_quiet(true));
    pair_run(&p, 100000);
    assert_true(is_quiet(true));
    assert_true(is_quiet(false));
}

static void first_data_takes_a_heartbeat_along_and_does_not_wait(void **state)
{
    (void)state;
    memset(&cost, 0, sizeof cost);
    p.filter = count_datagrams;
    uint64_t beat_us = client()->live.echoed_us;
    pair_packet(&p, true, 100);
    pair_run(&p, 21);
    assert_int_equal(p.delivered_g, 1); /* half a round trip */
    assert_int_equal(cost.up[0], 2);
    pair_run(&p, 25);
    assert_true(client()->live.echoed_us > beat_us);
}

static void dead_path_is_found_by_the_second_offer_that_is_missing(void **state)
{
    (void)state;
    hole(true);
    pair_run(&p, 25000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    pair_run(&p, 27000);
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitch, JV_WHY_NONE), 1);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    pair_run(&p, 120000);
    assert_true(is_quiet(true));
    assert_true(is_quiet(false));
}

static void one_answer_that_is_lost_costs_a_heartbeat_only(void **state)
{
    (void)state;
    uint32_t records = p.log_c.len;
    uint32_t n = client()->quiet.n;
    p.links[0].hole_down = true;
    while (client()->quiet.n == n) {
        pair_run(&p, 100);
    }
    pair_run(&p, 100);
    p.links[0].hole_down = false;
    pair_run(&p, 26000);
    assert_int_equal(p.log_c.len, records);
    assert_true(is_quiet(true));
    assert_true(is_quiet(false));
}

static void nobody_is_quiet_for_longer_than_the_policy_says(void **state)
{
    (void)state;
    uint64_t echoed_us = client()->live.echoed_us;
    pair_run(&p, jv_policy_presets[JV_PRESET_MOBILE].quiet_max_ms);
    assert_true(client()->live.echoed_us > echoed_us);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void a_gateway_that_refuses_keeps_the_client_awake(void **state)
{
    (void)state;
    struct jv_session *g = gateway();
    g->policy.quiet_after_ms = 0;
    pair_packet(&p, true, 100);
    pair_run(&p, 200000);
    assert_false(is_quiet(true));
    assert_false(is_quiet(false));
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

/* ---- a hostile network ---- */

static struct {
    bool hold_up, hold_down, drop_down;
    struct pair_event held;
    bool has_held;
    uint64_t after_ns;
} net;

/* Takes a datagram of the bound path of the given length away, to bring it later. */
static bool tamper(struct pair *pair, const struct pair_event *e)
{
    bool is_traffic = (e->bytes[0] & 0x1f) == JV_TYPE_TRAFFIC && e->link == 0;
    if (!is_traffic || pair->now_ns < net.after_ns) {
        return true;
    }
    if ((e->to_gateway ? net.hold_up : net.hold_down) && !net.has_held) {
        net.held = *e;
        net.has_held = true;
        return false;
    }
    return e->to_gateway || !net.drop_down;
}

static void bring(void)
{
    assert_true(net.has_held);
    pair_enqueue(&p, net.held.to_gateway, net.held.link, &net.held.remote, 0, net.held.bytes,
                 net.held.len);
    pair_run(&p, 1);
}

static void begin_tampering(void)
{
    memset(&net, 0, sizeof net);
    p.filter = tamper;
    net.after_ns = p.now_ns;
}

/* An offer that was held back arrives after data: it is older than what came, and means nothing. */
static void an_offer_held_back_quiets_nobody(void **state)
{
    (void)state;
    begin_tampering();
    net.hold_up = true;
    pair_run(&p, 26000);
    assert_true(net.has_held);
    pair_packet(&p, true, 100);
    pair_run(&p, 200);
    assert_false(is_quiet(true));
    assert_false(is_quiet(false));
    bring();
    pair_run(&p, 500);
    assert_false(is_quiet(false));
    assert_false(is_quiet(true));
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

/* The answer that comes after data was sent is no answer to anything that is out. */
static void an_answer_held_back_quiets_nobody(void **state)
{
    (void)state;
    begin_tampering();
    net.hold_down = true;
    pair_run(&p, 26000);
    assert_true(net.has_held);
    pair_packet(&p, true, 100);
    pair_run(&p, 200);
    bring();
    assert_false(is_quiet(true));
}

/* All answers vanish from the middle of a quiet on, but probes pass: one heartbeat later the path is in doubt, as without any quiet. */
static void answers_that_vanish_lead_to_doubt(void **state)
{
    (void)state;
    begin_tampering();
    net.drop_down = true;
    pair_run(&p, 60000);
    assert_true(pair_count(&p.log_c, JV_REC_VolatilitySignal, JV_WHY_HEARTBEAT_TIMEOUT) >= 1);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionTerminated, JV_WHY_NONE), 0);
    assert_false(is_quiet(true));
}

static void every_frame_again_changes_nothing(void **state)
{
    (void)state;
    struct pair_event up = p.seen[JV_TYPE_TRAFFIC];
    struct pair_event down = p.seen_down[JV_TYPE_TRAFFIC];
    uint32_t n = client()->quiet.n;
    pair_packet(&p, true, 100);
    pair_run(&p, 200);
    for (uint32_t i = 0; i < 20; i++) {
        pair_enqueue(&p, true, up.link, &up.remote, 0, up.bytes, up.len);
        pair_enqueue(&p, false, down.link, &down.remote, 0, down.bytes, down.len);
        pair_run(&p, 1);
    }
    assert_false(is_quiet(true));
    assert_false(is_quiet(false));
    assert_int_equal(client()->quiet.n, n);
}

static void first_answer_that_is_lost_leaves_the_client_awake(void **state)
{
    (void)state;
    pair_packet(&p, true, 100);
    pair_run(&p, 1000);
    uint32_t n = client()->quiet.n;
    while (client()->quiet.n == n) {
        pair_run(&p, 10);
    }
    p.links[0].hole_down = true; /* the answer of this offer is swallowed with its report */
    pair_run(&p, 30);
    p.links[0].hole_down = false;
    assert_false(is_quiet(true));
    assert_true(is_quiet(false));
    /* The client's doubt is the ordinary one, and the gateway answers it though it is quiet. */
    pair_run(&p, 60000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitch, JV_WHY_NONE), 0);
}

/* ---- what happens meanwhile ---- */

static void rebinding_while_quiet_is_seen_by_the_next_offer(void **state)
{
    (void)state;
    pair_rebind(&p, 0);
    pair_run(&p, 26000);
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportRebound, JV_WHY_NONE), 1);
    pair_packet(&p, false, 100);
    pair_run(&p, 100);
    assert_int_equal(p.delivered_c, 1);
}

static void link_that_goes_ends_quiet_and_jumps(void **state)
{
    (void)state;
    pair_link_down(&p, 0);
    pair_run(&p, 500);
    assert_false(is_quiet(true));
    assert_false(is_quiet(false));
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void rekey_while_quiet_is_done_and_quiet_comes_back(void **state)
{
    (void)state;
    struct jv_session_status before;
    struct jv_session_status after;
    assert_true(pair_status(&p, true, &before));
    uint64_t ms = jv_policy_presets[JV_PRESET_MOBILE].key_max_age_ms / 2;
    pair_run(&p, ms + 60000);
    assert_true(pair_status(&p, true, &after));
    assert_int_equal(after.epoch, before.epoch + 1);
    assert_true(is_quiet(true));
    assert_true(is_quiet(false));
}

static void gateway_that_forgot_all_is_noticed(void **state)
{
    (void)state;
    p.paused_g = true; /* as good as restarted: nobody answers */
    pair_run(&p, 60000);
    assert_int_not_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static bool is_offered_with(void (*change)(bool on))
{
    struct jv_frame frame;
    struct jv_session *s = client();
    s->quiet.on = false;
    p.client->now = (struct jv_instant){p.now_ns};
    change(true);
    bool is_offered = jv_quiet_offer(p.client, s, &frame);
    change(false);
    return is_offered;
}

static void nothing(bool on)
{
}
static void waiting(bool on)
{
    client()->waiting_len = on ? 1 : 0;
}
static void pacing(bool on)
{
    client()->pace.on = on;
}
static void suspicion(bool on)
{
    p.client->client->suspected = on;
}
static void request(bool on)
{
    p.client->client->request.used = on;
}
static void rekey(bool on)
{
    p.client->client->rekey.used = on;
}
static void wish(bool on)
{
    client()->snapshot.is_due = on;
}

static void quiet_is_not_offered_while_anything_is_under_way(void **state)
{
    void (*const ways[])(bool) = {waiting, pacing, suspicion, request, rekey, wish};
    (void)state;
    assert_true(is_offered_with(nothing));
    for (uint32_t i = 0; i < JV_ARRAY_LEN(ways); i++) {
        assert_false(is_offered_with(ways[i]));
    }
    assert_true(is_offered_with(nothing));
}

static void quiet_answer_to_a_client_in_doubt_is_none(void **state)
{
    struct jv_session *s = client();
    const struct jv_frame_quiet yes = {s->quiet.n, 60000};
    (void)state;
    s->quiet.on = false;
    s->quiet.is_offered = true;
    s->live.outstanding = true;
    jv_quiet_on_frame(p.client, s, &yes);
    assert_false(s->quiet.on);
    s->quiet.is_offered = true;
    s->live.outstanding = false;
    s->state = JV_ST_VOLATILE;
    jv_quiet_on_frame(p.client, s, &yes);
    assert_false(s->quiet.on);
    s->state = JV_ST_ATTACHED;
    jv_quiet_on_frame(p.client, s, &yes); /* it answers nothing any more */
    assert_false(s->quiet.on);
    s->quiet.is_offered = true;
    jv_quiet_on_frame(p.client, s, &yes);
    assert_true(s->quiet.on);
}

static void quiet_is_refused_by_a_gateway_that_owes_a_report(void **state)
{
    struct jv_session *s = gateway();
    struct jv_frame answer;
    (void)state;
    for (int owed = 0; owed < 2; owed++) {
        s->is_newest = true;
        s->live.outstanding = false;
        s->live.report_owed = owed == 1;
        jv_quiet_on_frame(p.gateway, s, &(struct jv_frame_quiet){9, 1000});
        assert_true(jv_quiet_answer(p.gateway, s, &answer));
        assert_int_equal(answer.u.quiet.for_ms, owed == 1 ? 0 : 1000);
        s->quiet.is_answer_owed = false;
    }
}

static void quiet_without_a_buffer_ends_in_heartbeats_and_no_doubt(void **state)
{
    static struct jv_slot slots[4096];
    (void)state;
    uint32_t n = jv_core_take(p.client, slots, 4096);
    assert_true(n > 0);
    pair_run(&p, 28000); /* the renewal comes and finds none */
    assert_true(is_quiet(true));
    jv_core_give(p.client, slots, n);
    pair_run(&p, 120000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionStateChange, JV_WHY_NONE), 1);
    assert_true(is_quiet(true) && is_quiet(false));
}

int main(void)
{
#define QUIET(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quiet_is_not_offered_while_anything_is_under_way, begin,
                                        end),
        cmocka_unit_test_setup_teardown(quiet_answer_to_a_client_in_doubt_is_none, begin, end),
        cmocka_unit_test_setup_teardown(quiet_is_refused_by_a_gateway_that_owes_a_report, begin,
                                        end),
        cmocka_unit_test_setup_teardown(quiet_without_a_buffer_ends_in_heartbeats_and_no_doubt,
                                        begin, end),
        cmocka_unit_test(idle_mobile_costs_one_packet_each_way_in_25_seconds),
        cmocka_unit_test(idle_strict_costs_two_packets_each_way_a_second),
        cmocka_unit_test(idle_fast_costs_one_packet_each_way_a_second_and_path),
        QUIET(quiet_ends_with_data_and_detection_is_there_at_once),
        QUIET(data_from_the_gateway_ends_it_on_both_sides),
        QUIET(first_data_takes_a_heartbeat_along_and_does_not_wait),
        QUIET(dead_path_is_found_by_the_second_offer_that_is_missing),
        QUIET(one_answer_that_is_lost_costs_a_heartbeat_only),
        QUIET(nobody_is_quiet_for_longer_than_the_policy_says),
        QUIET(a_gateway_that_refuses_keeps_the_client_awake),
        QUIET(an_offer_held_back_quiets_nobody),
        QUIET(an_answer_held_back_quiets_nobody),
        QUIET(answers_that_vanish_lead_to_doubt),
        QUIET(every_frame_again_changes_nothing),
        QUIET(first_answer_that_is_lost_leaves_the_client_awake),
        QUIET(rebinding_while_quiet_is_seen_by_the_next_offer),
        QUIET(link_that_goes_ends_quiet_and_jumps),
        QUIET(rekey_while_quiet_is_done_and_quiet_comes_back),
        QUIET(gateway_that_forgot_all_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
