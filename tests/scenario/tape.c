/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

#define TAPE_MAX 65536U /* datagrams on one tape */

static bool word_is(const struct script_line *line, uint32_t at, const char *word)
{
    return at < line->len && strcmp(line->words[at], word) == 0;
}

struct script_tape *script_tape(struct script *s, const char *name)
{
    for (uint32_t i = s->tapes_len; i > 0; i--) {
        if (strcmp(s->tapes[i - 1].name, name) == 0) {
            return &s->tapes[i - 1];
        }
    }
    return NULL;
}

static void put(struct script *s, struct script_tape *tape, const struct pair_event *e)
{
    if (tape->len == tape->cap) {
        uint32_t cap = tape->cap == 0 ? 64 : tape->cap * 2;
        struct script_taped *grown = realloc(tape->taped, cap * sizeof *grown);
        if (grown == NULL) {
            abort();
        }
        tape->taped = grown;
        tape->cap = cap;
    }
    uint8_t *bytes = tape->len < TAPE_MAX ? malloc(e->len) : NULL;
    if (bytes == NULL) {
        (void)script_wrong(s, "the tape '%s' is full", tape->name);
        return;
    }
    memcpy(bytes, e->bytes, e->len);
    tape->taped[tape->len++] =
        (struct script_taped){e->to_gateway, e->link, e->remote, e->local, e->len, bytes};
}

bool script_tapes(struct script *s, const struct pair_event *e)
{
    bool passes = true;
    uint32_t type = 1U << (e->bytes[0] & 0x1f);
    for (uint32_t i = 0; i < s->tapes_len; i++) {
        struct script_tape *tape = &s->tapes[i];
        if (tape->left > 0 && (tape->types[e->to_gateway ? 0 : 1] & type) != 0) {
            put(s, tape, e);
            tape->left--;
            passes = passes && !tape->is_held;
        }
    }
    return passes;
}

/* tape TYPE|all up|down|both as NAME: all of them from here on. hold TYPE|all up|down|both [first N] as NAME: they do not arrive. */
static bool begin(struct script *s, const struct script_line *line)
{
    struct script_tape tape = {.left = TAPE_MAX, .is_held = word_is(line, 0, "hold")};
    uint64_t first = 0;
    uint32_t types = 0;
    if (!script_types(s, line, 1, &types)) {
        return false;
    }
    if (s->tapes_len == SCRIPT_TAPES || line->len < 5 || !word_is(line, line->len - 2, "as")) {
        return script_wrong(s, "%s: TYPE|all up|down|both [first N] as NAME", line->words[0]);
    }
    tape.types[0] = word_is(line, 2, "down") ? 0 : types;
    tape.types[1] = word_is(line, 2, "up") ? 0 : types;
    if (word_is(line, 3, "first")) {
        if (!script_number(s, line, 4, &first)) {
            return false;
        }
        tape.left = (uint32_t)JV_MIN(first, (uint64_t)TAPE_MAX);
    }
    (void)strncpy(tape.name, line->words[line->len - 1], sizeof tape.name - 1);
    s->tapes[s->tapes_len++] = tape;
    return true;
}

/* An address that is drawn anew each time: 198.18.0.0/15 is for such tests. */
static struct jv_endpoint spoofed(struct script *s)
{
    uint64_t draw = jv_prng_next(&s->prng);
    return (struct jv_endpoint){
        .ip = {{198, (uint8_t)(18 + (draw & 1)), (uint8_t)(draw >> 8), (uint8_t)(draw >> 16)},
               JV_AF_4,
               {0}},
        .port = (uint16_t)(1024 + (draw >> 32) % 60000)};
}

bool script_play(struct script *s, const struct script_line *line, struct script_tape *tape)
{
    struct script_how how;
    if (!script_how(s, line, 2, &how)) {
        return false;
    }
    bool is_spoofed = line->len > 2 && word_is(line, 2, "spoofed");
    for (uint64_t round = 0; round < how.times; round++) {
        for (uint32_t i = 0; i < tape->len; i++) {
            const struct script_taped *t = &tape->taped[i];
            const struct jv_endpoint from = is_spoofed     ? spoofed(s)
                                            : how.has_from ? how.from
                                                           : t->remote;
            uint32_t link = t->to_gateway ? 1 : s->pair.links[t->link].handle;
            pair_inject(&s->pair, t->to_gateway, link, &from, t->bytes, t->len);
            s->played++;
            pair_run_us(&s->pair, how.every_us);
        }
    }
    return true;
}

/* release NAME [from ADDRESS] [every TIME]: nothing more is taken, and what was goes on. stop NAME: nothing more is taken. */
static bool release(struct script *s, const struct script_line *line)
{
    struct script_tape *tape = line->len > 1 ? script_tape(s, line->words[1]) : NULL;
    if (tape == NULL) {
        return script_wrong(s, "%s: there is no such tape", line->words[0]);
    }
    tape->left = 0;
    return word_is(line, 0, "stop") || script_play(s, line, tape);
}

bool script_tape_verb(struct script *s, const struct script_line *line, bool *known_out)
{
    *known_out = true;
    if (word_is(line, 0, "tape") || word_is(line, 0, "hold")) {
        return begin(s, line);
    }
    if (word_is(line, 0, "release") || word_is(line, 0, "stop")) {
        return release(s, line);
    }
    *known_out = false;
    return true;
}

void script_tapes_free(struct script *s)
{
    for (uint32_t i = 0; i < s->tapes_len; i++) {
        for (uint32_t k = 0; k < s->tapes[i].len; k++) {
            free(s->tapes[i].taped[k].bytes);
        }
        free(s->tapes[i].taped);
    }
}
