/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map of four places from empty: five pairs of any hash and value, a look-up and a removal.
 *
 * eva: base/map.c
 */
#include "any.h"
#include "map.h"

static struct jv_map_entry entries[8];
static struct jv_map map;

int main(void)
{
    uint64_t value = 0;
    uint64_t cursor = 0;
    jv_map_init(&map, entries, 4);
    for (int i = 0; i < 5; i++) {
        (void)jv_map_add(&map, any64(), any64());
    }
    (void)jv_map_find(&map, any64(), &cursor, &value);
    (void)jv_map_remove(&map, any64(), any64());
    (void)jv_map_bytes(any32());
    return 0;
}
