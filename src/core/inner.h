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
/* Lower the MSS of a TCP SYN to what fits `mtu`; leaves every other packet alone. True: it was lowered. */
bool jv_inner_clamp_mss(uint8_t *packet, size_t len, uint32_t mtu);
#endif /* JV_CORE_INNER_H */
