/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "birth.h"
#include "client_state.h"
#include "core.h"
#include "handoff.h"
#include "resend.h"
#include "shard.h"
#include "state.h"
#include "users.h"

/* A birth that replaces a session lives beside it until it is proven. */
#define SESSIONS_SPARE 8U
#define SESSIONS_MAX 1000000U

/* One walk over the layout serves both the count of bytes (mem == NULL) and the placing. */
struct arena {
    uint8_t *mem;
    size_t used;
};

static void *carve(struct arena *arena, size_t bytes)
{
    arena->used = (arena->used + 63) & ~(size_t)63;
    uint8_t *at = arena->mem != NULL ? arena->mem + arena->used : NULL;
    arena->used += bytes;
    return at;
}

struct layout {
    struct jv_core *core;
    void *client, *sessions, *keys, *half_open, *waiting, *kept, *deadlines, *locators, *ephemerals;
    void *users, *user_map, *addresses, *routes, *homes, *sources, *proven, *buf_mem, *buf_free,
        *buf_refs;
    size_t bytes;
};

static uint32_t locator_cap(const struct jv_core_cfg *cfg)
{
    return cfg->sessions_max * JV_LOCATOR_MAX + cfg->half_open_max;
}

static uint32_t route_cap(const struct jv_core_cfg *cfg)
{
    return cfg->sessions_max * 2 + cfg->users_max * JV_USER_NETS_MAX;
}

static uint32_t waiting_cap(const struct jv_core_cfg *cfg)
{
    return JV_MAX(cfg->buffers / 4, 1U); /* what waits may not take the buffers of what moves */
}

static uint32_t kept_cap(const struct jv_core_cfg *cfg)
{
    return cfg->buffers / 2;
}

static struct layout lay_out(const struct jv_core_cfg *cfg, void *mem)
{
    struct arena arena = {mem, 0};
    struct layout l;
    bool is_client = cfg->role == JV_ROLE_CLIENT;
    l.core = carve(&arena, sizeof(struct jv_core));
    l.client = is_client ? carve(&arena, sizeof(struct jv_client)) : NULL;
    l.sessions = carve(&arena, jv_slab_bytes(sizeof(struct jv_session), cfg->sessions_max));
    l.keys = carve(&arena, jv_slab_bytes(sizeof(struct jv_keys), cfg->sessions_max));
    l.half_open = carve(&arena, jv_slab_bytes(sizeof(struct jv_half_open), cfg->half_open_max));
    l.waiting = carve(&arena, jv_slab_bytes(sizeof(struct jv_waiting), waiting_cap(cfg)));
    l.kept = carve(&arena, cfg->buffers * sizeof(struct jv_kept));
    l.deadlines = carve(&arena, jv_heap_bytes(cfg->sessions_max + cfg->half_open_max + 1));
    l.locators = carve(&arena, jv_map_bytes(locator_cap(cfg)));
    l.ephemerals = carve(&arena, jv_map_bytes(cfg->half_open_max));
    l.users = carve(&arena, cfg->users_max * sizeof(struct jv_user_state));
    l.user_map = carve(&arena, jv_map_bytes(cfg->users_max));
    l.addresses = carve(&arena, jv_addresses_bytes(jv_addresses_count(&cfg->pool4, &cfg->pool6)));
    l.routes = carve(&arena, jv_routes_bytes(route_cap(cfg)));
    l.homes = cfg->shards > 1 ? carve(&arena, jv_routes_bytes(jv_handoff_routes(cfg))) : NULL;
    l.sources = is_client ? NULL : carve(&arena, jv_sources_bytes(JV_BIRTH_SOURCES));
    l.proven = is_client ? NULL : carve(&arena, jv_sources_bytes(JV_BIRTH_SOURCES));
    l.buf_refs = carve(&arena, cfg->buffers);
    l.buf_free = carve(&arena, cfg->buffers * sizeof(uint32_t));
    l.buf_mem = carve(&arena, (size_t)cfg->buffers * JV_BUF_BYTES);
    l.bytes = arena.used;
    return l;
}

static bool is_shard(const struct jv_core_cfg *cfg)
{
    if (cfg->shards <= 1) {
        return cfg->shard == 0;
    }
    return cfg->role == JV_ROLE_GATEWAY && cfg->shards <= JV_SHARDS_MAX &&
           cfg->shard < cfg->shards && !jv_is_zero(cfg->cookie_seed.b, JV_KEY_BYTES);
}

/* A client is a core with one session and nobody to let in. */
static bool normalise(const struct jv_core_cfg *cfg, struct jv_core_cfg *out)
{
    *out = *cfg;
    if (cfg->role == JV_ROLE_GATEWAY) {
        uint32_t share = jv_shard_share(cfg->sessions_max, cfg->shards);
        out->sessions_max = JV_MIN(share, SESSIONS_MAX) + SESSIONS_SPARE;
        out->half_open_max = jv_shard_share(cfg->half_open_max, cfg->shards);
    }
    if (cfg->role == JV_ROLE_CLIENT) {
        out->sessions_max = 1;
        out->half_open_max = out->users_max = 1;
        out->users_len = 0;
    }
    return is_shard(out) && out->sessions_max <= SESSIONS_MAX && out->half_open_max >= 1 &&
           out->half_open_max <= 1000000 && out->users_max >= 1 && out->users_max <= 1000000 &&
           out->users_len <= out->users_max && out->buffers >= 4 * JV_BATCH_MAX &&
           out->buffers <= 4000000 && out->mtu >= JV_MTU_MIN && out->mtu <= JV_MTU_MAX &&
           out->dscp <= JV_DSCP_COPY && out->first_seq > 0 && out->dns_len <= JV_DNS_MAX &&
           out->endpoints_len <= JV_ENDPOINT_MAX && out->allowed_len <= JV_ARRAY_LEN(out->allowed);
}

