/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "wire.h"
#include "world.h"

#define HELD_MAX JV_HELD_MAX /* traffic that overtook the ACK has not ended yet */
#define PACKET_HEAD 30U      /* IPv4 header, number, client, direction */

/* ---- records ---- */

void check_start(struct sim_world *w, struct sim_node *node)
{
    const struct jv_verify_cfg cfg = {.sessions_max = 64, .is_exact_time = w->is_exact_time};
    size_t bytes = (jv_verify_bytes(cfg.sessions_max) + 15) & ~(size_t)15;
    if (node->verify_mem == NULL) {
        node->verify_mem = aligned_alloc(16, bytes);
        if (node->verify_mem == NULL) {
            abort();
        }
    }
    memset(node->verify_mem, 0, bytes);
    node->verify = jv_verify_init(node->verify_mem, &cfg);
    memset(node->last_bound, 0, sizeof node->last_bound);
}

static void say_law(struct sim_world *w, const struct sim_node *node)
{
    const struct jv_verify_report *r = jv_verify_result(node->verify);
    world_wrong(w, false, "node %u record %" PRIu64 ", %s: %s", node->idx, r->first_wrong,
                jv_verify_law_text(r->law), r->text);
}

void check_stop(struct sim_world *w, struct sim_node *node, bool is_end)
{
    if (is_end && !jv_verify_end(node->verify)) {
        say_law(w, node);
    }
}

static void tally(struct sim_world *w, const struct sim_node *node, const struct jv_record *rec)
{
    struct sim_tally *t = &w->tally;
    bool is_client = node->is_client;
    t->records++;
    t->births += !is_client && rec->event == JV_REC_SessionCreated ? 1 : 0;
    t->switches += is_client && rec->event == JV_REC_TransportSwitch ? 1 : 0;
    t->rebinds += is_client && rec->event == JV_REC_TransportRebound ? 1 : 0;
    t->rekeys += is_client && rec->event == JV_REC_KeyRotated ? 1 : 0;
    t->ends += is_client && rec->event == JV_REC_SessionTerminated ? 1 : 0;
    t->denied += rec->event == JV_REC_TransportSwitchDenied ? 1 : 0;
    t->replays_seen += rec->event == JV_REC_SecurityReplayDetected ? 1 : 0;
}

static void print_record(const struct sim_world *w, const struct sim_node *node,
                         const struct jv_record *rec)
{
    uint64_t us = (w->now_ns - SIM_START_NS) / JV_NS_PER_US;
    printf("%9" PRIu64 ".%03" PRIu64 " %s%u ", us / 1000, us % 1000, node->is_client ? "C" : "G",
           node->is_client ? node->idx - w->gateways_len : node->idx);
    if (rec->event == JV_REC_SessionStateChange) {
        printf("%s -> %s ", jv_state_name((enum jv_state)rec->from),
               jv_state_name((enum jv_state)rec->to));
    } else {
        printf("%s ", jv_event_name((enum jv_event_type)rec->event));
    }
    printf("%s %s sid %02x%02x v %" PRIu64 "\n", jv_why_name((enum jv_why)rec->reason), rec->path,
           rec->sid.b[0], rec->sid.b[1], rec->v);
}

void check_record(struct sim_world *w, struct sim_node *node, const struct jv_record *rec)
{
    tally(w, node, rec);
    world_mix(w, rec->at.ns);
    world_mix(w, rec->seq << 32 | (uint64_t)rec->event << 16 | rec->reason);
    if (w->print) {
        print_record(w, node, rec);
    }
    if (node->is_client && w->armed_len > 0 && rec->event == JV_REC_SessionStateChange &&
        (rec->from == JV_ST_ATTACHED || rec->to == JV_ST_RECOVERING)) {
        plan_provoke(w, node->idx - w->gateways_len);
    }
    if (node->is_client && rec->event == JV_REC_SessionTerminated) {
        struct sim_client *client = &w->clients[node->idx - w->gateways_len];
        if (client->must_live && rec->reason == JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED) {
            world_wrong(w, true, "the links of client %u are well, and its session ends without",
                        node->idx - w->gateways_len);
        }
        client->must_live = false;
    } else if (rec->event == JV_REC_SessionTerminated) {
        for (uint32_t c = 0; c < w->clients_len; c++) { /* whose it was is not said here */
            w->clients[c].must_live = false;
        }
    }
    if (!jv_verify_record(node->verify, rec, node->is_client ? "C" : "G")) {
        say_law(w, node);
    }
}

/* ---- inner packets ---- */

static uint8_t filler(uint64_t number, uint32_t at)
{
    return (uint8_t)(number * 31 + at);
}

