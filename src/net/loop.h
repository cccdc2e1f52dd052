/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_LOOP_H
#define JV_NET_LOOP_H
/*
 * loop -- one epoll set, one deadline, one signalfd.
 *
 * Order of one wake-up: the `before` hook, always; the clock is read once; the `woke` hook where the machine was suspended meanwhile; every ready descriptor's callback; signals; the deadline hook where the
 * deadline is due; the `after` hook, always, once. Datagrams are thus handled before the deadlines that they may cancel,
 * and what the callbacks queued is flushed together.
 *
 * Owns     the epoll, timer and signal descriptors; never the descriptors that callers add.
 * Takes    descriptors with a callback each.
 * Gives    callbacks. A callback may add, change and remove any descriptor, its own included: events that wait for a
 *          removed one are not delivered.
 * Limits   `fds_max` descriptors; JV_LOOP_EVENTS_MAX events a wake-up, the rest are ready again at the next.
 * Threads  one, that which runs it; signals are blocked in that thread, so open it before starting others.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"
#include "instant.h"

#define JV_LOOP_EVENTS_MAX 64U
/* A suspend takes longer than this; less is the distance between two readings of two clocks. */
#define JV_LOOP_SLEPT_MS 100U

struct jv_loop;

/* `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP as epoll gave them (level-triggered). */
typedef void jv_loop_fn(void *arg, int fd, uint32_t events);

struct jv_loop_hooks {
    void (*before)(void *arg); /* once per wake-up, first: the sleep is over */
    void (*deadline)(
        void *arg, struct jv_instant now); /* the deadline is due; it is JV_NEVER until set again */
    void (*signal)(void *arg, int signo);
    void (*woke)(void *arg,
                 uint64_t slept_ms); /* the machine was suspended; before everything else */
    void (*after)(void *arg, struct jv_instant now); /* once per wake-up, last */
    void *arg;
};

/* Any hook may be NULL. JV_E_NOMEM, JV_E_SYSTEM (errno tells). */
JV_MUST_USE enum jv_err jv_loop_open(const struct jv_loop_hooks *hooks, uint32_t fds_max,
                                     struct jv_loop **out);
/* NULL is ignored. Unblocks no signal. */
void jv_loop_close(struct jv_loop *loop);

/* JV_E_EXISTS: `fd` is in. JV_E_FULL: `fds_max` are in. JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_loop_add(struct jv_loop *loop, int fd, uint32_t events, jv_loop_fn *fn,
                                    void *arg);
/* Changes what is waited for. JV_E_NOTFOUND, JV_E_SYSTEM. */
JV_MUST_USE enum jv_err jv_loop_change(struct jv_loop *loop, int fd, uint32_t events);
/* Call before closing `fd`. A descriptor that is not in is ignored. */
void jv_loop_remove(struct jv_loop *loop, int fd);

/* Blocks these signals and delivers them to the hook. Called once. */
JV_MUST_USE enum jv_err jv_loop_catch_signals(struct jv_loop *loop, const int *signals, size_t len);

/* Replaces the one deadline; JV_NEVER: none. Cheap when unchanged; the timer is armed before the loop sleeps. */
void jv_loop_set_deadline(struct jv_loop *loop, struct jv_instant deadline);
/* The reading of the clock at the start of this wake-up (at open, before the first). */
struct jv_instant jv_loop_now(const struct jv_loop *loop);

/* Runs until jv_loop_stop(). JV_E_SYSTEM: epoll failed, errno tells. */
JV_MUST_USE enum jv_err jv_loop_run(struct jv_loop *loop);
/* One wake-up, waiting at most `timeout_ms` (-1: without limit). The hooks run even where nothing was ready. */
JV_MUST_USE enum jv_err jv_loop_turn(struct jv_loop *loop, int timeout_ms);
/* The current wake-up is finished, `after` included; then jv_loop_run() returns. */
void jv_loop_stop(struct jv_loop *loop);
#endif /* JV_NET_LOOP_H */
