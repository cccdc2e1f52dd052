/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codecs.h"

static void msg_header_has_its_layout(void **state)
{
    static const uint8_t want[JV_HEADER_BYTES] = {0x44, 0x03, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
                                                  0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8};
    struct jv_header header = {JV_TYPE_TRAFFIC, 3, 0x010203040506, 0xa1a2a3a4a5a6a7a8, false};
    uint8_t bytes[JV_HEADER_BYTES];
    jv_header_encode(&header, bytes);
    assert_memory_equal(bytes, want, sizeof want);
    struct jv_header got;
    assert_true(jv_header_decode(bytes, &got));
    assert_int_equal(got.type, header.type);
    assert_int_equal(got.epoch, header.epoch);
    assert_int_equal(got.counter, header.counter);
    assert_int_equal(got.locator, header.locator);
    assert_false(got.is_csum_partial);
    header.is_csum_partial = true;
    jv_header_encode(&header, bytes);
    assert_int_equal(bytes[0], want[0] | 0x20);
    assert_memory_equal(bytes + 1, want + 1, sizeof want - 1);
    assert_true(jv_header_decode(bytes, &got));
    assert_true(got.is_csum_partial);
}

static void msg_header_takes_only_known_first_bytes(void **state)
{
    uint8_t bytes[JV_HEADER_BYTES] = {0};
    for (uint32_t first = 0; first < 256; first++) {
        struct jv_header header;
        bytes[0] = (uint8_t)first;
        bool has_flag = first == (0x60 | JV_TYPE_TRAFFIC);
        bool known = first >= 0x40 + JV_TYPE_BIRTH_INIT && first <= 0x40 + JV_TYPE_HINT;
        assert_int_equal(jv_header_decode(bytes, &header), known || has_flag);
        assert_int_equal(header.is_csum_partial, (first & 0x20) != 0);
    }
}

static void msg_bodies_have_their_sizes(void **state)
{
    static const size_t bodies[] = {JV_BIRTH_PAYLOAD_BYTES,
                                    JV_BIRTH_REPLY_PAYLOAD_BYTES,
                                    JV_PROBE_BODY,
                                    JV_PROBE_BODY,
                                    JV_REQUEST_BODY,
                                    JV_CHALLENGE_BODY,
                                    JV_ACK_BODY,
                                    JV_REJECT_BODY,
                                    JV_HINT_BODY};
    for (size_t i = 0; i < JV_ARRAY_LEN(codecs); i++) {
        assert_int_equal(bodies[i], codecs[i].bytes);
        assert_true(codecs[i].bytes <= CODEC_BYTES_MAX);
    }
    assert_int_equal(JV_BIRTH_INIT_BYTES, 256);
    assert_int_equal(JV_BIRTH_REPLY_BYTES, 96);
    assert_int_equal(JV_COOKIE_MSG_BYTES, 64);
    assert_int_equal(JV_CONTROL_OVERHEAD, 48);
}

/* A gateway that answers a stranger's or a thief's address with more than it got would be an amplifier. */
static void msg_answers_are_no_longer_than_what_they_answer(void **state)
{
    assert_true(JV_BIRTH_REPLY_BYTES <= JV_BIRTH_INIT_BYTES);
    assert_true(JV_COOKIE_MSG_BYTES <= JV_BIRTH_INIT_BYTES);
    assert_true(JV_CHALLENGE_BODY <= JV_REQUEST_BODY);
    assert_true(JV_REJECT_BODY <= JV_REQUEST_BODY);
    assert_int_equal(codecs[2].bytes, codecs[3].bytes);
    /* A hint goes to an address that is not proven: no traffic datagram that could call for one is shorter. */
    assert_true(JV_HINT_BYTES <= JV_CONTROL_OVERHEAD + JV_PROBE_BODY);
}

static void msg_comes_back_as_it_was(void **state)
{
    struct jv_prng prng = {11};
    for (size_t i = 0; i < JV_ARRAY_LEN(codecs); i++) {
        for (uint32_t round = 0; round < 200; round++) {
            union codec_msg msg;
            union codec_msg got;
            uint8_t bytes[CODEC_BYTES_MAX];
            codecs[i].draw(&prng, &msg);
            codecs[i].encode(&msg, bytes);
            assert_true(codecs[i].decode(bytes, codecs[i].bytes, &got));
            assert_memory_equal(&msg, &got, sizeof msg);
        }
    }
}

