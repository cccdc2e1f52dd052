/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_tun -- part of net_selftest: the TUN device: packets, offloads, a stream through two of them. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_selftest.h"
#include "netcfg.h"

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

void tun_carries_packets_and_outlives_its_process(void **state)
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

void tun_offloads_are_what_was_asked_for(void **state)
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

void tcp_crosses_the_devices_uncut(void **state)
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
