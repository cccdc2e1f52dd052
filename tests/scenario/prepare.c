/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "script.h"

/* Commands before the world runs. */

static bool word_is(const struct script_line *line, uint32_t at, const char *word)
{
    return at < line->len && strcmp(line->words[at], word) == 0;
}

static bool set_links(struct script *s, const struct script_line *line)
{
    uint64_t n = 0;
    if (!script_number(s, line, 1, &n) || n < 1 || n > PAIR_LINKS || !word_is(line, 2, "rtt")) {
        return script_wrong(s, "links: links N rtt MS ...");
    }
    s->cfg.links = (uint32_t)n;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t ms = 0;
        if (!script_number(s, line, 3 + i, &ms)) {
            return false;
        }
        s->cfg.rtt_us[i] = (uint32_t)ms * 1000;
    }
    return true;
}

/* terms LINK [prefer N] [cost N] [cold] [metered] */
static bool set_terms(struct script *s, const struct script_line *line)
{
    uint32_t i = 0;
    if (!script_link(s, line, 1, &i)) {
        return false;
    }
    for (uint32_t at = 2; at < line->len; at++) {
        uint64_t value = 0;
        bool is_number = word_is(line, at, "prefer") || word_is(line, at, "cost");
        if (is_number && !script_number(s, line, at + 1, &value)) {
            return false;
        }
        if (word_is(line, at, "prefer")) {
            s->cfg.terms[i].prefer = (uint32_t)value;
        } else if (word_is(line, at, "cost")) {
            s->cfg.terms[i].cost = (uint32_t)value;
        } else if (word_is(line, at, "cold")) {
            s->cfg.terms[i].is_cold = true;
        } else if (word_is(line, at, "metered")) {
            s->cfg.terms[i].is_metered = true;
        } else {
            return script_wrong(s, "terms: terms LINK [prefer N] [cost N] [cold] [metered]");
        }
        at += is_number ? 1 : 0;
    }
    return true;
}

static bool set_preset(struct script *s, const struct script_line *line)
{
    for (uint32_t i = 0; i < JV_PRESETS; i++) {
        if (word_is(line, 1, jv_preset_names[i])) {
            s->policy = jv_policy_presets[i];
            return true;
        }
    }
    return script_wrong(s, "preset: there is no such preset");
}

static bool set_field(struct script *s, const struct script_line *line)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        if (word_is(line, 1, jv_policy_rows[i].name)) {
            if (!script_number(s, line, 2, &value)) {
                return false;
            }
            jv_policy_set(&s->policy, (enum jv_policy_field)i, (uint32_t)value);
            return true;
        }
    }
    return script_wrong(s, "set: there is no such field");
}

static bool set_wrong(struct script *s, const struct script_line *line)
{
    s->cfg.wrong_psk = s->cfg.wrong_psk || word_is(line, 1, "psk");
    s->cfg.unknown_user = s->cfg.unknown_user || word_is(line, 1, "user");
    s->cfg.wrong_gateway_key = s->cfg.wrong_gateway_key || word_is(line, 1, "gateway-key");
    return true;
}

bool script_prepare(struct script *s, const struct script_line *line, bool *known_out)
{
    *known_out = true;
    if (word_is(line, 0, "links")) {
        return set_links(s, line);
    }
    if (word_is(line, 0, "terms")) {
        return set_terms(s, line);
    }
    if (word_is(line, 0, "preset")) {
        return set_preset(s, line);
    }
    if (word_is(line, 0, "set")) {
        return set_field(s, line);
    }
    if (word_is(line, 0, "seed")) {
        return script_number(s, line, 1, &s->cfg.seed);
    }
    if (word_is(line, 0, "buffers") || word_is(line, 0, "events")) {
        uint64_t n = 0;
        bool ok = script_number(s, line, 1, &n);
        *(word_is(line, 0, "buffers") ? &s->cfg.buffers : &s->cfg.events) = (uint32_t)n;
        return ok;
    }
    if (word_is(line, 0, "journal")) {
        s->cfg.has_journal = true;
        return true;
    }
    if (word_is(line, 0, "rebirth")) {
        s->cfg.rebirth = true;
        return true;
    }
    if (word_is(line, 0, "gateway")) {
        s->cfg.has_second = s->cfg.has_second || word_is(line, 1, "second");
        s->cfg.has_v6 = s->cfg.has_v6 || word_is(line, 1, "v6");
        return true;
    }
    if (word_is(line, 0, "wrong")) {
        return set_wrong(s, line);
    }
    if (word_is(line, 0, "attach")) {
        return script_attach(s);
    }
    if (word_is(line, 0, "start")) {
        return script_open(s);
    }
    *known_out = false;
    return true;
}
