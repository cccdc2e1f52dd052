/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_STATE_H
#define JV_CORE_STATE_H
/*
 * state -- the core's private structs: the session, what a gateway has beside it, and the core that holds them (paths are in
 * path_state.h, a client's part in client_state.h). For the .c files of core only.
 *
 * One writer per part: `state`, `v`, `local` and `bound` of a session are written by session.c alone, half-open entries by
 * birth_gateway.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "batch.h"
#include "bounds.h"
#include "core.h"
#include "guard.h"
#include "heap.h"
#include "keys.h"
#include "map.h"
#include "msg.h"
#include "noise.h"
#include "pace.h"
#include "path_state.h"
#include "policy.h"
#include "prng.h"
#include "record.h"
#include "slab.h"

struct jv_retired { /* the path just left */
    bool used;
    uint32_t link;
    struct jv_endpoint remote;
    struct jv_ip local; /* gateway: the address of ours that it led to */
    struct jv_instant until;
    bool has_mark;
    uint64_t mark_epoch, mark_counter; /* counters from here on are not taken from it */
};

struct jv_locator {         /* gateway: a locator that leads to the session */
    uint64_t value;         /* 0: free */
    bool spare;             /* handed out, not seen yet */
    struct jv_bucket opens; /* control datagrams under it that may be opened */
    struct jv_instant at;   /* handed out or last seen */
};

struct jv_waiting { /* an inner packet that waits for a transport */
    struct jv_slot slot;
    struct jv_instant at;
    struct jv_handle next;
};

struct
    jv_kept { /* a sealed packet that may have to go again; a place for each buffer of the core */
    uint64_t epoch, counter;
    struct jv_instant at;
    uint32_t next;     /* what was sealed after it (resend.c) */
    uint16_t off, len; /* of the datagram in the buffer */
    uint8_t ecn, dscp;
    bool is_due; /* a jump was committed without it */
};

struct jv_missed { /* packets that the pool gave up and no report has passed by */
    uint64_t epoch, first, last;
    uint32_t count;
};

/* Liveness of the bound path, the same on both ends. */
struct jv_liveness {
    bool outstanding; /* something that must be answered is unanswered */
    struct jv_instant outstanding_at;
    uint64_t eliciting_epoch, eliciting_counter; /* the last of it */
    struct jv_instant
        since; /* silence is counted from here at the earliest: binding, or a stall of this process */
    struct jv_instant heartbeat_due;
    uint64_t echoed_us; /* newest heartbeat that was echoed */
    struct jv_instant stalled_at;
    uint64_t beat_time_us; /* of the heartbeat that is out; 0: answered */
    struct jv_instant beat_at;
    uint64_t beat_epoch, beat_counter; /* what carried it */
    uint32_t beats_unanswered;
    struct jv_instant last_data;
    bool had_data;
    bool report_owed;
    struct jv_instant report_due;
    uint32_t unreported; /* packets with data since the last report */
    uint64_t echo_us;    /* heartbeat to be echoed; 0: none */
    struct jv_instant echo_at;
    /* loss of what this side sends, from the peer's reports */
    uint64_t reported_epoch, reported_highest, reported_received;
    uint32_t loss_ppm;
};

struct jv_snapshot {         /* the next policy of a session that runs (snapshot.h) */
    bool is_due, is_grace;   /* client: something is wanted; gateway: the client is to be asked */
    uint32_t n;              /* of the newest offer made (client), answered (gateway) */
    uint32_t tries;          /* sent so often */
    uint64_t after;          /* in grace: not before a row beyond this one */
    struct jv_instant at;    /* next repetition */
    struct jv_bucket offers; /* gateway */
};

struct jv_watched { /* a large packet that a report will tell of */
    uint64_t epoch, counter;
    struct jv_instant at;
    uint16_t bytes;
};

struct jv_loss_count { /* of one direction */
    uint64_t epoch, highest, count;
};

