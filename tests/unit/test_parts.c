/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"
#include "parts.h"

#define POLICY_BYTES (1U + 4U * JV_POLICY_FIELDS)

static uint8_t buf[1024];

static void check_whole(const struct jv_wr *wr, size_t want)
{
    assert_false(wr->err);
    assert_int_equal(sizeof buf - wr->left, want);
}

static bool reads_ip(size_t len)
{
    struct jv_ip ip;
    struct jv_rd rd = jv_rd_init(buf, len);
    jv_part_get_ip(&rd, &ip);
    return !rd.err && rd.left == 0;
}

static void parts_ip_is_one_byte_of_family_and_sixteen_of_address(void **state)
{
    struct jv_ip ip;
    assert_int_equal(jv_ip_parse("192.0.2.7", &ip), JV_E_OK);
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_part_put_ip(&wr, &ip);
    check_whole(&wr, 17);
    static const uint8_t want[17] = {4, 192, 0, 2, 7};
    assert_memory_equal(buf, want, 17);
    assert_true(reads_ip(17));
    assert_false(reads_ip(16));
}

static void parts_ip_refuses_other_families_and_bytes_behind_an_address(void **state)
{
    for (uint32_t family = 0; family < 256; family++) {
        memset(buf, 0, 17);
        buf[0] = (uint8_t)family;
        assert_int_equal(reads_ip(17), family == 0 || family == 4 || family == 6);
        for (uint32_t i = 0; i < 16; i++) {
            buf[1 + i] = 1;
            assert_int_equal(reads_ip(17), family == 6 || (family == 4 && i < 4));
            buf[1 + i] = 0;
        }
    }
}

static void parts_endpoint_leaves_the_scope_out(void **state)
{
    struct jv_endpoint ep = {.ip = {{0xfe, 0x80}, JV_AF_6, {0}}, .scope = 7, .port = 0x1234};
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_part_put_endpoint(&wr, &ep);
    check_whole(&wr, 20);
    struct jv_rd rd = jv_rd_init(buf, 20);
    struct jv_endpoint got;
    jv_part_get_endpoint(&rd, &got);
    assert_false(rd.err);
    ep.scope = 0;
    assert_memory_equal(&got, &ep, sizeof ep);
}

static void parts_prefix_refuses_a_length_beyond_its_family(void **state)
{
    static const uint32_t max[7] = {[JV_AF_NONE] = 0, [JV_AF_4] = 32, [JV_AF_6] = 128};
    static const uint8_t families[] = {JV_AF_NONE, JV_AF_4, JV_AF_6};
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t bits = 0; bits < 256; bits++) {
            struct jv_prefix got;
            memset(buf, 0, 18);
            buf[0] = families[i];
            buf[17] = (uint8_t)bits;
            struct jv_rd rd = jv_rd_init(buf, 18);
            jv_part_get_prefix(&rd, &got);
            assert_int_equal(rd.err, bits > max[families[i]]);
        }
    }
}

static bool reads_report(struct jv_report *report)
{
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_part_put_report(&wr, report);
    check_whole(&wr, JV_REPORT_BYTES);
    struct jv_rd rd = jv_rd_init(buf, JV_REPORT_BYTES);
    jv_part_get_report(&rd, report);
    return !rd.err;
}

static void parts_report_refuses_gaps_that_cannot_be(void **state)
{
    struct jv_report good = {.epoch = 1, .highest = 9, .received = 4, .gaps_len = 1};
    good.gaps[0] = (struct jv_gap){3, 8};
    struct jv_report report = good;
    assert_true(reads_report(&report));
    report = good;
    report.gaps[0] = (struct jv_gap){4, 3};
    assert_false(reads_report(&report));
    report = good;
    report.gaps[0] = (struct jv_gap){3, 9};
    assert_false(reads_report(&report));
    report = good;
    assert_true(reads_report(&report));
    buf[20] = 0; /* the gap stands there, uncounted */
    struct jv_rd rd = jv_rd_init(buf, JV_REPORT_BYTES);
    jv_part_get_report(&rd, &report);
    assert_true(rd.err);
    memset(buf, 0, JV_REPORT_BYTES);
    buf[13] = 1;
    buf[20] = JV_GAP_MAX + 1;
    rd = jv_rd_init(buf, JV_REPORT_BYTES);
    jv_part_get_report(&rd, &report);
    assert_true(rd.err);
}

static void parts_policy_carries_every_field_and_its_count(void **state)
{
    struct jv_policy policy;
    struct jv_policy got;
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        jv_policy_set(&policy, (enum jv_policy_field)i, 0x01000000U + i);
    }
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_part_put_policy(&wr, &policy);
    check_whole(&wr, POLICY_BYTES);
    struct jv_rd rd = jv_rd_init(buf, POLICY_BYTES);
    jv_part_get_policy(&rd, &got);
    assert_false(rd.err);
    assert_memory_equal(&policy, &got, sizeof policy);
    buf[0]++;
    rd = jv_rd_init(buf, POLICY_BYTES);
    jv_part_get_policy(&rd, &got);
    assert_true(rd.err);
}

static void parts_spares_are_zero_exactly_where_unused(void **state)
{
    uint64_t spares[JV_SPARE_MAX];
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        spares[i] = 100 + i;
    }
    for (uint32_t put = 0; put <= JV_SPARE_MAX; put++) {
        for (uint32_t get = 0; get <= JV_SPARE_MAX + 1; get++) {
            uint64_t got[JV_SPARE_MAX];
            struct jv_wr wr = jv_wr_init(buf, sizeof buf);
            jv_part_put_spares(&wr, put, spares);
            check_whole(&wr, 8 * JV_SPARE_MAX);
            struct jv_rd rd = jv_rd_init(buf, 8 * JV_SPARE_MAX);
            jv_part_get_spares(&rd, get, got);
            assert_int_equal(rd.err, put != get);
        }
    }
}

static void parts_errors_stay_once_they_are_there(void **state)
{
    struct jv_prng prng = {3};
    struct jv_report report;
    draw_report(&prng, &report);
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_part_put_report(&wr, &report);
    struct jv_rd rd = jv_rd_init(buf, JV_REPORT_BYTES);
    rd.err = true;
    jv_part_get_report(&rd, &report);
    assert_true(rd.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_ip_is_one_byte_of_family_and_sixteen_of_address),
        cmocka_unit_test(parts_ip_refuses_other_families_and_bytes_behind_an_address),
        cmocka_unit_test(parts_endpoint_leaves_the_scope_out),
        cmocka_unit_test(parts_prefix_refuses_a_length_beyond_its_family),
        cmocka_unit_test(parts_report_refuses_gaps_that_cannot_be),
        cmocka_unit_test(parts_policy_carries_every_field_and_its_count),
        cmocka_unit_test(parts_spares_are_zero_exactly_where_unused),
        cmocka_unit_test(parts_errors_stay_once_they_are_there)};
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
