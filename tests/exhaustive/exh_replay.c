/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every order in which a few counters can arrive, against a list of all that was ever accepted.
 *
 * The counters are chosen where the ring's arithmetic turns: both sides of a word, of the window, of twice the window and of 48 bits.
 * The same source is built with EXH_WINDOW as well: replay.c with a ring of one or two words, where few counters go all the way around.
 */
#include "exh.h"
#include "replay.h"

#ifdef EXH_WINDOW
#undef JV_REPLAY_BITS
#define JV_REPLAY_BITS EXH_WINDOW
#include "replay.c"
#endif

#define W ((uint64_t)JV_REPLAY_BITS)
#define MAX JV_REPLAY_COUNTER_MAX
#define LEN_MAX 8U
#define GAPS_MAX 6U

struct model { /* keeps every counter that was taken */
    uint64_t taken[LEN_MAX];
    uint32_t len;
};

static bool was_taken(const struct model *m, uint64_t counter)
{
    for (uint32_t i = 0; i < m->len; i++) {
        if (m->taken[i] == counter) {
            return true;
        }
    }
    return false;
}

static uint64_t highest(const struct model *m)
{
    uint64_t top = 0;
    for (uint32_t i = 0; i < m->len; i++) {
        top = m->taken[i] > top ? m->taken[i] : top;
    }
    return top;
}

static enum jv_replay_verdict judge(const struct model *m, uint64_t counter)
{
    uint64_t top = highest(m);
    if (counter > MAX || (counter < top && top - counter >= W)) {
        return JV_REPLAY_OLD;
    }
    return was_taken(m, counter) ? JV_REPLAY_SEEN : JV_REPLAY_NEW;
}

/* Runs of what is missing, counter by counter from the top down. */
static size_t gaps_of(const struct model *m, uint64_t from, struct jv_gap *gaps, size_t cap)
{
    uint64_t top = highest(m);
    size_t n = 0;
    bool in_run = false;
    for (uint64_t c = top; m->len > 0 && c-- > 0 && c >= from && top - c < W;) {
        bool is_missing = !was_taken(m, c);
        if (is_missing && !in_run) {
            if (n == cap) {
                return n;
            }
            gaps[n++] = (struct jv_gap){c, c};
        } else if (is_missing) {
            gaps[n - 1].first = c;
        }
        in_run = is_missing;
    }
    return n;
}

struct world {
    const char *name;
    uint64_t counters[24];
    uint32_t counters_len, depth;
};

static void compare_gaps(const struct jv_replay *window, const struct model *m, uint64_t from)
{
    struct jv_gap got[GAPS_MAX];
    struct jv_gap want[GAPS_MAX];
    for (size_t cap = 0; cap <= GAPS_MAX; cap++) {
        size_t n = jv_replay_gaps(window, from, got, cap);
        bool good = n == gaps_of(m, from, want, cap);
        for (size_t i = 0; good && i < n; i++) {
            good = got[i].first == want[i].first && got[i].last == want[i].last;
        }
        EXH_CASE(good, "gaps from %llu, cap %zu, top %llu", (unsigned long long)from, cap,
                 (unsigned long long)window->top);
    }
}

/* Every sequence of `world` that begins with what is in `window` and `m`. */
static void walk(const struct world *world, const struct jv_replay *window, const struct model *m,
                 uint32_t depth, bool with_gaps)
{
    for (uint32_t i = 0; i < world->counters_len; i++) {
        uint64_t counter = world->counters[i];
        EXH_CASE(jv_replay_check(window, counter) == judge(m, counter),
                 "%s: %u before, top %llu, counter %llu", world->name, m->len,
                 (unsigned long long)window->top, (unsigned long long)counter);
        if (with_gaps) {
            compare_gaps(window, m, counter);
        }
    }
    if (depth == 0) {
        return;
    }
    for (uint32_t i = 0; i < world->counters_len; i++) {
        struct jv_replay next = *window;
        struct model known = *m;
        if (judge(m, world->counters[i]) == JV_REPLAY_NEW) {
            known.taken[known.len++] = world->counters[i];
        }
        jv_replay_mark(&next, world->counters[i]);
        /* What was not new changes nothing, so nothing new follows from it. */
        if (known.len == m->len) {
            EXH_CASE(memcmp(&next, window, sizeof next) == 0, "%s: a mark that is not new",
                     world->name);
        } else {
            walk(world, &next, &known, depth - 1, with_gaps);
        }
    }
}

static void run(const struct world *world, const char *law)
{
    struct jv_replay window;
    struct model m = {{0}, 0};
    jv_replay_init(&window);
    walk(world, &window, &m, world->depth, false);
    struct world shallow = *world;
    shallow.depth = W > 1024 ? 2 : 3; /* the list is asked counter by counter */
    walk(&shallow, &window, &m, shallow.depth, true);
    exh_law(law);
}

int main(int argc, char **argv)
{
    uint32_t more = exh_is_wide(argc, argv) ? 1 : 0;
    const struct world turns = {"turns",
                                {0, 1, 62, 63, 64, 65, W - 65, W - 64, W - 1, W, W + 1, W + 63,
                                 W + 64, 2 * W - 1, 2 * W, 2 * W + 1, 3 * W + 31},
                                17,
                                5 + more};
    const struct world ends = {"ends",
                               {0, W, MAX - 2 * W, MAX - W - 1, MAX - W, MAX - W + 1, MAX - 64,
                                MAX - 63, MAX - 1, MAX, MAX + 1, UINT64_MAX},
                               12,
                               5 + more};
    const struct world dense = {
        "dense", {60, 61, 62, 63, 64, 65, 66, W + 61, W + 62, W + 63}, 10, 7 + more};
    run(&turns, "each sequence over both sides of words and of the window has the verdicts and "
                "gaps of a list");
    run(&ends, "so has each sequence near the end of 48 bits and beyond it");
    run(&dense, "so has each order of neighbours across a word, and of those that push them out");
    return exh_end();
}
