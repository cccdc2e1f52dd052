/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "choice.h"
#include "client_state.h"
#include "health.h"
#include "pair.h"
#include "penalty.h"
#include "session.h"

static struct pair pair;
static struct jv_core *core;
static struct jv_session *s;
static struct jv_path *paths;

static int start(void **state)
{
    struct pair_cfg cfg = {.seed = 5,
                           .links = 3,
                           .rtt_us = {20000, 20000, 20000},
                           .preset = JV_PRESET_FAST,
                           .no_aes = true};
    for (uint32_t i = 0; i < 3; i++) {
        cfg.terms[i].prefer = 50;
    }
    pair_init(&pair, &cfg);
    if (!pair_attach(&pair, 2000)) {
        return -1;
    }
    pair_run(&pair, 3000);
    core = pair.client;
    core->now = (struct jv_instant){pair.now_ns};
    s = jv_core_session_at(core, 0);
    paths = core->client->paths;
    for (uint32_t i = 0; i < 3; i++) {
        paths[i].rtt = (struct jv_rtt){.any = true, .srtt_us = 42000, .jitter_us = 2000};
        jv_health_reset(core, &paths[i]);
    }
    return 0;
}

static int stop(void **state)
{
    pair_fini(&pair);
    return 0;
}

static enum jv_why why(uint32_t i, enum jv_choice_kind kind)
{
    return jv_choice_judge(core, s, &paths[i], kind).why;
}

static void choice_names_the_limit_that_denies(void **state)
{
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_NONE);
    paths[1].stable_since = core->now;
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_DWELL_ACTIVE);
    assert_int_equal(jv_choice_judge(core, s, &paths[1], JV_CHOICE_WISH).wait_ms, 2000);
    jv_health_loss(core, &paths[1], 250000, 0);
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_QUALITY_FLOOR_VIOLATION);
    jv_penalty_add(core, &paths[1], 5000, 5000);
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_PENALISED);
    paths[1].unanswered = 1;
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_NOT_PROVEN);
    paths[1].is_off = true;
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_OPERATOR_ORDER);
    s->switches_total = 1;
    s->last_switch = core->now;
    assert_int_equal(why(2, JV_CHOICE_WISH), JV_WHY_COOLDOWN_ACTIVE);
    s->switches_total = 0;
    const struct jv_rate rate = jv_session_switch_rate(s);
    while (jv_bucket_wait_ms(&s->switches, &rate, core->now) == 0) {
        assert_true(jv_bucket_take(&s->switches, &rate, core->now));
    }
    assert_int_equal(why(2, JV_CHOICE_WISH), JV_WHY_SWITCH_RATE_LIMITED);
}

static void choice_keeps_the_last_token_for_a_path_that_dies(void **state)
{
    const struct jv_rate rate = jv_session_switch_rate(s);
    for (uint32_t i = 1; i < s->policy.switch_burst; i++) {
        assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_NONE);
        assert_true(jv_bucket_take(&s->switches, &rate, core->now));
    }
    struct jv_choice choice = jv_choice_judge(core, s, &paths[1], JV_CHOICE_WISH);
    assert_int_equal(choice.why, JV_WHY_SWITCH_RATE_LIMITED);
    assert_int_equal(choice.rule, JV_RULE_SPARE_TOKEN);
    assert_true(choice.wait_ms > 0);
    assert_int_equal(jv_bucket_wait_ms(&s->switches, &rate, core->now), 0);
}

static void choice_by_quality_needs_the_factor(void **state)
{
    core->client->doubt.signals = 1;
    core->client->doubt.since = core->now;
    assert_int_equal(jv_health_score(core, &paths[0]), 500000);
    assert_int_equal(jv_choice_score_needed(core, s), 550000);
    paths[1].rtt.srtt_us = 33000; /* 550 000 of a million, and a little less after rounding */
    assert_int_equal(why(1, JV_CHOICE_QUALITY), JV_WHY_HYSTERESIS_ACTIVE);
    paths[1].rtt.srtt_us = 32000;
    assert_int_equal(why(1, JV_CHOICE_QUALITY), JV_WHY_NONE);
    assert_int_equal(why(2, JV_CHOICE_QUALITY), JV_WHY_HYSTERESIS_ACTIVE);
}

static void choice_margin_halves_while_the_doubt_lasts(void **state)
{
    core->client->doubt.signals = 1;
    core->client->doubt.since = core->now;
    uint64_t halving_ms = s->policy.hysteresis_halving_ms;
    core->now = jv_add_ms(core->now, halving_ms - 1);
    assert_int_equal(jv_choice_score_needed(core, s), 550000);
    core->now = jv_add_ms(core->now, 1);
    assert_int_equal(jv_choice_score_needed(core, s), 525000);
    core->now = jv_add_ms(core->now, 30 * halving_ms);
    assert_int_equal(jv_choice_score_needed(core, s), 500000);
    s->policy.enforce_hysteresis = 0;
    core->client->doubt.since = core->now;
    assert_int_equal(jv_choice_score_needed(core, s), 500000);
}

