/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "apply.h"
#include "hostnet.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "netwatch.h"
#include "server.h"
#include "shard.h"
#include "shardio.h"

struct link {
    struct jv_udp *udp; /* NULL: the slot is free, or parked until `parked_until` */
    struct jv_udp *further[JV_SHARDS_MAX - 1U]; /* gateway: of shards 1.. on the same port */
    struct jv_instant parked_until;
    uint32_t handle;
    uint32_t ifindex;
    uint32_t mtu;
    uint32_t prefer, cost;
    bool is_cold, is_metered;
    struct jv_ip ip;
    bool has_failed;     /* a local fact was met; it is closed by the next reconciliation */
    bool was_seen;       /* by the reconciliation in progress */
    bool is_twin_wanted; /* the core asked for another socket beside this one */
    bool is_unwanted;    /* the core needs this one of two no more */
    uint32_t twin_of;    /* handle of the link beside which it was opened; 0: none */
    char device[JV_IFNAME_BYTES];
    char name[JV_NAME_BYTES];
};

/* What a loop's callback is given. */
struct of_shard {
    struct jv_links *links;
    uint32_t shard;
};

struct jv_links {
    struct jv_server *server;
    struct of_shard of[JV_SHARDS_MAX];
    const struct jv_config *config;
    struct jv_netwatch *watch;
    uint32_t tun_ifindex;
    uint32_t serial; /* of handles: the upper bits, so that none comes twice */
    struct link slots[JV_LINKS_MAX];
    struct jv_hostnet host;
};

enum jv_err jv_links_open(struct jv_server *server, const struct jv_config *config,
                          uint32_t tun_ifindex, struct jv_links **out)
{
    struct jv_links *links = calloc(1, sizeof(*links));
    if (links == NULL) {
        return JV_E_NOMEM;
    }
    links->server = server;
    for (uint32_t i = 0; i < JV_SHARDS_MAX; i++) {
        links->of[i] = (struct of_shard){links, i};
    }
    links->config = config;
    links->tun_ifindex = tun_ifindex;
    *out = links;
    return JV_E_OK;
}

static struct jv_udp *socket_of(const struct link *link, uint32_t shard)
{
    return shard == 0 ? link->udp : link->further[shard - 1U];
}

static void close_socket(struct jv_links *links, struct link *link)
{
    for (uint32_t i = 0; i < JV_SHARDS_MAX; i++) {
        struct jv_udp *udp = socket_of(link, i);
        if (udp != NULL) {
            jv_loop_remove(jv_server_shard(links->server, i)->loop, jv_udp_fd(udp));
            jv_udp_close(udp);
        }
    }
    link->udp = NULL;
    memset(link->further, 0, sizeof(link->further));
}

void jv_links_close(struct jv_links *links)
{
    if (links == NULL) {
        return;
    }
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        if (links->slots[i].udp != NULL) {
            close_socket(links, &links->slots[i]);
        }
    }
    if (links->watch != NULL) {
        jv_loop_remove(jv_server_loop(links->server), jv_netwatch_fd(links->watch));
        jv_netwatch_close(links->watch);
    }
    free(links);
}

static void take_faults(struct jv_links *links, struct link *link, uint32_t shard)
{
    struct jv_udp_fault faults[JV_LINKS_FAULTS_MAX];
    uint32_t n = jv_udp_errors(socket_of(link, shard), faults, JV_LINKS_FAULTS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        switch (faults[i].kind) {
        case JV_UDP_ERR_LOCAL:
            if (shard == 0) { /* a client's; a gateway's sockets stay */
                jv_links_fail(links, link->handle, faults[i].code);
            }
            break;
        case JV_UDP_ERR_ICMP_UNREACHABLE:
        case JV_UDP_ERR_TOO_BIG: {
            struct jv_command doubt = {.kind = JV_CMD_LINK_DOUBTED,
                                       .link = link->handle,
                                       .remote = faults[i].remote,
                                       .mtu = faults[i].mtu,
                                       .is_too_big = faults[i].kind == JV_UDP_ERR_TOO_BIG};
            /* A claim that anyone can make: where the core has no room for it, the probes find out by themselves. */
            enum jv_err ignored = jv_shardio_command(jv_server_shard(links->server, shard), &doubt);
            (void)ignored;
            break;
        }
        }
    }
}

