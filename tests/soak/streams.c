/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "content.h"

#define HELLO_BYTES 12U
#define CHUNK_BYTES 65536U
#define READS_MAX 16U
#define SHORT_BYTES_MAX 2000000U
#define LISTENERS 2U
#define SHORT_SEED 0x100U

struct stream {
    int fd; /* -1: free */
    uint32_t id;
    uint64_t want; /* bytes each way; 0: until the end */
    uint64_t sent, received;
    uint8_t hello[HELLO_BYTES];
    uint32_t hello_len; /* sent or received of it */
    bool is_own;        /* this end connected */
    bool is_ended, has_seen_end;
};

static struct stream streams[STREAMS_MAX];
static int listeners[LISTENERS];
static struct stream_hosts hosts;
static int epoll_fd;
static uint32_t base, next_short, writes;
static bool is_finishing;
static struct stream_counts counts;
static uint8_t buf[CHUNK_BYTES];

/* The two directions of a connection have different texts. */
static uint64_t seed_of(const struct stream *stream, bool is_from_connecting)
{
    return (uint64_t)stream->id * 0xA24BAED4963EE407ULL + (is_from_connecting ? 1 : 2);
}

static bool address(const char *text, bool is_6, struct sockaddr_storage *out, socklen_t *len_out)
{
    memset(out, 0, sizeof(*out));
    if (is_6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        *len_out = sizeof(*v6);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(hosts.port);
        return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    *len_out = sizeof(*v4);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(hosts.port);
    return inet_pton(AF_INET, text, &v4->sin_addr) == 1;
}

static struct stream *add(int fd)
{
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = base + LISTENERS + i};
        if (streams[i].fd < 0) {
            streams[i] = (struct stream){.fd = fd};
            (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted); /* fails: a stall, which shows */
            counts.open++;
            return &streams[i];
        }
    }
    (void)close(fd);
    return NULL;
}

static void end(struct stream *stream)
{
    (void)close(stream->fd);
    stream->fd = -1;
    counts.open--;
}

static void breaks(struct stream *stream, const char *why)
{
    (void)fprintf(stderr, "traffic: stream %u: %s after %llu bytes sent, %llu received\n",
                  stream->id, why, (unsigned long long)stream->sent,
                  (unsigned long long)stream->received);
    counts.broken++;
    end(stream);
}

