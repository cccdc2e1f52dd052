/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_LADDER_H
#define JV_CORE_LADDER_H
/*
 * ladder -- a client whose transport went silent tries the same socket, another source port, the other address family, another
 * endpoint of the gateway, another interface; each rung is put on record once in a trouble.
 *
 * Four of the rungs are paths that exist already: in trouble all of them are probed at once, and who answers first wins. What the
 * ladder adds is the second: a NAT may swallow everything of one mapping, and then nothing but another source port helps. It orders a
 * socket beside one that is silent, at the same address of the same device, whose path becomes a candidate like any other: proven by a
 * probe, taken by a switch that counts as one. After the move the socket that was left goes; where the trouble ends otherwise, the new one.
 *
 * Owns     the order for a socket, and the twin that came of it.
 * Limits   one twin at a time; JV_LADDER_PAUSE_MS between two, doubled up to JV_LADDER_PAUSE_MAX_MS. Moves keep every cap.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* Words on a record: 1 and so on. */
enum jv_rung {
    JV_RUNG_NONE,
    JV_RUNG_SAME_SOCKET,
    JV_RUNG_NEW_PORT,
    JV_RUNG_OTHER_FAMILY,
    JV_RUNG_OTHER_ENDPOINT,
    JV_RUNG_OTHER_INTERFACE
};

/* What `path` is to the transport that was bound last. */
enum jv_rung jv_ladder_rung(const struct jv_core *core, const struct jv_path *path);
/* `path` was bound. */
void jv_ladder_bound(struct jv_core *core, const struct jv_path *path);
/* A socket was opened; `of` is the one beside which it stands (0: none). Returns whether it is the twin that was ordered. */
bool jv_ladder_on_link(struct jv_core *core, uint32_t link, uint32_t of);
/* A twin came that nobody waits for any more: it is closed again. */
void jv_ladder_refuse(struct jv_core *core, uint32_t link, struct jv_out *out);
void jv_ladder_link_gone(struct jv_core *core, uint32_t link);
/* Where a path over the twin may lead. */
const struct jv_endpoint *jv_ladder_target(const struct jv_core *core);

struct jv_instant jv_ladder_deadline(const struct jv_core *core, const struct jv_session *s);
void jv_ladder_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_LADDER_H */
