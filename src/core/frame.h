/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_FRAME_H
#define JV_CORE_FRAME_H
/*
 * frame -- control frames inside the traffic stream: what a traffic packet holds where its first byte is no IP version.
 *
 * Inner IP packets begin with 4 or 6 in the high half of their first byte; frame types are below 16, so the first byte tells
 * them apart inside the seal, and outside nothing does.
 * Threads  none: pure functions.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "crypto.h"
#include "endpoint.h"
#include "msg.h"
#include "policy.h"
#include "wire.h"

enum jv_frame_type {
    JV_FRAME_PADDING = 0, /* zeroes to the end */
    JV_FRAME_HEARTBEAT = 1,
    JV_FRAME_REPORT = 2,
    JV_FRAME_CONFIRM = 3,
    JV_FRAME_BIRTH_ACK = 4,
    JV_FRAME_REKEY_INIT = 5,
    JV_FRAME_REKEY_REPLY = 6,
    JV_FRAME_REKEY_ASK = 7,
    JV_FRAME_TERMINATE = 8,
    JV_FRAME_BOUND = 9,
    JV_FRAME_POLICY_WANTED = 10,
    JV_FRAME_POLICY_GRANTED = 11,
    JV_FRAME_POLICY_ASK = 12,
    JV_FRAME_QUIET = 13,
    JV_FRAME_SIZE = 14
};
#define JV_FRAME_LAST JV_FRAME_SIZE
#define JV_FRAME_HEAD 3U /* type, length of the body in 16 bits */

struct jv_frame_heartbeat {
    uint64_t time_us; /* echoed in the report that answers */
};
struct jv_frame_report {
    struct jv_report report;
    uint64_t echo_us; /* newest unanswered heartbeat's time; 0: none */
    uint32_t hold_us; /* how long it was held */
    uint8_t state;    /* enum jv_state of the sender */
    uint64_t version;
    uint64_t order_spent;
    uint64_t gateway_time_ms; /* 0 from a client */
};
struct jv_frame_confirm {
    uint8_t path_id;         /* the client's number of the path of the birth */
    struct jv_policy policy; /* wanted */
};
struct jv_frame_birth_ack {
    uint64_t version;
    struct jv_policy policy;
    struct jv_prefix address4, address6;
    struct jv_ip gateway4, gateway6;
    uint16_t mtu;
    uint32_t nets_len;
    struct jv_prefix nets[JV_USER_NETS_MAX]; /* networks behind the client */
    uint32_t dns_len;
    struct jv_ip dns[JV_DNS_MAX];
    uint32_t endpoints_len;
    struct jv_endpoint endpoints[JV_ENDPOINT_MAX];
    struct jv_key endpoint_keys[JV_ENDPOINT_MAX];
    uint32_t spares_len;
    uint64_t spares[JV_SPARE_MAX];
    uint64_t gateway_time_ms;
};
struct jv_frame_rekey { /* INIT and REPLY */
    uint64_t epoch;     /* the one that begins */
    uint64_t order; /* of the offer: drawn from the order numbers of requests, spent by the reply */
    struct jv_key ephemeral_public;
    uint8_t random[16];
};
struct jv_frame_terminate {
    uint8_t why; /* enum jv_why */
};
struct jv_frame_bound {
    uint64_t order;
    uint64_t next_epoch, next_counter; /* cut mark of the client */
};

struct jv_frame_policy { /* WANTED and GRANTED */
    uint32_t n;          /* of the offer, from 1 */
    struct jv_policy policy;
};

struct jv_frame_quiet { /* offer of a client, answer of a gateway */
    uint32_t n;         /* of the offer, from 1 */
    uint32_t for_ms;    /* an answer of 0 refuses */
};

struct jv_frame_size {
    uint64_t time_us; /* the sender's clock: what is older than the last one is void */
    uint16_t bytes;   /* client: of the largest datagram that the bound path carries, 0 not known;
                         gateway: of datagrams that do not seem to arrive */
};

struct jv_frame {
    uint8_t type; /* enum jv_frame_type */
    union {
        struct jv_frame_heartbeat heartbeat;
        struct jv_frame_report report;
        struct jv_frame_confirm confirm;
        struct jv_frame_birth_ack birth_ack;
        struct jv_frame_rekey rekey;
        struct jv_frame_terminate terminate;
        struct jv_frame_bound bound;
        struct jv_frame_policy policy;
        struct jv_frame_quiet quiet;
        struct jv_frame_size size;
    } u;
};

/* Append one frame; wr->err where it does not fit. */
void jv_frame_encode(struct jv_wr *wr, const struct jv_frame *frame);
/*
 * The next frame. False at the end (rd->left is 0, rd->err false) or on a malformed one (rd->err true). PADDING must be zeroes and
 * ends the packet.
 */
bool jv_frame_decode(struct jv_rd *rd, struct jv_frame *out);
#endif /* JV_CORE_FRAME_H */
