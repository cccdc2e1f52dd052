/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No loss at a jump: streams of 50 Mbit/s (1400 bytes each 224 us) and of a call (200 bytes each 20 ms) in both directions at once, at
 * round trips of 20, 80 and 200 ms; and the limits of the pool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "pair.h"
#include "resend.h"
#include "session.h"
#include "state.h"

#define FAST_US 224U
#define CALL_US 20000U

static struct pair p;
static const uint32_t rtts_us[] = {20000, 80000, 200000};

struct stream {
    uint32_t interval_us, bytes;
};
static const struct stream streams[] = {{FAST_US, 1400}, {CALL_US, 200}};

static void world_begin(const struct jv_policy *policy, const uint32_t rtt_us[3],
                        const struct stream *stream)
{
    const struct pair_cfg cfg = {.seed = 77,
                                 .links = 3,
                                 .rtt_us = {rtt_us[0], rtt_us[1], rtt_us[2]},
                                 .policy = policy,
                                 .buffers = 16384};
    pair_init(&p, &cfg);
    assert_true(pair_attach(&p, 3000));
    pair_run(&p, 1000);
    pair_flow_start(&p, &p.up, stream->interval_us, stream->bytes);
    pair_flow_start(&p, &p.down, stream->interval_us, stream->bytes);
    pair_run(&p, 2500);
}

static void hole(uint32_t link)
{
    p.links[link].hole_up = p.links[link].hole_down = true;
}

static void choose(uint32_t link)
{
    const struct jv_command command = {.kind = JV_CMD_SWITCH, .link = p.links[link].handle};
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK);
}

static struct jv_counters counters(bool client)
{
    struct jv_counters c;
    jv_core_counters(client ? p.client : p.gateway, &c);
    return c;
}

/* The streams end, what is under way arrives, and no buffer stays behind. */
static void world_end(void)
{
    p.up.on = p.down.on = false;
    pair_run(&p, 2500);
    assert_int_equal(pair_leaked(&p, true), 0);
    assert_int_equal(pair_leaked(&p, false), 0);
    pair_fini(&p);
}

static const struct jv_record *first_switch(const struct pair_log *log)
{
    for (uint32_t i = 0; i < log->len; i++) {
        if (log->records[i].event == JV_REC_TransportSwitch) {
            return &log->records[i];
        }
    }
    return NULL;
}

static uint64_t field(const struct jv_record *rec, enum jv_record_key key)
{
    for (uint32_t i = 0; rec != NULL && i < rec->fields_len; i++) {
        if (rec->fields[i].key == key) {
            return rec->fields[i].value;
        }
    }
    fail_msg("no record, or none with field %u", (unsigned)key);
    return 0;
}

static uint64_t lost(const struct pair_flow *flow)
{
    return flow->sent - flow->received;
}

static void nothing_was_lost_or_late(void)
{
    p.up.on = p.down.on = false;
    pair_run(&p, 500);
    assert_int_equal(lost(&p.up), 0);
    assert_int_equal(lost(&p.down), 0);
    assert_int_equal(p.up.late, 0);
    assert_int_equal(p.down.late, 0);
    assert_true(counters(true).jumps >= 1);
}

enum death { HOLE, LINK_DOWN, CHOICE, TWO_HOLES };

static void jump(enum death death, const struct jv_policy *policy, uint32_t rtt_us,
                 const struct stream *stream)
{
    const uint32_t rtt[3] = {rtt_us, rtt_us, rtt_us};
    world_begin(policy, rtt, stream);
    if (death == HOLE || death == TWO_HOLES) {
        hole(0);
    } else if (death == LINK_DOWN) {
        pair_link_down(&p, 0);
    } else {
        choose(1);
    }
    if (death == TWO_HOLES) {
        pair_run(&p, 100);
        hole(1);
    }
    pair_run(&p, 3000);
    nothing_was_lost_or_late();
    world_end();
}

static void every_jump(enum death death)
{
    for (uint32_t preset = 0; preset < JV_PRESETS; preset++) {
        for (uint32_t i = 0; i < JV_ARRAY_LEN(rtts_us); i++) {
            bool is_too_old = preset == JV_PRESET_FAST &&
                              ((death == HOLE && rtts_us[i] == 200000) || death == TWO_HOLES);
            for (uint32_t k = 0; k < JV_ARRAY_LEN(streams) && !is_too_old; k++) {
                jump(death, &jv_policy_presets[preset], rtts_us[i], &streams[k]);
            }
        }
    }
}

static void black_hole_loses_nothing(void **state)
{
    every_jump(HOLE);
}

static void link_down_loses_nothing(void **state)
{
    every_jump(LINK_DOWN);
}

static void move_by_choice_loses_nothing(void **state)
{
    every_jump(CHOICE);
}

