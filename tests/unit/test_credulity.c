/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client does not believe: answers from before, answers to nothing that it asked, data from a path that is not bound, what the
 * network claims. One case a defence; tests/mutants takes each defence out and expects its case to fail.
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

static void begin(enum jv_preset preset)
{
    begin_with(5, preset);
}

static uint32_t told(enum jv_event_type event, enum jv_why why)
{
    return pair_count(&world.log_c, event, why);
}

static void hear(uint32_t link, const struct pair_event *e)
{
    pair_inject(&world, false, world.links[link].handle, &gateway_at, e->bytes, e->len);
}

/* There, back again and there once more, so that answers about the second path are old by one exchange. */
static void jump_there_and_back(void)
{
    session(true)->policy.switch_cooldown_ms = 0;
    session(true)->policy.dwell_ms = 3600000;
    order_switch(1);
    pair_run(&world, 500);
    assert_true(session(true)->bound == &world.client->client->paths[1]);
    order_switch(0);
    pair_run(&world, 500);
    assert_true(session(true)->bound == &world.client->client->paths[0]);
}

/* ---- answers ---- */

/* ATK-19: the ACK of the last jump to this path is no answer to the next request. */
static void recorded_ack_commits_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    steal(0, false);
    jump_there_and_back();
    order_switch(1);
    pair_run(&world, 200);
    const struct pair_event old = world.seen_down[JV_TYPE_ACK];
    order_switch(0);
    pair_run(&world, 500);
    steal(1U << JV_TYPE_ACK, false);
    order_switch(1);
    pair_run(&world, 20);
    assert_int_equal(session(true)->state, JV_ST_RECOVERING);
    uint64_t stale = drops(true, JV_DROP_CONTROL_STALE);
    hear(1, &old);
    assert_int_equal(session(true)->state, JV_ST_RECOVERING);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), stale + 1);
}

/* What the gateway's own keys seal. */
static void seal(enum jv_type type, uint32_t path, const uint8_t *body, size_t len,
                 struct pair_event *out)
{
    const struct jv_session *g = session(false);
    struct jv_slot tx[JV_OUT_TX_MIN];
    struct jv_out o = {.tx = tx, .tx_cap = JV_OUT_TX_MIN};
    const struct jv_control_to to = {1, g->bound->remote, gateway_at,
                                     world.client->client->paths[path].locator};
    assert_true(jv_control_send(world.gateway, &g->keys->epochs[JV_EPOCH_CURRENT], type, &to, body,
                                len, &o));
    out->len = tx[0].len;
    memcpy(out->bytes, tx[0].buf + tx[0].off, tx[0].len);
    jv_core_give(world.gateway, tx, 1);
}

static void hear_reject(uint64_t order, uint8_t changed)
{
    struct jv_reject msg = {.order = order, .why = JV_WHY_POLICY_DENIED, .version = 1};
    uint8_t body[JV_REJECT_BODY];
    struct pair_event reject;
    memcpy(msg.random, world.client->client->request.random, sizeof msg.random);
    msg.random[15] ^= changed;
    jv_reject_encode(&msg, body);
    seal(JV_TYPE_REJECT, 1, body, sizeof body, &reject);
    hear(1, &reject);
}

/* ATK-19: a refusal of another request, or of one that only looks like it, stops nothing. */
static void reject_of_another_request_stops_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    steal(1U << JV_TYPE_ACK, false);
    order_switch(1);
    pair_run(&world, 20);
    const uint64_t order = world.client->client->request.order;
    hear_reject(order - 1, 0);
    hear_reject(order, 1);
    assert_int_equal(session(true)->state, JV_ST_RECOVERING);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 2);
    hear_reject(order, 0);
    assert_int_equal(session(true)->state, JV_ST_DEGRADED);
}

