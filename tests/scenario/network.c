/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "script.h"

static bool word_is(const struct script_line *line, uint32_t at, const char *word)
{
    return at < line->len && strcmp(line->words[at], word) == 0;
}

bool script_link(struct script *s, const struct script_line *line, uint32_t at, uint32_t *out)
{
    const char *word = at < line->len ? line->words[at] : "";
    if (strncmp(word, "link", 4) != 0 || word[4] < '0' || word[4] > '9' || word[5] != '\0' ||
        (uint32_t)(word[4] - '0') >= s->cfg.links) {
        return script_wrong(s, "%s: '%s' is no link of this world", line->words[0], word);
    }
    *out = (uint32_t)(word[4] - '0');
    return true;
}

static bool set_hole(struct script *s, const struct script_line *line, uint32_t link)
{
    bool on = word_is(line, 2, "on");
    if (word_is(line, 2, "ports")) {
        pair_kill_ports(&s->pair, link);
        return true;
    }
    if (!on && !word_is(line, 2, "off")) {
        return script_wrong(s, "hole: on or off");
    }
    if (!word_is(line, 3, "down")) {
        s->pair.links[link].hole_up = on;
    }
    if (!word_is(line, 3, "up")) {
        s->pair.links[link].hole_down = on;
    }
    return true;
}

/* endpoint N on|off: an address of the gateway is reached, or it is not. */
static bool set_endpoint(struct script *s, const struct script_line *line)
{
    uint64_t n = 0;
    if (!script_number(s, line, 1, &n) || n >= s->pair.endpoints_len) {
        return script_wrong(s, "endpoint: endpoint N on|off");
    }
    s->pair.endpoint_hole[n] = !word_is(line, 2, "on");
    return true;
}

/* names N ...: the gateway's name leads to these of its addresses. */
static bool set_names(struct script *s, const struct script_line *line)
{
    uint32_t set = 0;
    for (uint32_t i = 1; i < line->len; i++) {
        uint64_t n = 0;
        if (!script_number(s, line, i, &n) || n >= s->pair.endpoints_len) {
            return script_wrong(s, "names: names N ...");
        }
        set |= 1U << n;
    }
    pair_tell_endpoints(&s->pair, set);
    return true;
}

/* delay LINK RTT_MS: half of it each way. */
static bool set_delay(struct script *s, const struct script_line *line, uint32_t link)
{
    uint64_t ms = 0;
    if (!script_number(s, line, 2, &ms)) {
        return false;
    }
    s->pair.links[link].delay_us = (uint32_t)ms * 500;
    return true;
}

/* VERB LINK VALUES [up|down]: a setting of tools/emutext.h, whose numbers may stand without unit: ms, per cent, kbit/s. */
static bool set_shape(struct script *s, const struct script_line *line, uint32_t link)
{
    static const struct emu_bare bare = {JV_NS_PER_MS, 10000, 1000};
    char error[EMU_ERROR_BYTES];
    struct emu_words words = {.at = {line->words[0]}, .len = 1};
    struct emu_setting setting;
    uint32_t len = line->len;
    bool is_up = word_is(line, len - 1, "up");
    bool is_down = word_is(line, len - 1, "down");
    len -= is_up || is_down ? 1 : 0;
    for (uint32_t i = 2; i < len; i++) {
        words.at[words.len++] = line->words[i];
    }
    uint32_t at = 0;
    if (!emu_setting_parse(&words, &at, &bare, &setting, error)) {
        return script_wrong(s, "%s", error);
    }
    if (at < words.len) {
        return script_wrong(s, "%s: '%s' is too much", line->words[0], words.at[at]);
    }
    for (uint32_t dir = 0; dir < EMU_DIRS; dir++) {
        if (dir == 0 ? !is_down : !is_up) {
            emu_setting_apply(&setting, &s->pair.links[link].emu.dirs[dir].shape);
        }
    }
    return true;
}

/* emulate LINK FILE: a whole script of the emulator, up is its a->b. */
static bool emulate(struct script *s, const struct script_line *line, uint32_t link)
{
    char error[EMU_ERROR_BYTES];
    if (line->len != 3) {
        return script_wrong(s, "emulate: emulate LINK FILE");
    }
    if (!emu_script_load(line->words[2], &s->emus[link], error)) {
        return script_wrong(s, "%s", error);
    }
    if (s->emus[link].has_seed) {
        s->pair.links[link].emu.seed = s->emus[link].seed;
    }
    pair_emulate(&s->pair, link, &s->emus[link]);
    return true;
}

bool script_network(struct script *s, const struct script_line *line, bool *known_out)
{
    static const struct {
        const char *verb;
        bool (*run)(struct script *, const struct script_line *, uint32_t);
    } verbs[] = {{"hole", set_hole},       {"delay", set_delay}, {"jitter", set_shape},
                 {"loss", set_shape},      {"burst", set_shape}, {"reorder", set_shape},
                 {"duplicate", set_shape}, {"rate", set_shape},  {"mtu", set_shape},
                 {"clear", set_shape},     {"emulate", emulate}};
    *known_out = true;
    if (word_is(line, 0, "endpoint")) {
        return set_endpoint(s, line);
    }
    if (word_is(line, 0, "names")) {
        return set_names(s, line);
    }
    for (uint32_t i = 0; i < JV_ARRAY_LEN(verbs); i++) {
        uint32_t link = 0;
        if (word_is(line, 0, verbs[i].verb)) {
            *known_out = true;
            return script_link(s, line, 1, &link) && verbs[i].run(s, line, link);
        }
    }
    *known_out = false;
    return true;
}
