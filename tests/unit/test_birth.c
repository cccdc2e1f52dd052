/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "frame.h"
#include "guard.h"
#include "pair.h"
#include "state.h"

static struct pair p;

static struct jv_counters counters(bool client)
{
    struct jv_counters c;
    jv_core_counters(client ? p.client : p.gateway, &c);
    return c;
}

static void begin(const struct pair_cfg *cfg)
{
    pair_init(&p, cfg);
}

static const struct pair_cfg plain = {
    .seed = 7, .links = 1, .rtt_us = {20000}, .preset = JV_PRESET_FAST};

static int end(void **state)
{
    (void)state;
    pair_fini(&p);
    return 0;
}

static void birth_gives_both_ends_one_session(void **state)
{
    struct jv_session_status c;
    struct jv_session_status g;
    begin(&plain);
    assert_true(pair_attach(&p, 200));
    assert_true(pair_status(&p, true, &c) && pair_status(&p, false, &g));
    assert_memory_equal(&c.sid, &g.sid, sizeof c.sid);
    assert_memory_equal(&c.address4, &g.address4, sizeof c.address4);
    assert_int_equal(c.v, 1);
    assert_int_equal(g.v, 1);
    assert_int_equal(c.local, 1);
    assert_int_equal(c.suite, JV_SUITE_AES_256_GCM);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionCreated, JV_WHY_HANDSHAKE_OK), 1);
}

static void birth_without_aes_uses_chacha(void **state)
{
    struct pair_cfg cfg = plain;
    struct jv_session_status c;
    cfg.no_aes = true;
    begin(&cfg);
    assert_true(pair_attach(&p, 200));
    assert_true(pair_status(&p, true, &c));
    assert_int_equal(c.suite, JV_SUITE_CHACHA20_POLY1305);
}

static void birth_with_wrong_psk_ends_with_a_reason(void **state)
{
    struct pair_cfg cfg = plain;
    cfg.wrong_psk = true;
    begin(&cfg);
    assert_false(pair_attach(&p, 40000));
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(pair_state(&p, false), JV_ST_END); /* the gateway never had a session */
    assert_int_equal(p.last_ended.reason, JV_WHY_HANDSHAKE_FAIL);
    assert_true(counters(true).drops[JV_DROP_BIRTH_AUTH] > 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionCreated, JV_WHY_NONE), 0);
}

static void birth_of_an_unknown_key_is_not_answered(void **state)
{
    struct pair_cfg cfg = plain;
    cfg.unknown_user = true;
    begin(&cfg);
    assert_false(pair_attach(&p, 3000));
    assert_true(counters(false).drops[JV_DROP_BIRTH_UNKNOWN_KEY] > 0);
    assert_int_equal(p.datagrams_to_client, 0);
}

static void birth_with_wrong_gateway_key_fails_at_the_mac(void **state)
{
    struct pair_cfg cfg = plain;
    cfg.wrong_gateway_key = true;
    begin(&cfg);
    assert_false(pair_attach(&p, 3000));
    assert_true(counters(false).drops[JV_DROP_MAC1] > 0);
    assert_int_equal(p.datagrams_to_client, 0);
}

static bool swallow_confirm(struct pair *world, const struct pair_event *e)
{
    (void)world;
    return !(e->to_gateway && (e->bytes[0] & 0x1f) == 4);
}

static void half_open_entry_is_no_session_and_dies(void **state)
{
    begin(&plain);
    p.filter = swallow_confirm;
    pair_run(&p, 1000);
    assert_int_equal(counters(false).half_open, 1);
    assert_int_equal(pair_state(&p, false), JV_ST_END);
    assert_int_equal(p.log_g.len, 0);
    p.links[0].hole_up = true;
    pair_run(&p, JV_HALF_OPEN_MS + 10);
    assert_int_equal(counters(false).half_open, 0);
}

