/* SPDX-License-Identifier: Apache-2.0 */
#include "aead_openssl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

static struct {
    EVP_CIPHER *chacha;
    EVP_CIPHER *gcm;
} fetched;

enum jv_err jv_openssl_init(void)
{
    fetched.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    fetched.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (fetched.chacha == NULL || fetched.gcm == NULL) {
        jv_openssl_fini();
        return JV_E_CRYPTO;
    }
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

enum jv_err jv_openssl_set(void **ctx, enum jv_suite old, enum jv_suite suite,
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

void jv_openssl_free(void *ctx)
{
    EVP_CIPHER_CTX_free(ctx);
}

/* Feed associated data, then text. `out` NULL marks associated data, as in EVP itself. */
static bool feed(EVP_CIPHER_CTX *evp, uint8_t *out, const struct jv_bytes *in)
{
    int written = 0;
    JV_ASSERT(in->len <= INT_MAX);
    return in->len == 0 || EVP_CipherUpdate(evp, out, &written, in->at, (int)in->len) == 1;
}

void jv_openssl_seal(void *ctx, const uint8_t nonce[JV_NONCE_BYTES], const struct jv_bytes *ad,
                     const struct jv_bytes *in, uint8_t *out, uint8_t tag[JV_TAG_BYTES])
{
    EVP_CIPHER_CTX *evp = ctx;
    uint8_t rest[JV_TAG_BYTES]; /* neither cipher holds bytes back; EVP wants a place for them */
    int written = 0;
    bool sealed = EVP_EncryptInit_ex2(evp, NULL, NULL, nonce, NULL) == 1 && feed(evp, NULL, ad) &&
                  feed(evp, out, in) && EVP_EncryptFinal_ex(evp, rest, &written) == 1 &&
                  EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, (int)JV_TAG_BYTES, tag) == 1;
    /* With a key set and lengths checked nothing can fail, and a packet must never leave unsealed. */
    JV_ASSERT(sealed);
}

bool jv_openssl_open(void *ctx, const uint8_t nonce[JV_NONCE_BYTES], const struct jv_bytes *ad,
                     const struct jv_bytes *in, uint8_t *out, const uint8_t tag[JV_TAG_BYTES])
{
    EVP_CIPHER_CTX *evp = ctx;
    uint8_t expected[JV_TAG_BYTES]; /* EVP takes the tag through a pointer to non-const */
    uint8_t rest[JV_TAG_BYTES];
    int written = 0;
    memcpy(expected, tag, sizeof expected);
    bool ok =
        EVP_DecryptInit_ex2(evp, NULL, NULL, nonce, NULL) == 1 &&
        EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, (int)sizeof expected, expected) == 1 &&
        feed(evp, NULL, ad) && feed(evp, out, in) && EVP_DecryptFinal_ex(evp, rest, &written) == 1;
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}
