/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_TUNIO_H
#define JV_DAEMON_TUNIO_H
/*
 * tunio -- between the TUN device and the core: what the kernel left whole is cut into packets of wire size as it is read, and packets of
 * one flow become one again as they are written.
 *
 * A packet is read into one place that stays in the processor's cache, and its segments are copied from there to where they are sealed:
 * measured, that costs less than having the kernel scatter them.
 *
 * Owns     packets that were read and did not go on yet; no device, no buffer of the core.
 * Limits   JV_BATCH_MAX slots a call; JV_TUNIO_SPARSE_MAX sparse packets in a row.
 * Threads  the loop's. Nothing is allocated per packet.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "batch.h"
#include "errors.h"
#include "instant.h"

/* More than a queue of the kernel holds (500): what stood there when a packet of the other queue was read goes on before it. */
#define JV_TUNIO_SPARSE_MAX 512U

struct jv_tun;
struct jv_tunio;

/*
 * Both stay the caller's and outlive the tunio. `sparse` is the queue of sparse flows (lanes.h), which goes on to its end before each
 * packet of `tun`, or batch of small ones, that is read; NULL: there is one queue. Written is to `tun` alone.
 */
JV_MUST_USE enum jv_err jv_tunio_open(struct jv_tun *tun, struct jv_tun *sparse,
                                      struct jv_tunio **out);
/* NULL is ignored. */
void jv_tunio_close(struct jv_tunio *io);
/* Fill slots[0..returned) of empty ones as jv_core_take() gives them: off, len, received, is_csum_partial. 0: nothing waits. */
uint32_t jv_tunio_read(struct jv_tunio *io, struct jv_instant now, struct jv_slot *slots,
                       uint32_t n);
/* Packets of the device that were dropped because they are too long for a slot, or are not what the kernel says of them. */
uint64_t jv_tunio_refused(const struct jv_tunio *io);
/* Drops what waits here, and a packet of each queue; returns how many packets, or rests of one, there were. */
uint32_t jv_tunio_drop(struct jv_tunio *io);
/* A packet, or part of one, waits here and wakes no poll: call jv_tunio_read() again before sleeping. */
bool jv_tunio_has_rest(const struct jv_tunio *io);
/* Write slots[0..n), whose packets are changed by it. What the device refuses is dropped and counted (jv_tun_counts). */
void jv_tunio_write(struct jv_tunio *io, struct jv_slot *slots, uint32_t n);
#endif /* JV_DAEMON_TUNIO_H */
