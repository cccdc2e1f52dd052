/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams in memory that is no buffer of the core: read in place, gone after the batch, and never written beyond their own bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "packets.h"
#include "pair_parts.h"
#include "thief.h"

#define GUARD 64U
#define GUARD_BYTE 0xa5
#define GONE 0xdd
#define TRAFFIC (1U << JV_TYPE_TRAFFIC)

/* What came out of the tunnel. */
static struct {
    uint8_t bytes[4][JV_BUF_BYTES];
    uint32_t len[4], count;
} got;

static void note_inner(struct pair *p, bool client, const uint8_t *packet, uint32_t len)
{
    (void)p;
    (void)client;
    memcpy(got.bytes[got.count % 4], packet, len);
    got.len[got.count % 4] = len;
    got.count++;
}

static void begin(void)
{
    memset(&got, 0, sizeof got);
    begin_with(21, JV_PRESET_FAST);
    world.on_inner = note_inner;
}

static uint64_t buffers_free(bool client)
{
    struct jv_counters count;
    jv_core_counters(pair_core(&world, client), &count);
    return count.buffers_free;
}

static void expect_guard(const uint8_t *at)
{
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(at[i], GUARD_BYTE);
    }
}

/* They lie side by side in memory of their own, which is overwritten and given back after the batch. */
static void lend(const struct pair_event *events, uint32_t n)
{
    struct jv_slot slots[4];
    uint32_t bytes = GUARD;
    struct jv_out out = pair_out();
    bool to_gateway = events[0].to_gateway;
    for (uint32_t i = 0; i < n; i++) {
        const struct pair_event *e = &events[i];
        slots[i] = (struct jv_slot){.is_borrowed = true,
                                    .off = bytes,
                                    .len = e->len,
                                    .link = to_gateway ? 1 : world.links[e->link].handle,
                                    .remote = e->remote};
        if (to_gateway) {
            slots[i].local = e->local;
        }
        bytes += e->len;
    }
    uint8_t *memory = malloc(bytes + GUARD);
    assert_non_null(memory);
    memset(memory, GUARD_BYTE, bytes + GUARD);
    for (uint32_t i = 0; i < n; i++) {
        slots[i].buf = memory;
        memcpy(memory + slots[i].off, events[i].bytes, events[i].len);
    }
    struct jv_batch batch = {slots, n, 0};
    while (jv_core_datagrams(pair_core(&world, !to_gateway), pair_now(&world), &batch, &out) ==
           JV_E_AGAIN) {
        pair_drain(&world, !to_gateway, &out);
    }
    pair_drain(&world, !to_gateway, &out);
    expect_guard(memory);
    expect_guard(memory + bytes);
    memset(memory, GONE, bytes + GUARD);
    free(memory);
}

/* One packet into the tunnel; what it becomes on the way is taken away. */
static void take_traffic(bool from_client, uint32_t bytes, struct pair_event *out, uint8_t *packet)
{
    steal(TRAFFIC, from_client);
    uint32_t len = pair_inner_packet(&world, from_client, packet, bytes);
    packet[len - 1] = (uint8_t)bytes;
    pair_inner(&world, from_client, packet, len);
    assert_int_equal(thief.taken, 1);
    *out = thief.newest;
    world.filter = NULL;
}

static void borrowed_traffic_is_delivered_as_owned(void **state)
{
    static uint8_t packets[2][JV_BUF_BYTES];
    static struct pair_event events[2];
    begin();
    for (uint32_t client = 0; client < 2; client++) {
        bool from_client = client != 0;
        got.count = 0;
        take_traffic(from_client, 300, &events[0], packets[0]);
        take_traffic(from_client, 1301, &events[1], packets[1]);
        uint64_t free_before = buffers_free(!from_client);
        lend(events, 2);
        assert_int_equal(got.count, 2);
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(got.len[i], i == 0 ? 300 : 1301);
            assert_memory_equal(got.bytes[i], packets[i], got.len[i]);
        }
        assert_int_equal(buffers_free(!from_client), free_before);
        uint64_t again = drops(!from_client, JV_DROP_REPLAY_SEEN);
        lend(events, 2);
        assert_int_equal(drops(!from_client, JV_DROP_REPLAY_SEEN), again + 2);
        assert_int_equal(buffers_free(!from_client), free_before);
    }
}

/* ---- every datagram of a life ---- */

static struct {
    struct pair_event events[256];
    uint32_t len;
    uint32_t types; /* that were lent, a bit each */
} line;

static bool into_line(struct pair *p, const struct pair_event *e)
{
    (void)p;
    assert_true(line.len < JV_ARRAY_LEN(line.events));
    line.events[line.len++] = *e;
    return false;
}

/* What the network brings in each millisecond is lent, each datagram behind a corrupt copy of itself if so wanted. */
static void live(uint32_t ms, bool with_corrupt)
{
    static struct pair_event pair[2];
    for (uint32_t i = 0; i < ms; i++) {
        pair_run(&world, 1);
        for (uint32_t k = 0; k < line.len; k++) { /* answers join the line */
            line.types |= 1U << TYPE_OF(&line.events[k]);
            pair[0] = pair[1] = line.events[k];
            pair[0].bytes[pair[0].len - 1 - (i + k) % 8] ^= 1;
            lend(with_corrupt ? pair : pair + 1, with_corrupt ? 2 : 1);
        }
        line.len = 0;
    }
}

