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

static void a_burst_goes_at_once_and_the_rest_at_the_pace_of_the_stream(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 6250000); /* 50 Mbit/s */
    uint32_t n = 0;
    while (jv_pace_take(&pace, start, 1500)) {
        n++;
    }
    assert_int_equal(n, JV_PACE_BURST_BYTES / 1500);
    assert_in_range(sent_within(&pace, 0, 100), 410, 420); /* 625 kB */
    jv_pace_reported(&pace, false);
    assert_in_range(sent_within(&pace, 100, 100), 820, 840); /* proven: twice as fast */
    jv_pace_reported(&pace, true);
    assert_in_range(sent_within(&pace, 200, 100), 410, 425); /* it loses: no faster */
}

static void the_least_pace_is_ten_megabits(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 10);
    assert_in_range(sent_within(&pace, 0, 300), 64 + 245, 64 + 255);
}

static void what_arrives_is_never_slowed_down(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 0);
    jv_pace_reported(&pace, false);
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
    jv_pace_begin(&pace, start, 0);
    (void)sent_within(&pace, 0, 999);
    while (jv_pace_take(&pace, jv_add_ms(start, 999), 1500)) {
    }
    struct jv_instant end = jv_add_ms(start, JV_PACE_MAX_MS);
    assert_true(jv_is_before(jv_pace_deadline(&pace, jv_add_ms(start, 999)), jv_add_ms(end, 1)));
    assert_true(sent_within(&pace, JV_PACE_MAX_MS, 1) == 10 * 1000000 ||
                jv_pace_take(&pace, end, 1));
}

/* A wake-up sends several packets, and none is early: at the deadline there is credit. */
static void a_deadline_brings_a_few_packets_at_once(void **state)
{
    struct jv_pace pace;
    jv_pace_begin(&pace, start, 6250000);
    while (jv_pace_take(&pace, start, 1500)) {
    }
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
        cmocka_unit_test(a_burst_goes_at_once_and_the_rest_at_the_pace_of_the_stream),
        cmocka_unit_test(the_least_pace_is_ten_megabits),
        cmocka_unit_test(what_arrives_is_never_slowed_down),
        cmocka_unit_test(nothing_is_paced_after_its_time),
        cmocka_unit_test(a_deadline_brings_a_few_packets_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
