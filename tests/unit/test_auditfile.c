/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that read audit files, each on a file that the test writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "auditfile.h"
#include "crypto.h"
#include "stream.h"

static struct stream st;
static char folder[] = "/tmp/jv-auditfile-XXXXXX";
static char path[64];
static char output[65536];

static void write_file(uint32_t lines)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint32_t i = 0; i < lines; i++) {
        assert_int_equal(fwrite(st.text[i], 1, st.len[i], file), st.len[i]);
    }
    assert_int_equal(fclose(file), 0);
}

/* Run a command with standard output in `output`. */
static int run(jv_cli_fn *fn, int argc, const char *a, const char *b, const char *c)
{
    const struct jv_cli cli = {.program = "jv", .log_dir = folder};
    char copies[4][80];
    const char *const args[4] = {"command", a, b, c};
    char *argv[5] = {NULL};
    for (int i = 0; i < argc; i++) {
        (void)snprintf(copies[i], sizeof copies[i], "%s",
                       args[i]); /* the tests' arguments are short */
        argv[i] = copies[i];
    }
    assert_int_equal(fflush(stdout), 0);
    int saved = dup(STDOUT_FILENO);
    FILE *file = tmpfile();
    assert_true(saved >= 0 && file != NULL);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    int code = fn(argc, argv, &cli);
    assert_int_equal(fflush(stdout), 0);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    assert_int_equal(close(saved), 0);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    return code;
}

static int setup(void **state)
{
    if (jv_crypto_init() != JV_E_OK || mkdtemp(folder) == NULL || setenv("TZ", "UTC", 1) != 0) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/home.jsonl", folder); /* it fits */
    return 0;
}

static int teardown(void **state)
{
    return unlink(path) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void auditfile_explain_tells_the_last_jump(void **state)
{
    stream_story(&st, true);
    write_file(22);
    assert_int_equal(run(jv_cli_explain, 2, "--last", NULL, NULL), JV_EXIT_OK);
    assert_string_equal(
        output,
        "home switched  lte/udp → fibre/udp   09:12:45.501   outage 280 ms\n"
        "  detected after 231 ms, reattached in 48 ms\n"
        "\n"
        " why\n"
        "  09:12:45.452  ATTACHED → VOLATILE      HEARTBEAT_TIMEOUT         lte/udp silent 231 ms "
        "(limit 200 ms), 14 unanswered, round trip 12.1 ms\n"
        "                  rule: silent > srtt + 4*jitter + ack_delay, within "
        "silence_floor..silence_ceiling\n"
        "  09:12:45.452  PathProven               PROBE_OK                  fibre/udp round trip "
        "48.1 ms\n"
        "  09:12:45.453  VOLATILE → RECOVERING    DEAD_TRANSPORT_RECOVERY   fibre/udp candidates: "
        "2\n"
        "                  rule: standby answered and bound path still silent srtt/2 + 4*jitter "
        "later\n"
        "  09:12:45.453  ReattachAttempt                                    fibre/udp request 7\n"
        "  09:12:45.501  ReattachResult           REATTACH_SUCCESS          fibre/udp reattached "
        "in 48 "
        "ms\n"
        "  09:12:45.501  RECOVERING → ATTACHED    REATTACH_SUCCESS          fibre/udp\n"
        " not chosen\n"
        "  cafe/udp at 09:12:45.452              NOT_PROVEN                the candidate has not "
        "answered a probe lately\n"
        "                  preference 10\n"
        " limits then   switches 2 of 8 per min · silence 200 ms · switch tokens left: 3 · "
        "cooldown "
        "1500 ms left · recovery window 8 s · without transport at most 15 s\n"
        " audit         seq 14–22, chain verified\n");
}

static void auditfile_explain_says_where_the_chain_is_broken(void **state)
{
    stream_story(&st, true);
    st.text[4][80] = (char)(st.text[4][80] ^ 1);
    write_file(22);
    assert_int_equal(run(jv_cli_explain, 2, "home", NULL, NULL), JV_EXIT_OK);
    assert_non_null(strstr(output, "NOT VERIFIED: line 5 is wrong"));
}

static void auditfile_explain_finds_a_session_by_prefix(void **state)
{
    stream_story(&st, true);
    write_file(st.lines);
    assert_int_equal(run(jv_cli_explain, 2, "3f3f", NULL, NULL), JV_EXIT_OK);
    assert_memory_equal(output, "home ended  OPERATOR_TERMINATED", 31);
    assert_int_equal(run(jv_cli_explain, 3, "3f3f", "--json", NULL), JV_EXIT_OK);
    assert_non_null(strstr(output, "\"state\":\"TERMINATED\""));
    assert_non_null(strstr(output, "\"verified\":true"));
    assert_int_equal(run(jv_cli_explain, 2, "99", NULL, NULL), JV_EXIT_NO_SESSION);
}

static void auditfile_verify_names_line_and_law(void **state)
{
    stream_story(&st, true);
    write_file(st.lines);
    assert_int_equal(run(jv_cli_audit, 3, "verify", path, NULL), JV_EXIT_OK);
    assert_memory_equal(
        output,
        "ok: 39 lines, 2 sessions, 13 transitions, 1 announced gap (11 records lost); chain to ",
        86);
    st.text[16][60] = (char)(st.text[16][60] ^ 1);
    write_file(st.lines);
    assert_int_equal(run(jv_cli_audit, 3, "verify", path, NULL), JV_EXIT_FAILED);
    assert_non_null(strstr(output, "home.jsonl:17: "));
    assert_int_equal(run(jv_cli_audit, 4, "verify", path, "--json"), JV_EXIT_FAILED);
    assert_non_null(strstr(output, "\"ok\":false"));
    assert_int_equal(run(jv_cli_audit, 3, "verify", "/nonexistent/file", NULL), JV_EXIT_FAILED);
    assert_int_equal(run(jv_cli_audit, 2, "verify", NULL, NULL), JV_EXIT_USAGE);
}

static void auditfile_events_prints_lines_as_they_are_stored(void **state)
{
    stream_story(&st, true);
    write_file(3);
    assert_int_equal(run(jv_cli_events, 2, "--json", NULL, NULL), JV_EXIT_OK);
    size_t at = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_memory_equal(output + at, st.text[i], st.len[i]);
        at += st.len[i];
    }
    assert_int_equal(strlen(output), at);
    assert_int_equal(run(jv_cli_events, 3, "--since", "0s", NULL), JV_EXIT_USAGE);
    assert_int_equal(run(jv_cli_events, 2, "../home", NULL, NULL), JV_EXIT_USAGE);
    assert_int_equal(run(jv_cli_events, 2, "other", NULL, NULL), JV_EXIT_FAILED);
}

