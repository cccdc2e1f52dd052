/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall.h"
#include "log.h"
#include "setup.h"

#define LEFTOVERS_MAX 512U /* of one listing; the repair lists until nothing is left to remove */

struct jv_apply {
    const struct jv_config *config;
    struct jv_netcfg *net;
    struct jv_tun *tun;
    uint32_t ifindex;
    uint32_t mtu; /* of the device, 0: not set yet */
    uint64_t failures;
};

/*
 * For an inner MTU m, 65000 / (m + 32) segments, 64 at most, fit one message; each carries m - 52 bytes
 * (IPv4, TCP with timestamps), and the kernel keeps 321 bytes for headers (MAX_TCP_HEADER + 1). This is the least of segments * (m - 52)
 * + 321 for m of 1280 to 1800, so that it holds whatever MTU the path turns out to have.
 */
#define GSO_BYTES 59985U

static void judge(struct jv_apply *apply, enum jv_err err, const char *what)
{
    if (err != JV_E_OK) {
        apply->failures++;
        jv_log(JV_LOG_WARNING, "%s: cannot %s: %s (%s)", jv_tun_name(apply->tun), what,
               jv_err_text(err), jv_netcfg_error(apply->net));
    }
}

static bool same_prefix(const struct jv_prefix *a, const struct jv_prefix *b)
{
    return a->bits == b->bits && jv_ip_is_equal(&a->ip, &b->ip);
}

static bool is_wanted(const struct jv_config *config, const struct jv_prefix *dst)
{
    const struct jv_config_prefixes *allowed = &config->session.allowed_ips;
    for (uint32_t i = 0; config->role == JV_CONFIG_CLIENT && i < allowed->len; i++) {
        struct jv_prefix halves[2];
        uint32_t n = jv_netcfg_split(&allowed->at[i], halves);
        for (uint32_t k = 0; k < n; k++) {
            if (same_prefix(&halves[k], dst)) {
                return true;
            }
        }
    }
    return false;
}

/* Remove routes of ours that this configuration does not name. Those of a gateway's sessions come back with the sessions. */
static void prune(struct jv_apply *apply)
{
    struct jv_route *routes = calloc(LEFTOVERS_MAX, sizeof(*routes));
    uint32_t total = 0;
    uint32_t removed = 0;
    if (routes == NULL) {
        judge(apply, JV_E_NOMEM, "look for routes of an earlier run");
        return;
    }
    enum jv_err err =
        jv_netcfg_route_list(apply->net, apply->ifindex, routes, LEFTOVERS_MAX, &total);
    judge(apply, err, "look for routes of an earlier run");
    for (uint32_t i = 0; err == JV_E_OK && i < JV_MIN(total, LEFTOVERS_MAX); i++) {
        if (!is_wanted(apply->config, &routes[i].dst)) {
            judge(apply, jv_netcfg_route_remove(apply->net, &routes[i]), "remove a route");
            removed++;
        }
    }
    if (removed > 0) {
        jv_log(JV_LOG_NOTICE, "%s: removed %u routes that an earlier run left",
               jv_tun_name(apply->tun), removed);
    }
    free(routes);
}

/*
 * An uncut packet of 64 KiB is a little more than one UDP message once its segments are sealed, and two messages cost twice. A packet
 * that is longer than the device wants it, because another host or a UDP program made it so, is cut by the kernel: a host that forwards
 * keeps the default. Connections keep the length that they found, and where it falls the kernel cuts all of theirs: so it is set once,
 * before the device is up for the first time.
 */
static void fit(struct jv_apply *apply)
{
    if (jv_tun_has_tso(apply->tun) && !jv_apply_forwards(JV_AF_4) && !jv_apply_forwards(JV_AF_6)) {
        /* A kernel that cannot leaves the device as it is. */
        enum jv_err ignored = jv_netcfg_link_gso(apply->net, apply->ifindex, GSO_BYTES);
        (void)ignored;
    }
}

static void set_up(struct jv_apply *apply, uint32_t mtu)
{
    judge(apply, jv_netcfg_link_set(apply->net, apply->ifindex, true, mtu), "set the link up");
    apply->mtu = mtu;
}

static void set_gateway(struct jv_apply *apply)
{
    const struct jv_config_pool *pool = &apply->config->gateway.pool;
    struct jv_prefix own[2] = {jv_setup_gateway_address(&pool->v4),
                               jv_setup_gateway_address(&pool->v6)};
    uint32_t removed = 0;
    uint32_t mtu = apply->config->mtu == 0 ? JV_MTU_DEFAULT : apply->config->mtu;
    set_up(apply, mtu);
    for (uint32_t i = 0; i < 2U; i++) {
        if (own[i].ip.family != JV_AF_NONE) {
            judge(apply, jv_netcfg_addr_add(apply->net, apply->ifindex, &own[i]),
                  "add the gateway's address");
        }
    }
    judge(apply, jv_netcfg_addr_flush(apply->net, apply->ifindex, own, 2U, &removed),
          "remove old addresses");
}

enum jv_err jv_apply_open(const struct jv_config *config, struct jv_tun *tun, bool is_new,
                          struct jv_apply **out)
{
    struct jv_apply *apply = calloc(1, sizeof(*apply));
    if (apply == NULL) {
        return JV_E_NOMEM;
    }
    apply->config = config;
    apply->tun = tun;
    apply->ifindex = jv_tun_ifindex(tun);
    enum jv_err err = jv_netcfg_open(&apply->net);
    if (err != JV_E_OK) {
        free(apply);
        return err;
    }
    judge(apply, jv_netcfg_link_group(apply->net, apply->ifindex, JV_FIREWALL_GROUP),
          "set the link's group");
    if (is_new) {
        fit(apply);
    }
    prune(apply);
    if (config->role == JV_CONFIG_GATEWAY) {
        set_gateway(apply);
    }
    *out = apply;
    return JV_E_OK;
}

