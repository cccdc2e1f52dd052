/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "segments.h"
#include "split.h"

static uint8_t whole[JV_GSO_BYTES_MAX];
static struct segment_slots out;

static const struct segment kinds[] = {
    {.family = 4, .flags = 0x18, .seq = 0xfffff000, .id = 0xfffe},
    {.family = 6, .flags = 0x18, .seq = 7},
    {.family = 4, .is_udp = true, .id = 5},
    {.family = 6, .is_udp = true}};
static const enum jv_gso_kind gso_kinds[] = {JV_GSO_TCP4, JV_GSO_TCP6, JV_GSO_UDP4, JV_GSO_UDP6};

/* A whole packet of this kind as the kernel hands it over. */
static size_t make_whole(uint32_t k, size_t payload, uint32_t seg_bytes, struct jv_gso *gso)
{
    segment_fill(whole + segment_header(&kinds[k]), payload, k);
    size_t len = segment_make(&kinds[k], whole, payload);
    segment_put_partial(whole, len);
    *gso = (struct jv_gso){.kind = gso_kinds[k],
                           .is_csum_partial = true,
                           .csum_start = kinds[k].family == 4 ? 20 : 40,
                           .csum_offset = kinds[k].is_udp ? 6 : 16,
                           .seg_bytes = (uint16_t)seg_bytes};
    return len;
}

/* Segment `i` as a sender without offloads would have sent it. */
static size_t want_segment(uint32_t k, size_t payload, uint32_t seg_bytes, uint32_t i,
                           bool is_partial, uint8_t *packet)
{
    struct segment s = kinds[k];
    size_t at = (size_t)i * seg_bytes;
    size_t own = JV_MIN(payload - at, seg_bytes);
    s.seq += i * seg_bytes;
    s.id = (s.id + i) & 0xffff;
    s.flags &= at + own < payload ? 0xf6 : 0xff;
    memcpy(packet + segment_header(&s), whole + segment_header(&s) + at, own);
    size_t len = segment_make(&s, packet, own);
    if (is_partial) {
        segment_put_partial(packet, len);
    }
    return len;
}

static void expect_segments(uint32_t k, size_t payload, uint32_t seg_bytes, bool keep)
{
    uint8_t want[JV_BUF_BYTES];
    struct jv_gso gso;
    struct jv_split split;
    size_t len = make_whole(k, payload, seg_bytes, &gso);
    uint32_t seen = 0;
    segment_slots_init(&out);
    assert_true(jv_split_begin(&split, &gso, whole, len));
    for (uint32_t n; (n = jv_split_next(&split, out.slots, 7)) > 0;) {
        for (uint32_t i = 0; i < n; i++, seen++) {
            struct jv_slot *slot = &out.slots[i];
            size_t want_len = want_segment(k, payload, seg_bytes, seen, keep, want);
            assert_int_equal(slot->off + split.hdr_bytes,
                             jv_split_place(split.hdr_bytes, split.seg_bytes));
            assert_int_equal(slot->len, want_len);
            assert_true(slot->is_csum_partial);
            assert_true(keep || segment_complete(slot));
            assert_memory_equal(slot->buf + slot->off, want, want_len);
        }
    }
    assert_true(jv_split_is_done(&split));
    assert_int_equal(seen, payload == 0 ? 1 : (payload + seg_bytes - 1) / seg_bytes);
}

static void split_makes_what_a_sender_without_offloads_sends(void **state)
{
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        for (uint32_t keep = 0; keep < 2; keep++) {
            expect_segments(k, 9000, 1368, keep != 0);
            expect_segments(k, 2 * 1368, 1368, keep != 0);
            expect_segments(k, 1, 1368, keep != 0);
            expect_segments(k, 0, 1368, keep != 0);
            expect_segments(k, 150, 1, keep != 0);
            expect_segments(k, 65535 - segment_header(&kinds[k]), 1401, keep != 0);
        }
    }
}

