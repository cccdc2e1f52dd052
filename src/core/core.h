/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_CORE_H
#define JV_CORE_CORE_H
/*
 * core -- the protocol's whole public face: inputs, outputs, the next deadline. Sans-IO: no socket, clock, heap, file, thread.
 *
 * Owns     the memory that the caller gave to jv_core_init(), with all sessions, keys and packet buffers in it.
 * Takes    datagrams, inner packets, commands, deadlines; `now` is read once per wake-up by the caller and never goes back.
 * Gives    datagrams, inner packets, records and orders through struct jv_out. Buffers named there belong to the caller until it
 *          returns them with jv_core_give(); everything else in `out` is a copy. Borrowed datagrams may come out in `out->tun`: what
 *          they were borrowed from must stay as it is until that is written.
 * Errors   JV_E_AGAIN: batch calls have finished the slots before batch->done, single inputs have done nothing; drain `out`, call again.
 * Shards   a gateway may be several cores: cfg.shard of cfg.shards. What arrives at one and belongs to another is in out->handoff; the caller
 *          gives it to that one as a batch of its own, is_handed in each slot, through the same call. `link` must mean the same there.
 * Order    within one wake-up: datagrams, packets, commands, then jv_core_expire(): an answer that has arrived is not late.
 * Threads  one thread a core.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "batch.h"
#include "bounds.h"
#include "crypto.h"
#include "endpoint.h"
#include "errors.h"
#include "instant.h"
#include "policy.h"
#include "reason.h"
#include "record.h"
#include "slab.h"

struct jv_core;

enum jv_role { JV_ROLE_CLIENT, JV_ROLE_GATEWAY };

/* ---- what goes in ---- */

/* Random bytes for keys, nonces and ids. Called within the core's calls only; must not fail. */
struct jv_entropy {
    void (*fill)(void *arg, uint8_t *out, size_t len);
    void *arg;
};

/* A client that the gateway knows. */
struct jv_user {
    char name[JV_NAME_BYTES];
    struct jv_key public_key;
    struct jv_key psk, psk_previous; /* all zero: none */
    struct jv_ip address4, address6; /* fixed inner address; family NONE: from the pool */
    struct jv_prefix nets[JV_USER_NETS_MAX];
    uint32_t nets_len;
};

struct jv_core_cfg {
    enum jv_role role;
    struct jv_key private_key;
    struct jv_policy policy; /* client: wanted; gateway: of a birth whose wish is not known yet */
    bool offer_aes;          /* this processor is fast at AES-256-GCM */
    bool offer_partial_csum; /* out.tun may have partial checksums, where the peer takes them too */
    uint32_t buffers;
    uint64_t first_seq; /* of the first record; > 0 */
    uint64_t jitter_seed;
    /* Gives the seq of each record in place of first_seq and its followers; within the core's calls only. NULL: the core counts by itself. */
    uint64_t (*next_seq)(void *arg);
    void *next_seq_arg;
    uint32_t mtu; /* inner MTU: JV_MTU_MIN..JV_MTU_MAX */
    uint8_t
        dscp; /* outer DS codepoint of every datagram, 0..63; JV_DSCP_COPY: that of the inner packet, 0 without one */
    /* client */
    struct jv_key gateway_key;
    struct jv_key psk, psk_previous;
    struct jv_prefix
        allowed[JV_ALLOWED_MAX]; /* AllowedIPs: what may come out of the tunnel and go into it */
    uint32_t allowed_len;
    bool rebirth; /* OnTerminated = rebirth */
    /* gateway */
    uint32_t
        shards;     /* cores that are this gateway together, JV_SHARDS_MAX at most; 0 or 1: alone */
    uint32_t shard; /* this one, 0..shards - 1 */
    struct jv_key
        cookie_seed; /* several shards: random, the same for all; cookies of one are good for another */
    uint32_t sessions_max, half_open_max; /* of all shards together; each has an even share */
    uint32_t users_max;
    const struct jv_user *users; /* copied; every shard knows them all */
    uint32_t users_len;
    struct jv_prefix pool4,
        pool6; /* family NONE: none; host bits give the gateway's own address, or 0 for the first one */
    struct jv_ip dns[JV_DNS_MAX];
    uint32_t dns_len;
    struct jv_endpoint endpoints[JV_ENDPOINT_MAX]; /* told to the clients */
    uint32_t endpoints_len;
    struct jv_policy_clamp clamp;
};

