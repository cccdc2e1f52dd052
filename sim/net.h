/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SIM_NET_H
#define JV_SIM_NET_H
/*
 * net -- the network of the simulator: datagrams on their way, and the NATs that they cross. A fake in virtual time.
 *
 * A NAT has a mapping and a filtering kind (RFC 4787 §4.1, §5), a lifetime of mappings (§4.3) and several public addresses. What a link
 * does to a datagram is decided by tools/emu.
 *
 * Owns     the datagrams under way, in one pool; a full pool loses, and counts it.
 * Gives    datagrams in the order of their moment, then of their sending.
 * Limits   NET_FLIGHTS datagrams, NET_MAPPINGS mappings a NAT (the least recently used one goes), NET_HISTORY public endpoints remembered.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "endpoint.h"
#include "prng.h"

#define NET_FLIGHTS 8192U
#define NET_MAPPINGS 128U
#define NET_HISTORY 1024U
#define NET_NONE UINT32_MAX

/* A datagram under way. */
struct net_flight {
    uint32_t node;   /* where it goes */
    uint32_t socket; /* handle of the socket there */
    struct jv_endpoint src, dst;
    uint32_t len;
    uint32_t doubt_mtu; /* not 0: no datagram, but ICMP that claims this MTU for `src` */
    bool is_doubt;
    uint8_t bytes[JV_DATAGRAM_MAX + 256]; /* an adversary may send longer ones than we do */
};

struct net_due {
    uint64_t ns, order;
    uint32_t idx;
};

struct net {
    struct net_flight *flights;
    uint32_t *free;
    uint32_t free_len;
    struct net_due *heap;
    uint32_t heap_len;
    uint64_t order, sent, lost_full;
};

void net_init(struct net *net);
void net_fini(struct net *net);
/* A place for a datagram, to be filled and sent or given back; NULL: the network is full, and loses it. */
struct net_flight *net_take(struct net *net);
void net_send(struct net *net, const struct net_flight *flight, uint64_t due_ns);
void net_give(struct net *net, const struct net_flight *flight);
/* When the next one arrives; UINT64_MAX: none is under way. */
uint64_t net_next_ns(const struct net *net);
/* The next one, which must be there; the caller gives it back. */
struct net_flight *net_arrive(struct net *net);

/* ---- NAT ---- */

enum nat_kind { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT, NAT_ADDRESS_PORT_DEPENDENT };

struct nat_mapping {
    bool used;
    struct jv_endpoint inside;
    struct jv_endpoint key; /* the destination, as far as the kind looks at it */
    struct jv_endpoint outside;
    struct jv_endpoint peers[4]; /* destinations for the filter, newest first */
    uint64_t last_ns;
    bool is_dead; /* swallows everything from now on */
};

struct nat {
    bool is_there; /* false: public addresses, nothing is mapped */
    enum nat_kind mapping, filtering;
    bool keeps_port;
    uint8_t id;
    uint8_t address; /* which of its public addresses mappings get */
    uint64_t lifetime_ns;
    uint16_t next_port;
    struct nat_mapping mappings[NET_MAPPINGS];
    uint64_t expired, evicted, filtered;
};

/* The public endpoint of what `inside` sends to `dst`; false: a dead mapping swallows it. */
bool nat_out(struct nat *nat, uint64_t now_ns, const struct jv_endpoint *inside,
             const struct jv_endpoint *dst, struct jv_endpoint *outside_out);
/* Who is meant by what `src` sends to `outside`; false: nobody, or the filter refuses it. */
bool nat_in(struct nat *nat, uint64_t now_ns, const struct jv_endpoint *outside,
            const struct jv_endpoint *src, struct jv_endpoint *inside_out);
/* Forgets every mapping: the next ones have other ports. */
void nat_rebind(struct nat *nat);
/* What is mapped so far swallows everything from now on; another port would not. */
void nat_kill(struct nat *nat);
/* Whether the address is one of this NAT's. */
bool nat_has(const struct nat *nat, const struct jv_endpoint *endpoint);
#endif /* JV_SIM_NET_H */
