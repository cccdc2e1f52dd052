/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every decoder of the wire against a reader that knows nothing but the offsets of docs/protocol.md: each short string, each truncation
 * of a valid body, each value of each of its bytes. The input ends at a fence, so that one byte read too far ends the test.
 */
#include "codecs.h"
#include "exh.h"
#include "fence.h"
#include "frame.h"

#define SEEDS 6U

/* ---- the naive reader ---- */

static uint64_t number(const uint8_t *b, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        v = v * 256 + b[i];
    }
    return v;
}

static bool are_zero(const uint8_t *b, size_t len)
{
    bool good = true;
    for (size_t i = 0; i < len; i++) {
        good = good && b[i] == 0;
    }
    return good;
}

static bool is_address(uint8_t family, const uint8_t *b)
{
    return family == 6 || (family == 4 && are_zero(b + 4, 12)) || (family == 0 && are_zero(b, 16));
}

static bool is_endpoint(const uint8_t *b)
{
    return b[1] == 0 && is_address(b[0], b + 4);
}

static bool is_prefix(const uint8_t *b)
{
    return is_address(b[0], b + 1) && b[17] <= (b[0] == 6 ? 128 : b[0] == 4 ? 32 : 0);
}

static bool is_report(const uint8_t *b)
{
    uint64_t highest = number(b + 8, 6);
    bool good = b[20] <= 16 && are_zero(b + 21, 3);
    for (size_t i = 0; i < 16; i++) {
        uint64_t first = number(b + 24 + 12 * i, 6);
        uint64_t last = number(b + 30 + 12 * i, 6);
        good = good && (i < b[20] ? first <= last && last < highest : first == 0 && last == 0);
    }
    return good;
}

static bool are_spares(uint8_t len, const uint8_t *b)
{
    bool good = len <= 8;
    for (size_t i = 0; i < 8; i++) {
        good = good && are_zero(b + 8 * i, 8) == (i >= len);
    }
    return good;
}

static bool is_body(const char *name, const uint8_t *b)
{
    if (strcmp(name, "birth_init") == 0) {
        return are_zero(b + 2, 6) && are_zero(b + 40, 72);
    }
    if (strcmp(name, "birth_reply") == 0) {
        return are_zero(b + 26, 6);
    }
    if (strcmp(name, "probe") == 0) {
        return are_zero(b + 16, 56);
    }
    if (strcmp(name, "probe_reply") == 0) {
        return is_endpoint(b + 32) && b[52] < 6 && b[53] < 2 && are_zero(b + 54, 10);
    }
    if (strcmp(name, "request") == 0) {
        bool are_flags = b[80] < 8 && (b[80] & 6) != 6;
        return are_flags && is_endpoint(b + 82) && are_zero(b + 104, 32) && is_report(b + 136);
    }
    if (strcmp(name, "challenge") == 0) {
        return is_endpoint(b + 64) && are_zero(b + 84, 4);
    }
    if (strcmp(name, "ack") == 0) {
        return b[32] < 6 && b[34] < 2 && is_endpoint(b + 60) && are_zero(b + 102, 18) &&
               are_spares(b[35], b + 120) && is_report(b + 184);
    }
    if (strcmp(name, "reject") == 0) {
        return are_zero(b + 26, 2);
    }
    return are_zero(b + 38, 2) && is_endpoint(b + 40) && are_zero(b + 60, 4); /* hint */
}

#define POLICY_BYTES (1U + 4U * 60U)

static bool is_policy(const uint8_t *b)
{
    return b[0] == 60;
}

/* Steps over what has a length of its own; SIZE_MAX: it is wrong or too short. */
static size_t list(const uint8_t *b, size_t len, size_t at, uint8_t most, size_t each,
                   bool (*is_one)(const uint8_t *b))
{
    if (at >= len || b[at] > most || (size_t)b[at] * each > len - at - 1) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < b[at]; i++) {
        if (!is_one(b + at + 1 + i * each)) {
            return SIZE_MAX;
        }
    }
    return at + 1 + b[at] * each;
}

static bool is_ip(const uint8_t *b)
{
    return is_address(b[0], b + 1);
}

static bool is_birth_ack(const uint8_t *b, size_t len)
{
    size_t at = 8 + POLICY_BYTES;
    if (len < at + 80 || !is_policy(b + 8) || !is_prefix(b + at) || !is_prefix(b + at + 18) ||
        !is_ip(b + at + 36) || !is_ip(b + at + 53)) {
        return false;
    }
    at = list(b, len, at + 80, 8, 18, is_prefix);
    at = list(b, len, at, 4, 17, is_ip);
    at = list(b, len, at, 8, 52, is_endpoint);
    return at < len && len - at == 65 && are_spares(b[at], b + at + 1);
}

