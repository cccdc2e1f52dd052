/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of random bytes that look more or less like IP and TCP: whatever is changed, a checksum that was right stays right, and
 * what the reader told before the change it tells after it.
 */
#include <stdlib.h>

#include "base.h"
#include "inner.h"
#include "packets.h"
#include "rounds.h"

#define LEN_MAX 96U

static size_t draw_packet(struct jv_prng *prng, uint8_t *packet)
{
    uint32_t family = jv_prng_below(prng, 2) == 0 ? 4 : 6;
    size_t header = family == 4 ? 20 + 4 * (size_t)jv_prng_below(prng, 3) : 40;
    size_t len = header + (size_t)jv_prng_below(prng, LEN_MAX - header + 1);
    uint8_t proto = jv_prng_below(prng, 4) == 0 ? 17 : 6;
    packet_make(packet, family, header, len, proto, (uint8_t)jv_prng_below(prng, 4));
    for (size_t i = header; i < len; i++) {
        packet[i] =
            (uint8_t)(jv_prng_below(prng, 3) == 0 ? jv_prng_next(prng) : jv_prng_below(prng, 6));
    }
    if (len >= header + 20) {
        packet[header + 12] = (uint8_t)(jv_prng_below(prng, 16) << 4);
        packet[header + 13] |= jv_prng_below(prng, 2) == 0 ? 2 : 0;
        packet_put16(packet + header + 16, 0);
        packet_put16(packet + header + 16, ~packet_tcp_sum(packet, len) & 0xffff);
    }
    if (jv_prng_below(prng, 8) == 0) { /* some are broken somewhere */
        packet[jv_prng_below(prng, len)] ^= (uint8_t)(1U << jv_prng_below(prng, 8));
    }
    return len;
}

/* Fragments put together again by their offsets are the packet; each fits, and its checksum is right. */
static bool fragments_make_the_packet(struct jv_prng *prng)
{
    static uint8_t packet[2048];
    static uint8_t whole[2048];
    static uint8_t part[2048];
    size_t header = 20 + 4 * (size_t)jv_prng_below(prng, 11);
    size_t len = header + 1 + (size_t)jv_prng_below(prng, 1800 - header);
    uint32_t mtu = 68 + (uint32_t)jv_prng_below(prng, 1500);
    packet_make(packet, 4, header, len, 17, 0);
    for (size_t i = 20; i < len; i++) {
        packet[i] = (uint8_t)jv_prng_next(prng); /* options too: mostly nonsense */
    }
    uint32_t fragment =
        (uint32_t)jv_prng_below(prng, 2) * 0x2000 + (uint32_t)jv_prng_below(prng, 500);
    packet_put16(packet + 6, fragment);
    packet_finish_ip(packet, len);
    size_t at = 0;
    size_t end = 0;
    for (size_t n; (n = jv_inner_fragment(packet, len, mtu, &at, part)) > 0;) {
        size_t own = packet_header_len(part);
        uint32_t field = (uint32_t)part[6] << 8 | part[7];
        size_t offset = ((field & 0x1fff) - (fragment & 0x1fff)) * 8;
        bool is_last = at == len - header;
        if (n > mtu || own > header || offset != end || !packet_ip_sum_is_valid(part) ||
            ((size_t)part[2] << 8 | part[3]) != n ||
            ((field & 0x2000) != 0) != (!is_last || (fragment & 0x2000) != 0)) {
            return false;
        }
        memcpy(whole + offset, part + own, n - own);
        end = offset + n - own;
    }
    return end == len - header && memcmp(whole, packet + header, end) == 0;
}

static bool holds(struct jv_prng *prng)
{
    if (!fragments_make_the_packet(prng)) {
        return false;
    }
    uint8_t drawn[LEN_MAX];
    struct jv_inner inner;
    struct jv_inner again;
    size_t len = draw_packet(prng, drawn);
    /* A copy of the exact size, so that a sanitizer sees the first byte beyond. */
    uint8_t *packet = malloc(len);
    JV_ASSERT(packet != NULL);
    memcpy(packet, drawn, len);
    uint32_t mtu = 1280 + (uint32_t)jv_prng_below(prng, 521);
    bool good = true;
    if (jv_inner_parse(packet, len, &inner)) {
        size_t header = packet_header_len(packet);
        bool has_tcp = len >= header + 20;
        bool ip_was = packet_ip_sum_is_valid(packet);
        uint32_t tcp_was = has_tcp ? packet_tcp_sum(packet, len) : 0;
        bool clamped = jv_inner_clamp_mss(packet, len, mtu, false);
        good = good && (clamped || memcmp(packet, drawn, len) == 0);
        good = good && (!has_tcp || packet_tcp_sum(packet, len) == tcp_was);
        good = good && !jv_inner_clamp_mss(packet, len, mtu, false);
        bool kept = jv_inner_set_ecn(packet, &inner, (uint8_t)jv_prng_below(prng, 4));
        good = good && (kept || inner.ecn == 0);
        good = good && packet_ip_sum_is_valid(packet) == ip_was;
        good = good && jv_inner_parse(packet, len, &again);
        good = good && jv_ip_is_equal(&inner.source, &again.source);
        good = good && jv_ip_is_equal(&inner.destination, &again.destination);
    }
    free(packet);
    return good;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_inner_changes_keep_checksums", 200000, holds);
}
