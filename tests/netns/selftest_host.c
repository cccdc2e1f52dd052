/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_host -- part of net_selftest: routes, the watch of the host, and what a send is told of it. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net_selftest.h"
#include "netcfg.h"
#include "netwatch.h"
#include "sys.h"

static bool has_route(struct jv_netcfg *cfg, const char *dst, const char *device)
{
    struct jv_ip ip;
    uint32_t ifindex = 0;
    bool has = false;
    assert_int_equal(jv_ip_parse(dst, &ip), JV_E_OK);
    assert_int_equal(jv_netcfg_ifindex(cfg, device, &ifindex), JV_E_OK);
    assert_int_equal(jv_netcfg_has_route(cfg, &ip, ifindex, &has), JV_E_OK);
    return has;
}

/* Whether a datagram from a socket (bound to `device` where given) to `dst` arrives at namespace B. */
static bool arrives(const char *local, const char *device, const char *dst)
{
    struct jv_slot slots[SLOTS];
    struct jv_udp_sent sent;
    struct jv_udp_cfg cfg = {.local = endpoint("[::]:4433")};
    enter(ns_b);
    cfg.local.ip.family = endpoint(dst).ip.family;
    struct jv_udp *rx = NULL;
    assert_int_equal(jv_udp_open(&cfg, &rx, NULL), JV_E_OK);
    enter(ns_a);
    struct jv_udp *tx = open_udp(local, device);
    fill_slots(slots, dst);
    jv_udp_send(tx, slots, 1, &sent);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i] = (struct jv_slot){.buf = buffers[i]};
    }
    struct pollfd p = {.fd = jv_udp_fd(rx), .events = POLLIN};
    bool came = poll(&p, 1, 300) == 1 && jv_udp_recv(rx, jv_sys_now(), slots, SLOTS) == 1;
    jv_udp_close(tx);
    jv_udp_close(rx);
    return came;
}

void device_bound_socket_ignores_half_routes(void **state)
{
    (void)state;
    struct jv_netcfg *cfg;
    struct jv_tun *tun;
    enter(ns_a);
    assert_int_equal(jv_netcfg_open(&cfg), JV_E_OK);
    assert_int_equal(open_tun("jvt0", &tun, NULL), JV_E_OK);
    uint32_t ifindex = jv_tun_ifindex(tun);
    assert_int_equal(jv_netcfg_link_set(cfg, ifindex, true, 0), JV_E_OK);
    struct jv_prefix inner4 = prefix("10.80.0.1/32");
    struct jv_prefix inner6 = prefix("fd80::1/128");
    assert_int_equal(jv_netcfg_addr_add(cfg, ifindex, &inner4), JV_E_OK);
    assert_int_equal(jv_netcfg_addr_add(cfg, ifindex, &inner6), JV_E_OK);
    assert_true(arrives("0.0.0.0:1002", NULL, "10.10.0.1:4433"));
    assert_true(arrives("[::]:1002", NULL, "[fd10::1]:4433"));
    assert_int_equal(half_routes(cfg, ifindex), 4);
    /* Unbound, the datagram enters the tunnel; bound to va, it leaves by va's own default route. */
    assert_false(arrives("0.0.0.0:1003", NULL, "10.10.0.1:4433"));
    assert_false(arrives("[::]:1003", NULL, "[fd10::1]:4433"));
    assert_true(arrives("0.0.0.0:1004", "va", "10.10.0.1:4433"));
    assert_true(arrives("[::]:1004", "va", "[fd10::1]:4433"));
    assert_true(arrives("10.9.0.1:1005", "va", "10.10.0.1:4433"));
    assert_true(arrives("[fd09::1]:1005", "va", "[fd10::1]:4433"));
    enter(ns_a);
    assert_true(has_route(cfg, "10.10.0.1", "va"));
    assert_true(has_route(cfg, "fd10::1", "va"));
    assert_true(has_route(cfg, "10.10.0.1", "jvt0"));
    assert_false(has_route(cfg, "10.10.0.1", "vc"));
    assert_false(has_route(cfg, "fd10::1", "vc"));
    jv_tun_close(tun);
    jv_netcfg_close(cfg);
}

