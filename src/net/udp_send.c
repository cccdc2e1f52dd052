/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "udp_state.h"

/* Datagrams in a row that a device drops before the rest of the batch is given up. */
#define REFUSED_MAX 4U
/* UDP_MAX_SEGMENTS of the kernel (linux/udp.h): 64 before 6.9, 128 since. */
#define SEGMENTS_MAX 64U
/* Of a message that the kernel cuts: less than an IPv6 packet with its headers can have. */
#define MESSAGE_BYTES_MAX 65000U

static struct cmsghdr *put_control(struct msghdr *msg, struct cmsghdr *at, int level, int type,
                                   const void *data, size_t len)
{
    at->cmsg_level = level;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(at), data, len);
    msg->msg_controllen += CMSG_SPACE(len);
    return (struct cmsghdr *)(void *)((uint8_t *)at + CMSG_SPACE(len));
}

/* One message for slots[first..end), which differ in their bytes alone; more than one are segments of the first one's size. */
static void prepare_send(struct jv_udp *udp, const struct jv_slot *slots, uint32_t first,
                         uint32_t end, uint32_t i)
{
    const struct jv_slot *slot = &slots[first];
    struct msghdr *msg = &udp->msgs[i].msg_hdr;
    memset(&udp->controls[i], 0, sizeof(udp->controls[i]));
    for (uint32_t k = first; k < end; k++) {
        udp->iov[k] = (struct iovec){slots[k].buf + slots[k].off, slots[k].len};
    }
    *msg = (struct msghdr){.msg_name = &udp->names[i],
                           .msg_namelen = jv_udp_to_sockaddr(&slot->remote, &udp->names[i]),
                           .msg_iov = &udp->iov[first],
                           .msg_iovlen = end - first,
                           .msg_control = udp->controls[i].b};
    struct cmsghdr *at = (struct cmsghdr *)(void *)udp->controls[i].b;
    if (slot->local.ip.family == JV_AF_4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, slot->local.ip.b, sizeof(info.ipi_spec_dst));
        at = put_control(msg, at, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else if (slot->local.ip.family == JV_AF_6) {
        struct in6_pktinfo info = {.ipi6_ifindex = slot->local.scope};
        memcpy(&info.ipi6_addr, slot->local.ip.b, sizeof(info.ipi6_addr));
        at = put_control(msg, at, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    int tos = (slot->ecn & (int)JV_UDP_ECN_MASK) | (slot->dscp & JV_UDP_DSCP_MASK)
                                                       << JV_UDP_DSCP_SHIFT;
    if (tos != 0 && udp->local.ip.family == JV_AF_4) {
        at = put_control(msg, at, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    } else if (tos != 0) {
        at = put_control(msg, at, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    }
    if (end - first > 1) {
        uint16_t seg_bytes = (uint16_t)slot->len;
        (void)put_control(msg, at, IPPROTO_UDP, UDP_SEGMENT, &seg_bytes, sizeof(seg_bytes));
    }
    if (msg->msg_controllen == 0) {
        msg->msg_control = NULL;
    }
}

static bool is_alike(const struct jv_slot *a, const struct jv_slot *b)
{
    return a->ecn == b->ecn && a->dscp == b->dscp && jv_endpoint_is_equal(&a->remote, &b->remote) &&
           jv_ip_is_equal(&a->local.ip, &b->local.ip) && a->local.scope == b->local.scope;
}

/* The end of the run that begins at `first`: segments of one size, of which the last may be shorter. */
static uint32_t end_of_run(const struct jv_udp *udp, const struct jv_slot *slots, uint32_t first,
                           uint32_t n)
{
    uint32_t end = first + 1;
    uint32_t size = slots[first].len;
    uint32_t bytes = size;
    if (!udp->has_gso) {
        return end;
    }
    while (end < n && end - first < SEGMENTS_MAX && slots[end].len <= size &&
           slots[end - 1].len == size && bytes + slots[end].len <= MESSAGE_BYTES_MAX &&
           is_alike(&slots[first], &slots[end])) {
        bytes += slots[end].len;
        end++;
    }
    return end;
}

static bool is_full(int code)
{
    return code == EAGAIN || code == ENOMEM;
}

static void count_failure(const struct jv_udp *udp, const struct jv_slot *slot, int code,
                          struct jv_udp_sent *sent)
{
    static const uint8_t any[sizeof(slot->local.ip.b)] = {0};
    bool has_source =
        slot->local.ip.family != JV_AF_NONE || memcmp(udp->local.ip.b, any, sizeof(any)) != 0;
    if (code == EMSGSIZE) {
        sent->dropped_too_big++;
    } else if (jv_udp_is_local_fact(code, has_source)) {
        sent->dropped_local++;
        sent->local_errno = code;
    } else {
        sent->dropped_other++;
        sent->other_errno = code;
    }
}

static bool is_passing(int code)
{
    return is_full(code) || code == ENOBUFS;
}

static void send_messages(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n,
                          struct jv_udp_sent *sent);

/*
 * A run was refused as a whole, for one reason that all its datagrams share or because this device cannot cut it: each goes alone, and
 * has a result of its own. Where that works, it is the cutting that does not.
 */
static bool send_alone(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n,
                       struct jv_udp_sent *sent)
{
    struct jv_udp_sent before = *sent;
    bool has_gso = udp->has_gso;
    udp->has_gso = false;
    send_messages(udp, slots, n, sent);
    bool is_cutting = sent->sent - before.sent == n;
    udp->has_gso = has_gso && !is_cutting;
    udp->counts.gso_refused++;
    return is_cutting;
}

static void send_messages(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n,
                          struct jv_udp_sent *sent)
{
    uint32_t messages = 0;
    for (uint32_t at = 0; at < n; messages++) {
        udp->firsts[messages] = at;
        at = end_of_run(udp, slots, at, n);
        prepare_send(udp, slots, udp->firsts[messages], at, messages);
    }
    udp->firsts[messages] = n;
    bool has_retried = false;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < messages;) {
        int put = sendmmsg(udp->fd, &udp->msgs[i], messages - i, MSG_DONTWAIT | MSG_NOSIGNAL);
        uint32_t first = udp->firsts[i];
        uint32_t len = udp->firsts[i + 1] - first;
        if (put > 0) {
            uint32_t end = udp->firsts[i + (uint32_t)put];
            sent->sent += end - first;
            for (int k = 0; k < put; k++, i++) {
                udp->counts.gso_messages += udp->firsts[i + 1] - udp->firsts[i] > 1;
            }
            for (uint32_t k = first; k < end; k++) {
                udp->counts.sent_bytes += slots[k].len;
            }
            has_retried = false;
            refused = 0;
        } else if (errno == ENOBUFS && refused < REFUSED_MAX) {
            /* The device dropped this one, for its queue or for its size: the next may pass. */
            sent->dropped_full += len;
            refused++;
            i++;
        } else if (is_passing(errno)) {
            /* What the queue has no room for at this moment is late already; the rest would only wait behind it. */
            sent->dropped_full += n - first;
            return;
        } else if (!has_retried) {
            /* The first failure may be the echo of an earlier datagram (a pending ICMP error, which this call has
             * cleared); an error of this datagram's own comes again. */
            has_retried = true;
        } else if (len > 1) {
            /* Everything behind it, too: the message headers are made anew. */
            uint32_t end = udp->firsts[i + 1];
            (void)send_alone(udp, slots + first, len, sent);
            send_messages(udp, slots + end, n - end, sent);
            return;
        } else {
            count_failure(udp, &slots[first], errno, sent);
            has_retried = false;
            i++;
        }
    }
}

void jv_udp_send(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n,
                 struct jv_udp_sent *result_out)
{
    struct jv_udp_sent sent = {0};
    for (uint32_t at = 0; at < n; at += JV_BATCH_MAX) {
        send_messages(udp, slots + at, JV_MIN(n - at, JV_BATCH_MAX), &sent);
    }
    udp->counts.sent += sent.sent;
    udp->counts.dropped_full += sent.dropped_full;
    udp->counts.dropped_too_big += sent.dropped_too_big;
    udp->counts.dropped_local += sent.dropped_local;
    udp->counts.dropped_other += sent.dropped_other;
    *result_out = sent;
}
