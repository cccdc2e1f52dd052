/* SPDX-License-Identifier: Apache-2.0 */
#include "rank.h"

#include "client_state.h"
#include "health.h"
#include "liveness.h"
#include "penalty.h"

/* Upper ends of the classes of loss, in ppm. */
static const uint32_t loss_classes[] = {10000, 50000, 100000, 200000};

struct key {
    uint64_t value; /* the lower goes first */
    enum jv_why why;
};
#define KEYS 10U

static uint64_t loss_class(uint32_t loss_ppm)
{
    uint64_t class = 0;
    while (class < JV_ARRAY_LEN(loss_classes) && loss_ppm >= loss_classes[class]) {
        class ++;
    }
    return class;
}

static void make_keys(const struct jv_core *core, const struct jv_session *s,
                      const struct jv_path *path, struct key out[KEYS])
{
    uint64_t stable_ms = s != NULL ? jv_health_stable_ms(core, s, path) : 0;
    const struct key keys[KEYS] = {
        {jv_penalty_ms(core, path) > 0 ? 1 : 0, JV_WHY_PENALISED},
        {jv_pmtu_is_narrow(&path->size.search) ? 1 : 0, JV_WHY_PATH_NARROW},
        {UINT64_MAX - path->prefer, JV_WHY_LOWER_PREFERENCE},
        {path->is_metered ? 1 : 0, JV_WHY_METERED_PATH},
        {path->cost, JV_WHY_HIGHER_COST},
        {path->is_cold ? 1 : 0, JV_WHY_COLD_STANDBY},
        {s != NULL ? loss_class(jv_health_worst_loss(core, path)) : 0, JV_WHY_MORE_LOSS},
        {jv_rtt_srtt_us(&path->rtt) / JV_RANK_LATENCY_US, JV_WHY_SLOWER},
        {UINT64_MAX - stable_ms / JV_RANK_STABLE_MS, JV_WHY_LESS_STABLE},
        {path->id, JV_WHY_LATER_SLOT},
    };
    for (uint32_t i = 0; i < KEYS; i++) {
        out[i] = keys[i];
    }
}

enum jv_why jv_rank_behind(const struct jv_core *core, const struct jv_session *s,
                           const struct jv_path *path, const struct jv_path *other)
{
    struct key own[KEYS];
    struct key theirs[KEYS];
    make_keys(core, s, path, own);
    make_keys(core, s, other, theirs);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (own[i].value != theirs[i].value) {
            return own[i].value < theirs[i].value ? JV_WHY_NONE : own[i].why;
        }
    }
    return JV_WHY_NONE;
}

bool jv_rank_is_wanted_more(const struct jv_path *path, const struct jv_path *other)
{
    bool is_narrow = jv_pmtu_is_narrow(&path->size.search);
    if (is_narrow != jv_pmtu_is_narrow(&other->size.search)) {
        return !is_narrow; /* what carries too little is nobody's wish */
    }
    if (path->prefer != other->prefer) {
        return path->prefer > other->prefer;
    }
    if (path->is_stale != other->is_stale) {
        return other->is_stale;
    }
    if (path->is_metered != other->is_metered) {
        return other->is_metered;
    }
    return path->cost != other->cost ? path->cost < other->cost : other->is_cold && !path->is_cold;
}

uint32_t jv_rank(const struct jv_core *core, const struct jv_session *s,
                 uint8_t order_out[JV_PATH_MAX])
{
    const struct jv_path *paths = core->client->paths;
    uint32_t n = 0;
    for (uint8_t i = 0; i < JV_PATH_MAX; i++) {
        if (!paths[i].used || paths[i].is_off) {
            continue;
        }
        uint32_t at = n++;
        for (;
             at > 0 && jv_rank_behind(core, s, &paths[i], &paths[order_out[at - 1]]) == JV_WHY_NONE;
             at--) {
            order_out[at] = order_out[at - 1];
        }
        order_out[at] = i;
    }
    return n;
}
