/* SPDX-License-Identifier: Apache-2.0 */
#include "parts.h"

void jv_part_put_ip(struct jv_wr *wr, const struct jv_ip *ip)
{
    jv_wr_u8(wr, ip->family);
    jv_wr_bytes(wr, ip->b, sizeof ip->b);
}

static bool is_canonical(const struct jv_ip *ip)
{
    static const uint8_t zero[16];
    switch (ip->family) {
    case JV_AF_NONE:
        return memcmp(ip->b, zero, 16) == 0;
    case JV_AF_4:
        return memcmp(ip->b + 4, zero, 12) == 0;
    case JV_AF_6:
        return true;
    default: /* a byte from the wire, no enum */
        return false;
    }
}

void jv_part_get_ip(struct jv_rd *rd, struct jv_ip *out)
{
    memset(out, 0, sizeof *out);
    out->family = jv_rd_u8(rd);
    jv_rd_bytes(rd, out->b, sizeof out->b);
    rd->err = rd->err || !is_canonical(out);
}

/* 20 bytes: family, zero, port, address. A scope means nothing to the other side and is left out. */
void jv_part_put_endpoint(struct jv_wr *wr, const struct jv_endpoint *ep)
{
    jv_wr_u8(wr, ep->ip.family);
    jv_wr_zero(wr, 1);
    jv_wr_u16(wr, ep->port);
    jv_wr_bytes(wr, ep->ip.b, sizeof ep->ip.b);
}

void jv_part_get_endpoint(struct jv_rd *rd, struct jv_endpoint *out)
{
    memset(out, 0, sizeof *out);
    out->ip.family = jv_rd_u8(rd);
    jv_rd_zero(rd, 1);
    out->port = jv_rd_u16(rd);
    jv_rd_bytes(rd, out->ip.b, sizeof out->ip.b);
    rd->err = rd->err || !is_canonical(&out->ip);
}

void jv_part_put_prefix(struct jv_wr *wr, const struct jv_prefix *prefix)
{
    jv_part_put_ip(wr, &prefix->ip);
    jv_wr_u8(wr, (uint8_t)prefix->bits);
}

void jv_part_get_prefix(struct jv_rd *rd, struct jv_prefix *out)
{
    jv_part_get_ip(rd, &out->ip);
    out->bits = jv_rd_u8(rd);
    uint32_t max = out->ip.family == JV_AF_6 ? 128 : out->ip.family == JV_AF_4 ? 32 : 0;
    rd->err = rd->err || out->bits > max;
}

void jv_part_put_report(struct jv_wr *wr, const struct jv_report *report)
{
    jv_wr_u64(wr, report->epoch);
    jv_wr_u48(wr, report->highest);
    jv_wr_u48(wr, report->received);
    jv_wr_u8(wr, (uint8_t)report->gaps_len);
    jv_wr_zero(wr, 3);
    for (uint32_t i = 0; i < JV_GAP_MAX; i++) {
        jv_wr_u48(wr, i < report->gaps_len ? report->gaps[i].first : 0);
        jv_wr_u48(wr, i < report->gaps_len ? report->gaps[i].last : 0);
    }
}

void jv_part_get_report(struct jv_rd *rd, struct jv_report *out)
{
    out->epoch = jv_rd_u64(rd);
    out->highest = jv_rd_u48(rd);
    out->received = jv_rd_u48(rd);
    out->gaps_len = jv_rd_u8(rd);
    jv_rd_zero(rd, 3);
    rd->err = rd->err || out->gaps_len > JV_GAP_MAX;
    for (uint32_t i = 0; i < JV_GAP_MAX; i++) {
        uint64_t first = jv_rd_u48(rd);
        uint64_t last = jv_rd_u48(rd);
        if (i < out->gaps_len) {
            rd->err = rd->err || first > last || last >= out->highest;
            out->gaps[i] = (struct jv_gap){first, last};
        } else {
            rd->err = rd->err || first != 0 || last != 0;
        }
    }
}

void jv_part_put_policy(struct jv_wr *wr, const struct jv_policy *policy)
{
    jv_wr_u8(wr, JV_POLICY_FIELDS);
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        jv_wr_u32(wr, jv_policy_get(policy, (enum jv_policy_field)i));
    }
}

void jv_part_get_policy(struct jv_rd *rd, struct jv_policy *out)
{
    memset(out, 0, sizeof *out);
    rd->err = rd->err || jv_rd_u8(rd) != JV_POLICY_FIELDS;
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        jv_policy_set(out, (enum jv_policy_field)i, jv_rd_u32(rd));
    }
}

void jv_part_put_spares(struct jv_wr *wr, uint32_t len, const uint64_t *spares)
{
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        jv_wr_u64(wr, i < len ? spares[i] : 0);
    }
}

void jv_part_get_spares(struct jv_rd *rd, uint32_t len, uint64_t *out)
{
    rd->err = rd->err || len > JV_SPARE_MAX;
    for (uint32_t i = 0; i < JV_SPARE_MAX; i++) {
        out[i] = jv_rd_u64(rd);
        rd->err = rd->err || (i < len) != (out[i] != 0);
    }
}
