/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_BASE_H
#define JV_BASE_BASE_H
/*
 * base -- attributes, the assertion, and the sizes that every layer shares.
 *
 * JV_ASSERT stays on in release builds: it guards against our own bugs and must never be reachable by a stranger's bytes.
 */
#include <stddef.h>
#include <stdint.h>

#define JV_MUST_USE __attribute__((warn_unused_result))
#define JV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define JV_NORETURN __attribute__((noreturn))
#define JV_INLINE                                                                                  \
    static inline                                                                                  \
        __attribute__((always_inline)) /* a part of the hot path that has more than one caller */
#define JV_COLD                                                                                    \
    __attribute__((noinline, cold)) /* keeps what is rare, and its stack, out of the hot path */
#define JV_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define JV_MIN(a, b) ((a) < (b) ? (a) : (b))
#define JV_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Print the place to standard error and abort. */
JV_NORETURN void jv_panic(const char *file, int line, const char *what);
#define JV_ASSERT(cond) ((cond) ? (void)0 : jv_panic(__FILE__, __LINE__, #cond))

#define JV_KEY_BYTES 32U  /* X25519 keys, traffic keys, pre-shared keys */
#define JV_HASH_BYTES 32U /* BLAKE2s-256 */
#define JV_MAC_BYTES 16U  /* keyed BLAKE2s, truncated */
#define JV_TAG_BYTES 16U  /* AES-GCM and Poly1305 */
#define JV_SID_BYTES 16U  /* session_id: 128 random bits */

/* session_id: chosen by the gateway, never changes (law 2). */
struct jv_sid {
    uint8_t b[JV_SID_BYTES];
};
#endif /* JV_BASE_BASE_H */
