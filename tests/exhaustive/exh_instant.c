/* SPDX-License-Identifier: Apache-2.0 */
/* Moments and durations at every turn of 64 bits, each with each, against arithmetic in 128 bits. */
#include "exh.h"
#include "instant.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t edges[512];
static size_t edges_len;

static void add(uint64_t v)
{
    edges[edges_len++] = v;
}

static void around(uint64_t v)
{
    for (uint64_t d = 0; d < 3; d++) {
        add(v - d);
        add(v + d);
    }
}

static uint64_t saturated(wide v)
{
    return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

static void pair(uint64_t t, uint64_t d)
{
    const struct jv_instant at = {t};
    const struct jv_instant other = {d};
    wide gap = d > t ? (wide)d - t : 0;
    EXH_CASE(jv_add_ns(at, d).ns == saturated((wide)t + d) &&
                 jv_add_us(at, d).ns == saturated((wide)t + (wide)d * 1000) &&
                 jv_add_ms(at, d).ns == saturated((wide)t + (wide)d * 1000000),
             "%llu and %llu", (unsigned long long)t, (unsigned long long)d);
    EXH_CASE(jv_since_ns(at, other) == gap && jv_since_us(at, other) == gap / 1000 &&
                 jv_since_ms(at, other) == gap / 1000000,
             "from %llu to %llu", (unsigned long long)t, (unsigned long long)d);
    EXH_CASE(jv_is_before(at, other) == (t < d) && jv_is_due(at, other) == (t <= d) &&
                 jv_earlier(at, other).ns == (t < d ? t : d) &&
                 jv_is_never(at) == (t == UINT64_MAX),
             "order of %llu and %llu", (unsigned long long)t, (unsigned long long)d);
    /* What is due at a deadline is due then and not before, also at the far end of time. */
    struct jv_instant due = jv_add_ms(at, d);
    EXH_CASE(jv_is_never(due) || (jv_since_ms(at, due) == d && jv_is_due(due, due)),
             "deadline at %llu in %llu ms", (unsigned long long)t, (unsigned long long)d);
}

int main(void)
{
    static const uint64_t turns[] = {2,
                                     1000,
                                     1000000,
                                     1000000000,
                                     1ULL << 31,
                                     1ULL << 32,
                                     1ULL << 48,
                                     1ULL << 63,
                                     UINT64_MAX / 1000000000,
                                     UINT64_MAX / 1000000,
                                     UINT64_MAX / 1000,
                                     UINT64_MAX - 1000000000,
                                     UINT64_MAX - 1000000,
                                     UINT64_MAX - 1000,
                                     UINT64_MAX - 2};
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        around(turns[i]);
    }
    for (uint32_t bit = 0; bit < 64; bit++) {
        add(1ULL << bit);
    }
    for (size_t i = 0; i < edges_len; i++) {
        for (size_t k = 0; k < edges_len; k++) {
            pair(edges[i], edges[k]);
        }
    }
    exh_law("sums and distances are the mathematical ones, or the far end of time");
    return exh_end();
}
