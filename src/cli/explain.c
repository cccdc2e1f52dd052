/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jv explain [NAME] [SID] [--last|--at T] [--file FILE] [--json]: the last jump, rebinding, birth or end, told from the audit file alone.
 *
 * The file is read twice: first for the last such event and for the chain, then for the records of that session around it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auditfile.h"
#include "crypto.h"
#include "describe.h"
#include "verify.h"

#define STORY_MAX                                                                                  \
    1024U /* records of one session that are kept; a longer story loses its beginning, and says so */

struct story {
    const struct jv_cli *cli;
    const char *sid;            /* prefix that was asked for, or NULL */
    struct jv_record_line last; /* the event that is explained; event NONE: there is none */
    struct jv_record_line *lines;
    uint32_t len, first, at; /* the story is lines[first..len-1], the event is lines[at] */
    bool is_cut;
    uint64_t at_ns; /* the moment that was asked for; UINT64_MAX: the end */
    bool
        is_troubled; /* at that moment `troubled` was neither ATTACHED nor over: what ended that is meant */
    struct jv_sid troubled;
    struct jv_record since; /* the session's last transition behind the story; row NONE: none */
    uint64_t wrong_line;    /* 0: the chain is whole */
    enum jv_verify_law law;
};

static bool is_event(uint16_t event)
{
    return event == JV_REC_TransportSwitch || event == JV_REC_TransportRebound ||
           event == JV_REC_TransportAttached || event == JV_REC_SessionTerminated;
}

/* The chain may begin in an older file, so the first line's own prev is where it starts. */
static struct jv_verify *start_verify(void *mem, const struct jv_auditfile *file,
                                      char prev[JV_RECORD_HASH_TEXT])
{
    struct jv_record_line line;
    struct jv_verify_cfg cfg = {.sessions_max = JV_VERIFY_SESSIONS};
    if (jv_record_read(file->line, file->len, &line) == JV_E_OK) {
        memcpy(prev, line.prev, JV_RECORD_HASH_TEXT);
        cfg.prev = strspn(prev, "0") == JV_RECORD_HASH_TEXT - 1 ? NULL : prev;
    }
    return jv_verify_init(mem, &cfg);
}

/* Up to the moment the last event counts; behind it only the one that ends what was under way then. */
static void consider(struct story *story, const struct jv_record_line *line)
{
    const struct jv_record *rec = &line->rec;
    bool is_same = memcmp(&rec->sid, &story->troubled, sizeof rec->sid) == 0;
    if (rec->at.ns > story->at_ns) {
        if (story->is_troubled && is_same && is_event(rec->event)) {
            story->last = *line;
            story->is_troubled = false;
        }
        return;
    }
    if (is_event(rec->event)) {
        story->last = *line;
    }
    if (rec->row == JV_ROW_NONE) {
        return;
    }
    bool is_trouble = rec->to != JV_ST_ATTACHED && rec->to != JV_ST_TERMINATED;
    if (is_trouble) {
        story->troubled = rec->sid;
        story->is_troubled = true;
    } else if (is_same) {
        story->is_troubled = false;
    }
}

static bool find_event(struct story *story, struct jv_auditfile *file)
{
    char prev[JV_RECORD_HASH_TEXT] = "";
    struct jv_verify *v = NULL;
    void *mem = calloc(1, jv_verify_bytes(JV_VERIFY_SESSIONS));
    while (mem != NULL && jv_auditfile_next(file)) {
        struct jv_record_line line;
        v = v == NULL ? start_verify(mem, file, prev) : v;
        (void)jv_verify_line(v, file->line, file->len); /* the report tells */
        if (jv_record_read(file->line, file->len, &line) != JV_E_SYNTAX &&
            jv_audit_sid_fits(&line.rec.sid, story->sid)) {
            consider(story, &line);
        }
    }
    if (v != NULL) {
        (void)jv_verify_end(v); /* the report tells */
        story->wrong_line = jv_verify_result(v)->first_wrong;
        story->law = jv_verify_result(v)->law;
    }
    free(mem);
    return mem != NULL;
}

static void keep(struct story *story, const struct jv_record_line *line)
{
    if (story->len == STORY_MAX) {
        /* Half goes at once, so that a long story costs no quadratic time. */
        memmove(story->lines, story->lines + STORY_MAX / 2, STORY_MAX / 2 * sizeof *line);
        story->len = STORY_MAX / 2;
        story->is_cut = true;
    }
    story->lines[story->len++] = *line;
}

