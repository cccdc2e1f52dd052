/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ini.h"

static void expect(struct jv_ini *ini, enum jv_ini_kind kind, uint32_t line, const char *name,
                   const char *value)
{
    struct jv_ini_item item;
    assert_int_equal(jv_ini_next(ini, &item), kind);
    assert_int_equal(item.line, line);
    assert_int_equal(item.name.len, strlen(name));
    assert_memory_equal(item.name.len > 0 ? item.name.at : name, name, item.name.len);
    assert_int_equal(item.value.len, strlen(value));
    assert_memory_equal(item.value.len > 0 ? item.value.at : value, value, item.value.len);
}

static void ini_gives_sections_and_values_in_order_with_lines(void **state)
{
    const char *text = "# head\n; head\n\n[A]\r\nKey=1\n\t[ B  some title ] # why\n  Key = a b, "
                       "c#d # note\nLast = x";
    struct jv_ini ini = jv_ini_init(text, strlen(text));
    expect(&ini, JV_INI_SECTION, 4, "A", "");
    expect(&ini, JV_INI_VALUE, 5, "Key", "1");
    expect(&ini, JV_INI_SECTION, 6, "B", "some title");
    expect(&ini, JV_INI_VALUE, 7, "Key", "a b, c#d");
    expect(&ini, JV_INI_VALUE, 8, "Last", "x");
    expect(&ini, JV_INI_END, 8, "", "");
    expect(&ini, JV_INI_END, 8, "", "");
}

static void ini_goes_on_after_a_bad_line(void **state)
{
    static const struct {
        const char *text, *problem;
    } bads[] = {
        {"key", "is not a line of the form Key = value"},
        {"Key =  # nothing", "has no value after the ="},
        {"1Key = 2", "has no key of letters and digits before the ="},
        {"K ey = 2", "has no key of letters and digits before the ="},
        {"[A", "is not a section: the closing ] is missing"},
        {"[ ]", "is not a section: [Name] or [Name title]"},
        {"[A]]x", "is not a section: the closing ] is missing"},
        {"Key = \x01", "has a control character"},
    };
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "%s\nGood = 1\n", bads[i].text);
        struct jv_ini ini = jv_ini_init(text, strlen(text));
        struct jv_ini_item item;
        assert_int_equal(jv_ini_next(&ini, &item), JV_INI_BAD);
        assert_string_equal(item.problem, bads[i].problem);
        expect(&ini, JV_INI_VALUE, 2, "Good", "1");
    }
}

static void ini_takes_long_values_up_to_its_limit(void **state)
{
    char *text = malloc(JV_INI_LINE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', JV_INI_LINE_MAX + 1);
    memcpy(text, "K=", 2);
    struct jv_ini ini = jv_ini_init(text, JV_INI_LINE_MAX);
    struct jv_ini_item item;
    assert_int_equal(jv_ini_next(&ini, &item), JV_INI_VALUE);
    assert_int_equal(item.value.len, JV_INI_LINE_MAX - 2);
    ini = jv_ini_init(text, JV_INI_LINE_MAX + 1);
    assert_int_equal(jv_ini_next(&ini, &item), JV_INI_BAD);
    assert_string_equal(item.problem, "is longer than 16384 characters");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ini_gives_sections_and_values_in_order_with_lines),
        cmocka_unit_test(ini_goes_on_after_a_bad_line),
        cmocka_unit_test(ini_takes_long_values_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
