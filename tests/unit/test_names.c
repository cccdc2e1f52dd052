/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct jv_ip ip(uint8_t last)
{
    return (struct jv_ip){.family = JV_AF_4, .b = {192, 0, 2, last}};
}

static void names_take_every_gateway_before_a_second_address(void **state)
{
    struct jv_config_gateways *gateways = calloc(1, sizeof(*gateways));
    struct jv_ip ips[JV_CONF_GATEWAYS_MAX][JV_ENDPOINT_MAX] = {0};
    uint32_t len[JV_CONF_GATEWAYS_MAX] = {2, 0, 1};
    struct jv_endpoint out[JV_ENDPOINT_MAX];
    gateways->len = 3;
    gateways->at[0].port = 4433;
    gateways->at[1] = (struct jv_config_gateway){
        .is_address = true, .endpoint = {.ip = ip(9), .port = 99}, .port = 99};
    gateways->at[2].port = 4434;
    ips[0][0] = ip(1);
    ips[0][1] = ip(2);
    ips[2][0] = ip(3);
    assert_int_equal(jv_names_merge(gateways, ips, len, out), 4);
    assert_int_equal(out[0].ip.b[3], 1);
    assert_int_equal(out[0].port, 4433);
    assert_int_equal(out[1].ip.b[3], 9);
    assert_int_equal(out[1].port, 99);
    assert_int_equal(out[2].ip.b[3], 3);
    assert_int_equal(out[2].port, 4434);
    assert_int_equal(out[3].ip.b[3], 2);
    free(gateways);
}

static void names_stop_at_the_number_that_a_session_takes(void **state)
{
    struct jv_config_gateways *gateways = calloc(1, sizeof(*gateways));
    struct jv_ip ips[JV_CONF_GATEWAYS_MAX][JV_ENDPOINT_MAX] = {0};
    uint32_t len[JV_CONF_GATEWAYS_MAX] = {JV_ENDPOINT_MAX, JV_ENDPOINT_MAX};
    struct jv_endpoint out[JV_ENDPOINT_MAX];
    gateways->len = 2;
    assert_int_equal(jv_names_merge(gateways, ips, len, out), JV_ENDPOINT_MAX);
    free(gateways);
}

static void names_add_what_the_gateway_tells_behind_what_its_names_give(void **state)
{
    struct jv_endpoint list[JV_ENDPOINT_MAX] = {{.ip = ip(1), .port = 1}, {.ip = ip(2), .port = 1}};
    struct jv_endpoint told[JV_ENDPOINT_MAX];
    for (uint32_t i = 0; i < JV_ENDPOINT_MAX; i++) {
        told[i] = (struct jv_endpoint){.ip = ip((uint8_t)(i + 2)), .port = 1};
    }
    assert_int_equal(jv_names_add(list, 2, told, 0), 2);
    assert_int_equal(jv_names_add(list, 2, told, 2), 3);
    assert_int_equal(list[2].ip.b[3], 3);
    assert_int_equal(jv_names_add(list, 3, told, JV_ENDPOINT_MAX), JV_ENDPOINT_MAX);
    assert_int_equal(list[0].ip.b[3], 1);
}

static void names_heed_a_lifetime_within_limits(void **state)
{
    assert_int_equal(jv_names_fresh_ms(0), JV_NAMES_FRESH_MS);
    assert_int_equal(jv_names_fresh_ms(1), JV_NAMES_TTL_MIN_MS);
    assert_int_equal(jv_names_fresh_ms(60), 60000);
    assert_int_equal(jv_names_fresh_ms(UINT32_MAX), JV_NAMES_FRESH_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_take_every_gateway_before_a_second_address),
        cmocka_unit_test(names_stop_at_the_number_that_a_session_takes),
        cmocka_unit_test(names_add_what_the_gateway_tells_behind_what_its_names_give),
        cmocka_unit_test(names_heed_a_lifetime_within_limits),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
