/* SPDX-License-Identifier: Apache-2.0 */
#include "merge.h"

#include <string.h>

#include "base.h"
#include "csum.h"

#define IPV4_HEADER 20U
#define IPV6_HEADER 40U
#define TCP_HEADER 20U
#define UDP_HEADER 8U
#define DONT_FRAGMENT 0x4000U
#define TCP_FIN 0x01U
#define TCP_PSH 0x08U
#define TCP_ACK 0x10U
#define TCP_ECE 0x40U
#define FLOW4 12U /* addresses and ports stand side by side, from byte 12 and from byte 8 */
#define FLOW6 36U

/* A packet as far as merging looks at it. */
struct view {
    uint8_t *packet;
    const uint8_t *flow; /* addresses, and ports where a kind is set */
    uint32_t flow_bytes, hash, session;
    enum jv_gso_kind kind; /* NONE: without ports, or of a kind that the device does not take */
    bool has_ports;
    struct jv_l4 l4;
    uint32_t hdr_bytes, len;
    bool is_candidate; /* may be in a group; else it only closes that of its flow */
    bool is_last;      /* nothing may follow it in a group */
    bool is_partial;
};

/* A group that may still grow. */
struct open {
    struct view lead;
    struct jv_merged *group;
    uint32_t last; /* slot */
    uint32_t seg_bytes;
    bool is_sound; /* the lead's checksums are verified */
    uint8_t flags; /* TCP: of the last packet */
};

struct table {
    struct open open[JV_MERGE_OPEN];
    uint32_t len, turn;
};

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static void put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t payload_of(const struct view *v)
{
    return v->len - v->hdr_bytes;
}

/* ---- one packet ---- */

static bool is_taken(const struct jv_merge_cfg *cfg, enum jv_gso_kind kind)
{
    switch (kind) {
    case JV_GSO_NONE:
        return false;
    case JV_GSO_TCP4:
        return cfg->tcp4;
    case JV_GSO_TCP6:
        return cfg->tcp6;
    case JV_GSO_UDP4:
        return cfg->udp4;
    case JV_GSO_UDP6:
        return cfg->udp6;
    }
    return false;
}

static void look_at_tcp(struct view *v)
{
    const uint8_t *tcp = v->packet + v->l4.at;
    uint32_t bytes = (tcp[12] >> 4) * 4U;
    v->hdr_bytes = v->l4.at + bytes;
    /* SYN, RST, URG and CWR are never in a group, nor what carries nothing. */
    v->is_candidate = bytes >= TCP_HEADER && v->hdr_bytes < v->len &&
                      (tcp[13] & ~(TCP_FIN | TCP_PSH | TCP_ECE)) == TCP_ACK;
    v->is_last = (tcp[13] & (TCP_FIN | TCP_PSH)) != 0;
}

static void look_at_udp(struct view *v)
{
    const uint8_t *udp = v->packet + v->l4.at;
    v->hdr_bytes = v->l4.at + UDP_HEADER;
    bool has_csum = v->is_partial || be16(udp + JV_CSUM_AT_UDP) != 0;
    v->is_candidate = has_csum && v->hdr_bytes < v->len;
}

static void look_at(const struct jv_merge_cfg *cfg, const struct jv_slot *slot, struct view *v)
{
    uint8_t *packet = slot->buf + slot->off;
    *v = (struct view){.packet = packet, .len = slot->len, .session = slot->session};
    v->is_partial = slot->is_csum_partial;
    if (!jv_csum_l4(packet, slot->len, &v->l4)) {
        v->l4.at = 0;
    }
    bool is_4 = slot->len >= IPV4_HEADER && packet[0] >> 4 == 4;
    if (!is_4 && (slot->len < IPV6_HEADER || packet[0] >> 4 != 6)) {
        return; /* the core delivers no such packet */
    }
    v->flow = packet + (is_4 ? 12 : 8);
    v->flow_bytes = (is_4 ? FLOW4 : FLOW6) - 4;
    if (v->l4.at != (is_4 ? IPV4_HEADER : IPV6_HEADER)) {
        return;
    }
    bool is_tcp = v->l4.protocol == JV_PROTO_TCP;
    enum jv_gso_kind kind =
        is_tcp ? (is_4 ? JV_GSO_TCP4 : JV_GSO_TCP6) : (is_4 ? JV_GSO_UDP4 : JV_GSO_UDP6);
    v->flow_bytes += 4;
    v->has_ports = true;
    if (is_taken(cfg, kind)) {
        v->kind = kind;
        for (uint32_t i = 0; i < v->flow_bytes; i += 4) {
            uint32_t word;
            memcpy(&word, v->flow + i, sizeof word);
            v->hash = (v->hash ^ word) * 0x9e3779b1U;
        }
        if (is_tcp) {
            look_at_tcp(v);
        } else {
            look_at_udp(v);
        }
    }
}

