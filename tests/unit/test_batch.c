/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Much at once: what many sessions, or one session many times, ask for within one batch, and one moment with much due.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "control.h"
#include "pair.h"
#include "state.h"
#include "token.h"

static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
static struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
static struct jv_record records[JV_OUT_RECORDS_MIN];
static struct jv_order orders[JV_OUT_ORDERS_MIN];

static struct jv_out fresh_out(void)
{
    return (struct jv_out){tx,      0, JV_OUT_TX_MIN,
                           tun,     0, JV_OUT_TUN_MIN,
                           records, 0, JV_OUT_RECORDS_MIN,
                           orders,  0, JV_OUT_ORDERS_MIN,
                           NULL,    0, 0};
}

static void give_back(struct jv_core *core, struct jv_out *out)
{
    jv_core_give(core, out->tx, out->tx_len);
    jv_core_give(core, out->tun, out->tun_len);
    *out = fresh_out();
}

static struct jv_slot slot_of(struct jv_core *core, const struct jv_endpoint *remote,
                              const struct jv_endpoint *local, const uint8_t *bytes, uint32_t len)
{
    struct jv_slot slot;
    assert_int_equal(jv_core_take(core, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memcpy(slot.buf + slot.off, bytes, len);
    slot.link = 1;
    slot.remote = *remote;
    slot.local = *local;
    return slot;
}

/* ---- eight sites with eight networks each ---- */

#define SITES 8U
#define QUEUE 256U
#define GATEWAY SITES

struct datagram {
    uint32_t from, to; /* a site, or GATEWAY */
    uint32_t len;
    uint8_t bytes[JV_BUF_BYTES];
};

static struct {
    struct jv_core *core[SITES + 1];
    void *mem[SITES + 1];
    struct jv_prng entropy[SITES + 1];
    struct jv_core_cfg client_cfg;
    struct jv_instant now;
    struct datagram queue[QUEUE];
    uint32_t queue_len;
    uint32_t routes_added, routes_removed;
} sites;

static void fill(void *arg, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(arg);
    }
}

static struct jv_endpoint site_endpoint(uint32_t site)
{
    return (struct jv_endpoint){.ip = {{192, 0, 2, (uint8_t)(site + 1)}, JV_AF_4, {0}},
                                .port = 40000};
}

static void collect(uint32_t who, struct jv_out *out)
{
    for (uint32_t i = 0; i < out->tx_len; i++) {
        assert_true(sites.queue_len < QUEUE);
        struct datagram *d = &sites.queue[sites.queue_len++];
        d->from = who;
        d->to = who == GATEWAY ? out->tx[i].remote.ip.b[3] - 1U : GATEWAY;
        d->len = out->tx[i].len;
        memcpy(d->bytes, out->tx[i].buf + out->tx[i].off, d->len);
    }
    for (uint32_t i = 0; i < out->orders_len; i++) {
        sites.routes_added += out->orders[i].kind == JV_ORDER_ROUTE_ADD ? 1 : 0;
        sites.routes_removed += out->orders[i].kind == JV_ORDER_ROUTE_REMOVE ? 1 : 0;
    }
    give_back(sites.core[who], out);
}

/* All that waits for this core, in one batch. */
static void deliver(uint32_t who)
{
    static struct jv_slot slots[JV_BATCH_MAX];
    struct jv_core *core = sites.core[who];
    struct jv_batch batch = {slots, 0, 0};
    struct jv_out out = fresh_out();
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sites.queue_len; i++) {
        const struct datagram *d = &sites.queue[i];
        if (d->to != who || batch.len == JV_BATCH_MAX) {
            sites.queue[kept++] = *d;
            continue;
        }
        const struct jv_endpoint site_at = site_endpoint(who == GATEWAY ? d->from : who);
        slots[batch.len++] = who == GATEWAY
                                 ? slot_of(core, &site_at, &gateway_at, d->bytes, d->len)
                                 : slot_of(core, &gateway_at, &site_at, d->bytes, d->len);
    }
    sites.queue_len = kept;
    while (jv_core_datagrams(core, sites.now, &batch, &out) == JV_E_AGAIN) {
        collect(who, &out);
    }
    collect(who, &out);
}

