/* SPDX-License-Identifier: Apache-2.0 */
#include "csum.h"

/* Four sums side by side: each addition waits for the carry of the one before it. */
uint64_t jv_csum_sum(const uint8_t *bytes, size_t len, uint64_t sum)
{
    uint64_t a = 0, b = 0, c = 0;
    for (; len >= 32; bytes += 32, len -= 32) {
        sum = jv_csum_plus(sum, jv_word64(bytes));
        a = jv_csum_plus(a, jv_word64(bytes + 8));
        b = jv_csum_plus(b, jv_word64(bytes + 16));
        c = jv_csum_plus(c, jv_word64(bytes + 24));
    }
    for (; len >= 8; bytes += 8, len -= 8) {
        sum = jv_csum_plus(sum, jv_word64(bytes));
    }
    if (len > 0) {
        uint8_t rest[8] = {0};
        memcpy(rest, bytes, len);
        a = jv_csum_plus(a, jv_word64(rest));
    }
    return jv_csum_plus(jv_csum_plus(sum, a), jv_csum_plus(b, c));
}

uint64_t jv_csum_pseudo(const uint8_t *packet, uint8_t protocol, uint32_t l4_bytes)
{
    bool is_4 = packet[0] >> 4 == 4;
    uint64_t sum = (uint64_t)jv_csum_word(protocol) + jv_csum_word(l4_bytes);
    return jv_csum_sum(packet + (is_4 ? 12 : 8), is_4 ? 8 : 32, sum);
}

bool jv_csum_l4(const uint8_t *packet, size_t len, struct jv_l4 *out)
{
    if (len >= JV_IPV4_HEADER && packet[0] >> 4 == 4) {
        out->at = (packet[0] & 0xfU) * 4;
        out->protocol = packet[9];
        bool is_fragment = (jv_load16(packet + 6) & JV_IPV4_FRAGMENT) != 0;
        if (out->at < JV_IPV4_HEADER || out->at > len || jv_load16(packet + 2) != len ||
            is_fragment) {
            return false;
        }
    } else if (len >= JV_IPV6_HEADER && packet[0] >> 4 == 6) {
        out->at = JV_IPV6_HEADER;
        out->protocol = packet[6];
        if (jv_load16(packet + 4) + JV_IPV6_HEADER != len) {
            return false;
        }
    } else {
        return false;
    }
    size_t left = len - out->at;
    if (out->protocol == JV_PROTO_TCP) {
        out->csum_at = JV_CSUM_AT_TCP;
        return left >= JV_TCP_HEADER;
    }
    out->csum_at = JV_CSUM_AT_UDP;
    return out->protocol == JV_PROTO_UDP && left >= JV_UDP_HEADER &&
           jv_load16(packet + out->at + 4) == left;
}

void jv_csum_fill(uint8_t *packet, size_t len, uint32_t start, uint32_t at)
{
    uint16_t sum = (uint16_t)~jv_csum_fold(jv_csum_sum(packet + start, len - start, 0));
    if (sum == 0 && at != JV_CSUM_AT_TCP) {
        sum = UINT16_MAX;
    }
    memcpy(packet + start + at, &sum, sizeof sum);
}

bool jv_csum_complete(uint8_t *packet, size_t len)
{
    struct jv_l4 l4;
    if (!jv_csum_l4(packet, len, &l4)) {
        return false;
    }
    jv_csum_fill(packet, len, l4.at, l4.csum_at);
    return true;
}

bool jv_csum_verify(const uint8_t *packet, size_t len, const struct jv_l4 *l4)
{
    const uint8_t *transport = packet + l4->at;
    uint32_t bytes = (uint32_t)(len - l4->at);
    if (l4->protocol == JV_PROTO_UDP && jv_load16(transport + l4->csum_at) == 0) {
        return false;
    }
    uint64_t sum = jv_csum_pseudo(packet, l4->protocol, bytes);
    return jv_csum_fold(jv_csum_sum(transport, bytes, sum)) == UINT16_MAX;
}