void check_make_packet(const struct sim_world *w, uint32_t client, bool is_up, uint64_t number,
                       uint8_t *out, uint32_t len)
{
    const uint8_t server[4] = {10, 80, (uint8_t)w->clients[client].gateway, 1};
    const uint8_t *own = w->clients[client].address4.ip.b;
    struct jv_wr wr = jv_wr_init(out + 20, 10);
    memset(out, 0, 20);
    out[0] = 0x45;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    out[8] = 64;
    out[9] = 253; /* RFC 3692: for experiments */
    memcpy(out + 12, is_up ? own : server, 4);
    memcpy(out + 16, is_up ? server : own, 4);
    jv_wr_u64(&wr, number);
    jv_wr_u8(&wr, (uint8_t)client);
    jv_wr_u8(&wr, is_up ? 1 : 0);
    for (uint32_t i = PACKET_HEAD; i < len; i++) {
        out[i] = filler(number, i);
    }
}

/* The core's own answer to a packet that did not fit. */
static bool is_too_big(const uint8_t *packet)
{
    return packet[0] == 0x45 && packet[9] == 1 && packet[20] == 3 && packet[21] == 4;
}

static bool is_whole(const uint8_t *packet, uint32_t len, uint64_t number)
{
    for (uint32_t i = PACKET_HEAD; i < len; i++) {
        if (packet[i] != filler(number, i)) {
            return false;
        }
    }
    return packet[0] == 0x45 && packet[9] == 253 && ((uint32_t)packet[2] << 8 | packet[3]) == len;
}

void check_inner(struct sim_world *w, struct sim_node *node, const struct jv_slot *slot)
{
    const uint8_t *packet = slot->buf + slot->off;
    if (slot->len < PACKET_HEAD || is_too_big(packet)) {
        return;
    }
    struct jv_rd rd = jv_rd_init(packet + 20, 10);
    uint64_t number = jv_rd_u64(&rd);
    uint32_t client = jv_rd_u8(&rd);
    bool is_up = jv_rd_u8(&rd) != 0;
    bool is_fragment = (packet[6] & 0x3f) != 0 || packet[7] != 0;
    if (is_fragment) {
        return; /* of a packet that its path could not carry whole */
    }
    if (client >= w->clients_len || !is_whole(packet, slot->len, number)) {
        world_wrong(w, false, "node %u gives out an inner packet that nobody sent", node->idx);
        return;
    }
    uint32_t there = is_up ? w->clients[client].gateway : w->gateways_len + client;
    if (node->idx != there) {
        world_wrong(w, false, "an inner packet of client %u comes out at node %u", client,
                    node->idx);
        return;
    }
    struct sim_flow *flow = is_up ? &w->clients[client].up : &w->clients[client].down;
    uint8_t bit = (uint8_t)(1U << number % 8);
    if (number >= flow->sent) {
        world_wrong(w, false, "inner packet %" PRIu64 " of client %u was never sent", number,
                    client);
        return;
    }
    if ((flow->seen[number / 8] & bit) != 0) {
        world_wrong(w, false, "inner packet %" PRIu64 " of client %u comes out twice", number,
                    client);
    }
    flow->seen[number / 8] |= bit;
    flow->received++;
}

/* ---- who is bound where ---- */

static struct sim_sid *sid_of(struct sim_world *w, const struct jv_session_status *s)
{
    for (uint32_t i = 0; i < w->sids_len; i++) {
        if (memcmp(&w->sids[i].sid, &s->sid, sizeof s->sid) == 0) {
            return &w->sids[i];
        }
    }
    struct sim_sid *fresh = &w->sids[w->sids_len < SIM_SIDS ? w->sids_len++ : 0];
    *fresh = (struct sim_sid){.sid = s->sid, .user = UINT32_MAX, .gateway = UINT32_MAX};
    return fresh;
}

static void check_sid(struct sim_world *w, const struct sim_node *node, uint32_t user,
                      const struct jv_session_status *s)
{
    struct sim_sid *known = sid_of(w, s);
    uint32_t gateway = node->is_client ? w->clients[user].gateway : node->idx;
    uint32_t side = node->is_client ? 1 : 0;
    if (known->user == UINT32_MAX) {
        known->user = user;
        known->gateway = gateway;
    }
    if (known->user != user || known->gateway != gateway) {
        world_wrong(w, false, "session %02x%02x is client %u's at gateway %u, and %u's at %u",
                    s->sid.b[0], s->sid.b[1], known->user, known->gateway, user, gateway);
    }
    if (s->v < known->v[side]) {
        world_wrong(w, false, "the version at node %u went back from %" PRIu64 " to %" PRIu64,
                    node->idx, known->v[side], s->v);
    }
    known->v[side] = s->v;
    if (known->v[0] != 0 && known->v[1] > known->v[0] && w->nodes[gateway].incarnation == 1) {
        world_wrong(w, false, "client %u is at version %" PRIu64 ", its gateway at %" PRIu64, user,
                    known->v[1], known->v[0]);
    }
    if (known->is_over[side] && s->state != JV_ST_TERMINATED) {
        world_wrong(w, false, "a session that ended at node %u lives again", node->idx);
    }
    known->is_over[side] = known->is_over[side] || s->state == JV_ST_TERMINATED;
}

