/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium/crypto_shorthash_siphash24.h>
#include <string.h>

#include "aead_ipsecmb.h"
#include "aead_openssl.h"
#include "aead_provider.h"

#define LABEL_MAX 32U /* longest label of jv_kdf() */

/* Everything is fetched and allocated at start: a lookup by name costs more than the hash it finds. */
static struct {
    bool ready;
    EVP_MD *blake2s, *sha256;
    EVP_MD_CTX *sha256_md; /* the audit's writer has no other */
    EVP_MAC *blake2s_mac, *hmac;
} lib;

/* What a call works in is the thread's: cores of several threads share nothing. */
static _Thread_local struct {
    bool ready;
    EVP_MD_CTX *md;
    EVP_MAC_CTX *mac16, *mac32, *hmac_ctx;
} own;

static const uint8_t zero_key[JV_KEY_BYTES];

static EVP_MAC_CTX *new_mac(EVP_MAC *mac, size_t size)
{
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};
    if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static EVP_MAC_CTX *new_hmac(EVP_MAC *mac)
{
    char digest[] = "BLAKE2S-256";
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

enum jv_err jv_crypto_thread_init(void)
{
    if (own.ready) {
        return JV_E_OK;
    }
    own.md = EVP_MD_CTX_new();
    own.mac16 = new_mac(lib.blake2s_mac, JV_MAC_BYTES);
    own.mac32 = new_mac(lib.blake2s_mac, JV_HASH_BYTES);
    own.hmac_ctx = new_hmac(lib.hmac);
    if (own.md == NULL || own.mac16 == NULL || own.mac32 == NULL || own.hmac_ctx == NULL ||
        !jv_ipsecmb_thread_init()) {
        jv_crypto_thread_fini();
        ERR_clear_error();
        return JV_E_CRYPTO;
    }
    own.ready = true;
    return JV_E_OK;
}

void jv_crypto_thread_fini(void)
{
    EVP_MAC_CTX_free(own.mac16);
    EVP_MAC_CTX_free(own.mac32);
    EVP_MAC_CTX_free(own.hmac_ctx);
    EVP_MD_CTX_free(own.md);
    memset(&own, 0, sizeof own);
    jv_aead_thread_end();
    jv_ipsecmb_thread_fini();
}

enum jv_err jv_crypto_init(void)
{
    if (lib.ready) {
        return JV_E_OK;
    }
    lib.blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
    lib.sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    lib.sha256_md = EVP_MD_CTX_new();
    lib.blake2s_mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
    lib.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (lib.blake2s == NULL || lib.sha256 == NULL || lib.sha256_md == NULL ||
        jv_crypto_thread_init() != JV_E_OK || jv_openssl_init() != JV_E_OK) {
        jv_crypto_fini();
        ERR_clear_error();
        return JV_E_CRYPTO;
    }
    lib.ready = true;
    return JV_E_OK;
}

void jv_crypto_fini(void)
{
    jv_crypto_thread_fini();
    EVP_MAC_free(lib.blake2s_mac);
    EVP_MAC_free(lib.hmac);
    EVP_MD_CTX_free(lib.sha256_md);
    EVP_MD_free(lib.blake2s);
    EVP_MD_free(lib.sha256);
    memset(&lib, 0, sizeof lib);
    jv_aead_end();
    jv_ipsecmb_fini();
    jv_openssl_fini();
}

enum jv_err jv_dh_public(const struct jv_key *private_key, struct jv_key *public_out)
{
    size_t len = JV_KEY_BYTES;
    struct jv_key result;
    EVP_PKEY *mine = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private_key->b, len);
    bool ok = mine != NULL && EVP_PKEY_get_raw_public_key(mine, result.b, &len) == 1;
    EVP_PKEY_free(mine);
    if (!ok) {
        ERR_clear_error();
        return JV_E_CRYPTO;
    }
    *public_out = result;
    return JV_E_OK;
}

