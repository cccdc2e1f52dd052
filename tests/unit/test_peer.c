/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer that holds the session's keys may send and no honest one does: frames of the wrong direction, answers to nothing,
 * numbers that were never given. Each is dropped and counted, or ends the session for a reason; none moves it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "control.h"
#include "jump.h"
#include "pair.h"
#include "path.h"
#include "state.h"

static struct pair p;
static const struct pair_cfg two_links = {
    .seed = 31, .links = 2, .rtt_us = {20000, 20000}, .preset = JV_PRESET_FAST};
static const struct jv_endpoint gateway_at = {.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};

static int begin(void **state)
{
    pair_init(&p, &two_links);
    if (!pair_attach(&p, 300)) {
        return -1;
    }
    pair_run(&p, 1000);
    return 0;
}

static int end(void **state)
{
    assert_int_equal(pair_leaked(&p, true), 0);
    assert_int_equal(pair_leaked(&p, false), 0);
    pair_fini(&p);
    return 0;
}

static struct jv_client *client(void)
{
    return p.client->client;
}

static struct jv_session *session(bool of_client)
{
    struct jv_session *s = jv_core_session_at(of_client ? p.client : p.gateway, 0);
    assert_non_null(s);
    return s;
}

static uint64_t drops(bool of_client, enum jv_drop drop)
{
    struct jv_counters c;
    jv_core_counters(of_client ? p.client : p.gateway, &c);
    return c.drops[drop];
}

/* A control datagram under the keys of one side, as the other one would get it; `flip` XORs into its last byte. */
static void forge(bool from_client, enum jv_type type, uint32_t link, uint64_t locator,
                  const uint8_t *body, size_t len, uint8_t flip)
{
    struct jv_core *core = from_client ? p.client : p.gateway;
    struct jv_slot tx;
    struct jv_out out = {.tx = &tx, .tx_cap = 1};
    const struct jv_control_to to = {.locator = locator};
    const struct jv_epoch *epoch = &session(from_client)->keys->epochs[JV_EPOCH_CURRENT];
    assert_true(jv_control_send(core, epoch, type, &to, body, len, &out));
    uint8_t bytes[JV_BUF_BYTES];
    uint32_t n = tx.len;
    memcpy(bytes, tx.buf + tx.off, n);
    jv_core_give(core, &tx, 1);
    bytes[n - 1] ^= flip;
    struct jv_endpoint mapped = {.ip = {{192, 0, 2, (uint8_t)(link + 1)}, JV_AF_4, {0}},
                                 .port = p.links[link].mapped_port};
    pair_inject(&p, from_client, from_client ? 1 : p.links[link].handle,
                from_client ? &mapped : &gateway_at, bytes, n);
}

/* ---- frames ---- */

static const enum jv_frame_type of_gateway[] = {JV_FRAME_BIRTH_ACK, JV_FRAME_REKEY_REPLY,
                                                JV_FRAME_REKEY_ASK, JV_FRAME_POLICY_GRANTED,
                                                JV_FRAME_POLICY_ASK};
static const enum jv_frame_type of_client[] = {JV_FRAME_CONFIRM, JV_FRAME_REKEY_INIT,
                                               JV_FRAME_BOUND, JV_FRAME_POLICY_WANTED};

static void assert_frames_move_nothing(bool from_client, const enum jv_frame_type *types,
                                       uint32_t n)
{
    struct jv_session_status before;
    struct jv_session_status after;
    assert_true(pair_status(&p, !from_client, &before));
    uint32_t records = from_client ? p.log_g.len : p.log_c.len;
    for (uint32_t i = 0; i < n; i++) {
        struct jv_frame frame = {.type = (uint8_t)types[i]};
        if (types[i] == JV_FRAME_CONFIRM) {
            frame.u.confirm.policy = jv_policy_presets[JV_PRESET_STRICT];
        } else if (types[i] == JV_FRAME_POLICY_WANTED || types[i] == JV_FRAME_POLICY_GRANTED) {
            frame.u.policy = (struct jv_frame_policy){1, jv_policy_presets[JV_PRESET_STRICT]};
        } else if (types[i] == JV_FRAME_BIRTH_ACK) {
            frame.u.birth_ack.policy = jv_policy_presets[JV_PRESET_STRICT];
        }
        assert_true(pair_frames(&p, from_client, &frame, 1));
        pair_run(&p, 30);
    }
    pair_run(&p, 200);
    assert_true(pair_status(&p, !from_client, &after));
    assert_int_equal(after.state, JV_ST_ATTACHED);
    assert_int_equal(after.v, before.v);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(from_client ? p.log_g.len : p.log_c.len, records);
    assert_int_equal(session(!from_client)->snapshot.n, 0);
}

static void frames_of_the_other_direction_move_nothing(void **state)
{
    uint8_t order = session(false)->commit.path_id;
    assert_frames_move_nothing(true, of_gateway, JV_ARRAY_LEN(of_gateway));
    assert_frames_move_nothing(false, of_client, JV_ARRAY_LEN(of_client));
    assert_int_equal(session(false)->commit.path_id, order);
    assert_false(client()->rekey_asked);
    assert_false(client()->rekey.used);
}