static void replayed_first_message_costs_one_slot_and_touches_nothing(void **state)
{
    struct jv_session_status before;
    struct jv_session_status after;
    begin(&plain);
    assert_true(pair_attach(&p, 200));
    pair_run(&p, JV_HALF_OPEN_MS + 100);
    assert_true(pair_status(&p, false, &before));
    struct pair_event msg1 = p.seen[1];
    struct jv_endpoint stranger = msg1.remote;
    stranger.ip.b[3] = 99;
    for (int i = 0; i < 10; i++) {
        pair_inject(&p, true, 1, &stranger, msg1.bytes, msg1.len);
    }
    assert_int_equal(counters(false).half_open, 1);
    assert_int_equal(counters(false).drops[JV_DROP_BIRTH_REPEATED], 9);
    pair_run(&p, JV_HALF_OPEN_MS + 100);
    assert_int_equal(counters(false).half_open, 0);
    assert_true(pair_status(&p, false, &after));
    assert_int_equal(before.v, after.v);
    assert_memory_equal(&before.sid, &after.sid, sizeof before.sid);
}

static void birth_under_load_needs_a_cookie(void **state)
{
    struct pair_cfg cfg = plain;
    (void)state;
    cfg.half_open_max = 2; /* one entry is half of the table */
    begin(&cfg);
    p.filter = swallow_confirm;
    pair_run(&p, 15);
    struct pair_event msg1 = p.seen[1];
    assert_int_equal(counters(false).half_open, 1);
    p.links[0].hole_up = true;
    /* A recorded first message is useless from any address: its ephemeral is known, or it lacks the cookie. */
    struct pair_event other = msg1;
    other.bytes[20] ^= 1;
    uint64_t to_client = p.datagrams_to_client;
    pair_inject(&p, true, 1, &other.remote, other.bytes, other.len);
    assert_int_equal(counters(false).drops[JV_DROP_MAC1], 1);
    assert_int_equal(p.datagrams_to_client, to_client);
    /* The client's own next attempt meets the load, is given a cookie, and comes through with it. */
    p.links[0].hole_up = false;
    pair_run(&p, 2600); /* the confirmation is given up, a new first message goes out */
    p.filter = NULL;
    pair_run(&p, 1500);
    assert_true(counters(false).drops[JV_DROP_COOKIE] > 0);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void first_messages_are_metered_by_source(void **state)
{
    struct pair_cfg cfg = plain;
    (void)state;
    cfg.half_open_max = 128;
    begin(&cfg);
    p.filter = swallow_confirm;
    for (uint32_t i = 0; i < JV_BIRTHS_SOURCE_BURST + 10; i++) {
        pair_run(&p, 11);
        pair_restart_client(&p, &cfg);
    }
    /* The source may be another's name: a cookie is asked for. Who shows one is metered as well. */
    assert_true(counters(false).drops[JV_DROP_COOKIE] >= 5);
    assert_int_equal(counters(false).drops[JV_DROP_BIRTH_RATE], 0);
    uint64_t half_open = counters(false).half_open;
    assert_true(half_open <= JV_BIRTHS_SOURCE_BURST + 5);
    for (uint32_t i = 0; i < JV_BIRTHS_SOURCE_BURST + 20; i++) {
        const struct jv_endpoint seen_at = p.seen[JV_TYPE_BIRTH_INIT].remote;
        struct jv_attempt *attempt = &p.client->client->attempt;
        jv_cookies_make(&p.gateway->cookies, &seen_at, attempt->cookie);
        attempt->has_cookie = true;
        pair_run(&p, 11);
        pair_restart_client(&p, &cfg);
    }
    assert_true(counters(false).half_open > half_open + JV_BIRTHS_SOURCE_BURST / 2);
    assert_true(counters(false).half_open <= half_open + JV_BIRTHS_SOURCE_BURST +
                                                 12); /* and what both limits gained meanwhile */
    assert_true(counters(false).drops[JV_DROP_BIRTH_RATE] >= 5);
}

static void lost_birth_ack_is_repeated(void **state)
{
    begin(&plain);
    pair_run(&p, 25); /* message 2 has arrived, the confirmation is on its way */
    p.links[0].hole_down = true;
    pair_run(&p, 100);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    p.links[0].hole_down = false;
    assert_true(pair_attach(&p, 2000));
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionCreated, JV_WHY_NONE), 1);
}

