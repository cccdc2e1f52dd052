/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECN_MASK 0x03U
#define DSCP_MASK 0x3f
#define DSCP_SHIFT 2
#define REFUSED_MAX                                                                                \
    4U /* datagrams in a row that a device drops before the rest of the batch is given up */
/* Room for a packet-info of IPv6 and a traffic class, with their headers: 40 + 24 bytes. */
#define CONTROL_BYTES 96U

union address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct control {
    _Alignas(struct cmsghdr) uint8_t b[CONTROL_BYTES];
};

struct jv_udp {
    int fd;
    uint32_t link;
    struct jv_endpoint local;
    struct jv_udp_counts counts;
    struct mmsghdr msgs[JV_BATCH_MAX];
    struct iovec iov[JV_BATCH_MAX];
    union address names[JV_BATCH_MAX];
    struct control controls[JV_BATCH_MAX];
};

static socklen_t to_sockaddr(const struct jv_endpoint *ep, union address *out)
{
    memset(out, 0, sizeof(*out));
    if (ep->ip.family == JV_AF_4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(ep->port);
        memcpy(&out->v4.sin_addr, ep->ip.b, sizeof(out->v4.sin_addr));
        return sizeof(out->v4);
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(ep->port);
    out->v6.sin6_scope_id = ep->scope;
    memcpy(&out->v6.sin6_addr, ep->ip.b, sizeof(out->v6.sin6_addr));
    return sizeof(out->v6);
}

static struct jv_endpoint from_sockaddr(const union address *addr)
{
    struct jv_endpoint ep = {0};
    if (addr->sa.sa_family == AF_INET) {
        ep.ip.family = JV_AF_4;
        memcpy(ep.ip.b, &addr->v4.sin_addr, sizeof(addr->v4.sin_addr));
        ep.port = ntohs(addr->v4.sin_port);
    } else if (addr->sa.sa_family == AF_INET6) {
        ep.ip.family = JV_AF_6;
        memcpy(ep.ip.b, &addr->v6.sin6_addr, sizeof(addr->v6.sin6_addr));
        ep.port = ntohs(addr->v6.sin6_port);
        ep.scope = addr->v6.sin6_scope_id;
    }
    return ep;
}

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Options of one family. Each is asked for because the core depends on it; NULL, or the name of the one refused. */
static const char *set_family_options(int fd, uint8_t family)
{
    /* PROBE: the don't-fragment bit is set and the size is ours to choose; the kernel does not lower it on the word of an
     * unauthenticated ICMP message. */
    if (family == JV_AF_4) {
        return !set_int(fd, IPPROTO_IP, IP_PKTINFO, 1)                        ? "IP_PKTINFO"
               : !set_int(fd, IPPROTO_IP, IP_RECVTOS, 1)                      ? "IP_RECVTOS"
               : !set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) ? "IP_MTU_DISCOVER"
               : !set_int(fd, IPPROTO_IP, IP_RECVERR, 1)                      ? "IP_RECVERR"
                                                                              : NULL;
    }
    return !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)        ? "IPV6_V6ONLY"
           : !set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) ? "IPV6_RECVPKTINFO"
           : !set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)  ? "IPV6_RECVTCLASS"
           : !set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
               ? "IPV6_MTU_DISCOVER"
           : !set_int(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1) ? "IPV6_DONTFRAG"
           : !set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)  ? "IPV6_RECVERR"
                                                          : NULL;
}

/* Beyond net.core.[rw]mem_max with CAP_NET_ADMIN, up to it without; a smaller buffer is a slower tunnel, not a failure. */
static void set_buffers(int fd, uint32_t bytes)
{
    int want = (int)JV_MIN(bytes, (uint32_t)INT32_MAX / 2U);
    if (!set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, want)) {
        (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, want);
    }
    if (!set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, want)) {
        (void)set_int(fd, SOL_SOCKET, SO_SNDBUF, want);
    }
}