static void frame_behind_which_bytes_are_malformed_is_counted_so(void **state)
{
    const struct jv_frame frames[] = {{.type = JV_FRAME_HEARTBEAT, .u.heartbeat = {1ULL << 40}},
                                      {.type = JV_FRAME_LAST + 1}};
    pair_run(&p, 300); /* both are idle, for a second */
    assert_true(pair_frames(&p, true, frames, 2));
    pair_run(&p, 9);
    uint64_t answers = p.datagrams_to_client;
    pair_run(&p, 2);
    assert_int_equal(drops(false, JV_DROP_MALFORMED), 1);
    assert_int_equal(p.datagrams_to_client, answers + 1); /* the heartbeat before them counted */
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

static void padding_frame_is_nothing(void **state)
{
    const struct jv_frame padding = {.type = JV_FRAME_PADDING};
    uint64_t malformed = drops(false, JV_DROP_MALFORMED);
    assert_true(pair_frames(&p, true, &padding, 1));
    pair_run(&p, 30);
    assert_int_equal(drops(false, JV_DROP_MALFORMED), malformed);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
}

static void superseded_from_the_peer_ends_without_another_birth(void **state)
{
    const struct jv_frame frame = {.type = JV_FRAME_TERMINATE, .u.terminate = {JV_WHY_SUPERSEDED}};
    p.client->cfg.rebirth = true;
    assert_true(pair_frames(&p, false, &frame, 1));
    pair_run(&p, 3000);
    assert_int_equal(p.last_ended.reason, JV_WHY_SUPERSEDED);
    assert_false(p.last_ended.rebirth);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
    /* A person may ask for another one; it names no session that it would replace. */
    assert_true(jv_is_zero(client()->attempt.prior.b, JV_SID_BYTES));
}

static void report_of_packets_never_sent_ends_the_session(void **state)
{
    for (int side = 0; side < 2; side++) {
        struct jv_frame frame = {.type = JV_FRAME_REPORT};
        struct jv_session *s = session(side == 0);
        struct jv_report *r = &frame.u.report.report;
        r->epoch = s->keys->epochs[JV_EPOCH_CURRENT].n;
        r->highest = s->keys->epochs[JV_EPOCH_CURRENT].tx_next + 1000;
        r->received = 1;
        frame.u.report.state = JV_ST_ATTACHED;
        assert_true(pair_frames(&p, side != 0, &frame, 1));
        pair_run(&p, 15);
        assert_int_equal(pair_count(side == 0 ? &p.log_c : &p.log_g, JV_REC_SessionTerminated,
                                    JV_WHY_FATAL_PROTOCOL_ERROR),
                         1);
        pair_fini(&p);
        assert_int_equal(begin(NULL), 0);
    }
}

static void report_of_an_epoch_that_is_gone_is_no_lie(void **state)
{
    struct jv_frame frame = {.type = JV_FRAME_REPORT};
    frame.u.report.report = (struct jv_report){.epoch = 0, .highest = 5, .received = 1};
    frame.u.report.state = JV_ST_ATTACHED;
    assert_true(pair_frames(&p, true, &frame, 1));
    pair_run(&p, 30);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void granted_policy_counts_for_the_offer_that_is_out_alone(void **state)
{
    struct jv_frame granted = {.type = JV_FRAME_POLICY_GRANTED};
    struct jv_command command = {
        .kind = JV_CMD_POLICY, .policy = jv_policy_presets[JV_PRESET_STRICT], .is_grace = true};
    granted.u.policy = (struct jv_frame_policy){1, jv_policy_presets[JV_PRESET_MOBILE]};
    p.links[0].hole_up = true; /* the gateway never hears of the wish */
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK);
    /* In grace the offer waits for a row: what comes before it went out answers nothing. */
    assert_true(pair_frames(&p, false, &granted, 1));
    pair_run(&p, 15);
    assert_int_equal(pair_count(&p.log_c, JV_REC_PolicyChanged, JV_WHY_NONE), 1); /* the core's */
    /* It is out, and what comes has another number. */
    command.policy.max_lifetime_ms++;
    command.is_grace = false;
    assert_int_equal(pair_command(&p, true, &command), JV_E_OK);
    pair_run(&p, 1);
    assert_int_equal(session(true)->snapshot.tries, 1);
    granted.u.policy.n = 1;
    assert_true(pair_frames(&p, false, &granted, 1));
    pair_run(&p, 15);
    assert_int_equal(pair_count(&p.log_c, JV_REC_PolicyChanged, JV_WHY_NONE), 2);
    assert_true(session(true)->snapshot.is_due);
    /* One that breaks a rule is refused, and the old one stays. */
    granted.u.policy = (struct jv_frame_policy){2, jv_policy_presets[JV_PRESET_STRICT]};
    granted.u.policy.policy.heartbeat_interval_ms = 0;
    uint32_t policy_id = session(true)->policy_id;
    assert_true(pair_frames(&p, false, &granted, 1));
    pair_run(&p, 15);
    assert_int_equal(pair_count(&p.log_c, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID), 1);
    assert_int_equal(session(true)->policy_id, policy_id);
    assert_false(session(true)->snapshot.is_due);
    p.links[0].hole_up = false;
}

static void wanted_policy_is_judged_in_order_and_at_a_pace(void **state)
{
    struct jv_frame wanted = {.type = JV_FRAME_POLICY_WANTED};
    wanted.u.policy = (struct jv_frame_policy){5, jv_policy_presets[JV_PRESET_STRICT]};
    assert_true(pair_frames(&p, true, &wanted, 1));
    pair_run(&p, 15);
    uint32_t strict = jv_policy_id(&session(false)->policy);
    assert_int_equal(pair_count(&p.log_g, JV_REC_PolicyChanged, JV_WHY_POLICY_TRIGGER), 1);
    /* An older number is no offer. */
    wanted.u.policy = (struct jv_frame_policy){4, jv_policy_presets[JV_PRESET_MOBILE]};
    assert_true(pair_frames(&p, true, &wanted, 1));
    pair_run(&p, 15);
    assert_int_equal(jv_policy_id(&session(false)->policy), strict);
    /* A policy that breaks a rule is answered with the one that stays. */
    wanted.u.policy = (struct jv_frame_policy){6, jv_policy_presets[JV_PRESET_STRICT]};
    wanted.u.policy.policy.heartbeat_interval_ms = 0;
    assert_true(pair_frames(&p, true, &wanted, 1));
    pair_run(&p, 15);
    assert_int_equal(jv_policy_id(&session(false)->policy), strict);
    assert_int_equal(pair_count(&p.log_g, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID), 1);
    /* Above the pace they are not even read. */
    uint32_t changed = 0;
    for (uint32_t i = 0; i < JV_SNAPSHOT_PER_MIN; i++) {
        wanted.u.policy = (struct jv_frame_policy){
            7 + i, jv_policy_presets[i % 2 == 0 ? JV_PRESET_MOBILE : JV_PRESET_STRICT]};
        assert_true(pair_frames(&p, true, &wanted, 1));
        pair_run(&p, 15);
    }
    changed = pair_count(&p.log_g, JV_REC_PolicyChanged, JV_WHY_POLICY_TRIGGER);
    assert_in_range(changed, 10, JV_SNAPSHOT_PER_MIN / 2);
    assert_true(session(false)->snapshot.n < 7 + JV_SNAPSHOT_PER_MIN - 1);
}

/* A traffic datagram with an offer of a rekey and nothing else. */
static bool swallow_offers(struct pair *world, const struct pair_event *e)
{
    return !e->to_gateway || e->len != JV_TRAFFIC_OVERHEAD + JV_FRAME_HEAD + 64;
}

static void rekey_reply_to_no_offer_changes_no_key(void **state)
{
    struct jv_frame reply = {.type = JV_FRAME_REKEY_REPLY};
    uint64_t epoch = session(true)->keys->epochs[JV_EPOCH_CURRENT].n;
    reply.u.rekey.epoch = epoch + 1;
    reply.u.rekey.ephemeral_public.b[0] = 9;
    assert_true(pair_frames(&p, false, &reply, 1));
    pair_run(&p, 15);
    /* An offer is out, and what comes is for another epoch, another order, or has a key that gives no secret. */
    const struct jv_frame ask = {.type = JV_FRAME_REKEY_ASK};
    p.filter = swallow_offers;
    assert_true(pair_frames(&p, false, &ask, 1));
    pair_run(&p, 1100);
    assert_true(client()->rekey.used);
    reply.u.rekey.epoch = client()->rekey.n + 1;
    reply.u.rekey.order = client()->rekey.order;
    assert_true(pair_frames(&p, false, &reply, 1));
    pair_run(&p, 15);
    assert_true(client()->rekey.used);
    reply.u.rekey.epoch = client()->rekey.n;
    reply.u.rekey.order = client()->rekey.order + 1;
    assert_true(pair_frames(&p, false, &reply, 1));
    pair_run(&p, 15);
    assert_true(client()->rekey.used);
    reply.u.rekey.order = client()->rekey.order;
    memset(&reply.u.rekey.ephemeral_public, 0, sizeof reply.u.rekey.ephemeral_public);
    assert_true(pair_frames(&p, false, &reply, 1));
    pair_run(&p, 15);
    assert_int_equal(session(true)->keys->epochs[JV_EPOCH_CURRENT].n, epoch);
    assert_int_equal(session(true)->keys->epochs[JV_EPOCH_NEXT].n, 0);
    assert_false(client()->rekey.used);
    p.filter = NULL;
    assert_true(pair_frames(&p, false, &ask, 1));
    pair_run(&p, 1500);
    assert_int_equal(session(true)->keys->epochs[JV_EPOCH_CURRENT].n, epoch + 1);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void rekey_offer_that_gives_no_secret_is_not_answered(void **state)
{
    struct jv_frame offer = {.type = JV_FRAME_REKEY_INIT};
    struct jv_session *g = session(false);
    uint64_t epoch = g->keys->epochs[JV_EPOCH_CURRENT].n;
    uint64_t order = g->order;
    offer.u.rekey.epoch = epoch + 1;
    offer.u.rekey.order = order + 1;
    assert_true(pair_frames(&p, true, &offer, 1)); /* the zero point */
    pair_run(&p, 15);
    assert_int_equal(g->keys->epochs[JV_EPOCH_NEXT].n, 0);
    assert_int_equal(g->order, order); /* and its number is not spent */
    offer.u.rekey.ephemeral_public.b[0] = 9;
    offer.u.rekey.epoch = epoch + 2;
    assert_true(pair_frames(&p, true, &offer, 1)); /* an epoch too far */
    pair_run(&p, 15);
    assert_int_equal(g->keys->epochs[JV_EPOCH_NEXT].n, 0);
    offer.u.rekey.epoch = epoch + 1;
    assert_true(pair_frames(&p, true, &offer, 1));
    pair_run(&p, 15);
    assert_int_equal(g->keys->epochs[JV_EPOCH_NEXT].n, epoch + 1);
    /* The same number with another key is another offer, and stale. */
    struct jv_key answered = g->rekey.client_public;
    offer.u.rekey.ephemeral_public.b[0] = 10;
    assert_true(pair_frames(&p, true, &offer, 1));
    pair_run(&p, 15);
    assert_memory_equal(&answered, &g->rekey.client_public, sizeof answered);
}

static void answers_of_the_gateway_that_no_client_would_send_are_dropped_by_type(void **state)
{
    uint8_t body[JV_CONTROL_BODY_MAX] = {0};
    const enum jv_type types[] = {JV_TYPE_BIRTH_INIT, JV_TYPE_PROBE, JV_TYPE_REQUEST};
    uint64_t before = drops(true, JV_DROP_UNKNOWN_TYPE);
    for (uint32_t i = 0; i < JV_ARRAY_LEN(types); i++) {
        forge(false, types[i], 0, client()->paths[0].locator, body, JV_PROBE_BODY, 0);
        assert_int_equal(drops(true, JV_DROP_UNKNOWN_TYPE), before + i + 1);
    }
    before = drops(false, JV_DROP_UNKNOWN_TYPE);
    forge(true, JV_TYPE_ACK, 0, client()->paths[0].locator, body, JV_ACK_BODY, 0);
    assert_int_equal(drops(false, JV_DROP_UNKNOWN_TYPE), before + 1);
}

/* ---- answers to a request ---- */

static bool swallow_requests(struct pair *world, const struct pair_event *e)
{
    return (e->bytes[0] & 0x1f) != JV_TYPE_REQUEST;
}

/* The first link is a hole, and the request on the second one is on its way for ever. Gives its path. */
static struct jv_path *ask_in_vain(void)
{
    p.filter = swallow_requests;
    p.links[0].hole_up = p.links[0].hole_down = true;
    for (uint32_t i = 0; i < 2000 && !client()->request.used; i++) {
        pair_run(&p, 1);
    }
    assert_true(client()->request.used);
    struct jv_path *path = &client()->paths[client()->request.path];
    assert_ptr_equal(path, &client()->paths[1]);
    return path;
}

static struct jv_challenge challenge_of(const struct jv_request_out *req)
{
    struct jv_challenge msg = {.order = req->order, .version = session(false)->v};
    memcpy(msg.random, req->random, sizeof msg.random);
    return msg;
}

static void give_challenge(const struct jv_path *path, const struct jv_challenge *msg, uint8_t flip)
{
    uint8_t body[JV_CHALLENGE_BODY];
    jv_challenge_encode(msg, body);
    forge(false, JV_TYPE_CHALLENGE, 1, path->locator, body, sizeof body, flip);
}

static void challenge_counts_once_and_for_its_request_alone(void **state)
{
    const struct jv_path *path = ask_in_vain();
    const struct jv_request_out *req = &client()->request;
    struct jv_challenge msg = challenge_of(req);
    give_challenge(path, &msg, 1);
    assert_int_equal(drops(true, JV_DROP_CONTROL_AUTH), 1);
    msg.random[3] ^= 1;
    give_challenge(path, &msg, 0);
    msg = challenge_of(req);
    msg.order++;
    give_challenge(path, &msg, 0);
    assert_false(req->challenged);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 2);
    uint8_t body[JV_CHALLENGE_BODY];
    msg = challenge_of(req);
    jv_challenge_encode(&msg, body);
    body[sizeof body - 1] = 1;
    forge(false, JV_TYPE_CHALLENGE, 1, path->locator, body, sizeof body, 0);
    assert_int_equal(drops(true, JV_DROP_MALFORMED), 1);
    assert_false(req->challenged);
    /* The gateway's last number is above the client's: the client goes on above that. */
    msg.last_order = req->order + 100;
    give_challenge(path, &msg, 0);
    assert_true(req->challenged);
    assert_int_equal(req->order, msg.last_order + 1);
    msg = challenge_of(req);
    give_challenge(path, &msg, 0);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 3);
    p.filter = NULL;
    pair_run(&p, 1000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static struct jv_ack ack_of(const struct jv_request_out *req, const struct jv_path *path)
{
    struct jv_ack msg = {.order = req->order,
                         .version = session(true)->v + 3,
                         .state = JV_ST_ATTACHED,
                         .path_id = path->number,
                         .is_move = true,
                         .locator = 77,
                         .next_epoch = 1};
    memcpy(msg.random, req->random, sizeof msg.random);
    return msg;
}

static void give_ack(const struct jv_path *path, const struct jv_ack *msg)
{
    uint8_t body[JV_ACK_BODY];
    jv_ack_encode(msg, body);
    forge(false, JV_TYPE_ACK, 1, path->locator, body, sizeof body, 0);
}

static void ack_of_another_path_or_of_the_past_commits_nothing(void **state)
{
    const struct jv_path *path = ask_in_vain();
    const struct jv_request_out *req = &client()->request;
    const struct jv_path *bound = session(true)->bound;
    struct jv_ack msg = ack_of(req, path);
    msg.path_id++;
    give_ack(path, &msg);
    msg = ack_of(req, path);
    msg.version = session(true)->v - 1;
    give_ack(path, &msg);
    msg = ack_of(req, path);
    msg.random[0] ^= 1;
    give_ack(path, &msg);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 3);
    uint8_t body[JV_ACK_BODY];
    msg = ack_of(req, path);
    jv_ack_encode(&msg, body);
    body[61] = 2; /* neither a move nor none */
    forge(false, JV_TYPE_ACK, 1, path->locator, body, sizeof body, 0);
    assert_int_equal(drops(true, JV_DROP_MALFORMED), 1);
    assert_true(req->used);
    assert_ptr_equal(session(true)->bound, bound);
}

static void ack_that_claims_packets_never_sent_ends_the_session(void **state)
{
    const struct jv_path *path = ask_in_vain();
    struct jv_ack msg = ack_of(&client()->request, path);
    msg.report = (struct jv_report){.epoch = 1, .highest = 100000, .received = 1};
    give_ack(path, &msg);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionTerminated, JV_WHY_FATAL_PROTOCOL_ERROR),
                     1);
    assert_int_equal(pair_state(&p, true), JV_ST_TERMINATED);
}

