/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "birth.h"
#include "client_state.h"
#include "locator.h"
#include "session.h"
#include "tunnel.h"

#define PAUSE_MIN_MS 1000U
#define PAUSE_MAX_MS 60000U

/* ---- gateway: everything that the session held goes back ---- */

static void remove_routes(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_user *user = &core->users[s->user].user;
    const struct jv_prefix hosts[] = {{s->address4.ip, 32}, {s->address6.ip, 128}};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(hosts); i++) {
        if (hosts[i].ip.family != JV_AF_NONE) {
            jv_routes_remove(&core->routes, &hosts[i], s->handle.idx);
        }
    }
    for (uint32_t i = 0; i < user->nets_len; i++) {
        jv_routes_remove(&core->routes, &user->nets[i], s->handle.idx);
        jv_core_order(out, JV_ORDER_ROUTE_REMOVE, s)->route = user->nets[i];
    }
}

static void after_gateway_end(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    remove_routes(core, s, out);
    jv_locator_remove_all(core, s);
    jv_addresses_free(&core->addresses, s->address_idx, core->now);
    struct jv_order *order = jv_core_order(out, JV_ORDER_ENDED, s);
    order->reason = s->why;
    jv_session_close(core, s);
}

/* ---- client: tell the daemon, and begin anew where the user wants that ---- */

/* SUPERSEDED is never followed by a birth of its own accord, nor is what a person ended (design §4.1, §4.8). */
static bool is_reborn(const struct jv_core *core, const struct jv_session *s)
{
    return core->cfg.rebirth && s->why != JV_WHY_SUPERSEDED && s->why != JV_WHY_OPERATOR_TERMINATED;
}

static void after_client_end(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    for (uint32_t i = 0; i < cl->held_len; i++) {
        jv_core_drop(core, &cl->held[i], JV_DROP_TERMINATED);
    }
    cl->held_len = 0;
    jv_wipe(&cl->request, sizeof cl->request);
    jv_wipe(&cl->rekey, sizeof cl->rekey);
    jv_noise_wipe(&cl->attempt.noise);
    cl->committed.any = false;
    cl->suspected = false;
    cl->attempt.running = cl->attempt.confirming = false;
    cl->attempt.wanted = is_reborn(core, s);
    cl->attempt.failures = s->why == JV_WHY_HANDSHAKE_FAIL ? cl->attempt.failures + 1 : 0;
    uint64_t pause =
        JV_MIN((uint64_t)PAUSE_MIN_MS << JV_MIN(cl->attempt.failures, 6U), (uint64_t)PAUSE_MAX_MS);
    pause = cl->attempt.failures == 0 ? 0 : pause + jv_prng_below(&core->jitter, pause / 4);
    cl->attempt.begin_at = cl->attempt.retry_at = jv_add_ms(core->now, pause);
    if (s->why != JV_WHY_HANDSHAKE_FAIL) {
        cl->attempt.prior = s->why == JV_WHY_SUPERSEDED ? (struct jv_sid){{0}} : s->sid;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        cl->paths[i].locator = 0;
        cl->paths[i].has_token = false;
        cl->paths[i].probe_time_us = 0;
    }
    struct jv_order *order = jv_core_order(out, JV_ORDER_ENDED, s);
    order->reason = s->why;
    order->rebirth = cl->attempt.wanted;
}

void jv_birth_after_end(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (s->ended) {
        return;
    }
    s->ended = true;
    if (jv_core_is_client(core)) {
        after_client_end(core, s, out);
    } else {
        after_gateway_end(core, s, out);
    }
}
