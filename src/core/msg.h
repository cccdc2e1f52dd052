/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_MSG_H
#define JV_CORE_MSG_H
/*
 * msg -- every message on the wire: layout, encode, decode. docs/protocol.md draws the bytes.
 *
 * Takes    bodies in clear: sealing and opening is the business of handshake, control and tunnel.
 * Gives    structs in which every field of the wire has its place; reserved bytes are checked to be zero.
 * Limits   every decoder reads a body of one fixed size, or (frames) a list with a named maximum.
 * Threads  none: pure functions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "bounds.h"
#include "crypto.h"
#include "endpoint.h"
#include "errors.h"
#include "policy.h"
#include "replay.h"
#include "wire.h"

/* ---- header: the first 16 bytes of every datagram ---- */

#define JV_WIRE_VERSION 1U
#define JV_HEADER_BYTES 16U
#define JV_FLAG_PARTIAL_CSUM 0x20U /* F: the checksum of the inner packet is partial (csum.h) */

enum jv_type {
    JV_TYPE_BIRTH_INIT = 1,
    JV_TYPE_BIRTH_REPLY = 2,
    JV_TYPE_COOKIE = 3,
    JV_TYPE_TRAFFIC = 4,
    JV_TYPE_PROBE = 5,
    JV_TYPE_PROBE_REPLY = 6,
    JV_TYPE_REQUEST = 7,
    JV_TYPE_CHALLENGE = 8,
    JV_TYPE_ACK = 9,
    JV_TYPE_REJECT = 10,
    JV_TYPE_HINT = 11
};

struct jv_header {
    uint8_t type;  /* enum jv_type */
    uint8_t epoch; /* low byte of the epoch; 0 in births */
    uint64_t
        counter; /* 48 bits; zero in control datagrams; in births the key-exchange suite in its top 16 bits */
    uint64_t locator;     /* births: random, chosen by the client */
    bool is_csum_partial; /* F; in traffic alone */
};

/* Two words, not a cursor: this one stands in every packet. */
static inline void jv_header_encode(const struct jv_header *header, uint8_t out[JV_HEADER_BYTES])
{
    uint32_t flag = header->is_csum_partial ? JV_FLAG_PARTIAL_CSUM : 0;
    uint64_t first = (uint64_t)(uint8_t)(JV_WIRE_VERSION << 6 | flag | header->type) << 56;
    uint64_t counter = header->counter & JV_REPLAY_COUNTER_MAX;
    jv_store64(out, first | (uint64_t)header->epoch << 48 | counter);
    jv_store64(out + 8, header->locator);
}

/* False for an unknown version or type, or a flag that the type does not have. `bytes` has JV_HEADER_BYTES. */
static inline bool jv_header_decode(const uint8_t *bytes, struct jv_header *out)
{
    uint64_t word = jv_load64(bytes);
    uint8_t first = (uint8_t)(word >> 56);
    out->type = first & 0x1fU;
    out->epoch = (uint8_t)(word >> 48);
    out->counter = word & JV_REPLAY_COUNTER_MAX;
    out->locator = jv_load64(bytes + 8);
    out->is_csum_partial = (first & JV_FLAG_PARTIAL_CSUM) != 0;
    bool may_have_flag = out->type == JV_TYPE_TRAFFIC;
    return first >> 6 == JV_WIRE_VERSION && (may_have_flag || !out->is_csum_partial) &&
           out->type >= JV_TYPE_BIRTH_INIT && out->type <= JV_TYPE_HINT;
}

/* ---- births ---- */

