/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "session.h"
#include "state.h"

static struct pair p;

static const struct pair_cfg two_links = {
    .seed = 11, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST};

static int begin(void **state)
{
    (void)state;
    pair_init(&p, &two_links);
    return pair_attach(&p, 300) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    pair_fini(&p);
    return 0;
}

static struct jv_counters counters(bool client)
{
    struct jv_counters c;
    jv_core_counters(client ? p.client : p.gateway, &c);
    return c;
}

static void core_delivers_both_ways(void **state)
{
    (void)state;
    pair_flow_start(&p, &p.up, 1000, 1400);
    pair_flow_start(&p, &p.down, 1000, 1400);
    pair_run(&p, 1000);
    p.up.on = p.down.on = false;
    pair_run(&p, 100);
    assert_int_equal(p.up.received, p.up.sent);
    assert_int_equal(p.down.received, p.down.sent);
}

static void core_counts_every_datagram_once(void **state)
{
    (void)state;
    pair_flow_start(&p, &p.up, 2000, 300);
    p.links[0].loss_ppm = 100000;
    pair_run(&p, 3000);
    const struct jv_counters g = counters(false);
    uint64_t ended = 0;
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        ended += i == JV_DROP_NO_BUFFER ? 0 : g.drops[i];
    }
    assert_int_equal(g.rx_datagrams, ended + g.tx_packets);
}

static void core_gives_every_buffer_back(void **state)
{
    (void)state;
    pair_flow_start(&p, &p.up, 500, 900);
    pair_flow_start(&p, &p.down, 500, 900);
    pair_run(&p, 500);
    p.links[0].hole_up = p.links[0].hole_down = true;
    pair_run(&p, 500);
    p.up.on = p.down.on = false;
    pair_run(&p, 3000);
    assert_int_equal(counters(true).buffers_free, 2048);
    assert_int_equal(counters(false).buffers_free, 2048);
}

static void core_without_output_room_finishes_nothing(void **state)
{
    struct jv_slot slots[2];
    struct jv_out none = {0};
    (void)state;
    assert_int_equal(jv_core_take(p.gateway, slots, 2), 2);
    slots[0].len = slots[1].len = 4;
    slots[0].off = slots[1].off = JV_BUF_HEADROOM;
    struct jv_batch batch = {slots, 2, 0};
    uint64_t before = counters(false).rx_datagrams;
    assert_int_equal(jv_core_datagrams(p.gateway, (struct jv_instant){p.now_ns}, &batch, &none),
                     JV_E_AGAIN);
    assert_int_equal(batch.done, 0);
    assert_int_equal(counters(false).rx_datagrams, before);
    jv_core_give(p.gateway, slots, 2);
}

static void core_drops_inner_packets_of_a_foreign_source(void **state)
{
    (void)state;
    struct jv_ip own = p.last_configure.address4.ip;
    p.last_configure.address4.ip.b[3] ^= 0x40; /* what the harness puts into the source field */
    pair_packet(&p, true, 100);
    p.last_configure.address4.ip = own;
    assert_int_equal(counters(true).drops[JV_DROP_INNER_SOURCE], 1);
    pair_packet(&p, true, 100);
    pair_run(&p, 50);
    assert_int_equal(p.delivered_g, 1);
}

static void core_ends_everywhere_on_operator_command(void **state)
{
    (void)state;
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(pair_state(&p, false), JV_ST_END);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionTerminated, JV_WHY_OPERATOR_TERMINATED), 1);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionTerminated, JV_WHY_PEER_TERMINATED), 1);
}

