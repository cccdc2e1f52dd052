/* SPDX-License-Identifier: Apache-2.0 */
/*
 * He sees what passes tapped links, and keeps it; he sends from addresses of his own and from others'. He has no key.
 */
#include <string.h>

#include "world.h"

#define TYPE(bytes) ((bytes)[0] & 0x1fU)
#define TYPE_BIRTH_INIT 1U /* docs/protocol.md, types of datagrams */
#define TYPE_REQUEST 7U
#define TYPE_FIRST 1U
#define TYPE_LAST 11U
#define HEADER_BYTES 16U

static uint32_t below(struct jv_prng *prng, uint32_t bound)
{
    return (uint32_t)jv_prng_below(prng, bound);
}

struct sim_stranger *adversary_stranger(struct sim_world *w, const struct jv_endpoint *ep)
{
    struct sim_adversary *adv = &w->adversary;
    for (uint32_t i = 0; i < adv->strangers_len; i++) {
        if (jv_endpoint_is_equal(&adv->strangers[i].ep, ep)) {
            return &adv->strangers[i];
        }
    }
    if (adv->strangers_len == SIM_STRANGERS) {
        return NULL;
    }
    struct sim_stranger *s = &adv->strangers[adv->strangers_len++];
    *s = (struct sim_stranger){.ep = *ep};
    return s;
}

static struct jv_endpoint his_address(uint32_t n)
{
    const struct jv_endpoint ep = {.ip = {{198, 51, 100, (uint8_t)(n % 8 + 1)}, JV_AF_4, {0}},
                                   .port = (uint16_t)(7000 + n / 8 % 4)};
    return ep;
}

static void send_as(struct sim_world *w, const struct jv_endpoint *src,
                    const struct jv_endpoint *dst, const uint8_t *bytes, uint32_t len,
                    uint64_t delay_ns)
{
    struct sim_stranger *s =
        src->ip.b[0] == 198 && src->ip.b[1] == 51 ? adversary_stranger(w, src) : NULL;
    if (s != NULL) {
        s->in_bytes += len;
    }
    path_inject_up(w, src, dst, bytes, len, delay_ns);
}

/* ---- on the path ---- */

static void keep(struct sim_world *w, uint32_t client, uint32_t link, bool is_up,
                 const struct net_flight *flight)
{
    struct sim_adversary *adv = &w->adversary;
    uint64_t n = adv->captured++;
    uint64_t at = n < SIM_CAPTURED ? n + SIM_CAPTURED : n % SIM_CAPTURED;
    struct sim_captured *c = &adv->ring[at];
    *c = (struct sim_captured){.client = client,
                               .link = link,
                               .is_up = is_up,
                               .src = flight->src,
                               .dst = flight->dst,
                               .len = JV_MIN(flight->len, (uint32_t)sizeof c->bytes)};
    memcpy(c->bytes, flight->bytes, c->len);
}

/* An address of his for each link that he copies from: what comes back there is for that link. */
static struct sim_stranger *relay_of(struct sim_world *w, uint32_t client, uint32_t link)
{
    const struct jv_endpoint ep = {
        .ip = {{198, 51, 101, (uint8_t)(client * SIM_LINKS + link + 1)}, JV_AF_4, {0}},
        .port = 7777};
    struct sim_stranger *s = adversary_stranger(w, &ep);
    if (s != NULL) {
        s->client = client;
        s->link = link;
        s->is_relay = s->is_relay || w->adversary.relays;
    }
    return s;
}

bool adversary_sees(struct sim_world *w, uint32_t client, uint32_t link, bool is_up,
                    const struct net_flight *flight)
{
    struct sim_adversary *adv = &w->adversary;
    if (!w->clients[client].links[link].is_tapped) {
        return true;
    }
    keep(w, client, link, is_up, flight);
    uint32_t type = TYPE(flight->bytes);
    if (((is_up ? adv->lost_types : adv->lost_types_down) >> type & 1) != 0) {
        return false;
    }
    bool is_v4 = flight->src.ip.family == JV_AF_4;
    bool copies = is_up && is_v4 && (adv->races || (adv->diverts && type == TYPE_REQUEST));
    struct sim_stranger *relay = copies ? relay_of(w, client, link) : NULL;
    if (relay == NULL) {
        return true;
    }
    send_as(w, &relay->ep, &flight->dst, flight->bytes, flight->len, 1 * JV_NS_PER_US);
    return !adv->diverts || type != TYPE_REQUEST;
}

void adversary_gets(struct sim_world *w, uint32_t gateway, const struct jv_slot *slot)
{
    struct sim_stranger *s = adversary_stranger(w, &slot->remote);
    if (s == NULL) {
        return;
    }
    s->out_bytes += slot->len;
    if (!s->is_relay && s->out_bytes > s->in_bytes) {
        world_wrong(w, false,
                    "gateway %u sent %u bytes to an address that proved nothing and sent %u",
                    gateway, (unsigned)s->out_bytes, (unsigned)s->in_bytes);
    }
    if (s->is_relay && w->adversary.relays) {
        const struct jv_endpoint from = path_gateway(gateway, false);
        path_inject_down(w, s->client, s->link, &from, slot->buf + slot->off, slot->len,
                         JV_NS_PER_MS);
    }
}

/* ---- acts of a moment ---- */

