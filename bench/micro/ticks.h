/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BENCH_TICKS_H
#define JV_BENCH_TICKS_H
/* ticks -- the finest clock of the machine: TSC ticks on x86-64, elsewhere nanoseconds. */
#include <stdint.h>
#include <time.h>

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    uint32_t aux;
    return __builtin_ia32_rdtscp(&aux);
#else
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
#endif
}
#endif /* JV_BENCH_TICKS_H */