static void second_death_100_ms_after_the_first_loses_nothing(void **state)
{
    every_jump(TWO_HOLES);
}

/* `fast` finds a black hole of 200 ms round trip after its age: what is lost is older than that, all of it is named, no more. */
static void beyond_the_age_the_record_names_what_is_lost(void **state)
{
    const uint32_t rtt[3] = {200000, 200000, 200000};
    const struct jv_policy *fast = &jv_policy_presets[JV_PRESET_FAST];
    world_begin(fast, rtt, &streams[0]);
    hole(0);
    pair_run(&p, 3000);
    p.up.on = p.down.on = false;
    pair_run(&p, 500);
    const struct jv_record *c = first_switch(&p.log_c);
    const struct jv_record *g = first_switch(&p.log_g);
    assert_true(lost(&p.up) > 0 && lost(&p.down) > 0);
    /* Frames that went between them count as well: a report each 25 ms. */
    uint64_t up = lost(&p.up) - counters(true).drops[JV_DROP_WAITING_OLD];
    uint64_t down = lost(&p.down) - counters(false).drops[JV_DROP_WAITING_OLD];
    assert_in_range(field(c, JV_FD_too_old), up, up + 40);
    assert_in_range(field(g, JV_FD_too_old), down, down + 40);
    assert_int_equal(field(c, JV_FD_pushed_out) + field(g, JV_FD_pushed_out), 0);
    uint64_t older_us = field(c, JV_FD_outage_us) + rtt[0] / 2 - fast->resend_age_ms * 1000ULL;
    assert_true(up <= older_us / FAST_US + 1);
    world_end();
}

static void beyond_the_size_the_record_names_what_is_lost(void **state)
{
    const uint32_t rtt[3] = {80000, 80000, 80000};
    struct jv_policy policy = jv_policy_presets[JV_PRESET_MOBILE];
    policy.resend_max_kib = 1024;
    world_begin(&policy, rtt, &streams[0]);
    hole(0);
    pair_run(&p, 3000);
    p.up.on = p.down.on = false;
    pair_run(&p, 500);
    const struct jv_record *c = first_switch(&p.log_c);
    const struct jv_record *g = first_switch(&p.log_g);
    assert_true(lost(&p.up) > 0 && lost(&p.down) > 0);
    assert_int_equal(field(c, JV_FD_kept), 512);
    assert_int_equal(field(c, JV_FD_resent), 512);
    assert_int_equal(field(g, JV_FD_resent), 512);
    assert_in_range(field(c, JV_FD_pushed_out), lost(&p.up), lost(&p.up) + 40);
    assert_in_range(field(g, JV_FD_pushed_out), lost(&p.down), lost(&p.down) + 40);
    assert_int_equal(field(c, JV_FD_too_old) + field(g, JV_FD_too_old), 0);
    world_end();
}

static void without_a_pool_nothing_is_kept(void **state)
{
    const uint32_t rtt[3] = {20000, 20000, 20000};
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    policy.resend_age_ms = 0;
    policy.waiting_max_kib = 0;
    world_begin(&policy, rtt, &streams[0]);
    hole(0);
    pair_run(&p, 1000);
    assert_true(lost(&p.up) > 0 && lost(&p.down) > 0);
    assert_int_equal(counters(true).resent + counters(false).resent, 0);
    assert_true(counters(true).drops[JV_DROP_WAITING_FULL] > 0);
    world_end();
}

/*
 * By choice from a slow path to a quick one: what is under way on the slow one still arrives, after packets that were sent later.
 * Nothing goes twice, and nothing is lost.
 */
static void move_by_choice_sends_nothing_twice(void **state)
{
    const uint32_t rtt[3] = {200000, 20000, 400000};
    world_begin(&jv_policy_presets[JV_PRESET_MOBILE], rtt, &streams[0]);
    choose(1);
    pair_run(&p, 3000);
    p.up.on = p.down.on = false;
    pair_run(&p, 500);
    assert_int_equal(lost(&p.up), 0);
    assert_int_equal(lost(&p.down), 0);
    assert_true(p.up.late > 0 && p.down.late > 0);
    assert_int_equal(counters(true).resent + counters(false).resent, 0);
    world_end();
}

/* The path dies at the moment of the choice: the reports over the other one lack what was under way, and it goes again, late. */
static void move_by_choice_from_a_path_that_dies_loses_nothing(void **state)
{
    const uint32_t rtt[3] = {80000, 20000, 20000};
    world_begin(&jv_policy_presets[JV_PRESET_MOBILE], rtt, &streams[0]);
    choose(1);
    hole(0);
    pair_run(&p, 3000);
    p.up.on = p.down.on = false;
    pair_run(&p, 500);
    assert_true(counters(true).resent > 0 && counters(false).resent > 0);
    assert_int_equal(lost(&p.up), 0);
    assert_int_equal(lost(&p.down), 0);
    world_end();
}