static bool is_stranger_relay(const struct sim_world *w, const struct jv_endpoint *ep)
{
    for (uint32_t i = 0; i < w->adversary.strangers_len; i++) {
        const struct sim_stranger *s = &w->adversary.strangers[i];
        if (s->is_relay && jv_endpoint_is_equal(&s->ep, ep)) {
            return true;
        }
    }
    return false;
}

static void check_bound(struct sim_world *w, struct sim_node *node, uint32_t user,
                        const struct jv_session_status *s)
{
    uint32_t active = 0;
    for (uint32_t i = 0; i < s->paths_len; i++) {
        const struct jv_path_status *path = &s->paths[i];
        if (path->role != JV_PATH_ACTIVE) {
            continue;
        }
        active++;
        if (jv_endpoint_is_equal(&path->remote, &node->last_bound[user])) {
            continue;
        }
        char text[JV_ADDR_TEXT_BYTES];
        (void)jv_endpoint_format(&path->remote, text, sizeof text);
        bool is_own = node->is_client ? path->remote.port == 4433
                                      : path_was_of(w, user, &path->remote) ||
                                            is_stranger_relay(w, &path->remote);
        if (!is_own) {
            world_wrong(w, false, "node %u binds the session of client %u to %s, which is nobody's",
                        node->idx, user, text);
        }
        node->last_bound[user] = path->remote;
    }
    if (active > 1) {
        world_wrong(w, false, "node %u: %u transports of one session are active", node->idx,
                    active);
    }
}

static bool is_unnamed(const struct jv_sid *sid)
{
    static const struct jv_sid none;
    return memcmp(sid, &none, sizeof none) == 0;
}

void check_node(struct sim_world *w, struct sim_node *node)
{
    uint32_t cursor = 0;
    uint32_t live[SIM_CLIENTS] = {0};
    struct jv_prefix addresses[SIM_CLIENTS] = {0};
    struct jv_session_status s;
    while (jv_core_session(node->core, (struct jv_instant){node_now(w, node)}, &cursor, &s)) {
        uint32_t user = node->is_client ? node->idx - w->gateways_len : (uint32_t)(s.user[1] - '0');
        if (user >= w->clients_len) {
            world_wrong(w, false, "node %u has a session of the unknown user %s", node->idx,
                        s.user);
            return;
        }
        if (s.state == JV_ST_BIRTH || is_unnamed(&s.sid)) {
            continue; /* a birth that failed ends without a name */
        }
        check_sid(w, node, user, &s);
        if (s.state == JV_ST_TERMINATED) {
            continue;
        }
        check_bound(w, node, user, &s);
        live[user]++;
        addresses[user] = s.address4;
    }
    for (uint32_t a = 0; !node->is_client && a < w->clients_len; a++) {
        if (live[a] > 1) {
            world_wrong(w, false, "client %u has %u sessions at gateway %u", a, live[a], node->idx);
        }
        for (uint32_t b = 0; b < a; b++) {
            if (live[a] > 0 && live[b] > 0 && jv_ip_is_equal(&addresses[a].ip, &addresses[b].ip)) {
                world_wrong(w, false, "clients %u and %u have one inner address", a, b);
            }
        }
    }
}

bool check_is_home(struct sim_world *w, uint32_t client)
{
    struct jv_session_status c;
    struct jv_session_status g;
    const struct sim_client *cl = &w->clients[client];
    bool has_c = node_session(w, node_of_client(w, client), client, &c);
    bool has_g = node_session(w, &w->nodes[cl->gateway], client, &g);
    if (!cl->is_wanted || (has_c && c.state == JV_ST_TERMINATED && !cl->rebirth)) {
        return !has_g;
    }
    return has_c && has_g && c.state == JV_ST_ATTACHED && g.state == JV_ST_ATTACHED &&
           memcmp(&c.sid, &g.sid, sizeof c.sid) == 0;
}

void check_conserved(struct sim_world *w, struct sim_node *node, bool is_end)
{
    struct jv_counters count;
    jv_core_counters(node->core, &count);
    uint64_t dropped =
        node->ended_in_drop + count.drops[JV_DROP_TERMINATED] + count.drops[JV_DROP_UNBOUND];
    uint64_t ended = dropped + node->ended_in_tun;
    uint64_t held = is_end ? 0 : HELD_MAX;
    if (ended > node->given || node->given - ended > held) {
        world_wrong(w, false,
                    "node %u was given %" PRIu64 " datagrams; %" PRIu64
                    " ended in a counter and %" PRIu64 " in packets",
                    node->idx, node->given, dropped, node->ended_in_tun);
    }
    if (is_end && count.buffers_free + node->hoard_len != node->cfg.buffers) {
        world_wrong(w, false, "node %u has %" PRIu64 " of its %u buffers", node->idx,
                    count.buffers_free, node->cfg.buffers);
    }
}