static void hear_ack(uint64_t order, uint8_t changed)
{
    const struct jv_path *path = &world.client->client->paths[1];
    struct jv_ack msg = {.order = order,
                         .version = session(false)->v,
                         .state = JV_ST_ATTACHED,
                         .path_id = path->number,
                         .is_move = true,
                         .observed = gateway_at,
                         .locator = path->locator,
                         .next_epoch = 1};
    uint8_t body[JV_ACK_BODY];
    struct pair_event ack;
    memcpy(msg.random, world.client->client->request.random, sizeof msg.random);
    msg.random[15] ^= changed;
    jv_ack_encode(&msg, body);
    seal(JV_TYPE_ACK, 1, body, sizeof body, &ack);
    hear(1, &ack);
}

/* ATK-19: an ACK of another request commits nothing, whatever version it names. */
static void ack_of_another_request_commits_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    steal(1U << JV_TYPE_ACK, false);
    order_switch(1);
    pair_run(&world, 20);
    const uint64_t order = world.client->client->request.order;
    hear_ack(order - 1, 0);
    hear_ack(order, 1);
    assert_int_equal(session(true)->state, JV_ST_RECOVERING);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 2);
    hear_ack(order, 0);
    assert_int_equal(session(true)->state, JV_ST_ATTACHED);
}

/* One challenge is answered for each request: a recorded one makes no stream of requests. */
static void challenge_is_answered_once(void **state)
{
    struct jv_counters before, after;
    begin(JV_PRESET_FAST);
    world.gateway->token_key[0] ^= 1; /* the gateway was started anew, as far as tokens go */
    steal(1U << JV_TYPE_ACK, false);
    order_switch(1);
    pair_run(&world, 60);
    const struct pair_event challenge = world.seen_down[JV_TYPE_CHALLENGE];
    assert_true(challenge.len > 0);
    jv_core_counters(world.client, &before);
    for (uint32_t i = 0; i < 20; i++) {
        hear(1, &challenge);
    }
    jv_core_counters(world.client, &after);
    assert_int_equal(after.tx_datagrams, before.tx_datagrams);
    assert_int_equal(after.drops[JV_DROP_CONTROL_STALE], before.drops[JV_DROP_CONTROL_STALE] + 20);
}

/* ATK-39, ATK-40: a recorded answer to a probe is no sign of life. */
static void recorded_probe_reply_is_no_life(void **state)
{
    begin(JV_PRESET_FAST);
    const struct pair_event old = world.seen_down[JV_TYPE_PROBE_REPLY];
    const struct jv_path *standby = &world.client->client->paths[1];
    assert_true(old.len > 0);
    uint64_t answered = standby->probes_answered;
    struct jv_instant heard = standby->heard;
    for (uint32_t i = 0; i < 10; i++) {
        pair_run(&world, 1);
        hear(1, &old);
    }
    assert_int_equal(standby->probes_answered, answered);
    assert_int_equal(standby->heard.ns, heard.ns);
}

/* ATK-39: an answer that came to one path is none for another, though both were asked at the same moment. */
static void probe_reply_of_one_path_proves_no_other(void **state)
{
    const struct jv_command probe = {.kind = JV_CMD_PROBE};
    begin(JV_PRESET_FAST);
    const struct jv_path *bound = &world.client->client->paths[0];
    const struct jv_path *standby = &world.client->client->paths[1];
    steal(1U << JV_TYPE_PROBE_REPLY, false);
    world.links[1].hole_up = true;
    assert_int_equal(pair_command(&world, true, &probe), JV_E_OK);
    pair_run(&world, 25);
    assert_int_equal(bound->newest_us, standby->newest_us);
    const struct pair_event reply = thief.held[JV_TYPE_PROBE_REPLY];
    assert_true(reply.len > 0);
    const uint64_t answered = standby->probes_answered;
    const uint64_t answered_bound = bound->probes_answered;
    hear(1, &reply);
    assert_int_equal(standby->probes_answered, answered);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 1);
    hear(0, &reply);
    assert_int_equal(bound->probes_answered, answered_bound + 1);
}

