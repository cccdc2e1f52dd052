/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "session.h"
#include "solo.h"

static struct pair p;
static struct solo solo;
static const struct pair_cfg one_link = {
    .seed = 41, .links = 1, .rtt_us = {20000}, .preset = JV_PRESET_FAST};

static int begin(void **state)
{
    pair_init(&p, &one_link);
    return pair_attach(&p, 300) ? 0 : -1;
}

static int end(void **state)
{
    pair_fini(&p);
    return 0;
}

static int start_gateway(void **state)
{
    solo_cfg(&solo, JV_ROLE_GATEWAY);
    solo_start(&solo);
    return 0;
}

static int start_client(void **state)
{
    solo_cfg(&solo, JV_ROLE_CLIENT);
    solo_start(&solo);
    return 0;
}

static int stop(void **state)
{
    solo_stop(&solo);
    return 0;
}

static enum jv_err give(const struct jv_command *command)
{
    return jv_core_command(solo.core, solo.core->now, command, &solo.out);
}

/* A session without a transport, of user `n`. */
static struct jv_session *add_session(uint32_t n)
{
    struct jv_session *s = jv_session_open(solo.core, &solo.cfg.policy);
    assert_non_null(s);
    solo.core->count.sessions[JV_ST_BIRTH]--;
    solo.core->count.sessions[JV_ST_DEGRADED]++;
    s->state = JV_ST_DEGRADED;
    s->user = n;
    s->sid.b[0] = (uint8_t)(n + 1);
    solo.core->users[n].session = s->handle;
    return s;
}

static uint32_t records_of(enum jv_event_type event)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < solo.out.records_len; i++) {
        n += solo.records[i].event == event ? 1 : 0;
    }
    return n;
}

static void gateway_refuses_what_only_a_client_can_do(void **state)
{
    const enum jv_command_kind kinds[] = {JV_CMD_ENDPOINTS, JV_CMD_UP,          JV_CMD_SWITCH,
                                          JV_CMD_HOLD,      JV_CMD_PROBE,       JV_CMD_PATH_OFF,
                                          JV_CMD_PATH_ON,   JV_CMD_PATH_PREFER, JV_CMD_PSK};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(kinds); i++) {
        assert_int_equal(give(&(struct jv_command){.kind = kinds[i], .hold_ms = JV_HOLD_MIN_MS}),
                         JV_E_STATE);
    }
    assert_int_equal(solo.out.records_len + solo.out.tx_len + solo.out.orders_len, 0);
}

static void gateway_takes_links_and_sleep_as_none_of_its_business(void **state)
{
    const enum jv_command_kind kinds[] = {JV_CMD_LINK_ADDED, JV_CMD_LINK_GONE, JV_CMD_LINK_DOUBTED,
                                          JV_CMD_LINK_MTU, JV_CMD_WOKE};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(kinds); i++) {
        assert_int_equal(give(&(struct jv_command){.kind = kinds[i], .link = 1}), JV_E_OK);
    }
    assert_int_equal(solo.out.records_len + solo.out.tx_len + solo.out.orders_len, 0);
}

static void client_refuses_what_only_a_gateway_can_do(void **state)
{
    assert_int_equal(give(&(struct jv_command){.kind = JV_CMD_USERS}), JV_E_STATE);
    assert_int_equal(give(&(struct jv_command){.kind = JV_CMD_SWITCH, .link = 1}), JV_E_STATE);
}

static void command_of_no_kind_is_out_of_range(void **state)
{
    assert_int_equal(give(&(struct jv_command){.kind = (enum jv_command_kind)99}), JV_E_RANGE);
    assert_int_equal(solo.out.records_len, 0);
}

