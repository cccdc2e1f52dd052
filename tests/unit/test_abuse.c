/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an authenticated peer may try, what a network that delays and drops may do to recovery, and what a machine that is always late
 * does to detection: bounds hold, and nothing that watches a path is switched off by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "frame.h"
#include "pair.h"
#include "state.h"
#include "steer.h"

#define HEARTBEATS 150U
#define TYPE_OF(e) ((e)->bytes[0] & 0x1fU)

static struct pair world;
static struct {
    uint32_t link;
    uint32_t types;                /* of datagrams to the client that are swallowed */
    struct pair_event first, last; /* answers to probes among them */
    bool has_kept, keeps;
} net;

static void begin(enum jv_preset preset, uint32_t links)
{
    const struct pair_cfg cfg = {
        .seed = 7, .links = links, .rtt_us = {20000, 30000, 40000}, .preset = preset};
    memset(&net, 0, sizeof net);
    pair_init(&world, &cfg);
    assert_true(pair_attach(&world, 3000));
}

static int stop(void **state)
{
    assert_int_equal(pair_leaked(&world, true), 0);
    assert_int_equal(pair_leaked(&world, false), 0);
    pair_fini(&world);
    return 0;
}

static struct jv_session *session(bool client)
{
    return jv_core_session_at(client ? world.client : world.gateway, 0);
}

static struct jv_session_status status(bool client)
{
    struct jv_session_status s;
    assert_true(pair_status(&world, client, &s));
    return s;
}

static void set_hole(uint32_t link, bool on)
{
    world.links[link].hole_up = world.links[link].hole_down = on;
}

/* Swallows what goes to the client of the kinds named, over one link; keeps the first and the last answer to a probe. */
static bool swallow(struct pair *p, const struct pair_event *e)
{
    (void)p;
    if (e->to_gateway || e->link != net.link || (net.types >> TYPE_OF(e) & 1) == 0) {
        return true;
    }
    if (net.keeps && TYPE_OF(e) == JV_TYPE_PROBE_REPLY) {
        net.first = net.has_kept ? net.first : *e;
        net.last = *e;
        net.has_kept = true;
    }
    return false;
}

/* ---- a hostile peer ---- */

static void many_heartbeats_in_one_packet_get_one_report(void **state)
{
    struct jv_frame frames[HEARTBEATS];
    struct jv_counters before, after;
    begin(JV_PRESET_MOBILE, 1);
    for (uint32_t i = 0; i < HEARTBEATS; i++) {
        frames[i] = (struct jv_frame){.type = JV_FRAME_HEARTBEAT, .u.heartbeat = {i + 1}};
    }
    pair_run(&world, 500);
    jv_core_counters(world.gateway, &before);
    assert_true(pair_frames(&world, true, frames, HEARTBEATS));
    pair_run(&world, 20);
    jv_core_counters(world.gateway, &after);
    assert_int_equal(after.tx_datagrams - before.tx_datagrams, 1);
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
}

static void many_offers_of_a_rekey_in_one_packet_cost_a_few(void **state)
{
    struct jv_frame frames[20];
    struct jv_counters before, after;
    begin(JV_PRESET_MOBILE, 1);
    for (uint32_t i = 0; i < JV_ARRAY_LEN(frames); i++) {
        frames[i] = (struct jv_frame){.type = JV_FRAME_REKEY_INIT};
        frames[i].u.rekey.epoch = 2;
        frames[i].u.rekey.order = 1000 + i;
        frames[i].u.rekey.ephemeral_public.b[0] = (uint8_t)(9 + i);
    }
    pair_run(&world, 500);
    jv_core_counters(world.gateway, &before);
    assert_true(pair_frames(&world, true, frames, JV_ARRAY_LEN(frames)));
    pair_run(&world, 20);
    jv_core_counters(world.gateway, &after);
    assert_in_range(after.tx_datagrams - before.tx_datagrams, 1, JV_REKEY_OFFERS_PER_S);
    assert_int_equal(pair_state(&world, false), JV_ST_ATTACHED);
}

/* Whoever may claim an epoch that never was could settle whatever is outstanding, for ever. */
static void report_about_an_epoch_that_never_was_ends_the_session(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_REPORT};
    begin(JV_PRESET_FAST, 1);
    frame.u.report.report = (struct jv_report){.epoch = 999, .highest = 5, .received = 5};
    frame.u.report.state = JV_ST_ATTACHED;
    frame.u.report.version = 1;
    assert_true(pair_frames(&world, true, &frame, 1));
    pair_run(&world, 100);
    assert_int_equal(
        pair_count(&world.log_g, JV_REC_SessionTerminated, JV_WHY_FATAL_PROTOCOL_ERROR), 1);
}

