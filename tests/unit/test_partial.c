/* SPDX-License-Identifier: Apache-2.0 */
/* Partial checksums across the tunnel: who agrees, what the flag says, and where a checksum is completed (protocol §2, §4.1, §6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "inner.h"
#include "pathsize.h"
#include "segments.h"
#include "thief.h"
#include "tunnel.h"

#define F 0x20U
#define ALL_TRAFFIC (1U << JV_TYPE_TRAFFIC)

/* What came out of the tunnel last. */
static struct {
    uint8_t bytes[JV_BUF_BYTES];
    uint32_t len, count, partial;
    bool is_partial;
} got;

static void note_inner(struct pair *p, bool client, const uint8_t *packet, uint32_t len)
{
    (void)client;
    memcpy(got.bytes, packet, len);
    got.len = len;
    got.is_partial = p->takes_partial;
    got.count++;
    got.partial += p->takes_partial ? 1 : 0;
}

static void open_world(bool client, bool gateway)
{
    const struct pair_cfg cfg = {.seed = 9,
                                 .links = 2,
                                 .rtt_us = {20000, 30000},
                                 .preset = JV_PRESET_FAST,
                                 .partial_c = client,
                                 .partial_g = gateway};
    memset(&thief, 0, sizeof thief);
    memset(&got, 0, sizeof got);
    pair_init(&world, &cfg);
    world.on_inner = note_inner;
}

static void attach(bool client, bool gateway)
{
    open_world(client, gateway);
    assert_true(pair_attach(&world, 3000));
    pair_run(&world, 1500);
    world.gives_partial = true;
}

static const struct segment kinds[] = {{.family = 4, .flags = 0x10, .ip_flags = 0x4000},
                                       {.family = 6, .flags = 0x10},
                                       {.family = 4, .is_udp = true, .ip_flags = 0x4000},
                                       {.family = 6, .is_udp = true}};

