/* SPDX-License-Identifier: Apache-2.0 */
#include "hostnet.h"

#include <string.h>

#include "base.h"

/* The interface's place, or interfaces_len. */
static uint32_t place_of(const struct jv_hostnet *host, uint32_t ifindex)
{
    uint32_t i = 0;
    while (i < host->interfaces_len && host->interfaces[i].ifindex != ifindex) {
        i++;
    }
    return i;
}

static void take_link(struct jv_hostnet *host, const struct jv_net_fact *fact)
{
    uint32_t place = place_of(host, fact->ifindex);
    if (place == JV_ARRAY_LEN(host->interfaces)) {
        return; /* netwatch has the same limit and counts what is above it */
    }
    struct jv_host_interface *interface = &host->interfaces[place];
    if (place == host->interfaces_len) {
        host->interfaces_len++;
        *interface = (struct jv_host_interface){.ifindex = fact->ifindex};
    }
    interface->mtu = fact->mtu;
    memcpy(interface->name, fact->name, sizeof(interface->name));
    if (fact->kind == JV_NET_LINK_UP || fact->kind == JV_NET_LINK_DOWN) {
        interface->is_up = fact->kind == JV_NET_LINK_UP;
    }
}

static void forget_interface(struct jv_hostnet *host, uint32_t ifindex)
{
    uint32_t place = place_of(host, ifindex);
    if (place < host->interfaces_len) {
        host->interfaces[place] = host->interfaces[--host->interfaces_len];
    }
}

static void take_address(struct jv_hostnet *host, const struct jv_net_fact *fact)
{
    for (uint32_t i = 0; i < host->addresses_len; i++) {
        struct jv_host_address *address = &host->addresses[i];
        if (address->ifindex == fact->ifindex && jv_ip_is_equal(&address->ip, &fact->ip)) {
            if (fact->kind == JV_NET_ADDR_GONE) {
                *address = host->addresses[--host->addresses_len];
            }
            return;
        }
    }
    if (fact->kind == JV_NET_ADDR_ADDED && host->addresses_len < JV_ARRAY_LEN(host->addresses)) {
        host->addresses[host->addresses_len++] =
            (struct jv_host_address){.ifindex = fact->ifindex, .bits = fact->bits, .ip = fact->ip};
    }
}

void jv_hostnet_take(struct jv_hostnet *host, const struct jv_net_fact *fact)
{
    switch (fact->kind) {
    case JV_NET_LINK_UP:
    case JV_NET_LINK_DOWN:
    case JV_NET_LINK_MTU:
        take_link(host, fact);
        break;
    case JV_NET_LINK_GONE:
        forget_interface(host, fact->ifindex);
        break;
    case JV_NET_ADDR_ADDED:
    case JV_NET_ADDR_GONE:
        take_address(host, fact);
        break;
    case JV_NET_ROUTE_CHANGED:
    case JV_NET_SYNCED:
        break; /* nothing to remember: the routes are asked for */
    }
}

const struct jv_host_interface *jv_hostnet_interface(const struct jv_hostnet *host,
                                                     uint32_t ifindex)
{
    uint32_t place = place_of(host, ifindex);
    return place < host->interfaces_len ? &host->interfaces[place] : NULL;
}

bool jv_hostnet_network(const struct jv_hostnet *host, uint32_t own_ifindex, uint32_t *cursor,
                        struct jv_prefix *network_out, const char **device_out)
{
    while (*cursor < host->addresses_len) {
        const struct jv_host_address *address = &host->addresses[(*cursor)++];
        const struct jv_host_interface *interface = jv_hostnet_interface(host, address->ifindex);
        if (interface == NULL || !interface->is_up || interface->ifindex == own_ifindex) {
            continue;
        }
        uint32_t bytes = address->ip.family == JV_AF_4 ? 4U : 16U;
        *network_out = (struct jv_prefix){address->ip, address->bits};
        for (uint32_t bit = address->bits; bit < bytes * 8U; bit++) {
            network_out->ip.b[bit / 8U] &= (uint8_t) ~(0x80U >> bit % 8U);
        }
        *device_out = interface->name;
        return true;
    }
    return false;
}