/* ---- policy ---- */

static void wait_in_grace_does_not_keep_an_idle_session_awake(void **state)
{
    begin(JV_PRESET_MOBILE, 1);
    struct jv_command reload = {
        .kind = JV_CMD_POLICY, .policy = jv_policy_presets[JV_PRESET_MOBILE], .is_grace = true};
    reload.policy.max_lifetime_ms /= 2;
    assert_int_equal(pair_command(&world, true, &reload), JV_E_OK);
    pair_run(&world, 120000);
    assert_true(status(true).is_quiet);
    assert_true(status(false).is_quiet);
}

static void new_policy_gives_no_second_time_in_degraded(void **state)
{
    begin(JV_PRESET_FAST, 1);
    struct jv_session *s = session(true);
    struct jv_command reload = {.kind = JV_CMD_POLICY, .policy = jv_policy_presets[JV_PRESET_FAST]};
    /* As if half of the limit had been spent in recoveries that failed. */
    uint32_t spent_ms = s->policy.degraded_max_ms / 2;
    s->degraded_ms = spent_ms;
    s->state_since = world.client->now;
    s->degraded_max_at = jv_add_ms(s->state_since, s->policy.degraded_max_ms - spent_ms);
    struct jv_instant before = s->degraded_max_at;
    reload.policy.stability_window_ms += 1;
    assert_int_equal(pair_command(&world, true, &reload), JV_E_OK);
    pair_run(&world, 100);
    assert_true(memcmp(&s->policy, &reload.policy, sizeof reload.policy) == 0);
    assert_int_equal(s->degraded_max_at.ns, before.ns);
    s->degraded_max_at = JV_NEVER;
}

/* ---- the ladder ---- */

static void twin_that_serves_is_not_closed_by_the_next_trouble(void **state)
{
    begin(JV_PRESET_MOBILE, 1);
    pair_flow_start(&world, &world.up, 20000, 100);
    pair_run(&world, 1000);
    session(true)->policy.retired_rx_grace_ms = 5000; /* as a policy may have it */
    uint32_t old = session(true)->bound->link;
    pair_kill_ports(&world, 0);
    for (uint32_t i = 0; i < 400 && session(true)->bound->link == old; i++) {
        pair_run(&world, 10);
        assert_non_null(session(true)->bound);
    }
    uint32_t twin = session(true)->bound->link;
    assert_int_not_equal(twin, old);
    pair_run(&world, 500);
    set_hole(0, true);
    pair_run(&world, 3500);
    set_hole(0, false);
    pair_run(&world, 6000);
    assert_int_equal(pair_count(&world.log_c, JV_REC_TransportDead, JV_WHY_NONE), 0);
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_non_null(session(true)->bound);
}

/* A path that answers probes and nothing else must not keep the ladder from the mapping that is dead. */
static void path_that_answers_probes_only_does_not_stop_the_ladder(void **state)
{
    begin(JV_PRESET_MOBILE, 2);
    pair_flow_start(&world, &world.up, 20000, 100);
    pair_run(&world, 1000);
    net.link = 1;
    net.types = 1U << JV_TYPE_ACK | 1U << JV_TYPE_CHALLENGE | 1U << JV_TYPE_REJECT;
    world.filter = swallow;
    pair_kill_ports(&world, 0);
    pair_run(&world, 90000);
    assert_true(world.twins_opened > 0);
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_int_equal(memcmp(session(true)->bound->name, "link0/udp", 10), 0);
}

/* ---- answers that come late ---- */

