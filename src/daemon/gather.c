/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct jv_gather {
    int wake_fd;
    atomic_uint_fast64_t drawn; /* the next number */
    pthread_mutex_t lock;       /* of everything below; held for copies only */
    uint64_t next;              /* to go out */
    uint64_t newest;            /* highest number that was put; 0: none */
    struct jv_instant at;       /* of the last one that went out */
    struct jv_instant hole_at;  /* since when `next` is waited for; JV_NEVER: it is not */
    bool is_finished;
    uint64_t lost;
    bool has_refused; /* an order */
    uint32_t orders_first, orders_len, orders_cap;
    struct jv_order *orders;                     /* ring */
    struct jv_record records[JV_GATHER_RECORDS]; /* by number, modulo; seq 0: free */
};

enum jv_err jv_gather_open(uint64_t first_seq, uint32_t shards, struct jv_gather **out)
{
    struct jv_gather *gather = calloc(1, sizeof(*gather));
    if (gather == NULL) {
        return JV_E_NOMEM;
    }
    gather->orders_cap = JV_GATHER_ORDERS(shards);
    gather->orders = calloc(gather->orders_cap, sizeof(*gather->orders));
    if (gather->orders == NULL) {
        free(gather);
        return JV_E_NOMEM;
    }
    gather->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (gather->wake_fd < 0 || pthread_mutex_init(&gather->lock, NULL) != 0) {
        int saved = errno;
        if (gather->wake_fd >= 0) {
            (void)close(gather->wake_fd); /* an eventfd has nothing to lose */
        }
        free(gather->orders);
        free(gather);
        errno = saved;
        return JV_E_SYSTEM;
    }
    atomic_init(&gather->drawn, first_seq);
    gather->next = first_seq;
    gather->hole_at = JV_NEVER;
    *out = gather;
    return JV_E_OK;
}

void jv_gather_close(struct jv_gather *gather)
{
    if (gather != NULL) {
        (void)close(gather->wake_fd); /* an eventfd has nothing to lose */
        pthread_mutex_destroy(&gather->lock);
        free(gather->orders);
        free(gather);
    }
}

int jv_gather_fd(const struct jv_gather *gather)
{
    return gather->wake_fd;
}

uint64_t jv_gather_seq(void *arg)
{
    struct jv_gather *gather = arg;
    return atomic_fetch_add(&gather->drawn, 1);
}

void jv_gather_wake(const struct jv_gather *gather)
{
    uint64_t one = 1;
    /* EAGAIN means that the taker has been woken 2^64 times and is late: it will come. */
    ssize_t ignored = write(gather->wake_fd, &one, sizeof(one));
    (void)ignored;
}

void jv_gather_put(struct jv_gather *gather, const struct jv_record *records, uint32_t n)
{
    if (n == 0) {
        return;
    }
    pthread_mutex_lock(&gather->lock);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t seq = records[i].seq;
        if (seq < gather->next || seq - gather->next >= JV_GATHER_RECORDS) {
            gather->lost++;
        } else {
            gather->records[seq % JV_GATHER_RECORDS] = records[i];
        }
        gather->newest = JV_MAX(gather->newest, seq);
    }
    pthread_mutex_unlock(&gather->lock);
    jv_gather_wake(gather);
}

uint32_t jv_gather_order(struct jv_gather *gather, const struct jv_order *orders, uint32_t n)
{
    if (n == 0) {
        return 0;
    }
    pthread_mutex_lock(&gather->lock);
    uint32_t taken = JV_MIN(n, gather->orders_cap - gather->orders_len);
    for (uint32_t i = 0; i < taken; i++) {
        gather->orders[(gather->orders_first + gather->orders_len) % gather->orders_cap] =
            orders[i];
        gather->orders_len++;
    }
    gather->has_refused = gather->has_refused || taken < n;
    pthread_mutex_unlock(&gather->lock);
    jv_gather_wake(gather);
    return taken;
}

/* Number `next` is not there. True: it is waited for no longer, and the one behind it is next. */
static bool give_up(struct jv_gather *gather, struct jv_instant now)
{
    if (gather->next > gather->newest) {
        gather->hole_at = JV_NEVER;
        return false; /* nobody waits behind it */
    }
    if (jv_is_never(gather->hole_at)) {
        gather->hole_at = now;
    }
    if (!gather->is_finished && jv_since_ms(gather->hole_at, now) < JV_GATHER_WAIT_MS) {
        return false;
    }
    gather->next++;
    return true;
}

uint32_t jv_gather_take(struct jv_gather *gather, struct jv_instant now, struct jv_record *out,
                        uint32_t cap)
{
    uint32_t taken = 0;
    uint64_t count;
    ssize_t ignored = read(gather->wake_fd, &count, sizeof(count)); /* before the look, not after */
    (void)ignored;
    pthread_mutex_lock(&gather->lock);
    while (taken < cap) {
        struct jv_record *rec = &gather->records[gather->next % JV_GATHER_RECORDS];
        if (rec->seq == gather->next) {
            /* Each shard has its own reading of the clock: by their numbers they may be a little out of order. */
            gather->at = jv_is_before(gather->at, rec->at) ? rec->at : gather->at;
            out[taken] = *rec;
            out[taken++].at = gather->at;
            rec->seq = 0;
            gather->next++;
            gather->hole_at = JV_NEVER;
        } else if (!give_up(gather, now)) {
            break;
        }
    }
    pthread_mutex_unlock(&gather->lock);
    return taken;
}

uint32_t jv_gather_take_orders(struct jv_gather *gather, struct jv_order *out, uint32_t cap)
{
    pthread_mutex_lock(&gather->lock);
    uint32_t taken = JV_MIN(cap, gather->orders_len);
    for (uint32_t i = 0; i < taken; i++) {
        out[i] = gather->orders[gather->orders_first];
        gather->orders_first = (gather->orders_first + 1U) % gather->orders_cap;
    }
    gather->orders_len -= taken;
    pthread_mutex_unlock(&gather->lock);
    return taken;
}

bool jv_gather_has_refused(struct jv_gather *gather)
{
    pthread_mutex_lock(&gather->lock);
    bool has_refused = gather->has_refused && gather->orders_len < gather->orders_cap;
    gather->has_refused = gather->has_refused && !has_refused;
    pthread_mutex_unlock(&gather->lock);
    return has_refused;
}

void jv_gather_finish(struct jv_gather *gather)
{
    pthread_mutex_lock(&gather->lock);
    gather->is_finished = true;
    pthread_mutex_unlock(&gather->lock);
}

uint64_t jv_gather_lost(struct jv_gather *gather)
{
    pthread_mutex_lock(&gather->lock);
    uint64_t lost = gather->lost;
    pthread_mutex_unlock(&gather->lock);
    return lost;
}
