/* SPDX-License-Identifier: Apache-2.0 */
#include "handoff.h"

#include "shard.h"

uint32_t jv_handoff_routes(const struct jv_core_cfg *cfg)
{
    return cfg->users_max * (2 + JV_USER_NETS_MAX);
}

static uint32_t prefixes_of(const struct jv_user *user, struct jv_prefix out[2 + JV_USER_NETS_MAX])
{
    uint32_t n = 0;
    out[n] = (struct jv_prefix){user->address4, 32};
    n += user->address4.family != JV_AF_NONE ? 1 : 0;
    out[n] = (struct jv_prefix){user->address6, 128};
    n += user->address6.family != JV_AF_NONE ? 1 : 0;
    for (uint32_t i = 0; i < user->nets_len; i++) {
        out[n++] = user->nets[i];
    }
    return n;
}

void jv_handoff_add_user(struct jv_core *core, const struct jv_user *user)
{
    struct jv_prefix prefixes[2 + JV_USER_NETS_MAX];
    uint32_t home = jv_shard_of_key(&user->public_key, core->cfg.shards);
    if (jv_core_is_alone(core)) {
        return;
    }
    for (uint32_t i = prefixes_of(user, prefixes); i-- > 0;) {
        enum jv_err err = jv_routes_add(&core->homes, &prefixes[i], home);
        JV_ASSERT(err != JV_E_FULL); /* the loader refuses two users with one network */
    }
}

void jv_handoff_remove_user(struct jv_core *core, const struct jv_user *user)
{
    struct jv_prefix prefixes[2 + JV_USER_NETS_MAX];
    uint32_t home = jv_shard_of_key(&user->public_key, core->cfg.shards);
    if (jv_core_is_alone(core)) {
        return;
    }
    for (uint32_t i = prefixes_of(user, prefixes); i-- > 0;) {
        jv_routes_remove(&core->homes, &prefixes[i], home);
    }
}

bool jv_handoff_find(const struct jv_core *core, const struct jv_ip *ip, uint32_t *shard_out)
{
    uint32_t idx;
    /* A fixed address lies in the pool, and its user's home need not be the index's shard. */
    if (jv_routes_find(&core->homes, ip, shard_out)) {
        return true;
    }
    if (!jv_addresses_find(&core->addresses, ip, &idx)) {
        return false;
    }
    *shard_out = jv_shard_of_address(idx, core->cfg.shards);
    return true;
}

/* ---- planning ---- */

/* Indices of the pool that a user has by configuration, and nobody draws. */
static uint32_t fixed_of(const struct jv_addresses *pool, const struct jv_user *user,
                         uint32_t out[2])
{
    uint32_t n = jv_addresses_find(pool, &user->address4, &out[0]) ? 1 : 0;
    if (jv_addresses_find(pool, &user->address6, &out[n]) && (n == 0 || out[1] != out[0])) {
        n++;
    }
    return n;
}

bool jv_core_fits_shards(const struct jv_core_cfg *cfg, uint32_t shards)
{
    struct plan {
        uint32_t users, drawing, fixed, addresses;
    } at[JV_SHARDS_MAX] = {{0}}, all = {0};
    struct jv_addresses pool;
    JV_ASSERT(shards >= 1 && shards <= JV_SHARDS_MAX);
    jv_addresses_plan(&pool, &cfg->pool4, &cfg->pool6);
    for (uint32_t i = 0; i < cfg->users_len; i++) {
        const struct jv_user *user = &cfg->users[i];
        struct plan *home = &at[jv_shard_of_key(&user->public_key, shards)];
        bool has_own = user->address4.family != JV_AF_NONE || user->address6.family != JV_AF_NONE;
        uint32_t fixed[2];
        home->users++;
        home->drawing += has_own ? 0 : 1;
        for (uint32_t k = fixed_of(&pool, user, fixed); k-- > 0;) {
            at[jv_shard_of_address(fixed[k], shards)].fixed++;
        }
    }
    bool has_sessions = true;
    bool has_addresses = true;
    for (uint32_t i = 0; i < shards; i++) {
        uint32_t drawn = jv_addresses_drawn(&pool, i, shards);
        at[i].addresses = drawn - JV_MIN(drawn, at[i].fixed);
        has_sessions = has_sessions && at[i].users <= jv_shard_share(cfg->sessions_max, shards);
        has_addresses = has_addresses && at[i].drawing <= at[i].addresses;
        all.drawing += at[i].drawing;
        all.addresses += at[i].addresses;
    }
    return (has_sessions || cfg->users_len > cfg->sessions_max) &&
           (has_addresses || all.drawing > all.addresses);
}

/* ---- handing over ---- */

bool jv_handoff(struct jv_core *core, struct jv_slot *slot, uint32_t shard, bool is_packet,
                struct jv_out *out)
{
    if (jv_core_is_alone(core) || shard == core->cfg.shard || slot->is_handed) {
        return false;
    }
    JV_ASSERT(out->handoff_len < out->handoff_cap);
    /* It counts as received where it ends. */
    if (is_packet) {
        core->count.rx_packets--;
        core->count.rx_packet_bytes -= slot->len;
    } else {
        core->count.rx_datagrams--;
        core->count.rx_bytes -= slot->len;
    }
    core->count.handed_out++;
    out->handoff[out->handoff_len++] = (struct jv_handoff){*slot, shard, is_packet};
    return true;
}
