/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shards_selftest -- what the shards of a process share, against a real kernel: a port, a TUN device. In a namespace of its own that
 * ends with it:
 *
 *      lo                                         sockets of the shards, and of those who send to them
 *      jvt0 10.80.0.1/24 fd80::1/64               a TUN device of several queues
 *
 * Needs root and iproute2. Prints TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "inbox.h"
#include "netcfg.h"
#include "sandbox.h"
#include "selftest_run.h"
#include "sys.h"
#include "tun.h"
#include "udp.h"

#define SHARDS_MAX 16U
#define BYTE_AT 15U /* of a datagram: the one that names its shard */
#define SLOTS 8U
#define PATIENCE_MS 3000

static const char *const locals[] = {"127.0.0.1:4433", "[::1]:4433"};

static struct jv_endpoint endpoint(const char *text)
{
    struct jv_endpoint ep;
    assert_int_equal(jv_endpoint_parse(text, 0, &ep), JV_E_OK);
    return ep;
}

static bool wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, PATIENCE_MS) == 1;
}

/* ---- a port ---- */

static enum jv_err open_shard(const char *local, uint32_t shards, uint32_t shard,
                              struct jv_udp **out, const char **step_out)
{
    const struct jv_udp_cfg cfg = {.local = endpoint(local),
                                   .link = shard,
                                   .shards = shards,
                                   .shard = shard,
                                   .shard_off = BYTE_AT};
    return jv_udp_open(&cfg, out, step_out);
}

static void open_group(const char *local, uint32_t shards, struct jv_udp **out)
{
    for (uint32_t i = 0; i < shards; i++) {
        const char *step = "";
        if (open_shard(local, shards, i, &out[i], &step) != JV_E_OK) {
            fail_msg("shard %u: %s: %s", i, step, strerror(errno));
        }
    }
}

static void close_group(struct jv_udp **group, uint32_t shards)
{
    for (uint32_t i = 0; i < shards; i++) {
        jv_udp_close(group[i]);
    }
}

static int sender(const char *dst)
{
    struct jv_endpoint to = endpoint(dst);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(to.port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(to.port)};
    bool is_v4 = to.ip.family == JV_AF_4;
    memcpy(&v4.sin_addr, to.ip.b, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, to.ip.b, sizeof(v6.sin6_addr));
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(is_v4 ? connect(fd, (const struct sockaddr *)&v4, sizeof(v4))
                           : connect(fd, (const struct sockaddr *)&v6, sizeof(v6)),
                     0);
    return fd;
}

/* The one datagram that was sent is at this shard: its socket's number is in `link`. */
static void check_at(struct jv_udp *const *group, uint32_t shards, uint32_t shard, uint32_t len)
{
    struct jv_slot slots[SLOTS];
    assert_true(wait_for(jv_udp_fd(group[shard])));
    for (uint32_t i = 0; i < shards; i++) {
        uint32_t n = jv_udp_recv(group[i], jv_sys_now(), slots, SLOTS);
        assert_int_equal(n, i == shard ? 1 : 0);
        if (n == 1) {
            assert_int_equal(slots[0].len, len);
            assert_int_equal(slots[0].link, shard);
        }
    }
}

static void shards_get_the_datagrams_whose_byte_names_them(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2, 3, 4, SHARDS_MAX};
    for (uint32_t k = 0; k < 2 * JV_ARRAY_LEN(sizes); k++) {
        const char *local = locals[k & 1U];
        uint32_t shards = sizes[k / 2];
        struct jv_udp *group[SHARDS_MAX];
        uint8_t bytes[1200];
        open_group(local, shards, group);
        for (uint32_t value = 0; value < 256; value++) {
            /* From a port each: it is not the addresses that decide. All other bytes would lead elsewhere. */
            int fd = sender(local);
            uint32_t len = value % 2 == 0 ? BYTE_AT + 1U : sizeof(bytes);
            memset(bytes, (int)(value + 1U) & 0xff, sizeof(bytes));
            bytes[BYTE_AT] = (uint8_t)value;
            assert_int_equal(send(fd, bytes, len, 0), len);
            check_at(group, shards, value % shards, len);
            (void)close(fd);
        }
        close_group(group, shards);
    }
}

