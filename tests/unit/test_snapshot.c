/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"
#include "pair.h"
#include "session.h"
#include "snapshot.h"
#include "solo.h"
#include "state.h"

static struct pair p;

static const struct pair_cfg two_links = {
    .seed = 12, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST};

static int begin(void **state)
{
    (void)state;
    pair_init(&p, &two_links);
    return pair_attach(&p, 300) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    pair_fini(&p);
    return 0;
}

static struct jv_session_status status(bool client)
{
    struct jv_session_status s;
    assert_true(pair_status(&p, client, &s));
    return s;
}

static void order(bool client, const struct jv_policy *policy, const struct jv_policy_clamp *clamp,
                  bool is_grace)
{
    struct jv_command command = {.kind = JV_CMD_POLICY, .policy = *policy, .is_grace = is_grace};
    if (clamp != NULL) {
        command.clamp = *clamp;
    }
    assert_int_equal(pair_command(&p, client, &command), JV_E_OK);
}

static void assert_agreed(void)
{
    struct jv_session_status c = status(true);
    struct jv_session_status g = status(false);
    assert_memory_equal(&c.policy, &g.policy, sizeof c.policy);
    assert_int_equal(c.policy_id, g.policy_id);
    assert_int_equal(c.policy_id, jv_policy_id(&c.policy));
}

/* PolicyChanged of the session, not of the process. */
static uint32_t changes(const struct pair_log *log)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < log->len; i++) {
        n += log->records[i].event == JV_REC_PolicyChanged &&
                     !jv_is_zero(log->records[i].sid.b, JV_SID_BYTES)
                 ? 1
                 : 0;
    }
    return n;
}

static void snapshot_of_both_ends_is_one(void **state)
{
    (void)state;
    assert_agreed();
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_FAST]));
}

static void snapshot_wanted_by_the_client_is_in_force_after_one_round_trip(void **state)
{
    struct jv_session_status before = status(true);
    (void)state;
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, false);
    pair_run(&p, 25);
    assert_agreed();
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_STRICT]));
    assert_int_equal(changes(&p.log_c), 1);
    assert_int_equal(changes(&p.log_g), 1);
    /* No row and no version belongs to it. */
    assert_int_equal(status(true).v, before.v);
    assert_int_equal(status(true).local, before.local);
    pair_run(&p, 120000);
    assert_int_equal(changes(&p.log_c), 1);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void snapshot_is_clamped_by_the_gateway(void **state)
{
    const struct jv_policy_clamp clamp = {.max_switches_per_min = 6};
    (void)state;
    order(false, &jv_policy_presets[JV_PRESET_MOBILE], &clamp, false);
    pair_run(&p, 100);
    assert_agreed();
    assert_int_equal(status(true).policy.max_switches_per_min, 6);
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, false);
    pair_run(&p, 100);
    assert_agreed();
    assert_int_equal(status(true).policy.max_switches_per_min, 6);
    assert_int_equal(status(true).policy.transport_lost_ttl_ms, 15000);
}

static void snapshot_of_a_widened_gateway_is_what_the_client_wants(void **state)
{
    const struct jv_policy_clamp tight = {.max_switches_per_min = 6};
    const struct jv_policy_clamp none = {0};
    (void)state;
    order(false, &jv_policy_presets[JV_PRESET_MOBILE], &tight, false);
    pair_run(&p, 100);
    order(false, &jv_policy_presets[JV_PRESET_MOBILE], &none, false);
    pair_run(&p, 100);
    assert_agreed();
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_FAST]));
}

static void snapshot_tightened_at_once_ends_what_is_too_old(void **state)
{
    const struct jv_policy_clamp clamp = {.max_lifetime_ms = 70000};
    (void)state;
    pair_run(&p, 65000);
    order(false, &jv_policy_presets[JV_PRESET_MOBILE], &clamp, false);
    pair_run(&p, 4000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    pair_run(&p, 2000);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionTerminated, JV_WHY_TTL_SESSION_EXPIRED), 1);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
}

