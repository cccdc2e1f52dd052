/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_FENCE_H
#define JV_TESTS_FENCE_H
/*
 * fence -- bytes between two pages that may not be touched: reading one byte beyond their end ends the process.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FENCE_PAGE 4096U
#define FENCE_BYTES (4U * FENCE_PAGE)

static uint8_t *fence_end; /* the first byte that may not be touched */

static inline void fence_open(void)
{
    uint8_t *pages = mmap(NULL, FENCE_BYTES + 2 * FENCE_PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages, FENCE_PAGE, PROT_NONE) != 0 ||
        mprotect(pages + FENCE_PAGE + FENCE_BYTES, FENCE_PAGE, PROT_NONE) != 0) {
        abort();
    }
    fence_end = pages + FENCE_PAGE + FENCE_BYTES;
}

/* A copy of `len` bytes that ends at the fence. */
static inline uint8_t *fence_put(const void *bytes, size_t len)
{
    uint8_t *at = fence_end - len;
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    return at;
}
#endif /* JV_TESTS_FENCE_H */
