/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "bounds.h"
#include "crypto.h"

static struct jv_addresses pool;
static void *mem;
static const struct jv_prefix none;
static const struct jv_instant begin = {JV_NS_PER_S};

static struct jv_prefix prefix(const char *text)
{
    struct jv_prefix p = {0};
    assert_int_equal(jv_prefix_parse(text, true, &p), JV_E_OK);
    return p;
}

static struct jv_ip ip(const char *text)
{
    struct jv_ip out;
    assert_int_equal(jv_ip_parse(text, &out), JV_E_OK);
    return out;
}

static void make(const char *v4, const char *v6)
{
    struct jv_prefix p4 = v4 != NULL ? prefix(v4) : none;
    struct jv_prefix p6 = v6 != NULL ? prefix(v6) : none;
    free(mem);
    mem = calloc(1, jv_addresses_bytes(jv_addresses_count(&p4, &p6)) + 1);
    assert_non_null(mem);
    jv_addresses_init(&pool, mem, &p4, &p6);
}

static int stop(void **state)
{
    free(mem);
    mem = NULL;
    return 0;
}

/* The index that `owner` gets; 0: none. */
static uint32_t take(uint64_t owner, struct jv_instant now)
{
    uint32_t idx = 0;
    enum jv_err err = jv_addresses_take(&pool, owner, now, &idx);
    assert_int_equal(err, idx == 0 ? JV_E_FULL : JV_E_OK);
    return idx;
}

static void check_text(enum jv_family family, uint32_t idx, const char *want)
{
    char text[JV_ADDR_TEXT_BYTES] = "";
    struct jv_prefix at = jv_addresses_at(&pool, family, idx);
    if (at.ip.family != JV_AF_NONE) {
        (void)jv_prefix_format(&at, text, sizeof text);
    }
    assert_string_equal(text, want);
}

static void address_pools_are_counted_by_the_narrower_family(void **state)
{
    static const struct {
        const char *v4, *v6;
        uint32_t count, gateway;
    } cases[] = {{"10.0.0.0/24", NULL, 256, 1},
                 {"10.0.0.9/24", NULL, 256, 9},
                 {"10.0.0.0/30", NULL, 4, 1},
                 {"10.0.0.2/30", NULL, 4, 2},
                 {"10.0.0.0/16", NULL, 65536, 1},
                 {"10.0.0.0/8", NULL, 65536, 1},
                 {NULL, "fd00::/64", 65536, 1},
                 {NULL, "fd00::5/120", 256, 5},
                 {"10.0.0.0/24", "fd00::/64", 256, 1},
                 {"10.0.0.0/16", "fd00::/126", 4, 1},
                 {NULL, NULL, 0, 0}};
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        make(cases[i].v4, cases[i].v6);
        assert_int_equal(pool.len, cases[i].count);
        assert_int_equal(pool.gateway, cases[i].gateway);
    }
}

static void address_without_a_pool_gives_none(void **state)
{
    make(NULL, NULL);
    assert_int_equal(take(1, begin), 0);
    struct jv_ip fixed = ip("10.0.0.2");
    assert_int_equal(jv_addresses_reserve(&pool, &fixed, 1), JV_E_RANGE);
    check_text(JV_AF_4, 1, "");
    jv_addresses_free(&pool, 1, begin);
}

static void address_names_one_host_in_both_families(void **state)
{
    make("10.9.4.0/22", "fd00:1::/64");
    check_text(JV_AF_4, 2, "10.9.4.2/22");
    check_text(JV_AF_6, 2, "fd00:1::2/64");
    check_text(JV_AF_4, 0x3fe, "10.9.7.254/22");
    check_text(JV_AF_6, 0x3fe, "fd00:1::3fe/64");
    make(NULL, "fd00:1::/64");
    check_text(JV_AF_4, 2, "");
    check_text(JV_AF_6, 0xfffe, "fd00:1::fffe/64");
}

static void address_gives_in_order_and_never_its_own(void **state)
{
    make("10.0.0.3/29", NULL);
    static const uint32_t want[] = {1, 2, 4, 5, 6, 0, 0};
    for (uint64_t owner = 1; owner <= JV_ARRAY_LEN(want); owner++) {
        assert_int_equal(take(owner, begin), want[owner - 1]);
    }
}

