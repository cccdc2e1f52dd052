/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "log.h"
#include "loop.h"
#include "server.h"
#include "sys.h"

struct jv_hooks {
    struct jv_server *server;
    struct jv_runner *runner;
    bool has[JV_RUN_END];    /* by kind: the profile names a program */
    bool is_due[JV_RUN_END]; /* POST_UP and PRE_DOWN: before everything that waits */
    bool was_up, is_dead;
    struct jv_run_request queue[JV_HOOKS_QUEUE]; /* transitions, a ring */
    uint32_t first, len;
    void (*done)(void *arg);
    void *done_arg;
    struct jv_hooks_counts counts;
    struct jv_instant quiet_until; /* of the log */
    uint64_t unsaid;
};

bool jv_hooks_are_set(const struct jv_config *config)
{
    const struct jv_config_hooks *hooks = &config->hooks;
    return hooks->post_up[0] != '\0' || hooks->pre_down[0] != '\0' || hooks->post_down[0] != '\0' ||
           hooks->on_transition[0] != '\0';
}

static void on_event(void *arg, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    jv_hooks_on_answer(arg);
}

enum jv_err jv_hooks_open(struct jv_server *server, struct jv_runner *runner,
                          const struct jv_config *config, struct jv_hooks **out)
{
    struct jv_hooks *hooks = calloc(1, sizeof(*hooks));
    if (hooks == NULL) {
        return JV_E_NOMEM;
    }
    hooks->server = server;
    hooks->runner = runner;
    hooks->has[JV_RUN_POST_UP] = config->hooks.post_up[0] != '\0';
    hooks->has[JV_RUN_PRE_DOWN] = config->hooks.pre_down[0] != '\0';
    hooks->has[JV_RUN_POST_DOWN] = config->hooks.post_down[0] != '\0';
    hooks->has[JV_RUN_TRANSITION] = config->hooks.on_transition[0] != '\0';
    enum jv_err err = server == NULL ? JV_E_OK
                                     : jv_loop_add(jv_server_loop(server), jv_runner_fd(runner),
                                                   EPOLLIN, on_event, hooks);
    if (err != JV_E_OK) {
        free(hooks);
        return err;
    }
    *out = hooks;
    return JV_E_OK;
}

void jv_hooks_close(struct jv_hooks *hooks)
{
    if (hooks == NULL) {
        return;
    }
    if (hooks->server != NULL && !hooks->is_dead) {
        jv_loop_remove(jv_server_loop(hooks->server), jv_runner_fd(hooks->runner));
    }
    free(hooks);
}

static void tell(struct jv_hooks *hooks, const struct jv_run_answer *answer)
{
    char text[2U * JV_RUNNER_TEXT_BYTES];
    struct jv_instant now = jv_sys_now();
    if (!jv_is_due(hooks->quiet_until, now)) {
        hooks->unsaid++;
        return;
    }
    jv_run_describe(answer, text);
    if (hooks->unsaid > 0) {
        jv_log(JV_LOG_WARNING, "%s %s; %llu other failures of hooks before it",
               jv_run_name((enum jv_run_kind)answer->kind), text,
               (unsigned long long)hooks->unsaid);
    } else {
        jv_log(JV_LOG_WARNING, "%s %s", jv_run_name((enum jv_run_kind)answer->kind), text);
    }
    hooks->unsaid = 0;
    hooks->quiet_until = jv_add_ms(now, JV_HOOKS_LOG_MS);
}

static void judge(struct jv_hooks *hooks, const struct jv_run_answer *answer)
{
    switch ((enum jv_run_how)answer->how) {
    case JV_RUN_OK:
        hooks->counts.ok++;
        return;
    case JV_RUN_TIMEOUT:
        hooks->counts.timed_out++;
        break;
    case JV_RUN_FAILED:
    case JV_RUN_CANNOT:
    case JV_RUN_HOW_END:
        hooks->counts.failed++;
        break;
    }
    tell(hooks, answer);
}

static void finish_down(struct jv_hooks *hooks)
{
    void (*done)(void *arg) = hooks->done;
    hooks->done = NULL;
    if (done != NULL) {
        done(hooks->done_arg);
    }
}

/* Without its process no hook is run any more; whoever waits for one must not. */
static void die(struct jv_hooks *hooks, int fd)
{
    if (!hooks->is_dead) {
        hooks->is_dead = true;
        if (hooks->server != NULL) {
            jv_loop_remove(jv_server_loop(hooks->server), fd);
        }
        jv_log(JV_LOG_ERROR, "the process that runs hooks is gone: no hook runs until a restart");
    }
    hooks->counts.dropped += hooks->len;
    hooks->len = 0;
    finish_down(hooks);
}

