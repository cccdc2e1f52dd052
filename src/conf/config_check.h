/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_CONFIG_CHECK_H
#define JV_CONF_CONFIG_CHECK_H
/*
 * config_check -- what ties values of one configuration together: keys, names and networks that
 * exclude each other.
 */
#include <stdint.h>

#include "config.h"

/* Lines of the sections that findings point at; 0 where the file has no such section. */
struct jv_config_lines {
    uint32_t session, gateway, limits;
};

/* Tells every finding in `diag`; `file` is the name that messages begin with. */
void jv_config_check(const struct jv_config *config, const struct jv_config_lines *lines,
                     const char *file, struct jv_diag *diag);
#endif /* JV_CONF_CONFIG_CHECK_H */