static void core_ends_the_session_of_a_removed_user(void **state)
{
    (void)state;
    assert_int_equal(pair_command(&p, false, &(struct jv_command){.kind = JV_CMD_USERS}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(counters(false).sessions[JV_ST_ATTACHED], 0);
}

static void core_refuses_an_invalid_policy_and_keeps_the_old_one(void **state)
{
    struct jv_command command = {.kind = JV_CMD_POLICY};
    (void)state;
    command.policy = jv_policy_presets[JV_PRESET_STRICT];
    command.policy.heartbeat_interval_ms = 0;
    assert_int_equal(pair_command(&p, false, &command), JV_E_RANGE);
    assert_int_equal(pair_count(&p.log_g, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID), 1);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

static void core_rekeys_without_loss(void **state)
{
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    struct pair_cfg cfg = two_links;
    struct jv_session_status c;
    struct jv_session_status g;
    (void)state;
    pair_fini(&p);
    policy.key_max_age_ms = 10000;
    cfg.policy = &policy;
    pair_init(&p, &cfg);
    assert_true(pair_attach(&p, 300));
    pair_flow_start(&p, &p.up, 2000, 300);
    pair_flow_start(&p, &p.down, 2000, 300);
    pair_run(&p, 60000);
    p.up.on = p.down.on = false;
    pair_run(&p, 100);
    assert_true(pair_status(&p, true, &c) && pair_status(&p, false, &g));
    assert_true(c.epoch >= 10);
    assert_int_equal(c.epoch, g.epoch);
    assert_int_equal(p.up.received, p.up.sent);
    assert_int_equal(p.down.received, p.down.sent);
    assert_int_equal(pair_count(&p.log_c, JV_REC_KeyRotated, JV_WHY_NONE), c.epoch - 1);
    assert_int_equal(pair_count(&p.log_g, JV_REC_KeyRotated, JV_WHY_NONE), c.epoch - 1);
}

static void core_is_deterministic(void **state)
{
    static struct jv_record first[256];
    (void)state;
    uint32_t len = 0;
    for (int round = 0; round < 2; round++) {
        pair_fini(&p);
        pair_init(&p, &two_links);
        assert_true(pair_attach(&p, 300));
        pair_flow_start(&p, &p.up, 3000, 300);
        pair_run(&p, 500);
        p.links[0].hole_up = true;
        pair_run(&p, 2000);
        pair_rebind(&p, 1);
        pair_run(&p, 2000);
        if (round == 0) {
            len = JV_MIN(p.log_c.len, (uint32_t)JV_ARRAY_LEN(first));
            memcpy(first, p.log_c.records, len * sizeof first[0]);
        }
    }
    assert_int_equal(len, p.log_c.len);
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(first[i].at.ns, p.log_c.records[i].at.ns);
        assert_int_equal(first[i].event, p.log_c.records[i].event);
        assert_memory_equal(&first[i].sid, &p.log_c.records[i].sid, sizeof first[i].sid);
    }
}

static uint64_t bytes_hash;

static bool note_bytes(struct pair *world, const struct pair_event *e)
{
    for (uint32_t i = 0; i < e->len; i++) {
        bytes_hash = (bytes_hash ^ e->bytes[i]) * 1099511628211U;
    }
    bytes_hash ^= world->now_ns;
    return true;
}

static uint64_t bytes_of(struct pair *world)
{
    bytes_hash = 14695981039346656037U;
    world->filter = note_bytes;
    assert_true(pair_attach(world, 300));
    pair_flow_start(world, &world->up, 3000, 300);
    pair_run(world, 3000);
    world->links[0].hole_up = true;
    pair_run(world, 3000);
    return bytes_hash;
}

/* Every byte of both ends and the moment at which it left, of two worlds that are there at once: each lies elsewhere in memory. */
static void core_same_seed_sends_the_same_bytes(void **state)
{
    static struct pair twin;
    pair_fini(&p);
    pair_init(&p, &two_links);
    pair_init(&twin, &two_links);
    uint64_t first = bytes_of(&p);
    assert_int_equal(bytes_of(&twin), first);
    pair_fini(&twin);
}

/* One run with DSCP set so: what the network saw of both ends. */
static void run_with_dscp(uint8_t dscp)
{
    struct pair_cfg cfg = two_links;
    cfg.dscp = dscp;
    pair_fini(&p);
    pair_init(&p, &cfg);
    assert_true(pair_attach(&p, 300));
    pair_flow_start(&p, &p.up, 3000, 300);
    pair_flow_start(&p, &p.down, 3000, 300);
    pair_run(&p, 500);
    pair_link_down(&p, 0); /* a jump resends what was kept, and waits meanwhile */
    pair_run(&p, 1000);
    assert_true(p.up.received > 400 && p.down.received > 400);
}

static uint64_t seen_but(uint8_t a, uint8_t b)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(p.dscp_seen); i++) {
        n += i != a && i != b ? p.dscp_seen[i] : 0;
    }
    return n;
}

