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
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop.h"
#include "netcfg.h"
#include "netwatch.h"
#include "resolve.h"
#include "sandbox.h"
#include "sys.h"
#include "tun.h"
#include "udp.h"

#define PORT 4433U
#define SLOTS 8U
#define PATIENCE_MS 3000

static int ns_a = -1, ns_b = -1;
static uint8_t buffers[SLOTS][JV_BUF_BYTES];

static void run(const char *fmt, ...) JV_PRINTF(1, 2);
static void run(const char *fmt, ...)
{
    char command[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(command, sizeof(command), fmt, args); /* the commands below are short */
    va_end(args);
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *const argv[] = {shell, option, command, NULL};
    pid_t child = 0;
    int status = -1;
    if (posix_spawn(&child, shell, NULL, NULL, argv, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
        print_error("failed: %s\n", command);
        fail();
    }
}

static void enter(int ns)
{
    assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

static struct jv_endpoint endpoint(const char *text)
{
    struct jv_endpoint ep;
    assert_int_equal(jv_endpoint_parse(text, 0, &ep), JV_E_OK);
    return ep;
}

static struct jv_prefix prefix(const char *text)
{
    struct jv_prefix out;
    assert_int_equal(jv_prefix_parse(text, true, &out), JV_E_OK);
    return out;
}

static struct jv_udp *open_udp(const char *local, const char *device)
{
    struct jv_udp *udp = NULL;
    const char *step = "";
    const struct jv_udp_cfg cfg = {.local = endpoint(local), .device = device, .link = 7};
    if (jv_udp_open(&cfg, &udp, &step) != JV_E_OK) {
        fail_msg("%s: %s", step, strerror(errno));
    }
    return udp;
}

/* A device that gives and takes bare packets, one by one. */
static enum jv_err open_tun(const char *name, struct jv_tun **out, bool *adopted_out)
{
    struct jv_tun_cfg cfg = {.name = name, .no_hdr = true};
    return jv_tun_open(&cfg, out, adopted_out);
}

static uint32_t tun_read(struct jv_tun *tun, struct jv_slot *slots)
{
    uint32_t n = 0;
    for (; n < SLOTS; n++) {
        struct jv_gso gso;
        struct iovec iov[2];
        iov[1] = (struct iovec){slots[n].buf + JV_BUF_HEADROOM, JV_BUF_ROOM};
        slots[n].off = JV_BUF_HEADROOM;
        slots[n].len = jv_tun_read(tun, iov, 2, &gso);
        if (slots[n].len == 0) {
            break;
        }
    }
    return n;
}

static bool tun_write(struct jv_tun *tun, const struct jv_slot *slot)
{
    const struct jv_gso gso = {.kind = JV_GSO_NONE};
    struct iovec iov[2];
    iov[1] = (struct iovec){slot->buf + slot->off, slot->len};
    return jv_tun_write(tun, &gso, iov, 2);
}

static bool wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, PATIENCE_MS) == 1;
}

static void fill_slots(struct jv_slot *slots, const char *remote)
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

static uint32_t receive(struct jv_udp *udp, struct jv_slot *slots, uint32_t want)
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

static void check_batch(const char *any_a, const char *any_b, const char *dst, const char *source)
{
    struct jv_slot slots[SLOTS];
    struct jv_udp_sent sent;
    enter(ns_b);
    struct jv_udp *rx = open_udp(any_b, NULL);
    enter(ns_a);
    struct jv_udp *tx = open_udp(any_a, "va");
    struct jv_endpoint src = endpoint(source);
    struct jv_endpoint to = endpoint(dst);
    fill_slots(slots, dst);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i].local = src;
    }
    jv_udp_send(tx, slots, SLOTS, &sent);
    assert_int_equal(sent.sent, SLOTS);
    assert_int_equal(receive(rx, slots, SLOTS), SLOTS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        assert_int_equal(slots[i].off, JV_BUF_HEADROOM);
        assert_int_equal(slots[i].len, 100 + i);
        assert_int_equal(slots[i].buf[JV_BUF_HEADROOM], i + 1);
        assert_int_equal(slots[i].ecn, i & 3U);
        assert_int_equal(slots[i].link, 7);
        assert_int_equal(slots[i].local.port, PORT);
        assert_true(jv_ip_is_equal(&slots[i].remote.ip, &src.ip));
        assert_int_equal(slots[i].remote.port, jv_udp_local(tx).port);
        assert_true(jv_ip_is_equal(&slots[i].local.ip, &to.ip));
    }
    jv_udp_close(tx);
    jv_udp_close(rx);
}

