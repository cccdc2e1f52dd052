/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>
#include <string.h>

#include "rounds.h"
#include "slab.h"

#define CAP 12U
#define OBJECT_BYTES 24U

struct owned {
    struct jv_handle handle;
    uint8_t mark;
    bool live;
};

static bool is_filled(const uint8_t *object, uint8_t mark)
{
    for (size_t i = 0; i < OBJECT_BYTES; i++) {
        if (object[i] != mark) {
            return false;
        }
    }
    return true;
}

/* Every handle ever given out finds its own bytes while it lives and nothing afterwards. */
static bool handles_are_honest(struct jv_prng *prng)
{
    alignas(16) static uint8_t mem[CAP * 48];
    static struct owned owned[400];
    uint32_t given = 0, live = 0;
    struct jv_slab slab;
    if (jv_slab_bytes(OBJECT_BYTES, CAP) > sizeof mem) {
        return false;
    }
    memset(mem, 0, sizeof mem);
    jv_slab_init(&slab, mem, OBJECT_BYTES, CAP);
    for (uint32_t step = 0; step < JV_ARRAY_LEN(owned); step++) {
        if (given == 0 || jv_prng_below(prng, 2) == 0) {
            struct jv_handle handle;
            uint8_t *object = jv_slab_add(&slab, &handle);
            if ((object == NULL) != (live == CAP)) {
                return false;
            }
            if (object != NULL) {
                if (!is_filled(object, 0)) {
                    return false;
                }
                owned[given] = (struct owned){handle, (uint8_t)(1 + step % 255), true};
                memset(object, owned[given].mark, OBJECT_BYTES);
                given++;
                live++;
            }
        } else {
            /* Often one that was returned before: that must do nothing. */
            struct owned *o = &owned[jv_prng_below(prng, given)];
            jv_slab_remove(&slab, o->handle);
            live -= o->live;
            o->live = false;
        }
        if (slab.used != live) {
            return false;
        }
        for (uint32_t i = 0; i < given; i++) {
            const uint8_t *object = jv_slab_get(&slab, owned[i].handle);
            if ((object != NULL) != owned[i].live ||
                (object != NULL && !is_filled(object, owned[i].mark))) {
                return false;
            }
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_slab_handles_are_honest", 150, handles_are_honest);
}
