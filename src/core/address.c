/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <string.h>

#include "bounds.h"
#include "crypto.h"
#include "wire.h"

/* ---- pool ---- */

#define NO_POOL 255U

static uint32_t width(const struct jv_prefix *pool)
{
    return pool->ip.family == JV_AF_4   ? 32 - pool->bits
           : pool->ip.family == JV_AF_6 ? 128 - pool->bits
                                        : NO_POOL;
}

uint32_t jv_addresses_count(const struct jv_prefix *pool4, const struct jv_prefix *pool6)
{
    uint32_t bits = JV_MIN(width(pool4), width(pool6));
    if (bits == NO_POOL) {
        return 0;
    }
    return bits > 16 ? JV_POOL_MAX : 1U << bits;
}

size_t jv_addresses_bytes(uint32_t count)
{
    return count * sizeof(struct jv_address_slot);
}

static uint32_t host_bits(const struct jv_prefix *pool)
{
    size_t len = pool->ip.family == JV_AF_4 ? 4 : 16;
    uint32_t w = JV_MIN(width(pool), 16U);
    uint32_t low = jv_load16(pool->ip.b + len - 2);
    return low & ((1U << w) - 1);
}

/* The n highest bits of a word; n is at most 64. */
static uint64_t high_bits(uint32_t n)
{
    return n == 0 ? 0 : ~(UINT64_MAX >> 1 >> (n - 1));
}

static struct jv_prefix network(const struct jv_prefix *pool)
{
    struct jv_prefix p = *pool;
    jv_store64(p.ip.b, jv_load64(p.ip.b) & high_bits(JV_MIN(p.bits, 64U)));
    jv_store64(p.ip.b + 8, jv_load64(p.ip.b + 8) & high_bits(p.bits - JV_MIN(p.bits, 64U)));
    return p;
}

void jv_addresses_plan(struct jv_addresses *a, const struct jv_prefix *pool4,
                       const struct jv_prefix *pool6)
{
    memset(a, 0, sizeof *a);
    a->len = jv_addresses_count(pool4, pool6);
    if (a->len == 0) {
        return;
    }
    const struct jv_prefix *named = pool4->ip.family != JV_AF_NONE ? pool4 : pool6;
    a->gateway = host_bits(named);
    if (a->gateway == 0 || a->gateway >= a->len) {
        a->gateway = 1 % a->len;
    }
    a->pool4 = network(pool4);
    a->pool6 = network(pool6);
    a->first = a->step = 1;
}

/* The broadcast address of the pool, or of its first /16; else one that is taken anyway. */
static uint32_t last(const struct jv_addresses *a)
{
    return a->pool4.ip.family == JV_AF_4 ? a->len - 1 : a->gateway;
}

void jv_addresses_init(struct jv_addresses *a, void *mem, const struct jv_prefix *pool4,
                       const struct jv_prefix *pool6)
{
    jv_addresses_plan(a, pool4, pool6);
    if (a->len == 0) {
        return;
    }
    a->slots = mem;
    a->slots[0].taken = true;
    a->slots[a->gateway].taken = true;
    a->slots[last(a)].taken = true;
}

uint32_t jv_addresses_drawn(const struct jv_addresses *a, uint32_t shard, uint32_t shards)
{
    uint32_t n = a->len > shard ? (a->len - 1 - shard) / shards + 1 : 0;
    const uint32_t others[] = {0, a->gateway, last(a)};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(others); i++) {
        bool is_counted = i > 0 && (others[i] == 0 || others[i] == others[i - 1]);
        n -= n > 0 && !is_counted && others[i] % shards == shard ? 1 : 0;
    }
    return n;
}

void jv_addresses_share(struct jv_addresses *a, uint32_t shard, uint32_t shards)
{
    if (shards > 1) {
        a->first = shard;
        a->step = shards;
    }
}

static bool is_free(const struct jv_address_slot *slot, uint64_t owner, struct jv_instant now)
{
    return !slot->taken && (slot->owner == 0 || slot->owner == owner ||
                            jv_since_ms(slot->freed, now) >= JV_ADDRESS_REST_MS);
}

