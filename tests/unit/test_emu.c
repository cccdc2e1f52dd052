/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "emu.h"

#define MS 1000000ULL
#define ROUNDS 100000U

static struct emu link_of(uint64_t seed, struct emu_shape shape)
{
    struct emu emu;
    emu_init(&emu, seed);
    emu.dirs[0].shape = emu.dirs[1].shape = shape;
    return emu;
}

static void perfect_link_passes_everything_at_once(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){0});
    for (uint64_t i = 0; i < 1000; i++) {
        struct emu_fate fate = emu_decide(&emu, 0, i, 1500);
        assert_int_equal(fate.verdict, EMU_PASSES);
        assert_int_equal(fate.copies, 1);
        assert_true(fate.due_ns[0] == i);
    }
    assert_true(emu.dirs[0].stats.packets == 1000 && emu.dirs[1].stats.packets == 0);
    assert_true(emu.dirs[0].stats.verdicts[EMU_PASSES] == 1000);
}

static const struct emu_shape rough = {.delay_ns = 20 * MS,
                                       .jitter_ns = 5 * MS,
                                       .loss_ppm = 100000,
                                       .enter_ppm = 20000,
                                       .leave_ppm = 200000,
                                       .bad_loss_ppm = 900000,
                                       .reorder_ppm = 30000,
                                       .reorder_ns = 7 * MS,
                                       .dup_ppm = 50000};

static void fate_of_the_nth_packet_is_a_matter_of_seed_direction_and_n(void **state)
{
    struct emu slow = link_of(42, rough);
    struct emu fast = link_of(42, rough);
    struct emu other = link_of(43, rough);
    uint32_t differ_by_seed = 0;
    uint32_t differ_by_dir = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        /* The same packets come at other moments, with other lengths, and with the other direction in between. */
        struct emu_fate a = emu_decide(&slow, 0, i * 3 * MS, 100);
        struct emu_fate down = i % 3 == 0 ? emu_decide(&fast, 1, i, 64) : a;
        struct emu_fate b = emu_decide(&fast, 0, i * 1000, 1400);
        struct emu_fate c = emu_decide(&other, 0, i * 3 * MS, 100);
        assert_int_equal(a.verdict, b.verdict);
        assert_int_equal(a.copies, b.copies);
        for (uint32_t k = 0; k < a.copies; k++) {
            assert_true(a.due_ns[k] - i * 3 * MS == b.due_ns[k] - i * 1000);
        }
        differ_by_seed += c.verdict != a.verdict ? 1 : 0;
        differ_by_dir += i % 3 == 0 && down.verdict != a.verdict ? 1 : 0;
    }
    assert_true(differ_by_seed > ROUNDS / 10);
    assert_true(differ_by_dir > ROUNDS / 40);
}

static void other_packets_keep_their_fate_when_a_hole_takes_some(void **state)
{
    struct emu whole = link_of(5, rough);
    struct emu holed = link_of(5, rough);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        holed.dirs[0].shape.hole = i % 100 < 30;
        struct emu_fate a = emu_decide(&whole, 0, i, 100);
        struct emu_fate b = emu_decide(&holed, 0, i, 100);
        assert_int_equal(b.verdict, i % 100 < 30 ? EMU_SWALLOWED : a.verdict);
    }
}

/* Shares come out within a tenth of what was asked. */
static void near(uint64_t have, uint64_t want)
{
    assert_in_range(have, want - want / 10, want + want / 10);
}

static void shares_are_what_was_asked(void **state)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct emu emu = link_of(seed, (struct emu_shape){.loss_ppm = 300000,
                                                          .dup_ppm = 100000,
                                                          .reorder_ppm = 50000,
                                                          .reorder_ns = MS});
        for (uint64_t i = 0; i < ROUNDS; i++) {
            (void)emu_decide(&emu, 0, i, 100);
        }
        const struct emu_stats *s = &emu.dirs[0].stats;
        near(s->verdicts[EMU_LOST], ROUNDS * 3 / 10);
        near(s->doubled, ROUNDS * 7 / 100);
        near(s->reordered, ROUNDS * 35 / 1000);
        assert_true(s->verdicts[EMU_LOST] + s->verdicts[EMU_PASSES] == ROUNDS);
    }
}

