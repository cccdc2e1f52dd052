/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forged datagrams against two cores and what there is between them: a session that is well, one in trouble, one that is being born,
 * one that has ended.
 *
 * The first byte says which; the rest is a list of datagrams: one byte says whom it is for, where it comes from and whether its bytes
 * stand in the input or are a recorded datagram of this very session with some bytes changed (or none: a replay). Nothing of it
 * verifies for the first time, so nothing of it may move the session: state, version, binding, epochs and buffers stay what they were.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client_state.h"
#include "judge.h"
#include "wire.h"

#define RECORDED 24U
#define DATAGRAMS_MAX 64U

struct recorded {
    bool to_gateway;
    uint32_t len;
    uint8_t bytes[JV_BUF_BYTES];
};
static struct recorded recorded[RECORDED];
static struct pair pair;

enum standing_of { WELL, UNANSWERED, BOTH_IN_DOUBT, QUIET, CONFIRMING, ENDED, STANDINGS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The newest datagram of each type and direction. */
static bool record(struct pair *p, const struct pair_event *e)
{
    (void)p;
    uint32_t place = e->bytes[0] & 0x1f;
    place = place < RECORDED / 2 ? place : 0;
    struct recorded *r = &recorded[place + (e->to_gateway ? 0 : RECORDED / 2)];
    r->to_gateway = e->to_gateway;
    r->len = e->len;
    memcpy(r->bytes, e->bytes, e->len);
    return true;
}

static bool lose(struct pair *p, const struct pair_event *e)
{
    (void)p;
    (void)e;
    return false;
}

static bool lose_traffic(struct pair *p, const struct pair_event *e)
{
    return (e->bytes[0] & 0x1f) != JV_TYPE_TRAFFIC && record(p, e);
}

static void start(enum standing_of standing)
{
    static struct jv_policy policy;
    policy = jv_policy_presets[standing == QUIET ? JV_PRESET_MOBILE : JV_PRESET_FAST];
    policy.quiet_after_ms = standing == QUIET ? 500 : policy.quiet_after_ms;
    const struct pair_cfg cfg = {.seed = 7,
                                 .links = 2,
                                 .rtt_us = {20000, 30000},
                                 .policy = &policy,
                                 .buffers = 512,
                                 .events = 1024,
                                 .no_aes = true};
    memset(recorded, 0, sizeof recorded);
    judge_begin(true);
    pair_init(&pair, &cfg);
    judge_watch(&pair);
    pair.filter = standing == CONFIRMING ? lose_traffic : record;
}

/* Attach over two links, talk, move to the second, so that datagrams of nearly every type have been seen. */
static void live(void)
{
    JV_ASSERT(pair_attach(&pair, 5000));
    pair_run(&pair, 3000);
    struct jv_command move = {.kind = JV_CMD_SWITCH, .link = pair.links[1].handle};
    JV_ASSERT(pair_command(&pair, true, &move) == JV_E_OK);
    for (uint32_t i = 0; i < 8; i++) {
        pair_packet(&pair, true, 100);
        pair_packet(&pair, false, 100);
        pair_run(&pair, 30);
    }
    pair.filter = NULL; /* what was recorded has arrived before it is sent again */
    pair_run(&pair, 200);
    JV_ASSERT(pair_state(&pair, true) == JV_ST_ATTACHED);
    JV_ASSERT(pair_state(&pair, false) == JV_ST_ATTACHED);
    JV_ASSERT(recorded[JV_TYPE_TRAFFIC].len > 0 && recorded[JV_TYPE_PROBE].len > 0);
    JV_ASSERT(recorded[JV_TYPE_REQUEST].len > 0 && recorded[JV_TYPE_BIRTH_INIT].len > 0);
    JV_ASSERT(recorded[RECORDED / 2 + JV_TYPE_ACK].len > 0);
}

static void begin(enum standing_of standing)
{
    const struct jv_command down = {.kind = JV_CMD_DOWN};
    start(standing);
    if (standing == CONFIRMING) { /* the client has keys, the gateway half a session */
        pair_run(&pair, 60);
        pair.filter = lose;
        pair_run(&pair, 60);
        return;
    }
    live();
    switch (standing) {
    case WELL:
    case CONFIRMING:
    case STANDINGS:
        break;
    case UNANSWERED: /* requests get no answer any more; what they were has not been recorded */
        pair.filter = lose;
        pair_run(&pair, 150);
        break;
    case BOTH_IN_DOUBT:
        pair.filter = lose;
        pair_run(&pair, 2000);
        break;
    case QUIET:
        pair_run(&pair, 2500);
        break;
    case ENDED:
        JV_ASSERT(pair_command(&pair, true, &down) == JV_E_OK);
        pair_run(&pair, 200);
        pair.filter = lose;
        break;
    }
}

struct standing { /* what no forged datagram may change */
    enum jv_state state;
    uint64_t v, local, epoch, sessions, buffers_free, transitions, packets;
    uint64_t order;
    uint64_t tops[JV_EPOCHS], received[JV_EPOCHS]; /* of the replay windows */
    struct jv_endpoint bound;
    struct jv_sid sid;
};

static struct standing look(const struct jv_core *core)
{
    struct standing now;
    struct jv_counters count;
    memset(&now, 0, sizeof now);
    jv_core_counters(core, &count);
    const struct jv_session *s = jv_core_session_at(core, 0);
    if (s != NULL) {
        now.state = s->state;
        now.v = s->v;
        now.local = s->local;
        now.order = s->order;
        now.epoch = s->keys != NULL ? s->keys->epochs[JV_EPOCH_CURRENT].n : 0;
        now.packets = s->rx_packets;
        now.sid = s->sid;
    }
    for (uint32_t i = 0; s != NULL && s->keys != NULL && i < JV_EPOCHS; i++) {
        now.tops[i] = s->keys->epochs[i].window.top;
        now.received[i] = s->keys->epochs[i].rx_count;
    }
    if (s != NULL && s->bound != NULL) {
        now.bound = s->bound->remote;
    }
    /* What overtakes an ACK waits unopened for it, in a queue of its own. */
    now.buffers_free = count.buffers_free + (jv_core_is_client(core) ? core->client->held_len : 0);
    for (uint32_t i = 0; i < JV_ST_END; i++) {
        now.sessions += count.sessions[i];
        for (uint32_t k = 0; k < JV_ST_END; k++) {
            now.transitions += count.transitions[i][k];
        }
    }
    return now;
}

static struct jv_endpoint origin(uint32_t which, bool to_gateway)
{
    const struct jv_session *s = jv_core_session_at(to_gateway ? pair.gateway : pair.client, 0);
    struct jv_endpoint ep = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}},
                             .port = pair.links[0].mapped_port};
    ep = to_gateway ? ep : pair.endpoints[0];
    if (s != NULL && s->bound != NULL) {
        ep = s->bound->remote;
    }
    if (which == 1) {
        ep.port ^= 1;
    } else if (which == 2) {
        ep.ip.b[3] ^= 3;
    } else if (which == 3) {
        ep.ip.family = JV_AF_6;
    }
    return ep;
}

