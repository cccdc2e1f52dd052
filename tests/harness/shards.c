/* SPDX-License-Identifier: Apache-2.0 */
#include "shards.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "packets.h"
#include "shard.h"
#include "state.h"
#include "wire.h"

static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
static const struct jv_ip outside = {{198, 51, 100, 1}, JV_AF_4, {0}};

static struct jv_slot out_tx[JV_OUT_TX_MIN], out_tun[JV_OUT_TUN_MIN];
static struct jv_record out_records[JV_OUT_RECORDS_MIN];
static struct jv_order out_orders[JV_OUT_ORDERS_MIN];
static struct jv_handoff out_handoff[JV_OUT_HANDOFF_MIN];

struct jv_out shards_out(void)
{
    return (struct jv_out){.tx = out_tx,
                           .tx_cap = JV_OUT_TX_MIN,
                           .tun = out_tun,
                           .tun_cap = JV_OUT_TUN_MIN,
                           .records = out_records,
                           .records_cap = JV_OUT_RECORDS_MIN,
                           .orders = out_orders,
                           .orders_cap = JV_OUT_ORDERS_MIN,
                           .handoff = out_handoff,
                           .handoff_cap = JV_OUT_HANDOFF_MIN};
}

struct jv_instant shards_now(const struct shards *w)
{
    return (struct jv_instant){w->now_ns};
}