static void batch_carries_ecn_and_local_address_v4(void **state)
{
    (void)state;
    check_batch("0.0.0.0:1000", "0.0.0.0:4433", "10.9.0.2:4433", "10.9.0.1:1000");
    check_batch("0.0.0.0:1000", "0.0.0.0:4433", "10.9.0.2:4433", "10.9.0.3:1000");
}

static void batch_carries_ecn_and_local_address_v6(void **state)
{
    (void)state;
    check_batch("[::]:1000", "[::]:4433", "[fd09::2]:4433", "[fd09::1]:1000");
    check_batch("[::]:1000", "[::]:4433", "[fd09::2]:4433", "[fd09::3]:1000");
}

static void pending_icmp_error_costs_no_datagram(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"10.9.0.1:1006", "10.9.0.2:9"},
                                           {"[fd09::1]:1006", "[fd09::2]:9"}};
    for (size_t k = 0; k < JV_ARRAY_LEN(pairs); k++) {
        struct jv_slot slots[SLOTS];
        struct jv_udp_sent sent;
        struct jv_udp_fault faults[SLOTS];
        enter(ns_a);
        struct jv_udp *udp = open_udp(pairs[k][0], NULL);
        fill_slots(slots, pairs[k][1]);
        for (int round = 0; round < 3; round++) {
            /* veth answers at once: each round begins with an error pending, and errors come between its datagrams. */
            jv_udp_send(udp, slots, SLOTS, &sent);
            assert_int_equal(sent.sent, SLOTS);
        }
        assert_int_equal(jv_udp_recv(udp, jv_sys_now(), slots, SLOTS), 0);
        assert_true(wait_for(jv_udp_fd(udp), POLLERR));
        uint32_t n = jv_udp_errors(udp, faults, SLOTS);
        assert_true(n >= 1);
        assert_int_equal(faults[0].kind, JV_UDP_ERR_ICMP_UNREACHABLE);
        assert_false(faults[0].is_local);
        assert_int_equal(faults[0].code, ECONNREFUSED);
        struct jv_endpoint to = endpoint(pairs[k][1]);
        assert_true(jv_endpoint_is_equal(&faults[0].remote, &to));
        jv_udp_close(udp);
    }
}

static void too_big_is_told_and_the_rest_goes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"10.9.0.1:1001", "10.9.0.2:9"},
                                           {"[fd09::1]:1001", "[fd09::2]:9"}};
    enter(ns_a);
    for (size_t k = 0; k < JV_ARRAY_LEN(pairs); k++) {
        struct jv_slot slots[SLOTS];
        struct jv_udp_sent sent;
        struct jv_udp *udp = open_udp(pairs[k][0], "va");
        fill_slots(slots, pairs[k][1]);
        slots[3].len = 1600;
        jv_udp_send(udp, slots, SLOTS, &sent);
        assert_int_equal(sent.sent, SLOTS - 1);
        assert_int_equal(sent.dropped_too_big, 1);
        jv_udp_close(udp);
    }
}

