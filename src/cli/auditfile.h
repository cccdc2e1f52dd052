/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_AUDITFILE_H
#define JV_CLI_AUDITFILE_H
/*
 * auditfile -- finding, opening and reading audit files, and the options that the commands on them share.
 *
 * Owns     the FILE of struct jv_auditfile between open and close.
 * Gives    messages on standard error; what it returns is an enum jv_exit.
 * Limits   a line is kept up to JV_AUDITFILE_LINE_BYTES; the rest of a longer one is read over, and the reader refuses it.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "record.h"

#define JV_AUDITFILE_LINE_BYTES (JV_RECORD_LINE_BYTES + 64U)
#define JV_AUDITFILE_PATH_BYTES 1024U

struct jv_audit_args {
    const char *file, *head, *prev; /* --file, --head, --prev; NULL: not given */
    const char *at, *format;        /* --at, --format */
    const char *rest[2];            /* positional arguments */
    uint32_t rest_len;
    uint64_t since_ms; /* 0: not given */
    bool is_json, is_follow;
};

struct jv_auditfile {
    FILE *stream;
    uint64_t line_number; /* of the line read last, from 1 */
    size_t len;
    bool is_whole; /* the line ended with a newline, which is in `line` */
    char path[JV_AUDITFILE_PATH_BYTES];
    char line[JV_AUDITFILE_LINE_BYTES];
};

/* `options`: those that the command takes, of "file head prev since follow json last at format". */
int jv_audit_args_parse(int argc, char **argv, const struct jv_cli *cli, const char *options,
                        struct jv_audit_args *out);
/*
 * The file of --file, of the tunnel that is named first, or the only one in log_dir. What is left of the positional arguments, a
 * session id, goes to sid_out (NULL: none; several are a wrong use).
 */
int jv_auditfile_find(struct jv_auditfile *file, const struct jv_cli *cli,
                      const struct jv_audit_args *args, const char **sid_out);
int jv_auditfile_open(struct jv_auditfile *file, const struct jv_cli *cli);
void jv_auditfile_close(struct jv_auditfile *file);
/* The next line; false at the end. */
bool jv_auditfile_next(struct jv_auditfile *file);
/* "1500ms", "15s", "10m", "8h", "7d"; false for anything else and for 0. */
bool jv_audit_duration(const char *text, uint64_t *ms_out);
/*
 * A moment of the past: "2026-11-21T09:12:41Z" (UTC), "2026-11-21 09:12:41" and "09:12:41" (local; the latter of today, or of yesterday
 * where it is yet to come), or a duration before `now_ns`, "15m". Fractions of a second are taken; without one the whole second is meant,
 * to its end. Unix nanoseconds.
 */
bool jv_audit_moment(const char *text, uint64_t now_ns, uint64_t *ns_out);
/* Whether the hex text of `sid` begins with `prefix`; NULL fits every session. */
bool jv_audit_sid_fits(const struct jv_sid *sid, const char *prefix);
#endif /* JV_CLI_AUDITFILE_H */
