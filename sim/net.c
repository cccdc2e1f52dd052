/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

/* ---- under way ---- */

void net_init(struct net *net)
{
    memset(net, 0, sizeof *net);
    net->flights = calloc(NET_FLIGHTS, sizeof *net->flights);
    net->free = calloc(NET_FLIGHTS, sizeof *net->free);
    net->heap = calloc(NET_FLIGHTS, sizeof *net->heap);
    if (net->flights == NULL || net->free == NULL || net->heap == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < NET_FLIGHTS; i++) {
        net->free[i] = NET_FLIGHTS - 1 - i;
    }
    net->free_len = NET_FLIGHTS;
}

void net_fini(struct net *net)
{
    free(net->flights);
    free(net->free);
    free(net->heap);
}

struct net_flight *net_take(struct net *net)
{
    if (net->free_len == 0) {
        net->lost_full++;
        return NULL;
    }
    struct net_flight *flight = &net->flights[net->free[--net->free_len]];
    flight->is_doubt = false;
    flight->doubt_mtu = 0;
    return flight;
}

void net_give(struct net *net, const struct net_flight *flight)
{
    net->free[net->free_len++] = (uint32_t)(flight - net->flights);
}

static bool is_sooner(const struct net_due *a, const struct net_due *b)
{
    return a->ns < b->ns || (a->ns == b->ns && a->order < b->order);
}

