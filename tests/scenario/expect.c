/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "script.h"

/* `have OP want` at the end of the line. */
static bool compare(struct script *s, const struct script_line *line, uint32_t at, uint64_t have)
{
    uint64_t want = 0;
    const char *op = at < line->len ? line->words[at] : "";
    if (!script_number(s, line, at + 1, &want)) {
        return false;
    }
    bool ok = strcmp(op, "==") == 0   ? have == want
              : strcmp(op, "!=") == 0 ? have != want
              : strcmp(op, "<") == 0  ? have < want
              : strcmp(op, "<=") == 0 ? have <= want
              : strcmp(op, ">") == 0  ? have > want
              : strcmp(op, ">=") == 0 ? have >= want
                                      : script_wrong(s, "'%s' compares nothing", op);
    return ok || script_wrong(s, "%s is %" PRIu64, line->words[1], have);
}

static const char *state_text(const struct script *s, bool client)
{
    enum jv_state state = pair_state(&s->pair, client);
    return state == JV_ST_END ? "NONE" : jv_state_name(state);
}

static bool expect_state(struct script *s, const struct script_line *line)
{
    bool client = false;
    bool is_clone = line->len > 2 && strcmp(line->words[2], "clone") == 0;
    if (!is_clone && !script_side(s, line, 2, &client)) {
        return false;
    }
    enum jv_state state = pair_clone_state(&s->pair);
    const char *have = !is_clone            ? state_text(s, client)
                       : state == JV_ST_END ? "NONE"
                                            : jv_state_name(state);
    return (line->len > 3 && strcmp(have, line->words[3]) == 0) ||
           script_wrong(s, "the %s is %s", line->words[2], have);
}

static bool expect_same_session(struct script *s, const struct script_line *line)
{
    (void)line;
    for (int client = 0; client < 2; client++) {
        struct jv_session_status status;
        if (!pair_status(&s->pair, client != 0, &status) ||
            memcmp(&status.sid, &s->sid, sizeof s->sid) != 0) {
            return script_wrong(s, "the %s has another session", client ? "client" : "gateway");
        }
    }
    return true;
}

static bool event_of(struct script *s, const char *word, enum jv_event_type *out)
{
    for (uint32_t i = 1; i < JV_REC_END; i++) {
        if (strcmp(jv_event_name((enum jv_event_type)i), word) == 0) {
            *out = (enum jv_event_type)i;
            return true;
        }
    }
    return script_wrong(s, "there is no event '%s'", word);
}

static bool why_of(struct script *s, const char *word, enum jv_why *out)
{
    for (uint32_t i = 1; i < JV_WHY_END; i++) {
        if (strcmp(jv_why_name((enum jv_why)i), word) == 0) {
            *out = (enum jv_why)i;
            return true;
        }
    }
    return script_wrong(s, "there is no reason '%s'", word);
}

/* expect count SIDE EVENT [REASON] OP N */
static bool expect_count(struct script *s, const struct script_line *line)
{
    bool client = false;
    enum jv_event_type event = JV_REC_NONE;
    enum jv_why why = JV_WHY_NONE;
    if (!script_side(s, line, 2, &client) || line->len < 6 ||
        !event_of(s, line->words[3], &event)) {
        return script_wrong(s, "count: SIDE EVENT [REASON] OP N");
    }
    if (line->len == 6) {
        return compare(s, line, 4, s->counts[client][event]);
    }
    return why_of(s, line->words[4], &why) && compare(s, line, 5, s->reasons[client][event][why]);
}

/* expect drop SIDE NAME OP N */
static bool expect_drop(struct script *s, const struct script_line *line)
{
    bool client = false;
    struct jv_counters counters;
    if (!script_side(s, line, 2, &client)) {
        return false;
    }
    jv_core_counters(client ? s->pair.client : s->pair.gateway, &counters);
    for (uint32_t i = 0; line->len > 3 && i < JV_DROPS; i++) {
        if (strcasecmp(jv_drop_name((enum jv_drop)i), line->words[3]) == 0) {
            return compare(s, line, 4, counters.drops[i]);
        }
    }
    return script_wrong(s, "there is no such drop");
}

