/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drivers do not read the source of: the crypto layer, two functions of the C library, and the assertion, which no input may
 * reach. A stub reads all that the function may read and writes all that it may write.
 */
#include <arpa/inet.h>
#include <string.h>

#include "any.h"
#include "base.h"
#include "crypto.h"

JV_NORETURN void jv_panic(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    (void)what;
    //@ assert never_panics: \false;
    for (;;) {
    }
}

uint64_t jv_siphash(const uint8_t key[16], const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t sum = any64();
    for (size_t i = 0; i < len; i++) {
        sum ^= at[i];
    }
    return sum ^ key[0] ^ key[15];
}

void jv_mac(const uint8_t *key, size_t key_len, const struct jv_bytes *parts, size_t n,
            uint8_t out[JV_MAC_BYTES])
{
    uint8_t sum = key[key_len - 1];
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = parts[i].at;
        for (size_t k = 0; k < parts[i].len; k++) {
            sum ^= at[k];
        }
    }
    any_bytes(out, JV_MAC_BYTES);
    out[0] ^= sum;
}

bool jv_equal(const void *a, const void *b, size_t len)
{
    return memcmp(a, b, len) == 0;
}

void jv_wipe(void *mem, size_t len)
{
    memset(mem, 0, len);
}

int inet_pton(int af, const char *src, void *dst)
{
    if (strlen(src) == 0 || !any_bool()) {
        return 0;
    }
    any_bytes(dst, af == AF_INET ? 4 : 16);
    return 1;
}