static void snapshot_in_grace_waits_for_the_next_row(void **state)
{
    (void)state;
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, true);
    pair_run(&p, 60000);
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_FAST]));
    pair_link_down(&p, 0);
    pair_run(&p, 1000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_agreed();
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_STRICT]));
}

static void snapshot_in_grace_of_the_gateway_waits_for_its_next_row(void **state)
{
    const struct jv_policy_clamp clamp = {.max_switches_per_min = 6};
    (void)state;
    order(false, &jv_policy_presets[JV_PRESET_MOBILE], &clamp, true);
    pair_run(&p, 60000);
    assert_int_equal(status(false).policy.max_switches_per_min, 20);
    pair_link_down(&p, 0);
    pair_run(&p, 1000);
    assert_agreed();
    assert_int_equal(status(true).policy.max_switches_per_min, 6);
}

static bool swallow_first_down(struct pair *pair, const struct pair_event *event)
{
    uint32_t *left = pair->filter_arg;
    if (!event->to_gateway && *left > 0) {
        (*left)--;
        return false;
    }
    return true;
}

static void snapshot_survives_the_loss_of_its_answers(void **state)
{
    uint32_t left = 1;
    (void)state;
    p.filter = swallow_first_down;
    p.filter_arg = &left;
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, false);
    pair_run(&p, 5000);
    p.filter = NULL;
    assert_int_equal(left, 0);
    assert_agreed();
    assert_int_equal(changes(&p.log_g), 1);
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_STRICT]));
}

static void snapshot_waits_for_a_transport(void **state)
{
    (void)state;
    pair_link_down(&p, 0);
    pair_link_down(&p, 1);
    pair_run(&p, 100);
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, false);
    pair_run(&p, 3000);
    assert_int_equal(changes(&p.log_c), 0);
    pair_link_up(&p, 1);
    pair_run(&p, 3000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_agreed();
    assert_int_equal(changes(&p.log_c), 1);
}

static void invalid_policy_denies_births_and_leaves_sessions_alone(void **state)
{
    struct jv_counters count;
    (void)state;
    assert_int_equal(pair_command(&p, false, &(struct jv_command){.kind = JV_CMD_POLICY_INVALID}),
                     JV_E_OK);
    assert_true(jv_core_denies_births(p.gateway));
    assert_int_equal(pair_count(&p.log_g, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID), 1);
    pair_run(&p, 5000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    /* A running session keeps what it has, whatever it asks for. */
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, false);
    pair_run(&p, 1000);
    assert_agreed();
    assert_int_equal(status(true).policy_id, jv_policy_id(&jv_policy_presets[JV_PRESET_FAST]));
    /* Somebody new is told why not. */
    pair_restart_client(&p, &two_links);
    pair_run(&p, 3000);
    assert_int_equal(pair_count(&p.log_c, JV_REC_BirthRefused, JV_WHY_POLICY_INVALID), 1);
    jv_core_counters(p.gateway, &count);
    assert_int_equal(count.births, 1);
    order(false, &jv_policy_presets[JV_PRESET_MOBILE], NULL, false);
    assert_false(jv_core_denies_births(p.gateway));
}

