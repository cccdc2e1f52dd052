/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "replay.h"
#include "rounds.h"

#define SPAN (4U * JV_REPLAY_BITS)
#define GAPS 64U

/* The model remembers every counter of a stretch, each in a byte of its own. */
static uint8_t seen[SPAN];
static uint64_t base, top;
static bool any;

static enum jv_replay_verdict model_check(uint64_t counter)
{
    if (!any || counter > top) {
        return JV_REPLAY_NEW;
    }
    if (top - counter >= JV_REPLAY_BITS) {
        return JV_REPLAY_OLD;
    }
    return seen[counter - base] != 0 ? JV_REPLAY_SEEN : JV_REPLAY_NEW;
}

/* Mostly near the top, as packets come; sometimes far ahead or far behind. */
static uint64_t draw(struct jv_prng *prng)
{
    uint64_t at = any ? top - base : 0;
    uint64_t step;
    switch (jv_prng_below(prng, 8)) {
    case 0:
        step = jv_prng_below(prng, JV_REPLAY_BITS + 100);
        at = at > step ? at - step : 0;
        break;
    case 1:
        at += jv_prng_below(prng, 300);
        break;
    case 2:
        at += jv_prng_below(prng, 30) == 0 ? jv_prng_below(prng, JV_REPLAY_BITS + 100) : 0;
        break;
    case 3:
        step = jv_prng_below(prng, 70);
        at = at > step ? at - step : 0;
        break;
    default:
        at += jv_prng_below(prng, 3);
        break;
    }
    return base + (at < SPAN ? at : SPAN - 1);
}

/* The runs are those of the model, newest first, and none is left out below the cap. */
static bool gaps_agree(const struct jv_replay *window, uint64_t from, size_t cap)
{
    struct jv_gap gaps[GAPS];
    size_t n = jv_replay_gaps(window, from, gaps, cap), at = 0;
    uint64_t floor = top - base >= JV_REPLAY_BITS ? top - JV_REPLAY_BITS + 1 : base;
    floor = from > floor ? from : floor;
    for (uint64_t c = top; c > floor && at < cap;) {
        c--;
        if (seen[c - base] != 0) {
            continue;
        }
        uint64_t last = c;
        while (c > floor && seen[c - 1 - base] == 0) {
            c--;
        }
        if (at >= n || gaps[at].first != c || gaps[at].last != last) {
            return false;
        }
        at++;
    }
    return at == n;
}

static bool matches_list(struct jv_prng *prng)
{
    struct jv_replay window;
    memset(seen, 0, sizeof seen);
    any = false;
    top = 0;
    /* At the very start and somewhere in the middle; the model has no counters below the base, so the base is the edge. */
    base = 0;
    uint64_t shift = jv_prng_below(prng, 2) == 0
                         ? 0
                         : (1 + jv_prng_below(prng, 1ULL << 34)) * 8192 + jv_prng_below(prng, 64);
    jv_replay_init(&window);
    if (shift > 0) {
        base = shift;
        any = true;
        top = base + JV_REPLAY_BITS;
        seen[top - base] = 1;
        jv_replay_mark(&window, top);
    }
    for (int i = 0; i < 3000; i++) {
        uint64_t counter = draw(prng);
        if (jv_replay_check(&window, counter) != model_check(counter)) {
            return false;
        }
        if (jv_prng_below(prng, 4) != 0) {
            if (model_check(counter) == JV_REPLAY_NEW) {
                seen[counter - base] = 1;
                top = !any || counter > top ? counter : top;
                any = true;
            }
            jv_replay_mark(&window, counter);
        }
        if (i % 50 == 0 && any &&
            !gaps_agree(&window, draw(prng), (size_t)jv_prng_below(prng, GAPS + 1))) {
            return false;
        }
    }
    return !any || gaps_agree(&window, 0, GAPS);
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_replay_matches_list", 120, matches_list);
}
