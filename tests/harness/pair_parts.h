/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_PAIR_PARTS_H
#define JV_TESTS_PAIR_PARTS_H
/*
 * pair_parts -- what the files of pair share and no test needs. Life is in pair.c, what goes into the cores and comes out in
 * pair_io.c, links and mappings in pair_network.c, the client's sockets in pair_sockets.c, what is under way in pair_events.c, time
 * in pair_time.c, looking in pair_look.c.
 */
#include "pair.h"

#define PAIR_BUFFERS 2048U
#define PAIR_CLONE_TTL 63U     /* by which inner packets of the clone are told */
#define PAIR_PARKED UINT64_MAX /* due of a datagram that waits in the socket of a frozen process */

/* A socket of the client as the network knows it. */
struct pair_wire {
    struct pair_link *link; /* NULL: there is none */
    uint32_t idx, handle;
    struct jv_endpoint outer;
    bool is_dead, is_clone;
};

static inline struct jv_instant pair_now(const struct pair *p)
{
    return (struct jv_instant){p->now_ns};
}

static inline struct jv_core *pair_core(const struct pair *p, bool client)
{
    return client ? p->client : p->gateway;
}

static inline bool pair_is_paused(const struct pair *p, bool client)
{
    return client ? p->paused_c : p->paused_g;
}

/* The one set of output arrays, empty: of whoever calls a core next. */
struct jv_out pair_out(void);
/* Carry out what a core gave, and return its buffers. */
void pair_drain(struct pair *p, bool client, struct jv_out *out);
/* A datagram has arrived. */
void pair_deliver(struct pair *p, const struct pair_event *e, const uint8_t *bytes, uint32_t len);
/* An inner packet between the two inner addresses; gives its length. */
uint32_t pair_inner_packet(const struct pair *p, bool from_client, uint8_t *out, uint32_t bytes);
/* Memory for a core, and the core in it; and back. */
void *pair_core_start(const struct jv_core_cfg *cfg, struct jv_prng *entropy, struct jv_instant now,
                      struct jv_core **core_out);
void pair_core_end(struct jv_core *core, const void *mem);
/* The journal of a side begins with a core that knows nothing; inputs are noted as they are given. */
void pair_journal_begin(struct pair *p, bool client, const struct jv_core_cfg *cfg,
                        uint64_t entropy);
void pair_journal_slot(struct pair *p, bool client, bool is_packet, const struct jv_slot *slot);
void pair_journal_command(struct pair *p, bool client, const struct jv_command *command);
void pair_journal_expire(struct pair *p, bool client);
uint64_t pair_journal_given(uint64_t hash, const struct jv_out *out);
/* The core of the snapshot, made anew. */
void pair_journal_replay(struct pair *p, const struct pair_snapshot *snapshot, enum pair_side side,
                         struct jv_prng *entropy, void **mem_out, struct jv_core **core_out);
void pair_journal_free(struct pair *p);
/* By the clone's handle, or by its outer address where one is given. */
struct pair_wire pair_clone_wire(struct pair *p, uint32_t handle, const struct jv_endpoint *outer);
void pair_clone_deliver(struct pair *p, const struct pair_event *e);
uint64_t pair_clone_due_ns(const struct pair *p);
void pair_clone_run(struct pair *p);
void pair_clone_end(struct pair *p);
/* A datagram enters a wire, or there is none. */
void pair_transmit_on(struct pair *p, const struct pair_wire *wire, bool to_gateway,
                      const struct jv_slot *slot);
/* A core sends: onto a link, or nowhere. */
void pair_transmit(struct pair *p, bool from_client, const struct jv_slot *slot);
struct jv_endpoint pair_client_endpoint(uint32_t link, uint8_t family, uint16_t port);
struct pair_wire pair_wire_of(struct pair *p, uint32_t handle);
/* Carry out what the client's core wishes of its sockets, once it has finished. */
void pair_serve_wishes(struct pair *p);
/* Everything of an event but the bytes behind `len`. */
void pair_event_copy(struct pair_event *to, const struct pair_event *from);
#endif /* JV_TESTS_PAIR_PARTS_H */
