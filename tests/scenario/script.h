/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_SCENARIO_SCRIPT_H
#define JV_TESTS_SCENARIO_SCRIPT_H
/*
 * script -- a scenario: lines of text that drive a client and a gateway in virtual time, and the transcript that they leave.
 *
 * Takes    one line at a time, split into words; docs/testing.md lists the commands.
 * Gives    lines of the transcript, whole milliseconds, and the first thing that is wrong.
 * Limits   SCRIPT_WORDS words a line, SCRIPT_SLOTS captured datagrams, SCRIPT_TAPES tapes of them, SCRIPT_TEXT_BYTES of transcript.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "pair.h"
#include "verify.h"

#define SCRIPT_WORDS 12U
#define SCRIPT_SLOTS 8U
#define SCRIPT_TAPES 8U
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

struct script_taped {
    bool to_gateway;
    uint32_t link;
    struct jv_endpoint remote, local;
    uint32_t len;
    uint8_t *bytes;
};

struct script_tape { /* every datagram of some types, as they passed */
    char name[24];
    uint32_t types[2]; /* on the way to the gateway, to the client: a bit each */
    uint32_t left;     /* so many more are taken */
    bool is_held;      /* what is taken does not arrive */
    struct script_taped *taped;
    uint32_t len, cap;
};

struct script_shadow { /* copies from another address that race the originals */
    uint32_t types;
    struct jv_endpoint from;
    bool is_ahead;
    uint64_t by_ns;
};

struct script_how { /* words behind a verb: "from ADDRESS", "times N", "every TIME" */
    struct jv_endpoint from;
    bool has_from;
    uint64_t times, every_us;
};

struct script {
    struct pair pair;
    struct pair_cfg cfg;
    struct jv_policy policy;
    struct jv_prng prng; /* of what the script makes up: garbage and forgeries */
    bool is_open;        /* the world runs */
    struct jv_verify
        *verify[3]; /* by enum pair_side; that of the gateway is where client is false */
    struct pair_snapshot snapshots[2]; /* by client */
    struct jv_sid sid;                 /* of the first session */
    struct jv_session_status noted[2];
    uint32_t counts[2][JV_REC_END];              /* records by event */
    uint32_t reasons[2][JV_REC_END][JV_WHY_END]; /* and by reason */
    uint64_t named[2]; /* packets that records of switches name as beyond the pool */
    struct script_slot slots[SCRIPT_SLOTS];
    uint32_t slots_len;
    uint32_t swallow
        [2]; /* types that are swallowed on the way to the gateway, to the client: a bit each */
    uint32_t divert; /* types that arrive from `stranger` instead */
    struct jv_endpoint stranger;
    struct script_tape tapes[SCRIPT_TAPES];
    uint32_t tapes_len;
    struct script_shadow shadow[2]; /* on the way to the gateway, to the client */
    struct pair_event copy;         /* that is sent */
    struct {
        uint32_t types[2], nth;
        uint64_t lost;
    } lose;
    struct {
        bool on;
        uint32_t link;
        uint64_t by_us, passed;
    } relay; /* of what the gateway sends to addresses of nobody */
    uint64_t raced, played,
        claimed; /* copies, datagrams of tapes, ICMP: so that a script can tell that there were any */
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
/* "20us", "3ms", "2s"; a bare number is milliseconds. */
bool script_time(struct script *s, const struct script_line *line, uint32_t at, uint64_t *us_out);
/* What follows the word at `at`. */
bool script_how(struct script *s, const struct script_line *line, uint32_t at,
                struct script_how *out);
/* "client" or "gateway". */
bool script_side(struct script *s, const struct script_line *line, uint32_t at, bool *client_out);
/* The type that is called "request", "birth_init", "traffic"; 0: none. */
uint8_t script_type(const char *word);
/* A set of types, a bit each: one of these names, or "all". */
bool script_types(struct script *s, const struct script_line *line, uint32_t at, uint32_t *out);
/* "link0" and on, as many as the world has. */
bool script_link(struct script *s, const struct script_line *line, uint32_t at, uint32_t *out);
bool script_expect(struct script *s, const struct script_line *line);
/* What links do to datagrams. False with no error: not a verb of the network. */
bool script_network(struct script *s, const struct script_line *line, bool *known_out);
/* capture, replay, forge, garbage, swallow, divert. False with no error: not a verb of an attack. */
bool script_attack(struct script *s, const struct script_line *line, bool *known_out);
/* shadow, relay, lose, icmp. False with no error: not a verb of a race. */
bool script_race(struct script *s, const struct script_line *line, bool *known_out);
/* tape, hold, release, stop. False with no error: not a verb of tapes. */
bool script_tape_verb(struct script *s, const struct script_line *line, bool *known_out);
struct script_tape *script_tape(struct script *s, const char *name);
/* Send what is on the tape, as the words from the third on say. */
bool script_play(struct script *s, const struct script_line *line, struct script_tape *tape);
void script_tapes_free(struct script *s);
/* Whether a datagram that is on its way goes on; copies and tapes are made here. */
bool script_pass(struct script *s, const struct pair_event *e);
/* Make the world, and in it a session. */
bool script_open(struct script *s);
bool script_attach(struct script *s);
/* links, preset, set and the others. False with no error: not a verb of before. */
bool script_prepare(struct script *s, const struct script_line *line, bool *known_out);
/* snapshot, restore, clone. False with no error: not one of these. */
bool script_snapshot(struct script *s, const struct script_line *line, bool *known_out);
void script_replayed(struct pair *p, enum pair_side side, const struct jv_record *rec);
/* Into the transcript, where it is of a kind that is shown. */
void script_record(struct script *s, char side, const struct jv_record *rec);
/* An audit file begins, and so do the laws over it. */
void script_new_file(struct script *s, enum pair_side side);
void script_stray(struct pair *p, const struct pair_event *e);
bool script_tapes(struct script *s, const struct pair_event *e);
#endif /* JV_TESTS_SCENARIO_SCRIPT_H */
