/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a request to the process that may start programs (decision 0010): its other end may have been taken over. What is not
 * refused leads to a program of the profile or to one of the two tools, with arguments and an environment that the input only fills
 * with names out of tables, hex digits, addresses and letters of a path. Nothing is run: the linker puts this file's jv_job_run() in
 * the place of the real one (--wrap).
 *
 * First byte: which tools there are. The rest is the request, then an answer.
 */
#include <string.h>
#include <unistd.h>

#include "runner_process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __wrap_jv_job_run(const struct jv_job *job, struct jv_run_answer *answer);
int __wrap_access(const char *path, int mode);

static struct jv_runner_task task;
static uint8_t tools;

int __wrap_access(const char *path, int mode)
{
    (void)mode;
    return strstr(path, "resolvectl") != NULL ? (tools & 1) - 1 : (tools >> 1 & 1) - 1;
}

static void is_plain(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        JV_ASSERT(*at > ' ' && *at <= '~' && strchr("'\"`$;&|<>()*?\\", *at) == NULL);
    }
}

void __wrap_jv_job_run(const struct jv_job *job, struct jv_run_answer *answer)
{
    bool is_tool =
        strcmp(job->path, "/tools/resolvectl") == 0 || strcmp(job->path, "/tools/resolvconf") == 0;
    bool is_hook = strcmp(job->path, "/bin/sh") == 0 || job->path == task.hooks.on_transition;
    JV_ASSERT(is_tool != is_hook && job->limit_ms == JV_RUNNER_LIMIT_MS);
    uint32_t args = 0;
    uint32_t vars = 0;
    for (; job->argv[args] != NULL; args++) {
        JV_ASSERT(args < JV_JOB_ARGS_MAX);
        if (is_tool) {
            is_plain(job->argv[args]);
        }
    }
    for (; job->env[vars] != NULL; vars++) {
        JV_ASSERT(vars < JV_JOB_ENV_MAX && strchr(job->env[vars], '=') != NULL);
        is_plain(job->env[vars]);
    }
    if (job->input != NULL) {
        JV_ASSERT(strlen(job->input) < JV_JOB_INPUT_BYTES);
        JV_ASSERT(strncmp(job->input, "nameserver ", 11) == 0);
    }
    JV_ASSERT(args > 0 && vars >= 4);
    answer->how = JV_RUN_OK;
}

static void take_request(const uint8_t *data, size_t size)
{
    struct jv_run_request request;
    struct jv_run_answer answer;
    memset(&request, 0, sizeof request);
    memcpy(&request, data, JV_MIN(size, sizeof request));
    if (jv_run_is_valid(&request)) {
        jv_runner_do(&task, &request, &answer);
        JV_ASSERT(answer.how < JV_RUN_HOW_END && answer.tool < JV_RUN_TOOLS);
        JV_ASSERT(jv_run_name((enum jv_run_kind)request.kind)[0] != '\0');
    }
}

/* What the daemon makes of an answer. */
static void take_answer(const uint8_t *data, size_t size)
{
    struct jv_run_answer answer;
    char text[2U * JV_RUNNER_TEXT_BYTES];
    memset(&answer, 0, sizeof answer);
    memcpy(&answer, data, JV_MIN(size, sizeof answer));
    answer.text[sizeof answer.text - 1] =
        '\0'; /* what jv_runner_take() refuses, and what it makes sure of */
    if (answer.how >= JV_RUN_HOW_END || answer.tool >= JV_RUN_TOOLS) {
        return;
    }
    jv_run_describe(&answer, text);
    JV_ASSERT(memchr(text, '\0', sizeof text) != NULL && text[0] != '\0');
    JV_ASSERT(jv_run_tool_name((enum jv_run_tool)answer.tool) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    task = (struct jv_runner_task){.name = "home",
                                   .interface = "jv0",
                                   .hooks = {.post_up = "echo %i",
                                             .pre_down = "echo %i",
                                             .post_down = "echo %i",
                                             .on_transition = "/bin/true"},
                                   .tools = "/tools"};
    tools = data[0];
    task.tool = (uint8_t)(data[0] >> 2 & 3) % JV_RUN_TOOLS;
    take_request(data + 1, size - 1);
    take_answer(data + 1, size - 1);
    return 0;
}
