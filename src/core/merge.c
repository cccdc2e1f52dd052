/* SPDX-License-Identifier: Apache-2.0 */
#include "merge.h"

#include <string.h>

#include "base.h"
#include "csum.h"
#include "ip.h"

/* A packet as far as merging looks at it. */
struct view {
    uint8_t *packet;
    uint32_t len, session;
    uint32_t at, hdr_bytes; /* of the transport header; of both. Set where has_ports is */
    uint32_t hash;          /* of addresses and ports, where a kind is set */
    enum jv_gso_kind kind;  /* NONE: without ports, or of a kind that the device does not take */
    bool is_4, is_tcp, is_partial;
    bool has_addresses, has_ports;
    bool is_candidate; /* may be in a group; else it only closes that of its flow */
    bool is_last;      /* nothing may follow it in a group */
};

/* A group that may still grow. */
struct open {
    struct view lead;
    struct jv_merged *group;
    uint32_t last; /* slot */
    uint32_t seg_bytes, seq;
    bool is_sound; /* the lead's checksums are verified */
    uint8_t flags; /* TCP: FIN and PSH of the last packet */
};

struct table {
    struct open open[JV_MERGE_OPEN];
    uint32_t len, turn;
};

static uint32_t payload_of(const struct view *v)
{
    return v->len - v->hdr_bytes;
}

/* ---- one packet ---- */

static enum jv_gso_kind taken_kind(const struct jv_merge_cfg *cfg, bool is_4, bool is_tcp)
{
    if (is_tcp) {
        return is_4 ? (cfg->tcp4 ? JV_GSO_TCP4 : JV_GSO_NONE)
                    : (cfg->tcp6 ? JV_GSO_TCP6 : JV_GSO_NONE);
    }
    return is_4 ? (cfg->udp4 ? JV_GSO_UDP4 : JV_GSO_NONE) : (cfg->udp6 ? JV_GSO_UDP6 : JV_GSO_NONE);
}

/* Addresses, and behind them the ports: of IPv4 from byte 12, of IPv6 from byte 8. */
static uint32_t hash_of(const struct view *v)
{
    const uint8_t *p = v->packet;
    uint64_t sum = v->is_4 ? jv_word64(p + 12) ^ (uint64_t)jv_word32(p + 20) << 16
                           : jv_word64(p + 8) ^ jv_word64(p + 16) ^ jv_word64(p + 24) * 5 ^
                                 jv_word64(p + 32) * 3 ^ (uint64_t)jv_word32(p + 40) << 16;
    return (uint32_t)((sum * 0x9e3779b97f4a7c15U) >> 32);
}

static void look_at_transport(struct view *v)
{
    const uint8_t *l4 = v->packet + v->at;
    if (v->is_tcp) {
        uint32_t bytes = (l4[12] >> 4) * 4U;
        v->hdr_bytes = v->at + bytes;
        /* SYN, RST, URG and CWR are never in a group, nor what carries nothing. */
        v->is_candidate = bytes >= JV_TCP_HEADER && v->hdr_bytes < v->len &&
                          (l4[13] & ~(JV_TCP_FIN | JV_TCP_PSH | JV_TCP_ECE)) == JV_TCP_ACK;
        v->is_last = (l4[13] & (JV_TCP_FIN | JV_TCP_PSH)) != 0;
    } else {
        v->hdr_bytes = v->at + JV_UDP_HEADER;
        v->is_candidate =
            v->hdr_bytes < v->len && (v->is_partial || jv_word16(l4 + JV_CSUM_AT_UDP) != 0);
        v->is_last = false;
    }
}

/* A header of IPv4 without options, or of IPv6, and TCP or UDP right behind it. */
static bool has_ports(struct view *v)
{
    const uint8_t *p = v->packet;
    uint8_t protocol = v->is_4 ? p[9] : p[6];
    v->at = v->is_4 ? JV_IPV4_HEADER : JV_IPV6_HEADER;
    v->is_tcp = protocol == JV_PROTO_TCP;
    if (v->is_4 ? p[0] != 0x45 || jv_load16(p + 2) != v->len ||
                      (jv_load16(p + 6) & JV_IPV4_FRAGMENT) != 0
                : jv_load16(p + 4) + JV_IPV6_HEADER != v->len) {
        return false;
    }
    if (v->is_tcp) {
        return v->len >= v->at + JV_TCP_HEADER;
    }
    return protocol == JV_PROTO_UDP && v->len >= v->at + JV_UDP_HEADER &&
           jv_load16(p + v->at + 4) == v->len - v->at;
}

