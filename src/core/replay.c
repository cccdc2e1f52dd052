/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <string.h>

#include "base.h"

_Static_assert((JV_REPLAY_BITS & (JV_REPLAY_BITS - 1)) == 0, "the place of a counter is a mask");

static uint64_t *word_of(struct jv_replay *window, uint64_t counter)
{
    return &window->bits[counter / 64 % JV_REPLAY_WORDS];
}

static bool is_set(const struct jv_replay *window, uint64_t counter)
{
    return (window->bits[counter / 64 % JV_REPLAY_WORDS] >> counter % 64 & 1U) != 0;
}

/* The lowest counter that the window still knows about. */
static uint64_t bottom(const struct jv_replay *window)
{
    return window->top >= JV_REPLAY_BITS ? window->top - JV_REPLAY_BITS + 1 : 0;
}

void jv_replay_init(struct jv_replay *window)
{
    memset(window, 0, sizeof *window);
}

enum jv_replay_verdict jv_replay_check(const struct jv_replay *window, uint64_t counter)
{
    if (counter > JV_REPLAY_COUNTER_MAX) {
        return JV_REPLAY_OLD;
    }
    if (!window->any || counter > window->top) {
        return JV_REPLAY_NEW;
    }
    if (counter < bottom(window)) {
        return JV_REPLAY_OLD;
    }
    return is_set(window, counter) ? JV_REPLAY_SEEN : JV_REPLAY_NEW;
}

/* Forget what the places of first..last held: at most one turn of the ring. */
static void clear(struct jv_replay *window, uint64_t first, uint64_t last)
{
    while (first <= last) {
        uint64_t end = JV_MIN(first | 63U, last);
        uint64_t mask = (UINT64_MAX << first % 64) & (UINT64_MAX >> (63 - end % 64));
        *word_of(window, first) &= ~mask;
        first = end + 1;
    }
}

/*
 * Called after the tag verified, never before: one forged counter near the top would push every honest packet
 * out of the window.
 */
void jv_replay_mark(struct jv_replay *window, uint64_t counter)
{
    if (jv_replay_check(window, counter) != JV_REPLAY_NEW) {
        return;
    }
    if (!window->any) {
        window->any = true;
        window->top = counter;
    } else if (counter > window->top) {
        if (counter - window->top >= JV_REPLAY_BITS) {
            memset(window->bits, 0, sizeof window->bits);
        } else {
            clear(window, window->top + 1, counter - 1); /* its own bit is set below */
        }
        window->top = counter;
    }
    *word_of(window, counter) |= 1ULL << counter % 64;
}

/* The highest counter in floor..from whose bit is `seen`; a word a step. False: there is none. */
static bool find_down(const struct jv_replay *window, uint64_t from, uint64_t floor, bool seen,
                      uint64_t *found_out)
{
    for (;;) {
        uint64_t word = window->bits[from / 64 % JV_REPLAY_WORDS];
        uint64_t wanted = (seen ? word : ~word) & (UINT64_MAX >> (63 - from % 64));
        if (wanted != 0) {
            uint64_t found = from / 64 * 64 + (uint64_t)(63 - __builtin_clzll(wanted));
            if (found < floor) {
                return false;
            }
            *found_out = found;
            return true;
        }
        if (from / 64 * 64 <= floor) {
            return false;
        }
        from = from / 64 * 64 - 1;
    }
}

size_t jv_replay_gaps(const struct jv_replay *window, uint64_t from, struct jv_gap *gaps,
                      size_t cap)
{
    if (!window->any || window->top == 0) {
        return 0;
    }
    uint64_t floor = JV_MAX(from, bottom(window));
    uint64_t at = window->top; /* everything from here up is done with; its own bit is set */
    size_t n = 0;
    uint64_t last = 0;
    while (n < cap && at > floor && find_down(window, at - 1, floor, false, &last)) {
        uint64_t below = 0;
        bool bounded = find_down(window, last, floor, true, &below);
        gaps[n++] = (struct jv_gap){bounded ? below + 1 : floor, last};
        at = bounded ? below : floor;
    }
    return n;
}