static void on_socket(void *arg, int fd, uint32_t events)
{
    const struct of_shard *of = arg;
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &of->links->slots[i];
        struct jv_udp *udp = socket_of(link, of->shard);
        if (udp == NULL || jv_udp_fd(udp) != fd) {
            continue;
        }
        if ((events & EPOLLERR) != 0) {
            take_faults(of->links, link, of->shard);
        }
        if ((events & EPOLLIN) != 0) {
            jv_shardio_receive(jv_server_shard(of->links->server, of->shard), udp);
        }
        return;
    }
}

static void tell_closed(const struct jv_links *links, const struct link *link,
                        const struct jv_endpoint *local, const char *step)
{
    int code = errno;
    char text[JV_ADDR_TEXT_BYTES];
    jv_endpoint_format(local, text, sizeof(text));
    if (links->config->role == JV_CONFIG_CLIENT) {
        jv_log(JV_LOG_WARNING, "%s: cannot open a socket: %s: %s", link->name, step,
               strerror(code));
        return;
    }
    const char *remedy = code == EADDRINUSE      ? ": another program has the port, see ss -ulnp"
                         : code == EADDRNOTAVAIL ? ": no device of this host has the address"
                         : code == EACCES        ? ": ports below 1024 need root"
                                                 : "";
    jv_log(JV_LOG_ERROR, "cannot listen on %s: %s: %s%s", text, step, strerror(code), remedy);
}

/* One socket a shard: those behind the first share its port. */
static enum jv_err open_sockets(struct jv_links *links, struct link *link,
                                const struct jv_endpoint *local)
{
    const char *step = "";
    struct jv_udp_cfg cfg = {.local = *local,
                             .device = link->device[0] == '\0' ? NULL : link->device,
                             .mark = links->config->session.fwmark,
                             .link = link->handle,
                             .no_gso = (links->config->offloads & JV_OFFLOAD_GSO) == 0,
                             .no_gro = (links->config->offloads & JV_OFFLOAD_GRO) == 0,
                             .shards = jv_server_shards(links->server),
                             .shard_off = JV_SHARD_BYTE_OFF};
    enum jv_err err = jv_udp_open(&cfg, &link->udp, &step);
    if (err != JV_E_OK) {
        link->udp = NULL;
    }
    for (cfg.shard = 1; err == JV_E_OK && cfg.shard < cfg.shards; cfg.shard++) {
        cfg.local = jv_udp_local(link->udp);
        err = jv_udp_open(&cfg, &link->further[cfg.shard - 1U], &step);
        if (err != JV_E_OK) {
            link->further[cfg.shard - 1U] = NULL;
        }
    }
    if (err != JV_E_OK) {
        tell_closed(links, link, local, step);
    }
    return err;
}

static enum jv_err announce(struct jv_links *links, const struct link *link, uint32_t shard)
{
    struct jv_udp *udp = socket_of(link, shard);
    enum jv_err err = jv_loop_add(jv_server_shard(links->server, shard)->loop, jv_udp_fd(udp),
                                  EPOLLIN, on_socket, &links->of[shard]);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_command added = {.kind = JV_CMD_LINK_ADDED,
                               .link = link->handle,
                               .local = jv_udp_local(udp),
                               .twin_of = link->twin_of,
                               .prefer = link->prefer,
                               .cost = link->cost,
                               .is_cold = link->is_cold,
                               .is_metered = link->is_metered,
                               .mtu = link->mtu};
    memcpy(added.name, link->name, sizeof(added.name));
    return jv_shardio_command(jv_server_shard(links->server, shard), &added);
}

