/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_SESSION_H
#define JV_CORE_SESSION_H
/*
 * session -- the session record and jv_session_apply(), the only writer of `state`, version and binding.
 *
 * Owns     the session slab's objects between jv_session_open() and jv_session_close().
 * Takes    events: facts in the past tense. Policy was asked before.
 * Gives    one audit record for each transition, and those that belong to it.
 * Limits   JV_ROWS_MAX rows a dispatch.
 * Threads  the shard's.
 */
#include <stdbool.h>

#include "core.h"
#include "state.h"

enum jv_event {
    JV_EV_HANDSHAKE_PROVEN,
    JV_EV_HANDSHAKE_FAILED,
    JV_EV_INSTABILITY_SEEN,
    JV_EV_PATH_LOST,
    JV_EV_MOVE_SEEN,
    JV_EV_MOVE_ORDERED,
    JV_EV_HEALTH_PROVEN,
    JV_EV_SWITCH_STARTED,
    JV_EV_SWITCH_REFUSED,
    JV_EV_CANDIDATES_EXHAUSTED,
    JV_EV_INSTABILITY_PERSISTED,
    JV_EV_REATTACH_PROVEN,
    JV_EV_REATTACH_REFUSED,
    JV_EV_RECOVERY_EXPIRED,
    JV_EV_LIMIT_EXCEEDED,
    JV_EV_TRANSPORT_TTL_EXPIRED,
    JV_EV_SESSION_TTL_EXPIRED,
    JV_EV_OPERATOR_ENDED,
    JV_EV_PEER_ENDED,
    JV_EV_FATAL_FOUND,
    JV_EV_OWNERSHIP_LOST,
    JV_EV_KEYS_EXPIRED,
    JV_EV_VERSION_EXHAUSTED,
    JV_EV_SUPERSEDED_BY_BIRTH,
    JV_EV_END
};

struct jv_step {
    enum jv_event event;
    enum jv_why why; /* one of the row's reasons */
    enum jv_rule rule;
    const struct jv_record_field
        *fields; /* measured values and limits for the record; may be NULL */
    uint32_t fields_len;
};

/* The row for a state and an event; JV_ROW_NONE: refused. `to_out` may be NULL. */
uint8_t jv_session_row(enum jv_state from, enum jv_event event, enum jv_state *to_out);
/* Whether the row may carry this reason. */
bool jv_session_row_has(uint8_t row, enum jv_why why);

/* A session in BIRTH with its keys' slot. NULL: full. */
struct jv_session *jv_session_open(struct jv_core *core, const struct jv_policy *policy);
/* Give the slots back; the session is TERMINATED or never left BIRTH. */
void jv_session_close(struct jv_core *core, struct jv_session *s);

/*
 * Store the new state, add 1 to the version, run the row's actions, emit the record. False: the table has no such cell; it is
 * counted and nothing changed. `out` has JV_ROOM_*.
 */
bool jv_session_apply(struct jv_core *core, struct jv_session *s, const struct jv_step *step,
                      struct jv_out *out);

/* Append a record about this session (NULL: about the core). The pointer is good until the next record. */
struct jv_record *jv_session_record(struct jv_core *core, struct jv_session *s,
                                    enum jv_event_type event, enum jv_why why, struct jv_out *out);
void jv_record_path(struct jv_record *rec, const struct jv_path *path);

/* Committed switches within the last 60 s. */
uint32_t jv_session_switches_in_window(const struct jv_session *s, struct jv_instant now);
/* The bucket of switches a minute (design §5). */
struct jv_rate jv_session_switch_rate(const struct jv_session *s);
/* The earliest of the session's own deadlines; those of the other modules are theirs. */
struct jv_instant jv_session_deadline(const struct jv_session *s);
/* Handle the session's own deadlines that are due: lifetime, TTL, degrade, recovery, probation. */
void jv_session_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* End it for a reason: tells the peer where that is possible. */
void jv_session_end(struct jv_core *core, struct jv_session *s, enum jv_event event,
                    enum jv_why why, enum jv_rule rule, struct jv_out *out);
#endif /* JV_CORE_SESSION_H */
