/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cores and a network between them, driven by a script of bytes: time passes, datagrams are lost, doubled, swapped, held, spoilt,
 * sent again from here or elsewhere, links go down and up, addresses and names move, machines sleep, processes stall and die, users
 * and operators do what they do. After each step the laws of both cores are judged (judge.h); one input in eight runs twice, with
 * other bytes around every packet in its buffer, and must leave the same trace.
 *
 * Two bytes of head, then steps of two bytes, an operation and its argument; a few operations read on.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "wire.h"

#define STEPS_MAX 200U
#define RUN_MAX_MS 60000U /* of virtual time, so that no input is slow */
#define BUFFERS 512U
#define EVENTS 1024U
#define BURST 64U
#define REMEMBERED 32U
#define RESTARTS_MAX 3U
#define GARBAGE_MAX 96U

static struct pair pair;
static struct pair_cfg cfg;
static struct world {
    struct pair_event remembered[REMEMBERED]; /* ring */
    uint64_t remembered_len;
    uint32_t restarts;
    uint64_t end_ns; /* of the time that the input may use */
    bool may_sleep;
} world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_ms(uint64_t ms)
{
    uint64_t left_ms = pair.now_ns < world.end_ns ? (world.end_ns - pair.now_ns) / JV_NS_PER_MS : 0;
    pair_run(&pair, JV_MIN(ms, left_ms));
}

/* ---- datagrams under way, and those of earlier ---- */

static bool remember(struct pair *p, const struct pair_event *e)
{
    (void)p;
    memcpy(&world.remembered[world.remembered_len++ % REMEMBERED], e,
           offsetof(struct pair_event, bytes) + e->len);
    judge_datagram(e);
    return true;
}

static void trouble_queue(uint8_t how, uint8_t which)
{
    if (pair.events_len == 0) {
        return;
    }
    uint32_t at = which % pair.events_len;
    uint32_t other = (which + 1U) % pair.events_len;
    const uint64_t due = pair.events[at].due_ns;
    if (how == 0) {
        pair_event_drop(&pair, at);
    } else if (how == 1) {
        (void)pair_event_add(&pair, &pair.events[at], due + which * 1000ULL); /* full: no copy */
    } else if (how == 2) {
        pair_event_move(&pair, at, pair.events[other].due_ns);
        pair_event_move(&pair, other, due);
    } else {
        pair_event_move(&pair, at, due + which * JV_NS_PER_MS);
    }
}

static struct jv_endpoint elsewhere(struct jv_endpoint ep, uint8_t how)
{
    ep.port ^= how & 1;
    ep.ip.b[3] ^= how >> 1 & 3;
    if (how & 8) {
        ep = (struct jv_endpoint){.ip = {{198, 51, 100, 7}, JV_AF_4, {0}}, .port = 9};
    }
    return ep;
}

/* The newest in the queue is spoilt or comes from somewhere else. */
static void spoil(uint8_t which, struct jv_rd *rd)
{
    uint16_t place = jv_rd_u16(rd);
    uint8_t flip = jv_rd_u8(rd);
    if (pair.events_len == 0) {
        return;
    }
    struct pair_event *e = &pair.events[which % pair.events_len];
    if (e->is_too_big) {
        return;
    }
    if (flip == 0) {
        e->remote = elsewhere(e->remote, (uint8_t)place);
    } else if (place & 0x8000) {
        e->len = place % (JV_BUF_ROOM + 1);
    } else if (e->len > 0) {
        e->bytes[place % e->len] ^= flip;
    }
}

static void send_again(uint8_t which, struct jv_rd *rd)
{
    uint8_t how = jv_rd_u8(rd);
    if (world.remembered_len == 0) {
        return;
    }
    uint64_t back = which % JV_MIN(world.remembered_len, (uint64_t)REMEMBERED);
    struct pair_event e = world.remembered[(world.remembered_len - 1 - back) % REMEMBERED];
    uint32_t link = e.to_gateway ? 0 : e.link % pair.links_len;
    e.remote = elsewhere(e.remote, how & 15);
    pair_enqueue(&pair, e.to_gateway, link, &e.remote, (how >> 4) * 4000U, e.bytes, e.len);
}

