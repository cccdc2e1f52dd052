/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: outer codepoint and MTU; the rest is a packet. Checksums that were right stay right. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "inner.h"
#include "packets.h"

#define PACKET_MAX 2048U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
        bool has_tcp = len >= packet_header_len(packet) + 20;
        bool ip_was = packet_ip_sum_is_valid(packet);
        uint32_t tcp_was = has_tcp ? packet_tcp_sum(packet, len) : 0;
        bool clamped = jv_inner_clamp_mss(packet, len, 1280U + (data[0] >> 2) * 8U);
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
