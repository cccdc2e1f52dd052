/* SPDX-License-Identifier: Apache-2.0 */
#include "laws.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SESSIONS_CAP (1U << 24)
#define ZERO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

static size_t round16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

size_t jv_verify_bytes(uint32_t sessions_max)
{
    if (sessions_max == 0 || sessions_max > SESSIONS_CAP) {
        return 0;
    }
    return round16(sizeof(struct jv_verify)) + round16(jv_map_bytes(sessions_max)) +
           sessions_max * sizeof(struct jv_verify_session);
}

struct jv_verify *jv_verify_init(void *mem, const struct jv_verify_cfg *cfg)
{
    uint8_t *bytes = mem;
    struct jv_verify *v = mem;
    v->cfg = *cfg;
    bytes += round16(sizeof *v);
    jv_map_init(&v->map, bytes, cfg->sessions_max);
    bytes += round16(jv_map_bytes(cfg->sessions_max));
    v->sessions = (struct jv_verify_session *)(void *)bytes;
    v->ended_first = v->ended_last = JV_VERIFY_NOBODY;
    v->is_partial = cfg->prev != NULL;
    memcpy(v->prev, cfg->prev != NULL ? cfg->prev : ZERO_HASH, sizeof v->prev);
    return v;
}

const struct jv_verify_report *jv_verify_result(const struct jv_verify *v)
{
    return &v->report;
}

const char *jv_verify_law_text(enum jv_verify_law law)
{
    switch (law) {
    case JV_LAW_NONE:
        return "none";
    case JV_LAW_ONE_TRANSPORT:
        return "law 1: one active transport, one owner";
    case JV_LAW_IDENTITY:
        return "law 2: session_id never changes";
    case JV_LAW_PROVEN_INPUT:
        return "law 3: only proven input moves state";
    case JV_LAW_TABLE:
        return "law 4: one row, one reason, one event";
    case JV_LAW_BOUNDED_RECOVERY:
        return "law 5: recovery is bounded, TERMINATED is final";
    case JV_LAW_OWNER:
        return "law 6: unproven ownership serves nothing";
    case JV_LAW_COUNTED:
        return "law 9: bounded, and what did not fit is counted";
    case JV_LAW_FORM:
        return "form";
    case JV_LAW_CHAIN:
        return "chain";
    case JV_LAW_CAUSE:
        return "cause";
    case JV_LAW_HEAD:
        return "head";
    }
    return "";
}

bool jv_verify_wrong(struct jv_verify *v, enum jv_verify_law law, const char *form, ...)
{
    if (v->report.first_wrong == 0) {
        va_list args;
        va_start(args, form);
        (void)vsnprintf(v->report.text, sizeof v->report.text, form, args); /* cut where too long */
        va_end(args);
        v->report.first_wrong =
            JV_MAX(v->report.lines, 1U); /* an empty file lacks its first line */
        v->report.law = law;
    }
    return false;
}

/* ---- what the file owes ---- */

static bool check_seq(struct jv_verify *v, const struct jv_record *rec)
{
    uint64_t last = v->report.last_seq;
    bool is_notice = rec->event == JV_REC_TelemetryDegraded;
    uint64_t first_lost = is_notice ? jv_record_get(rec, JV_FD_first_lost_seq, 0) : 0;
    uint64_t last_lost = is_notice ? jv_record_get(rec, JV_FD_last_lost_seq, 0) : 0;
    if (last != 0 && rec->seq <= last) {
        return jv_verify_wrong(v, JV_LAW_COUNTED, "seq %" PRIu64 " follows seq %" PRIu64, rec->seq,
                               last);
    }
    if (first_lost != 0) {
        /* The notice stands in the place of the last record that is lost, or right behind it. */
        uint64_t count = jv_record_get(rec, JV_FD_count, 0);
        bool is_right = (last == 0 || first_lost == last + 1) && last_lost >= first_lost &&
                        (rec->seq == last_lost || rec->seq == last_lost + 1) &&
                        count == last_lost - first_lost + 1;
        if (!is_right) {
            return jv_verify_wrong(v, JV_LAW_COUNTED,
                                   "the announced gap %" PRIu64 "..%" PRIu64 " of %" PRIu64
                                   " records is not the gap after seq %" PRIu64,
                                   first_lost, last_lost, count, last);
        }
        v->report.gaps++;
        v->report.lost += count;
        v->era++;
        v->is_partial = true;
    } else if (last != 0 && rec->seq != last + 1) {
        return jv_verify_wrong(v, JV_LAW_COUNTED,
                               "seq %" PRIu64 " follows seq %" PRIu64
                               " and no TelemetryDegraded announces the gap",
                               rec->seq, last);
    }
    v->report.last_seq = rec->seq;
    return true;
}

static void take_time(struct jv_verify *v, uint64_t ns)
{
    if (v->report.lines == 1) {
        v->first_ns = ns;
        v->judged_ns = 1; /* 0 stands for unknown */
    } else if (ns < v->wall_ns) {
        v->report.clock_steps++;
    } else {
        uint64_t passed = ns - v->wall_ns;
        v->judged_ns += v->cfg.is_exact_time ? passed : JV_MIN(passed, JV_VERIFY_GRACE_NS);
    }
    v->wall_ns = ns;
}

static bool is_rejection(uint8_t event)
{
    return event == JV_REC_SecurityReplayDetected || event == JV_REC_SecurityValidationFailed ||
           event == JV_REC_RateLimitEvent || event == JV_REC_VersionMismatchReject ||
           event == JV_REC_BirthRefused;
}

