/* SPDX-License-Identifier: Apache-2.0 */
#include "inner.h"

#include <string.h>

#define IPV4_HEADER 20U
#define IPV6_HEADER 40U
#define TCP_HEADER 20U
#define PROTO_ICMP 1U
#define PROTO_TCP 6U
#define PROTO_ICMPV6 58U
#define ICMP_HEADER 8U
#define ICMP_MTU_LEAST 576U /* of IPv4: no answer is longer (RFC 1812 §4.3.2.3) */
#define TTL 64U
#define DONT_FRAGMENT 0x4000U
#define MORE_FRAGMENTS 0x2000U
#define OFFSET_MASK 0x1fffU
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
        bool is_later_fragment = (be16(packet + 6) & OFFSET_MASK) != 0;
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

/* A number at an odd place falls into two words of the sum, with its halves swapped. */
static void update_at(uint8_t *checksum, size_t at, uint32_t before, uint32_t after)
{
    if (at % 2 != 0) {
        before = (before >> 8) | (before & 0xff) << 8;
        after = (after >> 8) | (after & 0xff) << 8;
    }
    update_checksum(checksum, before, after);
}

bool jv_inner_clamp_mss(uint8_t *packet, size_t len, uint32_t mtu, bool is_csum_partial)
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
            if (!is_csum_partial) {
                update_at(tcp + 16, at, be16(tcp + at + 2), limit);
            }
            put_be16(tcp + at + 2, limit);
            return true;
        }
        at += option;
    }
    return false;
}

/* ---- packets that are too large ---- */

static bool is_icmp_error(uint8_t protocol, const uint8_t *icmp, size_t len)
{
    if (protocol == PROTO_ICMPV6) {
        return len == 0 || icmp[0] < 128;
    }
    static const uint8_t errors[] = {3, 4, 5, 11, 12};
    return protocol == PROTO_ICMP && (len == 0 || memchr(errors, icmp[0], sizeof errors) != NULL);
}

/* Multicast, broadcast, loopback or nobody. */
static bool is_no_host(const uint8_t *address, uint8_t version)
{
    static const uint8_t zero[16];
    if (version == 4) {
        return address[0] >= 224 || address[0] == 127 || address[0] == 0;
    }
    return address[0] == 0xff || memcmp(address, zero, 15) == 0;
}

enum jv_inner_excess jv_inner_excess(const uint8_t *packet, size_t len)
{
    if (packet[0] >> 4 == 6) {
        bool is_error = is_icmp_error(packet[6], packet + IPV6_HEADER, len - IPV6_HEADER);
        return is_error || is_no_host(packet + 8, 6) ? JV_EXCESS_SILENT : JV_EXCESS_TELL;
    }
    size_t header = (size_t)(packet[0] & 0xf) * 4;
    uint32_t fragment = be16(packet + 6);
    if ((fragment & DONT_FRAGMENT) == 0) {
        /* Bytes beyond the 65535th have no offset: it would run over into the flags. */
        bool has_offsets = (size_t)(fragment & OFFSET_MASK) * 8 + len - header <= UINT16_MAX;
        return has_offsets ? JV_EXCESS_SPLIT : JV_EXCESS_SILENT;
    }
    bool is_silent = (fragment & OFFSET_MASK) != 0 || is_no_host(packet + 12, 4) ||
                     packet[16] >= 224 || is_icmp_error(packet[9], packet + header, len - header);
    return is_silent ? JV_EXCESS_SILENT : JV_EXCESS_TELL;
}

static uint32_t sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i + 1 < len; i += 2) {
        sum += be16(bytes + i);
    }
    return len % 2 != 0 ? sum + ((uint32_t)bytes[len - 1] << 8) : sum;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put_be16(at, ~sum & 0xffff);
}

static size_t too_big4(const uint8_t *packet, size_t len, const struct jv_ip *source, uint32_t mtu,
                       uint8_t *out)
{
    size_t quoted = len < ICMP_MTU_LEAST - IPV4_HEADER - ICMP_HEADER
                        ? len
                        : ICMP_MTU_LEAST - IPV4_HEADER - ICMP_HEADER;
    size_t total = IPV4_HEADER + ICMP_HEADER + quoted;
    uint8_t *icmp = out + IPV4_HEADER;
    memset(out, 0, IPV4_HEADER + ICMP_HEADER);
    out[0] = 0x45;
    out[1] = 0xc0; /* internetwork control, as routers mark their errors (RFC 1812 §4.3.2.5) */
    put_be16(out + 2, (uint32_t)total);
    put_be16(out + 6, DONT_FRAGMENT);
    out[8] = TTL;
    out[9] = PROTO_ICMP;
    memcpy(out + 12, source->b, 4);
    memcpy(out + 16, packet + 12, 4);
    put_checksum(out + 10, sum_of(out, IPV4_HEADER, 0));
    icmp[0] = 3; /* destination unreachable */
    icmp[1] = 4; /* fragmentation needed */
    put_be16(icmp + 6, mtu);
    memcpy(icmp + ICMP_HEADER, packet, quoted);
    put_checksum(icmp + 2, sum_of(icmp, ICMP_HEADER + quoted, 0));
    return total;
}

