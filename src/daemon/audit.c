/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

struct jv_audit {
    struct jv_chain chain; /* the writer's, once it runs */
    int wake_fd;
    bool has_writer;
    pthread_t writer;
    atomic_uint head,
        tail; /* head: next to write; tail: next to fill. They run freely; the difference is the length. */
    atomic_bool is_closing, wants_reopen, is_done;
    atomic_uint_fast64_t written, dropped_queue, dropped_file;
    pthread_mutex_t path_lock; /* held for a copy only */
    char new_path[JV_CHAIN_PATH_BYTES];
    struct jv_instant retry_at, head_at; /* the writer's */
    struct jv_record ring[JV_AUDIT_QUEUE];
};

enum jv_err jv_audit_open(const char *path, const char *head_path, const char *node,
                          struct jv_audit **out, struct jv_chain_found *found_out)
{
    struct jv_audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL) {
        return JV_E_NOMEM;
    }
    audit->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (audit->wake_fd < 0) {
        free(audit);
        return JV_E_SYSTEM;
    }
    enum jv_err err = jv_chain_init(&audit->chain, path, head_path, node, found_out);
    if (err != JV_E_OK || pthread_mutex_init(&audit->path_lock, NULL) != 0) {
        (void)close(audit->wake_fd); /* an eventfd has nothing to lose */
        free(audit);
        return err == JV_E_OK ? JV_E_SYSTEM : err;
    }
    *out = audit;
    return JV_E_OK;
}

void jv_audit_give_to(const struct jv_audit *audit, uint32_t uid, uint32_t gid)
{
    if (audit->chain.fd >= 0 && audit->chain.is_regular) {
        /* Where it fails the open descriptor still writes; only a rotation would show it, as a counted loss. */
        int ignored = fchown(audit->chain.fd, uid, gid);
        (void)ignored;
    }
}

static void wake(struct jv_audit *audit)
{
    uint64_t one = 1;
    /* EAGAIN means that the writer has been woken 2^64 times and is late: it will come. */
    ssize_t ignored = write(audit->wake_fd, &one, sizeof(one));
    (void)ignored;
}

static void lose(struct jv_audit *audit)
{
    atomic_fetch_add_explicit(&audit->dropped_queue, 1, memory_order_relaxed);
}

void jv_audit_push(struct jv_audit *audit, const struct jv_record *records, uint32_t n)
{
    unsigned tail = atomic_load_explicit(&audit->tail, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++) {
        unsigned used = tail - atomic_load_explicit(&audit->head, memory_order_acquire);
        bool is_tight = used >= JV_AUDIT_QUEUE / 4U * 3U;
        if (used >= JV_AUDIT_QUEUE ||
            (is_tight && jv_event_lane((enum jv_event_type)records[i].event) == JV_LANE_M)) {
            lose(audit);
            continue;
        }
        audit->ring[tail % JV_AUDIT_QUEUE] = records[i];
        tail++;
        atomic_store_explicit(&audit->tail, tail, memory_order_release);
    }
    if (n > 0) {
        wake(audit);
    }
}

void jv_audit_reopen(struct jv_audit *audit, const char *path)
{
    if (strlen(path) >= sizeof(audit->new_path)) {
        return; /* the configuration's own limit is the same */
    }
    pthread_mutex_lock(&audit->path_lock);
    memcpy(audit->new_path, path, strlen(path) + 1U);
    pthread_mutex_unlock(&audit->path_lock);
    atomic_store(&audit->wants_reopen, true);
    wake(audit);
}

struct jv_audit_counts jv_audit_counts(const struct jv_audit *audit)
{
    return (struct jv_audit_counts){
        .written = atomic_load_explicit(&audit->written, memory_order_relaxed),
        .dropped_queue = atomic_load_explicit(&audit->dropped_queue, memory_order_relaxed),
        .dropped_file = atomic_load_explicit(&audit->dropped_file, memory_order_relaxed),
    };
}

