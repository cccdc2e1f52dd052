/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that are over are nowhere any more: neither in the memory of a core nor in what the crypto library holds for it. Each key is
 * remembered masked, so that the search does not find what remembers it.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_state.h"
#include "crypto.h"
#include "pair.h"
#include "state.h"

#define MASK 0x5aU
#define KNOWN_MAX 256U
#define NEEDLE 16U /* half a key is no accident */

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static struct pair p;
static struct jv_entropy drawn_from[2]; /* of the client, of the gateway */

static struct {
    const char *name;
    uint8_t masked[NEEDLE];
} known[KNOWN_MAX];
static uint32_t known_len;

static void know(const char *name, const uint8_t *key)
{
    assert_true(known_len < KNOWN_MAX);
    known[known_len].name = name;
    for (size_t i = 0; i < NEEDLE; i++) {
        known[known_len].masked[i] = (uint8_t)(key[i] ^ MASK);
    }
    known_len++;
}

/* How many of the known keys stand in these bytes; `where` NULL: they should, so nothing is printed. */
static uint32_t find_in(const uint8_t *bytes, size_t len, const char *where)
{
    uint32_t found = 0;
    bool first[256] = {false};
    for (uint32_t k = 0; k < known_len; k++) {
        first[known[k].masked[0] ^ MASK] = true;
    }
    for (size_t at = 0; at + NEEDLE <= len; at++) {
        for (uint32_t k = 0; first[bytes[at]] && k < known_len; k++) {
            size_t same = 0;
            while (same < NEEDLE && (bytes[at + same] ^ MASK) == known[k].masked[same]) {
                same++;
            }
            found += same == NEEDLE ? 1 : 0;
            if (same == NEEDLE && where != NULL) {
                print_message("%s: %s, offset %zu of %zu\n", where, known[k].name, at, len);
            }
        }
    }
    return found;
}

static size_t core_bytes(bool client)
{
    struct jv_core_cfg cfg = (client ? p.client : p.gateway)->cfg;
    cfg.sessions_max = client ? 1 : 8; /* as it was asked for */
    return jv_core_bytes(&cfg);
}

static uint32_t find_in_cores(bool is_expected)
{
    return find_in(p.client_mem, core_bytes(true), is_expected ? NULL : "client") +
           find_in(p.gateway_mem, core_bytes(false), is_expected ? NULL : "gateway");
}

/* The writable memory of this process: heap, stack, data, and with them the contexts of the crypto library. */
static uint32_t find_in_process(bool is_expected)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    uint32_t found = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from = 0;
        uintptr_t to = 0;
        char rights[8] = "";
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, rights) == 3 &&
            rights[0] == 'r' && rights[1] == 'w') {
            found += find_in((const uint8_t *)from, to - from, is_expected ? NULL : line);
        }
    }
    (void)fclose(maps);
    return found;
}

static void fill_and_know(void *arg, uint8_t *out, size_t len)
{
    const struct jv_entropy *real = arg;
    real->fill(real->arg, out, len);
    if (len == JV_KEY_BYTES) {
        know("drawn", out);
    }
}

static void watch(struct jv_core *core, struct jv_entropy *real)
{
    *real = core->entropy;
    core->entropy = (struct jv_entropy){fill_and_know, real};
}

/* All keys of the epoch that is in use; both ends have the same. */
static void know_epoch(void)
{
    const struct jv_keys *keys = jv_core_session_at(p.client, 0)->keys;
    const struct jv_epoch *epoch = &keys->epochs[JV_EPOCH_CURRENT];
    uint8_t n[8] = {0};
    n[7] = (uint8_t)epoch->n;
    const struct jv_bytes context[] = {{keys->sid.b, JV_SID_BYTES}, {n, 8}};
    struct jv_key key;
    know("root", epoch->root.b);
    know("control", epoch->control.b);
    jv_kdf(&epoch->root, "jv1 client to gateway", context, 2, &key);
    know("client to gateway", key.b);
    jv_kdf(&epoch->root, "jv1 gateway to client", context, 2, &key);
    know("gateway to client", key.b);
    jv_kdf(&epoch->root, "jv1 resume", context, 2, &key);
    know("resume", key.b);
    jv_wipe(&key, sizeof key);
}

static void begin(bool aes, enum jv_preset preset)
{
    known_len = 0;
    pair_init(&p, &(struct pair_cfg){.seed = 41,
                                     .links = 1,
                                     .rtt_us = {20000},
                                     .preset = preset,
                                     .buffers = 512,
                                     .no_aes = !aes});
    watch(p.client, &drawn_from[0]);
    watch(p.gateway, &drawn_from[1]);
}

static void attach(bool aes)
{
    begin(aes, JV_PRESET_FAST);
    assert_true(pair_attach(&p, 500));
    assert_true(known_len >= 2); /* an ephemeral key each */
}

static void rekey(uint64_t n)
{
    p.client->client->rekey_asked = true;
    pair_run(&p, 3000);
    assert_int_equal(jv_core_session_at(p.client, 0)->keys->epochs[JV_EPOCH_CURRENT].n, n);
    assert_int_equal(jv_core_session_at(p.gateway, 0)->keys->epochs[JV_EPOCH_CURRENT].n, n);
}

/* Without this the other tests of the file could not fail. */
static void keys_in_use_are_found(void **state)
{
    attach(true);
    know_epoch();
    assert_true(find_in_cores(true) >= 4); /* root and control, twice */
    for (uint32_t i = 2; i < known_len; i++) {
        known[0] = known[i];
        if (strcmp(known[i].name, "resume") != 0) {
            uint32_t len = known_len;
            known_len =
                1; /* each alone; traffic keys stand with the library, the resume secret nowhere */
            assert_true(IS_SANITIZED || find_in_process(true) > 0);
            known_len = len;
        }
    }
    known_len = 0;
    know("own", p.client->own.private_key.b);
    know("token", p.gateway->token_key);
    know("cookie", p.gateway->cookies.secret.b);
    assert_true(find_in_cores(true) >= 3);
    pair_fini(&p);
}

