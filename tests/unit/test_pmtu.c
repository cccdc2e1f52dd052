/* SPDX-License-Identifier: Apache-2.0 */
#include "pmtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct jv_pmtu p;

/* One size against a path that carries `carries` bytes; returns how many probes it took. */
static uint32_t answer(uint32_t carries)
{
    uint32_t asked = p.asked;
    uint32_t n = 0;
    assert_true(asked != 0);
    while (p.asked == asked && n < 20) {
        (void)jv_pmtu_sent(&p);
        n++;
        if (asked <= carries) {
            jv_pmtu_passed(&p);
            break;
        }
        assert_true(jv_pmtu_lost(&p, true));
    }
    return n;
}

static uint32_t search(uint32_t carries)
{
    uint32_t n = 0;
    while (p.asked != 0 && n < 1000) {
        n += answer(carries);
    }
    return n;
}

static void begin(uint32_t top)
{
    jv_pmtu_init(&p, top);
    jv_pmtu_search(&p);
}

static void pmtu_good_path_costs_one_probe(void **state)
{
    begin(1452);
    assert_int_equal(p.asked, 1452);
    assert_int_equal(search(1452), 1);
    assert_int_equal(jv_pmtu_bytes(&p), 1452);
    assert_false(jv_pmtu_is_narrow(&p));
}

static void pmtu_finds_what_usual_links_leave(void **state)
{
    /* IPv4 over 1492 (PPPoE), 1480 (6in4), 1476 (GRE), 1450 (VXLAN), 1420 (WireGuard), 1400, 1358 (LTE), 1340; IPv6 over 1400 and 1360. */
    static const uint32_t carries[] = {1464, 1452, 1448, 1422, 1392, 1372, 1330, 1312, 1352, 1312};
    for (size_t i = 0; i < sizeof carries / sizeof carries[0]; i++) {
        begin(1472);
        search(carries[i]);
        assert_in_range(jv_pmtu_bytes(&p), carries[i] - JV_PMTU_STEP + 1, carries[i]);
        assert_int_equal(jv_pmtu_bytes(&p) % 4 == 0, true);
    }
}

static void pmtu_true_claim_shortens_the_search_and_a_false_one_decides_nothing(void **state)
{
    begin(1452);
    uint32_t blind = search(1372);
    begin(1452);
    search(1452);
    jv_pmtu_verify(&p, 1372);
    assert_int_equal(p.asked, 1452);
    uint32_t told = search(1372) - (1 + JV_PMTU_FALL_LOST);
    assert_int_equal(jv_pmtu_bytes(&p), 1372);
    assert_true(told < blind);
    /* Whoever claims what is not so causes one probe. */
    begin(1452);
    search(1452);
    jv_pmtu_verify(&p, 600);
    assert_int_equal(search(1452), 1);
    assert_int_equal(jv_pmtu_bytes(&p), 1452);
}

static void pmtu_gives_up_a_size_only_where_small_probes_come_back(void **state)
{
    begin(1452);
    (void)jv_pmtu_sent(&p);
    assert_true(jv_pmtu_lost(&p, false)); /* alone */
    for (uint32_t i = 0; i + 1 < JV_PMTU_BARREN_MAX; i++) {
        assert_true(jv_pmtu_sent(&p));
        assert_true(jv_pmtu_lost(&p, false));
    }
    assert_true(jv_pmtu_sent(&p));
    assert_false(jv_pmtu_lost(&p, false)); /* a dead path says nothing about sizes */
    assert_int_equal(p.asked, 1452);
    assert_int_equal(p.failed, 0);
    assert_int_equal(jv_pmtu_bytes(&p), 1452);
}

static void pmtu_size_that_passed_falls_by_more_evidence(void **state)
{
    begin(1452);
    search(1452);
    jv_pmtu_verify(&p, 0);
    (void)jv_pmtu_sent(&p);
    assert_true(jv_pmtu_lost(&p, false));
    for (uint32_t i = 0; i + 1 < JV_PMTU_FALL_LOST; i++) {
        (void)jv_pmtu_sent(&p);
        assert_true(jv_pmtu_lost(&p, true));
        assert_int_equal(jv_pmtu_bytes(&p), 1452);
    }
    (void)jv_pmtu_sent(&p);
    assert_true(jv_pmtu_lost(&p, true));
    assert_int_equal(jv_pmtu_bytes(&p), JV_PMTU_BASE); /* taken for right until it is known */
    assert_int_equal(p.asked, JV_PMTU_BASE);
    search(1340);
    assert_in_range(jv_pmtu_bytes(&p), 1337, 1340);
}

