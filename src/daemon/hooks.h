/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_HOOKS_H
#define JV_DAEMON_HOOKS_H
/*
 * hooks -- the programs of [Hooks]: when each is due, and the queue before the process that runs them (runner.h).
 *
 * Nothing here waits: a request is handed over when the process is idle, and its answer is an event of the loop. One hook runs at a
 * time. PostUp and PreDown go before transitions that wait; a transition that finds the queue full is dropped and counted.
 *
 * Owns     the queue. The runner is the caller's.
 * Limits   JV_HOOKS_QUEUE transitions that wait; a failure is logged at most once in JV_HOOKS_LOG_MS, the others are counted.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"
#include "runner.h"

#define JV_HOOKS_QUEUE 32U
#define JV_HOOKS_LOG_MS 10000U
#define JV_HOOKS_END_MS 5000U /* at the end of the daemon, for transitions that wait */

struct jv_server;
struct jv_hooks;

struct jv_hooks_counts {
    uint64_t ok, failed, timed_out, dropped;
};

/* Whether this profile has any. */
bool jv_hooks_are_set(const struct jv_config *config);
/* NULL server: without a loop; the caller takes answers by jv_hooks_on_answer(). For tests. */
JV_MUST_USE enum jv_err jv_hooks_open(struct jv_server *server, struct jv_runner *runner,
                                      const struct jv_config *config, struct jv_hooks **out);
/* NULL is ignored. */
void jv_hooks_close(struct jv_hooks *hooks);
/* The device is set up: PostUp, the first time. */
void jv_hooks_up(struct jv_hooks *hooks);
/* Those of them that are transitions. */
void jv_hooks_records(struct jv_hooks *hooks, const struct jv_record *records, uint32_t n);
/*
 * The profile is taken down on purpose. True: PreDown is to be run, and `done` will be called once it has been, or cannot be. False:
 * there is nothing to wait for.
 */
bool jv_hooks_down(struct jv_hooks *hooks, void (*done)(void *arg), void *arg);
/* After the loop: what waits is run, for JV_HOOKS_END_MS at most and a program's limit. */
void jv_hooks_drain(struct jv_hooks *hooks);
/* After the loop, with the device gone. */
void jv_hooks_after_down(struct jv_hooks *hooks);
struct jv_hooks_counts jv_hooks_counts(const struct jv_hooks *hooks);
/* Something can be read from the runner. */
void jv_hooks_on_answer(struct jv_hooks *hooks);
#endif /* JV_DAEMON_HOOKS_H */
