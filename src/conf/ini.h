/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_INI_H
#define JV_CONF_INI_H
/*
 * ini -- a strict reader of sections and `Key = value` lines (docs/decisions/0002-ini-reader.md).
 *
 * Owns     nothing: items borrow from the text, so that a secret in it exists once and can be wiped
 *          there.
 * Takes    lines ended by LF or CRLF. '#' starts a comment at the begin of a line or after a blank;
 *          ';' only at the begin.
 * Gives    one item a call, in the order of the file, each with its line; a bad line is an item too
 *          and reading goes on.
 * Limits   JV_INI_LINE_MAX characters a line.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JV_INI_LINE_MAX 16384U

enum jv_ini_kind { JV_INI_END, JV_INI_SECTION, JV_INI_VALUE, JV_INI_BAD };

struct jv_text { /* a borrowed run of characters, without NUL */
    const char *at;
    size_t len;
};

/* Without the blanks and tabs at both ends. */
struct jv_text jv_text_trim(const char *from, const char *to);
/* Cut the next entry of a list with commas off `rest`; false at its end. An empty entry is given, and refused by its parser. */
bool jv_text_next(struct jv_text *rest, struct jv_text *entry_out);

struct jv_ini_item {
    uint32_t line;
    struct jv_text name;  /* of the section, or the key */
    struct jv_text value; /* of the key, never empty; title of a section, empty where it has none */
    const char *problem;  /* of a bad line: "is not ..." */
};

struct jv_ini {
    const char *at;
    size_t left;
    uint32_t line;
};

struct jv_ini jv_ini_init(const char *text, size_t len);
enum jv_ini_kind jv_ini_next(struct jv_ini *ini, struct jv_ini_item *item_out);
#endif /* JV_CONF_INI_H */
