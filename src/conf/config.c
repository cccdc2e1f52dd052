/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "config_table.h"
#include "ini.h"
#include "keyfile.h"
#include "policyfile.h"
#include "textfile.h"
#include "value.h"

#define SHOWN_MAX 80 /* characters of a value that a message repeats */

/* One pass over one text. */
struct reader {
    const struct jv_config_input *input;
    const char *file; /* as messages name it */
    struct jv_diag *diag;
    struct jv_config *config;
    void *object;       /* of the section that is being read; NULL: its keys are skipped */
    enum section_id in; /* that section, IN_NONE before the first */
    uint32_t in_line;   /* of its header */
    uint32_t section_lines[SECTIONS]; /* of the first header; 0: none */
    uint32_t row_lines[ROWS]; /* of the key in the current instance of its section; 0: absent */
    uint32_t policy_lines[JV_POLICY_FIELDS];
    struct jv_policy single; /* the single keys of [Policy] */
    uint32_t users_cap;
};

static int shown(struct jv_text text)
{
    return (int)JV_MIN(text.len, (size_t)SHOWN_MAX);
}

static bool equals(struct jv_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

/* Names of users and profiles: they stand in paths, tables and messages. */
static bool is_plain_name(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (i == 0 || strchr("-_.@", c) == NULL || c == '\0')) {
            return false;
        }
    }
    return len > 0 && len < JV_CONF_USER_BYTES;
}

static void read_secret(struct reader *r, const struct jv_value_row *row, uint32_t line)
{
    struct jv_config_secret *secret = (void *)((uint8_t *)r->object + row->offset);
    char why[JV_KEYFILE_WHY_BYTES];
    if (secret->is_inline) {
        if (!r->input->is_private) {
            jv_diag_error(r->diag, r->file, line,
                          "%s stands in a file that others can read; it must be the path of a key "
                          "file, or this file must have mode 0600",
                          row->row.key);
        }
        return;
    }
    if (!r->input->may_read_files) {
        return;
    }
    if (jv_keyfile_load(secret->path, &secret->key, why) != JV_E_OK) {
        jv_diag_error(r->diag, r->file, line, "%s is %s, which %s", row->row.key, secret->path,
                      why);
    } else if (jv_is_zero(&secret->key, sizeof(secret->key))) {
        jv_diag_error(r->diag, r->file, line, "%s is %s, which holds no key but zeroes",
                      row->row.key, secret->path);
    }
}

static void parse_row(struct reader *r, const struct jv_value_row *row, struct jv_text text,
                      uint32_t line)
{
    struct jv_text bad;
    char must[JV_VALUE_MUST_BYTES];
    enum jv_value_fault fault = jv_value_parse(row, text, r->object, &bad);
    jv_value_must(row, must);
    if (fault == JV_VALUE_LATER) {
        jv_diag_error(r->diag, r->file, line, "%s is %.*s, which is not in this version%s%s",
                      row->row.key, shown(bad), bad.at, must[0] != '\0' ? "; it must be " : "",
                      must);
    } else if (fault == JV_VALUE_BAD && row->type == JV_VALUE_SECRET) {
        /* What looks like no key may be one with a typing error. */
        jv_diag_error(r->diag, r->file, line, "%s is not shown here; it must be %s", row->row.key,
                      must);
    } else if (fault == JV_VALUE_BAD) {
        jv_diag_error(r->diag, r->file, line, "%s is %.*s; it must be %s", row->row.key, shown(bad),
                      bad.at, must);
    } else if (row->type == JV_VALUE_SECRET) {
        read_secret(r, row, line);
    }
}

/* Defaults are written like values and read like them; %i is the profile's name. */
static void apply_fallback(struct reader *r, const struct jv_value_row *row)
{
    char text[JV_CONF_PATH_BYTES];
    const char *from = row->row.fallback;
    const char *mark = strstr(from, "%i");
    int len = mark != NULL ? snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - from), from,
                                      r->config->name, mark + 2)
                           : snprintf(text, sizeof(text), "%s", from);
    struct jv_text value = {text, len < 0 ? 0 : JV_MIN((size_t)len, sizeof(text) - 1)};
    parse_row(r, row, value, r->in_line);
}

/* At the end of a section: what must be there, and the defaults of what may be absent. */
static void finish_section(struct reader *r)
{
    for (size_t i = 0; r->object != NULL && i < ROWS; i++) {
        const struct jv_value_row *row = &jv_config_rows[i];
        if (jv_config_row_sections[i] != r->in || r->row_lines[i] != 0) {
            continue;
        }
        if (row->row.is_mandatory) {
            jv_diag_error(r->diag, r->file, r->in_line, "%s is missing in [%s]", row->row.key,
                          row->row.section);
        } else if (row->row.fallback[0] != '\0') {
            apply_fallback(r, row);
        }
    }
    r->object = NULL;
}

