/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_HEALTH_H
#define JV_CORE_HEALTH_H
/*
 * health -- how well each path of a client carries: round trips, their spread, loss in each direction, steadiness (design §4.4).
 *
 * Takes    round trips that an authenticated answer proved, probes that were answered or not, and windows of real traffic (loss.c).
 * Gives    numbers for ranking, judging and showing; decides nothing. All of it is integers: microseconds and ppm.
 * Limits   JV_HEALTH_SAMPLES round trips and JV_HEALTH_PROBES probes a path; what was measured of loss is forgotten after JV_HEALTH_LOSS_MS.
 * Threads  the shard's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "state.h"

/* JV_HEALTH_UNKNOWN: fewer samples than make a ratio. */
#define JV_HEALTH_UNKNOWN UINT32_MAX

struct jv_health *jv_health_of(const struct jv_core *core, const struct jv_path *path);
/* The slot holds another path: nothing is known of it. */
void jv_health_reset(struct jv_core *core, const struct jv_path *path);
/* A round trip of `path`, for srtt and for the ring. On a gateway only srtt is kept. */
void jv_health_round_trip(struct jv_core *core, struct jv_path *path, uint64_t sample_us);
void jv_health_probe(struct jv_core *core, const struct jv_path *path, bool is_answered);
/* A closed window of real traffic on the bound path; JV_HEALTH_UNKNOWN: too little went that way. */
void jv_health_loss(struct jv_core *core, const struct jv_path *path, uint32_t up_ppm,
                    uint32_t down_ppm);
/* Something made this path doubtful: it is steady from now on at the earliest. */
void jv_health_shaken(struct jv_core *core, struct jv_path *path);

/* Round trips that came after `since`. */
uint32_t jv_health_samples(const struct jv_core *core, const struct jv_path *path,
                           struct jv_instant since);
/* The 95th percentile of them, by nearest rank; 0: there are none. */
uint64_t jv_health_p95_us(const struct jv_core *core, const struct jv_path *path,
                          struct jv_instant since);
/* The mean difference between one of them and the next; 0: there are fewer than two. */
uint64_t jv_health_jitter_us(const struct jv_core *core, const struct jv_path *path,
                             struct jv_instant since);
/* The least round trip of the last JV_HEALTH_BEST_MS to twice as long; 0: there is none. */
uint64_t jv_health_best_us(const struct jv_core *core, const struct jv_path *path);
/* Loss by the client's own traffic and by the gateway's, and of the round trips of probes. */
uint32_t jv_health_loss_up(const struct jv_core *core, const struct jv_path *path);
uint32_t jv_health_loss_down(const struct jv_core *core, const struct jv_path *path);
uint32_t jv_health_loss_probe(const struct jv_core *core, const struct jv_path *path);
/* The worst that is known of the three; 0: nothing is. */
uint32_t jv_health_worst_loss(const struct jv_core *core, const struct jv_path *path);
/* For how long it has answered everything without giving cause for doubt. */
uint64_t jv_health_stable_ms(const struct jv_core *core, const struct jv_session *s,
                             const struct jv_path *path);
/*
 * One number for the hysteresis alone: JV_SCORE_MAX for a path without delay, jitter and loss; half of it where they cost as much as
 * JV_SCORE_UNIT_US of delay. A path that never answered has 0.
 */
uint32_t jv_health_score(const struct jv_core *core, const struct jv_path *path);
#endif /* JV_CORE_HEALTH_H */
