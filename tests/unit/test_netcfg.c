/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "netcfg.h"

static void check_split(const char *allowed, const char *first, const char *second)
{
    struct jv_prefix in;
    struct jv_prefix out[2];
    char text[JV_ADDR_TEXT_BYTES];
    assert_int_equal(jv_prefix_parse(allowed, false, &in), JV_E_OK);
    assert_int_equal(jv_netcfg_split(&in, out), second != NULL ? 2 : 1);
    (void)jv_prefix_format(&out[0], text, sizeof(text));
    assert_string_equal(text, first);
    if (second != NULL) {
        (void)jv_prefix_format(&out[1], text, sizeof(text));
        assert_string_equal(text, second);
    }
}

static void netcfg_splits_default_routes_into_halves(void **state)
{
    check_split("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1");
    check_split("::/0", "::/1", "8000::/1");
}

static void netcfg_leaves_other_prefixes_whole(void **state)
{
    check_split("10.0.0.0/8", "10.0.0.0/8", NULL);
    check_split("0.0.0.0/1", "0.0.0.0/1", NULL);
    check_split("2001:db8::/32", "2001:db8::/32", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(netcfg_splits_default_routes_into_halves),
        cmocka_unit_test(netcfg_leaves_other_prefixes_whole),
    };
    return cmocka_run_group_tests_name("netcfg", tests, NULL, NULL);
}
