/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births that come to nothing, or nearly: a client and a gateway with the right keys that say what no honest one does, tables and
 * pools that are full, lists that change between two messages. Neither side gets a session that it should not have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "birth.h"
#include "client_state.h"
#include "pair.h"
#include "session.h"
#include "solo.h"
#include "users.h"

static struct solo gate;

static int start(void **state)
{
    solo_cfg(&gate, JV_ROLE_GATEWAY);
    return 0;
}

static int stop(void **state)
{
    solo_stop(&gate);
    return 0;
}

static uint64_t drops(enum jv_drop drop)
{
    struct jv_counters c;
    jv_core_counters(gate.core, &c);
    return c.drops[drop];
}

static uint32_t records_of(enum jv_event_type event, enum jv_why why)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < gate.out.records_len; i++) {
        n += gate.records[i].event == event && gate.records[i].reason == why ? 1 : 0;
    }
    return n;
}

/* ---- a client by hand ---- */

struct newcomer {
    uint8_t key; /* of the private key; its ephemeral's is `key` + 0x40 + `n` */
    uint8_t n;
    uint8_t offer;
    bool is_dirty; /* reserved bytes are not zero */
    struct jv_sid prior;
    uint8_t sealed_cookie[JV_COOKIE_BYTES];
    struct jv_endpoint from;
    uint32_t link;
    struct jv_noise noise;
    struct jv_birth_reply reply;
    struct jv_keys keys;
};

static struct newcomer newcomer(uint8_t key)
{
    struct newcomer c = {.key = key,
                         .offer = 1U << JV_SUITE_CHACHA20_POLY1305,
                         .from = {.ip = {{192, 0, 2, key}, JV_AF_4, {0}}, .port = 40000},
                         .link = 1};
    return c;
}

