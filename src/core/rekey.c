/* SPDX-License-Identifier: Apache-2.0 */
#include "rekey.h"

#include <string.h>

#include "client_state.h"
#include "liveness.h"
#include "session.h"
#include "tunnel.h"

static uint64_t packet_limit(const struct jv_session *s)
{
    uint64_t packets = (uint64_t)s->policy.key_max_packets_k << 10;
    return JV_MIN(packets, JV_KEY_SEAL_MAX);
}

static bool is_volume_beyond(const struct jv_session *s, const struct jv_epoch *epoch,
                             uint64_t parts)
{
    uint64_t bytes = (uint64_t)s->policy.key_max_mib << 20;
    return epoch->tx_next >= packet_limit(s) / parts || epoch->tx_bytes >= bytes / parts;
}

static struct jv_instant half_age(const struct jv_session *s)
{
    return jv_add_ms(s->keys->epochs[JV_EPOCH_CURRENT].since, s->policy.key_max_age_ms / 2);
}

/* A session that was without transport for long rekeys first of all when it is back: it gets the time for that. */
static struct jv_instant too_old_at(const struct jv_session *s)
{
    struct jv_instant old =
        jv_add_ms(s->keys->epochs[JV_EPOCH_CURRENT].since, s->policy.key_max_age_ms);
    struct jv_instant back = jv_add_ms(s->bound_since, JV_KEY_RETURN_MS);
    return jv_is_before(old, back) ? back : old;
}

struct jv_instant jv_rekey_deadline(const struct jv_core *core, const struct jv_session *s)
{
    if (s->bound == NULL || s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return JV_NEVER;
    }
    struct jv_instant t = jv_earlier(too_old_at(s), s->keys->previous_until);
    if (!jv_core_is_client(core)) {
        return t;
    }
    bool busy = core->client->request.used;
    struct jv_instant soft = core->client->rekey.used ? core->client->rekey.retry_at : half_age(s);
    return busy ? t : jv_earlier(t, soft);
}

static void send_init(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_frame frame = {.type = JV_FRAME_REKEY_INIT};
    frame.u.rekey.epoch = cl->rekey.n;
    frame.u.rekey.order = cl->rekey.order;
    frame.u.rekey.ephemeral_public = cl->rekey.own_public;
    memcpy(frame.u.rekey.random, cl->rekey.random, 16);
    (void)jv_tunnel_frames(core, s, &frame, 1, 0,
                           out); /* what could not be sent is repeated like what was lost */
    cl->rekey.retry_at = jv_add_ms(core->now, JV_REKEY_RETRY_MS);
}

static void start(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    jv_core_random(core, cl->rekey.own_private.b, JV_KEY_BYTES);
    jv_core_random(core, cl->rekey.random, 16);
    if (jv_dh_public(&cl->rekey.own_private, &cl->rekey.own_public) != JV_E_OK) {
        return;
    }
    cl->rekey.used = true;
    cl->rekey.n = s->keys->epochs[JV_EPOCH_CURRENT].n + 1;
    cl->rekey.order = ++cl->order; /* requests and other offers from before are dead with it */
    cl->rekey_asked = false;
    send_init(core, s, out);
}

static void ask(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_frame frame = {.type = JV_FRAME_REKEY_ASK};
    s->rekey.ask_at = jv_add_ms(core->now, JV_REKEY_ASK_MS);
    (void)jv_tunnel_frames(core, s, &frame, 1, 0, out); /* asked again when that is over */
}

void jv_rekey_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_epoch *current = &s->keys->epochs[JV_EPOCH_CURRENT];
    jv_keys_expire(s->keys, core->now);
    if (s->bound == NULL || s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return;
    }
    bool too_old = jv_is_due(too_old_at(s), core->now);
    if (too_old || current->tx_next >= JV_KEY_SEAL_MAX ||
        current->open_fails >= JV_KEY_OPEN_FAIL_MAX) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_KeyExpired, JV_WHY_KEY_EXPIRED, out);
        jv_record_put(rec, JV_FD_epoch, current->n);
        jv_record_put(rec, JV_FD_packets, current->tx_next);
        jv_session_end(core, s, JV_EV_KEYS_EXPIRED, JV_WHY_KEY_EXPIRED, JV_RULE_KEY_AGE, out);
        return;
    }
    bool by_volume =
        is_volume_beyond(s, current, 2) || current->open_fails >= JV_KEY_OPEN_FAIL_MAX / 2;
    if (!jv_core_is_client(core)) {
        if (by_volume && s->keys->epochs[JV_EPOCH_NEXT].n == 0 &&
            jv_is_due(s->rekey.ask_at, core->now)) {
            ask(core, s, out);
        }
        return;
    }
    struct jv_client *cl = core->client;
    if (cl->request.used) {
        return; /* the reattach goes first */
    }
    if (cl->rekey.used) {
        if (jv_is_due(cl->rekey.retry_at, core->now)) {
            send_init(core, s, out);
        }
    } else if (by_volume || cl->rekey_asked || jv_is_due(half_age(s), core->now)) {
        start(core, s, out);
    }
}

