/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "slab.h"

#define CAP 4U

static struct jv_slab slab;
static void *mem;

static int begin(void **state)
{
    mem = calloc(1, jv_slab_bytes(20, CAP));
    if (mem == NULL) {
        return -1;
    }
    jv_slab_init(&slab, mem, 20, CAP);
    return 0;
}

static int end(void **state)
{
    free(mem);
    return 0;
}

static void slab_gives_distinct_aligned_zeroed_objects(void **state)
{
    uint8_t *objects[CAP];
    for (uint32_t i = 0; i < CAP; i++) {
        struct jv_handle handle;
        objects[i] = jv_slab_add(&slab, &handle);
        assert_non_null(objects[i]);
        assert_true((uintptr_t)objects[i] % 16 == 0);
        for (size_t b = 0; b < 20; b++) {
            assert_int_equal(objects[i][b], 0);
        }
        memset(objects[i], 0xee, 20);
        assert_ptr_equal(jv_slab_get(&slab, handle), objects[i]);
    }
    assert_int_equal(slab.used, CAP);
}

static void slab_full_refuses_and_recovers(void **state)
{
    struct jv_handle handle, last;
    for (uint32_t i = 0; i < CAP; i++) {
        assert_non_null(jv_slab_add(&slab, &last));
    }
    assert_null(jv_slab_add(&slab, &handle));
    jv_slab_remove(&slab, last);
    assert_non_null(jv_slab_add(&slab, &handle));
    assert_int_equal(handle.idx, last.idx);
    assert_int_not_equal(handle.gen, last.gen);
}

static void slab_finds_out_a_stale_handle(void **state)
{
    struct jv_handle old, young;
    uint8_t *object = jv_slab_add(&slab, &old);
    assert_non_null(object);
    object[3] = 7;
    jv_slab_remove(&slab, old);
    assert_null(jv_slab_get(&slab, old));
    assert_int_equal(object[3], 0);
    assert_ptr_equal(jv_slab_add(&slab, &young), object);
    assert_null(jv_slab_get(&slab, old));
    jv_slab_remove(&slab, old);
    assert_ptr_equal(jv_slab_get(&slab, young), object);
    assert_int_equal(slab.used, 1);
}

static void slab_refuses_foreign_handles(void **state)
{
    struct jv_handle handle;
    assert_null(jv_slab_get(&slab, JV_NO_HANDLE));
    assert_non_null(jv_slab_add(&slab, &handle));
    assert_null(jv_slab_get(&slab, JV_NO_HANDLE));
    assert_null(jv_slab_get(&slab, (struct jv_handle){1, 1}));
    assert_null(jv_slab_get(&slab, (struct jv_handle){CAP, 1}));
    assert_null(jv_slab_get(&slab, (struct jv_handle){UINT32_MAX, 1}));
    jv_slab_remove(&slab, handle);
    /* Even: the generation of a free object, which no handle ever had. */
    assert_null(jv_slab_get(&slab, (struct jv_handle){0, handle.gen + 1}));
}

static void slab_walk_meets_objects_in_use_alone(void **state)
{
    struct jv_handle handles[3], seen;
    for (uint32_t i = 0; i < 3; i++) {
        assert_non_null(jv_slab_add(&slab, &handles[i]));
    }
    jv_slab_remove(&slab, handles[1]);
    assert_ptr_equal(jv_slab_at(&slab, 0, &seen), jv_slab_get(&slab, handles[0]));
    assert_int_equal(seen.gen, handles[0].gen);
    assert_null(jv_slab_at(&slab, 1, &seen));
    assert_non_null(jv_slab_at(&slab, 2, NULL));
    assert_null(jv_slab_at(&slab, 3, &seen));
    assert_null(jv_slab_at(&slab, CAP, &seen));
}

static void slab_leaves_unused_memory_untouched(void **state)
{
    struct jv_handle handle;
    uint8_t *object = jv_slab_add(&slab, &handle);
    jv_slab_remove(&slab, handle);
    assert_ptr_equal(jv_slab_add(&slab, &handle), object);
    assert_int_equal(slab.high, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slab_gives_distinct_aligned_zeroed_objects, begin, end),
        cmocka_unit_test_setup_teardown(slab_full_refuses_and_recovers, begin, end),
        cmocka_unit_test_setup_teardown(slab_finds_out_a_stale_handle, begin, end),
        cmocka_unit_test_setup_teardown(slab_refuses_foreign_handles, begin, end),
        cmocka_unit_test_setup_teardown(slab_walk_meets_objects_in_use_alone, begin, end),
        cmocka_unit_test_setup_teardown(slab_leaves_unused_memory_untouched, begin, end),
    };
    return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
