/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SOAK_STREAMS_H
#define JV_SOAK_STREAMS_H
/*
 * streams -- TCP connections whose content both ends know, in both directions at once: some that last, and short ones by turns.
 *
 * The connecting end says in twelve bytes which stream it is and how many bytes follow, 0: until it ends. Each end compares what
 * comes byte by byte, and closes its half when it has sent all; a connection that breaks before counts as broken.
 *
 * Owns     the sockets; waits through the caller's epoll set, whose data are `base` and above.
 * Limits   STREAMS_MAX connections at once.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#define STREAMS_LASTING 6U
#define STREAMS_MAX 64U

struct stream_hosts {
    const char *own4, *own6, *peer4, *peer6;
    uint16_t port;
    bool is_connecting; /* else it listens */
};

struct stream_counts {
    uint64_t sent[STREAMS_LASTING], received[STREAMS_LASTING]; /* bytes of those that last */
    uint64_t short_done, short_bytes;
    uint64_t wrong_content, broken, open;
};

/* Text on standard error and false where a socket cannot be had. */
bool streams_open(const struct stream_hosts *hosts, int epoll_fd, uint32_t base);
/* An event of the caller's epoll set with data `at`. */
void streams_event(uint32_t at, uint32_t events);
/*
 * Sends up to `budget` bytes, divided among the streams; gives how many were sent. One in `corrupt` writes (0: none) has a byte
 * that is not as it should be. Starts a short connection where there is none and `may_start`.
 */
uint64_t streams_send(uint64_t budget, uint64_t corrupt, bool may_start);
/* No more is sent: the lasting streams end. */
void streams_finish(void);
const struct stream_counts *streams_counts(void);
#endif /* JV_SOAK_STREAMS_H */