/* Open and announce; the slot is free again where that fails. */
static enum jv_err start(struct jv_links *links, struct link *link, const struct jv_endpoint *local)
{
    links->serial++;
    link->handle = links->serial * JV_LINKS_MAX + (uint32_t)(link - links->slots);
    enum jv_err err = open_sockets(links, link, local);
    if (err != JV_E_OK) {
        close_socket(links, link);
        return err;
    }
    for (uint32_t i = 0; err == JV_E_OK && i < jv_server_shards(links->server); i++) {
        err = announce(links, link, i);
    }
    if (err != JV_E_OK) {
        jv_log(JV_LOG_WARNING, "%s: link refused: %s", link->name, jv_err_text(err));
        close_socket(links, link);
    }
    return err;
}

static struct link *free_slot(struct jv_links *links)
{
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if (link->udp == NULL && link->parked_until.ns == 0) {
            *link = (struct link){0};
            return link;
        }
    }
    return NULL;
}

static enum jv_err listen_on(struct jv_links *links, const struct jv_endpoint *local)
{
    struct link *link = free_slot(links);
    if (link == NULL) {
        return JV_E_FULL;
    }
    (void)snprintf(link->name, sizeof(link->name), "listen/udp");
    link->ip = local->ip;
    return start(links, link, local);
}

static bool listens_on_v4(const struct jv_config_endpoints *listen, uint16_t port)
{
    for (uint32_t i = 0; i < listen->len; i++) {
        if (listen->at[i].ip.family == JV_AF_4 && listen->at[i].port == port) {
            return true;
        }
    }
    return false;
}

enum jv_err jv_links_listen(struct jv_links *links)
{
    const struct jv_config_endpoints *listen = &links->config->gateway.listen;
    const struct jv_ip any6 = {.family = JV_AF_6};
    for (uint32_t i = 0; i < listen->len; i++) {
        enum jv_err err = listen_on(links, &listen->at[i]);
        /* "[::]" means every address of the host, as people read it; the sockets are one a family. */
        if (err == JV_E_OK && jv_ip_is_equal(&listen->at[i].ip, &any6) &&
            !listens_on_v4(listen, listen->at[i].port)) {
            struct jv_endpoint any4 = {.ip.family = JV_AF_4, .port = listen->at[i].port};
            err = listen_on(links, &any4);
        }
        if (err != JV_E_OK) {
            return err;
        }
    }
    return JV_E_OK;
}

/* What failed before this fact may work behind it. */
static void unpark(struct jv_links *links, uint32_t ifindex)
{
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if (link->udp == NULL && (ifindex == 0 || link->ifindex == ifindex)) {
            *link = (struct link){0};
        }
    }
}

static void take_fact(struct jv_links *links, const struct jv_net_fact *fact)
{
    if (fact->kind == JV_NET_LINK_UP || fact->kind == JV_NET_ADDR_ADDED ||
        fact->kind == JV_NET_ROUTE_CHANGED) {
        unpark(links, fact->ifindex);
    }
    jv_hostnet_take(&links->host, fact);
}

static void on_watch(void *arg, int fd, uint32_t events)
{
    struct jv_links *links = arg;
    struct jv_net_fact facts[16];
    uint32_t n;
    bool is_foreign = false;
    (void)fd;
    (void)events;
    while ((n = jv_netwatch_read(links->watch, facts, JV_ARRAY_LEN(facts))) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            is_foreign = is_foreign || facts[i].ifindex != links->tun_ifindex;
            take_fact(links, &facts[i]);
        }
    }
    if (is_foreign) { /* the routes that we set ourselves are no news */
        jv_links_reconcile(links, jv_server_now(links->server));
        jv_server_network_changed(links->server);
    }
}

enum jv_err jv_links_watch(struct jv_links *links)
{
    enum jv_err err = jv_netwatch_open(&links->watch);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_loop_add(jv_server_loop(links->server), jv_netwatch_fd(links->watch), EPOLLIN,
                      on_watch, links);
    if (err == JV_E_OK) {
        on_watch(links, jv_netwatch_fd(links->watch), EPOLLIN);
    }
    return err;
}

