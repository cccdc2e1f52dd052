/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sodium/crypto_aead_chacha20poly1305.h>

#include "aead.h"
#include "aead_openssl.h"
#include "aead_provider.h"
#include "hex.h"

static const enum jv_suite suites[] = {JV_SUITE_CHACHA20_POLY1305, JV_SUITE_AES_256_GCM};

static struct jv_aead sealer, opener;

static int begin(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

static int end(void **state)
{
    jv_aead_fini(&sealer);
    jv_aead_fini(&opener);
    jv_crypto_fini();
    return 0;
}

static void set_both(enum jv_suite suite, uint8_t first_byte)
{
    struct jv_key key = {{first_byte, 2, 3}};
    assert_int_equal(jv_aead_set(&sealer, suite, &key, true), JV_E_OK);
    assert_int_equal(jv_aead_set(&opener, suite, &key, false), JV_E_OK);
}

static void aead_chacha_agrees_with_rfc8439(void **state)
{
    static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                               "only one tip for the future, sunscreen would be it.";
    struct jv_key key;
    uint8_t nonce[12], ad[12], out[sizeof text - 1 + JV_TAG_BYTES];
    hex_bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key.b, 32);
    hex_bytes("070000004041424344454647", nonce, sizeof nonce);
    hex_bytes("50515253c0c1c2c3c4c5c6c7", ad, sizeof ad);
    jv_chacha_seal(&key, nonce, ad, sizeof ad, (const uint8_t *)text, sizeof text - 1, out);
    assert_hex(out, "d31a8d34648e60db7b86afbc53ef7ec2", 16);
    assert_hex(out + sizeof text - 1, "1ae10b594f09e26a7e902ecbd0600691", JV_TAG_BYTES);
    assert_int_equal(jv_chacha_open(&key, nonce, ad, sizeof ad, out, sizeof text - 1, out),
                     JV_E_OK);
    assert_memory_equal(out, text, sizeof text - 1);
}

