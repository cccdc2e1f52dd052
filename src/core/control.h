/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_CONTROL_H
#define JV_CORE_CONTROL_H
/*
 * control -- sealing and opening of control datagrams: header, 16 random bytes in clear, body under a one-time key, tag.
 *
 * The key is used for this one datagram, so the nonce is zero; header and random bytes are the associated data.
 * Threads  the shard's.
 */
#include "core.h"
#include "keys.h"
#include "msg.h"
#include "state.h"

/* Where a control datagram goes. */
struct jv_control_to {
    uint32_t link;
    struct jv_endpoint remote, local;
    uint64_t locator;
};

/* Back to where a datagram came from, under its own locator. */
struct jv_control_to jv_control_back_to(const struct jv_header *header, const struct jv_slot *slot);
/* Seal `len` bytes of body and send them. False: no buffer (counted), nothing sent. */
bool jv_control_send(struct jv_core *core, const struct jv_epoch *epoch, enum jv_type type,
                     const struct jv_control_to *to, const uint8_t *body, size_t len,
                     struct jv_out *out);
/*
 * Open a datagram of exactly `body_len` bytes of body. False: too short or long, no key for its epoch, or a wrong tag; the drop says
 * which. `epoch_out` tells which epoch's key it was.
 */
bool jv_control_open(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                     const struct jv_slot *slot, size_t body_len, uint8_t *body_out,
                     struct jv_epoch **epoch_out, enum jv_drop *drop_out);
/*
 * The same for a probe or its answer, which may be longer than the body by zeroes: a probe of real size. `body_out` has
 * JV_PROBE_BODY_MAX bytes.
 */
bool jv_control_open_probe(struct jv_core *core, struct jv_session *s,
                           const struct jv_header *header, const struct jv_slot *slot,
                           uint8_t *body_out, struct jv_epoch **epoch_out, enum jv_drop *drop_out);
#endif /* JV_CORE_CONTROL_H */
