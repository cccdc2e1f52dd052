/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint.h"

static void endpoint_text_survives_a_round_trip(void **state)
{
    static const char *const texts[] = {"192.0.2.1:4433",
                                        "0.0.0.0:1",
                                        "255.255.255.255:65535",
                                        "[2001:db8::1]:4433",
                                        "[::]:1",
                                        "[fe80::1%7]:500",
                                        "[fe80::1%4294967295]:65535",
                                        "[::ffff:192.0.2.1]:80",
                                        "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"};
    for (size_t i = 0; i < JV_ARRAY_LEN(texts); i++) {
        struct jv_endpoint ep, again;
        char text[JV_ADDR_TEXT_BYTES];
        assert_int_equal(jv_endpoint_parse(texts[i], 0, &ep), JV_E_OK);
        assert_int_equal(jv_endpoint_format(&ep, text, sizeof text), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
        assert_int_equal(jv_endpoint_parse(text, 0, &again), JV_E_OK);
        assert_true(jv_endpoint_is_equal(&ep, &again));
        assert_memory_equal(&ep, &again, sizeof ep);
    }
}

static void endpoint_takes_a_default_port(void **state)
{
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "[2001:db8::1]", "fe80::1%3"};
    for (size_t i = 0; i < JV_ARRAY_LEN(texts); i++) {
        struct jv_endpoint ep;
        assert_int_equal(jv_endpoint_parse(texts[i], 4433, &ep), JV_E_OK);
        assert_int_equal(ep.port, 4433);
        assert_int_equal(jv_endpoint_parse(texts[i], 0, &ep), JV_E_SYNTAX);
    }
}

static void endpoint_bad_text_leaves_the_output_alone(void **state)
{
    static const struct {
        const char *text;
        enum jv_err err;
    } cases[] = {
        {"", JV_E_SYNTAX},
        {":", JV_E_SYNTAX},
        {"[", JV_E_SYNTAX},
        {"[]", JV_E_SYNTAX},
        {"[]:1", JV_E_SYNTAX},
        {"host:1", JV_E_SYNTAX},
        {"192.0.2.1:", JV_E_SYNTAX},
        {"192.0.2.1:0", JV_E_RANGE},
        {"192.0.2.1:00", JV_E_SYNTAX},
        {"192.0.2.1:080", JV_E_SYNTAX},
        {"192.0.2.1:+1", JV_E_SYNTAX},
        {"192.0.2.1:-1", JV_E_SYNTAX},
        {"192.0.2.1: 1", JV_E_SYNTAX},
        {"192.0.2.1:1 ", JV_E_SYNTAX},
        {"192.0.2.1:65536", JV_E_RANGE},
        {"192.0.2.1:99999999999999999999999", JV_E_RANGE},
        {"192.0.2.1:9999999999999999999999x", JV_E_SYNTAX},
        {"192.0.2:1", JV_E_SYNTAX},
        {"192.0.2.256:1", JV_E_SYNTAX},
        {"192.0.02.1:1", JV_E_SYNTAX},
        {"[192.0.2.1]:1", JV_E_SYNTAX},
        {"[2001:db8::1]4433", JV_E_SYNTAX},
        {"[2001:db8::1", JV_E_SYNTAX},
        {"[2001:db8::1]:", JV_E_SYNTAX},
        {"[2001:db8::1]:1:2", JV_E_SYNTAX},
        {"[2001:db8::1%2]:1", JV_E_RANGE},
        {"192.0.2.1%2:1", JV_E_RANGE},
        {"[fe80::1%]:1", JV_E_SYNTAX},
        {"[fe80::1%eth0]:1", JV_E_SYNTAX},
        {"[fe80::1%0]:1", JV_E_RANGE},
        {"[fe80::1%4294967296]:1", JV_E_RANGE},
        {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee]:1", JV_E_SYNTAX},
    };
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        struct jv_endpoint ep, before;
        memset(&ep, 0x5a, sizeof ep);
        before = ep;
        assert_int_equal(jv_endpoint_parse(cases[i].text, 9, &ep), cases[i].err);
        assert_memory_equal(&ep, &before, sizeof ep);
    }
}

