/* SPDX-License-Identifier: Apache-2.0 */
#include "content.h"

#include <string.h>

static uint64_t word(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    return z ^ z >> 31;
}

void content_fill(uint64_t seed, uint64_t at, uint8_t *out, size_t len)
{
    while (len > 0) {
        uint64_t w = word(seed, at / 8);
        size_t skip = at % 8;
        size_t n = 8 - skip < len ? 8 - skip : len;
        memcpy(out, (const uint8_t *)&w + skip, n);
        out += n;
        at += n;
        len -= n;
    }
}

bool content_is(uint64_t seed, uint64_t at, const uint8_t *bytes, size_t len)
{
    uint8_t want[4096];
    while (len > 0) {
        size_t n = len < sizeof(want) ? len : sizeof(want);
        content_fill(seed, at, want, n);
        if (memcmp(want, bytes, n) != 0) {
            return false;
        }
        bytes += n;
        at += n;
        len -= n;
    }
    return true;
}
