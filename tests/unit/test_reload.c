/* SPDX-License-Identifier: Apache-2.0 */
#include "reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct pair {
    struct jv_config old, changed;
};

static int make_pair(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    pair->old.role = pair->changed.role = JV_CONFIG_GATEWAY;
    *state = pair;
    return 0;
}

static int free_pair(void **state)
{
    free(*state);
    return 0;
}

static void reload_takes_users_policy_and_transports(void **state)
{
    struct pair *pair = *state;
    pair->changed.users_len = 5;
    pair->changed.policy.dwell_ms = 1;
    pair->changed.transports_len = 2;
    memcpy(pair->changed.audit_file, "/x", 3);
    assert_null(jv_reload_blocker(&pair->old, &pair->changed));
}

static void reload_refuses_what_needs_a_restart(void **state)
{
    struct pair *pair = *state;
    pair->changed.gateway.private_key.key.b[3] = 1;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "PrivateKey");
    pair->changed.limits.sessions = 7;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "Sessions");
    pair->changed.interface[0] = 'x';
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "Interface");
    pair->changed.role = JV_CONFIG_CLIENT;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "the role");
}

static void reload_refuses_other_networks_of_a_client(void **state)
{
    struct pair *pair = *state;
    pair->old.role = pair->changed.role = JV_CONFIG_CLIENT;
    assert_null(jv_reload_blocker(&pair->old, &pair->changed));
    pair->changed.session.preshared.key.b[0] = 1;
    assert_null(jv_reload_blocker(&pair->old, &pair->changed));
    pair->changed.session.allowed_ips.len = 1;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "AllowedIPs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reload_takes_users_policy_and_transports, make_pair,
                                        free_pair),
        cmocka_unit_test_setup_teardown(reload_refuses_what_needs_a_restart, make_pair, free_pair),
        cmocka_unit_test_setup_teardown(reload_refuses_other_networks_of_a_client, make_pair,
                                        free_pair),
    };
    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
