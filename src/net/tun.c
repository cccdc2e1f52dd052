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

#include "bql.h"
#include "netcfg.h"

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
    bool has_queues, is_renewed;
    bool has_csum, has_tso, has_uso;
    uint32_t queue, queues; /* this one's number; of the first one: how many there are */
    struct jv_bql *bql;     /* NULL: no bound; the first queue's */
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

/* JV_E_NOTFOUND: the device is not there, or is of one queue. */
static enum jv_err count_queues(const char *name, uint32_t *out)
{
    uint32_t ifindex = 0;
    struct jv_netcfg *net = NULL;
    enum jv_err err = jv_netcfg_open(&net);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_netcfg_ifindex(net, name, &ifindex);
    if (err == JV_E_OK) {
        err = jv_netcfg_tun_queues(net, ifindex, out);
    }
    int code = jv_netcfg_errno(net);
    jv_netcfg_close(net);
    errno = code;
    return err;
}

/*
 * Who attaches to a device of one queue has it alone; of a device of several he gets one more, and takes a share of the packets of the
 * process that has the others. So it is looked at before, and again after: another process may have come in between.
 */
static enum jv_err attach_alone(struct jv_tun *tun, short flags)
{
    uint32_t len = 0;
    if ((flags & IFF_MULTI_QUEUE) == 0) {
        return attach(tun, flags);
    }
    enum jv_err err = count_queues(tun->name, &len);
    if (err != JV_E_OK && err != JV_E_NOTFOUND) {
        return err;
    }
    if (len == 0) {
        err = attach(tun, flags);
        if (err != JV_E_OK) {
            return err;
        }
        err = count_queues(tun->name, &len);
        if (err == JV_E_OK && len == 1) {
            return JV_E_OK;
        }
        if (err != JV_E_OK) {
            return err == JV_E_NOTFOUND ? JV_E_UNSUPPORTED : err;
        }
    }
    errno = EBUSY;
    return JV_E_EXISTS;
}

static enum jv_err open_file(struct jv_tun *tun)
{
    tun->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun->fd >= 0) {
        return JV_E_OK;
    }
    return errno == EPERM || errno == EACCES ? JV_E_PERM : JV_E_SYSTEM;
}

static short flags_of(const struct jv_tun *tun)
{
    return (short)((tun->has_hdr ? IFF_VNET_HDR : 0) | (tun->has_queues ? IFF_MULTI_QUEUE : 0));
}

/* A device that nobody has goes with the last descriptor, once it is not persistent. */
static enum jv_err remove_other_kind(const struct jv_tun *tun)
{
    struct jv_tun other = {.has_queues = !tun->has_queues};
    memcpy(other.name, tun->name, sizeof(other.name));
    enum jv_err err = open_file(&other);
    if (err != JV_E_OK) {
        return err;
    }
    err = attach_alone(&other, flags_of(&other));
    if (err == JV_E_OK) {
        err = jv_tun_set_persist(&other, false);
    }
    int saved = errno;
    (void)close(other.fd); /* nothing was written */
    errno = saved;
    return err;
}

static enum jv_err open_device(struct jv_tun *tun, bool takes_any)
{
    enum jv_err err = open_file(tun);
    if (err == JV_E_OK) {
        err = attach_alone(tun, flags_of(tun));
    }
    if (err != JV_E_EXISTS || errno != EINVAL) {
        return err;
    }
    if (takes_any) {
        tun->has_queues = !tun->has_queues;
        return attach_alone(tun, flags_of(tun));
    }
    err = remove_other_kind(tun);
    if (err == JV_E_OK) {
        err = attach_alone(tun, flags_of(tun));
    }
    tun->is_renewed = err == JV_E_OK;
    return err;
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

static enum jv_err give(struct jv_tun *tun, enum jv_err err, struct jv_tun **out)
{
    if (err == JV_E_OK) {
        *out = tun;
        return JV_E_OK;
    }
    int saved = errno;
    jv_tun_close(tun);
    errno = saved;
    return err;
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
    tun->has_hdr = !cfg->no_hdr;
    tun->has_queues = cfg->has_queues;
    tun->queues = 1;
    bool existed = if_nametoindex(name) != 0;
    enum jv_err err = open_device(tun, cfg->takes_any);
    if (err == JV_E_OK) {
        choose_offloads(tun, cfg);
        jv_bql_clear(tun->fd); /* nobody would tell that of an earlier process what is read */
    }
    if (err == JV_E_OK && adopted_out != NULL) {
        *adopted_out = existed && !tun->is_renewed;
    }
    return give(tun, err, out);
}

enum jv_err jv_tun_open_queue(struct jv_tun *first, struct jv_tun **out)
{
    if (!first->has_queues) {
        return JV_E_STATE;
    }
    struct jv_tun *tun = malloc(sizeof(*tun));
    if (tun == NULL) {
        return JV_E_NOMEM;
    }
    *tun = *first;
    tun->counts = (struct jv_tun_counts){0};
    tun->queue = first->queues;
    enum jv_err err = open_file(tun);
    if (err == JV_E_OK) {
        err = attach(tun, flags_of(tun));
    }
    if (err == JV_E_OK && tun->ifindex != first->ifindex) {
        errno = ENODEV; /* another device has the name by this time */
        err = JV_E_SYSTEM;
    }
    first->queues += err == JV_E_OK;
    return give(tun, err, out);
}

enum jv_err jv_tun_bound(struct jv_tun *tun, uint64_t bytes)
{
    jv_bql_clear(tun->fd);
    return bytes == 0 ? JV_E_OK : jv_bql_open(tun->fd, bytes, &tun->bql);
}

uint64_t jv_tun_bound_drops(const struct jv_tun *tun)
{
    return tun->bql == NULL ? 0 : jv_bql_drops(tun->bql);
}

void jv_tun_close(struct jv_tun *tun)
{
    if (tun == NULL) {
        return;
    }
    if (tun->queue == 0) {
        jv_bql_close(tun->bql);
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

bool jv_tun_is_renewed(const struct jv_tun *tun)
{
    return tun->is_renewed;
}

bool jv_tun_has_queues(const struct jv_tun *tun)
{
    return tun->has_queues;
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
            if (tun->bql != NULL) {
                jv_bql_emptied(tun->bql, tun->queue);
            }
            return 0;
        }
        size_t bytes = (size_t)got - JV_MIN((size_t)got, hdr_bytes);
        if (tun->bql != NULL) {
            jv_bql_took(tun->bql, tun->queue, (uint32_t)bytes);
        }
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
