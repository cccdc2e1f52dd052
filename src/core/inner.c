/* SPDX-License-Identifier: Apache-2.0 */
#include "inner.h"

#include <string.h>

#define IPV4_HEADER 20U
#define IPV6_HEADER 40U
#define TCP_HEADER 20U
#define PROTO_TCP 6U
#define ECN_NOT_ECT 0U
#define ECN_ECT1 1U
#define ECN_CE 3U

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
static void update_checksum(uint8_t *checksum, uint32_t before, uint32_t after)
{
    uint32_t sum = (~be16(checksum) & 0xffff) + (~before & 0xffff) + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put_be16(checksum, ~sum & 0xffff);
}

bool jv_inner_parse(const uint8_t *packet, size_t len, struct jv_inner *out)
{
    memset(out, 0, sizeof *out);
    if (len >= IPV4_HEADER && packet[0] >> 4 == 4) {
        size_t header = (size_t)(packet[0] & 0xf) * 4;
        if (header < IPV4_HEADER || header > len || be16(packet + 2) != len) {
            return false;
        }
        out->source.family = out->destination.family = JV_AF_4;
        memcpy(out->source.b, packet + 12, 4);
        memcpy(out->destination.b, packet + 16, 4);
        out->ecn = packet[1] & 3;
        out->dscp = packet[1] >> 2;
        return true;
    }
    if (len >= IPV6_HEADER && packet[0] >> 4 == 6) {
        if (be16(packet + 4) + IPV6_HEADER != len) {
            return false;
        }
        out->source.family = out->destination.family = JV_AF_6;
        memcpy(out->source.b, packet + 8, 16);
        memcpy(out->destination.b, packet + 24, 16);
        out->ecn = (packet[1] >> 4) & 3;
        out->dscp = (uint8_t)((packet[0] & 0xfU) << 2 | packet[1] >> 6);
        return true;
    }
    return false;
}

bool jv_inner_set_ecn(uint8_t *packet, const struct jv_inner *inner, uint8_t outer_ecn)
{
    if (inner->ecn == ECN_NOT_ECT) {
        return outer_ecn != ECN_CE;
    }
    if (inner->ecn == ECN_CE || (outer_ecn != ECN_CE && outer_ecn != ECN_ECT1) ||
        outer_ecn == inner->ecn) {
        return true;
    }
    if (inner->source.family == JV_AF_4) {
        uint32_t before = be16(packet);
        packet[1] = (uint8_t)((packet[1] & ~3U) | outer_ecn);
        update_checksum(packet + 10, before, be16(packet));
    } else {
        packet[1] = (uint8_t)((packet[1] & ~0x30U) | (uint32_t)outer_ecn << 4);
    }
    return true;
}

/* The TCP header, or NULL where there is none in this packet. */
static uint8_t *find_tcp(uint8_t *packet, size_t len, size_t *tcp_len)
{
    size_t at;
    if (packet[0] >> 4 == 4) {
        at = (size_t)(packet[0] & 0xf) * 4;
        bool is_later_fragment = (be16(packet + 6) & 0x1fff) != 0;
        if (packet[9] != PROTO_TCP || is_later_fragment) {
            return NULL;
        }
    } else {
        at = IPV6_HEADER;
        if (packet[6] != PROTO_TCP) {
            return NULL;
        }
    }
    if (len < at + TCP_HEADER) {
        return NULL;
    }
    *tcp_len = len - at;
    return packet + at;
}

bool jv_inner_clamp_mss(uint8_t *packet, size_t len, uint32_t mtu)
{
    size_t tcp_len;
    uint8_t *tcp = find_tcp(packet, len, &tcp_len);
    if (tcp == NULL || (tcp[13] & 2) == 0) {
        return false;
    }
    uint32_t limit = mtu - TCP_HEADER - (packet[0] >> 4 == 4 ? IPV4_HEADER : IPV6_HEADER);
    size_t end = (size_t)(tcp[12] >> 4) * 4;
    end = end < tcp_len ? end : tcp_len;
    for (size_t at = TCP_HEADER; at + 1 < end && tcp[at] != 0;) {
        size_t option = tcp[at] == 1 ? 1 : tcp[at + 1];
        if (option == 0 || at + option > end || (tcp[at] != 1 && option < 2)) {
            return false;
        }
        if (tcp[at] == 2 && option == 4) {
            if (be16(tcp + at + 2) <= limit) {
                return false;
            }
            if (at % 2 == 0) {
                update_checksum(tcp + 16, be16(tcp + at + 2), limit);
            } else {
                /* An option at an odd place: its bytes fall into two words of the sum with their halves swapped. */
                uint32_t before = be16(tcp + at + 2);
                update_checksum(tcp + 16, (before >> 8) | (before & 0xff) << 8,
                                (limit >> 8) | (limit & 0xff) << 8);
            }
            put_be16(tcp + at + 2, limit);
            return true;
        }
        at += option;
    }
    return false;
}
