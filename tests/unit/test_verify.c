/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto.h"
#include "stream.h"
#include "verify.h"

static struct stream st;
static struct jv_verify_report report;

/* Feed the lines but `skip`, and keep the report. */
static void feed(struct jv_verify_cfg cfg, uint32_t skip)
{
    cfg.sessions_max = cfg.sessions_max == 0 ? 16 : cfg.sessions_max;
    void *mem = calloc(1, jv_verify_bytes(cfg.sessions_max));
    assert_non_null(mem);
    struct jv_verify *v = jv_verify_init(mem, &cfg);
    for (uint32_t i = 0; i < st.lines; i++) {
        if (i != skip && !jv_verify_line(v, st.text[i], st.len[i])) {
            break;
        }
    }
    (void)jv_verify_end(v);
    report = *jv_verify_result(v);
    free(mem);
}

static void feed_all(void)
{
    feed((struct jv_verify_cfg){.is_exact_time = true}, UINT32_MAX);
}

static void expect_ok(void)
{
    feed_all();
    if (report.first_wrong != 0) {
        print_message("line %u: %s\n", (unsigned)report.first_wrong, report.text);
    }
    assert_int_equal(report.first_wrong, 0);
}

static void expect_wrong(enum jv_verify_law law, uint32_t line)
{
    feed_all();
    if (report.law != law || report.first_wrong != line) {
        print_message("line %u, %s: %s\n", (unsigned)report.first_wrong,
                      jv_verify_law_text(report.law), report.text);
    }
    assert_int_equal(report.law, law);
    assert_int_equal(report.first_wrong, line);
    assert_true(report.text[0] != '\0');
}

/* A session that is ATTACHED on fibre: three lines. */
static void born(void)
{
    stream_init(&st, true);
    stream_session(&st, 1);
    stream_birth(&st, "fibre/udp");
}

static void verify_accepts_good_streams(void **state)
{
    for (int is_client = 0; is_client < 2; is_client++) {
        stream_story(&st, is_client != 0);
        expect_ok();
        assert_int_equal(report.lines, st.lines);
        assert_int_equal(report.sessions, 2);
        assert_int_equal(report.transitions, 1 + 3 + 3 + 1 + 1 + 3 + 1);
        assert_int_equal(report.switches, 3);
        assert_int_equal(report.gaps, 1);
        assert_int_equal(report.lost, 11);
        assert_int_equal(report.last_seq, st.seq);
        assert_string_equal(report.last_hash, st.prev);
    }
}

static void verify_names_the_line_of_a_changed_byte(void **state)
{
    stream_story(&st, true);
    for (uint32_t i = 0; i < st.lines; i++) {
        for (size_t at = 0; at + 1 < st.len[i]; at += 7) {
            st.text[i][at] = (char)(st.text[i][at] ^ 1);
            feed_all();
            assert_int_equal(report.first_wrong, i + 1);
            st.text[i][at] = (char)(st.text[i][at] ^ 1);
        }
    }
}

static void verify_names_the_line_behind_a_removed_one(void **state)
{
    stream_story(&st, false);
    for (uint32_t i = 0; i + 1 < st.lines; i++) {
        feed((struct jv_verify_cfg){0}, i);
        assert_int_equal(report.law, JV_LAW_CHAIN);
        assert_int_equal(report.first_wrong, i + 1);
    }
}

static void verify_finds_lines_missing_at_the_end_by_the_head(void **state)
{
    stream_story(&st, true);
    struct jv_verify_head head = {.seq = st.seq};
    memcpy(head.hash, st.prev, sizeof head.hash);
    feed((struct jv_verify_cfg){.head = &head}, UINT32_MAX);
    assert_int_equal(report.first_wrong, 0);
    feed((struct jv_verify_cfg){.head = NULL}, st.lines - 1);
    assert_int_equal(report.first_wrong, 0);
    feed((struct jv_verify_cfg){.head = &head}, st.lines - 1);
    assert_int_equal(report.law, JV_LAW_HEAD);
    assert_int_equal(report.first_wrong, st.lines - 1);
    st.lines = 0;
    feed((struct jv_verify_cfg){.head = &head}, UINT32_MAX);
    assert_int_equal(report.law, JV_LAW_HEAD);
    assert_int_equal(report.first_wrong, 1);
}

