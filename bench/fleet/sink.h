/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_FLEET_SINK_H
#define JV_FLEET_SINK_H
/*
 * sink -- the far end of the fleet's traffic: a child process in the gateway's network namespace that counts what leaves the tunnel.
 *
 * Without echo it looks at the packets of the gateway's TUN device (packet(7)), headers only; a route that drops is their end. With
 * echo it is a UDP socket at the gateway's inner address that sends everything back, a train of equal datagrams as one (UDP_GRO,
 * UDP_SEGMENT). In both it looks at intervals and never waits in the kernel: the gateway is not charged for waking it.
 *
 * Owns     the child and the memory that it shares with its parent.
 * Errors   text on standard error, from the process that met them.
 * Threads  one in each process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sink_counts {
    _Atomic uint64_t packets,
        bytes; /* inner packets and their bytes, as if the device had not merged any */
    _Atomic uint64_t frames; /* packets as the device gave them: a merged one counts once */
    _Atomic uint64_t missed; /* frames that the sink's own buffer had no room for */
    _Atomic uint64_t unsent; /* datagrams that could not be sent back */
    _Atomic bool is_ready;
};

struct sink_cfg {
    const char *netns;  /* name of the namespace, as of ip-netns(8) */
    const char *device; /* the gateway's TUN device */
    uint8_t to[4];      /* where the traffic goes to */
    uint16_t to_port;
    bool is_echo;
};

struct sink {
    pid_t pid;
    struct sink_counts *counts;
};

/* Returns once the child counts; false where it could not start. */
bool sink_start(const struct sink_cfg *cfg, struct sink *out);
void sink_stop(struct sink *sink);
#endif /* JV_FLEET_SINK_H */
