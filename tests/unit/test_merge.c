/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "merge.h"
#include "segments.h"

static const struct jv_merge_cfg all = {true, true, true, true};
static struct segment_slots in;
static struct jv_merged groups[JV_MERGE_SLOTS_MAX];
static uint8_t next[JV_MERGE_SLOTS_MAX];

static void put(uint32_t i, const struct segment *s, size_t payload)
{
    in.slots[i].off = JV_BUF_HEADROOM;
    segment_fill(in.bufs[i] + JV_BUF_HEADROOM + segment_header(s), payload, i);
    in.slots[i].len = (uint32_t)segment_make(s, in.bufs[i] + JV_BUF_HEADROOM, payload);
}

/* The same flow, segment after segment. */
static uint32_t put_run(uint32_t at, struct segment *s, uint32_t n, size_t payload)
{
    for (uint32_t i = 0; i < n; i++) {
        put(at + i, s, payload);
        s->seq += (uint32_t)payload;
        s->id = (s->id + 1) & 0xffff;
    }
    return at + n;
}

static void merge_joins_segments_of_a_flow(void **state)
{
    for (uint32_t family = 4; family <= 6; family += 2) {
        struct segment s = {.family = family, .flags = 0x10, .seq = 0xfffff800, .id = 0xffff};
        segment_slots_init(&in);
        uint32_t n = put_run(0, &s, 3, 1000);
        assert_int_equal(jv_merge(&all, in.slots, n, groups, next), 1);
        assert_int_equal(groups[0].count, 3);
        assert_int_equal(groups[0].first, 0);
        assert_int_equal(groups[0].gso.kind, family == 4 ? JV_GSO_TCP4 : JV_GSO_TCP6);
        assert_int_equal(groups[0].gso.seg_bytes, 1000);
        assert_int_equal(groups[0].hdr_bytes, segment_header(&s));
        assert_int_equal(groups[0].len_bytes, segment_header(&s) + 3000);
        assert_int_equal(next[0], 1);
        assert_int_equal(next[1], 2);
        assert_int_equal(next[2], JV_MERGE_END);
    }
}

static void merge_keeps_interleaved_flows_apart(void **state)
{
    struct segment a = {.family = 4, .flags = 0x10, .port = 1};
    struct segment b = {.family = 4, .flags = 0x10, .port = 2};
    segment_slots_init(&in);
    for (uint32_t i = 0; i < 8; i++) {
        (void)put_run(i, i % 2 == 0 ? &a : &b, 1, 500);
    }
    assert_int_equal(jv_merge(&all, in.slots, 8, groups, next), 2);
    assert_int_equal(groups[0].count, 4);
    assert_int_equal(groups[1].count, 4);
    assert_int_equal(groups[1].first, 1);
}

static uint32_t merge(uint32_t n)
{
    return jv_merge(&all, in.slots, n, groups, next);
}

/* Packet 1 follows packet 0 but for what `change` says; do they make one group? */
struct change {
    struct segment s;
    size_t payload;
};

static bool joins(const struct segment *first, const struct change *second)
{
    segment_slots_init(&in);
    put(0, first, 100);
    put(1, &second->s, second->payload);
    return merge(2) == 1;
}

static struct change follower(const struct segment *first)
{
    struct change c = {*first, 100};
    c.s.seq += 100;
    c.s.id++;
    return c;
}

static void merge_asks_for_equal_headers(void **state)
{
    static const uint8_t stamp[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 9};
    static const uint8_t later[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 10};
    for (uint32_t family = 4; family <= 6; family += 2) {
        const struct segment first = {.family = family,
                                      .flags = 0x10,
                                      .window = 9,
                                      .ack = 5,
                                      .options = stamp,
                                      .options_len = 12};
        struct change c = follower(&first);
        assert_true(joins(&first, &c));
        c = follower(&first);
        c.s.options = later;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.options_len = 8;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.window++;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.ack++;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.ecn = 1;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.seq++;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.seq -= 100; /* sent again */
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.payload = 101;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.payload = 0;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.payload = 1;
        assert_true(joins(&first, &c));
        c = follower(&first);
        c.s.host++;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.port++;
        assert_false(joins(&first, &c));
        c = follower(&first);
        c.s.is_udp = true;
        assert_false(joins(&first, &c));
    }
}

