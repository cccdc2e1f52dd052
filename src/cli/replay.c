/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jv replay FILE [SID] [--json|--format=demo]: what happened to the sessions of an audit file, one after the other: timeline,
 * recoveries with their durations, and what all of them come to.
 *
 * The file is read once for the chain, the laws and the ids, then once for each session.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auditfile.h"
#include "crypto.h"
#include "demo.h"
#include "describe.h"
#include "recovery.h"
#include "verify.h"

#define SESSIONS_MAX 64U

struct replay {
    const struct jv_cli *cli;
    const char *sid; /* prefix that was asked for, or NULL */
    bool is_json, is_demo;
    struct jv_sid sids[SESSIONS_MAX];
    uint32_t sids_len;
    bool has_more; /* than SESSIONS_MAX */
    uint64_t wrong_line;
    enum jv_verify_law law;
    char node[JV_NAME_BYTES];
};

/* ---- reading ---- */

static struct jv_verify *start_verify(void *mem, const struct jv_record_line *first)
{
    struct jv_verify_cfg cfg = {.sessions_max = JV_VERIFY_SESSIONS};
    /* The chain may begin in an older file: then the first line's own prev is where it starts. */
    cfg.prev = strspn(first->prev, "0") == JV_RECORD_HASH_TEXT - 1 ? NULL : first->prev;
    return jv_verify_init(mem, &cfg);
}

static void note_sid(struct replay *r, const struct jv_record *rec)
{
    static const struct jv_sid none;
    bool is_session = memcmp(&rec->sid, &none, sizeof none) != 0 &&
                      (rec->row != JV_ROW_NONE || rec->event == JV_REC_SessionCreated);
    if (!is_session || !jv_audit_sid_fits(&rec->sid, r->sid)) {
        return;
    }
    for (uint32_t i = 0; i < r->sids_len; i++) {
        if (memcmp(&r->sids[i], &rec->sid, sizeof rec->sid) == 0) {
            return;
        }
    }
    r->has_more = r->has_more || r->sids_len == SESSIONS_MAX;
    if (r->sids_len < SESSIONS_MAX) {
        r->sids[r->sids_len++] = rec->sid;
    }
}

static bool scan(struct replay *r, struct jv_auditfile *file)
{
    struct jv_record_line first = {0};
    struct jv_verify *v = NULL;
    void *mem = calloc(1, jv_verify_bytes(JV_VERIFY_SESSIONS));
    while (mem != NULL && jv_auditfile_next(file)) {
        struct jv_record_line line;
        enum jv_err err = jv_record_read(file->line, file->len, &line);
        if (v == NULL) {
            first = line;
            v = start_verify(mem, &first);
            memcpy(r->node, line.node, sizeof r->node);
        }
        (void)jv_verify_line(v, file->line, file->len); /* the report tells */
        if (err != JV_E_SYNTAX) {
            note_sid(r, &line.rec);
        }
    }
    if (v != NULL) {
        (void)jv_verify_end(v); /* the report tells */
        r->wrong_line = jv_verify_result(v)->first_wrong;
        r->law = jv_verify_result(v)->law;
    }
    free(mem);
    return mem != NULL;
}

