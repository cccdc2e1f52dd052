/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "instant.h"

static void instant_addition_saturates_at_never(void **state)
{
    struct jv_instant late = {UINT64_MAX - 5};
    assert_true(jv_add_ns(late, 4).ns == UINT64_MAX - 1);
    assert_true(jv_is_never(jv_add_ns(late, 6)));
    assert_true(jv_is_never(jv_add_us(late, 1)));
    assert_true(jv_is_never(jv_add_ms((struct jv_instant){0}, UINT64_MAX / 2)));
    assert_true(jv_is_never(jv_add_us((struct jv_instant){0}, UINT64_MAX / 2)));
    assert_true(jv_is_never(jv_add_ms(JV_NEVER, 1)));
    assert_true(jv_is_never(jv_add_ns(JV_NEVER, 0)));
}

static void instant_units_are_what_they_say(void **state)
{
    struct jv_instant t = {1000};
    assert_true(jv_add_us(t, 2).ns == 3000);
    assert_true(jv_add_ms(t, 2).ns == 2001000);
    assert_true(jv_since_us(t, jv_add_ms(t, 2)) == 2000);
    assert_true(jv_since_ms(t, jv_add_us(t, 1999)) == 1);
}

static void instant_difference_is_never_negative(void **state)
{
    struct jv_instant early = {10}, late = {11};
    assert_true(jv_since_ns(early, late) == 1);
    assert_true(jv_since_ns(late, early) == 0);
    assert_true(jv_since_ms(late, early) == 0);
}

static void instant_deadline_is_due_at_its_moment(void **state)
{
    struct jv_instant t = {10};
    assert_true(jv_is_due(t, t));
    assert_false(jv_is_due(t, (struct jv_instant){9}));
    assert_true(jv_is_due(t, (struct jv_instant){11}));
    assert_false(jv_is_before(t, t));
    assert_true(jv_earlier(t, JV_NEVER).ns == 10);
    assert_true(jv_earlier(JV_NEVER, t).ns == 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instant_addition_saturates_at_never),
        cmocka_unit_test(instant_units_are_what_they_say),
        cmocka_unit_test(instant_difference_is_never_negative),
        cmocka_unit_test(instant_deadline_is_due_at_its_moment),
    };
    return cmocka_run_group_tests_name("instant", tests, NULL, NULL);
}
