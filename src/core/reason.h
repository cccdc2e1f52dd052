/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_REASON_H
#define JV_CORE_REASON_H
/*
 * reason -- public reason codes, made from reason.def. Spelling and number are frozen at the first release.
 */
#include <stddef.h>
#include <stdint.h>

enum jv_why {
    JV_WHY_NONE = 0,
#define W(name, alias, lane, text) JV_WHY_##name,
#include "reason.def"
#undef W
    JV_WHY_END
};

/* Never NULL; NONE and unknown numbers give "NONE". */
const char *jv_why_name(enum jv_why why);
const char *jv_why_alias(enum jv_why why);
const char *jv_why_text(enum jv_why why);
/* JV_WHY_NONE where no code has this spelling. */
enum jv_why jv_why_parse(const char *name, size_t len);
#endif /* JV_CORE_REASON_H */
