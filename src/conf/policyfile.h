/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_POLICYFILE_H
#define JV_CONF_POLICYFILE_H
/*
 * policyfile -- the policy file: the YAML schema of the specification and the fields of policy.def
 * beyond it.
 *
 * Takes    one document: `version: "1.0"`, then the sections session, volatility, switching,
 *          transport, security, observability. Times are milliseconds, ratios decimals. Six fields
 *          are mandatory (P-01); what is absent has the value of `strict`.
 * Gives    every finding with its line, or a whole policy that passes jv_policy_check().
 * Limits   JV_POLICYFILE_BYTES; no anchors, aliases or tags.
 */
#include <stddef.h>
#include <stdio.h>

#include "base.h"
#include "diag.h"
#include "errors.h"
#include "policy.h"

#define JV_POLICYFILE_BYTES 65536U
#define JV_POLICYFILE_VERSION "1.0"

/*
 * JV_E_SYSTEM: the file cannot be read. JV_E_SYNTAX: something in it is wrong. Both are told in
 * `diag`.
 */
JV_MUST_USE enum jv_err jv_policyfile_load(const char *path, struct jv_policy *policy_out,
                                           struct jv_diag *diag);
JV_MUST_USE enum jv_err jv_policyfile_parse(const char *text, size_t len, const char *file,
                                            struct jv_policy *policy_out, struct jv_diag *diag);
/* Prints a file that parses again to the same policy. JV_E_SYSTEM where writing failed. */
JV_MUST_USE enum jv_err jv_policyfile_print(const struct jv_policy *policy, FILE *file);
#endif /* JV_CONF_POLICYFILE_H */
