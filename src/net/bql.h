/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_BQL_H
#define JV_NET_BQL_H
/*
 * bql -- a bound on the bytes that wait in a TUN device, where the kernel knows only one on packets.
 *
 * A TUN device takes a packet out of its sender's account as soon as it is queued, so nothing slows a local TCP sender but the window:
 * megabytes of uncut packets stand in the device, and every other packet waits behind them. An eBPF program at the device's entry adds
 * up what goes in, its reader what comes out, in memory that both see. While more than the bound waits, an uncut packet is dropped, and
 * TCP takes the hint; a packet of wire size always passes.
 *
 * Owns     the memory. The program is the device's.
 * Limits   JV_BQL_QUEUES queues of one device, each with a bound of its own; further ones have none.
 * Errors   the counts drift where the device drops an uncut packet behind the program (its queue of packets is full). What was counted
 *          before JV_BQL_READS packets were read is in the queue no more: jv_bql_took() sets that right, jv_bql_emptied() at once.
 * Sources  TUNSETFILTEREBPF of linux/if_tun.h; the name is that of Linux's byte queue limits (lib/dynamic_queue_limits.c).
 * Threads  jv_bql_took() and jv_bql_emptied(): the queue's. jv_bql_drops(): any. The others: one at a time.
 */
#include <stdint.h>

#include "base.h"
#include "errors.h"

/* A packet of at most so many bytes is never dropped here: it was cut already, or is one that an interactive flow sends. */
#define JV_BQL_PASS_BYTES 2048U
#define JV_BQL_QUEUES 16U
#define JV_BQL_READS 1024U /* more than a queue holds (500 unless txqueuelen says otherwise) */

struct jv_bql;

/*
 * From here on at most `limit` bytes, and the packet that goes beyond them, wait in each queue of the device behind `tun_fd`, until
 * jv_bql_clear() or the device's end. Needs CAP_BPF and CAP_NET_ADMIN. JV_E_PERM, JV_E_NOMEM, JV_E_SYSTEM: errno tells; there is no
 * bound then.
 */
JV_MUST_USE enum jv_err jv_bql_open(int tun_fd, uint64_t limit, struct jv_bql **out);
/* NULL is ignored. */
void jv_bql_close(struct jv_bql *bql);
/* Takes off what there is, of an earlier process too. */
void jv_bql_clear(int tun_fd);

/* `bytes` were read from queue number `queue` of the device. */
void jv_bql_took(struct jv_bql *bql, uint32_t queue, uint32_t bytes);
/* This queue had nothing more to read. */
void jv_bql_emptied(struct jv_bql *bql, uint32_t queue);
/* Packets that were dropped since the bound is there. */
uint64_t jv_bql_drops(const struct jv_bql *bql);
#endif /* JV_NET_BQL_H */