size_t jv_core_bytes(const struct jv_core_cfg *cfg)
{
    struct jv_core_cfg c;
    return normalise(cfg, &c) ? lay_out(&c, NULL).bytes : 0;
}

static void place(struct jv_core *core, const struct layout *l)
{
    const struct jv_core_cfg *cfg = &core->cfg;
    core->client = l->client;
    jv_slab_init(&core->sessions, l->sessions, sizeof(struct jv_session), cfg->sessions_max);
    jv_slab_init(&core->key_slab, l->keys, sizeof(struct jv_keys), cfg->sessions_max);
    jv_slab_init(&core->half_open, l->half_open, sizeof(struct jv_half_open), cfg->half_open_max);
    jv_slab_init(&core->waiting, l->waiting, sizeof(struct jv_waiting), waiting_cap(cfg));
    core->kept = l->kept;
    core->kept_cap = kept_cap(cfg);
    jv_heap_init(&core->deadlines, l->deadlines, cfg->sessions_max + cfg->half_open_max + 1);
    jv_map_init(&core->locators, l->locators, locator_cap(cfg));
    jv_map_init(&core->ephemerals, l->ephemerals, cfg->half_open_max);
    core->users = l->users;
    jv_map_init(&core->user_map, l->user_map, cfg->users_max);
    jv_addresses_init(&core->addresses, l->addresses, &cfg->pool4, &cfg->pool6);
    jv_addresses_share(&core->addresses, cfg->shard, cfg->shards);
    jv_routes_init(&core->routes, l->routes, route_cap(cfg), core->hash_key);
    if (l->homes != NULL) {
        jv_routes_init(&core->homes, l->homes, jv_handoff_routes(cfg), core->hash_key);
    }
    if (l->sources != NULL) {
        jv_sources_init(&core->sources, l->sources, JV_BIRTH_SOURCES, core->hash_key);
        jv_sources_init(&core->proven, l->proven, JV_BIRTH_SOURCES, core->hash_key);
    }
    core->buf_free = l->buf_free;
    core->buf_refs = l->buf_refs;
    core->buf_mem = l->buf_mem;
    core->buf_cap = cfg->buffers;
    jv_resend_divide(core);
}

static void init_client(struct jv_core *core)
{
    struct jv_client *cl = core->client;
    cl->attempt.begin_at = cl->attempt.retry_at = JV_NEVER;
    cl->confirm_at = cl->healthy_since = cl->switch_retry_at = cl->failback_at = JV_NEVER;
    cl->metered_since = cl->backoff_at = JV_NEVER;
}

static enum jv_err init_gateway(struct jv_core *core)
{
    jv_cookies_init(&core->cookies);
    jv_core_random(core, core->token_key, sizeof core->token_key);
    jv_birth_rotate_cookies(core);
    jv_birth_divide(core);
    jv_heap_set(&core->deadlines, core->cfg.sessions_max + core->cfg.half_open_max,
                jv_cookies_deadline(&core->cookies));
    enum jv_err err = jv_users_load(core, core->cfg.users, core->cfg.users_len);
    core->cfg.users = NULL;
    return err;
}

enum jv_err jv_core_init(void *mem, const struct jv_core_cfg *cfg, struct jv_entropy entropy,
                         struct jv_instant now, struct jv_core **core_out)
{
    struct jv_core_cfg c;
    enum jv_policy_field field;
    if (!normalise(cfg, &c) || jv_policy_check(&c.policy, &field) != NULL) {
        return JV_E_RANGE;
    }
    struct layout l = lay_out(&c, mem);
    struct jv_core *core = l.core;
    JV_ASSERT(core != NULL);
    core->cfg = c;
    core->entropy = entropy;
    core->jitter.state = c.jitter_seed;
    core->now = core->started = now;
    core->seq = c.first_seq;
    core->sessions_limit = jv_shard_share(cfg->sessions_max, cfg->shards);
    core->sweep.next = UINT32_MAX;
    core->own.private_key = c.private_key;
    enum jv_err err = jv_dh_public(&core->own.private_key, &core->own.public_key);
    if (err != JV_E_OK) {
        return err;
    }
    jv_core_random(core, core->hash_key, sizeof core->hash_key);
    const struct jv_key *gateway =
        c.role == JV_ROLE_CLIENT ? &core->cfg.gateway_key : &core->own.public_key;
    jv_birth_keys(gateway, core->mac1_key, core->cookie_key);
    place(core, &l);
    if (c.role == JV_ROLE_CLIENT) {
        init_client(core);
    } else {
        err = init_gateway(core);
    }
    if (err == JV_E_OK) {
        *core_out = core;
    }
    return err;
}

static void wipe_used(const struct jv_slab *slab)
{
    jv_wipe(slab->objects, slab->high * slab->object_bytes);
}

void jv_core_fini(struct jv_core *core)
{
    for (uint32_t i = 0; i < core->key_slab.high; i++) {
        struct jv_keys *keys = jv_slab_at(&core->key_slab, i, NULL);
        if (keys != NULL) {
            jv_keys_fini(keys);
        }
    }
    /* What holds keys, as far as it was ever used: writing to the rest would make memory of what is only reserved. */
    wipe_used(&core->key_slab);
    wipe_used(&core->sessions);
    wipe_used(&core->half_open);
    for (uint32_t i = 0; i < core->cfg.users_max; i++) {
        if (core->users[i].used) {
            jv_wipe(&core->users[i], sizeof core->users[i]);
        }
    }
    if (core->client != NULL) {
        jv_wipe(core->client, sizeof *core->client);
    }
    jv_wipe(core, sizeof *core);
}
