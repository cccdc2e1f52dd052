/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_NETWATCH_H
#define JV_NET_NETWATCH_H
/*
 * netwatch -- follows the host's links, addresses and routes, and tells each change once, as a fact.
 *
 * Known are links other than loopback and addresses that may carry a transport: global scope, not tentative, not failed
 * duplicate detection. A deprecated address is not announced, yet one announced before stays until it is gone: what runs
 * on it still works. A link is up where it is administratively up and has carrier.
 *
 * Order: a link's first LINK_UP or LINK_DOWN precedes its addresses; at a link's end ADDR_GONE precede LINK_GONE. A
 * LINK_DOWN leaves the addresses known: it is told by itself. A lost notification (the kernel's queue was full) leads to
 * a fresh dump, and the differences come out as facts.
 *
 * Owns     one netlink socket and tables of what is known.
 * Limits   JV_NETWATCH_LINKS_MAX links, JV_NETWATCH_ADDRS_MAX addresses; what does not fit is counted and ignored.
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "endpoint.h"
#include "errors.h"

#define JV_NETWATCH_LINKS_MAX 256U
#define JV_NETWATCH_ADDRS_MAX 512U
#define JV_IFNAME_BYTES 16U /* IFNAMSIZ */

struct jv_netwatch;

enum jv_net_fact_kind {
    JV_NET_LINK_UP,
    JV_NET_LINK_DOWN,
    JV_NET_LINK_GONE,
    JV_NET_LINK_MTU, /* the MTU or the name changed, up or down did not */
    JV_NET_ADDR_ADDED,
    JV_NET_ADDR_GONE,
    JV_NET_ROUTE_CHANGED, /* some route (not ours) changed; ifindex 0: of no single device */
    JV_NET_SYNCED /* everything that existed at open has been told; once, and again after a lost notification */
};

struct jv_net_fact {
    enum jv_net_fact_kind kind;
    uint32_t ifindex;
    uint32_t mtu;               /* LINK_* */
    char name[JV_IFNAME_BYTES]; /* of the link, also for ADDR_*; empty where unknown */
    struct jv_ip ip;            /* ADDR_* */
    uint32_t bits;              /* ADDR_*: prefix length */
};

struct jv_netwatch_counts {
    uint64_t messages, malformed, overruns, links_full, addrs_full;
};

/* Subscribes and asks for all that exists; the answers come through jv_netwatch_read(). JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_netwatch_open(struct jv_netwatch **out);
void jv_netwatch_close(struct jv_netwatch *watch);
/* Wait for EPOLLIN (EPOLLERR is an overrun: read as well). */
int jv_netwatch_fd(const struct jv_netwatch *watch);
const struct jv_netwatch_counts *jv_netwatch_counts(const struct jv_netwatch *watch);

/* Up to `cap` facts in order; call until it returns 0, then wait for the descriptor. */
uint32_t jv_netwatch_read(struct jv_netwatch *watch, struct jv_net_fact *facts, uint32_t cap);

/* A watch without socket, and netlink bytes handed to it: for tests and fuzzing. */
JV_MUST_USE enum jv_err jv_netwatch_open_detached(struct jv_netwatch **out);
void jv_netwatch_feed(struct jv_netwatch *watch, const void *bytes, size_t len);
#endif /* JV_NET_NETWATCH_H */
