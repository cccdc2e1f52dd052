/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_FRAMAC_INSTANT_CONTRACTS_H
#define JV_TESTS_FRAMAC_INSTANT_CONTRACTS_H
/*
 * instant_contracts -- what instant.h promises, in mathematical integers: wp_instant.c proves it, other proofs rest on it.
 */
#include "instant.h"

/*@ assigns \nothing;
    ensures mathematical: \result.ns == (t.ns + ns > UINT64_MAX ? UINT64_MAX : t.ns + ns);
*/
static inline struct jv_instant jv_add_ns(struct jv_instant t, uint64_t ns);

/*@ assigns \nothing;
    ensures mathematical: \result.ns == (t.ns + us * 1000 > UINT64_MAX ? UINT64_MAX
                                                                : t.ns + us * 1000);
*/
static inline struct jv_instant jv_add_us(struct jv_instant t, uint64_t us);

/*@ assigns \nothing;
    ensures mathematical: \result.ns == (t.ns + ms * 1000000 > UINT64_MAX
                                           ? UINT64_MAX
                                           : t.ns + ms * 1000000);
*/
static inline struct jv_instant jv_add_ms(struct jv_instant t, uint64_t ms);

/*@ assigns \nothing;
    ensures \result == (to.ns > from.ns ? to.ns - from.ns : 0);
*/
static inline uint64_t jv_since_ns(struct jv_instant from, struct jv_instant to);

/*@ assigns \nothing;
    ensures \result == (to.ns > from.ns ? to.ns - from.ns : 0) / 1000;
*/
static inline uint64_t jv_since_us(struct jv_instant from, struct jv_instant to);

/*@ assigns \nothing;
    ensures \result == (to.ns > from.ns ? to.ns - from.ns : 0) / 1000000;
*/
static inline uint64_t jv_since_ms(struct jv_instant from, struct jv_instant to);

/*@ assigns \nothing;
    ensures \result <==> a.ns < b.ns;
*/
static inline bool jv_is_before(struct jv_instant a, struct jv_instant b);

/*@ assigns \nothing;
    ensures \result <==> deadline.ns <= now.ns;
*/
static inline bool jv_is_due(struct jv_instant deadline, struct jv_instant now);

/*@ assigns \nothing;
    ensures \result <==> t.ns == UINT64_MAX;
*/
static inline bool jv_is_never(struct jv_instant t);

/*@ assigns \nothing;
    ensures \result.ns == (a.ns < b.ns ? a.ns : b.ns);
*/
static inline struct jv_instant jv_earlier(struct jv_instant a, struct jv_instant b);
#endif /* JV_TESTS_FRAMAC_INSTANT_CONTRACTS_H */
