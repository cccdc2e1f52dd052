/* SPDX-License-Identifier: Apache-2.0 */
#include "split.h"

#include <string.h>

#include "ip.h"

#define PREFETCH_AHEAD 2U /* slots */
#define NEXT_HOP_BY_HOP 0U
#define NEXT_ROUTING 43U
#define NEXT_DESTINATION 60U

static bool is_tcp(enum jv_gso_kind kind)
{
    return kind == JV_GSO_TCP4 || kind == JV_GSO_TCP6;
}

static bool is_4(enum jv_gso_kind kind)
{
    return kind == JV_GSO_TCP4 || kind == JV_GSO_UDP4;
}

/* ---- what the kernel says, against what stands there ---- */

static bool begin_single(struct jv_split *split, const struct jv_gso *gso, uint8_t *packet,
                         size_t len)
{
    struct jv_l4 l4;
    if (len == 0 || len > JV_BUF_ROOM) {
        return false;
    }
    if (gso->is_csum_partial) {
        uint32_t at = (uint32_t)gso->csum_start + gso->csum_offset;
        if (gso->csum_start < JV_IPV4_HEADER || at + 2 > len) {
            return false;
        }
        bool is_plain = jv_csum_l4(packet, len, &l4) && l4.at == gso->csum_start &&
                        l4.csum_at == gso->csum_offset;
        split->is_partial = is_plain;
        if (!split->is_partial) {
            jv_csum_fill(packet, len, gso->csum_start, gso->csum_offset);
        }
    }
    split->segs = 1;
    split->payload = packet;
    split->payload_left = split->seg_bytes = (uint32_t)len;
    return true;
}

/* Over the extension headers that may stand in front of an unfragmented transport header. */
static bool find_l4_6(const uint8_t *packet, size_t len, struct jv_l4 *l4)
{
    l4->protocol = packet[6];
    l4->at = JV_IPV6_HEADER;
    while (l4->protocol == NEXT_HOP_BY_HOP || l4->protocol == NEXT_ROUTING ||
           l4->protocol == NEXT_DESTINATION) {
        if (l4->at + 2 > len) {
            return false;
        }
        l4->protocol = packet[l4->at];
        l4->at += (packet[l4->at + 1] + 1U) * 8;
    }
    return true;
}

static bool find_l4(struct jv_split *split, const uint8_t *packet, size_t len)
{
    struct jv_l4 *l4 = &split->l4;
    if (is_4(split->kind)) {
        if (len < JV_IPV4_HEADER || packet[0] >> 4 != 4 || jv_load16(packet + 2) != len ||
            (jv_load16(packet + 6) & JV_IPV4_FRAGMENT) != 0) {
            return false;
        }
        l4->at = (packet[0] & 0xfU) * 4;
        l4->protocol = packet[9];
        if (l4->at < JV_IPV4_HEADER) {
            return false;
        }
    } else if (len < JV_IPV6_HEADER || packet[0] >> 4 != 6 ||
               jv_load16(packet + 4) + JV_IPV6_HEADER != len || !find_l4_6(packet, len, l4)) {
        return false;
    }
    bool is_stream = is_tcp(split->kind);
    uint32_t least = is_stream ? JV_TCP_HEADER : JV_UDP_HEADER;
    if (l4->protocol != (is_stream ? JV_PROTO_TCP : JV_PROTO_UDP) || l4->at + least > len) {
        return false;
    }
    l4->csum_at = is_stream ? JV_CSUM_AT_TCP : JV_CSUM_AT_UDP;
    split->hdr_bytes = l4->at + (is_stream ? (packet[l4->at + 12] >> 4) * 4U : JV_UDP_HEADER);
    return split->hdr_bytes >= l4->at + least && split->hdr_bytes <= len &&
           split->hdr_bytes <= JV_SPLIT_HEADER_MAX;
}

/* What of the checksums is the same in all segments. */
static void prepare_sums(struct jv_split *split, size_t len, bool is_plain)
{
    const uint8_t *header = split->header;
    const struct jv_l4 *l4 = &split->l4;
    if (is_plain) {
        split->pseudo_sum = jv_csum_pseudo(header, l4->protocol, 0);
    } else {
        /* A routing header has another destination in the sum than the packet has: what the kernel summed counts, less its length. */
        uint16_t sum;
        memcpy(&sum, header + l4->at + l4->csum_at, sizeof sum);
        split->pseudo_sum = (uint64_t)sum + (uint16_t)~jv_csum_word((uint32_t)len - l4->at);
    }
}

/* ---- the header of the segment that comes ---- */

static void put_id(struct jv_split *split)
{
    uint8_t *header = split->header;
    jv_store16(header + 4, split->id);
    uint64_t sum = jv_csum_plus(split->ip_sum, jv_csum_word(split->id));
    jv_put_word16(header + 10, (uint16_t)~jv_csum_fold(sum));
}

static void put_lengths(struct jv_split *split, uint32_t payload)
{
    uint8_t *header = split->header;
    uint8_t *l4 = header + split->l4.at;
    uint32_t len = split->hdr_bytes + payload;
    uint32_t l4_bytes = len - split->l4.at;
    if (is_4(split->kind)) {
        jv_store16(header + 2, len);
        jv_store16(header + 4, 0);
        jv_store16(header + 10, 0);
        split->ip_sum = jv_csum_sum(header, split->l4.at, 0);
        put_id(split);
    } else {
        jv_store16(header + 4, len - JV_IPV6_HEADER);
    }
    if (!is_tcp(split->kind)) {
        jv_store16(l4 + 4, l4_bytes);
    }
    uint64_t sum = jv_csum_plus(split->pseudo_sum, jv_csum_word(l4_bytes));
    jv_put_word16(l4 + split->l4.csum_at, jv_csum_fold(sum));
    split->header_for = payload;
}

