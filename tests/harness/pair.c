/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "prng.h"
#include "state.h"
#include "tunnel.h"
#include "wire.h"

#define BUFFERS 2048U
#define PARKED_MAX 256U /* the socket buffer of a frozen process */
#define PARKED_UNTIL UINT64_MAX

static struct jv_slot out_tx[JV_OUT_TX_MIN], out_tun[JV_OUT_TUN_MIN];
static struct jv_record out_records[JV_OUT_RECORDS_MIN];
static struct jv_order out_orders[JV_OUT_ORDERS_MIN];

static struct jv_out fresh_out(void)
{
    return (struct jv_out){out_tx,      0, JV_OUT_TX_MIN,      out_tun,    0, JV_OUT_TUN_MIN,
                           out_records, 0, JV_OUT_RECORDS_MIN, out_orders, 0, JV_OUT_ORDERS_MIN};
}

static struct jv_instant at(const struct pair *p)
{
    return (struct jv_instant){p->now_ns};
}

static void fill(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

/* ---- the network ---- */

static struct jv_endpoint client_endpoint(uint32_t link, uint8_t family, uint16_t port)
{
    uint8_t last = (uint8_t)(link + 1);
    struct jv_endpoint v4 = {.ip = {{192, 0, 2, last}, JV_AF_4, {0}}, .port = port};
    struct jv_endpoint v6 = {
        .ip = {{0x20, 0x01, 0x0d, 0xb8, [13] = 0x0c, [15] = last}, JV_AF_6, {0}}, .port = port};
    return family == JV_AF_4 ? v4 : v6;
}

static const struct jv_endpoint gateway_endpoints[] = {
    {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433},
    {.ip = {{203, 0, 113, 2}, JV_AF_4, {0}}, .port = 4433},
    {.ip = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, JV_AF_6, {0}}, .port = 4433}};

static void enqueue(struct pair *p, const struct pair_event *form, uint64_t due_ns,
                    const uint8_t *bytes, uint32_t len)
{
    if (p->events_len == PAIR_EVENTS) {
        return; /* a full network loses */
    }
    struct pair_event *e = &p->events[p->events_len++];
    e->due_ns = due_ns;
    e->order = p->event_order++;
    e->to_gateway = form->to_gateway;
    e->link = form->link;
    e->remote = form->remote;
    e->local = form->local;
    e->len = len;
    e->is_too_big = bytes == NULL;
    if (bytes != NULL) {
        memcpy(e->bytes, bytes, len);
    }
}

/* A socket of the client as the network knows it. */
struct wire {
    struct pair_link *link; /* NULL: there is none */
    uint32_t idx, handle;
    struct jv_endpoint outer;
    bool is_dead;
};

static struct wire main_wire(struct pair *p, uint32_t i)
{
    struct pair_link *link = &p->links[i];
    return (struct wire){link, i, link->handle, client_endpoint(i, JV_AF_4, link->mapped_port),
                         link->is_dead};
}

static struct wire extra_wire(struct pair *p, const struct pair_socket *s)
{
    return (struct wire){&p->links[s->link], s->link, s->handle,
                         client_endpoint(s->link, s->family, s->mapped_port), s->is_dead};
}

static struct wire by_handle(struct pair *p, uint32_t handle)
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
    return (struct wire){0};
}

static struct wire by_mapping(struct pair *p, const struct jv_endpoint *ep)
{
    for (uint32_t i = 0; i < p->links_len; i++) {
        struct wire wire = main_wire(p, i);
        if (p->links[i].up && jv_endpoint_is_equal(&wire.outer, ep)) {
            return wire;
        }
    }
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        struct wire wire = extra_wire(p, &p->extra[i]);
        if (wire.handle != 0 && jv_endpoint_is_equal(&wire.outer, ep)) {
            return wire;
        }
    }
    return (struct wire){0};
}

void pair_enqueue(struct pair *p, bool to_gateway, uint32_t link, const struct jv_endpoint *remote,
                  uint32_t delay_us, const uint8_t *bytes, uint32_t len)
{
    const struct pair_event form = {.to_gateway = to_gateway,
                                    .link = to_gateway ? 1 : p->links[link].handle,
                                    .remote = *remote,
                                    .local = p->endpoints[0]};
    enqueue(p, &form, p->now_ns + delay_us * 1000ULL, bytes, len);
}

