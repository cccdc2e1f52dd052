/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_NETCFG_H
#define JV_NET_NETCFG_H
/*
 * netcfg -- addresses, links and routes over rtnetlink: setters, questions, and the repair of what a crash left.
 *
 * Every route set here carries the protocol number JV_NETCFG_PROTO, so that the next start finds and removes what a
 * killed process left, and a routing daemon may redistribute them. Setters replace: to set twice is to set once.
 *
 * Owns     one netlink socket and its buffer.
 * Limits   a request waits at most JV_NETCFG_WAIT_MS for its answer.
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "endpoint.h"
#include "errors.h"

#define JV_NETCFG_PROTO 74U /* RTPROT of our routes: 'J'; unassigned in iproute2's rt_protos */
#define JV_NETCFG_WAIT_MS                                                                          \
    2000U /* netlink answers at once; longer means that the kernel is not going to */

struct jv_netcfg;

struct jv_route {
    struct jv_prefix dst;
    struct jv_ip gateway; /* family NONE: on link */
    struct jv_ip source;  /* family NONE: the kernel chooses; else the preferred source address */
    uint32_t ifindex;     /* 0 with `is_unreachable` only */
    uint32_t table;       /* 0: main */
    uint32_t metric;      /* 0: the kernel's default */
    bool is_unreachable;  /* refuses instead of forwarding: the guard behind a pool */
};

/*
 * Failure of every call below: JV_E_PERM; JV_E_NOTFOUND (no such device, address, route); JV_E_EXISTS; JV_E_RANGE;
 * JV_E_SYSTEM. jv_netcfg_error() gives the errno and the kernel's own text of the last failed request.
 */
JV_MUST_USE enum jv_err jv_netcfg_open(struct jv_netcfg **out);
void jv_netcfg_close(struct jv_netcfg *cfg);
int jv_netcfg_errno(const struct jv_netcfg *cfg);
/* Never NULL; valid until the next call. */
const char *jv_netcfg_error(const struct jv_netcfg *cfg);

JV_MUST_USE enum jv_err jv_netcfg_ifindex(struct jv_netcfg *cfg, const char *name, uint32_t *out);
/* Up or down; `mtu` 0 leaves the MTU. */
JV_MUST_USE enum jv_err jv_netcfg_link_set(struct jv_netcfg *cfg, uint32_t ifindex, bool up,
                                           uint32_t mtu);

/* The group of a link, by which packet filters know it; 0 is the default one. */
JV_MUST_USE enum jv_err jv_netcfg_link_group(struct jv_netcfg *cfg, uint32_t ifindex,
                                             uint32_t group);

/* Queues of a TUN device that processes have open. JV_E_NOTFOUND also: this device has only one, or is no TUN. */
JV_MUST_USE enum jv_err jv_netcfg_tun_queues(struct jv_netcfg *cfg, uint32_t ifindex,
                                             uint32_t *out);

/* The longest packet, in bytes, that this host's own TCP leaves uncut for this device. JV_E_SYSTEM also where the kernel cannot say so. */
JV_MUST_USE enum jv_err jv_netcfg_link_gso(struct jv_netcfg *cfg, uint32_t ifindex, uint32_t bytes);

/* `addr->ip` with its host bits. An IPv6 address is set without duplicate detection: a TUN has no neighbours. */
JV_MUST_USE enum jv_err jv_netcfg_addr_add(struct jv_netcfg *cfg, uint32_t ifindex,
                                           const struct jv_prefix *addr);
JV_MUST_USE enum jv_err jv_netcfg_addr_remove(struct jv_netcfg *cfg, uint32_t ifindex,
                                              const struct jv_prefix *addr);
/* Remove every address of the device that is not in keep[0..n); link-local ones stay. Returns the number in `removed_out`. */
JV_MUST_USE enum jv_err jv_netcfg_addr_flush(struct jv_netcfg *cfg, uint32_t ifindex,
                                             const struct jv_prefix *keep, uint32_t n,
                                             uint32_t *removed_out);

JV_MUST_USE enum jv_err jv_netcfg_route_add(struct jv_netcfg *cfg, const struct jv_route *route);
JV_MUST_USE enum jv_err jv_netcfg_route_remove(struct jv_netcfg *cfg, const struct jv_route *route);
/*
 * Up to `cap` routes of protocol JV_NETCFG_PROTO, both families, on `ifindex` (0: on any device, and unreachable ones).
 * `total_out` counts all of them, also those that did not fit.
 */
JV_MUST_USE enum jv_err jv_netcfg_route_list(struct jv_netcfg *cfg, uint32_t ifindex,
                                             struct jv_route *out, uint32_t cap,
                                             uint32_t *total_out);
/* Remove all that jv_netcfg_route_list() would list. */
JV_MUST_USE enum jv_err jv_netcfg_route_flush(struct jv_netcfg *cfg, uint32_t ifindex,
                                              uint32_t *removed_out);

/* Whether this host has a route to `dst` that leaves through the device (the question a socket bound to it would ask). */
JV_MUST_USE enum jv_err jv_netcfg_has_route(struct jv_netcfg *cfg, const struct jv_ip *dst,
                                            uint32_t ifindex, bool *out);

/*
 * The prefixes to install for one entry of AllowedIPs: a default route becomes its two halves, which win over the host's
 * own default route without touching it; anything else is itself. Returns 1 or 2. Pure.
 */
uint32_t jv_netcfg_split(const struct jv_prefix *allowed, struct jv_prefix out[2]);
#endif /* JV_NET_NETCFG_H */
