/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base.h"
#include "pace.h"

static const struct jv_instant start = {JV_NS_PER_S};

/* Packets of 1500 bytes that leave within so many milliseconds, asked for each 100 us. */
static uint32_t sent_within(struct jv_pace *pace, uint32_t from_ms, uint32_t ms)
{
    uint32_t n = 0;
    for (uint64_t us = 0; us < ms * 1000ULL; us += 100) {
        struct jv_instant now = jv_add_us(jv_add_ms(start, from_ms), us);
        while (n < 1000000 && jv_pace_take(pace, now, 1500)) {
            n++;
        }
    }
    return n;
}

static void nothing_is_paced_before_a_jump(void **state)
{
    struct jv_pace pace = {0};
    assert_true(jv_pace_take(&pace, start, 1000000));
    assert_true(jv_pace_take(&pace, start, 1000000));
    assert_int_equal(jv_pace_deadline(&pace, start).ns, start.ns);
}

static uint32_t burst(struct jv_pace *pace)
{
    uint32_t n = 0;
    while (n < 1000000 && jv_pace_take(pace, start, 1500)) {
        n++;
    }
    return n;
}

static void a_burst_goes_at_once_and_an_eighth_of_the_stream_until_a_report(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 6250000, 1, 100); /* 50 Mbit/s */
    assert_int_equal(burst(&pace), JV_PACE_BURST_BYTES / 1500);
    assert_in_range(sent_within(&pace, 0, 100), 50, 58); /* 78 kB */
}

static void a_path_that_brings_the_burst_is_quick(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 6250000, 1, 100);
    (void)burst(&pace);
    jv_pace_reported(&pace, jv_add_ms(start, 40), 1, 101);
    assert_false(pace.is_quick);
    jv_pace_reported(&pace, jv_add_ms(start, 65), 1, 132);
    assert_true(pace.is_quick);
    assert_in_range(sent_within(&pace, 100, 100), 1250, 1390); /* three times 50 Mbit/s */
}

static void a_path_that_takes_its_time_gets_what_it_took(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 6250000, 1, 100);
    (void)burst(&pace);
    for (uint32_t ms = 0; ms <= 60; ms += 20) { /* 5 Mbit/s: 8 packets of 1500 bytes in 20 ms */
        jv_pace_reported(&pace, jv_add_ms(start, 40 + ms), 1, 101 + ms / 20 * 8);
    }
    assert_false(pace.is_quick);
    assert_in_range(pace.slow_bps, 600000, 640000);
    (void)sent_within(&pace, 100, 100);
    assert_in_range(sent_within(&pace, 200, 100), 38, 46); /* 62 kB */
    jv_pace_arrived(&pace, 625000);                        /* 50 Mbit/s until then */
    (void)sent_within(&pace, 100, 1);
    assert_true(sent_within(&pace, 300, 100) > 100);
}

static void reports_of_what_was_known_prove_nothing(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 6250000, 2, 100);
    jv_pace_reported(&pace, start, 1, 500);
    jv_pace_reported(&pace, start, 2, 100);
    assert_false(pace.is_quick);
    assert_true(jv_is_never(pace.first_report));
}

static void the_least_pace_is_five_megabits(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 10, 1, 0);
    assert_in_range(sent_within(&pace, 0, 300), 32 + 120, 32 + 130);
}

static void what_arrives_on_a_quick_path_is_not_slowed_down(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 0, 1, 0);
    (void)burst(&pace);
    jv_pace_reported(&pace, start, 1, 32);
    uint64_t sent = 0;
    uint64_t arrived = 0;
    for (uint32_t ms = 1; ms < 900; ms++) {
        jv_pace_arrived(&pace, 125000); /* 1 Gbit/s */
        arrived += 125000;
        while (sent < arrived && jv_pace_take(&pace, jv_add_ms(start, ms), 1500)) {
            sent += 1500;
        }
    }
    assert_true(sent + 125000 > arrived);
}

static void nothing_is_paced_after_its_time(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 0, 1, 0);
    (void)sent_within(&pace, 0, 999);
    while (jv_pace_take(&pace, jv_add_ms(start, 999), 1500)) {
    }
    struct jv_instant end = jv_add_ms(start, JV_PACE_MAX_MS);
    assert_true(jv_is_before(jv_pace_deadline(&pace, jv_add_ms(start, 999)), jv_add_ms(end, 1)));
    assert_true(jv_pace_take(&pace, end, 1000000) && jv_pace_take(&pace, end, 1000000));
}

/* A wake-up sends several packets, and none is early: at the deadline there is credit. */
static void a_deadline_brings_a_few_packets_at_once(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 50000000, 1, 0); /* an eighth of it: 50 Mbit/s */
    (void)burst(&pace);
    struct jv_instant now = start;
    uint32_t wakes = 0;
    uint32_t n = 0;
    for (; wakes < 70; wakes++) {
        struct jv_instant due = jv_pace_deadline(&pace, now);
        assert_true(jv_is_before(now, due));
        now = due;
        uint32_t at_once = 0;
        while (jv_pace_take(&pace, now, 1500)) {
            at_once++;
        }
        assert_in_range(at_once, 4, 8);
        n += at_once;
    }
    assert_in_range(jv_since_us(start, now) * 6250 / 1000 / 1500, n - 8, n + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_paced_before_a_jump),
        cmocka_unit_test(a_burst_goes_at_once_and_an_eighth_of_the_stream_until_a_report),
        cmocka_unit_test(a_path_that_brings_the_burst_is_quick),
        cmocka_unit_test(a_path_that_takes_its_time_gets_what_it_took),
        cmocka_unit_test(reports_of_what_was_known_prove_nothing),
        cmocka_unit_test(the_least_pace_is_five_megabits),
        cmocka_unit_test(what_arrives_on_a_quick_path_is_not_slowed_down),
        cmocka_unit_test(nothing_is_paced_after_its_time),
        cmocka_unit_test(a_deadline_brings_a_few_packets_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
