/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_FUZZ_JUDGE_H
#define JV_FUZZ_JUDGE_H
/*
 * judge -- what must hold of both cores of a pair after each step of a fuzzed world.
 *
 * Laws     those of src/verify on both audit streams; one binding at most; counts of one identity never fall; no way out of TERMINATED
 *          and none into BIRTH; every buffer has as many holders as places that name it; every datagram and packet ends in one counter.
 * Trace    a hash over records and datagrams, by which two runs of one input are compared.
 * Threads  one; one world at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_state.h"
#include "crypto.h"
#include "pair.h"
#include "state.h"
#include "verify.h"

#define JUDGE_SESSIONS 64U

struct judge_side {
    struct jv_verify *verify;
    void *memory;
    struct jv_sid sid;
    uint64_t count, transitions;
    bool any, has_sum;
    uint64_t who; /* the sessions whose packets are in `sum` */
    int64_t sum;
    uint64_t fragmented;
};

struct judge {
    struct judge_side client, gateway;
    bool
        is_exact_time; /* no machine sleeps in this world: limits are held against the clock itself */
    uint64_t trace;
};
static struct judge judge;

static inline void judge_mix(uint64_t value)
{
    judge.trace = (judge.trace ^ value) * 0x100000001b3ULL;
    judge.trace ^= judge.trace >> 29;
}

static inline void judge_begin_stream(struct judge_side *side)
{
    const struct jv_verify_cfg cfg = {.sessions_max = JUDGE_SESSIONS,
                                      .is_exact_time = judge.is_exact_time};
    size_t bytes = jv_verify_bytes(JUDGE_SESSIONS);
    void *memory = side->memory;
    if (memory == NULL) {
        memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
        JV_ASSERT(memory != NULL);
    }
    memset(memory, 0, bytes);
    *side = (struct judge_side){.memory = memory, .verify = jv_verify_init(memory, &cfg)};
}

static inline void judge_record(struct pair *p, bool client, const struct jv_record *rec)
{
    struct jv_verify *v = client ? judge.client.verify : judge.gateway.verify;
    (void)p;
    judge_mix(rec->at.ns);
    judge_mix(rec->seq << 32 | (uint64_t)rec->event << 16 | rec->reason);
    if (!jv_verify_record(v, rec, client ? "C" : "G")) {
        const struct jv_verify_report *r = jv_verify_result(v);
        (void)fprintf(stderr, "%s: record %llu: %s: %s\n", client ? "client" : "gateway",
                      (unsigned long long)r->first_wrong, jv_verify_law_text(r->law), r->text);
        JV_ASSERT(r->law == JV_LAW_NONE);
    }
}

static inline void judge_datagram(const struct pair_event *e)
{
    for (uint32_t i = 0; i + 8 <= e->len; i += 8) {
        uint64_t word;
        memcpy(&word, e->bytes + i, sizeof word);
        judge_mix(word);
    }
    judge_mix((uint64_t)e->len << 8 | e->bytes[e->len - 1]);
}

/* Before pair_init(). */
static inline void judge_begin(bool is_exact_time)
{
    judge.is_exact_time = is_exact_time;
    judge_begin_stream(&judge.client);
    judge_begin_stream(&judge.gateway);
    judge.trace = 0xcbf29ce484222325ULL;
}

/* After pair_init(): what was said so far is judged, and all that comes. */
static inline void judge_watch(struct pair *p)
{
    for (uint32_t i = 0; i < p->log_c.len; i++) {
        judge_record(p, true, &p->log_c.records[i]);
    }
    for (uint32_t i = 0; i < p->log_g.len; i++) {
        judge_record(p, false, &p->log_g.records[i]);
    }
    p->on_record = judge_record;
}

/* ---- after each step ---- */

static inline void judge_buffers(const struct pair *p, const struct jv_core *core,
                                 uint64_t buffers_free)
{
    uint64_t held = jv_core_is_client(core) ? core->client->held_len : 0;
    uint64_t refs = 0;
    uint64_t in_use = 0;
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        const struct jv_session *s = jv_core_session_at(core, i);
        held += s != NULL ? s->waiting_len + s->kept.len : 0;
    }
    for (uint32_t i = 0; i < core->buf_high; i++) {
        refs += core->buf_refs[i];
        in_use += core->buf_refs[i] > 0 ? 1 : 0;
    }
    JV_ASSERT(refs == held);
    JV_ASSERT(buffers_free + in_use == p->buffers);
}