enum jv_command_kind {
    JV_CMD_LINK_ADDED, /* link: a socket is open */
    JV_CMD_LINK_GONE,  /* link: its device or address is gone, a local fact; the handle dies */
    JV_CMD_LINK_DOUBTED, /* link, remote: ICMP said something about it; unauthenticated, so it only starts a probe */
    JV_CMD_LINK_MTU,  /* link, mtu: its device has another one, a local fact */
    JV_CMD_ENDPOINTS, /* client: the gateway's endpoints as resolved; one that is missing stays until the session is bound to one that is there */
    JV_CMD_UP,        /* client: the user wants a session; starts a birth if there is none */
    JV_CMD_DOWN,      /* sid, or all sessions where it is all zero: OPERATOR_TERMINATED */
    JV_CMD_SWITCH, /* client: move to `link` now (TR-29); JV_E_REFUSED with a TransportSwitchDenied record where policy forbids */
    JV_CMD_HOLD,   /* client: no moves by choice for hold_ms; 0: they are free again */
    JV_CMD_PROBE, /* client: probe `link` now, or every path where it is 0; what was probed just now counts (JV_PROBE_ORDER_MS) */
    JV_CMD_PATH_OFF, /* client: no session and no birth moves to paths of `link`'s name, and a birth under way there goes on elsewhere; JV_E_STATE: one of them is bound */
    JV_CMD_PATH_ON,  /* client: they may */
    JV_CMD_PATH_PREFER, /* client: `prefer` counts for paths of `link`'s name, in place of the configuration's */
    JV_CMD_POLICY, /* policy, clamp, is_grace: for births from now on, and for sessions that run: at once, or in grace with their next row */
    JV_CMD_POLICY_INVALID, /* the operator's policy cannot be taken: no births until JV_CMD_POLICY; who is there stays on the last valid one */
    JV_CMD_WOKE, /* slept_ms: the machine was suspended; given before what waits in the sockets is read */
    JV_CMD_USERS, /* gateway: replaces the list; sessions of keys that are gone end with OPERATOR_TERMINATED */
    JV_CMD_PSK /* client: psk, psk_previous */
};

struct jv_command {
    enum jv_command_kind kind;
    uint32_t link;
    char name[JV_NAME_BYTES];  /* LINK_ADDED: the transport's name, "fibre" */
    struct jv_endpoint local;  /* LINK_ADDED: what the socket is bound to */
    struct jv_endpoint remote; /* LINK_DOUBTED */
    uint32_t twin_of;  /* LINK_ADDED: the answer to JV_ORDER_LINK_TWIN for this link; 0: to none */
    uint32_t prefer;   /* LINK_ADDED: higher is preferred */
    uint32_t cost;     /* LINK_ADDED: at equal preference the lower one goes first */
    bool is_cold;      /* LINK_ADDED: probed in trouble only */
    bool is_metered;   /* LINK_ADDED: costs by volume */
    uint64_t slept_ms; /* WOKE */
    uint32_t hold_ms;  /* HOLD: 0, or JV_HOLD_MIN_MS..JV_HOLD_MAX_MS */
    uint32_t
        mtu; /* LINK_ADDED, LINK_MTU: of the device; LINK_DOUBTED with is_too_big: what was claimed, 0 nothing */
    bool is_too_big; /* LINK_DOUBTED: it was about a size */
    struct jv_sid sid;
    struct jv_endpoint endpoints[JV_ENDPOINT_MAX];
    uint32_t endpoints_len;
    struct jv_policy policy;
    struct jv_policy_clamp clamp; /* gateway */
    bool is_grace;
    struct jv_key psk, psk_previous;
    const struct jv_user *users; /* read within the call only */
    uint32_t users_len;
    bool is_trial; /* USERS: tell what the command would return, and change nothing */
};

/* ---- what comes out ---- */