/* ---- hints ---- */

static void seal_hint(uint64_t counter, struct pair_event *out)
{
    const struct jv_session *g = session(false);
    struct jv_hint hint = {
        .epoch = g->keys->epochs[JV_EPOCH_CURRENT].n, .counter = counter, .observed = gateway_at};
    uint8_t body[JV_HINT_BODY];
    jv_hint_encode(&hint, body);
    seal(JV_TYPE_HINT, session(true)->bound->id, body, sizeof body, out);
}

static uint64_t next_counter(void)
{
    return session(true)->keys->epochs[JV_EPOCH_CURRENT].tx_next;
}

/* The cases below are refusals of this hint with one thing wrong. */
static void hint_that_is_right_is_answered(void **state)
{
    struct pair_event hint;
    begin(JV_PRESET_FAST);
    pair_packet(&world, true, 200);
    seal_hint(next_counter() - 1, &hint);
    hear(0, &hint);
    assert_int_equal(told(JV_REC_AddressObserved, JV_WHY_NONE), 1);
}

/* ATK-03 */
static void recorded_hint_is_answered_once(void **state)
{
    struct pair_event hint;
    begin(JV_PRESET_FAST);
    pair_packet(&world, true, 200);
    seal_hint(next_counter() - 1, &hint);
    hear(0, &hint);
    pair_run(&world, 3000);
    hear(0, &hint);
    assert_int_equal(told(JV_REC_AddressObserved, JV_WHY_NONE), 1);
}

/* ATK-03: what was reported as received came by the bound path. */
static void hint_about_what_was_reported_is_stale(void **state)
{
    struct pair_event hint;
    begin(JV_PRESET_FAST);
    pair_packet(&world, true, 200);
    uint64_t counter = next_counter() - 1;
    pair_run(&world, 300);
    seal_hint(counter, &hint);
    hear(0, &hint);
    assert_int_equal(told(JV_REC_AddressObserved, JV_WHY_NONE), 0);
}

static void hint_about_what_was_never_sent_is_stale(void **state)
{
    struct pair_event hint;
    begin(JV_PRESET_FAST);
    seal_hint(next_counter() + 100, &hint);
    hear(0, &hint);
    assert_int_equal(told(JV_REC_AddressObserved, JV_WHY_NONE), 0);
}

/* A hint for another path than the bound one leads nowhere. */
static void hint_on_a_standby_is_stale(void **state)
{
    struct pair_event hint;
    begin(JV_PRESET_FAST);
    pair_packet(&world, true, 200);
    seal_hint(next_counter() - 1, &hint);
    hear(1, &hint);
    assert_int_equal(told(JV_REC_AddressObserved, JV_WHY_NONE), 0);
    assert_int_equal(session(true)->state, JV_ST_ATTACHED);
}

/* ---- traffic ---- */

/* ATK-34: data that comes by a path that is not bound. */
static void data_on_a_standby_is_not_delivered(void **state)
{
    begin(JV_PRESET_FAST);
    steal(1U << JV_TYPE_TRAFFIC, false);
    pair_packet(&world, false, 200);
    assert_int_equal(thief.taken, 1);
    world.filter = NULL;
    hear(1, &thief.held[JV_TYPE_TRAFFIC]);
    assert_int_equal(world.delivered_c, 0);
    assert_int_equal(drops(true, JV_DROP_UNBOUND), 1);
    hear(0, &thief.held[JV_TYPE_TRAFFIC]);
    assert_int_equal(world.delivered_c, 1);
}

/* T-033: below the cut mark the path just left may deliver what was under way. */
static void path_just_left_delivers_what_was_sealed_before(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.resend_age_ms = 0; /* nothing goes again */
    steal(1U << JV_TYPE_TRAFFIC, false);
    pair_packet(&world, false, 200);
    const struct pair_event before = thief.held[JV_TYPE_TRAFFIC];
    world.filter = NULL;
    order_switch(1);
    pair_run(&world, 100);
    hear(0, &before);
    assert_int_equal(world.delivered_c, 1);
}

