/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_REQUEST_H
#define JV_CORE_REQUEST_H
/*
 * request -- the client's side of the reattach exchange (design §4.5): one request in flight, its answers, the commit.
 *
 * Limits   one request; JV_REQUEST_TRIES repetitions before another candidate; one challenge answered and one version corrected.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* What a request is for. */
struct jv_request_aim {
    struct jv_path *path;
    enum jv_why why;
    bool in_place, quiet, rebind;
    const uint8_t *token;       /* NULL: the path's own, where it has one */
    const struct jv_hint *mark; /* NULL, or what makes a rebinding void */
    bool is_hint;               /* the token was made for the mark */
};
/* Give up what is in flight and send a new one. */
void jv_request_begin(struct jv_core *core, struct jv_session *s, const struct jv_request_aim *aim,
                      struct jv_out *out);
/* Its order number is spent, its held packets are dropped. */
void jv_request_abandon(struct jv_core *core);

void jv_request_on_challenge(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                             const struct jv_header *header, struct jv_slot *slot,
                             struct jv_out *out);
void jv_request_on_ack(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       const struct jv_header *header, struct jv_slot *slot, struct jv_out *out);
void jv_request_on_reject(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          const struct jv_header *header, struct jv_slot *slot, struct jv_out *out);
void jv_request_on_hint(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                        const struct jv_header *header, struct jv_slot *slot, struct jv_out *out);
/* Traffic on the path of the request overtook the ACK: keep it. Consumes the slot. */
void jv_request_hold(struct jv_core *core, struct jv_slot *slot);

struct jv_instant jv_request_deadline(const struct jv_core *core);
void jv_request_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_REQUEST_H */
