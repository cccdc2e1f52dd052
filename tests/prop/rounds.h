/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_ROUNDS_H
#define JV_TESTS_ROUNDS_H
/*
 * rounds -- one law, tried on many seeds, and the seed of the first that broke it.
 *
 * Gives    TAP for one law on standard output. A broken law prints a line to paste: the program with
 *          the seed runs that round alone.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "prng.h"

static inline int rounds_run(int argc, char **argv, const char *law, uint32_t rounds,
                             bool (*holds)(struct jv_prng *prng))
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t end = argc > 1 ? first + 1 : first + rounds;
    uint64_t seed = first;
    while (seed < end) {
        struct jv_prng prng = {seed};
        if (!holds(&prng)) {
            break;
        }
        seed++;
    }
    if (seed < end) {
        (void)printf("# replay: %s %llu\n", argv[0], (unsigned long long)seed);
    }
    (void)printf("1..1\n%s 1 - %s\n", seed == end ? "ok" : "not ok", law);
    return seed == end ? 0 : 1;
}
#endif /* JV_TESTS_ROUNDS_H */
