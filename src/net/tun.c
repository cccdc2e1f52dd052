/* SPDX-License-Identifier: Apache-2.0 */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct jv_tun {
    int fd;
    uint32_t ifindex;
    char name[IFNAMSIZ];
    struct jv_tun_counts counts;
};

/* The kernel takes "%d" for a pattern and names with '/' or ':' for none. */
static bool is_name(const char *name)
{
    size_t len = strnlen(name, IFNAMSIZ);
    return len > 0 && len < IFNAMSIZ && strpbrk(name, "%/: \t\n") == NULL;
}

static enum jv_err attach(struct jv_tun *tun)
{
    struct ifreq req = {0};
    req.ifr_flags = IFF_TUN | IFF_NO_PI;
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

enum jv_err jv_tun_open(const char *name, struct jv_tun **out, bool *adopted_out)
{
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
        err = attach(tun);
    } else if (errno == EPERM || errno == EACCES) {
        err = JV_E_PERM;
    }
    if (err != JV_E_OK) {
        int saved = errno;
        jv_tun_close(tun);
        errno = saved;
        return err;
    }
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

uint32_t jv_tun_read(struct jv_tun *tun, struct jv_instant now, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    /* The bound counts attempts, so that a stream of over-long packets cannot hold the loop. */
    for (uint32_t tries = 0; tries < n; tries++) {
        struct jv_slot *slot = &slots[filled];
        /* One byte more than a packet may have tells an over-long one, which the kernel cuts without a word. */
        ssize_t got = read(tun->fd, slot->buf + JV_BUF_HEADROOM, JV_BUF_ROOM + 1U);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            tun->counts.read_errors += errno != EAGAIN;
            break;
        }
        if (got > (ssize_t)JV_BUF_ROOM) {
            tun->counts.read_too_long++;
            continue;
        }
        *slot = (struct jv_slot){
            .buf = slot->buf, .off = JV_BUF_HEADROOM, .len = (uint32_t)got, .received = now};
        tun->counts.read++;
        tun->counts.read_bytes += (uint64_t)got;
        filled++;
    }
    return filled;
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

uint32_t jv_tun_write(struct jv_tun *tun, const struct jv_slot *slots, uint32_t n)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < n; i++) {
        ssize_t put;
        do {
            put = write(tun->fd, slots[i].buf + slots[i].off, slots[i].len);
        } while (put < 0 && errno == EINTR);
        if (put < 0) {
            count_refusal(&tun->counts, errno);
            continue;
        }
        written++;
        tun->counts.written++;
        tun->counts.written_bytes += (uint64_t)put;
    }
    return written;
}
