/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS 256U
#define ATTACH_MS 10000U
#define REKEY_STEP_US 100U

/* ---- words ---- */

bool script_wrong(struct script *s, const char *form, ...)
{
    if (s->error[0] == '\0') {
        va_list args;
        va_start(args, form);
        (void)vsnprintf(s->error, sizeof s->error, form, args); /* cut where too long */
        va_end(args);
    }
    return false;
}

void script_print(struct script *s, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    int n = vsnprintf(s->text + s->text_len, SCRIPT_TEXT_BYTES - s->text_len, form, args);
    va_end(args);
    if (n < 0 || (uint32_t)n >= SCRIPT_TEXT_BYTES - s->text_len) {
        (void)script_wrong(s, "the transcript is too long");
        return;
    }
    s->text_len += (uint32_t)n;
}

uint64_t script_ms(const struct script *s)
{
    return (s->pair.now_ns - JV_NS_PER_S) / JV_NS_PER_MS;
}

bool script_number(struct script *s, const struct script_line *line, uint32_t at, uint64_t *out)
{
    char *end = NULL;
    if (at >= line->len) {
        return script_wrong(s, "%s: a number is missing", line->words[0]);
    }
    const char *word = line->words[at];
    *out = word[0] >= '0' && word[0] <= '9' ? strtoull(word, &end, 10) : 0;
    if (end == NULL || *end != '\0') {
        return script_wrong(s, "%s: '%s' is not a number", line->words[0], word);
    }
    return true;
}

bool script_time(struct script *s, const struct script_line *line, uint32_t at, uint64_t *us_out)
{
    const char *word = at < line->len ? line->words[at] : "";
    char *end = NULL;
    uint64_t n = word[0] >= '0' && word[0] <= '9' ? strtoull(word, &end, 10) : 0;
    uint64_t unit = end == NULL                              ? 0
                    : strcmp(end, "us") == 0                 ? 1
                    : *end == '\0' || strcmp(end, "ms") == 0 ? 1000
                    : strcmp(end, "s") == 0                  ? 1000000
                                                             : 0;
    *us_out = n * unit;
    return unit != 0 || script_wrong(s, "%s: '%s' is no time", line->words[0], word);
}

bool script_side(struct script *s, const struct script_line *line, uint32_t at, bool *client_out)
{
    const char *word = at < line->len ? line->words[at] : "";
    *client_out = strcmp(word, "client") == 0;
    return *client_out || strcmp(word, "gateway") == 0 ||
           script_wrong(s, "%s: '%s' is neither client nor gateway", line->words[0], word);
}

static bool word_is(const struct script_line *line, uint32_t at, const char *word)
{
    return at < line->len && strcmp(line->words[at], word) == 0;
}

/* ---- the transcript ---- */

static bool is_shown(const struct jv_record *rec)
{
    switch ((enum jv_event_type)rec->event) {
    case JV_REC_SessionCreated:
    case JV_REC_SessionStateChange:
    case JV_REC_SessionTerminated:
    case JV_REC_TransportSwitch:
    case JV_REC_TransportRebound:
    case JV_REC_TransportSwitchDenied:
    case JV_REC_TransportSwitchFailed:
    case JV_REC_TransportDead:
    case JV_REC_KeyRotated:
    case JV_REC_KeyExpired:
    case JV_REC_PolicyInvalid:
    case JV_REC_BirthRefused:
    case JV_REC_SecurityReplayDetected:
    case JV_REC_SecurityValidationFailed:
    case JV_REC_RateLimitEvent:
    case JV_REC_VersionMismatchReject:
    case JV_REC_SwitchHold:
    case JV_REC_PathOrdered:
    case JV_REC_Woke:
    case JV_REC_PolicyEvent:
    case JV_REC_PathMtu:
        return true;
    case JV_REC_NONE:
    case JV_REC_RecoveryRung:
    case JV_REC_TransportAttached:
    case JV_REC_ReattachAttempt:
    case JV_REC_ReattachResult:
    case JV_REC_CandidateConsidered:
    case JV_REC_PathAdded:
    case JV_REC_PathGone:
    case JV_REC_PathProven:
    case JV_REC_AddressObserved:
    case JV_REC_VolatilitySignal:
    case JV_REC_RekeyDenied:
    case JV_REC_PolicyChanged:
    case JV_REC_AuditEvent:
    case JV_REC_TelemetryTick:
    case JV_REC_TelemetryDegraded:
    case JV_REC_DaemonStarted:
    case JV_REC_DaemonStopped:
    case JV_REC_KillSwitch:
    case JV_REC_END:
        break;
    }
    return false;
}

