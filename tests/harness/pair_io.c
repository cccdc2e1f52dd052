/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pair_parts.h"
#include "state.h"
#include "tunnel.h"
#include "wire.h"

static struct jv_slot out_tx[JV_OUT_TX_MIN], out_tun[JV_OUT_TUN_MIN];
static struct jv_record out_records[JV_OUT_RECORDS_MIN];
static struct jv_order out_orders[JV_OUT_ORDERS_MIN];

struct jv_out pair_out(void)
{
    return (struct jv_out){out_tx,      0, JV_OUT_TX_MIN,
                           out_tun,     0, JV_OUT_TUN_MIN,
                           out_records, 0, JV_OUT_RECORDS_MIN,
                           out_orders,  0, JV_OUT_ORDERS_MIN,
                           NULL,        0, 0};
}

/* ---- what comes out ---- */

/* The number that pair_packet() wrote behind the IP header: what came late, and what came twice. */
static void note_order(struct pair_flow *flow, const struct jv_slot *slot)
{
    struct jv_rd rd = jv_rd_init(slot->buf + slot->off + 20, 8);
    uint64_t number = jv_rd_u64(&rd);
    flow->late += number < flow->newest ? 1 : 0;
    if (number > flow->newest && number - flow->newest >= PAIR_ARRIVED) {
        memset(flow->arrived, 0, PAIR_ARRIVED / 8);
    } else {
        for (uint64_t n = flow->newest + 1; n <= number; n++) {
            flow->arrived[n % PAIR_ARRIVED / 8] &= (uint8_t) ~(1U << n % 8);
        }
    }
    uint8_t *byte = &flow->arrived[number % PAIR_ARRIVED / 8];
    uint8_t bit = (uint8_t)(1U << number % 8);
    bool is_known =
        (*byte & bit) != 0 || flow->newest - JV_MIN(number, flow->newest) >= PAIR_ARRIVED;
    flow->twice += is_known ? 1 : 0;
    *byte |= bit;
    flow->newest = JV_MAX(flow->newest, number);
}

static void note_arrival(struct pair *p, struct pair_flow *flow)
{
    if (flow->received > 0) {
        uint64_t gap = p->now_ns - flow->last_received_ns;
        flow->longest_gap_ns = gap > flow->longest_gap_ns ? gap : flow->longest_gap_ns;
    }
    if (flow->mark_ns != 0 && flow->first_after_ns == 0 && p->now_ns > flow->mark_ns) {
        flow->first_after_ns = p->now_ns;
    }
    flow->received++;
    flow->last_received_ns = p->now_ns;
}

/* An answer of the core itself to a packet that did not fit: no packet of the flow. */
static bool is_too_big(struct pair *p, bool client, const struct jv_slot *slot)
{
    const uint8_t *packet = slot->buf + slot->off;
    bool is_4 = packet[0] == 0x45 && packet[9] == 1 && packet[20] == 3 && packet[21] == 4;
    bool is_6 = packet[0] >> 4 == 6 && packet[6] == 58 && packet[40] == 2;
    if (is_4 || is_6) {
        *(client ? &p->too_big_c : &p->too_big_g) += 1;
        memcpy(p->too_big, packet, slot->len);
        p->too_big_len = slot->len;
        p->too_big_mtu =
            is_4 ? (uint32_t)packet[26] << 8 | packet[27] : (uint32_t)packet[46] << 8 | packet[47];
    }
    return is_4 || is_6;
}

