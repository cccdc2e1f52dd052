/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway refuses though it looks right: requests of a client that was taken over or copied, data from elsewhere, garbage under
 * a known locator. One case a defence; tests/mutants takes each defence out and expects its case to fail.
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
#include "liveness.h"
#include "state.h"
#include "thief.h"
#include "token.h"

static const struct jv_endpoint first_at = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}}, .port = 50000};
static const struct jv_endpoint second_at = {.ip = {{192, 0, 2, 2}, JV_AF_4, {0}}, .port = 50001};
static const struct jv_endpoint stranger_at = {.ip = {{198, 51, 100, 66}, JV_AF_4, {0}},
                                               .port = 6666};

static void begin(enum jv_preset preset)
{
    begin_with(3, preset);
}

static uint32_t told(enum jv_event_type event, enum jv_why why)
{
    return pair_count(&world.log_g, event, why);
}

static void assert_bound_to(const struct jv_endpoint *remote)
{
    const struct jv_session *s = session(false);
    assert_non_null(s->bound);
    assert_true(jv_endpoint_is_equal(&s->bound->remote, remote));
}

/* What the client's own keys seal: whoever has them may say anything. */
static void seal(enum jv_type type, uint64_t locator, const uint8_t *body, size_t len,
                 struct pair_event *out)
{
    struct jv_slot tx[JV_OUT_TX_MIN];
    struct jv_out o = {.tx = tx, .tx_cap = JV_OUT_TX_MIN};
    const struct jv_control_to to = {world.links[0].handle, gateway_at, first_at, locator};
    const struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    assert_true(jv_control_send(world.client, epoch, type, &to, body, len, &o));
    out->len = tx[0].len;
    memcpy(out->bytes, tx[0].buf + tx[0].off, tx[0].len);
    jv_core_give(world.client, tx, 1);
}

/* A request as the client would make it for a move to `from`, with a token of `token_age_ms` for that address. */
static struct jv_request request_from(const struct jv_endpoint *from, uint64_t token_age_ms)
{
    uint64_t now_ms = jv_core_gateway_time(world.gateway);
    struct jv_request req = {.version = session(false)->v,
                             .gateway_time_ms = now_ms - token_age_ms,
                             .protocol = JV_PROTO_UDP,
                             .path_id = 77,
                             .flags = JV_REQ_HAS_TOKEN,
                             .why = JV_WHY_DEAD_TRANSPORT_RECOVERY,
                             .target = gateway_at};
    const struct jv_token_claim claim = {
        .sid = session(false)->sid, .remote = *from, .local = gateway_at, .protocol = JV_PROTO_UDP};
    jv_token_make(world.gateway->token_key, &claim, now_ms - token_age_ms, req.token);
    req.order = ++world.client->client->order;
    memset(req.random, (int)(req.order & 0xff), sizeof req.random);
    jv_liveness_fill_report(session(true), &req.report);
    return req;
}

static void send_request(const struct jv_request *req, const struct jv_endpoint *from)
{
    uint8_t body[JV_REQUEST_BODY];
    struct pair_event e;
    jv_request_encode(req, body);
    seal(JV_TYPE_REQUEST, world.client->client->paths[1].locator, body, sizeof body, &e);
    world.gateway->now.ns = world.now_ns;
    pair_inject(&world, true, 1, from, e.bytes, e.len);
}

/* ---- requests ---- */

/* All the refusals below are of this request with one thing wrong. */
static void request_that_is_right_moves_the_binding(void **state)
{
    begin(JV_PRESET_FAST);
    const struct jv_request req = request_from(&second_at, 0);
    send_request(&req, &second_at);
    assert_bound_to(&second_at);
}

/* ATK-03 */
static void request_without_a_token_is_challenged(void **state)
{
    begin(JV_PRESET_FAST);
    struct jv_request req = request_from(&second_at, 0);
    req.flags = 0;
    send_request(&req, &second_at);
    assert_bound_to(&first_at);
    assert_int_equal(drops(false, JV_DROP_REQUEST_CHALLENGED), 1);
}

/* ATK-07: the look spends nothing: the challenged request comes again with its number. */
static void challenged_request_may_come_again(void **state)
{
    begin(JV_PRESET_FAST);
    struct jv_request req = request_from(&second_at, 0);
    req.flags = 0;
    send_request(&req, &second_at);
    req.flags = JV_REQ_HAS_TOKEN;
    send_request(&req, &second_at);
    assert_bound_to(&second_at);
}

