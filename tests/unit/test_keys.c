/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule is computed a second time here from its text in keys.h: labels and concatenations are built by hand, and only
 * jv_kdf() itself is shared (tests/unit/test_crypto.c holds it against vectors).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keys.h"
#include "prng.h"

static const struct jv_sid sid = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct jv_instant start_at = {1000 * JV_NS_PER_MS};
static const struct jv_key first_root = {{0x77, 1, 2, 3}};

static int start(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

/* KDF(key, label, context) where the context is one flat run of bytes. */
static struct jv_key derive(const struct jv_key *key, const char *label, const uint8_t *context,
                            size_t len)
{
    const struct jv_bytes flat = {context, len};
    struct jv_key out;
    jv_kdf(key, label, &flat, 1, &out);
    return out;
}

/* sid | n, as every label but the first and the rekey has it. */
static struct jv_key derive_n(const struct jv_key *key, const char *label, uint64_t n)
{
    uint8_t context[24];
    memcpy(context, sid.b, 16);
    for (size_t i = 0; i < 8; i++) {
        context[16 + i] = (uint8_t)(n >> (8 * (7 - i)));
    }
    return derive(key, label, context, sizeof context);
}

static void begin(struct jv_keys *keys, bool is_client)
{
    memset(keys, 0, sizeof *keys);
    assert_int_equal(
        jv_keys_start(keys, &first_root, &sid, JV_SUITE_CHACHA20_POLY1305, is_client, start_at),
        JV_E_OK);
}

static bool seal_opens(struct jv_aead *tx, struct jv_aead *rx)
{
    uint8_t text[40] = {9, 8, 7};
    const uint8_t ad[3] = {1, 2, 3};
    struct jv_aead_op op = {text, 24, ad, 3, 5, false};
    jv_aead_run(tx, &op, 1);
    assert_true(op.ok);
    op.ok = false;
    jv_aead_run(rx, &op, 1);
    return op.ok && text[0] == 9;
}

/* Traffic keys cannot be read back, so the test's own key must open what the core's key sealed. */
static bool is_tx_key(struct jv_aead *tx, const struct jv_key *key)
{
    struct jv_aead rx = {0};
    assert_int_equal(jv_aead_set(&rx, JV_SUITE_CHACHA20_POLY1305, key, false), JV_E_OK);
    bool opens = seal_opens(tx, &rx);
    jv_aead_fini(&rx);
    return opens;
}

static bool is_rx_key(struct jv_aead *rx, const struct jv_key *key)
{
    struct jv_aead tx = {0};
    assert_int_equal(jv_aead_set(&tx, JV_SUITE_CHACHA20_POLY1305, key, true), JV_E_OK);
    bool opens = seal_opens(&tx, rx);
    jv_aead_fini(&tx);
    return opens;
}

static void check_epoch(struct jv_epoch *epoch, const struct jv_key *root, uint64_t n, bool client)
{
    struct jv_key resume = derive_n(root, "jv1 resume", n);
    struct jv_key control = derive_n(&resume, "jv1 control", n);
    struct jv_key c2g = derive_n(root, "jv1 client to gateway", n);
    struct jv_key g2c = derive_n(root, "jv1 gateway to client", n);
    assert_int_equal(epoch->n, n);
    assert_memory_equal(&epoch->control, &control, JV_KEY_BYTES);
    assert_true(is_tx_key(&epoch->tx, client ? &c2g : &g2c));
    assert_true(is_rx_key(&epoch->rx, client ? &g2c : &c2g));
    assert_false(is_tx_key(&epoch->tx, client ? &g2c : &c2g));
}

static void keys_root_is_the_kdf_of_the_handshake(void **state)
{
    struct jv_noise_keys noise;
    uint8_t context[80];
    for (uint8_t i = 0; i < 32; i++) {
        noise.to_responder.b[i] = i;
        noise.to_initiator.b[i] = (uint8_t)(64 + i);
        noise.h[i] = (uint8_t)(128 + i);
    }
    memcpy(context, noise.to_initiator.b, 32);
    memcpy(context + 32, noise.h, 32);
    memcpy(context + 64, sid.b, 16);
    struct jv_key want = derive(&noise.to_responder, "jv1 root", context, sizeof context);
    struct jv_key got;
    jv_keys_root(&noise, &sid, &got);
    assert_memory_equal(&got, &want, sizeof got);
}

static void keys_kdf_separates_labels_and_contexts(void **state)
{
    static const uint8_t bytes[] = {'a', 'b', 'c'};
    struct jv_key whole = derive(&first_root, "jv1 x", bytes, 3);
    struct jv_key shorter = derive(&first_root, "jv1 x", bytes, 2);
    struct jv_key moved = derive(&first_root, "jv1 xa", bytes + 1, 2);
    assert_memory_not_equal(&whole, &shorter, sizeof whole);
    assert_memory_not_equal(&whole, &moved, sizeof whole);
}

static void keys_first_epoch_follows_the_schedule(void **state)
{
    for (int client = 0; client < 2; client++) {
        struct jv_keys keys;
        begin(&keys, client != 0);
        struct jv_epoch *current = &keys.epochs[JV_EPOCH_CURRENT];
        check_epoch(current, &first_root, 1, client != 0);
        assert_int_equal(current->tx_next, 0);
        assert_int_equal(current->since.ns, start_at.ns);
        assert_null(jv_keys_at(&keys, 0));
        assert_null(jv_keys_at(&keys, 2));
        assert_null(jv_keys_at(&keys, 257));
        assert_null(jv_keys_find(&keys, 0));
        assert_ptr_equal(jv_keys_find(&keys, 1), current);
        jv_keys_fini(&keys);
    }
}

struct offer { /* what both sides of a rekey know */
    struct jv_key client_private, client_public, gateway_private, gateway_public;
    struct jv_rekey_mix client, gateway;
};

static void make_offer(struct offer *o, uint8_t seed)
{
    memset(o, 0, sizeof *o);
    memset(o->client_private.b, seed, 32);
    memset(o->gateway_private.b, seed + 1, 32);
    assert_int_equal(jv_dh_public(&o->client_private, &o->client_public), JV_E_OK);
    assert_int_equal(jv_dh_public(&o->gateway_private, &o->gateway_public), JV_E_OK);
    memset(o->client.client_random, seed + 2, 16);
    memset(o->client.gateway_random, seed + 3, 16);
    o->gateway = o->client;
    o->client.own_private = o->client_private;
    o->client.peer_public = o->gateway_public;
    o->gateway.own_private = o->gateway_private;
    o->gateway.peer_public = o->client_public;
}

static struct jv_key next_root(const struct jv_key *root, const struct offer *o, uint64_t n)
{
    uint8_t context[88] = {0};
    struct jv_key shared;
    assert_int_equal(jv_dh(&o->client_private, &o->gateway_public, &shared), JV_E_OK);
    memcpy(context, shared.b, 32);
    memcpy(context + 32, o->client.client_random, 16);
    memcpy(context + 48, o->client.gateway_random, 16);
    memcpy(context + 64, sid.b, 16);
    for (size_t i = 0; i < 8; i++) {
        context[80 + i] = (uint8_t)(n >> (8 * (7 - i)));
    }
    return derive(root, "jv1 rekey", context, sizeof context);
}

static void keys_rekey_agrees_on_both_sides_and_follows_the_schedule(void **state)
{
    struct jv_keys client;
    struct jv_keys gateway;
    begin(&client, true);
    begin(&gateway, false);
    struct jv_key root = first_root;
    for (uint64_t n = 2; n < 6; n++) {
        struct offer o;
        make_offer(&o, (uint8_t)(n * 8));
        root = next_root(&root, &o, n);
        assert_int_equal(jv_keys_prepare(&client, n, &o.client), JV_E_OK);
        assert_int_equal(jv_keys_prepare(&gateway, n, &o.gateway), JV_E_OK);
        check_epoch(&client.epochs[JV_EPOCH_NEXT], &root, n, true);
        check_epoch(&gateway.epochs[JV_EPOCH_NEXT], &root, n, false);
        struct jv_instant now = jv_add_ms(start_at, n * 1000);
        jv_keys_advance(&client, now);
        jv_keys_advance(&gateway, now);
        assert_true(
            seal_opens(&client.epochs[JV_EPOCH_CURRENT].tx, &gateway.epochs[JV_EPOCH_CURRENT].rx));
        assert_true(
            seal_opens(&gateway.epochs[JV_EPOCH_CURRENT].tx, &client.epochs[JV_EPOCH_CURRENT].rx));
        assert_int_equal(client.epochs[JV_EPOCH_CURRENT].since.ns, now.ns);
    }
    jv_keys_fini(&client);
    jv_keys_fini(&gateway);
}

static void keys_advance_wipes_the_root_and_keeps_the_receive_key(void **state)
{
    struct jv_keys client;
    struct jv_keys gateway;
    struct offer o;
    begin(&client, true);
    begin(&gateway, false);
    make_offer(&o, 1);
    assert_int_equal(jv_keys_prepare(&gateway, 2, &o.gateway), JV_E_OK);
    jv_keys_advance(&gateway, start_at);
    struct jv_epoch *previous = &gateway.epochs[JV_EPOCH_PREVIOUS];
    assert_int_equal(previous->n, 1);
    assert_true(jv_is_zero(&previous->root, sizeof previous->root));
    assert_false(previous->tx.set);
    assert_true(seal_opens(&client.epochs[JV_EPOCH_CURRENT].tx, &previous->rx));
    assert_ptr_equal(jv_keys_at(&gateway, 1), previous);
    assert_int_equal(gateway.epochs[JV_EPOCH_NEXT].n, 0);
    assert_true(jv_is_zero(&gateway.epochs[JV_EPOCH_NEXT].root, JV_KEY_BYTES));
    jv_keys_fini(&client);
    jv_keys_fini(&gateway);
}

static void keys_previous_expires_at_its_moment(void **state)
{
    struct jv_keys keys;
    struct offer o;
    begin(&keys, false);
    make_offer(&o, 1);
    assert_int_equal(jv_keys_prepare(&keys, 2, &o.gateway), JV_E_OK);
    jv_keys_advance(&keys, start_at);
    struct jv_instant until = jv_add_ms(start_at, 10000);
    assert_int_equal(keys.previous_until.ns, until.ns);
    jv_keys_expire(&keys, (struct jv_instant){until.ns - 1});
    assert_non_null(jv_keys_at(&keys, 1));
    jv_keys_expire(&keys, until);
    assert_null(jv_keys_at(&keys, 1));
    assert_true(jv_is_never(keys.previous_until));
    assert_false(keys.epochs[JV_EPOCH_PREVIOUS].rx.set);
    assert_non_null(jv_keys_at(&keys, 2));
    jv_keys_fini(&keys);
}

static void keys_cancel_next_forgets_it_alone(void **state)
{
    struct jv_keys keys;
    struct offer o;
    begin(&keys, true);
    make_offer(&o, 1);
    assert_int_equal(jv_keys_prepare(&keys, 2, &o.client), JV_E_OK);
    jv_keys_cancel_next(&keys);
    assert_null(jv_keys_at(&keys, 2));
    assert_true(jv_is_zero(&keys.epochs[JV_EPOCH_NEXT].root, JV_KEY_BYTES));
    assert_true(jv_is_zero(&keys.epochs[JV_EPOCH_NEXT].control, JV_KEY_BYTES));
    check_epoch(&keys.epochs[JV_EPOCH_CURRENT], &first_root, 1, true);
    make_offer(&o, 9);
    assert_int_equal(jv_keys_prepare(&keys, 2, &o.client), JV_E_OK);
    jv_keys_fini(&keys);
}

static void keys_prepare_refuses_other_numbers_and_weak_points(void **state)
{
    struct jv_keys keys;
    struct offer o;
    begin(&keys, true);
    make_offer(&o, 1);
    static const uint64_t wrong[] = {0, 1, 3, 258, UINT64_MAX};
    for (size_t i = 0; i < JV_ARRAY_LEN(wrong); i++) {
        assert_int_equal(jv_keys_prepare(&keys, wrong[i], &o.client), JV_E_STATE);
    }
    memset(&o.client.peer_public, 0, sizeof o.client.peer_public);
    assert_int_equal(jv_keys_prepare(&keys, 2, &o.client), JV_E_CRYPTO);
    assert_int_equal(keys.epochs[JV_EPOCH_NEXT].n, 0);
    jv_keys_wipe(&keys);
    make_offer(&o, 1);
    assert_int_equal(jv_keys_prepare(&keys, 1, &o.client), JV_E_STATE);
    jv_keys_fini(&keys);
}

static void keys_wipe_leaves_no_byte_of_a_key(void **state)
{
    struct jv_keys keys;
    struct offer o;
    begin(&keys, true);
    make_offer(&o, 1);
    assert_int_equal(jv_keys_prepare(&keys, 2, &o.client), JV_E_OK);
    jv_keys_advance(&keys, start_at);
    jv_keys_wipe(&keys);
    for (uint32_t i = 0; i < JV_EPOCHS; i++) {
        assert_int_equal(keys.epochs[i].n, 0);
        assert_true(jv_is_zero(&keys.epochs[i].root, JV_KEY_BYTES));
        assert_true(jv_is_zero(&keys.epochs[i].control, JV_KEY_BYTES));
        assert_false(keys.epochs[i].tx.set);
        assert_false(keys.epochs[i].rx.set);
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        assert_null(jv_keys_find(&keys, (uint8_t)byte));
    }
    jv_keys_fini(&keys);
}

static void keys_slot_serves_the_next_session(void **state)
{
    struct jv_keys keys;
    struct offer o;
    begin(&keys, true);
    keys.epochs[JV_EPOCH_CURRENT].tx_next = 77;
    make_offer(&o, 1);
    assert_int_equal(jv_keys_prepare(&keys, 2, &o.client), JV_E_OK);
    jv_keys_advance(&keys, start_at);
    assert_int_equal(
        jv_keys_start(&keys, &first_root, &sid, JV_SUITE_CHACHA20_POLY1305, false, start_at),
        JV_E_OK);
    check_epoch(&keys.epochs[JV_EPOCH_CURRENT], &first_root, 1, false);
    assert_int_equal(keys.epochs[JV_EPOCH_CURRENT].tx_next, 0);
    assert_int_equal(keys.epochs[JV_EPOCH_PREVIOUS].n, 0);
    assert_true(jv_is_never(keys.previous_until));
    jv_keys_fini(&keys);
}

static void keys_control_differs_by_direction_type_random_and_epoch(void **state)
{
    struct jv_epoch epoch = {.n = 1, .control = {{1}}};
    uint8_t random[16] = {1, 2, 3};
    uint8_t context[18] = {1, 7, 1, 2, 3};
    struct jv_key want = derive(&epoch.control, "jv1 datagram", context, sizeof context);
    struct jv_key got;
    jv_keys_control(&epoch, true, 7, random, &got);
    assert_memory_equal(&got, &want, sizeof got);
    jv_keys_control(&epoch, false, 7, random, &got);
    assert_memory_not_equal(&got, &want, sizeof got);
    jv_keys_control(&epoch, true, 8, random, &got);
    assert_memory_not_equal(&got, &want, sizeof got);
    random[15] = 1;
    jv_keys_control(&epoch, true, 7, random, &got);
    assert_memory_not_equal(&got, &want, sizeof got);
    random[15] = 0;
    epoch.control.b[31] = 1;
    jv_keys_control(&epoch, true, 7, random, &got);
    assert_memory_not_equal(&got, &want, sizeof got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_root_is_the_kdf_of_the_handshake),
        cmocka_unit_test(keys_kdf_separates_labels_and_contexts),
        cmocka_unit_test(keys_first_epoch_follows_the_schedule),
        cmocka_unit_test(keys_rekey_agrees_on_both_sides_and_follows_the_schedule),
        cmocka_unit_test(keys_advance_wipes_the_root_and_keeps_the_receive_key),
        cmocka_unit_test(keys_previous_expires_at_its_moment),
        cmocka_unit_test(keys_cancel_next_forgets_it_alone),
        cmocka_unit_test(keys_prepare_refuses_other_numbers_and_weak_points),
        cmocka_unit_test(keys_wipe_leaves_no_byte_of_a_key),
        cmocka_unit_test(keys_slot_serves_the_next_session),
        cmocka_unit_test(keys_control_differs_by_direction_type_random_and_epoch)};
    return cmocka_run_group_tests_name("keys", tests, start, NULL);
}
