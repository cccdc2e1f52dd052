/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aead.h"
#include "hex.h"
#include "noise.h"

/* Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s of the published cacophony vectors. */
static const char prologue_text[] = "John Galt";
static const char psk_hex[] = "54686973206973206d7920417573747269616e20706572737065637469766521";
static const char init_static_hex[] =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char init_ephemeral_hex[] =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char resp_public_hex[] =
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char resp_static_hex[] =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char resp_ephemeral_hex[] =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char hash_hex[] = "f5191b875290abcd41347ac3622d9679688a7e980229cb937ef748336cfde0e5";
static const char payload1[] = "Ludwig von Mises";
static const char payload2[] = "Murray Rothbard";
static const char msg1_hex[] =
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad5752720"
    "7feb56253c9c94a9e496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616"
    "548e832985464cf17e51ee93109008399a21f7e13f";
static const char msg2_hex[] =
    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab"
    "0322217755c0632f365717edbf34d33e87a";

#define PAYLOAD1_BYTES (sizeof payload1 - 1)
#define PAYLOAD2_BYTES (sizeof payload2 - 1)
#define MSG1_BYTES (PAYLOAD1_BYTES + JV_NOISE_MSG1_OVERHEAD)
#define MSG2_BYTES (PAYLOAD2_BYTES + JV_NOISE_MSG2_OVERHEAD)

static struct jv_noise initiator, responder;
static struct jv_keypair init_pair, resp_pair;
static struct jv_key psk;
static uint8_t msg1[MSG1_BYTES], msg2[MSG2_BYTES], payload[64];

static struct jv_keypair pair_of(const char *private_hex)
{
    struct jv_keypair pair;
    hex_bytes(private_hex, pair.private_key.b, JV_KEY_BYTES);
    assert_int_equal(jv_dh_public(&pair.private_key, &pair.public_key), JV_E_OK);
    return pair;
}