static void send(const struct newcomer *c, const uint8_t *bytes, uint32_t len)
{
    struct jv_slot slot;
    assert_int_equal(jv_core_take(gate.core, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memcpy(slot.buf + slot.off, bytes, len);
    slot.link = c->link;
    slot.remote = c->from;
    struct jv_batch batch = {&slot, 1, 0};
    assert_int_equal(jv_core_datagrams(gate.core, gate.core->now, &batch, &gate.out), JV_E_OK);
}

static void write_message1(struct newcomer *c, uint64_t locator, const uint8_t *cookie,
                           uint8_t msg[JV_BIRTH_INIT_BYTES])
{
    const struct jv_header header = {JV_TYPE_BIRTH_INIT, 0, (uint64_t)JV_KEX_X25519 << 32, locator,
                                     false};
    jv_header_encode(&header, msg);
    struct jv_birth_init init = {.aead_offer = c->offer, .prior = c->prior};
    memcpy(init.cookie, c->sealed_cookie, sizeof init.cookie);
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    jv_birth_init_encode(&init, payload);
    payload[JV_BIRTH_PAYLOAD_BYTES - 1] = c->is_dirty ? 1 : 0;
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    jv_birth_prologue(msg, prologue);
    const struct jv_keypair own = {solo_key(c->key), solo_public(c->key)};
    const struct jv_key gateway = solo_public(0x01);
    const struct jv_key ephemeral = solo_key((uint8_t)(c->key + 0x40 + c->n));
    assert_int_equal(jv_noise_init(&c->noise, JV_NOISE_INITIATOR,
                                   (struct jv_bytes){prologue, sizeof prologue}, &own, &gateway,
                                   &ephemeral),
                     JV_E_OK);
    assert_int_equal(jv_noise_write1(&c->noise, payload, sizeof payload, msg + JV_HEADER_BYTES),
                     JV_E_OK);
    size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    const struct jv_bytes body = {msg, len};
    jv_mac(gate.core->mac1_key, JV_HASH_BYTES, &body, 1, msg + len);
    memset(msg + len + JV_MAC_BYTES, 0, JV_MAC_BYTES);
    if (cookie != NULL) {
        const struct jv_bytes with_mac1 = {msg, len + JV_MAC_BYTES};
        jv_mac(cookie, JV_COOKIE_BYTES, &with_mac1, 1, msg + len + JV_MAC_BYTES);
    }
}

static void knock(struct newcomer *c)
{
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    write_message1(c, c->key, NULL, msg);
    send(c, msg, sizeof msg);
}

/* Reads message 2, if there is one, and makes the keys of the session that would be. */
static bool is_answered(struct newcomer *c)
{
    for (uint32_t i = 0; i < gate.out.tx_len; i++) {
        const uint8_t *at = gate.tx[i].buf + gate.tx[i].off;
        if ((at[0] & 0x1f) != JV_TYPE_BIRTH_REPLY) {
            continue;
        }
        const struct jv_key none = {{0}};
        uint8_t payload[JV_BIRTH_REPLY_PAYLOAD_BYTES];
        struct jv_noise_keys split;
        struct jv_key root;
        assert_int_equal(jv_noise_read2(&c->noise, &none, at + JV_HEADER_BYTES,
                                        JV_BIRTH_REPLY_BYTES - JV_HEADER_BYTES, payload),
                         JV_E_OK);
        assert_true(jv_birth_reply_decode(payload, &c->reply));
        assert_int_equal(jv_noise_split(&c->noise, &split), JV_E_OK);
        jv_keys_root(&split, &c->reply.sid, &root);
        assert_int_equal(jv_keys_start(&c->keys, &root, &c->reply.sid,
                                       (enum jv_suite)c->reply.suite, true, gate.core->now),
                         JV_E_OK);
        solo_drain(&gate);
        return true;
    }
    return false;
}

/* One sealed datagram with a frame in it, by hand. */
static uint32_t seal(struct newcomer *c, const struct jv_frame *frame, uint8_t *msg)
{
    struct jv_epoch *epoch = &c->keys.epochs[JV_EPOCH_CURRENT];
    const struct jv_header header = {JV_TYPE_TRAFFIC, (uint8_t)epoch->n, epoch->tx_next++,
                                     c->reply.locator, false};
    jv_header_encode(&header, msg);
    struct jv_wr wr = jv_wr_init(msg + JV_HEADER_BYTES, 1000);
    jv_frame_encode(&wr, frame);
    assert_false(wr.err);
    uint32_t len = (uint32_t)(1000 - wr.left);
    struct jv_aead_op op = {msg + JV_HEADER_BYTES, len,  msg, JV_HEADER_BYTES,
                            header.counter,        false};
    jv_aead_run(&epoch->tx, &op, 1);
    assert_true(op.ok);
    return len + JV_TRAFFIC_OVERHEAD;
}

static struct jv_frame confirmation(void)
{
    struct jv_frame frame = {.type = JV_FRAME_CONFIRM};
    frame.u.confirm.policy = gate.cfg.policy;
    frame.u.confirm.path_id = 3;
    return frame;
}

static void confirm(struct newcomer *c, const struct jv_frame *frame)
{
    uint8_t msg[1100];
    send(c, msg, seal(c, frame, msg));
}

static const struct jv_session *be_born(struct newcomer *c)
{
    const struct jv_frame frame = confirmation();
    knock(c);
    assert_true(is_answered(c));
    confirm(c, &frame);
    for (uint32_t i = 0; i < gate.core->sessions.high; i++) {
        const struct jv_session *s = jv_core_session_at(gate.core, i);
        if (s != NULL && memcmp(&s->sid, &c->reply.sid, sizeof s->sid) == 0) {
            return s;
        }
    }
    return NULL;
}

static void forget(struct newcomer *c)
{
    jv_keys_fini(&c->keys);
}

/* ---- message 1 ---- */

static void first_message_of_another_form_is_malformed(void **state)
{
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    write_message1(&c, 1, NULL, msg);
    send(&c, msg, sizeof msg - 1);
    msg[1] = 1; /* an epoch */
    send(&c, msg, sizeof msg);
    msg[1] = 0;
    msg[3] ^= 2; /* another key exchange */
    send(&c, msg, sizeof msg);
    assert_int_equal(drops(JV_DROP_MALFORMED), 3);
    c.is_dirty = true;
    knock(&c);
    assert_int_equal(drops(JV_DROP_MALFORMED), 4);
    c.is_dirty = false;
    c.n++;
    c.offer = 1U << JV_SUITE_AES_256_GCM; /* which this gateway is slow at */
    knock(&c);
    c.offer = 0;
    c.n++;
    knock(&c);
    assert_int_equal(drops(JV_DROP_BIRTH_SUITE), 2);
    assert_int_equal(gate.core->half_open.used, 0);
    assert_int_equal(gate.out.tx_len, 0);
}

static void suite_is_what_both_are_quick_at(void **state)
{
    gate.cfg.offer_aes = true;
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    knock(&c);
    assert_true(is_answered(&c));
    assert_int_equal(c.reply.suite, JV_SUITE_CHACHA20_POLY1305);
    c.n++;
    c.offer = 1U << JV_SUITE_AES_256_GCM;
    knock(&c);
    assert_true(is_answered(&c));
    assert_int_equal(c.reply.suite, JV_SUITE_AES_256_GCM);
    forget(&c);
}

static void first_message_whose_keys_give_no_secret_is_unproven(void **state)
{
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    write_message1(&c, 1, NULL, msg);
    memset(msg + JV_HEADER_BYTES, 0, JV_KEY_BYTES); /* the point of order one */
    size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    const struct jv_bytes body = {msg, len};
    jv_mac(gate.core->mac1_key, JV_HASH_BYTES, &body, 1, msg + len);
    send(&c, msg, sizeof msg);
    assert_int_equal(drops(JV_DROP_BIRTH_AUTH), 1);
    assert_int_equal(gate.core->half_open.used, 0);
}

static void first_message_repeated_under_another_locator_is_not_answered(void **state)
{
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    knock(&c);
    assert_int_equal(gate.out.tx_len, 1);
    write_message1(&c, 99, NULL, msg);
    send(&c, msg, sizeof msg);
    assert_int_equal(gate.out.tx_len, 1);
    assert_int_equal(drops(JV_DROP_BIRTH_REPEATED), 1);
    knock(&c); /* under the same one it is answered with the same bytes */
    assert_int_equal(gate.out.tx_len, 2);
    assert_memory_equal(gate.tx[0].buf + gate.tx[0].off, gate.tx[1].buf + gate.tx[1].off,
                        JV_BIRTH_REPLY_BYTES);
}

static void first_messages_of_all_sources_together_are_metered(void **state)
{
    static const struct jv_rate all = {JV_BIRTHS_PER_S, 1, JV_BIRTHS_PER_S};
    uint8_t cookie[JV_COOKIE_BYTES];
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    solo_start(&gate);
    while (jv_bucket_take(&gate.core->births, &all, gate.core->now)) {
    }
    /* That is load: who has no address proven is asked for a cookie. */
    struct newcomer c = newcomer(0x11);
    knock(&c);
    assert_int_equal(drops(JV_DROP_COOKIE), 1);
    /* With one he still waits for his turn. */
    jv_cookies_make(&gate.core->cookies, &c.from, cookie);
    write_message1(&c, 1, cookie, msg);
    send(&c, msg, sizeof msg);
    assert_int_equal(drops(JV_DROP_BIRTH_RATE), 1);
    assert_int_equal(gate.core->half_open.used, 0);
}

static void half_open_table_is_never_more_than_full(void **state)
{
    uint8_t cookie[JV_COOKIE_BYTES];
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    gate.cfg.half_open_max = 2;
    solo_start(&gate);
    for (uint32_t i = 0; i < 3; i++) {
        struct newcomer c = newcomer((uint8_t)(0x11 + i));
        jv_cookies_make(&gate.core->cookies, &c.from, cookie);
        memcpy(c.sealed_cookie, cookie, sizeof cookie);
        write_message1(&c, i, cookie, msg);
        send(&c, msg, sizeof msg);
    }
    assert_int_equal(gate.core->half_open.used, 2);
    assert_int_equal(drops(JV_DROP_BIRTH_FULL), 1);
    assert_int_equal(drops(JV_DROP_COOKIE), 0);
}

static void cookie_outside_the_seal_is_not_enough(void **state)
{
    uint8_t cookie[JV_COOKIE_BYTES];
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    gate.cfg.half_open_max = 2;
    solo_start(&gate);
    struct newcomer first = newcomer(0x11);
    knock(&first);
    solo_drain(&gate);
    /* Under load a recorded message 1 gets a good MAC2 from whoever asks for a cookie; the sealed payload has none. */
    struct newcomer c = newcomer(0x12);
    jv_cookies_make(&gate.core->cookies, &c.from, cookie);
    write_message1(&c, 1, cookie, msg);
    send(&c, msg, sizeof msg);
    assert_int_equal(drops(JV_DROP_COOKIE), 1);
    assert_int_equal(gate.core->half_open.used, 1);
    /* And before the first rotation there is no cookie of the secret before. */
    memset(cookie, 0x33, sizeof cookie);
    write_message1(&c, 1, cookie, msg);
    send(&c, msg, sizeof msg);
    assert_int_equal(drops(JV_DROP_COOKIE), 2);
    assert_int_equal(gate.out.tx_len, 1); /* he is given one */
}

static void birth_without_a_buffer_is_silent_and_goes_on_later(void **state)
{
    struct jv_slot slots[512];
    gate.cfg.half_open_max = 2;
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    struct newcomer late = newcomer(0x12);
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    write_message1(&c, 1, NULL, msg);
    uint32_t n = jv_core_take(gate.core, slots, 511);
    assert_int_equal(n, 511);
    send(&c, msg, sizeof msg); /* it takes the last one */
    assert_int_equal(gate.out.tx_len, 0);
    assert_int_equal(gate.core->half_open.used, 1);
    knock(&late); /* load: a cookie, for which there is none either */
    assert_int_equal(gate.out.tx_len, 0);
    assert_int_equal(drops(JV_DROP_NO_BUFFER), 2);
    jv_core_give(gate.core, slots, n);
    send(&c, msg, sizeof msg);
    assert_int_equal(gate.out.tx_len, 1);
}

/* ---- the confirmation ---- */

static void confirmation_that_is_none_leaves_the_entry_open(void **state)
{
    uint8_t msg[1100];
    const struct jv_frame heartbeat = {.type = JV_FRAME_HEARTBEAT};
    const struct jv_frame frame = confirmation();
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    knock(&c);
    assert_true(is_answered(&c));
    uint32_t len = seal(&c, &frame, msg);
    send(&c, msg, JV_TRAFFIC_OVERHEAD); /* nothing inside */
    msg[1] ^= 1;                        /* of another epoch */
    send(&c, msg, len);
    msg[1] ^= 1;
    msg[len - 1] ^= 1; /* of another key */
    send(&c, msg, len);
    msg[len - 1] ^= 1;
    confirm(&c, &heartbeat);                       /* another frame */
    confirm(&c, &(struct jv_frame){.type = 0x0f}); /* no frame at all */
    assert_int_equal(drops(JV_DROP_AUTH), 5);
    /* From elsewhere, and over another socket of the gateway, it is not even opened. */
    struct newcomer elsewhere = c;
    elsewhere.from.port++;
    send(&elsewhere, msg, len);
    elsewhere = c;
    elsewhere.link++;
    send(&elsewhere, msg, len);
    assert_int_equal(drops(JV_DROP_UNBOUND), 2);
    /* A control datagram under its locator is of no session. */
    const struct jv_header probe = {JV_TYPE_PROBE, 1, 0, c.reply.locator, false};
    uint8_t control[JV_PROBE_BYTES] = {0};
    jv_header_encode(&probe, control);
    send(&c, control, sizeof control);
    assert_int_equal(drops(JV_DROP_UNKNOWN_TYPE), 1);
    assert_int_equal(gate.core->sessions.used, 0);
    assert_int_equal(gate.core->half_open.used, 1);
    send(&c, msg, len);
    assert_int_equal(gate.core->sessions.used, 1);
    assert_int_equal(gate.core->half_open.used, 0);
    forget(&c);
}

static void confirmation_that_finds_every_place_taken_is_refused(void **state)
{
    gate.cfg.sessions_max = 0; /* the places beside the limit are for births that replace */
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    assert_null(be_born(&c));
    assert_int_equal(records_of(JV_REC_BirthRefused, JV_WHY_CAPACITY_EXCEEDED), 1);
    assert_int_equal(gate.out.tx_len, 1); /* he is told, under his keys */
    while (jv_session_open(gate.core, &gate.cfg.policy) != NULL) {
    }
    c.n++;
    assert_null(be_born(&c));
    assert_int_equal(drops(JV_DROP_BIRTH_FULL), 1);
    forget(&c);
}

static void user_removed_before_the_confirmation_is_not_born(void **state)
{
    const struct jv_frame frame = confirmation();
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    struct newcomer other = newcomer(0x12);
    knock(&c);
    assert_true(is_answered(&c));
    knock(&other);
    assert_true(is_answered(&other));
    assert_int_equal(gate.core->half_open.used, 2);
    assert_int_equal(jv_users_replace(gate.core, gate.users + 1, 1, &gate.out), JV_E_OK);
    assert_int_equal(gate.core->half_open.used, 1); /* the other one's goes on */
    confirm(&c, &frame);
    assert_int_equal(drops(JV_DROP_UNKNOWN_LOCATOR), 1);
    confirm(&other, &frame);
    assert_int_equal(gate.core->sessions.used, 1);
    forget(&c);
    forget(&other);
}

static void wish_that_breaks_a_rule_is_refused(void **state)
{
    struct jv_frame frame = confirmation();
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    knock(&c);
    assert_true(is_answered(&c));
    frame.u.confirm.policy.heartbeat_interval_ms = 0;
    confirm(&c, &frame);
    assert_int_equal(records_of(JV_REC_BirthRefused, JV_WHY_POLICY_INVALID), 1);
    assert_int_equal(gate.core->sessions.used, 0);
    /* And while the operator's own is invalid nobody is let in. */
    assert_int_equal(jv_core_command(gate.core, gate.core->now,
                                     &(struct jv_command){.kind = JV_CMD_POLICY_INVALID},
                                     &gate.out),
                     JV_E_OK);
    c.n++;
    assert_null(be_born(&c));
    assert_int_equal(gate.core->count.births_refused, 2);
    assert_int_equal(gate.core->sessions.used, 0);
    forget(&c);
}

static void pool_without_an_address_refuses_and_a_replaced_session_hands_its_on(void **state)
{
    assert_int_equal(jv_prefix_parse("10.9.0.1/30", true, &gate.cfg.pool4), JV_E_OK);
    solo_start(&gate);
    struct newcomer first = newcomer(0x11);
    struct newcomer second = newcomer(0x12);
    const struct jv_session *s = be_born(&first);
    assert_non_null(s);
    struct jv_prefix address = s->address4; /* the only one that is free */
    assert_null(be_born(&second));
    assert_int_equal(records_of(JV_REC_BirthRefused, JV_WHY_ADDRESS_EXHAUSTED), 1);
    solo_drain(&gate);
    first.n++;
    s = be_born(&first);
    assert_non_null(s);
    assert_memory_equal(&address, &s->address4, sizeof address);
    forget(&first);
    forget(&second);
}

static void fixed_addresses_are_those_of_the_user_and_of_no_pool(void **state)
{
    assert_int_equal(jv_ip_parse("10.7.0.5", &gate.users[0].address4), JV_E_OK);
    assert_int_equal(jv_ip_parse("fd07::5", &gate.users[1].address6), JV_E_OK);
    solo_start(&gate);
    struct newcomer first = newcomer(0x11);
    struct newcomer second = newcomer(0x12);
    const struct jv_session *s = be_born(&first);
    assert_non_null(s);
    assert_int_equal(s->address_idx, 0);
    assert_int_equal(s->address4.bits, 32);
    assert_memory_equal(&s->address4.ip, &gate.users[0].address4, sizeof s->address4.ip);
    assert_int_equal(s->address6.ip.family, JV_AF_NONE);
    assert_int_equal(s->address6.bits, 0);
    solo_drain(&gate);
    s = be_born(&second);
    assert_non_null(s);
    assert_int_equal(s->address4.ip.family, JV_AF_NONE);
    assert_int_equal(s->address4.bits, 0);
    assert_int_equal(s->address6.bits, 128);
    solo_drain(&gate);
    /* Replaced, it has nothing from the pool to hand on. */
    first.n++;
    s = be_born(&first);
    assert_non_null(s);
    assert_memory_equal(&s->address4.ip, &gate.users[0].address4, sizeof s->address4.ip);
    forget(&first);
    forget(&second);
}

static void network_that_another_session_serves_stays_there(void **state)
{
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(jv_prefix_parse("10.44.0.0/16", false, &gate.users[i].nets[0]), JV_E_OK);
        gate.users[i].nets_len = 1;
    }
    solo_start(&gate);
    struct newcomer first = newcomer(0x11);
    struct newcomer second = newcomer(0x12);
    const struct jv_session *s = be_born(&first);
    assert_non_null(s);
    uint32_t idx = s->handle.idx;
    assert_int_equal(gate.out.orders_len, 1);
    assert_int_equal(gate.orders[0].kind, JV_ORDER_ROUTE_ADD);
    assert_non_null(be_born(&second));
    assert_int_equal(gate.out.orders_len, 0);
    struct jv_ip host;
    uint32_t found = 99;
    assert_int_equal(jv_ip_parse("10.44.1.1", &host), JV_E_OK);
    assert_true(jv_routes_find(&gate.core->routes, &host, &found));
    assert_int_equal(found, idx);
    forget(&first);
    forget(&second);
}

/* ---- a gateway by hand ---- */

static struct pair p;
static const struct pair_cfg two_links = {
    .seed = 51, .links = 2, .rtt_us = {20000, 20000}, .preset = JV_PRESET_FAST};
static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
static const struct jv_endpoint stranger_at = {.ip = {{203, 0, 113, 9}, JV_AF_4, {0}},
                                               .port = 4433};

static int begin(void **state)
{
    pair_init(&p, &two_links);
    return 0;
}

static int end(void **state)
{
    pair_fini(&p);
    return 0;
}

static uint64_t client_drops(enum jv_drop drop)
{
    struct jv_counters c;
    jv_core_counters(p.client, &c);
    return c.drops[drop];
}

static bool swallow_answers(struct pair *world, const struct pair_event *e)
{
    return e->to_gateway;
}

/* Message 2 to the client's newest message 1, as a gateway with the right keys could write it. */
static void write_message2(const struct jv_birth_reply *reply, bool is_dirty,
                           uint8_t out[JV_BIRTH_REPLY_BYTES])
{
    const struct pair_event *asked = &p.seen[JV_TYPE_BIRTH_INIT];
    struct jv_noise noise;
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    const struct jv_key ephemeral = solo_key(0x77);
    const struct jv_key psk = solo_key(0x44);
    jv_birth_prologue(asked->bytes, prologue);
    assert_int_equal(jv_noise_init(&noise, JV_NOISE_RESPONDER,
                                   (struct jv_bytes){prologue, sizeof prologue}, &p.gateway->own,
                                   NULL, &ephemeral),
                     JV_E_OK);
    assert_int_equal(
        jv_noise_read1(&noise, asked->bytes + JV_HEADER_BYTES, JV_BIRTH_INIT_NOISE_BYTES, payload),
        JV_E_OK);
    uint8_t body[JV_BIRTH_REPLY_PAYLOAD_BYTES];
    jv_birth_reply_encode(reply, body);
    body[sizeof body - 1] = is_dirty ? 1 : 0;
    struct jv_header header;
    assert_true(jv_header_decode(asked->bytes, &header));
    const struct jv_header answer = {JV_TYPE_BIRTH_REPLY, 0, 0, header.locator, false};
    jv_header_encode(&answer, out);
    assert_int_equal(jv_noise_write2(&noise, &psk, body, sizeof body, out + JV_HEADER_BYTES),
                     JV_E_OK);
}

static void answer_that_was_not_asked_for_changes_nothing(void **state)
{
    const struct jv_birth_reply reply = {
        .sid = {{1}}, .locator = 5, .suite = JV_SUITE_CHACHA20_POLY1305};
    uint8_t msg[JV_BIRTH_REPLY_BYTES];
    p.filter = swallow_answers;
    pair_run(&p, 1);
    write_message2(&reply, false, msg);
    pair_inject(&p, false, p.links[0].handle, &stranger_at, msg, sizeof msg); /* of no path */
    pair_inject(&p, false, p.links[1].handle, &gateway_at, msg, sizeof msg);  /* of another one */
    assert_int_equal(client_drops(JV_DROP_BIRTH_LATE), 2);
    msg[1] = 1;
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    msg[1] = 0;
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg - 1);
    assert_int_equal(client_drops(JV_DROP_MALFORMED), 2);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    assert_true(p.client->client->attempt.confirming);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg); /* a second time */
    assert_int_equal(client_drops(JV_DROP_BIRTH_LATE), 3);
    /* The confirmation runs out; what the true gateway says later counts. */
    p.filter = NULL;
    assert_true(pair_attach(&p, 5000));
    uint64_t late = client_drops(JV_DROP_BIRTH_LATE);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_LATE), late + 1);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void answer_over_the_right_socket_from_another_endpoint_is_late(void **state)
{
    const struct jv_birth_reply reply = {
        .sid = {{1}}, .locator = 5, .suite = JV_SUITE_CHACHA20_POLY1305};
    uint8_t msg[JV_BIRTH_REPLY_BYTES];
    struct pair_cfg cfg = two_links;
    pair_fini(&p);
    cfg.has_second = true;
    pair_init(&p, &cfg);
    p.filter = swallow_answers;
    pair_run(&p, 1);
    write_message2(&reply, false, msg);
    bool is_first = jv_endpoint_is_equal(&p.client->client->attempt.remote, &p.endpoints[0]);
    pair_inject(&p, false, p.client->client->attempt.link, &p.endpoints[is_first ? 1 : 0], msg,
                sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_LATE), 1);
    assert_false(p.client->client->attempt.confirming);
}