enum jv_order_kind {
    JV_ORDER_CONFIGURE, /* client: the session has these inner addresses, MTU and name servers: set them on the TUN device */
    JV_ORDER_ENDED, /* the session is over: reason; the client's TUN, addresses and routes stay (design §4.8) */
    JV_ORDER_MTU,       /* client: the TUN device must have this MTU from here on */
    JV_ORDER_ROUTE_ADD, /* gateway: send this network into the tunnel */
    JV_ORDER_ROUTE_REMOVE,
    JV_ORDER_LOOK_UP,   /* client: the gateway does not answer: look its names up again */
    JV_ORDER_LINK_TWIN, /* client: open another socket beside `link`, at the same address; LINK_ADDED with `twin_of` answers, or nothing does */
    JV_ORDER_LINK_CLOSE /* client: `link` is not needed beside its twin: close it; LINK_GONE answers */
};

struct jv_order {
    enum jv_order_kind kind;
    struct jv_sid sid;
    enum jv_why reason;
    bool rebirth;                        /* ENDED: the core begins a new birth by itself */
    struct jv_prefix address4, address6; /* CONFIGURE: own address with the pool's prefix length */
    struct jv_ip gateway4, gateway6;     /* CONFIGURE: the gateway's inner addresses */
    struct jv_ip dns[JV_DNS_MAX];
    uint32_t dns_len;
    uint32_t mtu;
    struct jv_prefix route;
    uint32_t link; /* LINK_TWIN, LINK_CLOSE */
    struct jv_endpoint endpoints
        [JV_ENDPOINT_MAX]; /* CONFIGURE: where this gateway can be reached, in its own words */
    uint32_t endpoints_len;
};

/* For another shard of this gateway; the slot is as it came. */
struct jv_handoff {
    struct jv_slot slot; /* may be borrowed, then it is gone after the batch */
    uint32_t shard;
    bool is_packet; /* for jv_core_packets(); else for jv_core_datagrams() */
};

/* Arrays of the caller; the core appends and never exceeds the capacities. */
struct jv_out {
    struct jv_slot *tx; /* datagrams for the socket `link`, in order */
    uint32_t tx_len, tx_cap;
    struct jv_slot *tun; /* inner packets for the TUN device, in order */
    uint32_t tun_len, tun_cap;
    struct jv_record *records;
    uint32_t records_len, records_cap;
    struct jv_order *orders;
    uint32_t orders_len, orders_cap;
    struct jv_handoff *handoff; /* several shards; else the capacity may be 0 */
    uint32_t handoff_len, handoff_cap;
};
/* Capacities that let every call make progress; smaller ones give JV_E_RANGE at jv_core_init's first use. */
#define JV_OUT_TX_MIN (JV_BATCH_MAX * 2U + 64U)
#define JV_OUT_TUN_MIN (JV_BATCH_MAX + JV_HELD_MAX)
#define JV_OUT_RECORDS_MIN 256U
#define JV_OUT_ORDERS_MIN 64U
/* Several shards: a batch call begins where each of its slots may be handed over, else JV_E_AGAIN and nothing is done. */
#define JV_OUT_HANDOFF_MIN JV_BATCH_MAX

/* ---- life ---- */

/*
 * With so many shards, each user of cfg->users can have a session and an inner address at the same time, or not even one core had room
 * for all. Homes are spread by chance and shares are not: with a scant limit or pool one shard is full before the others.
 */
bool jv_core_fits_shards(const struct jv_core_cfg *cfg, uint32_t shards);
/* Bytes of memory for this configuration, of one shard; 0 where a value is out of range. */
size_t jv_core_bytes(const struct jv_core_cfg *cfg);
/* `mem` is zeroed, aligned to 64 and holds keys (lock it). jv_crypto_init() was called. */
JV_MUST_USE enum jv_err jv_core_init(void *mem, const struct jv_core_cfg *cfg,
                                     struct jv_entropy entropy, struct jv_instant now,
                                     struct jv_core **core_out);
/* Wipes every key and frees what the crypto library holds; the memory stays the caller's. */
void jv_core_fini(struct jv_core *core);

/* Take up to `n` empty buffers: slots[i].buf set, everything else zero. Returns how many. */
uint32_t jv_core_take(struct jv_core *core, struct jv_slot *slots, uint32_t n);
/* Return buffers: unused ones, and those of out->tx and out->tun once they are sent. */
void jv_core_give(struct jv_core *core, const struct jv_slot *slots, uint32_t n);

