/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instant.h, proved for every moment and duration: sums are the mathematical ones, or the far end of time where those do not fit.
 *
 * wp: jv_is_never jv_add_ns jv_add_us jv_add_ms jv_since_ns jv_since_us jv_since_ms jv_is_before jv_is_due jv_earlier
 */
#include "instant_contracts.h"