static void shard_0_gets_what_is_too_short(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < JV_ARRAY_LEN(locals); k++) {
        struct jv_udp *group[4];
        uint8_t bytes[BYTE_AT + 1U];
        memset(bytes, 3, sizeof(bytes));
        open_group(locals[k], 4, group);
        int fd = sender(locals[k]);
        for (uint32_t len = 1; len <= sizeof(bytes); len++) {
            assert_int_equal(send(fd, bytes, len, 0), len);
            check_at(group, 4, len > BYTE_AT ? 3 : 0, len);
        }
        (void)close(fd);
        close_group(group, 4);
    }
}

/* Segments of one message stay together and come as they were, those that are cut by the kernel and those that are not. */
static void messages_of_many_datagrams_come_to_one_shard(void **state)
{
    (void)state;
    static uint8_t buffers[SLOTS][JV_BUF_BYTES];
    struct jv_udp *group[4];
    struct jv_udp *tx = NULL;
    const struct jv_udp_cfg cfg = {.local = endpoint("127.0.0.1:1000")};
    struct jv_slot slots[SLOTS];
    struct jv_udp_sent sent;
    open_group(locals[0], 4, group);
    assert_int_equal(jv_udp_open(&cfg, &tx, NULL), JV_E_OK);
    for (uint32_t value = 0; value < 8; value++) {
        for (uint32_t i = 0; i < SLOTS; i++) {
            slots[i] =
                (struct jv_slot){.buf = buffers[i], .len = 1200, .remote = endpoint(locals[0])};
            memset(buffers[i], (int)(value + 1U), 1200);
            buffers[i][BYTE_AT] = (uint8_t)value;
            buffers[i][0] = (uint8_t)i;
        }
        jv_udp_send(tx, slots, SLOTS, &sent);
        assert_int_equal(sent.sent, SLOTS);
        assert_int_equal(jv_udp_counts(tx)->gso_messages, value + 1U);
        uint32_t shard = value % 4;
        for (uint32_t got = 0; got < SLOTS;) {
            assert_true(jv_udp_has_rest(group[shard]) || wait_for(jv_udp_fd(group[shard])));
            uint32_t n = jv_udp_recv(group[shard], jv_sys_now(), slots, SLOTS - got);
            for (uint32_t i = 0; i < n; i++, got++) {
                assert_int_equal(slots[i].len, 1200);
                assert_int_equal(slots[i].buf[slots[i].off], got);
                assert_int_equal(slots[i].buf[slots[i].off + BYTE_AT], value);
            }
        }
    }
    jv_udp_close(tx);
    close_group(group, 4);
}

static void check_taken(const char *local, uint32_t shards)
{
    struct jv_udp *udp = NULL;
    const char *step = "";
    assert_int_equal(open_shard(local, shards, 0, &udp, &step), JV_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    assert_string_equal(step, "bind");
    assert_null(udp);
}

/* Only shards of the group itself are let in; who has the port, shared or not, keeps it. */
static void port_of_another_is_refused(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < JV_ARRAY_LEN(locals); k++) {
        struct jv_udp *group[3];
        open_group(locals[k], 3, group);
        check_taken(locals[k], 0);
        check_taken(locals[k], 1);
        check_taken(locals[k], 3);
        close_group(group, 3);

        struct jv_udp *alone = NULL;
        assert_int_equal(open_shard(locals[k], 1, 0, &alone, NULL), JV_E_OK);
        check_taken(locals[k], 1);
        check_taken(locals[k], 3);
        /* A later shard whose first one is missing finds that, too. */
        assert_int_equal(open_shard(locals[k], 3, 1, &group[1], NULL), JV_E_SYSTEM);
        assert_int_equal(errno, EADDRINUSE);
        jv_udp_close(alone);
    }
    /* A stranger that shares. */
    int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(4433)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    check_taken(locals[0], 1);
    check_taken(locals[0], 3);
    (void)close(fd);
}

static int reuse_port_of(const struct jv_udp *udp)
{
    int value = -1;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(jv_udp_fd(udp), SOL_SOCKET, SO_REUSEPORT, &value, &len), 0);
    return value;
}

static void one_shard_shares_nothing(void **state)
{
    (void)state;
    struct jv_udp *group[2];
    for (uint32_t shards = 0; shards < 2; shards++) {
        assert_int_equal(open_shard(locals[0], shards, 0, &group[0], NULL), JV_E_OK);
        assert_int_equal(reuse_port_of(group[0]), 0);
        jv_udp_close(group[0]);
    }
    open_group(locals[0], 2, group);
    assert_int_equal(reuse_port_of(group[0]), 1);
    assert_int_equal(reuse_port_of(group[1]), 1);
    close_group(group, 2);
}

