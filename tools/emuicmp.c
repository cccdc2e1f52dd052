/* SPDX-License-Identifier: Apache-2.0 */
#include "emuicmp.h"

#include <stdbool.h>
#include <string.h>

#define IP4_HEADER 20U
#define IP6_HEADER 40U
#define ICMP_HEADER 8U
#define QUOTE4 548U /* RFC 1812, 4.3.2.3: as much as fits in 576 bytes */
#define TTL 64U
#define PROTO_ICMP 1U
#define PROTO_ICMP6 58U

/* The Internet checksum over `bytes`, from a sum that was begun elsewhere. */
static uint32_t add_up(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
    }
    return sum;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    put16(at, ~sum);
}

static size_t answer4(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t *out)
{
    size_t header = (packet[0] & 0x0fU) * 4U;
    uint32_t fragment = (uint32_t)packet[6] << 8 | packet[7];
    /* RFC 1122, 3.2.2: no error about an error. Types 0 and 8 are echoes. */
    bool is_error =
        packet[9] == PROTO_ICMP && (len <= header || (packet[header] != 0 && packet[header] != 8));
    if (header < IP4_HEADER || len < header || (fragment & 0x4000U) == 0 ||
        (fragment & 0x1fffU) != 0 || is_error) {
        return 0;
    }
    size_t quote = len < QUOTE4 ? len : QUOTE4;
    size_t total = IP4_HEADER + ICMP_HEADER + quote;
    memset(out, 0, IP4_HEADER + ICMP_HEADER);
    out[0] = 0x45;
    put16(out + 2, (uint32_t)total);
    out[8] = TTL;
    out[9] = PROTO_ICMP;
    memcpy(out + 12, packet + 16, 4);
    memcpy(out + 16, packet + 12, 4);
    put_checksum(out + 10, add_up(0, out, IP4_HEADER));
    uint8_t *icmp = out + IP4_HEADER;
    icmp[0] = 3;
    icmp[1] = 4;
    put16(icmp + 6, mtu);
    memcpy(icmp + ICMP_HEADER, packet, quote);
    put_checksum(icmp + 2, add_up(0, icmp, ICMP_HEADER + quote));
    return total;
}

static size_t answer6(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t *out)
{
    if (len < IP6_HEADER ||
        (packet[6] == PROTO_ICMP6 && (len == IP6_HEADER || packet[IP6_HEADER] < 128))) {
        return 0;
    }
    size_t quote = len < EMU_ICMP_BYTES - IP6_HEADER - ICMP_HEADER
                       ? len
                       : EMU_ICMP_BYTES - IP6_HEADER - ICMP_HEADER;
    uint32_t payload = (uint32_t)(ICMP_HEADER + quote);
    memset(out, 0, IP6_HEADER + ICMP_HEADER);
    out[0] = 0x60;
    put16(out + 4, payload);
    out[6] = PROTO_ICMP6;
    out[7] = TTL;
    memcpy(out + 8, packet + 24, 16);
    memcpy(out + 24, packet + 8, 16);
    uint8_t *icmp = out + IP6_HEADER;
    icmp[0] = 2;
    put16(icmp + 4, mtu >> 16);
    put16(icmp + 6, mtu);
    memcpy(icmp + ICMP_HEADER, packet, quote);
    put_checksum(icmp + 2, add_up(payload + PROTO_ICMP6, out + 8, 32 + payload));
    return IP6_HEADER + payload;
}

size_t emu_too_big(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t out[EMU_ICMP_BYTES])
{
    if (len >= IP4_HEADER && packet[0] >> 4 == 4) {
        return answer4(packet, len, mtu, out);
    }
    return len > 0 && packet[0] >> 4 == 6 ? answer6(packet, len, mtu, out) : 0;
}
