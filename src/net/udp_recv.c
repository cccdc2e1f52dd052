/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "udp_state.h"

/* Returns the size of the segments, 0: the message is one datagram. */
static uint32_t read_control(struct msghdr *msg, struct jv_slot *slot)
{
    uint32_t seg_bytes = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            slot->local.ip.family = JV_AF_4;
            memcpy(slot->local.ip.b, &info.ipi_spec_dst, sizeof(info.ipi_spec_dst));
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            slot->local.ip.family = JV_AF_6;
            memcpy(slot->local.ip.b, &info.ipi6_addr, sizeof(info.ipi6_addr));
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            slot->ecn =
                *CMSG_DATA(c) & JV_UDP_ECN_MASK; /* one byte on receipt, an int on sending */
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int tclass;
            memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
            slot->ecn = (uint8_t)((unsigned)tclass & JV_UDP_ECN_MASK);
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int bytes;
            memcpy(&bytes, CMSG_DATA(c), sizeof(bytes));
            seg_bytes = bytes > 0 ? (uint32_t)bytes : 0;
        }
    }
    return seg_bytes;
}

/* A pending ICMP error is reported by failing one call, and waits in the error queue besides: here it is only stepped over.
 * Each failure takes one error away; the bound keeps a storm of them from holding the loop. */
static uint32_t recv_messages(struct jv_udp *udp)
{
    for (uint32_t i = 0; i < udp->places_len; i++) {
        udp->iov[i] = (struct iovec){udp->places + (size_t)i * udp->place_bytes, udp->place_bytes};
        udp->msgs[i].msg_hdr = (struct msghdr){.msg_name = &udp->names[i],
                                               .msg_namelen = sizeof(udp->names[i]),
                                               .msg_iov = &udp->iov[i],
                                               .msg_iovlen = 1,
                                               .msg_control = udp->controls[i].b,
                                               .msg_controllen = JV_UDP_CONTROL_BYTES};
    }
    for (int tries = 0; tries < 4; tries++) {
        int got = recvmmsg(udp->fd, udp->msgs, udp->places_len, MSG_DONTWAIT, NULL);
        if (got >= 0) {
            return (uint32_t)got;
        }
        if (errno == EAGAIN) {
            return 0;
        }
        udp->counts.recv_errors += errno != EINTR;
    }
    return 0;
}

static uint32_t bytes_of_next(const struct jv_udp *udp)
{
    return JV_MIN(udp->rest.seg_bytes, udp->rest.end - udp->rest.at);
}

/* The next message of the last call is the one to cut. */
static void open_message(struct jv_udp *udp, struct jv_instant now)
{
    uint32_t i = udp->next++;
    struct msghdr *msg = &udp->msgs[i].msg_hdr;
    uint32_t len = udp->msgs[i].msg_len;
    struct jv_slot *like = &udp->rest.like;
    *like = (struct jv_slot){.buf = udp->places + (size_t)i * udp->place_bytes,
                             .is_borrowed = true,
                             .link = udp->link,
                             .remote = jv_udp_from_sockaddr(&udp->names[i]),
                             .received = now};
    like->local.port = udp->local.port;
    uint32_t seg_bytes = read_control(msg, like);
    if (seg_bytes == 0 || seg_bytes > len) {
        seg_bytes = len;
    }
    udp->counts.gro_messages += seg_bytes < len;
    udp->rest.at = 0;
    udp->rest.end = len;
    udp->rest.seg_bytes = seg_bytes;
    udp->rest.left = len == 0 ? 1 : (len + seg_bytes - 1) / seg_bytes;
    bool is_whole = (msg->msg_flags & MSG_TRUNC) == 0;
    while (udp->rest.left > 0 && (!is_whole || bytes_of_next(udp) > JV_BUF_ROOM)) {
        udp->counts.truncated++;
        udp->rest.at += bytes_of_next(udp);
        udp->rest.left--;
    }
}

static uint32_t cut(struct jv_udp *udp, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    while (filled < n && udp->rest.left > 0) {
        struct jv_slot *slot = &slots[filled++];
        *slot = udp->rest.like;
        slot->off = udp->rest.at;
        slot->len = bytes_of_next(udp);
        udp->rest.at += slot->len;
        udp->rest.left--;
        udp->counts.received_bytes += slot->len;
    }
    udp->counts.received += filled;
    return filled;
}

bool jv_udp_has_rest(const struct jv_udp *udp)
{
    return udp->rest.left > 0 || udp->next < udp->messages;
}

uint32_t jv_udp_recv(struct jv_udp *udp, struct jv_instant now, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    /* Messages may all be of no use; the bound keeps a stream of such from holding the loop. */
    for (uint32_t tries = 0; tries < JV_BATCH_MAX && filled == 0; tries++) {
        if (!jv_udp_has_rest(udp)) {
            udp->messages = recv_messages(udp);
            udp->next = 0;
            if (udp->messages == 0) {
                return 0;
            }
        }
        filled = cut(udp, slots, n);
        while (filled < n && udp->next < udp->messages) {
            open_message(udp, now);
            filled += cut(udp, slots + filled, n - filled);
        }
    }
    return filled;
}