static void *add_transport(struct reader *r, struct jv_text title, uint32_t line)
{
    struct jv_config *config = r->config;
    if (config->transports_len == JV_CONF_TRANSPORTS_MAX) {
        jv_diag_error(r->diag, r->file, line,
                      "[Transport %.*s] is one too many; it must be %u at most", shown(title),
                      title.at, JV_CONF_TRANSPORTS_MAX);
        return NULL;
    }
    struct jv_config_transport *transport = &config->transports[config->transports_len++];
    memcpy(transport->name, title.at, title.len);
    transport->line = line;
    return transport;
}

static void *add_user(struct reader *r, struct jv_text title, uint32_t line)
{
    struct jv_config *config = r->config;
    if (config->users_len == r->users_cap) {
        uint32_t cap = r->users_cap == 0 ? 16 : r->users_cap * 2;
        struct jv_config_user *users =
            cap <= JV_CONF_USERS_MAX ? calloc(cap, sizeof(*users)) : NULL;
        if (users == NULL) {
            jv_diag_error(r->diag, r->file, line,
                          "[User %.*s] is one too many; it must be %u at most", shown(title),
                          title.at, JV_CONF_USERS_MAX);
            return NULL;
        }
        /* Not realloc(): it would leave keys behind in freed memory. */
        if (config->users_len > 0) {
            memcpy(users, config->users, config->users_len * sizeof(*users));
            jv_wipe(config->users, config->users_len * sizeof(*users));
        }
        free(config->users);
        config->users = users;
        r->users_cap = cap;
    }
    struct jv_config_user *user = &config->users[config->users_len++];
    memcpy(user->name, title.at, title.len);
    user->line = line;
    return user;
}

static void open_titled(struct reader *r, const struct jv_ini_item *item)
{
    size_t cap = r->in == IN_User ? JV_CONF_USER_BYTES : JV_CONF_NAME_BYTES;
    if (!is_plain_name(item->value.at, item->value.len) || item->value.len >= cap) {
        jv_diag_error(r->diag, r->file, item->line,
                      "[%s %.*s] must be named by 1 to %zu letters, digits and, after the first, "
                      "'-', '_', '.' or '@'",
                      jv_config_sections[r->in].name, shown(item->value), item->value.at, cap - 1);
        return;
    }
    for (size_t i = 0; i < ROWS; i++) {
        r->row_lines[i] = jv_config_row_sections[i] == r->in ? 0 : r->row_lines[i];
    }
    r->object = r->in == IN_User ? add_user(r, item->value, item->line)
                                 : add_transport(r, item->value, item->line);
}

static void open_section(struct reader *r, const struct jv_ini_item *item)
{
    finish_section(r);
    r->in_line = item->line;
    for (r->in = IN_Session; r->in < SECTIONS; r->in++) {
        if (equals(item->name, jv_config_sections[r->in].name)) {
            break;
        }
    }
    if (r->in == SECTIONS) {
        jv_diag_error(r->diag, r->file, item->line,
                      "[%.*s] is not a section; a client has [Session], [Transport NAME], "
                      "a gateway [Gateway], [Limits], [User NAME], both [Policy], [Hooks], "
                      "[Audit], [Metrics]",
                      shown(item->name), item->name.at);
        return;
    }
    const struct jv_config_section *section = &jv_config_sections[r->in];
    uint32_t first = r->section_lines[r->in];
    r->section_lines[r->in] = first == 0 ? item->line : first;
    if (section->is_later) {
        jv_diag_error(r->diag, r->file, item->line, "[%s] is not in this version", section->name);
    } else if (section->is_titled) {
        open_titled(r, item);
    } else if (item->value.len > 0) {
        jv_diag_error(r->diag, r->file, item->line, "[%s %.*s] must be [%s] without a name",
                      section->name, shown(item->value), item->value.at, section->name);
    } else if (first != 0) {
        jv_diag_error(r->diag, r->file, item->line, "[%s] is there already, in line %u",
                      section->name, first);
    } else {
        r->object = r->config;
    }
}

/* True the first time; tells of the second. */
static bool is_first(struct reader *r, const char *key, uint32_t *line, uint32_t here)
{
    if (*line != 0) {
        jv_diag_error(r->diag, r->file, here, "%s is set twice; the first is in line %u", key,
                      *line);
        return false;
    }
    *line = here;
    return true;
}

