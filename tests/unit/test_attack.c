/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks that a script of tests/scenario cannot tell: they need the client's own keys with a wrong version, or a second session.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"
#include "pair.h"
#include "state.h"

static struct pair worlds[2];

static int open_worlds(void **state)
{
    for (uint64_t i = 0; i < 2; i++) {
        const struct pair_cfg cfg = {
            .seed = 1 + i, .links = 2, .rtt_us = {20000, 30000}, .preset = JV_PRESET_FAST};
        pair_init(&worlds[i], &cfg);
        assert_true(pair_attach(&worlds[i], 5000));
        pair_flow_start(&worlds[i], &worlds[i].up, 10000, 200);
        pair_flow_start(&worlds[i], &worlds[i].down, 10000, 200);
        pair_run(&worlds[i], 3000);
    }
    return 0;
}

static int close_worlds(void **state)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pair_leaked(&worlds[i], true), 0);
        assert_int_equal(pair_leaked(&worlds[i], false), 0);
        pair_fini(&worlds[i]);
    }
    return 0;
}

static struct jv_session *session(struct pair *p, bool client)
{
    struct jv_session *s = jv_core_session_at(client ? p->client : p->gateway, 0);
    assert_non_null(s);
    return s;
}

static uint64_t drops(const struct pair *p, enum jv_drop drop)
{
    struct jv_counters count;
    jv_core_counters(p->gateway, &count);
    return count.drops[drop];
}

static void order_switch(struct pair *p, uint32_t link)
{
    const struct jv_command command = {.kind = JV_CMD_SWITCH, .link = p->links[link].handle};
    assert_int_equal(pair_command(p, true, &command), JV_E_OK);
}

struct gateway_view {
    uint64_t v, switches, order;
    enum jv_state state;
    struct jv_endpoint remote;
};

static struct gateway_view look(struct pair *p)
{
    const struct jv_session *s = session(p, false);
    assert_non_null(s->bound);
    return (struct gateway_view){s->v, s->switches_total, s->order, s->state, s->bound->remote};
}

static void assert_unmoved(struct pair *p, const struct gateway_view *was)
{
    struct gateway_view is = look(p);
    assert_int_equal(is.v, was->v);
    assert_int_equal(is.switches, was->switches);
    assert_int_equal(is.state, was->state);
    assert_true(jv_endpoint_is_equal(&is.remote, &was->remote));
}

/* ATK-08: a proven request that knows less than the last commit. The honest client is told, and corrects itself. */
static void request_with_an_old_version_is_refused(void **state)
{
    struct pair *p = &worlds[0];
    order_switch(p, 1);
    pair_run(p, 1000);
    struct gateway_view was = look(p);
    session(p, true)->v = session(p, false)->commit.version - 1;
    order_switch(p, 0);
    pair_run(p, 15);
    assert_unmoved(p, &was);
    assert_int_equal(pair_count(&p->log_g, JV_REC_VersionMismatchReject, JV_WHY_NONE), 1);
    pair_run(p, 1000);
    assert_int_equal(pair_state(p, true), JV_ST_ATTACHED);
    assert_int_equal(look(p).switches, was.switches + 1);
}

/* ATK-09: a proven request with a version that the gateway has never had. */
static void request_with_a_future_version_is_refused(void **state)
{
    struct pair *p = &worlds[0];
    struct gateway_view was = look(p);
    uint64_t v = session(p, true)->v;
    session(p, true)->v = v + 5;
    order_switch(p, 1);
    pair_run(p, 100);
    assert_unmoved(p, &was);
    assert_true(pair_count(&p->log_g, JV_REC_VersionMismatchReject, JV_WHY_NONE) >= 1);
    assert_int_equal(pair_count(&p->log_g, JV_REC_TransportSwitch, JV_WHY_NONE), 0);
    session(p, true)->v = v;
    pair_run(p, 5000);
    assert_int_equal(pair_state(p, true), JV_ST_ATTACHED);
    assert_int_equal(pair_state(p, false), JV_ST_ATTACHED);
}

static void send_to_other(const struct pair_event *e)
{
    struct pair *b = &worlds[1];
    struct pair_event other = b->seen[JV_TYPE_TRAFFIC];
    struct pair_event copy = *e;
    struct jv_header header;
    struct jv_header as;
    assert_true(jv_header_decode(copy.bytes, &header));
    assert_true(jv_header_decode(other.bytes, &as));
    header.locator = as.locator;
    if (header.type == JV_TYPE_TRAFFIC) {
        header.counter = as.counter + 1000;
    }
    jv_header_encode(&header, copy.bytes);
    pair_inject(b, true, 1, &other.remote, copy.bytes, copy.len);
}

/* ATK-18: what the keys of one session sealed opens nothing in another, whatever its locator says. */
static void keys_of_another_session_open_nothing(void **state)
{
    struct pair *a = &worlds[0];
    struct pair *b = &worlds[1];
    order_switch(a, 1);
    pair_run(a, 1000);
    struct gateway_view was = look(b);
    uint64_t auth = drops(b, JV_DROP_AUTH);
    uint64_t control = drops(b, JV_DROP_CONTROL_AUTH);
    send_to_other(&a->seen[JV_TYPE_TRAFFIC]);
    send_to_other(&a->seen[JV_TYPE_REQUEST]);
    send_to_other(&a->seen[JV_TYPE_PROBE]);
    assert_int_equal(drops(b, JV_DROP_AUTH), auth + 1);
    assert_int_equal(drops(b, JV_DROP_CONTROL_AUTH), control + 2);
    assert_unmoved(b, &was);
    assert_int_equal(look(b).order, was.order);
    pair_run(b, 1000);
    assert_unmoved(b, &was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_with_an_old_version_is_refused, open_worlds,
                                        close_worlds),
        cmocka_unit_test_setup_teardown(request_with_a_future_version_is_refused, open_worlds,
                                        close_worlds),
        cmocka_unit_test_setup_teardown(keys_of_another_session_open_nothing, open_worlds,
                                        close_worlds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