static void fill(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

static uint64_t next_seq(void *arg)
{
    struct shards *w = arg;
    return ++w->seq;
}

static struct jv_key key_of(uint32_t n)
{
    struct jv_key key;
    memset(key.b, (int)n, sizeof key.b);
    return key;
}

static struct jv_key public_of(uint32_t n)
{
    struct jv_key key = key_of(n);
    JV_ASSERT(jv_dh_public(&key, &key) == JV_E_OK);
    return key;
}

static void *start_core(struct shards *w, const struct jv_core_cfg *cfg, struct jv_core **core_out)
{
    size_t bytes = jv_core_bytes(cfg);
    JV_ASSERT(bytes > 0);
    void *mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    JV_ASSERT(mem != NULL);
    memset(mem, 0, bytes);
    struct jv_entropy entropy = {fill, &w->entropy};
    JV_ASSERT(jv_core_init(mem, cfg, entropy, shards_now(w), core_out) == JV_E_OK);
    return mem;
}

static void stop_core(struct jv_core **core, void **mem)
{
    if (*core != NULL) {
        jv_core_fini(*core);
        free(*mem);
        *core = NULL;
        *mem = NULL;
    }
}

/* ---- what comes out ---- */

static void enqueue(struct shards *w, enum shards_kind kind, uint32_t to,
                    const struct jv_slot *slot)
{
    JV_ASSERT(w->queue_len < SHARDS_QUEUE);
    struct shards_message *m = &w->queue[w->queue_len++];
    m->kind = kind;
    m->to = to;
    m->slot = *slot;
    memcpy(m->bytes, slot->buf + slot->off, slot->len);
}

static uint32_t client_at(const struct shards *w, const struct jv_endpoint *at)
{
    uint32_t i = 0;
    while (i < w->cfg.clients && !jv_endpoint_is_equal(&w->clients[i].at, at)) {
        i++;
    }
    return i;
}

static uint64_t tag_of(const struct jv_slot *slot)
{
    return jv_load64(slot->buf + slot->off + 28);
}

/* Which client's own address, or whose network, an inner address is. */
static struct shards_client *client_of(struct shards *w, const uint8_t ip[4])
{
    for (uint32_t i = 0; i < w->cfg.clients; i++) {
        struct shards_client *c = &w->clients[i];
        bool is_net = w->cfg.has_fixed && i == 2 && ip[0] == 172;
        if (is_net || (c->inner.family == JV_AF_4 && memcmp(c->inner.b, ip, 4) == 0)) {
            return c;
        }
    }
    return NULL;
}

void shards_drain(struct shards *w, uint32_t shard, struct jv_out *out)
{
    struct jv_core *core = w->core[shard];
    for (uint32_t i = 0; i < out->tx_len; i++) {
        uint32_t client = client_at(w, &out->tx[i].remote);
        if (client < w->cfg.clients) {
            enqueue(w, SHARDS_TO_CLIENT, client, &out->tx[i]);
        }
    }
    jv_core_give(core, out->tx, out->tx_len);
    for (uint32_t i = 0; i < out->tun_len; i++) {
        struct shards_client *c = client_of(w, out->tun[i].buf + out->tun[i].off + 12);
        JV_ASSERT(c != NULL);
        c->received_up += tag_of(&out->tun[i]) == c->tag ? 1 : 0;
    }
    jv_core_give(core, out->tun, out->tun_len);
    for (uint32_t i = 0; i < out->handoff_len; i++) {
        const struct jv_handoff *h = &out->handoff[i];
        JV_ASSERT(h->shard != shard && h->shard < w->cfg.shards && !h->slot.is_handed);
        enqueue(w, h->is_packet ? SHARDS_HANDED_PACKET : SHARDS_HANDED, h->shard, &h->slot);
        jv_core_give(core, &h->slot, 1);
    }
    w->records += out->records_len;
    out->tx_len = out->tun_len = out->records_len = out->orders_len = out->handoff_len = 0;
}

static void drain_client(struct shards *w, uint32_t client, struct jv_out *out)
{
    struct shards_client *c = &w->clients[client];
    for (uint32_t i = 0; i < out->tx_len; i++) {
        struct jv_slot slot = out->tx[i];
        slot.remote = c->at;
        slot.local = gateway_at;
        uint64_t locator = jv_load64(slot.buf + slot.off + 8);
        bool is_stray = jv_prng_below(&w->prng, 1000000) < w->cfg.stray_ppm;
        uint32_t shard = is_stray ? (uint32_t)jv_prng_below(&w->prng, w->cfg.shards)
                                  : jv_shard_of_locator(locator, w->cfg.shards);
        enqueue(w, SHARDS_TO_GATEWAY, shard, &slot);
    }
    jv_core_give(c->core, out->tx, out->tx_len);
    for (uint32_t i = 0; i < out->tun_len; i++) {
        c->received_down += tag_of(&out->tun[i]) == c->tag ? 1 : 0;
    }
    jv_core_give(c->core, out->tun, out->tun_len);
    for (uint32_t i = 0; i < out->orders_len; i++) {
        if (out->orders[i].kind == JV_ORDER_CONFIGURE) {
            c->inner = out->orders[i].address4.ip;
        }
    }
    out->tx_len = out->tun_len = out->records_len = out->orders_len = 0;
}

/* ---- what goes in ---- */

static struct jv_slot slot_of(struct jv_core *core, const struct jv_slot *form,
                              const uint8_t *bytes)
{
    struct jv_slot slot;
    JV_ASSERT(jv_core_take(core, &slot, 1) == 1);
    uint8_t *buf = slot.buf;
    slot = *form;
    slot.buf = buf;
    slot.off = JV_BUF_HEADROOM;
    slot.is_borrowed = false;
    slot.link = 1;
    memcpy(slot.buf + slot.off, bytes, slot.len);
    return slot;
}

void shards_deliver(struct shards *w, const struct shards_message *m)
{
    struct jv_out out = shards_out();
    bool is_client = m->kind == SHARDS_TO_CLIENT;
    struct jv_core *core = is_client ? w->clients[m->to].core : w->core[m->to];
    if (core == NULL) {
        return;
    }
    struct jv_slot slot = slot_of(core, &m->slot, m->bytes);
    struct jv_batch batch = {&slot, 1, 0};
    slot.is_handed = m->kind == SHARDS_HANDED || m->kind == SHARDS_HANDED_PACKET;
    if (is_client) {
        slot.remote = gateway_at;
        slot.local = w->clients[m->to].at;
    }
    w->fed_datagrams += m->kind == SHARDS_TO_GATEWAY ? 1 : 0;
    enum jv_err err = m->kind == SHARDS_HANDED_PACKET
                          ? jv_core_packets(core, shards_now(w), &batch, &out)
                          : jv_core_datagrams(core, shards_now(w), &batch, &out);
    JV_ASSERT(err == JV_E_OK && batch.done == 1);
    JV_ASSERT(!slot.is_handed || out.handoff_len == 0);
    if (is_client) {
        drain_client(w, m->to, &out);
    } else {
        shards_drain(w, m->to, &out);
    }
}

struct shards_message shards_pull(struct shards *w, uint32_t at)
{
    JV_ASSERT(at < w->queue_len);
    struct shards_message m = w->queue[at];
    w->queue[at] = w->queue[--w->queue_len];
    return m;
}

void shards_settle(struct shards *w)
{
    while (w->queue_len > 0) {
        struct shards_message m = shards_pull(w, (uint32_t)jv_prng_below(&w->prng, w->queue_len));
        shards_deliver(w, &m);
    }
}

void shards_tick(struct shards *w)
{
    struct jv_out out = shards_out();
    w->now_ns += JV_NS_PER_MS;
    for (uint32_t k = 0; k < w->cfg.shards; k++) {
        JV_ASSERT(jv_core_expire(w->core[k], shards_now(w), &out) == JV_E_OK);
        shards_drain(w, k, &out);
    }
    for (uint32_t k = 0; k < w->cfg.clients; k++) {
        if (w->clients[k].core != NULL) {
            JV_ASSERT(jv_core_expire(w->clients[k].core, shards_now(w), &out) == JV_E_OK);
            drain_client(w, k, &out);
        }
    }
}

void shards_run(struct shards *w, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        shards_settle(w);
        shards_tick(w);
    }
    shards_settle(w);
}

