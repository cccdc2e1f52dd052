/* SPDX-License-Identifier: Apache-2.0 */
#include "laws.h"

#include <inttypes.h>
#include <string.h>

/* A minute less the grace: the end that is told of a jump hears of each over another path, with another delay. */
#define JUMP_WINDOW_MS (60000U - JV_VERIFY_GRACE_MS)

struct row {
    const char *reasons, *actions; /* as spelt in the table: "A | B" */
    uint8_t from, to;
};
#define JV_ST_ANY JV_ST_END
static const struct row rows[] = {
    {"", "", 0, 0},
#define T(row, from, event, to, reasons, actions) {#reasons, #actions, JV_ST_##from, JV_ST_##to},
#include "transition.def"
#undef T
};

/* Whether `word` is one of "A | B | C". */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; len > 0 && (at = strstr(at, word)) != NULL; at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' ')) {
            return true;
        }
    }
    return false;
}

static const char *state_of(const struct jv_verify_session *s)
{
    return jv_state_name((enum jv_state)s->state);
}

/* ---- sessions ---- */

/* session_ids are random, so any 64 bits of one are a hash; a forged file makes itself slow at worst. */
static uint64_t hash_of(const struct jv_sid *sid)
{
    uint64_t h;
    memcpy(&h, sid->b, sizeof h);
    return h;
}

static struct jv_verify_session *find(struct jv_verify *v, const struct jv_sid *sid)
{
    for (uint64_t cursor = 0, at = 0; jv_map_find(&v->map, hash_of(sid), &cursor, &at);) {
        if (memcmp(&v->sessions[at].sid, sid, sizeof *sid) == 0) {
            return &v->sessions[at];
        }
    }
    return NULL;
}

/* A free place, or that of the session that ended first; JV_VERIFY_NOBODY where every session is alive. */
static uint32_t place(struct jv_verify *v)
{
    if (v->sessions_len < v->cfg.sessions_max) {
        return v->sessions_len++;
    }
    v->report.forgotten++;
    v->is_partial = true;
    uint32_t at = v->ended_first;
    if (at != JV_VERIFY_NOBODY) {
        v->ended_first = v->sessions[at].next_ended;
        v->ended_last = v->ended_first == JV_VERIFY_NOBODY ? JV_VERIFY_NOBODY : v->ended_last;
        (void)jv_map_remove(&v->map, hash_of(&v->sessions[at].sid), at); /* it is in */
    }
    return at;
}

static struct jv_verify_session *add(struct jv_verify *v, const struct jv_sid *sid)
{
    uint32_t at = place(v);
    if (at == JV_VERIFY_NOBODY) {
        return NULL;
    }
    struct jv_verify_session *s = &v->sessions[at];
    *s = (struct jv_verify_session){.sid = *sid, .era = v->era, .next_ended = JV_VERIFY_NOBODY};
    v->report.sessions++;
    /* There are as many entries as places, and the place was free. */
    enum jv_err err = jv_map_add(&v->map, hash_of(sid), at);
    JV_ASSERT(err == JV_E_OK);
    return s;
}

static void set_ended(struct jv_verify *v, struct jv_verify_session *s)
{
    uint32_t at = (uint32_t)(s - v->sessions);
    s->has_ended = true;
    if (v->ended_last == JV_VERIFY_NOBODY) {
        v->ended_first = at;
    } else {
        v->sessions[v->ended_last].next_ended = at;
    }
    v->ended_last = at;
}

/* After a gap or a restart only what is final stays known. */
static void catch_up(const struct jv_verify *v, struct jv_verify_session *s)
{
    if (s->era != v->era && s->state != JV_ST_TERMINATED) {
        s->known = 0;
        s->path[0] = '\0'; /* what was lost may have been a switch */
        s->has_moved = false;
        s->recovering_at = s->bare_at = 0;
        s->jumps_len = 0;
    }
    s->era = v->era;
}

/* ---- laws of one session ---- */

static uint64_t ms_since(const struct jv_verify *v, uint64_t judged_ns)
{
    return (v->judged_ns - judged_ns) / JV_NS_PER_MS;
}

static void take_limit(const struct jv_verify *v, struct jv_verify_limit *limit,
                       const struct jv_record *rec, enum jv_record_key key)
{
    uint64_t ms = jv_record_get(rec, key, limit->ms);
    if (limit->ms == 0 || ms < limit->ms) {
        limit->since = v->judged_ns;
    }
    limit->ms = ms;
}

static bool is_over(const struct jv_verify *v, uint64_t start, const struct jv_verify_limit *limit)
{
    return start != 0 && limit->ms != 0 && v->judged_ns - limit->since > JV_VERIFY_GRACE_NS &&
           v->judged_ns - start > limit->ms * JV_NS_PER_MS + JV_VERIFY_GRACE_NS;
}

