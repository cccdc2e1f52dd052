/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reason.h"

static void reason_names_are_found_again(void **state)
{
    for (enum jv_why why = JV_WHY_NONE + 1; why < JV_WHY_END; why++) {
        const char *name = jv_why_name(why);
        size_t len = strlen(name);
        assert_int_equal(jv_why_parse(name, len), why);
        assert_int_equal(jv_why_parse(name, len - 1), JV_WHY_NONE);
        assert_int_equal(jv_why_parse(name, len + 1), JV_WHY_NONE);
        assert_true(strlen(jv_why_text(why)) > 0);
        assert_non_null(jv_why_alias(why));
    }
}

static void reason_none_and_unknown_numbers_say_so(void **state)
{
    assert_string_equal(jv_why_name(JV_WHY_NONE), "NONE");
    assert_string_equal(jv_why_name(JV_WHY_END), "NONE");
    assert_string_equal(jv_why_text((enum jv_why)250), "no reason");
    assert_string_equal(jv_why_alias(JV_WHY_NONE), "");
    assert_int_equal(jv_why_parse("", 0), JV_WHY_NONE);
    assert_int_equal(jv_why_parse("handshake_ok", 12), JV_WHY_NONE);
}

/* They travel in one byte, and their numbers are frozen: the first and some others by hand. */
static void reason_numbers_are_frozen(void **state)
{
    assert_int_equal(JV_WHY_HANDSHAKE_OK, 1);
    assert_int_equal(JV_WHY_REATTACH_SUCCESS, 18);
    assert_int_equal(JV_WHY_SUPERSEDED, 43);
    assert_int_equal(JV_WHY_SESSION_NOT_FOUND, 44);
    assert_int_equal(JV_WHY_VOLUME_REACHED, 65);
    assert_true(JV_WHY_END <= 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reason_names_are_found_again),
                                       cmocka_unit_test(reason_none_and_unknown_numbers_say_so),
                                       cmocka_unit_test(reason_numbers_are_frozen)};
    return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
