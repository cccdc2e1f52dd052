/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "emuicmp.h"

static uint8_t packet[1500];
static uint8_t out[EMU_ICMP_BYTES];

static void udp4(void)
{
    memset(packet, 0xab, sizeof packet);
    memset(packet, 0, 28);
    packet[0] = 0x45;
    packet[2] = 1500 >> 8;
    packet[3] = 1500 & 0xff;
    packet[6] = 0x40; /* DF */
    packet[8] = 64;
    packet[9] = 17;
    memcpy(packet + 12, (const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
}

static void udp6(void)
{
    memset(packet, 0xab, sizeof packet);
    memset(packet, 0, 40);
    packet[0] = 0x60;
    packet[6] = 17;
    packet[8] = packet[24] = 0xfd;
    packet[23] = 1;
    packet[39] = 2;
}

/* RFC 1071: over a checksum that holds, the sum is all ones. */
static uint32_t sum(uint32_t from, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        from += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
    }
    while (from >> 16 != 0) {
        from = (from & 0xffff) + (from >> 16);
    }
    return from;
}

static void ipv4_answer_has_mtu_quote_and_checksums(void **state)
{
    udp4();
    assert_int_equal(emu_too_big(packet, sizeof packet, 1280, out), 576);
    assert_int_equal(out[9], 1);
    assert_memory_equal(out + 12, packet + 16, 4);
    assert_memory_equal(out + 16, packet + 12, 4);
    assert_int_equal(out[20], 3);
    assert_int_equal(out[21], 4);
    assert_int_equal(out[26] << 8 | out[27], 1280);
    assert_memory_equal(out + 28, packet, 548);
    assert_int_equal(sum(0, out, 20), 0xffff);
    assert_int_equal(sum(0, out + 20, 556), 0xffff);
}

static void ipv6_answer_has_mtu_quote_and_checksum(void **state)
{
    udp6();
    assert_int_equal(emu_too_big(packet, sizeof packet, 1400, out), EMU_ICMP_BYTES);
    assert_int_equal(out[6], 58);
    assert_memory_equal(out + 8, packet + 24, 16);
    assert_memory_equal(out + 24, packet + 8, 16);
    assert_int_equal(out[40], 2);
    assert_int_equal(out[46] << 8 | out[47], 1400);
    assert_memory_equal(out + 48, packet, EMU_ICMP_BYTES - 48);
    assert_int_equal(sum(EMU_ICMP_BYTES - 40 + 58, out + 8, EMU_ICMP_BYTES - 8), 0xffff);
}

static void no_answer_is_owed_where_none_is_allowed(void **state)
{
    udp4();
    packet[6] = 0; /* may be fragmented */
    assert_int_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
    udp4();
    packet[7] = 1; /* a later fragment */
    assert_int_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
    udp4();
    packet[9] = 1;
    packet[20] = 3; /* an error itself */
    assert_int_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
    packet[20] = 8; /* an echo */
    assert_int_not_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
    udp6();
    packet[6] = 58;
    packet[40] = 1;
    assert_int_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
    packet[40] = 128;
    assert_int_not_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
}

static void runts_are_no_packets(void **state)
{
    udp4();
    for (size_t len = 0; len < 20; len++) {
        assert_int_equal(emu_too_big(packet, len, 1280, out), 0);
    }
    packet[0] = 0x4f; /* a header of 60 bytes */
    assert_int_equal(emu_too_big(packet, 59, 1280, out), 0);
    packet[0] = 0x44;
    assert_int_equal(emu_too_big(packet, 100, 1280, out), 0);
    udp6();
    for (size_t len = 0; len < 40; len++) {
        assert_int_equal(emu_too_big(packet, len, 1280, out), 0);
    }
    packet[0] = 0x30;
    assert_int_equal(emu_too_big(packet, sizeof packet, 1280, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_answer_has_mtu_quote_and_checksums),
        cmocka_unit_test(ipv6_answer_has_mtu_quote_and_checksum),
        cmocka_unit_test(no_answer_is_owed_where_none_is_allowed),
        cmocka_unit_test(runts_are_no_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
