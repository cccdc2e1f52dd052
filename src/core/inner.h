/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_INNER_H
#define JV_CORE_INNER_H
/*
 * inner -- what the tunnel needs to know of an inner packet: its addresses, its ECN and DS fields, the MSS of a TCP SYN.
 *
 * Sources  RFC 791 and 8200 (headers), RFC 6040 §4 (ECN in tunnels, normal mode), RFC 1624 (checksum update), RFC 9293 (MSS option).
 * Threads  none: pure functions on the packet's bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"

struct jv_inner {
    struct jv_ip source, destination;
    uint8_t ecn;  /* RFC 3168 codepoint */
    uint8_t dscp; /* RFC 2474 codepoint; never changed by the tunnel (RFC 2983, pipe) */
};

/* False where the bytes are no whole IPv4 or IPv6 packet of exactly `len` bytes (a jumbogram is none). */
bool jv_inner_parse(const uint8_t *packet, size_t len, struct jv_inner *out);
/* Combine the outer codepoint into the inner one at the tunnel's exit. False: the packet must be dropped. */
bool jv_inner_set_ecn(uint8_t *packet, const struct jv_inner *inner, uint8_t outer_ecn);
/* What may be done with a packet that is too large for its path. */
enum jv_inner_excess {
    JV_EXCESS_SPLIT, /* IPv4 that may be fragmented */
    JV_EXCESS_TELL,  /* its sender must be told, and can do something about it */
    JV_EXCESS_SILENT /* nobody may be told: an ICMP error, a later fragment, a source that is no host (RFC 1122 §3.2.2), a fragment that ends beyond what IPv4 can count */
};
enum jv_inner_excess jv_inner_excess(const uint8_t *packet, size_t len);

#define JV_INNER_TOO_BIG_MAX 576U
/*
 * The ICMP answer "packet too big" (RFC 792, 1191; RFC 4443 §3.2) from `source`, of the packet's family, to the sender of a whole IP
 * packet: `mtu` is what fits. Returns its bytes, at most JV_INNER_TOO_BIG_MAX.
 */
size_t jv_inner_too_big(const uint8_t *packet, size_t len, const struct jv_ip *source, uint32_t mtu,
                        uint8_t out[JV_INNER_TOO_BIG_MAX]);

/*
 * The next fragment of an IPv4 packet (RFC 791 §3.2), `mtu` bytes at most: what stands behind the first `*at` bytes of its payload.
 * Advances `*at`; returns the fragment's bytes, 0 at the end. `mtu` has room for a header with options and eight bytes.
 */
size_t jv_inner_fragment(const uint8_t *packet, size_t len, uint32_t mtu, size_t *at, uint8_t *out);

/* May it be a TCP SYN? What only looks like one, a later fragment, is found out by jv_inner_clamp_mss(). `packet` was parsed. */
static inline bool jv_inner_is_syn(const uint8_t *packet, size_t len)
{
    bool is_4 = packet[0] >> 4 == 4;
    size_t at = is_4 ? (size_t)(packet[0] & 0xf) * 4 : 40;
    return packet[is_4 ? 9 : 6] == 6 && len >= at + 20 && (packet[at + 13] & 2) != 0;
}
/*
 * Lower the MSS of a TCP SYN to what fits `mtu`; leaves every other packet alone. A partial checksum does not cover it, a complete one is
 * updated. True: it was lowered.
 */
bool jv_inner_clamp_mss(uint8_t *packet, size_t len, uint32_t mtu, bool is_csum_partial);
#endif /* JV_CORE_INNER_H */