#define JV_KEX_X25519 1U /* key-exchange suite; hybrid suites get numbers of their own */
#define JV_BIRTH_PAYLOAD_BYTES 112U
#define JV_BIRTH_INIT_NOISE_BYTES (96U + JV_BIRTH_PAYLOAD_BYTES)
#define JV_BIRTH_MACS_BYTES (2U * JV_MAC_BYTES)
#define JV_BIRTH_INIT_BYTES (JV_HEADER_BYTES + JV_BIRTH_INIT_NOISE_BYTES + JV_BIRTH_MACS_BYTES)
#define JV_BIRTH_REPLY_PAYLOAD_BYTES 32U
#define JV_BIRTH_REPLY_BYTES (JV_HEADER_BYTES + 48U + JV_BIRTH_REPLY_PAYLOAD_BYTES)
#define JV_CONTROL_RANDOM_BYTES 16U
#define JV_COOKIE_MSG_BYTES                                                                        \
    (JV_HEADER_BYTES + JV_CONTROL_RANDOM_BYTES + JV_MAC_BYTES + JV_TAG_BYTES)

#define JV_FEATURE_PARTIAL_CSUM 1U /* inner checksums may stay partial */

struct jv_birth_init {            /* payload of message 1 */
    uint8_t aead_offer;           /* bit (1 << enum jv_suite) for each suite */
    uint8_t feature_offer;        /* JV_FEATURE_*; unknown ones are left aside */
    struct jv_sid prior;          /* the session this one is to replace; all zero: none */
    uint8_t cookie[JV_MAC_BYTES]; /* all zero: none */
};
struct jv_birth_reply { /* payload of message 2 */
    struct jv_sid sid;
    uint64_t locator;
    uint8_t suite;    /* enum jv_suite */
    uint8_t features; /* those of the offer that this session has */
};
void jv_birth_init_encode(const struct jv_birth_init *msg, uint8_t out[JV_BIRTH_PAYLOAD_BYTES]);
JV_MUST_USE bool jv_birth_init_decode(const uint8_t in[JV_BIRTH_PAYLOAD_BYTES],
                                      struct jv_birth_init *out);
void jv_birth_reply_encode(const struct jv_birth_reply *msg,
                           uint8_t out[JV_BIRTH_REPLY_PAYLOAD_BYTES]);
JV_MUST_USE bool jv_birth_reply_decode(const uint8_t in[JV_BIRTH_REPLY_PAYLOAD_BYTES],
                                       struct jv_birth_reply *out);

/* ---- control datagrams: header, 16 random bytes, sealed body, tag ---- */

#define JV_CONTROL_OVERHEAD (JV_HEADER_BYTES + JV_CONTROL_RANDOM_BYTES + JV_TAG_BYTES)
#define JV_TOKEN_BYTES 24U
#define JV_REPORT_BYTES (8U + 6U + 6U + 4U + JV_GAP_MAX * 12U)

#define JV_PROBE_BODY                                                                              \
    72U /* request and reply alike, so that no reply is longer than what it answers */
/* Behind the body of a probe of real size are zeroes, as many in the reply. */
#define JV_PROBE_BYTES (JV_CONTROL_OVERHEAD + JV_PROBE_BODY)
#define JV_PROBE_BODY_MAX (JV_DATAGRAM_MAX - JV_CONTROL_OVERHEAD)
#define JV_REQUEST_BODY (136U + JV_REPORT_BYTES)
#define JV_CHALLENGE_BODY 88U
#define JV_ACK_BODY (120U + JV_REPORT_BYTES + JV_SPARE_MAX * 8U)
#define JV_REJECT_BODY 48U
#define JV_HINT_BODY 64U
#define JV_CONTROL_BODY_MAX JV_ACK_BODY
#define JV_HINT_BYTES (JV_CONTROL_OVERHEAD + JV_HINT_BODY)

struct jv_report { /* what arrived in one direction */
    uint64_t epoch;
    uint64_t highest;  /* highest counter received; meaningful where received > 0 */
    uint64_t received; /* packets of this epoch that were accepted */
    uint32_t gaps_len;
    struct jv_gap gaps[JV_GAP_MAX]; /* newest first */
};

struct jv_probe {
    uint64_t time_us;     /* the client's clock; echoed, never interpreted */
    uint64_t order_spent; /* this and lower order numbers are given up */
};
struct jv_probe_reply {
    uint64_t time_us; /* echo */
    uint8_t token[JV_TOKEN_BYTES];
    struct jv_endpoint observed; /* where the probe came from */
    uint8_t state;               /* enum jv_state of the gateway */
    bool is_bound;               /* that address is the bound one */
    uint64_t version;
};