static void verify_accepts_a_head_that_is_behind_and_refuses_a_foreign_one(void **state)
{
    stream_story(&st, true);
    struct jv_record_line line;
    assert_int_equal(jv_record_read(st.text[5], st.len[5], &line), JV_E_OK);
    struct jv_verify_head head = {.seq = line.rec.seq};
    memcpy(head.hash, line.hash, sizeof head.hash);
    feed((struct jv_verify_cfg){.head = &head}, UINT32_MAX);
    assert_int_equal(report.first_wrong, 0);
    head.hash[0] = head.hash[0] == '0' ? '1' : '0';
    feed((struct jv_verify_cfg){.head = &head}, UINT32_MAX);
    assert_int_equal(report.law, JV_LAW_HEAD);
}

static void verify_reads_heads_strictly(void **state)
{
    struct jv_verify_head head;
    char text[100] = "17 " STREAM_ZERO "\n";
    assert_int_equal(jv_verify_head_parse(text, strlen(text), &head), JV_E_OK);
    assert_int_equal(head.seq, 17);
    assert_string_equal(head.hash, STREAM_ZERO);
    assert_int_equal(jv_verify_head_parse(text, strlen(text) - 1, &head), JV_E_SYNTAX);
    text[0] = '0';
    assert_int_equal(jv_verify_head_parse(text, strlen(text), &head), JV_E_SYNTAX);
    assert_int_equal(jv_verify_head_parse("", 0, &head), JV_E_SYNTAX);
    text[0] = '1';
    text[10] = 'G';
    assert_int_equal(jv_verify_head_parse(text, strlen(text), &head), JV_E_SYNTAX);
}

static void verify_takes_up_the_chain_of_a_rotated_file(void **state)
{
    stream_story(&st, true);
    struct jv_record_line line;
    assert_int_equal(jv_record_read(st.text[6], st.len[6], &line), JV_E_OK);
    st.lines -= 7;
    memmove(st.text, st.text + 7, st.lines * sizeof st.text[0]);
    memmove(st.len, st.len + 7, st.lines * sizeof st.len[0]);
    feed((struct jv_verify_cfg){.prev = line.hash}, UINT32_MAX);
    assert_int_equal(report.first_wrong, 0);
    feed((struct jv_verify_cfg){.prev = NULL}, UINT32_MAX);
    assert_int_equal(report.law, JV_LAW_CHAIN);
    assert_int_equal(report.first_wrong, 1);
}

static void verify_law_1_refuses_a_second_transport(void **state)
{
    born();
    stream_next(&st, JV_REC_TransportAttached, 10);
    stream_path(&st, "lte/udp");
    stream_emit(&st);
    expect_wrong(JV_LAW_ONE_TRANSPORT, 4);
}

static void verify_law_1_refuses_attached_without_transport(void **state)
{
    stream_init(&st, true);
    stream_session(&st, 1);
    stream_next(&st, JV_REC_SessionCreated, 0);
    stream_emit(&st);
    stream_row(&st, ROW_TR_01, JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_ONE_TRANSPORT, 2);
}

static void verify_law_1_refuses_a_switch_that_leaves_another_path(void **state)
{
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    uint32_t at = st.lines;
    stream_arrive(&st, "wifi/udp", "lte/udp", 1);
    expect_wrong(JV_LAW_ONE_TRANSPORT, at + 3);
}

