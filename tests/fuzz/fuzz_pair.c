/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cores and a network between them, driven by a script of bytes: time passes, datagrams are lost, doubled, swapped and held,
 * links go down and up, addresses move, users and operators do what they do. After each step the laws of both cores are judged.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "pair.h"
#include "state.h"
#include "wire.h"

#define STEPS_MAX 200U
#define BUFFERS 2048U
#define BURST 64U

static struct pair pair;

struct past { /* of one core, from the step before */
    struct jv_sid sid;
    uint64_t count, transitions;
    bool any;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- laws ---- */

/* Every buffer is free or has as many holders as there are places that name it. */
static void judge_buffers(const struct jv_core *core, uint64_t buffers_free)
{
    uint64_t held = jv_core_is_client(core) ? core->client->held_len : 0;
    uint64_t refs = 0;
    uint64_t in_use = 0;
    for (uint32_t i = 0; i < core->cfg.sessions_max; i++) {
        const struct jv_session *s = jv_core_session_at(core, i);
        held += s != NULL ? s->waiting_len + s->kept.len : 0;
    }
    for (uint32_t i = 0; i < core->buf_high; i++) {
        refs += core->buf_refs[i];
        in_use += core->buf_refs[i] > 0 ? 1 : 0;
    }
    JV_ASSERT(refs == held);
    JV_ASSERT(buffers_free + in_use == BUFFERS);
}

/* One session has one binding, and only in states that know one; one key has one session. */
static uint32_t judge_sessions(const struct jv_core *core, struct past *past)
{
    uint32_t live = 0;
    struct jv_session_status status;
    for (uint32_t cursor = 0;
         jv_core_session(core, (struct jv_instant){pair.now_ns}, &cursor, &status);) {
        uint32_t active = 0;
        for (uint32_t i = 0; i < status.paths_len; i++) {
            active += status.paths[i].role == JV_PATH_ACTIVE ? 1 : 0;
        }
        JV_ASSERT(active <= 1);
        JV_ASSERT(status.state != JV_ST_ATTACHED || active == 1);
        JV_ASSERT(status.state != JV_ST_TERMINATED || active == 0);
        live += status.state != JV_ST_TERMINATED ? 1 : 0;
        uint64_t count = jv_core_is_client(core) ? status.local : status.v;
        /* Before a gateway has named it, a session has no id: one failed birth is like another. */
        bool named = !jv_is_zero(status.sid.b, sizeof status.sid.b);
        if (past->any && named && memcmp(&past->sid, &status.sid, sizeof past->sid) == 0) {
            JV_ASSERT(count >= past->count);
        }
        past->any = true;
        past->sid = status.sid;
        past->count = count;
    }
    JV_ASSERT(live <= 1);
    return live;
}

static void judge(const struct jv_core *core, struct past *past)
{
    struct jv_counters count;
    uint64_t transitions = 0;
    jv_core_counters(core, &count);
    judge_buffers(core, count.buffers_free);
    (void)judge_sessions(core, past); /* its laws are inside */
    for (uint32_t i = 0; i < JV_ST_END; i++) {
        for (uint32_t k = 0; k < JV_ST_END; k++) {
            transitions += count.transitions[i][k];
        }
        JV_ASSERT(count.transitions[JV_ST_TERMINATED][i] == 0);
        JV_ASSERT(count.transitions[i][JV_ST_BIRTH] == 0);
    }
    JV_ASSERT(transitions >= past->transitions);
    past->transitions = transitions;
    JV_ASSERT(core->dirty_len == 0);
}

/* ---- steps ---- */

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
    } else if (kind == 6) {
        pair_sleep(&pair, which * 20U);
    } else {
        pair_kill_ports(&pair, link);
    }
}

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

static void step(uint8_t op, uint8_t arg)
{
    switch (op % 16) {
    case 0:
    case 1:
    case 2:
        pair_run(&pair, arg % 32U);
        break;
    case 3:
        pair_run(&pair, arg * 20U);
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
    default:
        if (arg & 0x80) {
            steer(arg & 0x7f);
        } else {
            pair_run_us(&pair, arg * 10U);
        }
        break;
    }
}

/* First byte: links, how the birth goes, and whether the end of a session begins another. */
static void begin(uint8_t how)
{
    static struct jv_policy policy;
    policy = jv_policy_presets[how & 1 ? JV_PRESET_FAST : JV_PRESET_STRICT];
    policy.key_max_age_ms = 10000;
    policy.key_max_packets_k = 1;
    const struct pair_cfg cfg = {.seed = 1 + (how >> 6),
                                 .links = 1U + (how >> 1 & 3) % 3,
                                 .rtt_us = {20000, 34000, 90000},
                                 .policy = &policy,
                                 .rebirth = (how & 8) != 0,
                                 .no_aes = true};
    pair_init(&pair, &cfg);
    if (how & 16) {
        JV_ASSERT(pair_attach(&pair, 2000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct past client = {0};
    struct past gateway = {0};
    struct jv_rd rd = jv_rd_init(data, size);
    begin(jv_rd_u8(&rd));
    for (uint32_t n = 0; n < STEPS_MAX && rd.left > 1; n++) {
        uint8_t op = jv_rd_u8(&rd);
        step(op, jv_rd_u8(&rd));
        judge(pair.client, &client);
        judge(pair.gateway, &gateway);
    }
    pair_fini(&pair);
    return 0;
}
