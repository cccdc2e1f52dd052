/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_SHARD_H
#define JV_CORE_SHARD_H
/*
 * shard -- which of a gateway's cores something belongs to. Pure functions, so that nobody has to be asked.
 *
 * A gateway may run as 1..JV_SHARDS_MAX cores that share nothing. Whoever holds a datagram or an inner packet computes its core:
 * Locator  its lowest byte, which is byte 15 of every datagram, modulo the number of shards. A core gives none but its own.
 * User     the first four bytes of the public key, big-endian, modulo the number of shards: the home. One user's sessions, births,
 *          fixed addresses and networks are there and nowhere else.
 * Pool     the index of an address modulo the number of shards.
 * Shards   `shards` is 0 or 1 where the core is alone; everything belongs to shard 0 then.
 * Threads  none: pure functions.
 */
#include <stdint.h>

#include "base.h"
#include "bounds.h"
#include "crypto.h"

#define JV_SHARD_BYTE_OFF 15U /* of that byte in a datagram */

static inline uint32_t jv_shard_of_locator(uint64_t locator, uint32_t shards)
{
    return shards > 1 ? (uint32_t)(locator & 0xff) % shards : 0;
}

/* The home of a user. Keys of X25519 are even in their first bytes, which are the lowest ones of the number. */
static inline uint32_t jv_shard_of_key(const struct jv_key *public_key, uint32_t shards)
{
    const uint8_t *b = public_key->b;
    uint32_t word = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return shards > 1 ? word % shards : 0;
}

static inline uint32_t jv_shard_of_address(uint32_t idx, uint32_t shards)
{
    return shards > 1 ? idx % shards : 0;
}

/* What one shard may have of a limit of the gateway: an even part, rounded up. */
static inline uint32_t jv_shard_share(uint32_t total, uint32_t shards)
{
    return shards > 1 ? total / shards + (total % shards != 0 ? 1 : 0) : total;
}

/*
 * A locator of `shard` from 64 random bits; 0: none, draw again. Each locator of the shard is as likely as any other: 56 bits are left as
 * they are, and one of 256 / shards values is in the byte that names the shard, 60 bits at least.
 */
static inline uint64_t jv_shard_locator(uint64_t random, uint32_t shard, uint32_t shards)
{
    if (shards <= 1) {
        return random;
    }
    uint32_t byte = (uint32_t)(random & 0xff);
    /* The bytes behind the last whole round would make the first shards' highest values rare. */
    if (byte >= 256 - 256 % shards) {
        return 0;
    }
    return (random & ~(uint64_t)0xff) | (byte - byte % shards + shard);
}
#endif /* JV_CORE_SHARD_H */
