/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_selftest -- the net layer against a real kernel, inside two namespaces of its own that end with it.
 *
 *      namespace A (under test)                          namespace B (the other side)
 *      va   10.9.0.1/24  fd09::1/64   ---- veth ----     vb   10.9.0.2/24  fd09::2/64
 *                                                        lo   10.10.0.1/32 fd10::1/128 (beyond va's default route)
 *      jvt0 10.80.0.1/32 fd80::1/128  (TUN; half routes)
 *
 * Needs root and iproute2. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net_selftest.h"
#include "sys.h"

int ns_a = -1, ns_b = -1;
uint8_t buffers[SLOTS][JV_BUF_BYTES];

void enter(int ns)
{
    assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

struct jv_endpoint endpoint(const char *text)
{
    struct jv_endpoint ep;
    assert_int_equal(jv_endpoint_parse(text, 0, &ep), JV_E_OK);
    return ep;
}

struct jv_prefix prefix(const char *text)
{
    struct jv_prefix out;
    assert_int_equal(jv_prefix_parse(text, true, &out), JV_E_OK);
    return out;
}

struct jv_udp *open_udp(const char *local, const char *device)
{
    struct jv_udp *udp = NULL;
    const char *step = "";
    const struct jv_udp_cfg cfg = {.local = endpoint(local), .device = device, .link = 7};
    if (jv_udp_open(&cfg, &udp, &step) != JV_E_OK) {
        fail_msg("%s: %s", step, strerror(errno));
    }
    return udp;
}

enum jv_err open_tun(const char *name, struct jv_tun **out, bool *adopted_out)
{
    struct jv_tun_cfg cfg = {.name = name, .no_hdr = true};
    return jv_tun_open(&cfg, out, adopted_out);
}

bool wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, PATIENCE_MS) == 1;
}

void fill_slots(struct jv_slot *slots, const char *remote)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i] = (struct jv_slot){.buf = buffers[i],
                                    .off = JV_BUF_HEADROOM,
                                    .len = 100 + i,
                                    .remote = endpoint(remote),
                                    .ecn = (uint8_t)(i & 3U),
                                    .dscp = (uint8_t)(i % 64U)};
        memset(buffers[i] + JV_BUF_HEADROOM, (int)i + 1, slots[i].len);
    }
}

uint32_t receive(struct jv_udp *udp, struct jv_slot *slots, uint32_t want)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i] = (struct jv_slot){.buf = buffers[i]};
    }
    uint32_t got = 0;
    while (got < want && (jv_udp_has_rest(udp) || wait_for(jv_udp_fd(udp), POLLIN))) {
        struct jv_slot borrowed[SLOTS];
        uint32_t n = jv_udp_recv(udp, jv_sys_now(), borrowed, SLOTS - got);
        for (uint32_t i = 0; i < n; i++, got++) {
            uint8_t *buf = slots[got].buf;
            memcpy(buf + JV_BUF_HEADROOM, borrowed[i].buf + borrowed[i].off, borrowed[i].len);
            slots[got] = borrowed[i];
            slots[got].buf = buf;
            slots[got].off = JV_BUF_HEADROOM;
        }
    }
    return got;
}

uint32_t half_routes(struct jv_netcfg *cfg, uint32_t ifindex)
{
    static const char *const defaults[] = {"0.0.0.0/0", "::/0"};
    uint32_t added = 0;
    for (size_t k = 0; k < JV_ARRAY_LEN(defaults); k++) {
        struct jv_prefix whole = prefix(defaults[k]);
        struct jv_prefix halves[2];
        uint32_t n = jv_netcfg_split(&whole, halves);
        for (uint32_t i = 0; i < n; i++) {
            struct jv_route route = {.dst = halves[i], .ifindex = ifindex};
            if (jv_netcfg_route_add(cfg, &route) != JV_E_OK ||
                jv_netcfg_route_add(cfg, &route) != JV_E_OK) {
                fail_msg("%s", jv_netcfg_error(cfg));
            }
            added++;
        }
    }
    return added;
}

struct jv_udp_sent send_one(struct jv_udp *udp, const char *dst, const char *source)
{
    struct jv_slot slots[SLOTS];
    struct jv_udp_sent sent;
    fill_slots(slots, dst);
    if (source != NULL) {
        slots[0].local = endpoint(source);
    }
    jv_udp_send(udp, slots, 1, &sent);
    return sent;
}

static int open_ns(void)
{
    int fd = -1;
    if (unshare(CLONE_NEWNET) == 0) {
        fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

static int set_up(void **state)
{
    (void)state;
    ns_b = open_ns();
    if (ns_b < 0) {
        return -1;
    }
    run("ip link set lo up && ip addr add 10.10.0.1/32 dev lo && ip addr add fd10::1/128 dev lo");
    ns_a = open_ns();
    run("ip link set lo up && ip link add va type veth peer name vb netns /proc/%d/fd/%d", getpid(),
        ns_b);
    run("ip addr add 10.9.0.1/24 dev va && ip addr add 10.9.0.3/24 dev va && ip link set va up");
    run("ip addr add fd09::1/64 dev va nodad && ip addr add fd09::3/64 dev va nodad");
    run("ip link add vc type veth peer name vd && ip link set vc up && ip link set vd up");
    run("ip addr add 10.8.0.1/24 dev vc && ip addr add fd08::1/64 dev vc nodad");
    enter(ns_b);
    run("ip addr add 10.9.0.2/24 dev vb && ip addr add fd09::2/64 dev vb nodad && ip link set vb "
        "up");
    /* B knows the way back to the inner addresses, so that only the way out decides. */
    run("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0");
    enter(ns_a);
    run("ip route add default via 10.9.0.2 dev va && ip -6 route add default via fd09::2 dev va");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_carries_ecn_and_local_address_v4),
        cmocka_unit_test(batch_carries_ecn_and_local_address_v6),
        cmocka_unit_test(pending_icmp_error_costs_no_datagram),
        cmocka_unit_test(too_big_is_told_and_the_rest_goes),
        cmocka_unit_test(over_long_datagrams_are_skipped),
        cmocka_unit_test(empty_datagrams_are_handed_out),
        cmocka_unit_test(tun_carries_packets_and_outlives_its_process),
        cmocka_unit_test(segments_go_as_one_message_and_come_as_datagrams),
        cmocka_unit_test(runs_end_where_datagrams_differ),
        cmocka_unit_test(segments_too_big_are_told_one_by_one),
        cmocka_unit_test(tun_offloads_are_what_was_asked_for),
        cmocka_unit_test(tcp_crosses_the_devices_uncut),
        cmocka_unit_test(device_bound_socket_ignores_half_routes),
        cmocka_unit_test(leftover_routes_are_found_and_removed),
        cmocka_unit_test(names_are_resolved_on_marked_bound_sockets),
        cmocka_unit_test(sandboxed_user_can_do_all_of_it),
        cmocka_unit_test(watch_tells_each_change_once),
        cmocka_unit_test(watch_repairs_an_overrun),
        cmocka_unit_test(loss_of_device_address_or_route_is_a_local_fact),
    };
    return cmocka_run_group_tests_name("net", tests, set_up, NULL);
}
