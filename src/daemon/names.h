/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_NAMES_H
#define JV_DAEMON_NAMES_H
/*
 * names -- the client's gateways as endpoints: resolved at start, when an answer's lifetime is over, after changes of the network and a
 * sleep, and where the gateway does not answer.
 *
 * Names stay names (users ask for it): an address that a later answer no longer has is replaced, and the core gives up the old one once
 * another one serves; while no answer comes, the old addresses stay. A gateway's own words (BIRTH_ACK) add to what its names give.
 * Queries leave unbound at first and then through one uplink after the other, because the host's own route to its resolver may lead
 * into the tunnel.
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
/* A record's lifetime is heeded between these; without one the longer holds. */
#define JV_NAMES_TTL_MIN_MS 10000U
#define JV_NAMES_FRESH_MS 300000U
#define JV_NAMES_TROUBLE_BYTES 384U
#define JV_NAMES_SOON_MS 200U   /* after a change of the network: it seldom comes alone */
#define JV_NAMES_PAUSE_MS 2000U /* between two questions, whatever changes */

JV_MUST_USE enum jv_err jv_names_open(struct jv_server *server, const struct jv_config *config,
                                      struct jv_names **out);
/* The configuration was replaced by a reload. */
void jv_names_config(struct jv_names *names, const struct jv_config *config);
void jv_names_close(struct jv_names *names);
/* Begin; literal addresses are known when this returns. */
void jv_names_start(struct jv_names *names);
/* JV_TIMER_NAMES is due. */
void jv_names_tick(struct jv_names *names, struct jv_instant now);
/* The core's words: where the gateway can be reached (CONFIGURE), or that it does not answer (LOOK_UP). Others are ignored. */
void jv_names_order(struct jv_names *names, const struct jv_order *order);
/* The network changed: ask again soon. */
void jv_names_refresh(struct jv_names *names, struct jv_instant now);
/* The endpoints known; `*len_out` 0: none yet. */
const struct jv_endpoint *jv_names_endpoints(const struct jv_names *names, uint32_t *len_out);

/* What keeps the gateway's name from being resolved, for people; NULL: nothing, or there is no answer yet. */
const char *jv_names_trouble(const struct jv_names *names);

/* How long an answer may be used: `ttl_s` within its limits. Pure. */
uint32_t jv_names_fresh_ms(uint32_t ttl_s);
/* Merge the addresses of each gateway into one list: every gateway's first address comes before anybody's second. Pure. */
uint32_t jv_names_merge(const struct jv_config_gateways *gateways,
                        struct jv_ip ips[][JV_ENDPOINT_MAX], const uint32_t *ips_len,
                        struct jv_endpoint out[JV_ENDPOINT_MAX]);
/* Add what is not in the list, while there is room. Returns the new length. Pure. */
uint32_t jv_names_add(struct jv_endpoint list[JV_ENDPOINT_MAX], uint32_t len,
                      const struct jv_endpoint *more, uint32_t more_len);
#endif /* JV_DAEMON_NAMES_H */
