/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "prng.h"
#include "units.h"

#define ROUNDS 20000U

/* What a formatter writes, its parser reads again to the same value. */
static bool roundtrips(struct jv_prng *prng)
{
    char text[JV_UNITS_TEXT_BYTES];
    uint64_t value = jv_prng_next(prng) >> (32 + jv_prng_below(prng, 32));
    uint64_t back = ~value;
    jv_units_format_ms(value, text);
    if (!jv_units_parse_ms((struct jv_text){text, strlen(text)}, &back) || back != value) {
        return false;
    }
    jv_units_format_ratio(value, text);
    if (!jv_units_parse_ratio((struct jv_text){text, strlen(text)}, &back) || back != value) {
        return false;
    }
    jv_units_format_percent(value, text);
    return jv_units_parse_percent((struct jv_text){text, strlen(text)}, &back) && back == value;
}

int main(void)
{
    struct jv_prng prng = {20261121};
    uint32_t failures = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        failures += roundtrips(&prng) ? 0 : 1;
    }
    (void)printf("1..1\n%s 1 - prop_units_roundtrip\n", failures == 0 ? "ok" : "not ok");
    return failures == 0 ? 0 : 1;
}