static void verify_law_1_refuses_a_return_home_after_the_transport_died(void **state)
{
    born();
    stream_next(&st, JV_REC_TransportDead, 10)->reason = JV_WHY_LINK_DOWN;
    stream_path(&st, "fibre/udp");
    stream_emit(&st);
    stream_row(&st, ROW_TR_04, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD, 10);
    stream_emit(&st);
    stream_row(&st, ROW_TR_05, JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_HEALTH_RECOVERED, 10);
    stream_emit(&st);
    expect_ok();
    stream_row(&st, ROW_TR_10, JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_ONE_TRANSPORT, 7);
}

static void verify_law_1_refuses_a_switch_outside_of_a_recovery(void **state)
{
    born();
    stream_next(&st, JV_REC_TransportSwitch, 10);
    stream_path(&st, "lte/udp");
    stream_emit(&st);
    expect_wrong(JV_LAW_ONE_TRANSPORT, 4);
    /* Two in one recovery. */
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    stream_next(&st, JV_REC_TransportSwitch, 10);
    stream_path(&st, "lte/udp");
    stream_emit(&st);
    stream_next(&st, JV_REC_TransportRebound, 10);
    stream_path(&st, "lte/udp");
    stream_emit(&st);
    expect_wrong(JV_LAW_ONE_TRANSPORT, st.lines);
}

static void verify_law_2_refuses_a_changed_id(void **state)
{
    born();
    st.sid.b[15] ^= 1;
    stream_leave(&st, "fibre/udp", "lte/udp");
    expect_wrong(JV_LAW_IDENTITY, 4);
}

static void verify_law_2_refuses_a_second_birth_and_a_false_link(void **state)
{
    born();
    stream_next(&st, JV_REC_SessionCreated, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_IDENTITY, 4);
    born();
    stream_session(&st, 2);
    stream_next(&st, JV_REC_SessionCreated, 10)->link = (struct jv_sid){{9}};
    stream_emit(&st);
    expect_wrong(JV_LAW_IDENTITY, 4);
}

static void verify_law_3_refuses_a_move_by_a_rejected_input(void **state)
{
    born();
    stream_next(&st, JV_REC_SecurityReplayDetected, 10)->reason = JV_WHY_REPLAY_DETECTED;
    uint64_t cause = stream_emit(&st);
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_VOLATILITY_SIGNAL, 10)
        ->cause = cause;
    stream_emit(&st);
    expect_wrong(JV_LAW_PROVEN_INPUT, 5);
}

