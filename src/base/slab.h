/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_SLAB_H
#define JV_BASE_SLAB_H
/*
 * slab -- a fixed pool of equal objects, each named by {index, generation}.
 *
 * Owns     the memory it was given at jv_slab_init(); allocates nothing. Pages of objects never used stay untouched: free
 *          objects are a high-water mark and a list of returned indices.
 * Bounds   at most `cap` objects. A stale handle (its object was returned) is found out by the generation.
 * Threads  one.
 */
#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct jv_handle {
    uint32_t idx;
    uint32_t gen; /* odd while in use; 0 in JV_NO_HANDLE */
};
#define JV_NO_HANDLE ((struct jv_handle){0, 0})

struct jv_slab {
    uint8_t *objects;
    uint32_t *gens;
    uint32_t *returned; /* stack of indices */
    size_t object_bytes;
    uint32_t cap, used, high, returned_len;
};

/* Memory that jv_slab_init() needs for `cap` objects of `object_bytes` (rounded up to 16). */
size_t jv_slab_bytes(size_t object_bytes, uint32_t cap);
/* `mem` is zeroed, aligned to 16, and lives as long as the slab. */
void jv_slab_init(struct jv_slab *slab, void *mem, size_t object_bytes, uint32_t cap);
/* A zeroed object, or NULL where the slab is full. */
void *jv_slab_add(struct jv_slab *slab, struct jv_handle *handle_out);
/* NULL for a stale or foreign handle. */
static inline void *jv_slab_get(const struct jv_slab *slab, struct jv_handle handle)
{
    /* An even generation names a free object: a handle that carries one was never given out. */
    if (handle.idx >= slab->high || handle.gen % 2 == 0 || slab->gens[handle.idx] != handle.gen) {
        return NULL;
    }
    return slab->objects + slab->object_bytes * handle.idx;
}
/* The object in use at `idx` and its handle, or NULL: for walking the slab. */
static inline void *jv_slab_at(const struct jv_slab *slab, uint32_t idx,
                               struct jv_handle *handle_out)
{
    if (idx >= slab->high || slab->gens[idx] % 2 == 0) {
        return NULL;
    }
    if (handle_out != NULL) {
        *handle_out = (struct jv_handle){idx, slab->gens[idx]};
    }
    return slab->objects + slab->object_bytes * idx;
}
/* Returns the object; its bytes are zeroed. A stale handle is ignored. */
void jv_slab_remove(struct jv_slab *slab, struct jv_handle handle);
#endif /* JV_BASE_SLAB_H */
