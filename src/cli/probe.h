/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_PROBE_H
#define JV_CLI_PROBE_H
/*
 * probe -- `jv ping` and `jv path test`: ask a client to probe its paths, and read from its counts what came of it.
 *
 * What is measured is authenticated: the daemon's probes and their answers, on the paths that the session has.
 *
 * Limits   JV_PROBE_PATHS paths, JV_PROBE_COUNT_MAX probes, JV_PROBE_WAIT_MS for an answer.
 * Threads  one.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"

#define JV_PROBE_PATHS 8U
#define JV_PROBE_COUNT_MAX 1000U
#define JV_PROBE_WAIT_MS 1000U
#define JV_PROBE_TEXT_BYTES 64U

/* One path over several rounds. */
struct jv_probe_row {
    char name[JV_PROBE_TEXT_BYTES], local[JV_PROBE_TEXT_BYTES], remote[JV_PROBE_TEXT_BYTES];
    char role[16];
    uint64_t mtu;
    uint64_t sent_at_first, answered_at_first; /* the daemon's counts before the first round */
    uint64_t sent_before, answered_before;     /* and before this one */
    uint64_t sent, answered;                   /* within the test */
    uint64_t rtts, rtt_min_us, rtt_max_us, rtt_sum_us, rtt_last_us;
};

/* Rows of the paths whose name, transport or local address is `wanted` (NULL: every path but those that are off). */
uint32_t jv_probe_rows(const json_t *paths, const char *wanted,
                       struct jv_probe_row rows[JV_PROBE_PATHS]);
/* A round begins. */
void jv_probe_round(struct jv_probe_row *rows, uint32_t len);
/* Take in the daemon's present view; true: each row has the answer to a probe of this round. */
bool jv_probe_update(const json_t *paths, struct jv_probe_row *rows, uint32_t len);
/* `count` rounds; rows[0..*len) hold what came of them. Not JV_EXIT_OK: said why on standard error. */
int jv_probe_run(const struct jv_cli *cli, const char *profile, const char *wanted, uint64_t count,
                 struct jv_probe_row rows[JV_PROBE_PATHS], uint32_t *len);
void jv_probe_table(const struct jv_probe_row *rows, uint32_t len, FILE *file);
json_t *jv_probe_json(const struct jv_probe_row *rows, uint32_t len);

int jv_cli_path_test(int argc, char **argv, const struct jv_cli *cli);
#endif /* JV_CLI_PROBE_H */