static void invalid_policy_of_a_client_denies_its_own_births(void **state)
{
    (void)state;
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_POLICY_INVALID}),
                     JV_E_OK);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_UP}), JV_E_REFUSED);
    order(true, &jv_policy_presets[JV_PRESET_FAST], NULL, false);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_UP}), JV_E_OK);
    pair_run(&p, 2000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void snapshot_review_goes_a_few_sessions_at_a_time(void **state)
{
    static struct solo many;
    const uint32_t sessions = JV_SNAPSHOT_STEP + 8;
    (void)state;
    solo_cfg(&many, JV_ROLE_GATEWAY);
    many.cfg.sessions_max = sessions;
    solo_start(&many);
    for (uint32_t i = 0; i < sessions; i++) {
        struct jv_session *s = jv_session_open(many.core, &many.cfg.policy);
        assert_non_null(s);
        many.core->count.sessions[JV_ST_BIRTH]--;
        s->state = i == 0 ? JV_ST_BIRTH : i == 1 ? JV_ST_TERMINATED : JV_ST_DEGRADED;
        many.core->count.sessions[s->state]++;
    }
    many.core->cfg.clamp.max_switches_per_min = 6;
    jv_snapshot_sweep_begin(many.core, false);
    jv_snapshot_sweep(many.core, &many.out);
    for (uint32_t i = 0; i < sessions; i++) {
        const struct jv_session *s = jv_core_session_at(many.core, i);
        bool is_seen = i > 1 && i < JV_SNAPSHOT_STEP; /* neither one unborn nor one that is over */
        assert_int_equal(s->snapshot.is_due, is_seen);
        assert_int_equal(s->policy.max_switches_per_min == 6, is_seen);
    }
    assert_false(jv_is_never(jv_snapshot_sweep_deadline(many.core)));
    solo_drain(&many);
    many.core->cfg.clamp.max_lifetime_ms = 1; /* which no policy can keep */
    jv_snapshot_sweep(many.core, &many.out);
    const struct jv_session *last = jv_core_session_at(many.core, sessions - 1);
    assert_true(last->snapshot.is_due); /* asked all the same, and left as it is */
    assert_int_equal(last->policy.max_switches_per_min, many.cfg.policy.max_switches_per_min);
    assert_true(jv_is_never(jv_snapshot_sweep_deadline(many.core)));
    solo_stop(&many);
}

static void snapshot_question_without_an_answer_is_asked_once_a_minute(void **state)
{
    struct jv_session *s = jv_core_session_at(p.client, 0);
    (void)state;
    assert_non_null(s);
    order(true, &jv_policy_presets[JV_PRESET_STRICT], NULL, false);
    s->snapshot.tries = UINT32_MAX;
    p.client->now = (struct jv_instant){p.now_ns};
    static struct solo none; /* its arrays only */
    none.out = (struct jv_out){.tx = none.tx, .tx_cap = JV_OUT_TX_MIN};
    s->snapshot.is_due = true;
    s->snapshot.at = p.client->now;
    jv_snapshot_expire(p.client, s, &none.out);
    assert_int_equal(s->snapshot.tries, UINT32_MAX);
    assert_int_equal(s->snapshot.at.ns,
                     p.now_ns + (uint64_t)JV_SNAPSHOT_RETRY_MAX_MS * JV_NS_PER_MS);
    jv_core_give(p.client, none.out.tx, none.out.tx_len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(snapshot_review_goes_a_few_sessions_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(snapshot_question_without_an_answer_is_asked_once_a_minute,
                                        begin, end),
        cmocka_unit_test_setup_teardown(snapshot_of_both_ends_is_one, begin, end),
        cmocka_unit_test_setup_teardown(
            snapshot_wanted_by_the_client_is_in_force_after_one_round_trip, begin, end),
        cmocka_unit_test_setup_teardown(snapshot_is_clamped_by_the_gateway, begin, end),
        cmocka_unit_test_setup_teardown(snapshot_of_a_widened_gateway_is_what_the_client_wants,
                                        begin, end),
        cmocka_unit_test_setup_teardown(snapshot_tightened_at_once_ends_what_is_too_old, begin,
                                        end),
        cmocka_unit_test_setup_teardown(snapshot_in_grace_waits_for_the_next_row, begin, end),
        cmocka_unit_test_setup_teardown(snapshot_in_grace_of_the_gateway_waits_for_its_next_row,
                                        begin, end),
        cmocka_unit_test_setup_teardown(snapshot_survives_the_loss_of_its_answers, begin, end),
        cmocka_unit_test_setup_teardown(snapshot_waits_for_a_transport, begin, end),
        cmocka_unit_test_setup_teardown(invalid_policy_denies_births_and_leaves_sessions_alone,
                                        begin, end),
        cmocka_unit_test_setup_teardown(invalid_policy_of_a_client_denies_its_own_births, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
