/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_HEAP_H
#define JV_BASE_HEAP_H
/*
 * heap -- deadlines of the objects of a slab, ordered by time and then by index (so that equal times have one order).
 *
 * Owns     memory given at jv_heap_init(): at most one deadline per index below `cap`.
 * Bounds   set and remove cost O(log n); the earliest is read in O(1).
 * Threads  one.
 */
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "instant.h"

struct jv_heap {
    uint32_t *order; /* heap of indices */
    uint32_t *place; /* index -> place in order + 1; 0: no deadline */
    struct jv_instant *due;
    uint32_t cap, len;
};

size_t jv_heap_bytes(uint32_t cap);
void jv_heap_init(struct jv_heap *heap, void *mem, uint32_t cap);
/* Set, move or (JV_NEVER) remove the deadline of `idx`. */
void jv_heap_set(struct jv_heap *heap, uint32_t idx, struct jv_instant due);
/* The earliest deadline, JV_NEVER where there is none; `idx_out` may be NULL. */
struct jv_instant jv_heap_first(const struct jv_heap *heap, uint32_t *idx_out);
#endif /* JV_BASE_HEAP_H */
