/* SPDX-License-Identifier: Apache-2.0 */
/* Drawn frames, one behind the other with padding behind them, come back as they were and end cleanly; changed ones have one form. */
#include "batch.h"
#include "draw.h"
#include "rounds.h"

#define FRAMES_MAX 5U
#define BYTES_MAX (FRAMES_MAX * 1500U)

static size_t put(struct jv_prng *prng, struct jv_frame *frames, uint32_t n, uint8_t *bytes)
{
    struct jv_wr wr = jv_wr_init(bytes, BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        enum jv_frame_type type = (enum jv_frame_type)(1 + jv_prng_below(prng, JV_FRAME_LAST));
        draw_frame(prng, type, &frames[i]);
        jv_frame_encode(&wr, &frames[i]);
    }
    jv_wr_zero(&wr, jv_prng_below(prng, 9));
    return wr.err ? 0 : BYTES_MAX - wr.left;
}

/* Every frame that is read is written again as the bytes it was read from. */
static bool has_one_form(const uint8_t *bytes, size_t len)
{
    static uint8_t again[JV_BUF_BYTES];
    struct jv_rd rd = jv_rd_init(bytes, len);
    struct jv_frame frame;
    for (const uint8_t *at = bytes; jv_frame_decode(&rd, &frame); at = rd.at) {
        struct jv_wr wr = jv_wr_init(again, sizeof again);
        jv_frame_encode(&wr, &frame);
        size_t written = sizeof again - wr.left;
        if (wr.err || written != (size_t)(rd.at - at) || memcmp(at, again, written) != 0) {
            return false;
        }
    }
    return rd.err || rd.left == 0;
}

static bool holds(struct jv_prng *prng)
{
    static struct jv_frame frames[FRAMES_MAX];
    static uint8_t bytes[BYTES_MAX];
    struct jv_frame got;
    uint32_t n = 1 + (uint32_t)jv_prng_below(prng, FRAMES_MAX);
    size_t len = put(prng, frames, n, bytes);
    struct jv_rd rd = jv_rd_init(bytes, len);
    for (uint32_t i = 0; i < n; i++) {
        if (!jv_frame_decode(&rd, &got) || memcmp(&got, &frames[i], sizeof got) != 0) {
            return false;
        }
    }
    if (len == 0 || jv_frame_decode(&rd, &got) || rd.err || rd.left != 0) {
        return false;
    }
    for (uint64_t k = 1 + jv_prng_below(prng, 3); k > 0; k--) {
        bytes[jv_prng_below(prng, len)] = (uint8_t)jv_prng_next(prng);
    }
    return has_one_form(bytes, len);
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_frame_has_one_form", 50000, holds);
}