static bool has_way(struct jv_links *links, const struct jv_host_interface *interface,
                    const struct jv_ip *ip)
{
    uint32_t len = 0;
    const struct jv_endpoint *endpoints = jv_names_endpoints(jv_server_names(links->server), &len);
    struct jv_netcfg *net = jv_apply_netcfg(jv_server_apply(links->server));
    for (uint32_t i = 0; i < len; i++) {
        bool has = false;
        if (endpoints[i].ip.family == ip->family &&
            jv_netcfg_has_route(net, &endpoints[i].ip, interface->ifindex, &has) == JV_E_OK &&
            has) {
            return true;
        }
    }
    return false;
}

static struct link *open_link(struct jv_links *links, uint32_t ifindex, const struct jv_ip *ip)
{
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if ((link->udp != NULL || link->parked_until.ns != 0) && link->ifindex == ifindex &&
            jv_ip_is_equal(&link->ip, ip)) {
            return link;
        }
    }
    return NULL;
}

/* A socket that the core ordered, and every other at the same address, stay as long as the address does. */
static void see_twins(struct jv_links *links, const struct link *seen)
{
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if (link->udp != NULL && link->ifindex == seen->ifindex &&
            jv_ip_is_equal(&link->ip, &seen->ip)) {
            link->was_seen = true;
        }
    }
}

static void end_link(struct jv_links *links, struct link *link, struct jv_instant now)
{
    struct jv_command gone = {.kind = JV_CMD_LINK_GONE, .link = link->handle};
    enum jv_err err = jv_server_command(links->server, &gone);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_WARNING, "%s: %s", link->name, jv_err_text(err));
    }
    jv_log(JV_LOG_INFO, "%s: link gone", link->name);
    close_socket(links, link);
    if (link->has_failed && link->was_seen) {
        /* The host says that it should work, and it does not: not again at once. */
        link->parked_until = jv_add_ms(now, JV_LINKS_PARK_MS);
        jv_server_timer(links->server, JV_TIMER_LINKS, link->parked_until);
    }
}

static void name_link(const struct jv_config_transport *transport,
                      const struct jv_host_interface *interface, char out[JV_NAME_BYTES])
{
    const char *name = transport->device[0] == '\0' ? interface->name : transport->name;
    (void)snprintf(out, JV_NAME_BYTES, "%s/udp", name);
}

/* A reload gave the transport another name, preference or price: the core learns of it by a link that goes and another that comes. */
static bool is_outdated(const struct link *link, const struct jv_config_transport *transport,
                        const char *name)
{
    return link->udp != NULL &&
           (link->prefer != transport->prefer || link->cost != transport->cost ||
            link->is_cold != (transport->standby == JV_CONFIG_COLD) ||
            link->is_metered != (transport->metered != 0) || strcmp(link->name, name) != 0);
}

static void tell_mtu(struct jv_links *links, struct link *link, uint32_t mtu)
{
    if (link->mtu == mtu) {
        return;
    }
    const struct jv_command changed = {.kind = JV_CMD_LINK_MTU, .link = link->handle, .mtu = mtu};
    if (jv_server_command(links->server, &changed) == JV_E_OK) {
        link->mtu = mtu; /* else the next look tells again */
    }
}

