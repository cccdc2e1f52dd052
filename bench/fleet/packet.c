/* SPDX-License-Identifier: Apache-2.0 */
#include "packet.h"

#include <string.h>

#define IP_BYTES 20U
#define UDP_BYTES 8U
#define TCP_BYTES 20U
#define IP_DF 0x4000U
#define TTL 64U
#define PROTO_TCP 6U
#define PROTO_UDP 17U
#define TCP_ACK 0x10U
#define TCP_WINDOW 0xFFFFU

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xFFFFU);
}

static uint32_t sum(const uint8_t *at, uint32_t len)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < len; i += 2) {
        total += (uint32_t)at[i] << 8 | at[i + 1];
    }
    return total;
}

static uint32_t fold(uint32_t total)
{
    while (total >> 16 != 0) {
        total = (total & 0xFFFFU) + (total >> 16);
    }
    return ~total & 0xFFFFU;
}

static void put_ip(struct packet_flow *flow, uint8_t *out, uint8_t proto)
{
    memset(out, 0, IP_BYTES);
    out[0] = 0x45;
    put16(out + 2, flow->bytes);
    put16(out + 4, flow->ip_id++);
    put16(out + 6, IP_DF);
    out[8] = TTL;
    out[9] = proto;
    memcpy(out + 12, flow->from, 4);
    memcpy(out + 16, flow->to, 4);
    put16(out + 10, fold(sum(out, IP_BYTES)));
}

/* `head` is the part of the segment that is not zero: the rest adds nothing to the sum, so it is not looked at. */
static uint32_t checksum(const uint8_t *ip, const uint8_t *segment, uint32_t head, uint32_t len)
{
    return fold(sum(ip + 12, 8) + ip[9] + len + sum(segment, head));
}

void packet_next(struct packet_flow *flow, uint8_t *out)
{
    uint8_t *segment = out + IP_BYTES;
    uint32_t len = flow->bytes - IP_BYTES;
    memset(segment, 0, len);
    put16(segment, flow->from_port);
    put16(segment + 2, flow->to_port);
    if (flow->is_tcp) {
        put_ip(flow, out, PROTO_TCP);
        put32(segment + 4, flow->tcp_seq);
        put32(segment + 8, 1);
        segment[12] = TCP_BYTES / 4 << 4;
        segment[13] = TCP_ACK;
        put16(segment + 14, TCP_WINDOW);
        put16(segment + 16, checksum(out, segment, TCP_BYTES, len));
        flow->tcp_seq += len - TCP_BYTES;
        return;
    }
    put_ip(flow, out, PROTO_UDP);
    put16(segment + 4, len);
    put32(segment + 8, (uint32_t)(flow->number >> 32));
    put32(segment + 12, (uint32_t)flow->number);
    uint32_t check = checksum(out, segment, UDP_BYTES + 8, len);
    put16(segment + 6, check == 0 ? 0xFFFFU : check); /* RFC 768: zero means that there is none */
    flow->number++;
}
