/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "units.h"

typedef bool parser(struct jv_text text, uint64_t *out);

static void accept(parser *parse, const char *text, uint64_t expected)
{
    uint64_t value = 0;
    assert_true(parse((struct jv_text){text, strlen(text)}, &value));
    assert_true(value == expected);
}

static void refuse(parser *parse, const char *text)
{
    uint64_t value = 77;
    assert_false(parse((struct jv_text){text, strlen(text)}, &value));
    assert_true(value == 77);
}

static void units_read_durations_with_their_unit_only(void **state)
{
    accept(jv_units_parse_ms, "0ms", 0);
    accept(jv_units_parse_ms, "1500ms", 1500);
    accept(jv_units_parse_ms, "15s", 15000);
    accept(jv_units_parse_ms, "10min", 600000);
    accept(jv_units_parse_ms, "8h", 28800000);
    accept(jv_units_parse_ms, "30d", 2592000000);
    static const char *const bads[] = {"",
                                       "5",
                                       "s",
                                       "-1s",
                                       "+1s",
                                       "1.5s",
                                       "1 s",
                                       "1S",
                                       "1m",
                                       "01s",
                                       "1ss",
                                       "1s ",
                                       "99999999999999999999d"};
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        refuse(jv_units_parse_ms, bads[i]);
    }
}

static void units_read_ratios_exactly(void **state)
{
    accept(jv_units_parse_ratio, "0.20", 200000);
    accept(jv_units_parse_ratio, "1.10", 1100000);
    accept(jv_units_parse_ratio, "1", 1000000);
    accept(jv_units_parse_ratio, "0.000001", 1);
    accept(jv_units_parse_percent, "10%", 100000);
    accept(jv_units_parse_percent, "12.5%", 125000);
    accept(jv_units_parse_percent, "0.0001%", 1);
    static const char *const bads[] = {"",
                                       ".",
                                       ".5",
                                       "1.",
                                       "00.1",
                                       "0.0000001",
                                       "1e3",
                                       "0x1",
                                       "1,5",
                                       "-0.1",
                                       "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        refuse(jv_units_parse_ratio, bads[i]);
        refuse(jv_units_parse_percent, bads[i]);
    }
    refuse(jv_units_parse_percent, "10");
    refuse(jv_units_parse_percent, "%");
    refuse(jv_units_parse_percent, "0.00001%");
}

static void units_read_hexadecimal_numbers_of_32_bits(void **state)
{
    accept(jv_units_parse_hex, "0x0", 0);
    accept(jv_units_parse_hex, "0XcA6c", 0xca6c);
    accept(jv_units_parse_hex, "0xffffffff", UINT32_MAX);
    static const char *const bads[] = {"",     "0x",   "16",          "1x10",
                                       "0x1g", "0x 1", "0x100000000", "x10"};
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        refuse(jv_units_parse_hex, bads[i]);
    }
}

static void units_write_the_shortest_form(void **state)
{
    char text[JV_UNITS_TEXT_BYTES];
    jv_units_format_ms(0, text);
    assert_string_equal(text, "0ms");
    jv_units_format_ms(90000, text);
    assert_string_equal(text, "90s");
    jv_units_format_ms(86400000, text);
    assert_string_equal(text, "1d");
    jv_units_format_ratio(200000, text);
    assert_string_equal(text, "0.20");
    jv_units_format_ratio(1, text);
    assert_string_equal(text, "0.000001");
    jv_units_format_percent(1000000, text);
    assert_string_equal(text, "100%");
    jv_units_format_percent(125000, text);
    assert_string_equal(text, "12.5%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_read_durations_with_their_unit_only),
        cmocka_unit_test(units_read_ratios_exactly),
        cmocka_unit_test(units_read_hexadecimal_numbers_of_32_bits),
        cmocka_unit_test(units_write_the_shortest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