/* One address of one interface that a transport may use: keep its socket, or open one. */
static void consider(struct jv_links *links, const struct jv_config_transport *transport,
                     const struct jv_host_interface *interface, const struct jv_ip *ip)
{
    char name[JV_NAME_BYTES];
    struct link *link = open_link(links, interface->ifindex, ip);
    if (!has_way(links, interface, ip)) {
        return;
    }
    name_link(transport, interface, name);
    if (link != NULL && is_outdated(link, transport, name)) {
        end_link(links, link, jv_server_now(links->server));
        *link = (struct link){0};
        link = NULL;
    }
    if (link != NULL) {
        link->was_seen = true;
        see_twins(links, link);
        tell_mtu(links, link, interface->mtu);
        return;
    }
    link = free_slot(links);
    if (link == NULL) {
        return; /* more addresses than a session has paths: the first ones serve */
    }
    link->ifindex = interface->ifindex;
    link->mtu = interface->mtu;
    link->prefer = transport->prefer;
    link->cost = transport->cost;
    link->is_cold = transport->standby == JV_CONFIG_COLD;
    link->is_metered = transport->metered != 0;
    link->ip = *ip;
    link->was_seen = true;
    memcpy(link->device, interface->name, sizeof(link->device));
    memcpy(link->name, name, sizeof(link->name));
    struct jv_endpoint local = {.ip = *ip};
    if (start(links, link, &local) != JV_E_OK) {
        /* The address may be too fresh, or the core has no place left: not at every fact, but now and then. */
        struct jv_instant now = jv_server_now(links->server);
        link->parked_until = jv_add_ms(now, JV_LINKS_PARK_MS);
        jv_server_timer(links->server, JV_TIMER_LINKS, link->parked_until);
    }
}

static void release_parked(struct jv_links *links, struct jv_instant now)
{
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if (link->udp == NULL && link->parked_until.ns != 0 && jv_is_due(link->parked_until, now)) {
            *link = (struct link){0};
        } else if (link->udp == NULL && link->parked_until.ns != 0) {
            jv_server_timer(links->server, JV_TIMER_LINKS, link->parked_until);
        }
        link->was_seen = false;
    }
}

static void consider_transport(struct jv_links *links, const struct jv_config_transport *transport)
{
    const struct jv_hostnet *host = &links->host;
    for (uint32_t i = 0; i < host->addresses_len; i++) {
        const struct jv_host_interface *interface =
            jv_hostnet_interface(host, host->addresses[i].ifindex);
        if (interface == NULL || !interface->is_up || interface->ifindex == links->tun_ifindex ||
            (transport->device[0] != '\0' && strcmp(transport->device, interface->name) != 0)) {
            continue;
        }
        consider(links, transport, interface, &host->addresses[i].ip);
    }
}

void jv_links_reconcile(struct jv_links *links, struct jv_instant now)
{
    static const struct jv_config_transport any = {.prefer = 100};
    if (links->config->role != JV_CONFIG_CLIENT) {
        return;
    }
    release_parked(links, now);
    for (uint32_t i = 0; i < links->config->transports_len; i++) {
        consider_transport(links, &links->config->transports[i]);
    }
    if (links->config->transports_len == 0) {
        consider_transport(links, &any);
    }
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if (link->udp != NULL && (!link->was_seen || link->has_failed)) {
            end_link(links, link, now);
        }
    }
}

void jv_links_order(struct jv_links *links, const struct jv_order *order)
{
    struct link *link = &links->slots[order->link % JV_LINKS_MAX];
    bool is_twin = order->kind == JV_ORDER_LINK_TWIN;
    bool is_known = (is_twin || order->kind == JV_ORDER_LINK_CLOSE) && link->udp != NULL &&
                    link->handle == order->link;
    if (is_known) {
        link->is_twin_wanted = link->is_twin_wanted || is_twin;
        link->is_unwanted = link->is_unwanted || !is_twin;
        /* The core is at work: it is told of sockets when it has finished. */
        jv_server_timer(links->server, JV_TIMER_LINKS, jv_server_now(links->server));
    }
}

static void open_twin(struct jv_links *links, const struct link *of)
{
    struct link *twin = free_slot(links);
    if (twin == NULL) {
        jv_log(JV_LOG_WARNING, "%s: no place for another socket", of->name);
        return;
    }
    *twin = *of;
    twin->udp = NULL;
    twin->twin_of = of->handle;
    twin->is_twin_wanted = twin->is_unwanted = twin->has_failed = false;
    const struct jv_endpoint local = {.ip = of->ip};
    if (start(links, twin, &local) == JV_E_OK) {
        char text[JV_ADDR_TEXT_BYTES];
        const struct jv_endpoint bound = jv_udp_local(twin->udp);
        jv_endpoint_format(&bound, text, sizeof(text));
        jv_log(JV_LOG_INFO, "%s: another source port: %s", twin->name, text);
    } else {
        *twin = (struct link){0}; /* logged; the core asks again, later */
    }
}

