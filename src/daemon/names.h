/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_NAMES_H
#define JV_DAEMON_NAMES_H
/*
 * names -- the client's gateways as endpoints: resolved at start, after changes of the network, and now and then.
 *
 * Names stay names (users ask for it): an address that a later answer no longer has is replaced; while no answer comes, the old
 * addresses stay. Queries leave unbound at first and then through one uplink after the other, because the host's own route to
 * its resolver may lead into the tunnel.
 *
 * Owns     the resolver.
 * Limits   JV_ENDPOINT_MAX endpoints, shared among the gateways in their order.
 * Threads  the loop's.
 */
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"

struct jv_server;
struct jv_names;

#define JV_NAMES_RETRY_MIN_MS 1000U
#define JV_NAMES_RETRY_MAX_MS 30000U
#define JV_NAMES_FRESH_MS 300000U /* typical lifetime of an address record of a moving gateway */
#define JV_NAMES_TROUBLE_BYTES 384U
#define JV_NAMES_PAUSE_MS 2000U /* after a change of the network: it seldom comes alone */

JV_MUST_USE enum jv_err jv_names_open(struct jv_server *server, const struct jv_config *config,
                                      struct jv_names **out);
/* The configuration was replaced by a reload. */
void jv_names_config(struct jv_names *names, const struct jv_config *config);
void jv_names_close(struct jv_names *names);
/* Begin; literal addresses are known when this returns. */
void jv_names_start(struct jv_names *names);
/* JV_TIMER_NAMES is due. */
void jv_names_tick(struct jv_names *names, struct jv_instant now);
/* The network changed: ask again soon. */
void jv_names_refresh(struct jv_names *names, struct jv_instant now);
/* The endpoints known; `*len_out` 0: none yet. */
const struct jv_endpoint *jv_names_endpoints(const struct jv_names *names, uint32_t *len_out);

/* What keeps the gateway's name from being resolved, for people; NULL: nothing, or there is no answer yet. */
const char *jv_names_trouble(const struct jv_names *names);

/* Merge the addresses of each gateway into one list: every gateway's first address comes before anybody's second. Pure. */
uint32_t jv_names_merge(const struct jv_config_gateways *gateways,
                        struct jv_ip ips[][JV_ENDPOINT_MAX], const uint32_t *ips_len,
                        struct jv_endpoint out[JV_ENDPOINT_MAX]);
#endif /* JV_DAEMON_NAMES_H */
