/* SPDX-License-Identifier: Apache-2.0 */
#include "pump.h"

#include <string.h>

#include "apply.h"
#include "audit.h"
#include "dns.h"
#include "hooks.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "notify.h"
#include "surroundings.h"
#include "tunio.h"
#include "udp.h"

#define TICK_MS 1000U

typedef enum jv_err batch_fn(struct jv_core *core, struct jv_instant now, struct jv_batch *batch,
                             struct jv_out *out);

/* ---- outputs ---- */

static void send_run(struct jv_shard *shard, const struct jv_slot *slots, uint32_t n)
{
    struct jv_links *links = shard->server->links;
    struct jv_udp *udp = jv_links_socket(links, slots[0].link);
    if (udp == NULL) {
        shard->counts.dead_link += n;
        return;
    }
    while (n > 0) {
        struct jv_udp_sent sent = {0};
        uint32_t len = JV_MIN(n, JV_BATCH_MAX);
        jv_udp_send(udp, slots, len, &sent);
        if (sent.dropped_local > 0) {
            jv_links_fail(links, slots[0].link, sent.local_errno);
        }
        slots += len;
        n -= len;
    }
}

static void flush_tx(struct jv_shard *shard)
{
    struct jv_out *out = &shard->out;
    uint32_t start = 0;
    for (uint32_t i = 1; i <= out->tx_len; i++) {
        if (i == out->tx_len || out->tx[i].link != out->tx[start].link) {
            send_run(shard, &out->tx[start], i - start);
            start = i;
        }
    }
    jv_core_give(shard->core, out->tx, out->tx_len);
    out->tx_len = 0;
}

static void flush_tun(struct jv_shard *shard)
{
    struct jv_out *out = &shard->out;
    if (out->tun_len > 0) {
        /* What the device refuses is counted by tun, and lost as on any wire. */
        jv_tunio_write(shard->tunio, out->tun, out->tun_len);
        jv_core_give(shard->core, out->tun, out->tun_len);
        out->tun_len = 0;
    }
}

static void carry_out(struct jv_server *server, const struct jv_order *order)
{
    if (order->kind == JV_ORDER_ENDED) {
        server->facts.last_end = order->reason;
    }
    jv_links_order(server->links, order);
    jv_names_order(server->names, order);
    jv_apply_order(server->apply, order);
    if (order->kind == JV_ORDER_CONFIGURE) {
        jv_dns_configure(server->dns, server->config, order);
        jv_hooks_up(server->hooks);
    }
}

/* What concerns more than one shard. */
static void flush_rest(struct jv_server *server, struct jv_out *out)
{
    if (out->records_len > 0 && server->audit != NULL) {
        jv_audit_push(server->audit, out->records, out->records_len);
    }
    jv_hooks_records(server->hooks, out->records, out->records_len);
    out->records_len = 0;
    for (uint32_t i = 0; i < out->orders_len; i++) {
        carry_out(server, &out->orders[i]);
    }
    out->orders_len = 0;
}

static void flush(struct jv_shard *shard)
{
    flush_tx(shard);
    flush_tun(shard);
    flush_rest(shard->server, &shard->out);
}

/* ---- inputs ---- */

static void run_batch(struct jv_shard *shard, batch_fn *fn, struct jv_slot *slots, uint32_t n)
{
    struct jv_batch batch = {.slots = slots, .len = n};
    for (uint32_t i = 0; i < JV_SERVER_TRIES; i++) {
        enum jv_err err = fn(shard->core, jv_loop_now(shard->loop), &batch, &shard->out);
        flush(shard);
        if (err != JV_E_AGAIN) {
            break;
        }
    }
    if (batch.done < batch.len) {
        uint32_t left = batch.len - batch.done;
        jv_core_give(shard->core, &slots[batch.done], left);
        shard->counts.given_up += left;
    }
}

/* Empty buffers to read into: those that the last batch did not need, and new ones for the rest. */
static uint32_t stock(struct jv_shard *shard)
{
    struct jv_intake *intake = &shard->intake;
    intake->len +=
        jv_core_take(shard->core, &intake->slots[intake->len], JV_BATCH_MAX - intake->len);
    return intake->len;
}

/* The first `n` of them were filled: they go through the core, and the last ones of those left take their places. */
static void process(struct jv_shard *shard, batch_fn *fn, uint32_t n)
{
    struct jv_intake *intake = &shard->intake;
    run_batch(shard, fn, intake->slots, n);
    uint32_t left = intake->len - n;
    uint32_t moved = JV_MIN(n, left);
    memcpy(intake->slots, &intake->slots[intake->len - moved], moved * sizeof(*intake->slots));
    intake->len = left;
}

