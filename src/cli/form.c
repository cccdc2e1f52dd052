/* SPDX-License-Identifier: Apache-2.0 */
#include "form.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define SCORE_PERCENT 10000U /* the daemon counts a score in millionths */
#define DAY_MS 86400000U

uint64_t jv_form_member(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value < 0 ? 0 : (uint64_t)value;
}

const char *jv_form_word(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

void jv_form_duration(uint64_t ms, char out[JV_FORM_BYTES])
{
    uint64_t s = ms / 1000U;
    if (ms < 1000U) {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 "ms", ms);
    } else if (s < 60U) {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 ".%" PRIu64 "s", s, ms % 1000U / 100U);
    } else if (s < 3600U) {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 "m%02" PRIu64 "s", s / 60U, s % 60U);
    } else if (s < 86400U) {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 "h%02" PRIu64 "m", s / 3600U, s / 60U % 60U);
    } else {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 "d %" PRIu64 "h", s / 86400U,
                       s / 3600U % 24U);
    }
}

void jv_form_size(uint64_t bytes, char out[JV_FORM_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t whole = bytes;
    uint64_t rest = 0;
    size_t unit = 0;
    while (whole >= 1024U && unit + 1U < JV_ARRAY_LEN(units)) {
        rest = whole % 1024U;
        whole /= 1024U;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 " B", whole);
    } else {
        (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 ".%02" PRIu64 " %s", whole,
                       rest * 100U / 1024U, units[unit]);
    }
}

static void duration(FILE *file, const char *before, uint64_t ms)
{
    char form[JV_FORM_BYTES];
    jv_form_duration(ms, form);
    (void)fprintf(file, "%s%s", before, form);
}

static void list(FILE *file, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        (void)fprintf(file, "%s%s", i == 0 ? "" : ", ",
                      json_string_value(json_array_get(array, i)));
    }
}

/* The first eight digits, as people compare them. */
static void short_sid(const char *sid, char out[JV_FORM_BYTES])
{
    if (strlen(sid) < 8U || strspn(sid, "0") == strlen(sid)) {
        (void)snprintf(out, JV_FORM_BYTES, "-");
    } else {
        (void)snprintf(out, JV_FORM_BYTES, "%.4s\u00b7%.4s", sid, sid + 4);
    }
}

static const char *mark(const char *role)
{
    if (strcmp(role, "active") == 0) {
        return "\u25cf";
    }
    return strcmp(role, "standby") == 0 ? "\u25cb" : "\u00b7";
}

