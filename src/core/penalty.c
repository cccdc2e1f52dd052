/* SPDX-License-Identifier: Apache-2.0 */
#include "penalty.h"

#include <string.h>

#include "client_state.h"

static uint32_t find(const struct jv_client *cl, const struct jv_path *path)
{
    for (uint32_t i = 0; i < JV_PENALTY_MAX; i++) {
        const struct jv_penalty *p = &cl->penalties[i];
        if (p->strikes > 0 && memcmp(p->name, path->name, JV_NAME_BYTES) == 0 &&
            jv_endpoint_is_equal(&p->remote, &path->remote)) {
            return i;
        }
    }
    return JV_PENALTY_MAX;
}

static uint32_t place(const struct jv_client *cl)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < JV_PENALTY_MAX; i++) {
        const struct jv_penalty *p = &cl->penalties[i];
        if (p->strikes == 0) {
            return i;
        }
        at = jv_is_before(p->until, cl->penalties[at].until) ? i : at;
    }
    return at;
}

uint64_t jv_penalty_ms(const struct jv_core *core, const struct jv_path *path)
{
    uint32_t at = find(core->client, path);
    return at == JV_PENALTY_MAX ? 0 : jv_since_ms(core->now, core->client->penalties[at].until);
}

void jv_penalty_add(struct jv_core *core, const struct jv_path *path, uint32_t base_ms,
                    uint32_t max_ms)
{
    uint32_t at = find(core->client, path);
    bool is_known = at != JV_PENALTY_MAX;
    struct jv_penalty *p = &core->client->penalties[is_known ? at : place(core->client)];
    uint64_t strikes = is_known ? p->strikes : 0;
    uint64_t forgiven = is_known ? jv_since_ms(p->until, core->now) / JV_PENALTY_DECAY_MS : 0;
    strikes -= JV_MIN(strikes, forgiven);
    uint64_t ms = (uint64_t)base_ms << JV_MIN(strikes, (uint64_t)JV_PENALTY_DOUBLINGS_MAX);
    struct jv_instant until = jv_add_ms(core->now, JV_MIN(ms, (uint64_t)max_ms));
    until = is_known && jv_is_before(until, p->until) ? p->until : until;
    memcpy(p->name, path->name, sizeof p->name);
    p->remote = path->remote;
    p->strikes = (uint32_t)strikes + 1;
    p->until = until;
}