static void borrowed_memory_serves_a_whole_life(void **state)
{
    const struct pair_cfg cfg = {
        .seed = 22, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST};
    memset(&line, 0, sizeof line);
    pair_init(&world, &cfg);
    world.filter = into_line;
    live(1500, false);
    assert_int_equal(pair_state(&world, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&world, false), JV_ST_ATTACHED);
    pair_flow_start(&world, &world.up, 5000, 1200);
    pair_flow_start(&world, &world.down, 5000, 1200);
    live(500, true);
    order_switch(1);
    live(500, true);
    world.up.on = world.down.on = false;
    live(100, true);
    assert_int_equal(session(true)->switches_total, 1);
    assert_int_equal(session(true)->bound->link, world.links[1].handle);
    assert_true(world.up.sent > 150);
    assert_int_equal(world.up.received, world.up.sent);
    assert_int_equal(world.down.received, world.down.sent);
    assert_int_not_equal(line.types & 1U << JV_TYPE_BIRTH_INIT, 0);
    assert_int_not_equal(line.types & 1U << JV_TYPE_BIRTH_REPLY, 0);
    assert_int_not_equal(line.types & 1U << JV_TYPE_PROBE, 0);
    assert_int_not_equal(line.types & 1U << JV_TYPE_PROBE_REPLY, 0);
    assert_int_not_equal(line.types & 1U << JV_TYPE_REQUEST, 0);
    assert_int_not_equal(line.types & 1U << JV_TYPE_ACK, 0);
    assert_int_not_equal(line.types & TRAFFIC, 0);
}

/* Garbage of each type, with the locator of the session and with another one, of lengths around those that mean something. */
static void borrowed_garbage_writes_nothing_beside_it(void **state)
{
    static struct pair_event events[2];
    struct jv_prng prng = {5};
    begin();
    for (uint32_t client = 0; client < 2; client++) {
        uint64_t free_before = buffers_free(client != 0);
        take_traffic(client == 0, 400, &events[0], got.bytes[3]);
        const struct pair_event real = events[0];
        for (uint32_t i = 0; i < 32 * 200; i++) {
            events[0] = events[1] = real;
            events[0].len = i / 32 % 2 == 0 ? i / 64 : (uint32_t)jv_prng_below(&prng, JV_BUF_ROOM);
            for (uint32_t at = 0; at < events[0].len; at++) {
                events[0].bytes[at] = (uint8_t)jv_prng_below(&prng, 256);
            }
            events[0].bytes[0] = (uint8_t)((i % 3 != 0 ? 0 : events[0].bytes[0] & 0xe0U) | i % 32);
            if (i % 5 != 0) { /* the rest of its header */
                memcpy(events[0].bytes + 1, real.bytes + 1, JV_HEADER_BYTES - 1);
            }
            events[1].bytes[real.len - 1] ^= 1;
            lend(&events[0], 1); /* alone: its guard is right behind it */
            lend(&events[1], 1);
        }
        assert_int_equal(buffers_free(client != 0), free_before);
        uint32_t before = got.count;
        lend(&real, 1);
        assert_int_equal(got.count, before + 1);
    }
}

/* ---- what waits for an ACK ---- */

/* The gateway has moved to link 1; the ACK that says so is `ack_out`, and what it sends there before is `event`. */
static void overtake(struct pair_event *ack_out, struct pair_event *event, uint8_t *packet)
{
    begin();
    steal(1U << JV_TYPE_ACK, false);
    order_switch(1);
    pair_run(&world, 35);
    assert_true(thief.taken > 0);
    *ack_out = thief.newest;
    take_traffic(false, 700, event, packet);
    assert_true(world.client->client->request.used);
    assert_int_equal(world.client->client->held_len, 0);
}

static void borrowed_packet_that_waits_for_an_ack_outlives_its_memory(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    static struct pair_event ack, event;
    overtake(&ack, &event, packet);
    uint64_t free_before = buffers_free(true);
    lend(&event, 1);
    assert_int_equal(world.client->client->held_len, 1);
    assert_false(world.client->client->held[0].is_borrowed);
    assert_int_equal(buffers_free(true), free_before - 1);
    assert_int_equal(got.count, 0);
    lend(&ack, 1);
    assert_int_equal(world.client->client->held_len, 0);
    assert_int_equal(session(true)->bound->link, world.links[1].handle);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.len[0], 700);
    assert_memory_equal(got.bytes[0], packet, 700);
}

static void borrowed_packet_that_finds_no_buffer_is_dropped(void **state)
{
    static uint8_t packet[JV_BUF_BYTES];
    static struct pair_event ack, event;
    static struct jv_slot all[4096];
    overtake(&ack, &event, packet);
    uint32_t n = jv_core_take(world.client, all, JV_ARRAY_LEN(all));
    assert_int_equal(buffers_free(true), 0);
    uint64_t before = drops(true, JV_DROP_NO_BUFFER);
    lend(&event, 1);
    assert_int_equal(drops(true, JV_DROP_NO_BUFFER), before + 1);
    assert_int_equal(world.client->client->held_len, 0);
    jv_core_give(world.client, all, n);
    assert_int_equal(buffers_free(true), n);
    lend(&event, 1); /* nothing of it was marked as seen */
    lend(&ack, 1);
    assert_int_equal(got.count, 1);
    assert_memory_equal(got.bytes[0], packet, 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(borrowed_traffic_is_delivered_as_owned, stop),
        cmocka_unit_test_teardown(borrowed_memory_serves_a_whole_life, stop),
        cmocka_unit_test_teardown(borrowed_garbage_writes_nothing_beside_it, stop),
        cmocka_unit_test_teardown(borrowed_packet_that_waits_for_an_ack_outlives_its_memory, stop),
        cmocka_unit_test_teardown(borrowed_packet_that_finds_no_buffer_is_dropped, stop),
    };
    return cmocka_run_group_tests_name("borrowed", tests, NULL, NULL);
}