static void over_long_datagram_is_skipped(void **state)
{
    (void)state;
    struct jv_slot slots[SLOTS];
    enter(ns_a);
    run("ip link set lo mtu 4000");
    struct jv_udp *rx = open_udp("127.0.0.1:4433", NULL);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    static uint8_t bytes[3000];
    const size_t lens[] = {10, JV_BUF_ROOM + 1U, JV_BUF_ROOM};
    for (size_t i = 0; i < JV_ARRAY_LEN(lens); i++) {
        assert_int_equal(sendto(fd, bytes, lens[i], 0, (const struct sockaddr *)&to, sizeof(to)),
                         lens[i]);
    }
    assert_int_equal(receive(rx, slots, 2), 2);
    assert_int_equal(slots[0].len, 10);
    assert_int_equal(slots[1].len, JV_BUF_ROOM);
    assert_int_equal(jv_udp_counts(rx)->truncated, 1);
    assert_ptr_not_equal(slots[1].buf, slots[2].buf);
    (void)close(fd);
    jv_udp_close(rx);
}

static void tun_carries_packets_and_outlives_its_process(void **state)
{
    (void)state;
    struct jv_netcfg *cfg;
    struct jv_tun *tun;
    bool adopted = true;
    enter(ns_a);
    assert_int_equal(jv_netcfg_open(&cfg), JV_E_OK);
    assert_int_equal(open_tun("jvt0", &tun, &adopted), JV_E_OK);
    assert_false(adopted);
    struct jv_tun *second;
    assert_int_equal(open_tun("jvt0", &second, NULL), JV_E_EXISTS);
    assert_int_equal(open_tun("va", &second, NULL), JV_E_EXISTS);
    assert_int_equal(open_tun("too-long-a-name-this", &second, NULL), JV_E_RANGE);
    assert_int_equal(jv_tun_set_persist(tun, true), JV_E_OK);
    jv_tun_close(tun);
    assert_int_equal(open_tun("jvt0", &tun, &adopted), JV_E_OK);
    assert_true(adopted);

    struct jv_prefix inner = prefix("10.80.0.1/24");
    assert_int_equal(jv_netcfg_link_set(cfg, jv_tun_ifindex(tun), true, 1380), JV_E_OK);
    assert_int_equal(jv_netcfg_addr_add(cfg, jv_tun_ifindex(tun), &inner), JV_E_OK);
    assert_int_equal(jv_netcfg_addr_add(cfg, jv_tun_ifindex(tun), &inner), JV_E_OK);
    struct jv_udp *udp = open_udp("10.80.0.1:5000", NULL);
    struct jv_slot slots[SLOTS];
    struct jv_udp_sent sent;
    fill_slots(slots, "10.80.0.9:6000");
    jv_udp_send(udp, slots, 2, &sent);
    assert_int_equal(sent.sent, 2);
    uint32_t found = 0;
    while (found < 2 && wait_for(jv_tun_fd(tun), POLLIN)) {
        uint32_t n = tun_read(tun, slots);
        for (uint32_t i = 0; i < n; i++) {
            uint8_t *packet = slots[i].buf + slots[i].off;
            if (packet[0] != 0x45 || packet[9] != IPPROTO_UDP) {
                continue; /* router solicitations of the new device */
            }
            assert_int_equal(slots[i].len, 28 + 100 + found);
            found++;
            /* Turned round (addresses and ports exchanged keep the checksums), it is an answer. */
            uint8_t swap[4];
            memcpy(swap, packet + 12, 4);
            memcpy(packet + 12, packet + 16, 4);
            memcpy(packet + 16, swap, 4);
            memcpy(swap, packet + 20, 2);
            memcpy(packet + 20, packet + 22, 2);
            memcpy(packet + 22, swap, 2);
            assert_true(tun_write(tun, &slots[i]));
        }
    }
    assert_int_equal(found, 2);
    assert_int_equal(receive(udp, slots, 2), 2);
    assert_int_equal(slots[1].remote.port, 6000);
    slots[0].len = 3;
    assert_false(tun_write(tun, slots));
    assert_int_equal(jv_tun_counts(tun)->dropped_invalid, 1);

    uint32_t removed = 0;
    assert_int_equal(jv_netcfg_addr_flush(cfg, jv_tun_ifindex(tun), &inner, 1, &removed), JV_E_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(jv_netcfg_addr_flush(cfg, jv_tun_ifindex(tun), NULL, 0, &removed), JV_E_OK);
    assert_int_equal(removed, 1);
    jv_udp_close(udp);
    jv_tun_close(tun);
    jv_netcfg_close(cfg);
}

/* ---- many packets at once ---- */

static struct jv_udp *open_udp_with(const char *local, const char *device, bool no_gso, bool no_gro)
{
    struct jv_udp *udp = NULL;
    const struct jv_udp_cfg cfg = {
        .local = endpoint(local), .device = device, .no_gso = no_gso, .no_gro = no_gro};
    assert_int_equal(jv_udp_open(&cfg, &udp, NULL), JV_E_OK);
    return udp;
}

static void check_bytes(const struct jv_slot *slot, uint32_t len, uint8_t value)
{
    assert_int_equal(slot->len, len);
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(slot->buf[slot->off + i], value);
    }
}

