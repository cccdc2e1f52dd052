/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some cores that hand over to each other are one gateway, whatever arrives where and in which order: a user has one session, at its home;
 * no two sessions have an inner address in common; what goes to a session or comes from one arrives; each datagram is received once; nothing
 * goes round (the harness ends the test); and when all is still nothing is under way between two of them.
 */
#include "handoff.h"
#include "rounds.h"
#include "session.h"
#include "shard.h"
#include "shards.h"

#define STEPS 120U

static struct shards world;

static uint64_t received(const struct jv_counters *c)
{
    return c->rx_datagrams;
}

static uint64_t packets(const struct jv_counters *c)
{
    return c->rx_packets;
}

static uint64_t handed(const struct jv_counters *c)
{
    return c->handed_out - c->handed_in;
}

static bool is_of_shard(const struct jv_session *s, uint32_t shard)
{
    bool good = true;
    for (uint32_t i = 0; i < JV_LOCATOR_MAX; i++) {
        good = good && (s->locators[i].value == 0 ||
                        jv_shard_of_locator(s->locators[i].value, world.cfg.shards) == shard);
    }
    return good;
}

static bool sessions_hold(void)
{
    uint32_t of_user[SHARDS_CLIENTS] = {0};
    uint8_t has[256] = {0};
    for (uint32_t k = 0; k < world.cfg.shards; k++) {
        const struct jv_core *core = world.core[k];
        for (uint32_t i = 0; i < core->sessions.high; i++) {
            const struct jv_session *s = jv_core_session_at(core, i);
            if (s == NULL) {
                continue;
            }
            uint32_t user = (uint32_t)(core->users[s->user].user.name[0] - 'a');
            uint8_t address = s->address4.ip.b[3];
            if (++of_user[user] > 1 || has[address]++ != 0 || shards_home(&world, user) != k ||
                !is_of_shard(s, k)) {
                return false;
            }
        }
    }
    return true;
}

/* All buffers are free again but those that a session keeps for a resend, or that wait in it. */
static bool buffers_hold(void)
{
    bool good = true;
    for (uint32_t k = 0; k < world.cfg.shards; k++) {
        struct jv_counters count;
        uint64_t used = 0;
        jv_core_counters(world.core[k], &count);
        for (uint32_t i = 0; i < world.core[k]->sessions.high; i++) {
            const struct jv_session *s = jv_core_session_at(world.core[k], i);
            used += s != NULL ? s->waiting_len + s->kept.len : 0;
        }
        good = good && count.buffers_free + used == world.gateway.buffers;
    }
    return good;
}

static bool counts_hold(void)
{
    return shards_sum(&world, received) == world.fed_datagrams &&
           shards_sum(&world, packets) == world.fed_packets && shards_sum(&world, handed) == 0 &&
           world.seq == world.records;
}

static void send_down(struct jv_prng *prng, uint32_t client)
{
    struct shards_client *c = &world.clients[client];
    uint32_t shard = (uint32_t)jv_prng_below(prng, world.cfg.shards);
    bool is_there = c->core != NULL && shards_is_attached(&world, client);
    struct jv_ip ip = c->inner;
    if (world.cfg.has_fixed && client == 2 && jv_prng_below(prng, 2) == 0) {
        ip = (struct jv_ip){{172, 16, 0, (uint8_t)jv_prng_next(prng)}, JV_AF_4, {0}};
    }
    if (ip.family == JV_AF_NONE || jv_prng_below(prng, 8) == 0) {
        ip = (struct jv_ip){{10, 80, 0, 99}, JV_AF_4, {0}}; /* nobody's */
        is_there = false;
    }
    shards_packet_down(&world, shard, &ip, is_there ? c : NULL);
}

static void step(struct jv_prng *prng)
{
    uint32_t client = (uint32_t)jv_prng_below(prng, world.cfg.clients);
    struct shards_client *c = &world.clients[client];
    switch (jv_prng_below(prng, 10)) {
    case 0:
        shards_up(&world, client); /* also one that has a session, which knows nothing of it */
        break;
    case 1:
        if (c->core != NULL) {
            shards_down(&world, client);
        }
        break;
    case 2:
    case 3:
        shards_run(&world, jv_prng_below(prng, 700));
        break;
    default:
        shards_settle(&world);
        if (jv_prng_below(prng, 2) == 0) {
            send_down(prng, client);
        } else if (c->core != NULL && shards_is_attached(&world, client)) {
            shards_packet_up(&world, client);
        }
        break;
    }
}

static bool arrivals_hold(void)
{
    for (uint32_t i = 0; i < world.cfg.clients; i++) {
        const struct shards_client *c = &world.clients[i];
        if (c->sent_down != c->received_down || c->sent_up != c->received_up) {
            return false;
        }
    }
    return true;
}

static bool holds(struct jv_prng *prng)
{
    struct shards_cfg cfg = {.seed = jv_prng_next(prng),
                             .shards = 1 + (uint32_t)jv_prng_below(prng, 7),
                             .clients = 4 + (uint32_t)jv_prng_below(prng, 5),
                             .has_fixed = jv_prng_below(prng, 2) == 0};
    cfg.shards = jv_prng_below(prng, 16) == 0 ? JV_SHARDS_MAX : cfg.shards;
    cfg.stray_ppm = jv_prng_below(prng, 2) == 0 ? 0 : (uint32_t)jv_prng_below(prng, 1000001);
    shards_init(&world, &cfg);
    bool good = true;
    for (uint32_t i = 0; i < STEPS && good; i++) {
        step(prng);
        good = sessions_hold();
        shards_settle(&world);
        good = good && sessions_hold() && arrivals_hold() && counts_hold() && buffers_hold();
    }
    shards_fini(&world);
    return good;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_handoff_cores_are_one_gateway", 150, holds);
}
