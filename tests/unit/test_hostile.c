/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile network tries against one client and one gateway: copies that overtake, forgeries, releases of what was held back.
 * None of it moves the binding, stops a birth or a jump, or parts the keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aead.h"
#include "birth.h"
#include "client_state.h"
#include "control.h"
#include "pair.h"
#include "state.h"

#define OBSERVER_LINK 3U
#define TYPE(type) (1U << (type))
/* A traffic datagram with an offer of a rekey, or its answer, and nothing else. */
#define REKEY_BYTES (JV_HEADER_BYTES + JV_TAG_BYTES + 67U)

static struct pair world;
static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
static const struct jv_endpoint attacker_at = {.ip = {{198, 51, 100, 66}, JV_AF_4, {0}},
                                               .port = 6666};
static const struct jv_endpoint client_at = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}}, .port = 50000};
static const struct jv_endpoint observer_at = {.ip = {{192, 0, 2, 4}, JV_AF_4, {0}}, .port = 50003};

/* What the filters of this file know and remember. */
static struct {
    uint32_t types;    /* of the datagrams that are of interest */
    uint32_t delay_us; /* how long the attacker's own way takes */
    struct pair_event held;
    uint32_t held_len;
    uint32_t phase;
} attack;

static int fini_world(void **state)
{
    assert_int_equal(pair_leaked(&world, true), 0);
    assert_int_equal(pair_leaked(&world, false), 0);
    pair_fini(&world);
    return 0;
}

static void begin(const struct pair_cfg *cfg)
{
    memset(&attack, 0, sizeof attack);
    pair_init(&world, cfg);
}

static struct pair_cfg two_links(enum jv_preset preset)
{
    return (struct pair_cfg){.seed = 1, .links = 2, .rtt_us = {20000, 30000}, .preset = preset};
}

static void attach_with_traffic(uint32_t interval_us)
{
    assert_true(pair_attach(&world, 3000));
    pair_flow_start(&world, &world.up, interval_us, 200);
    pair_flow_start(&world, &world.down, interval_us, 200);
    pair_run(&world, 3000);
}

static void set_hole(uint32_t link, bool on)
{
    world.links[link].hole_up = world.links[link].hole_down = on;
}

static bool is_of_interest(const struct pair_event *e)
{
    return (TYPE(e->bytes[0] & 0x1f) & attack.types) != 0;
}

static uint64_t gateway_drops(enum jv_drop drop)
{
    struct jv_counters count;
    jv_core_counters(world.gateway, &count);
    return count.drops[drop];
}

static void assert_both_attached(void)
{
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&world, false), JV_ST_ATTACHED);
}

/* ---- the binding ---- */

/* Drops nothing: what the client sends on link 0 is sent again from the observer's address, and overtakes; what comes for that
 * address is told to the client. */
static bool observe(struct pair *p, const struct pair_event *e)
{
    if (e->to_gateway && e->link == 0 && is_of_interest(e)) {
        pair_enqueue(p, true, OBSERVER_LINK, &observer_at, attack.delay_us, e->bytes, e->len);
    }
    if (!e->to_gateway && e->link == OBSERVER_LINK) {
        pair_enqueue(p, false, 0, &gateway_at, attack.delay_us, e->bytes, e->len);
        return false;
    }
    return true;
}

