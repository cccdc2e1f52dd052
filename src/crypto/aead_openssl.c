/* SPDX-License-Identifier: Apache-2.0 */
#include "aead_openssl.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

static struct {
    EVP_CIPHER *chacha;
    EVP_CIPHER *gcm;
} fetched;

/* One packet: what EVP is given. */
struct text {
    const uint8_t *ad;
    size_t ad_len;
    const uint8_t *in;
    uint8_t *out;
    size_t len;
};

static struct jv_aead_provider provider;

enum jv_err jv_openssl_init(void)
{
    fetched.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    fetched.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (fetched.chacha == NULL || fetched.gcm == NULL) {
        jv_openssl_fini();
        return JV_E_CRYPTO;
    }
    provider.facts.version = OpenSSL_version(OPENSSL_VERSION_STRING);
    provider.facts.cpu = jv_aead_has_fast_aes() ? "AES-NI" : "";
    return JV_E_OK;
}

void jv_openssl_fini(void)
{
    EVP_CIPHER_free(fetched.chacha);
    EVP_CIPHER_free(fetched.gcm);
    fetched.chacha = NULL;
    fetched.gcm = NULL;
}

static const EVP_CIPHER *cipher_of(enum jv_suite suite)
{
    switch (suite) {
    case JV_SUITE_CHACHA20_POLY1305:
        return fetched.chacha;
    case JV_SUITE_AES_256_GCM:
        return fetched.gcm;
    case JV_SUITE_NONE:
        break;
    }
    return NULL;
}

static enum jv_err set_key(void **ctx, enum jv_suite old, enum jv_suite suite,
                           const struct jv_key *key, bool sealing)
{
    EVP_CIPHER_CTX *evp = *ctx;
    if (evp == NULL) {
        evp = EVP_CIPHER_CTX_new();
        if (evp == NULL) {
            return JV_E_CRYPTO;
        }
        *ctx = evp;
        old = JV_SUITE_NONE;
    }
    /* Naming the cipher throws away what the library allocated for it; without it the same memory is re-keyed. */
    const EVP_CIPHER *cipher = old == suite ? NULL : cipher_of(suite);
    int done = sealing ? EVP_EncryptInit_ex2(evp, cipher, key->b, NULL, NULL)
                       : EVP_DecryptInit_ex2(evp, cipher, key->b, NULL, NULL);
    if (done != 1) {
        ERR_clear_error();
        return JV_E_CRYPTO;
    }
    return JV_E_OK;
}

static bool wipe_key(void *ctx, enum jv_suite suite, bool sealing)
{
    /* Expanding a zero key writes over the old schedule and keeps the allocation. */
    static const struct jv_key zero;
    return set_key(&ctx, suite, suite, &zero, sealing) == JV_E_OK;
}

static void free_ctx(void *ctx)
{
    EVP_CIPHER_CTX_free(ctx);
}

/*
 * Give the nonce, and what else `more` holds. A second init with a nonce would do for both ciphers, but it asks the cipher for the
 * length of its nonce first, which costs as much as the text of a small packet. GCM has a parameter by which TLS puts a whole
 * nonce back; "-1 for its length" says that it is whole.
 */
static bool begin(EVP_CIPHER_CTX *evp, enum jv_suite suite, const uint8_t nonce[JV_NONCE_BYTES],
                  const OSSL_PARAM *more)
{
    if (suite == JV_SUITE_CHACHA20_POLY1305) {
        return EVP_CipherInit_ex2(evp, NULL, NULL, nonce, -1, more) == 1;
    }
    uint8_t copy[JV_NONCE_BYTES]; /* parameters are taken through a pointer to non-const */
    memcpy(copy, nonce, sizeof copy);
    OSSL_PARAM params[3] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, copy, SIZE_MAX),
        more == NULL ? (OSSL_PARAM)OSSL_PARAM_END : *more, OSSL_PARAM_END};
    return EVP_CIPHER_CTX_set_params(evp, params) == 1;
}

/* Associated data, then text: EVP marks the former by an output of NULL. */
static bool feed(EVP_CIPHER_CTX *evp, const struct text *t)
{
    int written = 0;
    JV_ASSERT(t->ad_len <= INT_MAX && t->len <= INT_MAX);
    return (t->ad_len == 0 || EVP_CipherUpdate(evp, NULL, &written, t->ad, (int)t->ad_len) == 1) &&
           (t->len == 0 || EVP_CipherUpdate(evp, t->out, &written, t->in, (int)t->len) == 1);
}

static bool seal_text(EVP_CIPHER_CTX *evp, enum jv_suite suite, const uint8_t *nonce,
                      const struct text *t, uint8_t *tag)
{
    uint8_t rest[JV_TAG_BYTES]; /* neither cipher holds bytes back; EVP wants a place for them */
    int written = 0;
    OSSL_PARAM params[2] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, JV_TAG_BYTES),
                            OSSL_PARAM_END};
    return begin(evp, suite, nonce, NULL) && feed(evp, t) &&
           EVP_EncryptFinal_ex(evp, rest, &written) == 1 &&
           EVP_CIPHER_CTX_get_params(evp, params) == 1;
}

static bool open_text(EVP_CIPHER_CTX *evp, enum jv_suite suite, const uint8_t *nonce,
                      const struct text *t, const uint8_t *tag)
{
    uint8_t expected[JV_TAG_BYTES];
    uint8_t rest[JV_TAG_BYTES];
    int written = 0;
    memcpy(expected, tag, sizeof expected);
    OSSL_PARAM params[2] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, expected, sizeof expected),
        OSSL_PARAM_END};
    bool ok = begin(evp, suite, nonce, params) && feed(evp, t) &&
              EVP_DecryptFinal_ex(evp, rest, &written) == 1;
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

static struct text text_of(const struct jv_aead_op *op)
{
    return (struct text){op->ad, op->ad_len, op->text, op->text, op->len};
}

static void seal_all(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                     const struct jv_nonce *nonces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct text t = text_of(&ops[i]);
        ops[i].ok = seal_text(ctx, suite, nonces[i].b, &t, ops[i].text + ops[i].len);
    }
}

static void open_all(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                     const struct jv_nonce *nonces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct text t = text_of(&ops[i]);
        ops[i].ok = open_text(ctx, suite, nonces[i].b, &t, ops[i].text + ops[i].len);
    }
}

bool jv_openssl_chacha_seal(void *ctx, const uint8_t nonce[JV_NONCE_BYTES],
                            const struct jv_bytes *ad, const struct jv_bytes *in, uint8_t *out,
                            uint8_t tag[JV_TAG_BYTES])
{
    struct text t = {ad->at, ad->len, in->at, out, in->len};
    return seal_text(ctx, JV_SUITE_CHACHA20_POLY1305, nonce, &t, tag);
}

bool jv_openssl_chacha_open(void *ctx, const uint8_t nonce[JV_NONCE_BYTES],
                            const struct jv_bytes *ad, const struct jv_bytes *in, uint8_t *out,
                            const uint8_t tag[JV_TAG_BYTES])
{
    struct text t = {ad->at, ad->len, in->at, out, in->len};
    return open_text(ctx, JV_SUITE_CHACHA20_POLY1305, nonce, &t, tag);
}

static struct jv_aead_provider provider = {.facts = {.name = "libcrypto"},
                                           .set = set_key,
                                           .wipe = wipe_key,
                                           .free = free_ctx,
                                           .seal = seal_all,
                                           .open = open_all};

const struct jv_aead_provider *jv_openssl_provider(void)
{
    return &provider;
}
