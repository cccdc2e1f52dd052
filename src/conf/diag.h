/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_DIAG_H
#define JV_CONF_DIAG_H
/*
 * diag -- what is wrong with a file of the operator, as lines that name place, value and what it
 * must be.
 *
 * Owns     the text of its lines, until jv_diag_fini().
 * Limits   JV_DIAG_MAX lines; what comes after them is counted in `dropped`.
 * Threads  one.
 */
#include <stdint.h>

#include "base.h"

#define JV_DIAG_MAX 50U
#define JV_DIAG_LINE_BYTES 512U /* longest line with its NUL; a longer one is cut */

/* Starts as all zero bytes: struct jv_diag diag = {0}. */
struct jv_diag {
    char *lines
        /* without newline: "home.conf:12: Cooldown is 5ms; it must be 100ms to 10min" */
        [JV_DIAG_MAX];
    uint32_t len;
    uint32_t errors; /* of the lines and of what was dropped; warnings are not counted */
    uint32_t
        policy_errors; /* those among them that concern the bounds of sessions: [Policy], [Limits], the policy file */
    uint32_t dropped; /* lines that found no room (or no memory) */
};

/* `line` 0: the finding concerns the whole file. */
void jv_diag_error(struct jv_diag *diag, const char *file, uint32_t line, const char *fmt, ...)
    JV_PRINTF(4, 5);
/* Says "warning: " after the place; the file is accepted all the same. */
void jv_diag_warn(struct jv_diag *diag, const char *file, uint32_t line, const char *fmt, ...)
    JV_PRINTF(4, 5);
/* Frees the lines; the diag can be used again. */
void jv_diag_fini(struct jv_diag *diag);
#endif /* JV_CONF_DIAG_H */