/* The copies of probe, reply and request are three times on the observer's way, the original once on one of 20 ms. */
static void race(uint32_t delay_us)
{
    begin(&(struct pair_cfg){.seed = 1, .links = 4, .rtt_us = {40000, 40000, 40000, 40000}});
    for (uint32_t i = 1; i < 4; i++) {
        pair_link_down(&world, i);
    }
    attach_with_traffic(20000);
    world.links[OBSERVER_LINK].up = true;
    attack.types = TYPE(JV_TYPE_PROBE) | TYPE(JV_TYPE_REQUEST) | TYPE(JV_TYPE_TRAFFIC);
    attack.delay_us = delay_us;
    world.filter = observe;
    for (uint32_t i = 0; i < 10; i++) {
        const struct jv_command doubt = {
            .kind = JV_CMD_LINK_DOUBTED, .link = world.links[0].handle, .remote = gateway_at};
        assert_int_equal(pair_command(&world, true, &doubt), JV_E_OK);
        pair_run(&world, 500);
        const struct jv_session *s = jv_core_session_at(world.gateway, 0);
        assert_non_null(s);
        assert_non_null(s->bound);
        assert_true(jv_endpoint_is_equal(&s->bound->remote, &client_at));
    }
    assert_both_attached();
    /* The client was told of the observer's address, and what it asked for then was void. */
    assert_true(pair_count(&world.log_c, JV_REC_AddressObserved, JV_WHY_NONE) > 0);
    assert_int_equal(pair_count(&world.log_g, JV_REC_TransportRebound, JV_WHY_NONE), 0);
}

static void raced_copies_do_not_move_the_binding(void **state)
{
    race(8000);
}

/* The client's request waits until what voids it has had the time to arrive. */
static void copies_of_a_much_faster_observer_do_not_move_it_either(void **state)
{
    race(1000);
}

/* A silence that is over is followed by a proof in place: that request is raced too, and so is what proves the path for it. */
static void race_after_silence(uint32_t delay_us)
{
    begin(&(struct pair_cfg){.seed = 1, .links = 4, .rtt_us = {40000, 40000, 40000, 40000}});
    for (uint32_t i = 1; i < 4; i++) {
        pair_link_down(&world, i);
    }
    attach_with_traffic(20000);
    world.links[OBSERVER_LINK].up = true;
    attack.types = TYPE(JV_TYPE_REQUEST);
    attack.delay_us = delay_us;
    world.filter = observe;
    for (uint32_t i = 0; i < 2; i++) {
        set_hole(0, true);
        pair_run(&world, 600);
        set_hole(0, false);
        for (uint32_t k = 0; k < 100; k++) {
            pair_run(&world, 100);
            const struct jv_session *s = jv_core_session_at(world.gateway, 0);
            assert_non_null(s);
            assert_true(s->bound == NULL || jv_endpoint_is_equal(&s->bound->remote, &client_at));
        }
    }
    assert_both_attached();
    assert_true(pair_count(&world.log_c, JV_REC_SessionStateChange, JV_WHY_HEALTH_RECOVERED) > 0);
}

static void raced_copies_of_a_proof_in_place_do_not_move_the_binding(void **state)
{
    (void)state;
    race_after_silence(1000);
}

/*
 * What is not prevented (TH-01): the path on which a client comes back that has lost its binding is no bound one, and a faster observer
 * is given it. Who then passes on nothing but what the gateway answers keeps the session in trouble; it lives, and comes home without him.
 */
static void observer_of_the_way_back_holds_the_session_while_he_goes_on_only(void **state)
{
    (void)state;
    begin(&(struct pair_cfg){
        .seed = 1, .links = 4, .rtt_us = {40000, 40000, 40000, 40000}, .preset = JV_PRESET_FAST});
    for (uint32_t i = 1; i < 4; i++) {
        pair_link_down(&world, i);
    }
    attach_with_traffic(20000);
    const struct jv_sid sid = jv_core_session_at(world.gateway, 0)->sid;
    world.links[OBSERVER_LINK].up = true;
    attack.types = TYPE(JV_TYPE_REQUEST);
    attack.delay_us = 1000;
    world.filter = observe;
    set_hole(0, true);
    pair_run(&world, 3000);
    set_hole(0, false);
    bool is_his = false;
    for (uint32_t i = 0; i < 100; i++) {
        pair_run(&world, 100);
        const struct jv_session *s = jv_core_session_at(world.gateway, 0);
        assert_non_null(s);
        is_his =
            is_his || (s->bound != NULL && jv_endpoint_is_equal(&s->bound->remote, &observer_at));
    }
    assert_true(is_his);
    world.filter = NULL;
    world.links[OBSERVER_LINK].up = false;
    pair_run(&world, 5000);
    const struct jv_session *s = jv_core_session_at(world.gateway, 0);
    assert_non_null(s);
    assert_non_null(s->bound);
    assert_true(jv_endpoint_is_equal(&s->bound->remote, &client_at));
    pair_run(&world, 60000); /* protective mode ends with a clean window */
    assert_both_attached();
    assert_memory_equal(&jv_core_session_at(world.gateway, 0)->sid, &sid, sizeof sid);
}