void jv_shard_receive(struct jv_shard *shard, struct jv_udp *udp)
{
    struct jv_slot slots[JV_BATCH_MAX];
    for (uint32_t i = 0; i < JV_SERVER_BATCHES || jv_udp_has_rest(udp); i++) {
        uint32_t n = jv_udp_recv(udp, jv_loop_now(shard->loop), slots, JV_BATCH_MAX);
        if (n == 0) {
            return;
        }
        run_batch(shard, jv_core_datagrams, slots, n);
    }
}

void jv_pump_tun(void *arg, int fd, uint32_t events)
{
    struct jv_shard *shard = arg;
    (void)fd;
    (void)events;
    for (uint32_t i = 0; i < JV_SERVER_BATCHES || jv_tunio_has_rest(shard->tunio); i++) {
        uint32_t room = stock(shard);
        if (room == 0) {
            /* Left in the device it would wake the loop at once, and again; the rest of a packet would wake nobody. */
            do {
                struct jv_slot lost = {.buf = shard->scratch};
                shard->counts.no_buffer +=
                    jv_tunio_read(shard->tunio, jv_loop_now(shard->loop), &lost, 1);
            } while (jv_tunio_has_rest(shard->tunio));
            return;
        }
        uint32_t n =
            jv_tunio_read(shard->tunio, jv_loop_now(shard->loop), shard->intake.slots, room);
        if (n == 0) {
            return;
        }
        process(shard, jv_core_packets, n);
    }
}

/* Those that may end every session do a part of the work in each call, at least one session. */
static uint32_t tries_of(const struct jv_shard *shard, enum jv_command_kind kind)
{
    bool is_long = kind == JV_CMD_DOWN || kind == JV_CMD_USERS;
    return JV_SERVER_TRIES + (is_long ? shard->server->config->limits.sessions : 0U);
}

enum jv_err jv_shard_command(struct jv_shard *shard, const struct jv_command *command)
{
    enum jv_err err = JV_E_AGAIN;
    uint32_t tries = tries_of(shard, command->kind);
    for (uint32_t i = 0; i < tries && err == JV_E_AGAIN; i++) {
        err = jv_core_command(shard->core, jv_loop_now(shard->loop), command, &shard->out);
        flush(shard);
    }
    if (err == JV_E_AGAIN) {
        shard->counts.given_up++;
    }
    return err;
}

/* ---- time ---- */

void jv_server_timer(struct jv_server *server, enum jv_timer timer, struct jv_instant due)
{
    server->timers[timer] = jv_earlier(server->timers[timer], due);
}

static void on_tick(struct jv_server *server, struct jv_instant now)
{
    jv_server_timer(server, JV_TIMER_TICK, jv_add_ms(now, TICK_MS));
    if (server->surroundings != NULL) {
        jv_surroundings_tick(server->surroundings, now);
    }
    for (uint32_t i = 0; i < JV_ARRAY_LEN(server->tick); i++) {
        if (server->tick[i] != NULL) {
            server->tick[i](server->tick_arg[i], now);
        }
    }
}

static void fire(struct jv_server *server, enum jv_timer timer, struct jv_instant now)
{
    switch (timer) {
    case JV_TIMER_NAMES:
        jv_names_tick(server->names, now);
        break;
    case JV_TIMER_LINKS:
        jv_links_tick(server->links, now);
        break;
    case JV_TIMER_DNS:
        jv_dns_tick(server->dns, now);
        break;
    case JV_TIMER_TICK:
        on_tick(server, now);
        break;
    case JV_TIMER_WATCHDOG:
        jv_notify_send("WATCHDOG=1");
        jv_server_timer(server, timer, jv_add_ms(now, jv_notify_watchdog_ms()));
        break;
    case JV_TIMER_STOP:
        jv_loop_stop(server->shard->loop);
        break;
    case JV_TIMERS:
        break;
    }
}

struct jv_instant jv_shard_expire(struct jv_shard *shard, struct jv_instant now)
{
    for (uint32_t i = 0; i < JV_SERVER_TRIES && jv_is_due(jv_core_deadline(shard->core), now);
         i++) {
        enum jv_err err = jv_core_expire(shard->core, now, &shard->out);
        flush(shard);
        if (err != JV_E_OK && err != JV_E_AGAIN) {
            jv_log(JV_LOG_ERROR, "deadlines: %s", jv_err_text(err));
            break;
        }
    }
    return jv_core_deadline(shard->core);
}

/* The loop's one deadline is the earliest of the core's and of the timers. */
void jv_pump_after(void *arg, struct jv_instant now)
{
    struct jv_server *server = arg;
    for (uint32_t i = 0; i < JV_TIMERS; i++) {
        if (jv_is_due(server->timers[i], now)) {
            server->timers[i] = JV_NEVER;
            fire(server, (enum jv_timer)i, now);
        }
    }
    struct jv_instant next = jv_shard_expire(server->shard, now);
    for (uint32_t i = 0; i < JV_TIMERS; i++) {
        next = jv_earlier(next, server->timers[i]);
    }
    jv_loop_set_deadline(server->shard->loop, next);
}
