/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: which body; the rest is read as it. What a decoder accepts, the encoder writes again byte for byte. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base.h"
#include "codecs.h"

#define FRAMES_MAX 4096U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_codec(const struct codec *codec, const uint8_t *bytes, size_t len)
{
    union codec_msg msg;
    uint8_t again[CODEC_BYTES_MAX];
    if (codec->decode(bytes, len, &msg)) {
        JV_ASSERT(len == codec->bytes);
        codec->encode(&msg, again);
        JV_ASSERT(memcmp(bytes, again, len) == 0);
    }
}

static void try_frames(const uint8_t *bytes, size_t len)
{
    static uint8_t again[FRAMES_MAX];
    struct jv_rd rd = jv_rd_init(bytes, len);
    struct jv_frame frame;
    const uint8_t *at = bytes;
    while (jv_frame_decode(&rd, &frame)) {
        struct jv_wr wr = jv_wr_init(again, sizeof again);
        jv_frame_encode(&wr, &frame);
        size_t written = sizeof again - wr.left;
        JV_ASSERT(!wr.err && written == (size_t)(rd.at - at));
        JV_ASSERT(memcmp(at, again, written) == 0);
        at = rd.at;
    }
    JV_ASSERT(rd.err || rd.left == 0);
}

static void try_header(const uint8_t *bytes)
{
    struct jv_header header;
    uint8_t again[JV_HEADER_BYTES];
    if (jv_header_decode(bytes, &header)) {
        jv_header_encode(&header, again);
        JV_ASSERT(memcmp(bytes, again, sizeof again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > FRAMES_MAX) {
        return 0;
    }
    uint32_t which = data[0] % (JV_ARRAY_LEN(codecs) + 2);
    if (which < JV_ARRAY_LEN(codecs)) {
        try_codec(&codecs[which], data + 1, size - 1);
    } else if (which == JV_ARRAY_LEN(codecs)) {
        try_frames(data + 1, size - 1);
    } else if (size - 1 >= JV_HEADER_BYTES) {
        try_header(data + 1);
    }
    return 0;
}
