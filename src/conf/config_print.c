/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "config_table.h"
#include "value.h"

/* Prints one section; its header only if it has a key. */
static void print_section(enum section_id in, const char *title, const void *object, FILE *file)
{
    (void)fprintf(file, title[0] != '\0' ? "[%s %s]\n" : "[%s%s]\n", jv_config_sections[in].name,
                  title);
    for (size_t i = 0; i < ROWS; i++) {
        const struct jv_value_row *row = &jv_config_rows[i];
        if (jv_config_row_sections[i] != in) {
            continue;
        }
        char *text = NULL;
        size_t len = 0;
        FILE *value = open_memstream(&text, &len);
        bool is_printed = value != NULL && jv_value_print(row, object, value);
        if (value != NULL && fclose(value) == 0 && is_printed) {
            (void)fprintf(file, "%s%s\n", row->row.key, text);
        } else if (row->type == JV_VALUE_SECRET &&
                   ((const struct jv_config_secret *)(const void *)((const uint8_t *)object +
                                                                    row->offset))
                       ->is_inline) {
            (void)fprintf(file, "# %s stands in the file itself and is not shown\n", row->row.key);
        }
        free(text);
    }
}

static void print_policy(const struct jv_config *config, FILE *file)
{
    if (config->policy_file[0] != '\0') {
        (void)fprintf(file, "[Policy]\nFile = %s\n", config->policy_file);
    } else {
        (void)fprintf(file, "[Policy]\nPreset = %s\n", jv_preset_names[config->preset]);
    }
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        enum jv_policy_field field = (enum jv_policy_field)i;
        char text[JV_VALUE_MUST_BYTES];
        if (config->policy_set[i]) {
            jv_value_policy_format(field, jv_policy_get(&config->policy, field), text);
            (void)fprintf(file, "%s = %s\n", jv_policy_rows[i].key, text);
        }
    }
    if (config->on_reload == JV_CONFIG_GRACE) {
        (void)fprintf(file, "OnReload = grace\n");
    }
}

enum jv_err jv_config_print(const struct jv_config *config, FILE *file)
{
    if (config->role == JV_CONFIG_CLIENT) {
        print_section(IN_Session, "", config, file);
        for (uint32_t i = 0; i < config->transports_len; i++) {
            print_section(IN_Transport, config->transports[i].name, &config->transports[i], file);
        }
        print_policy(config, file);
    } else {
        print_section(IN_Gateway, "", config, file);
        if (config->clamp.has_bounds) {
            print_policy(config, file);
        }
        print_section(IN_Limits, "", config, file);
        for (uint32_t i = 0; i < config->users_len; i++) {
            print_section(IN_User, config->users[i].name, &config->users[i], file);
        }
    }
    print_section(IN_Hooks, "", config, file);
    print_section(IN_Audit, "", config, file);
    print_section(IN_Metrics, "", config, file);
    return ferror(file) == 0 && fflush(file) == 0 ? JV_E_OK : JV_E_SYSTEM;
}