static uint32_t make_packet(uint8_t packet[64], const struct jv_ip *from, const struct jv_ip *to,
                            uint64_t tag)
{
    memset(packet, 0, 64);
    packet[0] = 0x45;
    packet[8] = 64;
    packet[9] = 17;
    memcpy(packet + 12, from->b, 4);
    memcpy(packet + 16, to->b, 4);
    packet_put16(packet + 24, 44); /* of UDP, without a checksum */
    jv_store64(packet + 28, tag);
    packet_finish_ip(packet, 64);
    return 64;
}

void shards_packet_down(struct shards *w, uint32_t shard, const struct jv_ip *ip,
                        struct shards_client *client)
{
    struct shards_message m = {.kind = SHARDS_TO_GATEWAY, .to = shard};
    struct jv_out out = shards_out();
    uint64_t tag = jv_prng_next(&w->prng);
    m.slot.len = make_packet(m.bytes, &outside, ip, tag);
    struct jv_slot slot = slot_of(w->core[shard], &m.slot, m.bytes);
    struct jv_batch batch = {&slot, 1, 0};
    JV_ASSERT(jv_core_packets(w->core[shard], shards_now(w), &batch, &out) == JV_E_OK);
    w->fed_packets++;
    if (client != NULL) {
        client->sent_down++;
        client->tag = tag;
    }
    shards_drain(w, shard, &out);
}

void shards_packet_up(struct shards *w, uint32_t client)
{
    struct shards_client *c = &w->clients[client];
    struct jv_out out = shards_out();
    struct jv_slot form = {0};
    uint8_t packet[64];
    c->tag = jv_prng_next(&w->prng);
    form.len = make_packet(packet, &c->inner, &outside, c->tag);
    struct jv_slot slot = slot_of(c->core, &form, packet);
    struct jv_batch batch = {&slot, 1, 0};
    JV_ASSERT(jv_core_packets(c->core, shards_now(w), &batch, &out) == JV_E_OK);
    c->sent_up++;
    drain_client(w, client, &out);
}

/* ---- life ---- */

static void command(struct shards *w, uint32_t client, const struct jv_command *cmd)
{
    struct jv_out out = shards_out();
    JV_ASSERT(jv_core_command(w->clients[client].core, shards_now(w), cmd, &out) == JV_E_OK);
    drain_client(w, client, &out);
}

void shards_up(struct shards *w, uint32_t client)
{
    struct shards_client *c = &w->clients[client];
    struct jv_core_cfg cfg = {.role = JV_ROLE_CLIENT,
                              .private_key = key_of(0x10 + client),
                              .policy = jv_policy_presets[JV_PRESET_FAST],
                              .buffers = 512,
                              .first_seq = 1,
                              .jitter_seed = jv_prng_next(&w->prng),
                              .mtu = JV_MTU_DEFAULT,
                              .gateway_key = public_of(0x22)};
    cfg.allowed[0] = (struct jv_prefix){{{0}, JV_AF_4, {0}}, 0};
    cfg.allowed_len = 1;
    stop_core(&c->core, &c->mem);
    c->inner = (struct jv_ip){{0}, JV_AF_NONE, {0}};
    c->at.port++;
    c->mem = start_core(w, &cfg, &c->core);
    struct jv_command link = {
        .kind = JV_CMD_LINK_ADDED, .link = 1, .name = "link", .local = c->at, .prefer = 1};
    struct jv_command endpoints = {.kind = JV_CMD_ENDPOINTS, .endpoints_len = 1};
    endpoints.endpoints[0] = gateway_at;
    link.mtu = 1500;
    command(w, client, &link);
    command(w, client, &endpoints);
    command(w, client, &(struct jv_command){.kind = JV_CMD_UP});
}

