/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of fault does to a world, and how it is undone. */
#include <string.h>

#include "order.h"
#include "plan.h"
#include "world.h"

static struct sim_link *link_of(struct sim_world *w, const struct plan_step *s)
{
    return &w->clients[s->client].links[s->link];
}

static struct nat *nat_of(struct sim_world *w, const struct plan_step *s)
{
    uint32_t nat = link_of(w, s)->nat;
    return nat < w->nats_len ? &w->nats[nat] : NULL;
}

static struct emu_shape *shape_of(struct sim_world *w, const struct plan_step *s, uint32_t dir)
{
    return &link_of(w, s)->emu.dirs[dir].shape;
}

/* ---- shapes of links ---- */

static void reset_shape(struct sim_world *w, uint32_t client, uint32_t link)
{
    uint64_t delay_ns = w->plan->clients[client].links[link].rtt_us / 2 * JV_NS_PER_US;
    for (uint32_t dir = 0; dir < EMU_DIRS; dir++) {
        w->clients[client].links[link].emu.dirs[dir].shape =
            (struct emu_shape){.delay_ns = delay_ns};
    }
}

static void set_shape(struct sim_world *w, const struct plan_step *s, uint32_t dir, bool on)
{
    struct emu_shape *shape = shape_of(w, s, dir);
    uint64_t base_ns = w->plan->clients[s->client].links[s->link].rtt_us / 2 * JV_NS_PER_US;
    switch (s->kind) {
    case PLAN_LOSS:
        shape->loss_ppm = on ? s->a : 0;
        break;
    case PLAN_BURST:
        shape->enter_ppm = on ? s->a : 0;
        shape->leave_ppm = on ? s->b : 0;
        shape->bad_loss_ppm = on ? EMU_PPM : 0;
        break;
    case PLAN_DUPLICATE:
        shape->dup_ppm = on ? s->a : 0;
        break;
    case PLAN_DELAY:
        shape->delay_ns = base_ns + (on ? s->a * JV_NS_PER_US : 0);
        break;
    case PLAN_JITTER:
        shape->jitter_ns = on ? s->a * JV_NS_PER_US : 0;
        break;
    case PLAN_REORDER:
        shape->reorder_ppm = on ? s->a : 0;
        shape->reorder_ns = on ? s->b * JV_NS_PER_US : 0;
        break;
    case PLAN_RATE:
        shape->bits_per_s = on ? s->a * 1000ULL : 0;
        break;
    case PLAN_MTU:
        shape->mtu = on ? s->a : 0;
        shape->mtu_answers = s->b != 0;
        break;
    default: /* HOLE; the others are no shapes */
        shape->hole = on;
        break;
    }
}

static bool is_shape(enum plan_kind kind)
{
    switch (kind) {
    case PLAN_HOLE:
    case PLAN_LOSS:
    case PLAN_BURST:
    case PLAN_DUPLICATE:
    case PLAN_DELAY:
    case PLAN_JITTER:
    case PLAN_REORDER:
    case PLAN_RATE:
    case PLAN_MTU:
        return true;
    default:
        return false;
    }
}

static void shape(struct sim_world *w, const struct plan_step *s, bool on)
{
    bool has_sides = s->kind == PLAN_HOLE || s->kind == PLAN_LOSS || s->kind == PLAN_DUPLICATE ||
                     s->kind == PLAN_DELAY;
    uint32_t sides = !has_sides ? 3 : s->kind == PLAN_HOLE ? s->a : s->b;
    for (uint32_t dir = 0; dir < EMU_DIRS; dir++) {
        if ((sides >> dir & 1) != 0) {
            set_shape(w, s, dir, on);
        }
    }
}

/* ---- hosts ---- */

static void roam(struct sim_world *w, const struct plan_step *s)
{
    struct sim_link *link = link_of(w, s);
    bool was_up = link->is_up;
    path_link_down(w, s->client, s->link);
    link->host = (uint8_t)(link->host % 250 + 1);
    if (s->a != 0 && w->nats_len > 1 && link->nat < w->nats_len) {
        link->nat = (link->nat + 1) % w->nats_len;
    }
    if (was_up) {
        path_link_up(w, s->client, s->link);
    }
}

static void hoard(struct sim_node *node, uint32_t n)
{
    if (node->is_alive && node->hoard_len == 0) {
        n = JV_MIN(n, (uint32_t)JV_ARRAY_LEN(node->hoard));
        node->hoard_len = jv_core_take(node->core, node->hoard, n);
    }
}

