/* SPDX-License-Identifier: Apache-2.0 */
#include "metered.h"

#include "client_state.h"
#include "session.h"

void jv_metered_bound(struct jv_core *core, const struct jv_session *s)
{
    struct jv_client *cl = core->client;
    if (!s->bound->is_metered) {
        cl->metered_since = JV_NEVER;
        cl->is_metered_told = false;
    } else if (jv_is_never(cl->metered_since)) {
        cl->metered_since = core->now;
    }
}

uint64_t jv_metered_ms(const struct jv_core *core)
{
    struct jv_instant since = core->client->metered_since;
    return jv_is_never(since) ? 0 : JV_MAX(jv_since_ms(since, core->now), (uint64_t)1);
}

bool jv_metered_is_alarming(const struct jv_core *core)
{
    return core->client->is_metered_told;
}

struct jv_instant jv_metered_deadline(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_client *cl = core->client;
    bool is_off = s->policy.metered_alarm_ms == 0 || jv_is_never(cl->metered_since);
    return is_off || cl->is_metered_told ? JV_NEVER
                                         : jv_add_ms(cl->metered_since, s->policy.metered_alarm_ms);
}

void jv_metered_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (!jv_is_due(jv_metered_deadline(core, s), core->now)) {
        return;
    }
    core->client->is_metered_told = true;
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_PolicyEvent, JV_WHY_METERED_IN_USE, out);
    jv_record_path(rec, s->bound);
    rec->rule = JV_RULE_METERED;
    jv_record_put(rec, JV_FD_metered_ms, jv_metered_ms(core));
    jv_record_put(rec, JV_FD_metered_limit_ms, s->policy.metered_alarm_ms);
}
