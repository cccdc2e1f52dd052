/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <stdbool.h>
#include <string.h>

/* The moments come first in memory: they need the widest alignment. */
size_t jv_heap_bytes(uint32_t cap)
{
    return (size_t)cap * (sizeof(struct jv_instant) + 2 * sizeof(uint32_t));
}

void jv_heap_init(struct jv_heap *heap, void *mem, uint32_t cap)
{
    struct jv_instant *due = mem;
    void *behind = due + cap;
    uint32_t *order = behind;
    *heap = (struct jv_heap){.order = order, .place = order + cap, .due = due, .cap = cap};
    if (cap > 0) {
        memset(heap->place, 0, (size_t)cap * sizeof *heap->place);
    }
}

/* Equal moments are ordered by index, so that two runs over the same inputs fire in the same order. */
static bool is_earlier(const struct jv_heap *heap, uint32_t a, uint32_t b)
{
    uint64_t due_a = heap->due[a].ns;
    uint64_t due_b = heap->due[b].ns;
    return due_a < due_b || (due_a == due_b && a < b);
}

static void put(struct jv_heap *heap, uint32_t at, uint32_t idx)
{
    heap->order[at] = idx;
    heap->place[idx] = at + 1;
}

static void sift_up(struct jv_heap *heap, uint32_t at, uint32_t idx)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!is_earlier(heap, idx, heap->order[parent])) {
            break;
        }
        put(heap, at, heap->order[parent]);
        at = parent;
    }
    put(heap, at, idx);
}

static void sift_down(struct jv_heap *heap, uint32_t at, uint32_t idx)
{
    /* `len / 2` is the first place without children, so 2 * at + 1 cannot overflow. */
    while (at < heap->len / 2) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < heap->len && is_earlier(heap, heap->order[child + 1], heap->order[child])) {
            child++;
        }
        if (!is_earlier(heap, heap->order[child], idx)) {
            break;
        }
        put(heap, at, heap->order[child]);
        at = child;
    }
    put(heap, at, idx);
}

/* Find the place of `idx`, starting from `at`, where nothing is in its way. */
static void settle(struct jv_heap *heap, uint32_t at, uint32_t idx)
{
    if (at > 0 && is_earlier(heap, idx, heap->order[(at - 1) / 2])) {
        sift_up(heap, at, idx);
    } else {
        sift_down(heap, at, idx);
    }
}

static void drop(struct jv_heap *heap, uint32_t idx)
{
    uint32_t at = heap->place[idx] - 1;
    uint32_t last = heap->order[--heap->len];
    heap->place[idx] = 0;
    if (last != idx) {
        settle(heap, at, last);
    }
}

void jv_heap_set(struct jv_heap *heap, uint32_t idx, struct jv_instant due)
{
    JV_ASSERT(idx < heap->cap);
    if (jv_is_never(due)) {
        if (heap->place[idx] != 0) {
            drop(heap, idx);
        }
        return;
    }
    heap->due[idx] = due;
    if (heap->place[idx] == 0) {
        sift_up(heap, heap->len++, idx);
    } else {
        settle(heap, heap->place[idx] - 1, idx);
    }
}

struct jv_instant jv_heap_first(const struct jv_heap *heap, uint32_t *idx_out)
{
    if (heap->len == 0) {
        return JV_NEVER;
    }
    if (idx_out != NULL) {
        *idx_out = heap->order[0];
    }
    return heap->due[heap->order[0]];
}
