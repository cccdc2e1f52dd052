/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_SEGMENTS_H
#define JV_TESTS_SEGMENTS_H
/*
 * segments -- TCP and UDP packets for the offloads, made by hand, and slots for them without a core's pool.
 */
#include <stdlib.h>

#include "batch.h"
#include "csum.h"
#include "merge.h"
#include "packets.h"
#include "split.h"

struct segment {
    uint32_t family; /* 4 or 6 */
    bool is_udp;
    uint8_t ecn;
    uint32_t host, port; /* make flows different */
    uint32_t seq, ack, window, id, ip_flags;
    uint8_t flags; /* TCP */
    const uint8_t *options;
    uint32_t options_len; /* of TCP, a multiple of four */
};

static inline void segment_put32(uint8_t *at, uint32_t v)
{
    packet_put16(at, v >> 16);
    packet_put16(at + 2, v & 0xffff);
}

static inline size_t segment_header(const struct segment *s)
{
    return (s->family == 4 ? 20 : 40) + (s->is_udp ? 8 : 20 + s->options_len);
}

/* The sum over pseudo-header and transport; 0xffff where the checksum in it is right. */
static inline uint32_t segment_sum(const uint8_t *packet, size_t len)
{
    bool is_4 = packet[0] >> 4 == 4;
    size_t at = packet_header_len(packet);
    uint32_t sum = packet_sum(packet + (is_4 ? 12 : 8), is_4 ? 8 : 32, 0);
    sum = packet_sum(NULL, 0, sum + (uint32_t)(len - at) + packet[is_4 ? 9 : 6]);
    return packet_sum(packet + at, len - at, sum);
}

static inline uint8_t *segment_csum(uint8_t *packet)
{
    uint8_t protocol = packet[packet[0] >> 4 == 4 ? 9 : 6];
    return packet + packet_header_len(packet) + (protocol == 6 ? 16 : 6);
}

/* The checksum as it is on a wire. */
static inline void segment_put_csum(uint8_t *packet, size_t len)
{
    uint8_t *csum = segment_csum(packet);
    packet_put16(csum, 0);
    uint32_t sum = ~segment_sum(packet, len) & 0xffff;
    packet_put16(csum, sum == 0 && packet[packet[0] >> 4 == 4 ? 9 : 6] == 17 ? 0xffff : sum);
}

/* The checksum as the kernel leaves it to a device. */
static inline void segment_put_partial(uint8_t *packet, size_t len)
{
    bool is_4 = packet[0] >> 4 == 4;
    size_t at = packet_header_len(packet);
    uint32_t sum = packet_sum(packet + (is_4 ? 12 : 8), is_4 ? 8 : 32, 0);
    sum += (uint32_t)(len - at) + packet[is_4 ? 9 : 6];
    packet_put16(segment_csum(packet), packet_sum(NULL, 0, sum));
}

/* Headers in front of `payload` bytes that stand already. Returns the packet's length. */
static inline size_t segment_make(const struct segment *s, uint8_t *packet, size_t payload)
{
    size_t header = segment_header(s);
    size_t len = header + payload;
    size_t at = s->family == 4 ? 20 : 40;
    uint8_t *l4 = packet + at;
    packet_make(packet, s->family, at, header, s->is_udp ? 17 : 6, s->ecn);
    if (s->family == 4) {
        packet_put16(packet + 4, s->id);
        packet_put16(packet + 6, s->ip_flags);
    }
    packet[at - 1] = (uint8_t)s->host;
    packet_finish_ip(packet, len);
    packet_put16(l4, 1000 + s->port);
    packet_put16(l4 + 2, 443);
    if (s->is_udp) {
        packet_put16(l4 + 4, (uint32_t)(len - at));
    } else {
        segment_put32(l4 + 4, s->seq);
        segment_put32(l4 + 8, s->ack);
        l4[12] = (uint8_t)((20 + s->options_len) / 4 << 4);
        l4[13] = s->flags;
        packet_put16(l4 + 14, s->window);
        if (s->options_len > 0) {
            memcpy(l4 + 20, s->options, s->options_len);
        }
    }
    segment_put_csum(packet, len);
    return len;
}

static inline void segment_fill(uint8_t *payload, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        payload[i] = (uint8_t)((i + seed) * 2654435761U >> 24);
    }
}

/* Slots with buffers of their own. */
struct segment_slots {
    struct jv_slot slots[JV_BATCH_MAX];
    uint8_t bufs[JV_BATCH_MAX][JV_BUF_BYTES];
};

static inline void segment_slots_init(struct segment_slots *s)
{
    memset(s->slots, 0, sizeof s->slots);
    for (uint32_t i = 0; i < JV_BATCH_MAX; i++) {
        s->slots[i].buf = s->bufs[i];
    }
}

/* As a core does for a session that takes no partial checksums. False: it was not partial, or cannot be completed. */
static inline bool segment_complete(struct jv_slot *slot)
{
    bool is_done = slot->is_csum_partial && jv_csum_complete(slot->buf + slot->off, slot->len);
    slot->is_csum_partial = slot->is_csum_partial && !is_done;
    return is_done;
}

/* What is written to the device for a group, behind the virtio header. Returns its bytes. */
static inline uint32_t segment_gather(const struct segment_slots *s, const struct jv_merged *group,
                                      const uint8_t *next, uint8_t out[JV_GSO_BYTES_MAX])
{
    uint32_t len = 0;
    uint32_t skip = 0;
    for (uint32_t i = group->first; i != JV_MERGE_END; i = next[i]) {
        const struct jv_slot *slot = &s->slots[i];
        memcpy(out + len, slot->buf + slot->off + skip, slot->len - skip);
        len += slot->len - skip;
        skip = group->hdr_bytes;
    }
    return len;
}

/* Are these the same to whoever takes them: where DF is set, the identification means nothing (RFC 6864). */
static inline bool segment_is_same(const uint8_t *a, const uint8_t *b, size_t len)
{
    bool may_differ = a[0] >> 4 == 4 && (a[6] & 0x40) != 0;
    return may_differ ? memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
                            packet_ip_sum_is_valid(a) && packet_ip_sum_is_valid(b) &&
                            memcmp(a + 12, b + 12, len - 12) == 0
                      : memcmp(a, b, len) == 0;
}
#endif /* JV_TESTS_SEGMENTS_H */
