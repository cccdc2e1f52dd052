/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_PRNG_H
#define JV_BASE_PRNG_H
/*
 * prng -- a seeded stream (SplitMix64, Steele, Lea, Flood, OOPSLA 2014) for jitter and simulation, never for keys.
 */
#include <stdint.h>

struct jv_prng {
    uint64_t state;
};

static inline uint64_t jv_prng_next(struct jv_prng *prng)
{
    uint64_t z = (prng->state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* A value in 0..bound-1; `bound` > 0. The bias of the modulus is below 2^-32 for the bounds used here. */
static inline uint64_t jv_prng_below(struct jv_prng *prng, uint64_t bound)
{
    return jv_prng_next(prng) % bound;
}
#endif /* JV_BASE_PRNG_H */