static void merge_takes_ack_push_and_fin_alone(void **state)
{
    const struct segment first = {.family = 4, .flags = 0x10};
    for (uint32_t flags = 0; flags < 256; flags++) {
        struct change c = follower(&first);
        c.s.flags = (uint8_t)flags;
        bool is_data = flags == 0x10 || flags == 0x18 || flags == 0x11 || flags == 0x19;
        assert_int_equal(joins(&first, &c), is_data);
        /* Nothing follows FIN or PSH; ECE on both is the same connection in the same state. */
        struct segment lead = first;
        lead.flags = (uint8_t)flags;
        c.s = lead;
        c.s.seq += 100;
        c.s.id++;
        assert_int_equal(joins(&lead, &c), flags == 0x10 || flags == 0x50);
    }
}

static void merge_collects_the_flags_of_the_last(void **state)
{
    struct segment s = {.family = 6, .flags = 0x10};
    segment_slots_init(&in);
    (void)put_run(0, &s, 2, 100);
    s.flags = 0x19;
    (void)put_run(2, &s, 1, 100);
    s.flags = 0x10;
    (void)put_run(3, &s, 2, 100);
    assert_int_equal(merge(5), 2);
    assert_int_equal(groups[0].count, 3);
    assert_int_equal(in.bufs[0][JV_BUF_HEADROOM + 40 + 13], 0x19);
    assert_int_equal(in.bufs[3][JV_BUF_HEADROOM + 40 + 13], 0x10);
}

static void merge_ends_a_group_with_a_short_packet(void **state)
{
    struct segment s = {.family = 4, .flags = 0x10};
    segment_slots_init(&in);
    (void)put_run(0, &s, 2, 100);
    (void)put_run(2, &s, 1, 99);
    (void)put_run(3, &s, 1, 99);
    assert_int_equal(merge(4), 2);
    assert_int_equal(groups[0].count, 3);
    assert_int_equal(groups[1].first, 3);
}

static void merge_needs_following_ids_where_they_mean_something(void **state)
{
    struct segment first = {.family = 4, .flags = 0x10, .id = 0xffff};
    struct change c = follower(&first);
    c.s.id = 0;
    assert_true(joins(&first, &c));
    c.s.id = 0xffff;
    assert_false(joins(&first, &c));
    first.ip_flags = c.s.ip_flags = 0x4000;
    assert_true(joins(&first, &c));
    c.s.ip_flags = 0;
    assert_false(joins(&first, &c));
}

static void merge_fills_what_a_packet_can_be_and_no_more(void **state)
{
    struct segment s = {.family = 4, .flags = 0x10};
    segment_slots_init(&in);
    uint32_t n = put_run(0, &s, 60, 1400);
    assert_int_equal(merge(n), 2);
    assert_int_equal(groups[0].count, (65535 - 40) / 1400);
    assert_true(groups[0].len_bytes <= 65535 && groups[0].len_bytes + 1400 > 65535);
    assert_int_equal(groups[0].count + groups[1].count, 60);
}

/* A group has a checksum of its own: what came corrupt would leave with a good one. */
static void merge_verifies_before_it_joins(void **state)
{
    for (uint32_t family = 4; family <= 6; family += 2) {
        for (uint32_t udp = 0; udp < 2; udp++) {
            for (uint32_t broken = 0; broken < 3; broken++) {
                struct segment s = {.family = family, .is_udp = udp != 0, .flags = 0x10};
                segment_slots_init(&in);
                (void)put_run(0, &s, 3, 100);
                in.bufs[broken][JV_BUF_HEADROOM + in.slots[broken].len - 1] ^= 0x40;
                assert_int_equal(merge(3), broken == 1 ? 3 : 2);
                assert_int_equal(groups[0].count, broken == 2 ? 2 : 1);
                assert_int_equal(groups[1].count, broken == 0 ? 2 : 1);
            }
        }
    }
}