/* The owner's hash chooses where the search for its former address begins and ends, so that it stays short. */
enum jv_err jv_addresses_take(struct jv_addresses *a, uint64_t owner, struct jv_instant now,
                              uint32_t *idx_out)
{
    uint32_t found = 0;
    for (uint32_t idx = a->first; idx < a->len; idx += a->step) {
        const struct jv_address_slot *slot = &a->slots[idx];
        if (slot->owner == owner && !slot->taken) {
            found = idx;
            break;
        }
        if (found == 0 && is_free(slot, owner, now)) {
            found = idx;
        }
        if (slot->owner == 0 && !slot->taken) {
            break; /* indices are handed out in order: behind the first unused one nobody was */
        }
    }
    if (found == 0) {
        return JV_E_FULL;
    }
    a->slots[found] = (struct jv_address_slot){.owner = owner, .taken = true};
    *idx_out = found;
    return JV_E_OK;
}

bool jv_addresses_find(const struct jv_addresses *a, const struct jv_ip *ip, uint32_t *idx_out)
{
    const struct jv_prefix *pool = ip->family == JV_AF_4 ? &a->pool4 : &a->pool6;
    if (a->len == 0 || pool->ip.family == JV_AF_NONE || !jv_prefix_has(pool, ip)) {
        return false;
    }
    struct jv_prefix as_pool = {*ip, pool->bits};
    *idx_out = host_bits(&as_pool);
    /* A wide network has hosts behind its indices, with the same low bits. */
    struct jv_prefix at = jv_addresses_at(a, (enum jv_family)ip->family, *idx_out);
    return *idx_out < a->len && jv_ip_is_equal(&at.ip, ip);
}

bool jv_addresses_is_taken(const struct jv_addresses *a, const struct jv_ip *ip,
                           uint64_t *owner_out)
{
    uint32_t idx = 0;
    if (!jv_addresses_find(a, ip, &idx) || !a->slots[idx].taken) {
        return false;
    }
    *owner_out = a->slots[idx].owner;
    return true;
}

void jv_addresses_release(struct jv_addresses *a, const struct jv_ip *ip, uint64_t owner,
                          struct jv_instant now)
{
    uint32_t idx = 0;
    if (jv_addresses_find(a, ip, &idx) && a->slots[idx].taken && a->slots[idx].owner == owner) {
        jv_addresses_free(a, idx, now);
    }
}

enum jv_err jv_addresses_reserve(struct jv_addresses *a, const struct jv_ip *ip, uint64_t owner)
{
    uint32_t idx = 0;
    if (!jv_addresses_find(a, ip, &idx)) {
        return JV_E_RANGE;
    }
    if (a->slots[idx].taken && a->slots[idx].owner != owner) {
        return JV_E_EXISTS;
    }
    a->slots[idx] = (struct jv_address_slot){.owner = owner, .taken = true};
    return JV_E_OK;
}

void jv_addresses_free(struct jv_addresses *a, uint32_t idx, struct jv_instant now)
{
    if (idx != 0 && idx < a->len) {
        a->slots[idx].taken = false;
        a->slots[idx].freed = now;
    }
}

struct jv_prefix jv_addresses_at(const struct jv_addresses *a, enum jv_family family, uint32_t idx)
{
    struct jv_prefix p = family == JV_AF_4 ? a->pool4 : a->pool6;
    if (a->len == 0 || p.ip.family == JV_AF_NONE) {
        return (struct jv_prefix){0};
    }
    size_t len = family == JV_AF_4 ? 4 : 16;
    p.ip.b[len - 2] = (uint8_t)(p.ip.b[len - 2] | idx >> 8);
    p.ip.b[len - 1] = (uint8_t)(p.ip.b[len - 1] | (idx & 0xff));
    return p;
}

/* ---- routes ---- */

size_t jv_routes_bytes(uint32_t cap)
{
    size_t entries = (cap * sizeof(struct jv_route_entry) + 15) & ~(size_t)15;
    size_t list = (cap * sizeof(uint32_t) + 15) & ~(size_t)15;
    return entries + list + jv_map_bytes(cap);
}

