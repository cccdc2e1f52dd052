/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole table: every state, event and reason on both roles, with every binding, clock and flag that jv_session_apply() reads.
 *
 * What must come out is written here by hand from the rows of the specification (design §3) and from what each state means, in words
 * of its own: nothing is taken from transition.def. So a cell that is edited by mistake differs from this list, and a cell that
 * is forgotten here differs from the table.
 */
#include <setjmp.h>

#include "client_state.h"
#include "degraded.h"
#include "exh.h"
#include "session.h"
#include "solo.h"

/* An assertion of the core comes here, so that a forbidden reason is a case like any other. */
static jmp_buf caught;
static bool is_catching;

JV_NORETURN void jv_panic(const char *file, int line, const char *what)
{
    if (is_catching) {
        longjmp(caught, 1);
    }
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}

enum { B = 1 << JV_ST_BIRTH, A = 1 << JV_ST_ATTACHED, V = 1 << JV_ST_VOLATILE };
enum { D = 1 << JV_ST_DEGRADED, R = 1 << JV_ST_RECOVERING };
#define SAME JV_ST_END /* the state stays what it is: only the binding goes */

struct expected {
    const char *row;
    int from; /* states */
    enum jv_event event;
    enum jv_state to;
    enum jv_why reasons[8]; /* up to the first NONE */
};