static void answer_with_a_suite_nobody_offered_is_refused(void **state)
{
    struct pair_cfg cfg = two_links;
    struct jv_birth_reply reply = {.sid = {{1}}, .locator = 5, .suite = JV_SUITE_AES_256_GCM};
    uint8_t msg[JV_BIRTH_REPLY_BYTES];
    pair_fini(&p);
    cfg.no_aes = true;
    pair_init(&p, &cfg);
    p.filter = swallow_answers;
    pair_run(&p, 1);
    write_message2(&reply, false, msg);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_AUTH), 1);
    /* The handshake is spent with it; the next attempt is another one. */
    pair_run(&p, 700);
    reply.suite = 9;
    write_message2(&reply, false, msg);
    pair_inject(&p, false, p.client->client->attempt.link, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_AUTH), 2);
    pair_run(&p, 1000);
    reply.suite = JV_SUITE_CHACHA20_POLY1305;
    write_message2(&reply, true, msg); /* reserved bytes */
    pair_inject(&p, false, p.client->client->attempt.link, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_AUTH), 3);
    assert_false(p.client->client->attempt.confirming);
    p.filter = NULL;
    assert_true(pair_attach(&p, 10000));
}

static void cookie_that_was_not_asked_for_changes_nothing(void **state)
{
    uint8_t msg[JV_COOKIE_MSG_BYTES] = {0};
    struct jv_attempt *attempt = &p.client->client->attempt;
    p.filter = swallow_answers;
    pair_run(&p, 1);
    struct jv_header header = {JV_TYPE_COOKIE, 0, 0, attempt->locator + 1, false};
    jv_header_encode(&header, msg);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_LATE), 1);
    header.locator--;
    jv_header_encode(&header, msg);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg - 1);
    assert_int_equal(client_drops(JV_DROP_MALFORMED), 1);
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_AUTH), 1);
    assert_false(attempt->has_cookie);
    p.filter = NULL;
    assert_true(pair_attach(&p, 2000));
    pair_inject(&p, false, p.links[0].handle, &gateway_at, msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_BIRTH_LATE), 2);
}