static void full_and_no_loss_are_exact(void **state)
{
    struct emu all = link_of(1, (struct emu_shape){.loss_ppm = EMU_PPM});
    struct emu none = link_of(1, (struct emu_shape){.dup_ppm = EMU_PPM});
    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(emu_decide(&all, 0, i, 100).verdict, EMU_LOST);
        assert_int_equal(emu_decide(&none, 0, i, 100).copies, 2);
    }
}

static void bursts_have_the_length_and_share_of_the_model(void **state)
{
    /* Good to bad 1 in 100, bad to good 1 in 10: bursts of 10 packets, 1/11 of all. */
    struct emu emu = link_of(
        3, (struct emu_shape){.enter_ppm = 10000, .leave_ppm = 100000, .bad_loss_ppm = EMU_PPM});
    uint64_t bursts = 0;
    bool was_lost = false;
    for (uint64_t i = 0; i < ROUNDS * 5; i++) {
        bool is_lost = emu_decide(&emu, 0, i, 100).verdict == EMU_BURST_LOST;
        bursts += is_lost && !was_lost ? 1 : 0;
        was_lost = is_lost;
    }
    uint64_t lost = emu.dirs[0].stats.verdicts[EMU_BURST_LOST];
    near(lost, ROUNDS * 5 / 11);
    near(lost * 10 / bursts, 100);
}

static void loss_of_one_direction_leaves_the_other_alone(void **state)
{
    struct emu emu;
    emu_init(&emu, 1);
    emu.dirs[1].shape.loss_ppm = EMU_PPM;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(emu_decide(&emu, 0, i, 100).verdict, EMU_PASSES);
        assert_int_equal(emu_decide(&emu, 1, i, 100).verdict, EMU_LOST);
    }
}

static void delay_keeps_order_also_when_it_falls(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){.delay_ns = 100 * MS});
    assert_true(emu_decide(&emu, 0, 0, 100).due_ns[0] == 100 * MS);
    emu.dirs[0].shape.delay_ns = 10 * MS;
    assert_true(emu_decide(&emu, 0, 1 * MS, 100).due_ns[0] == 100 * MS);
    assert_true(emu_decide(&emu, 0, 95 * MS, 100).due_ns[0] == 105 * MS);
}

static void jitter_stays_below_its_bound_and_reorders(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){.delay_ns = 10 * MS, .jitter_ns = 8 * MS});
    uint64_t last = 0;
    uint32_t overtaken = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t due = emu_decide(&emu, 0, i * MS, 100).due_ns[0];
        assert_in_range(due, i * MS + 10 * MS, i * MS + 18 * MS - 1);
        overtaken += due < last ? 1 : 0;
        last = due;
    }
    assert_true(overtaken > 200);
}

static void reordered_packets_are_overtaken_and_hold_nobody_back(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){.reorder_ppm = 100000, .reorder_ns = 5 * MS});
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t due = emu_decide(&emu, 0, i * MS, 100).due_ns[0];
        assert_true(due == i * MS || due == i * MS + 5 * MS);
    }
    near(emu.dirs[0].stats.reordered, ROUNDS / 10);
}

