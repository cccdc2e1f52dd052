/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict of the window, for every counter and every window: which of the three it is, and that nothing outside is read.
 *
 * wp: word_of is_set bottom jv_replay_check
 */
#include "replay.c"

/*@ predicate below(struct jv_replay *w, integer counter) =
      counter + JV_REPLAY_BITS <= w->top;
*/

/*@ requires \valid(window);
    assigns \nothing;
    ensures \result == &window->bits[counter / 64 % JV_REPLAY_WORDS];
*/
static uint64_t *word_of(struct jv_replay *window, uint64_t counter);

/*@ requires \valid_read(window);
    assigns \nothing;
*/
static bool is_set(const struct jv_replay *window, uint64_t counter);

/*@ requires \valid_read(window);
    assigns \nothing;
    ensures \result == (window->top >= JV_REPLAY_BITS ? window->top - JV_REPLAY_BITS + 1 : 0);
*/
static uint64_t bottom(const struct jv_replay *window);

/*@ requires \valid_read(window);
    assigns \nothing;
    behavior too_large:
      assumes counter > JV_REPLAY_COUNTER_MAX;
      ensures \result == JV_REPLAY_OLD;
    behavior first:
      assumes counter <= JV_REPLAY_COUNTER_MAX && !window->any;
      ensures \result == JV_REPLAY_NEW;
    behavior above:
      assumes counter <= JV_REPLAY_COUNTER_MAX && window->any && counter > window->top;
      ensures \result == JV_REPLAY_NEW;
    behavior fell_out:
      assumes counter <= JV_REPLAY_COUNTER_MAX && window->any && below(window, counter);
      ensures \result == JV_REPLAY_OLD;
    behavior within:
      assumes counter <= JV_REPLAY_COUNTER_MAX && window->any && counter <= window->top && !below(window, counter);
      ensures \result == JV_REPLAY_NEW || \result == JV_REPLAY_SEEN;
    complete behaviors;
*/
enum jv_replay_verdict jv_replay_check(const struct jv_replay *window, uint64_t counter);
