/* SPDX-License-Identifier: Apache-2.0 */
#include "poison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "aead.h"
#include "core.h"
#include "crypto.h"
#include "guard.h"

static uint64_t counts[SAFE_END];
static uint32_t cases, failures;
static unsigned errors_before;

void poison(const void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, len);
}

void declassify(const void *bytes, size_t len, enum declassified reason)
{
    counts[reason]++;
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

bool is_poisoned(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < len; i++) {
        uint8_t shadow = 0;
        unsigned got = VALGRIND_GET_VBITS(b + i, &shadow, 1);
        (void)VALGRIND_MAKE_MEM_DEFINED(&shadow, 1);
        if (got != 1 || shadow == 0) {
            return false;
        }
    }
    return true;
}

uint64_t declassified(enum declassified reason)
{
    return counts[reason];
}

void ct_begin(void)
{
    if (RUNNING_ON_VALGRIND == 0) {
        fprintf(stderr, "this test says nothing without valgrind: tests/ct/run BUILD\n");
        exit(2);
    }
    errors_before = VALGRIND_COUNT_ERRORS;
}

void ct_check(const char *name, bool holds)
{
    failures += holds ? 0 : 1;
    printf("%s %u - %s\n", holds ? "ok" : "not ok", ++cases, name);
    fflush(stdout);
}

void ct_case(const char *name, uint32_t errors)
{
    unsigned now = VALGRIND_COUNT_ERRORS;
    unsigned found = now - errors_before;
    bool holds = errors == CT_SOME ? found > 0 : found == errors;
    if (!holds) {
        printf("# %u uses of a secret by a branch or an index, expected %s\n", found,
               errors == CT_SOME ? "some" : "none");
    }
    ct_check(name, holds);
    errors_before = now;
}

int ct_end(void)
{
    static const char *const names[] = {"sealed text", "public keys", "verdicts",
                                        "a key that is set or not", "opened text"};
    for (uint32_t i = 0; i < SAFE_END; i++) {
        printf("# declassified, %s: %llu\n", names[i], (unsigned long long)counts[i]);
    }
    printf("1..%u\n", cases);
    return failures == 0 ? 0 : 1;
}

/* ---- in front of the facade: the linker leads every call from another file here ---- */

#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

WRAP(bool, jv_equal, const void *a, const void *b, size_t len)
{
    bool verdict = __real_jv_equal(a, b, len);
    declassify(&verdict, sizeof verdict, SAFE_VERDICT);
    return verdict;
}

WRAP(bool, jv_is_zero, const void *bytes, size_t len)
{
    bool verdict = __real_jv_is_zero(bytes, len);
    declassify(&verdict, sizeof verdict, SAFE_SET);
    return verdict;
}

WRAP(enum jv_err, jv_dh_public, const struct jv_key *private_key, struct jv_key *public_out)
{
    enum jv_err err = __real_jv_dh_public(private_key, public_out);
    if (err == JV_E_OK) {
        declassify(public_out, sizeof *public_out, SAFE_PUBLIC);
    }
    return err;
}

WRAP(void, jv_chacha_seal, const struct jv_key *key, const uint8_t nonce[12], const void *ad,
     size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    __real_jv_chacha_seal(key, nonce, ad, ad_len, in, len, out);
    declassify(out, len + JV_TAG_BYTES, SAFE_SEALED);
}

/* A cookie is a key of its own: it stays a secret where it is opened. Nothing else has its length. */
WRAP(enum jv_err, jv_chacha_open, const struct jv_key *key, const uint8_t nonce[12], const void *ad,
     size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
    enum jv_err err = __real_jv_chacha_open(key, nonce, ad, ad_len, in, len, out);
    if (err == JV_E_OK && len != JV_COOKIE_BYTES) {
        declassify(out, len, SAFE_TEXT);
    } else if (err == JV_E_OK) {
        poison(out, len);
    }
    return err;
}

WRAP(void, jv_aead_run, struct jv_aead *aead, struct jv_aead_op *ops, size_t n)
{
    __real_jv_aead_run(aead, ops, n);
    for (size_t i = 0; i < n; i++) {
        if (aead->sealing) {
            declassify(ops[i].text, ops[i].len + JV_TAG_BYTES, SAFE_SEALED);
        } else if (ops[i].ok) {
            declassify(ops[i].text, ops[i].len, SAFE_TEXT);
        }
    }
}

/* ---- in front of the core: what comes in as a key, or becomes one, is secret from here on ---- */

#define USERS_MAX 4U
static struct jv_entropy entropies[2];
static uint32_t entropies_len;

/* All that is drawn 32 bytes at a time is a private key or the key of a MAC; what is shorter goes out in clear. */
static void fill_secret(void *arg, uint8_t *out, size_t len)
{
    const struct jv_entropy *real = arg;
    real->fill(real->arg, out, len);
    if (len == JV_KEY_BYTES) {
        poison(out, len);
    }
}

WRAP(enum jv_err, jv_core_init, void *mem, const struct jv_core_cfg *cfg, struct jv_entropy entropy,
     struct jv_instant now, struct jv_core **core_out)
{
    static struct jv_user users[USERS_MAX];
    struct jv_core_cfg secret = *cfg;
    if (cfg->users_len > USERS_MAX) {
        abort();
    }
    poison(&secret.private_key, sizeof secret.private_key);
    poison(&secret.psk, sizeof secret.psk);
    poison(&secret.psk_previous, sizeof secret.psk_previous);
    for (uint32_t i = 0; i < cfg->users_len; i++) {
        users[i] = cfg->users[i];
        poison(&users[i].psk, sizeof users[i].psk);
        poison(&users[i].psk_previous, sizeof users[i].psk_previous);
    }
    secret.users = cfg->users_len > 0 ? users : cfg->users;
    struct jv_entropy *kept = &entropies[entropies_len++ % JV_ARRAY_LEN(entropies)];
    *kept = entropy;
    return __real_jv_core_init(mem, &secret, (struct jv_entropy){fill_secret, kept}, now, core_out);
}