/* With JV_PAIR_TRACE=FILE every record of both ends goes there, for models/trace. */
static void write_trace(bool client, const struct jv_out *out)
{
    const char *path = getenv("JV_PAIR_TRACE");
    FILE *f = path != NULL && out->records_len > 0 ? fopen(path, "ae") : NULL;
    for (uint32_t i = 0; f != NULL && i < out->records_len; i++) {
        const struct jv_record *r = &out->records[i];
        (void)fprintf(f, "%c %" PRIu64 " ", client ? 'C' : 'G', r->seq);
        for (size_t b = 0; b < 8; b++) {
            (void)fprintf(f, "%02x", r->sid.b[b]);
        }
        (void)fprintf(f, " %s %s %s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %u\n",
                      jv_event_name((enum jv_event_type)r->event),
                      jv_why_name((enum jv_why)r->reason), r->row != 0 ? jv_row_name(r->row) : "-",
                      r->row != 0 ? jv_state_name((enum jv_state)r->from) : "-",
                      r->row != 0 ? jv_state_name((enum jv_state)r->to) : "-", r->v, r->local,
                      jv_record_get(r, JV_FD_order, 0), r->path[0] != '\0' ? r->path : "-",
                      (unsigned)r->remote.ip.b[3] << 16 | r->remote.port);
    }
    if (f != NULL) {
        (void)fclose(f); /* a test tool: what is missing fails the trace */
    }
}

void pair_drain(struct pair *p, bool client, struct jv_out *out)
{
    struct jv_core *core = pair_core(p, client);
    struct pair_log *log = client ? &p->log_c : &p->log_g;
    if (p->has_journal) {
        p->journals[client].given = pair_journal_given(p->journals[client].given, out);
    }
    for (uint32_t i = 0; i < out->tx_len; i++) {
        p->dscp_seen[out->tx[i].dscp]++;
        pair_transmit(p, client, &out->tx[i]);
    }
    jv_core_give(core, out->tx, out->tx_len);
    for (uint32_t i = 0; i < out->tun_len; i++) {
        if (p->on_inner != NULL) {
            p->takes_partial = out->tun[i].is_csum_partial;
            p->session = out->tun[i].session;
            p->on_inner(p, client, out->tun[i].buf + out->tun[i].off, out->tun[i].len);
        }
        if (is_too_big(p, client, &out->tun[i])) {
            continue;
        }
        if (!client && p->clone.core != NULL &&
            out->tun[i].buf[out->tun[i].off + 8] == PAIR_CLONE_TTL) {
            p->clone.delivered++;
            continue;
        }
        note_order(client ? &p->down : &p->up, &out->tun[i]);
        note_arrival(p, client ? &p->down : &p->up);
        p->delivered_c += client ? 1 : 0;
        p->delivered_g += client ? 0 : 1;
    }
    jv_core_give(core, out->tun, out->tun_len);
    write_trace(client, out);
    for (uint32_t i = 0; i < out->records_len && log->len < PAIR_LOG; i++) {
        log->records[log->len++] = out->records[i];
    }
    for (uint32_t i = 0; p->on_record != NULL && i < out->records_len; i++) {
        p->on_record(p, client, &out->records[i]);
    }
    for (uint32_t i = 0; client && i < out->orders_len; i++) {
        if (out->orders[i].kind == JV_ORDER_CONFIGURE) {
            p->last_configure = out->orders[i];
            p->configured = true;
            p->device_mtu = out->orders[i].mtu;
        } else if (out->orders[i].kind == JV_ORDER_MTU) {
            p->device_mtu = out->orders[i].mtu;
            p->device_mtus++;
        } else if (out->orders[i].kind == JV_ORDER_ENDED) {
            p->last_ended = out->orders[i];
            p->ended++;
        } else if ((out->orders[i].kind == JV_ORDER_LINK_TWIN ||
                    out->orders[i].kind == JV_ORDER_LINK_CLOSE) &&
                   p->wishes_len < PAIR_EXTRA) {
            p->wishes[p->wishes_len++] = out->orders[i];
        }
    }
    *out = pair_out();
}

/* ---- what goes in ---- */