static void give_back(struct sim_node *node)
{
    if (node->is_alive && node->hoard_len > 0) {
        jv_core_give(node->core, node->hoard, node->hoard_len);
    }
    node->hoard_len = 0;
}

static void jump_clock(struct sim_world *w, struct sim_node *node, uint64_t ms)
{
    node->clock.node_ns = node_now(w, node) + ms * JV_NS_PER_MS;
    node->clock.world_ns = w->now_ns;
}

static void set_flows(struct sim_world *w, const struct plan_step *s, bool on)
{
    struct sim_client *client = &w->clients[s->client];
    client->up.on = on && client->up.interval_us > 0;
    client->down.on = on && client->down.interval_us > 0;
    client->up.next_ns = client->down.next_ns = w->now_ns;
}

static void lose_type(struct sim_world *w, const struct plan_step *s, bool on)
{
    uint32_t bit = 1U << s->a;
    struct sim_adversary *adv = &w->adversary;
    if ((s->b & 1) != 0) {
        adv->lost_types = on ? adv->lost_types | bit : adv->lost_types & ~bit;
    }
    if ((s->b & 2) != 0) {
        adv->lost_types_down = on ? adv->lost_types_down | bit : adv->lost_types_down & ~bit;
    }
}

/* ---- ambushes ---- */

static void arm(struct sim_world *w, const struct plan_step *s)
{
    if (w->armed_len < SIM_ARMED) {
        w->armed[w->armed_len++] = (uint32_t)(s - w->plan->steps);
    }
}

static void disarm(struct sim_world *w, const struct plan_step *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->armed_len; i++) {
        if (&w->plan->steps[w->armed[i]] != s) {
            w->armed[kept++] = w->armed[i];
        }
    }
    w->armed_len = kept;
}

void plan_provoke(struct sim_world *w, uint32_t client)
{
    for (uint32_t i = 0; i < w->armed_len; i++) {
        const struct plan_step *s = &w->plan->steps[w->armed[i]];
        if (s->client == client && w->springs_len < SIM_ARMED) {
            w->springs[w->springs_len++] =
                (struct sim_moment){w->now_ns + s->a * JV_NS_PER_US, w->armed[i], false};
        }
    }
}

void plan_spring(struct sim_world *w, const struct plan_step *s)
{
    struct jv_prng prng = {s->seed + w->tally.ambushes++};
    uint64_t ms = 10 + jv_prng_below(&prng, w->plan->stands_still ? 3000 : 1200);
    struct nat *nat = nat_of(w, s);
    switch (s->b) {
    case 0:
        shape_of(w, s, 0)->hole = shape_of(w, s, 1)->hole = true;
        break;
    case 1:
        if (nat != NULL) {
            nat_rebind(nat);
        }
        break;
    case 2:
        if (nat != NULL) {
            nat_kill(nat);
        }
        break;
    case 3:
        path_link_down(w, s->client, s->link);
        break;
    case 4:
    case 5:
        node_pause(w, order_peer(w, s, s->b == 5), w->now_ns + ms * JV_NS_PER_MS, false);
        break;
    case 6:
        adversary_replays(w, &prng, 20);
        break;
    default:
        order_doubts(w, &(struct plan_step){.client = s->client, .link = s->link, .a = 50});
        break;
    }
}

/* What an ambush left behind. */
static void clear_ambush(struct sim_world *w, const struct plan_step *s)
{
    disarm(w, s);
    if (s->b == 0) {
        shape_of(w, s, 0)->hole = shape_of(w, s, 1)->hole = false;
    } else if (s->b == 3) {
        path_link_up(w, s->client, s->link);
    }
}

/* ---- steps ---- */

