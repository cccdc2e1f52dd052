/* SPDX-License-Identifier: Apache-2.0 */
#include "aead_ipsecmb.h"

#ifdef JV_HAS_IPSECMB
#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libIPSec_MB.so.1"
#define MGR_ALIGN 64U

/* What a context points at. */
struct schedule {
    alignas(64) struct gcm_key_data gcm;
    alignas(64) struct gcm_context_data scratch;
    struct jv_key chacha;
    uint8_t tag[JV_TAG_BYTES];
};

static struct {
    void *handle;
    IMB_MGR *mgr; /* what those of further threads are copied from */
} lib;

static _Thread_local IMB_MGR *own; /* jobs are queued in it */

static struct jv_aead_provider provider;

static enum jv_err set_key(void **ctx, enum jv_suite old, enum jv_suite suite,
                           const struct jv_key *key, bool sealing)
{
    (void)old; /* the memory serves both suites and both directions */
    (void)sealing;
    struct schedule *s = *ctx;
    if (s == NULL) {
        s = aligned_alloc(alignof(struct schedule), sizeof *s);
        if (s == NULL) {
            return JV_E_CRYPTO;
        }
        *ctx = s;
    }
    jv_wipe(s, sizeof *s);
    if (suite == JV_SUITE_AES_256_GCM) {
        IMB_AES256_GCM_PRE(own, key->b, &s->gcm);
    } else {
        s->chacha = *key;
    }
    return JV_E_OK;
}

static bool wipe_key(void *ctx, enum jv_suite suite, bool sealing)
{
    (void)suite;
    (void)sealing;
    jv_wipe(ctx, sizeof(struct schedule));
    return true;
}

static void free_ctx(void *ctx)
{
    if (ctx != NULL) {
        jv_wipe(ctx, sizeof(struct schedule));
        free(ctx);
    }
}

/*
 * ChaCha20-Poly1305 as a job: init, update and finalize of the direct interface compute the Poly1305 key and the first block of
 * the text apart, and take half as long again for a small packet. The job is done when submit returns.
 */
static bool run_chacha(struct schedule *s, bool sealing, const struct jv_aead_op *op,
                       const struct jv_nonce *nonce, uint8_t *tag)
{
    IMB_JOB *job = IMB_GET_NEXT_JOB(own);
    *job = (IMB_JOB){.enc_keys = s->chacha.b,
                     .dec_keys = s->chacha.b,
                     .key_len_in_bytes = JV_KEY_BYTES,
                     .src = op->text,
                     .dst = op->text,
                     .msg_len_to_cipher_in_bytes = op->len,
                     .msg_len_to_hash_in_bytes = op->len,
                     .iv = nonce->b,
                     .iv_len_in_bytes = JV_NONCE_BYTES,
                     .auth_tag_output = tag,
                     .auth_tag_output_len_in_bytes = JV_TAG_BYTES,
                     .cipher_mode = IMB_CIPHER_CHACHA20_POLY1305,
                     .hash_alg = IMB_AUTH_CHACHA20_POLY1305,
                     .cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
                     .chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER,
                     .u.CHACHA20_POLY1305 = {.aad = op->ad, .aad_len_in_bytes = op->ad_len}};
    job = IMB_SUBMIT_JOB_NOCHECK(own);
    return job != NULL && job->status == IMB_STATUS_COMPLETED;
}

static void seal_all(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                     const struct jv_nonce *nonces, size_t n)
{
    struct schedule *s = ctx;
    for (size_t i = 0; i < n; i++) {
        struct jv_aead_op *op = &ops[i];
        if (suite == JV_SUITE_AES_256_GCM) {
            IMB_AES256_GCM_ENC(own, &s->gcm, &s->scratch, op->text, op->text, op->len, nonces[i].b,
                               op->ad, op->ad_len, op->text + op->len, JV_TAG_BYTES);
            op->ok = true;
        } else {
            op->ok = run_chacha(s, true, op, &nonces[i], op->text + op->len);
        }
    }
}

static void open_all(void *ctx, enum jv_suite suite, struct jv_aead_op *ops,
                     const struct jv_nonce *nonces, size_t n)
{
    struct schedule *s = ctx;
    for (size_t i = 0; i < n; i++) {
        struct jv_aead_op *op = &ops[i];
        bool ran = true;
        if (suite == JV_SUITE_AES_256_GCM) {
            IMB_AES256_GCM_DEC(own, &s->gcm, &s->scratch, op->text, op->text, op->len, nonces[i].b,
                               op->ad, op->ad_len, s->tag, JV_TAG_BYTES);
        } else {
            ran = run_chacha(s, false, op, &nonces[i], s->tag);
        }
        op->ok = ran && jv_equal(s->tag, op->text + op->len, JV_TAG_BYTES);
    }
}

/* dlsym() gives a pointer to data; POSIX says that it may be used as one to a function, ISO C has no cast for it. */
static bool find(const char *name, void *function_out)
{
    void *at = dlsym(lib.handle, name);
    memcpy(function_out, &at, sizeof at);
    return at != NULL;
}

