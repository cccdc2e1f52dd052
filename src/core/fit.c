/* SPDX-License-Identifier: Apache-2.0 */
#include "fit.h"

#include "client_state.h"
#include "inner.h"
#include "ip.h"

/* Options may take the header to 60 bytes; behind it a fragment needs eight. */
#define LIMIT_LEAST 68U

uint32_t jv_fit_split(struct jv_core *core, const struct jv_slot *slot, uint32_t limit,
                      struct jv_slot parts_out[JV_FRAGMENTS_MAX])
{
    const uint8_t *packet = slot->buf + slot->off;
    size_t at = 0;
    uint32_t n = 0;
    bool is_whole = false;
    if (limit < LIMIT_LEAST || jv_inner_excess(packet, slot->len) != JV_EXCESS_SPLIT) {
        return 0;
    }
    while (!is_whole && n < JV_FRAGMENTS_MAX && jv_core_buf(core, &parts_out[n])) {
        struct jv_slot *part = &parts_out[n++];
        part->off = JV_BUF_HEADROOM;
        part->ecn = slot->ecn;
        part->dscp = slot->dscp;
        part->len =
            (uint32_t)jv_inner_fragment(packet, slot->len, limit, &at, part->buf + part->off);
        is_whole = at + (size_t)(packet[0] & 0xf) * 4 >= slot->len;
    }
    if (!is_whole) {
        jv_core_give(core, parts_out, n); /* a part of a packet helps nobody */
        return 0;
    }
    core->count.fragmented++;
    return n;
}

static struct jv_ip answerer(const struct jv_core *core, const uint8_t *packet)
{
    struct jv_inner inner;
    bool is_4 = packet[0] >> 4 == 4;
    if (jv_core_is_client(core)) {
        return is_4 ? core->client->gateway4 : core->client->gateway6;
    }
    size_t len = is_4 ? jv_load16(packet + 2) : jv_load16(packet + 4) + JV_IPV6_HEADER;
    bool is_whole = jv_inner_parse(packet, len, &inner); /* it was parsed when it came */
    return is_whole ? inner.destination : (struct jv_ip){.family = JV_AF_NONE};
}

void jv_fit_tell(struct jv_core *core, struct jv_session *s, const struct jv_slot *slot,
                 uint32_t limit, struct jv_out *out)
{
    static const struct jv_rate rate = {JV_TOO_BIG_PER_S, 1, JV_TOO_BIG_PER_S};
    const uint8_t *packet = slot->buf + slot->off;
    struct jv_ip source = answerer(core, packet);
    struct jv_slot answer;
    /* No host of IPv6 goes below 1280 (RFC 8200 §5): told less, it would send the same again. */
    uint32_t mtu = packet[0] >> 4 == 6 ? JV_MAX(limit, JV_MTU_MIN) : limit;
    if (slot->len <= mtu || source.family == JV_AF_NONE ||
        jv_inner_excess(packet, slot->len) != JV_EXCESS_TELL || out->tun_len >= out->tun_cap ||
        !jv_bucket_take(&s->too_big, &rate, core->now) || !jv_core_buf(core, &answer)) {
        return;
    }
    answer.off = JV_BUF_HEADROOM;
    answer.len =
        (uint32_t)jv_inner_too_big(packet, slot->len, &source, mtu, answer.buf + answer.off);
    core->count.told_too_big++;
    jv_core_deliver(core, s, &answer, out);
}
