/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of several sessions in one batch, each packet now and then different from the one before it in one of the ways that forbid a
 * merge. Whatever is merged comes out of a device that splits it as it came in, nothing overtakes within a flow, sessions stay apart,
 * and a packet that came corrupt is passed on as it is.
 */
#include <stdlib.h>

#include "base.h"
#include "merged.h"
#include "prng.h"
#include "rounds.h"

#define FLOWS 10U

static struct merged m;
static uint64_t merged; /* packets, over all rounds */

struct flow {
    struct segment s;
    uint32_t session, size;
    bool is_partial;
};

static const uint8_t options[2][12] = {{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 9},
                                       {1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 9}};

static void draw_flow(struct jv_prng *prng, uint32_t number, struct flow *f)
{
    memset(f, 0, sizeof *f);
    f->s.family = jv_prng_below(prng, 2) == 0 ? 4 : 6;
    f->s.is_udp = jv_prng_below(prng, 3) == 0;
    f->s.ecn = (uint8_t)jv_prng_below(prng, 4);
    f->s.flags = 0x10;
    f->s.host = (uint32_t)jv_prng_below(prng, 2);
    f->s.port = number / 2; /* two flows that differ in their session or their host at most */
    f->s.seq = (uint32_t)jv_prng_next(prng) | (jv_prng_below(prng, 4) == 0 ? 0xfffffc00U : 0);
    f->s.ack = (uint32_t)jv_prng_next(prng);
    f->s.window = 500;
    f->s.id = (uint32_t)jv_prng_below(prng, 3) == 0 ? 0xfffd : 7;
    f->s.ip_flags = jv_prng_below(prng, 2) == 0 ? 0x4000 : 0;
    f->s.options = options[0];
    f->s.options_len = f->s.is_udp || jv_prng_below(prng, 2) == 0 ? 0 : 12;
    f->session = (uint32_t)jv_prng_below(prng, 3);
    f->size = (uint32_t)jv_prng_below(prng, 5) == 0 ? 1 : 1 + (uint32_t)jv_prng_below(prng, 1300);
    f->is_partial = jv_prng_below(prng, 2) == 0;
}

/* One packet of the flow that is not like the others. */
static void draw_change(struct jv_prng *prng, struct segment *s, uint32_t *payload)
{
    static const uint8_t flags[] = {0x18, 0x11, 0x19, 0x12, 0x14, 0x30, 0x90, 0x50, 0x00, 0x08};
    switch (jv_prng_below(prng, 10)) {
    case 0:
        s->flags = flags[jv_prng_below(prng, sizeof flags)];
        break;
    case 1:
        s->window++;
        break;
    case 2:
        s->ack++;
        break;
    case 3:
        s->options = options[1];
        break;
    case 4:
        s->ecn ^= 1;
        break;
    case 5:
        s->id += 5;
        break;
    case 6:
        s->seq += jv_prng_below(prng, 2) == 0 ? 1 : 0x80000000U;
        break;
    case 7:
        *payload = (uint32_t)jv_prng_below(prng, *payload + 1);
        break;
    case 8:
        *payload += 1 + (uint32_t)jv_prng_below(prng, 30);
        break;
    default:
        s->ip_flags ^= 0x4000;
        break;
    }
}

/* Something that a checksum or a rule must notice. */
static void draw_damage(struct jv_prng *prng, struct jv_slot *slot)
{
    uint8_t *packet = slot->buf + slot->off;
    bool is_4 = packet[0] >> 4 == 4;
    size_t at = is_4 ? 20 : 40;
    switch (jv_prng_below(prng, 5)) {
    case 0: /* a bit behind the ports */
        packet[at + 4 + jv_prng_below(prng, slot->len - at - 4)] ^=
            (uint8_t)(1U << jv_prng_below(prng, 8));
        break;
    case 1:
        if (is_4) {
            packet[10] ^= 1;
        } else {
            packet[6] = 0; /* hop-by-hop */
        }
        break;
    case 2: /* a fragment, or another protocol */
        if (is_4) {
            packet_put16(packet + 6, 0x2000);
        }
        packet[is_4 ? 9 : 6] = 1;
        packet_finish_ip(packet, slot->len);
        break;
    case 3:
        packet[is_4 ? 9 : 6] ^= 6 ^ 17; /* TCP as UDP, and the other way */
        packet_finish_ip(packet, slot->len);
        break;
    default:
        packet[is_4 ? 0 : 1] ^=
            is_4 ? 0x03 : 0x10; /* options; or the class of IPv6, which no sum covers */
        break;
    }
}

static void draw_slot(struct jv_prng *prng, uint32_t i, struct flow *flows)
{
    uint32_t which = (uint32_t)jv_prng_below(prng, FLOWS);
    which = jv_prng_below(prng, 2) == 0 ? which % 2 : which; /* two flows have most */
    struct flow *f = &flows[which];
    struct segment s = f->s;
    struct jv_slot *slot = &m.in.slots[i];
    uint32_t payload = f->size;
    if (jv_prng_below(prng, 10) == 0) {
        draw_change(prng, &s, &payload);
    }
    slot->off = JV_BUF_HEADROOM + (uint32_t)jv_prng_below(prng, 16);
    uint8_t *packet = slot->buf + slot->off;
    segment_fill(packet + segment_header(&s), payload, i);
    slot->len = (uint32_t)segment_make(&s, packet, payload);
    slot->session = f->session;
    slot->is_csum_partial = f->is_partial;
    if (f->is_partial) {
        segment_put_partial(packet, slot->len);
    } else if (jv_prng_below(prng, 16) == 0) {
        draw_damage(prng, slot);
    }
    f->s.seq = s.seq + payload;
    f->s.id = (s.id + 1) & 0xffff;
}

static bool merged_flows_come_out_as_they_came_in(struct jv_prng *prng)
{
    struct flow flows[FLOWS];
    const struct jv_merge_cfg cfg = {jv_prng_below(prng, 8) != 0, jv_prng_below(prng, 8) != 0,
                                     jv_prng_below(prng, 4) != 0, jv_prng_below(prng, 4) != 0};
    uint32_t n = (uint32_t)jv_prng_below(prng, JV_MERGE_SLOTS_MAX + 1);
    segment_slots_init(&m.in);
    for (uint32_t i = 0; i < FLOWS; i++) {
        draw_flow(prng, i, &flows[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        draw_slot(prng, i, flows);
    }
    uint32_t count = merged_run(&m, &cfg, n);
    merged += n - count;
    return merged_is_lawful(&m);
}

int main(int argc, char **argv)
{
    int result = rounds_run(argc, argv, "merged flows come out as they came in", 20000,
                            merged_flows_come_out_as_they_came_in);
    if (argc == 1) {
        JV_ASSERT(merged > 20000); /* else it says little */
    }
    return result;
}