/* ---- inputs: a batch is of one origin, slots of another shard (is_handed) stand in batches of their own ---- */

JV_MUST_USE enum jv_err jv_core_datagrams(struct jv_core *core, struct jv_instant now,
                                          struct jv_batch *batch, struct jv_out *out);
/* Inner packets from the TUN device. What is_csum_partial says must be true of a plain TCP or UDP packet (csum.h). */
JV_MUST_USE enum jv_err jv_core_packets(struct jv_core *core, struct jv_instant now,
                                        struct jv_batch *batch, struct jv_out *out);
JV_MUST_USE enum jv_err jv_core_command(struct jv_core *core, struct jv_instant now,
                                        const struct jv_command *command, struct jv_out *out);
JV_MUST_USE enum jv_err jv_core_expire(struct jv_core *core, struct jv_instant now,
                                       struct jv_out *out);
struct jv_instant jv_core_deadline(const struct jv_core *core);
/* A seq for a record that the caller writes itself (daemon started, telemetry degraded), so that seq stays gapless. */
uint64_t jv_core_next_seq(struct jv_core *core);

/* ---- looking ---- */

/* Every datagram and packet ends in exactly one of these. */
enum jv_drop {
#define D(name, text) JV_DROP_##name,
#include "drop.def"
#undef D
    JV_DROPS
};
const char *jv_drop_name(enum jv_drop drop); /* snake_case, for metrics */
const char *jv_drop_text(enum jv_drop drop);

struct jv_counters {
    uint64_t drops[JV_DROPS];
    uint64_t rx_datagrams, rx_bytes, tx_datagrams, tx_bytes;           /* outer */
    uint64_t rx_packets, rx_packet_bytes, tx_packets, tx_packet_bytes; /* inner */
    uint64_t told_too_big, fragmented; /* inner packets larger than their path */
    uint64_t handed_out,
        handed_in; /* between shards; received is what ended here, so a sum over shards counts nothing twice */
    uint64_t births, births_refused, jumps, rebinds, reattach_denied, rekeys, ends;
    uint64_t transitions[JV_ST_END][JV_ST_END];
    uint64_t rows_refused; /* events that the table has no cell for */
    uint64_t ends_by_reason[JV_WHY_END];
    uint64_t sessions[JV_ST_END]; /* in each state, at the moment */
    uint64_t half_open, buffers_free;
    /* outage of jumps, cumulative histogram: <= 10, 25, 50, 100, 250, 500, 1000, 2500, 5000 ms, all */
    uint64_t outage_buckets[10];
    uint64_t outage_sum_us;
    /* sealed packets that went again after a jump, and that the pool had no room for before they were reported */
    uint64_t resent, resend_pushed_out;
};
void jv_core_counters(const struct jv_core *core, struct jv_counters *out);
/* The operator's last policy was invalid: nobody new is let in. */
bool jv_core_denies_births(const struct jv_core *core);

enum jv_path_role {
    JV_PATH_COLD,
    JV_PATH_PROBING,
    JV_PATH_STANDBY,
    JV_PATH_ACTIVE,
    JV_PATH_SILENT,
    JV_PATH_OFF /* an operator took it out of the choice */
};

/* What is known of the size that a path carries. */
enum jv_path_fit {
    JV_FIT_ASSUMED, /* not probed yet, or told by the peer */
    JV_FIT_PROBING, /* probes are out */
    JV_FIT_FOUND,
    JV_FIT_NARROW, /* less than JV_MTU_MIN: a last resort */
    JV_FIT_REFUSED /* too little for anything */
};