static void newer_birth_supersedes_and_the_fourth_in_a_minute_is_refused(void **state)
{
    struct jv_session_status g;
    struct pair_cfg cfg = plain;
    begin(&cfg);
    assert_true(pair_attach(&p, 200));
    for (int i = 0; i < 2; i++) {
        /* The client's process dies without a word; the next one knows nothing of the old session. */
        struct jv_sid old;
        assert_true(pair_status(&p, false, &g));
        old = g.sid;
        pair_restart_client(&p, &cfg);
        assert_true(pair_attach(&p, 500));
        assert_true(pair_status(&p, false, &g));
        assert_memory_not_equal(&old, &g.sid, sizeof old);
        assert_int_equal(pair_count(&p.log_g, JV_REC_SessionTerminated, JV_WHY_SUPERSEDED), i + 1);
    }
    struct jv_prefix address = g.address4;
    pair_restart_client(&p, &cfg);
    assert_false(pair_attach(&p, 500) &&
                 pair_count(&p.log_g, JV_REC_SessionCreated, JV_WHY_NONE) > 3);
    assert_int_equal(pair_count(&p.log_g, JV_REC_BirthRefused, JV_WHY_RATE_LIMITED), 1);
    assert_true(pair_status(&p, false, &g)); /* the third session is untouched */
    assert_memory_equal(&address, &g.address4, sizeof address);
}

/* ---- what a birth does not take ---- */

static struct pair_event held;
static uint32_t held_type;

/* Takes what the client sends of one type away and keeps the newest. */
static bool steal(struct pair *world, const struct pair_event *e)
{
    (void)world;
    if (!e->to_gateway || (e->bytes[0] & 0x1fU) != held_type) {
        return true;
    }
    held = *e;
    return false;
}

static void steal_first(uint32_t type)
{
    held.len = 0;
    held_type = type;
    p.filter = steal;
    for (uint32_t i = 0; i < 3000 && held.len == 0; i++) {
        pair_run(&p, 1);
    }
    assert_true(held.len > 0);
}

/* ATK-17: a client names the session that it had; which id the next one has it does not say. */
static void session_id_is_the_gateways_choice(void **state)
{
    struct jv_session_status c;
    struct jv_session_status g;
    struct jv_sid chosen;
    begin(&plain);
    memset(chosen.b, 0x5a, sizeof chosen.b);
    p.client->client->attempt.prior = chosen;
    assert_true(pair_attach(&p, 200));
    assert_true(pair_status(&p, true, &c) && pair_status(&p, false, &g));
    assert_memory_equal(&c.sid, &g.sid, sizeof c.sid);
    assert_memory_not_equal(&g.sid, &chosen, sizeof chosen);
}

/* ATK-24: the gateway could do AES, this client did not offer it. */
static void client_that_offers_no_aes_is_given_chacha(void **state)
{
    struct jv_session_status c;
    begin(&plain);
    p.client->cfg.offer_aes = false;
    assert_true(pair_attach(&p, 200));
    assert_true(pair_status(&p, true, &c));
    assert_int_equal(c.suite, JV_SUITE_CHACHA20_POLY1305);
}

/* ATK-24: an answer with a suite that is not on offer is no answer. */
static void suite_that_is_not_on_offer_is_refused(void **state)
{
    struct jv_session_status c;
    begin(&plain);
    pair_run(&p, 5); /* the first message is out, and offers AES */
    p.client->cfg.offer_aes = false;
    assert_true(pair_attach(&p, 3000));
    assert_true(pair_status(&p, true, &c));
    assert_int_equal(c.suite, JV_SUITE_CHACHA20_POLY1305);
    assert_int_equal(counters(true).drops[JV_DROP_BIRTH_AUTH], 1);
}

/* ATK-35, and two clones of one key: who was superseded does not come back by himself. */
static void superseded_client_is_not_reborn(void **state)
{
    const struct jv_frame superseded = {.type = JV_FRAME_TERMINATE,
                                        .u.terminate = {JV_WHY_SUPERSEDED}};
    struct pair_cfg cfg = plain;
    cfg.rebirth = true;
    begin(&cfg);
    assert_true(pair_attach(&p, 200));
    assert_true(pair_frames(&p, false, &superseded, 1));
    pair_run(&p, 10000);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(p.last_ended.reason, JV_WHY_SUPERSEDED);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionCreated, JV_WHY_NONE), 1);
}