/* NULL, or the name of the step that failed. */
static const char *set_up(struct jv_udp *udp, const struct jv_udp_cfg *cfg)
{
    const char *refused = set_family_options(udp->fd, cfg->local.ip.family);
    if (refused != NULL) {
        return refused;
    }
    set_buffers(udp->fd, cfg->buf_bytes != 0 ? cfg->buf_bytes : JV_UDP_BUF_BYTES);
    if (cfg->mark != 0 &&
        setsockopt(udp->fd, SOL_SOCKET, SO_MARK, &cfg->mark, sizeof(cfg->mark)) != 0) {
        return "SO_MARK";
    }
    if (cfg->reuse_port && !set_int(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
        return "SO_REUSEPORT";
    }
    /* With the output interface given, the kernel looks among the routes of that device only: the half routes into the
     * TUN do not match, although they are longer than the device's own default route (tests/netns/net_selftest.c,
     * device_bound_socket_ignores_half_routes, both families). */
    if (cfg->device != NULL && setsockopt(udp->fd, SOL_SOCKET, SO_BINDTODEVICE, cfg->device,
                                          (socklen_t)strlen(cfg->device) + 1U) != 0) {
        return "SO_BINDTODEVICE";
    }
    union address addr;
    socklen_t len = to_sockaddr(&cfg->local, &addr);
    if (bind(udp->fd, &addr.sa, len) != 0) {
        return "bind";
    }
    len = sizeof(addr);
    if (getsockname(udp->fd, &addr.sa, &len) != 0) {
        return "getsockname";
    }
    udp->local = from_sockaddr(&addr);
    return NULL;
}

enum jv_err jv_udp_open(const struct jv_udp_cfg *cfg, struct jv_udp **out, const char **step_out)
{
    uint8_t family = cfg->local.ip.family;
    if ((family != JV_AF_4 && family != JV_AF_6) ||
        (cfg->device != NULL && strnlen(cfg->device, IFNAMSIZ) >= IFNAMSIZ)) {
        return JV_E_RANGE;
    }
    struct jv_udp *udp = calloc(1, sizeof(*udp));
    if (udp == NULL) {
        return JV_E_NOMEM;
    }
    udp->link = cfg->link;
    const char *failed = "socket";
    udp->fd = socket(family == JV_AF_4 ? AF_INET : AF_INET6,
                     SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (udp->fd >= 0) {
        failed = set_up(udp, cfg);
    }
    if (failed != NULL) {
        int saved = errno;
        jv_udp_close(udp);
        errno = saved;
        if (step_out != NULL) {
            *step_out = failed;
        }
        return saved == EPERM || saved == EACCES ? JV_E_PERM : JV_E_SYSTEM;
    }
    *out = udp;
    return JV_E_OK;
}

void jv_udp_close(struct jv_udp *udp)
{
    if (udp == NULL) {
        return;
    }
    if (udp->fd >= 0) {
        (void)close(udp->fd); /* a UDP socket has nothing to flush */
    }
    free(udp);
}

int jv_udp_fd(const struct jv_udp *udp)
{
    return udp->fd;
}

struct jv_endpoint jv_udp_local(const struct jv_udp *udp)
{
    return udp->local;
}

const struct jv_udp_counts *jv_udp_counts(const struct jv_udp *udp)
{
    return &udp->counts;
}

static void read_control(struct msghdr *msg, struct jv_slot *slot)
{
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
            slot->ecn = *CMSG_DATA(c) & ECN_MASK; /* one byte on receipt, an int on sending */
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int tclass;
            memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
            slot->ecn = (uint8_t)((unsigned)tclass & ECN_MASK);
        }
    }
}

