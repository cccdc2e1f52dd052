/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "msg.h"
#include "script.h"

#define GARBAGE_BYTES 1400U
#define FORGED_BYTES_MAX 1024U

uint8_t script_type(const char *word)
{
    static const char *const names[] = {"",          "birth_init", "birth_reply", "cookie",
                                        "traffic",   "probe",      "probe_reply", "request",
                                        "challenge", "ack",        "reject",      "hint"};
    for (uint8_t i = 1; i < JV_ARRAY_LEN(names); i++) {
        if (strcmp(word, names[i]) == 0) {
            return i;
        }
    }
    return 0;
}

static const char *word_at(const struct script_line *line, uint32_t at)
{
    return at < line->len ? line->words[at] : "";
}

static bool type_of(struct script *s, const struct script_line *line, uint32_t at, uint8_t *out)
{
    *out = script_type(word_at(line, at));
    return *out != 0 || script_wrong(s, "'%s' is no type of datagram", word_at(line, at));
}

static const struct pair_event *newest(const struct script *s, uint8_t type)
{
    const struct pair_event *up = &s->pair.seen[type];
    return up->len > 0 ? up : &s->pair.seen_down[type];
}

/* capture TYPE [up|down] [as NAME]: the newest one that left that side */
static bool capture(struct script *s, const struct script_line *line)
{
    uint8_t type = 0;
    if (!type_of(s, line, 1, &type) || s->slots_len == SCRIPT_SLOTS) {
        return script_wrong(s, "capture: no room");
    }
    bool is_down = strcmp(word_at(line, 2), "down") == 0;
    const struct pair_event *e = is_down ? &s->pair.seen_down[type] : newest(s, type);
    if (e->len == 0) {
        return script_wrong(s, "capture: there was none");
    }
    const char *name = strcmp(word_at(line, line->len - 2), "as") == 0
                           ? word_at(line, line->len - 1)
                           : word_at(line, 1);
    struct script_slot *slot = &s->slots[s->slots_len++];
    (void)snprintf(slot->name, sizeof slot->name, "%s", name);
    slot->event = *e;
    return true;
}

static const struct pair_event *captured(struct script *s, const struct script_line *line)
{
    for (uint32_t i = s->slots_len; i > 0; i--) {
        if (strcmp(s->slots[i - 1].name, word_at(line, 1)) == 0) {
            return &s->slots[i - 1].event;
        }
    }
    (void)script_wrong(s, "%s: nothing was captured as '%s'", line->words[0], word_at(line, 1));
    return NULL;
}

bool script_how(struct script *s, const struct script_line *line, uint32_t at,
                struct script_how *out)
{
    *out = (struct script_how){.times = 1};
    for (uint32_t i = at; i + 1 < line->len; i++) {
        if (strcmp(line->words[i], "times") == 0 && !script_number(s, line, i + 1, &out->times)) {
            return false;
        }
        if (strcmp(line->words[i], "every") == 0 && !script_time(s, line, i + 1, &out->every_us)) {
            return false;
        }
        if (strcmp(line->words[i], "from") == 0) {
            if (jv_endpoint_parse(line->words[i + 1], 0, &out->from) != JV_E_OK) {
                return script_wrong(s, "'%s' is no address", line->words[i + 1]);
            }
            out->has_from = true;
        }
    }
    return true;
}

/* "from ADDRESS" and "times N" anywhere behind the name. */
static bool read_how(struct script *s, const struct script_line *line, struct jv_endpoint *from,
                     uint64_t *times)
{
    struct script_how how;
    if (!script_how(s, line, 1, &how)) {
        return false;
    }
    *from = how.has_from ? how.from : *from;
    *times = how.times;
    return true;
}

static void inject(struct script *s, const struct pair_event *e, const uint8_t *bytes, uint32_t len)
{
    uint32_t arrives_at = e->to_gateway ? 1 : s->pair.links[e->link].handle;
    pair_inject(&s->pair, e->to_gateway, arrives_at, &e->remote, bytes, len);
}

/* replay NAME (or a whole tape), mangle NAME (one bit is another), truncate NAME (every length) [from ADDRESS] [times N] */
static bool replay(struct script *s, const struct script_line *line)
{
    struct script_tape *tape = script_tape(s, word_at(line, 1));
    if (tape != NULL && strcmp(line->words[0], "replay") == 0) {
        return script_play(s, line, tape);
    }
    const struct pair_event *found = captured(s, line);
    uint64_t times = 1;
    if (found == NULL) {
        return false;
    }
    struct pair_event e = *found;
    if (!read_how(s, line, &e.remote, &times)) {
        return false;
    }
    if (strcmp(line->words[0], "truncate") == 0) {
        for (uint32_t len = 0; len < e.len; len++) {
            inject(s, &e, e.bytes, len);
        }
        return true;
    }
    for (uint64_t i = 0; i < times; i++) {
        uint8_t bytes[JV_BUF_BYTES];
        memcpy(bytes, e.bytes, e.len);
        if (strcmp(line->words[0], "mangle") == 0) {
            bytes[JV_HEADER_BYTES + jv_prng_below(&s->prng, e.len - JV_HEADER_BYTES)] ^=
                (uint8_t)(1U << jv_prng_below(&s->prng, 8));
        }
        inject(s, &e, bytes, e.len);
    }
    return true;
}

static void make_up(struct script *s, uint8_t *out, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(&s->prng);
    }
}

