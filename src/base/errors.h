/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_ERRORS_H
#define JV_BASE_ERRORS_H
/*
 * errors -- codes for what failed on this machine, 0 or negative, made from errors.def.
 *
 * A bad datagram is a counter (enum jv_drop), a refusal by policy is a reason (enum jv_why); neither is an error here.
 */
enum jv_err {
#define E(name, value, class, text) JV_E_##name = (value),
#include "errors.def"
#undef E
};

/* What a caller may do: try again, mend its arguments, blame the peer, or give up. */
enum jv_err_class { JV_ERR_RETRY, JV_ERR_CALLER, JV_ERR_PEER, JV_ERR_FATAL };

/* Never NULL; an unknown code gives "unknown error". */
const char *jv_err_text(enum jv_err err);
enum jv_err_class jv_err_class_of(enum jv_err err);
#endif /* JV_BASE_ERRORS_H */