static void pmtu_narrow_and_refused_paths(void **state)
{
    begin(1452);
    search(1272);
    assert_true(jv_pmtu_is_narrow(&p));
    assert_false(jv_pmtu_is_refused(&p));
    assert_int_equal(jv_pmtu_bytes(&p), 1272);
    begin(1452);
    search(300);
    assert_true(jv_pmtu_is_refused(&p));
    assert_int_equal(jv_pmtu_bytes(&p), JV_PMTU_FLOOR);
    /* Asked again it begins with the least, and is refused until that comes back. */
    jv_pmtu_search(&p);
    assert_int_equal(p.asked, JV_PMTU_FLOOR);
    assert_true(jv_pmtu_is_refused(&p));
    search(1452);
    assert_int_equal(jv_pmtu_bytes(&p), 1452);
    assert_false(jv_pmtu_is_refused(&p));
    jv_pmtu_init(&p, 500);
    assert_true(jv_pmtu_is_refused(&p));
}

static void pmtu_raise_asks_twice_where_nothing_has_changed(void **state)
{
    begin(1452);
    search(1372);
    jv_pmtu_raise(&p);
    assert_int_equal(search(1372), 2 * (1 + JV_PMTU_SEARCH_LOST));
    assert_int_equal(jv_pmtu_bytes(&p), 1372);
    jv_pmtu_raise(&p);
    assert_int_equal(search(1452), 1);
    assert_int_equal(jv_pmtu_bytes(&p), 1452);
    jv_pmtu_raise(&p);
    assert_int_equal(p.asked, 0);
}

static void pmtu_top_is_a_fact(void **state)
{
    begin(1452);
    search(1452);
    jv_pmtu_set_top(&p, 1372);
    assert_int_equal(jv_pmtu_bytes(&p), 1372);
    assert_int_equal(p.asked, 0); /* what is smaller passes too */
    jv_pmtu_set_top(&p, 1472);
    assert_int_equal(p.asked, 1472);
    assert_int_equal(jv_pmtu_bytes(&p), 1372);
    search(1472);
    assert_int_equal(jv_pmtu_bytes(&p), 1472);
    /* It falls below what is being asked. */
    begin(1452);
    (void)jv_pmtu_sent(&p);
    jv_pmtu_set_top(&p, 1400);
    assert_int_equal(p.asked, 1400);
    assert_int_equal(p.tries, 0);
    jv_pmtu_init(&p, 100000);
    assert_int_equal(p.top, JV_DATAGRAM_MAX);
}

static void pmtu_step_counts_end(void **state)
{
    begin(1452);
    jv_pmtu_search(&p);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(jv_pmtu_sent(&p), i > 0);
    }
    assert_int_equal(p.tries, UINT8_MAX);
    /* A search that runs is not begun anew. */
    uint32_t asked = p.asked;
    jv_pmtu_raise(&p);
    assert_int_equal(p.asked, asked);
    assert_int_equal(p.tries, UINT8_MAX);
}

static void pmtu_of_what_passed_once_does_not_shrink_by_a_smaller_answer(void **state)
{
    begin(1452);
    jv_pmtu_search(&p);
    (void)search(1452);
    assert_int_equal(p.size, 1452);
    p.asked = 600; /* a smaller one that was asked before */
    jv_pmtu_passed(&p);
    assert_int_equal(p.size, 1452);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pmtu_step_counts_end),
        cmocka_unit_test(pmtu_of_what_passed_once_does_not_shrink_by_a_smaller_answer),
        cmocka_unit_test(pmtu_good_path_costs_one_probe),
        cmocka_unit_test(pmtu_finds_what_usual_links_leave),
        cmocka_unit_test(pmtu_true_claim_shortens_the_search_and_a_false_one_decides_nothing),
        cmocka_unit_test(pmtu_gives_up_a_size_only_where_small_probes_come_back),
        cmocka_unit_test(pmtu_size_that_passed_falls_by_more_evidence),
        cmocka_unit_test(pmtu_narrow_and_refused_paths),
        cmocka_unit_test(pmtu_raise_asks_twice_where_nothing_has_changed),
        cmocka_unit_test(pmtu_top_is_a_fact),
    };
    return cmocka_run_group_tests_name("pmtu", tests, NULL, NULL);
}
