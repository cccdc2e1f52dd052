/* SPDX-License-Identifier: Apache-2.0 */
#include "hint.h"

#include "control.h"
#include "token.h"
#include "tunnel.h"

static const struct jv_rate unbound_rate = {JV_UNBOUND_OPENS_PER_S, 1, JV_UNBOUND_OPENS_PER_S};

static void send_hint(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                      const struct jv_slot *slot, struct jv_out *out)
{
    const struct jv_epoch *epoch = jv_keys_find(s->keys, header->epoch);
    if (epoch == NULL) {
        return;
    }
    struct jv_hint msg = {.epoch = epoch->n, .counter = header->counter, .observed = slot->remote};
    struct jv_token_claim claim = jv_token_claim_of(&s->sid, slot);
    claim.hint_epoch = msg.epoch;
    claim.hint_counter = msg.counter;
    jv_token_make(core->token_key, &claim, jv_core_gateway_time(core), msg.token);
    uint8_t body[JV_HINT_BODY];
    jv_hint_encode(&msg, body);
    const struct jv_control_to to = jv_control_back_to(header, slot);
    (void)jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_HINT, &to, body,
                          sizeof body, out);
    s->hint_next = jv_add_ms(core->now, s->hint_wait_ms);
    s->hint_wait_ms = JV_MIN(2 * s->hint_wait_ms, JV_HINT_MAX_MS);
}

void jv_hint_on_unbound(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                        struct jv_slot *slot, struct jv_out *out)
{
    bool may_hint = slot->len >= JV_HINT_BYTES && jv_is_due(s->hint_next, core->now);
    if (!jv_bucket_take(&s->unbound_opens, &unbound_rate, core->now)) {
        jv_core_drop(core, slot, JV_DROP_UNBOUND_RATE);
        return;
    }
    if (may_hint && jv_tunnel_peek(core, s, header, slot)) {
        send_hint(core, s, header, slot, out);
    }
    jv_core_drop(core, slot, JV_DROP_UNBOUND);
}
