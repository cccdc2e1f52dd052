/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "netwatch.h"

#define UP ((unsigned)IFF_UP | (unsigned)IFF_RUNNING | 0x10000U)

/* One message being written. */
static _Alignas(struct nlmsghdr) uint8_t bytes[512];
static size_t used;
static struct jv_netwatch *watch;

static void put(const void *data, size_t len)
{
    memcpy(bytes + used, data, len);
    memset(bytes + used + len, 0, (4 - len % 4) % 4);
    used += (len + 3) & ~(size_t)3;
}

static void begin(uint16_t type, const void *fixed, size_t len)
{
    const struct nlmsghdr head = {.nlmsg_type = type};
    used = 0;
    put(&head, sizeof(head));
    put(fixed, len);
}

static void put_attr(uint16_t type, const void *data, uint16_t len)
{
    const struct nlattr attr = {.nla_len = (uint16_t)(sizeof(attr) + len), .nla_type = type};
    put(&attr, sizeof(attr));
    put(data, len);
}

static void feed(void)
{
    const uint32_t len = (uint32_t)used;
    memcpy(bytes, &len, sizeof(len));
    jv_netwatch_feed(watch, bytes, used);
}

static void feed_link(uint16_t type, int ifindex, unsigned flags, uint32_t mtu)
{
    const struct ifinfomsg info = {.ifi_index = ifindex, .ifi_flags = flags};
    begin(type, &info, sizeof(info));
    put_attr(IFLA_IFNAME, "eth7", 5);
    put_attr(IFLA_MTU, &mtu, sizeof(mtu));
    feed();
}

static void feed_addr(uint16_t type, uint32_t ifindex, uint8_t last, uint32_t flags, uint8_t scope)
{
    const struct ifaddrmsg info = {
        .ifa_family = AF_INET6, .ifa_prefixlen = 64, .ifa_scope = scope, .ifa_index = ifindex};
    const uint8_t ip[16] = {0xfd, 9, [15] = last};
    begin(type, &info, sizeof(info));
    put_attr(IFA_ADDRESS, ip, sizeof(ip));
    put_attr(IFA_FLAGS, &flags, sizeof(flags));
    feed();
}

static void feed_done(void)
{
    begin(NLMSG_DONE, &(int){0}, sizeof(int));
    feed();
}

static void expect(enum jv_net_fact_kind kind, uint32_t ifindex)
{
    struct jv_net_fact fact;
    assert_int_equal(jv_netwatch_read(watch, &fact, 1), 1);
    assert_int_equal(fact.kind, kind);
    assert_int_equal(fact.ifindex, ifindex);
}

static void expect_nothing(void)
{
    struct jv_net_fact fact;
    assert_int_equal(jv_netwatch_read(watch, &fact, 1), 0);
}

static int set_up(void **state)
{
    return jv_netwatch_open_detached(&watch) == JV_E_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    jv_netwatch_close(watch);
    return 0;
}

static void netwatch_tells_a_link_only_when_it_changes(void **state)
{
    feed_link(RTM_NEWLINK, 3, UP, 1500);
    expect(JV_NET_LINK_UP, 3);
    feed_link(RTM_NEWLINK, 3, UP, 1500);
    expect_nothing();
    feed_link(RTM_NEWLINK, 3, UP, 1400);
    expect(JV_NET_LINK_MTU, 3);
    feed_link(RTM_NEWLINK, 3, IFF_UP, 1400);
    expect(JV_NET_LINK_DOWN, 3);
    feed_link(RTM_NEWLINK, 4, UP | IFF_LOOPBACK, 65536);
    expect_nothing();
}

static void netwatch_tells_addresses_gone_before_their_link(void **state)
{
    feed_link(RTM_NEWLINK, 3, UP, 1500);
    expect(JV_NET_LINK_UP, 3);
    feed_addr(RTM_NEWADDR, 3, 1, 0, RT_SCOPE_UNIVERSE);
    expect(JV_NET_ADDR_ADDED, 3);
    feed_link(RTM_DELLINK, 3, 0, 1500);
    expect(JV_NET_ADDR_GONE, 3);
    expect(JV_NET_LINK_GONE, 3);
    expect_nothing();
}