/* T-033, law 1: what was sealed behind the mark and comes by the path just left is a copy that somebody carried there. */
static void path_just_left_delivers_nothing_behind_the_mark(void **state)
{
    begin(JV_PRESET_FAST);
    order_switch(1);
    pair_run(&world, 100);
    assert_true(session(true)->bound == &world.client->client->paths[1]);
    steal(1U << JV_TYPE_TRAFFIC, false);
    pair_packet(&world, false, 200);
    world.filter = NULL;
    hear(0, &thief.held[JV_TYPE_TRAFFIC]);
    assert_int_equal(world.delivered_c, 0);
    assert_int_equal(drops(true, JV_DROP_RETIRED_LATE), 1);
}

/* T-033: the grace ends. */
static void path_left_long_ago_delivers_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.resend_age_ms = 0;
    steal(1U << JV_TYPE_TRAFFIC, false);
    pair_packet(&world, false, 200);
    const struct pair_event before = thief.held[JV_TYPE_TRAFFIC];
    world.filter = NULL;
    order_switch(1);
    pair_run(&world, 100 + session(true)->policy.retired_rx_grace_ms);
    hear(0, &before);
    assert_int_equal(world.delivered_c, 0);
    assert_int_equal(drops(true, JV_DROP_UNBOUND), 1);
}

/* T-033: orders and reports belong to the bound path; a held one is not taken from the path just left. */
static void path_just_left_orders_nothing(void **state)
{
    const struct jv_frame end = {.type = JV_FRAME_TERMINATE, .u.terminate = {JV_WHY_SUPERSEDED}};
    begin(JV_PRESET_FAST);
    steal(1U << JV_TYPE_TRAFFIC, false);
    assert_true(pair_frames(&world, false, &end, 1));
    const struct pair_event order = thief.held[JV_TYPE_TRAFFIC];
    world.filter = NULL;
    order_switch(1);
    pair_run(&world, 100);
    hear(0, &order);
    assert_int_equal(session(true)->state, JV_ST_ATTACHED);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 1);
}

/* ATK-34: the gateway may send what AllowedIPs names as a source, and nothing else. */
static void foreign_inner_source_is_not_delivered(void **state)
{
    uint8_t packet[60] = {0x45, 0, 0, sizeof packet, [8] = 64, [9] = 17, [12] = 8, 8, 8, 8};
    begin(JV_PRESET_FAST);
    world.client->cfg.allowed[0] = (struct jv_prefix){{{10, 80, 0, 0}, JV_AF_4, {0}}, 24};
    memcpy(packet + 16, world.last_configure.address4.ip.b, 4);
    pair_inner(&world, false, packet, sizeof packet);
    pair_run(&world, 100);
    assert_int_equal(world.delivered_c, 0);
    assert_int_equal(drops(true, JV_DROP_INNER_SOURCE), 1);
}

static void foreign_inner_destination_is_not_sent(void **state)
{
    begin(JV_PRESET_FAST);
    world.client->cfg.allowed[0] = (struct jv_prefix){{{172, 16, 0, 0}, JV_AF_4, {0}}, 12};
    pair_packet(&world, true, 200);
    assert_int_equal(drops(true, JV_DROP_INNER_DESTINATION), 1);
}

/* ---- bounds ---- */

/* ATK-06: garbage that names a path costs a bounded number of opens a second. */
static void garbage_is_opened_seldom(void **state)
{
    begin(JV_PRESET_FAST);
    struct pair_event forged = world.seen_down[JV_TYPE_PROBE_REPLY];
    forged.bytes[forged.len - 1] ^= 1;
    for (uint32_t i = 0; i < 1000; i++) {
        hear(1, &forged);
    }
    assert_int_equal(drops(true, JV_DROP_CONTROL_AUTH), JV_CONTROL_OPENS_PER_S);
    assert_int_equal(drops(true, JV_DROP_CONTROL_RATE), 1000 - JV_CONTROL_OPENS_PER_S);
}

