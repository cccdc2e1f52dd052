/* SPDX-License-Identifier: Apache-2.0 */
/* The published vectors are what the core makes today: a change of a byte on the wire cannot go unnoticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../vectors/frames.h"

static int set_up(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    jv_crypto_fini();
    return 0;
}

static void compare(const struct vector_file *file)
{
    char *made = NULL;
    size_t made_len = 0;
    FILE *to = open_memstream(&made, &made_len);
    assert_non_null(to);
    file->write(to);
    assert_int_equal(fclose(to), 0);
    char *kept = malloc(made_len + 1);
    FILE *from = fopen(file->name, "r");
    assert_non_null(kept);
    assert_non_null(from);
    size_t kept_len = fread(kept, 1, made_len + 1, from);
    assert_int_equal(fclose(from), 0);
    assert_int_equal(kept_len, made_len);
    assert_memory_equal(kept, made, made_len);
    free(kept);
    free(made);
}

static void vectors_of_births_are_as_published(void **state)
{
    compare(&vector_files[0]);
}

static void vectors_of_keys_are_as_published(void **state)
{
    compare(&vector_files[1]);
}

static void vectors_of_control_datagrams_are_as_published(void **state)
{
    compare(&vector_files[2]);
}

static void vectors_of_traffic_are_as_published(void **state)
{
    compare(&vector_files[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_births_are_as_published),
        cmocka_unit_test(vectors_of_keys_are_as_published),
        cmocka_unit_test(vectors_of_control_datagrams_are_as_published),
        cmocka_unit_test(vectors_of_traffic_are_as_published),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
