/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PACE_H
#define JV_CORE_PACE_H
/*
 * pace -- how fast what a jump left behind goes over the new path: what goes again first, then what waited.
 *
 * A burst at once (JV_PACE_BURST_BYTES), then as fast as the interrupted stream came, which the new path has to carry anyway; twice as
 * fast once the path has reported that it does. Never slower than JV_PACE_MIN_BPS nor than what arrives meanwhile, and after
 * JV_PACE_MAX_MS not paced at all: a tunnel is no congestion control, only no cause of a burst.
 *
 * Owns     nothing.
 * Threads  none: pure but for the struct.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "instant.h"

struct jv_pace {
    bool on;
    bool is_proven; /* the path has reported what was sent on it */
    struct jv_instant began, filled;
    uint64_t stream_bps;    /* bytes a second of the stream that was interrupted */
    uint64_t arrived_bytes; /* that queued up since */
    int64_t credit_bytes;   /* below zero: the last packet was longer than what was left */
};

void jv_pace_begin(struct jv_pace *pace, struct jv_instant now, uint64_t stream_bps);
/* So many bytes queued up behind the others. */
void jv_pace_arrived(struct jv_pace *pace, uint32_t bytes);
/* The peer reported packets of the new path; `is_lossy`: not all of them. */
void jv_pace_reported(struct jv_pace *pace, bool is_lossy);
/* May a packet of so many bytes leave? It is charged where it may. Always where nothing is paced. */
bool jv_pace_take(struct jv_pace *pace, struct jv_instant now, uint32_t bytes);
/* When the next packets may leave: a few at a time, so that nobody wakes for each. */
struct jv_instant jv_pace_deadline(const struct jv_pace *pace, struct jv_instant now);
#endif /* JV_CORE_PACE_H */