/* expect gap|lost|received|twice up|down OP N: whole milliseconds, packets */
static bool expect_flow(struct script *s, const struct script_line *line)
{
    bool is_up = line->len > 2 && strcmp(line->words[2], "up") == 0;
    const struct pair_flow *flow = is_up ? &s->pair.up : &s->pair.down;
    if (strcmp(line->words[1], "lost") == 0) {
        return compare(s, line, 3, flow->sent - JV_MIN(flow->received, flow->sent));
    }
    if (strcmp(line->words[1], "twice") == 0) {
        return compare(s, line, 3, flow->twice);
    }
    if (strcmp(line->words[1], "received") == 0) {
        return compare(s, line, 3, flow->received);
    }
    uint64_t open_ns = s->pair.now_ns - flow->last_received_ns;
    return compare(s, line, 3, JV_MAX(flow->longest_gap_ns, open_ns) / JV_NS_PER_MS);
}

/* expect named up|down: no packet of the flow is missing that its sender did not name or count. */
static bool expect_named(struct script *s, const struct script_line *line)
{
    bool is_up = line->len > 2 && strcmp(line->words[2], "up") == 0;
    const struct pair_flow *flow = is_up ? &s->pair.up : &s->pair.down;
    uint64_t lost = flow->sent - JV_MIN(flow->received, flow->sent);
    struct jv_counters counters;
    jv_core_counters(is_up ? s->pair.client : s->pair.gateway, &counters);
    uint64_t waited = counters.drops[JV_DROP_WAITING_FULL] + counters.drops[JV_DROP_WAITING_OLD] +
                      counters.drops[JV_DROP_NO_BUFFER];
    return lost <= s->named[is_up] + waited ||
           script_wrong(
               s, "%" PRIu64 " are lost, %" PRIu64 " named, %" PRIu64 " dropped while they waited",
               lost, s->named[is_up], waited);
}

/* expect bound linkN: the client sends there, and the gateway too. */
static bool expect_bound(struct script *s, const struct script_line *line)
{
    struct jv_session_status c;
    struct jv_session_status g;
    uint8_t c_host = 0;
    uint8_t g_host = 0;
    if (pair_status(&s->pair, true, &c)) {
        for (uint32_t i = 0; i < c.paths_len; i++) {
            c_host = c.paths[i].role == JV_PATH_ACTIVE ? c.paths[i].local.ip.b[3] : c_host;
        }
    }
    if (pair_status(&s->pair, false, &g) && g.paths_len > 0 && g.paths[0].role == JV_PATH_ACTIVE) {
        g_host = g.paths[0].remote.ip.b[3];
    }
    const char *word = line->len > 2 ? line->words[2] : "";
    uint8_t want = strncmp(word, "link", 4) == 0 ? (uint8_t)(word[4] - '0' + 1) : 0;
    return (c_host == want && g_host == want) ||
           script_wrong(s, "the client is on link%d, the gateway on link%d", c_host - 1,
                        g_host - 1);
}

/* Nothing that an attack may not move has moved since `note`. */
static bool expect_unchanged(struct script *s, const struct script_line *line)
{
    bool client = false;
    struct jv_session_status have;
    if (!script_side(s, line, 2, &client)) {
        return false;
    }
    const struct jv_session_status *was = &s->noted[client];
    if (!pair_status(&s->pair, client, &have)) {
        return script_wrong(s, "the session is gone");
    }
    bool is_path_same =
        have.paths_len == was->paths_len &&
        (have.paths_len == 0 || jv_endpoint_is_equal(&have.paths[0].remote, &was->paths[0].remote));
    return (have.state == was->state && have.v == was->v && have.local == was->local &&
            have.switches == was->switches && have.rebinds == was->rebinds && is_path_same &&
            memcmp(&have.sid, &was->sid, sizeof have.sid) == 0) ||
           script_wrong(s,
                        "%s: v %" PRIu64 " was %" PRIu64 ", rebindings %" PRIu64 " were %" PRIu64,
                        state_text(s, client), have.v, was->v, have.rebinds, was->rebinds);
}

