/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "inner.h"
#include "packets.h"

static uint8_t packet[2048];

static void inner_reads_addresses_and_ecn(void **state)
{
    struct jv_inner inner;
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        packet_make(packet, 4, 24, 60, 17, ecn);
        assert_true(jv_inner_parse(packet, 60, &inner));
        assert_int_equal(inner.ecn, ecn);
        struct jv_ip want;
        assert_int_equal(jv_ip_parse("10.1.2.3", &want), JV_E_OK);
        assert_memory_equal(&inner.source, &want, sizeof want);
        assert_int_equal(jv_ip_parse("192.0.2.9", &want), JV_E_OK);
        assert_memory_equal(&inner.destination, &want, sizeof want);
        packet_make(packet, 6, 40, 60, 17, ecn);
        assert_true(jv_inner_parse(packet, 60, &inner));
        assert_int_equal(inner.ecn, ecn);
        assert_int_equal(jv_ip_parse("fd00::7", &want), JV_E_OK);
        assert_memory_equal(&inner.source, &want, sizeof want);
        assert_int_equal(jv_ip_parse("2001:db8::9", &want), JV_E_OK);
        assert_memory_equal(&inner.destination, &want, sizeof want);
    }
}

static void inner_reads_the_ds_field_of_both_families(void **state)
{
    struct jv_inner inner;
    for (uint32_t dscp = 0; dscp < 64; dscp++) {
        packet_make(packet, 4, 20, 60, 17, 2);
        packet[1] = (uint8_t)(dscp << 2 | 2U);
        assert_true(jv_inner_parse(packet, 60, &inner));
        assert_int_equal(inner.dscp, dscp);
        assert_int_equal(inner.ecn, 2);
        packet_make(packet, 6, 40, 60, 17, 1);
        packet[0] = (uint8_t)(0x60U | dscp >> 2);
        packet[1] = (uint8_t)((dscp & 3U) << 6 | 0x10U);
        assert_true(jv_inner_parse(packet, 60, &inner));
        assert_int_equal(inner.dscp, dscp);
        assert_int_equal(inner.ecn, 1);
    }
}

static void inner_takes_exactly_the_length_of_the_header(void **state)
{
    struct jv_inner inner;
    for (uint32_t family = 4; family <= 6; family += 2) {
        size_t header = family == 4 ? 20 : 40;
        for (size_t len = header; len < header + 4; len++) {
            packet_make(packet, family, header, len, 17, 0);
            for (size_t given = 0; given < len + 8; given++) {
                assert_int_equal(jv_inner_parse(packet, given, &inner), given == len);
            }
        }
    }
}

static void inner_refuses_headers_that_do_not_fit(void **state)
{
    struct jv_inner inner;
    for (uint8_t words = 0; words < 16; words++) {
        packet_make(packet, 4, 20, 40, 17, 0);
        packet[0] = (uint8_t)(0x40 | words);
        assert_int_equal(jv_inner_parse(packet, 40, &inner), words >= 5 && words <= 10);
    }
}

static void inner_refuses_other_versions(void **state)
{
    struct jv_inner inner;
    for (uint8_t version = 0; version < 16; version++) {
        packet_make(packet, 4, 20, 64, 17, 0);
        packet[4] = 0; /* as IPv6 it has 24 bytes of payload */
        packet[5] = 24;
        packet[0] = (uint8_t)(version << 4 | 5);
        assert_int_equal(jv_inner_parse(packet, 64, &inner), version == 4 || version == 6);
    }
}

/* RFC 2675: a payload length of zero with a hop-by-hop option. */
static void inner_refuses_a_jumbogram(void **state)
{
    struct jv_inner inner;
    packet_make(packet, 6, 40, 1400, 0, 0);
    packet_put16(packet + 4, 0);
    assert_false(jv_inner_parse(packet, 1400, &inner));
    packet_make(packet, 4, 20, 1400, 17, 0);
    packet_put16(packet + 2, 0);
    assert_false(jv_inner_parse(packet, 1400, &inner));
}

