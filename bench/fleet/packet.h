/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_FLEET_PACKET_H
#define JV_FLEET_PACKET_H
/*
 * packet -- the inner IPv4 packets of one flow, as a host behind the tunnel would write them: numbered UDP datagrams, or the
 * segments of one TCP bulk transfer.
 *
 * Owns     nothing; a flow is a plain value.
 * Bounds   PACKET_BYTES_MIN to JV_MTU_MAX bytes a packet, IP header included.
 * Sources  RFC 791, 768, 9293; checksum RFC 1071.
 * Threads  any.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACKET_BYTES_MIN 48U

struct packet_flow {
    bool is_tcp;
    uint8_t from[4], to[4]; /* network order */
    uint16_t from_port, to_port;
    uint32_t bytes;  /* of each packet */
    uint64_t number; /* of the next datagram */
    uint32_t tcp_seq;
    uint16_t ip_id;
};

/* Writes the flow's next packet, `flow->bytes` long, with whole checksums. */
void packet_next(struct packet_flow *flow, uint8_t *out);
#endif /* JV_FLEET_PACKET_H */
