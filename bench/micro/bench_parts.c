/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_parts -- what single parts of a packet's path cost: seal and open, replay window, lookups, split and merge.
 *
 *     bench_parts [--json] [--rounds N] [PART...]        parts: seal open replay locator route split merge
 *
 * Prints TSC ticks per packet, the least of some runs. Each part is a function of its own (part_replay, ...), so that callgrind can
 * count what is between its entry and its exit; --rounds fixes the work, and with --once it is done one time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "aead.h"
#include "map.h"
#include "merge.h"
#include "replay.h"
#include "split.h"
#include "ticks.h"

#define RUNS 7U
#define SESSIONS 256U
#define SEG_BYTES 1380U
#define IP_HEADER 20U
#define HEADERS 40U

static uint32_t rounds = 1000;

/* ---- seal and open ---- */

static struct jv_aead sealing, opening;
static uint8_t text[JV_BATCH_MAX][JV_BUF_BYTES];
static uint64_t counter;

static void set_keys(enum jv_suite suite)
{
    struct jv_key key;
    memset(key.b, 7, sizeof key.b);
    if (jv_aead_set(&sealing, suite, &key, true) != JV_E_OK ||
        jv_aead_set(&opening, suite, &key, false) != JV_E_OK) {
        (void)fprintf(stderr, "bench_parts: no such suite\n");
        exit(1);
    }
}

static void fill_ops(struct jv_aead_op ops[JV_BATCH_MAX], size_t bytes, uint64_t first)
{
    for (uint32_t i = 0; i < JV_BATCH_MAX; i++) {
        ops[i] = (struct jv_aead_op){text[i] + 16, bytes, text[i], 16, first + i, false};
    }
}

static uint64_t run_aead(bool seals, size_t bytes)
{
    struct jv_aead_op ops[JV_BATCH_MAX];
    uint64_t ticks = 0;
    for (uint32_t r = 0; r < rounds; r += JV_BATCH_MAX) {
        fill_ops(ops, bytes, counter);
        uint64_t t = ticks_now();
        jv_aead_run(&sealing, ops, JV_BATCH_MAX);
        ticks += seals ? ticks_now() - t : 0;
        fill_ops(ops, bytes, counter);
        t = ticks_now();
        jv_aead_run(&opening, ops, JV_BATCH_MAX);
        ticks += seals ? 0 : ticks_now() - t;
        counter += JV_BATCH_MAX;
    }
    return ticks;
}

/* ---- window and lookups ---- */

static struct jv_replay window;
static struct jv_map map;
static struct jv_map_entry map_entries[4 * SESSIONS];
static struct jv_routes routes;
static uint64_t routes_mem[32768];
static uint64_t sink; /* what nobody reads would not be computed */

static uint64_t locator_of(uint32_t i)
{
    return (uint64_t)i * 0x9e3779b97f4a7c15ULL;
}

static struct jv_ip address_of(uint32_t i)
{
    return (struct jv_ip){{10, 80, (uint8_t)(i >> 8), (uint8_t)i}, JV_AF_4, {0}};
}

__attribute__((noinline)) static void part_replay(void)
{
    for (uint32_t r = 0; r < rounds; r++) {
        sink += jv_replay_check(&window, counter);
        jv_replay_mark(&window, counter++);
    }
}

__attribute__((noinline)) static void part_locator(void)
{
    for (uint32_t r = 0; r < rounds; r++) {
        uint64_t value = 0;
        uint64_t cursor = 0;
        sink += jv_map_find(&map, locator_of(r % SESSIONS), &cursor, &value) ? value : 0;
    }
}

__attribute__((noinline)) static void part_route(void)
{
    for (uint32_t r = 0; r < rounds; r++) {
        const struct jv_ip ip = address_of(r % SESSIONS);
        uint32_t session = 0;
        sink += jv_routes_find(&routes, &ip, &session) ? session : 0;
    }
}

static void fill_tables(void)
{
    static const uint8_t key[16] = {1};
    jv_map_init(&map, map_entries, SESSIONS);
    jv_routes_init(&routes, routes_mem, SESSIONS, key);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        const struct jv_prefix prefix = {address_of(i), 32};
        if (jv_map_add(&map, locator_of(i), i) != JV_E_OK ||
            jv_routes_add(&routes, &prefix, i) != JV_E_OK) {
            abort(); /* the tables are sized for them */
        }
    }
}

/* ---- split and merge ---- */

static uint8_t whole[JV_GSO_BYTES_MAX];
static struct jv_slot slots[JV_BATCH_MAX];
static struct jv_gso gso = {.kind = JV_GSO_TCP4,
                            .is_csum_partial = true,
                            .csum_start = IP_HEADER,
                            .csum_offset = 16,
                            .hdr_bytes = HEADERS,
                            .seg_bytes = SEG_BYTES};
static const uint32_t segs = (JV_GSO_BYTES_MAX - HEADERS) / SEG_BYTES;

static size_t make_whole(void)
{
    size_t len = HEADERS + (size_t)segs * SEG_BYTES;
    whole[0] = 0x45;
    whole[2] = (uint8_t)(len >> 8);
    whole[3] = (uint8_t)len;
    whole[6] = 0x40; /* DF */
    whole[8] = 64;
    whole[9] = 6;
    whole[12] = whole[16] = 10;
    whole[IP_HEADER + 12] = 5 << 4;
    whole[IP_HEADER + 13] = 0x10; /* ACK */
    uint32_t sum = 2 * (10U << 8) + 6 + (uint32_t)(len - IP_HEADER);
    sum = (sum & 0xffff) + (sum >> 16);
    whole[IP_HEADER + 16] = (uint8_t)(sum >> 8);
    whole[IP_HEADER + 17] = (uint8_t)sum;
    return len;
}

