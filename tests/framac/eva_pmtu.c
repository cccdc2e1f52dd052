/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search with any content, whatever is told to it; what it would send stays between the floor and the largest datagram.
 *
 * eva: core/pmtu.c
 */
#include "any.h"
#include "pmtu.h"

static struct jv_pmtu p;

static uint16_t any_size(void)
{
    return (uint16_t)Frama_C_interval(0, (int)JV_DATAGRAM_MAX);
}

static void any_search(void)
{
    p.top = any_size();
    p.size = any_size();
    p.failed = any_size();
    p.hint = any_size();
    p.asked = any_size();
    p.is_verify = any_bool();
    p.tries = any8();
    p.lost = (uint8_t)Frama_C_interval(0, (int)JV_PMTU_FALL_LOST - 1);
    p.barren = (uint8_t)Frama_C_interval(0, (int)JV_PMTU_BARREN_MAX - 1);
}

int main(void)
{
    any_search();
    switch (Frama_C_interval(0, 8)) {
    case 0:
        jv_pmtu_init(&p, any32());
        break;
    case 1:
        jv_pmtu_set_top(&p, any32());
        break;
    case 2:
        jv_pmtu_search(&p);
        break;
    case 3:
        jv_pmtu_raise(&p);
        break;
    case 4:
        jv_pmtu_verify(&p, any32());
        break;
    case 5:
        (void)jv_pmtu_sent(&p);
        break;
    case 6:
        jv_pmtu_passed(&p);
        break;
    default:
        (void)jv_pmtu_lost(&p, any_bool());
        break;
    }
    uint32_t bytes = jv_pmtu_bytes(&p);
    //@ assert bytes <= JV_DATAGRAM_MAX;
    return (int)bytes + jv_pmtu_is_narrow(&p) + jv_pmtu_is_refused(&p);
}
