/* SPDX-License-Identifier: Apache-2.0 */
/* jv events [NAME] [--follow] [--since 1h] [--file FILE] [--json] */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "auditfile.h"
#include "crypto.h"
#include "describe.h"

#define POLL_NS 200000000L /* a person sees a fifth of a second as at once */

struct events {
    const struct jv_cli *cli;
    const struct jv_audit_args *args;
    const char *sid;
    uint64_t since_ns;
};

static void print_line(const struct events *ev, const struct jv_record_line *line)
{
    static const struct jv_sid none;
    const struct jv_record *rec = &line->rec;
    char time_text[32];
    char text[JV_DESCRIBE_BYTES];
    jv_describe_time(rec->at.ns, JV_DATE_AND_TIME, time_text, sizeof time_text);
    (void)printf("%s  %-6" PRIu64 " ", time_text, rec->seq);
    if (memcmp(&rec->sid, &none, sizeof none) == 0) {
        (void)printf("-         ");
    } else {
        (void)printf("%02x%02x%02x%02x  ", (unsigned)rec->sid.b[0], (unsigned)rec->sid.b[1],
                     (unsigned)rec->sid.b[2], (unsigned)rec->sid.b[3]);
    }
    jv_describe_what(rec, text, sizeof text);
    (void)fputs(jv_describe_colour(ev->cli, rec), stdout);
    jv_print_wide(text, 24);
    (void)fputs(jv_describe_plain(ev->cli), stdout);
    if (rec->reason != JV_WHY_NONE) {
        (void)printf("  %s", jv_why_name((enum jv_why)rec->reason));
    }
    jv_describe_text(rec->path, text, sizeof text);
    (void)printf("%s%s", text[0] != '\0' ? "  " : "", text);
    jv_describe_seen(rec, text, sizeof text);
    (void)printf("%s%s", text[0] != '\0' ? "  " : "", text);
    jv_describe_text(rec->text, text, sizeof text);
    (void)printf("%s%s\n", text[0] != '\0' ? "  " : "", text);
}

static void take_line(const struct events *ev, const struct jv_auditfile *file)
{
    struct jv_record_line line;
    enum jv_err err = jv_record_read(file->line, file->len, &line);
    if (err == JV_E_SYNTAX) {
        (void)fprintf(stderr, "%s: %s:%" PRIu64 ": %s (byte %zu)\n", ev->cli->program, file->path,
                      file->line_number, line.error, line.error_at + 1);
        return;
    }
    if (err == JV_E_AUTH) {
        /* It is shown, because it is what the file says, and marked, because it is not what was written. */
        (void)fprintf(stderr, "%s: %s:%" PRIu64 ": %s\n", ev->cli->program, file->path,
                      file->line_number, line.error);
    }
    if (line.rec.at.ns < ev->since_ns || !jv_audit_sid_fits(&line.rec.sid, ev->sid)) {
        return;
    }
    if (ev->args->is_json) {
        (void)fwrite(file->line, 1, file->len, stdout);
        (void)fputs(file->is_whole ? "" : "\n", stdout);
    } else {
        print_line(ev, &line);
    }
}

static bool is_replaced(const struct jv_auditfile *file)
{
    struct stat now;
    struct stat open;
    if (stat(file->path, &now) != 0 || fstat(fileno(file->stream), &open) != 0) {
        return false; /* between rename and creation: look again later */
    }
    return now.st_ino != open.st_ino || now.st_dev != open.st_dev ||
           now.st_size < ftell(file->stream);
}

/* Lines are printed when their newline is there: the daemon may be in the middle of one. */
static int follow(const struct events *ev, struct jv_auditfile *file)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    while (ferror(stdout) == 0) {
        long start = ftell(file->stream);
        bool has_line = jv_auditfile_next(file);
        if (has_line && file->is_whole) {
            take_line(ev, file);
            continue;
        }
        file->line_number -= has_line ? 1 : 0;
        if (fflush(stdout) != 0 || fseek(file->stream, start, SEEK_SET) != 0) {
            break;
        }
        if (is_replaced(file)) {
            jv_auditfile_close(file);
            int code = jv_auditfile_open(file, ev->cli);
            if (code != JV_EXIT_OK) {
                return code;
            }
            continue;
        }
        (void)nanosleep(&pause, NULL); /* cut short by a signal it only looks earlier */
    }
    return JV_EXIT_FAILED;
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    return timespec_get(&now, TIME_UTC) == 0
               ? 0
               : (uint64_t)now.tv_sec * JV_NS_PER_S + (uint64_t)now.tv_nsec;
}

int jv_cli_events(int argc, char **argv, const struct jv_cli *cli)
{
    struct jv_audit_args args;
    struct jv_auditfile file = {0};
    struct events ev = {.cli = cli, .args = &args};
    int code = jv_audit_args_parse(argc, argv, cli, "file follow since json", &args);
    code = code == JV_EXIT_OK ? jv_auditfile_find(&file, cli, &args, &ev.sid) : code;
    code = code == JV_EXIT_OK ? jv_auditfile_open(&file, cli) : code;
    if (code != JV_EXIT_OK) {
        return code;
    }
    if (jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s: the crypto library cannot be used\n", cli->program);
        return JV_EXIT_FAILED;
    }
    if (args.since_ms != 0) {
        uint64_t now = wall_ns();
        uint64_t back = args.since_ms * JV_NS_PER_MS;
        ev.since_ns = now > back ? now - back : 0;
    }
    if (args.is_follow) {
        /* Without --since only what comes is of interest. */
        if (args.since_ms == 0) {
            (void)fseek(file.stream, 0,
                        SEEK_END); /* a pipe has no end to go to and is read from here on */
        }
        code = follow(&ev, &file);
    } else {
        while (jv_auditfile_next(&file)) {
            take_line(&ev, &file);
        }
    }
    jv_auditfile_close(&file);
    return code;
}