static const struct expected expected[] = {
    {"TR-01", B, JV_EV_HANDSHAKE_PROVEN, JV_ST_ATTACHED, {JV_WHY_HANDSHAKE_OK}},
    {"TR-02", B, JV_EV_HANDSHAKE_FAILED, JV_ST_TERMINATED, {JV_WHY_HANDSHAKE_FAIL}},
    {"TR-03",
     A,
     JV_EV_INSTABILITY_SEEN,
     JV_ST_VOLATILE,
     {JV_WHY_VOLATILITY_SIGNAL, JV_WHY_LOSS_THRESHOLD_EXCEEDED, JV_WHY_CONSECUTIVE_DROP_EXCEEDED,
      JV_WHY_HEARTBEAT_TIMEOUT, JV_WHY_LATENCY_THRESHOLD_EXCEEDED, JV_WHY_JITTER_THRESHOLD_EXCEEDED,
      JV_WHY_QUALITY_FLOOR_VIOLATION}},
    {"TR-04", A, JV_EV_PATH_LOST, JV_ST_VOLATILE, {JV_WHY_TRANSPORT_DEAD}},
    {"TR-05", V, JV_EV_HEALTH_PROVEN, JV_ST_RECOVERING, {JV_WHY_HEALTH_RECOVERED}},
    {"TR-06",
     V,
     JV_EV_SWITCH_STARTED,
     JV_ST_RECOVERING,
     {JV_WHY_RECOVERY_START, JV_WHY_LOSS_RECOVERY, JV_WHY_DEAD_TRANSPORT_RECOVERY,
      JV_WHY_POLICY_FORCED_RECOVERY}},
    {"TR-07", V, JV_EV_INSTABILITY_PERSISTED, JV_ST_DEGRADED, {JV_WHY_VOLATILE_PERSISTED}},
    {"TR-08",
     V,
     JV_EV_SWITCH_REFUSED,
     JV_ST_DEGRADED,
     {JV_WHY_SWITCH_RATE_LIMITED, JV_WHY_POLICY_DENIED}},
    {"TR-09", V, JV_EV_CANDIDATES_EXHAUSTED, JV_ST_DEGRADED, {JV_WHY_NO_CANDIDATE_TRANSPORTS}},
    {"TR-10", R, JV_EV_REATTACH_PROVEN, JV_ST_ATTACHED, {JV_WHY_REATTACH_SUCCESS}},
    {"TR-11", R, JV_EV_REATTACH_REFUSED, JV_ST_DEGRADED, {JV_WHY_REATTACH_VALIDATION_FAILED}},
    {"TR-12", R, JV_EV_CANDIDATES_EXHAUSTED, JV_ST_DEGRADED, {JV_WHY_NO_CANDIDATE_TRANSPORTS}},
    {"TR-13",
     R,
     JV_EV_SWITCH_REFUSED,
     JV_ST_DEGRADED,
     {JV_WHY_POLICY_DENIED, JV_WHY_SWITCH_RATE_LIMITED}},
    {"TR-14", R, JV_EV_RECOVERY_EXPIRED, JV_ST_DEGRADED, {JV_WHY_RECOVERY_BOUNDS_EXCEEDED}},
    {"TR-16",
     D,
     JV_EV_SWITCH_STARTED,
     JV_ST_RECOVERING,
     {JV_WHY_RECOVERY_RETRY, JV_WHY_POLICY_FORCED_RECOVERY}},
    {"TR-17", D, JV_EV_HEALTH_PROVEN, JV_ST_RECOVERING, {JV_WHY_HEALTH_RECOVERED}},
    {"TR-18", V | R | D, JV_EV_PATH_LOST, SAME, {JV_WHY_TRANSPORT_DEAD}},
    {"TR-19", D, JV_EV_LIMIT_EXCEEDED, JV_ST_TERMINATED, {JV_WHY_POLICY_TERMINATION}},
    {"TR-20",
     V | R | D,
     JV_EV_TRANSPORT_TTL_EXPIRED,
     JV_ST_TERMINATED,
     {JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED}},
    {"TR-21",
     B | A | V | D | R,
     JV_EV_SESSION_TTL_EXPIRED,
     JV_ST_TERMINATED,
     {JV_WHY_TTL_SESSION_EXPIRED}},
    {"TR-22",
     B | A | V | D | R,
     JV_EV_OPERATOR_ENDED,
     JV_ST_TERMINATED,
     {JV_WHY_OPERATOR_TERMINATED}},
    {"TR-23",
     B | A | V | D | R,
     JV_EV_PEER_ENDED,
     JV_ST_TERMINATED,
     {JV_WHY_PEER_TERMINATED, JV_WHY_SUPERSEDED}},
    {"TR-24",
     B | A | V | D | R,
     JV_EV_FATAL_FOUND,
     JV_ST_TERMINATED,
     {JV_WHY_SECURITY_FAILURE, JV_WHY_INVARIANT_VIOLATION, JV_WHY_FATAL_PROTOCOL_ERROR}},
    {"TR-25",
     B | A | V | D | R,
     JV_EV_OWNERSHIP_LOST,
     JV_ST_TERMINATED,
     {JV_WHY_OWNERSHIP_CONFLICT}},
    {"TR-26", B | A | V | D | R, JV_EV_KEYS_EXPIRED, JV_ST_TERMINATED, {JV_WHY_KEY_EXPIRED}},
    {"TR-27",
     B | A | V | D | R,
     JV_EV_VERSION_EXHAUSTED,
     JV_ST_TERMINATED,
     {JV_WHY_VERSION_OVERFLOW}},
    {"TR-28",
     A,
     JV_EV_MOVE_SEEN,
     JV_ST_VOLATILE,
     {JV_WHY_NAT_REBIND_DETECTED, JV_WHY_CLIENT_REPORTED_VOLATILITY}},
    {"TR-29",
     A,
     JV_EV_MOVE_ORDERED,
     JV_ST_VOLATILE,
     {JV_WHY_POLICY_TRIGGER, JV_WHY_PREFERRED_PATH_AVAILABLE}},
    {"TR-31", B | A | V | D | R, JV_EV_SUPERSEDED_BY_BIRTH, JV_ST_TERMINATED, {JV_WHY_SUPERSEDED}},
};

/* Each number is another one, so that a clock set from the wrong limit differs. */
enum { LIFETIME_MS = 900000007, TTL_MS = 30011, DEGRADE_MS = 4001, DEGRADED_MAX_MS = 70001 };
enum { WINDOW_MS = 8009, STABLE_MS = 2003, HEARTBEAT_MS = 503 };
#define NOW ((struct jv_instant){5000 * JV_NS_PER_S})
#define EARLIER ((struct jv_instant){4998 * JV_NS_PER_S}) /* the state began */
#define LONG_AGO ((struct jv_instant){4000 * JV_NS_PER_S})
#define IN_STATE_MS 2000U

