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
#define PAIR_PARKED UINT64_MAX /* due of a datagram that waits in the socket of a frozen process */

/* A socket of the client as the network knows it. */
struct pair_wire {
    struct pair_link *link; /* NULL: there is none */
    uint32_t idx, handle;
    struct jv_endpoint outer;
    bool is_dead;
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
/* A core sends: onto a link, or nowhere. */
void pair_transmit(struct pair *p, bool from_client, const struct jv_slot *slot);
struct jv_endpoint pair_client_endpoint(uint32_t link, uint8_t family, uint16_t port);
struct pair_wire pair_wire_of(struct pair *p, uint32_t handle);
/* Carry out what the client's core wishes of its sockets, once it has finished. */
void pair_serve_wishes(struct pair *p);
/* Everything of an event but the bytes behind `len`. */
void pair_event_copy(struct pair_event *to, const struct pair_event *from);
#endif /* JV_TESTS_PAIR_PARTS_H */