/* A single bound of [Policy]; false where policy.def has no such key. */
static bool read_bound(struct reader *r, const struct jv_ini_item *item)
{
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        const char *key = jv_policy_rows[i].key;
        if (!equals(item->name, key)) {
            continue;
        }
        uint32_t value = 0;
        char must[JV_VALUE_MUST_BYTES];
        if (!is_first(r, key, &r->policy_lines[i], item->line)) {
            return true;
        }
        if (!jv_value_policy_parse((enum jv_policy_field)i, item->value, &value)) {
            jv_value_policy_must((enum jv_policy_field)i, must);
            jv_diag_error(r->diag, r->file, item->line, "%s is %.*s; it must be %s", key,
                          shown(item->value), item->value.at, must);
            return true;
        }
        jv_policy_set(&r->single, (enum jv_policy_field)i, value);
        r->config->policy_set[i] = true;
        return true;
    }
    return false;
}

static void read_value(struct reader *r, const struct jv_ini_item *item)
{
    if (r->in == IN_NONE) {
        jv_diag_error(r->diag, r->file, item->line, "%.*s stands before the first section",
                      shown(item->name), item->name.at);
        return;
    }
    if (r->object == NULL) {
        return; /* the section itself was refused */
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (jv_config_row_sections[i] == r->in && equals(item->name, jv_config_rows[i].row.key)) {
            if (is_first(r, jv_config_rows[i].row.key, &r->row_lines[i], item->line)) {
                parse_row(r, &jv_config_rows[i], item->value, item->line);
            }
            return;
        }
    }
    if (r->in != IN_Policy || !read_bound(r, item)) {
        jv_diag_error(r->diag, r->file, item->line, "%.*s is not a key of [%s]", shown(item->name),
                      item->name.at, jv_config_sections[r->in].name);
    }
}

static void read_text(struct reader *r)
{
    struct jv_ini ini = jv_ini_init(r->input->text, r->input->len);
    struct jv_ini_item item;
    for (;;) {
        switch (jv_ini_next(&ini, &item)) {
        case JV_INI_END:
            finish_section(r);
            return;
        case JV_INI_SECTION:
            open_section(r, &item);
            break;
        case JV_INI_VALUE: {
            uint32_t before = r->diag->errors;
            read_value(r, &item);
            if (r->in == IN_Policy || r->in == IN_Limits) {
                r->diag->policy_errors += r->diag->errors - before;
            }
            break;
        }
        case JV_INI_BAD:
            jv_diag_error(r->diag, r->file, item.line, "the line %s", item.problem);
            break;
        }
    }
}

/*
 * The role is that of [Session] or [Gateway]; sections of the other role are errors, absent ones
 * have their defaults.
 */
static void settle_role(struct reader *r)
{
    uint32_t session = r->section_lines[IN_Session];
    uint32_t gateway = r->section_lines[IN_Gateway];
    if ((session == 0) == (gateway == 0)) {
        jv_diag_error(r->diag, r->file, JV_MAX(session, gateway),
                      session == 0 ? "there must be a [Session] for a client or a [Gateway]"
                                   : "there must be a [Session] or a [Gateway], not both");
        return;
    }
    r->config->role = session != 0 ? JV_CONFIG_CLIENT : JV_CONFIG_GATEWAY;
    for (uint32_t i = 0; i < SECTIONS; i++) {
        bool is_ours = (jv_config_sections[i].roles & (uint32_t)r->config->role) != 0;
        if (!is_ours && r->section_lines[i] != 0) {
            jv_diag_error(r->diag, r->file, r->section_lines[i],
                          "[%s] belongs to a %s; this is a %s", jv_config_sections[i].name,
                          session != 0 ? "gateway" : "client", session != 0 ? "client" : "gateway");
        }
        if (is_ours && !jv_config_sections[i].is_titled && r->section_lines[i] == 0) {
            r->in = (enum section_id)i;
            r->in_line = 0;
            r->object = r->config;
            finish_section(r);
        }
    }
    if (gateway != 0 && r->section_lines[IN_User] == 0) {
        jv_diag_warn(r->diag, r->file, 0, "there is no [User NAME]: nobody can connect");
    }
}

