/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto.h"
#include "stream.h"

static char line[JV_RECORD_LINE_BYTES];
static char hash[JV_RECORD_HASH_TEXT];

static size_t write_line(const struct jv_record *rec, uint64_t wall_ns)
{
    return jv_record_write(rec, wall_ns, "home", STREAM_ZERO, line, sizeof line, hash);
}

/* One record with every member. */
static struct jv_record full_record(void)
{
    struct jv_record rec = {
        .seq = 18231, .cause = 18229, .v = 38, .local = 40, .is_client = true, .policy = 7};
    memset(rec.sid.b, 0x3f, sizeof rec.sid.b);
    memset(rec.link.b, 0xa0, sizeof rec.link.b);
    rec.event = JV_REC_SessionStateChange;
    rec.row = ROW_TR_03;
    rec.from = JV_ST_ATTACHED;
    rec.to = JV_ST_VOLATILE;
    rec.reason = JV_WHY_HEARTBEAT_TIMEOUT;
    rec.rule = JV_RULE_UNANSWERED;
    assert_int_equal(jv_endpoint_parse("[2001:db8::7]:4433", 0, &rec.remote), JV_E_OK);
    jv_record_put(&rec, JV_FD_silent_us, 231000);
    jv_record_put(&rec, JV_FD_unanswered_limit, 5);
    jv_record_put(&rec, JV_FD_rtt_us, 0);
    memcpy(rec.path, "fibre/udp", 10);
    memcpy(rec.text, "a\"b\\c\n\xc3\xa9\xff", 10);
    return rec;
}

static void record_writes_the_golden_lines(void **state)
{
    struct jv_record rec = full_record();
    size_t len = write_line(&rec, 1795252361402183999ULL);
    const char *want =
        "{\"ts\":\"2026-11-21T09:12:41.402183Z\",\"seq\":18231,\"node\":\"home\","
        "\"sid\":\"3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f\",\"event\":\"SessionStateChange\","
        "\"from\":\"ATTACHED\",\"to\":\"VOLATILE\",\"v\":38,\"local\":40,\"row\":\"TR-03\","
        "\"reason\":\"HEARTBEAT_TIMEOUT\",\"cause\":18229,\"path\":\"fibre/udp\","
        "\"remote\":\"[2001:db8::7]:4433\",\"link\":\"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0\","
        "\"seen\":{\"silent_us\":231000,\"rtt_us\":0},\"limits\":{\"unanswered_limit\":5},"
        "\"rule\":\"unanswered >= max_consecutive_drops\",\"policy\":7,"
        "\"text\":\"a\\\"b\\\\c\\u000a\xc3\xa9\\u00ff\",\"prev\":\"" STREAM_ZERO "\","
        "\"hash\":\"5f62420a86199c4c8562c7747c237ad3909df9516c81d84e918d6969abbdd85b\"}\n";
    assert_string_equal(line, want);
    assert_int_equal(len, strlen(want));
    struct jv_record bare = {.seq = 1, .event = JV_REC_DaemonStarted};
    assert_true(jv_record_write(&bare, 0, "", STREAM_ZERO, line, sizeof line, hash) > 0);
    const char *start =
        "{\"ts\":\"1970-01-01T00:00:00.000000Z\",\"seq\":1,\"event\":\"DaemonStarted\","
        "\"prev\":\"" STREAM_ZERO "\",\"hash\":\"";
    assert_memory_equal(line, start, strlen(start));
    assert_memory_equal(line + strlen(start), hash, 64);
}

static void record_reads_back_every_member(void **state)
{
    struct jv_record rec = full_record();
    size_t len = write_line(&rec, 1795252361402183000ULL);
    struct jv_record_line got;
    assert_int_equal(jv_record_read(line, len, &got), JV_E_OK);
    assert_int_equal(jv_record_read(line, len - 1, &got), JV_E_OK);
    assert_null(got.error);
    rec.at.ns = 1795252361402183000ULL;
    assert_int_equal(got.rec.at.ns, rec.at.ns);
    assert_int_equal(got.rec.seq, rec.seq);
    assert_int_equal(got.rec.cause, rec.cause);
    assert_int_equal(got.rec.v, rec.v);
    assert_int_equal(got.rec.local, rec.local);
    assert_true(got.rec.is_client);
    assert_memory_equal(&got.rec.sid, &rec.sid, sizeof rec.sid);
    assert_memory_equal(&got.rec.link, &rec.link, sizeof rec.link);
    assert_true(jv_endpoint_is_equal(&got.rec.remote, &rec.remote));
    assert_int_equal(got.rec.event, rec.event);
    assert_int_equal(got.rec.row, rec.row);
    assert_int_equal(got.rec.from, rec.from);
    assert_int_equal(got.rec.to, rec.to);
    assert_int_equal(got.rec.reason, rec.reason);
    assert_int_equal(got.rec.rule, rec.rule);
    assert_int_equal(got.rec.policy, rec.policy);
    assert_string_equal(got.rec.path, rec.path);
    assert_string_equal(got.rec.text, rec.text);
    assert_int_equal(jv_record_get(&got.rec, JV_FD_silent_us, 1), 231000);
    assert_int_equal(jv_record_get(&got.rec, JV_FD_rtt_us, 1), 0);
    assert_int_equal(jv_record_get(&got.rec, JV_FD_unanswered_limit, 1), 5);
    assert_int_equal(jv_record_get(&got.rec, JV_FD_count, 77), 77);
    assert_string_equal(got.node, "home");
    assert_string_equal(got.prev, STREAM_ZERO);
    assert_string_equal(got.hash, hash);
}