struct jv_session {
    struct jv_handle handle;
    struct jv_sid sid;
    struct jv_sid prior; /* the session it replaced */
    enum jv_state state;
    enum jv_why why;
    uint64_t v, local;
    uint64_t cause; /* seq of the last record of this session */
    struct jv_instant created, state_since;
    /* deadlines, JV_NEVER where not armed */
    struct jv_instant lifetime_at, ttl_at, degrade_at, degraded_max_at, recovery_until,
        probation_until;
    uint64_t degraded_ms; /* in DEGRADED with a binding since it was attached */
    struct jv_instant unbound_at, bound_since; /* since when there is a transport without a pause */
    struct jv_instant volatile_at;             /* when the present trouble began */
    struct jv_policy policy;
    uint32_t policy_id;
    struct jv_keys *keys;
    struct jv_handle keys_handle;
    struct jv_path *bound;
    struct jv_path *bind_next; /* what BIND binds */
    struct jv_retired retired;
    struct jv_liveness live;
    struct {
        struct jv_loss_count sent, received; /* at the beginning of the window */
        struct jv_instant window_at;         /* its end */
        bool is_warm;                        /* a whole window was on this binding */
        struct jv_loss_count shown_sent,
            shown_received; /* windows put together, for what is shown */
        uint32_t shown_windows;
    } loss;
    struct jv_snapshot snapshot;
    struct {
        struct jv_watched packets[JV_PMTU_WATCHED];
        uint32_t len;
        uint32_t streak;     /* large packets lost, none as large in between that arrived */
        uint16_t least_lost; /* of them */
    } watch;
    uint64_t size_told_us; /* time of the newest frame SIZE */
    uint32_t rows;         /* applied within this dispatch */
    /* switching */
    struct jv_bucket switches, rebinds;
    struct jv_instant last_switch;
    struct jv_instant switch_times
        [32]; /* for status and records, above the cap of every preset: newest overwrite oldest */
    uint32_t switch_times_len;
    enum jv_why last_switch_why;
    char switched_from[JV_NAME_BYTES], switched_to[JV_NAME_BYTES]; /* client */
    uint64_t switches_total, rebinds_total, outage_total_us, outage_worst_us;
    /* inner */
    struct jv_prefix address4, address6;
    uint32_t mtu;        /* agreed at the birth: no inner packet is larger */
    uint8_t features;    /* JV_FEATURE_* that both ends have */
    struct {             /* client */
        uint32_t device; /* MTU of the TUN device; 0: not told yet */
        uint32_t clamp;  /* of the least path that may carry the session: what an MSS must fit */
        struct jv_instant rise_at;
    } inner;
    struct jv_bucket too_big; /* answers to inner packets that do not fit */
    struct jv_handle waiting_first, waiting_last;
    uint32_t waiting_len;
    struct {
        uint32_t first, last, due_from; /* places; nothing before due_from is due */
        uint32_t len, due;
        uint64_t resent;
        struct jv_missed pushed, aged; /* by the pool's size, by its age */
        struct jv_instant settle_at; /* what the path just left has not delivered by then is due */
        uint64_t mark_epoch, mark_counter; /* of the last jump: what was sealed before */
        struct {                           /* what there was at the last jump, for its record */
            uint32_t kept, resent, pushed_out, too_old;
        } jump;
    } kept;
    struct { /* quiet.h */
        bool on;
        bool is_offered;     /* client: an offer is out */
        bool is_answer_owed; /* gateway */
        uint32_t n, for_ms;  /* of the last offer; gateway: of the answer */
        struct jv_instant until;
    } quiet;
    bool is_newest;      /* the packet that is being taken has the highest counter so far */
    struct jv_pace pace; /* of what goes again and of what waited */
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    bool dirty; /* its deadline must be computed anew */
    bool ended; /* what follows the end was done */

    /* ---- gateway ---- */
    struct jv_path own; /* what `bound` points to */
    uint32_t user;
    uint32_t address_idx; /* in the pool; 0: none from there */
    uint64_t order;       /* highest order number that is spent */
    struct {
        uint64_t order,
            version; /* version of the commit: acknowledged versions from here on are accepted */
        uint64_t
            locator; /* of the request: the ACK goes under it, the client may not know the new one yet */
        uint64_t next_locator; /* for traffic, once the client has the ACK; else that of the path */
        uint64_t next_counter; /* cut mark: the first counter sealed after the commit */
        uint8_t path_id, random[16];
        bool is_move;
    } commit;
    struct jv_instant ack_due;    /* the ACK is repeated until it is confirmed */
    uint32_t ack_left, ack_ahead; /* of them, soon */
    struct jv_locator locators[JV_LOCATOR_MAX];
    bool spares_arrived; /* the client confirmed the message that brought the last ones */
    struct jv_bucket unbound_opens, requests;
    struct jv_instant hint_next;
    uint32_t hint_wait_ms;
    struct { /* the rekey offer that NEXT was made from */
        struct jv_key client_public, own_public;
        uint8_t own_random[16];
        uint64_t order;
        struct jv_bucket offers;
        struct jv_instant ask_at; /* a nearing limit is told to the client from then on */
    } rekey;
};