static void forgery_to_another_local_address_moves_nothing(void **state)
{
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    assert_true(pair_attach(&world, 3000));
    const struct jv_session *s = jv_core_session_at(world.gateway, 0);
    assert_non_null(s->bound);
    const struct jv_header header = {JV_TYPE_TRAFFIC, 1, 99999, s->bound->locator, false};
    struct jv_slot slot;
    assert_int_equal(jv_core_take(world.gateway, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = 64;
    memset(slot.buf + slot.off, 0, slot.len);
    jv_header_encode(&header, slot.buf + slot.off);
    slot.link = 1;
    slot.remote = client_at;
    slot.local = gateway_at;
    slot.local.ip.b[3] = 77;
    struct jv_slot tx[JV_OUT_TX_MIN];
    struct jv_slot tun[JV_OUT_TUN_MIN];
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    static struct jv_order orders[JV_OUT_ORDERS_MIN];
    struct jv_out out = {tx,      0, JV_OUT_TX_MIN,
                         tun,     0, JV_OUT_TUN_MIN,
                         records, 0, JV_OUT_RECORDS_MIN,
                         orders,  0, JV_OUT_ORDERS_MIN,
                         NULL,    0, 0};
    struct jv_batch batch = {&slot, 1, 0};
    const struct jv_instant now = {world.now_ns};
    assert_int_equal(jv_core_datagrams(world.gateway, now, &batch, &out), JV_E_OK);
    jv_core_give(world.gateway, out.tx, out.tx_len);
    assert_true(jv_endpoint_is_equal(&s->bound->local, &gateway_at));
    assert_true(jv_endpoint_is_equal(&s->bound->remote, &client_at));
}

/* ---- the jump ---- */

static void garbage_under_the_bound_locator_does_not_stop_the_jump(void **state)
{
    uint8_t garbage[JV_PROBE_BODY + JV_CONTROL_OVERHEAD] = {0};
    struct jv_endpoint from = attacker_at;
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attach_with_traffic(5000);
    const struct jv_header header = {JV_TYPE_PROBE, 1, 0, world.client->client->paths[0].locator,
                                     false};
    jv_header_encode(&header, garbage);
    set_hole(0, true);
    for (uint32_t i = 0; i < 1000; i++) {
        from.port = (uint16_t)(1024 + i);
        for (uint32_t k = 0; k < 3; k++) {
            pair_inject(&world, true, 1, &from, garbage, sizeof garbage);
        }
        pair_run(&world, 1);
    }
    assert_both_attached();
    assert_true(jv_core_session_at(world.gateway, 0)->bound->remote.ip.b[3] == 2);
    assert_true(gateway_drops(JV_DROP_CONTROL_RATE) > 0);
}

static bool keep_request(struct pair *p, const struct pair_event *e)
{
    if (e->to_gateway && is_of_interest(e) && attack.held_len == 0) {
        attack.held = *e;
        attack.held_len = 1;
        return false;
    }
    return true;
}

/* The first request is taken away and shown a hundred times from elsewhere: proven, and never committed. */
static void replays_from_elsewhere_do_not_empty_the_request_limit(void **state)
{
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attach_with_traffic(5000);
    attack.types = TYPE(JV_TYPE_REQUEST);
    world.filter = keep_request;
    set_hole(0, true);
    for (uint32_t i = 0; i < 1000 && attack.held_len == 0; i++) {
        pair_run(&world, 1);
    }
    assert_int_equal(attack.held_len, 1);
    for (uint32_t i = 0; i < 100; i++) {
        pair_inject(&world, true, 1, &attacker_at, attack.held.bytes, attack.held.len);
    }
    pair_run(&world, 1000);
    assert_int_equal(pair_count(&world.log_c, JV_REC_ReattachResult, JV_WHY_RATE_LIMITED), 0);
    assert_both_attached();
    assert_true(jv_core_session_at(world.gateway, 0)->bound->remote.ip.b[3] == 2);
}

/* Each request is shown to the gateway first from the bound address, which needs nothing but the means to write a source address. */
static bool copy_from_the_bound_address(struct pair *p, const struct pair_event *e)
{
    if (e->to_gateway && is_of_interest(e) && !jv_endpoint_is_equal(&e->remote, &client_at)) {
        pair_enqueue(p, true, e->link, &client_at, 0, e->bytes, e->len);
    }
    return true;
}

static void request_copied_from_the_bound_address_does_not_stop_the_jump(void **state)
{
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attach_with_traffic(5000);
    attack.types = TYPE(JV_TYPE_REQUEST);
    world.filter = copy_from_the_bound_address;
    set_hole(0, true);
    pair_run(&world, 500);
    assert_both_attached();
    assert_true(jv_core_session_at(world.gateway, 0)->bound->remote.ip.b[3] == 2);
    assert_int_equal(pair_count(&world.log_g, JV_REC_TransportSwitch, JV_WHY_NONE), 1);
}

static void request_copied_from_the_bound_address_does_not_stop_a_rebinding(void **state)
{
    struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    cfg.links = 1;
    begin(&cfg);
    attach_with_traffic(5000);
    attack.types = TYPE(JV_TYPE_REQUEST);
    world.filter = copy_from_the_bound_address;
    pair_rebind(&world, 0);
    pair_run(&world, 500);
    assert_both_attached();
    assert_int_equal(pair_count(&world.log_g, JV_REC_TransportRebound, JV_WHY_NONE), 1);
}

/*
 * The residual of TH-04: whoever sees the client's packets and copies each in the name of its old mapping, ahead of it, lets the
 * gateway go on with that mapping and voids what the client asks for. It ends where the client gives the path up and asks anew.
 */
static bool copy_everything_from_the_bound_address(struct pair *p, const struct pair_event *e)
{
    if (e->to_gateway && !jv_endpoint_is_equal(&e->remote, &client_at)) {
        pair_enqueue(p, true, e->link, &client_at, 0, e->bytes, e->len);
    }
    return true;
}

static void copies_in_the_name_of_the_old_mapping_delay_a_rebinding_only(void **state)
{
    struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    cfg.links = 1;
    begin(&cfg);
    attach_with_traffic(5000);
    world.filter = copy_everything_from_the_bound_address;
    pair_rebind(&world, 0);
    uint64_t from_ns = world.now_ns;
    for (uint32_t i = 0;
         i < 20000 && pair_count(&world.log_g, JV_REC_TransportRebound, JV_WHY_NONE) == 0; i++) {
        pair_run(&world, 1);
    }
    const struct jv_policy *policy = &jv_policy_presets[JV_PRESET_FAST];
    uint64_t limit_ms = (uint64_t)policy->transport_dead_ms + policy->recovery_window_ms;
    assert_true(world.now_ns - from_ns <= limit_ms * JV_NS_PER_MS);
    pair_run(&world, 1000);
    assert_both_attached();
    assert_int_equal(pair_count(&world.log_g, JV_REC_TransportRebound, JV_WHY_NONE), 1);
}

/* ---- what a stranger is told ---- */

/* What the gateway has sent to anybody since the last call. */
static uint64_t answers(void)
{
    static uint64_t before;
    uint64_t now = world.datagrams_to_client;
    uint64_t since = now - before;
    before = now;
    return since;
}

/* From the attacker's address and with the client's as a forged source: silence, whatever was wrong. */
static void assert_silence(const struct pair_event *seen, uint32_t at)
{
    struct pair_event e = *seen;
    e.bytes[at] ^= 1;
    (void)answers();
    pair_inject(&world, true, 1, &attacker_at, e.bytes, e.len);
    pair_inject(&world, true, 1, &client_at, e.bytes, e.len);
    assert_int_equal(answers(), 0);
}

/* ATK-36: an unknown session, a known one with a false proof, and a wrong MAC look the same from outside, by each type of message. */
static void stranger_cannot_tell_what_was_wrong(void **state)
{
    static const uint8_t types[] = {JV_TYPE_TRAFFIC, JV_TYPE_PROBE, JV_TYPE_REQUEST};
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attach_with_traffic(20000);
    set_hole(0, true);
    pair_run(&world, 1000);
    set_hole(0, false);
    pair_run(&world, 1000);
    assert_both_attached();
    for (uint32_t i = 0; i < JV_ARRAY_LEN(types); i++) {
        const struct pair_event *seen = &world.seen[types[i]];
        assert_true(seen->len > 0);
        assert_silence(seen, 8);              /* an unknown locator */
        assert_silence(seen, 1);              /* an epoch without a key */
        assert_silence(seen, seen->len - 16); /* a false proof, wrong from its first byte on */
        assert_silence(seen, seen->len - 1);  /* or in its last one */
        struct pair_event cut = *seen;
        cut.len--;
        assert_silence(&cut, 0); /* another version; and shorter */
        cut.bytes[0] ^= 1;
        assert_silence(&cut, 20);
    }
    const struct pair_event *init = &world.seen[JV_TYPE_BIRTH_INIT];
    assert_silence(init, 224); /* MAC1 */
    assert_silence(init, 239);
    assert_silence(init, 50);
    assert_both_attached();
}

/* What is recorded and shown again is no forgery: a probe is answered while its session lives, and only then (docs/security-proofs.md). */
static void replayed_probe_tells_that_its_session_lives_and_no_more(void **state)
{
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attach_with_traffic(20000);
    const struct pair_event probe = world.seen[JV_TYPE_PROBE];
    assert_true(probe.len > 0);
    (void)answers();
    pair_inject(&world, true, 1, &attacker_at, probe.bytes, probe.len);
    assert_int_equal(answers(), 1);
    assert_true(world.stray.largest <= probe.len);
    assert_int_equal(pair_command(&world, true, &(struct jv_command){.kind = JV_CMD_DOWN}),
                     JV_E_OK);
    pair_run(&world, 200);
    (void)answers();
    pair_inject(&world, true, 1, &attacker_at, probe.bytes, probe.len);
    assert_int_equal(answers(), 0);
}

/* ---- the birth ---- */

static void make_birth_keys(uint8_t mac1_key[JV_HASH_BYTES], uint8_t cookie_key[JV_HASH_BYTES])
{
    struct jv_key private_key;
    struct jv_key public_key;
    memset(private_key.b, 0x22, sizeof private_key.b);
    assert_int_equal(jv_dh_public(&private_key, &public_key), JV_E_OK);
    jv_birth_keys(&public_key, mac1_key, cookie_key);
}

/* A first message that anyone can write who knows the gateway's public key. */
static void inject_first_message(struct jv_prng *prng, const uint8_t mac1_key[JV_HASH_BYTES],
                                 const uint8_t *source)
{
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    const size_t len = sizeof msg - JV_BIRTH_MACS_BYTES;
    const struct jv_bytes body = {msg, len};
    struct jv_endpoint from = attacker_at;
    const struct jv_header header = {JV_TYPE_BIRTH_INIT, 0, (uint64_t)JV_KEX_X25519 << 32,
                                     jv_prng_next(prng), false};
    for (size_t i = 0; i < sizeof msg; i++) {
        msg[i] = (uint8_t)jv_prng_next(prng);
    }
    jv_header_encode(&header, msg);
    jv_mac(mac1_key, JV_HASH_BYTES, &body, 1, msg + len);
    memset(msg + len + JV_MAC_BYTES, 0, JV_MAC_BYTES);
    from.ip.b[0] = (uint8_t)jv_prng_next(prng);
    from.ip.b[1] = (uint8_t)jv_prng_next(prng);
    if (source != NULL) {
        memcpy(from.ip.b, source, 4);
    }
    pair_inject(&world, true, 1, &from, msg, sizeof msg);
}

static void spoofed_first_messages_do_not_stop_a_birth(void **state)
{
    uint8_t mac1_key[JV_HASH_BYTES];
    uint8_t cookie_key[JV_HASH_BYTES];
    struct jv_prng prng = {7};
    struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    cfg.half_open_max = 1024;
    cfg.rtt_us[0] = 20137;
    cfg.rtt_us[1] = 31411;
    begin(&cfg);
    make_birth_keys(mac1_key, cookie_key);
    for (uint32_t i = 0; i < 3000 && pair_state(&world, true) != JV_ST_ATTACHED; i++) {
        world.links[0].hole_up = world.links[1].hole_up = i < 500;
        for (uint32_t k = 0; k < 4; k++) {
            inject_first_message(&prng, mac1_key, NULL);
            pair_run_us(&world, 250);
        }
    }
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_true(gateway_drops(JV_DROP_COOKIE) > 0);
}

/* First messages in the client's name, as many as its address may have and many more: nobody needs to receive there to send them. */
static void first_messages_in_the_clients_name_do_not_stop_its_birth(void **state)
{
    uint8_t mac1_key[JV_HASH_BYTES];
    uint8_t cookie_key[JV_HASH_BYTES];
    struct jv_prng prng = {9};
    struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    cfg.links = 1;
    cfg.half_open_max = 1024;
    begin(&cfg);
    make_birth_keys(mac1_key, cookie_key);
    for (uint32_t i = 0; i < 3000 && pair_state(&world, true) != JV_ST_ATTACHED; i++) {
        world.links[0].hole_up = i < 500;
        for (uint32_t k = 0; k < 4; k++) {
            inject_first_message(&prng, mac1_key, client_at.ip.b);
            pair_run_us(&world, 250);
        }
    }
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_true(gateway_drops(JV_DROP_COOKIE) > 0);
}

static bool overtake(struct pair *p, const struct pair_event *e)
{
    if (e->to_gateway && is_of_interest(e)) {
        pair_enqueue(p, true, e->link, &attacker_at, 0, e->bytes, e->len);
    }
    return true;
}

static void raced_first_message_does_not_stop_the_birth(void **state)
{
    struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    cfg.half_open_max = 64;
    begin(&cfg);
    attack.types = TYPE(JV_TYPE_BIRTH_INIT);
    world.filter = overtake;
    /* The first messages are out: the ones of the next attempts are raced. */
    world.events_len = 0;
    assert_true(pair_attach(&world, 5000));
    assert_true(world.stray.datagrams > 0);
}

static void forge_cookie(const struct pair_event *init, const uint8_t cookie_key[JV_HASH_BYTES],
                         uint8_t forged)
{
    static const uint8_t nonce[12];
    const uint8_t *mac1 = init->bytes + JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    const uint8_t cookie[JV_COOKIE_BYTES] = {forged};
    uint8_t msg[JV_COOKIE_MSG_BYTES];
    struct jv_header header;
    struct jv_key key;
    assert_true(jv_header_decode(init->bytes, &header));
    const struct jv_header answer = {JV_TYPE_COOKIE, 0, 0, header.locator, false};
    jv_header_encode(&answer, msg);
    uint8_t *random = msg + JV_HEADER_BYTES;
    memset(random, 7, 16);
    memcpy(key.b, cookie_key, sizeof key.b);
    const struct jv_bytes context[] = {{random, 16}, {mac1, JV_MAC_BYTES}};
    jv_kdf(&key, "jv1 cookie", context, 2, &key);
    jv_chacha_seal(&key, nonce, mac1, JV_MAC_BYTES, cookie, sizeof cookie, random + 16);
    pair_inject(&world, false, world.links[0].handle, &gateway_at, msg, sizeof msg);
}

static bool take_away(struct pair *p, const struct pair_event *e)
{
    if (e->to_gateway && e->link == 0 && is_of_interest(e)) {
        attack.held = *e;
        attack.held_len = 1;
        return false;
    }
    return true;
}

static void forged_cookies_do_not_pin_a_birth_to_one_path(void **state)
{
    uint8_t mac1_key[JV_HASH_BYTES];
    uint8_t cookie_key[JV_HASH_BYTES];
    uint8_t forged = 0;
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    make_birth_keys(mac1_key, cookie_key);
    attack.types = TYPE(JV_TYPE_BIRTH_INIT);
    world.filter = take_away;
    for (uint32_t i = 0; i < 5000 && pair_state(&world, true) != JV_ST_ATTACHED; i++) {
        pair_run(&world, 1);
        if (attack.held_len > 0) {
            attack.held_len = 0;
            forge_cookie(&attack.held, cookie_key, forged++);
        }
    }
    assert_true(forged > 0);
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
}

/* Confirmations under the first locator that comes by are held: the client begins anew, and that birth succeeds. */
static bool hold_confirmations_of_the_first_birth(struct pair *p, const struct pair_event *e)
{
    if (!e->to_gateway || !is_of_interest(e)) {
        return true;
    }
    attack.held = attack.held_len == 0 ? *e : attack.held;
    attack.held_len = 1;
    return memcmp(e->bytes + 8, attack.held.bytes + 8, 8) != 0;
}

static void confirmation_that_was_held_back_does_not_supersede_the_session(void **state)
{
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attack.types = TYPE(JV_TYPE_TRAFFIC);
    world.filter = hold_confirmations_of_the_first_birth;
    assert_true(pair_attach(&world, 4000));
    assert_int_equal(attack.held_len, 1);
    assert_int_equal(world.gateway->half_open.used, 1); /* that of the first birth */
    const struct jv_sid sid = jv_core_session_at(world.client, 0)->sid;
    pair_inject(&world, true, 1, &attack.held.remote, attack.held.bytes, attack.held.len);
    pair_run(&world, 1000);
    assert_both_attached();
    assert_memory_equal(&sid, &jv_core_session_at(world.client, 0)->sid, sizeof sid);
    assert_int_equal(pair_count(&world.log_g, JV_REC_SessionCreated, JV_WHY_NONE), 1);
    assert_int_equal(world.gateway->half_open.used, 0);
}

/* Each try derives all keys of a session that is none: as dear as it gets, and under a name that is on the wire. */
static void garbage_in_place_of_a_confirmation_is_opened_a_few_times(void **state)
{
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attack.types = TYPE(JV_TYPE_TRAFFIC);
    world.filter = keep_request;
    for (uint32_t i = 0; i < 300 && attack.held_len == 0; i++) {
        pair_run_us(&world, 100);
    }
    assert_int_equal(attack.held_len, 1); /* the confirmation */
    struct pair_event garbage = attack.held;
    garbage.bytes[garbage.len - 1] ^= 1;
    for (uint32_t i = 0; i < 1000; i++) {
        pair_inject(&world, true, 1, &garbage.remote, garbage.bytes, garbage.len);
    }
    assert_true(gateway_drops(JV_DROP_AUTH) <= JV_UNBOUND_OPENS_PER_S);
    assert_int_equal(gateway_drops(JV_DROP_AUTH) + gateway_drops(JV_DROP_UNBOUND_RATE), 1000);
    assert_true(pair_attach(&world, 1000)); /* the client repeats it */
}

/* The slot of the user that went is the next one's: the birth that was under way must not become his. */
static void birth_across_a_reload_does_not_become_anothers(void **state)
{
    static struct jv_user bob = {.name = "bob", .address4 = {{10, 80, 0, 200}, JV_AF_4, {0}}};
    struct jv_key private_key;
    const struct pair_cfg cfg = two_links(JV_PRESET_FAST);
    begin(&cfg);
    attack.types = TYPE(JV_TYPE_TRAFFIC);
    world.filter = keep_request;
    for (uint32_t i = 0; i < 300 && attack.held_len == 0; i++) {
        pair_run(&world, 1);
    }
    assert_int_equal(attack.held_len, 1); /* the confirmation */
    memset(private_key.b, 0x77, sizeof private_key.b);
    assert_int_equal(jv_dh_public(&private_key, &bob.public_key), JV_E_OK);
    const struct jv_command reload = {.kind = JV_CMD_USERS, .users = &bob, .users_len = 1};
    assert_int_equal(pair_command(&world, false, &reload), JV_E_OK);
    pair_inject(&world, true, 1, &attack.held.remote, attack.held.bytes, attack.held.len);
    pair_run(&world, 2000);
    assert_int_equal(pair_state(&world, false), JV_ST_END);
    assert_int_not_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_false(world.configured);
}

/* ---- the keys ---- */

/* Phase 0: no offer seen. 1: the first one is held, further ones are lost. 2: the client was proven anew, it offers again.
 * 3: the gateway has answered that offer. */
static bool hold_first_offer(struct pair *p, const struct pair_event *e)
{
    bool is_offer = (e->bytes[0] & 0x1f) == JV_TYPE_TRAFFIC && e->len == REKEY_BYTES;
    if (is_offer && e->to_gateway && attack.phase < 2) {
        attack.held = attack.phase == 0 ? *e : attack.held;
        attack.phase = 1;
        return false;
    }
    if ((e->bytes[0] & 0x1f) == JV_TYPE_ACK && attack.phase == 1) {
        attack.phase = 2;
    } else if (is_offer && !e->to_gateway && attack.phase == 2) {
        attack.phase = 3;
    }
    return true;
}

static void run_to_phase(uint32_t phase)
{
    for (uint32_t i = 0; i < 300000 && attack.phase < phase; i++) {
        pair_run_us(&world, 200);
    }
    assert_int_equal(attack.phase, phase);
}

static void released_rekey_offer_does_not_part_the_keys(void **state)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_STRICT];
    struct jv_session_status client;
    struct jv_session_status gateway;
    policy.key_max_age_ms = 40000;
    begin(&(struct pair_cfg){.seed = 1, .links = 1, .rtt_us = {20000}, .policy = &policy});
    attach_with_traffic(20000);
    world.filter = hold_first_offer;
    run_to_phase(1);
    set_hole(0, true);
    pair_run(&world, 700);
    set_hole(0, false);
    run_to_phase(3);
    pair_inject(&world, true, 1, &attack.held.remote, attack.held.bytes, attack.held.len);
    world.filter = NULL;
    pair_run(&world, 40000);
    assert_both_attached();
    assert_true(pair_status(&world, true, &client));
    assert_true(pair_status(&world, false, &gateway));
    assert_int_equal(client.epoch, gateway.epoch);
    assert_true(client.epoch >= 2);
    assert_int_equal(gateway_drops(JV_DROP_AUTH), 0);
}

