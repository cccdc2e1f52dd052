/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "batch.h"
#include "draw.h"

static uint8_t buf[JV_BUF_BYTES];

static size_t encode(const struct jv_frame *frame)
{
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    jv_frame_encode(&wr, frame);
    assert_false(wr.err);
    return sizeof buf - wr.left;
}

static void frame_comes_back_as_it_was(void **state)
{
    struct jv_prng prng = {21};
    for (uint32_t round = 0; round < 2000; round++) {
        struct jv_frame frame;
        struct jv_frame got;
        enum jv_frame_type type = (enum jv_frame_type)(1 + round % JV_FRAME_LAST);
        draw_frame(&prng, type, &frame);
        size_t len = encode(&frame);
        struct jv_rd rd = jv_rd_init(buf, len);
        assert_true(jv_frame_decode(&rd, &got));
        assert_int_equal(rd.left, 0);
        assert_memory_equal(&frame, &got, sizeof frame);
        assert_false(jv_frame_decode(&rd, &got));
        assert_false(rd.err);
    }
}

static void frame_bodies_have_their_sizes(void **state)
{
    static const struct {
        enum jv_frame_type type;
        size_t body;
    } sizes[] = {{JV_FRAME_HEARTBEAT, 8},
                 {JV_FRAME_REPORT, JV_REPORT_BYTES + 37},
                 {JV_FRAME_CONFIRM, 2 + 4 * JV_POLICY_FIELDS},
                 {JV_FRAME_REKEY_INIT, 64},
                 {JV_FRAME_REKEY_REPLY, 64},
                 {JV_FRAME_REKEY_ASK, 0},
                 {JV_FRAME_TERMINATE, 1},
                 {JV_FRAME_BOUND, 22},
                 {JV_FRAME_POLICY_WANTED, 5 + 4 * JV_POLICY_FIELDS},
                 {JV_FRAME_POLICY_GRANTED, 5 + 4 * JV_POLICY_FIELDS},
                 {JV_FRAME_POLICY_ASK, 0},
                 {JV_FRAME_QUIET, 8},
                 {JV_FRAME_SIZE, 10}};
    struct jv_prng prng = {22};
    for (size_t i = 0; i < JV_ARRAY_LEN(sizes); i++) {
        struct jv_frame frame;
        draw_frame(&prng, sizes[i].type, &frame);
        assert_int_equal(encode(&frame), JV_FRAME_HEAD + sizes[i].body);
    }
}

static void fill_birth_ack(struct jv_frame_birth_ack *ack)
{
    ack->nets_len = JV_USER_NETS_MAX;
    ack->dns_len = JV_DNS_MAX;
    ack->endpoints_len = JV_ENDPOINT_MAX;
    ack->spares_len = JV_SPARE_MAX;
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        ack->spares[i] = i + 1;
    }
}

static void frame_largest_fits_one_datagram(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_BIRTH_ACK};
    fill_birth_ack(&frame.u.birth_ack);
    assert_true(encode(&frame) + JV_TRAFFIC_OVERHEAD + 48 <= 1500);
}

static void frame_refuses_every_length_but_its_own(void **state)
{
    struct jv_prng prng = {23};
    for (uint32_t type = 1; type <= JV_FRAME_LAST; type++) {
        struct jv_frame frame;
        struct jv_frame got;
        draw_frame(&prng, (enum jv_frame_type)type, &frame);
        size_t len = encode(&frame);
        buf[len] = 0;
        for (size_t cut = 1; cut < len; cut++) {
            struct jv_rd rd = jv_rd_init(buf, cut);
            assert_false(jv_frame_decode(&rd, &got));
            assert_true(rd.err);
        }
        for (int by = -1; by <= 1; by++) {
            int body = (int)(len - JV_FRAME_HEAD) + by;
            if (body < 0) {
                continue;
            }
            buf[1] = (uint8_t)(body >> 8);
            buf[2] = (uint8_t)body;
            struct jv_rd rd = jv_rd_init(buf, JV_FRAME_HEAD + (size_t)body);
            assert_int_equal(jv_frame_decode(&rd, &got), by == 0);
            assert_int_equal(rd.err, by != 0);
        }
    }
}

static void frame_refuses_unknown_types(void **state)
{
    for (uint32_t type = JV_FRAME_LAST + 1; type < 256; type++) {
        const uint8_t bytes[] = {(uint8_t)type, 0, 0};
        struct jv_frame got;
        struct jv_rd rd = jv_rd_init(bytes, sizeof bytes);
        assert_false(jv_frame_decode(&rd, &got));
        assert_true(rd.err);
    }
}