struct jv_half_open {
    struct jv_handle handle;
    uint64_t ephemeral_hash;
    struct jv_key ephemeral; /* the client's, public */
    struct jv_endpoint remote, local;
    uint32_t link;
    uint64_t client_locator, locator;
    struct jv_sid sid, prior;
    uint32_t user;
    uint8_t suite, features;
    struct jv_key root;
    uint8_t reply[JV_BIRTH_REPLY_BYTES];
    struct jv_instant until;
    struct jv_bucket opens; /* of what says to be the confirmation */
    uint64_t number;        /* one more with each entry */
};

struct jv_user_state {
    struct jv_user user;
    bool used;
    bool listed; /* by the list that is being taken over */
    struct jv_handle session;
    struct jv_instant births[JV_BIRTHS_PER_MIN]; /* ring */
    uint32_t births_len, births_next;
    uint64_t newest_birth; /* number of the newest half-open entry that was confirmed */
};

struct jv_core {
    struct jv_core_cfg cfg;
    struct jv_entropy entropy;
    struct jv_prng jitter;
    struct jv_keypair own;
    uint8_t mac1_key[JV_HASH_BYTES], cookie_key[JV_HASH_BYTES]; /* of the gateway's public key */
    uint8_t hash_key[16];
    struct jv_instant started;
    struct jv_instant now; /* of the call that is running */
    uint64_t seq;
    struct jv_counters count;
    /* buffers */
    uint8_t *buf_mem;
    uint32_t *buf_free;
    uint8_t *buf_refs; /* holders of each buffer: the one it was given to, and the resend */
    uint32_t buf_cap, buf_high, buf_free_len;
    /* sessions */
    uint32_t
        sessions_limit; /* what the operator allows; the slab has room for births that replace one */
    struct jv_slab sessions, key_slab, half_open, waiting;
    struct jv_kept *kept;                     /* by the number of the buffer */
    uint32_t kept_cap,                        /* that may be in use */
        kept_share, kept_lent, kept_lent_max; /* of the pool: each session's, lent, at most lent */
    struct jv_heap deadlines; /* sessions, then half-open entries, then the core itself */
    uint32_t dirty[JV_BATCH_MAX * 2];
    uint32_t dirty_len;
    uint32_t ends_pending;    /* sessions that ended and are not settled */
    struct jv_map locators;   /* locator -> session or half-open entry */
    struct jv_map ephemerals; /* hash of a client's ephemeral -> half-open entry */
    /* gateway */
    struct jv_user_state *users;
    struct jv_map user_map; /* hash of public key -> user */
    struct jv_addresses addresses;
    struct jv_routes routes;
    struct jv_routes homes; /* fixed addresses and networks of all users -> shard (handoff.h) */
    struct jv_rate births_rate, source_rate; /* this shard's share */
    struct jv_cookies cookies;
    uint8_t token_key[32];
    struct jv_sources sources; /* of first messages, whoever wrote the address */
    struct jv_sources proven;  /* of those that showed a cookie: their sender receives there */
    struct jv_bucket births;
    uint64_t half_opens; /* that there ever were */
    bool denies_births;  /* the operator's last policy was invalid (P-04) */
    struct {             /* after a change of the clamp */
        uint32_t next;   /* session to be reviewed; UINT32_MAX: none */
        bool is_grace;
        struct jv_instant at;
    } sweep;
    struct jv_bucket replay_records, auth_records;
    uint64_t replay_suppressed;
    /* client */
    struct jv_client *client;
};

/* Values of the locator map: session index, or half-open index with this bit. */
#define JV_LOCATOR_HALF_OPEN (1ULL << 63)

/* Room that one unit of work may need; checked before it begins (reserve, then commit). */
#define JV_ROOM_TX 40U
#define JV_ROOM_RECORDS 48U
#define JV_ROOM_ORDERS                                                                             \
    (2U * JV_USER_NETS_MAX + 3U) /* one session replaced by another, and the MTU */