static void address_smallest_pool_serves_one_client(void **state)
{
    make("10.0.0.0/30", NULL);
    assert_int_equal(take(7, begin), 2);
    assert_int_equal(take(8, begin), 0);
    make("10.0.0.0/31", NULL);
    assert_int_equal(take(7, begin), 0);
    make("10.0.0.0/32", NULL);
    assert_int_equal(take(7, begin), 0);
}

static void address_v6_pool_has_no_broadcast(void **state)
{
    make(NULL, "fd00::/126");
    assert_int_equal(take(7, begin), 2);
    assert_int_equal(take(8, begin), 3);
    assert_int_equal(take(9, begin), 0);
}

static void address_freed_rests_before_another_gets_it(void **state)
{
    make("10.0.0.0/30", NULL);
    assert_int_equal(take(7, begin), 2);
    jv_addresses_free(&pool, 2, begin);
    struct jv_instant rested = jv_add_ms(begin, JV_ADDRESS_REST_MS);
    assert_int_equal(take(8, begin), 0);
    assert_int_equal(take(8, (struct jv_instant){rested.ns - 1}), 0);
    assert_int_equal(take(8, rested), 2);
    assert_int_equal(take(7, rested), 0);
    assert_int_equal(JV_ADDRESS_REST_MS, 5 * 60 * 1000);
}

static void address_comes_back_to_its_owner_at_once(void **state)
{
    make("10.0.0.0/24", NULL);
    assert_int_equal(take(5, begin), 2);
    assert_int_equal(take(6, begin), 3);
    assert_int_equal(take(7, begin), 4);
    jv_addresses_free(&pool, 3, begin);
    jv_addresses_free(&pool, 4, begin);
    assert_int_equal(take(7, begin), 4);
    assert_int_equal(take(8, begin), 5);
    assert_int_equal(take(6, begin), 3);
    /* Also where a rested one of somebody else stands before it. */
    jv_addresses_free(&pool, 2, begin);
    struct jv_instant later = jv_add_ms(begin, JV_ADDRESS_REST_MS);
    jv_addresses_free(&pool, 4, later);
    assert_int_equal(take(7, later), 4);
    assert_int_equal(take(9, later), 2);
}

/* The gateway's own address and fixed ones stand between those that were handed out: the search goes past them. */
static void address_comes_back_from_behind_the_gateways_own(void **state)
{
    make("10.0.0.3/24", NULL);
    assert_int_equal(take(5, begin), 1);
    assert_int_equal(take(6, begin), 2);
    assert_int_equal(take(7, begin), 4);
    jv_addresses_free(&pool, 1, begin);
    jv_addresses_free(&pool, 4, begin);
    struct jv_instant later = jv_add_ms(begin, JV_ADDRESS_REST_MS);
    assert_int_equal(take(7, later), 4);
}

static void address_fixed_ones_are_kept_for_their_owner(void **state)
{
    make("10.0.0.0/29", "fd00::/64");
    struct jv_ip fixed = ip("10.0.0.3");
    struct jv_ip fixed6 = ip("fd00::3");
    struct jv_ip other6 = ip("fd00::4");
    assert_int_equal(jv_addresses_reserve(&pool, &fixed, 77), JV_E_OK);
    assert_int_equal(jv_addresses_reserve(&pool, &fixed6, 77), JV_E_OK);
    assert_int_equal(jv_addresses_reserve(&pool, &fixed6, 78), JV_E_EXISTS);
    assert_int_equal(jv_addresses_reserve(&pool, &other6, 78), JV_E_OK);
    assert_int_equal(take(1, begin), 2);
    assert_int_equal(take(2, begin), 5);
    assert_int_equal(take(3, begin), 6);
    assert_int_equal(take(4, begin), 0);
}

static void address_fixed_ones_outside_or_taken_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum jv_err want;
    } cases[] = {{"10.0.1.2", JV_E_RANGE},  {"9.0.0.2", JV_E_RANGE},   {"fd00::2", JV_E_RANGE},
                 {"10.0.0.0", JV_E_EXISTS}, {"10.0.0.1", JV_E_EXISTS}, {"10.0.0.255", JV_E_EXISTS},
                 {"10.0.0.254", JV_E_OK},   {"10.0.0.2", JV_E_OK}};
    make("10.0.0.0/24", NULL);
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        struct jv_ip fixed = ip(cases[i].text);
        assert_int_equal(jv_addresses_reserve(&pool, &fixed, 9), cases[i].want);
    }
}

