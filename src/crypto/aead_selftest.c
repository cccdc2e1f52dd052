/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "aead_provider.h"

#define TEXT_MAX 1500U
#define AD_BYTES 16U /* a header of the protocol */
#define BATCH 2U

/* RFC 8439 §2.8.2 */
static const char rfc_plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";
static const uint8_t rfc_ad[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
static const uint8_t rfc_sealed[] = {
    0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb, 0x7b, 0x86, 0xaf, 0xbc, 0x53, 0xef, 0x7e,
    0xc2, 0xa4, 0xad, 0xed, 0x51, 0x29, 0x6e, 0x08, 0xfe, 0xa9, 0xe2, 0xb5, 0xa7, 0x36, 0xee,
    0x62, 0xd6, 0x3d, 0xbe, 0xa4, 0x5e, 0x8c, 0xa9, 0x67, 0x12, 0x82, 0xfa, 0xfb, 0x69, 0xda,
    0x92, 0x72, 0x8b, 0x1a, 0x71, 0xde, 0x0a, 0x9e, 0x06, 0x0b, 0x29, 0x05, 0xd6, 0xa5, 0xb6,
    0x7e, 0xcd, 0x3b, 0x36, 0x92, 0xdd, 0xbd, 0x7f, 0x2d, 0x77, 0x8b, 0x8c, 0x98, 0x03, 0xae,
    0xe3, 0x28, 0x09, 0x1b, 0x58, 0xfa, 0xb3, 0x24, 0xe4, 0xfa, 0xd6, 0x75, 0x94, 0x55, 0x85,
    0x80, 0x8b, 0x48, 0x31, 0xd7, 0xbc, 0x3f, 0xf4, 0xde, 0xf0, 0x8e, 0x4b, 0x7a, 0x9d, 0xe5,
    0x76, 0xd2, 0x65, 0x86, 0xce, 0xc6, 0x4b, 0x61, 0x16, 0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09,
    0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91};

/* McGrew and Viega, The Galois/Counter Mode of Operation (GCM), test cases 13 and 16; of the former only the tag, and no text. */
static const uint8_t case13_sealed[] = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
                                        0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b};
