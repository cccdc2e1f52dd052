/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_selftest -- in what order packets wait in a TUN device, against a real kernel, inside a namespace of its own that ends with it.
 *
 *      jvq0 10.81.0.1/24 fd81::1/64, MTU 1400: the device under test; 10.81.0.9 and fd81::9 are behind it
 *
 * Needs root, CAP_BPF and iproute2. Prints TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bql.h"
#include "config.h"
#include "device.h"
#include "lanes.h"
#include "selftest_run.h"
#include "sys.h"
#include "tun.h"
#include "tunio.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define DEVICE "jvq0"
#define RING 500U       /* packets of one queue (TUN_READQ_SIZE) */
#define SEG_BYTES 1000U /* of what is not cut */
#define UNCUT_BYTES 20000U
#define UNCUT_PACKET (28U + UNCUT_BYTES) /* with its headers: IPv4 */
#define SEEN_MAX 1024U

/* What was read from one queue, in order: the number at the beginning of each UDP payload. */
struct seen {
    uint32_t len;
    uint32_t seq[SEEN_MAX];
    uint16_t port[SEEN_MAX]; /* source; 0: no UDP */
    uint32_t uncut;
};

static struct jv_tun *tuns[JV_LANES]; /* by lane */
static struct jv_lanes *lanes;
static uint8_t packet[JV_GSO_BYTES_MAX + 1U];
static uint16_t next_port = 2000;

/* ---- the device ---- */

static struct jv_tun *open_first(bool has_queues)
{
    const struct jv_tun_cfg cfg = {.name = DEVICE, .has_queues = has_queues};
    struct jv_tun *tun = NULL;
    assert_int_equal(jv_tun_open(&cfg, &tun, NULL), JV_E_OK);
    run("ip addr replace 10.81.0.1/24 dev " DEVICE " && ip addr replace fd81::1/64 dev " DEVICE
        " nodad && ip link set " DEVICE " up mtu 1400");
    return tun;
}

/* Two queues with a bound of `bytes` each (0: none), and the lanes where they are asked for. */
static void open_two(uint64_t bytes, bool has_lanes)
{
    tuns[JV_LANE_BULK] = open_first(true);
    assert_int_equal(jv_tun_bound(tuns[JV_LANE_BULK], bytes), JV_E_OK);
    assert_int_equal(jv_tun_open_queue(tuns[JV_LANE_BULK], &tuns[JV_LANE_SPARSE]), JV_E_OK);
    if (has_lanes) {
        assert_int_equal(jv_lanes_open(&lanes), JV_E_OK);
        assert_int_equal(jv_lanes_attach(lanes, jv_tun_fd(tuns[JV_LANE_BULK])), JV_E_OK);
    }
}

static void close_two(void)
{
    jv_lanes_close(lanes);
    lanes = NULL;
    jv_tun_close(tuns[JV_LANE_SPARSE]);
    jv_tun_close(tuns[JV_LANE_BULK]);
    tuns[0] = tuns[1] = NULL;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* One packet of a test; what the kernel sends by itself (IPv6 multicast) is passed over. False: nothing waits. */
static bool read_one(struct jv_tun *tun, struct seen *seen)
{
    for (;;) {
        struct jv_gso gso;
        struct iovec iov[2];
        iov[1] = (struct iovec){packet, sizeof(packet)};
        uint32_t len = jv_tun_read(tun, iov, 2, &gso);
        if (len == 0) {
            return false;
        }
        if (packet[0] >> 4 == 6 && len >= 40 && packet[24] == 0xff) {
            continue;
        }
        assert_true(seen->len < SEEN_MAX);
        bool is_v6 = packet[0] >> 4 == 6;
        uint32_t at = is_v6 ? 40 : 20;
        bool is_udp = len >= at + 12 && packet[is_v6 ? 6 : 9] == IPPROTO_UDP;
        seen->port[seen->len] = is_udp ? get16(packet + at) : 0;
        if (is_udp) {
            memcpy(&seen->seq[seen->len], packet + at + 8, sizeof(uint32_t));
        }
        seen->len++;
        seen->uncut += gso.kind != JV_GSO_NONE;
        return true;
    }
}

static void read_all(struct jv_tun *tun, struct seen *seen)
{
    while (read_one(tun, seen)) {
    }
}

static struct seen seen_in(struct jv_tun *tun)
{
    struct seen seen = {0};
    read_all(tun, &seen);
    return seen;
}

/* ---- senders ---- */

static void bind_and_connect(int fd, sa_family_t family, uint16_t port)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in b4 = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_in6 b6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    bool is_v4 = family == AF_INET;
    socklen_t len = is_v4 ? sizeof(a4) : sizeof(a6);
    assert_int_equal(inet_pton(AF_INET, "10.81.0.9", &b4.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "fd81::9", &b6.sin6_addr), 1);
    assert_int_equal(bind(fd, is_v4 ? (const void *)&a4 : (const void *)&a6, len), 0);
    assert_int_equal(connect(fd, is_v4 ? (const void *)&b4 : (const void *)&b6, len), 0);
}

