/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include "parts.h"
#include "record.h"

static void put_birth_ack(struct jv_wr *wr, const struct jv_frame_birth_ack *ack)
{
    jv_wr_u64(wr, ack->version);
    jv_part_put_policy(wr, &ack->policy);
    jv_part_put_prefix(wr, &ack->address4);
    jv_part_put_prefix(wr, &ack->address6);
    jv_part_put_ip(wr, &ack->gateway4);
    jv_part_put_ip(wr, &ack->gateway6);
    jv_wr_u16(wr, ack->mtu);
    jv_wr_u64(wr, ack->gateway_time_ms);
    jv_wr_u8(wr, (uint8_t)ack->nets_len);
    for (uint32_t i = 0; i < ack->nets_len; i++) {
        jv_part_put_prefix(wr, &ack->nets[i]);
    }
    jv_wr_u8(wr, (uint8_t)ack->dns_len);
    for (uint32_t i = 0; i < ack->dns_len; i++) {
        jv_part_put_ip(wr, &ack->dns[i]);
    }
    jv_wr_u8(wr, (uint8_t)ack->endpoints_len);
    for (uint32_t i = 0; i < ack->endpoints_len; i++) {
        jv_part_put_endpoint(wr, &ack->endpoints[i]);
        jv_wr_bytes(wr, ack->endpoint_keys[i].b, JV_KEY_BYTES);
    }
    jv_wr_u8(wr, (uint8_t)ack->spares_len);
    jv_part_put_spares(wr, ack->spares_len, ack->spares);
}

static void get_birth_ack(struct jv_rd *rd, struct jv_frame_birth_ack *out)
{
    out->version = jv_rd_u64(rd);
    jv_part_get_policy(rd, &out->policy);
    jv_part_get_prefix(rd, &out->address4);
    jv_part_get_prefix(rd, &out->address6);
    jv_part_get_ip(rd, &out->gateway4);
    jv_part_get_ip(rd, &out->gateway6);
    out->mtu = jv_rd_u16(rd);
    out->gateway_time_ms = jv_rd_u64(rd);
    out->nets_len = jv_rd_u8(rd);
    rd->err = rd->err || out->nets_len > JV_USER_NETS_MAX;
    for (uint32_t i = 0; !rd->err && i < out->nets_len; i++) {
        jv_part_get_prefix(rd, &out->nets[i]);
    }
    out->dns_len = jv_rd_u8(rd);
    rd->err = rd->err || out->dns_len > JV_DNS_MAX;
    for (uint32_t i = 0; !rd->err && i < out->dns_len; i++) {
        jv_part_get_ip(rd, &out->dns[i]);
    }
    out->endpoints_len = jv_rd_u8(rd);
    rd->err = rd->err || out->endpoints_len > JV_ENDPOINT_MAX;
    for (uint32_t i = 0; !rd->err && i < out->endpoints_len; i++) {
        jv_part_get_endpoint(rd, &out->endpoints[i]);
        jv_rd_bytes(rd, out->endpoint_keys[i].b, JV_KEY_BYTES);
    }
    out->spares_len = jv_rd_u8(rd);
    jv_part_get_spares(rd, out->spares_len, out->spares);
}

static void put_report(struct jv_wr *wr, const struct jv_frame_report *frame)
{
    jv_part_put_report(wr, &frame->report);
    jv_wr_u64(wr, frame->echo_us);
    jv_wr_u32(wr, frame->hold_us);
    jv_wr_u8(wr, frame->state);
    jv_wr_u64(wr, frame->version);
    jv_wr_u64(wr, frame->order_spent);
    jv_wr_u64(wr, frame->gateway_time_ms);
}

static void get_report(struct jv_rd *rd, struct jv_frame_report *out)
{
    jv_part_get_report(rd, &out->report);
    out->echo_us = jv_rd_u64(rd);
    out->hold_us = jv_rd_u32(rd);
    out->state = jv_rd_u8(rd);
    out->version = jv_rd_u64(rd);
    out->order_spent = jv_rd_u64(rd);
    out->gateway_time_ms = jv_rd_u64(rd);
    rd->err = rd->err || out->state >= JV_ST_END;
}

static void put_rekey(struct jv_wr *wr, const struct jv_frame_rekey *frame)
{
    jv_wr_u64(wr, frame->epoch);
    jv_wr_u64(wr, frame->order);
    jv_wr_bytes(wr, frame->ephemeral_public.b, JV_KEY_BYTES);
    jv_wr_bytes(wr, frame->random, sizeof frame->random);
}

