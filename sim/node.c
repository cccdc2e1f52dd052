/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* ---- its clock ---- */

uint64_t node_now(const struct sim_world *w, const struct sim_node *node)
{
    const struct sim_clock *c = &node->clock;
    int64_t elapsed = (int64_t)(w->now_ns - c->world_ns);
    int64_t drift = elapsed / 1000000 * c->drift_ppm + elapsed % 1000000 * c->drift_ppm / 1000000;
    int64_t base = (int64_t)c->node_ns;
    base += elapsed + drift;
    return (uint64_t)base;
}

/* The first moment of the world at which the node's clock shows `node_ns` or later. */
static uint64_t world_at(const struct sim_node *node, uint64_t node_ns)
{
    const struct sim_clock *c = &node->clock;
    int64_t per_million = 1000000;
    per_million += c->drift_ppm;
    uint64_t rate = (uint64_t)per_million;
    if (node_ns == UINT64_MAX || node_ns - c->node_ns > UINT64_MAX / 4) {
        return node_ns <= c->node_ns ? c->world_ns : UINT64_MAX;
    }
    uint64_t elapsed = node_ns - c->node_ns;
    /* Rounded up by as much as the two divisions of node_now() may lose. */
    return c->world_ns + elapsed / rate * 1000000 + elapsed % rate * 1000000 / rate + 2;
}

uint64_t node_due(const struct sim_world *w, const struct sim_node *node)
{
    if (!node->is_alive) {
        return UINT64_MAX;
    }
    if (node->paused_until_ns != 0) {
        return node->paused_until_ns;
    }
    uint64_t due = world_at(node, jv_core_deadline(node->core).ns);
    due = node->flush_at_ns != 0 && node->flush_at_ns < due ? node->flush_at_ns : due;
    return due < w->now_ns ? w->now_ns : due;
}

static struct jv_instant instant(const struct sim_world *w, const struct sim_node *node)
{
    return (struct jv_instant){node_now(w, node)};
}

/* ---- its process ---- */

struct sim_node *node_of_client(struct sim_world *w, uint32_t client)
{
    return &w->nodes[w->gateways_len + client];
}

bool node_is_running(const struct sim_node *node)
{
    return node->is_alive && node->paused_until_ns == 0;
}

