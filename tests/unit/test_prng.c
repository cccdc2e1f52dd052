/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prng.h"

static void prng_gives_the_published_stream(void **state)
{
    /* SplitMix64 from seed 1234567: the reference values of prng.di.unimi.it/splitmix64.c. */
    static const uint64_t expected[] = {6457827717110365317ULL, 3203168211198807973ULL,
                                        9817491932198370423ULL, 4593380528125082431ULL,
                                        16408922859458223821ULL};
    struct jv_prng prng = {1234567};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(jv_prng_next(&prng) == expected[i]);
    }
}

static void prng_stays_below_its_bound_and_reaches_it(void **state)
{
    struct jv_prng prng = {1};
    uint32_t seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = jv_prng_below(&prng, 10);
        assert_true(v < 10);
        seen |= 1U << v;
    }
    assert_int_equal(seen, 0x3ff);
    assert_true(jv_prng_below(&prng, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prng_gives_the_published_stream),
        cmocka_unit_test(prng_stays_below_its_bound_and_reaches_it),
    };
    return cmocka_run_group_tests_name("prng", tests, NULL, NULL);
}