static void aead_gcm_agrees_with_the_answers_of_its_authors(void **state)
{
    /* Test cases 13 and 14 of McGrew and Viega: everything zero. The counter zero is the zero nonce. */
    struct jv_key key = {{0}};
    uint8_t text[16 + JV_TAG_BYTES] = {0};
    struct jv_aead_op op = {.text = text, .len = 0};
    assert_int_equal(jv_aead_set(&sealer, JV_SUITE_AES_256_GCM, &key, true), JV_E_OK);
    jv_aead_run(&sealer, &op, 1);
    assert_hex(text, "530f8afbc74536b9a963b4f1c4cb738b", JV_TAG_BYTES);
    memset(text, 0, sizeof text);
    op.len = 16;
    jv_aead_run(&sealer, &op, 1);
    assert_hex(text, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919", 32);
}

static void aead_nonce_is_the_counter_at_the_end(void **state)
{
    struct jv_key key = {{5}};
    uint8_t nonce[12] = {0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc};
    uint8_t text[4 + JV_TAG_BYTES] = "text", expected[4 + JV_TAG_BYTES];
    uint8_t ad[3] = {1, 2, 3};
    struct jv_aead_op op = {text, 4, ad, sizeof ad, 0x123456789abcULL, false};
    assert_int_equal(crypto_aead_chacha20poly1305_ietf_encrypt(expected, NULL, text, 4, ad,
                                                               sizeof ad, NULL, nonce, key.b),
                     0);
    assert_int_equal(jv_aead_set(&sealer, JV_SUITE_CHACHA20_POLY1305, &key, true), JV_E_OK);
    jv_aead_run(&sealer, &op, 1);
    assert_true(op.ok);
    assert_memory_equal(text, expected, sizeof text);
}

static void aead_batch_opens_to_what_was_sealed(void **state)
{
    for (size_t s = 0; s < JV_ARRAY_LEN(suites); s++) {
        uint8_t text[3][64 + JV_TAG_BYTES] = {{0}};
        struct jv_aead_op ops[3];
        set_both(suites[s], 1);
        for (uint8_t i = 0; i < 3; i++) {
            memset(text[i], 'a' + i, 64);
            ops[i] = (struct jv_aead_op){text[i], 32U * i, (const uint8_t *)"ad", i, i, false};
        }
        jv_aead_run(&sealer, ops, 3);
        assert_true(ops[0].ok && ops[1].ok && ops[2].ok);
        assert_int_not_equal(text[2][0], 'c');
        text[1][0] ^= 1;
        jv_aead_run(&opener, ops, 3);
        assert_true(ops[0].ok && !ops[1].ok && ops[2].ok);
        assert_int_equal(text[2][0], 'c');
        assert_int_equal(text[2][63], 'c');
    }
}

static void aead_refuses_each_change(void **state)
{
    for (size_t s = 0; s < JV_ARRAY_LEN(suites); s++) {
        set_both(suites[s], 1);
        /* Change each byte of text, tag and associated data in turn, then the counter. */
        for (size_t at = 0; at <= 8 + JV_TAG_BYTES + 4; at++) {
            uint8_t text[8 + JV_TAG_BYTES] = "plain 8", ad[4] = {1, 2, 3, 4};
            struct jv_aead_op op = {text, 8, ad, sizeof ad, 7, false};
            jv_aead_run(&sealer, &op, 1);
            if (at < sizeof text) {
                text[at] ^= 0x40;
            } else if (at < sizeof text + sizeof ad) {
                ad[at - sizeof text] ^= 1;
            } else {
                op.counter++;
            }
            jv_aead_run(&opener, &op, 1);
            assert_false(op.ok);
            assert_true(jv_is_zero(text, 8)); /* what a forgery decrypts to is not left behind */
        }
    }
}

static void aead_rekeys_and_changes_suite_in_place(void **state)
{
    for (uint8_t round = 0; round < 6; round++) {
        enum jv_suite suite = suites[round / 2 % 2];
        uint8_t text[5 + JV_TAG_BYTES] = "hello";
        struct jv_aead_op op = {text, 5, NULL, 0, 1, false};
        set_both(suite, round);
        jv_aead_run(&sealer, &op, 1);
        struct jv_key other = {{99}};
        assert_int_equal(jv_aead_set(&opener, suite, &other, false), JV_E_OK);
        uint8_t copy[sizeof text];
        memcpy(copy, text, sizeof copy);
        jv_aead_run(&opener, &op, 1);
        assert_false(op.ok);
        set_both(suite, round);
        op.text = copy;
        jv_aead_run(&opener, &op, 1);
        assert_true(op.ok);
        assert_memory_equal(copy, "hello", 5);
    }
}

static void aead_wiped_context_can_be_set_again(void **state)
{
    uint8_t text[1 + JV_TAG_BYTES] = "x";
    struct jv_aead_op op = {text, 1, NULL, 0, 1, false};
    set_both(JV_SUITE_CHACHA20_POLY1305, 1);
    void *ctx = sealer.ctx;
    jv_aead_wipe(&sealer);
    assert_false(sealer.set);
    jv_aead_wipe(&sealer);
    set_both(JV_SUITE_CHACHA20_POLY1305, 1);
    assert_ptr_equal(sealer.ctx, ctx);
    jv_aead_run(&sealer, &op, 1);
    jv_aead_run(&opener, &op, 1);
    assert_true(op.ok);
    jv_aead_fini(&sealer);
    assert_null(sealer.ctx);
}

static void aead_refuses_unknown_suites(void **state)
{
    struct jv_aead aead = {0};
    struct jv_key key = {{0}};
    assert_int_equal(jv_aead_set(&aead, JV_SUITE_NONE, &key, true), JV_E_UNSUPPORTED);
    assert_int_equal(jv_aead_set(&aead, (enum jv_suite)77, &key, true), JV_E_UNSUPPORTED);
    assert_null(aead.ctx);
}

static void aead_failed_open_gives_nothing(void **state)
{
    struct jv_key key = {{1}};
    uint8_t nonce[12] = {0}, sealed[6 + JV_TAG_BYTES], out[6];
    jv_chacha_seal(&key, nonce, "ad", 2, (const uint8_t *)"secret", 6, sealed);
    memset(out, 0x77, sizeof out);
    assert_int_equal(jv_chacha_open(&key, nonce, "aD", 2, sealed, 6, out), JV_E_AUTH);
    assert_true(jv_is_zero(out, sizeof out));
    assert_int_equal(jv_chacha_open(&key, nonce, "ad", 2, sealed, 6, out), JV_E_OK);
    assert_memory_equal(out, "secret", 6);
    jv_chacha_seal(&key, nonce, NULL, 0, NULL, 0, sealed);
    assert_int_equal(jv_chacha_open(&key, nonce, NULL, 0, sealed, 0, out), JV_E_OK);
    sealed[15] ^= 1;
    assert_int_equal(jv_chacha_open(&key, nonce, NULL, 0, sealed, 0, out), JV_E_AUTH);
}

/* The libraries decrypt before they know. */
static void aead_failed_open_in_place_leaves_zeroes(void **state)
{
    const struct jv_key key = {{1}};
    for (size_t i = 0; i < JV_ARRAY_LEN(suites); i++) {
        struct jv_aead tx = {0}, rx = {0};
        uint8_t text[6 + JV_TAG_BYTES] = "secret";
        uint8_t ad[2] = "ad";
        struct jv_aead_op op = {text, 6, ad, sizeof ad, 7, false};
        assert_int_equal(jv_aead_set(&tx, suites[i], &key, true), JV_E_OK);
        assert_int_equal(jv_aead_set(&rx, suites[i], &key, false), JV_E_OK);
        jv_aead_run(&tx, &op, 1);
        text[6] ^= 1;
        jv_aead_run(&rx, &op, 1);
        assert_false(op.ok);
        assert_true(jv_is_zero(text, 6));
        jv_aead_fini(&tx);
        jv_aead_fini(&rx);
    }
}

/* The same under ipsec-mb, which is not everywhere. */
#define BY_IPSECMB(test)                                                                           \
    static void test##_by_ipsecmb(void **state)                                                    \
    {                                                                                              \
        if (jv_aead_choose(JV_AEAD_IPSECMB) != JV_E_OK) {                                          \
            skip();                                                                                \
        }                                                                                          \
        test(state);                                                                               \
        assert_string_equal(jv_aead_facts().name, "ipsec-mb");                                     \
    }
BY_IPSECMB(aead_gcm_agrees_with_the_answers_of_its_authors)
BY_IPSECMB(aead_nonce_is_the_counter_at_the_end)
BY_IPSECMB(aead_batch_opens_to_what_was_sealed)
BY_IPSECMB(aead_refuses_each_change)
BY_IPSECMB(aead_rekeys_and_changes_suite_in_place)
BY_IPSECMB(aead_wiped_context_can_be_set_again)
BY_IPSECMB(aead_failed_open_in_place_leaves_zeroes)

static int back_to_libcrypto(void **state)
{
    (void)state;
    return jv_aead_choose(JV_AEAD_LIBCRYPTO) == JV_E_OK ? 0 : -1;
}

static void aead_gives_the_library_that_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(jv_aead_choose(JV_AEAD_LIBCRYPTO), JV_E_OK);
    assert_string_equal(jv_aead_facts().name, "libcrypto");
    assert_true(strlen(jv_aead_facts().version) > 0);
    assert_string_equal(jv_aead_why_not(), "");
    enum jv_err err = jv_aead_choose(JV_AEAD_IPSECMB);
    bool is_there = err == JV_E_OK;
    assert_true(is_there || err == JV_E_UNSUPPORTED);
    /* Either there is another library, or a reason why not. */
    assert_string_equal(jv_aead_facts().name, is_there ? "ipsec-mb" : "libcrypto");
    assert_int_equal(strlen(jv_aead_why_not()) == 0, is_there);
    assert_int_equal(jv_aead_choose(JV_AEAD_AUTO), JV_E_OK);
    assert_string_equal(jv_aead_facts().name, is_there ? "ipsec-mb" : "libcrypto");
    assert_int_equal(strlen(jv_aead_why_not()) == 0, is_there);
}

