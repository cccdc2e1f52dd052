/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_APPLY_H
#define JV_DAEMON_APPLY_H
/*
 * apply -- carries out the core's orders on the TUN device: addresses, MTU, routes.
 *
 * Device, addresses and routes follow the operator's intent (design §4.8): the end of a session, its rebirth, a crash and a
 * restart leave them; only jv_apply_remove() takes them away.
 *
 * Where the host forwards no packets of others when the device is made, its own TCP is told to leave no more uncut for it than one UDP
 * message holds once it is sealed.
 *
 * Owns     one netlink connection. Works with CAP_NET_ADMIN alone.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"
#include "netcfg.h"
#include "tun.h"

struct jv_apply;

/*
 * `is_new`: no connection has used the device yet. Adopts the device: removes the routes that an earlier process left on it and this configuration does not want; a gateway gets
 * its address and is set up. Failures are logged. JV_E_NOMEM, JV_E_SYSTEM, JV_E_PERM.
 */
JV_MUST_USE enum jv_err jv_apply_open(const struct jv_config *config, struct jv_tun *tun,
                                      bool is_new, struct jv_apply **out);
void jv_apply_close(struct jv_apply *apply);
/* What fails is logged: the session goes on, and the operator sees why nothing passes. */
void jv_apply_order(struct jv_apply *apply, const struct jv_order *order);
/* The configuration was replaced by a reload. */
void jv_apply_config(struct jv_apply *apply, const struct jv_config *config);
/* That of the device, 0: not set yet. */
uint32_t jv_apply_mtu(const struct jv_apply *apply);
/* `jv down`: routes, addresses and, with the descriptor's end, the device. */
void jv_apply_remove(struct jv_apply *apply);
/* Orders that could not be carried out. */
uint64_t jv_apply_failures(const struct jv_apply *apply);
/* For links: whether there is a way to the gateway through a device. */
struct jv_netcfg *jv_apply_netcfg(struct jv_apply *apply);
/* Whether this host forwards packets of `family` between its devices. */
bool jv_apply_forwards(enum jv_family family);
#endif /* JV_DAEMON_APPLY_H */
