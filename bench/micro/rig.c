/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "ticks.h"

#define LINK 1U
#define SETTLE_MS 30000U /* births take a round trip, the search for the path's size a few */
#define BUFFERS_LEAST 256U

const char *const rig_stage_names[RIG_STAGES] = {
    [RIG_TAKE] = "take",       [RIG_SEAL] = "packets",   [RIG_GIVE_TX] = "give_tx",
    [RIG_TAKE_RX] = "take_rx", [RIG_OPEN] = "datagrams", [RIG_GIVE_TUN] = "give_tun",
    [RIG_REST] = "rest"};

static const struct jv_endpoint client_at = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}}, .port = 5000};
static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};

static void need(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "rig: %s\n", what);
        exit(1);
    }
}

static void fill(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

static struct jv_key key_of(uint8_t n)
{
    struct jv_key key;
    memset(key.b, n, sizeof key.b);
    return key;
}

static void start_side(struct rig_side *side, const struct jv_core_cfg *cfg, uint64_t seed,
                       struct jv_instant now)
{
    size_t bytes = (jv_core_bytes(cfg) + 63) & ~(size_t)63;
    need(bytes > 0, "configuration");
    side->mem = aligned_alloc(64, bytes);
    need(side->mem != NULL, "memory");
    memset(side->mem, 0, bytes);
    side->entropy.state = seed;
    struct jv_entropy entropy = {fill, &side->entropy};
    need(jv_core_init(side->mem, cfg, entropy, now, &side->core) == JV_E_OK, "core");
    side->out = (struct jv_out){.tx = side->tx,
                                .tx_cap = JV_OUT_TX_MIN,
                                .tun = side->tun,
                                .tun_cap = JV_OUT_TUN_MIN,
                                .records = side->records,
                                .records_cap = JV_OUT_RECORDS_MIN,
                                .orders = side->orders,
                                .orders_cap = JV_OUT_ORDERS_MIN};
}

/* ---- between the cores ---- */

static struct rig_side *side_of(struct rig *rig, bool is_client)
{
    return is_client ? &rig->client : &rig->gateway;
}

static void forget_words(struct rig *rig, struct rig_side *side)
{
    for (uint32_t i = 0; i < side->out.orders_len; i++) {
        if (side == &rig->client && side->orders[i].kind == JV_ORDER_CONFIGURE) {
            memcpy(rig->address, side->orders[i].address4.ip.b, sizeof rig->address);
        }
    }
    side->out.records_len = side->out.orders_len = 0;
}

/* What the network does: bytes move from one pool to the other, addresses are those of the other end. */
static void carry(const struct rig_side *from, bool to_gateway, struct jv_slot slots[JV_OUT_TX_MIN])
{
    for (uint32_t i = 0; i < from->out.tx_len; i++) {
        const struct jv_slot *sent = &from->tx[i];
        slots[i].off = JV_BUF_HEADROOM;
        slots[i].len = sent->len;
        slots[i].link = LINK;
        slots[i].remote = to_gateway ? client_at : gateway_at;
        slots[i].local = to_gateway ? gateway_at : client_at;
        slots[i].ecn = sent->ecn;
        slots[i].is_csum_partial = sent->is_csum_partial;
        memcpy(slots[i].buf + slots[i].off, sent->buf + sent->off, sent->len);
    }
}

static void give_tx(struct rig_side *side)
{
    jv_core_give(side->core, side->tx, side->out.tx_len);
    side->out.tx_len = 0;
}

static void give_tun(struct rig_side *side)
{
    jv_core_give(side->core, side->tun, side->out.tun_len);
    side->out.tun_len = 0;
}

static void take_in(struct rig *rig, struct rig_side *to, struct jv_slot *slots, uint32_t n)
{
    for (uint32_t at = 0; at < n;) {
        struct jv_batch batch = {slots + at, JV_MIN(n - at, JV_BATCH_MAX), 0};
        enum jv_err err = jv_core_datagrams(to->core, rig->now, &batch, &to->out);
        need(err == JV_E_OK, "datagrams");
        at += batch.done;
    }
}

/* Frames, until neither end has anything to say. */
static void exchange(struct rig *rig)
{
    struct jv_slot slots[JV_OUT_TX_MIN];
    while (rig->client.out.tx_len + rig->gateway.out.tx_len > 0) {
        for (uint32_t is_client = 0; is_client < 2; is_client++) {
            struct rig_side *from = side_of(rig, is_client != 0);
            struct rig_side *to = side_of(rig, is_client == 0);
            uint32_t n = jv_core_take(to->core, slots, from->out.tx_len);
            need(n == from->out.tx_len, "no buffer");
            carry(from, is_client != 0, slots);
            rig->frames += n;
            give_tx(from);
            take_in(rig, to, slots, n);
            give_tun(to);
            forget_words(rig, to);
        }
    }
}

static void expire(struct rig *rig)
{
    for (uint32_t is_client = 0; is_client < 2; is_client++) {
        struct rig_side *side = side_of(rig, is_client != 0);
        if (jv_is_due(jv_core_deadline(side->core), rig->now)) {
            need(jv_core_expire(side->core, rig->now, &side->out) == JV_E_OK, "expire");
            forget_words(rig, side);
        }
    }
    exchange(rig);
}

static void let_pass(struct rig *rig, uint64_t ns)
{
    struct jv_instant until = jv_add_ns(rig->now, ns);
    for (;;) {
        struct jv_instant due =
            jv_earlier(jv_core_deadline(rig->client.core), jv_core_deadline(rig->gateway.core));
        if (!jv_is_before(due, until)) {
            break;
        }
        rig->now = jv_is_before(due, rig->now) ? rig->now : due;
        expire(rig);
    }
    rig->now = until;
}

/* ---- life ---- */

static void command(struct rig *rig, const struct jv_command *c)
{
    need(jv_core_command(rig->client.core, rig->now, c, &rig->client.out) == JV_E_OK, "command");
    forget_words(rig, &rig->client);
    exchange(rig);
}

void rig_start(struct rig *rig, const struct rig_cfg *cfg)
{
    memset(rig, 0, sizeof *rig);
    need(jv_crypto_init() == JV_E_OK, "crypto");
    rig->now.ns = JV_NS_PER_S;
    const struct jv_key gateway_private = key_of(0x22);
    const struct jv_key client_private = key_of(0x11);
    struct jv_core_cfg c = {.role = JV_ROLE_CLIENT,
                            .private_key = client_private,
                            .policy = jv_policy_presets[JV_PRESET_STRICT],
                            .buffers = JV_MAX(cfg->buffers, BUFFERS_LEAST),
                            .first_seq = 1,
                            .mtu = JV_MTU_DEFAULT,
                            .offer_aes = cfg->is_aes,
                            .psk = key_of(0x44)};
    c.policy.resend_max_kib = cfg->resend_kib;
    c.allowed[0] = (struct jv_prefix){{{0}, JV_AF_4, {0}}, 0};
    c.allowed[1] = (struct jv_prefix){{{0}, JV_AF_6, {0}}, 0};
    c.allowed_len = 2;
    need(jv_dh_public(&gateway_private, &c.gateway_key) == JV_E_OK, "key");
    struct jv_core_cfg g = c;
    g.role = JV_ROLE_GATEWAY;
    g.private_key = gateway_private;
    g.sessions_max = g.users_max = g.half_open_max = 8;
    need(jv_dh_public(&client_private, &rig->user.public_key) == JV_E_OK, "key");
    memcpy(rig->user.name, "alice", 6);
    rig->user.psk = key_of(0x44);
    g.users = &rig->user;
    g.users_len = 1;
    g.pool4 = (struct jv_prefix){{{10, 80, 0, 0}, JV_AF_4, {0}}, 24};
    start_side(&rig->client, &c, 1, rig->now);
    start_side(&rig->gateway, &g, 2, rig->now);
    struct jv_command where = {.kind = JV_CMD_ENDPOINTS, .endpoints_len = 1};
    where.endpoints[0] = gateway_at;
    command(rig, &where);
    command(rig, &(struct jv_command){.kind = JV_CMD_LINK_ADDED,
                                      .link = LINK,
                                      .name = "wire/udp",
                                      .local = client_at,
                                      .prefer = 100,
                                      .mtu = 1500});
    command(rig, &(struct jv_command){.kind = JV_CMD_UP});
    let_pass(rig, SETTLE_MS * JV_NS_PER_MS);
    need(rig->address[0] != 0, "no session");
    memset(rig->ticks, 0, sizeof rig->ticks);
    rig->frames = 0;
}

void rig_stop(struct rig *rig)
{
    for (uint32_t is_client = 0; is_client < 2; is_client++) {
        jv_core_fini(side_of(rig, is_client != 0)->core);
        free(side_of(rig, is_client != 0)->mem);
    }
    jv_crypto_fini();
}

/* ---- data ---- */

/* A UDP packet over IPv4, as the kernel would hand it over; the sums are no business of the core. */
static void write_packet(const struct rig *rig, struct jv_slot *slot, bool is_up, uint32_t bytes,
                         uint8_t number)
{
    static const uint8_t host[4] = {198, 51, 100, 7};
    uint8_t *p = slot->buf + JV_BUF_HEADROOM;
    slot->off = JV_BUF_HEADROOM;
    slot->len = bytes;
    memset(p, number, bytes);
    memset(p, 0, 28);
    p[0] = 0x45;
    p[2] = (uint8_t)(bytes >> 8);
    p[3] = (uint8_t)bytes;
    p[8] = 64;
    p[9] = 17;
    memcpy(p + 12, is_up ? rig->address : host, 4);
    memcpy(p + 16, is_up ? host : rig->address, 4);
}

/* A function of its own each: what callgrind collects between its entry and its exit. */
__attribute__((noinline)) static void stage_seal(struct rig *rig, struct rig_side *from,
                                                 struct jv_slot *slots, uint32_t n, uint64_t *ticks)
{
    struct jv_batch batch = {slots, n, 0};
    uint64_t t = ticks_now();
    enum jv_err err = jv_core_packets(from->core, rig->now, &batch, &from->out);
    ticks[RIG_SEAL] += ticks_now() - t;
    need(err == JV_E_OK && from->out.tx_len == n, "packets");
}

__attribute__((noinline)) static void stage_open(struct rig *rig, struct rig_side *to,
                                                 struct jv_slot *slots, uint32_t n, uint64_t *ticks)
{
    struct jv_batch batch = {slots, n, 0};
    uint64_t t = ticks_now();
    enum jv_err err = jv_core_datagrams(to->core, rig->now, &batch, &to->out);
    ticks[RIG_OPEN] += ticks_now() - t;
    need(err == JV_E_OK && to->out.tun_len == n, "datagrams");
}

__attribute__((noinline)) static void stage_take(struct rig_side *side, struct jv_slot *slots,
                                                 uint32_t n, uint64_t *ticks)
{
    uint64_t t = ticks_now();
    uint32_t taken = jv_core_take(side->core, slots, n);
    *ticks += ticks_now() - t;
    need(taken == n, "no buffer");
}

__attribute__((noinline)) static void stage_give(struct rig_side *side, bool is_tx, uint64_t *ticks)
{
    uint64_t t = ticks_now();
    if (is_tx) {
        give_tx(side);
    } else {
        give_tun(side);
    }
    *ticks += ticks_now() - t;
}

__attribute__((noinline)) static void stage_rest(struct rig *rig, uint64_t gap_ns, uint64_t *ticks)
{
    uint64_t t = ticks_now();
    exchange(rig);
    let_pass(rig, gap_ns);
    *ticks += ticks_now() - t;
}

void rig_batch(struct rig *rig, bool is_up, uint32_t n, uint32_t bytes, uint64_t gap_ns)
{
    struct jv_slot slots[JV_OUT_TX_MIN];
    struct rig_side *from = side_of(rig, is_up);
    struct rig_side *to = side_of(rig, !is_up);
    uint64_t *ticks = rig->ticks[is_up ? 0 : 1];
    stage_take(from, slots, n, &ticks[RIG_TAKE]);
    for (uint32_t i = 0; i < n; i++) {
        write_packet(rig, &slots[i], is_up, bytes, (uint8_t)i);
    }
    stage_seal(rig, from, slots, n, ticks);
    struct jv_slot arrived[JV_OUT_TX_MIN];
    stage_take(to, arrived, n, &ticks[RIG_TAKE_RX]);
    carry(from, is_up, arrived);
    stage_give(from, true, &ticks[RIG_GIVE_TX]);
    stage_open(rig, to, arrived, n, ticks);
    stage_give(to, false, &ticks[RIG_GIVE_TUN]);
    stage_rest(rig, gap_ns, &ticks[RIG_REST]);
}