/* Acts of the network and of hosts. False: it is an act of somebody. */
static bool begin_thing(struct sim_world *w, const struct plan_step *s)
{
    uint32_t gateway = w->clients[s->client].gateway;
    struct nat *nat = nat_of(w, s);
    uint64_t until_ns = SIM_START_NS + s->until_ms * JV_NS_PER_MS;
    switch (s->kind) {
    case PLAN_PARTITION:
        (s->a == 1 ? w->holes_to : w->holes_from)[gateway][s->client] = true;
        return true;
    case PLAN_LATE:
        link_of(w, s)->late_ppm = s->a;
        return true;
    case PLAN_CORRUPT:
        link_of(w, s)->corrupt_ppm = s->a;
        return true;
    case PLAN_DOWN:
        path_link_down(w, s->client, s->link);
        return true;
    case PLAN_ROAM:
        roam(w, s);
        return true;
    case PLAN_REBIND:
        if (nat != NULL) {
            nat_rebind(nat);
            nat->address = (uint8_t)(nat->address + (s->a != 0 ? 1 : 0));
        }
        return true;
    case PLAN_LIFETIME:
        if (nat != NULL) {
            nat->lifetime_ns = s->a * JV_NS_PER_MS;
        }
        return true;
    case PLAN_DEAD:
        if (nat != NULL) {
            nat_kill(nat);
        }
        return true;
    case PLAN_SLEEP:
        node_pause(w, node_of_client(w, s->client), until_ns, true);
        return true;
    case PLAN_STALL:
        node_pause(w, order_peer(w, s, s->a != 0), until_ns, false);
        return true;
    case PLAN_CRASH:
        node_kill(w, node_of_client(w, s->client));
        return true;
    case PLAN_RESTART:
        node_kill(w, order_peer(w, s, true));
        return true;
    case PLAN_CLOCK:
        jump_clock(w, order_peer(w, s, s->b != 0), s->a);
        return true;
    case PLAN_HOARD:
        hoard(order_peer(w, s, s->b != 0), s->a);
        return true;
    case PLAN_LAZY:
        order_peer(w, s, s->b != 0)->lazy_us = s->a;
        return true;
    case PLAN_VERSION:
        link_of(w, s)->other_version = s->a;
        return true;
    default:
        return false;
    }
}

static void begin_act(struct sim_world *w, const struct plan_step *s)
{
    struct jv_prng prng = {s->seed};
    struct sim_adversary *adv = &w->adversary;
    switch (s->kind) {
    case PLAN_SILENCE:
        set_flows(w, s, false);
        break;
    case PLAN_SWITCH:
        order_link(w, s, JV_CMD_SWITCH);
        break;
    case PLAN_HOLD:
        order_link(w, s, JV_CMD_HOLD);
        break;
    case PLAN_PATH_OFF:
        order_link(w, s, JV_CMD_PATH_OFF);
        break;
    case PLAN_PREFER:
        order_link(w, s, JV_CMD_PATH_PREFER);
        break;
    case PLAN_PROBE:
        order_link(w, s, JV_CMD_PROBE);
        break;
    case PLAN_POLICY:
        order_reload(w, s);
        break;
    case PLAN_POLICY_BAD:
        order_give(w, order_peer(w, s, true), &(struct jv_command){.kind = JV_CMD_POLICY_INVALID});
        break;
    case PLAN_USERS:
        order_users(w, s, false);
        break;
    case PLAN_END:
        order_end(w, s);
        break;
    case PLAN_ENDPOINTS:
        path_tell(w, s->client, s->a);
        break;
    case PLAN_DOUBT:
        order_doubts(w, s);
        break;
    case PLAN_REPLAY:
        adversary_replays(w, &prng, s->a);
        break;
    case PLAN_FORGE:
        adversary_forges(w, &prng, s->a);
        break;
    case PLAN_FLOOD:
        adversary_floods(w, &prng, s->a);
        break;
    case PLAN_LOSE_TYPE:
        lose_type(w, s, true);
        break;
    case PLAN_AMBUSH:
        arm(w, s);
        break;
    case PLAN_DIVERT:
        adv->diverts = true;
        adv->relays = adv->relays || s->a != 0;
        break;
    case PLAN_RACE:
        adv->races = true;
        adv->relays = adv->relays || s->a != 0;
        break;
    default:
        break;
    }
}

void plan_begin(struct sim_world *w, const struct plan_step *s)
{
    if (w->nodes[w->gateways_len + s->client].incarnation == 0) {
        return; /* that client has not begun */
    }
    if (is_shape(s->kind)) {
        shape(w, s, true);
    } else if (!begin_thing(w, s)) {
        begin_act(w, s);
    }
}

