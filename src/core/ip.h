/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_IP_H
#define JV_CORE_IP_H
/*
 * ip -- what the headers of inner packets are made of: lengths in bytes, protocol numbers, flags; and their fields as words of a
 * sum. Numbers are read and written by jv_load16() and its like (wire.h).
 *
 * Sources  RFC 791, RFC 8200, RFC 9293 §3.1, RFC 768, RFC 792, RFC 4443.
 * Threads  none: pure functions on the packet's bytes.
 */
#include <stdint.h>
#include <string.h>

#include "wire.h"

#define JV_IPV4_HEADER 20U /* without options */
#define JV_IPV6_HEADER 40U
#define JV_TCP_HEADER 20U /* without options */
#define JV_UDP_HEADER 8U
#define JV_ICMP_HEADER 8U

#define JV_PROTO_ICMP 1U
#define JV_PROTO_TCP 6U
#define JV_PROTO_UDP 17U
#define JV_PROTO_ICMPV6 58U

/* Bytes 6 and 7 of an IPv4 header. */
#define JV_IPV4_DONT_FRAGMENT 0x4000U
#define JV_IPV4_MORE_FRAGMENTS 0x2000U
#define JV_IPV4_OFFSET 0x1fffU                                     /* in eights of bytes */
#define JV_IPV4_FRAGMENT (JV_IPV4_MORE_FRAGMENTS | JV_IPV4_OFFSET) /* any: it is a fragment */

#define JV_TCP_FIN 0x01U
#define JV_TCP_PSH 0x08U
#define JV_TCP_ACK 0x10U
#define JV_TCP_ECE 0x40U
#define JV_TCP_CWR 0x80U

/* Bytes in the order of the machine: to be compared, hashed or summed. */
static inline uint16_t jv_word16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t jv_word32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t jv_word64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void jv_put_word16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}
#endif /* JV_CORE_IP_H */
