/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_BIRTH_H
#define JV_CORE_BIRTH_H
/*
 * birth -- a session's beginning in three steps, and what follows its end (design §4.1).
 *
 * The client's side is in birth_client.c, the gateway's in birth_gateway.c. A half-open entry is no session: it has no state, no
 * address, no event; it is found by the client's ephemeral and source, dies in seconds, and displaces nobody.
 * Limits   half_open_max entries; JV_BIRTHS_PER_MIN proven births for one key.
 * Threads  the shard's.
 */
#include "core.h"
#include "frame.h"
#include "msg.h"
#include "state.h"

/* Keys of MAC1 and of sealed cookies, from the gateway's public key. */
void jv_birth_keys(const struct jv_key *gateway_public, uint8_t mac1_key[JV_HASH_BYTES],
                   uint8_t cookie_key[JV_HASH_BYTES]);
/* What both sides mix in first: protocol name and version, then the header of message 1. */
#define JV_BIRTH_PROLOGUE_NAME "jumping-vpn/1"
#define JV_BIRTH_PROLOGUE_BYTES (sizeof JV_BIRTH_PROLOGUE_NAME - 1 + JV_HEADER_BYTES)
void jv_birth_prologue(const uint8_t header[JV_HEADER_BYTES], uint8_t out[JV_BIRTH_PROLOGUE_BYTES]);

/* ---- client ---- */

struct jv_instant jv_birth_deadline(const struct jv_core *core);
/* Begin, repeat or give up, where it is time. */
void jv_birth_expire(struct jv_core *core, struct jv_out *out);
void jv_birth_on_reply(struct jv_core *core, const struct jv_header *header, struct jv_slot *slot,
                       struct jv_out *out);
void jv_birth_on_cookie(struct jv_core *core, const struct jv_header *header, struct jv_slot *slot,
                        struct jv_out *out);
void jv_birth_on_ack(struct jv_core *core, struct jv_session *s, const struct jv_frame_birth_ack *f,
                     struct jv_out *out);
/* The gateway refused the confirmed birth. */
void jv_birth_refused(struct jv_core *core, struct jv_session *s, enum jv_why why,
                      struct jv_out *out);

/* ---- gateway ---- */

/* What this shard lets in of what the gateway does. */
void jv_birth_divide(struct jv_core *core);
/* It is time for another secret of cookies. */
void jv_birth_rotate_cookies(struct jv_core *core);
/* Message 1, also one that another shard read and found to be of a user whose home is here. */
void jv_birth_on_init(struct jv_core *core, const struct jv_header *header, struct jv_slot *slot,
                      struct jv_out *out);
/* A traffic datagram for a half-open entry: if it verifies and confirms, there is a session. Consumes the slot. */
void jv_birth_on_confirm(struct jv_core *core, struct jv_half_open *half_open,
                         const struct jv_header *header, struct jv_slot *slot, struct jv_out *out);
/* Send the BIRTH_ACK, again where the first was lost. */
void jv_birth_acknowledge(struct jv_core *core, struct jv_session *s, struct jv_out *out);
void jv_birth_half_open_expire(struct jv_core *core, struct jv_half_open *half_open);

/* ---- both: the session is TERMINATED; tell the daemon, give back what it held, begin anew where that is wanted ---- */
void jv_birth_after_end(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_BIRTH_H */