/* Keep the session's records up to the row that follows the event; what comes later tells only where the session is. */
static void collect(struct story *story, struct jv_auditfile *file)
{
    const struct jv_record *last = &story->last.rec;
    bool is_over = false;
    while (jv_auditfile_next(file)) {
        struct jv_record_line line;
        if (jv_record_read(file->line, file->len, &line) == JV_E_SYNTAX ||
            memcmp(&line.rec.sid, &last->sid, sizeof last->sid) != 0) {
            continue;
        }
        if (is_over) {
            story->since = line.rec.row != JV_ROW_NONE ? line.rec : story->since;
            continue;
        }
        keep(story, &line);
        is_over = line.rec.seq >= last->seq &&
                  (last->event == JV_REC_SessionTerminated || line.rec.row != JV_ROW_NONE);
    }
}

/* The story begins behind the last return home before the event, with the record that caused the first row. */
static void find_first(struct story *story)
{
    uint32_t at = story->len;
    while (at > 0 && story->lines[at - 1].rec.seq != story->last.rec.seq) {
        at--;
    }
    story->at = at > 0 ? at - 1 : 0;
    story->first = story->at;
    while (story->first > 0) {
        const struct jv_record *before = &story->lines[story->first - 1].rec;
        bool is_home = before->row != JV_ROW_NONE && before->to == JV_ST_ATTACHED;
        if (is_home &&
            !(story->last.rec.event == JV_REC_SessionTerminated && story->first == story->at)) {
            break;
        }
        story->first--;
    }
    story->is_cut = story->is_cut && story->first == 0;
    /* What happened while the session was well belongs to the story only from the cause of its first row on. */
    uint64_t from_seq = UINT64_MAX;
    for (uint32_t i = story->first; i < story->len && from_seq == UINT64_MAX; i++) {
        const struct jv_record *rec = &story->lines[i].rec;
        if (rec->row != JV_ROW_NONE && rec->from == JV_ST_ATTACHED) {
            from_seq = rec->cause != 0 ? JV_MIN(rec->cause, rec->seq) : rec->seq;
        } else if (rec->row != JV_ROW_NONE) {
            from_seq = 0;
        }
    }
    while (story->first < story->at && story->lines[story->first].rec.seq < from_seq) {
        story->first++;
    }
}

static const struct jv_record *by_seq(const struct story *story, uint64_t seq)
{
    for (uint32_t i = story->first; i < story->len; i++) {
        if (story->lines[i].rec.seq == seq) {
            return &story->lines[i].rec;
        }
    }
    return NULL;
}

static bool is_rejected(const struct story *story, const struct jv_record *rec)
{
    return rec->event == JV_REC_TransportSwitchDenied ||
           (rec->event == JV_REC_CandidateConsidered &&
            strcmp(rec->path, story->last.rec.path) != 0);
}

/* Signals are told by the row that they caused. */
static bool is_told_by_a_row(const struct story *story, const struct jv_record *rec)
{
    if (rec->event != JV_REC_VolatilitySignal && rec->event != JV_REC_TransportDead) {
        return false;
    }
    for (uint32_t i = story->first; i < story->len; i++) {
        if (story->lines[i].rec.row != JV_ROW_NONE && story->lines[i].rec.cause == rec->seq) {
            return true;
        }
    }
    return false;
}

static bool is_why(const struct story *story, const struct jv_record *rec)
{
    return !is_rejected(story, rec) && rec->event != JV_REC_TransportSwitch &&
           rec->event != JV_REC_TransportRebound && !is_told_by_a_row(story, rec);
}

static void add(char *out, size_t cap, const char *before, const char *text)
{
    size_t len = strlen(out);
    if (text[0] != '\0' && len < cap) {
        (void)snprintf(out + len, cap - len, "%s%s", before, text); /* cut where it is too long */
    }
}

/* Path, what was measured, and for a row what its cause had measured. */
static void describe(const struct story *story, const struct jv_record *rec, char *out, size_t cap)
{
    char text[JV_DESCRIBE_BYTES];
    const struct jv_record *cause = rec->row != JV_ROW_NONE ? by_seq(story, rec->cause) : NULL;
    bool has_story = cause != NULL && (cause->event == JV_REC_VolatilitySignal ||
                                       cause->event == JV_REC_TransportDead ||
                                       cause->event == JV_REC_ReattachResult);
    out[0] = '\0';
    jv_describe_text(rec->path[0] == '\0' && has_story ? cause->path : rec->path, out, cap);
    jv_describe_seen(rec, text, sizeof text);
    add(out, cap, out[0] != '\0' ? " " : "", text);
    if (has_story) {
        jv_describe_seen(cause, text, sizeof text);
        add(out, cap, out[0] != '\0' ? " " : "", text);
    }
    jv_describe_text(rec->text, text, sizeof text);
    add(out, cap, out[0] != '\0' ? " " : "", text);
}

