/* SPDX-License-Identifier: Apache-2.0 */
#include "datagrams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "content.h"

#define NUMBER_BYTES 8U /* a datagram that has room for it begins with its number */
#define RECENT 65536U   /* numbers for which it is known whether they came */
#define BYTES_MAX 65536U
#define TRAIN_MAX 40U
#define SOCKET_BYTES (8 * 1048576)
#define RECEIVES_MAX 256U
#define IS_6 1U
#define IS_FRAGMENTED 2U /* the don't-fragment bit is off */
#define HAS_OPTIONS 4U
#define IS_TRAIN 8U     /* sent by UDP_SEGMENT */
#define IS_MERGED 16U   /* received by UDP_GRO */
#define NO_CHECKSUM 32U /* RFC 768: none */
#define IS_EQUAL 64U    /* a burst of one length, the last one shorter */

struct shape {
    const char *name;
    uint32_t least, most; /* bytes of payload; of a segment for trains */
    uint32_t burst, kind;
    int traffic_class;
};

/* Traffic classes: 0xB8 EF, 0x8A AF41 with ECT(0), 0x29 with ECT(1), 0x03 with CE. */
static const struct shape shapes[DATAGRAM_FLOWS] = {
    {"any4", 1, 1392, 4, 0, 0},
    {"any6", 1, 1372, 4, IS_6, 0},
    {"fragments4", 1393, 9000, 1, IS_FRAGMENTED, 0},
    {"fragments6", 1373, 9000, 1, IS_6 | IS_FRAGMENTED, 0},
    {"tiny4", 0, 16, 2, 0, 0},
    {"tiny6", 0, 16, 2, IS_6, 0},
    {"options4", 1, 1300, 1, HAS_OPTIONS, 0},
    {"options6", 1, 1300, 1, IS_6 | HAS_OPTIONS, 0},
    {"train4", 1200, 1200, TRAIN_MAX, IS_TRAIN | IS_MERGED, 0},
    {"train6", 1352, 1352, TRAIN_MAX, IS_6 | IS_TRAIN | IS_MERGED, 0},
    {"odd train4", 333, 333, TRAIN_MAX, IS_TRAIN, 0x8A},
    {"odd train6", 7, 7, TRAIN_MAX, IS_6 | IS_TRAIN, 0x29},
    {"classes4", 100, 1000, 2, 0, 0xB8},
    {"ce4", 100, 1000, 1, 0, 0x03},
    {"classes6", 100, 1000, 2, IS_6, 0x8A},
    {"no checksum4", 1, 1392, 2, NO_CHECKSUM, 0},
    {"equal4", 512, 1392, 8, IS_EQUAL | IS_MERGED, 0},
    {"equal6", 512, 1372, 8, IS_6 | IS_EQUAL, 0x28},
};

/* No-operations and the end of the list; PadN of four bytes in a destination options header of eight. */
static const uint8_t options4[4] = {1, 1, 1, 0};
static const uint8_t options6[8] = {0, 0, 1, 4, 0, 0, 0, 0};

struct flow {
    int fd;
    uint64_t next;
    uint64_t recent[RECENT / 64], highest; /* highest + 1; 0: nothing came */
    struct datagram_counts counts;
};

static struct flow flows[DATAGRAM_FLOWS];
static uint8_t buf[BYTES_MAX];

static uint64_t seed_of(uint32_t flow, uint64_t number, uint32_t len)
{
    return (uint64_t)flow << 56 ^ number * 0xD6E8FEB86659FD93ULL ^ (uint64_t)len << 32;
}

/* ---- sockets ---- */

static bool set(int fd, int level, int option, const void *value, socklen_t len)
{
    return setsockopt(fd, level, option, value, len) == 0;
}

static bool set_int(int fd, int level, int option, int value)
{
    return set(fd, level, option, &value, sizeof(value));
}

