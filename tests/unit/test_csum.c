/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "csum.h"
#include "segments.h"

static uint8_t packet[2048];

static void csum_is_that_of_the_definition_at_every_length(void **state)
{
    for (size_t len = 0; len < 300; len++) {
        segment_fill(packet, len, (uint32_t)len);
        uint8_t word[2];
        uint16_t sum = jv_csum_fold(jv_csum_sum(packet, len, jv_csum_word(0xfeed)));
        memcpy(word, &sum, sizeof word);
        assert_int_equal((uint32_t)word[0] << 8 | word[1], packet_sum(packet, len, 0xfeed));
    }
}

static void csum_carries_come_back_in(void **state)
{
    memset(packet, 0xff, sizeof packet);
    for (size_t len = 2; len < sizeof packet; len += 2) {
        assert_int_equal(jv_csum_fold(jv_csum_sum(packet, len, UINT64_MAX)), 0xffff);
    }
    memset(packet, 0, sizeof packet);
    assert_int_equal(jv_csum_fold(jv_csum_sum(packet, sizeof packet, 0)), 0);
}

static const struct segment kinds[] = {{.family = 4, .flags = 0x10},
                                       {.family = 6, .flags = 0x10},
                                       {.family = 4, .is_udp = true},
                                       {.family = 6, .is_udp = true}};

static void csum_completes_what_was_left_partial(void **state)
{
    uint8_t want[2048];
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        for (size_t payload = 0; payload < 200; payload++) {
            segment_fill(packet + segment_header(&kinds[k]), payload, k);
            size_t len = segment_make(&kinds[k], packet, payload);
            memcpy(want, packet, len);
            segment_put_partial(packet, len);
            assert_true(jv_csum_complete(packet, len));
            assert_memory_equal(packet, want, len);
        }
    }
}

static void csum_of_zero_is_told_from_none_in_udp_alone(void **state)
{
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        size_t header = segment_header(&kinds[k]);
        memset(packet + header, 0, 2);
        size_t len = segment_make(&kinds[k], packet, 2);
        memcpy(packet + header, segment_csum(packet), 2); /* that makes the sum all ones */
        segment_put_partial(packet, len);
        assert_true(jv_csum_complete(packet, len));
        static const uint8_t zero[2], ones[2] = {0xff, 0xff};
        assert_memory_equal(segment_csum(packet), kinds[k].is_udp ? ones : zero, 2);
        assert_int_equal(segment_sum(packet, len), 0xffff);
    }
}

static void csum_verifies_each_bit(void **state)
{
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        struct jv_l4 l4;
        size_t at = kinds[k].family == 4 ? 20 : 40;
        size_t payload = 33;
        segment_fill(packet + segment_header(&kinds[k]), payload, 9);
        size_t len = segment_make(&kinds[k], packet, payload);
        assert_true(jv_csum_l4(packet, len, &l4));
        assert_true(jv_csum_verify(packet, len, &l4));
        for (size_t bit = at * 8; bit < len * 8; bit++) {
            packet[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(jv_csum_verify(packet, len, &l4));
            packet[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void csum_that_udp_left_out_verifies_nothing(void **state)
{
    struct jv_l4 l4;
    size_t len = segment_make(&kinds[2], packet, 8);
    assert_true(jv_csum_l4(packet, len, &l4));
    assert_true(jv_csum_verify(packet, len, &l4));
    packet_put16(segment_csum(packet), 0);
    assert_false(jv_csum_verify(packet, len, &l4));
}

static void csum_knows_plain_packets_alone(void **state)
{
    struct jv_l4 l4;
    for (uint32_t k = 0; k < JV_ARRAY_LEN(kinds); k++) {
        size_t len = segment_make(&kinds[k], packet, 0);
        assert_true(jv_csum_l4(packet, len, &l4));
        assert_int_equal(l4.at, kinds[k].family == 4 ? 20 : 40);
        assert_int_equal(l4.protocol, kinds[k].is_udp ? 17 : 6);
        assert_int_equal(l4.csum_at, kinds[k].is_udp ? 6 : 16);
        for (size_t cut = 0; cut < len; cut++) {
            assert_false(jv_csum_l4(packet, cut, &l4));
        }
        packet_finish_ip(packet, len - 1); /* a header cut short in a whole packet */
        assert_false(jv_csum_l4(packet, len - 1, &l4));
        packet_finish_ip(packet, len);
        packet[kinds[k].family == 4 ? 9 : 6] = 1;
        assert_false(jv_csum_l4(packet, len, &l4));
        assert_false(jv_csum_complete(packet, len));
        packet[0] = 0x50;
        assert_false(jv_csum_l4(packet, len, &l4));
    }
    assert_false(jv_csum_l4(packet, 0, &l4));
}

static void csum_leaves_fragments_and_false_lengths_alone(void **state)
{
    struct jv_l4 l4;
    static const uint32_t fragments[] = {0x2000, 0x0001, 0x1000, 0x6001};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(fragments); i++) {
        size_t len = segment_make(&kinds[0], packet, 8);
        packet_put16(packet + 6, fragments[i]);
        assert_false(jv_csum_l4(packet, len, &l4));
    }
    size_t len = segment_make(&kinds[0], packet, 8);
    packet_put16(packet + 6, 0x4000);
    assert_true(jv_csum_l4(packet, len, &l4));
    packet[0] = 0x44;
    assert_false(jv_csum_l4(packet, len, &l4));
    packet[0] = 0x4f;
    assert_false(jv_csum_l4(packet, len, &l4));
    len = segment_make(&kinds[2], packet, 8);
    packet_put16(packet + 24, 15);
    assert_false(jv_csum_l4(packet, len, &l4));
    packet_put16(packet + 24, 17);
    assert_false(jv_csum_l4(packet, len, &l4));
}

static void csum_stands_behind_the_options_of_ipv4(void **state)
{
    struct jv_l4 l4;
    packet_make(packet, 4, 28, 60, 6, 0);
    packet[40] = 0x50;
    segment_put_csum(packet, 60);
    assert_true(jv_csum_l4(packet, 60, &l4));
    assert_int_equal(l4.at, 28);
    assert_true(jv_csum_verify(packet, 60, &l4));
    segment_put_partial(packet, 60);
    assert_false(jv_csum_verify(packet, 60, &l4));
    assert_true(jv_csum_complete(packet, 60));
    assert_true(jv_csum_verify(packet, 60, &l4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csum_is_that_of_the_definition_at_every_length),
        cmocka_unit_test(csum_carries_come_back_in),
        cmocka_unit_test(csum_completes_what_was_left_partial),
        cmocka_unit_test(csum_of_zero_is_told_from_none_in_udp_alone),
        cmocka_unit_test(csum_verifies_each_bit),
        cmocka_unit_test(csum_that_udp_left_out_verifies_nothing),
        cmocka_unit_test(csum_knows_plain_packets_alone),
        cmocka_unit_test(csum_leaves_fragments_and_false_lengths_alone),
        cmocka_unit_test(csum_stands_behind_the_options_of_ipv4),
    };
    return cmocka_run_group_tests_name("csum", tests, NULL, NULL);
}
