/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "locator.h"
#include "session.h"
#include "solo.h"

static struct solo solo;
static struct jv_session *s;

static int start(void **state)
{
    solo_cfg(&solo, JV_ROLE_GATEWAY);
    solo_start(&solo);
    s = jv_session_open(solo.core, &solo.cfg.policy);
    return s == NULL ? -1 : 0;
}

static int stop(void **state)
{
    jv_locator_remove_all(solo.core, s);
    assert_int_equal(solo.core->locators.len, 0);
    jv_session_close(solo.core, s);
    solo_stop(&solo);
    return 0;
}

static bool leads_here(uint64_t value)
{
    uint64_t cursor = 0;
    uint64_t found = UINT64_MAX;
    return jv_map_find(&solo.core->locators, value, &cursor, &found) && found == s->handle.idx;
}

static void locator_fresh_leads_to_the_session(void **state)
{
    uint64_t value = jv_locator_fresh(solo.core, s);
    assert_true(value != 0);
    assert_true(leads_here(value));
    assert_false(leads_here(value + 1));
    assert_int_equal(solo.core->locators.len, 1);
}

static void locator_draw_gives_none_in_use(void **state)
{
    struct jv_prng before = solo.prng;
    uint64_t value = jv_locator_draw(solo.core);
    jv_locator_adopt(solo.core, s, value);
    solo.prng = before; /* the same random bytes again */
    assert_true(jv_locator_draw(solo.core) != value);
}

static void locator_top_up_fills_the_spares_once(void **state)
{
    uint64_t spares[JV_SPARE_MAX];
    uint64_t again[JV_SPARE_MAX];
    assert_int_equal(jv_locator_spares(s, spares), 0);
    jv_locator_top_up(solo.core, s);
    assert_int_equal(jv_locator_spares(s, spares), JV_SPARE_MAX);
    jv_locator_top_up(solo.core, s);
    assert_int_equal(jv_locator_spares(s, again), JV_SPARE_MAX);
    assert_memory_equal(spares, again, sizeof spares);
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        assert_true(leads_here(spares[i]));
    }
}

static void locator_seen_is_a_spare_no_more(void **state)
{
    uint64_t spares[JV_SPARE_MAX];
    uint64_t left[JV_SPARE_MAX];
    jv_locator_top_up(solo.core, s);
    (void)jv_locator_spares(s, spares);
    jv_locator_seen(solo.core, s, spares[2]);
    assert_int_equal(jv_locator_spares(s, left), JV_SPARE_MAX - 1);
    assert_true(leads_here(spares[2]));
    jv_locator_seen(solo.core, s, 12345); /* nobody's */
    assert_int_equal(jv_locator_spares(s, left), JV_SPARE_MAX - 1);
}

/* The one unseen for longest makes room: never the bound one and never a spare. */
static void locator_oldest_makes_room(void **state)
{
    uint64_t spares[JV_SPARE_MAX];
    jv_locator_top_up(solo.core, s);
    (void)jv_locator_spares(s, spares);
    s->own.locator = jv_locator_fresh(solo.core, s);
    s->bound = &s->own;
    uint64_t values[3 * JV_LOCATOR_MAX];
    for (uint32_t i = 0; i < JV_ARRAY_LEN(values); i++) {
        solo.core->now = jv_add_ms(solo.core->now, 1);
        values[i] = jv_locator_fresh(solo.core, s);
        assert_true(solo.core->locators.len <= JV_LOCATOR_MAX);
        assert_true(leads_here(s->own.locator));
    }
    const uint32_t kept = JV_LOCATOR_MAX - JV_SPARE_MAX - 1;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(values); i++) {
        assert_int_equal(leads_here(values[i]), i >= JV_ARRAY_LEN(values) - kept);
    }
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        assert_true(leads_here(spares[i]));
    }
    s->bound = NULL;
}

/* Found by jvsim (seed 2179): commits whose ACKs are lost must not push out what the client probes under. */
static void locator_spares_that_may_not_have_arrived_stay(void **state)
{
    uint64_t first[JV_SPARE_MAX];
    uint64_t then[JV_SPARE_MAX];
    s->spares_arrived = true;
    jv_locator_renew_spares(solo.core, s);
    assert_int_equal(jv_locator_spares(s, first), JV_SPARE_MAX);
    for (uint32_t i = 0; i < JV_LOCATOR_MAX; i++) {
        solo.core->now = jv_add_ms(solo.core->now, 1);
        jv_locator_renew_spares(solo.core, s);
        (void)jv_locator_fresh(solo.core, s);
    }
    assert_int_equal(jv_locator_spares(s, then), JV_SPARE_MAX);
    assert_memory_equal(first, then, sizeof first);
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        assert_true(leads_here(first[i]));
    }
    s->spares_arrived = true;
    jv_locator_renew_spares(solo.core, s);
    (void)jv_locator_spares(s, then);
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        assert_true(first[i] != then[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(locator_fresh_leads_to_the_session, start, stop),
        cmocka_unit_test_setup_teardown(locator_draw_gives_none_in_use, start, stop),
        cmocka_unit_test_setup_teardown(locator_top_up_fills_the_spares_once, start, stop),
        cmocka_unit_test_setup_teardown(locator_seen_is_a_spare_no_more, start, stop),
        cmocka_unit_test_setup_teardown(locator_oldest_makes_room, start, stop),
        cmocka_unit_test_setup_teardown(locator_spares_that_may_not_have_arrived_stay, start,
                                        stop)};
    return cmocka_run_group_tests_name("locator", tests, NULL, NULL);
}
