/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session.h"
#include "solo.h"
#include "users.h"

static struct solo solo;

static int start(void **state)
{
    solo_cfg(&solo, JV_ROLE_GATEWAY);
    if (jv_ip_parse("10.9.0.77", &solo.users[1].address4) != JV_E_OK) {
        return -1;
    }
    solo_start(&solo);
    return 0;
}

static int stop(void **state)
{
    solo_stop(&solo);
    return 0;
}

static bool knows(uint8_t key, uint32_t *idx)
{
    struct jv_key public_key = solo_public(key);
    return jv_users_find(solo.core, &public_key, idx);
}

static void users_are_found_by_their_key(void **state)
{
    uint32_t idx = 99;
    for (uint8_t i = 0; i < SOLO_USERS; i++) {
        assert_true(knows((uint8_t)(0x11 + i), &idx));
        assert_int_equal(idx, i);
    }
    idx = 99;
    assert_false(knows(0x55, &idx));
    assert_int_equal(idx, 99);
}

static void users_keep_their_slot_in_another_list(void **state)
{
    uint32_t idx = 0;
    struct jv_user list[2] = {solo.users[3], solo.users[1]};
    list[0].psk = solo_key(0x77);
    list[0].name[0] = 'z';
    assert_int_equal(jv_users_replace(solo.core, list, 2, &solo.out), JV_E_OK);
    assert_true(knows(0x14, &idx));
    assert_int_equal(idx, 3);
    assert_int_equal(solo.core->users[3].user.psk.b[0], 0x77);
    assert_int_equal(solo.core->users[3].user.name[0], 'z');
    assert_true(knows(0x12, &idx));
    assert_int_equal(idx, 1);
    assert_false(knows(0x11, &idx));
    assert_false(knows(0x13, &idx));
}

static void users_beyond_the_maximum_change_nothing(void **state)
{
    uint32_t idx = 0;
    struct jv_user list[SOLO_USERS + 1];
    memcpy(list, solo.users, sizeof solo.users);
    list[SOLO_USERS] = solo.users[0];
    list[SOLO_USERS].public_key = solo_public(0x55);
    assert_int_equal(jv_users_replace(solo.core, list, SOLO_USERS + 1, &solo.out), JV_E_FULL);
    assert_true(knows(0x11, &idx));
    assert_false(knows(0x55, &idx));
    /* Nor do those go who are not in such a list. */
    for (uint32_t i = 0; i < SOLO_USERS + 1; i++) {
        list[i] = (struct jv_user){.public_key = solo_public((uint8_t)(0x60 + i))};
    }
    assert_int_equal(jv_users_replace(solo.core, list, SOLO_USERS + 1, &solo.out), JV_E_FULL);
    assert_true(knows(0x11, &idx));
    assert_false(knows(0x60, &idx));
}

static void users_fixed_address_passes_to_its_next_owner(void **state)
{
    struct jv_user list[2] = {solo.users[0], solo.users[2]};
    list[1].public_key = solo_public(0x55);
    list[1].address4 = solo.users[1].address4;
    assert_int_equal(jv_users_replace(solo.core, list, 2, &solo.out), JV_E_OK);
    uint32_t idx = 0;
    assert_true(knows(0x55, &idx));
    assert_false(knows(0x12, &idx));
}

static void users_fixed_address_of_another_changes_nothing(void **state)
{
    uint32_t idx = 0;
    struct jv_user list[2] = {solo.users[1], solo.users[2]};
    list[1].public_key = solo_public(0x55);
    list[1].address4 = solo.users[1].address4;
    assert_int_equal(jv_users_replace(solo.core, list, 2, &solo.out), JV_E_EXISTS);
    assert_false(knows(0x55, &idx));
    assert_true(knows(0x11, &idx));
}

static void users_that_go_end_their_session(void **state)
{
    struct jv_session *s = jv_session_open(solo.core, &solo.cfg.policy);
    assert_non_null(s);
    solo.core->count.sessions[JV_ST_BIRTH]--;
    solo.core->count.sessions[JV_ST_DEGRADED]++;
    s->state = JV_ST_DEGRADED;
    s->user = 2;
    solo.core->users[2].session = s->handle;
    assert_int_equal(jv_users_replace(solo.core, solo.users, 2, &solo.out), JV_E_OK);
    assert_int_equal(solo.core->count.ends_by_reason[JV_WHY_OPERATOR_TERMINATED], 1);
    bool ended = false;
    for (uint32_t i = 0; i < solo.out.records_len; i++) {
        ended = ended || solo.records[i].event == JV_REC_SessionTerminated;
    }
    assert_true(ended);
    assert_null(jv_core_session_at(solo.core, 0));
}

static void users_list_with_a_key_twice_is_refused_at_start(void **state)
{
    struct solo other;
    solo_cfg(&other, JV_ROLE_GATEWAY);
    other.cfg.users_len = 0;
    other.cfg.users = NULL;
    solo_start(&other);
    struct jv_user list[2] = {other.users[0], other.users[0]};
    assert_int_equal(jv_users_load(other.core, list, 2), JV_E_EXISTS);
    solo_stop(&other);
}

