/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_SOLO_H
#define JV_TESTS_SOLO_H
/*
 * solo -- one core in memory with room for all that it says, for tests of the core's inner modules.
 *
 * Entropy is a seeded stream, time is whatever the test writes to core->now, so that every run is the same run.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "crypto.h"
#include "prng.h"
#include "state.h"

#define SOLO_SESSIONS 8U
#define SOLO_USERS 4U

struct solo {
    struct jv_core *core;
    void *mem;
    struct jv_prng prng;
    struct jv_user users[SOLO_USERS];
    struct jv_core_cfg cfg;
    struct jv_out out;
    struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
    struct jv_record records[JV_OUT_RECORDS_MIN];
    struct jv_order orders[JV_OUT_ORDERS_MIN];
};

static inline void solo_random(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

static inline struct jv_key solo_key(uint8_t fill)
{
    struct jv_key key;
    memset(key.b, fill, sizeof key.b);
    return key;
}

static inline struct jv_key solo_public(uint8_t fill)
{
    struct jv_key private_key = solo_key(fill);
    struct jv_key public_key;
    JV_ASSERT(jv_dh_public(&private_key, &public_key) == JV_E_OK);
    return public_key;
}

/* Gateways have the private key 01.., users the private keys 11.., 12..; the client of a test is the first user. */
static inline void solo_cfg(struct solo *solo, enum jv_role role)
{
    memset(solo, 0, sizeof *solo);
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    struct jv_core_cfg *cfg = &solo->cfg;
    cfg->role = role;
    cfg->private_key = solo_key(role == JV_ROLE_CLIENT ? 0x11 : 0x01);
    cfg->policy = jv_policy_presets[JV_PRESET_STRICT];
    cfg->buffers = 512;
    cfg->first_seq = 1;
    cfg->mtu = JV_MTU_DEFAULT;
    cfg->gateway_key = solo_public(0x01);
    for (uint8_t i = 0; i < SOLO_USERS; i++) {
        solo->users[i].name[0] = (char)('a' + i);
        solo->users[i].public_key = solo_public((uint8_t)(0x11 + i));
    }
    if (role == JV_ROLE_CLIENT) {
        JV_ASSERT(jv_prefix_parse("0.0.0.0/0", false, &cfg->allowed[0]) == JV_E_OK);
        cfg->allowed_len = 1;
        return;
    }
    cfg->sessions_max = SOLO_SESSIONS;
    cfg->half_open_max = 8;
    cfg->users_max = SOLO_USERS;
    cfg->users = solo->users;
    cfg->users_len = SOLO_USERS;
    JV_ASSERT(jv_prefix_parse("10.9.0.1/24", true, &cfg->pool4) == JV_E_OK);
}

static inline void solo_start(struct solo *solo)
{
    size_t bytes = jv_core_bytes(&solo->cfg);
    JV_ASSERT(bytes > 0);
    bytes = (bytes + 63) & ~(size_t)63;
    solo->mem = aligned_alloc(64, bytes);
    JV_ASSERT(solo->mem != NULL);
    memset(solo->mem, 0, bytes);
    struct jv_entropy entropy = {solo_random, &solo->prng};
    struct jv_instant now = {JV_NS_PER_S};
    JV_ASSERT(jv_core_init(solo->mem, &solo->cfg, entropy, now, &solo->core) == JV_E_OK);
    solo->core->now = now;
    solo->out = (struct jv_out){.tx = solo->tx,
                                .tx_cap = JV_OUT_TX_MIN,
                                .tun = solo->tun,
                                .tun_cap = JV_OUT_TUN_MIN,
                                .records = solo->records,
                                .records_cap = JV_OUT_RECORDS_MIN,
                                .orders = solo->orders,
                                .orders_cap = JV_OUT_ORDERS_MIN};
}

/* Give back what the core said and begin a fresh page. */
static inline void solo_drain(struct solo *solo)
{
    jv_core_give(solo->core, solo->out.tx, solo->out.tx_len);
    jv_core_give(solo->core, solo->out.tun, solo->out.tun_len);
    solo->out.tx_len = solo->out.tun_len = solo->out.records_len = solo->out.orders_len = 0;
}

static inline void solo_stop(struct solo *solo)
{
    jv_core_fini(solo->core);
    free(solo->mem);
}
#endif /* JV_TESTS_SOLO_H */
