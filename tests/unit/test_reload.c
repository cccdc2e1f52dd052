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
    static struct jv_config_user users[2];
    users[0].public_key.key.b[0] = 1;
    users[1].public_key.key.b[0] = 2;
    pair->old.users = users;
    pair->old.users_len = 1;
    pair->changed.users = users;
    pair->changed.users_len = 2;
    pair->changed.policy.dwell_ms = 1;
    pair->changed.transports_len = 2;
    memcpy(pair->old.audit_file, "/w", 3);
    memcpy(pair->changed.audit_file, "/x", 3);
    assert_null(jv_reload_blocker(&pair->old, &pair->changed));
}

static void reload_refuses_what_needs_a_restart(void **state)
{
    struct pair *pair = *state;
    pair->changed.gateway.shards = 2;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "Shards");
    pair->changed.gateway.private_key.key.b[3] = 1;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "PrivateKey");
    pair->changed.limits.sessions = 7;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "Sessions of [Limits]");
    pair->changed.interface[0] = 'x';
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "Interface");
    pair->changed.role = JV_CONFIG_CLIENT;
    assert_string_equal(jv_reload_blocker(&pair->old, &pair->changed), "the role");
}

static void reload_refuses_another_address_of_a_known_user(void **state)
{
    struct pair *pair = *state;
    static struct jv_config_user was, is;
    was.public_key.key.b[0] = is.public_key.key.b[0] = 1;
    pair->old.users = &was;
    pair->changed.users = &is;
    pair->old.users_len = pair->changed.users_len = 1;
    is.preshared.key.b[0] = 7;
    is.name[0] = 'x';
    assert_null(jv_reload_blocker(&pair->old, &pair->changed));
    is.address.v4 = (struct jv_ip){.family = JV_AF_4, .b = {10, 0, 0, 9}};
    assert_non_null(strstr(jv_reload_blocker(&pair->old, &pair->changed), "Address"));
    is.public_key.key.b[0] = 2; /* another user */
    assert_null(jv_reload_blocker(&pair->old, &pair->changed));
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
        cmocka_unit_test_setup_teardown(reload_refuses_another_address_of_a_known_user, make_pair,
                                        free_pair),
        cmocka_unit_test_setup_teardown(reload_refuses_other_networks_of_a_client, make_pair,
                                        free_pair),
    };
    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
