/* SPDX-License-Identifier: Apache-2.0 */
#include "policyfile.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "textfile.h"
#include "units.h"

/*
 * libyaml's events, not libcyaml: the latter stops at the first finding, tells its line only within
 * a log text, and has no exact decimals (docs/decisions/0002-ini-reader.md).
 */

#define MUST_BYTES 96U
#define SHOWN_MAX 80

static const struct {
    const char *name;
    uint32_t bit;
} protocols[] = {{"udp", JV_PROTO_UDP}, {"quic", JV_PROTO_QUIC}, {"tcp", JV_PROTO_TCP}};

/* Must stand in the file: P-01 of the requirements. */
static const enum jv_policy_field mandatory[] = {
    JV_POLICY_max_lifetime_ms,         JV_POLICY_transport_lost_ttl_ms,
    JV_POLICY_max_switches_per_min,    JV_POLICY_recovery_window_ms,
    JV_POLICY_loss_volatile_threshold, JV_POLICY_reattach_proof_max_age_ms,
};

struct loader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; deleted by next() */
    bool is_held, is_broken;
    const char *file;
    struct jv_diag *diag;
    struct jv_policy policy;
    uint32_t version_line;
    uint32_t lines[JV_POLICY_FIELDS];
    uint32_t section_lines[JV_POLICY_FIELDS]; /* under the section's first field */
};

static uint32_t line_of(const struct loader *l)
{
    return (uint32_t)l->event.start_mark.line + 1;
}

static void drop_event(struct loader *l)
{
    if (l->is_held) {
        yaml_event_delete(&l->event);
        l->is_held = false;
    }
}

/* Step to the next event; false where the text is no YAML, which ends the reading. */
static bool next(struct loader *l)
{
    drop_event(l);
    if (l->is_broken) {
        return false;
    }
    if (yaml_parser_parse(&l->parser, &l->event) == 0) {
        const char *problem = l->parser.problem != NULL ? l->parser.problem : "cannot be read";
        jv_diag_error(l->diag, l->file, (uint32_t)l->parser.problem_mark.line + 1, "no YAML: %s",
                      problem);
        l->is_broken = true;
        return false;
    }
    l->is_held = true;
    return true;
}

static bool is_scalar(const struct loader *l)
{
    return l->event.type == YAML_SCALAR_EVENT && l->event.data.scalar.anchor == NULL &&
           l->event.data.scalar.tag == NULL;
}

static struct jv_text scalar(const struct loader *l)
{
    return (struct jv_text){(const char *)l->event.data.scalar.value, l->event.data.scalar.length};
}

