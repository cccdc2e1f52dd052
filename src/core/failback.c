/* SPDX-License-Identifier: Apache-2.0 */
#include "failback.h"

#include "jump.h"
#include "path.h"
#include "penalty.h"
#include "rank.h"
#include "session.h"
#include "steer.h"

static struct jv_path *preferred_path(struct jv_core *core, struct jv_session *s)
{
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, order);
    for (uint32_t i = 0; i < n; i++) {
        struct jv_path *path = &core->client->paths[order[i]];
        if (!path->is_cold && jv_rank_is_wanted_more(path, s->bound) &&
            jv_penalty_ms(core, path) == 0 && jv_path_is_proven(core, s, path)) {
            return path;
        }
    }
    return NULL;
}

/* Dwell and cooldown hold for a move by choice (design §5). */
static struct jv_instant failback_ready_at(const struct jv_session *s, const struct jv_path *to)
{
    struct jv_instant dwelt = jv_add_ms(to->stable_since, s->policy.dwell_ms);
    struct jv_instant cooled =
        s->switches_total > 0 ? jv_add_ms(s->last_switch, s->policy.switch_cooldown_ms) : dwelt;
    return jv_is_before(dwelt, cooled) ? cooled : dwelt;
}

/* A move by choice never takes the last token: that one is kept for a path that dies. */
static bool has_spare_token(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_rate rate = jv_session_switch_rate(s);
    struct jv_bucket bucket = s->switches;
    return jv_bucket_take(&bucket, &rate, core->now) &&
           jv_bucket_wait_ms(&bucket, &rate, core->now) == 0;
}

static void deny_failback(struct jv_core *core, struct jv_session *s, const struct jv_path *to,
                          struct jv_out *out)
{
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_TransportSwitchDenied, JV_WHY_SWITCH_RATE_LIMITED, out);
    jv_record_path(rec, to);
    rec->rule = JV_RULE_TOKEN_BUCKET;
    jv_record_put(rec, JV_FD_switches_in_window, jv_session_switches_in_window(s, core->now));
    jv_record_put(rec, JV_FD_switches_limit, s->policy.max_switches_per_min);
    core->client->failback_at = jv_add_ms(core->now, 60000);
}

void jv_failback_consider(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    if (!jv_is_due(cl->failback_at, core->now) || s->bound == NULL) {
        return;
    }
    struct jv_path *to = preferred_path(core, s);
    if (to == NULL || s->policy.max_switches_per_min == 0) {
        cl->failback_at = JV_NEVER;
        return;
    }
    struct jv_instant ready = failback_ready_at(s, to);
    if (!jv_is_due(ready, core->now)) {
        cl->failback_at = ready;
    } else if (jv_since_ms(to->token_at, core->now) > JV_FAILBACK_FRESH_MS) {
        to->probe_due = core->now; /* its answer leads back here */
        cl->failback_at = jv_add_ms(core->now, JV_FAILBACK_FRESH_MS);
    } else if (jv_steer_holds(core, s, to, out)) {
        cl->failback_at = cl->hold_until;
    } else if (!has_spare_token(core, s)) {
        deny_failback(core, s, to, out);
    } else {
        cl->failback_at = JV_NEVER;
        jv_jump_by_choice(core, s, to, JV_WHY_PREFERRED_PATH_AVAILABLE, JV_RULE_PREFERENCE, out);
    }
}
