/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_CRYPTO_H
#define JV_CRYPTO_CRYPTO_H
/*
 * crypto -- DH, hash, KDF, MAC, compare, wipe: the facade over libcrypto (and libsodium's SipHash).
 *
 * Owns     the fetched algorithms of the process (jv_crypto_init); no key outlives a call.
 * Random   none: every random byte comes in as an argument.
 * Threads  every function but jv_sha256() may be called from each thread that called jv_crypto_init() or jv_crypto_thread_init():
 *          the contexts are the thread's. jv_sha256() has one context for all: one thread at a time, whichever it is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

/* A secret of 32 bytes; public X25519 keys use the same struct, named *_public. Compare with jv_equal(), end with jv_wipe(). */
struct jv_key {
    uint8_t b[JV_KEY_BYTES];
};

/* Packet AEADs (aead.h). Wire values (docs/protocol.md); 0 is none. */
enum jv_suite { JV_SUITE_NONE = 0, JV_SUITE_CHACHA20_POLY1305 = 1, JV_SUITE_AES_256_GCM = 2 };

/* True where this processor has AES and carry-less multiply instructions, so that AES-256-GCM is worth offering. */
bool jv_aead_has_fast_aes(void);

/* Which library seals and opens packets (aead.h). AUTO: ipsec-mb where it is installed and passes the self-test. */
enum jv_aead_choice { JV_AEAD_AUTO, JV_AEAD_IPSECMB, JV_AEAD_LIBCRYPTO };
/*
 * Choose by self-test; call after jv_crypto_init(), before privileges are given up, since it may load a library. Without a call it is
 * libcrypto. Keys that are set already stay with their library. JV_E_UNSUPPORTED: not ipsec-mb, jv_aead_why_not() tells why.
 * JV_E_CRYPTO: libcrypto itself computes wrongly.
 */
JV_MUST_USE enum jv_err jv_aead_choose(enum jv_aead_choice choice);
/* Of the library in use. Texts without end but the process's, or until jv_crypto_fini(). */
struct jv_aead_facts {
    const char *name;    /* "libcrypto", "ipsec-mb" */
    const char *version; /* "3.0.15" */
    const char *
        cpu; /* instructions of the processor that it uses: "VAES, AVX-512"; empty: none worth naming */
};
struct jv_aead_facts jv_aead_facts(void);
/* Why ipsec-mb is not in use though it was asked for, for people; empty: it is, or was not asked for. */
const char *jv_aead_why_not(void);

/* Fetch algorithms and make the contexts. Call once before anything else; a second call does nothing. JV_E_CRYPTO if one is missing. */
JV_MUST_USE enum jv_err jv_crypto_init(void);
void jv_crypto_fini(void);
/*
 * For a further thread, after jv_crypto_init() and jv_aead_choose(): the contexts that its calls work in. A second call does nothing.
 * JV_E_CRYPTO: no memory. The thread calls jv_crypto_thread_fini() before it ends.
 */
JV_MUST_USE enum jv_err jv_crypto_thread_init(void);
void jv_crypto_thread_fini(void);

/* Clamps nothing that X25519 does not clamp itself (RFC 7748 §5). */
JV_MUST_USE enum jv_err jv_dh_public(const struct jv_key *private_key, struct jv_key *public_out);
/* JV_E_CRYPTO also where the shared secret is all zero (RFC 7748 §6.1). */
JV_MUST_USE enum jv_err jv_dh(const struct jv_key *private_key, const struct jv_key *peer_public,
                              struct jv_key *shared_out);

struct jv_bytes { /* a borrowed run of bytes */
    const void *at;
    size_t len;
};
/* BLAKE2s-256 (RFC 7693) of the concatenation of `n` parts. */
void jv_hash(const struct jv_bytes *parts, size_t n, uint8_t out[JV_HASH_BYTES]);
/* HMAC-BLAKE2s (RFC 2104 with RFC 7693, as Noise §4.3 HMAC-HASH) of the concatenation of `n` parts. */
void jv_hmac(const uint8_t *key, size_t key_len, const struct jv_bytes *parts, size_t n,
             uint8_t out[JV_HASH_BYTES]);
/* Noise §4.3 HKDF with two or three outputs; out3 may be NULL. `ikm_len` is 0 or 32. */
void jv_hkdf(const struct jv_key *chaining_key, const uint8_t *ikm, size_t ikm_len,
             struct jv_key *out1, struct jv_key *out2, struct jv_key *out3);
/* Keyed BLAKE2s with a 16-byte output (RFC 7693 §2.9, as WireGuard's Mac()); key_len 1..32. */
void jv_mac(const uint8_t *key, size_t key_len, const struct jv_bytes *parts, size_t n,
            uint8_t out[JV_MAC_BYTES]);
/*
 * The one key derivation of the protocol: keyed BLAKE2s-256 under `key` of
 *     one byte: length of label | label | context
 * `label` is ASCII of at most 32 bytes. `out` may be `key`.
 */
void jv_kdf(const struct jv_key *key, const char *label, const struct jv_bytes *context, size_t n,
            struct jv_key *out);

/* SipHash-2-4 under a 16-byte key, for tables that strangers can fill. */
uint64_t jv_siphash(const uint8_t key[16], const void *bytes, size_t len);

/* Constant time in the bytes. */
bool jv_equal(const void *a, const void *b, size_t len);
/* True where all bytes are zero; constant time in the bytes. */
bool jv_is_zero(const void *bytes, size_t len);
void jv_wipe(void *bytes, size_t len);

/* SHA-256, incremental use not needed: the hash chain of the audit file. */
void jv_sha256(const struct jv_bytes *parts, size_t n, uint8_t out[32]);

#define JV_KEY_TEXT_BYTES 45U /* base64 of a key with its NUL: WireGuard's form */
/* Exactly 44 characters of canonical base64, else JV_E_SYNTAX. Constant time in the characters. */
JV_MUST_USE enum jv_err jv_key_parse(const char *text, size_t len, struct jv_key *out);
void jv_key_format(const struct jv_key *key, char out[JV_KEY_TEXT_BYTES]);
#endif /* JV_CRYPTO_CRYPTO_H */