static void announce(struct jv_core *core, struct jv_session *s, bool by_volume, struct jv_out *out)
{
    core->count.rekeys++;
    struct jv_record *rec = jv_session_record(
        core, s, JV_REC_KeyRotated, by_volume ? JV_WHY_VOLUME_REACHED : JV_WHY_TIME_ELAPSED, out);
    rec->rule = (uint8_t)(by_volume ? JV_RULE_KEY_VOLUME : JV_RULE_KEY_AGE);
    jv_record_put(rec, JV_FD_epoch, s->keys->epochs[JV_EPOCH_CURRENT].n);
    jv_record_put(rec, JV_FD_packets, s->keys->epochs[JV_EPOCH_PREVIOUS].tx_next);
}

/* An offer from before a later request or offer is a held one: a copy that is let go when it hurts. */
static bool accept_offer(struct jv_core *core, struct jv_session *s, const struct jv_frame_rekey *f)
{
    struct jv_rekey_mix mix = {.peer_public = f->ephemeral_public};
    struct jv_key own_public;
    static const struct jv_rate rate = {JV_REKEY_OFFERS_PER_S, 1, JV_REKEY_OFFERS_PER_S};
    if (f->order <= s->order || !jv_bucket_take(&s->rekey.offers, &rate, core->now)) {
        return false;
    }
    jv_core_random(core, mix.own_private.b, JV_KEY_BYTES);
    jv_core_random(core, mix.gateway_random, sizeof mix.gateway_random);
    memcpy(mix.client_random, f->random, sizeof mix.client_random);
    bool ok = jv_dh_public(&mix.own_private, &own_public) == JV_E_OK &&
              jv_keys_prepare(s->keys, f->epoch, &mix) == JV_E_OK;
    if (ok) {
        s->order = s->rekey.order = f->order;
        s->rekey.client_public = f->ephemeral_public;
        s->rekey.own_public = own_public;
        memcpy(s->rekey.own_random, mix.gateway_random, sizeof s->rekey.own_random);
    }
    jv_wipe(&mix, sizeof mix);
    return ok;
}

/* The same offer is answered with the same reply; another one replaces NEXT as long as nothing was opened under it. */
void jv_rekey_on_init(struct jv_core *core, struct jv_session *s, const struct jv_frame_rekey *f,
                      struct jv_out *out)
{
    struct jv_epoch *next = &s->keys->epochs[JV_EPOCH_NEXT];
    bool again = next->n == f->epoch && next->n != 0 && f->order == s->rekey.order &&
                 jv_equal(&s->rekey.client_public, &f->ephemeral_public, JV_KEY_BYTES);
    if (!again && !accept_offer(core, s, f)) {
        return; /* stale or malformed: the client's next offer is judged anew */
    }
    struct jv_frame frame = {.type = JV_FRAME_REKEY_REPLY};
    frame.u.rekey.epoch = f->epoch;
    frame.u.rekey.order = f->order;
    frame.u.rekey.ephemeral_public = s->rekey.own_public;
    memcpy(frame.u.rekey.random, s->rekey.own_random, 16);
    (void)jv_tunnel_frames(core, s, &frame, 1, 0, out); /* the client repeats its offer */
}

void jv_rekey_on_reply(struct jv_core *core, struct jv_session *s, const struct jv_frame_rekey *f,
                       struct jv_out *out)
{
    struct jv_client *cl = core->client;
    if (!cl->rekey.used || f->epoch != cl->rekey.n || f->order != cl->rekey.order) {
        return;
    }
    bool by_volume = is_volume_beyond(s, &s->keys->epochs[JV_EPOCH_CURRENT], 2) || cl->rekey_asked;
    struct jv_rekey_mix mix = {.own_private = cl->rekey.own_private,
                               .peer_public = f->ephemeral_public};
    memcpy(mix.client_random, cl->rekey.random, 16);
    memcpy(mix.gateway_random, f->random, 16);
    enum jv_err err = jv_keys_prepare(s->keys, f->epoch, &mix);
    jv_wipe(&mix, sizeof mix);
    jv_rekey_cancel(core, s);
    if (err != JV_E_OK) {
        return;
    }
    jv_keys_advance(s->keys, core->now);
    announce(core, s, by_volume, out);
    jv_liveness_send_heartbeat(core, s, out); /* the gateway moves on when it opens this */
}

void jv_rekey_confirmed(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    bool by_volume = is_volume_beyond(s, &s->keys->epochs[JV_EPOCH_CURRENT], 2);
    jv_keys_advance(s->keys, core->now);
    announce(core, s, by_volume, out);
}

void jv_rekey_cancel(struct jv_core *core, struct jv_session *s)
{
    if (jv_core_is_client(core)) {
        jv_wipe(&core->client->rekey, sizeof core->client->rekey);
    } else {
        jv_keys_cancel_next(s->keys);
    }
}
