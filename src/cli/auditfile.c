/* SPDX-License-Identifier: Apache-2.0 */
#include "auditfile.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".jsonl"
#define HEX_DIGITS "0123456789abcdef"

static int usage(const struct jv_cli *cli, const char *command)
{
    (void)fprintf(stderr, "%s %s: wrong arguments; see '%s help' or jv(1)\n", cli->program, command,
                  cli->program);
    return JV_EXIT_USAGE;
}

bool jv_audit_duration(const char *text, uint64_t *ms_out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},    {"m", 60000},
                 {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(units); i++) {
        if (value > 0 && strcmp(text + digits, units[i].unit) == 0) {
            *ms_out = value * units[i].ms;
            return true;
        }
    }
    return false;
}

/* ".402" as nanoseconds, and what stands behind it; without a fraction the end of the second. */
static const char *take_fraction(const char *at, uint64_t *ns_out)
{
    uint64_t unit = JV_NS_PER_S / 10;
    *ns_out = JV_NS_PER_S - 1;
    if (at[0] == '.' && at[1] >= '0' && at[1] <= '9') {
        *ns_out = 0;
        for (at++; *at >= '0' && *at <= '9'; at++) {
            *ns_out += (uint64_t)(*at - '0') * unit;
            unit /= 10;
        }
    }
    return at;
}

bool jv_audit_moment(const char *text, uint64_t now_ns, uint64_t *ns_out)
{
    static const struct {
        const char *form;
        bool is_utc, is_day_known;
    } forms[] = {{"%Y-%m-%dT%H:%M:%S", true, true},
                 {"%Y-%m-%d %H:%M:%S", false, true},
                 {"%H:%M:%S", false, false}};
    time_t now = (time_t)(now_ns / JV_NS_PER_S);
    uint64_t ms = 0;
    if (jv_audit_duration(text, &ms)) {
        *ns_out = ms > now_ns / JV_NS_PER_MS ? 0 : now_ns - ms * JV_NS_PER_MS;
        return true;
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(forms); i++) {
        struct tm tm = {0};
        uint64_t fraction = 0;
        if (!forms[i].is_day_known && localtime_r(&now, &tm) == NULL) {
            return false;
        }
        const char *end = strptime(text, forms[i].form, &tm);
        if (end == NULL) {
            continue;
        }
        end = take_fraction(end, &fraction);
        if (strcmp(end, forms[i].is_utc ? "Z" : "") != 0) {
            return false;
        }
        tm.tm_isdst = -1;
        time_t at = forms[i].is_utc ? timegm(&tm) : mktime(&tm);
        if (!forms[i].is_day_known && at > now) {
            tm.tm_mday--;
            tm.tm_isdst = -1;
            at = mktime(&tm);
        }
        if (at < 0) {
            return false;
        }
        *ns_out = (uint64_t)at * JV_NS_PER_S + fraction;
        return true;
    }
    return false;
}

int jv_audit_args_parse(int argc, char **argv, const struct jv_cli *cli, const char *options,
                        struct jv_audit_args *out)
{
    static const struct option table[] = {
        {"file", required_argument, NULL, 'f'},   {"head", required_argument, NULL, 'H'},
        {"prev", required_argument, NULL, 'p'},   {"since", required_argument, NULL, 's'},
        {"follow", no_argument, NULL, 'F'},       {"json", no_argument, NULL, 'j'},
        {"last", no_argument, NULL, 'l'},         {"at", required_argument, NULL, 'a'},
        {"format", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0},
    };
    struct jv_audit_args args = {.is_json = cli->json};
    int at = 0;
    optind = 0; /* main() has parsed options of its own */
    for (int c; (c = getopt_long(argc, argv, "", table, &at)) != -1;) {
        if (c == '?' || strstr(options, table[at].name) == NULL) {
            return usage(cli, argv[0]);
        }
        args.file = c == 'f' ? optarg : args.file;
        args.head = c == 'H' ? optarg : args.head;
        args.prev = c == 'p' ? optarg : args.prev;
        args.at = c == 'a' ? optarg : args.at;
        args.format = c == 'o' ? optarg : args.format;
        args.is_follow = args.is_follow || c == 'F';
        args.is_json = args.is_json || c == 'j';
        if (c == 's' && !jv_audit_duration(optarg, &args.since_ms)) {
            (void)fprintf(stderr,
                          "%s %s: --since is '%s'; it must be a duration like 90s, 15m, 1h or 7d\n",
                          cli->program, argv[0], optarg);
            return JV_EXIT_USAGE;
        }
    }
    for (; optind < argc; optind++) {
        if (args.rest_len == JV_ARRAY_LEN(args.rest)) {
            return usage(cli, argv[0]);
        }
        args.rest[args.rest_len++] = argv[optind];
    }
    *out = args;
    return JV_EXIT_OK;
}

/* Names become parts of paths, so they are held to the letters of an interface name. */
static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < 64 && text[0] != '.' && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static bool is_sid(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 2 * (size_t)JV_SID_BYTES && strspn(text, HEX_DIGITS) == len;
}

