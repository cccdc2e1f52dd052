/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "degraded.h"
#include "pair.h"
#include "session.h"
#include "state.h"

static struct pair pair;
static struct jv_policy policy;

static void begin(void)
{
    const struct pair_cfg cfg = {
        .seed = 5, .links = 2, .rtt_us = {20000, 30000}, .policy = &policy, .no_aes = true};
    pair_init(&pair, &cfg);
    assert_true(pair_attach(&pair, 2000));
}

static int start(void **state)
{
    policy = jv_policy_presets[JV_PRESET_STRICT];
    return 0;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static void degraded_pause_doubles_and_differs_by_session(void **state)
{
    begin();
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    struct jv_session other = *s;
    other.sid.b[3] ^= 1;
    uint32_t alike = 0;
    for (uint32_t i = 0; i < 12; i++) {
        uint64_t most =
            JV_MIN((uint64_t)policy.degraded_retry_ms << i, (uint64_t)policy.degraded_retry_max_ms);
        uint64_t wait = jv_degraded_backoff_ms(pair.client, s, i);
        assert_in_range(wait, most - most / 4, most);
        assert_int_equal(wait, jv_degraded_backoff_ms(pair.client, s, i));
        alike += wait == jv_degraded_backoff_ms(pair.client, &other, i) ? 1 : 0;
    }
    assert_true(alike < 4);
    assert_true(jv_degraded_backoff_ms(pair.client, s, UINT32_MAX) <= policy.degraded_retry_max_ms);
}

/* T-025: what many sessions lost together they do not ask for together. */
static void degraded_thousand_sessions_are_no_wave(void **state)
{
    begin();
    struct jv_session s = *jv_core_session_at(pair.client, 0);
    const uint32_t attempt = 5; /* the longest pause */
    uint64_t most = policy.degraded_retry_max_ms;
    uint32_t bins[10] = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        s.sid.b[0] = (uint8_t)i;
        s.sid.b[1] = (uint8_t)(i >> 8);
        uint64_t early = most - jv_degraded_backoff_ms(pair.client, &s, attempt);
        bins[JV_MIN(early * 10 / (most / 4), (uint64_t)9)]++;
    }
    for (uint32_t i = 0; i < 10; i++) {
        assert_in_range(bins[i], 60, 140);
    }
}

static bool swallow_requests(struct pair *p, const struct pair_event *e)
{
    return !e->to_gateway || (e->bytes[0] & 0x1f) != JV_TYPE_REQUEST;
}

static void degraded_recoveries_come_ever_more_seldom(void **state)
{
    policy.transport_lost_ttl_ms = 120000;
    policy.recovery_window_ms = 1000;
    policy.degraded_retry_max_ms = 30000;
    begin();
    pair.filter = swallow_requests;
    pair_link_down(&pair, 0);
    pair_run(&pair, 110000);
    uint32_t tries = pair_count(&pair.log_c, JV_REC_SessionStateChange, JV_WHY_RECOVERY_RETRY);
    assert_in_range(tries, 5, 9); /* without the pause there would be a hundred */
    assert_int_equal(pair_state(&pair, true), JV_ST_DEGRADED);
    pair.filter = NULL;
    pair_run(&pair, 31000);
    assert_int_equal(pair_state(&pair, true), JV_ST_TERMINATED); /* the TTL went on all the while */
}

static void degraded_news_of_a_path_ends_the_pause(void **state)
{
    policy.transport_lost_ttl_ms = 120000;
    policy.recovery_window_ms = 1000;
    policy.degraded_retry_ms = policy.degraded_retry_max_ms = 60000;
    begin();
    pair.filter = swallow_requests;
    pair_link_down(&pair, 0);
    pair_run(&pair, 3000);
    assert_int_equal(pair_state(&pair, true), JV_ST_DEGRADED);
    pair.filter = NULL;
    pair_run(&pair, 3000);
    assert_int_equal(pair_state(&pair, true), JV_ST_DEGRADED);
    pair_link_up(&pair, 0);
    pair_run(&pair, 500);
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
}