struct jv_path_status {
    char name[JV_NAME_BYTES]; /* "fibre/udp" */
    uint32_t link;
    struct jv_endpoint local, remote;
    struct jv_endpoint observed; /* our address as the gateway saw it; family NONE: unknown */
    enum jv_path_role role;
    uint32_t prefer, cost;
    bool is_cold, is_metered;
    uint64_t srtt_us, rttvar_us; /* 0: no sample */
    uint64_t p95_us, jitter_us;  /* client: of the last ten minutes; 0: too few samples */
    uint32_t loss_ppm;           /* smoothed, of what this side sends on the bound path */
    /* Client: windows of real traffic in each direction, and round trips of probes; UINT32_MAX: too few packets to tell. */
    uint32_t loss_up_ppm, loss_down_ppm, loss_probe_ppm;
    uint32_t unanswered;
    uint64_t heard_ms;   /* since the last authenticated packet; UINT64_MAX: never */
    uint64_t stable_ms;  /* client: for so long it gave no cause for doubt; 0: it does */
    uint64_t penalty_ms; /* client: for so long it is no aim of a choice, for it failed */
    uint32_t score;      /* client: of JV_SCORE_MAX, for the hysteresis alone */
    uint32_t rank;       /* client: place in the order of choice, the first is 1 */
    enum jv_why why_not; /* client: why it is not the one that is bound; JV_WHY_NONE: it is */
    uint32_t mtu;        /* of the device, as the host tells it */
    uint64_t probes_sent, probes_answered; /* since the path is there */
    uint64_t probe_rtt_us;                 /* of the probe answered last; 0: none was */
    uint32_t inner_mtu;                    /* the largest inner packet that it carries */
    enum jv_path_fit fit;
};

struct jv_session_status {
    struct jv_handle handle;
    struct jv_sid sid;
    char user[JV_NAME_BYTES]; /* gateway: the user's name */
    enum jv_state state;
    enum jv_why reason; /* of the last transition */
    uint64_t v, local;
    uint64_t in_state_ms, age_ms, lifetime_left_ms;
    uint64_t transportless_ms; /* 0: a transport is bound */
    bool is_quiet;             /* both ends agreed to report nothing until there is data */
    struct jv_prefix address4, address6;
    struct jv_ip gateway4, gateway6; /* client: inner addresses of the gateway */
    struct jv_ip dns[JV_DNS_MAX];
    uint32_t dns_len;
    uint32_t mtu;       /* agreed at the birth */
    uint32_t inner_mtu; /* what packets may have at the moment */
    uint64_t epoch;
    uint8_t suite;         /* enum jv_suite */
    bool has_partial_csum; /* inner checksums may stay partial on the way */
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* inner */
    uint64_t switches, rebinds;
    uint32_t switches_in_window, switches_limit;
    uint64_t outage_total_us, outage_worst_us;
    uint64_t last_switch_ms; /* since then; UINT64_MAX: never */
    enum jv_why last_switch_reason;
    char switched_from[JV_NAME_BYTES],
        switched_to[JV_NAME_BYTES]; /* client: the last switch; "": none */
    uint32_t policy_id;             /* jv_policy_id() of the bounds in force */
    struct jv_policy policy;        /* in force, as the gateway clamped it */
    uint64_t metered_ms;            /* client: time on metered paths; 0: on none */
    bool is_metered_alarm;          /* and it is longer than the policy wants */
    uint64_t hold_left_ms;          /* 0: moves by choice are free */
    struct jv_path_status paths[JV_PATH_MAX];
    uint32_t paths_len;
};
/*
 * Walk the sessions: `*cursor` starts at 0; false: no more. An ended session of a client stays visible until the next birth; a
 * gateway's is gone at once.
 */
bool jv_core_session(const struct jv_core *core, struct jv_instant now, uint32_t *cursor,
                     struct jv_session_status *out);

/* What JV_CMD_SWITCH to a link would meet now. */
struct jv_switch_verdict {
    enum jv_err err; /* what the command would return */
    enum jv_why why; /* NONE: nothing stands against it */
    enum jv_rule rule;
    uint64_t wait_ms; /* until the limit lets it pass; 0: time alone does not help */
    uint32_t switches_in_window, switches_limit;
    uint64_t cooldown_left_ms;
    struct {
        char name[JV_NAME_BYTES];
        struct jv_endpoint remote;
        enum jv_why why; /* NONE: it would be chosen; else why not */
        bool is_bound;
        uint32_t prefer;
        uint64_t srtt_us;      /* 0: no sample */
    } candidates[JV_PATH_MAX]; /* as a free choice ranks them, the best first */
    uint32_t candidates_len;
};
/* A client only: nothing changes and nothing is sent. JV_E_STATE: there is no session. */
JV_MUST_USE enum jv_err jv_core_would_switch(struct jv_core *core, struct jv_instant now,
                                             uint32_t link, struct jv_switch_verdict *out);
#endif /* JV_CORE_CORE_H */
