/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "surroundings.h"

static struct jv_prefix prefix(const char *text)
{
    struct jv_prefix out;
    assert_int_equal(jv_prefix_parse(text, false, &out), JV_E_OK);
    return out;
}

static bool do_meet(const char *a, const char *b)
{
    struct jv_prefix first = prefix(a);
    struct jv_prefix second = prefix(b);
    assert_int_equal(jv_surroundings_do_meet(&first, &second),
                     jv_surroundings_do_meet(&second, &first));
    return jv_surroundings_do_meet(&first, &second);
}

static void surroundings_meet_where_one_network_holds_the_other(void **state)
{
    struct jv_prefix none = {0};
    struct jv_prefix all = prefix("0.0.0.0/0");
    (void)state;
    assert_true(do_meet("10.80.0.0/16", "10.80.0.0/16"));
    assert_true(do_meet("10.80.0.0/16", "10.80.3.0/24"));
    assert_false(do_meet("10.80.0.0/16", "10.81.0.0/16"));
    assert_false(do_meet("10.80.0.0/16", "fd80::/16"));
    assert_true(do_meet("fd80::/16", "fd80:4a56::/64"));
    assert_false(
        jv_surroundings_do_meet(&none, &all)); /* a session without an address of a family */
}

static struct jv_session_status heard(enum jv_state session, uint64_t first_ms, uint64_t second_ms)
{
    struct jv_session_status status = {.state = session, .paths_len = 2};
    status.paths[0].heard_ms = first_ms;
    status.paths[1].heard_ms = second_ms;
    return status;
}

static void surroundings_are_silent_where_no_path_hears_the_gateway(void **state)
{
    const uint64_t limit = JV_SURROUNDINGS_SILENT_MS;
    struct jv_session_status status = heard(JV_ST_BIRTH, UINT64_MAX, UINT64_MAX);
    (void)state;
    assert_true(jv_surroundings_is_silent(&status));
    status = heard(JV_ST_DEGRADED, limit, limit + 1U);
    assert_true(jv_surroundings_is_silent(&status));
    status = heard(JV_ST_DEGRADED, limit, limit - 1U);
    assert_false(jv_surroundings_is_silent(&status));
    /* An idle session may be quiet for longer, and an ended one for ever. */
    status = heard(JV_ST_ATTACHED, UINT64_MAX, UINT64_MAX);
    assert_false(jv_surroundings_is_silent(&status));
    status = heard(JV_ST_TERMINATED, UINT64_MAX, UINT64_MAX);
    assert_false(jv_surroundings_is_silent(&status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surroundings_meet_where_one_network_holds_the_other),
        cmocka_unit_test(surroundings_are_silent_where_no_path_hears_the_gateway),
    };
    return cmocka_run_group_tests_name("surroundings", tests, NULL, NULL);
}
