/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "map.h"
#include "rounds.h"

#define CAP 24U
#define MEM_ENTRIES 64U

static struct jv_map_entry mem[MEM_ENTRIES], model[CAP];
static uint32_t model_len;

static uint32_t model_find(uint64_t hash, uint64_t value)
{
    uint32_t i = 0;
    while (i < model_len && (model[i].hash != hash || model[i].value != value)) {
        i++;
    }
    return i;
}

/* Few places and few values, so that probes collide, wrap and share hashes. */
static uint64_t draw_hash(struct jv_prng *prng)
{
    uint64_t low = jv_prng_below(prng, 3) == 0 ? MEM_ENTRIES - 1 : jv_prng_below(prng, 8);
    return low | jv_prng_below(prng, 3) << 40;
}

static bool walk_agrees(const struct jv_map *map, uint64_t hash)
{
    uint32_t expected = 0, found = 0;
    for (uint32_t i = 0; i < model_len; i++) {
        expected += model[i].hash == hash;
    }
    for (uint64_t cursor = 0, value = 0; jv_map_find(map, hash, &cursor, &value);) {
        if (model_find(hash, value) == model_len || ++found > expected) {
            return false;
        }
    }
    return found == expected;
}

static bool step_agrees(struct jv_map *map, struct jv_prng *prng)
{
    uint64_t hash = draw_hash(prng), value = jv_prng_below(prng, 3);
    uint32_t at = model_find(hash, value);
    if (jv_prng_below(prng, 5) < 3) {
        enum jv_err expected = at < model_len     ? JV_E_EXISTS
                               : model_len == CAP ? JV_E_FULL
                                                  : JV_E_OK;
        if (jv_map_add(map, hash, value) != expected) {
            return false;
        }
        if (expected == JV_E_OK) {
            model[model_len++] = (struct jv_map_entry){hash, value, 1};
        }
    } else {
        if (jv_map_remove(map, hash, value) != (at < model_len)) {
            return false;
        }
        if (at < model_len) {
            model[at] = model[--model_len];
        }
    }
    return map->len == model_len;
}

static bool matches_list(struct jv_prng *prng)
{
    struct jv_map map;
    if (jv_map_bytes(CAP) > sizeof mem) {
        return false;
    }
    memset(mem, 0, sizeof mem);
    model_len = 0;
    jv_map_init(&map, mem, CAP);
    for (int step = 0; step < 400; step++) {
        if (!step_agrees(&map, prng)) {
            return false;
        }
        for (uint32_t i = 0; i < model_len; i++) {
            if (!walk_agrees(&map, model[i].hash)) {
                return false;
            }
        }
        if (!walk_agrees(&map, draw_hash(prng))) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_map_matches_list", 150, matches_list);
}
