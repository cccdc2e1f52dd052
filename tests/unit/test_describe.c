/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "describe.h"

static char text[JV_DESCRIBE_BYTES];

static void describe_writes_durations_as_people_say_them(void **state)
{
    static const struct {
        uint64_t us;
        const char *want;
    } cases[] = {{0, "0 ms"},
                 {40, "0.0 ms"},
                 {12100, "12.1 ms"},
                 {231000, "231 ms"},
                 {1500000, "1500 ms"},
                 {8000000, "8 s"},
                 {119000000, "119 s"},
                 {150000000, "2m 30s"},
                 {8040000000, "2h 14m"},
                 {280800000000, "3d 6h"}};
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        jv_describe_us(cases[i].us, text, sizeof text);
        assert_string_equal(text, cases[i].want);
    }
}

static void describe_sets_values_beside_their_limits(void **state)
{
    struct jv_record rec = {0};
    jv_describe_seen(&rec, text, sizeof text);
    assert_string_equal(text, "");
    jv_record_put(&rec, JV_FD_unanswered, 0);
    jv_record_put(&rec, JV_FD_silence_limit_us, 200000);
    jv_record_put(&rec, JV_FD_silent_us, 231000);
    jv_record_put(&rec, JV_FD_loss_ppm, 12300);
    jv_record_put(&rec, JV_FD_recovery_window_ms, 8000);
    jv_describe_seen(&rec, text, sizeof text);
    assert_string_equal(text, "silent 231 ms (limit 200 ms), 0 unanswered, loss 1.2 %");
    jv_describe_limits(&rec, text, sizeof text);
    assert_string_equal(text, "recovery window 8 s");
}

static void describe_knows_words_for_every_field(void **state)
{
    for (uint16_t key = 0; key < JV_FD_END; key++) {
        struct jv_record rec = {0};
        jv_record_put(&rec, (enum jv_record_key)key, 7);
        jv_describe_seen(&rec, text, sizeof text);
        assert_int_equal(text[0] != '\0', !jv_field_is_limit((enum jv_record_key)key));
        jv_describe_limits(&rec, text, sizeof text);
        assert_int_equal(text[0] != '\0', jv_field_is_limit((enum jv_record_key)key));
    }
}

static void describe_cuts_what_does_not_fit(void **state)
{
    struct jv_record rec = {0};
    jv_record_put(&rec, JV_FD_silent_us, 231000);
    char small[8];
    jv_describe_seen(&rec, small, sizeof small);
    assert_string_equal(small, "silent ");
}

static void describe_keeps_control_characters_off_the_terminal(void **state)
{
    jv_describe_text("a\033[2J\x7f\xc2\x9b\xc3\xa9", text, sizeof text);
    assert_string_equal(text, "a?[2J?\xc2?\xc3\xa9");
    char small[3];
    jv_describe_text("abc", small, sizeof small);
    assert_string_equal(small, "ab");
}

static void describe_writes_local_time(void **state)
{
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    jv_describe_time(1795252361402183000ULL, JV_TIME_OF_DAY, text, sizeof text);
    assert_string_equal(text, "09:12:41.402");
    jv_describe_time(1795252361402183000ULL, JV_DATE_AND_TIME, text, sizeof text);
    assert_string_equal(text, "2026-11-21 09:12:41.402");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describe_writes_durations_as_people_say_them),
        cmocka_unit_test(describe_sets_values_beside_their_limits),
        cmocka_unit_test(describe_knows_words_for_every_field),
        cmocka_unit_test(describe_cuts_what_does_not_fit),
        cmocka_unit_test(describe_keeps_control_characters_off_the_terminal),
        cmocka_unit_test(describe_writes_local_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