/* A context that is set goes on with its library while the process chooses another one. */
static void aead_libraries_open_what_the_other_has_sealed(void **state)
{
    (void)state;
    for (size_t i = 0; i < JV_ARRAY_LEN(suites); i++) {
        struct jv_key key = {{3, 2, 1}};
        uint8_t text[100 + JV_TAG_BYTES] = "one text", ad[16] = "header";
        struct jv_aead_op op = {text, 100, ad, sizeof ad, 0xabcdef012345ULL, false};
        assert_int_equal(jv_aead_choose(JV_AEAD_LIBCRYPTO), JV_E_OK);
        assert_int_equal(jv_aead_set(&sealer, suites[i], &key, true), JV_E_OK);
        assert_int_equal(jv_aead_choose(JV_AEAD_AUTO), JV_E_OK);
        assert_int_equal(jv_aead_set(&opener, suites[i], &key, false), JV_E_OK);
        jv_aead_run(&sealer, &op, 1);
        jv_aead_run(&opener, &op, 1);
        assert_true(op.ok);
        assert_string_equal((const char *)text, "one text");
    }
}

/* 130 packets: two whole chunks and a rest. */
static void aead_takes_more_packets_than_a_chunk(void **state)
{
    (void)state;
    enum { MANY = 2 * JV_AEAD_CHUNK + 2 };
    static uint8_t text[MANY][8 + JV_TAG_BYTES];
    static struct jv_aead_op ops[MANY];
    set_both(JV_SUITE_AES_256_GCM, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        memset(text[i], (int)i, 8);
        ops[i] = (struct jv_aead_op){text[i], 8, NULL, 0, i, false};
    }
    jv_aead_run(&sealer, ops, MANY);
    text[MANY - 1][0] ^= 1;
    jv_aead_run(&opener, ops, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(ops[i].ok, i != MANY - 1);
        assert_int_equal(text[i][7], i == MANY - 1 ? 0 : (uint8_t)i);
    }
}