static struct jv_reject reject_of(const struct jv_request_out *req, enum jv_why why)
{
    struct jv_reject msg = {
        .order = req->order, .why = (uint8_t)why, .version = session(false)->v, .path_id = 200};
    memcpy(msg.random, req->random, sizeof msg.random);
    return msg;
}

static void give_reject(const struct jv_path *path, const struct jv_reject *msg)
{
    uint8_t body[JV_REJECT_BODY];
    jv_reject_encode(msg, body);
    forge(false, JV_TYPE_REJECT, 1, path->locator, body, sizeof body, 0);
}

static void reject_counts_for_its_request_alone(void **state)
{
    const struct jv_path *path = ask_in_vain();
    const struct jv_request_out *req = &client()->request;
    struct jv_reject msg = reject_of(req, JV_WHY_POLICY_DENIED);
    msg.order--;
    give_reject(path, &msg);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 1);
    uint8_t body[JV_REJECT_BODY];
    msg = reject_of(req, JV_WHY_POLICY_DENIED);
    jv_reject_encode(&msg, body);
    body[27] = 1;
    forge(false, JV_TYPE_REJECT, 1, path->locator, body, sizeof body, 0);
    assert_int_equal(drops(true, JV_DROP_MALFORMED), 1);
    assert_true(req->used);
    assert_int_equal(pair_count(&p.log_c, JV_REC_ReattachResult, JV_WHY_NONE), 0);
    /* A reason that this version does not know is a denial. */
    msg = reject_of(req, (enum jv_why)255);
    give_reject(path, &msg);
    assert_int_equal(pair_count(&p.log_c, JV_REC_ReattachResult, JV_WHY_POLICY_DENIED), 1);
    assert_int_equal(pair_state(&p, true), JV_ST_DEGRADED);
}