/* On a line of its own: a rule reads as a sentence, and is too long for a column. */
static void print_rule(const struct story *story, const struct jv_record *rec)
{
    const struct jv_record *cause = by_seq(story, rec->cause);
    uint8_t rule = rec->rule == JV_RULE_NONE && cause != NULL ? cause->rule : rec->rule;
    if (rec->row != JV_ROW_NONE && rule != JV_RULE_NONE) {
        (void)printf("                  rule: %s\n", jv_rule_text((enum jv_rule)rule));
    }
}

static void print_step(const struct story *story, const struct jv_record *rec)
{
    char text[JV_DESCRIBE_BYTES];
    jv_describe_time(rec->at.ns, JV_TIME_OF_DAY, text, sizeof text);
    (void)printf("  %s  %s", text, jv_describe_colour(story->cli, rec));
    jv_describe_what(rec, text, sizeof text);
    jv_print_wide(text, 23);
    (void)fputs(jv_describe_plain(story->cli), stdout);
    describe(story, rec, text, sizeof text);
    const char *reason = rec->reason != JV_WHY_NONE ? jv_why_name((enum jv_why)rec->reason) : "";
    if (reason[0] != '\0' || text[0] != '\0') {
        (void)fputs("  ", stdout);
        jv_print_wide(reason, text[0] != '\0' ? 24 : 0);
        (void)printf("%s%s", text[0] != '\0' ? "  " : "", text);
    }
    (void)putchar('\n');
    print_rule(story, rec);
}

/* A path and the one thing that was against it, in words; below it what was measured, what is left of the limit, and the rule. */
static void print_rejected(const struct jv_record *rec)
{
    char text[JV_DESCRIBE_BYTES];
    char part[JV_DESCRIBE_BYTES];
    char when[32];
    char whole[JV_DESCRIBE_BYTES + 64];
    jv_describe_text(rec->path[0] != '\0' ? rec->path : "switch", text, sizeof text);
    jv_describe_time(rec->at.ns, JV_TIME_OF_DAY, when, sizeof when);
    (void)snprintf(whole, sizeof whole, "%s at %s", text, when); /* cut where it is too long */
    (void)printf("  ");
    jv_print_wide(whole, 36);
    (void)printf("  ");
    jv_print_wide(jv_why_name((enum jv_why)rec->reason), 24);
    (void)printf("  %s\n", jv_why_text((enum jv_why)rec->reason));
    jv_describe_seen(rec, text, sizeof text);
    jv_describe_limits(rec, part, sizeof part);
    add(text, sizeof text, text[0] != '\0' ? " · " : "", part);
    if (text[0] != '\0') {
        (void)printf("                  %s\n", text);
    }
    if (rec->rule != JV_RULE_NONE) {
        (void)printf("                  rule: %s\n", jv_rule_text((enum jv_rule)rec->rule));
    }
}

static void print_headline(const struct story *story)
{
    const struct jv_record *last = &story->last.rec;
    char name[JV_NAME_BYTES];
    char path[JV_NAME_BYTES];
    char old[JV_RECORD_TEXT_BYTES];
    char text[64];
    jv_describe_text(story->last.node, name, sizeof name);
    jv_describe_text(last->path[0] != '\0' ? last->path : "another transport", path, sizeof path);
    jv_describe_text(last->text[0] != '\0' ? last->text : "the transport before", old, sizeof old);
    if (last->event == JV_REC_TransportSwitch) {
        (void)printf("%s switched  %s → %s", name, old, path);
    } else if (last->event == JV_REC_TransportRebound) {
        (void)printf("%s rebound  %s: the same path from another outside address", name, path);
    } else if (last->event == JV_REC_TransportAttached) {
        (void)printf("%s attached  %s", name, path);
    } else {
        (void)printf("%s ended  %s: %s", name, jv_why_name((enum jv_why)last->reason),
                     jv_why_text((enum jv_why)last->reason));
    }
    jv_describe_time(last->at.ns, JV_TIME_OF_DAY, text, sizeof text);
    (void)printf("   %s", text);
    uint64_t outage = jv_record_get(last, JV_FD_outage_us, UINT64_MAX);
    if (outage != UINT64_MAX) {
        jv_describe_us(outage, text, sizeof text);
        (void)printf("   outage %s%s", text, outage == 0 ? " (make-before-break)" : "");
    }
    (void)printf("\n");
    uint64_t detect = jv_record_get(last, JV_FD_detect_us, UINT64_MAX);
    uint64_t reattach = jv_record_get(last, JV_FD_reattach_us, UINT64_MAX);
    if (detect != UINT64_MAX) {
        jv_describe_us(detect, text, sizeof text);
        (void)printf("  detected after %s%s", text, reattach != UINT64_MAX ? "," : "\n");
    }
    if (reattach != UINT64_MAX) {
        jv_describe_us(reattach, text, sizeof text);
        (void)printf("%sreattached in %s\n", detect != UINT64_MAX ? " " : "  ", text);
    }
    (void)putchar('\n');
}