static bool start(uint32_t id, uint64_t want)
{
    bool is_6 = id % 2 == 1;
    struct sockaddr_storage peer;
    socklen_t len;
    int fd = socket(is_6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !address(is_6 ? hosts.peer6 : hosts.peer4, is_6, &peer, &len) ||
        (connect(fd, (struct sockaddr *)&peer, len) != 0 && errno != EINPROGRESS)) {
        (void)fprintf(stderr, "traffic: stream %u: %s\n", id, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    struct stream *stream = add(fd);
    if (stream == NULL) {
        return false;
    }
    stream->id = id;
    stream->want = want;
    stream->is_own = true;
    memcpy(stream->hello, &id, sizeof(id));
    memcpy(stream->hello + sizeof(id), &want, sizeof(want));
    return true;
}

static bool listen_at(uint32_t i, const char *own, bool is_6)
{
    struct sockaddr_storage at;
    socklen_t len;
    int one = 1;
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = base + i};
    listeners[i] = socket(is_6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return listeners[i] >= 0 &&
           setsockopt(listeners[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
           address(own, is_6, &at, &len) && bind(listeners[i], (struct sockaddr *)&at, len) == 0 &&
           listen(listeners[i], 64) == 0 &&
           epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listeners[i], &wanted) == 0;
}

bool streams_open(const struct stream_hosts *given, int epoll, uint32_t first)
{
    hosts = *given;
    epoll_fd = epoll;
    base = first;
    next_short = SHORT_SEED;
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        streams[i].fd = -1;
    }
    if (!hosts.is_connecting) {
        if (!listen_at(0, hosts.own4, false) || !listen_at(1, hosts.own6, true)) {
            (void)fprintf(stderr, "traffic: listen: %s\n", strerror(errno));
            return false;
        }
        return true;
    }
    for (uint32_t id = 0; id < STREAMS_LASTING; id++) {
        if (!start(id, 0)) {
            return false;
        }
    }
    return true;
}

const struct stream_counts *streams_counts(void)
{
    return &counts;
}

/* ---- what comes ---- */

static void finish_if_done(struct stream *stream)
{
    if (!stream->is_ended || !stream->has_seen_end) {
        return;
    }
    if (stream->want > 0) {
        if (stream->received != stream->want) {
            breaks(stream, "the wrong length");
            return;
        }
        counts.short_done++;
        counts.short_bytes += stream->received;
    }
    end(stream);
}

static void take(struct stream *stream, const uint8_t *bytes, size_t len)
{
    if (!content_is(seed_of(stream, !stream->is_own), stream->received, bytes, len)) {
        if (counts.wrong_content++ == 0) {
            (void)fprintf(stderr, "traffic: stream %u: wrong content near byte %llu\n", stream->id,
                          (unsigned long long)stream->received);
        }
    }
    stream->received += len;
    if (stream->id < STREAMS_LASTING) {
        counts.received[stream->id] += len;
    }
}

/* The first bytes that the listening end gets; gives how many of `len` they were. */
static size_t take_hello(struct stream *stream, const uint8_t *bytes, size_t len)
{
    size_t n = HELLO_BYTES - stream->hello_len;
    n = n < len ? n : len;
    memcpy(stream->hello + stream->hello_len, bytes, n);
    stream->hello_len += (uint32_t)n;
    if (stream->hello_len == HELLO_BYTES) {
        memcpy(&stream->id, stream->hello, sizeof(stream->id));
        memcpy(&stream->want, stream->hello + sizeof(stream->id), sizeof(stream->want));
    }
    return n;
}

static void receive(struct stream *stream)
{
    for (uint32_t i = 0; i < READS_MAX && !stream->has_seen_end; i++) {
        ssize_t len = recv(stream->fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (len < 0 && errno == EAGAIN) {
            return;
        }
        if (len < 0) {
            breaks(stream, strerror(errno));
            return;
        }
        size_t skip = 0;
        if (!stream->is_own && stream->hello_len < HELLO_BYTES) {
            skip = take_hello(stream, buf, (size_t)len);
        }
        if (len == 0) {
            stream->has_seen_end = true;
            (void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, stream->fd, NULL); /* it is in */
        } else {
            take(stream, buf + skip, (size_t)len - skip);
        }
    }
    finish_if_done(stream);
}

void streams_event(uint32_t at, uint32_t events)
{
    (void)events;
    if (at - base < LISTENERS) {
        int fd = accept4(listeners[at - base], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 && add(fd) == NULL) {
            (void)fprintf(stderr, "traffic: too many streams\n");
            counts.broken++;
        }
        return;
    }
    struct stream *stream = &streams[at - base - LISTENERS];
    if (stream->fd >= 0) {
        receive(stream);
    }
}

/* ---- what goes ---- */

static bool send_hello(struct stream *stream)
{
    ssize_t len = send(stream->fd, stream->hello + stream->hello_len,
                       HELLO_BYTES - stream->hello_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (len > 0) {
        stream->hello_len += (uint32_t)len;
    } else if (errno != EAGAIN && errno != ENOTCONN) {
        breaks(stream, strerror(errno));
        return false;
    }
    return stream->hello_len == HELLO_BYTES;
}

static void end_half(struct stream *stream)
{
    stream->is_ended = true;
    (void)shutdown(stream->fd, SHUT_WR); /* a connection that is gone shows when it is read */
    finish_if_done(stream);
}

static uint64_t send_some(struct stream *stream, uint64_t budget, uint64_t corrupt)
{
    uint64_t left = stream->want > 0 ? stream->want - stream->sent : budget;
    size_t len = (size_t)(left < budget ? left : budget);
    len = len < sizeof(buf) ? len : sizeof(buf);
    content_fill(seed_of(stream, stream->is_own), stream->sent, buf, len);
    if (corrupt > 0 && len > 0 && ++writes % corrupt == 0) {
        buf[len / 2] ^= 1;
    }
    ssize_t sent = len > 0 ? send(stream->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN) {
        breaks(stream, strerror(errno));
        return 0;
    }
    uint64_t n = sent > 0 ? (uint64_t)sent : 0;
    stream->sent += n;
    if (stream->id < STREAMS_LASTING) {
        counts.sent[stream->id] += n;
    }
    if (stream->want > 0 && stream->sent == stream->want) {
        end_half(stream);
    }
    return n;
}

static bool has_short(void)
{
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        if (streams[i].fd >= 0 && streams[i].id >= SHORT_SEED) {
            return true;
        }
    }
    return false;
}

uint64_t streams_send(uint64_t budget, uint64_t corrupt, bool may_start)
{
    uint64_t total = 0, share = budget / (counts.open + 1) + 1;
    for (uint32_t i = 0; i < STREAMS_MAX && total < budget; i++) {
        struct stream *stream = &streams[i];
        if (stream->fd < 0) {
            continue;
        }
        bool is_known = stream->is_own ? stream->hello_len == HELLO_BYTES || send_hello(stream)
                                       : stream->hello_len == HELLO_BYTES;
        if (is_known && stream->fd >= 0 && !stream->is_ended) {
            total += send_some(stream, share, corrupt);
        }
    }
    if (hosts.is_connecting && may_start && !is_finishing && !has_short()) {
        uint64_t want = 1 + next_short * 7919ULL % SHORT_BYTES_MAX;
        counts.broken += start(next_short, want) ? 0 : 1;
        next_short++;
    }
    return total;
}

void streams_finish(void)
{
    is_finishing = true;
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        bool is_known = streams[i].is_own || streams[i].hello_len == HELLO_BYTES;
        if (streams[i].fd >= 0 && is_known && !streams[i].is_ended &&
            streams[i].id < STREAMS_LASTING) {
            end_half(&streams[i]);
        }
    }
}
