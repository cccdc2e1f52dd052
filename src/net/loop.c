/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sys.h"

/* Cookies of our own two descriptors; a watch's cookie has its index in the upper half, which never reaches these. */
#define COOKIE_TIMER UINT64_MAX
#define COOKIE_SIGNAL (UINT64_MAX - 1U)

struct watch {
    jv_loop_fn *fn; /* NULL: free */
    void *arg;
    int fd;
    uint32_t gen; /* an event waiting for a former tenant of this place does not match */
};

struct jv_loop {
    struct jv_loop_hooks hooks;
    struct jv_instant now;
    struct jv_instant deadline;
    struct jv_instant armed; /* what the timer is set to */
    uint64_t suspended_ns;   /* since boot, as far as it was noticed */
    int epoll_fd;
    int timer_fd;
    int signal_fd;
    bool is_stopping;
    uint32_t watches_max;
    struct watch watches[];
};

static enum jv_err add_own(struct jv_loop *loop, int fd, uint64_t cookie)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = cookie};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? JV_E_OK : JV_E_SYSTEM;
}

enum jv_err jv_loop_open(const struct jv_loop_hooks *hooks, uint32_t fds_max, struct jv_loop **out)
{
    struct jv_loop *loop = calloc(1, sizeof(*loop) + fds_max * sizeof(loop->watches[0]));
    if (loop == NULL) {
        return JV_E_NOMEM;
    }
    loop->hooks = *hooks;
    loop->watches_max = fds_max;
    loop->now = jv_sys_now();
    loop->suspended_ns = jv_sys_suspended_ns();
    loop->deadline = JV_NEVER;
    loop->armed = JV_NEVER;
    loop->signal_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0 ||
        add_own(loop, loop->timer_fd, COOKIE_TIMER) != JV_E_OK) {
        int saved = errno;
        jv_loop_close(loop);
        errno = saved;
        return JV_E_SYSTEM;
    }
    *out = loop;
    return JV_E_OK;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        (void)close(fd); /* epoll, timer and signal descriptors have nothing left to write */
    }
}

void jv_loop_close(struct jv_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    close_fd(loop->signal_fd);
    close_fd(loop->timer_fd);
    close_fd(loop->epoll_fd);
    free(loop);
}

static struct watch *find(struct jv_loop *loop, int fd)
{
    for (uint32_t i = 0; i < loop->watches_max; i++) {
        if (loop->watches[i].fn != NULL && loop->watches[i].fd == fd) {
            return &loop->watches[i];
        }
    }
    return NULL;
}

static uint64_t cookie_of(const struct jv_loop *loop, const struct watch *watch)
{
    return (uint64_t)(watch - loop->watches) << 32 | watch->gen;
}

enum jv_err jv_loop_add(struct jv_loop *loop, int fd, uint32_t events, jv_loop_fn *fn, void *arg)
{
    JV_ASSERT(fn != NULL);
    if (find(loop, fd) != NULL) {
        return JV_E_EXISTS;
    }
    for (uint32_t i = 0; i < loop->watches_max; i++) {
        struct watch *watch = &loop->watches[i];
        if (watch->fn != NULL) {
            continue;
        }
        struct epoll_event event = {.events = events, .data.u64 = cookie_of(loop, watch)};
        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            return JV_E_SYSTEM;
        }
        watch->fn = fn;
        watch->arg = arg;
        watch->fd = fd;
        return JV_E_OK;
    }
    return JV_E_FULL;
}

enum jv_err jv_loop_change(struct jv_loop *loop, int fd, uint32_t events)
{
    const struct watch *watch = find(loop, fd);
    if (watch == NULL) {
        return JV_E_NOTFOUND;
    }
    struct epoll_event event = {.events = events, .data.u64 = cookie_of(loop, watch)};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0 ? JV_E_OK : JV_E_SYSTEM;
}

