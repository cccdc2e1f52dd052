/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_LINKS_H
#define JV_DAEMON_LINKS_H
/*
 * links -- the UDP sockets of this process, and which of them there should be.
 *
 * A client has one for each local interface and address that a [Transport] names (or, where none names a device, for every
 * usable interface) and from which this host has a route to a gateway endpoint. jv_links_reconcile() compares that set with
 * what is open: a socket that should not be is announced as gone and closed; one that is missing is opened under a handle that
 * was never used before. A gateway has one for each address it listens on and each of its shards.
 *
 * Local facts (a link down, an address gone, no route) lead here; what came as ICMP is told to the core as a doubt only.
 *
 * Owns     the sockets, the watch of the host's links.
 * Limits   JV_LINKS_MAX sockets; JV_LINKS_FAULTS_MAX errors a wake-up and socket.
 * Threads  the main loop's; each socket is that of its shard, whose loop reads it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"
#include "udp.h"

#define JV_LINKS_MAX 16U /* a power of two: the slot is part of the handle */
#define JV_LINKS_FAULTS_MAX 16U
#define JV_LINKS_PARK_MS                                                                           \
    1000U /* a socket that met a local fact is opened again after this, if the host says it should be */

struct jv_server;
struct jv_links;

JV_MUST_USE enum jv_err jv_links_open(struct jv_server *server, const struct jv_config *config,
                                      uint32_t tun_ifindex, struct jv_links **out);
/* The configuration was replaced by a reload. */
void jv_links_config(struct jv_links *links, const struct jv_config *config);
void jv_links_close(struct jv_links *links);
/* A gateway's sockets. JV_E_SYSTEM, JV_E_PERM: one could not be opened; logged. */
JV_MUST_USE enum jv_err jv_links_listen(struct jv_links *links);
/* A client: begin to follow the host's links. */
JV_MUST_USE enum jv_err jv_links_watch(struct jv_links *links);
void jv_links_reconcile(struct jv_links *links, struct jv_instant now);
/* JV_TIMER_LINKS is due. */
void jv_links_tick(struct jv_links *links, struct jv_instant now);
/* The core orders a socket beside another one, or closes one of two; carried out when JV_TIMER_LINKS is due. Other orders are ignored. */
void jv_links_order(struct jv_links *links, const struct jv_order *order);
/* Whether every open socket has UDP_SEGMENT and UDP_GRO in use; false where none is open. NULL is ignored. */
void jv_links_offloads(const struct jv_links *links, bool *has_gso_out, bool *has_gro_out);
/* That of a shard; NULL: the handle is dead. For a gateway from the shard's own thread as well: its sockets stay as they were opened. */
struct jv_udp *jv_links_socket(const struct jv_links *links, uint32_t shard, uint32_t handle);
/* A send met a local fact: the link ends at the end of this wake-up. */
void jv_links_fail(struct jv_links *links, uint32_t handle, int code);
/* The link that a person means: a path's name ("fibre/udp"), its transport ("fibre") or a local address. 0: none. */
uint32_t jv_links_find(const struct jv_links *links, const char *text);
/* The device that attempt number `attempt` of a query should leave by: NULL (the host's choice), then each link's in turn. */
const char *jv_links_device(const struct jv_links *links, uint32_t attempt);
/* The networks of the host's other devices that are up, one a call; false at the end. `*cursor` begins as 0. */
bool jv_links_network(const struct jv_links *links, uint32_t *cursor, struct jv_prefix *network_out,
                      const char **device_out);
uint32_t jv_links_count(const struct jv_links *links);
#endif /* JV_DAEMON_LINKS_H */