static bool set_up(int fd, const struct shape *shape)
{
    bool is_6 = (shape->kind & IS_6) != 0;
    int level = is_6 ? IPPROTO_IPV6 : IPPROTO_IP;
    bool is_whole = (shape->kind & IS_FRAGMENTED) == 0;
    int discover = is_6 ? (is_whole ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_WANT)
                        : (is_whole ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
    bool ok = set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BYTES) &&
              set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BYTES) &&
              set_int(fd, level, is_6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, discover) &&
              set_int(fd, level, is_6 ? IPV6_TCLASS : IP_TOS, shape->traffic_class) &&
              set_int(fd, level, is_6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
    if ((shape->kind & HAS_OPTIONS) != 0) {
        ok = ok && (is_6 ? set(fd, level, IPV6_DSTOPTS, options6, sizeof(options6)) &&
                               set_int(fd, level, IPV6_RECVDSTOPTS, 1)
                         : set(fd, level, IP_OPTIONS, options4, sizeof(options4)) &&
                               set_int(fd, level, IP_RECVOPTS, 1));
    }
    if ((shape->kind & IS_TRAIN) != 0) {
        ok = ok && set_int(fd, SOL_UDP, UDP_SEGMENT, (int)shape->most);
    }
    if ((shape->kind & IS_MERGED) != 0) {
        ok = ok && set_int(fd, SOL_UDP, UDP_GRO, 1);
    }
    if ((shape->kind & NO_CHECKSUM) != 0) {
        ok = ok && set_int(fd, SOL_SOCKET, SO_NO_CHECK, 1);
    }
    return ok;
}

static bool address(const char *text, bool is_6, uint16_t port, struct sockaddr_storage *out,
                    socklen_t *len_out)
{
    memset(out, 0, sizeof(*out));
    if (is_6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        *len_out = sizeof(*v6);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    *len_out = sizeof(*v4);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return inet_pton(AF_INET, text, &v4->sin_addr) == 1;
}

static bool open_flow(const struct datagram_hosts *hosts, uint32_t i)
{
    bool is_6 = (shapes[i].kind & IS_6) != 0;
    uint16_t port = (uint16_t)(hosts->port + i);
    struct sockaddr_storage own, peer;
    socklen_t len;
    flows[i].counts.name = shapes[i].name;
    flows[i].fd = socket(is_6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return flows[i].fd >= 0 && set_up(flows[i].fd, &shapes[i]) &&
           address(is_6 ? hosts->own6 : hosts->own4, is_6, port, &own, &len) &&
           bind(flows[i].fd, (struct sockaddr *)&own, len) == 0 &&
           address(is_6 ? hosts->peer6 : hosts->peer4, is_6, port, &peer, &len) &&
           connect(flows[i].fd, (struct sockaddr *)&peer, len) == 0;
}

bool datagrams_open(const struct datagram_hosts *hosts)
{
    for (uint32_t i = 0; i < DATAGRAM_FLOWS; i++) {
        if (!open_flow(hosts, i)) {
            (void)fprintf(stderr, "traffic: flow %s: %s\n", shapes[i].name, strerror(errno));
            return false;
        }
    }
    return true;
}

void datagrams_close(void)
{
    for (uint32_t i = 0; i < DATAGRAM_FLOWS; i++) {
        (void)close(flows[i].fd);
    }
}

int datagrams_fd(uint32_t flow)
{
    return flows[flow].fd;
}

const struct datagram_counts *datagrams_counts(uint32_t flow)
{
    return &flows[flow].counts;
}

/* ---- what comes ---- */

/* Whether this number came before, as far as is remembered. */
static bool came(struct flow *flow, uint64_t number)
{
    while (flow->highest <= number) {
        uint64_t at = flow->highest++ % RECENT;
        flow->recent[at / 64] &= ~(1ULL << at % 64);
        if (number - flow->highest > RECENT && flow->highest <= number) {
            memset(flow->recent, 0, sizeof(flow->recent));
            flow->highest = number + 1;
        }
    }
    if (flow->highest - number > RECENT) {
        return false;
    }
    uint64_t bit = 1ULL << number % 64;
    uint64_t *word = &flow->recent[number % RECENT / 64];
    bool was_there = (*word & bit) != 0;
    *word |= bit;
    return was_there;
}

static void judge(uint32_t i, const uint8_t *bytes, uint32_t len)
{
    struct flow *flow = &flows[i];
    uint64_t number = 0;
    flow->counts.received++;
    if (len < NUMBER_BYTES) {
        flow->counts.wrong_content += content_is(seed_of(i, 0, len), 0, bytes, len) ? 0 : 1;
        return;
    }
    memcpy(&number, bytes, sizeof(number));
    /* The number is of no use where the rest says that it is wrong. */
    if (!content_is(seed_of(i, number, len), 0, bytes + NUMBER_BYTES, len - NUMBER_BYTES) ||
        (len == NUMBER_BYTES && number > flow->highest + RECENT)) {
        flow->counts.wrong_content++;
    } else if (came(flow, number)) {
        flow->counts.twice++;
    }
}

struct told {
    int traffic_class, segment;
    bool has_options;
};

static void read_told(struct msghdr *msg, struct told *told)
{
    *told = (struct told){.traffic_class = 0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        const uint8_t *data = CMSG_DATA(c);
        size_t len = c->cmsg_len - CMSG_LEN(0);
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            told->traffic_class = data[0];
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            memcpy(&told->traffic_class, data, sizeof(told->traffic_class));
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&told->segment, data, sizeof(told->segment));
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVOPTS) {
            told->has_options = len == sizeof(options4) && memcmp(data, options4, len) == 0;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_DSTOPTS) {
            /* The next header's number is the kernel's. */
            told->has_options =
                len == sizeof(options6) && memcmp(data + 1, options6 + 1, len - 1) == 0;
        }
    }
}