/* A flow of its own: no other one of this run has its source port. */
static int open_flow(sa_family_t family)
{
    int big = 1 << 22;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big)), 0);
    bind_and_connect(fd, family, next_port++);
    return fd;
}

/* `len` bytes of payload, which begins with `seq`. */
static void put(int fd, uint32_t seq, uint32_t len)
{
    static uint8_t bytes[UNCUT_BYTES];
    memcpy(bytes, &seq, sizeof(seq));
    assert_int_equal(send(fd, bytes, len, 0), len);
}

/* One packet that is cut into segments later. */
static void put_uncut(int fd, uint32_t seq)
{
    int segment = SEG_BYTES;
    int none = 0;
    assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
    put(fd, seq, UNCUT_BYTES);
    assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof(none)), 0);
}

static void need_uncut(void)
{
    if (!jv_tun_has_uso(tuns[JV_LANE_BULK])) {
        print_message("# this kernel's TUN has no USO\n");
        close_two();
        skip();
    }
}

/* Where the `packets` that wait went; they are all in one lane. */
static uint32_t lane_of(uint32_t packets)
{
    struct seen sparse = seen_in(tuns[JV_LANE_SPARSE]);
    struct seen bulk = seen_in(tuns[JV_LANE_BULK]);
    assert_int_equal(sparse.len + bulk.len, packets);
    assert_true(sparse.len == 0 || bulk.len == 0);
    return bulk.len > 0 ? JV_LANE_BULK : JV_LANE_SPARSE;
}

static uint32_t lane_of_small(int fd)
{
    put(fd, 0, 100);
    return lane_of(1);
}

static int64_t now_ms(void)
{
    struct timespec at;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &at), 0);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void sleep_until(int64_t ms)
{
    struct timespec at = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/* ---- lanes ---- */

static void send_echo(sa_family_t family)
{
    bool is_v4 = family == AF_INET;
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    uint8_t echo[64] = {is_v4 ? 8 : 128};
    assert_true(fd >= 0);
    bind_and_connect(fd, family, 0);
    assert_int_equal(send(fd, echo, sizeof(echo), 0), sizeof(echo));
    (void)close(fd);
}

static void small_packets_are_sparse(void **state)
{
    (void)state;
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    open_two(0, true);
    for (size_t i = 0; i < JV_ARRAY_LEN(families); i++) {
        int fd = open_flow(families[i]);
        assert_int_equal(lane_of_small(fd), JV_LANE_SPARSE);
        (void)close(fd);
        send_echo(families[i]);
        assert_int_equal(lane_of(1), JV_LANE_SPARSE);
    }
    /* Below the limit a flow may send as it likes: half of it at once, in three windows. */
    int fd = open_flow(AF_INET);
    for (int round = 0; round < 3; round++) {
        int64_t at = now_ms();
        for (uint32_t i = 0; i < JV_LANES_SPARSE_BYTES / 2 / 1228; i++) {
            put(fd, i, 1200);
        }
        assert_int_equal(lane_of(JV_LANES_SPARSE_BYTES / 2 / 1228), JV_LANE_SPARSE);
        sleep_until(at + 20);
    }
    (void)close(fd);
    close_two();
}

/* The lanes tell the order of reading; each flow's numbers come in order. */
static void check_in_order(const struct seen *sparse, const struct seen *bulk)
{
    uint32_t want = 0;
    for (uint32_t i = 0; i < sparse->len; i++) {
        assert_int_equal(sparse->seq[i], want++);
    }
    for (uint32_t i = 0; i < bulk->len; i++) {
        assert_int_equal(bulk->seq[i], want++);
    }
}

#define BURST 200U

static void flow_that_sends_much_changes_lanes_in_order(void **state)
{
    (void)state;
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    open_two(0, true);
    for (size_t i = 0; i < JV_ARRAY_LEN(families); i++) {
        uint32_t headers = families[i] == AF_INET ? 28 : 48;
        uint32_t within = JV_LANES_SPARSE_BYTES / (1200 + headers);
        int other = open_flow(families[i]);
        int fd = open_flow(families[i]);
        struct seen sparse, bulk;
        uint32_t seq = 0;
        do { /* a process that was stopped meanwhile has sent little in each window */
            int64_t at = now_ms();
            for (seq = 0; seq < BURST; seq++) {
                put(fd, seq, 1200);
            }
            sparse = seen_in(tuns[JV_LANE_SPARSE]);
            bulk = seen_in(tuns[JV_LANE_BULK]);
            check_in_order(&sparse, &bulk);
            assert_int_equal(sparse.len + bulk.len, BURST);
            assert_true(sparse.len >= within);
            if (now_ms() - at < 10) {
                assert_true(sparse.len <= 2 * within); /* two windows at most */
            }
        } while (bulk.len == 0);
        assert_int_equal(lane_of_small(fd), JV_LANE_BULK);
        assert_int_equal(lane_of_small(other), JV_LANE_SPARSE);
        (void)close(fd);
        (void)close(other);
    }
    close_two();
}

static void uncut_packet_is_bulk_and_small_ones_follow(void **state)
{
    (void)state;
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    open_two(0, true);
    need_uncut();
    for (size_t i = 0; i < JV_ARRAY_LEN(families); i++) {
        int fd = open_flow(families[i]);
        int other = open_flow(families[i]);
        put(fd, 0, 100);
        put(fd, 1, 100);
        put_uncut(fd, 2);
        put(fd, 3, 100);
        struct seen sparse = seen_in(tuns[JV_LANE_SPARSE]);
        struct seen bulk = seen_in(tuns[JV_LANE_BULK]);
        check_in_order(&sparse, &bulk);
        assert_int_equal(sparse.len, 2);
        assert_int_equal(bulk.len, 2);
        assert_int_equal(bulk.uncut, 1);
        assert_int_equal(lane_of_small(other), JV_LANE_SPARSE);
        (void)close(fd);
        (void)close(other);
    }
    close_two();
}

static void flow_is_sparse_again_after_the_hold(void **state)
{
    (void)state;
    open_two(0, true);
    need_uncut();
    int fd = open_flow(AF_INET);
    for (;;) { /* again where this process was stopped for longer */
        int64_t at = now_ms();
        put_uncut(fd, 0);
        assert_int_equal(lane_of(1), JV_LANE_BULK);
        sleep_until(at + JV_LANES_HOLD_MS / 2);
        uint32_t lane = lane_of_small(fd);
        if (now_ms() - at < JV_LANES_HOLD_MS) {
            assert_int_equal(lane, JV_LANE_BULK);
        }
        /* The hold counts from the last uncut packet. */
        int64_t again = now_ms();
        put_uncut(fd, 0);
        assert_int_equal(lane_of(1), JV_LANE_BULK);
        sleep_until(at + JV_LANES_HOLD_MS + 30);
        lane = lane_of_small(fd);
        if (now_ms() - again < JV_LANES_HOLD_MS) {
            assert_int_equal(lane, JV_LANE_BULK);
            break;
        }
    }
    sleep_until(now_ms() + JV_LANES_HOLD_MS + 5);
    assert_int_equal(lane_of_small(fd), JV_LANE_SPARSE);
    (void)close(fd);
    close_two();
}

/* Bytes as they stand, through the device. */
static void send_raw(const void *bytes, size_t len)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_IP),
                             .sll_ifindex = (int)if_nametoindex(DEVICE)};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if ((*(const uint8_t *)bytes) >> 4 == 6) {
        to.sll_protocol = htons(ETH_P_IPV6);
    }
    assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)&to, sizeof(to)), len);
    (void)close(fd);
}

