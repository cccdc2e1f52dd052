/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SIM_WORLD_H
#define JV_SIM_WORLD_H
/*
 * world -- gateways and clients with the real core in them, their links and NATs, one virtual time, one seed.
 *
 * A node is a machine with one process: its clock drifts and jumps, it sleeps, stalls, crashes and starts again. Gateway g is
 * 203.0.113.(g+1):4433 and 2001:db8:0:g::1; client c is known to every gateway and uses gateway c % gateways. Everything that
 * happens comes from the seed and the plan (plan.h): worlds of one seed and one plan are equal bit for bit.
 *
 * Owns     everything in it, between world_open() and world_close().
 * Gives    records, datagrams and inner packets to the checks (check.h) as they happen.
 * Files    node.c: processes and what goes in and out of their cores; path.c: what happens between them; world.c: birth, time and end.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "emu.h"
#include "net.h"
#include "prng.h"
#include "verify.h"

#define SIM_GATEWAYS 2U
#define SIM_CLIENTS 6U
#define SIM_NODES (SIM_GATEWAYS + SIM_CLIENTS)
#define SIM_LINKS 4U
#define SIM_SOCKETS 6U
#define SIM_NATS 6U
#define SIM_PARKED 256U
#define SIM_WISHES 16U
#define SIM_SLEEP_LOSES UINT64_MAX
#define SIM_PACKETS 65536U /* of one direction of one flow; then it is silent */
#define SIM_START_NS JV_NS_PER_S
#define SIM_WRONG_BYTES 512U
#define SIM_SIDS 512U
#define SIM_STRANGERS 64U
#define SIM_CAPTURED 192U
#define SIM_ARMED 16U

struct sim_plan;

/* When a step of the plan begins or ends. */
struct sim_moment {
    uint64_t ns;
    uint32_t step;
    bool is_end;
};

struct sim_socket {
    uint32_t handle; /* 0: free */
    uint32_t twin_of;
    struct jv_endpoint local;
};

struct sim_link {
    bool is_up, has_v6, is_tapped; /* tapped: the adversary sees what passes */
    uint8_t host;                  /* last byte of its address: another one after it roamed */
    uint32_t nat, prefer, cost, mtu;
    bool is_cold, is_metered;
    struct emu emu;
    uint32_t late_ppm, corrupt_ppm; /* of both directions */
    uint32_t other_version;         /* datagrams of this link claim another protocol version */
    uint64_t passed;                /* datagrams, for draws by number */
    struct sim_socket sockets[SIM_SOCKETS];
};

struct sim_flow { /* numbered inner packets */
    bool on;
    uint32_t interval_us, bytes;
    uint64_t next_ns, sent, received, duplicates;
    uint8_t seen[SIM_PACKETS / 8];
};

struct sim_client {
    uint32_t gateway; /* node */
    struct sim_link links[SIM_LINKS];
    uint32_t links_len;
    bool is_wanted; /* the user wants a session */
    bool rebirth;
    bool must_live;            /* its links are well, and no limit is near */
    struct jv_prefix address4; /* of the last CONFIGURE */
    uint32_t ended;
    struct sim_flow up, down;
};

/* world ns -> the node's own clock: base + elapsed * (1 + drift). */
struct sim_clock {
    uint64_t world_ns, node_ns;
    int32_t drift_ppm;
};

struct sim_node {
    uint32_t idx;
    bool is_client, is_alive, is_asleep;
    uint64_t paused_until_ns; /* 0: it runs */
    uint64_t paused_at_ns;
    uint32_t
        lazy_us; /* it looks at its sockets and sends only so often: batches, and full outputs */
    uint64_t flush_at_ns; /* of a lazy one: when it sends what the core gave; 0: nothing waits */
    struct sim_clock clock;
    struct jv_core_cfg cfg;
    struct jv_user *users;
    struct jv_core *core;
    void *mem;
    size_t mem_bytes;
    uint32_t incarnation;
    struct jv_prng entropy;
    struct jv_out out;
    struct jv_verify *verify;
    void *verify_mem;
    struct net_flight *parked[SIM_PARKED];
    uint32_t parked_len;
    struct jv_order wishes[SIM_WISHES];
    uint32_t wishes_len;
    struct jv_slot hoard[512];
    uint32_t hoard_len;
    /* for the conservation of datagrams: what this incarnation was given, and what became of it within the same calls */
    uint64_t given, ended_in_drop, ended_in_tun;
    struct jv_endpoint last_bound[SIM_CLIENTS]; /* by user, for the check of who is bound where */
};