enum jv_err jv_dh(const struct jv_key *private_key, const struct jv_key *peer_public,
                  struct jv_key *shared_out)
{
    size_t len = JV_KEY_BYTES;
    struct jv_key shared = {{0}};
    EVP_PKEY *mine = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private_key->b, len);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer_public->b, len);
    EVP_PKEY_CTX *ctx = mine == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
    bool ok = ctx != NULL && peer != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
              EVP_PKEY_derive(ctx, shared.b, &len) == 1 && !jv_is_zero(shared.b, sizeof shared.b);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(mine);
    if (ok) {
        *shared_out = shared;
    } else {
        ERR_clear_error();
    }
    jv_wipe(&shared, sizeof shared);
    return ok ? JV_E_OK : JV_E_CRYPTO;
}

static void digest(EVP_MD_CTX *ctx, const EVP_MD *md, const struct jv_bytes *parts, size_t n,
                   uint8_t out[32])
{
    bool ok = EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    for (size_t i = 0; i < n; i++) {
        ok = ok && EVP_DigestUpdate(ctx, parts[i].at, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    JV_ASSERT(ok);
}

void jv_hash(const struct jv_bytes *parts, size_t n, uint8_t out[JV_HASH_BYTES])
{
    digest(own.md, lib.blake2s, parts, n, out);
}

void jv_sha256(const struct jv_bytes *parts, size_t n, uint8_t out[32])
{
    digest(lib.sha256_md, lib.sha256, parts, n, out);
}

/* The parts of a MAC are `prefix` and then `parts`; `prefix` may be empty. */
static void run_mac(EVP_MAC_CTX *ctx, const struct jv_bytes *key, const struct jv_bytes *prefix,
                    const struct jv_bytes *parts, size_t n, uint8_t *out, size_t out_len)
{
    size_t written = 0;
    JV_ASSERT(key->len > 0);
    bool ok = EVP_MAC_init(ctx, key->at, key->len, NULL) == 1;
    if (prefix->len > 0) {
        ok = ok && EVP_MAC_update(ctx, prefix->at, prefix->len) == 1;
    }
    for (size_t i = 0; i < n; i++) {
        ok = ok && (parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].at, parts[i].len) == 1);
    }
    ok = ok && EVP_MAC_final(ctx, out, &written, out_len) == 1 && written == out_len;
    /* The context is kept, the key in it is not. */
    ok = ok && EVP_MAC_init(ctx, zero_key, sizeof zero_key, NULL) == 1;
    JV_ASSERT(ok);
}

void jv_hmac(const uint8_t *key, size_t key_len, const struct jv_bytes *parts, size_t n,
             uint8_t out[JV_HASH_BYTES])
{
    struct jv_bytes key_bytes = {key, key_len};
    struct jv_bytes none = {NULL, 0};
    run_mac(own.hmac_ctx, &key_bytes, &none, parts, n, out, JV_HASH_BYTES);
}

void jv_mac(const uint8_t *key, size_t key_len, const struct jv_bytes *parts, size_t n,
            uint8_t out[JV_MAC_BYTES])
{
    struct jv_bytes key_bytes = {key, key_len};
    struct jv_bytes none = {NULL, 0};
    JV_ASSERT(key_len <= JV_KEY_BYTES);
    run_mac(own.mac16, &key_bytes, &none, parts, n, out, JV_MAC_BYTES);
}

void jv_kdf(const struct jv_key *key, const char *label, const struct jv_bytes *context, size_t n,
            struct jv_key *out)
{
    size_t label_len = strlen(label);
    uint8_t prefix[1 + LABEL_MAX];
    JV_ASSERT(label_len <= LABEL_MAX);
    prefix[0] = (uint8_t)label_len;
    memcpy(prefix + 1, label, label_len);
    struct jv_bytes key_bytes = {key->b, sizeof key->b};
    struct jv_bytes prefix_bytes = {prefix, 1 + label_len};
    run_mac(own.mac32, &key_bytes, &prefix_bytes, context, n, out->b, JV_HASH_BYTES);
}

