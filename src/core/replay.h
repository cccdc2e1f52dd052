/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_REPLAY_H
#define JV_CORE_REPLAY_H
/*
 * replay -- sliding receive window over 48-bit counters: a ring of bitmap words.
 *
 * After RFC 6479: the ring is never shifted, the top wanders around it. Unlike there, bits are
 * cleared one by one and not by words, so that the whole ring is window.
 *
 * Owns     nothing outside struct jv_replay, about 1 KiB, one for each receive key.
 * Takes    a counter to check at any time; a counter to mark only after its packet's tag verified.
 * Limits   JV_REPLAY_BITS counters, the highest seen among them; older ones count as OLD whether
 *          they were seen or not.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JV_REPLAY_BITS 8192U /* a power of two; also the largest replay_window_size of policy.def */
#define JV_REPLAY_WORDS (JV_REPLAY_BITS / 64)
#define JV_REPLAY_COUNTER_MAX ((1ULL << 48) - 1)

enum jv_replay_verdict { JV_REPLAY_NEW, JV_REPLAY_SEEN, JV_REPLAY_OLD };

struct jv_replay {
    uint64_t top; /* highest counter marked; meaningful where `any` */
    uint64_t bits[JV_REPLAY_WORDS];
    bool any; /* a counter was marked */
};

/* A run of counters, both ends included. */
struct jv_gap {
    uint64_t first, last;
};

void jv_replay_init(struct jv_replay *window);
/* May a packet with this counter be opened? A counter above 48 bits is OLD. Changes nothing. */
enum jv_replay_verdict jv_replay_check(const struct jv_replay *window, uint64_t counter);
/* Remember a counter whose packet verified. One that is not NEW changes nothing. */
void jv_replay_mark(struct jv_replay *window, uint64_t counter);
/*
 * What is missing, for receive reports: runs of unseen counters at or above `from` and below the
 * top, newest first, at most `cap` runs. Counters before the window are left out: whether they came
 * is not known. Returns the number of runs written.
 */
size_t jv_replay_gaps(const struct jv_replay *window, uint64_t from, struct jv_gap *gaps,
                      size_t cap);
#endif /* JV_CORE_REPLAY_H */
