/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_STREAM_H
#define JV_TESTS_STREAM_H
/*
 * stream -- writes plausible audit streams for the tests of verify and of the commands that read audit files.
 *
 * Every step sets what the core would set; a test that wants a lie changes `rec` between stream_next() and stream_emit().
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "record.h"

#define STREAM_LINES 512U
#define STREAM_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

struct stream {
    uint64_t switches_limit; /* of TransportSwitch; 0: 8 */
    char text[STREAM_LINES][JV_RECORD_LINE_BYTES];
    size_t len[STREAM_LINES];
    uint32_t lines;
    char prev[JV_RECORD_HASH_TEXT];
    uint64_t seq, wall_ns, count;
    struct jv_sid sid;
    const char *node;
    bool is_client;
    struct jv_record rec; /* the one in the making */
};

static inline void stream_init(struct stream *st, bool is_client)
{
    memset(st, 0, sizeof *st);
    memcpy(st->prev, STREAM_ZERO, sizeof st->prev);
    st->node = is_client ? "home" : "gw1";
    st->is_client = is_client;
    st->wall_ns = 1795252361402183000ULL; /* 2026-11-21T09:12:41.402183Z */
}

static inline void stream_session(struct stream *st, uint8_t id)
{
    memset(st->sid.b, id, sizeof st->sid.b);
    st->count = 0;
}

static inline struct jv_record *stream_next(struct stream *st, enum jv_event_type event,
                                            uint64_t after_us)
{
    memset(&st->rec, 0, sizeof st->rec);
    st->wall_ns += after_us * 1000;
    st->rec.event = (uint16_t)event;
    st->rec.seq = ++st->seq;
    st->rec.sid = st->sid;
    st->rec.is_client = st->is_client;
    st->rec.local = st->is_client ? st->count : 0;
    st->rec.v = st->is_client ? 0 : st->count;
    st->rec.at.ns = st->wall_ns;
    return &st->rec;
}

static inline uint64_t stream_emit(struct stream *st)
{
    assert(st->lines < STREAM_LINES);
    size_t len = jv_record_write(&st->rec, st->wall_ns, st->node, st->prev, st->text[st->lines],
                                 JV_RECORD_LINE_BYTES, st->prev);
    assert(len > 0);
    st->len[st->lines++] = len;
    return st->rec.seq;
}

static inline void stream_path(struct stream *st, const char *path)
{
    memset(st->rec.path, 0, sizeof st->rec.path);
    memcpy(st->rec.path, path, strlen(path));
}

static inline void stream_text(struct stream *st, const char *text)
{
    memset(st->rec.text, 0, sizeof st->rec.text);
    memcpy(st->rec.text, text, strlen(text));
}

/* The transition of the row at `place` of transition.def. */
static inline struct jv_record *stream_row(struct stream *st, uint8_t place, enum jv_state from,
                                           enum jv_state to, enum jv_why reason, uint64_t after_us)
{
    struct jv_record *rec = stream_next(st, JV_REC_SessionStateChange, after_us);
    st->count++;
    rec->local = st->is_client ? st->count : 0;
    rec->v = st->is_client ? 0 : st->count;
    rec->row = place;
    rec->from = (uint8_t)from;
    rec->to = (uint8_t)to;
    rec->reason = (uint16_t)reason;
    return rec;
}

/* Places of the rows that the tests use. */
enum {
    ROW_TR_01 = 1,
    ROW_TR_02,
    ROW_TR_03,
    ROW_TR_04,
    ROW_TR_05,
    ROW_TR_06,
    ROW_TR_07,
    ROW_TR_08,
    ROW_TR_09,
    ROW_TR_10,
    ROW_TR_11,
    ROW_TR_12,
    ROW_TR_13,
    ROW_TR_14,
    ROW_TR_16,
    ROW_TR_17,
    ROW_TR_18_VOLATILE,
    ROW_TR_18_RECOVERING,
    ROW_TR_18_DEGRADED,
    ROW_TR_19,
    ROW_TR_20_VOLATILE,
    ROW_TR_20_DEGRADED,
    ROW_TR_20_RECOVERING,
    ROW_TR_21,
    ROW_TR_22,
    ROW_TR_23,
    ROW_TR_24,
    ROW_TR_25,
    ROW_TR_26,
    ROW_TR_27,
    ROW_TR_28,
    ROW_TR_29,
    ROW_TR_31
};

