/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failure on demand: no room in an output array, no free buffer, at every moment of a birth and of a jump. What does not fit is lost
 * like a packet on the way, and counted; nothing leaks, no session ends, no call does half of its work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "path.h"
#include "state.h"

static struct pair p;
static const struct pair_cfg two_links = {
    .seed = 61, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST, .buffers = 512};

#define ARRAYS 4U
static struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
static struct jv_record records[JV_OUT_RECORDS_MIN];
static struct jv_order orders[JV_OUT_ORDERS_MIN];

/* An output in which array `which` has one place too few for a unit of work. */
static struct jv_out short_of(uint32_t which)
{
    struct jv_out out = {tx,      0, JV_OUT_TX_MIN,
                         tun,     0, JV_OUT_TUN_MIN,
                         records, 0, JV_OUT_RECORDS_MIN,
                         orders,  0, JV_OUT_ORDERS_MIN,
                         NULL,    0, 0};
    out.tx_cap = which == 0 ? JV_ROOM_TX - 1 : out.tx_cap;
    out.tun_cap = which == 1 ? JV_ROOM_TUN - 1 : out.tun_cap;
    out.records_cap = which == 2 ? JV_ROOM_RECORDS - 1 : out.records_cap;
    out.orders_cap = which == 3 ? JV_ROOM_ORDERS - 1 : out.orders_cap;
    return out;
}

static int begin(void **state)
{
    pair_init(&p, &two_links);
    if (!pair_attach(&p, 300)) {
        return -1;
    }
    pair_run(&p, 1000);
    return 0;
}

static int end(void **state)
{
    pair_fini(&p);
    return 0;
}

static void assert_nothing_came(const struct jv_out *out)
{
    assert_int_equal(out->tx_len + out->tun_len + out->records_len + out->orders_len, 0);
}

static void call_without_room_in_any_array_does_nothing(void **state)
{
    for (uint32_t which = 0; which < ARRAYS; which++) {
        for (int side = 0; side < 2; side++) {
            struct jv_core *core = side == 0 ? p.client : p.gateway;
            struct jv_out out = short_of(which);
            struct jv_slot slots[2];
            struct jv_counters before;
            struct jv_counters after;
            assert_int_equal(jv_core_take(core, slots, 2), 2);
            slots[0].off = slots[1].off = JV_BUF_HEADROOM;
            slots[0].len = slots[1].len = 60;
            struct jv_batch batch = {slots, 2, 0};
            const struct jv_instant now = {p.now_ns};
            jv_core_counters(core, &before);
            assert_int_equal(jv_core_datagrams(core, now, &batch, &out), JV_E_AGAIN);
            assert_int_equal(jv_core_packets(core, now, &batch, &out), JV_E_AGAIN);
            assert_int_equal(
                jv_core_command(core, now, &(struct jv_command){.kind = JV_CMD_DOWN}, &out),
                JV_E_AGAIN);
            const struct jv_instant due = jv_core_deadline(core);
            assert_int_equal(jv_core_expire(core, due, &out), JV_E_AGAIN);
            jv_core_counters(core, &after);
            assert_int_equal(batch.done, 0);
            assert_nothing_came(&out);
            assert_memory_equal(&before, &after, sizeof before);
            jv_core_give(core, slots, 2);
        }
    }
    pair_run(&p, 2000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

/* Nobody has a free buffer on this side for `ms`. */
static void starve(bool client, uint64_t ms)
{
    static struct jv_slot taken[2][512];
    struct jv_core *core = client ? p.client : p.gateway;
    uint32_t n = jv_core_take(core, taken[client ? 0 : 1], 512);
    pair_run(&p, ms);
    jv_core_give(core, taken[client ? 0 : 1], n);
}

static void assert_well(void)
{
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    assert_int_equal(pair_leaked(&p, true), 0);
    assert_int_equal(pair_leaked(&p, false), 0);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionTerminated, JV_WHY_NONE), 0);
}

static void birth_without_buffers_at_any_moment_comes_about(void **state)
{
    for (uint64_t at = 0; at < 45; at += 3) {
        for (int side = 0; side < 2; side++) {
            pair_fini(&p);
            pair_init(&p, &two_links);
            if (at > 0) { /* 0: not even the first message finds one */
                pair_run(&p, at);
            }
            starve(side == 0, 12);
            assert_true(pair_attach(&p, 6000));
            pair_run(&p, 3000); /* a gateway whose heartbeat was lost has its doubts for a while */
            assert_well();
            assert_int_equal(pair_count(&p.log_c, JV_REC_SessionCreated, JV_WHY_NONE), 1);
        }
    }
}

static void jump_without_buffers_at_any_moment_comes_about(void **state)
{
    for (uint64_t at = 0; at < 160; at += 4) {
        for (int side = 0; side < 2; side++) {
            pair_fini(&p);
            assert_int_equal(begin(NULL), 0);
            pair_flow_start(&p, &p.up, 5000, 400);
            pair_flow_start(&p, &p.down, 5000, 400);
            pair_run(&p, 300);
            p.links[0].hole_up = p.links[0].hole_down = true;
            pair_run(&p, at);
            starve(side == 0, 20);
            pair_run(&p, 4000);
            p.up.on = p.down.on = false;
            pair_run(&p, 500);
            assert_well();
            assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitch, JV_WHY_NONE), 1);
        }
    }
}

/* Idle, so that the frames of quiet meet the shortage as well. */
static void idle_session_without_buffers_for_a_while_stays(void **state)
{
    struct pair_cfg cfg = two_links;
    cfg.preset = JV_PRESET_MOBILE;
    for (uint64_t at = 0; at < 40; at++) {
        pair_fini(&p);
        pair_init(&p, &cfg);
        assert_true(pair_attach(&p, 3000));
        pair_run(&p, at * 800);
        starve(at % 2 == 0, 1500);
        pair_run(&p, 90000);
        assert_well();
    }
}

static void commands_without_buffers_say_what_they_did(void **state)
{
    static struct jv_slot taken[512];
    uint32_t n = jv_core_take(p.gateway, taken, 512);
    const struct jv_command policy = {.kind = JV_CMD_POLICY,
                                      .policy = jv_policy_presets[JV_PRESET_MOBILE],
                                      .clamp = {.max_switches_per_min = 3}};
    assert_int_equal(pair_command(&p, false, &policy), JV_E_OK);
    pair_run(&p, 3000); /* the question to the client finds no buffer, and is asked again */
    jv_core_give(p.gateway, taken, n);
    pair_run(&p, 10000);
    struct jv_session_status c;
    assert_true(pair_status(&p, true, &c));
    assert_int_equal(c.switches_limit, 3);
    /* Nobody can be told of the end; each side ends by itself. */
    n = jv_core_take(p.client, taken, 512);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    jv_core_give(p.client, taken, n);
    pair_run(&p, 100);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    pair_run(&p, 200000);
    assert_int_equal(pair_state(&p, false), JV_ST_END);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(call_without_room_in_any_array_does_nothing),
        T(birth_without_buffers_at_any_moment_comes_about),
        T(jump_without_buffers_at_any_moment_comes_about),
        T(idle_session_without_buffers_for_a_while_stays),
        T(commands_without_buffers_say_what_they_did),
    };
#undef T
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