/* One of those that he kept: as often the newest ones as any. */
static const struct sim_captured *choose(struct sim_world *w, struct jv_prng *prng)
{
    const struct sim_adversary *adv = &w->adversary;
    if (adv->captured == 0) {
        return NULL;
    }
    bool is_old = below(prng, 4) == 0 || adv->captured <= SIM_CAPTURED;
    uint64_t len = JV_MIN(adv->captured, (uint64_t)SIM_CAPTURED);
    if (is_old) {
        return &adv->ring[SIM_CAPTURED + jv_prng_below(prng, len)];
    }
    uint64_t newer = JV_MIN(adv->captured - SIM_CAPTURED, (uint64_t)SIM_CAPTURED);
    return &adv->ring[(adv->captured - 1 - jv_prng_below(prng, newer)) % SIM_CAPTURED];
}

static struct jv_endpoint draw_source(struct sim_world *w, struct jv_prng *prng,
                                      const struct sim_captured *c)
{
    uint32_t client = below(prng, w->clients_len);
    switch (below(prng, 4)) {
    case 0:
        return his_address(below(prng, 32));
    case 1: /* another client's, whose path an answer may take */
        return w->history_len[client] > 0 ? w->history[(size_t)client * NET_HISTORY] : c->src;
    default:
        return c->src;
    }
}

void adversary_replays(struct sim_world *w, struct jv_prng *prng, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct sim_captured *c = choose(w, prng);
        uint8_t bytes[JV_DATAGRAM_MAX + 200];
        if (c == NULL) {
            return;
        }
        uint32_t len = c->len;
        memcpy(bytes, c->bytes, len);
        memset(bytes + len, 0x5a, sizeof bytes - len);
        switch (below(prng, 6)) {
        case 0:
            bytes[below(prng, len)] ^= (uint8_t)(1U << below(prng, 8));
            break;
        case 1:
            len = below(prng, len) + 1;
            break;
        case 2:
            len += below(prng, 200);
            break;
        default:
            break;
        }
        uint64_t delay_ns = jv_prng_below(prng, 50 * JV_NS_PER_MS);
        bool turns = below(prng, 6) == 0; /* sent back, or to another one */
        if (c->is_up != turns) {
            const struct jv_endpoint src = draw_source(w, prng, c);
            struct jv_endpoint dst = c->is_up ? c->dst : c->src;
            if (below(prng, 8) == 0) {
                dst = path_gateway(below(prng, w->gateways_len), false);
            }
            send_as(w, &src, &dst, bytes, len, delay_ns);
        } else {
            const struct jv_endpoint src = c->is_up ? c->dst : c->src;
            uint32_t client = below(prng, 4) == 0 ? below(prng, w->clients_len) : c->client;
            uint32_t link = below(prng, w->clients[client].links_len);
            path_inject_down(w, client, client == c->client && below(prng, 2) == 0 ? c->link : link,
                             &src, bytes, len, delay_ns);
        }
    }
}

/* A header that belongs to a session, with a counter of his choice, and nonsense behind it. */
void adversary_forges(struct sim_world *w, struct jv_prng *prng, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct sim_captured *c = choose(w, prng);
        uint8_t bytes[400];
        if (c == NULL) {
            return;
        }
        uint32_t len = HEADER_BYTES + below(prng, sizeof bytes - HEADER_BYTES);
        for (uint32_t k = 0; k < len; k++) {
            bytes[k] = (uint8_t)jv_prng_next(prng);
        }
        memcpy(bytes, c->bytes, HEADER_BYTES);
        if (below(prng, 2) == 0) {
            bytes[0] = (uint8_t)((bytes[0] & 0xc0U) |
                                 (TYPE_FIRST + below(prng, TYPE_LAST - TYPE_FIRST + 1)));
        }
        if (below(prng, 2) == 0) {
            memset(bytes + 2, below(prng, 2) == 0 ? 0xff : 0, 6); /* its counter */
        }
        if (below(prng, 8) == 0) {
            bytes[8 + below(prng, 8)] ^= 1; /* its locator */
        }
        if (c->is_up) {
            const struct jv_endpoint src = draw_source(w, prng, c);
            send_as(w, &src, &c->dst, bytes, len, jv_prng_below(prng, JV_NS_PER_MS));
        } else {
            path_inject_down(w, c->client, c->link, &c->src, bytes, len, 0);
        }
    }
}

/* First messages: those that he saw, from addresses that are nobody's, and headers without a message. */
void adversary_floods(struct sim_world *w, struct jv_prng *prng, uint32_t n)
{
    const struct sim_adversary *adv = &w->adversary;
    const struct sim_captured *init = NULL;
    uint64_t kept = JV_MIN(adv->captured, (uint64_t)2 * SIM_CAPTURED);
    for (uint64_t i = 0; i < kept && init == NULL; i++) {
        const struct sim_captured *c =
            &adv->ring[(i + SIM_CAPTURED) % ((uint64_t)2 * SIM_CAPTURED)];
        init = c->is_up && c->len > 0 && TYPE(c->bytes) == TYPE_BIRTH_INIT ? c : NULL;
    }
    for (uint32_t i = 0; i < n && init != NULL; i++) {
        uint8_t bytes[JV_DATAGRAM_MAX];
        const struct jv_endpoint src = his_address(below(prng, 32));
        memcpy(bytes, init->bytes, init->len);
        if (below(prng, 2) == 0) {
            bytes[below(prng, init->len)] ^= (uint8_t)(1U << below(prng, 8));
        }
        send_as(w, &src, &init->dst, bytes, init->len, jv_prng_below(prng, JV_NS_PER_S));
    }
}

void adversary_rests(struct sim_world *w)
{
    struct sim_adversary *adv = &w->adversary;
    adv->diverts = adv->races = adv->relays = false;
    adv->lost_types = adv->lost_types_down = 0;
}