static void expire(uint32_t who)
{
    struct jv_out out = fresh_out();
    while (jv_core_expire(sites.core[who], sites.now, &out) == JV_E_AGAIN) {
        collect(who, &out);
    }
    collect(who, &out);
}

static void run_sites(uint32_t ms)
{
    for (uint32_t i = 0; i < ms; i++) {
        sites.now = jv_add_ms(sites.now, 1);
        for (uint32_t who = 0; who <= SITES; who++) {
            if (sites.core[who] != NULL) {
                expire(who);
                deliver(who);
            }
        }
    }
}

static void command(uint32_t who, const struct jv_command *command)
{
    struct jv_out out = fresh_out();
    assert_int_equal(jv_core_command(sites.core[who], sites.now, command, &out), JV_E_OK);
    collect(who, &out);
}

static void start_core(uint32_t who, const struct jv_core_cfg *cfg)
{
    size_t bytes = (jv_core_bytes(cfg) + 63) & ~(size_t)63;
    void *mem = aligned_alloc(64, bytes);
    assert_non_null(mem);
    memset(mem, 0, bytes);
    const struct jv_entropy entropy = {fill, &sites.entropy[who]};
    assert_int_equal(jv_core_init(mem, cfg, entropy, sites.now, &sites.core[who]), JV_E_OK);
    sites.mem[who] = mem;
}

static void stop_core(uint32_t who)
{
    jv_core_fini(sites.core[who]);
    free(sites.mem[who]);
}

static struct jv_key site_key(uint32_t site)
{
    struct jv_key key;
    memset(key.b, (int)(0x30 + site), sizeof key.b);
    return key;
}

static void start_site(uint32_t site)
{
    const struct jv_command endpoints = {
        .kind = JV_CMD_ENDPOINTS, .endpoints = {gateway_at}, .endpoints_len = 1};
    const struct jv_command link = {.kind = JV_CMD_LINK_ADDED,
                                    .link = 1,
                                    .name = "wire/udp",
                                    .local = site_endpoint(site),
                                    .prefer = 1,
                                    .mtu = 1500};
    sites.client_cfg.private_key = site_key(site);
    start_core(site, &sites.client_cfg);
    command(site, &endpoints);
    command(site, &link);
    command(site, &(struct jv_command){.kind = JV_CMD_UP});
}

static void start_gateway(void)
{
    static struct jv_user users[SITES];
    struct jv_core_cfg *client = &sites.client_cfg;
    struct jv_core_cfg cfg;
    for (uint32_t i = 0; i < SITES; i++) {
        const struct jv_key private_key = site_key(i);
        assert_int_equal(jv_dh_public(&private_key, &users[i].public_key), JV_E_OK);
        users[i].name[0] = (char)('a' + i);
        users[i].nets_len = JV_USER_NETS_MAX;
        for (uint8_t n = 0; n < JV_USER_NETS_MAX; n++) {
            users[i].nets[n] =
                (struct jv_prefix){{{172, (uint8_t)(16 + i), n, 0}, JV_AF_4, {0}}, 24};
        }
    }
    *client = (struct jv_core_cfg){.role = JV_ROLE_CLIENT,
                                   .buffers = 512,
                                   .first_seq = 1,
                                   .jitter_seed = 1,
                                   .mtu = JV_MTU_DEFAULT,
                                   .policy = jv_policy_presets[JV_PRESET_STRICT]};
    client->allowed[0] = (struct jv_prefix){{{0}, JV_AF_4, {0}}, 0};
    client->allowed_len = 1;
    cfg = *client;
    cfg.role = JV_ROLE_GATEWAY;
    cfg.sessions_max = cfg.half_open_max = cfg.users_max = 64;
    cfg.pool4 = (struct jv_prefix){{{10, 80, 0, 0}, JV_AF_4, {0}}, 24};
    cfg.users = users;
    cfg.users_len = SITES;
    memset(cfg.private_key.b, 0x22, sizeof cfg.private_key.b);
    assert_int_equal(jv_dh_public(&cfg.private_key, &client->gateway_key), JV_E_OK);
    start_core(GATEWAY, &cfg);
}