static bool equals(struct jv_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static int shown(struct jv_text text)
{
    return (int)JV_MIN(text.len, (size_t)SHOWN_MAX);
}

/* Leave the node that begins at the current event; libyaml bounds its depth. */
static void skip_node(struct loader *l)
{
    uint32_t depth = 0;
    do {
        if (l->event.type == YAML_MAPPING_START_EVENT ||
            l->event.type == YAML_SEQUENCE_START_EVENT) {
            depth++;
        } else if (l->event.type == YAML_MAPPING_END_EVENT ||
                   l->event.type == YAML_SEQUENCE_END_EVENT) {
            depth--;
        }
    } while (depth > 0 && next(l));
}

static void format_value(enum jv_policy_field field, uint32_t value, char out[MUST_BYTES])
{
    char text[JV_UNITS_TEXT_BYTES];
    switch ((enum jv_policy_unit)jv_policy_rows[field].unit) {
    case JV_UNIT_MS:
    case JV_UNIT_COUNT:
        (void)snprintf(out, MUST_BYTES, "%" PRIu32, value);
        break;
    case JV_UNIT_PPM:
        jv_units_format_ratio(value, text);
        (void)snprintf(out, MUST_BYTES, "%s", text);
        break;
    case JV_UNIT_BOOL:
        (void)snprintf(out, MUST_BYTES, "%s", value != 0 ? "true" : "false");
        break;
    case JV_UNIT_MASK: {
        size_t used = (size_t)snprintf(out, MUST_BYTES, "[");
        for (size_t i = 0; i < JV_ARRAY_LEN(protocols); i++) {
            if ((value & protocols[i].bit) != 0) {
                used += (size_t)snprintf(out + used, MUST_BYTES - used, "%s%s",
                                         used > 1 ? ", " : "", protocols[i].name);
            }
        }
        (void)snprintf(out + used, MUST_BYTES - used, "]");
        break;
    }
    }
}

static void format_must(enum jv_policy_field field, char out[MUST_BYTES])
{
    const struct jv_policy_row *row = &jv_policy_rows[field];
    char least[MUST_BYTES];
    char most[MUST_BYTES];
    format_value(field, row->min, least);
    format_value(field, row->max, most);
    switch ((enum jv_policy_unit)row->unit) {
    case JV_UNIT_MS:
    case JV_UNIT_COUNT:
    case JV_UNIT_PPM:
        (void)snprintf(out, MUST_BYTES, "%.40s to %.40s", least, most);
        break;
    case JV_UNIT_BOOL:
        (void)snprintf(out, MUST_BYTES, row->min == 1 ? "true" : "true or false");
        break;
    case JV_UNIT_MASK:
        (void)snprintf(out, MUST_BYTES, "a list of different ones of udp, quic and tcp");
        break;
    }
}

/* Numbers and truth values are plain; a quoted one is a string and the wrong type. */
static bool parse_scalar(const struct loader *l, const struct jv_policy_row *row, uint64_t *out)
{
    if (!is_scalar(l) || l->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    switch ((enum jv_policy_unit)row->unit) {
    case JV_UNIT_MS:
    case JV_UNIT_COUNT:
        return jv_units_parse_count(scalar(l), out);
    case JV_UNIT_PPM:
        return jv_units_parse_ratio(scalar(l), out);
    case JV_UNIT_BOOL:
        *out = equals(scalar(l), "true") ? 1 : 0;
        return *out == 1 || equals(scalar(l), "false");
    case JV_UNIT_MASK:
        break;
    }
    return false;
}

/* The current event begins a list; on return it is the list's end. */
static bool parse_mask(struct loader *l, uint64_t *out)
{
    bool is_good =
        l->event.data.sequence_start.anchor == NULL && l->event.data.sequence_start.tag == NULL;
    uint32_t mask = 0;
    while (next(l) && l->event.type != YAML_SEQUENCE_END_EVENT) {
        uint32_t bit = 0;
        for (size_t i = 0; is_scalar(l) && i < JV_ARRAY_LEN(protocols); i++) {
            bit |= equals(scalar(l), protocols[i].name) ? protocols[i].bit : 0;
        }
        is_good = is_good && bit != 0 && (mask & bit) == 0;
        mask |= bit;
        skip_node(l);
    }
    *out = mask;
    return is_good;
}

static void read_field(struct loader *l, enum jv_policy_field field)
{
    const struct jv_policy_row *row = &jv_policy_rows[field];
    uint32_t line = line_of(l);
    bool is_list = row->unit == JV_UNIT_MASK && l->event.type == YAML_SEQUENCE_START_EVENT;
    struct jv_text text = {"a list", strlen("a list")};
    char value_text[SHOWN_MAX + 1];
    if (l->event.type == YAML_SCALAR_EVENT) {
        text = scalar(l);
    } else if (l->event.type == YAML_MAPPING_START_EVENT) {
        text = (struct jv_text){"a mapping", strlen("a mapping")};
    } else if (l->event.type == YAML_ALIAS_EVENT) {
        text = (struct jv_text){"an alias", strlen("an alias")};
    }
    /* A copy: the event is gone when a list has been read. */
    (void)snprintf(value_text, sizeof(value_text), "%.*s", shown(text), text.at);
    uint64_t value = 0;
    bool is_read = is_list ? parse_mask(l, &value) : parse_scalar(l, row, &value);
    if (!is_list) {
        skip_node(l);
    }
    if (l->is_broken) {
        return;
    }
    if (!is_read || value < row->min || value > row->max) {
        char must[MUST_BYTES];
        format_must(field, must);
        jv_diag_error(l->diag, l->file, line, "%s.%s is %s; it must be %s", row->section, row->name,
                      value_text, must);
        return;
    }
    jv_policy_set(&l->policy, field, (uint32_t)value);
}

static bool is_first(struct loader *l, const char *name, uint32_t *line, uint32_t here)
{
    if (*line != 0) {
        jv_diag_error(l->diag, l->file, here, "%s is set twice; the first is in line %" PRIu32,
                      name, *line);
        return false;
    }
    *line = here;
    return true;
}

/* One key of a section; the current event is the key. */
static void read_key(struct loader *l, const char *section)
{
    uint32_t line = line_of(l);
    uint32_t field = JV_POLICY_FIELDS;
    for (uint32_t i = 0; is_scalar(l) && i < JV_POLICY_FIELDS; i++) {
        if (strcmp(jv_policy_rows[i].section, section) == 0 &&
            equals(scalar(l), jv_policy_rows[i].name)) {
            field = i;
        }
    }
    if (field == JV_POLICY_FIELDS) {
        struct jv_text key = is_scalar(l) ? scalar(l) : (struct jv_text){"this", strlen("this")};
        jv_diag_error(l->diag, l->file, line, "%.*s is not a field of %s", shown(key), key.at,
                      section);
        skip_node(l);
    }
    bool is_known = field != JV_POLICY_FIELDS &&
                    is_first(l, jv_policy_rows[field].name, &l->lines[field], line);
    if (!next(l)) {
        return;
    }
    if (is_known) {
        read_field(l, (enum jv_policy_field)field);
    } else {
        skip_node(l);
    }
}

/* The current event is what follows the section's name. */
static void read_section(struct loader *l, const char *section)
{
    bool is_mapping = l->event.type == YAML_MAPPING_START_EVENT &&
                      l->event.data.mapping_start.anchor == NULL &&
                      l->event.data.mapping_start.tag == NULL;
    if (!is_mapping) {
        jv_diag_error(l->diag, l->file, line_of(l), "%s must be a mapping of its fields", section);
        skip_node(l);
        return;
    }
    while (next(l) && l->event.type != YAML_MAPPING_END_EVENT) {
        read_key(l, section);
    }
}

static void read_version(struct loader *l)
{
    if (!is_scalar(l) || !equals(scalar(l), JV_POLICYFILE_VERSION)) {
        struct jv_text text =
            is_scalar(l) ? scalar(l) : (struct jv_text){"no text", strlen("no text")};
        jv_diag_error(l->diag, l->file, line_of(l), "version is %.*s; it must be \"%s\"",
                      shown(text), text.at, JV_POLICYFILE_VERSION);
    }
    skip_node(l);
}

/* One entry of the document; the current event is its key. */
static void read_entry(struct loader *l)
{
    uint32_t line = line_of(l);
    bool is_version = is_scalar(l) && equals(scalar(l), "version");
    uint32_t first = JV_POLICY_FIELDS;
    for (uint32_t i = JV_POLICY_FIELDS; is_scalar(l) && i > 0; i--) {
        first = equals(scalar(l), jv_policy_rows[i - 1].section) ? i - 1 : first;
    }
    bool is_known = is_version || first != JV_POLICY_FIELDS;
    if (!is_known) {
        struct jv_text key = is_scalar(l) ? scalar(l) : (struct jv_text){"this", strlen("this")};
        jv_diag_error(l->diag, l->file, line, "%.*s is not a section of a policy", shown(key),
                      key.at);
        skip_node(l);
    } else if (is_version) {
        is_known = is_first(l, "version", &l->version_line, line);
    } else {
        is_known = is_first(l, jv_policy_rows[first].section, &l->section_lines[first], line);
    }
    if (!next(l)) {
        return;
    }
    if (!is_known) {
        skip_node(l);
    } else if (is_version) {
        read_version(l);
    } else {
        read_section(l, jv_policy_rows[first].section);
    }
}

static void read_document(struct loader *l)
{
    /* The stream and its one document begin. */
    if (!next(l) || !next(l)) {
        return;
    }
    if (l->event.type != YAML_DOCUMENT_START_EVENT || !next(l) ||
        l->event.type != YAML_MAPPING_START_EVENT) {
        if (!l->is_broken) {
            jv_diag_error(l->diag, l->file, 0, "must be one mapping of sections");
            l->is_broken = true;
        }
        return;
    }
    while (next(l) && l->event.type != YAML_MAPPING_END_EVENT) {
        read_entry(l);
    }
    /* The document ends, and the stream with it. */
    if (next(l) && next(l) && l->event.type != YAML_STREAM_END_EVENT) {
        jv_diag_error(l->diag, l->file, line_of(l), "must be one document");
    }
}

static void check_whole(struct loader *l, uint32_t errors_before)
{
    if (l->version_line == 0) {
        jv_diag_error(l->diag, l->file, 0, "version is missing; it must be \"%s\"",
                      JV_POLICYFILE_VERSION);
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(mandatory); i++) {
        if (l->lines[mandatory[i]] == 0) {
            jv_diag_error(l->diag, l->file, 0, "%s.%s is missing",
                          jv_policy_rows[mandatory[i]].section, jv_policy_rows[mandatory[i]].name);
        }
    }
    /* Rules between fields are judged where each field for itself is right. */
    for (uint32_t rule = 0; l->diag->errors == errors_before && rule < JV_POLICY_RULES; rule++) {
        enum jv_policy_field field;
        const char *must = jv_policy_broken(&l->policy, rule, &field);
        if (must != NULL) {
            char value[MUST_BYTES];
            format_value(field, jv_policy_get(&l->policy, field), value);
            jv_diag_error(l->diag, l->file, l->lines[field], "%s.%s is %s; it must be %s",
                          jv_policy_rows[field].section, jv_policy_rows[field].name, value, must);
        }
    }
}

enum jv_err jv_policyfile_parse(const char *text, size_t len, const char *file,
                                struct jv_policy *policy_out, struct jv_diag *diag)
{
    uint32_t errors_before = diag->errors;
    if (len > JV_POLICYFILE_BYTES) {
        jv_diag_error(diag, file, 0, "has %zu bytes; it must have at most %u", len,
                      JV_POLICYFILE_BYTES);
        return JV_E_SYNTAX;
    }
    struct loader l = {.file = file, .diag = diag, .policy = jv_policy_presets[JV_PRESET_STRICT]};
    if (yaml_parser_initialize(&l.parser) == 0) {
        jv_diag_error(diag, file, 0, "cannot be read: out of memory");
        return JV_E_NOMEM;
    }
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    read_document(&l);
    drop_event(&l);
    if (!l.is_broken) {
        check_whole(&l, errors_before);
    }
    yaml_parser_delete(&l.parser);
    if (diag->errors != errors_before) {
        return JV_E_SYNTAX;
    }
    *policy_out = l.policy;
    return JV_E_OK;
}

enum jv_err jv_policyfile_load(const char *path, struct jv_policy *policy_out, struct jv_diag *diag)
{
    const char *name = jv_textfile_name(path);
    struct jv_textfile file = {0};
    enum jv_err err = jv_textfile_load(path, JV_POLICYFILE_BYTES, name, &file, diag);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_policyfile_parse(file.text, file.len, name, policy_out, diag);
    jv_textfile_free(&file);
    return err;
}

/* policy.def grows at its end only, so the fields of a section need not stand together there. */
static bool is_first_of_section(uint32_t idx)
{
    for (uint32_t i = 0; i < idx; i++) {
        if (strcmp(jv_policy_rows[i].section, jv_policy_rows[idx].section) == 0) {
            return false;
        }
    }
    return true;
}

static void print_section(const struct jv_policy *policy, const char *section, FILE *file)
{
    (void)fprintf(file, "%s:\n", section);
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        char value[MUST_BYTES];
        if (strcmp(jv_policy_rows[i].section, section) == 0) {
            format_value((enum jv_policy_field)i, jv_policy_get(policy, (enum jv_policy_field)i),
                         value);
            (void)fprintf(file, "  %s: %s\n", jv_policy_rows[i].name, value);
        }
    }
}

enum jv_err jv_policyfile_print(const struct jv_policy *policy, FILE *file)
{
    (void)fprintf(file, "version: \"%s\"\n", JV_POLICYFILE_VERSION);
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        if (is_first_of_section(i)) {
            print_section(policy, jv_policy_rows[i].section, file);
        }
    }
    return ferror(file) == 0 && fflush(file) == 0 ? JV_E_OK : JV_E_SYSTEM;
}
