/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_UNITS_H
#define JV_CONF_UNITS_H
/*
 * units -- durations, ratios and counts as an operator writes them, and back.
 *
 * Every parser takes the whole text or nothing: false leaves the output untouched. What a formatter
 * writes, its parser reads again to the same value. Integers throughout; no locale.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ini.h"

#define JV_UNITS_TEXT_BYTES 32U /* longest text of a formatter, with its NUL */

/* Decimal digits only, without sign or leading zero. */
bool jv_units_parse_count(struct jv_text text, uint64_t *out);
/* 0x (or 0X) and one to eight hexadecimal digits. */
bool jv_units_parse_hex(struct jv_text text, uint64_t *out);
/* A count and one of ms, s, min, h, d; the unit is mandatory. */
bool jv_units_parse_ms(struct jv_text text, uint64_t *out);
/* 0.20 or 1.1 with at most six digits after the point. */
bool jv_units_parse_ratio(struct jv_text text, uint64_t *ppm_out);
/* 20% or 0.5% with at most four digits after the point. */
bool jv_units_parse_percent(struct jv_text text, uint64_t *ppm_out);

/* The largest unit that keeps the value whole. */
void jv_units_format_ms(uint64_t ms, char out[JV_UNITS_TEXT_BYTES]);
/* At least two digits after the point, as the specification writes ratios. */
void jv_units_format_ratio(uint64_t ppm, char out[JV_UNITS_TEXT_BYTES]);
void jv_units_format_percent(uint64_t ppm, char out[JV_UNITS_TEXT_BYTES]);
#endif /* JV_CONF_UNITS_H */
