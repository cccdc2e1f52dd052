/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_VERIFY_LAWS_H
#define JV_VERIFY_LAWS_H
/*
 * laws -- what verify.c (the file: form, chain, seq, cause, writer) and laws.c (each session) share. Nobody else includes it.
 */
#include "map.h"
#include "verify.h"

#define JV_VERIFY_GRACE_NS (JV_VERIFY_GRACE_MS * JV_NS_PER_MS)
#define JV_VERIFY_JUMPS                                                                            \
    32U /* above every preset; a higher limit is judged by switches_in_window alone */
#define JV_VERIFY_RECENT 4096U /* events that a cause is looked up in */
#define JV_VERIFY_NOBODY UINT32_MAX

/* What is known of a session; after a gap nothing is, until a record tells it. */
enum jv_verify_known { KNOWS_STATE = 1, KNOWS_COUNT = 2, KNOWS_BINDING = 4 };

/* A limit that was tightened holds from the record that tells it on, and is due at once where more than it has passed. */
struct jv_verify_limit {
    uint64_t ms;    /* as last recorded; 0: none seen */
    uint64_t since; /* judged clock when it came down to that */
};

struct jv_verify_session {
    struct jv_sid sid;
    uint64_t count;         /* `local` in a client's file, `v` in a gateway's */
    uint64_t recovering_at; /* judged clock; 0: not RECOVERING, or unknown since when */
    uint64_t bare_at;       /* judged clock at unbinding; 0: bound, or unknown since when */
    struct jv_verify_limit window, ttl;
    uint32_t jumps[JV_VERIFY_JUMPS]; /* ts of the last switches, ms since the first line */
    uint32_t caps[JV_VERIFY_JUMPS];  /* and the switches_limit of each */
    uint32_t jumps_len, jumps_at, jumps_steps;
    uint32_t era; /* of struct jv_verify when it was last touched */
    uint32_t next_ended;
    uint16_t end_reason;
    uint8_t state, known;
    bool is_bound, has_moved, has_ended;
    char path[JV_NAME_BYTES]; /* the transport that is bound, or was last */
};

struct jv_verify {
    struct jv_verify_report report;
    struct jv_verify_cfg cfg;
    char prev[JV_RECORD_HASH_TEXT];
    char node[JV_NAME_BYTES];
    uint64_t wall_ns, first_ns, judged_ns;
    uint64_t first_seq;
    uint64_t recent_seq[JV_VERIFY_RECENT];
    uint8_t recent_event[JV_VERIFY_RECENT];
    struct jv_map map;
    struct jv_verify_session *sessions;
    uint32_t sessions_len;
    uint32_t ended_first, ended_last; /* queue of ended sessions, the first is forgotten first */
    uint32_t era;                     /* counts what makes the state of every session unknown */
    bool has_met_head;
    bool is_partial; /* sessions may be there whose birth the stream does not show */
};

/* Keep the first finding. Always false. */
JV_PRINTF(3, 4)
bool jv_verify_wrong(struct jv_verify *v, enum jv_verify_law law, const char *form, ...);
/* The laws of the record's session. */
bool jv_laws_session(struct jv_verify *v, const struct jv_record *rec);
/* The limits of a session that is RECOVERING or without transport, against the judged clock. */
bool jv_laws_bounds(struct jv_verify *v, const struct jv_verify_session *s);
#endif /* JV_VERIFY_LAWS_H */