#define DROP 255U
/* RFC 6040, figure 4, with inner and outer in the order of the codepoints: Not-ECT 00, ECT(1) 01, ECT(0) 10, CE 11. */
static const uint8_t figure4[4][4] = {{0, 0, 0, DROP}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

static void inner_combines_ecn_as_rfc6040_figure_4(void **state)
{
    for (uint32_t n = 0; n < 2 * 4 * 4; n++) {
        uint32_t family = n % 2 == 0 ? 4 : 6;
        uint8_t in = (uint8_t)(n / 2 % 4);
        uint8_t outer = (uint8_t)(n / 8);
        uint8_t before[64];
        struct jv_inner inner;
        packet_make(packet, family, family == 4 ? 28 : 40, 64, 17, in);
        memcpy(before, packet, 64);
        assert_true(jv_inner_parse(packet, 64, &inner));
        uint8_t want = figure4[in][outer];
        assert_int_equal(jv_inner_set_ecn(packet, &inner, outer), want != DROP);
        if (want == DROP) {
            continue;
        }
        assert_true(jv_inner_parse(packet, 64, &inner));
        assert_int_equal(inner.ecn, want);
        assert_true(packet_ip_sum_is_valid(packet));
        packet_make(before, family, family == 4 ? 28 : 40, 64, 17, want);
        assert_memory_equal(packet, before, 64);
    }
}

static void inner_ecn_checksum_holds_for_every_identification(void **state)
{
    for (uint32_t id = 0; id < 65536; id++) {
        struct jv_inner inner;
        packet_make(packet, 4, 20, 20, 17, 2);
        packet_put16(packet + 4, id);
        packet_finish_ip(packet, 20);
        assert_true(jv_inner_parse(packet, 20, &inner));
        assert_true(jv_inner_set_ecn(packet, &inner, 3));
        assert_true(packet_ip_sum_is_valid(packet));
    }
}

/* A SYN whose MSS option stands behind `lead` NOPs. */
static size_t make_syn(uint32_t family, size_t lead, uint32_t mss, size_t payload)
{
    uint8_t options[40];
    memset(options, 1, sizeof options);
    options[lead] = 2;
    options[lead + 1] = 4;
    packet_put16(options + lead + 2, mss);
    size_t options_len = (lead + 4 + 3) / 4 * 4;
    size_t header = family == 4 ? 20 : 40;
    size_t len = header + 20 + options_len + payload;
    packet_make(packet, family, header, len, 6, 0);
    for (size_t i = 0; i < payload; i++) {
        packet[len - payload + i] = (uint8_t)(i * 37);
    }
    packet_put_tcp(packet, len, 2, options, options_len);
    return len;
}

static void inner_clamps_the_mss_at_even_and_odd_places(void **state)
{
    for (uint32_t n = 0; n < 2 * 32; n++) {
        uint32_t family = n % 2 == 0 ? 4 : 6;
        size_t lead = n / 2;
        uint32_t limit = family == 4 ? 1380 : 1360;
        size_t len = make_syn(family, lead, 1460, n % 5);
        uint8_t before[256];
        memcpy(before, packet, len);
        assert_int_equal(packet_tcp_sum(packet, len), 0xffff);
        assert_true(jv_inner_clamp_mss(packet, len, 1420, false));
        uint8_t *option = packet + packet_header_len(packet) + 20 + lead;
        assert_int_equal((uint32_t)option[2] << 8 | option[3], limit);
        assert_int_equal(packet_tcp_sum(packet, len), 0xffff);
        packet_put16(before + (option + 2 - packet), limit);
        memcpy(before + packet_header_len(packet) + 16, packet + packet_header_len(packet) + 16, 2);
        assert_memory_equal(packet, before, len);
        assert_false(jv_inner_clamp_mss(packet, len, 1420, false));
    }
}

static void inner_clamp_keeps_the_checksum_for_every_mss(void **state)
{
    for (uint32_t mss = 0; mss < 65536; mss += 7) {
        for (size_t lead = 0; lead < 2; lead++) {
            size_t len = make_syn(4, lead, mss, 0);
            assert_int_equal(jv_inner_clamp_mss(packet, len, 1280, false), mss > 1240);
            assert_int_equal(packet_tcp_sum(packet, len), 0xffff);
        }
    }
}

static void check_untouched(size_t len)
{
    uint8_t before[256];
    memcpy(before, packet, len);
    assert_false(jv_inner_clamp_mss(packet, len, 1280, false));
    assert_memory_equal(packet, before, len);
}

static void inner_clamp_leaves_what_is_no_syn_alone(void **state)
{
    size_t len = make_syn(4, 0, 1460, 0);
    packet[20 + 13] = 0x10;
    check_untouched(len);
    len = make_syn(4, 0, 1460, 0);
    packet[9] = 17;
    check_untouched(len);
    len = make_syn(6, 0, 1460, 0);
    packet[6] = 17;
    check_untouched(len);
    len = make_syn(4, 0, 1460, 0);
    packet[7] = 1; /* a later fragment: its bytes are no TCP header */
    check_untouched(len);
    len = make_syn(4, 0, 1240, 0);
    check_untouched(len);
}

static void inner_finds_no_syn_behind_the_end_of_a_packet(void **state)
{
    for (uint32_t family = 4; family <= 6; family += 2) {
        size_t len = make_syn(family, 0, 1460, 0);
        size_t at = family == 4 ? 20 : 40;
        assert_true(jv_inner_is_syn(packet, len));
        assert_true(jv_inner_is_syn(packet, at + 20));
        assert_false(jv_inner_is_syn(packet, at + 19));
        assert_false(jv_inner_is_syn(packet, at));
    }
}

static void inner_clamp_takes_a_first_fragment(void **state)
{
    size_t len = make_syn(4, 0, 1460, 0);
    packet[6] = 0x20;
    assert_true(jv_inner_clamp_mss(packet, len, 1280, false));
}

static void inner_clamp_leaves_malformed_options_alone(void **state)
{
    static const struct {
        uint8_t options[12], len;
    } cases[] = {
        {{0, 2, 4, 0xff, 0xff}, 8},                  /* behind the end of the list */
        {{3, 0, 2, 4, 0xff, 0xff}, 8},               /* an option of no length */
        {{3, 1, 2, 4, 0xff, 0xff}, 8},               /* shorter than its own head */
        {{3, 9, 2, 4, 0xff, 0xff}, 8},               /* longer than the list */
        {{2, 3, 0xff, 0xff}, 4},                     /* an MSS of another length */
        {{2, 5, 0xff, 0xff, 0}, 8},                  /* and a longer one */
        {{1, 1, 1, 2}, 4},                           /* cut off behind its kind */
        {{1, 1, 2, 4}, 4},                           /* cut off behind its length */
        {{1, 2, 4, 0xff}, 4},                        /* cut off in its value */
        {{8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4}, 12}, /* cut off behind another option */
    };
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        size_t len = 40 + (size_t)cases[i].len;
        packet_make(packet, 4, 20, len, 6, 0);
        packet_put_tcp(packet, len, 2, cases[i].options, cases[i].len);
        check_untouched(len);
    }
}