/* The session is there at the gateway; the client waits for a BIRTH_ACK. */
static void wait_for_the_ack(void)
{
    pair_run(&p, 25);
    p.filter = swallow_answers;
    pair_run(&p, 20);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
}

static struct jv_frame ack_of_gateway(void)
{
    const struct jv_session *g = jv_core_session_at(p.gateway, 0);
    struct jv_frame frame = {.type = JV_FRAME_BIRTH_ACK};
    assert_non_null(g);
    frame.u.birth_ack.version = g->v;
    frame.u.birth_ack.policy = g->policy;
    frame.u.birth_ack.address4 = g->address4;
    frame.u.birth_ack.mtu = JV_MTU_DEFAULT;
    return frame;
}

static void ack_with_bounds_that_break_a_rule_is_no_birth(void **state)
{
    wait_for_the_ack();
    p.filter = NULL;
    struct jv_frame frame = ack_of_gateway();
    frame.u.birth_ack.mtu = JV_MTU_MIN - 1;
    assert_true(pair_frames(&p, false, &frame, 1));
    frame = ack_of_gateway();
    frame.u.birth_ack.policy.heartbeat_interval_ms = 0;
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_run(&p, 12);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    assert_true(pair_attach(&p, 1000)); /* the true one, for the next confirmation */
}

