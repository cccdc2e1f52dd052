/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A malicious peer: one end's keys are in the wrong hands, and the other end is told lies that verify. Everything else that a peer
 * could do is in fuzz_pair. Whatever is said, the laws hold of both ends (judge.h), and no inner packet comes out of the gateway that
 * does not have the session's own source.
 *
 * First byte: the state in which it begins and who lies (0x80: the gateway). Then lies and steps:
 *   0 frames by templates, some bytes changed    1 a control message likewise    2 plaintext of the input's own
 *   3 an inner packet                            4 time passes                   5 the other end wants something
 */
#include <stddef.h>
#include <stdint.h>

#include "inner.h"
#include "judge.h"
#include "sealed.h"
#include "wire.h"

#define STEPS_MAX 48U
#define BUFFERS 512U
#define EVENTS 1024U
#define FRAMES_MAX 6U
#define CHANGES_MAX 6U
#define OWN_MAX 128U

static struct pair pair;
static struct jv_policy policy;
static bool swallows_up, swallows_down; /* traffic that this direction loses */
static bool liar_is_client;
static uint64_t told; /* answers of the gateway to packets that did not fit */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool pass(struct pair *p, const struct pair_event *e)
{
    (void)p;
    judge_datagram(e);
    bool is_traffic = (e->bytes[0] & 0x1f) == JV_TYPE_TRAFFIC;
    return !is_traffic || !(e->to_gateway ? swallows_up : swallows_down);
}

/* A client must not speak for anyone but itself. */
static void judge_inner(struct pair *p, bool client, const uint8_t *packet, uint32_t len)
{
    struct jv_inner inner;
    JV_ASSERT(jv_inner_parse(packet, len, &inner));
    judge_mix(len);
    const struct jv_session *s = jv_core_session_at(p->gateway, 0);
    bool is_answer = p->gateway->count.told_too_big > told; /* of the core itself */
    told = p->gateway->count.told_too_big;
    if (!client && !is_answer && s != NULL) {
        JV_ASSERT(jv_ip_is_equal(&inner.source, inner.source.family == JV_AF_4 ? &s->address4.ip
                                                                               : &s->address6.ip));
    }
}

/* ---- the state in which it begins ---- */

static void ask_for_move(void)
{
    const struct jv_command move = {.kind = JV_CMD_SWITCH, .link = pair.links[1].handle};
    (void)pair_command(&pair, true, &move); /* refused where there is no session */
}

static void set_holes(bool up, bool down)
{
    for (uint32_t i = 0; i < pair.links_len; i++) {
        pair.links[i].hole_up = up;
        pair.links[i].hole_down = down;
    }
}

static void begin(uint8_t how)
{
    uint32_t state = how % 10U;
    policy = jv_policy_presets[state == 4 ? JV_PRESET_MOBILE : JV_PRESET_FAST];
    policy.key_max_age_ms = 10000;
    if (state == 4) {
        policy.quiet_after_ms = 500;
        policy.heartbeat_idle_ms = 3000;
    }
    const struct pair_cfg cfg = {.seed = 5,
                                 .links = 2,
                                 .rtt_us = {20000, 30000},
                                 .policy = &policy,
                                 .buffers = BUFFERS,
                                 .events = EVENTS,
                                 .rebirth = (how & 0x40) != 0,
                                 .no_aes = true};
    liar_is_client = (how & 0x80) == 0;
    told = 0;
    swallows_up = state == 5;
    swallows_down = state == 6;
    judge_begin(true);
    pair_init(&pair, &cfg);
    judge_watch(&pair);
    pair.filter = pass;
    pair.on_inner = judge_inner;
    if (state == 5 || state == 6) {
        pair_run(&pair, 60);
        return;
    }
    JV_ASSERT(pair_attach(&pair, 2000));
    pair_run(&pair, state == 0 ? 20 : state == 4 ? 2500 : 400);
    if (state == 1 || state == 2) {
        ask_for_move();
        pair_run(&pair, state == 1 ? 200 : 5);
    } else if (state == 3) { /* the client's offer of a new key is out, and stays so */
        pair_run(&pair, 9600);
        swallows_down = true;
        pair_run(&pair, 60);
    } else if (state == 7 || state == 8) { /* a request that nobody answers; both ends in doubt */
        set_holes(state == 8, true);
        pair_run(&pair, state == 7 ? 150 : 600);
    } else if (state == 9) {
        for (uint32_t i = 0; i < 32; i++) {
            pair_packet(&pair, i & 1, 200);
        }
    }
}

