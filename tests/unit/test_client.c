/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void becomes(const char *reply, const char *expected)
{
    char text[128];
    size_t len = strlen(reply);
    assert_true(len < sizeof text && len == strlen(expected));
    memcpy(text, reply, len + 1);
    jv_client_soften(text, len);
    assert_string_equal(text, expected);
}

static void client_lets_no_control_character_of_a_reply_pass(void **state)
{
    (void)state;
    becomes("{\"a\\u001b[31m\":\"\\u0000\\u0007\\u007F\"}",
            "{\"a\\u003f[31m\":\"\\u003f\\u003f\\u003f\"}");
    becomes("\"\\b\\f\\r\\t\"", "\"????????\"");
    becomes("\"\x7f\xc2\x9b\\u009B\"", "\"???\\u003f\"");
}

static void client_leaves_other_text_of_a_reply_alone(void **state)
{
    static const char *const same[] = {"\"a\\n\\\\\\\"\\/b\"",
                                       "\"\xc3\xa4\xc2\xa0\\u00e4\\u000a\"",
                                       "\"\\\\u001b\"",
                                       "\"\\u00",
                                       "\\",
                                       ""};
    (void)state;
    for (size_t i = 0; i < JV_ARRAY_LEN(same); i++) {
        becomes(same[i], same[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_lets_no_control_character_of_a_reply_pass),
        cmocka_unit_test(client_leaves_other_text_of_a_reply_alone)};
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