static void ack_tells_endpoints_and_only_those_of_this_gateways_key_count(void **state)
{
    wait_for_the_ack();
    p.filter = NULL;
    p.client->cfg.mtu = JV_MTU_MIN; /* less than the gateway's */
    struct jv_frame frame = ack_of_gateway();
    struct jv_frame_birth_ack *ack = &frame.u.birth_ack;
    ack->endpoints_len = 2;
    ack->endpoints[0] = stranger_at;
    ack->endpoint_keys[0] = solo_key(0x99);
    ack->endpoints[1] = gateway_at;
    ack->endpoint_keys[1] = p.client->cfg.gateway_key;
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_run(&p, 12);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(p.last_configure.endpoints_len, 1);
    assert_true(jv_endpoint_is_equal(&p.last_configure.endpoints[0], &gateway_at));
    struct jv_session_status c;
    assert_true(pair_status(&p, true, &c));
    assert_int_equal(c.mtu, JV_MTU_MIN);
}

static void gateway_tells_its_endpoints_with_its_key(void **state)
{
    p.gateway->cfg.endpoints_len = 2;
    p.gateway->cfg.endpoints[0] = stranger_at;
    p.gateway->cfg.endpoints[1] = gateway_at;
    assert_true(pair_attach(&p, 500));
    assert_int_equal(p.last_configure.endpoints_len, 2);
}