static void fragments_of_a_datagram_stay_together(void **state)
{
    (void)state;
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    open_two(0, true);
    need_uncut();
    for (size_t i = 0; i < JV_ARRAY_LEN(families); i++) {
        int fd = open_flow(families[i]);
        put_uncut(fd, 0); /* what has these ports is bulk */
        assert_int_equal(lane_of(1), JV_LANE_BULK);
        put(fd, 0, 4000);
        assert_int_equal(lane_of(3), JV_LANE_SPARSE);
        assert_int_equal(lane_of_small(fd), JV_LANE_BULK);
        /* Fragments of all flows between two hosts are one flow. */
        uint32_t lane = JV_LANE_SPARSE;
        for (int round = 0; round < 100 && lane == JV_LANE_SPARSE; round++) {
            for (int k = 0; k < 40; k++) {
                put(fd, 0, 4000);
            }
            (void)seen_in(tuns[JV_LANE_SPARSE]);
            lane = seen_in(tuns[JV_LANE_BULK]).len > 0 ? JV_LANE_BULK : JV_LANE_SPARSE;
        }
        assert_int_equal(lane, JV_LANE_BULK);
        int other = open_flow(families[i]);
        put(other, 0, 4000);
        assert_int_equal(lane_of(3), JV_LANE_BULK);
        assert_int_equal(lane_of_small(other), JV_LANE_SPARSE);
        (void)close(fd);
        (void)close(other);
    }
    close_two();
}

