/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_TUN_H
#define JV_NET_TUN_H
/*
 * tun -- the TUN device: IP packets in and out, one by one or as the kernel has them before it cuts them (virtio_net_hdr).
 *
 * The device follows the user's intent, not this process: made persistent, it outlives restarts and crashes, and the next
 * start adopts it with its addresses and routes.
 *
 * Owns     the descriptor of one queue of the device; mostly it has no other.
 * Limits   packets of JV_GSO_BYTES_MAX bytes; longer ones are counted and dropped.
 * Sources  linux/if_tun.h, linux/virtio_net.h (VIRTIO 1.2 §5.1.6).
 * Threads  one at a time, for each queue.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base.h"
#include "batch.h"
#include "errors.h"
#include "instant.h"

struct jv_tun;

/* What is not to be used, even where the kernel has it; each needs those before it. */
struct jv_tun_cfg {
    const char *name;
    bool no_hdr, no_csum, no_tso, no_uso;
    bool has_queues; /* jv_tun_open_queue() is to follow */
    bool
        takes_any; /* a device that is there is adopted, whether it has several queues or not: jv_tun_has_queues() */
};

struct jv_tun_counts {
    uint64_t read, read_gso, read_bytes, read_too_long,
        read_errors; /* as the kernel has them: before they are cut */
    uint64_t written, written_gso, written_bytes, dropped_full, dropped_invalid, dropped_down;
};

/*
 * Attach to the device `cfg->name`, creating it where it is missing. `adopted_out` (may be NULL): it existed. errno tells.
 * An earlier process's bound is taken off.
 * A device of one queue where `has_queues` asks for several, or the other way round, is removed with its addresses and routes and made
 * anew, jv_tun_is_renewed(), unless `takes_any`.
 * JV_E_PERM: no CAP_NET_ADMIN. JV_E_EXISTS: another process holds it, or it is no TUN. JV_E_RANGE: name too long or empty.
 * JV_E_UNSUPPORTED: `has_queues`, and the kernel does not tell who has them (before 4.17).
 */
JV_MUST_USE enum jv_err jv_tun_open(const struct jv_tun_cfg *cfg, struct jv_tun **out,
                                    bool *adopted_out);
/*
 * One more queue of the device of `first`, which was opened with `has_queues`; what is said of offloads and persistence holds for the
 * device. Queues may be used by one thread each. The kernel gives a packet of a flow to the queue that last wrote one of that flow, one
 * of another flow to any; lanes.h says otherwise. Packets may be written to any. The device is there as long as one queue is open. JV_E_PERM, JV_E_STATE: `first` is the only one,
 * JV_E_SYSTEM: errno tells.
 */
JV_MUST_USE enum jv_err jv_tun_open_queue(struct jv_tun *first, struct jv_tun **out);
/*
 * At most `bytes` of uncut packets wait in each queue (bql.h), those that are opened later included; 0: as many as the device takes.
 * Called once, before jv_tun_open_queue(). JV_E_PERM, JV_E_NOMEM, JV_E_SYSTEM: errno tells; there is no bound then.
 */
JV_MUST_USE enum jv_err jv_tun_bound(struct jv_tun *tun, uint64_t bytes);
/* Uncut packets that found the bound reached, in all queues. */
uint64_t jv_tun_bound_drops(const struct jv_tun *tun);
/* A persistent device stays, with its addresses and routes; another one vanishes. NULL is ignored. */
void jv_tun_close(struct jv_tun *tun);
/* JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_tun_set_persist(struct jv_tun *tun, bool persist);

int jv_tun_fd(const struct jv_tun *tun);
uint32_t jv_tun_ifindex(const struct jv_tun *tun);
const char *jv_tun_name(const struct jv_tun *tun);
bool jv_tun_is_renewed(const struct jv_tun *tun);
bool jv_tun_has_queues(const struct jv_tun *tun);
const struct jv_tun_counts *jv_tun_counts(const struct jv_tun *tun);

/* In use: checksums may be partial; the kernel gives and takes TCP, and UDP, before it is cut. */
bool jv_tun_has_csum(const struct jv_tun *tun);
bool jv_tun_has_tso(const struct jv_tun *tun);
bool jv_tun_has_uso(const struct jv_tun *tun);

/*
 * Read one packet into iov[1..len), which has JV_GSO_BYTES_MAX + 1 bytes in all where TSO is in use; iov[0] is the module's. Returns its
 * bytes and says in `gso` what it is; 0: nothing waits.
 */
uint32_t jv_tun_read(struct jv_tun *tun, struct iovec *iov, uint32_t len, struct jv_gso *gso);
/* Write one packet from iov[1..len); iov[0] is the module's. False: the device refused it (down, full, malformed): dropped and counted. */
bool jv_tun_write(struct jv_tun *tun, const struct jv_gso *gso, struct iovec *iov, uint32_t len);
#endif /* JV_NET_TUN_H */
