/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_CONFIG_TABLE_H
#define JV_CONF_CONFIG_TABLE_H
/*
 * config_table -- the sections and keys of a configuration as tables, made from config.def. For config.c and config_print.c.
 *
 * Threads  none: constants.
 */
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "value.h"

enum section_id {
    IN_Session,
    IN_Transport,
    IN_Policy,
    IN_Gateway,
    IN_Limits,
    IN_User,
    IN_Audit,
    IN_Metrics,
    IN_Hooks,
    IN_Cluster,
    SECTIONS,
    IN_NONE /* before the first section */
};

enum row_id {
#define K(section, key, type, place, min, max, need, fallback, words, text) ROW_##section##_##key,
#include "config.def"
#undef K
    ROWS
};

struct jv_config_section {
    const char *name;
    uint32_t roles; /* bits of enum jv_config_role */
    bool is_titled; /* [User alice] */
    bool is_later;  /* not in this version */
};

extern const struct jv_config_section jv_config_sections[SECTIONS];
extern const struct jv_value_row jv_config_rows[ROWS];
extern const enum section_id jv_config_row_sections[ROWS]; /* of the row of the same index */
#endif                                                     /* JV_CONF_CONFIG_TABLE_H */