static void reject_by_a_limit_says_when_to_come_again(void **state)
{
    const enum jv_why limits[] = {JV_WHY_RATE_LIMITED, JV_WHY_SWITCH_RATE_LIMITED,
                                  JV_WHY_COOLDOWN_ACTIVE};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(limits); i++) {
        const struct jv_path *path = ask_in_vain();
        struct jv_reject msg = reject_of(&client()->request, limits[i]);
        msg.retry_after_ms = i * 700; /* 0: at once is a millisecond later */
        give_reject(path, &msg);
        uint64_t wait = JV_MAX(msg.retry_after_ms, 1U);
        assert_int_equal(client()->switch_retry_at.ns, p.now_ns + wait * JV_NS_PER_MS);
        pair_fini(&p);
        assert_int_equal(begin(NULL), 0);
    }
}

static void reject_of_the_version_is_corrected_once(void **state)
{
    const struct jv_path *path = ask_in_vain();
    const struct jv_request_out *req = &client()->request;
    uint64_t order = req->order;
    struct jv_reject msg = reject_of(req, JV_WHY_INVALID_STATE_VERSION);
    give_reject(path, &msg);
    assert_true(req->used && req->corrected);
    assert_true(req->order > order);
    msg = reject_of(req, JV_WHY_INVALID_STATE_VERSION);
    give_reject(path, &msg);
    assert_false(req->used);
    assert_int_equal(pair_state(&p, true), JV_ST_DEGRADED);
}