static void reopen_if_wanted(struct jv_audit *audit)
{
    if (!atomic_exchange(&audit->wants_reopen, false)) {
        return;
    }
    char path[JV_CHAIN_PATH_BYTES];
    pthread_mutex_lock(&audit->path_lock);
    memcpy(path, audit->new_path, sizeof(path));
    pthread_mutex_unlock(&audit->path_lock);
    /* A failure shows as counted losses, and a later write tries again. */
    bool is_open = jv_chain_reopen(&audit->chain, path) == JV_E_OK;
    audit->retry_at = is_open ? (struct jv_instant){0} : jv_add_ms(jv_sys_now(), JV_AUDIT_RETRY_MS);
}

uint32_t jv_audit_drain(struct jv_audit *audit)
{
    reopen_if_wanted(audit);
    struct jv_instant now = jv_sys_now();
    uint64_t offset_ns = jv_sys_wall_ns() - now.ns;
    uint32_t taken = 0;
    unsigned head = atomic_load_explicit(&audit->head, memory_order_relaxed);
    while (head != atomic_load_explicit(&audit->tail, memory_order_acquire)) {
        const struct jv_record *rec = &audit->ring[head % JV_AUDIT_QUEUE];
        bool is_waiting = jv_is_before(now, audit->retry_at);
        if (!is_waiting && jv_chain_write(&audit->chain, rec, rec->at.ns + offset_ns) == JV_E_OK) {
            atomic_fetch_add_explicit(&audit->written, 1, memory_order_relaxed);
        } else {
            if (!is_waiting) {
                audit->retry_at = jv_add_ms(now, JV_AUDIT_RETRY_MS);
            }
            jv_chain_lost(&audit->chain, rec->seq);
            atomic_fetch_add_explicit(&audit->dropped_file, 1, memory_order_relaxed);
        }
        head++;
        taken++;
        atomic_store_explicit(&audit->head, head, memory_order_release);
    }
    if (jv_is_due(audit->head_at, now)) {
        jv_chain_save_head(&audit->chain);
        audit->head_at = jv_add_ms(now, JV_AUDIT_HEAD_MS);
    }
    return taken;
}

static void *write_records(void *arg)
{
    struct jv_audit *audit = arg;
    bool is_last = false;
    while (!is_last) {
        struct pollfd wait = {.fd = audit->wake_fd, .events = POLLIN};
        uint64_t count;
        (void)poll(&wait, 1, JV_AUDIT_HEAD_MS); /* a timeout is the time to save the head */
        ssize_t ignored = read(audit->wake_fd, &count, sizeof(count));
        (void)ignored;
        is_last = atomic_load(&audit->is_closing);
        (void)jv_audit_drain(audit);
    }
    jv_chain_fini(&audit->chain);
    atomic_store(&audit->is_done, true);
    return NULL;
}

enum jv_err jv_audit_start(struct jv_audit *audit)
{
    /* Signals belong to the loop's descriptor; a reader of the FIFO that goes away must not end the process. */
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return JV_E_SYSTEM;
    }
    int code = pthread_create(&audit->writer, NULL, write_records, audit);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* it was a valid mask a moment ago */
    if (code != 0) {
        errno = code;
        return JV_E_SYSTEM;
    }
    audit->has_writer = true;
    return JV_E_OK;
}

static bool writer_ended(struct jv_audit *audit)
{
    atomic_store(&audit->is_closing, true);
    wake(audit);
    struct timespec step = {.tv_nsec = 2000000L};
    for (uint32_t waited_ms = 0; waited_ms < JV_AUDIT_CLOSE_MS; waited_ms += 2U) {
        if (atomic_load(&audit->is_done)) {
            return pthread_join(audit->writer, NULL) == 0;
        }
        (void)nanosleep(&step, NULL); /* the daemon is ending: there is no loop to hold up */
    }
    return false;
}

void jv_audit_close(struct jv_audit *audit)
{
    if (audit == NULL) {
        return;
    }
    if (audit->has_writer && !writer_ended(audit)) {
        return; /* a writer that hangs in its file keeps its memory; the process ends without it */
    }
    if (!audit->has_writer) {
        (void)jv_audit_drain(audit);
        jv_chain_fini(&audit->chain);
    }
    (void)close(audit->wake_fd); /* an eventfd has nothing to lose */
    pthread_mutex_destroy(&audit->path_lock);
    free(audit);
}