static void inner_clamp_reads_nothing_behind_the_packet(void **state)
{
    for (size_t len = 20; len < 60; len++) {
        packet_make(packet, 4, 20, len, 6, 0);
        memset(packet + 20, 0xff, len - 20);
        memset(packet + len, 2, 64);
        check_untouched(len);
    }
    size_t len = make_syn(4, 0, 1460, 0);
    for (uint8_t words = 0; words < 6; words++) {
        packet[20 + 12] = (uint8_t)(words << 4);
        check_untouched(len);
    }
    packet[20 + 12] = 0xf0; /* a header longer than the packet is read as far as there are bytes */
    assert_true(jv_inner_clamp_mss(packet, len, 1280, false));
}

static enum jv_inner_excess excess4(uint8_t proto, uint32_t fragment, uint8_t icmp_type)
{
    packet_make(packet, 4, 20, 100, proto, 0);
    packet_put16(packet + 6, fragment);
    packet[20] = icmp_type;
    return jv_inner_excess(packet, 100);
}

static void inner_excess_is_cut_told_or_neither(void **state)
{
    assert_int_equal(excess4(17, 0, 0), JV_EXCESS_SPLIT);
    assert_int_equal(excess4(17, 0x2000, 0), JV_EXCESS_SPLIT);
    /* A fragment whose bytes go up to the 65535th may be cut again; beyond, they have no offset. */
    assert_int_equal(excess4(17, 0x1ff5, 0), JV_EXCESS_SPLIT);
    assert_int_equal(excess4(17, 0x1ff6, 0), JV_EXCESS_SILENT);
    assert_int_equal(excess4(17, 0x4000, 0), JV_EXCESS_TELL);
    assert_int_equal(excess4(17, 0x4001, 0), JV_EXCESS_SILENT); /* a later fragment */
    assert_int_equal(excess4(1, 0x4000, 8), JV_EXCESS_TELL);    /* an echo request */
    static const uint8_t errors[] = {3, 4, 5, 11, 12};
    for (size_t i = 0; i < sizeof errors; i++) {
        assert_int_equal(excess4(1, 0x4000, errors[i]), JV_EXCESS_SILENT);
    }
    static const uint8_t nobody[] = {0, 127, 224, 239, 255};
    for (size_t i = 0; i < sizeof nobody; i++) {
        (void)excess4(17, 0x4000, 0);
        packet[12] = nobody[i];
        assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_SILENT);
    }
    (void)excess4(17, 0x4000, 0);
    packet[16] = 224;
    assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_SILENT);
    packet_make(packet, 6, 40, 100, 17, 0);
    assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_TELL);
    packet_make(packet, 6, 40, 100, 58, 0);
    packet[40] = 128;
    assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_TELL);
    packet[40] = 1;
    assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_SILENT);
    packet_make(packet, 6, 40, 40, 58, 0); /* nothing behind the header */
    assert_int_equal(jv_inner_excess(packet, 40), JV_EXCESS_SILENT);
    packet_make(packet, 6, 40, 100, 17, 0);
    packet[8] = 0xff;
    assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_SILENT);
    memset(packet + 8, 0, 16);
    assert_int_equal(jv_inner_excess(packet, 100), JV_EXCESS_SILENT);
}

