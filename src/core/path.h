/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PATH_H
#define JV_CORE_PATH_H
/*
 * path -- a client's candidate transports: which there are, and the proof that each works.
 *
 * A path is a local socket (link) and an endpoint of the gateway of the same family. Standby paths are probed at a low rate and never
 * carry session data; a probe's answer is authenticated and brings a path token.
 *
 * Owns     the client's path slots. Limits: JV_PATH_MAX slots, max_candidate_count of the policy.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* Make the slots match links and endpoints. Paths that are gone are told to jump.c. */
void jv_path_rebuild(struct jv_core *core, struct jv_out *out);
/* The gateway's endpoints were looked up: the older ones stay until the session is bound to one of these. */
void jv_path_endpoints(struct jv_core *core, const struct jv_command *command, struct jv_out *out);
/* The session was bound: older endpoints are given up where none of them serves. */
void jv_path_settle_endpoints(struct jv_core *core, struct jv_session *s, struct jv_out *out);
void jv_path_add_link(struct jv_core *core, const struct jv_command *command, struct jv_out *out);
void jv_path_remove_link(struct jv_core *core, uint32_t link, struct jv_out *out);
/* ICMP spoke of it: probe it, nothing else. `claimed_mtu` where it said "too big" (0: it did not say how big). */
void jv_path_doubt(struct jv_core *core, const struct jv_command *command);
/* The MTU of a link's device has changed. */
void jv_path_link_mtu(struct jv_core *core, uint32_t link, uint32_t mtu);
/* A session begins: the paths get locators and are probed. */
void jv_path_begin(struct jv_core *core, struct jv_session *s);

struct jv_path *jv_path_find(struct jv_core *core, uint32_t link, const struct jv_endpoint *remote);
/* Answered its last probe and holds a token that is young enough. */
bool jv_path_is_answering(const struct jv_core *core, const struct jv_session *s,
                          const struct jv_path *path);
/* And carries packets of a useful size: it may be moved to. */
bool jv_path_is_proven(const struct jv_core *core, const struct jv_session *s,
                       const struct jv_path *path);
/* A fresh locator for a path that has none; false: no spare is left. */
bool jv_path_give_locator(struct jv_core *core, struct jv_path *path);
/* A standby that stays silent gets another locator, once. */
void jv_path_refresh_locator(struct jv_core *core, struct jv_session *s, struct jv_path *path);
/* The path was left: its locator is used for nothing but late packets. */
void jv_path_leave_locator(struct jv_core *core, struct jv_path *path);
/* Whether answers under this locator are answers to this path, or to a socket beside its own. */
bool jv_path_owns_locator(const struct jv_client *cl, const struct jv_path *path, uint64_t locator);
bool jv_path_knows_locator(const struct jv_core *core, uint64_t locator);

void jv_path_probe(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                   struct jv_out *out);
void jv_path_on_probe_reply(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                            const struct jv_header *header, struct jv_slot *slot,
                            struct jv_out *out);
struct jv_instant jv_path_deadline(const struct jv_core *core, const struct jv_session *s);
void jv_path_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_PATH_H */