static void reject_that_names_an_earlier_commit_leads_to_its_path(void **state)
{
    const struct jv_path *path = ask_in_vain();
    const struct jv_request_out *req = &client()->request;
    client()->committed.any = true;
    client()->committed.order = 0;
    client()->order += 5;
    client()->request.order += 5;
    /* Of a path that is not there any more: a denial like any other, once its number is none. */
    struct jv_reject msg = reject_of(req, JV_WHY_INVALID_STATE_VERSION);
    msg.last_order = req->order - 1;
    msg.path_id = client()->paths[0].number;
    give_reject(path, &msg);
    assert_true(req->used && req->corrected);
    assert_int_equal(req->path, 0);
    /* Only once: the second goes the way of a refusal. */
    msg = reject_of(req, JV_WHY_POLICY_DENIED);
    msg.last_order = req->order - 1;
    msg.path_id = client()->paths[1].number;
    uint8_t body[JV_REJECT_BODY];
    jv_reject_encode(&msg, body);
    p.links[0].hole_down = false;
    forge(false, JV_TYPE_REJECT, 0, client()->paths[0].locator, body, sizeof body, 0);
    assert_false(req->used);
}

static void reject_that_names_the_future_or_no_path_is_a_refusal(void **state)
{
    for (int i = 0; i < 3; i++) {
        const struct jv_path *path = ask_in_vain();
        struct jv_reject msg = reject_of(&client()->request, JV_WHY_POLICY_DENIED);
        client()->order += 5;
        msg.order = client()->request.order += 5;
        msg.last_order = i == 0 ? msg.order + 1 : msg.order - 1;
        msg.path_id = i == 0 ? client()->paths[0].number : i == 1 ? 250 : path->number;
        give_reject(path, &msg);
        assert_false(client()->request.used);
        assert_int_equal(pair_state(&p, true), JV_ST_DEGRADED);
        pair_fini(&p);
        assert_int_equal(begin(NULL), 0);
    }
}

/* ---- hints and rebinding ---- */

/* No report covers what is sent from here on. */
static void send_into_the_void(void)
{
    pair_flow_start(&p, &p.up, 5000, 200);
    pair_run(&p, 100);
    p.links[0].hole_up = true;
    pair_run(&p, 24);
}

static void give_hint(const struct jv_hint *msg)
{
    uint8_t body[JV_HINT_BODY];
    jv_hint_encode(msg, body);
    forge(false, JV_TYPE_HINT, 0, client()->paths[0].locator, body, sizeof body, 0);
}

static void hint_of_a_counter_never_sent_or_told_before_is_stale(void **state)
{
    const struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    struct jv_hint msg = {.epoch = epoch->n + 1, .counter = 1, .observed = gateway_at};
    send_into_the_void();
    give_hint(&msg);
    msg = (struct jv_hint){.epoch = epoch->n, .counter = epoch->tx_next, .observed = gateway_at};
    give_hint(&msg);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 2);
    uint8_t body[JV_HINT_BODY];
    msg.counter = epoch->tx_next - 1;
    jv_hint_encode(&msg, body);
    body[sizeof body - 1] = 1;
    forge(false, JV_TYPE_HINT, 0, client()->paths[0].locator, body, sizeof body, 0);
    assert_int_equal(drops(true, JV_DROP_MALFORMED), 1);
    forge(false, JV_TYPE_HINT, 0, client()->paths[0].locator, body, sizeof body, 1);
    assert_int_equal(drops(true, JV_DROP_CONTROL_AUTH), 1);
    assert_int_equal(pair_count(&p.log_c, JV_REC_AddressObserved, JV_WHY_NONE), 0);
    assert_false(client()->request.used);
    give_hint(&msg);
    assert_int_equal(pair_count(&p.log_c, JV_REC_AddressObserved, JV_WHY_NONE), 1);
    assert_true(client()->request.used && client()->request.rebind);
    /* The same one again, while its request is out and when it is given up. */
    give_hint(&msg);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 3);
    client()->request.used = false;
    give_hint(&msg);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), 4);
    assert_int_equal(pair_count(&p.log_c, JV_REC_AddressObserved, JV_WHY_NONE), 1);
}