static void path_of_the_birth_that_goes_takes_the_birth_with_it(void **state)
{
    wait_for_the_ack();
    p.filter = NULL;
    /* The link of the birth goes while the answer is on its way. */
    const struct jv_frame frame = ack_of_gateway();
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_link_down(&p, 0);
    pair_run(&p, 30);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    /* The other one carries the next attempt: a session of its own, which replaces the one that nobody used. */
    assert_true(pair_attach(&p, 20000));
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionTerminated, JV_WHY_SUPERSEDED), 1);
}

static void refusal_with_an_unknown_reason_ends_the_birth(void **state)
{
    const struct jv_frame frame = {.type = JV_FRAME_TERMINATE, .u.terminate = {255}};
    wait_for_the_ack();
    p.filter = NULL;
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_run(&p, 12);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(p.last_ended.reason, JV_WHY_HANDSHAKE_FAIL);
    for (uint32_t i = 0; i < p.log_c.len; i++) {
        assert_in_range(p.log_c.records[i].reason, JV_WHY_NONE, JV_WHY_END - 1);
    }
}

static void report_before_the_ack_is_about_no_path(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_REPORT};
    wait_for_the_ack();
    p.filter = NULL;
    const struct jv_session *s = jv_core_session_at(p.client, 0);
    assert_non_null(s);
    frame.u.report.echo_us = 1; /* a round trip of a path that is not bound */
    frame.u.report.state = JV_ST_DEGRADED;
    frame.u.report.version = 7;
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_run(&p, 12);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    assert_int_equal(s->v, 0);
    assert_true(pair_attach(&p, 1000));
    assert_int_equal(s->v, 1);
}

