/* SPDX-License-Identifier: Apache-2.0 */
/* A drawn message comes back as it was; bytes with some of them changed are refused, or are the form of what they are read as. */
#include "codecs.h"
#include "rounds.h"

static bool holds(struct jv_prng *prng)
{
    const struct codec *codec = &codecs[jv_prng_below(prng, JV_ARRAY_LEN(codecs))];
    union codec_msg msg;
    union codec_msg got;
    uint8_t bytes[CODEC_BYTES_MAX];
    uint8_t again[CODEC_BYTES_MAX];
    codec->draw(prng, &msg);
    codec->encode(&msg, bytes);
    if (!codec->decode(bytes, codec->bytes, &got) || memcmp(&msg, &got, sizeof msg) != 0) {
        return false;
    }
    for (uint64_t n = 1 + jv_prng_below(prng, 4); n > 0; n--) {
        bytes[jv_prng_below(prng, codec->bytes)] = (uint8_t)jv_prng_next(prng);
    }
    if (!codec->decode(bytes, codec->bytes, &got)) {
        return true;
    }
    codec->encode(&got, again);
    return memcmp(bytes, again, codec->bytes) == 0;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_msg_has_one_form", 100000, holds);
}