/* What is next, or false. */
static bool next(struct jv_hooks *hooks, struct jv_run_request *out)
{
    for (uint32_t kind = 0; kind < JV_RUN_END; kind++) {
        if (hooks->is_due[kind]) {
            hooks->is_due[kind] = false;
            *out = (struct jv_run_request){.kind = (uint8_t)kind};
            return true;
        }
    }
    if (hooks->len == 0) {
        return false;
    }
    *out = hooks->queue[hooks->first];
    hooks->first = (hooks->first + 1U) % JV_HOOKS_QUEUE;
    hooks->len--;
    return true;
}

static void advance(struct jv_hooks *hooks)
{
    struct jv_run_request request;
    int fd = jv_runner_fd(hooks->runner);
    if (!hooks->is_dead && !jv_runner_is_busy(hooks->runner) && next(hooks, &request) &&
        jv_runner_send(hooks->runner, &request) != JV_E_OK) {
        die(hooks, fd);
    }
}

void jv_hooks_on_answer(struct jv_hooks *hooks)
{
    struct jv_run_answer answer;
    int fd = jv_runner_fd(hooks->runner);
    enum jv_err err = jv_runner_take(hooks->runner, &answer);
    if (err == JV_E_AGAIN) {
        return;
    }
    if (err != JV_E_OK) {
        die(hooks, fd);
        return;
    }
    judge(hooks, &answer);
    advance(hooks);
    if (answer.kind == JV_RUN_PRE_DOWN) {
        finish_down(hooks);
    }
}

void jv_hooks_up(struct jv_hooks *hooks)
{
    if (hooks == NULL || hooks->was_up) {
        return;
    }
    hooks->was_up = true;
    hooks->is_due[JV_RUN_POST_UP] = hooks->has[JV_RUN_POST_UP];
    advance(hooks);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-_.@/", c) != NULL;
}

static void push(struct jv_hooks *hooks, const struct jv_record *rec)
{
    if (hooks->is_dead || hooks->len == JV_HOOKS_QUEUE) {
        hooks->counts.dropped++;
        return;
    }
    struct jv_run_request *request = &hooks->queue[(hooks->first + hooks->len) % JV_HOOKS_QUEUE];
    hooks->len++;
    *request = (struct jv_run_request){.kind = JV_RUN_TRANSITION,
                                       .from = rec->from,
                                       .to = rec->to,
                                       .reason = rec->reason,
                                       .sid = rec->sid};
    /* A device may be named by characters that a path of ours has not. */
    for (uint32_t i = 0; i + 1U < sizeof(request->path) && rec->path[i] != '\0'; i++) {
        request->path[i] = '_';
        if (is_plain(rec->path[i])) {
            request->path[i] = rec->path[i];
        }
    }
}

void jv_hooks_records(struct jv_hooks *hooks, const struct jv_record *records, uint32_t n)
{
    for (uint32_t i = 0; hooks != NULL && hooks->has[JV_RUN_TRANSITION] && i < n; i++) {
        if (records[i].row != JV_ROW_NONE) {
            push(hooks, &records[i]);
            advance(hooks);
        }
    }
}

bool jv_hooks_down(struct jv_hooks *hooks, void (*done)(void *arg), void *arg)
{
    if (hooks == NULL || hooks->is_dead || !hooks->was_up || !hooks->has[JV_RUN_PRE_DOWN]) {
        return false;
    }
    hooks->done = done;
    hooks->done_arg = arg;
    hooks->is_due[JV_RUN_PRE_DOWN] = true;
    advance(hooks);
    return true;
}

/* False: the process has gone. */
static bool call(struct jv_hooks *hooks, const struct jv_run_request *request)
{
    struct jv_run_answer answer;
    if (jv_runner_call(hooks->runner, request, &answer) != JV_E_OK) {
        return false;
    }
    judge(hooks, &answer);
    return true;
}

void jv_hooks_drain(struct jv_hooks *hooks)
{
    struct jv_run_request request;
    struct jv_instant due = jv_add_ms(jv_sys_now(), JV_HOOKS_END_MS);
    bool is_alive = hooks != NULL && !hooks->is_dead;
    while (is_alive && !jv_is_due(due, jv_sys_now()) && next(hooks, &request)) {
        is_alive = call(hooks, &request);
    }
}

void jv_hooks_after_down(struct jv_hooks *hooks)
{
    const struct jv_run_request request = {.kind = JV_RUN_POST_DOWN};
    if (hooks != NULL && !hooks->is_dead && hooks->was_up && hooks->has[JV_RUN_POST_DOWN] &&
        !call(hooks, &request)) {
        jv_log(JV_LOG_WARNING, "PostDown was not run: the process that runs hooks is gone");
    }
}

struct jv_hooks_counts jv_hooks_counts(const struct jv_hooks *hooks)
{
    return hooks == NULL ? (struct jv_hooks_counts){0} : hooks->counts;
}
