/* SPDX-License-Identifier: Apache-2.0 */
/* Two whole cores with poisoned keys: births, data, jumps, rekeys, ends, and each kind of forgery on the way. */
#include <stdio.h>
#include <string.h>

#include "client_state.h"
#include "pair.h"
#include "poison.h"
#include "state.h"

#define GATEWAY_LINK 1U /* the socket of the pair's gateway */

static struct pair p;

static struct jv_counters counters(bool client)
{
    struct jv_counters c;
    jv_core_counters(client ? p.client : p.gateway, &c);
    return c;
}

static uint64_t drops(bool client, enum jv_drop drop)
{
    return counters(client).drops[drop];
}

static const struct jv_keys *keys_of(bool client)
{
    return jv_core_session_at(client ? p.client : p.gateway, 0)->keys;
}

/* The keys that the whole test is about must still be secret to valgrind at this point. */
static bool are_keys_secret(bool client)
{
    const struct jv_core *core = client ? p.client : p.gateway;
    const struct jv_epoch *epoch = &keys_of(client)->epochs[JV_EPOCH_CURRENT];
    return is_poisoned(&core->own.private_key, JV_KEY_BYTES) &&
           is_poisoned(&epoch->root, JV_KEY_BYTES) && is_poisoned(&epoch->control, JV_KEY_BYTES) &&
           (client ? is_poisoned(&core->cfg.psk, JV_KEY_BYTES)
                   : is_poisoned(core->token_key, JV_KEY_BYTES) &&
                         is_poisoned(&core->cookies.secret, JV_KEY_BYTES) &&
                         is_poisoned(&core->users[0].user.psk, JV_KEY_BYTES));
}

static struct pair_cfg config(bool aes)
{
    return (struct pair_cfg){.seed = 31,
                             .links = 2,
                             .rtt_us = {20000, 20000},
                             .preset = JV_PRESET_FAST,
                             .buffers = 512,
                             .no_aes = !aes};
}

/* Again to the gateway, with one byte changed, from where it came or from elsewhere. */
static void forge(const struct pair_event *seen, uint32_t at, bool elsewhere)
{
    struct pair_event e = *seen;
    e.bytes[at] ^= 1;
    e.remote.port = (uint16_t)(e.remote.port + (elsewhere ? 7 : 0));
    pair_inject(&p, true, GATEWAY_LINK, &e.remote, e.bytes, e.len);
}

static void forge_to_client(const struct pair_event *seen, uint32_t at)
{
    struct pair_event e = *seen;
    e.bytes[at] ^= 1;
    pair_inject(&p, false, p.links[e.link].handle, &p.endpoints[0], e.bytes, e.len);
}

static void births(bool aes)
{
    struct pair_cfg cfg = config(aes);
    pair_init(&p, &cfg);
    ct_check("birth_ends_attached", pair_attach(&p, 500));
    ct_case(aes ? "birth_with_aes" : "birth_with_chacha", 0);
    ct_check("keys_are_secret", are_keys_secret(true) && are_keys_secret(false));
    ct_check("suite",
             keys_of(true)->suite == (aes ? JV_SUITE_AES_256_GCM : JV_SUITE_CHACHA20_POLY1305));

    const struct pair_event init = p.seen[JV_TYPE_BIRTH_INIT];
    uint64_t before = drops(false, JV_DROP_MAC1);
    forge(&init, 224, true); /* the first byte of MAC1, its last one, and one that it covers */
    forge(&init, 239, true);
    forge(&init, 40, true);
    ct_check("wrong_mac1_is_dropped", drops(false, JV_DROP_MAC1) == before + 3);
    ct_case("mac1", 0);

    const struct pair_event reply = p.seen_down[JV_TYPE_BIRTH_REPLY];
    forge_to_client(&reply, 95);
    ct_case("late_reply", 0);
}

static void data(void)
{
    pair_flow_start(&p, &p.up, 20000, 200);
    pair_flow_start(&p, &p.down, 20000, 200);
    pair_run(&p, 400);
    ct_check("data_arrives", p.up.received > 10 && p.down.received > 10);
    ct_case("data", 0);
    const struct pair_event up = p.seen[JV_TYPE_TRAFFIC];
    struct pair_event fresh = up;
    fresh.bytes[5] = (uint8_t)(fresh.bytes[5] + 1); /* a counter that nobody has used */
    uint64_t before = drops(false, JV_DROP_AUTH);
    forge(&fresh, up.len - 16, false);
    forge(&fresh, up.len - 1, false);
    forge(&fresh, up.len - 1, true);
    ct_check("wrong_tag_is_dropped", drops(false, JV_DROP_AUTH) == before + 2);
    forge(&up, up.len - 1, false);
    ct_case("wrong_tags", 0);
}

