/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "pair_parts.h"

/*
 * A core is a function of its configuration, its random streams and its inputs (law 8). So what went into it, kept here, makes the
 * same core again, up to any moment: a snapshot of its memory is a length of the journal.
 */

#define NEW_ENTROPY 0x9e3779b97f4a7c15ULL

/* Inputs whose content is none of the slot's. */
struct from {
    uint32_t link;
    struct jv_endpoint remote, local;
};

static void *grow(void *at, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return at;
    }
    *cap = JV_MAX(need, *cap * 2);
    void *grown = realloc(at, *cap * size);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

static void put(struct pair_journal *j, const void *from, size_t len)
{
    j->bytes = grow(j->bytes, &j->bytes_cap, j->bytes_len + len, 1);
    memcpy(j->bytes + j->bytes_len, from, len);
    j->bytes_len += len;
}

static struct pair_input *note(struct pair *p, struct pair_journal *j, enum pair_input_kind kind)
{
    j->inputs = grow(j->inputs, &j->cap, (size_t)j->len + 1, sizeof *j->inputs);
    struct pair_input *in = &j->inputs[j->len++];
    *in = (struct pair_input){.now_ns = p->now_ns, .kind = kind, .at = j->bytes_len};
    return in;
}

void pair_journal_begin(struct pair *p, bool client, const struct jv_core_cfg *cfg,
                        uint64_t entropy)
{
    struct pair_journal *j = &p->journals[client];
    j->len = 0;
    j->bytes_len = 0;
    j->cfg = *cfg;
    j->start_ns = p->now_ns;
    j->entropy = entropy;
    j->given = 0;
}

void pair_journal_slot(struct pair *p, bool client, bool is_packet, const struct jv_slot *slot)
{
    struct pair_journal *j = &p->journals[client];
    if (!p->has_journal) {
        return;
    }
    struct pair_input *in = note(p, j, is_packet ? PAIR_IN_PACKET : PAIR_IN_DATAGRAM);
    const struct from from = {slot->link, slot->remote, slot->local};
    in->len = slot->len;
    put(j, &from, sizeof from);
    put(j, slot->buf + slot->off, slot->len);
}

void pair_journal_command(struct pair *p, bool client, const struct jv_command *command)
{
    struct pair_journal *j = &p->journals[client];
    if (p->has_journal) {
        (void)note(p, j, PAIR_IN_COMMAND);
        put(j, command, sizeof *command);
    }
}

void pair_journal_expire(struct pair *p, bool client)
{
    if (p->has_journal) {
        (void)note(p, &p->journals[client], PAIR_IN_EXPIRE);
    }
}

void pair_journal_free(struct pair *p)
{
    for (int client = 0; client < 2; client++) {
        free(p->journals[client].inputs);
        free(p->journals[client].bytes);
    }
}

static uint64_t mix(uint64_t hash, const void *from, size_t len)
{
    const uint8_t *bytes = from;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
    }
    return hash;
}

uint64_t pair_journal_given(uint64_t hash, const struct jv_out *out)
{
    for (uint32_t i = 0; i < out->tx_len; i++) {
        hash = mix(hash, out->tx[i].buf + out->tx[i].off, out->tx[i].len);
    }
    for (uint32_t i = 0; i < out->tun_len; i++) {
        hash = mix(hash, out->tun[i].buf + out->tun[i].off, out->tun[i].len);
    }
    for (uint32_t i = 0; i < out->records_len; i++) {
        hash = mix(hash, &out->records[i].seq, sizeof out->records[i].seq);
        hash = mix(hash, &out->records[i].at.ns, sizeof out->records[i].at.ns);
    }
    return hash;
}

/* ---- the same core again ---- */

struct replay {
    struct pair *p;
    struct jv_core *core;
    uint64_t given;
    enum pair_side side;
};

