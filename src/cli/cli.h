/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_CLI_H
#define JV_CLI_CLI_H
/*
 * cli -- what every command of `jv` is given, what it returns, and the prototypes of the commands.
 *
 * Output   data on standard output, messages on standard error, each message begins with the program's name.
 * Returns  enum jv_exit, which is the exit code of the program.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>

/* Frozen: scripts and monitors read them (jv(1)). */
enum jv_exit {
    JV_EXIT_OK = 0,
    JV_EXIT_FAILED = 1,
    JV_EXIT_USAGE = 2,
    JV_EXIT_NO_DAEMON = 3,
    JV_EXIT_NO_SESSION = 4,
    JV_EXIT_DENIED = 5,
    JV_EXIT_BAD_CONFIG = 6,
    JV_EXIT_NO_PERMISSION = 7,
    /* `jv status -q NAME` tells the state; ATTACHED is 0. */
    JV_EXIT_BIRTH = 10,
    JV_EXIT_VOLATILE = 11,
    JV_EXIT_RECOVERING = 12,
    JV_EXIT_DEGRADED = 13,
    JV_EXIT_TERMINATED = 14
};

struct jv_cli {
    const char *program;  /* "jv", for messages */
    const char *conf_dir; /* "/etc/jv" */
    const char *run_dir;  /* "/run/jv" */
    const char *log_dir;  /* "/var/log/jv" */
    bool json;            /* --json was given before the command */
    bool colour;          /* standard output is a terminal and NO_COLOR is not set */
};

/* argv[0] is the command's own name, as in main(). */
typedef int jv_cli_fn(int argc, char **argv, const struct jv_cli *cli);

struct jv_cli_command {
    const char *name;
    const char *args; /* for the usage: "[SID] [--last] [--json]" */
    const char *summary;
    jv_cli_fn *fn;
};

#define JV_CLI_CONF_DIR "/etc/jv"
#define JV_CLI_RUN_DIR "/run/jv"
#define JV_CLI_LOG_DIR "/var/log/jv"

/* Commands that need no daemon (keys, check, import, policy), that start or end one, and that ask one. */
int jv_cli_genkey(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_pubkey(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_genpsk(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_check(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_import(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_policy(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_up(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_down(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_reload(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_status(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_sessions(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_path(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_switch(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_kick(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_hold(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_recover(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_ping(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_netcheck(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_top(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_counters(int argc, char **argv, const struct jv_cli *cli);

/* Commands that read audit files; they need no daemon. */
int jv_cli_audit(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_explain(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_events(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_history(int argc, char **argv, const struct jv_cli *cli);
int jv_cli_replay(int argc, char **argv, const struct jv_cli *cli);

/* Rows of the command table that those commands add. */
#define JV_CLI_AUDIT_COMMANDS                                                                      \
    {"audit", "verify FILE [--head FILE] [--json]", "check chain and laws of an audit file",       \
     jv_cli_audit},                                                                                \
        {"explain", "[NAME] [SID] [--last|--at T] [--file FILE] [--json]",                         \
         "say why the session moved or ended", jv_cli_explain},                                    \
        {"events", "[NAME] [--follow] [--since 1h] [--file FILE] [--json]", "print audit records", \
         jv_cli_events},                                                                           \
        {"history", "[NAME] SID [--file FILE] [--json]", "print one line for each transition",     \
         jv_cli_history},                                                                          \
    {                                                                                              \
        "replay", "FILE [SID] [--json|--format=demo]",                                             \
            "print a session's timeline and recoveries", jv_cli_replay                             \
    }
#endif /* JV_CLI_CLI_H */