static void path_row(const json_t *path, FILE *file)
{
    char name[JV_FORM_BYTES];
    char ends[160];
    char rtt[JV_FORM_BYTES] = "-";
    (void)snprintf(name, sizeof(name), "%s", jv_form_word(path, "name"));
    char *slash = strchr(name, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    (void)snprintf(ends, sizeof(ends), "%s \u2192 %s", jv_form_word(path, "local"),
                   jv_form_word(path, "remote"));
    if (json_object_get(path, "rtt_us") != NULL) {
        uint64_t us = jv_form_member(path, "rtt_us");
        (void)snprintf(rtt, sizeof(rtt), "%" PRIu64 ".%" PRIu64 " ms", us / 1000U,
                       us % 1000U / 100U);
    }
    char score[JV_FORM_BYTES] = "-";
    if (json_object_get(path, "score") != NULL && json_object_get(path, "rtt_us") != NULL) {
        (void)snprintf(score, sizeof(score), "%" PRIu64,
                       jv_form_member(path, "score") / SCORE_PERCENT);
    }
    uint64_t loss = jv_form_member(path, "loss_ppm");
    const char *role = jv_form_word(path, "role");
    bool is_standby = strcmp(role, "standby") == 0 && jv_form_word(path, "standby")[0] != '\0';
    const char *observed = jv_form_word(path, "observed");
    bool is_translated = observed[0] != '\0' && strcmp(observed, jv_form_word(path, "local")) != 0;
    /* The arrow is three bytes and one column wide. */
    (void)fprintf(file, "  %-8s %-5s %-50s %10s  %3" PRIu64 ".%" PRIu64 "%%  %5s  %s %s%s%s%s\n",
                  name, slash == NULL ? "" : slash + 1, ends, rtt, loss / 10000U,
                  loss % 10000U / 1000U, score, mark(role),
                  is_standby ? jv_form_word(path, "standby") : role,
                  json_is_true(json_object_get(path, "metered")) ? ", metered" : "",
                  is_translated ? ", seen as " : "", is_translated ? observed : "");
}

void jv_form_paths(const json_t *paths, FILE *file)
{
    (void)fprintf(file, "  %-8s %-5s %-50s %10s  %6s  %5s  %s\n", "PATH", "VIA",
                  "LOCAL \u2192 REMOTE", "RTT", "LOSS", "SCORE", "ROLE");
    for (size_t i = 0; i < json_array_size(paths); i++) {
        path_row(json_array_get(paths, i), file);
    }
}

static const char *paint(const struct jv_cli *cli, const char *state)
{
    if (!cli->colour) {
        return "";
    }
    if (strcmp(state, "ATTACHED") == 0) {
        return "\033[32m";
    }
    return strcmp(state, "TERMINATED") == 0 ? "\033[31m" : "\033[33m";
}

static void session_head(const struct jv_cli *cli, const json_t *status, const json_t *session,
                         FILE *file)
{
    char sid[JV_FORM_BYTES];
    const char *state = jv_form_word(session, "state");
    short_sid(jv_form_word(session, "sid"), sid);
    (void)fprintf(file, "session: %s  %s           state: %s%s%s", jv_form_word(status, "name"),
                  sid, paint(cli, state), state, cli->colour ? "\033[0m" : "");
    duration(file, " for ", jv_form_member(session, "in_state_ms"));
    (void)fprintf(file, "  (v%" PRIu64 ")\n", jv_form_member(session, "v"));
    (void)fprintf(file, "  reason:  %s, %s\n", jv_form_word(session, "reason"),
                  jv_form_word(session, "reason_text"));
    (void)fprintf(file, "  gateway: ");
    list(file, json_object_get(status, "gateways"));
    bool is_partial = json_is_true(json_object_get(session, "partial_checksums"));
    (void)fprintf(file, "  epoch %" PRIu64 ", %s%s\n", jv_form_member(session, "epoch"),
                  jv_form_word(session, "suite"), is_partial ? ", partial checksums" : "");
}

static void session_numbers(const json_t *session, FILE *file)
{
    char in[JV_FORM_BYTES];
    char out[JV_FORM_BYTES];
    duration(file, "  age: ", jv_form_member(session, "age_ms"));
    if (json_object_get(session, "lifetime_left_ms") != NULL) {
        duration(file, "   lifetime left: ", jv_form_member(session, "lifetime_left_ms"));
    }
    (void)fprintf(
        file, "   switches: %" PRIu64 ", %" PRIu64 " in the last minute (limit %" PRIu64 ")\n",
        jv_form_member(session, "switches"), jv_form_member(session, "switches_in_window"),
        jv_form_member(session, "switches_limit"));
    jv_form_size(jv_form_member(session, "rx_bytes"), in);
    jv_form_size(jv_form_member(session, "tx_bytes"), out);
    (void)fprintf(file, "  transfer: %s received, %s sent", in, out);
    duration(file, "     outage: ", jv_form_member(session, "outage_total_us") / 1000U);
    (void)fprintf(file, " in %" PRIu64 " switches", jv_form_member(session, "switches"));
    duration(file, " (worst ", jv_form_member(session, "outage_worst_us") / 1000U);
    (void)fprintf(file, ")\n");
    if (jv_form_member(session, "hold_left_ms") > 0) {
        duration(file, "  held for ", jv_form_member(session, "hold_left_ms"));
        (void)fprintf(file, ": no moves by choice (jv hold off ends it)\n");
    }
    if (json_is_true(json_object_get(session, "quiet"))) {
        (void)fprintf(file, "  quiet: idle, nothing is reported until there is data\n");
    }
    if (jv_form_member(session, "transportless_ms") > 0) {
        duration(file, "  without transport for ", jv_form_member(session, "transportless_ms"));
        (void)fprintf(file, "\n");
    }
}

/* The device's MTU is smaller than the session's where a path is narrow. */
static void device_form(const json_t *status, const json_t *session, FILE *file)
{
    uint64_t own = jv_form_member(status, "interface_mtu");
    uint64_t mtu = jv_form_member(session, "mtu");
    (void)fprintf(file, "     mtu: %" PRIu64, own == 0 ? mtu : own);
    if (own != 0 && own != mtu) {
        (void)fprintf(file, " of %" PRIu64, mtu);
    }
    if (jv_form_word(status, "interface")[0] != '\0') {
        (void)fprintf(file, " on %s", jv_form_word(status, "interface"));
    }
    (void)fprintf(file, "\n");
}

static void kill_switch_form(const json_t *status, FILE *file)
{
    if (json_object_get(status, "kill_switch") != NULL) {
        (void)fprintf(file, "  kill switch: %s\n", jv_form_word(status, "kill_switch"));
    }
}

static void last_switch(const json_t *session, FILE *file)
{
    const char *from = jv_form_word(session, "last_switch_from");
    const char *to = jv_form_word(session, "last_switch_to");
    uint64_t ago_ms = jv_form_member(session, "last_switch_ms");
    time_t at = time(NULL) - (time_t)(ago_ms / 1000U);
    struct tm tm;
    char when[JV_FORM_BYTES] = "";
    if (localtime_r(&at, &tm) != NULL) {
        (void)strftime(when, sizeof(when), ago_ms < DAY_MS ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
    }
    duration(file, "  last switch: ", ago_ms);
    (void)fprintf(file, " ago, %s%s%s%s%s, %s.  Why: jv explain --last\n", when,
                  to[0] == '\0' ? "" : " ", from, to[0] == '\0' ? "" : " \u2192 ", to,
                  jv_form_word(session, "last_switch_reason"));
}

static void client_form(const struct jv_cli *cli, const json_t *status, FILE *file)
{
    const json_t *session = json_object_get(status, "session");
    if (!json_is_object(session)) {
        (void)fprintf(file, "session: %s           no session yet%s%s\n",
                      jv_form_word(status, "name"),
                      jv_form_word(status, "last_end")[0] == '\0' ? "" : ", the last one ended: ",
                      jv_form_word(status, "last_end"));
        kill_switch_form(status, file);
        return;
    }
    session_head(cli, status, session, file);
    if (json_array_size(json_object_get(session, "address")) > 0) {
        (void)fprintf(file, "  address: ");
        list(file, json_object_get(session, "address"));
        (void)fprintf(file, "      dns: ");
        list(file, json_object_get(session, "dns"));
        (void)fprintf(file, "%s",
                      json_array_size(json_object_get(session, "dns")) == 0 ? "none" : "");
        device_form(status, session, file);
    }
    kill_switch_form(status, file);
    session_numbers(session, file);
    (void)fprintf(file, "\n");
    jv_form_paths(json_object_get(session, "paths"), file);
    (void)fprintf(file, "\n");
    if (json_object_get(session, "last_switch_ms") != NULL) {
        last_switch(session, file);
    }
}

static void gateway_form(const json_t *status, FILE *file)
{
    const char *state;
    json_t *count;
    duration(file, "  running for ", jv_form_member(status, "uptime_ms"));
    (void)fprintf(file, "   listening on ");
    list(file, json_object_get(status, "listen"));
    (void)fprintf(file, "\n  sessions:");
    json_object_foreach(json_object_get(status, "sessions"), state, count)
    {
        if (json_integer_value(count) > 0 || strcmp(state, "ATTACHED") == 0) {
            (void)fprintf(file, " %s %" JSON_INTEGER_FORMAT, state, json_integer_value(count));
        }
    }
    (void)fprintf(file, "   half open %" PRIu64 "   at most %" PRIu64,
                  jv_form_member(status, "half_open"), jv_form_member(status, "sessions_max"));
    if (jv_form_member(status, "shards") > 1) {
        (void)fprintf(file, "   shards %" PRIu64, jv_form_member(status, "shards"));
    }
    (void)fputc('\n', file);
}

static void aead_form(const json_t *status, FILE *file)
{
    const json_t *aead = json_object_get(status, "aead");
    const char *cpu = jv_form_word(aead, "cpu");
    const char *why_not = jv_form_word(aead, "why_not");
    if (aead != NULL) {
        (void)fprintf(file, "  sealed by: %s %s%s%s%s%s%s\n", jv_form_word(aead, "library"),
                      jv_form_word(aead, "version"), cpu[0] == '\0' ? "" : " (", cpu,
                      cpu[0] == '\0' ? "" : ")",
                      why_not[0] == '\0' ? "" : "; not by ipsec-mb: ", why_not);
    }
}

static void offloads_form(const json_t *status, FILE *file)
{
    static const char *const names[] = {"csum", "tso", "uso", "gso", "gro"};
    const json_t *offloads = json_object_get(status, "offloads");
    const char *glue = " ";
    if (offloads == NULL) {
        return;
    }
    (void)fputs("  offloads:", file);
    for (size_t i = 0; i < JV_ARRAY_LEN(names); i++) {
        if (json_is_true(json_object_get(offloads, names[i]))) {
            (void)fprintf(file, "%s%s", glue, names[i]);
            glue = ", ";
        }
    }
    (void)fprintf(file, "%s   scheduling: %s\n", glue[0] == ' ' ? " none" : "",
                  jv_form_word(status, "scheduling"));
}

static void queue_form(const json_t *status, FILE *file)
{
    const json_t *queue = json_object_get(status, "queue");
    const char *why_not = jv_form_word(queue, "why_not");
    json_int_t bytes = json_integer_value(json_object_get(queue, "bytes"));
    if (queue == NULL) {
        return;
    }
    (void)fprintf(file, "  queue: %s",
                  json_is_true(json_object_get(queue, "lanes")) ? "sparse flows first"
                                                                : "in the device's order");
    if (bytes > 0) {
        (void)fprintf(file,
                      ", %" JSON_INTEGER_FORMAT " KiB at most (met by %" JSON_INTEGER_FORMAT
                      " packets)",
                      bytes / 1024, json_integer_value(json_object_get(queue, "drops")));
    }
    (void)fprintf(file, "%s%s\n", why_not[0] == '\0' ? "" : "; not as wanted: ", why_not);
}

void jv_form_status(const struct jv_cli *cli, const json_t *status, FILE *file)
{
    const json_t *warnings = json_object_get(status, "warnings");
    if (strcmp(jv_form_word(status, "role"), "gateway") == 0) {
        (void)fprintf(file, "gateway: %s  (jvd %s)\n", jv_form_word(status, "name"),
                      jv_form_word(status, "version"));
        gateway_form(status, file);
    } else {
        client_form(cli, status, file);
    }
    aead_form(status, file);
    offloads_form(status, file);
    queue_form(status, file);
    (void)fprintf(file, "  events dropped: %" PRIu64 "\n",
                  jv_form_member(status, "events_dropped"));
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *text = json_string_value(json_array_get(warnings, i));
        (void)fprintf(file, "  warning: %s\n", text == NULL ? "" : text);
    }
}

static const json_t *active_path(const json_t *session)
{
    const json_t *paths = json_object_get(session, "paths");
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        if (strcmp(jv_form_word(path, "role"), "active") == 0) {
            return path;
        }
    }
    return NULL;
}