void jv_routes_init(struct jv_routes *routes, void *mem, uint32_t cap, const uint8_t key[16])
{
    memset(routes, 0, sizeof *routes);
    uint8_t *at = mem;
    routes->entries = mem;
    at += (cap * sizeof(struct jv_route_entry) + 15) & ~(size_t)15;
    routes->free = (void *)at;
    at += (cap * sizeof(uint32_t) + 15) & ~(size_t)15;
    jv_map_init(&routes->map, at, cap);
    routes->cap = cap;
    memcpy(routes->key, key, 16);
}

static struct jv_ip masked(const struct jv_ip *ip, uint32_t bits)
{
    struct jv_prefix p = {*ip, bits};
    return network(&p).ip;
}

static uint64_t hash_of(const struct jv_routes *routes, const struct jv_ip *network_ip,
                        uint32_t bits)
{
    uint8_t key[18];
    key[0] = network_ip->family;
    key[1] = (uint8_t)bits;
    memcpy(key + 2, network_ip->b, 16);
    return jv_siphash(routes->key, key, sizeof key);
}

static struct jv_route_entry *find(const struct jv_routes *routes, const struct jv_ip *network_ip,
                                   uint32_t bits, uint64_t hash, uint32_t *idx_out)
{
    uint64_t value;
    for (uint64_t cursor = 0; jv_map_find(&routes->map, hash, &cursor, &value);) {
        struct jv_route_entry *entry = &routes->entries[value];
        if (entry->prefix.bits == bits && jv_ip_is_equal(&entry->prefix.ip, network_ip)) {
            if (idx_out != NULL) {
                *idx_out = (uint32_t)value;
            }
            return entry;
        }
    }
    return NULL;
}

static uint32_t *count_of(struct jv_routes *routes, const struct jv_prefix *prefix)
{
    return prefix->ip.family == JV_AF_4 ? &routes->in_use4[prefix->bits]
                                        : &routes->in_use6[prefix->bits];
}

enum jv_err jv_routes_add(struct jv_routes *routes, const struct jv_prefix *prefix,
                          uint32_t session)
{
    struct jv_ip ip = masked(&prefix->ip, prefix->bits);
    uint64_t hash = hash_of(routes, &ip, prefix->bits);
    struct jv_route_entry *entry = find(routes, &ip, prefix->bits, hash, NULL);
    if (entry != NULL) {
        return entry->session == session ? JV_E_OK : JV_E_EXISTS;
    }
    if (routes->free_len == 0 && routes->high == routes->cap) {
        return JV_E_FULL;
    }
    uint32_t idx = routes->free_len > 0 ? routes->free[--routes->free_len] : routes->high++;
    routes->entries[idx] = (struct jv_route_entry){{ip, prefix->bits}, session, true};
    enum jv_err err = jv_map_add(&routes->map, hash, idx);
    JV_ASSERT(err == JV_E_OK);
    (*count_of(routes, prefix))++;
    return JV_E_OK;
}

void jv_routes_remove(struct jv_routes *routes, const struct jv_prefix *prefix, uint32_t session)
{
    struct jv_ip ip = masked(&prefix->ip, prefix->bits);
    uint64_t hash = hash_of(routes, &ip, prefix->bits);
    uint32_t idx = 0;
    struct jv_route_entry *entry = find(routes, &ip, prefix->bits, hash, &idx);
    if (entry == NULL || entry->session != session) {
        return;
    }
    (void)jv_map_remove(&routes->map, hash, idx); /* it was just found there */
    entry->used = false;
    routes->free[routes->free_len++] = idx;
    (*count_of(routes, prefix))--;
}

bool jv_routes_find(const struct jv_routes *routes, const struct jv_ip *ip, uint32_t *session_out)
{
    const uint32_t *in_use = ip->family == JV_AF_4 ? routes->in_use4 : routes->in_use6;
    for (uint32_t bits = (ip->family == JV_AF_4 ? 32U : 128U) + 1; bits-- > 0;) {
        if (in_use[bits] == 0) {
            continue;
        }
        struct jv_ip network_ip = masked(ip, bits);
        const struct jv_route_entry *entry =
            find(routes, &network_ip, bits, hash_of(routes, &network_ip, bits), NULL);
        if (entry != NULL) {
            *session_out = entry->session;
            return true;
        }
    }
    return false;
}
