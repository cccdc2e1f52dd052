/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_SCENARIO_SCRIPT_H
#define JV_TESTS_SCENARIO_SCRIPT_H
/*
 * script -- a scenario: lines of text that drive a client and a gateway in virtual time, and the transcript that they leave.
 *
 * Takes    one line at a time, split into words; docs/testing.md lists the commands.
 * Gives    lines of the transcript, whole milliseconds, and the first thing that is wrong.
 * Limits   SCRIPT_WORDS words a line, SCRIPT_SLOTS captured datagrams, SCRIPT_TEXT_BYTES of transcript.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "pair.h"
#include "verify.h"

#define SCRIPT_WORDS 12U
#define SCRIPT_SLOTS 8U
#define SCRIPT_TEXT_BYTES 262144U
#define SCRIPT_ERROR_BYTES 400U

struct script_line {
    char *words[SCRIPT_WORDS];
    uint32_t len;
    uint32_t number; /* in its file */
};

struct script_slot { /* a captured datagram */
    char name[24];
    struct pair_event event;
};

struct script {
    struct pair pair;
    struct pair_cfg cfg;
    struct jv_policy policy;
    struct jv_prng prng;         /* of what the script makes up: garbage and forgeries */
    bool is_open;                /* the world runs */
    struct jv_verify *verify[2]; /* by client */
    struct jv_sid sid;           /* of the first session */
    struct jv_session_status noted[2];
    uint32_t counts[2][JV_REC_END];              /* records by event */
    uint32_t reasons[2][JV_REC_END][JV_WHY_END]; /* and by reason */
    struct script_slot slots[SCRIPT_SLOTS];
    uint32_t slots_len;
    uint32_t swallow
        [2]; /* types that are swallowed on the way to the gateway, to the client: a bit each */
    uint32_t divert; /* types that arrive from `stranger` instead */
    struct jv_endpoint stranger;
    struct emu_script emus[PAIR_LINKS]; /* of `emulate` */
    char *text;                         /* the transcript */
    uint32_t text_len;
    char error[SCRIPT_ERROR_BYTES]; /* "" while nothing is wrong */
};

void script_init(struct script *s);
void script_fini(struct script *s);
/* Carry out one line. False: `error` says what is wrong. */
bool script_run(struct script *s, const struct script_line *line);
/* What every scenario owes at its end: the laws on both streams, and each buffer back in its pool. */
bool script_end(struct script *s);

/* ---- for the files of script alone ---- */

JV_PRINTF(2, 3) bool script_wrong(struct script *s, const char *form, ...);
JV_PRINTF(2, 3) void script_print(struct script *s, const char *form, ...);
uint64_t script_ms(const struct script *s);
/* A number of the line; a missing or malformed one is an error. */
bool script_number(struct script *s, const struct script_line *line, uint32_t at, uint64_t *out);
/* "client" or "gateway". */
bool script_side(struct script *s, const struct script_line *line, uint32_t at, bool *client_out);
/* The type that is called "request", "birth_init", "traffic"; 0: none. */
uint8_t script_type(const char *word);
/* "link0" and on, as many as the world has. */
bool script_link(struct script *s, const struct script_line *line, uint32_t at, uint32_t *out);
bool script_expect(struct script *s, const struct script_line *line);
/* What links do to datagrams. False with no error: not a verb of the network. */
bool script_network(struct script *s, const struct script_line *line, bool *known_out);
/* capture, replay, forge, garbage, swallow, divert. False with no error: not a verb of an attack. */
bool script_attack(struct script *s, const struct script_line *line, bool *known_out);
#endif /* JV_TESTS_SCENARIO_SCRIPT_H */
