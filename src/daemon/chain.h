/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_CHAIN_H
#define JV_DAEMON_CHAIN_H
/*
 * chain -- the hash-chained audit file: its end at start, the next line, the announcement of what was lost.
 *
 * Loss     a record that could not be written, or never came, leaves a gap in `seq`. Before the next line that can be written stands
 *          a TelemetryDegraded record that names the gap and carries the last lost seq as its own, so that order holds.
 * Head     a small file beside it ("seq hash" of the last line, replaced by rename) shows a file that was shortened.
 * Owns     the descriptor. A FIFO is opened without blocking and only while somebody reads it.
 * Limits   one write(2) a line; a line that went in half is cut off again.
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"
#include "record.h"

#define JV_CHAIN_PATH_BYTES 1024U

/* What the file showed when it was opened. */
struct jv_chain_found {
    uint64_t last_seq;   /* of file or head, whichever is later; 0: none */
    bool was_torn;       /* an end without newline, left by a crash, was cut off */
    bool is_behind_head; /* the head knows later records: the file was shortened or replaced */
    bool
        is_unreadable; /* the last line is no record of ours: a chain of its own begins behind it */
    int open_errno;    /* 0, or why it cannot be written yet */
};

struct jv_chain {
    int fd; /* -1: not open */
    bool is_regular;
    uint64_t good_bytes; /* regular: length with whole lines only */
    uint64_t expected;   /* seq of the next record where nothing is lost; 0: whatever comes */
    uint64_t head_seq;   /* what the head file holds */
    uint64_t last_seq;
    char prev[JV_RECORD_HASH_TEXT];
    char node[JV_NAME_BYTES];
    char path[JV_CHAIN_PATH_BYTES];
    char head_path[JV_CHAIN_PATH_BYTES]; /* empty: none */
};

/* `head_path` may be NULL. JV_E_RANGE: a path is too long. A file that cannot be opened is no failure: see `found_out`. */
JV_MUST_USE enum jv_err jv_chain_init(struct jv_chain *chain, const char *path,
                                      const char *head_path, const char *node,
                                      struct jv_chain_found *found_out);
/* Writes the head and closes. */
void jv_chain_fini(struct jv_chain *chain);
/* Close and open again, at `path`. JV_E_RANGE: too long, nothing changed. JV_E_SYSTEM: not open now; a write tries again. */
JV_MUST_USE enum jv_err jv_chain_reopen(struct jv_chain *chain, const char *path);
/* One record, behind the announcement of what is missing before it. JV_E_SYSTEM: it is lost; the next one will say so. */
JV_MUST_USE enum jv_err jv_chain_write(struct jv_chain *chain, const struct jv_record *rec,
                                       uint64_t wall_ns);
/* `seq` is lost without a try: the next record that is written will say so. */
void jv_chain_lost(struct jv_chain *chain, uint64_t seq);
/* Replace the head file where it is behind. */
void jv_chain_save_head(struct jv_chain *chain);
#endif /* JV_DAEMON_CHAIN_H */
