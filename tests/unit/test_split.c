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
    assert_true(jv_split_begin(&split, &gso, whole, len, keep));
    for (uint32_t n; (n = jv_split_next(&split, out.slots, 7)) > 0;) {
        for (uint32_t i = 0; i < n; i++, seen++) {
            const struct jv_slot *slot = &out.slots[i];
            size_t want_len = want_segment(k, payload, seg_bytes, seen, keep, want);
            assert_int_equal(slot->off + split.hdr_bytes,
                             jv_split_place(split.hdr_bytes, split.seg_bytes));
            assert_int_equal(slot->len, want_len);
            assert_int_equal(slot->is_csum_partial, keep);
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

static void split_writes_headers_around_payload_that_stands_already(void **state)
{
    uint8_t want[JV_BUF_BYTES];
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        struct jv_gso gso;
        struct jv_split split;
        size_t header = segment_header(&kinds[k]);
        size_t payload = 5000;
        size_t len = make_whole(k, payload, 1000, &gso);
        size_t place = jv_split_place((uint32_t)header, 1000);
        segment_slots_init(&out);
        memcpy(out.bufs[0] + place - header, whole, header + 1000);
        for (size_t i = 1; i < 3; i++) {
            memcpy(out.bufs[i] + place, whole + header + i * 1000, 1000);
        }
        assert_true(jv_split_begin_scattered(&split, &gso, out.bufs[0] + place - header,
                                             header + 1000, len, true));
        assert_int_equal(split.hdr_bytes, header);
        assert_int_equal(split.segs, 5);
        jv_split_headers(&split, out.slots, 3);
        jv_split_rest(&split, whole + header + 3000);
        assert_int_equal(jv_split_next(&split, out.slots + 3, 9), 2);
        assert_true(jv_split_is_done(&split));
        for (uint32_t i = 0; i < 5; i++) {
            size_t want_len = want_segment(k, payload, 1000, i, true, want);
            assert_int_equal(out.slots[i].len, want_len);
            assert_int_equal(out.slots[i].off, place - header);
            assert_memory_equal(out.bufs[i] + out.slots[i].off, want, want_len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_makes_what_a_sender_without_offloads_sends),
        cmocka_unit_test(split_writes_headers_around_payload_that_stands_already),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
