/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control.h"
#include "session.h"
#include "solo.h"

static struct solo client, gateway;
static struct jv_session *cs, *gs;
static uint8_t body[JV_CONTROL_BODY_MAX];

static int start(void **state)
{
    solo_cfg(&client, JV_ROLE_CLIENT);
    solo_start(&client);
    solo_cfg(&gateway, JV_ROLE_GATEWAY);
    solo_start(&gateway);
    cs = jv_session_open(client.core, &client.cfg.policy);
    gs = jv_session_open(gateway.core, &gateway.cfg.policy);
    struct jv_key root = solo_key(9);
    if (cs == NULL || gs == NULL ||
        jv_keys_start(cs->keys, &root, &cs->sid, JV_SUITE_CHACHA20_POLY1305, true,
                      client.core->now) != JV_E_OK ||
        jv_keys_start(gs->keys, &root, &gs->sid, JV_SUITE_CHACHA20_POLY1305, false,
                      gateway.core->now) != JV_E_OK) {
        return -1;
    }
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)i;
    }
    return 0;
}

static int stop(void **state)
{
    jv_session_close(client.core, cs);
    jv_session_close(gateway.core, gs);
    solo_stop(&client);
    solo_stop(&gateway);
    return 0;
}

/* Let `from` seal a body; the datagram lies in a buffer of its core until solo_drain(). */
static struct jv_slot *seal(struct solo *from, struct jv_session *s, enum jv_type type, size_t len)
{
    const struct jv_control_to to = {.link = 3, .locator = 0xabcdef};
    assert_true(jv_control_send(from->core, &s->keys->epochs[JV_EPOCH_CURRENT], type, &to, body,
                                len, &from->out));
    assert_int_equal(from->out.tx_len, 1);
    assert_int_equal(from->tx[0].len, len + JV_CONTROL_OVERHEAD);
    assert_int_equal(from->tx[0].link, 3);
    return &from->tx[0];
}

static bool open_as(struct solo *at, struct jv_session *s, const struct jv_slot *slot, size_t len,
                    enum jv_drop *drop)
{
    struct jv_header header;
    struct jv_epoch *epoch = NULL;
    uint8_t got[JV_CONTROL_BODY_MAX];
    *drop = JV_DROPS;
    if (!jv_header_decode(slot->buf + slot->off, &header)) {
        *drop = JV_DROP_UNKNOWN_TYPE;
        return false;
    }
    bool opened = jv_control_open(at->core, s, &header, slot, len, got, &epoch, drop);
    if (opened) {
        assert_memory_equal(got, body, len);
        assert_int_equal(epoch->n, 1);
        assert_int_equal(*drop, JV_DROPS);
    } else {
        assert_null(epoch);
        assert_true(*drop < JV_DROPS);
    }
    return opened;
}

static void control_opens_on_the_other_side(void **state)
{
    enum jv_drop drop;
    assert_true(open_as(&gateway, gs, seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY),
                        JV_PROBE_BODY, &drop));
    assert_true(
        open_as(&client, cs, seal(&gateway, gs, JV_TYPE_ACK, JV_ACK_BODY), JV_ACK_BODY, &drop));
    solo_drain(&client);
    solo_drain(&gateway);
}

/* Sent back to its sender, a datagram is for the wrong direction. */
static void control_of_the_wrong_direction_fails(void **state)
{
    enum jv_drop drop;
    assert_false(open_as(&client, cs, seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY),
                         JV_PROBE_BODY, &drop));
    assert_int_equal(drop, JV_DROP_CONTROL_AUTH);
    assert_false(
        open_as(&gateway, gs, seal(&gateway, gs, JV_TYPE_ACK, JV_ACK_BODY), JV_ACK_BODY, &drop));
    assert_int_equal(drop, JV_DROP_CONTROL_AUTH);
    solo_drain(&client);
    solo_drain(&gateway);
}

