/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First byte: outer codepoint and MTU; the rest is a packet. Checksums that were right stay right, the fragments of a packet put
 * together are the packet, and an ICMP error about it is whole and goes to its sender.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "inner.h"
#include "packets.h"

#define PACKET_MAX 2048U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT_LEAST 68U /* as in fit.c: a header with options and eight bytes */

static uint32_t fragment_field(const uint8_t *packet)
{
    return (uint32_t)packet[6] << 8 | packet[7];
}

static void split(const uint8_t *packet, size_t len, uint32_t mtu)
{
    static uint8_t part[PACKET_MAX];
    static uint8_t whole[PACKET_MAX];
    const uint32_t more_bit = 0x2000;
    struct jv_inner inner;
    size_t header = packet_header_len(packet);
    size_t joined = 0;
    size_t at = 0;
    for (size_t n; (n = jv_inner_fragment(packet, len, mtu, &at, part)) > 0;) {
        size_t own = packet_header_len(part);
        bool is_last = at == len - header;
        JV_ASSERT(n <= mtu && jv_inner_parse(part, n, &inner));
        JV_ASSERT(packet_ip_sum_is_valid(part));
        JV_ASSERT(part[9] == packet[9] && memcmp(part + 4, packet + 4, 2) == 0);
        JV_ASSERT((fragment_field(part) & 0x1fff) ==
                  (fragment_field(packet) & 0x1fff) + joined / 8);
        JV_ASSERT((fragment_field(part) & more_bit) ==
                  (is_last ? fragment_field(packet) & more_bit : more_bit));
        memcpy(whole + joined, part + own, n - own);
        joined += n - own;
        JV_ASSERT(joined == at);
    }
    JV_ASSERT(joined == len - header && memcmp(whole, packet + header, joined) == 0);
}

static void tell(const uint8_t *packet, size_t len, const struct jv_inner *inner, uint32_t mtu)
{
    uint8_t answer[JV_INNER_TOO_BIG_MAX];
    struct jv_inner got;
    size_t n = jv_inner_too_big(packet, len, &inner->destination, mtu, answer);
    JV_ASSERT(n <= sizeof answer && jv_inner_parse(answer, n, &got));
    JV_ASSERT(jv_ip_is_equal(&got.destination, &inner->source));
    JV_ASSERT(jv_ip_is_equal(&got.source, &inner->destination));
    JV_ASSERT(packet_ip_sum_is_valid(answer));
    size_t header = packet_header_len(answer);
    uint32_t pseudo = 0;
    if (answer[0] >> 4 == 6) {
        pseudo = packet_sum(answer + 8, 32, (uint32_t)(n - header) + 58);
    }
    JV_ASSERT(packet_sum(answer + header, n - header, pseudo) == 0xffff);
    /* Nobody is told about such an answer. */
    JV_ASSERT(jv_inner_excess(answer, n) != JV_EXCESS_TELL);
}

static void excess(const uint8_t *packet, size_t len, const struct jv_inner *inner, uint32_t mtu)
{
    switch (jv_inner_excess(packet, len)) {
    case JV_EXCESS_SPLIT:
        split(packet, len, mtu);
        break;
    case JV_EXCESS_TELL:
        tell(packet, len, inner, mtu);
        break;
    case JV_EXCESS_SILENT:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jv_inner inner;
    struct jv_inner again;
    if (size < 1 || size > PACKET_MAX) {
        return 0;
    }
    size_t len = size - 1;
    uint8_t *packet = malloc(len > 0 ? len : 1);
    JV_ASSERT(packet != NULL);
    memcpy(packet, data + 1, len);
    if (jv_inner_parse(packet, len, &inner)) {
        excess(packet, len, &inner, LIMIT_LEAST + (data[0] >> 2) * 24U);
        bool has_tcp = len >= packet_header_len(packet) + 20;
        bool ip_was = packet_ip_sum_is_valid(packet);
        uint32_t tcp_was = has_tcp ? packet_tcp_sum(packet, len) : 0;
        bool clamped = jv_inner_clamp_mss(packet, len, 1280U + (data[0] >> 2) * 8U, false);
        JV_ASSERT(clamped || memcmp(packet, data + 1, len) == 0);
        uint32_t tcp_is = has_tcp ? packet_tcp_sum(packet, len) : 0;
        JV_ASSERT(tcp_is == tcp_was);
        (void)jv_inner_set_ecn(packet, &inner, data[0] & 3); /* either answer is right here */
        JV_ASSERT(packet_ip_sum_is_valid(packet) == ip_was);
        JV_ASSERT(jv_inner_parse(packet, len, &again));
        JV_ASSERT(jv_ip_is_equal(&inner.source, &again.source));
    }
    free(packet);
    return 0;
}
