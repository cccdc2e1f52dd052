/* SPDX-License-Identifier: Apache-2.0 */
/* Every order of setting, moving and removing deadlines of a few indices, against a look at each of them. */
#include "exh.h"
#include "heap.h"

#define CAP 4U

static const uint64_t moments[] = {0, 7, UINT64_MAX - 1, UINT64_MAX};
#define MOMENTS (sizeof moments / sizeof moments[0])

struct copy {
    struct jv_heap heap;
    uint64_t mem[CAP * 2];
    uint64_t due[CAP]; /* the model */
};

static void look(const struct jv_heap *heap, const uint64_t due[CAP])
{
    uint32_t first = 0;
    uint32_t idx = CAP;
    uint32_t n = 0;
    for (uint32_t i = 0; i < CAP; i++) {
        first = due[i] < due[first] ? i : first;
        n += due[i] != UINT64_MAX ? 1 : 0;
    }
    struct jv_instant at = jv_heap_first(heap, &idx);
    EXH_CASE(at.ns == due[first] && heap->len == n && (n == 0 ? idx == CAP : idx == first),
             "%u deadlines, first %u at %llu", n, idx, (unsigned long long)at.ns);
}

/* Taken out one by one they come in order, equal moments by index. */
static void drain(const struct copy *from)
{
    struct copy c = *from;
    /* The heap points into its memory: a copy has to point into its own. */
    c.heap.due = (struct jv_instant *)(void *)c.mem;
    c.heap.order = (uint32_t *)(void *)(c.heap.due + CAP);
    c.heap.place = c.heap.order + CAP;
    uint32_t idx = 0;
    for (uint32_t i = 0; i < CAP && c.heap.len > 0; i++) {
        look(&c.heap, c.due);
        (void)jv_heap_first(&c.heap, &idx);
        jv_heap_set(&c.heap, idx, JV_NEVER);
        c.due[idx] = UINT64_MAX;
    }
    EXH_CASE(c.heap.len == 0, "not empty at the end");
}

static void walk(const struct copy *from, uint32_t depth)
{
    drain(from);
    for (uint32_t op = 0; depth > 0 && op < CAP * MOMENTS; op++) {
        struct copy next = *from;
        next.heap.due = (struct jv_instant *)(void *)next.mem;
        next.heap.order = (uint32_t *)(void *)(next.heap.due + CAP);
        next.heap.place = next.heap.order + CAP;
        jv_heap_set(&next.heap, op / MOMENTS, (struct jv_instant){moments[op % MOMENTS]});
        next.due[op / MOMENTS] = moments[op % MOMENTS];
        look(&next.heap, next.due);
        walk(&next, depth - 1);
    }
}

int main(int argc, char **argv)
{
    struct copy c;
    jv_heap_init(&c.heap, c.mem, CAP);
    memset(c.due, 0xff, sizeof c.due);
    walk(&c, exh_is_wide(argc, argv) ? 6 : 5);
    exh_law(
        "after any five changes of four deadlines the first is the least, and all come in order");
    return exh_end();
}