void net_send(struct net *net, const struct net_flight *flight, uint64_t due_ns)
{
    uint32_t at = net->heap_len++;
    const struct net_due due = {due_ns, net->order++, (uint32_t)(flight - net->flights)};
    while (at > 0 && is_sooner(&due, &net->heap[(at - 1) / 2])) {
        net->heap[at] = net->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    net->heap[at] = due;
    net->sent++;
}

uint64_t net_next_ns(const struct net *net)
{
    return net->heap_len > 0 ? net->heap[0].ns : UINT64_MAX;
}

struct net_flight *net_arrive(struct net *net)
{
    struct net_flight *first = &net->flights[net->heap[0].idx];
    const struct net_due last = net->heap[--net->heap_len];
    uint32_t at = 0;
    for (uint32_t child = 1; child < net->heap_len; child = 2 * at + 1) {
        if (child + 1 < net->heap_len && is_sooner(&net->heap[child + 1], &net->heap[child])) {
            child++;
        }
        if (!is_sooner(&net->heap[child], &last)) {
            break;
        }
        net->heap[at] = net->heap[child];
        at = child;
    }
    net->heap[at] = last;
    return first;
}

/* ---- NAT ---- */

static struct jv_endpoint key_of(enum nat_kind kind, const struct jv_endpoint *peer)
{
    struct jv_endpoint key = {.ip = {{0}, JV_AF_NONE, {0}}};
    switch (kind) {
    case NAT_ENDPOINT_INDEPENDENT:
        break;
    case NAT_ADDRESS_DEPENDENT:
        key.ip = peer->ip;
        break;
    case NAT_ADDRESS_PORT_DEPENDENT:
        key = *peer;
        break;
    }
    return key;
}

static bool is_alive(const struct nat *nat, struct nat_mapping *m, uint64_t now_ns)
{
    return m->used && now_ns - m->last_ns <= nat->lifetime_ns;
}

static bool is_port_taken(const struct nat *nat, uint16_t port)
{
    for (uint32_t i = 0; i < NET_MAPPINGS; i++) {
        if (nat->mappings[i].used && nat->mappings[i].outside.port == port) {
            return true;
        }
    }
    return false;
}

static struct nat_mapping *new_mapping(struct nat *nat, uint64_t now_ns,
                                       const struct jv_endpoint *inside)
{
    struct nat_mapping *place = &nat->mappings[0];
    for (uint32_t i = 0; i < NET_MAPPINGS; i++) {
        struct nat_mapping *m = &nat->mappings[i];
        if (!is_alive(nat, m, now_ns)) {
            nat->expired += m->used ? 1 : 0;
            place = m;
            break;
        }
        place = m->last_ns < place->last_ns ? m : place;
    }
    nat->evicted += is_alive(nat, place, now_ns) ? 1 : 0;
    place->used = false;
    uint16_t port = nat->keeps_port ? inside->port : nat->next_port++;
    for (uint32_t i = 0; i < NET_MAPPINGS && is_port_taken(nat, port); i++) {
        port = nat->next_port++;
    }
    *place = (struct nat_mapping){.used = true, .inside = *inside};
    place->outside.ip = (struct jv_ip){{198, 18, nat->id, nat->address}, JV_AF_4, {0}};
    place->outside.port = port < 1024 ? (uint16_t)(port + 1024) : port;
    return place;
}

static void note_peer(struct nat_mapping *m, const struct jv_endpoint *peer)
{
    if (!jv_endpoint_is_equal(&m->peers[0], peer)) {
        memmove(m->peers + 1, m->peers, sizeof m->peers - sizeof m->peers[0]);
        m->peers[0] = *peer;
    }
}

bool nat_out(struct nat *nat, uint64_t now_ns, const struct jv_endpoint *inside,
             const struct jv_endpoint *dst, struct jv_endpoint *outside_out)
{
    const struct jv_endpoint key = key_of(nat->mapping, dst);
    struct nat_mapping *found = NULL;
    for (uint32_t i = 0; i < NET_MAPPINGS && found == NULL; i++) {
        struct nat_mapping *m = &nat->mappings[i];
        if (is_alive(nat, m, now_ns) && jv_endpoint_is_equal(&m->inside, inside) &&
            jv_endpoint_is_equal(&m->key, &key)) {
            found = m;
        }
    }
    if (found == NULL) {
        found = new_mapping(nat, now_ns, inside);
        found->key = key;
    }
    found->last_ns = now_ns;
    note_peer(found, dst);
    *outside_out = found->outside;
    return !found->is_dead;
}

static bool lets_in(const struct nat *nat, const struct nat_mapping *m,
                    const struct jv_endpoint *src)
{
    const struct jv_endpoint wanted = key_of(nat->filtering, src);
    for (uint32_t i = 0; i < JV_ARRAY_LEN(m->peers); i++) {
        const struct jv_endpoint key = key_of(nat->filtering, &m->peers[i]);
        if (m->peers[i].ip.family != JV_AF_NONE && jv_endpoint_is_equal(&key, &wanted)) {
            return true;
        }
    }
    return false;
}

bool nat_in(struct nat *nat, uint64_t now_ns, const struct jv_endpoint *outside,
            const struct jv_endpoint *src, struct jv_endpoint *inside_out)
{
    for (uint32_t i = 0; i < NET_MAPPINGS; i++) {
        struct nat_mapping *m = &nat->mappings[i];
        if (is_alive(nat, m, now_ns) && jv_endpoint_is_equal(&m->outside, outside)) {
            if (m->is_dead || !lets_in(nat, m, src)) {
                nat->filtered++;
                return false;
            }
            *inside_out = m->inside;
            return true;
        }
    }
    return false;
}

void nat_rebind(struct nat *nat)
{
    for (uint32_t i = 0; i < NET_MAPPINGS; i++) {
        nat->mappings[i].used = false;
    }
    nat->keeps_port = false; /* or the same ports would come again */
    nat->next_port = (uint16_t)(nat->next_port + 1000);
}

void nat_kill(struct nat *nat)
{
    for (uint32_t i = 0; i < NET_MAPPINGS; i++) {
        nat->mappings[i].is_dead = true;
    }
}

bool nat_has(const struct nat *nat, const struct jv_endpoint *endpoint)
{
    return nat->is_there && endpoint->ip.family == JV_AF_4 && endpoint->ip.b[0] == 198 &&
           endpoint->ip.b[1] == 18 && endpoint->ip.b[2] == nat->id;
}