/* ATK-37: keys are confirmed from the address that message 2 went to. */
static void confirmation_from_elsewhere_makes_no_session(void **state)
{
    begin(&plain);
    steal_first(JV_TYPE_TRAFFIC);
    struct jv_endpoint elsewhere = held.remote;
    elsewhere.port++;
    pair_inject(&p, true, 1, &elsewhere, held.bytes, held.len);
    assert_int_equal(pair_state(&p, false), JV_ST_END);
    pair_inject(&p, true, 1, &held.remote, held.bytes, held.len);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

/* ATK-37: a recorded first message with a cookie that another address was given. */
static void recorded_first_message_is_useless_under_load(void **state)
{
    struct jv_endpoint stranger = {.ip = {{198, 51, 100, 66}, JV_AF_4, {0}}, .port = 6666};
    struct pair_cfg cfg = plain;
    uint8_t cookie[JV_COOKIE_BYTES];
    cfg.half_open_max = 2; /* one entry is half of the table */
    begin(&cfg);
    steal_first(JV_TYPE_BIRTH_INIT);
    struct pair_event recorded = held;
    steal_first(JV_TYPE_TRAFFIC); /* the next attempt leaves its entry behind */
    assert_int_equal(counters(false).half_open, 1);
    /* Whoever has an address is given a cookie, and MAC2 needs nothing else. */
    jv_cookies_make(&p.gateway->cookies, &stranger, cookie);
    const size_t len = JV_BIRTH_INIT_BYTES - JV_MAC_BYTES;
    const struct jv_bytes body = {recorded.bytes, len};
    jv_mac(cookie, sizeof cookie, &body, 1, recorded.bytes + len);
    uint64_t dropped = counters(false).drops[JV_DROP_COOKIE];
    pair_inject(&p, true, 1, &stranger, recorded.bytes, recorded.len);
    assert_int_equal(counters(false).drops[JV_DROP_COOKIE], dropped + 1);
    assert_int_equal(counters(false).half_open, 1);
    assert_int_equal(p.stray.datagrams, 0);
}

/* ATK-21: the table of sessions has a limit of its own. */
static void birth_beyond_the_limit_of_sessions_is_refused(void **state)
{
    begin(&plain);
    p.gateway->sessions_limit = 0;
    assert_false(pair_attach(&p, 1000));
    assert_true(pair_count(&p.log_g, JV_REC_BirthRefused, JV_WHY_CAPACITY_EXCEEDED) > 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionCreated, JV_WHY_NONE), 0);
}

/* No session data before both ends have a session. */
static void data_before_the_birth_ack_is_not_delivered(void **state)
{
    uint8_t packet[60] = {0x45, 0, 0, sizeof packet, [8] = 64, [9] = 17, [12] = 10, 80, 0, 1};
    struct jv_session_status g;
    begin(&plain);
    steal_first(JV_TYPE_TRAFFIC);
    p.filter = NULL;
    p.links[0].hole_down = true;
    pair_inject(&p, true, 1, &held.remote, held.bytes, held.len);
    assert_true(pair_status(&p, false, &g));
    p.links[0].hole_down = false;
    memcpy(packet + 16, g.address4.ip.b, 4);
    pair_inner(&p, false, packet, sizeof packet);
    pair_run(&p, 15);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    assert_int_equal(counters(true).drops[JV_DROP_NOT_ATTACHED], 1);
    assert_int_equal(p.delivered_c, 0);
}

/* A gateway that clamps to nonsense is not obeyed. */
static void birth_ack_with_an_invalid_policy_is_ignored(void **state)
{
    begin(&plain);
    steal_first(JV_TYPE_TRAFFIC);
    p.links[0].hole_down = true;
    pair_inject(&p, true, 1, &held.remote, held.bytes, held.len);
    jv_core_session_at(p.gateway, 0)->policy.heartbeat_interval_ms = 0;
    p.links[0].hole_down = false;
    p.filter = NULL;
    pair_run(&p, 500); /* the client confirms again, and is acknowledged again */
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    assert_false(p.configured);
}

