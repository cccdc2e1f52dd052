/* SPDX-License-Identifier: Apache-2.0 */
/* jv audit verify FILE [--head FILE] [--prev HASH] [--json] */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "auditfile.h"
#include "crypto.h"
#include "describe.h"
#include "verify.h"

#define HEAD_BYTES 128U

static int read_head(const struct jv_cli *cli, const char *path, struct jv_verify_head *out)
{
    char text[HEAD_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "%s: %s: %s\n", cli->program, path, strerror(errno));
        return errno == EACCES ? JV_EXIT_NO_PERMISSION : JV_EXIT_FAILED;
    }
    size_t len = fread(text, 1, sizeof text, file);
    (void)fclose(file); /* it was only read */
    if (jv_verify_head_parse(text, len, out) != JV_E_OK) {
        (void)fprintf(stderr, "%s: %s: this is no head: one line with seq and hash\n", cli->program,
                      path);
        return JV_EXIT_FAILED;
    }
    return JV_EXIT_OK;
}

/* 1204567 as "1 204 567". */
static void print_count(uint64_t value, const char *one, const char *many)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
    for (int i = 0; i < len; i++) {
        (void)printf("%s%c", i > 0 && (len - i) % 3 == 0 ? " " : "", digits[i]);
    }
    (void)printf(" %s", value == 1 ? one : many);
}

static void print_sum(const struct jv_verify_report *r)
{
    print_count(r->lines, "line, ", "lines, ");
    print_count(r->sessions, "session, ", "sessions, ");
    print_count(r->transitions, "transition, ", "transitions, ");
    print_count(r->gaps, "announced gap", "announced gaps");
    if (r->lost > 0) {
        (void)printf(" (");
        print_count(r->lost, "record lost)", "records lost)");
    }
    if (r->clock_steps > 0) {
        (void)printf(", clock set back ");
        print_count(r->clock_steps, "time", "times");
    }
    if (r->forgotten > 0) {
        (void)printf(", ");
        print_count(r->forgotten, "session", "sessions");
        (void)printf(" too many to judge in full");
    }
}

static void print_json(const struct jv_verify_report *r, const char *path)
{
    (void)printf("{\"file\":");
    jv_print_json(path);
    (void)printf(",\"ok\":%s,\"lines\":%" PRIu64 ",\"sessions\":%" PRIu64
                 ",\"transitions\":%" PRIu64 ",\"switches\":%" PRIu64 ",\"gaps\":%" PRIu64
                 ",\"lost\":%" PRIu64 ",\"clock_steps\":%" PRIu64 ",\"forgotten\":%" PRIu64
                 ",\"last_seq\":%" PRIu64 ",\"last_hash\":",
                 r->first_wrong == 0 ? "true" : "false", r->lines, r->sessions, r->transitions,
                 r->switches, r->gaps, r->lost, r->clock_steps, r->forgotten, r->last_seq);
    jv_print_json(r->last_hash);
    if (r->first_wrong != 0 || r->law != JV_LAW_NONE) {
        (void)printf(",\"wrong\":{\"line\":%" PRIu64 ",\"law\":", r->first_wrong);
        jv_print_json(jv_verify_law_text(r->law));
        (void)printf(",\"text\":");
        jv_print_json(r->text);
        (void)printf("}");
    }
    (void)printf("}\n");
}

static void print_result(const struct jv_verify_report *r, const char *path)
{
    if (r->first_wrong == 0) {
        (void)printf("ok: ");
        print_sum(r);
        (void)printf(r->last_hash[0] != '\0' ? "; chain to %.16s…\n" : "%s\n", r->last_hash);
        return;
    }
    char text[JV_VERIFY_TEXT_BYTES];
    jv_describe_text(r->text, text, sizeof text);
    (void)printf("%s:%" PRIu64 ": %s (%s%s)\n", path, r->first_wrong, text,
                 r->law > JV_LAW_COUNTED ? "law: " : "", jv_verify_law_text(r->law));
}

/* Feeds the file; the report is within `v`. */
static int verify(struct jv_auditfile *file, const struct jv_cli *cli, struct jv_verify *v)
{
    int code = jv_auditfile_open(file, cli);
    if (code != JV_EXIT_OK) {
        return code;
    }
    while (jv_auditfile_next(file) && jv_verify_line(v, file->line, file->len)) {
    }
    bool is_unreadable = ferror(file->stream) != 0;
    jv_auditfile_close(file);
    if (is_unreadable) {
        (void)fprintf(stderr, "%s: %s: cannot be read to its end\n", cli->program, file->path);
        return JV_EXIT_FAILED;
    }
    return jv_verify_end(v) ? JV_EXIT_OK : JV_EXIT_FAILED;
}

int jv_cli_audit(int argc, char **argv, const struct jv_cli *cli)
{
    struct jv_audit_args args;
    struct jv_verify_head head;
    struct jv_auditfile file = {0};
    int code = jv_audit_args_parse(argc, argv, cli, "head prev json", &args);
    if (code != JV_EXIT_OK || args.rest_len != 2 || strcmp(args.rest[0], "verify") != 0) {
        (void)fprintf(stderr, "usage: %s audit verify FILE [--head FILE] [--prev HASH] [--json]\n",
                      cli->program);
        return JV_EXIT_USAGE;
    }
    int n = snprintf(file.path, sizeof file.path, "%s", args.rest[1]);
    bool is_hash = args.prev == NULL ||
                   (strlen(args.prev) == 64 && strspn(args.prev, "0123456789abcdef") == 64);
    if (n < 0 || (size_t)n >= sizeof file.path || !is_hash) {
        (void)fprintf(stderr,
                      "%s audit: --prev must be 64 hex digits, and FILE shorter than %u bytes\n",
                      cli->program, JV_AUDITFILE_PATH_BYTES);
        return JV_EXIT_USAGE;
    }
    code = args.head != NULL ? read_head(cli, args.head, &head) : JV_EXIT_OK;
    void *mem = calloc(1, jv_verify_bytes(JV_VERIFY_SESSIONS));
    if (code == JV_EXIT_OK && (mem == NULL || jv_crypto_init() != JV_E_OK)) {
        (void)fprintf(stderr, "%s: out of memory\n", cli->program);
        code = JV_EXIT_FAILED;
    }
    if (code == JV_EXIT_OK) {
        struct jv_verify_cfg cfg = {.sessions_max = JV_VERIFY_SESSIONS, .prev = args.prev};
        cfg.head = args.head != NULL ? &head : NULL;
        struct jv_verify *v = jv_verify_init(mem, &cfg);
        code = verify(&file, cli, v);
        const struct jv_verify_report *report = jv_verify_result(v);
        if (code == JV_EXIT_OK || report->law != JV_LAW_NONE) {
            if (args.is_json) {
                print_json(report, file.path);
            } else {
                print_result(report, file.path);
            }
        }
    }
    free(mem);
    return code;
}
