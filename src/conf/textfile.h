/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_TEXTFILE_H
#define JV_CONF_TEXTFILE_H
/*
 * textfile -- a whole file of the operator in memory.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base.h"
#include "diag.h"
#include "errors.h"

struct jv_textfile {
    char *text;
    size_t len;
    bool is_private; /* group and others have no right to it */
};

/*
 * Read the regular file `path` of at most `cap` bytes that nobody but its owner and its group may
 * write. JV_E_SYSTEM or JV_E_PERM, told in `diag` under the name `name`; nothing is held then.
 */
JV_MUST_USE enum jv_err jv_textfile_load(const char *path, size_t cap, const char *name,
                                         struct jv_textfile *out, struct jv_diag *diag);
/* Wipes the text: it may hold keys. */
void jv_textfile_free(struct jv_textfile *textfile);
/* The part of a path behind its last '/'. */
const char *jv_textfile_name(const char *path);
#endif /* JV_CONF_TEXTFILE_H */