struct sim_sid { /* whose a session is */
    struct jv_sid sid;
    uint32_t user; /* client index */
    uint32_t gateway;
    uint64_t v[2]; /* newest version seen at the gateway, at the client */
    bool is_over[2];
};

struct sim_stranger { /* an address that is nobody's: the adversary's, or a victim's */
    struct jv_endpoint ep;
    bool
        is_relay; /* the adversary carries both directions over it: it may become bound (docs/threat-model.md) */
    uint32_t client, link, socket; /* of a relay */
    uint64_t in_bytes, out_bytes;
};

struct sim_captured {
    uint32_t client, link;
    bool is_up;
    struct jv_endpoint src, dst;
    uint32_t len;
    uint8_t bytes[JV_DATAGRAM_MAX];
};

struct sim_adversary {
    struct sim_captured *ring; /* SIM_CAPTURED newest, behind them as many of the oldest */
    uint64_t captured;
    uint32_t lost_types; /* datagrams of these types, a bit each, do not pass tapped links: up */
    uint32_t lost_types_down;
    bool diverts; /* requests that pass a tapped link arrive from an address of his own only */
    bool races;   /* a copy from his own address comes before each datagram of a tapped link */
    bool relays;  /* and what the gateway answers there, he carries back */
    struct sim_stranger strangers[SIM_STRANGERS];
    uint32_t strangers_len;
    uint64_t injected;
};

struct sim_tally {
    uint64_t steps, records, datagrams, packets, births, switches, rebinds, rekeys, ends, denied;
    uint64_t replays_seen, virtual_ms, faults, ambushes, full_outputs, no_buffer;
    uint64_t drops[JV_DROPS];
};

struct sim_world {
    uint64_t seed, now_ns, trace;
    uint32_t gateways_len, clients_len, nats_len;
    struct sim_node nodes[SIM_NODES]; /* the gateways first */
    struct sim_client clients[SIM_CLIENTS];
    struct nat nats[SIM_NATS];
    struct net net;
    bool holes_to[SIM_GATEWAYS][SIM_CLIENTS],
        holes_from[SIM_GATEWAYS][SIM_CLIENTS]; /* one-way partitions */
    struct sim_adversary adversary;
    struct sim_sid sids[SIM_SIDS];
    uint32_t sids_len;
    struct jv_endpoint *history; /* public endpoints that a client had: NET_HISTORY a client */
    uint32_t history_len[SIM_CLIENTS];
    const struct sim_plan *plan;
    struct sim_moment *moments;
    uint32_t moments_len, next_moment;
    uint32_t armed[SIM_ARMED]; /* steps that lie in wait */
    uint32_t armed_len;
    struct sim_moment springs[SIM_ARMED]; /* and those that were provoked */
    uint32_t springs_len;
    uint32_t next_handle;
    bool is_exact_time; /* no node stands still for long: limits are judged to the millisecond */
    bool is_calm;
    bool print;
    struct sim_tally tally;
    char wrong[SIM_WRONG_BYTES]; /* the first thing that is wrong; "" while nothing is */
    bool is_liveness;            /* and it is about the calm */
};

/* ---- world.c ---- */

void world_open(struct sim_world *w, const struct sim_plan *plan, bool print);
void world_close(struct sim_world *w);
/* Faults, calm, end. False: `wrong` says what is. */
bool world_run(struct sim_world *w);
JV_PRINTF(3, 4) void world_wrong(struct sim_world *w, bool is_liveness, const char *form, ...);
void world_mix(struct sim_world *w, uint64_t value);
uint64_t world_ms(const struct sim_world *w);
/* Let virtual time pass, with what the plan says. */
void world_pass(struct sim_world *w, uint64_t until_ns);

/* ---- node.c ---- */