/* ---- a device ---- */

static enum jv_err open_tun(bool has_queues, struct jv_tun **out, bool *adopted_out)
{
    const struct jv_tun_cfg cfg = {.name = "jvt0", .has_queues = has_queues};
    return jv_tun_open(&cfg, out, adopted_out);
}

static void open_queues(struct jv_tun **out, uint32_t n)
{
    assert_int_equal(open_tun(true, &out[0], NULL), JV_E_OK);
    for (uint32_t i = 1; i < n; i++) {
        assert_int_equal(jv_tun_open_queue(out[0], &out[i]), JV_E_OK);
    }
}

static bool is_multi(const struct jv_tun *tun)
{
    struct ifreq req = {0};
    assert_int_equal(ioctl(jv_tun_fd(tun), TUNGETIFF, &req), 0);
    return (req.ifr_flags & IFF_MULTI_QUEUE) != 0;
}

static uint32_t queues_of(const char *name)
{
    struct jv_netcfg *cfg;
    uint32_t ifindex = 0;
    uint32_t n = 0;
    assert_int_equal(jv_netcfg_open(&cfg), JV_E_OK);
    assert_int_equal(jv_netcfg_ifindex(cfg, name, &ifindex), JV_E_OK);
    enum jv_err err = jv_netcfg_tun_queues(cfg, ifindex, &n);
    assert_true(err == JV_E_OK || err == JV_E_NOTFOUND);
    jv_netcfg_close(cfg);
    return err == JV_E_OK ? n : UINT32_MAX;
}

static void device_has_the_queues_that_were_opened(void **state)
{
    (void)state;
    struct jv_tun *tuns[4];
    struct jv_tun *other = NULL;
    bool adopted = true;
    assert_int_equal(open_tun(true, &tuns[0], &adopted), JV_E_OK);
    assert_false(adopted);
    assert_true(is_multi(tuns[0]));
    assert_int_equal(queues_of("jvt0"), 1);
    for (uint32_t i = 1; i < 4; i++) {
        assert_int_equal(jv_tun_open_queue(tuns[0], &tuns[i]), JV_E_OK);
        assert_int_equal(queues_of("jvt0"), i + 1);
        assert_string_equal(jv_tun_name(tuns[i]), "jvt0");
        assert_int_equal(jv_tun_ifindex(tuns[i]), jv_tun_ifindex(tuns[0]));
        assert_int_not_equal(jv_tun_fd(tuns[i]), jv_tun_fd(tuns[0]));
        assert_true(jv_tun_has_csum(tuns[i]) && jv_tun_has_tso(tuns[i]));
        assert_int_equal(jv_tun_has_uso(tuns[i]), jv_tun_has_uso(tuns[0]));
    }
    /* Another process gets none of them, be it of one queue or of several, and takes nothing away. */
    for (int k = 0; k < 2; k++) {
        assert_int_equal(open_tun(k == 0, &other, NULL), JV_E_EXISTS);
        assert_int_equal(errno, EBUSY);
        assert_null(other);
        assert_int_equal(queues_of("jvt0"), 4);
    }
    /* In any order: the device is there as long as one is open. */
    for (uint32_t i = 0; i < 3; i++) {
        jv_tun_close(tuns[i]);
        assert_int_equal(queues_of("jvt0"), 3 - i);
    }
    jv_tun_close(tuns[3]);
    assert_int_equal(if_nametoindex("jvt0"), 0);
}

static void device_of_one_shard_has_one_queue(void **state)
{
    (void)state;
    struct jv_tun *tun = NULL;
    struct jv_tun *other = NULL;
    assert_int_equal(open_tun(false, &tun, NULL), JV_E_OK);
    assert_false(is_multi(tun));
    assert_false(jv_tun_is_renewed(tun));
    assert_int_equal(queues_of("jvt0"), UINT32_MAX);
    assert_int_equal(jv_tun_open_queue(tun, &other), JV_E_STATE);
    uint32_t ifindex = jv_tun_ifindex(tun);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(open_tun(k == 0, &other, NULL), JV_E_EXISTS);
        assert_int_equal(errno, EBUSY);
        assert_int_equal(if_nametoindex("jvt0"), ifindex);
    }
    assert_null(other);
    jv_tun_close(tun);
}

