/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "emutext.h"

#define MS 1000000ULL

static struct emu_script script;
static char error[EMU_ERROR_BYTES];

static bool parse(const char *text)
{
    static char copy[8192];
    error[0] = '\0';
    assert_true(strlen(text) < sizeof copy);
    (void)snprintf(copy, sizeof copy, "%s", text);
    return emu_script_parse("net.emu", copy, &script, error);
}

static void expect_wrong(const char *text, const char *says)
{
    assert_false(parse(text));
    assert_string_equal(error, says);
}

static void script_is_read_in_order_of_time(void **state)
{
    assert_true(parse("# a link\n"
                      "seed 7\n"
                      "at 5s both blackhole on   # comment\n"
                      "\n"
                      "at 0s both delay 20ms jitter 4.5ms\n"
                      "at 2s a->b loss 30%\n"
                      "at 2s b2a loss 500ppm\n"));
    assert_true(script.has_seed);
    assert_true(script.seed == 7);
    assert_int_equal(script.steps_len, 5);
    assert_int_equal(script.steps[0].setting.kind, EMU_SET_DELAY);
    assert_true(script.steps[0].setting.values[0] == 20 * MS);
    assert_true(script.steps[1].setting.values[0] == 4500000);
    assert_int_equal(script.steps[2].dirs, 1);
    assert_true(script.steps[2].setting.values[0] == 300000);
    assert_int_equal(script.steps[3].dirs, 2);
    assert_true(script.steps[3].setting.values[0] == 500);
    assert_int_equal(script.steps[4].dirs, 3);
    assert_true(script.steps[4].at_ns == 5000 * MS);
}

static void loop_is_written_out(void **state)
{
    assert_true(parse("at 3500ms both loss 1%\n"
                      "from 1s repeat 3 every 2s\n"
                      "  at 0s both blackhole on\n"
                      "  at 1s both blackhole off\n"
                      "end\n"));
    static const uint64_t at_ms[] = {1000, 2000, 3000, 3500, 4000, 5000, 6000};
    assert_int_equal(script.steps_len, 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_true(script.steps[i].at_ns == at_ms[i] * MS);
    }
    assert_int_equal(script.steps[3].setting.kind, EMU_SET_LOSS);
    assert_true(script.steps[6].setting.values[0] == 0);
}

static void every_setting_reaches_the_shape_and_prints_as_it_is_read(void **state)
{
    static const char *const lines[] = {"delay 20000us",
                                        "jitter 1500us",
                                        "loss 300000ppm",
                                        "burst 10000ppm 200000ppm 900000ppm",
                                        "reorder 50000ppm by 7000us",
                                        "duplicate 1000ppm",
                                        "rate 8000000bit queue 64000",
                                        "mtu 1280 answer",
                                        "blackhole on"};
    struct emu_shape shape = {0};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[128];
        char printed[EMU_SETTING_BYTES];
        (void)snprintf(text, sizeof text, "at 0s both %s", lines[i]);
        assert_true(parse(text));
        assert_int_equal(script.steps_len, 1);
        emu_setting_print(&script.steps[0].setting, printed);
        assert_string_equal(printed, lines[i]);
        emu_setting_apply(&script.steps[0].setting, &shape);
    }
    assert_true(shape.delay_ns == 20 * MS && shape.jitter_ns == 1500000);
    assert_true(shape.loss_ppm == 300000 && shape.dup_ppm == 1000);
    assert_true(shape.enter_ppm == 10000 && shape.leave_ppm == 200000);
    assert_true(shape.bad_loss_ppm == 900000);
    assert_true(shape.reorder_ppm == 50000 && shape.reorder_ns == 7 * MS);
    assert_true(shape.bits_per_s == 8000000 && shape.queue_bytes == 64000);
    assert_true(shape.mtu == 1280 && shape.mtu_answers && shape.hole);
    assert_true(parse("at 0s both burst off rate off mtu off blackhole off"));
    for (uint32_t i = 0; i < script.steps_len; i++) {
        emu_setting_apply(&script.steps[i].setting, &shape);
    }
    assert_true(shape.enter_ppm == 0 && shape.bits_per_s == 0 && shape.mtu == 0 && !shape.hole);
    assert_true(shape.loss_ppm == 300000);
    assert_true(parse("at 0s both clear"));
    emu_setting_apply(&script.steps[0].setting, &shape);
    assert_memory_equal(&shape, &(struct emu_shape){0}, sizeof shape);
}

static void burst_may_leave_its_loss_out(void **state)
{
    assert_true(parse("at 0s both burst 1% 10% delay 5ms"));
    assert_int_equal(script.steps_len, 2);
    assert_true(script.steps[0].setting.values[2] == EMU_PPM);
    assert_int_equal(script.steps[1].setting.kind, EMU_SET_DELAY);
}