#define JV_REQ_HAS_TOKEN 1U
#define JV_REQ_HINT 2U /* the token came from a hint and was made for hint_epoch and hint_counter */
#define JV_REQ_UNLESS 4U /* any other token of a rebinding: the client names the counter itself */
struct jv_request {
    uint64_t order;   /* 0: the client has forgotten its number and asks for a challenge */
    uint64_t version; /* last acknowledged */
    uint8_t random[16];
    uint8_t token[JV_TOKEN_BYTES];
    uint64_t hint_epoch,
        hint_counter; /* with a flag: void once the bound address delivered this counter or a later one */
    uint64_t gateway_time_ms; /* newest one that the gateway told this client */
    uint8_t protocol;         /* enum jv_protocol */
    uint8_t path_id; /* the client's number of the candidate: the same socket keeps its number */
    uint8_t flags;   /* JV_REQ_* */
    uint8_t why;     /* enum jv_why: what made the client ask */
    struct jv_endpoint target; /* the gateway's endpoint as the client addresses it */
    uint16_t size; /* of the largest datagram that this path is known to carry; 0: not known */
    struct jv_report report;
};
struct jv_challenge {
    uint64_t order;
    uint8_t random[16]; /* echo */
    uint8_t token[JV_TOKEN_BYTES];
    uint64_t last_order; /* highest that was spent */
    uint64_t version;
    struct jv_endpoint observed;
};
struct jv_ack {
    uint64_t order;
    uint8_t random[16]; /* echo */
    uint64_t version;
    uint8_t state;
    uint8_t path_id;
    bool is_move; /* the commit moved the binding; false: it proved the one that was there */
    uint8_t token[JV_TOKEN_BYTES];
    struct jv_endpoint observed;
    uint64_t locator;                  /* for traffic on this path from here on */
    uint64_t next_epoch, next_counter; /* cut mark of the gateway */
    uint32_t spares_len;
    uint64_t spares[JV_SPARE_MAX];
    struct jv_report report;
};
struct jv_reject {
    uint64_t order;
    uint8_t random[16]; /* echo */
    uint8_t why;        /* enum jv_why */
    uint8_t path_id;    /* of the last commit */
    uint32_t retry_after_ms;
    uint64_t version;
    uint64_t last_order; /* of the last commit */
};
struct jv_hint {
    uint8_t token[JV_TOKEN_BYTES];
    uint64_t epoch, counter; /* of the datagram that came from another address */
    struct jv_endpoint observed;
};

void jv_probe_encode(const struct jv_probe *msg, uint8_t *out);
JV_MUST_USE bool jv_probe_decode(const uint8_t *in, size_t len, struct jv_probe *out);
void jv_probe_reply_encode(const struct jv_probe_reply *msg, uint8_t *out);
JV_MUST_USE bool jv_probe_reply_decode(const uint8_t *in, size_t len, struct jv_probe_reply *out);
void jv_request_encode(const struct jv_request *msg, uint8_t *out);
JV_MUST_USE bool jv_request_decode(const uint8_t *in, size_t len, struct jv_request *out);
void jv_challenge_encode(const struct jv_challenge *msg, uint8_t *out);
JV_MUST_USE bool jv_challenge_decode(const uint8_t *in, size_t len, struct jv_challenge *out);
void jv_ack_encode(const struct jv_ack *msg, uint8_t *out);
JV_MUST_USE bool jv_ack_decode(const uint8_t *in, size_t len, struct jv_ack *out);
void jv_reject_encode(const struct jv_reject *msg, uint8_t *out);
JV_MUST_USE bool jv_reject_decode(const uint8_t *in, size_t len, struct jv_reject *out);
void jv_hint_encode(const struct jv_hint *msg, uint8_t *out);
JV_MUST_USE bool jv_hint_decode(const uint8_t *in, size_t len, struct jv_hint *out);
#endif /* JV_CORE_MSG_H */