void leftover_routes_are_found_and_removed(void **state)
{
    (void)state;
    struct jv_netcfg *cfg;
    struct jv_tun *tun;
    struct jv_route found[16];
    uint32_t total = 0;
    uint32_t removed = 0;
    bool adopted = false;
    enter(ns_a);
    assert_int_equal(jv_netcfg_open(&cfg), JV_E_OK);
    /* What the test before this one left, as a killed process would. Routes of a persistent TUN stay. */
    assert_int_equal(open_tun("jvt0", &tun, &adopted), JV_E_OK);
    assert_true(adopted);
    run("ip route add 10.77.0.0/16 dev jvt0");
    struct jv_route guard = {.dst = prefix("10.78.0.0/16"), .is_unreachable = true};
    struct jv_route guard6 = {.dst = prefix("fd78::/64"), .is_unreachable = true};
    assert_int_equal(jv_netcfg_route_add(cfg, &guard), JV_E_OK);
    assert_int_equal(jv_netcfg_route_add(cfg, &guard6), JV_E_OK);
    assert_int_equal(jv_netcfg_route_list(cfg, jv_tun_ifindex(tun), found, 16, &total), JV_E_OK);
    assert_int_equal(total, 4);
    assert_int_equal(found[0].dst.bits, 1);
    assert_int_equal(jv_netcfg_route_flush(cfg, jv_tun_ifindex(tun), &removed), JV_E_OK);
    assert_int_equal(removed, 4);
    assert_int_equal(jv_netcfg_route_list(cfg, 0, found, 16, &total), JV_E_OK);
    assert_int_equal(total, 2);
    assert_int_equal(jv_netcfg_route_flush(cfg, 0, &removed), JV_E_OK);
    assert_int_equal(removed, 2);
    run("ip route show 10.77.0.0/16 | grep -q jvt0"); /* another's route stays */
    assert_int_equal(jv_netcfg_route_remove(cfg, &guard), JV_E_NOTFOUND);
    assert_true(strlen(jv_netcfg_error(cfg)) > 0);
    struct jv_route via = {.dst = prefix("10.79.0.0/16"), .metric = 50};
    assert_int_equal(jv_ip_parse("10.9.0.2", &via.gateway), JV_E_OK);
    assert_int_equal(jv_netcfg_ifindex(cfg, "va", &via.ifindex), JV_E_OK);
    assert_int_equal(jv_netcfg_route_add(cfg, &via), JV_E_OK);
    assert_int_equal(jv_netcfg_route_list(cfg, via.ifindex, found, 16, &total), JV_E_OK);
    assert_int_equal(total, 1);
    assert_int_equal(found[0].metric, 50);
    assert_true(jv_ip_is_equal(&found[0].gateway, &via.gateway));
    assert_int_equal(jv_netcfg_route_remove(cfg, &found[0]), JV_E_OK);
    assert_int_equal(jv_tun_set_persist(tun, false), JV_E_OK);
    jv_tun_close(tun);
    uint32_t ifindex;
    assert_int_equal(jv_netcfg_ifindex(cfg, "jvt0", &ifindex), JV_E_NOTFOUND);
    jv_netcfg_close(cfg);
}

static bool await_fact(struct jv_netwatch *watch, enum jv_net_fact_kind kind, const char *name,
                       const char *ip)
{
    struct jv_net_fact fact;
    struct jv_ip want = {0};
    if (ip != NULL) {
        assert_int_equal(jv_ip_parse(ip, &want), JV_E_OK);
    }
    for (int n = 0; n < 500; n++) {
        if (jv_netwatch_read(watch, &fact, 1) == 0) {
            if (!wait_for(jv_netwatch_fd(watch), POLLIN)) {
                return false;
            }
            continue;
        }
        if (fact.kind == kind && (name == NULL || strcmp(fact.name, name) == 0) &&
            (ip == NULL || jv_ip_is_equal(&fact.ip, &want))) {
            return true;
        }
    }
    return false;
}

void watch_tells_each_change_once(void **state)
{
    (void)state;
    struct jv_netwatch *watch;
    struct jv_net_fact fact;
    enter(ns_a);
    run("ip addr del 10.9.0.3/24 dev va");
    assert_int_equal(jv_netwatch_open(&watch), JV_E_OK);
    assert_true(await_fact(watch, JV_NET_LINK_UP, "va", NULL));
    assert_true(await_fact(watch, JV_NET_ADDR_ADDED, "va", "10.9.0.1"));
    assert_true(await_fact(watch, JV_NET_ADDR_ADDED, "va", "fd09::1"));
    assert_true(await_fact(watch, JV_NET_SYNCED, NULL, NULL));
    assert_int_equal(jv_netwatch_read(watch, &fact, 1), 0);

    run("ip addr add 10.9.0.3/24 dev va");
    assert_true(await_fact(watch, JV_NET_ADDR_ADDED, "va", "10.9.0.3"));
    run("ip addr del 10.9.0.3/24 dev va");
    assert_true(await_fact(watch, JV_NET_ADDR_GONE, "va", "10.9.0.3"));
    /* With duplicate detection the address comes when it may be used, and deprecation does not take it away. */
    run("ip addr add fd09::5/64 dev va");
    assert_true(await_fact(watch, JV_NET_ADDR_ADDED, "va", "fd09::5"));
    run("ip addr change fd09::5/64 dev va preferred_lft 0");
    run("ip addr add fd09::6/64 dev va nodad preferred_lft 0");
    run("ip link set va mtu 1400");
    assert_true(await_fact(watch, JV_NET_LINK_MTU, "va", NULL));
    run("ip addr del fd09::6/64 dev va");
    run("ip addr del fd09::5/64 dev va");
    assert_true(await_fact(watch, JV_NET_ADDR_GONE, "va", "fd09::5"));
    run("ip route add 10.66.0.0/16 dev va");
    assert_true(await_fact(watch, JV_NET_ROUTE_CHANGED, "va", NULL));

    /* Loss of carrier: the other end goes down. */
    enter(ns_b);
    run("ip link set vb down");
    assert_true(await_fact(watch, JV_NET_LINK_DOWN, "va", NULL));
    run("ip link set vb up");
    assert_true(await_fact(watch, JV_NET_LINK_UP, "va", NULL));
    enter(ns_a);
    run("ip link set va down");
    assert_true(await_fact(watch, JV_NET_LINK_DOWN, "va", NULL));
    run("ip link add vx type veth peer name vy && ip addr add 10.5.0.1/24 dev vx");
    assert_true(await_fact(watch, JV_NET_ADDR_ADDED, "vx", "10.5.0.1"));
    run("ip link del vx");
    assert_true(await_fact(watch, JV_NET_ADDR_GONE, "vx", "10.5.0.1"));
    assert_true(await_fact(watch, JV_NET_LINK_GONE, "vx", NULL));
    assert_int_equal(jv_netwatch_counts(watch)->malformed, 0);
    jv_netwatch_close(watch);
}

