/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TOOLS_EMUICMP_H
#define JV_TOOLS_EMUICMP_H
/*
 * emuicmp -- what a router answers to a packet that is too long for its next link: ICMP "fragmentation needed", ICMPv6 "packet too big".
 *
 * Owns     nothing.
 * Takes    one whole IP packet.
 * Gives    one whole IP packet for its sender, as if from where it was going: no reverse path filter minds that.
 * Threads  any.
 */
#include <stddef.h>
#include <stdint.h>

#define EMU_ICMP_BYTES 1280U /* the longest answer: ICMPv6 fills up to the least MTU of IPv6 */

/*
 * The answer's length, 0: none is owed (an IPv4 packet that may be fragmented, a fragment behind the first, an ICMP error, a
 * packet that is not whole).
 */
size_t emu_too_big(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t out[EMU_ICMP_BYTES]);
#endif /* JV_TOOLS_EMUICMP_H */