static void note_stray(struct pair *p, const struct jv_slot *slot)
{
    p->stray.datagrams++;
    p->stray.traffic += (slot->buf[slot->off] & 0x1f) == JV_TYPE_TRAFFIC ? 1 : 0;
    p->stray.largest = JV_MAX(p->stray.largest, slot->len);
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

static void transmit(struct pair *p, bool from_client, const struct jv_slot *slot)
{
    struct wire wire = from_client ? by_handle(p, slot->link) : by_mapping(p, &slot->remote);
    const struct jv_endpoint *endpoint = from_client ? &slot->remote : &slot->local;
    p->datagrams_to_gateway += from_client ? 1 : 0;
    p->datagrams_to_client += from_client ? 0 : 1;
    if (wire.link == NULL && !from_client && slot->remote.ip.b[0] != 192) {
        note_stray(p, slot);
    }
    if (wire.link == NULL || wire.is_dead || !is_reached(p, endpoint)) {
        return;
    }
    struct emu_fate fate = decide(p, wire.link, from_client, slot->len);
    struct pair_event form = {.to_gateway = from_client,
                              .link = from_client ? 1 : wire.handle,
                              .remote = from_client ? wire.outer : *endpoint,
                              .local = from_client ? *endpoint : wire.outer};
    if (fate.verdict == EMU_TOO_BIG) {
        const struct pair_event too_big = {.to_gateway = !from_client,
                                           .link = from_client ? wire.handle : 1,
                                           .remote = form.local};
        enqueue(p, &too_big, p->now_ns, NULL, 0);
    }
    if (fate.copies == 0) {
        return;
    }
    struct pair_event e = form;
    e.link = wire.idx;
    e.len = slot->len;
    memcpy(e.bytes, slot->buf + slot->off, slot->len);
    *(from_client ? &p->seen[e.bytes[0] & 0x1f] : &p->seen_down[e.bytes[0] & 0x1f]) = e;
    if (p->filter != NULL && !p->filter(p, &e)) {
        return;
    }
    for (uint32_t i = 0; i < fate.copies; i++) {
        enqueue(p, &form, fate.due_ns[i], e.bytes, e.len);
    }
}

void pair_emulate(struct pair *p, uint32_t link, const struct emu_script *script)
{
    p->links[link].player = (struct emu_player){.script = script, .start_ns = p->now_ns};
}

/* The number that pair_packet() wrote behind the IP header. */
static void note_order(struct pair_flow *flow, const struct jv_slot *slot)
{
    struct jv_rd rd = jv_rd_init(slot->buf + slot->off + 20, 8);
    uint64_t number = jv_rd_u64(&rd);
    flow->late += number < flow->newest ? 1 : 0;
    flow->newest = JV_MAX(flow->newest, number);
}

static void note_arrival(struct pair *p, struct pair_flow *flow)
{
    if (flow->received > 0) {
        uint64_t gap = p->now_ns - flow->last_received_ns;
        flow->longest_gap_ns = gap > flow->longest_gap_ns ? gap : flow->longest_gap_ns;
    }
    if (flow->mark_ns != 0 && flow->first_after_ns == 0 && p->now_ns > flow->mark_ns) {
        flow->first_after_ns = p->now_ns;
    }
    flow->received++;
    flow->last_received_ns = p->now_ns;
}

/* An answer of the core itself to a packet that did not fit: no packet of the flow. */
static bool is_too_big(struct pair *p, bool client, const struct jv_slot *slot)
{
    const uint8_t *packet = slot->buf + slot->off;
    bool is_4 = packet[0] == 0x45 && packet[9] == 1 && packet[20] == 3 && packet[21] == 4;
    bool is_6 = packet[0] >> 4 == 6 && packet[6] == 58 && packet[40] == 2;
    if (is_4 || is_6) {
        *(client ? &p->too_big_c : &p->too_big_g) += 1;
        memcpy(p->too_big, packet, slot->len);
        p->too_big_len = slot->len;
        p->too_big_mtu =
            is_4 ? (uint32_t)packet[26] << 8 | packet[27] : (uint32_t)packet[46] << 8 | packet[47];
    }
    return is_4 || is_6;
}

static void drain(struct pair *p, bool client, struct jv_out *out)
{
    struct jv_core *core = client ? p->client : p->gateway;
    struct pair_log *log = client ? &p->log_c : &p->log_g;
    for (uint32_t i = 0; i < out->tx_len; i++) {
        p->dscp_seen[out->tx[i].dscp]++;
        transmit(p, client, &out->tx[i]);
    }
    jv_core_give(core, out->tx, out->tx_len);
    for (uint32_t i = 0; i < out->tun_len; i++) {
        if (is_too_big(p, client, &out->tun[i])) {
            continue;
        }
        note_order(client ? &p->down : &p->up, &out->tun[i]);
        note_arrival(p, client ? &p->down : &p->up);
        p->delivered_c += client ? 1 : 0;
        p->delivered_g += client ? 0 : 1;
    }
    jv_core_give(core, out->tun, out->tun_len);
    for (uint32_t i = 0; i < out->records_len && log->len < PAIR_LOG; i++) {
        log->records[log->len++] = out->records[i];
    }
    for (uint32_t i = 0; p->on_record != NULL && i < out->records_len; i++) {
        p->on_record(p, client, &out->records[i]);
    }
    for (uint32_t i = 0; client && i < out->orders_len; i++) {
        if (out->orders[i].kind == JV_ORDER_CONFIGURE) {
            p->last_configure = out->orders[i];
            p->configured = true;
            p->device_mtu = out->orders[i].mtu;
        } else if (out->orders[i].kind == JV_ORDER_MTU) {
            p->device_mtu = out->orders[i].mtu;
            p->device_mtus++;
        } else if (out->orders[i].kind == JV_ORDER_ENDED) {
            p->last_ended = out->orders[i];
            p->ended++;
        } else if ((out->orders[i].kind == JV_ORDER_LINK_TWIN ||
                    out->orders[i].kind == JV_ORDER_LINK_CLOSE) &&
                   p->wishes_len < PAIR_EXTRA) {
            p->wishes[p->wishes_len++] = out->orders[i];
        }
    }
    *out = fresh_out();
}

static void inject(struct pair *p, const struct pair_event *e, const uint8_t *bytes, uint32_t len)
{
    bool to_gateway = e->to_gateway;
    struct jv_core *core = to_gateway ? p->gateway : p->client;
    struct jv_slot slot;
    struct jv_out out = fresh_out();
    if (jv_core_take(core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memcpy(slot.buf + slot.off, bytes, len);
    slot.link = e->link;
    slot.remote = e->remote;
    if (to_gateway) {
        slot.local = e->local;
    }
    struct jv_batch batch = {&slot, 1, 0};
    while (jv_core_datagrams(core, at(p), &batch, &out) == JV_E_AGAIN) {
        drain(p, !to_gateway, &out);
    }
    drain(p, !to_gateway, &out);
}

void pair_inject(struct pair *p, bool to_gateway, uint32_t link, const struct jv_endpoint *remote,
                 const uint8_t *bytes, uint32_t len)
{
    const struct pair_event e = {
        .to_gateway = to_gateway, .link = link, .remote = *remote, .local = p->endpoints[0]};
    inject(p, &e, bytes, len);
}

/* ---- time ---- */

static bool is_paused(const struct pair *p, bool client)
{
    return client ? p->paused_c : p->paused_g;
}

static uint64_t next_ns(struct pair *p, uint32_t *event_out)
{
    uint64_t t = p->paused_c ? UINT64_MAX : jv_core_deadline(p->client).ns;
    t = p->paused_g ? t : JV_MIN(t, jv_core_deadline(p->gateway).ns);
    *event_out = UINT32_MAX;
    t = JV_MAX(t, p->now_ns);
    if (p->up.on) {
        t = JV_MIN(t, p->up.next_ns);
    }
    if (p->down.on) {
        t = JV_MIN(t, p->down.next_ns);
    }
    for (uint32_t i = 0; i < p->events_len; i++) {
        const struct pair_event *e = &p->events[i];
        if (e->due_ns < t || (e->due_ns == t && (*event_out == UINT32_MAX ||
                                                 e->order < p->events[*event_out].order))) {
            t = e->due_ns;
            *event_out = i;
        }
    }
    return t;
}

static void expire(struct pair *p, bool client)
{
    struct jv_core *core = client ? p->client : p->gateway;
    struct jv_out out = fresh_out();
    if (jv_core_deadline(core).ns > p->now_ns || is_paused(p, client)) {
        return;
    }
    *(client ? &p->wakes_c : &p->wakes_g) += 1;
    while (jv_core_expire(core, at(p), &out) == JV_E_AGAIN) {
        drain(p, client, &out);
    }
    drain(p, client, &out);
}

static void run_flow(struct pair *p, struct pair_flow *flow, bool from_client)
{
    if (flow->on && flow->next_ns <= p->now_ns) {
        flow->next_ns += flow->interval_us * 1000ULL;
        if (!is_paused(p, from_client)) {
            flow->sent++;
            pair_packet(p, from_client, flow->bytes);
        }
    }
}

static void arrive(struct pair *p, uint32_t idx)
{
    if (p->is_asleep && !p->events[idx].to_gateway) {
        p->events[idx] = p->events[--p->events_len];
        return;
    }
    if (is_paused(p, !p->events[idx].to_gateway) && p->parked < PARKED_MAX) {
        p->events[idx].due_ns = PARKED_UNTIL;
        p->parked++;
        return;
    }
    struct pair_event e = p->events[idx];
    p->events[idx] = p->events[--p->events_len];
    if (e.is_too_big) {
        const struct jv_command doubt = {
            .kind = JV_CMD_LINK_DOUBTED, .link = e.link, .remote = e.remote, .is_too_big = true};
        (void)pair_command(p, !e.to_gateway, &doubt); /* a claim, which the core may refuse */
    } else if (!is_paused(p, !e.to_gateway)) {
        inject(p, &e, e.bytes, e.len);
    }
}

void pair_pause(struct pair *p, bool client, bool on)
{
    *(client ? &p->paused_c : &p->paused_g) = on;
    for (uint32_t i = 0; !on && i < p->events_len; i++) {
        if (p->events[i].due_ns == PARKED_UNTIL && p->events[i].to_gateway != client) {
            p->events[i].due_ns = p->now_ns;
            p->parked--;
        }
    }
}

/* ---- sockets beside those of the links ---- */

static struct pair_socket *free_socket(struct pair *p)
{
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        if (p->extra[i].handle == 0) {
            return &p->extra[i];
        }
    }
    abort(); /* the core opens one twin at a time, and a test few addresses */
}

static void open_socket(struct pair *p, uint32_t link, uint8_t family, uint32_t twin_of)
{
    struct pair_socket *s = free_socket(p);
    uint16_t port = (uint16_t)(41000 + 10 * p->twins_opened + link);
    struct jv_command command = {.kind = JV_CMD_LINK_ADDED,
                                 .link = ++p->next_handle,
                                 .twin_of = twin_of,
                                 .local = client_endpoint(link, family, port),
                                 .prefer = p->links[link].prefer,
                                 .cost = p->links[link].cost,
                                 .is_cold = p->links[link].is_cold,
                                 .is_metered = p->links[link].is_metered,
                                 .mtu = 1500};
    p->twins_opened++;
    *s = (struct pair_socket){.handle = command.link,
                              .link = link,
                              .twin_of = twin_of,
                              .family = family,
                              .mapped_port = (uint16_t)(port + 10000)};
    (void)snprintf(command.name, sizeof command.name, "link%u/udp", link);
    (void)pair_command(p, true, &command);
}

static void close_socket(struct pair *p, uint32_t handle)
{
    const struct jv_command gone = {.kind = JV_CMD_LINK_GONE, .link = handle};
    struct wire wire = by_handle(p, handle);
    for (uint32_t i = 0; i < PAIR_EXTRA && wire.link != NULL; i++) {
        struct pair_socket *s = &p->extra[i];
        if (s->handle == handle) {
            s->handle = 0;
        } else if (s->handle != 0 && s->twin_of == handle && wire.link->handle == handle) {
            /* The twin is the link's socket from here on. */
            wire.link->handle = s->handle;
            wire.link->mapped_port = s->mapped_port;
            wire.link->is_dead = s->is_dead;
            s->handle = 0;
        }
    }
    (void)pair_command(p, true, &gone);
}

/* What the core ordered, after it has finished. */
static void serve_wishes(struct pair *p)
{
    uint32_t n = p->wishes_len;
    struct jv_order wishes[PAIR_EXTRA];
    memcpy(wishes, p->wishes, n * sizeof wishes[0]);
    p->wishes_len = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct wire wire = by_handle(p, wishes[i].link);
        if (wire.link != NULL && wishes[i].kind == JV_ORDER_LINK_TWIN) {
            open_socket(p, wire.idx, wire.outer.ip.family, wire.handle);
        } else if (wire.link != NULL) {
            close_socket(p, wire.handle);
        }
    }
}

void pair_sleep(struct pair *p, uint64_t ms)
{
    const struct jv_command woke = {.kind = JV_CMD_WOKE, .slept_ms = ms};
    p->is_asleep = true;
    pair_pause(p, true, true);
    pair_run(p, ms);
    p->is_asleep = false;
    (void)pair_command(p, true, &woke);
    pair_pause(p, true, false);
}

void pair_run_us(struct pair *p, uint64_t us)
{
    uint64_t end = p->now_ns + us * 1000;
    uint32_t idle = 0;
    for (;;) {
        uint32_t idx;
        serve_wishes(p);
        uint64_t t = next_ns(p, &idx);
        if (t > end) {
            break;
        }
        idle = t == p->now_ns ? idle + 1 : 0;
        if (idle > 100000) {
            fprintf(stderr, "pair: no progress of time at %" PRIu64 " ns, seed %" PRIu64 "\n", t,
                    p->seed);
            abort();
        }
        p->now_ns = t;
        if (idx != UINT32_MAX) {
            arrive(p, idx);
            continue;
        }
        run_flow(p, &p->up, true);
        run_flow(p, &p->down, false);
        expire(p, true);
        expire(p, false);
    }
    p->now_ns = end;
}

void pair_run(struct pair *p, uint64_t ms)
{
    pair_run_us(p, ms * 1000);
}

bool pair_attach(struct pair *p, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        pair_run(p, 1);
        if (pair_state(p, true) == JV_ST_ATTACHED && pair_state(p, false) == JV_ST_ATTACHED) {
            return true;
        }
    }
    return false;
}