static void put_body(struct jv_wr *wr, const struct jv_frame *frame)
{
    switch ((enum jv_frame_type)frame->type) {
    case JV_FRAME_PADDING:
    case JV_FRAME_REKEY_ASK:
    case JV_FRAME_POLICY_ASK:
        break;
    case JV_FRAME_HEARTBEAT:
        jv_wr_u64(wr, frame->u.heartbeat.time_us);
        break;
    case JV_FRAME_REPORT:
        put_report(wr, &frame->u.report);
        break;
    case JV_FRAME_CONFIRM:
        jv_wr_u8(wr, frame->u.confirm.path_id);
        jv_part_put_policy(wr, &frame->u.confirm.policy);
        break;
    case JV_FRAME_BIRTH_ACK:
        put_birth_ack(wr, &frame->u.birth_ack);
        break;
    case JV_FRAME_REKEY_INIT:
    case JV_FRAME_REKEY_REPLY:
        put_rekey(wr, &frame->u.rekey);
        break;
    case JV_FRAME_TERMINATE:
        jv_wr_u8(wr, frame->u.terminate.why);
        break;
    case JV_FRAME_BOUND:
        jv_wr_u64(wr, frame->u.bound.order);
        jv_wr_u64(wr, frame->u.bound.next_epoch);
        jv_wr_u48(wr, frame->u.bound.next_counter);
        break;
    case JV_FRAME_QUIET:
        jv_wr_u32(wr, frame->u.quiet.n);
        jv_wr_u32(wr, frame->u.quiet.for_ms);
        break;
    case JV_FRAME_POLICY_WANTED:
    case JV_FRAME_POLICY_GRANTED:
        jv_wr_u32(wr, frame->u.policy.n);
        jv_part_put_policy(wr, &frame->u.policy.policy);
        break;
    case JV_FRAME_SIZE:
        jv_wr_u64(wr, frame->u.size.time_us);
        jv_wr_u16(wr, frame->u.size.bytes);
        break;
    }
}

static void get_body(struct jv_rd *rd, struct jv_frame *out)
{
    switch ((enum jv_frame_type)out->type) {
    case JV_FRAME_PADDING:
    case JV_FRAME_REKEY_ASK:
    case JV_FRAME_POLICY_ASK:
        break;
    case JV_FRAME_HEARTBEAT:
        out->u.heartbeat.time_us = jv_rd_u64(rd);
        break;
    case JV_FRAME_REPORT:
        get_report(rd, &out->u.report);
        break;
    case JV_FRAME_CONFIRM:
        out->u.confirm.path_id = jv_rd_u8(rd);
        jv_part_get_policy(rd, &out->u.confirm.policy);
        break;
    case JV_FRAME_BIRTH_ACK:
        get_birth_ack(rd, &out->u.birth_ack);
        break;
    case JV_FRAME_REKEY_INIT:
    case JV_FRAME_REKEY_REPLY:
        out->u.rekey.epoch = jv_rd_u64(rd);
        out->u.rekey.order = jv_rd_u64(rd);
        jv_rd_bytes(rd, out->u.rekey.ephemeral_public.b, JV_KEY_BYTES);
        jv_rd_bytes(rd, out->u.rekey.random, sizeof out->u.rekey.random);
        break;
    case JV_FRAME_TERMINATE:
        out->u.terminate.why = jv_rd_u8(rd);
        break;
    case JV_FRAME_BOUND:
        out->u.bound.order = jv_rd_u64(rd);
        out->u.bound.next_epoch = jv_rd_u64(rd);
        out->u.bound.next_counter = jv_rd_u48(rd);
        break;
    case JV_FRAME_QUIET:
        out->u.quiet.n = jv_rd_u32(rd);
        out->u.quiet.for_ms = jv_rd_u32(rd);
        break;
    case JV_FRAME_POLICY_WANTED:
    case JV_FRAME_POLICY_GRANTED:
        out->u.policy.n = jv_rd_u32(rd);
        jv_part_get_policy(rd, &out->u.policy.policy);
        break;
    case JV_FRAME_SIZE:
        out->u.size.time_us = jv_rd_u64(rd);
        out->u.size.bytes = jv_rd_u16(rd);
        break;
    }
}

void jv_frame_encode(struct jv_wr *wr, const struct jv_frame *frame)
{
    jv_wr_u8(wr, frame->type);
    uint8_t *len_at = jv_wr_take(wr, 2);
    const uint8_t *body = wr->at;
    put_body(wr, frame);
    if (!wr->err) {
        size_t len = (size_t)(wr->at - body);
        len_at[0] = (uint8_t)(len >> 8);
        len_at[1] = (uint8_t)len;
    }
}

bool jv_frame_decode(struct jv_rd *rd, struct jv_frame *out)
{
    if (rd->left == 0 || rd->err) {
        return false;
    }
    memset(out, 0, sizeof *out);
    out->type = jv_rd_u8(rd);
    if (out->type == JV_FRAME_PADDING) {
        jv_rd_zero(rd, rd->left);
        return false;
    }
    size_t len = jv_rd_u16(rd);
    const uint8_t *body = jv_rd_take(rd, len);
    if (body == NULL || out->type > JV_FRAME_LAST) {
        rd->err = true;
        return false;
    }
    struct jv_rd inner = jv_rd_init(body, len);
    get_body(&inner, out);
    rd->err = inner.err || inner.left != 0;
    return !rd->err;
}
