/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h, proved for every cursor: whatever the bytes and the length, no function reads or writes outside what the cursor was given,
 * a cursor stays one, an error is kept and consumes nothing, and reserved bytes are refused exactly where one of them is not zero.
 *
 * memcpy and memset are the two functions below, whose contracts say of bytes what the C library says of objects.
 *
 * wp: jv_rd_init jv_rd_take jv_rd_bytes jv_rd_be jv_rd_u8 jv_rd_u16 jv_rd_u32 jv_rd_u48 jv_rd_u64 jv_rd_zero jv_wr_init jv_wr_take
 * wp: jv_wr_bytes jv_wr_zero jv_wr_be jv_wr_u8 jv_wr_u16 jv_wr_u32 jv_wr_u48 jv_wr_u64
 * A number is put together by shifts, which the analyser would hold for products that overflow.
 * with: -no-warn-unsigned-overflow
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*@ requires n == 0 || (\valid(to + (0 .. n - 1)) && \valid_read(from + (0 .. n - 1)));
    requires \separated(to + (0 .. n - 1), from + (0 .. n - 1));
    assigns to[0 .. n - 1];
    ensures \forall integer i; 0 <= i < n ==> to[i] == \old(from[i]);
*/
void proved_copy(uint8_t *to, const uint8_t *from, size_t n);
/*@ requires n == 0 || \valid(to + (0 .. n - 1));
    assigns to[0 .. n - 1];
    ensures \forall integer i; 0 <= i < n ==> to[i] == 0;
*/
void proved_zero(uint8_t *to, int zero, size_t n);
#define memcpy proved_copy
#define memset proved_zero
#include "wire.h"

/*@ predicate reads(struct jv_rd *rd) =
      \valid(rd) && (rd->left == 0 || \valid_read(rd->at + (0 .. rd->left - 1)));
    predicate writes(struct jv_wr *wr) =
      \valid(wr) && (wr->left == 0 || \valid(wr->at + (0 .. wr->left - 1)));
    predicate took{L1, L2}(struct jv_rd *rd, integer n) =
      \at(rd->at, L2) == \at(rd->at, L1) + n && \at(rd->left, L2) == \at(rd->left, L1) - n;
    predicate put{L1, L2}(struct jv_wr *wr, integer n) =
      \at(wr->at, L2) == \at(wr->at, L1) + n && \at(wr->left, L2) == \at(wr->left, L1) - n;
*/

/*@ requires len == 0 || \valid_read(bytes + (0 .. len - 1));
    assigns \nothing;
    ensures \result.at == bytes && \result.left == len && !\result.err;
*/
static inline struct jv_rd jv_rd_init(const uint8_t *bytes, size_t len);

/*@ requires cap == 0 || \valid(bytes + (0 .. cap - 1));
    assigns \nothing;
    ensures \result.at == bytes && \result.left == cap && !\result.err;
*/
static inline struct jv_wr jv_wr_init(uint8_t *bytes, size_t cap);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && len <= rd->left;
      ensures \result == \old(rd->at) && took{Pre, Post}(rd, len) && !rd->err;
      ensures len == 0 || \valid_read(\result + (0 .. len - 1));
    behavior has_not:
      assumes rd->err || len > rd->left;
      ensures \result == \null && rd->err && took{Pre, Post}(rd, 0);
    complete behaviors;
    disjoint behaviors;
*/
static inline const uint8_t *jv_rd_take(struct jv_rd *rd, size_t len);

/*@ requires reads(rd) && (len == 0 || \valid(out + (0 .. len - 1)));
    requires \separated(out + (0 .. len - 1), rd->at + (0 .. rd->left - 1));
    assigns *rd, out[0 .. len - 1];
    ensures reads(rd);
    behavior has:
      assumes !rd->err && len <= rd->left && len > 0;
      ensures took{Pre, Post}(rd, len) && !rd->err;
      ensures \forall integer i; 0 <= i < len ==> out[i] == \old(rd->at)[i];
    behavior has_not:
      assumes rd->err || len > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0);
      ensures \forall integer i; 0 <= i < len ==> out[i] == 0;
*/
static inline void jv_rd_bytes(struct jv_rd *rd, uint8_t *out, size_t len);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && len <= rd->left;
      ensures took{Pre, Post}(rd, len);
      ensures \forall integer i; 0 <= i < len && \old(rd->at)[i] != 0 ==> rd->err;
    behavior has_not:
      assumes rd->err || len > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0);
*/
static inline void jv_rd_zero(struct jv_rd *rd, size_t len);

/*@ requires writes(wr);
    assigns *wr;
    ensures writes(wr);
    behavior has:
      assumes !wr->err && len <= wr->left;
      ensures \result == \old(wr->at) && put{Pre, Post}(wr, len) && !wr->err;
      ensures len == 0 || \valid(\result + (0 .. len - 1));
    behavior has_not:
      assumes wr->err || len > wr->left;
      ensures \result == \null && wr->err && put{Pre, Post}(wr, 0);
    complete behaviors;
    disjoint behaviors;
*/
static inline uint8_t *jv_wr_take(struct jv_wr *wr, size_t len);

