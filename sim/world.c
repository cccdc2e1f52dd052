/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define LOOK_MS 250U  /* in the calm the world is looked at this often */
#define DATA_MS 9000U /* a mapping that moved just before is noticed by silence: 5 s at most */
#define STUCK_STEPS 200000U /* without progress of time */

void world_wrong(struct sim_world *w, bool is_liveness, const char *form, ...)
{
    va_list args;
    if (w->wrong[0] != '\0') {
        return;
    }
    int n = snprintf(w->wrong, sizeof w->wrong, "at %" PRIu64 " ms: ", world_ms(w));
    va_start(args, form);
    (void)vsnprintf(w->wrong + n, sizeof w->wrong - (size_t)n, form, args);
    va_end(args);
    w->is_liveness = is_liveness;
}

void world_mix(struct sim_world *w, uint64_t value)
{
    w->trace = (w->trace ^ value) * 0x100000001b3ULL;
}

uint64_t world_ms(const struct sim_world *w)
{
    return (w->now_ns - SIM_START_NS) / JV_NS_PER_MS;
}

/* ---- birth ---- */

static struct jv_key key_of(uint32_t kind, uint32_t n)
{
    struct jv_key key;
    memset(key.b, (int)(0x10 * kind + n), sizeof key.b);
    key.b[7] = 0x5a;
    return key;
}

static struct jv_user *make_users(const struct sim_plan *plan)
{
    struct jv_user *users = calloc(SIM_CLIENTS, sizeof *users);
    if (users == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < plan->clients_len; i++) {
        const struct jv_key own = key_of(1, i);
        (void)snprintf(users[i].name, sizeof users[i].name, "u%u", i);
        users[i].psk = key_of(4, i);
        if (jv_dh_public(&own, &users[i].public_key) != JV_E_OK) {
            abort();
        }
    }
    return users;
}

static void set_cfg(struct sim_world *w, struct sim_node *node)
{
    const struct sim_plan *plan = w->plan;
    uint32_t client = node->idx - w->gateways_len;
    struct jv_core_cfg *cfg = &node->cfg;
    *cfg = (struct jv_core_cfg){.role = node->is_client ? JV_ROLE_CLIENT : JV_ROLE_GATEWAY,
                                .buffers = plan->buffers,
                                .first_seq = 1,
                                .mtu = JV_MTU_DEFAULT,
                                .offer_aes = true};
    if (!node->is_client) {
        uint8_t g = (uint8_t)node->idx;
        cfg->private_key = key_of(2, node->idx);
        cfg->policy = jv_policy_presets[JV_PRESET_FAST];
        cfg->sessions_max = cfg->users_max = 2 * SIM_CLIENTS;
        cfg->half_open_max = plan->half_open_max;
        cfg->users = node->users = make_users(plan);
        cfg->users_len = plan->clients_len;
        cfg->pool4 = (struct jv_prefix){{{10, 80, g, 0}, JV_AF_4, {0}}, 24};
        cfg->pool6 = (struct jv_prefix){{{0xfd, 0x80, g, 0x56}, JV_AF_6, {0}}, 64};
        return;
    }
    const struct jv_key gateway = key_of(2, w->clients[client].gateway);
    cfg->private_key = key_of(1, client);
    cfg->psk = key_of(4, client);
    cfg->policy = plan->clients[client].policy;
    cfg->rebirth = plan->clients[client].rebirth;
    cfg->offer_aes = !plan->clients[client].no_aes;
    cfg->allowed[0] = (struct jv_prefix){{{0}, JV_AF_4, {0}}, 0};
    cfg->allowed[1] = (struct jv_prefix){{{0}, JV_AF_6, {0}}, 0};
    cfg->allowed_len = 2;
    if (jv_dh_public(&gateway, &cfg->gateway_key) != JV_E_OK) {
        abort();
    }
}

static void make_out(struct jv_out *out)
{
    *out = (struct jv_out){.tx_cap = JV_OUT_TX_MIN,
                           .tun_cap = JV_OUT_TUN_MIN,
                           .records_cap = JV_OUT_RECORDS_MIN,
                           .orders_cap = JV_OUT_ORDERS_MIN};
    out->tx = calloc(out->tx_cap, sizeof *out->tx);
    out->tun = calloc(out->tun_cap, sizeof *out->tun);
    out->records = calloc(out->records_cap, sizeof *out->records);
    out->orders = calloc(out->orders_cap, sizeof *out->orders);
    if (out->tx == NULL || out->tun == NULL || out->records == NULL || out->orders == NULL) {
        abort();
    }
}

