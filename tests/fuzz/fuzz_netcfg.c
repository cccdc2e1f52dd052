/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink bytes as the kernel's answers: to requests about links, addresses and routes, to a ruleset, and as news of rulesets. Nothing
 * is sent: the linker puts this file's functions in the place of libmnl's two (--wrap).
 *
 * First byte: what is asked. The rest are datagrams, cut at 0xff 0xff; a message whose number is 0 gets that of the request.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netcfg.h"
#include "nft.h"
#include "rtnl.h"

#define ROUTES_MAX 16U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buf, size_t cap);

static struct {
    const uint8_t *at;
    size_t left;
    uint32_t seq;
} answers;

/* The next datagram of the input. */
static size_t next_datagram(void *buf, size_t cap)
{
    size_t len = 0;
    while (len < answers.left &&
           !(len + 1 < answers.left && answers.at[len] == 0xff && answers.at[len + 1] == 0xff)) {
        len++;
    }
    size_t copied = JV_MIN(len, cap);
    memcpy(buf, answers.at, copied);
    size_t used = JV_MIN(len + 2, answers.left);
    answers.at += used;
    answers.left -= used;
    return copied;
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *buf, size_t len)
{
    int left = (int)len;
    (void)socket;
    for (const struct nlmsghdr *msg = buf; jv_rtnl_ok(msg, left);
         msg = mnl_nlmsg_next(msg, &left)) {
        answers.seq = (msg->nlmsg_flags & NLM_F_ACK) != 0 || answers.seq == 0 ||
                              (msg->nlmsg_flags & NLM_F_REQUEST) != 0
                          ? msg->nlmsg_seq
                          : answers.seq;
    }
    return (ssize_t)len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buf, size_t cap)
{
    (void)socket;
    if (answers.left == 0) {
        errno = EAGAIN;
        return -1;
    }
    size_t len = next_datagram(buf, cap);
    int left = (int)len;
    for (struct nlmsghdr *msg = buf; jv_rtnl_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
        msg->nlmsg_seq = msg->nlmsg_seq == 0 ? answers.seq : msg->nlmsg_seq;
    }
    return (ssize_t)len;
}

static void judge_routes(const struct jv_route *routes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t most = routes[i].dst.ip.family == JV_AF_4 ? 32U : 128U;
        JV_ASSERT(routes[i].dst.ip.family == JV_AF_4 || routes[i].dst.ip.family == JV_AF_6);
        JV_ASSERT(routes[i].dst.bits <= most);
    }
}

static void ask(struct jv_netcfg *cfg, uint8_t what)
{
    static const struct jv_prefix own = {{{10, 80, 0, 2}, JV_AF_4, {0}}, 24};
    static const struct jv_prefix own6 = {{{0xfd}, JV_AF_6, {0}}, 64};
    struct jv_route routes[ROUTES_MAX] = {0};
    struct jv_route route = {.dst = own6, .ifindex = 3};
    uint32_t total = 0;
    bool has = false;
    enum jv_err err = JV_E_OK;
    switch (what % 8) {
    case 0:
        err = what & 8 ? jv_netcfg_tun_queues(cfg, 3, &total)
                       : jv_netcfg_link_set(cfg, 3, true, 1400);
        break;
    case 1:
        err = jv_netcfg_addr_add(cfg, 3, &own);
        break;
    case 2:
        err = jv_netcfg_addr_flush(cfg, 3, &own, 1, &total);
        break;
    case 3:
        err = jv_netcfg_route_add(cfg, &route);
        break;
    case 4:
        err = jv_netcfg_route_list(cfg, what & 8 ? 3 : 0, routes, ROUTES_MAX, &total);
        judge_routes(routes, err == JV_E_OK ? JV_MIN(total, ROUTES_MAX) : 0);
        break;
    case 5:
        err = jv_netcfg_route_flush(cfg, 3, &total);
        break;
    case 6:
        err = jv_netcfg_has_route(cfg, &own.ip, 3, &has);
        break;
    default:
        err = jv_netcfg_has_route(cfg, &own6.ip, 3, &has);
        break;
    }
    if (err != JV_E_OK) {
        const char *text = jv_netcfg_error(cfg);
        JV_ASSERT(text != NULL && strlen(text) < 4096);
    }
}

static void hear_news(void)
{
    uint8_t datagram[8192];
    int fds[2];
    JV_ASSERT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    for (uint32_t n = 0; answers.left > 0 && n < 8; n++) {
        size_t len = next_datagram(datagram, sizeof datagram);
        JV_ASSERT(send(fds[0], datagram, len, 0) == (ssize_t)len);
    }
    (void)jv_nft_heard(fds[1], "jv-home", 7); /* either answer is right here */
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A batch of nothing but its ends, which is answered like any other. */
static void send_rules(void)
{
    _Alignas(struct nlmsghdr) uint8_t batch[64] = {0};
    struct nlmsghdr *msg = mnl_nlmsg_put_header(batch);
    msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    msg->nlmsg_seq = 9;
    errno = 0;
    uint32_t port = 0;
    enum jv_err err = jv_nft_send(batch, msg->nlmsg_len, &port);
    JV_ASSERT((err == JV_E_OK) == (errno == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jv_netcfg *cfg;
    if (cfg == NULL) {
        JV_ASSERT(jv_netcfg_open(&cfg) == JV_E_OK);
    }
    if (size < 1) {
        return 0;
    }
    answers.at = data + 1;
    answers.left = size - 1;
    if (data[0] & 0x80) {
        hear_news();
    } else if (data[0] & 0x40) {
        send_rules();
    } else {
        ask(cfg, data[0]);
    }
    return 0;
}
