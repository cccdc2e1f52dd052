/* SPDX-License-Identifier: Apache-2.0 */
#include "tunio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "offload.h"
#include "tun.h"

/* So many packets in a row that were not to be cut, and the next one is not expected to be either. */
#define SINGLES_MAX 8U

struct jv_tunio {
    struct jv_tun *tun;
    struct jv_split split;
    bool is_splitting;
    uint32_t expects_hdr, expects_seg; /* bytes; 0: no packet that is to be cut is expected */
    uint32_t singles;
    struct iovec iov[JV_BATCH_MAX + 2U];
    struct jv_merged groups[JV_BATCH_MAX];
    uint8_t gathered[JV_GSO_BYTES_MAX + 1U];
};

enum jv_err jv_tunio_open(struct jv_tun *tun, struct jv_tunio **out)
{
    struct jv_tunio *io = calloc(1, sizeof(*io));
    if (io == NULL) {
        return JV_E_NOMEM;
    }
    io->tun = tun;
    *out = io;
    return JV_E_OK;
}

void jv_tunio_close(struct jv_tunio *io)
{
    free(io);
}

bool jv_tunio_has_rest(const struct jv_tunio *io)
{
    return io->is_splitting;
}

/* ---- reading ---- */

/* Where the parts of a packet are wanted; returns how many slots have one. Behind them the rest goes to its place in `gathered`. */
static uint32_t lay_out(struct jv_tunio *io, struct jv_slot *slots, uint32_t n, uint32_t *iov_len)
{
    uint32_t first = JV_BUF_ROOM;
    uint32_t used = 1;
    if (io->expects_seg > 0) {
        first = io->expects_hdr + io->expects_seg;
        used = JV_MIN(n, 1U + (JV_GSO_BYTES_MAX - first) / io->expects_seg);
    }
    uint32_t place = jv_split_place(io->expects_hdr, io->expects_seg);
    io->iov[1] = (struct iovec){slots[0].buf + place - io->expects_hdr, first};
    for (uint32_t i = 1; i < used; i++) {
        io->iov[1 + i] = (struct iovec){slots[i].buf + place, io->expects_seg};
    }
    uint32_t placed = first + (used - 1) * io->expects_seg;
    io->iov[1 + used] = (struct iovec){io->gathered + placed, sizeof(io->gathered) - placed};
    *iov_len = used + 2;
    return used;
}

static void gather(struct jv_tunio *io, uint32_t used, uint32_t bytes)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < used && at < bytes; i++) {
        uint32_t len = JV_MIN((uint32_t)io->iov[1 + i].iov_len, bytes - at);
        memcpy(io->gathered + at, io->iov[1 + i].iov_base, len);
        at += len;
    }
}

static void learn(struct jv_tunio *io, const struct jv_gso *gso)
{
    if (gso->kind != JV_GSO_NONE) {
        io->singles = 0;
        io->expects_hdr = io->split.hdr_bytes;
        io->expects_seg = io->split.seg_bytes;
    } else if (++io->singles >= SINGLES_MAX) {
        io->expects_hdr = io->expects_seg = 0;
    }
}

/* Cut what was read; returns how many slots are filled, 0: it was malformed. */
static uint32_t cut(struct jv_tunio *io, struct jv_slot *slots, uint32_t n, uint32_t used,
                    const struct jv_gso *gso, uint32_t bytes)
{
    uint8_t *packet = io->iov[1].iov_base;
    size_t contiguous = JV_MIN(io->iov[1].iov_len, (size_t)bytes);
    bool is_here = gso->kind == JV_GSO_NONE
                       ? contiguous == bytes
                       : io->expects_seg == gso->seg_bytes && io->expects_seg > 0;
    if (is_here && jv_split_begin_scattered(&io->split, gso, packet, contiguous, bytes, true) &&
        (gso->kind == JV_GSO_NONE || io->split.hdr_bytes == io->expects_hdr)) {
        uint32_t filled = JV_MIN(used, io->split.segs);
        jv_split_headers(&io->split, slots, filled);
        if (gso->kind == JV_GSO_NONE) {
            slots[0].off = (uint32_t)(packet - slots[0].buf); /* as it was read */
        }
        if (!jv_split_is_done(&io->split)) {
            const struct iovec *rest = &io->iov[1 + used];
            jv_split_rest(&io->split, rest->iov_base);
            io->is_splitting = true;
        }
        learn(io, gso);
        return filled;
    }
    gather(io, used, bytes);
    if (!jv_split_begin(&io->split, gso, io->gathered, bytes, true)) {
        return 0;
    }
    uint32_t filled = jv_split_next(&io->split, slots, n);
    io->is_splitting = !jv_split_is_done(&io->split);
    learn(io, gso);
    return filled;
}

