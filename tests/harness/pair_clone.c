/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pair_parts.h"

/*
 * A second client from a snapshot of the first: the same memory, sockets of its own. Its links are those of the client with their
 * shapes; the network sees it at 192.0.2.(129+i). It gets no other sockets, and nobody carries out its orders.
 */

#define CLONE_HOST 128U

static struct jv_endpoint outer_of(uint32_t link, uint16_t port)
{
    return (struct jv_endpoint){.ip = {{192, 0, 2, (uint8_t)(CLONE_HOST + link + 1)}, JV_AF_4, {0}},
                                .port = port};
}

void pair_clone_start(struct pair *p, const struct pair_snapshot *snapshot)
{
    struct pair_clone *c = &p->clone;
    pair_journal_replay(p, snapshot, PAIR_CLONE, &c->entropy, &c->mem, &c->core);
    for (uint32_t i = 0; i < p->links_len; i++) {
        c->handles[i] = p->links[i].up ? p->links[i].handle : 0;
        c->outer[i] = outer_of(i, (uint16_t)(55000 + i));
    }
}

void pair_clone_end(struct pair *p)
{
    if (p->clone.core != NULL) {
        pair_core_end(p->clone.core, p->clone.mem);
        p->clone.core = NULL;
    }
}

struct pair_wire pair_clone_wire(struct pair *p, uint32_t handle, const struct jv_endpoint *outer)
{
    const struct pair_clone *c = &p->clone;
    for (uint32_t i = 0; c->core != NULL && i < p->links_len; i++) {
        bool is_it =
            outer != NULL ? jv_endpoint_is_equal(&c->outer[i], outer) : c->handles[i] == handle;
        if (c->handles[i] != 0 && is_it) {
            return (struct pair_wire){.link = &p->links[i],
                                      .idx = i,
                                      .handle = c->handles[i],
                                      .outer = c->outer[i],
                                      .is_clone = true};
        }
    }
    return (struct pair_wire){0};
}

static void drain(struct pair *p, struct jv_out *out)
{
    struct pair_clone *c = &p->clone;
    for (uint32_t i = 0; i < out->tx_len; i++) {
        struct pair_wire wire = pair_clone_wire(p, out->tx[i].link, NULL);
        pair_transmit_on(p, &wire, true, &out->tx[i]);
    }
    jv_core_give(c->core, out->tx, out->tx_len);
    c->received += out->tun_len;
    jv_core_give(c->core, out->tun, out->tun_len);
    for (uint32_t i = 0; p->on_replay != NULL && i < out->records_len; i++) {
        p->on_replay(p, PAIR_CLONE, &out->records[i]);
    }
    *out = pair_out();
}

void pair_clone_deliver(struct pair *p, const struct pair_event *e)
{
    struct pair_clone *c = &p->clone;
    struct jv_slot slot;
    struct jv_out out = pair_out();
    if (c->core == NULL || jv_core_take(c->core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = e->len;
    memcpy(slot.buf + slot.off, e->bytes, e->len);
    slot.link = e->link;
    slot.remote = e->remote;
    struct jv_batch batch = {&slot, 1, 0};
    while (jv_core_datagrams(c->core, pair_now(p), &batch, &out) == JV_E_AGAIN) {
        drain(p, &out);
    }
    drain(p, &out);
}

uint64_t pair_clone_due_ns(const struct pair *p)
{
    const struct pair_clone *c = &p->clone;
    uint64_t due = c->core != NULL ? jv_core_deadline(c->core).ns : UINT64_MAX;
    return c->core != NULL && c->interval_us != 0 ? JV_MIN(due, c->next_ns) : due;
}

static void send_packet(struct pair *p)
{
    struct pair_clone *c = &p->clone;
    struct jv_slot slot;
    struct jv_out out = pair_out();
    if (jv_core_take(c->core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = pair_inner_packet(p, true, slot.buf + slot.off, c->bytes);
    slot.buf[slot.off + 8] = PAIR_CLONE_TTL;
    struct jv_batch batch = {&slot, 1, 0};
    while (jv_core_packets(c->core, pair_now(p), &batch, &out) == JV_E_AGAIN) {
        drain(p, &out);
    }
    drain(p, &out);
}

void pair_clone_run(struct pair *p)
{
    struct pair_clone *c = &p->clone;
    struct jv_out out = pair_out();
    if (c->core == NULL) {
        return;
    }
    if (c->interval_us != 0 && c->next_ns <= p->now_ns) {
        c->next_ns += c->interval_us * 1000ULL;
        send_packet(p);
    }
    if (jv_core_deadline(c->core).ns > p->now_ns) {
        return;
    }
    while (jv_core_expire(c->core, pair_now(p), &out) == JV_E_AGAIN) {
        drain(p, &out);
    }
    drain(p, &out);
}

void pair_clone_flow(struct pair *p, uint32_t interval_us, uint32_t bytes)
{
    p->clone.interval_us = interval_us;
    p->clone.bytes = bytes;
    p->clone.next_ns = p->now_ns;
}

enum jv_err pair_clone_command(struct pair *p, const struct jv_command *command)
{
    struct jv_out out = pair_out();
    enum jv_err err = jv_core_command(p->clone.core, pair_now(p), command, &out);
    drain(p, &out);
    return err;
}

enum jv_state pair_clone_state(const struct pair *p)
{
    struct jv_session_status status;
    uint32_t cursor = 0;
    return p->clone.core != NULL && jv_core_session(p->clone.core, pair_now(p), &cursor, &status)
               ? status.state
               : JV_ST_END;
}
