/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TOOLS_EMU_H
#define JV_TOOLS_EMU_H
/*
 * emu -- what a link does to the packets that cross it: delay, loss, order, copies, rate, MTU, black holes. Decides, carries nothing.
 *
 * linkemu asks it between two namespaces, tests/harness/pair in virtual time; both get the same fate for the same packets.
 * Each choice is a hash of (seed, direction, n, purpose), n counting the packets of that direction, so the n-th packet's fate does
 * not depend on timing. Two things do by their nature: a queue that is full, and the order that an earlier packet's due time imposes.
 *
 * Owns     nothing; the caller keeps `struct emu` and writes `dirs[].shape` whenever the link is to change.
 * Takes    the moment and the length of a packet (IP header included).
 * Gives    how many copies arrive and when, or why none does.
 * Limits   two copies of a packet.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#define EMU_DIRS 2U /* 0: a to b, 1: b to a */
#define EMU_COPIES 2U
#define EMU_PPM 1000000U
#define EMU_QUEUE_NS                                                                               \
    50000000U /* what a queue holds where its bytes are not given: 50 ms, as a home router would */

struct emu_shape { /* of one direction; all zero: a perfect wire */
    uint64_t delay_ns;
    uint64_t jitter_ns; /* below this much more for each packet; packets overtake each other */
    uint32_t loss_ppm;
    /* Gilbert-Elliott: the link turns bad before a packet with enter_ppm, good again with leave_ppm; while it is bad, a packet is
     * lost with bad_loss_ppm. enter_ppm 0: never bad. */
    uint32_t enter_ppm, leave_ppm, bad_loss_ppm;
    uint32_t reorder_ppm; /* share held back by reorder_ns, so that what comes behind overtakes */
    uint64_t reorder_ns;
    uint32_t dup_ppm;
    uint64_t bits_per_s; /* 0: no limit */
    uint32_t
        queue_bytes; /* before a limited wire, the packet on the wire included; 0: EMU_QUEUE_NS of the rate */
    uint32_t mtu;     /* 0: any length passes */
    bool mtu_answers; /* the sender of what is too long is told; otherwise it vanishes */
    bool hole;        /* everything vanishes */
};

enum emu_verdict {
    EMU_PASSES,
    EMU_LOST,
    EMU_BURST_LOST,
    EMU_SWALLOWED, /* black hole */
    EMU_QUEUE_FULL,
    EMU_TOO_BIG, /* the sender is told */
    EMU_TOO_BIG_SILENT,
    EMU_VERDICTS
};

struct emu_stats {
    uint64_t packets; /* that asked for a fate */
    uint64_t verdicts[EMU_VERDICTS];
    uint64_t reordered, doubled;
};

struct emu_dir {
    struct emu_shape shape;
    struct emu_stats stats;
    uint64_t last_due_ns, busy_until_ns, busy_bits_per_s;
    bool is_bad; /* the state of Gilbert-Elliott */
};

struct emu {
    uint64_t seed;
    struct emu_dir dirs[EMU_DIRS];
};

struct emu_fate {
    enum emu_verdict verdict;
    uint32_t copies; /* 0 unless the verdict is EMU_PASSES */
    uint64_t due_ns[EMU_COPIES];
};

/* A perfect link. */
void emu_init(struct emu *emu, uint64_t seed);
/* The fate of the next packet of `dir`, which is `len_bytes` long and comes at `now_ns`. */
struct emu_fate emu_decide(struct emu *emu, uint32_t dir, uint64_t now_ns, uint32_t len_bytes);
/* "lost", "queue_full": a word for files and people. */
const char *emu_verdict_name(enum emu_verdict verdict);
#endif /* JV_TOOLS_EMU_H */
