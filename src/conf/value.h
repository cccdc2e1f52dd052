/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_VALUE_H
#define JV_CONF_VALUE_H
/*
 * value -- the types of config.def: how one value is read, described and printed.
 *
 * Takes    the text of one value and the row that it belongs to; opens no file.
 * Gives    the field, or the part of the text that is wrong.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config.h"
#include "ini.h"

#define JV_VALUE_MUST_BYTES 192U

enum jv_value_type {
#define V(name, label) JV_VALUE_##name,
#include "value.def"
#undef V
    JV_VALUE_TYPES
};

struct jv_value_row {
    struct jv_config_row row;
    enum jv_value_type type;
    const char *words;
    size_t offset; /* of the field in the object of the section */
};

enum jv_value_fault { JV_VALUE_OK, JV_VALUE_BAD, JV_VALUE_LATER }; /* LATER: not in this version */

/* `bad_out` is the part to blame where the result is not OK. The field may be half written then. */
enum jv_value_fault jv_value_parse(const struct jv_value_row *row, struct jv_text text,
                                   void *object, struct jv_text *bad_out);
/* What follows "it must be". */
void jv_value_must(const struct jv_value_row *row, char out[JV_VALUE_MUST_BYTES]);
/*
 * Writes " = value" after the key, or nothing and false where the field is empty. Secrets are not
 * written.
 */
bool jv_value_print(const struct jv_value_row *row, const void *object, FILE *file);

/* The single keys of [Policy]. */
bool jv_value_policy_parse(enum jv_policy_field field, struct jv_text text, uint32_t *out);
void jv_value_policy_must(enum jv_policy_field field, char out[JV_VALUE_MUST_BYTES]);
void jv_value_policy_format(enum jv_policy_field field, uint32_t value,
                            char out[JV_VALUE_MUST_BYTES]);
#endif /* JV_CONF_VALUE_H */
