/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#define ORDERS JV_GATHER_ORDERS(2U)

static struct jv_gather *open_at(uint64_t first_seq)
{
    struct jv_gather *gather = NULL;
    assert_int_equal(jv_gather_open(first_seq, 2, &gather), JV_E_OK);
    return gather;
}

static struct jv_instant ms(uint64_t n)
{
    return (struct jv_instant){n * JV_NS_PER_MS};
}

static void put(struct jv_gather *gather, uint64_t seq, uint64_t at_ms)
{
    struct jv_record rec = {.seq = seq, .at = ms(at_ms)};
    jv_gather_put(gather, &rec, 1);
}

static bool is_ready(const struct jv_gather *gather)
{
    struct pollfd wait = {.fd = jv_gather_fd(gather), .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

static void gather_gives_records_by_number(void **state)
{
    struct jv_gather *gather = open_at(7);
    struct jv_record out[8];
    for (uint64_t i = 7; i < 11; i++) {
        assert_int_equal(jv_gather_seq(gather), i);
    }
    assert_false(is_ready(gather));
    put(gather, 9, 1);
    put(gather, 8, 1);
    assert_true(is_ready(gather));
    assert_int_equal(jv_gather_take(gather, ms(1), out, 8), 0);
    assert_false(is_ready(gather));
    put(gather, 7, 1);
    assert_int_equal(jv_gather_take(gather, ms(1), out, 2), 2);
    assert_int_equal(out[0].seq, 7);
    assert_int_equal(out[1].seq, 8);
    assert_int_equal(jv_gather_take(gather, ms(1), out, 8), 1);
    assert_int_equal(out[0].seq, 9);
    assert_int_equal(jv_gather_lost(gather), 0);
    jv_gather_close(gather);
    jv_gather_close(NULL);
}

static void gather_gives_a_number_up_that_does_not_come(void **state)
{
    struct jv_gather *gather = open_at(1);
    struct jv_record out[8];
    /* That nothing is there is no reason to give anything up. */
    assert_int_equal(jv_gather_take(gather, ms(0), out, 8), 0);
    assert_int_equal(jv_gather_take(gather, ms(100000), out, 8), 0);
    put(gather, 3, 100000);
    assert_int_equal(jv_gather_take(gather, ms(100000), out, 8), 0);
    assert_int_equal(jv_gather_take(gather, ms(100000 + JV_GATHER_WAIT_MS - 1U), out, 8), 0);
    assert_int_equal(jv_gather_take(gather, ms(100000 + JV_GATHER_WAIT_MS), out, 8), 1);
    assert_int_equal(out[0].seq, 3);
    put(gather, 2, 100000); /* too late */
    assert_int_equal(jv_gather_take(gather, ms(200000), out, 8), 0);
    assert_int_equal(jv_gather_lost(gather), 1);
    put(gather, 4, 100000);
    assert_int_equal(jv_gather_take(gather, ms(200000), out, 8), 1);
    jv_gather_close(gather);
}

static void gather_waits_for_nobody_at_the_end(void **state)
{
    struct jv_gather *gather = open_at(1);
    struct jv_record out[8];
    put(gather, 2, 5);
    put(gather, 9, 5);
    assert_int_equal(jv_gather_take(gather, ms(5), out, 8), 0);
    jv_gather_finish(gather);
    assert_int_equal(jv_gather_take(gather, ms(5), out, 8), 2);
    assert_int_equal(out[0].seq, 2);
    assert_int_equal(out[1].seq, 9);
    assert_int_equal(jv_gather_take(gather, ms(5), out, 8), 0);
    jv_gather_close(gather);
}

static void gather_counts_what_finds_no_room(void **state)
{
    struct jv_gather *gather = open_at(1);
    struct jv_record out[8];
    uint32_t taken = 0;
    for (uint64_t i = 1; i <= JV_GATHER_RECORDS + 2U; i++) {
        put(gather, i, 5);
    }
    assert_int_equal(jv_gather_lost(gather), 2);
    for (uint32_t n; (n = jv_gather_take(gather, ms(5), out, 8)) > 0;) {
        taken += n;
    }
    assert_int_equal(taken, JV_GATHER_RECORDS);
    put(gather, JV_GATHER_RECORDS + 3U, 5);
    assert_int_equal(jv_gather_take(gather, ms(5), out, 8), 0);
    assert_int_equal(jv_gather_take(gather, ms(5 + JV_GATHER_WAIT_MS), out, 8), 1);
    assert_int_equal(out[0].seq, JV_GATHER_RECORDS + 3U);
    jv_gather_close(gather);
}

static void gather_lets_no_moment_go_back(void **state)
{
    struct jv_gather *gather = open_at(1);
    struct jv_record out[8];
    put(gather, 1, 20);
    put(gather, 2, 19);
    put(gather, 3, 21);
    assert_int_equal(jv_gather_take(gather, ms(30), out, 8), 3);
    assert_int_equal(out[0].at.ns, ms(20).ns);
    assert_int_equal(out[1].at.ns, ms(20).ns);
    assert_int_equal(out[2].at.ns, ms(21).ns);
    jv_gather_close(gather);
}

static void gather_takes_orders_as_long_as_there_is_room(void **state)
{
    struct jv_gather *gather = open_at(1);
    struct jv_order *orders = calloc(ORDERS + 5U, sizeof(*orders));
    struct jv_order out;
    assert_non_null(orders);
    for (uint32_t i = 0; i < ORDERS + 5U; i++) {
        orders[i].mtu = i;
    }
    assert_int_equal(jv_gather_order(gather, orders, ORDERS + 5U), ORDERS);
    assert_true(is_ready(gather));
    assert_int_equal(jv_gather_order(gather, &orders[ORDERS], 5), 0);
    assert_false(jv_gather_has_refused(gather)); /* there is no room yet */
    assert_int_equal(jv_gather_take_orders(gather, &out, 1), 1);
    assert_int_equal(out.mtu, 0);
    assert_true(jv_gather_has_refused(gather));
    assert_false(jv_gather_has_refused(gather));
    assert_int_equal(jv_gather_order(gather, &orders[ORDERS], 5), 1);
    assert_false(jv_gather_has_refused(gather));
    for (uint32_t i = 1; i <= ORDERS; i++) {
        assert_int_equal(jv_gather_take_orders(gather, &out, 1), 1);
        assert_int_equal(out.mtu, i);
    }
    assert_int_equal(jv_gather_take_orders(gather, &out, 1), 0);
    free(orders);
    jv_gather_close(gather);
}

#define EACH 3000U

static void *draw_and_put(void *arg)
{
    struct jv_gather *gather = arg;
    for (uint32_t i = 0; i < EACH; i++) {
        struct jv_record rec = {.seq = jv_gather_seq(gather)};
        jv_gather_put(gather, &rec, 1);
    }
    return NULL;
}

static void gather_orders_what_threads_draw(void **state)
{
    struct jv_gather *gather = open_at(1);
    struct jv_record out[8];
    pthread_t threads[3];
    uint64_t seq = 0;
    uint64_t missing = 0;
    for (size_t i = 0; i < JV_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw_and_put, gather), 0);
    }
    /* The clock of this taker runs on where it waits in vain: what overran the ring is given up. */
    for (uint64_t now = 0; seq < JV_ARRAY_LEN(threads) * EACH; now++) {
        uint32_t n = jv_gather_take(gather, ms(now / 1000U), out, 8);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(out[i].seq > seq);
            missing += out[i].seq - seq - 1U;
            seq = out[i].seq;
        }
        if (missing + jv_gather_lost(gather) > 0 && now > 4000000U) {
            break;
        }
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(missing <= jv_gather_lost(gather));
    jv_gather_close(gather);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_gives_records_by_number),
        cmocka_unit_test(gather_gives_a_number_up_that_does_not_come),
        cmocka_unit_test(gather_waits_for_nobody_at_the_end),
        cmocka_unit_test(gather_counts_what_finds_no_room),
        cmocka_unit_test(gather_lets_no_moment_go_back),
        cmocka_unit_test(gather_takes_orders_as_long_as_there_is_room),
        cmocka_unit_test(gather_orders_what_threads_draw),
    };
    return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