static void aead_ipsecmb_forgets_its_keys(void **state)
{
    (void)state;
    if (jv_aead_choose(JV_AEAD_IPSECMB) != JV_E_OK) {
        skip();
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(suites); i++) {
        uint8_t text[40 + JV_TAG_BYTES] = {0};
        struct jv_aead_op op = {text, 40, NULL, 0, 1, false};
        set_both(suites[i], 1);
        jv_aead_run(&sealer, &op, 1);
        jv_aead_run(&opener, &op, 1);
        /* Key schedule, powers of the hash key, scratch, key and tag, as they lie in the context. */
        enum { CONTEXT = 1024 + 128 + JV_KEY_BYTES + JV_TAG_BYTES };
        assert_false(jv_is_zero(sealer.ctx, CONTEXT));
        assert_false(jv_is_zero(opener.ctx, CONTEXT));
        jv_aead_wipe(&sealer);
        jv_aead_wipe(&opener);
        assert_true(jv_is_zero(sealer.ctx, CONTEXT));
        assert_true(jv_is_zero(opener.ctx, CONTEXT));
    }
}

/* A library with one fault. */
static enum fault {
    FAULT_NONE,
    FAULT_KEY,
    FAULT_SEAL,
    FAULT_BYTE,
    FAULT_LONG,
    FAULT_OPEN,
    FAULT_TEXT,
    FAULT_TAG
} fault;