/* The limits of the whole story, each as it was recorded last; with the number of switches that goes with theirs. */
static void gather_limits(const struct story *story, struct jv_record *out, enum jv_record_key key)
{
    for (uint32_t i = story->len; i > story->first; i--) {
        const struct jv_record *rec = &story->lines[i - 1].rec;
        uint64_t value = jv_record_get(rec, key, 0);
        if (value != 0 || jv_record_get(rec, key, 1) == 0) {
            jv_record_put(out, key, value);
            return;
        }
    }
}

static void print_limits(const struct story *story)
{
    char text[JV_DESCRIBE_BYTES] = "";
    char part[JV_DESCRIBE_BYTES];
    uint64_t switches = jv_record_get(&story->last.rec, JV_FD_switches_in_window, UINT64_MAX);
    uint64_t limit = jv_record_get(&story->last.rec, JV_FD_switches_limit, UINT64_MAX);
    if (switches != UINT64_MAX && limit != UINT64_MAX) {
        (void)snprintf(text, sizeof text, "switches %" PRIu64 " of %" PRIu64 " per min", switches,
                       limit);
    }
    for (uint16_t key = 0; key < JV_FD_END; key++) {
        bool is_told = key == JV_FD_switches_limit && text[0] != '\0';
        if (jv_field_is_limit((enum jv_record_key)key) && !is_told) {
            struct jv_record one = {0};
            gather_limits(story, &one, (enum jv_record_key)key);
            jv_describe_limits(&one, part, sizeof part);
            add(text, sizeof text, text[0] != '\0' ? " · " : "", part);
        }
    }
    (void)printf(" limits then   %s\n", text[0] != '\0' ? text : "none recorded");
}

static void print_text(const struct story *story)
{
    bool has_rejected = false;
    print_headline(story);
    (void)printf(" why\n");
    if (story->is_cut) {
        (void)printf("  (the story is longer; its beginning is in the audit file)\n");
    }
    for (uint32_t i = story->first; i < story->len; i++) {
        if (is_why(story, &story->lines[i].rec)) {
            print_step(story, &story->lines[i].rec);
        }
    }
    for (uint32_t i = story->first; i < story->len; i++) {
        if (is_rejected(story, &story->lines[i].rec)) {
            (void)fputs(has_rejected ? "" : " not chosen\n", stdout);
            has_rejected = true;
            print_rejected(&story->lines[i].rec);
        }
    }
    print_limits(story);
    if (story->since.row != JV_ROW_NONE) {
        char time_text[32];
        jv_describe_time(story->since.at.ns, JV_TIME_OF_DAY, time_text, sizeof time_text);
        (void)printf(" since then    the session moved on and is %s since %s\n",
                     jv_state_name((enum jv_state)story->since.to), time_text);
    }
    (void)printf(" audit         seq %" PRIu64 "–%" PRIu64 ", ", story->lines[story->first].rec.seq,
                 story->lines[story->len - 1].rec.seq);
    if (story->wrong_line == 0) {
        (void)printf("chain verified\n");
    } else {
        (void)printf("NOT VERIFIED: line %" PRIu64 " is wrong (%s); see '%s audit verify'\n",
                     story->wrong_line, jv_verify_law_text(story->law), story->cli->program);
    }
}

static void print_array(const struct story *story, const char *name,
                        bool (*is_in)(const struct story *, const struct jv_record *))
{
    const char *comma = "";
    (void)printf(",\"%s\":[", name);
    for (uint32_t i = story->first; i < story->len; i++) {
        if (is_in(story, &story->lines[i].rec)) {
            (void)fputs(comma, stdout);
            jv_print_record(&story->lines[i]);
            comma = ",";
        }
    }
    (void)printf("]");
}

static bool is_step(const struct story *story, const struct jv_record *rec)
{
    return !is_rejected(story, rec);
}

