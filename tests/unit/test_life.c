/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "solo.h"

static struct solo fix;

/* Whether a core can be made of the configuration, by both functions alike. */
static bool is_taken(const struct jv_core_cfg *cfg)
{
    struct jv_core *core = NULL;
    const struct jv_entropy entropy = {solo_random, &fix.prng};
    const size_t bytes = jv_core_bytes(cfg);
    const size_t room = JV_MAX(bytes, (size_t)64);
    void *mem = aligned_alloc(64, (room + 63) & ~(size_t)63);
    assert_non_null(mem);
    memset(mem, 0, room);
    enum jv_err err = bytes > 0 ? jv_core_init(mem, cfg, entropy, (struct jv_instant){1}, &core)
                                : jv_core_init(NULL, cfg, entropy, (struct jv_instant){1}, &core);
    if (err == JV_E_OK) {
        assert_non_null(core);
        jv_core_fini(core);
    } else {
        assert_null(core); /* untouched on failure */
    }
    free(mem);
    return bytes > 0 && err == JV_E_OK;
}

/* The field holds at its limits and not beyond them. */
#define RANGE(field, min, max)                                                                     \
    do {                                                                                           \
        struct jv_core_cfg cfg = fix.cfg;                                                          \
        cfg.field = (min);                                                                         \
        assert_true(is_taken(&cfg));                                                               \
        cfg.field = (max);                                                                         \
        assert_true(jv_core_bytes(&cfg) > 0);                                                      \
        cfg.field++;                                                                               \
        assert_int_equal(jv_core_bytes(&cfg), 0);                                                  \
        assert_false(is_taken(&cfg));                                                              \
        if ((min) > 0) {                                                                           \
            cfg.field = (min);                                                                     \
            cfg.field--;                                                                           \
            assert_false(is_taken(&cfg));                                                          \
        }                                                                                          \
    } while (0)

static void life_takes_every_value_within_its_range_and_none_beyond(void **state)
{
    solo_cfg(&fix, JV_ROLE_GATEWAY);
    RANGE(half_open_max, 1U, 1000000U);
    RANGE(users_max, SOLO_USERS, 1000000U);
    RANGE(users_len, 0U, SOLO_USERS);
    RANGE(buffers, 4 * JV_BATCH_MAX, 4000000U);
    RANGE(mtu, JV_MTU_MIN, JV_MTU_MAX);
    RANGE(dscp, (uint8_t)0, (uint8_t)JV_DSCP_COPY);
    RANGE(dns_len, 0U, JV_DNS_MAX);
    RANGE(endpoints_len, 0U, JV_ENDPOINT_MAX);
    RANGE(allowed_len, 0U, JV_ALLOWED_MAX);
    fix.cfg.users_len = 0;
    RANGE(users_max, 1U, 1000000U);
    /* A gateway has some places more than it lets in. */
    RANGE(sessions_max, 0U, 1000000U - 8U);
    for (uint32_t i = 0; i < 16; i++) {
        fix.cfg.sessions_max = UINT32_MAX - i; /* with them the sum wraps around */
        assert_false(is_taken(&fix.cfg));
    }
    solo_cfg(&fix, JV_ROLE_GATEWAY);
    fix.cfg.first_seq = 0;
    assert_false(is_taken(&fix.cfg));
}

static void life_of_a_client_needs_no_limits_of_a_gateway(void **state)
{
    solo_cfg(&fix, JV_ROLE_CLIENT);
    fix.cfg.sessions_max = fix.cfg.users_max = fix.cfg.half_open_max = UINT32_MAX;
    fix.cfg.users_len = UINT32_MAX;
    assert_true(is_taken(&fix.cfg));
}

static void life_begins_with_a_valid_policy_only(void **state)
{
    solo_cfg(&fix, JV_ROLE_CLIENT);
    fix.cfg.policy.heartbeat_interval_ms = 0;
    assert_false(is_taken(&fix.cfg));
}

static void life_of_a_gateway_fails_with_its_users(void **state)
{
    solo_cfg(&fix, JV_ROLE_GATEWAY);
    fix.users[1].public_key = fix.users[0].public_key;
    assert_false(is_taken(&fix.cfg));
    solo_cfg(&fix, JV_ROLE_GATEWAY);
    assert_int_equal(jv_ip_parse("10.9.0.7", &fix.users[1].address4), JV_E_OK);
    fix.users[2].address4 = fix.users[1].address4;
    assert_false(is_taken(&fix.cfg));
}

static void life_of_the_least_pool_of_buffers_carries_a_session(void **state)
{
    solo_cfg(&fix, JV_ROLE_CLIENT);
    fix.cfg.buffers = 4 * JV_BATCH_MAX;
    solo_start(&fix);
    struct jv_slot slots[4 * JV_BATCH_MAX + 1];
    assert_int_equal(jv_core_take(fix.core, slots, 4 * JV_BATCH_MAX + 1), 4 * JV_BATCH_MAX);
    struct jv_slot none;
    assert_false(jv_core_buf(fix.core, &none));
    struct jv_counters count;
    jv_core_counters(fix.core, &count);
    assert_int_equal(count.drops[JV_DROP_NO_BUFFER], 1);
    assert_int_equal(count.buffers_free, 0);
    jv_core_give(fix.core, slots, 4 * JV_BATCH_MAX);
    jv_core_counters(fix.core, &count);
    assert_int_equal(count.buffers_free, 4 * JV_BATCH_MAX);
    solo_stop(&fix);
}

static void life_leaves_no_key_behind(void **state)
{
    solo_cfg(&fix, JV_ROLE_GATEWAY);
    fix.users[0].psk = solo_key(0xa7);
    fix.cfg.private_key = solo_key(0xa6);
    size_t bytes = jv_core_bytes(&fix.cfg);
    solo_start(&fix);
    jv_core_fini(fix.core);
    const uint8_t *at = fix.mem;
    struct jv_key psk = solo_key(0xa7);
    struct jv_key own = solo_key(0xa6);
    for (size_t i = 0; i + JV_KEY_BYTES <= bytes; i++) {
        assert_false(at[i] == 0xa7 && memcmp(at + i, psk.b, JV_KEY_BYTES) == 0);
        assert_false(at[i] == 0xa6 && memcmp(at + i, own.b, JV_KEY_BYTES) == 0);
    }
    free(fix.mem);
}

static int start(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_takes_every_value_within_its_range_and_none_beyond),
        cmocka_unit_test(life_of_a_client_needs_no_limits_of_a_gateway),
        cmocka_unit_test(life_begins_with_a_valid_policy_only),
        cmocka_unit_test(life_of_a_gateway_fails_with_its_users),
        cmocka_unit_test(life_of_the_least_pool_of_buffers_carries_a_session),
        cmocka_unit_test(life_leaves_no_key_behind),
    };
    return cmocka_run_group_tests_name("life", tests, start, NULL);
}
