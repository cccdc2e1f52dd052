/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a policy file: refused with findings, or a policy that keeps every rule and survives printing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jv_policy policy;
    struct jv_policy again;
    struct jv_diag diag = {0};
    enum jv_policy_field field;
    enum jv_err err = jv_policyfile_parse((const char *)data, size, "fuzz.yaml", &policy, &diag);
    JV_ASSERT((err == JV_E_OK) == (diag.errors == 0));
    if (err == JV_E_OK) {
        char *text = NULL;
        size_t len = 0;
        JV_ASSERT(jv_policy_check(&policy, &field) == NULL);
        FILE *file = open_memstream(&text, &len);
        JV_ASSERT(file != NULL);
        JV_ASSERT(jv_policyfile_print(&policy, file) == JV_E_OK);
        JV_ASSERT(fclose(file) == 0);
        JV_ASSERT(jv_policyfile_parse(text, len, "fuzz.yaml", &again, &diag) == JV_E_OK);
        JV_ASSERT(memcmp(&policy, &again, sizeof(policy)) == 0);
        free(text);
    }
    jv_diag_fini(&diag);
    return 0;
}