enum binding { UNBOUND, BOUND_STAYS, BOUND_MOVES, BINDINGS };
/* Time spent in DEGRADED before: none, some, all but a part of what this stay adds, more than there is. */
static const uint64_t spent_ms[] = {0, 1500, DEGRADED_MAX_MS - 1000, DEGRADED_MAX_MS + 5};

struct setting {
    enum jv_role role;
    enum jv_state from;
    enum binding binding;
    bool is_ttl_armed, is_quiet;
    uint64_t spent_ms;
};

static struct solo fix[2]; /* by enum jv_role */
static struct jv_session *session[2];
static struct jv_session blank[2];
static struct jv_path other;
static bool is_used[JV_ARRAY_LEN(expected)][JV_ST_END];

static const struct expected *find(enum jv_state from, enum jv_event event)
{
    const struct expected *found = NULL;
    for (size_t i = 0; i < JV_ARRAY_LEN(expected); i++) {
        if (expected[i].event == event && (expected[i].from & 1 << from) != 0) {
            EXH_CASE(found == NULL, "two rows for state %d, event %d", from, event);
            found = &expected[i];
        }
    }
    return found;
}

static bool may_carry(const struct expected *e, uint32_t why)
{
    for (size_t i = 0; i < JV_ARRAY_LEN(e->reasons) && e->reasons[i] != JV_WHY_NONE; i++) {
        if ((uint32_t)e->reasons[i] == why) {
            return true;
        }
    }
    return false;
}

static void prepare(const struct setting *set)
{
    struct jv_core *core = fix[set->role].core;
    struct jv_session *s = session[set->role];
    struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    *s = blank[set->role];
    s->state = set->from;
    s->v = 40;
    s->local = 60;
    s->created = LONG_AGO;
    s->state_since = EARLIER;
    s->volatile_at = LONG_AGO;
    s->bind_next = &s->own;
    s->bound = set->binding == UNBOUND ? NULL : set->binding == BOUND_STAYS ? &s->own : &other;
    s->unbound_at = set->binding == UNBOUND ? EARLIER : JV_NEVER;
    s->ttl_at = set->is_ttl_armed ? (struct jv_instant){5010 * JV_NS_PER_S} : JV_NEVER;
    s->lifetime_at = set->from == JV_ST_BIRTH ? JV_NEVER : jv_add_ms(LONG_AGO, LIFETIME_MS);
    s->degrade_at = s->degraded_max_at = s->recovery_until = s->probation_until =
        (struct jv_instant){5020 * JV_NS_PER_S};
    s->degraded_ms = set->spent_ms;
    s->quiet.on = s->quiet.is_offered = set->is_quiet;
    epoch->n = 7;
    memset(&epoch->root, 0x5a, sizeof epoch->root);
    core->now = NOW;
    core->dirty_len = 0;
    core->ends_pending = 0;
    if (set->role == JV_ROLE_CLIENT) {
        for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
            core->client->paths[i].used = i % 2 == 0;
            core->client->paths[i].probe_due = JV_NEVER;
        }
        core->client->failed_recoveries = 2;
    }
    fix[set->role].out.records_len = 0;
}

