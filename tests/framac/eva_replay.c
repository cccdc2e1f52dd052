/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window with any content, asked, marked and reported for any counter.
 *
 * eva: core/replay.c
 */
#include "any.h"
#include "replay.h"

static struct jv_replay window;

int main(void)
{
    struct jv_gap gaps[16];
    any_bytes(&window, sizeof window);
    window.any = any_bool();
    window.top = any64() & JV_REPLAY_COUNTER_MAX;
    (void)jv_replay_check(&window, any64());
    jv_replay_mark(&window, any64());
    size_t n = jv_replay_gaps(&window, any64(), gaps, Frama_C_unsigned_int_interval(0, 16));
    //@ assert n <= 16;
    jv_replay_init(&window);
    return (int)n;
}
