/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner packets: each length up to two headers with each value of each byte of the header, each layout of TCP options up to four bytes,
 * each limit around the size of a fragment. The packet ends at a fence; checksums are computed anew by RFC 1071.
 */
#include "base.h"
#include "exh.h"
#include "fence.h"
#include "inner.h"
#include "packets.h"

static uint8_t out[2048];

/* RFC 791 and 8200: version, header length, total length. */
static bool is_packet(const uint8_t *b, size_t len)
{
    if (len >= 20 && b[0] >> 4 == 4) {
        size_t header = (size_t)(b[0] & 15) * 4;
        return header >= 20 && header <= len && (size_t)b[2] * 256 + b[3] == len;
    }
    return len >= 40 && b[0] >> 4 == 6 && (size_t)b[4] * 256 + b[5] == len - 40;
}

/* All that the tunnel does with a packet, within the fence; what must hold of each result. */
static bool survives(const uint8_t *bytes, size_t len)
{
    struct jv_inner inner;
    struct jv_ip source = {.family = bytes[0] >> 4};
    uint8_t *packet = fence_put(bytes, len);
    bool got = jv_inner_parse(packet, len, &inner);
    if (got != is_packet(bytes, len)) {
        return false;
    }
    if (!got) {
        return true;
    }
    bool was_valid = packet_ip_sum_is_valid(packet);
    (void)jv_inner_excess(packet, len); /* either answer is right here: it must not read beyond */
    size_t answer = jv_inner_too_big(packet, len, &source, 1280, out);
    bool good =
        answer <= JV_INNER_TOO_BIG_MAX && is_packet(out, answer) && packet_ip_sum_is_valid(out);
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        packet = fence_put(bytes, len);
        bool kept = jv_inner_set_ecn(packet, &inner, ecn);
        good = good && kept == !(inner.ecn == 0 && ecn == 3) &&
               packet_ip_sum_is_valid(packet) == was_valid;
    }
    packet = fence_put(bytes, len);
    bool lowered = jv_inner_clamp_mss(packet, len, 1280, false);
    return good && (lowered || memcmp(packet, bytes, len) == 0);
}

static void headers(bool is_wide)
{
    for (size_t len = 0; len <= (is_wide ? 132U : 84U); len++) {
        for (uint32_t version = 4; version <= 6; version += 2) {
            uint8_t bytes[132] = {0};
            bytes[0] = (uint8_t)(version << 4 | 5);
            bytes[version == 4 ? 9 : 6] = 6;
            packet_put16(bytes + (version == 4 ? 2 : 4), (uint32_t)len - (version == 4 ? 0 : 40));
            for (size_t at = 0; at < JV_MIN(len, (size_t)84); at++) {
                uint8_t was = bytes[at];
                for (uint32_t v = 0; v < 256; v++) {
                    bytes[at] = (uint8_t)v;
                    EXH_CASE(survives(bytes, len), "version %u, %zu bytes, byte %zu is %02x",
                             version, len, at, v);
                }
                bytes[at] = was;
            }
            EXH_CASE(survives(bytes, len), "version %u, %zu bytes", version, len);
        }
    }
    exh_law("packets of each length, each value of each header byte: taken as the headers say, "
            "nothing beyond is read");
}

/* The MSS option by RFC 9293: a list of kinds, 0 ends it, 1 has no length. SIZE_MAX: none, or malformed before it. */
static size_t find_mss(const uint8_t *options, size_t len)
{
    size_t at = 0;
    while (at < len && options[at] != 0) {
        if (options[at] == 1) {
            at++;
            continue;
        }
        if (at + 1 >= len || options[at + 1] < 2 || at + options[at + 1] > len) {
            return SIZE_MAX;
        }
        if (options[at] == 2 && options[at + 1] == 4) {
            return at;
        }
        at += options[at + 1];
    }
    return SIZE_MAX;
}

static void options(bool is_wide)
{
    static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 255};
    uint32_t places = is_wide ? 7 : 6;
    for (uint32_t v = 0; v < 1U << (3 * places); v++) {
        uint8_t bytes[20 + 28] = {0x45};
        uint8_t *tcp = bytes + 20;
        uint8_t *opt = tcp + 20;
        bytes[9] = 6;
        tcp[12] = 7 << 4;
        tcp[13] = 2;
        /* The last byte that is tried is the last of the packet. */
        memset(opt, 1, 8 - places);
        for (uint32_t i = 0; i < places; i++) {
            opt[8 - places + i] = kinds[v >> (3 * i) & 7];
        }
        packet_finish_ip(bytes, sizeof bytes);
        uint32_t limit = 300;
        size_t mss = find_mss(opt, 8);
        bool want = mss != SIZE_MAX && (uint32_t)opt[mss + 2] * 256 + opt[mss + 3] > limit;
        uint8_t *packet = fence_put(bytes, sizeof bytes);
        uint32_t sum = packet_tcp_sum(packet, sizeof bytes);
        bool got = jv_inner_clamp_mss(packet, sizeof bytes, limit + 40, false);
        bool good = got == want && packet_tcp_sum(packet, sizeof bytes) == sum;
        if (good && got) {
            packet_put16(opt + mss + 2, limit);
            memcpy(tcp + 16, packet + 36, 2);
        }
        EXH_CASE(good && memcmp(packet, bytes, sizeof bytes) == 0, "options %x: %s", v,
                 got ? "lowered" : "left");
    }
    exh_law("the MSS is lowered where the list of options has one that is larger, and the sum "
            "stays right");
}

/* Fragments of each packet length and limit give the payload again, each whole and no longer than the limit. */
static void fragments(void)
{
    for (size_t header = 20; header <= 60; header += 20) {
        for (size_t payload = 0; payload <= 70; payload++) {
            for (uint32_t mtu = 68; mtu <= 132; mtu++) {
                uint8_t bytes[130] = {0};
                uint8_t back[130] = {0};
                size_t at = 0;
                size_t got = 0;
                bool good = true;
                for (size_t i = header; i < header + payload; i++) {
                    bytes[i] = (uint8_t)(i * 7 + 1);
                }
                bytes[0] = (uint8_t)(0x40 | header / 4);
                memset(bytes + 20, 1, header - 20);
                packet_finish_ip(bytes, header + payload);
                uint8_t *packet = fence_put(bytes, header + payload);
                for (size_t n = jv_inner_fragment(packet, header + payload, mtu, &at, out); n != 0;
                     n = jv_inner_fragment(packet, header + payload, mtu, &at, out)) {
                    size_t own = packet_header_len(out);
                    size_t offset = ((size_t)(out[6] & 0x1f) * 256 + out[7]) * 8;
                    bool has_more = (out[6] & 0x20) != 0;
                    good = good && n <= mtu && is_packet(out, n) && packet_ip_sum_is_valid(out) &&
                           offset == got && has_more == (got + n - own < payload);
                    if (!good || got + n - own > payload) {
                        break;
                    }
                    memcpy(back + header + offset, out + own, n - own);
                    got += n - own;
                }
                EXH_CASE(good && got == payload &&
                             memcmp(back + header, bytes + header, payload) == 0,
                         "header %zu, payload %zu, limit %u", header, payload, mtu);
            }
        }
    }
    exh_law("fragments of each packet and limit are whole packets within the limit and give the "
            "payload again");
}

int main(int argc, char **argv)
{
    fence_open();
    headers(exh_is_wide(argc, argv));
    options(exh_is_wide(argc, argv));
    fragments();
    return exh_end();
}