/* As long as an honest one, so that it is not refused for its length alone. */
static uint32_t honest_bytes(uint8_t type)
{
    switch ((enum jv_type)type) {
    case JV_TYPE_BIRTH_INIT:
        return JV_BIRTH_INIT_BYTES;
    case JV_TYPE_BIRTH_REPLY:
        return JV_BIRTH_REPLY_BYTES;
    case JV_TYPE_COOKIE:
        return JV_COOKIE_MSG_BYTES;
    case JV_TYPE_TRAFFIC:
        return 320;
    case JV_TYPE_PROBE:
    case JV_TYPE_PROBE_REPLY:
        return JV_CONTROL_OVERHEAD + JV_PROBE_BODY;
    case JV_TYPE_REQUEST:
        return JV_CONTROL_OVERHEAD + JV_REQUEST_BODY;
    case JV_TYPE_CHALLENGE:
        return JV_CONTROL_OVERHEAD + JV_CHALLENGE_BODY;
    case JV_TYPE_ACK:
        return JV_CONTROL_OVERHEAD + JV_ACK_BODY;
    case JV_TYPE_REJECT:
        return JV_CONTROL_OVERHEAD + JV_REJECT_BODY;
    case JV_TYPE_HINT:
        return JV_HINT_BYTES;
    }
    return JV_HEADER_BYTES;
}

static struct pair_event aim_at(const struct script *s, bool to_gateway)
{
    const uint8_t down = JV_TYPE_TRAFFIC;
    struct pair_event e = {.to_gateway = to_gateway, .link = s->pair.seen_down[down].link};
    e.remote = s->pair.seen_down[down].remote;
    if (to_gateway) {
        e.remote = (struct jv_endpoint){.ip = {{198, 51, 100, 9}, JV_AF_4, {0}}, .port = 1};
    }
    return e;
}

/*
 * forge TYPE SIDE [unknown] [counter N] [from ADDRESS] [times N]: a header that is right, with the session's locator and epoch
 * (unknown: with a locator of nobody), and nonsense behind it
 */
static bool forge(struct script *s, const struct script_line *line)
{
    uint8_t type = 0;
    bool client = false;
    uint64_t times = 1;
    uint64_t counter = 0;
    if (!type_of(s, line, 1, &type) || !script_side(s, line, 2, &client)) {
        return false;
    }
    struct pair_event e = aim_at(s, !client);
    if (!read_how(s, line, &e.remote, &times)) {
        return false;
    }
    for (uint32_t i = 3; i + 1 < line->len; i++) {
        if (strcmp(line->words[i], "counter") == 0 && !script_number(s, line, i + 1, &counter)) {
            return false;
        }
    }
    const struct pair_event *like =
        client ? &s->pair.seen_down[JV_TYPE_TRAFFIC] : &s->pair.seen[JV_TYPE_TRAFFIC];
    for (uint64_t i = 0; i < times; i++) {
        uint8_t bytes[FORGED_BYTES_MAX];
        struct jv_header header;
        make_up(s, bytes, sizeof bytes);
        if (!jv_header_decode(like->bytes, &header)) {
            return script_wrong(s, "forge: there was no traffic to forge after");
        }
        header.type = type;
        header.counter = counter + i;
        if (strcmp(word_at(line, 3), "unknown") == 0) {
            header.locator = jv_prng_next(&s->prng) | 1;
        }
        jv_header_encode(&header, bytes);
        inject(s, &e, bytes, honest_bytes(type));
    }
    return true;
}

/* garbage N SIDE [from ADDRESS] */
static bool garbage(struct script *s, const struct script_line *line)
{
    uint64_t n = 0;
    uint64_t times = 1;
    bool client = false;
    if (!script_number(s, line, 1, &n) || !script_side(s, line, 2, &client)) {
        return false;
    }
    struct pair_event e = aim_at(s, !client);
    if (!read_how(s, line, &e.remote, &times)) {
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint8_t bytes[GARBAGE_BYTES];
        uint32_t len = (uint32_t)jv_prng_below(&s->prng, sizeof bytes);
        make_up(s, bytes, len);
        inject(s, &e, bytes, len);
    }
    return true;
}

/* swallow TYPE up|down on|off */
static bool swallow(struct script *s, const struct script_line *line)
{
    uint8_t type = 0;
    if (!type_of(s, line, 1, &type)) {
        return false;
    }
    uint32_t *set = &s->swallow[strcmp(word_at(line, 2), "down") == 0 ? 1 : 0];
    *set = strcmp(word_at(line, 3), "on") == 0 ? *set | 1U << type : *set & ~(1U << type);
    return true;
}

/* divert TYPE from ADDRESS, divert TYPE off: on its way to the gateway the source becomes another */
static bool divert(struct script *s, const struct script_line *line)
{
    uint8_t type = 0;
    uint64_t times = 1;
    if (!type_of(s, line, 1, &type)) {
        return false;
    }
    if (strcmp(word_at(line, 2), "off") == 0) {
        s->divert &= ~(1U << type);
        return true;
    }
    s->divert |= 1U << type;
    return read_how(s, line, &s->stranger, &times);
}

bool script_attack(struct script *s, const struct script_line *line, bool *known_out)
{
    static const struct {
        const char *verb;
        bool (*run)(struct script *, const struct script_line *);
    } verbs[] = {{"capture", capture}, {"replay", replay}, {"mangle", replay},
                 {"truncate", replay}, {"forge", forge},   {"garbage", garbage},
                 {"swallow", swallow}, {"divert", divert}};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(verbs); i++) {
        if (strcmp(line->words[0], verbs[i].verb) == 0) {
            *known_out = true;
            return verbs[i].run(s, line);
        }
    }
    *known_out = false;
    return false;
}
