/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "udp_state.h"

/* A datagram of this size or more is worth a guess: the next message is likely to be made of the same. */
#define EXPECT_MIN 256U

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

static void prepare(struct jv_udp *udp, uint32_t i, uint32_t iov, uint32_t iov_len)
{
    udp->msgs[i].msg_hdr = (struct msghdr){.msg_name = &udp->names[i],
                                           .msg_namelen = sizeof(udp->names[i]),
                                           .msg_iov = &udp->iov[iov],
                                           .msg_iovlen = iov_len,
                                           .msg_control = udp->controls[i].b,
                                           .msg_controllen = JV_UDP_CONTROL_BYTES};
}

/* A pending ICMP error is reported by failing one call, and waits in the error queue besides: here it is only stepped over.
 * Each failure takes one error away; the bound keeps a storm of them from holding the loop. */
static uint32_t recv_messages(struct jv_udp *udp, uint32_t n)
{
    for (int tries = 0; tries < 4; tries++) {
        int got = recvmmsg(udp->fd, udp->msgs, n, MSG_DONTWAIT, NULL);
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

/* What all datagrams of a message have in common; returns the size of its segments. */
static uint32_t describe(struct jv_udp *udp, uint32_t i, struct jv_instant now,
                         struct jv_slot *like)
{
    *like = (struct jv_slot){.off = JV_BUF_HEADROOM,
                             .link = udp->link,
                             .remote = jv_udp_from_sockaddr(&udp->names[i]),
                             .received = now};
    like->local.port = udp->local.port;
    return read_control(&udp->msgs[i].msg_hdr, like);
}

static void fill(struct jv_slot *slot, const struct jv_slot *like, uint32_t len)
{
    uint8_t *buf = slot->buf;
    *slot = *like;
    slot->buf = buf;
    slot->len = len;
}

static void count(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        udp->counts.received_bytes += slots[i].len;
    }
    udp->counts.received += n;
}

/* ---- one datagram a message ---- */

static uint32_t recv_plain(struct jv_udp *udp, struct jv_instant now, struct jv_slot *slots,
                           uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        udp->iov[i] = (struct iovec){slots[i].buf + JV_BUF_HEADROOM, JV_BUF_ROOM};
        prepare(udp, i, i, 1);
    }
    uint32_t got = recv_messages(udp, n);
    uint32_t filled = 0;
    for (uint32_t i = 0; i < got; i++) {
        if ((udp->msgs[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            udp->counts.truncated++;
            continue;
        }
        struct jv_slot like;
        (void)describe(udp, i, now, &like);
        uint8_t *buf = slots[i].buf;
        slots[i].buf = slots[filled].buf;
        slots[filled].buf = buf;
        fill(&slots[filled++], &like, udp->msgs[i].msg_len);
    }
    return filled;
}

/* ---- several datagrams a message (UDP_GRO) ---- */

static uint32_t take_rest(struct jv_udp *udp, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    while (filled < n && udp->rest.at < udp->rest.end) {
        const uint8_t *from = udp->gathered + udp->rest.at;
        uint32_t len = JV_MIN(udp->rest.seg_bytes, udp->rest.end - udp->rest.at);
        udp->rest.at += len;
        if (len > JV_BUF_ROOM) {
            udp->counts.truncated++;
            continue;
        }
        memcpy(slots[filled].buf + JV_BUF_HEADROOM, from, len);
        fill(&slots[filled++], &udp->rest.like, len);
    }
    return filled;
}

static void set_rest(struct jv_udp *udp, const struct jv_slot *like, uint32_t at, uint32_t end,
                     uint32_t seg_bytes)
{
    udp->rest.like = *like;
    udp->rest.at = at;
    udp->rest.end = end;
    udp->rest.seg_bytes = seg_bytes;
}

/* The guess was wrong: the next message is likely to be made of datagrams like these, where they are large. */
static void learn(struct jv_udp *udp, uint32_t seg_bytes, uint32_t len)
{
    bool is_large = seg_bytes > udp->expects_bytes || (seg_bytes < len && seg_bytes >= EXPECT_MIN);
    if (is_large && seg_bytes <= JV_BUF_ROOM) {
        udp->expects_bytes = seg_bytes;
    }
}

/*
 * The kernel hands over many datagrams of one size as one run of bytes. Told where each is expected to begin, it copies each to where
 * it is wanted; where the guess was wrong the bytes are put together again in `gathered`, and cut.
 */
static uint32_t recv_message(struct jv_udp *udp, struct jv_instant now, struct jv_slot *slots,
                             uint32_t n, bool *is_empty, bool *is_run)
{
    uint32_t size = udp->expects_bytes;
    uint32_t used = JV_MIN(n, (JV_UDP_GSO_BYTES + size - 1) / size);
    for (uint32_t i = 0; i < used; i++) {
        udp->iov[i] = (struct iovec){slots[i].buf + JV_BUF_HEADROOM, size};
    }
    uint32_t placed = JV_MIN(used * size, JV_UDP_GSO_BYTES);
    udp->iov[used] =
        (struct iovec){udp->gathered + placed, (size_t)(JV_UDP_GSO_BYTES - placed) + 1};
    prepare(udp, 0, 0, used + 1);
    *is_empty = recv_messages(udp, 1) == 0;
    if (*is_empty) {
        return 0;
    }
    struct jv_slot like;
    uint32_t len = udp->msgs[0].msg_len;
    uint32_t seg_bytes = describe(udp, 0, now, &like);
    if (seg_bytes == 0 || seg_bytes > len) {
        seg_bytes = len;
    }
    if (len == 0 || len > JV_UDP_GSO_BYTES) {
        udp->counts.truncated += len > 0;
        return 0;
    }
    udp->counts.gro_messages += seg_bytes < len;
    uint32_t filled = 0;
    if (seg_bytes == size || (seg_bytes == len && len <= size)) {
        for (; filled < used && filled * seg_bytes < len; filled++) {
            fill(&slots[filled], &like, JV_MIN(seg_bytes, len - filled * seg_bytes));
        }
        set_rest(udp, &like, filled * seg_bytes, len, seg_bytes);
    } else {
        for (uint32_t i = 0; i < used && i * size < len; i++) {
            memcpy(udp->gathered + (size_t)i * size, slots[i].buf + JV_BUF_HEADROOM,
                   JV_MIN(size, len - i * size));
        }
        set_rest(udp, &like, 0, len, seg_bytes);
        filled = take_rest(udp, slots, n);
        learn(udp, seg_bytes, len);
    }
    *is_run = seg_bytes < len;
    return filled;
}

bool jv_udp_has_rest(const struct jv_udp *udp)
{
    return udp->rest.at < udp->rest.end;
}

uint32_t jv_udp_recv(struct jv_udp *udp, struct jv_instant now, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    n = JV_MIN(n, JV_BATCH_MAX);
    if (!udp->has_gro) {
        filled = recv_plain(udp, now, slots, n);
    } else {
        bool is_empty = false;
        bool is_run = jv_udp_has_rest(udp);
        filled = take_rest(udp, slots, n);
        /* The bound counts messages, so that a stream of over-long ones cannot hold the loop. */
        for (uint32_t i = 0; i < n && filled < n && !is_empty && !is_run; i++) {
            filled += recv_message(udp, now, slots + filled, n - filled, &is_empty, &is_run);
        }
    }
    count(udp, slots, filled);
    return filled;
}
