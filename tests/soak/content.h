/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SOAK_CONTENT_H
#define JV_SOAK_CONTENT_H
/*
 * content -- bytes that both ends know: a function of a seed and a position (splitmix64), so that nothing that is compared went
 * through the tunnel.
 *
 * Threads  any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes bytes [at, at + len) of the endless text of `seed`. */
void content_fill(uint64_t seed, uint64_t at, uint8_t *out, size_t len);
bool content_is(uint64_t seed, uint64_t at, const uint8_t *bytes, size_t len);
#endif /* JV_SOAK_CONTENT_H */