/* What goes again is spread over time as it first was: no burst of the whole pool. */
static uint64_t burst_ns, window_packets, most_packets;

static bool count_burst(struct pair *pair, const struct pair_event *e)
{
    if (e->to_gateway && e->link == 1 && e->len > 1000) {
        if (pair->now_ns - burst_ns >= 10 * JV_NS_PER_MS) {
            burst_ns = pair->now_ns;
            window_packets = 0;
        }
        window_packets++;
        most_packets = JV_MAX(most_packets, window_packets);
    }
    return true;
}

static void what_goes_again_is_paced(void **state)
{
    const uint32_t rtt[3] = {80000, 80000, 80000};
    world_begin(&jv_policy_presets[JV_PRESET_MOBILE], rtt, &streams[0]);
    burst_ns = window_packets = most_packets = 0;
    p.filter = count_burst;
    hole(0);
    pair_run(&p, 3000);
    /* The stream has 45 packets in 10 ms. */
    assert_in_range(most_packets, 80, 3 * 45 + 10);
    nothing_was_lost_or_late();
    world_end();
}

/*
 * 270 packets that a TCP flow of 50 Mbit/s had under way, onto an uplink of 5 Mbit/s: it has 48 kB at once and then little more than it
 * takes, so that a queue of 100 kB loses none.
 */
static void slow_uplink_is_not_flooded(void **state)
{
    const uint32_t rtt[3] = {40000, 40000, 40000};
    world_begin(&jv_policy_presets[JV_PRESET_MOBILE], rtt, &streams[0]);
    struct emu_shape *up = &p.links[1].emu.dirs[0].shape;
    up->bits_per_s = 5000000;
    up->queue_bytes = 100000;
    p.down.on = false;
    hole(0);
    pair_run(&p, 60);
    p.up.on = false; /* the window is full */
    pair_run(&p, 3000);
    assert_true(counters(true).resent > 250);
    nothing_was_lost_or_late();
    world_end();
}

/* A lost ACK: what follows it is held until the next one, which comes before the place for it is full. */
static bool lose_first_ack(struct pair *pair, const struct pair_event *e)
{
    static uint64_t at_ns;
    if (e->to_gateway || (e->bytes[0] & 0x1f) != JV_TYPE_ACK) {
        return true;
    }
    bool is_first = pair->now_ns > at_ns + JV_NS_PER_S;
    at_ns = is_first ? pair->now_ns : at_ns;
    return !is_first;
}

static void lost_ack_loses_nothing(void **state)
{
    const uint32_t rtt[3] = {20000, 20000, 20000};
    world_begin(&jv_policy_presets[JV_PRESET_FAST], rtt, &streams[0]);
    p.filter = lose_first_ack;
    hole(0);
    pair_run(&p, 1000);
    nothing_was_lost_or_late();
    assert_int_equal(counters(true).drops[JV_DROP_HELD_FULL], 0);
    world_end();
}

/* A path that reorders by 50 ms has more gaps than a report has places: what it cannot name goes again as well. */
static void link_down_under_reordering_loses_nothing(void **state)
{
    const uint32_t rtt[3] = {40000, 40000, 40000};
    world_begin(&jv_policy_presets[JV_PRESET_MOBILE], rtt, &streams[0]);
    p.links[0].jitter_us = p.links[1].jitter_us = 50000;
    pair_run(&p, 2000);
    pair_link_down(&p, 0);
    pair_run(&p, 2000);
    p.up.on = p.down.on = false;
    pair_run(&p, 500);
    assert_int_equal(lost(&p.up), 0);
    assert_int_equal(lost(&p.down), 0);
    assert_true(counters(true).drops[JV_DROP_REPLAY_SEEN] > 0); /* the price of it */
    world_end();
}

/* The epoch before the current one goes again as well. */
static void jump_right_after_a_rekey_loses_nothing(void **state)
{
    const uint32_t rtt[3] = {80000, 80000, 80000};
    struct jv_policy policy = jv_policy_presets[JV_PRESET_MOBILE];
    policy.key_max_packets_k = 20;
    world_begin(&policy, rtt, &streams[0]);
    struct jv_session_status s;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(pair_status(&p, true, &s));
        uint64_t before = s.epoch;
        pair_run(&p, 1);
        assert_true(pair_status(&p, true, &s));
        if (s.epoch > before) {
            break;
        }
    }
    uint64_t epoch = s.epoch;
    pair_run(&p, 20);
    hole(0);
    pair_run(&p, 1000);
    assert_true(epoch > 1);
    nothing_was_lost_or_late();
    world_end();
}

/* ---- the pool of a shard ---- */

