/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

const char *jv_err_text(enum jv_err err)
{
    switch (err) {
#define E(name, value, class, text)                                                                \
    case JV_E_##name:                                                                              \
        return text;
#include "errors.def"
#undef E
    }
    return "unknown error";
}

enum jv_err_class jv_err_class_of(enum jv_err err)
{
    switch (err) {
#define E(name, value, class, text)                                                                \
    case JV_E_##name:                                                                              \
        return JV_ERR_##class;
#include "errors.def"
#undef E
    }
    /* A code outside the table is a bug of ours, so nothing may be retried because of it. */
    return JV_ERR_FATAL;
}
