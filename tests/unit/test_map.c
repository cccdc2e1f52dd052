/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "map.h"

#define CAP 4U

static struct jv_map map;
static void *mem;

static int begin(void **state)
{
    mem = calloc(1, jv_map_bytes(CAP));
    if (mem == NULL) {
        return -1;
    }
    jv_map_init(&map, mem, CAP);
    return 0;
}

static int end(void **state)
{
    free(mem);
    return 0;
}

static uint64_t only(uint64_t hash)
{
    uint64_t cursor = 0, value = UINT64_MAX, more;
    assert_true(jv_map_find(&map, hash, &cursor, &value));
    assert_false(jv_map_find(&map, hash, &cursor, &more));
    return value;
}

static void map_finds_what_was_added(void **state)
{
    uint64_t cursor = 0, value;
    assert_false(jv_map_find(&map, 1, &cursor, &value));
    assert_int_equal(jv_map_add(&map, 1, 100), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 2, 0), JV_E_OK);
    assert_true(only(1) == 100);
    assert_true(only(2) == 0);
}

static void map_refuses_the_same_pair_and_a_fifth_entry(void **state)
{
    for (uint64_t i = 0; i < CAP; i++) {
        assert_int_equal(jv_map_add(&map, i, i), JV_E_OK);
    }
    assert_int_equal(jv_map_add(&map, 2, 2), JV_E_EXISTS);
    assert_int_equal(jv_map_add(&map, 2, 3), JV_E_FULL);
    assert_int_equal(map.len, CAP);
}

static void map_walks_every_value_of_one_hash(void **state)
{
    uint64_t sum = 0;
    uint32_t n = 0;
    assert_int_equal(jv_map_add(&map, 7, 1), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 15, 1000), JV_E_OK); /* same place, other hash */
    assert_int_equal(jv_map_add(&map, 7, 2), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 7, 4), JV_E_OK);
    for (uint64_t cursor = 0, value; jv_map_find(&map, 7, &cursor, &value);) {
        sum += value;
        n++;
    }
    assert_int_equal(n, 3);
    assert_int_equal(sum, 7);
}

static void map_removal_keeps_entries_that_probed_past_it(void **state)
{
    /* All of these want the last place of eight, so the probe wraps around. */
    assert_int_equal(jv_map_add(&map, 7, 1), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 15, 2), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 23, 3), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 0, 4), JV_E_OK); /* wants a place taken by the wrap */
    assert_true(jv_map_remove(&map, 7, 1));
    assert_false(jv_map_remove(&map, 7, 1));
    assert_true(only(15) == 2);
    assert_true(only(23) == 3);
    assert_true(only(0) == 4);
    assert_true(jv_map_remove(&map, 15, 2));
    assert_true(only(23) == 3);
    assert_true(only(0) == 4);
    assert_int_equal(map.len, 2);
}

static void map_removes_the_named_pair_alone(void **state)
{
    assert_int_equal(jv_map_add(&map, 5, 1), JV_E_OK);
    assert_int_equal(jv_map_add(&map, 5, 2), JV_E_OK);
    assert_false(jv_map_remove(&map, 5, 3));
    assert_true(jv_map_remove(&map, 5, 1));
    assert_true(only(5) == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(map_finds_what_was_added, begin, end),
        cmocka_unit_test_setup_teardown(map_refuses_the_same_pair_and_a_fifth_entry, begin, end),
        cmocka_unit_test_setup_teardown(map_walks_every_value_of_one_hash, begin, end),
        cmocka_unit_test_setup_teardown(map_removal_keeps_entries_that_probed_past_it, begin, end),
        cmocka_unit_test_setup_teardown(map_removes_the_named_pair_alone, begin, end),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
