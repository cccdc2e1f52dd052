/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a key: a text that is accepted is the one text of its key. */
#include <string.h>

#include "crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[JV_KEY_TEXT_BYTES];
    struct jv_key key, back;
    if (jv_key_parse((const char *)data, len, &key) == JV_E_OK) {
        jv_key_format(&key, text);
        JV_ASSERT(len == JV_KEY_TEXT_BYTES - 1);
        JV_ASSERT(memcmp(text, data, len) == 0);
    }
    /* The bytes as a key: its text is read back to the same key. */
    if (len >= sizeof key.b) {
        memcpy(key.b, data, sizeof key.b);
        jv_key_format(&key, text);
        JV_ASSERT(jv_key_parse(text, JV_KEY_TEXT_BYTES - 1, &back) == JV_E_OK);
        JV_ASSERT(jv_equal(key.b, back.b, sizeof key.b));
    }
    return 0;
}
