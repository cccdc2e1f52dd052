/* SPDX-License-Identifier: Apache-2.0 */
#include "msg.h"

#include "parts.h"
#include "record.h"

/* The body must have been written in full and to its very end: every encoder below has a fixed size. */
static void finish(const struct jv_wr *wr)
{
    JV_ASSERT(!wr->err && wr->left == 0);
}

static bool is_whole(const struct jv_rd *rd)
{
    return !rd->err && rd->left == 0;
}

/* ---- births ---- */

void jv_birth_init_encode(const struct jv_birth_init *msg, uint8_t out[JV_BIRTH_PAYLOAD_BYTES])
{
    struct jv_wr wr = jv_wr_init(out, JV_BIRTH_PAYLOAD_BYTES);
    jv_wr_u8(&wr, msg->aead_offer);
    jv_wr_u8(&wr, msg->feature_offer);
    jv_wr_zero(&wr, 6);
    jv_wr_bytes(&wr, msg->prior.b, JV_SID_BYTES);
    jv_wr_bytes(&wr, msg->cookie, JV_MAC_BYTES);
    jv_wr_zero(&wr, JV_BIRTH_PAYLOAD_BYTES - 40);
    finish(&wr);
}

bool jv_birth_init_decode(const uint8_t in[JV_BIRTH_PAYLOAD_BYTES], struct jv_birth_init *out)
{
    struct jv_rd rd = jv_rd_init(in, JV_BIRTH_PAYLOAD_BYTES);
    out->aead_offer = jv_rd_u8(&rd);
    out->feature_offer = jv_rd_u8(&rd);
    jv_rd_zero(&rd, 6);
    jv_rd_bytes(&rd, out->prior.b, JV_SID_BYTES);
    jv_rd_bytes(&rd, out->cookie, JV_MAC_BYTES);
    jv_rd_zero(&rd, JV_BIRTH_PAYLOAD_BYTES - 40);
    return is_whole(&rd);
}

void jv_birth_reply_encode(const struct jv_birth_reply *msg,
                           uint8_t out[JV_BIRTH_REPLY_PAYLOAD_BYTES])
{
    struct jv_wr wr = jv_wr_init(out, JV_BIRTH_REPLY_PAYLOAD_BYTES);
    jv_wr_bytes(&wr, msg->sid.b, JV_SID_BYTES);
    jv_wr_u64(&wr, msg->locator);
    jv_wr_u8(&wr, msg->suite);
    jv_wr_u8(&wr, msg->features);
    jv_wr_zero(&wr, 6);
    finish(&wr);
}

bool jv_birth_reply_decode(const uint8_t in[JV_BIRTH_REPLY_PAYLOAD_BYTES],
                           struct jv_birth_reply *out)
{
    struct jv_rd rd = jv_rd_init(in, JV_BIRTH_REPLY_PAYLOAD_BYTES);
    jv_rd_bytes(&rd, out->sid.b, JV_SID_BYTES);
    out->locator = jv_rd_u64(&rd);
    out->suite = jv_rd_u8(&rd);
    out->features = jv_rd_u8(&rd);
    jv_rd_zero(&rd, 6);
    return is_whole(&rd);
}

/* ---- control datagrams ---- */

void jv_probe_encode(const struct jv_probe *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_PROBE_BODY);
    jv_wr_u64(&wr, msg->time_us);
    jv_wr_u64(&wr, msg->order_spent);
    jv_wr_zero(&wr, JV_PROBE_BODY - 16);
    finish(&wr);
}

bool jv_probe_decode(const uint8_t *in, size_t len, struct jv_probe *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    out->time_us = jv_rd_u64(&rd);
    out->order_spent = jv_rd_u64(&rd);
    jv_rd_zero(&rd, JV_PROBE_BODY - 16);
    return is_whole(&rd);
}

void jv_probe_reply_encode(const struct jv_probe_reply *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_PROBE_BODY);
    jv_wr_u64(&wr, msg->time_us);
    jv_wr_bytes(&wr, msg->token, JV_TOKEN_BYTES);
    jv_part_put_endpoint(&wr, &msg->observed);
    jv_wr_u8(&wr, msg->state);
    jv_wr_u8(&wr, msg->is_bound ? 1 : 0);
    jv_wr_zero(&wr, 10);
    jv_wr_u64(&wr, msg->version);
    finish(&wr);
}

