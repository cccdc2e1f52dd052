/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_EXH_H
#define JV_TESTS_EXH_H
/*
 * exh -- laws held over every case of a small world, as TAP that says how many cases there were.
 *
 * A law fails with its first few broken cases printed. A law without a single case has failed as well. The first argument `wide`
 * asks for the larger world.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXH_SHOWN 5U

static struct {
    uint32_t laws, broken_laws;
    uint64_t cases, broken;
} exh;

/* One case; `...` tells which one, where it is broken. */
#define EXH_CASE(good, ...)                                                                        \
    do {                                                                                           \
        exh.cases++;                                                                               \
        if (!(good) && exh.broken++ < EXH_SHOWN) {                                                 \
            (void)printf("# broken: ");                                                            \
            (void)printf(__VA_ARGS__);                                                             \
            (void)printf("\n");                                                                    \
        }                                                                                          \
    } while (0)

/* The cases since the last law make up this one. */
static inline void exh_law(const char *law)
{
    bool good = exh.broken == 0 && exh.cases > 0;
    exh.laws++;
    exh.broken_laws += good ? 0 : 1;
    (void)printf("%s %u - %s\n# %llu cases, %llu broken\n", good ? "ok" : "not ok", exh.laws, law,
                 (unsigned long long)exh.cases, (unsigned long long)exh.broken);
    (void)fflush(stdout);
    exh.cases = exh.broken = 0;
}

static inline int exh_end(void)
{
    (void)printf("1..%u\n", exh.laws);
    return exh.broken_laws == 0 ? 0 : 1;
}

static inline bool exh_is_wide(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "wide") == 0;
}
#endif /* JV_TESTS_EXH_H */