static uint64_t attached(void)
{
    struct jv_counters count;
    jv_core_counters(sites.core[GATEWAY], &count);
    return count.sessions[JV_ST_ATTACHED];
}

static int start_sites(void **state)
{
    memset(&sites, 0, sizeof sites);
    assert_int_equal(jv_crypto_init(), JV_E_OK);
    sites.now.ns = JV_NS_PER_S;
    for (uint32_t i = 0; i <= SITES; i++) {
        sites.entropy[i].state = i + 1;
    }
    start_gateway();
    for (uint32_t i = 0; i < SITES; i++) {
        start_site(i);
        run_sites(50);
    }
    assert_int_equal(attached(), SITES);
    assert_int_equal(sites.routes_added - sites.routes_removed, SITES * JV_USER_NETS_MAX);
    sites.queue_len = 0;
    return 0;
}

static int stop_sites(void **state)
{
    for (uint32_t i = 0; i <= SITES; i++) {
        stop_core(i);
    }
    return 0;
}

static void sessions_with_many_networks_may_end_in_one_batch(void **state)
{
    sites.routes_removed = 0;
    for (uint32_t i = 0; i < SITES; i++) {
        command(i, &(struct jv_command){.kind = JV_CMD_DOWN});
    }
    assert_true(sites.queue_len >= SITES);
    deliver(GATEWAY);
    assert_int_equal(attached(), 0);
    assert_int_equal(sites.routes_removed, SITES * JV_USER_NETS_MAX);
}

static void sessions_with_many_networks_may_be_replaced_in_one_batch(void **state)
{
    sites.routes_added = sites.routes_removed = 0;
    for (uint32_t i = 0; i < SITES; i++) {
        stop_core(i);
        start_site(i);
    }
    sites.now = jv_add_ms(sites.now, 1);
    for (uint32_t i = 0; i < SITES; i++) {
        expire(i);
    }
    deliver(GATEWAY);
    for (uint32_t i = 0; i < SITES; i++) {
        deliver(i);
    }
    assert_true(sites.queue_len >= SITES); /* the confirmations */
    deliver(GATEWAY);
    assert_int_equal(attached(), SITES);
    assert_int_equal(sites.routes_added, SITES * JV_USER_NETS_MAX);
    assert_int_equal(sites.routes_removed, SITES * JV_USER_NETS_MAX);
}

/* ---- one session ---- */

static struct pair world;

static int start_world(void **state)
{
    pair_init(&world,
              &(struct pair_cfg){
                  .seed = 1, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST});
    assert_true(pair_attach(&world, 3000));
    pair_run(&world, 1000);
    return 0;
}

static int stop_world(void **state)
{
    pair_fini(&world);
    return 0;
}

/* A request that commits: sealed by the client's keys, with the token that a probe from this address would have got. */
static struct jv_slot proven_request(uint32_t i, const struct jv_endpoint *from)
{
    const struct jv_session *s = jv_core_session_at(world.client, 0);
    const struct jv_token_claim claim = {
        .sid = s->sid, .remote = *from, .local = gateway_at, .protocol = JV_PROTO_UDP};
    const struct jv_control_to to = {1, gateway_at, *from, world.client->client->paths[1].locator};
    struct jv_request request = {.order = 10 + i,
                                 .version = s->v + 3ULL * i, /* a commit walks three rows */
                                 .protocol = JV_PROTO_UDP,
                                 .path_id = (uint8_t)(2 + i),
                                 .flags = JV_REQ_HAS_TOKEN};
    uint8_t body[JV_REQUEST_BODY];
    struct jv_out out = fresh_out();
    jv_token_make(world.gateway->token_key, &claim, jv_core_gateway_time(world.gateway),
                  request.token);
    jv_request_encode(&request, body);
    assert_true(jv_control_send(world.client, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_REQUEST,
                                &to, body, sizeof body, &out));
    assert_int_equal(out.tx_len, 1);
    struct jv_slot slot =
        slot_of(world.gateway, from, &gateway_at, out.tx[0].buf + out.tx[0].off, out.tx[0].len);
    give_back(world.client, &out);
    return slot;
}

