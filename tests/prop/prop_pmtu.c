/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path with a hidden limit that moves, loss and silence: the search ends within a step below the limit that a naive count from the
 * top finds, uses no size above its top, and moves nothing while nothing comes back.
 */
#include "base.h"
#include "pmtu.h"
#include "rounds.h"

#define QUESTIONS_MAX                                                                              \
    40U /* of one search: the top, the base, the floor, and halves of what is between */

struct world {
    uint32_t limit;
    uint32_t loss_percent; /* of each direction, of large and small ones alike */
    bool is_dead;
};

static bool comes_back(struct jv_prng *prng, const struct world *w)
{
    return !w->is_dead && jv_prng_below(prng, 100) >= w->loss_percent &&
           jv_prng_below(prng, 100) >= w->loss_percent;
}

/* Until nothing is asked, or the path said nothing for too long. False: a law is broken. */
static bool run(struct jv_prng *prng, struct jv_pmtu *p, const struct world *w)
{
    uint32_t questions = 0;
    while (p->asked != 0) {
        uint32_t asked = p->asked;
        uint32_t before = jv_pmtu_bytes(p);
        bool has_small = jv_pmtu_sent(p);
        if (asked > p->top || jv_pmtu_bytes(p) > p->top) {
            return false;
        }
        if (asked <= w->limit && comes_back(prng, w)) {
            jv_pmtu_passed(p);
        } else if (!jv_pmtu_lost(p, has_small && comes_back(prng, w))) {
            return jv_pmtu_bytes(p) == before; /* silence */
        }
        if (w->is_dead && jv_pmtu_bytes(p) != before) {
            return false;
        }
        questions += p->asked != asked ? 1 : 0;
        if (questions > QUESTIONS_MAX) {
            return false;
        }
    }
    return true;
}

/* From the top down, byte by byte. */
static bool is_right(const struct jv_pmtu *p, const struct world *w)
{
    uint32_t naive = p->top;
    while (naive > w->limit) {
        naive--;
    }
    if (naive < JV_PMTU_FLOOR) {
        return jv_pmtu_is_refused(p);
    }
    uint32_t bytes = jv_pmtu_bytes(p);
    return bytes <= naive && bytes + JV_PMTU_STEP > naive && !jv_pmtu_is_refused(p) &&
           jv_pmtu_is_narrow(p) == (bytes < JV_PMTU_BASE);
}

static bool holds(struct jv_prng *prng)
{
    struct jv_pmtu p;
    jv_pmtu_init(&p, 500 + (uint32_t)jv_prng_below(prng, 1400));
    for (uint32_t i = 0; i < 20; i++) {
        struct world w = {.limit = 300 + (uint32_t)jv_prng_below(prng, 1600)};
        if (jv_prng_below(prng, 4) == 0) {
            jv_pmtu_set_top(&p, 500 + (uint32_t)jv_prng_below(prng, 1400));
        }
        jv_pmtu_verify(&p, jv_prng_below(prng, 2) == 0 ? 0 : (uint32_t)jv_prng_below(prng, 2000));
        w.is_dead = jv_prng_below(prng, 4) == 0;
        w.loss_percent = jv_prng_below(prng, 2) == 0 ? (uint32_t)jv_prng_below(prng, 40) : 0;
        if (!run(prng, &p, &w)) {
            return false;
        }
        /* Calm: whatever the loss made it believe, a doubt and a search find the truth. */
        w.is_dead = false;
        w.loss_percent = 0;
        for (uint32_t k = 0; k < 2; k++) { /* the first one may only end what the silence held up */
            jv_pmtu_verify(&p, 0);
            if (!run(prng, &p, &w)) {
                return false;
            }
        }
        jv_pmtu_search(&p);
        if (!run(prng, &p, &w) || !is_right(&p, &w)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_pmtu_finds_what_a_naive_count_finds", 2000, holds);
}
