/* SPDX-License-Identifier: Apache-2.0 */
#include "degraded.h"

#include <string.h>

#include "client_state.h"
#include "guard.h"
#include "session.h"

uint64_t jv_degraded_backoff_ms(const struct jv_core *core, const struct jv_session *s,
                                uint32_t attempt)
{
    uint64_t wait = (uint64_t)s->policy.degraded_retry_ms << JV_MIN(attempt, 20U);
    uint8_t what[JV_SID_BYTES + 4];
    wait = JV_MIN(wait, (uint64_t)s->policy.degraded_retry_max_ms);
    memcpy(what, s->sid.b, JV_SID_BYTES);
    for (uint32_t i = 0; i < 4; i++) {
        what[JV_SID_BYTES + i] = (uint8_t)(attempt >> (8 * i));
    }
    return wait - jv_siphash(core->hash_key, what, sizeof what) % (wait / 4 + 1);
}

uint64_t jv_degraded_failed(struct jv_core *core, const struct jv_session *s)
{
    struct jv_client *cl = core->client;
    uint64_t wait = jv_degraded_backoff_ms(core, s, cl->failed_recoveries);
    cl->failed_recoveries += cl->failed_recoveries < UINT32_MAX ? 1 : 0;
    cl->backoff_at = jv_add_ms(core->now, wait);
    return wait;
}

void jv_degraded_over(struct jv_core *core)
{
    core->client->failed_recoveries = 0;
    core->client->backoff_at = JV_NEVER;
    core->client->is_capped = false;
}

void jv_degraded_hope(struct jv_core *core)
{
    core->client->backoff_at = JV_NEVER;
}

struct jv_instant jv_degraded_retry_at(const struct jv_core *core)
{
    struct jv_instant limit = core->client->switch_retry_at;
    struct jv_instant backoff = core->client->backoff_at;
    if (jv_is_never(limit) || jv_is_never(backoff)) {
        return jv_is_never(limit) ? backoff : limit;
    }
    return jv_is_before(limit, backoff) ? backoff : limit;
}

/* ---- entries ---- */

void jv_degraded_note(struct jv_core *core)
{
    jv_minute_add(&core->client->entries, core->now);
}

void jv_degraded_entered(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    jv_degraded_note(core);
    jv_minute_add(&cl->doubts, core->now);
    uint32_t entries = jv_minute_count(&cl->doubts, core->now);
    if (entries <= s->policy.volatile_entries_per_min || s->state != JV_ST_VOLATILE) {
        return;
    }
    const struct jv_record_field fields[] = {
        {JV_FD_entries, entries}, {JV_FD_entries_limit, s->policy.volatile_entries_per_min}};
    cl->is_capped = true;
    (void)jv_session_apply(core, s,
                           &(struct jv_step){JV_EV_INSTABILITY_PERSISTED, JV_WHY_VOLATILE_PERSISTED,
                                             JV_RULE_ENTRIES, fields, JV_ARRAY_LEN(fields)},
                           out);
}

uint64_t jv_degraded_window_ms(const struct jv_core *core, const struct jv_session *s)
{
    uint32_t n = jv_minute_count(&core->client->entries, core->now);
    return (uint64_t)s->policy.stability_window_ms << (n > 1 ? JV_MIN(n - 1, 6U) : 0);
}
