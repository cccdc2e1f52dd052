/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random walks over the events with time passing between them. A session without a transport ends when its TTL is over, whatever it
 * went through; its version counts its transitions; nothing leaves TERMINATED; and a deadline that was handled is due no more.
 */
#include "rounds.h"
#include "session.h"
#include "solo.h"

#define STEPS 120U

static struct solo solo;

static enum jv_why reason_of(uint8_t row)
{
    enum jv_why why = JV_WHY_NONE + 1;
    while (!jv_session_row_has(row, why)) {
        why++;
    }
    return why;
}

/* Events that end it at once would leave the walks short: most draws skip them. */
static enum jv_event draw_event(struct jv_prng *prng, enum jv_state from)
{
    for (;;) {
        enum jv_event event = (enum jv_event)jv_prng_below(prng, JV_EV_END);
        enum jv_state to = JV_ST_BIRTH;
        (void)jv_session_row(from, event, &to); /* refused events are wanted as well */
        if (to != JV_ST_TERMINATED || jv_prng_below(prng, 200) == 0) {
            return event;
        }
    }
}

static void walk_time(struct jv_prng *prng, struct jv_session *s)
{
    struct jv_instant end =
        jv_add_ms(solo.core->now, jv_prng_below(prng, 4) == 0 ? jv_prng_below(prng, 4000) : 5);
    while (jv_is_due(jv_session_deadline(s), end)) {
        solo.core->now.ns = JV_MAX(solo.core->now.ns, jv_session_deadline(s).ns);
        s->rows = 0;
        jv_session_expire(solo.core, s, &solo.out);
        JV_ASSERT(!jv_is_due(jv_session_deadline(s), solo.core->now));
        solo_drain(&solo);
    }
    solo.core->now = end;
}

static bool step(struct jv_prng *prng, struct jv_session *s)
{
    enum jv_event event = draw_event(prng, s->state);
    enum jv_state to = s->state;
    uint64_t v = s->v;
    uint8_t row = jv_session_row(s->state, event, &to);
    struct jv_step st = {event, row == JV_ROW_NONE ? JV_WHY_HANDSHAKE_OK : reason_of(row),
                         JV_RULE_NONE, NULL, 0};
    s->rows = 0;
    s->bind_next = &s->own;
    bool applied = jv_session_apply(solo.core, s, &st, &solo.out);
    solo_drain(&solo);
    return applied == (row != JV_ROW_NONE) && s->state == to && s->v == v + (applied ? 1 : 0);
}

static bool is_sound(const struct jv_session *s)
{
    uint64_t ttl_ms = s->policy.transport_lost_ttl_ms;
    bool live = s->state != JV_ST_TERMINATED;
    bool lost = live && s->state != JV_ST_BIRTH && s->bound == NULL;
    bool overdue = lost && jv_since_ms(s->unbound_at, solo.core->now) > ttl_ms;
    return !overdue && lost != jv_is_never(s->ttl_at) &&
           (s->state != JV_ST_ATTACHED || s->bound != NULL) &&
           (live || (s->bound == NULL && jv_is_never(jv_session_deadline(s))));
}

static bool holds(struct jv_prng *prng)
{
    struct jv_session *s = jv_session_open(solo.core, &solo.cfg.policy);
    JV_ASSERT(s != NULL);
    bool good = true;
    uint64_t v = 0;
    for (uint32_t i = 0; good && i < STEPS; i++) {
        bool was_over = s->state == JV_ST_TERMINATED;
        good = step(prng, s) && is_sound(s);
        walk_time(prng, s);
        good = good && is_sound(s) && s->v >= v;
        good = good && (!was_over || (s->state == JV_ST_TERMINATED && s->v == v));
        v = s->v;
    }
    s->dirty = false;
    solo.core->dirty_len = 0;
    jv_session_close(solo.core, s);
    return good;
}

int main(int argc, char **argv)
{
    solo_cfg(&solo, JV_ROLE_GATEWAY);
    solo_start(&solo);
    int rc = rounds_run(argc, argv, "prop_session_walks", 5000, holds);
    solo_stop(&solo);
    return rc;
}