bool jv_laws_bounds(struct jv_verify *v, const struct jv_verify_session *s)
{
    if (is_over(v, s->recovering_at, &s->window)) {
        return jv_verify_wrong(v, JV_LAW_BOUNDED_RECOVERY,
                               "RECOVERING for %" PRIu64 " ms, recovery_window_ms is %" PRIu64,
                               ms_since(v, s->recovering_at), s->window.ms);
    }
    if (is_over(v, s->bare_at, &s->ttl)) {
        return jv_verify_wrong(v, JV_LAW_BOUNDED_RECOVERY,
                               "without transport for %" PRIu64 " ms, transport_ttl_ms is %" PRIu64,
                               ms_since(v, s->bare_at), s->ttl.ms);
    }
    return true;
}

static void unbind(const struct jv_verify *v, struct jv_verify_session *s)
{
    if ((s->known & KNOWS_BINDING) == 0 || s->is_bound) {
        s->bare_at = v->judged_ns;
    }
    s->is_bound = false;
    s->known |= KNOWS_BINDING;
}

static void bind(struct jv_verify_session *s, const struct jv_record *rec)
{
    s->is_bound = true;
    s->bare_at = 0;
    s->known |= KNOWS_BINDING;
    if (rec->path[0] != '\0') {
        memcpy(s->path, rec->path, sizeof s->path);
    }
}

/*
 * The bound is the widest one under which a switch of this minute was made: a policy that is tightened under a running session takes
 * back no switch, and a session that then had none left for a minute would end beside a good path.
 */
static bool check_switch_rate(struct jv_verify *v, struct jv_verify_session *s,
                              const struct jv_record *rec)
{
    uint64_t limit = jv_record_get(rec, JV_FD_switches_limit, UINT64_MAX);
    uint64_t own = jv_record_get(rec, JV_FD_switches_in_window, 0);
    uint32_t now_ms = (uint32_t)((v->wall_ns - v->first_ns) / JV_NS_PER_MS);
    if (s->jumps_steps != (uint32_t)v->report.clock_steps) {
        s->jumps_steps = (uint32_t)v->report.clock_steps;
        s->jumps_len = 0;
    }
    s->jumps[s->jumps_at] = now_ms;
    s->caps[s->jumps_at] = (uint32_t)JV_MIN(limit, (uint64_t)UINT32_MAX);
    s->jumps_at = (s->jumps_at + 1) % JV_VERIFY_JUMPS;
    s->jumps_len = JV_MIN(s->jumps_len + 1, JV_VERIFY_JUMPS);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < s->jumps_len; i++) {
        uint32_t at = (s->jumps_at + JV_VERIFY_JUMPS - 1 - i) % JV_VERIFY_JUMPS;
        bool is_recent = now_ms - s->jumps[at] < JUMP_WINDOW_MS;
        seen += is_recent ? 1 : 0;
        limit = is_recent ? JV_MAX(limit, (uint64_t)s->caps[at]) : limit;
    }
    if (JV_MAX(seen, own) > limit) {
        return jv_verify_wrong(v, JV_LAW_COUNTED,
                               "%" PRIu64 " switches in a minute, switches_limit is %" PRIu64,
                               JV_MAX(seen, own), limit);
    }
    return true;
}

/* TransportSwitch and TransportRebound: within RECOVERING, right before the row home. */
static bool check_move(struct jv_verify *v, struct jv_verify_session *s,
                       const struct jv_record *rec)
{
    const char *what = jv_event_name((enum jv_event_type)rec->event);
    if (((s->known & KNOWS_STATE) != 0 && s->state != JV_ST_RECOVERING) || s->has_moved) {
        return jv_verify_wrong(v, JV_LAW_ONE_TRANSPORT, "%s in %s%s", what, state_of(s),
                               s->has_moved ? " behind another one" : "");
    }
    if (rec->event == JV_REC_TransportSwitch) {
        v->report.switches++;
        if ((s->known & KNOWS_BINDING) != 0 && s->path[0] != '\0' && rec->text[0] != '\0' &&
            strcmp(s->path, rec->text) != 0) {
            return jv_verify_wrong(v, JV_LAW_ONE_TRANSPORT,
                                   "the switch leaves %s, the session was on %s", rec->text,
                                   s->path);
        }
        if (!check_switch_rate(v, s, rec)) {
            return false;
        }
    }
    s->has_moved = true;
    bind(s, rec);
    return true;
}