/* expect clone received|delivered OP N: inner packets that it got, and of it that the gateway let through */
static bool expect_clone(struct script *s, const struct script_line *line)
{
    bool is_received = line->len > 2 && strcmp(line->words[2], "received") == 0;
    return compare(s, line, 3, is_received ? s->pair.clone.received : s->pair.clone.delivered);
}

static bool expect_sessions(struct script *s, const struct script_line *line)
{
    struct jv_session_status status;
    uint32_t cursor = 0;
    uint64_t n = 0;
    while (
        jv_core_session(s->pair.gateway, (struct jv_instant){s->pair.now_ns}, &cursor, &status)) {
        n++;
    }
    return compare(s, line, 2, n);
}

/* expect stray datagrams|traffic|largest OP N: what the gateway sent to an address of nobody */
static bool expect_stray(struct script *s, const struct script_line *line)
{
    const char *what = line->len > 2 ? line->words[2] : "";
    return compare(s, line, 3,
                   strcmp(what, "traffic") == 0   ? s->pair.stray.traffic
                   : strcmp(what, "largest") == 0 ? s->pair.stray.largest
                                                  : s->pair.stray.datagrams);
}

/* expect taped NAME OP N; expect raced|relayed|played|claimed|cut OP N: what shadow, relay, replay, icmp and lose did */
static bool expect_done(struct script *s, const struct script_line *line)
{
    if (strcmp(line->words[1], "taped") == 0) {
        const struct script_tape *tape = line->len > 2 ? script_tape(s, line->words[2]) : NULL;
        return tape != NULL ? compare(s, line, 3, tape->len)
                            : script_wrong(s, "there is no such tape");
    }
    return compare(s, line, 2,
                   strcmp(line->words[1], "raced") == 0     ? s->raced
                   : strcmp(line->words[1], "played") == 0  ? s->played
                   : strcmp(line->words[1], "cut") == 0     ? s->lose.lost
                   : strcmp(line->words[1], "relayed") == 0 ? s->relay.passed
                                                            : s->claimed);
}

static bool expect_ended(struct script *s, const struct script_line *line)
{
    const char *have = s->pair.ended > 0 ? jv_why_name(s->pair.last_ended.reason) : "no end";
    return (line->len > 2 && strcmp(have, line->words[2]) == 0) ||
           script_wrong(s, "the client's end is: %s", have);
}

bool script_expect(struct script *s, const struct script_line *line)
{
    static const struct {
        const char *what;
        bool (*run)(struct script *, const struct script_line *);
    } all[] = {{"state", expect_state},       {"same-session", expect_same_session},
               {"count", expect_count},       {"drop", expect_drop},
               {"gap", expect_flow},          {"lost", expect_flow},
               {"received", expect_flow},     {"twice", expect_flow},
               {"named", expect_named},       {"clone", expect_clone},
               {"bound", expect_bound},       {"unchanged", expect_unchanged},
               {"sessions", expect_sessions}, {"stray", expect_stray},
               {"ended", expect_ended},       {"taped", expect_done},
               {"raced", expect_done},        {"played", expect_done},
               {"cut", expect_done},          {"relayed", expect_done},
               {"claimed", expect_done}};
    for (uint32_t i = 0; line->len > 1 && i < JV_ARRAY_LEN(all); i++) {
        if (strcmp(line->words[1], all[i].what) == 0) {
            return all[i].run(s, line);
        }
    }
    return script_wrong(s, "nothing of that name can be expected");
}
