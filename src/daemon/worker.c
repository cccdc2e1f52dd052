/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto.h"
#include "loop.h"
#include "sys.h"

struct jv_worker {
    struct jv_loop *loop;
    jv_worker_fn *failed;
    void *failed_arg;
    int kick_fd;
    bool has_thread;
    bool is_realtime;
    bool is_released;
    pthread_t thread;
    pthread_mutex_t lock; /* held for a wake-up, or by who entered */
    pthread_mutex_t gate; /* held by who waits for `lock` or has it, but not by the loop */
    atomic_bool is_wanted;
    atomic_bool is_ending;
    sem_t ready;
    sem_t release;
    enum jv_err err; /* of the start; set before `ready` */
};

static void on_kick(void *arg, int fd, uint32_t events)
{
    struct jv_worker *worker = arg;
    uint64_t count;
    (void)events;
    ssize_t ignored = read(fd, &count, sizeof(count));
    (void)ignored;
    if (atomic_load(&worker->is_ending)) {
        jv_loop_stop(worker->loop);
    }
}

void jv_worker_kick(const struct jv_worker *worker)
{
    uint64_t one = 1;
    /* EAGAIN means that it has been woken 2^64 times and is late: it will come. */
    ssize_t ignored = write(worker->kick_fd, &one, sizeof(one));
    (void)ignored;
}

static bool make_locks(struct jv_worker *worker)
{
    if (pthread_mutex_init(&worker->lock, NULL) != 0) {
        return false;
    }
    if (pthread_mutex_init(&worker->gate, NULL) != 0) {
        pthread_mutex_destroy(&worker->lock);
        return false;
    }
    if (sem_init(&worker->ready, 0, 0) != 0) {
        pthread_mutex_destroy(&worker->lock);
        pthread_mutex_destroy(&worker->gate);
        return false;
    }
    if (sem_init(&worker->release, 0, 0) != 0) {
        pthread_mutex_destroy(&worker->lock);
        pthread_mutex_destroy(&worker->gate);
        (void)sem_destroy(&worker->ready); /* nobody waits */
        return false;
    }
    return true;
}

enum jv_err jv_worker_open(struct jv_loop *loop, jv_worker_fn *failed, void *arg,
                           struct jv_worker **out)
{
    struct jv_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return JV_E_NOMEM;
    }
    if (!make_locks(worker)) {
        free(worker);
        return JV_E_SYSTEM;
    }
    worker->loop = loop;
    worker->failed = failed;
    worker->failed_arg = arg;
    worker->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum jv_err err = worker->kick_fd < 0
                          ? JV_E_SYSTEM
                          : jv_loop_add(loop, worker->kick_fd, EPOLLIN, on_kick, worker);
    if (err != JV_E_OK) {
        int saved = errno;
        jv_worker_close(worker);
        errno = saved;
        return err;
    }
    *out = worker;
    return JV_E_OK;
}

static void await(sem_t *sem)
{
    while (sem_wait(sem) != 0) {
        /* a signal */
    }
}

static void *run(void *arg)
{
    struct jv_worker *worker = arg;
    enum jv_err err = jv_crypto_thread_init();
    if (err == JV_E_OK && worker->is_realtime) {
        err = jv_sys_set_realtime();
    }
    worker->err = err;
    (void)sem_post(&worker->ready); /* it counts to one */
    if (err == JV_E_OK) {
        await(&worker->release);
    }
    if (err == JV_E_OK && !atomic_load(&worker->is_ending) &&
        jv_loop_run(worker->loop) != JV_E_OK) {
        worker->failed(worker->failed_arg, errno);
    }
    jv_crypto_thread_fini();
    return NULL;
}

enum jv_err jv_worker_start(struct jv_worker *worker, bool is_realtime)
{
    /* Signals belong to the main loop's descriptor. */
    sigset_t all, before;
    sigfillset(&all);
    worker->is_realtime = is_realtime;
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return JV_E_SYSTEM;
    }
    int code = pthread_create(&worker->thread, NULL, run, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* it was a valid mask a moment ago */
    if (code != 0) {
        errno = code;
        return JV_E_SYSTEM;
    }
    await(&worker->ready);
    if (worker->err != JV_E_OK) {
        (void)pthread_join(worker->thread, NULL); /* it is about to end */
        return worker->err;
    }
    worker->has_thread = true;
    jv_worker_kick(worker); /* what is due already has set no deadline */
    return JV_E_OK;
}

void jv_worker_release(struct jv_worker *worker)
{
    if (worker != NULL && worker->has_thread && !worker->is_released) {
        worker->is_released = true;
        (void)sem_post(&worker->release); /* it counts to one */
    }
}

void jv_worker_stop(struct jv_worker *worker)
{
    if (worker == NULL || !worker->has_thread) {
        return;
    }
    atomic_store(&worker->is_ending, true);
    jv_worker_release(worker);
    jv_worker_kick(worker);
    (void)pthread_join(worker->thread, NULL); /* a thread of ours, joined once */
    worker->has_thread = false;
}

void jv_worker_close(struct jv_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->kick_fd >= 0) {
        jv_loop_remove(worker->loop, worker->kick_fd);
        (void)close(worker->kick_fd); /* an eventfd has nothing to lose */
    }
    (void)sem_destroy(&worker->ready);
    (void)sem_destroy(&worker->release);
    pthread_mutex_destroy(&worker->gate);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

void jv_worker_begin(struct jv_worker *worker)
{
    /* A mutex goes to whoever is awake, and this thread is: it waits at the gate for who wanted it before. */
    if (atomic_load(&worker->is_wanted)) {
        pthread_mutex_lock(&worker->gate);
        pthread_mutex_unlock(&worker->gate);
    }
    pthread_mutex_lock(&worker->lock);
}

void jv_worker_finish(struct jv_worker *worker)
{
    pthread_mutex_unlock(&worker->lock);
}

void jv_worker_enter(struct jv_worker *worker)
{
    pthread_mutex_lock(&worker->gate);
    atomic_store(&worker->is_wanted, true);
    pthread_mutex_lock(&worker->lock);
    atomic_store(&worker->is_wanted, false);
}

void jv_worker_leave(struct jv_worker *worker, bool is_changed)
{
    pthread_mutex_unlock(&worker->lock);
    pthread_mutex_unlock(&worker->gate);
    if (is_changed) {
        jv_worker_kick(worker);
    }
}
