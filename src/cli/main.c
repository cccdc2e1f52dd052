/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jv -- the command for people and scripts: global options, the table of commands.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "cli.h"
#include "completion.h"

static jv_cli_fn print_completion;

static const struct jv_cli_command commands[] = {
    {"genkey", "", "print a new private key", jv_cli_genkey},
    {"pubkey", "", "print the public key of the private key on standard input", jv_cli_pubkey},
    {"genpsk", "", "print a new pre-shared key", jv_cli_genpsk},
    {"up", "NAME [--timeout 30s]", "start a profile and wait until it is attached", jv_cli_up},
    {"down", "NAME", "end its session and remove device, addresses and routes", jv_cli_down},
    {"reload", "[NAME]", "read users, keys shared beforehand and policy again", jv_cli_reload},
    {"check", "[--print] FILE", "check a profile or a policy file", jv_cli_check},
    {"import", "wg FILE [-o NAME [--force]]", "make a profile of a wg-quick file", jv_cli_import},
    {"status", "[NAME] [-q] [--json]", "show a profile's session and paths", jv_cli_status},
    {"top", "[NAME] [--once] [--json]", "sessions and paths, live", jv_cli_top},
    {"sessions", "[NAME] [--state STATE] [--json]", "list sessions", jv_cli_sessions},
    {"path", "ls|test|prefer|disable|enable ...", "list paths, test them, choose among them",
     jv_cli_path},
    {"ping", "[HOST] [--path P] [-c N] [NAME] [--json]", "ask the gateway over a path",
     jv_cli_ping},
    {"netcheck", "[NAME] [--json]", "say what the network lets through", jv_cli_netcheck},
    {"switch", "PATH [NAME] [--dry-run] [--json]", "move the session to a path", jv_cli_switch},
    {"hold", "DURATION|off [NAME]", "no moves by choice for so long", jv_cli_hold},
    {"recover", "[NAME]", "look at links, names and paths again, now", jv_cli_recover},
    {"kick", "SID [NAME]", "end a session", jv_cli_kick},
    {"counters", "[NAME]", "print the daemon's counters", jv_cli_counters},
    {"policy", "show [PRESET|FILE|PROFILE|--session [SID]]", "print bounds as a policy file",
     jv_cli_policy},
    {"completion", "bash|zsh|fish", "print a script that completes these words", print_completion},
    JV_CLI_AUDIT_COMMANDS};

static int print_completion(int argc, char **argv, const struct jv_cli *cli)
{
    int code = argc == 2 ? jv_completion_print(argv[1], commands, JV_ARRAY_LEN(commands), stdout)
                         : JV_EXIT_USAGE;
    if (argc == 2 && code == JV_EXIT_USAGE) {
        (void)fprintf(stderr, "%s: no completion for %s: there are bash, zsh and fish\n",
                      cli->program, argv[1]);
    }
    return code;
}

static void print_usage(FILE *file)
{
    (void)fprintf(file, "usage: jv [--json] [--run-dir DIR] [--conf-dir DIR] [--log-dir DIR] "
                        "[COMMAND ...]\n"
                        "       jv --help | --version\n\ncommands:\n");
    for (size_t i = 0; i < JV_ARRAY_LEN(commands); i++) {
        (void)fprintf(file, "  %-10s %-40s %s\n", commands[i].name, commands[i].args,
                      commands[i].summary);
    }
    (void)fprintf(file, "\nWithout a command: status. See jv(1).\n");
}

static void print_command(const struct jv_cli_command *command, FILE *file)
{
    (void)fprintf(file, "usage: jv %s %s\n", command->name, command->args);
    (void)fprintf(file, "  %s\n", command->summary);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static int run_command(int argc, char **argv, const struct jv_cli *cli)
{
    for (size_t i = 0; i < JV_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[0], commands[i].name) != 0) {
            continue;
        }
        if (asks_for_help(argc, argv)) {
            print_command(&commands[i], stdout);
            return JV_EXIT_OK;
        }
        optind = 0; /* glibc: begin anew, with this command's own options */
        int code = commands[i].fn(argc, argv, cli);
        if (code == JV_EXIT_USAGE) {
            print_command(&commands[i], stderr);
        }
        return code;
    }
    (void)fprintf(stderr, "%s: no command %s\n", cli->program, argv[0]);
    print_usage(stderr);
    return JV_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    enum { RUN_DIR = 256, CONF_DIR, LOG_DIR };
    static const struct option table[] = {{"json", no_argument, NULL, 'j'},
                                          {"run-dir", required_argument, NULL, RUN_DIR},
                                          {"conf-dir", required_argument, NULL, CONF_DIR},
                                          {"log-dir", required_argument, NULL, LOG_DIR},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    const char *no_colour = getenv("NO_COLOR");
    struct jv_cli cli = {.program = "jv",
                         .conf_dir = JV_CLI_CONF_DIR,
                         .run_dir = JV_CLI_RUN_DIR,
                         .log_dir = JV_CLI_LOG_DIR,
                         .colour = isatty(STDOUT_FILENO) == 1 &&
                                   (no_colour == NULL || no_colour[0] == '\0')};
    for (int opt; (opt = getopt_long(argc, argv, "+hV", table, NULL)) != -1;) {
        switch (opt) {
        case 'j':
            cli.json = true;
            break;
        case RUN_DIR:
            cli.run_dir = optarg;
            break;
        case CONF_DIR:
            cli.conf_dir = optarg;
            break;
        case LOG_DIR:
            cli.log_dir = optarg;
            break;
        case 'h':
            print_usage(stdout);
            return JV_EXIT_OK;
        case 'V':
            (void)puts("jv " JV_PROJECT_VERSION);
            return JV_EXIT_OK;
        default: /* getopt has said what is wrong */
            print_usage(stderr);
            return JV_EXIT_USAGE;
        }
    }
    char status[] = "status";
    char *alone[] = {status, NULL};
    bool is_alone = optind == argc;
    return run_command(is_alone ? 1 : argc - optind, is_alone ? alone : argv + optind, &cli);
}
