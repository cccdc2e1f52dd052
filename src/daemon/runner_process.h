/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_RUNNER_PROCESS_H
#define JV_DAEMON_RUNNER_PROCESS_H
/*
 * runner_process -- the other side of runner.h: the process, and how it runs one program.
 */
#include "runner.h"

#define JV_JOB_ARGS_MAX (JV_DNS_MAX + 6U)
#define JV_JOB_ENV_MAX 16U
#define JV_JOB_INPUT_BYTES 512U

/* One program. */
struct jv_job {
    const char *path;
    const char *argv[JV_JOB_ARGS_MAX + 1U];
    const char *env[JV_JOB_ENV_MAX + 1U];
    const char *input; /* at most JV_JOB_INPUT_BYTES; NULL: none */
    uint32_t limit_ms;
    bool ends_group; /* what it left running in its process group is killed with its end */
};

/* Runs it to its end or its limit; fills how, status and text. */
void jv_job_run(const struct jv_job *job, struct jv_run_answer *answer);
/* What is outside the daemon's own choice: what the process was started for. */
struct jv_runner_task {
    char name[JV_CONF_USER_BYTES];
    char interface[JV_CONF_NAME_BYTES];
    struct jv_config_hooks hooks;
    const char *tools;
    uint8_t tool; /* enum jv_run_tool that has our name servers */
};
void jv_runner_do(struct jv_runner_task *task, const struct jv_run_request *request,
                  struct jv_run_answer *answer);
#endif /* JV_DAEMON_RUNNER_PROCESS_H */
