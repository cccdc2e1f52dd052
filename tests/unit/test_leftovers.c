/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes late, is left over or is said again: the path that a gateway's client has just left, acknowledgements that nobody
 * confirms, hints without end, orders from another time. One case a defence; tests/mutants takes each defence out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "control.h"
#include "frame.h"
#include "state.h"
#include "thief.h"

static const struct jv_endpoint first_at = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}}, .port = 50000};

static void begin(void)
{
    begin_with(9, JV_PRESET_FAST);
}

static void hold_one_packet(void)
{
    steal(1U << JV_TYPE_TRAFFIC, true);
    pair_packet(&world, true, 200);
    assert_int_equal(thief.taken, 1);
    world.filter = NULL;
}

static void inject_held(void)
{
    pair_inject(&world, true, 1, &first_at, thief.newest.bytes, thief.newest.len);
}

/* ---- the path that was left, at the gateway ---- */

/* T-033 */
static void path_just_left_delivers_what_was_sealed_before(void **state)
{
    begin();
    session(true)->policy.resend_age_ms = 0; /* nothing goes again */
    hold_one_packet();
    order_switch(1);
    pair_run(&world, 100);
    inject_held();
    assert_int_equal(world.delivered_g, 1);
}

/* T-033, law 1: the confirmation brought the cut mark. */
static void path_just_left_delivers_nothing_behind_the_mark(void **state)
{
    begin();
    order_switch(1);
    pair_run(&world, 100);
    hold_one_packet();
    inject_held();
    assert_int_equal(world.delivered_g, 0);
    assert_int_equal(drops(false, JV_DROP_RETIRED_LATE), 1);
}

/* T-033 */
static void path_left_long_ago_delivers_nothing(void **state)
{
    begin();
    session(true)->policy.resend_age_ms = 0;
    hold_one_packet();
    order_switch(1);
    pair_run(&world, 100 + session(false)->policy.retired_rx_grace_ms);
    inject_held();
    assert_int_equal(world.delivered_g, 0);
    assert_int_equal(drops(false, JV_DROP_UNBOUND), 1);
}

/* ---- what is said again ---- */

/* A confirmation is for the commit that it names: one of an earlier one ends no repetition and sets no mark. */
static void bound_of_an_earlier_commit_confirms_nothing(void **state)
{
    struct jv_frame bound = {.type = JV_FRAME_BOUND};
    begin();
    order_switch(1);
    pair_run(&world, 1000);
    struct jv_session *g = session(false);
    bound.u.bound = (struct jv_frame_bound){g->commit.order - 1, 1, 0};
    g->ack_left = 5;
    assert_true(pair_frames(&world, true, &bound, 1));
    pair_run(&world, 20);
    assert_int_equal(g->ack_left, 5);
    bound.u.bound.order = g->commit.order;
    assert_true(pair_frames(&world, true, &bound, 1));
    pair_run(&world, 20);
    assert_int_equal(g->ack_left, 0);
}

/* ATK-32: whoever swallows what a client sends gets the ACK so often. */
static void ack_is_repeated_so_often_and_no_more(void **state)
{
    begin();
    order_switch(1);
    pair_run(&world, 17); /* the gateway has committed */
    world.links[0].hole_up = world.links[1].hole_up = true;
    steal(1U << JV_TYPE_ACK, false);
    pair_run(&world, 5000);
    assert_int_equal(thief.taken, JV_ACK_TRIES);
}

static void hint_about_the_last_packet(void)
{
    const struct jv_session *g = session(false);
    const struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    const struct jv_hint hint = {
        .epoch = epoch->n, .counter = epoch->tx_next - 1, .observed = gateway_at};
    const struct jv_control_to to = {1, g->bound->remote, gateway_at,
                                     session(true)->bound->locator};
    uint8_t body[JV_HINT_BODY];
    struct jv_slot tx[JV_OUT_TX_MIN];
    struct jv_out o = {.tx = tx, .tx_cap = JV_OUT_TX_MIN};
    struct pair_event e;
    jv_hint_encode(&hint, body);
    assert_true(jv_control_send(world.gateway, &g->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_HINT,
                                &to, body, sizeof body, &o));
    e.len = tx[0].len;
    memcpy(e.bytes, tx[0].buf + tx[0].off, tx[0].len);
    jv_core_give(world.gateway, tx, 1);
    pair_inject(&world, false, world.links[0].handle, &gateway_at, e.bytes, e.len);
}

/* ATK-34: hints make a client ask again, and not for ever. */
static void rebindings_are_bounded_whatever_is_hinted(void **state)
{
    begin();
    session(true)->policy.rebind_max_per_min = 1;
    for (uint32_t i = 0; i < 5; i++) {
        pair_packet(&world, true, 200);
        hint_about_the_last_packet();
        pair_run(&world, 1000);
    }
    assert_int_equal(pair_count(&world.log_c, JV_REC_AddressObserved, JV_WHY_NAT_REBIND_DETECTED),
                     5);
    assert_int_equal(pair_count(&world.log_c, JV_REC_ReattachAttempt, JV_WHY_NAT_REBIND_DETECTED),
                     1);
    assert_int_equal(session(true)->state, JV_ST_ATTACHED);
}

/* ATK-38: an answer that waited while this host slept says nothing about a path. */
static void answer_from_before_a_sleep_is_no_sample(void **state)
{
    begin();
    const struct jv_path *standby = &world.client->client->paths[1];
    steal(1U << JV_TYPE_PROBE_REPLY, false);
    for (uint32_t i = 0; i < 5000 && thief.taken == 0; i++) {
        pair_run(&world, 1);
    }
    assert_int_equal(thief.taken, 1);
    world.filter = NULL;
    pair_sleep(&world, 4000);
    pair_inject(&world, false, world.links[1].handle, &gateway_at, thief.newest.bytes,
                thief.newest.len);
    pair_run(&world, 2000);
    assert_true(standby->was_heard);
    assert_true(standby->rtt.srtt_us < 60000);
}

/* A policy that no loader would accept is not taken from the wire either, though it was asked for. */
static void granted_policy_that_breaks_the_rules_is_not_taken(void **state)
{
    struct jv_frame granted = {.type = JV_FRAME_POLICY_GRANTED};
    begin();
    struct jv_session *s = session(true);
    const uint32_t id = s->policy_id;
    granted.u.policy.n = s->snapshot.n = 5;
    granted.u.policy.policy = s->policy;
    granted.u.policy.policy.heartbeat_interval_ms = 0;
    s->snapshot.is_due = true;
    s->snapshot.tries = 1;
    s->snapshot.at = JV_NEVER;
    assert_true(pair_frames(&world, false, &granted, 1));
    pair_run(&world, 15);
    assert_int_equal(s->policy_id, id);
    assert_int_equal(pair_count(&world.log_c, JV_REC_PolicyInvalid, JV_WHY_NONE), 1);
    assert_int_equal(pair_count(&world.log_c, JV_REC_PolicyChanged, JV_WHY_NONE), 0);
}

#define T(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(path_just_left_delivers_what_was_sealed_before),
        T(path_just_left_delivers_nothing_behind_the_mark),
        T(path_left_long_ago_delivers_nothing),
        T(bound_of_an_earlier_commit_confirms_nothing),
        T(ack_is_repeated_so_often_and_no_more),
        T(rebindings_are_bounded_whatever_is_hinted),
        T(answer_from_before_a_sleep_is_no_sample),
        T(granted_policy_that_breaks_the_rules_is_not_taken),
    };
    return cmocka_run_group_tests_name("leftovers", tests, NULL, NULL);
}