static void rebinding_above_its_cap_is_delayed_and_never_degraded(void **state)
{
    const struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    send_into_the_void();
    struct jv_hint hint = {
        .epoch = epoch->n, .counter = epoch->tx_next - 1, .observed = gateway_at};
    give_hint(&hint);
    assert_true(client()->request.used && client()->request.rebind);
    const enum jv_state before = pair_state(&p, true);
    for (uint32_t i = 0; i < 2; i++) {
        struct jv_reject msg = reject_of(&client()->request, JV_WHY_RATE_LIMITED);
        msg.retry_after_ms = i * 100;
        uint8_t body[JV_REJECT_BODY];
        jv_reject_encode(&msg, body);
        forge(false, JV_TYPE_REJECT, 0, client()->paths[0].locator, body, sizeof body, 0);
        assert_true(client()->request.used);
        assert_int_equal(client()->request.retry_at.ns,
                         p.now_ns + JV_MAX(i * 100, 1U) * JV_NS_PER_MS);
        assert_int_equal(pair_state(&p, true), before);
    }
    p.links[0].hole_up = false;
    pair_run(&p, 1000);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

/* ---- probes and requests, as the gateway judges them ---- */

static struct jv_request request_now(void)
{
    struct jv_request msg = {.order = session(false)->order + 1,
                             .version = session(false)->v,
                             .protocol = JV_PROTO_UDP,
                             .path_id = 9,
                             .target = gateway_at};
    return msg;
}

static void give_request(const struct jv_request *msg, uint32_t link, uint8_t flip)
{
    uint8_t body[JV_REQUEST_BODY];
    jv_request_encode(msg, body);
    forge(true, JV_TYPE_REQUEST, link, client()->paths[link].locator, body, sizeof body, flip);
}

static void request_of_another_protocol_is_no_candidate(void **state)
{
    struct jv_request msg = request_now();
    msg.protocol = JV_PROTO_UDP << 1; /* known to the policy's list, carried by nothing */
    give_request(&msg, 1, 0);
    msg.order++;
    msg.protocol = JV_PROTO_UDP | JV_PROTO_UDP << 1;
    give_request(&msg, 1, 0);
    assert_int_equal(
        pair_count(&p.log_g, JV_REC_TransportSwitchDenied, JV_WHY_INVALID_TRANSPORT_CANDIDATE), 2);
    assert_int_equal(session(false)->v, 1);
}

static void request_with_reserved_bytes_or_a_false_report_commits_nothing(void **state)
{
    uint8_t body[JV_REQUEST_BODY];
    struct jv_request msg = request_now();
    jv_request_encode(&msg, body);
    body[110] = 1;
    forge(true, JV_TYPE_REQUEST, 1, client()->paths[1].locator, body, sizeof body, 0);
    assert_int_equal(drops(false, JV_DROP_MALFORMED), 1);
    uint8_t probe[JV_PROBE_BODY] = {0};
    probe[40] = 1;
    forge(true, JV_TYPE_PROBE, 1, client()->paths[1].locator, probe, sizeof probe, 0);
    assert_int_equal(drops(false, JV_DROP_MALFORMED), 2);
    uint8_t large[JV_PROBE_BODY + 100] = {0};
    large[sizeof large - 1] = 1; /* behind the body of a probe of real size are zeroes */
    forge(true, JV_TYPE_PROBE, 1, client()->paths[1].locator, large, sizeof large, 0);
    assert_int_equal(drops(false, JV_DROP_MALFORMED), 3);
    assert_int_equal(pair_state(&p, false), JV_ST_ATTACHED);
    msg.report = (struct jv_report){.epoch = 1, .highest = 100000, .received = 1};
    give_request(&msg, 1, 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SessionTerminated, JV_WHY_FATAL_PROTOCOL_ERROR),
                     1);
}

static void request_with_a_mark_of_no_epoch_or_a_time_to_come_is_not_believed(void **state)
{
    struct jv_request msg = request_now();
    msg.flags = JV_REQ_HAS_TOKEN | JV_REQ_UNLESS;
    msg.hint_epoch = 77;
    give_request(&msg, 1, 0);
    assert_int_equal(drops(false, JV_DROP_REQUEST_REFUSED), 1);
    assert_int_equal(
        pair_count(&p.log_g, JV_REC_SecurityValidationFailed, JV_WHY_FRESHNESS_INVALID), 1);
    /* A good token, and a gateway's time that this gateway has not reached. */
    msg = request_now();
    const struct jv_path *path = &client()->paths[1];
    assert_true(path->has_token);
    msg.flags = JV_REQ_HAS_TOKEN;
    memcpy(msg.token, path->token, sizeof msg.token);
    msg.gateway_time_ms = UINT64_MAX;
    give_request(&msg, 1, 0);
    assert_int_equal(drops(false, JV_DROP_REQUEST_CHALLENGED), 1);
    assert_int_equal(session(false)->v, 1);
    msg.gateway_time_ms = 0;
    give_request(&msg, 1, 0);
    assert_int_equal(session(false)->v, 4);
    /* Its number with another random is no retransmission. */
    msg.random[0] ^= 1;
    give_request(&msg, 1, 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_SecurityReplayDetected, JV_WHY_REPLAY_DETECTED),
                     1);
}

static void request_with_an_unknown_cause_moves_and_is_recorded_without_it(void **state)
{
    struct jv_request msg = request_now();
    msg.flags = JV_REQ_HAS_TOKEN;
    msg.why = 255;
    memcpy(msg.token, client()->paths[1].token, sizeof msg.token);
    give_request(&msg, 1, 0);
    assert_int_equal(session(false)->v, 4);
    uint32_t moved = 0;
    for (uint32_t i = 0; i < p.log_g.len; i++) {
        const struct jv_record *rec = &p.log_g.records[i];
        moved += rec->event == JV_REC_TransportSwitch && rec->reason == JV_WHY_NONE ? 1 : 0;
    }
    assert_int_equal(moved, 1);
    struct jv_session_status status;
    assert_true(pair_status(&p, false, &status));
    assert_true(status.last_switch_reason < JV_WHY_END);
}

static void switches_and_rebindings_above_the_gateways_cap_are_refused_with_a_time(void **state)
{
    struct jv_session *g = session(false);
    pair_run(&p, 4000); /* records of denials have a pace of their own */
    g->policy.rebind_max_per_min = 1;
    g->rebinds = (struct jv_bucket){0};
    g->switches = (struct jv_bucket){0};
    g->rebinds.at = g->switches.at = p.gateway->now;
    struct jv_request msg = request_now();
    msg.flags = JV_REQ_HAS_TOKEN;
    memcpy(msg.token, client()->paths[1].token, sizeof msg.token);
    give_request(&msg, 1, 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_TransportSwitchDenied, JV_WHY_SWITCH_RATE_LIMITED),
                     1);
    msg.order++;
    msg.path_id = g->commit.path_id; /* the same socket from another address */
    give_request(&msg, 1, 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_TransportSwitchDenied, JV_WHY_RATE_LIMITED), 1);
    /* And requests as such. */
    g->requests = (struct jv_bucket){.at = p.gateway->now};
    msg.order++;
    give_request(&msg, 1, 0);
    assert_int_equal(pair_count(&p.log_g, JV_REC_TransportSwitchDenied, JV_WHY_RATE_LIMITED), 2);
    assert_int_equal(g->v, 1);
}

