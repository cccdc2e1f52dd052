/* SPDX-License-Identifier: Apache-2.0 */
#include "pump.h"

#include <string.h>

#include "apply.h"
#include "audit.h"
#include "dns.h"
#include "gather.h"
#include "hooks.h"
#include "inbox.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "notify.h"
#include "surroundings.h"
#include "sys.h"
#include "tunio.h"
#include "udp.h"
#include "worker.h"

#define TICK_MS 1000U
#define GATHERED 4U /* records on the stack */

typedef enum jv_err batch_fn(struct jv_core *core, struct jv_instant now, struct jv_batch *batch,
                             struct jv_out *out);

/* ---- outputs ---- */

static void send_run(struct jv_shard *shard, const struct jv_slot *slots, uint32_t n)
{
    struct jv_links *links = shard->server->links;
    struct jv_udp *udp = jv_links_socket(links, shard->number, slots[0].link);
    if (udp == NULL) {
        shard->counts.dead_link += n;
        return;
    }
    while (n > 0) {
        struct jv_udp_sent sent = {0};
        uint32_t len = JV_MIN(n, JV_BATCH_MAX);
        jv_udp_send(udp, slots, len, &sent);
        if (sent.dropped_local > 0 && shard->number == 0) {
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

static void serve_records(struct jv_server *server, const struct jv_record *records, uint32_t n)
{
    if (n > 0 && server->audit != NULL) {
        jv_audit_push(server->audit, records, n);
    }
    jv_hooks_records(server->hooks, records, n);
}

/* By a new reading of the clock: what is waited for is given up in a long command as well. */
static void serve_gathered(struct jv_server *server)
{
    struct jv_record records[GATHERED];
    uint32_t n;
    while ((n = jv_gather_take(server->gather, jv_sys_now(), records, GATHERED)) > 0) {
        serve_records(server, records, n);
    }
}

void jv_pump_gathered(void *arg, int fd, uint32_t events)
{
    struct jv_server *server = arg;
    (void)fd;
    (void)events;
    if (atomic_load(&server->shard_errno) != 0) {
        jv_loop_stop(server->shards[0].loop);
    }
    serve_gathered(server);
    struct jv_order order;
    while (jv_gather_take_orders(server->gather, &order, 1) > 0) {
        carry_out(server, &order);
        serve_gathered(server); /* others go on meanwhile */
    }
    if (jv_gather_has_refused(server->gather)) {
        for (uint32_t i = 1; i < server->shards_len; i++) {
            jv_worker_kick(server->shards[i].worker);
        }
    }
}

/*
 * What does not fit stays, and leaves the core less room until it does. The main thread takes at once what it has put: a long command
 * fills all the room there is, and the loop would take it only afterwards.
 */
static void gather(struct jv_shard *shard)
{
    struct jv_server *server = shard->server;
    struct jv_out *out = &shard->out;
    bool is_ours = shard->number == 0 || shard->is_entered;
    if (out->records_len + out->orders_len == 0) {
        return;
    }
    jv_gather_put(server->gather, out->records, out->records_len);
    out->records_len = 0;
    do {
        uint32_t taken = jv_gather_order(server->gather, out->orders, out->orders_len);
        out->orders_len -= taken;
        memmove(out->orders, out->orders + taken, out->orders_len * sizeof(*out->orders));
        if (is_ours) {
            jv_pump_gathered(server, -1, 0);
        }
    } while (is_ours && out->orders_len > 0);
}

static void flush_rest(struct jv_shard *shard)
{
    struct jv_server *server = shard->server;
    struct jv_out *out = &shard->out;
    if (server->gather != NULL) {
        gather(shard);
        return;
    }
    serve_records(server, out->records, out->records_len);
    out->records_len = 0;
    for (uint32_t i = 0; i < out->orders_len; i++) {
        carry_out(server, &out->orders[i]);
    }
    out->orders_len = 0;
}

/* A run for one shard and of one kind. */
static void hand_over(struct jv_shard *shard, const struct jv_handoff *run, uint32_t n)
{
    struct jv_inbox_sent sent = {0};
    for (uint32_t i = 0; i < n; i++) {
        shard->handed[i] = run[i].slot;
    }
    jv_inbox_send(shard->server->shards[run->shard].inbox,
                  run->is_packet ? JV_INBOX_PACKET : JV_INBOX_DATAGRAM, shard->handed, n, &sent);
    shard->counts.inbox_full += sent.dropped_full + sent.dropped_other;
    jv_core_give(shard->core, shard->handed, n);
}

static void flush_handoff(struct jv_shard *shard)
{
    struct jv_out *out = &shard->out;
    uint32_t start = 0;
    for (uint32_t i = 1; i <= out->handoff_len; i++) {
        if (i == out->handoff_len || i - start == JV_BATCH_MAX ||
            out->handoff[i].shard != out->handoff[start].shard ||
            out->handoff[i].is_packet != out->handoff[start].is_packet) {
            hand_over(shard, &out->handoff[start], i - start);
            start = i;
        }
    }
    out->handoff_len = 0;
}

static void flush(struct jv_shard *shard)
{
    flush_tx(shard);
    flush_tun(shard);
    if (shard->out.handoff_len > 0) {
        flush_handoff(shard);
    }
    flush_rest(shard);
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

void jv_shardio_receive(struct jv_shard *shard, struct jv_udp *udp)
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
            /* Left in the device it would wake the loop at once, and again; what is in the process already would wake nobody. */
            shard->counts.no_buffer += jv_tunio_drop(shard->tunio);
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

/* Packets are kept by the core, so they go into buffers of its pool. Returns how many found one. */
static uint32_t own(struct jv_shard *shard, struct jv_slot *slots, uint32_t n)
{
    uint32_t room = JV_MIN(stock(shard), n);
    for (uint32_t i = 0; i < room; i++) {
        struct jv_slot *to = &shard->intake.slots[i];
        uint8_t *buf = to->buf;
        *to = slots[i];
        to->buf = buf;
        to->is_borrowed = false;
        memcpy(to->buf + to->off, slots[i].buf + slots[i].off, to->len);
    }
    shard->counts.no_buffer += n - room;
    return room;
}

void jv_pump_inbox(void *arg, int fd, uint32_t events)
{
    struct jv_shard *shard = arg;
    (void)fd;
    (void)events;
    for (uint32_t i = 0; i < JV_SERVER_BATCHES || jv_inbox_has_rest(shard->inbox); i++) {
        enum jv_inbox_kind kind;
        struct jv_slot slots[JV_BATCH_MAX];
        uint32_t n = jv_inbox_recv(shard->inbox, &kind, slots, JV_BATCH_MAX);
        if (n == 0) {
            return;
        }
        for (uint32_t k = 0; k < n; k++) {
            slots[k].is_handed = true;
        }
        if (kind == JV_INBOX_DATAGRAM) {
            run_batch(shard, jv_core_datagrams, slots, n);
        } else if ((n = own(shard, slots, n)) > 0) {
            process(shard, jv_core_packets, n);
        }
    }
}

struct jv_instant jv_pump_now(const struct jv_shard *shard)
{
    struct jv_instant own = jv_loop_now(shard->loop);
    if (!shard->is_entered) {
        return own;
    }
    struct jv_instant other = jv_server_now(shard->server);
    return jv_is_before(own, other) ? other : own;
}

/* Those that may end every session do a part of the work in each call, at least one session. */
static uint32_t tries_of(const struct jv_shard *shard, enum jv_command_kind kind)
{
    bool is_long = kind == JV_CMD_DOWN || kind == JV_CMD_USERS;
    return JV_SERVER_TRIES + (is_long ? shard->server->config->limits.sessions : 0U);
}

enum jv_err jv_shardio_command(struct jv_shard *shard, const struct jv_command *command)
{
    enum jv_err err = JV_E_AGAIN;
    struct jv_instant now = jv_pump_now(shard);
    uint32_t tries = tries_of(shard, command->kind);
    for (uint32_t i = 0; i < tries && err == JV_E_AGAIN; i++) {
        err = jv_core_command(shard->core, now, command, &shard->out);
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
    if (server->gather != NULL) {
        jv_pump_gathered(server, -1, 0); /* a record that is given up wakes nobody */
    }
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
        jv_loop_stop(server->shards[0].loop);
        break;
    case JV_TIMERS:
        break;
    }
}

struct jv_instant jv_shardio_expire(struct jv_shard *shard, struct jv_instant now)
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

void jv_pump_failed(void *arg, int error)
{
    struct jv_shard *shard = arg;
    jv_log(JV_LOG_ERROR, "event loop of shard %u: %s", shard->number, strerror(error));
    atomic_store(&shard->server->shard_errno, error);
    jv_gather_wake(shard->server->gather);
}

void jv_pump_begin(void *arg)
{
    struct jv_shard *shard = arg;
    jv_worker_begin(shard->worker);
}

void jv_pump_finish(void *arg, struct jv_instant now)
{
    struct jv_shard *shard = arg;
    jv_loop_set_deadline(shard->loop, jv_shardio_expire(shard, now));
    gather(shard); /* what found no room */
    jv_worker_finish(shard->worker);
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
    struct jv_instant next = jv_shardio_expire(&server->shards[0], now);
    for (uint32_t i = 0; i < JV_TIMERS; i++) {
        next = jv_earlier(next, server->timers[i]);
    }
    jv_loop_set_deadline(server->shards[0].loop, next);
}