/* ---- inputs ---- */

enum jv_err pair_command(struct pair *p, bool client, const struct jv_command *command)
{
    struct jv_out out = fresh_out();
    enum jv_err err = jv_core_command(client ? p->client : p->gateway, at(p), command, &out);
    drain(p, client, &out);
    return err;
}

bool pair_frames(struct pair *p, bool client, const struct jv_frame *frames, uint32_t n)
{
    struct jv_core *core = client ? p->client : p->gateway;
    struct jv_session *s = jv_core_session_at(core, 0);
    struct jv_out out = fresh_out();
    core->now = at(p);
    bool is_sent = s != NULL && jv_tunnel_frames(core, s, frames, n, 0, &out);
    drain(p, client, &out);
    return is_sent;
}

void pair_link_up(struct pair *p, uint32_t i)
{
    struct pair_link *link = &p->links[i];
    struct jv_command command = {.kind = JV_CMD_LINK_ADDED,
                                 .link = ++p->next_handle,
                                 .prefer = link->prefer,
                                 .cost = link->cost,
                                 .is_cold = link->is_cold,
                                 .is_metered = link->is_metered,
                                 .mtu = link->device_mtu == 0 ? 1500 : link->device_mtu};
    link->up = true;
    link->is_dead = false;
    link->handle = command.link;
    command.local = client_endpoint(i, JV_AF_4, (uint16_t)(40000 + i));
    (void)snprintf(command.name, sizeof command.name, "link%u/udp", i);
    (void)pair_command(p, true, &command);
}

