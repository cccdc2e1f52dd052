/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_VECTORS_JSON_H
#define JV_TESTS_VECTORS_JSON_H
/*
 * json -- a writer of JSON for test vectors: one member a line, bytes as hexadecimal digits.
 *
 * Takes    keys and texts that need no escape.
 * Limits   32 levels.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *to;
    uint32_t depth;
    bool some[32]; /* this level has a member already */
};

static inline void json_key(struct json *j, const char *key)
{
    fprintf(j->to, "%s\n%*s", j->some[j->depth] ? "," : "", (int)(2 * j->depth), "");
    j->some[j->depth] = true;
    if (key != NULL) {
        fprintf(j->to, "\"%s\": ", key);
    }
}

/* `key` is NULL for the outermost value and within a list. */
static inline void json_open(struct json *j, const char *key, char bracket)
{
    if (j->depth > 0) {
        json_key(j, key);
    }
    fputc(bracket, j->to);
    j->some[++j->depth] = false;
}

static inline void json_close(struct json *j, char bracket)
{
    j->depth--;
    fprintf(j->to, "\n%*s%c", (int)(2 * j->depth), "", bracket);
    if (j->depth == 0) {
        fputc('\n', j->to);
    }
}

static inline void json_hex(struct json *j, const char *key, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    json_key(j, key);
    fputc('"', j->to);
    for (size_t i = 0; i < len; i++) {
        fprintf(j->to, "%02x", at[i]);
    }
    fputc('"', j->to);
}

static inline void json_number(struct json *j, const char *key, uint64_t value)
{
    json_key(j, key);
    fprintf(j->to, "%" PRIu64, value);
}

static inline void json_text(struct json *j, const char *key, const char *text)
{
    json_key(j, key);
    fprintf(j->to, "\"%s\"", text);
}
#endif /* JV_TESTS_VECTORS_JSON_H */
