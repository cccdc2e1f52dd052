/* SPDX-License-Identifier: Apache-2.0 */
#include "units.h"

#include <stdio.h>
#include <string.h>

#include "base.h"

#define PPM_DIGITS 6U
#define PERCENT_DIGITS 4U        /* one percent is 10^4 ppm */
#define COUNT_MAX 10000000000ULL /* times 10 and the longest unit it stays below 2^64 */

static const struct {
    const char *name;
    uint64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};

bool jv_units_parse_count(struct jv_text text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || value > COUNT_MAX) {
            return false;
        }
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (text.len == 0 || (text.len > 1 && text.at[0] == '0')) {
        return false;
    }
    *out = value;
    return true;
}

bool jv_units_parse_hex(struct jv_text text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    if (text.len < 3 || text.len > 10 || text.at[0] != '0' || (text.at[1] | 0x20) != 'x') {
        return false;
    }
    for (size_t i = 2; i < text.len; i++) {
        const char *digit = memchr(digits, text.at[i] | 0x20, sizeof(digits) - 1);
        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *out = value;
    return true;
}

bool jv_units_parse_ms(struct jv_text text, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
        digits++;
    }
    uint64_t count = 0;
    if (!jv_units_parse_count((struct jv_text){text.at, digits}, &count)) {
        return false;
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(units); i++) {
        size_t len = strlen(units[i].name);
        if (text.len - digits == len && memcmp(text.at + digits, units[i].name, len) == 0) {
            *out = count * units[i].ms;
            return true;
        }
    }
    return false;
}

/* Decimal text times 10^digits, exactly. */
static bool parse_fixed(struct jv_text text, size_t digits, uint64_t *out)
{
    const char *point = text.len > 0 ? memchr(text.at, '.', text.len) : NULL;
    size_t whole_len = point != NULL ? (size_t)(point - text.at) : text.len;
    uint64_t value = 0;
    if (!jv_units_parse_count((struct jv_text){text.at, whole_len}, &value)) {
        return false;
    }
    size_t frac_len = point != NULL ? text.len - whole_len - 1 : 0;
    if (frac_len > digits || (point != NULL && frac_len == 0)) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        char c = i < frac_len ? text.at[whole_len + 1 + i] : '0';
        if (c < '0' || c > '9' || value > COUNT_MAX) {
            return false;
        }
        value = value * 10 + (uint64_t)(c - '0');
    }
    *out = value;
    return true;
}

bool jv_units_parse_ratio(struct jv_text text, uint64_t *ppm_out)
{
    return parse_fixed(text, PPM_DIGITS, ppm_out);
}

bool jv_units_parse_percent(struct jv_text text, uint64_t *ppm_out)
{
    if (text.len == 0 || text.at[text.len - 1] != '%') {
        return false;
    }
    return parse_fixed((struct jv_text){text.at, text.len - 1}, PERCENT_DIGITS, ppm_out);
}

void jv_units_format_ms(uint64_t ms, char out[JV_UNITS_TEXT_BYTES])
{
    size_t i = 0;
    while (ms == 0 || ms % units[i].ms != 0) {
        i++;
        if (units[i].ms == 1) {
            break;
        }
    }
    (void)snprintf(out, JV_UNITS_TEXT_BYTES, "%llu%s", (unsigned long long)(ms / units[i].ms),
                   units[i].name); /* 20 digits and 3 letters fit */
}

static void format_fixed(uint64_t value, int digits, uint64_t scale, size_t keep, const char *tail,
                         char out[JV_UNITS_TEXT_BYTES])
{
    int len = snprintf(out, JV_UNITS_TEXT_BYTES, "%llu.%0*llu", (unsigned long long)(value / scale),
                       digits, (unsigned long long)(value % scale));
    size_t used = len < 0 ? 0 : JV_MIN((size_t)len, (size_t)JV_UNITS_TEXT_BYTES - 2);
    size_t least = used - (size_t)digits + keep;
    while (used > least && out[used - 1] == '0') {
        used--;
    }
    if (used > 0 && out[used - 1] == '.') {
        used--;
    }
    (void)snprintf(out + used, JV_UNITS_TEXT_BYTES - used, "%s", tail);
}

void jv_units_format_ratio(uint64_t ppm, char out[JV_UNITS_TEXT_BYTES])
{
    format_fixed(ppm, (int)PPM_DIGITS, 1000000, 2, "", out);
}

void jv_units_format_percent(uint64_t ppm, char out[JV_UNITS_TEXT_BYTES])
{
    format_fixed(ppm, (int)PERCENT_DIGITS, 10000, 0, "%", out);
}