static void command_without_room_for_its_answer_is_not_begun(void **state)
{
    struct jv_out full = solo.out;
    uint32_t *lens[] = {&full.tx_len, &full.tun_len, &full.records_len, &full.orders_len};
    const uint32_t caps[] = {full.tx_cap, full.tun_cap, full.records_cap, full.orders_cap};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(lens); i++) {
        *lens[i] = caps[i];
        assert_int_equal(jv_core_command(solo.core, solo.core->now,
                                         &(struct jv_command){.kind = JV_CMD_POLICY_INVALID},
                                         &full),
                         JV_E_AGAIN);
        assert_false(jv_core_denies_births(solo.core));
        *lens[i] = 0;
    }
    assert_int_equal(jv_core_command(solo.core, solo.core->now,
                                     &(struct jv_command){.kind = JV_CMD_POLICY_INVALID}, &full),
                     JV_E_OK);
    assert_true(jv_core_denies_births(solo.core));
}

static void down_of_one_session_leaves_the_others(void **state)
{
    struct jv_session *a = add_session(0);
    struct jv_session *b = add_session(1);
    struct jv_command down = {.kind = JV_CMD_DOWN, .sid = a->sid};
    uint32_t idx = a->handle.idx;
    assert_int_equal(give(&down), JV_E_OK);
    assert_null(jv_core_session_at(solo.core, idx));
    assert_int_equal(b->state, JV_ST_DEGRADED);
    assert_int_equal(records_of(JV_REC_SessionTerminated), 1);
    /* It is not there any more, and what never was is not there either. */
    assert_int_equal(give(&down), JV_E_NOTFOUND);
    down.sid.b[5] = 0x55;
    assert_int_equal(give(&down), JV_E_NOTFOUND);
    assert_int_equal(records_of(JV_REC_SessionTerminated), 1);
}

static void down_of_a_client_session_by_its_id_ends_it_once(void **state)
{
    struct jv_session_status c;
    assert_true(pair_status(&p, true, &c));
    struct jv_command down = {.kind = JV_CMD_DOWN, .sid = c.sid};
    down.sid.b[0] ^= 1;
    assert_int_equal(pair_command(&p, true, &down), JV_E_NOTFOUND);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    down.sid = c.sid;
    assert_int_equal(pair_command(&p, true, &down), JV_E_OK);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    assert_int_equal(pair_command(&p, true, &down), JV_E_NOTFOUND);
    assert_int_equal(p.ended, 1);
}

static void down_of_all_ends_as_many_as_there_is_room_for(void **state)
{
    const struct jv_command down = {.kind = JV_CMD_DOWN};
    for (uint32_t i = 0; i < SOLO_USERS; i++) {
        (void)add_session(i);
    }
    uint32_t calls = 1;
    uint32_t ended = 0;
    solo.out.orders_cap = JV_ROOM_ORDERS; /* room for one end, and no more */
    while (give(&down) == JV_E_AGAIN) {
        ended += records_of(JV_REC_SessionTerminated);
        assert_int_equal(ended, calls);
        solo_drain(&solo);
        calls++;
        assert_true(calls < 20);
    }
    assert_int_equal(calls, SOLO_USERS);
    assert_int_equal(solo.core->sessions.used, 0);
    solo_drain(&solo);
    assert_int_equal(give(&down), JV_E_OK); /* nobody is left, and that is no error */
}

static void policy_that_is_in_force_changes_nothing_and_any_other_does(void **state)
{
    struct jv_command command = {.kind = JV_CMD_POLICY, .policy = solo.cfg.policy};
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 0);
    command.clamp.max_lifetime_ms = 100000;
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 1);
    command.clamp.transport_lost_ttl_ms = 5000;
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 2);
    command.clamp.heartbeat_min_ms = 100;
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 3);
    command.clamp.max_switches_per_min = 3;
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 4);
    command.clamp.has_bounds = true;
    command.clamp.bounds = solo.cfg.policy;
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 5);
    command.clamp.bounds.max_lifetime_ms++;
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 6);
    assert_int_equal(give(&command), JV_E_OK);
    assert_int_equal(records_of(JV_REC_PolicyChanged), 6);
}