static bool check_row(struct jv_verify *v, const struct jv_verify_session *s,
                      const struct jv_record *rec, const struct row *row)
{
    const char *name = jv_row_name(rec->row);
    const char *from = jv_state_name((enum jv_state)rec->from);
    if (rec->event != JV_REC_SessionStateChange) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "%s names a row",
                               jv_event_name((enum jv_event_type)rec->event));
    }
    if ((s->known & KNOWS_STATE) != 0 && s->state != rec->from) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "from is %s, the session was in %s", from,
                               state_of(s));
    }
    bool is_from = row->from == JV_ST_ANY ? rec->from != JV_ST_TERMINATED : row->from == rec->from;
    if (!is_from || row->to != rec->to) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "%s does not lead from %s to %s", name, from,
                               jv_state_name((enum jv_state)rec->to));
    }
    if (rec->reason == JV_WHY_NONE ||
        !has_word(row->reasons, jv_why_name((enum jv_why)rec->reason))) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "%s may not carry the reason %s", name,
                               jv_why_name((enum jv_why)rec->reason));
    }
    uint64_t count = rec->is_client ? rec->local : rec->v;
    if ((s->known & KNOWS_COUNT) != 0 && count != s->count + 1) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "%s is %" PRIu64 " after %" PRIu64 ": a row adds 1",
                               rec->is_client ? "local" : "v", count, s->count);
    }
    if (s->has_moved && rec->to != JV_ST_ATTACHED) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "a committed switch is followed by %s", name);
    }
    if (rec->to == JV_ST_ATTACHED && (s->known & KNOWS_BINDING) != 0 && !s->is_bound) {
        return jv_verify_wrong(v, JV_LAW_ONE_TRANSPORT, "ATTACHED without a transport");
    }
    return true;
}

static bool apply_row(struct jv_verify *v, struct jv_verify_session *s, const struct jv_record *rec)
{
    const struct row *row = &rows[rec->row];
    if (!check_row(v, s, rec, row)) {
        return false;
    }
    v->report.transitions++;
    if (rec->to == JV_ST_RECOVERING && rec->from != JV_ST_RECOVERING) {
        s->recovering_at = v->judged_ns;
    } else if (rec->to != JV_ST_RECOVERING) {
        s->recovering_at = 0;
    }
    s->state = rec->to;
    s->count = rec->is_client ? rec->local : rec->v;
    s->known |= KNOWS_STATE | KNOWS_COUNT;
    s->has_moved = false;
    if (has_word(row->actions, "UNBIND")) {
        unbind(v, s);
    } else if (rec->to == JV_ST_ATTACHED) {
        bind(s, rec);
    }
    if (rec->to == JV_ST_TERMINATED) {
        s->bare_at = 0;
        s->end_reason = rec->reason;
    }
    return true;
}

static bool check_created(struct jv_verify *v, const struct jv_record *rec)
{
    static const struct jv_sid none;
    if (find(v, &rec->sid) != NULL) {
        return jv_verify_wrong(v, JV_LAW_IDENTITY, "a session with this id was created before");
    }
    if (memcmp(&rec->link, &none, sizeof none) != 0 &&
        (memcmp(&rec->link, &rec->sid, sizeof none) == 0 ||
         (!v->is_partial && find(v, &rec->link) == NULL))) {
        return jv_verify_wrong(v, JV_LAW_IDENTITY,
                               "the session is linked with one that was never there");
    }
    struct jv_verify_session *s = add(v, &rec->sid);
    if (s != NULL) {
        s->state = JV_ST_BIRTH;
        s->count = rec->is_client ? rec->local : rec->v;
        s->known = KNOWS_STATE | KNOWS_COUNT | KNOWS_BINDING;
    }
    return true;
}

/* What the operating system says of a link is recorded with the session it would serve, be it before its birth or after its end. */
static bool is_link_fact(const struct jv_record *rec)
{
    return rec->event == JV_REC_PathAdded || rec->event == JV_REC_PathGone;
}

/* Records of a session that is over. Refusals and sums may still name it. */
static bool check_over(struct jv_verify *v, struct jv_verify_session *s,
                       const struct jv_record *rec)
{
    if (rec->event == JV_REC_AuditEvent || rec->event == JV_REC_KeyExpired || is_link_fact(rec) ||
        jv_event_lane((enum jv_event_type)rec->event) != JV_LANE_T) {
        return true;
    }
    if (rec->event != JV_REC_SessionTerminated || s->has_ended) {
        return jv_verify_wrong(
            v, s->end_reason == JV_WHY_OWNERSHIP_CONFLICT ? JV_LAW_OWNER : JV_LAW_BOUNDED_RECOVERY,
            "%s after the end of the session", jv_event_name((enum jv_event_type)rec->event));
    }
    if (rec->reason != JV_WHY_NONE && rec->reason != s->end_reason) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "the session ended with %s, its row says %s",
                               jv_why_name((enum jv_why)rec->reason),
                               jv_why_name((enum jv_why)s->end_reason));
    }
    set_ended(v, s);
    return true;
}