static void send_garbage(uint8_t how, struct jv_rd *rd)
{
    uint8_t bytes[GARBAGE_MAX] = {0};
    uint32_t len = jv_rd_u8(rd) % (GARBAGE_MAX + 1);
    len = JV_MIN(len, (uint32_t)rd->left);
    jv_rd_bytes(rd, bytes, len);
    bool to_gateway = (how & 1) != 0;
    struct jv_endpoint from = pair.endpoints[0];
    if (to_gateway) {
        from = (struct jv_endpoint){.ip = {{192, 0, 2, 1}, JV_AF_4, {0}},
                                    .port = pair.links[0].mapped_port};
    }
    if (how & 2) {
        from = elsewhere(from, how >> 2 & 15);
    }
    pair_enqueue(&pair, to_gateway, 0, &from, 0, bytes, len);
}

/* ---- orders ---- */

static void command(uint8_t which)
{
    struct jv_command c = {.kind = JV_CMD_UP};
    bool client = true;
    switch (which % 6) {
    case 0:
        break;
    case 1:
        c.kind = JV_CMD_DOWN;
        break;
    case 2:
        c.kind = JV_CMD_DOWN;
        client = false;
        break;
    case 3:
        c.kind = JV_CMD_LINK_DOUBTED;
        c.link = pair.links[which / 6 % pair.links_len].handle;
        c.remote = (struct jv_endpoint){.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
        c.is_too_big = (which & 0x80) != 0;
        c.mtu = which * 8U;
        break;
    default:
        c.kind = JV_CMD_SWITCH;
        c.link = pair.links[which / 6 % pair.links_len].handle;
        break;
    }
    (void)pair_command(&pair, client, &c); /* a refusal is an answer */
}

static void reload(bool client, bool is_grace)
{
    struct jv_command c = {.kind = JV_CMD_POLICY,
                           .policy = jv_core_session_at(pair.client, 0) != NULL
                                         ? jv_core_session_at(pair.client, 0)->policy
                                         : jv_policy_presets[JV_PRESET_FAST],
                           .is_grace = is_grace};
    c.policy.quiet_after_ms = is_grace ? 200 : 0;
    c.policy.resend_max_kib = is_grace ? 16 : 1024;
    c.policy.max_lifetime_ms ^= 1;
    (void)pair_command(&pair, client, &c);
}

/* One field of the policy gets another value, on either side; what breaks a rule is not given to a core (core.h). */
static void reload_field(uint8_t which, struct jv_rd *rd)
{
    struct jv_command c = {.kind = JV_CMD_POLICY, .policy = *cfg.policy};
    enum jv_policy_field blamed;
    enum jv_policy_field field = (enum jv_policy_field)(jv_rd_u8(rd) % JV_POLICY_FIELDS);
    uint32_t value = jv_rd_u16(rd);
    const struct jv_policy_row *row = &jv_policy_rows[field];
    jv_policy_set(&c.policy, field, row->min + value % (row->max - row->min + 1U));
    bool client = (which & 1) != 0;
    c.is_grace = (which & 2) != 0;
    if (jv_policy_check(&c.policy, &blamed) != NULL) {
        return;
    }
    if (!client && (which & 4)) {
        c.clamp.has_bounds = true;
        c.clamp.bounds = c.policy;
        c.clamp.heartbeat_min_ms = which & 8 ? 200 : 0;
    }
    (void)pair_command(&pair, client, &c); /* a clamp that fits nothing is refused */
}

/* Whom the gateway knows, with which secrets, and whether its policy can be read at all. */
static void change_users(uint8_t which)
{
    struct jv_user alice = {.name = "alice"};
    struct jv_key private_key;
    struct jv_command c = {.kind = JV_CMD_USERS, .users = &alice};
    memset(private_key.b, 0x11, sizeof private_key.b);
    JV_ASSERT(jv_dh_public(&private_key, &alice.public_key) == JV_E_OK);
    memset(alice.psk.b, which & 4 ? 0x45 : 0x44, sizeof alice.psk.b);
    memset(alice.psk_previous.b, which & 8 ? 0x44 : 0, sizeof alice.psk_previous.b);
    c.users_len = which & 1;
    bool client = false;
    if ((which & 0x30) == 0x10) {
        c = (struct jv_command){.kind = JV_CMD_POLICY_INVALID};
    } else if ((which & 0x30) == 0x20) {
        c = (struct jv_command){.kind = JV_CMD_PSK};
        memset(c.psk.b, which & 4 ? 0x45 : 0x44, sizeof c.psk.b);
        client = true;
    }
    (void)pair_command(&pair, client, &c);
}

/* What an operator steers with, new bounds, sleep, and a NAT that swallows a mapping. */
static void steer(uint8_t which)
{
    static const enum jv_command_kind kinds[] = {JV_CMD_PATH_OFF, JV_CMD_PATH_ON,
                                                 JV_CMD_PATH_PREFER, JV_CMD_PROBE, JV_CMD_HOLD};
    uint32_t link = which / 8U % pair.links_len;
    uint32_t kind = which % 8U;
    if (kind < JV_ARRAY_LEN(kinds)) {
        const struct jv_command c = {.kind = kinds[kind],
                                     .link = pair.links[link].handle,
                                     .prefer = which,
                                     .hold_ms = which * 100U};
        (void)pair_command(&pair, true, &c);
    } else if (kind == 5) {
        reload((which & 8) != 0, (which & 16) != 0);
    } else if (kind == 6 && world.may_sleep) {
        pair_sleep(&pair, which * 20U);
    } else if (kind == 7) {
        pair_kill_ports(&pair, link);
    }
}

/* ---- links ---- */

static void trouble_link(uint8_t how, uint8_t which)
{
    struct pair_link *link = &pair.links[which % pair.links_len];
    uint32_t idx = (uint32_t)(link - pair.links);
    if (how == 0 && link->up) {
        pair_link_down(&pair, idx);
    } else if (how == 0) {
        pair_link_up(&pair, idx);
    } else if (how == 1) {
        link->hole_up = (which & 0x40) != 0;
        link->hole_down = (which & 0x80) != 0;
    } else if (how == 2) {
        pair_rebind(&pair, idx);
    } else {
        link->delay_us = 100U + which * 1000U;
    }
}

static void shape_link(uint8_t which, struct jv_rd *rd)
{
    struct pair_link *link = &pair.links[which % pair.links_len];
    uint32_t value = jv_rd_u8(rd);
    switch (which >> 2 & 7) {
    case 0:
        link->loss_ppm = value * 2000U;
        break;
    case 1:
        link->dup_ppm = value * 2000U;
        break;
    case 2:
        link->jitter_us = value * 200U;
        break;
    case 3:
        link->mtu_up = value == 0 ? 0 : 512U + value * 4U;
        break;
    case 4:
        link->mtu_down = value == 0 ? 0 : 512U + value * 4U;
        break;
    case 5:
        if (link->up) {
            pair_link_mtu(&pair, (uint32_t)(link - pair.links), 512U + value * 5U);
        }
        break;
    case 6:
        pair_tell_endpoints(&pair, value);
        break;
    default:
        pair.endpoint_hole[value % JV_ARRAY_LEN(pair.endpoint_hole)] = (value & 4) != 0;
        break;
    }
}

static void trouble_v6(uint8_t which)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        used += pair.extra[i].handle != 0 ? 1 : 0;
    }
    uint32_t link = which / 2U % pair.links_len;
    if (cfg.has_v6 && pair.links[link].up && ((which & 1) == 0 || used + 2 < PAIR_EXTRA)) {
        pair_v6(&pair, link, (which & 1) != 0);
    }
}