static void ephemeral_keys_are_gone_after_the_birth(void **state)
{
    attach(true);
    assert_int_equal(find_in_cores(false), 0);
    pair_fini(&p);
}

static void root_of_the_epoch_before_is_gone_at_once(void **state)
{
    attach(true);
    known_len = 0;
    know("first root", jv_core_session_at(p.client, 0)->keys->epochs[JV_EPOCH_CURRENT].root.b);
    rekey(2);
    assert_int_equal(find_in_cores(false), 0); /* nor the ephemeral keys of the rekey */
    pair_fini(&p);
}

static void keys_of_the_epoch_before_are_gone_after_their_time(void **state)
{
    for (uint32_t aes = 0; aes < 2; aes++) {
        attach(aes == 1);
        know_epoch();
        rekey(2);
        pair_run(&p, JV_KEY_PREVIOUS_MS + 30000);
        assert_int_equal(find_in_cores(false), 0);
        assert_true(IS_SANITIZED || find_in_process(false) == 0);
        pair_fini(&p);
    }
}

static void keys_of_a_session_are_gone_after_its_end(void **state)
{
    for (uint32_t aes = 0; aes < 2; aes++) {
        attach(aes == 1);
        know_epoch();
        rekey(2);
        know_epoch();
        assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}),
                         JV_E_OK);
        pair_run(&p, 200);
        assert_int_equal(p.gateway->sessions.used, 0);
        assert_int_equal(find_in_cores(false), 0);
        assert_true(IS_SANITIZED || find_in_process(false) == 0);
        pair_fini(&p);
    }
}

/* The client goes away in the middle of a rekey: its own key for it must not stay behind. */
static void key_of_a_rekey_is_gone_with_the_session(void **state)
{
    attach(true);
    p.client->client->rekey_asked = true;
    for (uint32_t i = 0; i < 3000 && !p.client->client->rekey.used; i++) {
        pair_run(&p, 1);
    }
    assert_true(p.client->client->rekey.used);
    know("rekey", p.client->client->rekey.own_private.b);
    assert_int_equal(pair_command(&p, true, &(struct jv_command){.kind = JV_CMD_DOWN}), JV_E_OK);
    pair_run(&p, 100);
    assert_int_equal(find_in(p.client_mem, core_bytes(true), "client"), 0);
    pair_fini(&p);
}

static void half_open_keys_are_gone_after_their_time(void **state)
{
    begin(true, JV_PRESET_FAST);
    p.links[0].hole_down = true;
    pair_run(&p, 100);
    assert_int_equal(p.gateway->half_open.used, 1);
    const struct jv_half_open *half_open = jv_slab_at(&p.gateway->half_open, 0, NULL);
    assert_non_null(half_open);
    know("root", half_open->root.b);
    assert_true(find_in(p.gateway_mem, core_bytes(false), NULL) > 0);
    p.links[0].hole_up = true;
    pair_run(&p, JV_HALF_OPEN_MS + 100);
    assert_int_equal(p.gateway->half_open.used, 0);
    assert_int_equal(find_in(p.gateway_mem, core_bytes(false), "gateway"), 0);
    pair_fini(&p);
}

static void cookie_secret_is_gone_after_two_rotations(void **state)
{
    attach(true);
    known_len = 0;
    know("cookie secret", p.gateway->cookies.secret.b);
    pair_run(&p, 2ULL * JV_COOKIE_ROTATE_MS + 1000);
    known_len = 1;
    assert_int_equal(find_in_cores(false), 0);
    pair_fini(&p);
}

static void nothing_is_left_of_a_core_that_is_over(void **state)
{
    for (uint32_t aes = 0; aes < 2; aes++) {
        attach(aes == 1);
        know_epoch();
        rekey(2);
        know_epoch();
        know("client's private key", p.client->own.private_key.b);
        know("gateway's private key", p.gateway->own.private_key.b);
        know("pre-shared key", p.client->cfg.psk.b);
        know("token key", p.gateway->token_key);
        know("cookie secret", p.gateway->cookies.secret.b);
        know("cookie secret before", p.gateway->cookies.previous.b);
        known_len -= p.gateway->cookies.secrets < 2 ? 1 : 0;
        size_t client_bytes = core_bytes(true);
        size_t gateway_bytes = core_bytes(false);
        jv_core_fini(p.client);
        jv_core_fini(p.gateway);
        assert_int_equal(find_in(p.client_mem, client_bytes, "client"), 0);
        assert_int_equal(find_in(p.gateway_mem, gateway_bytes, "gateway"), 0);
        free(p.client_mem);
        free(p.gateway_mem);
        free(p.events);
        free(p.heap);
        free(p.heap_place);
        free(p.log_c.records);
        free(p.log_g.records);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_in_use_are_found),
        cmocka_unit_test(ephemeral_keys_are_gone_after_the_birth),
        cmocka_unit_test(root_of_the_epoch_before_is_gone_at_once),
        cmocka_unit_test(keys_of_the_epoch_before_are_gone_after_their_time),
        cmocka_unit_test(keys_of_a_session_are_gone_after_its_end),
        cmocka_unit_test(key_of_a_rekey_is_gone_with_the_session),
        cmocka_unit_test(half_open_keys_are_gone_after_their_time),
        cmocka_unit_test(cookie_secret_is_gone_after_two_rotations),
        cmocka_unit_test(nothing_is_left_of_a_core_that_is_over)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
