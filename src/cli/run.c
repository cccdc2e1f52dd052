/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "form.h"

#define PATH_BYTES 1024U
#define POLL_FIRST_MS 2U
#define POLL_MS 50U
#define TIMEOUT_MS 30000U
#define TIMEOUT_MAX_MS 3600000U
#define DOWN_MS 60000U /* hooks and name servers have a limit each */
#define MORE_AT 7U     /* behind the options that every call has */
#define MORE_MAX 1U

/* Where systemd is PID 1 it keeps the daemon; a directory of its own means that something else is wanted. */
static bool has_systemd(const struct jv_cli *cli)
{
    struct stat st;
    return stat("/run/systemd/system", &st) == 0 && strcmp(cli->run_dir, JV_CLI_RUN_DIR) == 0 &&
           strcmp(cli->conf_dir, JV_CLI_CONF_DIR) == 0;
}

/* Runs it and gives its exit code; 127: it could not be run. */
static int run(char *const argv[])
{
    pid_t child = fork();
    if (child < 0) {
        return 127;
    }
    if (child == 0) {
        (void)execvp(argv[0], argv); /* returns on failure only */
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return 127;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : JV_EXIT_FAILED;
}

static int systemctl(const char *verb, const char *name)
{
    char tool[] = "systemctl";
    char action[16];
    char unit[PATH_BYTES];
    (void)snprintf(action, sizeof(action), "%s", verb);
    (void)snprintf(unit, sizeof(unit), "jvd@%s.service", name);
    char *argv[] = {tool, action, unit, NULL};
    return run(argv) == 0 ? JV_EXIT_OK : JV_EXIT_FAILED;
}

/* The jvd beside this program, else the one in PATH. */
static void find_daemon(char out[PATH_BYTES])
{
    char self[PATH_BYTES];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1U);
    (void)snprintf(out, PATH_BYTES, "jvd");
    if (len <= 0) {
        return;
    }
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL || (size_t)(slash - self) + sizeof("/jvd") > PATH_BYTES) {
        return;
    }
    memcpy(slash, "/jvd", sizeof("/jvd"));
    if (access(self, X_OK) == 0) {
        memcpy(out, self, strlen(self) + 1U);
    }
}

/* jvd for a profile, with `more` options behind its own; gives its exit code. */
static int run_daemon(const struct jv_cli *cli, const char *name, char *const more[])
{
    char program[PATH_BYTES];
    char config[PATH_BYTES];
    char run_dir[PATH_BYTES];
    char log_dir[PATH_BYTES];
    char config_opt[] = "--config";
    char run_opt[] = "--run-dir";
    char log_opt[] = "--log-dir";
    find_daemon(program);
    (void)snprintf(run_dir, sizeof(run_dir), "%s", cli->run_dir);
    (void)snprintf(log_dir, sizeof(log_dir), "%s", cli->log_dir);
    if (snprintf(config, sizeof(config), "%s/%s.conf", cli->conf_dir, name) >= (int)PATH_BYTES) {
        return JV_EXIT_USAGE;
    }
    char *argv[MORE_AT + MORE_MAX + 1U] = {program, config_opt, config, run_opt,
                                           run_dir, log_opt,    log_dir};
    for (uint32_t i = 0; i < MORE_MAX && more[i] != NULL; i++) {
        argv[MORE_AT + i] = more[i];
    }
    int code = run(argv);
    if (code == 127) {
        (void)fprintf(stderr, "%s: cannot run %s\n", cli->program, program);
        return JV_EXIT_FAILED;
    }
    return code;
}

static void pause_ms(uint32_t ms)
{
    struct timespec step = {.tv_sec = ms / 1000U, .tv_nsec = (long)(ms % 1000U) * 1000000L};
    (void)nanosleep(&step, NULL); /* a signal shortens the wait, no more */
}

static void tell_reason(const struct jv_cli *cli, const char *name, const json_t *status)
{
    const json_t *session = json_object_get(status, "session");
    const char *reason = json_string_value(json_object_get(session, "reason"));
    const char *text = json_string_value(json_object_get(session, "reason_text"));
    if (reason == NULL || strcmp(reason, "NONE") == 0) {
        reason = json_string_value(json_object_get(status, "last_end"));
        text = json_string_value(json_object_get(status, "last_end_text"));
    }
    if (reason == NULL) {
        bool has_link = json_integer_value(json_object_get(status, "links")) > 0;
        reason = has_link ? "HANDSHAKE_FAIL" : "NO_CANDIDATE_TRANSPORTS";
        text = has_link ? "the gateway has not answered" : "no link leads to the gateway";
    }
    (void)fprintf(stderr, "%s: %s is not attached: %s, %s\n", cli->program, name, reason,
                  text == NULL ? "" : text);
    const json_t *warnings = json_object_get(status, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        (void)fprintf(stderr, "%s: %s: %s\n", cli->program, name,
                      json_string_value(json_array_get(warnings, i)));
    }
}

/* Until the session is ATTACHED, has ended for good, or the time is over. A gateway is up when it answers. */
static int wait_attached(const struct jv_cli *cli, const char *name, uint64_t timeout_ms)
{
    json_t *status = NULL;
    int code = JV_EXIT_FAILED;
    uint32_t step_ms = POLL_FIRST_MS; /* a birth is one round trip: first often, then seldom */
    for (uint64_t waited_ms = 0;; waited_ms += step_ms, step_ms = JV_MIN(2U * step_ms, POLL_MS)) {
        json_decref(status);
        status = jv_client_call(cli, name, "status", NULL, true, &code);
        int state = status == NULL ? code : jv_form_exit(status);
        if (state == JV_EXIT_OK) {
            json_decref(status);
            return JV_EXIT_OK;
        }
        if (state == JV_EXIT_TERMINATED || state == JV_EXIT_NO_PERMISSION ||
            waited_ms >= timeout_ms) {
            break;
        }
        pause_ms(step_ms);
    }
    if (status == NULL) {
        (void)fprintf(stderr, "%s: %s does not answer\n", cli->program, name);
        return code;
    }
    tell_reason(cli, name, status);
    json_decref(status);
    return JV_EXIT_FAILED;
}

