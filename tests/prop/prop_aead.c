/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium/crypto_aead_chacha20poly1305.h>
#include <string.h>

#include "aead.h"
#include "aead_openssl.h"
#include "aead_provider.h"
#include "rounds.h"

#define TEXT_MAX 1500U
#define BATCH 4U

static struct jv_aead sealer, opener; /* kept over all rounds: each re-keys them */
static uint8_t plain[BATCH][TEXT_MAX], text[BATCH][TEXT_MAX + JV_TAG_BYTES], ad[BATCH][32];

static void draw_bytes(struct jv_prng *prng, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

/* ChaCha20-Poly1305 agrees with libsodium, byte by byte. */
static bool is_oracles(const struct jv_key *key, const struct jv_aead_op *op, const uint8_t *in)
{
    static uint8_t expected[TEXT_MAX + JV_TAG_BYTES];
    uint8_t nonce[12] = {0};
    for (size_t i = 0; i < 6; i++) {
        nonce[11 - i] = (uint8_t)(op->counter >> (8 * i));
    }
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(expected, NULL, in, op->len, op->ad, op->ad_len,
                                                    NULL, nonce, key->b); /* cannot fail */
    return memcmp(expected, op->text, op->len + JV_TAG_BYTES) == 0;
}

/* Both libraries give the same bytes. */
static bool is_libcryptos(const struct jv_key *key, enum jv_suite suite,
                          const struct jv_aead_op *op, const uint8_t *in)
{
    static uint8_t expected[TEXT_MAX + JV_TAG_BYTES];
    const struct jv_aead_provider *by = jv_openssl_provider();
    struct jv_aead_op other = *op;
    struct jv_nonce nonce = {{0}, {0}};
    void *ctx = NULL;
    for (size_t i = 0; i < 6; i++) {
        nonce.b[11 - i] = (uint8_t)(op->counter >> (8 * i));
    }
    memcpy(expected, in, op->len);
    other.text = expected;
    if (by->set(&ctx, JV_SUITE_NONE, suite, key, true) != JV_E_OK) {
        return false;
    }
    by->seal(ctx, suite, &other, &nonce, 1);
    by->free(ctx);
    return other.ok && memcmp(expected, op->text, op->len + JV_TAG_BYTES) == 0;
}

/* Damage some packets of the batch; bit i of the result tells that packet i was touched. */
static uint32_t damage(struct jv_prng *prng, struct jv_aead_op *ops)
{
    uint32_t touched = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        if (jv_prng_below(prng, 2) == 0) {
            uint64_t at = jv_prng_below(prng, ops[i].len + JV_TAG_BYTES);
            ops[i].text[at] ^= (uint8_t)(1U << jv_prng_below(prng, 8));
            touched |= 1U << i;
        }
    }
    return touched;
}

static bool opens_what_was_sealed(struct jv_prng *prng)
{
    struct jv_aead_op ops[BATCH];
    struct jv_key key;
    enum jv_suite suite =
        jv_prng_below(prng, 2) == 0 ? JV_SUITE_CHACHA20_POLY1305 : JV_SUITE_AES_256_GCM;
    draw_bytes(prng, key.b, sizeof key.b);
    if (jv_aead_choose(jv_prng_below(prng, 2) == 0 ? JV_AEAD_LIBCRYPTO : JV_AEAD_AUTO) != JV_E_OK) {
        return false;
    }
    if (jv_aead_set(&sealer, suite, &key, true) != JV_E_OK ||
        jv_aead_set(&opener, suite, &key, false) != JV_E_OK) {
        return false;
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        size_t len = (size_t)jv_prng_below(prng, jv_prng_below(prng, 2) == 0 ? 40 : TEXT_MAX + 1);
        draw_bytes(prng, plain[i], len);
        draw_bytes(prng, ad[i], sizeof ad[i]);
        memcpy(text[i], plain[i], len);
        ops[i] = (struct jv_aead_op){
            text[i], len, ad[i], (size_t)jv_prng_below(prng, 33), jv_prng_next(prng) >> 16, false};
    }
    jv_aead_run(&sealer, ops, BATCH);
    for (uint32_t i = 0; i < BATCH; i++) {
        if (!ops[i].ok || !is_libcryptos(&key, suite, &ops[i], plain[i]) ||
            (suite == JV_SUITE_CHACHA20_POLY1305 && !is_oracles(&key, &ops[i], plain[i]))) {
            return false;
        }
    }
    uint32_t touched = damage(prng, ops);
    jv_aead_run(&opener, ops, BATCH);
    for (uint32_t i = 0; i < BATCH; i++) {
        bool expected = (touched >> i & 1U) == 0;
        if (ops[i].ok != expected || (expected && memcmp(text[i], plain[i], ops[i].len) != 0)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (jv_crypto_init() != JV_E_OK) {
        (void)printf("1..1\nnot ok 1 - the library begins\n");
        return 1;
    }
    int result =
        rounds_run(argc, argv, "prop_aead_opens_what_was_sealed", 3000, opens_what_was_sealed);
    jv_aead_fini(&sealer);
    jv_aead_fini(&opener);
    jv_crypto_fini();
    return result;
}
