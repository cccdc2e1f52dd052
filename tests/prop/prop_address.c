/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two laws on drawn histories. Routes: the table finds what a walk over all prefixes finds. Pool: no index has two owners, a freed one
 * rests, and an owner that comes back gets its former one unless it rested and went to another.
 */
#include <string.h>

#include "address.h"
#include "base.h"
#include "bounds.h"
#include "rounds.h"

#define ROUTES 24U
#define STEPS 60U
#define OWNERS 12U

static uint64_t mem[8192];

struct model_route {
    struct jv_prefix prefix;
    uint32_t session;
    bool used;
};

static struct jv_ip draw_ip(struct jv_prng *prng)
{
    struct jv_ip ip = {.family = jv_prng_below(prng, 2) == 0 ? JV_AF_4 : JV_AF_6};
    /* Few values, so that prefixes nest and meet. */
    for (size_t i = 0; i < (ip.family == JV_AF_4 ? 4U : 16U); i++) {
        ip.b[i] = (uint8_t)(i < 2 ? 10 : jv_prng_below(prng, 3) << 6);
    }
    return ip;
}

/* Bit by bit, unlike the masks of the table. */
static bool matches(const struct jv_prefix *prefix, const struct jv_ip *ip)
{
    bool same = prefix->ip.family == ip->family;
    for (uint32_t bit = 0; same && bit < prefix->bits; bit++) {
        uint8_t mask = (uint8_t)(0x80U >> bit % 8);
        same = (prefix->ip.b[bit / 8] & mask) == (ip->b[bit / 8] & mask);
    }
    return same;
}

static bool is_same_route(const struct model_route *r, const struct jv_prefix *prefix)
{
    return r->used && r->prefix.bits == prefix->bits && matches(&r->prefix, &prefix->ip);
}

static enum jv_err model_add(struct model_route *model, const struct jv_prefix *prefix, uint32_t s)
{
    struct model_route *place = NULL;
    for (uint32_t i = 0; i < ROUTES; i++) {
        if (is_same_route(&model[i], prefix)) {
            return model[i].session == s ? JV_E_OK : JV_E_EXISTS;
        }
        place = place == NULL && !model[i].used ? &model[i] : place;
    }
    if (place == NULL) {
        return JV_E_FULL;
    }
    *place = (struct model_route){*prefix, s, true};
    return JV_E_OK;
}

static int model_find(const struct model_route *model, const struct jv_ip *ip)
{
    int found = -1;
    int bits = -1;
    for (uint32_t i = 0; i < ROUTES; i++) {
        if (model[i].used && matches(&model[i].prefix, ip) && (int)model[i].prefix.bits > bits) {
            bits = (int)model[i].prefix.bits;
            found = (int)model[i].session;
        }
    }
    return found;
}

static bool routes_hold(struct jv_prng *prng)
{
    static const uint8_t key[16] = {5};
    struct jv_routes routes;
    struct model_route model[ROUTES];
    memset(mem, 0, sizeof mem);
    memset(model, 0, sizeof model);
    JV_ASSERT(jv_routes_bytes(ROUTES) <= sizeof mem);
    jv_routes_init(&routes, mem, ROUTES, key);
    for (uint32_t step = 0; step < STEPS; step++) {
        struct jv_ip ip = draw_ip(prng);
        uint32_t max = ip.family == JV_AF_4 ? 32 : 128;
        struct jv_prefix prefix = {ip, (uint32_t)jv_prng_below(prng, max + 1)};
        uint32_t session = (uint32_t)jv_prng_below(prng, 4);
        if (jv_prng_below(prng, 3) > 0) {
            if (jv_routes_add(&routes, &prefix, session) != model_add(model, &prefix, session)) {
                return false;
            }
        } else {
            uint32_t which = (uint32_t)jv_prng_below(prng, ROUTES);
            prefix = model[which].used ? model[which].prefix : prefix;
            jv_routes_remove(&routes, &prefix, session);
            for (uint32_t i = 0; i < ROUTES; i++) {
                model[i].used = model[i].used &&
                                !(is_same_route(&model[i], &prefix) && model[i].session == session);
            }
        }
        for (uint32_t look = 0; look < 4; look++) {
            uint32_t found = 0;
            struct jv_ip at = draw_ip(prng);
            int want = model_find(model, &at);
            bool is = jv_routes_find(&routes, &at, &found);
            if (is != (want >= 0) || (is && (int)found != want)) {
                return false;
            }
        }
    }
    return true;
}

struct model_slot {
    uint64_t owner;
    bool taken;
    struct jv_instant freed;
};

/* What `owner` must get: true where `idx` is an answer that the law allows. */
static bool may_get(const struct model_slot *model, uint32_t len, uint64_t owner,
                    struct jv_instant now, uint32_t idx)
{
    for (uint32_t i = 0; i < len; i++) {
        if (!model[i].taken && model[i].owner == owner) {
            return model[idx].owner == owner && !model[idx].taken;
        }
    }
    const struct model_slot *slot = &model[idx];
    return !slot->taken &&
           (slot->owner == 0 || jv_since_ms(slot->freed, now) >= JV_ADDRESS_REST_MS);
}

static bool is_any_free(const struct model_slot *model, uint32_t len, uint64_t owner,
                        struct jv_instant now)
{
    for (uint32_t i = 0; i < len; i++) {
        if (may_get(model, len, owner, now, i)) {
            return true;
        }
    }
    return false;
}

static bool pool_step(struct jv_prng *prng, struct jv_addresses *pool, struct model_slot *model,
                      struct jv_instant now)
{
    uint64_t owner = 1 + jv_prng_below(prng, OWNERS);
    uint32_t idx = (uint32_t)jv_prng_below(prng, pool->len);
    if (jv_prng_below(prng, 2) == 0) {
        if (idx != pool->gateway && idx != pool->len - 1 && model[idx].taken) {
            jv_addresses_free(pool, idx, now);
            model[idx].taken = idx == 0;
            model[idx].freed = now;
        }
        return true;
    }
    if (jv_addresses_take(pool, owner, now, &idx) != JV_E_OK) {
        return !is_any_free(model, pool->len, owner, now);
    }
    bool good = may_get(model, pool->len, owner, now, idx);
    model[idx] = (struct model_slot){.owner = owner, .taken = true};
    return good;
}

static bool pool_holds(struct jv_prng *prng)
{
    struct jv_addresses pool;
    struct model_slot model[16];
    struct jv_prefix pool4 = {{{10, 0, 0, 0}, JV_AF_4, {0}}, 28};
    struct jv_prefix pool6 = {0};
    struct jv_instant now = {JV_NS_PER_S};
    pool4.ip.b[3] = (uint8_t)jv_prng_below(prng, 15);
    memset(mem, 0, sizeof mem);
    memset(model, 0, sizeof model);
    jv_addresses_init(&pool, mem, &pool4, &pool6);
    model[0].taken = model[pool.gateway].taken = model[15].taken = true;
    for (uint32_t step = 0; step < STEPS; step++) {
        now = jv_add_ms(now, jv_prng_below(prng, JV_ADDRESS_REST_MS / 8));
        if (!pool_step(prng, &pool, model, now)) {
            return false;
        }
    }
    return true;
}

static bool holds(struct jv_prng *prng)
{
    return routes_hold(prng) && pool_holds(prng);
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_address_pool_and_routes", 5000, holds);
}