static void stamp(struct jv_slot *slots, uint32_t n, struct jv_instant now)
{
    for (uint32_t i = 0; i < n; i++) {
        slots[i].received = now;
    }
}

uint32_t jv_tunio_read(struct jv_tunio *io, struct jv_instant now, struct jv_slot *slots,
                       uint32_t n)
{
    uint32_t filled = 0;
    if (io->is_splitting) {
        filled = jv_split_next(&io->split, slots, n);
        io->is_splitting = !jv_split_is_done(&io->split);
        stamp(slots, filled, now);
        return filled;
    }
    /* The bound counts packets, so that a stream of malformed ones cannot hold the loop. */
    for (uint32_t tries = 0; tries < n && filled < n; tries++) {
        struct jv_gso gso;
        uint32_t iov_len;
        uint32_t used = lay_out(io, &slots[filled], n - filled, &iov_len);
        uint32_t bytes = jv_tun_read(io->tun, io->iov, iov_len, &gso);
        if (bytes == 0) {
            break;
        }
        filled += cut(io, &slots[filled], n - filled, used, &gso, bytes);
        if (gso.kind != JV_GSO_NONE) {
            break; /* many packets: they go on their way before the next ones are fetched */
        }
    }
    stamp(slots, filled, now);
    return filled;
}

/* ---- writing ---- */

static void write_group(struct jv_tunio *io, const struct jv_slot *slots,
                        const struct jv_merged *group, const uint8_t *next)
{
    uint32_t len = 1;
    for (uint32_t i = group->first, k = 0; k < group->count; i = next[i], k++) {
        uint32_t skip = k == 0 ? 0 : group->hdr_bytes;
        io->iov[len++] = (struct iovec){slots[i].buf + slots[i].off + skip, slots[i].len - skip};
    }
    (void)jv_tun_write(io->tun, &group->gso, io->iov, len); /* it counts what is refused */
}

static void write_batch(struct jv_tunio *io, struct jv_slot *slots, uint32_t n)
{
    struct jv_merge_cfg cfg = {.tcp4 = jv_tun_has_tso(io->tun),
                               .tcp6 = jv_tun_has_tso(io->tun),
                               .udp4 = jv_tun_has_uso(io->tun),
                               .udp6 = jv_tun_has_uso(io->tun)};
    uint8_t next[JV_MERGE_SLOTS_MAX];
    if (!jv_tun_has_csum(io->tun)) {
        for (uint32_t i = 0; i < n; i++) {
            if (slots[i].is_csum_partial) {
                (void)jv_csum_complete(slots[i].buf + slots[i].off, slots[i].len);
                slots[i].is_csum_partial = false;
            }
        }
    }
    uint32_t groups = jv_merge(&cfg, slots, n, io->groups, next);
    for (uint32_t i = 0; i < groups; i++) {
        write_group(io, slots, &io->groups[i], next);
    }
}

void jv_tunio_write(struct jv_tunio *io, struct jv_slot *slots, uint32_t n)
{
    for (uint32_t at = 0; at < n; at += JV_MERGE_SLOTS_MAX) {
        write_batch(io, slots + at, JV_MIN(n - at, JV_MERGE_SLOTS_MAX));
    }
}
