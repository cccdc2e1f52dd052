/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hooks.h"

static struct jv_config *config;
static struct jv_runner *runner;
static struct jv_hooks *hooks;
static uint32_t downs;

static void begin(const char *post_up, const char *pre_down, const char *transition)
{
    config = calloc(1, sizeof(*config));
    assert_non_null(config);
    (void)snprintf(config->hooks.post_up, sizeof(config->hooks.post_up), "%s", post_up);
    (void)snprintf(config->hooks.pre_down, sizeof(config->hooks.pre_down), "%s", pre_down);
    (void)snprintf(config->hooks.on_transition, sizeof(config->hooks.on_transition), "%s",
                   transition);
    struct jv_runner_cfg cfg = {.process = "jvd-test", .config = config};
    assert_int_equal(jv_runner_start(&cfg, &runner), JV_E_OK);
    assert_int_equal(jv_hooks_open(NULL, runner, config, &hooks), JV_E_OK);
    downs = 0;
}

static int end(void **state)
{
    (void)state;
    jv_hooks_close(hooks);
    jv_runner_close(runner);
    free(config);
    return 0;
}

static void on_down(void *arg)
{
    (void)arg;
    downs++;
}

/* One event of the loop. */
static void take_answer(void)
{
    struct pollfd p = {.fd = jv_runner_fd(runner), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1);
    jv_hooks_on_answer(hooks);
}

static struct jv_record transition(void)
{
    struct jv_record rec = {.row = JV_ROW_FIRST, .from = JV_ST_BIRTH, .to = JV_ST_ATTACHED};
    memcpy(rec.path, "eth 0/udp", 10); /* a blank is no letter of a request */
    return rec;
}

static void hooks_run_transitions_one_by_one(void **state)
{
    struct jv_record recs[3] = {transition(), transition(), transition()};
    (void)state;
    begin("", "", "/bin/true");
    recs[1].row = JV_ROW_NONE; /* no transition */
    jv_hooks_records(hooks, recs, 3);
    assert_true(jv_runner_is_busy(runner));
    take_answer();
    assert_true(jv_runner_is_busy(runner));
    take_answer();
    assert_false(jv_runner_is_busy(runner));
    assert_int_equal(jv_hooks_counts(hooks).ok, 2);
}

static void hooks_drop_and_count_what_the_queue_cannot_take(void **state)
{
    struct jv_record rec = transition();
    (void)state;
    begin("", "", "/bin/false");
    for (uint32_t i = 0; i < JV_HOOKS_QUEUE + 10U; i++) {
        jv_hooks_records(hooks, &rec, 1);
    }
    /* One is with the process, the queue is full. */
    assert_int_equal(jv_hooks_counts(hooks).dropped, 9);
    for (uint32_t i = 0; i <= JV_HOOKS_QUEUE; i++) {
        take_answer();
    }
    assert_false(jv_runner_is_busy(runner));
    assert_int_equal(jv_hooks_counts(hooks).failed, JV_HOOKS_QUEUE + 1U);
}

static void hooks_run_post_up_once_and_before_what_waits(void **state)
{
    struct jv_record rec = transition();
    (void)state;
    begin("exit 1", "", "/bin/true");
    jv_hooks_records(hooks, &rec, 1);
    jv_hooks_records(hooks, &rec, 1);
    jv_hooks_up(hooks);
    jv_hooks_up(hooks);
    take_answer();
    take_answer();
    assert_int_equal(jv_hooks_counts(hooks).ok, 1);
    assert_int_equal(jv_hooks_counts(hooks).failed, 1);
    take_answer();
    assert_int_equal(jv_hooks_counts(hooks).ok, 2);
    assert_false(jv_runner_is_busy(runner));
}

static void hooks_let_the_end_wait_for_pre_down(void **state)
{
    (void)state;
    begin("", "true", "");
    assert_false(jv_hooks_down(hooks, on_down, NULL)); /* it was never up */
    jv_hooks_up(hooks);
    assert_true(jv_hooks_down(hooks, on_down, NULL));
    assert_int_equal(downs, 0);
    take_answer();
    assert_int_equal(downs, 1);
    assert_false(jv_hooks_down(NULL, on_down, NULL));
}

static void hooks_at_the_end_run_what_waits(void **state)
{
    struct jv_record rec = transition();
    (void)state;
    begin("", "", "/bin/true");
    jv_hooks_records(hooks, &rec, 1);
    jv_hooks_records(hooks, &rec, 1);
    jv_hooks_drain(hooks);
    assert_false(jv_runner_is_busy(runner));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hooks_run_transitions_one_by_one, end),
        cmocka_unit_test_teardown(hooks_drop_and_count_what_the_queue_cannot_take, end),
        cmocka_unit_test_teardown(hooks_run_post_up_once_and_before_what_waits, end),
        cmocka_unit_test_teardown(hooks_let_the_end_wait_for_pre_down, end),
        cmocka_unit_test_teardown(hooks_at_the_end_run_what_waits, end),
    };
    return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
