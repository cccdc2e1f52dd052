/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys.h"

static void sys_clock_never_goes_back(void **state)
{
    struct jv_instant before = jv_sys_now();
    for (int i = 0; i < 1000; i++) {
        struct jv_instant now = jv_sys_now();
        assert_false(jv_is_before(now, before));
        before = now;
    }
    assert_true(jv_sys_wall_ns() > 1600000000ULL * JV_NS_PER_S);
}

static void sys_random_fills_all_and_repeats_not(void **state)
{
    uint8_t a[64] = {0};
    uint8_t b[64] = {0};
    jv_sys_random(a, sizeof(a));
    jv_sys_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 32, b + 32, 32);
    jv_sys_random(b, 0);
}

static void sys_locked_memory_is_zeroed(void **state)
{
    bool locked = false;
    size_t bytes = 10000;
    uint8_t *mem = jv_sys_alloc_locked(bytes, &locked);
    assert_non_null(mem);
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(mem[i], 0);
        mem[i] = 1;
    }
    jv_sys_free_locked(mem, bytes);
    jv_sys_free_locked(NULL, bytes);
    assert_null(jv_sys_alloc_locked(SIZE_MAX / 2U, NULL));
}

static void sys_forbids_dumps(void **state)
{
    /* In a child: what is forbidden stays forbidden. */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit core = {1, 1};
        bool is_done = jv_sys_forbid_dumps() == JV_E_OK && getrlimit(RLIMIT_CORE, &core) == 0;
        _exit(is_done && prctl(PR_GET_DUMPABLE) == 0 && core.rlim_cur == 0 && core.rlim_max == 0
                  ? 0
                  : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void sys_counts_processors(void **state)
{
    assert_true(jv_sys_cpus() >= 1);
    assert_true(jv_sys_cpus() <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sys_clock_never_goes_back),
        cmocka_unit_test(sys_random_fills_all_and_repeats_not),
        cmocka_unit_test(sys_locked_memory_is_zeroed),
        cmocka_unit_test(sys_forbids_dumps),
        cmocka_unit_test(sys_counts_processors),
    };
    return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
