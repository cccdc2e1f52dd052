/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_AUDIT_H
#define JV_DAEMON_AUDIT_H
/*
 * audit -- a bounded queue of records from the loop's thread to a writer thread, which feeds the chain (chain.h).
 *
 * What does not fit is dropped and counted; the gap in `seq` is announced by the chain. Nothing here blocks the loop.
 *
 * Owns     the queue, the chain, the thread.
 * Limits   JV_AUDIT_QUEUE records; from three quarters on lane M is dropped, when full everything is. jv_audit_close() waits
 *          at most JV_AUDIT_CLOSE_MS.
 * Threads  every function from the loop's thread; the chain belongs to the writer once jv_audit_start() was called.
 */
#include <stdint.h>

#include "base.h"
#include "chain.h"
#include "errors.h"
#include "record.h"

#define JV_AUDIT_QUEUE                                                                             \
    4096U /* a power of two: seconds of the busiest minute that a policy allows */
#define JV_AUDIT_HEAD_MS 200U /* the head file is replaced at most this often */
#define JV_AUDIT_RETRY_MS                                                                          \
    200U /* a file that refused is left alone for this long: a full disk stays full for a while */
#define JV_AUDIT_CLOSE_MS 1000U

struct jv_audit;

struct jv_audit_counts {
    uint64_t written, dropped_queue, dropped_file;
};

/* Reads the end of the file at `path`. JV_E_NOMEM, JV_E_SYSTEM, JV_E_RANGE. */
JV_MUST_USE enum jv_err jv_audit_open(const char *path, const char *head_path, const char *node,
                                      struct jv_audit **out, struct jv_chain_found *found_out);
/* Give the file to the user that the daemon is about to become, so that it may be opened again. */
void jv_audit_give_to(const struct jv_audit *audit, uint32_t uid, uint32_t gid);
/* Starts the writer. JV_E_SYSTEM: no thread. */
JV_MUST_USE enum jv_err jv_audit_start(struct jv_audit *audit);
/* Never blocks. */
void jv_audit_push(struct jv_audit *audit, const struct jv_record *records, uint32_t n);
/* Open the file again, at `path`: after a rotation or a changed configuration. */
void jv_audit_reopen(struct jv_audit *audit, const char *path);
struct jv_audit_counts jv_audit_counts(const struct jv_audit *audit);
/* What the writer does at each wake-up; without a writer tests call it. Returns how many records left the queue. */
uint32_t jv_audit_drain(struct jv_audit *audit);
/* Writes what is queued, within JV_AUDIT_CLOSE_MS; then the rest is given up. NULL is ignored. */
void jv_audit_close(struct jv_audit *audit);
#endif /* JV_DAEMON_AUDIT_H */