static void every_session_has_a_share_whatever_the_others_keep(void **state)
{
    const uint32_t rtt[3] = {20000, 20000, 20000};
    world_begin(&jv_policy_presets[JV_PRESET_MOBILE], rtt, &streams[1]);
    struct jv_core *core = p.gateway;
    assert_int_equal(core->kept_share, JV_RESEND_SHARE);
    assert_int_equal(core->kept_lent_max + core->kept_share * core->cfg.sessions_max,
                     core->kept_cap);
    struct jv_session *one = jv_core_session_at(core, 0);
    struct jv_session *other = jv_session_open(core, &jv_policy_presets[JV_PRESET_MOBILE]);
    assert_non_null(other);
    core->kept_lent = core->kept_lent_max - 100; /* the rest is lent to others */
    struct jv_slot slot;
    for (uint64_t n = 1000000; n < 1000400; n++) {
        assert_int_equal(jv_core_take(core, &slot, 1), 1);
        jv_resend_keep(core, one, 1, n, &slot);
        jv_core_give(core, &slot, 1);
    }
    assert_in_range(one->kept.len, 100 + JV_RESEND_SHARE, 100 + JV_RESEND_SHARE);
    assert_int_equal(core->kept_lent, core->kept_lent_max);
    for (uint64_t n = 0; n < 100; n++) {
        assert_int_equal(jv_core_take(core, &slot, 1), 1);
        jv_resend_keep(core, other, 1, n, &slot);
        jv_core_give(core, &slot, 1);
    }
    assert_int_equal(other->kept.len, JV_RESEND_SHARE);
    assert_int_equal(one->kept.len, 100 + JV_RESEND_SHARE);
    assert_int_equal(core->kept_lent, core->kept_lent_max);
    jv_resend_drop(core, other);
    jv_resend_drop(core, one);
    assert_int_equal(core->kept_lent, core->kept_lent_max - 100);
    core->kept_lent = 0;
    jv_session_close(core, other);
    world_end();
}

static void resend_pool_of_no_size_keeps_nothing(void **state)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    (void)state;
    world_begin(&policy, (const uint32_t[]){20000, 20000, 20000}, &streams[1]);
    struct jv_session *s = jv_core_session_at(p.client, 0);
    assert_non_null(s);
    pair_run(&p, 1500);
    s->policy.resend_max_kib = 0;
    jv_resend_drop(p.client, s);
    pair_run(&p, 200);
    assert_int_equal(s->kept.len, 0);
    /* And what is not kept was sent at no moment that anybody knows. */
    assert_int_equal(jv_resend_sent_at(p.client, s, 1, 5).ns, p.client->now.ns);
    pair_fini(&p);
}

static void resend_outlives_the_path_that_it_goes_over(void **state)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    (void)state;
    world_begin(&policy, (const uint32_t[]){80000, 80000, 80000}, &streams[0]);
    struct jv_session *s = jv_core_session_at(p.client, 0);
    assert_non_null(s);
    hole(0);
    for (uint32_t i = 0; i < 20000 && s->kept.due == 0; i++) {
        pair_run_us(&p, 100);
    }
    assert_true(s->kept.due > 0);
    assert_int_equal(jv_resend_sent_at(p.client, s, 99, 5).ns, p.client->now.ns);
    uint32_t second = s->bound == &p.client->client->paths[1] ? 1 : 2;
    pair_link_down(&p, second);
    pair_run(&p, 3000);
    p.up.on = p.down.on = false;
    pair_run(&p, 1000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    assert_int_equal(pair_leaked(&p, true), 0);
    assert_int_equal(pair_leaked(&p, false), 0);
    assert_int_equal(s->kept.due, 0);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resend_pool_of_no_size_keeps_nothing),
        cmocka_unit_test(resend_outlives_the_path_that_it_goes_over),
        cmocka_unit_test(black_hole_loses_nothing),
        cmocka_unit_test(link_down_loses_nothing),
        cmocka_unit_test(move_by_choice_loses_nothing),
        cmocka_unit_test(second_death_100_ms_after_the_first_loses_nothing),
        cmocka_unit_test(beyond_the_age_the_record_names_what_is_lost),
        cmocka_unit_test(beyond_the_size_the_record_names_what_is_lost),
        cmocka_unit_test(without_a_pool_nothing_is_kept),
        cmocka_unit_test(move_by_choice_sends_nothing_twice),
        cmocka_unit_test(move_by_choice_from_a_path_that_dies_loses_nothing),
        cmocka_unit_test(what_goes_again_is_paced),
        cmocka_unit_test(slow_uplink_is_not_flooded),
        cmocka_unit_test(lost_ack_loses_nothing),
        cmocka_unit_test(link_down_under_reordering_loses_nothing),
        cmocka_unit_test(jump_right_after_a_rekey_loses_nothing),
        cmocka_unit_test(every_session_has_a_share_whatever_the_others_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