static void prepare_recv(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        udp->iov[i] = (struct iovec){slots[i].buf + JV_BUF_HEADROOM, JV_BUF_ROOM};
        udp->msgs[i].msg_hdr = (struct msghdr){.msg_name = &udp->names[i],
                                               .msg_namelen = sizeof(udp->names[i]),
                                               .msg_iov = &udp->iov[i],
                                               .msg_iovlen = 1,
                                               .msg_control = udp->controls[i].b,
                                               .msg_controllen = CONTROL_BYTES};
    }
}

/* A pending ICMP error is reported by failing one call, and waits in the error queue besides: here it is only stepped over.
 * Each failure takes one error away; the bound keeps a storm of them from holding the loop. */
static int recv_batch(struct jv_udp *udp, uint32_t n)
{
    for (int tries = 0; tries < 4; tries++) {
        int got = recvmmsg(udp->fd, udp->msgs, n, MSG_DONTWAIT, NULL);
        if (got >= 0) {
            return got;
        }
        if (errno == EAGAIN) {
            return 0;
        }
        udp->counts.recv_errors += errno != EINTR;
    }
    return 0;
}

uint32_t jv_udp_recv(struct jv_udp *udp, struct jv_instant now, struct jv_slot *slots, uint32_t n)
{
    n = JV_MIN(n, JV_BATCH_MAX);
    prepare_recv(udp, slots, n);
    uint32_t got = (uint32_t)recv_batch(udp, n);
    uint32_t filled = 0;
    for (uint32_t i = 0; i < got; i++) {
        struct msghdr *msg = &udp->msgs[i].msg_hdr;
        if ((msg->msg_flags & MSG_TRUNC) != 0) {
            udp->counts.truncated++;
            continue;
        }
        uint8_t *buf = slots[i].buf;
        slots[i].buf = slots[filled].buf;
        struct jv_slot *slot = &slots[filled++];
        *slot = (struct jv_slot){.buf = buf,
                                 .off = JV_BUF_HEADROOM,
                                 .len = udp->msgs[i].msg_len,
                                 .link = udp->link,
                                 .remote = from_sockaddr(&udp->names[i]),
                                 .received = now};
        slot->local.port = udp->local.port;
        read_control(msg, slot);
        udp->counts.received_bytes += slot->len;
    }
    udp->counts.received += filled;
    return filled;
}

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

