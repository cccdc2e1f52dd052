/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <string.h>

#include "bounds.h"

static void be64(uint64_t v, uint8_t out[8])
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}

void jv_keys_root(const struct jv_noise_keys *noise, const struct jv_sid *sid,
                  struct jv_key *root_out)
{
    const struct jv_bytes context[] = {
        {noise->to_initiator.b, JV_KEY_BYTES}, {noise->h, JV_HASH_BYTES}, {sid->b, JV_SID_BYTES}};
    jv_kdf(&noise->to_responder, "jv1 root", context, 3, root_out);
}

static enum jv_err set_traffic(struct jv_keys *keys, struct jv_epoch *epoch, const uint8_t n_be[8])
{
    const struct jv_bytes context[] = {{keys->sid.b, JV_SID_BYTES}, {n_be, 8}};
    struct jv_key c2g;
    struct jv_key g2c;
    jv_kdf(&epoch->root, "jv1 client to gateway", context, 2, &c2g);
    jv_kdf(&epoch->root, "jv1 gateway to client", context, 2, &g2c);
    enum jv_suite suite = (enum jv_suite)keys->suite;
    enum jv_err err = jv_aead_set(&epoch->tx, suite, keys->is_client ? &c2g : &g2c, true);
    if (err == JV_E_OK) {
        err = jv_aead_set(&epoch->rx, suite, keys->is_client ? &g2c : &c2g, false);
    }
    jv_wipe(&c2g, sizeof c2g);
    jv_wipe(&g2c, sizeof g2c);
    return err;
}

static void empty(struct jv_epoch *epoch)
{
    epoch->n = 0;
    jv_wipe(&epoch->root, sizeof epoch->root);
    jv_wipe(&epoch->control, sizeof epoch->control);
    jv_aead_wipe(&epoch->tx);
    jv_aead_wipe(&epoch->rx);
}

/* Expects epoch->root to be set; everything else is derived or begins at zero. */
static enum jv_err fill(struct jv_keys *keys, struct jv_epoch *epoch, uint64_t n,
                        struct jv_instant now)
{
    uint8_t n_be[8];
    be64(n, n_be);
    const struct jv_bytes context[] = {{keys->sid.b, JV_SID_BYTES}, {n_be, 8}};
    struct jv_key resume;
    jv_kdf(&epoch->root, "jv1 resume", context, 2, &resume);
    jv_kdf(&resume, "jv1 control", context, 2, &epoch->control);
    jv_wipe(&resume, sizeof resume);
    enum jv_err err = set_traffic(keys, epoch, n_be);
    if (err != JV_E_OK) {
        empty(epoch);
        return err;
    }
    jv_replay_init(&epoch->window);
    epoch->n = n;
    epoch->tx_next = 0;
    epoch->tx_bytes = 0;
    epoch->rx_count = 0;
    epoch->open_fails = 0;
    epoch->since = now;
    epoch->opened = false;
    return JV_E_OK;
}

enum jv_err jv_keys_start(struct jv_keys *keys, const struct jv_key *root, const struct jv_sid *sid,
                          enum jv_suite suite, bool is_client, struct jv_instant now)
{
    jv_keys_wipe(keys);
    keys->sid = *sid;
    keys->suite = (uint8_t)suite;
    keys->is_client = is_client;
    keys->previous_until = JV_NEVER;
    struct jv_epoch *epoch = &keys->epochs[JV_EPOCH_CURRENT];
    epoch->root = *root;
    return fill(keys, epoch, 1, now);
}

enum jv_err jv_keys_prepare(struct jv_keys *keys, uint64_t n, const struct jv_rekey_mix *mix)
{
    const struct jv_epoch *current = &keys->epochs[JV_EPOCH_CURRENT];
    if (current->n == 0 || n != current->n + 1) {
        return JV_E_STATE;
    }
    struct jv_key shared;
    enum jv_err err = jv_dh(&mix->own_private, &mix->peer_public, &shared);
    if (err != JV_E_OK) {
        return err;
    }
    uint8_t n_be[8];
    be64(n, n_be);
    const struct jv_bytes context[] = {{shared.b, JV_KEY_BYTES},
                                       {mix->client_random, 16},
                                       {mix->gateway_random, 16},
                                       {keys->sid.b, JV_SID_BYTES},
                                       {n_be, 8}};
    struct jv_epoch *next = &keys->epochs[JV_EPOCH_NEXT];
    jv_kdf(&current->root, "jv1 rekey", context, 5, &next->root);
    jv_wipe(&shared, sizeof shared);
    return fill(keys, next, n, current->since);
}

/* Library contexts stay with the slot that they are moved to, so that nothing is made or freed by a rekey. */
static void swap(struct jv_epoch *a, struct jv_epoch *b)
{
    struct jv_epoch t = *a;
    *a = *b;
    *b = t;
    jv_wipe(&t, sizeof t);
}

void jv_keys_advance(struct jv_keys *keys, struct jv_instant now)
{
    struct jv_epoch *previous = &keys->epochs[JV_EPOCH_PREVIOUS];
    struct jv_epoch *current = &keys->epochs[JV_EPOCH_CURRENT];
    struct jv_epoch *next = &keys->epochs[JV_EPOCH_NEXT];
    JV_ASSERT(next->n != 0);
    empty(previous);
    swap(previous, current);
    swap(current, next);
    jv_wipe(&previous->root, sizeof previous->root);
    jv_aead_wipe(&previous->tx);
    current->since = now;
    keys->previous_until = jv_add_ms(now, JV_KEY_PREVIOUS_MS);
}

void jv_keys_cancel_next(struct jv_keys *keys)
{
    empty(&keys->epochs[JV_EPOCH_NEXT]);
}

void jv_keys_expire(struct jv_keys *keys, struct jv_instant now)
{
    if (jv_is_due(keys->previous_until, now)) {
        empty(&keys->epochs[JV_EPOCH_PREVIOUS]);
        keys->previous_until = JV_NEVER;
    }
}

void jv_keys_wipe(struct jv_keys *keys)
{
    for (uint32_t i = 0; i < JV_EPOCHS; i++) {
        empty(&keys->epochs[i]);
    }
}

void jv_keys_fini(struct jv_keys *keys)
{
    jv_keys_wipe(keys);
    for (uint32_t i = 0; i < JV_EPOCHS; i++) {
        jv_aead_fini(&keys->epochs[i].tx);
        jv_aead_fini(&keys->epochs[i].rx);
    }
}

struct jv_epoch *jv_keys_at(struct jv_keys *keys, uint64_t n)
{
    struct jv_epoch *epoch = jv_keys_find(keys, (uint8_t)n);
    return n != 0 && epoch != NULL && epoch->n == n ? epoch : NULL;
}

void jv_keys_control(const struct jv_epoch *epoch, bool to_client, uint8_t type,
                     const uint8_t random[16], struct jv_key *out)
{
    const uint8_t head[2] = {to_client ? 1 : 0, type};
    const struct jv_bytes context[] = {{head, 2}, {random, 16}};
    jv_kdf(&epoch->control, "jv1 datagram", context, 2, out);
}
