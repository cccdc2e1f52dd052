/* SPDX-License-Identifier: Apache-2.0 */
#include "tunio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "csum.h"
#include "merge.h"
#include "split.h"
#include "tun.h"

/* A packet in `waiting`. */
struct held {
    uint32_t off, bytes;
    struct jv_gso gso;
};

struct jv_tunio {
    struct jv_tun *tun;
    struct jv_tun *sparse; /* NULL: no lanes */
    struct held held[JV_BATCH_MAX];
    uint32_t held_at, held_len; /* packets of `tun` that were read and did not go on yet */
    uint32_t ahead;             /* so many sparse packets may go ahead of them */
    struct jv_split split;
    bool is_splitting;
    uint64_t refused;
    struct iovec iov[JV_BATCH_MAX + 2U];
    struct jv_merged groups[JV_BATCH_MAX];
    uint8_t gathered[JV_GSO_BYTES_MAX + 1U];
    uint8_t waiting[(JV_GSO_BYTES_MAX + 1U) * 2U]; /* where one more fits, for half of it is free */
};

enum jv_err jv_tunio_open(struct jv_tun *tun, struct jv_tun *sparse, struct jv_tunio **out)
{
    struct jv_tunio *io = calloc(1, sizeof(*io));
    if (io == NULL) {
        return JV_E_NOMEM;
    }
    io->tun = tun;
    io->sparse = sparse;
    *out = io;
    return JV_E_OK;
}

void jv_tunio_close(struct jv_tunio *io)
{
    free(io);
}

uint64_t jv_tunio_refused(const struct jv_tunio *io)
{
    return io->refused;
}

bool jv_tunio_has_rest(const struct jv_tunio *io)
{
    return io->is_splitting || io->held_at < io->held_len;
}

/* ---- reading ---- */

/* Cut what was read to `packet`; returns how many slots are filled, 0: it was malformed. */
static uint32_t cut(struct jv_tunio *io, struct jv_slot *slots, uint32_t n,
                    const struct jv_gso *gso, uint8_t *packet, uint32_t bytes)
{
    if (!jv_split_begin(&io->split, gso, packet, bytes)) {
        io->refused++;
        return 0;
    }
    uint32_t filled = jv_split_next(&io->split, slots, n);
    io->is_splitting = !jv_split_is_done(&io->split);
    return filled;
}

static uint32_t read_packet(struct jv_tunio *io, struct jv_tun *tun, uint8_t *packet,
                            struct jv_gso *gso)
{
    io->iov[1] = (struct iovec){packet, JV_GSO_BYTES_MAX + 1U};
    return jv_tun_read(tun, io->iov, 2, gso);
}

/* Until the slots are full, many packets have come at once, or nothing waits. */
static uint32_t read_queue(struct jv_tunio *io, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    /* The bound counts packets, so that a stream of malformed ones cannot hold the loop. */
    for (uint32_t tries = 0; tries < n && filled < n; tries++) {
        struct jv_gso gso;
        uint32_t bytes = read_packet(io, io->tun, io->gathered, &gso);
        if (bytes == 0) {
            break;
        }
        filled += cut(io, &slots[filled], n - filled, &gso, io->gathered, bytes);
        if (gso.kind != JV_GSO_NONE) {
            break; /* they go on their way before the next ones are fetched */
        }
    }
    return filled;
}

/* Packets of the lane of large flows: one that is not cut, or small ones. */
static void hold(struct jv_tunio *io)
{
    uint32_t used = 0;
    io->held_at = io->held_len = 0;
    io->ahead = JV_TUNIO_SPARSE_MAX;
    while (io->held_len < JV_BATCH_MAX && used <= JV_GSO_BYTES_MAX) {
        struct held *held = &io->held[io->held_len];
        held->off = used;
        held->bytes = read_packet(io, io->tun, io->waiting + used, &held->gso);
        if (held->bytes == 0) {
            break;
        }
        used += held->bytes;
        io->held_len++;
        if (held->gso.kind != JV_GSO_NONE) {
            break;
        }
    }
}

/* 0: nothing may go ahead of what is held any more. */
static uint32_t read_sparse(struct jv_tunio *io, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    while (io->ahead > 0 && filled < n && !io->is_splitting) {
        struct jv_gso gso;
        uint32_t bytes = read_packet(io, io->sparse, io->gathered, &gso);
        io->ahead = bytes == 0 ? 0 : io->ahead - 1;
        if (bytes > 0) {
            filled += cut(io, &slots[filled], n - filled, &gso, io->gathered, bytes);
        }
    }
    return filled;
}

static uint32_t release(struct jv_tunio *io, struct jv_slot *slots, uint32_t n)
{
    uint32_t filled = 0;
    while (io->held_at < io->held_len && filled < n && !io->is_splitting) {
        const struct held *held = &io->held[io->held_at++];
        filled +=
            cut(io, &slots[filled], n - filled, &held->gso, io->waiting + held->off, held->bytes);
    }
    return filled;
}

/*
 * What is read of a large flow is held until the sparse lane was found empty: a flow that became large an instant ago put its earlier
 * packets there before. Looked at in the other order, both may come in between: measured, with a reader that is always awake, of 4 to 16 % of such flows.
 */
static uint32_t read_lanes(struct jv_tunio *io, struct jv_slot *slots, uint32_t n)
{
    if (io->held_at == io->held_len) {
        hold(io);
    }
    uint32_t filled = read_sparse(io, slots, n);
    return filled > 0 ? filled : release(io, slots, n);
}

uint32_t jv_tunio_read(struct jv_tunio *io, struct jv_instant now, struct jv_slot *slots,
                       uint32_t n)
{
    uint32_t filled = 0;
    if (io->is_splitting) {
        filled = jv_split_next(&io->split, slots, n);
        io->is_splitting = !jv_split_is_done(&io->split);
    } else if (io->sparse != NULL) {
        filled = read_lanes(io, slots, n);
    } else {
        filled = read_queue(io, slots, n);
    }
    for (uint32_t i = 0; i < filled; i++) {
        slots[i].received = now;
    }
    return filled;
}

uint32_t jv_tunio_drop(struct jv_tunio *io)
{
    struct jv_gso gso;
    uint32_t dropped = io->held_len - io->held_at + io->is_splitting;
    io->held_at = io->held_len = 0;
    io->is_splitting = false;
    dropped += read_packet(io, io->tun, io->gathered, &gso) > 0;
    dropped += io->sparse != NULL && read_packet(io, io->sparse, io->gathered, &gso) > 0;
    return dropped;
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