/* What is left of a session, in the words of the specification. */
static bool is_as_specified(const struct setting *set, const struct jv_session *s,
                            const struct expected *e)
{
    enum jv_state to = e->to == SAME ? set->from : e->to;
    bool moved = to != set->from;
    bool was_bound = set->binding != UNBOUND;
    bool is_lost = e->event == JV_EV_PATH_LOST || to == JV_ST_TERMINATED;
    bool is_bound = to == JV_ST_ATTACHED || (was_bound && !is_lost);
    struct jv_instant old_ttl = {5010 * JV_NS_PER_S};
    struct jv_instant kept = {5020 * JV_NS_PER_S};
    struct jv_instant unbound_at = is_bound ? JV_NEVER : was_bound ? NOW : EARLIER;
    uint64_t spent = set->spent_ms + (set->from == JV_ST_DEGRADED && was_bound ? IN_STATE_MS : 0);
    spent = to == JV_ST_ATTACHED ? 0 : spent;

    struct jv_instant ttl = set->is_ttl_armed ? old_ttl : JV_NEVER;
    if (to == JV_ST_TERMINATED || e->event == JV_EV_REATTACH_PROVEN) {
        ttl = JV_NEVER;
    } else if (e->event == JV_EV_PATH_LOST && !set->is_ttl_armed) {
        ttl = jv_add_ms(unbound_at, TTL_MS);
    }
    struct jv_instant lifetime =
        to == JV_ST_TERMINATED ? JV_NEVER : jv_add_ms(LONG_AGO, LIFETIME_MS);
    /* A state's own clocks begin with it and end with it. */
    struct jv_instant stay = moved ? JV_NEVER : kept;
    bool doubts = moved && to == JV_ST_VOLATILE && e->event != JV_EV_MOVE_SEEN;
    struct jv_instant degrade = doubts ? jv_add_ms(NOW, DEGRADE_MS) : stay;
    struct jv_instant recovery = moved && to == JV_ST_RECOVERING ? jv_add_ms(NOW, WINDOW_MS) : stay;
    struct jv_instant probation =
        e->event == JV_EV_REATTACH_PROVEN ? jv_add_ms(NOW, STABLE_MS) : stay;
    uint64_t left = set->spent_ms < DEGRADED_MAX_MS ? DEGRADED_MAX_MS - set->spent_ms : 0;
    struct jv_instant degraded_max = moved && to == JV_ST_DEGRADED ? jv_add_ms(NOW, left) : stay;
    bool is_clean =
        set->role == JV_ROLE_GATEWAY ? s->v == 41 && s->local == 60 : s->v == 40 && s->local == 61;
    return is_clean && s->state == to &&
           s->bound == (is_bound
                            ? to == JV_ST_ATTACHED || set->binding == BOUND_STAYS ? &s->own : &other
                            : NULL) &&
           s->unbound_at.ns == unbound_at.ns && s->ttl_at.ns == ttl.ns &&
           s->lifetime_at.ns == lifetime.ns && s->degrade_at.ns == degrade.ns &&
           s->recovery_until.ns == recovery.ns && s->probation_until.ns == probation.ns &&
           s->degraded_max_at.ns == degraded_max.ns && s->degraded_ms == spent &&
           s->state_since.ns == (moved ? NOW.ns : EARLIER.ns) &&
           s->volatile_at.ns ==
               (set->from == JV_ST_ATTACHED && to == JV_ST_VOLATILE ? NOW.ns : LONG_AGO.ns) &&
           !s->quiet.on && !s->quiet.is_offered && s->rows == 1 && s->dirty;
}

static bool are_keys_right(const struct jv_session *s, bool is_over)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    const struct jv_key key = solo_key(is_over ? 0 : 0x5a);
    return epoch->n == (is_over ? 0U : 7U) && memcmp(&epoch->root, &key, sizeof key) == 0;
}

/* Trouble looks at every path at once; where the session only moves on, nobody asks. */
static bool are_probes_right(const struct setting *set, enum jv_state to, const struct expected *e)
{
    bool wanted =
        e->event == JV_EV_PATH_LOST || (to == JV_ST_VOLATILE && e->event != JV_EV_MOVE_SEEN);
    bool good = true;
    for (uint32_t i = 0; set->role == JV_ROLE_CLIENT && i < JV_PATH_MAX; i++) {
        uint64_t due = fix[set->role].core->client->paths[i].probe_due.ns;
        good = good && due == (wanted && i % 2 == 0 ? NOW.ns : UINT64_MAX);
    }
    return good;
}