/* A gateway whose BIRTH_ACK was lost has a session already, and asks whether the client lives. */
static void heartbeat_before_the_ack_is_answered_after_it(void **state)
{
    const struct jv_frame frame = {.type = JV_FRAME_HEARTBEAT, .u.heartbeat = {5}};
    wait_for_the_ack();
    p.filter = NULL;
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_run(&p, 12);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    assert_true(pair_attach(&p, 1000));
    pair_run(&p, 3000);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    assert_int_equal(pair_count(&p.log_g, JV_REC_VolatilitySignal, JV_WHY_NONE), 0);
}

static void cookie_of_the_secret_before_is_good_for_one_rotation(void **state)
{
    uint8_t cookie[JV_COOKIE_BYTES];
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    const struct jv_key secret = solo_key(0x5a);
    const struct jv_key later = solo_key(0x5b);
    gate.cfg.half_open_max = 2;
    solo_start(&gate);
    struct newcomer first = newcomer(0x11);
    knock(&first);
    struct newcomer c = newcomer(0x12);
    jv_cookies_make(&gate.core->cookies, &c.from, cookie);
    memcpy(c.sealed_cookie, cookie, sizeof cookie);
    jv_cookies_rotate(&gate.core->cookies, gate.core->now, &secret);
    write_message1(&c, 1, cookie, msg);
    jv_cookies_rotate(&gate.core->cookies, gate.core->now, &later);
    send(&c, msg, sizeof msg); /* two rotations are too many */
    assert_int_equal(drops(JV_DROP_COOKIE), 1);
    assert_true(jv_cookies_make_previous(&gate.core->cookies, &c.from, cookie));
    memcpy(c.sealed_cookie, cookie, sizeof cookie);
    c.n++;
    write_message1(&c, 1, cookie, msg);
    send(&c, msg, sizeof msg);
    assert_int_equal(drops(JV_DROP_COOKIE), 1);
    assert_int_equal(gate.core->half_open.used, 2);
}

static void ephemerals_of_one_hash_are_told_apart(void **state)
{
    uint8_t msg[JV_BIRTH_INIT_BYTES];
    solo_start(&gate);
    struct newcomer c = newcomer(0x11);
    knock(&c);
    solo_drain(&gate);
    c.n++;
    write_message1(&c, 5, NULL, msg);
    uint64_t hash = jv_siphash(gate.core->hash_key, msg + JV_HEADER_BYTES, JV_KEY_BYTES);
    assert_int_equal(jv_map_add(&gate.core->ephemerals, hash, 0), JV_E_OK);
    send(&c, msg, sizeof msg);
    assert_int_equal(gate.core->half_open.used, 2);
    assert_true(is_answered(&c));
    forget(&c);
}

static void policy_valid_again_before_the_birth_began_delays_nothing(void **state)
{
    const struct jv_command invalid = {.kind = JV_CMD_POLICY_INVALID};
    const struct jv_command valid = {.kind = JV_CMD_POLICY,
                                     .policy = jv_policy_presets[JV_PRESET_FAST]};
    assert_int_equal(pair_command(&p, true, &invalid), JV_E_OK);
    assert_int_equal(pair_command(&p, true, &valid), JV_E_OK);
    assert_true(pair_attach(&p, 100));
}

static void traffic_of_another_path_under_no_locator_is_no_answer(void **state)
{
    uint8_t msg[100] = {0};
    struct pair_cfg cfg = two_links;
    pair_fini(&p);
    cfg.has_second = true;
    pair_init(&p, &cfg);
    wait_for_the_ack();
    const struct jv_header header = {JV_TYPE_TRAFFIC, 1, 0, 0, false};
    jv_header_encode(&header, msg);
    uint64_t before = client_drops(JV_DROP_NOT_ATTACHED);
    struct jv_attempt *attempt = &p.client->client->attempt;
    assert_true(attempt->confirming);
    pair_inject(&p, false, p.links[1].handle, &attempt->remote, msg, sizeof msg);
    bool is_first = jv_endpoint_is_equal(&attempt->remote, &p.endpoints[0]);
    pair_inject(&p, false, attempt->link, &p.endpoints[is_first ? 1 : 0], msg, sizeof msg);
    assert_int_equal(client_drops(JV_DROP_NOT_ATTACHED), before + 2);
}