static bool check_cause(struct jv_verify *v, const struct jv_record *rec)
{
    size_t at = rec->cause % JV_VERIFY_RECENT;
    if (rec->cause >= rec->seq) {
        return jv_verify_wrong(v, JV_LAW_CAUSE,
                               "cause %" PRIu64 " is not earlier than seq %" PRIu64, rec->cause,
                               rec->seq);
    }
    if (rec->row != JV_ROW_NONE && rec->cause != 0 && v->recent_seq[at] == rec->cause &&
        is_rejection(v->recent_event[at]) && rec->reason != JV_WHY_SECURITY_FAILURE) {
        return jv_verify_wrong(v, JV_LAW_PROVEN_INPUT, "%s at seq %" PRIu64 " moved the session",
                               jv_event_name((enum jv_event_type)v->recent_event[at]), rec->cause);
    }
    v->recent_seq[rec->seq % JV_VERIFY_RECENT] = rec->seq;
    v->recent_event[rec->seq % JV_VERIFY_RECENT] = (uint8_t)rec->event;
    return true;
}

/* A file has one writer. Its name may change with a restart only, and a restart makes every session's state unknown. */
static bool check_node(struct jv_verify *v, const struct jv_record *rec, const char *node)
{
    if (rec->event == JV_REC_DaemonStarted) {
        v->era++;
    } else if (v->report.lines > 1 && strcmp(v->node, node) != 0) {
        return jv_verify_wrong(v, JV_LAW_OWNER, "node is '%s', the lines before are of '%s'", node,
                               v->node);
    }
    (void)snprintf(v->node, sizeof v->node, "%s", node); /* both have JV_NAME_BYTES */
    return true;
}

/* ---- public ---- */

static bool judge(struct jv_verify *v, const struct jv_record *rec, const char *node)
{
    take_time(v, rec->at.ns);
    return check_seq(v, rec) && check_node(v, rec, node) && check_cause(v, rec) &&
           jv_laws_session(v, rec);
}

bool jv_verify_record(struct jv_verify *v, const struct jv_record *rec, const char *node)
{
    if (v->report.first_wrong != 0) {
        return false;
    }
    v->report.lines++;
    return judge(v, rec, node);
}

bool jv_verify_line(struct jv_verify *v, const char *line, size_t len)
{
    if (v->report.first_wrong != 0) {
        return false;
    }
    v->report.lines++;
    struct jv_record_line read;
    enum jv_err err = jv_record_read(line, len, &read);
    if (err != JV_E_OK) {
        return jv_verify_wrong(v, err == JV_E_AUTH ? JV_LAW_CHAIN : JV_LAW_FORM, "%s (byte %zu)",
                               read.error, read.error_at + 1);
    }
    if (strcmp(read.prev, v->prev) != 0) {
        return jv_verify_wrong(v, JV_LAW_CHAIN, "%s",
                               v->report.lines > 1 ? "prev is not the hash of the line before"
                               : v->cfg.prev == NULL
                                   ? "the chain does not begin here: lines before it are missing"
                                   : "prev is not the last hash of the file before");
    }
    memcpy(v->prev, read.hash, sizeof v->prev);
    v->first_seq = v->report.lines == 1 ? read.rec.seq : v->first_seq;
    if (v->cfg.head != NULL && read.rec.seq == v->cfg.head->seq) {
        v->has_met_head = strcmp(read.hash, v->cfg.head->hash) == 0;
    }
    memcpy(v->report.last_hash, read.hash, sizeof v->report.last_hash);
    return judge(v, &read.rec, read.node);
}

/* The head may be behind the file, since it is replaced now and then only; then it names a line within. */
static bool check_head(struct jv_verify *v, const struct jv_verify_head *head)
{
    if (head->seq > v->report.last_seq) {
        return jv_verify_wrong(v, JV_LAW_HEAD,
                               "the file ends with seq %" PRIu64 ", the head knows seq %" PRIu64
                               ": lines are missing at the end",
                               v->report.last_seq, head->seq);
    }
    return v->has_met_head || head->seq < v->first_seq ||
           jv_verify_wrong(v, JV_LAW_HEAD,
                           "the line with seq %" PRIu64 " is not the one that the head knows",
                           head->seq);
}

bool jv_verify_end(struct jv_verify *v)
{
    for (uint32_t i = 0; i < v->sessions_len && v->report.first_wrong == 0; i++) {
        const struct jv_verify_session *s = &v->sessions[i];
        if (s->era == v->era && s->state != JV_ST_TERMINATED) {
            (void)jv_laws_bounds(v, s); /* the report tells */
        }
    }
    return v->report.first_wrong == 0 && (v->cfg.head == NULL || check_head(v, v->cfg.head));
}

enum jv_err jv_verify_head_parse(const char *text, size_t len, struct jv_verify_head *out)
{
    struct jv_verify_head head = {0};
    size_t at = 0;
    while (at < len && at < 19 && text[at] >= '0' && text[at] <= '9') {
        head.seq = head.seq * 10 + (uint64_t)(text[at++] - '0');
    }
    if (at == 0 || text[0] == '0' || len != at + 1 + 64 + 1 || text[at] != ' ' ||
        text[len - 1] != '\n') {
        return JV_E_SYNTAX;
    }
    memcpy(head.hash, text + at + 1, 64);
    if (strspn(head.hash, "0123456789abcdef") != 64) {
        return JV_E_SYNTAX;
    }
    *out = head;
    return JV_E_OK;
}
