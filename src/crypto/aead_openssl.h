/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_AEAD_OPENSSL_H
#define JV_CRYPTO_AEAD_OPENSSL_H
/*
 * aead_openssl -- the libcrypto provider behind aead.h; for the crypto layer alone.
 *
 * Owns     the fetched ciphers of the process; a context belongs to whoever called set.
 * Gives    one packet a call. Arguments were checked by aead.c; whoever needs a provider of another
 *          library writes these functions.
 * Threads  one for each context.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"

#define JV_NONCE_BYTES 12U

/* JV_E_CRYPTO: a cipher is missing from the library. */
JV_MUST_USE enum jv_err jv_openssl_init(void);
void jv_openssl_fini(void);

/* Expand `key` in `*ctx`, which is made where it is NULL. `old` is the suite it was made for. */
JV_MUST_USE enum jv_err jv_openssl_set(void **ctx, enum jv_suite old, enum jv_suite suite,
                                       const struct jv_key *key, bool sealing);
void jv_openssl_free(void *ctx);

/* Read `len` bytes of `in`, write as many to `out` (which may be `in`) and the tag to `tag`. */
void jv_openssl_seal(void *ctx, const uint8_t nonce[JV_NONCE_BYTES], const struct jv_bytes *ad,
                     const struct jv_bytes *in, uint8_t *out, uint8_t tag[JV_TAG_BYTES]);
/* False: the tag does not verify, and what `out` holds may not be used. */
JV_MUST_USE bool jv_openssl_open(void *ctx, const uint8_t nonce[JV_NONCE_BYTES],
                                 const struct jv_bytes *ad, const struct jv_bytes *in, uint8_t *out,
                                 const uint8_t tag[JV_TAG_BYTES]);

/* aead.c: free the contexts of jv_chacha_seal() and jv_chacha_open(); part of jv_crypto_fini(). */
void jv_chacha_fini(void);
#endif /* JV_CRYPTO_AEAD_OPENSSL_H */
