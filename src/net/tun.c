/* SPDX-License-Identifier: Apache-2.0 */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Missing in the headers of kernels before 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

struct jv_tun {
    int fd;
    uint32_t ifindex;
    bool has_hdr; /* a virtio_net_hdr stands before each packet */
    bool has_csum, has_tso, has_uso;
    char name[IFNAMSIZ];
    struct jv_tun_counts counts;
};

/* The kernel takes "%d" for a pattern and names with '/' or ':' for none. */
static bool is_name(const char *name)
{
    size_t len = strnlen(name, IFNAMSIZ);
    return len > 0 && len < IFNAMSIZ && strpbrk(name, "%/: \t\n") == NULL;
}

static enum jv_err attach(struct jv_tun *tun, short flags)
{
    struct ifreq req = {0};
    req.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags);
    memcpy(req.ifr_name, tun->name, sizeof(req.ifr_name));
    if (ioctl(tun->fd, TUNSETIFF, &req) != 0) {
        if (errno == EPERM || errno == EACCES) {
            return JV_E_PERM;
        }
        /* EINVAL: a device of this name is there and is of another kind. */
        return errno == EBUSY || errno == EINVAL ? JV_E_EXISTS : JV_E_SYSTEM;
    }
    tun->ifindex = if_nametoindex(tun->name);
    return tun->ifindex == 0 ? JV_E_SYSTEM : JV_E_OK;
}

static bool set_offloads(struct jv_tun *tun, unsigned offloads)
{
    return ioctl(tun->fd, TUNSETOFFLOAD, (unsigned long)offloads) == 0;
}

/* From all to nothing, one feature after the other: a kernel without one may have the rest. A device that was adopted may have some of
 * another process: what is not used is taken off. */
static void choose_offloads(struct jv_tun *tun, const struct jv_tun_cfg *cfg)
{
    static const unsigned tso = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    int hdr_bytes = sizeof(struct virtio_net_hdr);
    if (!tun->has_hdr || ioctl(tun->fd, TUNSETVNETHDRSZ, &hdr_bytes) != 0 || cfg->no_csum) {
        (void)set_offloads(tun, 0);
        return;
    }
    tun->has_csum = true;
    tun->has_tso = !cfg->no_tso;
    tun->has_uso = tun->has_tso && !cfg->no_uso;
    if (tun->has_uso && !set_offloads(tun, TUN_F_CSUM | tso | TUN_F_USO4 | TUN_F_USO6)) {
        tun->has_uso = false;
    }
    if (tun->has_tso && !tun->has_uso && !set_offloads(tun, TUN_F_CSUM | tso)) {
        tun->has_tso = false;
    }
    if (!tun->has_tso && !set_offloads(tun, TUN_F_CSUM)) {
        tun->has_csum = false;
        (void)set_offloads(tun, 0);
    }
}

enum jv_err jv_tun_open(const struct jv_tun_cfg *cfg, struct jv_tun **out, bool *adopted_out)
{
    const char *name = cfg->name;
    if (!is_name(name)) {
        return JV_E_RANGE;
    }
    struct jv_tun *tun = calloc(1, sizeof(*tun));
    if (tun == NULL) {
        return JV_E_NOMEM;
    }
    memcpy(tun->name, name, strlen(name) + 1);
    bool existed = if_nametoindex(name) != 0;
    tun->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    enum jv_err err = JV_E_SYSTEM;
    if (tun->fd >= 0) {
        tun->has_hdr = !cfg->no_hdr;
        err = attach(tun, tun->has_hdr ? IFF_VNET_HDR : 0);
    } else if (errno == EPERM || errno == EACCES) {
        err = JV_E_PERM;
    }
    if (err != JV_E_OK) {
        int saved = errno;
        jv_tun_close(tun);
        errno = saved;
        return err;
    }
    choose_offloads(tun, cfg);
    if (adopted_out != NULL) {
        *adopted_out = existed;
    }
    *out = tun;
    return JV_E_OK;
}

void jv_tun_close(struct jv_tun *tun)
{
    if (tun == NULL) {
        return;
    }
    if (tun->fd >= 0) {
        (void)close(tun->fd); /* writes are complete when write() returns; nothing is lost here */
    }
    free(tun);
}

enum jv_err jv_tun_set_persist(struct jv_tun *tun, bool persist)
{
    return ioctl(tun->fd, TUNSETPERSIST, persist ? 1UL : 0UL) == 0 ? JV_E_OK : JV_E_SYSTEM;
}

int jv_tun_fd(const struct jv_tun *tun)
{
    return tun->fd;
}

uint32_t jv_tun_ifindex(const struct jv_tun *tun)
{
    return tun->ifindex;
}

const char *jv_tun_name(const struct jv_tun *tun)
{
    return tun->name;
}