void script_record(struct script *s, char side, const struct jv_record *rec)
{
    if (!is_shown(rec)) {
        return;
    }
    uint64_t ms = (rec->at.ns - JV_NS_PER_S) / JV_NS_PER_MS;
    const char *why = rec->reason != 0 ? jv_why_name((enum jv_why)rec->reason) : "";
    script_print(s, "%8" PRIu64 " %c ", ms, side);
    if (rec->event == JV_REC_SessionStateChange) {
        script_print(s, "%s -> %s %s %s", jv_state_name((enum jv_state)rec->from),
                     jv_state_name((enum jv_state)rec->to), jv_row_name(rec->row), why);
    } else {
        script_print(s, "%s %s", jv_event_name((enum jv_event_type)rec->event), why);
    }
    script_print(s, "%s%s\n", rec->path[0] != '\0' ? " " : "", rec->path);
}

static void on_record(struct pair *p, bool client, const struct jv_record *rec)
{
    struct script *s = p->on_record_arg;
    struct jv_verify *v = s->verify[client];
    s->counts[client][rec->event]++;
    s->reasons[client][rec->event][rec->reason]++;
    if (rec->event == JV_REC_TransportSwitch) {
        s->named[client] +=
            jv_record_get(rec, JV_FD_pushed_out, 0) + jv_record_get(rec, JV_FD_too_old, 0);
    }
    script_record(s, client ? 'C' : 'G', rec);
    if (!jv_verify_record(v, rec, client ? "C" : "G")) {
        const struct jv_verify_report *r = jv_verify_result(v);
        (void)script_wrong(s, "record %" PRIu64 " of the %s breaks %s: %s", r->first_wrong,
                           client ? "client" : "gateway", jv_verify_law_text(r->law), r->text);
    }
}

/* ---- the world ---- */

static bool on_datagram(struct pair *p, const struct pair_event *e)
{
    return script_pass(p->filter_arg, e);
}

void script_new_file(struct script *s, enum pair_side side)
{
    const struct jv_verify_cfg cfg = {.sessions_max = SESSIONS, .is_exact_time = true};
    size_t bytes = (jv_verify_bytes(SESSIONS) + 15) & ~(size_t)15;
    void *mem = aligned_alloc(16, bytes);
    if (mem == NULL) {
        abort();
    }
    memset(mem, 0, bytes);
    free(s->verify[side]);
    s->verify[side] = jv_verify_init(mem, &cfg);
}

void script_init(struct script *s)
{
    memset(s, 0, sizeof *s);
    s->policy = jv_policy_presets[JV_PRESET_FAST];
    s->cfg.seed = 1;
    s->prng.state = 1;
    s->text = calloc(1, SCRIPT_TEXT_BYTES);
    if (s->text == NULL) {
        abort();
    }
    script_new_file(s, PAIR_CLIENT);
    script_new_file(s, PAIR_GATEWAY);
}

void script_fini(struct script *s)
{
    if (s->is_open) {
        pair_fini(&s->pair);
    }
    free(s->verify[0]);
    free(s->verify[1]);
    free(s->verify[PAIR_CLONE]);
    free(s->text);
    script_tapes_free(s);
}

bool script_open(struct script *s)
{
    enum jv_policy_field field;
    const char *must = jv_policy_check(&s->policy, &field);
    if (s->cfg.links == 0) {
        return script_wrong(s, "attach: there are no links");
    }
    if (must != NULL) {
        return script_wrong(s, "attach: %s must be %s", jv_policy_rows[field].name, must);
    }
    s->cfg.policy = &s->policy;
    pair_init(&s->pair, &s->cfg);
    s->is_open = true;
    s->pair.on_record = on_record;
    s->pair.on_record_arg = s;
    s->pair.filter = on_datagram;
    s->pair.filter_arg = s;
    s->pair.on_stray = script_stray;
    s->pair.on_replay = script_replayed;
    return true;
}

bool script_attach(struct script *s)
{
    struct jv_session_status status;
    if (!script_open(s)) {
        return false;
    }
    if (!pair_attach(&s->pair, ATTACH_MS)) {
        return script_wrong(s, "attach: no session within %u ms", ATTACH_MS);
    }
    (void)pair_status(&s->pair, true, &status); /* it is ATTACHED, so it is there */
    s->sid = status.sid;
    return true;
}

/* ---- commands of a running world ---- */