/* SessionCreated, TransportAttached, the row home. */
static inline void stream_birth(struct stream *st, const char *path)
{
    stream_next(st, JV_REC_SessionCreated, 1000);
    uint64_t cause = stream_emit(st);
    stream_next(st, JV_REC_TransportAttached, 10);
    stream_path(st, path);
    enum jv_err err = jv_endpoint_parse("203.0.113.7:4433", 0, &st->rec.remote);
    assert(err == JV_E_OK);
    (void)err; /* where assertions are off */
    st->rec.cause = cause;
    stream_emit(st);
    stream_row(st, ROW_TR_01, JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK, 10)->cause = cause;
    stream_path(st, path);
    stream_emit(st);
}

/* ATTACHED to RECOVERING: silence on `from`, `to` is chosen. */
static inline void stream_leave(struct stream *st, const char *from, const char *to)
{
    struct jv_record *rec = stream_next(st, JV_REC_VolatilitySignal, 2000000);
    rec->reason = JV_WHY_HEARTBEAT_TIMEOUT;
    rec->rule = JV_RULE_SILENCE;
    stream_path(st, from);
    jv_record_put(rec, JV_FD_rtt_us, 12100);
    jv_record_put(rec, JV_FD_silent_us, 231000);
    jv_record_put(rec, JV_FD_unanswered, 14);
    jv_record_put(rec, JV_FD_silence_limit_us, 200000);
    uint64_t cause = stream_emit(st);
    rec = stream_row(st, ROW_TR_03, JV_ST_ATTACHED, JV_ST_VOLATILE, JV_WHY_HEARTBEAT_TIMEOUT, 20);
    rec->cause = cause;
    stream_path(st, from);
    cause = stream_emit(st);
    rec = stream_next(st, JV_REC_PathProven, 30);
    rec->reason = JV_WHY_PROBE_OK;
    rec->cause = cause;
    stream_path(st, to);
    jv_record_put(rec, JV_FD_rtt_us, 48100);
    stream_emit(st);
    rec = stream_next(st, JV_REC_CandidateConsidered, 5);
    rec->reason = JV_WHY_NOT_PROVEN;
    rec->cause = cause;
    stream_path(st, "cafe/udp");
    jv_record_put(rec, JV_FD_prefer, 10);
    stream_emit(st);
    rec = stream_row(st, ROW_TR_06, JV_ST_VOLATILE, JV_ST_RECOVERING,
                     JV_WHY_DEAD_TRANSPORT_RECOVERY, 900);
    rec->cause = cause;
    rec->rule = JV_RULE_CONFIRM;
    stream_path(st, to);
    jv_record_put(rec, JV_FD_candidates, 2);
    jv_record_put(rec, JV_FD_switch_tokens, 4);
    jv_record_put(rec, JV_FD_recovery_window_ms, 8000);
    jv_record_put(rec, JV_FD_transport_ttl_ms, 15000);
    stream_emit(st);
}

