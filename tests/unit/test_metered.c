/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "metered.h"
#include "pair.h"
#include "session.h"
#include "state.h"

static struct pair pair;
static struct pair_cfg cfg;

/* link0 is free, link1 metered, link2 metered as well; all alike otherwise. */
static int start(void **state)
{
    cfg = (struct pair_cfg){.seed = 5,
                            .links = 3,
                            .rtt_us = {20000, 20000, 20000},
                            .preset = JV_PRESET_FAST,
                            .no_aes = true};
    for (uint32_t i = 0; i < 3; i++) {
        cfg.terms[i].prefer = 100;
        cfg.terms[i].is_metered = i > 0;
    }
    pair_init(&pair, &cfg);
    return pair_attach(&pair, 2000) ? 0 : -1;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static const struct jv_path *bound(void)
{
    return jv_core_session_at(pair.client, 0)->bound;
}

static uint64_t probes_of(uint32_t link)
{
    const struct jv_path *paths = pair.client->client->paths;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (paths[i].used && paths[i].link == pair.links[link].handle) {
            return paths[i].probes_sent;
        }
    }
    return 0;
}

static void metered_path_is_probed_seldom(void **state)
{
    pair_run(&pair, 5000);
    uint64_t before = probes_of(1);
    pair_run(&pair, 300000);
    assert_in_range(probes_of(1) - before, 9, 13); /* one in 30 s; StandbyProbe is 1 s */
    assert_string_equal(bound()->name, "link0/udp");
}

static void metered_path_is_left_for_a_free_one_of_equal_preference(void **state)
{
    pair.links[0].hole_up = pair.links[0].hole_down = true;
    pair_run(&pair, 3000);
    assert_string_equal(bound()->name, "link1/udp");
    pair.links[0].hole_up = pair.links[0].hole_down = false;
    pair_run(&pair, 60000);
    assert_string_equal(bound()->name, "link0/udp");
    assert_int_equal(
        pair_count(&pair.log_c, JV_REC_SessionStateChange, JV_WHY_PREFERRED_PATH_AVAILABLE), 1);
}

static void metered_alarm_is_given_once_and_ends_with_its_cause(void **state)
{
    struct jv_session_status status;
    pair_link_down(&pair, 0);
    pair_run(&pair, 590000);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PolicyEvent, JV_WHY_METERED_IN_USE), 0);
    pair_link_down(&pair, 1); /* from one metered path to the other: the clock goes on */
    pair_run(&pair, 11000);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PolicyEvent, JV_WHY_METERED_IN_USE), 1);
    assert_true(pair_status(&pair, true, &status));
    assert_true(status.is_metered_alarm);
    assert_in_range(status.metered_ms, 600000, 602000);
    pair_run(&pair, 700000);
    assert_int_equal(pair_count(&pair.log_c, JV_REC_PolicyEvent, JV_WHY_METERED_IN_USE), 1);
    pair_link_up(&pair, 0);
    pair_run(&pair, 10000);
    assert_string_equal(bound()->name, "link0/udp");
    assert_true(pair_status(&pair, true, &status));
    assert_false(status.is_metered_alarm);
    assert_int_equal(status.metered_ms, 0);
}

static void metered_without_an_alarm_is_never_due(void **state)
{
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    pair_link_down(&pair, 0);
    pair_run(&pair, 2000);
    assert_true(bound()->is_metered);
    assert_false(jv_is_never(jv_metered_deadline(pair.client, s)));
    s->policy.metered_alarm_ms = 0;
    assert_true(jv_is_never(jv_metered_deadline(pair.client, s)));
    pair.client->now = pair.client->client->metered_since;
    assert_int_equal(jv_metered_ms(pair.client), 1); /* in use, if only just */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(metered_without_an_alarm_is_never_due, start, stop),
        cmocka_unit_test_setup_teardown(metered_path_is_probed_seldom, start, stop),
        cmocka_unit_test_setup_teardown(metered_path_is_left_for_a_free_one_of_equal_preference,
                                        start, stop),
        cmocka_unit_test_setup_teardown(metered_alarm_is_given_once_and_ends_with_its_cause, start,
                                        stop)};
    return cmocka_run_group_tests_name("metered", tests, NULL, NULL);
}
