/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of any numbers: check, clamp, id, and the form on the wire.
 *
 * eva: core/policy.c
 */
#include "any.h"
#include "policy.h"

static struct jv_policy wanted, got;
static struct jv_policy_clamp clamp;

int main(void)
{
    enum jv_policy_field field = 0;
    any_bytes(&wanted, sizeof wanted);
    any_bytes(&clamp, sizeof clamp);
    clamp.has_bounds = any_bool();
    (void)jv_policy_check(&wanted, &field);
    (void)jv_policy_id(&wanted);
    (void)jv_policy_clamp(&wanted, &clamp, &got);
    return 0;
}
