/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_VERIFY_VERIFY_H
#define JV_VERIFY_VERIFY_H
/*
 * verify -- the laws of the protocol, written by hand and judged from an audit stream alone: it shares the tables with the core
 * and no code.
 *
 * Owns     the memory given at jv_verify_init().
 * Takes    lines of one file, or records of one core, in their order.
 * Gives    a report: counts, and the first line that is wrong with the law that it breaks. After that nothing more is judged.
 * Judges   form, chain and seq; laws 1 to 6 and 9 for each session. Law 7 shows as announced gaps, which are accepted: what follows
 *          one is judged again from the first record that tells a state, a count or a binding. Laws 8 and 10 leave no trace in one
 *          stream; the simulator compares runs and counts bytes.
 * Time     ts is wall time: a clock set back is counted, not an error. Limits are held against a clock that counts at most
 *          JV_VERIFY_GRACE_MS of each silence of the file, since a machine that sleeps writes nothing and breaks no limit;
 *          `is_exact_time` counts every silence in full. A limit that a change of policy tightens holds from that record on: a
 *          session that is beyond it by then has to end at once, and broke nothing before. Switches a minute are held against ts.
 * Limits   sessions_max sessions at once: the one that ended first is forgotten first, and counted.
 * Threads  one. jv_crypto_init() was called before the first line.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "errors.h"
#include "record.h"

#define JV_VERIFY_SESSIONS 65536U /* for callers without a wish of their own */
#define JV_VERIFY_GRACE_MS 2000U  /* a deadline may be served this late */
#define JV_VERIFY_TEXT_BYTES 192U

enum jv_verify_law {
    JV_LAW_NONE = 0,
    JV_LAW_ONE_TRANSPORT = 1,
    JV_LAW_IDENTITY = 2,
    JV_LAW_PROVEN_INPUT = 3,
    JV_LAW_TABLE = 4,
    JV_LAW_BOUNDED_RECOVERY = 5,
    JV_LAW_OWNER = 6,
    JV_LAW_COUNTED = 9,
    /* What the file itself owes. */
    JV_LAW_FORM = 11,
    JV_LAW_CHAIN = 12,
    JV_LAW_CAUSE = 13,
    JV_LAW_HEAD = 14
};

/* The head that the daemon keeps beside its state: the last line that it wrote. */
struct jv_verify_head {
    uint64_t seq;
    char hash[JV_RECORD_HASH_TEXT];
};

struct jv_verify_cfg {
    uint32_t sessions_max; /* 1..2^24 */
    const char *
        prev; /* last hash of the file before this one: 64 hex digits; NULL: the chain begins here */
    const struct jv_verify_head *head; /* lives as long as the verifier; NULL: none */
    bool is_exact_time;                /* ts is exact and never stops: the simulator's clock */
};

struct jv_verify_report {
    uint64_t lines, sessions, transitions, switches;
    uint64_t gaps, lost;  /* announced gaps and the records in them */
    uint64_t clock_steps; /* how often ts went back */
    uint64_t forgotten;   /* sessions that no longer fitted into the table */
    uint64_t first_wrong; /* line number, from 1; 0: nothing is wrong */
    enum jv_verify_law law;
    char text[JV_VERIFY_TEXT_BYTES]; /* what is wrong, "" otherwise */
    uint64_t last_seq;
    char last_hash[JV_RECORD_HASH_TEXT]; /* "" before the first line, and where records were fed */
};

struct jv_verify;

/* 0 where sessions_max is out of range. */
size_t jv_verify_bytes(uint32_t sessions_max);
/* `mem` is zeroed and aligned to 16. */
struct jv_verify *jv_verify_init(void *mem, const struct jv_verify_cfg *cfg);
/* One line with or without its newline: form, chain and laws. False: this line or an earlier one is wrong. */
bool jv_verify_line(struct jv_verify *v, const char *line, size_t len);
/* One record that has no line yet; rec->at is its wall time. The laws without form and chain. */
bool jv_verify_record(struct jv_verify *v, const struct jv_record *rec, const char *node);
/* The stream is over: what is overdue, and, with a head, what is missing at the end. */
bool jv_verify_end(struct jv_verify *v);
const struct jv_verify_report *jv_verify_result(const struct jv_verify *v);

/* "SEQ HASH\n": JV_E_SYNTAX for anything else. */
JV_MUST_USE enum jv_err jv_verify_head_parse(const char *text, size_t len,
                                             struct jv_verify_head *out);
/* "law 4: one row, one reason, one event", "chain". */
const char *jv_verify_law_text(enum jv_verify_law law);
#endif /* JV_VERIFY_VERIFY_H */
