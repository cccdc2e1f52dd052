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
#define JV_UDP_GSO_BYTES                                                                           \
    65535U /* of a datagram before it is cut, or of several that arrived as one */

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
    struct iovec iov[JV_BATCH_MAX + 1U];
    union jv_sockaddr names[JV_BATCH_MAX];
    struct jv_udp_control controls[JV_BATCH_MAX];
    uint32_t firsts[JV_BATCH_MAX + 1U]; /* sending: the first slot of each message */
    /* receiving with UDP_GRO */
    uint8_t *gathered; /* JV_UDP_GSO_BYTES + 1; NULL without it */
    struct {
        struct jv_slot like; /* what its datagrams have in common */
        uint32_t at, end, seg_bytes;
    } rest;                 /* datagrams in `gathered` that found no slot yet */
    uint32_t expects_bytes; /* of a datagram: what the last large ones had */
};

socklen_t jv_udp_to_sockaddr(const struct jv_endpoint *ep, union jv_sockaddr *out);
struct jv_endpoint jv_udp_from_sockaddr(const union jv_sockaddr *addr);
#endif /* JV_NET_UDP_STATE_H */
