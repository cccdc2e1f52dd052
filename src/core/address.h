/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_ADDRESS_H
#define JV_CORE_ADDRESS_H
/*
 * address -- inner addresses of a gateway: the pool that sessions draw from, and the table that finds a session by inner destination.
 *
 * Pool     one index names a host in both families: base + index. Index 0 is the network, the gateway's own is never given out. A
 *          freed index rests JV_ADDRESS_REST_MS before another owner gets it; the same owner has it back at once. Shards of one gateway
 *          draw each from indices of its own.
 * Routes   longest prefix match by one look-up for each prefix length in use; a host route is found first.
 * Owns     memory given at init. Bounds: JV_POOL_MAX indices; `cap` routes.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "errors.h"
#include "instant.h"
#include "map.h"

struct jv_address_slot {
    uint64_t owner; /* 0: never used */
    struct jv_instant freed;
    bool taken;
};

struct jv_addresses {
    struct jv_address_slot *slots;
    struct jv_prefix pool4, pool6; /* network, host bits zero */
    uint32_t len;                  /* indices, 0: no pool */
    uint32_t gateway;              /* index of the gateway's own address */
    uint32_t first, step;          /* indices that are drawn: first, first + step, ... */
};

/* Indices that these pools give, the gateway's own address among them; family NONE: no pool of that family. */
uint32_t jv_addresses_count(const struct jv_prefix *pool4, const struct jv_prefix *pool6);
size_t jv_addresses_bytes(uint32_t count);
/* Host bits of a pool name the gateway's own address; none: the first host. */
void jv_addresses_init(struct jv_addresses *a, void *mem, const struct jv_prefix *pool4,
                       const struct jv_prefix *pool6);
/* Of `shards` pools alike this is number `shard`: it draws only its own indices (shard.h). Before the first one is taken. */
void jv_addresses_share(struct jv_addresses *a, uint32_t shard, uint32_t shards);
/* What jv_addresses_init() finds out, without memory: enough for jv_addresses_find() and jv_addresses_drawn(). */
void jv_addresses_plan(struct jv_addresses *a, const struct jv_prefix *pool4,
                       const struct jv_prefix *pool6);
/* Indices that number `shard` of `shards` may draw, fixed addresses among them. */
uint32_t jv_addresses_drawn(const struct jv_addresses *a, uint32_t shard, uint32_t shards);
/* An index for `owner` (not 0): the one it had, else one that is free and rested. JV_E_FULL. */
JV_MUST_USE enum jv_err jv_addresses_take(struct jv_addresses *a, uint64_t owner,
                                          struct jv_instant now, uint32_t *idx_out);
/* Mark a given index as taken, for fixed addresses inside the pool. JV_E_RANGE, JV_E_EXISTS. */
JV_MUST_USE enum jv_err jv_addresses_reserve(struct jv_addresses *a, const struct jv_ip *ip,
                                             uint64_t owner);
/* False: `ip` is none of the pool's indices. */
bool jv_addresses_find(const struct jv_addresses *a, const struct jv_ip *ip, uint32_t *idx_out);
/* Whether `ip` is an index of the pool that somebody has; `owner_out` is 0 for the gateway itself. */
bool jv_addresses_is_taken(const struct jv_addresses *a, const struct jv_ip *ip,
                           uint64_t *owner_out);
/* Take back what jv_addresses_reserve() gave; where `owner` does not have it, nothing happens. */
void jv_addresses_release(struct jv_addresses *a, const struct jv_ip *ip, uint64_t owner,
                          struct jv_instant now);
void jv_addresses_free(struct jv_addresses *a, uint32_t idx, struct jv_instant now);
/* The address of an index with the pool's prefix length; family NONE where the pool lacks the family. */
struct jv_prefix jv_addresses_at(const struct jv_addresses *a, enum jv_family family, uint32_t idx);

struct jv_route_entry {
    struct jv_prefix prefix;
    uint32_t session; /* index */
    bool used;
};

struct jv_routes {
    struct jv_route_entry *entries;
    uint32_t cap, high, free_len;
    uint32_t *free;
    struct jv_map map;
    uint32_t in_use4[33], in_use6[129]; /* routes of each length */
    uint8_t key[16];
};

size_t jv_routes_bytes(uint32_t cap);
void jv_routes_init(struct jv_routes *routes, void *mem, uint32_t cap, const uint8_t key[16]);
/* JV_E_EXISTS: another session has this very prefix. JV_E_FULL. */
JV_MUST_USE enum jv_err jv_routes_add(struct jv_routes *routes, const struct jv_prefix *prefix,
                                      uint32_t session);
void jv_routes_remove(struct jv_routes *routes, const struct jv_prefix *prefix, uint32_t session);
/* The session of the longest matching prefix; false: none. */
bool jv_routes_find(const struct jv_routes *routes, const struct jv_ip *ip, uint32_t *session_out);
#endif /* JV_CORE_ADDRESS_H */
