/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "pair_parts.h"

/*
 * Events stand side by side, so that a test may take any of them; a heap of their places orders them by moment and, at one moment,
 * by when they were sent. Only what is touched costs memory.
 */

static bool is_earlier(const struct pair *p, uint32_t a, uint32_t b)
{
    const struct pair_event *x = &p->events[a];
    const struct pair_event *y = &p->events[b];
    return x->due_ns < y->due_ns || (x->due_ns == y->due_ns && x->order < y->order);
}

static void put(struct pair *p, uint32_t place, uint32_t at)
{
    p->heap[place] = at;
    p->heap_place[at] = place;
}

/* Event `at` stands nowhere in the heap, and `place` is free: let it find its own. */
static void settle(struct pair *p, uint32_t place, uint32_t at)
{
    while (place > 0 && is_earlier(p, at, p->heap[(place - 1) / 2])) {
        put(p, place, p->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (uint32_t child = 2 * place + 1; child < p->events_len; child = 2 * place + 1) {
        if (child + 1 < p->events_len && is_earlier(p, p->heap[child + 1], p->heap[child])) {
            child++;
        }
        if (!is_earlier(p, p->heap[child], at)) {
            break;
        }
        put(p, place, p->heap[child]);
        place = child;
    }
    put(p, place, at);
}

void pair_event_copy(struct pair_event *to, const struct pair_event *from)
{
    memcpy(to, from, offsetof(struct pair_event, bytes) + from->len);
}

bool pair_event_add(struct pair *p, const struct pair_event *form, uint64_t due_ns)
{
    if (p->events_len == p->events_cap) {
        return false;
    }
    uint32_t at = p->events_len++;
    struct pair_event *e = &p->events[at];
    pair_event_copy(e, form);
    e->due_ns = due_ns;
    e->order = p->event_order++;
    settle(p, at, at);
    return true;
}

void pair_event_move(struct pair *p, uint32_t at, uint64_t due_ns)
{
    p->events[at].due_ns = due_ns;
    settle(p, p->heap_place[at], at);
}

void pair_event_drop(struct pair *p, uint32_t at)
{
    uint32_t last = --p->events_len;
    uint32_t hole = p->heap_place[at];
    /* The heap's last place goes; who stood there takes the one that is free. */
    uint32_t mover = p->heap[last];
    if (hole != last) {
        settle(p, hole, mover);
    }
    if (at != last) {
        pair_event_copy(&p->events[at], &p->events[last]);
        put(p, p->heap_place[last], at);
    }
}
