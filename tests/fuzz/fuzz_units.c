/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a duration, a ratio, a count or one key of [Policy]: what is accepted is written again to text of the same value. */
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "policy.h"
#include "units.h"
#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef bool parse_fn(struct jv_text text, uint64_t *out);
typedef void format_fn(uint64_t value, char out[JV_UNITS_TEXT_BYTES]);

static void is_stable(parse_fn *parse, format_fn *format, struct jv_text text)
{
    char again[JV_UNITS_TEXT_BYTES];
    uint64_t value = 77;
    uint64_t back = 0;
    if (!parse(text, &value)) {
        JV_ASSERT(value == 77); /* the output is untouched */
        return;
    }
    format(value, again);
    JV_ASSERT(parse((struct jv_text){again, strlen(again)}, &back));
    JV_ASSERT(back == value);
}

/* The way back of a value that the input draws. */
static void is_readable(parse_fn *parse, format_fn *format, uint64_t value)
{
    char text[JV_UNITS_TEXT_BYTES];
    uint64_t back = 0;
    format(value, text);
    JV_ASSERT(parse((struct jv_text){text, strlen(text)}, &back) && back == value);
}

static void policy_is_stable(enum jv_policy_field field, struct jv_text text)
{
    char again[JV_VALUE_MUST_BYTES];
    uint32_t value = 0;
    uint32_t back = 0;
    if (jv_value_policy_parse(field, text, &value)) {
        JV_ASSERT(value >= jv_policy_rows[field].min && value <= jv_policy_rows[field].max);
        jv_value_policy_format(field, value, again);
        JV_ASSERT(jv_value_policy_parse(field, (struct jv_text){again, strlen(again)}, &back));
        JV_ASSERT(back == value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t drawn = 0;
    uint64_t count = 77;
    if (size < 1) {
        return 0;
    }
    const struct jv_text text = {(const char *)data + 1, size - 1};
    is_stable(jv_units_parse_ms, jv_units_format_ms, text);
    is_stable(jv_units_parse_ratio, jv_units_format_ratio, text);
    is_stable(jv_units_parse_percent, jv_units_format_percent, text);
    JV_ASSERT(jv_units_parse_count(text, &count) || count == 77);
    policy_is_stable((enum jv_policy_field)(data[0] % JV_POLICY_FIELDS), text);
    memcpy(&drawn, data + 1, JV_MIN(sizeof drawn, size - 1));
    is_readable(jv_units_parse_ms, jv_units_format_ms, drawn);
    is_readable(jv_units_parse_ratio, jv_units_format_ratio, drawn);
    is_readable(jv_units_parse_percent, jv_units_format_percent, drawn);
    return 0;
}
