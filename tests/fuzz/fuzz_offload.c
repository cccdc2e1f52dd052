/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First byte: what is done. Even: the rest is a virtio header in our terms and a packet that is split. Odd: the rest is packets, each behind three bytes that say what it is, or a segment that follows the one before; they are
 * merged, and what must hold of that is asked (merged.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "inner.h"
#include "merged.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct segment_slots slots;
static struct merged m;

/* ---- split ---- */

/* An allocation of its exact size, so that a sanitizer sees what is read behind it. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    JV_ASSERT(copy != NULL);
    memcpy(copy, bytes, len);
    return copy;
}

static void check_segment(const struct jv_split *split, struct jv_slot *slot, bool keep)
{
    const uint8_t *packet = slot->buf + slot->off;
    struct jv_inner inner;
    struct jv_l4 l4;
    JV_ASSERT(slot->off >= JV_BUF_HEADROOM &&
              slot->off + slot->len <= JV_BUF_BYTES - JV_BUF_TAILROOM);
    if (slot->is_csum_partial) {
        JV_ASSERT(jv_csum_l4(packet, slot->len, &l4));
    }
    if (split->kind != JV_GSO_NONE) {
        JV_ASSERT(jv_inner_parse(packet, slot->len, &inner) && packet_ip_sum_is_valid(packet));
        if (!keep && jv_csum_l4(packet, slot->len, &l4)) {
            JV_ASSERT(segment_complete(slot) && segment_sum(packet, slot->len) == 0xffff);
        }
    }
}

static void split_whole(const struct jv_gso *gso, const uint8_t *bytes, size_t len, bool keep)
{
    struct jv_split split;
    uint8_t *packet = exact(bytes, len);
    size_t at = 0;
    uint32_t seen = 0;
    segment_slots_init(&slots);
    if (jv_split_begin(&split, gso, packet, len)) {
        size_t header = split.hdr_bytes;
        for (uint32_t n; (n = jv_split_next(&split, slots.slots, 7)) > 0; seen += n) {
            for (uint32_t i = 0; i < n; i++) {
                struct jv_slot *slot = &slots.slots[i];
                check_segment(&split, slot, keep);
                /* A completed checksum of a packet that is passed on stands in `packet` too. */
                JV_ASSERT(memcmp(slot->buf + slot->off + header, packet + header + at,
                                 slot->len - header) == 0);
                at += slot->len - header;
            }
        }
        JV_ASSERT(jv_split_is_done(&split) && seen == split.segs && header + at == len);
    }
    free(packet);
}

static void split(struct jv_rd *rd)
{
    uint8_t how = jv_rd_u8(rd);
    struct jv_gso gso = {.kind = (enum jv_gso_kind)(how % 5),
                         .is_ecn = (how & 0x20) != 0,
                         .is_csum_partial = (how & 0x40) != 0};
    gso.csum_start = jv_rd_u16(rd);
    gso.csum_offset = jv_rd_u16(rd);
    gso.hdr_bytes = jv_rd_u16(rd);
    gso.seg_bytes = jv_rd_u16(rd);
    if (rd->err || rd->left > JV_GSO_BYTES_MAX + 1) {
        return;
    }
    split_whole(&gso, rd->at, rd->left, (how & 0x80) != 0);
}

/* ---- merge ---- */

#define HOW_PARTIAL 0x01U
#define HOW_SESSION 0x06U
#define HOW_FOLLOWS 0x08U /* no bytes: the packet before, its numbers advanced */
#define HOW_LENGTHS 0x10U /* lengths and checksums are made right */

static void advance(uint8_t *packet, size_t len)
{
    struct jv_l4 l4;
    if (!jv_csum_l4(packet, len, &l4)) {
        return;
    }
    size_t header = l4.at + (l4.protocol == 6 ? (packet[l4.at + 12] >> 4) * 4U : 8U);
    if (packet[0] >> 4 == 4) {
        packet_put16(packet + 4, ((uint32_t)packet[4] << 8 | packet[5]) + 1);
        packet_finish_ip(packet, len);
    }
    if (l4.protocol == 6 && header < len) {
        uint8_t *seq = packet + l4.at + 4;
        uint32_t was =
            (uint32_t)seq[0] << 24 | (uint32_t)seq[1] << 16 | (uint32_t)seq[2] << 8 | seq[3];
        segment_put32(seq, was + (uint32_t)(len - header));
    }
}

static void put_packet(struct jv_rd *rd, uint32_t i)
{
    struct jv_slot *slot = &m.in.slots[i];
    uint8_t how = jv_rd_u8(rd);
    uint16_t len = jv_rd_u16(rd) % (JV_BUF_ROOM + 1);
    slot->off = JV_BUF_HEADROOM;
    uint8_t *packet = slot->buf + slot->off;
    if ((how & HOW_FOLLOWS) != 0 && i > 0) {
        slot->len = m.in.slots[i - 1].len;
        memcpy(packet, m.in.bufs[i - 1] + JV_BUF_HEADROOM, slot->len);
        advance(packet, slot->len);
    } else {
        slot->len = (uint32_t)JV_MIN(rd->left, (size_t)len);
        jv_rd_bytes(rd, packet, slot->len);
    }
    slot->is_csum_partial = (how & HOW_PARTIAL) != 0;
    slot->session = (how & HOW_SESSION) >> 1;
    struct jv_l4 l4;
    if ((how & HOW_LENGTHS) != 0 && merged_addresses(slot) != 0 &&
        slot->len >= packet_header_len(packet)) {
        packet_finish_ip(packet, slot->len);
        if (jv_csum_l4(packet, slot->len, &l4) && l4.at == packet_header_len(packet)) {
            segment_put_csum(packet, slot->len);
        }
    }
}

static void merge(struct jv_rd *rd, uint8_t taken)
{
    const struct jv_merge_cfg cfg = {(taken & 1) == 0, (taken & 2) == 0, (taken & 4) == 0,
                                     (taken & 8) == 0};
    uint32_t n = 0;
    segment_slots_init(&m.in);
    memset(m.in.bufs, 0, sizeof m.in.bufs);
    while (n < JV_MERGE_SLOTS_MAX && rd->left > 0) {
        put_packet(rd, n++);
    }
    (void)merged_run(&m, &cfg, n);
    JV_ASSERT(merged_is_lawful(&m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jv_rd rd = jv_rd_init(data, size);
    uint8_t what = jv_rd_u8(&rd);
    if ((what & 1) == 0) {
        split(&rd);
    } else {
        merge(&rd, what >> 1);
    }
    return 0;
}
