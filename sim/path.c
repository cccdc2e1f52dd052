/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define IP_BYTES 28U /* headers of IPv4 and UDP, which count for a link's MTU and rate */

/* ---- addresses ---- */

struct jv_endpoint path_gateway(uint32_t gateway, bool is_v6)
{
    uint8_t last = (uint8_t)(gateway + 1);
    const struct jv_endpoint v4 = {.ip = {{203, 0, 113, last}, JV_AF_4, {0}}, .port = 4433};
    const struct jv_endpoint v6 = {
        .ip = {{0x20, 0x01, 0x0d, 0xb8, [7] = last, [15] = 1}, JV_AF_6, {0}}, .port = 4433};
    return is_v6 ? v6 : v4;
}

static struct jv_ip own_address(uint32_t client, uint32_t link, uint8_t host, bool is_v6)
{
    const struct jv_ip v4 = {{10, (uint8_t)client, (uint8_t)link, host}, JV_AF_4, {0}};
    const struct jv_ip v6 = {
        {0x20, 0x01, 0x0d, 0xb8, [5] = 1, [7] = (uint8_t)client, [13] = (uint8_t)link, [15] = host},
        JV_AF_6,
        {0}};
    return is_v6 ? v6 : v4;
}

void path_tell(struct sim_world *w, uint32_t client, uint32_t set)
{
    struct sim_node *node = node_of_client(w, client);
    uint32_t gateway = w->clients[client].gateway;
    struct jv_command command = {.kind = JV_CMD_ENDPOINTS};
    for (uint32_t v6 = 0; v6 < 2; v6++) {
        if ((set >> v6 & 1) != 0) {
            command.endpoints[command.endpoints_len++] = path_gateway(gateway, v6 != 0);
        }
    }
    if (node->is_alive) {
        (void)node_command(w, node, &command);
    }
}

/* A socket and whose it is. */
struct wire {
    struct sim_socket *socket; /* NULL: there is none */
    uint32_t client, link_idx;
    struct sim_link *link;
};

static struct wire by_handle(struct sim_world *w, uint32_t client, uint32_t handle)
{
    for (uint32_t l = 0; l < w->clients[client].links_len; l++) {
        struct sim_link *link = &w->clients[client].links[l];
        for (uint32_t s = 0; link->is_up && s < SIM_SOCKETS; s++) {
            if (handle != 0 && link->sockets[s].handle == handle) {
                return (struct wire){&link->sockets[s], client, l, link};
            }
        }
    }
    return (struct wire){0};
}

static struct wire by_local(struct sim_world *w, const struct jv_endpoint *local)
{
    for (uint32_t c = 0; c < w->clients_len; c++) {
        for (uint32_t l = 0; l < w->clients[c].links_len; l++) {
            struct sim_link *link = &w->clients[c].links[l];
            for (uint32_t s = 0; link->is_up && s < SIM_SOCKETS; s++) {
                if (link->sockets[s].handle != 0 &&
                    jv_endpoint_is_equal(&link->sockets[s].local, local)) {
                    return (struct wire){&link->sockets[s], c, l, link};
                }
            }
        }
    }
    return (struct wire){0};
}

static uint32_t gateway_at(const struct sim_world *w, const struct jv_endpoint *ep)
{
    for (uint32_t g = 0; g < w->gateways_len; g++) {
        const struct jv_endpoint own = path_gateway(g, ep->ip.family == JV_AF_6);
        if (jv_endpoint_is_equal(&own, ep)) {
            return g;
        }
    }
    return UINT32_MAX;
}

bool path_was_of(const struct sim_world *w, uint32_t client, const struct jv_endpoint *ep)
{
    const struct jv_endpoint *history = w->history + (size_t)client * NET_HISTORY;
    uint32_t len = JV_MIN(w->history_len[client], NET_HISTORY);
    for (uint32_t i = 0; i < len; i++) {
        if (jv_endpoint_is_equal(&history[i], ep)) {
            return true;
        }
    }
    return false;
}