static void open_client(struct sim_world *w, uint32_t c)
{
    const struct plan_client *from = &w->plan->clients[c];
    struct sim_client *client = &w->clients[c];
    client->gateway = c % w->gateways_len;
    client->rebirth = from->rebirth;
    client->links_len = from->links_len;
    client->up = (struct sim_flow){.interval_us = from->up_us, .bytes = from->up_bytes};
    client->down = (struct sim_flow){.interval_us = from->down_us, .bytes = from->down_bytes};
    for (uint32_t l = 0; l < client->links_len; l++) {
        const struct plan_link *shape = &from->links[l];
        struct sim_link *link = &client->links[l];
        *link = (struct sim_link){.is_up = true,
                                  .has_v6 = shape->has_v6,
                                  .is_tapped = shape->is_tapped,
                                  .host = 2,
                                  .nat = shape->nat < w->nats_len ? shape->nat : UINT32_MAX,
                                  .prefer = shape->prefer,
                                  .cost = shape->cost,
                                  .mtu = 1500,
                                  .is_cold = shape->is_cold,
                                  .is_metered = shape->is_metered};
        emu_init(&link->emu, w->seed * 64 + c * SIM_LINKS + l);
        link->emu.dirs[0].shape.delay_ns = shape->rtt_us / 2 * JV_NS_PER_US;
        link->emu.dirs[1].shape.delay_ns = shape->rtt_us / 2 * JV_NS_PER_US;
    }
}

static int by_moment(const void *a, const void *b)
{
    const struct sim_moment *x = a;
    const struct sim_moment *y = b;
    if (x->ns != y->ns) {
        return x->ns < y->ns ? -1 : 1;
    }
    if (x->step != y->step) {
        return x->step < y->step ? -1 : 1;
    }
    return (x->is_end ? 1 : 0) - (y->is_end ? 1 : 0);
}

static void lay_out_moments(struct sim_world *w)
{
    const struct sim_plan *plan = w->plan;
    w->moments = calloc(2 * PLAN_STEPS, sizeof *w->moments);
    if (w->moments == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < plan->steps_len; i++) {
        const struct plan_step *step = &plan->steps[i];
        if (step->is_out) {
            continue;
        }
        w->moments[w->moments_len++] =
            (struct sim_moment){SIM_START_NS + step->at_ms * JV_NS_PER_MS, i, false};
        w->moments[w->moments_len++] =
            (struct sim_moment){SIM_START_NS + step->until_ms * JV_NS_PER_MS, i, true};
    }
    qsort(w->moments, w->moments_len, sizeof *w->moments, by_moment);
}

void world_open(struct sim_world *w, const struct sim_plan *plan, bool print)
{
    memset(w, 0, sizeof *w);
    if (jv_crypto_init() != JV_E_OK) {
        abort();
    }
    w->plan = plan;
    w->print = print;
    w->seed = plan->seed;
    w->now_ns = SIM_START_NS;
    w->gateways_len = plan->gateways_len;
    w->clients_len = plan->clients_len;
    w->nats_len = plan->nats_len;
    w->is_exact_time = !plan->stands_still;
    net_init(&w->net);
    w->history = calloc((size_t)SIM_CLIENTS * NET_HISTORY, sizeof *w->history);
    w->adversary.ring = calloc(2 * SIM_CAPTURED, sizeof *w->adversary.ring);
    if (w->history == NULL || w->adversary.ring == NULL) {
        abort();
    }
    lay_out_moments(w);
    for (uint32_t n = 0; n < w->nats_len; n++) {
        w->nats[n] = (struct nat){.is_there = true,
                                  .mapping = (enum nat_kind)plan->nats[n].mapping,
                                  .filtering = (enum nat_kind)plan->nats[n].filtering,
                                  .keeps_port = plan->nats[n].keeps_port,
                                  .id = (uint8_t)(n + 1),
                                  .address = 1,
                                  .lifetime_ns = plan->nats[n].lifetime_s * JV_NS_PER_S,
                                  .next_port = 2000};
    }
    for (uint32_t c = 0; c < w->clients_len; c++) {
        open_client(w, c);
    }
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        struct sim_node *node = &w->nodes[i];
        node->idx = i;
        node->is_client = i >= w->gateways_len;
        node->clock =
            (struct sim_clock){SIM_START_NS, (i + 2) * 1000 * JV_NS_PER_S,
                               node->is_client ? plan->clients[i - w->gateways_len].drift_ppm
                                               : plan->gateway_drift_ppm};
        make_out(&node->out);
        set_cfg(w, node);
        if (!node->is_client) {
            node_start(w, node);
        }
    }
}