static bool check_alive(struct jv_verify *v, struct jv_verify_session *s,
                        const struct jv_record *rec)
{
    uint64_t count = rec->is_client ? rec->local : rec->v;
    /* Until this record the limits were those of the records before it. */
    if (!jv_laws_bounds(v, s)) {
        return false;
    }
    take_limit(v, &s->window, rec, JV_FD_recovery_window_ms);
    take_limit(v, &s->ttl, rec, JV_FD_transport_ttl_ms);
    if (rec->row != JV_ROW_NONE) {
        return apply_row(v, s, rec);
    }
    if (rec->event == JV_REC_SessionStateChange) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "a transition without a row");
    }
    if (count != 0 && (s->known & KNOWS_COUNT) != 0 && count != s->count) {
        return jv_verify_wrong(v, JV_LAW_TABLE,
                               "%s went from %" PRIu64 " to %" PRIu64 " without a row",
                               rec->is_client ? "local" : "v", s->count, count);
    }
    if (rec->event == JV_REC_TransportAttached) {
        if ((s->known & KNOWS_BINDING) != 0 && s->is_bound) {
            return jv_verify_wrong(v, JV_LAW_ONE_TRANSPORT, "%s is attached while %s is active",
                                   rec->path, s->path);
        }
        bind(s, rec);
    } else if (rec->event == JV_REC_TransportSwitch || rec->event == JV_REC_TransportRebound) {
        return check_move(v, s, rec);
    } else if (rec->event == JV_REC_TransportDead) {
        /* A standby path may die as well; that changes no binding. Which one is bound is not known behind a gap. */
        bool is_any =
            rec->path[0] == '\0' || (s->path[0] == '\0' && (s->known & KNOWS_BINDING) != 0);
        if (is_any || strcmp(rec->path, s->path) == 0) {
            unbind(v, s);
        }
    } else if (rec->event == JV_REC_SessionTerminated) {
        return (s->known & KNOWS_STATE) == 0 ||
               jv_verify_wrong(v, JV_LAW_TABLE, "the end of a session in %s, without a row",
                               state_of(s));
    }
    return true;
}

/*
 * A birth that failed has rows and no SessionCreated, and may not even have an id yet: it is judged by itself. What is probed
 * while the handshake runs is none of the session's history either.
 */
static bool check_unborn(struct jv_verify *v, const struct jv_record *rec, bool has_id)
{
    if (rec->row != JV_ROW_NONE && rec->from == JV_ST_BIRTH && rec->to == JV_ST_TERMINATED) {
        struct jv_verify_session unborn = {
            .sid = rec->sid, .state = JV_ST_BIRTH, .known = KNOWS_STATE};
        struct jv_verify_session *s = has_id ? add(v, &rec->sid) : &unborn;
        if (s == NULL) {
            return true;
        }
        s->state = unborn.state;
        s->known = unborn.known;
        return apply_row(v, s, rec);
    }
    if (!has_id && rec->row != JV_ROW_NONE) {
        return jv_verify_wrong(v, JV_LAW_TABLE, "a transition of no session");
    }
    return !has_id || is_link_fact(rec) || rec->event == JV_REC_PathProven ||
           rec->event == JV_REC_AddressObserved ||
           jv_verify_wrong(v, JV_LAW_IDENTITY, "%s of a session that was never created",
                           jv_event_name((enum jv_event_type)rec->event));
}

bool jv_laws_session(struct jv_verify *v, const struct jv_record *rec)
{
    static const struct jv_sid none;
    bool is_lane_t = jv_event_lane((enum jv_event_type)rec->event) == JV_LANE_T;
    if (memcmp(&rec->sid, &none, sizeof none) == 0) {
        return check_unborn(v, rec, false);
    }
    if (rec->event == JV_REC_SessionCreated) {
        return check_created(v, rec);
    }
    struct jv_verify_session *s = find(v, &rec->sid);
    if (s == NULL) {
        if (!is_lane_t || rec->event == JV_REC_AuditEvent) {
            return true;
        }
        if (!v->is_partial) {
            return check_unborn(v, rec, true);
        }
        s = add(v, &rec->sid);
    }
    if (s == NULL) {
        return true; /* the table is full of living sessions: counted, not judged */
    }
    catch_up(v, s);
    return s->state == JV_ST_TERMINATED ? check_over(v, s, rec) : check_alive(v, s, rec);
}
