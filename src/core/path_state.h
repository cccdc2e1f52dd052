/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PATH_STATE_H
#define JV_CORE_PATH_STATE_H
/*
 * path_state -- what is known of one path: its addresses and proof, what it carries, how well. For the .c files of core only.
 *
 * One writer per part: a client's paths are path.c's, `size` is pathsize.c's, struct jv_health is health.c's, struct jv_penalty
 * penalty.c's, struct jv_denied choice.c's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "bounds.h"
#include "core.h"
#include "endpoint.h"
#include "guard.h"
#include "instant.h"
#include "msg.h"
#include "pmtu.h"
#include "reason.h"

/* Smoothed round trip, RFC 6298 §2, in microseconds. */
struct jv_rtt {
    uint64_t srtt_us, jitter_us;
    bool any;
};

struct jv_path_size { /* what a path carries */
    struct jv_pmtu search;
    struct jv_instant due;      /* the probe that is out counts as lost, or the next one is sent */
    uint64_t first_us, last_us; /* times of the probes of the size that is asked */
    uint64_t small_us;          /* of the small one beside the last; UINT64_MAX: none */
    bool has_small_answer;      /* it came back */
    struct jv_instant checked_at; /* a search or a doubt ended */
    struct {                      /* least round trips of this ten minutes and of those before */
        uint64_t least_us, before_us; /* 0: none */
        struct jv_instant since;
    } rtt;
    uint32_t raises;            /* in vain since the last change: each doubles the pause */
    struct jv_instant doubt_at; /* no doubt before; gateway: the client is not asked before */
    uint8_t doubts;             /* in a row: each doubles the pause */
    uint16_t recorded;          /* inner MTU that the audit knows */
};

struct jv_path {
    bool used;
    bool is_gone;   /* about to be emptied */
    uint8_t id;     /* client: its slot */
    uint8_t number; /* client: told in requests; another path in the same slot has another one */
    uint32_t link;
    char name[JV_NAME_BYTES];
    struct jv_endpoint local; /* gateway: the address of ours that the client uses */
    struct jv_endpoint remote;
    struct jv_endpoint observed; /* client: our address as the gateway sees it */
    uint32_t prefer, mtu, cost;
    bool is_cold, is_metered; /* client: as the profile says */
    bool is_off;              /* client: an operator took it out of the choice */
    bool is_stale;            /* client: the gateway's name leads there no more */
    uint64_t locator;
    struct jv_rtt rtt;
    bool was_heard;
    struct jv_instant heard; /* last authenticated packet, meaningful where was_heard */
    /* client: probing */
    struct jv_instant probe_due;
    struct jv_instant probe_sent;
    uint64_t probe_time_us; /* 0: no probe outstanding */
    uint32_t unanswered;    /* probes in a row */
    uint64_t mark_epoch,
        mark_counter; /* of the heartbeat that went before the probe of the bound path */
    uint64_t answered_us, newest_us; /* times of the newest probe answered and sent */
    uint64_t probes_sent, probes_answered, probe_rtt_us; /* for status: the last one's round trip */
    bool is_replaced;       /* nobody answered under its locator: it has another one */
    struct jv_bucket opens; /* control datagrams of this path that may be opened */
    bool is_doubted;        /* ICMP spoke of it: one probe */
    bool has_token;
    uint8_t token[JV_TOKEN_BYTES];
    struct jv_instant token_at;
    struct jv_instant
        stable_since; /* gave no cause for doubt since then; meaningful while proven */
    /* doubling of the silence floor after false suspicions, with decay */
    uint32_t doublings;
    bool was_left_silent; /* the session moved away from its silence; nothing was heard since */
    struct jv_instant doubling_decay;
    struct jv_path_size size; /* gateway: only what it was told */
};

struct jv_health_sample {
    uint32_t rtt_us;
    struct jv_instant at;
};

struct jv_loss_seen { /* by a window of real traffic */
    uint32_t ppm;
    bool any;
    struct jv_instant at;
};

/* What a client measured on the path in the slot of the same number (health.h). */
struct jv_health {
    struct jv_health_sample samples[JV_HEALTH_SAMPLES]; /* ring */
    uint32_t samples_next, samples_len;
    uint64_t best_us, best_before_us; /* least round trip of this period and of the one before */
    struct jv_instant best_since;
    uint32_t probes_lost, probes_len; /* the newest probe in the lowest bit, 1: unanswered */
    struct jv_loss_seen up, down;
};

struct jv_penalty { /* a path that failed (penalty.h) */
    char name[JV_NAME_BYTES];
    struct jv_endpoint remote;
    uint32_t strikes; /* 0: free */
    struct jv_instant until;
};

struct jv_denied { /* what was told last about a path (choice.h) */
    enum jv_why why;
    struct jv_instant at;
};

#endif /* JV_CORE_PATH_STATE_H */
