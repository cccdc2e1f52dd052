/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_DEMO_H
#define JV_CLI_DEMO_H
/*
 * demo -- the records of one session in the seven-state dialect that the demonstration's validators read: a JSON object a line.
 *
 * In that dialect REATTACHING is the exchange (RECOVERING here), and RECOVERING is the probation after it (ATTACHED here until the
 * record RECOVERY_COMPLETE). Versions count the dialect's own transitions from 0 at SESSION_CREATED; ts_ms never goes back.
 *
 * NO_DUAL_ACTIVE_BINDING is what src/verify says of the whole file up to that line, not a word that is always there.
 *
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record.h"
#include "recovery.h"

struct jv_demo {
    FILE *file;
    uint64_t version;
    uint64_t ts_ms;
    bool is_created;
    bool is_on_probation;
    bool has_signal; /* the signal of the row that leaves ATTACHED is out */
    char path[JV_RECOVERY_PATH_BYTES];
};

void jv_demo_begin(struct jv_demo *demo, FILE *file);
/* `is_lawful`: no law is broken up to this record. */
void jv_demo_feed(struct jv_demo *demo, const struct jv_record *rec, bool is_lawful);
#endif /* JV_CLI_DEMO_H */