static void control_with_any_changed_bit_fails(void **state)
{
    enum jv_drop drop;
    struct jv_slot *slot = seal(&client, cs, JV_TYPE_REQUEST, JV_REQUEST_BODY);
    uint8_t *at = slot->buf + slot->off;
    for (size_t bit = 0; bit < 8 * (size_t)slot->len; bit++) {
        at[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_false(open_as(&gateway, gs, slot, JV_REQUEST_BODY, &drop));
        size_t byte = bit / 8;
        if (byte > 0) { /* the first byte may turn into another type or into none */
            assert_int_equal(drop, byte == 1   ? JV_DROP_EPOCH
                                   : byte <= 7 ? JV_DROP_MALFORMED
                                               : JV_DROP_CONTROL_AUTH);
        }
        at[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_true(open_as(&gateway, gs, slot, JV_REQUEST_BODY, &drop));
    solo_drain(&client);
}

static void control_of_another_type_fails(void **state)
{
    enum jv_drop drop;
    struct jv_slot *slot = seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY);
    for (uint8_t type = JV_TYPE_BIRTH_INIT; type <= JV_TYPE_HINT; type++) {
        slot->buf[slot->off] = (uint8_t)(JV_WIRE_VERSION << 6 | type);
        assert_int_equal(open_as(&gateway, gs, slot, JV_PROBE_BODY, &drop), type == JV_TYPE_PROBE);
    }
    solo_drain(&client);
}

static void control_of_another_length_fails(void **state)
{
    enum jv_drop drop;
    struct jv_slot *slot = seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY);
    uint32_t len = slot->len;
    for (slot->len = JV_HEADER_BYTES; slot->len <= len + 16; slot->len++) {
        assert_int_equal(open_as(&gateway, gs, slot, JV_PROBE_BODY, &drop), slot->len == len);
        if (slot->len != len) {
            assert_int_equal(drop, JV_DROP_MALFORMED);
        }
    }
    slot->len = len;
    assert_false(open_as(&gateway, gs, slot, JV_PROBE_BODY - 1, &drop));
    assert_false(open_as(&gateway, gs, slot, JV_PROBE_BODY + 1, &drop));
    solo_drain(&client);
}

static void control_of_an_epoch_without_a_key_fails(void **state)
{
    enum jv_drop drop;
    struct jv_slot *slot = seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY);
    uint64_t n = gs->keys->epochs[JV_EPOCH_CURRENT].n;
    gs->keys->epochs[JV_EPOCH_CURRENT].n = 2;
    assert_false(open_as(&gateway, gs, slot, JV_PROBE_BODY, &drop));
    assert_int_equal(drop, JV_DROP_EPOCH);
    gs->keys->epochs[JV_EPOCH_CURRENT].n = n;
    solo_drain(&client);
}

/* One-time keys: two datagrams with the same body share no sealed byte run. */
static void control_never_seals_twice_alike(void **state)
{
    uint8_t first[JV_CONTROL_OVERHEAD + JV_PROBE_BODY];
    struct jv_slot *slot = seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY);
    memcpy(first, slot->buf + slot->off, sizeof first);
    solo_drain(&client);
    slot = seal(&client, cs, JV_TYPE_PROBE, JV_PROBE_BODY);
    assert_memory_equal(first, slot->buf + slot->off, JV_HEADER_BYTES);
    assert_memory_not_equal(first + 16, slot->buf + slot->off + 16, 16);
    assert_memory_not_equal(first + 32, slot->buf + slot->off + 32, 8);
    solo_drain(&client);
}

static void control_says_where_there_is_no_buffer_or_no_room(void **state)
{
    static struct jv_slot held[512];
    const struct jv_control_to to = {.link = 3};
    const struct jv_epoch *epoch = &cs->keys->epochs[JV_EPOCH_CURRENT];
    uint32_t n = jv_core_take(client.core, held, client.cfg.buffers);
    uint64_t drops = client.core->count.drops[JV_DROP_NO_BUFFER];
    assert_false(
        jv_control_send(client.core, epoch, JV_TYPE_PROBE, &to, body, JV_PROBE_BODY, &client.out));
    assert_int_equal(client.core->count.drops[JV_DROP_NO_BUFFER], drops + 1);
    jv_core_give(client.core, held, n);
    client.out.tx_cap = 0;
    assert_false(
        jv_control_send(client.core, epoch, JV_TYPE_PROBE, &to, body, JV_PROBE_BODY, &client.out));
    client.out.tx_cap = JV_OUT_TX_MIN;
    assert_int_equal(client.out.tx_len, 0);
    assert_int_equal(jv_core_take(client.core, held, client.cfg.buffers), n);
    jv_core_give(client.core, held, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_opens_on_the_other_side),
        cmocka_unit_test(control_of_the_wrong_direction_fails),
        cmocka_unit_test(control_with_any_changed_bit_fails),
        cmocka_unit_test(control_of_another_type_fails),
        cmocka_unit_test(control_of_another_length_fails),
        cmocka_unit_test(control_of_an_epoch_without_a_key_fails),
        cmocka_unit_test(control_never_seals_twice_alike),
        cmocka_unit_test(control_says_where_there_is_no_buffer_or_no_room)};
    return cmocka_run_group_tests_name("control", tests, start, stop);
}
