/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <string.h>

#include "crypto.h"
#include "parts.h"
#include "policy.h"
#include "wire.h"

#define CLAIM_BYTES (JV_SID_BYTES + 20U + 20U + 1U + 8U + 8U + 6U)

static void mac_of(const uint8_t key[32], const struct jv_token_claim *claim, uint64_t time_ms,
                   uint8_t out[JV_MAC_BYTES])
{
    uint8_t bytes[CLAIM_BYTES];
    struct jv_wr wr = jv_wr_init(bytes, sizeof bytes);
    jv_wr_bytes(&wr, claim->sid.b, JV_SID_BYTES);
    jv_part_put_endpoint(&wr, &claim->remote);
    jv_part_put_endpoint(&wr, &claim->local);
    jv_wr_u8(&wr, claim->protocol);
    jv_wr_u64(&wr, time_ms);
    jv_wr_u64(&wr, claim->hint_epoch);
    jv_wr_u48(&wr, claim->hint_counter);
    JV_ASSERT(!wr.err && wr.left == 0);
    const struct jv_bytes part = {bytes, sizeof bytes};
    jv_mac(key, 32, &part, 1, out);
}

struct jv_token_claim jv_token_claim_of(const struct jv_sid *sid, const struct jv_slot *slot)
{
    return (struct jv_token_claim){
        .sid = *sid, .remote = slot->remote, .local = slot->local, .protocol = JV_PROTO_UDP};
}

void jv_token_make(const uint8_t key[32], const struct jv_token_claim *claim,
                   uint64_t gateway_time_ms, uint8_t token_out[JV_TOKEN_BYTES])
{
    struct jv_wr wr = jv_wr_init(token_out, 8);
    jv_wr_u64(&wr, gateway_time_ms);
    mac_of(key, claim, gateway_time_ms, token_out + 8);
}

uint64_t jv_token_time(const uint8_t token[JV_TOKEN_BYTES])
{
    struct jv_rd rd = jv_rd_init(token, 8);
    return jv_rd_u64(&rd);
}

bool jv_token_check(const uint8_t key[32], const struct jv_token_claim *claim, uint64_t now_ms,
                    const uint8_t unverified_token[JV_TOKEN_BYTES], uint64_t *age_ms_out)
{
    uint64_t time_ms = jv_token_time(unverified_token);
    uint8_t mac[JV_MAC_BYTES];
    mac_of(key, claim, time_ms, mac);
    if (!jv_equal(mac, unverified_token + 8, JV_MAC_BYTES) || time_ms > now_ms) {
        return false;
    }
    *age_ms_out = now_ms - time_ms;
    return true;
}
