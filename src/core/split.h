/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_SPLIT_H
#define JV_CORE_SPLIT_H
/*
 * split -- a packet that the kernel left whole at the TUN device (TSO, USO) becomes packets of wire size.
 *
 * Each segment has the headers of the whole with its own lengths, TCP sequence number, IPv4 identification and checksums; FIN and PSH
 * stand on the last alone, CWR on the first alone where the kernel said so. The checksum is partial where the
 * packet is plain TCP or UDP (csum.h), complete otherwise.
 *
 * Owns     nothing: packet and slots are the caller's. The headers are copied at the beginning.
 * Bounds   JV_SPLIT_HEADER_MAX bytes of headers, JV_BUF_ROOM of a segment, JV_GSO_BYTES_MAX of the whole.
 * Threads  none: no state but the struct's.
 * Sources  linux/virtio_net.h; RFC 9293, RFC 768, RFC 6864 (identification).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "csum.h"

#define JV_SPLIT_PLACE 64U /* bytes: a cache line */
/* Where in its buffer a payload of `seg_bytes` belongs behind `hdr_bytes` of headers: the beginning of a cache line, where there is room. */
static inline uint32_t jv_split_place(uint32_t hdr_bytes, uint32_t seg_bytes)
{
    uint32_t place = (JV_BUF_HEADROOM + hdr_bytes + JV_SPLIT_PLACE - 1) & ~(JV_SPLIT_PLACE - 1);
    return place + seg_bytes <= JV_BUF_BYTES - JV_BUF_TAILROOM ? place
                                                               : JV_BUF_HEADROOM + hdr_bytes;
}

#define JV_SPLIT_HEADER_MAX                                                                        \
    256U /* IPv4 and TCP have 120 at most, the rest is for IPv6 extensions */

struct jv_split {
    const uint8_t *payload;        /* of the segment `next` */
    uint32_t hdr_bytes, seg_bytes; /* headers; payload of each segment but the last one */
    uint32_t payload_left;         /* bytes, from the segment `next` on */
    uint32_t segs, next;           /* how many segments there are; the one that comes */
    /* the module's own */
    enum jv_gso_kind kind;
    bool is_ecn, is_partial;
    uint8_t last_flags; /* TCP: FIN and PSH, that only the last segment has */
    struct jv_l4 l4;
    uint32_t seq, id;            /* of the segment `next` */
    uint32_t header_for;         /* bytes of payload that the lengths in `header` are for */
    uint64_t ip_sum, pseudo_sum; /* without identification; without length */
    /* of the segment `next`, but for its lengths where header_for differs */
    uint8_t header[JV_SPLIT_HEADER_MAX];
};

/*
 * `packet` stays as it is until all is done: it is read by jv_split_next(), and only a packet of kind NONE is written to, where its
 * checksum is completed. A packet of kind NONE without a partial checksum is not looked into.
 * False: malformed (lengths, no TCP or UDP where a kind is set, a fragment, headers beyond `len`, seg_bytes 0, csum_start and
 * csum_offset elsewhere), or a segment would be larger than JV_BUF_ROOM.
 */
bool jv_split_begin(struct jv_split *split, const struct jv_gso *gso, uint8_t *packet, size_t len);
/*
 * Fill up to n slots (`buf` from the pool): off, len, is_csum_partial; everything else of a slot stays. Returns how many; 0: all is
 * done.
 */
uint32_t jv_split_next(struct jv_split *split, struct jv_slot *slots, uint32_t n);
bool jv_split_is_done(const struct jv_split *split);
#endif /* JV_CORE_SPLIT_H */
