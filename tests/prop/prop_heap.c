/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "heap.h"
#include "rounds.h"

#define CAP 40U

/* The heap and a plain array agree on the earliest deadline and on how many there are, after each step. */
static bool matches_array(struct jv_prng *prng)
{
    static uint64_t mem[CAP * 2];
    uint64_t due[CAP];
    struct jv_heap heap;
    jv_heap_init(&heap, mem, CAP);
    memset(due, 0xff, sizeof due);
    for (int step = 0; step < 300; step++) {
        uint32_t idx = (uint32_t)jv_prng_below(prng, CAP);
        uint64_t ns = jv_prng_below(prng, 4) == 0 ? UINT64_MAX : jv_prng_below(prng, 30);
        due[idx] = ns;
        jv_heap_set(&heap, idx, (struct jv_instant){ns});
        uint32_t first = 0, len = 0, got = 0;
        for (uint32_t i = 0; i < CAP; i++) {
            first = due[i] < due[first] ? i : first;
            len += due[i] != UINT64_MAX;
        }
        struct jv_instant earliest = jv_heap_first(&heap, &got);
        if (heap.len != len || earliest.ns != due[first] || (len > 0 && got != first)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_heap_matches_array", 500, matches_array);
}