/* ATK-02, ATK-15: a token does not outlive path_valid_ms. */
static void request_with_an_old_token_is_challenged(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.path_valid_ms = 1000;
    struct jv_request req = request_from(&second_at, 1000);
    req.gateway_time_ms = jv_core_gateway_time(world.gateway);
    send_request(&req, &second_at);
    assert_bound_to(&first_at);
    assert_int_equal(drops(false, JV_DROP_REQUEST_CHALLENGED), 1);
    req = request_from(&second_at, 999);
    send_request(&req, &second_at);
    assert_bound_to(&second_at);
}

/* ATK-15: whoever heard nothing from this gateway for long may be a copy from long ago. */
static void request_of_who_heard_nothing_for_long_is_challenged(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.path_valid_ms = 60000;
    session(false)->policy.reattach_proof_max_age_ms = 1000;
    struct jv_request req = request_from(&second_at, 1001);
    send_request(&req, &second_at);
    assert_bound_to(&first_at);
    assert_int_equal(drops(false, JV_DROP_REQUEST_CHALLENGED), 1);
}

/* ATK-21: the policy bounds proven requests, whatever the client's own limits say. */
static void requests_above_the_limit_are_refused(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.reattach_per_min = 4; /* two at once, then one in 15 s */
    for (uint32_t i = 0; i < 5; i++) {
        const struct jv_request req = request_from(&first_at, 0);
        send_request(&req, &first_at);
    }
    assert_int_equal(drops(false, JV_DROP_REQUEST_REFUSED), 3);
    assert_int_equal(pair_state(&world, false), JV_ST_ATTACHED);
}

/* ATK-12: a client that counts no switches meets the gateway's count. */
static void switches_above_the_cap_are_refused_by_the_gateway(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.max_switches_per_min = 3;
    session(false)->policy.switch_burst = 1;
    struct jv_request req = request_from(&second_at, 0);
    send_request(&req, &second_at);
    assert_bound_to(&second_at);
    req = request_from(&first_at, 0);
    req.path_id = 78;
    send_request(&req, &first_at);
    assert_bound_to(&second_at);
    assert_int_equal(told(JV_REC_TransportSwitch, JV_WHY_NONE), 1);
    assert_int_equal(told(JV_REC_TransportSwitchDenied, JV_WHY_SWITCH_RATE_LIMITED), 1);
}

/* ATK-12: the same for rebindings, which have a cap of their own. */
static void rebindings_above_the_cap_are_refused(void **state)
{
    begin(JV_PRESET_FAST);
    session(false)->policy.rebind_max_per_min = 1;
    for (uint32_t i = 0; i < 3; i++) {
        struct jv_endpoint from = first_at;
        from.port = (uint16_t)(51000 + i);
        struct jv_request req = request_from(&from, 0);
        req.path_id = session(false)->commit.path_id;
        send_request(&req, &from);
    }
    assert_int_equal(told(JV_REC_TransportRebound, JV_WHY_NONE), 1);
    assert_int_equal(session(false)->bound->remote.port, 51000);
}

/* ATK-24: a transport that the policy does not allow. */
static void request_for_another_protocol_is_refused(void **state)
{
    begin(JV_PRESET_FAST);
    struct jv_request req = request_from(&second_at, 0);
    req.protocol = 2;
    send_request(&req, &second_at);
    assert_bound_to(&first_at);
    assert_int_equal(drops(false, JV_DROP_REQUEST_REFUSED), 1);
}

/* ATK-02: what the client has given up is spent, also where no later request was committed. */
static void request_that_was_given_up_moves_nothing_when_it_is_let_go(void **state)
{
    begin(JV_PRESET_FAST);
    const struct jv_request held = request_from(&second_at, 0);
    world.client->client->order_spent = held.order;
    pair_flow_start(&world, &world.up, 10000, 100);
    pair_flow_start(&world, &world.down, 10000, 100);
    pair_run(&world, 300);
    send_request(&held, &second_at);
    assert_bound_to(&first_at);
    assert_int_equal(told(JV_REC_SecurityReplayDetected, JV_WHY_REPLAY_DETECTED), 1);
}

/* ATK-10: two requests for two paths; the lower number dies with the commit of the higher. */
static void lower_of_two_requests_dies_with_the_higher(void **state)
{
    begin(JV_PRESET_FAST);
    struct jv_request low = request_from(&stranger_at, 0);
    const struct jv_request high = request_from(&second_at, 0);
    send_request(&high, &second_at);
    low.version = session(false)->v; /* its number alone is wrong */
    send_request(&low, &stranger_at);
    assert_bound_to(&second_at);
    assert_int_equal(told(JV_REC_TransportSwitch, JV_WHY_NONE), 1);
}