static void verify_law_4_refuses_rows_that_do_not_fit(void **state)
{
    /* The row does not lead there. */
    born();
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_RECOVERING, JV_WHY_VOLATILITY_SIGNAL, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    /* The session is elsewhere. */
    born();
    stream_row(&st, ROW_TR_06, JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_RECOVERY_START, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    /* The reason is another row's; then none. */
    born();
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    born();
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_NONE, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
}

static void verify_law_4_ties_row_event_and_session_together(void **state)
{
    born();
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_VOLATILITY_SIGNAL, 10)
        ->event = JV_REC_PathProven;
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    born();
    stream_next(&st, JV_REC_SessionStateChange, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    born();
    memset(&st.sid, 0, sizeof st.sid);
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_VOLATILITY_SIGNAL, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
}

static void verify_law_4_counts_every_transition_once(void **state)
{
    born();
    st.count++;
    stream_row(&st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_VOLATILITY_SIGNAL, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    born();
    st.count++;
    stream_next(&st, JV_REC_PathProven, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    /* The end needs its row, and carries the row's reason. */
    born();
    stream_next(&st, JV_REC_SessionTerminated, 10)->reason = JV_WHY_OPERATOR_TERMINATED;
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 4);
    born();
    stream_row(&st, ROW_TR_22, JV_ST_ATTACHED, JV_ST_TERMINATED, JV_WHY_OPERATOR_TERMINATED, 10);
    stream_emit(&st);
    stream_next(&st, JV_REC_SessionTerminated, 10)->reason = JV_WHY_PEER_TERMINATED;
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, 5);
    /* A committed switch leads home and nowhere else. */
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    stream_next(&st, JV_REC_TransportSwitch, 10);
    stream_path(&st, "lte/udp");
    stream_emit(&st);
    stream_row(&st, ROW_TR_14, JV_ST_RECOVERING, JV_ST_DEGRADED, JV_WHY_RECOVERY_BOUNDS_EXCEEDED,
               10);
    stream_emit(&st);
    expect_wrong(JV_LAW_TABLE, st.lines);
}

static void verify_law_5_keeps_terminated_final(void **state)
{
    born();
    stream_end(&st, ROW_TR_22, JV_ST_ATTACHED, JV_WHY_OPERATOR_TERMINATED);
    stream_row(&st, ROW_TR_01, JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, 6);
    born();
    stream_row(&st, ROW_TR_22, JV_ST_ATTACHED, JV_ST_TERMINATED, JV_WHY_OPERATOR_TERMINATED, 10);
    stream_emit(&st);
    stream_next(&st, JV_REC_PathProven, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, 5);
}

static void verify_law_5_holds_the_recovery_window(void **state)
{
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    st.wall_ns += 9900 * JV_NS_PER_MS;
    stream_arrive(&st, "fibre/udp", "lte/udp", 1);
    expect_ok();
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    uint32_t at = st.lines;
    st.wall_ns += 10100 * JV_NS_PER_MS;
    stream_arrive(&st, "fibre/udp", "lte/udp", 1);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, at + 1);
    /* The same silence may be sleep: it is no proof where time is not exact. */
    feed((struct jv_verify_cfg){0}, UINT32_MAX);
    assert_int_equal(report.first_wrong, 0);
    /* A file that goes on while the session is overdue is one. */
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    at = st.lines;
    for (int i = 0; i < 12; i++) {
        stream_next(&st, JV_REC_ReattachAttempt, 1000000);
        stream_emit(&st);
    }
    feed((struct jv_verify_cfg){0}, UINT32_MAX);
    assert_int_equal(report.law, JV_LAW_BOUNDED_RECOVERY);
    assert_int_equal(report.first_wrong, at + 11);
}

static void verify_law_5_holds_the_time_without_transport(void **state)
{
    for (uint64_t over_ms = 0; over_ms < 2; over_ms++) {
        born();
        stream_next(&st, JV_REC_TransportDead, 10);
        stream_path(&st, "fibre/udp");
        stream_emit(&st);
        jv_record_put(
            stream_row(&st, ROW_TR_04, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD, 0),
            JV_FD_transport_ttl_ms, 15000);
        stream_emit(&st);
        stream_row(&st, ROW_TR_20_VOLATILE, JV_ST_VOLATILE, JV_ST_TERMINATED,
                   JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED, 17000000 + over_ms * 1000);
        stream_emit(&st);
        if (over_ms == 0) {
            expect_ok();
        } else {
            expect_wrong(JV_LAW_BOUNDED_RECOVERY, 6);
        }
    }
}

static void policy_changed(uint64_t after_ms, uint64_t window_ms, uint64_t ttl_ms)
{
    struct jv_record *rec = stream_next(&st, JV_REC_PolicyChanged, after_ms * 1000);
    rec->reason = JV_WHY_POLICY_TRIGGER;
    jv_record_put(rec, JV_FD_transport_ttl_ms, ttl_ms);
    jv_record_put(rec, JV_FD_recovery_window_ms, window_ms);
    stream_emit(&st);
}

static void bare(uint64_t ttl_ms)
{
    born();
    stream_next(&st, JV_REC_TransportDead, 10);
    stream_path(&st, "fibre/udp");
    stream_emit(&st);
    jv_record_put(
        stream_row(&st, ROW_TR_04, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD, 0),
        JV_FD_transport_ttl_ms, ttl_ms);
    stream_emit(&st);
}

static void bare_ends(uint64_t after_ms)
{
    stream_row(&st, ROW_TR_20_VOLATILE, JV_ST_VOLATILE, JV_ST_TERMINATED,
               JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED, after_ms * 1000);
    stream_emit(&st);
}

