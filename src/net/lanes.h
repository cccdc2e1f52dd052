/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_LANES_H
#define JV_NET_LANES_H
/*
 * lanes -- two queues of a TUN device, one for flows that take a large share, one for the others.
 *
 * An eBPF program chooses the queue of each packet that the device gets. It keeps for each flow, which it knows by a hash of addresses,
 * protocol and ports, how much it sent in the running 17 ms. A flow that sent an uncut packet, or more than JV_LANES_SPARSE_BYTES in
 * that time, is in lane JV_LANE_BULK until it has not done so for JV_LANES_HOLD_MS; all others are in lane JV_LANE_SPARSE. Who takes a
 * packet of the bulk lane, then reads the sparse lane to its end, and handles that packet last keeps the order within flows: what its flow
 * sent while it was sparse stands there by then, and it comes back long after the last of its packets in the bulk lane was read.
 *
 * Owns     the program until it is attached; then the device does.
 * Limits   flows that meet in one of 16384 places of the table are one flow. What is neither TCP nor UDP is told apart by addresses and
 *          protocol; IPv4 fragments and packets with IP options by addresses; packets too short for either are sparse. A reader that
 *          stands still for longer than the hold may find a flow's later packets in the sparse lane before its earlier ones in the other.
 * Sources  TUNSETSTEERINGEBPF of linux/if_tun.h. That sparse flows go first: FQ-CoDel, RFC 8290 §3.1 (there a new flow, here a quiet one).
 * Threads  one at a time.
 */
#include <stdint.h>

#include "base.h"
#include "errors.h"

#define JV_LANE_BULK 0U
#define JV_LANE_SPARSE 1U
#define JV_LANES 2U
#define JV_LANES_SPARSE_BYTES 65536U /* in 2^24 ns: 31 Mbit/s */
#define JV_LANES_HOLD_MS 268U        /* 2^28 ns */

struct jv_lanes;

/* Needs CAP_BPF and Linux 5.8: JV_E_PERM. JV_E_NOMEM, JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_lanes_open(struct jv_lanes **out);
/* The device behind `tun_fd` has JV_LANES queues open. It keeps the program until jv_lanes_clear() or its end. JV_E_SYSTEM. */
JV_MUST_USE enum jv_err jv_lanes_attach(struct jv_lanes *lanes, int tun_fd);
/* NULL is ignored. */
void jv_lanes_close(struct jv_lanes *lanes);
/* The kernel chooses by itself again, also where an earlier process said otherwise. */
void jv_lanes_clear(int tun_fd);
#endif /* JV_NET_LANES_H */
