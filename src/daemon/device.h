/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_DEVICE_H
#define JV_DAEMON_DEVICE_H
/*
 * device -- the TUN device as the configuration wants it: what the kernel does for many packets at once, and in what order packets wait.
 *
 * With `Queue = fair` the device has a second queue, for sparse flows, and a bound on the bytes that wait in each. Where the kernel
 * refuses one of the two the device works without it, and says so. A device that an earlier run left is taken as it is, with its
 * addresses and routes: where it has one queue there are no lanes until `jv down`. Several shards have a queue each, and none for sparse
 * flows; for them a device of one queue is made anew.
 *
 * Owns     the queues.
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "bounds.h"
#include "config.h"
#include "errors.h"

/*
 * Of uncut packets in a queue, bytes. What a loop handles in two milliseconds where it is fastest: a sender that is always ready keeps
 * it busy while another process has the processor. Measured (docs/performance.md): half of it costs throughput, twice of it is a ping of
 * more than a millisecond.
 */
#define JV_DEVICE_QUEUE_BYTES (2U * 1024U * 1024U)

struct jv_tun;

struct jv_device {
    struct jv_tun *tun;
    struct jv_tun *sparse;                      /* the queue of sparse flows; NULL: there is none */
    struct jv_tun *further[JV_SHARDS_MAX - 1U]; /* those of shards 1.. */
    uint64_t queue_bytes;                       /* the bound; 0: none */
    bool is_new;                                /* made here: nothing has used it yet */
    const char *no_lanes, *no_bound;            /* why not, where they were wanted; else NULL */
};

/* Persistent, or adopted from an earlier run. What fails is logged. JV_E_PERM, JV_E_EXISTS, JV_E_SYSTEM, JV_E_NOMEM. */
JV_MUST_USE enum jv_err jv_device_open(const struct jv_config *config, uint32_t shards,
                                       struct jv_device *device);
/* The descriptors; a persistent device stays. One that was not opened is ignored. */
void jv_device_close(struct jv_device *device);
#endif /* JV_DAEMON_DEVICE_H */
