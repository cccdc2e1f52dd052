/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_CLIENT_STATE_H
#define JV_CORE_CLIENT_STATE_H
/*
 * client_state -- what a core has beside its session where it is a client: links, paths, the birth, the request in flight, the
 * choice between paths, the rekey. For the .c files of core only.
 *
 * One writer per part: paths are path.c's, the request in flight jump.c's, the birth attempt birth_client.c's, the ladder
 * ladder.c's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "batch.h"
#include "bounds.h"
#include "core.h"
#include "crypto.h"
#include "endpoint.h"
#include "guard.h"
#include "instant.h"
#include "msg.h"
#include "noise.h"
#include "path_state.h"
#include "policy.h"

struct jv_client_link {
    bool used;
    bool is_twin; /* stands beside another one: a path to one endpoint only (ladder.h) */
    uint32_t link;
    char name[JV_NAME_BYTES];
    struct jv_endpoint local;
    uint32_t prefer, mtu, cost;
    bool is_cold, is_metered;
};

struct jv_attempt { /* a birth */
    bool wanted;    /* a session is wanted and there is none */
    bool running;   /* a first message is out */
    bool waited;    /* there was no path: the clock of the birth begins anew with one */
    struct jv_noise noise;
    uint64_t locator;
    uint8_t mac1[JV_MAC_BYTES];
    uint8_t cookie[JV_COOKIE_BYTES];
    bool has_cookie;
    uint32_t link; /* where it went out */
    struct jv_endpoint remote;
    uint32_t tries;
    struct jv_instant retry_at;
    struct jv_instant begin_at; /* not before: pause after a failure */
    struct jv_sid prior;
    uint32_t failures; /* births in a row that failed */
    bool confirming;   /* keys are there, BIRTH_ACK is not */
};

struct jv_request_out { /* the reattach request in flight */
    bool used;
    bool in_place; /* proves the bound transport anew */
    bool quiet;    /* the peer is in doubt, this side is not: no row of ours depends on it */
    bool rebind;
    bool challenged, corrected; /* one challenge answered, one version corrected */
    uint8_t path;
    uint64_t order;
    uint8_t random[16];
    uint8_t token[JV_TOKEN_BYTES];
    bool has_token, is_hint, is_unless;
    uint64_t hint_epoch, hint_counter;
    enum jv_why why;
    struct jv_endpoint observed; /* the path's, when the request was made; family NONE: not known */
    struct jv_instant started, retry_at;
    uint32_t tries;
};

struct jv_ladder { /* ladder.h */
    bool is_climbing;
    uint32_t tried;  /* rungs on record in this trouble, a set of bits */
    uint32_t opened; /* sockets ordered, for the doubling */
    uint32_t twin,
        of_link; /* the second socket, and that beside which it stands or is ordered; 0: none */
    struct jv_endpoint remote; /* where the twin leads */
    struct jv_instant next_at; /* another source port may be tried */
    struct jv_instant tidy_at; /* one of the two is closed; JV_NEVER: not yet known */
    struct jv_instant calm_since;
};

struct jv_left { /* a locator, and the transport that it was left by */
    uint64_t value;
    char name[JV_NAME_BYTES];
    struct jv_ip local;
    struct jv_endpoint remote;
};

struct jv_client {
    struct jv_client_link links[JV_PATH_MAX];
    struct jv_endpoint endpoints
        [JV_ENDPOINT_MAX]; /* those that were told last, then older ones that are not given up yet */
    uint32_t endpoints_len, endpoints_told;
    struct jv_path paths[JV_PATH_MAX];
    struct jv_health health[JV_PATH_MAX];
    uint64_t spares[JV_SPARE_MAX];
    uint32_t spares_len;
    /* locators left behind: for late packets, and for other transports where no spare is left */
    struct jv_left left[JV_LEFT_MAX];
    uint32_t left_next;
    struct jv_attempt attempt;
    struct jv_request_out request;
    struct { /* the last request that was acknowledged */
        uint64_t order;
        uint8_t random[16];
        bool any;
    } committed;
    /* The path bound last, also while nothing is bound and its slot is empty. */
    uint8_t last_number, next_number;
    char last_name[JV_NAME_BYTES];
    uint32_t last_link;
    struct jv_endpoint last_remote;
    struct jv_ladder ladder;
    struct jv_instant last_heard;
    struct {
        uint32_t signals; /* what the bound path is doubted for (quality.c); 0: nothing */
        struct jv_instant since;
    } doubt;
    struct jv_penalty penalties[JV_PENALTY_MAX];
    struct jv_denied denied[JV_PATH_MAX + 1]; /* the last one: there was no candidate */
    uint32_t failed_recoveries;               /* since the session was attached */
    struct jv_instant backoff_at;             /* the next recovery; JV_NEVER: nothing waits */
    bool is_capped;    /* too many entries into VOLATILE: no moves by choice */
    bool one_way;      /* the suspicion is about heartbeats that go unanswered, not about silence */
    uint32_t attempts; /* requests to further candidates in this recovery */
    uint64_t order, order_spent;
    uint64_t gateway_time_ms;
    uint64_t hint_epoch, hint_counter; /* newest hint that was answered */
    struct jv_instant woke_at;         /* last standstill that was noticed */
    /* suspicion about the bound path */
    bool suspected;
    struct jv_instant suspected_at, confirm_at;
    bool standby_answered;
    struct jv_instant healthy_since; /* JV_NEVER: not healthy */
    struct jv_minute entries;        /* into VOLATILE, for the doubling of the stability window */
    struct jv_minute doubts;         /* of them what the cap counts */
    struct jv_instant switch_retry_at;
    struct jv_instant
        failback_at; /* when to look for a preferred path again; JV_NEVER: nothing to wait for */
    struct jv_instant metered_since; /* JV_NEVER: on no metered path */
    bool is_metered_told;
    struct jv_instant hold_until; /* no moves by choice before; zero: free */
    bool is_hold_told;            /* one move was denied because of it, on record */
    struct {                      /* what an operator ordered for paths of a name */
        char name[JV_NAME_BYTES]; /* "": a free entry */
        bool is_off, has_prefer;
        uint32_t prefer;
    } orders[JV_PATH_MAX];
    struct jv_instant quiet_at; /* next in-place request for the peer's sake */
    struct jv_slot held[JV_HELD_MAX];
    uint32_t held_len;
    struct { /* a rekey in flight */
        bool used;
        uint64_t n;
        uint64_t order;
        struct jv_key own_private, own_public;
        uint8_t random[16];
        struct jv_instant retry_at;
    } rekey;
    bool rekey_asked;
    struct jv_ip dns[JV_DNS_MAX];
    uint32_t dns_len;
    struct jv_ip gateway4, gateway6; /* inner addresses of the gateway */
    struct jv_prefix
        nets[JV_USER_NETS_MAX]; /* networks behind this client, as the gateway knows them */
    uint32_t nets_len;
};

#endif /* JV_CORE_CLIENT_STATE_H */
