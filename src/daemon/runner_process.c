/* SPDX-License-Identifier: Apache-2.0 */
#include "runner_process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the runner's process makes of a request: the program, its arguments, its environment. */

#define COMMAND_BYTES (2U * JV_CONF_HOOK_BYTES)
#define ENV_BYTES 160U
#define PATH_ENV "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct environment {
    char text[JV_JOB_ENV_MAX][ENV_BYTES];
    uint32_t len;
};

static void put(struct environment *env, const char *name, const char *value)
{
    if (env->len < JV_JOB_ENV_MAX) {
        (void)snprintf(env->text[env->len++], ENV_BYTES, "%s=%s", name, value);
    }
}

static void put_common(const struct jv_runner_task *task, struct environment *env)
{
    (void)snprintf(env->text[env->len++], ENV_BYTES, "%s", PATH_ENV);
    put(env, "HOME", "/");
    put(env, "JV_NAME", task->name);
    put(env, "JV_INTERFACE", task->interface);
}

static void give(const struct environment *env, struct jv_job *job)
{
    for (uint32_t i = 0; i < env->len; i++) {
        job->env[i] = env->text[i];
    }
}

/* As wg-quick: each %i is the interface. False: it has become too long. */
static bool expand(const char *line, const char *interface, char out[COMMAND_BYTES])
{
    size_t used = 0;
    while (*line != '\0') {
        bool is_mark = line[0] == '%' && line[1] == 'i';
        const char *from = is_mark ? interface : line;
        size_t len = is_mark ? strlen(interface) : 1U;
        if (used + len >= COMMAND_BYTES) {
            return false;
        }
        memcpy(out + used, from, len);
        used += len;
        line += is_mark ? 2 : 1;
    }
    out[used] = '\0';
    return true;
}

static void run_command(const struct jv_runner_task *task, enum jv_run_kind kind, const char *line,
                        struct jv_run_answer *answer)
{
    char command[COMMAND_BYTES];
    struct environment env = {.len = 0};
    /* What PostUp leaves running is meant to stay, as with wg-quick. */
    struct jv_job job = {
        .path = "/bin/sh", .limit_ms = JV_RUNNER_LIMIT_MS, .ends_group = kind != JV_RUN_POST_UP};
    if (line[0] == '\0') {
        return; /* nothing to do is done */
    }
    if (!expand(line, task->interface, command)) {
        answer->how = JV_RUN_CANNOT;
        (void)snprintf(answer->text, sizeof(answer->text), "too long with the interface's name");
        return;
    }
    job.argv[0] = "sh";
    job.argv[1] = "-c";
    job.argv[2] = command;
    put_common(task, &env);
    give(&env, &job);
    jv_job_run(&job, answer);
}

/* Whoever may write the program is whoever runs it. */
static bool is_safe(const char *path, struct jv_run_answer *answer)
{
    struct stat st;
    const char *why = NULL;
    if (stat(path, &st) != 0) {
        why = strerror(errno);
    } else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
        why = "no program";
    } else if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0) {
        why = "others may write it";
    }
    if (why != NULL) {
        answer->how = JV_RUN_CANNOT;
        (void)snprintf(answer->text, sizeof(answer->text), "%.60s: %s", path, why);
    }
    return why == NULL;
}

static void run_transition(const struct jv_runner_task *task, const struct jv_run_request *request,
                           struct jv_run_answer *answer)
{
    struct environment env = {.len = 0};
    char sid[2U * JV_SID_BYTES + 1U];
    struct jv_job job = {.path = task->hooks.on_transition,
                         .argv = {task->hooks.on_transition},
                         .limit_ms = JV_RUNNER_LIMIT_MS,
                         .ends_group = true};
    if (job.path[0] == '\0' || !is_safe(job.path, answer)) {
        return;
    }
    for (uint32_t i = 0; i < JV_SID_BYTES; i++) {
        (void)snprintf(&sid[2U * i], 3, "%02x", request->sid.b[i]);
    }
    put_common(task, &env);
    put(&env, "JV_FROM", jv_state_name((enum jv_state)request->from));
    put(&env, "JV_TO", jv_state_name((enum jv_state)request->to));
    put(&env, "JV_REASON", jv_why_name((enum jv_why)request->reason));
    put(&env, "JV_SID", sid);
    put(&env, "JV_PATH", request->path);
    give(&env, &job);
    jv_job_run(&job, answer);
}

/* ---- name servers ---- */

