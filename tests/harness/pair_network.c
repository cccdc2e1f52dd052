/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pair_parts.h"

struct jv_endpoint pair_client_endpoint(uint32_t link, uint8_t family, uint16_t port)
{
    uint8_t last = (uint8_t)(link + 1);
    struct jv_endpoint v4 = {.ip = {{192, 0, 2, last}, JV_AF_4, {0}}, .port = port};
    struct jv_endpoint v6 = {
        .ip = {{0x20, 0x01, 0x0d, 0xb8, [13] = 0x0c, [15] = last}, JV_AF_6, {0}}, .port = port};
    return family == JV_AF_4 ? v4 : v6;
}

static struct pair_wire main_wire(struct pair *p, uint32_t i)
{
    struct pair_link *link = &p->links[i];
    return (struct pair_wire){.link = link,
                              .idx = i,
                              .handle = link->handle,
                              .outer = pair_client_endpoint(i, JV_AF_4, link->mapped_port),
                              .is_dead = link->is_dead};
}

static struct pair_wire extra_wire(struct pair *p, const struct pair_socket *s)
{
    return (struct pair_wire){.link = &p->links[s->link],
                              .idx = s->link,
                              .handle = s->handle,
                              .outer = pair_client_endpoint(s->link, s->family, s->mapped_port),
                              .is_dead = s->is_dead};
}

struct pair_wire pair_wire_of(struct pair *p, uint32_t handle)
{
    for (uint32_t i = 0; i < p->links_len; i++) {
        if (p->links[i].up && p->links[i].handle == handle) {
            return main_wire(p, i);
        }
    }
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        if (p->extra[i].handle == handle && handle != 0) {
            return extra_wire(p, &p->extra[i]);
        }
    }
    return (struct pair_wire){0};
}

static struct pair_wire by_mapping(struct pair *p, const struct jv_endpoint *ep)
{
    for (uint32_t i = 0; i < p->links_len; i++) {
        struct pair_wire wire = main_wire(p, i);
        if (p->links[i].up && jv_endpoint_is_equal(&wire.outer, ep)) {
            return wire;
        }
    }
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        struct pair_wire wire = extra_wire(p, &p->extra[i]);
        if (wire.handle != 0 && jv_endpoint_is_equal(&wire.outer, ep)) {
            return wire;
        }
    }
    return pair_clone_wire(p, 0, ep);
}

void pair_enqueue(struct pair *p, bool to_gateway, uint32_t link, const struct jv_endpoint *remote,
                  uint32_t delay_us, const uint8_t *bytes, uint32_t len)
{
    struct pair_event e;
    e.to_gateway = to_gateway;
    e.to_clone = e.is_too_big = false;
    e.link = to_gateway ? 1 : p->links[link].handle;
    e.remote = *remote;
    e.local = p->endpoints[0];
    e.len = len;
    memcpy(e.bytes, bytes, len);
    (void)pair_event_add(p, &e, p->now_ns + delay_us * 1000ULL); /* a full network loses */
}

/* Who has the address may read what comes there. */
static void note_stray(struct pair *p, const struct jv_slot *slot)
{
    struct pair_event *e = &p->passing;
    p->stray.datagrams++;
    p->stray.traffic += (slot->buf[slot->off] & 0x1f) == JV_TYPE_TRAFFIC ? 1 : 0;
    p->stray.largest = JV_MAX(p->stray.largest, slot->len);
    if (p->on_stray == NULL) {
        return;
    }
    e->due_ns = p->now_ns;
    e->order = 0;
    e->to_gateway = e->to_clone = e->is_too_big = false;
    e->link = 0;
    e->remote = slot->local;
    e->local = slot->remote;
    e->len = slot->len;
    memcpy(e->bytes, slot->buf + slot->off, slot->len);
    p->on_stray(p, e);
}