static void netwatch_waits_until_an_address_may_be_used(void **state)
{
    feed_link(RTM_NEWLINK, 3, UP, 1500);
    expect(JV_NET_LINK_UP, 3);
    feed_addr(RTM_NEWADDR, 3, 1, IFA_F_TENTATIVE, RT_SCOPE_UNIVERSE);
    feed_addr(RTM_NEWADDR, 3, 2, IFA_F_DADFAILED, RT_SCOPE_UNIVERSE);
    feed_addr(RTM_NEWADDR, 3, 3, IFA_F_DEPRECATED, RT_SCOPE_UNIVERSE);
    feed_addr(RTM_NEWADDR, 3, 4, 0, RT_SCOPE_LINK);
    feed_addr(RTM_NEWADDR, 9, 5, 0, RT_SCOPE_UNIVERSE);
    expect_nothing();
    feed_addr(RTM_NEWADDR, 3, 1, 0, RT_SCOPE_UNIVERSE);
    expect(JV_NET_ADDR_ADDED, 3);
    feed_addr(RTM_NEWADDR, 3, 1, IFA_F_DEPRECATED, RT_SCOPE_UNIVERSE);
    expect_nothing();
    feed_addr(RTM_NEWADDR, 3, 1, IFA_F_TENTATIVE, RT_SCOPE_UNIVERSE);
    expect(JV_NET_ADDR_GONE, 3);
    expect_nothing();
}

static void netwatch_sweeps_what_a_dump_did_not_tell(void **state)
{
    feed_link(RTM_NEWLINK, 3, UP, 1500);
    expect(JV_NET_LINK_UP, 3);
    feed_done();
    expect_nothing();
    feed_addr(RTM_NEWADDR, 3, 1, 0, RT_SCOPE_UNIVERSE);
    expect(JV_NET_ADDR_ADDED, 3);
    feed_done();
    expect(JV_NET_SYNCED, 0);
    /* A refused dump takes nothing away; the next message begins another, which finds the address gone. */
    begin(NLMSG_ERROR, &(struct nlmsgerr){.error = -16}, sizeof(struct nlmsgerr));
    feed();
    expect_nothing();
    feed_link(RTM_NEWLINK, 3, UP, 1500);
    expect_nothing();
    feed_done();
    expect_nothing();
    feed_done();
    expect(JV_NET_ADDR_GONE, 3);
    expect(JV_NET_SYNCED, 0);
}

static void netwatch_counts_malformed_messages(void **state)
{
    const struct ifaddrmsg info = {.ifa_family = AF_INET, .ifa_prefixlen = 99, .ifa_index = 3};
    begin(RTM_NEWADDR, &info, sizeof(info));
    feed();
    expect_nothing();
    assert_int_equal(jv_netwatch_counts(watch)->malformed, 1);
    begin(RTM_NEWLINK, &info, 4);
    feed();
    expect_nothing();
    assert_int_equal(jv_netwatch_counts(watch)->malformed, 2);
    jv_netwatch_feed(watch, "short", 5);
    expect_nothing();
    assert_int_equal(jv_netwatch_counts(watch)->malformed, 3);
    /* A length that is negative where it is taken for a signed number. */
    const struct ifinfomsg link = {.ifi_index = 3};
    const uint32_t huge = 0xfffffff0U;
    begin(RTM_NEWLINK, &link, sizeof(link));
    memcpy(bytes, &huge, sizeof(huge));
    jv_netwatch_feed(watch, bytes, used);
    expect_nothing();
    assert_int_equal(jv_netwatch_counts(watch)->malformed, 4);
}

static void netwatch_counts_what_it_has_no_room_for(void **state)
{
    for (int i = 1; i <= (int)JV_NETWATCH_LINKS_MAX; i++) {
        feed_link(RTM_NEWLINK, i, UP, 1500);
        expect(JV_NET_LINK_UP, (uint32_t)i);
    }
    feed_link(RTM_NEWLINK, 9999, UP, 1500);
    expect_nothing();
    assert_int_equal(jv_netwatch_counts(watch)->links_full, 1);
}

static void netwatch_tells_paths_but_not_local_routes(void **state)
{
    struct rtmsg info = {.rtm_family = AF_INET, .rtm_type = RTN_UNICAST};
    const uint32_t ifindex = 3;
    begin(RTM_NEWROUTE, &info, sizeof(info));
    put_attr(RTA_OIF, &ifindex, sizeof(ifindex));
    feed();
    expect(JV_NET_ROUTE_CHANGED, 3);
    info.rtm_type = RTN_LOCAL;
    begin(RTM_NEWROUTE, &info, sizeof(info));
    feed();
    info.rtm_type = RTN_UNICAST;
    info.rtm_protocol = 74;
    expect_nothing();
    begin(RTM_NEWROUTE, &info, sizeof(info));
    feed();
    expect_nothing();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(netwatch_tells_a_link_only_when_it_changes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(netwatch_tells_addresses_gone_before_their_link, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(netwatch_waits_until_an_address_may_be_used, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(netwatch_sweeps_what_a_dump_did_not_tell, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(netwatch_counts_malformed_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(netwatch_counts_what_it_has_no_room_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(netwatch_tells_paths_but_not_local_routes, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("netwatch", tests, NULL, NULL);
}
