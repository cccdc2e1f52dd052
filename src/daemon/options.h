/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_OPTIONS_H
#define JV_DAEMON_OPTIONS_H
/*
 * options -- the command line of jvd, and the directories and files that follow from it and from the configuration.
 *
 * Threads  any.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base.h"
#include "config.h"
#include "crypto.h"
#include "errors.h"
#include "server.h"

#define JV_RUN_DIR "/run/jv"
#define JV_STATE_DIR "/var/lib/jv"
#define JV_LOG_DIR "/var/log/jv"

/* What is asked: to serve the profile, or one errand (errand.h). */
enum jv_options_task { JV_TASK_SERVE, JV_TASK_KILL_SWITCH, JV_TASK_CLEAN_UP };
enum jv_options_result { JV_OPTIONS_RUN, JV_OPTIONS_DONE, JV_OPTIONS_BAD };

struct jv_options {
    const char *config;
    const char *run_dir;
    const char *state_dir; /* NULL: not given */
    const char *log_dir;   /* NULL: not given */
    enum jv_options_task task;
    enum jv_aead_choice aead;
    bool is_foreground;
    bool has_no_sandbox; /* for debuggers, which the sandbox would stop */
};

/* Where files of the daemon lie. */
struct jv_places {
    struct jv_dirs dirs;
    char socket[JV_SERVER_PATH_BYTES];
    char pid[JV_SERVER_PATH_BYTES];
    char head[JV_SERVER_PATH_BYTES];
};

/* DONE: --help or --version was printed. BAD: the message and the usage went to standard error. */
enum jv_options_result jv_options_parse(int argc, char **argv, struct jv_options *out);
/* JV_E_RANGE: a path is too long. */
JV_MUST_USE enum jv_err jv_options_places(const struct jv_options *options,
                                          const struct jv_config *config, struct jv_places *out);
/* Make `path` with `mode` where it is missing, and give what was made to the user. JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_options_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid);
#endif /* JV_DAEMON_OPTIONS_H */
