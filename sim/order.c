/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

struct sim_node *order_peer(struct sim_world *w, const struct plan_step *s, bool is_gateway)
{
    return is_gateway ? &w->nodes[w->clients[s->client].gateway] : node_of_client(w, s->client);
}

static struct sim_link *link_of(struct sim_world *w, const struct plan_step *s)
{
    return &w->clients[s->client].links[s->link];
}

void order_give(struct sim_world *w, struct sim_node *node, const struct jv_command *command)
{
    if (node_is_running(node)) {
        (void)node_command(w, node, command); /* refused as often as not */
    }
}

/* The handle of the link's socket, or 0. */
static uint32_t handle_of(struct sim_world *w, const struct plan_step *s)
{
    for (uint32_t i = 0; i < SIM_SOCKETS; i++) {
        if (link_of(w, s)->sockets[i].handle != 0) {
            return link_of(w, s)->sockets[i].handle;
        }
    }
    return 0;
}

void order_link(struct sim_world *w, const struct plan_step *s, enum jv_command_kind kind)
{
    const struct jv_command c = {
        .kind = kind, .link = handle_of(w, s), .prefer = s->a, .hold_ms = s->a};
    order_give(w, node_of_client(w, s->client), &c);
}

void order_reload(struct sim_world *w, const struct plan_step *s)
{
    struct jv_prng prng = {s->seed};
    enum jv_policy_field field;
    const struct jv_policy *own = &w->plan->clients[s->client].policy;
    const struct jv_policy *preset = &jv_policy_presets[s->a];
    struct jv_command c = {.kind = JV_CMD_POLICY, .policy = *own};
    c.is_grace = jv_prng_below(&prng, 3) == 0;
    c.policy.heartbeat_interval_ms = preset->heartbeat_interval_ms;
    c.policy.heartbeat_idle_ms = preset->heartbeat_idle_ms;
    c.policy.silence_floor_ms = preset->silence_floor_ms;
    c.policy.standby_probe_ms = preset->standby_probe_ms;
    c.policy.metered_probe_ms = preset->metered_probe_ms;
    c.policy.path_valid_ms = preset->path_valid_ms;
    c.policy.quiet_after_ms =
        jv_prng_below(&prng, 2) == 0 ? 0 : 500 + (uint32_t)jv_prng_below(&prng, 5000);
    c.policy.stability_window_ms = JV_MIN(own->stability_window_ms, 500U);
    if (jv_prng_below(&prng, 3) == 0) {
        c.policy.waiting_age_ms = (uint32_t)jv_prng_below(&prng, 500);
    }
    if (jv_policy_check(&c.policy, &field) != NULL) {
        return;
    }
    if (s->b != 0) {
        c.clamp.has_bounds = jv_prng_below(&prng, 2) == 0;
        c.clamp.bounds = *own;
        c.clamp.heartbeat_min_ms =
            jv_prng_below(&prng, 3) == 0 ? 20 + (uint32_t)jv_prng_below(&prng, 400) : 0;
    }
    order_give(w, order_peer(w, s, s->b != 0), &c); /* a clamp that fits nothing is refused */
}

void order_policy_back(struct sim_world *w, const struct plan_step *s, bool is_gateway)
{
    const struct jv_command c = {.kind = JV_CMD_POLICY,
                                 .policy = is_gateway ? jv_policy_presets[JV_PRESET_FAST]
                                                      : w->plan->clients[s->client].policy};
    order_give(w, order_peer(w, s, is_gateway), &c);
}

void order_users(struct sim_world *w, const struct plan_step *s, bool is_whole)
{
    struct sim_node *gateway = order_peer(w, s, true);
    struct jv_user users[SIM_CLIENTS];
    struct jv_command c = {.kind = JV_CMD_USERS, .users = users};
    for (uint32_t i = 0; i < w->clients_len; i++) {
        if (is_whole || i != s->client) {
            users[c.users_len++] = gateway->users[i];
        }
    }
    order_give(w, gateway, &c);
}

void order_end(struct sim_world *w, const struct plan_step *s)
{
    struct jv_command c = {.kind = JV_CMD_DOWN};
    struct jv_session_status status;
    struct sim_node *node = order_peer(w, s, s->a != 0);
    if (s->a != 0 && node_session(w, node, s->client, &status)) {
        c.sid = status.sid;
    } else if (s->a != 0) {
        return;
    }
    w->clients[s->client].is_wanted = w->clients[s->client].is_wanted && s->a != 0;
    order_give(w, node, &c);
}

void order_again(struct sim_world *w, uint32_t client)
{
    struct sim_node *node = node_of_client(w, client);
    const struct jv_command up = {.kind = JV_CMD_UP};
    if (node->incarnation > 0) {
        w->clients[client].is_wanted = true;
        order_give(w, node, &up); /* it may be up */
    }
}

void order_doubts(struct sim_world *w, const struct plan_step *s)
{
    const struct jv_endpoint about = path_gateway(w->clients[s->client].gateway, false);
    for (uint32_t i = 0; i < s->a; i++) {
        const struct jv_command doubt = {.kind = JV_CMD_LINK_DOUBTED,
                                         .link = handle_of(w, s),
                                         .remote = about,
                                         .mtu = s->b,
                                         .is_too_big = s->b != 0};
        order_give(w, node_of_client(w, s->client), &doubt);
    }
}