static void msg_refuses_every_other_length(void **state)
{
    struct jv_prng prng = {12};
    for (size_t i = 0; i < JV_ARRAY_LEN(codecs); i++) {
        union codec_msg msg;
        uint8_t bytes[CODEC_BYTES_MAX + 1] = {0};
        codecs[i].draw(&prng, &msg);
        codecs[i].encode(&msg, bytes);
        for (size_t len = 0; len <= codecs[i].bytes + 1; len++) {
            assert_int_equal(codecs[i].decode(bytes, len, &msg), len == codecs[i].bytes);
        }
    }
}

static void msg_refuses_every_reserved_byte_that_is_not_zero(void **state)
{
    struct jv_prng prng = {13};
    for (size_t i = 0; i < JV_ARRAY_LEN(codecs); i++) {
        union codec_msg msg;
        uint8_t bytes[CODEC_BYTES_MAX];
        codecs[i].draw(&prng, &msg);
        codecs[i].encode(&msg, bytes);
        for (size_t run = 0; run < CODEC_RESERVED_MAX; run++) {
            const struct codec_run *r = &codecs[i].reserved[run];
            for (size_t at = r->at; at < r->at + r->len; at++) {
                for (uint32_t bit = 0; bit < 8; bit++) {
                    assert_int_equal(bytes[at], 0);
                    bytes[at] = (uint8_t)(1U << bit);
                    assert_false(codecs[i].decode(bytes, codecs[i].bytes, &msg));
                    bytes[at] = 0;
                }
            }
        }
        assert_true(codecs[i].decode(bytes, codecs[i].bytes, &msg));
    }
}

/* Every single changed byte is refused or read: what is accepted is written again byte for byte. */
static void msg_has_one_form_for_one_value(void **state)
{
    struct jv_prng prng = {14};
    for (size_t i = 0; i < JV_ARRAY_LEN(codecs); i++) {
        union codec_msg msg;
        uint8_t bytes[CODEC_BYTES_MAX];
        uint8_t again[CODEC_BYTES_MAX];
        codecs[i].draw(&prng, &msg);
        codecs[i].encode(&msg, bytes);
        for (size_t at = 0; at < codecs[i].bytes; at++) {
            uint8_t was = bytes[at];
            for (uint32_t value = 0; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                if (codecs[i].decode(bytes, codecs[i].bytes, &msg)) {
                    codecs[i].encode(&msg, again);
                    assert_memory_equal(bytes, again, codecs[i].bytes);
                }
            }
            bytes[at] = was;
        }
    }
}

static void msg_refuses_values_outside_their_sets(void **state)
{
    struct jv_prng prng = {15};
    union codec_msg msg;
    uint8_t bytes[CODEC_BYTES_MAX];
    codec_probe_reply_d(&prng, &msg);
    jv_probe_reply_encode(&msg.probe_reply, bytes);
    bytes[52] = JV_ST_END;
    assert_false(jv_probe_reply_decode(bytes, JV_PROBE_BODY, &msg.probe_reply));
    bytes[52] = JV_ST_TERMINATED;
    bytes[53] = 2;
    assert_false(jv_probe_reply_decode(bytes, JV_PROBE_BODY, &msg.probe_reply));
    codec_request_d(&prng, &msg);
    jv_request_encode(&msg.request, bytes);
    bytes[80] = 8;
    assert_false(jv_request_decode(bytes, JV_REQUEST_BODY, &msg.request));
    bytes[80] = JV_REQ_HINT | JV_REQ_UNLESS;
    assert_false(jv_request_decode(bytes, JV_REQUEST_BODY, &msg.request));
    codec_ack_d(&prng, &msg);
    msg.ack.spares_len = JV_SPARE_MAX;
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        msg.ack.spares[i] = i + 1;
    }
    jv_ack_encode(&msg.ack, bytes);
    assert_true(jv_ack_decode(bytes, JV_ACK_BODY, &msg.ack));
    bytes[35] = JV_SPARE_MAX + 1;
    assert_false(jv_ack_decode(bytes, JV_ACK_BODY, &msg.ack));
    bytes[35] = JV_SPARE_MAX;
    bytes[32] = JV_ST_END;
    assert_false(jv_ack_decode(bytes, JV_ACK_BODY, &msg.ack));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(msg_header_has_its_layout),
        cmocka_unit_test(msg_header_takes_only_known_first_bytes),
        cmocka_unit_test(msg_bodies_have_their_sizes),
        cmocka_unit_test(msg_answers_are_no_longer_than_what_they_answer),
        cmocka_unit_test(msg_comes_back_as_it_was),
        cmocka_unit_test(msg_refuses_every_other_length),
        cmocka_unit_test(msg_refuses_every_reserved_byte_that_is_not_zero),
        cmocka_unit_test(msg_has_one_form_for_one_value),
        cmocka_unit_test(msg_refuses_values_outside_their_sets)};
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
