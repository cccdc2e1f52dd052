/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"

#define CAP 8U

static struct jv_heap heap;
static uint64_t mem[CAP * 2];

static int begin(void **state)
{
    memset(mem, 0xff, sizeof mem); /* the memory need not be zero */
    jv_heap_init(&heap, mem, CAP);
    return 0;
}

static struct jv_instant at(uint64_t ns)
{
    return (struct jv_instant){ns};
}

static void heap_empty_is_due_never(void **state)
{
    uint32_t idx = 99;
    assert_true(jv_heap_bytes(CAP) <= sizeof mem);
    assert_true(jv_is_never(jv_heap_first(&heap, &idx)));
    assert_int_equal(idx, 99);
    jv_heap_set(&heap, 3, JV_NEVER);
    assert_int_equal(heap.len, 0);
}

static void heap_gives_deadlines_in_order_of_time(void **state)
{
    static const uint64_t due[CAP] = {50, 20, 70, 10, 80, 30, 60, 40};
    uint64_t last = 0;
    for (uint32_t i = 0; i < CAP; i++) {
        jv_heap_set(&heap, i, at(due[i]));
    }
    for (uint32_t i = 0; i < CAP; i++) {
        uint32_t idx = 99;
        struct jv_instant first = jv_heap_first(&heap, &idx);
        assert_true(first.ns == due[idx]);
        assert_true(first.ns > last);
        last = first.ns;
        jv_heap_set(&heap, idx, JV_NEVER);
    }
    assert_true(jv_is_never(jv_heap_first(&heap, NULL)));
}

static void heap_orders_equal_times_by_index(void **state)
{
    static const uint32_t order[] = {5, 2, 7, 0, 3};
    static const uint32_t sorted[] = {0, 2, 3, 5, 7};
    for (size_t i = 0; i < JV_ARRAY_LEN(order); i++) {
        jv_heap_set(&heap, order[i], at(10));
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(sorted); i++) {
        uint32_t idx = 99;
        (void)jv_heap_first(&heap, &idx);
        assert_int_equal(idx, sorted[i]);
        jv_heap_set(&heap, idx, JV_NEVER);
    }
}

static void heap_moves_a_deadline_both_ways(void **state)
{
    uint32_t idx = 99;
    jv_heap_set(&heap, 0, at(10));
    jv_heap_set(&heap, 1, at(20));
    jv_heap_set(&heap, 2, at(30));
    jv_heap_set(&heap, 2, at(5));
    assert_true(jv_heap_first(&heap, &idx).ns == 5);
    assert_int_equal(idx, 2);
    jv_heap_set(&heap, 2, at(40));
    assert_true(jv_heap_first(&heap, &idx).ns == 10);
    assert_int_equal(idx, 0);
    assert_int_equal(heap.len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(heap_empty_is_due_never, begin),
        cmocka_unit_test_setup(heap_gives_deadlines_in_order_of_time, begin),
        cmocka_unit_test_setup(heap_orders_equal_times_by_index, begin),
        cmocka_unit_test_setup(heap_moves_a_deadline_both_ways, begin),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