/* Preset or file, then the single keys; every broken rule is told. */
static void settle_policy(struct reader *r)
{
    struct jv_config *config = r->config;
    struct jv_policy policy = jv_policy_presets[config->preset];
    if (r->row_lines[ROW_Policy_File] != 0 && r->row_lines[ROW_Policy_Preset] != 0) {
        jv_diag_error(r->diag, r->file, r->row_lines[ROW_Policy_File],
                      "File stands beside Preset; it must be one of them");
        return;
    }
    if (config->policy_file[0] != '\0' && r->input->may_read_files &&
        jv_policyfile_load(config->policy_file, &policy, r->diag) != JV_E_OK) {
        jv_diag_error(r->diag, r->file, r->row_lines[ROW_Policy_File],
                      "File is %s, which is not a valid policy", config->policy_file);
        return;
    }
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        enum jv_policy_field field = (enum jv_policy_field)i;
        if (config->policy_set[i]) {
            jv_policy_set(&policy, field, jv_policy_get(&r->single, field));
        }
    }
    config->policy = policy;
    /* With a policy file that was not read, the single keys have nothing to be judged against. */
    bool is_known = config->policy_file[0] == '\0' || r->input->may_read_files;
    for (uint32_t rule = 0; is_known && rule < JV_POLICY_RULES; rule++) {
        enum jv_policy_field field;
        const char *must = jv_policy_broken(&policy, rule, &field);
        if (must != NULL) {
            char value[JV_VALUE_MUST_BYTES];
            jv_value_policy_format(field, jv_policy_get(&policy, field), value);
            uint32_t line =
                r->policy_lines[field] != 0 ? r->policy_lines[field] : r->section_lines[IN_Policy];
            jv_diag_error(r->diag, r->file, line, "%s is %s; it must be %s",
                          jv_policy_rows[field].key, value, must);
        }
    }
    if (config->role == JV_CONFIG_GATEWAY && r->section_lines[IN_Policy] != 0) {
        if (r->row_lines[ROW_Policy_File] == 0 && r->row_lines[ROW_Policy_Preset] == 0) {
            jv_diag_error(r->diag, r->file, r->section_lines[IN_Policy],
                          "[Policy] of a gateway must have Preset or File: it bounds every field; "
                          "single bounds stand in [Limits]");
        }
        config->clamp.has_bounds = true;
        config->clamp.bounds = policy;
    }
}

static void settle_user(struct reader *r)
{
    struct jv_config *config = r->config;
    if (!r->input->may_read_files) {
        return;
    }
    if (config->user[0] == '\0') {
        (void)snprintf(config->user, sizeof(config->user), "%s",
                       getpwnam("jv") != NULL ? "jv" : "nobody");
    } else if (getpwnam(config->user) == NULL) {
        uint32_t line = JV_MAX(r->row_lines[ROW_Session_User], r->row_lines[ROW_Gateway_User]);
        jv_diag_error(r->diag, r->file, line, "User is %s; it must be a user of this system",
                      config->user);
    }
}

static void settle_name(struct reader *r)
{
    size_t len = strlen(r->file);
    const char *tail = ".conf";
    if (len > strlen(tail) && strcmp(r->file + len - strlen(tail), tail) == 0) {
        len -= strlen(tail);
    }
    if (!is_plain_name(r->file, len)) {
        jv_diag_error(r->diag, r->file, 0,
                      "the name of the file must be 1 to %u letters, digits and, after the first, "
                      "'-', '_', '.' or '@', and .conf",
                      JV_CONF_USER_BYTES - 1);
        return;
    }
    memcpy(r->config->name, r->file, len);
}

enum jv_err jv_config_parse(const struct jv_config_input *input, struct jv_config **out,
                            struct jv_diag *diag)
{
    uint32_t errors_before = diag->errors;
    struct reader r = {.input = input,
                       .file = jv_textfile_name(input->file),
                       .diag = diag,
                       .config = calloc(1, sizeof(*r.config)),
                       .in = IN_NONE};
    if (r.config == NULL) {
        jv_diag_error(diag, r.file, 0, "cannot be read: out of memory");
        return JV_E_NOMEM;
    }
    if (input->len > JV_CONF_FILE_BYTES) {
        jv_diag_error(diag, r.file, 0, "has %zu bytes; it must have at most %u", input->len,
                      JV_CONF_FILE_BYTES);
    } else {
        settle_name(&r);
        read_text(&r);
        settle_role(&r);
        uint32_t before_policy = diag->errors;
        settle_policy(&r);
        diag->policy_errors += diag->errors - before_policy;
        settle_user(&r);
        struct jv_config_lines lines = {r.section_lines[IN_Session], r.section_lines[IN_Gateway],
                                        r.section_lines[IN_Limits]};
        jv_config_check(r.config, &lines, r.file, diag);
    }
    if (diag->errors != errors_before) {
        jv_config_free(r.config);
        return JV_E_SYNTAX;
    }
    *out = r.config;
    return JV_E_OK;
}

enum jv_err jv_config_load(const char *path, struct jv_config **out, struct jv_diag *diag)
{
    struct jv_textfile file = {0};
    enum jv_err err =
        jv_textfile_load(path, JV_CONF_FILE_BYTES, jv_textfile_name(path), &file, diag);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_config_input input = {file.text, file.len, path, file.is_private, true};
    err = jv_config_parse(&input, out, diag);
    jv_textfile_free(&file);
    return err;
}

void jv_config_free(struct jv_config *config)
{
    if (config == NULL) {
        return;
    }
    if (config->users != NULL) {
        jv_wipe(config->users, config->users_len * sizeof(*config->users));
        free(config->users);
    }
    jv_wipe(config, sizeof(*config));
    free(config);
}