/* One session has one binding, and only in states that know one; one key has one session. */
static inline void judge_sessions(const struct pair *p, const struct jv_core *core,
                                  struct judge_side *side)
{
    uint32_t live = 0;
    struct jv_session_status status;
    for (uint32_t cursor = 0;
         jv_core_session(core, (struct jv_instant){p->now_ns}, &cursor, &status);) {
        uint32_t active = 0;
        for (uint32_t i = 0; i < status.paths_len; i++) {
            active += status.paths[i].role == JV_PATH_ACTIVE ? 1 : 0;
        }
        JV_ASSERT(active <= 1);
        JV_ASSERT(status.state != JV_ST_ATTACHED || active == 1);
        JV_ASSERT(status.state != JV_ST_TERMINATED || active == 0);
        live += status.state != JV_ST_TERMINATED ? 1 : 0;
        uint64_t count = jv_core_is_client(core) ? status.local : status.v;
        /* Before a gateway has named it, a session has no id: one failed birth is like another. */
        bool is_named = !jv_is_zero(status.sid.b, sizeof status.sid.b);
        if (side->any && is_named && memcmp(&side->sid, &status.sid, sizeof side->sid) == 0) {
            JV_ASSERT(count >= side->count);
        }
        side->any = true;
        side->sid = status.sid;
        side->count = count;
    }
    JV_ASSERT(live <= 1);
}

static inline void judge_transitions(const struct jv_counters *count, struct judge_side *side)
{
    uint64_t transitions = 0;
    for (uint32_t i = 0; i < JV_ST_END; i++) {
        for (uint32_t k = 0; k < JV_ST_END; k++) {
            transitions += count->transitions[i][k];
        }
        JV_ASSERT(count->transitions[JV_ST_TERMINATED][i] == 0);
        JV_ASSERT(count->transitions[i][JV_ST_BIRTH] == 0);
    }
    JV_ASSERT(transitions >= side->transitions);
    side->transitions = transitions;
}

/*
 * What came in is what was dropped, delivered, sealed or waits. The difference stays what it is while the same sessions are there: one
 * that ends takes its count of sealed packets with it. A packet that is split is sealed as up to JV_FRAGMENTS_MAX.
 */
static inline void judge_conservation(const struct jv_core *core, const struct jv_counters *count,
                                      struct judge_side *side)
{
    uint64_t in = count->rx_datagrams + count->rx_packets;
    uint64_t gone = count->tx_packets - count->told_too_big - count->drops[JV_DROP_NO_BUFFER];
    uint64_t who = 1;
    gone += jv_core_is_client(core) ? core->client->held_len : 0;
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        gone += count->drops[i];
    }
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        const struct jv_session *s = jv_core_session_at(core, i);
        if (s != NULL) {
            uint64_t id;
            memcpy(&id, s->sid.b, sizeof id);
            gone += s->waiting_len + s->tx_packets;
            who = (who ^ id ^ (uint64_t)s->handle.gen << 32 ^ s->handle.idx) * 0x100000001b3ULL;
        }
    }
    int64_t sum = (int64_t)(gone - in);
    if (side->has_sum && side->who == who) {
        int64_t more = sum - side->sum;
        uint64_t split = count->fragmented - side->fragmented;
        JV_ASSERT(more >= 0 && more <= (int64_t)((JV_FRAGMENTS_MAX - 1U) * split));
    }
    side->has_sum = true;
    side->who = who;
    side->sum = sum;
    side->fragmented = count->fragmented;
}

static inline void judge_one(const struct pair *p, bool client)
{
    const struct jv_core *core = client ? p->client : p->gateway;
    struct judge_side *side = client ? &judge.client : &judge.gateway;
    struct jv_counters count;
    jv_core_counters(core, &count);
    judge_buffers(p, core, count.buffers_free);
    judge_sessions(p, core, side);
    judge_transitions(&count, side);
    judge_conservation(core, &count, side);
    JV_ASSERT(core->dirty_len == 0);
}

static inline void judge_both(const struct pair *p)
{
    judge_one(p, true);
    judge_one(p, false);
}

/* One input in eight is played twice, with other bytes around each packet: the traces must agree. */
static inline int judge_twice(uint64_t (*play)(const uint8_t *data, size_t size, uint8_t fill),
                              const uint8_t *data, size_t size)
{
    uint64_t trace = play(data, size, 0);
    if (trace % 8 == 0) {
        JV_ASSERT(play(data, size, 0xa5) == trace);
    }
    return 0;
}
#endif /* JV_FUZZ_JUDGE_H */