static size_t too_big6(const uint8_t *packet, size_t len, const struct jv_ip *source, uint32_t mtu,
                       uint8_t *out)
{
    size_t quoted = JV_INNER_TOO_BIG_MAX - IPV6_HEADER - ICMP_HEADER;
    quoted = len < quoted ? len : quoted;
    size_t body = ICMP_HEADER + quoted;
    uint8_t *icmp = out + IPV6_HEADER;
    memset(out, 0, IPV6_HEADER + ICMP_HEADER);
    out[0] = 0x60;
    put_be16(out + 4, (uint32_t)body);
    out[6] = PROTO_ICMPV6;
    out[7] = TTL;
    memcpy(out + 8, source->b, 16);
    memcpy(out + 24, packet + 8, 16);
    icmp[0] = 2; /* packet too big */
    put_be16(icmp + 4, mtu >> 16);
    put_be16(icmp + 6, mtu & 0xffff);
    memcpy(icmp + ICMP_HEADER, packet, quoted);
    /* The pseudo header: both addresses, the length and the protocol (RFC 8200 §8.1). */
    uint32_t sum = sum_of(out + 8, 32, (uint32_t)body + PROTO_ICMPV6);
    put_checksum(icmp + 2, sum_of(icmp, body, sum));
    return IPV6_HEADER + body;
}

size_t jv_inner_too_big(const uint8_t *packet, size_t len, const struct jv_ip *source, uint32_t mtu,
                        uint8_t out[JV_INNER_TOO_BIG_MAX])
{
    return packet[0] >> 4 == 4 ? too_big4(packet, len, source, mtu, out)
                               : too_big6(packet, len, source, mtu, out);
}

/* The options that every fragment carries (RFC 791 §3.1: copied flag), padded; returns the header's bytes. */
static size_t copy_header(const uint8_t *packet, size_t header, bool is_first, uint8_t *out)
{
    if (is_first) {
        memcpy(out, packet, header);
        return header;
    }
    size_t to = IPV4_HEADER;
    memcpy(out, packet, IPV4_HEADER);
    for (size_t from = IPV4_HEADER; from < header && packet[from] != 0;) {
        size_t option = packet[from] == 1 ? 1 : from + 1 < header ? packet[from + 1] : 0;
        if (option == 0 || (packet[from] != 1 && option < 2) || from + option > header) {
            break; /* malformed: what is behind it is nobody's */
        }
        if (packet[from] & 0x80) {
            memcpy(out + to, packet + from, option);
            to += option;
        }
        from += option;
    }
    while (to % 4 != 0) {
        out[to++] = 0;
    }
    out[0] = (uint8_t)(0x40 | to / 4);
    return to;
}

size_t jv_inner_fragment(const uint8_t *packet, size_t len, uint32_t mtu, size_t *at, uint8_t *out)
{
    size_t header = (size_t)(packet[0] & 0xf) * 4;
    size_t payload = len - header;
    if (*at >= payload) {
        return 0;
    }
    size_t own = copy_header(packet, header, *at == 0, out);
    size_t room = mtu > own ? mtu - own : 0;
    size_t rest = payload - *at;
    bool is_last = rest <= room;
    size_t take = is_last ? rest : room / 8 * 8;
    if (take == 0) {
        return 0;
    }
    uint32_t fragment = be16(packet + 6);
    uint32_t more = is_last ? fragment & MORE_FRAGMENTS : MORE_FRAGMENTS;
    put_be16(out + 2, (uint32_t)(own + take));
    put_be16(out + 6, more | ((fragment & OFFSET_MASK) + (uint32_t)(*at / 8)));
    put_be16(out + 10, 0);
    put_checksum(out + 10, sum_of(out, own, 0));
    memcpy(out + own, packet + header + *at, take);
    *at += take;
    return own + take;
}