/* A path is proven by this session's keys: endpoints of another gateway are of no use. */
static void endpoint_of_another_gateway_is_left_out(void **state)
{
    begin(&plain);
    p.gateway->cfg.endpoints[0] = p.endpoints[0];
    p.gateway->cfg.endpoints_len = 1;
    steal_first(JV_TYPE_TRAFFIC);
    p.filter = NULL;
    p.gateway->own.public_key.b[0] ^= 1;
    pair_inject(&p, true, 1, &held.remote, held.bytes, held.len);
    pair_run(&p, 100);
    assert_true(p.configured);
    assert_int_equal(p.last_configure.endpoints_len, 0);
}

/* ATK-24: a key exchange that this version does not know costs nothing. */
static void first_message_of_another_key_exchange_is_malformed(void **state)
{
    const size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    begin(&plain);
    steal_first(JV_TYPE_BIRTH_INIT);
    held.bytes[3] = 2;
    const struct jv_bytes body = {held.bytes, len};
    jv_mac(p.gateway->mac1_key, JV_HASH_BYTES, &body, 1, held.bytes + len);
    pair_inject(&p, true, 1, &held.remote, held.bytes, held.len);
    assert_int_equal(counters(false).drops[JV_DROP_MALFORMED], 1);
    assert_int_equal(counters(false).drops[JV_DROP_BIRTH_AUTH], 0);
}

/* ATK-37: whoever knows the gateway's public key can write MAC1, and nothing else of a first message. */
static void first_message_that_does_not_verify_leaves_nothing(void **state)
{
    const size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    begin(&plain);
    steal_first(JV_TYPE_BIRTH_INIT);
    for (size_t at = JV_HEADER_BYTES; at < len; at += 50) {
        struct pair_event forged = held;
        forged.bytes[at] ^= 0x80;
        const struct jv_bytes body = {forged.bytes, len};
        jv_mac(p.gateway->mac1_key, JV_HASH_BYTES, &body, 1, forged.bytes + len);
        uint64_t before = counters(false).drops[JV_DROP_BIRTH_AUTH];
        pair_inject(&p, true, 1, &forged.remote, forged.bytes, forged.len);
        assert_int_equal(counters(false).drops[JV_DROP_BIRTH_AUTH], before + 1);
    }
    assert_int_equal(counters(false).half_open, 0);
}

/* ATK-23: a confirmation of each length, from the right address. */
static void confirmation_that_is_cut_makes_no_session(void **state)
{
    begin(&plain);
    steal_first(JV_TYPE_TRAFFIC);
    for (uint32_t len = JV_HEADER_BYTES; len < 64; len++) {
        uint64_t opened = counters(false).drops[JV_DROP_AUTH];
        pair_inject(&p, true, 1, &held.remote, held.bytes, len);
        assert_int_equal(pair_state(&p, false), JV_ST_END);
        assert_true(counters(false).drops[JV_DROP_AUTH] >= opened);
        pair_run(&p, 40); /* tries have a pace of their own */
    }
}

/* ATK-21: a confirmation that finds no place left. */
static void birth_without_a_place_is_refused(void **state)
{
    begin(&plain);
    uint32_t cap = p.gateway->sessions.cap;
    steal_first(JV_TYPE_TRAFFIC);
    p.gateway->sessions.cap = 0;
    pair_inject(&p, true, 1, &held.remote, held.bytes, held.len);
    p.gateway->sessions.cap = cap;
    assert_int_equal(counters(false).drops[JV_DROP_BIRTH_FULL], 1);
    assert_int_equal(pair_state(&p, false), JV_ST_END);
}

/* Who has a fixed inner address is given that one. */
static void fixed_address_is_given_to_its_user(void **state)
{
    const struct jv_ip fixed = {{10, 80, 0, 77}, JV_AF_4, {0}};
    struct jv_session_status c;
    begin(&plain);
    p.gateway->users[0].user.address4 = fixed;
    assert_true(pair_attach(&p, 200));
    assert_true(pair_status(&p, true, &c));
    assert_true(jv_ip_is_equal(&c.address4.ip, &fixed));
}

/* The newer session of a key has the older one's inner address in the same commit: connections inside live on. */
static void newer_birth_takes_the_inner_address_over(void **state)
{
    struct jv_session_status before;
    struct jv_session_status after;
    begin(&plain);
    assert_true(pair_attach(&p, 200));
    assert_true(pair_status(&p, true, &before));
    pair_restart_client(&p, &plain);
    assert_true(pair_attach(&p, 500));
    assert_true(pair_status(&p, true, &after));
    assert_memory_not_equal(&before.sid, &after.sid, sizeof before.sid);
    assert_true(jv_ip_is_equal(&before.address4.ip, &after.address4.ip));
}

