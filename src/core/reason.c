/* SPDX-License-Identifier: Apache-2.0 */
#include "reason.h"

struct why_row {
    const char *name, *alias, *text;
};
static const struct why_row rows[JV_WHY_END] = {
    [JV_WHY_NONE] = {"NONE", "", "no reason"},
#define W(name, alias, lane, text) [JV_WHY_##name] = {#name, alias, text},
#include "reason.def"
#undef W
};

static const struct why_row *row_of(enum jv_why why)
{
    return &rows[why < JV_WHY_END ? why : JV_WHY_NONE];
}

const char *jv_why_name(enum jv_why why)
{
    return row_of(why)->name;
}

const char *jv_why_alias(enum jv_why why)
{
    return row_of(why)->alias;
}

const char *jv_why_text(enum jv_why why)
{
    return row_of(why)->text;
}

/* Compared byte by byte: the core links against mem* only, and a loop for the length would become a call of strlen(). */
enum jv_why jv_why_parse(const char *name, size_t len)
{
    for (enum jv_why why = JV_WHY_NONE + 1; why < JV_WHY_END; why++) {
        size_t n = 0;
        while (n < len && rows[why].name[n] == name[n] && name[n] != '\0') {
            n++;
        }
        if (n == len && rows[why].name[n] == '\0') {
            return why;
        }
    }
    return JV_WHY_NONE;
}
