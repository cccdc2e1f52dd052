/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

static void wire_writes_big_endian(void **state)
{
    static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 0,  0,    0,    0, 8, 9,
                                       0, 0, 0, 0, 0, 0, 0, 10, 0xaa, 0xbb, 0, 0};
    uint8_t buf[sizeof expected];
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_wr_u8(&wr, 1);
    jv_wr_u16(&wr, 0x0203);
    jv_wr_u32(&wr, 0x04050607);
    jv_wr_u48(&wr, 0x0809);
    jv_wr_u64(&wr, 10);
    jv_wr_bytes(&wr, (const uint8_t *)"\xaa\xbb", 2);
    jv_wr_zero(&wr, 2);
    assert_false(wr.err);
    assert_int_equal(wr.left, 0);
    assert_memory_equal(buf, expected, sizeof expected);
}

static void wire_reads_what_was_written(void **state)
{
    static const uint8_t bytes[] = {0xff, 1,    2, 0, 0, 0, 1, 0x80, 0, 0,   0, 0,
                                    1,    0x80, 0, 0, 0, 0, 0, 0,    2, 'x', 0};
    struct jv_rd rd = jv_rd_init(bytes, sizeof bytes);
    uint8_t x = 0;
    assert_int_equal(jv_rd_u8(&rd), 0xff);
    assert_int_equal(jv_rd_u16(&rd), 0x0102);
    assert_int_equal(jv_rd_u32(&rd), 1);
    assert_true(jv_rd_u48(&rd) == 0x800000000001ULL);
    assert_true(jv_rd_u64(&rd) == 0x8000000000000002ULL);
    jv_rd_bytes(&rd, &x, 1);
    jv_rd_zero(&rd, 1);
    assert_int_equal(x, 'x');
    assert_false(rd.err);
    assert_int_equal(rd.left, 0);
}

static void wire_read_past_the_end_gives_zeroes_for_good(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct jv_rd rd = jv_rd_init(bytes, sizeof bytes);
    uint8_t out[2] = {9, 9};
    assert_int_equal(jv_rd_u32(&rd), 0);
    assert_true(rd.err);
    assert_int_equal(jv_rd_u8(&rd), 0); /* three bytes are left, but the first error stands */
    jv_rd_bytes(&rd, out, sizeof out);
    assert_int_equal(out[0] | out[1], 0);
    assert_null(jv_rd_take(&rd, 1));
}

static void wire_write_past_the_end_writes_nothing(void **state)
{
    uint8_t buf[4] = {7, 7, 7, 7};
    struct jv_wr wr = jv_wr_init(buf, 3);
    jv_wr_u32(&wr, 0x01020304);
    assert_true(wr.err);
    jv_wr_u8(&wr, 1);
    jv_wr_zero(&wr, 1);
    jv_wr_bytes(&wr, (const uint8_t *)"a", 1);
    assert_memory_equal(buf, "\7\7\7\7", 4);
    assert_int_equal(wr.left, 3);
}

static void wire_reserved_bytes_must_be_zero(void **state)
{
    static const uint8_t bytes[] = {0, 1, 0};
    struct jv_rd rd = jv_rd_init(bytes, sizeof bytes);
    jv_rd_zero(&rd, 1);
    assert_false(rd.err);
    jv_rd_zero(&rd, 2);
    assert_true(rd.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_writes_big_endian),
        cmocka_unit_test(wire_reads_what_was_written),
        cmocka_unit_test(wire_read_past_the_end_gives_zeroes_for_good),
        cmocka_unit_test(wire_write_past_the_end_writes_nothing),
        cmocka_unit_test(wire_reserved_bytes_must_be_zero),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