static void fill(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

void node_start(struct sim_world *w, struct sim_node *node)
{
    node->mem_bytes = (jv_core_bytes(&node->cfg) + 63) & ~(size_t)63;
    node->mem = node->mem_bytes > 0 ? aligned_alloc(64, node->mem_bytes) : NULL;
    if (node->mem == NULL) {
        abort();
    }
    memset(node->mem, 0, node->mem_bytes);
    node->incarnation++;
    node->entropy.state = w->seed * 1000003 + node->idx * 1009 + node->incarnation;
    node->cfg.jitter_seed = jv_prng_next(&node->entropy);
    if (jv_core_init(node->mem, &node->cfg, (struct jv_entropy){fill, &node->entropy},
                     instant(w, node), &node->core) != JV_E_OK) {
        abort();
    }
    node->is_alive = true;
    node->given = node->ended_in_drop = node->ended_in_tun = 0;
    check_start(w, node);
    if (node->is_client) {
        uint32_t client = node->idx - w->gateways_len;
        path_tell(w, client, 3);
        for (uint32_t i = 0; i < w->clients[client].links_len; i++) {
            if (w->clients[client].links[i].is_up) {
                path_link_up(w, client, i);
            }
        }
        if (w->clients[client].is_wanted) {
            (void)node_command(w, node, &(struct jv_command){.kind = JV_CMD_UP});
        }
    }
}

static void forget_parked(struct sim_world *w, struct sim_node *node)
{
    for (uint32_t i = 0; i < node->parked_len; i++) {
        net_give(&w->net, node->parked[i]);
    }
    node->parked_len = 0;
}

void node_kill(struct sim_world *w, struct sim_node *node)
{
    if (!node->is_alive) {
        return;
    }
    for (uint32_t i = 0; node->is_client && i < SIM_LINKS; i++) {
        struct sim_link *link = &w->clients[node->idx - w->gateways_len].links[i];
        memset(link->sockets, 0, sizeof link->sockets);
    }
    forget_parked(w, node);
    check_stop(w, node, false);
    jv_core_fini(node->core);
    free(node->mem);
    node->mem = NULL;
    node->core = NULL;
    node->is_alive = node->is_asleep = false;
    node->paused_until_ns = node->flush_at_ns = 0;
    node->hoard_len = node->wishes_len = node->lazy_us = 0;
    node->out.tx_len = node->out.tun_len = node->out.records_len = node->out.orders_len = 0;
}

/* ---- what comes out ---- */

static void obey(struct sim_world *w, struct sim_node *node, const struct jv_order *order)
{
    struct sim_client *client = &w->clients[node->idx - w->gateways_len];
    switch (order->kind) {
    case JV_ORDER_CONFIGURE:
        client->address4 = order->address4;
        break;
    case JV_ORDER_ENDED:
        client->ended++;
        break;
    case JV_ORDER_LINK_TWIN:
    case JV_ORDER_LINK_CLOSE:
        if (node->wishes_len < SIM_WISHES) {
            node->wishes[node->wishes_len++] = *order;
        }
        break;
    case JV_ORDER_MTU:
    case JV_ORDER_ROUTE_ADD:
    case JV_ORDER_ROUTE_REMOVE:
    case JV_ORDER_LOOK_UP:
        break; /* devices, routes and name servers are no part of this world */
    }
}

/* What the arrays hold; sockets that were ordered are opened once the core has finished. */
static void empty_out(struct sim_world *w, struct sim_node *node)
{
    struct jv_out *out = &node->out;
    for (uint32_t i = 0; i < out->records_len; i++) {
        check_record(w, node, &out->records[i]);
    }
    for (uint32_t i = 0; i < out->tx_len; i++) {
        path_send(w, node, &out->tx[i]);
    }
    jv_core_give(node->core, out->tx, out->tx_len);
    for (uint32_t i = 0; i < out->tun_len; i++) {
        check_inner(w, node, &out->tun[i]);
    }
    jv_core_give(node->core, out->tun, out->tun_len);
    for (uint32_t i = 0; node->is_client && i < out->orders_len; i++) {
        obey(w, node, &out->orders[i]);
    }
    out->tx_len = out->tun_len = out->records_len = out->orders_len = 0;
}

/* Of a lazy node as well: what it sends tells others where it is, so it is looked at first, as any other is. */
static void make_room(struct sim_world *w, struct sim_node *node)
{
    w->tally.full_outputs++;
    empty_out(w, node);
    check_node(w, node);
}

void node_flush(struct sim_world *w, struct sim_node *node)
{
    node->flush_at_ns = 0;
    empty_out(w, node);
    for (uint32_t i = 0; i < node->wishes_len; i++) {
        const struct jv_order wish = node->wishes[i];
        path_serve(w, node, &wish);
    }
    node->wishes_len = 0;
    check_node(w, node);
}

static void finish(struct sim_world *w, struct sim_node *node)
{
    if (node->lazy_us == 0) {
        node_flush(w, node);
    } else if (node->flush_at_ns == 0) {
        node->flush_at_ns = w->now_ns + node->lazy_us * JV_NS_PER_US;
    }
}

/* ---- what goes in ---- */

/* Ends of datagrams within one call. Packets that wait may meet their own end there, an answer may find no buffer, and traffic that was
 * held meets its end at any time: those are no part of it. */
static uint64_t drops_of_datagrams(const struct jv_counters *count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        bool is_packets = i == JV_DROP_NO_BUFFER || i == JV_DROP_WAITING_FULL ||
                          i == JV_DROP_WAITING_OLD || i == JV_DROP_INNER_TOO_BIG ||
                          i == JV_DROP_INNER_NO_SESSION;
        bool is_held = i == JV_DROP_TERMINATED || i == JV_DROP_UNBOUND;
        sum += is_packets || is_held ? 0 : count->drops[i];
    }
    return sum;
}

