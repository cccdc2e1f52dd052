/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SOAK_DATAGRAMS_H
#define JV_SOAK_DATAGRAMS_H
/*
 * datagrams -- UDP flows of every shape between two hosts, each datagram numbered, its content known to the other end.
 *
 * Owns     one connected socket a flow, on the same port at both ends.
 * Judges   what is received: content, length, traffic class, options, and that nothing comes twice.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#define DATAGRAM_FLOWS 18U

struct datagram_hosts {
    const char *own4, *own6, *peer4, *peer6;
    uint16_t port; /* of the first flow */
};

struct datagram_counts {
    const char *name;
    uint64_t sent, received;
    uint64_t refused; /* the kernel did not take them */
    uint64_t wrong_content, wrong_class, wrong_options, twice;
};

/* Text on standard error and false where a socket cannot be had. */
bool datagrams_open(const struct datagram_hosts *hosts);
void datagrams_close(void);
int datagrams_fd(uint32_t flow);
/* Reads what waits at a flow. */
void datagrams_receive(uint32_t flow);
/* Sends a burst of a flow; gives how many datagrams. One in `corrupt` (0: none) has a byte that is not as it should be. */
uint32_t datagrams_send(uint32_t flow, uint64_t corrupt);
const struct datagram_counts *datagrams_counts(uint32_t flow);
#endif /* JV_SOAK_DATAGRAMS_H */
