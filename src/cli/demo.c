/* SPDX-License-Identifier: Apache-2.0 */
#include "demo.h"

#include <jansson.h>
#include <string.h>

void jv_demo_begin(struct jv_demo *demo, FILE *file)
{
    *demo = (struct jv_demo){.file = file};
}

static json_t *start(struct jv_demo *demo, const struct jv_record *rec, const char *event)
{
    char sid[2U * JV_SID_BYTES + 1U];
    uint64_t ms = rec->at.ns / JV_NS_PER_MS;
    for (size_t i = 0; i < JV_SID_BYTES; i++) {
        (void)snprintf(&sid[2U * i], 3, "%02x", (unsigned)rec->sid.b[i]);
    }
    demo->ts_ms =
        JV_MAX(demo->ts_ms, ms); /* a clock that was set back does not turn the trace round */
    json_t *line = json_object();
    json_object_set_new(line, "ts_ms", json_integer((json_int_t)demo->ts_ms));
    json_object_set_new(line, "session_id", json_string(sid));
    json_object_set_new(line, "event", json_string(event));
    return line;
}

/* Takes `line` over. */
static void finish(struct jv_demo *demo, json_t *line)
{
    json_object_set_new(line, "state_version", json_integer((json_int_t)demo->version));
    (void)json_dumpf(line, demo->file, JSON_COMPACT); /* a broken pipe is the reader's choice */
    (void)fputc('\n', demo->file);
    json_decref(line);
}

static void put_text(json_t *line, const char *key, const char *value)
{
    if (value[0] != '\0') {
        json_object_set_new(line, key, json_string(value));
    }
}

static void put_reason(json_t *line, const struct jv_record *rec)
{
    if (rec->reason != JV_WHY_NONE) {
        put_text(line, "reason", jv_why_name((enum jv_why)rec->reason));
    }
}

/* Microseconds as milliseconds, millionths as percent: what the dialect counts in. */
static void put_observed(json_t *line, const struct jv_record *rec)
{
    static const struct {
        enum jv_record_key key;
        const char *name;
        uint32_t divisor;
    } table[] = {{JV_FD_rtt_us, "rtt_ms", 1000},
                 {JV_FD_jitter_us, "jitter_ms", 1000},
                 {JV_FD_loss_ppm, "loss_pct", 10000},
                 {JV_FD_silent_us, "silent_ms", 1000},
                 {JV_FD_unanswered, "unanswered", 1}};
    json_t *observed = json_object();
    for (size_t i = 0; i < JV_ARRAY_LEN(table); i++) {
        uint64_t value = jv_record_get(rec, table[i].key, UINT64_MAX);
        if (value != UINT64_MAX) {
            json_object_set_new(observed, table[i].name,
                                table[i].divisor == 1
                                    ? json_integer((json_int_t)value)
                                    : json_real((double)value / (double)table[i].divisor));
        }
    }
    json_object_set_new(line, "observed", observed);
}

static const char *state_name(const struct jv_demo *demo, uint8_t state, bool is_from)
{
    if (state == JV_ST_RECOVERING) {
        return "REATTACHING";
    }
    if (state == JV_ST_ATTACHED && is_from && demo->is_on_probation) {
        return "RECOVERING";
    }
    return jv_state_name((enum jv_state)state);
}

static void change(struct jv_demo *demo, const struct jv_record *rec, const char *from,
                   const char *to, const char *reason)
{
    json_t *line = start(demo, rec, "STATE_CHANGE");
    demo->version++;
    put_text(line, "from", from);
    put_text(line, "to", to);
    put_text(line, "reason", reason);
    finish(demo, line);
}

static void signal_out(struct jv_demo *demo, const struct jv_record *rec)
{
    char path[JV_RECOVERY_PATH_BYTES];
    json_t *line = start(demo, rec, "VOLATILITY_SIGNAL");
    jv_recovery_path(rec, path);
    put_text(line, "path", path);
    put_reason(line, rec);
    put_observed(line, rec);
    demo->has_signal = true;
    finish(demo, line);
}

static void take_row(struct jv_demo *demo, const struct jv_record *rec)
{
    const char *reason = jv_why_name((enum jv_why)rec->reason);
    const char *from = state_name(demo, rec->from, true);
    if (rec->from == JV_ST_BIRTH && rec->to == JV_ST_ATTACHED) {
        return; /* SESSION_CREATED is ATTACHED already there */
    }
    if (rec->from == rec->to) {
        return; /* a binding was lost without a change of state: TRANSPORT_DEAD tells it */
    }
    if (rec->from == JV_ST_ATTACHED && rec->to == JV_ST_VOLATILE && !demo->has_signal) {
        signal_out(demo,
                   rec); /* a link that died or an order: the dialect knows one kind of trigger */
    }
    bool comes_home = rec->to == JV_ST_ATTACHED;
    change(demo, rec, from, comes_home ? "RECOVERING" : state_name(demo, rec->to, false), reason);
    demo->is_on_probation = comes_home;
    demo->has_signal = false;
}