/* Of a wide network only the first 65536 hosts are handed out: one behind them is nobody's index. */
static void address_fixed_ones_behind_the_indices_take_no_index(void **state)
{
    make(NULL, "fd00::/64");
    struct jv_ip far6 = ip("fd00::1:0:2");
    assert_int_equal(jv_addresses_reserve(&pool, &far6, 9), JV_E_RANGE);
    assert_int_equal(take(1, begin), 2);
    make("10.0.0.0/8", NULL);
    struct jv_ip far4 = ip("10.7.0.2");
    assert_int_equal(jv_addresses_reserve(&pool, &far4, 9), JV_E_RANGE);
    assert_int_equal(take(1, begin), 2);
}

static void address_free_ignores_what_was_never_given(void **state)
{
    make("10.0.0.0/30", NULL);
    jv_addresses_free(&pool, 0, begin);
    jv_addresses_free(&pool, 4, begin);
    jv_addresses_free(&pool, UINT32_MAX, begin);
    assert_int_equal(take(7, begin), 2);
    assert_int_equal(take(8, begin), 0);
}

/* ---- routes ---- */

static struct jv_routes routes;

static void make_routes(uint32_t cap)
{
    static const uint8_t key[16] = {1, 2, 3};
    free(mem);
    mem = calloc(1, jv_routes_bytes(cap));
    assert_non_null(mem);
    jv_routes_init(&routes, mem, cap, key);
}

static enum jv_err add(const char *text, uint32_t session)
{
    struct jv_prefix p = prefix(text);
    return jv_routes_add(&routes, &p, session);
}

static void drop(const char *text, uint32_t session)
{
    struct jv_prefix p = prefix(text);
    jv_routes_remove(&routes, &p, session);
}

static int find(const char *text)
{
    uint32_t session = 1000;
    struct jv_ip at = ip(text);
    bool found = jv_routes_find(&routes, &at, &session);
    assert_int_equal(found, session != 1000);
    return found ? (int)session : -1;
}

static void routes_longest_prefix_wins(void **state)
{
    make_routes(8);
    assert_int_equal(add("10.0.0.0/8", 1), JV_E_OK);
    assert_int_equal(add("10.1.0.0/16", 2), JV_E_OK);
    assert_int_equal(add("10.1.1.1/32", 3), JV_E_OK);
    assert_int_equal(add("0.0.0.0/0", 4), JV_E_OK);
    assert_int_equal(add("fd00::/8", 5), JV_E_OK);
    assert_int_equal(find("10.1.1.1"), 3);
    assert_int_equal(find("10.1.1.2"), 2);
    assert_int_equal(find("10.2.1.1"), 1);
    assert_int_equal(find("11.1.1.1"), 4);
    assert_int_equal(find("fd12::1"), 5);
    assert_int_equal(find("2001:db8::1"), -1);
    drop("10.1.1.1/32", 3);
    assert_int_equal(find("10.1.1.1"), 2);
    drop("10.1.0.0/16", 7); /* of another session */
    assert_int_equal(find("10.1.1.1"), 2);
}

static void routes_have_one_session_for_one_prefix(void **state)
{
    make_routes(2);
    assert_int_equal(add("10.1.0.7/16", 1), JV_E_OK);
    assert_int_equal(add("10.1.9.9/16", 1), JV_E_OK);
    assert_int_equal(add("10.1.0.0/16", 2), JV_E_EXISTS);
    assert_int_equal(add("10.2.0.0/16", 2), JV_E_OK);
    assert_int_equal(add("10.3.0.0/16", 2), JV_E_FULL);
    drop("10.1.0.0/16", 1);
    assert_int_equal(find("10.1.0.7"), -1);
    assert_int_equal(add("10.3.0.0/16", 3), JV_E_OK);
    assert_int_equal(find("10.3.0.7"), 3);
    drop("10.1.0.0/16", 1);
    assert_int_equal(find("10.3.0.7"), 3);
}

static void address_beyond_the_narrower_pool_belongs_to_nobody(void **state)
{
    uint64_t owner = 0;
    make("10.0.0.0/24", "fd00::/64");
    const struct jv_ip inside = ip("fd00::30");
    const struct jv_ip beyond = ip("fd00::330"); /* the same low byte, no index of the pool */
    const struct jv_ip far = ip("fd01::30");
    assert_int_equal(jv_addresses_reserve(&pool, &inside, 7), JV_E_OK);
    assert_true(jv_addresses_is_taken(&pool, &inside, &owner));
    assert_int_equal(owner, 7);
    assert_false(jv_addresses_is_taken(&pool, &beyond, &owner));
    assert_false(jv_addresses_is_taken(&pool, &far, &owner));
    assert_int_equal(jv_addresses_reserve(&pool, &beyond, 8), JV_E_RANGE);
}