#define T(name) cmocka_unit_test_teardown(name, fini_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(raced_copies_do_not_move_the_binding),
        T(raced_copies_of_a_proof_in_place_do_not_move_the_binding),
        T(copies_of_a_much_faster_observer_do_not_move_it_either),
        T(observer_of_the_way_back_holds_the_session_while_he_goes_on_only),
        T(forgery_to_another_local_address_moves_nothing),
        T(garbage_under_the_bound_locator_does_not_stop_the_jump),
        T(replays_from_elsewhere_do_not_empty_the_request_limit),
        T(request_copied_from_the_bound_address_does_not_stop_the_jump),
        T(request_copied_from_the_bound_address_does_not_stop_a_rebinding),
        T(copies_in_the_name_of_the_old_mapping_delay_a_rebinding_only),
        T(stranger_cannot_tell_what_was_wrong),
        T(replayed_probe_tells_that_its_session_lives_and_no_more),
        T(spoofed_first_messages_do_not_stop_a_birth),
        T(first_messages_in_the_clients_name_do_not_stop_its_birth),
        T(confirmation_that_was_held_back_does_not_supersede_the_session),
        T(garbage_in_place_of_a_confirmation_is_opened_a_few_times),
        T(raced_first_message_does_not_stop_the_birth),
        T(forged_cookies_do_not_pin_a_birth_to_one_path),
        T(birth_across_a_reload_does_not_become_anothers),
        T(released_rekey_offer_does_not_part_the_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