void watch_repairs_an_overrun(void **state)
{
    (void)state;
    struct jv_netwatch *watch;
    enter(ns_a);
    run("ip link set va up");
    assert_int_equal(jv_netwatch_open(&watch), JV_E_OK);
    assert_true(await_fact(watch, JV_NET_SYNCED, NULL, NULL));
    int small = 2304;
    assert_int_equal(
        setsockopt(jv_netwatch_fd(watch), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    run("for i in $(seq 60); do ip addr add 10.6.0.$i/32 dev va; done");
    run("ip addr add 10.6.1.1/32 dev va; ip addr del 10.6.0.7/32 dev va");
    assert_true(await_fact(watch, JV_NET_ADDR_ADDED, "va", "10.6.1.1"));
    assert_true(jv_netwatch_counts(watch)->overruns > 0);
    assert_true(await_fact(watch, JV_NET_SYNCED, NULL, NULL));
    jv_netwatch_close(watch);
}

/* Which errors a send gives for what this host knows by itself; each has to be told as a LOCAL fact. */
void loss_of_device_address_or_route_is_a_local_fact(void **state)
{
    (void)state;
    enter(ns_a);
    run("ip link add ve type veth peer name vg && ip link set ve up && ip link set vg up");
    run("ip addr add 10.7.0.1/24 dev ve && ip addr add fd07::1/64 dev ve nodad");
    struct jv_udp *bound4 = open_udp("10.7.0.1:2000", "ve");
    struct jv_udp *bound6 = open_udp("[fd07::1]:2000", "ve");
    struct jv_udp *any4 = open_udp("0.0.0.0:2001", NULL);
    struct jv_udp *any6 = open_udp("[::]:2001", NULL);
    assert_int_equal(send_one(bound4, "10.7.0.2:9", NULL).sent, 1);
    assert_int_equal(send_one(bound6, "[fd07::2]:9", NULL).sent, 1);
    assert_int_equal(send_one(any4, "10.7.0.2:9", "10.99.0.1:1").dropped_local, 1);
    assert_int_equal(send_one(any6, "[fd07::2]:9", "[fd99::1]:1").dropped_local, 1);
    run("ip addr flush dev ve scope global");
    struct jv_udp_sent gone4 = send_one(bound4, "10.7.0.2:9", NULL);
    struct jv_udp_sent gone6 = send_one(bound6, "[fd07::2]:9", NULL);
    print_message("# address gone: v4 sent %u errno %d, v6 sent %u errno %d\n", gone4.sent,
                  gone4.local_errno, gone6.sent, gone6.local_errno);
    run("ip link set ve down");
    struct jv_udp_sent down4 = send_one(bound4, "10.7.0.2:9", NULL);
    struct jv_udp_sent down6 = send_one(bound6, "[fd07::2]:9", NULL);
    print_message("# link down: v4 errno %d, v6 errno %d\n", down4.local_errno, down6.local_errno);
    assert_int_equal(down4.dropped_local, 1);
    assert_int_equal(down6.dropped_local, 1);
    run("ip link del ve");
    down4 = send_one(bound4, "10.7.0.2:9", NULL);
    down6 = send_one(bound6, "[fd07::2]:9", NULL);
    print_message("# device gone: v4 errno %d, v6 errno %d\n", down4.local_errno,
                  down6.local_errno);
    assert_int_equal(down4.dropped_local, 1);
    assert_int_equal(down6.dropped_local, 1);
    jv_udp_close(bound4);
    jv_udp_close(bound6);
    jv_udp_close(any4);
    jv_udp_close(any6);
}