static void choice_says_why_a_path_is_not_bound(void **state)
{
    assert_int_equal(jv_choice_why_not(core, s, &paths[0]), JV_WHY_NONE);
    paths[0].stable_since = paths[1].stable_since;
    assert_int_equal(jv_choice_why_not(core, s, &paths[1]), JV_WHY_LATER_SLOT);
    paths[1].rtt.srtt_us = 1000;
    assert_int_equal(jv_choice_why_not(core, s, &paths[1]), JV_WHY_BOUND_PATH_WELL);
    paths[2].prefer = 60;
    paths[2].stable_since = core->now;
    assert_int_equal(jv_choice_why_not(core, s, &paths[2]), JV_WHY_DWELL_ACTIVE);
    jv_penalty_add(core, &paths[1], 1000, 1000);
    assert_int_equal(jv_choice_why_not(core, s, &paths[1]), JV_WHY_PENALISED);
}

static void choice_tells_one_denial_a_minute(void **state)
{
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    struct jv_out out = {.records = records, .records_cap = JV_OUT_RECORDS_MIN};
    const struct jv_choice dwell = {.why = JV_WHY_DWELL_ACTIVE, .wait_ms = 10};
    const struct jv_choice unproven = {.why = JV_WHY_NOT_PROVEN};
    jv_choice_deny(core, s, &paths[1], &dwell, &out);
    jv_choice_deny(core, s, &paths[1], &dwell, &out);
    jv_choice_deny(core, s, &paths[1], &unproven, &out);
    assert_int_equal(out.records_len, 1);
    assert_int_equal(jv_record_get(&records[0], JV_FD_dwell_left_ms, 0), 10);
    jv_choice_deny(core, s, &paths[2], &dwell, &out);
    jv_choice_deny(core, s, NULL, &unproven, &out);
    assert_int_equal(out.records_len, 3);
    core->now = jv_add_ms(core->now, 60000);
    jv_choice_deny(core, s, &paths[1], &dwell, &out);
    assert_int_equal(out.records_len, 4);
}

static void choice_of_a_capped_session_is_no_move_by_quality(void **state)
{
    paths[1].rtt.srtt_us = 1000;
    paths[0].rtt.srtt_us = 90000;
    assert_int_equal(why(1, JV_CHOICE_QUALITY), JV_WHY_NONE);
    core->client->is_capped = true;
    assert_int_equal(why(1, JV_CHOICE_QUALITY), JV_WHY_POLICY_DENIED);
    assert_int_equal(why(1, JV_CHOICE_WISH), JV_WHY_NONE); /* a wish is no flight from quality */
}

static void choice_says_of_a_cold_path_that_is_off_who_ordered_it(void **state)
{
    paths[1].is_cold = true;
    assert_int_equal(jv_choice_why_not(core, s, &paths[1]), JV_WHY_COLD_STANDBY);
    paths[1].is_off = true;
    assert_int_equal(jv_choice_why_not(core, s, &paths[1]), JV_WHY_OPERATOR_ORDER);
}

static void choice_margin_is_gone_when_the_doubt_is_old(void **state)
{
    core->client->doubt.signals = 1;
    core->client->doubt.since = core->now;
    uint32_t at_first = jv_choice_score_needed(core, s);
    core->now = jv_add_ms(core->now, 100ULL * s->policy.hysteresis_halving_ms);
    uint32_t later = jv_choice_score_needed(core, s);
    assert_true(later < at_first);
    assert_int_equal(later, jv_health_score(core, s->bound));
}

static void choice_record_names_what_a_path_costs(void **state)
{
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    struct jv_out out = {.records = records, .records_cap = JV_OUT_RECORDS_MIN};
    paths[2].cost = 7;
    jv_choice_record(core, s, &paths[1], &out);
    bool is_named = false;
    for (uint32_t i = 0; i < out.records_len; i++) {
        for (uint32_t k = 0; k < records[i].fields_len; k++) {
            is_named = is_named ||
                       (records[i].fields[k].key == JV_FD_cost && records[i].fields[k].value == 7);
        }
    }
    assert_true(is_named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(choice_of_a_capped_session_is_no_move_by_quality, start,
                                        stop),
        cmocka_unit_test_setup_teardown(choice_says_of_a_cold_path_that_is_off_who_ordered_it,
                                        start, stop),
        cmocka_unit_test_setup_teardown(choice_margin_is_gone_when_the_doubt_is_old, start, stop),
        cmocka_unit_test_setup_teardown(choice_record_names_what_a_path_costs, start, stop),
        cmocka_unit_test_setup_teardown(choice_names_the_limit_that_denies, start, stop),
        cmocka_unit_test_setup_teardown(choice_keeps_the_last_token_for_a_path_that_dies, start,
                                        stop),
        cmocka_unit_test_setup_teardown(choice_by_quality_needs_the_factor, start, stop),
        cmocka_unit_test_setup_teardown(choice_margin_halves_while_the_doubt_lasts, start, stop),
        cmocka_unit_test_setup_teardown(choice_says_why_a_path_is_not_bound, start, stop),
        cmocka_unit_test_setup_teardown(choice_tells_one_denial_a_minute, start, stop)};
    return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