static void merge_verifies_the_header_of_ipv4(void **state)
{
    struct segment s = {.family = 4, .flags = 0x10};
    for (uint32_t broken = 0; broken < 2; broken++) {
        segment_slots_init(&in);
        (void)put_run(0, &s, 2, 100);
        in.slots[0].is_csum_partial = in.slots[1].is_csum_partial = true;
        in.bufs[broken][JV_BUF_HEADROOM + 11] ^= 1;
        assert_int_equal(merge(2), 2);
    }
}

static void merge_trusts_a_partial_checksum(void **state)
{
    struct segment s = {.family = 6, .flags = 0x10};
    segment_slots_init(&in);
    (void)put_run(0, &s, 3, 100);
    for (uint32_t i = 0; i < 3; i += 2) {
        in.slots[i].is_csum_partial = true;
        segment_put_partial(in.bufs[i] + JV_BUF_HEADROOM, in.slots[i].len);
    }
    assert_int_equal(merge(3), 1);
    assert_true(groups[0].gso.is_csum_partial);
    assert_int_equal(groups[0].gso.csum_start, 40);
    assert_int_equal(groups[0].gso.csum_offset, 16);
}

static void merge_says_where_the_checksum_of_a_single_packet_is(void **state)
{
    struct segment s = {.family = 4, .is_udp = true};
    segment_slots_init(&in);
    put(0, &s, 100);
    put(1, &s, 0);
    in.slots[0].is_csum_partial = true;
    assert_int_equal(merge(2), 2);
    assert_int_equal(groups[0].gso.kind, JV_GSO_NONE);
    assert_true(groups[0].gso.is_csum_partial);
    assert_int_equal(groups[0].gso.csum_start, 20);
    assert_int_equal(groups[0].gso.csum_offset, 6);
    assert_int_equal(groups[0].len_bytes, 128);
    assert_false(groups[1].gso.is_csum_partial);
}

static void merge_never_joins_two_sessions(void **state)
{
    struct segment s = {.family = 4, .flags = 0x10};
    segment_slots_init(&in);
    (void)put_run(0, &s, 4, 100);
    in.slots[1].session = in.slots[3].session = 7;
    assert_int_equal(merge(4), 4);
}

static void merge_keeps_the_order_of_a_flow(void **state)
{
    struct segment s = {.family = 4, .flags = 0x10};
    segment_slots_init(&in);
    (void)put_run(0, &s, 2, 100);
    struct segment odd = s;
    odd.flags = 0x30; /* URG: between two packets that would follow each other */
    odd.seq += 5000;
    put(2, &odd, 100);
    (void)put_run(3, &s, 2, 100);
    assert_int_equal(merge(5), 3);
    assert_int_equal(groups[0].count, 2);
    assert_int_equal(groups[1].count, 1);
    assert_int_equal(groups[2].first, 3);
    /* A fragment has no ports: it may be of any flow between its addresses, and of none of others. */
    s.flags = 0x10;
    for (uint32_t host = 0; host < 2; host++) {
        segment_slots_init(&in);
        (void)put_run(0, &s, 2, 100);
        odd = s;
        odd.host = host;
        odd.ip_flags = 0x2000;
        put(2, &odd, 100);
        (void)put_run(3, &s, 1, 100);
        for (uint32_t i = 0; i < 4; i++) { /* ids follow each other over the fragment */
            packet_put16(in.bufs[i] + JV_BUF_HEADROOM + 4, i < 3 ? i : 2);
            packet_finish_ip(in.bufs[i] + JV_BUF_HEADROOM, in.slots[i].len);
        }
        assert_int_equal(merge(4), host == 0 ? 3 : 2);
    }
}

static void merge_holds_so_many_flows_open(void **state)
{
    struct segment flows[JV_MERGE_OPEN + 1];
    for (uint32_t flows_len = JV_MERGE_OPEN; flows_len <= JV_MERGE_OPEN + 1; flows_len++) {
        segment_slots_init(&in);
        uint32_t at = 0;
        for (uint32_t i = 0; i < flows_len; i++) {
            flows[i] = (struct segment){.family = 6, .flags = 0x10, .port = i};
        }
        for (uint32_t round = 0; round < 3; round++) {
            for (uint32_t i = 0; i < flows_len; i++) {
                at = put_run(at, &flows[i], 1, 200);
            }
        }
        uint32_t count = merge(at);
        assert_true(flows_len == JV_MERGE_OPEN ? count == flows_len : count > flows_len);
    }
}