/* ---- may it join ---- */

static bool is_4(const struct view *v)
{
    return v->packet[0] >> 4 == 4;
}

static bool is_tcp(const struct view *v)
{
    return v->l4.protocol == JV_PROTO_TCP;
}

/* What a group has one of: of the IP header all but lengths, identification and checksum. */
static bool is_ip_equal(const struct open *open, const struct view *v)
{
    const uint8_t *a = open->lead.packet, *b = v->packet;
    if (!is_4(v)) {
        return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 2) == 0;
    }
    uint32_t id = (be16(a + 4) + open->group->count) & UINT16_MAX;
    return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
           ((be16(b + 6) & DONT_FRAGMENT) != 0 || be16(b + 4) == id);
}

static bool is_tcp_next(const struct open *open, const struct view *v)
{
    const uint8_t *a = open->lead.packet + v->l4.at, *b = v->packet + v->l4.at;
    uint32_t sent = open->group->len_bytes - open->lead.hdr_bytes;
    uint32_t flags = (uint32_t)(a[13] ^ b[13]) & ~(TCP_FIN | TCP_PSH);
    /* acknowledgement and data offset; window; urgent pointer and options */
    return be32(b + 4) == be32(a + 4) + sent && flags == 0 && memcmp(a + 8, b + 8, 5) == 0 &&
           memcmp(a + 14, b + 14, 2) == 0 &&
           memcmp(a + 18, b + 18, v->hdr_bytes - v->l4.at - 18) == 0;
}

static bool is_sound(const struct view *v)
{
    bool is_ip_sound =
        !is_4(v) || jv_csum_fold(jv_csum_sum(v->packet, IPV4_HEADER, 0)) == UINT16_MAX;
    return is_ip_sound && (v->is_partial || jv_csum_verify(v->packet, v->len, &v->l4));
}

static bool may_join(struct open *open, const struct view *v)
{
    if (!v->is_candidate || v->hdr_bytes != open->lead.hdr_bytes ||
        payload_of(v) > open->seg_bytes ||
        open->group->len_bytes + payload_of(v) > JV_GSO_BYTES_MAX || !is_ip_equal(open, v) ||
        (is_tcp(v) && !is_tcp_next(open, v))) {
        return false;
    }
    open->is_sound = open->is_sound || is_sound(&open->lead);
    return open->is_sound && is_sound(v);
}

/* ---- groups ---- */

static void put_sum(uint8_t *at, uint16_t sum)
{
    memcpy(at, &sum, sizeof sum);
}

/* Write what the group is into the headers of its first packet, and for the kernel. */
static void finish(const struct open *open)
{
    struct jv_merged *group = open->group;
    const struct view *v = &open->lead;
    uint8_t *packet = v->packet;
    uint8_t *l4 = packet + v->l4.at;
    uint32_t l4_bytes = group->len_bytes - v->l4.at;
    if (group->count == 1) {
        return;
    }
    if (is_4(v)) {
        put_be16(packet + 2, group->len_bytes);
        put_be16(packet + 10, 0);
        put_sum(packet + 10, (uint16_t)~jv_csum_fold(jv_csum_sum(packet, IPV4_HEADER, 0)));
    } else {
        put_be16(packet + 4, group->len_bytes - IPV6_HEADER);
    }
    if (is_tcp(v)) {
        l4[13] |= open->flags & (TCP_FIN | TCP_PSH);
    } else {
        put_be16(l4 + 4, l4_bytes);
    }
    put_sum(l4 + v->l4.csum_at, jv_csum_fold(jv_csum_pseudo(packet, v->l4.protocol, l4_bytes)));
    group->hdr_bytes = v->hdr_bytes;
    group->gso = (struct jv_gso){.kind = v->kind,
                                 .is_csum_partial = true,
                                 .csum_start = (uint16_t)v->l4.at,
                                 .csum_offset = (uint16_t)v->l4.csum_at,
                                 .hdr_bytes = (uint16_t)v->hdr_bytes,
                                 .seg_bytes = (uint16_t)open->seg_bytes};
}