/* Found by fuzz_pair: a session without transport was judged by the limit that ended it as if that had been in force all the time. */
static void verify_law_5_holds_a_tightened_limit_from_its_record_on(void **state)
{
    bare(60000);
    policy_changed(47000, 8000, 16000);
    bare_ends(2000);
    expect_ok();
    bare(60000);
    policy_changed(47000, 8000, 16000);
    bare_ends(2001);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, 7);
    /* What has not passed by then passes under it. */
    bare(60000);
    policy_changed(1000, 8000, 16000);
    bare_ends(17001);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, 7);
    /* A limit that is over when it is widened was broken; one that is not holds as the wider one, and no tightening renews it. */
    bare(16000);
    policy_changed(18001, 8000, 60000);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, 6);
    bare(16000);
    policy_changed(15000, 8000, 60000);
    policy_changed(40000, 8000, 59000);
    bare_ends(6001);
    expect_wrong(JV_LAW_BOUNDED_RECOVERY, 8);
    for (uint64_t over_ms = 0; over_ms < 2; over_ms++) {
        born();
        stream_leave(&st, "fibre/udp", "lte/udp");
        policy_changed(7000, 4000, 16000);
        st.wall_ns += (1950 + over_ms * 10) * JV_NS_PER_MS;
        stream_arrive(&st, "fibre/udp", "lte/udp", 1);
        if (over_ms == 0) {
            expect_ok();
        } else {
            expect_wrong(JV_LAW_BOUNDED_RECOVERY, 11);
        }
    }
}

static void verify_law_6_hears_nothing_of_a_lost_session(void **state)
{
    born();
    stream_end(&st, ROW_TR_25, JV_ST_ATTACHED, JV_WHY_OWNERSHIP_CONFLICT);
    stream_next(&st, JV_REC_PathProven, 10);
    stream_emit(&st);
    expect_wrong(JV_LAW_OWNER, 6);
    born();
    st.node = "gw2";
    stream_leave(&st, "fibre/udp", "lte/udp");
    expect_wrong(JV_LAW_OWNER, 4);
}

static void verify_law_9_counts_every_record(void **state)
{
    born();
    st.seq++;
    stream_leave(&st, "fibre/udp", "lte/udp");
    expect_wrong(JV_LAW_COUNTED, 4);
    born();
    st.seq -= 2;
    stream_leave(&st, "fibre/udp", "lte/udp");
    expect_wrong(JV_LAW_COUNTED, 4);
    /* An announcement that names another gap than the one that is there. */
    born();
    st.seq += 3;
    stream_next(&st, JV_REC_TelemetryDegraded, 10);
    jv_record_put(&st.rec, JV_FD_count, 2);
    jv_record_put(&st.rec, JV_FD_first_lost_seq, 4);
    jv_record_put(&st.rec, JV_FD_last_lost_seq, 6);
    stream_emit(&st);
    expect_wrong(JV_LAW_COUNTED, 4);
}

static void verify_law_9_holds_the_switches_of_a_minute(void **state)
{
    for (uint32_t n = 8; n <= 9; n++) {
        born();
        for (uint32_t i = 0; i < n; i++) {
            const char *from = i % 2 == 0 ? "fibre/udp" : "lte/udp";
            const char *to = i % 2 == 0 ? "lte/udp" : "fibre/udp";
            stream_leave(&st, from, to);
            stream_arrive(&st, from, to, 1);
        }
        if (n == 8) {
            expect_ok();
        } else {
            expect_wrong(JV_LAW_COUNTED, st.lines - 1);
        }
    }
    /* The core's own count is held against its limit as well. */
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    stream_arrive(&st, "fibre/udp", "lte/udp", 9);
    expect_wrong(JV_LAW_COUNTED, st.lines - 1);
}

static void there_and_back(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *from = i % 2 == 0 ? "fibre/udp" : "lte/udp";
        const char *to = i % 2 == 0 ? "lte/udp" : "fibre/udp";
        stream_leave(&st, from, to);
        stream_arrive(&st, from, to, i + 1);
    }
}