static void degraded_cap_of_entries_keeps_the_session_where_it_is(void **state)
{
    policy = jv_policy_presets[JV_PRESET_FAST];
    policy.volatile_entries_per_min = 3;
    policy.stability_window_ms = 100;
    begin();
    pair_flow_start(&pair, &pair.up, 10000, 200);
    pair_flow_start(&pair, &pair.down, 10000, 200);
    pair_link_down(&pair, 1);
    pair_run(&pair, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        pair.links[0].hole_up = pair.links[0].hole_down = true;
        pair_run(&pair, i < 3 ? 200 : 500);
        pair.links[0].hole_up = pair.links[0].hole_down = false;
        pair_run(&pair, i < 3 ? 2000 : 100);
    }
    assert_int_equal(pair_state(&pair, true), JV_ST_DEGRADED);
    assert_true(pair.client->client->is_capped);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < pair.log_c.len; i++) {
        rows += pair.log_c.records[i].rule == JV_RULE_ENTRIES ? 1 : 0;
    }
    assert_int_equal(rows, 1);
    pair_run(&pair, 5000); /* one clean window, doubled by each entry, leads home */
    assert_int_equal(pair_state(&pair, true), JV_ST_ATTACHED);
    assert_false(pair.client->client->is_capped);
}

/* A binding that is bad for ever ends the session, however often it goes from DEGRADED to RECOVERING and back. */
static void degraded_time_adds_up_over_recoveries(void **state)
{
    policy.degraded_max_ms = 20000;
    policy.recovery_window_ms = 1000;
    policy.degraded_retry_ms = 500;
    begin();
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    struct jv_out out = {.records = records, .records_cap = JV_OUT_RECORDS_MIN};
    pair_run(&pair, 1000);
    struct jv_step doubt = {.event = JV_EV_INSTABILITY_SEEN, .why = JV_WHY_VOLATILITY_SIGNAL};
    struct jv_step worse = {.event = JV_EV_INSTABILITY_PERSISTED, .why = JV_WHY_VOLATILE_PERSISTED};
    struct jv_step better = {.event = JV_EV_HEALTH_PROVEN, .why = JV_WHY_HEALTH_RECOVERED};
    struct jv_step over = {.event = JV_EV_RECOVERY_EXPIRED, .why = JV_WHY_RECOVERY_BOUNDS_EXCEEDED};
    pair.client->now = (struct jv_instant){pair.now_ns};
    s->rows = 0;
    assert_true(jv_session_apply(pair.client, s, &doubt, &out));
    assert_true(jv_session_apply(pair.client, s, &worse, &out));
    struct jv_instant first = s->degraded_max_at;
    assert_int_equal(jv_since_ms(pair.client->now, first), 20000);
    pair.client->now = jv_add_ms(pair.client->now, 15000);
    assert_true(jv_session_apply(pair.client, s, &better, &out));
    pair.client->now = jv_add_ms(pair.client->now, 1000);
    assert_true(jv_session_apply(pair.client, s, &over, &out));
    assert_int_equal(jv_since_ms(pair.client->now, s->degraded_max_at), 5000);
}

static void degraded_count_of_failures_does_not_wrap(void **state)
{
    begin();
    struct jv_session *s = jv_core_session_at(pair.client, 0);
    assert_non_null(s);
    pair.client->client->failed_recoveries = UINT32_MAX;
    uint64_t wait = jv_degraded_failed(pair.client, s);
    assert_int_equal(pair.client->client->failed_recoveries, UINT32_MAX);
    assert_in_range(wait, policy.degraded_retry_max_ms * 3ULL / 4 - 1,
                    policy.degraded_retry_max_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(degraded_count_of_failures_does_not_wrap, start, stop),
        cmocka_unit_test_setup_teardown(degraded_pause_doubles_and_differs_by_session, start, stop),
        cmocka_unit_test_setup_teardown(degraded_thousand_sessions_are_no_wave, start, stop),
        cmocka_unit_test_setup_teardown(degraded_recoveries_come_ever_more_seldom, start, stop),
        cmocka_unit_test_setup_teardown(degraded_news_of_a_path_ends_the_pause, start, stop),
        cmocka_unit_test_setup_teardown(degraded_cap_of_entries_keeps_the_session_where_it_is,
                                        start, stop),
        cmocka_unit_test_setup_teardown(degraded_time_adds_up_over_recoveries, start, stop)};
    return cmocka_run_group_tests_name("degraded", tests, NULL, NULL);
}
