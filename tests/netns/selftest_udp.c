/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_udp -- part of net_selftest: sockets: batches, ECN and addresses, errors, what is too long, many datagrams in one message. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_selftest.h"
#include "sys.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h */
#endif

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

void batch_carries_ecn_and_local_address_v4(void **state)
{
    (void)state;
    check_batch("0.0.0.0:1000", "0.0.0.0:4433", "10.9.0.2:4433", "10.9.0.1:1000");
    check_batch("0.0.0.0:1000", "0.0.0.0:4433", "10.9.0.2:4433", "10.9.0.3:1000");
}

void batch_carries_ecn_and_local_address_v6(void **state)
{
    (void)state;
    check_batch("[::]:1000", "[::]:4433", "[fd09::2]:4433", "[fd09::1]:1000");
    check_batch("[::]:1000", "[::]:4433", "[fd09::2]:4433", "[fd09::3]:1000");
}

void pending_icmp_error_costs_no_datagram(void **state)
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

void too_big_is_told_and_the_rest_goes(void **state)
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

/* Sends `len` bytes to port PORT of the loopback device, in segments where `seg_bytes` is not 0, without the module under test. */
static void send_plain(size_t len, uint16_t seg_bytes)
{
    static uint8_t bytes[16000];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int segment = seg_bytes;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
    assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)&to, sizeof(to)), len);
    (void)close(fd);
}

void over_long_datagrams_are_skipped(void **state)
{
    (void)state;
    struct jv_slot slots[SLOTS];
    enter(ns_a);
    run("ip link set lo mtu 4000");
    struct jv_udp *rx = open_udp("127.0.0.1:4433", NULL);
    const size_t lens[] = {10, JV_BUF_ROOM + 1U, JV_BUF_ROOM};
    for (size_t i = 0; i < JV_ARRAY_LEN(lens); i++) {
        send_plain(lens[i], 0);
    }
    assert_int_equal(receive(rx, slots, 2), 2);
    assert_int_equal(slots[0].len, 10);
    assert_int_equal(slots[1].len, JV_BUF_ROOM);
    assert_int_equal(jv_udp_counts(rx)->truncated, 1);
    assert_ptr_not_equal(slots[1].buf, slots[2].buf);

    /* One message: three that are too long, and a last one that is not. */
    send_plain(3 * 2500 + 7, 2500);
    assert_int_equal(receive(rx, slots, 1), 1);
    assert_int_equal(slots[0].len, 7);
    assert_int_equal(jv_udp_counts(rx)->gro_messages, 1);
    assert_int_equal(jv_udp_counts(rx)->truncated, 1 + 3);
    send_plain(2 * 2500, 2500);
    send_plain(11, 0);
    assert_int_equal(receive(rx, slots, 1), 1);
    assert_int_equal(slots[0].len, 11);
    assert_int_equal(jv_udp_counts(rx)->truncated, 1 + 3 + 2);
    assert_int_equal(jv_udp_counts(rx)->received, 4);
    jv_udp_close(rx);
}

void empty_datagrams_are_handed_out(void **state)
{
    (void)state;
    struct jv_slot slots[SLOTS];
    enter(ns_a);
    struct jv_udp *rx = open_udp("127.0.0.1:4433", NULL);
    send_plain(0, 0);
    send_plain(5, 0);
    send_plain(0, 0);
    assert_int_equal(receive(rx, slots, 3), 3);
    assert_int_equal(slots[0].len, 0);
    assert_int_equal(slots[1].len, 5);
    assert_int_equal(slots[2].len, 0);
    assert_int_equal(slots[2].remote.ip.b[0], 127);
    assert_int_equal(jv_udp_counts(rx)->received, 3);
    assert_int_equal(jv_udp_counts(rx)->received_bytes, 5);
    assert_false(jv_udp_has_rest(rx));
    jv_udp_close(rx);
}

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

void segments_go_as_one_message_and_come_as_datagrams(void **state)
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

void runs_end_where_datagrams_differ(void **state)
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

void segments_too_big_are_told_one_by_one(void **state)
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
