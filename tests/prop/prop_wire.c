/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rounds.h"
#include "wire.h"

#define ROOM 64U

struct field {
    uint64_t kind; /* 0..4: widths; 5: raw bytes; 6: zeroes */
    uint64_t value;
    size_t len;
};

static const size_t widths[] = {1, 2, 4, 6, 8};

static struct field draw(struct jv_prng *prng)
{
    struct field f = {.kind = jv_prng_below(prng, 7), .value = jv_prng_next(prng)};
    f.len = f.kind < 5 ? widths[f.kind] : (size_t)jv_prng_below(prng, 9);
    return f;
}

static void put(struct jv_wr *wr, const struct field *f)
{
    uint8_t raw[8];
    memset(raw, (int)(f->value & 0xff), sizeof raw);
    switch (f->kind) {
    case 0:
        jv_wr_u8(wr, (uint8_t)f->value);
        break;
    case 1:
        jv_wr_u16(wr, (uint16_t)f->value);
        break;
    case 2:
        jv_wr_u32(wr, (uint32_t)f->value);
        break;
    case 3:
        jv_wr_u48(wr, f->value);
        break;
    case 4:
        jv_wr_u64(wr, f->value);
        break;
    case 5:
        jv_wr_bytes(wr, raw, f->len);
        break;
    default:
        jv_wr_zero(wr, f->len);
        break;
    }
}

/* Does the cursor give the field back, or zeroes where `cut` took its bytes away? */
static bool get(struct jv_rd *rd, const struct field *f, bool cut)
{
    uint8_t raw[8] = {0}, expected[8] = {0};
    uint64_t mask = f->len >= 8 ? UINT64_MAX : (1ULL << 8 * f->len) - 1;
    uint64_t value = cut ? 0 : f->value & mask;
    switch (f->kind) {
    case 0:
        return jv_rd_u8(rd) == value;
    case 1:
        return jv_rd_u16(rd) == value;
    case 2:
        return jv_rd_u32(rd) == value;
    case 3:
        return jv_rd_u48(rd) == value;
    case 4:
        return jv_rd_u64(rd) == value;
    case 5:
        memset(expected, cut ? 0 : (int)(f->value & 0xff), f->len);
        jv_rd_bytes(rd, raw, f->len);
        return memcmp(raw, expected, f->len) == 0;
    default:
        jv_rd_zero(rd, f->len);
        return true;
    }
}

/* What fits is written and read back; the first field that does not fit ends both for good. */
static bool roundtrips(struct jv_prng *prng)
{
    struct field fields[20];
    uint8_t bytes[ROOM + 1];
    size_t cap = (size_t)jv_prng_below(prng, ROOM + 1), used = 0;
    bool full = false;
    struct jv_wr wr = jv_wr_init(bytes, cap);
    bytes[cap] = 0xa5;
    for (size_t i = 0; i < 20; i++) {
        fields[i] = draw(prng);
        put(&wr, &fields[i]);
        full = full || used + fields[i].len > cap;
        used += full ? 0 : fields[i].len;
        if (wr.err != full || wr.left != cap - used) {
            return false;
        }
    }
    if (bytes[cap] != 0xa5) {
        return false;
    }
    /* Reading at most what was written, and sometimes less. */
    size_t len = (size_t)jv_prng_below(prng, used + 1), at = 0;
    bool cut = false;
    struct jv_rd rd = jv_rd_init(bytes, len);
    for (size_t i = 0; i < 20; i++) {
        cut = cut || at + fields[i].len > len;
        at += cut ? 0 : fields[i].len;
        if (!get(&rd, &fields[i], cut) || rd.err != cut || rd.left != len - at) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_wire_roundtrip", 20000, roundtrips);
}