static void rate_spaces_packets_and_the_queue_has_a_bound_in_bytes(void **state)
{
    /* 8 Mbit/s: a byte a microsecond. */
    struct emu emu = link_of(1, (struct emu_shape){.bits_per_s = 8000000, .queue_bytes = 4000});
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(emu_decide(&emu, 0, 0, 1000).due_ns[0] == (i + 1) * MS);
    }
    assert_int_equal(emu_decide(&emu, 0, 0, 1000).verdict, EMU_QUEUE_FULL);
    /* Half of the first is out: room for as many bytes and no more. */
    assert_int_equal(emu_decide(&emu, 0, MS / 2, 501).verdict, EMU_QUEUE_FULL);
    assert_true(emu_decide(&emu, 0, MS / 2, 500).due_ns[0] == 4 * MS + MS / 2);
    /* An idle wire takes what is longer than its queue. */
    assert_true(emu_decide(&emu, 0, 100 * MS, 5000).due_ns[0] == 105 * MS);
}

static void queue_without_a_size_holds_fifty_milliseconds(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){.bits_per_s = 8000000});
    uint32_t taken = 0;
    while (emu_decide(&emu, 0, 0, 1000).verdict == EMU_PASSES) {
        taken++;
        assert_true(taken < 1000);
    }
    assert_int_equal(taken, 50);
}

static void another_rate_forgets_what_waited(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){.bits_per_s = 8000, .queue_bytes = 100000});
    assert_true(emu_decide(&emu, 0, 0, 1000).due_ns[0] == 1000 * MS);
    emu.dirs[0].shape.bits_per_s = 0;
    emu.dirs[0].shape.jitter_ns = 1; /* lets it overtake */
    assert_true(emu_decide(&emu, 0, MS, 1000).due_ns[0] == MS);
    emu.dirs[0].shape.bits_per_s = 8000000;
    assert_true(emu_decide(&emu, 0, 2 * MS, 1000).due_ns[0] == 3 * MS);
}

static void mtu_takes_what_is_longer_and_tells_or_does_not(void **state)
{
    struct emu emu = link_of(1, (struct emu_shape){.mtu = 1280, .mtu_answers = true});
    assert_int_equal(emu_decide(&emu, 0, 0, 1280).verdict, EMU_PASSES);
    assert_int_equal(emu_decide(&emu, 0, 0, 1281).verdict, EMU_TOO_BIG);
    emu.dirs[0].shape.mtu_answers = false;
    assert_int_equal(emu_decide(&emu, 0, 0, 1281).verdict, EMU_TOO_BIG_SILENT);
    emu.dirs[0].shape.hole = true;
    assert_int_equal(emu_decide(&emu, 0, 0, 1281).verdict, EMU_SWALLOWED);
}

static void every_verdict_has_a_name(void **state)
{
    for (uint32_t i = 0; i < EMU_VERDICTS; i++) {
        assert_string_not_equal(emu_verdict_name((enum emu_verdict)i), "?");
        for (uint32_t k = 0; k < i; k++) {
            assert_string_not_equal(emu_verdict_name((enum emu_verdict)i),
                                    emu_verdict_name((enum emu_verdict)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_link_passes_everything_at_once),
        cmocka_unit_test(fate_of_the_nth_packet_is_a_matter_of_seed_direction_and_n),
        cmocka_unit_test(other_packets_keep_their_fate_when_a_hole_takes_some),
        cmocka_unit_test(shares_are_what_was_asked),
        cmocka_unit_test(full_and_no_loss_are_exact),
        cmocka_unit_test(bursts_have_the_length_and_share_of_the_model),
        cmocka_unit_test(loss_of_one_direction_leaves_the_other_alone),
        cmocka_unit_test(delay_keeps_order_also_when_it_falls),
        cmocka_unit_test(jitter_stays_below_its_bound_and_reorders),
        cmocka_unit_test(reordered_packets_are_overtaken_and_hold_nobody_back),
        cmocka_unit_test(rate_spaces_packets_and_the_queue_has_a_bound_in_bytes),
        cmocka_unit_test(queue_without_a_size_holds_fifty_milliseconds),
        cmocka_unit_test(another_rate_forgets_what_waited),
        cmocka_unit_test(mtu_takes_what_is_longer_and_tells_or_does_not),
        cmocka_unit_test(every_verdict_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