/* ICMP is a claim: 28000 of them in a second are a probe in each round trip at most, and nothing else. */
static void flood_of_icmp_is_a_probe_a_round_trip(void **state)
{
    begin(JV_PRESET_FAST);
    const struct jv_command doubt = {
        .kind = JV_CMD_LINK_DOUBTED, .link = world.links[0].handle, .remote = gateway_at};
    uint64_t before = world.client->client->paths[0].probes_sent;
    for (uint32_t i = 0; i < 28000; i++) {
        assert_int_equal(pair_command(&world, true, &doubt), JV_E_OK);
        if (i % 28 == 0) {
            pair_run(&world, 1);
        }
    }
    assert_in_range(world.client->client->paths[0].probes_sent - before, 1, 51);
    assert_int_equal(session(true)->local, 1);
}

static uint32_t large_probes;

static bool count_large_probes(struct pair *p, const struct pair_event *e)
{
    (void)p;
    large_probes += e->to_gateway && TYPE_OF(e) == JV_TYPE_PROBE && e->len > JV_PROBE_BYTES ? 1 : 0;
    return true;
}

static void claim_too_big(uint32_t mtu)
{
    const struct jv_command claim = {.kind = JV_CMD_LINK_DOUBTED,
                                     .link = world.links[0].handle,
                                     .remote = gateway_at,
                                     .is_too_big = true,
                                     .mtu = mtu};
    assert_int_equal(pair_command(&world, true, &claim), JV_E_OK);
}

/* A claim about the path's size is asked about, and decides nothing. */
static void claim_about_size_decides_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    const struct jv_path *path = &world.client->client->paths[0];
    uint32_t bytes = jv_pmtu_bytes(&path->size.search);
    claim_too_big(700);
    assert_int_equal(jv_pmtu_bytes(&path->size.search), bytes);
    pair_run(&world, 5000);
    assert_int_equal(jv_pmtu_bytes(&path->size.search), bytes);
}

static void flood_of_claims_about_size_costs_a_few_probes(void **state)
{
    begin(JV_PRESET_FAST);
    large_probes = 0;
    world.filter = count_large_probes;
    for (uint32_t i = 0; i < 3000; i++) {
        claim_too_big(700);
        pair_run(&world, 1);
    }
    assert_in_range(large_probes, 1, 6); /* at 0, 1 and 3 s */
}

/* ATK-39: an answer to an offer from before says nothing about this one. */
static void quiet_is_agreed_by_the_answer_to_this_offer(void **state)
{
    struct jv_frame answer = {.type = JV_FRAME_QUIET, .u.quiet = {6, 10000}};
    begin(JV_PRESET_MOBILE);
    struct jv_session *s = session(true);
    s->quiet.is_offered = true;
    s->quiet.n = 7;
    s->quiet.until = jv_add_ms((struct jv_instant){world.now_ns}, 10000);
    s->live.outstanding = false;
    assert_true(pair_frames(&world, false, &answer, 1));
    pair_run(&world, 15);
    assert_false(s->quiet.on);
    answer.u.quiet.n = 7;
    assert_true(pair_frames(&world, false, &answer, 1));
    pair_run(&world, 15);
    assert_true(s->quiet.on);
}

/* ATK-38: this process stood still, and what came meanwhile was lost in its socket: the path has done nothing. */
static void stall_of_this_process_is_no_silence(void **state)
{
    begin(JV_PRESET_FAST);
    pair_flow_start(&world, &world.up, 5000, 100);
    pair_flow_start(&world, &world.down, 5000, 100);
    pair_run(&world, 500);
    world.is_asleep = true;
    pair_pause(&world, true, true);
    pair_run(&world, 400);
    world.is_asleep = false;
    pair_pause(&world, true, false);
    pair_run(&world, 500);
    assert_int_equal(session(true)->local, 1);
}

