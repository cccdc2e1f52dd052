/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "pair_parts.h"
#include "prng.h"

static const struct jv_endpoint gateway_endpoints[] = {
    {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433},
    {.ip = {{203, 0, 113, 2}, JV_AF_4, {0}}, .port = 4433},
    {.ip = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, JV_AF_6, {0}}, .port = 4433}};

static void fill(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

/*
 * Large blocks are kept from one pair to the next of the same shape: a fuzzer makes hundreds of pairs a second, and most of that time
 * went into fresh pages.
 */
#define BLOCKS 64U
static struct block {
    void *at;
    size_t bytes;
    bool used;
} blocks[BLOCKS];

static void *take_block(size_t bytes)
{
    struct block *free_block = NULL;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (!blocks[i].used && blocks[i].at != NULL && blocks[i].bytes == bytes) {
            blocks[i].used = true;
            return blocks[i].at;
        }
        free_block = !blocks[i].used ? &blocks[i] : free_block;
    }
    if (free_block == NULL) {
        abort(); /* a test has a few pairs at once */
    }
    free(free_block->at);
    *free_block = (struct block){aligned_alloc(64, (bytes + 63) & ~(size_t)63), bytes, true};
    if (free_block->at == NULL) {
        abort();
    }
    return free_block->at;
}

static void give_block(const void *at)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].at == at) {
            blocks[i].used = false;
        }
    }
}

void *pair_core_start(const struct jv_core_cfg *cfg, struct jv_prng *entropy, struct jv_instant now,
                      struct jv_core **core_out)
{
    size_t bytes = jv_core_bytes(cfg);
    if (bytes == 0) {
        abort();
    }
    void *mem = take_block(bytes);
    memset(mem, 0, bytes);
    if (jv_core_init(mem, cfg, (struct jv_entropy){fill, entropy}, now, core_out) != JV_E_OK) {
        abort();
    }
    return mem;
}

void pair_core_end(struct jv_core *core, const void *mem)
{
    jv_core_fini(core);
    give_block(mem);
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
                            .buffers = cfg->buffers != 0 ? cfg->buffers : PAIR_BUFFERS,
                            .first_seq = 1,
                            .jitter_seed = cfg->seed,
                            .mtu = JV_MTU_DEFAULT,
                            .dscp = cfg->dscp,
                            .rebirth = cfg->rebirth,
                            .offer_aes = !cfg->no_aes,
                            .offer_partial_csum = cfg->partial_c,
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
    g.offer_partial_csum = cfg->partial_g;
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
    pair_journal_begin(p, false, &g, p->entropy_g.state);
    p->gateway_mem = pair_core_start(&g, &p->entropy_g, pair_now(p), &p->gateway);
}

/* The client's core with its links and its wish for a session. */
static void start_client(struct pair *p, const struct pair_cfg *cfg)
{
    const struct jv_core_cfg c = client_cfg(cfg);
    pair_journal_begin(p, true, &c, p->entropy_c.state);
    p->client_mem = pair_core_start(&c, &p->entropy_c, pair_now(p), &p->client);
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
    pair_core_end(p->client, p->client_mem);
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
    p->has_journal = cfg->has_journal;
    p->buffers = cfg->buffers != 0 ? cfg->buffers : PAIR_BUFFERS;
    p->entropy_c.state = cfg->seed * 3 + 1;
    p->entropy_g.state = cfg->seed * 3 + 2;
    p->events_cap = cfg->events != 0 ? cfg->events : PAIR_EVENTS;
    p->events = take_block(p->events_cap * sizeof *p->events);
    p->heap = take_block(p->events_cap * sizeof *p->heap);
    p->heap_place = take_block(p->events_cap * sizeof *p->heap_place);
    p->up.arrived = take_block(PAIR_ARRIVED / 8);
    p->down.arrived = take_block(PAIR_ARRIVED / 8);
    p->up.arrived[0] = p->down.arrived[0] =
        0; /* the others are cleared as the numbers reach them */
    p->log_c.records = take_block(PAIR_LOG * sizeof *p->log_c.records);
    p->log_g.records = take_block(PAIR_LOG * sizeof *p->log_g.records);
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
    pair_core_end(p->client, p->client_mem);
    pair_core_end(p->gateway, p->gateway_mem);
    pair_clone_end(p);
    pair_journal_free(p);
    give_block(p->events);
    give_block(p->heap);
    give_block(p->heap_place);
    give_block(p->up.arrived);
    give_block(p->down.arrived);
    give_block(p->log_c.records);
    give_block(p->log_g.records);
}
