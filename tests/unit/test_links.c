/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void links_leave_room_for_the_outer_headers(void **state)
{
    assert_int_equal(jv_links_inner_mtu(1500, JV_AF_4), 1500 - 20 - 8 - 32);
    assert_int_equal(jv_links_inner_mtu(1500, JV_AF_6), JV_MTU_DEFAULT);
    assert_int_equal(jv_links_inner_mtu(1400, JV_AF_4), 1340);
    assert_int_equal(jv_links_inner_mtu(1400, JV_AF_6), 1320);
}

static void links_never_ask_for_less_than_ipv6_needs(void **state)
{
    assert_int_equal(jv_links_inner_mtu(1340, JV_AF_4), 1280);
    assert_int_equal(jv_links_inner_mtu(1339, JV_AF_4), 1280);
    assert_int_equal(jv_links_inner_mtu(1280, JV_AF_6), 1280);
    assert_int_equal(jv_links_inner_mtu(0, JV_AF_4), 1280);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_leave_room_for_the_outer_headers),
        cmocka_unit_test(links_never_ask_for_less_than_ipv6_needs),
    };
    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
