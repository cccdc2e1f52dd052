/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_USERS_H
#define JV_CORE_USERS_H
/*
 * users -- the clients that a gateway knows, found by their static public keys.
 *
 * Limits   users_max. A user keeps its slot as long as its key stays in the list, so that sessions may name it by index.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* The list at start. JV_E_FULL: more than users_max. JV_E_EXISTS: a key stands twice. */
JV_MUST_USE enum jv_err jv_users_load(struct jv_core *core, const struct jv_user *users,
                                      uint32_t len);
/*
 * Another list: new keys are added, known ones updated in name and pre-shared keys; the session of a key that is gone ends with
 * OPERATOR_TERMINATED. JV_E_FULL: more than users_max; JV_E_EXISTS: a fixed address is somebody else's; nothing has changed then.
 * JV_E_AGAIN: `out` is full; drain it and call again with the same list.
 */
JV_MUST_USE enum jv_err jv_users_replace(struct jv_core *core, const struct jv_user *users,
                                         uint32_t len, struct jv_out *out);
/* What jv_users_replace() would return, JV_E_AGAIN aside; no user and no session changes. */
JV_MUST_USE enum jv_err jv_users_check(struct jv_core *core, const struct jv_user *users,
                                       uint32_t len);
bool jv_users_find(const struct jv_core *core, const struct jv_key *public_key, uint32_t *idx_out);
#endif /* JV_CORE_USERS_H */
