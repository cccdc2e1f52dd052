/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "units.h"
#include "value.h"

/* The single keys of [Policy]: their rows are those of policy.def. */

#define ONE_PPM 1000000U

static const struct {
    const char *name;
    uint32_t bit;
} protocols[] = {{"udp", JV_PROTO_UDP}, {"quic", JV_PROTO_QUIC}, {"tcp", JV_PROTO_TCP}};

static bool equals(struct jv_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static bool has_tail(const char *name, const char *tail)
{
    size_t len = strlen(name);
    return len >= strlen(tail) && strcmp(name + len - strlen(tail), tail) == 0;
}

/* A factor of at least 1 is written as what it adds: 10% is 1.10. */
static uint32_t percent_base(const struct jv_policy_row *row)
{
    return row->min >= ONE_PPM ? ONE_PPM : 0;
}

static bool parse_ppm(const struct jv_policy_row *row, struct jv_text text, uint64_t *out)
{
    uint64_t ppm = 0;
    if (jv_units_parse_percent(text, &ppm)) {
        *out = ppm + percent_base(row);
        return true;
    }
    return jv_units_parse_ratio(text, out);
}

static bool parse_bool(struct jv_text text, uint64_t *out)
{
    if (equals(text, "yes") || equals(text, "no")) {
        *out = equals(text, "yes") ? 1 : 0;
        return true;
    }
    return false;
}

static bool parse_mask(struct jv_text text, uint64_t *out)
{
    uint32_t mask = 0;
    for (size_t at = 0; at <= text.len;) {
        size_t end = at;
        while (end < text.len && text.at[end] != ',') {
            end++;
        }
        struct jv_text word = {text.at + at, end - at};
        while (word.len > 0 && word.at[0] == ' ') {
            word.at++;
            word.len--;
        }
        while (word.len > 0 && word.at[word.len - 1] == ' ') {
            word.len--;
        }
        uint32_t bit = 0;
        for (size_t i = 0; i < JV_ARRAY_LEN(protocols); i++) {
            bit |= equals(word, protocols[i].name) ? protocols[i].bit : 0;
        }
        if (bit == 0 || (mask & bit) != 0) {
            return false;
        }
        mask |= bit;
        at = end + 1;
    }
    *out = mask;
    return true;
}

static bool parse_count(const struct jv_policy_row *row, struct jv_text text, uint64_t *out)
{
    const size_t tail = strlen("/min");
    if (has_tail(row->name, "_per_min") && text.len > tail &&
        memcmp(text.at + text.len - tail, "/min", tail) == 0) {
        text.len -= tail;
    }
    return jv_units_parse_count(text, out);
}

bool jv_value_policy_parse(enum jv_policy_field field, struct jv_text text, uint32_t *out)
{
    const struct jv_policy_row *row = &jv_policy_rows[field];
    uint64_t value = 0;
    bool is_read = false;
    switch ((enum jv_policy_unit)row->unit) {
    case JV_UNIT_MS:
        is_read = jv_units_parse_ms(text, &value);
        break;
    case JV_UNIT_COUNT:
        is_read = parse_count(row, text, &value);
        break;
    case JV_UNIT_PPM:
        is_read = parse_ppm(row, text, &value);
        break;
    case JV_UNIT_BOOL:
        is_read = parse_bool(text, &value);
        break;
    case JV_UNIT_MASK:
        is_read = parse_mask(text, &value);
        break;
    }
    if (!is_read || value < row->min || value > row->max) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

void jv_value_policy_must(enum jv_policy_field field, char out[JV_VALUE_MUST_BYTES])
{
    const struct jv_policy_row *row = &jv_policy_rows[field];
    char least[JV_VALUE_MUST_BYTES];
    char most[JV_VALUE_MUST_BYTES];
    switch ((enum jv_policy_unit)row->unit) {
    case JV_UNIT_MASK:
        (void)snprintf(out, JV_VALUE_MUST_BYTES, "different ones of udp, quic and tcp");
        return;
    case JV_UNIT_BOOL:
        (void)snprintf(out, JV_VALUE_MUST_BYTES, row->min == 1 ? "yes" : "yes or no");
        return;
    case JV_UNIT_COUNT:
        (void)snprintf(out, JV_VALUE_MUST_BYTES, "%" PRIu32 " to %" PRIu32 "%s", row->min, row->max,
                       has_tail(row->name, "_per_min") ? "/min" : "");
        return;
    case JV_UNIT_MS:
    case JV_UNIT_PPM:
        break;
    }
    jv_value_policy_format(field, row->min, least);
    jv_value_policy_format(field, row->max, most);
    (void)snprintf(out, JV_VALUE_MUST_BYTES, "%.80s to %.80s", least, most);
}

void jv_value_policy_format(enum jv_policy_field field, uint32_t value,
                            char out[JV_VALUE_MUST_BYTES])
{
    const struct jv_policy_row *row = &jv_policy_rows[field];
    char text[JV_UNITS_TEXT_BYTES] = "";
    out[0] = '\0';
    switch ((enum jv_policy_unit)row->unit) {
    case JV_UNIT_MS:
        jv_units_format_ms(value, text);
        break;
    case JV_UNIT_COUNT:
        (void)snprintf(text, sizeof(text), "%" PRIu32 "%s", value,
                       has_tail(row->name, "_per_min") ? "/min" : "");
        break;
    case JV_UNIT_PPM:
        jv_units_format_percent(value >= percent_base(row) ? value - percent_base(row) : value,
                                text);
        break;
    case JV_UNIT_BOOL:
        (void)snprintf(text, sizeof(text), "%s", value != 0 ? "yes" : "no");
        break;
    case JV_UNIT_MASK:
        for (size_t i = 0; i < JV_ARRAY_LEN(protocols); i++) {
            size_t used = strlen(text);
            if ((value & protocols[i].bit) != 0) {
                (void)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? ", " : "",
                               protocols[i].name);
            }
        }
        break;
    }
    (void)snprintf(out, JV_VALUE_MUST_BYTES, "%s", text);
}
