/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is read a second time here, as text: cells, reasons and actions of transition.def are judged against what
 * jv_session_apply() does for every state, event and reason on both roles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "session.h"
#include "solo.h"

#define ANY_STATE JV_ST_END
#define JV_ST_ANY ANY_STATE

struct cell {
    enum jv_state from;
    enum jv_event event;
    enum jv_state to;
    const char *reasons, *actions;
};

static const struct cell cells[] = {
#define T(row, from, event, to, reasons, actions)                                                  \
    {JV_ST_##from, JV_EV_##event, JV_ST_##to, #reasons, #actions},
#include "transition.def"
#undef T
};

static struct solo fix[2]; /* by enum jv_role */

static int start(void **state)
{
    for (int role = 0; role < 2; role++) {
        solo_cfg(&fix[role], (enum jv_role)role);
        solo_start(&fix[role]);
    }
    return 0;
}

static int stop(void **state)
{
    solo_stop(&fix[0]);
    solo_stop(&fix[1]);
    return 0;
}

/* Whether `word` stands in a list joined by |. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == list || at[-1] == ' ';
        if (begins && (at[len] == '\0' || at[len] == ' ')) {
            return true;
        }
    }
    return false;
}

/* The cell by the rule in transition.def's head: a row of a state goes before ANY, and TERMINATED is no ANY. */
static const struct cell *cell_of(enum jv_state from, enum jv_event event)
{
    const struct cell *any = NULL;
    for (size_t i = 0; i < JV_ARRAY_LEN(cells); i++) {
        if (cells[i].event == event && cells[i].from == from) {
            return &cells[i];
        }
        if (cells[i].event == event && cells[i].from == ANY_STATE && from != JV_ST_TERMINATED) {
            any = &cells[i];
        }
    }
    return any;
}

static struct jv_path *path_of(struct jv_core *core, struct jv_session *s)
{
    return jv_core_is_client(core) ? &core->client->paths[0] : &s->own;
}

static struct jv_session *open_in(struct solo *solo, enum jv_state state)
{
    struct jv_core *core = solo->core;
    struct jv_session *s = jv_session_open(core, &core->cfg.policy);
    assert_non_null(s);
    core->count.sessions[s->state]--;
    core->count.sessions[state]++;
    s->state = state;
    s->bind_next = path_of(core, s);
    return s;
}

/* Close it whatever state it is in: the tests hold more than one life of a slot. */
static void close_again(struct solo *solo, struct jv_session *s)
{
    s->dirty = false;
    solo->core->dirty_len = 0;
    jv_session_close(solo->core, s);
    solo_drain(solo);
}

static void session_table_has_each_cell_once(void **state)
{
    for (size_t i = 0; i < JV_ARRAY_LEN(cells); i++) {
        for (size_t k = i + 1; k < JV_ARRAY_LEN(cells); k++) {
            assert_false(cells[i].from == cells[k].from && cells[i].event == cells[k].event);
        }
    }
}

static void session_row_agrees_with_the_table_for_every_cell(void **state)
{
    for (uint32_t from = 0; from < JV_ST_END; from++) {
        for (uint32_t event = 0; event < JV_EV_END; event++) {
            enum jv_state to = JV_ST_END;
            uint8_t row = jv_session_row((enum jv_state)from, (enum jv_event)event, &to);
            const struct cell *cell = cell_of((enum jv_state)from, (enum jv_event)event);
            assert_int_equal(row, cell == NULL ? JV_ROW_NONE : JV_ROW_FIRST + (cell - cells));
            assert_int_equal(to, cell == NULL ? JV_ST_END : cell->to);
            assert_int_equal(row, jv_session_row((enum jv_state)from, (enum jv_event)event, NULL));
        }
    }
}

static void session_table_keeps_the_laws_of_the_design(void **state)
{
    bool reached[JV_EV_END] = {false};
    for (size_t i = 0; i < JV_ARRAY_LEN(cells); i++) {
        const struct cell *c = &cells[i];
        reached[c->event] = true;
        assert_int_not_equal(c->from, JV_ST_TERMINATED);
        assert_int_not_equal(c->to, JV_ST_BIRTH);
        if (c->to == JV_ST_TERMINATED) {
            assert_string_equal(c->actions, "UNBIND | WIPE_KEYS | DISARM");
        }
        if (c->to == JV_ST_ATTACHED) {
            assert_true(has_word(c->actions, "BIND"));
            assert_true(c->event == JV_EV_HANDSHAKE_PROVEN || c->event == JV_EV_REATTACH_PROVEN);
        } else {
            assert_false(has_word(c->actions, "BIND"));
        }
        if (c->from == JV_ST_BIRTH) {
            assert_true(c->to == JV_ST_ATTACHED || c->to == JV_ST_TERMINATED);
        }
        assert_int_equal(has_word(c->actions, "ARM_TRANSPORT_TTL"), c->event == JV_EV_PATH_LOST);
    }
    for (uint32_t event = 0; event < JV_EV_END; event++) {
        assert_true(reached[event]);
    }
}

static const char *const why_names[JV_WHY_END] = {
    [JV_WHY_NONE] = "?",
#define W(name, alias, lane, text) [JV_WHY_##name] = #name,
#include "reason.def"
#undef W
};

static void session_row_has_exactly_the_reasons_of_the_table(void **state)
{
    for (size_t i = 0; i < JV_ARRAY_LEN(cells); i++) {
        uint32_t count = 0;
        for (uint32_t why = 0; why < JV_WHY_END; why++) {
            bool has = jv_session_row_has((uint8_t)(JV_ROW_FIRST + i), (enum jv_why)why);
            assert_int_equal(has, has_word(cells[i].reasons, why_names[why]));
            count += has ? 1 : 0;
        }
        assert_true(count > 0);
    }
    assert_false(jv_session_row_has(JV_ROW_NONE, JV_WHY_HANDSHAKE_OK));
    assert_false(
        jv_session_row_has((uint8_t)(JV_ROW_FIRST + JV_ARRAY_LEN(cells)), JV_WHY_HANDSHAKE_OK));
}

struct due { /* the session's deadlines, by hand */
    struct jv_instant lifetime, ttl, degrade, degraded_max, recovery, probation;
};

static struct due due_of(const struct jv_session *s)
{
    return (struct due){s->lifetime_at,     s->ttl_at,         s->degrade_at,
                        s->degraded_max_at, s->recovery_until, s->probation_until};
}

/* What the actions of a cell make of the deadlines, written from the head of design §3 and not from session.c. */
static struct due model(const struct jv_session *before, const struct cell *cell,
                        struct jv_instant now)
{
    const struct jv_policy *p = &before->policy;
    struct due due = due_of(before);
    if (cell->to != before->state) {
        due.degrade = due.degraded_max = due.recovery = due.probation = JV_NEVER;
    }
    if (has_word(cell->actions, "ARM_LIFETIME")) {
        due.lifetime = jv_add_ms(before->created, p->max_lifetime_ms);
    }
    if (has_word(cell->actions, "ARM_DEGRADE")) {
        due.degrade = jv_add_ms(now, p->volatile_to_degraded_ms);
    }
    if (has_word(cell->actions, "ARM_DEGRADED_MAX")) {
        due.degraded_max = jv_add_ms(now, p->degraded_max_ms);
    }
    if (has_word(cell->actions, "ARM_RECOVERY")) {
        due.recovery = jv_add_ms(now, p->recovery_window_ms);
    }
    if (has_word(cell->actions, "ARM_TRANSPORT_TTL") && jv_is_never(due.ttl)) {
        struct jv_instant since = before->bound != NULL ? now : before->unbound_at;
        due.ttl = jv_add_ms(since, p->transport_lost_ttl_ms);
    }
    if (has_word(cell->actions, "DISARM_TRANSPORT_TTL")) {
        due.ttl = JV_NEVER;
    }
    if (has_word(cell->actions, "START_PROBATION")) {
        due.probation = jv_add_ms(now, p->stability_window_ms);
    }
    if (has_word(cell->actions, "DISARM")) {
        due = (struct due){JV_NEVER, JV_NEVER, JV_NEVER, JV_NEVER, JV_NEVER, JV_NEVER};
    }
    return due;
}

static void check_due(const struct due *want, const struct jv_session *s)
{
    struct due got = due_of(s);
    assert_int_equal(want->lifetime.ns, got.lifetime.ns);
    assert_int_equal(want->ttl.ns, got.ttl.ns);
    assert_int_equal(want->degrade.ns, got.degrade.ns);
    assert_int_equal(want->degraded_max.ns, got.degraded_max.ns);
    assert_int_equal(want->recovery.ns, got.recovery.ns);
    assert_int_equal(want->probation.ns, got.probation.ns);
    struct jv_instant first = jv_earlier(jv_earlier(got.lifetime, got.ttl), got.degrade);
    first = jv_earlier(first, jv_earlier(got.degraded_max, got.recovery));
    first = jv_earlier(first, got.probation);
    assert_int_equal(jv_session_deadline(s).ns, first.ns);
}

static void check_applied(struct solo *solo, const struct jv_session *before, struct jv_session *s,
                          const struct cell *cell, enum jv_why why)
{
    struct jv_core *core = solo->core;
    bool client = jv_core_is_client(core);
    assert_int_equal(s->state, cell->to);
    assert_int_equal(s->why, why);
    assert_int_equal(s->v, before->v + (client ? 0 : 1));
    assert_int_equal(s->local, before->local + (client ? 1 : 0));
    assert_int_equal(solo->out.records_len, 1);
    const struct jv_record *rec = &solo->records[0];
    assert_int_equal(rec->event, JV_REC_SessionStateChange);
    assert_int_equal(rec->row, JV_ROW_FIRST + (cell - cells));
    assert_int_equal(rec->from, before->state);
    assert_int_equal(rec->to, cell->to);
    assert_int_equal(rec->reason, why);
    assert_int_equal(rec->rule, JV_RULE_WINDOW);
    assert_int_equal(rec->v, s->v);
    assert_int_equal(rec->local, s->local);
    assert_int_equal(rec->is_client, client);
    assert_int_equal(jv_record_get(rec, JV_FD_attempts, 0), 7);
    assert_int_equal(s->cause, rec->seq);
    assert_int_equal(core->count.transitions[before->state][cell->to], 1);
    assert_int_equal(core->count.sessions[cell->to], 1);
    assert_int_equal(s->state_since.ns,
                     before->state == cell->to ? before->state_since.ns : core->now.ns);
    if (has_word(cell->actions, "BIND")) {
        assert_ptr_equal(s->bound, path_of(core, s));
        assert_null(s->bind_next);
        assert_true(jv_is_never(s->unbound_at));
    } else if (has_word(cell->actions, "UNBIND")) {
        assert_null(s->bound);
        assert_false(s->live.outstanding);
        assert_int_equal(s->unbound_at.ns,
                         before->bound != NULL ? core->now.ns : before->unbound_at.ns);
    } else {
        assert_ptr_equal(s->bound, before->bound);
    }
    assert_int_equal(s->keys->epochs[JV_EPOCH_CURRENT].n == 0,
                     has_word(cell->actions, "WIPE_KEYS"));
}

static void apply_one(struct solo *solo, enum jv_state from, enum jv_event event, enum jv_why why,
                      bool bound)
{
    struct jv_core *core = solo->core;
    memset(core->count.transitions, 0, sizeof core->count.transitions);
    core->now = jv_add_ms(core->now, 1000);
    struct jv_session *s = open_in(solo, from);
    struct jv_key root = solo_key(5);
    assert_int_equal(
        jv_keys_start(s->keys, &root, &s->sid, JV_SUITE_CHACHA20_POLY1305, false, core->now),
        JV_E_OK);
    s->bound = bound ? s->bind_next : NULL;
    s->v = 41;
    s->local = 17;
    if (!bound) {
        s->unbound_at = core->now;
    }
    core->now = jv_add_ms(core->now, 3);
    struct jv_session before;
    memcpy(&before, s, sizeof before);
    const struct cell *cell = cell_of(from, event);
    const struct jv_record_field field = {JV_FD_attempts, 7};
    struct jv_step step = {event, why, JV_RULE_WINDOW, &field, 1};
    bool applied = jv_session_apply(core, s, &step, &solo->out);
    assert_int_equal(applied, cell != NULL);
    if (cell == NULL) {
        assert_memory_equal(&before, s, sizeof before);
        assert_int_equal(solo->out.records_len, 0);
        assert_int_equal(core->dirty_len, 0);
    } else {
        struct due want = model(&before, cell, core->now);
        check_applied(solo, &before, s, cell, why);
        check_due(&want, s);
    }
    close_again(solo, s);
}

static void session_applies_every_cell_and_refuses_every_other(void **state)
{
    uint32_t refused = 0;
    for (uint32_t n = 0; n < 2U * 2U * JV_ST_END * JV_EV_END; n++) {
        enum jv_event event = (enum jv_event)(n / 4 % JV_EV_END);
        enum jv_state from = (enum jv_state)(n / 4 / JV_EV_END);
        const struct cell *cell = cell_of(from, event);
        refused += cell == NULL ? 1 : 0;
        for (uint32_t why = JV_WHY_NONE + 1; why < JV_WHY_END; why++) {
            if (cell == NULL || has_word(cell->reasons, why_names[why])) {
                apply_one(&fix[n & 1], from, event, (enum jv_why)why, (n & 2) != 0);
            }
        }
    }
    /* 24 events in each of 6 states; 33 rows, of which 8 stand for all five live states. */
    assert_int_equal(refused / 4, JV_ST_END * JV_EV_END - (25 + 5 * 8));
}

static struct jv_session *attached(struct solo *solo)
{
    struct jv_session *s = open_in(solo, JV_ST_BIRTH);
    struct jv_step step = {JV_EV_HANDSHAKE_PROVEN, JV_WHY_HANDSHAKE_OK, JV_RULE_NONE, NULL, 0};
    assert_true(jv_session_apply(solo->core, s, &step, &solo->out));
    return s;
}

static bool apply(struct solo *solo, struct jv_session *s, enum jv_event event, enum jv_why why)
{
    struct jv_step step = {event, why, JV_RULE_NONE, NULL, 0};
    s->rows = 0;
    return jv_session_apply(solo->core, s, &step, &solo->out);
}

static void session_transport_ttl_is_not_extended_by_cycling_states(void **state)
{
    for (int role = 0; role < 2; role++) {
        struct solo *solo = &fix[role];
        struct jv_core *core = solo->core;
        struct jv_session *s = attached(solo);
        assert_true(apply(solo, s, JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD));
        struct jv_instant ttl = s->ttl_at;
        assert_int_equal(ttl.ns, jv_add_ms(core->now, s->policy.transport_lost_ttl_ms).ns);
        for (int round = 0; round < 20; round++) {
            core->now = jv_add_ms(core->now, 50);
            assert_true(apply(solo, s, JV_EV_SWITCH_STARTED, JV_WHY_POLICY_FORCED_RECOVERY));
            assert_true(apply(solo, s, JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD));
            assert_true(apply(solo, s, JV_EV_RECOVERY_EXPIRED, JV_WHY_RECOVERY_BOUNDS_EXCEEDED));
            assert_true(apply(solo, s, JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD));
            assert_true(apply(solo, s, JV_EV_HEALTH_PROVEN, JV_WHY_HEALTH_RECOVERED));
            assert_true(apply(solo, s, JV_EV_CANDIDATES_EXHAUSTED, JV_WHY_NO_CANDIDATE_TRANSPORTS));
            assert_int_equal(s->ttl_at.ns, ttl.ns);
            solo_drain(solo);
        }
        /* A bind stops the clock; the next loss starts it anew. */
        assert_true(apply(solo, s, JV_EV_SWITCH_STARTED, JV_WHY_RECOVERY_RETRY));
        s->bind_next = path_of(core, s);
        assert_true(apply(solo, s, JV_EV_REATTACH_PROVEN, JV_WHY_REATTACH_SUCCESS));
        assert_true(jv_is_never(s->ttl_at));
        core->now = jv_add_ms(core->now, 50);
        assert_true(apply(solo, s, JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD));
        assert_int_equal(s->ttl_at.ns, jv_add_ms(core->now, s->policy.transport_lost_ttl_ms).ns);
        close_again(solo, s);
    }
}

static void session_self_rows_keep_every_deadline(void **state)
{
    struct solo *solo = &fix[JV_ROLE_GATEWAY];
    struct jv_session *s = attached(solo);
    assert_true(apply(solo, s, JV_EV_INSTABILITY_SEEN, JV_WHY_HEARTBEAT_TIMEOUT));
    struct jv_instant degrade = s->degrade_at;
    struct jv_instant since = s->state_since;
    for (int i = 0; i < 3; i++) {
        solo->core->now = jv_add_ms(solo->core->now, 20);
        assert_true(apply(solo, s, JV_EV_PATH_LOST, JV_WHY_TRANSPORT_DEAD));
    }
    assert_int_equal(s->degrade_at.ns, degrade.ns);
    assert_int_equal(s->state_since.ns, since.ns);
    close_again(solo, s);
}

static void session_expire_applies_what_is_due_and_nothing_else(void **state)
{
    struct solo *solo = &fix[JV_ROLE_GATEWAY];
    struct jv_core *core = solo->core;
    struct jv_session *s = attached(solo);
    assert_true(apply(solo, s, JV_EV_INSTABILITY_SEEN, JV_WHY_HEARTBEAT_TIMEOUT));
    solo_drain(solo);
    core->now = (struct jv_instant){s->degrade_at.ns - 1};
    jv_session_expire(core, s, &solo->out);
    assert_int_equal(s->state, JV_ST_VOLATILE);
    assert_int_equal(solo->out.records_len, 0);
    core->now = s->degrade_at;
    jv_session_expire(core, s, &solo->out);
    assert_int_equal(s->state, JV_ST_DEGRADED);
    assert_int_equal(solo->out.records_len, 1);
    s->rows = 0;
    core->now = s->degraded_max_at;
    jv_session_expire(core, s, &solo->out);
    assert_int_equal(s->state, JV_ST_TERMINATED);
    assert_int_equal(s->why, JV_WHY_POLICY_TERMINATION);
    assert_true(jv_is_never(jv_session_deadline(s)));
    close_again(solo, s);
}

static void session_lifetime_ends_it_in_every_live_state(void **state)
{
    struct solo *solo = &fix[JV_ROLE_GATEWAY];
    for (uint32_t from = JV_ST_ATTACHED; from < JV_ST_TERMINATED; from++) {
        struct jv_session *s = open_in(solo, (enum jv_state)from);
        s->lifetime_at = solo->core->now;
        s->unbound_at = solo->core->now;
        jv_session_expire(solo->core, s, &solo->out);
        assert_int_equal(s->state, JV_ST_TERMINATED);
        assert_int_equal(s->why, JV_WHY_TTL_SESSION_EXPIRED);
        assert_int_equal(solo->out.records_len, 2);
        assert_int_equal(solo->records[1].event, JV_REC_SessionTerminated);
        close_again(solo, s);
    }
}

static void session_ends_once(void **state)
{
    struct solo *solo = &fix[JV_ROLE_GATEWAY];
    struct jv_session *s = open_in(solo, JV_ST_DEGRADED);
    jv_session_end(solo->core, s, JV_EV_OPERATOR_ENDED, JV_WHY_OPERATOR_TERMINATED, JV_RULE_NONE,
                   &solo->out);
    assert_int_equal(solo->out.records_len, 2);
    jv_session_end(solo->core, s, JV_EV_FATAL_FOUND, JV_WHY_SECURITY_FAILURE, JV_RULE_NONE,
                   &solo->out);
    assert_int_equal(solo->out.records_len, 2);
    assert_int_equal(s->why, JV_WHY_OPERATOR_TERMINATED);
    close_again(solo, s);
}

static void session_open_is_refused_where_the_slab_is_full(void **state)
{
    struct solo *solo = &fix[JV_ROLE_GATEWAY];
    struct jv_session *held[SOLO_SESSIONS + 64];
    /* The slab has room for births that replace a session; the operator's limit is birth.c's to keep. */
    const uint32_t cap = solo->core->sessions.cap;
    assert_true(cap > SOLO_SESSIONS && cap <= JV_ARRAY_LEN(held));
    for (uint32_t i = 0; i < cap; i++) {
        held[i] = open_in(solo, JV_ST_BIRTH);
    }
    assert_null(jv_session_open(solo->core, &solo->cfg.policy));
    for (uint32_t i = 0; i < cap; i++) {
        close_again(solo, held[i]);
    }
    assert_int_equal(solo->core->count.sessions[JV_ST_BIRTH], 0);
}

static void session_counts_switches_of_the_last_minute(void **state)
{
    struct solo *solo = &fix[JV_ROLE_GATEWAY];
    struct jv_session *s = open_in(solo, JV_ST_ATTACHED);
    struct jv_instant now = jv_add_ms(solo->core->now, 1000000);
    s->switch_times[0] = (struct jv_instant){now.ns - 60000 * JV_NS_PER_MS};
    s->switch_times[1] = (struct jv_instant){now.ns - 59999 * JV_NS_PER_MS};
    s->switch_times[2] = now;
    s->switch_times_len = 3;
    assert_int_equal(jv_session_switches_in_window(s, now), 2);
    close_again(solo, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_table_has_each_cell_once),
        cmocka_unit_test(session_row_agrees_with_the_table_for_every_cell),
        cmocka_unit_test(session_table_keeps_the_laws_of_the_design),
        cmocka_unit_test(session_row_has_exactly_the_reasons_of_the_table),
        cmocka_unit_test(session_applies_every_cell_and_refuses_every_other),
        cmocka_unit_test(session_transport_ttl_is_not_extended_by_cycling_states),
        cmocka_unit_test(session_self_rows_keep_every_deadline),
        cmocka_unit_test(session_expire_applies_what_is_due_and_nothing_else),
        cmocka_unit_test(session_lifetime_ends_it_in_every_live_state),
        cmocka_unit_test(session_ends_once),
        cmocka_unit_test(session_open_is_refused_where_the_slab_is_full),
        cmocka_unit_test(session_counts_switches_of_the_last_minute)};
    return cmocka_run_group_tests_name("session", tests, start, stop);
}