/* One record, with all that a reader of the audit alone must know. */
static bool is_record_right(const struct setting *set, const struct jv_session *s,
                            const struct expected *e, const struct jv_step *step, uint64_t seq)
{
    const struct solo *f = &fix[set->role];
    const struct jv_record *rec = &f->records[0];
    enum jv_state to = e->to == SAME ? set->from : e->to;
    bool is_client = set->role == JV_ROLE_CLIENT;
    bool has_failed = is_client && set->from == JV_ST_RECOVERING && to == JV_ST_DEGRADED;
    bool is_limited = e->event == JV_EV_PATH_LOST;
    bool is_trying = to == JV_ST_RECOVERING && to != set->from;
    return f->out.records_len == 1 && rec->seq == seq && f->core->seq == seq + 1 &&
           rec->event == JV_REC_SessionStateChange && rec->reason == (uint16_t)step->why &&
           rec->from == (uint8_t)set->from && rec->to == (uint8_t)to && rec->v == s->v &&
           rec->local == s->local && rec->is_client == is_client &&
           rec->rule == (uint8_t)step->rule && rec->at.ns == NOW.ns && s->cause == seq &&
           rec->cause == 33 && strcmp(jv_row_name(rec->row), e->row) == 0 &&
           jv_record_get(rec, JV_FD_age_ms, 0) == 17 &&
           (jv_record_get(rec, JV_FD_retry_after_ms, 0) != 0) == has_failed &&
           jv_record_get(rec, JV_FD_transport_ttl_ms, 0) == (is_limited ? TTL_MS : 0U) &&
           jv_record_get(rec, JV_FD_recovery_window_ms, 0) == (is_trying ? WINDOW_MS : 0U) &&
           (!is_client || f->core->client->failed_recoveries == (has_failed ? 3U : 2U)) &&
           rec->fields_len ==
               1U + (has_failed ? 1U : 0U) + (is_limited ? 1U : 0U) + (is_trying ? 1U : 0U);
}

/* The counters of states and transitions moved by this one and by nothing else. */
static bool are_counters_right(const struct setting *set, enum jv_state to,
                               const struct jv_counters *before)
{
    struct jv_counters want = *before;
    want.sessions[set->from]--;
    want.sessions[to]++;
    want.transitions[set->from][to]++;
    return memcmp(&want, &fix[set->role].core->count, sizeof want) == 0 &&
           fix[set->role].core->ends_pending == (to == JV_ST_TERMINATED ? 1U : 0U);
}

enum outcome { REFUSED, APPLIED, PANICKED };

static enum outcome apply(struct jv_core *core, struct jv_session *s, const struct jv_step *step,
                          struct jv_out *out)
{
    volatile enum outcome outcome = PANICKED;
    is_catching = true;
    if (setjmp(caught) == 0) {
        outcome = jv_session_apply(core, s, step, out) ? APPLIED : REFUSED;
    }
    is_catching = false;
    return outcome;
}

static void try_cell(const struct setting *set, enum jv_event event, uint32_t why)
{
    static struct jv_session before;
    struct solo *f = &fix[set->role];
    struct jv_session *s = session[set->role];
    const struct jv_record_field field = {JV_FD_age_ms, 17};
    const struct jv_step step = {event, (enum jv_why)why, JV_RULE_WINDOW, &field, 1};
    const struct expected *e = find(set->from, event);
    prepare(set);
    s->cause = 33;
    before = *s;
    struct jv_counters count = f->core->count;
    uint64_t seq = f->core->seq;
    enum outcome want = e == NULL ? REFUSED : may_carry(e, why) ? APPLIED : PANICKED;
    enum outcome outcome = apply(f->core, s, &step, &f->out);
    bool good = outcome == want;
    if (good && want == APPLIED) {
        enum jv_state to = e->to == SAME ? set->from : e->to;
        good = is_as_specified(set, s, e) && are_keys_right(s, to == JV_ST_TERMINATED) &&
               are_probes_right(set, to, e) && is_record_right(set, s, e, &step, seq) &&
               are_counters_right(set, to, &count);
        is_used[e - expected][set->from] = true;
    } else {
        count.rows_refused += want == REFUSED ? 1 : 0;
        good = good && memcmp(&before, s, sizeof before) == 0 && f->core->seq == seq &&
               f->out.records_len == 0 && memcmp(&count, &f->core->count, sizeof count) == 0 &&
               f->core->dirty_len == 0 && are_keys_right(s, false);
    }
    EXH_CASE(good,
             "role %d, state %d, event %d, reason %u, binding %d, ttl %d, spent %llu ms: outcome "
             "%d, wanted %d",
             set->role, set->from, event, why, set->binding, set->is_ttl_armed,
             (unsigned long long)set->spent_ms, outcome, want);
    s->dirty = false;
}

static void try_all(struct setting *set)
{
    for (int event = 0; event < JV_EV_END; event++) {
        for (uint32_t why = 0; why <= JV_WHY_END; why++) {
            try_cell(set, (enum jv_event)event, why);
        }
    }
}

