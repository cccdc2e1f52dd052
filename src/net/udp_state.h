/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_UDP_STATE_H
#define JV_NET_UDP_STATE_H
/*
 * udp_state -- what udp.c (the socket), udp_recv.c and udp_send.c share. For these three only.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "udp.h"

/* Missing in older headers of libc (linux/udp.h). */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define JV_UDP_ECN_MASK 0x03U
#define JV_UDP_DSCP_MASK 0x3f
#define JV_UDP_DSCP_SHIFT 2
/* Room for a packet-info of IPv6, a traffic class and a segment size, with their headers: 40 + 24 + 24 bytes. */
#define JV_UDP_CONTROL_BYTES 96U
/*
 * Places to receive into: with UDP_GRO a message may be many datagrams, and a few such messages are as much as one wake-up should take;
 * without, each is one datagram. The memory is touched as far as messages reach.
 */
#define JV_UDP_PLACE_BYTES 65536U /* no UDP message is longer than 65535 (RFC 768) */
#define JV_UDP_PLACES 4U

union jv_sockaddr {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct jv_udp_control {
    _Alignas(struct cmsghdr) uint8_t b[JV_UDP_CONTROL_BYTES];
};

struct jv_udp {
    int fd;
    uint32_t link;
    bool has_gso, has_gro;
    struct jv_endpoint local;
    struct jv_udp_counts counts;
    struct mmsghdr msgs[JV_BATCH_MAX];
    struct iovec iov[JV_BATCH_MAX];
    union jv_sockaddr names[JV_BATCH_MAX];
    struct jv_udp_control controls[JV_BATCH_MAX];
    uint32_t firsts[JV_BATCH_MAX + 1U]; /* sending: the first slot of each message */
    /* receiving: one place for each message of a call */
    uint8_t *places;
    uint32_t place_bytes, places_len;
    uint32_t messages, next; /* that the last call brought; the one that is being cut */
    struct {
        struct jv_slot like; /* what its datagrams have in common */
        uint32_t at, end, seg_bytes;
        uint32_t left; /* datagrams */
    } rest;            /* of that one: what was not handed out yet */
};

socklen_t jv_udp_to_sockaddr(const struct jv_endpoint *ep, union jv_sockaddr *out);
struct jv_endpoint jv_udp_from_sockaddr(const union jv_sockaddr *addr);
#endif /* JV_NET_UDP_STATE_H */