/* What the core ordered since the last tick. */
static void serve_orders(struct jv_links *links, struct jv_instant now)
{
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        struct link *link = &links->slots[i];
        if (link->udp != NULL && link->is_unwanted) {
            end_link(links, link, now);
            *link = (struct link){0};
        } else if (link->udp != NULL && link->is_twin_wanted) {
            link->is_twin_wanted = false;
            open_twin(links, link);
        }
    }
}

void jv_links_tick(struct jv_links *links, struct jv_instant now)
{
    serve_orders(links, now);
    jv_links_reconcile(links, now);
}

void jv_links_offloads(const struct jv_links *links, bool *has_gso_out, bool *has_gro_out)
{
    uint32_t sockets = 0;
    uint32_t gso = 0;
    uint32_t gro = 0;
    for (uint32_t i = 0; links != NULL && i < JV_LINKS_MAX; i++) {
        const struct jv_udp *udp = links->slots[i].udp;
        if (udp != NULL) {
            sockets++;
            gso += jv_udp_has_gso(udp);
            gro += jv_udp_has_gro(udp);
        }
    }
    *has_gso_out = sockets > 0 && gso == sockets;
    *has_gro_out = sockets > 0 && gro == sockets;
}

struct jv_udp *jv_links_socket(const struct jv_links *links, uint32_t shard, uint32_t handle)
{
    const struct link *link = &links->slots[handle % JV_LINKS_MAX];
    return link->handle == handle ? socket_of(link, shard) : NULL;
}

void jv_links_fail(struct jv_links *links, uint32_t handle, int code)
{
    struct link *link = &links->slots[handle % JV_LINKS_MAX];
    if (link->udp != NULL && link->handle == handle && !link->has_failed &&
        links->config->role == JV_CONFIG_CLIENT) {
        link->has_failed = true;
        jv_log(JV_LOG_INFO, "%s: %s", link->name, strerror(code));
        jv_server_timer(links->server, JV_TIMER_LINKS, jv_server_now(links->server));
    }
}

uint32_t jv_links_find(const struct jv_links *links, const char *text)
{
    size_t len = strlen(text);
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        const struct link *link = &links->slots[i];
        char ip[JV_ADDR_TEXT_BYTES];
        if (link->udp == NULL) {
            continue;
        }
        jv_ip_format(&link->ip, ip, sizeof(ip));
        bool is_transport = strncmp(link->name, text, len) == 0 &&
                            (link->name[len] == '\0' || link->name[len] == '/');
        if (is_transport || strcmp(ip, text) == 0) {
            return link->handle;
        }
    }
    return 0;
}

const char *jv_links_device(const struct jv_links *links, uint32_t attempt)
{
    uint32_t count = jv_links_count(links);
    uint32_t turn = attempt % (count + 1U);
    for (uint32_t i = 0; i < JV_LINKS_MAX && turn > 0; i++) {
        if (links->slots[i].udp != NULL && --turn == 0) {
            return links->slots[i].device;
        }
    }
    return NULL;
}

uint32_t jv_links_count(const struct jv_links *links)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < JV_LINKS_MAX; i++) {
        count += links->slots[i].udp != NULL;
    }
    return count;
}

void jv_links_config(struct jv_links *links, const struct jv_config *config)
{
    links->config = config;
}

bool jv_links_network(const struct jv_links *links, uint32_t *cursor, struct jv_prefix *network_out,
                      const char **device_out)
{
    return jv_hostnet_network(&links->host, links->tun_ifindex, cursor, network_out, device_out);
}