static void users_of_one_hash_are_told_apart_by_their_keys(void **state)
{
    uint32_t idx = 99;
    assert_int_equal(jv_users_replace(solo.core, solo.users, 3, &solo.out), JV_E_OK);
    struct jv_key stranger = solo_public(0x55);
    uint64_t hash = jv_siphash(solo.core->hash_key, stranger.b, JV_KEY_BYTES);
    assert_int_equal(jv_map_add(&solo.core->user_map, hash, 2), JV_E_OK);
    assert_false(knows(0x55, &idx));
    assert_int_equal(idx, 99);
}

static void users_list_longer_than_the_table_is_refused_at_start(void **state)
{
    struct solo other;
    struct jv_user list[SOLO_USERS + 1];
    solo_cfg(&other, JV_ROLE_GATEWAY);
    memcpy(list, other.users, sizeof other.users);
    list[SOLO_USERS] = other.users[0];
    list[SOLO_USERS].public_key = solo_public(0x55);
    other.cfg.users_len = 0;
    other.cfg.users = NULL;
    solo_start(&other);
    assert_int_equal(jv_users_load(other.core, list, SOLO_USERS + 1), JV_E_FULL);
    solo_stop(&other);
}

static void users_named_twice_count_once(void **state)
{
    uint32_t idx = 0;
    struct jv_user list[SOLO_USERS + 1];
    memcpy(list, solo.users, sizeof solo.users);
    list[SOLO_USERS] = solo.users[0];
    list[SOLO_USERS].psk = solo_key(0x66);
    assert_int_equal(jv_users_replace(solo.core, list, SOLO_USERS + 1, &solo.out), JV_E_OK);
    assert_true(knows(0x11, &idx));
    assert_int_equal(solo.core->users[idx].user.psk.b[0], 0x66); /* the last word counts */
    /* A key that is new and named twice is found out when it is added: the first one stays. */
    list[0].public_key = list[1].public_key = solo_public(0x55);
    assert_int_equal(jv_users_replace(solo.core, list, 2, &solo.out), JV_E_OK);
    assert_true(knows(0x55, &idx));
    assert_false(knows(0x11, &idx));
}

static void users_fixed_address_kept_by_themselves_is_no_conflict(void **state)
{
    uint32_t idx = 0;
    /* The address of somebody who goes passes on, also where free places of the table lie before his. */
    assert_int_equal(jv_users_replace(solo.core, solo.users + 1, 1, &solo.out), JV_E_OK);
    struct jv_user list[1] = {solo.users[0]};
    list[0].address4 = solo.users[1].address4;
    assert_int_equal(jv_users_replace(solo.core, list, 1, &solo.out), JV_E_OK);
    assert_true(knows(0x11, &idx));
    assert_false(knows(0x12, &idx));
    /* The same user again, with the address that is his. */
    assert_int_equal(jv_users_replace(solo.core, list, 1, &solo.out), JV_E_OK);
    assert_true(knows(0x11, &idx));
}

static void users_that_go_wait_for_room(void **state)
{
    uint32_t idx = 0;
    struct jv_out full = solo.out;
    full.records_len = full.records_cap;
    assert_int_equal(jv_users_replace(solo.core, solo.users, 2, &full), JV_E_AGAIN);
    assert_true(knows(0x13, &idx) && knows(0x14, &idx));
    full.records_len = 0;
    assert_int_equal(jv_users_replace(solo.core, solo.users, 2, &full), JV_E_OK);
    assert_false(knows(0x13, &idx) || knows(0x14, &idx));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(users_of_one_hash_are_told_apart_by_their_keys, start,
                                        stop),
        cmocka_unit_test_setup_teardown(users_list_longer_than_the_table_is_refused_at_start, start,
                                        stop),
        cmocka_unit_test_setup_teardown(users_named_twice_count_once, start, stop),
        cmocka_unit_test_setup_teardown(users_fixed_address_kept_by_themselves_is_no_conflict,
                                        start, stop),
        cmocka_unit_test_setup_teardown(users_that_go_wait_for_room, start, stop),
        cmocka_unit_test_setup_teardown(users_are_found_by_their_key, start, stop),
        cmocka_unit_test_setup_teardown(users_keep_their_slot_in_another_list, start, stop),
        cmocka_unit_test_setup_teardown(users_beyond_the_maximum_change_nothing, start, stop),
        cmocka_unit_test_setup_teardown(users_fixed_address_passes_to_its_next_owner, start, stop),
        cmocka_unit_test_setup_teardown(users_fixed_address_of_another_changes_nothing, start,
                                        stop),
        cmocka_unit_test_setup_teardown(users_that_go_end_their_session, start, stop),
        cmocka_unit_test_setup_teardown(users_list_with_a_key_twice_is_refused_at_start, start,
                                        stop)};
    return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
