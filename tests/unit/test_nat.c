/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's NATs keep to RFC 4787, or what jvsim says about them would be about something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "instant.h"
#include "net.h"

static struct nat nat;
static const struct jv_endpoint inside = {.ip = {{10, 0, 0, 2}, JV_AF_4, {0}}, .port = 40000};
static const struct jv_endpoint peer = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
static const struct jv_endpoint peer_port = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4434};
static const struct jv_endpoint other = {.ip = {{203, 0, 113, 9}, JV_AF_4, {0}}, .port = 4433};

static void set(enum nat_kind mapping, enum nat_kind filtering)
{
    nat = (struct nat){.is_there = true,
                       .mapping = mapping,
                       .filtering = filtering,
                       .id = 1,
                       .address = 1,
                       .lifetime_ns = 30 * JV_NS_PER_S,
                       .next_port = 2000};
}

static struct jv_endpoint out_at(const struct jv_endpoint *to, uint64_t now_s)
{
    struct jv_endpoint outside;
    assert_true(nat_out(&nat, now_s * JV_NS_PER_S, &inside, to, &outside));
    assert_true(nat_has(&nat, &outside));
    return outside;
}

static bool is_one(const struct jv_endpoint *a, const struct jv_endpoint *b, uint64_t now_s)
{
    const struct jv_endpoint x = out_at(a, now_s);
    const struct jv_endpoint y = out_at(b, now_s);
    return jv_endpoint_is_equal(&x, &y);
}

static void nat_maps_by_its_kind(void **state)
{
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    assert_true(is_one(&peer, &other, 1));
    set(NAT_ADDRESS_DEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    assert_true(is_one(&peer, &peer_port, 1));
    assert_false(is_one(&peer, &other, 1));
    set(NAT_ADDRESS_PORT_DEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    assert_false(is_one(&peer, &peer_port, 1));
    assert_true(is_one(&peer, &peer, 1));
}

static bool comes_in(const struct jv_endpoint *from, uint64_t now_s)
{
    struct jv_endpoint found = {0};
    const struct jv_endpoint outside = out_at(&peer, now_s);
    bool is_in = nat_in(&nat, now_s * JV_NS_PER_S, &outside, from, &found);
    assert_true(!is_in || jv_endpoint_is_equal(&found, &inside));
    return is_in;
}

static void nat_filters_by_its_kind(void **state)
{
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    assert_true(comes_in(&other, 1));
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT);
    assert_true(comes_in(&peer_port, 1));
    assert_false(comes_in(&other, 1));
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT);
    assert_true(comes_in(&peer, 1));
    assert_false(comes_in(&peer_port, 1));
}

static void nat_forgets_after_its_lifetime(void **state)
{
    struct jv_endpoint found;
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    const struct jv_endpoint outside = out_at(&peer, 1);
    assert_true(nat_in(&nat, 31 * JV_NS_PER_S, &outside, &peer, &found));
    assert_false(nat_in(&nat, 32 * JV_NS_PER_S, &outside, &peer, &found));
    const struct jv_endpoint again = out_at(&peer, 32);
    assert_false(jv_endpoint_is_equal(&outside, &again));
}

static void nat_that_rebinds_gives_another_port(void **state)
{
    struct jv_endpoint found;
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    nat.keeps_port = true;
    const struct jv_endpoint before = out_at(&peer, 1);
    assert_int_equal(before.port, inside.port);
    nat_rebind(&nat);
    const struct jv_endpoint after = out_at(&peer, 1);
    assert_false(jv_endpoint_is_equal(&before, &after));
    assert_false(nat_in(&nat, JV_NS_PER_S, &before, &peer, &found));
    assert_true(nat_in(&nat, JV_NS_PER_S, &after, &peer, &found));
}

static void nat_dead_mapping_swallows_and_another_port_does_not(void **state)
{
    struct jv_endpoint outside;
    struct jv_endpoint second = inside;
    second.port++;
    set(NAT_ENDPOINT_INDEPENDENT, NAT_ENDPOINT_INDEPENDENT);
    (void)out_at(&peer, 1);
    nat_kill(&nat);
    assert_false(nat_out(&nat, JV_NS_PER_S, &inside, &peer, &outside));
    assert_true(nat_out(&nat, JV_NS_PER_S, &second, &peer, &outside));
}

static void net_gives_by_moment_then_by_order(void **state)
{
    static struct net net;
    static const uint64_t due[] = {5, 3, 5, 1, 3, 5, 0};
    static const uint32_t expected[] = {6, 3, 1, 4, 0, 2, 5};
    net_init(&net);
    assert_true(net_next_ns(&net) == UINT64_MAX);
    for (uint32_t i = 0; i < 7; i++) {
        struct net_flight *flight = net_take(&net);
        flight->len = i;
        net_send(&net, flight, due[i]);
    }
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(net_next_ns(&net), due[expected[i]]);
        struct net_flight *flight = net_arrive(&net);
        assert_int_equal(flight->len, expected[i]);
        net_give(&net, flight);
    }
    for (uint32_t i = 0; i < NET_FLIGHTS; i++) {
        assert_non_null(net_take(&net));
    }
    assert_null(net_take(&net));
    assert_int_equal(net.lost_full, 1);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nat_maps_by_its_kind),
        cmocka_unit_test(nat_filters_by_its_kind),
        cmocka_unit_test(nat_forgets_after_its_lifetime),
        cmocka_unit_test(nat_that_rebinds_gives_another_port),
        cmocka_unit_test(nat_dead_mapping_swallows_and_another_port_does_not),
        cmocka_unit_test(net_gives_by_moment_then_by_order)};
    return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
