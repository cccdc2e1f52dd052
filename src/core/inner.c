/* SPDX-License-Identifier: Apache-2.0 */
#include "inner.h"

#include <string.h>

#include "csum.h"
#include "ip.h"

#define ICMP_MTU_LEAST 576U /* of IPv4: no answer is longer (RFC 1812 §4.3.2.3) */
#define TTL 64U
#define ECN_NOT_ECT 0U
#define ECN_ECT1 1U
#define ECN_CE 3U

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
static void update_checksum(uint8_t *checksum, uint32_t before, uint32_t after)
{
    uint32_t sum = (~jv_load16(checksum) & 0xffff) + (~before & 0xffff) + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    jv_store16(checksum, ~sum & 0xffff);
}

bool jv_inner_parse(const uint8_t *packet, size_t len, struct jv_inner *out)
{
    memset(out, 0, sizeof *out);
    if (len >= JV_IPV4_HEADER && packet[0] >> 4 == 4) {
        size_t header = (size_t)(packet[0] & 0xf) * 4;
        if (header < JV_IPV4_HEADER || header > len || jv_load16(packet + 2) != len) {
            return false;
        }
        out->source.family = out->destination.family = JV_AF_4;
        memcpy(out->source.b, packet + 12, 4);
        memcpy(out->destination.b, packet + 16, 4);
        out->ecn = packet[1] & 3;
        out->dscp = packet[1] >> 2;
        return true;
    }
    if (len >= JV_IPV6_HEADER && packet[0] >> 4 == 6) {
        if (jv_load16(packet + 4) + JV_IPV6_HEADER != len) {
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
        uint32_t before = jv_load16(packet);
        packet[1] = (uint8_t)((packet[1] & ~3U) | outer_ecn);
        update_checksum(packet + 10, before, jv_load16(packet));
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
        bool is_later_fragment = (jv_load16(packet + 6) & JV_IPV4_OFFSET) != 0;
        if (packet[9] != JV_PROTO_TCP || is_later_fragment) {
            return NULL;
        }
    } else {
        at = JV_IPV6_HEADER;
        if (packet[6] != JV_PROTO_TCP) {
            return NULL;
        }
    }
    if (len < at + JV_TCP_HEADER) {
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
    uint32_t limit = mtu - JV_TCP_HEADER - (packet[0] >> 4 == 4 ? JV_IPV4_HEADER : JV_IPV6_HEADER);
    size_t end = (size_t)(tcp[12] >> 4) * 4;
    end = end < tcp_len ? end : tcp_len;
    for (size_t at = JV_TCP_HEADER; at + 1 < end && tcp[at] != 0;) {
        size_t option = tcp[at] == 1 ? 1 : tcp[at + 1];
        if (option == 0 || at + option > end || (tcp[at] != 1 && option < 2)) {
            return false;
        }
        if (tcp[at] == 2 && option == 4) {
            if (jv_load16(tcp + at + 2) <= limit) {
                return false;
            }
            if (!is_csum_partial) {
                update_at(tcp + 16, at, jv_load16(tcp + at + 2), limit);
            }
            jv_store16(tcp + at + 2, limit);
            return true;
        }
        at += option;
    }
    return false;
}

/* ---- packets that are too large ---- */

static bool is_icmp_error(uint8_t protocol, const uint8_t *icmp, size_t len)
{
    if (protocol == JV_PROTO_ICMPV6) {
        return len == 0 || icmp[0] < 128;
    }
    static const uint8_t errors[] = {3, 4, 5, 11, 12};
    return protocol == JV_PROTO_ICMP &&
           (len == 0 || memchr(errors, icmp[0], sizeof errors) != NULL);
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
        bool is_error = is_icmp_error(packet[6], packet + JV_IPV6_HEADER, len - JV_IPV6_HEADER);
        return is_error || is_no_host(packet + 8, 6) ? JV_EXCESS_SILENT : JV_EXCESS_TELL;
    }
    size_t header = (size_t)(packet[0] & 0xf) * 4;
    uint32_t fragment = jv_load16(packet + 6);
    if ((fragment & JV_IPV4_DONT_FRAGMENT) == 0) {
        /* Bytes beyond the 65535th have no offset: it would run over into the flags. */
        bool has_offsets = (size_t)(fragment & JV_IPV4_OFFSET) * 8 + len - header <= UINT16_MAX;
        return has_offsets ? JV_EXCESS_SPLIT : JV_EXCESS_SILENT;
    }
    bool is_silent = (fragment & JV_IPV4_OFFSET) != 0 || is_no_host(packet + 12, 4) ||
                     packet[16] >= 224 || is_icmp_error(packet[9], packet + header, len - header);
    return is_silent ? JV_EXCESS_SILENT : JV_EXCESS_TELL;
}

static void put_checksum(uint8_t *at, uint64_t sum)
{
    jv_put_word16(at, (uint16_t)~jv_csum_fold(sum));
}

static size_t too_big4(const uint8_t *packet, size_t len, const struct jv_ip *source, uint32_t mtu,
                       uint8_t *out)
{
    size_t quoted = len < ICMP_MTU_LEAST - JV_IPV4_HEADER - JV_ICMP_HEADER
                        ? len
                        : ICMP_MTU_LEAST - JV_IPV4_HEADER - JV_ICMP_HEADER;
    size_t total = JV_IPV4_HEADER + JV_ICMP_HEADER + quoted;
    uint8_t *icmp = out + JV_IPV4_HEADER;
    memset(out, 0, JV_IPV4_HEADER + JV_ICMP_HEADER);
    out[0] = 0x45;
    out[1] = 0xc0; /* internetwork control, as routers mark their errors (RFC 1812 §4.3.2.5) */
    jv_store16(out + 2, (uint32_t)total);
    jv_store16(out + 6, JV_IPV4_DONT_FRAGMENT);
    out[8] = TTL;
    out[9] = JV_PROTO_ICMP;
    memcpy(out + 12, source->b, 4);
    memcpy(out + 16, packet + 12, 4);
    put_checksum(out + 10, jv_csum_sum(out, JV_IPV4_HEADER, 0));
    icmp[0] = 3; /* destination unreachable */
    icmp[1] = 4; /* fragmentation needed */
    jv_store16(icmp + 6, mtu);
    memcpy(icmp + JV_ICMP_HEADER, packet, quoted);
    put_checksum(icmp + 2, jv_csum_sum(icmp, JV_ICMP_HEADER + quoted, 0));
    return total;
}

static size_t too_big6(const uint8_t *packet, size_t len, const struct jv_ip *source, uint32_t mtu,
                       uint8_t *out)
{
    size_t quoted = JV_INNER_TOO_BIG_MAX - JV_IPV6_HEADER - JV_ICMP_HEADER;
    quoted = len < quoted ? len : quoted;
    size_t body = JV_ICMP_HEADER + quoted;
    uint8_t *icmp = out + JV_IPV6_HEADER;
    memset(out, 0, JV_IPV6_HEADER + JV_ICMP_HEADER);
    out[0] = 0x60;
    jv_store16(out + 4, (uint32_t)body);
    out[6] = JV_PROTO_ICMPV6;
    out[7] = TTL;
    memcpy(out + 8, source->b, 16);
    memcpy(out + 24, packet + 8, 16);
    icmp[0] = 2; /* packet too big */
    jv_store32(icmp + 4, mtu);
    memcpy(icmp + JV_ICMP_HEADER, packet, quoted);
    uint64_t sum = jv_csum_pseudo(out, JV_PROTO_ICMPV6, (uint32_t)body);
    put_checksum(icmp + 2, jv_csum_sum(icmp, body, sum));
    return JV_IPV6_HEADER + body;
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
    size_t to = JV_IPV4_HEADER;
    memcpy(out, packet, JV_IPV4_HEADER);
    for (size_t from = JV_IPV4_HEADER; from < header && packet[from] != 0;) {
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
    uint32_t fragment = jv_load16(packet + 6);
    uint32_t more = is_last ? fragment & JV_IPV4_MORE_FRAGMENTS : JV_IPV4_MORE_FRAGMENTS;
    jv_store16(out + 2, (uint32_t)(own + take));
    jv_store16(out + 6, more | ((fragment & JV_IPV4_OFFSET) + (uint32_t)(*at / 8)));
    jv_store16(out + 10, 0);
    put_checksum(out + 10, jv_csum_sum(out, own, 0));
    memcpy(out + own, packet + header + *at, take);
    *at += take;
    return own + take;
}