#define JV_ROOM_TUN (JV_HELD_MAX + 1U)
static inline bool jv_has_room(const struct jv_out *out)
{
    return out->tx_cap - out->tx_len >= JV_ROOM_TX &&
           out->records_cap - out->records_len >= JV_ROOM_RECORDS &&
           out->orders_cap - out->orders_len >= JV_ROOM_ORDERS &&
           out->tun_cap - out->tun_len >= JV_ROOM_TUN;
}
/* An empty buffer for a datagram of the core's own; false: none free (counted). */
bool jv_core_buf(struct jv_core *core, struct jv_slot *slot);
/* A borrowed packet of JV_BUF_ROOM bytes at most moves into a buffer of the pool, to outlive its batch; false: none free (counted). */
bool jv_core_own(struct jv_core *core, struct jv_slot *slot);
static inline uint8_t *jv_core_buffer(const struct jv_core *core, uint32_t idx)
{
    return core->buf_mem + (size_t)idx * JV_BUF_BYTES;
}
/* The number of a slot's buffer: it is one that was taken. */
static inline uint32_t jv_core_buffer_of(const struct jv_core *core, const struct jv_slot *slot)
{
    size_t at = (size_t)(slot->buf - core->buf_mem);
    JV_ASSERT(at % JV_BUF_BYTES == 0 && at / JV_BUF_BYTES < core->buf_high);
    return (uint32_t)(at / JV_BUF_BYTES);
}
/* One more holder: it takes another jv_core_give() to free the buffer. Gives its number. */
static inline uint32_t jv_core_hold(struct jv_core *core, const struct jv_slot *slot)
{
    uint32_t idx = jv_core_buffer_of(core, slot);
    JV_ASSERT(core->buf_refs[idx] > 0 && core->buf_refs[idx] < UINT8_MAX);
    core->buf_refs[idx]++;
    return idx;
}
/* One holder less. */
static inline void jv_core_release(struct jv_core *core, uint32_t idx)
{
    JV_ASSERT(core->buf_refs[idx] > 0);
    if (--core->buf_refs[idx] == 0) {
        core->buf_free[core->buf_free_len++] = idx;
    }
}
void jv_core_drop(struct jv_core *core, struct jv_slot *slot, enum jv_drop why);
/* The session's deadline will be computed anew at the end of the call. */
static inline void jv_core_touch(struct jv_core *core, struct jv_session *s)
{
    if (s->dirty) {
        return;
    }
    JV_ASSERT(core->dirty_len < JV_ARRAY_LEN(core->dirty));
    s->dirty = true;
    core->dirty[core->dirty_len++] = s->handle.idx;
}
/* Hand a finished datagram to the output. */
static inline void jv_core_send(struct jv_core *core, struct jv_slot *slot, struct jv_out *out)
{
    JV_ASSERT(out->tx_len < out->tx_cap);
    core->count.tx_datagrams++;
    core->count.tx_bytes += slot->len;
    if (core->cfg.dscp != JV_DSCP_COPY) {
        slot->dscp = core->cfg.dscp;
    }
    out->tx[out->tx_len++] = *slot;
}
/* Hand an inner packet to the output. */
static inline void jv_core_deliver(struct jv_core *core, const struct jv_session *s,
                                   struct jv_slot *slot, struct jv_out *out)
{
    JV_ASSERT(out->tun_len < out->tun_cap);
    core->count.tx_packets++;
    core->count.tx_packet_bytes += slot->len;
    slot->session = s->handle.idx;
    out->tun[out->tun_len++] = *slot;
}
void jv_core_random(struct jv_core *core, void *out, size_t len);
/* The end of a call, or of a part of it: what ended is settled, what changed gets its deadline. */
void jv_core_settle(struct jv_core *core, struct jv_out *out);
struct jv_session *jv_core_session_at(const struct jv_core *core, uint32_t idx);
/* Milliseconds on this gateway's own clock, for tokens; > 0. */
uint64_t jv_core_gateway_time(const struct jv_core *core);
/* Microseconds on this core's clock, for echoes; > 0. */
uint64_t jv_core_time_us(const struct jv_core *core);
struct jv_order *jv_core_order(struct jv_out *out, enum jv_order_kind kind,
                               const struct jv_session *s);
static inline bool jv_core_is_client(const struct jv_core *core)
{
    return core->cfg.role == JV_ROLE_CLIENT;
}
#endif /* JV_CORE_STATE_H */
