/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_WIRE_H
#define JV_BASE_WIRE_H
/*
 * wire -- read and write cursors over bytes, big-endian, that remember their first error (after Knot DNS's wire_ctx).
 *
 * After an error reads give zeroes and writes nothing, so a codec is a straight line with one test of `err` at its end.
 * Comments that begin with @ are for the proof of this file (tests/framac/wp_wire.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Numbers at a known place of known length. */
static inline uint32_t jv_load16(const uint8_t p[2])
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t jv_load32(const uint8_t p[4])
{
    return jv_load16(p) << 16 | jv_load16(p + 2);
}

/* The lower 16 bits. */
static inline void jv_store16(uint8_t p[2], uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void jv_store32(uint8_t p[4], uint32_t v)
{
    jv_store16(p, v >> 16);
    jv_store16(p + 2, v);
}

static inline uint64_t jv_swap64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(v);
#else
    return v;
#endif
}

static inline uint64_t jv_load64(const uint8_t p[8])
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return jv_swap64(v);
}

static inline void jv_store64(uint8_t p[8], uint64_t v)
{
    uint64_t bytes = jv_swap64(v);
    memcpy(p, &bytes, sizeof bytes);
}

struct jv_rd {
    const uint8_t *at;
    size_t left;
    bool err;
};

struct jv_wr {
    uint8_t *at;
    size_t left;
    bool err;
};

static inline struct jv_rd jv_rd_init(const uint8_t *bytes, size_t len)
{
    return (struct jv_rd){bytes, len, false};
}

static inline struct jv_wr jv_wr_init(uint8_t *bytes, size_t cap)
{
    return (struct jv_wr){bytes, cap, false};
}

/* Borrow `len` bytes in place; NULL and an error where fewer are left. */
static inline const uint8_t *jv_rd_take(struct jv_rd *rd, size_t len)
{
    if (rd->err || rd->left < len) {
        rd->err = true;
        return NULL;
    }
    const uint8_t *p = rd->at;
    rd->at += len;
    rd->left -= len;
    return p;
}

static inline void jv_rd_bytes(struct jv_rd *rd, uint8_t *out, size_t len)
{
    const uint8_t *p = jv_rd_take(rd, len);
    if (p != NULL) {
        memcpy(out, p, len);
    } else {
        memset(out, 0, len);
    }
}

static inline uint64_t jv_rd_be(struct jv_rd *rd, size_t len)
{
    const uint8_t *p = jv_rd_take(rd, len);
    uint64_t v = 0;
    /*@ loop invariant i <= len && (p == \null ==> v == 0);
        loop assigns i, v;
        loop variant len - i; */
    for (size_t i = 0; p != NULL && i < len; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static inline uint8_t jv_rd_u8(struct jv_rd *rd)
{
    return (uint8_t)jv_rd_be(rd, 1);
}

static inline uint16_t jv_rd_u16(struct jv_rd *rd)
{
    return (uint16_t)jv_rd_be(rd, 2);
}

static inline uint32_t jv_rd_u32(struct jv_rd *rd)
{
    return (uint32_t)jv_rd_be(rd, 4);
}

static inline uint64_t jv_rd_u48(struct jv_rd *rd)
{
    return jv_rd_be(rd, 6);
}

static inline uint64_t jv_rd_u64(struct jv_rd *rd)
{
    return jv_rd_be(rd, 8);
}

/* Reserved bytes: anything but zero is an error. */
static inline void jv_rd_zero(struct jv_rd *rd, size_t len)
{
    const uint8_t *p = jv_rd_take(rd, len);
    /*@ loop invariant i <= len;
        loop invariant \forall integer k; p != \null && 0 <= k < i && p[k] != 0 ==> rd->err;
        loop invariant p == \null ==> rd->err == \at(rd->err, LoopEntry);
        loop assigns i, rd->err;
        loop variant len - i; */
    for (size_t i = 0; p != NULL && i < len; i++) {
        rd->err = rd->err || p[i] != 0;
    }
}

static inline uint8_t *jv_wr_take(struct jv_wr *wr, size_t len)
{
    if (wr->err || wr->left < len) {
        wr->err = true;
        return NULL;
    }
    uint8_t *p = wr->at;
    wr->at += len;
    wr->left -= len;
    return p;
}

/* gcc 12 follows the failing branch of jv_wr_take() with its NULL and warns of a write that cannot happen. */
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
static inline void jv_wr_bytes(struct jv_wr *wr, const uint8_t *bytes, size_t len)
{
    uint8_t *p = jv_wr_take(wr, len);
    if (p != NULL && len > 0) {
        memcpy(p, bytes, len);
    }
}

static inline void jv_wr_zero(struct jv_wr *wr, size_t len)
{
    uint8_t *p = jv_wr_take(wr, len);
    if (p != NULL && len > 0) {
        memset(p, 0, len);
    }
}

#pragma GCC diagnostic pop

static inline void jv_wr_be(struct jv_wr *wr, uint64_t v, size_t len)
{
    uint8_t *p = jv_wr_take(wr, len);
    /*@ loop invariant i <= len;
        loop assigns i, p[0 .. len - 1];
        loop variant len - i; */
    for (size_t i = 0; p != NULL && i < len; i++) {
        p[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
    }
}

static inline void jv_wr_u8(struct jv_wr *wr, uint8_t v)
{
    jv_wr_be(wr, v, 1);
}

static inline void jv_wr_u16(struct jv_wr *wr, uint16_t v)
{
    jv_wr_be(wr, v, 2);
}

static inline void jv_wr_u32(struct jv_wr *wr, uint32_t v)
{
    jv_wr_be(wr, v, 4);
}

static inline void jv_wr_u48(struct jv_wr *wr, uint64_t v)
{
    jv_wr_be(wr, v, 6);
}

static inline void jv_wr_u64(struct jv_wr *wr, uint64_t v)
{
    jv_wr_be(wr, v, 8);
}
#endif /* JV_BASE_WIRE_H */