void world_close(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        struct sim_node *node = &w->nodes[i];
        struct jv_counters count;
        if (node->is_alive) {
            jv_core_counters(node->core, &count);
            for (uint32_t d = 0; d < JV_DROPS; d++) {
                w->tally.drops[d] += count.drops[d];
            }
            w->tally.no_buffer += count.drops[JV_DROP_NO_BUFFER];
        }
        node_kill(w, node);
        free(node->out.tx);
        free(node->out.tun);
        free(node->out.records);
        free(node->out.orders);
        free(node->users);
        free(node->verify_mem);
    }
    w->tally.virtual_ms = world_ms(w);
    net_fini(&w->net);
    free(w->history);
    free(w->moments);
    free(w->adversary.ring);
}

/* ---- time ---- */

static void start_client(struct sim_world *w, uint32_t c)
{
    w->clients[c].is_wanted = true;
    w->clients[c].up.on = w->clients[c].up.interval_us > 0;
    w->clients[c].down.on = w->clients[c].down.interval_us > 0;
    w->clients[c].up.next_ns = w->clients[c].down.next_ns = w->now_ns;
    node_start(w, node_of_client(w, c));
}

/* Whoever sends to a client asks its gateway's address for it, which another client may have had before. */
static bool has_address(struct sim_world *w, uint32_t c, bool is_up)
{
    struct jv_session_status s;
    if (!is_up) {
        if (!node_session(w, &w->nodes[w->clients[c].gateway], c, &s)) {
            return false;
        }
        w->clients[c].address4 = s.address4;
    }
    return w->clients[c].address4.ip.family != JV_AF_NONE;
}

static void run_flow(struct sim_world *w, uint32_t c, bool is_up)
{
    struct sim_flow *flow = is_up ? &w->clients[c].up : &w->clients[c].down;
    struct sim_node *node = is_up ? node_of_client(w, c) : &w->nodes[w->clients[c].gateway];
    uint8_t packet[JV_BUF_ROOM];
    if (!flow->on || flow->next_ns > w->now_ns) {
        return;
    }
    flow->next_ns += flow->interval_us * JV_NS_PER_US;
    if (flow->sent == SIM_PACKETS || !node_is_running(node) || !has_address(w, c, is_up)) {
        return;
    }
    check_make_packet(w, c, is_up, flow->sent++, packet, flow->bytes);
    node_packet(w, node, packet, flow->bytes);
}

static uint64_t next_flow_ns(const struct sim_world *w)
{
    uint64_t t = UINT64_MAX;
    for (uint32_t c = 0; c < w->clients_len; c++) {
        t = w->clients[c].up.on ? JV_MIN(t, w->clients[c].up.next_ns) : t;
        t = w->clients[c].down.on ? JV_MIN(t, w->clients[c].down.next_ns) : t;
    }
    return t;
}

static void run_moments(struct sim_world *w)
{
    while (w->next_moment < w->moments_len && w->moments[w->next_moment].ns <= w->now_ns) {
        const struct sim_moment *m = &w->moments[w->next_moment++];
        const struct plan_step *step = &w->plan->steps[m->step];
        if (w->print && !m->is_end) {
            printf("%9" PRIu64 ".000 * step %u: %s client %u link %u a %u b %u until %" PRIu64 "\n",
                   world_ms(w), m->step, plan_kind_name(step->kind), step->client, step->link,
                   step->a, step->b, step->until_ms);
        }
        if (m->is_end) {
            plan_end(w, step);
        } else {
            w->tally.faults++;
            plan_begin(w, step);
        }
    }
}

static void run_springs(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->springs_len;) {
        const struct sim_moment m = w->springs[i];
        if (m.ns > w->now_ns) {
            i++;
            continue;
        }
        w->springs[i] = w->springs[--w->springs_len];
        plan_spring(w, &w->plan->steps[m.step]);
    }
}

