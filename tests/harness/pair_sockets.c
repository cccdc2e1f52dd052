/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair_parts.h"

/* ---- sockets beside those of the links ---- */

static struct pair_socket *free_socket(struct pair *p)
{
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        if (p->extra[i].handle == 0) {
            return &p->extra[i];
        }
    }
    abort(); /* the core opens one twin at a time, and a test few addresses */
}

static void open_socket(struct pair *p, uint32_t link, uint8_t family, uint32_t twin_of)
{
    struct pair_socket *s = free_socket(p);
    uint16_t port = (uint16_t)(41000 + 10 * p->twins_opened + link);
    struct jv_command command = {.kind = JV_CMD_LINK_ADDED,
                                 .link = ++p->next_handle,
                                 .twin_of = twin_of,
                                 .local = pair_client_endpoint(link, family, port),
                                 .prefer = p->links[link].prefer,
                                 .cost = p->links[link].cost,
                                 .is_cold = p->links[link].is_cold,
                                 .is_metered = p->links[link].is_metered,
                                 .mtu = 1500};
    p->twins_opened++;
    *s = (struct pair_socket){.handle = command.link,
                              .link = link,
                              .twin_of = twin_of,
                              .family = family,
                              .mapped_port = (uint16_t)(port + 10000)};
    (void)snprintf(command.name, sizeof command.name, "link%u/udp", link);
    (void)pair_command(p, true, &command);
}

static void close_socket(struct pair *p, uint32_t handle)
{
    const struct jv_command gone = {.kind = JV_CMD_LINK_GONE, .link = handle};
    struct pair_wire wire = pair_wire_of(p, handle);
    for (uint32_t i = 0; i < PAIR_EXTRA && wire.link != NULL; i++) {
        struct pair_socket *s = &p->extra[i];
        if (s->handle == handle) {
            s->handle = 0;
        } else if (s->handle != 0 && s->twin_of == handle && wire.link->handle == handle) {
            /* The twin is the link's socket from here on. */
            wire.link->handle = s->handle;
            wire.link->mapped_port = s->mapped_port;
            wire.link->is_dead = s->is_dead;
            s->handle = 0;
        }
    }
    (void)pair_command(p, true, &gone);
}

/* What the core ordered, after it has finished. */
void pair_serve_wishes(struct pair *p)
{
    uint32_t n = p->wishes_len;
    struct jv_order wishes[PAIR_EXTRA];
    memcpy(wishes, p->wishes, n * sizeof wishes[0]);
    p->wishes_len = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct pair_wire wire = pair_wire_of(p, wishes[i].link);
        if (wire.link != NULL && wishes[i].kind == JV_ORDER_LINK_TWIN) {
            open_socket(p, wire.idx, wire.outer.ip.family, wire.handle);
        } else if (wire.link != NULL) {
            close_socket(p, wire.handle);
        }
    }
}

/* ---- links ---- */

void pair_link_up(struct pair *p, uint32_t i)
{
    struct pair_link *link = &p->links[i];
    struct jv_command command = {.kind = JV_CMD_LINK_ADDED,
                                 .link = ++p->next_handle,
                                 .prefer = link->prefer,
                                 .cost = link->cost,
                                 .is_cold = link->is_cold,
                                 .is_metered = link->is_metered,
                                 .mtu = link->device_mtu == 0 ? 1500 : link->device_mtu};
    link->up = true;
    link->is_dead = false;
    link->handle = command.link;
    command.local = pair_client_endpoint(i, JV_AF_4, (uint16_t)(40000 + i));
    (void)snprintf(command.name, sizeof command.name, "link%u/udp", i);
    (void)pair_command(p, true, &command);
}

void pair_link_down(struct pair *p, uint32_t i)
{
    struct jv_command command = {.kind = JV_CMD_LINK_GONE, .link = p->links[i].handle};
    p->links[i].up = false;
    (void)pair_command(p, true, &command);
    for (uint32_t k = 0; k < PAIR_EXTRA; k++) {
        if (p->extra[k].handle != 0 && p->extra[k].link == i && p->extra[k].family == JV_AF_4) {
            close_socket(p, p->extra[k].handle);
        }
    }
}

void pair_v6(struct pair *p, uint32_t link, bool on)
{
    if (on) {
        open_socket(p, link, JV_AF_6, 0);
        return;
    }
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        if (p->extra[i].handle != 0 && p->extra[i].link == link && p->extra[i].family == JV_AF_6) {
            close_socket(p, p->extra[i].handle);
        }
    }
}

void pair_tell_endpoints(struct pair *p, uint32_t set)
{
    struct jv_command command = {.kind = JV_CMD_ENDPOINTS};
    for (uint32_t i = 0; i < p->endpoints_len; i++) {
        if ((set & 1U << i) != 0) {
            command.endpoints[command.endpoints_len++] = p->endpoints[i];
        }
    }
    (void)pair_command(p, true, &command);
}

void pair_link_mtu(struct pair *p, uint32_t i, uint32_t mtu)
{
    struct jv_command command = {.kind = JV_CMD_LINK_MTU, .link = p->links[i].handle, .mtu = mtu};
    p->links[i].device_mtu = mtu;
    (void)pair_command(p, true, &command);
}
