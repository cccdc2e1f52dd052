/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_HOSTNET_H
#define JV_DAEMON_HOSTNET_H
/*
 * hostnet -- the interfaces and addresses of this host, put together from the facts that netwatch tells.
 *
 * Owns     nothing but its tables. Limits: those of netwatch; what does not fit is ignored, netwatch counts it.
 * Threads  the loop's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "netwatch.h"

struct jv_host_interface {
    uint32_t ifindex, mtu;
    bool is_up;
    char name[JV_IFNAME_BYTES];
};

struct jv_host_address {
    uint32_t ifindex, bits; /* length of its prefix */
    struct jv_ip ip;
};

/* All zero: nothing is known yet. */
struct jv_hostnet {
    struct jv_host_interface interfaces[JV_NETWATCH_LINKS_MAX];
    uint32_t interfaces_len;
    struct jv_host_address addresses[JV_NETWATCH_ADDRS_MAX];
    uint32_t addresses_len;
};

void jv_hostnet_take(struct jv_hostnet *host, const struct jv_net_fact *fact);
/* NULL: there is none of that number. */
const struct jv_host_interface *jv_hostnet_interface(const struct jv_hostnet *host,
                                                     uint32_t ifindex);
/* The networks at the host's devices that are up, without that of `own_ifindex`, one a call; false at the end. `*cursor` begins
 * as 0; `*device_out` is valid until the next fact. */
bool jv_hostnet_network(const struct jv_hostnet *host, uint32_t own_ifindex, uint32_t *cursor,
                        struct jv_prefix *network_out, const char **device_out);
#endif /* JV_DAEMON_HOSTNET_H */