const struct jv_tun_counts *jv_tun_counts(const struct jv_tun *tun)
{
    return &tun->counts;
}

bool jv_tun_has_csum(const struct jv_tun *tun)
{
    return tun->has_csum;
}

bool jv_tun_has_tso(const struct jv_tun *tun)
{
    return tun->has_tso;
}

bool jv_tun_has_uso(const struct jv_tun *tun)
{
    return tun->has_uso;
}

/* ---- the virtio header ---- */

static bool from_hdr(const struct virtio_net_hdr *hdr, const uint8_t *packet, struct jv_gso *out)
{
    static const uint8_t kinds = (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    *out = (struct jv_gso){.is_csum_partial = (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0,
                           .csum_start = hdr->csum_start,
                           .csum_offset = hdr->csum_offset,
                           .hdr_bytes = hdr->hdr_len,
                           .seg_bytes = hdr->gso_size};
    out->is_ecn = (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
    switch (hdr->gso_type & kinds) {
    case VIRTIO_NET_HDR_GSO_NONE:
        out->kind = JV_GSO_NONE;
        out->seg_bytes = 0;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        out->kind = JV_GSO_TCP4;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        out->kind = JV_GSO_TCP6;
        return true;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        out->kind = packet[0] >> 4 == 4 ? JV_GSO_UDP4 : JV_GSO_UDP6;
        return true;
    default:
        return false;
    }
}

static struct virtio_net_hdr to_hdr(const struct jv_gso *gso)
{
    static const uint8_t types[] = {[JV_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
                                    [JV_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
                                    [JV_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
                                    [JV_GSO_UDP4] = VIRTIO_NET_HDR_GSO_UDP_L4,
                                    [JV_GSO_UDP6] = VIRTIO_NET_HDR_GSO_UDP_L4};
    struct virtio_net_hdr hdr = {.gso_type = types[gso->kind]};
    if (gso->is_csum_partial) {
        hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        hdr.csum_start = gso->csum_start;
        hdr.csum_offset = gso->csum_offset;
    }
    if (gso->kind != JV_GSO_NONE) {
        hdr.hdr_len = gso->hdr_bytes;
        hdr.gso_size = gso->seg_bytes;
        hdr.gso_type |= gso->is_ecn ? VIRTIO_NET_HDR_GSO_ECN : 0;
    }
    return hdr;
}

/* ---- packets ---- */

uint32_t jv_tun_read(struct jv_tun *tun, struct iovec *iov, uint32_t len, struct jv_gso *gso)
{
    struct virtio_net_hdr hdr = {0};
    size_t hdr_bytes = tun->has_hdr ? sizeof(hdr) : 0;
    iov[0] = (struct iovec){&hdr, hdr_bytes};
    /* The bound counts attempts, so that a stream of packets of no use cannot hold the loop. */
    for (uint32_t tries = 0; tries < JV_BATCH_MAX; tries++) {
        ssize_t got = readv(tun->fd, iov, (int)len);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            tun->counts.read_errors += errno != EAGAIN;
            return 0;
        }
        size_t bytes = (size_t)got - JV_MIN((size_t)got, hdr_bytes);
        if (bytes > JV_GSO_BYTES_MAX) {
            tun->counts.read_too_long++; /* the kernel cuts without a word: one byte more tells */
            continue;
        }
        if (bytes == 0 || !from_hdr(&hdr, iov[1].iov_base, gso)) {
            tun->counts.read_errors++;
            continue;
        }
        tun->counts.read += 1;
        tun->counts.read_gso += gso->kind != JV_GSO_NONE;
        tun->counts.read_bytes += bytes;
        return (uint32_t)bytes;
    }
    return 0;
}

static void count_refusal(struct jv_tun_counts *counts, int code)
{
    if (code == EAGAIN || code == ENOBUFS || code == ENOMEM) {
        counts->dropped_full++;
    } else if (code == EINVAL) {
        counts->dropped_invalid++;
    } else {
        counts->dropped_down++; /* EIO: the device is down; EBADFD: it is gone */
    }
}

bool jv_tun_write(struct jv_tun *tun, const struct jv_gso *gso, struct iovec *iov, uint32_t len)
{
    struct virtio_net_hdr hdr = to_hdr(gso);
    ssize_t put;
    iov[0] = (struct iovec){&hdr, tun->has_hdr ? sizeof(hdr) : 0};
    do {
        put = writev(tun->fd, iov, (int)len);
    } while (put < 0 && errno == EINTR);
    if (put < 0) {
        count_refusal(&tun->counts, errno);
        return false;
    }
    tun->counts.written++;
    tun->counts.written_gso += gso->kind != JV_GSO_NONE;
    tun->counts.written_bytes += (uint64_t)put - iov[0].iov_len;
    return true;
}
