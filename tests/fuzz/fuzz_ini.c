/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as sections and lines: items lie within the text, in its order, one a line at most, and hold no line end or NUL. */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lies_within(struct jv_text part, const char *text, size_t size)
{
    if (part.len > 0) {
        JV_ASSERT(part.at >= text && part.at + part.len <= text + size);
        JV_ASSERT(memchr(part.at, '\n', part.len) == NULL);
        JV_ASSERT(memchr(part.at, '\0', part.len) == NULL);
        JV_ASSERT(part.at[0] != ' ' && part.at[part.len - 1] != ' ');
    }
}

static void list_is_whole(struct jv_text value)
{
    struct jv_text rest = value;
    struct jv_text entry;
    size_t commas = 0;
    size_t entries = 0;
    for (size_t i = 0; i < value.len; i++) {
        commas += value.at[i] == ',' ? 1 : 0;
    }
    while (jv_text_next(&rest, &entry)) {
        JV_ASSERT(memchr(entry.len > 0 ? entry.at : "", ',', entry.len) == NULL);
        entries++;
    }
    JV_ASSERT(entries == commas + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct jv_ini ini = jv_ini_init(text, size);
    struct jv_ini_item item;
    enum jv_ini_kind kind;
    uint32_t line = 0;
    uint32_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n' ? 1 : 0;
    }
    while ((kind = jv_ini_next(&ini, &item)) != JV_INI_END) {
        JV_ASSERT(item.line > line && item.line <= lines);
        line = item.line;
        JV_ASSERT((kind == JV_INI_BAD) == (item.problem != NULL));
        if (kind != JV_INI_BAD) {
            lies_within(item.name, text, size);
            lies_within(item.value, text, size);
            JV_ASSERT(item.name.len > 0);
            JV_ASSERT(kind == JV_INI_SECTION || item.value.len > 0);
            if (item.value.len > 0) {
                list_is_whole(item.value);
            }
        }
    }
    return 0;
}