void pair_link_down(struct pair *p, uint32_t i)
{
    struct jv_command command = {.kind = JV_CMD_LINK_GONE, .link = p->links[i].handle};
    p->links[i].up = false;
    (void)pair_command(p, true, &command);
    for (uint32_t k = 0; k < PAIR_EXTRA; k++) {
        if (p->extra[k].handle != 0 && p->extra[k].link == i && p->extra[k].family == JV_AF_4) {
            close_socket(p, p->extra[k].handle);
        }
    }
}

void pair_v6(struct pair *p, uint32_t link, bool on)
{
    if (on) {
        open_socket(p, link, JV_AF_6, 0);
        return;
    }
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        if (p->extra[i].handle != 0 && p->extra[i].link == link && p->extra[i].family == JV_AF_6) {
            close_socket(p, p->extra[i].handle);
        }
    }
}

void pair_kill_ports(struct pair *p, uint32_t link)
{
    p->links[link].is_dead = true;
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        p->extra[i].is_dead = p->extra[i].is_dead || p->extra[i].link == link;
    }
}

void pair_tell_endpoints(struct pair *p, uint32_t set)
{
    struct jv_command command = {.kind = JV_CMD_ENDPOINTS};
    for (uint32_t i = 0; i < p->endpoints_len; i++) {
        if ((set & 1U << i) != 0) {
            command.endpoints[command.endpoints_len++] = p->endpoints[i];
        }
    }
    (void)pair_command(p, true, &command);
}