static int begin_all(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

static int end_all(void **state)
{
    jv_crypto_fini();
    return 0;
}

static int begin(void **state)
{
    struct jv_bytes prologue = {prologue_text, sizeof prologue_text - 1};
    struct jv_key ephemeral;
    init_pair = pair_of(init_static_hex);
    resp_pair = pair_of(resp_static_hex);
    assert_hex(resp_pair.public_key.b, resp_public_hex, JV_KEY_BYTES);
    hex_bytes(psk_hex, psk.b, JV_KEY_BYTES);
    hex_bytes(init_ephemeral_hex, ephemeral.b, JV_KEY_BYTES);
    assert_int_equal(jv_noise_init(&initiator, JV_NOISE_INITIATOR, prologue, &init_pair,
                                   &resp_pair.public_key, &ephemeral),
                     JV_E_OK);
    hex_bytes(resp_ephemeral_hex, ephemeral.b, JV_KEY_BYTES);
    assert_int_equal(
        jv_noise_init(&responder, JV_NOISE_RESPONDER, prologue, &resp_pair, NULL, &ephemeral),
        JV_E_OK);
    hex_bytes(msg1_hex, msg1, sizeof msg1);
    hex_bytes(msg2_hex, msg2, sizeof msg2);
    memset(payload, 0x5a, sizeof payload);
    return 0;
}

static enum jv_err write1(uint8_t *out)
{
    return jv_noise_write1(&initiator, (const uint8_t *)payload1, PAYLOAD1_BYTES, out);
}

static enum jv_err write2(uint8_t *out)
{
    return jv_noise_write2(&responder, &psk, (const uint8_t *)payload2, PAYLOAD2_BYTES, out);
}

static void noise_agrees_with_the_published_handshake(void **state)
{
    uint8_t out[256];
    assert_int_equal(write1(out), JV_E_OK);
    assert_hex(out, msg1_hex, MSG1_BYTES);
    assert_int_equal(jv_noise_read1(&responder, out, MSG1_BYTES, payload), JV_E_OK);
    assert_memory_equal(payload, payload1, PAYLOAD1_BYTES);
    assert_memory_equal(jv_noise_peer(&responder)->b, init_pair.public_key.b, JV_KEY_BYTES);
    assert_int_equal(write2(out), JV_E_OK);
    assert_hex(out, msg2_hex, MSG2_BYTES);
    assert_int_equal(jv_noise_read2(&initiator, &psk, out, MSG2_BYTES, payload), JV_E_OK);
    assert_memory_equal(payload, payload2, PAYLOAD2_BYTES);
}

/* The transport messages of the vector open under the keys of both sides: so Split() is right too. */
static void noise_split_gives_the_published_keys(void **state)
{
    static const char *const sealed_hex[] = {
        "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7",
        "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"};
    static const char *const texts[] = {"F. A. Hayek", "Carl Menger"};
    uint8_t out[256], sealed[27], text[11], nonce[12] = {0};
    struct jv_noise_keys ours, theirs;
    assert_int_equal(write1(out), JV_E_OK);
    assert_int_equal(jv_noise_read1(&responder, out, MSG1_BYTES, payload), JV_E_OK);
    assert_int_equal(write2(out), JV_E_OK);
    assert_int_equal(jv_noise_read2(&initiator, &psk, out, MSG2_BYTES, payload), JV_E_OK);
    assert_int_equal(jv_noise_split(&initiator, &ours), JV_E_OK);
    assert_int_equal(jv_noise_split(&responder, &theirs), JV_E_OK);
    assert_memory_equal(&ours, &theirs, sizeof ours);
    assert_hex(ours.h, hash_hex, JV_HASH_BYTES);
    hex_bytes(sealed_hex[0], sealed, sizeof sealed);
    assert_int_equal(jv_chacha_open(&ours.to_responder, nonce, NULL, 0, sealed, 11, text), JV_E_OK);
    assert_memory_equal(text, texts[0], 11);
    hex_bytes(sealed_hex[1], sealed, sizeof sealed);
    assert_int_equal(jv_chacha_open(&ours.to_initiator, nonce, NULL, 0, sealed, 11, text), JV_E_OK);
    assert_memory_equal(text, texts[1], 11);
    assert_true(jv_is_zero(&initiator, sizeof initiator));
    assert_true(jv_is_zero(&responder, sizeof responder));
}

static void noise_payload_may_lie_in_its_place(void **state)
{
    uint8_t out[256];
    memcpy(out + JV_NOISE_PAYLOAD1_AT, payload1, PAYLOAD1_BYTES);
    assert_int_equal(jv_noise_write1(&initiator, out + JV_NOISE_PAYLOAD1_AT, PAYLOAD1_BYTES, out),
                     JV_E_OK);
    assert_memory_equal(out, msg1, MSG1_BYTES);
    assert_int_equal(jv_noise_read1(&responder, out, MSG1_BYTES, payload), JV_E_OK);
    memcpy(out + JV_NOISE_PAYLOAD2_AT, payload2, PAYLOAD2_BYTES);
    assert_int_equal(
        jv_noise_write2(&responder, &psk, out + JV_NOISE_PAYLOAD2_AT, PAYLOAD2_BYTES, out),
        JV_E_OK);
    assert_memory_equal(out, msg2, MSG2_BYTES);
}

static void noise_message1_refuses_each_changed_byte(void **state)
{
    struct jv_noise before = responder;
    for (size_t i = 0; i < MSG1_BYTES; i++) {
        msg1[i] ^= 0x10;
        assert_int_equal(jv_noise_read1(&responder, msg1, MSG1_BYTES, payload), JV_E_AUTH);
        assert_memory_equal(&responder, &before, sizeof before);
        assert_null(jv_noise_peer(&responder));
        msg1[i] ^= 0x10;
    }
    assert_int_equal(jv_noise_read1(&responder, msg1, MSG1_BYTES, payload), JV_E_OK);
}

static void noise_message2_refuses_each_changed_byte(void **state)
{
    uint8_t out[256];
    assert_int_equal(write1(out), JV_E_OK);
    struct jv_noise before = initiator;
    for (size_t i = 0; i < MSG2_BYTES; i++) {
        msg2[i] ^= 0x10;
        assert_int_equal(jv_noise_read2(&initiator, &psk, msg2, MSG2_BYTES, payload), JV_E_AUTH);
        assert_memory_equal(&initiator, &before, sizeof before);
        msg2[i] ^= 0x10;
    }
    assert_int_equal(jv_noise_read2(&initiator, &psk, msg2, MSG2_BYTES, payload), JV_E_OK);
}

static void noise_message2_can_be_tried_under_a_second_psk(void **state)
{
    uint8_t out[256];
    struct jv_key previous = {{1, 2, 3}};
    assert_int_equal(write1(out), JV_E_OK);
    assert_int_equal(jv_noise_read2(&initiator, &previous, msg2, MSG2_BYTES, payload), JV_E_AUTH);
    assert_true(jv_is_zero(payload, PAYLOAD2_BYTES));
    assert_int_equal(jv_noise_read2(&initiator, &psk, msg2, MSG2_BYTES, payload), JV_E_OK);
    assert_memory_equal(payload, payload2, PAYLOAD2_BYTES);
}

static void noise_prologue_is_bound(void **state)
{
    struct jv_noise other;
    struct jv_bytes prologue = {"John Galx", 9};
    assert_int_equal(jv_noise_init(&other, JV_NOISE_RESPONDER, prologue, &resp_pair, NULL, &psk),
                     JV_E_OK);
    assert_int_equal(jv_noise_read1(&other, msg1, MSG1_BYTES, payload), JV_E_AUTH);
}

static void noise_refuses_keys_of_low_order(void **state)
{
    memset(msg1, 0, JV_KEY_BYTES);
    assert_int_equal(jv_noise_read1(&responder, msg1, MSG1_BYTES, payload), JV_E_CRYPTO);
    uint8_t out[256];
    assert_int_equal(write1(out), JV_E_OK);
    memset(msg2, 0, JV_KEY_BYTES);
    assert_int_equal(jv_noise_read2(&initiator, &psk, msg2, MSG2_BYTES, payload), JV_E_CRYPTO);
    struct jv_key zero = {{0}};
    struct jv_bytes prologue = {NULL, 0};
    struct jv_noise lost;
    assert_int_equal(jv_noise_init(&lost, JV_NOISE_INITIATOR, prologue, &init_pair, &zero, &psk),
                     JV_E_OK);
    memset(out, 0x33, sizeof out);
    assert_int_equal(jv_noise_write1(&lost, (const uint8_t *)"x", 1, out), JV_E_CRYPTO);
    assert_int_equal(out[0], 0x33);
}

static void noise_refuses_wrong_lengths(void **state)
{
    static uint8_t big[JV_NOISE_MSG_MAX + 1];
    uint8_t out[256];
    assert_int_equal(jv_noise_read1(&responder, msg1, JV_NOISE_MSG1_OVERHEAD - 1, payload),
                     JV_E_SHORT);
    assert_int_equal(jv_noise_read1(&responder, big, sizeof big, payload), JV_E_RANGE);
    assert_int_equal(jv_noise_write1(&initiator, big, JV_NOISE_MSG_MAX - 95, big), JV_E_RANGE);
    assert_int_equal(jv_noise_read1(&responder, msg1, MSG1_BYTES - 1, payload), JV_E_AUTH);
    assert_int_equal(write1(out), JV_E_OK);
    assert_int_equal(jv_noise_read2(&initiator, &psk, msg2, JV_NOISE_MSG2_OVERHEAD - 1, payload),
                     JV_E_SHORT);
}

static void noise_steps_have_one_order(void **state)
{
    uint8_t out[256];
    struct jv_noise_keys keys;
    assert_int_equal(write2(out), JV_E_STATE);
    assert_int_equal(jv_noise_read2(&initiator, &psk, msg2, MSG2_BYTES, payload), JV_E_STATE);
    assert_int_equal(jv_noise_read1(&initiator, msg1, MSG1_BYTES, payload), JV_E_STATE);
    assert_int_equal(jv_noise_write1(&responder, payload, 1, out), JV_E_STATE);
    assert_int_equal(jv_noise_split(&initiator, &keys), JV_E_STATE);
    assert_int_equal(write1(out), JV_E_OK);
    assert_int_equal(write1(out), JV_E_STATE);
    assert_int_equal(jv_noise_split(&initiator, &keys), JV_E_STATE);
    assert_int_equal(jv_noise_read1(&responder, out, MSG1_BYTES, payload), JV_E_OK);
    assert_int_equal(jv_noise_read1(&responder, out, MSG1_BYTES, payload), JV_E_STATE);
    assert_int_equal(write2(out), JV_E_OK);
    assert_int_equal(write2(out), JV_E_STATE);
    assert_int_equal(jv_noise_split(&responder, &keys), JV_E_OK);
    assert_int_equal(jv_noise_split(&responder, &keys), JV_E_STATE);
}

static void noise_finished_handshake_keeps_no_private_key(void **state)
{
    uint8_t out[256];
    assert_int_equal(jv_noise_read1(&responder, msg1, MSG1_BYTES, payload), JV_E_OK);
    assert_int_equal(write2(out), JV_E_OK);
    assert_true(jv_is_zero(&responder.own_static, sizeof responder.own_static));
    assert_true(jv_is_zero(&responder.own_ephemeral, sizeof responder.own_ephemeral));
    assert_non_null(jv_noise_peer(&responder));
    jv_noise_wipe(&initiator);
    assert_true(jv_is_zero(&initiator, sizeof initiator));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(noise_agrees_with_the_published_handshake, begin),
        cmocka_unit_test_setup(noise_split_gives_the_published_keys, begin),
        cmocka_unit_test_setup(noise_payload_may_lie_in_its_place, begin),
        cmocka_unit_test_setup(noise_message1_refuses_each_changed_byte, begin),
        cmocka_unit_test_setup(noise_message2_refuses_each_changed_byte, begin),
        cmocka_unit_test_setup(noise_message2_can_be_tried_under_a_second_psk, begin),
        cmocka_unit_test_setup(noise_prologue_is_bound, begin),
        cmocka_unit_test_setup(noise_refuses_keys_of_low_order, begin),
        cmocka_unit_test_setup(noise_refuses_wrong_lengths, begin),
        cmocka_unit_test_setup(noise_steps_have_one_order, begin),
        cmocka_unit_test_setup(noise_finished_handshake_keeps_no_private_key, begin),
    };
    return cmocka_run_group_tests_name("noise", tests, begin_all, end_all);
}