static void give_batch(struct sim_world *w, struct sim_node *node, struct jv_slot *slots,
                       uint32_t len)
{
    struct jv_batch batch = {slots, len, 0};
    enum jv_err err = JV_E_AGAIN;
    for (uint32_t i = 0; i < 10 * JV_BATCH_MAX && err == JV_E_AGAIN; i++) {
        struct jv_counters before;
        struct jv_counters after;
        uint32_t tun = node->out.tun_len;
        uint32_t done = batch.done;
        jv_core_counters(node->core, &before);
        err = jv_core_datagrams(node->core, instant(w, node), &batch, &node->out);
        jv_core_counters(node->core, &after);
        node->given += batch.done - done;
        node->ended_in_tun += node->out.tun_len - tun - (after.told_too_big - before.told_too_big);
        node->ended_in_drop += drops_of_datagrams(&after) - drops_of_datagrams(&before);
        if (err == JV_E_AGAIN) {
            make_room(w, node);
        }
    }
    if (err != JV_E_OK) {
        world_wrong(w, false, "node %u takes no more datagrams: %d", node->idx, (int)err);
    }
    w->tally.datagrams += len;
    check_conserved(w, node, false);
}

static void doubt(struct sim_world *w, struct sim_node *node, const struct net_flight *flight)
{
    const struct jv_command command = {.kind = JV_CMD_LINK_DOUBTED,
                                       .link = flight->socket,
                                       .remote = flight->src,
                                       .mtu = flight->doubt_mtu,
                                       .is_too_big = flight->doubt_mtu != 0};
    (void)node_command(w, node, &command); /* a claim, which the core may refuse */
}

/* All that waited in the sockets, as many in one call as a batch holds. */
static void give_parked(struct sim_world *w, struct sim_node *node)
{
    struct jv_slot slots[JV_BATCH_MAX];
    uint32_t next = 0;
    while (next < node->parked_len) {
        uint32_t len = 0;
        uint32_t room = jv_core_take(node->core, slots,
                                     JV_MIN(node->parked_len - next, (uint32_t)JV_BATCH_MAX));
        if (room == 0) {
            break; /* the daemon would read later; here the socket overflows */
        }
        for (uint32_t taken = 0; taken < room; taken++) {
            const struct net_flight *flight = node->parked[next++];
            if (flight->is_doubt) {
                doubt(w, node, flight);
                continue;
            }
            const struct jv_slot free_slot = slots[taken];
            slots[taken] = slots[len]; /* one that a doubt left over */
            slots[len] = free_slot;
            struct jv_slot *slot = &slots[len++];
            slot->off = JV_BUF_HEADROOM;
            slot->len = JV_MIN(flight->len, JV_BUF_ROOM);
            memcpy(slot->buf + slot->off, flight->bytes, slot->len);
            slot->link = flight->socket;
            slot->remote = flight->src;
            if (!node->is_client) {
                slot->local = flight->dst;
            }
        }
        if (len < room) {
            jv_core_give(node->core, slots + len, room - len);
        }
        give_batch(w, node, slots, len);
    }
    forget_parked(w, node);
}

void node_deliver(struct sim_world *w, struct sim_node *node, struct net_flight *flight)
{
    if (!node->is_alive || node->is_asleep || node->parked_len == SIM_PARKED) {
        net_give(&w->net, flight);
        return;
    }
    if (!flight->is_doubt) {
        world_mix(w, w->now_ns ^ (uint64_t)node->idx << 60);
        world_mix(w, (uint64_t)flight->len << 8 | flight->bytes[flight->len - 1]);
    }
    node->parked[node->parked_len++] = flight;
    if (node->paused_until_ns != 0) {
        return;
    }
    if (node->lazy_us == 0) {
        give_parked(w, node);
        node_flush(w, node);
    } else if (node->flush_at_ns == 0) {
        node->flush_at_ns = w->now_ns + node->lazy_us * JV_NS_PER_US;
    }
}