__attribute__((noinline)) static void part_split(size_t len)
{
    struct jv_split split;
    bool is_good = jv_split_begin(&split, &gso, whole, len);
    sink += is_good ? jv_split_next(&split, slots, JV_BATCH_MAX) : 0;
}

__attribute__((noinline)) static void part_merge(void)
{
    const struct jv_merge_cfg cfg = {.tcp4 = true};
    struct jv_merged groups[JV_BATCH_MAX];
    uint8_t next[JV_BATCH_MAX];
    if (jv_merge(&cfg, slots, segs, groups, next) != 1) {
        (void)fprintf(stderr, "bench_parts: the segments do not merge\n");
        exit(1);
    }
}

static uint64_t run_offload(bool splits)
{
    size_t len = make_whole();
    uint64_t ticks = 0;
    for (uint32_t i = 0; i < JV_BATCH_MAX; i++) {
        slots[i] = (struct jv_slot){.buf = text[i]};
    }
    for (uint32_t r = 0; r < rounds; r += segs) {
        uint64_t t = ticks_now();
        part_split(len);
        ticks += splits ? ticks_now() - t : 0;
        t = ticks_now();
        part_merge();
        ticks += splits ? 0 : ticks_now() - t;
    }
    return ticks;
}

/* ---- */

static uint64_t run_plain(void (*part)(void))
{
    uint64_t t = ticks_now();
    part();
    return ticks_now() - t;
}

enum part { SEAL, OPEN, REPLAY, LOCATOR, ROUTE, SPLIT, MERGE, PARTS };
static const char *const names[PARTS] = {"seal",  "open",  "replay", "locator",
                                         "route", "split", "merge"};

static uint64_t run(enum part part, size_t bytes)
{
    switch (part) {
    case SEAL:
    case OPEN:
        return run_aead(part == SEAL, bytes);
    case REPLAY:
        return run_plain(part_replay);
    case LOCATOR:
        return run_plain(part_locator);
    case ROUTE:
        return run_plain(part_route);
    case SPLIT:
    case MERGE:
        return run_offload(part == SPLIT);
    case PARTS:
        break;
    }
    return 0;
}

/* How many packets a run was. */
static double packets_of(enum part part)
{
    uint32_t step = part == SEAL || part == OPEN     ? JV_BATCH_MAX
                    : part == SPLIT || part == MERGE ? segs
                                                     : 1;
    return (double)((rounds + step - 1) / step * step);
}

static void measure(enum part part, size_t bytes, const char *suite, bool once, bool is_json)
{
    static bool has_printed;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < (once ? 1 : RUNS); i++) {
        uint64_t ticks = run(part, bytes);
        least = JV_MIN(least, ticks);
    }
    double each = (double)least / packets_of(part);
    if (is_json) {
        printf("%s\n  {\"bench\": \"%s\", \"suite\": \"%s\", \"bytes\": %zu, "
               "\"ticks_per_packet\": %.1f}",
               has_printed ? "," : "", names[part], suite, bytes, each);
    } else {
        printf("%-8s %-18s %5zu B %9.1f\n", names[part], suite, bytes, each);
    }
    has_printed = true;
}

static void measure_all(enum part part, bool once, bool is_json)
{
    static const size_t sizes[] = {64, 512, 1420};
    static const enum jv_suite suites[] = {JV_SUITE_AES_256_GCM, JV_SUITE_CHACHA20_POLY1305};
    static const char *const suite_names[] = {"AES-256-GCM", "ChaCha20-Poly1305"};
    if (part != SEAL && part != OPEN) {
        measure(part, part == SPLIT || part == MERGE ? SEG_BYTES : 0, "", once, is_json);
        return;
    }
    for (size_t k = 0; k < JV_ARRAY_LEN(suites); k++) {
        set_keys(suites[k]);
        for (size_t i = 0; i < JV_ARRAY_LEN(sizes); i++) {
            measure(part, sizes[i], suite_names[k], once, is_json);
        }
    }
}

int main(int argc, char **argv)
{
    bool once = false;
    bool is_json = false;
    bool wanted[PARTS] = {false};
    bool any = false;
    for (int i = 1; i < argc; i++) {
        bool is_known = true;
        if (strcmp(argv[i], "--once") == 0) {
            once = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            is_json = true;
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = (uint32_t)strtoul(argv[++i], NULL, 10);
            is_known = rounds > 0;
        } else {
            is_known = false;
        }
        for (uint32_t part = 0; part < PARTS; part++) {
            bool is_it = strcmp(argv[i], names[part]) == 0;
            wanted[part] = wanted[part] || is_it;
            any = any || is_it;
            is_known = is_known || is_it;
        }
        if (!is_known) {
            (void)fprintf(stderr, "bench_parts: %s: no such part or option\n", argv[i]);
            return 2;
        }
    }
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    fill_tables();
    printf(is_json ? "[" : "");
    for (uint32_t part = 0; part < PARTS; part++) {
        if (wanted[part] || !any) {
            measure_all((enum part)part, once, is_json);
        }
    }
    printf(is_json ? "\n]\n" : "");
    jv_aead_fini(&sealing);
    jv_aead_fini(&opening);
    jv_crypto_fini();
    return sink == 1 ? 3 : 0;
}
