/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a client core against a gateway core in virtual time and prints every datagram that one of them sends: a birth, data, a rekey, a
 * jump away from a black hole, a rebinding, the end. check_session.py opens all of them by docs/protocol.md alone.
 */
#include "json.h"
#include "pair.h"

#define SEED 20261121U

static bool dump(struct pair *p, const struct pair_event *event)
{
    struct json *j = p->filter_arg;
    json_open(j, NULL, '[');
    json_number(j, NULL, event->to_gateway ? 0 : 1);
    json_number(j, NULL, event->link);
    json_hex(j, NULL, event->bytes, event->len);
    json_close(j, ']');
    return true;
}

static void packets(struct pair *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        pair_packet(p, true, 100);
        pair_packet(p, false, 100);
        pair_run(p, 10);
    }
}

int main(void)
{
    static struct pair p;
    struct json j = {.to = stdout};
    struct jv_policy policy = jv_policy_presets[JV_PRESET_FAST];
    const struct pair_cfg cfg = {
        .seed = SEED, .links = 2, .rtt_us = {20000, 30000}, .policy = &policy, .no_aes = true};
    policy.key_max_age_ms = 20000; /* a rekey after ten seconds */
    pair_init(&p, &cfg);
    p.filter = dump;
    p.filter_arg = &j;
    json_open(&j, NULL, '{');
    json_number(&j, "client_entropy_state", cfg.seed * 3 + 1);
    json_open(&j, "datagrams", '[');
    bool attached = pair_attach(&p, 1000);
    packets(&p, 20);
    pair_run(&p, 10500);
    packets(&p, 10);
    p.links[0].hole_up = p.links[0].hole_down = true;
    packets(&p, 40);
    p.links[0].hole_up = p.links[0].hole_down = false;
    pair_rebind(&p, 1);
    packets(&p, 40);
    const struct jv_command down = {.kind = JV_CMD_DOWN};
    enum jv_err err = pair_command(&p, true, &down);
    pair_run(&p, 100);
    json_close(&j, ']');
    json_close(&j, '}');
    bool ended = pair_state(&p, false) == JV_ST_TERMINATED || p.ended > 0;
    pair_fini(&p);
    return attached && err == JV_E_OK && ended ? 0 : 1;
}
