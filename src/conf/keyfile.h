/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_KEYFILE_H
#define JV_CONF_KEYFILE_H
/*
 * keyfile -- private and pre-shared keys on disk: one line of base64, readable by their owner
 * alone.
 */
#include <stddef.h>

#include "base.h"
#include "crypto.h"
#include "errors.h"

#define JV_KEYFILE_WHY_BYTES 384U /* always suffices for `why_out` */

/*
 * Read the key of `path`: a regular file, owned by root or by the user of this process, without any
 * right for group and others, holding 44 characters of base64 and at most one newline. JV_E_SYSTEM,
 * JV_E_PERM or JV_E_SYNTAX otherwise, with a sentence in `why_out` that follows "PATH: it "; the
 * key stays untouched then. No copy of the key remains anywhere but in `key_out`.
 */
JV_MUST_USE enum jv_err jv_keyfile_load(const char *path, struct jv_key *key_out,
                                        char why_out[JV_KEYFILE_WHY_BYTES]);
#endif /* JV_CONF_KEYFILE_H */
