/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_TOKEN_H
#define JV_CORE_TOKEN_H
/*
 * token -- path tokens: the only proof of return routability (design §4.5).
 *
 *     8 bytes gateway time in milliseconds | 16 bytes MAC under a key of this gateway process over
 *     session_id | remote endpoint | local endpoint | protocol | gateway time | epoch and counter of a hint (zero in other tokens)
 * Whoever shows one has received at that address, from this process, not longer ago than its time says. It is opaque to the client.
 * Threads  none: pure functions of their arguments.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "batch.h"
#include "endpoint.h"
#include "msg.h"

struct jv_token_claim {
    struct jv_sid sid;
    struct jv_endpoint remote, local;
    uint8_t protocol;
    uint64_t hint_epoch, hint_counter; /* zero: no hint */
};

/* The claim of a datagram that just arrived: its two ends, no hint. */
struct jv_token_claim jv_token_claim_of(const struct jv_sid *sid, const struct jv_slot *slot);

void jv_token_make(const uint8_t key[32], const struct jv_token_claim *claim,
                   uint64_t gateway_time_ms, uint8_t token_out[JV_TOKEN_BYTES]);
/* Made by this key for this claim, and its time is not after `now_ms`. `age_ms_out` says how old it is. Constant time. */
bool jv_token_check(const uint8_t key[32], const struct jv_token_claim *claim, uint64_t now_ms,
                    const uint8_t unverified_token[JV_TOKEN_BYTES], uint64_t *age_ms_out);
/* The gateway time inside a token that came sealed: clients echo it. */
uint64_t jv_token_time(const uint8_t token[JV_TOKEN_BYTES]);
#endif /* JV_CORE_TOKEN_H */
