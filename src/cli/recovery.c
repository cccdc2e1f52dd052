/* SPDX-License-Identifier: Apache-2.0 */
#include "recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *jv_outcome_name(enum jv_outcome outcome)
{
    static const char *const names[JV_OUTCOMES] = {"OPEN", "RECOVERED", "DEGRADED", "TERMINATED"};
    return outcome < JV_OUTCOMES ? names[outcome] : "UNKNOWN";
}

void jv_recovery_path(const struct jv_record *rec, char out[JV_RECOVERY_PATH_BYTES])
{
    char remote[JV_ADDR_TEXT_BYTES] = "";
    /* A client's path has a name of its own; all paths of a gateway are "udp", and the remote address tells them apart. */
    bool has_name = strchr(rec->path, '/') != NULL;
    if (!has_name && rec->remote.ip.family != JV_AF_NONE) {
        jv_endpoint_format(&rec->remote, remote, sizeof remote);
    }
    (void)snprintf(out, JV_RECOVERY_PATH_BYTES, "%s%s%s", rec->path,
                   rec->path[0] != '\0' && remote[0] != '\0' ? " " : "", remote);
}

void jv_recovery_begin(struct jv_recoveries *r)
{
    *r = (struct jv_recoveries){.state = JV_ST_END};
}

void jv_recovery_end(struct jv_recoveries *r)
{
    free(r->at);
    *r = (struct jv_recoveries){.state = JV_ST_END};
}

static enum jv_err open_one(struct jv_recoveries *r, const struct jv_record *rec)
{
    if (r->len == JV_RECOVERY_MAX) {
        r->forgotten++;
        return JV_E_OK;
    }
    if (r->len == r->cap) {
        uint32_t cap = r->cap == 0 ? 16U : 2U * r->cap;
        struct jv_recovery *grown = realloc(r->at, cap * sizeof *grown);
        if (grown == NULL) {
            return JV_E_NOMEM;
        }
        r->at = grown;
        r->cap = cap;
    }
    struct jv_recovery *one = &r->at[r->len++];
    *one = (struct jv_recovery){.start_ns = rec->at.ns,
                                .start_seq = rec->seq,
                                .start_reason = (enum jv_why)rec->reason,
                                .detect_us = JV_RECOVERY_UNKNOWN,
                                .reattach_us = JV_RECOVERY_UNKNOWN,
                                .outage_us = JV_RECOVERY_UNKNOWN,
                                .total_us = JV_RECOVERY_UNKNOWN};
    memcpy(one->from, r->path, sizeof one->from);
    r->is_open = true;
    return JV_E_OK;
}

static void close_one(struct jv_recoveries *r, const struct jv_record *rec, enum jv_outcome outcome)
{
    if (!r->is_open) {
        return; /* it began before the file, or it is one too many */
    }
    struct jv_recovery *one = &r->at[r->len - 1U];
    one->outcome = outcome;
    one->end_ns = rec->at.ns;
    one->end_seq = rec->seq;
    one->end_reason = (enum jv_why)rec->reason;
    if (one->end_ns >= one->start_ns) {
        one->total_us = (one->end_ns - one->start_ns) / JV_NS_PER_US;
    }
    memcpy(one->to, r->path, sizeof one->to);
    r->is_open = false;
}

static enum jv_err take_row(struct jv_recoveries *r, const struct jv_record *rec)
{
    enum jv_err err = JV_E_OK;
    bool begins = rec->from == JV_ST_ATTACHED && rec->to != JV_ST_TERMINATED;
    bool retries = rec->from == JV_ST_DEGRADED && rec->to == JV_ST_RECOVERING;
    if (begins || (retries && !r->is_open)) {
        err = open_one(r, rec);
    }
    if (err != JV_E_OK) {
        return err;
    }
    if (rec->to == JV_ST_ATTACHED) {
        close_one(r, rec, JV_OUTCOME_RECOVERED);
    } else if (rec->to == JV_ST_DEGRADED && rec->from != JV_ST_DEGRADED) {
        close_one(r, rec, JV_OUTCOME_DEGRADED);
    } else if (rec->to == JV_ST_TERMINATED) {
        close_one(r, rec, JV_OUTCOME_TERMINATED);
    }
    r->transitions++;
    r->state = rec->to;
    r->reason = (enum jv_why)rec->reason;
    return JV_E_OK;
}

