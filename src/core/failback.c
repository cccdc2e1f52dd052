/* SPDX-License-Identifier: Apache-2.0 */
#include "failback.h"

#include "choice.h"
#include "client_state.h"
#include "jump.h"
#include "path.h"
#include "rank.h"
#include "session.h"

/* Long enough for a limit of a minute, short enough that nobody waits for the next probe of a rare kind. */
#define LOOK_AGAIN_MS 60000U

/* Denied for what time heals: a path that is wanted less is no substitute. */
static bool is_worth_waiting(enum jv_why why)
{
    return why != JV_WHY_PENALISED && why != JV_WHY_QUALITY_FLOOR_VIOLATION;
}

static bool is_wanted(const struct jv_core *core, const struct jv_session *s,
                      const struct jv_path *path)
{
    return path != s->bound && !path->is_cold && jv_rank_is_wanted_more(path, s->bound) &&
           jv_path_is_proven(core, s, path);
}

/* The first of the ranking that is wanted more and is, or soon will be, allowed. NULL: none; every denial is told. */
static struct jv_path *preferred_path(struct jv_core *core, struct jv_session *s,
                                      struct jv_choice *choice_out, struct jv_out *out)
{
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, order);
    struct jv_path *kept = NULL;
    for (uint32_t i = 0; i < n; i++) {
        struct jv_path *path = &core->client->paths[order[i]];
        if (!is_wanted(core, s, path)) {
            continue;
        }
        struct jv_choice choice = jv_choice_judge(core, s, path, JV_CHOICE_WISH);
        if (choice.why != JV_WHY_NONE) {
            jv_choice_deny(core, s, path, &choice, out);
        }
        if (kept == NULL || is_worth_waiting(choice.why)) {
            kept = path;
            *choice_out = choice;
        }
        if (is_worth_waiting(choice.why)) {
            break;
        }
    }
    return kept;
}

void jv_failback_consider(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_choice choice = {0};
    if (!jv_is_due(cl->failback_at, core->now) || s->bound == NULL) {
        return;
    }
    bool may_ever = s->policy.max_switches_per_min > 0;
    struct jv_path *to = may_ever ? preferred_path(core, s, &choice, out) : NULL;
    if (to == NULL) {
        cl->failback_at = JV_NEVER;
    } else if (choice.why != JV_WHY_NONE) {
        cl->failback_at = jv_add_ms(core->now, choice.wait_ms > 0 ? choice.wait_ms : LOOK_AGAIN_MS);
    } else if (jv_since_ms(to->token_at, core->now) > JV_FAILBACK_FRESH_MS) {
        to->probe_due = core->now; /* its answer leads back here */
        cl->failback_at = jv_add_ms(core->now, JV_FAILBACK_FRESH_MS);
    } else {
        cl->failback_at = JV_NEVER;
        jv_jump_by_choice(core, s, to, JV_WHY_PREFERRED_PATH_AVAILABLE, JV_RULE_PREFERENCE, out);
    }
}
