/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h> /* before errqueue.h, which needs its struct timespec */

#include <errno.h>
#include <linux/errqueue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "udp.h"

static void udp_takes_own_stack_for_fact(void **state)
{
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_LOCAL, EHOSTUNREACH), JV_UDP_ERR_LOCAL);
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_LOCAL, ENETUNREACH), JV_UDP_ERR_LOCAL);
}

static void udp_takes_icmp_for_claim(void **state)
{
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_ICMP, ECONNREFUSED), JV_UDP_ERR_ICMP_UNREACHABLE);
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_ICMP, ENETUNREACH), JV_UDP_ERR_ICMP_UNREACHABLE);
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_ICMP6, EACCES), JV_UDP_ERR_ICMP_UNREACHABLE);
}

static void udp_tells_too_big_of_any_origin(void **state)
{
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_LOCAL, EMSGSIZE), JV_UDP_ERR_TOO_BIG);
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_ICMP, EMSGSIZE), JV_UDP_ERR_TOO_BIG);
    assert_int_equal(jv_udp_classify(SO_EE_ORIGIN_ICMP6, EMSGSIZE), JV_UDP_ERR_TOO_BIG);
}

static void udp_counts_missing_device_address_route_as_local(void **state)
{
    static const int facts[] = {ENETDOWN, ENODEV, ENXIO, EADDRNOTAVAIL, ENETUNREACH, EHOSTUNREACH};
    for (size_t i = 0; i < JV_ARRAY_LEN(facts); i++) {
        assert_true(jv_udp_is_local_fact(facts[i], false));
    }
    static const int others[] = {EAGAIN, ENOBUFS, EPERM, ECONNREFUSED, EMSGSIZE, EACCES};
    for (size_t i = 0; i < JV_ARRAY_LEN(others); i++) {
        assert_false(jv_udp_is_local_fact(others[i], true));
    }
}

static void udp_reads_einval_as_lost_source_only_with_source(void **state)
{
    assert_true(jv_udp_is_local_fact(EINVAL, true));
    assert_false(jv_udp_is_local_fact(EINVAL, false));
}

static void udp_refuses_no_family_and_long_device(void **state)
{
    struct jv_udp *udp = NULL;
    struct jv_udp_cfg cfg = {0};
    assert_int_equal(jv_udp_open(&cfg, &udp, NULL), JV_E_RANGE);
    cfg.local.ip.family = JV_AF_4;
    cfg.device = "sixteen-letters-";
    assert_int_equal(jv_udp_open(&cfg, &udp, NULL), JV_E_RANGE);
    assert_null(udp);
}

static void udp_refuses_a_shard_that_is_none(void **state)
{
    struct jv_udp *udp = NULL;
    struct jv_udp_cfg cfg = {.shard = 1};
    assert_int_equal(jv_endpoint_parse("127.0.0.1:4433", 0, &cfg.local), JV_E_OK);
    for (cfg.shards = 0; cfg.shards <= 1; cfg.shards++) {
        assert_int_equal(jv_udp_open(&cfg, &udp, NULL), JV_E_RANGE);
    }
    /* Not the first, and the port is the kernel's to choose. */
    cfg.local.port = 0;
    assert_int_equal(jv_udp_open(&cfg, &udp, NULL), JV_E_RANGE);
    assert_null(udp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_takes_own_stack_for_fact),
        cmocka_unit_test(udp_takes_icmp_for_claim),
        cmocka_unit_test(udp_tells_too_big_of_any_origin),
        cmocka_unit_test(udp_counts_missing_device_address_route_as_local),
        cmocka_unit_test(udp_reads_einval_as_lost_source_only_with_source),
        cmocka_unit_test(udp_refuses_no_family_and_long_device),
        cmocka_unit_test(udp_refuses_a_shard_that_is_none),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
