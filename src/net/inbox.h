/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_INBOX_H
#define JV_NET_INBOX_H
/*
 * inbox -- packets from the other threads of this process, copied through a pair of Unix datagram sockets.
 *
 * Owns     both sockets and the memory that packets are received into, allocated at open; nothing is allocated per packet.
 * Gives    to the reader: slots as a socket and a TUN device give them, with what was known of the packet. To a writer: counts.
 * Limits   JV_BUF_ROOM bytes a packet, JV_BATCH_MAX packets a call of jv_inbox_recv(). What waits is bounded in bytes as the kernel
 *          counts them, 2304 for a packet of 1400; what finds no room is dropped and counted.
 * Threads  jv_inbox_send(): any number at once. Everything else: the one that reads.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "batch.h"
#include "errors.h"

struct jv_inbox;

enum jv_inbox_kind {
    JV_INBOX_DATAGRAM, /* from a UDP socket */
    JV_INBOX_PACKET    /* an inner packet, from a TUN device */
};

/* Four megabytes, which the kernel doubles as it does for every socket: 3600 packets of 1400 bytes, 40 ms at 1 Gbit/s. */
#define JV_INBOX_BUF_BYTES (4U * 1024U * 1024U)

struct jv_inbox_counts {
    uint64_t received, received_bytes, recv_errors;
};

/* What became of one jv_inbox_send(). sent + dropped_* is the number of slots given. */
struct jv_inbox_sent {
    uint32_t sent;
    uint32_t dropped_full; /* the reader is behind */
    uint32_t
        dropped_other; /* a packet of no bytes or of more than JV_BUF_ROOM; what the kernel refused */
};

/* `buf_bytes` 0: JV_INBOX_BUF_BYTES; less where the system allows less. JV_E_NOMEM, JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_inbox_open(uint32_t buf_bytes, struct jv_inbox **out);
/* When nobody sends any more. NULL is ignored. */
void jv_inbox_close(struct jv_inbox *inbox);
/* Wait for EPOLLIN. */
int jv_inbox_fd(const struct jv_inbox *inbox);
const struct jv_inbox_counts *jv_inbox_counts(const struct jv_inbox *inbox);

/* Copies slots[0..n) in order, which stay the caller's. Never waits. */
void jv_inbox_send(const struct jv_inbox *inbox, enum jv_inbox_kind kind,
                   const struct jv_slot *slots, uint32_t n, struct jv_inbox_sent *result_out);

/*
 * Fill slots[0..returned) with packets of one kind, in the order in which each writer sent them. As they were sent: len, link, remote,
 * local, received, ecn, dscp, is_csum_partial; `off` leaves JV_BUF_HEADROOM before and JV_BUF_TAILROOM behind the packet. They are
 * borrowed from the inbox, good until the next call, and marked is_handed. 0: nothing waits.
 * While jv_inbox_has_rest() call again before sleeping: what is in the process already wakes no poll.
 */
uint32_t jv_inbox_recv(struct jv_inbox *inbox, enum jv_inbox_kind *kind_out, struct jv_slot *slots,
                       uint32_t n);
bool jv_inbox_has_rest(const struct jv_inbox *inbox);
#endif /* JV_NET_INBOX_H */