static void try_settings(enum jv_role role, enum jv_state from)
{
    struct setting set = {.role = role, .from = from};
    for (uint32_t bits = 0; bits < 4; bits++) {
        set.is_ttl_armed = (bits & 1) != 0;
        set.is_quiet = (bits & 2) != 0;
        for (int binding = 0; binding < BINDINGS; binding++) {
            set.binding = (enum binding)binding;
            for (size_t i = 0; i < JV_ARRAY_LEN(spent_ms); i++) {
                set.spent_ms = spent_ms[i];
                try_all(&set);
            }
        }
    }
}

static void start(enum jv_role role)
{
    solo_cfg(&fix[role], role);
    struct jv_policy *p = &fix[role].cfg.policy;
    p->max_lifetime_ms = LIFETIME_MS;
    p->transport_lost_ttl_ms = TTL_MS;
    p->volatile_to_degraded_ms = DEGRADE_MS;
    p->degraded_max_ms = DEGRADED_MAX_MS;
    p->recovery_window_ms = WINDOW_MS;
    p->stability_window_ms = STABLE_MS;
    p->heartbeat_interval_ms = HEARTBEAT_MS;
    solo_start(&fix[role]);
    session[role] = jv_session_open(fix[role].core, p);
    JV_ASSERT(session[role] != NULL);
    blank[role] = *session[role];
}

static void every_cell(void)
{
    for (int role = 0; role < 2; role++) {
        for (int from = 0; from < JV_ST_END; from++) {
            try_settings((enum jv_role)role, (enum jv_state)from);
        }
    }
    exh_law(
        "each state, event, reason and flag gives what the specification says, or changes nothing");
    for (size_t i = 0; i < JV_ARRAY_LEN(expected); i++) {
        for (int from = 0; from < JV_ST_END; from++) {
            EXH_CASE(is_used[i][from] == ((expected[i].from & 1 << from) != 0), "%s from state %d",
                     expected[i].row, from);
        }
    }
    exh_law("each row of the specification was carried out from each of its states");
}

/* The rows of one dispatch are bounded: the one above the bound ends the process, and changes nothing before. */
static void too_many_rows(void)
{
    for (int role = 0; role < 2; role++) {
        struct setting set = {
            .role = (enum jv_role)role, .from = JV_ST_ATTACHED, .binding = BOUND_STAYS};
        const struct jv_step step = {JV_EV_INSTABILITY_SEEN, JV_WHY_HEARTBEAT_TIMEOUT, JV_RULE_NONE,
                                     NULL, 0};
        for (uint32_t rows = 0; rows <= JV_ROWS_MAX + 1; rows++) {
            prepare(&set);
            session[role]->rows = rows;
            enum outcome outcome = apply(fix[role].core, session[role], &step, &fix[role].out);
            EXH_CASE(outcome == (rows < JV_ROWS_MAX ? APPLIED : PANICKED), "rows %u", rows);
            session[role]->dirty = false;
        }
    }
    exh_law("a dispatch has at most JV_ROWS_MAX rows");
}

/* ---- what can be reached ---- */

/* A session as its state, whether a transport is bound, and which clocks run. */
enum { TTL = 1, DEGRADE = 2, DEGRADED_MAX = 4, WINDOW = 8, PROBATION = 16, LIFE = 32, BOUND = 64 };
#define SHAPES 128U

static uint32_t shape_of(const struct jv_session *s)
{
    return (jv_is_never(s->ttl_at) ? 0U : (uint32_t)TTL) |
           (jv_is_never(s->degrade_at) ? 0U : (uint32_t)DEGRADE) |
           (jv_is_never(s->degraded_max_at) ? 0U : (uint32_t)DEGRADED_MAX) |
           (jv_is_never(s->recovery_until) ? 0U : (uint32_t)WINDOW) |
           (jv_is_never(s->probation_until) ? 0U : (uint32_t)PROBATION) |
           (jv_is_never(s->lifetime_at) ? 0U : (uint32_t)LIFE) |
           (s->bound == NULL ? 0U : (uint32_t)BOUND);
}

