/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <string.h>

#include "aead.h"

static const uint8_t zero_nonce[12];

struct jv_control_to jv_control_back_to(const struct jv_header *header, const struct jv_slot *slot)
{
    return (struct jv_control_to){slot->link, slot->remote, slot->local, header->locator};
}

bool jv_control_send(struct jv_core *core, const struct jv_epoch *epoch, enum jv_type type,
                     const struct jv_control_to *to, const uint8_t *body, size_t len,
                     struct jv_out *out)
{
    struct jv_slot slot;
    if (out->tx_len >= out->tx_cap || !jv_core_buf(core, &slot)) {
        return false;
    }
    uint8_t *at = slot.buf + JV_BUF_HEADROOM;
    struct jv_header header = {(uint8_t)type, (uint8_t)epoch->n, 0, to->locator, false};
    jv_header_encode(&header, at);
    uint8_t *random = at + JV_HEADER_BYTES;
    jv_core_random(core, random, JV_CONTROL_RANDOM_BYTES);
    struct jv_key key;
    jv_keys_control(epoch, !jv_core_is_client(core), (uint8_t)type, random, &key);
    size_t ad_len = JV_HEADER_BYTES + JV_CONTROL_RANDOM_BYTES;
    jv_chacha_seal(&key, zero_nonce, at, ad_len, body, len, at + ad_len);
    jv_wipe(&key, sizeof key);
    slot.off = JV_BUF_HEADROOM;
    slot.len = (uint32_t)(len + JV_CONTROL_OVERHEAD);
    slot.link = to->link;
    slot.remote = to->remote;
    slot.local = to->local;
    jv_core_send(core, &slot, out);
    return true;
}

bool jv_control_open(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                     const struct jv_slot *slot, size_t body_len, uint8_t *body_out,
                     struct jv_epoch **epoch_out, enum jv_drop *drop_out)
{
    if (slot->len != body_len + JV_CONTROL_OVERHEAD || header->counter != 0) {
        *drop_out = JV_DROP_MALFORMED;
        return false;
    }
    struct jv_epoch *epoch = jv_keys_find(s->keys, header->epoch);
    if (epoch == NULL) {
        *drop_out = JV_DROP_EPOCH;
        return false;
    }
    const uint8_t *at = slot->buf + slot->off;
    size_t ad_len = JV_HEADER_BYTES + JV_CONTROL_RANDOM_BYTES;
    struct jv_key key;
    jv_keys_control(epoch, jv_core_is_client(core), header->type, at + JV_HEADER_BYTES, &key);
    enum jv_err err = jv_chacha_open(&key, zero_nonce, at, ad_len, at + ad_len, body_len, body_out);
    jv_wipe(&key, sizeof key);
    if (err != JV_E_OK) {
        *drop_out = JV_DROP_CONTROL_AUTH;
        return false;
    }
    *epoch_out = epoch;
    return true;
}

bool jv_control_open_probe(struct jv_core *core, struct jv_session *s,
                           const struct jv_header *header, const struct jv_slot *slot,
                           uint8_t *body_out, struct jv_epoch **epoch_out, enum jv_drop *drop_out)
{
    if (slot->len < JV_PROBE_BYTES || slot->len > JV_DATAGRAM_MAX) {
        *drop_out = JV_DROP_MALFORMED;
        return false;
    }
    size_t len = slot->len - JV_CONTROL_OVERHEAD;
    if (!jv_control_open(core, s, header, slot, len, body_out, epoch_out, drop_out)) {
        return false;
    }
    if (!jv_is_zero(body_out + JV_PROBE_BODY, len - JV_PROBE_BODY)) {
        *drop_out = JV_DROP_MALFORMED;
        return false;
    }
    return true;
}