void plan_end(struct sim_world *w, const struct plan_step *s)
{
    uint32_t gateway = w->clients[s->client].gateway;
    struct sim_node *client = node_of_client(w, s->client);
    struct nat *nat = nat_of(w, s);
    if (client->incarnation == 0) {
        return;
    }
    if (is_shape(s->kind)) {
        shape(w, s, false);
        return;
    }
    switch (s->kind) {
    case PLAN_PARTITION:
        (s->a == 1 ? w->holes_to : w->holes_from)[gateway][s->client] = false;
        break;
    case PLAN_LATE:
        link_of(w, s)->late_ppm = 0;
        break;
    case PLAN_CORRUPT:
        link_of(w, s)->corrupt_ppm = 0;
        break;
    case PLAN_DOWN:
        path_link_up(w, s->client, s->link);
        break;
    case PLAN_LIFETIME:
        if (nat != NULL) {
            nat->lifetime_ns = 120 * JV_NS_PER_S;
        }
        break;
    case PLAN_SLEEP: /* a sleeper that was told goes on by itself, and is up already */
        node_resume(w, client, s->a == 0);
        break;
    case PLAN_CRASH:
        if (!client->is_alive) {
            node_start(w, client);
        }
        break;
    case PLAN_RESTART:
        if (!order_peer(w, s, true)->is_alive) {
            node_start(w, order_peer(w, s, true));
        }
        break;
    case PLAN_HOARD:
        give_back(order_peer(w, s, s->b != 0));
        break;
    case PLAN_LAZY:
        order_peer(w, s, s->b != 0)->lazy_us = 0;
        break;
    case PLAN_VERSION:
        link_of(w, s)->other_version = 0;
        break;
    case PLAN_SILENCE:
        set_flows(w, s, true);
        break;
    case PLAN_PATH_OFF:
        order_link(w, s, JV_CMD_PATH_ON);
        break;
    case PLAN_POLICY:
        order_policy_back(w, s, s->b != 0);
        break;
    case PLAN_POLICY_BAD:
        order_policy_back(w, s, true);
        break;
    case PLAN_USERS:
        order_users(w, s, true);
        break;
    case PLAN_END:
        order_again(w, s->client);
        break;
    case PLAN_ENDPOINTS:
        path_tell(w, s->client, 3);
        break;
    case PLAN_LOSE_TYPE:
        lose_type(w, s, false);
        break;
    case PLAN_AMBUSH:
        clear_ambush(w, s);
        break;
    case PLAN_DIVERT:
    case PLAN_RACE:
        adversary_rests(w);
        break;
    default: /* acts of one moment */
        break;
    }
}

static void calm_client(struct sim_world *w, uint32_t c)
{
    struct sim_node *node = node_of_client(w, c);
    const struct jv_command policy = {.kind = JV_CMD_POLICY, .policy = w->plan->clients[c].policy};
    for (uint32_t l = 0; l < w->clients[c].links_len; l++) {
        const struct plan_step here = {.client = c, .link = l};
        struct sim_link *link = &w->clients[c].links[l];
        reset_shape(w, c, l);
        link->late_ppm = link->corrupt_ppm = link->other_version = 0;
        path_link_up(w, c, l);
        order_link(w, &here, JV_CMD_PATH_ON);
    }
    node->lazy_us = 0;
    give_back(node);
    order_give(w, node, &policy);
    path_tell(w, c, 3);
    order_again(w, c);
}

void plan_calm(struct sim_world *w)
{
    adversary_rests(w);
    w->armed_len = w->springs_len = 0;
    memset(w->holes_to, 0, sizeof w->holes_to);
    memset(w->holes_from, 0, sizeof w->holes_from);
    for (uint32_t n = 0; n < w->nats_len; n++) {
        w->nats[n].lifetime_ns = 300 * JV_NS_PER_S;
        for (uint32_t i = 0; i < NET_MAPPINGS; i++) {
            w->nats[n].mappings[i].is_dead = false;
        }
    }
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        struct sim_node *node = &w->nodes[i];
        if (node->incarnation > 0 && !node->is_alive) {
            node_start(w, node);
        }
        node_resume(w, node, true);
        node->lazy_us = 0;
        give_back(node);
    }
    for (uint32_t g = 0; g < w->gateways_len; g++) {
        const struct plan_step whole = {.client = g, .b = 1}; /* client g uses gateway g */
        if (g < w->clients_len) {
            order_users(w, &whole, true);
            order_policy_back(w, &whole, true);
        }
    }
    for (uint32_t c = 0; c < w->clients_len; c++) {
        calm_client(w, c);
    }
}