static void answer_held_for_minutes_does_not_put_off_the_next_probe(void **state)
{
    begin(JV_PRESET_MOBILE, 2);
    pair_run(&world, 1000);
    net.link = 1;
    net.keeps = true;
    net.types = 1U << JV_TYPE_PROBE_REPLY | 1U << JV_TYPE_ACK | 1U << JV_TYPE_CHALLENGE;
    world.filter = swallow;
    set_hole(0, true);
    pair_flow_start(&world, &world.up, 20000, 100);
    pair_run(&world, 300000);
    assert_true(net.has_kept);
    pair_enqueue(&world, false, 1, &net.first.remote, 0, net.first.bytes, net.first.len);
    pair_enqueue(&world, false, 1, &net.last.remote, 1, net.last.bytes, net.last.len);
    net.types &= ~(1U << JV_TYPE_PROBE_REPLY);
    pair_run(&world, 6000); /* more answers, and none to the requests */
    const struct jv_path *path = NULL;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *p = &world.client->client->paths[i];
        path = p->used && p->link == world.links[1].handle ? p : path;
    }
    assert_non_null(path);
    assert_true(path->rtt.srtt_us > 1000000);
    uint64_t wait_ms = jv_since_ms(world.client->now, path->probe_due);
    assert_in_range(wait_ms, 1, JV_PROBE_RETRY_MAX_MS);
}

/* ---- a machine that is always late ---- */

static void gateway_that_is_always_late_notices_a_silence(void **state)
{
    begin(JV_PRESET_FAST, 1);
    pair_flow_start(&world, &world.down, 20000, 100);
    pair_run(&world, 1000);
    session(false)->policy.heartbeat_volatile_ms =
        3000; /* its limit is longer than the pause between two stalls */
    set_hole(0, true);
    for (uint32_t i = 0; i < 500 && pair_state(&world, false) == JV_ST_ATTACHED; i++) {
        pair_pause(&world, false, true);
        pair_run(&world, 40);
        pair_pause(&world, false, false);
        pair_run_us(&world, 1);
    }
    assert_int_not_equal(pair_state(&world, false), JV_ST_ATTACHED);
}

/* ---- an operator in a hurry ---- */

static void asking_for_probes_again_and_again_loses_none(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 7, .links = 2, .rtt_us = {20000, 400000}, .preset = JV_PRESET_FAST};
    pair_init(&world, &cfg);
    assert_true(pair_attach(&world, 3000));
    pair_run(&world, 5000);
    for (uint32_t i = 0; i < 40; i++) {
        const struct jv_command test = {.kind = JV_CMD_PROBE};
        assert_int_equal(pair_command(&world, true, &test), JV_E_OK);
        pair_run(&world, 60);
        for (uint32_t k = 0; k < JV_PATH_MAX; k++) {
            assert_int_equal(world.client->client->paths[k].unanswered, 0);
        }
    }
}

static void path_that_comes_on_again_begins_the_birth_that_waited(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 7, .links = 1, .rtt_us = {20000}, .preset = JV_PRESET_STRICT, .rebirth = true};
    pair_init(&world, &cfg);
    assert_true(pair_attach(&world, 3000));
    set_hole(0, true);
    pair_flow_start(&world, &world.up, 20000, 100);
    pair_run(&world, 10000);
    assert_null(session(true)->bound);
    struct jv_command order = {.kind = JV_CMD_PATH_OFF, .link = world.links[0].handle};
    assert_int_equal(pair_command(&world, true, &order), JV_E_OK);
    pair_run(&world, 20000);
    assert_int_equal(pair_state(&world, true), JV_ST_TERMINATED);
    set_hole(0, false);
    order.kind = JV_CMD_PATH_ON;
    assert_int_equal(pair_command(&world, true, &order), JV_E_OK);
    pair_run(&world, 5000);
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(many_heartbeats_in_one_packet_get_one_report, stop),
        cmocka_unit_test_teardown(many_offers_of_a_rekey_in_one_packet_cost_a_few, stop),
        cmocka_unit_test_teardown(report_about_an_epoch_that_never_was_ends_the_session, stop),
        cmocka_unit_test_teardown(wait_in_grace_does_not_keep_an_idle_session_awake, stop),
        cmocka_unit_test_teardown(new_policy_gives_no_second_time_in_degraded, stop),
        cmocka_unit_test_teardown(twin_that_serves_is_not_closed_by_the_next_trouble, stop),
        cmocka_unit_test_teardown(path_that_answers_probes_only_does_not_stop_the_ladder, stop),
        cmocka_unit_test_teardown(answer_held_for_minutes_does_not_put_off_the_next_probe, stop),
        cmocka_unit_test_teardown(gateway_that_is_always_late_notices_a_silence, stop),
        cmocka_unit_test_teardown(path_that_comes_on_again_begins_the_birth_that_waited, stop),
        cmocka_unit_test_teardown(asking_for_probes_again_and_again_loses_none, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
