/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_HEX_H
#define JV_TESTS_HEX_H
/*
 * hex -- published test vectors as their documents print them.
 *
 * Gives    the bytes of a hexadecimal string; a wrong length or character fails the test that asked.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);
    assert_true(c != '\0' && at != NULL);
    return (uint8_t)(at - digits);
}

/* Fills exactly `len` bytes. */
static inline void hex_bytes(const char *text, uint8_t *out, size_t len)
{
    assert_int_equal(strlen(text), 2 * len);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
}

static inline void assert_hex(const uint8_t *bytes, const char *text, size_t len)
{
    uint8_t expected[256];
    assert_true(len <= sizeof expected);
    hex_bytes(text, expected, len);
    assert_memory_equal(bytes, expected, len);
}
#endif /* JV_TESTS_HEX_H */
