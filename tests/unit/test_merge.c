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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_joins_segments_of_a_flow),
        cmocka_unit_test(merge_keeps_interleaved_flows_apart),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