static void take_move(struct jv_recoveries *r, const struct jv_record *rec)
{
    jv_recovery_path(rec, r->path);
    if (!r->is_open) {
        return;
    }
    struct jv_recovery *one = &r->at[r->len - 1U];
    one->switches += rec->event == JV_REC_TransportSwitch ? 1U : 0U;
    one->rebinds += rec->event == JV_REC_TransportRebound ? 1U : 0U;
    one->detect_us = jv_record_get(rec, JV_FD_detect_us, one->detect_us);
    one->reattach_us = jv_record_get(rec, JV_FD_reattach_us, one->reattach_us);
    one->outage_us = jv_record_get(rec, JV_FD_outage_us, one->outage_us);
}

static void count(struct jv_recovery *one, const struct jv_record *rec)
{
    bool is_success = rec->reason == JV_WHY_REATTACH_SUCCESS;
    one->attempts += rec->event == JV_REC_ReattachAttempt ? 1U : 0U;
    one->rejects += rec->event == JV_REC_ReattachResult && !is_success ? 1U : 0U;
    one->denied += rec->event == JV_REC_TransportSwitchDenied ? 1U : 0U;
    one->replays += rec->event == JV_REC_SecurityReplayDetected ? 1U : 0U;
    one->stale_versions += rec->event == JV_REC_VersionMismatchReject ? 1U : 0U;
    if (rec->event == JV_REC_ReattachResult && is_success) {
        one->reattach_us = jv_record_get(rec, JV_FD_reattach_us, one->reattach_us);
    }
}

enum jv_err jv_recovery_feed(struct jv_recoveries *r, const struct jv_record *rec)
{
    if (rec->row != JV_ROW_NONE) {
        enum jv_err err = take_row(r, rec);
        if (err != JV_E_OK) {
            return err;
        }
    } else if (rec->event == JV_REC_TransportSwitch || rec->event == JV_REC_TransportRebound ||
               rec->event == JV_REC_TransportAttached) {
        take_move(r, rec);
    } else if (r->is_open) {
        count(&r->at[r->len - 1U], rec);
    }
    r->first_ns = r->records == 0 ? rec->at.ns : r->first_ns;
    r->last_ns = rec->at.ns;
    r->records++;
    return JV_E_OK;
}

static uint64_t time_of(const struct jv_recovery *one, enum jv_recovery_time time)
{
    switch (time) {
    case JV_TIME_DETECT:
        return one->detect_us;
    case JV_TIME_REATTACH:
        return one->reattach_us;
    case JV_TIME_OUTAGE:
        return one->outage_us;
    case JV_TIME_TOTAL:
        return one->total_us;
    case JV_TIMES:
        break;
    }
    return JV_RECOVERY_UNKNOWN;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y ? 1 : 0;
}

uint64_t jv_recovery_quantile(const struct jv_recoveries *r, enum jv_recovery_time time,
                              uint32_t percent)
{
    uint64_t *values = calloc(r->len == 0 ? 1U : r->len, sizeof *values);
    uint64_t value = JV_RECOVERY_UNKNOWN;
    uint32_t n = 0;
    for (uint32_t i = 0; values != NULL && i < r->len; i++) {
        values[n] = time_of(&r->at[i], time);
        n += values[n] != JV_RECOVERY_UNKNOWN ? 1U : 0U;
    }
    if (n > 0) {
        qsort(values, n, sizeof *values, compare);
        /* The smallest value that `percent` of all are not above. */
        uint64_t rank = ((uint64_t)n * percent + 99U) / 100U;
        value = values[rank == 0 ? 0 : rank - 1U];
    }
    free(values);
    return value;
}