/* ---- lies ---- */

static void change(struct jv_rd *rd, uint8_t *bytes, uint32_t len)
{
    for (uint32_t n = jv_rd_u8(rd) % CHANGES_MAX; n > 0 && len > 0; n--) {
        uint16_t place = jv_rd_u16(rd);
        uint8_t value = jv_rd_u8(rd);
        uint8_t *at = &bytes[(place & 0x7fff) % len];
        *at = place & 0x8000 ? value : (uint8_t)(*at ^ value);
    }
}

/* To the other end, from where the liar's datagrams come, from its other path, or from a stranger's address. */
static void say(const uint8_t *bytes, uint32_t len, uint8_t where)
{
    const struct jv_path *path = sealed_path(&pair, liar_is_client, 0);
    uint32_t link = where & 1;
    if (len == 0 || path == NULL) {
        return;
    }
    struct jv_endpoint from = {.ip = {{192, 0, 2, (uint8_t)(link + 1)}, JV_AF_4, {0}},
                               .port = pair.links[link].mapped_port};
    if (!liar_is_client) {
        from = pair.endpoints[0];
    }
    if ((where & 6) == 0) {
        from = liar_is_client ? from : path->local;
        from = from.ip.family == JV_AF_NONE ? pair.endpoints[0] : from;
    } else if ((where & 6) == 6) {
        from.port ^= 5;
    }
    pair_inject(&pair, liar_is_client, liar_is_client ? 1 : pair.links[link].handle, &from, bytes,
                len);
}

static uint64_t locator_of(uint8_t where)
{
    const struct jv_session *gateway = sealed_session(&pair, false);
    const struct jv_path *path = sealed_path(&pair, liar_is_client, where >> 3 & 1);
    if (where & 0x10 && gateway != NULL) {
        return gateway->locators[where >> 5].value;
    }
    return path != NULL ? path->locator : 0;
}

static void lie_in_traffic(const uint8_t *text, uint32_t len, uint8_t where, int8_t skip)
{
    static uint8_t out[JV_BUF_ROOM];
    uint32_t n = sealed_traffic(&pair, liar_is_client, locator_of(where), skip, text, len, out);
    say(out, n, where);
}

static void lie_in_frames(struct jv_rd *rd)
{
    static uint8_t text[SEALED_TEXT_MAX];
    struct jv_wr wr = jv_wr_init(text, sizeof text);
    struct jv_frame frame;
    uint8_t where = jv_rd_u8(rd);
    int8_t skip = (int8_t)jv_rd_u8(rd);
    if (sealed_session(&pair, liar_is_client) == NULL) {
        return;
    }
    for (uint32_t n = jv_rd_u8(rd) % FRAMES_MAX + 1; n > 0 && !wr.err; n--) {
        sealed_frame(&pair, liar_is_client, jv_rd_u8(rd), &frame);
        jv_frame_encode(&wr, &frame);
    }
    uint32_t len = (uint32_t)(sizeof text - wr.left);
    change(rd, text, len);
    lie_in_traffic(text, len, where, skip);
}