static bool has_address(void)
{
    const struct jv_udp_cfg cfg = {.local = endpoint("10.80.0.1:5000")};
    struct jv_udp *udp = NULL;
    bool has = jv_udp_open(&cfg, &udp, NULL) == JV_E_OK;
    jv_udp_close(udp);
    return has;
}

/* Rows: what there is, what is asked for. */
static void device_of_the_other_kind_is_made_anew(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        bool had_queues = (k & 1) != 0;
        bool has_queues = (k & 2) != 0;
        struct jv_tun *tun = NULL;
        bool adopted = false;
        assert_int_equal(open_tun(had_queues, &tun, NULL), JV_E_OK);
        assert_int_equal(jv_tun_set_persist(tun, true), JV_E_OK);
        uint32_t ifindex = jv_tun_ifindex(tun);
        run("ip addr add 10.80.0.1/24 dev jvt0 && ip link set jvt0 up");
        jv_tun_close(tun);
        assert_int_equal(if_nametoindex("jvt0"), ifindex);

        bool is_same = had_queues == has_queues;
        assert_int_equal(open_tun(has_queues, &tun, &adopted), JV_E_OK);
        assert_int_equal(adopted, is_same);
        assert_int_equal(jv_tun_is_renewed(tun), !is_same);
        assert_int_equal(is_multi(tun), has_queues);
        assert_int_equal(jv_tun_ifindex(tun), if_nametoindex("jvt0"));
        assert_int_equal(has_address(), is_same);
        assert_int_equal(queues_of("jvt0"), has_queues ? 1 : UINT32_MAX);
        assert_int_equal(jv_tun_set_persist(tun, false), JV_E_OK);
        jv_tun_close(tun);
        assert_int_equal(if_nametoindex("jvt0"), 0);
    }
}

static void device_that_is_no_tun_stays(void **state)
{
    (void)state;
    static const char *const names[] = {"jvtap", "jvtapq", "jvveth"};
    run("ip tuntap add dev jvtap mode tap && ip tuntap add dev jvtapq mode tap multi_queue");
    run("ip link add jvveth type veth peer name jvpeer");
    for (size_t i = 0; i < JV_ARRAY_LEN(names); i++) {
        uint32_t ifindex = if_nametoindex(names[i]);
        for (int k = 0; k < 2; k++) {
            const struct jv_tun_cfg cfg = {.name = names[i], .has_queues = k == 1};
            struct jv_tun *tun = NULL;
            assert_int_equal(jv_tun_open(&cfg, &tun, NULL), JV_E_EXISTS);
            assert_null(tun);
            assert_int_equal(if_nametoindex(names[i]), ifindex);
        }
    }
    run("ip link del jvtap && ip link del jvtapq && ip link del jvveth");
}

/* One UDP datagram of IPv4, from 10.80.0.9:port to 10.80.0.1:5000, without a checksum. */
static void write_from(struct jv_tun *tun, uint16_t port)
{
    uint8_t packet[28 + 4] = {0x45, 0, 0,         28 + 4,      0, 0,  0,  0,  64, IPPROTO_UDP,
                              0,    0, 10,        80,          0, 9,  10, 80, 0,  1,
                              0,    0, 5000 >> 8, 5000 & 0xff, 0, 12, 0,  0};
    const struct jv_gso gso = {.kind = JV_GSO_NONE};
    struct iovec iov[2];
    uint32_t sum = 0;
    packet[20] = (uint8_t)(port >> 8);
    packet[21] = (uint8_t)port;
    for (size_t i = 0; i < 20; i += 2) {
        sum += (uint32_t)packet[i] << 8 | packet[i + 1];
    }
    sum = ~((sum & 0xffffU) + (sum >> 16U));
    packet[10] = (uint8_t)(sum >> 8U);
    packet[11] = (uint8_t)sum;
    iov[1] = (struct iovec){packet, sizeof(packet)};
    assert_true(jv_tun_write(tun, &gso, iov, 2));
}