/* What it gives out was carried out at its time. */
static void discard(struct replay *r, struct jv_out *out)
{
    r->given = pair_journal_given(r->given, out);
    for (uint32_t i = 0; r->p->on_replay != NULL && i < out->records_len; i++) {
        r->p->on_replay(r->p, r->side, &out->records[i]);
    }
    jv_core_give(r->core, out->tx, out->tx_len);
    jv_core_give(r->core, out->tun, out->tun_len);
    *out = pair_out();
}

static void give_slot(struct replay *r, const struct pair_journal *j, const struct pair_input *in)
{
    struct jv_instant now = {in->now_ns};
    struct jv_slot slot;
    struct jv_out out = pair_out();
    struct from from;
    if (jv_core_take(r->core, &slot, 1) == 0) {
        abort(); /* it had one then */
    }
    memcpy(&from, j->bytes + in->at, sizeof from);
    slot.off = JV_BUF_HEADROOM;
    slot.len = in->len;
    slot.link = from.link;
    slot.remote = from.remote;
    slot.local = from.local;
    memcpy(slot.buf + slot.off, j->bytes + in->at + sizeof from, in->len);
    struct jv_batch batch = {&slot, 1, 0};
    while ((in->kind == PAIR_IN_PACKET
                ? jv_core_packets(r->core, now, &batch, &out)
                : jv_core_datagrams(r->core, now, &batch, &out)) == JV_E_AGAIN) {
        discard(r, &out);
    }
    discard(r, &out);
}

static void give(struct replay *r, const struct pair_journal *j, const struct pair_input *in)
{
    struct jv_instant now = {in->now_ns};
    struct jv_out out = pair_out();
    struct jv_command command;
    enum jv_err err;
    switch (in->kind) {
    case PAIR_IN_DATAGRAM:
    case PAIR_IN_PACKET:
        give_slot(r, j, in);
        break;
    case PAIR_IN_COMMAND:
        memcpy(&command, j->bytes + in->at, sizeof command);
        err = jv_core_command(r->core, now, &command, &out);
        (void)err; /* what it said then, it says again */
        discard(r, &out);
        break;
    case PAIR_IN_EXPIRE:
        while (jv_core_expire(r->core, now, &out) == JV_E_AGAIN) {
            discard(r, &out);
        }
        discard(r, &out);
        break;
    }
}

struct pair_snapshot pair_snapshot(const struct pair *p, bool client)
{
    const struct pair_journal *j = &p->journals[client];
    return (struct pair_snapshot){client, j->len, j->given};
}

void pair_journal_replay(struct pair *p, const struct pair_snapshot *snapshot, enum pair_side side,
                         struct jv_prng *entropy, void **mem_out, struct jv_core **core_out)
{
    const struct pair_journal *j = &p->journals[snapshot->client];
    struct replay r = {.p = p, .side = side};
    entropy->state = j->entropy;
    *mem_out = pair_core_start(&j->cfg, entropy, (struct jv_instant){j->start_ns}, &r.core);
    for (uint32_t i = 0; i < snapshot->len; i++) {
        give(&r, j, &j->inputs[i]);
    }
    if (r.given != snapshot->given) {
        abort(); /* law 8: it was another core */
    }
    /* The kernel of a machine that was copied draws afresh: entropy is none of the process's memory. */
    entropy->state ^= NEW_ENTROPY * ++p->copies;
    *core_out = r.core;
}

void pair_restore(struct pair *p, const struct pair_snapshot *snapshot)
{
    bool client = snapshot->client;
    struct jv_core *core;
    void *mem;
    pair_core_end(pair_core(p, client), client ? p->client_mem : p->gateway_mem);
    pair_journal_replay(p, snapshot, client ? PAIR_CLIENT : PAIR_GATEWAY,
                        client ? &p->entropy_c : &p->entropy_g, &mem, &core);
    *(client ? &p->client : &p->gateway) = core;
    *(client ? &p->client_mem : &p->gateway_mem) = mem;
    p->has_journal = false; /* its past has two ends now */
}