void shards_down(struct shards *w, uint32_t client)
{
    command(w, client, &(struct jv_command){.kind = JV_CMD_DOWN});
}

void shards_init(struct shards *w, const struct shards_cfg *cfg)
{
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    memset(w, 0, sizeof *w);
    w->cfg = *cfg;
    w->now_ns = JV_NS_PER_S;
    w->prng.state = cfg->seed;
    w->entropy.state = ~cfg->seed;
    w->queue = calloc(SHARDS_QUEUE, sizeof *w->queue);
    JV_ASSERT(w->queue != NULL);
    struct jv_core_cfg *g = &w->gateway;
    *g = (struct jv_core_cfg){.role = JV_ROLE_GATEWAY,
                              .private_key = key_of(0x22),
                              .policy = jv_policy_presets[JV_PRESET_FAST],
                              .buffers = 512,
                              .first_seq = 1,
                              .next_seq = next_seq,
                              .next_seq_arg = w,
                              .mtu = JV_MTU_DEFAULT,
                              .shards = cfg->shards,
                              .cookie_seed = key_of(0x55),
                              .sessions_max = cfg->sessions_max != 0 ? cfg->sessions_max : 64,
                              .half_open_max = cfg->half_open_max != 0 ? cfg->half_open_max : 64,
                              .users_max = SHARDS_CLIENTS,
                              .users = w->users,
                              .users_len = cfg->clients};
    g->pool4 = (struct jv_prefix){{{10, 80, 0, 0}, JV_AF_4, {0}}, 24};
    for (uint32_t i = 0; i < cfg->clients; i++) {
        w->users[i].name[0] = (char)('a' + i);
        w->users[i].public_key = public_of(0x10 + i);
        w->clients[i].at = (struct jv_endpoint){.ip = {{192, 0, 2, (uint8_t)(i + 1)}, JV_AF_4, {0}},
                                                .port = 40000};
    }
    if (cfg->has_fixed) {
        w->users[1].address4 = (struct jv_ip){{10, 80, 0, 77}, JV_AF_4, {0}};
        w->users[2].nets[0] = (struct jv_prefix){{{172, 16, 0, 0}, JV_AF_4, {0}}, 24};
        w->users[2].nets_len = 1;
    }
    for (uint32_t k = 0; k < cfg->shards; k++) {
        g->shard = k;
        g->jitter_seed = jv_prng_next(&w->prng);
        w->mem[k] = start_core(w, g, &w->core[k]);
    }
}

void shards_fini(struct shards *w)
{
    for (uint32_t k = 0; k < w->cfg.shards; k++) {
        stop_core(&w->core[k], &w->mem[k]);
    }
    for (uint32_t i = 0; i < w->cfg.clients; i++) {
        stop_core(&w->clients[i].core, &w->clients[i].mem);
    }
    free(w->queue);
}

/* ---- looking ---- */

uint32_t shards_home(const struct shards *w, uint32_t client)
{
    return jv_shard_of_key(&w->users[client].public_key, w->cfg.shards);
}

uint32_t shards_where(const struct shards *w, uint32_t client)
{
    struct jv_session_status status;
    for (uint32_t k = 0; k < w->cfg.shards; k++) {
        for (uint32_t cursor = 0; jv_core_session(w->core[k], shards_now(w), &cursor, &status);) {
            if (strcmp(status.user, w->users[client].name) == 0) {
                return k;
            }
        }
    }
    return JV_SHARDS_MAX;
}

uint64_t shards_sum(const struct shards *w, uint64_t (*what)(const struct jv_counters *))
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < w->cfg.shards; k++) {
        struct jv_counters count;
        jv_core_counters(w->core[k], &count);
        sum += what(&count);
    }
    return sum;
}

bool shards_is_attached(const struct shards *w, uint32_t client)
{
    const struct jv_session *s = jv_core_session_at(w->clients[client].core, 0);
    return s != NULL && s->state == JV_ST_ATTACHED;
}