static void strange_packets_pass(void **state)
{
    (void)state;
    /* Headers whose checksum nobody looks at here. */
    static const uint8_t v4[20] = {0x45, 0, 0,  20, 0, 0, 0,  0,  64, 47,
                                   0,    0, 10, 81, 0, 1, 10, 81, 0,  9};
    static const uint8_t v6[40] = {0x60, 0,    0,    0,        0,           0,           59,
                                   64,   0xfd, 0x81, [23] = 1, [24] = 0xfd, [25] = 0x81, [39] = 9};
    static const struct {
        uint8_t first, protocol;
        size_t len;
    } rows[] = {
        {0x45, 47, 60},          /* GRE */
        {0x45, IPPROTO_UDP, 20}, /* nothing behind the header */
        {0x45, IPPROTO_UDP, 23}, {0x45, IPPROTO_UDP, 24},  {0x45, IPPROTO_UDP, 27},
        {0x46, IPPROTO_UDP, 60}, {0x4f, IPPROTO_TCP, 100}, /* options */
        {0x40, IPPROTO_TCP, 40}, {0x75, 17, 60},           /* no header at all */
        {0x45, IPPROTO_TCP, 1},  {0x45, IPPROTO_TCP, 19},  {0x60, 59, 40},
        {0x60, IPPROTO_UDP, 43}, {0x60, IPPROTO_TCP, 44},  {0x60, 0, 80},
        {0x60, 44, 80},          {0x60, IPPROTO_UDP, 8},
    };
    open_two(0, true);
    int fd = open_flow(AF_INET);
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        uint8_t bytes[128] = {0};
        bool is_v6 = rows[i].first >> 4 == 6;
        memcpy(bytes, is_v6 ? v6 : v4, is_v6 ? sizeof(v6) : sizeof(v4));
        bytes[0] = rows[i].first;
        bytes[is_v6 ? 6 : 9] = rows[i].protocol;
        send_raw(bytes, rows[i].len);
        assert_int_equal(lane_of(1), JV_LANE_SPARSE);
        assert_int_equal(lane_of_small(fd), JV_LANE_SPARSE);
    }
    (void)close(fd);
    close_two();
}

#define FLOWS 64U

static void cleared_lanes_are_the_kernels_choice(void **state)
{
    (void)state;
    int fds[FLOWS];
    open_two(0, true);
    for (uint32_t i = 0; i < FLOWS; i++) {
        fds[i] = open_flow(AF_INET);
        put(fds[i], i, 100);
    }
    assert_int_equal(lane_of(FLOWS), JV_LANE_SPARSE);
    jv_lanes_clear(jv_tun_fd(tuns[JV_LANE_BULK]));
    for (uint32_t i = 0; i < FLOWS; i++) {
        put(fds[i], i, 100);
        (void)close(fds[i]);
    }
    struct seen sparse = seen_in(tuns[JV_LANE_SPARSE]);
    struct seen bulk = seen_in(tuns[JV_LANE_BULK]);
    assert_int_equal(sparse.len + bulk.len, FLOWS);
    assert_true(sparse.len > 0 && bulk.len > 0);
    close_two();
}

/* ---- the bound ---- */

#define BOUND_PACKETS 5U
#define BOUND (BOUND_PACKETS * UNCUT_PACKET - 100U) /* the last packet goes beyond it */

/* How many of `n` uncut packets the device takes; they wait. */
static uint32_t taken_of(int fd, uint32_t n)
{
    uint64_t drops = jv_tun_bound_drops(tuns[JV_LANE_BULK]);
    for (uint32_t i = 0; i < n; i++) {
        put_uncut(fd, i);
    }
    return n - (uint32_t)(jv_tun_bound_drops(tuns[JV_LANE_BULK]) - drops);
}

static void open_bounded(bool has_queues, uint64_t bytes)
{
    tuns[JV_LANE_BULK] = open_first(has_queues);
    assert_int_equal(jv_tun_bound(tuns[JV_LANE_BULK], bytes), JV_E_OK);
    need_uncut();
}

static void uncut_packets_beyond_the_bound_are_dropped(void **state)
{
    (void)state;
    open_bounded(false, BOUND);
    struct jv_tun *tun = tuns[JV_LANE_BULK];
    int fd = open_flow(AF_INET);
    assert_int_equal(jv_tun_bound_drops(tun), 0);
    assert_int_equal(taken_of(fd, 8), BOUND_PACKETS);
    assert_int_equal(jv_tun_bound_drops(tun), 3);
    for (uint32_t i = 0; i < 50; i++) {
        put(fd, i, 1200);
    }
    assert_int_equal(jv_tun_bound_drops(tun), 3);
    /* Two out, two in. */
    struct seen seen = {0};
    assert_true(read_one(tun, &seen) && read_one(tun, &seen));
    assert_int_equal(seen.uncut, 2);
    read_all(tun, &seen);
    assert_int_equal(seen.uncut, BOUND_PACKETS);
    assert_int_equal(seen.len, BOUND_PACKETS + 50);
    assert_int_equal(taken_of(fd, 8), BOUND_PACKETS);
    seen.len = 0;
    assert_true(read_one(tun, &seen) && read_one(tun, &seen));
    assert_int_equal(taken_of(fd, 8), 2);
    seen = seen_in(tun);
    assert_int_equal(seen.uncut, BOUND_PACKETS);
    (void)close(fd);
    close_two();
}

static void overflow_leaves_no_drift(void **state)
{
    (void)state;
    open_bounded(false, BOUND);
    struct jv_tun *tun = tuns[JV_LANE_BULK];
    int fd = open_flow(AF_INET);
    for (uint32_t round = 0; round < 50; round++) {
        /* Behind the program the device drops what its queue has no place for. */
        for (uint32_t i = 0; i < RING + 200; i++) {
            put(fd, i, 40 + i % 1000);
        }
        (void)taken_of(fd, 2 * BOUND_PACKETS);
        assert_in_range(seen_in(tun).len, RING - 20, RING); /* some are the kernel's own */
        assert_int_equal(taken_of(fd, BOUND_PACKETS + 1), BOUND_PACKETS);
        struct seen seen = {0};
        assert_true(read_one(tun, &seen));
        assert_int_equal(taken_of(fd, 2), 1);
        assert_int_equal(seen_in(tun).uncut, BOUND_PACKETS);
    }
    (void)close(fd);
    close_two();
}

