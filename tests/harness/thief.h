/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_THIEF_H
#define JV_TESTS_THIEF_H
/*
 * thief -- a pair of cores over two links, and somebody on the way who takes datagrams away and keeps the newest.
 *
 * For the tests of single defences: one world a program, a begin and a stop for each case. Include after cmocka.h.
 */
#include <string.h>

#include "pair.h"
#include "state.h"

#define TYPE_OF(e) ((e)->bytes[0] & 0x1fU)

static struct pair world;
static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};

/* Datagrams of these types, a bit each, to this side are taken away; the newest is kept, and the newest of each type. */
static struct {
    uint32_t types;
    bool to_gateway;
    uint32_t taken;
    struct pair_event newest, held[32];
} thief;

static inline bool take_away(struct pair *p, const struct pair_event *e)
{
    (void)p;
    if ((thief.types >> TYPE_OF(e) & 1) == 0 || e->to_gateway != thief.to_gateway) {
        return true;
    }
    thief.newest = thief.held[TYPE_OF(e)] = *e;
    thief.taken++;
    return false;
}

static inline void steal(uint32_t types, bool to_gateway)
{
    thief.types = types;
    thief.to_gateway = to_gateway;
    thief.taken = 0;
    world.filter = take_away;
}

static inline void begin_with(uint64_t seed, enum jv_preset preset)
{
    const struct pair_cfg cfg = {
        .seed = seed, .links = 2, .rtt_us = {20000, 30000}, .preset = preset};
    memset(&thief, 0, sizeof thief);
    pair_init(&world, &cfg);
    assert_true(pair_attach(&world, 3000));
    pair_run(&world, 1500);
}

static inline int stop(void **state)
{
    (void)state;
    assert_int_equal(pair_leaked(&world, true), 0);
    assert_int_equal(pair_leaked(&world, false), 0);
    pair_fini(&world);
    return 0;
}

static inline struct jv_session *session(bool client)
{
    struct jv_session *s = jv_core_session_at(client ? world.client : world.gateway, 0);
    assert_non_null(s);
    return s;
}

static inline uint64_t drops(bool client, enum jv_drop drop)
{
    struct jv_counters count;
    jv_core_counters(client ? world.client : world.gateway, &count);
    return count.drops[drop];
}

static inline void order_switch(uint32_t link)
{
    const struct jv_command command = {.kind = JV_CMD_SWITCH, .link = world.links[link].handle};
    assert_int_equal(pair_command(&world, true, &command), JV_E_OK);
}
#endif /* JV_TESTS_THIEF_H */
