/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct jv_prefix prefix(const char *text)
{
    struct jv_prefix out = {0};
    assert_int_equal(jv_prefix_parse(text, true, &out), JV_E_OK);
    return out;
}

static void setup_gives_the_gateway_the_first_address(void **state)
{
    char text[JV_ADDR_TEXT_BYTES];
    struct jv_prefix pool = prefix("10.80.0.0/16");
    struct jv_prefix own = jv_setup_gateway_address(&pool);
    jv_prefix_format(&own, text, sizeof(text));
    assert_string_equal(text, "10.80.0.1/16");
    pool = prefix("fd80:4a56::/64");
    own = jv_setup_gateway_address(&pool);
    jv_prefix_format(&own, text, sizeof(text));
    assert_string_equal(text, "fd80:4a56::1/64");
}

static void setup_keeps_the_host_bits_of_a_pool(void **state)
{
    char text[JV_ADDR_TEXT_BYTES];
    struct jv_prefix pool = prefix("10.80.0.254/16");
    struct jv_prefix own = jv_setup_gateway_address(&pool);
    jv_prefix_format(&own, text, sizeof(text));
    assert_string_equal(text, "10.80.0.254/16");
    own = jv_setup_gateway_address(&(struct jv_prefix){0});
    assert_int_equal(own.ip.family, JV_AF_NONE);
}

static void setup_refuses_a_user_with_too_many_networks(void **state)
{
    struct jv_config *config = calloc(1, sizeof(*config));
    struct jv_config_user user = {.name = "alice"};
    struct jv_user *users = NULL;
    uint32_t len = 0;
    char detail[JV_CONF_USER_BYTES] = "";
    config->users = &user;
    config->users_len = 1;
    user.allowed_ips.len = JV_USER_NETS_MAX + 1U;
    assert_int_equal(jv_setup_users(config, &users, &len, detail), JV_E_RANGE);
    assert_string_equal(detail, "alice");
    user.allowed_ips.len = JV_USER_NETS_MAX;
    assert_int_equal(jv_setup_users(config, &users, &len, detail), JV_E_OK);
    assert_int_equal(len, 1);
    assert_string_equal(users[0].name, "alice");
    jv_setup_users_free(users, len);
    free(config);
}

static void setup_fills_in_what_a_client_leaves_open(void **state)
{
    struct jv_config *config = calloc(1, sizeof(*config));
    struct jv_core_cfg *cfg = calloc(1, sizeof(*cfg));
    config->role = JV_CONFIG_CLIENT;
    config->session.allowed_ips.len = JV_CONF_PREFIXES_MAX;
    jv_setup_core(config, NULL, 0, cfg);
    assert_int_equal(cfg->role, JV_ROLE_CLIENT);
    assert_int_equal(cfg->mtu, JV_MTU_DEFAULT);
    assert_int_equal(cfg->allowed_len, JV_ARRAY_LEN(cfg->allowed));
    assert_int_equal(cfg->buffers, JV_SETUP_BUFFERS_CLIENT);
    free(cfg);
    free(config);
}

static void setup_takes_shards_by_processors_and_room(void **state)
{
    static const struct {
        uint32_t cpus, shards;
    } rows[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {5, 2}, {6, 3}, {16, 8}, {17, 8}, {200, 8}};
    struct jv_config *config = calloc(1, sizeof(*config));
    struct jv_core_cfg *cfg = calloc(1, sizeof(*cfg));
    assert_true(config != NULL && cfg != NULL);
    config->role = JV_CONFIG_GATEWAY;
    config->limits.sessions = 100;
    config->gateway.pool.v4 = prefix("10.80.0.0/16");
    jv_setup_core(config, NULL, 0, cfg);
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        assert_int_equal(jv_setup_shards(cfg, rows[i].cpus), rows[i].shards);
    }
    /* Three users of one home, and a share of one session for each of several shards. */
    struct jv_user users[3] = {0};
    cfg->sessions_max = 3;
    cfg->users = users;
    cfg->users_len = 3;
    assert_int_equal(jv_setup_shards(cfg, 16), 1);
    free(cfg);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup_gives_the_gateway_the_first_address),
        cmocka_unit_test(setup_keeps_the_host_bits_of_a_pool),
        cmocka_unit_test(setup_refuses_a_user_with_too_many_networks),
        cmocka_unit_test(setup_fills_in_what_a_client_leaves_open),
        cmocka_unit_test(setup_takes_shards_by_processors_and_room),
    };
    return cmocka_run_group_tests_name("setup", tests, NULL, NULL);
}