/* A frame's body, by its type (docs/protocol.md). */
static bool is_frame_body(uint8_t type, const uint8_t *b, size_t len)
{
    switch (type) {
    case 1:
        return len == 8;
    case 2:
        return len == 253 && is_report(b) && b[228] < 6;
    case 3:
        return len == 1 + POLICY_BYTES && is_policy(b + 1);
    case 4:
        return is_birth_ack(b, len);
    case 5:
    case 6:
        return len == 64;
    case 7:
    case 12:
        return len == 0;
    case 8:
        return len == 1;
    case 9:
        return len == 22;
    case 10:
    case 11:
        return len == 4 + POLICY_BYTES && is_policy(b + 4);
    case 13:
        return len == 8;
    case 14:
        return len == 10;
    default:
        return false;
    }
}

enum sight { END, PADDING, WRONG, FRAME };

static enum sight look(const uint8_t *b, size_t len)
{
    if (len == 0) {
        return END;
    }
    if (b[0] == 0) {
        return are_zero(b, len) ? PADDING : WRONG;
    }
    if (len < 3 || number(b + 1, 2) > len - 3) {
        return WRONG;
    }
    return is_frame_body(b[0], b + 3, (size_t)number(b + 1, 2)) ? FRAME : WRONG;
}

/* ---- bodies ---- */

static void try_body(const struct codec *codec, const uint8_t *bytes, size_t len)
{
    union codec_msg msg;
    uint8_t again[CODEC_BYTES_MAX];
    bool want = len == codec->bytes && is_body(codec->name, bytes);
    bool got = codec->decode(fence_put(bytes, len), len, &msg);
    bool good = got == want;
    if (good && got) {
        codec->encode(&msg, again);
        good = memcmp(again, bytes, len) == 0;
    }
    EXH_CASE(good, "%s of %zu bytes: %s", codec->name, len, got ? "taken" : "refused");
}

static void bodies(const struct codec *codec)
{
    struct jv_prng prng = {7};
    uint8_t bytes[CODEC_BYTES_MAX + 1] = {0};
    union codec_msg msg, back;
    for (uint32_t v = 0; v < 65536; v++) {
        const uint8_t two[] = {(uint8_t)(v >> 8), (uint8_t)v};
        try_body(codec, two, 2);
        try_body(codec, two, v < 256 ? 1 : 0);
    }
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        codec->draw(&prng, &msg);
        codec->encode(&msg, bytes);
        bool is_back = codec->decode(fence_put(bytes, codec->bytes), codec->bytes, &back);
        EXH_CASE(is_back && memcmp(&msg, &back, sizeof msg) == 0, "%s: not what was written",
                 codec->name);
        for (size_t len = 0; len <= codec->bytes + 1; len++) {
            try_body(codec, bytes, len);
        }
        for (size_t at = 0; at < codec->bytes; at++) {
            uint8_t was = bytes[at];
            for (uint32_t v = 0; v < 256; v++) {
                bytes[at] = (uint8_t)v;
                try_body(codec, bytes, codec->bytes);
            }
            bytes[at] = was;
        }
    }
}

/* Reports of small numbers: each way in which two gaps and the highest counter can lie to one another. */
static void reports(const struct codec *codec, size_t at)
{
    uint8_t bytes[CODEC_BYTES_MAX] = {0};
    for (uint32_t v = 0; v < 4U * 5 * 5 * 5 * 5 * 5; v++) {
        bytes[at + 20] = (uint8_t)(v % 4);
        bytes[at + 13] = (uint8_t)(v / 4 % 5);
        bytes[at + 29] = (uint8_t)(v / 20 % 5);
        bytes[at + 35] = (uint8_t)(v / 100 % 5);
        bytes[at + 41] = (uint8_t)(v / 500 % 5);
        bytes[at + 47] = (uint8_t)(v / 2500);
        try_body(codec, bytes, codec->bytes);
    }
}

/* ---- headers ---- */