/* The datagrams to that port which wait at this queue. */
static uint32_t read_to(struct jv_tun *tun, uint16_t port)
{
    static uint8_t packet[JV_GSO_BYTES_MAX + 1U];
    uint32_t n = 0;
    for (;;) {
        struct jv_gso gso;
        struct iovec iov[2];
        iov[1] = (struct iovec){packet, sizeof(packet)};
        uint32_t len = jv_tun_read(tun, iov, 2, &gso);
        if (len == 0) {
            return n;
        }
        n += len == 28 + 4 && packet[9] == IPPROTO_UDP && packet[22] == port >> 8 &&
             packet[23] == (port & 0xff);
    }
}

static void flow_comes_back_by_the_queue_that_wrote_it(void **state)
{
    (void)state;
    struct jv_tun *tuns[4];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(5000)};
    open_queues(tuns, 4);
    run("ip addr add 10.80.0.1/24 dev jvt0 && ip link set jvt0 up");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(0x0a500001);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    /* Each flow by one queue and then by another, as after a rebirth at another shard. */
    for (uint32_t i = 0; i < 64; i++) {
        uint16_t port = (uint16_t)(6000U + i / 2);
        uint32_t by = (i / 2 + i % 2) % 4;
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        uint8_t bytes[4];
        write_from(tuns[by], port);
        assert_true(wait_for(fd));
        assert_int_equal(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len),
                         sizeof(bytes));
        assert_int_equal(ntohs(from.sin_port), port);
        assert_int_equal(
            sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&from, from_len),
            sizeof(bytes));
        assert_true(wait_for(jv_tun_fd(tuns[by])));
        for (uint32_t k = 0; k < 4; k++) {
            assert_int_equal(read_to(tuns[k], port), k == by ? 1 : 0);
        }
    }
    (void)close(fd);
    for (uint32_t k = 0; k < 4; k++) {
        jv_tun_close(tuns[k]);
    }
}

/* ---- behind the system-call list ---- */

static int share_in_sandbox(struct jv_tun *const *tuns)
{
    const struct jv_sandbox_cfg cfg = {.user = "nobody", .flags = JV_SANDBOX_ALL};
    struct jv_udp *group[2];
    struct jv_inbox *inbox = NULL;
    struct jv_inbox_sent sent;
    enum jv_inbox_kind kind = JV_INBOX_DATAGRAM;
    uint8_t bytes[64] = {0};
    struct jv_slot slot = {.buf = bytes, .len = sizeof(bytes)};
    if (jv_sandbox_enter(&cfg, NULL) != JV_E_OK || getuid() == 0) {
        return 1;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (open_shard(locals[0], 2, i, &group[i], NULL) != JV_E_OK) {
            return 2;
        }
    }
    if (jv_inbox_open(0, &inbox) != JV_E_OK) {
        return 3;
    }
    jv_inbox_send(inbox, JV_INBOX_PACKET, &slot, 1, &sent);
    if (sent.sent != 1 || jv_inbox_recv(inbox, &kind, &slot, 1) != 1) {
        return 4;
    }
    write_from(tuns[1], 6000);
    return read_to(tuns[1], 6000) == 0 ? 0 : 5;
}

static void sandboxed_user_can_share(void **state)
{
    (void)state;
    struct jv_tun *tuns[2];
    open_queues(tuns, 2);
    run("ip addr add 10.80.0.1/24 dev jvt0 && ip link set jvt0 up");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(share_in_sandbox(tuns));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    jv_tun_close(tuns[0]);
    jv_tun_close(tuns[1]);
}

static int set_up(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) != 0) {
        return -1;
    }
    run("ip link set lo up");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_get_the_datagrams_whose_byte_names_them),
        cmocka_unit_test(shard_0_gets_what_is_too_short),
        cmocka_unit_test(messages_of_many_datagrams_come_to_one_shard),
        cmocka_unit_test(port_of_another_is_refused),
        cmocka_unit_test(one_shard_shares_nothing),
        cmocka_unit_test(device_has_the_queues_that_were_opened),
        cmocka_unit_test(device_of_one_shard_has_one_queue),
        cmocka_unit_test(device_of_the_other_kind_is_made_anew),
        cmocka_unit_test(device_that_is_no_tun_stays),
        cmocka_unit_test(flow_comes_back_by_the_queue_that_wrote_it),
        cmocka_unit_test(sandboxed_user_can_share),
    };
    return cmocka_run_group_tests_name("shards", tests, set_up, NULL);
}