bool jv_probe_reply_decode(const uint8_t *in, size_t len, struct jv_probe_reply *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    out->time_us = jv_rd_u64(&rd);
    jv_rd_bytes(&rd, out->token, JV_TOKEN_BYTES);
    jv_part_get_endpoint(&rd, &out->observed);
    out->state = jv_rd_u8(&rd);
    uint8_t bound = jv_rd_u8(&rd);
    out->is_bound = bound == 1;
    jv_rd_zero(&rd, 10);
    out->version = jv_rd_u64(&rd);
    return is_whole(&rd) && bound <= 1 && out->state < JV_ST_END;
}

void jv_request_encode(const struct jv_request *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_REQUEST_BODY);
    jv_wr_u64(&wr, msg->order);
    jv_wr_u64(&wr, msg->version);
    jv_wr_bytes(&wr, msg->random, sizeof msg->random);
    jv_wr_bytes(&wr, msg->token, JV_TOKEN_BYTES);
    jv_wr_u64(&wr, msg->hint_epoch);
    jv_wr_u48(&wr, msg->hint_counter);
    jv_wr_u64(&wr, msg->gateway_time_ms);
    jv_wr_u8(&wr, msg->protocol);
    jv_wr_u8(&wr, msg->path_id);
    jv_wr_u8(&wr, msg->flags);
    jv_wr_u8(&wr, msg->why);
    jv_part_put_endpoint(&wr, &msg->target);
    jv_wr_u16(&wr, msg->size);
    jv_wr_zero(&wr, 32);
    jv_part_put_report(&wr, &msg->report);
    finish(&wr);
}

bool jv_request_decode(const uint8_t *in, size_t len, struct jv_request *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    out->order = jv_rd_u64(&rd);
    out->version = jv_rd_u64(&rd);
    jv_rd_bytes(&rd, out->random, sizeof out->random);
    jv_rd_bytes(&rd, out->token, JV_TOKEN_BYTES);
    out->hint_epoch = jv_rd_u64(&rd);
    out->hint_counter = jv_rd_u48(&rd);
    out->gateway_time_ms = jv_rd_u64(&rd);
    out->protocol = jv_rd_u8(&rd);
    out->path_id = jv_rd_u8(&rd);
    out->flags = jv_rd_u8(&rd);
    out->why = jv_rd_u8(&rd);
    jv_part_get_endpoint(&rd, &out->target);
    out->size = jv_rd_u16(&rd);
    jv_rd_zero(&rd, 32);
    jv_part_get_report(&rd, &out->report);
    const uint8_t marks = JV_REQ_HINT | JV_REQ_UNLESS;
    return is_whole(&rd) && out->flags <= (JV_REQ_HAS_TOKEN | marks) &&
           (out->flags & marks) != marks;
}

void jv_challenge_encode(const struct jv_challenge *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_CHALLENGE_BODY);
    jv_wr_u64(&wr, msg->order);
    jv_wr_bytes(&wr, msg->random, sizeof msg->random);
    jv_wr_bytes(&wr, msg->token, JV_TOKEN_BYTES);
    jv_wr_u64(&wr, msg->last_order);
    jv_wr_u64(&wr, msg->version);
    jv_part_put_endpoint(&wr, &msg->observed);
    jv_wr_zero(&wr, 4);
    finish(&wr);
}

bool jv_challenge_decode(const uint8_t *in, size_t len, struct jv_challenge *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    out->order = jv_rd_u64(&rd);
    jv_rd_bytes(&rd, out->random, sizeof out->random);
    jv_rd_bytes(&rd, out->token, JV_TOKEN_BYTES);
    out->last_order = jv_rd_u64(&rd);
    out->version = jv_rd_u64(&rd);
    jv_part_get_endpoint(&rd, &out->observed);
    jv_rd_zero(&rd, 4);
    return is_whole(&rd);
}

