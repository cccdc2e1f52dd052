/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole packets of random headers and sizes: their segments are what a sender without offloads would have sent, and merged again they are the packet that was split.
 */
#include <stdlib.h>

#include "base.h"
#include "prng.h"
#include "rounds.h"
#include "segments.h"

static uint8_t whole[JV_GSO_BYTES_MAX], again[JV_GSO_BYTES_MAX];
static struct segment_slots slots;
static uint8_t options[40];
static const struct jv_merge_cfg all = {true, true, true, true};

static void draw_segment(struct jv_prng *prng, struct segment *s)
{
    static const uint8_t flags[] = {0x10, 0x18, 0x11, 0x19, 0x90, 0x98, 0x50};
    memset(s, 0, sizeof *s);
    s->family = jv_prng_below(prng, 2) == 0 ? 4 : 6;
    s->is_udp = jv_prng_below(prng, 3) == 0;
    s->ecn = (uint8_t)jv_prng_below(prng, 4);
    s->seq = (uint32_t)jv_prng_next(prng) | (jv_prng_below(prng, 4) == 0 ? 0xffff0000U : 0);
    s->ack = (uint32_t)jv_prng_next(prng);
    s->id = (uint32_t)jv_prng_below(prng, 0x10000) | (jv_prng_below(prng, 4) == 0 ? 0xffe0 : 0);
    s->ip_flags = jv_prng_below(prng, 2) == 0 ? 0x4000 : 0;
    s->flags = flags[jv_prng_below(prng, sizeof flags)];
    s->options = options;
    s->options_len = s->is_udp ? 0 : 4 * (uint32_t)jv_prng_below(prng, 11);
    for (size_t i = 0; i < sizeof options; i++) {
        options[i] = (uint8_t)jv_prng_next(prng);
    }
}

static bool is_segment(const struct segment *s, size_t payload, uint32_t seg_bytes, uint32_t i,
                       struct jv_slot *got, bool keep)
{
    uint8_t want[JV_BUF_BYTES];
    struct segment own = *s;
    size_t header = segment_header(s);
    size_t at = (size_t)i * seg_bytes;
    size_t n = JV_MIN(payload - at, seg_bytes);
    own.seq += (uint32_t)at;
    own.id = (s->id + i) & 0xffff;
    own.flags &= at + n < payload ? 0xf6 : 0xff;
    own.flags &= i > 0 ? 0x7f : 0xff;
    memcpy(want + segment_header(s), whole + segment_header(s) + at, n);
    size_t len = segment_make(&own, want, n);
    if (keep) {
        segment_put_partial(want, len);
    }
    return got->len == len && got->off == jv_split_place((uint32_t)header, seg_bytes) - header &&
           got->is_csum_partial && (keep || segment_complete(got)) &&
           memcmp(got->buf + got->off, want, len) == 0;
}

/* One group, and it is the packet; CWR is what no group has. */
static bool is_whole_again(const struct segment *s, const struct jv_split *split, uint32_t n,
                           size_t len, const struct jv_gso *gso)
{
    static struct jv_merged groups[JV_MERGE_SLOTS_MAX];
    static uint8_t next[JV_MERGE_SLOTS_MAX];
    bool has_cwr = !s->is_udp && (s->flags & 0x80) != 0;
    if (n != split->segs || n < 2 || has_cwr) {
        return true;
    }
    return jv_merge(&all, slots.slots, n, groups, next) == 1 && groups[0].count == n &&
           groups[0].gso.kind == gso->kind && groups[0].gso.seg_bytes == gso->seg_bytes &&
           segment_gather(&slots, &groups[0], next, again) == len && memcmp(again, whole, len) == 0;
}

static bool segments_are_what_a_sender_sends(struct jv_prng *prng)
{
    struct segment s;
    struct jv_split split;
    draw_segment(prng, &s);
    size_t header = segment_header(&s);
    uint32_t seg_bytes =
        1 + (uint32_t)jv_prng_below(prng, jv_prng_below(prng, 2) == 0 ? 8 : JV_BUF_ROOM - header);
    size_t most = JV_MIN(JV_GSO_BYTES_MAX - header, (size_t)seg_bytes * 100);
    size_t payload = 1 + jv_prng_below(prng, most);
    bool keep = jv_prng_below(prng, 2) == 0;
    struct jv_gso gso = {.kind = s.is_udp ? (s.family == 4 ? JV_GSO_UDP4 : JV_GSO_UDP6)
                                          : (s.family == 4 ? JV_GSO_TCP4 : JV_GSO_TCP6),
                         .is_ecn = !s.is_udp && (s.flags & 0x80) != 0,
                         .is_csum_partial = jv_prng_below(prng, 4) != 0,
                         .csum_start = s.family == 4 ? 20 : 40,
                         .csum_offset = s.is_udp ? 6 : 16,
                         .seg_bytes = (uint16_t)seg_bytes};
    segment_slots_init(&slots);
    segment_fill(whole + header, payload, (uint32_t)jv_prng_next(prng));
    size_t len = segment_make(&s, whole, payload);
    segment_put_partial(whole, len);
    if (!jv_split_begin(&split, &gso, whole, len)) {
        return false;
    }
    for (uint32_t seen = 0; !jv_split_is_done(&split);) {
        uint32_t n =
            jv_split_next(&split, slots.slots, 1 + (uint32_t)jv_prng_below(prng, JV_BATCH_MAX));
        for (uint32_t i = 0; i < n; i++) {
            if (!is_segment(&s, payload, seg_bytes, seen + i, &slots.slots[i], keep)) {
                return false;
            }
        }
        seen += n;
        if (!is_whole_again(&s, &split, n, len, &gso)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "segments are what a sender sends, and make the packet again",
                      20000, segments_are_what_a_sender_sends);
}