/* Found by jvsim (seed 901924): a tighter policy takes back no switch, and the session would have none left for a minute. */
static void verify_law_9_counts_a_minute_by_its_widest_bound(void **state)
{
    for (uint32_t more = 2; more <= 4; more += 2) {
        born();
        st.switches_limit = 12;
        there_and_back(8);
        st.switches_limit = 10 - more; /* 8 or 6 in force when the last ones are made */
        there_and_back(more);
        expect_ok();
    }
    born();
    st.switches_limit = 9;
    there_and_back(8);
    st.switches_limit = 4;
    there_and_back(2);
    expect_wrong(JV_LAW_COUNTED, st.lines - 1);
    st.switches_limit = 0;
}

static void verify_refuses_a_cause_that_is_not_earlier(void **state)
{
    born();
    struct jv_record *rec = stream_next(&st, JV_REC_PathProven, 10);
    rec->cause = st.seq;
    stream_emit(&st);
    expect_wrong(JV_LAW_CAUSE, 4);
}

static void verify_tolerates_a_clock_set_back(void **state)
{
    born();
    st.wall_ns -= 86400 * JV_NS_PER_S;
    stream_leave(&st, "fibre/udp", "lte/udp");
    stream_arrive(&st, "fibre/udp", "lte/udp", 1);
    expect_ok();
    assert_int_equal(report.clock_steps, 1);
}

static void verify_starts_again_behind_a_restart(void **state)
{
    born();
    stream_leave(&st, "fibre/udp", "lte/udp");
    struct jv_sid sid = st.sid;
    memset(&st.sid, 0, sizeof st.sid);
    stream_next(&st, JV_REC_DaemonStarted, 3600000000ULL);
    stream_emit(&st);
    expect_ok();
    /* Another life of the session may begin in any state, but not after its end. */
    st.sid = sid;
    st.count = 40;
    stream_leave(&st, "fibre/udp", "lte/udp");
    expect_ok();
}

static void verify_forgets_the_bound_path_in_a_gap(void **state)
{
    born();
    /* The switch from fibre to lte is among what was lost. */
    st.count += 3;
    st.seq += 5;
    struct jv_sid sid = st.sid;
    memset(&st.sid, 0, sizeof st.sid);
    stream_next(&st, JV_REC_TelemetryDegraded, 10);
    jv_record_put(&st.rec, JV_FD_count, 6);
    jv_record_put(&st.rec, JV_FD_first_lost_seq, 4);
    jv_record_put(&st.rec, JV_FD_last_lost_seq, 9);
    stream_emit(&st);
    st.sid = sid;
    stream_next(&st, JV_REC_TransportDead, 10)->reason = JV_WHY_TRANSPORT_DEAD;
    stream_path(&st, "lte/udp");
    stream_emit(&st);
    stream_row(&st, ROW_TR_04, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_TRANSPORT_DEAD, 10);
    stream_emit(&st);
    stream_row(&st, ROW_TR_06, JV_ST_VOLATILE, JV_ST_RECOVERING, JV_WHY_DEAD_TRANSPORT_RECOVERY,
               10);
    stream_emit(&st);
    stream_arrive(&st, "lte/udp", "fibre/udp", 1);
    expect_ok();
}

static void verify_accepts_a_birth_that_failed(void **state)
{
    for (uint8_t id = 0; id < 2; id++) {
        stream_init(&st, true);
        stream_session(&st, id);
        stream_next(&st, JV_REC_PathAdded, 10);
        stream_emit(&st);
        stream_row(&st, ROW_TR_02, JV_ST_BIRTH, JV_ST_TERMINATED, JV_WHY_HANDSHAKE_FAIL, 5000000);
        stream_emit(&st);
        stream_next(&st, JV_REC_SessionTerminated, 1)->reason = JV_WHY_HANDSHAKE_FAIL;
        stream_emit(&st);
        stream_next(&st, JV_REC_PathGone, 1);
        stream_emit(&st);
        expect_ok();
        assert_int_equal(report.transitions, 1);
    }
    /* With a reason of another row it is refused, id or not. */
    for (uint8_t id = 0; id < 2; id++) {
        stream_init(&st, true);
        stream_session(&st, id);
        stream_row(&st, ROW_TR_02, JV_ST_BIRTH, JV_ST_TERMINATED, JV_WHY_HANDSHAKE_OK, 5000000);
        stream_emit(&st);
        expect_wrong(JV_LAW_TABLE, 1);
    }
}

