/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64U
#define HEAD_BYTES 64U     /* of a packet: IPv4 and TCP header */
#define TRAIN_BYTES 65536U /* the longest train of datagrams that the kernel gives */
#define BUF_BYTES (64 * 1048576)
#define PAUSE_NS 100000L
#define START_TRIES 500U
#define IP_UDP_BYTES 28U

static void pause_for(long ns)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL); /* cut short: looks sooner */
}

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "fleet: sink: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void enter(const char *netns)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        die(path);
    }
    if (setns(fd, CLONE_NEWNET) != 0) {
        die("setns");
    }
    (void)close(fd);
}

static void set(int fd, int level, int option, int value, const char *what)
{
    if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) {
        die(what);
    }
}

/* ---- the end of what is only counted ---- */

struct view {
    struct virtio_net_hdr gso;
    uint8_t head[HEAD_BYTES];
};

static void count_frame(struct sink_counts *counts, const struct view *view, uint64_t len)
{
    uint64_t segments = 1;
    uint32_t ip_bytes = (view->head[0] & 0x0FU) * 4U;
    uint32_t head =
        ip_bytes + (view->head[9] == IPPROTO_TCP ? (uint32_t)(view->head[ip_bytes + 12U] >> 4) * 4U
                                                 : (uint32_t)sizeof(struct udphdr));
    if (view->gso.gso_type != VIRTIO_NET_HDR_GSO_NONE && view->gso.gso_size > 0 && len > head) {
        segments = (len - head + view->gso.gso_size - 1) / view->gso.gso_size;
    }
    counts->frames++;
    counts->packets += segments;
    counts->bytes += len + (segments - 1) * head;
}

static int open_tap(const struct sink_cfg *cfg)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket(AF_PACKET)");
    }
    set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUF_BYTES, "SO_RCVBUFFORCE");
    set(fd, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETHERTYPE_IP),
                             .sll_ifindex = (int)if_nametoindex(cfg->device)};
    if (at.sll_ifindex == 0) {
        die(cfg->device);
    }
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        die("bind");
    }
    return fd;
}

static void read_missed(int fd, struct sink_counts *counts)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);
    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0) {
        counts->missed += stats.tp_drops;
    }
}

static void count_all(const struct sink_cfg *cfg, struct sink_counts *counts)
{
    static struct view views[BATCH];
    static struct iovec parts[BATCH];
    static struct mmsghdr msgs[BATCH];
    int fd = open_tap(cfg);
    for (uint32_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){&views[i], sizeof(views[i])};
        msgs[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    counts->is_ready = true;
    for (;;) {
        int got = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
        for (int i = 0; i < got; i++) {
            uint64_t len = msgs[i].msg_len - sizeof(views[i].gso);
            if (msgs[i].msg_len > sizeof(views[i].gso) + IP_UDP_BYTES &&
                memcmp(views[i].head + 16, cfg->to, sizeof(cfg->to)) == 0) {
                count_frame(counts, &views[i], len);
            }
        }
        if (got < (int)BATCH) {
            read_missed(fd, counts);
            pause_for(PAUSE_NS);
        }
    }
}

/* ---- the end that answers ---- */

union control {
    struct cmsghdr align;
    uint8_t b[CMSG_SPACE(sizeof(int))];
};

static int segment_bytes(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int bytes;
            memcpy(&bytes, CMSG_DATA(c), sizeof(bytes));
            return bytes;
        }
    }
    return 0;
}

static bool send_back(int fd, struct msghdr *msg, size_t len, int segment)
{
    union control control = {0};
    msg->msg_iov->iov_len = len;
    msg->msg_control = NULL;
    msg->msg_controllen = 0;
    msg->msg_flags = 0;
    if (segment > 0 && (size_t)segment < len) {
        uint16_t bytes = (uint16_t)segment;
        msg->msg_control = &control;
        msg->msg_controllen = CMSG_SPACE(sizeof(bytes));
        struct cmsghdr *c = CMSG_FIRSTHDR(msg);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(bytes));
        memcpy(CMSG_DATA(c), &bytes, sizeof(bytes));
    }
    return sendmsg(fd, msg, MSG_DONTWAIT) == (ssize_t)len;
}

static int open_echo(const struct sink_cfg *cfg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(cfg->to_port)};
    memcpy(&at.sin_addr, cfg->to, sizeof(cfg->to));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        die("echo socket");
    }
    set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUF_BYTES, "SO_RCVBUFFORCE");
    set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUF_BYTES, "SO_SNDBUFFORCE");
    set(fd, SOL_UDP, UDP_GRO, 1, "UDP_GRO");
    return fd;
}

static void answer_all(const struct sink_cfg *cfg, struct sink_counts *counts)
{
    static uint8_t train[TRAIN_BYTES];
    int fd = open_echo(cfg);
    counts->is_ready = true;
    for (;;) {
        struct sockaddr_in from;
        union control control;
        struct iovec part = {train, sizeof(train)};
        struct msghdr msg = {.msg_name = &from,
                             .msg_namelen = sizeof(from),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
        ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);
        if (len <= 0) {
            pause_for(PAUSE_NS);
            continue;
        }
        int segment = segment_bytes(&msg);
        uint64_t packets =
            segment > 0 ? ((uint64_t)len + (uint64_t)segment - 1) / (uint64_t)segment : 1;
        counts->frames++;
        counts->packets += packets;
        counts->bytes += (uint64_t)len + packets * IP_UDP_BYTES;
        if (!send_back(fd, &msg, (size_t)len, segment)) {
            counts->unsent += packets;
        }
    }
}

/* ---- parent ---- */

bool sink_start(const struct sink_cfg *cfg, struct sink *out)
{
    struct sink_counts *counts =
        mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED) {
        return false;
    }
    pid_t pid = fork();
    if (pid < 0) {
        (void)munmap(counts, sizeof(*counts));
        return false;
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail for a valid signal */
        enter(cfg->netns);
        if (cfg->is_echo) {
            answer_all(cfg, counts);
        } else {
            count_all(cfg, counts);
        }
    }
    *out = (struct sink){.pid = pid, .counts = counts};
    for (uint32_t i = 0; i < START_TRIES && !counts->is_ready; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            out->pid = 0;
            break;
        }
        pause_for(10000000L);
    }
    if (!counts->is_ready) {
        sink_stop(out);
        return false;
    }
    return true;
}

void sink_stop(struct sink *sink)
{
    if (sink->pid > 0) {
        (void)kill(sink->pid, SIGKILL);
        (void)waitpid(sink->pid, NULL, 0);
    }
    if (sink->counts != NULL) {
        (void)munmap(sink->counts, sizeof(*sink->counts));
    }
    *sink = (struct sink){0};
}