struct sim_node *node_of_client(struct sim_world *w, uint32_t client);
bool node_is_running(const struct sim_node *node);
/* Its own clock, and the moment of the world at which that shows `node_ns`. */
uint64_t node_now(const struct sim_world *w, const struct sim_node *node);
uint64_t node_due(const struct sim_world *w, const struct sim_node *node);
/* The process begins: a core that knows its configuration alone. */
void node_start(struct sim_world *w, struct sim_node *node);
/* It ends without a word. */
void node_kill(struct sim_world *w, struct sim_node *node);
void node_pause(struct sim_world *w, struct sim_node *node, uint64_t until_ns, bool is_asleep);
void node_resume(struct sim_world *w, struct sim_node *node, bool is_told);
void node_deliver(struct sim_world *w, struct sim_node *node, struct net_flight *flight);
void node_expire(struct sim_world *w, struct sim_node *node);
/* Send what the core gave and do what it ordered. */
void node_flush(struct sim_world *w, struct sim_node *node);
enum jv_err node_command(struct sim_world *w, struct sim_node *node,
                         const struct jv_command *command);
void node_packet(struct sim_world *w, struct sim_node *node, const uint8_t *bytes, uint32_t len);
/* The first session of a node (a client's only one); a gateway's of this user. False: there is none. */
bool node_session(const struct sim_world *w, const struct sim_node *node, uint32_t user,
                  struct jv_session_status *out);

/* ---- path.c ---- */

void path_send(struct sim_world *w, struct sim_node *node, const struct jv_slot *slot);
/* Put bytes on the way to a gateway, as if from `src`. */
void path_inject_up(struct sim_world *w, const struct jv_endpoint *src,
                    const struct jv_endpoint *dst, const uint8_t *bytes, uint32_t len,
                    uint64_t delay_ns);
/* To the socket of a client's link, as if from `src`. */
void path_inject_down(struct sim_world *w, uint32_t client, uint32_t link,
                      const struct jv_endpoint *src, const uint8_t *bytes, uint32_t len,
                      uint64_t delay_ns);
void path_link_up(struct sim_world *w, uint32_t client, uint32_t link);
void path_link_down(struct sim_world *w, uint32_t client, uint32_t link);
/* What the core ordered about sockets. */
void path_serve(struct sim_world *w, struct sim_node *node, const struct jv_order *order);
struct jv_endpoint path_gateway(uint32_t gateway, bool is_v6);
/* The gateway's endpoint as the client is told of it; `set`: 1 IPv4, 2 IPv6. */
void path_tell(struct sim_world *w, uint32_t client, uint32_t set);
bool path_was_of(const struct sim_world *w, uint32_t client, const struct jv_endpoint *ep);

/* ---- adversary.c ---- */

/* A datagram passes a tapped link, with its source as the gateway will see it. False: it does not pass. */
bool adversary_sees(struct sim_world *w, uint32_t client, uint32_t link, bool is_up,
                    const struct net_flight *flight);
/* A gateway sent this to an address of nobody. */
void adversary_gets(struct sim_world *w, uint32_t gateway, const struct jv_slot *slot);
struct sim_stranger *adversary_stranger(struct sim_world *w, const struct jv_endpoint *ep);
/* Acts of a moment, by a plan's step. */
void adversary_replays(struct sim_world *w, struct jv_prng *prng, uint32_t n);
void adversary_forges(struct sim_world *w, struct jv_prng *prng, uint32_t n);
void adversary_floods(struct sim_world *w, struct jv_prng *prng, uint32_t n);
void adversary_rests(struct sim_world *w);

/* ---- check.c ---- */

void check_record(struct sim_world *w, struct sim_node *node, const struct jv_record *rec);
void check_inner(struct sim_world *w, struct sim_node *node, const struct jv_slot *slot);
/* After each step, of the node that it touched. */
void check_node(struct sim_world *w, struct sim_node *node);
/* A new process: another stream of records. */
void check_start(struct sim_world *w, struct sim_node *node);
void check_stop(struct sim_world *w, struct sim_node *node, bool is_end);
/* The client is where its policy wants it: ATTACHED at both ends, or over at both. */
bool check_is_home(struct sim_world *w, uint32_t client);
/* Each datagram in one counter, each buffer back. */
void check_conserved(struct sim_world *w, struct sim_node *node, bool is_end);
void check_make_packet(const struct sim_world *w, uint32_t client, bool is_up, uint64_t number,
                       uint8_t *out, uint32_t len);
#endif /* JV_SIM_WORLD_H */