/* The session's next record. */
static bool next_of(struct jv_auditfile *file, const struct jv_sid *sid, struct jv_record_line *out)
{
    while (jv_auditfile_next(file)) {
        if (jv_record_read(file->line, file->len, out) != JV_E_SYNTAX &&
            memcmp(&out->rec.sid, sid, sizeof *sid) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- text ---- */

static void print_us(const char *before, uint64_t us)
{
    char text[64];
    if (us != JV_RECOVERY_UNKNOWN) {
        jv_describe_us(us, text, sizeof text);
        (void)printf("%s%s", before, text);
    }
}

static void print_line(const struct replay *r, const struct jv_record *rec, uint64_t first_ns)
{
    char text[JV_DESCRIBE_BYTES];
    char path[JV_RECOVERY_PATH_BYTES];
    uint64_t ms = rec->at.ns > first_ns ? (rec->at.ns - first_ns) / JV_NS_PER_MS : 0;
    (void)printf("  %7" PRIu64 ".%03u  %s", ms / 1000, (unsigned)(ms % 1000),
                 jv_describe_colour(r->cli, rec));
    jv_describe_what(rec, text, sizeof text);
    jv_print_wide(text, 24);
    (void)fputs(jv_describe_plain(r->cli), stdout);
    jv_recovery_path(rec, path);
    jv_describe_text(path, text, sizeof text);
    const char *reason = rec->reason != JV_WHY_NONE ? jv_why_name((enum jv_why)rec->reason) : "";
    (void)printf("  ");
    jv_print_wide(reason, 26);
    (void)printf("  %s", text);
    jv_describe_seen(rec, text, sizeof text);
    (void)printf("%s%s\n", text[0] != '\0' ? "  " : "", text);
}

static void print_recovery(const struct jv_recovery *one, uint32_t number)
{
    char text[JV_DESCRIBE_BYTES];
    char from[JV_RECOVERY_PATH_BYTES];
    char to[JV_RECOVERY_PATH_BYTES];
    jv_describe_time(one->start_ns, JV_TIME_OF_DAY, text, sizeof text);
    jv_describe_text(one->from, from, sizeof from);
    jv_describe_text(one->to, to, sizeof to);
    (void)printf("  %3u  %s  ", number, text);
    jv_print_wide(jv_outcome_name(one->outcome), 11);
    bool is_moved = one->switches > 0 && strcmp(from, to) != 0;
    (void)printf("%s%s%s  %s%s%s\n", from, is_moved ? " → " : "", is_moved ? to : "",
                 jv_why_name(one->start_reason), one->end_reason != JV_WHY_NONE ? " … " : "",
                 one->end_reason != JV_WHY_NONE ? jv_why_name(one->end_reason) : "");
    (void)printf("       ");
    print_us("detect ", one->detect_us);
    print_us("  reattach ", one->reattach_us);
    print_us("  outage ", one->outage_us);
    print_us("  total ", one->total_us);
    (void)printf("  attempts %u, rejects %u, denied %u, switches %u\n", one->attempts, one->rejects,
                 one->denied, one->switches);
}

static void print_sum(const struct jv_recoveries *all)
{
    static const char *const names[JV_TIMES] = {"detect", "reattach", "outage", "total"};
    uint32_t counts[JV_OUTCOMES] = {0};
    for (uint32_t i = 0; i < all->len; i++) {
        counts[all->at[i].outcome]++;
    }
    (void)printf(
        " sum           %u recoveries: %u RECOVERED, %u DEGRADED, %u TERMINATED, %u OPEN\n",
        all->len, counts[JV_OUTCOME_RECOVERED], counts[JV_OUTCOME_DEGRADED],
        counts[JV_OUTCOME_TERMINATED], counts[JV_OUTCOME_OPEN]);
    for (uint32_t t = 0; t < JV_TIMES; t++) {
        enum jv_recovery_time time = (enum jv_recovery_time)t;
        if (jv_recovery_quantile(all, time, 50) != JV_RECOVERY_UNKNOWN) {
            (void)printf("   %-9s ", names[t]);
            print_us("  median ", jv_recovery_quantile(all, time, 50));
            print_us("  p95 ", jv_recovery_quantile(all, time, 95));
            print_us("  worst ", jv_recovery_quantile(all, time, 100));
            (void)putchar('\n');
        }
    }
    if (all->forgotten > 0) {
        (void)printf("   %" PRIu64 " recoveries more are not listed\n", all->forgotten);
    }
}

static void print_chain(const struct replay *r)
{
    if (r->wrong_line == 0) {
        (void)printf(" audit         chain and laws verified\n");
    } else {
        (void)printf(" audit         NOT VERIFIED: line %" PRIu64
                     " is wrong (%s); see '%s audit verify'\n",
                     r->wrong_line, jv_verify_law_text(r->law), r->cli->program);
    }
}

static bool print_text(const struct replay *r, struct jv_auditfile *file, const struct jv_sid *sid)
{
    struct jv_record_line line;
    struct jv_recoveries all;
    char text[64];
    bool is_kept = true;
    jv_recovery_begin(&all);
    (void)printf("session ");
    jv_print_sid(sid);
    jv_describe_text(r->node, text, sizeof text);
    (void)printf("  %s\n", text);
    while (is_kept && next_of(file, sid, &line)) {
        is_kept = jv_recovery_feed(&all, &line.rec) == JV_E_OK;
        if (all.records == 1) {
            jv_describe_time(line.rec.at.ns, JV_DATE_AND_TIME, text, sizeof text);
            (void)printf(" timeline from %s, in seconds\n", text);
        }
        print_line(r, &line.rec, all.first_ns);
    }
    if (all.len > 0) {
        (void)printf(" recoveries\n");
    }
    for (uint32_t i = 0; i < all.len; i++) {
        print_recovery(&all.at[i], i + 1U);
    }
    print_sum(&all);
    if (all.state != JV_ST_END) {
        jv_describe_time(all.last_ns, JV_DATE_AND_TIME, text, sizeof text);
        (void)printf(" then          %s, %s; the last record is of %s\n",
                     jv_state_name((enum jv_state)all.state), jv_why_name(all.reason), text);
    }
    print_chain(r);
    jv_recovery_end(&all);
    return is_kept;
}

/* ---- JSON ---- */

static void print_number(const char *name, uint64_t value)
{
    if (value != JV_RECOVERY_UNKNOWN) {
        (void)printf(",\"%s\":%" PRIu64, name, value);
    }
}

static void json_recovery(const struct jv_recovery *one)
{
    (void)printf("{\"outcome\":\"%s\",\"start_ns\":%" PRIu64 ",\"start_seq\":%" PRIu64
                 ",\"start_reason\":\"%s\",\"from\":",
                 jv_outcome_name(one->outcome), one->start_ns, one->start_seq,
                 jv_why_name(one->start_reason));
    jv_print_json(one->from);
    if (one->outcome != JV_OUTCOME_OPEN) {
        (void)printf(",\"end_ns\":%" PRIu64 ",\"end_seq\":%" PRIu64
                     ",\"end_reason\":\"%s\",\"to\":",
                     one->end_ns, one->end_seq, jv_why_name(one->end_reason));
        jv_print_json(one->to);
    }
    print_number("detect_us", one->detect_us);
    print_number("reattach_us", one->reattach_us);
    print_number("outage_us", one->outage_us);
    print_number("total_us", one->total_us);
    (void)printf(",\"attempts\":%u,\"rejects\":%u,\"denied\":%u,\"switches\":%u,\"rebinds\":%u,"
                 "\"replay_rejects\":%u,\"version_mismatch_rejects\":%u}",
                 one->attempts, one->rejects, one->denied, one->switches, one->rebinds,
                 one->replays, one->stale_versions);
}

static bool print_json(const struct replay *r, struct jv_auditfile *file, const struct jv_sid *sid)
{
    struct jv_record_line line;
    struct jv_recoveries all;
    bool is_kept = true;
    jv_recovery_begin(&all);
    (void)printf("{\"sid\":\"");
    jv_print_sid(sid);
    (void)printf("\",\"node\":");
    jv_print_json(r->node);
    (void)printf(",\"timeline\":[");
    while (is_kept && next_of(file, sid, &line)) {
        (void)fputs(all.records > 0 ? "," : "", stdout);
        jv_print_record(&line);
        is_kept = jv_recovery_feed(&all, &line.rec) == JV_E_OK;
    }
    (void)printf("],\"recoveries\":[");
    for (uint32_t i = 0; i < all.len; i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        json_recovery(&all.at[i]);
    }
    (void)printf(
        "],\"forgotten\":%" PRIu64 ",\"state\":\"%s\",\"reason\":\"%s\",\"first_ns\":%" PRIu64
        ",\"last_ns\":%" PRIu64 ",\"transitions\":%" PRIu64 ",\"verified\":%s}",
        all.forgotten, all.state == JV_ST_END ? "" : jv_state_name((enum jv_state)all.state),
        jv_why_name(all.reason), all.first_ns, all.last_ns, all.transitions,
        r->wrong_line == 0 ? "true" : "false");
    jv_recovery_end(&all);
    return is_kept;
}

/* ---- the demonstration's dialect ---- */

static bool print_demo(const struct replay *r, struct jv_auditfile *file, const struct jv_sid *sid)
{
    struct jv_demo demo;
    struct jv_record_line line;
    jv_demo_begin(&demo, stdout);
    while (next_of(file, sid, &line)) {
        jv_demo_feed(&demo, &line.rec, r->wrong_line == 0 || file->line_number < r->wrong_line);
    }
    if (!demo.is_created) {
        (void)fprintf(stderr, "%s: %s: the beginning of the session is not in this file\n",
                      r->cli->program, file->path);
    }
    return demo.is_created;
}

/* ---- the command ---- */

/* FILE is a path, or the name of a tunnel whose file is in log_dir. */
static int find_file(struct jv_auditfile *file, const struct jv_cli *cli, const char *given)
{
    struct stat st;
    int n = snprintf(file->path, sizeof file->path, "%s", given);
    bool is_path = n > 0 && (size_t)n < sizeof file->path && stat(file->path, &st) == 0;
    if (!is_path && strchr(given, '/') == NULL) {
        char path[JV_AUDITFILE_PATH_BYTES];
        n = snprintf(path, sizeof path, "%s/%s.jsonl", cli->log_dir, given);
        if (n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0) {
            memcpy(file->path, path, sizeof path);
        }
    }
    return jv_auditfile_open(file, cli);
}

static int choose(const struct replay *r, const struct jv_auditfile *file)
{
    if (r->sids_len == 0) {
        (void)fprintf(stderr, "%s: %s: no session%s%s\n", r->cli->program, file->path,
                      r->sid == NULL ? "" : " begins with ", r->sid == NULL ? "" : r->sid);
        return JV_EXIT_NO_SESSION;
    }
    if (r->has_more || (r->is_demo && r->sids_len > 1)) {
        (void)fprintf(stderr, "%s: %s: %s sessions: name one by its id, see '%s events'\n",
                      r->cli->program, file->path, r->has_more ? "more than 64" : "several",
                      r->cli->program);
        return JV_EXIT_USAGE;
    }
    return JV_EXIT_OK;
}

static int print_all(const struct replay *r, struct jv_auditfile *file)
{
    bool is_ok = true;
    bool is_list = r->is_json && !r->is_demo;
    (void)fputs(is_list ? "[" : "", stdout);
    for (uint32_t i = 0; is_ok && i < r->sids_len; i++) {
        rewind(file->stream);
        file->line_number = 0;
        (void)fputs(i == 0 ? "" : is_list ? "," : "\n", stdout);
        is_ok = r->is_demo   ? print_demo(r, file, &r->sids[i])
                : r->is_json ? print_json(r, file, &r->sids[i])
                             : print_text(r, file, &r->sids[i]);
    }
    (void)fputs(is_list ? "]\n" : "", stdout);
    return is_ok ? JV_EXIT_OK : JV_EXIT_FAILED;
}

int jv_cli_replay(int argc, char **argv, const struct jv_cli *cli)
{
    struct jv_audit_args args;
    struct jv_auditfile file = {0};
    int code = jv_audit_args_parse(argc, argv, cli, "json format", &args);
    if (code != JV_EXIT_OK) {
        return code;
    }
    if (args.rest_len < 1) {
        return JV_EXIT_USAGE;
    }
    if (args.format != NULL && strcmp(args.format, "demo") != 0) {
        (void)fprintf(stderr, "%s: --format is '%s'; it must be demo\n", cli->program, args.format);
        return JV_EXIT_USAGE;
    }
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL || jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s: out of memory\n", cli->program);
        free(r);
        return JV_EXIT_FAILED;
    }
    *r = (struct replay){.cli = cli,
                         .sid = args.rest_len > 1 ? args.rest[1] : NULL,
                         .is_json = args.is_json,
                         .is_demo = args.format != NULL};
    code = find_file(&file, cli, args.rest[0]);
    if (code == JV_EXIT_OK) {
        code = scan(r, &file) ? choose(r, &file) : JV_EXIT_FAILED;
        code = code == JV_EXIT_OK ? print_all(r, &file) : code;
        jv_auditfile_close(&file);
    }
    free(r);
    return code;
}
