/* SPDX-License-Identifier: Apache-2.0 */
#include "aead.h"

#include <string.h>

#include "aead_ipsecmb.h"
#include "aead_openssl.h"
#include "aead_provider.h"

#define COUNTER_END (1ULL << 48)

/* Contexts for keys that are used once: kept by the thread, so that a control datagram allocates nothing. */
static _Thread_local struct jv_aead once_seal;
static _Thread_local struct jv_aead once_open;

static const struct jv_aead_provider *chosen; /* NULL: libcrypto */
static const char *why_not = "";

bool jv_aead_has_fast_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0;
#else
    return false;
#endif
}

static const struct jv_aead_provider *provider_of_process(void)
{
    return chosen == NULL ? jv_openssl_provider() : chosen;
}

/* ipsec-mb where it is there and computes what libcrypto computes. NULL: `why_not` tells. */
static const struct jv_aead_provider *find_ipsecmb(void)
{
    const struct jv_aead_provider *found = NULL;
    why_not = jv_ipsecmb_init(&found);
    if (why_not != NULL) {
        return NULL;
    }
    why_not = jv_aead_selftest(found, jv_openssl_provider());
    if (why_not != NULL) {
        return NULL;
    }
    why_not = "";
    return found;
}

enum jv_err jv_aead_choose(enum jv_aead_choice choice)
{
    chosen = NULL;
    why_not = jv_aead_selftest(jv_openssl_provider(), NULL);
    if (why_not != NULL) {
        return JV_E_CRYPTO;
    }
    why_not = "";
    if (choice == JV_AEAD_LIBCRYPTO) {
        return JV_E_OK;
    }
    chosen = find_ipsecmb();
    return chosen != NULL || choice == JV_AEAD_AUTO ? JV_E_OK : JV_E_UNSUPPORTED;
}

struct jv_aead_facts jv_aead_facts(void)
{
    return provider_of_process()->facts;
}

const char *jv_aead_why_not(void)
{
    return why_not;
}

static enum jv_err set_by(struct jv_aead *aead, const struct jv_aead_provider *by,
                          enum jv_suite suite, const struct jv_key *key, bool sealing)
{
    if (aead->by != by) {
        jv_aead_fini(aead); /* a context is of no use to another library */
    }
    enum jv_err err = by->set(&aead->ctx, (enum jv_suite)aead->suite, suite, key, sealing);
    aead->by = by;
    if (err != JV_E_OK) {
        jv_aead_fini(aead); /* half a key schedule is of no use to anyone */
        return err;
    }
    aead->suite = (uint8_t)suite;
    aead->sealing = sealing;
    aead->set = true;
    return JV_E_OK;
}

enum jv_err jv_aead_set(struct jv_aead *aead, enum jv_suite suite, const struct jv_key *key,
                        bool sealing)
{
    if (suite != JV_SUITE_CHACHA20_POLY1305 && suite != JV_SUITE_AES_256_GCM) {
        return JV_E_UNSUPPORTED;
    }
    return set_by(aead, provider_of_process(), suite, key, sealing);
}

void jv_aead_wipe(struct jv_aead *aead)
{
    if (!aead->set) {
        return;
    }
    if (!aead->by->wipe(aead->ctx, (enum jv_suite)aead->suite, aead->sealing)) {
        jv_aead_fini(aead);
    }
    aead->set = false;
}

void jv_aead_fini(struct jv_aead *aead)
{
    if (aead->by != NULL) {
        aead->by->free(aead->ctx);
    }
    *aead = (struct jv_aead){0};
}

static uint64_t big_endian(uint64_t v)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

/* Two stores and no bytes one by one: the library's load would have to wait until all of those have reached the cache. */
static void put_nonce(struct jv_nonce *out, uint64_t counter)
{
    uint64_t first = big_endian(counter >> 32);
    uint64_t second = big_endian(counter << 32);
    JV_ASSERT(counter < COUNTER_END);
    memcpy(out->b, &first, 8);
    memcpy(out->b + 8, &second, 4);
}

static void run_chunk(struct jv_aead *aead, struct jv_aead_op *ops, size_t n)
{
    struct jv_nonce nonces[JV_AEAD_CHUNK];
    enum jv_suite suite = (enum jv_suite)aead->suite;
    for (size_t i = 0; i < n; i++) {
        put_nonce(&nonces[i], ops[i].counter);
    }
    if (aead->sealing) {
        aead->by->seal(aead->ctx, suite, ops, nonces, n);
        for (size_t i = 0; i < n; i++) {
            /* With a key set and lengths checked nothing can fail, and a packet must never leave unsealed. */
            JV_ASSERT(ops[i].ok);
        }
        return;
    }
    aead->by->open(aead->ctx, suite, ops, nonces, n);
    for (size_t i = 0; i < n; i++) {
        if (!ops[i].ok) {
            /* Libraries decrypt before they know: what a stranger's packet decrypts to is not left lying about. */
            memset(ops[i].text, 0, ops[i].len);
        }
    }
}

void jv_aead_run(struct jv_aead *aead, struct jv_aead_op *ops, size_t n)
{
    JV_ASSERT(aead->set);
    for (size_t done = 0; done < n; done += JV_AEAD_CHUNK) {
        run_chunk(aead, ops + done, n - done < JV_AEAD_CHUNK ? n - done : JV_AEAD_CHUNK);
    }
}

void jv_chacha_seal(const struct jv_key *key, const uint8_t nonce[12], const void *ad,
                    size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    enum jv_err err =
        set_by(&once_seal, jv_openssl_provider(), JV_SUITE_CHACHA20_POLY1305, key, true);
    JV_ASSERT(err == JV_E_OK);
    struct jv_bytes ad_bytes = {ad, ad_len};
    struct jv_bytes text = {in, len};
    bool sealed = jv_openssl_chacha_seal(once_seal.ctx, nonce, &ad_bytes, &text, out, out + len);
    JV_ASSERT(sealed);
    jv_aead_wipe(&once_seal);
}

enum jv_err jv_chacha_open(const struct jv_key *key, const uint8_t nonce[12], const void *ad,
                           size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    enum jv_err err =
        set_by(&once_open, jv_openssl_provider(), JV_SUITE_CHACHA20_POLY1305, key, false);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_bytes ad_bytes = {ad, ad_len};
    struct jv_bytes text = {in, len};
    bool ok = jv_openssl_chacha_open(once_open.ctx, nonce, &ad_bytes, &text, out, in + len);
    jv_aead_wipe(&once_open);
    if (!ok) {
        if (len > 0) {
            memset(out, 0, len);
        }
        return JV_E_AUTH;
    }
    return JV_E_OK;
}

void jv_aead_thread_end(void)
{
    jv_aead_fini(&once_seal);
    jv_aead_fini(&once_open);
}

void jv_aead_end(void)
{
    chosen = NULL;
    why_not = "";
}