static void look_at(const struct jv_merge_cfg *cfg, const struct jv_slot *slot, struct view *v)
{
    v->packet = slot->buf + slot->off;
    v->len = slot->len;
    v->session = slot->session;
    v->is_partial = slot->is_csum_partial;
    v->is_4 = v->len >= JV_IPV4_HEADER && v->packet[0] >> 4 == 4;
    v->has_addresses = v->is_4 || (v->len >= JV_IPV6_HEADER && v->packet[0] >> 4 == 6);
    v->has_ports = v->has_addresses && has_ports(v);
    v->kind = v->has_ports ? taken_kind(cfg, v->is_4, v->is_tcp) : JV_GSO_NONE;
    v->is_candidate = false;
    if (v->kind != JV_GSO_NONE) {
        v->hash = hash_of(v);
        look_at_transport(v);
    }
}

/* ---- may it join ---- */

static bool are_addresses_equal(const struct view *a, const struct view *b)
{
    const uint8_t *p = a->packet, *q = b->packet;
    return a->is_4
               ? jv_word64(p + 12) == jv_word64(q + 12)
               : jv_word64(p + 8) == jv_word64(q + 8) && jv_word64(p + 16) == jv_word64(q + 16) &&
                     jv_word64(p + 24) == jv_word64(q + 24) &&
                     jv_word64(p + 32) == jv_word64(q + 32);
}

static bool is_flow_equal(const struct view *a, const struct view *b)
{
    return a->hash == b->hash && a->kind == b->kind && a->session == b->session &&
           jv_word32(a->packet + a->at) == jv_word32(b->packet + b->at) &&
           are_addresses_equal(a, b);
}

/* What a group has one of: of the IP header all but lengths, identification and checksum. */
static bool is_ip_equal(const struct open *open, const struct view *v)
{
    const uint8_t *a = open->lead.packet, *b = v->packet;
    if (!v->is_4) {
        return jv_word32(a) == jv_word32(b) && jv_word16(a + 6) == jv_word16(b + 6);
    }
    uint32_t id = (jv_load16(a + 4) + open->group->count) & UINT16_MAX;
    return jv_word16(a) == jv_word16(b) && jv_word32(a + 6) == jv_word32(b + 6) &&
           ((jv_load16(b + 6) & JV_IPV4_DONT_FRAGMENT) != 0 || jv_load16(b + 4) == id);
}

/* The same acknowledgement, header length, flags, window, urgent pointer and options, and the sequence number that comes. */
static bool is_tcp_next(const struct open *open, const struct view *v)
{
    const uint8_t *a = open->lead.packet + v->at, *b = v->packet + v->at;
    uint32_t differs = (jv_word32(a + 8) ^ jv_word32(b + 8)) | (uint32_t)(a[12] ^ b[12]) |
                       ((uint32_t)(a[13] ^ b[13]) & ~(JV_TCP_FIN | JV_TCP_PSH)) |
                       (uint32_t)(jv_word16(a + 14) ^ jv_word16(b + 14)) |
                       (uint32_t)(jv_word16(a + 18) ^ jv_word16(b + 18));
    uint32_t end = v->hdr_bytes - v->at;
    for (uint32_t i = JV_TCP_HEADER; i < end; i += 4) {
        differs |= jv_word32(a + i) ^ jv_word32(b + i);
    }
    return differs == 0 && jv_load32(b + 4) == open->seq;
}

static bool is_sound(const struct view *v)
{
    if (v->is_4) {
        const uint8_t *p = v->packet;
        uint64_t sum = (uint64_t)jv_word32(p) + jv_word32(p + 4) + jv_word32(p + 8) +
                       jv_word32(p + 12) + jv_word32(p + 16);
        if (jv_csum_fold(sum) != UINT16_MAX) {
            return false;
        }
    }
    const struct jv_l4 l4 = {v->at, v->is_tcp ? JV_PROTO_TCP : JV_PROTO_UDP,
                             v->is_tcp ? JV_CSUM_AT_TCP : JV_CSUM_AT_UDP};
    return v->is_partial || jv_csum_verify(v->packet, v->len, &l4);
}

