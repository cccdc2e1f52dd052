/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sodium/crypto_scalarmult.h>

#include "aead.h"
#include "crypto.h"
#include "hex.h"
#include "prng.h"

static struct jv_key key_of(const char *text)
{
    struct jv_key key;
    hex_bytes(text, key.b, sizeof key.b);
    return key;
}

/* 00 01 02 ... 1f: the key of the published BLAKE2 answers. */
static struct jv_key counting_key(void)
{
    struct jv_key key;
    for (uint8_t i = 0; i < JV_KEY_BYTES; i++) {
        key.b[i] = i;
    }
    return key;
}

static int begin(void **state)
{
    return jv_crypto_init() == JV_E_OK && jv_crypto_init() == JV_E_OK ? 0 : -1;
}

static int end(void **state)
{
    jv_crypto_fini();
    return 0;
}

static void crypto_can_begin_again_after_its_end(void **state)
{
    uint8_t out[JV_HASH_BYTES];
    jv_crypto_fini();
    assert_int_equal(jv_crypto_init(), JV_E_OK);
    jv_hash(NULL, 0, out);
    assert_hex(out, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9", sizeof out);
}

static void crypto_dh_agrees_with_rfc7748(void **state)
{
    struct jv_key scalar =
        key_of("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    struct jv_key u = key_of("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    struct jv_key out;
    assert_int_equal(jv_dh(&scalar, &u, &out), JV_E_OK);
    assert_hex(out.b, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", 32);
    struct jv_key bob = key_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    struct jv_key alice_public =
        key_of("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert_int_equal(jv_dh_public(&bob, &out), JV_E_OK);
    assert_hex(out.b, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", 32);
    assert_int_equal(jv_dh(&bob, &alice_public, &out), JV_E_OK);
    assert_hex(out.b, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", 32);
}

static void crypto_dh_agrees_with_libsodium(void **state)
{
    struct jv_prng prng = {7748};
    for (int round = 0; round < 20; round++) {
        struct jv_key own, peer, ours, theirs;
        for (size_t i = 0; i < JV_KEY_BYTES; i++) {
            own.b[i] = (uint8_t)jv_prng_next(&prng);
            peer.b[i] = (uint8_t)jv_prng_next(&prng);
        }
        assert_int_equal(jv_dh(&own, &peer, &ours), JV_E_OK);
        assert_int_equal(crypto_scalarmult(theirs.b, own.b, peer.b), 0);
        assert_memory_equal(ours.b, theirs.b, JV_KEY_BYTES);
        assert_int_equal(jv_dh_public(&own, &ours), JV_E_OK);
        assert_int_equal(crypto_scalarmult_base(theirs.b, own.b), 0);
        assert_memory_equal(ours.b, theirs.b, JV_KEY_BYTES);
    }
}

static void crypto_dh_refuses_points_of_low_order(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct jv_key own = counting_key();
    for (size_t i = 0; i < JV_ARRAY_LEN(points); i++) {
        struct jv_key point = key_of(points[i]);
        struct jv_key out = own;
        assert_int_equal(jv_dh(&own, &point, &out), JV_E_CRYPTO);
        assert_memory_equal(out.b, own.b, sizeof out.b);
    }
}

static void crypto_hash_agrees_with_rfc7693(void **state)
{
    uint8_t out[JV_HASH_BYTES];
    struct jv_bytes whole = {"abc", 3};
    struct jv_bytes parts[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    jv_hash(&whole, 1, out);
    assert_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", sizeof out);
    memset(out, 0, sizeof out);
    jv_hash(parts, JV_ARRAY_LEN(parts), out);
    assert_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", sizeof out);
}

static void crypto_sha256_agrees_with_fips180(void **state)
{
    uint8_t out[32];
    struct jv_bytes parts[] = {{"ab", 2}, {"c", 1}};
    jv_sha256(parts, JV_ARRAY_LEN(parts), out);
    assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 32);
}

/* The answers of the next four tests are those of Python's hashlib and hmac. */
static void crypto_hmac_is_rfc2104_over_blake2s(void **state)
{
    struct jv_key key = counting_key();
    uint8_t out[JV_HASH_BYTES], long_key[100];
    struct jv_bytes parts[] = {{"a", 1}, {"bc", 2}};
    jv_hmac(key.b, sizeof key.b, parts, JV_ARRAY_LEN(parts), out);
    assert_hex(out, "82623be5bc0a391b24dce53e67d028eff92d586de0485ac37822e597d049c74f", sizeof out);
    memset(long_key, 'x', sizeof long_key);
    jv_hmac(long_key, sizeof long_key, NULL, 0, out);
    assert_hex(out, "16226df099f92343bb45bd877d483c8a36c6bb322ae0f2b05798f187138cca84", sizeof out);
}

static void crypto_hkdf_chains_two_or_three_outputs(void **state)
{
    struct jv_key ck = counting_key(), one, two, three;
    uint8_t ikm[32];
    for (uint8_t i = 0; i < 32; i++) {
        ikm[i] = (uint8_t)(32 + i);
    }
    jv_hkdf(&ck, ikm, sizeof ikm, &one, &two, &three);
    assert_hex(one.b, "6a96444e20e8d4c1cee974416acae1c10b3c92886010e54ed94dafb2c3b80ea0", 32);
    assert_hex(two.b, "57af120b0de7acbe7907ec149c5ae870a2dbb74232b65777ba4123f1f7f888f5", 32);
    assert_hex(three.b, "0926c7caabb6e8d73beda759e6f4f0d324ce5b5000bcf8cd784b26db3049faa9", 32);
    jv_hkdf(&ck, NULL, 0, &ck, &two, NULL); /* the chaining key may be the first output */
    assert_hex(ck.b, "7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624", 32);
    assert_hex(two.b, "1a17621f346abdc520746a9fb64d8eb03231d674fc15687537b0780fd9c060fd", 32);
}

static void crypto_mac_is_blake2s_of_sixteen_bytes(void **state)
{
    struct jv_key key = counting_key();
    uint8_t out[JV_MAC_BYTES];
    struct jv_bytes parts[] = {{"ab", 2}, {"c", 1}};
    jv_mac(key.b, sizeof key.b, parts, JV_ARRAY_LEN(parts), out);
    assert_hex(out, "61ba5f165c194692e09d12520cc4c74a", sizeof out);
    jv_mac((const uint8_t *)"k", 1, parts, JV_ARRAY_LEN(parts), out);
    assert_hex(out, "f335237426ff5582d0c607ef240684b5", sizeof out);
}

static void crypto_kdf_is_blake2s_over_label_and_context(void **state)
{
    struct jv_key key = counting_key(), out;
    struct jv_bytes context[] = {{"con", 3}, {"text", 4}};
    jv_kdf(&key, "label", context, JV_ARRAY_LEN(context), &out);
    assert_hex(out.b, "1841808cd515231f1e8eae8e86a22b187da92dc1cff98a318924b63dfdc41310", 32);
    /* An empty label is one zero byte: the second answer of the published keyed BLAKE2s list. */
    jv_kdf(&key, "", NULL, 0, &key);
    assert_hex(key.b, "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1", 32);
}

static void crypto_contexts_remember_nothing(void **state)
{
    struct jv_key a = counting_key(), b = {{1}}, first, other, again;
    jv_kdf(&a, "x", NULL, 0, &first);
    jv_kdf(&b, "a longer label that differs much", NULL, 0, &other);
    jv_kdf(&a, "x", NULL, 0, &again);
    assert_memory_equal(first.b, again.b, sizeof first.b);
    assert_memory_not_equal(first.b, other.b, sizeof first.b);
}

static void crypto_siphash_agrees_with_its_paper(void **state)
{
    struct jv_key bytes = counting_key();
    assert_true(jv_siphash(bytes.b, bytes.b, 15) == 0xa129ca6149be45e5ULL);
    bytes.b[0] = 1;
    assert_false(jv_siphash(bytes.b, bytes.b, 15) == 0xa129ca6149be45e5ULL);
}

static void crypto_compare_and_wipe_see_every_byte(void **state)
{
    for (size_t i = 0; i < JV_KEY_BYTES; i++) {
        struct jv_key a = {{0}}, b = {{0}};
        assert_true(jv_equal(a.b, b.b, JV_KEY_BYTES));
        assert_true(jv_is_zero(a.b, JV_KEY_BYTES));
        b.b[i] = 0x80;
        assert_false(jv_equal(a.b, b.b, JV_KEY_BYTES));
        assert_false(jv_is_zero(b.b, JV_KEY_BYTES));
        jv_wipe(b.b + i, 1);
        assert_true(jv_is_zero(b.b, JV_KEY_BYTES));
    }
}

static void crypto_key_text_is_canonical_base64(void **state)
{
    static const struct {
        uint8_t fill;
        const char *text;
    } cases[] = {
        {0xfb, "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s="},
        {0xff, "//////////////////////////////////////////8="},
        {0x00, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    };
    struct jv_key key = counting_key(), parsed;
    char text[JV_KEY_TEXT_BYTES];
    jv_key_format(&key, text);
    assert_string_equal(text, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        memset(key.b, cases[i].fill, sizeof key.b);
        jv_key_format(&key, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(jv_key_parse(text, strlen(text), &parsed), JV_E_OK);
        assert_memory_equal(parsed.b, key.b, sizeof key.b);
    }
}

static void crypto_key_parse_refuses_every_other_spelling(void **state)
{
    static const char good[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    struct jv_key key = {{9}}, before = key;
    char text[sizeof good];
    assert_int_equal(jv_key_parse(good, sizeof good, &key), JV_E_SYNTAX);
    assert_int_equal(jv_key_parse(good, sizeof good - 2, &key), JV_E_SYNTAX);
    assert_int_equal(jv_key_parse(good, 0, &key), JV_E_SYNTAX);
    for (size_t at = 0; at < 43; at++) {
        for (int c = 0; c < 256; c++) {
            memcpy(text, good, sizeof text);
            text[at] = (char)c;
            bool is_base64 = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                             (c >= '0' && c <= '9') || c == '+' || c == '/';
            bool is_last = at == 42; /* its two low bits must be zero */
            bool is_good = is_base64 && (!is_last || strchr("AEIMQUYcgkosw048", c) != NULL);
            struct jv_key out;
            assert_int_equal(jv_key_parse(text, 44, &out), is_good ? JV_E_OK : JV_E_SYNTAX);
        }
    }
    memcpy(text, good, sizeof text);
    text[43] = 'A';
    assert_int_equal(jv_key_parse(text, 44, &key), JV_E_SYNTAX);
    assert_memory_equal(key.b, before.b, sizeof key.b);
}

#define ROUNDS 2000U

/* One pass over every context that a thread has: hash, MAC, HMAC, KDF, and an AEAD of both kinds of use. */
static void run_all(uint8_t seed, uint8_t out[JV_HASH_BYTES])
{
    struct jv_key key = counting_key();
    uint8_t text[48] = {seed};
    const uint8_t nonce[12] = {seed};
    struct jv_aead tx = {0};
    struct jv_aead_op op = {text, 8, nonce, sizeof nonce, seed, false};
    struct jv_bytes all = {text, sizeof text};
    enum jv_err err = jv_aead_set(&tx, JV_SUITE_CHACHA20_POLY1305, &key, true);
    JV_ASSERT(err == JV_E_OK);
    jv_aead_run(&tx, &op, 1);
    jv_aead_fini(&tx);
    jv_chacha_seal(&key, nonce, NULL, 0, text, 24, text);
    err = jv_chacha_open(&key, nonce, NULL, 0, text, 24, text);
    JV_ASSERT(err == JV_E_OK);
    jv_hash(&all, 1, text);
    jv_hmac(key.b, sizeof key.b, &all, 1, text);
    jv_mac(key.b, sizeof key.b, &all, 1, text);
    jv_kdf(&key, "threads", &all, 1, &key);
    memcpy(out, key.b, JV_HASH_BYTES);
}

struct worker {
    pthread_t thread;
    uint8_t seed;
    uint8_t expected[JV_HASH_BYTES];
    uint32_t wrong;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    enum jv_err err = jv_crypto_thread_init();
    JV_ASSERT(err == JV_E_OK);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint8_t out[JV_HASH_BYTES];
        run_all(worker->seed, out);
        worker->wrong += memcmp(out, worker->expected, sizeof out) != 0;
    }
    jv_crypto_thread_fini();
    return NULL;
}

static void crypto_threads_work_apart(void **state)
{
    struct worker workers[4] = {0};
    for (uint8_t i = 0; i < JV_ARRAY_LEN(workers); i++) {
        workers[i].seed = i;
        run_all(i, workers[i].expected);
    }
    for (uint8_t i = 0; i < JV_ARRAY_LEN(workers); i++) {
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (uint8_t i = 0; i < JV_ARRAY_LEN(workers); i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
}

static void crypto_threads_work_apart_under_ipsecmb(void **state)
{
    if (jv_aead_choose(JV_AEAD_IPSECMB) != JV_E_OK) {
        skip();
    }
    crypto_threads_work_apart(state);
    assert_int_equal(jv_aead_choose(JV_AEAD_LIBCRYPTO), JV_E_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crypto_can_begin_again_after_its_end),
        cmocka_unit_test(crypto_dh_agrees_with_rfc7748),
        cmocka_unit_test(crypto_dh_agrees_with_libsodium),
        cmocka_unit_test(crypto_dh_refuses_points_of_low_order),
        cmocka_unit_test(crypto_hash_agrees_with_rfc7693),
        cmocka_unit_test(crypto_sha256_agrees_with_fips180),
        cmocka_unit_test(crypto_hmac_is_rfc2104_over_blake2s),
        cmocka_unit_test(crypto_hkdf_chains_two_or_three_outputs),
        cmocka_unit_test(crypto_mac_is_blake2s_of_sixteen_bytes),
        cmocka_unit_test(crypto_kdf_is_blake2s_over_label_and_context),
        cmocka_unit_test(crypto_contexts_remember_nothing),
        cmocka_unit_test(crypto_threads_work_apart),
        cmocka_unit_test(crypto_threads_work_apart_under_ipsecmb),
        cmocka_unit_test(crypto_siphash_agrees_with_its_paper),
        cmocka_unit_test(crypto_compare_and_wipe_see_every_byte),
        cmocka_unit_test(crypto_key_text_is_canonical_base64),
        cmocka_unit_test(crypto_key_parse_refuses_every_other_spelling),
    };
    return cmocka_run_group_tests_name("crypto", tests, begin, end);
}
