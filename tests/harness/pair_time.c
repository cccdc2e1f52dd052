/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pair_parts.h"

#define PARKED_MAX 256U /* the socket buffer of a frozen process */

static uint64_t next_ns(const struct pair *p, bool *is_event_out)
{
    uint64_t t = p->paused_c ? UINT64_MAX : jv_core_deadline(p->client).ns;
    t = p->paused_g ? t : JV_MIN(t, jv_core_deadline(p->gateway).ns);
    t = JV_MIN(t, pair_clone_due_ns(p));
    t = JV_MAX(t, p->now_ns);
    if (p->up.on) {
        t = JV_MIN(t, p->up.next_ns);
    }
    if (p->down.on) {
        t = JV_MIN(t, p->down.next_ns);
    }
    /* At one moment datagrams go first, as in a wake-up of the daemon. */
    *is_event_out = p->events_len > 0 && p->events[p->heap[0]].due_ns <= t;
    return *is_event_out ? p->events[p->heap[0]].due_ns : t;
}

static void expire(struct pair *p, bool client)
{
    struct jv_core *core = pair_core(p, client);
    struct jv_out out = pair_out();
    if (jv_core_deadline(core).ns > p->now_ns || pair_is_paused(p, client)) {
        return;
    }
    *(client ? &p->wakes_c : &p->wakes_g) += 1;
    pair_journal_expire(p, client);
    while (jv_core_expire(core, pair_now(p), &out) == JV_E_AGAIN) {
        pair_drain(p, client, &out);
    }
    pair_drain(p, client, &out);
}

static void run_flow(struct pair *p, struct pair_flow *flow, bool from_client)
{
    if (flow->on && flow->next_ns <= p->now_ns) {
        flow->next_ns += flow->interval_us * 1000ULL;
        if (!pair_is_paused(p, from_client)) {
            flow->sent++;
            pair_packet(p, from_client, flow->bytes);
        }
    }
}

/* The first event comes to pass. */
static void arrive(struct pair *p)
{
    uint32_t at = p->heap[0];
    struct pair_event e;
    if (p->events[at].to_clone && !p->events[at].to_gateway) {
        pair_event_copy(&e, &p->events[at]);
        pair_event_drop(p, at);
        pair_clone_deliver(p, &e);
        return;
    }
    if (p->is_asleep && !p->events[at].to_gateway) {
        pair_event_drop(p, at);
        return;
    }
    if (pair_is_paused(p, !p->events[at].to_gateway) && p->parked < PARKED_MAX) {
        pair_event_move(p, at, PAIR_PARKED);
        p->parked++;
        return;
    }
    pair_event_copy(&e, &p->events[at]);
    pair_event_drop(p, at);
    if (e.is_too_big) {
        const struct jv_command doubt = {
            .kind = JV_CMD_LINK_DOUBTED, .link = e.link, .remote = e.remote, .is_too_big = true};
        (void)pair_command(p, !e.to_gateway, &doubt); /* a claim, which the core may refuse */
    } else if (!pair_is_paused(p, !e.to_gateway)) {
        pair_deliver(p, &e, e.bytes, e.len);
    }
}

void pair_pause(struct pair *p, bool client, bool on)
{
    *(client ? &p->paused_c : &p->paused_g) = on;
    for (uint32_t i = 0; !on && i < p->events_len; i++) {
        if (p->events[i].due_ns == PAIR_PARKED && p->events[i].to_gateway != client) {
            pair_event_move(p, i, p->now_ns);
            p->parked--;
        }
    }
}

void pair_sleep(struct pair *p, uint64_t ms)
{
    const struct jv_command woke = {.kind = JV_CMD_WOKE, .slept_ms = ms};
    p->is_asleep = true;
    pair_pause(p, true, true);
    pair_run(p, ms);
    p->is_asleep = false;
    (void)pair_command(p, true, &woke);
    pair_pause(p, true, false);
}

void pair_run_us(struct pair *p, uint64_t us)
{
    uint64_t end = p->now_ns + us * 1000;
    uint32_t idle = 0;
    for (;;) {
        bool is_event = false;
        pair_serve_wishes(p);
        uint64_t t = next_ns(p, &is_event);
        if (t > end) {
            break;
        }
        idle = t == p->now_ns ? idle + 1 : 0;
        if (idle > 100000) {
            fprintf(stderr, "pair: no progress of time at %" PRIu64 " ns, seed %" PRIu64 "\n", t,
                    p->seed);
            abort();
        }
        p->now_ns = t;
        if (is_event) {
            arrive(p);
            continue;
        }
        run_flow(p, &p->up, true);
        run_flow(p, &p->down, false);
        expire(p, true);
        expire(p, false);
        pair_clone_run(p);
    }
    p->now_ns = end;
}

void pair_run(struct pair *p, uint64_t ms)
{
    pair_run_us(p, ms * 1000);
}

bool pair_attach(struct pair *p, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        pair_run(p, 1);
        if (pair_state(p, true) == JV_ST_ATTACHED && pair_state(p, false) == JV_ST_ATTACHED) {
            return true;
        }
    }
    return false;
}