static void split_passes_a_packet_of_wire_size_on(void **state)
{
    uint8_t want[JV_BUF_BYTES];
    const struct jv_gso none = {.kind = JV_GSO_NONE};
    struct jv_split split;
    segment_slots_init(&out);
    segment_fill(whole, JV_BUF_ROOM, 5);
    for (size_t len = 1; len <= JV_BUF_ROOM; len += 37) {
        memcpy(want, whole, len);
        assert_true(jv_split_begin(&split, &none, whole, len));
        assert_int_equal(jv_split_next(&split, out.slots, 2), 1);
        assert_true(jv_split_is_done(&split));
        assert_int_equal(jv_split_next(&split, out.slots, 2), 0);
        assert_int_equal(out.slots[0].len, len);
        assert_false(out.slots[0].is_csum_partial);
        assert_memory_equal(out.slots[0].buf + out.slots[0].off, want, len);
    }
    assert_false(jv_split_begin(&split, &none, whole, 0));
    assert_false(jv_split_begin(&split, &none, whole, JV_BUF_ROOM + 1));
}

static void split_leaves_a_partial_checksum_of_wire_size(void **state)
{
    uint8_t want[JV_BUF_BYTES];
    struct jv_split split;
    segment_slots_init(&out);
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        struct jv_gso gso;
        size_t len = make_whole(k, 333, 0, &gso);
        gso.kind = JV_GSO_NONE;
        memcpy(want, whole, len);
        assert_true(jv_split_begin(&split, &gso, whole, len));
        assert_int_equal(jv_split_next(&split, out.slots, 1), 1);
        assert_true(out.slots[0].is_csum_partial);
        assert_memory_equal(out.slots[0].buf + out.slots[0].off, want, len);
        segment_put_csum(want, len);
        assert_true(segment_complete(&out.slots[0]));
        assert_memory_equal(out.slots[0].buf + out.slots[0].off, want, len);
    }
}

/* Behind an extension header, and in another protocol, the kernel's word is what there is. */
static void split_completes_what_is_not_plain(void **state)
{
    struct jv_split split;
    segment_slots_init(&out);
    struct jv_gso gso = {.is_csum_partial = true, .csum_start = 48, .csum_offset = 6};
    packet_make(whole, 6, 40, 70, 60, 0); /* destination options, then UDP */
    memset(whole + 40, 0, 8);
    whole[40] = 17;
    segment_fill(whole + 56, 14, 1);
    packet_put16(whole + 52, 22);
    uint32_t pseudo = packet_sum(whole + 8, 32, 0) + 22 + 17;
    packet_put16(whole + 54, packet_sum(NULL, 0, pseudo));
    assert_true(jv_split_begin(&split, &gso, whole, 70));
    assert_int_equal(jv_split_next(&split, out.slots, 1), 1);
    assert_false(out.slots[0].is_csum_partial);
    const uint8_t *packet = out.slots[0].buf + out.slots[0].off;
    assert_int_equal(packet_sum(packet + 48, 22, packet_sum(NULL, 0, pseudo)), 0xffff);
}

/* Of a plain packet too, where the kernel points elsewhere: it is completed there. */
static void split_completes_where_the_kernel_points(void **state)
{
    struct jv_split split;
    static const struct {
        uint16_t start, offset;
    } rows[] = {{24, 16}, {20, 12}};
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        struct jv_gso gso;
        uint8_t want[JV_BUF_BYTES];
        size_t len = make_whole(0, 100, 0, &gso);
        gso.kind = JV_GSO_NONE;
        gso.csum_start = rows[i].start;
        gso.csum_offset = rows[i].offset;
        memcpy(want, whole, len);
        uint32_t sum = packet_sum(want + gso.csum_start, len - gso.csum_start, 0);
        packet_put16(want + gso.csum_start + gso.csum_offset, ~sum & 0xffff);
        segment_slots_init(&out);
        assert_true(jv_split_begin(&split, &gso, whole, len));
        assert_int_equal(jv_split_next(&split, out.slots, 1), 1);
        assert_false(out.slots[0].is_csum_partial);
        assert_memory_equal(out.slots[0].buf + out.slots[0].off, want, len);
    }
}

