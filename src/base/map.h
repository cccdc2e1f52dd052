/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_MAP_H
#define JV_BASE_MAP_H
/*
 * map -- a fixed-capacity table from 64-bit hash to 64-bit value; open addressing with backward-shift deletion.
 *
 * The caller gives the hash: either bits of a random id of ours, or a keyed hash (crypto.h, jv_siphash) of anything a stranger
 * chose, so that nobody can make keys collide. Two entries may share a hash: look-ups are by (hash, value) where that matters,
 * and jv_map_find() walks every value of one hash.
 * Owns     memory given at jv_map_init(), sized for at most half load.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

struct jv_map_entry {
    uint64_t hash;
    uint64_t value;
    uint64_t used; /* 0 or 1 */
};

struct jv_map {
    struct jv_map_entry *entries;
    uint64_t mask;
    uint32_t len, cap;
};

size_t jv_map_bytes(uint32_t cap);
/* `mem` is zeroed. */
void jv_map_init(struct jv_map *map, void *mem, uint32_t cap);
/* JV_E_FULL: `cap` entries are in. JV_E_EXISTS: this very pair is in. */
JV_MUST_USE enum jv_err jv_map_add(struct jv_map *map, uint64_t hash, uint64_t value);
/*
 * The next value stored under `hash`. `*cursor` starts as 0 and is advanced; false: no more.
 *     for (uint64_t c = 0, v; jv_map_find(map, hash, &c, &v);) ...
 * The table may not change between the steps of one walk.
 */
bool jv_map_find(const struct jv_map *map, uint64_t hash, uint64_t *cursor, uint64_t *value_out);
/* Removes this very pair; false where it was not in. */
bool jv_map_remove(struct jv_map *map, uint64_t hash, uint64_t value);
#endif /* JV_BASE_MAP_H */