/* ---- hosts ---- */

static void stall(uint8_t which)
{
    bool client = (which & 1) != 0;
    if (world.may_sleep) {
        pair_pause(&pair, client, true);
        run_ms((which >> 1) * 10U);
        pair_pause(&pair, client, false);
    }
}

/* The process of the client dies; what it wrote down begins anew with the next one. */
static void restart(void)
{
    if (world.restarts++ < RESTARTS_MAX) {
        for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
            pair.extra[i].handle = 0;
        }
        pair.wishes_len = 0;
        judge_begin_stream(&judge.client);
        pair_restart_client(&pair, &cfg);
    }
}

/* An inner packet of the input's own bytes; mostly with addresses that may pass. */
static void send_inner(uint8_t how, struct jv_rd *rd)
{
    static const uint8_t server[4] = {10, 80, 0, 1};
    uint8_t packet[JV_BUF_ROOM] = {0x45};
    bool from_client = (how & 1) != 0;
    uint32_t len = jv_rd_u8(rd);
    uint32_t given = JV_MIN(JV_MIN(len, (uint32_t)rd->left), 64U);
    len = how & 2 ? JV_MIN(1200U + 3U * len, JV_BUF_ROOM) : len;
    jv_rd_bytes(rd, packet, given);
    if (how & 4 && len >= 20) {
        const uint8_t *own = pair.last_configure.address4.ip.b;
        packet[0] = 0x45;
        packet[2] = (uint8_t)(len >> 8);
        packet[3] = (uint8_t)len;
        memcpy(packet + 12, from_client ? own : server, 4);
        memcpy(packet + 16, from_client ? server : own, 4);
    }
    pair_inner(&pair, from_client, packet, len);
}