static void frame_padding_is_zero_to_the_end(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_HEARTBEAT};
    size_t len = encode(&frame);
    memset(buf + len, 0, 64);
    struct jv_frame got;
    struct jv_rd rd = jv_rd_init(buf, len + 64);
    assert_true(jv_frame_decode(&rd, &got));
    assert_false(jv_frame_decode(&rd, &got));
    assert_false(rd.err);
    assert_int_equal(rd.left, 0);
    for (size_t at = len + 1; at < len + 64; at++) {
        buf[at] = 1;
        rd = jv_rd_init(buf, len + 64);
        assert_true(jv_frame_decode(&rd, &got));
        assert_false(jv_frame_decode(&rd, &got));
        assert_true(rd.err);
        buf[at] = 0;
    }
}

static void frame_several_stand_in_one_packet(void **state)
{
    struct jv_prng prng = {24};
    struct jv_frame frames[4];
    struct jv_frame got;
    struct jv_wr wr = jv_wr_init(buf, sizeof buf);
    for (uint32_t i = 0; i < 4; i++) {
        draw_frame(&prng, (enum jv_frame_type)(i + 1), &frames[i]);
        jv_frame_encode(&wr, &frames[i]);
    }
    assert_false(wr.err);
    struct jv_rd rd = jv_rd_init(buf, sizeof buf - wr.left);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(jv_frame_decode(&rd, &got));
        assert_memory_equal(&got, &frames[i], sizeof got);
    }
    assert_false(jv_frame_decode(&rd, &got));
    assert_false(rd.err);
}

static void frame_that_does_not_fit_is_an_error(void **state)
{
    struct jv_prng prng = {25};
    for (uint32_t type = 1; type <= JV_FRAME_LAST; type++) {
        struct jv_frame frame;
        draw_frame(&prng, (enum jv_frame_type)type, &frame);
        size_t len = encode(&frame);
        for (size_t room = 0; room < len; room++) {
            struct jv_wr wr = jv_wr_init(buf, room);
            jv_frame_encode(&wr, &frame);
            assert_true(wr.err);
        }
    }
}

static void frame_birth_ack_refuses_lists_beyond_their_maximum(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_BIRTH_ACK};
    struct jv_frame got;
    size_t empty = encode(&frame);
    /* With all lists empty the four counts stand at fixed places from the end. */
    const size_t tail = 8 * JV_SPARE_MAX;
    const size_t counts[] = {empty - tail - 4, empty - tail - 3, empty - tail - 2,
                             empty - tail - 1};
    const uint8_t max[] = {JV_USER_NETS_MAX, JV_DNS_MAX, JV_ENDPOINT_MAX, JV_SPARE_MAX};
    for (size_t i = 0; i < 4; i++) {
        buf[counts[i]] = (uint8_t)(max[i] + 1);
        struct jv_rd rd = jv_rd_init(buf, empty);
        assert_false(jv_frame_decode(&rd, &got));
        assert_true(rd.err);
        buf[counts[i]] = 0;
    }
}

static void frame_types_never_look_like_an_inner_packet(void **state)
{
    assert_true(JV_FRAME_LAST < 16);
}

static void frame_behind_an_error_is_none(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_LAST + 1};
    size_t len = encode(&frame);
    frame.type = JV_FRAME_REKEY_ASK;
    struct jv_wr wr = jv_wr_init(buf + len, sizeof buf - len);
    jv_frame_encode(&wr, &frame);
    struct jv_rd rd = jv_rd_init(buf, len + JV_FRAME_HEAD);
    assert_false(jv_frame_decode(&rd, &frame));
    assert_true(rd.err);
    assert_false(jv_frame_decode(&rd, &frame));
    assert_true(rd.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_behind_an_error_is_none),
        cmocka_unit_test(frame_comes_back_as_it_was),
        cmocka_unit_test(frame_bodies_have_their_sizes),
        cmocka_unit_test(frame_largest_fits_one_datagram),
        cmocka_unit_test(frame_refuses_every_length_but_its_own),
        cmocka_unit_test(frame_refuses_unknown_types),
        cmocka_unit_test(frame_padding_is_zero_to_the_end),
        cmocka_unit_test(frame_several_stand_in_one_packet),
        cmocka_unit_test(frame_that_does_not_fit_is_an_error),
        cmocka_unit_test(frame_birth_ack_refuses_lists_beyond_their_maximum),
        cmocka_unit_test(frame_types_never_look_like_an_inner_packet)};
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
