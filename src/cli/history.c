/* SPDX-License-Identifier: Apache-2.0 */
/* jv history [NAME] SID [--file FILE] [--json]: one line a transition of one session. */
#include <inttypes.h>
#include <string.h>

#include "auditfile.h"
#include "crypto.h"
#include "describe.h"

static void print_row(const struct jv_cli *cli, const struct jv_record *rec)
{
    char text[JV_DESCRIBE_BYTES];
    jv_describe_time(rec->at.ns, JV_DATE_AND_TIME, text, sizeof text);
    (void)printf("%s  %s%-5" PRIu64 " %s", text, rec->is_client ? "local " : "v",
                 rec->is_client ? rec->local : rec->v, jv_describe_colour(cli, rec));
    jv_describe_what(rec, text, sizeof text);
    jv_print_wide(text, 24);
    (void)printf("%s  %s  ", jv_describe_plain(cli), jv_row_name(rec->row));
    jv_print_wide(jv_why_name((enum jv_why)rec->reason), 26);
    jv_describe_text(rec->path, text, sizeof text);
    (void)printf("%s%s", text[0] != '\0' ? "  " : "", text);
    jv_describe_seen(rec, text, sizeof text);
    (void)printf("%s%s\n", text[0] != '\0' ? "  " : "", text);
}

static void print_json(const struct jv_record_line *line, uint64_t found)
{
    if (found == 1) {
        (void)printf("{\"sid\":\"");
        jv_print_sid(&line->rec.sid);
        (void)printf("\",\"transitions\":[");
    } else {
        (void)printf(",");
    }
    jv_print_record(line);
}

/* The whole file is read first for the ids, so that a prefix of two sessions prints nothing. */
static int find_session(struct jv_auditfile *file, const struct jv_cli *cli, const char *prefix,
                        struct jv_sid *out)
{
    static const struct jv_sid none;
    bool is_found = false;
    while (jv_auditfile_next(file)) {
        struct jv_record_line line;
        if (jv_record_read(file->line, file->len, &line) == JV_E_SYNTAX ||
            memcmp(&line.rec.sid, &none, sizeof none) == 0 ||
            !jv_audit_sid_fits(&line.rec.sid, prefix)) {
            continue;
        }
        if (is_found && memcmp(out, &line.rec.sid, sizeof *out) != 0) {
            (void)fprintf(stderr, "%s: %s: several sessions begin with %s\n", cli->program,
                          file->path, prefix);
            return JV_EXIT_USAGE;
        }
        *out = line.rec.sid;
        is_found = true;
    }
    if (!is_found) {
        (void)fprintf(stderr, "%s: %s: no session begins with %s\n", cli->program, file->path,
                      prefix);
        return JV_EXIT_NO_SESSION;
    }
    rewind(file->stream);
    return JV_EXIT_OK;
}

static void print_all(struct jv_auditfile *file, const struct jv_cli *cli, const struct jv_sid *sid,
                      bool is_json)
{
    uint64_t found = 0;
    while (jv_auditfile_next(file)) {
        struct jv_record_line line;
        if (jv_record_read(file->line, file->len, &line) == JV_E_SYNTAX ||
            line.rec.row == JV_ROW_NONE || memcmp(sid, &line.rec.sid, sizeof *sid) != 0) {
            continue;
        }
        found++;
        if (is_json) {
            print_json(&line, found);
        } else {
            print_row(cli, &line.rec);
        }
    }
    if (is_json && found == 0) {
        (void)printf("{\"sid\":\"");
        jv_print_sid(sid);
        (void)printf("\",\"transitions\":[");
    }
    (void)fputs(is_json ? "]}\n" : "", stdout);
}

int jv_cli_history(int argc, char **argv, const struct jv_cli *cli)
{
    struct jv_audit_args args;
    struct jv_auditfile file = {0};
    struct jv_sid sid;
    const char *prefix = NULL;
    int code = jv_audit_args_parse(argc, argv, cli, "file json", &args);
    code = code == JV_EXIT_OK ? jv_auditfile_find(&file, cli, &args, &prefix) : code;
    if (code == JV_EXIT_OK && prefix == NULL) {
        (void)fprintf(stderr, "usage: %s history [NAME] SID [--file FILE] [--json]\n",
                      cli->program);
        code = JV_EXIT_USAGE;
    }
    code = code == JV_EXIT_OK ? jv_auditfile_open(&file, cli) : code;
    if (code != JV_EXIT_OK) {
        return code;
    }
    if (jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s: the crypto library cannot be used\n", cli->program);
        code = JV_EXIT_FAILED;
    }
    code = code == JV_EXIT_OK ? find_session(&file, cli, prefix, &sid) : code;
    if (code == JV_EXIT_OK) {
        print_all(&file, cli, &sid, args.is_json);
    }
    jv_auditfile_close(&file);
    return code;
}
