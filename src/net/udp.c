/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "udp_state.h"

socklen_t jv_udp_to_sockaddr(const struct jv_endpoint *ep, union jv_sockaddr *out)
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

struct jv_endpoint jv_udp_from_sockaddr(const union jv_sockaddr *addr)
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

/*
 * The first socket of a group has bound its port alone, so that a port which another process has is refused, be it shared there or
 * not; only then it lets the others in. The last one brings the rule for all: the kernel numbers the sockets in the order in which they
 * came, and a load from beyond the datagram ends a program with 0 (linux/filter.h; offsets count from the UDP payload).
 * NULL, or the name of the step that failed.
 */
static const char *share(int fd, const struct jv_udp_cfg *cfg)
{
    struct sock_filter rule[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, cfg->shard_off),
                                 BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, cfg->shards),
                                 BPF_STMT(BPF_RET | BPF_A, 0)};
    const struct sock_fprog program = {.len = JV_ARRAY_LEN(rule), .filter = rule};
    if (cfg->shards <= 1) {
        return NULL;
    }
    if (cfg->shard == 0) {
        return set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) ? NULL : "SO_REUSEPORT";
    }
    if (cfg->shard + 1U == cfg->shards &&
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) != 0) {
        return "SO_ATTACH_REUSEPORT_CBPF";
    }
    return NULL;
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
    /* With the output interface given, the kernel looks among the routes of that device only: the half routes into the
     * TUN do not match, although they are longer than the device's own default route (tests/netns/net_selftest.c,
     * device_bound_socket_ignores_half_routes, both families). */
    if (cfg->device != NULL && setsockopt(udp->fd, SOL_SOCKET, SO_BINDTODEVICE, cfg->device,
                                          (socklen_t)strlen(cfg->device) + 1U) != 0) {
        return "SO_BINDTODEVICE";
    }
    if (cfg->shard != 0 && !set_int(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
        return "SO_REUSEPORT";
    }
    union jv_sockaddr addr;
    socklen_t len = jv_udp_to_sockaddr(&cfg->local, &addr);
    if (bind(udp->fd, &addr.sa, len) != 0) {
        return "bind";
    }
    const char *failed = share(udp->fd, cfg);
    if (failed != NULL) {
        return failed;
    }
    len = sizeof(addr);
    if (getsockname(udp->fd, &addr.sa, &len) != 0) {
        return "getsockname";
    }
    udp->local = jv_udp_from_sockaddr(&addr);
    return NULL;
}

/* What this kernel lacks makes the socket slower, and is told by jv_udp_has_gso() and jv_udp_has_gro(). False: no memory. */
static bool set_offloads(struct jv_udp *udp, const struct jv_udp_cfg *cfg)
{
    /* Asked for without a size: only whether the kernel knows the option. */
    udp->has_gso = !cfg->no_gso && set_int(udp->fd, IPPROTO_UDP, UDP_SEGMENT, 0);
    udp->has_gro = !cfg->no_gro && set_int(udp->fd, IPPROTO_UDP, UDP_GRO, 1);
    udp->place_bytes = udp->has_gro ? JV_UDP_PLACE_BYTES : JV_BUF_BYTES;
    udp->places_len = udp->has_gro ? JV_UDP_PLACES : JV_BATCH_MAX;
    udp->places = malloc((size_t)udp->places_len * udp->place_bytes);
    return udp->places != NULL;
}

enum jv_err jv_udp_open(const struct jv_udp_cfg *cfg, struct jv_udp **out, const char **step_out)
{
    uint8_t family = cfg->local.ip.family;
    if ((family != JV_AF_4 && family != JV_AF_6) ||
        (cfg->device != NULL && strnlen(cfg->device, IFNAMSIZ) >= IFNAMSIZ)) {
        return JV_E_RANGE;
    }
    if (cfg->shard != 0 && (cfg->shard >= cfg->shards || cfg->local.port == 0)) {
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
    if (failed == NULL && !set_offloads(udp, cfg)) {
        failed = "malloc";
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
    free(udp->places);
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

bool jv_udp_has_gso(const struct jv_udp *udp)
{
    return udp->has_gso;
}

bool jv_udp_has_gro(const struct jv_udp *udp)
{
    return udp->has_gro;
}

const struct jv_udp_counts *jv_udp_counts(const struct jv_udp *udp)
{
    return &udp->counts;
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

enum jv_udp_err jv_udp_classify(uint8_t origin, uint32_t code)
{
    if (code == EMSGSIZE) {
        return JV_UDP_ERR_TOO_BIG;
    }
    return origin == SO_EE_ORIGIN_LOCAL ? JV_UDP_ERR_LOCAL : JV_UDP_ERR_ICMP_UNREACHABLE;
}

static bool read_fault(struct msghdr *msg, const union jv_sockaddr *to, struct jv_udp_fault *out)
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
                                     .remote = jv_udp_from_sockaddr(to)};
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
        union jv_sockaddr to = {0};
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