static void prepare_header(struct jv_split *split, uint32_t payload)
{
    uint8_t *l4 = split->header + split->l4.at;
    if (is_4(split->kind)) {
        split->id = jv_load16(split->header + 4);
    }
    if (is_tcp(split->kind)) {
        split->seq = jv_load32(l4 + 4);
        split->last_flags = l4[13] & (JV_TCP_FIN | JV_TCP_PSH);
        l4[13] ^= split->last_flags;
    }
    put_lengths(split, payload);
}

/* From one segment to the one behind it. */
static void advance_header(struct jv_split *split)
{
    uint8_t *tcp = split->header + split->l4.at;
    if (is_4(split->kind)) {
        split->id = (split->id + 1) & UINT16_MAX;
        put_id(split);
    }
    if (is_tcp(split->kind)) {
        split->seq += split->header_for;
        jv_store32(tcp + 4, split->seq);
        if (split->is_ecn) {
            tcp[13] &= (uint8_t)~JV_TCP_CWR;
        }
    }
}

bool jv_split_begin(struct jv_split *split, const struct jv_gso *gso, uint8_t *packet, size_t len)
{
    split->kind = gso->kind;
    split->is_ecn = gso->is_ecn;
    split->is_partial = false;
    split->hdr_bytes = 0;
    split->next = 0;
    if (len > JV_GSO_BYTES_MAX) {
        return false;
    }
    if (gso->kind == JV_GSO_NONE) {
        return begin_single(split, gso, packet, len);
    }
    if (gso->seg_bytes == 0 || !find_l4(split, packet, len)) {
        return false;
    }
    bool is_plain = split->l4.at == JV_IPV6_HEADER || is_4(gso->kind);
    bool is_elsewhere = gso->csum_start != split->l4.at || gso->csum_offset != split->l4.csum_at;
    if (gso->is_csum_partial ? is_elsewhere : !is_plain) {
        return false;
    }
    uint32_t payload = (uint32_t)len - split->hdr_bytes;
    uint32_t largest = payload < gso->seg_bytes ? payload : gso->seg_bytes;
    if (split->hdr_bytes + largest > JV_BUF_ROOM) {
        return false;
    }
    split->seg_bytes = gso->seg_bytes;
    split->segs = payload == 0 ? 1 : (payload + gso->seg_bytes - 1) / gso->seg_bytes;
    split->payload = packet + split->hdr_bytes;
    split->payload_left = payload;
    split->is_partial = is_plain;
    memcpy(split->header, packet, split->hdr_bytes);
    prepare_sums(split, len, is_plain);
    prepare_header(split, largest);
    return true;
}

/* ---- segments ---- */

static uint32_t payload_of_next(const struct jv_split *split)
{
    return split->payload_left < split->seg_bytes ? split->payload_left : split->seg_bytes;
}

static void write_header(struct jv_split *split, uint8_t *packet, uint32_t payload)
{
    if (payload != split->header_for) {
        put_lengths(split, payload);
    }
    if (split->next + 1 == split->segs && is_tcp(split->kind)) {
        split->header[split->l4.at + 13] |= split->last_flags;
    }
    memcpy(packet, split->header, split->hdr_bytes);
    if (!split->is_partial) {
        jv_csum_fill(packet, split->hdr_bytes + payload, split->l4.at, split->l4.csum_at);
    }
    advance_header(split);
}

/* Its payload stands in the slot. */
static void write_segment(struct jv_split *split, struct jv_slot *slot)
{
    uint32_t payload = payload_of_next(split);
    slot->off = jv_split_place(split->hdr_bytes, split->seg_bytes) - split->hdr_bytes;
    slot->len = split->hdr_bytes + payload;
    slot->is_csum_partial = split->is_partial;
    if (split->kind != JV_GSO_NONE) {
        write_header(split, slot->buf + slot->off, payload);
    }
    split->payload += payload;
    split->payload_left -= payload;
    split->next++;
}

/* The buffers ahead were last used by packets that have been reported since: megabytes ago, at a high rate. */
static void prefetch(const uint8_t *buf, uint32_t bytes)
{
    for (uint32_t at = JV_BUF_HEADROOM; at < JV_BUF_HEADROOM + bytes; at += JV_SPLIT_PLACE) {
        __builtin_prefetch(buf + at, 1);
    }
}

uint32_t jv_split_next(struct jv_split *split, struct jv_slot *slots, uint32_t n)
{
    uint32_t done = 0;
    for (; done < n && split->next < split->segs; done++) {
        if (done + PREFETCH_AHEAD < n) {
            prefetch(slots[done + PREFETCH_AHEAD].buf, split->seg_bytes);
        }
        memcpy(slots[done].buf + jv_split_place(split->hdr_bytes, split->seg_bytes), split->payload,
               payload_of_next(split));
        write_segment(split, &slots[done]);
    }
    return done;
}

bool jv_split_is_done(const struct jv_split *split)
{
    return split->next >= split->segs;
}