static void set_flow(uint8_t how)
{
    struct pair_flow *flow = how & 1 ? &pair.up : &pair.down;
    if (how & 2) {
        flow->on = false;
    } else {
        pair_flow_start(&pair, flow, 5000U + (how >> 2) * 500U, 60U + how * 5U);
    }
}

/* ---- the script ---- */

static void newer_step(uint8_t op, uint8_t arg, struct jv_rd *rd)
{
    switch (op) {
    case 16:
        spoil(arg, rd);
        break;
    case 17:
        send_again(arg, rd);
        break;
    case 18:
        send_garbage(arg, rd);
        break;
    case 19:
        run_ms((arg % 64U) * 1000U);
        break;
    case 20:
        stall(arg);
        break;
    case 21:
        shape_link(arg, rd);
        break;
    case 22:
        trouble_v6(arg);
        break;
    case 23:
        restart();
        break;
    case 24:
        send_inner(arg, rd);
        break;
    case 25:
        reload_field(arg, rd);
        break;
    case 26:
        change_users(arg);
        break;
    case 27:
        set_flow(arg);
        break;
    default:
        run_ms(arg);
        break;
    }
}

static void step(uint8_t op, uint8_t arg, struct jv_rd *rd)
{
    switch (op) {
    case 0:
    case 1:
    case 2:
        run_ms(arg % 32U);
        break;
    case 3:
        run_ms(arg * 20U);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        trouble_queue(op % 4, arg);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        trouble_link(op % 4, arg);
        break;
    case 12:
        pair_packet(&pair, arg & 1, 28U + arg * 5U);
        break;
    case 13:
        for (uint32_t i = 0; i < BURST; i++) {
            pair_packet(&pair, arg & 1, 1000);
        }
        break;
    case 14:
        command(arg);
        break;
    case 15:
        if (arg & 0x80) {
            steer(arg & 0x7f);
        } else {
            pair_run_us(&pair, arg * 10U);
        }
        break;
    default:
        newer_step(op, arg, rd);
        break;
    }
}

/* First byte: links, how the birth goes, and whether the end of a session begins another. Second: what kind of world it is. */
static void begin(uint8_t how, uint8_t kind)
{
    static struct jv_policy policy;
    policy = jv_policy_presets[how & 1 ? JV_PRESET_FAST : JV_PRESET_STRICT];
    if (kind & 1) {
        policy = jv_policy_presets[JV_PRESET_MOBILE];
        policy.quiet_after_ms = 1500;
        policy.quiet_max_ms = 30000;
        policy.heartbeat_idle_ms = 3000;
    }
    policy.key_max_age_ms = 10000;
    policy.key_max_packets_k = 1;
    cfg = (struct pair_cfg){.seed = 1 + (how >> 6),
                            .links = 1U + (how >> 1 & 3) % 3,
                            .rtt_us = {20000, 34000, 90000},
                            .policy = &policy,
                            .buffers = BUFFERS,
                            .events = EVENTS,
                            .rebirth = (how & 8) != 0,
                            .no_aes = true,
                            .has_second = (kind & 2) != 0,
                            .has_v6 = (kind & 4) != 0,
                            .dscp = kind & 8 ? JV_DSCP_COPY : 0,
                            .wrong_psk = (kind & 0xc0) == 0xc0};
    cfg.terms[1].is_cold = (kind & 0x10) != 0;
    cfg.terms[2].is_metered = cfg.terms[1].is_metered = (kind & 0x20) != 0;
    world.may_sleep = (kind & 0xc0) == 0x40;
    judge_begin(!world.may_sleep);
    pair_init(&pair, &cfg);
    judge_watch(&pair);
    pair.filter = remember;
    world.end_ns = pair.now_ns + RUN_MAX_MS * JV_NS_PER_MS;
    if (how & 16 && !cfg.wrong_psk) {
        JV_ASSERT(pair_attach(&pair, 2000));
    }
}

static uint64_t play(const uint8_t *data, size_t size, uint8_t fill)
{
    struct jv_rd rd = jv_rd_init(data, size);
    uint8_t how = jv_rd_u8(&rd);
    world.remembered_len = 0;
    world.restarts = 0;
    begin(how, jv_rd_u8(&rd));
    pair.fill = fill;
    for (uint32_t n = 0; n < STEPS_MAX && rd.left > 1; n++) {
        uint8_t op = jv_rd_u8(&rd) % 32;
        uint8_t arg = jv_rd_u8(&rd);
        step(op, arg, &rd);
        judge_both(&pair);
    }
    pair_fini(&pair);
    return judge.trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return judge_twice(play, data, size);
}