static void birth_that_failed_often_waits_a_minute_and_a_bit(void **state)
{
    struct pair_cfg cfg = two_links;
    pair_fini(&p);
    cfg.wrong_psk = cfg.rebirth = true;
    pair_init(&p, &cfg);
    p.client->client->attempt.failures = 20;
    for (uint32_t i = 0; i < 60000 && p.ended == 0; i++) {
        pair_run(&p, 1);
    }
    assert_int_equal(p.ended, 1);
    assert_true(p.last_ended.rebirth);
    uint64_t wait = p.client->client->attempt.begin_at.ns - p.now_ns;
    assert_in_range(wait, 60 * JV_NS_PER_S, 75 * JV_NS_PER_S);
}

static void socket_beside_another_that_nobody_ordered_is_closed_again(void **state)
{
    struct jv_command added = {.kind = JV_CMD_LINK_ADDED, .link = 77, .twin_of = 5, .mtu = 1500};
    static struct jv_order orders[JV_OUT_ORDERS_MIN];
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    static struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
    struct jv_out out = {tx,      0, JV_OUT_TX_MIN,
                         tun,     0, JV_OUT_TUN_MIN,
                         records, 0, JV_OUT_RECORDS_MIN,
                         orders,  0, JV_OUT_ORDERS_MIN,
                         NULL,    0, 0};
    assert_int_equal(jv_core_command(p.client, (struct jv_instant){p.now_ns}, &added, &out),
                     JV_E_OK);
    assert_int_equal(out.orders_len, 1);
    assert_int_equal(orders[0].kind, JV_ORDER_LINK_CLOSE);
    assert_int_equal(orders[0].link, 77);
    assert_true(jv_is_zero(orders[0].sid.b, JV_SID_BYTES)); /* there is no session yet */
    assert_true(pair_attach(&p, 500));
}

static void gateway_key_that_gives_no_secret_ends_the_birth(void **state)
{
    pair_fini(&p);
    pair_init(&p, &two_links);
    memset(&p.client->cfg.gateway_key, 0, sizeof p.client->cfg.gateway_key);
    assert_false(pair_attach(&p, 40000));
    assert_int_equal(p.datagrams_to_gateway, 0);
    assert_int_equal(p.last_ended.reason, JV_WHY_HANDSHAKE_FAIL);
    assert_int_equal(pair_leaked(&p, true), 0);
}

int main(void)
{
#define GATE(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define PAIR(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        PAIR(gateway_key_that_gives_no_secret_ends_the_birth),
        GATE(cookie_of_the_secret_before_is_good_for_one_rotation),
        GATE(ephemerals_of_one_hash_are_told_apart),
        PAIR(policy_valid_again_before_the_birth_began_delays_nothing),
        PAIR(traffic_of_another_path_under_no_locator_is_no_answer),
        PAIR(birth_that_failed_often_waits_a_minute_and_a_bit),
        PAIR(socket_beside_another_that_nobody_ordered_is_closed_again),
        PAIR(report_before_the_ack_is_about_no_path),
        PAIR(heartbeat_before_the_ack_is_answered_after_it),
        GATE(first_message_of_another_form_is_malformed),
        GATE(suite_is_what_both_are_quick_at),
        GATE(first_message_whose_keys_give_no_secret_is_unproven),
        GATE(first_message_repeated_under_another_locator_is_not_answered),
        GATE(first_messages_of_all_sources_together_are_metered),
        GATE(half_open_table_is_never_more_than_full),
        GATE(cookie_outside_the_seal_is_not_enough),
        GATE(birth_without_a_buffer_is_silent_and_goes_on_later),
        GATE(confirmation_that_is_none_leaves_the_entry_open),
        GATE(confirmation_that_finds_every_place_taken_is_refused),
        GATE(user_removed_before_the_confirmation_is_not_born),
        GATE(wish_that_breaks_a_rule_is_refused),
        GATE(pool_without_an_address_refuses_and_a_replaced_session_hands_its_on),
        GATE(fixed_addresses_are_those_of_the_user_and_of_no_pool),
        GATE(network_that_another_session_serves_stays_there),
        PAIR(answer_that_was_not_asked_for_changes_nothing),
        PAIR(answer_over_the_right_socket_from_another_endpoint_is_late),
        PAIR(answer_with_a_suite_nobody_offered_is_refused),
        PAIR(cookie_that_was_not_asked_for_changes_nothing),
        PAIR(ack_with_bounds_that_break_a_rule_is_no_birth),
        PAIR(ack_tells_endpoints_and_only_those_of_this_gateways_key_count),
        PAIR(gateway_tells_its_endpoints_with_its_key),
        PAIR(path_of_the_birth_that_goes_takes_the_birth_with_it),
        PAIR(refusal_with_an_unknown_reason_ends_the_birth),
    };
#undef GATE
#undef PAIR
    return cmocka_run_group_tests_name("unborn", tests, NULL, NULL);
}