void pair_link_mtu(struct pair *p, uint32_t i, uint32_t mtu)
{
    struct jv_command command = {.kind = JV_CMD_LINK_MTU, .link = p->links[i].handle, .mtu = mtu};
    p->links[i].device_mtu = mtu;
    (void)pair_command(p, true, &command);
}

void pair_rebind(struct pair *p, uint32_t i)
{
    p->links[i].mapped_port = (uint16_t)(p->links[i].mapped_port + 100);
}

static void inner_packet(const struct pair *p, bool from_client, uint8_t *out, uint32_t len)
{
    static const uint8_t server[4] = {10, 80, 0, 1};
    memset(out, 0, len);
    out[0] = 0x45;
    out[1] = 46 << 2; /* expedited forwarding */
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    out[8] = 64;
    out[9] = 17;
    memcpy(out + 12, from_client ? p->last_configure.address4.ip.b : server, 4);
    memcpy(out + 16, from_client ? server : p->last_configure.address4.ip.b, 4);
}

void pair_inner(struct pair *p, bool from_client, const uint8_t *bytes, uint32_t len)
{
    struct jv_core *core = from_client ? p->client : p->gateway;
    struct jv_slot slot;
    struct jv_out out = fresh_out();
    if (jv_core_take(core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memcpy(slot.buf + slot.off, bytes, len);
    struct jv_batch batch = {&slot, 1, 0};
    while (jv_core_packets(core, at(p), &batch, &out) == JV_E_AGAIN) {
        drain(p, from_client, &out);
    }
    drain(p, from_client, &out);
}

void pair_packet(struct pair *p, bool from_client, uint32_t bytes)
{
    uint8_t packet[JV_BUF_ROOM];
    uint32_t len = JV_MIN(JV_MAX(bytes, 28U), JV_BUF_ROOM);
    inner_packet(p, from_client, packet, len);
    struct jv_wr wr = jv_wr_init(packet + 20, 8);
    jv_wr_u64(&wr, from_client ? p->up.sent : p->down.sent);
    pair_inner(p, from_client, packet, len);
}

void pair_flow_start(struct pair *p, struct pair_flow *flow, uint32_t interval_us, uint32_t bytes)
{
    *flow = (struct pair_flow){
        .on = true, .interval_us = interval_us, .bytes = bytes, .next_ns = p->now_ns};
}

/* ---- life ---- */

static void *start(const struct pair *p, const struct jv_core_cfg *cfg, struct jv_prng *prng,
                   struct jv_core **core)
{
    size_t bytes = jv_core_bytes(cfg);
    void *mem = bytes > 0 ? aligned_alloc(64, (bytes + 63) & ~(size_t)63) : NULL;
    if (mem == NULL) {
        abort();
    }
    memset(mem, 0, bytes);
    if (jv_core_init(mem, cfg, (struct jv_entropy){fill, prng}, at(p), core) != JV_E_OK) {
        abort();
    }
    return mem;
}

static struct jv_key key_of(uint8_t n)
{
    struct jv_key key;
    memset(key.b, n, sizeof key.b);
    return key;
}

static struct jv_core_cfg client_cfg(const struct pair_cfg *cfg)
{
    struct jv_core_cfg c = {.role = JV_ROLE_CLIENT,
                            .private_key = key_of(cfg->unknown_user ? 0x33 : 0x11),
                            .buffers = cfg->buffers != 0 ? cfg->buffers : BUFFERS,
                            .first_seq = 1,
                            .jitter_seed = cfg->seed,
                            .mtu = JV_MTU_DEFAULT,
                            .dscp = cfg->dscp,
                            .rebirth = cfg->rebirth,
                            .offer_aes = !cfg->no_aes,
                            .psk = key_of(cfg->wrong_psk ? 0x45 : 0x44)};
    const struct jv_key gateway_private = key_of(0x22);
    c.policy = cfg->policy != NULL ? *cfg->policy : jv_policy_presets[cfg->preset];
    c.allowed[0] = (struct jv_prefix){{{0}, JV_AF_4, {0}}, 0};
    c.allowed[1] = (struct jv_prefix){{{0}, JV_AF_6, {0}}, 0};
    c.allowed_len = 2;
    if (jv_dh_public(&gateway_private, &c.gateway_key) != JV_E_OK) {
        abort();
    }
    c.gateway_key.b[0] ^= cfg->wrong_gateway_key ? 1 : 0;
    return c;
}

static void start_gateway(struct pair *p, const struct pair_cfg *cfg)
{
    static struct jv_user user;
    const struct jv_key known_key = key_of(0x11);
    struct jv_core_cfg g = client_cfg(cfg);
    g.role = JV_ROLE_GATEWAY;
    g.private_key = key_of(0x22);
    g.rebirth = false;
    g.sessions_max = g.users_max = 8;
    g.half_open_max = cfg->half_open_max != 0 ? cfg->half_open_max : 8;
    if (jv_dh_public(&known_key, &user.public_key) != JV_E_OK) {
        abort();
    }
    memcpy(user.name, "alice", 6);
    user.psk = key_of(0x44);
    g.users = &user;
    g.users_len = 1;
    g.pool4 = (struct jv_prefix){{{10, 80, 0, 0}, JV_AF_4, {0}}, 24};
    g.pool6 = (struct jv_prefix){{{0xfd, 0x80, 0x4a, 0x56}, JV_AF_6, {0}}, 64};
    p->gateway_mem = start(p, &g, &p->entropy_g, &p->gateway);
}

/* The client's core with its links and its wish for a session. */
static void start_client(struct pair *p, const struct pair_cfg *cfg)
{
    const struct jv_core_cfg c = client_cfg(cfg);
    p->client_mem = start(p, &c, &p->entropy_c, &p->client);
    p->endpoints_len = 0;
    p->endpoints[p->endpoints_len++] = gateway_endpoints[0];
    if (cfg->has_second) {
        p->endpoints[p->endpoints_len++] = gateway_endpoints[1];
    }
    if (cfg->has_v6) {
        p->endpoints[p->endpoints_len++] = gateway_endpoints[2];
    }
    pair_tell_endpoints(p, UINT32_MAX);
    for (uint32_t i = 0; i < cfg->links; i++) {
        pair_link_up(p, i);
    }
    (void)pair_command(p, true, &(struct jv_command){.kind = JV_CMD_UP});
}

void pair_restart_client(struct pair *p, const struct pair_cfg *cfg)
{
    jv_core_fini(p->client);
    free(p->client_mem);
    start_client(p, cfg);
}

void pair_init(struct pair *p, const struct pair_cfg *cfg)
{
    memset(p, 0, sizeof *p);
    if (jv_crypto_init() != JV_E_OK) {
        abort();
    }
    p->now_ns = JV_NS_PER_S;
    p->seed = cfg->seed;
    p->buffers = cfg->buffers != 0 ? cfg->buffers : BUFFERS;
    p->entropy_c.state = cfg->seed * 3 + 1;
    p->entropy_g.state = cfg->seed * 3 + 2;
    p->events = calloc(PAIR_EVENTS, sizeof *p->events);
    p->log_c.records = calloc(PAIR_LOG, sizeof *p->log_c.records);
    p->log_g.records = calloc(PAIR_LOG, sizeof *p->log_g.records);
    if (p->events == NULL || p->log_c.records == NULL || p->log_g.records == NULL) {
        abort();
    }
    p->links_len = cfg->links;
    for (uint32_t i = 0; i < cfg->links; i++) {
        p->links[i].delay_us = cfg->rtt_us[i] / 2;
        p->links[i].mapped_port = (uint16_t)(50000 + i);
        p->links[i].prefer = cfg->terms[i].prefer != 0 ? cfg->terms[i].prefer : 100 - i * 10;
        p->links[i].cost = cfg->terms[i].cost;
        p->links[i].is_cold = cfg->terms[i].is_cold;
        p->links[i].is_metered = cfg->terms[i].is_metered;
        emu_init(&p->links[i].emu, cfg->seed * PAIR_LINKS + i);
    }
    start_gateway(p, cfg);
    start_client(p, cfg);
}

void pair_fini(struct pair *p)
{
    jv_core_fini(p->client);
    jv_core_fini(p->gateway);
    free(p->client_mem);
    free(p->gateway_mem);
    free(p->events);
    free(p->log_c.records);
    free(p->log_g.records);
}

/* ---- looking ---- */

bool pair_status(const struct pair *p, bool client, struct jv_session_status *out)
{
    uint32_t cursor = 0;
    return jv_core_session(client ? p->client : p->gateway, at(p), &cursor, out);
}

uint32_t pair_leaked(const struct pair *p, bool client)
{
    const struct jv_core *core = client ? p->client : p->gateway;
    struct jv_counters count;
    jv_core_counters(core, &count);
    uint64_t used = client ? core->client->held_len : 0;
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        const struct jv_session *s = jv_core_session_at(core, i);
        used += s != NULL ? s->waiting_len + s->kept.len : 0;
    }
    return (uint32_t)(p->buffers - count.buffers_free - used);
}

enum jv_state pair_state(const struct pair *p, bool client)
{
    struct jv_session_status status;
    return pair_status(p, client, &status) ? status.state : JV_ST_END;
}

uint32_t pair_count(const struct pair_log *log, enum jv_event_type event, enum jv_why why)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < log->len; i++) {
        n += log->records[i].event == event && (why == JV_WHY_NONE || log->records[i].reason == why)
                 ? 1
                 : 0;
    }
    return n;
}

