/* SPDX-License-Identifier: Apache-2.0 */
#include "diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an operator typed may hold anything; a terminal or a log gets printable text only. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            *text = '?';
        }
    }
}

static JV_PRINTF(5, 0) void add(struct jv_diag *diag, bool is_error, const char *file,
                                uint32_t line, const char *fmt, va_list args)
{
    char text[JV_DIAG_LINE_BYTES];
    int len = line > 0 ? snprintf(text, sizeof(text), "%s:%u: ", file, line)
                       : snprintf(text, sizeof(text), "%s: ", file);
    size_t used = len < 0 ? 0 : JV_MIN((size_t)len, sizeof(text) - 1);
    if (!is_error) {
        len = snprintf(text + used, sizeof(text) - used, "warning: ");
        used = JV_MIN(used + (len < 0 ? 0 : (size_t)len), sizeof(text) - 1);
    }
    (void)vsnprintf(text + used, sizeof(text) - used, fmt, args); /* a cut line is still a line */
    make_printable(text);
    diag->errors += is_error ? 1 : 0;
    char *copy = diag->len < JV_DIAG_MAX ? strdup(text) : NULL;
    if (copy == NULL) {
        diag->dropped++;
        return;
    }
    diag->lines[diag->len++] = copy;
}

void jv_diag_error(struct jv_diag *diag, const char *file, uint32_t line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(diag, true, file, line, fmt, args);
    va_end(args);
}

void jv_diag_warn(struct jv_diag *diag, const char *file, uint32_t line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(diag, false, file, line, fmt, args);
    va_end(args);
}

void jv_diag_fini(struct jv_diag *diag)
{
    for (uint32_t i = 0; i < diag->len; i++) {
        free(diag->lines[i]);
    }
    *diag = (struct jv_diag){0};
}