static void policy_that_is_valid_again_lets_the_birth_begin(void **state)
{
    const struct jv_command invalid = {.kind = JV_CMD_POLICY_INVALID};
    struct jv_command valid = {.kind = JV_CMD_POLICY, .policy = jv_policy_presets[JV_PRESET_FAST]};
    pair_restart_client(&p, &one_link);
    /* The birth is due at once; the operator's policy breaks before it begins. */
    assert_int_equal(pair_command(&p, true, &invalid), JV_E_OK);
    pair_run(&p, 2000);
    assert_int_equal(pair_state(&p, true), JV_ST_END);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_UP}), JV_E_REFUSED);
    assert_int_equal(pair_command(&p, true, &valid), JV_E_OK);
    assert_true(pair_attach(&p, 500));
    /* With a session there is nothing that would begin. */
    assert_int_equal(pair_command(&p, true, &invalid), JV_E_OK);
    assert_int_equal(pair_command(&p, true, &valid), JV_E_OK);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionCreated, JV_WHY_NONE), 2);
}

static void policy_of_a_client_without_a_session_counts_for_the_next_one(void **state)
{
    struct jv_command command = {.kind = JV_CMD_POLICY,
                                 .policy = jv_policy_presets[JV_PRESET_STRICT]};
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK); /* beside the one that is over */
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_UP}), JV_E_OK);
    assert_true(pair_attach(&p, 3000));
    struct jv_session_status c;
    assert_true(pair_status(&p, true, &c));
    assert_int_equal(c.switches_limit, jv_policy_presets[JV_PRESET_STRICT].max_switches_per_min);
    pair_fini(&p);
    pair_init(&p, &one_link); /* and during a birth */
    pair_run(&p, 12);
    assert_int_equal(pair_state(&p, true), JV_ST_BIRTH);
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK);
    assert_true(pair_attach(&p, 3000));
}

static void psk_of_before_is_tried_while_the_gateway_has_it_yet(void **state)
{
    struct jv_command rotate = {.kind = JV_CMD_PSK};
    memset(rotate.psk.b, 0x45, sizeof rotate.psk.b);
    memset(rotate.psk_previous.b, 0x44, sizeof rotate.psk_previous.b);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(pair_command(&p, true, &rotate), JV_E_OK);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_UP}), JV_E_OK);
    assert_true(pair_attach(&p, 1000));
    /* Neither of two foreign ones opens it. */
    memset(rotate.psk_previous.b, 0x46, sizeof rotate.psk_previous.b);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(pair_command(&p, true, &rotate), JV_E_OK);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_UP}), JV_E_OK);
    assert_false(pair_attach(&p, 2000));
    struct jv_counters c;
    jv_core_counters(p.client, &c);
    assert_true(c.drops[JV_DROP_BIRTH_AUTH] > 0);
}

int main(void)
{
#define SOLO(name, role) cmocka_unit_test_setup_teardown(name, start_##role, stop)
#define PAIR(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        SOLO(gateway_refuses_what_only_a_client_can_do, gateway),
        SOLO(gateway_takes_links_and_sleep_as_none_of_its_business, gateway),
        SOLO(client_refuses_what_only_a_gateway_can_do, client),
        SOLO(command_of_no_kind_is_out_of_range, client),
        SOLO(command_of_no_kind_is_out_of_range, gateway),
        SOLO(command_without_room_for_its_answer_is_not_begun, client),
        SOLO(command_without_room_for_its_answer_is_not_begun, gateway),
        SOLO(down_of_one_session_leaves_the_others, gateway),
        PAIR(down_of_a_client_session_by_its_id_ends_it_once),
        SOLO(down_of_all_ends_as_many_as_there_is_room_for, gateway),
        SOLO(policy_that_is_in_force_changes_nothing_and_any_other_does, gateway),
        PAIR(policy_that_is_valid_again_lets_the_birth_begin),
        PAIR(policy_of_a_client_without_a_session_counts_for_the_next_one),
        PAIR(psk_of_before_is_tried_while_the_gateway_has_it_yet),
    };
#undef SOLO
#undef PAIR
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
