/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: jvd --config FILE [--foreground] [--run-dir DIR] [--state-dir DIR] [--log-dir DIR]\n"
    "           [--aead auto|ipsec-mb|libcrypto] [--no-sandbox]\n"
    "       jvd --config FILE --kill-switch | --clean-up\n"
    "       jvd --help | --version\n";

static const char help[] =
    "\n"
    "  -c, --config FILE     the profile, /etc/jv/NAME.conf\n"
    "  -f, --foreground      stay attached, log to standard error\n"
    "      --run-dir DIR     control socket and pid file (" JV_RUN_DIR ")\n"
    "      --state-dir DIR   what survives a restart (" JV_STATE_DIR ")\n"
    "      --log-dir DIR     audit file NAME.jsonl, unless the profile names another (" JV_LOG_DIR
    ")\n"
    "      --aead LIBRARY    what seals packets: auto (the default), ipsec-mb or libcrypto\n"
    "      --kill-switch     only set the kill switch as the profile says, and exit: for the boot\n"
    "      --clean-up        only remove what a killed jvd left, and the kill switch, and exit\n"
    "      --no-sandbox      keep all privileges: for debuggers\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "See jvd(8) and jv.conf(5).\n";

static bool parse_aead(const char *name, enum jv_aead_choice *out)
{
    static const char *const names[] = {
        [JV_AEAD_AUTO] = "auto", [JV_AEAD_IPSECMB] = "ipsec-mb", [JV_AEAD_LIBCRYPTO] = "libcrypto"};
    for (size_t i = 0; i < JV_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum jv_aead_choice)i;
            return true;
        }
    }
    (void)fprintf(stderr, "jvd: --aead is %s; it must be auto, ipsec-mb or libcrypto\n", name);
    return false;
}

enum jv_options_result jv_options_parse(int argc, char **argv, struct jv_options *out)
{
    enum { RUN_DIR = 256, STATE_DIR, LOG_DIR, NO_SANDBOX, AEAD, KILL_SWITCH, CLEAN_UP };
    static const struct option table[] = {{"config", required_argument, NULL, 'c'},
                                          {"foreground", no_argument, NULL, 'f'},
                                          {"run-dir", required_argument, NULL, RUN_DIR},
                                          {"state-dir", required_argument, NULL, STATE_DIR},
                                          {"log-dir", required_argument, NULL, LOG_DIR},
                                          {"no-sandbox", no_argument, NULL, NO_SANDBOX},
                                          {"aead", required_argument, NULL, AEAD},
                                          {"kill-switch", no_argument, NULL, KILL_SWITCH},
                                          {"clean-up", no_argument, NULL, CLEAN_UP},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    *out = (struct jv_options){.run_dir = JV_RUN_DIR};
    for (int opt; (opt = getopt_long(argc, argv, "c:fhV", table, NULL)) != -1;) {
        switch (opt) {
        case 'c':
            out->config = optarg;
            break;
        case 'f':
            out->is_foreground = true;
            break;
        case RUN_DIR:
            out->run_dir = optarg;
            break;
        case STATE_DIR:
            out->state_dir = optarg;
            break;
        case LOG_DIR:
            out->log_dir = optarg;
            break;
        case NO_SANDBOX:
            out->has_no_sandbox = true;
            break;
        case AEAD:
            if (!parse_aead(optarg, &out->aead)) {
                return JV_OPTIONS_BAD;
            }
            break;
        case KILL_SWITCH:
            out->task = JV_TASK_KILL_SWITCH;
            break;
        case CLEAN_UP:
            out->task = JV_TASK_CLEAN_UP;
            break;
        case 'h':
            (void)fputs(usage, stdout); /* a closed output is the caller's choice */
            (void)fputs(help, stdout);
            return JV_OPTIONS_DONE;
        case 'V':
            (void)puts("jvd " JV_PROJECT_VERSION);
            return JV_OPTIONS_DONE;
        default: /* getopt has said what is wrong */
            (void)fputs(usage, stderr);
            return JV_OPTIONS_BAD;
        }
    }
    if (out->config == NULL || optind != argc) {
        (void)fputs(usage, stderr);
        return JV_OPTIONS_BAD;
    }
    return JV_OPTIONS_RUN;
}

/* A detached daemon works in "/", so a relative name is made whole here. */
static bool join(char *out, const char *dir, const char *name, const char *suffix)
{
    char cwd[JV_SERVER_PATH_BYTES] = "";
    bool is_relative = dir[0] != '/' && dir[0] != '\0';
    if (is_relative && getcwd(cwd, sizeof(cwd)) == NULL) {
        return false;
    }
    int len = snprintf(out, JV_SERVER_PATH_BYTES, "%s%s%s%s%s%s", cwd, is_relative ? "/" : "", dir,
                       name[0] == '\0' ? "" : "/", name, suffix);
    return len > 0 && len < (int)JV_SERVER_PATH_BYTES;
}

/* The profile's own choice counts; its default follows --log-dir. */
static bool place_audit(const struct jv_options *options, const struct jv_config *config, char *out)
{
    char fallback[JV_SERVER_PATH_BYTES];
    if (!join(fallback, JV_LOG_DIR, config->name, ".jsonl")) {
        return false;
    }
    if (options->log_dir != NULL && strcmp(config->audit_file, fallback) == 0) {
        return join(out, options->log_dir, config->name, ".jsonl");
    }
    return snprintf(out, JV_SERVER_PATH_BYTES, "%s", config->audit_file) <
           (int)JV_SERVER_PATH_BYTES;
}

static bool place_state(const struct jv_options *options, const struct jv_config *config, char *out)
{
    if (options->state_dir != NULL) {
        return join(out, options->state_dir, config->name, "");
    }
    if (config->role == JV_CONFIG_GATEWAY && config->gateway.state_dir[0] != '\0') {
        return join(out, config->gateway.state_dir, "", "");
    }
    return join(out, JV_STATE_DIR, config->name, "");
}

enum jv_err jv_options_places(const struct jv_options *options, const struct jv_config *config,
                              struct jv_places *out)
{
    *out = (struct jv_places){0};
    char full[PATH_MAX];
    const char *file = realpath(options->config, full) == NULL ? options->config : full;
    bool is_ok = join(out->dirs.config, file, "", "") &&
                 join(out->dirs.run, options->run_dir, "", "") &&
                 place_state(options, config, out->dirs.state) &&
                 place_audit(options, config, out->dirs.audit) &&
                 join(out->socket, options->run_dir, config->name, ".sock") &&
                 join(out->pid, options->run_dir, config->name, ".pid") &&
                 join(out->head, out->dirs.state, config->name, ".head");
    return is_ok ? JV_E_OK : JV_E_RANGE;
}

static enum jv_err make_one(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    if (mkdir(path, mode) != 0) {
        return errno == EEXIST ? JV_E_OK : JV_E_SYSTEM;
    }
    /* Only root can give it away, and only then is there another user. */
    return geteuid() != 0 || chown(path, uid, gid) == 0 ? JV_E_OK : JV_E_SYSTEM;
}

enum jv_err jv_options_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    char copy[JV_SERVER_PATH_BYTES];
    struct stat st;
    if (stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? JV_E_OK : JV_E_SYSTEM;
    }
    (void)snprintf(copy, sizeof(copy), "%s", path);
    /* One missing parent is made as well: /run/jv, /var/lib/jv. */
    enum jv_err err = make_one(dirname(copy), 0755, uid, gid);
    return err == JV_E_OK ? make_one(path, mode, uid, gid) : err;
}