static void errors_name_line_value_and_range(void **state)
{
    expect_wrong("\nat 1s both loss 130%",
                 "net.emu:2: loss is 130%; it must be 0% to 100%, with its unit: % or ppm");
    expect_wrong("at 1s both loss 30",
                 "net.emu:1: loss is 30; it must be 0% to 100%, with its unit: % or ppm");
    expect_wrong("at 1s both delay 61s",
                 "net.emu:1: delay is 61s; it must be 0ms to 60s, with its unit: us, ms or s");
    expect_wrong("at 1s both delay",
                 "net.emu:1: delay is missing; it must be 0ms to 60s, with its unit: us, ms or s");
    expect_wrong("at 1 both delay 1s",
                 "net.emu:1: at is 1; it must be 0s to 24h, with its unit: us, ms, s, m or h");
    expect_wrong("at 1s up delay 1s",
                 "net.emu:1: the direction is up; it must be a->b, b->a or both");
    expect_wrong("at 1s both rate 1kbit", "net.emu:1: rate is 1kbit; it must be 8kbit to 100gbit, "
                                          "with its unit: kbit, mbit or gbit; or off");
    expect_wrong("at 1s both rate 1mbit queue 5",
                 "net.emu:1: rate queue is 5; it must be 64 to 1000000000 bytes");
    expect_wrong("at 1s both mtu 60 silent",
                 "net.emu:1: mtu is 60; it must be 68 to 9216 bytes, or off");
    expect_wrong("at 1s both mtu 1280",
                 "net.emu:1: mtu of what is too long is missing; it must be answer or silent");
    expect_wrong("at 1s both reorder 5%",
                 "net.emu:1: reorder behind its share is missing; it must be by TIME");
    expect_wrong("at 1s both blackhole", "net.emu:1: blackhole is missing; it must be on or off");
    expect_wrong("at 1s both lose 5%",
                 "net.emu:1: 'lose' is no setting; there are delay, jitter, loss, burst, reorder, "
                 "duplicate, rate, mtu, blackhole and clear");
    expect_wrong("on 1s both loss 5%",
                 "net.emu:1: a line begins with at, from, end or seed, not with 'on'");
    expect_wrong("seed x", "net.emu:1: seed is x; it must be a number of at most 12 digits");
    expect_wrong("seed 1\nseed 2", "net.emu:2: a second seed");
}

static void loops_are_bounded(void **state)
{
    expect_wrong("from 0s repeat 2001 every 1s", "net.emu:1: repeat is 2001; it must be 1 to 2000");
    expect_wrong("from 0s repeat 0 every 1s", "net.emu:1: repeat is 0; it must be 1 to 2000");
    expect_wrong("from 23h repeat 100 every 1m", "net.emu:1: the loop ends later than 24h");
    expect_wrong("from 0s repeat 2 every 1s\nfrom 0s repeat 2 every 1s",
                 "net.emu:2: a loop inside the loop of line 1");
    expect_wrong("from 0s repeat 2 every 1s\nat 1s both loss 1%",
                 "net.emu:2: at is 1s; inside a loop it must be earlier than its every");
    expect_wrong("\nfrom 0s repeat 2 every 1s\n", "net.emu:2: the loop has no end");
    expect_wrong("end", "net.emu:1: end without a loop");
    expect_wrong("from 0s repeat 2000 every 1s\nat 0s both loss 1% delay 1ms jitter 1ms\nend",
                 "net.emu:3: more than 4096 settings once loops are written out");
    expect_wrong("from 0s every 1s", "net.emu:1: a loop must be: from TIME repeat N every TIME");
}

static void player_applies_what_is_due_and_tells_the_next_moment(void **state)
{
    struct emu emu;
    struct emu_player player = {.script = &script, .start_ns = 100 * MS};
    emu_init(&emu, 1);
    assert_true(parse("at 0s both delay 1ms\nat 1s a->b loss 10%\nat 2s b->a blackhole on\n"));
    assert_true(emu_play(&player, 99 * MS, &emu) == 100 * MS);
    assert_true(emu.dirs[0].shape.delay_ns == 0);
    assert_true(emu_play(&player, 100 * MS, &emu) == 1100 * MS);
    assert_true(emu.dirs[0].shape.delay_ns == MS && emu.dirs[1].shape.delay_ns == MS);
    assert_true(emu_play(&player, 9000 * MS, &emu) == UINT64_MAX);
    assert_true(emu.dirs[0].shape.loss_ppm == 100000 && emu.dirs[1].shape.loss_ppm == 0);
    assert_true(emu.dirs[1].shape.hole && !emu.dirs[0].shape.hole);
    struct emu_player none = {.script = NULL};
    assert_true(emu_play(&none, 0, &emu) == UINT64_MAX);
}

static void a_single_setting_may_have_bare_numbers_where_they_are_allowed(void **state)
{
    static const struct emu_bare bare = {MS, 10000, 1000};
    const struct emu_words words = {{"loss", "30", "delay", "5", "up"}, 5};
    struct emu_setting setting;
    uint32_t at = 0;
    assert_true(emu_setting_parse(&words, &at, &bare, &setting, error));
    assert_int_equal(at, 2);
    assert_true(setting.values[0] == 300000);
    assert_true(emu_setting_parse(&words, &at, &bare, &setting, error));
    assert_true(setting.values[0] == 5 * MS);
    assert_false(emu_setting_parse(&words, &at, &bare, &setting, error));
    assert_int_equal(at, 4);
}

static void missing_file_is_an_error(void **state)
{
    assert_false(emu_script_load("/nonexistent/net.emu", &script, error));
    assert_string_equal(error, "/nonexistent/net.emu: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(script_is_read_in_order_of_time),
        cmocka_unit_test(loop_is_written_out),
        cmocka_unit_test(every_setting_reaches_the_shape_and_prints_as_it_is_read),
        cmocka_unit_test(burst_may_leave_its_loss_out),
        cmocka_unit_test(errors_name_line_value_and_range),
        cmocka_unit_test(loops_are_bounded),
        cmocka_unit_test(player_applies_what_is_due_and_tells_the_next_moment),
        cmocka_unit_test(a_single_setting_may_have_bare_numbers_where_they_are_allowed),
        cmocka_unit_test(missing_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