/*
 * A VOLATILE without its clock comes from TR-28 alone; there the gateway goes on to RECOVERING within the dispatch, so that no
 * session stays in it.
 */
static bool is_lawful(enum jv_state state, uint32_t shape)
{
    uint32_t transport = shape & (BOUND | TTL);
    uint32_t clocks = shape & ~(uint32_t)(BOUND | TTL);
    bool has_one = transport == BOUND || transport == TTL;
    switch (state) {
    case JV_ST_BIRTH:
    case JV_ST_TERMINATED:
        return shape == 0;
    case JV_ST_ATTACHED:
        return transport == BOUND && (clocks == LIFE || clocks == (LIFE | PROBATION));
    case JV_ST_VOLATILE:
        return has_one && (clocks == LIFE || clocks == (LIFE | DEGRADE));
    case JV_ST_DEGRADED:
        return has_one && clocks == (LIFE | DEGRADED_MAX);
    case JV_ST_RECOVERING:
        return has_one && clocks == (LIFE | WINDOW);
    case JV_ST_END:
        break;
    }
    return false;
}

static struct jv_session seen[2][JV_ST_END][SHAPES];
static bool is_seen[2][JV_ST_END][SHAPES];

static bool widen(int role, const struct jv_session *from)
{
    struct solo *f = &fix[role];
    struct jv_session *s = session[role];
    bool found = false;
    for (int event = 0; event < JV_EV_END; event++) {
        const struct expected *e = find(from->state, (enum jv_event)event);
        *s = *from;
        s->rows = 0;
        s->dirty = false;
        s->bind_next = &s->own;
        f->core->dirty_len = f->core->ends_pending = 0;
        f->out.records_len = 0;
        const struct jv_step step = {(enum jv_event)event, e == NULL ? JV_WHY_NONE : e->reasons[0],
                                     JV_RULE_NONE, NULL, 0};
        if (apply(f->core, s, &step, &f->out) == APPLIED && !is_seen[role][s->state][shape_of(s)]) {
            is_seen[role][s->state][shape_of(s)] = found = true;
            seen[role][s->state][shape_of(s)] = *s;
        }
    }
    return found;
}

static void reach(int role)
{
    uint32_t n[JV_ST_END] = {0};
    seen[role][JV_ST_BIRTH][0] = blank[role];
    is_seen[role][JV_ST_BIRTH][0] = true;
    bool grows = true;
    while (grows) {
        grows = false;
        for (uint32_t i = 0; i < JV_ST_END * SHAPES; i++) {
            bool is_new = is_seen[role][i / SHAPES][i % SHAPES];
            grows = (is_new && widen(role, &seen[role][i / SHAPES][i % SHAPES])) || grows;
        }
    }
    for (uint32_t i = 0; i < JV_ST_END * SHAPES; i++) {
        enum jv_state state = (enum jv_state)(i / SHAPES);
        bool is_there = is_seen[role][state][i % SHAPES];
        n[state] += is_there ? 1 : 0;
        EXH_CASE(is_there == is_lawful(state, i % SHAPES), "role %d, state %s, shape %02x: %s",
                 role, jv_state_name(state), i % SHAPES, is_there ? "reached" : "never reached");
    }
    (void)printf("# role %d: of %u shapes a state, BIRTH has %u, ATTACHED %u, VOLATILE %u, "
                 "DEGRADED %u, RECOVERING %u, TERMINATED %u; "
                 "the others cannot be reached\n",
                 role, SHAPES, n[JV_ST_BIRTH], n[JV_ST_ATTACHED], n[JV_ST_VOLATILE],
                 n[JV_ST_DEGRADED], n[JV_ST_RECOVERING], n[JV_ST_TERMINATED]);
}

int main(void)
{
    start(JV_ROLE_CLIENT);
    start(JV_ROLE_GATEWAY);
    every_cell();
    too_many_rows();
    reach(0);
    reach(1);
    exh_law("from a birth exactly the lawful shapes are reached: ATTACHED is bound, without a "
            "transport its clock runs, "
            "TERMINATED holds nothing");
    solo_stop(&fix[0]);
    solo_stop(&fix[1]);
    return exh_end();
}
