/* SPDX-License-Identifier: Apache-2.0 */
#include "topview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct jv_top top;
static struct jv_top_line lines[JV_TOP_LINES];
static const struct jv_top_process process = {.cpu_ms = 1000, .rss_kib = 72704, .is_known = true};

static json_t *status(void)
{
    return json_loads("{\"name\":\"gw1\",\"role\":\"gateway\",\"events_dropped\":3,\"sessions\":"
                      "{\"ATTACHED\":12310,\"VOLATILE\":41,\"RECOVERING\":12,\"DEGRADED\":45}}",
                      0, NULL);
}

static json_t *sessions(int rx)
{
    return json_pack("[{s:s, s:s, s:s, s:s, s:i, s:i, s:[{s:s, s:s, s:i, s:i}]},"
                     " {s:s, s:s, s:s, s:s, s:i, s:i, s:[{s:s, s:s, s:i}]},"
                     " {s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:[]}]",
                     "sid", "3f9c7a21", "user", "alice", "state", "ATTACHED", "reason",
                     "REATTACH_SUCCESS", "rx_bytes", rx, "tx_bytes", 0, "paths", "name",
                     "fibre/udp", "role", "active", "rtt_us", 12100, "loss_ppm", 112000, "sid",
                     "88d0e1b4", "user", "pos-114", "state", "ATTACHED", "reason", "HANDSHAKE_OK",
                     "rx_bytes", 0, "tx_bytes", 0, "paths", "name", "lte/udp", "role", "active",
                     "rtt_us", 800, "sid", "b21f40aa", "user", "van-07", "state", "RECOVERING",
                     "reason", "DEAD_TRANSPORT_RECOVERY", "rx_bytes", 0, "tx_bytes", 0,
                     "transportless_ms", 900, "paths");
}

static void look(uint64_t at_ms, int rx)
{
    jv_top_take(&top, at_ms * 1000000U, status(), sessions(rx), json_pack("{s:i}", "jumps", rx),
                &process);
}

static int start(void **state)
{
    (void)state;
    memset(&top, 0, sizeof top);
    look(1000, 0);
    look(2000, 4750000); /* 38 Mbit in a second */
    return 0;
}

static int stop(void **state)
{
    (void)state;
    jv_top_free(&top);
    return 0;
}

static void has(uint32_t line, const char *part)
{
    if (strstr(lines[line].text, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, lines[line].text);
    }
}

static void top_shows_a_gateway(void **state)
{
    (void)state;
    assert_int_equal(jv_top_sessions(&top, 120, 40, lines), 6);
    has(0, "gw1  12 408 sessions   in 38 Mb/s  out 0 b/s   cpu 0%   mem 71 MiB   events dropped 3");
    has(1, "ATTACHED 12 310 \u2588\u2588");
    has(1, "VOLATILE 41 \u2588 ");
    has(1, "reattach 4750000/s");
    /* Trouble first, then who moves most. */
    has(3, "b21f40aa van-07   RECOVERING -              -     -");
    has(3, "DEAD_TRANSPORT_RECOVERY");
    has(4, "3f9c7a21 alice    ATTACHED   fibre/udp     12  11.2");
    has(4, "38 Mb/s     0 b/s  REATTACH_SUCCESS");
    has(5, "88d0e1b4 pos-114  ATTACHED   lte/udp      0.8");
    assert_int_equal(lines[3].look, JV_LOOK_CHOSEN); /* it stood first */
    jv_top_move(&top, 1);
    (void)jv_top_sessions(&top, 120, 40, lines);
    assert_int_equal(lines[3].look, JV_LOOK_DOUBT);
    assert_int_equal(lines[4].look, JV_LOOK_CHOSEN);
    assert_int_equal(lines[5].look, JV_LOOK_GOOD);
}

static uint32_t columns(const char *text)
{
    uint32_t n = 0;
    for (const char *at = text; *at != '\0'; at++) {
        n += ((uint8_t)*at & 0xc0U) != 0x80U ? 1U : 0U;
    }
    return n;
}

static void top_keeps_to_the_terminal(void **state)
{
    (void)state;
    for (uint32_t width = 1; width <= 300; width++) {
        for (uint32_t height = 1; height <= 12; height++) {
            uint32_t n = jv_top_sessions(&top, width, height, lines);
            assert_in_range(n, 1, height);
            for (uint32_t i = 0; i < n; i++) {
                assert_in_range(columns(lines[i].text), 0, width);
            }
            n = jv_top_paths(&top, width, height, lines);
            assert_in_range(n, 1, height);
        }
    }
    /* The chosen row is on the page, be it the last one. */
    jv_top_move(&top, 100);
    assert_string_equal(top.chosen, "88d0e1b4");
    uint32_t n = jv_top_sessions(&top, 80, 4, lines);
    has(n - 1U, "88d0e1b4");
    jv_top_move(&top, -100);
    assert_string_equal(top.chosen, "b21f40aa");
}