void jv_ack_encode(const struct jv_ack *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_ACK_BODY);
    jv_wr_u64(&wr, msg->order);
    jv_wr_bytes(&wr, msg->random, sizeof msg->random);
    jv_wr_u64(&wr, msg->version);
    jv_wr_u8(&wr, msg->state);
    jv_wr_u8(&wr, msg->path_id);
    jv_wr_u8(&wr, msg->is_move ? 1 : 0);
    jv_wr_u8(&wr, (uint8_t)msg->spares_len);
    jv_wr_bytes(&wr, msg->token, JV_TOKEN_BYTES);
    jv_part_put_endpoint(&wr, &msg->observed);
    jv_wr_u64(&wr, msg->locator);
    jv_wr_u64(&wr, msg->next_epoch);
    jv_wr_u48(&wr, msg->next_counter);
    jv_wr_zero(&wr, 18);
    jv_part_put_spares(&wr, msg->spares_len, msg->spares);
    jv_part_put_report(&wr, &msg->report);
    finish(&wr);
}

bool jv_ack_decode(const uint8_t *in, size_t len, struct jv_ack *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    out->order = jv_rd_u64(&rd);
    jv_rd_bytes(&rd, out->random, sizeof out->random);
    out->version = jv_rd_u64(&rd);
    out->state = jv_rd_u8(&rd);
    out->path_id = jv_rd_u8(&rd);
    uint8_t move = jv_rd_u8(&rd);
    out->is_move = move == 1;
    out->spares_len = jv_rd_u8(&rd);
    jv_rd_bytes(&rd, out->token, JV_TOKEN_BYTES);
    jv_part_get_endpoint(&rd, &out->observed);
    out->locator = jv_rd_u64(&rd);
    out->next_epoch = jv_rd_u64(&rd);
    out->next_counter = jv_rd_u48(&rd);
    jv_rd_zero(&rd, 18);
    jv_part_get_spares(&rd, out->spares_len, out->spares);
    jv_part_get_report(&rd, &out->report);
    return is_whole(&rd) && move <= 1 && out->state < JV_ST_END;
}

void jv_reject_encode(const struct jv_reject *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_REJECT_BODY);
    jv_wr_u64(&wr, msg->order);
    jv_wr_bytes(&wr, msg->random, sizeof msg->random);
    jv_wr_u8(&wr, msg->why);
    jv_wr_u8(&wr, msg->path_id);
    jv_wr_zero(&wr, 2);
    jv_wr_u32(&wr, msg->retry_after_ms);
    jv_wr_u64(&wr, msg->version);
    jv_wr_u64(&wr, msg->last_order);
    finish(&wr);
}

bool jv_reject_decode(const uint8_t *in, size_t len, struct jv_reject *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    out->order = jv_rd_u64(&rd);
    jv_rd_bytes(&rd, out->random, sizeof out->random);
    out->why = jv_rd_u8(&rd);
    out->path_id = jv_rd_u8(&rd);
    jv_rd_zero(&rd, 2);
    out->retry_after_ms = jv_rd_u32(&rd);
    out->version = jv_rd_u64(&rd);
    out->last_order = jv_rd_u64(&rd);
    return is_whole(&rd);
}

void jv_hint_encode(const struct jv_hint *msg, uint8_t *out)
{
    struct jv_wr wr = jv_wr_init(out, JV_HINT_BODY);
    jv_wr_bytes(&wr, msg->token, JV_TOKEN_BYTES);
    jv_wr_u64(&wr, msg->epoch);
    jv_wr_u48(&wr, msg->counter);
    jv_wr_zero(&wr, 2);
    jv_part_put_endpoint(&wr, &msg->observed);
    jv_wr_zero(&wr, 4);
    finish(&wr);
}

bool jv_hint_decode(const uint8_t *in, size_t len, struct jv_hint *out)
{
    struct jv_rd rd = jv_rd_init(in, len);
    jv_rd_bytes(&rd, out->token, JV_TOKEN_BYTES);
    out->epoch = jv_rd_u64(&rd);
    out->counter = jv_rd_u48(&rd);
    jv_rd_zero(&rd, 2);
    jv_part_get_endpoint(&rd, &out->observed);
    jv_rd_zero(&rd, 4);
    return is_whole(&rd);
}