static void probe_longer_than_any_datagram_is_malformed(void **state)
{
    static uint8_t body[JV_PROBE_BODY_MAX + 4];
    uint64_t before = drops(false, JV_DROP_MALFORMED);
    forge(true, JV_TYPE_PROBE, 1, client()->paths[1].locator, body, sizeof body, 0);
    assert_int_equal(drops(false, JV_DROP_MALFORMED), before + 1);
    before = drops(true, JV_DROP_MALFORMED);
    memset(body, 0, sizeof body);
    body[33] = 1;
    forge(false, JV_TYPE_PROBE_REPLY, 1, client()->paths[1].locator, body, JV_PROBE_BODY, 0);
    assert_int_equal(drops(true, JV_DROP_MALFORMED), before + 1);
}

static void ack_whose_spares_are_in_use_gives_none(void **state)
{
    const struct jv_path *path = ask_in_vain();
    struct jv_ack msg = ack_of(&client()->request, path);
    uint64_t used = client()->paths[0].locator;
    msg.spares_len = 2;
    msg.spares[0] = used;
    msg.spares[1] = 0x1234567;
    give_ack(path, &msg);
    assert_int_equal(client()->spares_len, 1);
    assert_int_equal(client()->spares[0], 0x1234567);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
}

static void ack_with_the_number_of_the_last_and_another_random_is_stale(void **state)
{
    const struct jv_path *path = ask_in_vain();
    struct jv_ack msg = ack_of(&client()->request, path);
    give_ack(path, &msg);
    assert_int_equal(pair_state(&p, true), JV_ST_ATTACHED);
    uint64_t stale = drops(true, JV_DROP_CONTROL_STALE);
    msg.random[15] ^= 1;
    msg.spares_len = 0;
    client()->paths[1].locator = 77;
    give_ack(path, &msg);
    assert_int_equal(drops(true, JV_DROP_CONTROL_STALE), stale + 1);
}

static void hint_while_only_the_peer_is_in_doubt_is_answered(void **state)
{
    const struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    send_into_the_void();
    client()->request = (struct jv_request_out){
        .used = true, .quiet = true, .in_place = true, .retry_at = JV_NEVER};
    const struct jv_hint msg = {
        .epoch = epoch->n, .counter = epoch->tx_next - 1, .observed = gateway_at};
    give_hint(&msg);
    assert_true(client()->request.used && client()->request.rebind);
    assert_false(client()->request.quiet);
}

static void reject_of_a_question_for_the_peers_sake_changes_no_row(void **state)
{
    uint64_t rows = session(true)->local;
    client()->request = (struct jv_request_out){
        .used = true, .quiet = true, .in_place = true, .order = 9, .retry_at = JV_NEVER};
    struct jv_reject msg = reject_of(&client()->request, JV_WHY_POLICY_DENIED);
    uint8_t body[JV_REJECT_BODY];
    jv_reject_encode(&msg, body);
    forge(false, JV_TYPE_REJECT, 0, client()->paths[0].locator, body, sizeof body, 0);
    assert_false(client()->request.used);
    assert_int_equal(session(true)->local, rows);
    assert_int_equal(pair_count(&p.log_c, JV_REC_TransportSwitchFailed, JV_WHY_NONE), 0);
}

static void rebinding_above_the_clients_own_cap_waits_for_the_next_hint(void **state)
{
    const struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    send_into_the_void();
    session(true)->rebinds = (struct jv_bucket){.at = {p.now_ns + 600 * JV_NS_PER_S}};
    const struct jv_hint msg = {
        .epoch = epoch->n, .counter = epoch->tx_next - 1, .observed = gateway_at};
    give_hint(&msg);
    assert_false(client()->request.used);
    assert_int_equal(pair_count(&p.log_c, JV_REC_AddressObserved, JV_WHY_NONE), 1);
}

static void probe_answer_of_a_session_that_is_over_there_moves_nothing(void **state)
{
    struct jv_path *path = &client()->paths[0];
    struct jv_probe_reply reply = {.state = JV_ST_TERMINATED, .version = 1, .observed = gateway_at};
    path->newest_us = jv_core_time_us(p.client);
    reply.time_us = path->newest_us;
    uint8_t body[JV_PROBE_BODY];
    jv_probe_reply_encode(&reply, body);
    forge(false, JV_TYPE_PROBE_REPLY, 0, path->locator, body, sizeof body, 0);
    assert_false(client()->request.used);
    assert_int_equal(session(true)->state, JV_ST_ATTACHED);
}

static void traffic_whose_ecn_breaks_the_rules_is_dropped(void **state)
{
    /* The outer header says "congested", the inner one that its ends know nothing of that: RFC 6040 drops it. */
    pair_packet(&p, true, 100);
    struct pair_event sent = p.seen[JV_TYPE_TRAFFIC];
    p.events_len = 0; /* the original is lost */
    struct jv_slot slot;
    static struct jv_order orders[JV_OUT_ORDERS_MIN];
    static struct jv_record records[JV_OUT_RECORDS_MIN];
    static struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
    struct jv_out out = {tx,      0, JV_OUT_TX_MIN,
                         tun,     0, JV_OUT_TUN_MIN,
                         records, 0, JV_OUT_RECORDS_MIN,
                         orders,  0, JV_OUT_ORDERS_MIN,
                         NULL,    0, 0};
    assert_int_equal(jv_core_take(p.gateway, &slot, 1), 1);
    slot.off = JV_BUF_HEADROOM;
    slot.len = sent.len;
    memcpy(slot.buf + slot.off, sent.bytes, sent.len);
    slot.link = 1;
    slot.remote = sent.remote;
    slot.local = sent.local;
    slot.ecn = 3;
    struct jv_batch batch = {&slot, 1, 0};
    assert_int_equal(jv_core_datagrams(p.gateway, (struct jv_instant){p.now_ns}, &batch, &out),
                     JV_E_OK);
    jv_core_give(p.gateway, out.tx, out.tx_len);
    assert_int_equal(out.tun_len, 0);
    assert_int_equal(drops(false, JV_DROP_INNER_ECN), 1);
}