static void headers(void)
{
    for (uint32_t first = 0; first < 256; first++) {
        for (uint32_t v = 0; v < 256; v++) {
            for (size_t at = 1; at < JV_HEADER_BYTES; at++) {
                uint8_t bytes[JV_HEADER_BYTES] = {0};
                uint8_t again[JV_HEADER_BYTES];
                struct jv_header header;
                bytes[0] = (uint8_t)first;
                bytes[at] = (uint8_t)v;
                uint32_t type = first & 0x1f;
                bool has_flag = (first & 0x20) != 0;
                bool want = first >> 6 == 1 && (!has_flag || type == 4) && type >= 1 && type <= 11;
                bool got = jv_header_decode(fence_put(bytes, sizeof bytes), &header);
                jv_header_encode(&header, again);
                EXH_CASE(got == want && (!got || memcmp(again, bytes, sizeof again) == 0) &&
                             header.is_csum_partial == has_flag && header.epoch == bytes[1] &&
                             header.counter == number(bytes + 2, 6) &&
                             header.locator == number(bytes + 8, 8),
                         "header %02x, byte %zu is %02x", first, at, v);
            }
        }
    }
    exh_law("a header is taken for versions, types and flags that there are, and read to the bit");
}

/* ---- frames ---- */

static void try_frame(const uint8_t *bytes, size_t len)
{
    static struct jv_frame frame;
    static uint8_t again[4096];
    enum sight want = look(bytes, len);
    struct jv_rd rd = jv_rd_init(fence_put(bytes, len), len);
    bool got = jv_frame_decode(&rd, &frame);
    bool good = got == (want == FRAME) && rd.err == (want == WRONG);
    if (good && got) {
        struct jv_wr wr = jv_wr_init(again, sizeof again);
        jv_frame_encode(&wr, &frame);
        size_t whole = 3 + (size_t)number(bytes + 1, 2);
        good = !wr.err && sizeof again - wr.left == whole && rd.left == len - whole &&
               memcmp(again, bytes, whole) == 0;
    }
    EXH_CASE(good, "frame %02x of %zu bytes: %s, error %d", len > 0 ? bytes[0] : 0, len,
             got ? "taken" : "refused", rd.err);
}

static void short_frames(bool is_wide)
{
    uint8_t b[4] = {0};
    try_frame(b, 0);
    uint32_t end = is_wide ? 1U << 24 : 1U << 20;
    for (uint32_t v = 0; v < end; v++) {
        b[0] = (uint8_t)(v & 0xff);
        b[1] = (uint8_t)(is_wide ? v >> 16 : v >> 8 & 0xf);
        b[2] = (uint8_t)(is_wide ? v >> 8 : v >> 12);
        try_frame(b, 3);
        if (v < 65536) {
            const uint8_t two[] = {(uint8_t)(v >> 8), (uint8_t)v};
            try_frame(two, v < 256 ? 1 : 2);
            b[3] = 0xff;
            try_frame(b, 4);
        }
    }
    exh_law("each string of one or two bytes, and of three with a length below 4096, is what its "
            "bytes say");
}

static void whole_frames(uint32_t seeds)
{
    static uint8_t bytes[4096];
    static struct jv_frame frame, back;
    struct jv_prng prng = {11};
    for (uint32_t n = 0; n < seeds * JV_FRAME_LAST; n++) {
        draw_frame(&prng, (enum jv_frame_type)(1 + n % JV_FRAME_LAST), &frame);
        memset(bytes, 0, sizeof bytes);
        struct jv_wr wr = jv_wr_init(bytes, sizeof bytes);
        jv_frame_encode(&wr, &frame);
        size_t whole = sizeof bytes - wr.left;
        struct jv_rd rd = jv_rd_init(fence_put(bytes, whole), whole);
        EXH_CASE(jv_frame_decode(&rd, &back) && memcmp(&frame, &back, sizeof frame) == 0,
                 "frame %u: not what was written", frame.type);
        for (size_t len = 0; len <= whole + 1; len++) {
            struct jv_wr cut = jv_wr_init(fence_end - len, len);
            jv_frame_encode(&cut, &frame);
            EXH_CASE(cut.err == (len < whole), "frame %u written into %zu bytes", frame.type, len);
            try_frame(bytes, len);
        }
        for (size_t at = 0; at < whole; at++) {
            uint8_t was = bytes[at];
            for (uint32_t v = 0; v < 256; v++) {
                bytes[at] = (uint8_t)v;
                try_frame(bytes, whole);
            }
            bytes[at] = was;
        }
    }
    exh_law("each truncation and each value of each byte of each frame is taken or refused as the "
            "document says");
}

int main(int argc, char **argv)
{
    bool is_wide = exh_is_wide(argc, argv);
    fence_open();
    for (size_t i = 0; i < JV_ARRAY_LEN(codecs); i++) {
        bodies(&codecs[i]);
    }
    exh_law("each truncation and each value of each byte of each body is taken or refused as the "
            "document says");
    reports(&codecs[4], 136);
    reports(&codecs[6], 184);
    exh_law("a report is taken where its gaps lie below the highest counter, in each small case");
    headers();
    short_frames(is_wide);
    whole_frames(is_wide ? 8 : 2);
    return exh_end();
}