void node_expire(struct sim_world *w, struct sim_node *node)
{
    if (node->parked_len > 0) {
        give_parked(w, node); /* what has arrived is not late */
    }
    enum jv_err err = JV_E_AGAIN;
    for (uint32_t i = 0; i < 1000 && err == JV_E_AGAIN; i++) {
        err = jv_core_expire(node->core, instant(w, node), &node->out);
        if (err == JV_E_AGAIN) {
            make_room(w, node);
        }
    }
    if (err != JV_E_OK) {
        world_wrong(w, false, "node %u cannot serve its deadlines: %d", node->idx, (int)err);
    }
    if (node->flush_at_ns != 0 && node->flush_at_ns <= w->now_ns) {
        node_flush(w, node);
    } else {
        finish(w, node);
    }
}

enum jv_err node_command(struct sim_world *w, struct sim_node *node,
                         const struct jv_command *command)
{
    enum jv_err err = jv_core_command(node->core, instant(w, node), command, &node->out);
    if (err == JV_E_AGAIN) {
        empty_out(w, node);
        err = jv_core_command(node->core, instant(w, node), command, &node->out);
    }
    finish(w, node);
    return err;
}

void node_packet(struct sim_world *w, struct sim_node *node, const uint8_t *bytes, uint32_t len)
{
    struct jv_slot slot;
    if (jv_core_take(node->core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memcpy(slot.buf + slot.off, bytes, len);
    struct jv_batch batch = {&slot, 1, 0};
    for (uint32_t i = 0; i < 100; i++) {
        if (jv_core_packets(node->core, instant(w, node), &batch, &node->out) != JV_E_AGAIN) {
            break;
        }
        empty_out(w, node);
    }
    w->tally.packets++;
    finish(w, node);
}

/* ---- standing still ---- */

void node_pause(struct sim_world *w, struct sim_node *node, uint64_t until_ns, bool is_asleep)
{
    if (!node_is_running(node)) {
        return;
    }
    node_flush(w, node);
    node->paused_at_ns = w->now_ns;
    node->paused_until_ns = until_ns;
    node->is_asleep = is_asleep;
}

void node_resume(struct sim_world *w, struct sim_node *node, bool is_told)
{
    if (!node->is_alive || node->paused_until_ns == 0) {
        return;
    }
    node->paused_until_ns = 0;
    if (node->is_asleep && is_told) {
        const struct jv_command woke = {
            .kind = JV_CMD_WOKE, .slept_ms = (w->now_ns - node->paused_at_ns) / JV_NS_PER_MS};
        (void)node_command(w, node, &woke);
    }
    node->is_asleep = false;
    if (node->parked_len > 0) {
        give_parked(w, node);
    }
    finish(w, node);
    for (uint32_t i = 0; node->is_client && i < SIM_LINKS; i++) {
        uint32_t client = node->idx - w->gateways_len;
        if (i < w->clients[client].links_len && w->clients[client].links[i].is_up) {
            path_link_up(w, client, i); /* what changed meanwhile */
        } else {
            path_link_down(w, client, i);
        }
    }
}

/* ---- looking ---- */

bool node_session(const struct sim_world *w, const struct sim_node *node, uint32_t user,
                  struct jv_session_status *out)
{
    uint32_t cursor = 0;
    if (!node->is_alive) {
        return false;
    }
    while (jv_core_session(node->core, instant(w, node), &cursor, out)) {
        if (node->is_client || (out->user[0] == 'u' && (uint32_t)(out->user[1] - '0') == user)) {
            return true;
        }
    }
    return false;
}