/* Datagrams of `lens` to `dst` as they are in `slots`; those that come are the same, in order. */
static void check_carried(struct jv_udp *tx, struct jv_udp *rx, struct jv_slot *slots,
                          const uint32_t *lens)
{
    struct jv_udp_sent sent;
    struct jv_slot given[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i].len = lens[i];
        memset(buffers[i] + JV_BUF_HEADROOM, (int)i + 1, lens[i]);
    }
    memcpy(given, slots, sizeof(given));
    jv_udp_send(tx, slots, SLOTS, &sent);
    assert_int_equal(sent.sent, SLOTS);
    assert_int_equal(receive(rx, slots, SLOTS), SLOTS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        check_bytes(&slots[i], lens[i], (uint8_t)(i + 1));
        assert_int_equal(slots[i].ecn, given[i].ecn);
        assert_true(jv_ip_is_equal(&slots[i].local.ip, &given[i].remote.ip));
    }
}

static void fill_alike(struct jv_slot *slots, const char *remote)
{
    fill_slots(slots, remote);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i].ecn = 0;
        slots[i].dscp = 0;
    }
}

static void segments_go_as_one_message_and_come_as_datagrams(void **state)
{
    (void)state;
    static const char *const pairs[][3] = {{"0.0.0.0:1010", "0.0.0.0:4433", "10.9.0.2:4433"},
                                           {"[::]:1010", "[::]:4433", "[fd09::2]:4433"}};
    static const uint32_t lens[SLOTS] = {1200, 1200, 1200, 1200, 1200, 1200, 1200, 300};
    for (uint32_t k = 0; k < 4 * JV_ARRAY_LEN(pairs); k++) {
        const char *const *pair = pairs[k / 4];
        bool no_gso = (k & 1U) != 0;
        bool no_gro = (k & 2U) != 0;
        struct jv_slot slots[SLOTS];
        enter(ns_b);
        struct jv_udp *rx = open_udp_with(pair[1], NULL, false, no_gro);
        enter(ns_a);
        struct jv_udp *tx = open_udp_with(pair[0], "va", no_gso, false);
        assert_int_equal(jv_udp_has_gso(tx), !no_gso);
        assert_int_equal(jv_udp_has_gro(rx), !no_gro);
        fill_alike(slots, pair[2]);
        check_carried(tx, rx, slots, lens);
        assert_int_equal(jv_udp_counts(tx)->gso_messages, no_gso ? 0 : 1);
        assert_int_equal(jv_udp_counts(tx)->gso_refused, 0);
        /* veth hands the message over as it is: only the receiving socket may have it cut. */
        assert_int_equal(jv_udp_counts(rx)->gro_messages, no_gso || no_gro ? 0 : 1);
        jv_udp_close(tx);
        jv_udp_close(rx);
    }
}

