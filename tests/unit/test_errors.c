/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "errors.h"

static void errors_have_a_text_and_a_value_each(void **state)
{
    static const struct {
        enum jv_err err;
        const char *text;
    } rows[] = {
#define E(name, value, class, text) {JV_E_##name, text},
#include "errors.def"
#undef E
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(jv_err_text(rows[i].err), rows[i].text);
        assert_true(i == 0 ? rows[i].err == 0 : (int)rows[i].err < 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(rows[i].err, rows[k].err);
            assert_string_not_equal(rows[i].text, rows[k].text);
        }
    }
    assert_string_equal(jv_err_text((enum jv_err) - 9999), "unknown error");
}

static void errors_tell_what_a_caller_may_do(void **state)
{
    assert_int_equal(jv_err_class_of(JV_E_AGAIN), JV_ERR_RETRY);
    assert_int_equal(jv_err_class_of(JV_E_SYNTAX), JV_ERR_CALLER);
    assert_int_equal(jv_err_class_of(JV_E_AUTH), JV_ERR_PEER);
    assert_int_equal(jv_err_class_of(JV_E_SYSTEM), JV_ERR_FATAL);
    assert_int_equal(jv_err_class_of((enum jv_err) - 9999), JV_ERR_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_a_text_and_a_value_each),
        cmocka_unit_test(errors_tell_what_a_caller_may_do),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