/* What overtakes the ACK waits in a bounded place. */
static void traffic_that_overtakes_the_ack_is_bounded(void **state)
{
    begin(JV_PRESET_FAST);
    steal(1U << JV_TYPE_ACK, false);
    order_switch(1);
    pair_run(&world, 20);
    for (uint32_t i = 0; i < 3 * JV_HELD_MAX; i++) {
        pair_packet(&world, false, 100);
    }
    pair_run(&world, 40);
    assert_true(world.client->client->request.used);
    assert_int_equal(world.client->client->held_len, JV_HELD_MAX);
    assert_true(drops(true, JV_DROP_HELD_FULL) >= 2 * JV_HELD_MAX - 10);
}

/* While there is no transport, packets wait in a bounded place and not for ever. */
static void packets_without_a_transport_wait_in_bounds(void **state)
{
    begin(JV_PRESET_FAST);
    const uint32_t max = 32;
    session(true)->policy.waiting_max_kib = max * (JV_BUF_BYTES / 1024);
    pair_link_down(&world, 1);
    pair_link_down(&world, 0);
    for (uint32_t i = 0; i < max + 50; i++) {
        pair_packet(&world, true, 100);
    }
    assert_int_equal(session(true)->waiting_len, max);
    assert_int_equal(drops(true, JV_DROP_WAITING_FULL), 50);
    pair_run(&world, session(true)->policy.waiting_age_ms + 10);
    assert_int_equal(session(true)->waiting_len, 0);
    assert_int_equal(drops(true, JV_DROP_WAITING_OLD), max);
}

#define T(name) cmocka_unit_test_teardown(name, stop)

/* A gateway that takes every switch away while one is asked for, and then grants it: the client adopts what was committed. */
static void switch_that_is_granted_after_all_were_taken_is_counted(void **state)
{
    (void)state;
    begin(JV_PRESET_FAST);
    order_switch(1);
    assert_true(world.client->client->request.used);
    session(true)->policy.max_switches_per_min = 0;
    pair_run(&world, 200);
    assert_int_equal(session(true)->switches_total, 1);
    assert_int_equal(session(true)->state, JV_ST_ATTACHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(recorded_ack_commits_nothing),
        T(reject_of_another_request_stops_nothing),
        T(ack_of_another_request_commits_nothing),
        T(challenge_is_answered_once),
        T(recorded_probe_reply_is_no_life),
        T(probe_reply_of_one_path_proves_no_other),
        T(hint_that_is_right_is_answered),
        T(recorded_hint_is_answered_once),
        T(hint_about_what_was_reported_is_stale),
        T(hint_about_what_was_never_sent_is_stale),
        T(hint_on_a_standby_is_stale),
        T(data_on_a_standby_is_not_delivered),
        T(path_just_left_delivers_what_was_sealed_before),
        T(path_just_left_delivers_nothing_behind_the_mark),
        T(path_left_long_ago_delivers_nothing),
        T(path_just_left_orders_nothing),
        T(foreign_inner_source_is_not_delivered),
        T(foreign_inner_destination_is_not_sent),
        T(garbage_is_opened_seldom),
        T(flood_of_icmp_is_a_probe_a_round_trip),
        T(claim_about_size_decides_nothing),
        T(flood_of_claims_about_size_costs_a_few_probes),
        T(quiet_is_agreed_by_the_answer_to_this_offer),
        T(stall_of_this_process_is_no_silence),
        T(traffic_that_overtakes_the_ack_is_bounded),
        T(packets_without_a_transport_wait_in_bounds),
        T(switch_that_is_granted_after_all_were_taken_is_counted),
    };
    return cmocka_run_group_tests_name("credulity", tests, NULL, NULL);
}