/* The bytes of one datagram; returns their number. */
static uint32_t make(struct jv_rd *rd, uint8_t how, bool to_gateway, uint8_t *out)
{
    if (how & 1) {
        uint32_t len = jv_rd_u16(rd) % (JV_BUF_ROOM + 1);
        len = JV_MIN(len, (uint32_t)rd->left);
        jv_rd_bytes(rd, out, len);
        return len;
    }
    const struct recorded *r =
        &recorded[jv_rd_u8(rd) % (RECORDED / 2) + (to_gateway ? 0 : RECORDED / 2)];
    memcpy(out, r->bytes, r->len);
    uint32_t len = r->len;
    for (uint32_t n = jv_rd_u8(rd) % 5; n > 0 && len > 0; n--) {
        uint16_t place = jv_rd_u16(rd); /* in a statement of its own: C leaves the order open */
        out[place % len] ^= jv_rd_u8(rd);
    }
    if (how & 0x20) { /* cut short or drawn out */
        len = JV_MIN(len + jv_rd_u8(rd) % 64 - 32 + (len < 32 ? 32 : 0), JV_BUF_ROOM);
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[JV_BUF_BYTES];
    struct jv_rd rd = jv_rd_init(data, size);
    enum standing_of standing = (enum standing_of)(jv_rd_u8(&rd) % STANDINGS);
    begin(standing);
    for (uint32_t n = 0; n < DATAGRAMS_MAX && rd.left > 0; n++) {
        uint8_t how = jv_rd_u8(&rd);
        bool to_gateway = (how & 2) == 0;
        memset(bytes, 0, sizeof bytes);
        uint32_t len = make(&rd, how, to_gateway, bytes);
        struct jv_endpoint from = origin(how >> 2 & 3, to_gateway);
        uint32_t link = to_gateway ? 1 : pair.links[how >> 4 & 1].handle;
        struct standing client = look(pair.client);
        struct standing gateway = look(pair.gateway);
        pair_inject(&pair, to_gateway, link, &from, bytes, len);
        struct standing client_after = look(pair.client);
        struct standing gateway_after = look(pair.gateway);
        JV_ASSERT(memcmp(&client, &client_after, sizeof client) == 0);
        JV_ASSERT(memcmp(&gateway, &gateway_after, sizeof gateway) == 0);
    }
    judge_both(&pair);
    /* What the cores do next is theirs: a session that was well is alive a second later. */
    pair_run(&pair, 1000);
    judge_both(&pair);
    if (standing == WELL) {
        JV_ASSERT(pair_state(&pair, true) == JV_ST_ATTACHED);
        JV_ASSERT(pair_state(&pair, false) == JV_ST_ATTACHED);
    }
    pair_fini(&pair);
    return 0;
}