static bool set_path(struct jv_auditfile *file, const struct jv_cli *cli, const char *name)
{
    int n = snprintf(file->path, sizeof file->path, "%s/%s" SUFFIX, cli->log_dir, name);
    return n > 0 && (size_t)n < sizeof file->path;
}

static bool is_there(struct jv_auditfile *file, const struct jv_cli *cli, const char *name)
{
    struct stat st;
    return is_name(name) && set_path(file, cli, name) && stat(file->path, &st) == 0;
}

/* Without a name there must be one file only: a guess would explain the wrong tunnel. */
static int find_only(struct jv_auditfile *file, const struct jv_cli *cli)
{
    DIR *dir = opendir(cli->log_dir);
    if (dir == NULL) {
        (void)fprintf(stderr, "%s: %s: %s\n", cli->program, cli->log_dir, strerror(errno));
        return errno == EACCES ? JV_EXIT_NO_PERMISSION : JV_EXIT_FAILED;
    }
    uint32_t found = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len > sizeof SUFFIX - 1 && entry->d_name[0] != '.' &&
            strcmp(entry->d_name + len - (sizeof SUFFIX - 1), SUFFIX) == 0) {
            int n = snprintf(file->path, sizeof file->path, "%s/%s", cli->log_dir, entry->d_name);
            found += n > 0 && (size_t)n < sizeof file->path ? 1 : 0;
        }
    }
    (void)closedir(dir); /* it was only read */
    if (found == 1) {
        return JV_EXIT_OK;
    }
    (void)fprintf(stderr,
                  found == 0
                      ? "%s: there is no audit file in %s\n"
                      : "%s: there are several audit files in %s; name the tunnel, or use --file\n",
                  cli->program, cli->log_dir);
    return found == 0 ? JV_EXIT_FAILED : JV_EXIT_USAGE;
}

int jv_auditfile_find(struct jv_auditfile *file, const struct jv_cli *cli,
                      const struct jv_audit_args *args, const char **sid_out)
{
    const char *sid = args->rest_len > 0 ? args->rest[args->rest_len - 1] : NULL;
    const char *name = args->rest_len == 2 ? args->rest[0] : NULL;
    if (args->file == NULL && args->rest_len == 1 && (is_there(file, cli, sid) || !is_sid(sid))) {
        name = sid;
        sid = NULL;
    }
    if (args->file != NULL && name != NULL) {
        (void)fprintf(stderr, "%s: give a name or --file, not both\n", cli->program);
        return JV_EXIT_USAGE;
    }
    if (sid != NULL && !is_sid(sid)) {
        (void)fprintf(stderr, "%s: '%s' is no session id; that is 1 to 32 hex digits\n",
                      cli->program, sid);
        return JV_EXIT_USAGE;
    }
    *sid_out = sid;
    if (args->file != NULL) {
        int n = snprintf(file->path, sizeof file->path, "%s", args->file);
        return n > 0 && (size_t)n < sizeof file->path ? JV_EXIT_OK : JV_EXIT_USAGE;
    }
    if (name == NULL) {
        return find_only(file, cli);
    }
    if (!is_name(name) || !set_path(file, cli, name)) {
        (void)fprintf(stderr,
                      "%s: '%s' is no name of a tunnel: letters, digits, '_', '.' and '-' only\n",
                      cli->program, name);
        return JV_EXIT_USAGE;
    }
    return JV_EXIT_OK;
}

int jv_auditfile_open(struct jv_auditfile *file, const struct jv_cli *cli)
{
    file->stream = fopen(file->path, "re");
    file->line_number = 0;
    if (file->stream != NULL) {
        return JV_EXIT_OK;
    }
    (void)fprintf(stderr, "%s: %s: %s\n", cli->program, file->path, strerror(errno));
    return errno == EACCES || errno == EPERM ? JV_EXIT_NO_PERMISSION : JV_EXIT_FAILED;
}

void jv_auditfile_close(struct jv_auditfile *file)
{
    if (file->stream != NULL) {
        (void)fclose(file->stream); /* it was only read */
        file->stream = NULL;
    }
}

bool jv_auditfile_next(struct jv_auditfile *file)
{
    int c = EOF;
    file->len = 0;
    while ((c = getc(file->stream)) != EOF) {
        if (file->len < sizeof file->line) {
            file->line[file->len++] = (char)c;
        }
        if (c == '\n') {
            break;
        }
    }
    file->is_whole = c == '\n';
    file->line_number += file->len > 0 ? 1 : 0;
    return file->len > 0;
}

bool jv_audit_sid_fits(const struct jv_sid *sid, const char *prefix)
{
    for (size_t i = 0; prefix != NULL && prefix[i] != '\0'; i++) {
        if (i >= 2 * (size_t)JV_SID_BYTES) {
            return false;
        }
        unsigned nibble = i % 2 == 0 ? sid->b[i / 2] >> 4 : sid->b[i / 2] & 15U;
        if (prefix[i] != HEX_DIGITS[nibble]) {
            return false;
        }
    }
    return true;
}