static uint64_t next_ns(const struct sim_world *w)
{
    uint64_t t = JV_MIN(net_next_ns(&w->net), next_flow_ns(w));
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        t = JV_MIN(t, node_due(w, &w->nodes[i]));
    }
    for (uint32_t c = 0; c < w->clients_len; c++) {
        if (w->nodes[w->gateways_len + c].incarnation == 0) {
            t = JV_MIN(t, SIM_START_NS + w->plan->clients[c].start_ms * JV_NS_PER_MS);
        }
    }
    if (w->next_moment < w->moments_len) {
        t = JV_MIN(t, w->moments[w->next_moment].ns);
    }
    for (uint32_t i = 0; i < w->springs_len; i++) {
        t = JV_MIN(t, w->springs[i].ns);
    }
    return JV_MAX(t, w->now_ns);
}

/* All that is due now, of one kind after the other: datagrams come before deadlines, as in the daemon. */
static void step(struct sim_world *w)
{
    w->tally.steps++;
    run_moments(w);
    run_springs(w);
    for (uint32_t c = 0; c < w->clients_len; c++) {
        if (w->nodes[w->gateways_len + c].incarnation == 0 &&
            SIM_START_NS + w->plan->clients[c].start_ms * JV_NS_PER_MS <= w->now_ns) {
            start_client(w, c);
        }
    }
    if (net_next_ns(&w->net) <= w->now_ns) {
        struct net_flight *flight = net_arrive(&w->net);
        node_deliver(w, &w->nodes[flight->node], flight);
        return;
    }
    for (uint32_t c = 0; c < w->clients_len; c++) {
        run_flow(w, c, true);
        run_flow(w, c, false);
    }
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        struct sim_node *node = &w->nodes[i];
        if (node_due(w, node) > w->now_ns) {
            continue;
        }
        if (node->paused_until_ns != 0) {
            node_resume(w, node, true);
        } else {
            node_expire(w, node);
        }
    }
}

void world_pass(struct sim_world *w, uint64_t until_ns)
{
    uint32_t stuck = 0;
    while (w->wrong[0] == '\0') {
        uint64_t t = next_ns(w);
        if (t > until_ns) {
            break;
        }
        stuck = t == w->now_ns ? stuck + 1 : 0;
        if (stuck > STUCK_STEPS) {
            world_wrong(w, false, "time makes no progress");
        }
        w->now_ns = t;
        step(w);
    }
    w->now_ns = JV_MAX(w->now_ns, until_ns);
}

/* ---- faults, calm, end ---- */

/* What a policy grants at the worst: both limits of a session that is lost, doubled windows, a minute of tokens. */
static uint64_t calm_ms(const struct sim_world *w, uint32_t client)
{
    const struct jv_policy *p = &w->plan->clients[client].policy;
    uint64_t ms = 2ULL * p->transport_lost_ttl_ms + p->transport_dead_ms +
                  p->volatile_to_degraded_ms + p->recovery_window_ms +
                  ((uint64_t)p->stability_window_ms << 6) + 60000 + p->birth_timeout_ms;
    return w->clients[client].rebirth ? ms + p->birth_timeout_ms + 150000 : ms;
}

/* Both ends live, and the transport limit leaves time for a patient probe and for a switch token. */
static bool is_far_from_limits(struct sim_world *w, uint32_t client)
{
    const struct jv_policy *p = &w->plan->clients[client].policy;
    uint64_t token_ms = 60000 / (p->max_switches_per_min - p->switch_burst);
    uint64_t need_ms = 2 * JV_PROBE_RETRY_MAX_MS + token_ms;
    for (uint32_t side = 0; side < 2; side++) {
        struct jv_session_status s;
        struct sim_node *node =
            side == 0 ? node_of_client(w, client) : &w->nodes[w->clients[client].gateway];
        if (!node_session(w, node, client, &s) || s.state == JV_ST_TERMINATED ||
            s.state == JV_ST_BIRTH || s.transportless_ms + need_ms > p->transport_lost_ttl_ms) {
            return false;
        }
    }
    return true;
}

static const char *state_of(struct sim_world *w, const struct sim_node *node, uint32_t client)
{
    struct jv_session_status s;
    return node_session(w, node, client, &s) ? jv_state_name(s.state) : "without a session";
}

