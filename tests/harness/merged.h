/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_MERGED_H
#define JV_TESTS_MERGED_H
/*
 * merged -- what must hold of a batch that was merged, whatever was in it.
 *
 * Each slot is in one group, groups stand in the order of their first packets, nothing overtakes within a flow; a group is of one session
 * and comes out of a split as it came in, with checksums that were right before; a packet that is alone is as it was.
 */
#include "merge.h"
#include "segments.h"

struct merged {
    struct segment_slots in, before, split_out;
    uint32_t n, count;
    struct jv_merged groups[JV_MERGE_SLOTS_MAX];
    uint8_t next[JV_MERGE_SLOTS_MAX];
    uint8_t place[JV_MERGE_SLOTS_MAX]; /* of a slot, in the order in which all is written */
    uint8_t whole[JV_GSO_BYTES_MAX];
};

/* Merge the first n slots of `in`. Returns how many groups there are. */
static inline uint32_t merged_run(struct merged *m, const struct jv_merge_cfg *cfg, uint32_t n)
{
    segment_slots_init(&m->before);
    segment_slots_init(&m->split_out);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *buf = m->before.slots[i].buf;
        m->before.slots[i] = m->in.slots[i];
        m->before.slots[i].buf = buf;
        memcpy(buf, m->in.slots[i].buf, JV_BUF_BYTES);
    }
    m->n = n;
    m->count = jv_merge(cfg, m->in.slots, n, m->groups, m->next);
    return m->count;
}

static inline bool merged_is_partition(struct merged *m)
{
    bool seen[JV_MERGE_SLOTS_MAX] = {false};
    uint8_t at = 0;
    for (uint32_t g = 0; g < m->count; g++) {
        uint32_t packets = 0;
        uint32_t last = m->groups[g].first;
        if (g > 0 && m->groups[g].first <= m->groups[g - 1].first) {
            return false;
        }
        for (uint32_t i = m->groups[g].first; i != JV_MERGE_END; i = m->next[i], packets++) {
            if (i >= m->n || seen[i] || i < last) {
                return false;
            }
            seen[i] = true;
            m->place[i] = at++;
            last = i;
        }
        if (packets != m->groups[g].count) {
            return false;
        }
    }
    return at == m->n;
}

static inline size_t merged_addresses(const struct jv_slot *slot)
{
    uint32_t version = slot->len > 0 ? slot->buf[slot->off] >> 4 : 0;
    return version == 4 && slot->len >= 20 ? 8 : version == 6 && slot->len >= 40 ? 32 : 0;
}

/* By addresses and ports; one without ports belongs to each flow between its addresses. */
static inline bool merged_may_be_one_flow(const struct jv_slot *x, const struct jv_slot *y)
{
    const uint8_t *a = x->buf + x->off, *b = y->buf + y->off;
    size_t n = merged_addresses(x);
    size_t at = n == 8 ? 12 : 8;
    struct jv_l4 p, q;
    if (x->session != y->session || n == 0 || n != merged_addresses(y) ||
        memcmp(a + at, b + at, n) != 0) {
        return false;
    }
    bool have_ports = jv_csum_l4(a, x->len, &p) && jv_csum_l4(b, y->len, &q);
    return !have_ports || (p.protocol == q.protocol && memcmp(a + p.at, b + q.at, 4) == 0);
}

static inline bool merged_is_order_kept(const struct merged *m)
{
    for (uint32_t j = 1; j < m->n; j++) {
        for (uint32_t i = 0; i < j; i++) {
            if (m->place[i] > m->place[j] &&
                merged_may_be_one_flow(&m->before.slots[i], &m->before.slots[j])) {
                return false;
            }
        }
    }
    return true;
}

/* As it was: with the one form of a checksum that was right or partial; false where it was wrong. */
static inline bool merged_complete(struct jv_slot *slot)
{
    uint8_t *packet = slot->buf + slot->off;
    bool is_right = slot->is_csum_partial || segment_sum(packet, slot->len) == 0xffff;
    segment_put_csum(packet, slot->len);
    return is_right;
}

static inline bool merged_splits_again(struct merged *m, const struct jv_merged *group)
{
    struct jv_split split;
    uint32_t len = segment_gather(&m->in, group, m->next, m->whole);
    if (len != group->len_bytes || !jv_split_begin(&split, &group->gso, m->whole, len) ||
        jv_split_next(&split, m->split_out.slots, JV_BATCH_MAX) != group->count) {
        return false;
    }
    uint32_t at = 0;
    for (uint32_t i = group->first; i != JV_MERGE_END; i = m->next[i], at++) {
        struct jv_slot *got = &m->split_out.slots[at];
        struct jv_slot *want = &m->before.slots[i];
        if (!merged_complete(want) || !segment_complete(got) || got->len != want->len ||
            m->before.slots[group->first].session != want->session ||
            !segment_is_same(got->buf + got->off, want->buf + want->off, got->len)) {
            return false;
        }
    }
    return true;
}

static inline bool merged_is_untouched(const struct merged *m, const struct jv_merged *group)
{
    const struct jv_slot *slot = &m->in.slots[group->first];
    const struct jv_slot *want = &m->before.slots[group->first];
    struct jv_l4 l4;
    bool is_partial = want->is_csum_partial && jv_csum_l4(want->buf + want->off, want->len, &l4);
    return group->gso.kind == JV_GSO_NONE && group->hdr_bytes == 0 &&
           group->len_bytes == want->len && slot->len == want->len &&
           memcmp(slot->buf, want->buf, JV_BUF_BYTES) == 0 &&
           group->gso.is_csum_partial == is_partial &&
           (!is_partial ||
            (group->gso.csum_start == l4.at && group->gso.csum_offset == l4.csum_at));
}

static inline bool merged_is_lawful(struct merged *m)
{
    if (!merged_is_partition(m) || !merged_is_order_kept(m)) {
        return false;
    }
    for (uint32_t g = 0; g < m->count; g++) {
        const struct jv_merged *group = &m->groups[g];
        if (group->count == 1 ? !merged_is_untouched(m, group) : !merged_splits_again(m, group)) {
            return false;
        }
    }
    return true;
}
#endif /* JV_TESTS_MERGED_H */
