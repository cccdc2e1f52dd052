/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_RECOVERY_H
#define JV_CLI_RECOVERY_H
/*
 * recovery -- the recoveries of one session, from its audit records alone.
 *
 * A recovery begins where the session leaves ATTACHED, or starts again out of DEGRADED, and ends where it is ATTACHED, DEGRADED or
 * TERMINATED: each of them is a bounded window of its own.
 *
 * Owns     the list of recoveries, between jv_recovery_begin() and jv_recovery_end().
 * Takes    the session's records in the order of the file; rec->at is the wall clock.
 * Limits   JV_RECOVERY_MAX recoveries are kept, the oldest; the rest is counted.
 * Threads  any.
 */
#include <stdbool.h>
#include <stdint.h>

#include "errors.h"
#include "record.h"

#define JV_RECOVERY_MAX 65536U
#define JV_RECOVERY_UNKNOWN UINT64_MAX
/* "fibre/udp", or, where a gateway has no name for it, "udp 198.51.100.7:40112". */
#define JV_RECOVERY_PATH_BYTES 96U

enum jv_outcome {
    JV_OUTCOME_OPEN, /* the file ends before it does */
    JV_OUTCOME_RECOVERED,
    JV_OUTCOME_DEGRADED,
    JV_OUTCOME_TERMINATED,
    JV_OUTCOMES
};

struct jv_recovery {
    uint64_t start_ns, end_ns; /* wall clock; end 0: open */
    uint64_t start_seq, end_seq;
    enum jv_outcome outcome;
    enum jv_why start_reason, end_reason;
    uint32_t attempts; /* requests to the gateway */
    uint32_t rejects;  /* refused by it */
    uint32_t denied;   /* moves that a limit forbade */
    uint32_t switches, rebinds;
    uint32_t replays, stale_versions; /* requests dropped for those reasons (a gateway's file) */
    /* as the daemon measured them on its own clock; UNKNOWN where no record tells */
    uint64_t detect_us, reattach_us, outage_us;
    uint64_t
        total_us; /* from start to end by the file's times; UNKNOWN while open, or where the clock was set back */
    char from[JV_RECOVERY_PATH_BYTES], to[JV_RECOVERY_PATH_BYTES];
};

struct jv_recoveries {
    struct jv_recovery *at;
    uint32_t len, cap;
    uint64_t forgotten; /* beyond JV_RECOVERY_MAX */
    bool is_open;       /* at[len - 1] is under way */
    uint64_t records, transitions;
    uint64_t first_ns, last_ns;
    uint8_t state;      /* enum jv_state, after the last row; JV_ST_END: no row was seen */
    enum jv_why reason; /* of it */
    char path[JV_RECOVERY_PATH_BYTES]; /* bound last */
};

void jv_recovery_begin(struct jv_recoveries *r);
/* JV_E_NOMEM: the record was not taken. */
JV_MUST_USE enum jv_err jv_recovery_feed(struct jv_recoveries *r, const struct jv_record *rec);
void jv_recovery_end(struct jv_recoveries *r);

/* The record's transport in words; "": it names none. */
void jv_recovery_path(const struct jv_record *rec, char out[JV_RECOVERY_PATH_BYTES]);
const char *jv_outcome_name(enum jv_outcome outcome);
/* Value `percent` of a hundred along the sorted known values of one duration; UNKNOWN where there is none. */
enum jv_recovery_time { JV_TIME_DETECT, JV_TIME_REATTACH, JV_TIME_OUTAGE, JV_TIME_TOTAL, JV_TIMES };
uint64_t jv_recovery_quantile(const struct jv_recoveries *r, enum jv_recovery_time time,
                              uint32_t percent);
#endif /* JV_CLI_RECOVERY_H */