void jv_loop_remove(struct jv_loop *loop, int fd)
{
    struct watch *watch = find(loop, fd);
    if (watch == NULL) {
        return;
    }
    /* Fails where the caller has closed the descriptor already; then the kernel has removed it. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    watch->fn = NULL;
    watch->gen++;
}

enum jv_err jv_loop_catch_signals(struct jv_loop *loop, const int *signals, size_t len)
{
    JV_ASSERT(loop->signal_fd < 0);
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < len; i++) {
        sigaddset(&set, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return JV_E_SYSTEM;
    }
    loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return loop->signal_fd < 0 ? JV_E_SYSTEM : add_own(loop, loop->signal_fd, COOKIE_SIGNAL);
}

void jv_loop_set_deadline(struct jv_loop *loop, struct jv_instant deadline)
{
    loop->deadline = deadline;
}

struct jv_instant jv_loop_now(const struct jv_loop *loop)
{
    return loop->now;
}

static enum jv_err arm(struct jv_loop *loop)
{
    if (loop->deadline.ns == loop->armed.ns) {
        return JV_E_OK;
    }
    struct itimerspec spec = {0};
    if (!jv_is_never(loop->deadline)) {
        /* An all-zero time would disarm the timer; a moment that long ago is due at any rate. */
        uint64_t ns = JV_MAX(loop->deadline.ns, 1U);
        spec.it_value.tv_sec = (time_t)(ns / JV_NS_PER_S);
        spec.it_value.tv_nsec = (long)(ns % JV_NS_PER_S);
    }
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) != 0) {
        return JV_E_SYSTEM;
    }
    loop->armed = loop->deadline;
    return JV_E_OK;
}

static void notice_sleep(struct jv_loop *loop)
{
    uint64_t suspended_ns = jv_sys_suspended_ns();
    uint64_t slept_ms =
        suspended_ns > loop->suspended_ns ? (suspended_ns - loop->suspended_ns) / JV_NS_PER_MS : 0;
    if (slept_ms >= JV_LOOP_SLEPT_MS) {
        loop->suspended_ns = suspended_ns;
        if (loop->hooks.woke != NULL) {
            loop->hooks.woke(loop->hooks.arg, slept_ms);
        }
    }
}

static void take_timer(struct jv_loop *loop)
{
    uint64_t expired;
    /* Nothing to read means that the timer was set again meanwhile, and then it is armed. */
    if (read(loop->timer_fd, &expired, sizeof(expired)) == (ssize_t)sizeof(expired)) {
        loop->armed = JV_NEVER;
    }
}

static void take_signals(struct jv_loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (loop->hooks.signal != NULL) {
            loop->hooks.signal(loop->hooks.arg, (int)info.ssi_signo);
        }
    }
}

static void dispatch(struct jv_loop *loop, const struct epoll_event *event)
{
    uint64_t idx = event->data.u64 >> 32;
    if (idx >= loop->watches_max) {
        return; /* one of our own two, taken after all others */
    }
    const struct watch *watch = &loop->watches[idx];
    if (watch->fn != NULL && watch->gen == (uint32_t)event->data.u64) {
        watch->fn(watch->arg, watch->fd, event->events);
    }
}

enum jv_err jv_loop_turn(struct jv_loop *loop, int timeout_ms)
{
    struct epoll_event events[JV_LOOP_EVENTS_MAX];
    enum jv_err err = arm(loop);
    if (err != JV_E_OK) {
        return err;
    }
    int n = epoll_wait(loop->epoll_fd, events, (int)JV_ARRAY_LEN(events), timeout_ms);
    if (n < 0 && errno != EINTR) {
        return JV_E_SYSTEM;
    }
    if (loop->hooks.before != NULL) {
        loop->hooks.before(loop->hooks.arg);
    }
    loop->now = jv_sys_now();
    notice_sleep(loop);
    bool has_signal = false;
    for (int i = 0; i < n; i++) {
        dispatch(loop, &events[i]);
    }
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == COOKIE_TIMER) {
            take_timer(loop);
        }
        has_signal = has_signal || events[i].data.u64 == COOKIE_SIGNAL;
    }
    if (has_signal) {
        take_signals(loop);
    }
    /* The clock decides, not the timer's event: a crowded wake-up may have left the event behind. */
    if (jv_is_due(loop->deadline, loop->now)) {
        loop->deadline = JV_NEVER;
        if (loop->hooks.deadline != NULL) {
            loop->hooks.deadline(loop->hooks.arg, loop->now);
        }
    }
    if (loop->hooks.after != NULL) {
        loop->hooks.after(loop->hooks.arg, loop->now);
    }
    return JV_E_OK;
}

enum jv_err jv_loop_run(struct jv_loop *loop)
{
    loop->is_stopping = false;
    while (!loop->is_stopping) {
        enum jv_err err = jv_loop_turn(loop, -1);
        if (err != JV_E_OK) {
            return err;
        }
    }
    return JV_E_OK;
}

void jv_loop_stop(struct jv_loop *loop)
{
    loop->is_stopping = true;
}