static void core_marks_datagrams_as_told(void **state)
{
    (void)state;
    run_with_dscp(0);
    assert_int_equal(seen_but(0, 0), 0);
    run_with_dscp(10);
    assert_int_equal(seen_but(10, 10), 0);
    /* Copied: the flow's own codepoint, and none on what has no packet inside. */
    run_with_dscp(JV_DSCP_COPY);
    assert_int_equal(seen_but(46, 0), 0);
    assert_true(p.dscp_seen[46] >= p.up.received + p.down.received);
    assert_true(p.dscp_seen[0] > 0);
}

static void core_takes_as_many_packets_as_there_is_room_for(void **state)
{
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    static struct jv_order orders[JV_OUT_ORDERS_MIN];
    static struct jv_slot tx[JV_ROOM_TX + 1], tun[JV_OUT_TUN_MIN];
    struct jv_slot slots[3];
    (void)state;
    struct jv_out out = {.tx = tx,
                         .tx_cap = JV_ROOM_TX + 1,
                         .tun = tun,
                         .tun_cap = JV_OUT_TUN_MIN,
                         .records = records,
                         .records_cap = JV_OUT_RECORDS_MIN,
                         .orders = orders,
                         .orders_cap = JV_OUT_ORDERS_MIN};
    assert_int_equal(jv_core_take(p.client, slots, 3), 3);
    const struct jv_ip own = p.last_configure.address4.ip;
    for (uint32_t i = 0; i < 3; i++) {
        slots[i].off = JV_BUF_HEADROOM;
        slots[i].len = 60;
        uint8_t *packet = slots[i].buf + slots[i].off;
        memset(packet, 0, 60);
        packet[0] = 0x45;
        packet[3] = 60;
        packet[8] = 64;
        packet[9] = 17;
        memcpy(packet + 12, own.b, 4);
        packet[16] = 10;
        packet[17] = 80;
        packet[19] = 1;
    }
    struct jv_batch batch = {slots, 3, 0};
    const struct jv_instant now = {p.now_ns};
    assert_int_equal(jv_core_packets(p.client, now, &batch, &out), JV_E_AGAIN);
    assert_int_equal(batch.done, 2);
    assert_int_equal(out.tx_len, 2);
    jv_core_give(p.client, out.tx, out.tx_len);
    out.tx_len = 0;
    assert_int_equal(jv_core_packets(p.client, now, &batch, &out), JV_E_OK);
    assert_int_equal(batch.done, 3);
    assert_int_equal(counters(true).rx_packets, 3);
    jv_core_give(p.client, out.tx, out.tx_len);
}

static void core_names_every_drop_and_no_other(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        assert_true(strlen(jv_drop_name((enum jv_drop)i)) > 0);
        assert_true(strlen(jv_drop_text((enum jv_drop)i)) > 0);
        for (uint32_t k = 0; k < i; k++) {
            assert_string_not_equal(jv_drop_name((enum jv_drop)i), jv_drop_name((enum jv_drop)k));
        }
    }
    assert_string_equal(jv_drop_name(JV_DROPS), jv_drop_name((enum jv_drop)(JV_DROPS + 7)));
    assert_string_equal(jv_drop_text(JV_DROPS), jv_drop_text((enum jv_drop)(JV_DROPS + 7)));
}

