/* SPDX-License-Identifier: Apache-2.0 */
#include "emu.h"

#include <string.h>

#define BITS 8U
#define NS_PER_S 1000000000U

/* Numbers are part of the fate of a packet: a changed one changes every test that has a seed. */
enum purpose {
    PURPOSE_LOSS = 1,
    PURPOSE_JITTER = 2,
    PURPOSE_DUP = 3,
    PURPOSE_TURN = 4,
    PURPOSE_BAD_LOSS = 5,
    PURPOSE_REORDER = 6,
    PURPOSE_DUP_JITTER = 7
};

/* SplitMix64's finisher over the packet's coordinates. */
static uint64_t draw(const struct emu *emu, uint32_t dir, uint64_t n, enum purpose purpose)
{
    uint64_t z = emu->seed * 0x9e3779b97f4a7c15U + n * 0xd1342543de82ef95U + dir * 0x2545f491U +
                 (uint64_t)purpose * 0x632be59bd9b4e019U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static bool strikes(const struct emu *emu, uint32_t dir, uint64_t n, enum purpose purpose,
                    uint32_t ppm)
{
    return ppm > 0 && draw(emu, dir, n, purpose) % EMU_PPM < ppm;
}

void emu_init(struct emu *emu, uint64_t seed)
{
    memset(emu, 0, sizeof *emu);
    emu->seed = seed;
}

/* One step of the two states, before the packet; then whether the packet falls to it. */
static bool is_burst_lost(struct emu *emu, uint32_t dir, uint64_t n)
{
    struct emu_dir *d = &emu->dirs[dir];
    if (d->shape.enter_ppm == 0) {
        d->is_bad = false;
        return false;
    }
    uint32_t turn_ppm = d->is_bad ? d->shape.leave_ppm : d->shape.enter_ppm;
    if (strikes(emu, dir, n, PURPOSE_TURN, turn_ppm)) {
        d->is_bad = !d->is_bad;
    }
    return d->is_bad && strikes(emu, dir, n, PURPOSE_BAD_LOSS, d->shape.bad_loss_ppm);
}

/* Bytes that still wait before the wire or are on it. */
static uint64_t waiting_bytes(const struct emu_dir *d, uint64_t now_ns)
{
    uint64_t busy_ns = d->busy_until_ns > now_ns ? d->busy_until_ns - now_ns : 0;
    /* Divided in two steps: a queue of minutes at 10 Gbit/s overflows 64 bits otherwise. */
    return busy_ns / NS_PER_S * (d->shape.bits_per_s / BITS) +
           busy_ns % NS_PER_S * (d->shape.bits_per_s / BITS) / NS_PER_S;
}

/* Puts the packet on a limited wire. False: the queue before it is full. An idle wire takes any packet. */
static bool send_off(struct emu_dir *d, uint64_t now_ns, uint32_t len_bytes, uint64_t *left_ns_out)
{
    *left_ns_out = now_ns;
    if (d->busy_bits_per_s != d->shape.bits_per_s) {
        /* What waited under the other rate has its due time already. */
        d->busy_bits_per_s = d->shape.bits_per_s;
        d->busy_until_ns = 0;
    }
    if (d->shape.bits_per_s == 0) {
        return true;
    }
    uint64_t waiting = waiting_bytes(d, now_ns);
    uint64_t room = d->shape.queue_bytes;
    if (room == 0) {
        room = d->shape.bits_per_s / BITS * EMU_QUEUE_NS / NS_PER_S;
    }
    if (waiting > 0 && waiting + len_bytes > room) {
        return false;
    }
    d->busy_until_ns = (d->busy_until_ns > now_ns ? d->busy_until_ns : now_ns) +
                       (uint64_t)len_bytes * BITS * NS_PER_S / d->shape.bits_per_s;
    *left_ns_out = d->busy_until_ns;
    return true;
}

static uint64_t jitter_ns(const struct emu *emu, uint32_t dir, uint64_t n, enum purpose purpose)
{
    uint64_t bound = emu->dirs[dir].shape.jitter_ns;
    return bound > 0 ? draw(emu, dir, n, purpose) % bound : 0;
}

/* When a packet that left the wire at `left_ns` arrives. */
static uint64_t arrival_ns(struct emu *emu, uint32_t dir, uint64_t n, uint64_t left_ns)
{
    struct emu_dir *d = &emu->dirs[dir];
    uint64_t due_ns = left_ns + d->shape.delay_ns;
    if (strikes(emu, dir, n, PURPOSE_REORDER, d->shape.reorder_ppm)) {
        d->stats.reordered++;
        return due_ns + d->shape.reorder_ns;
    }
    if (d->shape.jitter_ns > 0) {
        return due_ns + jitter_ns(emu, dir, n, PURPOSE_JITTER);
    }
    /* A delay that was just lowered must not let packets overtake those already on their way. */
    d->last_due_ns = due_ns > d->last_due_ns ? due_ns : d->last_due_ns;
    return d->last_due_ns;
}

static enum emu_verdict judge(struct emu *emu, uint32_t dir, uint64_t n, uint64_t now_ns,
                              uint32_t len_bytes, uint64_t *left_ns_out)
{
    struct emu_dir *d = &emu->dirs[dir];
    /* The state of bursts moves with every packet, also one that falls to something else: it is a matter of n alone. */
    bool is_in_burst = is_burst_lost(emu, dir, n);
    if (d->shape.hole) {
        return EMU_SWALLOWED;
    }
    if (d->shape.mtu > 0 && len_bytes > d->shape.mtu) {
        return d->shape.mtu_answers ? EMU_TOO_BIG : EMU_TOO_BIG_SILENT;
    }
    if (strikes(emu, dir, n, PURPOSE_LOSS, d->shape.loss_ppm)) {
        return EMU_LOST;
    }
    if (is_in_burst) {
        return EMU_BURST_LOST;
    }
    return send_off(d, now_ns, len_bytes, left_ns_out) ? EMU_PASSES : EMU_QUEUE_FULL;
}

struct emu_fate emu_decide(struct emu *emu, uint32_t dir, uint64_t now_ns, uint32_t len_bytes)
{
    struct emu_dir *d = &emu->dirs[dir];
    struct emu_fate fate = {EMU_PASSES, 0, {0, 0}};
    uint64_t n = d->stats.packets++;
    uint64_t left_ns = now_ns;
    fate.verdict = judge(emu, dir, n, now_ns, len_bytes, &left_ns);
    d->stats.verdicts[fate.verdict]++;
    if (fate.verdict != EMU_PASSES) {
        return fate;
    }
    fate.due_ns[fate.copies++] = arrival_ns(emu, dir, n, left_ns);
    if (strikes(emu, dir, n, PURPOSE_DUP, d->shape.dup_ppm)) {
        d->stats.doubled++;
        uint64_t again_ns = d->shape.jitter_ns > 0 ? left_ns + d->shape.delay_ns +
                                                         jitter_ns(emu, dir, n, PURPOSE_DUP_JITTER)
                                                   : fate.due_ns[0];
        fate.due_ns[fate.copies++] = again_ns;
    }
    return fate;
}

const char *emu_verdict_name(enum emu_verdict verdict)
{
    switch (verdict) {
    case EMU_PASSES:
        return "passed";
    case EMU_LOST:
        return "lost";
    case EMU_BURST_LOST:
        return "burst_lost";
    case EMU_SWALLOWED:
        return "blackholed";
    case EMU_QUEUE_FULL:
        return "queue_full";
    case EMU_TOO_BIG:
        return "too_big";
    case EMU_TOO_BIG_SILENT:
        return "too_big_silent";
    case EMU_VERDICTS:
        break;
    }
    return "?";
}