void jv_form_sessions(const json_t *sessions, bool has_heading, FILE *file)
{
    if (has_heading) {
        (void)fprintf(file, "%-9s %-12s %-11s %-18s %9s %10s %10s  %s\n", "SID", "USER", "STATE",
                      "ADDRESS", "RTT", "IN", "OUT", "REASON");
    }
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        const json_t *session = json_array_get(sessions, i);
        const json_t *path = active_path(session);
        const char *address =
            json_string_value(json_array_get(json_object_get(session, "address"), 0));
        char in[JV_FORM_BYTES];
        char out[JV_FORM_BYTES];
        char rtt[JV_FORM_BYTES] = "-";
        if (path != NULL && json_object_get(path, "rtt_us") != NULL) {
            (void)snprintf(rtt, sizeof(rtt), "%" PRIu64 ".%" PRIu64 " ms",
                           jv_form_member(path, "rtt_us") / 1000U,
                           jv_form_member(path, "rtt_us") % 1000U / 100U);
        }
        jv_form_size(jv_form_member(session, "rx_bytes"), in);
        jv_form_size(jv_form_member(session, "tx_bytes"), out);
        (void)fprintf(file, "%-9.8s %-12s %-11s %-18s %9s %10s %10s  %s\n",
                      jv_form_word(session, "sid"), jv_form_word(session, "user"),
                      jv_form_word(session, "state"), address == NULL ? "-" : address, rtt, in, out,
                      jv_form_word(session, "reason"));
    }
}