static void auditfile_history_has_one_line_a_transition(void **state)
{
    stream_story(&st, false);
    write_file(st.lines);
    assert_int_equal(run(jv_cli_history, 2, "3f", NULL, NULL), JV_EXIT_OK);
    uint32_t lines = 0;
    for (const char *p = output; (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
    }
    assert_int_equal(lines, 8);
    assert_int_equal(run(jv_cli_history, 3, "home", "77", NULL), JV_EXIT_NO_SESSION);
    assert_int_equal(run(jv_cli_history, 1, NULL, NULL, NULL), JV_EXIT_USAGE);
}

static void auditfile_reads_durations_strictly(void **state)
{
    uint64_t ms = 0;
    assert_true(jv_audit_duration("1500ms", &ms) && ms == 1500);
    assert_true(jv_audit_duration("15s", &ms) && ms == 15000);
    assert_true(jv_audit_duration("10m", &ms) && ms == 600000);
    assert_true(jv_audit_duration("8h", &ms) && ms == 28800000);
    assert_true(jv_audit_duration("7d", &ms) && ms == 604800000);
    assert_false(jv_audit_duration("", &ms));
    assert_false(jv_audit_duration("8", &ms));
    assert_false(jv_audit_duration("0s", &ms));
    assert_false(jv_audit_duration("1.5h", &ms));
    assert_false(jv_audit_duration("9999999999s", &ms));
}

static void moment_is_read_in_each_form(void **state)
{
    const uint64_t now = 1795252361402000000ULL; /* 2026-11-21T09:12:41.402Z */
    uint64_t ns = 0;
    (void)state;
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    assert_true(jv_audit_moment("2026-11-21T09:12:41Z", now, &ns));
    assert_int_equal(ns, 1795252361999999999ULL);
    assert_true(jv_audit_moment("2026-11-21T09:12:41.25Z", now, &ns));
    assert_int_equal(ns, 1795252361250000000ULL);
    assert_true(jv_audit_moment("2026-11-21 09:12:41.402", now, &ns));
    assert_int_equal(ns, now);
    assert_true(jv_audit_moment("09:12:40.0", now, &ns));
    assert_int_equal(ns, 1795252360000000000ULL);
    assert_true(jv_audit_moment("09:12:42.0", now, &ns)); /* yet to come: of yesterday */
    assert_int_equal(ns, 1795252362000000000ULL - 86400 * JV_NS_PER_S);
    assert_true(jv_audit_moment("15m", now, &ns));
    assert_int_equal(ns, now - 900 * JV_NS_PER_S);
    static const char *const wrong[] = {
        "",          "yesterday", "2026-11-21", "2026-11-21T09:12:41",
        "09:12:41 ", "09:12:41Z", "25:00:00",   "0m"};
    for (size_t i = 0; i < JV_ARRAY_LEN(wrong); i++) {
        assert_false(jv_audit_moment(wrong[i], now, &ns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moment_is_read_in_each_form),
        cmocka_unit_test(auditfile_explain_tells_the_last_jump),
        cmocka_unit_test(auditfile_explain_says_where_the_chain_is_broken),
        cmocka_unit_test(auditfile_explain_finds_a_session_by_prefix),
        cmocka_unit_test(auditfile_verify_names_line_and_law),
        cmocka_unit_test(auditfile_events_prints_lines_as_they_are_stored),
        cmocka_unit_test(auditfile_history_has_one_line_a_transition),
        cmocka_unit_test(auditfile_reads_durations_strictly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