static void one_session_may_commit_three_times_in_one_batch(void **state)
{
    struct jv_slot slots[3];
    struct jv_endpoint from = {.ip = {{192, 0, 2, 2}, JV_AF_4, {0}}};
    struct jv_batch batch = {slots, JV_ARRAY_LEN(slots), 0};
    struct jv_out out = fresh_out();
    uint32_t commits = 0;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(slots); i++) {
        from.port = (uint16_t)(50001 + i);
        slots[i] = proven_request(i, &from);
    }
    const struct jv_instant now = {world.now_ns};
    assert_int_equal(jv_core_datagrams(world.gateway, now, &batch, &out), JV_E_OK);
    for (uint32_t i = 0; i < out.records_len; i++) {
        commits += out.records[i].event == JV_REC_ReattachResult &&
                           out.records[i].reason == JV_WHY_REATTACH_SUCCESS
                       ? 1
                       : 0;
    }
    assert_int_equal(commits, JV_ARRAY_LEN(slots));
    const struct jv_session *s = jv_core_session_at(world.gateway, 0);
    assert_true(jv_endpoint_is_equal(&s->bound->remote, &from));
    give_back(world.gateway, &out);
}

static void freeze_at_switch(struct pair *p, bool client, const struct jv_record *record)
{
    p->paused_g = p->paused_g || (!client && record->event == JV_REC_TransportSwitch);
}

/*
 * A jump makes more due than one page of output holds. JV_E_OK while something is due would mean that the core had turned over its
 * whole table of deadlines and come no further.
 */
static void due_packets_without_room_are_asked_for_again(void **state)
{
    pair_flow_start(&world, &world.down, 250, 200);
    pair_flow_start(&world, &world.up, 5000, 100);
    pair_run(&world, 500);
    world.links[0].hole_up = world.links[0].hole_down = true;
    world.on_record = freeze_at_switch;
    for (uint32_t i = 0; i < 1500 && !world.paused_g; i++) {
        pair_run(&world, 1);
    }
    assert_true(world.paused_g);
    const struct jv_session *s = jv_core_session_at(world.gateway, 0);
    /* Frozen for so long that nothing is paced any more. */
    const struct jv_instant now = jv_add_ms((struct jv_instant){world.now_ns}, JV_PACE_MAX_MS);
    uint32_t due = s->kept.due;
    uint32_t calls = 0;
    uint32_t sent = 0;
    enum jv_err err = JV_E_AGAIN;
    assert_true(due > 300);
    for (; err == JV_E_AGAIN && calls < 100; calls++) {
        struct jv_out out = fresh_out();
        err = jv_core_expire(world.gateway, now, &out);
        assert_true(err == JV_E_AGAIN || jv_core_deadline(world.gateway).ns > now.ns);
        sent += out.tx_len;
        give_back(world.gateway, &out);
    }
    assert_int_equal(err, JV_E_OK);
    assert_int_equal(s->kept.due, 0);
    assert_true(sent >= due);
    assert_true(calls <= sent / (JV_OUT_TX_MIN - JV_ROOM_TX) + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_with_many_networks_may_end_in_one_batch,
                                        start_sites, stop_sites),
        cmocka_unit_test_setup_teardown(sessions_with_many_networks_may_be_replaced_in_one_batch,
                                        start_sites, stop_sites),
        cmocka_unit_test_setup_teardown(one_session_may_commit_three_times_in_one_batch,
                                        start_world, stop_world),
        cmocka_unit_test_setup_teardown(due_packets_without_room_are_asked_for_again, start_world,
                                        stop_world)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