/* The fate of a datagram, by the link's shape and what stands beside it. */
static struct emu_fate decide(struct pair *p, struct pair_link *link, bool is_up, uint32_t len)
{
    uint32_t dir = is_up ? 0 : 1;
    struct emu_shape *shape = &link->emu.dirs[dir].shape;
    (void)emu_play(&link->player, p->now_ns, &link->emu);
    const struct emu_shape own = *shape;
    shape->delay_ns += link->delay_us * JV_NS_PER_US;
    shape->jitter_ns += link->jitter_us * JV_NS_PER_US;
    shape->loss_ppm = JV_MIN(shape->loss_ppm + link->loss_ppm, EMU_PPM);
    shape->dup_ppm = JV_MIN(shape->dup_ppm + link->dup_ppm, EMU_PPM);
    shape->hole = shape->hole || (is_up ? link->hole_up : link->hole_down);
    uint32_t mtu = is_up ? link->mtu_up : link->mtu_down;
    if (mtu != 0) {
        shape->mtu = mtu;
        shape->mtu_answers = false;
    }
    struct emu_fate fate = emu_decide(&link->emu, dir, p->now_ns, len + PAIR_IP_BYTES);
    *shape = own;
    return fate;
}

static bool is_reached(const struct pair *p, const struct jv_endpoint *endpoint)
{
    for (uint32_t i = 0; i < p->endpoints_len; i++) {
        if (jv_endpoint_is_equal(&p->endpoints[i], endpoint)) {
            return !p->endpoint_hole[i];
        }
    }
    return false;
}

/* The sender of what is too long for the link hears so at once. */
static void tell_too_big(struct pair *p, bool to_gateway, uint32_t link,
                         const struct jv_endpoint *about)
{
    struct pair_event e;
    e.to_gateway = to_gateway;
    e.to_clone = false;
    e.is_too_big = true;
    e.link = link;
    e.remote = *about;
    e.local = (struct jv_endpoint){0};
    e.len = 0;
    (void)pair_event_add(p, &e, p->now_ns);
}

void pair_transmit_on(struct pair *p, const struct pair_wire *wire, bool to_gateway,
                      const struct jv_slot *slot)
{
    const struct jv_endpoint *endpoint = to_gateway ? &slot->remote : &slot->local;
    if (wire->link == NULL || wire->is_dead || !is_reached(p, endpoint)) {
        return;
    }
    struct emu_fate fate = decide(p, wire->link, to_gateway, slot->len);
    if (fate.verdict == EMU_TOO_BIG && !wire->is_clone) {
        tell_too_big(p, !to_gateway, to_gateway ? wire->handle : 1,
                     to_gateway ? endpoint : &wire->outer);
    }
    if (fate.copies == 0) {
        return;
    }
    struct pair_event *e = &p->passing;
    e->due_ns = fate.due_ns[0];
    e->order = 0;
    e->to_gateway = to_gateway;
    e->to_clone = !to_gateway && wire->is_clone;
    e->is_too_big = false;
    e->link = wire->idx;
    e->remote = to_gateway ? wire->outer : *endpoint;
    e->local = to_gateway ? *endpoint : wire->outer;
    e->len = slot->len;
    memcpy(e->bytes, slot->buf + slot->off, slot->len);
    pair_event_copy(to_gateway ? &p->seen[e->bytes[0] & 0x1f] : &p->seen_down[e->bytes[0] & 0x1f],
                    e);
    if (p->filter != NULL && !p->filter(p, e)) {
        return;
    }
    e->link = to_gateway ? 1 : wire->handle;
    for (uint32_t i = 0; i < fate.copies; i++) {
        (void)pair_event_add(p, e, fate.due_ns[i]); /* a full network loses */
    }
}

void pair_transmit(struct pair *p, bool from_client, const struct jv_slot *slot)
{
    struct pair_wire wire =
        from_client ? pair_wire_of(p, slot->link) : by_mapping(p, &slot->remote);
    p->datagrams_to_gateway += from_client ? 1 : 0;
    p->datagrams_to_client += from_client ? 0 : 1;
    if (wire.link == NULL && !from_client && slot->remote.ip.b[0] != 192) {
        note_stray(p, slot);
    }
    pair_transmit_on(p, &wire, from_client, slot);
}

void pair_emulate(struct pair *p, uint32_t link, const struct emu_script *script)
{
    p->links[link].player = (struct emu_player){.script = script, .start_ns = p->now_ns};
}

void pair_kill_ports(struct pair *p, uint32_t link)
{
    p->links[link].is_dead = true;
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        p->extra[i].is_dead = p->extra[i].is_dead || p->extra[i].link == link;
    }
}

void pair_rebind(struct pair *p, uint32_t i)
{
    p->links[i].mapped_port = (uint16_t)(p->links[i].mapped_port + 100);
}