/* The reader never finds the queue empty, as under a flood. */
static void overflow_is_forgotten_while_packets_wait(void **state)
{
    (void)state;
    open_bounded(false, BOUND);
    struct jv_tun *tun = tuns[JV_LANE_BULK];
    struct seen seen = {0};
    int fd = open_flow(AF_INET);
    for (uint32_t i = 0; i < RING + 200; i++) {
        put(fd, i, 100);
    }
    assert_int_equal(taken_of(fd, 2 * BOUND_PACKETS),
                     BOUND_PACKETS); /* and lost behind the program */
    assert_true(read_one(tun, &seen));
    assert_int_equal(taken_of(fd, 1), 0);
    for (uint32_t i = 0; i < 2 * JV_BQL_READS; i++) {
        seen.len = 0;
        put(fd, i, 100);
        assert_true(read_one(tun, &seen));
    }
    seen.len = 0;
    assert_true(read_one(tun, &seen));
    assert_int_equal(taken_of(fd, 1), 1);
    (void)close(fd);
    close_two();
}

static void each_queue_has_a_bound_of_its_own(void **state)
{
    (void)state;
    int fds[JV_LANES] = {-1, -1};
    open_two(BOUND, false);
    need_uncut();
    /* Two flows that the kernel gives to one queue each. */
    while (fds[0] < 0 || fds[1] < 0) {
        int fd = open_flow(AF_INET);
        uint32_t lane = lane_of_small(fd);
        if (fds[lane] >= 0) {
            (void)close(fd);
        } else {
            fds[lane] = fd;
        }
    }
    assert_int_equal(taken_of(fds[0], 8), BOUND_PACKETS);
    assert_int_equal(taken_of(fds[1], 8), BOUND_PACKETS);
    assert_int_equal(seen_in(tuns[0]).uncut, BOUND_PACKETS);
    assert_int_equal(taken_of(fds[1], 1), 0);
    assert_int_equal(taken_of(fds[0], 8), BOUND_PACKETS);
    assert_int_equal(seen_in(tuns[1]).uncut, BOUND_PACKETS);
    assert_int_equal(taken_of(fds[1], 8), BOUND_PACKETS);
    (void)close(fds[0]);
    (void)close(fds[1]);
    close_two();
}

/* How many of eight uncut packets stand in the device, whose reader may know no bound. */
static uint32_t standing_of_eight(int fd)
{
    for (uint32_t i = 0; i < 8; i++) {
        put_uncut(fd, i);
    }
    return seen_in(tuns[JV_LANE_BULK]).uncut;
}

static void bound_is_taken_off(void **state)
{
    (void)state;
    open_bounded(false, BOUND);
    int fd = open_flow(AF_INET);
    assert_int_equal(standing_of_eight(fd), BOUND_PACKETS);
    assert_int_equal(jv_tun_bound(tuns[JV_LANE_BULK], 0), JV_E_OK);
    assert_int_equal(standing_of_eight(fd), 8);
    (void)close(fd);
    close_two();
}

static void adopted_device_has_no_earlier_programs(void **state)
{
    (void)state;
    static const bool kinds[] = {false, true};
    for (size_t i = 0; i < JV_ARRAY_LEN(kinds); i++) {
        open_bounded(kinds[i], BOUND);
        int fd = open_flow(AF_INET);
        assert_int_equal(standing_of_eight(fd), BOUND_PACKETS);
        assert_int_equal(jv_tun_set_persist(tuns[JV_LANE_BULK], true), JV_E_OK);
        close_two();
        tuns[JV_LANE_BULK] = open_first(kinds[i]);
        assert_false(jv_tun_is_renewed(tuns[JV_LANE_BULK]));
        for (int round = 0; round < 3;
             round++) { /* nobody tells a program of before what was read */
            assert_int_equal(standing_of_eight(fd), 8);
        }
        assert_int_equal(jv_tun_set_persist(tuns[JV_LANE_BULK], false), JV_E_OK);
        (void)close(fd);
        close_two();
    }
}

/* ---- without rights ---- */

/* CAP_NET_ADMIN stays, and CAP_BPF if `has_bpf`. */
static int drop_rights(bool has_bpf)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    data[CAP_NET_ADMIN / 32].permitted |= 1U << CAP_NET_ADMIN % 32;
    data[CAP_BPF / 32].permitted |= has_bpf ? 1U << CAP_BPF % 32 : 0U;
    data[0].effective = data[0].permitted;
    data[1].effective = data[1].permitted;
    return (int)syscall(SYS_capset, &header, data);
}

