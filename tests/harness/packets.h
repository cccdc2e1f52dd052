/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_PACKETS_H
#define JV_TESTS_PACKETS_H
/*
 * packets -- inner packets made by hand, and the internet checksum computed from its definition (RFC 1071).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t packet_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline void packet_put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static inline size_t packet_header_len(const uint8_t *packet)
{
    return packet[0] >> 4 == 4 ? (size_t)(packet[0] & 0xf) * 4 : 40;
}

static inline bool packet_ip_sum_is_valid(const uint8_t *packet)
{
    return packet[0] >> 4 != 4 || packet_sum(packet, packet_header_len(packet), 0) == 0xffff;
}

/* The sum over pseudo header and segment; 0xffff where the checksum in it is right. */
static inline uint32_t packet_tcp_sum(const uint8_t *packet, size_t len)
{
    size_t at = packet_header_len(packet);
    bool is_v4 = packet[0] >> 4 == 4;
    uint32_t sum = packet_sum(packet + (is_v4 ? 12 : 8), is_v4 ? 8 : 32, 0);
    return packet_sum(packet + at, len - at, sum + (uint32_t)(len - at) + 6);
}

/* Set length and header checksum of a packet whose other bytes stand. */
static inline void packet_finish_ip(uint8_t *packet, size_t len)
{
    if (packet[0] >> 4 == 4) {
        packet_put16(packet + 2, (uint32_t)len);
        packet_put16(packet + 10, 0);
        packet_put16(packet + 10, ~packet_sum(packet, packet_header_len(packet), 0) & 0xffff);
    } else {
        packet_put16(packet + 4, (uint32_t)len - 40);
    }
}

/* A packet of `family` with `header` bytes of IP header, `len` in all, with these addresses. */
static inline void packet_make(uint8_t *packet, uint32_t family, size_t header, size_t len,
                               uint8_t proto, uint8_t ecn)
{
    memset(packet, 0, len);
    if (family == 4) {
        packet[0] = (uint8_t)(0x40 | header / 4);
        packet[1] = (uint8_t)(0xb8 | ecn);
        packet[8] = 64;
        packet[9] = proto;
        memcpy(packet + 12, "\x0a\x01\x02\x03\xc0\x00\x02\x09", 8);
    } else {
        packet[0] = 0x6b;
        packet[1] = (uint8_t)(0x80 | ecn << 4 | 5);
        packet[6] = proto;
        packet[7] = 64;
        memcpy(packet + 8, "\xfd\x00", 2);
        packet[23] = 7;
        memcpy(packet + 24, "\x20\x01\x0d\xb8", 4);
        packet[39] = 9;
    }
    packet_finish_ip(packet, len);
}

/* Fill in a TCP header with these options behind the IP header; the checksum is made right. */
static inline void packet_put_tcp(uint8_t *packet, size_t len, uint8_t flags,
                                  const uint8_t *options, size_t options_len)
{
    uint8_t *tcp = packet + packet_header_len(packet);
    tcp[12] = (uint8_t)((20 + (options_len + 3) / 4 * 4) / 4 << 4);
    tcp[13] = flags;
    memcpy(tcp + 20, options, options_len);
    packet_put16(tcp + 16, 0);
    packet_put16(tcp + 16, ~packet_tcp_sum(packet, len) & 0xffff);
}
#endif /* JV_TESTS_PACKETS_H */