/* What the library has code for, the best first: it looks at the same flags. */
static const struct arch {
    uint64_t features;
    IMB_ARCH arch;
    const char *cpu;
} archs[] = {{IMB_CPUFLAGS_AVX512_T2, IMB_ARCH_AVX512, "VAES, AVX-512"},
             {IMB_CPUFLAGS_AVX512, IMB_ARCH_AVX512, "AES-NI, AVX-512"},
             {IMB_CPUFLAGS_AVX2, IMB_ARCH_AVX2, "AES-NI, AVX2"},
             {IMB_CPUFLAGS_AVX, IMB_ARCH_AVX, "AES-NI, AVX"},
             {IMB_CPUFLAGS_SSE, IMB_ARCH_SSE, "AES-NI, SSE4.2"}};

/* NULL: the processor has no AES instructions. */
static const struct arch *arch_of(uint64_t features)
{
    for (size_t i = 0; i < JV_ARRAY_LEN(archs); i++) {
        if ((features & archs[i].features) == archs[i].features) {
            return &archs[i];
        }
    }
    return NULL;
}

static IMB_MGR *copy_manager(const IMB_MGR *of)
{
    IMB_MGR *mgr = aligned_alloc(MGR_ALIGN, (sizeof *mgr + MGR_ALIGN - 1) / MGR_ALIGN * MGR_ALIGN);
    if (mgr != NULL) {
        memcpy(mgr, of, offsetof(IMB_MGR, jobs)); /* a job is written before it is read */
        mgr->next_job = 0;
        mgr->earliest_job = -1;
    }
    return mgr;
}

/*
 * A manager with its functions set and nothing else. The init functions of the library would also reset the queues of thirty
 * algorithms and run all of them once, which takes milliseconds and brings megabytes of code into memory; the self-test of aead.c
 * takes the place of that. imb_set_pointers_mb_mgr() is there for the second process of a shared manager: it sets the functions of
 * the architecture that the manager names. The queues lie behind the manager and are used by other algorithms only: the copy that
 * is kept is a quarter of the whole.
 */
static const char *make_manager(IMB_MGR *whole)
{
    IMB_MGR *(*set_pointers)(void *, uint64_t, unsigned);
    const struct arch *arch = arch_of(whole->features);
    if (!find("imb_set_pointers_mb_mgr", &set_pointers)) {
        return LIBRARY " lacks a function";
    }
    if (arch == NULL) {
        return "this processor has no AES instructions";
    }
    whole->used_arch = (uint32_t)arch->arch;
    if (set_pointers(whole, 0, 0) == NULL || whole->gcm256_pre == NULL ||
        whole->gcm256_enc == NULL || whole->gcm256_dec == NULL || whole->get_next_job == NULL ||
        whole->submit_job_nocheck == NULL) {
        return LIBRARY " does not support this processor";
    }
    lib.mgr = copy_manager(whole);
    own = copy_manager(whole);
    if (lib.mgr == NULL || own == NULL) {
        return "out of memory";
    }
    provider.facts.cpu = arch->cpu;
    return NULL;
}

static const char *load_manager(void)
{
    IMB_MGR *(*alloc)(uint64_t);
    void (*release)(IMB_MGR *);
    if (!find("alloc_mb_mgr", &alloc) || !find("free_mb_mgr", &release)) {
        return LIBRARY " lacks a function";
    }
    IMB_MGR *whole = alloc(0);
    if (whole == NULL) {
        return "out of memory";
    }
    const char *why = make_manager(whole);
    release(whole);
    return why;
}

static const char *load(void)
{
    unsigned (*version)(void);
    const char *(*version_text)(void);
    lib.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (lib.handle == NULL) {
        return LIBRARY " is not installed, or cannot be loaded";
    }
    if (!find("imb_get_version", &version) || !find("imb_get_version_str", &version_text)) {
        return LIBRARY " lacks a function";
    }
    /* The manager is a struct of the header, and minor versions add to it. */
    if (version() >> 8 != IMB_VERSION_NUM >> 8) {
        return LIBRARY " has another version than this program was built for";
    }
    provider.facts.version = version_text();
    return load_manager();
}

const char *jv_ipsecmb_init(const struct jv_aead_provider **found)
{
    const char *why = lib.handle == NULL ? load() : NULL;
    if (why != NULL) {
        jv_ipsecmb_fini();
        return why;
    }
    *found = &provider;
    return NULL;
}

bool jv_ipsecmb_thread_init(void)
{
    if (lib.mgr != NULL && own == NULL) {
        own = copy_manager(lib.mgr);
    }
    return lib.mgr == NULL || own != NULL;
}

void jv_ipsecmb_thread_fini(void)
{
    free(own);
    own = NULL;
}

void jv_ipsecmb_fini(void)
{
    jv_ipsecmb_thread_fini();
    free(lib.mgr);
    if (lib.handle != NULL) {
        (void)dlclose(lib.handle); /* it has no say in whether it goes */
    }
    memset(&lib, 0, sizeof lib);
}

static struct jv_aead_provider provider = {.facts = {.name = "ipsec-mb"},
                                           .set = set_key,
                                           .wipe = wipe_key,
                                           .free = free_ctx,
                                           .seal = seal_all,
                                           .open = open_all};
#else
const char *jv_ipsecmb_init(const struct jv_aead_provider **found)
{
    (void)found;
    return "this program was built without ipsec-mb";
}

bool jv_ipsecmb_thread_init(void)
{
    return true;
}

void jv_ipsecmb_thread_fini(void)
{
}

void jv_ipsecmb_fini(void)
{
}
#endif