static bool start_flow(struct script *s, const struct script_line *line)
{
    uint64_t us = 0;
    uint64_t bytes = 0;
    bool is_up = word_is(line, 1, "up") || word_is(line, 1, "both");
    bool is_down = word_is(line, 1, "down") || word_is(line, 1, "both");
    if (word_is(line, 1, "stop")) {
        s->pair.up.on = s->pair.down.on = false;
        return true;
    }
    if (word_is(line, 1, "clone") && word_is(line, 2, "stop")) {
        pair_clone_flow(&s->pair, 0, 0);
        return true;
    }
    bool is_clone = word_is(line, 1, "clone") && s->pair.clone.core != NULL;
    if (!(is_up || is_down || is_clone) || !word_is(line, 2, "every") ||
        !word_is(line, 4, "bytes")) {
        return script_wrong(s, "flow: flow up|down|both every TIME bytes N, flow stop");
    }
    if (!script_time(s, line, 3, &us) || !script_number(s, line, 5, &bytes)) {
        return false;
    }
    if (is_clone) {
        pair_clone_flow(&s->pair, (uint32_t)us, (uint32_t)bytes);
    }
    if (is_up) {
        pair_flow_start(&s->pair, &s->pair.up, (uint32_t)us, (uint32_t)bytes);
    }
    if (is_down) {
        pair_flow_start(&s->pair, &s->pair.down, (uint32_t)us, (uint32_t)bytes);
    }
    return true;
}

static bool move_link(struct script *s, const struct script_line *line)
{
    uint32_t i = 0;
    bool is_switch = word_is(line, 0, "switch");
    bool is_rebind = word_is(line, 0, "rebind");
    if (!script_link(s, line, is_switch || is_rebind ? 1 : 0, &i)) {
        return false;
    }
    if (is_rebind) {
        pair_rebind(&s->pair, i);
    } else if (is_switch) {
        const struct jv_command command = {.kind = JV_CMD_SWITCH, .link = s->pair.links[i].handle};
        enum jv_err err = pair_command(&s->pair, true, &command);
        script_print(s, "%8" PRIu64 " = %s\n", script_ms(s),
                     err == JV_E_OK ? "done" : jv_err_text(err));
    } else if (word_is(line, 1, "v6")) {
        pair_v6(&s->pair, i, word_is(line, 2, "up"));
    } else if (word_is(line, 1, "down")) {
        pair_link_down(&s->pair, i);
    } else {
        pair_link_up(&s->pair, i);
    }
    return true;
}

/* restart client: its process dies without a word, and another one knows nothing. */
static bool restart(struct script *s, const struct script_line *line)
{
    if (!word_is(line, 1, "client")) {
        return script_wrong(s, "restart: restart client");
    }
    script_new_file(s, PAIR_CLIENT);
    pair_restart_client(&s->pair, &s->cfg);
    return true;
}

static bool pause_side(struct script *s, const struct script_line *line)
{
    bool client = false;
    if (!script_side(s, line, 1, &client)) {
        return false;
    }
    pair_pause(&s->pair, client, word_is(line, 0, "pause"));
    return true;
}

/* The machine of the client is suspended: nothing reaches it, and its clock counts the time. */
static bool sleep_client(struct script *s, const struct script_line *line)
{
    uint64_t ms = 0;
    if (!word_is(line, 1, "client") || !script_number(s, line, 2, &ms)) {
        return script_wrong(s, "sleep: sleep client MS");
    }
    pair_sleep(&s->pair, ms);
    return true;
}

static bool command_side(struct script *s, const struct script_line *line)
{
    bool client = false;
    struct jv_command command = {.kind = JV_CMD_DOWN};
    if (word_is(line, 1, "clone") && s->pair.clone.core != NULL) {
        enum jv_err err = pair_clone_command(&s->pair, &command);
        return err == JV_E_OK || script_wrong(s, "terminate: %s", jv_err_text(err));
    }
    if (word_is(line, 0, "up")) {
        client = true;
        command.kind = JV_CMD_UP;
    } else if (!script_side(s, line, 1, &client)) {
        return false;
    }
    enum jv_err err = pair_command(&s->pair, client, &command);
    return err == JV_E_OK || script_wrong(s, "%s: %s", line->words[0], jv_err_text(err));
}

/* wait rekey MS: until the client has offered new keys. */
static bool wait_for_rekey(struct script *s, const struct script_line *line)
{
    uint64_t ms = 0;
    if (!script_number(s, line, 2, &ms)) {
        return false;
    }
    for (uint64_t us = 0; us < ms * 1000; us += REKEY_STEP_US) {
        if (pair_is_rekeying(&s->pair)) {
            return true;
        }
        pair_run_us(&s->pair, REKEY_STEP_US);
    }
    return script_wrong(s, "wait: no offer of new keys within %" PRIu64 " ms", ms);
}

