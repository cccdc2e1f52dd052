/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_TUNNEL_H
#define JV_CORE_TUNNEL_H
/*
 * tunnel -- the traffic stream: seal, open, inner addresses, frames; and what waits while no transport is bound.
 *
 * Takes    inner packets and traffic datagrams whose session is known.
 * Gives    datagrams to the bound path, inner packets to the TUN device, frames to the modules that they belong to.
 * Limits   waiting_max_kib of inner packets a session (a packet counts as a buffer), waiting_age_ms old at most; a quarter of the
 *          core's buffers in all.
 * Threads  the shard's. Hot path: nothing here allocates or locks.
 */
#include "core.h"
#include "frame.h"
#include "inner.h"
#include "state.h"

/* Client: may this packet go into the tunnel? Its source must be the session's, its destination in AllowedIPs. */
bool jv_tunnel_may_leave(const struct jv_core *core, const struct jv_session *s,
                         const struct jv_inner *inner, enum jv_drop *drop_out);
/* Seal the inner packet in `slot` and send it on the bound path, or let it wait. Consumes the slot. */
void jv_tunnel_packet(struct jv_core *core, struct jv_session *s, const struct jv_inner *inner,
                      struct jv_slot *slot, struct jv_out *out);
enum jv_origin {
    JV_FROM_BOUND,
    JV_FROM_RETIRED,
    JV_FROM_BIRTH /* the path of a birth: frames only */
};
/*
 * A traffic datagram of this session from the bound path, or from the one just left (inner packets only, below the mark). Consumes
 * the slot. True: it was authentic and new. A frame in it may end the session.
 */
bool jv_tunnel_datagram(struct jv_core *core, struct jv_session *s, enum jv_origin origin,
                        const struct jv_header *header, struct jv_slot *slot, struct jv_out *out);
/* Open without delivering and without marking: data from an unbound address. True: authentic and new. Consumes nothing. */
bool jv_tunnel_peek(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                    struct jv_slot *slot);

/* Seal `n` frames as one packet for the bound path, padded with zeroes to `pad_bytes` of datagram. False: no path, no buffer, no key. */
bool jv_tunnel_frames(struct jv_core *core, struct jv_session *s, const struct jv_frame *frames,
                      uint32_t n, uint32_t pad_bytes, struct jv_out *out);
/* The same toward an address that is not bound (a birth's refusal). */
bool jv_tunnel_frames_to(struct jv_core *core, struct jv_session *s, const struct jv_path *path,
                         const struct jv_frame *frames, uint32_t n, uint32_t pad_bytes,
                         struct jv_out *out);
void jv_tunnel_terminate(struct jv_core *core, struct jv_session *s, enum jv_why why,
                         struct jv_out *out);

/* Send what waits, as far as `out` has room and the pace allows. */
void jv_tunnel_flush_waiting(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* Drop what has waited for too long. */
void jv_tunnel_expire_waiting(struct jv_core *core, struct jv_session *s);
void jv_tunnel_drop_waiting(struct jv_core *core, struct jv_session *s);
#endif /* JV_CORE_TUNNEL_H */
