/* SPDX-License-Identifier: Apache-2.0 */
/* What the method must report: if one of these is not seen, the other tests of this folder prove nothing. */
#include <string.h>

#include "crypto.h"
#include "poison.h"

#define LEAKY __attribute__((noinline))

static volatile uint32_t sink;

/* The call that it is all about: memcmp() in place of jv_equal(). Where a compiler sees the length it may make it harmless. */
static volatile size_t mac_len = JV_MAC_BYTES;

LEAKY static void compare_with_memcmp(const uint8_t *mac, const uint8_t *shown)
{
    sink = memcmp(mac, shown, mac_len) == 0 ? 1 : 0;
}

LEAKY static void compare_until_different(const uint8_t *mac, const uint8_t *shown)
{
    uint32_t i = 0;
    while (i < JV_MAC_BYTES && mac[i] == shown[i]) {
        i++;
    }
    sink = i;
}

LEAKY static void branch_on_a_bit(const uint8_t *key)
{
    if ((key[0] & 1) != 0) {
        sink++;
    }
}

LEAKY static void index_by_a_byte(const uint8_t *key)
{
    static uint8_t table[256];
    table[7] = 1;
    sink = ((volatile uint8_t *)table)[key[3]];
}

int main(void)
{
    struct jv_key key;
    uint8_t mac[JV_MAC_BYTES], shown[JV_MAC_BYTES] = {0};
    memset(key.b, 0x5a, sizeof key.b);
    ct_begin();
    ct_check("crypto_is_there", jv_crypto_init() == JV_E_OK);

    const struct jv_bytes part = {"message", 7};
    poison(&key, sizeof key);
    jv_mac(key.b, sizeof key.b, &part, 1, mac);
    ct_case("mac_under_a_secret_key_is_silent", 0);
    ct_check("mac_under_a_secret_key_is_a_secret", is_poisoned(mac, sizeof mac));

    sink = jv_equal(mac, shown, sizeof mac) ? 1 : 0;
    ct_case("jv_equal_is_silent", 0);
    compare_with_memcmp(mac, shown);
    ct_case("memcmp_is_reported", CT_SOME);
    compare_until_different(mac, shown);
    ct_case("early_exit_is_reported", CT_SOME);
    branch_on_a_bit(key.b);
    ct_case("branch_on_a_key_bit_is_reported", CT_SOME);
    index_by_a_byte(key.b);
    ct_case("index_by_a_key_byte_is_reported", CT_SOME);
    jv_wipe(&key, sizeof key);
    ct_check("wiped_key_is_no_secret", !is_poisoned(&key, 1));
    jv_crypto_fini();
    return ct_end();
}