static void note_history(struct sim_world *w, uint32_t client, const struct jv_endpoint *ep)
{
    if (!path_was_of(w, client, ep)) {
        w->history[(size_t)client * NET_HISTORY + w->history_len[client]++ % NET_HISTORY] = *ep;
    }
}

/* ---- on the way ---- */

/* A draw for the n-th datagram of a link, whatever else happens. */
static uint64_t dice(const struct sim_world *w, const struct wire *wire, uint64_t purpose)
{
    struct jv_prng prng = {w->seed ^ wire->link->passed * 0x9e3779b97f4a7c15ULL ^
                           (uint64_t)(wire->client * SIM_LINKS + wire->link_idx) << 48 ^
                           purpose << 56};
    return jv_prng_next(&prng);
}

static bool happens(uint64_t die, uint32_t ppm)
{
    return die % EMU_PPM < ppm;
}

/* Copies by their fate, with what else the link does to bytes. */
static void carry(struct sim_world *w, const struct wire *wire, const struct net_flight *form,
                  const struct emu_fate *fate)
{
    struct sim_link *link = wire->link;
    uint64_t late = dice(w, wire, 1);
    uint32_t copies = fate->copies + (happens(late, link->late_ppm) ? 1 : 0);
    for (uint32_t i = 0; i < copies; i++) {
        struct net_flight *flight = net_take(&w->net);
        uint64_t due = i < fate->copies ? fate->due_ns[i]
                                        : w->now_ns + 1 + late / EMU_PPM % (300 * JV_NS_PER_S);
        if (flight == NULL) {
            return;
        }
        memcpy(flight, form, offsetof(struct net_flight, bytes) + form->len);
        uint64_t flip = dice(w, wire, 2 + i);
        if (happens(flip, link->corrupt_ppm)) {
            uint64_t bit = flip / EMU_PPM % (flight->len * 8ULL);
            flight->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        if (link->other_version != 0) {
            flight->bytes[0] =
                (uint8_t)((flight->bytes[0] & 0x3fU) | (link->other_version & 3U) << 6);
        }
        net_send(&w->net, flight, due);
    }
}

static void tell_too_big(struct sim_world *w, uint32_t node, uint32_t socket,
                         const struct jv_endpoint *about, uint32_t mtu)
{
    struct net_flight *flight = net_take(&w->net);
    if (flight != NULL) {
        flight->node = node;
        flight->socket = socket;
        flight->src = *about;
        flight->len = 0;
        flight->is_doubt = true;
        flight->doubt_mtu = mtu;
        net_send(&w->net, flight, w->now_ns + JV_NS_PER_MS);
    }
}

static void go_up(struct sim_world *w, struct sim_node *node, const struct jv_slot *slot)
{
    struct wire wire = by_handle(w, node->idx - w->gateways_len, slot->link);
    uint32_t gateway = gateway_at(w, &slot->remote);
    struct net_flight form = {.node = gateway, .socket = 1, .dst = slot->remote, .len = slot->len};
    if (wire.socket == NULL || gateway == UINT32_MAX ||
        wire.socket->local.ip.family != slot->remote.ip.family) {
        return;
    }
    form.src = wire.socket->local;
    struct nat *nat = &w->nats[JV_MIN(wire.link->nat, SIM_NATS - 1)];
    if (wire.link->nat < SIM_NATS && form.src.ip.family == JV_AF_4 &&
        !nat_out(nat, w->now_ns, &wire.socket->local, &slot->remote, &form.src)) {
        return;
    }
    note_history(w, wire.client, &form.src);
    memcpy(form.bytes, slot->buf + slot->off, slot->len);
    wire.link->passed++;
    struct emu_fate fate = emu_decide(&wire.link->emu, 0, w->now_ns, slot->len + IP_BYTES);
    if (fate.verdict == EMU_TOO_BIG) {
        tell_too_big(w, node->idx, slot->link, &slot->remote, wire.link->emu.dirs[0].shape.mtu);
    }
    if (w->holes_to[gateway][wire.client] ||
        !adversary_sees(w, wire.client, wire.link_idx, true, &form)) {
        return;
    }
    carry(w, &wire, &form, &fate);
}

static void go_down(struct sim_world *w, struct sim_node *node, const struct jv_slot *slot)
{
    struct jv_endpoint inside = slot->remote;
    struct net_flight form = {.src = slot->local, .len = slot->len};
    bool is_known = true;
    bool is_someone = slot->remote.ip.b[0] == 10 || slot->remote.ip.family == JV_AF_6;
    for (uint32_t n = 0; n < w->nats_len; n++) {
        if (nat_has(&w->nats[n], &slot->remote)) {
            is_someone = true;
            is_known = nat_in(&w->nats[n], w->now_ns, &slot->remote, &slot->local, &inside);
        }
    }
    if (!is_someone) {
        adversary_gets(w, node->idx, slot);
        return;
    }
    struct wire wire = is_known ? by_local(w, &inside) : (struct wire){0};
    if (wire.socket == NULL) {
        return;
    }
    form.node = w->gateways_len + wire.client;
    form.socket = wire.socket->handle;
    form.dst = inside;
    memcpy(form.bytes, slot->buf + slot->off, slot->len);
    wire.link->passed++;
    struct emu_fate fate = emu_decide(&wire.link->emu, 1, w->now_ns, slot->len + IP_BYTES);
    if (fate.verdict == EMU_TOO_BIG) {
        tell_too_big(w, node->idx, 1, &slot->remote, wire.link->emu.dirs[1].shape.mtu);
    }
    if (w->holes_from[node->idx][wire.client] ||
        !adversary_sees(w, wire.client, wire.link_idx, false, &form)) {
        return;
    }
    carry(w, &wire, &form, &fate);
}

void path_send(struct sim_world *w, struct sim_node *node, const struct jv_slot *slot)
{
    world_mix(w, (uint64_t)slot->len << 8 | slot->buf[slot->off + slot->len - 1]);
    if (node->is_client) {
        go_up(w, node, slot);
    } else {
        go_down(w, node, slot);
    }
}

static void inject(struct sim_world *w, const struct net_flight *form, const uint8_t *bytes,
                   uint32_t len, uint64_t delay_ns)
{
    struct net_flight *flight = net_take(&w->net);
    if (flight != NULL) {
        memcpy(flight, form, offsetof(struct net_flight, bytes));
        flight->len = JV_MIN(len, (uint32_t)sizeof flight->bytes);
        memcpy(flight->bytes, bytes, flight->len);
        net_send(&w->net, flight, w->now_ns + delay_ns);
        w->adversary.injected++;
    }
}

void path_inject_up(struct sim_world *w, const struct jv_endpoint *src,
                    const struct jv_endpoint *dst, const uint8_t *bytes, uint32_t len,
                    uint64_t delay_ns)
{
    uint32_t gateway = gateway_at(w, dst);
    const struct net_flight form = {.node = gateway, .socket = 1, .src = *src, .dst = *dst};
    if (gateway != UINT32_MAX && len > 0) {
        inject(w, &form, bytes, len, delay_ns);
    }
}

void path_inject_down(struct sim_world *w, uint32_t client, uint32_t link,
                      const struct jv_endpoint *src, const uint8_t *bytes, uint32_t len,
                      uint64_t delay_ns)
{
    for (uint32_t s = 0; s < SIM_SOCKETS; s++) {
        const struct sim_socket *socket = &w->clients[client].links[link].sockets[s];
        if (socket->handle != 0 && len > 0 && socket->local.ip.family == src->ip.family) {
            const struct net_flight form = {.node = w->gateways_len + client,
                                            .socket = socket->handle,
                                            .src = *src,
                                            .dst = socket->local};
            inject(w, &form, bytes, len, delay_ns);
            return;
        }
    }
}

/* ---- sockets ---- */

static void open_socket(struct sim_world *w, uint32_t client, uint32_t l, bool is_v6,
                        uint32_t twin_of)
{
    struct sim_link *link = &w->clients[client].links[l];
    struct sim_socket *place = NULL;
    for (uint32_t s = 0; s < SIM_SOCKETS && place == NULL; s++) {
        place = link->sockets[s].handle == 0 ? &link->sockets[s] : NULL;
    }
    if (place == NULL) {
        return; /* the host has no more: the core waits for an answer that does not come */
    }
    struct jv_command command = {.kind = JV_CMD_LINK_ADDED,
                                 .link = ++w->next_handle + 1,
                                 .twin_of = twin_of,
                                 .prefer = link->prefer,
                                 .cost = link->cost,
                                 .is_cold = link->is_cold,
                                 .is_metered = link->is_metered,
                                 .mtu = link->mtu};
    command.local.ip = own_address(client, l, link->host, is_v6);
    command.local.port = (uint16_t)(40000 + w->next_handle * 7 % 20000);
    *place = (struct sim_socket){command.link, twin_of, command.local};
    (void)snprintf(command.name, sizeof command.name, "link%u/udp", l);
    (void)node_command(w, node_of_client(w, client), &command);
}

static void close_socket(struct sim_world *w, uint32_t client, struct sim_socket *socket)
{
    const struct jv_command gone = {.kind = JV_CMD_LINK_GONE, .link = socket->handle};
    socket->handle = 0;
    (void)node_command(w, node_of_client(w, client), &gone);
}

static bool has_socket(const struct sim_link *link, uint8_t family)
{
    for (uint32_t s = 0; s < SIM_SOCKETS; s++) {
        if (link->sockets[s].handle != 0 && link->sockets[s].local.ip.family == family) {
            return true;
        }
    }
    return false;
}

void path_link_up(struct sim_world *w, uint32_t client, uint32_t l)
{
    struct sim_link *link = &w->clients[client].links[l];
    link->is_up = true;
    if (!node_is_running(node_of_client(w, client))) {
        return; /* it looks at its devices when it goes on */
    }
    for (uint32_t s = 0; s < SIM_SOCKETS; s++) {
        struct sim_socket *socket = &link->sockets[s];
        const struct jv_ip own =
            own_address(client, l, link->host, socket->local.ip.family == JV_AF_6);
        if (socket->handle != 0 && !jv_ip_is_equal(&own, &socket->local.ip)) {
            close_socket(w, client, socket);
        }
    }
    if (!has_socket(link, JV_AF_4)) {
        open_socket(w, client, l, false, 0);
    }
    if (link->has_v6 && !has_socket(link, JV_AF_6)) {
        open_socket(w, client, l, true, 0);
    }
}

void path_link_down(struct sim_world *w, uint32_t client, uint32_t l)
{
    struct sim_link *link = &w->clients[client].links[l];
    link->is_up = false;
    if (!node_is_running(node_of_client(w, client))) {
        return;
    }
    for (uint32_t s = 0; s < SIM_SOCKETS; s++) {
        if (link->sockets[s].handle != 0) {
            close_socket(w, client, &link->sockets[s]);
        }
    }
}

void path_serve(struct sim_world *w, struct sim_node *node, const struct jv_order *order)
{
    uint32_t client = node->idx - w->gateways_len;
    struct wire wire = by_handle(w, client, order->link);
    if (wire.socket == NULL) {
        return;
    }
    if (order->kind == JV_ORDER_LINK_TWIN) {
        open_socket(w, client, wire.link_idx, wire.socket->local.ip.family == JV_AF_6,
                    wire.socket->handle);
    } else {
        close_socket(w, client, wire.socket);
    }
}