static void come_home(struct sim_world *w)
{
    uint64_t begin_ns = w->now_ns;
    bool is_home = false;
    while (!is_home && w->wrong[0] == '\0') {
        is_home = true;
        for (uint32_t c = 0; c < w->clients_len && w->wrong[0] == '\0'; c++) {
            bool is_late = w->now_ns - begin_ns > calm_ms(w, c) * JV_NS_PER_MS;
            bool is_there = check_is_home(w, c);
            if (!is_there && is_late) {
                world_wrong(w, true, "in the calm client %u is %s and its gateway %s", c,
                            state_of(w, node_of_client(w, c), c),
                            state_of(w, &w->nodes[w->clients[c].gateway], c));
            }
            is_home = is_home && is_there;
        }
        if (!is_home) {
            world_pass(w, w->now_ns + LOOK_MS * JV_NS_PER_MS);
        }
    }
}

static bool is_served(struct sim_world *w, uint32_t c, uint64_t up, uint64_t down)
{
    const struct sim_client *client = &w->clients[c];
    struct jv_session_status s;
    if (!node_session(w, node_of_client(w, c), c, &s) || s.state != JV_ST_ATTACHED) {
        return true; /* it is over, or its policy moves it just now */
    }
    return (client->up.received > up || client->up.sent == SIM_PACKETS) &&
           (client->down.received > down || client->down.sent == SIM_PACKETS);
}

static void data_flows(struct sim_world *w)
{
    uint64_t up[SIM_CLIENTS] = {0};
    uint64_t down[SIM_CLIENTS] = {0};
    for (uint32_t c = 0; c < w->clients_len; c++) {
        struct sim_client *client = &w->clients[c];
        up[c] = client->up.received;
        down[c] = client->down.received;
        client->up.on = client->down.on = true;
        client->up.interval_us = client->down.interval_us = 50000;
        client->up.bytes = client->down.bytes = 100;
        client->up.next_ns = client->down.next_ns = w->now_ns;
    }
    world_pass(w, w->now_ns + DATA_MS * JV_NS_PER_MS);
    for (uint32_t c = 0; c < w->clients_len; c++) {
        if (!is_served(w, c, up[c], down[c])) {
            world_wrong(w, true, "client %u is ATTACHED, and its data does not pass", c);
        }
    }
}

static void order_all(struct sim_world *w, const struct jv_command *command)
{
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        if (w->nodes[i].is_alive) {
            (void)node_command(w, &w->nodes[i], command); /* it may be over */
        }
    }
    world_pass(w, w->now_ns + 2000 * JV_NS_PER_MS);
}

/* Everything ends, and every buffer comes home. */
static void end(struct sim_world *w)
{
    const struct jv_command down = {.kind = JV_CMD_DOWN};
    for (uint32_t c = 0; c < w->clients_len; c++) {
        w->clients[c].up.on = w->clients[c].down.on = false;
        w->clients[c].is_wanted = w->clients[c].must_live = false;
    }
    bool is_birth_out = false;
    for (uint32_t c = 0; c < w->clients_len; c++) {
        struct jv_session_status s;
        is_birth_out = is_birth_out ||
                       (node_session(w, node_of_client(w, c), c, &s) && s.state == JV_ST_BIRTH);
    }
    order_all(w, &down);
    if (is_birth_out) {
        /* Its confirmation may be under way: that session begins behind the first order, at the gateway alone. */
        order_all(w, &down);
    }
    for (uint32_t c = 0; c < w->clients_len; c++) {
        if (!check_is_home(w, c)) {
            world_wrong(w, false, "an operator's end does not end the session of client %u", c);
        }
    }
    for (uint32_t i = 0; i < w->gateways_len + w->clients_len; i++) {
        if (w->nodes[i].is_alive) {
            check_conserved(w, &w->nodes[i], true);
            check_stop(w, &w->nodes[i], true);
        }
    }
}

bool world_run(struct sim_world *w)
{
    world_pass(w, SIM_START_NS + w->plan->faults_ms * JV_NS_PER_MS);
    if (w->wrong[0] == '\0') {
        plan_calm(w);
        w->is_calm = true;
        for (uint32_t c = 0; c < w->clients_len; c++) {
            w->clients[c].must_live = is_far_from_limits(w, c);
        }
        come_home(w);
    }
    if (w->wrong[0] == '\0') {
        data_flows(w);
    }
    if (w->wrong[0] == '\0') {
        end(w);
    }
    return w->wrong[0] == '\0';
}
