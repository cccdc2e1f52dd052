/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper.h"
#include "log.h"
#include "runner_process.h"

/* Longer than the process takes for what it may be doing and what it is asked for: it has its own clock. */
#define WAIT_MS ((int)(2U * JV_RUNNER_PROGRAMS_MAX * JV_RUNNER_LIMIT_MS))

struct jv_runner {
    int fd; /* -1: the process is gone */
    bool is_busy;
};

const char *jv_run_name(enum jv_run_kind kind)
{
    switch (kind) {
    case JV_RUN_POST_UP:
        return "PostUp";
    case JV_RUN_PRE_DOWN:
        return "PreDown";
    case JV_RUN_POST_DOWN:
        return "PostDown";
    case JV_RUN_TRANSITION:
        return "OnTransition";
    case JV_RUN_DNS_SET:
    case JV_RUN_DNS_UNSET:
        return "name servers";
    case JV_RUN_END:
        break;
    }
    return "";
}

const char *jv_run_tool_name(enum jv_run_tool tool)
{
    switch (tool) {
    case JV_RUN_RESOLVED:
        return "systemd-resolved";
    case JV_RUN_RESOLVCONF:
        return "resolvconf";
    case JV_RUN_NO_TOOL:
    case JV_RUN_TOOLS:
        break;
    }
    return "none";
}

void jv_run_describe(const struct jv_run_answer *answer, char out[2U * JV_RUNNER_TEXT_BYTES])
{
    const char *glue = answer->text[0] == '\0' ? "" : ": ";
    switch ((enum jv_run_how)answer->how) {
    case JV_RUN_OK:
        (void)snprintf(out, 2U * JV_RUNNER_TEXT_BYTES, "done");
        return;
    case JV_RUN_FAILED:
        (void)snprintf(out, 2U * JV_RUNNER_TEXT_BYTES, "failed with status %d%s%s", answer->status,
                       glue, answer->text);
        return;
    case JV_RUN_TIMEOUT:
        (void)snprintf(out, 2U * JV_RUNNER_TEXT_BYTES, "was killed after %u s%s%s",
                       JV_RUNNER_LIMIT_MS / 1000U, glue, answer->text);
        return;
    case JV_RUN_CANNOT:
    case JV_RUN_HOW_END:
        break;
    }
    (void)snprintf(out, 2U * JV_RUNNER_TEXT_BYTES, "cannot be run%s%s", glue, answer->text);
}

static bool is_path(const char path[JV_NAME_BYTES])
{
    size_t len = strnlen(path, JV_NAME_BYTES);
    for (size_t i = 0; i < len; i++) {
        char c = path[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && strchr("-_.@/", c) == NULL) {
            return false;
        }
    }
    return len < JV_NAME_BYTES;
}

bool jv_run_is_valid(const struct jv_run_request *request)
{
    bool is_ok = request->kind < JV_RUN_END && request->from < JV_ST_END &&
                 request->to < JV_ST_END && request->reason < JV_WHY_END &&
                 request->dns_len <= JV_DNS_MAX && request->is_default <= 1 &&
                 is_path(request->path);
    for (uint32_t i = 0; is_ok && i < request->dns_len; i++) {
        is_ok = request->dns[i].family == JV_AF_4 || request->dns[i].family == JV_AF_6;
    }
    return is_ok && (request->kind != JV_RUN_DNS_SET || request->dns_len > 0);
}

/* ---- the process ---- */

static _Noreturn void serve(int fd, struct jv_runner_task *task)
{
    for (;;) {
        struct jv_run_request request;
        struct jv_run_answer answer;
        ssize_t got = recv(fd, &request, sizeof(request), MSG_TRUNC);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        /* The end of the daemon, or of its innocence. */
        if (got != (ssize_t)sizeof(request) || !jv_run_is_valid(&request)) {
            _exit(got == 0 ? 0 : 1);
        }
        jv_runner_do(task, &request, &answer);
        if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != (ssize_t)sizeof(answer)) {
            _exit(0);
        }
    }
}

static _Noreturn void become(int fd, const struct jv_runner_cfg *cfg)
{
    static struct jv_runner_task task;
    task.hooks = cfg->config->hooks;
    task.tools = cfg->tools;
    memcpy(task.name, cfg->config->name, sizeof(task.name));
    memcpy(task.interface, cfg->config->interface, sizeof(task.interface));
    /* The copy that the fork made of the keys: what is run here has no use for them. */
    jv_config_free(cfg->config);
    if (jv_helper_enter(cfg->process, &fd) != NULL) {
        _exit(1);
    }
    (void)signal(SIGCHLD,
                 SIG_DFL); /* the daemon waits for no child; here their end is the answer */
    const char ready = 0;
    if (send(fd, &ready, 1, MSG_NOSIGNAL) != 1) {
        _exit(1);
    }
    serve(fd, &task);
}