static enum jv_err bad_set(void **ctx, enum jv_suite old, enum jv_suite suite,
                           const struct jv_key *key, bool sealing)
{
    return fault == FAULT_KEY ? JV_E_CRYPTO
                              : jv_openssl_provider()->set(ctx, old, suite, key, sealing);
}

static void bad_seal(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                     const struct jv_nonce *nonces, size_t n)
{
    jv_openssl_provider()->seal(ctx, suite, ops, nonces, n);
    for (size_t i = 0; i < n; i++) {
        ops[i].ok = ops[i].ok && fault != FAULT_SEAL;
        ops[i].text[0] ^= fault == FAULT_BYTE ? 1 : 0;
        ops[i].text[ops[i].len] ^= fault == FAULT_LONG && ops[i].len > 1450 ? 1 : 0;
    }
}

static void bad_open(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                     const struct jv_nonce *nonces, size_t n)
{
    jv_openssl_provider()->open(ctx, suite, ops, nonces, n);
    for (size_t i = 0; i < n; i++) {
        ops[i].ok = (ops[i].ok && fault != FAULT_OPEN) || fault == FAULT_TAG;
        if (fault == FAULT_TEXT && ops[i].len > 1450) {
            ops[i].text[ops[i].len - 1] ^= 1;
        }
    }
}

static void aead_selftest_finds_each_fault(void **state)
{
    (void)state;
    static const char *const expected[] = {
        [FAULT_KEY] = "it takes no key",
        [FAULT_SEAL] = "it does not seal a known text to the known answer",
        [FAULT_BYTE] = "it does not seal a known text to the known answer",
        [FAULT_LONG] = "it does not seal a packet as libcrypto does",
        [FAULT_OPEN] = "it does not open a known answer",
        [FAULT_TEXT] = "it does not open what it has sealed",
        [FAULT_TAG] = "it opens a packet with a false tag",
    };
    struct jv_aead_provider bad = *jv_openssl_provider();
    bad.set = bad_set;
    bad.seal = bad_seal;
    bad.open = bad_open;
    fault = FAULT_NONE;
    assert_null(jv_aead_selftest(&bad, NULL));
    assert_null(jv_aead_selftest(&bad, jv_openssl_provider()));
    for (fault = FAULT_KEY; fault <= FAULT_TAG; fault++) {
        const char *why = jv_aead_selftest(&bad, jv_openssl_provider());
        assert_non_null(why);
        assert_string_equal(why, expected[fault]);
    }
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test(test), cmocka_unit_test_teardown(test##_by_ipsecmb, back_to_libcrypto)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aead_chacha_agrees_with_rfc8439),
        BOTH(aead_gcm_agrees_with_the_answers_of_its_authors),
        BOTH(aead_nonce_is_the_counter_at_the_end),
        BOTH(aead_batch_opens_to_what_was_sealed),
        BOTH(aead_refuses_each_change),
        BOTH(aead_rekeys_and_changes_suite_in_place),
        BOTH(aead_wiped_context_can_be_set_again),
        cmocka_unit_test(aead_refuses_unknown_suites),
        cmocka_unit_test(aead_failed_open_gives_nothing),
        BOTH(aead_failed_open_in_place_leaves_zeroes),
        cmocka_unit_test_teardown(aead_gives_the_library_that_was_asked_for, back_to_libcrypto),
        cmocka_unit_test_teardown(aead_libraries_open_what_the_other_has_sealed, back_to_libcrypto),
        cmocka_unit_test_teardown(aead_ipsecmb_forgets_its_keys, back_to_libcrypto),
        cmocka_unit_test(aead_takes_more_packets_than_a_chunk),
        cmocka_unit_test(aead_selftest_finds_each_fault),
    };
    return cmocka_run_group_tests_name("aead", tests, begin, end);
}