void datagrams_receive(uint32_t i)
{
    for (uint32_t n = 0; n < RECEIVES_MAX; n++) {
        _Alignas(struct cmsghdr) uint8_t control[256];
        struct iovec part = {buf, sizeof(buf)};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        struct told told;
        ssize_t len = recvmsg(flows[i].fd, &msg, MSG_DONTWAIT);
        if (len < 0 && errno != EAGAIN) {
            continue; /* an error that waited, of an earlier datagram */
        }
        if (len < 0) {
            return;
        }
        read_told(&msg, &told);
        flows[i].counts.wrong_class += told.traffic_class != shapes[i].traffic_class;
        flows[i].counts.wrong_options +=
            (shapes[i].kind & HAS_OPTIONS) != 0 && !told.has_options ? 1 : 0;
        uint32_t each = told.segment > 0 ? (uint32_t)told.segment : (uint32_t)len;
        uint32_t at = 0;
        do {
            uint32_t left = (uint32_t)len - at;
            judge(i, buf + at, left < each ? left : each);
            at += each;
        } while (at < (uint32_t)len);
    }
}

/* ---- what goes ---- */

static uint64_t draw(void)
{
    static uint64_t n;
    uint64_t out;
    content_fill(0x736F616BU, 8 * n++, (uint8_t *)&out, sizeof(out));
    return out;
}

static void write_one(uint32_t i, uint8_t *out, uint32_t len, uint64_t corrupt)
{
    uint64_t number = flows[i].next;
    if (len < NUMBER_BYTES) {
        content_fill(seed_of(i, 0, len), 0, out, len);
    } else {
        memcpy(out, &number, sizeof(number));
        flows[i].next++;
        content_fill(seed_of(i, number, len), 0, out + NUMBER_BYTES, len - NUMBER_BYTES);
    }
    if (corrupt > 0 && len > NUMBER_BYTES && number % corrupt == corrupt - 1) {
        out[len - 1] ^= 1;
    }
}

static bool put(uint32_t i, uint32_t len, uint32_t datagrams)
{
    if (send(flows[i].fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len) {
        flows[i].counts.sent += datagrams;
        return true;
    }
    flows[i].counts.refused += datagrams;
    return false;
}

static uint32_t send_train(uint32_t i, uint64_t corrupt)
{
    uint32_t segment = shapes[i].most, len = 0;
    uint32_t n = 1 + (uint32_t)(draw() % shapes[i].burst);
    for (uint32_t s = 0; s < n; s++) {
        uint32_t bytes = s + 1 < n ? segment : 1 + (uint32_t)(draw() % segment);
        write_one(i, buf + len, bytes, corrupt);
        len += bytes;
    }
    return put(i, len, n) ? n : 0;
}

uint32_t datagrams_send(uint32_t i, uint64_t corrupt)
{
    const struct shape *shape = &shapes[i];
    uint32_t sent = 0;
    if ((shape->kind & IS_TRAIN) != 0) {
        return send_train(i, corrupt);
    }
    uint32_t range = shape->most - shape->least + 1;
    uint32_t len = shape->least + (uint32_t)(draw() % range);
    for (uint32_t n = 0; n < shape->burst; n++) {
        if ((shape->kind & IS_EQUAL) == 0) {
            len = shape->least + (uint32_t)(draw() % range);
        } else if (n + 1 == shape->burst) {
            len -= (uint32_t)(draw() % 64);
        }
        write_one(i, buf, len, corrupt);
        sent += put(i, len, 1) ? 1 : 0;
    }
    return sent;
}