/* ---- the daemon's side ---- */

static bool is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char ready = 1;
    return poll(&p, 1, WAIT_MS) == 1 && recv(fd, &ready, 1, 0) == 1 && ready == 0;
}

enum jv_err jv_runner_start(const struct jv_runner_cfg *cfg, struct jv_runner **out)
{
    int fds[2];
    struct jv_runner *runner = calloc(1, sizeof(*runner));
    if (runner == NULL) {
        return JV_E_NOMEM;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        jv_log(JV_LOG_ERROR, "cannot start %s: %s", cfg->process, strerror(errno));
        free(runner);
        return JV_E_SYSTEM;
    }
    pid_t child = fork();
    if (child == 0) {
        become(fds[1], cfg);
    }
    (void)close(fds[1]); /* the child's end */
    runner->fd = fds[0];
    if (child < 0 || !is_ready(runner->fd)) {
        jv_log(JV_LOG_ERROR, "cannot start %s: %s", cfg->process,
               child < 0 ? strerror(errno) : "the process ended at once");
        jv_runner_close(runner);
        return JV_E_SYSTEM;
    }
    *out = runner;
    return JV_E_OK;
}

int jv_runner_fd(const struct jv_runner *runner)
{
    return runner->fd;
}

bool jv_runner_is_busy(const struct jv_runner *runner)
{
    return runner->is_busy;
}

static enum jv_err give_up(struct jv_runner *runner)
{
    if (runner->fd >= 0) {
        (void)close(runner->fd); /* nothing more is said on it */
        runner->fd = -1;
    }
    runner->is_busy = false;
    return JV_E_SYSTEM;
}

enum jv_err jv_runner_send(struct jv_runner *runner, const struct jv_run_request *request)
{
    if (runner->is_busy) {
        return JV_E_AGAIN;
    }
    JV_ASSERT(jv_run_is_valid(request));
    /* The process is waiting for it, so there is room. */
    if (runner->fd < 0 || send(runner->fd, request, sizeof(*request),
                               MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(*request)) {
        return give_up(runner);
    }
    runner->is_busy = true;
    return JV_E_OK;
}

enum jv_err jv_runner_take(struct jv_runner *runner, struct jv_run_answer *out)
{
    struct jv_run_answer answer;
    ssize_t got =
        runner->fd < 0 ? 0 : recv(runner->fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return JV_E_AGAIN;
    }
    if (got != (ssize_t)sizeof(answer) || answer.kind >= JV_RUN_END ||
        answer.how >= JV_RUN_HOW_END || answer.tool >= JV_RUN_TOOLS) {
        return give_up(runner);
    }
    answer.text[sizeof(answer.text) - 1U] = '\0';
    runner->is_busy = false;
    *out = answer;
    return JV_E_OK;
}

/* False: no answer will come. */
static bool wait_for_answer(struct jv_runner *runner, struct jv_run_answer *out)
{
    struct pollfd p = {.fd = runner->fd, .events = POLLIN};
    while (runner->is_busy) {
        int n = poll(&p, 1, WAIT_MS);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n != 1 || jv_runner_take(runner, out) == JV_E_SYSTEM) {
            (void)give_up(runner); /* which the result tells */
            return false;
        }
    }
    return true;
}

enum jv_err jv_runner_call(struct jv_runner *runner, const struct jv_run_request *request,
                           struct jv_run_answer *out)
{
    struct jv_run_answer answer;
    if (!wait_for_answer(runner, &answer)) {
        return JV_E_SYSTEM;
    }
    enum jv_err err = jv_runner_send(runner, request);
    if (err == JV_E_OK) {
        err = wait_for_answer(runner, &answer) ? JV_E_OK : JV_E_SYSTEM;
    }
    if (err == JV_E_OK) {
        *out = answer;
    }
    return err;
}

void jv_runner_close(struct jv_runner *runner)
{
    if (runner != NULL) {
        if (runner->fd >= 0) {
            (void)close(runner->fd); /* the process ends at the end of its input */
        }
        free(runner);
    }
}