static bool may_join(struct open *open, const struct view *v)
{
    if (!v->is_candidate || v->hdr_bytes != open->lead.hdr_bytes ||
        payload_of(v) > open->seg_bytes ||
        open->group->len_bytes + payload_of(v) > JV_GSO_BYTES_MAX || !is_ip_equal(open, v) ||
        (v->is_tcp && !is_tcp_next(open, v))) {
        return false;
    }
    open->is_sound = open->is_sound || is_sound(&open->lead);
    return open->is_sound && is_sound(v);
}

/* ---- groups ---- */

/* Write what the group is into the headers of its first packet, and for the kernel. */
static void finish(const struct open *open)
{
    struct jv_merged *group = open->group;
    const struct view *v = &open->lead;
    uint8_t *packet = v->packet;
    uint8_t *l4 = packet + v->at;
    uint32_t l4_bytes = group->len_bytes - v->at;
    uint32_t csum_at = v->is_tcp ? JV_CSUM_AT_TCP : JV_CSUM_AT_UDP;
    if (group->count == 1) {
        return;
    }
    if (v->is_4) {
        jv_store16(packet + 2, group->len_bytes);
        jv_store16(packet + 10, 0);
        jv_put_word16(packet + 10, (uint16_t)~jv_csum_fold(jv_csum_sum(packet, JV_IPV4_HEADER, 0)));
    } else {
        jv_store16(packet + 4, group->len_bytes - JV_IPV6_HEADER);
    }
    if (v->is_tcp) {
        l4[13] |= open->flags;
    } else {
        jv_store16(l4 + 4, l4_bytes);
    }
    uint8_t protocol = v->is_tcp ? JV_PROTO_TCP : JV_PROTO_UDP;
    jv_put_word16(l4 + csum_at, jv_csum_fold(jv_csum_pseudo(packet, protocol, l4_bytes)));
    group->hdr_bytes = v->hdr_bytes;
    group->gso = (struct jv_gso){.kind = v->kind,
                                 .is_csum_partial = true,
                                 .csum_start = (uint16_t)v->at,
                                 .csum_offset = (uint16_t)csum_at,
                                 .hdr_bytes = (uint16_t)v->hdr_bytes,
                                 .seg_bytes = (uint16_t)open->seg_bytes};
}

static void close_group(struct table *table, uint32_t i)
{
    finish(&table->open[i]);
    table->len--;
    if (i < table->len) {
        table->open[i] = table->open[table->len];
    }
}

static uint32_t find(const struct table *table, const struct view *v)
{
    uint32_t i = 0;
    while (i < table->len && !is_flow_equal(&table->open[i].lead, v)) {
        i++;
    }
    return i;
}

/* A packet without ports may be of any flow between its addresses. */
static void close_all_of(struct table *table, const struct view *v)
{
    for (uint32_t i = table->len; i-- > 0;) {
        const struct view *lead = &table->open[i].lead;
        if (lead->session == v->session && lead->is_4 == v->is_4 && are_addresses_equal(lead, v)) {
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
    struct open *open = &table->open[i];
    open->lead = *v;
    open->group = group;
    open->last = group->first;
    open->seg_bytes = payload_of(v);
    open->seq = v->is_tcp ? jv_load32(v->packet + v->at + 4) + payload_of(v) : 0;
    open->is_sound = false;
    open->flags = 0;
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
    open->seq += payload_of(v);
    open->flags = v->is_last ? v->packet[v->at + 13] & (JV_TCP_FIN | JV_TCP_PSH) : 0;
    open->group->count++;
    open->group->len_bytes += payload_of(v);
    if (v->is_last || payload_of(v) < open->seg_bytes) {
        close_group(table, i);
    }
    return true;
}

static void start_group(struct jv_merged *group, const struct view *v, uint32_t at)
{
    struct jv_l4 l4;
    *group = (struct jv_merged){.first = at, .count = 1, .len_bytes = v->len};
    if (v->is_partial && jv_csum_l4(v->packet, v->len, &l4)) {
        group->gso.is_csum_partial = true;
        group->gso.csum_start = (uint16_t)l4.at;
        group->gso.csum_offset = (uint16_t)l4.csum_at;
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
        if (v.kind != JV_GSO_NONE) {
            uint32_t i = find(&table, &v);
            if (i < table.len && join(&table, i, &v, at, next_out)) {
                continue;
            }
        } else if (v.has_addresses && !v.has_ports) {
            close_all_of(&table, &v);
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
