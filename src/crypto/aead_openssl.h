/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_AEAD_OPENSSL_H
#define JV_CRYPTO_AEAD_OPENSSL_H
/*
 * aead_openssl -- the libcrypto provider behind aead.h; for the crypto layer alone.
 *
 * Owns     the fetched ciphers of the process.
 * Threads  one for each context.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead_provider.h"

/* JV_E_CRYPTO: a cipher is missing from the library. */
JV_MUST_USE enum jv_err jv_openssl_init(void);
void jv_openssl_fini(void);

/* Valid between the two. */
const struct jv_aead_provider *jv_openssl_provider(void);

/*
 * One packet of ChaCha20-Poly1305 under a context of `set`: read `len` bytes of `in`, write as many to `out` (which may be `in`) and
 * the tag to `tag`. False: the library failed.
 */
JV_MUST_USE bool jv_openssl_chacha_seal(void *ctx, const uint8_t nonce[JV_NONCE_BYTES],
                                        const struct jv_bytes *ad, const struct jv_bytes *in,
                                        uint8_t *out, uint8_t tag[JV_TAG_BYTES]);
/* False: the tag does not verify, and what `out` holds may not be used. */
JV_MUST_USE bool jv_openssl_chacha_open(void *ctx, const uint8_t nonce[JV_NONCE_BYTES],
                                        const struct jv_bytes *ad, const struct jv_bytes *in,
                                        uint8_t *out, const uint8_t tag[JV_TAG_BYTES]);
#endif /* JV_CRYPTO_AEAD_OPENSSL_H */