static bool wait_for(struct script *s, const struct script_line *line)
{
    if (word_is(line, 1, "rekey")) {
        return wait_for_rekey(s, line);
    }
    bool client = false;
    uint64_t ms = 0;
    const char *state = line->len > 2 ? line->words[2] : "";
    if (!script_side(s, line, 1, &client) || !script_number(s, line, 3, &ms)) {
        return false;
    }
    for (uint64_t i = 0; i <= ms; i++) {
        enum jv_state now = pair_state(&s->pair, client);
        if (strcmp(now == JV_ST_END ? "NONE" : jv_state_name(now), state) == 0) {
            return true;
        }
        pair_run(&s->pair, 1);
    }
    return script_wrong(s, "wait: not %s within %" PRIu64 " ms", state, ms);
}

static bool run_for(struct script *s, const struct script_line *line)
{
    uint64_t ms = 0;
    if (!script_number(s, line, 1, &ms)) {
        return false;
    }
    pair_run(&s->pair, ms);
    return true;
}

static bool note(struct script *s)
{
    for (int client = 0; client < 2; client++) {
        memset(&s->noted[client], 0, sizeof s->noted[client]);
        (void)pair_status(&s->pair, client != 0, &s->noted[client]); /* none: zeroes */
    }
    return true;
}

/* The greatest gap is that since here. */
static bool mark(struct script *s)
{
    s->pair.up.longest_gap_ns = s->pair.down.longest_gap_ns = 0;
    return true;
}

static bool act(struct script *s, const struct script_line *line)
{
    static const struct {
        const char *verb;
        bool (*run)(struct script *, const struct script_line *);
    } verbs[] = {{"flow", start_flow},        {"rebind", move_link}, {"switch", move_link},
                 {"link0", move_link},        {"link1", move_link},  {"link2", move_link},
                 {"link3", move_link},        {"pause", pause_side}, {"resume", pause_side},
                 {"terminate", command_side}, {"up", command_side},  {"sleep", sleep_client},
                 {"restart", restart}};
    bool known = false;
    script_print(s, "%8" PRIu64 " *", script_ms(s));
    for (uint32_t i = 0; i < line->len; i++) {
        script_print(s, " %s", line->words[i]);
    }
    script_print(s, "\n");
    for (uint32_t i = 0; i < JV_ARRAY_LEN(verbs); i++) {
        if (word_is(line, 0, verbs[i].verb)) {
            return verbs[i].run(s, line);
        }
    }
    bool ok = script_network(s, line, &known);
    if (!known) {
        ok = script_attack(s, line, &known);
    }
    if (!known) {
        ok = script_race(s, line, &known);
    }
    if (!known) {
        ok = script_snapshot(s, line, &known);
    }
    if (!known) {
        ok = script_tape_verb(s, line, &known);
    }
    return known ? ok : script_wrong(s, "'%s' is no command", line->words[0]);
}

bool script_run(struct script *s, const struct script_line *line)
{
    bool known = false;
    if (!s->is_open) {
        bool ok = script_prepare(s, line, &known);
        if (!known) {
            return script_wrong(s, "'%s' before 'attach'", line->words[0]);
        }
        return ok && s->error[0] == '\0';
    }
    bool ok;
    if (word_is(line, 0, "run")) {
        ok = run_for(s, line);
    } else if (word_is(line, 0, "wait")) {
        ok = wait_for(s, line);
    } else if (word_is(line, 0, "note")) {
        ok = note(s);
    } else if (word_is(line, 0, "mark")) {
        ok = mark(s);
    } else if (word_is(line, 0, "expect")) {
        ok = script_expect(s, line);
    } else {
        ok = act(s, line);
    }
    for (int client = 0; client < 2; client++) {
        if (pair_leaked(&s->pair, client != 0) != 0) {
            ok = script_wrong(s, "the %s loses a buffer", client ? "client" : "gateway");
        }
    }
    return ok && s->error[0] == '\0';
}

bool script_end(struct script *s)
{
    static const char *const names[] = {"gateway", "client", "clone"};
    for (uint32_t side = 0; side < JV_ARRAY_LEN(names); side++) {
        struct jv_verify *v = s->verify[side];
        if (v != NULL && !jv_verify_end(v)) {
            const struct jv_verify_report *r = jv_verify_result(v);
            return script_wrong(s, "the end of the %s's stream breaks %s: %s", names[side],
                                jv_verify_law_text(r->law), r->text);
        }
    }
    return s->is_open || script_wrong(s, "nothing was attached");
}