static int work_without_rights(void)
{
    struct jv_lanes *none = NULL;
    const struct jv_tun_cfg cfg = {.name = DEVICE, .has_queues = true};
    struct jv_tun *tun = NULL;
    if (drop_rights(false) != 0) {
        return 1;
    }
    errno = 0;
    if (jv_lanes_open(&none) != JV_E_PERM || errno != EPERM || none != NULL) {
        return 2;
    }
    if (jv_tun_open(&cfg, &tun, NULL) != JV_E_OK) {
        return 3;
    }
    errno = 0;
    if (jv_tun_bound(tun, BOUND) != JV_E_PERM || errno != EPERM || jv_tun_bound_drops(tun) != 0) {
        return 4;
    }
    jv_tun_close(tun);
    /* The whole of it works in the order of the device. */
    struct jv_config config = {.queue = JV_QUEUE_FAIR,
                               .offloads = JV_OFFLOAD_CSUM | JV_OFFLOAD_TSO | JV_OFFLOAD_USO,
                               .interface = DEVICE};
    struct jv_device device;
    if (jv_device_open(&config, 1, &device) != JV_E_OK || device.sparse != NULL ||
        device.queue_bytes != 0 || device.no_lanes == NULL || device.no_bound == NULL ||
        jv_tun_set_persist(device.tun, false) != JV_E_OK) {
        return 5;
    }
    jv_device_close(&device);
    return 0;
}

/* CAP_BPF is enough for both: nothing of them needs CAP_PERFMON or CAP_SYS_ADMIN. */
static int load_with_bpf_alone(void)
{
    struct jv_lanes *programs = NULL;
    struct jv_tun *tun = NULL;
    const struct jv_tun_cfg cfg = {.name = DEVICE, .has_queues = true};
    if (drop_rights(true) != 0) {
        return 1;
    }
    if (jv_lanes_open(&programs) != JV_E_OK) {
        return 2;
    }
    if (jv_tun_open(&cfg, &tun, NULL) != JV_E_OK || jv_tun_bound(tun, BOUND) != JV_E_OK ||
        jv_lanes_attach(programs, jv_tun_fd(tun)) != JV_E_OK) {
        return 3;
    }
    return 0;
}

static void in_a_child(int (*work)(void))
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(work());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void the_right_to_load_programs_is_enough(void **state)
{
    (void)state;
    in_a_child(load_with_bpf_alone);
}

static void without_rights_there_are_no_programs(void **state)
{
    (void)state;
    FILE *file = fopen("/proc/sys/kernel/unprivileged_bpf_disabled", "re");
    int way = file == NULL ? 0 : fgetc(file);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (way != '1' && way != '2') {
        skip(); /* everybody may have some */
    }
    in_a_child(work_without_rights);
}

/* ---- the reader ---- */

static uint8_t buffers[JV_BATCH_MAX][JV_BUF_BYTES];
static struct jv_tunio *io;

static void open_reader(void)
{
    open_two(4U << 20, true);
    need_uncut();
    assert_int_equal(jv_tunio_open(tuns[JV_LANE_BULK], tuns[JV_LANE_SPARSE], &io), JV_E_OK);
}

static void close_reader(void)
{
    jv_tunio_close(io);
    io = NULL;
    close_two();
}

/* One call for `n` packets at most; those of a test are added to `seen`. Returns how many came at all. */
static uint32_t tunio_read(struct seen *seen, uint32_t n)
{
    struct jv_slot slots[JV_BATCH_MAX];
    for (uint32_t i = 0; i < n; i++) {
        slots[i] = (struct jv_slot){.buf = buffers[i]};
    }
    uint32_t got = jv_tunio_read(io, jv_sys_now(), slots, n);
    assert_true(got <= n);
    for (uint32_t i = 0; i < got; i++) {
        const uint8_t *at = slots[i].buf + slots[i].off;
        if (at[0] != 0x45 || at[9] != IPPROTO_UDP) {
            continue; /* multicast of the kernel */
        }
        assert_true(seen->len < SEEN_MAX);
        seen->port[seen->len] = get16(at + 20);
        memcpy(&seen->seq[seen->len++], at + 28, sizeof(uint32_t));
    }
    return got;
}

static void tunio_keeps_the_order_of_a_flow(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 7, JV_BATCH_MAX};
    open_reader();
    for (size_t k = 0; k < JV_ARRAY_LEN(sizes); k++) {
        int fd = open_flow(AF_INET);
        struct seen seen = {0};
        for (uint32_t i = 0; i < BURST; i++) {
            put(fd, i, 1200);
        }
        put_uncut(fd, BURST);
        while (tunio_read(&seen, sizes[k]) > 0 || jv_tunio_has_rest(io)) {
        }
        assert_int_equal(seen.len, BURST + UNCUT_BYTES / SEG_BYTES);
        for (uint32_t i = 0; i <= BURST; i++) {
            assert_int_equal(seen.seq[i], i);
        }
        (void)close(fd);
    }
    close_reader();
}