static void filter_takes_any_column(void **state)
{
    static const char *const texts[] = {"alice", "3F9C", "fibre", "reattach_s"};
    (void)state;
    for (size_t i = 0; i < JV_ARRAY_LEN(texts); i++) {
        (void)snprintf(top.filter, sizeof top.filter, "%s", texts[i]);
        jv_top_arrange(&top);
        assert_int_equal(top.rows_len, 1);
        assert_string_equal(top.chosen, "3f9c7a21");
    }
    (void)snprintf(top.filter, sizeof top.filter, "nobody");
    jv_top_arrange(&top);
    assert_int_equal(top.rows_len, 0);
    uint32_t n = jv_top_sessions(&top, 80, 24, lines);
    has(n - 1U, "no session fits the filter");
    jv_top_move(&top, 1);
    top.filter[0] = '\0';
    jv_top_arrange(&top);
    assert_int_equal(top.rows_len, 3);
}

static void first_look_knows_no_rates(void **state)
{
    (void)state;
    jv_top_free(&top);
    memset(&top, 0, sizeof top);
    look(1000, 5000);
    (void)jv_top_sessions(&top, 120, 40, lines);
    has(0, "in -  out -");
    /* A counter that fell, as after a restart, is no rate either. */
    look(2000, 4000);
    (void)jv_top_sessions(&top, 120, 40, lines);
    has(0, "in 0 b/s");
}

static void top_shows_a_client_with_its_paths(void **state)
{
    (void)state;
    json_t *client = json_loads("{\"name\":\"home\",\"role\":\"client\",\"events_dropped\":0,"
                                "\"warnings\":[\"no link has a route\"]}",
                                0, NULL);
    json_t *list = json_loads(
        "[{\"sid\":\"3f9c7a21\",\"state\":\"ATTACHED\",\"reason\":\"REATTACH_SUCCESS\","
        "\"hold_left_ms\":60000,\"paths\":[{\"name\":\"a/udp\",\"local\":\"10.1.0.1:1\",\"remote\":"
        "\"10.2.0.1:4433\",\"role\":\"active\",\"rtt_us\":20000,\"mtu\":1420},{\"name\":\"b/udp\","
        "\"role\":\"off\"}]}]",
        0, NULL);
    jv_top_take(&top, 3000000000U, client, list, NULL, &process);
    uint32_t n = jv_top_sessions(&top, 120, 24, lines);
    assert_int_equal(n, 8);
    has(1, "warning: no link has a route");
    has(3, "3f9c7a21 home     ATTACHED   a/udp");
    has(3, "held 1m00s");
    has(6, "a/udp        active       20    0.0  1420  10.1.0.1:1 - 10.2.0.1:4433");
    has(7, "off");
    n = jv_top_paths(&top, 100, 24, lines);
    has(n - 1U, "b/udp");
    assert_true(n >= 6);
}

static void rates_read_well(void **state)
{
    static const struct {
        uint64_t bps;
        const char *text;
    } table[] = {{0, "0 b/s"},         {999, "999 b/s"},      {1500, "1.5 kb/s"},
                 {120000, "120 kb/s"}, {38000000, "38 Mb/s"}, {6200000000U, "6.2 Gb/s"},
                 {UINT64_MAX, "-"}};
    (void)state;
    for (size_t i = 0; i < JV_ARRAY_LEN(table); i++) {
        char out[32];
        jv_top_rate(table[i].bps, out);
        assert_string_equal(out, table[i].text);
    }
}

static void text_is_cut_between_characters(void **state)
{
    char line[32] = "a\u2588b\u2588c";
    (void)state;
    jv_top_cut(line, 4);
    assert_string_equal(line, "a\u2588b\u2588");
    jv_top_cut(line, 2);
    assert_string_equal(line, "a\u2588");
    char ends[] = "a\nb\033";
    jv_top_cut(ends, 9);
    assert_string_equal(ends, "a?b?");
    jv_top_cut(line, 0);
    assert_string_equal(line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(top_shows_a_gateway, start, stop),
        cmocka_unit_test_setup_teardown(top_keeps_to_the_terminal, start, stop),
        cmocka_unit_test_setup_teardown(filter_takes_any_column, start, stop),
        cmocka_unit_test_setup_teardown(first_look_knows_no_rates, start, stop),
        cmocka_unit_test_setup_teardown(top_shows_a_client_with_its_paths, start, stop),
        cmocka_unit_test(rates_read_well),
        cmocka_unit_test(text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
