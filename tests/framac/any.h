/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_FRAMAC_ANY_H
#define JV_TESTS_FRAMAC_ANY_H
/*
 * any -- values that nothing is known of, for drivers that Frama-C's EVA reads. They are analysed and never run.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "__fc_builtin.h"

static inline bool any_bool(void)
{
    return Frama_C_interval(0, 1) != 0;
}

static inline uint8_t any8(void)
{
    return (uint8_t)Frama_C_interval(0, 255);
}

static inline uint32_t any32(void)
{
    return Frama_C_unsigned_int_interval(0, UINT32_MAX);
}

static inline uint64_t any64(void)
{
    return (uint64_t)any32() << 32 | any32();
}

static inline void any_bytes(void *out, size_t len)
{
    Frama_C_make_unknown(out, len);
}

/* Each number from 0 to `max` on its own: what follows is analysed for one after the other. */
static inline size_t each(size_t max)
{
    return (size_t)Frama_C_interval_split(0, (int)max);
}
#endif /* JV_TESTS_FRAMAC_ANY_H */
