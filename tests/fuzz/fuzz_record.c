/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader on any bytes; what it accepts, the writer makes again byte for byte. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "crypto.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    struct jv_record_line got;
    enum jv_err err = jv_record_read((const char *)data, size, &got);
    JV_ASSERT(got.error_at <= size);
    JV_ASSERT((err == JV_E_OK) == (got.error == NULL));
    if (err == JV_E_SYNTAX) {
        return 0;
    }
    /* A fuzzer finds no hash, so a line whose hash alone is wrong is followed as well. */
    char line[JV_RECORD_LINE_BYTES];
    char hash[JV_RECORD_HASH_TEXT];
    size_t len =
        jv_record_write(&got.rec, got.rec.at.ns, got.node, got.prev, line, sizeof line, hash);
    size_t body = size - (data[size - 1] == '\n' ? 1 : 0);
    JV_ASSERT(len == body + 1 && memcmp(line, data, body - 66) == 0);
    JV_ASSERT(err == JV_E_AUTH || memcmp(line, data, body) == 0);
    JV_ASSERT(jv_record_read(line, len, &got) == JV_E_OK);
    return 0;
}
