/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_CSUM_H
#define JV_CORE_CSUM_H
/*
 * csum -- the Internet checksum of inner packets: summed, completed where it was left partial, verified.
 *
 * A partial checksum is what the kernel leaves to a device (CHECKSUM_PARTIAL): the field holds the folded sum of the pseudo-header,
 * length included and not complemented; who completes it sums from the transport header to the end of the packet over it.
 *
 * Takes    sums in the byte order of the machine, 64 bits wide and unfolded: they can be added, and are folded once (RFC 1071 §2).
 * Sources  RFC 1071, RFC 9293 §3.1 and RFC 768 (pseudo-header), RFC 8200 §8.1.
 * Threads  none: pure functions on the packet's bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ip.h"

#define JV_CSUM_AT_TCP 16U /* where the checksum stands in the transport header */
#define JV_CSUM_AT_UDP 6U

/* One's complement addition: the carry comes back in. */
static inline uint64_t jv_csum_plus(uint64_t a, uint64_t b)
{
    a += b;
    return a + (a < b);
}

static inline uint16_t jv_csum_fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)sum;
}

/* A number as the word of the sum that its two bytes on the wire are. */
static inline uint16_t jv_csum_word(uint32_t value)
{
    uint8_t bytes[2];
    jv_store16(bytes, value);
    return jv_word16(bytes);
}

/* `sum` and that of the bytes; they begin at an even place of what is summed. */
uint64_t jv_csum_sum(const uint8_t *bytes, size_t len, uint64_t sum);
/* Of the pseudo-header of an IPv4 or IPv6 packet, for `l4_bytes` of transport header and payload. */
uint64_t jv_csum_pseudo(const uint8_t *packet, uint8_t protocol, uint32_t l4_bytes);

struct jv_l4 {
    uint32_t at; /* of the transport header in the packet */
    uint8_t protocol;
    uint32_t csum_at; /* of the checksum in the transport header */
};
/*
 * The transport header of a plain TCP or UDP packet: a whole IPv4 or IPv6 packet of exactly `len` bytes, no fragment, no extension
 * header, its transport header whole, a UDP length that is the packet's. False: it is none.
 */
bool jv_csum_l4(const uint8_t *packet, size_t len, struct jv_l4 *out);

/* Complete what was left partial at `start` + `at`; both lie inside, with room for the two bytes. Zero becomes 0xffff unless TCP. */
void jv_csum_fill(uint8_t *packet, size_t len, uint32_t start, uint32_t at);
/* Complete the partial checksum of a plain TCP or UDP packet. False: it is none, nothing was written. */
bool jv_csum_complete(uint8_t *packet, size_t len);
/* Is the complete checksum right? A UDP packet without one has none that is. */
bool jv_csum_verify(const uint8_t *packet, size_t len, const struct jv_l4 *l4);
#endif /* JV_CORE_CSUM_H */
