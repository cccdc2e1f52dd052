/* SPDX-License-Identifier: Apache-2.0 */
#include "ini.h"

#include <stdbool.h>
#include <string.h>

#include "base.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static struct jv_text trimmed(const char *from, const char *to)
{
    while (from < to && is_blank(*from)) {
        from++;
    }
    while (from < to && is_blank(to[-1])) {
        to--;
    }
    return (struct jv_text){from, (size_t)(to - from)};
}

/* A name is letters and digits and begins with a letter. */
static bool is_name(struct jv_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!is_alpha(c) && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return text.len > 0;
}

struct jv_text jv_text_trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (from < to && (to[-1] == ' ' || to[-1] == '\t')) {
        to--;
    }
    return (struct jv_text){from, (size_t)(to - from)};
}

bool jv_text_next(struct jv_text *rest, struct jv_text *entry_out)
{
    if (rest->at == NULL) {
        return false;
    }
    const char *end = rest->at + rest->len;
    const char *comma = memchr(rest->at, ',', rest->len);
    *entry_out = jv_text_trim(rest->at, comma != NULL ? comma : end);
    *rest = comma != NULL ? (struct jv_text){comma + 1, (size_t)(end - comma - 1)}
                          : (struct jv_text){NULL, 0};
    return true;
}

struct jv_ini jv_ini_init(const char *text, size_t len)
{
    return (struct jv_ini){text, len, 0};
}

/* The next line without its end; false at the end of the text. */
static bool take_line(struct jv_ini *ini, struct jv_text *line_out)
{
    if (ini->left == 0) {
        return false;
    }
    const char *end = memchr(ini->at, '\n', ini->left);
    size_t len = end != NULL ? (size_t)(end - ini->at) : ini->left;
    size_t step = end != NULL ? len + 1 : len;
    *line_out = (struct jv_text){ini->at, len};
    if (len > 0 && ini->at[len - 1] == '\r') {
        line_out->len--;
    }
    ini->at += step;
    ini->left -= step;
    ini->line++;
    return true;
}

static const char *problem_of_bytes(struct jv_text line)
{
    if (line.len > JV_INI_LINE_MAX) {
        return "is longer than 16384 characters";
    }
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return "has a control character";
        }
    }
    return NULL;
}

/* The line up to its comment. */
static struct jv_text without_comment(struct jv_text line)
{
    struct jv_text text = trimmed(line.at, line.at + line.len);
    if (text.len > 0 && text.at[0] == ';') {
        text.len = 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '#' && (i == 0 || is_blank(text.at[i - 1]))) {
            return trimmed(text.at, text.at + i);
        }
    }
    return text;
}

static enum jv_ini_kind read_section(struct jv_text text, struct jv_ini_item *item)
{
    if (text.len < 2 || text.at[text.len - 1] != ']') {
        item->problem = "is not a section: the closing ] is missing";
        return JV_INI_BAD;
    }
    struct jv_text inner = trimmed(text.at + 1, text.at + text.len - 1);
    const char *end = inner.at + inner.len;
    const char *cut = inner.at;
    while (cut < end && !is_blank(*cut)) {
        cut++;
    }
    item->name = (struct jv_text){inner.at, (size_t)(cut - inner.at)};
    item->value = trimmed(cut, end);
    if (!is_name(item->name)) {
        item->problem = "is not a section: [Name] or [Name title]";
        return JV_INI_BAD;
    }
    return JV_INI_SECTION;
}

static enum jv_ini_kind read_value(struct jv_text text, struct jv_ini_item *item)
{
    const char *equals = memchr(text.at, '=', text.len);
    if (equals == NULL) {
        item->problem = "is not a line of the form Key = value";
        return JV_INI_BAD;
    }
    item->name = trimmed(text.at, equals);
    item->value = trimmed(equals + 1, text.at + text.len);
    if (!is_name(item->name)) {
        item->problem = "has no key of letters and digits before the =";
        return JV_INI_BAD;
    }
    if (item->value.len == 0) {
        item->problem = "has no value after the =";
        return JV_INI_BAD;
    }
    return JV_INI_VALUE;
}

enum jv_ini_kind jv_ini_next(struct jv_ini *ini, struct jv_ini_item *item_out)
{
    struct jv_text line;
    while (take_line(ini, &line)) {
        *item_out = (struct jv_ini_item){.line = ini->line, .problem = problem_of_bytes(line)};
        if (item_out->problem != NULL) {
            return JV_INI_BAD;
        }
        struct jv_text text = without_comment(line);
        if (text.len > 0) {
            return text.at[0] == '[' ? read_section(text, item_out) : read_value(text, item_out);
        }
    }
    *item_out = (struct jv_ini_item){.line = ini->line};
    return JV_INI_END;
}