void jv_apply_close(struct jv_apply *apply)
{
    if (apply != NULL) {
        jv_netcfg_close(apply->net);
        free(apply);
    }
}

static void route_allowed(struct jv_apply *apply, const struct jv_order *order)
{
    const struct jv_config_prefixes *allowed = &apply->config->session.allowed_ips;
    for (uint32_t i = 0; i < allowed->len; i++) {
        const struct jv_ip *own =
            allowed->at[i].ip.family == JV_AF_4 ? &order->address4.ip : &order->address6.ip;
        if (own->family == JV_AF_NONE) {
            continue; /* the gateway gave no address of this family */
        }
        struct jv_prefix halves[2];
        uint32_t n = jv_netcfg_split(&allowed->at[i], halves);
        for (uint32_t k = 0; k < n; k++) {
            struct jv_route route = {.dst = halves[k], .source = *own, .ifindex = apply->ifindex};
            judge(apply, jv_netcfg_route_add(apply->net, &route), "add a route of AllowedIPs");
        }
    }
}

/* What the core found out, or less where the operator says so. */
static uint32_t client_mtu(const struct jv_apply *apply, const struct jv_order *order)
{
    return apply->config->mtu == 0 ? order->mtu : JV_MIN(order->mtu, apply->config->mtu);
}

uint32_t jv_apply_mtu(const struct jv_apply *apply)
{
    return apply->mtu;
}

static void add_own(struct jv_apply *apply, const struct jv_order *order,
                    const struct jv_prefix own[2])
{
    for (uint32_t i = 0; i < 2U; i++) {
        if (own[i].ip.family != JV_AF_NONE) {
            judge(apply, jv_netcfg_addr_add(apply->net, apply->ifindex, &own[i]),
                  "add the inner address");
        }
    }
    route_allowed(apply, order);
}

static void configure(struct jv_apply *apply, const struct jv_order *order)
{
    struct jv_prefix own[2] = {order->address4, order->address6};
    uint32_t removed = 0;
    set_up(apply, client_mtu(apply, order));
    /* Routes move to the new address before the old one goes: the kernel drops routes whose source has vanished. */
    add_own(apply, order, own);
    judge(apply, jv_netcfg_addr_flush(apply->net, apply->ifindex, own, 2U, &removed),
          "remove old addresses");
    if (removed > 0) {
        /* The old one may have been the primary of the new one's prefix, which went with it (promote_secondaries). */
        add_own(apply, order, own);
    }
}

void jv_apply_order(struct jv_apply *apply, const struct jv_order *order)
{
    struct jv_route route = {.dst = order->route, .ifindex = apply->ifindex};
    switch (order->kind) {
    case JV_ORDER_CONFIGURE:
        configure(apply, order);
        break;
    case JV_ORDER_MTU:
        if (client_mtu(apply, order) != apply->mtu) {
            set_up(apply, client_mtu(apply, order));
        }
        break;
    case JV_ORDER_ENDED:
        jv_log(JV_LOG_NOTICE, "session ended: %s, %s%s", jv_why_name(order->reason),
               jv_why_text(order->reason), order->rebirth ? "; a new one begins" : "");
        break;
    case JV_ORDER_ROUTE_ADD:
        judge(apply, jv_netcfg_route_add(apply->net, &route), "add a route behind a user");
        break;
    case JV_ORDER_ROUTE_REMOVE:
        judge(apply, jv_netcfg_route_remove(apply->net, &route), "remove a route behind a user");
        break;
    case JV_ORDER_LOOK_UP:
    case JV_ORDER_LINK_TWIN:
    case JV_ORDER_LINK_CLOSE:
        break; /* the business of names and links */
    }
}

void jv_apply_config(struct jv_apply *apply, const struct jv_config *config)
{
    apply->config = config;
}

void jv_apply_remove(struct jv_apply *apply)
{
    uint32_t removed = 0;
    judge(apply, jv_netcfg_route_flush(apply->net, apply->ifindex, &removed), "remove the routes");
    judge(apply, jv_netcfg_addr_flush(apply->net, apply->ifindex, NULL, 0, &removed),
          "remove the addresses");
    judge(apply, jv_netcfg_link_set(apply->net, apply->ifindex, false, 0), "set the link down");
    if (jv_tun_set_persist(apply->tun, false) != JV_E_OK) {
        jv_log(JV_LOG_WARNING, "%s: the device stays", jv_tun_name(apply->tun));
    }
}

uint64_t jv_apply_failures(const struct jv_apply *apply)
{
    return apply->failures;
}

struct jv_netcfg *jv_apply_netcfg(struct jv_apply *apply)
{
    return apply->net;
}

bool jv_apply_forwards(enum jv_family family)
{
    const char *path = family == JV_AF_4 ? "/proc/sys/net/ipv4/ip_forward"
                                         : "/proc/sys/net/ipv6/conf/all/forwarding";
    FILE *file = fopen(path, "re");
    bool is_on = file != NULL && fgetc(file) == '1';
    if (file != NULL) {
        (void)fclose(file); /* only read */
    }
    return is_on;
}
