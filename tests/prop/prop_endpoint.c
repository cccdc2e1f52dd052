/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "endpoint.h"
#include "rounds.h"

static struct jv_ip draw_ip(struct jv_prng *prng)
{
    struct jv_ip ip = {0};
    bool is_v4 = jv_prng_below(prng, 2) == 0;
    ip.family = is_v4 ? JV_AF_4 : JV_AF_6;
    bool sparse = jv_prng_below(prng, 2) == 0; /* runs of zeroes are what the short form is about */
    for (size_t i = 0; i < (is_v4 ? 4U : 16U); i++) {
        ip.b[i] = sparse && jv_prng_below(prng, 3) != 0 ? 0 : (uint8_t)jv_prng_next(prng);
    }
    if (!is_v4 && jv_prng_below(prng, 4) == 0) {
        ip.b[0] = 0xfe;
        ip.b[1] = 0x80;
    }
    return ip;
}

static bool bit_of(const struct jv_ip *ip, uint32_t at)
{
    return (ip->b[at / 8] >> (7 - at % 8) & 1) != 0;
}

static bool endpoint_roundtrips(struct jv_prng *prng)
{
    char text[JV_ADDR_TEXT_BYTES];
    struct jv_endpoint ep = {.ip = draw_ip(prng)}, back;
    ep.port = (uint16_t)(1 + jv_prng_below(prng, 65535));
    bool is_link_local = ep.ip.family == JV_AF_6 && ep.ip.b[0] == 0xfe && ep.ip.b[1] == 0x80;
    ep.scope = is_link_local ? 1 + (uint32_t)jv_prng_below(prng, UINT32_MAX) : 0;
    size_t len = jv_endpoint_format(&ep, text, sizeof text);
    return len == strlen(text) && jv_endpoint_parse(text, 0, &back) == JV_E_OK &&
           memcmp(&ep, &back, sizeof ep) == 0;
}

/* A prefix has exactly the addresses that agree with it bit by bit; parsing masks nothing else. */
static bool prefix_has_what_agrees(struct jv_prng *prng)
{
    char text[JV_ADDR_TEXT_BYTES];
    struct jv_ip ip = draw_ip(prng), near = ip;
    uint32_t width = ip.family == JV_AF_4 ? 32 : 128;
    struct jv_prefix raw = {ip, (uint32_t)jv_prng_below(prng, width + 1)}, masked, kept;
    (void)jv_prefix_format(&raw, text, sizeof text);
    if (jv_prefix_parse(text, false, &masked) != JV_E_OK ||
        jv_prefix_parse(text, true, &kept) != JV_E_OK || memcmp(&kept, &raw, sizeof raw) != 0 ||
        masked.bits != raw.bits) {
        return false;
    }
    for (uint32_t i = 0; i < width; i++) {
        if (bit_of(&masked.ip, i) != (i < raw.bits && bit_of(&ip, i))) {
            return false;
        }
    }
    uint32_t flipped = (uint32_t)jv_prng_below(prng, width);
    near.b[flipped / 8] ^= (uint8_t)(0x80U >> flipped % 8);
    return jv_prefix_has(&masked, &ip) && jv_prefix_has(&raw, &near) == (flipped >= raw.bits);
}

/* Random text over the alphabet of addresses: whatever is accepted formats to a text that means the same. */
static bool accepted_text_is_stable(struct jv_prng *prng)
{
    static const char alphabet[] = "0123456789abcdef:.%[]/";
    char text[24], again[JV_ADDR_TEXT_BYTES];
    struct jv_endpoint ep, back;
    size_t len = (size_t)jv_prng_below(prng, sizeof text);
    for (size_t i = 0; i < len; i++) {
        text[i] = alphabet[jv_prng_below(prng, sizeof alphabet - 1)];
    }
    text[len] = '\0';
    if (jv_endpoint_parse(text, 7, &ep) != JV_E_OK) {
        return true;
    }
    (void)jv_endpoint_format(&ep, again, sizeof again);
    return jv_endpoint_parse(again, 0, &back) == JV_E_OK && jv_endpoint_is_equal(&ep, &back);
}

static bool holds(struct jv_prng *prng)
{
    return endpoint_roundtrips(prng) && prefix_has_what_agrees(prng) &&
           accepted_text_is_stable(prng);
}

int main(int argc, char **argv)
{
    return rounds_run(argc, argv, "prop_endpoint_roundtrip", 50000, holds);
}