static void prepare_send(struct jv_udp *udp, const struct jv_slot *slot, uint32_t i)
{
    struct msghdr *msg = &udp->msgs[i].msg_hdr;
    udp->iov[i] = (struct iovec){slot->buf + slot->off, slot->len};
    memset(&udp->controls[i], 0, sizeof(udp->controls[i]));
    *msg = (struct msghdr){.msg_name = &udp->names[i],
                           .msg_namelen = to_sockaddr(&slot->remote, &udp->names[i]),
                           .msg_iov = &udp->iov[i],
                           .msg_iovlen = 1,
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
    int tos = (slot->ecn & (int)ECN_MASK) | (slot->dscp & DSCP_MASK) << DSCP_SHIFT;
    if (tos != 0 && udp->local.ip.family == JV_AF_4) {
        (void)put_control(msg, at, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    } else if (tos != 0) {
        (void)put_control(msg, at, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    }
    if (msg->msg_controllen == 0) {
        msg->msg_control = NULL;
    }
}

bool jv_udp_is_local_fact(int code, bool has_source)
{
    switch (code) {
    case ENETDOWN:
    case ENODEV:
    case ENXIO:
    case EADDRNOTAVAIL:
    case ENETUNREACH:
    case EHOSTUNREACH:
        return true;
    case EINVAL: /* the kernel's answer to a source address that is not, or is no longer, ours */
        return has_source;
    default:
        return false;
    }
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

static void send_prepared(struct jv_udp *udp, const struct jv_slot *slots, uint32_t n,
                          struct jv_udp_sent *sent)
{
    bool has_retried = false;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < n;) {
        int put = sendmmsg(udp->fd, &udp->msgs[i], n - i, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put > 0) {
            sent->sent += (uint32_t)put;
            for (uint32_t end = i + (uint32_t)put; i < end; i++) {
                udp->counts.sent_bytes += slots[i].len;
            }
            has_retried = false;
            refused = 0;
        } else if (errno == ENOBUFS && refused < REFUSED_MAX) {
            /* The device dropped this one, for its queue or for its size: the next may pass. */
            sent->dropped_full++;
            refused++;
            i++;
        } else if (is_full(errno) || errno == ENOBUFS) {
            /* What the queue has no room for at this moment is late already; the rest would only wait behind it. */
            sent->dropped_full += n - i;
            return;
        } else if (!has_retried) {
            /* The first failure may be the echo of an earlier datagram (a pending ICMP error, which this call has
             * cleared); an error of this datagram's own comes again. */
            has_retried = true;
        } else {
            count_failure(udp, &slots[i], errno, sent);
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
        uint32_t len = JV_MIN(n - at, JV_BATCH_MAX);
        for (uint32_t i = 0; i < len; i++) {
            prepare_send(udp, &slots[at + i], i);
        }
        send_prepared(udp, slots + at, len, &sent);
    }
    udp->counts.sent += sent.sent;
    udp->counts.dropped_full += sent.dropped_full;
    udp->counts.dropped_too_big += sent.dropped_too_big;
    udp->counts.dropped_local += sent.dropped_local;
    udp->counts.dropped_other += sent.dropped_other;
    *result_out = sent;
}

enum jv_udp_err jv_udp_classify(uint8_t origin, uint32_t code)
{
    if (code == EMSGSIZE) {
        return JV_UDP_ERR_TOO_BIG;
    }
    return origin == SO_EE_ORIGIN_LOCAL ? JV_UDP_ERR_LOCAL : JV_UDP_ERR_ICMP_UNREACHABLE;
}

static bool read_fault(struct msghdr *msg, const union address *to, struct jv_udp_fault *out)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
            !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
            continue;
        }
        struct sock_extended_err e;
        memcpy(&e, CMSG_DATA(c), sizeof(e));
        if (e.ee_origin != SO_EE_ORIGIN_LOCAL && e.ee_origin != SO_EE_ORIGIN_ICMP &&
            e.ee_origin != SO_EE_ORIGIN_ICMP6) {
            return false;
        }
        *out = (struct jv_udp_fault){.kind = jv_udp_classify(e.ee_origin, e.ee_errno),
                                     .is_local = e.ee_origin == SO_EE_ORIGIN_LOCAL,
                                     .code = (int)e.ee_errno,
                                     .mtu = e.ee_errno == EMSGSIZE ? e.ee_info : 0,
                                     .remote = from_sockaddr(to)};
        return true;
    }
    return false;
}

static void count_fault(struct jv_udp_counts *counts, enum jv_udp_err kind)
{
    switch (kind) {
    case JV_UDP_ERR_LOCAL:
        counts->errors_local++;
        break;
    case JV_UDP_ERR_ICMP_UNREACHABLE:
        counts->errors_unreachable++;
        break;
    case JV_UDP_ERR_TOO_BIG:
        counts->errors_too_big++;
        break;
    }
}

uint32_t jv_udp_errors(struct jv_udp *udp, struct jv_udp_fault *faults, uint32_t n)
{
    uint32_t filled = 0;
    while (filled < n) {
        /* The offending datagram's bytes are not wanted, only where it was going. */
        uint8_t nothing[1];
        union address to = {0};
        struct iovec iov = {nothing, sizeof(nothing)};
        _Alignas(struct cmsghdr) uint8_t control[256];
        struct msghdr msg = {.msg_name = &to,
                             .msg_namelen = sizeof(to),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        if (recvmsg(udp->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        if (read_fault(&msg, &to, &faults[filled])) {
            count_fault(&udp->counts, faults[filled].kind);
            filled++;
        } else {
            udp->counts.errors_unknown++;
        }
    }
    return filled;
}
