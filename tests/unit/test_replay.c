/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "replay.h"

static struct jv_replay window;

static int begin(void **state)
{
    memset(&window, 0xff, sizeof window);
    jv_replay_init(&window);
    return 0;
}

static void replay_rejects_counter_seen_before(void **state)
{
    assert_int_equal(jv_replay_check(&window, 0), JV_REPLAY_NEW);
    jv_replay_mark(&window, 0);
    assert_int_equal(jv_replay_check(&window, 0), JV_REPLAY_SEEN);
    jv_replay_mark(&window, 63);
    jv_replay_mark(&window, 64);
    assert_int_equal(jv_replay_check(&window, 63), JV_REPLAY_SEEN);
    assert_int_equal(jv_replay_check(&window, 62), JV_REPLAY_NEW);
    assert_int_equal(jv_replay_check(&window, 65), JV_REPLAY_NEW);
}

static void replay_check_changes_nothing(void **state)
{
    jv_replay_mark(&window, 10);
    struct jv_replay before = window;
    assert_int_equal(jv_replay_check(&window, JV_REPLAY_COUNTER_MAX), JV_REPLAY_NEW);
    assert_memory_equal(&window, &before, sizeof before);
}

static void replay_window_has_its_promised_size(void **state)
{
    /* At each place of the top within a word, so that the words at the edge are cleared exactly. */
    for (uint64_t shift = 0; shift < 130; shift++) {
        (void)begin(state);
        for (uint64_t c = 0; c <= JV_REPLAY_BITS + shift; c++) {
            jv_replay_mark(&window, c);
        }
        assert_int_equal(jv_replay_check(&window, shift), JV_REPLAY_OLD);
        assert_int_equal(jv_replay_check(&window, shift + 1), JV_REPLAY_SEEN);
    }
}

static void replay_jump_keeps_what_stays_in_the_window(void **state)
{
    jv_replay_mark(&window, 100);
    jv_replay_mark(&window, 100 + JV_REPLAY_BITS - 1);
    assert_int_equal(jv_replay_check(&window, 100), JV_REPLAY_SEEN);
    assert_int_equal(jv_replay_check(&window, 101), JV_REPLAY_NEW);
    assert_int_equal(jv_replay_check(&window, 99), JV_REPLAY_OLD);
    jv_replay_mark(&window, 100 + JV_REPLAY_BITS);
    assert_int_equal(jv_replay_check(&window, 100), JV_REPLAY_OLD);
    assert_int_equal(jv_replay_check(&window, 101), JV_REPLAY_NEW);
}

static void replay_far_jump_forgets_the_old_ring(void **state)
{
    for (uint64_t c = 0; c < JV_REPLAY_BITS; c++) {
        jv_replay_mark(&window, c);
    }
    uint64_t far = 1000 * (uint64_t)JV_REPLAY_BITS + 5;
    jv_replay_mark(&window, far);
    for (uint64_t c = far - JV_REPLAY_BITS + 1; c < far; c++) {
        assert_int_equal(jv_replay_check(&window, c), JV_REPLAY_NEW);
    }
    assert_int_equal(jv_replay_check(&window, far - JV_REPLAY_BITS), JV_REPLAY_OLD);
}

static void replay_ends_at_48_bits(void **state)
{
    assert_int_equal(jv_replay_check(&window, JV_REPLAY_COUNTER_MAX + 1), JV_REPLAY_OLD);
    assert_int_equal(jv_replay_check(&window, UINT64_MAX), JV_REPLAY_OLD);
    jv_replay_mark(&window, UINT64_MAX);
    assert_false(window.any);
    jv_replay_mark(&window, JV_REPLAY_COUNTER_MAX);
    assert_int_equal(jv_replay_check(&window, JV_REPLAY_COUNTER_MAX), JV_REPLAY_SEEN);
}

static void replay_old_mark_changes_nothing(void **state)
{
    jv_replay_mark(&window, 2 * JV_REPLAY_BITS);
    struct jv_replay before = window;
    jv_replay_mark(&window, JV_REPLAY_BITS);
    jv_replay_mark(&window, 2 * JV_REPLAY_BITS);
    assert_memory_equal(&window, &before, sizeof before);
}

static void replay_gaps_come_newest_first(void **state)
{
    static const uint64_t seen[] = {2, 3, 7, 200, 201, 300};
    struct jv_gap gaps[8];
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        jv_replay_mark(&window, seen[i]);
    }
    assert_int_equal(jv_replay_gaps(&window, 0, gaps, 8), 4);
    assert_true(gaps[0].first == 202 && gaps[0].last == 299);
    assert_true(gaps[1].first == 8 && gaps[1].last == 199);
    assert_true(gaps[2].first == 4 && gaps[2].last == 6);
    assert_true(gaps[3].first == 0 && gaps[3].last == 1);
    assert_int_equal(jv_replay_gaps(&window, 5, gaps, 8), 3);
    assert_true(gaps[2].first == 5 && gaps[2].last == 6);
    assert_int_equal(jv_replay_gaps(&window, 0, gaps, 2), 2);
    assert_true(gaps[1].first == 8);
    assert_int_equal(jv_replay_gaps(&window, 299, gaps, 8), 1);
    assert_int_equal(jv_replay_gaps(&window, 300, gaps, 8), 0);
    assert_int_equal(jv_replay_gaps(&window, UINT64_MAX, gaps, 8), 0);
    assert_int_equal(jv_replay_gaps(&window, 0, gaps, 0), 0);
}

static void replay_gaps_of_an_empty_window_are_none(void **state)
{
    struct jv_gap gap;
    assert_int_equal(jv_replay_gaps(&window, 0, &gap, 1), 0);
    jv_replay_mark(&window, 0);
    assert_int_equal(jv_replay_gaps(&window, 0, &gap, 1), 0);
    jv_replay_mark(&window, 1);
    assert_int_equal(jv_replay_gaps(&window, 0, &gap, 1), 0);
}

static void replay_gaps_stop_at_the_edge_of_the_window(void **state)
{
    struct jv_gap gap;
    jv_replay_mark(&window, 0);
    jv_replay_mark(&window, 3 * JV_REPLAY_BITS + 17);
    assert_int_equal(jv_replay_gaps(&window, 0, &gap, 1), 1);
    assert_true(gap.last == 3 * JV_REPLAY_BITS + 16);
    assert_true(gap.first == 2 * JV_REPLAY_BITS + 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(replay_rejects_counter_seen_before, begin),
        cmocka_unit_test_setup(replay_check_changes_nothing, begin),
        cmocka_unit_test_setup(replay_window_has_its_promised_size, begin),
        cmocka_unit_test_setup(replay_jump_keeps_what_stays_in_the_window, begin),
        cmocka_unit_test_setup(replay_far_jump_forgets_the_old_ring, begin),
        cmocka_unit_test_setup(replay_ends_at_48_bits, begin),
        cmocka_unit_test_setup(replay_old_mark_changes_nothing, begin),
        cmocka_unit_test_setup(replay_gaps_come_newest_first, begin),
        cmocka_unit_test_setup(replay_gaps_of_an_empty_window_are_none, begin),
        cmocka_unit_test_setup(replay_gaps_stop_at_the_edge_of_the_window, begin),
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
