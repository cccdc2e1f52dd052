/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "loop.h"
#include "resolve.h"

struct seen {
    int calls;
    struct jv_resolve_answer answer;
    char name[64];
};

static struct jv_loop *loop;
static struct jv_resolve *resolve;

static int set_up(void **state)
{
    const struct jv_loop_hooks hooks = {0};
    /* A server that nobody is asked: the names below are answered without a query. */
    const struct jv_resolve_cfg cfg = {.servers = "127.0.0.1:9", .timeout_ms = 1, .tries = 1};
    assert_int_equal(jv_loop_open(&hooks, 8, &loop), JV_E_OK);
    assert_int_equal(jv_resolve_open(loop, &cfg, &resolve), JV_E_OK);
    return 0;
}

static int tear_down(void **state)
{
    jv_resolve_close(resolve);
    jv_loop_close(loop);
    return 0;
}

static void on_answer(void *arg, const char *name, const struct jv_resolve_answer *answer)
{
    struct seen *seen = arg;
    seen->calls++;
    seen->answer = *answer;
    strncpy(seen->name, name, sizeof(seen->name) - 1);
}

static void turn_until(const struct seen *seen)
{
    for (int i = 0; i < 20 && seen->calls == 0; i++) {
        assert_int_equal(jv_loop_turn(loop, 500), JV_E_OK);
    }
}

static void check_literal(const char *text, uint8_t family)
{
    struct seen seen = {0};
    assert_int_equal(jv_resolve_start(resolve, text, on_answer, &seen), JV_E_OK);
    assert_int_equal(seen.calls, 0);
    turn_until(&seen);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.answer.err, JV_E_OK);
    assert_int_equal(seen.answer.len, 1);
    assert_int_equal(seen.answer.ips[0].family, family);
    assert_string_equal(seen.name, text);
}

static void resolve_answers_literals_later_without_query(void **state)
{
    check_literal("192.0.2.7", JV_AF_4);
    check_literal("2001:db8::7", JV_AF_6);
}

static void resolve_refuses_empty_and_long_names(void **state)
{
    char name[255];
    memset(name, 'a', sizeof(name) - 1);
    name[254] = '\0';
    assert_int_equal(jv_resolve_start(resolve, "", on_answer, NULL), JV_E_RANGE);
    assert_int_equal(jv_resolve_start(resolve, name, on_answer, NULL), JV_E_RANGE);
}

static void resolve_keeps_silent_about_cancelled_queries(void **state)
{
    struct seen first = {0};
    struct seen second = {0};
    assert_int_equal(jv_resolve_start(resolve, "192.0.2.7", on_answer, &first), JV_E_OK);
    assert_int_equal(jv_resolve_start(resolve, "192.0.2.8", on_answer, &second), JV_E_OK);
    jv_resolve_cancel(resolve, &first);
    turn_until(&second);
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.calls, 1);
}

static void resolve_is_bounded(void **state)
{
    struct seen seen = {0};
    for (uint32_t i = 0; i < JV_RESOLVE_QUERIES_MAX; i++) {
        assert_int_equal(jv_resolve_start(resolve, "192.0.2.7", on_answer, &seen), JV_E_OK);
    }
    assert_int_equal(jv_resolve_start(resolve, "192.0.2.7", on_answer, &seen), JV_E_FULL);
    turn_until(&seen);
    assert_int_equal(seen.calls, JV_RESOLVE_QUERIES_MAX);
}

static void resolve_refuses_malformed_servers(void **state)
{
    struct jv_resolve *other = NULL;
    const struct jv_resolve_cfg cfg = {.servers = "not a server"};
    assert_int_equal(jv_resolve_open(loop, &cfg, &other), JV_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(resolve_answers_literals_later_without_query, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(resolve_refuses_empty_and_long_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resolve_keeps_silent_about_cancelled_queries, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(resolve_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resolve_refuses_malformed_servers, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
