/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hostnet.h"

#define OWN 9U /* the tunnel's device */

static struct jv_hostnet host;

static int set_up(void **state)
{
    (void)state;
    memset(&host, 0, sizeof(host));
    return 0;
}

static void tell_link(enum jv_net_fact_kind kind, uint32_t ifindex, const char *name, uint32_t mtu)
{
    struct jv_net_fact fact = {.kind = kind, .ifindex = ifindex, .mtu = mtu};
    (void)snprintf(fact.name, sizeof(fact.name), "%s", name);
    jv_hostnet_take(&host, &fact);
}

static void tell_addr(enum jv_net_fact_kind kind, uint32_t ifindex, const char *text, uint32_t bits)
{
    struct jv_net_fact fact = {.kind = kind, .ifindex = ifindex, .bits = bits};
    assert_int_equal(jv_ip_parse(text, &fact.ip), JV_E_OK);
    jv_hostnet_take(&host, &fact);
}

static void hostnet_knows_what_was_told(void **state)
{
    (void)state;
    assert_null(jv_hostnet_interface(&host, 2));
    tell_link(JV_NET_LINK_DOWN, 2, "wlan0", 1500);
    assert_false(jv_hostnet_interface(&host, 2)->is_up);
    tell_link(JV_NET_LINK_UP, 2, "wlan0", 1500);
    tell_link(JV_NET_LINK_MTU, 2, "wifi", 1400);
    assert_int_equal(host.interfaces_len, 1);
    assert_true(jv_hostnet_interface(&host, 2)->is_up);
    assert_int_equal(jv_hostnet_interface(&host, 2)->mtu, 1400);
    assert_string_equal(jv_hostnet_interface(&host, 2)->name, "wifi");

    tell_addr(JV_NET_ADDR_ADDED, 2, "192.0.2.7", 24);
    tell_addr(JV_NET_ADDR_ADDED, 2, "192.0.2.7", 24);
    tell_addr(JV_NET_ADDR_ADDED, 3, "192.0.2.7", 24);
    assert_int_equal(host.addresses_len, 2);
}

static void hostnet_forgets_what_is_gone(void **state)
{
    (void)state;
    tell_link(JV_NET_LINK_UP, 2, "wlan0", 1500);
    tell_link(JV_NET_LINK_UP, 3, "eth0", 1500);
    tell_addr(JV_NET_ADDR_ADDED, 2, "192.0.2.7", 24);
    tell_addr(JV_NET_ADDR_ADDED, 3, "192.0.2.7", 24);
    tell_addr(JV_NET_ADDR_GONE, 2, "192.0.2.7", 24);
    tell_addr(JV_NET_ADDR_GONE, 2, "192.0.2.7", 24);
    assert_int_equal(host.addresses_len, 1);
    assert_int_equal(host.addresses[0].ifindex, 3);
    tell_link(JV_NET_LINK_GONE, 2, "wlan0", 0);
    tell_link(JV_NET_LINK_GONE, 2, "wlan0", 0);
    assert_null(jv_hostnet_interface(&host, 2));
    assert_string_equal(jv_hostnet_interface(&host, 3)->name, "eth0");
}

static void hostnet_ignores_what_it_has_no_room_for(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= JV_NETWATCH_LINKS_MAX + 1U; i++) {
        tell_link(JV_NET_LINK_UP, i, "x", 1500);
    }
    assert_int_equal(host.interfaces_len, JV_NETWATCH_LINKS_MAX);
    assert_null(jv_hostnet_interface(&host, JV_NETWATCH_LINKS_MAX + 1U));
    tell_link(JV_NET_LINK_DOWN, JV_NETWATCH_LINKS_MAX, "x", 1500);
    assert_false(jv_hostnet_interface(&host, JV_NETWATCH_LINKS_MAX)->is_up);
    for (uint32_t i = 1; i <= JV_NETWATCH_ADDRS_MAX + 1U; i++) {
        tell_addr(JV_NET_ADDR_ADDED, i, "192.0.2.7", 24);
    }
    assert_int_equal(host.addresses_len, JV_NETWATCH_ADDRS_MAX);
}

static void hostnet_names_the_networks_of_other_devices_that_are_up(void **state)
{
    (void)state;
    uint32_t cursor = 0;
    struct jv_prefix network;
    const char *device = NULL;
    char text[JV_ADDR_TEXT_BYTES];
    tell_link(JV_NET_LINK_UP, 2, "wlan0", 1500);
    tell_link(JV_NET_LINK_DOWN, 3, "eth0", 1500);
    tell_link(JV_NET_LINK_UP, OWN, "jv0", 1400);
    tell_addr(JV_NET_ADDR_ADDED, 3, "198.51.100.9", 24);
    tell_addr(JV_NET_ADDR_ADDED, OWN, "10.80.0.2", 16);
    tell_addr(JV_NET_ADDR_ADDED, 4, "203.0.113.1", 24); /* of a device that was never told */
    tell_addr(JV_NET_ADDR_ADDED, 2, "192.0.2.199", 25);
    tell_addr(JV_NET_ADDR_ADDED, 2, "2001:db8:1:2:3:4:5:6", 64);

    assert_true(jv_hostnet_network(&host, OWN, &cursor, &network, &device));
    jv_ip_format(&network.ip, text, sizeof(text));
    assert_string_equal(text, "192.0.2.128");
    assert_int_equal(network.bits, 25);
    assert_string_equal(device, "wlan0");
    assert_true(jv_hostnet_network(&host, OWN, &cursor, &network, &device));
    jv_ip_format(&network.ip, text, sizeof(text));
    assert_string_equal(text, "2001:db8:1:2::");
    assert_int_equal(network.bits, 64);
    assert_false(jv_hostnet_network(&host, OWN, &cursor, &network, &device));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hostnet_knows_what_was_told, set_up),
        cmocka_unit_test_setup(hostnet_forgets_what_is_gone, set_up),
        cmocka_unit_test_setup(hostnet_ignores_what_it_has_no_room_for, set_up),
        cmocka_unit_test_setup(hostnet_names_the_networks_of_other_devices_that_are_up, set_up),
    };
    return cmocka_run_group_tests_name("hostnet", tests, NULL, NULL);
}