static void core_keeps_inner_packets_within_what_is_allowed(void **state)
{
    (void)state;
    /* Out of the tunnel: a source that AllowedIPs do not name. Into it: a destination that they do not. */
    p.client->cfg.allowed_len = 1;
    assert_int_equal(jv_prefix_parse("172.16.0.0/12", false, &p.client->cfg.allowed[0]), JV_E_OK);
    pair_packet(&p, true, 100);
    assert_int_equal(counters(true).drops[JV_DROP_INNER_DESTINATION], 1);
    pair_packet(&p, false, 100);
    pair_run(&p, 50);
    assert_int_equal(counters(true).drops[JV_DROP_INNER_SOURCE], 1);
    assert_int_equal(p.delivered_c + p.delivered_g, 0);
    /* A family in which the session has no address is a foreign source. */
    uint8_t v6[60] = {0x60, [5] = 20, [6] = 17, [7] = 64, [8] = 0xfd, [24] = 0xfd};
    struct jv_session *s = jv_core_session_at(p.client, 0);
    assert_non_null(s);
    s->address6.ip.family = JV_AF_NONE;
    pair_inner(&p, true, v6, sizeof v6);
    assert_int_equal(counters(true).drops[JV_DROP_INNER_SOURCE], 2);
    pair_inner(&p, true, v6, 39); /* less than its header */
    assert_int_equal(counters(true).drops[JV_DROP_INNER_MALFORMED], 1);
}

static void core_traffic_of_the_path_left_counts_for_its_own_addresses_only(void **state)
{
    struct pair_cfg cfg = two_links;
    (void)state;
    pair_fini(&p);
    cfg.has_second = true;
    pair_init(&p, &cfg);
    p.endpoint_hole[0] = true; /* the session is born at the second address of the gateway */
    assert_true(pair_attach(&p, 3000));
    p.endpoint_hole[0] = false;
    pair_run(&p, 1000);
    pair_packet(&p, true, 200);
    struct pair_event sent = p.seen[JV_TYPE_TRAFFIC];
    const struct jv_command move = {.kind = JV_CMD_SWITCH, .link = p.links[1].handle};
    pair_run(&p, 100);
    assert_int_equal(pair_command(&p, true, &move), JV_E_OK);
    pair_run(&p, 60);
    const struct jv_session *g = jv_core_session_at(p.gateway, 0);
    assert_non_null(g);
    assert_true(g->retired.used);
    uint64_t unbound = counters(false).drops[JV_DROP_UNBOUND];
    uint64_t seen = counters(false).drops[JV_DROP_REPLAY_SEEN];
    pair_inject(&p, true, 1, &sent.remote, sent.bytes, sent.len); /* at the first address */
    assert_int_equal(counters(false).drops[JV_DROP_UNBOUND], unbound + 1);
    assert_int_equal(counters(false).drops[JV_DROP_REPLAY_SEEN], seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(core_takes_as_many_packets_as_there_is_room_for, begin,
                                        end),
        cmocka_unit_test_setup_teardown(core_names_every_drop_and_no_other, begin, end),
        cmocka_unit_test_setup_teardown(core_keeps_inner_packets_within_what_is_allowed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            core_traffic_of_the_path_left_counts_for_its_own_addresses_only, begin, end),
        cmocka_unit_test_setup_teardown(core_delivers_both_ways, begin, end),
        cmocka_unit_test_setup_teardown(core_counts_every_datagram_once, begin, end),
        cmocka_unit_test_setup_teardown(core_gives_every_buffer_back, begin, end),
        cmocka_unit_test_setup_teardown(core_without_output_room_finishes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(core_drops_inner_packets_of_a_foreign_source, begin, end),
        cmocka_unit_test_setup_teardown(core_ends_everywhere_on_operator_command, begin, end),
        cmocka_unit_test_setup_teardown(core_ends_the_session_of_a_removed_user, begin, end),
        cmocka_unit_test_setup_teardown(core_refuses_an_invalid_policy_and_keeps_the_old_one, begin,
                                        end),
        cmocka_unit_test_setup_teardown(core_rekeys_without_loss, begin, end),
        cmocka_unit_test_setup_teardown(core_marks_datagrams_as_told, begin, end),
        cmocka_unit_test_setup_teardown(core_is_deterministic, begin, end),
        cmocka_unit_test_setup_teardown(core_same_seed_sends_the_same_bytes, begin, end),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
