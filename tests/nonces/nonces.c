/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No key meets one nonce twice. The linker leads every sealing of two whole cores through here (--wrap), where (key, nonce) is
 * remembered: also of what the network loses, and of births that come to nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aead.h"
#include "pair.h"
#include "state.h"

#define NONCE_BYTES 12U
#define PLACES (1U << 21)
#define CONTEXTS 256U

static const uint8_t hash_key[16] = {1, 2, 3};
static uint64_t *seen; /* hashes of key and nonce; 0: free */
static uint32_t seen_len, repeated;
static struct {
    const void *ctx;
    struct jv_key key;
} contexts[CONTEXTS];
static uint32_t contexts_next;
static struct pair p;

static void note(const struct jv_key *key, const uint8_t nonce[NONCE_BYTES])
{
    uint8_t both[JV_KEY_BYTES + NONCE_BYTES];
    memcpy(both, key->b, JV_KEY_BYTES);
    memcpy(both + JV_KEY_BYTES, nonce, NONCE_BYTES);
    uint64_t hash = jv_siphash(hash_key, both, sizeof both) | 1;
    uint32_t at = (uint32_t)(hash >> 20) % PLACES;
    while (seen[at] != 0 && seen[at] != hash) {
        at = (at + 1) % PLACES;
    }
    repeated += seen[at] == hash ? 1 : 0;
    seen_len += seen[at] == 0 ? 1 : 0;
    seen[at] = hash;
    assert_true(seen_len < PLACES / 2);
}

#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

/* A context of the library is moved from slot to slot; what it is keyed with is known here by the context itself. */
WRAP(enum jv_err, jv_aead_set, struct jv_aead *aead, enum jv_suite suite, const struct jv_key *key,
     bool sealing)
{
    enum jv_err err = __real_jv_aead_set(aead, suite, key, sealing);
    uint32_t i = 0;
    while (i < CONTEXTS && contexts[i].ctx != aead->ctx) {
        i++;
    }
    i = i < CONTEXTS ? i : contexts_next++ % CONTEXTS;
    contexts[i].ctx = aead->ctx;
    contexts[i].key = *key;
    return err;
}

WRAP(void, jv_aead_run, struct jv_aead *aead, struct jv_aead_op *ops, size_t n)
{
    uint32_t i = 0;
    while (i < CONTEXTS && contexts[i].ctx != aead->ctx) {
        i++;
    }
    assert_true(i < CONTEXTS);
    for (size_t k = 0; aead->sealing && k < n; k++) {
        uint8_t nonce[NONCE_BYTES] = {0};
        memcpy(nonce, &ops[k].counter, sizeof ops[k].counter);
        note(&contexts[i].key, nonce);
    }
    __real_jv_aead_run(aead, ops, n);
}

WRAP(void, jv_chacha_seal, const struct jv_key *key, const uint8_t nonce[12], const void *ad,
     size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    note(key, nonce);
    __real_jv_chacha_seal(key, nonce, ad, ad_len, in, len, out);
}

static int begin(void **state)
{
    seen = calloc(PLACES, sizeof *seen);
    seen_len = repeated = contexts_next = 0;
    memset(contexts, 0, sizeof contexts);
    return seen == NULL ? -1 : 0;
}

static int end(void **state)
{
    free(seen);
    return 0;
}

static void a_repetition_is_seen(void **state)
{
    const struct jv_key key = {{7}};
    uint8_t nonce[NONCE_BYTES] = {0};
    note(&key, nonce);
    nonce[0] = 1;
    note(&key, nonce);
    assert_int_equal(repeated, 0);
    note(&key, nonce);
    assert_int_equal(repeated, 1);
}

static void sessions_that_jump_rekey_and_lose_repeat_none(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
        policy.key_max_age_ms = 20000;
        pair_init(&p, &(struct pair_cfg){.seed = seed,
                                         .links = 2,
                                         .rtt_us = {20000, 45000},
                                         .policy = &policy,
                                         .rebirth = true,
                                         .no_aes = seed % 2 == 0});
        p.links[0].loss_ppm = p.links[1].loss_ppm = 20000;
        p.links[0].dup_ppm = p.links[1].dup_ppm = 20000;
        p.links[0].jitter_us = 15000;
        pair_flow_start(&p, &p.up, 7000, 300);
        pair_flow_start(&p, &p.down, 9000, 600);
        for (uint32_t i = 0; i < 40; i++) {
            p.links[i % 2].hole_up = i % 3 == 0;
            p.links[i % 2].hole_down = i % 3 != 2;
            pair_run(&p, 1500);
            p.links[i % 2].hole_up = p.links[i % 2].hole_down = false;
            pair_run(&p, 2500);
            if (i % 10 == 9) {
                pair_rebind(&p, 0);
            }
            if (i % 16 == 15) {
                (void)pair_command(&p, false, &(struct jv_command){.kind = JV_CMD_DOWN});
            }
        }
        struct jv_counters count;
        jv_core_counters(p.client, &count);
        assert_true(count.rekeys > 5 && count.jumps > 5 && count.births > 1);
        pair_fini(&p);
    }
    assert_true(seen_len > 50000);
    assert_int_equal(repeated, 0);
}

/* The answers to a birth get lost, its confirmation comes damaged and again, it is refused, and the client begins anew. */
static void births_that_come_to_nothing_repeat_none(void **state)
{
    uint64_t births = 0;
    uint64_t refused = 0;
    for (uint64_t seed = 11; seed <= 14; seed++) {
        const struct pair_cfg cfg = {.seed = seed,
                                     .links = 1,
                                     .rtt_us = {20000},
                                     .preset = JV_PRESET_FAST,
                                     .rebirth = true,
                                     .half_open_max = seed % 2 == 0 ? 1 : 8,
                                     .no_aes = seed % 2 == 0};
        pair_init(&p, &cfg);
        p.links[0].loss_ppm = 300000;
        p.links[0].dup_ppm = 300000;
        for (uint32_t i = 0; i < 30; i++) {
            pair_run(&p, 700);
            struct pair_event confirm = p.seen[JV_TYPE_TRAFFIC];
            for (uint32_t k = 0; k < 5 && confirm.len > 0; k++) {
                confirm.bytes[confirm.len - 1] ^= k % 2 == 0 ? 1 : 0;
                pair_inject(&p, true, 1, &confirm.remote, confirm.bytes, confirm.len);
            }
            pair_restart_client(&p, &cfg);
        }
        struct jv_counters count;
        jv_core_counters(p.gateway, &count);
        births += count.births;
        refused += count.births_refused;
        pair_fini(&p);
    }
    assert_true(births > 4 && refused > 4);
    assert_int_equal(repeated, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repetition_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(sessions_that_jump_rekey_and_lose_repeat_none, begin, end),
        cmocka_unit_test_setup_teardown(births_that_come_to_nothing_repeat_none, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