static void runs_end_where_datagrams_differ(void **state)
{
    (void)state;
    static const uint32_t alike[SLOTS] = {100, 100, 100, 100, 100, 100, 100, 100};
    static const uint32_t mixed[SLOTS] = {100, 100, 60, 100, 100, 120, 120, 50};
    struct jv_slot slots[SLOTS];
    enter(ns_b);
    struct jv_udp *rx = open_udp("0.0.0.0:4433", NULL);
    enter(ns_a);
    struct jv_udp *tx = open_udp("0.0.0.0:1011", "va");
    /* Four runs of two: the second differs from the first in ECN, the third in DSCP, the fourth in its peer. */
    fill_alike(slots, "10.9.0.2:4433");
    for (uint32_t i = 2; i < SLOTS; i++) {
        slots[i].ecn = 1;
        slots[i].dscp = i < 4 ? 0 : 46;
        slots[i].remote = endpoint(i < 6 ? "10.9.0.2:4433" : "10.10.0.1:4433");
    }
    check_carried(tx, rx, slots, alike);
    assert_int_equal(jv_udp_counts(tx)->gso_messages, 4);
    /* Three runs: a shorter one ends its run, a longer one begins another. */
    fill_alike(slots, "10.9.0.2:4433");
    check_carried(tx, rx, slots, mixed);
    assert_int_equal(jv_udp_counts(tx)->gso_messages, 4 + 3);
    jv_udp_close(tx);
    jv_udp_close(rx);
}

static void segments_too_big_are_told_one_by_one(void **state)
{
    (void)state;
    struct jv_slot slots[SLOTS];
    struct jv_udp_sent sent;
    enter(ns_b);
    struct jv_udp *rx = open_udp("0.0.0.0:4433", NULL);
    enter(ns_a);
    run("ip link set va mtu 1400");
    struct jv_udp *tx = open_udp("0.0.0.0:1012", "va");
    fill_alike(slots, "10.9.0.2:4433");
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i].len = i < 5 ? 1450 : 800;
        memset(buffers[i] + JV_BUF_HEADROOM, (int)i + 1, slots[i].len);
    }
    jv_udp_send(tx, slots, SLOTS, &sent);
    run("ip link set va mtu 1500");
    assert_int_equal(sent.dropped_too_big, 5);
    assert_int_equal(sent.sent, 3);
    assert_true(jv_udp_has_gso(tx));
    assert_int_equal(receive(rx, slots, 3), 3);
    for (uint32_t i = 0; i < 3; i++) {
        check_bytes(&slots[i], 800, (uint8_t)(5 + i + 1));
    }
    assert_int_equal(jv_udp_counts(tx)->gso_refused, 1);
    assert_int_equal(jv_udp_counts(tx)->gso_messages, 1); /* the rest still goes as one */
    jv_udp_close(tx);
    jv_udp_close(rx);
}

static void tun_offloads_are_what_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        struct jv_tun_cfg cfg;
        bool csum, tso, uso;
    } rows[] = {
        {{.name = "jvt1"}, true, true, true},
        {{.name = "jvt1", .no_uso = true}, true, true, false},
        {{.name = "jvt1", .no_tso = true}, true, false, false},
        {{.name = "jvt1", .no_csum = true}, false, false, false},
        {{.name = "jvt1", .no_hdr = true}, false, false, false},
    };
    enter(ns_a);
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        struct jv_tun *tun;
        assert_int_equal(jv_tun_open(&rows[i].cfg, &tun, NULL), JV_E_OK);
        assert_int_equal(jv_tun_has_csum(tun), rows[i].csum);
        assert_int_equal(jv_tun_has_tso(tun), rows[i].tso);
        assert_int_equal(jv_tun_has_uso(tun), rows[i].uso);
        jv_tun_close(tun);
    }
}