/* A session is created once, however often it is acknowledged. */
static void second_birth_ack_changes_nothing(void **state)
{
    struct jv_frame confirm = {.type = JV_FRAME_CONFIRM};
    begin(&plain);
    assert_true(pair_attach(&p, 200));
    confirm.u.confirm.policy = jv_policy_presets[JV_PRESET_FAST];
    p.client->client->order = 7; /* would begin anew with the session */
    assert_true(pair_frames(&p, true, &confirm, 1));
    pair_run(&p, 100);
    assert_int_equal(p.client->client->order, 7);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionCreated, JV_WHY_NONE), 1);
}

/* ATK-26: births that are refused are a record a second with a count. */
static void storm_of_refused_births_is_a_record_a_second(void **state)
{
    struct pair_cfg cfg = plain;
    cfg.unknown_user = true;
    begin(&cfg);
    for (uint32_t i = 0; i < 15; i++) {
        pair_run(&p, 11);
        pair_restart_client(&p, &cfg);
    }
    assert_true(counters(false).drops[JV_DROP_BIRTH_UNKNOWN_KEY] >= 14);
    assert_in_range(pair_count(&p.log_g, JV_REC_BirthRefused, JV_WHY_NONE), 1, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(birth_gives_both_ends_one_session, end),
        cmocka_unit_test_teardown(birth_without_aes_uses_chacha, end),
        cmocka_unit_test_teardown(birth_with_wrong_psk_ends_with_a_reason, end),
        cmocka_unit_test_teardown(birth_of_an_unknown_key_is_not_answered, end),
        cmocka_unit_test_teardown(birth_with_wrong_gateway_key_fails_at_the_mac, end),
        cmocka_unit_test_teardown(half_open_entry_is_no_session_and_dies, end),
        cmocka_unit_test_teardown(replayed_first_message_costs_one_slot_and_touches_nothing, end),
        cmocka_unit_test_teardown(birth_under_load_needs_a_cookie, end),
        cmocka_unit_test_teardown(first_messages_are_metered_by_source, end),
        cmocka_unit_test_teardown(lost_birth_ack_is_repeated, end),
        cmocka_unit_test_teardown(newer_birth_supersedes_and_the_fourth_in_a_minute_is_refused,
                                  end),
        cmocka_unit_test_teardown(session_id_is_the_gateways_choice, end),
        cmocka_unit_test_teardown(client_that_offers_no_aes_is_given_chacha, end),
        cmocka_unit_test_teardown(suite_that_is_not_on_offer_is_refused, end),
        cmocka_unit_test_teardown(superseded_client_is_not_reborn, end),
        cmocka_unit_test_teardown(confirmation_from_elsewhere_makes_no_session, end),
        cmocka_unit_test_teardown(recorded_first_message_is_useless_under_load, end),
        cmocka_unit_test_teardown(birth_beyond_the_limit_of_sessions_is_refused, end),
        cmocka_unit_test_teardown(data_before_the_birth_ack_is_not_delivered, end),
        cmocka_unit_test_teardown(birth_ack_with_an_invalid_policy_is_ignored, end),
        cmocka_unit_test_teardown(endpoint_of_another_gateway_is_left_out, end),
        cmocka_unit_test_teardown(first_message_of_another_key_exchange_is_malformed, end),
        cmocka_unit_test_teardown(first_message_that_does_not_verify_leaves_nothing, end),
        cmocka_unit_test_teardown(confirmation_that_is_cut_makes_no_session, end),
        cmocka_unit_test_teardown(birth_without_a_place_is_refused, end),
        cmocka_unit_test_teardown(fixed_address_is_given_to_its_user, end),
        cmocka_unit_test_teardown(newer_birth_takes_the_inner_address_over, end),
        cmocka_unit_test_teardown(second_birth_ack_changes_nothing, end),
        cmocka_unit_test_teardown(storm_of_refused_births_is_a_record_a_second, end),
    };
    return cmocka_run_group_tests_name("birth", tests, NULL, NULL);
}