void pair_deliver(struct pair *p, const struct pair_event *e, const uint8_t *bytes, uint32_t len)
{
    bool to_gateway = e->to_gateway;
    struct jv_core *core = to_gateway ? p->gateway : p->client;
    struct jv_slot slot;
    struct jv_out out = pair_out();
    if (jv_core_take(core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memset(slot.buf, p->fill, JV_BUF_BYTES);
    memcpy(slot.buf + slot.off, bytes, len);
    slot.link = e->link;
    slot.remote = e->remote;
    if (to_gateway) {
        slot.local = e->local;
    }
    struct jv_batch batch = {&slot, 1, 0};
    pair_journal_slot(p, !to_gateway, false, &slot);
    while (jv_core_datagrams(core, pair_now(p), &batch, &out) == JV_E_AGAIN) {
        pair_drain(p, !to_gateway, &out);
    }
    pair_drain(p, !to_gateway, &out);
}

void pair_inject(struct pair *p, bool to_gateway, uint32_t link, const struct jv_endpoint *remote,
                 const uint8_t *bytes, uint32_t len)
{
    struct pair_event e;
    e.to_gateway = to_gateway;
    e.link = link;
    e.remote = *remote;
    e.local = p->endpoints[0];
    pair_deliver(p, &e, bytes, len);
}

enum jv_err pair_command(struct pair *p, bool client, const struct jv_command *command)
{
    struct jv_out out = pair_out();
    pair_journal_command(p, client, command);
    enum jv_err err = jv_core_command(pair_core(p, client), pair_now(p), command, &out);
    pair_drain(p, client, &out);
    return err;
}

bool pair_frames(struct pair *p, bool client, const struct jv_frame *frames, uint32_t n)
{
    struct jv_core *core = pair_core(p, client);
    struct jv_session *s = jv_core_session_at(core, 0);
    JV_ASSERT(!p->has_journal); /* this is no input */
    struct jv_out out = pair_out();
    core->now = pair_now(p);
    bool is_sent = s != NULL && jv_tunnel_frames(core, s, frames, n, 0, &out);
    pair_drain(p, client, &out);
    return is_sent;
}

uint32_t pair_inner_packet(const struct pair *p, bool from_client, uint8_t *out, uint32_t bytes)
{
    static const uint8_t server[4] = {10, 80, 0, 1};
    uint32_t len = JV_MIN(JV_MAX(bytes, 28U), JV_BUF_ROOM);
    memset(out, 0, len);
    out[0] = 0x45;
    out[1] = 46 << 2; /* expedited forwarding */
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    out[8] = 64;
    out[9] = 17;
    memcpy(out + 12, from_client ? p->last_configure.address4.ip.b : server, 4);
    memcpy(out + 16, from_client ? server : p->last_configure.address4.ip.b, 4);
    return len;
}

void pair_inner(struct pair *p, bool from_client, const uint8_t *bytes, uint32_t len)
{
    struct jv_core *core = pair_core(p, from_client);
    struct jv_slot slot;
    struct jv_out out = pair_out();
    if (jv_core_take(core, &slot, 1) == 0) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = len;
    memset(slot.buf, p->fill, JV_BUF_BYTES);
    memcpy(slot.buf + slot.off, bytes, len);
    slot.is_csum_partial = p->gives_partial;
    struct jv_batch batch = {&slot, 1, 0};
    pair_journal_slot(p, from_client, true, &slot);
    while (jv_core_packets(core, pair_now(p), &batch, &out) == JV_E_AGAIN) {
        pair_drain(p, from_client, &out);
    }
    pair_drain(p, from_client, &out);
}

void pair_packet(struct pair *p, bool from_client, uint32_t bytes)
{
    uint8_t packet[JV_BUF_ROOM];
    uint32_t len = pair_inner_packet(p, from_client, packet, bytes);
    struct jv_wr wr = jv_wr_init(packet + 20, 8);
    const struct pair_flow *flow = from_client ? &p->up : &p->down;
    jv_wr_u64(&wr, flow->first + flow->sent);
    pair_inner(p, from_client, packet, len);
}

void pair_flow_start(struct pair *p, struct pair_flow *flow, uint32_t interval_us, uint32_t bytes)
{
    *flow = (struct pair_flow){.on = true,
                               .interval_us = interval_us,
                               .bytes = bytes,
                               .next_ns = p->now_ns,
                               .first = flow->first + flow->sent,
                               .newest = flow->newest,
                               .arrived = flow->arrived};
}