static void inner_too_big_is_a_whole_answer(void **state)
{
    static const size_t lens[] = {41, 100, 547, 548, 549, 1500, 1800};
    for (size_t i = 0; i < JV_ARRAY_LEN(lens); i++) {
        for (uint32_t family = 4; family <= 6; family += 2) {
            uint8_t answer[JV_INNER_TOO_BIG_MAX];
            struct jv_inner inner;
            struct jv_ip from;
            const char *text = family == 4 ? "10.80.0.1" : "fd80::1";
            size_t header = family == 4 ? 20 : 40;
            assert_int_equal(jv_ip_parse(text, &from), JV_E_OK);
            packet_make(packet, family, header, lens[i], 17, 0);
            size_t len = jv_inner_too_big(packet, lens[i], &from, 1340, answer);
            assert_true(jv_inner_parse(answer, len, &inner));
            assert_memory_equal(&inner.source, &from, sizeof from);
            assert_memory_equal(inner.destination.b, packet + (family == 4 ? 12 : 8),
                                family == 4 ? 4 : 16);
            size_t quoted = JV_MIN(lens[i], JV_INNER_TOO_BIG_MAX - header - 8);
            assert_int_equal(len, header + 8 + quoted);
            assert_memory_equal(answer + header + 8, packet, quoted);
            assert_true(packet_ip_sum_is_valid(answer));
            uint32_t pseudo =
                family == 4 ? 0 : packet_sum(answer + 8, 32, (uint32_t)(len - header) + 58);
            assert_int_equal(packet_sum(answer + header, len - header, pseudo), 0xffff);
            assert_int_equal(answer[header], family == 4 ? 3 : 2);
            assert_int_equal(answer[header + 6] << 8 | answer[header + 7], 1340);
        }
    }
}

