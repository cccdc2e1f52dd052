/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_AEAD_H
#define JV_CRYPTO_AEAD_H
/*
 * aead -- seal and open batches in place: one interface, one provider a process (libcrypto, or ipsec-mb: jv_aead_choose()).
 *
 * Nonce    96 bits: 48 zero bits, then the 48-bit counter, big-endian. Key and counter never meet twice: the caller's duty.
 * Owns     a jv_aead holds the expanded key; its library contexts are made at the first jv_aead_set() and re-keyed after that.
 * Threads  one at a time per jv_aead, and each of them one that crypto.h knows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "crypto.h"
#include "errors.h"

struct jv_aead_provider;

struct jv_aead {
    void *ctx;                         /* library context, NULL until the first jv_aead_set() */
    const struct jv_aead_provider *by; /* whose context it is */
    uint8_t suite;
    bool sealing;
    bool set;
};

/* One packet: `text` holds `len` bytes; sealing writes the tag behind them, opening expects it there. */
struct jv_aead_op {
    uint8_t *text;
    size_t len; /* of the plaintext, without tag */
    const uint8_t *ad;
    size_t ad_len;
    uint64_t counter; /* below 2^48 */
    bool ok;          /* out */
};

/* Expand `key`. One direction a context: libcrypto re-keys cheaply only within one direction. */
JV_MUST_USE enum jv_err jv_aead_set(struct jv_aead *aead, enum jv_suite suite,
                                    const struct jv_key *key, bool sealing);
/* Forget the key, keep the library context for the next one. */
void jv_aead_wipe(struct jv_aead *aead);
/* Forget the key and free the library context. */
void jv_aead_fini(struct jv_aead *aead);
/*
 * Seal or open `n` packets in place; sets each `ok`. A failed open leaves that text zeroed. One packet after the other: neither library
 * has code that works on several packets of these suites at once, so a batch saves only what is done once for it.
 */
void jv_aead_run(struct jv_aead *aead, struct jv_aead_op *ops, size_t n);
/*
 * One packet under a key used once or seldom, ChaCha20-Poly1305 with an explicit 12-byte nonce: handshake and control datagrams.
 * Sealing writes len + 16 bytes to `out`; opening reads len + 16 bytes and writes len. `out` may be `in`.
 */
void jv_chacha_seal(const struct jv_key *key, const uint8_t nonce[12], const void *ad,
                    size_t ad_len, const uint8_t *in, size_t len, uint8_t *out);
JV_MUST_USE enum jv_err jv_chacha_open(const struct jv_key *key, const uint8_t nonce[12],
                                       const void *ad, size_t ad_len, const uint8_t *in, size_t len,
                                       uint8_t *out);
#endif /* JV_CRYPTO_AEAD_H */
