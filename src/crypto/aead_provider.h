/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_AEAD_PROVIDER_H
#define JV_CRYPTO_AEAD_PROVIDER_H
/*
 * aead_provider -- what a library must offer to seal and open packets; for the crypto layer alone.
 *
 * Owns     a context belongs to the jv_aead that it was made for, and holds the expanded key.
 * Takes    arguments that aead.c has checked.
 * Threads  one for each context.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "base.h"
#include "crypto.h"
#include "errors.h"

#define JV_NONCE_BYTES 12U
#define JV_AEAD_CHUNK 64U /* packets a call: the core's batches have no more */

/* The nonce of one packet; filled up so that an array of them is aligned for the widest load. */
struct jv_nonce {
    uint8_t b[JV_NONCE_BYTES];
    uint8_t pad[4];
};

struct jv_aead_provider {
    struct jv_aead_facts facts;
    /* Expand `key` in `*ctx`, which is made where it is NULL. `old` is the suite it was made for. JV_E_CRYPTO: `*ctx` may hold half. */
    enum jv_err (*set)(void **ctx, enum jv_suite old, enum jv_suite suite, const struct jv_key *key,
                       bool sealing);
    /* Write over the expanded key, keep the memory. False: it could not be done, free it. */
    bool (*wipe)(void *ctx, enum jv_suite suite, bool sealing);
    void (*free)(void *ctx); /* NULL is allowed */
    /*
     * At most JV_AEAD_CHUNK packets in place, each with its nonce; sets each `ok`. A nonce is not made from the counter here,
     * so that published vectors can be run. Opening leaves a text that failed as it comes.
     */
    void (*seal)(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                 const struct jv_nonce *nonces, size_t n);
    void (*open)(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                 const struct jv_nonce *nonces, size_t n);
};

/*
 * Known answers (RFC 8439 §2.8.2; McGrew and Viega's test cases for AES-256-GCM), then the same bytes as `reference` at lengths
 * from 0 to 1500, sealed by one and opened by the other; a damaged tag must fail. NULL: all well; else what went wrong, for people.
 * `reference` NULL: the known answers alone.
 */
const char *jv_aead_selftest(const struct jv_aead_provider *provider,
                             const struct jv_aead_provider *reference);

/* aead.c: free this thread's contexts of jv_chacha_seal() and jv_chacha_open(); part of jv_crypto_thread_fini(). */
void jv_aead_thread_end(void);
/* aead.c: go back to libcrypto; part of jv_crypto_fini(). */
void jv_aead_end(void);
#endif /* JV_CRYPTO_AEAD_PROVIDER_H */
