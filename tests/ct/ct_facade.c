/* SPDX-License-Identifier: Apache-2.0 */
/* The facade of crypto and the two places that make MACs of their own, each alone: comparisons that hold, fail early and fail late. */
#include <string.h>

#include "aead.h"
#include "crypto.h"
#include "guard.h"
#include "poison.h"
#include "token.h"

static struct jv_key secret_of(uint8_t fill)
{
    struct jv_key key;
    memset(key.b, fill, sizeof key.b);
    poison(&key, sizeof key);
    return key;
}

static void comparisons(void)
{
    uint8_t a[JV_KEY_BYTES], b[JV_KEY_BYTES];
    memset(a, 0x11, sizeof a);
    memset(b, 0x11, sizeof b);
    poison(a, sizeof a);
    ct_check("equal_bytes_are_equal", jv_equal(a, b, sizeof a));
    b[0] ^= 1;
    ct_check("first_byte_differs", !jv_equal(a, b, sizeof a));
    b[0] ^= 1;
    b[JV_KEY_BYTES - 1] ^= 0x80;
    ct_check("last_byte_differs", !jv_equal(a, b, sizeof a));
    ct_case("jv_equal", 0);

    memset(a, 0, sizeof a);
    poison(a, sizeof a);
    ct_check("zero_is_zero", jv_is_zero(a, sizeof a));
    a[JV_KEY_BYTES - 1] = 1;
    poison(a, sizeof a);
    ct_check("last_byte_is_not_zero", !jv_is_zero(a, sizeof a));
    ct_case("jv_is_zero", 0);
}

static void derivations(void)
{
    struct jv_key key = secret_of(0x21), peer = secret_of(0x22), out, one, two, three;
    uint8_t mac[JV_HASH_BYTES];
    const struct jv_bytes part = {"context", 7};
    jv_mac(key.b, sizeof key.b, &part, 1, mac);
    jv_hmac(key.b, sizeof key.b, &part, 1, mac);
    ct_case("macs", 0);
    jv_kdf(&key, "jv1 root", &part, 1, &out);
    jv_hkdf(&key, peer.b, sizeof peer.b, &one, &two, &three);
    ct_case("key_derivation", 0);
    ct_check("what_is_derived_is_secret", is_poisoned(&out, sizeof out) &&
                                              is_poisoned(&one, sizeof one) &&
                                              is_poisoned(&three, sizeof three));
    struct jv_key peer_public;
    ct_check("public_key", jv_dh_public(&peer, &peer_public) == JV_E_OK);
    ct_check("shared_secret", jv_dh(&key, &peer_public, &out) == JV_E_OK);
    ct_case("x25519", 0);
    ct_check("shared_secret_is_secret", is_poisoned(&out, sizeof out));
    jv_wipe(&out, sizeof out);
    ct_check("wiped_is_no_secret", !is_poisoned(&out, 1));
}

static void key_text(void)
{
    struct jv_key key = secret_of(0xa7), read;
    char text[JV_KEY_TEXT_BYTES];
    jv_key_format(&key, text);
    ct_case("key_as_text", 0);
    ct_check("text_is_secret", is_poisoned(text, 43));
    enum jv_err err = jv_key_parse(text, sizeof text - 1, &read);
    declassify(&err, sizeof err, SAFE_VERDICT);
    /* One branch: whether the text as a whole was a key. A table or an early exit would make one for each character. */
    ct_case("key_from_text", 1);
    declassify(text, sizeof text, SAFE_TEXT);
    ct_check("key_was_read", err == JV_E_OK && jv_equal(&key, &read, sizeof key));
}

/* Seals, opens, and fails on a tag that is wrong in its first and in its last byte. */
static void packets(enum jv_suite suite, const char *name, const char *bad_name)
{
    struct jv_key key = secret_of(0x31);
    struct jv_aead tx = {0}, rx = {0};
    uint8_t ad[16] = {1}, packet[100 + JV_TAG_BYTES] = {0x45}, copy[sizeof packet];
    struct jv_aead_op op = {packet, 100, ad, sizeof ad, 7, false};
    ct_check("sealing_key", jv_aead_set(&tx, suite, &key, true) == JV_E_OK);
    ct_check("opening_key", jv_aead_set(&rx, suite, &key, false) == JV_E_OK);
    poison(packet, 100);
    jv_aead_run(&tx, &op, 1);
    memcpy(copy, packet, sizeof copy);
    jv_aead_run(&rx, &op, 1);
    ct_check("opened", op.ok && packet[0] == 0x45);
    ct_case(name, 0);
    for (size_t i = 100; i < sizeof copy; i += JV_TAG_BYTES - 1) {
        memcpy(packet, copy, sizeof packet);
        packet[i] ^= 1;
        jv_aead_run(&rx, &op, 1);
        ct_check("wrong_tag_fails", !op.ok && jv_is_zero(packet, 100));
    }
    ct_case(bad_name, 0);
    jv_aead_wipe(&tx);
    jv_aead_fini(&tx);
    jv_aead_fini(&rx);
    ct_case("aead_wiped", 0);
}

static void tokens(void)
{
    struct jv_key key = secret_of(0x41);
    struct jv_token_claim claim = {.protocol = JV_PROTO_UDP};
    uint8_t token[JV_TOKEN_BYTES];
    uint64_t age_ms = 0;
    memset(claim.sid.b, 0x51, sizeof claim.sid.b);
    jv_token_make(key.b, &claim, 1000, token);
    ct_check("token_is_secret", is_poisoned(token + 8, JV_MAC_BYTES));
    ct_check("token_holds", jv_token_check(key.b, &claim, 1500, token, &age_ms) && age_ms == 500);
    token[8] ^= 1;
    ct_check("token_fails_early", !jv_token_check(key.b, &claim, 1500, token, &age_ms));
    token[8] ^= 1;
    token[JV_TOKEN_BYTES - 1] ^= 1;
    ct_check("token_fails_late", !jv_token_check(key.b, &claim, 1500, token, &age_ms));
    ct_case("path_token", 0);
}

static void cookies(void)
{
    struct jv_key first = secret_of(0x61), second = secret_of(0x62);
    struct jv_cookies jar;
    struct jv_endpoint remote = {.ip = {{192, 0, 2, 7}, JV_AF_4, {0}}, .port = 4433};
    uint8_t before[JV_COOKIE_BYTES], after[JV_COOKIE_BYTES], previous[JV_COOKIE_BYTES];
    jv_cookies_init(&jar);
    jv_cookies_rotate(&jar, (struct jv_instant){JV_NS_PER_S}, &first);
    jv_cookies_make(&jar, &remote, before);
    jv_cookies_rotate(&jar, jv_cookies_deadline(&jar), &second);
    jv_cookies_make(&jar, &remote, after);
    ct_check("cookie_under_the_secret_before", jv_cookies_make_previous(&jar, &remote, previous) &&
                                                   jv_equal(before, previous, sizeof before) &&
                                                   !jv_equal(after, previous, sizeof after));
    ct_check("cookie_is_secret", is_poisoned(after, sizeof after));
    jv_cookies_wipe(&jar);
    ct_case("cookies", 0);
}

int main(void)
{
    ct_begin();
    ct_check("crypto_is_there", jv_crypto_init() == JV_E_OK);
    comparisons();
    derivations();
    key_text();
    packets(JV_SUITE_CHACHA20_POLY1305, "chacha20_poly1305", "chacha20_poly1305_wrong_tags");
    packets(JV_SUITE_AES_256_GCM, "aes_256_gcm", "aes_256_gcm_wrong_tags");
    tokens();
    cookies();
    jv_crypto_fini();
    return ct_end();
}
