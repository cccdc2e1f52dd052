/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include "base.h"

void jv_pace_begin(struct jv_pace *pace, struct jv_instant now, uint64_t stream_bps)
{
    *pace = (struct jv_pace){.on = true,
                             .began = now,
                             .filled = now,
                             .stream_bps = stream_bps,
                             .credit_bytes = JV_PACE_BURST_BYTES};
}

void jv_pace_arrived(struct jv_pace *pace, uint32_t bytes)
{
    pace->arrived_bytes += bytes;
}

void jv_pace_reported(struct jv_pace *pace, bool is_lossy)
{
    pace->is_proven = !is_lossy;
}

static bool is_over(const struct jv_pace *pace, struct jv_instant now)
{
    return !pace->on || jv_since_ms(pace->began, now) >= JV_PACE_MAX_MS;
}

/* What arrives is measured, not guessed: a pace below it would never come to an end. */
static uint64_t rate_bps(const struct jv_pace *pace, struct jv_instant now)
{
    uint64_t since_ms = JV_MAX(jv_since_ms(pace->began, now), (uint64_t)10);
    uint64_t arrival_bps = pace->arrived_bytes * 1000 / since_ms;
    uint64_t bps = JV_MAX(pace->stream_bps, arrival_bps);
    bps = pace->is_proven ? 2 * bps : bps;
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
