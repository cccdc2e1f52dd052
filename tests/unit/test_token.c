/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"
#include "token.h"

static const uint8_t key[32] = {7, 7, 7};
static struct jv_token_claim claim;
static uint8_t token[JV_TOKEN_BYTES];
#define MADE_MS 5000U

static int start(void **state)
{
    memset(&claim, 0, sizeof claim);
    memset(claim.sid.b, 0x31, JV_SID_BYTES);
    claim.protocol = JV_PROTO_UDP;
    claim.hint_epoch = 3;
    claim.hint_counter = 99;
    if (jv_crypto_init() != JV_E_OK ||
        jv_endpoint_parse("192.0.2.1:4001", 0, &claim.remote) != JV_E_OK ||
        jv_endpoint_parse("[2001:db8::1]:4433", 0, &claim.local) != JV_E_OK) {
        return -1;
    }
    jv_token_make(key, &claim, MADE_MS, token);
    return 0;
}

static bool check(const struct jv_token_claim *of)
{
    uint64_t age_ms;
    return jv_token_check(key, of, MADE_MS, token, &age_ms);
}

static void token_tells_its_age(void **state)
{
    uint64_t age_ms = 0;
    assert_true(jv_token_check(key, &claim, MADE_MS, token, &age_ms));
    assert_int_equal(age_ms, 0);
    assert_true(jv_token_check(key, &claim, MADE_MS + 1234, token, &age_ms));
    assert_int_equal(age_ms, 1234);
    assert_int_equal(jv_token_time(token), MADE_MS);
}

static void token_from_the_future_fails(void **state)
{
    uint64_t age_ms = 42;
    assert_false(jv_token_check(key, &claim, MADE_MS - 1, token, &age_ms));
    assert_false(jv_token_check(key, &claim, 0, token, &age_ms));
    assert_int_equal(age_ms, 42);
}

static void token_with_any_changed_bit_fails(void **state)
{
    uint64_t age_ms;
    for (size_t bit = 0; bit < 8 * sizeof token; bit++) {
        token[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_false(jv_token_check(key, &claim, UINT64_MAX, token, &age_ms));
        token[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_true(check(&claim));
}

static void token_of_any_other_claim_fails(void **state)
{
    struct jv_token_claim other;
    for (size_t i = 0; i < JV_SID_BYTES; i++) {
        other = claim;
        other.sid.b[i] ^= 1;
        assert_false(check(&other));
    }
    for (size_t i = 0; i < 16; i++) {
        other = claim;
        other.local.ip.b[i] ^= 0x80;
        assert_false(check(&other));
    }
    for (size_t i = 0; i < 4; i++) {
        other = claim;
        other.remote.ip.b[i] ^= 1;
        assert_false(check(&other));
    }
    for (uint32_t bit = 0; bit < 16; bit++) {
        other = claim;
        other.remote.port ^= (uint16_t)(1U << bit);
        assert_false(check(&other));
        other = claim;
        other.local.port ^= (uint16_t)(1U << bit);
        assert_false(check(&other));
    }
    for (uint32_t bit = 0; bit < 64; bit++) {
        other = claim;
        other.hint_epoch ^= 1ULL << bit;
        assert_false(check(&other));
        other = claim;
        other.hint_counter ^= bit < 48 ? 1ULL << bit : 1;
        assert_false(check(&other));
    }
    other = claim;
    other.remote.ip.family = JV_AF_6;
    assert_false(check(&other));
    other = claim;
    other.protocol = JV_PROTO_QUIC;
    assert_false(check(&other));
    other = claim;
    other.hint_epoch = other.hint_counter = 0;
    assert_false(check(&other));
    other = claim;
    other.remote = claim.local;
    other.local = claim.remote;
    assert_false(check(&other));
}

/* A scope is local to one host and no part of the claim. */
static void token_does_not_depend_on_a_scope(void **state)
{
    struct jv_token_claim other = claim;
    other.remote.scope = 5;
    assert_true(check(&other));
}

static void token_of_another_key_fails(void **state)
{
    uint64_t age_ms;
    for (size_t i = 0; i < 32; i++) {
        uint8_t other[32];
        memcpy(other, key, sizeof other);
        other[i] ^= 1;
        assert_false(jv_token_check(other, &claim, MADE_MS, token, &age_ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(token_tells_its_age),
                                       cmocka_unit_test(token_from_the_future_fails),
                                       cmocka_unit_test(token_with_any_changed_bit_fails),
                                       cmocka_unit_test(token_of_any_other_claim_fails),
                                       cmocka_unit_test(token_does_not_depend_on_a_scope),
                                       cmocka_unit_test(token_of_another_key_fails)};
    return cmocka_run_group_tests_name("token", tests, start, NULL);
}