/* Whoever watched the old path does not know the new one by its locator. */
static void jump_leaves_the_locator_behind(void **state)
{
    begin(JV_PRESET_FAST);
    uint64_t asked = world.client->client->paths[1].locator;
    const struct jv_command command = {.kind = JV_CMD_SWITCH, .link = world.links[1].handle};
    assert_int_equal(pair_command(&world, true, &command), JV_E_OK);
    pair_run(&world, 200);
    assert_bound_to(&second_at);
    assert_int_not_equal(world.client->client->paths[1].locator, asked);
    assert_int_not_equal(session(false)->bound->locator, asked);
}

/* ---- data from elsewhere ---- */

/* A datagram of the client that the gateway has never seen; `bytes` of inner packet. */
static void hold_one_packet(uint32_t bytes)
{
    steal(1U << JV_TYPE_TRAFFIC, true);
    pair_packet(&world, true, bytes);
    assert_int_equal(thief.taken, 1);
    world.filter = NULL;
}

static void inject_held(const struct jv_endpoint *from)
{
    pair_inject(&world, true, 1, from, thief.newest.bytes, thief.newest.len);
}

/* ATK-34: the copy that overtakes consumes nothing. */
static void copy_from_elsewhere_consumes_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    hold_one_packet(200);
    inject_held(&stranger_at);
    assert_int_equal(world.delivered_g, 0);
    inject_held(&first_at);
    assert_int_equal(world.delivered_g, 1);
}

/* ATK-34: it is the pair of addresses that is bound. */
static void data_to_another_address_of_the_gateway_is_not_delivered(void **state)
{
    begin(JV_PRESET_FAST);
    hold_one_packet(200);
    world.endpoints[0].ip.b[3] = 77;
    inject_held(&first_at);
    world.endpoints[0] = gateway_at;
    assert_int_equal(world.delivered_g, 0);
    assert_int_equal(drops(false, JV_DROP_UNBOUND), 1);
}

/* ATK-04: a hint is never longer than what it answers. */
static void short_data_from_elsewhere_gets_no_hint(void **state)
{
    begin(JV_PRESET_FAST);
    hold_one_packet(28);
    assert_true(thief.newest.len < JV_HINT_BYTES);
    inject_held(&stranger_at);
    assert_int_equal(world.stray.datagrams, 0);
    hold_one_packet(400);
    inject_held(&stranger_at);
    assert_int_equal(world.stray.datagrams, 1);
    assert_true(world.stray.largest <= thief.newest.len);
}

/* ATK-36: what does not verify gets no answer that would tell a session from none. */
static void garbage_gets_no_answer_whatever_it_names(void **state)
{
    struct jv_header header;
    begin(JV_PRESET_FAST);
    for (uint32_t is_known = 0; is_known < 2; is_known++) {
        for (uint8_t type = JV_TYPE_TRAFFIC; type <= JV_TYPE_HINT; type++) {
            uint8_t garbage[400] = {0};
            assert_true(jv_header_decode(world.seen[JV_TYPE_TRAFFIC].bytes, &header));
            header.type = type;
            header.locator = is_known != 0 ? header.locator : 4711;
            header.counter = type == JV_TYPE_TRAFFIC ? 5000 : 0;
            jv_header_encode(&header, garbage);
            pair_inject(&world, true, 1, &stranger_at, garbage, sizeof garbage);
            pair_inject(&world, true, 1, &stranger_at, garbage,
                        JV_CONTROL_OVERHEAD + JV_REQUEST_BODY);
            pair_inject(&world, true, 1, &stranger_at, garbage, JV_PROBE_BYTES);
        }
    }
    assert_int_equal(world.stray.datagrams, 0);
}

/* ATK-34: one hint a second at most, ever more seldom while nothing comes of it. */
static void hints_come_ever_more_seldom(void **state)
{
    begin(JV_PRESET_MOBILE);
    for (uint32_t i = 0; i < 80; i++) {
        hold_one_packet(300);
        inject_held(&stranger_at);
        pair_run(&world, 100);
    }
    assert_in_range(world.stray.datagrams, 3, 4); /* at 0, 1, 3 and 7 s */
}