static void print_json(const struct story *story)
{
    const struct jv_record *last = &story->last.rec;
    const char *comma = "";
    (void)printf("{\"name\":");
    jv_print_json(story->last.node);
    (void)printf(",\"sid\":\"");
    jv_print_sid(&last->sid);
    (void)printf("\",\"event\":");
    jv_print_record(&story->last);
    print_array(story, "why", is_step);
    print_array(story, "not_chosen", is_rejected);
    (void)printf(",\"limits\":{");
    for (uint16_t key = 0; key < JV_FD_END; key++) {
        struct jv_record one = {0};
        if (jv_field_is_limit((enum jv_record_key)key)) {
            gather_limits(story, &one, (enum jv_record_key)key);
        }
        if (one.fields_len > 0) {
            (void)printf("%s\"%s\":%" PRIu64, comma, jv_field_name((enum jv_record_key)key),
                         one.fields[0].value);
            comma = ",";
        }
    }
    (void)printf("},\"state\":\"%s\",\"is_cut\":%s,\"audit\":{\"first_seq\":%" PRIu64
                 ",\"last_seq\":%" PRIu64 ",\"verified\":%s",
                 jv_state_name((enum jv_state)(story->since.row != JV_ROW_NONE ? story->since.to
                                               : story->lines[story->len - 1].rec.row != JV_ROW_NONE
                                                   ? story->lines[story->len - 1].rec.to
                                               : last->event == JV_REC_SessionTerminated
                                                   ? JV_ST_TERMINATED
                                                   : JV_ST_RECOVERING)),
                 story->is_cut ? "true" : "false", story->lines[story->first].rec.seq,
                 story->lines[story->len - 1].rec.seq, story->wrong_line == 0 ? "true" : "false");
    if (story->wrong_line != 0) {
        (void)printf(",\"wrong_line\":%" PRIu64 ",\"law\":\"%s\"", story->wrong_line,
                     jv_verify_law_text(story->law));
    }
    (void)printf("}}\n");
}

static int explain(struct story *story, struct jv_auditfile *file, bool is_json)
{
    const struct jv_cli *cli = story->cli;
    story->lines = calloc(STORY_MAX, sizeof *story->lines);
    if (story->lines == NULL || jv_crypto_init() != JV_E_OK || !find_event(story, file)) {
        (void)fprintf(stderr, "%s: out of memory\n", cli->program);
        return JV_EXIT_FAILED;
    }
    if (story->last.rec.event == JV_REC_NONE) {
        (void)fprintf(stderr, "%s: %s: no session%s%s was attached, moved or ended%s\n",
                      cli->program, file->path, story->sid != NULL ? " " : "",
                      story->sid != NULL ? story->sid : "",
                      story->at_ns != UINT64_MAX ? " by then" : "");
        return story->sid != NULL ? JV_EXIT_NO_SESSION : JV_EXIT_FAILED;
    }
    rewind(file->stream);
    collect(story, file);
    find_first(story);
    if (story->len == 0) {
        (void)fprintf(stderr, "%s: %s: the file changed while it was read\n", cli->program,
                      file->path);
        return JV_EXIT_FAILED;
    }
    if (is_json) {
        print_json(story);
    } else {
        print_text(story);
    }
    return JV_EXIT_OK;
}

int jv_cli_explain(int argc, char **argv, const struct jv_cli *cli)
{
    struct jv_audit_args args;
    struct jv_auditfile file = {0};
    struct story story = {.cli = cli, .at_ns = UINT64_MAX};
    struct timespec now = {0};
    int code = jv_audit_args_parse(argc, argv, cli, "file json last at", &args);
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    if (code == JV_EXIT_OK && args.at != NULL &&
        !jv_audit_moment(args.at, (uint64_t)now.tv_sec * JV_NS_PER_S + (uint64_t)now.tv_nsec,
                         &story.at_ns)) {
        (void)fprintf(stderr,
                      "%s explain: --at is '%s'; it must be like 09:12:41, '2026-11-21 09:12:41', "
                      "2026-11-21T09:12:41Z or 15m\n",
                      cli->program, args.at);
        return JV_EXIT_USAGE;
    }
    code = code == JV_EXIT_OK ? jv_auditfile_find(&file, cli, &args, &story.sid) : code;
    code = code == JV_EXIT_OK ? jv_auditfile_open(&file, cli) : code;
    if (code != JV_EXIT_OK) {
        return code;
    }
    code = explain(&story, &file, args.is_json);
    free(story.lines);
    jv_auditfile_close(&file);
    return code;
}
