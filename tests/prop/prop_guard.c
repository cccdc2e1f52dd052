/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "guard.h"
#include "rounds.h"

#define STEPS 300U

static struct jv_rate draw_rate(struct jv_prng *prng)
{
    struct jv_rate rate = {.count = (uint32_t)jv_prng_below(prng, 20),
                           .per_s = jv_prng_below(prng, 2) == 0 ? 1 : 60,
                           .burst = 1 + (uint32_t)jv_prng_below(prng, 10)};
    return rate;
}

/*
 * In no stretch of time are more tokens taken than the burst and what the rate gives; a refusal comes only where the wait is
 * positive, and after that wait the token is there.
 */
static bool bucket_keeps_its_rate(struct jv_prng *prng)
{
    struct jv_rate rate = draw_rate(prng);
    struct jv_bucket bucket;
    struct jv_instant now = {jv_prng_below(prng, 1000 * JV_NS_PER_S)};
    static uint64_t taken_ns[STEPS];
    uint32_t taken = 0;
    jv_bucket_init(&bucket, &rate, now);
    for (uint32_t i = 0; i < STEPS; i++) {
        now = jv_add_ns(now, jv_prng_below(prng, 2 * JV_NS_PER_S));
        uint64_t wait_ms = jv_bucket_wait_ms(&bucket, &rate, now);
        if (wait_ms != 0 && wait_ms != JV_WAIT_FOREVER && jv_prng_below(prng, 4) == 0) {
            struct jv_bucket early = bucket, ready = bucket;
            if (!jv_bucket_take(&ready, &rate, jv_add_ms(now, wait_ms)) ||
                jv_bucket_take(&early, &rate, jv_add_ms(now, wait_ms - 1))) {
                return false;
            }
        }
        bool ok = jv_bucket_take(&bucket, &rate, now);
        if (ok != (wait_ms == 0)) {
            return false;
        }
        if (ok) {
            taken_ns[taken++] = now.ns;
        }
    }
    for (uint32_t first = 0; first < taken; first++) {
        for (uint32_t last = first; last < taken; last++) {
            uint64_t period_ns = rate.per_s * JV_NS_PER_S;
            uint64_t given = rate.count * (taken_ns[last] - taken_ns[first]) / period_ns;
            if (last - first + 1 > rate.burst + given) {
                return false;
            }
        }
    }
    return true;
}

/* A table with room for every source decides as one bucket for each source would. */
static bool sources_match_buckets(struct jv_prng *prng)
{
    static struct jv_source mem[256];
    uint8_t key[16] = {(uint8_t)jv_prng_next(prng)};
    struct jv_rate rate = draw_rate(prng);
    struct jv_bucket model[4];
    struct jv_sources sources;
    struct jv_instant now = {0};
    memset(mem, 0, sizeof mem);
    if (jv_sources_bytes(JV_ARRAY_LEN(mem)) != sizeof mem) {
        return false;
    }
    jv_sources_init(&sources, mem, JV_ARRAY_LEN(mem), key);
    for (uint32_t i = 0; i < JV_ARRAY_LEN(model); i++) {
        jv_bucket_init(&model[i], &rate, now);
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t who = (uint32_t)jv_prng_below(prng, JV_ARRAY_LEN(model));
        struct jv_ip ip = {.b = {10, 0, 0, (uint8_t)who}, .family = JV_AF_4};
        now = jv_add_ms(now, jv_prng_below(prng, 300));
        if (jv_sources_take(&sources, &rate, now, &ip) != jv_bucket_take(&model[who], &rate, now)) {
            return false;
        }
    }
    return sources.evicted == 0;
}

static bool holds(struct jv_prng *prng)
{
    return bucket_keeps_its_rate(prng) && sources_match_buckets(prng);
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_guard_keeps_its_rate", 500, holds);
}