static void lie_in_control(struct jv_rd *rd)
{
    static uint8_t out[JV_BUF_ROOM];
    uint8_t body[SEALED_BODY_MAX] = {0};
    enum jv_type type;
    uint8_t where = jv_rd_u8(rd);
    uint8_t which = jv_rd_u8(rd);
    if (sealed_session(&pair, liar_is_client) == NULL) {
        return;
    }
    uint32_t len = liar_is_client ? sealed_body_up(&pair, which, &type, body)
                                  : sealed_body_down(&pair, which, &type, body);
    change(rd, body, len);
    if (which & 0x80) { /* a probe of real size, or a wrong length */
        len = JV_MIN(len + jv_rd_u8(rd), SEALED_BODY_MAX);
    }
    say(out, sealed_control(&pair, liar_is_client, locator_of(where), type, body, len, out), where);
}

static void lie_in_bytes(struct jv_rd *rd)
{
    uint8_t text[OWN_MAX];
    uint8_t where = jv_rd_u8(rd);
    uint32_t len = jv_rd_u8(rd) % (OWN_MAX + 1);
    len = JV_MIN(len, (uint32_t)rd->left);
    jv_rd_bytes(rd, text, len);
    lie_in_traffic(text, len, where, 0);
}

static void lie_in_packet(struct jv_rd *rd)
{
    uint8_t packet[SEALED_TEXT_MAX] = {0x45};
    static const uint8_t server[4] = {10, 80, 0, 1};
    uint8_t where = jv_rd_u8(rd);
    uint32_t len = 20U + jv_rd_u8(rd) * 6U;
    const uint8_t *own = pair.last_configure.address4.ip.b;
    packet[2] = (uint8_t)(len >> 8);
    packet[3] = (uint8_t)len;
    packet[8] = 64;
    packet[9] = 17;
    memcpy(packet + 12, liar_is_client ? own : server, 4);
    memcpy(packet + 16, liar_is_client ? server : own, 4);
    change(rd, packet, JV_MIN(len, 60U));
    lie_in_traffic(packet, len, where, 0);
}

static void want(uint8_t what)
{
    struct jv_command c = {.kind = JV_CMD_UP};
    switch (what % 8) {
    case 0:
        ask_for_move();
        break;
    case 1:
        pair_packet(&pair, !liar_is_client, 200U + what * 4U);
        break;
    case 2:
        set_holes((what & 8) != 0, (what & 16) != 0);
        swallows_up = swallows_down = false;
        break;
    case 3:
        pair_rebind(&pair, what >> 3 & 1);
        break;
    case 4:
        c = (struct jv_command){.kind = JV_CMD_POLICY, .policy = policy};
        c.policy.max_lifetime_ms -= what;
        (void)pair_command(&pair, (what & 8) != 0, &c);
        break;
    case 5:
        c.kind = JV_CMD_DOWN;
        (void)pair_command(&pair, (what & 8) != 0, &c);
        break;
    case 6:
        (void)pair_command(&pair, true, &c); /* refused where there is one */
        break;
    default:
        liar_is_client = !liar_is_client;
        break;
    }
}

static uint64_t play(const uint8_t *data, size_t size, uint8_t fill)
{
    struct jv_rd rd = jv_rd_init(data, size);
    begin(jv_rd_u8(&rd));
    pair.fill = fill;
    for (uint32_t n = 0; n < STEPS_MAX && rd.left > 0; n++) {
        uint8_t op = jv_rd_u8(&rd);
        switch (op % 6) {
        case 0:
            lie_in_frames(&rd);
            break;
        case 1:
            lie_in_control(&rd);
            break;
        case 2:
            lie_in_bytes(&rd);
            break;
        case 3:
            lie_in_packet(&rd);
            break;
        case 4:
            op = jv_rd_u8(&rd);
            pair_run(&pair, op < 200 ? op / 4U : (op - 200U) * 40U);
            break;
        default:
            want(jv_rd_u8(&rd));
            break;
        }
        judge_both(&pair);
    }
    pair_run(&pair, 200);
    judge_both(&pair);
    pair_fini(&pair);
    return judge.trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return judge_twice(play, data, size);
}
