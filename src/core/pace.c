/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include "base.h"

void jv_pace_begin(struct jv_pace *pace, struct jv_instant now, uint64_t stream_bps, uint64_t epoch,
                   uint64_t received)
{
    *pace = (struct jv_pace){.on = true,
                             .began = now,
                             .filled = now,
                             .first_report = JV_NEVER,
                             .epoch = epoch,
                             .received = received,
                             .stream_bps = stream_bps,
                             .credit_bytes = JV_PACE_BURST_BYTES};
}

void jv_pace_arrived(struct jv_pace *pace, uint32_t bytes)
{
    pace->arrived_bytes += bytes;
}

/* The first report answers the first packet; from it on the path has had time to bring the rest of the burst. */
void jv_pace_reported(struct jv_pace *pace, struct jv_instant now, uint64_t epoch,
                      uint64_t received)
{
    if (epoch > pace->epoch) {
        pace->epoch =
            epoch; /* a rekey in between: what came under the new key came over the new path */
        pace->received = 0;
    }
    if (!pace->on || epoch < pace->epoch || received <= pace->received || pace->is_quick ||
        pace->slow_bps > 0) {
        return;
    }
    if (jv_is_never(pace->first_report)) {
        pace->first_report = now;
    }
    uint64_t packets = received - pace->received;
    uint64_t took_us = jv_since_us(pace->first_report, now);
    if (packets < JV_PACE_PROOF) {
        return;
    }
    pace->is_quick = took_us <= JV_PACE_PROOF_MS * 1000ULL;
    if (!pace->is_quick) {
        uint64_t bytes = pace->sent_bytes / JV_MAX(pace->sent_packets, (uint64_t)1);
        pace->slow_bps = JV_MAX(packets * bytes * 1000000 / took_us, (uint64_t)1);
    }
}

static bool is_over(const struct jv_pace *pace, struct jv_instant now)
{
    return !pace->on || jv_since_ms(pace->began, now) >= JV_PACE_MAX_MS;
}

/* Packets that the peer had already are in no report: where they say nothing, the path gets the benefit of the doubt. */
static bool is_blind(const struct jv_pace *pace, struct jv_instant now)
{
    return jv_since_ms(pace->began, now) >= JV_PACE_BLIND_MS;
}

/* What arrives is measured, not guessed: a pace below it would never come to an end. */
static uint64_t rate_bps(const struct jv_pace *pace, struct jv_instant now)
{
    uint64_t since_ms = JV_MAX(jv_since_ms(pace->began, now), (uint64_t)10);
    uint64_t arrival_bps = pace->arrived_bytes * 1000 / since_ms;
    uint64_t bps = pace->stream_bps / 8;
    if (pace->slow_bps > 0) {
        bps = JV_MAX(pace->slow_bps, arrival_bps + arrival_bps / 4);
    } else if (pace->is_quick || is_blind(pace, now)) {
        bps = 3 * JV_MAX(pace->stream_bps, arrival_bps);
    }
    return JV_MIN(JV_MAX(bps, JV_PACE_MIN_BPS), JV_PACE_MAX_BPS);
}

bool jv_pace_take(struct jv_pace *pace, struct jv_instant now, uint32_t bytes)
{
    if (is_over(pace, now)) {
        return true;
    }
    uint64_t bps = rate_bps(pace, now);
    uint64_t earned = bps * jv_since_us(pace->filled, now) / 1000000;
    if (earned > 0) {
        /* What a late wake-up missed is made up for, within bounds: the timers of a busy machine are late by milliseconds. */
        int64_t cap = (int64_t)JV_MAX(bps / JV_PACE_CATCH_UP, (uint64_t)JV_PACE_QUANTUM_BYTES);
        cap = JV_MAX(cap, pace->credit_bytes);
        pace->credit_bytes = JV_MIN(pace->credit_bytes + (int64_t)earned, cap);
        pace->filled = now;
    }
    if (pace->credit_bytes <= 0) {
        return false;
    }
    pace->credit_bytes -= bytes;
    pace->sent_bytes += bytes;
    pace->sent_packets++;
    return true;
}

struct jv_instant jv_pace_deadline(const struct jv_pace *pace, struct jv_instant now)
{
    if (is_over(pace, now) || pace->credit_bytes > 0) {
        return now;
    }
    uint64_t missing = (uint64_t)(JV_PACE_QUANTUM_BYTES - pace->credit_bytes);
    struct jv_instant at = jv_add_us(pace->filled, missing * 1000000 / rate_bps(pace, now) + 1);
    return jv_earlier(at, jv_add_ms(pace->began, JV_PACE_MAX_MS));
}