static void verify_forgets_the_oldest_end_first(void **state)
{
    stream_init(&st, true);
    for (uint8_t i = 1; i <= 6; i++) {
        stream_session(&st, i);
        stream_birth(&st, "fibre/udp");
        if (i <= 3) {
            stream_end(&st, ROW_TR_22, JV_ST_ATTACHED, JV_WHY_OPERATOR_TERMINATED);
        }
    }
    feed((struct jv_verify_cfg){.sessions_max = 4}, UINT32_MAX);
    assert_int_equal(report.first_wrong, 0);
    assert_int_equal(report.forgotten, 2);
    feed((struct jv_verify_cfg){.sessions_max = 2}, UINT32_MAX);
    assert_int_equal(report.first_wrong, 0);
    assert_int_equal(jv_verify_bytes(0), 0);
    assert_int_equal(jv_verify_bytes(UINT32_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_accepts_good_streams),
        cmocka_unit_test(verify_names_the_line_of_a_changed_byte),
        cmocka_unit_test(verify_names_the_line_behind_a_removed_one),
        cmocka_unit_test(verify_finds_lines_missing_at_the_end_by_the_head),
        cmocka_unit_test(verify_accepts_a_head_that_is_behind_and_refuses_a_foreign_one),
        cmocka_unit_test(verify_reads_heads_strictly),
        cmocka_unit_test(verify_takes_up_the_chain_of_a_rotated_file),
        cmocka_unit_test(verify_law_1_refuses_a_second_transport),
        cmocka_unit_test(verify_law_1_refuses_attached_without_transport),
        cmocka_unit_test(verify_law_1_refuses_a_switch_that_leaves_another_path),
        cmocka_unit_test(verify_law_1_refuses_a_return_home_after_the_transport_died),
        cmocka_unit_test(verify_law_1_refuses_a_switch_outside_of_a_recovery),
        cmocka_unit_test(verify_law_2_refuses_a_changed_id),
        cmocka_unit_test(verify_law_2_refuses_a_second_birth_and_a_false_link),
        cmocka_unit_test(verify_law_3_refuses_a_move_by_a_rejected_input),
        cmocka_unit_test(verify_law_4_refuses_rows_that_do_not_fit),
        cmocka_unit_test(verify_law_4_ties_row_event_and_session_together),
        cmocka_unit_test(verify_law_4_counts_every_transition_once),
        cmocka_unit_test(verify_law_5_keeps_terminated_final),
        cmocka_unit_test(verify_law_5_holds_the_recovery_window),
        cmocka_unit_test(verify_law_5_holds_the_time_without_transport),
        cmocka_unit_test(verify_law_5_holds_a_tightened_limit_from_its_record_on),
        cmocka_unit_test(verify_law_6_hears_nothing_of_a_lost_session),
        cmocka_unit_test(verify_law_9_counts_every_record),
        cmocka_unit_test(verify_law_9_holds_the_switches_of_a_minute),
        cmocka_unit_test(verify_law_9_counts_a_minute_by_its_widest_bound),
        cmocka_unit_test(verify_refuses_a_cause_that_is_not_earlier),
        cmocka_unit_test(verify_tolerates_a_clock_set_back),
        cmocka_unit_test(verify_starts_again_behind_a_restart),
        cmocka_unit_test(verify_forgets_the_bound_path_in_a_gap),
        cmocka_unit_test(verify_accepts_a_birth_that_failed),
        cmocka_unit_test(verify_forgets_the_oldest_end_first),
    };
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
