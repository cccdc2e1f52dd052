/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_NOISE_H
#define JV_CORE_NOISE_H
/*
 * noise -- Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (Noise Protocol Framework, revision 34), and
 * nothing else of Noise.
 *
 *     <- s                     the initiator knows the responder's static key beforehand
 *     -> e, es, s, ss          message 1
 *     <- e, ee, se, psk        message 2
 *
 * Owns     nothing outside struct jv_noise, which lies in the caller's memory and holds secrets
 *          until split or wipe.
 * Takes    ephemeral private keys as arguments: there is no randomness in here. One ephemeral
 *          serves one handshake.
 * Gives    two keys and the handshake hash. Every function works on a copy and commits once: after
 *          a failure the handshake is as it was before the call, so that message 2 can be tried
 *          again under a second PSK.
 * Limits   a message has at most JV_NOISE_MSG_MAX bytes.
 * Threads  those of crypto.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "crypto.h"
#include "errors.h"

#define JV_NOISE_MSG_MAX 65535U    /* Noise §3 */
#define JV_NOISE_MSG1_OVERHEAD 96U /* ephemeral 32, static 32 + 16, tag of the payload 16 */
#define JV_NOISE_MSG2_OVERHEAD 48U /* ephemeral 32, tag of the payload 16 */
#define JV_NOISE_PAYLOAD1_AT 80U   /* where the sealed payload begins in message 1 */
#define JV_NOISE_PAYLOAD2_AT 32U   /* where the sealed payload begins in message 2 */

enum jv_noise_role { JV_NOISE_INITIATOR = 1, JV_NOISE_RESPONDER = 2 };
/* What the handshake waits for. One message goes each way, so both roles share the names. */
enum jv_noise_stage { JV_NOISE_NONE = 0, JV_NOISE_MSG1, JV_NOISE_MSG2, JV_NOISE_DONE };

struct jv_keypair {
    struct jv_key private_key;
    struct jv_key public_key;
};

/* Noise §5.1 and §5.2: CipherState and SymmetricState in one. */
struct jv_noise_symmetric {
    uint8_t h[JV_HASH_BYTES];
    struct jv_key ck;
    struct jv_key k; /* meaningful after the first DH */
    uint64_t n;
};

/* Noise §5.3: HandshakeState. To be read only through the functions below. */
struct jv_noise {
    struct jv_noise_symmetric sym;
    struct jv_keypair own_static;
    struct jv_keypair own_ephemeral;
    struct jv_key peer_static_public;
    struct jv_key peer_ephemeral_public;
    uint8_t role;  /* enum jv_noise_role */
    uint8_t stage; /* enum jv_noise_stage */
};

/*
 * Begin a handshake. `own` and the ephemeral key are copied. `peer_static_public` is needed by the
 * initiator and NULL for the responder, who learns it from message 1. JV_E_CRYPTO: a library
 * failure; the state is left wiped.
 */
JV_MUST_USE enum jv_err jv_noise_init(struct jv_noise *noise, enum jv_noise_role role,
                                      struct jv_bytes prologue, const struct jv_keypair *own,
                                      const struct jv_key *peer_static_public,
                                      const struct jv_key *own_ephemeral_private);

/*
 * Initiator: write payload_len + JV_NOISE_MSG1_OVERHEAD bytes to `out`. The payload may lie at its
 * place in `out` (JV_NOISE_PAYLOAD1_AT); any other overlap is not allowed. JV_E_STATE: not the
 * initiator's turn. JV_E_RANGE: too long. JV_E_CRYPTO: the peer's static key has low order.
 */
JV_MUST_USE enum jv_err jv_noise_write1(struct jv_noise *noise, const uint8_t *payload,
                                        size_t payload_len, uint8_t *out);

/*
 * Responder: read message 1; writes msg_len - JV_NOISE_MSG1_OVERHEAD bytes to `payload_out`, which
 * does not overlap `msg`. After success jv_noise_peer() names the initiator, by which the caller
 * finds the PSK for message 2. The initiator's key is proven by its static DH, but a recorded
 * message 1 reads as well as a fresh one: only traffic under the split keys proves that the
 * initiator is there. JV_E_STATE: not the responder's turn. JV_E_SHORT, JV_E_RANGE: length.
 * JV_E_AUTH: a tag is wrong. JV_E_CRYPTO: a key of the message has low order; for the caller that
 * is a bad datagram like JV_E_AUTH. After a failure `payload_out` is zeroed or untouched.
 */
JV_MUST_USE enum jv_err jv_noise_read1(struct jv_noise *noise, const uint8_t *msg, size_t msg_len,
                                       uint8_t *payload_out);

/* The peer's static public key; NULL while the responder has not read message 1. */
const struct jv_key *jv_noise_peer(const struct jv_noise *noise);

/*
 * Responder: write payload_len + JV_NOISE_MSG2_OVERHEAD bytes to `out`, under `psk` (all zero where
 * there is none). The payload may lie at its place in `out` (JV_NOISE_PAYLOAD2_AT). Errors as
 * jv_noise_write1().
 */
JV_MUST_USE enum jv_err jv_noise_write2(struct jv_noise *noise, const struct jv_key *psk,
                                        const uint8_t *payload, size_t payload_len, uint8_t *out);

/*
 * Initiator: read message 2 under `psk`; writes msg_len - JV_NOISE_MSG2_OVERHEAD bytes to
 * `payload_out`, which does not overlap `msg`. Errors as jv_noise_read1(). After JV_E_AUTH the call
 * may be repeated with the same message and another PSK, or with another message.
 */
JV_MUST_USE enum jv_err jv_noise_read2(struct jv_noise *noise, const struct jv_key *psk,
                                       const uint8_t *msg, size_t msg_len, uint8_t *payload_out);

/* What a finished handshake gives. */
struct jv_noise_keys {
    struct jv_key to_responder; /* first key of Split(): what the initiator sends under */
    struct jv_key to_initiator; /* second key of Split() */
    uint8_t h[JV_HASH_BYTES];   /* handshake hash: public, unique (channel binding, Noise §11.2) */
};

/* After message 2: give the keys and wipe the handshake. JV_E_STATE: not finished, unchanged. */
JV_MUST_USE enum jv_err jv_noise_split(struct jv_noise *noise, struct jv_noise_keys *keys_out);

/* Forget everything. */
void jv_noise_wipe(struct jv_noise *noise);
#endif /* JV_CORE_NOISE_H */
