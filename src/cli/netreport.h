/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_NETREPORT_H
#define JV_CLI_NETREPORT_H
/*
 * netreport -- what `jv netcheck` concludes from probes that were answered or not, and from facts of this host. Pure.
 *
 * Nothing is asked of anybody but the gateway. What neither a probe nor the host tells is "unknown".
 *
 * Threads  any.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct jv_net_facts {                /* of this host, loopback and our own device left out */
    uint32_t addresses4, addresses6; /* of global or site scope */
    int64_t clock_s;                 /* Unix time */
    bool is_clock_steered;           /* something keeps it in step (NTP), as the kernel says */
    bool is_steering_known;
};

/*
 * `status` as the daemon tells it; `rows` as jv_probe_json() makes them, NULL: nothing could be probed. A new reference:
 * {"udp":[..],"ipv4","ipv6","nat64","nat":[..],"mtu":[..],"portal","names","clock"}; each has "verdict" and, for people, "text".
 */
json_t *jv_netreport(const json_t *status, const json_t *rows, const struct jv_net_facts *facts);
void jv_netreport_print(const json_t *report, FILE *file);
#endif /* JV_CLI_NETREPORT_H */
