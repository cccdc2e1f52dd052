/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "script.h"

static bool word_is(const struct script_line *line, uint32_t at, const char *word)
{
    return at < line->len && strcmp(line->words[at], word) == 0;
}

bool script_types(struct script *s, const struct script_line *line, uint32_t at, uint32_t *out)
{
    uint8_t type = at < line->len ? script_type(line->words[at]) : 0;
    *out = type != 0 ? 1U << type : word_is(line, at, "all") ? UINT32_MAX : 0;
    return *out != 0 || script_wrong(s, "%s: '%s' is no type of datagram", line->words[0],
                                     at < line->len ? line->words[at] : "");
}

/* ---- what passes ---- */

/* The copy takes another road, and is there that much sooner or later than the original. */
static void race(struct script *s, const struct pair_event *e)
{
    const struct script_shadow *shadow = &s->shadow[e->to_gateway ? 0 : 1];
    struct pair_event *copy = &s->copy;
    uint64_t due_ns =
        shadow->is_ahead ? e->due_ns - JV_MIN(shadow->by_ns, e->due_ns) : e->due_ns + shadow->by_ns;
    *copy = *e;
    copy->remote = shadow->from;
    copy->link = e->to_gateway ? 1 : s->pair.links[e->link].handle;
    s->raced += pair_event_add(&s->pair, copy, JV_MAX(due_ns, s->pair.now_ns)) ? 1 : 0;
}

bool script_pass(struct script *s, const struct pair_event *e)
{
    uint32_t dir = e->to_gateway ? 0 : 1;
    uint32_t type = 1U << (e->bytes[0] & 0x1f);
    if ((s->shadow[dir].types & type) != 0) {
        race(s, e);
    }
    if ((s->lose.types[dir] & type) != 0 && s->lose.nth > 0 && --s->lose.nth == 0) {
        s->lose.lost++;
        return false;
    }
    if (!script_tapes(s, e)) {
        return false;
    }
    if (e->to_gateway && (s->divert & type) != 0) {
        pair_enqueue(&s->pair, true, e->link, &s->stranger, s->pair.links[e->link].delay_us,
                     e->bytes, e->len);
        return false;
    }
    return (s->swallow[dir] & type) == 0;
}

void script_stray(struct pair *p, const struct pair_event *e)
{
    struct script *s = p->filter_arg;
    if (s->relay.on) {
        s->copy = *e;
        s->copy.link = p->links[s->relay.link].handle;
        s->copy.local = p->endpoints[0];
        s->relay.passed +=
            pair_event_add(p, &s->copy, p->now_ns + s->relay.by_us * JV_NS_PER_US) ? 1 : 0;
    }
}

/* ---- verbs ---- */

/* shadow TYPE|all up|down from ADDRESS ahead|behind TIME; shadow off */
static bool shadow(struct script *s, const struct script_line *line)
{
    uint32_t types = 0;
    uint64_t by_us = 0;
    if (word_is(line, 1, "off")) {
        memset(s->shadow, 0, sizeof s->shadow);
        return true;
    }
    struct script_shadow *to = &s->shadow[word_is(line, 2, "down") ? 1 : 0];
    if (!script_types(s, line, 1, &types) || !script_time(s, line, 6, &by_us)) {
        return false;
    }
    if (!word_is(line, 3, "from") || jv_endpoint_parse(line->words[4], 0, &to->from) != JV_E_OK) {
        return script_wrong(s, "shadow: TYPE|all up|down from ADDRESS ahead|behind TIME");
    }
    to->types |= types;
    to->is_ahead = word_is(line, 5, "ahead");
    to->by_ns = by_us * JV_NS_PER_US;
    return true;
}

/* relay LINK by TIME: what the gateway sends to an address of nobody goes on to the client, as if from the gateway; relay off */
static bool relay(struct script *s, const struct script_line *line)
{
    s->relay.on = !word_is(line, 1, "off");
    return !s->relay.on ||
           (script_link(s, line, 1, &s->relay.link) && script_time(s, line, 3, &s->relay.by_us));
}

/* lose TYPE|all up|down|both nth N: of those that pass from here on, this one is lost. */
static bool lose(struct script *s, const struct script_line *line)
{
    uint32_t types = 0;
    uint64_t nth = 0;
    if (!script_types(s, line, 1, &types) || !script_number(s, line, 4, &nth)) {
        return false;
    }
    s->lose.types[0] = word_is(line, 2, "down") ? 0 : types;
    s->lose.types[1] = word_is(line, 2, "up") ? 0 : types;
    s->lose.nth = (uint32_t)nth;
    return true;
}

/* icmp SIDE LINK every TIME for MS [mtu BYTES]: somebody says that the other end, or a size, is not reached. */
static bool icmp(struct script *s, const struct script_line *line)
{
    bool client = false;
    uint32_t link = 0;
    uint64_t every_us = 0;
    uint64_t ms = 0;
    uint64_t mtu = 0;
    if (!script_side(s, line, 1, &client) || !script_link(s, line, 2, &link) ||
        !script_time(s, line, 4, &every_us) || !script_number(s, line, 6, &ms) || every_us == 0) {
        return script_wrong(s, "icmp: SIDE LINK every TIME for MS [mtu BYTES]");
    }
    if (word_is(line, 7, "mtu") && !script_number(s, line, 8, &mtu)) {
        return false;
    }
    const struct pair_event *seen =
        client ? &s->pair.seen_down[JV_TYPE_TRAFFIC] : &s->pair.seen[JV_TYPE_TRAFFIC];
    const struct jv_command doubt = {.kind = JV_CMD_LINK_DOUBTED,
                                     .link = client ? s->pair.links[link].handle : 1,
                                     .remote = seen->remote,
                                     .is_too_big = mtu != 0,
                                     .mtu = (uint32_t)mtu};
    for (uint64_t us = 0; us < ms * 1000; us += every_us) {
        (void)pair_command(&s->pair, client, &doubt); /* a claim, which the core may refuse */
        s->claimed++;
        pair_run_us(&s->pair, every_us);
    }
    return true;
}

bool script_race(struct script *s, const struct script_line *line, bool *known_out)
{
    static const struct {
        const char *verb;
        bool (*run)(struct script *, const struct script_line *);
    } verbs[] = {{"shadow", shadow}, {"relay", relay}, {"lose", lose}, {"icmp", icmp}};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(verbs); i++) {
        if (word_is(line, 0, verbs[i].verb)) {
            *known_out = true;
            return verbs[i].run(s, line);
        }
    }
    *known_out = false;
    return true;
}