/* ATK-34: of a flood from elsewhere a bounded number is opened. */
static void flood_from_elsewhere_is_opened_seldom(void **state)
{
    uint8_t garbage[400] = {0};
    struct jv_header header;
    begin(JV_PRESET_FAST);
    assert_true(jv_header_decode(world.seen[JV_TYPE_TRAFFIC].bytes, &header));
    header.counter = 5000;
    jv_header_encode(&header, garbage);
    for (uint32_t i = 0; i < 1000; i++) {
        pair_inject(&world, true, 1, &stranger_at, garbage, sizeof garbage);
    }
    assert_int_equal(drops(false, JV_DROP_UNBOUND_RATE), 1000 - JV_UNBOUND_OPENS_PER_S);
    assert_int_equal(session(false)->keys->epochs[JV_EPOCH_CURRENT].open_fails,
                     JV_UNBOUND_OPENS_PER_S);
}

/* ATK-04: the answer to a probe is as long as the probe. */
static void answer_to_a_probe_is_no_longer_than_the_probe(void **state)
{
    begin(JV_PRESET_FAST);
    const struct pair_event probe = world.seen[JV_TYPE_PROBE];
    assert_int_equal(probe.len, JV_PROBE_BYTES);
    pair_inject(&world, true, 1, &stranger_at, probe.bytes, probe.len);
    assert_int_equal(world.stray.datagrams, 1);
    assert_true(world.stray.largest <= probe.len);
}

/* ---- the seal ---- */

/* ATK-28: the header is sealed in: the same packet under another locator of its session is another packet. */
static void traffic_under_another_locator_of_its_session_is_dropped(void **state)
{
    struct jv_header header;
    begin(JV_PRESET_FAST);
    hold_one_packet(200);
    assert_true(jv_header_decode(thief.newest.bytes, &header));
    header.locator = world.client->client->paths[1].locator;
    jv_header_encode(&header, thief.newest.bytes);
    inject_held(&first_at);
    assert_int_equal(world.delivered_g, 0);
    assert_int_equal(drops(false, JV_DROP_AUTH), 1);
}

/* ATK-28: no changed bit is delivered, and none of the changed ones spoils the packet itself. */
static void traffic_with_any_changed_bit_is_dropped(void **state)
{
    begin(JV_PRESET_FAST);
    hold_one_packet(64);
    for (uint32_t bit = 0; bit < thief.newest.len * 8; bit++) {
        struct pair_event changed = thief.newest;
        changed.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        pair_inject(&world, true, 1, &first_at, changed.bytes, changed.len);
        assert_int_equal(world.delivered_g, 0);
    }
    inject_held(&first_at);
    assert_int_equal(world.delivered_g, 1);
}

/* ATK-22: a counter that was seen is not delivered again. */
static void packet_is_delivered_once(void **state)
{
    begin(JV_PRESET_FAST);
    hold_one_packet(200);
    inject_held(&first_at);
    inject_held(&first_at);
    assert_int_equal(world.delivered_g, 1);
    assert_int_equal(drops(false, JV_DROP_REPLAY_SEEN), 1);
}

/* ATK-23 */
static void what_is_shorter_than_a_header_counts_as_short(void **state)
{
    begin(JV_PRESET_FAST);
    const struct pair_event whole = world.seen[JV_TYPE_TRAFFIC];
    for (uint32_t len = 0; len < JV_HEADER_BYTES; len++) {
        pair_inject(&world, true, 1, &first_at, whole.bytes, len);
    }
    assert_int_equal(drops(false, JV_DROP_SHORT), JV_HEADER_BYTES);
}

/* ATK-34: an authenticated client sends from the addresses that it was given, and from no other. */
static void foreign_inner_source_is_not_delivered(void **state)
{
    uint8_t packet[60] = {0x45, 0, 0, sizeof packet, [8] = 64, [9] = 17, [12] = 10, 9, 9, 9, 10,
                          80,   0, 1};
    begin(JV_PRESET_FAST);
    /* The client believes that it has that network; the gateway knows better. */
    world.client->client->nets[0] = (struct jv_prefix){{{10, 9, 9, 0}, JV_AF_4, {0}}, 24};
    world.client->client->nets_len = 1;
    pair_inner(&world, true, packet, sizeof packet);
    pair_run(&world, 100);
    assert_int_equal(world.delivered_g, 0);
    assert_int_equal(drops(false, JV_DROP_INNER_SOURCE), 1);
}