/* A header of options in front of TCP, as a socket with IPV6_HOPOPTS sends it. */
static void split_goes_over_extension_headers(void **state)
{
    struct jv_split split;
    const size_t payload = 2500;
    segment_slots_init(&out);
    packet_make(whole, 6, 40, 76 + payload, 0, 0);
    memset(whole + 40, 0, 36);
    whole[40] = 43; /* hop-by-hop, then a routing header */
    whole[48] = 6;
    whole[56 + 12] = 0x50;
    whole[56 + 13] = 0x18;
    segment_fill(whole + 76, payload, 8);
    /* The routing header has another destination: the kernel's sum is of that one. */
    uint8_t last[16];
    segment_fill(last, 16, 4);
    uint32_t sum = packet_sum(whole + 8, 16, packet_sum(last, 16, 6));
    packet_put16(whole + 72, packet_sum(NULL, 0, sum + 20 + (uint32_t)payload));
    struct jv_gso gso = {.kind = JV_GSO_TCP6,
                         .is_csum_partial = true,
                         .csum_start = 56,
                         .csum_offset = 16,
                         .seg_bytes = 1000};
    assert_true(jv_split_begin(&split, &gso, whole, 76 + payload));
    assert_int_equal(split.hdr_bytes, 76);
    assert_int_equal(jv_split_next(&split, out.slots, 9), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const uint8_t *packet = out.slots[i].buf + out.slots[i].off;
        uint32_t own = i < 2 ? 1000 : 500;
        assert_false(out.slots[i].is_csum_partial);
        assert_int_equal(out.slots[i].len, 76 + own);
        assert_memory_equal(packet + 76, whole + 76 + i * 1000, own);
        assert_int_equal((uint32_t)packet[4] << 8 | packet[5], 36 + own);
        assert_int_equal(packet_sum(packet + 56, 20 + own, sum + 20 + own), 0xffff);
    }
    /* Where the kernel does not say where the sum is, or says that it stands elsewhere, nothing is guessed. */
    gso.is_csum_partial = false;
    assert_false(jv_split_begin(&split, &gso, whole, 76 + payload));
    gso.is_csum_partial = true;
    gso.csum_start = 40;
    assert_false(jv_split_begin(&split, &gso, whole, 76 + payload));
    gso.csum_start = 56;
    whole[48] = 44; /* a fragment */
    assert_false(jv_split_begin(&split, &gso, whole, 76 + payload));
    whole[48] = 60;
    whole[57] =
        255; /* destination options that end beyond the packet, in front of another header */
    whole[56] = 60;
    packet_finish_ip(whole, 100);
    assert_false(jv_split_begin(&split, &gso, whole, 100));
}

/* 256 bytes of headers have room in a segment, one word more has none. */
static void split_takes_headers_up_to_a_limit(void **state)
{
    struct jv_split split;
    for (uint32_t is_long = 0; is_long < 2; is_long++) {
        uint32_t options = 256 - 40 - 20 - 4 + 8 * is_long; /* of the extension header: 192, 200 */
        uint32_t header = 40 + options + 24 - 4 * is_long;
        segment_slots_init(&out);
        packet_make(whole, 6, 40, header + 1000, 60, 0);
        memset(whole + 40, 0, header - 40);
        whole[40] = 6;
        whole[41] = (uint8_t)(options / 8 - 1);
        whole[40 + options + 12] = is_long != 0 ? 0x50 : 0x60;
        const struct jv_gso gso = {.kind = JV_GSO_TCP6,
                                   .is_csum_partial = true,
                                   .csum_start = (uint16_t)(40 + options),
                                   .csum_offset = 16,
                                   .seg_bytes = 500};
        assert_int_equal(header, is_long != 0 ? 260 : 256);
        assert_int_equal(jv_split_begin(&split, &gso, whole, header + 1000), is_long == 0);
    }
}

static void split_leaves_cwr_on_the_first_alone(void **state)
{
    const struct segment s = {.family = 4, .flags = 0x90};
    struct jv_split split;
    for (uint32_t is_ecn = 0; is_ecn < 2; is_ecn++) {
        segment_slots_init(&out);
        size_t len = segment_make(&s, whole, 300);
        const struct jv_gso gso = {.kind = JV_GSO_TCP4, .is_ecn = is_ecn != 0, .seg_bytes = 100};
        assert_true(jv_split_begin(&split, &gso, whole, len));
        assert_int_equal(jv_split_next(&split, out.slots, 3), 3);
        for (uint32_t i = 0; i < 3; i++) {
            uint8_t want = i > 0 && is_ecn != 0 ? 0x10 : 0x90;
            assert_int_equal(out.slots[i].buf[out.slots[i].off + 33], want);
        }
    }
}