static void reattach(void)
{
    uint64_t jumps = counters(false).jumps;
    pair_link_down(&p, 0);
    pair_run(&p, 500);
    ct_check("session_jumped", counters(false).jumps == jumps + 1);
    ct_case("jump", 0);

    const struct pair_event request = p.seen[JV_TYPE_REQUEST];
    uint64_t before = drops(false, JV_DROP_CONTROL_AUTH);
    forge(&request, request.len - 16, true);
    forge(&request, request.len - 1, true);
    forge(&request, 16, true);
    ct_check("wrong_proof_is_dropped", drops(false, JV_DROP_CONTROL_AUTH) == before + 3);
    ct_case("wrong_proofs", 0);

    before = drops(false, JV_DROP_REQUEST_REFUSED);
    pair_inject(&p, true, GATEWAY_LINK, &(struct jv_endpoint){.ip = request.remote.ip, .port = 999},
                request.bytes, request.len);
    ct_check("replayed_request_is_refused", drops(false, JV_DROP_REQUEST_REFUSED) == before + 1);
    ct_case("replayed_request", 0);

    const struct pair_event ack = p.seen_down[JV_TYPE_ACK];
    before = drops(true, JV_DROP_CONTROL_AUTH);
    forge_to_client(&ack, ack.len - 1);
    forge_to_client(&ack, ack.len - 16);
    ct_check("forged_acknowledgement_is_dropped", drops(true, JV_DROP_CONTROL_AUTH) == before + 2);
    ct_case("forged_acknowledgements", 0);

    pair_link_up(&p, 0);
    pair_rebind(&p, 1);
    pair_run(&p, 1500);
    ct_check("session_rebound", counters(false).rebinds == 1);
    ct_case("rebinding", 0);

    struct pair_event nowhere = p.seen[JV_TYPE_PROBE];
    before = drops(false, JV_DROP_UNKNOWN_LOCATOR);
    forge(&nowhere, 12, true);
    ct_check("unknown_locator", drops(false, JV_DROP_UNKNOWN_LOCATOR) == before + 1);
    ct_case("locators", 0);
}

static void rekey(void)
{
    uint64_t before = counters(true).rekeys;
    p.client->client->rekey_asked = true;
    pair_run(&p, 3000);
    ct_check("keys_were_replaced", counters(true).rekeys == before + 1);
    ct_check("both_sides_have_them", keys_of(true)->epochs[JV_EPOCH_CURRENT].n == 2 &&
                                         keys_of(false)->epochs[JV_EPOCH_CURRENT].n == 2);
    ct_check("keys_are_secret_still", are_keys_secret(true) && are_keys_secret(false));
    ct_check("old_roots_are_gone",
             !is_poisoned(&keys_of(true)->epochs[JV_EPOCH_PREVIOUS].root, 1) &&
                 !is_poisoned(&keys_of(false)->epochs[JV_EPOCH_PREVIOUS].root, 1));
    ct_case("rekey", 0);
    pair_run(&p, JV_KEY_PREVIOUS_MS);
    ct_case("previous_epoch_expires", 0);
}

static void end(void)
{
    (void)pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN});
    pair_run(&p, 200);
    ct_check("session_ended",
             pair_state(&p, false) == JV_ST_TERMINATED || jv_core_session_at(p.gateway, 0) == NULL);
    pair_fini(&p);
    ct_case("end_and_wipe", 0);
}

/* The half-open table is half full from the first stranger on: cookies are asked for. */
static void under_load(void)
{
    struct pair_cfg cfg = config(true);
    cfg.half_open_max = 1;
    pair_init(&p, &cfg);
    p.links[0].hole_down = true; /* the first birth stays half-open */
    p.links[1].hole_down = true;
    pair_run(&p, 100);
    p.links[0].hole_down = p.links[1].hole_down = false;
    ct_check("birth_with_a_cookie", pair_attach(&p, 20000));
    ct_check("cookies_were_sent", drops(false, JV_DROP_COOKIE) > 0);
    ct_case("cookie", 0);
    const struct pair_event cookie = p.seen_down[JV_TYPE_COOKIE];
    forge_to_client(&cookie, 63);
    pair_fini(&p);
    ct_case("late_cookie", 0);
}

static void refused(const char *name, bool wrong_psk)
{
    struct pair_cfg cfg = config(true);
    cfg.wrong_psk = wrong_psk;
    cfg.unknown_user = !wrong_psk;
    pair_init(&p, &cfg);
    ct_check("no_session", !pair_attach(&p, 3000));
    ct_check("the_right_refusal",
             drops(wrong_psk, wrong_psk ? JV_DROP_BIRTH_AUTH : JV_DROP_BIRTH_UNKNOWN_KEY) > 0);
    pair_fini(&p);
    ct_case(name, 0);
}

int main(void)
{
    ct_begin();
    births(false);
    data();
    reattach();
    rekey();
    end();
    births(true);
    data();
    reattach();
    rekey();
    end();
    under_load();
    refused("wrong_pre_shared_key", true);
    refused("unknown_static_key", false);
    for (uint32_t i = 0; i < SAFE_END; i++) {
        ct_check("each_reason_was_needed", declassified((enum declassified)i) > 0);
    }
    return ct_end();
}