static void sparse_packets_are_read_ahead_of_bulk(void **state)
{
    (void)state;
    open_reader();
    int fd = open_flow(AF_INET);
    int other = open_flow(AF_INET);
    struct seen seen = {0};
    for (uint32_t i = 0; i < 10; i++) {
        put_uncut(fd, 1);
    }
    put(other, 2, 100);
    assert_true(tunio_read(&seen, JV_BATCH_MAX) > 0);
    assert_int_equal(seen.seq[0], 2);
    /* Between two packets of the bulk lane as well; one that is cut already goes out to its end. */
    seen.len = 0;
    while (seen.len < 10) {
        assert_true(tunio_read(&seen, 10) > 0);
    }
    assert_int_equal(seen.seq[0], 1);
    put(other, 2, 100);
    uint32_t at = seen.len;
    while (seen.len == 0 || seen.seq[seen.len - 1] != 2) {
        assert_true(tunio_read(&seen, 10) > 0);
    }
    assert_true(seen.len <= at + UNCUT_BYTES / SEG_BYTES + 1);
    while (tunio_read(&seen, JV_BATCH_MAX) > 0 || jv_tunio_has_rest(io)) {
    }
    assert_int_equal(seen.len, 10 * UNCUT_BYTES / SEG_BYTES + 1);
    (void)close(fd);
    (void)close(other);
    close_reader();
}

static void busy_sparse_lane_starves_nobody(void **state)
{
    (void)state;
    int fds[FLOWS];
    uint32_t read = 0;
    bool came = false;
    open_reader();
    int fd = open_flow(AF_INET);
    for (uint32_t i = 0; i < FLOWS; i++) {
        fds[i] = open_flow(AF_INET);
    }
    put_uncut(fd, 1);
    /* The sparse lane never runs dry. */
    while (!came && read < 4 * JV_TUNIO_SPARSE_MAX) {
        struct seen seen = {0};
        for (uint32_t i = 0; i < FLOWS; i++) {
            put(fds[i], 2, 32);
            put(fds[i], 2, 32);
        }
        uint32_t n = tunio_read(&seen, JV_BATCH_MAX);
        assert_true(n > 0);
        for (uint32_t i = 0; i < seen.len; i++) {
            came = came || seen.seq[i] == 1;
        }
        read += n;
    }
    print_message("# after %u sparse packets\n", read);
    assert_true(came);
    assert_true(read >= RING && read <= JV_TUNIO_SPARSE_MAX + 2 * JV_BATCH_MAX);
    /* Nothing is left behind where the other lane has nothing: 0 says that nothing waits. */
    for (uint32_t turn = 0; turn < 3 * JV_TUNIO_SPARSE_MAX / JV_BATCH_MAX; turn++) {
        struct seen seen = {0};
        for (uint32_t i = 0; i < FLOWS; i++) {
            put(fds[i], 2, 32);
        }
        assert_true(tunio_read(&seen, JV_BATCH_MAX) > 0);
    }
    for (uint32_t i = 0; i < FLOWS; i++) {
        (void)close(fds[i]);
    }
    (void)close(fd);
    close_reader();
}

#define CHANGES 1500U

/* Of each flow a small packet and at once an uncut one. */
static void send_changes(void)
{
    for (uint32_t i = 0; i < CHANGES; i++) {
        struct timespec pause = {.tv_nsec =
                                     1000000}; /* few places of the table are bulk at a time */
        int fd = open_flow(AF_INET);
        put(fd, 1, 100);
        put_uncut(fd, 2);
        (void)close(fd);
        (void)nanosleep(&pause, NULL);
    }
}

static void order_holds_while_packets_come(void **state)
{
    (void)state;
    static bool has_begun[1U << 16];
    uint32_t flows = 0;
    uint32_t wrong = 0;
    open_reader();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        send_changes();
        _exit(0);
    }
    bool is_over = false;
    for (;;) {
        struct seen seen = {0};
        uint32_t n = tunio_read(&seen, JV_BATCH_MAX);
        for (uint32_t i = 0; i < seen.len; i++) {
            flows += seen.seq[i] == 1;
            wrong += seen.seq[i] == 2 && !has_begun[seen.port[i]];
            has_begun[seen.port[i]] = true;
        }
        if (n == 0 && is_over && !jv_tunio_has_rest(io)) {
            break;
        }
        is_over = is_over || waitpid(child, NULL, WNOHANG) == child;
    }
    print_message("# %u of %u flows out of order\n", wrong, flows);
    assert_int_equal(flows, CHANGES);
    assert_int_equal(wrong, 0);
    next_port = (uint16_t)(next_port + CHANGES);
    close_reader();
}

/* ---- the device as the daemon opens it ---- */

