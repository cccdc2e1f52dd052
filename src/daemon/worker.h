/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_WORKER_H
#define JV_DAEMON_WORKER_H
/*
 * worker -- a thread that runs a loop of its own, and how another thread gets at what the loop works on.
 *
 * A wake-up of the loop holds a mutex, which nobody else wants but for a moment now and then: one lock that is free for each wake-up.
 * Who wants it says so first and goes next, however busy the loop is.
 *
 * Owns     the thread, its mutexes, an eventfd by which the loop is woken. The loop stays the caller's.
 * Threads  jv_worker_begin() and jv_worker_finish(): the loop's, as its first and last hook. Everything else: one other thread.
 */
#include <stdbool.h>

#include "base.h"
#include "errors.h"

struct jv_loop;
struct jv_worker;

/* The loop ended by itself; called in the thread, once. `error` is an errno. */
typedef void jv_worker_fn(void *arg, int error);

/* JV_E_NOMEM, JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_worker_open(struct jv_loop *loop, jv_worker_fn *failed, void *arg,
                                       struct jv_worker **out);
/* The loop runs from jv_worker_release() on. Signals are blocked in the thread. `is_realtime` as in jv_sys_set_realtime(). JV_E_SYSTEM, JV_E_PERM, JV_E_CRYPTO: there is none. */
JV_MUST_USE enum jv_err jv_worker_start(struct jv_worker *worker, bool is_realtime);
/* The thread that was started runs the loop. One that was not started, or runs it already, is left as it is. NULL is ignored. */
void jv_worker_release(struct jv_worker *worker);
/* The loop returns after its present wake-up, or does not run at all; then the thread is gone. One that was not started is left as it is. NULL is ignored. */
void jv_worker_stop(struct jv_worker *worker);
/* After jv_worker_stop(). NULL is ignored. */
void jv_worker_close(struct jv_worker *worker);

/* A wake-up of the loop, soon; from any thread. */
void jv_worker_kick(const struct jv_worker *worker);

void jv_worker_begin(struct jv_worker *worker);
void jv_worker_finish(struct jv_worker *worker);

/* The loop is between two wake-ups from here on. */
void jv_worker_enter(struct jv_worker *worker);
/* `is_changed`: what the loop must look at, its deadline for one. */
void jv_worker_leave(struct jv_worker *worker, bool is_changed);
#endif /* JV_DAEMON_WORKER_H */
