/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_CHOICE_H
#define JV_CORE_CHOICE_H
/*
 * choice -- what a move that nothing forces would meet: one judge for failback, for moves away from a bad path, and for who asks why
 * nothing moves ([R §4.4] SEL-02, SEL-10..13).
 *
 * Every denial is one record with the rule that decided; the same denial of the same path is told once a minute at most.
 * Threads  the shard's.
 */
#include <stdint.h>

#include "core.h"
#include "state.h"

enum jv_choice_kind {
    JV_CHOICE_WISH, /* back to a path that the operator wants more: dwell counts, hysteresis does not */
    JV_CHOICE_QUALITY /* away from a path that carries badly: the other way round */
};

struct jv_choice {
    enum jv_why why; /* what denies it; JV_WHY_NONE: nothing does */
    enum jv_rule rule;
    uint64_t wait_ms;             /* for so long; 0: nobody knows */
    uint32_t score, score_needed; /* of the path; what it must exceed, 0: no hysteresis */
};

/* What moving to `to` would meet at this moment. Changes nothing. */
struct jv_choice jv_choice_judge(const struct jv_core *core, const struct jv_session *s,
                                 const struct jv_path *to, enum jv_choice_kind kind);
/* The denial on record, unless it was told a short time ago. `to` may be NULL: there is no candidate at all. */
void jv_choice_deny(struct jv_core *core, struct jv_session *s, const struct jv_path *to,
                    const struct jv_choice *choice, struct jv_out *out);
/* A move begins: one record for each path that was not chosen, with what puts it behind. */
void jv_choice_record(struct jv_core *core, struct jv_session *s, const struct jv_path *chosen,
                      struct jv_out *out);
/* What the bound path would have to be exceeded by now: its score and the margin, which halves each hysteresis_halving_ms of doubt. */
uint32_t jv_choice_score_needed(const struct jv_core *core, const struct jv_session *s);
/* Why `path` is not the bound one; JV_WHY_NONE: it is. */
enum jv_why jv_choice_why_not(const struct jv_core *core, const struct jv_session *s,
                              const struct jv_path *path);
uint64_t jv_choice_cooldown_ms(const struct jv_core *core, const struct jv_session *s);
#endif /* JV_CORE_CHOICE_H */