/* Between the inner addresses, its checksum partial. */
static uint32_t make(const struct segment *s, bool from_client, uint8_t *packet, size_t payload)
{
    static const uint8_t server4[4] = {10, 80, 0, 1};
    static const uint8_t server6[16] = {0xfd, 0x80, 0x4a, 0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct jv_order *own = &world.last_configure;
    size_t n = s->family == 4 ? 4 : 16;
    const uint8_t *client = s->family == 4 ? own->address4.ip.b : own->address6.ip.b;
    const uint8_t *server = s->family == 4 ? server4 : server6;
    segment_fill(packet + segment_header(s), payload, 3);
    size_t len = segment_make(s, packet, payload);
    uint8_t *at = packet + (s->family == 4 ? 12 : 8);
    memcpy(at, from_client ? client : server, n);
    memcpy(at + n, from_client ? server : client, n);
    packet_finish_ip(packet, len);
    segment_put_partial(packet, len);
    return (uint32_t)len;
}

static void expect_delivered(bool is_partial)
{
    static uint8_t packet[JV_BUF_BYTES];
    for (uint32_t i = 0; i < 2 * JV_ARRAY_LEN(kinds); i++) {
        bool from_client = i % 2 == 0;
        uint32_t len = make(&kinds[i / 2], from_client, packet, 100 + i);
        uint32_t before = got.count;
        pair_inner(&world, from_client, packet, len);
        pair_run(&world, 50);
        assert_int_equal(got.count, before + 1);
        assert_int_equal(got.is_partial, is_partial);
        if (!is_partial) {
            segment_put_csum(packet, len);
        }
        assert_int_equal(got.len, len);
        assert_memory_equal(got.bytes, packet, len);
        assert_int_equal(world.session, from_client ? session(false)->handle.idx : 0);
    }
}

static bool has_flag(struct pair *p, const struct pair_event *e)
{
    (void)p;
    thief.taken += (e->bytes[0] & F) != 0 ? 1 : 0;
    return true;
}

static void partial_stays_where_both_ends_offer_it(void **state)
{
    struct jv_session_status status;
    attach(true, true);
    for (uint32_t client = 0; client < 2; client++) {
        assert_true(pair_status(&world, client != 0, &status));
        assert_true(status.has_partial_csum);
    }
    world.filter = has_flag;
    expect_delivered(true);
    assert_int_equal(thief.taken, 2 * JV_ARRAY_LEN(kinds)); /* the packets, and nothing else */
    world.gives_partial = false;
    pair_packet(&world, true, 100);
    pair_run(&world, 50);
    assert_false(got.is_partial);
    assert_int_equal(thief.taken, 2 * JV_ARRAY_LEN(kinds));
}

static void partial_is_completed_where_one_end_does_not(void **state)
{
    struct jv_session_status status;
    attach(false, false);
    for (uint32_t round = 0; round < 3; round++) {
        if (round > 0) {
            (void)stop(NULL);
            attach(round == 1, round == 2);
        }
        for (uint32_t client = 0; client < 2; client++) {
            assert_true(pair_status(&world, client != 0, &status));
            assert_false(status.has_partial_csum);
        }
        world.filter = has_flag;
        expect_delivered(false);
        assert_int_equal(thief.taken, 0);
    }
}

static void give_back(struct pair_event *e)
{
    world.filter = NULL;
    uint32_t link = e->to_gateway ? 1 : world.links[e->link].handle;
    pair_inject(&world, e->to_gateway, link, &e->remote, e->bytes, e->len);
}

static void partial_flag_without_agreement_is_unknown(void **state)
{
    attach(true, false);
    world.gives_partial = false;
    for (uint32_t client = 0; client < 2; client++) {
        uint32_t before = got.count;
        uint64_t unknown = drops(client != 0, JV_DROP_UNKNOWN_TYPE);
        steal(ALL_TRAFFIC, client == 0);
        pair_packet(&world, client == 0, 100);
        pair_run(&world, 15);
        assert_true(thief.taken > 0);
        thief.newest.bytes[0] |= F;
        give_back(&thief.newest);
        assert_int_equal(drops(client != 0, JV_DROP_UNKNOWN_TYPE), unknown + 1);
        assert_int_equal(got.count, before);
        thief.newest.bytes[0] ^= F; /* nothing was marked as seen */
        give_back(&thief.newest);
        assert_int_equal(got.count, before + 1);
        /* Under a locator that leads nowhere it is no other drop. */
        thief.newest.bytes[0] |= F;
        thief.newest.bytes[9] ^= 1;
        give_back(&thief.newest);
        assert_int_equal(drops(client != 0, JV_DROP_UNKNOWN_TYPE), unknown + 2);
    }
}

static void partial_flag_is_authenticated(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    attach(true, true);
    for (uint32_t set = 0; set < 2; set++) {
        uint32_t before = got.count;
        steal(ALL_TRAFFIC, true);
        world.gives_partial = set != 0;
        pair_inner(&world, true, packet, make(&kinds[0], true, packet, 100));
        pair_run(&world, 15);
        assert_int_equal(thief.newest.bytes[0] & F, set != 0 ? F : 0);
        uint64_t forged = drops(false, JV_DROP_AUTH);
        thief.newest.bytes[0] ^= F;
        give_back(&thief.newest);
        assert_int_equal(drops(false, JV_DROP_AUTH), forged + 1);
        thief.newest.bytes[0] ^= F;
        give_back(&thief.newest);
        assert_int_equal(got.count, before + 1);
        assert_int_equal(got.is_partial, set != 0);
    }
}

static void partial_flag_on_a_confirmation_is_unknown(void **state)
{
    open_world(true, true);
    steal(ALL_TRAFFIC, true);
    pair_run(&world, 150);
    assert_true(thief.taken > 0);
    thief.newest.bytes[0] |= F;
    give_back(&thief.newest);
    assert_int_equal(drops(false, JV_DROP_UNKNOWN_TYPE), 1);
    thief.newest.bytes[0] ^= F;
    give_back(&thief.newest);
    assert_int_equal(pair_state(&world, false), JV_ST_ATTACHED);
}

static void partial_that_was_not_offered_is_refused(void **state)
{
    open_world(true, true);
    steal(1U << JV_TYPE_BIRTH_REPLY, false);
    pair_run(&world, 15);
    assert_int_equal(thief.taken, 1);
    world.client->cfg.offer_partial_csum = false;
    give_back(&thief.newest);
    assert_int_equal(drops(true, JV_DROP_BIRTH_AUTH), 1);
}

/* What an authenticated peer may send that does not look before. */
static void lie(bool client, const uint8_t *bytes, uint32_t len)
{
    static struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    static struct jv_order orders[JV_OUT_ORDERS_MIN];
    struct jv_out out = {tx,      0, JV_OUT_TX_MIN,
                         tun,     0, JV_OUT_TUN_MIN,
                         records, 0, JV_OUT_RECORDS_MIN,
                         orders,  0, JV_OUT_ORDERS_MIN,
                         NULL,    0, 0};
    struct jv_core *core = client ? world.client : world.gateway;
    const struct jv_inner inner = {0};
    struct jv_slot slot;
    assert_int_equal(jv_core_take(core, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    slot.is_csum_partial = true;
    memcpy(slot.buf + slot.off, bytes, len);
    jv_tunnel_packet(core, session(client), &inner, &slot, &out);
    assert_int_equal(out.tx_len, 1);
    const struct jv_slot *sent = &out.tx[0];
    struct jv_endpoint from = client ? session(false)->bound->remote : gateway_at;
    pair_inject(&world, client, client ? 1 : session(true)->bound->link, &from,
                sent->buf + sent->off, sent->len);
    jv_core_give(core, out.tx, out.tx_len);
}

static void partial_that_is_no_plain_packet_is_malformed(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    attach(true, true);
    for (uint32_t client = 0; client < 2; client++) {
        bool from_client = client != 0;
        uint64_t peers = drops(!from_client, JV_DROP_INNER_MALFORMED);
        uint64_t own = drops(from_client, JV_DROP_INNER_MALFORMED);
        uint32_t before = got.count;
        uint32_t len = make(&kinds[0], from_client, packet, 100);
        packet_put16(packet + 6, 0x2000); /* a first fragment */
        packet_finish_ip(packet, len);
        pair_inner(&world, from_client, packet, len);
        lie(from_client, packet, len);
        packet_put16(packet + 6, 0);
        packet[9] = 1; /* ICMP */
        packet_finish_ip(packet, len);
        pair_inner(&world, from_client, packet, len);
        lie(from_client, packet, len);
        assert_int_equal(drops(from_client, JV_DROP_INNER_MALFORMED), own + 2);
        assert_int_equal(drops(!from_client, JV_DROP_INNER_MALFORMED), peers + 2);
        assert_int_equal(got.count, before);
    }
}

static void partial_frames_are_malformed(void **state)
{
    static const uint8_t padding[8] = {0};
    attach(true, true);
    for (uint32_t client = 0; client < 2; client++) {
        uint64_t before = drops(client == 0, JV_DROP_MALFORMED);
        lie(client != 0, padding, sizeof padding);
        assert_int_equal(drops(client == 0, JV_DROP_MALFORMED), before + 1);
    }
}

static void partial_sums_do_not_cover_an_mss(void **state)
{
    static const uint8_t mss[] = {2, 4, 0x23, 0x28}; /* 9000 */
    static uint8_t packet[JV_BUF_BYTES];
    const struct segment syn = {.family = 4, .flags = 2, .options = mss, .options_len = 4};
    attach(true, true);
    uint32_t len = make(&syn, true, packet, 0);
    pair_inner(&world, true, packet, len);
    pair_run(&world, 50);
    assert_true(got.is_partial);
    assert_memory_equal(segment_csum(got.bytes), segment_csum(packet), 2);
    assert_true(((uint32_t)got.bytes[42] << 8 | got.bytes[43]) < 1500);
    session(true)->features = session(false)->features = 0;
    pair_inner(&world, true, packet, len);
    pair_run(&world, 50);
    assert_false(got.is_partial);
    assert_true(((uint32_t)got.bytes[42] << 8 | got.bytes[43]) < 1500);
    assert_int_equal(segment_sum(got.bytes, got.len), 0xffff);
}

/* Put together again what came in two fragments. */
static uint8_t whole[JV_BUF_BYTES];

static void note_fragment(struct pair *p, bool client, const uint8_t *packet, uint32_t len)
{
    (void)client;
    size_t at = ((size_t)(packet[6] & 0x1f) << 8 | packet[7]) * 8;
    memcpy(whole + 20 + at, packet + 20, len - 20);
    got.len = (uint32_t)JV_MAX(got.len, at + len);
    got.partial += p->takes_partial ? 1 : 0;
    got.count++;
}

static void partial_is_completed_before_it_is_cut(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    const struct segment s = {.family = 4, .is_udp = true};
    open_world(true, true);
    for (uint32_t i = 0; i < 2; i++) {
        world.links[i].mtu_up = world.links[i].mtu_down = 1400;
    }
    assert_true(pair_attach(&world, 3000));
    pair_run(&world, 4000);
    world.gives_partial = true;
    world.on_inner = note_fragment;
    uint32_t len = make(&s, true, packet, 1392);
    pair_inner(&world, true, packet, len);
    pair_run(&world, 50);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.partial, 0);
    segment_put_csum(packet, len);
    assert_int_equal(got.len, len);
    assert_memory_equal(whole + 20, packet + 20, len - 20);
}

static void partial_outlives_waiting_and_a_jump(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    attach(true, true);
    world.links[0].hole_up = world.links[0].hole_down = true;
    for (uint32_t i = 0; i < 100; i++) {
        pair_inner(&world, true, packet, make(&kinds[i % 4], true, packet, i));
        pair_run(&world, 10);
    }
    pair_run(&world, 2000);
    assert_true(session(true)->switches_total == 1);
    assert_int_equal(got.count, 100);
    assert_int_equal(got.partial, 100);
}

static void partial_that_waited_is_completed_for_a_session_without(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    attach(true, true);
    pair_link_down(&world, 0);
    pair_link_down(&world, 1);
    uint32_t len = make(&kinds[0], true, packet, 77);
    pair_inner(&world, true, packet, len);
    assert_int_equal(session(true)->waiting_len, 1);
    session(true)->features = 0;
    pair_link_up(&world, 1);
    pair_run(&world, 400);
    assert_int_equal(got.count, 1);
    assert_false(got.is_partial);
    segment_put_csum(packet, len);
    assert_memory_equal(got.bytes, packet, len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(partial_stays_where_both_ends_offer_it, stop),
        cmocka_unit_test_teardown(partial_is_completed_where_one_end_does_not, stop),
        cmocka_unit_test_teardown(partial_flag_without_agreement_is_unknown, stop),
        cmocka_unit_test_teardown(partial_flag_is_authenticated, stop),
        cmocka_unit_test_teardown(partial_flag_on_a_confirmation_is_unknown, stop),
        cmocka_unit_test_teardown(partial_that_was_not_offered_is_refused, stop),
        cmocka_unit_test_teardown(partial_that_is_no_plain_packet_is_malformed, stop),
        cmocka_unit_test_teardown(partial_frames_are_malformed, stop),
        cmocka_unit_test_teardown(partial_sums_do_not_cover_an_mss, stop),
        cmocka_unit_test_teardown(partial_is_completed_before_it_is_cut, stop),
        cmocka_unit_test_teardown(partial_outlives_waiting_and_a_jump, stop),
        cmocka_unit_test_teardown(partial_that_waited_is_completed_for_a_session_without, stop),
    };
    return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
