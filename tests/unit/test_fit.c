/* SPDX-License-Identifier: Apache-2.0 */
#include "fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "inner.h"
#include "packets.h"
#include "pair.h"
#include "session.h"
#include "state.h"

static struct pair pair;

static int start(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 3, .links = 1, .rtt_us = {20000}, .preset = JV_PRESET_FAST, .no_aes = true};
    pair_init(&pair, &cfg);
    pair.links[0].mtu_up = pair.links[0].mtu_down = 1400;
    if (!pair_attach(&pair, 3000)) {
        return -1;
    }
    pair_run(&pair, 4000); /* 1340 inside */
    return 0;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

/* UDP between the inner addresses. */
static uint32_t make(uint8_t *packet, uint32_t family, bool from_client, uint32_t len)
{
    static const uint8_t server4[4] = {10, 80, 0, 1};
    uint8_t server6[16] = {0xfd, 0x80, 0x4a, 0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct jv_order *own = &pair.last_configure;
    uint32_t n = family == 4 ? 4 : 16;
    uint8_t *at = packet + (family == 4 ? 12 : 8);
    const uint8_t *client = family == 4 ? own->address4.ip.b : own->address6.ip.b;
    const uint8_t *server = family == 4 ? server4 : server6;
    packet_make(packet, family, family == 4 ? 20 : 40, len, 17, 0);
    memcpy(at, from_client ? client : server, n);
    memcpy(at + n, from_client ? server : client, n);
    if (family == 4) {
        packet_put16(packet + 6, 0x4000);
        packet_put16(packet + 10, 0);
        packet_put16(packet + 10, ~packet_sum(packet, 20, 0) & 0xffff);
    }
    return len;
}

static void fit_tells_the_sender_what_passes(void **state)
{
    static uint8_t packet[2048];
    for (uint32_t round = 0; round < 4; round++) {
        bool from_client = round % 2 == 0;
        uint32_t family = round < 2 ? 4 : 6;
        uint64_t lost = from_client ? pair.delivered_g : pair.delivered_c;
        uint32_t len = make(packet, family, from_client, 1341);
        pair_inner(&pair, from_client, packet, len);
        pair_run(&pair, 100);
        assert_int_equal(pair.too_big_mtu, 1340);
        assert_int_equal(from_client ? pair.delivered_g : pair.delivered_c, lost);
        struct jv_inner inner;
        assert_true(jv_inner_parse(pair.too_big, pair.too_big_len, &inner));
        uint32_t n = family == 4 ? 4 : 16;
        assert_memory_equal(inner.destination.b, packet + (family == 4 ? 12 : 8), n);
        const uint8_t *want = from_client ? (family == 4 ? pair.last_configure.gateway4.b
                                                         : pair.last_configure.gateway6.b)
                                          : packet + (family == 4 ? 16 : 24);
        assert_memory_equal(inner.source.b, want, n);
        /* It quotes the packet, so that the sender's stack finds the connection. */
        assert_memory_equal(pair.too_big + (family == 4 ? 28 : 48), packet, 100);
        len = make(packet, family, from_client, 1340);
        pair_inner(&pair, from_client, packet, len);
        pair_run(&pair, 100);
        assert_int_equal(from_client ? pair.delivered_g : pair.delivered_c, lost + 1);
    }
    assert_int_equal(pair.too_big_c, 2);
    assert_int_equal(pair.too_big_g, 2);
    assert_int_equal(pair_leaked(&pair, true), 0);
    assert_int_equal(pair_leaked(&pair, false), 0);
}

static void fit_answers_are_bounded_and_drops_counted(void **state)
{
    static uint8_t packet[2048];
    struct jv_counters count;
    uint32_t len = make(packet, 4, true, 1400);
    for (uint32_t i = 0; i < 1000; i++) {
        pair_inner(&pair, true, packet, len);
        pair_run_us(&pair, 1000);
    }
    jv_core_counters(pair.client, &count);
    assert_int_equal(count.drops[JV_DROP_INNER_TOO_BIG], 1000);
    assert_int_equal(count.told_too_big, pair.too_big_c);
    assert_in_range(pair.too_big_c, JV_TOO_BIG_PER_S, 2 * JV_TOO_BIG_PER_S);
}

static void fit_cuts_what_may_be_cut(void **state)
{
    struct jv_counters count;
    uint64_t before = pair.delivered_g;
    pair_packet(&pair, true, 1420);
    pair_run(&pair, 100);
    assert_int_equal(pair.delivered_g, before + 2);
    jv_core_counters(pair.client, &count);
    assert_int_equal(count.fragmented, 1);
    assert_int_equal(pair.too_big_c, 0);
}

static void fit_cuts_nothing_without_buffers(void **state)
{
    static struct jv_slot taken[4096];
    static uint8_t packet[2048];
    struct jv_counters count;
    struct jv_slot slot = {.buf = packet, .off = 0, .len = 1420};
    struct jv_slot parts[JV_FRAGMENTS_MAX];
    packet_make(packet, 4, 20, 1420, 17, 0);
    jv_core_counters(pair.client, &count);
    uint64_t all = count.buffers_free;
    uint32_t n =
        jv_core_take(pair.client, taken, (uint32_t)all - 1); /* one is left, two are needed */
    assert_int_equal(jv_fit_split(pair.client, &slot, 1340, parts), 0);
    jv_core_counters(pair.client, &count);
    assert_int_equal(count.buffers_free, 1);
    jv_core_give(pair.client, taken, n);
    assert_int_equal(jv_fit_split(pair.client, &slot, 1340, parts), 2);
    jv_core_give(pair.client, parts, 2);
    /* A path so small that a header with options would fill a fragment. */
    assert_int_equal(jv_fit_split(pair.client, &slot, 60, parts), 0);
    jv_core_counters(pair.client, &count);
    assert_int_equal(count.buffers_free, all);
}

static void fit_tells_ipv6_nothing_below_1280(void **state)
{
    static uint8_t packet[2048];
    pair_link_mtu(&pair, 0, 1300);
    pair_run(&pair, 100);
    pair_inner(&pair, true, packet, make(packet, 6, true, 1300));
    assert_int_equal(pair.too_big_c, 1);
    assert_int_equal(pair.too_big_mtu, JV_MTU_MIN);
    pair_inner(&pair, true, packet, make(packet, 6, true, 1280)); /* would come again the same */
    assert_int_equal(pair.too_big_c, 1);
    pair_inner(&pair, true, packet, make(packet, 4, true, 1280));
    assert_int_equal(pair.too_big_c, 2);
    assert_int_equal(pair.too_big_mtu, 1240);
}

static void fit_splits_into_no_more_than_it_may(void **state)
{
    struct jv_slot slot;
    struct jv_slot parts[JV_FRAGMENTS_MAX];
    struct jv_counters before;
    struct jv_counters after;
    assert_int_equal(jv_core_take(pair.client, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = make(slot.buf + slot.off, 4, true, 1400);
    packet_put16(slot.buf + slot.off + 6, 0); /* it may be split */
    packet_put16(slot.buf + slot.off + 10, 0);
    packet_put16(slot.buf + slot.off + 10, ~packet_sum(slot.buf + slot.off, 20, 0) & 0xffff);
    jv_core_counters(pair.client, &before);
    assert_int_equal(jv_fit_split(pair.client, &slot, 100, parts), 0);
    jv_core_counters(pair.client, &after);
    assert_int_equal(after.buffers_free, before.buffers_free); /* a part of it helps nobody */
    assert_int_equal(after.fragmented, before.fragmented);
    assert_int_equal(jv_fit_split(pair.client, &slot, 512, parts), 3);
    jv_core_give(pair.client, parts, 3);
    jv_core_give(pair.client, &slot, 1);
}

static void fit_tells_nothing_where_there_is_nobody_nothing_or_no_room_to_tell_with(void **state)
{
    static struct jv_slot tun[4];
    static struct jv_slot taken[4096];
    struct jv_out out = {.tun = tun, .tun_cap = 4};
    struct jv_slot slot;
    struct jv_core *core = pair.client;
    struct jv_session *s = jv_core_session_at(core, 0);
    assert_non_null(s);
    assert_int_equal(jv_core_take(core, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = make(slot.buf + slot.off, 4, true, 1400);
    out.tun_cap = 0;
    jv_fit_tell(core, s, &slot, 1300, &out);
    out.tun_cap = 4;
    uint32_t n = jv_core_take(core, taken, 4096);
    jv_fit_tell(core, s, &slot, 1300, &out);
    jv_core_give(core, taken, n);
    core->client->gateway4.family = JV_AF_NONE; /* a gateway without an address of this family */
    jv_fit_tell(core, s, &slot, 1300, &out);
    core->client->gateway4.family = JV_AF_4;
    slot.buf[slot.off + 9] = 1; /* ICMP, an error: it is not answered by another one */
    slot.buf[slot.off + 20] = 3;
    jv_fit_tell(core, s, &slot, 1300, &out);
    assert_int_equal(out.tun_len, 0);
    slot.buf[slot.off + 9] = 17;
    jv_fit_tell(core, s, &slot, 1300, &out);
    assert_int_equal(out.tun_len, 1);
    jv_core_give(core, out.tun, out.tun_len);
    jv_core_give(core, &slot, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fit_splits_into_no_more_than_it_may, start, stop),
        cmocka_unit_test_setup_teardown(
            fit_tells_nothing_where_there_is_nobody_nothing_or_no_room_to_tell_with, start, stop),
        cmocka_unit_test_setup_teardown(fit_tells_the_sender_what_passes, start, stop),
        cmocka_unit_test_setup_teardown(fit_answers_are_bounded_and_drops_counted, start, stop),
        cmocka_unit_test_setup_teardown(fit_cuts_what_may_be_cut, start, stop),
        cmocka_unit_test_setup_teardown(fit_cuts_nothing_without_buffers, start, stop),
        cmocka_unit_test_setup_teardown(fit_tells_ipv6_nothing_below_1280, start, stop),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
