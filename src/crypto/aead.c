/* SPDX-License-Identifier: Apache-2.0 */
#include "aead.h"

#include <string.h>

#include "aead_openssl.h"

#define COUNTER_END (1ULL << 48)

/* Contexts for keys that are used once: kept by the process, so that a control datagram allocates nothing. */
static struct jv_aead once_seal;
static struct jv_aead once_open;

bool jv_aead_has_fast_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0;
#else
    return false;
#endif
}

enum jv_err jv_aead_set(struct jv_aead *aead, enum jv_suite suite, const struct jv_key *key,
                        bool sealing)
{
    if (suite != JV_SUITE_CHACHA20_POLY1305 && suite != JV_SUITE_AES_256_GCM) {
        return JV_E_UNSUPPORTED;
    }
    enum jv_suite old = (enum jv_suite)aead->suite;
    enum jv_err err = jv_openssl_set(&aead->ctx, old, suite, key, sealing);
    if (err != JV_E_OK) {
        jv_aead_fini(aead); /* half a key schedule is of no use to anyone */
        return err;
    }
    aead->suite = (uint8_t)suite;
    aead->sealing = sealing;
    aead->set = true;
    return JV_E_OK;
}

void jv_aead_wipe(struct jv_aead *aead)
{
    static const struct jv_key zero;
    if (!aead->set) {
        return;
    }
    /* Expanding a zero key writes over the old schedule and keeps the allocation. */
    enum jv_suite suite = (enum jv_suite)aead->suite;
    if (jv_openssl_set(&aead->ctx, suite, suite, &zero, aead->sealing) != JV_E_OK) {
        jv_aead_fini(aead);
    }
    aead->set = false;
}

void jv_aead_fini(struct jv_aead *aead)
{
    jv_openssl_free(aead->ctx);
    *aead = (struct jv_aead){0};
}

static void seal_one(struct jv_aead *aead, const uint8_t nonce[JV_NONCE_BYTES],
                     struct jv_aead_op *op)
{
    struct jv_bytes ad = {op->ad, op->ad_len};
    struct jv_bytes in = {op->text, op->len};
    jv_openssl_seal(aead->ctx, nonce, &ad, &in, op->text, op->text + op->len);
    op->ok = true;
}

static void open_one(struct jv_aead *aead, const uint8_t nonce[JV_NONCE_BYTES],
                     struct jv_aead_op *op)
{
    struct jv_bytes ad = {op->ad, op->ad_len};
    struct jv_bytes in = {op->text, op->len};
    op->ok = jv_openssl_open(aead->ctx, nonce, &ad, &in, op->text, op->text + op->len);
    if (!op->ok) {
        /* libcrypto decrypts before it knows: what a stranger's packet decrypts to is not left lying about. */
        memset(op->text, 0, op->len);
    }
}

void jv_aead_run(struct jv_aead *aead, struct jv_aead_op *ops, size_t n)
{
    JV_ASSERT(aead->set);
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[JV_NONCE_BYTES] = {0};
        JV_ASSERT(ops[i].counter < COUNTER_END);
        for (size_t b = 0; b < 6; b++) {
            nonce[JV_NONCE_BYTES - 1 - b] = (uint8_t)(ops[i].counter >> (8 * b));
        }
        if (aead->sealing) {
            seal_one(aead, nonce, &ops[i]);
        } else {
            open_one(aead, nonce, &ops[i]);
        }
    }
}

void jv_chacha_seal(const struct jv_key *key, const uint8_t nonce[12], const void *ad,
                    size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    enum jv_err err = jv_aead_set(&once_seal, JV_SUITE_CHACHA20_POLY1305, key, true);
    JV_ASSERT(err == JV_E_OK);
    struct jv_bytes ad_bytes = {ad, ad_len};
    struct jv_bytes text = {in, len};
    jv_openssl_seal(once_seal.ctx, nonce, &ad_bytes, &text, out, out + len);
    jv_aead_wipe(&once_seal);
}

enum jv_err jv_chacha_open(const struct jv_key *key, const uint8_t nonce[12], const void *ad,
                           size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    enum jv_err err = jv_aead_set(&once_open, JV_SUITE_CHACHA20_POLY1305, key, false);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_bytes ad_bytes = {ad, ad_len};
    struct jv_bytes text = {in, len};
    bool ok = jv_openssl_open(once_open.ctx, nonce, &ad_bytes, &text, out, in + len);
    jv_aead_wipe(&once_open);
    if (!ok) {
        if (len > 0) {
            memset(out, 0, len);
        }
        return JV_E_AUTH;
    }
    return JV_E_OK;
}

void jv_chacha_fini(void)
{
    jv_aead_fini(&once_seal);
    jv_aead_fini(&once_open);
}