/* Where `program` stands in the folders of root, or in the tests' one. */
static bool find_tool(const struct jv_runner_task *task, const char *program, char out[ENV_BYTES])
{
    static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                          "/usr/bin",        "/sbin",          "/bin"};
    size_t len = task->tools != NULL ? 1U : JV_ARRAY_LEN(folders);
    for (size_t i = 0; i < len; i++) {
        const char *folder = task->tools != NULL ? task->tools : folders[i];
        (void)snprintf(out, ENV_BYTES, "%s/%s", folder, program);
        if (access(out, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool run_tool(const struct jv_runner_task *task, const struct jv_job *tool,
                     struct jv_run_answer *answer)
{
    struct environment env = {.len = 0};
    struct jv_job job = *tool; /* the environment ends with this call */
    put_common(task, &env);
    give(&env, &job);
    job.limit_ms = JV_RUNNER_LIMIT_MS;
    jv_job_run(&job, answer);
    return answer->how == JV_RUN_OK;
}

static bool resolvectl(const struct jv_runner_task *task, const char *path, const char *verb,
                       const char *value, struct jv_run_answer *answer)
{
    struct jv_job job = {.path = path, .argv = {"resolvectl", verb, task->interface, value}};
    return run_tool(task, &job, answer);
}

/* Per-link servers; "~." sends every name to this link alone. Without it they are asked beside those of the other links. */
static bool set_by_resolved(const struct jv_runner_task *task, const struct jv_run_request *request,
                            struct jv_run_answer *answer)
{
    char path[ENV_BYTES];
    char text[JV_DNS_MAX][JV_ADDR_TEXT_BYTES];
    struct jv_job job = {.path = path, .argv = {"resolvectl", "dns", task->interface}};
    /* Its folder is made at its start and goes with it: without it the command would only wait for the bus. */
    if (!find_tool(task, "resolvectl", path) ||
        (task->tools == NULL && access("/run/systemd/resolve", F_OK) != 0)) {
        return false;
    }
    for (uint32_t i = 0; i < request->dns_len; i++) {
        (void)jv_ip_format(&request->dns[i], text[i], sizeof(text[i]));
        job.argv[3U + i] = text[i];
    }
    return run_tool(task, &job, answer) &&
           resolvectl(task, path, "domain", request->is_default ? "~." : "", answer) &&
           resolvectl(task, path, "default-route", "yes", answer);
}

static bool set_by_resolvconf(const struct jv_runner_task *task,
                              const struct jv_run_request *request, struct jv_run_answer *answer)
{
    char path[ENV_BYTES];
    char input[JV_JOB_INPUT_BYTES] = "";
    /* -x: instead of all others. Resolvers of the C library ask the second server only where the first is silent, so beside others
     * they would be asked never or always; wg-quick does the same. */
    struct jv_job job = {.path = path,
                         .argv = {"resolvconf", "-a", task->interface, "-m", "0", "-x"},
                         .input = input};
    size_t used = 0;
    if (!find_tool(task, "resolvconf", path)) {
        return false;
    }
    for (uint32_t i = 0; i < request->dns_len; i++) {
        char text[JV_ADDR_TEXT_BYTES];
        (void)jv_ip_format(&request->dns[i], text, sizeof(text));
        used += (size_t)snprintf(input + used, sizeof(input) - used, "nameserver %s\n", text);
    }
    if (!run_tool(task, &job, answer)) {
        return false;
    }
    /* What it knows already it does not write again, though somebody else may have written meanwhile. */
    struct jv_job update = {.path = path, .argv = {"resolvconf", "-u"}};
    return task->tool != JV_RUN_RESOLVCONF || run_tool(task, &update, answer);
}

static void set_dns(struct jv_runner_task *task, const struct jv_run_request *request,
                    struct jv_run_answer *answer)
{
    answer->how = JV_RUN_CANNOT; /* as long as none of the two was there to be run */
    if (set_by_resolved(task, request, answer)) {
        task->tool = JV_RUN_RESOLVED;
    } else if (set_by_resolvconf(task, request, answer)) {
        task->tool = JV_RUN_RESOLVCONF;
    }
    answer->tool = answer->how == JV_RUN_OK ? task->tool : (uint8_t)JV_RUN_NO_TOOL;
}

/* Without a set-up of this run there may be one of a run that was killed: only resolvconf keeps it beyond the device. */
static void unset_dns(struct jv_runner_task *task, struct jv_run_answer *answer)
{
    char path[ENV_BYTES];
    if (task->tool == JV_RUN_RESOLVED && find_tool(task, "resolvectl", path)) {
        (void)resolvectl(task, path, "revert", NULL, answer); /* told in the answer */
    } else if (find_tool(task, "resolvconf", path)) {
        struct jv_job job = {.path = path, .argv = {"resolvconf", "-f", "-d", task->interface}};
        (void)run_tool(task, &job, answer); /* told in the answer */
    }
    task->tool = JV_RUN_NO_TOOL;
}

void jv_runner_do(struct jv_runner_task *task, const struct jv_run_request *request,
                  struct jv_run_answer *answer)
{
    enum jv_run_kind kind = (enum jv_run_kind)request->kind;
    *answer = (struct jv_run_answer){.kind = request->kind};
    switch (kind) {
    case JV_RUN_POST_UP:
        run_command(task, kind, task->hooks.post_up, answer);
        break;
    case JV_RUN_PRE_DOWN:
        run_command(task, kind, task->hooks.pre_down, answer);
        break;
    case JV_RUN_POST_DOWN:
        run_command(task, kind, task->hooks.post_down, answer);
        break;
    case JV_RUN_TRANSITION:
        run_transition(task, request, answer);
        break;
    case JV_RUN_DNS_SET:
        set_dns(task, request, answer);
        break;
    case JV_RUN_DNS_UNSET:
        unset_dns(task, answer);
        break;
    case JV_RUN_END:
        break;
    }
}
