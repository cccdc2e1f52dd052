/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PACE_H
#define JV_CORE_PACE_H
/*
 * pace -- how fast what a jump left behind goes over the new path: what goes again first, then what waited.
 *
 * A burst at once (JV_PACE_BURST_BYTES) and an eighth of the rate that the interrupted stream had, until reports say how the path took
 * it. Where JV_PACE_PROOF packets arrived within JV_PACE_PROOF_MS it is quick: three times the stream's rate, and never slower than what arrives
 * meanwhile. Where they took longer it is slow: as fast as they came, but a quarter faster than what arrives, which the path has to carry
 * or lose anyway. After JV_PACE_MAX_MS nothing is paced: a tunnel is no congestion control, only no cause of a burst.
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
    bool is_quick;
    struct jv_instant began, filled, first_report; /* JV_NEVER: none yet */
    uint64_t epoch, received;                      /* by the report of the jump */
    uint64_t sent_bytes, sent_packets;
    uint64_t slow_bps;      /* what a slow path took; 0: not known */
    uint64_t stream_bps;    /* bytes a second of the stream that was interrupted */
    uint64_t arrived_bytes; /* that queued up since */
    int64_t credit_bytes;   /* below zero: the last packet was longer than what was left */
};

/* `epoch`, `received`: what the peer had received by then. */
void jv_pace_begin(struct jv_pace *pace, struct jv_instant now, uint64_t stream_bps, uint64_t epoch,
                   uint64_t received);
/* So many bytes queued up behind the others. */
void jv_pace_arrived(struct jv_pace *pace, uint32_t bytes);
/* The peer reported that it has received so many. */
void jv_pace_reported(struct jv_pace *pace, struct jv_instant now, uint64_t epoch,
                      uint64_t received);
/* May a packet of so many bytes leave? It is charged where it may. Always where nothing is paced. */
bool jv_pace_take(struct jv_pace *pace, struct jv_instant now, uint32_t bytes);
/* When the next packets may leave: a few at a time, so that nobody wakes for each. */
struct jv_instant jv_pace_deadline(const struct jv_pace *pace, struct jv_instant now);
#endif /* JV_CORE_PACE_H */