static void verdict_row(const json_t *one, size_t rank, FILE *file)
{
    char rtt[JV_FORM_BYTES] = "-";
    const char *reason = jv_form_word(one, "reason");
    bool is_active = json_is_true(json_object_get(one, "is_active"));
    if (json_object_get(one, "rtt_us") != NULL) {
        uint64_t us = jv_form_member(one, "rtt_us");
        (void)snprintf(rtt, sizeof(rtt), "%" PRIu64 ".%" PRIu64 " ms", us / 1000U,
                       us % 1000U / 100U);
    }
    (void)fprintf(file, "  %zu  %-16s %-24s %10s  prefer %-5" PRIu64 " %s%s%s\n", rank,
                  jv_form_word(one, "name"), jv_form_word(one, "remote"), rtt,
                  jv_form_member(one, "prefer"), reason, reason[0] == '\0' ? "would be chosen" : "",
                  is_active ? ", active" : "");
}

void jv_form_verdict(const char *wanted, const json_t *verdict, FILE *file)
{
    const json_t *candidates = json_object_get(verdict, "candidates");
    bool is_allowed = json_is_true(json_object_get(verdict, "allowed"));
    (void)fprintf(file, "switch to %s: %s", wanted, is_allowed ? "allowed" : "not allowed");
    if (!is_allowed) {
        bool is_bound = strcmp(jv_form_word(verdict, "reason"), "DUAL_BIND_FORBIDDEN") == 0;
        (void)fprintf(file, ", %s: %s", jv_form_word(verdict, "reason"),
                      is_bound ? "the session is on this path"
                               : jv_form_word(verdict, "reason_text"));
    }
    (void)fprintf(file, "\n");
    if (jv_form_word(verdict, "rule")[0] != '\0') {
        (void)fprintf(file, "  rule: %s\n", jv_form_word(verdict, "rule"));
    }
    if (jv_form_member(verdict, "wait_ms") > 0) {
        duration(file, "  allowed in ", jv_form_member(verdict, "wait_ms"));
        (void)fprintf(file, "\n");
    }
    (void)fprintf(file, "  limits now: switches %" PRIu64 " of %" PRIu64 " per min",
                  jv_form_member(verdict, "switches_in_window"),
                  jv_form_member(verdict, "switches_limit"));
    if (jv_form_member(verdict, "cooldown_left_ms") > 0) {
        duration(file, " \u00b7 cooldown ", jv_form_member(verdict, "cooldown_left_ms"));
        (void)fprintf(file, " left\n");
    } else {
        (void)fprintf(file, " \u00b7 cooldown clear\n");
    }
    (void)fprintf(file, " a free choice would rank\n");
    for (size_t i = 0; i < json_array_size(candidates); i++) {
        verdict_row(json_array_get(candidates, i), i + 1U, file);
    }
    (void)fprintf(file, "nothing was changed\n");
}

bool jv_form_number(const char *given, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t len = strlen(given);
    if (len == 0 || len > 18U || strspn(given, "0123456789") != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10U + (uint64_t)(given[i] - '0');
    }
    *out = value;
    return value <= max;
}

int jv_form_exit(const json_t *status)
{
    static const struct {
        const char *state;
        enum jv_exit exit;
    } table[] = {{"ATTACHED", JV_EXIT_OK},       {"BIRTH", JV_EXIT_BIRTH},
                 {"VOLATILE", JV_EXIT_VOLATILE}, {"RECOVERING", JV_EXIT_RECOVERING},
                 {"DEGRADED", JV_EXIT_DEGRADED}, {"TERMINATED", JV_EXIT_TERMINATED}};
    if (strcmp(jv_form_word(status, "role"), "gateway") == 0) {
        return JV_EXIT_OK;
    }
    const json_t *session = json_object_get(status, "session");
    for (size_t i = 0; i < JV_ARRAY_LEN(table); i++) {
        if (strcmp(table[i].state, jv_form_word(session, "state")) == 0) {
            return (int)table[i].exit;
        }
    }
    return json_object_get(status, "last_end") == NULL ? JV_EXIT_BIRTH : JV_EXIT_TERMINATED;
}