static void device_is_as_configured(void **state)
{
    (void)state;
    static const struct {
        uint32_t queue, offloads;
        bool has_lanes, is_new;
        uint32_t bytes;
    } rows[] = {
        {JV_QUEUE_FAIR, JV_OFFLOAD_CSUM | JV_OFFLOAD_TSO | JV_OFFLOAD_USO, true, true,
         JV_DEVICE_QUEUE_BYTES},
        {JV_QUEUE_FAIR, JV_OFFLOAD_CSUM | JV_OFFLOAD_TSO | JV_OFFLOAD_USO, true, false,
         JV_DEVICE_QUEUE_BYTES},
        {JV_QUEUE_DEVICE, JV_OFFLOAD_CSUM | JV_OFFLOAD_TSO | JV_OFFLOAD_USO, false, false, 0},
        {JV_QUEUE_FAIR, 0, true, false, 0}, /* what is cut already has a bound of packets */
        {JV_QUEUE_FAIR, JV_OFFLOAD_CSUM, true, false, 0},
        {JV_QUEUE_DEVICE, 0, false, false, 0},
    };
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        struct jv_config config = {
            .queue = rows[i].queue, .offloads = rows[i].offloads, .interface = DEVICE};
        struct jv_device device;
        assert_int_equal(jv_device_open(&config, 1, &device), JV_E_OK);
        assert_int_equal(device.sparse != NULL, rows[i].has_lanes);
        assert_int_equal(device.queue_bytes, rows[i].bytes);
        assert_null(device.no_lanes);
        assert_null(device.no_bound);
        assert_int_equal(device.is_new, rows[i].is_new);
        assert_false(jv_tun_is_renewed(device.tun));
        if (i + 1 == JV_ARRAY_LEN(rows)) {
            assert_int_equal(jv_tun_set_persist(device.tun, false), JV_E_OK);
        }
        jv_device_close(&device);
        assert_int_equal(if_nametoindex(DEVICE) == 0, i + 1 == JV_ARRAY_LEN(rows));
    }
}

/* One that has a single queue stays as it is, with what others set on it; there are no lanes, but there is a bound. */
static void device_of_one_queue_is_kept(void **state)
{
    (void)state;
    const struct jv_tun_cfg cfg = {.name = DEVICE};
    struct jv_tun *tun = NULL;
    struct jv_device device;
    struct jv_config config = {.queue = JV_QUEUE_FAIR,
                               .offloads = JV_OFFLOAD_CSUM | JV_OFFLOAD_TSO | JV_OFFLOAD_USO,
                               .interface = DEVICE};
    assert_int_equal(jv_tun_open(&cfg, &tun, NULL), JV_E_OK);
    assert_int_equal(jv_tun_set_persist(tun, true), JV_E_OK);
    uint32_t ifindex = jv_tun_ifindex(tun);
    jv_tun_close(tun);
    assert_int_equal(jv_device_open(&config, 1, &device), JV_E_OK);
    assert_int_equal(jv_tun_ifindex(device.tun), ifindex);
    assert_null(device.sparse);
    assert_non_null(device.no_lanes);
    assert_null(device.no_bound);
    assert_int_equal(device.queue_bytes, JV_DEVICE_QUEUE_BYTES);
    assert_false(device.is_new);
    assert_int_equal(jv_tun_set_persist(device.tun, false), JV_E_OK);
    jv_device_close(&device);
}

/* What a test that failed left open. */
static int tear_down(void **state)
{
    (void)state;
    jv_tunio_close(io);
    io = NULL;
    close_two();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) != 0) {
        return -1;
    }
    run("ip link set lo up && sysctl -qw net.ipv6.conf.default.router_solicitations=0");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(small_packets_are_sparse, tear_down),
        cmocka_unit_test_teardown(flow_that_sends_much_changes_lanes_in_order, tear_down),
        cmocka_unit_test_teardown(uncut_packet_is_bulk_and_small_ones_follow, tear_down),
        cmocka_unit_test_teardown(flow_is_sparse_again_after_the_hold, tear_down),
        cmocka_unit_test_teardown(fragments_of_a_datagram_stay_together, tear_down),
        cmocka_unit_test_teardown(strange_packets_pass, tear_down),
        cmocka_unit_test_teardown(cleared_lanes_are_the_kernels_choice, tear_down),
        cmocka_unit_test_teardown(uncut_packets_beyond_the_bound_are_dropped, tear_down),
        cmocka_unit_test_teardown(overflow_leaves_no_drift, tear_down),
        cmocka_unit_test_teardown(overflow_is_forgotten_while_packets_wait, tear_down),
        cmocka_unit_test_teardown(each_queue_has_a_bound_of_its_own, tear_down),
        cmocka_unit_test_teardown(bound_is_taken_off, tear_down),
        cmocka_unit_test_teardown(adopted_device_has_no_earlier_programs, tear_down),
        cmocka_unit_test_teardown(without_rights_there_are_no_programs, tear_down),
        cmocka_unit_test_teardown(the_right_to_load_programs_is_enough, tear_down),
        cmocka_unit_test_teardown(device_of_one_queue_is_kept, tear_down),
        cmocka_unit_test_teardown(tunio_keeps_the_order_of_a_flow, tear_down),
        cmocka_unit_test_teardown(sparse_packets_are_read_ahead_of_bulk, tear_down),
        cmocka_unit_test_teardown(busy_sparse_lane_starves_nobody, tear_down),
        cmocka_unit_test_teardown(order_holds_while_packets_come, tear_down),
        cmocka_unit_test_teardown(device_is_as_configured, tear_down),
    };
    return cmocka_run_group_tests_name("queue", tests, set_up, NULL);
}
