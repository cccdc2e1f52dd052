/* SPDX-License-Identifier: Apache-2.0 */
#include "locator.h"

#include "shard.h"

uint64_t jv_locator_draw(struct jv_core *core)
{
    for (;;) {
        uint64_t value;
        uint64_t found;
        uint64_t cursor = 0;
        jv_core_random(core, &value, sizeof value);
        value = jv_shard_locator(value, core->cfg.shard, core->cfg.shards);
        if (value != 0 && !jv_map_find(&core->locators, value, &cursor, &found)) {
            return value;
        }
    }
}

/* A free place, or that of the one unseen for longest. */
static struct jv_locator *find_place(struct jv_core *core, struct jv_session *s)
{
    struct jv_locator *oldest = NULL;
    for (uint32_t i = 0; i < JV_LOCATOR_MAX; i++) {
        struct jv_locator *l = &s->locators[i];
        if (l->value == 0) {
            return l;
        }
        bool is_bound = s->bound != NULL &&
                        (l->value == s->bound->locator || l->value == s->commit.next_locator);
        if (!l->spare && !is_bound && (oldest == NULL || jv_is_before(l->at, oldest->at))) {
            oldest = l;
        }
    }
    JV_ASSERT(oldest != NULL); /* JV_LOCATOR_MAX exceeds the spares and the bound one */
    (void)jv_map_remove(&core->locators, oldest->value, s->handle.idx);
    return oldest;
}

void jv_locator_adopt(struct jv_core *core, struct jv_session *s, uint64_t value)
{
    struct jv_locator *place = find_place(core, s);
    *place = (struct jv_locator){.value = value, .at = core->now};
    enum jv_err err = jv_map_add(&core->locators, value, s->handle.idx);
    JV_ASSERT(err == JV_E_OK); /* the map is sized for every session's maximum */
}

uint64_t jv_locator_fresh(struct jv_core *core, struct jv_session *s)
{
    uint64_t value = jv_locator_draw(core);
    jv_locator_adopt(core, s, value);
    return value;
}

void jv_locator_top_up(struct jv_core *core, struct jv_session *s)
{
    uint64_t spares[JV_SPARE_MAX];
    for (uint32_t n = jv_locator_spares(s, spares); n < JV_SPARE_MAX; n++) {
        uint64_t value = jv_locator_draw(core);
        struct jv_locator *place = find_place(core, s);
        *place = (struct jv_locator){.value = value, .spare = true, .at = core->now};
        enum jv_err err = jv_map_add(&core->locators, value, s->handle.idx);
        JV_ASSERT(err == JV_E_OK);
    }
}

void jv_locator_renew_spares(struct jv_core *core, struct jv_session *s)
{
    /* Where the client may not have the last ones, it still probes under those before: three sets that it never saw would push them out. */
    for (uint32_t i = 0; s->spares_arrived && i < JV_LOCATOR_MAX; i++) {
        s->locators[i].spare = false;
    }
    s->spares_arrived = false;
    jv_locator_top_up(core, s);
}

bool jv_locator_may_open(struct jv_core *core, struct jv_session *s, uint64_t value)
{
    static const struct jv_rate rate = {JV_CONTROL_OPENS_PER_S, 1, JV_CONTROL_OPENS_PER_S};
    for (uint32_t i = 0; i < JV_LOCATOR_MAX; i++) {
        if (s->locators[i].value == value) {
            return jv_bucket_take(&s->locators[i].opens, &rate, core->now);
        }
    }
    return false;
}

void jv_locator_seen(struct jv_core *core, struct jv_session *s, uint64_t value)
{
    for (uint32_t i = 0; i < JV_LOCATOR_MAX; i++) {
        if (s->locators[i].value == value) {
            s->locators[i].spare = false;
            s->locators[i].at = core->now;
            return;
        }
    }
}

uint32_t jv_locator_spares(const struct jv_session *s, uint64_t out[JV_SPARE_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < JV_LOCATOR_MAX && n < JV_SPARE_MAX; i++) {
        if (s->locators[i].value != 0 && s->locators[i].spare) {
            out[n++] = s->locators[i].value;
        }
    }
    return n;
}

void jv_locator_remove_all(struct jv_core *core, struct jv_session *s)
{
    for (uint32_t i = 0; i < JV_LOCATOR_MAX; i++) {
        if (s->locators[i].value != 0) {
            (void)jv_map_remove(&core->locators, s->locators[i].value, s->handle.idx);
            s->locators[i].value = 0;
        }
    }
}
