/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_RUNNER_H
#define JV_DAEMON_RUNNER_H
/*
 * runner -- a process that keeps the right to start programs after the daemon has given it up (docs/decisions/0010).
 *
 * It is forked before the privileges go, runs as whoever started jvd, and does one thing at a time: a hook of the profile, or the
 * set-up of name servers for the profile's device. What is run is decided by the profile as it was at the start; a request is one
 * message of fixed form that names the kind, and carries states, reason, session, path and addresses as numbers, which the process
 * checks and spells itself. A message of another form ends it. Name servers are set up without a shell.
 *
 * Each program has a process group of its own, a clean environment, nothing of the daemon's open, and JV_RUNNER_LIMIT_MS; then the
 * group is killed. What it prints is read and dropped but for the first line, which an answer about a failure carries.
 *
 * Owns     the process and one end of a socket pair.
 * Limits   one request at a time: a second one before the answer is refused with JV_E_AGAIN.
 * Threads  the loop's; jv_runner_start() while there is only one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"

#define JV_RUNNER_LIMIT_MS 5000U  /* of one program */
#define JV_RUNNER_PROGRAMS_MAX 4U /* of one request */
#define JV_RUNNER_TEXT_BYTES 96U

enum jv_run_kind {
    JV_RUN_POST_UP,
    JV_RUN_PRE_DOWN,
    JV_RUN_POST_DOWN,
    JV_RUN_TRANSITION,
    JV_RUN_DNS_SET,
    JV_RUN_DNS_UNSET,
    JV_RUN_END
};
enum jv_run_how {
    JV_RUN_OK,
    JV_RUN_FAILED,  /* `status` is the exit status, or 128 and the signal */
    JV_RUN_TIMEOUT, /* killed */
    JV_RUN_CANNOT,  /* nothing was run: no such program, or one that others may write */
    JV_RUN_HOW_END
};
enum jv_run_tool { JV_RUN_NO_TOOL, JV_RUN_RESOLVED, JV_RUN_RESOLVCONF, JV_RUN_TOOLS };

struct jv_run_request {
    uint8_t kind; /* enum jv_run_kind */
    /* TRANSITION */
    uint8_t from, to; /* enum jv_state */
    uint16_t reason;  /* enum jv_why */
    struct jv_sid sid;
    char path[JV_NAME_BYTES]; /* letters, digits and "-_.@/"; empty: none */
    /* DNS_SET */
    uint8_t
        is_default; /* 0 or 1: every name is asked there, not only those of a domain of its own */
    uint32_t dns_len;
    struct jv_ip dns[JV_DNS_MAX];
};

struct jv_run_answer {
    uint8_t kind, how, tool; /* tool: which one the name servers were given to */
    int32_t status;
    char text[JV_RUNNER_TEXT_BYTES]; /* printable; may be empty */
};

struct jv_runner_cfg {
    const char *process; /* its name for ps */
    struct jv_config *
        config; /* stays the caller's; the process frees the copy that the fork made, with its keys */
    const char
        *tools; /* NULL; in tests: the only folder that resolvectl and resolvconf are taken from */
};

struct jv_runner;

/* JV_E_SYSTEM: the process could not be made; logged. */
JV_MUST_USE enum jv_err jv_runner_start(const struct jv_runner_cfg *cfg, struct jv_runner **out);
/* Wait for EPOLLIN. */
int jv_runner_fd(const struct jv_runner *runner);
bool jv_runner_is_busy(const struct jv_runner *runner);
/* JV_E_AGAIN: an answer is outstanding. JV_E_SYSTEM: the process has gone. */
JV_MUST_USE enum jv_err jv_runner_send(struct jv_runner *runner,
                                       const struct jv_run_request *request);
/* JV_E_AGAIN: no answer yet. JV_E_SYSTEM: the process has gone, and will give none. */
JV_MUST_USE enum jv_err jv_runner_take(struct jv_runner *runner, struct jv_run_answer *out);
/* Send, after what is outstanding, and wait for the answer: at the end of the daemon, when there is no loop. */
JV_MUST_USE enum jv_err jv_runner_call(struct jv_runner *runner,
                                       const struct jv_run_request *request,
                                       struct jv_run_answer *out);
/* The process ends by itself, after what it is running. NULL is ignored. */
void jv_runner_close(struct jv_runner *runner);

/* The key in the profile, or what is done: "OnTransition", "name servers". */
const char *jv_run_name(enum jv_run_kind kind);
const char *jv_run_tool_name(enum jv_run_tool tool);
/* "failed with status 3: TEXT". */
void jv_run_describe(const struct jv_run_answer *answer, char out[2U * JV_RUNNER_TEXT_BYTES]);
/* The form of a request that the process accepts. Pure. */
bool jv_run_is_valid(const struct jv_run_request *request);
#endif /* JV_DAEMON_RUNNER_H */