/* Everything that waits at one device goes into the other as it is; `seen` is the last TCP that was not cut. */
static void carry(struct jv_tun *from, struct jv_tun *to, struct jv_gso *seen)
{
    static uint8_t packet[JV_GSO_BYTES_MAX + 1U];
    for (;;) {
        struct jv_gso gso;
        struct iovec iov[2];
        iov[1] = (struct iovec){packet, sizeof(packet)};
        iov[1].iov_len = jv_tun_read(from, iov, 2, &gso);
        if (iov[1].iov_len == 0) {
            return;
        }
        if (gso.kind == JV_GSO_TCP4) {
            *seen = gso;
        }
        assert_true(jv_tun_write(to, &gso, iov, 2));
    }
}

#define STREAM_BYTES (256U * 1024U)

static void tcp_crosses_the_devices_uncut(void **state)
{
    (void)state;
    static uint8_t stream[STREAM_BYTES], came[STREAM_BYTES];
    const int namespaces[2] = {ns_a, ns_b};
    struct jv_tun *tuns[2];
    struct jv_gso seen = {0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7000)};
    to.sin_addr.s_addr = htonl(0x0a500102);
    for (int k = 0; k < 2; k++) {
        const struct jv_tun_cfg cfg = {.name = "jvt1"};
        enter(namespaces[k]);
        assert_int_equal(jv_tun_open(&cfg, &tuns[k], NULL), JV_E_OK);
        run("ip addr add 10.80.1.%d/24 dev jvt1 && ip link set jvt1 up mtu 1400", k + 1);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(listen(listener, 1), 0);
    enter(ns_a);
    int out = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(connect(out, (const struct sockaddr *)&to, sizeof(to)) == 0 ||
                errno == EINPROGRESS);
    for (size_t i = 0; i < sizeof(stream); i++) {
        stream[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    }
    int in = -1;
    size_t sent = 0;
    size_t got = 0;
    for (int round = 0; round < 3000 && got < sizeof(came); round++) {
        struct pollfd p[] = {{.fd = jv_tun_fd(tuns[0]), .events = POLLIN},
                             {.fd = jv_tun_fd(tuns[1]), .events = POLLIN}};
        (void)poll(p, 2, 1);
        carry(tuns[0], tuns[1], &seen);
        carry(tuns[1], tuns[0], &seen);
        in = in < 0 ? accept(listener, NULL, NULL) : in;
        ssize_t n = send(out, stream + sent, sizeof(stream) - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        n = in < 0 ? 0 : recv(in, came + got, sizeof(came) - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, sizeof(came));
    assert_memory_equal(came, stream, sizeof(came));
    assert_int_equal(seen.kind, JV_GSO_TCP4);
    assert_in_range(seen.seg_bytes, 1400 - 60, 1400 - 40); /* with or without timestamps */
    assert_true(seen.is_csum_partial);
    assert_true(jv_tun_counts(tuns[0])->read_gso >= 1);
    assert_true(jv_tun_counts(tuns[1])->written_gso >= 1);
    (void)close(in);
    (void)close(out);
    (void)close(listener);
    jv_tun_close(tuns[0]);
    jv_tun_close(tuns[1]);
}

static uint32_t half_routes(struct jv_netcfg *cfg, uint32_t ifindex)
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

static void device_bound_socket_ignores_half_routes(void **state)
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

static void leftover_routes_are_found_and_removed(void **state)
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

static void watch_tells_each_change_once(void **state)
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

static void watch_repairs_an_overrun(void **state)
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

static struct jv_udp_sent send_one(struct jv_udp *udp, const char *dst, const char *source)
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

/* Which errors a send gives for what this host knows by itself; each has to be told as a LOCAL fact. */
static void loss_of_device_address_or_route_is_a_local_fact(void **state)
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

static void names_are_resolved_on_marked_bound_sockets(void **state)
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

static void sandboxed_user_can_do_all_of_it(void **state)
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
        cmocka_unit_test(over_long_datagram_is_skipped),
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