/* "30s", "1500ms", "2m"; false: no duration in range. */
static bool parse_timeout(const char *text, uint64_t *ms_out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || text[0] == '-' || value > TIMEOUT_MAX_MS) {
        return false;
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(units); i++) {
        if (strcmp(end, units[i].unit) == 0 && value * units[i].ms <= TIMEOUT_MAX_MS) {
            *ms_out = value * units[i].ms;
            return true;
        }
    }
    return false;
}

/* 0: NAME is argv[optind]; else the exit code. */
static int parse_up(int argc, char **argv, const struct jv_cli *cli, uint64_t *timeout_ms)
{
    static const struct option table[] = {{"timeout", required_argument, NULL, 't'},
                                          {NULL, 0, NULL, 0}};
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt != 't') {
            return JV_EXIT_USAGE;
        }
        if (!parse_timeout(optarg, timeout_ms)) {
            (void)fprintf(stderr, "%s: --timeout is %s; it must be 0ms to 1h, with its unit\n",
                          cli->program, optarg);
            return JV_EXIT_USAGE;
        }
    }
    return argc - optind == 1 ? JV_EXIT_OK : JV_EXIT_USAGE;
}

int jv_cli_up(int argc, char **argv, const struct jv_cli *cli)
{
    uint64_t timeout_ms = TIMEOUT_MS;
    int code = parse_up(argc, argv, cli, &timeout_ms);
    if (code != JV_EXIT_OK) {
        return code;
    }
    const char *name = argv[optind];
    json_t *status = jv_client_call(cli, name, "status", NULL, true, &code);
    if (status != NULL) {
        /* It runs: begin a birth where the session has ended; where there is one, nothing changes. */
        int state = jv_form_exit(status);
        json_decref(status);
        json_t *result = state == JV_EXIT_TERMINATED
                             ? jv_client_call(cli, name, "up", NULL, false, &code)
                             : json_object();
        if (result == NULL) {
            return code;
        }
        json_decref(result);
    } else if (code != JV_EXIT_NO_DAEMON) {
        (void)fprintf(stderr, "%s: %s: permission denied\n", cli->program, name);
        return code;
    } else {
        char *none[] = {NULL};
        code = has_systemd(cli) ? systemctl("start", name) : run_daemon(cli, name, none);
        if (code != JV_EXIT_OK) {
            return code;
        }
    }
    return wait_attached(cli, name, timeout_ms);
}

static int wait_gone(const struct jv_cli *cli, const char *name)
{
    for (uint32_t waited_ms = 0; waited_ms < DOWN_MS; waited_ms += POLL_MS) {
        int code = JV_EXIT_OK;
        json_t *status = jv_client_call(cli, name, "status", NULL, true, &code);
        json_decref(status);
        if (status == NULL && code == JV_EXIT_NO_DAEMON) {
            return JV_EXIT_OK;
        }
        pause_ms(POLL_MS);
    }
    (void)fprintf(stderr, "%s: %s does not end\n", cli->program, name);
    return JV_EXIT_FAILED;
}

/* Without a daemon there may still be what a killed one left: device, routes, and the kill switch above all. */
static int clean_up(const struct jv_cli *cli, const char *name)
{
    char errand[] = "--clean-up";
    char *more[] = {errand, NULL};
    int code = run_daemon(cli, name, more);
    if (code == JV_EXIT_NO_DAEMON) {
        (void)fprintf(stderr, "%s: %s is not running\n", cli->program, name);
    }
    return code;
}

int jv_cli_down(int argc, char **argv, const struct jv_cli *cli)
{
    int code = JV_EXIT_OK;
    if (argc != 2 || argv[1][0] == '-') {
        return JV_EXIT_USAGE;
    }
    const char *name = argv[1];
    /* Asked over the socket it takes the kill switch away as well; the signal of a service manager leaves it. */
    json_t *result = jv_client_call(cli, name, "down", NULL, true, &code);
    bool was_running = result != NULL;
    json_decref(result);
    if (!was_running && code != JV_EXIT_NO_DAEMON) {
        (void)fprintf(stderr, "%s: %s: %s\n", cli->program, name,
                      code == JV_EXIT_NO_PERMISSION ? "permission denied" : "no answer");
        return code;
    }
    code = was_running ? wait_gone(cli, name) : JV_EXIT_OK;
    if (has_systemd(cli)) {
        (void)systemctl(
            "stop", name); /* what goes on in spite of it has the device, which is noticed below */
    }
    return was_running ? code : clean_up(cli, name);
}

int jv_cli_reload(int argc, char **argv, const struct jv_cli *cli)
{
    char name[JV_CLIENT_NAME_BYTES];
    int code = JV_EXIT_OK;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        return JV_EXIT_USAGE;
    }
    if (!jv_client_profile(cli, argc == 2 ? argv[1] : NULL, name, &code)) {
        return code;
    }
    json_t *result = jv_client_call(cli, name, "reload", NULL, false, &code);
    json_decref(result);
    return result == NULL ? code : JV_EXIT_OK;
}
