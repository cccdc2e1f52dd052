/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_LOCATOR_H
#define JV_CORE_LOCATOR_H
/*
 * locator -- a gateway's locators: which eight bytes lead to which session.
 *
 * One for each path; the client draws from the spares that it was given, so that no observer links two of its paths.
 * Limits   JV_LOCATOR_MAX a session; the one unseen for longest makes room, never the bound one and never a spare.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* A fresh random locator of this shard (shard.h), not in use and not zero. */
uint64_t jv_locator_draw(struct jv_core *core);
/* Let an already mapped or fresh locator lead to the session. */
void jv_locator_adopt(struct jv_core *core, struct jv_session *s, uint64_t value);
/* A fresh one for the bound path. */
uint64_t jv_locator_fresh(struct jv_core *core, struct jv_session *s);
/*
 * Fresh spares: those handed out before and not seen are plain locators from here on. Where nothing says that the client has the last
 * ones (spares_arrived), they stay what they are, and are filled up.
 */
void jv_locator_renew_spares(struct jv_core *core, struct jv_session *s);
/* Fill up the spares to JV_SPARE_MAX. */
void jv_locator_top_up(struct jv_core *core, struct jv_session *s);
/* A control datagram came under it: may it be opened? Each locator has a budget of its own, so that garbage under one starves nobody else. */
bool jv_locator_may_open(struct jv_core *core, struct jv_session *s, uint64_t value);
/* Authenticated use: it is a spare no more. */
void jv_locator_seen(struct jv_core *core, struct jv_session *s, uint64_t value);
/* Copy the spares; returns how many. */
uint32_t jv_locator_spares(const struct jv_session *s, uint64_t out[JV_SPARE_MAX]);
void jv_locator_remove_all(struct jv_core *core, struct jv_session *s);
#endif /* JV_CORE_LOCATOR_H */