/* ATK-39: whoever asks for a year of silence is given what the policy bounds. */
static void quiet_is_no_longer_than_the_policy_says(void **state)
{
    const struct jv_frame offer = {.type = JV_FRAME_QUIET, .u.quiet = {1000, UINT32_MAX}};
    begin(JV_PRESET_MOBILE);
    session(false)->live.outstanding = session(false)->live.report_owed = false;
    assert_true(pair_frames(&world, true, &offer, 1));
    pair_run(&world, 15);
    assert_true(session(false)->quiet.on);
    const struct jv_instant now = {world.now_ns};
    assert_true(jv_since_ms(now, session(false)->quiet.until) <=
                session(false)->policy.quiet_max_ms);
}

/* ---- keys that are used up ---- */

/* ATK-33: a key seals so many packets and not one more; the session ends with a reason. */
static void used_up_key_seals_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    session(true)->keys->epochs[JV_EPOCH_CURRENT].tx_next = JV_KEY_SEAL_MAX;
    uint64_t sent = world.datagrams_to_gateway;
    pair_packet(&world, true, 200);
    assert_int_equal(world.datagrams_to_gateway, sent);
    pair_run(&world, 2000);
    assert_int_equal(pair_state(&world, true), JV_ST_TERMINATED);
    assert_int_equal(world.last_ended.reason, JV_WHY_KEY_EXPIRED);
}

/* ATK-28: so many forgeries and no further attempt. */
static void key_with_too_many_failures_opens_nothing(void **state)
{
    begin(JV_PRESET_FAST);
    hold_one_packet(200);
    session(false)->keys->epochs[JV_EPOCH_CURRENT].open_fails = JV_KEY_OPEN_FAIL_MAX;
    inject_held(&first_at);
    assert_int_equal(world.delivered_g, 0);
    assert_int_equal(drops(false, JV_DROP_AUTH), 1);
}

/* ---- what is told ---- */

/* ATK-26: a storm is a record a second with a count, whatever it consists of. */
static void storm_of_replays_is_a_record_a_second(void **state)
{
    begin(JV_PRESET_FAST);
    const struct jv_request req = request_from(&second_at, 0);
    send_request(&req, &second_at);
    for (uint32_t i = 0; i < 50; i++) {
        send_request(&req, &stranger_at);
    }
    assert_in_range(told(JV_REC_SecurityReplayDetected, JV_WHY_NONE), 1, 5);
    assert_int_equal(drops(false, JV_DROP_REQUEST_REFUSED), 50);
}

static void storm_of_forgeries_is_a_record_a_second(void **state)
{
    begin(JV_PRESET_FAST);
    struct pair_event forged = world.seen[JV_TYPE_PROBE];
    forged.bytes[forged.len - 1] ^= 1;
    for (uint32_t i = 0; i < 50; i++) {
        pair_inject(&world, true, 1, &stranger_at, forged.bytes, forged.len);
    }
    assert_in_range(told(JV_REC_SecurityValidationFailed, JV_WHY_NONE), 1, 5);
    assert_int_equal(drops(false, JV_DROP_CONTROL_AUTH), 50);
}

#define T(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(request_that_is_right_moves_the_binding),
        T(request_without_a_token_is_challenged),
        T(challenged_request_may_come_again),
        T(request_with_an_old_token_is_challenged),
        T(request_of_who_heard_nothing_for_long_is_challenged),
        T(requests_above_the_limit_are_refused),
        T(switches_above_the_cap_are_refused_by_the_gateway),
        T(rebindings_above_the_cap_are_refused),
        T(request_for_another_protocol_is_refused),
        T(request_that_was_given_up_moves_nothing_when_it_is_let_go),
        T(lower_of_two_requests_dies_with_the_higher),
        T(jump_leaves_the_locator_behind),
        T(copy_from_elsewhere_consumes_nothing),
        T(data_to_another_address_of_the_gateway_is_not_delivered),
        T(short_data_from_elsewhere_gets_no_hint),
        T(garbage_gets_no_answer_whatever_it_names),
        T(hints_come_ever_more_seldom),
        T(flood_from_elsewhere_is_opened_seldom),
        T(answer_to_a_probe_is_no_longer_than_the_probe),
        T(traffic_under_another_locator_of_its_session_is_dropped),
        T(traffic_with_any_changed_bit_is_dropped),
        T(packet_is_delivered_once),
        T(what_is_shorter_than_a_header_counts_as_short),
        T(foreign_inner_source_is_not_delivered),
        T(quiet_is_no_longer_than_the_policy_says),
        T(used_up_key_seals_nothing),
        T(key_with_too_many_failures_opens_nothing),
        T(storm_of_replays_is_a_record_a_second),
        T(storm_of_forgeries_is_a_record_a_second),
    };
    return cmocka_run_group_tests_name("defences", tests, NULL, NULL);
}