static void take_switch(struct jv_demo *demo, const struct jv_record *rec, bool is_lawful)
{
    char to[JV_RECOVERY_PATH_BYTES];
    jv_recovery_path(rec, to);
    json_t *line = start(demo, rec, "TRANSPORT_SWITCH");
    put_text(line, "from_path", demo->path[0] != '\0' ? demo->path : rec->text);
    put_text(line, "to_path", to);
    put_reason(line, rec);
    json_object_set_new(line, "explicit", json_true());
    json_object_set_new(line, "auditable", json_true());
    uint64_t reattach_us = jv_record_get(rec, JV_FD_reattach_us, UINT64_MAX);
    if (reattach_us != UINT64_MAX) {
        json_object_set_new(line, "switch_latency_ms", json_real((double)reattach_us / 1000.0));
    }
    finish(demo, line);
    memcpy(demo->path, to, sizeof demo->path);
    static const char *const checks[] = {"NO_DUAL_ACTIVE_BINDING", "NO_IDENTITY_RESET"};
    for (size_t i = 0; i < JV_ARRAY_LEN(checks); i++) {
        line = start(demo, rec, "AUDIT_EVENT");
        put_text(line, "check", checks[i]);
        put_text(line, "result", is_lawful ? "PASS" : "FAIL");
        finish(demo, line);
    }
}

static void take_plain(struct jv_demo *demo, const struct jv_record *rec, const char *event)
{
    char path[JV_RECOVERY_PATH_BYTES];
    json_t *line = start(demo, rec, event);
    jv_recovery_path(rec, path);
    put_text(line, "path", path);
    put_reason(line, rec);
    finish(demo, line);
}

static void take_created(struct jv_demo *demo, const struct jv_record *rec)
{
    json_t *line = start(demo, rec, "SESSION_CREATED");
    put_text(line, "state", "ATTACHED");
    put_reason(line, rec);
    demo->is_created = true;
    finish(demo, line);
}

static void take_complete(struct jv_demo *demo, const struct jv_record *rec)
{
    if (demo->is_on_probation) {
        demo->is_on_probation = false;
        change(demo, rec, "RECOVERING", "ATTACHED", "RECOVERY_COMPLETE");
        json_t *line = start(demo, rec, "RECOVERY_COMPLETE");
        put_text(line, "path", demo->path);
        finish(demo, line);
    }
}

/* What the dialect has no word for is left out. */
static const char *plain_name(const struct jv_record *rec)
{
    static const struct {
        enum jv_event_type event;
        const char *name;
    } table[] = {{JV_REC_TransportSwitchDenied, "SWITCH_BLOCKED"},
                 {JV_REC_TransportSwitchFailed, "TRANSPORT_SWITCH_FAILED"},
                 {JV_REC_TransportDead, "TRANSPORT_DEAD"},
                 {JV_REC_ReattachAttempt, "REATTACH_REQUEST"},
                 {JV_REC_KeyRotated, "KEY_ROTATED"},
                 {JV_REC_SecurityReplayDetected, "REPLAY_REJECTED"},
                 {JV_REC_VersionMismatchReject, "VERSION_MISMATCH_REJECT"},
                 {JV_REC_RateLimitEvent, "RATE_LIMIT_EVENT"},
                 {JV_REC_SessionTerminated, "SESSION_TERMINATED"}};
    for (size_t i = 0; i < JV_ARRAY_LEN(table); i++) {
        if (rec->event == table[i].event) {
            return table[i].name;
        }
    }
    if (rec->event == JV_REC_ReattachResult) {
        return rec->reason == JV_WHY_REATTACH_SUCCESS ? "REATTACH_SUCCESS" : "REATTACH_REJECT";
    }
    return NULL;
}

void jv_demo_feed(struct jv_demo *demo, const struct jv_record *rec, bool is_lawful)
{
    if (rec->event == JV_REC_SessionCreated) {
        take_created(demo, rec);
        return;
    }
    if (!demo->is_created) {
        return; /* what is probed before the birth is no part of the session */
    }
    if (rec->row != JV_ROW_NONE) {
        take_row(demo, rec);
    } else if (rec->event == JV_REC_TransportAttached || rec->event == JV_REC_TransportRebound) {
        bool is_rebound = rec->event == JV_REC_TransportRebound;
        jv_recovery_path(rec, demo->path);
        take_plain(demo, rec, is_rebound ? "TRANSPORT_REBOUND" : "TRANSPORT_ATTACHED");
    } else if (rec->event == JV_REC_VolatilitySignal) {
        signal_out(demo, rec);
    } else if (rec->event == JV_REC_TransportSwitch) {
        take_switch(demo, rec, is_lawful);
    } else if (rec->event == JV_REC_AuditEvent && rec->reason == JV_WHY_RECOVERY_COMPLETE) {
        take_complete(demo, rec);
    } else if (plain_name(rec) != NULL) {
        take_plain(demo, rec, plain_name(rec));
    }
}