struct wrong {
    struct jv_gso gso;
    size_t len;
    bool is_wrong;
};

/* A packet of 2000 bytes with one thing that does not hold; the first case has none. */
static struct wrong make_wrong(uint32_t k, uint32_t way)
{
    struct wrong w;
    bool is_4 = kinds[k].family == 4;
    size_t at = is_4 ? 20 : 40;
    w.len = make_whole(k, 2000, 1000, &w.gso);
    w.is_wrong = true;
    switch (way) {
    case 0:
        w.is_wrong = false;
        break;
    case 1:
        w.gso.seg_bytes = 0;
        break;
    case 2:
        w.gso.seg_bytes = JV_BUF_ROOM; /* with headers it does not fit */
        break;
    case 3:
        w.gso.csum_start++;
        break;
    case 4:
        w.gso.csum_offset = kinds[k].is_udp ? 16 : 6;
        break;
    case 5:
        w.len--;
        break;
    case 6:
        whole[0] ^= 0x20; /* 4 becomes 6, and 6 becomes 4 */
        break;
    case 7:
        whole[is_4 ? 9 : 6] = 1;
        break;
    case 8: /* TCP header too short; UDP that is said to be TCP */
        whole[at + 12] = 0x40;
        w.gso.kind = is_4 ? JV_GSO_TCP4 : JV_GSO_TCP6;
        break;
    case 9:
        packet_put16(whole + (is_4 ? 6 : 4), 0x2000); /* a fragment; another length */
        break;
    case 10:
        whole[0] = is_4 ? 0x44 : 0x50;
        break;
    case 11: /* the other family */
        w.gso.kind = gso_kinds[k ^ 1];
        break;
    case 12: /* options of TCP end beyond the packet, the length of UDP in its header */
        w.len = at + (kinds[k].is_udp ? 7 : 59);
        packet_finish_ip(whole, w.len);
        whole[at + 12] = kinds[k].is_udp ? whole[at + 12] : 0xf0;
        break;
    case 13: /* headers end beyond the packet */
        w.len = at + (kinds[k].is_udp ? 7 : 19);
        packet_finish_ip(whole, w.len);
        break;
    default:
        w.len = at - 1;
        break;
    }
    return w;
}

static void split_refuses_what_does_not_hold(void **state)
{
    struct jv_split split;
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        for (uint32_t way = 0; way <= 14; way++) {
            struct wrong w = make_wrong(k, way);
            assert_int_equal(jv_split_begin(&split, &w.gso, whole, w.len), !w.is_wrong);
        }
    }
    const struct jv_gso large = {.kind = JV_GSO_TCP6, .seg_bytes = 1000};
    assert_false(jv_split_begin(&split, &large, whole, JV_GSO_BYTES_MAX + 1));
    /* Where a checksum is said to be, outside and in the IP header. */
    struct jv_gso none = {.is_csum_partial = true, .csum_start = 19, .csum_offset = 6};
    assert_false(jv_split_begin(&split, &none, whole, 100));
    none = (struct jv_gso){.is_csum_partial = true, .csum_start = 90, .csum_offset = 9};
    assert_false(jv_split_begin(&split, &none, whole, 100));
    none.csum_offset = 8;
    assert_true(jv_split_begin(&split, &none, whole, 100));
    none = (struct jv_gso){.is_csum_partial = true, .csum_start = 65535, .csum_offset = 65535};
    assert_false(jv_split_begin(&split, &none, whole, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_makes_what_a_sender_without_offloads_sends),
        cmocka_unit_test(split_passes_a_packet_of_wire_size_on),
        cmocka_unit_test(split_leaves_a_partial_checksum_of_wire_size),
        cmocka_unit_test(split_completes_what_is_not_plain),
        cmocka_unit_test(split_completes_where_the_kernel_points),
        cmocka_unit_test(split_takes_headers_up_to_a_limit),
        cmocka_unit_test(split_goes_over_extension_headers),
        cmocka_unit_test(split_leaves_cwr_on_the_first_alone),
        cmocka_unit_test(split_refuses_what_does_not_hold),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