static void address_of_the_gateway_that_no_index_has_is_the_first_one(void **state)
{
    /* The name is that of the wider IPv4 pool, and the IPv6 pool has only 256 indices. */
    make("10.0.9.1/16", "fd00::/120");
    assert_int_equal(pool.len, 256);
    assert_int_equal(pool.gateway, 1);
}

static void address_is_given_back_by_its_owner_alone(void **state)
{
    uint64_t owner = 0;
    make("10.0.0.0/24", NULL);
    const struct jv_ip fixed = ip("10.0.0.77");
    assert_int_equal(jv_addresses_reserve(&pool, &fixed, 7), JV_E_OK);
    jv_addresses_release(&pool, &fixed, 8, begin);
    assert_true(jv_addresses_is_taken(&pool, &fixed, &owner));
    jv_addresses_release(&pool, &fixed, 7, begin);
    assert_false(jv_addresses_is_taken(&pool, &fixed, &owner));
    /* Once more changes nothing: its rest counts from the first time. */
    jv_addresses_release(&pool, &fixed, 7, (struct jv_instant){9 * JV_NS_PER_S});
    assert_int_equal(pool.slots[77].freed.ns, begin.ns);
}

static void route_of_one_hash_and_another_network_is_not_taken_for_it(void **state)
{
    static const uint8_t key[16] = {1, 2, 3};
    struct jv_routes table;
    struct jv_prefix wide = prefix("10.1.0.0/16");
    struct jv_prefix other = prefix("10.2.0.0/16");
    uint32_t session = 99;
    void *at = calloc(1, jv_routes_bytes(4));
    assert_non_null(at);
    jv_routes_init(&table, at, 4, key);
    assert_int_equal(jv_routes_add(&table, &wide, 5), JV_E_OK);
    /* As if two networks had one hash: what stands under it is compared. */
    uint8_t what[18] = {JV_AF_4, 16};
    memcpy(what + 2, other.ip.b, 16);
    assert_int_equal(jv_map_add(&table.map, jv_siphash(key, what, sizeof what), 0), JV_E_OK);
    what[1] = 24;
    memcpy(what + 2, wide.ip.b, 16);
    assert_int_equal(jv_map_add(&table.map, jv_siphash(key, what, sizeof what), 0), JV_E_OK);
    table.in_use4[24] = 1;
    const struct jv_ip to_other = ip("10.2.0.1");
    const struct jv_ip to_wide = ip("10.1.0.1");
    assert_false(jv_routes_find(&table, &to_other, &session));
    assert_true(jv_routes_find(&table, &to_wide, &session));
    assert_int_equal(session, 5);
    free(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(address_beyond_the_narrower_pool_belongs_to_nobody, stop),
        cmocka_unit_test_teardown(address_of_the_gateway_that_no_index_has_is_the_first_one, stop),
        cmocka_unit_test_teardown(address_is_given_back_by_its_owner_alone, stop),
        cmocka_unit_test_teardown(route_of_one_hash_and_another_network_is_not_taken_for_it, stop),
        cmocka_unit_test(address_pools_are_counted_by_the_narrower_family),
        cmocka_unit_test(address_without_a_pool_gives_none),
        cmocka_unit_test(address_names_one_host_in_both_families),
        cmocka_unit_test(address_gives_in_order_and_never_its_own),
        cmocka_unit_test(address_smallest_pool_serves_one_client),
        cmocka_unit_test(address_v6_pool_has_no_broadcast),
        cmocka_unit_test(address_freed_rests_before_another_gets_it),
        cmocka_unit_test(address_comes_back_to_its_owner_at_once),
        cmocka_unit_test(address_comes_back_from_behind_the_gateways_own),
        cmocka_unit_test(address_fixed_ones_are_kept_for_their_owner),
        cmocka_unit_test(address_fixed_ones_outside_or_taken_are_refused),
        cmocka_unit_test(address_fixed_ones_behind_the_indices_take_no_index),
        cmocka_unit_test(address_free_ignores_what_was_never_given),
        cmocka_unit_test(routes_longest_prefix_wins),
        cmocka_unit_test(routes_have_one_session_for_one_prefix)};
    return cmocka_run_group_tests_name("address", tests, NULL, stop);
}