static void endpoint_prefix_masks_host_bits_unless_asked(void **state)
{
    struct jv_prefix prefix;
    char text[JV_ADDR_TEXT_BYTES];
    assert_int_equal(jv_prefix_parse("10.1.2.3/12", false, &prefix), JV_E_OK);
    (void)jv_prefix_format(&prefix, text, sizeof text);
    assert_string_equal(text, "10.0.0.0/12");
    assert_int_equal(jv_prefix_parse("10.1.2.3/12", true, &prefix), JV_E_OK);
    (void)jv_prefix_format(&prefix, text, sizeof text);
    assert_string_equal(text, "10.1.2.3/12");
    assert_int_equal(jv_prefix_parse("2001:db8::ffff/127", false, &prefix), JV_E_OK);
    (void)jv_prefix_format(&prefix, text, sizeof text);
    assert_string_equal(text, "2001:db8::fffe/127");
    assert_int_equal(jv_prefix_parse("10.1.2.3", false, &prefix), JV_E_OK);
    assert_int_equal(prefix.bits, 32);
    assert_int_equal(jv_prefix_parse("::1", false, &prefix), JV_E_OK);
    assert_int_equal(prefix.bits, 128);
}

static void endpoint_prefix_refuses_bad_text(void **state)
{
    struct jv_prefix prefix;
    assert_int_equal(jv_prefix_parse("10.0.0.0/33", false, &prefix), JV_E_RANGE);
    assert_int_equal(jv_prefix_parse("::/129", false, &prefix), JV_E_RANGE);
    assert_int_equal(jv_prefix_parse("10.0.0.0/", false, &prefix), JV_E_SYNTAX);
    assert_int_equal(jv_prefix_parse("10.0.0.0/8/8", false, &prefix), JV_E_SYNTAX);
    assert_int_equal(jv_prefix_parse("10.0.0.0/08", false, &prefix), JV_E_SYNTAX);
    assert_int_equal(jv_prefix_parse("/8", false, &prefix), JV_E_SYNTAX);
    assert_int_equal(jv_prefix_parse("10.0.0.0/255.0.0.0", false, &prefix), JV_E_SYNTAX);
}

static bool has(const char *prefix_text, const char *ip_text)
{
    struct jv_prefix prefix;
    struct jv_ip ip;
    assert_int_equal(jv_prefix_parse(prefix_text, true, &prefix), JV_E_OK);
    assert_int_equal(jv_ip_parse(ip_text, &ip), JV_E_OK);
    return jv_prefix_has(&prefix, &ip);
}

static void endpoint_prefix_has_its_addresses_alone(void **state)
{
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.0.0.128/25", "10.0.0.255"));
    assert_false(has("10.0.0.128/25", "10.0.0.127"));
    assert_true(has("10.9.9.9/8", "10.0.0.1")); /* host bits of the prefix do not count */
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_false(has("::/0", "203.0.113.9"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    struct jv_prefix nothing = {0};
    struct jv_ip none = {0};
    assert_false(jv_prefix_has(&nothing, &none));
}

static void endpoint_format_never_writes_past_its_room(void **state)
{
    struct jv_endpoint ep;
    assert_int_equal(jv_endpoint_parse("192.0.2.1:4433", 0, &ep), JV_E_OK);
    char text[8];
    memset(text, 'x', sizeof text);
    assert_int_equal(jv_endpoint_format(&ep, text, 5), 4);
    assert_memory_equal(text, "192.\0xxx", 8);
    assert_int_equal(jv_endpoint_format(&ep, text, 0), 0);
    struct jv_ip none = {0};
    char word[JV_ADDR_TEXT_BYTES];
    assert_int_equal(jv_ip_format(&none, word, sizeof word), 4);
    assert_string_equal(word, "none");
}

static void endpoint_equality_sees_every_field(void **state)
{
    struct jv_endpoint a, b;
    assert_int_equal(jv_endpoint_parse("[fe80::1%2]:9", 0, &a), JV_E_OK);
    b = a;
    assert_true(jv_endpoint_is_equal(&a, &b));
    b.port++;
    assert_false(jv_endpoint_is_equal(&a, &b));
    b = a;
    b.scope++;
    assert_false(jv_endpoint_is_equal(&a, &b));
    b = a;
    b.ip.b[15]++;
    assert_false(jv_endpoint_is_equal(&a, &b));
    b = a;
    b.ip.family = JV_AF_4;
    assert_false(jv_ip_is_equal(&a.ip, &b.ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoint_text_survives_a_round_trip),
        cmocka_unit_test(endpoint_takes_a_default_port),
        cmocka_unit_test(endpoint_bad_text_leaves_the_output_alone),
        cmocka_unit_test(endpoint_prefix_masks_host_bits_unless_asked),
        cmocka_unit_test(endpoint_prefix_refuses_bad_text),
        cmocka_unit_test(endpoint_prefix_has_its_addresses_alone),
        cmocka_unit_test(endpoint_format_never_writes_past_its_room),
        cmocka_unit_test(endpoint_equality_sees_every_field),
    };
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
