/* SPDX-License-Identifier: Apache-2.0 */
#include "config_table.h"

#include <stddef.h>

#define BOTH (JV_CONFIG_CLIENT | JV_CONFIG_GATEWAY)
const struct jv_config_section jv_config_sections[SECTIONS] = {
    [IN_Session] = {"Session", JV_CONFIG_CLIENT, false, false},
    [IN_Transport] = {"Transport", JV_CONFIG_CLIENT, true, false},
    [IN_Policy] = {"Policy", BOTH, false, false},
    [IN_Gateway] = {"Gateway", JV_CONFIG_GATEWAY, false, false},
    [IN_Limits] = {"Limits", JV_CONFIG_GATEWAY, false, false},
    [IN_User] = {"User", JV_CONFIG_GATEWAY, true, false},
    [IN_Audit] = {"Audit", BOTH, false, false},
    [IN_Metrics] = {"Metrics", BOTH, false, false},
    [IN_Hooks] = {"Hooks", BOTH, false, false},
    [IN_Cluster] = {"Cluster", BOTH, false, true},
};

#define ROLES_Session JV_CONFIG_CLIENT
#define ROLES_Transport JV_CONFIG_CLIENT
#define ROLES_Policy BOTH
#define ROLES_Gateway JV_CONFIG_GATEWAY
#define ROLES_Limits JV_CONFIG_GATEWAY
#define ROLES_User JV_CONFIG_GATEWAY
#define ROLES_Audit BOTH
#define ROLES_Metrics BOTH
#define ROLES_Hooks BOTH
#define NEED_MUST true
#define NEED_MAY false
#define OFFSET_OF(object, field) offsetof(object, field)

const struct jv_value_row jv_config_rows[ROWS] = {
#define K(section, key, type, place, min, max, need, fallback, words, text)                        \
    {{#section, #key, #type, fallback, text, min, max, ROLES_##section, NEED_##need},              \
     JV_VALUE_##type,                                                                              \
     words,                                                                                        \
     OFFSET_OF(place)},
#include "config.def"
#undef K
};

const enum section_id jv_config_row_sections[ROWS] = {
#define K(section, key, type, place, min, max, need, fallback, words, text) IN_##section,
#include "config.def"
#undef K
};

const struct jv_config_row *jv_config_row(size_t idx)
{
    return idx < ROWS ? &jv_config_rows[idx].row : NULL;
}