static const uint8_t case16_plain[] = {
    0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26,
    0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31,
    0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49,
    0xa6, 0xb5, 0x25, 0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
static const uint8_t case16_ad[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                    0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t case16_sealed[] = {
    0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42, 0x7d,
    0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9, 0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa,
    0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d, 0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38,
    0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62, 0x76, 0xfc, 0x6e, 0xce,
    0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b};

static const struct answer {
    enum jv_suite suite;
    struct jv_key key;
    struct jv_nonce nonce;
    const void *plain;
    size_t len;
    const uint8_t *ad;
    size_t ad_len;
    const uint8_t *sealed; /* and the tag */
} answers[] = {{JV_SUITE_CHACHA20_POLY1305,
                {{0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
                  0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95,
                  0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f}},
                {{7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47}, {0}},
                rfc_plain,
                sizeof rfc_plain - 1,
                rfc_ad,
                sizeof rfc_ad,
                rfc_sealed},
               {JV_SUITE_AES_256_GCM, {{0}}, {{0}, {0}}, NULL, 0, NULL, 0, case13_sealed},
               {JV_SUITE_AES_256_GCM,
                {{0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f,
                  0x94, 0x67, 0x30, 0x83, 0x08, 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65,
                  0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08}},
                {{0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88}, {0}},
                case16_plain,
                sizeof case16_plain,
                case16_ad,
                sizeof case16_ad,
                case16_sealed}};

/* Around every width at which code for some processor changes its way, and the sizes of packets. */
static const uint16_t lengths[] = {
    0,    1,    2,    15,   16,   17,   31,   32,   33,   47,   48,   49,   63,   64,
    65,   79,   80,   95,   96,   97,   111,  112,  113,  127,  128,  129,  143,  144,
    159,  191,  192,  193,  239,  240,  241,  255,  256,  257,  271,  383,  384,  385,
    511,  512,  513,  575,  639,  767,  768,  769,  1023, 1024, 1025, 1151, 1279, 1280,
    1281, 1399, 1400, 1401, 1419, 1420, 1421, 1498, 1499, 1500};

/* The contexts of one run. */
struct bench {
    const struct jv_aead_provider *by;
    void *tx, *rx;
};

static void free_both(const struct bench *b)
{
    b->by->free(b->tx);
    b->by->free(b->rx);
}

static bool set_both(struct bench *b, enum jv_suite suite, const struct jv_key *key)
{
    return b->by->set(&b->tx, JV_SUITE_NONE, suite, key, true) == JV_E_OK &&
           b->by->set(&b->rx, JV_SUITE_NONE, suite, key, false) == JV_E_OK;
}

static const char *run_answer(const struct bench *b, const struct answer *a)
{
    uint8_t text[128 + JV_TAG_BYTES];
    struct jv_aead_op op = {text, a->len, a->ad, a->ad_len, 0, false};
    if (a->len > 0) {
        memcpy(text, a->plain, a->len);
    }
    b->by->seal(b->tx, a->suite, &op, &a->nonce, 1);
    if (!op.ok || memcmp(text, a->sealed, a->len + JV_TAG_BYTES) != 0) {
        return "it does not seal a known text to the known answer";
    }
    b->by->open(b->rx, a->suite, &op, &a->nonce, 1);
    if (!op.ok || (a->len > 0 && memcmp(text, a->plain, a->len) != 0)) {
        return "it does not open a known answer";
    }
    return NULL;
}

static const char *run_answers(const struct jv_aead_provider *by)
{
    const char *why = NULL;
    for (size_t i = 0; why == NULL && i < JV_ARRAY_LEN(answers); i++) {
        struct bench b = {.by = by};
        why = set_both(&b, answers[i].suite, &answers[i].key) ? run_answer(&b, &answers[i])
                                                              : "it takes no key";
        free_both(&b);
    }
    return why;
}

static void fill(uint8_t *out, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525U + 1013904223U;
        out[i] = (uint8_t)(seed >> 24);
    }
}

struct packets {
    struct jv_nonce nonces[BATCH];
    struct jv_aead_op ops[BATCH];
    uint8_t text[BATCH][TEXT_MAX + JV_TAG_BYTES];
};

/* One run: plain bytes that no secret and no chance has chosen, and what is compared. */
struct comparison {
    struct bench ours, theirs;
    enum jv_suite suite;
    uint8_t plain[TEXT_MAX + BATCH];
    uint8_t ad[AD_BYTES];
};

static void make_packets(const struct comparison *c, struct packets *p, size_t first)
{
    for (size_t i = 0; i < BATCH; i++) {
        size_t len = lengths[(first + i) % JV_ARRAY_LEN(lengths)];
        memcpy(p->text[i], c->plain + i, len);
        fill(p->nonces[i].b, sizeof p->nonces[i].b, (uint32_t)(first + i));
        p->ops[i] = (struct jv_aead_op){p->text[i], len, c->ad, sizeof c->ad, 0, false};
    }
}

/* Sealed as the reference seals it, opened again; and not opened where one bit of the tag is another. */
static const char *compare(const struct comparison *c, size_t first)
{
    const struct bench *b = &c->ours, *r = &c->theirs;
    struct packets ours, theirs;
    make_packets(c, &ours, first);
    make_packets(c, &theirs, first);
    b->by->seal(b->tx, c->suite, ours.ops, ours.nonces, BATCH);
    r->by->seal(r->tx, c->suite, theirs.ops, theirs.nonces, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        size_t len = ours.ops[i].len;
        if (!ours.ops[i].ok || memcmp(ours.text[i], theirs.text[i], len + JV_TAG_BYTES) != 0) {
            return "it does not seal a packet as libcrypto does";
        }
        theirs.text[i][len + (first + i) % JV_TAG_BYTES] ^= (uint8_t)(1U << first / BATCH % 8U);
    }
    b->by->open(b->rx, c->suite, ours.ops, ours.nonces, BATCH);
    b->by->open(b->rx, c->suite, theirs.ops, theirs.nonces, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        if (!ours.ops[i].ok || memcmp(ours.text[i], c->plain + i, ours.ops[i].len) != 0) {
            return "it does not open what it has sealed";
        }
        if (theirs.ops[i].ok) {
            return "it opens a packet with a false tag";
        }
    }
    return NULL;
}

static const char *compare_suite(const struct jv_aead_provider *by,
                                 const struct jv_aead_provider *reference, enum jv_suite suite)
{
    struct comparison c = {.ours = {.by = by}, .theirs = {.by = reference}, .suite = suite};
    struct jv_key key;
    const char *why = NULL;
    fill(key.b, sizeof key.b, 1);
    fill(c.plain, sizeof c.plain, 2);
    fill(c.ad, sizeof c.ad, 3);
    if (!set_both(&c.ours, suite, &key) || !set_both(&c.theirs, suite, &key)) {
        why = "it takes no key";
    }
    for (size_t first = 0; why == NULL && first < JV_ARRAY_LEN(lengths); first += BATCH) {
        why = compare(&c, first);
    }
    free_both(&c.ours);
    free_both(&c.theirs);
    return why;
}

const char *jv_aead_selftest(const struct jv_aead_provider *provider,
                             const struct jv_aead_provider *reference)
{
    const char *why = run_answers(provider);
    if (why == NULL && reference != NULL) {
        why = compare_suite(provider, reference, JV_SUITE_AES_256_GCM);
    }
    if (why == NULL && reference != NULL) {
        why = compare_suite(provider, reference, JV_SUITE_CHACHA20_POLY1305);
    }
    return why;
}
