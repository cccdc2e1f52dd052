/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "script.h"

static bool word_is(const struct script_line *line, uint32_t at, const char *word)
{
    return at < line->len && strcmp(line->words[at], word) == 0;
}

/* What a copy has done so far is in its file; what it does from here on is in the transcript, too. */
void script_replayed(struct pair *p, enum pair_side side, const struct jv_record *rec)
{
    static const char *const names[] = {"gateway", "client", "clone"};
    struct script *s = p->on_record_arg;
    struct jv_verify *v = s->verify[side];
    if (side == PAIR_CLONE && p->clone.core != NULL) {
        script_record(s, 'K', rec);
    }
    if (!jv_verify_record(v, rec, side == PAIR_GATEWAY ? "G" : side == PAIR_CLIENT ? "C" : "K")) {
        const struct jv_verify_report *r = jv_verify_result(v);
        (void)script_wrong(s, "record %" PRIu64 " of the %s breaks %s: %s", r->first_wrong,
                           names[side], jv_verify_law_text(r->law), r->text);
    }
}

/* snapshot SIDE: of the memory of its process. */
static bool snapshot(struct script *s, const struct script_line *line)
{
    bool client = false;
    if (!script_side(s, line, 1, &client)) {
        return false;
    }
    if (!s->pair.has_journal) {
        return script_wrong(
            s, "snapshot: 'journal' must stand before 'attach', and no 'restore' here");
    }
    s->snapshots[client] = pair_snapshot(&s->pair, client);
    return true;
}

static bool has_snapshot(struct script *s, bool client)
{
    return s->snapshots[client].len > 0 || script_wrong(s, "there is no snapshot of that side");
}

/* restore SIDE: its memory is that of the snapshot. */
static bool restore(struct script *s, const struct script_line *line)
{
    bool client = false;
    if (!script_side(s, line, 1, &client) || !has_snapshot(s, client)) {
        return false;
    }
    script_new_file(s, client ? PAIR_CLIENT : PAIR_GATEWAY);
    pair_restore(&s->pair, &s->snapshots[client]);
    return true;
}

/* clone: another client from the snapshot of the first one. */
static bool clone(struct script *s, const struct script_line *line)
{
    (void)line;
    if (!has_snapshot(s, true) || s->pair.clone.core != NULL) {
        return script_wrong(s, "clone: there is one");
    }
    script_new_file(s, PAIR_CLONE);
    pair_clone_start(&s->pair, &s->snapshots[true]);
    return true;
}

bool script_snapshot(struct script *s, const struct script_line *line, bool *known_out)
{
    static const struct {
        const char *verb;
        bool (*run)(struct script *, const struct script_line *);
    } verbs[] = {{"snapshot", snapshot}, {"restore", restore}, {"clone", clone}};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(verbs); i++) {
        if (word_is(line, 0, verbs[i].verb)) {
            *known_out = true;
            return verbs[i].run(s, line);
        }
    }
    *known_out = false;
    return true;
}
