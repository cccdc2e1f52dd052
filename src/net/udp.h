/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_UDP_H
#define JV_NET_UDP_H
/*
 * udp -- UDP sockets and batches of datagrams, with the local address and the ECN codepoint of each.
 *
 * Owns     the socket, the message headers of one batch and the memory that datagrams are received into, allocated at open; nothing is
 *          allocated per datagram.
 * Gives    datagrams, counts, and errors with their origin: what this host knows itself (LOCAL) is a fact, what came as
 *          ICMP is a stranger's claim. A pending ICMP error never costs a datagram.
 * Limits   JV_BATCH_MAX datagrams a call.
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "batch.h"
#include "endpoint.h"
#include "errors.h"
#include "instant.h"

struct jv_udp;

struct jv_udp_cfg {
    struct jv_endpoint
        local; /* the family is required; address zero: any of the family; port 0: the kernel chooses */
    const char *
        device; /* NULL, or the interface that every datagram enters and leaves by (SO_BINDTODEVICE) */
    uint32_t mark;       /* 0, or SO_MARK */
    uint32_t buf_bytes;  /* 0: JV_UDP_BUF_BYTES; kernel buffer of each direction */
    uint32_t link;       /* copied into each received slot */
    bool no_gso, no_gro; /* not to be used, even where the kernel has it */
    /*
     * 0 or 1: one socket has the port. More: so many share it, opened one after the other, `shard` 0 first, for one user, none of them
     * closed while others are in use; the later ones name the port of the first. A datagram comes to the socket whose number is its
     * byte at `shard_off`, modulo `shards`; one that is too short for that to the first. Before the last one is open, and where the
     * kernel has merged datagrams of one flow (UDP_GRO), it may come to another. An ICMP error comes to any of them.
     */
    uint32_t shards, shard, shard_off;
};
/* Four megabytes: 30 ms of full-sized datagrams at 1 Gbit/s, the longest time a loaded loop may be away. */
#define JV_UDP_BUF_BYTES (4U * 1024U * 1024U)

struct jv_udp_counts {
    uint64_t received, received_bytes, recv_errors;
    uint64_t truncated; /* datagrams longer than JV_BUF_ROOM, skipped */
    uint64_t sent, sent_bytes, dropped_full, dropped_too_big, dropped_local, dropped_other;
    uint64_t gso_messages; /* messages that the kernel cuts into datagrams */
    uint64_t gso_refused;  /* of them, which this device would not take whole */
    uint64_t gro_messages; /* messages that were several datagrams */
    uint64_t errors_local, errors_unreachable, errors_too_big, errors_unknown;
};

/* What became of one jv_udp_send(). sent + dropped_* is the number of slots given. */
struct jv_udp_sent {
    uint32_t sent;
    uint32_t dropped_full;    /* EAGAIN, ENOBUFS: the socket's or the device's queue was full */
    uint32_t dropped_too_big; /* EMSGSIZE: longer than the device's MTU */
    uint32_t
        dropped_local; /* a LOCAL fact: no device, no address, no route; `local_errno` tells which */
    uint32_t
        dropped_other; /* EPERM from a firewall and everything else; `other_errno` tells the last */
    int local_errno, other_errno;
};

enum jv_udp_err {
    JV_UDP_ERR_LOCAL,            /* this host's own stack: a fact */
    JV_UDP_ERR_ICMP_UNREACHABLE, /* unauthenticated: a reason to probe, no more */
    JV_UDP_ERR_TOO_BIG /* EMSGSIZE of either origin; `mtu` is what it claims, 0 where it claims nothing */
};

struct jv_udp_fault {
    enum jv_udp_err kind;
    bool is_local;             /* also for TOO_BIG: whether our own stack said so */
    int code;                  /* errno value */
    uint32_t mtu;              /* TOO_BIG */
    struct jv_endpoint remote; /* where the datagram was going */
};

/*
 * JV_E_PERM, JV_E_SYSTEM: errno tells, and `step_out` (may be NULL) names the call that failed.
 * JV_E_RANGE: no family, a device name that is too long, or a shard that is none or has no port to share.
 */
JV_MUST_USE enum jv_err jv_udp_open(const struct jv_udp_cfg *cfg, struct jv_udp **out,
                                    const char **step_out);
/* NULL is ignored. */
void jv_udp_close(struct jv_udp *udp);
/* Wait for EPOLLIN; on EPOLLERR call jv_udp_errors() until it returns 0, or the loop spins. */
int jv_udp_fd(const struct jv_udp *udp);
/* What the socket is bound to, with the port that the kernel chose. */
struct jv_endpoint jv_udp_local(const struct jv_udp *udp);
const struct jv_udp_counts *jv_udp_counts(const struct jv_udp *udp);
/* UDP_SEGMENT and UDP_GRO (linux/udp.h) are in use. The first goes off by itself where a device refuses what it can send uncut. */
bool jv_udp_has_gso(const struct jv_udp *udp);
bool jv_udp_has_gro(const struct jv_udp *udp);

/*
 * Fill slots[0..returned): buf, off, len, link, remote, local (address of this datagram, port of the socket), ecn, received. They are
 * borrowed from the socket: good until the next call. Datagrams longer than JV_BUF_ROOM are counted and skipped; an empty one is
 * handed out like any other, its len is 0. 0: nothing waits.
 * While jv_udp_has_rest() call again before sleeping: what is in the process already wakes no poll.
 */
uint32_t jv_udp_recv(struct jv_udp *udp, struct jv_instant now, struct jv_slot *slots, uint32_t n);
bool jv_udp_has_rest(const struct jv_udp *udp);

/*
 * Send slots[0..n) in order; `local.ip` of a slot, where its family is not NONE, becomes the source address, and `ecn` and
 * `dscp` are set. Nothing is kept: what could not be sent is dropped and told in `result_out`.
 */
void jv_udp_send(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n,
                 struct jv_udp_sent *result_out);

/* Take up to `n` entries off the socket's error queue. */
uint32_t jv_udp_errors(struct jv_udp *udp, struct jv_udp_fault *faults, uint32_t n);

/* Whether this errno of a send is a fact of this host (no device, no address, no route). Pure. */
bool jv_udp_is_local_fact(int code, bool has_source);
/* The kind of an error-queue entry from its origin, type and errno (linux/errqueue.h). Pure. */
enum jv_udp_err jv_udp_classify(uint8_t origin, uint32_t code);
#endif /* JV_NET_UDP_H */