static void print_one(const struct pair *p, char side, const struct jv_record *rec)
{
    (void)p;
    double ms = (double)(rec->at.ns - JV_NS_PER_S) / 1e6;
    printf("%12.3f %c ", ms, side);
    if (rec->event == JV_REC_SessionStateChange) {
        printf("%s -> %s %s", jv_state_name((enum jv_state)rec->from),
               jv_state_name((enum jv_state)rec->to), jv_why_name((enum jv_why)rec->reason));
    } else {
        printf("%s %s", jv_event_name((enum jv_event_type)rec->event),
               jv_why_name((enum jv_why)rec->reason));
    }
    printf("%s%s\n", rec->path[0] != '\0' ? " " : "", rec->path);
}

void pair_print(const struct pair *p, bool all)
{
    uint32_t c = 0;
    uint32_t g = 0;
    while (c < p->log_c.len || g < p->log_g.len) {
        bool from_client = g == p->log_g.len || (c < p->log_c.len && p->log_c.records[c].at.ns <=
                                                                         p->log_g.records[g].at.ns);
        const struct jv_record *rec = from_client ? &p->log_c.records[c++] : &p->log_g.records[g++];
        if (all || rec->event == JV_REC_SessionStateChange) {
            print_one(p, from_client ? 'C' : 'G', rec);
        }
    }
}
