/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_BATCH_H
#define JV_BASE_BATCH_H
/*
 * batch -- vectors of packets on their way between the kernel and the core.
 *
 * Owns     nothing: a `buf` belongs to the core's buffer pool (core.h, jv_core_take and jv_core_give), or is borrowed from a socket.
 * Bounds   a buffer has JV_BUF_BYTES; a packet read into it starts at JV_BUF_HEADROOM or later and leaves JV_BUF_TAILROOM
 *          free behind it, so that header and tag are written in place.
 */
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "instant.h"

#define JV_BUF_BYTES 2048U
#define JV_BUF_HEADROOM 64U
#define JV_BUF_TAILROOM 64U
#define JV_BUF_ROOM (JV_BUF_BYTES - JV_BUF_HEADROOM - JV_BUF_TAILROOM)
#define JV_BATCH_MAX 64U /* slots of one call; one recvmmsg, one pass of the core, one sendmmsg */

struct jv_slot {
    uint8_t *buf; /* start of the buffer */
    /* buf is no buffer of the pool: the packet's bytes may be changed, and are gone after the batch. */
    bool is_borrowed;
    bool is_handed;            /* it came from another shard of this gateway */
    uint32_t off, len;         /* first byte of the packet in buf; its bytes */
    uint32_t link;             /* datagrams: handle of the socket, as LINK_ADDED announced it */
    struct jv_endpoint remote; /* datagrams: the peer's address */
    struct jv_endpoint local;  /* datagrams: ours; family NONE: let the socket choose */
    struct jv_instant received;
    uint8_t ecn;          /* RFC 3168 codepoint, 0..3: outer on receipt, to be set on sending */
    uint8_t dscp;         /* RFC 2474 codepoint, 0..63, to be set on sending; not told on receipt */
    bool is_csum_partial; /* inner TCP or UDP checksum: the pseudo-header's sum is in its place */
    uint32_t session;     /* inner packets out of the core: index of the session they came from */
};

/* What the kernel says of a packet at a TUN device (virtio_net_hdr, linux/virtio_net.h), and is told of one. */
enum jv_gso_kind { JV_GSO_NONE, JV_GSO_TCP4, JV_GSO_TCP6, JV_GSO_UDP4, JV_GSO_UDP6 };
struct jv_gso {
    enum jv_gso_kind kind;
    bool is_ecn;                      /* TCP: CWR stands on the first segment alone */
    bool is_csum_partial;             /* the checksum at csum_start is the pseudo-header's sum */
    uint16_t csum_start, csum_offset; /* bytes, as in virtio_net_hdr; where it is partial */
    uint16_t hdr_bytes;               /* IP and transport header; a hint, 0: not known */
    uint16_t seg_bytes;               /* payload of each segment but the last; 0: kind is NONE */
};
#define JV_GSO_BYTES_MAX 65535U /* of a packet of any kind */

struct jv_batch {
    struct jv_slot *slots;
    uint32_t len;
    uint32_t done; /* slots before it are finished; advanced by the core */
};
#endif /* JV_BASE_BATCH_H */
