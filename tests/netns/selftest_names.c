/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_names -- part of net_selftest: name resolution, and all of the layer in the sandbox. */
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "net_selftest.h"
#include "netcfg.h"
#include "netwatch.h"
#include "resolve.h"
#include "sandbox.h"

/* Answers one question of a name server's socket: names that begin with x do not exist, all others are 10.10.0.1 and fd10::1. */
static void answer_one(int fd)
{
    uint8_t packet[512];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t got = recvfrom(fd, packet, 400, 0, (struct sockaddr *)&from, &from_len);
    size_t end = 12;
    while (got > 16 && end < (size_t)got && packet[end] != 0) {
        end += packet[end] + 1U;
    }
    if (got <= 16 || end + 5 > (size_t)got) {
        return;
    }
    bool is_missing = packet[13] == 'x';
    bool is_v6 = packet[end + 2] == 28;
    end += 5;
    static const uint8_t fixed[] = {0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0};
    static const uint8_t v4[] = {10, 10, 0, 1};
    static const uint8_t v6[16] = {0xfd, 0x10, [15] = 1};
    size_t len = is_v6 ? sizeof(v6) : sizeof(v4);
    packet[2] = 0x81;
    packet[3] = is_missing ? 0x83 : 0x80;
    memset(packet + 6, 0, 6);
    if (!is_missing) {
        packet[7] = 1;
        memcpy(packet + end, fixed, sizeof(fixed));
        packet[end + 3] = is_v6 ? 28 : 1;
        packet[end + 11] = (uint8_t)len;
        memcpy(packet + end + sizeof(fixed), is_v6 ? v6 : v4, len);
        end += sizeof(fixed) + len;
    }
    (void)sendto(fd, packet, end, 0, (const struct sockaddr *)&from,
                 from_len); /* lost: it is asked again */
}

static pid_t start_name_server(void)
{
    enter(ns_b);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
    assert_int_equal(inet_pton(AF_INET, "10.10.0.1", &at.sin_addr), 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    enter(ns_a);
    pid_t child = fork();
    assert_true(child >= 0);
    while (child == 0) {
        answer_one(fd);
    }
    (void)close(fd);
    return child;
}

static int answers;

static struct jv_resolve_answer last_answer;

static void on_answer(void *arg, const char *name, const struct jv_resolve_answer *answer)
{
    (void)arg;
    (void)name;
    answers++;
    last_answer = *answer;
}

static const struct jv_resolve_answer *ask(struct jv_loop *loop, struct jv_resolve *resolve,
                                           const char *name)
{
    answers = 0;
    assert_int_equal(jv_resolve_start(resolve, name, on_answer, NULL), JV_E_OK);
    for (int i = 0; i < 50 && answers == 0; i++) {
        assert_int_equal(jv_loop_turn(loop, PATIENCE_MS), JV_E_OK);
    }
    assert_int_equal(answers, 1);
    return &last_answer;
}

void names_are_resolved_on_marked_bound_sockets(void **state)
{
    (void)state;
    const struct jv_loop_hooks hooks = {0};
    struct jv_resolve_cfg cfg = {
        .mark = 74, .device = "va", .servers = "10.10.0.1", .timeout_ms = 500};
    struct jv_loop *loop;
    struct jv_resolve *resolve;
    pid_t server = start_name_server();
    /* Only marked packets reach the name server. */
    run("ip route add unreachable 10.10.0.1/32 table 75 && ip rule add not fwmark 74 lookup 75");
    assert_int_equal(jv_loop_open(&hooks, 16, &loop), JV_E_OK);
    assert_int_equal(jv_resolve_open(loop, &cfg, &resolve), JV_E_OK);
    const struct jv_resolve_answer *answer = ask(loop, resolve, "gw1.example.net");
    assert_int_equal(answer->err, JV_E_OK);
    assert_int_equal(answer->len, 2);
    assert_int_not_equal(answer->ips[0].family, answer->ips[1].family);
    assert_int_equal(ask(loop, resolve, "xgw.example.net")->err, JV_E_NOTFOUND);
    jv_resolve_close(resolve);
    run("ip rule del not fwmark 74 lookup 75");
    /* A server that is silent. */
    cfg.servers = "10.9.0.77";
    cfg.timeout_ms = 50;
    cfg.tries = 2;
    assert_int_equal(jv_resolve_open(loop, &cfg, &resolve), JV_E_OK);
    assert_int_equal(ask(loop, resolve, "gw1.example.net")->err, JV_E_AGAIN);
    assert_int_equal(jv_resolve_start(resolve, "gw2.example.net", on_answer, NULL), JV_E_OK);
    jv_resolve_close(resolve);
    jv_loop_close(loop);
    assert_int_equal(kill(server, SIGTERM), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

/* All of the layer's kernel work, as an unprivileged user behind the system-call list. 0: it works. */
static int work_in_sandbox(void)
{
    const struct jv_sandbox_cfg cfg = {.user = "nobody", .flags = JV_SANDBOX_ALL};
    const struct jv_udp_cfg udp_cfg = {
        .local = endpoint("10.9.0.1:3000"), .device = "va", .mark = 74};
    struct jv_netcfg *netcfg;
    struct jv_netwatch *watch;
    struct jv_net_fact fact;
    struct jv_tun *tun;
    struct jv_udp *udp;
    uint32_t removed;
    /* /dev/net/tun may be root's alone: the device is opened before. */
    if (open_tun("jvt1", &tun, NULL) != JV_E_OK || jv_sandbox_enter(&cfg, NULL) != JV_E_OK) {
        return 1;
    }
    if (getuid() == 0 || setuid(0) == 0) {
        return 2;
    }
    if (jv_udp_open(&udp_cfg, &udp, NULL) != JV_E_OK ||
        send_one(udp, "10.9.0.2:9", NULL).sent != 1) {
        return 3;
    }
    if (jv_netcfg_open(&netcfg) != JV_E_OK ||
        jv_netcfg_link_set(netcfg, jv_tun_ifindex(tun), true, 1400) != JV_E_OK ||
        half_routes(netcfg, jv_tun_ifindex(tun)) != 4 ||
        jv_netcfg_route_flush(netcfg, jv_tun_ifindex(tun), &removed) != JV_E_OK || removed != 4) {
        return 4;
    }
    if (jv_netwatch_open(&watch) != JV_E_OK || jv_netwatch_read(watch, &fact, 1) != 1) {
        return 5;
    }
    return 0;
}

void sandboxed_user_can_do_all_of_it(void **state)
{
    (void)state;
    enter(ns_a);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(work_in_sandbox());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
