/* SPDX-License-Identifier: Apache-2.0 */
#include "penalty.h"

uint64_t jv_penalty_ms(const struct jv_core *core, const struct jv_path *path)
{
    return path->shuns > 0 ? jv_since_ms(core->now, path->shunned_until) : 0;
}

void jv_penalty_add(struct jv_core *core, struct jv_path *path)
{
    uint64_t ms = (uint64_t)JV_SHUN_MIN_MS << JV_MIN(path->shuns, JV_SHUN_DOUBLINGS_MAX);
    path->shuns++;
    path->shunned_until = jv_add_ms(core->now, ms);
}
