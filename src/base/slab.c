/* SPDX-License-Identifier: Apache-2.0 */
#include "slab.h"

#include <string.h>

#define ALIGN_BYTES 16U

static size_t round_up(size_t bytes)
{
    JV_ASSERT(bytes <= SIZE_MAX - (ALIGN_BYTES - 1));
    return (bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
}

size_t jv_slab_bytes(size_t object_bytes, uint32_t cap)
{
    size_t each = round_up(object_bytes) + 2 * sizeof(uint32_t);
    JV_ASSERT(cap == 0 || each <= (SIZE_MAX - ALIGN_BYTES) / cap);
    return round_up(each * cap);
}

void jv_slab_init(struct jv_slab *slab, void *mem, size_t object_bytes, uint32_t cap)
{
    JV_ASSERT((uintptr_t)mem % ALIGN_BYTES == 0);
    size_t each = round_up(object_bytes);
    uint8_t *objects = mem;
    void *behind = objects + each * cap;
    uint32_t *gens = behind;
    *slab = (struct jv_slab){
        .objects = objects, .gens = gens, .returned = gens + cap, .object_bytes = each, .cap = cap};
}

void *jv_slab_add(struct jv_slab *slab, struct jv_handle *handle_out)
{
    uint32_t idx;
    if (slab->returned_len > 0) {
        idx = slab->returned[--slab->returned_len];
    } else if (slab->high < slab->cap) {
        idx = slab->high++;
    } else {
        return NULL;
    }
    slab->used++;
    slab->gens[idx]++;
    *handle_out = (struct jv_handle){idx, slab->gens[idx]};
    return slab->objects + slab->object_bytes * idx;
}

void jv_slab_remove(struct jv_slab *slab, struct jv_handle handle)
{
    void *object = jv_slab_get(slab, handle);
    if (object == NULL) {
        return;
    }
    memset(object, 0, slab->object_bytes);
    slab->gens[handle.idx]++;
    slab->returned[slab->returned_len++] = handle.idx;
    slab->used--;
}