static void inner_fragments_carry_the_options_that_must_be_copied(void **state)
{
    /* No-op, record route (first fragment only), router alert. */
    static const uint8_t options[] = {1, 7, 3, 4, 0x94, 4, 0, 0};
    uint8_t part[2048];
    packet_make(packet, 4, 28, 1428, 17, 0);
    memcpy(packet + 20, options, sizeof options);
    packet_finish_ip(packet, 1428);
    size_t at = 0;
    size_t len = jv_inner_fragment(packet, 1428, 1000, &at, part);
    assert_int_equal(len, 28 + 968);
    assert_memory_equal(part + 20, options, sizeof options);
    assert_true(packet_ip_sum_is_valid(part));
    len = jv_inner_fragment(packet, 1428, 1000, &at, part);
    assert_int_equal(len, 20 + 4 + 432);
    static const uint8_t copied[] = {0x94, 4, 0, 0};
    assert_memory_equal(part + 20, copied, sizeof copied);
    assert_true(packet_ip_sum_is_valid(part));
    assert_int_equal(jv_inner_fragment(packet, 1428, 1000, &at, part), 0);
    at = 968;
    packet[21] = 0x94; /* an option without a length ends the list */
    packet[22] = 0;
    assert_int_equal(jv_inner_fragment(packet, 1428, 1000, &at, part), 20 + 432);
    at = 0;
    assert_int_equal(jv_inner_fragment(packet, 1428, 30, &at, part), 0); /* no room for eight */
}

static void inner_error_without_a_body_is_answered_like_an_error(void **state)
{
    /* ICMP of which nothing is left but the header of IP: to be on the safe side, no answer. */
    packet_make(packet, 4, 20, 20, 1, 0);
    packet_put16(packet + 6, 0x4000);
    assert_int_equal(jv_inner_excess(packet, 20), JV_EXCESS_SILENT);
    packet_make(packet, 6, 40, 40, 58, 0);
    assert_int_equal(jv_inner_excess(packet, 40), JV_EXCESS_SILENT);
}

static void inner_fragment_of_no_room_is_none(void **state)
{
    static uint8_t out[2048];
    size_t at = 0;
    packet_make(packet, 4, 20, 200, 17, 0);
    assert_int_equal(jv_inner_fragment(packet, 200, 20, &at, out), 0);
    assert_int_equal(jv_inner_fragment(packet, 200, 27, &at, out), 0);
    assert_int_equal(at, 0);
    assert_int_equal(jv_inner_fragment(packet, 200, 28, &at, out), 28);
    assert_int_equal(at, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inner_error_without_a_body_is_answered_like_an_error),
        cmocka_unit_test(inner_fragment_of_no_room_is_none),
        cmocka_unit_test(inner_excess_is_cut_told_or_neither),
        cmocka_unit_test(inner_too_big_is_a_whole_answer),
        cmocka_unit_test(inner_fragments_carry_the_options_that_must_be_copied),
        cmocka_unit_test(inner_reads_addresses_and_ecn),
        cmocka_unit_test(inner_reads_the_ds_field_of_both_families),
        cmocka_unit_test(inner_takes_exactly_the_length_of_the_header),
        cmocka_unit_test(inner_refuses_headers_that_do_not_fit),
        cmocka_unit_test(inner_refuses_other_versions),
        cmocka_unit_test(inner_refuses_a_jumbogram),
        cmocka_unit_test(inner_combines_ecn_as_rfc6040_figure_4),
        cmocka_unit_test(inner_ecn_checksum_holds_for_every_identification),
        cmocka_unit_test(inner_clamps_the_mss_at_even_and_odd_places),
        cmocka_unit_test(inner_clamp_keeps_the_checksum_for_every_mss),
        cmocka_unit_test(inner_clamp_leaves_what_is_no_syn_alone),
        cmocka_unit_test(inner_finds_no_syn_behind_the_end_of_a_packet),
        cmocka_unit_test(inner_clamp_takes_a_first_fragment),
        cmocka_unit_test(inner_clamp_leaves_malformed_options_alone),
        cmocka_unit_test(inner_clamp_reads_nothing_behind_the_packet)};
    return cmocka_run_group_tests_name("inner", tests, NULL, NULL);
}