void jv_hkdf(const struct jv_key *chaining_key, const uint8_t *ikm, size_t ikm_len,
             struct jv_key *out1, struct jv_key *out2, struct jv_key *out3)
{
    struct jv_key temp, one, two, three;
    struct jv_bytes input = {ikm, ikm_len};
    jv_hmac(chaining_key->b, sizeof chaining_key->b, &input, 1, temp.b);
    struct jv_bytes first = {"\x01", 1};
    jv_hmac(temp.b, sizeof temp.b, &first, 1, one.b);
    struct jv_bytes second[] = {{one.b, sizeof one.b}, {"\x02", 1}};
    jv_hmac(temp.b, sizeof temp.b, second, JV_ARRAY_LEN(second), two.b);
    if (out3 != NULL) {
        struct jv_bytes third[] = {{two.b, sizeof two.b}, {"\x03", 1}};
        jv_hmac(temp.b, sizeof temp.b, third, JV_ARRAY_LEN(third), three.b);
        *out3 = three;
        jv_wipe(&three, sizeof three);
    }
    *out1 = one;
    *out2 = two;
    jv_wipe(&temp, sizeof temp);
    jv_wipe(&one, sizeof one);
    jv_wipe(&two, sizeof two);
}

uint64_t jv_siphash(const uint8_t key[16], const void *bytes, size_t len)
{
    uint8_t out[crypto_shorthash_siphash24_BYTES];
    /* The call always succeeds (its result exists for symmetry with others of libsodium). */
    (void)crypto_shorthash_siphash24(out, bytes, len, key);
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof out; i++) {
        v |= (uint64_t)out[i] << (8 * i);
    }
    return v;
}

bool jv_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

bool jv_is_zero(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= b[i];
    }
    return any == 0;
}

void jv_wipe(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}

/* All ones where lo <= c <= hi, else zero; the arguments are below 256, so a borrow shows in bit 31. */
static uint32_t within(uint32_t c, uint32_t lo, uint32_t hi)
{
    uint32_t outside = ((c - lo) | (hi - c)) >> 31;
    return outside - 1U;
}

/* Value of a base64 character, or bit 8 set. No table: an index by a secret would show in the cache. */
static uint32_t sextet_of(uint32_t c)
{
    uint32_t upper = within(c, 'A', 'Z');
    uint32_t lower = within(c, 'a', 'z');
    uint32_t digit = within(c, '0', '9');
    uint32_t plus = within(c, '+', '+');
    uint32_t slash = within(c, '/', '/');
    uint32_t value = (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
                     (plus & 62U) | (slash & 63U);
    return value | (~(upper | lower | digit | plus | slash) & 0x100U);
}

static char char_of(uint32_t v)
{
    uint32_t c = (within(v, 0, 25) & (v + 'A')) | (within(v, 26, 51) & (v - 26 + 'a')) |
                 (within(v, 52, 61) & (v - 52 + '0')) | (within(v, 62, 62) & '+') |
                 (within(v, 63, 63) & '/');
    return (char)c;
}

/* 32 bytes are 42 characters of six bits, one character with four bits and two zeroes, and one '='. */
enum jv_err jv_key_parse(const char *text, size_t len, struct jv_key *out)
{
    if (len != JV_KEY_TEXT_BYTES - 1 || text[len - 1] != '=') {
        return JV_E_SYNTAX;
    }
    struct jv_key key = {{0}};
    uint32_t bits = 0, held = 0, bad = 0;
    size_t at = 0;
    for (size_t i = 0; i < len - 1; i++) {
        uint32_t v = sextet_of((uint8_t)text[i]);
        bad |= v & 0x100U;
        bits = bits << 6 | (v & 63U);
        held += 6;
        if (held >= 8) {
            held -= 8;
            key.b[at++] = (uint8_t)(bits >> held);
        }
    }
    bad |= bits & 3U;
    if (bad == 0) {
        *out = key;
    }
    jv_wipe(&key, sizeof key);
    return bad == 0 ? JV_E_OK : JV_E_SYNTAX;
}

void jv_key_format(const struct jv_key *key, char out[JV_KEY_TEXT_BYTES])
{
    uint32_t bits = 0, held = 0;
    size_t at = 0;
    for (size_t i = 0; i < sizeof key->b; i++) {
        bits = bits << 8 | key->b[i];
        held += 8;
        while (held >= 6) {
            held -= 6;
            out[at++] = char_of(bits >> held & 63U);
        }
    }
    out[at++] = char_of(bits << 2 & 63U);
    out[at++] = '=';
    out[at] = '\0';
}
