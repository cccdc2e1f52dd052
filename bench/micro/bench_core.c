/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_core -- what a packet costs inside the core, by stage: two cores in memory, batches of inner packets from one to the other.
 *
 *     bench_core [--json] [--packets N] [--bytes B] [--batch N] [--up | --down] [--chacha] [--resend KIB] [--mbps N] [--quick]
 *
 * Prints TSC ticks per packet. The amount of work is fixed by --packets, so that callgrind counts the same instructions in each run;
 * --quick leaves out the rounds that warm the caches, which callgrind does not have.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

#define WARM_BATCHES 256U
#define ROUNDS 7U

struct options {
    bool is_json, is_quick, has_up, has_down;
    uint32_t packets, bytes, batch, mbps;
    struct rig_cfg rig;
};

static struct rig rig;

static uint32_t number(const char *text, uint32_t low, uint32_t high)
{
    char *end = NULL;
    unsigned long n = text != NULL ? strtoul(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != '\0' || n < low || n > high) {
        (void)fprintf(stderr, "bench_core: %s: must be a number of %u to %u\n",
                      text != NULL ? text : "(nothing)", (unsigned)low, (unsigned)high);
        exit(2);
    }
    return (uint32_t)n;
}

static struct options parse(char **argv)
{
    struct options o = {.has_up = true,
                        .has_down = true,
                        .packets = 200000,
                        .batch = JV_BATCH_MAX,
                        .mbps = 10000,
                        .rig = {.is_aes = true, .buffers = 8192, .resend_kib = 12288}};
    for (char **a = argv + 1; *a != NULL; a++) {
        if (strcmp(*a, "--json") == 0) {
            o.is_json = true;
        } else if (strcmp(*a, "--quick") == 0) {
            o.is_quick = true;
        } else if (strcmp(*a, "--up") == 0) {
            o.has_down = false;
        } else if (strcmp(*a, "--down") == 0) {
            o.has_up = false;
        } else if (strcmp(*a, "--chacha") == 0) {
            o.rig.is_aes = false;
        } else if (a[1] != NULL && strcmp(*a, "--packets") == 0) {
            o.packets = number(*++a, 1, 100000000);
        } else if (a[1] != NULL && strcmp(*a, "--bytes") == 0) {
            o.bytes = number(*++a, 28, 1420);
        } else if (a[1] != NULL && strcmp(*a, "--batch") == 0) {
            o.batch = number(*++a, 1, JV_BATCH_MAX);
        } else if (a[1] != NULL && strcmp(*a, "--resend") == 0) {
            o.rig.resend_kib = number(*++a, 0, 16384);
        } else if (a[1] != NULL && strcmp(*a, "--mbps") == 0) {
            o.mbps = number(*++a, 1, 100000);
        } else {
            (void)fprintf(stderr, "bench_core: %s: no such option\n", *a);
            exit(2);
        }
    }
    return o;
}

static uint64_t total(const uint64_t ticks[RIG_STAGES])
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < RIG_STAGES; i++) {
        sum += ticks[i];
    }
    return sum;
}

/* The round with the least ticks of each direction: what others took from the processor only adds. */
static void measure(const struct options *o, uint32_t bytes, double best[2][RIG_STAGES])
{
    uint64_t gap_ns = (uint64_t)o->batch * bytes * 8 * 1000 / o->mbps;
    uint32_t batches = (o->packets + o->batch - 1) / o->batch;
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
    for (uint32_t i = 0; i < (o->is_quick ? 0 : WARM_BATCHES); i++) {
        rig_batch(&rig, i % 2 == 0, o->batch, bytes, gap_ns);
    }
    for (uint32_t round = 0; round < (o->is_quick ? 1 : ROUNDS); round++) {
        memset(rig.ticks, 0, sizeof rig.ticks);
        for (uint32_t dir = 0; dir < 2; dir++) {
            bool is_wanted = dir == 0 ? o->has_up : o->has_down;
            for (uint32_t i = 0; is_wanted && i < batches; i++) {
                rig_batch(&rig, dir == 0, o->batch, bytes, gap_ns);
            }
            if (!is_wanted || total(rig.ticks[dir]) >= least[dir]) {
                continue;
            }
            least[dir] = total(rig.ticks[dir]);
            for (uint32_t s = 0; s < RIG_STAGES; s++) {
                best[dir][s] = (double)rig.ticks[dir][s] / ((double)batches * o->batch);
            }
        }
    }
}

static void print(const struct options *o, uint32_t bytes, uint32_t dir,
                  const double ticks[RIG_STAGES], bool is_first)
{
    double sum = 0;
    if (o->is_json) {
        printf("%s\n  {\"bench\": \"core\", \"dir\": \"%s\", \"bytes\": %" PRIu32
               ", \"batch\": %" PRIu32 ", \"suite\": \"%s\", \"resend_kib\": %" PRIu32
               ", \"ticks_per_packet\": {",
               is_first ? "" : ",", dir == 0 ? "up" : "down", bytes, o->batch,
               o->rig.is_aes ? "AES-256-GCM" : "ChaCha20-Poly1305", o->rig.resend_kib);
    } else {
        printf("%-4s %4" PRIu32 " B ", dir == 0 ? "up" : "down", bytes);
    }
    for (uint32_t s = 0; s < RIG_STAGES; s++) {
        sum += ticks[s];
        printf(o->is_json ? "\"%s\": %.1f, " : "  %s %.1f", rig_stage_names[s], ticks[s]);
    }
    printf(o->is_json ? "\"all\": %.1f}}" : "  all %.1f\n", sum);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {1420, 64};
    struct options o = parse(argv);
    bool is_first = true;
    (void)argc;
    rig_start(&rig, &o.rig);
    if (o.is_json) {
        printf("[");
    }
    for (uint32_t i = 0; i < (o.bytes != 0 ? 1 : JV_ARRAY_LEN(sizes)); i++) {
        double best[2][RIG_STAGES] = {{0}};
        uint32_t bytes = o.bytes != 0 ? o.bytes : sizes[i];
        measure(&o, bytes, best);
        for (uint32_t dir = 0; dir < 2; dir++) {
            if (dir == 0 ? o.has_up : o.has_down) {
                print(&o, bytes, dir, best[dir], is_first);
                is_first = false;
            }
        }
    }
    if (o.is_json) {
        printf("\n]\n");
    }
    rig_stop(&rig);
    return 0;
}