/* RECOVERING to ATTACHED on another path. */
static inline void stream_arrive(struct stream *st, const char *from, const char *to,
                                 uint64_t in_window)
{
    uint64_t cause = st->seq;
    struct jv_record *rec = stream_next(st, JV_REC_ReattachAttempt, 40);
    rec->cause = cause;
    stream_path(st, to);
    jv_record_put(rec, JV_FD_order, 7);
    cause = stream_emit(st);
    rec = stream_next(st, JV_REC_ReattachResult, 48000);
    rec->cause = cause;
    rec->reason = JV_WHY_REATTACH_SUCCESS;
    stream_path(st, to);
    jv_record_put(rec, JV_FD_reattach_us, 48000);
    cause = stream_emit(st);
    rec = stream_next(st, JV_REC_TransportSwitch, 20);
    rec->cause = cause;
    rec->reason = JV_WHY_DEAD_TRANSPORT_RECOVERY;
    stream_path(st, to);
    stream_text(st, from);
    jv_record_put(rec, JV_FD_outage_us, 280000);
    jv_record_put(rec, JV_FD_detect_us, 231000);
    jv_record_put(rec, JV_FD_reattach_us, 48000);
    jv_record_put(rec, JV_FD_switches_in_window, in_window);
    jv_record_put(rec, JV_FD_switches_limit, st->switches_limit != 0 ? st->switches_limit : 8);
    jv_record_put(rec, JV_FD_switch_tokens, 3);
    jv_record_put(rec, JV_FD_cooldown_left_ms, 1500);
    cause = stream_emit(st);
    rec = stream_row(st, ROW_TR_10, JV_ST_RECOVERING, JV_ST_ATTACHED, JV_WHY_REATTACH_SUCCESS, 1);
    rec->cause = cause;
    stream_path(st, to);
    stream_emit(st);
}

static inline void stream_end(struct stream *st, uint8_t row, enum jv_state from,
                              enum jv_why reason)
{
    stream_row(st, row, from, JV_ST_TERMINATED, reason, 3000000);
    uint64_t cause = stream_emit(st);
    struct jv_record *rec = stream_next(st, JV_REC_SessionTerminated, 1);
    rec->cause = cause;
    rec->reason = (uint16_t)reason;
    stream_emit(st);
}

/* Two jumps, a recovery in place, an announced gap and an end; then a session that names the first. */
static inline void stream_story(struct stream *st, bool is_client)
{
    stream_init(st, is_client);
    stream_next(st, JV_REC_DaemonStarted, 0);
    memset(&st->rec.sid, 0, sizeof st->rec.sid);
    stream_text(st, "jvd 0.1.0");
    stream_emit(st);
    stream_session(st, 0x3f);
    stream_birth(st, "fibre/udp");
    stream_leave(st, "fibre/udp", "lte/udp");
    stream_arrive(st, "fibre/udp", "lte/udp", 1);
    stream_leave(st, "lte/udp", "fibre/udp");
    stream_arrive(st, "lte/udp", "fibre/udp", 2);
    stream_end(st, ROW_TR_22, JV_ST_ATTACHED, JV_WHY_OPERATOR_TERMINATED);
    struct jv_sid old = st->sid;
    stream_session(st, 0x40);
    stream_next(st, JV_REC_SessionCreated, 500000)->link = old;
    stream_emit(st);
    stream_next(st, JV_REC_TransportAttached, 10);
    stream_path(st, "fibre/udp");
    stream_emit(st);
    stream_row(st, ROW_TR_01, JV_ST_BIRTH, JV_ST_ATTACHED, JV_WHY_HANDSHAKE_OK, 10);
    stream_emit(st);
    st->seq += 11; /* eleven records are lost; the notice stands in the place of the last one */
    st->count += 2;
    st->seq--;
    stream_next(st, JV_REC_TelemetryDegraded, 1000);
    memset(&st->rec.sid, 0, sizeof st->rec.sid);
    jv_record_put(&st->rec, JV_FD_count, 11);
    jv_record_put(&st->rec, JV_FD_first_lost_seq, st->seq - 10);
    jv_record_put(&st->rec, JV_FD_last_lost_seq, st->seq);
    stream_emit(st);
    stream_leave(st, "fibre/udp", "lte/udp");
    stream_arrive(st, "fibre/udp", "lte/udp", 1);
    stream_end(st, ROW_TR_21, JV_ST_ATTACHED, JV_WHY_TTL_SESSION_EXPIRED);
}
#endif /* JV_TESTS_STREAM_H */
