/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SIM_SHRINK_H
#define JV_SIM_SHRINK_H
/*
 * shrink -- a smaller fault plan that still fails: steps are taken out as long as the world stays wrong (delta debugging, Zeller and
 * Hildebrandt, IEEE TSE 28(2), 2002), then clients' traffic, then the length of the faults.
 *
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

/* `fails` runs a world by the plan; runs_max bounds how often. Returns the runs that it took. */
uint32_t shrink(struct sim_plan *plan, bool (*fails)(const struct sim_plan *), uint32_t runs_max);
#endif /* JV_SIM_SHRINK_H */