/* ATK-27: a name with a line break, a quote, a terminal's escapes and bytes that are no text. */
static void record_escapes_what_is_no_text(void **state)
{
    struct jv_record rec = full_record();
    (void)snprintf(rec.text, sizeof rec.text, "%s", "a\n\"}\\\x1b[2J\x7f\xff\xc3\xa9");
    size_t len = write_line(&rec, 1795252361402183000ULL);
    assert_non_null(strstr(line, "\"text\":\"a\\u000a\\\"}\\\\\\u001b[2J\\u007f\\u00ff\xc3\xa9\""));
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

static void record_longest_line_fits(void **state)
{
    struct jv_record rec = {
        .seq = UINT64_MAX, .cause = UINT64_MAX, .v = UINT64_MAX, .local = UINT64_MAX};
    rec.is_client = true;
    rec.policy = UINT32_MAX;
    memset(&rec.sid, 0xff, sizeof rec.sid);
    memset(&rec.link, 0xff, sizeof rec.link);
    rec.remote.ip.family = JV_AF_6;
    memset(rec.remote.ip.b, 0xff, sizeof rec.remote.ip.b);
    rec.remote.ip.b[1] = 0x80;
    rec.remote.ip.b[0] = 0xfe;
    rec.remote.scope = UINT32_MAX;
    rec.remote.port = UINT16_MAX;
    rec.row = ROW_TR_18_RECOVERING;
    rec.from = rec.to = JV_ST_RECOVERING;
    memset(rec.path, 1, sizeof rec.path - 1);
    memset(rec.text, 1, sizeof rec.text - 1);
    char node[JV_NAME_BYTES] = "";
    memset(node, 1, sizeof node - 1);
    size_t longest = 0;
    for (uint16_t i = JV_REC_NONE + 1; i < JV_REC_END; i++) {
        longest = JV_MAX(longest, strlen(jv_event_name((enum jv_event_type)i)));
        rec.event = strlen(jv_event_name((enum jv_event_type)i)) == longest ? i : rec.event;
    }
    longest = 0;
    for (uint16_t i = JV_WHY_NONE + 1; i < JV_WHY_END; i++) {
        longest = JV_MAX(longest, strlen(jv_why_name((enum jv_why)i)));
        rec.reason = strlen(jv_why_name((enum jv_why)i)) == longest ? i : rec.reason;
    }
    longest = 0;
    for (uint8_t i = 0; i < JV_RULE_END; i++) {
        longest = JV_MAX(longest, strlen(jv_rule_text((enum jv_rule)i)));
        rec.rule = strlen(jv_rule_text((enum jv_rule)i)) == longest ? i : rec.rule;
    }
    size_t name_len = 40; /* the fields with the longest names, one after the other */
    while (rec.fields_len < JV_RECORD_FIELDS && name_len-- > 0) {
        for (uint16_t i = 0; i < JV_FD_END; i++) {
            if (strlen(jv_field_name((enum jv_record_key)i)) == name_len) {
                jv_record_put(&rec, (enum jv_record_key)i, UINT64_MAX);
            }
        }
    }
    size_t len =
        jv_record_write(&rec, 18000000000000000000ULL, node, STREAM_ZERO, line, sizeof line, hash);
    assert_true(len > 1800);
    struct jv_record_line got;
    assert_int_equal(jv_record_read(line, len, &got), JV_E_OK);
    char small[JV_RECORD_LINE_BYTES];
    assert_int_equal(jv_record_write(&rec, 0, node, STREAM_ZERO, small, len, hash), 0);
    assert_int_equal(jv_record_write(&rec, 0, node, STREAM_ZERO, small, len + 1, hash), len);
}

/* Replace the first `from` by `to`, give the line the hash that fits, and read it. */
static enum jv_err read_mutant(const char *from, const char *to, struct jv_record_line *got)
{
    struct jv_record rec = full_record();
    (void)write_line(&rec, 1795252361402183000ULL); /* JV_RECORD_LINE_BYTES always suffice */
    char mutant[2 * JV_RECORD_LINE_BYTES];
    char *at = strstr(line, from);
    assert_non_null(at);
    size_t n = (size_t)(at - line);
    memcpy(mutant, line, n);
    memcpy(mutant + n, to, strlen(to));
    memcpy(mutant + n + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    char *end = strstr(mutant, ",\"hash\"");
    if (end != NULL && strlen(end) > 9 + 64) {
        uint8_t digest[32];
        const struct jv_bytes parts[2] = {{STREAM_ZERO, 64}, {mutant, (size_t)(end - mutant)}};
        jv_sha256(parts, 2, digest);
        for (size_t i = 0; i < 32; i++) {
            end[9 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
            end[10 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
        }
    }
    return jv_record_read(mutant, strlen(mutant), got);
}

static void record_reader_refuses_every_other_spelling(void **state)
{
    static const struct {
        const char *from, *to;
    } mutants[] = {
        {"{\"ts\"", " {\"ts\""},
        {"2026-11-21", "2026-11-31"},
        {"2026-11-21", "2026-02-29"},
        {"09:12:41.402183", "24:12:41.402183"},
        {"09:12:41.402183", "09:12:41.40218"},
        {"2026-", "1969-"},
        {"2026-", "2600-"},
        {"\"seq\":18231", "\"seq\":018231"},
        {"\"seq\":18231", "\"seq\":0"},
        {"\"seq\":18231", "\"seq\":-1"},
        {"\"seq\":18231", "\"seq\":18446744073709551616"},
        {"\"seq\":18231", "\"seq\": 18231"},
        {"\"seq\":18231,", "\"seq\":18231,\"seq\":18231,"},
        {"\"node\":\"home\"", "\"node\":\"\""},
        {"\"node\":\"home\"", "\"node\":\"\\u0068ome\""},
        {"\"node\":\"home\"", "\"node\":\"ho\nme\""},
        {"\"node\":\"home\"", "\"node\":\"\\u00C3\""},
        {"\"node\":\"home\"", "\"node\":\"\\u00c3\\u00a9\""},
        {"\"node\":\"home\"", "\"node\":\"\\u0000\""},
        {"\"node\":\"home\"", "\"node\":\"\\u0100\""},
        {"\"node\":\"home\"", "\"node\":\"\\n\""},
        {"\"node\":\"home\"", "\"node\":\"\xff\""},
        {"\"node\":\"home\"", "\"node\":\"01234567890123456789012345678901\""},
        {"\"node\":\"home\",", "\"host\":\"home\","},
        {"3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f", "00000000000000000000000000000000"},
        {"3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f", "3F3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f"},
        {"3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f", "3f3f"},
        {"SessionStateChange", "SessionStateChanged"},
        {"\"from\":\"ATTACHED\",", ""},
        {",\"to\":\"VOLATILE\"", ""},
        {"\"to\":\"VOLATILE\"", "\"to\":\"volatile\""},
        {"\"v\":38", "\"v\":0"},
        {"\"v\":38,\"local\":40", "\"local\":40,\"v\":38"},
        {",\"row\":\"TR-03\"", ""},
        {"TR-03", "TR-15"},
        {"TR-03", "TR-00"},
        {"HEARTBEAT_TIMEOUT", "NONE"},
        {"HEARTBEAT_TIMEOUT", "HEARTBEAT_TIMEOU"},
        {"\"cause\":18229", "\"cause\":0"},
        {"[2001:db8::7]:4433", "[2001:DB8::7]:4433"},
        {"[2001:db8::7]:4433", "[2001:db8::7]:0"},
        {"[2001:db8::7]:4433", "none:0"},
        {"\"silent_us\":231000", "\"silent_us\":1.5"},
        {"\"silent_us\":231000", "\"silent_us\":231000,\"silent_us\":1"},
        {"\"silent_us\":231000", "\"silent_ms\":231000"},
        {"\"silent_us\":231000", "\"unanswered_limit\":231000"},
        {"\"seen\":{\"silent_us\":231000,\"rtt_us\":0}", "\"seen\":{}"},
        {"unanswered >= max_consecutive_drops", "UNANSWERED"},
        {"\"policy\":7", "\"policy\":4294967296"},
        {"\"prev\":", "\"more\":1,\"prev\":"},
        {"}\n", "}\n\n"},
        {"}\n", "} \n"},
        {"}\n", "\n"},
        {"\"}\n", "0\"}\n"},
    };
    struct jv_record_line got;
    assert_int_equal(read_mutant("TR-03", "TR-03", &got), JV_E_OK);
    for (size_t i = 0; i < JV_ARRAY_LEN(mutants); i++) {
        enum jv_err err = read_mutant(mutants[i].from, mutants[i].to, &got);
        if (err != JV_E_SYNTAX || got.error == NULL) {
            print_message("%s -> %s\n", mutants[i].from, mutants[i].to);
        }
        assert_int_equal(err, JV_E_SYNTAX);
        assert_non_null(got.error);
    }
}

static void record_reader_names_place_and_fault(void **state)
{
    struct jv_record_line got;
    assert_int_equal(read_mutant("\"seq\":18231", "\"seq\":018231", &got), JV_E_SYNTAX);
    assert_string_equal(got.error, "a decimal number without leading zeros is due here");
    assert_int_equal(got.error_at, strlen("{\"ts\":\"2026-11-21T09:12:41.402183Z\",\"seq\":"));
    assert_int_equal(read_mutant("SessionStateChange", "Sessions", &got), JV_E_SYNTAX);
    assert_string_equal(got.error, "no such event");
    assert_memory_equal(line + got.error_at, "SessionStateChange", 18);
    static char longer[JV_RECORD_LINE_BYTES + 9];
    memset(longer, ' ', sizeof longer);
    assert_int_equal(jv_record_read(longer, sizeof longer, &got), JV_E_SYNTAX);
    assert_string_equal(got.error, "line is too long");
    assert_int_equal(jv_record_read("", 0, &got), JV_E_SYNTAX);
}

static void record_reader_tells_a_wrong_hash_apart(void **state)
{
    struct jv_record rec = full_record();
    size_t len = write_line(&rec, 1795252361402183000ULL);
    struct jv_record_line got;
    *strstr(line, "231000") = '3';
    assert_int_equal(jv_record_read(line, len, &got), JV_E_AUTH);
    assert_string_equal(got.error, "hash does not match the line");
}

static void record_reader_finds_the_place_of_a_shared_row_name(void **state)
{
    static const struct {
        uint8_t row;
        enum jv_state from, to;
    } rows[] = {{ROW_TR_18_VOLATILE, JV_ST_VOLATILE, JV_ST_VOLATILE},
                {ROW_TR_18_DEGRADED, JV_ST_DEGRADED, JV_ST_DEGRADED},
                {ROW_TR_20_RECOVERING, JV_ST_RECOVERING, JV_ST_TERMINATED},
                {ROW_TR_31, JV_ST_VOLATILE, JV_ST_TERMINATED}};
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        struct jv_record rec = full_record();
        rec.row = rows[i].row;
        rec.from = (uint8_t)rows[i].from;
        rec.to = (uint8_t)rows[i].to;
        size_t len = write_line(&rec, 0);
        struct jv_record_line got;
        assert_int_equal(jv_record_read(line, len, &got), JV_E_OK);
        assert_int_equal(got.rec.row, rows[i].row);
    }
}

static void record_put_replaces_and_stays_within_bounds(void **state)
{
    struct jv_record rec = {0};
    jv_record_put(&rec, JV_FD_rtt_us, 1);
    jv_record_put(&rec, JV_FD_rtt_us, 2);
    assert_int_equal(rec.fields_len, 1);
    assert_int_equal(jv_record_get(&rec, JV_FD_rtt_us, 0), 2);
    for (uint16_t i = 0; i < JV_FD_END; i++) {
        jv_record_put(&rec, (enum jv_record_key)i, i);
    }
    assert_int_equal(rec.fields_len, JV_RECORD_FIELDS);
}

static void record_names_come_from_the_tables(void **state)
{
    assert_string_equal(jv_state_name(JV_ST_RECOVERING), "RECOVERING");
    assert_string_equal(jv_state_name(JV_ST_END), "");
    assert_string_equal(jv_event_name(JV_REC_TransportSwitch), "TransportSwitch");
    assert_string_equal(jv_event_name(JV_REC_END), "");
    assert_string_equal(jv_rule_text(JV_RULE_NONE), "");
    assert_string_equal(jv_rule_text(JV_RULE_END), "");
    assert_string_equal(jv_field_name(JV_FD_END), "");
    assert_string_equal(jv_row_name(JV_ROW_NONE), "");
    assert_string_equal(jv_row_name(JV_ROW_FIRST), "TR-01");
    assert_string_equal(jv_row_name(ROW_TR_31), "TR-31");
    assert_string_equal(jv_row_name(ROW_TR_31 + 1), "");
    assert_true(jv_field_is_limit(JV_FD_switches_limit));
    assert_false(jv_field_is_limit(JV_FD_rtt_us));
    assert_int_equal(jv_event_lane(JV_REC_TelemetryTick), JV_LANE_M);
    assert_int_equal(jv_event_lane(JV_REC_BirthRefused), JV_LANE_S);
    assert_int_equal(jv_event_lane(JV_REC_SessionCreated), JV_LANE_T);
}

static void record_text_of_every_edge_of_utf8_comes_back(void **state)
{
    static const char *const good[] = {"\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf", "\xef\xbf\xbf"};
    static const char *const bad[] = {"\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe1\x80"};
    struct jv_record_line got;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(good) + JV_ARRAY_LEN(bad); i++) {
        bool is_good = i < JV_ARRAY_LEN(good);
        const char *text = is_good ? good[i] : bad[i - JV_ARRAY_LEN(good)];
        struct jv_record rec = {.seq = 1, .event = JV_REC_DaemonStarted};
        memcpy(rec.text, text, strlen(text) + 1);
        size_t len = write_line(&rec, 0);
        assert_true(len > 0);
        assert_int_equal(strstr(line, text) != NULL, is_good); /* what is none is escaped */
        assert_int_equal(jv_record_read(line, len, &got), JV_E_OK);
        assert_string_equal(got.rec.text, text);
    }
}

static void record_that_does_not_fit_is_not_written_at_any_length(void **state)
{
    struct jv_record rec = full_record();
    size_t len = write_line(&rec, 1795252361402183999ULL);
    char *small = line;
    for (size_t cap = 0; cap <= len; cap++) {
        memset(hash, 'x', sizeof hash);
        assert_int_equal(
            jv_record_write(&rec, 1795252361402183999ULL, "home", STREAM_ZERO, small, cap, hash),
            0);
        assert_int_equal(hash[0], 'x');
    }
    assert_int_equal(
        jv_record_write(&rec, 1795252361402183999ULL, "home", STREAM_ZERO, small, len + 1, hash),
        len);
}

static void record_groups_are_asked_of_known_keys_only(void **state)
{
    assert_false(jv_field_is_limit(JV_FD_END));
    assert_int_equal(jv_event_lane(JV_REC_END), jv_event_lane(JV_REC_NONE));
}

static void record_line_cut_anywhere_is_refused(void **state)
{
    struct jv_record rec = full_record();
    struct jv_record_line got;
    size_t len = write_line(&rec, 1795252361402183999ULL);
    assert_int_equal(jv_record_read(line, len, &got), JV_E_OK);
    for (size_t cut = 0; cut + 1 < len; cut++) { /* the newline is the file's */
        assert_int_not_equal(jv_record_read(line, cut, &got), JV_E_OK);
    }
}

static void record_of_the_month_zero_is_no_time(void **state)
{
    struct jv_record rec = full_record();
    struct jv_record_line got;
    size_t len = write_line(&rec, 1795252361402183999ULL);
    char *month = strstr(line, "-11-");
    assert_non_null(month);
    month[1] = month[2] = '0';
    assert_int_not_equal(jv_record_read(line, len, &got), JV_E_OK);
    assert_string_equal(got.error, "no such time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_of_the_month_zero_is_no_time),
        cmocka_unit_test(record_text_of_every_edge_of_utf8_comes_back),
        cmocka_unit_test(record_that_does_not_fit_is_not_written_at_any_length),
        cmocka_unit_test(record_groups_are_asked_of_known_keys_only),
        cmocka_unit_test(record_line_cut_anywhere_is_refused),
        cmocka_unit_test(record_writes_the_golden_lines),
        cmocka_unit_test(record_reads_back_every_member),
        cmocka_unit_test(record_escapes_what_is_no_text),
        cmocka_unit_test(record_longest_line_fits),
        cmocka_unit_test(record_reader_refuses_every_other_spelling),
        cmocka_unit_test(record_reader_names_place_and_fault),
        cmocka_unit_test(record_reader_tells_a_wrong_hash_apart),
        cmocka_unit_test(record_reader_finds_the_place_of_a_shared_row_name),
        cmocka_unit_test(record_put_replaces_and_stays_within_bounds),
        cmocka_unit_test(record_names_come_from_the_tables),
    };
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
