/* SPDX-License-Identifier: Apache-2.0 */
#include "map.h"

/* Half load at most: every probe meets a free entry soon, which is also what ends each loop below. */
static uint64_t entries_for(uint32_t cap)
{
    uint64_t n = 2;
    while (n < 2 * (uint64_t)cap) {
        n *= 2;
    }
    return n;
}

size_t jv_map_bytes(uint32_t cap)
{
    return (size_t)entries_for(cap) * sizeof(struct jv_map_entry);
}

void jv_map_init(struct jv_map *map, void *mem, uint32_t cap)
{
    *map = (struct jv_map){.entries = mem, .mask = entries_for(cap) - 1, .cap = cap};
}

/* Where the pair is, or the free entry where it belongs. */
static struct jv_map_entry *locate(const struct jv_map *map, uint64_t hash, uint64_t value)
{
    uint64_t at = hash & map->mask;
    while (map->entries[at].used != 0 &&
           (map->entries[at].hash != hash || map->entries[at].value != value)) {
        at = (at + 1) & map->mask;
    }
    return &map->entries[at];
}

enum jv_err jv_map_add(struct jv_map *map, uint64_t hash, uint64_t value)
{
    struct jv_map_entry *entry = locate(map, hash, value);
    if (entry->used != 0) {
        return JV_E_EXISTS;
    }
    if (map->len >= map->cap) {
        return JV_E_FULL;
    }
    *entry = (struct jv_map_entry){hash, value, 1};
    map->len++;
    return JV_E_OK;
}

bool jv_map_find(const struct jv_map *map, uint64_t hash, uint64_t *cursor, uint64_t *value_out)
{
    for (uint64_t step = *cursor; step <= map->mask; step++) {
        const struct jv_map_entry *entry = &map->entries[(hash + step) & map->mask];
        if (entry->used == 0) {
            return false;
        }
        if (entry->hash == hash) {
            *cursor = step + 1;
            *value_out = entry->value;
            return true;
        }
    }
    return false;
}

bool jv_map_remove(struct jv_map *map, uint64_t hash, uint64_t value)
{
    struct jv_map_entry *found = locate(map, hash, value);
    if (found->used == 0) {
        return false;
    }
    /* Entries behind the hole move into it where their probe passed over it: no tombstones remain. */
    uint64_t hole = (uint64_t)(found - map->entries);
    for (uint64_t at = (hole + 1) & map->mask; map->entries[at].used != 0;
         at = (at + 1) & map->mask) {
        uint64_t probed = (at - map->entries[at].hash) & map->mask;
        if (probed >= ((at - hole) & map->mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole] = (struct jv_map_entry){0, 0, 0};
    map->len--;
    return true;
}