static void close_group(struct table *table, uint32_t i)
{
    finish(&table->open[i]);
    table->open[i] = table->open[--table->len];
}

static uint32_t find(const struct table *table, const struct view *v)
{
    uint32_t i = 0;
    while (i < table->len &&
           (table->open[i].lead.hash != v->hash || table->open[i].lead.session != v->session ||
            table->open[i].lead.kind != v->kind ||
            memcmp(table->open[i].lead.flow, v->flow, v->flow_bytes) != 0)) {
        i++;
    }
    return i;
}

/* A packet without ports may be of any flow between its addresses. */
static void close_all_of(struct table *table, const struct view *v)
{
    for (uint32_t i = table->len; i-- > 0;) {
        const struct view *lead = &table->open[i].lead;
        if (lead->session == v->session && is_4(lead) == is_4(v) &&
            memcmp(lead->flow, v->flow, v->flow_bytes) == 0) {
            close_group(table, i);
        }
    }
}

static void open_group(struct table *table, const struct view *v, struct jv_merged *group)
{
    uint32_t i = table->len;
    if (i == JV_MERGE_OPEN) {
        i = table->turn++ % JV_MERGE_OPEN;
        finish(&table->open[i]);
    } else {
        table->len++;
    }
    table->open[i] =
        (struct open){.lead = *v, .group = group, .last = group->first, .seg_bytes = payload_of(v)};
}

/* True: slot `at` is in the group now. The group is closed where it must have no more, or where the packet could not join. */
static bool join(struct table *table, uint32_t i, const struct view *v, uint32_t at,
                 uint8_t *next_out)
{
    struct open *open = &table->open[i];
    if (!may_join(open, v)) {
        close_group(table, i);
        return false;
    }
    next_out[open->last] = (uint8_t)at;
    open->last = at;
    open->flags = is_tcp(v) ? v->packet[v->l4.at + 13] : 0;
    open->group->count++;
    open->group->len_bytes += payload_of(v);
    if (v->is_last || payload_of(v) < open->seg_bytes) {
        close_group(table, i);
    }
    return true;
}

static void start_group(struct jv_merged *group, const struct view *v, uint32_t at)
{
    *group = (struct jv_merged){.first = at, .count = 1, .len_bytes = v->len};
    if (v->is_partial && v->l4.at != 0) {
        group->gso.is_csum_partial = true;
        group->gso.csum_start = (uint16_t)v->l4.at;
        group->gso.csum_offset = (uint16_t)v->l4.csum_at;
    }
}

uint32_t jv_merge(const struct jv_merge_cfg *cfg, struct jv_slot *slots, uint32_t n,
                  struct jv_merged *groups_out, uint8_t *next_out)
{
    struct table table;
    uint32_t groups = 0;
    table.len = table.turn = 0;
    JV_ASSERT(n <= JV_MERGE_SLOTS_MAX);
    for (uint32_t at = 0; at < n; at++) {
        struct view v;
        look_at(cfg, &slots[at], &v);
        next_out[at] = JV_MERGE_END;
        uint32_t i = table.len;
        if (v.kind != JV_GSO_NONE) {
            i = find(&table, &v);
        } else if (v.flow != NULL && !v.has_ports) {
            close_all_of(&table, &v);
        }
        if (i < table.len && join(&table, i, &v, at, next_out)) {
            continue;
        }
        start_group(&groups_out[groups], &v, at);
        if (v.is_candidate && !v.is_last) {
            open_group(&table, &v, &groups_out[groups]);
        }
        groups++;
    }
    for (uint32_t i = 0; i < table.len; i++) {
        finish(&table.open[i]);
    }
    return groups;
}
