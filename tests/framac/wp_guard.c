/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets, for every rate within its limits and every moment: no product or sum leaves 64 bits, the credit never passes the
 * burst, a token costs exactly per_s * 10^9, and no credit comes from a moment that was before.
 *
 * wp: token_cost full credit_at jv_bucket_take jv_bucket_wait_ms
 */
#include "instant_contracts.h"

#include "base.h"

/*@ requires never: \false;
    assigns \nothing;
    ensures \false;
*/
void jv_panic(const char *file, int line, const char *what);

#include "guard.c"

/*@ lemma more_of_each: \forall integer x, y, c; 0 <= c && x <= y ==> x * c <= y * c;
    lemma whole_parts: \forall integer a, c; 0 <= a && 0 < c ==> a / c * c <= a < (a / c + 1) * c;
    lemma fits: \forall integer a, b, c; 0 <= a && 0 <= b && 0 < c && b <= a / c ==> b * c <= a;
*/

/*@ predicate is_rate(struct jv_rate *r) =
      \valid_read(r) && r->count <= JV_RATE_MAX && r->burst <= JV_RATE_MAX && 1 <= r->per_s <= 3600;
    logic integer cost(struct jv_rate *r) = r->per_s * 1000000000;
    logic integer most(struct jv_rate *r) = r->burst * cost(r);
*/

/*@ requires is_rate(rate);
    assigns \nothing;
    ensures \result == cost(rate);
*/
static uint64_t token_cost(const struct jv_rate *rate);

/*@ requires is_rate(rate);
    assigns \nothing;
    ensures \result == most(rate);
*/
static uint64_t full(const struct jv_rate *rate);

/*@ requires is_rate(rate) && \valid_read(bucket);
    assigns \nothing;
    ensures \result <= most(rate);
    ensures bucket->credit <= most(rate) ==> \result >= bucket->credit;
    ensures now.ns <= bucket->at.ns && bucket->credit <= most(rate) ==> \result == bucket->credit;
*/
static uint64_t credit_at(const struct jv_bucket *bucket, const struct jv_rate *rate,
                          struct jv_instant now);

/*@ requires is_rate(rate) && \valid(bucket) && \separated(bucket, rate);
    assigns *bucket;
    ensures bucket->credit <= most(rate);
    ensures bucket->at.ns >= \old(bucket->at.ns) && bucket->at.ns >= now.ns;
    ensures bucket->at.ns == \old(bucket->at.ns) || bucket->at.ns == now.ns;
    ensures \result ==> bucket->credit + cost(rate) <= most(rate);
    ensures !\result ==> bucket->credit < cost(rate);
    ensures rate->burst == 0 ==> !\result;
*/
bool jv_bucket_take(struct jv_bucket *bucket, const struct jv_rate *rate, struct jv_instant now);

/*@ requires is_rate(rate) && \valid_read(bucket);
    assigns \nothing;
*/
uint64_t jv_bucket_wait_ms(const struct jv_bucket *bucket, const struct jv_rate *rate,
                           struct jv_instant now);