static void merge_leaves_what_the_device_does_not_take(void **state)
{
    static const struct segment kinds[] = {{.family = 4, .flags = 0x10},
                                           {.family = 6, .flags = 0x10},
                                           {.family = 4, .is_udp = true},
                                           {.family = 6, .is_udp = true}};
    for (uint32_t k = 0; k < 4; k++) {
        for (uint32_t taken = 0; taken < 16; taken++) {
            const struct jv_merge_cfg cfg = {(taken & 1) != 0, (taken & 2) != 0, (taken & 4) != 0,
                                             (taken & 8) != 0};
            struct segment s = kinds[k];
            segment_slots_init(&in);
            (void)put_run(0, &s, 2, 100);
            uint32_t count = jv_merge(&cfg, in.slots, 2, groups, next);
            assert_int_equal(count, (taken >> k & 1) != 0 ? 1 : 2);
        }
    }
}

static void merge_leaves_udp_without_a_checksum(void **state)
{
    struct segment s = {.family = 4, .is_udp = true};
    segment_slots_init(&in);
    (void)put_run(0, &s, 2, 100);
    packet_put16(segment_csum(in.bufs[0] + JV_BUF_HEADROOM), 0);
    packet_put16(segment_csum(in.bufs[1] + JV_BUF_HEADROOM), 0);
    assert_int_equal(merge(2), 2);
}

static void merge_leaves_odd_headers(void **state)
{
    const struct segment s = {.family = 4, .flags = 0x10};
    for (uint32_t way = 0; way < 5; way++) {
        segment_slots_init(&in);
        for (uint32_t i = 0; i < 2; i++) {
            uint8_t *packet = in.bufs[i] + JV_BUF_HEADROOM;
            struct segment own = s;
            own.seq = i * 100;
            own.id = i;
            put(i, &own, 100);
            if (way == 0) { /* options of IPv4 */
                memmove(packet + 24, packet + 20, 120);
                memset(packet + 20, 1, 4);
                packet[0] = 0x46;
                in.slots[i].len += 4;
                packet_finish_ip(packet, in.slots[i].len);
                segment_put_csum(packet, in.slots[i].len);
            } else if (way == 1) { /* a TCP header longer than the packet */
                packet[32] = 0xf0;
                in.slots[i].len = 70;
                packet_finish_ip(packet, 70);
            } else if (way == 2) { /* and one shorter than it can be */
                packet[32] = 0x40;
            } else if (way == 3) { /* lengths that differ */
                packet[3]--;
            } else { /* a runt */
                in.slots[i].len = 19;
            }
        }
        assert_int_equal(merge(2), 2);
        assert_int_equal(groups[0].gso.kind, JV_GSO_NONE);
    }
    assert_int_equal(merge(0), 0);
}

/* Replaces eight bytes of packet `i` by what `value` is on this machine, and mends its checksums. */
static void put_word(uint32_t i, uint32_t at, uint64_t value)
{
    uint8_t *packet = in.bufs[i] + JV_BUF_HEADROOM;
    memcpy(packet + at, &value, sizeof value);
    packet_finish_ip(packet, in.slots[i].len);
    segment_put_csum(packet, in.slots[i].len);
}

static uint64_t word(uint32_t i, uint32_t at)
{
    uint64_t value;
    memcpy(&value, in.bufs[i] + JV_BUF_HEADROOM + at, sizeof value);
    return value;
}

#define INVERSE_3 0xaaaaaaaaaaaaaaabULL /* modulo 2^64 */
#define INVERSE_5 0xcccccccccccccccdULL