static void jump_learns_patience_up_to_a_limit(void **state)
{
    struct jv_session *s = session(true);
    struct jv_path *path = &client()->paths[1];
    p.client->now = (struct jv_instant){p.now_ns};
    path->heard = p.client->now;
    s->policy.silence_floor_ms = s->policy.silence_ceiling_ms;
    for (uint32_t i = 0; i < 20; i++) {
        jv_jump_left_too_early(p.client, s, path);
    }
    assert_int_equal(path->doublings, 16);
    s->bound->doublings = 16;
    s->state = JV_ST_VOLATILE; /* a suspicion that turns out false */
    jv_jump_on_heard(p.client, s);
    s->state = JV_ST_ATTACHED;
    assert_int_equal(s->bound->doublings, 16);
}

static void key_that_failed_to_open_too_often_is_replaced_and_then_given_up(void **state)
{
    struct jv_epoch *epoch = &session(true)->keys->epochs[JV_EPOCH_CURRENT];
    epoch->open_fails = JV_KEY_OPEN_FAIL_MAX / 2;
    pair_run(&p, 2500);
    assert_int_equal(epoch->n, 2);
    assert_int_equal(pair_count(&p.log_c, JV_REC_KeyRotated, JV_WHY_NONE), 1);
    epoch->open_fails = JV_KEY_OPEN_FAIL_MAX;
    pair_run(&p, 2500);
    assert_int_equal(pair_count(&p.log_c, JV_REC_SessionTerminated, JV_WHY_KEY_EXPIRED), 1);
}

static void question_for_a_rekey_that_is_under_way_is_its_reason(void **state)
{
    const struct jv_frame ask = {.type = JV_FRAME_REKEY_ASK};
    p.filter = swallow_offers;
    assert_true(pair_frames(&p, false, &ask, 1));
    pair_run(&p, 1100);
    assert_true(client()->rekey.used);
    assert_true(pair_frames(&p, false, &ask, 1)); /* asked again */
    pair_run(&p, 15);
    p.filter = NULL;
    pair_run(&p, 1500);
    assert_true(pair_count(&p.log_c, JV_REC_KeyRotated, JV_WHY_VOLUME_REACHED) >= 1);
}

static void key_is_replaced_before_it_has_carried_all_its_bytes(void **state)
{
    session(true)->policy.key_max_mib = 1;
    pair_flow_start(&p, &p.up, 500, 1300);
    pair_run(&p, 1500);
    assert_true(session(true)->keys->epochs[JV_EPOCH_CURRENT].n > 1);
    assert_true(pair_count(&p.log_c, JV_REC_KeyRotated, JV_WHY_VOLUME_REACHED) >= 1);
    p.up.on = false;
    pair_run(&p, 100);
    assert_int_equal(p.up.received, p.up.sent);
}

static void quiet_that_is_over_is_shown_as_none(void **state)
{
    struct jv_session_status c;
    session(true)->quiet.on = true;
    session(true)->quiet.until = (struct jv_instant){p.now_ns + JV_NS_PER_S};
    assert_true(pair_status(&p, true, &c));
    assert_true(c.is_quiet);
    session(true)->quiet.until = (struct jv_instant){p.now_ns};
    assert_true(pair_status(&p, true, &c));
    assert_false(c.is_quiet);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jump_learns_patience_up_to_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(
            key_that_failed_to_open_too_often_is_replaced_and_then_given_up, begin, end),
        cmocka_unit_test_setup_teardown(question_for_a_rekey_that_is_under_way_is_its_reason, begin,
                                        end),
        cmocka_unit_test_setup_teardown(key_is_replaced_before_it_has_carried_all_its_bytes, begin,
                                        end),
        cmocka_unit_test_setup_teardown(quiet_that_is_over_is_shown_as_none, begin, end),
        cmocka_unit_test_setup_teardown(probe_longer_than_any_datagram_is_malformed, begin, end),
        cmocka_unit_test_setup_teardown(ack_whose_spares_are_in_use_gives_none, begin, end),
        cmocka_unit_test_setup_teardown(ack_with_the_number_of_the_last_and_another_random_is_stale,
                                        begin, end),
        cmocka_unit_test_setup_teardown(hint_while_only_the_peer_is_in_doubt_is_answered, begin,
                                        end),
        cmocka_unit_test_setup_teardown(reject_of_a_question_for_the_peers_sake_changes_no_row,
                                        begin, end),
        cmocka_unit_test_setup_teardown(rebinding_above_the_clients_own_cap_waits_for_the_next_hint,
                                        begin, end),
        cmocka_unit_test_setup_teardown(probe_answer_of_a_session_that_is_over_there_moves_nothing,
                                        begin, end),
        cmocka_unit_test_setup_teardown(traffic_whose_ecn_breaks_the_rules_is_dropped, begin, end),
        T(frames_of_the_other_direction_move_nothing),
        T(frame_behind_which_bytes_are_malformed_is_counted_so),
        T(padding_frame_is_nothing),
        T(superseded_from_the_peer_ends_without_another_birth),
        T(report_of_packets_never_sent_ends_the_session),
        T(report_of_an_epoch_that_is_gone_is_no_lie),
        T(granted_policy_counts_for_the_offer_that_is_out_alone),
        T(wanted_policy_is_judged_in_order_and_at_a_pace),
        T(rekey_reply_to_no_offer_changes_no_key),
        T(rekey_offer_that_gives_no_secret_is_not_answered),
        T(answers_of_the_gateway_that_no_client_would_send_are_dropped_by_type),
        T(challenge_counts_once_and_for_its_request_alone),
        T(ack_of_another_path_or_of_the_past_commits_nothing),
        T(ack_that_claims_packets_never_sent_ends_the_session),
        T(reject_counts_for_its_request_alone),
        T(reject_by_a_limit_says_when_to_come_again),
        T(reject_of_the_version_is_corrected_once),
        T(reject_that_names_an_earlier_commit_leads_to_its_path),
        T(reject_that_names_the_future_or_no_path_is_a_refusal),
        T(hint_of_a_counter_never_sent_or_told_before_is_stale),
        T(rebinding_above_its_cap_is_delayed_and_never_degraded),
        T(request_of_another_protocol_is_no_candidate),
        T(request_with_reserved_bytes_or_a_false_report_commits_nothing),
        T(request_with_a_mark_of_no_epoch_or_a_time_to_come_is_not_believed),
        T(request_with_an_unknown_cause_moves_and_is_recorded_without_it),
        T(switches_and_rebindings_above_the_gateways_cap_are_refused_with_a_time),
    };
#undef T
    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
