/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_KEYS_H
#define JV_CORE_KEYS_H
/*
 * keys -- the key schedule of a session and its epochs: previous, current, next.
 *
 *     root[1]    = KDF(first key of Split(), "jv1 root", second key | handshake hash | session_id)
 *     root[n+1]  = KDF(root[n], "jv1 rekey", DH | client random | gateway random | session_id | n+1)
 *     resume[n]  = KDF(root[n], "jv1 resume", session_id | n)
 *     control[n] = KDF(resume[n], "jv1 control", session_id | n)
 *     c2g[n]     = KDF(root[n], "jv1 client to gateway", session_id | n), g2c[n] likewise
 * session_id 16 bytes, n 8 bytes big-endian. A root is wiped as soon as the next one is in use: a stolen root opens nothing earlier.
 *
 * Owns     all keys of one session; jv_keys_wipe() ends them.
 * Limits   three epochs at a time; at most JV_KEY_SEAL_MAX packets under one key.
 * Threads  the shard's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "aead.h"
#include "base.h"
#include "crypto.h"
#include "errors.h"
#include "instant.h"
#include "noise.h"
#include "replay.h"

struct jv_epoch {
    uint64_t n;         /* 0: the slot is empty */
    struct jv_key root; /* wiped where a later epoch is in use */
    struct jv_key control;
    struct jv_aead tx, rx;
    struct jv_replay window;
    uint64_t tx_next; /* next counter to seal */
    uint64_t tx_bytes;
    uint64_t rx_count; /* packets accepted */
    uint64_t open_fails;
    struct jv_instant since; /* in use since */
    bool opened;             /* something was opened under it */
};

enum jv_epoch_place { JV_EPOCH_PREVIOUS, JV_EPOCH_CURRENT, JV_EPOCH_NEXT, JV_EPOCHS };

struct jv_keys {
    struct jv_epoch epochs[JV_EPOCHS]; /* by place */
    struct jv_instant previous_until;
    struct jv_sid sid;
    uint8_t suite; /* enum jv_suite */
    bool is_client;
};

/* The first root, from a finished handshake. */
void jv_keys_root(const struct jv_noise_keys *noise, const struct jv_sid *sid,
                  struct jv_key *root_out);
/* Begin with epoch 1. The struct may have been used before: library contexts are kept. JV_E_CRYPTO. */
JV_MUST_USE enum jv_err jv_keys_start(struct jv_keys *keys, const struct jv_key *root,
                                      const struct jv_sid *sid, enum jv_suite suite, bool is_client,
                                      struct jv_instant now);

/* What a rekey mixes in. */
struct jv_rekey_mix {
    struct jv_key own_private, peer_public;
    uint8_t client_random[16], gateway_random[16];
};
/* Install epoch `n` = current + 1 in the place NEXT. JV_E_STATE: another n. JV_E_CRYPTO: the DH failed; nothing changed. */
JV_MUST_USE enum jv_err jv_keys_prepare(struct jv_keys *keys, uint64_t n,
                                        const struct jv_rekey_mix *mix);
/* NEXT becomes CURRENT, CURRENT becomes PREVIOUS (its root wiped, its receive key kept until previous_until). */
void jv_keys_advance(struct jv_keys *keys, struct jv_instant now);
/* Forget NEXT. */
void jv_keys_cancel_next(struct jv_keys *keys);
/* Forget PREVIOUS once its time is over. */
void jv_keys_expire(struct jv_keys *keys, struct jv_instant now);
/* Forget every key; library contexts are kept for the next session in this slot. */
void jv_keys_wipe(struct jv_keys *keys);
/* Wipe, and free what the library holds. */
void jv_keys_fini(struct jv_keys *keys);

/* The epoch with this low byte, the current one first; NULL: no key. */
static inline struct jv_epoch *jv_keys_find(struct jv_keys *keys, uint8_t low_byte)
{
    static const enum jv_epoch_place order[] = {JV_EPOCH_CURRENT, JV_EPOCH_NEXT, JV_EPOCH_PREVIOUS};
    for (size_t i = 0; i < JV_ARRAY_LEN(order); i++) {
        struct jv_epoch *epoch = &keys->epochs[order[i]];
        if (epoch->n != 0 && (uint8_t)epoch->n == low_byte) {
            return epoch;
        }
    }
    return NULL;
}
/* The epoch with this full number; NULL: no key. */
struct jv_epoch *jv_keys_at(struct jv_keys *keys, uint64_t n);

/* The one-time key of a control datagram: KDF(control, "jv1 datagram", direction | type | 16 random bytes); direction 0: to the gateway. */
void jv_keys_control(const struct jv_epoch *epoch, bool to_client, uint8_t type,
                     const uint8_t random[16], struct jv_key *out);
#endif /* JV_CORE_KEYS_H */