/* Anyone can compute addresses and ports of one hash: it finds a flow, it does not prove one. */
static void merge_keeps_flows_of_one_hash_apart(void **state)
{
    for (uint32_t way = 0; way < 5; way++) {
        struct segment s = {.family = way == 0 ? 4 : 6, .flags = 0x10};
        segment_slots_init(&in);
        (void)put_run(0, &s, 2, 100);
        if (way ==
            0) { /* a bit of an address, and the bit of a port that stands in the same place */
            put_word(1, 12, word(1, 12) ^ 1ULL << 20);
            put_word(1, 20, word(1, 20) ^ 1ULL << 4);
        } else if (way == 1) { /* the same of IPv6 */
            put_word(1, 8, word(1, 8) ^ 1ULL << 20);
            put_word(1, 40, word(1, 40) ^ 1ULL << 4);
        } else if (way == 2) { /* both halves of the source, the same ports */
            put_word(1, 8, word(1, 8) ^ 1);
            put_word(1, 16, word(1, 16) ^ 1);
        } else if (way == 3) { /* from the second word on */
            put_word(1, 16, word(1, 16) ^ 1);
            put_word(1, 24, (word(1, 24) * 5 ^ 1) * INVERSE_5);
        } else { /* the destination alone */
            put_word(1, 24, (word(1, 24) * 5 ^ 1) * INVERSE_5);
            put_word(1, 32, (word(1, 32) * 3 ^ 1) * INVERSE_3);
        }
        assert_int_equal(merge(2), 2);
        assert_int_equal(groups[0].count, 1);
        assert_int_equal(groups[1].count, 1);
    }
}

static void merge_asks_for_one_hop_limit(void **state)
{
    struct segment s = {.family = 6, .flags = 0x10};
    segment_slots_init(&in);
    (void)put_run(0, &s, 2, 100);
    assert_int_equal(merge(2), 1);
    segment_slots_init(&in);
    (void)put_run(0, &s, 2, 100);
    in.bufs[1][JV_BUF_HEADROOM + 7]--;
    assert_int_equal(merge(2), 2);
}

/* No core hands such a packet over; written as it is, it says nothing of a checksum. */
static void merge_says_nothing_of_what_is_no_packet(void **state)
{
    segment_slots_init(&in);
    memset(in.bufs[0], 0x5a, JV_BUF_BYTES);
    in.slots[0].off = JV_BUF_HEADROOM;
    in.slots[0].len = 60;
    in.slots[0].is_csum_partial = true;
    assert_int_equal(merge(1), 1);
    assert_int_equal(groups[0].count, 1);
    assert_int_equal(groups[0].gso.kind, JV_GSO_NONE);
    assert_false(groups[0].gso.is_csum_partial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_joins_segments_of_a_flow),
        cmocka_unit_test(merge_keeps_interleaved_flows_apart),
        cmocka_unit_test(merge_asks_for_equal_headers),
        cmocka_unit_test(merge_takes_ack_push_and_fin_alone),
        cmocka_unit_test(merge_collects_the_flags_of_the_last),
        cmocka_unit_test(merge_ends_a_group_with_a_short_packet),
        cmocka_unit_test(merge_needs_following_ids_where_they_mean_something),
        cmocka_unit_test(merge_fills_what_a_packet_can_be_and_no_more),
        cmocka_unit_test(merge_verifies_before_it_joins),
        cmocka_unit_test(merge_verifies_the_header_of_ipv4),
        cmocka_unit_test(merge_trusts_a_partial_checksum),
        cmocka_unit_test(merge_says_where_the_checksum_of_a_single_packet_is),
        cmocka_unit_test(merge_never_joins_two_sessions),
        cmocka_unit_test(merge_keeps_the_order_of_a_flow),
        cmocka_unit_test(merge_holds_so_many_flows_open),
        cmocka_unit_test(merge_leaves_what_the_device_does_not_take),
        cmocka_unit_test(merge_leaves_udp_without_a_checksum),
        cmocka_unit_test(merge_leaves_odd_headers),
        cmocka_unit_test(merge_keeps_flows_of_one_hash_apart),
        cmocka_unit_test(merge_asks_for_one_hop_limit),
        cmocka_unit_test(merge_says_nothing_of_what_is_no_packet),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