/*@ requires writes(wr) && (len == 0 || \valid_read(bytes + (0 .. len - 1)));
    requires \separated(bytes + (0 .. len - 1), wr->at + (0 .. wr->left - 1));
    assigns *wr, wr->at[0 .. len - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && len <= wr->left;
      ensures put{Pre, Post}(wr, len) && !wr->err;
      ensures \forall integer i; 0 <= i < len ==> \old(wr->at)[i] == bytes[i];
    behavior has_not:
      assumes wr->err || len > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_bytes(struct jv_wr *wr, const uint8_t *bytes, size_t len);

/*@ requires writes(wr);
    assigns *wr, wr->at[0 .. len - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && len <= wr->left;
      ensures put{Pre, Post}(wr, len) && !wr->err;
      ensures \forall integer i; 0 <= i < len ==> \old(wr->at)[i] == 0;
    behavior has_not:
      assumes wr->err || len > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_zero(struct jv_wr *wr, size_t len);

/*@ requires reads(rd) && len <= 8;
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && len <= rd->left;
      ensures took{Pre, Post}(rd, len) && !rd->err;
    behavior has_not:
      assumes rd->err || len > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0) && \result == 0;
*/
static inline uint64_t jv_rd_be(struct jv_rd *rd, size_t len);

/*@ requires writes(wr) && len <= 8;
    assigns *wr, wr->at[0 .. len - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && len <= wr->left;
      ensures put{Pre, Post}(wr, len) && !wr->err;
    behavior has_not:
      assumes wr->err || len > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_be(struct jv_wr *wr, uint64_t v, size_t len);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && 1 <= rd->left;
      ensures took{Pre, Post}(rd, 1) && !rd->err;
    behavior has_not:
      assumes rd->err || 1 > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0) && \result == 0;
*/
static inline uint8_t jv_rd_u8(struct jv_rd *rd);

/*@ requires writes(wr);
    assigns *wr, wr->at[0 .. 1 - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && 1 <= wr->left;
      ensures put{Pre, Post}(wr, 1) && !wr->err;
    behavior has_not:
      assumes wr->err || 1 > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_u8(struct jv_wr *wr, uint8_t v);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && 2 <= rd->left;
      ensures took{Pre, Post}(rd, 2) && !rd->err;
    behavior has_not:
      assumes rd->err || 2 > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0) && \result == 0;
*/
static inline uint16_t jv_rd_u16(struct jv_rd *rd);

/*@ requires writes(wr);
    assigns *wr, wr->at[0 .. 2 - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && 2 <= wr->left;
      ensures put{Pre, Post}(wr, 2) && !wr->err;
    behavior has_not:
      assumes wr->err || 2 > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_u16(struct jv_wr *wr, uint16_t v);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && 4 <= rd->left;
      ensures took{Pre, Post}(rd, 4) && !rd->err;
    behavior has_not:
      assumes rd->err || 4 > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0) && \result == 0;
*/
static inline uint32_t jv_rd_u32(struct jv_rd *rd);

/*@ requires writes(wr);
    assigns *wr, wr->at[0 .. 4 - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && 4 <= wr->left;
      ensures put{Pre, Post}(wr, 4) && !wr->err;
    behavior has_not:
      assumes wr->err || 4 > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_u32(struct jv_wr *wr, uint32_t v);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && 6 <= rd->left;
      ensures took{Pre, Post}(rd, 6) && !rd->err;
    behavior has_not:
      assumes rd->err || 6 > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0) && \result == 0;
*/
static inline uint64_t jv_rd_u48(struct jv_rd *rd);

/*@ requires writes(wr);
    assigns *wr, wr->at[0 .. 6 - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && 6 <= wr->left;
      ensures put{Pre, Post}(wr, 6) && !wr->err;
    behavior has_not:
      assumes wr->err || 6 > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_u48(struct jv_wr *wr, uint64_t v);

/*@ requires reads(rd);
    assigns *rd;
    ensures reads(rd);
    behavior has:
      assumes !rd->err && 8 <= rd->left;
      ensures took{Pre, Post}(rd, 8) && !rd->err;
    behavior has_not:
      assumes rd->err || 8 > rd->left;
      ensures rd->err && took{Pre, Post}(rd, 0) && \result == 0;
*/
static inline uint64_t jv_rd_u64(struct jv_rd *rd);

/*@ requires writes(wr);
    assigns *wr, wr->at[0 .. 8 - 1];
    ensures writes(wr);
    behavior has:
      assumes !wr->err && 8 <= wr->left;
      ensures put{Pre, Post}(wr, 8) && !wr->err;
    behavior has_not:
      assumes wr->err || 8 > wr->left;
      ensures wr->err && put{Pre, Post}(wr, 0);
*/
static inline void jv_wr_u64(struct jv_wr *wr, uint64_t v);
